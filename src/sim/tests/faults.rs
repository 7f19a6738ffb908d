//! What goes wrong in the cloud, and when it shows.

use super::*;

#[test]
fn a_region_that_goes_dark_half_way_catches_what_is_under_way() {
    let mut cloud = cloud(json!({
        "outages": [{"on": {"region": "eu-west-1"}, "from_ms": 90_000, "answers_after_ms": 5_000}]
    }));
    let db = |address| call("eu-west-1", "aws_db_instance", address);

    let before = cloud.create(0, &db("a"), Draft::default());
    let caught = cloud.create(60 * S, &db("b"), Draft::default());
    let after = cloud.create(100 * S, &db("c"), Draft::default());
    let elsewhere = cloud.create(100 * S, &call("eu-north-1", "aws_vpc", "d"), Draft::default());

    assert_eq!((before.done_at_ms, before.result.is_ok()), (60 * S, true));
    assert_eq!(caught.done_at_ms, 95 * S);
    assert_eq!(caught.result.unwrap_err().left_behind, None);
    assert_eq!(after.done_at_ms, 105 * S);
    assert!(matches!(fault(after), Fault::Unavailable { until_ms: None, .. }));
    assert_eq!((elsewhere.done_at_ms, elsewhere.result.is_ok()), (160 * S, true));
    assert_eq!(cloud.objects(&Filter::default()).count(), 2);
}

#[test]
fn what_a_dark_region_leaves_behind_is_broken_and_can_be_removed_later() {
    let mut cloud = cloud(json!({
        "outages": [{"on": {"region": "eu-west-1"}, "from_ms": 30_000, "until_ms": 600_000, "leave_behind": true}]
    }));
    let call = call("eu-west-1", "aws_db_instance", "a");

    let failure = cloud.create(0, &call, Draft::default()).result.unwrap_err();
    let left = failure.left_behind.unwrap();

    assert_eq!(left.health, Health::Broken);
    assert_eq!(
        cloud.objects(&Filter { health: Some(Health::Broken), ..Filter::default() }).count(),
        1
    );
    assert!(cloud.delete(600 * S, &call, &left.key.id).result.is_ok());
    assert_eq!(cloud.objects(&Filter::default()).count(), 0);
}

#[test]
fn a_call_hangs_through_an_outage_that_ends_in_time() {
    let hanging = |until_ms: u64| {
        let outage = json!({"from_ms": 30_000, "until_ms": until_ms, "mode": "hanging"});
        let mut cloud = cloud(json!({ "outages": [outage] }));
        cloud.create(0, &call("eu-west-1", "aws_vpc", "a"), Draft::default())
    };

    // Half of the minute is done before it, half after it.
    let short = hanging(90 * S);
    assert_eq!((short.done_at_ms, short.result.is_ok()), (120 * S, true));

    let long = hanging(30 * S + 10 * MIN + 1);
    assert_eq!((long.done_at_ms, long.result.is_ok()), (30 * S + 10 * MIN, false));
}

#[test]
fn a_global_object_needs_the_region_that_answers_for_it() {
    let mut cloud = cloud(json!({"outages": [{"on": {"region": "us-east-1"}}]}));
    let role = Call {
        place: Place::Global,
        control_plane: Some("us-east-1".to_owned()),
        ..call("", "aws_iam_role", "aws_iam_role.app")
    };

    let failure = cloud.create(0, &role, Draft::default()).result.unwrap_err();

    insta::assert_snapshot!(failure, @"request send failed, https://iam.us-east-1.amazonaws.com/: dial tcp: lookup iam.us-east-1.amazonaws.com: no such host");
    insta::assert_snapshot!(failure.hint().unwrap(), @"Find out why this call needs `us-east-1`: a recovery must not depend on what is down");
}

#[test]
fn a_zone_goes_down_alone() {
    let mut cloud = cloud(json!({"outages": [{"on": {"region": "europe-west9-a"}}]}));
    let zonal = |zone: &str| Call {
        place: Place::Zone { region: "europe-west9".to_owned(), zone: zone.to_owned() },
        ..call("", "google_compute_instance", zone)
    };

    assert!(cloud.create(0, &zonal("europe-west9-a"), Draft::default()).result.is_err());
    assert!(cloud.create(0, &zonal("europe-west9-b"), Draft::default()).result.is_ok());
    assert!(
        cloud.create(0, &call("europe-west9", "google_sql", "x"), Draft::default()).result.is_ok()
    );
}

#[test]
fn a_quota_counts_what_lives_in_one_region() {
    let mut cloud = cloud(json!({"quotas": [{"on": {"types": ["aws_eip"]}, "limit": 2}]}));
    let eip = |n: u64| call("eu-west-1", "aws_eip", &format!("aws_eip.a[{n}]"));
    let first = key(cloud.create(0, &eip(0), Draft::default()));
    cloud.create(0, &eip(1), Draft::default()).result.unwrap();

    let third = cloud.create(0, &eip(2), Draft::default());
    let elsewhere = cloud.create(0, &call("eu-north-1", "aws_eip", "b"), Draft::default());
    let other_type = cloud.create(0, &call("eu-west-1", "aws_vpc", "c"), Draft::default());
    cloud.delete(60 * S, &eip(0), &first.id).result.unwrap();
    let fourth = cloud.create(70 * S, &eip(3), Draft::default());

    assert_eq!(third.done_at_ms, S, "a refusal takes as long as a read");
    let region = "eu-west-1".to_owned();
    assert_eq!(fault(third), Fault::QuotaExceeded { limit: 2, region });
    assert!(elsewhere.result.is_ok() && other_type.result.is_ok() && fourth.result.is_ok());
}

#[test]
fn throttled_calls_queue_by_region_and_service() {
    let mut cloud = cloud(json!({
        "throttles": [
            {"on": {"types": ["aws_vpc", "aws_subnet"]}, "per_second": 0.5, "give_up_after_ms": 4_000}
        ]
    }));
    let mut done = |region, kind, n: u32| {
        let address = format!("{kind}.a[{n}]");
        let answer = cloud.create(0, &call(region, kind, &address), Draft::default());
        (answer.done_at_ms / S, answer.result.err().map(|failure| failure.words().code))
    };

    assert_eq!(done("eu-west-1", "aws_vpc", 0), (60, None));
    assert_eq!(done("eu-west-1", "aws_subnet", 0), (62, None));
    assert_eq!(done("eu-west-1", "aws_subnet", 1), (64, None));
    assert_eq!(done("eu-west-1", "aws_subnet", 2), (4, Some("Throttling".to_owned())));
    assert_eq!(done("eu-west-1", "aws_eip", 0), (60, None));
    assert_eq!(done("eu-north-1", "aws_subnet", 0), (60, None));
}

#[test]
fn a_creation_fails_as_the_scenario_says() {
    let mut cloud = cloud(json!({
        "failures": [{
            "on": {"types": ["aws_db_*"], "operations": ["create"]},
            "nth": 2, "message": "insufficient capacity", "leave_behind": true
        }]
    }));
    let db = |n: u32| call("eu-west-1", "aws_db_instance", &format!("aws_db_instance.a[{n}]"));

    assert!(cloud.create(0, &db(0), Draft::default()).result.is_ok());
    let second = cloud.create(0, &db(1), Draft::default());
    assert!(cloud.create(0, &db(2), Draft::default()).result.is_ok());

    assert_eq!(second.done_at_ms, 60 * S);
    let failure = second.result.unwrap_err();
    insta::assert_snapshot!(failure, @"operation error RDS: Create, https response error StatusCode: 500, api error InternalFailure: insufficient capacity");
    let left = failure.left_behind.unwrap();
    assert_eq!(cloud.object(&left.key), Some(&left));
    assert_eq!(left.health, Health::Broken);
}

#[test]
fn a_slow_control_plane_takes_a_multiple_while_it_is_slow() {
    let mut cloud = cloud(json!({
        "slow": [{"on": {"region": "eu-west-1"}, "factor": 2.5, "until_ms": 60_000}]
    }));
    let mut done = |now_ms, region| {
        cloud.create(now_ms, &call(region, "aws_vpc", "a"), Draft::default()).done_at_ms
    };

    assert_eq!(done(0, "eu-west-1"), 150 * S);
    assert_eq!(done(0, "eu-north-1"), 60 * S);
    assert_eq!(done(60 * S, "eu-west-1"), 120 * S);
}

#[test]
fn reads_lag_behind_a_creation() {
    let mut cloud = cloud(json!({
        "consistency": [{"on": {"types": ["aws_iam_*"]}, "reads_after_create_404_ms": 8_000}]
    }));
    let role = call("us-east-1", "aws_iam_role", "a");
    let made = key(cloud.create(0, &role, Draft::default()));

    assert!(cloud.read(67 * S, &role, &made.id).result.is_err());
    assert!(cloud.read(68 * S, &role, &made.id).result.is_ok());
}

#[test]
fn lost_data_is_gone_and_the_region_answers() {
    let mut cloud = cloud(json!({
        "outages": [{"on": {"region": "eu-west-1"}, "from_ms": 90_000, "mode": "lost_data"}]
    }));
    let bucket = call("eu-west-1", "aws_s3_bucket", "a");
    let lb = call("eu-west-1", "aws_lb", "b");
    let made = key(cloud.create(0, &bucket, named(NameScope::Global, "shop")));
    cloud.create(0, &lb, named(NameScope::Region, "front")).result.unwrap();

    assert!(cloud.read(89 * S, &bucket, &made.id).result.is_ok());
    assert!(matches!(fault(cloud.read(90 * S, &bucket, &made.id)), Fault::NotFound { .. }));
    assert_eq!(cloud.object(&made).unwrap().gone_at_ms, Some(90 * S));

    // The name of a bucket is kept outside the region that was lost; that of a load balancer is not.
    let again = cloud.create(100 * S, &bucket, named(NameScope::Global, "shop"));
    assert!(matches!(fault(again), Fault::NameTaken { ours: true, .. }));
    assert!(cloud.create(100 * S, &lb, named(NameScope::Region, "front")).result.is_ok());
}

#[test]
fn no_instance_could_be_launched_in_october_2025() {
    let mut cloud = Cloud::new(1, Scenario::named("us-east-1-2025-10-19").unwrap(), fixed);
    let minutes = |h: u64, m: u64| (h * 60 + m) * MIN;
    let instance = |region| call(region, "aws_instance", "a");
    let mut ok = |now_ms, call: &Call| cloud.create(now_ms, call, Draft::default()).result.is_ok();

    assert!(!ok(0, &call("us-east-1", "aws_dynamodb_table", "t")));
    assert!(ok(minutes(2, 52), &call("us-east-1", "aws_dynamodb_table", "t")));
    assert!(ok(minutes(2, 30), &instance("us-east-1")));
    assert!(!ok(minutes(2, 37), &instance("us-east-1")));
    assert!(!ok(minutes(10, 46), &instance("us-east-1")));
    assert!(ok(minutes(10, 48), &instance("us-east-1")));
    assert!(ok(minutes(5, 0), &instance("us-west-2")));
}

#[test]
fn a_scenario_can_be_played_when_the_cloud_is_in_use() {
    let mut cloud = cloud(json!({}));
    cloud.play(Scenario::region_down("eu-west-1", 60 * S, OutageMode::Unavailable), 100 * S);

    let vpc = call("eu-west-1", "aws_vpc", "a");
    assert!(matches!(fault(cloud.read(150 * S, &vpc, "x")), Fault::NotFound { .. }));
    let failure = cloud.create(160 * S, &vpc, Draft::default()).result.unwrap_err();
    insta::assert_snapshot!(failure, @"operation error EC2: Create, https response error StatusCode: 503, api error ServiceUnavailable: Service is unable to handle request.");
}
