//! What two rehearsals show: the same code in the primary and in the fallback, as Terraform made it.

use super::{declared::declared, rules::text_of, slot};
use crate::{
    catalogue::{Catalogue, Namespace, names},
    config::{eval::Modules, module::Module},
    model::finding::{Extent, Finding, Values},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::PathBuf};

/// A resource as a rehearsal left it.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Its type.
    pub kind: String,
    /// Its attributes, without those that are sensitive.
    pub attributes: Map<String, Value>,
}

/// A stack as two rehearsals left it.
pub struct Twice<'a> {
    /// The folder of its root module.
    pub dir: PathBuf,
    /// The managed resources in the primary, by address.
    pub primary: &'a BTreeMap<String, Made>,
    /// The managed resources in the fallback, by address.
    pub fallback: &'a BTreeMap<String, Made>,
}

/// Returns the managed resources of a state, in the form of version 4 that Terraform writes.
pub fn made(state: &Value) -> BTreeMap<String, Made> {
    let mut all = BTreeMap::new();
    let resources = state["resources"].as_array().into_iter().flatten();
    for resource in resources.filter(|resource| resource["mode"] == "managed") {
        let text = |name: &str| resource[name].as_str().unwrap_or_default();
        let module = resource["module"].as_str().map_or_else(String::new, |m| format!("{m}."));
        for instance in resource["instances"].as_array().into_iter().flatten() {
            let key = match &instance["index_key"] {
                Value::Null => String::new(),
                key => format!("[{key}]"),
            };
            let Value::Object(mut attributes) = instance["attributes"].clone() else { continue };
            for path in instance["sensitive_attributes"].as_array().into_iter().flatten() {
                if let Some(name) = path[0]["value"].as_str() {
                    attributes.remove(name);
                }
            }
            let address = format!("{module}{}.{}{key}", text("type"), text("name"));
            all.insert(address, Made { kind: text("type").to_owned(), attributes });
        }
    }
    all
}

/// Returns what should differ between the two and does not.
///
/// `only` are the codes that are asked, all of them when it is empty.
pub fn compare(
    stack: &Twice<'_>,
    modules: &dyn Modules,
    primary: &str,
    only: &[String],
) -> Vec<Finding> {
    let Some(root) = modules.module(&stack.dir) else { return Vec::new() };
    let mut found = Vec::new();
    for (address, here) in stack.primary {
        let Some(there) = stack.fallback.get(address) else { continue };
        let naming =
            Catalogue::builtin().resource(&here.kind).and_then(|known| known.name.as_ref());
        for (name, value) in &here.attributes {
            if there.attributes.get(name) != Some(value) {
                continue;
            }
            let unique = naming.filter(|naming| naming.attribute == *name);
            let (code, what) = match (unique.map(|naming| naming.unique), value.as_str()) {
                (Some(Namespace::Global), Some(text)) => ("DR006", text.to_owned()),
                (Some(unique), Some(text)) if unique.spans_regions() => ("DR007", text.to_owned()),
                _ => match naming_text(value, primary) {
                    Some(text) => ("DR044", text),
                    None => continue,
                },
            };
            // What the provider makes up is no word of the code, and has no place in it.
            let Some(at) = place(root, modules, address, name) else { continue };
            if !only.is_empty() && !only.iter().any(|asked| asked == code) {
                continue;
            }
            found.extend(finding(code, at, address, name, what, stack));
        }
    }
    found
}

fn finding(
    code: &str,
    at: Extent,
    address: &str,
    name: &str,
    text: String,
    stack: &Twice<'_>,
) -> Option<Finding> {
    let rule = text_of(code)?;
    let message = match code {
        "DR044" => {
            format!("rehearsed in both regions, `{name}` names the primary in the fallback, too")
        }
        _ => format!(
            "rehearsed in both regions, `{name}` is `{text}` in both, and can be there only once"
        ),
    };
    Some(Finding {
        code: rule.code,
        severity: rule.severity,
        at,
        message,
        hint: "Make it depend on the region: through a variable, or what the provider's data source says"
            .to_owned(),
        subject: address.to_owned(),
        roots: vec![stack.dir.clone()],
        values: Some(Values { primary: text.clone(), fallback: text }),
        related: Vec::new(),
        fix: None,
    })
}

/// Returns the first text in a value that names the primary.
fn naming_text(value: &Value, primary: &str) -> Option<String> {
    match value {
        Value::String(text) => names::mentions(text, primary).then(|| text.clone()),
        Value::Array(items) => items.iter().find_map(|item| naming_text(item, primary)),
        Value::Object(entries) => entries.values().find_map(|value| naming_text(value, primary)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Returns where the code says an attribute of a resource.
fn place(root: &Module, modules: &dyn Modules, address: &str, name: &str) -> Option<Extent> {
    let block = declared(root, modules, address)?;
    let value = block.body().expr(name).map(slot::extent);
    let nested = || block.body().blocks().iter().find(|block| block.made_kind() == name);
    value.or_else(|| nested().map(slot::header))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::repository::Repository;
    use serde_json::json;
    use std::fs;

    fn state(bucket: &str, topic: &str) -> BTreeMap<String, Made> {
        made(&json!({ "resources": [
            { "mode": "managed", "type": "aws_s3_bucket", "name": "b", "module": "module.m[0]",
              "instances": [{ "index_key": "x", "attributes": {
                "bucket": bucket, "id": bucket, "policy": topic, "secret": "ap-northeast-1" },
                "sensitive_attributes": [[{ "type": "get_attr", "value": "secret" }]] }] },
            { "mode": "data", "type": "aws_region", "name": "r", "instances": [{ "attributes": {} }] },
        ] }))
    }

    #[test]
    fn what_is_the_same_in_both_is_found_where_the_code_says_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("m")).unwrap();
        fs::write(dir.path().join("main.tf"), "module \"m\" {\n  source = \"./m\"\n}\n").unwrap();
        let module = "resource \"aws_s3_bucket\" \"b\" {\n  bucket = var.b\n  policy = var.p\n  secret = 1\n}\n";
        fs::write(dir.path().join("m/main.tf"), module).unwrap();
        let repository = Repository::read(dir.path(), None).unwrap();
        let arn = "arn:aws:sns:ap-northeast-1:1:t";
        let (same, other) = (state("logs", arn), state("logs-2", arn));
        let found = |fallback| {
            let twice = Twice { dir: PathBuf::new(), primary: &same, fallback };
            let found = compare(&twice, &repository, "ap-northeast-1", &[]);
            let shown = found.iter().map(|f| format!("{} {} {}", f.code, f.at.start, f.subject));
            shown.collect::<Vec<_>>()
        };
        let subject = "module.m[0].aws_s3_bucket.b[\"x\"]";
        assert_eq!(
            found(&same),
            [format!("DR006 m/main.tf:2:12 {subject}"), format!("DR044 m/main.tf:3:12 {subject}")]
        );
        assert_eq!(found(&other), [format!("DR044 m/main.tf:3:12 {subject}")]);
    }
}
