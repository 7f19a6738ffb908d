//! Snapshots.

use super::*;

#[test]
fn a_saved_cloud_goes_on_as_if_nothing_had_happened() {
    let scenario = json!({
        "throttles": [{"per_second": 1.0}],
        "failures": [{"nth": 9, "message": "no"}],
        "quotas": [{"on": {"types": ["aws_vpc"]}, "limit": 7}],
        "quarantines": [{"for_ms": 600_000}],
        "outages": [{"on": {"region": "eu-north-1"}, "from_ms": 100_000, "mode": "lost_data"}],
    });
    let vpc = |n: u64| call("eu-west-1", "aws_vpc", &format!("aws_vpc.a[{n}]"));
    let mut first = Cloud::new(3, Scenario::from_value(scenario).unwrap(), drawn);
    let gone = key(first.create(0, &vpc(0), named(NameScope::Region, "a")));
    first.delete(3 * MIN, &vpc(0), &gone.id).result.unwrap();
    first.create(0, &call("eu-west-1", "aws_autoscaling_group", "g"), group_of(2)).result.unwrap();
    let member = running(&mut first, 4 * MIN).remove(0);
    first.kill(4 * MIN, &member).unwrap();

    let mut second = Cloud::load(&first.save().unwrap(), drawn).unwrap();

    let mut lives = Vec::new();
    for cloud in [&mut first, &mut second] {
        let mut life: Vec<String> = Vec::new();
        life.push(format!("{:?}", cloud.create(5 * MIN, &vpc(1), named(NameScope::Region, "a"))));
        // Asked for a second time, so drawn anew.
        life.push(format!("{:?}", cloud.create(5 * MIN, &vpc(0), Draft::default())));
        for n in 2..12 {
            life.push(format!("{:?}", cloud.create(5 * MIN, &vpc(n), Draft::default())));
        }
        life.push(format!("{:?}", running(cloud, 20 * MIN)));
        life.push(cloud.save().unwrap());
        lives.push(life);
    }
    assert_eq!(lives[0], lives[1]);
    let said = lives[0].join("\n");
    for fault in ["NameQuarantined", "QuotaExceeded", "Injected"] {
        assert!(said.contains(fault), "{fault}");
    }
}

#[test]
fn a_snapshot_of_another_format_is_not_guessed_at() {
    let newer = Cloud::load(r#"{"format": 2, "clouds": []}"#, fixed).err().unwrap();
    insta::assert_snapshot!(newer, @"the snapshot is of format 2, and this drctl reads format 1");
    let other = Cloud::load("[]", fixed).err().unwrap();
    insta::assert_snapshot!(other, @"this is no snapshot of a simulated cloud");
}
