//! Asks every rule about every root module.

use super::{
    regions::{Pair, Variables, most_named, variables},
    report::{Report, RootSummary},
    rule::{Found, Rule},
    rules,
    slot::{extent, slots},
    subject::{About, Facts, Subject},
    suppress::{Suppression, suppressions},
};
use crate::{
    config::{
        body::Attribute,
        eval::{Inputs, Modules, Scope, Value},
        inside,
        known::{automatic_variables, variables_of},
        module::{Module, ModuleError},
        repository::{RootKind, Survey},
    },
    forecast::{Forecast, History},
    model::{
        finding::{Extent, Finding, Severity},
        time::Objective,
    },
    runbook::{Runbook, Stack},
};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What is asked of a validation.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// The region that serves; what the runbook or each root says itself, when absent.
    pub primary: Option<&'a str>,
    /// The region that is rebuilt into; what the runbook says, when absent, and then any other.
    pub fallback: Option<&'a str>,
    /// The runbook, if there is one.
    pub runbook: Option<&'a Runbook>,
    /// Whether examples, tests and libraries that nobody calls are looked at like live roots.
    pub all: bool,
    /// The codes of the rules that are asked; all of them when empty.
    pub only: &'a [String],
    /// The folder whose roots are looked at, from the root of the checkout; all of them when absent.
    pub within: Option<&'a Path>,
    /// The recovery time objective; the runbook's, when absent.
    pub rto: Option<Objective>,
    /// What the team's own runs took, if that is known.
    pub history: Option<&'a History>,
    /// How long a recovery took before the change, by forecast.
    pub before: Option<&'a Forecast>,
}

/// Asks the rules about the root modules of a checkout.
///
/// # Errors
///
/// [`ModuleError`] for a folder that cannot be listed any more.
pub fn validate(survey: &Survey<'_>, options: &Options<'_>) -> Result<Report, ModuleError> {
    let asked: Vec<&Rule> = rules::ALL
        .iter()
        .filter(|rule| options.only.is_empty() || options.only.iter().any(|c| c == rule.text.code))
        .copied()
        .collect();
    let look = Look { survey, options, rules: &asked };
    let looked = roots(survey, options)
        .par_iter()
        .filter_map(|dir| look.at(dir).transpose())
        .collect::<Result<Vec<Looked>, ModuleError>>()?;
    let mut report = Report {
        rules: asked.iter().map(|rule| &rule.text).collect(),
        files: survey.files(),
        ..Report::default()
    };
    let (mut findings, mut comments, mut files) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    for mut one in looked {
        let dir = one.summary.dir.clone();
        report.roots.push(one.summary);
        findings.append(&mut one.findings);
        for comment in one.suppressions {
            let known: &mut Suppression = comments.entry(key(&comment.at)).or_insert(comment);
            known.roots.push(dir.clone());
        }
        files.append(&mut one.files);
    }
    let comments: Vec<Suppression> = comments.into_values().collect();
    report.findings = merged(findings);
    let feasible = look.feasible()?;
    report.findings.extend(feasible.findings);
    sort(&mut report.findings);
    suppress(&mut report, &comments, &asked);
    report.notes = notes(survey, options, &report, &files);
    report.notes.extend(feasible.note);
    Ok(report)
}

/// Says what was not looked at, and why.
fn notes(
    survey: &Survey<'_>,
    options: &Options<'_>,
    report: &Report,
    looked_at: &BTreeSet<PathBuf>,
) -> Vec<String> {
    let mut notes = Vec::new();
    if report.roots.is_empty() {
        let others = survey.roots().iter().filter(|root| inside(&root.dir, options)).count();
        notes.push(match others {
            0 => "there is no root module here".to_owned(),
            1 => "there is no live root module; an example or a library that nobody calls was left out: `--all` looks at it".to_owned(),
            n => format!("there is no live root module; {n} examples and libraries that nobody calls were left out: `--all` looks at them"),
        });
    }
    let elsewhere: Vec<_> =
        survey.unparsed().iter().filter(|u| !looked_at.contains(&u.file)).collect();
    if let Some(first) = elsewhere.first() {
        let count = elsewhere.len();
        notes.push(match count {
            1 => format!("a file that is part of no live root module was not understood: {}", first.place),
            _ => format!("{count} files that are part of no live root module were not understood, the first at {}", first.place),
        });
    }
    if options.fallback.is_none() && options.runbook.is_none_or(|r| r.regions.is_empty()) {
        let region = report.roots.iter().find_map(|root| root.fallback.as_deref());
        notes.extend(region.map(|region| {
            format!("no fallback region is named, so another one stands in (`{region}` for the first root); name it with `--region`, or in the runbook")
        }));
    }
    notes
}

/// Returns the folders of the roots that are looked at, in order.
pub(super) fn roots(survey: &Survey<'_>, options: &Options<'_>) -> Vec<PathBuf> {
    let live = survey.roots().iter().filter(|root| options.all || root.kind == RootKind::Live);
    let stacks = options.runbook.into_iter().flat_map(Runbook::stacks);
    let all: BTreeSet<PathBuf> = live
        .map(|root| root.dir.clone())
        .chain(stacks.map(|(_, stack)| stack.path.clone()))
        .filter(|dir| inside(dir, options))
        .collect();
    all.into_iter().collect()
}

fn inside(dir: &Path, options: &Options<'_>) -> bool {
    options.within.is_none_or(|within| dir.starts_with(within))
}

/// What was seen in one root.
struct Looked {
    summary: RootSummary,
    findings: Vec<Finding>,
    suppressions: Vec<Suppression>,
    /// The files that belong to it, understood or not.
    files: BTreeSet<PathBuf>,
}

/// What a root is told from outside.
pub(super) struct Given {
    pub(super) pair: Pair,
    pub(super) values: Variables,
    /// What files and the runbook set, in either region.
    given: BTreeMap<String, Value>,
    given_at: BTreeMap<String, Extent>,
}

/// Looks at the roots of a checkout.
pub(super) struct Look<'a> {
    pub(super) survey: &'a Survey<'a>,
    pub(super) options: &'a Options<'a>,
    pub(super) rules: &'a [&'a Rule],
}

impl Look<'_> {
    /// Looks at one root; `None` when there is no module in its folder.
    fn at(&self, dir: &Path) -> Result<Option<Looked>, ModuleError> {
        let reached = self.survey.reach(&[dir])?;
        let modules: &dyn Modules = &reached;
        Ok(modules.module(dir).map(|root| self.root(root, modules)))
    }

    fn root(&self, root: &Module, modules: &dyn Modules) -> Looked {
        let checkout = self.survey.checkout();
        let stack = self.stack(&root.dir);
        let Given { pair, values, given, given_at } = self.given(root, modules);
        let lock_path = root.dir.join(".terraform.lock.hcl");
        let lock = inside::read_text(checkout, &lock_path).ok();
        let facts = Facts::new();
        let about = About {
            made: self.survey.made(),
            runbook: self.options.runbook,
            stack,
            given: &given,
            given_at: &given_at,
            lock: lock.as_deref().map(|text| (lock_path.as_path(), text)),
        };
        let subject = Subject::new(root, modules, &pair, &values, &facts, about);
        let mut findings = Vec::new();
        for rule in self.rules {
            let mut found = Found::new(&rule.text, &root.dir);
            (rule.check)(&subject, &mut found);
            findings.append(&mut found.findings);
        }
        let files = || subject.modules.iter().flat_map(|seen| &seen.module.files);
        let unparsed = subject.modules.iter().flat_map(|seen| &seen.module.unparsed);
        Looked {
            summary: RootSummary {
                dir: root.dir.clone(),
                primary: pair.primary_is_named.then(|| pair.primary.clone()),
                fallback: Some(pair.fallback.clone()),
                resources: subject.resources().count(),
            },
            findings,
            suppressions: files().flat_map(suppressions).collect(),
            files: files()
                .map(|file| file.path().to_owned())
                .chain(unparsed.map(|unparsed| unparsed.file.clone()))
                .collect(),
        }
    }

    /// Returns from where into where a root is looked at, and what its variables are.
    pub(super) fn given(&self, root: &Module, modules: &dyn Modules) -> Given {
        let (base, given_at) = self.given_in_both(root, self.stack(&root.dir));
        let pair = self.pair(root, modules, &base);
        let there = self.given_in_the_fallback(&pair.fallback);
        let values = variables(root, &pair, &base, &there);
        let mut given = base;
        given.extend(there);
        Given { pair, values, given, given_at }
    }

    fn stack(&self, dir: &Path) -> Option<&Stack> {
        let mut stacks = self.options.runbook?.stacks();
        stacks.find(|(_, stack)| stack.path == dir).map(|(_, stack)| stack)
    }

    /// Returns what files and the runbook's stack set in either region, and where.
    fn given_in_both(
        &self,
        root: &Module,
        stack: Option<&Stack>,
    ) -> (BTreeMap<String, Value>, BTreeMap<String, Extent>) {
        let (mut given, mut given_at) = (BTreeMap::new(), BTreeMap::new());
        let mut add = |attribute: &Attribute| {
            given.insert(attribute.name().to_owned(), literal(attribute));
            given_at.insert(attribute.name().to_owned(), extent(attribute.expr()));
        };
        automatic_variables(self.survey.checkout(), &root.dir).iter().for_each(&mut add);
        if let Some(stack) = stack {
            for file in &stack.var_files {
                variables_of(self.survey.checkout(), file).iter().for_each(|(_, a)| add(a));
            }
            stack.variables.iter().for_each(&mut add);
        }
        (given, given_at)
    }

    /// Returns what the runbook sets in the fallback only.
    fn given_in_the_fallback(&self, fallback: &str) -> BTreeMap<String, Value> {
        let region = self.options.runbook.and_then(|runbook| runbook.region(fallback));
        let mut given = BTreeMap::new();
        for region in region.into_iter() {
            for file in &region.var_files {
                let read = variables_of(self.survey.checkout(), file);
                given.extend(read.iter().map(|(name, a)| (name.clone(), literal(a))));
            }
            given.extend(region.variables.iter().map(|a| (a.name().to_owned(), literal(a))));
        }
        given
    }

    fn pair(&self, root: &Module, modules: &dyn Modules, base: &BTreeMap<String, Value>) -> Pair {
        let runbook = self.options.runbook;
        let primary = self.options.primary.or_else(|| runbook?.service.primary.as_deref());
        let fallback =
            self.options.fallback.or_else(|| runbook?.regions.first().map(|r| r.name.as_str()));
        let own = if primary.is_none() { self.own_region(root, modules, base) } else { None };
        Pair::choose(primary, fallback, own.as_deref())
    }

    /// Returns the region that a root names itself: that of its default provider, or the one that
    /// most of its arguments name.
    fn own_region(
        &self,
        root: &Module,
        modules: &dyn Modules,
        base: &BTreeMap<String, Value>,
    ) -> Option<String> {
        let facts = super::facts::Regional::default();
        let inputs = Inputs { variables: base.clone(), workspace: None, facts: &facts };
        let scope = Scope::root(root, modules, inputs);
        let default = root.providers.iter().filter(|provider| provider.alias.is_none());
        let region = default
            .filter_map(|provider| scope.value(provider.region.as_ref()?).text().map(str::to_owned))
            .next();
        scope.release();
        let own = slots(root);
        region.or_else(|| most_named(&own.iter().collect::<Vec<_>>()))
    }
}

/// Returns what an attribute literally says; what it says otherwise is set, and not known.
fn literal(attribute: &Attribute) -> Value {
    match attribute.expr().literal() {
        Some(value) => Value::from_json(&value),
        None => Value::Unknown(crate::config::eval::Unknown::Reference(
            attribute.expr().source().into(),
        )),
    }
}

type Key = (PathBuf, usize, usize);

fn key(at: &crate::model::finding::Extent) -> Key {
    (at.start.file.clone(), at.start.line, at.start.column)
}

/// Puts what several roots have in common together, in the order of places.
fn merged(mut findings: Vec<Finding>) -> Vec<Finding> {
    let id = |a: &Finding, b: &Finding| {
        let place = a.at.start.cmp(&b.at.start);
        place.then_with(|| a.code.cmp(b.code)).then_with(|| a.message.cmp(&b.message))
    };
    findings.sort_by(id);
    findings.dedup_by(|next, known| {
        let same = id(known, next).is_eq();
        if same {
            known.roots.append(&mut next.roots);
        }
        same
    });
    for finding in &mut findings {
        finding.roots.sort();
        finding.roots.dedup();
    }
    findings
}

/// Takes out what comments answer, and adds a finding for each comment that answers nothing.
fn suppress(report: &mut Report, comments: &[Suppression], asked: &[&Rule]) {
    let mut used = vec![false; comments.len()];
    let before = report.findings.len();
    report.findings.retain(|finding| {
        let mut answered = false;
        for (at, comment) in comments.iter().enumerate() {
            if comment.answers(finding) {
                used[at] = true;
                answered = true;
            }
        }
        !answered
    });
    report.suppressed = before - report.findings.len();
    let Some(rule) = asked.iter().find(|rule| rule.text.code == rules::SUPPRESSION) else { return };
    for (comment, used) in comments.iter().zip(used) {
        let unasked = comment.codes.iter().any(|code| {
            rules::ALL.iter().any(|rule| rule.text.code == code)
                && !asked.iter().any(|rule| rule.text.code == code)
        });
        if used || unasked {
            continue;
        }
        report.findings.push(rules::unused_suppression(&rule.text, comment));
    }
    sort(&mut report.findings);
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (&a.at.start, a.code).cmp(&(&b.at.start, b.code)));
}

impl Report {
    /// Adds findings that are not there yet: one at the same place, by the same rule, is.
    pub fn add(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            let same = |known: &Finding| known.code == finding.code && known.at == finding.at;
            if !self.findings.iter().any(same) {
                self.findings.push(finding);
            }
        }
        sort(&mut self.findings);
    }

    /// Whether there is a finding as heavy as `severity`, or heavier.
    pub fn fails(&self, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.severity <= severity)
    }
}
