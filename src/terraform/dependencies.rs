//! Which resources of a state needed which: the graph that Terraform itself walked.

use crate::{
    model::resource::without_keys,
    terraform::{
        TerraformError,
        state_file::{Resource, StateFile},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Returns what each resource of a state needed directly, by addresses without keys of instances.
///
/// A state of version 4 lists with each instance everything that it needed, also indirectly
/// (`dependencies`, hashicorp/terraform, internal/states/statefile/version4.go). What follows from
/// the rest is left out again.
///
/// # Errors
///
/// [`TerraformError::BadState`] when it is no state.
pub fn dependencies(state: &[u8]) -> Result<BTreeMap<String, Vec<String>>, TerraformError> {
    let StateFile { resources } = StateFile::read(state)?;
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for resource in resources {
        let Resource { module, mode, kind, name, instances } = resource;
        let parts = [module.as_deref().map(without_keys), (mode == "data").then(|| mode.clone())];
        let parts = parts.into_iter().flatten().chain([kind, name]);
        let address = parts.collect::<Vec<_>>().join(".");
        let needs = all.entry(address).or_default();
        needs.extend(instances.into_iter().flat_map(|instance| instance.dependencies));
    }
    Ok(all.iter().map(|(address, needs)| (address.clone(), direct(needs, &all))).collect())
}

/// Returns those of the needs that none of the others needs itself.
fn direct(needs: &BTreeSet<String>, all: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let implied: BTreeSet<&String> =
        needs.iter().filter_map(|need| all.get(need)).flatten().collect();
    needs.iter().filter(|need| !implied.contains(need)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_the_rest_is_left_out() {
        let state = br#"{"version": 4, "resources": [
            {"mode": "managed", "type": "a_vpc", "name": "main", "instances": [{}]},
            {"mode": "data", "type": "a_image", "name": "base", "instances": [{}]},
            {"module": "module.net[\"x.y\"]", "mode": "managed", "type": "a_subnet", "name": "s",
             "instances": [{"index_key": 0, "dependencies": ["a_vpc.main"]},
                           {"index_key": 1, "dependencies": ["a_vpc.main"]}]},
            {"mode": "managed", "type": "a_box", "name": "b", "instances": [
                {"dependencies": ["a_vpc.main", "data.a_image.base", "module.net.a_subnet.s"]}]}]}"#;
        let needs = dependencies(state).unwrap();
        let shown: Vec<_> = needs.iter().map(|(a, n)| format!("{a}: {}", n.join(" "))).collect();
        assert_eq!(
            shown,
            [
                "a_box.b: data.a_image.base module.net.a_subnet.s",
                "a_vpc.main: ",
                "data.a_image.base: ",
                "module.net.a_subnet.s: a_vpc.main",
            ]
        );
    }

    #[test]
    fn what_is_no_state_is_told_without_being_quoted() {
        let error = dependencies(br#"{"resources": "hunter2"}"#).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
