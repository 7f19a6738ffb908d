//! The form of the JSON document, as a JSON Schema.

use super::json::{Report, SCHEMA};
use regex::Regex;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// Returns the JSON Schema (draft 2020-12) of [`Report`] as JSON writes it.
///
/// It allows keys that it does not name: they are added, never changed. A key that it names is
/// there unless it is left out for being empty.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Report>();
    // A name, not an address: nothing is served there.
    schema.insert("$id".to_owned(), json!(format!("urn:{}", SCHEMA.replace('/', ":"))));
    schema.insert("title".to_owned(), json!("Report of a run of drctl"));
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut)
        && let Some(name) = properties.get_mut("schema").and_then(Value::as_object_mut)
    {
        name.insert("const".to_owned(), json!(SCHEMA));
        name.insert("description".to_owned(), json!("The name of the form of the document."));
    }
    let mut value = schema.to_value();
    // The pattern is a literal, so that it compiles; if not, descriptions only read worse.
    if let Ok(link) = Regex::new(r"\[(`[^`]+`)\](?:\([^)]*\))?") {
        without_links(&mut value, &link);
    }
    value
}

/// Returns [`schema`] as one indented JSON document that ends with a newline.
///
/// # Errors
///
/// Only where a document of JSON cannot be written, which nothing in it brings about.
pub fn schema_text() -> serde_json::Result<String> {
    serde_json::to_string_pretty(&schema()).map(|text| text + "\n")
}

/// Takes the links of the code's own documentation out of descriptions: they lead nowhere outside.
fn without_links(value: &mut Value, link: &Regex) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = link.replace_all(text, "$1").into_owned();
            }
            object.values_mut().for_each(|value| without_links(value, link));
        }
        Value::Array(all) => all.iter_mut().for_each(|value| without_links(value, link)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Kept, Report, samples};
    use std::{env, fs, path::Path};

    const COMMITTED: &str = "fixtures/schemas/report-v1.json";

    /// `DRCTL_WRITE_SCHEMAS=1` writes the file instead.
    #[test]
    fn the_committed_schema_is_the_one_of_the_code() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
        let generated = schema_text().unwrap();
        if env::var_os("DRCTL_WRITE_SCHEMAS").is_some() {
            fs::write(&path, &generated).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap();
        assert!(
            committed == generated,
            "{COMMITTED} is not what the types say; run this test with DRCTL_WRITE_SCHEMAS=1 and look at the difference"
        );
    }

    #[test]
    fn real_reports_are_of_that_form() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let check = |name: &str, report: &Report| {
            let document: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
            let wrong: Vec<_> = validator
                .iter_errors(&document)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
        };
        let of = |events: Vec<_>| Report::new(events.iter().collect(), Kept::default());
        check("met", &of(samples::by_hand()));
        check("failed", &of(samples::gone_wrong()));
        check("without a beginning", &of(Vec::new()));
        for seed in 1..50 {
            check("by chance", &of(samples::by_chance(seed)));
        }
        for (name, report) in samples::rich::all() {
            check(name, &report);
        }
    }

    #[test]
    fn another_document_is_not_of_that_form_and_more_keys_are() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let report = Report::new(samples::by_hand().iter().collect(), Kept::default());
        let mut document: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        document["of_tomorrow"] = json!({ "a": 1 });
        assert!(validator.is_valid(&document));
        document["recovery_time_ms"] = json!("13m");
        assert!(!validator.is_valid(&document));
        assert!(!validator.is_valid(&json!({ "schema": SCHEMA })));
    }
}
