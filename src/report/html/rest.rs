//! The parts of the page that are lists and tables: resources, the gate, what had to be alive, and what was said.

use super::{Mark, Prose, scale::Axis, text};
use crate::{
    model::{
        gate::whereabouts,
        redirect::{Dependency, DependencyStatus},
        step::{StepId, StepOutcome},
        time::Pretty,
    },
    report::{
        json::{Report, ResourceReport},
        timeline,
        words::{self, rounded},
    },
};

/// Resources in the table, and how many of them are not folded away.
const RESOURCES: usize = 300;
const RESOURCES_OPEN: usize = 12;
/// Remnants, refusals, changes, dependencies and notes shown, of each.
const SAID: usize = 60;

/// Resources by their times.
pub(super) struct Resources {
    pub(super) first: Vec<ResourceRow>,
    pub(super) more: Vec<ResourceRow>,
    pub(super) all: usize,
    pub(super) left_out: usize,
    pub(super) critical: bool,
    pub(super) expected: bool,
    pub(super) waited: bool,
}

pub(super) struct ResourceRow {
    pub(super) step: String,
    pub(super) address: String,
    pub(super) action: String,
    pub(super) failed: bool,
    pub(super) critical: bool,
    pub(super) took: String,
    pub(super) width: String,
    pub(super) expected: Option<(String, String)>,
    pub(super) waited: Option<(String, &'static str)>,
}

impl Resources {
    pub(super) fn of(report: &Report) -> Option<Self> {
        let shown = report.worth_a_line(RESOURCES);
        let longest = |shown: &&ResourceReport| {
            shown.resource.took_ms.max(report.expected_of(shown).unwrap_or(0))
        };
        let axis = Axis::new(0, shown.iter().map(longest).max()?);
        let row = |shown: &ResourceReport| {
            let resource = &shown.resource;
            ResourceRow {
                step: text(resource.step.as_str()),
                address: text(&resource.address),
                action: resource.action.to_string(),
                failed: !resource.ok,
                critical: shown.critical,
                took: Pretty::ms(resource.took_ms).to_string(),
                width: axis.stretch(0, resource.took_ms).1,
                expected: report.expected_of(shown).map(|ms| (rounded(ms), axis.stretch(0, ms).1)),
                waited: shown
                    .waited
                    .filter(|waited| waited.for_ms >= 100)
                    .map(|w| (Pretty::ms(w.for_ms).to_string(), words::behind(w.behind))),
            }
        };
        let mut first: Vec<_> = shown.iter().copied().map(row).collect();
        let more = if first.len() > RESOURCES_OPEN + 3 {
            first.split_off(RESOURCES_OPEN)
        } else {
            Vec::new()
        };
        let rows = || first.iter().chain(&more);
        Some(Self {
            critical: rows().any(|row| row.critical),
            expected: rows().any(|row| row.expected.is_some()),
            waited: rows().any(|row| row.waited.is_some()),
            all: report.resources.len(),
            left_out: report.resources.len() - shown.len(),
            first,
            more,
        })
    }
}

/// What the gate saw of a step.
pub(super) struct Gate {
    pub(super) step: String,
    pub(super) lies: Option<String>,
    pub(super) refusals: Vec<Prose>,
    pub(super) remnants: Vec<Prose>,
    pub(super) changes: Vec<Prose>,
    /// Whether somebody said yes to the changes.
    pub(super) accepted: bool,
}

impl Gate {
    pub(super) fn of(report: &Report) -> Vec<Self> {
        let gate = |step: &timeline::StepTime| Self {
            step: text(step.id.as_str()),
            lies: whereabouts(&step.placed),
            refusals: some(&step.refusals),
            remnants: some(&step.remnants),
            changes: step.changes.as_ref().map_or(Vec::new(), |changes| some(&changes.changes)),
            accepted: step.changes.as_ref().is_some_and(|changes| changes.accepted),
        };
        let all = report.steps.iter().map(|report| gate(&report.step));
        all.filter(|gate| {
            let lists = [&gate.refusals, &gate.remnants, &gate.changes];
            gate.lies.is_some() || lists.iter().any(|list| !list.is_empty())
        })
        .collect()
    }
}

/// Returns the first of many as text, and how many are left out.
fn some<T: ToString>(all: &[T]) -> Vec<Prose> {
    let mut shown: Vec<_> = all.iter().take(SAID).map(|one| Prose::new(&one.to_string())).collect();
    if let more @ 1.. = all.len().saturating_sub(SAID) {
        shown.push(Prose::new(&format!("and {more} more")));
    }
    shown
}

/// What a step brought up on the stacks.
pub(super) struct Deployed {
    pub(super) step: String,
    pub(super) block: String,
    /// When each was ready, its name, and how it was at last.
    pub(super) objects: Vec<(String, String, Prose)>,
    pub(super) left_out: usize,
    /// Images that are lacking, and where a name was made to lead.
    pub(super) said: Vec<Prose>,
}

impl Deployed {
    pub(super) fn of(report: &Report) -> Vec<Self> {
        let of = |step: &timeline::StepTime| {
            let all = step.slowest_objects();
            let object = |object: &&timeline::ObjectTime| {
                let time = words::time(words::ready_after(step, object));
                (time, text(&object.object), Prose::new(&words::object(object)))
            };
            let said = words::lacking(step).into_iter().take(SAID);
            let said = said.chain(step.traffic.as_ref().map(words::traffic));
            let said: Vec<_> = said.map(|said| Prose::new(&said)).collect();
            let block = words::block(step)?;
            (!all.is_empty() || !said.is_empty()).then(|| Self {
                step: text(step.id.as_str()),
                block: text(block),
                objects: all.iter().take(SAID).map(object).collect(),
                left_out: all.len().saturating_sub(SAID),
                said,
            })
        };
        report.steps.iter().filter_map(|report| of(&report.step)).collect()
    }
}

/// What had to be alive.
pub(super) struct Needs {
    pub(super) first: Vec<NeedRow>,
    pub(super) alive: Vec<NeedRow>,
    pub(super) dead: usize,
    pub(super) left_out: usize,
}

pub(super) struct NeedRow {
    pub(super) mark: Mark,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) place: String,
    pub(super) steps: String,
}

impl Needs {
    pub(super) fn of(report: &Report) -> Option<Self> {
        let all = report.needs();
        if all.is_empty() {
            return None;
        }
        let dead = |need: &&(_, _)| need_of(need).status == DependencyStatus::Dead;
        let row = |(need, steps): &(&Dependency, Vec<&StepId>)| {
            let steps: Vec<_> = steps.iter().map(|step| text(step.as_str())).collect();
            NeedRow {
                mark: match need.status {
                    DependencyStatus::Dead => Mark::new("✗", "bad", "in the dead region"),
                    DependencyStatus::Unknown => Mark::new("?", "doubt", "unknown"),
                    DependencyStatus::Alive => Mark::new("✓", "good", "alive"),
                },
                kind: need.kind.to_string(),
                name: text(&need.name),
                region: need.region.as_deref().map_or("-".to_owned(), text),
                place: need.place.as_ref().map_or("-".to_owned(), |p| text(&p.to_string())),
                steps: steps.join(", "),
            }
        };
        let (alive, first): (Vec<_>, Vec<_>) =
            all.iter().partition(|need| need_of(need).status == DependencyStatus::Alive);
        let left = |rows: &[&_]| rows.len().saturating_sub(SAID);
        Some(Self {
            dead: all.iter().filter(dead).count(),
            left_out: left(&alive) + left(&first),
            first: first.into_iter().take(SAID).map(row).collect(),
            alive: alive.into_iter().take(SAID).map(row).collect(),
        })
    }
}

fn need_of<'a, T>(need: &(&'a Dependency, T)) -> &'a Dependency {
    need.0
}

/// A step that did not go well.
pub(super) struct Failure {
    pub(super) step: String,
    pub(super) word: &'static str,
    pub(super) cause: Vec<Prose>,
    pub(super) hints: Vec<Prose>,
}

impl Failure {
    pub(super) fn of(report: &Report) -> Vec<Self> {
        let of = |step: &timeline::StepTime| {
            let (cause, hints) = match &step.outcome {
                Some(StepOutcome::Failed { cause, hints }) => (some(cause), some(hints)),
                Some(StepOutcome::Refused) => (some(&step.refusals), Vec::new()),
                _ => return None,
            };
            let word = words::outcome(step.outcome.as_ref());
            Some(Self { step: text(step.id.as_str()), word, cause, hints })
        };
        report.steps.iter().filter_map(|report| of(&report.step)).collect()
    }
}

/// Returns the step, what stands in its way, and what to do.
pub(super) fn obstacles(report: &Report) -> Vec<(String, Prose, Prose)> {
    let shown = report.obstacles.iter().take(SAID);
    shown
        .map(|obstructed| {
            let (step, obstacle) = (text(obstructed.step.as_str()), &obstructed.obstacle);
            (step, Prose::new(&obstacle.to_string()), Prose::new(&obstacle.hint))
        })
        .collect()
}

/// Returns the step, and what was made up for it and where it was read.
pub(super) fn invented(report: &Report) -> Vec<(String, String)> {
    let shown = report.invented.iter().take(SAID);
    let line = |invented: &timeline::Invented| {
        let places: Vec<_> = invented.read_at.iter().map(ToString::to_string).collect();
        let what = format!("{}.{}", invented.resource_type, invented.attribute);
        (text(invented.step.as_str()), text(&format!("{what}, read at {}", places.join(", "))))
    };
    shown.map(line).collect()
}

/// Returns the step, and what a second plan of it found.
pub(super) fn second_plans(report: &Report) -> Vec<(String, Prose)> {
    let line = |plan: &timeline::SecondPlan| {
        let changes = plan.changes.iter().map(|(address, action)| format!("{action} {address}"));
        let found: Vec<_> = changes.chain(plan.cause.iter().cloned()).take(SAID).collect();
        let found = if found.is_empty() { "nothing to do".to_owned() } else { found.join(", ") };
        (text(plan.step.as_str()), Prose::new(&found))
    };
    report.second_plans.iter().map(line).collect()
}

/// Returns the step, and how its removal went.
pub(super) fn removals(report: &Report) -> Vec<(String, Prose)> {
    let line = |removal: &timeline::Removal| {
        let took = words::time(removal.took_ms);
        let said = match removal.cause.as_slice() {
            [] => format!("removed in {took}"),
            cause => format!("could not be removed: {}", cause.join(": ")),
        };
        (text(removal.step.as_str()), Prose::new(&said))
    };
    report.removals.iter().map(line).collect()
}

/// Something worth knowing.
pub(super) struct Note {
    pub(super) at: String,
    pub(super) step: Option<String>,
    pub(super) message: Prose,
}

impl Note {
    /// Returns the first ones, and how many are left out.
    pub(super) fn of(report: &Report) -> (Vec<Self>, usize) {
        let note = |note: &timeline::Note| Self {
            at: Pretty::ms(note.at_ms).to_string(),
            step: note.step.as_ref().map(|step| text(step.as_str())),
            message: Prose::new(&note.message),
        };
        let shown = report.notes.iter().take(SAID).map(note).collect();
        (shown, report.notes.len().saturating_sub(SAID))
    }
}

/// Something that the run is known by.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) code: bool,
}

impl Fact {
    pub(super) fn of(report: &Report) -> Vec<Self> {
        let mut all = Vec::new();
        let mut add = |name, value: Option<String>, code| {
            all.extend(value.map(|value| Self { name, value: text(&value), code }));
        };
        let run = report.run.as_ref();
        add("Name", run.map(|run| run.id.to_string()), true);
        add("drctl", run.map(|run| run.drctl.clone()), false);
        add("Began", run.map(|r| r.began_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()), false);
        add("Repository", run.map(|run| run.repo.clone()), true);
        let checkout = report.checkout.as_ref();
        add("Commit", checkout.map(|checkout| checkout.commit.clone()), true);
        add("Reference", checkout.and_then(|checkout| checkout.reference.clone()), true);
        let mirror = checkout.and_then(|checkout| checkout.mirror_age_ms);
        add(
            "Mirror",
            mirror.map(|ms| format!("brought up to date {} before", Pretty::ms(ms))),
            false,
        );
        add("Prepared", report.prepared.as_ref().map(ToString::to_string), false);
        add("Plan digest", report.plan.as_ref().map(|plan| plan.digest.clone()), true);
        let terraform = report.terraform.as_ref();
        add("Terraform", terraform.map(|t| format!("{} {}", t.product, t.version)), false);
        let simulated = report.simulated.as_ref();
        add(
            "Simulation",
            simulated.map(|s| format!("time scale {}, seed {}", s.time_scale, s.seed)),
            false,
        );
        let dark = simulated.map(|simulated| simulated.dark.join(", "));
        add("Regions down", dark.filter(|dark| !dark.is_empty()), false);
        let path = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
        add("Journal", report.kept.journal.as_ref().map(path), true);
        add("Hash chain", report.kept.chain.clone(), true);
        add("Work copy", report.kept.work_copy.as_ref().map(path), true);
        all
    }
}
