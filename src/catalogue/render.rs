//! A template filled in: the same context gives the same value, always.

use super::{
    regions::Regions,
    template::{Filter, Invented, Node, Part, Template, Term, Word},
};
use serde_json::{Map, Value};

/// What a template is filled in with.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The region that the resource is made in.
    pub region: &'a str,
    /// The cloud's partition, such as `aws-cn`.
    pub partition: &'a str,
    /// The AWS account.
    pub account: &'a str,
    /// The Google Cloud project.
    pub project: &'a str,
    /// The Azure subscription.
    pub subscription: &'a str,
    /// The Azure tenant.
    pub tenant: &'a str,
    /// What the name argument says, when it is known.
    pub name: Option<&'a str>,
    /// When the resource is made, as RFC 3339.
    pub time: &'a str,
    /// Tells one resource from another; the same seed invents the same values.
    pub seed: u64,
    /// The arguments that are known. What is unknown is not in it.
    pub attributes: &'a Map<String, Value>,
}

impl<'a> Context<'a> {
    /// Returns a context of made-up accounts in a region.
    pub fn new(region: &'a str, seed: u64, attributes: &'a Map<String, Value>) -> Self {
        let partition =
            Regions::known().find(region).map_or("aws", |region| region.partition.as_str());
        Self {
            region,
            partition,
            account: "123456789012",
            project: "drctl-rehearsal",
            subscription: "00000000-0000-4000-8000-000000000001",
            tenant: "00000000-0000-4000-8000-000000000002",
            name: None,
            time: "2025-01-01T00:00:00Z",
            seed,
            attributes,
        }
    }

    /// Returns the name: given, argued, grown from a prefix, or made up.
    fn name(&self) -> String {
        let argument = |key: &str| self.attributes.get(key).and_then(Value::as_str);
        let invented = || self.invent(Invented::Lower(10), "name");
        self.name
            .or_else(|| argument("name"))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .unwrap_or_else(|| match argument("name_prefix") {
                Some(prefix) => format!("{prefix}{}", as_text(&invented()).unwrap_or_default()),
                None => format!("drctl-{}", as_text(&invented()).unwrap_or_default()),
            })
    }

    /// Returns the known argument at `path`.
    pub(super) fn attribute(&self, path: &str) -> Option<&'a Value> {
        let mut steps = path.split('.');
        let first = self.attributes.get(steps.next()?)?;
        let found = steps.try_fold(first, |value, step| match value {
            Value::Object(map) => map.get(step),
            Value::Array(items) => match step.parse::<usize>() {
                Ok(index) => items.get(index),
                // A block is a list of one; its index may be left out.
                Err(_) => items.first()?.get(step),
            },
            _ => None,
        })?;
        (!found.is_null()).then_some(found)
    }

    fn word(&self, word: Word) -> Option<Value> {
        let region = || Regions::known().find(self.region);
        Some(match word {
            Word::Region => self.region.into(),
            Word::Partition => self.partition.into(),
            Word::Account => self.account.into(),
            Word::Project => self.project.into(),
            Word::Subscription => self.subscription.into(),
            Word::Tenant => self.tenant.into(),
            Word::Time => self.time.into(),
            Word::Name => self.name().into(),
            Word::DnsSuffix => match self.partition {
                "aws-cn" => "amazonaws.com.cn".into(),
                _ => "amazonaws.com".into(),
            },
            Word::ReverseDnsPrefix => match self.partition {
                "aws-cn" => "cn.com.amazonaws".into(),
                _ => "com.amazonaws".into(),
            },
            Word::Short => region()?.short()?.into(),
            Word::Zone => region()?.zones.as_ref()?.first()?.clone().into(),
            Word::Zones => region()?.zones.clone()?.into(),
            Word::ZoneIds => region()?.zone_ids()?.into(),
        })
    }

    /// Makes a value up from the seed, the kind and the label.
    pub(super) fn invent(&self, what: Invented, label: &str) -> Value {
        let mut dice = Dice::new(self.seed, &format!("{what:?} {label}"));
        match what {
            Invented::Hex(n) => dice.text(n, b"0123456789abcdef").into(),
            Invented::Lower(n) => dice.text(n, b"abcdefghijklmnopqrstuvwxyz0123456789").into(),
            Invented::Upper(n) => dice.text(n, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789").into(),
            Invented::Digits(n) => {
                format!("{}{}", dice.text(1, b"123456789"), dice.text(n - 1, b"0123456789")).into()
            }
            Invented::Base64(n) => {
                base64(&(0..n).map(|_| dice.below(256) as u8).collect::<Vec<_>>()).into()
            }
            Invented::Uuid => {
                let mut hex = |n| dice.text(n, b"0123456789abcdef");
                let (a, b, c, d, e) = (hex(8), hex(4), hex(3), hex(3), hex(12));
                format!("{a}-{b}-4{c}-8{d}-{e}").into()
            }
            Invented::Ip => {
                let mut octet = |from, to| from + dice.below(to - from);
                format!("10.{}.{}.{}", octet(0, 256), octet(0, 256), octet(4, 255)).into()
            }
            // RFC 5737 keeps these for documentation: nobody can be reached there by mistake.
            Invented::PublicIp => {
                let net = ["192.0.2", "198.51.100", "203.0.113"][dice.below(3) as usize];
                format!("{net}.{}", 1 + dice.below(254)).into()
            }
            Invented::Int(low, high) => (low + dice.below(high.abs_diff(low) + 1) as i64).into(),
        }
    }

    fn term(&self, term: &Term) -> Option<Value> {
        match term {
            Term::Word(word) => self.word(*word),
            Term::Literal(value) => Some(value.clone()),
            Term::Fact(name) => Some(Regions::known().fact(name, self.region)?.into()),
            Term::Invented(what, label) => Some(self.invent(*what, label)),
            Term::Attr(path, None) => self.attribute(path).cloned(),
            Term::Attr(path, Some(filter)) => {
                let text = self.attribute(path)?.as_str()?;
                let rest = match filter {
                    Filter::NoScheme => text.split_once("://").map_or(text, |(_, rest)| rest),
                    Filter::NoSlash => text.strip_prefix('/').unwrap_or(text),
                };
                Some(rest.into())
            }
        }
    }
}

impl Template {
    /// Fills the template in; null stands for what cannot be known.
    pub fn render(&self, context: &Context<'_>) -> Value {
        render(&self.0, context)
    }
}

fn render(node: &Node, context: &Context<'_>) -> Value {
    match node {
        Node::Literal(value) => value.clone(),
        Node::List(items) => items.iter().map(|item| render(item, context)).collect(),
        Node::Object(fields) => Value::Object(
            fields.iter().map(|(key, value)| (key.clone(), render(value, context))).collect(),
        ),
        Node::Text(parts) => text(parts, context).unwrap_or(Value::Null),
        Node::Rule(rule) => rule.compute(context),
        Node::Match { attribute, cases, otherwise } => {
            let found = context.attribute(attribute).and_then(as_text).unwrap_or_default();
            let case = cases.iter().find(|(words, _)| {
                words.split(' ').any(|word| match word.strip_suffix('*') {
                    Some(start) => found.starts_with(start),
                    None => found == word,
                })
            });
            render(case.map_or(otherwise, |(_, node)| node), context)
        }
    }
}

fn text(parts: &[Part], context: &Context<'_>) -> Option<Value> {
    let fill = |terms: &[Term]| terms.iter().find_map(|term| context.term(term));
    if let [Part::Hole(terms)] = parts {
        return fill(terms);
    }
    let mut whole = String::new();
    for part in parts {
        match part {
            Part::Text(text) => whole.push_str(text),
            Part::Hole(terms) => whole.push_str(&as_text(&fill(terms)?)?),
        }
    }
    Some(whole.into())
}

/// Returns a plain value as Terraform would put it into a text.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Numbers that look random and are the same every time: splitmix64 over a hash of the label.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, label: &str) -> Self {
        // FNV-1a, 64 bits.
        let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn text(&mut self, length: usize, alphabet: &[u8]) -> String {
        let mut letter = || char::from(alphabet[self.below(alphabet.len() as u64) as usize]);
        (0..length).map(|_| letter()).collect()
    }
}

/// Encodes bytes in base64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for i in 0..4 {
            if i <= chunk.len() {
                out.push(char::from(ALPHABET[(group >> (18 - 6 * i) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fill(template: Value, region: &str, seed: u64, attributes: Value) -> Value {
        let attributes = attributes.as_object().unwrap().clone();
        Template::parse(&template).unwrap().render(&Context::new(region, seed, &attributes))
    }

    #[test]
    fn a_template_is_filled_in_from_its_context() {
        let arn = json!("arn:{partition}:eks:{region}:{account}:cluster/{name}");
        assert_eq!(
            fill(arn.clone(), "ap-northeast-2", 1, json!({"name": "shop"})),
            "arn:aws:eks:ap-northeast-2:123456789012:cluster/shop"
        );
        assert_eq!(
            fill(arn, "cn-north-1", 1, json!({"name": "shop"})),
            "arn:aws-cn:eks:cn-north-1:123456789012:cluster/shop"
        );
        assert_eq!(fill(json!("a{{b}}"), "us-east-1", 1, json!({})), "a{b}");
    }

    #[test]
    fn a_lone_hole_keeps_its_type() {
        assert_eq!(
            fill(json!("{zones}"), "ap-northeast-1", 1, json!({})),
            json!(["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"])
        );
        assert_eq!(
            fill(json!("{zone_ids}"), "ap-northeast-1", 1, json!({})),
            json!(["apne1-az1", "apne1-az2", "apne1-az4"])
        );
        assert_eq!(fill(json!("{attr:port|5432}"), "us-east-1", 1, json!({})), 5432);
        assert_eq!(fill(json!("{attr:port|5432}"), "us-east-1", 1, json!({"port": 1})), 1);
    }

    #[test]
    fn what_cannot_be_known_is_null() {
        assert_eq!(fill(json!("x-{attr:bucket}"), "us-east-1", 1, json!({})), Value::Null);
        assert_eq!(fill(json!("{zones}"), "mars-1", 1, json!({})), Value::Null);
        assert_eq!(fill(json!("x-{attr:tags}"), "us-east-1", 1, json!({"tags": {}})), Value::Null);
    }

    #[test]
    fn the_same_hole_is_the_same_value_and_a_label_makes_another() {
        let both = json!(["{hex:17}", "x/{hex:17}", "{hex:17:b}"]);
        let first = fill(both.clone(), "us-east-1", 7, json!({}));
        assert_eq!(first[1], format!("x/{}", first[0].as_str().unwrap()));
        assert_ne!(first[0], first[2]);
        assert_eq!(first, fill(both.clone(), "us-east-1", 7, json!({})));
        assert_ne!(first, fill(both, "us-east-1", 8, json!({})));
    }

    #[test]
    fn what_is_made_up_has_its_form() {
        let made = fill(
            json!([
                "{hex:8}",
                "{upper:8}",
                "{digits:8}",
                "{uuid}",
                "{ip}",
                "{public_ip}",
                "{base64:10}",
                "{int:3-5}"
            ]),
            "us-east-1",
            42,
            json!({}),
        );
        insta::assert_snapshot!(made, @r#"["2faf77e3","AAQ2DITI","78262108","821810f0-bbcb-491c-8f71-531702480783","10.1.64.21","203.0.113.128","bXhvH77lqqmCrw==",3]"#);
    }

    #[test]
    fn paths_go_into_blocks_and_filters_take_off() {
        let block =
            json!({"vpc_config": [{"vpc_id": "vpc-1"}], "url": "https://a/b", "path": "/p"});
        let template = json!(
            "{attr:vpc_config.vpc_id} {attr:vpc_config.0.vpc_id} {attr:url#no-scheme} {attr:path#no-slash}"
        );
        assert_eq!(fill(template, "us-east-1", 1, block), "vpc-1 vpc-1 a/b p");
    }

    #[test]
    fn a_match_chooses_by_an_argument() {
        let port = json!({"$match": "engine", "cases": {"mysql aurora-m*": 3306}, "else": 5432});
        for (engine, expected) in [("mysql", 3306), ("aurora-mysql", 3306), ("postgres", 5432)] {
            assert_eq!(fill(port.clone(), "us-east-1", 1, json!({"engine": engine})), expected);
        }
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let encoded: Vec<_> = texts.map(|text| base64(text.as_bytes())).into();
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
