//! What a `dns` step can do, of which it does one.

use crate::{config::body::Block, runbook::Mistake};

/// By what traffic is moved.
const WAYS: [&str; 3] = ["weights", "failover", "values"];

/// Checks that a step moves traffic in exactly one way.
pub(super) fn check(block: &Block, mistakes: &mut Vec<Mistake>) {
    let place = |name: &str| block.body().expr(name).map(|expr| expr.place());
    let mut ways = WAYS.iter().filter_map(|way| Some((way, place(way)?)));
    let Some((first, _)) = ways.next() else {
        let hint = "Set `weights`, `failover` or `values`";
        let message = "`dns` does not say by what the traffic is moved";
        return mistakes.push(Mistake::new(block.place(), message).hint(hint));
    };
    if let Some((other, place)) = ways.next() {
        let message = format!("`dns` cannot move traffic by `{first}` and by `{other}`");
        mistakes.push(Mistake::new(place, message).hint("Keep one of them"));
    }
    if let Some(ttl) = place("ttl").filter(|_| place("values").is_none()) {
        let message = format!("`ttl` goes with `values`: what `{first}` changes keeps its own");
        mistakes.push(Mistake::new(ttl, message).hint("Take `ttl` out"));
    }
}
