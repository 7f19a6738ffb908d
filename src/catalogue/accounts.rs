//! AWS accounts that are known to all: `accounts.json`, read once.

use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "comment")]
    _comment: String,
    #[serde(rename = "sources")]
    _sources: Vec<String>,
    /// Whose each is.
    accounts: BTreeMap<String, String>,
}

static KNOWN: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let file: File =
        serde_json::from_str(include_str!("accounts.json")).expect("a test reads this file");
    file.accounts
});

/// Returns whose an account is, if it is one that AWS or a vendor names in public.
pub fn public(account: &str) -> Option<&'static str> {
    KNOWN.get(account).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_twelve_digits_and_have_an_owner() {
        for (account, owner) in &*KNOWN {
            assert!(
                account.len() == 12 && account.chars().all(|c| c.is_ascii_digit()),
                "{account}"
            );
            assert!(!owner.is_empty(), "{account}");
        }
        assert_eq!(public("099720109477"), Some("Canonical"));
        assert!(public("602401143452").is_some());
        assert_eq!(public("111122223333"), None);
    }
}
