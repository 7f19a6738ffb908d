//! Functions of providers: the well-known ones computed, others answered by what is made of them.

use super::{
    invent::{self, Scene},
    json::{to_json, typed},
    simulation::Served,
    whereabouts::region_of_zone,
};
use crate::provider::{cty::Value, infer::Hint};
use serde_json::{Value as Json, json};

/// A function was called with what it cannot take.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FunctionError {
    #[error("`{function}` cannot take `{text}`")]
    Argument { function: String, text: String },
}

/// Calls a function of a provider.
///
/// # Errors
///
/// [`FunctionError`] for an argument that the real function refuses, too.
pub(super) fn call(
    served: &Served,
    name: &str,
    arguments: &[Value],
) -> Result<Value, FunctionError> {
    let first = arguments.first().and_then(Value::as_str).unwrap_or_default();
    let refused = || FunctionError::Argument { function: name.to_owned(), text: first.to_owned() };
    let computed = match (served.address.kind.as_str(), name) {
        ("aws", "arn_parse") => Some(arn_parse(first).ok_or_else(refused)?),
        ("aws", "arn_build") => {
            let parts: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
            Some(format!("arn:{}", parts.join(":")).into())
        }
        ("aws", "trim_iam_role_path") => Some(trim_role_path(first).ok_or_else(refused)?.into()),
        ("google" | "google-beta", name) => google(name, first).map(Json::from),
        ("azurerm", "normalise_resource_id") => Some(first.into()),
        ("azurerm", "parse_resource_id") => Some(azure_id(first).ok_or_else(refused)?),
        _ => None,
    };
    let hint = served.shape.functions.get(name).map(|function| &function.result);
    let hint = hint.unwrap_or(&Hint::Unknown);
    Ok(typed(&computed.unwrap_or_else(|| placeholder(name, arguments, hint)), hint))
}

/// Makes up a result: the same for the same arguments.
fn placeholder(name: &str, arguments: &[Value], hint: &Hint) -> Json {
    let given: Json = arguments.iter().map(to_json).collect();
    let zones = ["us-east-1a".to_owned()];
    let scene = Scene {
        kind: name,
        in_data: false,
        region: "us-east-1",
        zones: &zones,
        partition: "aws",
        account: "123456789012",
        seed: invent::seed(&[name.as_bytes(), given.to_string().as_bytes()]),
    };
    scene.invent(name, hint)
}

/// `arn:partition:service:region:account:resource`, as the AWS documentation has it.
fn arn_parse(arn: &str) -> Option<Json> {
    let mut parts = arn.splitn(6, ':');
    if parts.next() != Some("arn") {
        return None;
    }
    let mut next = || parts.next();
    let (partition, service, region) = (next()?, next()?, next()?);
    let (account, resource) = (next()?, next()?);
    Some(json!({
        "partition": partition,
        "service": service,
        "region": region,
        "account_id": account,
        "resource": resource,
    }))
}

fn trim_role_path(arn: &str) -> Option<String> {
    let (before, path) = arn.split_once(":role/")?;
    let name = path.rsplit('/').next().unwrap_or(path);
    Some(format!("{before}:role/{name}"))
}

/// Takes a part out of a Google Cloud identifier or a self link.
fn google(function: &str, id: &str) -> Option<String> {
    let after = |word: &str| {
        let mut parts = id.split('/').skip_while(|part| *part != word);
        parts.next();
        parts.next().map(str::to_owned)
    };
    match function {
        "project_from_id" => after("projects"),
        "region_from_id" => after("regions").or_else(|| after("locations")),
        "location_from_id" => after("locations"),
        "zone_from_id" => after("zones"),
        "name_from_id" => id.rsplit('/').next().map(str::to_owned),
        "region_from_zone" => {
            region_of_zone(id).or_else(|| id.rsplit_once('-').map(|(region, _)| region.to_owned()))
        }
        _ => None,
    }
}

fn azure_id(id: &str) -> Option<Json> {
    let parts: Vec<&str> = id.trim_matches('/').split('/').collect();
    let after = |word: &str| {
        let at = parts.iter().position(|part| part.eq_ignore_ascii_case(word))?;
        parts.get(at + 1).copied()
    };
    let provider = after("providers");
    let at = parts.iter().position(|part| part.eq_ignore_ascii_case("providers"));
    let rest = at.and_then(|at| parts.get(at + 2..)).unwrap_or_default();
    let kind = rest.len().checked_sub(2).and_then(|n| rest.get(n)).copied();
    let scope: String =
        provider.zip(kind).map(|(provider, kind)| format!("{provider}/{kind}")).unwrap_or_default();
    Some(json!({
        "subscription_id": after("subscriptions")?,
        "resource_group_name": after("resourceGroups"),
        "resource_provider": provider,
        "resource_type": kind,
        "full_resource_type": scope,
        "resource_name": parts.last(),
        "resource_scope": null,
        "parent_resources": {},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_taken_apart() {
        let parts = arn_parse("arn:aws:lambda:us-east-1:1:function:f:1").unwrap();
        assert_eq!(parts["region"], "us-east-1");
        assert_eq!(parts["resource"], "function:f:1");
        assert_eq!(arn_parse("nothing"), None);
        let role = trim_role_path("arn:aws:iam::1:role/path/to/name").unwrap();
        assert_eq!(role, "arn:aws:iam::1:role/name");
    }

    #[test]
    fn parts_are_taken_out_of_identifiers() {
        let id = "projects/p/regions/r/subnetworks/s";
        assert_eq!(google("region_from_id", id).as_deref(), Some("r"));
        assert_eq!(google("name_from_id", id).as_deref(), Some("s"));
        assert_eq!(google("region_from_zone", "us-central1-a").as_deref(), Some("us-central1"));
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v";
        let parts = azure_id(id).unwrap();
        assert_eq!(parts["full_resource_type"], "Microsoft.Network/virtualNetworks");
        assert_eq!(parts["resource_name"], "v");
    }
}
