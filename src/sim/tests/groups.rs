//! Groups, and what chaos does to what they hold.

use super::*;

#[test]
fn a_group_brings_a_killed_instance_back_after_a_time() {
    let mut cloud = cloud(json!({}));
    let group = call("eu-west-1", "aws_autoscaling_group", "a");
    cloud.create(0, &group, group_of(3)).result.unwrap();
    let first = running(&mut cloud, MIN);
    assert_eq!(first.len(), 3);

    cloud.kill(2 * MIN, &first[0]).unwrap();
    cloud.break_object(2 * MIN, &first[1]).unwrap();

    assert_eq!(running(&mut cloud, 3 * MIN - 1).len(), 1);
    let after = running(&mut cloud, 3 * MIN);
    assert_eq!(after.len(), 3);
    assert!(!after.contains(&first[0]) && !after.contains(&first[1]) && after.contains(&first[2]));
    let error = cloud.kill(3 * MIN, &first[0]).unwrap_err();
    assert_eq!(error, NoSuchObject(Box::new(first[0].clone())));
}

#[test]
fn a_group_waits_for_its_region() {
    let mut cloud = cloud(json!({}));
    let group = call("eu-west-1", "aws_autoscaling_group", "a");
    cloud.create(0, &group, group_of(1)).result.unwrap();
    let instance = running(&mut cloud, MIN).remove(0);

    cloud.kill(2 * MIN, &instance).unwrap();
    cloud.destroy_region(2 * MIN + 30 * S, "eu-west-1", OutageMode::Refused);
    assert_eq!(running(&mut cloud, 30 * MIN).len(), 0);
    assert_eq!(cloud.restore_region(30 * MIN, "eu-west-1"), 1);

    // At the latest one retry of a minute, and one launch of a minute.
    assert_eq!(running(&mut cloud, 32 * MIN).len(), 1);
}

#[test]
fn a_group_grows_shrinks_and_takes_its_members_with_it() {
    let mut cloud = cloud(json!({}));
    let call = call("eu-west-1", "aws_autoscaling_group", "a");
    let group = key(cloud.create(0, &call, group_of(2)));
    let resize = |size| Change { attributes: json!({}), size: Some(size) };

    cloud.update(MIN, &call, &group.id, resize(5)).result.unwrap();
    assert_eq!(running(&mut cloud, 2 * MIN).len(), 5);
    cloud.update(2 * MIN, &call, &group.id, resize(1)).result.unwrap();
    assert_eq!(running(&mut cloud, 3 * MIN).len(), 1);
    cloud.delete(3 * MIN, &call, &group.id).result.unwrap();
    assert_eq!(running(&mut cloud, 9 * MIN).len(), 0);
}

#[test]
fn an_object_serves_while_it_runs_and_its_region_is_up() {
    let mut cloud = cloud(json!({
        "outages": [
            {"on": {"region": "eu-west-1"}, "from_ms": 120_000, "until_ms": 180_000},
            {"on": {"region": "eu-west-1", "operations": ["create"]}, "from_ms": 240_000}
        ]
    }));
    let web = key(cloud.create(0, &call("eu-west-1", "aws_instance", "a"), Draft::default()));

    let serves = [59, 60, 119, 120, 180, 240].map(|s| cloud.serves(&web, s * S));
    assert_eq!(serves, [false, true, true, false, true, true]);
    cloud.break_object(300 * S, &web).unwrap();
    assert!(!cloud.serves(&web, 300 * S));
}
