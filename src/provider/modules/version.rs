//! Versions, and which of them must be offered so that a constraint finds one.

use std::fmt;

/// A version: three numbers, and what stands behind `-`.
///
/// The order is good for listing only: a pre-release comes after its release here.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    numbers: [u64; 3],
    pre: Option<String>,
}

impl Version {
    /// Reads `1`, `1.2`, `v1.2.3` or `1.2.3-beta+build`; what is left out is zero.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (numbers, pre) =
            text.split_once('-').map_or((text, None), |(numbers, pre)| (numbers, Some(pre)));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if pre.is_some_and(|pre| pre.is_empty() || !pre.chars().all(plain)) {
            return None;
        }
        let mut version = Self { numbers: [0; 3], pre: pre.map(str::to_owned) };
        for (index, number) in numbers.split('.').enumerate() {
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            *version.numbers.get_mut(index)? =
                if digits { number.parse().ok()? } else { return None };
        }
        Some(version)
    }

    fn next(&self) -> Self {
        let [major, minor, patch] = self.numbers;
        Self { numbers: [major, minor, patch.saturating_add(1)], pre: None }
    }

    fn release(&self) -> Self {
        Self { numbers: self.numbers, pre: None }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        self.pre.as_ref().map_or(Ok(()), |pre| write!(f, "-{pre}"))
    }
}

/// Returns versions of which one satisfies the constraint, if any version at all does and 0.0.0
/// does not.
///
/// For the smallest version that satisfies it is 0.0.0, or a number that bounds it from below, or
/// what follows a number that is excluded. What is no version is passed over.
pub(super) fn candidates(constraint: &str) -> Vec<Version> {
    let mut candidates = Vec::new();
    for part in constraint.split(',').map(str::trim) {
        let number = part.trim_start_matches(['=', '!', '<', '>', '~']);
        let Some(version) = Version::parse(number.trim()) else { continue };
        match &part[..part.len() - number.len()] {
            "<" => {}
            ">" | "!=" => candidates.extend([version.release(), version.next()]),
            // Terraform takes a pre-release only when it is named exactly.
            _ => candidates.extend([version.release(), version]),
        }
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn offered(constraint: &str) -> String {
        let versions: BTreeSet<Version> = candidates(constraint).into_iter().collect();
        versions.iter().map(Version::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_way_to_write_a_constraint_finds_a_version() {
        assert_eq!(offered("~> 5.0"), "5.0.0");
        assert_eq!(offered(">= 3.1, < 4"), "3.1.0");
        assert_eq!(offered("= 1.2.3"), "1.2.3");
        assert_eq!(offered("v1.2"), "1.2.0");
        assert_eq!(offered(">1.2"), "1.2.0 1.2.1");
        assert_eq!(offered(">= 2, != 2.0.0, != 2.0.1"), "2.0.0 2.0.1 2.0.2");
        assert_eq!(offered("<= 4"), "4.0.0");
        assert_eq!(offered("< 4"), "");
        assert_eq!(offered("1.0.0-rc1"), "1.0.0 1.0.0-rc1");
        assert_eq!(offered("latest"), "");
        assert_eq!(offered("1.2.3.4"), "");
    }

    #[test]
    fn a_folder_that_is_not_named_as_a_version_is_none() {
        for name in ["modules", "", "v", "1.", ".1", "1.x", "-1", "+1", "1.0.0-", "1.0.0-a b"] {
            assert_eq!(Version::parse(name), None, "{name}");
        }
    }
}
