//! The page as a whole: the verdict, where the time went, and every other part where there is one.

use super::{
    Mark, Prose,
    gantt::Gantt,
    past::{Forecast, History},
    path::Critical,
    rest::{self, Deployed, Fact, Failure, Gate, Needs, Note, Resources},
    run_phase_class,
    scale::pct,
    text,
};
use crate::{
    model::{run::RunKind, time::Pretty},
    report::{
        json::Report,
        milestones::Milestone,
        verdict::{Summary, Verdict},
        words::{self, percent, share},
    },
};
use askama::Template;

#[derive(Template)]
#[template(path = "page.html", config = "src/report/html/askama.toml")]
struct Page {
    title: String,
    hero: Hero,
    contents: Vec<(&'static str, &'static str)>,
    phases: Phases,
    gantt: Option<Gantt>,
    critical: Option<Critical>,
    resources: Option<Resources>,
    forecast: Option<Forecast>,
    history: Option<History>,
    deployed: Vec<Deployed>,
    gate: Vec<Gate>,
    needs: Option<Needs>,
    points: Vec<(String, Prose)>,
    failures: Vec<Failure>,
    obstacles: Vec<(String, Prose, Prose)>,
    invented: Vec<(String, String)>,
    second_plans: Vec<(String, Prose)>,
    removals: Vec<(String, Prose)>,
    down: Option<(String, Prose)>,
    notes: Vec<Note>,
    notes_left: usize,
    facts: Vec<Fact>,
    next: Vec<Prose>,
}

/// What a reader must see before anything else.
struct Hero {
    mark: Mark,
    /// How the run ended, where the verdict does not say it.
    ended: Option<&'static str>,
    kind: String,
    route: String,
    when: String,
    headline: String,
    meters: Vec<Meter>,
    caveats: Vec<Prose>,
}

/// A time held against an objective.
struct Meter {
    name: &'static str,
    mark: Mark,
    value: String,
    objective: String,
    said: String,
    /// How far the bar goes and where the objective is, in percent; `None` where one is not known.
    bar: Option<(String, String)>,
}

/// Where the time went.
struct Phases {
    parts: Vec<Part>,
    rows: Vec<PhaseRow>,
    /// What happened beside them.
    beside: Vec<Prose>,
    what: &'static str,
    whole: String,
}

struct Part {
    class: &'static str,
    name: &'static str,
    width: String,
    wide: bool,
    title: String,
}

struct PhaseRow {
    number: usize,
    milestone: &'static str,
    reached: String,
    class: &'static str,
    phase: &'static str,
    took: String,
    completed: bool,
    share: String,
    width: String,
}

impl Report {
    /// Returns the report as one HTML document that needs nothing else.
    ///
    /// Of many resources it shows those of the critical path and the slowest, and says so.
    ///
    /// # Errors
    ///
    /// When the page cannot be filled in, which nothing in a report brings about.
    pub fn to_html(&self) -> askama::Result<String> {
        let mut page = Page::of(self).render()?;
        page.push('\n');
        Ok(page)
    }
}

impl Page {
    fn of(report: &Report) -> Self {
        let hero = Hero::of(report);
        let (notes, notes_left) = Note::of(report);
        let mut page = Self {
            title: format!("{}: {}", hero.mark.word, text(&report.headline())),
            hero,
            contents: Vec::new(),
            phases: Phases::of(report),
            gantt: Gantt::of(report),
            critical: Critical::of(report),
            resources: Resources::of(report),
            forecast: Forecast::of(report),
            history: History::of(report),
            deployed: Deployed::of(report),
            gate: Gate::of(report),
            needs: Needs::of(report),
            points: report
                .recovery_points
                .iter()
                .map(|(store, point)| (text(store), Prose::new(&words::recovery_point(point))))
                .collect(),
            failures: Failure::of(report),
            obstacles: rest::obstacles(report),
            invented: rest::invented(report),
            second_plans: rest::second_plans(report),
            removals: rest::removals(report),
            down: report.down.as_ref().map(|down| (text(&down.probe), Prose::new(&down.detail))),
            notes,
            notes_left,
            facts: Fact::of(report),
            next: report.next.iter().map(|what| Prose::new(what)).collect(),
        };
        page.contents = page.sections();
        page
    }

    /// Returns the sections that are there, by their ids, in the order of the page.
    fn sections(&self) -> Vec<(&'static str, &'static str)> {
        let wrong = !self.failures.is_empty() || self.down.is_some();
        let all = [
            ("wrong", self.wrong(), wrong || !self.obstacles.is_empty()),
            ("time", "Where the time went", true),
            ("timeline", "Timeline", self.gantt.is_some()),
            ("critical", "Critical path", self.critical.is_some()),
            ("resources", "Resources", self.resources.is_some()),
            ("forecast", "Forecast", self.forecast.is_some()),
            ("history", "History", self.history.is_some()),
            ("deployed", "Brought up on the stacks", !self.deployed.is_empty()),
            ("gate", "What the gate saw", !self.gate.is_empty()),
            ("needs", "What had to be alive", self.needs.is_some()),
            ("points", "Recovery points", !self.points.is_empty()),
            ("after", "After the recovery", self.has_after()),
            ("notes", "Notes", !self.notes.is_empty()),
            ("run", "The run", !self.facts.is_empty()),
        ];
        all.into_iter().filter(|section| section.2).map(|(id, title, _)| (id, title)).collect()
    }

    /// Returns the title of what did not go well, or would not.
    fn wrong(&self) -> &'static str {
        match self.failures.is_empty() && self.down.is_none() {
            true => "What stands in the way",
            false => "What went wrong",
        }
    }

    fn has_after(&self) -> bool {
        !self.second_plans.is_empty() || !self.removals.is_empty() || !self.invented.is_empty()
    }
}

impl Hero {
    fn of(report: &Report) -> Self {
        let run = report.run.as_ref();
        let kind = match run.map(|run| run.kind) {
            Some(RunKind::Rehearsal) => "Rehearsal",
            Some(RunKind::Drill) => "Drill",
            Some(RunKind::Failback) => "Failback",
            Some(RunKind::Failover) => "Failover",
            Some(RunKind::Unknown) | None => "Run",
        };
        let service = report.plan.as_ref().map(|plan| format!(" of {}", text(&plan.service)));
        let primary = report.plan.as_ref().and_then(|plan| plan.primary.as_deref());
        let route = match (primary, run) {
            (Some(primary), Some(run)) => format!("{} → {}", text(primary), text(&run.region)),
            (None, Some(run)) => format!("into {}", text(&run.region)),
            _ => String::new(),
        };
        let ended = match report.summary {
            Summary::Met | Summary::Missed | Summary::Unproven => None,
            Summary::Failed => Some("recovery failed"),
            Summary::Refused => Some("refused by the gate"),
            Summary::Interrupted => Some("stopped"),
            Summary::Unfinished => Some("not ended"),
        };
        let refused = (!report.obstacles.is_empty())
            .then(|| "a failover would be refused for what stands in its way, below".to_owned());
        Self {
            mark: Mark::of_verdict(report.verdicts.overall),
            ended,
            kind: format!("{kind}{}", service.unwrap_or_default()),
            route,
            when: run.map_or(String::new(), |run| {
                run.began_at.strftime("%Y-%m-%d %H:%M UTC").to_string()
            }),
            headline: text(&report.headline()),
            meters: Meter::of(report),
            caveats: report
                .caveats
                .iter()
                .cloned()
                .chain(refused)
                .map(|c| Prose::new(&c))
                .collect(),
        }
    }
}

impl Meter {
    fn of(report: &Report) -> Vec<Self> {
        let plan = report.plan.as_ref();
        let rto_ms = plan.and_then(|plan| plan.rto_ms);
        // What is not back has taken at least so long.
        let out_for = Some(report.out_for_ms);
        let (value, time) = match report.recovery_time_ms {
            Some(ms) => (Pretty::ms(ms).to_string(), Some(ms)),
            None => ("not back".to_owned(), out_for),
        };
        let mut all =
            vec![Self::new("Recovery time", "RTO", value, time, rto_ms, report.verdicts.rto)];
        if let Some(verdict) = report.verdicts.rpo {
            let point = report.recovery_point_ms.map(|ms| u64::try_from(ms).unwrap_or(0));
            let value = point.map_or("unknown".to_owned(), |ms| Pretty::ms(ms).to_string());
            let rpo_ms = plan.and_then(|plan| plan.rpo_ms);
            all.push(Self::new("Recovery point", "RPO", value, point, rpo_ms, verdict));
        }
        all
    }

    fn new(
        name: &'static str,
        short: &str,
        value: String,
        time_ms: Option<u64>,
        objective_ms: Option<u64>,
        verdict: Verdict,
    ) -> Self {
        let said = words::verdict(verdict);
        let bar = time_ms.zip(objective_ms).map(|(time, objective)| {
            let most = time.max(objective).max(1) as f64 * 1.04;
            (pct(time as f64 * 100.0 / most), pct(objective as f64 * 100.0 / most))
        });
        Self {
            name,
            mark: Mark::of_verdict(verdict),
            value,
            objective: match objective_ms {
                Some(ms) => format!("{short} {}", Pretty::ms(ms)),
                None => format!("no {short}"),
            },
            said,
            bar,
        }
    }
}

impl Phases {
    fn of(report: &Report) -> Self {
        let (what, whole_ms) = match report.recovery_time_ms {
            Some(ms) => ("recovery time", ms),
            None => ("so far", report.out_for_ms),
        };
        let reached = |name: Milestone| {
            report.milestones.iter().find(|at| at.name == name).and_then(|at| at.since_outage_ms)
        };
        let (mut parts, mut rows) = (Vec::new(), Vec::new());
        rows.push(PhaseRow {
            number: 0,
            milestone: Milestone::OutageBegan.title(),
            reached: words::time(reached(Milestone::OutageBegan)),
            class: "",
            phase: "",
            took: String::new(),
            completed: true,
            share: String::new(),
            width: String::new(),
        });
        for ((number, milestone), phase) in (1..).zip(&Milestone::ALL[1..]).zip(report.passed()) {
            let class = run_phase_class(phase.name);
            let ms = phase.took_ms;
            let part = share(ms.unwrap_or(0), whole_ms);
            if part > 0.0 {
                parts.push(Part {
                    class,
                    name: phase.name,
                    width: pct(part * 100.0),
                    wide: part > 0.09,
                    title: format!("{}: {}, {}", phase.name, words::time(ms), percent(part)),
                });
            }
            rows.push(PhaseRow {
                number,
                milestone: milestone.title(),
                reached: match reached(*milestone) {
                    None => "not reached".to_owned(),
                    at => words::time(at),
                },
                class,
                phase: phase.name,
                took: words::time(ms),
                completed: phase.completed,
                share: ms.map_or(String::new(), |_| percent(part)),
                width: pct(part * 100.0),
            });
        }
        let beside = report.beside_the_phases().iter().map(|said| Prose::new(said)).collect();
        Self { parts, rows, beside, what, whole: Pretty::ms(whole_ms).to_string() }
    }
}

impl Milestone {
    /// Returns what has happened when it is reached.
    const fn title(self) -> &'static str {
        match self {
            Self::OutageBegan => "outage began",
            Self::Detected => "detected",
            Self::Declared => "declared",
            Self::WorkspaceReady => "workspace ready",
            Self::PlanAccepted => "plan accepted",
            Self::Applied => "infrastructure applied",
            Self::Deployed => "application deployed",
            Self::CutOver => "traffic cut over",
            Self::Verified => "verified healthy",
        }
    }
}
