//! `drctl validate`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        history,
        home::Home,
        judge::LazyJudge,
        output::{self, Output, write},
        prepared::{known_region, read_runbook},
        runtime::block_on,
        stop,
        twice::{self, Rehearsed},
        ui::Ui,
        whereabouts::Whereabouts,
    },
    config::{file::Judge, inside, module::ModuleError, repository::Survey},
    forecast::Forecast,
    lint::{self, Options, baseline::Known, fix, rehearsed::Twice, report::Report, show::Format},
    model::{finding::Severity, nearest, time::Objective},
    runbook::{self, Runbook},
    source::{self, SourceError},
};
use anyhow::{Context, anyhow};
use clap::ValueEnum;
use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};
use tempfile::TempDir;
use tokio::task::block_in_place;

/// Say whether the code can be rebuilt in another region, before it is merged
///
/// Reads the code alone, without an account, a provider or a network. Each live
/// root module is looked at with the values that it has in the primary and with
/// those that it would have in the fallback; examples, tests and libraries are
/// looked at through the calls of live ones.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl validate
      Look at every live root module of the repository
  drctl validate stacks/network --region ap-northeast-2
      Only what lies below a folder, for this fallback
  drctl validate --diff-base origin/main --format github
      In a pull request: only what it brings, as annotations
  drctl validate --write sarif=drctl.sarif --write markdown=summary.md
      Several outputs of one run
  drctl validate --rto 30m --baseline origin/main
      Whether the objective can be met, and whether a change makes it harder
  drctl validate --rehearse --region ap-northeast-2
      What no linter can prove: both regions rehearsed, and compared
  drctl validate --fix --diff
      What would be mended; without `--diff` it is done
  drctl validate --write-baseline .drctl-baseline.json
      Write down what is there now; `--baseline-file` then shows only what is new
  drctl validate --explain DR004
      What a rule finds, why it matters, and what to write instead

In the code, `# drctl:ignore DR004 the reason` answers a finding on its line or
on the one that follows.

Exit codes: 0 nothing found that is as heavy as `--fail-on`, 1 something was,
2 bad usage")]
pub(crate) struct Validate {
    /// The folder to look at
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,

    /// The fallback region; what the runbook says, if not given
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// The region that serves; what the runbook or each root module says, if not given
    #[arg(long, value_name = "REGION")]
    primary: Option<String>,

    /// The runbook, from the root of the repository
    #[arg(long, value_name = "FILE", default_value = runbook::FILE_NAME)]
    runbook: PathBuf,

    /// Look at examples, tests and libraries like at live root modules
    #[arg(long)]
    all: bool,

    /// Ask these rules only, such as DR004,DR006
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = code)]
    only: Vec<String>,

    /// The lightest finding that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    fail_on: FailOn,

    /// How to show what was found
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = output::format::<Format>())]
    format: Format,

    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Write what was found to a file, too, in a format (can be repeated)
    #[arg(long, value_name = "FORMAT=FILE", value_parser = Output::<Format>::from_str)]
    write: Vec<Output<Format>>,

    /// Show only what is not there at this revision, or where the branch left it
    #[arg(long, value_name = "REV")]
    diff_base: Option<String>,

    /// Find it when the recovery becomes noticeably slower than at this revision, by forecast
    #[arg(long, value_name = "REV")]
    baseline: Option<String>,

    /// The recovery time objective, such as 30m; wins over the runbook's
    #[arg(long, value_name = "DURATION")]
    rto: Option<Objective>,

    /// Show only what is not in this file
    #[arg(long, value_name = "FILE")]
    baseline_file: Option<PathBuf>,

    /// Write what is found to a file for `--baseline-file`, and fail for nothing
    #[arg(long, value_name = "FILE", conflicts_with = "baseline_file")]
    write_baseline: Option<PathBuf>,

    /// Rehearse the newest commit in both regions, too, and compare what Terraform makes in each
    ///
    /// Exact, and still without an account: the real terraform against a simulated cloud. It needs
    /// terraform, a commit, and a fallback that is named.
    #[arg(long, conflicts_with_all = ["diff_base", "fix", "diff"])]
    rehearse: bool,

    /// Mend what is safe to mend, in the files
    #[arg(long)]
    fix: bool,

    /// Show what `--fix` would change, and change nothing
    #[arg(long)]
    diff: bool,

    /// Show what a rule finds and why, or list all rules
    #[arg(long, value_name = "CODE", num_args = 0..=1, default_missing_value = "")]
    explain: Option<String>,

    /// The terraform (or tofu) that judges files that drctl does not understand
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    terraform: Option<String>,
}

/// From which severity on a validation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
    Never,
}

impl FailOn {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }
}

fn code(text: &str) -> Result<String, String> {
    match lint::text_of(text) {
        Some(rule) => Ok(rule.code.to_owned()),
        None => Err(format!("there is no rule `{text}`; `drctl validate --explain` lists them")),
    }
}

impl Validate {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        match &self.explain {
            Some(code) => explain(code, ui),
            None => block_on(self.validate(ui)),
        }
    }

    async fn validate(self, ui: &Ui) -> Result<Exit, CliError> {
        let place = Whereabouts::of(&self.path)?;
        let runbook = self.runbook(&place.top)?;
        if let Some(region) = &self.region {
            let declared = || runbook.as_ref()?.service.primary.as_deref();
            let primary = self.primary.as_deref().or_else(declared);
            known_region(region, runbook.as_ref(), primary)?;
        }
        if let Some(primary) = &self.primary {
            known_region(primary, runbook.as_ref(), None)?;
        }
        let judge = LazyJudge::new(self.terraform.as_deref());
        // Parsing asks Terraform about what it does not understand, and waits for it.
        let mut report = block_in_place(|| self.report(&place, runbook.as_ref(), &judge))?;
        if self.rehearse {
            self.rehearse(&place, runbook.as_ref(), &mut report, ui).await?;
        }
        let (top, read) = (place.top.clone(), Sources::new(&place.top));
        if self.fix || self.diff {
            return self.mend(&report, &top, &read, ui);
        }
        if let Some(file) = &self.write_baseline {
            let known = Known::of(&report.findings);
            write(file, &known.to_text())?;
            let known = count(report.findings.len(), "finding is", "findings are");
            ui.say(&format!("{known} in {}\n", file.display()));
            return Ok(Exit::Met);
        }
        self.show(&report, &read, ui)
    }

    /// Returns what is found, without what is known.
    fn report(
        &self,
        place: &Whereabouts,
        runbook: Option<&Runbook>,
        judge: &LazyJudge,
    ) -> Result<Report, CliError> {
        let within = (!place.within.as_os_str().is_empty()).then_some(place.within.as_path());
        let past = Home::find().ok().map(|home| {
            let service = runbook.map_or("", |runbook| runbook.service.name.as_str());
            history::read(home.root(), service)
        });
        let options = Options {
            primary: self.primary.as_deref(),
            fallback: self.region.as_deref(),
            runbook,
            all: self.all,
            only: &self.only,
            within,
            rto: self.rto,
            history: past.as_ref().map(|past| &past.history),
            before: None,
        };
        let before = self.before(place, &options)?;
        let options = Options { before: before.as_ref(), ..options };
        let mut report = look(&place.top, &options, Some(judge))?;
        // Why a journal could not be read matters only where the forecast does.
        if options.rto.or_else(|| runbook?.service.rto).is_some() {
            report.notes.extend(past.iter().flat_map(|past| past.notes.clone()));
        }
        if let Some(revision) = &self.diff_base {
            self.base(place, revision, &options)?.take_from(&mut report);
        }
        if let Some(file) = &self.baseline_file {
            let text = fs::read_to_string(file)
                .with_context(|| format!("failed to read the baseline file `{}`", file.display()))
                .or_exit(Exit::Usage)?;
            let known = Known::read(&text).map_err(|error| {
                CliError::hinted(Exit::Usage, error, lint::baseline::BaselineError::hint)
            })?;
            let gone = known.gone_from(&report.findings);
            known.take_from(&mut report);
            if gone > 0 {
                report.notes.push(format!(
                    "{gone} of the findings in the baseline file are gone; write it anew with `--write-baseline {}`",
                    file.display()
                ));
            }
        }
        Ok(report)
    }

    /// Returns the forecast at the revision of `--baseline`, with the runbook of that revision.
    fn before(
        &self,
        place: &Whereabouts,
        options: &Options<'_>,
    ) -> Result<Option<Forecast>, CliError> {
        let Some(revision) = &self.baseline else { return Ok(None) };
        let there = exported(place, revision)?;
        let runbook = self.runbook(there.path())?;
        let options = Options { runbook: runbook.as_ref(), ..*options };
        let survey = Survey::read(there.path(), None).map_err(from_module)?;
        lint::forecast(&survey, &options, &lint::Assumed::default()).map_err(from_module)
    }

    /// Returns what is found at the revision that the change is compared with.
    fn base(
        &self,
        place: &Whereabouts,
        revision: &str,
        options: &Options<'_>,
    ) -> Result<Known, CliError> {
        let there = exported(place, revision)?;
        let runbook = self.runbook(there.path())?;
        let options = Options { runbook: runbook.as_ref(), before: None, ..*options };
        Ok(Known::of(&look(there.path(), &options, None)?.findings))
    }

    /// Adds what two rehearsals show that the code alone did not.
    async fn rehearse(
        &self,
        place: &Whereabouts,
        runbook: Option<&Runbook>,
        report: &mut Report,
        ui: &Ui,
    ) -> Result<(), CliError> {
        let fallback = self.region.as_deref().or_else(|| Some(&runbook?.regions.first()?.name));
        let Some(fallback) = fallback else {
            let error = anyhow!("there is no fallback region to rehearse in");
            return Err(CliError::new(Exit::Usage, error)
                .hint("Give `--region`, or write a `region` block into the runbook"));
        };
        let survey = Survey::read(&place.top, None).map_err(from_module)?;
        let stop = stop::listen_and_say(*ui)?;
        let asked: Vec<Option<PathBuf>> = match runbook {
            Some(_) => vec![None],
            None => report.roots.iter().map(|root| Some(root.dir.clone())).collect(),
        };
        for stack in asked {
            let primary = self.serves(runbook, report, stack.as_deref())?;
            let rehearsed = Rehearsed {
                top: &place.top,
                runbook: &self.runbook,
                stack: stack.as_deref(),
                terraform: self.terraform.as_deref(),
            };
            let here = twice::rehearse(&rehearsed, &primary, true, &stop, ui).await?;
            let there = twice::rehearse(&rehearsed, fallback, false, &stop, ui).await?;
            for (id, primary_made) in &here {
                let Some(fallback_made) = there.get(id) else { continue };
                let named = || {
                    let mut stacks = runbook?.stacks();
                    stacks.find(|(known, _)| *known == id).map(|(_, stack)| stack.path.clone())
                };
                let Some(dir) = stack.clone().or_else(named) else { continue };
                let modules = survey.reach(&[&dir]).map_err(from_module)?;
                let twice = Twice { dir, primary: primary_made, fallback: fallback_made };
                let found = lint::rehearsed::compare(&twice, &modules, &primary, &self.only);
                report.add(found);
            }
        }
        report.notes.push(format!(
            "rehearsed in `{fallback}` and in the primary; what is not committed was not rehearsed"
        ));
        Ok(())
    }

    /// Returns the region in which a root serves now.
    fn serves(
        &self,
        runbook: Option<&Runbook>,
        report: &Report,
        stack: Option<&Path>,
    ) -> Result<String, CliError> {
        let mut roots = report.roots.iter();
        let own = match stack {
            Some(stack) => {
                roots.find(|root| root.dir == stack).and_then(|root| root.primary.clone())
            }
            None => roots.find_map(|root| root.primary.clone()),
        };
        let declared = || runbook?.service.primary.clone();
        self.primary.clone().or_else(declared).or(own).ok_or_else(|| {
            let error = anyhow!("the code does not tell in which region it serves now");
            CliError::new(Exit::Usage, error)
                .hint("Give `--primary`, or write it into the runbook's `service` block")
        })
    }

    /// Reads the runbook for the fallback that is asked for, or for its first region.
    fn runbook(&self, top: &Path) -> Result<Option<Runbook>, CliError> {
        let which_file = "Name a file from the root of the repository";
        read_runbook(top, &self.runbook, self.region.as_deref(), which_file)
    }

    fn show(&self, report: &Report, read: &Sources<'_>, ui: &Ui) -> Result<Exit, CliError> {
        let shown = |format: Format, color: bool| {
            report
                .show(format, color, &|path| read.text(path))
                .context("failed to show what was found")
                .or_exit(Exit::Failed)
        };
        for output in &self.write {
            write(&output.file, &shown(output.format, false)?)?;
        }
        let format = if self.json { Format::Json } else { self.format };
        let text = shown(format, ui.color_on_stdout())?;
        ui.answer(&text);
        let fails = self.fail_on.severity().is_some_and(|severity| report.fails(severity));
        Ok(if fails { Exit::No } else { Exit::Met })
    }

    /// Mends what can be mended, or shows how.
    fn mend(
        &self,
        report: &Report,
        top: &Path,
        read: &Sources<'_>,
        ui: &Ui,
    ) -> Result<Exit, CliError> {
        let fixes = fix::fixes(&report.findings, &|path| read.text(path))
            .map_err(|error| CliError::hinted(Exit::Failed, error, fix::FixError::hint))?;
        for fixed in &fixes.files {
            if self.diff {
                ui.answer(&fixed.diff());
            } else {
                write(&top.join(&fixed.file), &fixed.after)?;
            }
        }
        let files = fixes.files.len();
        let rest = report.findings.len() - fixes.mended;
        let verb = if self.diff { "can be mended" } else { "mended" };
        ui.say(&format!(
            "{} {verb} in {files} {}; {rest} {} a hand\n",
            count(fixes.mended, "finding", "findings"),
            if files == 1 { "file" } else { "files" },
            if rest == 1 { "needs" } else { "need" },
        ));
        for (finding, why) in &fixes.left {
            ui.say(&format!("{} {}: {why}\n", finding.at.start, finding.code));
        }
        Ok(Exit::Met)
    }
}

fn count(n: usize, one: &str, more: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { more })
}

fn look(top: &Path, options: &Options<'_>, judge: Option<&dyn Judge>) -> Result<Report, CliError> {
    let survey = Survey::read(top, judge).map_err(from_module)?;
    lint::validate(&survey, options).map_err(from_module)
}

fn from_module(error: ModuleError) -> CliError {
    CliError::hinted(Exit::Usage, error, ModuleError::hint)
}

/// Writes the files of a revision to a folder that is gone when it is dropped.
fn exported(place: &Whereabouts, revision: &str) -> Result<TempDir, CliError> {
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    source::export(&place.top, revision, scratch.path())
        .map_err(|error| CliError::hinted(Exit::Usage, error, SourceError::hint))?;
    Ok(scratch)
}

/// Prints the page of a rule, or the list of all.
fn explain(code: &str, ui: &Ui) -> Result<Exit, CliError> {
    if code.is_empty() {
        let line = |rule: &crate::model::finding::RuleText| {
            format!("{}  {:<7}  {}\n", rule.code, rule.severity.name(), rule.title)
        };
        ui.answer(&lint::texts().map(line).collect::<String>());
        return Ok(Exit::Met);
    }
    match lint::text_of(code) {
        Some(rule) => {
            ui.answer(rule.page);
            Ok(Exit::Met)
        }
        None => {
            let error = CliError::new(Exit::Usage, anyhow!("there is no rule `{code}`"));
            let near = nearest(code, lint::texts().map(|rule| rule.code));
            Err(error
                .hints(near.map(|near| format!("Did you mean `{near}`?")))
                .hint("Run `drctl validate --explain` to see all rules"))
        }
    }
}

/// The files of the checkout. Findings come file by file, so only the last one is kept.
struct Sources<'a> {
    top: &'a Path,
    last: RefCell<(PathBuf, Option<String>)>,
}

impl<'a> Sources<'a> {
    fn new(top: &'a Path) -> Self {
        Self { top, last: RefCell::default() }
    }

    fn text(&self, path: &Path) -> Option<String> {
        let mut last = self.last.borrow_mut();
        if last.0 != path {
            let read = inside::read(self.top, path).ok();
            *last = (path.to_owned(), read.and_then(|bytes| String::from_utf8(bytes).ok()));
        }
        last.1.clone()
    }
}
