//! What has to be changed so that a name leads to the fallback, and what puts that back.

use super::{
    Way,
    error::DnsError,
    record::{RecordSet, canonical, value},
};
use crate::probe::DnsKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The types of records that lead somewhere.
const KINDS: [(&str, DnsKind); 3] =
    [("A", DnsKind::A), ("AAAA", DnsKind::Aaaa), ("CNAME", DnsKind::Cname)];

/// How long an answer made from an alias may be kept, in seconds: that of Elastic Load Balancing,
/// CloudFront and most others that an alias can lead to.
///
/// Source: Amazon Route 53 Developer Guide, "Values specific for simple alias records".
const ALIAS_TTL: u64 = 60;

/// How long an answer may be kept that a new record gives, in seconds, unless the runbook says.
///
/// Source: the same guide, "Values specific for simple records", recommends 60 s or less for what is
/// failed over.
const TTL: u64 = 60;

/// One record set before and after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Change {
    /// As it was; absent when it was not there.
    pub(super) before: Option<RecordSet>,
    /// As it is then; absent when it is taken away.
    pub(super) after: Option<RecordSet>,
}

/// What is to be done with the records of a name.
#[derive(Debug, Default)]
pub(super) struct Planned {
    /// What differs afterwards.
    pub(super) changes: Vec<Change>,
    /// All records that lead somewhere, as they are.
    pub(super) before: Vec<RecordSet>,
    /// The same as they are afterwards.
    pub(super) after: Vec<RecordSet>,
    /// What is worth knowing.
    pub(super) notes: Vec<String>,
}

impl Change {
    fn of(before: &RecordSet, after: &RecordSet) -> Option<Self> {
        let differs = !before.says(after);
        differs.then(|| Self { before: Some(before.clone()), after: Some(after.clone()) })
    }

    /// Returns the way back.
    pub(super) fn back(self) -> Self {
        Self { before: self.after, after: self.before }
    }

    /// The record set that it is about, in either state.
    pub(super) fn about(&self) -> Option<&RecordSet> {
        self.after.as_ref().or(self.before.as_ref())
    }

    /// Whether Route 53 has to be told in two steps: two records cannot both be primary in between.
    fn takes_two(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => before.failover() != after.failover(),
            _ => false,
        }
    }
}

/// Returns the change batch of Route 53 that makes `changes`, all at once or not at all.
pub(super) fn batch(changes: &[Change], comment: &str) -> Value {
    let one = |action: &str, set: &RecordSet| json!({ "Action": action, "ResourceRecordSet": set });
    let gone = changes.iter().filter(|change| change.after.is_none() || change.takes_two());
    // What is deleted must be as it was told, or Route 53 refuses all of it.
    let gone = gone.filter_map(|change| change.before.as_ref()).map(|set| one("DELETE", set));
    let made = changes.iter().filter_map(|change| {
        let action = if change.takes_two() { "CREATE" } else { "UPSERT" };
        Some(one(action, change.after.as_ref()?))
    });
    json!({ "Comment": comment, "Changes": gone.chain(made).collect::<Vec<_>>() })
}

/// Returns what has to be done with `all`, the records of the zone from `record` on.
///
/// # Errors
///
/// The records are not such that it could be done.
pub(super) fn planned(
    record: &str,
    kind: Option<&str>,
    way: &Way,
    all: &[RecordSet],
) -> Result<Planned, DnsError> {
    let name = canonical(record);
    let leads = |set: &&RecordSet| KINDS.iter().any(|(kind, _)| *kind == set.kind());
    let there: Vec<&RecordSet> =
        all.iter().filter(|set| set.name() == name).filter(leads).collect();
    let (of_kind, others): (Vec<&RecordSet>, Vec<&RecordSet>) =
        there.iter().partition(|set| kind.is_none_or(|kind| kind == set.kind()));
    let mut planned = match way {
        Way::Weights(weights) => weighted(&name, weights, &of_kind),
        Way::Failover(id) => failed_over(&name, id, &of_kind),
        Way::Values { values, ttl } => plain(&name, kind, (values, *ttl), &there),
        Way::Unknown => Ok(Planned::default()),
    }?;
    if !matches!(way, Way::Values { .. }) {
        let left: BTreeSet<&str> = others.iter().map(|set| set.kind()).collect();
        planned.notes.extend(left.iter().map(|kind| stays(&name, kind)));
    }
    Ok(planned)
}

fn stays(name: &str, kind: &str) -> String {
    format!("the {kind} records of `{name}` are left as they are")
}

fn weighted(
    name: &str,
    weights: &BTreeMap<String, u8>,
    there: &[&RecordSet],
) -> Result<Planned, DnsError> {
    const SORT: &str = "weighted";
    let there: Vec<_> = there.iter().filter(|set| set.weight().is_some()).copied().collect();
    named(name, SORT, weights.keys(), &there)?;
    let mut planned = Planned::default();
    for before in there {
        let weight = before.id().and_then(|id| weights.get(id));
        let after = weight.map_or_else(|| before.clone(), |weight| before.with_weight(*weight));
        if weight.is_none() {
            let kept = before.weight().unwrap_or_default();
            planned.notes.push(format!("the record {before} keeps its weight of {kept}"));
        }
        planned.add(before, after);
    }
    let kinds: BTreeSet<&str> = planned.after.iter().map(RecordSet::kind).collect();
    for kind in kinds {
        let mut of_kind = planned.after.iter().filter(|set| set.kind() == kind);
        if of_kind.all(|set| set.weight() == Some(0)) {
            let (record, kind) = (name.to_owned(), kind.to_owned());
            return Err(DnsError::NoWeight { record, kind });
        }
    }
    Ok(planned)
}

fn failed_over(name: &str, id: &str, there: &[&RecordSet]) -> Result<Planned, DnsError> {
    const SORT: &str = "failover";
    let there: Vec<_> = there.iter().filter(|set| set.failover().is_some()).copied().collect();
    named(name, SORT, [&id.to_owned()], &there)?;
    let mut planned = Planned::default();
    let kinds: BTreeSet<&str> = there.iter().map(|set| set.kind()).collect();
    for kind in kinds {
        let of_kind: Vec<_> = there.iter().filter(|set| set.kind() == kind).collect();
        if !of_kind.iter().any(|set| set.id() == Some(id)) {
            planned.notes.push(stays(name, kind));
            continue;
        }
        for before in of_kind {
            let role = if before.id() == Some(id) { "PRIMARY" } else { "SECONDARY" };
            planned.add(before, before.with_failover(role));
        }
    }
    Ok(planned)
}

fn plain(
    name: &str,
    kind: Option<&str>,
    (values, ttl): (&[String], Option<u64>),
    there: &[&RecordSet],
) -> Result<Planned, DnsError> {
    let kind = kind.unwrap_or_else(|| kind_of(values));
    // A CNAME stands alone, so it is in the way of all others, and they of it.
    let in_the_way = |set: &&&RecordSet| (set.kind() == "CNAME") != (kind == "CNAME");
    let same: Vec<_> = there.iter().filter(|set| set.kind() == kind).collect();
    let ids = there.iter().filter(|set| set.kind() == kind || in_the_way(set));
    let ids: Vec<String> = ids.filter_map(|set| set.id().map(str::to_owned)).collect();
    if !ids.is_empty() {
        return Err(DnsError::NotPlain { record: name.to_owned(), ids });
    }
    let mut planned = Planned::default();
    for set in there.iter().filter(in_the_way) {
        planned.before.push((*set).clone());
        planned.changes.push(Change { before: Some((*set).clone()), after: None });
    }
    let ttl = ttl.or_else(|| same.first()?.ttl()).unwrap_or(TTL);
    let after = RecordSet::plain(name, kind, ttl, values);
    match same.first() {
        Some(before) => planned.add(before, after),
        None => {
            planned.changes.push(Change { before: None, after: Some(after.clone()) });
            planned.after.push(after);
        }
    }
    let left = there.iter().filter(|set| set.kind() != kind && !in_the_way(set));
    planned.notes.extend(left.map(|set| stays(name, set.kind())));
    Ok(planned)
}

/// Returns the type of record that can hold `values`: that of the first, as all are of one.
pub(super) fn kind_of(values: &[String]) -> &'static str {
    match values.first().and_then(|value| value.parse().ok()) {
        Some(std::net::IpAddr::V4(_)) => "A",
        Some(std::net::IpAddr::V6(_)) => "AAAA",
        None => "CNAME",
    }
}

/// Checks that there is a record of every set identifier that the runbook names.
fn named<'a>(
    name: &str,
    sort: &'static str,
    ids: impl IntoIterator<Item = &'a String>,
    there: &[&RecordSet],
) -> Result<(), DnsError> {
    let known: BTreeSet<&str> = there.iter().filter_map(|set| set.id()).collect();
    let record = name.to_owned();
    if known.is_empty() {
        return Err(DnsError::NoRecords { record, sort });
    }
    match ids.into_iter().find(|id| !known.contains(id.as_str())) {
        None => Ok(()),
        Some(id) => Err(DnsError::NoSuchRecord {
            record,
            sort,
            id: id.clone(),
            known: known.into_iter().map(str::to_owned).collect(),
        }),
    }
}

impl Planned {
    fn add(&mut self, before: &RecordSet, after: RecordSet) {
        self.changes.extend(Change::of(before, &after));
        self.before.push(before.clone());
        self.after.push(after);
    }
}

/// Returns those of `sets` that answers are made from while all are healthy.
fn leading(sets: &[RecordSet]) -> impl Iterator<Item = &RecordSet> {
    sets.iter().filter(|set| set.weight() != Some(0) && set.failover() != Some("SECONDARY"))
}

/// Returns where a name leads by its records, without repetition.
pub(super) fn leads_to(sets: &[RecordSet]) -> Vec<String> {
    let all: BTreeSet<String> = leading(sets).flat_map(RecordSet::leads_to).collect();
    all.into_iter().collect()
}

/// Returns how long whoever asked may keep the answer, in seconds: the longest of `sets`.
pub(super) fn ttl(sets: &[RecordSet]) -> u64 {
    leading(sets).map(|set| set.ttl().unwrap_or(ALIAS_TTL)).max().unwrap_or_default()
}

/// What servers should answer to one kind of question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Addresses or names as they stand in the records.
    pub(super) values: BTreeSet<String>,
    /// Names whose addresses the answers are.
    pub(super) aliases: BTreeSet<String>,
}

/// Returns what servers should answer by the records.
pub(super) fn wanted(sets: &[RecordSet]) -> BTreeMap<DnsKind, Wanted> {
    let mut all: BTreeMap<DnsKind, Wanted> = BTreeMap::new();
    for set in leading(sets) {
        let Some((_, kind)) = KINDS.iter().find(|(kind, _)| *kind == set.kind()) else { continue };
        let wanted = all.entry(*kind).or_default();
        match set.alias() {
            Some(target) => drop(wanted.aliases.insert(target)),
            None => wanted.values.extend(set.leads_to().iter().map(|text| value(text))),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(all: Value) -> Vec<RecordSet> {
        serde_json::from_value(all).unwrap()
    }

    fn weighted_sets() -> Vec<RecordSet> {
        sets(json!([
            { "Name": "shop.example.com.", "Type": "A", "SetIdentifier": "tokyo", "Weight": 100,
              "TTL": 30, "HealthCheckId": "h1", "ResourceRecords": [{ "Value": "192.0.2.1" }] },
            { "Name": "shop.example.com.", "Type": "A", "SetIdentifier": "seoul", "Weight": 0,
              "TTL": 60, "ResourceRecords": [{ "Value": "192.0.2.2" }] },
            { "Name": "shop.example.com.", "Type": "A", "SetIdentifier": "canary", "Weight": 1,
              "TTL": 60, "ResourceRecords": [{ "Value": "192.0.2.3" }] },
            { "Name": "shop.example.com.", "Type": "AAAA", "SetIdentifier": "seoul", "Weight": 0,
              "AliasTarget": { "DNSName": "LB.example.net.", "HostedZoneId": "Z2",
                               "EvaluateTargetHealth": true } },
            { "Name": "shop.example.com.", "Type": "TXT", "TTL": 60,
              "ResourceRecords": [{ "Value": "\"x\"" }] },
            { "Name": "www.example.com.", "Type": "A", "TTL": 60,
              "ResourceRecords": [{ "Value": "192.0.2.9" }] },
        ]))
    }

    fn plan(kind: Option<&str>, way: &Way, all: &[RecordSet]) -> Result<Planned, DnsError> {
        planned("Shop.example.com", kind, way, all)
    }

    fn weights(all: &[(&str, u8)]) -> Way {
        Way::Weights(all.iter().map(|(id, weight)| ((*id).to_owned(), *weight)).collect())
    }

    /// The batch, an action a line.
    fn lines(changes: &[Change]) -> String {
        let batch = batch(changes, "test");
        let line = |change: &Value| {
            let set: RecordSet =
                serde_json::from_value(change["ResourceRecordSet"].clone()).unwrap();
            let how = change["ResourceRecordSet"].to_string();
            format!("{} {set}: {how}", change["Action"].as_str().unwrap())
        };
        batch["Changes"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn weights_change_nothing_else_of_a_record() {
        let planned =
            plan(None, &weights(&[("tokyo", 0), ("seoul", 10)]), &weighted_sets()).unwrap();
        insta::assert_snapshot!(lines(&planned.changes), @r#"
        UPSERT A shop.example.com (tokyo): {"HealthCheckId":"h1","Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.1"}],"SetIdentifier":"tokyo","TTL":30,"Type":"A","Weight":0}
        UPSERT A shop.example.com (seoul): {"Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.2"}],"SetIdentifier":"seoul","TTL":60,"Type":"A","Weight":10}
        UPSERT AAAA shop.example.com (seoul): {"AliasTarget":{"DNSName":"LB.example.net.","EvaluateTargetHealth":true,"HostedZoneId":"Z2"},"Name":"shop.example.com.","SetIdentifier":"seoul","Type":"AAAA","Weight":10}
        "#);
        insta::assert_snapshot!(planned.notes.join("\n"), @"the record A shop.example.com (canary) keeps its weight of 1");
        assert_eq!(leads_to(&planned.before), ["192.0.2.1", "192.0.2.3"]);
        assert_eq!(leads_to(&planned.after), ["192.0.2.2", "192.0.2.3", "lb.example.net"]);
        assert_eq!((ttl(&planned.before), ttl(&planned.after)), (60, 60));
        let wanted = wanted(&planned.after);
        assert_eq!(wanted[&DnsKind::Aaaa].aliases, ["lb.example.net".to_owned()].into());
        assert_eq!(wanted[&DnsKind::A].values.len(), 2);
    }

    #[test]
    fn weights_that_are_there_change_nothing() {
        let way = weights(&[("tokyo", 100), ("canary", 1)]);
        let planned = plan(Some("A"), &way, &weighted_sets()).unwrap();
        assert!(planned.changes.is_empty());
        insta::assert_snapshot!(planned.notes.join("\n"), @r"
        the record A shop.example.com (seoul) keeps its weight of 0
        the AAAA records of `shop.example.com` are left as they are
        ");
    }

    #[test]
    fn what_does_not_fit_the_records_is_an_error() {
        let all = weighted_sets();
        let values = Way::Values { values: vec!["192.0.2.7".to_owned()], ttl: None };
        let said = [
            plan(None, &weights(&[("osaka", 1)]), &all).unwrap_err(),
            plan(None, &weights(&[("tokyo", 0), ("canary", 0)]), &all).unwrap_err(),
            plan(None, &Way::Failover("tokyo".to_owned()), &all).unwrap_err(),
            plan(None, &values, &all).unwrap_err(),
            plan(Some("CNAME"), &weights(&[("tokyo", 1)]), &all).unwrap_err(),
        ];
        let said = said.map(|error| format!("{error}\n  {}", error.hint().unwrap()));
        insta::assert_snapshot!(said.join("\n"), @r"
        `shop.example.com` has no weighted record `osaka`
          Name one of these set identifiers: `canary`, `seoul`, `tokyo`
        every A record of `shop.example.com` would have the weight 0, and so lead to all of them alike
          Give a weight above 0 to the record of the fallback
        `shop.example.com` has no failover records
          Look at its records, and choose `weights`, `failover` or `values` by these: `aws route53 list-resource-record-sets --hosted-zone-id … --start-record-name shop.example.com --max-items 10`
        `shop.example.com` has records with set identifiers (`tokyo`, `seoul`, `canary`), and no plain record can stand beside them
          Use `weights` or `failover` in place of `values`
        `shop.example.com` has no weighted records
          Look at its records, and choose `weights`, `failover` or `values` by these: `aws route53 list-resource-record-sets --hosted-zone-id … --start-record-name shop.example.com --max-items 10`
        ");
    }

    #[test]
    fn two_records_swap_their_roles_at_once_and_back() {
        let all = sets(json!([
            { "Name": "shop.example.com.", "Type": "A", "SetIdentifier": "t", "Failover": "PRIMARY",
              "TTL": 30, "HealthCheckId": "h1", "ResourceRecords": [{ "Value": "192.0.2.1" }] },
            { "Name": "shop.example.com.", "Type": "A", "SetIdentifier": "s",
              "Failover": "SECONDARY", "TTL": 60, "ResourceRecords": [{ "Value": "192.0.2.2" }] },
        ]));
        let planned = plan(None, &Way::Failover("s".to_owned()), &all).unwrap();
        insta::assert_snapshot!(lines(&planned.changes), @r#"
        DELETE A shop.example.com (t): {"Failover":"PRIMARY","HealthCheckId":"h1","Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.1"}],"SetIdentifier":"t","TTL":30,"Type":"A"}
        DELETE A shop.example.com (s): {"Failover":"SECONDARY","Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.2"}],"SetIdentifier":"s","TTL":60,"Type":"A"}
        CREATE A shop.example.com (t): {"Failover":"SECONDARY","HealthCheckId":"h1","Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.1"}],"SetIdentifier":"t","TTL":30,"Type":"A"}
        CREATE A shop.example.com (s): {"Failover":"PRIMARY","Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.2"}],"SetIdentifier":"s","TTL":60,"Type":"A"}
        "#);
        assert_eq!(leads_to(&planned.after), ["192.0.2.2"]);
        let back: Vec<Change> = planned.changes.into_iter().map(Change::back).collect();
        insta::assert_snapshot!(lines(&back), @r#"
        DELETE A shop.example.com (t): {"Failover":"SECONDARY","HealthCheckId":"h1","Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.1"}],"SetIdentifier":"t","TTL":30,"Type":"A"}
        DELETE A shop.example.com (s): {"Failover":"PRIMARY","Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.2"}],"SetIdentifier":"s","TTL":60,"Type":"A"}
        CREATE A shop.example.com (t): {"Failover":"PRIMARY","HealthCheckId":"h1","Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.1"}],"SetIdentifier":"t","TTL":30,"Type":"A"}
        CREATE A shop.example.com (s): {"Failover":"SECONDARY","Name":"shop.example.com.","ResourceRecords":[{"Value":"192.0.2.2"}],"SetIdentifier":"s","TTL":60,"Type":"A"}
        "#);
        let there = plan(None, &Way::Failover("t".to_owned()), &all).unwrap();
        assert!(there.changes.is_empty());
    }

    #[test]
    fn a_plain_record_is_made_changed_or_put_in_the_place_of_a_name() {
        let values = |values: &[&str], ttl| Way::Values {
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            ttl,
        };
        let none = plan(None, &values(&["192.0.2.7"], None), &[]).unwrap();
        let made: Vec<Change> = none.changes.iter().cloned().map(Change::back).collect();
        let there = sets(json!([
            { "Name": "shop.example.com.", "Type": "A", "TTL": 300,
              "ResourceRecords": [{ "Value": "192.0.2.1" }] },
            { "Name": "shop.example.com.", "Type": "AAAA", "TTL": 300,
              "ResourceRecords": [{ "Value": "2001:db8::1" }] },
        ]));
        let kept = plan(None, &values(&["192.0.2.7"], None), &there).unwrap();
        let set = plan(None, &values(&["192.0.2.7", "192.0.2.8"], Some(20)), &there).unwrap();
        let same = plan(None, &values(&["192.0.2.1"], None), &there).unwrap();
        assert!(same.changes.is_empty());
        let name = sets(json!([{ "Name": "shop.example.com.", "Type": "CNAME", "TTL": 300,
            "ResourceRecords": [{ "Value": "old.example.net" }] }]));
        let replaced = plan(None, &values(&["192.0.2.7"], None), &name).unwrap();
        assert_eq!(leads_to(&replaced.before), ["old.example.net"]);
        assert_eq!(ttl(&replaced.before), 300);
        let said =
            [none.changes, made, kept.changes, set.changes, replaced.changes].map(|c| lines(&c));
        insta::assert_snapshot!(said.join("\n\n"), @r#"
        UPSERT A shop.example.com: {"Name":"shop.example.com","ResourceRecords":[{"Value":"192.0.2.7"}],"TTL":60,"Type":"A"}

        DELETE A shop.example.com: {"Name":"shop.example.com","ResourceRecords":[{"Value":"192.0.2.7"}],"TTL":60,"Type":"A"}

        UPSERT A shop.example.com: {"Name":"shop.example.com","ResourceRecords":[{"Value":"192.0.2.7"}],"TTL":300,"Type":"A"}

        UPSERT A shop.example.com: {"Name":"shop.example.com","ResourceRecords":[{"Value":"192.0.2.7"},{"Value":"192.0.2.8"}],"TTL":20,"Type":"A"}

        DELETE CNAME shop.example.com: {"Name":"shop.example.com.","ResourceRecords":[{"Value":"old.example.net"}],"TTL":300,"Type":"CNAME"}
        UPSERT A shop.example.com: {"Name":"shop.example.com","ResourceRecords":[{"Value":"192.0.2.7"}],"TTL":60,"Type":"A"}
        "#);
        insta::assert_snapshot!(kept.notes.join("\n"), @"the AAAA records of `shop.example.com` are left as they are");
    }
}
