//! DR031: locations of Azure resources.

use crate::{
    catalogue::names::same_region,
    config::module::ResourceMode,
    lint::{
        mend::{is_json, replace},
        rule::{Found, Rule},
        subject::Subject,
        tie::{Of, Tie, ties},
    },
    model::finding::{Fix, RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR031",
        name: "azure-location-literal",
        title: "a location of Azure is the primary, as a literal",
        severity: Severity::Warning,
        page: include_str!("dr031.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for tie in ties(subject, Of::Azure) {
        let (place, argument) = (&tie.mention.text, tie.argument());
        let fix = fix(&tie);
        found
            .add(
                tie.string(),
                tie.address(),
                format!("`{argument}` is `{place}` in every region"),
                "Take it from the resource group, or from a variable that is set for each region",
            )
            .fix(fix);
    }
}

/// A resource whose group is in the same place by a literal of its own can ask the group.
fn fix(tie: &Tie<'_, '_>) -> Option<Fix> {
    let resource = tie.resource()?;
    let group = resource.body().expr("resource_group_name")?.traversal()?;
    let [kind, name, attribute] = <[String; 3]>::try_from(group).ok()?;
    let known = tie.seen.module.resource(ResourceMode::Managed, &kind, &name)?;
    let there = known.body().expr("location")?.literal_string()?;
    if kind != "azurerm_resource_group"
        || attribute != "name"
        || tie.slot.path != "location"
        || is_json(tie.slot.expr())
        || !same_region(&there, &tie.mention.kind.region()?.name)
    {
        return None;
    }
    let with = format!("{kind}.{name}.location");
    let title = format!("Write `{with}` instead");
    Some(Fix { title, splices: vec![replace(tie.slot.expr(), tie.written.range.clone(), with)] })
}
