//! Can the objective be met at all? The forecast of a whole recovery, held against it.

use super::{
    check::{Given, Look, Options, roots},
    declared::declared,
    rules,
    slot::header,
};
use crate::{
    catalogue::Catalogue,
    config::{
        eval::{Inputs, Modules, Scope},
        module::ModuleError,
        repository::Survey,
    },
    forecast::{
        self, Forecast, History, Planned,
        draws::{Asked, Verified},
    },
    model::{
        finding::{Extent, Finding, Place},
        prediction::Prediction,
        step::StepId,
        time::{Objective, Rounded},
    },
    runbook::Work,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// How many recoveries are drawn for a rule: the 90th percentile of so many is off by a hundredth.
const DRAWS: usize = 1_000;
/// The fewest that are drawn for a service of very many resources.
const FEWEST_DRAWS: usize = 100;
/// How many creates are drawn at most: a tenth of a second's work.
const CREATES: usize = 1_000_000;

/// What a forecast assumes besides the code.
pub struct Assumed<'a> {
    /// What is publicly known of resource types.
    pub catalogue: &'a Catalogue,
    /// How many resources Terraform works on at once in every stack; what the runbook says of each,
    /// when absent.
    pub lanes: Option<usize>,
    /// What Terraform says that it would make, by stack.
    pub plans: &'a BTreeMap<StepId, Planned>,
}

impl Default for Assumed<'_> {
    fn default() -> Self {
        static NONE: BTreeMap<StepId, Planned> = BTreeMap::new();
        Self { catalogue: Catalogue::builtin(), lanes: None, plans: &NONE }
    }
}

/// What the forecast of a recovery says.
#[derive(Default)]
pub(super) struct Feasible {
    pub(super) findings: Vec<Finding>,
    /// How the forecast stands to the objective, as a sentence.
    pub(super) note: Option<String>,
}

/// A forecast, and what it is held against.
pub(crate) struct Expectation<'a> {
    /// How long it takes now.
    pub(crate) now: &'a Forecast,
    /// The same as a distribution.
    pub(crate) drawn: &'a Prediction,
    /// How long it took before the change.
    pub(crate) before: Option<&'a Forecast>,
    /// What is promised.
    pub(crate) rto: Option<Objective>,
    /// Where the promise is written, or else where the resource that dominates is.
    pub(crate) at: Extent,
    /// Where the resource that dominates is declared.
    pub(crate) dominant: Option<Extent>,
    /// The roots of the service.
    pub(crate) roots: Vec<PathBuf>,
}

/// Returns how long the recovery of a checkout's service would take, from the code and what is
/// `assumed`: the stacks of the runbook, or every live root module at once when there is none. Where
/// there is neither, every plan is a stack.
///
/// `None` when there is nothing to apply.
///
/// # Errors
///
/// [`ModuleError`] for a folder that cannot be listed any more.
pub fn forecast(
    survey: &Survey<'_>,
    options: &Options<'_>,
    assumed: &Assumed<'_>,
) -> Result<Option<Forecast>, ModuleError> {
    let look = Look { survey, options, rules: &[] };
    let mut stacks = look.stacks();
    if stacks.is_empty() {
        let alone = |id: &StepId| Step { id: id.clone(), needs: vec![], dir: None, lanes: None };
        stacks.extend(assumed.plans.keys().map(alone));
    }
    let dirs: Vec<&Path> = stacks.iter().filter_map(|stack| stack.dir.as_deref()).collect();
    let modules = survey.reach(&dirs)?;
    Ok(look.forecast(&stacks, &modules, assumed))
}

/// Returns the names of the stacks that [`forecast()`] would speak of.
pub fn stacks(survey: &Survey<'_>, options: &Options<'_>) -> Vec<StepId> {
    let stacks = Look { survey, options, rules: &[] }.stacks().into_iter();
    stacks.filter(|step| step.dir.is_some()).map(|step| step.id).collect()
}

/// A step, and the folder of its root module if it is a stack.
struct Step {
    id: StepId,
    needs: Vec<StepId>,
    dir: Option<PathBuf>,
    lanes: Option<usize>,
}

impl Look<'_> {
    /// Holds the forecast against what is promised, where something is.
    pub(super) fn feasible(&self) -> Result<Feasible, ModuleError> {
        let runbook = self.options.runbook;
        let rto = self.options.rto.or_else(|| runbook?.service.rto);
        let asked = |code| self.rules.iter().find(|rule| rule.text.code == code);
        let (unmet, slower) = (asked(rules::UNMET), asked(rules::SLOWER));
        if rto.is_none() && self.options.before.is_none() || unmet.is_none() && slower.is_none() {
            return Ok(Feasible::default());
        }
        let stacks = self.stacks();
        let dirs: Vec<&Path> = stacks.iter().filter_map(|stack| stack.dir.as_deref()).collect();
        let modules = self.survey.reach(&dirs)?;
        let Some(now) = self.forecast(&stacks, &modules, &Assumed::default()) else {
            return Ok(Feasible::default());
        };
        let drawn = now.predict(&asked_of(&now));
        let dominant = now.dominant().and_then(|entry| {
            let stack = stacks.iter().find(|stack| stack.id == entry.stack)?;
            let root = modules.module(stack.dir.as_deref()?)?;
            declared(root, &modules, &entry.address).map(header)
        });
        let written = runbook.and_then(|runbook| runbook.service.rto_at.clone());
        let first = dirs.first().map_or_else(PathBuf::new, |dir| dir.to_path_buf());
        let at = written.or_else(|| dominant.clone()).unwrap_or_else(|| {
            Extent::at(Place { file: first.join("main.tf"), line: 1, column: 1 })
        });
        let roots = dirs.iter().map(|dir| dir.to_path_buf()).collect();
        let expected = Expectation {
            before: self.options.before,
            rto,
            at,
            dominant,
            roots,
            now: &now,
            drawn: &drawn,
        };
        let findings = unmet
            .and_then(|rule| rules::unmet(&rule.text, &expected))
            .into_iter()
            .chain(slower.and_then(|rule| rules::slower(&rule.text, &expected)));
        Ok(Feasible { findings: findings.collect(), note: rto.map(|rto| note(&now, &drawn, rto)) })
    }

    fn stacks(&self) -> Vec<Step> {
        let Some(runbook) = self.options.runbook else {
            let roots = roots(self.survey, self.options).into_iter();
            return roots
                .map(|dir| Step {
                    id: StepId::new(if dir.as_os_str().is_empty() {
                        ".".to_owned()
                    } else {
                        dir.display().to_string()
                    }),
                    needs: Vec::new(),
                    dir: Some(dir),
                    lanes: None,
                })
                .collect();
        };
        let step = |step: &crate::runbook::Step| {
            let stack = match &step.work {
                Work::Stack(stack) => Some(stack),
                Work::Command(_) | Work::Deploy(_) => None,
            };
            Step {
                id: step.id.clone(),
                needs: step.needs.clone(),
                dir: stack.map(|stack| stack.path.clone()),
                lanes: stack.and_then(|stack| stack.parallelism).map(usize::from),
            }
        };
        runbook.steps.iter().map(step).collect()
    }

    fn forecast(
        &self,
        stacks: &[Step],
        modules: &dyn Modules,
        assumed: &Assumed<'_>,
    ) -> Option<Forecast> {
        let facts = super::facts::Regional::default();
        let scope = |dir: &PathBuf| {
            let root = modules.module(dir)?;
            let Given { values, .. } = self.given(root, modules);
            let inputs = Inputs { variables: values.fallback, workspace: None, facts: &facts };
            Some(Scope::root(root, modules, inputs))
        };
        let steps: Vec<forecast::Step<'_>> = stacks
            .iter()
            .map(|step| forecast::Step {
                id: step.id.clone(),
                needs: step.needs.clone(),
                root: step.dir.as_ref().and_then(scope),
                plan: assumed.plans.get(&step.id),
                lanes: assumed.lanes.or(step.lanes),
            })
            .collect();
        let none = History::default();
        let history = self.options.history.unwrap_or(&none);
        let forecast = Forecast::of(&steps, modules, assumed.catalogue, history);
        steps.iter().filter_map(|step| step.root.as_ref()).for_each(Scope::release);
        (forecast.counts.resources > 0).then_some(forecast)
    }
}

/// What is asked of the distribution: applying alone, always the same, and in no time.
fn asked_of(forecast: &Forecast) -> Asked {
    let affordable = CREATES / forecast.counts.instances.max(1);
    let draws = affordable.clamp(FEWEST_DRAWS, DRAWS);
    Asked { draws: draws as u32, seed: 1, rto: None, verified: Verified::Never }
}

/// Says how the forecast stands to the objective.
fn note(now: &Forecast, drawn: &Prediction, rto: Objective) -> String {
    let dominant = now.dominant().map_or_else(String::new, |entry| {
        let address = &entry.address;
        format!("; `{address}` dominates with {}", Rounded(entry.p50))
    });
    let estimates = match now.counts.guesses + now.counts.classes {
        0 => String::new(),
        n => format!("; the times of {n} are estimates"),
    };
    let unseen = match now.unseen.len() {
        0 => String::new(),
        1 => "; a module that is not in the repository was not counted".to_owned(),
        n => format!("; {n} modules that are not in the repository were not counted"),
    };
    format!(
        "of the objective of {}, applying {} resources is forecast to take {} at the median and {} at the 90th percentile{dominant}{estimates}{unseen}",
        Rounded(rto.get()),
        now.counts.resources,
        Rounded(Duration::from_millis(drawn.p50_ms)),
        Rounded(Duration::from_millis(drawn.p90_ms)),
    )
}
