//! `terraform test` on the simulated cloud, in every folder of the repository that has tests.

use super::{
    asked::Asked,
    error::{CliError, OrExit},
    exit::Exit,
    home::Home,
    prepared::fetch,
    rehearsal::{Rehearsal, StateKeys, module_registry},
    ui::Ui,
    way::Simulated,
};
use crate::{
    engine::{Simulator, Stop},
    model::step::StepId,
    provider::simulate::{OverrideError, Overrides},
    terraform::{Action, Invocation, LogFiles, Terraform, TerraformBinary, TerraformError},
};
use anyhow::{Context, anyhow};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How often the simulated provider may learn something new from a refused test.
const MAX_REPAIRS: usize = 20;

/// How long an interrupted test may take to remove what it made.
const GRACE: Duration = Duration::from_secs(60);

/// How one `run` block of a test file ended.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Tested {
    /// The folder of the module that is tested, from the root of the repository.
    module: PathBuf,
    /// The test file, from that folder; absent when not even the tests could be read.
    file: Option<String>,
    /// The name of the `run` block.
    run: Option<String>,
    /// `pass`, `fail`, `error` or `skip`.
    status: String,
    /// Why, when it did not pass.
    because: Vec<String>,
}

/// Runs the tests of every module of the repository, and prints how each ended.
pub(super) async fn run(
    asked: &Asked,
    simulated: &Simulated,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let (checkout, detected) =
        fetch(&asked.which, home, &scratch.path().join("work"), stop, ui).await?;
    let root = &checkout.dir;
    let modules = tested_modules(root);
    if modules.is_empty() {
        return Err(CliError::new(Exit::Usage, anyhow!("the repository has no tests"))
            .hint("Write one: `*.tftest.hcl` beside a module's code, or in its folder `tests`"));
    }
    let overrides = Overrides::from_json(&Value::Object(simulated.values.clone()))
        .map_err(|error| CliError::hinted(Exit::Usage, error, OverrideError::hint))?;
    // Tests are about the code and not about an outage, so only what is asked for goes wrong.
    let world = simulated.world(simulated.scenario.clone());
    let mut env = BTreeMap::new();
    let registry = match &simulated.modules {
        None => None,
        Some(dir) => {
            let config = scratch.path().join("terraform.rc");
            env.insert("TF_CLI_CONFIG_FILE".to_owned(), config.display().to_string());
            Some(module_registry(root, dir, &config).await?)
        }
    };
    let rehearsal = Rehearsal::new(
        Arc::new(world),
        root.clone(),
        asked.which.region.clone(),
        overrides,
        BTreeMap::new(),
        registry,
        StateKeys::new(),
    )
    .with_tests();
    let grace = Some(asked.grace.unwrap_or(GRACE));
    let now = stop.now().clone();
    let terraform = TerraformBinary { path: detected.path, release: detected.release, grace, now };
    let bench = Bench { terraform, rehearsal: &rehearsal, root, env, logs: scratch.path(), stop };
    let mut all = Vec::new();
    for module in &modules {
        let tested = bench.test(module).await;
        ui.answer(&shown(&tested, asked.which.json).or_exit(Exit::Failed)?);
        all.extend(tested);
        if stop.token().is_cancelled() {
            return Ok(Exit::Interrupted);
        }
    }
    rehearsal.stop().await;
    let good = |tested: &&Tested| matches!(tested.status.as_str(), "pass" | "skip");
    let passed = all.iter().filter(good).count();
    let failed = all.len() - passed;
    let modules = modules.len();
    ui.say(&format!(
        "{passed} passed, {failed} failed, in {modules} module(s); nothing real was made\n"
    ));
    Ok(if failed == 0 { Exit::Met } else { Exit::No })
}

/// Returns the folders of modules that have test files, from the root of the repository.
fn tested_modules(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // A link to a folder is not followed: it may lead in a circle.
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir && !name.starts_with('.') {
                folders.push(entry.path());
            } else if name.ends_with(".tftest.hcl") || name.ends_with(".tftest.json") {
                let of = match folder.file_name() {
                    Some(name) if name == "tests" => folder.parent().unwrap_or(&folder),
                    _ => &folder,
                };
                found.insert(of.strip_prefix(root).unwrap_or(of).to_owned());
            }
        }
    }
    found
}

/// What the tests of a module need.
struct Bench<'a> {
    terraform: TerraformBinary,
    rehearsal: &'a Rehearsal,
    root: &'a Path,
    env: BTreeMap<String, String>,
    logs: &'a Path,
    stop: &'a Stop,
}

impl Bench<'_> {
    /// Runs the tests of one module; what keeps them from running is how they ended.
    async fn test(&self, module: &Path) -> Vec<Tested> {
        match self.try_test(module).await {
            Ok(tested) => tested,
            Err(error) => vec![Tested {
                module: module.to_owned(),
                file: None,
                run: None,
                status: "error".to_owned(),
                because: error.chain().map(ToString::to_string).collect(),
            }],
        }
    }

    async fn try_test(&self, module: &Path) -> anyhow::Result<Vec<Tested>> {
        let dir = self.root.join(module);
        let step = StepId::new(module.display().to_string());
        let mut env = self.env.clone();
        self.call(&dir, Action::Get, &env).await?.1?;
        env.extend(self.rehearsal.ready(&step, &dir).await?);
        let init = Action::Init { reconfigure: true, backend: false, plugin_dir: None };
        self.call(&dir, init, &env).await?.1?;
        for _ in 0..MAX_REPAIRS {
            let (log, ended) = self.call(&dir, Action::Test, &env).await?;
            let tested = read(module, &fs::read_to_string(&log.stdout)?);
            match ended {
                Ok(()) => return Ok(tested),
                Err(error @ TerraformError::Failed { .. }) => {
                    match self.rehearsal.learn(&step, &log.stdout).await? {
                        Some(learnt) => env.extend(learnt.env),
                        None if tested.is_empty() => return Err(error.into()),
                        None => return Ok(tested),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        anyhow::bail!("the simulated provider learnt {MAX_REPAIRS} times and is refused again")
    }

    /// Runs a command, and returns what it printed and how it ended.
    async fn call(
        &self,
        dir: &Path,
        action: Action,
        env: &BTreeMap<String, String>,
    ) -> anyhow::Result<(LogFiles, Result<(), TerraformError>)> {
        // Kept until the end: a folder of its own for each, since none is written over.
        let logs = tempfile::tempdir_in(self.logs)?.keep();
        let log = LogFiles { stdout: logs.join("out"), stderr: logs.join("err") };
        let mut call = Invocation::new(dir, action);
        call.env.clone_from(env);
        let ended = self.terraform.run(&call, &log, &mut |_| {}, self.stop.token()).await;
        Ok((log, ended.map(|_| ())))
    }
}

/// Reads what `terraform test -json` printed of a module's tests.
fn read(module: &Path, printed: &str) -> Vec<Tested> {
    let mut because: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut tested = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for line in printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let of = (text(&line["@testfile"]), text(&line["@testrun"]));
        if line["type"] == "diagnostic" && line["diagnostic"]["severity"] == "error" {
            because.entry(of).or_default().push(words(&line["diagnostic"]));
        } else if line["type"] == "test_run" {
            let run = &line["test_run"];
            let status = text(&run["status"]);
            // Terraform 1.9 and newer tell of a run also while it goes on.
            let over = run["progress"].is_null() || run["progress"] == "complete";
            if over && ["pass", "fail", "error", "skip"].contains(&status.as_str()) {
                tested.push(Tested {
                    module: module.to_owned(),
                    file: Some(text(&run["path"])),
                    run: Some(text(&run["run"])),
                    status,
                    because: Vec::new(),
                });
            }
        }
    }
    for test in &mut tested {
        let of = (test.file.clone().unwrap_or_default(), test.run.clone().unwrap_or_default());
        test.because = because.remove(&of).unwrap_or_default();
    }
    // What belongs to no run that ended, such as a file that cannot be read.
    tested.extend(because.into_iter().map(|((file, run), because)| Tested {
        module: module.to_owned(),
        file: Some(file).filter(|file| !file.is_empty()),
        run: Some(run).filter(|run| !run.is_empty()),
        status: "error".to_owned(),
        because,
    }));
    tested
}

/// A diagnostic on one line, with its place.
fn words(diagnostic: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut words = text(&diagnostic["summary"]);
    let range = &diagnostic["range"];
    if range.is_object() {
        let start = &range["start"];
        let _ =
            write!(words, " at {}:{}:{}", text(&range["filename"]), start["line"], start["column"]);
    }
    let detail = text(&diagnostic["detail"]);
    if !detail.is_empty() {
        let _ = write!(words, ": {}", detail.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    words
}

/// The tests of one module as they are printed.
fn shown(tested: &[Tested], json: bool) -> serde_json::Result<String> {
    let mut text = String::new();
    for test in tested {
        if json {
            text.push_str(&serde_json::to_string(test)?);
            text.push('\n');
            continue;
        }
        let file = test.module.join(test.file.as_deref().unwrap_or_default());
        let run = test.run.as_deref().map(|run| format!("  {run}")).unwrap_or_default();
        let _ = writeln!(text, "{:<5}  {}{run}", test.status.to_uppercase(), file.display());
        for because in &test.because {
            let _ = writeln!(text, "       {because}");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_what_was_wrong_with_them_are_told_together() {
        let printed = r#"
{"type":"test_run","test_run":{"path":"a.tftest.hcl","run":"one","progress":"starting","elapsed":0}}
{"type":"test_run","test_run":{"path":"a.tftest.hcl","run":"one","progress":"complete","status":"pass"}}
{"type":"test_run","test_run":{"path":"a.tftest.hcl","run":"two","status":"fail"}}
{"type":"diagnostic","@testfile":"a.tftest.hcl","@testrun":"two","diagnostic":{"severity":"error","summary":"Test assertion failed","detail":"no","range":{"filename":"a.tftest.hcl","start":{"line":7,"column":3}}}}
{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Unsupported block type","detail":""}}
"#;
        let tested = read(Path::new("vpc"), printed);
        insta::assert_snapshot!(shown(&tested, false).unwrap(), @r"
        PASS   vpc/a.tftest.hcl  one
        FAIL   vpc/a.tftest.hcl  two
               Test assertion failed at a.tftest.hcl:7:3: no
        ERROR  vpc/
               Unsupported block type
        ");
    }
}
