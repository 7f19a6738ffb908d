//! The template language: how the value of a computed attribute is made up.
//!
//! Any JSON may be a template. Text in braces is filled in; `{{` and `}}` are
//! braces. A text that is one hole and nothing else gives the hole's own type
//! (`"{zones}"` is a list); a text with a hole that cannot be filled is null.
//!
//! | Hole | Filled with |
//! |---|---|
//! | `{region}` `{partition}` `{account}` `{project}` `{subscription}` `{tenant}` `{time}` | the place and time of the rehearsal |
//! | `{dns_suffix}` `{reverse_dns_prefix}` | `amazonaws.com`, `com.amazonaws`, as the partition has them |
//! | `{short}` | the short form of an AWS region: `apne1` |
//! | `{zone}` `{zones}` `{zone_ids}` | the first zone, all zones, the AWS ids of all zones |
//! | `{name}` | the resource's name; made up when it has none |
//! | `{attr:PATH}` | an argument that is known; a dot goes into a block or list |
//! | `{fact:NAME}` | a fact of the region, from `regions.json` |
//! | `{hex:N}` `{digits:N}` `{lower:N}` `{upper:N}` `{base64:N}` | N characters, or N bytes encoded |
//! | `{uuid}` `{ip}` `{public_ip}` `{int:LOW-HIGH}` | as they say; public addresses are of the documentation ranges |
//! | `{'text'}` `{5432}` | itself |
//!
//! `|` separates what to try in turn: `{attr:bucket|name}`. `#no-scheme` and
//! `#no-slash` after a path take `https://` or a leading `/` away. What is made
//! up depends on the seed and on the hole alone, so that `{hex:17}` is the same
//! in `id` and in `arn`; a label makes it another one: `{hex:17:eni}`.
//!
//! `{"$match": "engine", "cases": {"mysql maria*": 3306}, "else": 5432}` chooses
//! by an argument. `{"$rule": "acm_domain_validation"}` is computed by code.

use super::rules::Rule;
use crate::model::nearest;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

/// A value with holes.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(pub(super) Node);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Literal(Value),
    Text(Vec<Part>),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    Match { attribute: String, cases: Vec<(String, Self)>, otherwise: Box<Self> },
    Rule(Rule),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Hole(Vec<Term>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    /// A word that the context answers.
    Word(Word),
    /// A path of an argument, and what is taken off its value.
    Attr(String, Option<Filter>),
    Fact(String),
    /// Made up: what, and the label that tells it from others of its kind.
    Invented(Invented, String),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Region,
    Partition,
    Account,
    Project,
    Subscription,
    Tenant,
    Time,
    DnsSuffix,
    ReverseDnsPrefix,
    Short,
    Zone,
    Zones,
    ZoneIds,
    Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invented {
    Hex(usize),
    Digits(usize),
    Lower(usize),
    Upper(usize),
    Base64(usize),
    Uuid,
    Ip,
    PublicIp,
    Int(i64, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    NoScheme,
    NoSlash,
}

/// Why a template cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TemplateError {
    /// A brace has no partner.
    #[error("`{0}` has a brace without its partner; a brace that is text is written twice")]
    Brace(String),
    /// A hole holds a word that there is not.
    #[error("there is no hole `{word}`{}", did_you_mean(.nearest.as_deref()))]
    Word {
        /// The word.
        word: String,
        /// The word that was most likely meant.
        nearest: Option<String>,
    },
    /// A hole needs a number, or a range, and has none that fits.
    #[error("`{0}` needs a number from 1 to 4096, or for `int` a range such as `1-9`")]
    Count(String),
    /// A path is followed by something else than a filter.
    #[error("there is no filter `{0}`, only `no-scheme` and `no-slash`")]
    Filter(String),
    /// An object begins with a dollar and is neither a match nor a rule.
    #[error("`{0}` is not of the form of a `$match` with `cases` or a `$rule`")]
    Form(String),
    /// A rule that there is not.
    #[error("there is no rule `{word}`{}", did_you_mean(.nearest.as_deref()))]
    Rule {
        /// Its name.
        word: String,
        /// The rule that was most likely meant.
        nearest: Option<String>,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|word| format!(", did you mean `{word}`?")).unwrap_or_default()
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] for a hole, a match or a rule that is not of the language.
    pub fn parse(json: &Value) -> Result<Self, TemplateError> {
        node(json).map(Self)
    }

    /// Returns the rule that computes the value, when no template can.
    pub fn rule(&self) -> Option<Rule> {
        match self.0 {
            Node::Rule(rule) => Some(rule),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Self::parse(&Value::deserialize(input)?).map_err(D::Error::custom)
    }
}

fn node(json: &Value) -> Result<Node, TemplateError> {
    match json {
        Value::String(text) => text_node(text),
        Value::Array(items) => Ok(Node::List(items.iter().map(node).collect::<Result<_, _>>()?)),
        Value::Object(map) if map.contains_key("$match") => match_node(map),
        Value::Object(map) if map.contains_key("$rule") => rule_node(map),
        Value::Object(map) => {
            let fields = map.iter().map(|(key, value)| Ok((key.clone(), node(value)?)));
            Ok(Node::Object(fields.collect::<Result<_, _>>()?))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Node::Literal(json.clone())),
    }
}

fn match_node(map: &Map<String, Value>) -> Result<Node, TemplateError> {
    let form = || TemplateError::Form(Value::Object(map.clone()).to_string());
    if map.keys().any(|key| !["$match", "cases", "else"].contains(&key.as_str())) {
        return Err(form());
    }
    let (Some(Value::String(attribute)), Some(Value::Object(cases))) =
        (map.get("$match"), map.get("cases"))
    else {
        return Err(form());
    };
    let cases = cases.iter().map(|(case, value)| Ok((case.clone(), node(value)?)));
    Ok(Node::Match {
        attribute: attribute.clone(),
        cases: cases.collect::<Result<_, _>>()?,
        otherwise: Box::new(node(map.get("else").unwrap_or(&Value::Null))?),
    })
}

fn rule_node(map: &Map<String, Value>) -> Result<Node, TemplateError> {
    let (Some(Value::String(name)), 1) = (map.get("$rule"), map.len()) else {
        return Err(TemplateError::Form(Value::Object(map.clone()).to_string()));
    };
    Rule::find(name).map(Node::Rule).ok_or_else(|| TemplateError::Rule {
        word: name.clone(),
        nearest: nearest(name, Rule::ALL.iter().map(|(name, _)| *name)).map(str::to_owned),
    })
}

fn text_node(text: &str) -> Result<Node, TemplateError> {
    let brace = || TemplateError::Brace(text.to_owned());
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let (this, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(this) {
            plain.push_str(this);
            rest = after;
            continue;
        }
        if this == "}" {
            return Err(brace());
        }
        let (hole, after) = after.split_once('}').ok_or_else(brace)?;
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Hole(hole.split('|').map(term).collect::<Result<_, _>>()?));
        rest = after;
    }
    plain.push_str(rest);
    if parts.is_empty() {
        return Ok(Node::Literal(Value::String(plain)));
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(Node::Text(parts))
}

const WORDS: [(&str, Word); 14] = [
    ("account", Word::Account),
    ("dns_suffix", Word::DnsSuffix),
    ("name", Word::Name),
    ("partition", Word::Partition),
    ("project", Word::Project),
    ("region", Word::Region),
    ("reverse_dns_prefix", Word::ReverseDnsPrefix),
    ("short", Word::Short),
    ("subscription", Word::Subscription),
    ("tenant", Word::Tenant),
    ("time", Word::Time),
    ("zone", Word::Zone),
    ("zone_ids", Word::ZoneIds),
    ("zones", Word::Zones),
];

/// The words that take an argument, for the suggestion after a slip.
const KINDS: [&str; 11] =
    ["attr", "base64", "digits", "fact", "hex", "int", "ip", "lower", "public_ip", "upper", "uuid"];

fn term(text: &str) -> Result<Term, TemplateError> {
    if let Some((_, word)) = WORDS.iter().find(|(name, _)| *name == text) {
        return Ok(Term::Word(*word));
    }
    if let Some(quoted) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Ok(Term::Literal(quoted.into()));
    }
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Term::Literal(number.into()));
    }
    let (kind, argument) = text.split_once(':').unwrap_or((text, ""));
    match (kind, argument) {
        ("attr", path) if !path.is_empty() => return attr(path),
        ("fact", name) if !name.is_empty() => return Ok(Term::Fact(name.to_owned())),
        _ => {}
    }
    let (count, label) = argument.split_once(':').unwrap_or((argument, ""));
    let length = || match count.parse::<usize>() {
        Ok(length @ 1..=4_096) => Ok(length),
        _ => Err(TemplateError::Count(text.to_owned())),
    };
    let plain = |what| Ok(Term::Invented(what, argument.to_owned()));
    let sized = |what| Ok(Term::Invented(what, label.to_owned()));
    match kind {
        "uuid" => plain(Invented::Uuid),
        "ip" => plain(Invented::Ip),
        "public_ip" => plain(Invented::PublicIp),
        "hex" => sized(Invented::Hex(length()?)),
        "digits" => sized(Invented::Digits(length()?)),
        "lower" => sized(Invented::Lower(length()?)),
        "upper" => sized(Invented::Upper(length()?)),
        "base64" => sized(Invented::Base64(length()?)),
        "int" => {
            let range = count.split_once('-').and_then(|(low, high)| {
                Some((low.parse::<i64>().ok()?, high.parse::<i64>().ok()?))
            });
            match range {
                Some((low, high)) if low <= high => sized(Invented::Int(low, high)),
                _ => Err(TemplateError::Count(text.to_owned())),
            }
        }
        _ => {
            let words = WORDS.iter().map(|(name, _)| *name).chain(KINDS);
            let nearest = nearest(kind, words).map(str::to_owned);
            Err(TemplateError::Word { word: text.to_owned(), nearest })
        }
    }
}

fn attr(path: &str) -> Result<Term, TemplateError> {
    let (path, filter) = match path.split_once('#') {
        None => (path, None),
        Some((path, "no-scheme")) => (path, Some(Filter::NoScheme)),
        Some((path, "no-slash")) => (path, Some(Filter::NoSlash)),
        Some((_, other)) => return Err(TemplateError::Filter(other.to_owned())),
    };
    Ok(Term::Attr(path.to_owned(), filter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_slip_in_a_template_is_named() {
        let said: Vec<_> = [
            json!("arn:{partiton}:x"),
            json!("{hexx:4}"),
            json!("{hex}"),
            json!("{hex:0}"),
            json!("{int:9-1}"),
            json!("{region"),
            json!("region}"),
            json!("{attr:url#no-host}"),
            json!("{'text}"),
            json!({"$rule": "acm_domain_validations"}),
            json!({"$match": "engine"}),
        ]
        .iter()
        .map(|json| Template::parse(json).expect_err(&json.to_string()).to_string())
        .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        there is no hole `partiton`, did you mean `partition`?
        there is no hole `hexx:4`, did you mean `hex`?
        `hex` needs a number from 1 to 4096, or for `int` a range such as `1-9`
        `hex:0` needs a number from 1 to 4096, or for `int` a range such as `1-9`
        `int:9-1` needs a number from 1 to 4096, or for `int` a range such as `1-9`
        `{region` has a brace without its partner; a brace that is text is written twice
        `region}` has a brace without its partner; a brace that is text is written twice
        there is no filter `no-host`, only `no-scheme` and `no-slash`
        there is no hole `'text`
        there is no rule `acm_domain_validations`, did you mean `acm_domain_validation`?
        `{"$match":"engine"}` is not of the form of a `$match` with `cases` or a `$rule`
        "#);
    }
}
