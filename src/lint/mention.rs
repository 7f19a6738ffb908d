//! What a string names: a region, a zone, an ARN, an image, an account, an object of the cloud.

use crate::{
    catalogue::{Cloud, Region, Regions},
    config::expression::{HOLE, Written},
};
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// Something that a string names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// What.
    pub(crate) kind: Kind,
    /// How it is written.
    pub(crate) text: String,
    /// The bytes of the file in which that stands.
    pub(crate) range: Range<usize>,
}

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A region, and nothing else.
    Region(&'static Region),
    /// A zone of a region, and nothing else.
    Zone(&'static Region),
    /// The region of an ARN.
    Arn(&'static Region),
    /// The region of an address: an endpoint, an endpoint service, an image host.
    Endpoint(&'static Region),
    /// A region or a zone in a longer text.
    Within(&'static Region),
    /// A machine image of EC2.
    Image,
    /// An AWS account.
    Account,
    /// An object that AWS gave an id, such as a VPC.
    Object,
}

impl Kind {
    /// Returns the region that is named.
    pub(crate) fn region(self) -> Option<&'static Region> {
        match self {
            Self::Region(region)
            | Self::Zone(region)
            | Self::Arn(region)
            | Self::Endpoint(region)
            | Self::Within(region) => Some(region),
            Self::Image | Self::Account | Self::Object => None,
        }
    }
}

static REGION: LazyLock<Regex> = LazyLock::new(|| {
    let mut names: Vec<&str> = Regions::known().names().collect();
    // Of alternatives the first that fits wins, and `eastus2` begins with `eastus`.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    Regex::new(&names.join("|")).expect("names of regions hold no special character")
});

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:`, as the AWS General Reference has it.
static ARN: LazyLock<Regex> = LazyLock::new(|| {
    let hole = HOLE;
    Regex::new(&format!(
        r"arn:(?:aws[a-z-]*|{hole}):(?:[a-z0-9-]+|{hole}):([a-z0-9-]*|{hole}):([0-9]{{12}})?"
    ))
    .expect("a test matches it")
});

/// Ids are 8 or 17 hexadecimal digits behind the kind of object: EC2 User Guide, "Resource IDs".
static ID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(ami|vpc|subnet|sg|vol|snap|tgw|eni|i|rtb|igw|nat|eipalloc|acl|pl|lt|fs|vpce|pcx|dopt|cgw|vgw|tgw-attach|tgw-rtb)-(?:[0-9a-f]{8}|[0-9a-f]{17})$").expect("a test matches it")
});

static ACCOUNT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[0-9]{12}$").expect("a test matches it"));

/// Returns what a string names, in order.
pub(crate) fn mentions(written: &Written) -> Vec<Mention> {
    let text = written.text.as_str();
    let mut found = Vec::new();
    if text.len() < 3 {
        return found;
    }
    let mention = |kind: Kind, part: Range<usize>| Mention {
        kind,
        text: text[part.clone()].to_owned(),
        range: written.range_of(&part),
    };
    let arns: Vec<(Range<usize>, Option<Range<usize>>)> = if text.contains("arn:") {
        let captures = ARN.captures_iter(text);
        captures
            .filter_map(|c| Some((c.get(1)?.range(), c.get(2).map(|account| account.range()))))
            .collect()
    } else {
        Vec::new()
    };
    if let Some(region) = spelled_out(text) {
        found.push(mention(Kind::Region(region), 0..text.len()));
        return found;
    }
    for found_region in REGION.find_iter(text) {
        let Some((kind, part)) = region_at(text, found_region.range(), &arns) else { continue };
        found.push(mention(kind, part));
    }
    found
        .extend(arns.into_iter().filter_map(|(_, account)| Some(mention(Kind::Account, account?))));
    if let Some(id) = ID.captures(text) {
        let image = id.get(1).is_some_and(|kind| kind.as_str() == "ami");
        found.push(mention(if image { Kind::Image } else { Kind::Object }, 0..text.len()));
    } else if ACCOUNT.is_match(text) {
        found.push(mention(Kind::Account, 0..text.len()));
    }
    found
}

/// Returns the region of Azure that a text is when it is written as people do, `Japan East`; Azure
/// takes no notice of case and spaces.
fn spelled_out(text: &str) -> Option<&'static Region> {
    let candidate = text.len() < 32
        && text.contains(|c: char| c == ' ' || c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ');
    let plain = || text.replace(' ', "").to_lowercase();
    let region = candidate.then(plain).and_then(|name| Regions::known().find(&name));
    region.filter(|region| region.cloud == Cloud::Azure)
}

/// Says what the name of a region at `at` is, and how far it goes.
fn region_at(
    text: &str,
    at: Range<usize>,
    arns: &[(Range<usize>, Option<Range<usize>>)],
) -> Option<(Kind, Range<usize>)> {
    let region = Regions::known().find(&text[at.clone()])?;
    let (before, after) = (&text[..at.start], &text[at.end..]);
    if before.chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    if arns.iter().any(|(range, _)| *range == at) {
        return Some((Kind::Arn(region), at));
    }
    let zone = zone_letter(region.cloud, after);
    if zone == 0 && after.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let part = at.start..at.end + zone;
    let whole = part == (0..text.len());
    let kind = if is_address(before, &text[part.end..]) {
        Kind::Endpoint(region)
    } else if whole && zone > 0 {
        Kind::Zone(region)
    } else if whole {
        Kind::Region(region)
    } else {
        Kind::Within(region)
    };
    Some((kind, part))
}

/// Returns how many bytes behind the name of a region make it the name of a zone.
fn zone_letter(cloud: Cloud, after: &str) -> usize {
    let after_dash = after.strip_prefix('-');
    let (rest, dash) = match cloud {
        Cloud::Aws => (after, 0),
        Cloud::Google => (after_dash.unwrap_or(""), 1),
        Cloud::Azure => return 0,
    };
    let mut rest = rest.chars();
    let letter = rest.next().is_some_and(|c| c.is_ascii_lowercase());
    let ends = !rest.next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
    if letter && ends { dash + 1 } else { 0 }
}

/// Whether what stands around the name of a region makes an address of it.
fn is_address(before: &str, after: &str) -> bool {
    before.ends_with("com.amazonaws.")
        || before.ends_with("com.amazonaws.vpce.")
        || before.ends_with(".dkr.ecr.")
        || [".amazonaws.com", "-docker.pkg.dev", ".run.app", ".elb.amazonaws", ".rds.amazonaws"]
            .iter()
            .any(|end| after.starts_with(end))
        || after.starts_with('.') && after.contains(".amazonaws.com")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::SourceFile;

    fn shown(string: &str) -> String {
        let text = format!("a = {string}\n");
        let file = SourceFile::parse("x.hcl", text.as_bytes(), None).unwrap();
        let expr = file.body().expr("a").unwrap();
        let mut lines = Vec::new();
        for written in expr.written() {
            for found in mentions(&written) {
                let kind = format!("{:?}", found.kind);
                let kind = kind.split('(').next().unwrap_or_default();
                let region = found.kind.region().map_or("-", |region| region.name.as_str());
                assert_eq!(text[found.range.clone()], found.text, "{string}");
                lines.push(format!("{kind} {region} {}", found.text));
            }
        }
        lines.join("; ")
    }

    #[test]
    fn a_string_is_known_by_what_it_names() {
        let cases = [
            r#""ap-northeast-1""#,
            r#""ap-northeast-1a""#,
            r#""us-central1-b""#,
            r#""ap-northeast-12""#,
            r#""shop-ap-northeast-1-logs""#,
            r#""arn:aws:sqs:ap-northeast-1:111122223333:q""#,
            r#""arn:aws:sqs:ap-northeast-1:${var.a}:q""#,
            r#""arn:aws:iam::111122223333:role/x""#,
            r#""arn:aws:s3:::logs-ap-northeast-1/x""#,
            r#""com.amazonaws.eu-west-1.s3""#,
            r#""1.dkr.ecr.eu-west-1.amazonaws.com/x:1""#,
            r#""https://sqs.eu-west-1.amazonaws.com""#,
            r#""europe-west1-docker.pkg.dev/p/r""#,
            r#""ami-0123456789abcdef0""#,
            r#""subnet-01234567""#,
            r#""subnet-of-db""#,
            r#""111122223333""#,
            r#""eastus2""#,
            r#""Japan East""#,
            r#""${var.x}-eu-west-1""#,
        ];
        insta::assert_snapshot!(cases.map(|case| format!("{case} {}", shown(case))).join("\n"), @r#"
        "ap-northeast-1" Region ap-northeast-1 ap-northeast-1
        "ap-northeast-1a" Zone ap-northeast-1 ap-northeast-1a
        "us-central1-b" Zone us-central1 us-central1-b
        "ap-northeast-12" 
        "shop-ap-northeast-1-logs" Within ap-northeast-1 ap-northeast-1
        "arn:aws:sqs:ap-northeast-1:111122223333:q" Arn ap-northeast-1 ap-northeast-1; Account - 111122223333
        "arn:aws:sqs:ap-northeast-1:${var.a}:q" Arn ap-northeast-1 ap-northeast-1
        "arn:aws:iam::111122223333:role/x" Account - 111122223333
        "arn:aws:s3:::logs-ap-northeast-1/x" Within ap-northeast-1 ap-northeast-1
        "com.amazonaws.eu-west-1.s3" Endpoint eu-west-1 eu-west-1
        "1.dkr.ecr.eu-west-1.amazonaws.com/x:1" Endpoint eu-west-1 eu-west-1
        "https://sqs.eu-west-1.amazonaws.com" Endpoint eu-west-1 eu-west-1
        "europe-west1-docker.pkg.dev/p/r" Endpoint europe-west1 europe-west1
        "ami-0123456789abcdef0" Image - ami-0123456789abcdef0
        "subnet-01234567" Object - subnet-01234567
        "subnet-of-db" 
        "111122223333" Account - 111122223333
        "eastus2" Region eastus2 eastus2
        "Japan East" Region japaneast Japan East
        "${var.x}-eu-west-1" Within eu-west-1 eu-west-1
        "#);
    }
}
