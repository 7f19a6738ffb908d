//! What the built-in data must hold to, and what a user's file may do to it.

use super::{entry::File, *};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Makes every value of `kind` that is known of a type.
fn values(kind: Kind, name: &str, region: &str, arguments: Value) -> BTreeMap<String, Value> {
    let arguments = arguments.as_object().unwrap().clone();
    let context = Context::new(region, 1, &arguments);
    let templates = Catalogue::builtin().values(kind, name).expect(name);
    templates.iter().map(|(key, template)| (key.clone(), template.render(&context))).collect()
}

fn files() -> [(&'static str, File); 4] {
    [
        ("aws_", include_str!("aws.json")),
        ("google_", include_str!("google.json")),
        ("azurerm_", include_str!("azure.json")),
        ("", include_str!("utility.json")),
    ]
    .map(|(prefix, text)| (prefix, serde_json::from_str(text).expect(prefix)))
}

#[test]
fn there_is_enough_to_be_useful() {
    let counts = files().map(|(prefix, file)| (prefix, file.resources.len()));
    let resources: usize = counts.iter().map(|(_, count)| count).sum();
    assert!(resources >= 250, "{counts:?}");
    let with_values: usize = files()
        .iter()
        .map(|(_, file)| {
            let resources = file.resources.values().map(|known| &known.values);
            let data = file.data.values().map(|known| &known.values);
            resources.chain(data).filter(|values| !values.is_empty()).count()
        })
        .sum();
    assert!(with_values >= 150, "{with_values}");
}

#[test]
fn every_entry_is_of_its_file_and_says_something() {
    for (prefix, file) in files() {
        assert!(!file.sources.is_empty());
        assert!(file.sources.values().all(|source| !source.is_empty()));
        for name in file.resources.keys().chain(file.data.keys()).chain(file.families.keys()) {
            assert!(name.starts_with(prefix), "{name}");
        }
        for (name, known) in &file.resources {
            assert!(known.class.is_some(), "{name}");
            let forces = &known.forces_replacement;
            assert!(forces.is_sorted() && forces.iter().all(|path| is_path(path)), "{name}");
            if let Some(quarantine) = &known.quarantine {
                assert!(quarantine.source.starts_with("https://"), "{name}");
                assert!(!quarantine.note.is_empty(), "{name}");
            }
            if let Some(home) = &known.control_plane {
                assert!(Regions::known().find(home).is_some(), "{name}");
            }
        }
        for (prefix, family) in &file.families {
            assert!(family.scope.is_some(), "{prefix}");
            assert!(family.except.iter().all(|name| name.starts_with(prefix)), "{prefix}");
        }
        for (name, data) in &file.data {
            assert!(data.scope.is_some() || !data.values.is_empty(), "{name}");
        }
    }
}

fn is_path(path: &str) -> bool {
    path.split('.').all(|step| {
        !step.is_empty()
            && step.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

#[test]
fn every_time_is_within_its_timeout() {
    let catalogue = Catalogue::builtin();
    for (_, file) in files() {
        for (name, known) in &file.resources {
            let timed = [
                (catalogue.create_time(name), known.timeouts.create),
                (catalogue.update_time(name), known.timeouts.update),
                (catalogue.delete_time(name), known.timeouts.delete),
            ];
            for (timing, timeout) in timed {
                assert!(timeout.is_none_or(|timeout| timing.p50 <= timeout), "{name} {timing:?}");
                assert_eq!(timing.draw(0.5), timing.p50, "{name}");
            }
        }
    }
}

#[test]
fn every_value_can_be_made_of_nothing_and_of_a_name() {
    let catalogue = Catalogue::builtin();
    for (_, file) in files() {
        let resources = file.resources.keys().map(|name| (Kind::Resource, name));
        for (kind, name) in resources.chain(file.data.keys().map(|name| (Kind::Data, name))) {
            if catalogue.values(kind, name).is_some() {
                let none = values(kind, name, "us-east-1", json!({}));
                assert_eq!(none, values(kind, name, "us-east-1", json!({})), "{name}");
            }
        }
    }
}

#[test]
fn an_observed_time_comes_with_its_sample() {
    let eks = Catalogue::builtin().create_time("aws_eks_cluster");
    assert_eq!((eks.p50, eks.samples), (Duration::from_secs(588), 14));
    assert_eq!((eks.source, eks.basis), (TimingSource::Log, Basis::Type));
    assert_eq!(eks.ceiling, Some(Duration::from_secs(1_800)));
    assert!(!eks.is_fallback());
}

#[test]
fn what_was_not_timed_falls_back_and_says_so() {
    let catalogue = Catalogue::builtin();
    let bases = ["aws_opensearch_domain", "aws_iam_group_membership", "aws_nothing", "acme_thing"]
        .map(|name| (catalogue.create_time(name).basis, catalogue.create_time(name).p50.as_secs()));
    assert_eq!(
        bases,
        [(Basis::Class, 960), (Basis::Class, 3), (Basis::Provider, 2), (Basis::Provider, 2)]
    );
}

#[test]
fn a_family_speaks_for_its_types_and_not_for_its_exceptions() {
    let catalogue = Catalogue::builtin();
    let home = |name: &str| catalogue.resource(name)?.control_plane.as_deref();
    assert_eq!(home("aws_iam_group_membership"), Some("us-east-1"));
    assert_eq!(home("aws_iam_role"), Some("us-east-1"));
    assert_eq!(home("aws_networkmanager_site"), Some("us-west-2"));
    assert_eq!(home("aws_route53_resolver_rule"), None);
    for (name, global) in [
        ("aws_route53_zone", true),
        ("aws_route53_resolver_rule", false),
        ("aws_s3_bucket", false),
        ("aws_vpc", false),
        ("google_compute_network", true),
        ("google_compute_subnetwork", false),
        ("google_compute_region_health_check", false),
        ("google_dns_record_set", true),
        ("azurerm_dns_cname_record", true),
        ("azurerm_private_dns_resolver", false),
        ("random_id", true),
        ("acme_thing", false),
    ] {
        assert_eq!(catalogue.is_global(name), global, "{name}");
    }
}

#[test]
fn names_that_collide_are_known() {
    let unique = |name: &str| Catalogue::builtin().resource(name)?.name.as_ref().map(|n| n.unique);
    assert_eq!(unique("aws_s3_bucket"), Some(Namespace::Global));
    assert_eq!(unique("aws_iam_role"), Some(Namespace::Account));
    assert_eq!(unique("aws_lb"), Some(Namespace::AccountRegion));
    assert!(Namespace::Account.spans_regions() && !Namespace::AccountRegion.spans_regions());
    let quarantine = |name: &str| Catalogue::builtin().resource(name)?.quarantine.clone();
    let week = Duration::from_secs(7 * 86_400);
    assert_eq!(quarantine("google_sql_database_instance").unwrap().lasts, Some(week));
    assert_eq!(quarantine("google_kms_key_ring").unwrap().lasts, None);
}

#[test]
fn what_forces_a_replacement_is_known() {
    let forces = |name: &str| &Catalogue::builtin().resource(name).unwrap().forces_replacement;
    for (name, argument) in [
        ("aws_vpc", "cidr_block"),
        ("aws_subnet", "availability_zone"),
        ("aws_subnet", "region"),
        ("aws_db_instance", "engine"),
        ("aws_eks_cluster", "kubernetes_network_config.ip_family"),
        ("google_sql_database_instance", "region"),
        ("google_container_node_pool", "location"),
        ("azurerm_resource_group", "location"),
    ] {
        assert!(forces(name).iter().any(|path| path == argument), "{name}: {:?}", forces(name));
    }
    assert!(!forces("aws_db_instance").iter().any(|path| path == "instance_class"));
}

#[test]
fn what_the_provider_plans_is_known() {
    let known = |name, attribute| Catalogue::builtin().known_at_plan(name, attribute);
    let of_names = ["domain_name".to_owned(), "subject_alternative_names".to_owned()];
    assert_eq!(known("aws_acm_certificate", "domain_validation_options"), Some(&of_names[..]));
    assert_eq!(known("aws_vpc", "region"), Some(&[][..]));
    assert_eq!(known("aws_s3_bucket", "id"), None);
    assert_eq!(known("google_service_account", "email"), Some(&["account_id".to_owned()][..]));
}

#[test]
fn ids_arns_and_endpoints_look_like_the_real_ones() {
    let cluster = values(Kind::Resource, "aws_eks_cluster", "eu-west-1", json!({"name": "shop"}));
    assert_eq!(cluster["arn"], "arn:aws:eks:eu-west-1:123456789012:cluster/shop");
    let issuer = cluster["identity"][0]["oidc"][0]["issuer"].as_str().unwrap();
    assert!(issuer.starts_with("https://oidc.eks.eu-west-1.amazonaws.com/id/"), "{issuer}");

    let vpc = values(Kind::Resource, "aws_vpc", "eu-west-1", json!({}));
    let (id, arn) = (vpc["id"].as_str().unwrap(), vpc["arn"].as_str().unwrap());
    assert!(id.starts_with("vpc-") && id.len() == 21 && arn.ends_with(id), "{id} {arn}");

    let database = json!({"identifier": "orders", "engine": "mysql"});
    let database = values(Kind::Resource, "aws_db_instance", "eu-west-1", database);
    assert_eq!(database["port"], 3306);
    let endpoint = database["endpoint"].as_str().unwrap();
    assert!(endpoint.starts_with("orders.") && endpoint.ends_with(".rds.amazonaws.com:3306"));

    let network = json!({"name": "edge", "load_balancer_type": "network"});
    let network = values(Kind::Resource, "aws_lb", "us-east-1", network);
    assert_eq!(network["zone_id"], "Z26RNL4JYFTOTI");
    let public = values(Kind::Resource, "aws_lb", "us-east-1", json!({"name": "edge"}));
    assert_eq!(public["zone_id"], "Z35SXDOTRQ7X7K");

    let bucket = values(Kind::Resource, "google_storage_bucket", "us-east1", json!({"name": "b"}));
    assert_eq!(bucket["url"], "gs://b");
    let zones = values(Kind::Data, "google_compute_zones", "us-east1", json!({}));
    assert_eq!(zones["names"], json!(["us-east1-b", "us-east1-c", "us-east1-d"]));
    let group = json!({"name": "shop"});
    let group = values(Kind::Resource, "azurerm_resource_group", "japaneast", group);
    assert!(group["id"].as_str().unwrap().ends_with("/resourceGroups/shop"));
}

#[test]
fn a_users_file_goes_over_the_built_in_one() {
    let ours = Catalogue::with(
        r#"{
            "classes": {"slow": {"about": "ours",
                "create": {"p50": "9m", "n": 0, "source": "estimate"},
                "update": {"p50": "9m", "n": 0, "source": "estimate"},
                "delete": {"p50": "9m", "n": 0, "source": "estimate"}}},
            "resources": {
                "aws_eks_cluster": {
                    "create": {"p50": "11m", "p90": "12m", "n": 30, "source": "log"},
                    "values": {"endpoint": "https://ours.{region}.example"}
                },
                "acme_thing": {"class": "slow", "scope": "global"}
            },
            "data": {"acme_place": {"values": {"name": "{region}"}}}
        }"#,
    )
    .unwrap();
    let create = ours.create_time("aws_eks_cluster");
    assert_eq!((create.p50, create.samples), (Duration::from_secs(660), 30));
    // What the file does not speak of stays.
    assert_eq!(create.ceiling, Some(Duration::from_secs(1_800)));
    let values = ours.values(Kind::Resource, "aws_eks_cluster").unwrap();
    let none = serde_json::Map::new();
    let context = Context::new("us-east-1", 1, &none);
    assert_eq!(values["endpoint"].render(&context), "https://ours.us-east-1.example");
    assert!(values.contains_key("arn"));
    assert!(ours.is_global("acme_thing"));
    assert_eq!(ours.create_time("acme_thing").p50, Duration::from_secs(540));
    assert!(ours.data_source("acme_place").is_some());
}

#[test]
fn a_mistake_in_a_users_file_is_told_with_its_place() {
    let said: Vec<_> = [
        "{\"resources\": {\"a\": {\n  \"scop\": \"global\"}}}",
        "{\"resources\": {\"a\": {\"scope\":\n  \"planetary\"}}}",
        "{\"resources\": {\"a\": {\"create\": {\"p50\": \"2m\", \"p90\": \"1m\", \"n\": 0, \"source\": \"estimate\"}}}}",
        "{\"resources\": {\"a\": {\"values\": {\"id\": \"x-{regoin}\"}}}}",
        "{\"resources\": {\"a\": {\"class\": \"databse\"}}}",
        "{\"resources\": {\"a\": {\"timeouts\": {\"create\": \"soon\"}}}}",
        "{\"resources\": [",
    ]
    .into_iter()
    .map(|text| {
        let error = Catalogue::with(text).expect_err(text);
        format!("{error}\n  hint: {}", error.hint().unwrap_or_default())
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    line 2, column 8, at `resources.a.scop`: unknown field `scop`, expected one of `class`, `scope`, `control_plane`, `name`, `adopt`, `quarantine`, `forces_replacement`, `timeouts`, `values`, `plan_known`, `create`, `update`, `delete`
      hint: write `scope`, which is most likely what was meant
    line 2, column 13, at `resources.a.scope`: unknown variant `planetary`, expected one of `global`, `regional`, `zonal`
      hint: compare the entry with one of the same kind in the built-in catalogue, which has the same format
    line 1, column 88, at `resources.a.create`: `p90` is shorter than `p50`
      hint: compare the entry with one of the same kind in the built-in catalogue, which has the same format
    line 1, column 51, at `resources.a.values.id`: there is no hole `regoin`, did you mean `region`?
      hint: compare the entry with one of the same kind in the built-in catalogue, which has the same format
    `resources.a.class`: there is no class `databse`
      hint: write `database`, which is most likely what was meant
    line 1, column 51, at `resources.a.timeouts.create`: `soon` is not a duration such as `90s`, `15m` or `1h30m`
      hint: compare the entry with one of the same kind in the built-in catalogue, which has the same format
    line 1, column 14, at `resources`: invalid type: sequence, expected a map
      hint: compare the entry with one of the same kind in the built-in catalogue, which has the same format
    ");
}
