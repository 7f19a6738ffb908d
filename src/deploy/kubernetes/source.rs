//! The objects of a step, read from where they stand.

use super::{
    error::KubernetesError,
    manifest::{documents, generated, names, replace_images, stamp},
    step::Kubernetes,
};
use crate::deploy::{DeployError, deployment::Job};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a kustomization may take: it may fetch what it is based on.
const KUSTOMIZE: Duration = Duration::from_secs(120);

/// What makes a folder a kustomization.
const KUSTOMIZATION: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

impl Kubernetes {
    /// Returns the command that renders a kustomization.
    pub(super) fn render(&self) -> Option<Vec<String>> {
        let dir = self.kustomization.as_ref()?;
        Some(["kubectl", "kustomize", &dir.display().to_string()].map(str::to_owned).into())
    }

    /// Reads all objects, with images as they are pulled in the fallback, in the order in which they
    /// are applied.
    pub(super) async fn objects(&self, job: &Job<'_>) -> Result<Vec<Value>, DeployError> {
        let mut objects = Vec::new();
        if let (Some(argv), Some(dir)) = (self.render(), &self.kustomization) {
            let text = job.ask("kustomize", argv, KUSTOMIZE).await?;
            objects.extend(read(dir, &text)?);
        }
        for path in &self.manifests {
            for file in files(job.root, path)? {
                let text = fs::read_to_string(job.root.join(&file))
                    .map_err(|source| KubernetesError::Unread { path: file.clone(), source })?;
                objects.extend(read(&file, &text)?);
            }
        }
        replace_images(&mut objects, &self.replace);
        let mut made = Vec::new();
        for (kind, all) in [("ConfigMap", &self.config_maps), ("Secret", &self.secrets)] {
            made.extend(all.iter().map(|(name, values)| generated(kind, name, values)));
        }
        stamp(&mut objects, &made);
        made.append(&mut objects);
        if let Some(namespace) = &self.namespace {
            own_namespace(&made, namespace)?;
        }
        made.sort_by_key(super::manifest::rank);
        Ok(made)
    }
}

/// The objects of a text, each with a name.
fn read(origin: &Path, text: &str) -> Result<Vec<Value>, KubernetesError> {
    let wrong =
        |source| KubernetesError::NoManifest { path: origin.to_owned(), source: Box::new(source) };
    let objects = documents(text).map_err(wrong)?;
    for object in &objects {
        names(object, origin)?;
    }
    match objects.is_empty() {
        true => Err(KubernetesError::Nothing { path: origin.to_owned() }),
        false => Ok(objects),
    }
}

/// The manifests that a path names, from the root: itself, or what is in the folder, as kubectl reads
/// folders.
fn files(root: &Path, path: &Path) -> Result<Vec<PathBuf>, KubernetesError> {
    let unread = |source| KubernetesError::Unread { path: path.to_owned(), source };
    if !root.join(path).is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(path)).map_err(unread)? {
        let name = PathBuf::from(entry.map_err(unread)?.file_name());
        if KUSTOMIZATION.iter().any(|known| name == Path::new(known)) {
            return Err(KubernetesError::Kustomized { path: path.to_owned() });
        }
        let is_manifest =
            name.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if is_manifest {
            files.push(path.join(name));
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(KubernetesError::Nothing { path: path.to_owned() }),
        false => Ok(files),
    }
}

/// An object that names another namespace would land elsewhere than the step says.
fn own_namespace(objects: &[Value], namespace: &str) -> Result<(), KubernetesError> {
    for object in objects {
        let own = object["metadata"]["namespace"].as_str().unwrap_or(namespace);
        if own != namespace {
            let (_, kind, name) = names(object, Path::new(""))?;
            return Err(KubernetesError::OtherNamespace {
                object: format!("{}/{name}", kind.to_lowercase()),
                own: own.to_owned(),
                namespace: namespace.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn folders_are_read_as_kubectl_reads_them() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("deploy");
        fs::create_dir_all(dir.join("inner.yaml.d")).unwrap();
        let nothing = files(root.path(), Path::new("deploy")).unwrap_err();
        assert_eq!(nothing.to_string(), "there is no manifest in `deploy`");
        for name in ["b.yaml", "a.json", "README.md", "c.yml"] {
            fs::write(dir.join(name), "").unwrap();
        }
        let found = files(root.path(), Path::new("deploy")).unwrap();
        assert_eq!(found, ["deploy/a.json", "deploy/b.yaml", "deploy/c.yml"].map(PathBuf::from));
        fs::write(dir.join("kustomization.yaml"), "").unwrap();
        let error = files(root.path(), Path::new("deploy")).unwrap_err();
        assert_eq!(
            error.hint().unwrap(),
            "Write `kustomization = \"deploy\"` in the place of `manifests`"
        );
    }

    #[test]
    fn an_object_of_another_namespace_is_a_mistake() {
        let of = |namespace: Value| json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": namespace } });
        assert!(own_namespace(&[of(Value::Null), of("shop".into())], "shop").is_ok());
        assert_eq!(
            own_namespace(&[of("other".into())], "shop").unwrap_err().to_string(),
            "`service/web` is of the namespace `other`, and the step of `shop`"
        );
    }

    #[test]
    fn what_is_no_manifest_is_named() {
        let chain = |text: &str| {
            crate::model::chain(&read(Path::new("deploy/web.yaml"), text).unwrap_err()).join(": ")
        };
        assert_eq!(chain("a: b"), "an object in `deploy/web.yaml` has no `apiVersion`");
        assert_eq!(chain("# nothing\n"), "there is no manifest in `deploy/web.yaml`");
        assert!(chain("a: [").starts_with("`deploy/web.yaml` is no manifest: it is no YAML: "));
    }
}
