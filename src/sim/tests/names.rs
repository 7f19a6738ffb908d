//! Names that only one may have.

use super::*;

#[test]
fn names_collide_where_they_must_be_unique() {
    let mut cloud = cloud(json!({"names_taken": [{"type": "aws_s3_bucket", "name": "assets"}]}));
    let mut try_name = |scope: NameScope, region: &str, account: &str, kind: &str, name: &str| {
        let address = format!("{kind}.{region}.{account}.{name}");
        let call = Call { account: account.to_owned(), ..call(region, kind, &address) };
        match cloud.create(0, &call, named(scope, name)).result {
            Ok(_) => "made".to_owned(),
            Err(failure) => {
                let words = failure.words();
                format!("{} {}", words.code, words.status.unwrap_or_default())
            }
        }
    };
    use NameScope::{Account, Global, Region, Within};
    let lines = [
        try_name(Global, "eu-west-1", "ours", "aws_s3_bucket", "shop"),
        try_name(Global, "eu-north-1", "ours", "aws_s3_bucket", "shop"),
        try_name(Global, "eu-north-1", "theirs", "aws_s3_bucket", "shop"),
        try_name(Global, "eu-north-1", "ours", "aws_s3_bucket", "assets"),
        try_name(Account, "eu-west-1", "ours", "aws_iam_role", "app"),
        try_name(Account, "eu-north-1", "ours", "aws_iam_role", "app"),
        try_name(Account, "eu-north-1", "theirs", "aws_iam_role", "app"),
        try_name(Region, "eu-west-1", "ours", "aws_lb", "front"),
        try_name(Region, "eu-north-1", "ours", "aws_lb", "front"),
        try_name(Region, "eu-north-1", "ours", "aws_lb", "front"),
        try_name(Within("rg".to_owned()), "westeurope", "ours", "azurerm_subnet", "a"),
        try_name(Within("rg".to_owned()), "westeurope", "ours", "azurerm_subnet", "a"),
        try_name(Within("rg2".to_owned()), "westeurope", "ours", "azurerm_subnet", "a"),
        try_name(Global, "westeurope", "ours", "azurerm_storage_account", "shop"),
        try_name(Global, "northeurope", "theirs", "azurerm_storage_account", "shop"),
        try_name(Account, "europe-west1", "ours", "google_compute_network", "main"),
        try_name(Account, "europe-west4", "ours", "google_compute_network", "main"),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    made
    BucketAlreadyOwnedByYou 409
    BucketAlreadyExists 409
    BucketAlreadyExists 409
    made
    EntityAlreadyExists 409
    made
    made
    made
    DuplicateLoadBalancerName 400
    made
    Conflict 409
    made
    made
    StorageAccountAlreadyTaken 409
    made
    alreadyExists 409
    ");
}

#[test]
fn a_deleted_name_stays_in_quarantine() {
    let week_ms = 7 * 24 * 60 * MIN;
    let mut cloud = cloud(json!({
        "quarantines": [{"on": {"types": ["google_sql_database_instance"]}, "for_ms": week_ms}]
    }));
    let sql = call("europe-west1", "google_sql_database_instance", "a");
    let net = call("europe-west1", "google_compute_network", "b");
    for call in [&sql, &net] {
        let made = key(cloud.create(0, call, named(NameScope::Account, "main")));
        cloud.delete(60 * S, call, &made.id).result.unwrap();
    }

    let too_early =
        cloud.create(MIN + 10 * S + week_ms - 1, &sql, named(NameScope::Account, "main"));
    let in_time = cloud.create(MIN + 10 * S + week_ms, &sql, named(NameScope::Account, "main"));
    let other_type = cloud.create(MIN + 10 * S, &net, named(NameScope::Account, "main"));

    let failure = too_early.result.unwrap_err();
    assert_eq!(
        failure.fault,
        Fault::NameQuarantined { name: "main".to_owned(), until_ms: MIN + 10 * S + week_ms }
    );
    insta::assert_snapshot!(failure, @"googleapi: Error 409: The Cloud SQL instance name 'main' was used recently and cannot be reused yet., instanceAlreadyExists");
    assert!(in_time.result.is_ok() && other_type.result.is_ok());
}
