//! The timeline: a row for the phases, the critical path, each step, and resources below their step.

use super::{
    Mark, phase_class, run_phase_class,
    scale::{Axis, Tick},
    text, what_class,
};
use crate::{
    model::{
        step::{StepKind, StepOutcome},
        time::Pretty,
    },
    report::{
        critical::{Gap, GapKind, Segment},
        json::{Report, ResourceReport, StepReport},
        layout::fit,
        timeline::InFlight,
        words,
    },
};
use std::{cmp::Reverse, collections::BTreeMap};

/// Resources drawn; the JSON document has them all.
const RESOURCES: usize = 300;
/// Steps with more of them are folded in.
const OPEN: usize = 30;
/// The widest that a name gets, in characters.
const NAME: usize = 30;
/// How near to the line of the RTO the label of a tick would be written over, in percent.
const NEAR: f64 = 3.0;
/// Waits shorter than this, in milliseconds, would not be seen.
const SHORTEST: u64 = 100;

pub(super) struct Gantt {
    pub(super) ticks: Vec<Tick>,
    /// The milestone from which the ticks count.
    pub(super) since: &'static str,
    pub(super) rto: Option<Tick>,
    pub(super) notes: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) steps: Vec<Step>,
    pub(super) legend: Vec<(&'static str, &'static str)>,
    pub(super) lit: bool,
    pub(super) table: Vec<Line>,
}

/// A name, bars, and how long they are together.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) whole: String,
    pub(super) critical: bool,
    pub(super) bars: Vec<Bar>,
    pub(super) took: String,
}

pub(super) struct Bar {
    pub(super) class: String,
    pub(super) left: String,
    pub(super) width: String,
    pub(super) title: String,
}

pub(super) struct Step {
    pub(super) mark: Mark,
    pub(super) row: Row,
    pub(super) open: bool,
    pub(super) resources: Vec<Row>,
    pub(super) left_out: usize,
}

/// A step as a line of a table, for whoever does not see the bars.
pub(super) struct Line {
    pub(super) mark: Mark,
    pub(super) step: String,
    pub(super) kind: String,
    pub(super) began: String,
    pub(super) took: String,
    pub(super) waited: String,
    pub(super) spent: String,
}

/// Where things are drawn.
struct Canvas<'a> {
    report: &'a Report,
    axis: Axis,
    /// What lies between `t0` and the zero of the run's clock.
    before_ms: u64,
}

impl Gantt {
    /// Returns nothing when there is nothing to draw.
    pub(super) fn of(report: &Report) -> Option<Self> {
        let ran = report.phases.iter().filter(|phase| phase.took_ms.is_some()).count();
        if report.steps.is_empty() && ran < 2 {
            return None;
        }
        let before_ms = report.run.as_ref().map_or(0, |run| run.outage.before_ms);
        let end_ms = report.recovery_time_ms.unwrap_or(0).max(report.out_for_ms);
        let rto_ms = report.plan.as_ref().and_then(|plan| plan.rto_ms);
        let mut notes = Vec::new();
        // What came long before the run would leave no room for the run.
        let cut = before_ms > end_ms / 2;
        let begin_ms = if cut { before_ms } else { 0 };
        if cut {
            let before = Pretty::ms(before_ms);
            notes.push(format!(
                "The {before} from the begin of the outage to the begin of the run are not drawn."
            ));
        }
        let near = |rto: &u64| *rto > begin_ms && rto - begin_ms <= (end_ms - begin_ms) * 2;
        let drawn_rto = rto_ms.filter(near);
        if let (Some(rto_ms), None) = (rto_ms, drawn_rto) {
            let side = if rto_ms > begin_ms { "right" } else { "left" };
            notes.push(format!("The RTO of {} lies beyond the {side} edge.", Pretty::ms(rto_ms)));
        }
        let furthest = end_ms.max(drawn_rto.unwrap_or(0));
        let axis = Axis::new(begin_ms, furthest + (furthest - begin_ms) / 50);
        let canvas = Canvas { report, axis, before_ms };
        let label = |ms| format!("RTO {}", Pretty::ms(ms));
        let left = |ms| super::scale::pct(axis.at(ms));
        let steps = canvas.steps();
        let drawn: usize = steps.iter().map(|step| step.resources.len()).sum();
        let all = report.resources.len() + report.in_flight.len();
        if drawn < all {
            notes.push(format!(
                "Drawn are {drawn} of {all} resources: those of the critical path and the slowest. The JSON report has all."
            ));
        }
        Some(Self {
            ticks: ticks(axis, begin_ms, drawn_rto),
            since: if cut { "t1" } else { "t0" },
            rto: drawn_rto.map(|ms| Tick { left: left(ms), label: label(ms) }),
            notes,
            rows: canvas.rows(),
            legend: legend(report),
            lit: report.critical_path.is_some(),
            table: report.steps.iter().map(line).collect(),
            steps,
        })
    }
}

impl Canvas<'_> {
    /// Returns a bar between two times of the run's clock.
    fn bar(&self, class: &str, began_ms: u64, took_ms: u64, title: &str) -> Bar {
        self.bar_at(class, began_ms.saturating_add(self.before_ms), took_ms, title)
    }

    /// Returns a bar between two times since `t0`.
    fn bar_at(&self, class: &str, began_ms: u64, took_ms: u64, title: &str) -> Bar {
        let (left, width) = self.axis.stretch(began_ms, took_ms);
        let title = format!("{}: {}", text(title), Pretty::ms(took_ms));
        Bar { class: class.to_owned(), left, width, title }
    }

    /// Returns the phases of the run and its critical path.
    fn rows(&self) -> Vec<Row> {
        let mut at_ms = 0;
        let mut bars = Vec::new();
        for phase in self.report.passed() {
            let Some(took_ms) = phase.took_ms else { break };
            if took_ms > 0 {
                let open = if phase.completed { "" } else { " open" };
                let class = format!("{} calm{open}", run_phase_class(phase.name));
                bars.push(self.bar_at(&class, at_ms, took_ms, phase.name));
            }
            at_ms += took_ms;
        }
        let row = |label: &str, bars, took: Option<u64>| Row {
            label: label.to_owned(),
            whole: label.to_owned(),
            critical: false,
            bars,
            took: words::time(took),
        };
        let mut rows = vec![row("Phases of the run", bars, Some(at_ms))];
        if let Some(path) = &self.report.critical_path {
            let mut longest: Vec<_> = path.segments.iter().filter(|s| s.took_ms > 0).collect();
            longest.sort_by_key(|segment| Reverse(segment.took_ms));
            longest.truncate(RESOURCES);
            let bars = longest.into_iter().map(|segment| self.lit(segment));
            let took = path.segments.iter().map(|segment| segment.took_ms).sum();
            rows.push(Row { critical: true, ..row("Critical path", bars.collect(), Some(took)) });
        }
        rows
    }

    fn lit(&self, segment: &Segment) -> Bar {
        let step = segment.step.as_ref().map(|step| format!("{step}, ")).unwrap_or_default();
        let title = format!("{step}{}", words::what(&segment.what));
        let class = format!("{} lit", what_class(&segment.what));
        self.bar_at(&class, segment.began_ms, segment.took_ms, &title)
    }

    fn steps(&self) -> Vec<Step> {
        let mut by_step: BTreeMap<&str, Vec<&ResourceReport>> = BTreeMap::new();
        for shown in self.report.worth_a_line(RESOURCES) {
            by_step.entry(shown.resource.step.as_str()).or_default().push(shown);
        }
        let step = |step: &StepReport| {
            let id = step.step.id.as_str();
            let mut shown = by_step.remove(id).unwrap_or_default();
            shown.sort_by_key(|resource| resource.resource.began_ms);
            let flying =
                self.report.in_flight.iter().filter(|resource| resource.step.as_str() == id);
            let mut resources: Vec<_> =
                shown.iter().map(|resource| self.resource(resource)).collect();
            resources.extend(flying.take(RESOURCES).map(|resource| self.in_flight(resource)));
            let all =
                self.report.resources.iter().filter(|r| r.resource.step.as_str() == id).count();
            let critical = resources.iter().any(|row| row.critical);
            Step {
                mark: Mark::of_step(step.step.outcome.as_ref()),
                row: self.step(step),
                open: critical && resources.len() <= OPEN,
                left_out: all - shown.len(),
                resources,
            }
        };
        self.report.steps.iter().map(step).collect()
    }

    fn step(&self, report: &StepReport) -> Row {
        let step = &report.step;
        let mut bars = Vec::new();
        for phase in &step.phases {
            if phase.waited_ms >= SHORTEST && report.gaps.is_empty() {
                let began_ms = phase.began_ms.saturating_sub(phase.waited_ms);
                bars.push(self.bar("wait", began_ms, phase.waited_ms, "waited"));
            }
            let word = phase.phase.word();
            let class = phase_class(phase.phase);
            let (class, took_ms, title) = match (phase.took_ms, phase.ok) {
                (Some(ms), Some(false)) => {
                    (format!("{class} calm bad"), ms, format!("{word}, failed"))
                }
                (Some(ms), _) => (format!("{class} calm"), ms, word.to_owned()),
                (None, _) => {
                    let last_ms = self.report.out_for_ms.saturating_sub(self.before_ms);
                    let so_far = last_ms.saturating_sub(phase.began_ms);
                    (format!("{class} calm open"), so_far, format!("{word}, no end seen"))
                }
            };
            bars.push(self.bar(&class, phase.began_ms, took_ms, &title));
        }
        let path = self.report.critical_path.iter().flat_map(|path| &path.segments);
        let here = path.filter(|segment| segment.step.as_ref() == Some(&step.id));
        let lit = here.filter(|segment| segment.took_ms > 0).map(|segment| self.lit(segment));
        // A resource of the path is lit in its own row; here it is the stack that applies.
        let mut lit = merged(lit.collect());
        let failed = step.phases.iter().filter(|phase| phase.ok == Some(false));
        for class in failed.map(|phase| phase_class(phase.phase)) {
            let bad = lit.iter_mut().rev().find(|bar| bar.class.starts_with(class));
            bad.into_iter().for_each(|bar| bar.class += " bad");
        }
        let critical = !lit.is_empty();
        bars.extend(lit);
        bars.extend(report.gaps.iter().filter_map(|gap| self.gap(gap)));
        let name = text(step.id.as_str());
        Row {
            label: fit(&name, NAME),
            whole: name,
            critical,
            bars,
            took: words::time(report.took_ms),
        }
    }

    fn gap(&self, gap: &Gap) -> Option<Bar> {
        let class = match gap.what {
            GapKind::Needs { .. }
            | GapKind::Lock { .. }
            | GapKind::Turn
            | GapKind::Verification
            | GapKind::BrokenOff
            | GapKind::Between => "wait",
            GapKind::ApplyStart | GapKind::BetweenResources | GapKind::ApplyEnd => "wait inside",
        };
        (gap.took_ms >= SHORTEST)
            .then(|| self.bar(class, gap.began_ms, gap.took_ms, &words::gap(&gap.what)))
    }

    fn resource(&self, report: &ResourceReport) -> Row {
        let resource = &report.resource;
        let mut bars = Vec::new();
        if let Some(waited) = report.waited.filter(|waited| waited.for_ms >= SHORTEST) {
            let title = format!("waited behind {}", words::behind(waited.behind));
            bars.push(self.bar("wait", waited.ready_ms, waited.for_ms, &title));
        }
        let lit = if report.critical { "lit" } else { "calm" };
        let bad = if resource.ok { "" } else { " bad" };
        let title = format!("{} {}", resource.action, resource.address);
        bars.push(self.bar(
            &format!("p-apply {lit}{bad}"),
            resource.began_ms,
            resource.took_ms,
            &title,
        ));
        let failed = if resource.ok { "" } else { " (failed)" };
        let whole = format!("{}{failed}", text(&resource.address));
        let label = format!("{}{failed}", fit(&resource.address, NAME - failed.len()));
        let took = Pretty::ms(resource.took_ms).to_string();
        Row { label, whole, critical: report.critical, bars, took }
    }

    fn in_flight(&self, resource: &InFlight) -> Row {
        let title = format!("{} {}, no end seen", resource.action, resource.address);
        let bars = vec![self.bar("p-apply calm open", resource.began_ms, resource.for_ms, &title)];
        let whole = format!("{} (in flight)", text(&resource.address));
        let label = format!("{} (in flight)", fit(&resource.address, NAME - 12));
        Row { label, whole, critical: false, bars, took: words::time(Some(resource.for_ms)) }
    }
}

/// Returns the ticks of the axis; one that would be written over by the RTO has no label.
fn ticks(axis: Axis, zero_ms: u64, rto_ms: Option<u64>) -> Vec<Tick> {
    let mut ticks = axis.ticks(zero_ms);
    let near = |tick: &Tick| {
        let left = tick.left.parse::<f64>().unwrap_or(0.0);
        rto_ms.is_some_and(|rto_ms| (axis.at(rto_ms) - left).abs() < NEAR)
    };
    ticks.iter_mut().filter(|tick| near(tick)).for_each(|tick| tick.label.clear());
    ticks
}

/// Joins bars of one class that touch: the resources of an apply are one stretch of their step.
fn merged(bars: Vec<Bar>) -> Vec<Bar> {
    let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
    let mut all: Vec<Bar> = Vec::new();
    for bar in bars {
        if let Some(last) = all.last_mut()
            && last.class == bar.class
            && number(&bar.left) - number(&last.left) - number(&last.width) < 0.03
        {
            let right = number(&bar.left) + number(&bar.width);
            last.width = super::scale::pct(right - number(&last.left));
            last.title = "on the critical path".to_owned();
            continue;
        }
        all.push(bar);
    }
    all
}

/// Returns the colours that are there, with their words.
fn legend(report: &Report) -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    let mut add = |class, word| {
        if !all.iter().any(|(_, known)| *known == word) {
            all.push((class, word));
        }
    };
    for phase in report.steps.iter().flat_map(|step| &step.step.phases) {
        add(phase_class(phase.phase), phase.phase.word());
    }
    all
}

const fn kind(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Stack => "stack",
        StepKind::Deploy => "deploy",
        StepKind::Cutover => "cutover",
        StepKind::Unknown => "other",
    }
}

fn line(report: &StepReport) -> Line {
    let step = &report.step;
    let spent = step.phases.iter().map(|phase| {
        let word = phase.phase.word();
        match (phase.took_ms, phase.ok) {
            (Some(ms), Some(false)) => format!("{word} {} (failed)", Pretty::ms(ms)),
            (Some(ms), _) => format!("{word} {}", Pretty::ms(ms)),
            (None, _) => format!("{word} without an end"),
        }
    });
    let spent: Vec<_> = match &step.outcome {
        Some(StepOutcome::Skipped { blocked_by }) => {
            spent.chain([format!("needs {}", text(blocked_by.as_str()))]).collect()
        }
        Some(StepOutcome::LeftOut { why } | StepOutcome::Withheld { why }) => {
            spent.chain([text(why)]).collect()
        }
        _ => spent.collect(),
    };
    Line {
        mark: Mark::of_step(step.outcome.as_ref()),
        step: text(step.id.as_str()),
        kind: words::block(step).map_or_else(|| kind(step.kind).to_owned(), text),
        began: words::time(step.began_ms),
        took: words::time(report.took_ms),
        waited: words::time(Some(report.waited_ms)),
        spent: spent.join(", "),
    }
}
