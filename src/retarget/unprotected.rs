//! Takes `prevent_destroy` away, with which Terraform refuses to plan any removal of a stack.

use crate::config::module::{Module, ResourceMode};
use serde_json::{Map, Value, json};

/// Returns the override that lets every resource of `module` be removed, if one is protected.
///
/// It is merged argument by argument, so that the rest of a `lifecycle` block stays
/// (<https://developer.hashicorp.com/terraform/language/files/override>).
pub fn unprotected(module: &Module) -> Option<Value> {
    let mut types: Map<String, Value> = Map::new();
    for resource in module.resources.iter().filter(|r| r.mode == ResourceMode::Managed) {
        let mut blocks = resource.body().blocks_of("lifecycle");
        // JSON syntax cannot tell a block from an attribute.
        let protected = blocks.any(|block| block.body().attribute("prevent_destroy").is_some())
            || resource.body().attribute("lifecycle").is_some();
        if protected {
            let named = types.entry(resource.kind.clone()).or_insert_with(|| json!({}));
            named[&resource.name] = json!({ "lifecycle": { "prevent_destroy": false } });
        }
    }
    (!types.is_empty()).then(|| json!({ "resource": types }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn only_what_is_protected_is_overridden() {
        let dir = tempfile::tempdir().unwrap();
        let text = "resource \"aws_db_instance\" \"x\" {\n  lifecycle {\n    prevent_destroy = true\n    ignore_changes = [tags]\n  }\n}\nresource \"aws_vpc\" \"y\" {\n  lifecycle {\n    create_before_destroy = true\n  }\n}\n";
        fs::write(dir.path().join("main.tf"), text).unwrap();
        let module = Module::read(dir.path(), Path::new(""), None).unwrap();
        assert_eq!(
            unprotected(&module),
            Some(
                json!({"resource": {"aws_db_instance": {"x": {"lifecycle": {"prevent_destroy": false}}}}})
            )
        );
    }
}
