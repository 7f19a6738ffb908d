//! DR001: backends that are out of reach with the primary.

use crate::{
    lint::{
        mention::Kind,
        rule::{Found, Rule},
        slot::{Holder, Slot},
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
    runbook::Runbook,
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR001",
        name: "state-in-primary",
        title: "the state is kept in the primary region",
        severity: Severity::Error,
        page: include_str!("dr001.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(primary) = subject.primary() else { return };
    let root = &subject.modules[0];
    if is_declared_elsewhere(subject) {
        return;
    }
    let backend = || root.slots.iter().filter(|slot| matches!(slot.holder, Holder::Backend(_)));
    let region = backend().find(|slot| slot.path == "region");
    let named = match region {
        Some(region) => names(region, primary).then_some(region),
        // Where the backend is silent, its bucket often tells.
        None => backend().find(|slot| STORES.contains(&slot.path.as_str()) && names(slot, primary)),
    };
    let Some(slot) = named else { return };
    found.add(
        slot.extent(),
        slot.holder.address(),
        format!(
            "the state is kept in `{primary}`; while that is down it can be neither read nor written"
        ),
        "Replicate the state to another region and say so in the runbook: `region \"FALLBACK\" { state \"s3\" { … } }`",
    );
}

/// What a backend keeps the state in.
const STORES: &[&str] = &["bucket", "storage_account_name", "resource_group_name"];

fn names(slot: &Slot<'_>, primary: &str) -> bool {
    slot.mentions().any(|(_, mention)| match mention.kind {
        Kind::Region(region) | Kind::Within(region) => region.name == primary,
        _ => false,
    })
}

/// Whether the runbook says where the state of the fallback is kept.
fn is_declared_elsewhere(subject: &Subject<'_>) -> bool {
    let region = |runbook: &Runbook| {
        let region = runbook.region(&subject.pair.fallback)?;
        region.state.as_ref()?;
        Some(())
    };
    subject.about.runbook.and_then(region).is_some()
}
