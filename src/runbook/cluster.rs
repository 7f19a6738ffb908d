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
