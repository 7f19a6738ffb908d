//! Makes a stack harmless to the machine that it is rehearsed on.
//!
//! Everything that a rehearsal asks of a provider is answered by the simulated
//! cloud, so data sources and resources touch nothing. What Terraform runs itself
//! are provisioners: an override re-declares each with a program that does
//! nothing, and Terraform then drops all of the original ones.

use crate::config::module::{Module, ResourceMode};
use serde_json::{Map, Value, json};

/// Returns the override that takes the provisioners of `module` away, if it has any.
pub fn harmless(module: &Module) -> Option<Value> {
    let mut types: Map<String, Value> = Map::new();
    for resource in &module.resources {
        let provisioned = resource.body().blocks_of("provisioner").next().is_some()
            || resource.body().blocks_of("dynamic").any(|block| block.label(0) == Some("provisioner"))
            // JSON syntax cannot tell a block from an attribute.
            || resource.body().attribute("provisioner").is_some();
        if resource.mode == ResourceMode::Managed && provisioned {
            let named = types.entry(resource.kind.clone()).or_insert_with(|| json!({}));
            named[&resource.name] =
                json!({ "provisioner": [{ "local-exec": { "command": "true" } }] });
        }
    }
    (!types.is_empty()).then(|| json!({ "resource": types }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    fn override_of(files: &[(&str, &str)]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let module = Module::read(dir.path(), Path::new(""), None).unwrap();
        harmless(&module).map(|made| made.to_string())
    }

    #[test]
    fn provisioners_of_both_syntaxes_are_replaced() {
        let hcl = "resource \"null_resource\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"rm -rf /\"\n  }\n}\nresource \"null_resource\" \"y\" {}\n";
        let json = r#"{"resource":{"terraform_data":{"z":{"provisioner":[{"remote-exec":{"inline":["x"]}}]}}}}"#;
        let made = override_of(&[("main.tf", hcl), ("more.tf.json", json)]).unwrap();
        assert_eq!(
            made,
            r#"{"resource":{"null_resource":{"x":{"provisioner":[{"local-exec":{"command":"true"}}]}},"terraform_data":{"z":{"provisioner":[{"local-exec":{"command":"true"}}]}}}}"#
        );
    }

    #[test]
    fn a_module_without_provisioners_is_left_alone() {
        assert_eq!(override_of(&[("main.tf", "resource \"aws_vpc\" \"x\" {}\n")]), None);
    }
}
