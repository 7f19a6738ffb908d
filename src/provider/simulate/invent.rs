//! Values that nobody knows: made up of what is known of their use and of their names.
//!
//! The same seed makes up the same value, always.

use crate::provider::infer::{Hint, Length, Text};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

/// How deep values are made up; what is deeper is a string.
const MAX_DEPTH: usize = 8;

/// How many there are of what a data source finds, when nothing tells: three zones, three subnets.
const FOUND: usize = 3;

/// For what a value is made up.
#[derive(Clone, Debug)]
pub(super) struct Scene<'a> {
    /// The type, such as `aws_vpc`.
    pub(super) kind: &'a str,
    /// It is a data source's.
    pub(super) in_data: bool,
    /// Where.
    pub(super) region: &'a str,
    /// The zones of the region, at least one.
    pub(super) zones: &'a [String],
    /// The partition, such as `aws`.
    pub(super) partition: &'a str,
    /// The account in digits.
    pub(super) account: &'a str,
    /// Tells one from another.
    pub(super) seed: u64,
}

/// Returns a number that hangs on all the parts and on where each ends.
pub(super) fn seed(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    u64::from_be_bytes(first)
}

impl Scene<'_> {
    /// Makes a value up for the attribute `name`.
    pub(super) fn invent(&self, name: &str, hint: &Hint) -> Json {
        self.value(name, hint, 0, 0)
    }

    /// Makes up what is read of a value and is not in it: members of objects.
    pub(super) fn complete(&self, name: &str, json: Json, hint: &Hint) -> Json {
        match (json, hint) {
            (Json::Array(elements), Hint::List { of, .. } | Hint::Set(of)) => {
                let each = elements.into_iter().map(|json| self.complete(name, json, of));
                each.collect()
            }
            (json @ Json::Object(_), Hint::List { of, .. }) => {
                Json::Array(vec![self.complete(name, json, of)])
            }
            (Json::Object(mut members), Hint::Object(fields)) => {
                for (field, hint) in fields {
                    let made = match members.remove(field) {
                        None | Some(Json::Null) => self.invent(field, hint),
                        Some(json) => self.complete(field, json, hint),
                    };
                    members.insert(field.clone(), made);
                }
                Json::Object(members)
            }
            // Random bytes are no text, and what is decoded here has to be one.
            (Json::String(text), Hint::Text(wanted)) if !decodes(&text, wanted) => {
                self.invent(name, hint)
            }
            (json, _) => json,
        }
    }

    /// Returns digits that are this scene's own.
    pub(super) fn hex_digits(&self) -> String {
        self.hex("digits", 0)
    }

    /// `nth` tells the elements of a list apart.
    fn value(&self, name: &str, hint: &Hint, nth: usize, depth: usize) -> Json {
        if depth > MAX_DEPTH {
            return self.plain(name, nth).into();
        }
        let element = |of: &Hint, nth| self.value(singular(name), of, nth, depth + 1);
        match hint {
            Hint::Unknown => self.unhinted(name, nth),
            Hint::Bool => false.into(),
            Hint::Number => number(name).into(),
            Hint::Text(text) => self.text(name, text, nth, depth).into(),
            Hint::List { of, length } => {
                (0..self.length(*length, of)).map(|n| element(of, n)).collect()
            }
            Hint::Set(of) => {
                (0..self.length(Length::AtLeast(0), of)).map(|n| element(of, n)).collect()
            }
            Hint::Map(of) => json!({ "key": element(of, nth) }),
            Hint::Object(fields) => {
                let member = |(field, hint): (&String, &Hint)| {
                    (field.clone(), self.value(field, hint, nth, depth + 1))
                };
                Json::Object(fields.iter().map(member).collect::<Map<_, _>>())
            }
        }
    }

    fn length(&self, length: Length, of: &Hint) -> usize {
        match length {
            Length::One => 1,
            Length::AtLeast(least) => {
                let simple = !matches!(of, Hint::Object(_) | Hint::List { .. } | Hint::Map(_));
                least.max(if self.in_data && simple { FOUND } else { 1 })
            }
        }
    }

    fn unhinted(&self, name: &str, nth: usize) -> Json {
        let plural = name.ends_with("_ids") || name.ends_with("_names");
        if self.in_data && plural {
            return (0..FOUND).map(|n| Json::from(self.plain(singular(name), n))).collect();
        }
        self.plain(name, nth).into()
    }

    fn text(&self, name: &str, text: &Text, nth: usize, depth: usize) -> String {
        let hash = self.hex(name, nth);
        let byte = |n: u32| (self.bits(name, nth) >> (8 * n)) & 0xff;
        match text {
            Text::Plain => self.plain(name, nth),
            Text::Cidr if name.contains("v6") => format!("fd00:{}::/56", &hash[..4]),
            Text::Cidr => format!("10.{}.0.0/16", (byte(0) + nth as u64) % 250),
            Text::IpAddress if name.contains("v6") => format!("fd00:{}::1", &hash[..4]),
            // RFC 5737 keeps these for documentation: nobody can be reached there by mistake.
            Text::IpAddress if name.contains("public") => {
                format!("203.0.113.{}", 1 + byte(0) % 254)
            }
            Text::IpAddress => format!("10.{}.{}.{}", byte(0) % 250, byte(1), 4 + byte(2) % 250),
            Text::Base64 => STANDARD.encode(format!("drctl {hash}")),
            Text::Json(inner) | Text::Yaml(inner) => match &**inner {
                Hint::Unknown => "{}".to_owned(),
                inner => self.value(name, inner, nth, depth + 1).to_string(),
            },
            Text::Arn => self.arn(name, &hash),
            Text::Url if name == "self_link" => {
                format!("https://www.googleapis.com/compute/v1/projects/{}/{hash}", self.account)
            }
            Text::Url => format!("https://{hash}.{}.example.com", self.region),
            Text::Host => format!("{hash}.{}.example.com", self.region),
            Text::Timestamp => "2030-01-01T00:00:00Z".to_owned(),
            Text::Zone if name.contains("region") || name == "location" => self.region.to_owned(),
            Text::Zone => self.zones[nth % self.zones.len()].clone(),
            Text::Digits if name.contains("account") || name.contains("owner") => {
                self.account.to_owned()
            }
            Text::Digits => (100_000_000_000 + self.bits(name, nth) % 900_000_000_000).to_string(),
        }
    }

    fn plain(&self, name: &str, nth: usize) -> String {
        let hash = self.hex(name, nth);
        if name == "id" {
            return self.id(&hash);
        }
        if name.contains("region") || name == "location" {
            return self.region.to_owned();
        }
        if name.ends_with("version") {
            return "1.30".to_owned();
        }
        format!("{}-{}", name.replace('_', "-"), &hash[..10])
    }

    /// An identifier in the form of the type's cloud.
    fn id(&self, hash: &str) -> String {
        match self.kind.split_once('_') {
            Some(("aws", kind)) => {
                format!("{}-0{hash}", kind.rsplit('_').next().unwrap_or(kind))
            }
            Some(("google", kind)) => format!("projects/{}/{kind}/{hash}", self.account),
            Some(("azurerm", kind)) => format!(
                "/subscriptions/{}/resourceGroups/rehearsal/providers/Microsoft.Rehearsal/{kind}/{hash}",
                self.account
            ),
            _ => hash.to_owned(),
        }
    }

    fn arn(&self, name: &str, hash: &str) -> String {
        let mut words = self.kind.splitn(3, '_').skip(1);
        let service = words.next().unwrap_or("rehearsal");
        let what = words.next().unwrap_or(name).replace('_', "-");
        let (partition, region, account) = (self.partition, self.region, self.account);
        format!("arn:{partition}:{service}:{region}:{account}:{what}/{hash}")
    }

    fn bits(&self, name: &str, nth: usize) -> u64 {
        seed(&[&self.seed.to_be_bytes(), name.as_bytes(), &nth.to_be_bytes()])
    }

    fn hex(&self, name: &str, nth: usize) -> String {
        format!("{:016x}", self.bits(name, nth))
    }
}

/// Whether a text can be decoded as Terraform's function would.
fn decodes(text: &str, wanted: &Text) -> bool {
    match wanted {
        Text::Base64 => STANDARD.decode(text).is_ok_and(|bytes| String::from_utf8(bytes).is_ok()),
        Text::Json(_) => serde_json::from_str::<Json>(text).is_ok(),
        _ => true,
    }
}

fn number(name: &str) -> i64 {
    if name.contains("port") { 443 } else { 1 }
}

fn singular(name: &str) -> &str {
    name.strip_suffix('s').filter(|rest| !rest.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene<T>(in_data: bool, look: impl FnOnce(&Scene<'_>) -> T) -> T {
        let zones = ["x-1a".to_owned(), "x-1b".to_owned()];
        look(&Scene {
            kind: "aws_eks_cluster",
            in_data,
            region: "x-1",
            zones: &zones,
            partition: "aws",
            account: "123456789012",
            seed: 1,
        })
    }

    fn made(name: &str, hint: &Hint) -> Json {
        scene(false, |scene| scene.invent(name, hint))
    }

    #[test]
    fn a_value_has_the_form_that_its_use_wants() {
        let json = made("policy", &Hint::Text(Text::Json(Box::new(Hint::list(Hint::TEXT)))));
        let read: Json = serde_json::from_str(json.as_str().unwrap()).unwrap();
        assert_eq!(read.as_array().unwrap().len(), 1);
        let data = made("data", &Hint::Text(Text::Base64));
        assert!(STANDARD.decode(data.as_str().unwrap()).is_ok());
        let arn = made("arn", &Hint::Text(Text::Arn));
        assert!(arn.as_str().unwrap().starts_with("arn:aws:eks:x-1:123456789012:cluster/"));
        let cidr = made("cidr_block", &Hint::Text(Text::Cidr));
        assert!(cidr.as_str().unwrap().ends_with(".0.0/16"));
        let host = Hint::Text(Text::Host);
        assert!(made("endpoint", &host).as_str().unwrap().ends_with(".x-1.example.com"));
        assert_eq!(made("port", &Hint::Number), 443);
        assert_eq!(made("id", &Hint::Unknown).as_str().unwrap().len(), "cluster-0".len() + 16);
    }

    #[test]
    fn a_list_is_as_long_as_it_is_indexed() {
        let list = |length| Hint::List { of: Box::new(Hint::Text(Text::Zone)), length };
        assert_eq!(made("zones", &list(Length::AtLeast(3))), json!(["x-1a", "x-1b", "x-1a"]));
        assert_eq!(made("zones", &list(Length::One)), json!(["x-1a"]));
        let found = scene(true, |scene| scene.invent("names", &list(Length::AtLeast(0))));
        assert_eq!(found.as_array().unwrap().len(), FOUND);
    }

    #[test]
    fn the_same_seed_makes_up_the_same_and_names_differ() {
        assert_eq!(made("name", &Hint::TEXT), made("name", &Hint::TEXT));
        assert_ne!(made("a", &Hint::TEXT), made("b", &Hint::TEXT));
        let two = Hint::List { of: Box::new(Hint::TEXT), length: Length::AtLeast(2) };
        let names = made("names", &two);
        assert_ne!(names[0], names[1]);
    }

    #[test]
    fn what_a_known_value_lacks_is_made_up() {
        let fields = [("a".to_owned(), Hint::TEXT), ("b".to_owned(), Hint::Number)];
        let hint = Hint::list(Hint::Object(fields.into()));
        let whole = scene(false, |scene| scene.complete("x", json!([{"a": "kept"}]), &hint));
        assert_eq!(whole, json!([{"a": "kept", "b": 1}]));
        let wrapped = scene(false, |scene| scene.complete("x", json!({"a": "k", "b": 2}), &hint));
        assert_eq!(wrapped, json!([{"a": "k", "b": 2}]));
        let bytes = STANDARD.encode([0xff]);
        let hint = Hint::Text(Text::Base64);
        let text = scene(false, |scene| scene.complete("x", bytes.into(), &hint));
        let text = STANDARD.decode(text.as_str().unwrap()).unwrap();
        assert!(String::from_utf8(text).is_ok());
    }
}
