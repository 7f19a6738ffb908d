//! The cloud as its callers see it. All time is virtual: nothing here waits.

mod faults;
mod groups;
mod names;
mod saved;
mod scenarios;

use super::*;
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

const S: u64 = 1_000;
const MIN: u64 = 60 * S;

/// A creation takes a minute, a read a second, anything else ten seconds.
fn fixed(_: &str, operation: Operation, _: f64) -> Duration {
    Duration::from_secs(match operation {
        Operation::Create => 60,
        Operation::Read => 1,
        Operation::Update | Operation::Delete => 10,
    })
}

/// A creation takes one to two minutes.
fn drawn(_: &str, _: Operation, unit: f64) -> Duration {
    Duration::from_secs(60).mul_f64(1.0 + unit)
}

fn cloud(scenario: serde_json::Value) -> Cloud {
    Cloud::new(1, Scenario::from_value(scenario).unwrap(), fixed)
}

fn call(region: &str, kind: &str, address: &str) -> Call {
    Call {
        provider: "registry.terraform.io/hashicorp/aws".to_owned(),
        account: "123456789012".to_owned(),
        place: Place::region_named(region),
        control_plane: None,
        kind: kind.to_owned(),
        by: Maker { run: None, stack: Some("shop".to_owned()), address: address.to_owned() },
    }
}

fn named(scope: NameScope, value: &str) -> Draft {
    Draft { name: Some(Name { scope, value: value.to_owned() }), ..Draft::default() }
}

fn fault(answer: Answer) -> Fault {
    answer.result.unwrap_err().fault
}

fn key(answer: Answer) -> ObjectKey {
    answer.result.unwrap().key
}

fn group_of(size: u32) -> Draft {
    Draft { group: Some(Group::new("aws_instance", size)), ..Draft::default() }
}

fn running(cloud: &mut Cloud, at_ms: u64) -> Vec<ObjectKey> {
    cloud.advance(at_ms);
    let filter = Filter {
        kind: Some("aws_instance".to_owned()),
        health: Some(Health::Running),
        ..Filter::default()
    };
    cloud.objects(&filter).map(|object| object.key.clone()).collect()
}

#[test]
fn what_is_drawn_does_not_depend_on_the_order_of_arrival() {
    let addresses: Vec<_> = (0..50).map(|n| format!("aws_subnet.a[{n}]")).collect();
    let scenario = json!({
        "failures": [{"probability": 0.3, "message": "no"}],
        "outages": [{"mode": "unavailable", "share": 0.2}],
    });
    let lived = |seed, order: &[&String]| -> BTreeMap<String, (u64, String)> {
        let mut cloud = Cloud::new(seed, Scenario::from_value(scenario.clone()).unwrap(), drawn);
        let mut lived = BTreeMap::new();
        for address in order {
            let answer =
                cloud.create(0, &call("eu-west-1", "aws_subnet", address), Draft::default());
            let what = match answer.result {
                Ok(object) => object.key.id,
                Err(failure) => failure.fault.to_string(),
            };
            lived.insert(address.to_string(), (answer.done_at_ms, what));
        }
        lived
    };

    let forwards: Vec<_> = addresses.iter().collect();
    let backwards: Vec<_> = addresses.iter().rev().collect();

    assert_eq!(lived(7, &forwards), lived(7, &backwards));
    assert_ne!(lived(7, &forwards), lived(8, &forwards));
    let whats: Vec<_> = lived(7, &forwards).into_values().map(|(_, what)| what).collect();
    let count = |beginning| whats.iter().filter(|what| what.starts_with(beginning)).count();
    assert_eq!(count("sim-") + count("the scenario") + count("`eu-west-1`"), 50);
    assert!(
        count("sim-") > 15 && count("the scenario") > 3 && count("`eu-west-1`") > 3,
        "{whats:?}"
    );
}

#[test]
fn an_object_is_created_read_changed_and_deleted() {
    let mut cloud = cloud(json!({}));
    let call = call("eu-west-1", "aws_db_instance", "aws_db_instance.main");
    let draft =
        Draft { id: Some("main".to_owned()), attributes: json!({"size": 1}), ..Draft::default() };

    let created = cloud.create(0, &call, draft.clone());
    assert_eq!(created.done_at_ms, 60 * S);
    assert_eq!(fault(cloud.read(30 * S, &call, "main")), Fault::NotFound { id: "main".to_owned() });
    assert_eq!(fault(cloud.create(30 * S, &call, draft)), Fault::IdTaken { id: "main".to_owned() });

    let change = Change { attributes: json!({"size": 2}), size: None };
    let changed = cloud.update(60 * S, &call, "main", change);
    assert_eq!(changed.done_at_ms, 70 * S);
    let read = cloud.read(70 * S, &call, "main").result.unwrap();
    assert_eq!((read.attributes, read.updated_at_ms), (json!({"size": 2}), 70 * S));

    assert_eq!(cloud.delete(80 * S, &call, "main").done_at_ms, 90 * S);
    let again = cloud.read(90 * S, &call, "main");
    assert_eq!(again.done_at_ms, 91 * S);
    assert!(matches!(fault(again), Fault::NotFound { .. }));
}

#[test]
fn a_call_of_an_earlier_time_is_answered_too() {
    let mut cloud = cloud(json!({}));
    cloud.advance(10 * MIN);
    let answer = cloud.create(MIN, &call("eu-west-1", "aws_vpc", "a"), Draft::default());
    assert_eq!(answer.done_at_ms, 2 * MIN);
    assert_eq!(cloud.now_ms(), 10 * MIN);
}

#[test]
fn an_object_is_found_by_its_id_its_name_and_its_address() {
    let mut cloud = cloud(json!({}));
    let call = call("eu-west-1", "aws_lb", "module.web.aws_lb.front");
    let made = key(cloud.create(0, &call, named(NameScope::Region, "front")));

    for word in [made.id.as_str(), "front", "module.web.aws_lb.front"] {
        assert_eq!(cloud.find(word).iter().map(|o| &o.key).collect::<Vec<_>>(), [&made], "{word}");
    }
    assert!(cloud.find("back").is_empty());
}

#[test]
fn ten_thousand_objects_live_and_go() {
    let mut cloud = cloud(json!({
        "throttles": [{"per_second": 1_000.0, "burst": 100}],
        "quotas": [{"on": {"types": ["aws_*"]}, "limit": 10_000}],
    }));
    let of = |n: u32| call("eu-west-1", "aws_instance", &format!("aws_instance.a[{n}]"));
    let keys: Vec<_> = (0..10_000)
        .map(|n| key(cloud.create(0, &of(n), named(NameScope::Region, &n.to_string()))))
        .collect();
    assert!(matches!(
        fault(cloud.create(0, &of(10_000), Draft::default())),
        Fault::QuotaExceeded { .. }
    ));

    let filter = Filter { region: Some("eu-west-1".to_owned()), ..Filter::default() };
    assert_eq!(cloud.objects(&filter).count(), 10_000);
    for (n, key) in keys.iter().enumerate() {
        let call = of(n as u32);
        cloud.read(100 * MIN, &call, &key.id).result.unwrap();
        cloud.delete(200 * MIN, &call, &key.id).result.unwrap();
    }
    assert_eq!(cloud.objects(&Filter::default()).count(), 0);
}
