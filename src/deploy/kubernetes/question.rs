//! The question whether an object is ready, as a program that exits with 0 when it is.

use super::{Cluster, KubernetesError};
use std::{path::Path, time::Duration};

/// Runs a program with a kubeconfig that is in its environment: a file of its own, gone with it.
const WITH_CONFIG: &str = r#"umask 077; f=$(mktemp) && trap 'rm -f "$f"' EXIT && printf %s "$KUBECONFIG_TEXT" > "$f" && unset KUBECONFIG_TEXT && KUBECONFIG="$f" "$@""#;

/// The variable that the kubeconfig is in.
const VARIABLE: &str = "KUBECONFIG_TEXT";

/// What is left of the time for an answer when kubectl gives up, so that it says itself what it waited for.
const LEFT: Duration = Duration::from_millis(300);

/// A program that asks, and what its environment has besides.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What is added to its environment. Secret.
    pub env: Vec<(String, String)>,
}

impl Cluster {
    /// Asks whether `object`, such as `deployment/web`, is ready as it was written last. The answer
    /// takes at most `limit`. Programs with a path are taken from `root`.
    ///
    /// # Errors
    ///
    /// The certificate of the cluster's authority is none.
    pub fn question(
        &self,
        object: &str,
        namespace: Option<&str>,
        limit: Duration,
        root: &Path,
    ) -> Result<Question, KubernetesError> {
        let kind = object.split('/').next().unwrap_or_default().to_lowercase();
        let limit = format!("--timeout={}ms", limit.saturating_sub(LEFT).max(LEFT).as_millis());
        let condition = match kind.as_str() {
            "job" | "jobs" | "job.batch" => Some("--for=condition=Complete"),
            "deployment" | "deployments" | "deploy" | "deployment.apps" | "statefulset"
            | "statefulsets" | "sts" | "statefulset.apps" | "daemonset" | "daemonsets" | "ds"
            | "daemonset.apps" => None,
            _ => Some("--for=condition=Ready"),
        };
        let mut rest = match condition {
            Some(condition) => vec!["wait", condition],
            // It also looks whether the controller has seen what was written last.
            None => vec!["rollout", "status"],
        };
        rest.extend([object, &limit]);
        rest.extend(namespace.into_iter().flat_map(|name| ["--namespace", name]));
        let mut reach = self.reach(root, root);
        let Some(text) = self.text(root)? else {
            return Ok(Question { argv: reach.kubectl(&rest), env: Vec::new() });
        };
        // The shell sets it.
        reach.kubeconfig = None;
        let shell = ["sh", "-c", WITH_CONFIG, "sh"].map(str::to_owned);
        let argv = shell.into_iter().chain(reach.kubectl(&rest)).collect();
        Ok(Question { argv, env: vec![(VARIABLE.to_owned(), text)] })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Access, *};

    fn asked(access: Access, object: &str) -> Question {
        let cluster = Cluster { name: "seoul".into(), access };
        cluster.question(object, Some("shop"), Duration::from_secs(2), Path::new("/root")).unwrap()
    }

    #[test]
    fn each_kind_has_its_question() {
        let named = || Access::Context { name: Some("dr".into()), file: None };
        assert_eq!(
            asked(named(), "deployment/web").argv.join(" "),
            "kubectl --context dr rollout status deployment/web --timeout=1700ms --namespace shop"
        );
        assert_eq!(
            asked(named(), "job/migrate").argv.join(" "),
            "kubectl --context dr wait --for=condition=Complete job/migrate --timeout=1700ms --namespace shop"
        );
    }

    #[test]
    fn a_secret_is_in_the_environment_and_not_on_the_command_line() {
        let access = Access::Server {
            server: "https://seoul".into(),
            ca: None,
            token: Some("hunter2".into()),
            credentials: vec![],
        };
        let Question { argv, env } = asked(access, "pod/web");
        assert!(!argv.join(" ").contains("hunter2"), "{argv:?}");
        assert!(env[0].1.contains("hunter2"));
    }
}
