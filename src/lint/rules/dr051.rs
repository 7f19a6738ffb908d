//! DR051: zones by number.

use crate::{
    catalogue::Regions,
    config::{
        module::{Resource, ResourceMode},
        syntax::{
            Expression, Span, Traversal, TraversalOperator,
            visit::{self, Visit},
        },
        text::SourceText,
    },
    lint::{
        rule::{Found, Rule},
        subject::{Call, Subject},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR051",
        name: "zone-that-the-fallback-lacks",
        title: "a zone is asked for that the fallback does not have",
        severity: Severity::Error,
        page: include_str!("dr051.md"),
    },
    check,
};

use std::ops::Range;

/// Filters that leave the ordinary zones of a region as they are.
const HARMLESS: [&str; 2] = ["opt-in-status", "zone-type"];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    if subject.fallback().is_none() {
        return;
    }
    for call in &subject.calls {
        let Some(seen) = subject.modules.iter().find(|seen| seen.module.dir == call.module.dir)
        else {
            continue;
        };
        for slot in &seen.slots {
            let expr = slot.expr();
            if !expr.source().contains("aws_availability_zones") {
                continue;
            }
            let mut collector = Collector { text: expr.text(), found: Vec::new() };
            collector.visit_expr(expr.node());
            for (name, index, range) in collector.found {
                let Some((here, there, region)) = counts(call, &name) else { continue };
                // What is too far in the primary, too, is not what it seems to be.
                if index < there || index >= here {
                    continue;
                }
                found
                    .add(
                        expr.text().extent_of(range),
                        call.address_of(&slot.holder.address()),
                        format!("this asks for zone number {} of `{region}`, which has {there}, so the plan fails there", index + 1),
                        "Take the zones as they come: `slice(names, 0, min(N, length(names)))`, or `element(names, N)`, which starts again at the first",
                    )
                    .values(format!("{here} zones"), format!("{there} zones"));
            }
        }
    }
}

/// Returns how many zones a data source finds in the primary and in the fallback, and the latter.
fn counts(call: &Call<'_>, name: &str) -> Option<(usize, usize, String)> {
    let data = call.module.resource(ResourceMode::Data, "aws_availability_zones", name)?;
    if !finds_all(data) {
        return None;
    }
    let home = call.home(data);
    let zones = |region: &str| Some(Regions::known().find(region)?.zones.as_ref()?.len());
    let there = home.fallback?;
    Some((zones(&home.primary?)?, zones(&there)?, there))
}

/// Whether a data source finds the ordinary zones of its region, all of them.
fn finds_all(data: &Resource) -> bool {
    let plain = |name: &str| ["state", "count"].contains(&name);
    data.body()
        .attributes()
        .iter()
        .all(|argument| plain(argument.name()) || argument.name() == "provider")
        && data.body().blocks().iter().all(|block| {
            let name = block.body().expr("name").and_then(|name| name.literal_string());
            block.kind() == "filter" && name.is_some_and(|name| HARMLESS.contains(&name.as_str()))
        })
}

/// Collects what takes one of the names of zones by its number.
struct Collector<'a> {
    text: &'a SourceText,
    found: Vec<(String, usize, Range<usize>)>,
}

impl Visit for Collector<'_> {
    fn visit_traversal(&mut self, node: &Traversal) {
        let root = matches!(&node.expr, Expression::Variable(name) if name.as_str() == "data");
        let mut steps = node.operators.iter().map(|operator| operator.value());
        let mut attribute = || match steps.next() {
            Some(TraversalOperator::GetAttr(name)) => Some(name.to_string()),
            _ => None,
        };
        let path = (attribute(), attribute(), attribute());
        let index = match steps.next() {
            Some(TraversalOperator::Index(Expression::Number(number))) => number.as_u64(),
            Some(TraversalOperator::LegacyIndex(number)) => Some(*number.value()),
            _ => None,
        };
        if let (true, (Some(kind), Some(name), Some(list)), Some(index)) = (root, path, index)
            && kind == "aws_availability_zones"
            && (list == "names" || list == "zone_ids")
            && let Ok(index) = usize::try_from(index)
        {
            let range = self.text.range(&node.span().unwrap_or_default());
            self.found.push((name, index, range));
        }
        visit::visit_traversal(self, node);
    }
}
