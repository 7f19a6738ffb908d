//! What the name of an attribute tells, where nothing else does.
//!
//! These are the naming conventions of the large providers; each is no more than likely.

use super::shape::{Hint, Length, Text};

/// How a name is matched.
enum When {
    /// The name is one of these.
    Is(&'static [&'static str]),
    /// The name ends in one of these.
    Ends(&'static [&'static str]),
    /// The first word of the name is one of these.
    Starts(&'static [&'static str]),
}

/// What it then is.
enum Then {
    Text(Text),
    Number,
    Bool,
    Texts(Text),
    Json,
    Map,
}

/// The first that fits counts.
static CONVENTIONS: &[(When, Then)] = &[
    (When::Ends(&["cidr_blocks", "cidrs"]), Then::Texts(Text::Cidr)),
    (When::Ends(&["cidr_block", "cidr", "cidr_range", "cidr_ip"]), Then::Text(Text::Cidr)),
    (When::Ends(&["arns"]), Then::Texts(Text::Arn)),
    (When::Is(&["arn"]), Then::Text(Text::Arn)),
    (When::Ends(&["_arn"]), Then::Text(Text::Arn)),
    (When::Is(&["zone_ids"]), Then::Texts(Text::Plain)),
    (When::Ends(&["zones", "regions", "availability_zone_names"]), Then::Texts(Text::Zone)),
    (When::Is(&["region", "zone", "availability_zone"]), Then::Text(Text::Zone)),
    (When::Ends(&["_ids", "_names"]), Then::Texts(Text::Plain)),
    (When::Is(&["ids", "names"]), Then::Texts(Text::Plain)),
    (When::Is(&["tags", "tags_all", "labels", "annotations"]), Then::Map),
    (When::Ends(&["_at", "_time", "timestamp", "_date"]), Then::Text(Text::Timestamp)),
    (When::Ends(&["url", "uri", "issuer"]), Then::Text(Text::Url)),
    (When::Is(&["self_link"]), Then::Text(Text::Url)),
    (When::Ends(&["ip_address", "_ip"]), Then::Text(Text::IpAddress)),
    (When::Ends(&["account_id", "owner_id", "project_number"]), Then::Text(Text::Digits)),
    (When::Ends(&["dns_name", "hostname", "fqdn", "domain_name"]), Then::Text(Text::Host)),
    (When::Is(&["endpoint", "address", "host", "domain"]), Then::Text(Text::Host)),
    (When::Ends(&["_endpoint", "_address"]), Then::Text(Text::Host)),
    (When::Is(&["json"]), Then::Json),
    (When::Ends(&["_json"]), Then::Json),
    (When::Is(&["port", "weight", "priority", "size", "count", "capacity"]), Then::Number),
    (
        When::Ends(&["_port", "_count", "_size", "_seconds", "_days", "_capacity", "_number"]),
        Then::Number,
    ),
    (When::Is(&["enabled", "encrypted", "default", "condition"]), Then::Bool),
    (When::Ends(&["_enabled"]), Then::Bool),
    (When::Starts(&["enable", "is", "has"]), Then::Bool),
    (
        When::Is(&["id", "name", "status", "state", "type", "version", "result", "password"]),
        Then::Text(Text::Plain),
    ),
    (
        When::Ends(&[
            "_id",
            "_name",
            "_status",
            "_state",
            "_type",
            "_version",
            "_key",
            "_password",
        ]),
        Then::Text(Text::Plain),
    ),
];

/// Returns what a name tells. A data source finds several of what its name has in the plural.
pub(super) fn hint(name: &str, in_data: bool) -> Hint {
    let fits = |when: &When| match when {
        When::Is(names) => names.contains(&name),
        When::Ends(ends) => ends.iter().any(|end| name.ends_with(end)),
        When::Starts(words) => name.split('_').next().is_some_and(|first| words.contains(&first)),
    };
    let Some((_, then)) = CONVENTIONS.iter().find(|(when, _)| fits(when)) else {
        return Hint::Unknown;
    };
    match then {
        Then::Text(text) => Hint::Text(text.clone()),
        Then::Number => Hint::Number,
        Then::Bool => Hint::Bool,
        Then::Json => Hint::Text(Text::Json(Box::default())),
        Then::Map => Hint::Map(Box::new(Hint::TEXT)),
        Then::Texts(text) => {
            // As many as most configurations spread over: three zones, three subnets.
            let length = Length::AtLeast(if in_data { 3 } else { 0 });
            Hint::List { of: Box::new(Hint::Text(text.clone())), length }
        }
    }
}

/// Whether a name is that of several things, so that what is written to it is most likely a list.
pub(super) fn is_plural(name: &str) -> bool {
    const SINGULAR: [&str; 9] =
        ["ss", "us", "is", "dns", "alias", "https", "tls", "ips_address", "kms"];
    name.ends_with('s') && !SINGULAR.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_they_are_likely_to_hold() {
        assert_eq!(hint("arn", false), Hint::Text(Text::Arn));
        assert_eq!(hint("vpc_cidr_block", false), Hint::Text(Text::Cidr));
        assert_eq!(hint("https_port", false), Hint::Number);
        assert_eq!(hint("created_at", false), Hint::Text(Text::Timestamp));
        assert_eq!(hint("anything", false), Hint::Unknown);
        let ids = |length| Hint::List { of: Box::new(Hint::TEXT), length };
        assert_eq!(hint("subnet_ids", false), ids(Length::AtLeast(0)));
        assert_eq!(hint("ids", true), ids(Length::AtLeast(3)));
    }

    #[test]
    fn plurals_are_told_from_words_that_end_alike() {
        for (name, plural) in [
            ("values", true),
            ("subnets", true),
            ("class", false),
            ("alias", false),
            ("name", false),
        ] {
            assert_eq!(is_plural(name), plural, "{name}");
        }
    }
}
