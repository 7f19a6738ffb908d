//! What a state says that there is.

use crate::terraform::{
    TerraformError,
    state_file::{Resource, StateFile},
};

/// An instance of a managed resource, as a state holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its address.
    pub address: String,
    /// Its attribute `id`, when that is a text.
    pub id: Option<String>,
    /// True when its making was broken off, so that the next plan makes it anew.
    pub tainted: bool,
}

/// Returns every instance of a managed resource in a state of version 4, in its order.
///
/// # Errors
///
/// [`TerraformError::BadState`] when it is no state.
pub fn held(state: &[u8]) -> Result<Vec<Held>, TerraformError> {
    let StateFile { resources } = StateFile::read(state)?;
    let mut all = Vec::new();
    for Resource { module, kind, name, instances, mode } in resources {
        if mode != "managed" {
            continue;
        }
        let module = module.map(|module| format!("{module}.")).unwrap_or_default();
        all.extend(instances.into_iter().map(|instance| {
            let key = instance.index_key.map(|key| format!("[{key}]")).unwrap_or_default();
            Held {
                address: format!("{module}{kind}.{name}{key}"),
                id: instance.attributes.and_then(|attributes| attributes.id),
                tainted: instance.status == "tainted",
            }
        }));
    }
    Ok(all)
}

/// Returns the address of every instance of a managed resource in a state of version 4, in its order.
///
/// # Errors
///
/// [`TerraformError::BadState`] when it is no state.
pub fn managed(state: &[u8]) -> Result<Vec<String>, TerraformError> {
    Ok(held(state)?.into_iter().map(|held| held.address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instance_has_the_address_that_terraform_writes() {
        let state = br#"{"version":4,"resources":[
            {"mode":"managed","type":"aws_vpc","name":"main","instances":[{}]},
            {"mode":"data","type":"aws_ami","name":"base","instances":[{}]},
            {"module":"module.a[\"x\"]","mode":"managed","type":"aws_eip","name":"nat",
             "instances":[{"index_key":0},{"index_key":"b.c"}]},
            {"mode":"managed","type":"aws_vpc","name":"none","instances":[]}]}"#;
        let all = managed(state).unwrap();
        let nat = [r#"module.a["x"].aws_eip.nat[0]"#, r#"module.a["x"].aws_eip.nat["b.c"]"#];
        assert_eq!(all, [&["aws_vpc.main"], &nat[..]].concat());
        assert!(managed(b"hunter2").is_err());
    }

    #[test]
    fn what_was_broken_off_is_tainted() {
        let state = br#"{"version":4,"resources":[
            {"mode":"managed","type":"aws_vpc","name":"main","instances":[
             {"status":"tainted","attributes":{"id":"vpc-1","tags":null}}]},
            {"mode":"managed","type":"aws_eip","name":"odd","instances":[{"attributes":{"id":7}}]}]}"#;
        let held = held(state).unwrap();
        assert_eq!((held[0].id.as_deref(), held[0].tainted), (Some("vpc-1"), true));
        assert_eq!((held[1].id.as_deref(), held[1].tainted), (None, false));
    }
}
