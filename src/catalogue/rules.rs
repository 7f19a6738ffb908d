//! Values that no template can give: computed from the arguments, as the real provider does.

use super::{render::Context, template::Invented};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What computes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The validation records of a certificate: one for each name of it.
    AcmDomainValidation,
    /// The JSON of an IAM policy document, indented.
    IamPolicyDocument,
    /// The JSON of an IAM policy document, in one line.
    IamPolicyDocumentMinified,
}

impl Rule {
    /// Every rule with the name that data files give it.
    pub(super) const ALL: [(&'static str, Self); 3] = [
        ("acm_domain_validation", Self::AcmDomainValidation),
        ("iam_policy_document", Self::IamPolicyDocument),
        ("iam_policy_document_minified", Self::IamPolicyDocumentMinified),
    ];

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
    }

    /// Computes the value; null when the arguments that it needs are not known.
    pub fn compute(self, context: &Context<'_>) -> Value {
        match self {
            Self::AcmDomainValidation => domain_validation(context),
            Self::IamPolicyDocument => {
                serde_json::to_string_pretty(&policy(context)).map_or(Value::Null, Value::from)
            }
            Self::IamPolicyDocumentMinified => policy(context).to_string().into(),
        }
    }
}

/// One record for the domain name and each alternative name, as `aws_acm_certificate` has them.
fn domain_validation(context: &Context<'_>) -> Value {
    let Some(first) = context.attribute("domain_name").and_then(Value::as_str) else {
        return Value::Null;
    };
    let more = strings(context.attribute("subject_alternative_names"));
    let mut names = vec![first.to_owned()];
    names.extend(more.into_iter().filter(|name| name != first));
    let record = |name: &String| {
        let bare = name.strip_prefix("*.").unwrap_or(name);
        let token = |label: &str| {
            let made = context.invent(Invented::Hex(32), &format!("{label} {bare}"));
            made.as_str().unwrap_or_default().to_owned()
        };
        json!({
            "domain_name": name,
            "resource_record_name": format!("_{}.{bare}.", token("name")),
            "resource_record_type": "CNAME",
            "resource_record_value": format!("_{}.acm-validations.aws.", token("value")),
        })
    };
    names.iter().map(record).collect()
}

/// The document that `aws_iam_policy_document` makes of its `statement` blocks.
fn policy(context: &Context<'_>) -> Value {
    let mut statements = Vec::new();
    for text in strings(context.attribute("source_policy_documents")) {
        statements.extend(statements_of(&text));
    }
    if let Some(Value::Array(blocks)) = context.attribute("statement") {
        statements.extend(blocks.iter().filter_map(Value::as_object).map(statement));
    }
    for text in strings(context.attribute("override_policy_documents")) {
        for new in statements_of(&text) {
            let same =
                |old: &&mut Value| new.get("Sid").is_some() && old.get("Sid") == new.get("Sid");
            match statements.iter_mut().find(same) {
                Some(old) => *old = new,
                None => statements.push(new),
            }
        }
    }
    let version = context.attribute("version").and_then(Value::as_str).unwrap_or("2012-10-17");
    let mut document = json!({ "Version": version, "Statement": statements });
    if let Some(id) = context.attribute("policy_id") {
        document["Id"] = id.clone();
    }
    document
}

/// The statements of a document that is given as text; none when it cannot be read.
fn statements_of(document: &str) -> Vec<Value> {
    let read = serde_json::from_str::<Value>(document).unwrap_or_default();
    match read.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        _ => Vec::new(),
    }
}

fn statement(block: &Map<String, Value>) -> Value {
    let mut made = Map::new();
    let effect = block.get("effect").and_then(Value::as_str).unwrap_or("Allow");
    made.insert("Effect".to_owned(), effect.into());
    if let Some(sid) = block.get("sid").and_then(Value::as_str).filter(|sid| !sid.is_empty()) {
        made.insert("Sid".to_owned(), sid.into());
    }
    for (argument, key) in [
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ] {
        if let Some(value) = one_or_many(strings(block.get(argument))) {
            made.insert(key.to_owned(), value);
        }
    }
    for (argument, key) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
        if let Some(value) = principals(block.get(argument)) {
            made.insert(key.to_owned(), value);
        }
    }
    if let Some(value) = conditions(block.get("condition")) {
        made.insert("Condition".to_owned(), value);
    }
    Value::Object(made)
}

fn principals(blocks: Option<&Value>) -> Option<Value> {
    let mut by_type = BTreeMap::<&str, Vec<String>>::new();
    for block in blocks?.as_array()? {
        let kind = block.get("type").and_then(Value::as_str)?;
        by_type.entry(kind).or_default().extend(strings(block.get("identifiers")));
    }
    if let Some(all) = by_type.get("*") {
        return (all == &["*"]).then(|| "*".into());
    }
    let made: Map<_, _> = by_type
        .into_iter()
        .filter_map(|(kind, names)| Some((kind.to_owned(), one_or_many(names)?)))
        .collect();
    (!made.is_empty()).then_some(Value::Object(made))
}

fn conditions(blocks: Option<&Value>) -> Option<Value> {
    let mut tests = BTreeMap::<&str, BTreeMap<String, Vec<String>>>::new();
    for block in blocks?.as_array()? {
        let test = block.get("test").and_then(Value::as_str)?;
        let variable = block.get("variable").and_then(Value::as_str)?;
        let values = strings(block.get("values"));
        tests.entry(test).or_default().entry(variable.to_owned()).or_default().extend(values);
    }
    let made: Map<_, _> = tests
        .into_iter()
        .map(|(test, variables)| {
            let variables = variables
                .into_iter()
                .filter_map(|(variable, values)| Some((variable, one_or_many(values)?)));
            (test.to_owned(), Value::Object(variables.collect()))
        })
        .collect();
    (!made.is_empty()).then_some(Value::Object(made))
}

/// The texts of a list; the provider writes `${…}` for `&{…}`, which HCL leaves alone.
fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_str).map(|text| text.replace("&{", "${")).collect()
}

fn one_or_many(mut values: Vec<String>) -> Option<Value> {
    match values.len() {
        0 => None,
        1 => values.pop().map(Value::from),
        _ => Some(values.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compute(rule: Rule, arguments: Value) -> Value {
        let arguments = arguments.as_object().unwrap().clone();
        rule.compute(&Context::new("us-east-1", 1, &arguments))
    }

    #[test]
    fn a_policy_document_has_its_statements() {
        let arguments = json!({
            "source_policy_documents": ["{\"Statement\": [{\"Sid\": \"a\", \"Effect\": \"Deny\"}]}"],
            "statement": [{
                "sid": "",
                "actions": ["s3:GetObject", "s3:PutObject"],
                "resources": ["arn:aws:s3:::b/&{aws:username}"],
                "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}],
                "condition": [{"test": "StringEquals", "variable": "aws:x", "values": ["1"]}]
            }]
        });
        let json = compute(Rule::IamPolicyDocumentMinified, arguments.clone());
        insta::assert_snapshot!(json.as_str().unwrap(), @r#"{"Statement":[{"Effect":"Deny","Sid":"a"},{"Action":["s3:GetObject","s3:PutObject"],"Condition":{"StringEquals":{"aws:x":"1"}},"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Resource":"arn:aws:s3:::b/${aws:username}"}],"Version":"2012-10-17"}"#);
        let pretty = compute(Rule::IamPolicyDocument, arguments);
        let read: Value = serde_json::from_str(pretty.as_str().unwrap()).unwrap();
        assert_eq!(read, serde_json::from_str::<Value>(json.as_str().unwrap()).unwrap());
    }

    #[test]
    fn an_override_replaces_the_statement_of_its_sid() {
        let json = compute(
            Rule::IamPolicyDocumentMinified,
            json!({
                "statement": [{"sid": "a", "actions": ["s3:*"]}],
                "override_policy_documents": ["{\"Statement\": {\"Sid\": \"a\", \"Effect\": \"Deny\"}}"],
            }),
        );
        insta::assert_snapshot!(json.as_str().unwrap(), @r#"{"Statement":[{"Effect":"Deny","Sid":"a"}],"Version":"2012-10-17"}"#);
    }

    #[test]
    fn a_certificate_has_a_record_for_each_of_its_names() {
        let records = compute(
            Rule::AcmDomainValidation,
            json!({"domain_name": "a.example", "subject_alternative_names": ["*.a.example", "a.example"]}),
        );
        let names: Vec<_> = records
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["domain_name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a.example", "*.a.example"]);
        // Both names are proved by the same record, as with the real authority.
        assert_eq!(records[0]["resource_record_name"], records[1]["resource_record_name"]);
        assert_eq!(compute(Rule::AcmDomainValidation, json!({})), Value::Null);
    }
}
