//! That a cluster is reached in exactly one way.

use super::Mistake;
use crate::config::body::Block;

/// The ways to reach a cluster, each by what says which it is and what may stand with that.
const WAYS: [(&str, &[&str]); 3] = [
    ("kubeconfig", &["context"]),
    ("server", &["ca", "token", "credentials"]),
    // Without a context, a file is reached by its own current one.
    ("context", &["file"]),
];

/// Finds what is missing in a `cluster` block, and what does not go together.
pub(super) fn check(block: &Block, mistakes: &mut Vec<Mistake>) {
    let has = |name: &str| block.body().expr(name).is_some();
    let Some((way, with)) =
        WAYS.iter().find(|(way, _)| has(way) || (*way == "context" && has("file")))
    else {
        let hint = "Give it a `kubeconfig`, such as an output of a stack; or a `server` with its `ca` and a `token` or `credentials`; or the `context` of a kubeconfig file";
        let message = "nothing says how this cluster is reached";
        mistakes.push(Mistake::new(block.place(), message).hint(hint));
        return;
    };
    let parts = WAYS.iter().flat_map(|(way, with)| with.iter().chain([way]));
    let mut others: Vec<&str> =
        parts.copied().filter(|part| part != way && !with.contains(part) && has(part)).collect();
    others.sort_unstable();
    others.dedup();
    for other in others {
        let place = block.body().expr(other).map_or_else(|| block.place(), |expr| expr.place());
        let message =
            format!("`{other}` does not go with `{way}`: a cluster is reached in one way");
        mistakes.push(Mistake::new(place, message).hint(format!("Keep `{way}` or `{other}`")));
    }
    if *way == "server" && has("token") == has("credentials") {
        let message = match has("token") {
            true => "a cluster takes a `token` or `credentials`, and this has both",
            false => "nothing says who asks this cluster",
        };
        let hint = "Give it a `token`, or `credentials` such as `[\"aws\", \"eks\", \"get-token\", \"--cluster-name\", \"shop\"]`";
        mistakes.push(Mistake::new(block.place(), message).hint(hint));
    }
}

/// Finds out that a `kubernetes` block has nothing to apply.
pub(super) fn check_objects(block: &Block, mistakes: &mut Vec<Mistake>) {
    let what = ["manifests", "kustomization", "config_maps", "secrets"];
    if !what.iter().any(|name| block.body().expr(name).is_some()) {
        let hint = "Give it `manifests = [\"deploy\"]`, files or folders, or `kustomization = \"deploy/overlays/dr\"`";
        let message = "nothing says what is applied";
        mistakes.push(Mistake::new(block.place(), message).hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Runbook;
    use std::path::Path;

    fn mistakes(cluster: &str, step: &str) -> String {
        let text = format!(
            "service \"shop\" {{}}\ncluster \"seoul\" {{\n{cluster}\n}}\nkubernetes \"web\" {{\n{step}\n}}\n"
        );
        match Runbook::read(Path::new("drctl.hcl"), text.as_bytes(), "") {
            Ok(_) => "good".to_owned(),
            Err(mistakes) => mistakes[0].to_string(),
        }
    }

    #[test]
    fn a_cluster_is_reached_in_exactly_one_way() {
        let said = |cluster: &str| mistakes(cluster, "manifests = [\"deploy\"]");
        for good in [
            "context = \"seoul\"",
            "file = \"kube/config\"",
            "kubeconfig = \"…\"\ncontext = \"dr\"",
            "server = \"https://seoul\"\ncredentials = [\"./bin/token\"]",
        ] {
            assert_eq!(said(good), "good", "{good}");
        }
        let wrong = [
            "",
            "context = \"seoul\"\nserver = \"https://seoul\"\ntoken = \"t\"",
            "kubeconfig = \"…\"\ntoken = \"t\"",
            "server = \"https://seoul\"",
            "server = \"https://seoul\"\ntoken = \"t\"\ncredentials = [\"./bin/token\"]",
        ];
        insta::assert_snapshot!(wrong.map(said).join("\n"), @r#"
        drctl.hcl:2:1: nothing says how this cluster is reached
          Give it a `kubeconfig`, such as an output of a stack; or a `server` with its `ca` and a `token` or `credentials`; or the `context` of a kubeconfig file
        drctl.hcl:3:11: `context` does not go with `server`: a cluster is reached in one way
          Keep `server` or `context`
        drctl.hcl:4:9: `token` does not go with `kubeconfig`: a cluster is reached in one way
          Keep `kubeconfig` or `token`
        drctl.hcl:2:1: nothing says who asks this cluster
          Give it a `token`, or `credentials` such as `["aws", "eks", "get-token", "--cluster-name", "shop"]`
        drctl.hcl:2:1: a cluster takes a `token` or `credentials`, and this has both
          Give it a `token`, or `credentials` such as `["aws", "eks", "get-token", "--cluster-name", "shop"]`
        "#);
    }

    #[test]
    fn something_is_applied() {
        insta::assert_snapshot!(mistakes("context = \"seoul\"", "namespace = \"shop\""), @r#"
        drctl.hcl:5:1: nothing says what is applied
          Give it `manifests = ["deploy"]`, files or folders, or `kustomization = "deploy/overlays/dr"`
        "#);
    }
}
