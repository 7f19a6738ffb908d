//! DR034: variables that nothing sets for the fallback.

use crate::{
    config::module::Variable,
    lint::{
        regions::is_for_a_region,
        rule::{Found, Rule},
        slot::header,
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR034",
        name: "variable-not-set-for-fallback",
        title: "a variable has no default, and nothing sets it for the fallback",
        severity: Severity::Warning,
        page: include_str!("dr034.md"),
    },
    check,
};

/// Without a runbook nobody knows what a pipeline passes; every one of them passes something.
fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(stack) = subject.about.stack else { return };
    let root = subject.root().module;
    for variable in root.variables.iter().filter(|variable| variable.default.is_none()) {
        let name = variable.name.as_str();
        if subject.about.given.contains_key(name) || is_set_by_drctl(subject, variable) {
            continue;
        }
        found.add(
            header(&variable.block),
            format!("var.{name}"),
            format!("nothing sets `{name}` for the fallback, so its plan fails"),
            format!(
                "Set it in the runbook: `variables = {{ {name} = … }}` in the stack of `{}`, or in the `region` block when it differs there",
                stack.path.display()
            ),
        );
    }
}

/// Whether a variable carries the region, which drctl sets itself.
fn is_set_by_drctl(subject: &Subject<'_>, variable: &Variable) -> bool {
    let providers = &subject.root().module.providers;
    let carries = |region: &crate::config::expression::Expr| {
        region.variable_name().is_some_and(|name| name == variable.name)
    };
    is_for_a_region(variable) || providers.iter().filter_map(|p| p.region.as_ref()).any(carries)
}
