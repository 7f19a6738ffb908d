//! What a value is in both regions, also where only parts of it are known.

use crate::config::eval::{Piece, Unknown, Value};

/// Data sources that answer the same in every region: they tell of the account.
const OF_THE_ACCOUNT: [&str; 7] = [
    "data.aws_caller_identity.",
    "data.aws_organizations_organization.",
    "data.aws_partition.",
    "data.azurerm_client_config.",
    "data.azurerm_subscription.",
    "data.google_client_config.",
    "data.google_project.",
];

/// Words in the name of a variable that is there to tell regions apart, or whose value is made up
/// anew.
const TELLS_APART: [&str; 20] = [
    "az",
    "cluster",
    "dr",
    "hash",
    "id",
    "location",
    "pet",
    "postfix",
    "prefix",
    "random",
    "region",
    "salt",
    "seed",
    "short",
    "site",
    "suffix",
    "unique",
    "uuid",
    "workspace",
    "zone",
];

/// Returns the text that a value is, with `${…}` for what is not known and does not rest on the
/// region; `None` when it is no text, or rests on something that can differ.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Partial(pieces) => {
            let pieces: Vec<String> = pieces.iter().map(piece).collect::<Option<_>>()?;
            Some(pieces.concat())
        }
        _ => None,
    }
}

fn piece(piece: &Piece) -> Option<String> {
    match piece {
        Piece::Text(text) => Some(text.to_string()),
        Piece::Unknown(Unknown::Variable(name)) => {
            let tells = name.split(['_', '-']).any(|word| {
                let word = word.trim_end_matches('s').to_lowercase();
                TELLS_APART.contains(&word.as_str())
            });
            (!tells).then(|| format!("${{var.{name}}}"))
        }
        Piece::Unknown(Unknown::Reference(path)) => {
            let same = OF_THE_ACCOUNT.iter().any(|data| path.starts_with(data));
            (same && !path.contains("region")).then(|| format!("${{{path}}}"))
        }
        Piece::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(unknown: Unknown) -> Value {
        Value::Partial([Piece::Text("logs-".into()), Piece::Unknown(unknown)].into())
    }

    #[test]
    fn what_does_not_rest_on_the_region_is_the_same_though_nobody_knows_it() {
        let same = |unknown| text(&partial(unknown));
        let account = "data.aws_caller_identity.current.account_id";
        assert_eq!(
            same(Unknown::Reference(account.into())).unwrap(),
            "logs-${data.aws_caller_identity.current.account_id}"
        );
        assert_eq!(same(Unknown::Variable("env".into())).unwrap(), "logs-${var.env}");
        for other in ["region", "aws_region", "name_suffix", "zones", "random_id"] {
            assert_eq!(same(Unknown::Variable(other.into())), None, "{other}");
        }
        assert_eq!(same(Unknown::Reference("random_id.x.hex".into())), None);
        assert_eq!(same(Unknown::Instance), None);
    }
}
