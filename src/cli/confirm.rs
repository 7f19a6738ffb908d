//! A real run is confirmed: by a name that is typed, or by the digest of what will be done.

use super::{error::CliError, exit::Exit, ui::Ui};
use crate::model::run::DeclaredBy;
use anyhow::anyhow;
use std::io;

/// Returns who said go.
///
/// # Errors
///
/// Nobody did: the digest is of another plan, another name was typed, or there is
/// no terminal at which one could be.
pub(super) fn confirm(
    ui: &Ui,
    service: &str,
    region: &str,
    digest: &str,
    expected: Option<&str>,
) -> Result<DeclaredBy, CliError> {
    if let Some(by) = by_digest(ui, "failover", digest, expected)? {
        return Ok(by);
    }
    typed(ui, service, &format!("rebuild it in {region}"))
}

/// Returns who said go by the digest of what will be done; `None` where somebody can be asked about
/// `what` at a terminal.
///
/// # Errors
///
/// The digest is of another plan, or there is neither one nor a terminal.
pub(super) fn by_digest(
    ui: &Ui,
    what: &str,
    digest: &str,
    expected: Option<&str>,
) -> Result<Option<DeclaredBy>, CliError> {
    if let Some(expected) = expected {
        return check(expected, digest).map(Some);
    }
    if ui.is_interactive() {
        return Ok(None);
    }
    let error = anyhow!("nobody can confirm this {what}: there is no terminal");
    Err(CliError::new(Exit::Usage, error).hint(format!(
        "Look at it with `--dry-run`, then run it with `--yes --expect-plan {digest}`"
    )))
}

/// Returns who said that a drill may begin. It is torn down again, so that a word is enough.
///
/// # Errors
///
/// As [`confirm`].
pub(super) fn confirm_drill(
    ui: &Ui,
    service: &str,
    region: &str,
    digest: &str,
    expected: Option<&str>,
    yes: bool,
) -> Result<DeclaredBy, CliError> {
    if let Some(expected) = expected {
        return check(expected, digest);
    }
    if yes {
        return Ok(DeclaredBy::Drill);
    }
    if !ui.is_interactive() {
        let error = anyhow!("nobody can confirm this drill: there is no terminal");
        return Err(CliError::new(Exit::Usage, error).hint(
            "Look at it with `--dry-run`, then run it with `--yes`: it makes real things, which cost money until they are torn down",
        ));
    }
    typed(ui, service, &format!("rebuild it in {region} and tear it down again"))
}

fn typed(ui: &Ui, service: &str, what: &str) -> Result<DeclaredBy, CliError> {
    ui.say(&format!("Type the service's name, `{service}`, to {what}: "));
    let mut typed = String::new();
    // An end of input is an answer, too: nothing was typed.
    let _ = io::stdin().read_line(&mut typed);
    if typed.trim() == service {
        Ok(DeclaredBy::Typed)
    } else {
        let error = anyhow!("`{}` is not `{service}`, so nothing was done", typed.trim());
        Err(CliError::new(Exit::Usage, error))
    }
}

/// The digest may be shortened to 12 digits or more.
fn check(expected: &str, digest: &str) -> Result<DeclaredBy, CliError> {
    if expected.len() >= 12 && digest.starts_with(expected) {
        return Ok(DeclaredBy::Digest);
    }
    let error = anyhow!("the plan is not the one that was expected, so nothing was done");
    Err(CliError::new(Exit::Refused, error)
        .hint(format!("See with `--dry-run` what would be done now; its digest is {digest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "4f1c2b3a5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708";

    #[test]
    fn a_digest_is_the_whole_or_at_least_twelve_digits_of_it() {
        assert_eq!(check(DIGEST, DIGEST).unwrap(), DeclaredBy::Digest);
        assert_eq!(check(&DIGEST[..12], DIGEST).unwrap(), DeclaredBy::Digest);
        for other in [&DIGEST[..11], "", "000000000000", &DIGEST[1..]] {
            assert_eq!(check(other, DIGEST).unwrap_err().exit(), Exit::Refused, "{other}");
        }
    }
}
