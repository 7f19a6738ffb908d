//! Takes away what keeps a resource from its removal, or leaves something behind.

use crate::config::module::{Module, Resource, ResourceMode};
use serde_json::{Map, Value, json};

/// Arguments that make a cloud refuse a removal. They are overridden only where the code has them,
/// since types and versions of providers differ in which they know.
const PROTECTIONS: [&str; 7] = [
    "deletion_protection",
    "deletion_protection_enabled",
    "delete_protection_enabled",
    "disable_api_termination",
    "enable_deletion_protection",
    "termination_protection",
    "termination_protection_enabled",
];

/// Arguments that every version of a type knows: a last snapshot outlives its database, costs, and
/// has the name that the next one wants; a bucket in which somebody wrote is not removed.
const ALWAYS: [(&str, &str); 7] = [
    ("aws_db_instance", "skip_final_snapshot"),
    ("aws_docdb_cluster", "skip_final_snapshot"),
    ("aws_neptune_cluster", "skip_final_snapshot"),
    ("aws_rds_cluster", "skip_final_snapshot"),
    ("aws_redshift_cluster", "skip_final_snapshot"),
    ("aws_s3_bucket", "force_destroy"),
    ("google_storage_bucket", "force_destroy"),
];

/// Returns the override that lets every resource of `module` be removed with all that is in it, if
/// one needs it. It must be there when a resource is made: providers go by what the state says.
///
/// It is merged argument by argument, so that the rest of a `lifecycle` block stays
/// (<https://developer.hashicorp.com/terraform/language/files/override>).
pub fn unprotected(module: &Module) -> Option<Value> {
    let mut types: Map<String, Value> = Map::new();
    for resource in module.resources.iter().filter(|r| r.mode == ResourceMode::Managed) {
        let arguments = arguments(resource);
        if !arguments.is_empty() {
            let named = types.entry(resource.kind.clone()).or_insert_with(|| json!({}));
            named[&resource.name] = Value::Object(arguments);
        }
    }
    (!types.is_empty()).then(|| json!({ "resource": types }))
}

fn arguments(resource: &Resource) -> Map<String, Value> {
    let (kind, body) = (resource.kind.as_str(), resource.body());
    let mut arguments = Map::new();
    let prevented =
        body.blocks_of("lifecycle").any(|b| b.body().attribute("prevent_destroy").is_some());
    // JSON syntax cannot tell a block from an attribute.
    if prevented || body.attribute("lifecycle").is_some() {
        arguments.insert("lifecycle".to_owned(), json!({ "prevent_destroy": false }));
    }
    for name in PROTECTIONS.into_iter().filter(|name| body.attribute(name).is_some()) {
        // Cognito says it in a word.
        let off = if kind == "aws_cognito_user_pool" { json!("INACTIVE") } else { json!(false) };
        arguments.insert(name.to_owned(), off);
    }
    for (_, name) in ALWAYS.into_iter().filter(|(of, _)| *of == kind) {
        arguments.insert(name.to_owned(), json!(true));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn only_what_is_protected_is_overridden() {
        let dir = tempfile::tempdir().unwrap();
        let text = "resource \"aws_db_instance\" \"x\" {\n  deletion_protection = var.kept\n  lifecycle {\n    prevent_destroy = true\n    ignore_changes = [tags]\n  }\n}\nresource \"aws_vpc\" \"y\" {\n  lifecycle {\n    create_before_destroy = true\n  }\n}\n";
        fs::write(dir.path().join("main.tf"), text).unwrap();
        let module = Module::read(dir.path(), Path::new(""), None).unwrap();
        assert_eq!(
            unprotected(&module),
            Some(json!({"resource": {"aws_db_instance": {"x": {
                "lifecycle": {"prevent_destroy": false},
                "deletion_protection": false,
                "skip_final_snapshot": true,
            }}}}))
        );
    }
}
