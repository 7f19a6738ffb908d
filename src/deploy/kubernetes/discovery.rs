//! Where objects of a kind are in the API of a cluster.

use super::{
    api::{Api, escaped},
    error::KubernetesError,
    watch::ObjectRef,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The kinds that a cluster knows, by their API; each API is asked for once.
#[derive(Default)]
pub(super) struct Kinds {
    known: BTreeMap<String, Vec<Kind>>,
}

/// A kind of objects.
#[derive(Clone, Debug)]
struct Kind {
    name: String,
    /// What it is called in addresses, such as `deployments`.
    plural: String,
    namespaced: bool,
}

impl Kinds {
    /// Returns the path of an object.
    ///
    /// # Errors
    ///
    /// [`KubernetesError::NoKind`] when the cluster does not know its kind, or it does not answer.
    pub(super) async fn path(
        &mut self,
        api: &Api,
        object: &ObjectRef,
    ) -> Result<String, KubernetesError> {
        let kind = self.kind(api, &object.api, &object.kind).await?;
        let mut path = root(&object.api);
        if let Some(namespace) = object.namespace.as_deref().filter(|_| kind.namespaced) {
            path.push_str(&format!("/namespaces/{}", escaped(namespace)));
        }
        Ok(format!("{path}/{}/{}", kind.plural, escaped(&object.name)))
    }

    /// Returns true when objects of a kind are in namespaces.
    ///
    /// # Errors
    ///
    /// As [`Kinds::path`].
    pub(super) async fn is_namespaced(
        &mut self,
        api: &Api,
        version: &str,
        kind: &str,
    ) -> Result<bool, KubernetesError> {
        Ok(self.kind(api, version, kind).await?.namespaced)
    }

    async fn kind(
        &mut self,
        api: &Api,
        version: &str,
        kind: &str,
    ) -> Result<Kind, KubernetesError> {
        let find = |kinds: &[Kind]| kinds.iter().find(|found| found.name == kind).cloned();
        if let Some(found) = self.known.get(version).and_then(|kinds| find(kinds)) {
            return Ok(found);
        }
        // A definition may have been applied since it was asked.
        let answer = api.get(&root(version)).await?;
        if matches!(answer.code, 401 | 403) {
            return Err(api.unauthorized(&answer));
        }
        let kinds = read(&answer.body);
        let found = find(&kinds);
        self.known.insert(version.to_owned(), kinds);
        found.ok_or_else(|| KubernetesError::NoKind {
            cluster: api.reach().cluster.clone(),
            api: version.to_owned(),
            kind: kind.to_owned(),
        })
    }
}

/// The path of an API.
fn root(api: &str) -> String {
    match api.contains('/') {
        true => format!("/apis/{api}"),
        false => format!("/api/{api}"),
    }
}

/// Reads an `APIResourceList`.
fn read(list: &Value) -> Vec<Kind> {
    let resources = list["resources"].as_array();
    let kind = |resource: &Value| {
        let plural = resource["name"].as_str().filter(|name| !name.contains('/'))?;
        Some(Kind {
            name: resource["kind"].as_str()?.to_owned(),
            plural: plural.to_owned(),
            namespaced: resource["namespaced"] == true,
        })
    };
    resources.into_iter().flatten().filter_map(kind).collect()
}
