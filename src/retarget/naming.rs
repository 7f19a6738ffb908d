//! What a piece of literal text names in the primary region, and what to put in its place.

use crate::{
    catalogue::{
        Regions,
        names::{is_image, mentions, region_of, same_region, zone_of},
    },
    config::expression::Text,
    model::text::replaced,
};
use std::collections::BTreeMap;

/// How names are carried from one region to another.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    /// Where to.
    pub(super) region: String,
    /// Where from, when it is known.
    pub(super) primary: Option<String>,
    /// What the user says stands for what; a text that stands for itself is kept on purpose.
    pub(super) replace: BTreeMap<String, String>,
}

/// What becomes of a piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It names nothing in the primary.
    Stays,
    /// It becomes this.
    Becomes(String),
    /// It cannot be carried over, and the stack cannot do without.
    Stuck(Stuck),
    /// It names the primary, and nobody can tell whether that matters.
    Mentions,
}

/// Why a text cannot be carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// A machine image is there in one region only.
    Image,
    /// The resource of an ARN lies in one region.
    Arn,
    /// The fallback has no zone that corresponds.
    Zone,
}

impl Stuck {
    /// Says what stands there, with its article.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Image => "the machine image",
            Self::Arn => "the ARN",
            Self::Zone => "the zone",
        }
    }
}

impl Naming {
    /// Returns what becomes of `text`.
    pub(super) fn fate(&self, text: &Text) -> Fate {
        // What is compared is asked and not used, and what stands beneath a region's name is of that region.
        let keyed = |key: &String| region_of(key).is_some();
        if text.compared || text.keys.iter().any(keyed) {
            return Fate::Stays;
        }
        if let Some(replaced) = replaced(&text.text, &self.replace) {
            return if replaced == text.text { Fate::Stays } else { Fate::Becomes(replaced) };
        }
        if text.whole && is_image(&text.text) {
            return Fate::Stuck(Stuck::Image);
        }
        match &self.primary {
            Some(primary) if *primary != self.region => {
                self.carried(&text.text, text.whole, primary)
            }
            _ => Fate::Stays,
        }
    }

    fn carried(&self, text: &str, whole: bool, primary: &str) -> Fate {
        if whole && same_region(text, primary) {
            return Fate::Becomes(self.region.clone());
        }
        if whole && zone_of(text, primary) {
            let zone = self.zone(text, primary);
            return zone.map_or(Fate::Stuck(Stuck::Zone), Fate::Becomes);
        }
        if !mentions(text, primary) {
            return Fate::Stays;
        }
        // The beginning of a zone's name, whose letter is interpolated.
        if text == primary && !whole {
            return Fate::Becomes(self.region.clone());
        }
        let service = format!("com.amazonaws.{primary}.");
        if text.starts_with(&service) {
            return Fate::Becomes(text.replacen(primary, &self.region, 1));
        }
        let arn = text.starts_with("arn:") && text.split(':').nth(3) == Some(primary);
        if arn { Fate::Stuck(Stuck::Arn) } else { Fate::Mentions }
    }

    /// Returns the zone of the fallback that stands where `zone` does in the primary's list.
    pub(super) fn zone(&self, zone: &str, primary: &str) -> Option<String> {
        let (from, to) = (Regions::known().find(primary)?, Regions::known().find(&self.region)?);
        if from.cloud != to.cloud {
            return None;
        }
        let carry = |from: Vec<String>, to: Vec<String>| {
            let at = from.iter().position(|known| known == zone)?;
            to.get(at).cloned()
        };
        carry(from.zones.clone()?, to.zones.clone()?)
            .or_else(|| carry(from.zone_ids()?, to.zone_ids()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Place;

    fn fate_in(text: &str, change: impl FnOnce(&mut Text)) -> Fate {
        let replace = [
            ("arn:aws:kms:ap-northeast-1:1:key/a", "arn:aws:kms:ap-northeast-2:1:key/b"),
            ("keep.ap-northeast-1.example", "keep.ap-northeast-1.example"),
        ];
        let naming = Naming {
            region: "ap-northeast-2".into(),
            primary: Some("ap-northeast-1".into()),
            replace: replace.map(|(a, b)| (a.into(), b.into())).into(),
        };
        let mut text = Text {
            text: text.into(),
            range: 0..0,
            place: Place { file: "x".into(), line: 1, column: 1 },
            whole: true,
            compared: false,
            keys: vec![],
        };
        change(&mut text);
        naming.fate(&text)
    }

    fn fate(text: &str) -> Fate {
        fate_in(text, |_| {})
    }

    #[test]
    fn names_of_the_primary_are_carried_over_or_stuck() {
        let becomes = |text: &str| Fate::Becomes(text.to_owned());
        assert_eq!(fate("ap-northeast-1"), becomes("ap-northeast-2"));
        assert_eq!(fate("ap-northeast-1a"), becomes("ap-northeast-2a"));
        // The second zone that is offered, not the one of the same letter.
        assert_eq!(fate("ap-northeast-1c"), becomes("ap-northeast-2b"));
        assert_eq!(fate("apne1-az4"), becomes("apne2-az3"));
        assert_eq!(
            fate("com.amazonaws.ap-northeast-1.s3"),
            becomes("com.amazonaws.ap-northeast-2.s3")
        );
        assert_eq!(fate("ap-northeast-1x"), Fate::Stuck(Stuck::Zone));
        assert_eq!(fate("arn:aws:sqs:ap-northeast-1:1:q"), Fate::Stuck(Stuck::Arn));
        assert_eq!(fate("ami-0123456789abcdef0"), Fate::Stuck(Stuck::Image));
        assert_eq!(fate("1.dkr.ecr.ap-northeast-1.amazonaws.com/x"), Fate::Mentions);
        for same in
            ["ap-northeast-12", "us-east-1", "arn:aws:s3:::b", "ami-latest", "xap-northeast-1"]
        {
            assert_eq!(fate(same), Fate::Stays, "{same}");
        }
    }

    #[test]
    fn the_users_word_goes_before_all() {
        assert_eq!(
            fate("arn:aws:kms:ap-northeast-1:1:key/a"),
            Fate::Becomes("arn:aws:kms:ap-northeast-2:1:key/b".into())
        );
        assert_eq!(fate("https://keep.ap-northeast-1.example/"), Fate::Stays);
    }

    #[test]
    fn questions_and_maps_by_region_are_left_alone() {
        assert_eq!(fate_in("ap-northeast-1", |t| t.compared = true), Fate::Stays);
        assert_eq!(fate_in("ami-01234567", |t| t.keys = vec!["eu-west-1".into()]), Fate::Stays);
        assert_eq!(
            fate_in("ap-northeast-1", |t| t.whole = false),
            Fate::Becomes("ap-northeast-2".into())
        );
    }
}
