//! What a `dns` step can do, of which it does one.

use super::{Deploy, DeployKind};
use crate::{
    config::{body::Block, expression::Scope},
    model::time::parse_duration,
    runbook::Mistake,
};
use std::time::Duration;

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

impl Deploy {
    /// Returns how long an answer may be kept that the step lets a name be answered with; `None` where
    /// it moves no traffic by the DNS, or does not say so, or says it by what only a run knows.
    pub fn ttl(&self) -> Option<Duration> {
        let ttl = self.settings.iter().find(|a| self.kind == DeployKind::Dns && a.name() == "ttl");
        let value = ttl?.expr().evaluate(&Scope::default()).ok()?;
        parse_duration(value.as_str()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::runbook::Runbook;
    use std::path::Path;

    fn mistakes(step: &str) -> String {
        let text = format!(
            "service \"s\" {{\n  rto = \"1h\"\n}}\n\ndns \"name\" {{\n  zone   = \"Z\"\n  record = \"a.b\"\n{step}}}\n"
        );
        match Runbook::read(Path::new("drctl.hcl"), text.as_bytes(), "x") {
            Ok(_) => "right".to_owned(),
            Err(error) => error.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    #[test]
    fn a_step_moves_traffic_in_one_way() {
        let said = [
            mistakes(""),
            mistakes("  failover = \"s\"\n  weights = { s = 1 }\n"),
            mistakes("  failover = \"s\"\n  ttl = \"20s\"\n"),
            mistakes("  values = [\"192.0.2.1\"]\n  ttl = \"20s\"\n"),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        drctl.hcl:5:1: `dns` does not say by what the traffic is moved
          Set `weights`, `failover` or `values`
        drctl.hcl:8:14: `dns` cannot move traffic by `weights` and by `failover`
          Keep one of them
        drctl.hcl:9:9: `ttl` goes with `values`: what `failover` changes keeps its own
          Take `ttl` out
        right
        ");
    }
}
