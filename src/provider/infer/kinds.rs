//! A set of kinds in one word, and what a literal string looks like.

use super::shape::{Kind, Text};

/// A set of [`Kind`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn of(kind: Kind) -> Self {
        Self(1 << kind as u16)
    }

    pub(super) const fn has(self, kind: Kind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !Self::of(kind).0)
    }

    pub(super) fn add(&mut self, kind: Kind) {
        *self = self.with(Self::of(kind));
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }

    /// Returns what a string says, if one of the kinds is a string; the most special one counts.
    pub(super) fn text(self) -> Option<Text> {
        const SPECIAL: [(Kind, Text); 6] = [
            (Kind::Base64, Text::Base64),
            (Kind::Cidr, Text::Cidr),
            (Kind::Timestamp, Text::Timestamp),
            (Kind::Arn, Text::Arn),
            (Kind::IpAddress, Text::IpAddress),
            (Kind::Url, Text::Url),
        ];
        let special = SPECIAL.into_iter().find(|(kind, _)| self.has(*kind));
        special.map(|(_, text)| text).or_else(|| self.has(Kind::Text).then_some(Text::Plain))
    }
}

/// Returns the kind of a literal string by how it looks.
pub(super) fn of_literal(text: &str) -> Kind {
    let is_address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let is_network = || {
        text.split_once('/').is_some_and(|(address, length)| {
            is_address(address) && length.parse::<u8>().is_ok_and(|length| length <= 128)
        })
    };
    if is_network() {
        Kind::Cidr
    } else if is_address(text) {
        Kind::IpAddress
    } else if text.starts_with("arn:") && text.split(':').count() >= 6 {
        Kind::Arn
    } else if ["http://", "https://"].iter().any(|start| text.starts_with(start)) {
        Kind::Url
    } else if text.parse::<jiff::Timestamp>().is_ok() {
        Kind::Timestamp
    } else {
        Kind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_known_by_its_looks() {
        for (text, kind) in [
            ("10.0.0.0/16", Kind::Cidr),
            ("fd00::/8", Kind::Cidr),
            ("10.0.0.0/199", Kind::Text),
            ("10.0.0.1", Kind::IpAddress),
            ("arn:aws:iam::1:role/x", Kind::Arn),
            ("arn:aws", Kind::Text),
            ("https://example.com", Kind::Url),
            ("2024-05-06T07:08:09Z", Kind::Timestamp),
            ("", Kind::Text),
        ] {
            assert_eq!(of_literal(text), kind, "{text}");
        }
    }

    #[test]
    fn the_most_special_string_counts() {
        let kinds = Kinds::of(Kind::Text).with(Kinds::of(Kind::Cidr)).with(Kinds::of(Kind::Null));
        assert_eq!(kinds.text(), Some(Text::Cidr));
        assert_eq!(kinds.iter().collect::<Vec<_>>(), [Kind::Null, Kind::Text, Kind::Cidr]);
        assert_eq!(Kinds::of(Kind::List).text(), None);
    }
}
