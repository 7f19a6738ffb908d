//! How text names regions, zones and images.

use super::{Region, Regions};

/// Whether `text` is the name of a machine image of EC2: `ami-` and 8 or 17 hexadecimal digits.
pub fn is_image(text: &str) -> bool {
    text.strip_prefix("ami-").is_some_and(|id| {
        matches!(id.len(), 8 | 17) && id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
    })
}

/// Whether two names are of one region; Azure also writes `Japan East` for `japaneast`.
pub fn same_region(text: &str, region: &str) -> bool {
    let plain = |name: &str| name.replace(' ', "").to_lowercase();
    text == region || text.contains(' ') && plain(text) == plain(region)
}

/// Returns the region that a text names: a region, or a zone of one.
pub fn region_of(text: &str) -> Option<&'static Region> {
    let regions = Regions::known();
    let zone = |text: &str| {
        let name = text.strip_suffix(|c: char| c.is_ascii_lowercase())?;
        regions.find(name.strip_suffix('-').unwrap_or(name))
    };
    regions.find(text).or_else(|| zone(text))
}

/// Returns the name of the region that a text names, in any of the ways that clouds write it.
pub fn region_named(text: &str) -> Option<&'static str> {
    let azure = || Regions::known().names().find(|name| same_region(text, name));
    region_of(text).map(|region| region.name.as_str()).or_else(azure)
}

/// Whether `text` is a zone of `region`, by its name or its id.
pub fn zone_of(text: &str, region: &str) -> bool {
    let id = || {
        let known = Regions::known().find(region)?;
        Some(text.starts_with(&format!("{}-az", known.short()?)))
    };
    let rest = text.strip_prefix(region).map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    rest.is_some_and(|rest| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_lowercase()))
        || id().unwrap_or(false)
}

/// Whether `text` names `region`, or a zone of it, as a word: `ap-northeast-1` is not in
/// `ap-northeast-12`, nor `eastus` in `eastus2`.
pub fn mentions(text: &str, region: &str) -> bool {
    text.match_indices(region).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + region.len()..].chars();
        let ends = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric());
        let zone = |c: char| c.is_ascii_lowercase();
        let follows = match after.next() {
            Some(letter) if zone(letter) => ends(after.next()),
            other => ends(other),
        };
        ends(before) && follows
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azure_writes_its_regions_in_two_ways() {
        assert!(same_region("Japan East", "japaneast") && same_region("japaneast", "japaneast"));
        assert!(!same_region("East US 2", "eastus"));
        assert!(!mentions("eastus2", "eastus"));
    }

    #[test]
    fn a_text_names_the_region_of_its_zone() {
        let name = |text| region_of(text).map(|r| r.name.as_str());
        assert_eq!(name("ap-northeast-1a"), Some("ap-northeast-1"));
        assert_eq!(name("asia-northeast1-b"), Some("asia-northeast1"));
        assert_eq!(name("us-east-1"), Some("us-east-1"));
        assert_eq!(name("prod"), None);
    }
}
