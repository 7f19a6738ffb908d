//! Reading scenarios.

use super::*;

#[test]
fn a_scenario_is_told_all_of_its_mistakes() {
    let told =
        |scenario| Scenario::from_value(scenario).unwrap_err().to_string().replace("; ", "\n");
    insta::assert_snapshot!(told(json!({
        "outage": [],
        "outages": [{"on": {"regoin": "eu-west-1"}}, {"mode": "sleepy"}],
        "throttles": {},
        "quotas": [{"on": {"types": ["aws_vpc"]}}],
    })), @r"
    the scenario has 5 mistakes: `outages[0]`: unknown field `regoin`, expected one of `region`, `types`, `operations`, `address`
    `outages[1]`: unknown variant `sleepy`, expected one of `refused`, `hanging`, `503`, `unavailable`, `lost_data`
    `throttles`: is not a list
    `quotas[0]`: missing field `limit`
    `outage`: is no part of a scenario, `outages` is
    ");
    insta::assert_snapshot!(told(json!({
        "outages": [
            {"from_ms": 5, "until_ms": 5, "share": 0.0},
            {"mode": "lost_data", "on": {"operations": ["read"]}}
        ],
        "throttles": [{"per_second": 0.0, "burst": 0}],
        "failures": [{"nth": 0, "probability": 2.0}],
        "quotas": [{"limit": 1}],
        "slow": [{"factor": -1.0, "on": {"region": "", "types": ["aws_*_db"]}}],
        "names_taken": [{"type": "", "name": ""}],
    })), @r"
    the scenario has 15 mistakes: `slow[0].on.region`: is empty
    `slow[0].on.types[0]`: is no type, nor the beginning of one and a `*`
    `outages[0].until_ms`: is not after `from_ms`
    `outages[0].share`: is not above 0 and at most 1
    `outages[1].on`: can name a region and types only, since data is lost for all calls
    `throttles[0].per_second`: is not above 0
    `throttles[0].burst`: is not at least 1
    `failures[0].probability`: is not between 0 and 1
    `failures[0].nth`: counts from 1
    `failures[0]`: has both `nth` and `probability`
    `failures[0].message`: is empty
    `quotas[0].on`: names no types
    `slow[0].factor`: is not above 0
    `names_taken[0].name`: is empty
    `names_taken[0].type`: is no type, nor the beginning of one and a `*`
    ");
}

#[test]
fn a_scenario_names_its_regions() {
    let scenario = Scenario::named("europe-west9-2023-04-25").unwrap();
    assert_eq!(scenario.regions(), ["europe-west9", "europe-west9-a"]);
    let again = serde_json::to_string(&scenario).unwrap();
    assert_eq!(Scenario::from_json(&again).unwrap(), scenario);
}
