//! Values that must not be seen in what Helm prints.
//!
//! A value may come from a sensitive output of a stack, and Helm quotes values: in errors of templates and
//! of schemas, and in a chart's notes.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

/// Shorter values are no secrets, and hiding them would make texts hard to read.
const SHORTEST: usize = 4;

/// What stands in place of a value.
const MARK: &str = "[hidden]";

/// Values that must not be seen.
pub(super) struct Hidden(Vec<String>);

impl Hidden {
    /// Takes every text and number in `values`.
    pub(super) fn new(values: &Map<String, Value>) -> Self {
        let mut all = Vec::new();
        values.values().for_each(|value| collect(value, &mut all));
        let mut forms: Vec<String> = all.iter().flat_map(|text| forms(text)).collect();
        // What holds another comes first, so that nothing of it is left.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self(forms)
    }

    /// Returns `text` without the values.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, value| text.replace(value, MARK))
    }
}

fn collect(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, all)),
        Value::Object(entries) => entries.values().for_each(|entry| collect(entry, all)),
        Value::String(text) => all.push(text.clone()),
        Value::Number(number) => all.push(number.to_string()),
        Value::Bool(_) | Value::Null => {}
    }
}

/// How a text may be written: as it is, line by line, quoted, and as Kubernetes keeps secrets.
fn forms(text: &str) -> Vec<String> {
    let quoted = |text: &str| {
        let quoted = Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let mut forms = vec![text.to_owned(), quoted(text), BASE64_STANDARD.encode(text)];
    forms.extend(text.lines().map(str::trim).map(str::to_owned));
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_hidden_in_every_form() {
        let values = json!({
            "db": { "password": "s3cr\"et", "port": 54321, "tls": true },
            "keys": ["-----BEGIN KEY-----\nMIIBtoken\n-----END KEY-----", "s3cr\"et-and-more"],
        });
        let hidden = Hidden::new(values.as_object().unwrap());
        let said = "at <s3cr\"et>: \"s3cr\\\"et\" true 54321 czNjciJldA== s3cr\"et-and-more\n  MIIBtoken\n";
        assert_eq!(
            hidden.hide(said),
            "at <[hidden]>: \"[hidden]\" true [hidden] [hidden] [hidden]\n  [hidden]\n"
        );
    }

    #[test]
    fn short_values_stay_so_that_a_text_can_be_read() {
        let values = json!({ "env": "dr", "replicas": 2 });
        let hidden = Hidden::new(values.as_object().unwrap());
        assert_eq!(hidden.hide("2 errors in dr"), "2 errors in dr");
    }
}
