//! What can only be checked once the whole runbook is read: names, references, cycles.

use super::{
    Asks, DeployKind, Failback, Mistake, NotifyBy, Runbook, Site, SiteKind, Step, ToldBy, Work,
};
use crate::{
    config::{
        body::{Attribute, Body},
        expression::{Expr, Reference},
        module::Module,
    },
    model::{finding::Place, step::StepId},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The names that every expression may begin with.
const ROOTS: &[&str] = &["region", "primary", "service", "stack"];

/// Checks names and references, and adds what is needed for its outputs to each step's needs.
pub(super) fn runbook(mut runbook: Runbook, body: &Body, mistakes: &mut Vec<Mistake>) -> Runbook {
    unique_names(body, mistakes);
    own_folders(&runbook, mistakes);
    // Also of steps that could not be read: that they are wrong is told already.
    let labels = |kind| body.blocks_of(kind).filter_map(|b| b.label(0)).map(str::to_owned);
    let stacks: Vec<String> = labels("stack").collect();
    let others = DeployKind::ALL.map(DeployKind::word);
    let others = others.into_iter().chain(["command"]).flat_map(labels);
    let names: Vec<String> = stacks.iter().cloned().chain(others).collect();
    let sites = sites(&runbook, mistakes);
    asked_clusters(&mut runbook, body, mistakes);
    for step in &mut runbook.steps {
        known_needs(step, body, &names, mistakes);
        let at = sites.get(&step.id).into_iter().flat_map(|site| site.exprs());
        let references: Vec<_> =
            step_exprs(step).into_iter().chain(at).flat_map(Expr::references).collect();
        for reference in references {
            let Some(stack) = stack_of(&reference, &stacks, mistakes) else { continue };
            let need = StepId::new(stack);
            // A step that reads its own outputs is found with the cycles.
            if !step.needs.contains(&need) {
                step.needs.push(need);
            }
        }
    }
    for expr in asked_exprs(&runbook) {
        for reference in expr.references() {
            stack_of(&reference, &stacks, mistakes);
        }
    }
    let simulated = runbook.simulate.iter().flat_map(|s| &s.values);
    for reference in simulated.flat_map(|value| value.expr().references()) {
        no_stack(&reference, mistakes);
    }
    let told = runbook.notify.iter().filter_map(|notify| match &notify.by {
        NotifyBy::Command(run) => Some(run),
        NotifyBy::Webhook { .. } | NotifyBy::Slack { .. } => None,
    });
    let without_stacks = runbook
        .regions
        .iter()
        .flat_map(|region| region.variables.iter().chain(&region.replace))
        .map(Attribute::expr)
        .chain(runbook.globals.iter().filter_map(|global| global.suffix.as_ref()))
        .chain(runbook.steps.iter().flat_map(providers))
        .chain(told)
        .chain(runbook.probes.iter().filter_map(|probe| probe.via.as_ref()))
        .chain(runbook.kong.iter().flat_map(|kong| [&kong.dark, &kong.light]))
        .chain(runbook.chaos.iter().filter_map(|group| group.reapply.as_ref()));
    for reference in without_stacks.flat_map(Expr::references) {
        no_stack(&reference, mistakes);
    }
    failback(&runbook, body, &stacks, mistakes);
    if mistakes.is_empty() {
        cycles(&runbook, mistakes);
    }
    runbook
}

/// The names and the references of the way home.
fn failback(runbook: &Runbook, body: &Body, stacks: &[String], mistakes: &mut Vec<Mistake>) {
    let block = body.blocks_of("failback").next();
    let (Some(failback), Some(block)) = (&runbook.failback, block) else { return };
    let is_command = |step: &Step| matches!(step.work, Work::Command(_));
    let steps: Vec<_> = runbook.steps.iter().map(|s| (s.id.clone(), is_command(s))).collect();
    failback.check(&steps, block, mistakes);
    for reference in homeward(&failback.exprs(), mistakes) {
        stack_of(&reference, stacks, mistakes);
    }
    for reference in failback.variables.iter().flat_map(|variable| variable.expr().references()) {
        no_stack(&reference, mistakes);
    }
}

/// What expressions of the way home read, with what is left behind as if it were the primary.
fn homeward(exprs: &[&Expr], mistakes: &mut Vec<Mistake>) -> Vec<Reference> {
    let mut all = Vec::new();
    for mut reference in exprs.iter().flat_map(|expr| expr.references()) {
        match reference.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["fallback", "region"] => continue,
            ["fallback", "stack", ..] => drop(reference.path.remove(0)),
            ["fallback", ..] => {
                let message = format!("nothing is known of `{}`", reference.path.join("."));
                mistakes.push(
                    Mistake::new(reference.place, message)
                        .hint("Write `fallback.region`, or `fallback.stack.NAME.outputs.OUTPUT`"),
                );
                continue;
            }
            _ => {}
        }
        all.push(reference);
    }
    all
}

/// Two things of one kind with one name.
fn unique_names(body: &Body, mistakes: &mut Vec<Mistake>) {
    let mut seen: BTreeMap<(&str, &str), Place> = BTreeMap::new();
    for block in body.blocks() {
        // Steps of every kind share one space of names, since they need each other.
        let (space, label) = match block.kind() {
            kind if is_step(kind) => ("step", block.label(0)),
            kind @ ("probe" | "notify" | "chaos") => (kind, block.label(1)),
            kind @ ("region" | "recovery_point" | "global" | "docker" | "cluster") => {
                (kind, block.label(0))
            }
            _ => continue,
        };
        let Some(label) = label else { continue };
        if let Some(first) = seen.get(&(space, label)) {
            let message =
                format!("there is a {} `{label}` already, at {first}", space.replace('_', " "));
            mistakes.push(Mistake::new(block.place(), message));
        } else {
            seen.insert((space, label), block.place());
        }
    }
}

fn is_step(kind: &str) -> bool {
    matches!(kind, "stack" | "command") || DeployKind::of(kind).is_some()
}

/// The site of each step that is done at one.
fn sites(runbook: &Runbook, mistakes: &mut Vec<Mistake>) -> BTreeMap<StepId, Site> {
    let mut sites = BTreeMap::new();
    for step in &runbook.steps {
        let Work::Deploy(deploy) = &step.work else { continue };
        let Some(kind) = deploy.kind.site() else { continue };
        match runbook.site(kind, deploy.on.as_deref()) {
            Ok(site) => {
                sites.insert(step.id.clone(), site.clone());
            }
            Err((message, hint)) => {
                let message = format!("`{}`: {message}", step.id);
                mistakes.push(Mistake::new(step.place.clone(), message).hint(hint));
            }
        }
    }
    sites
}

/// Finds the cluster that each probe asks.
fn asked_clusters(runbook: &mut Runbook, body: &Body, mistakes: &mut Vec<Mistake>) {
    let mut probes = std::mem::take(&mut runbook.probes);
    for probe in &mut probes {
        let Asks::Kubernetes { on, cluster, .. } = &mut probe.asks else { continue };
        match runbook.site(SiteKind::Cluster, on.as_deref()) {
            Ok(site) => *cluster = Some(Box::new(site.clone())),
            Err((message, hint)) => {
                let block = body.blocks_of("probe").find(|b| b.label(1) == Some(&probe.name));
                let Some(block) = block else { continue };
                let message = format!("`{}`: {message}", probe.name);
                mistakes.push(Mistake::new(block.place(), message).hint(hint));
            }
        }
    }
    runbook.probes = probes;
}

/// Two stacks in one folder would share Terraform's own files there.
fn own_folders(runbook: &Runbook, mistakes: &mut Vec<Mistake>) {
    let mut seen: BTreeMap<&Path, &StepId> = BTreeMap::new();
    for step in &runbook.steps {
        let Work::Stack(stack) = &step.work else { continue };
        if let Some(first) = seen.insert(&stack.path, &step.id) {
            let message = format!("the stacks `{first}` and `{}` are in one folder", step.id);
            mistakes.push(
                Mistake::new(step.place.clone(), message)
                    .hint("Give each stack a root module of its own that calls what they share"),
            );
        }
    }
}

fn known_needs(step: &Step, body: &Body, names: &[String], mistakes: &mut Vec<Mistake>) {
    for need in &step.needs {
        if !names.iter().any(|name| name == need.as_str()) {
            let block = body.blocks().iter().find(|block| block.place() == step.place);
            let place = block
                .and_then(|b| b.body().expr("needs"))
                .and_then(|needs| {
                    let items = needs.list().ok()?;
                    items
                        .iter()
                        .find(|i| i.literal_string().as_deref() == Some(need.as_str()))
                        .map(Expr::place)
                })
                .unwrap_or_else(|| step.place.clone());
            let message = format!("`{}` needs `{need}`, and there is no such step", step.id);
            mistakes.push(
                Mistake::new(place, message)
                    .instead_of(need.as_str(), names.iter().map(String::as_str)),
            );
        }
    }
}

/// The expressions of a step, in order.
fn step_exprs(step: &Step) -> Vec<&Expr> {
    match &step.work {
        Work::Stack(stack) => stack.variables.iter().map(Attribute::expr).collect(),
        Work::Command(command) => {
            let programs = std::iter::once(&command.run).chain(&command.undo);
            programs.chain(command.env.iter().map(Attribute::expr)).collect()
        }
        Work::Deploy(deploy) => deploy.exprs().collect(),
    }
}

/// The regions that a stack's provider configurations are given.
fn providers(step: &Step) -> impl Iterator<Item = &Expr> {
    let providers = match &step.work {
        Work::Stack(stack) => stack.providers.as_slice(),
        Work::Command(_) | Work::Deploy(_) => &[],
    };
    providers.iter().map(Attribute::expr)
}

/// The expressions of sites, probes and recovery points.
fn asked_exprs(runbook: &Runbook) -> Vec<&Expr> {
    let mut exprs = Vec::new();
    for probe in &runbook.probes {
        exprs.extend(probe.asks.exprs());
    }
    exprs.extend(runbook.sites.iter().flat_map(Site::exprs));
    exprs.extend(runbook.recovery_points.iter().map(|point| point.told_by.expr()));
    exprs
}

/// Returns the stack whose output a reference reads, if it reads one; says so if it is malformed.
fn stack_of(
    reference: &Reference,
    stacks: &[String],
    mistakes: &mut Vec<Mistake>,
) -> Option<String> {
    let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
    let place = reference.place.clone();
    match path[..] {
        ["stack", name, "outputs", _, ..] if stacks.iter().any(|s| s == name) => {
            return Some(name.to_owned());
        }
        ["stack", name, ..] if !stacks.iter().any(|s| s == name) => {
            let message = format!("there is no stack `{name}`");
            mistakes.push(
                Mistake::new(place, message).instead_of(name, stacks.iter().map(String::as_str)),
            );
        }
        ["stack", ..] => {
            mistakes.push(
                Mistake::new(place, format!("`{}` names no output", path.join(".")))
                    .hint("Write `stack.NAME.outputs.OUTPUT`"),
            );
        }
        [root, ..] if !ROOTS.contains(&root) => unknown_root(root, place, mistakes),
        _ => {}
    }
    None
}

fn no_stack(reference: &Reference, mistakes: &mut Vec<Mistake>) {
    match reference.path.first().map(String::as_str) {
        Some("stack") => mistakes.push(
            Mistake::new(reference.place.clone(), "nothing is known of a stack here")
                .hint("Read outputs in the `variables` of a stack, or in what comes after it"),
        ),
        Some(root) if !ROOTS.contains(&root) => {
            unknown_root(root, reference.place.clone(), mistakes);
        }
        _ => {}
    }
}

fn unknown_root(root: &str, place: Place, mistakes: &mut Vec<Mistake>) {
    let message = format!("a runbook knows nothing called `{root}`");
    mistakes.push(Mistake::new(place, message).instead_of(root, ROOTS.iter().copied()));
}

/// Steps that wait for each other.
fn cycles(runbook: &Runbook, mistakes: &mut Vec<Mistake>) {
    let needs: BTreeMap<&StepId, &[StepId]> =
        runbook.steps.iter().map(|s| (&s.id, s.needs.as_slice())).collect();
    let mut done = BTreeSet::new();
    for step in &runbook.steps {
        let mut path = Vec::new();
        if let Some(cycle) = walk(&step.id, &needs, &mut path, &mut done) {
            let names: Vec<_> = cycle.iter().map(|id| format!("`{id}`")).collect();
            let message = format!("these steps wait for each other: {}", names.join(" needs "));
            mistakes.push(
                Mistake::new(step.place.clone(), message)
                    .hint("Remove one of these needs, or the output that is read for it"),
            );
            return;
        }
    }
}

/// Follows needs from `id`; returns the first cycle, with its first step again at its end.
fn walk(
    id: &StepId,
    needs: &BTreeMap<&StepId, &[StepId]>,
    path: &mut Vec<StepId>,
    done: &mut BTreeSet<StepId>,
) -> Option<Vec<StepId>> {
    if let Some(at) = path.iter().position(|p| p == id) {
        return Some(path[at..].iter().chain([id]).cloned().collect());
    }
    if !done.contains(id) {
        path.push(id.clone());
        for need in needs.get(id).copied().unwrap_or_default() {
            if let Some(cycle) = walk(need, needs, path, done) {
                return Some(cycle);
            }
        }
        path.pop();
        done.insert(id.clone());
    }
    None
}

/// Checks variables and outputs against the modules of the stacks.
pub(super) fn modules<'a>(
    runbook: &Runbook,
    region: &str,
    module: impl Fn(&Path) -> Option<&'a Module>,
) -> Result<(), Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let of = |id: &str| {
        let step = runbook.steps.iter().find(|step| step.id.as_str() == id)?;
        let Work::Stack(stack) = &step.work else { return None };
        module(&stack.path)
    };
    for step in &runbook.steps {
        let Work::Stack(stack) = &step.work else { continue };
        let Some(found) = module(&stack.path) else {
            let message = format!("`{}` is no Terraform module", stack.path.display());
            mistakes.push(
                Mistake::new(step.place.clone(), message)
                    .hint("Name a folder that holds `.tf` files, from the root of the repository"),
            );
            continue;
        };
        for variable in &stack.variables {
            let declared = found.variables.iter().map(|v| v.name.as_str());
            if !declared.clone().any(|name| name == variable.name()) {
                let message = format!(
                    "`{}` declares no variable `{}`",
                    stack.path.display(),
                    variable.name()
                );
                mistakes.push(
                    Mistake::new(variable.place(), message).instead_of(variable.name(), declared),
                );
            }
        }
    }
    region_variables(runbook, region, &module, &mut mistakes);
    let failback = runbook.failback.as_ref();
    let exprs: Vec<&Expr> = failback.map(Failback::exprs).unwrap_or_default();
    let back = homeward(&exprs, &mut Vec::new());
    let forth = runbook.steps.iter().flat_map(step_exprs).chain(asked_exprs(runbook));
    for reference in forth.flat_map(Expr::references).chain(back) {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        let ["stack", stack, "outputs", output, ..] = path[..] else { continue };
        let Some(found) = of(stack) else { continue };
        let outputs = found.outputs.iter().map(|o| o.name.as_str());
        if !outputs.clone().any(|name| name == output) {
            let message = format!("the stack `{stack}` has no output `{output}`");
            mistakes.push(Mistake::new(reference.place, message).instead_of(output, outputs));
        }
    }
    let sensitive = |stack: &str, output: &str| {
        let found = of(stack)?.outputs.iter().find(|o| o.name == output)?;
        found.sensitive.then_some(())
    };
    let open: Vec<&Expr> = failback.map(Failback::open_exprs).unwrap_or_default();
    let back = homeward(&open, &mut Vec::new());
    for reference in open_exprs(runbook).into_iter().flat_map(Expr::references).chain(back) {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        let ["stack", stack, "outputs", output, ..] = path[..] else { continue };
        if sensitive(stack, output).is_some() {
            let message = format!("`{}` is sensitive, and would be seen here", path.join("."));
            mistakes.push(Mistake::new(reference.place, message).hint(
                "Every user of a machine can read the arguments of its programs: hand it over in `env`, or in the `values` or `secrets` of a step",
            ));
        }
    }
    mistakes.sort();
    mistakes.dedup();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// The expressions whose values others can see: arguments of programs, and what is shown.
fn open_exprs(runbook: &Runbook) -> Vec<&Expr> {
    let mut exprs: Vec<&Expr> = runbook.sites.iter().flat_map(Site::open_exprs).collect();
    for step in &runbook.steps {
        match &step.work {
            Work::Stack(_) => {}
            Work::Command(command) => {
                exprs.push(&command.run);
                exprs.extend(&command.undo);
            }
            Work::Deploy(deploy) => exprs.extend(deploy.open_exprs()),
        }
    }
    exprs.extend(runbook.recovery_points.iter().filter_map(|point| match &point.told_by {
        ToldBy::Command(run) => Some(run),
        ToldBy::File(_) | ToldBy::Time(_) | ToldBy::Behind(_) => None,
    }));
    exprs.extend(runbook.probes.iter().flat_map(|probe| probe.asks.open_exprs()));
    exprs
}

/// Variables of the region that no stack declares.
fn region_variables<'a>(
    runbook: &Runbook,
    region: &str,
    module: &impl Fn(&Path) -> Option<&'a Module>,
    mistakes: &mut Vec<Mistake>,
) {
    let modules: Vec<&Module> = runbook
        .steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Stack(stack) => module(&stack.path),
            Work::Command(_) | Work::Deploy(_) => None,
        })
        .collect();
    for variable in runbook.region(region).into_iter().flat_map(|r| &r.variables) {
        let declared = || modules.iter().flat_map(|m| &m.variables).map(|v| v.name.as_str());
        if !declared().any(|name| name == variable.name()) {
            let message = format!("no stack declares the variable `{}`", variable.name());
            mistakes.push(
                Mistake::new(variable.place(), message).instead_of(variable.name(), declared()),
            );
        }
    }
}
