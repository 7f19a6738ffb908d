//! Record sets, as Route 53 tells and takes them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt, net::IpAddr};

/// One record set. What is in it and not known here stays in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct RecordSet(Value);

impl RecordSet {
    /// Makes one that nothing decides between.
    pub(super) fn plain(name: &str, kind: &str, ttl: u64, values: &[String]) -> Self {
        let values: Vec<Value> = values.iter().map(|value| json!({ "Value": value })).collect();
        Self(json!({ "Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": values }))
    }

    /// Returns its name as people write it.
    pub(super) fn name(&self) -> String {
        canonical(self.text("/Name").unwrap_or_default())
    }

    /// Returns its type, such as `A`.
    pub(super) fn kind(&self) -> &str {
        self.text("/Type").unwrap_or_default()
    }

    /// Returns what tells it from others of its name and type.
    pub(super) fn id(&self) -> Option<&str> {
        self.text("/SetIdentifier")
    }

    /// Returns its share of the answers, from 0 to 255.
    pub(super) fn weight(&self) -> Option<u64> {
        self.0.pointer("/Weight").and_then(Value::as_u64)
    }

    /// Returns `PRIMARY` or `SECONDARY`.
    pub(super) fn failover(&self) -> Option<&str> {
        self.text("/Failover")
    }

    /// Returns how long an answer may be kept, in seconds; an alias has none of its own.
    pub(super) fn ttl(&self) -> Option<u64> {
        self.0.pointer("/TTL").and_then(Value::as_u64)
    }

    /// Returns the name whose addresses it answers with, when it is an alias.
    pub(super) fn alias(&self) -> Option<String> {
        self.text("/AliasTarget/DNSName").map(canonical)
    }

    /// Returns its values, or the target of an alias.
    pub(super) fn leads_to(&self) -> Vec<String> {
        if let Some(target) = self.alias() {
            return vec![target];
        }
        let values = self.0.pointer("/ResourceRecords").and_then(Value::as_array);
        let texts = values.into_iter().flatten().filter_map(|v| v.pointer("/Value")?.as_str());
        texts.map(value).collect()
    }

    /// Returns it with another weight.
    pub(super) fn with_weight(&self, weight: u8) -> Self {
        self.with("Weight", weight.into())
    }

    /// Returns it with another role, `PRIMARY` or `SECONDARY`.
    pub(super) fn with_failover(&self, role: &str) -> Self {
        self.with("Failover", role.into())
    }

    fn with(&self, key: &str, value: Value) -> Self {
        let mut changed = self.clone();
        changed.0[key] = value;
        changed
    }

    /// Returns true when both are the same record set, whatever is in them.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.name() == other.name() && self.kind() == other.kind() && self.id() == other.id()
    }

    /// Returns true when both say the same, however it is written.
    pub(super) fn says(&self, other: &Self) -> bool {
        self.compared() == other.compared()
    }

    /// It with all that can be written in several ways written in one.
    fn compared(&self) -> Value {
        let mut all = self.0.clone();
        if let Some(fields) = all.as_object_mut() {
            let values: BTreeSet<String> = self.leads_to().into_iter().collect();
            fields.insert("Name".to_owned(), self.name().into());
            match fields.get_mut("AliasTarget") {
                Some(target) => target["DNSName"] = self.alias().into(),
                None => drop(fields.insert("ResourceRecords".to_owned(), json!(values))),
            }
        }
        all
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer).and_then(Value::as_str)
    }
}

impl fmt::Display for RecordSet {
    /// Names it in a few words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())?;
        self.id().map_or(Ok(()), |id| write!(f, " ({id})"))
    }
}

/// A name without the dot at its end, in small letters, and with `*` as it is: Route 53 tells that
/// as `\052`.
pub(super) fn canonical(name: &str) -> String {
    name.trim_end_matches('.').replace("\\052", "*").to_lowercase()
}

/// An address as all write it, or a name.
pub(super) fn value(text: &str) -> String {
    text.parse::<IpAddr>().map_or_else(|_| canonical(text), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_two_ways_says_the_same() {
        let told = RecordSet(json!({
            "Name": "\\052.Example.com.", "Type": "AAAA", "TTL": 60,
            "ResourceRecords": [{ "Value": "2001:db8:0::2" }, { "Value": "2001:db8::1" }],
        }));
        let both = ["2001:db8::1", "2001:db8::2"].map(str::to_owned);
        assert!(told.says(&RecordSet::plain("*.example.com", "AAAA", 60, &both)));
        assert!(!told.says(&RecordSet::plain("*.example.com", "AAAA", 61, &both)));
        assert!(!told.says(&RecordSet::plain("*.example.com", "AAAA", 60, &both[..1])));
        let alias = |name: &str, health: bool| {
            RecordSet(json!({ "Name": "a.", "Type": "A", "AliasTarget":
                { "DNSName": name, "HostedZoneId": "Z2", "EvaluateTargetHealth": health } }))
        };
        assert!(alias("LB.example.net.", true).says(&alias("lb.example.net", true)));
        assert!(!alias("lb.example.net", true).says(&alias("lb.example.net", false)));
    }
}
