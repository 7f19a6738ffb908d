//! `drctl probe`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        prepared::read_runbook,
        runtime::block_on,
        stop,
        ui::Ui,
        whereabouts::Whereabouts,
    },
    engine::{Programs, program_env, question},
    model::{nearest, text::plain},
    probe::{Answer, Ask, Probe as Question, Prober, RealProber, Target, Told},
    runbook::{self, Known, Probe, Runbook},
};
use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::task::JoinSet;

/// Ask every probe of the runbook once, and print what each saw
///
/// Reads the runbook of a checkout, also what is not committed yet, and changes nothing. Programs
/// of probes run in the checkout's root. A probe that reads the outputs of a stack cannot be asked
/// without a run. A certificate that ends soon is a warning, and not down.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl probe
  drctl probe front tokyo
      These two alone
  drctl probe --region ap-northeast-2 --json | jq '.probes[] | select(.up == false)'
      With `region` in the runbook's expressions, for a program
  ssh bastion drctl probe --ask - < probe.json
      What a probe with `via = [\"ssh\", \"bastion\"]` runs

Exit codes: 0 all are up, 1 something is down, 2 bad usage, 5 interrupted,
6 nothing is down and something could not be asked")]
pub(crate) struct ProbeCommand {
    /// The probes to ask; all when none is named
    #[arg(value_name = "PROBE")]
    names: Vec<String>,

    /// The checkout whose runbook is read
    #[arg(long, value_name = "PATH", default_value = ".")]
    repo: PathBuf,

    /// The runbook, from the root of the checkout
    #[arg(long, value_name = "FILE", default_value = runbook::FILE_NAME)]
    runbook: PathBuf,

    /// The fallback region; what `watch` names or else the first of the runbook, if not given
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// The region that serves in normal times, where the runbook does not say
    #[arg(long, value_name = "REGION")]
    primary: Option<String>,

    /// Ask one probe that is read as JSON from standard input, and answer with one line of JSON
    ///
    /// This is what a probe with `via` runs elsewhere.
    #[arg(long, value_name = "-", value_parser = ["-"], conflicts_with_all = ["names", "repo", "runbook", "region", "primary", "json"])]
    ask: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The longest probe that is read from standard input, in bytes.
const ASK_LIMIT: u64 = 1 << 20;

/// What came of one probe; the error is why it could not be asked.
type Asked = Result<Answer, String>;

impl ProbeCommand {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        if self.ask.is_some() {
            return ask_one(ui);
        }
        let here = Whereabouts::of(&self.repo)?;
        let runbook = self.read(&here.top)?;
        let probes = self.wanted(&runbook)?;
        let known = self.known(&runbook);
        let Some(asked) = block_on(ask_all(&probes, &known, &here.top))? else {
            return Ok(Exit::Interrupted);
        };
        ui.answer(&match self.json {
            true => as_json(&known, &probes, &asked),
            false => as_text(&probes, &asked, ui.color_on_stdout()),
        });
        Ok(exit(&asked))
    }

    fn read(&self, root: &Path) -> Result<Runbook, CliError> {
        let region = self.region.as_deref();
        let name_it = "Name a file of the checkout, from its root";
        read_runbook(root, &self.runbook, region, name_it)?.ok_or_else(|| {
            let error =
                anyhow!("there is no runbook `{}` in `{}`", self.runbook.display(), root.display());
            CliError::new(Exit::Usage, error).hint("Write a `drctl.hcl` with `probe` blocks")
        })
    }

    /// Returns the probes to ask, in the order of the runbook.
    fn wanted<'a>(&self, runbook: &'a Runbook) -> Result<Vec<&'a Probe>, CliError> {
        let names = || runbook.probes.iter().map(|probe| probe.name.as_str());
        if names().next().is_none() {
            return Err(CliError::new(Exit::Usage, anyhow!("the runbook has no probe"))
                .hint("Write one: `probe \"http\" \"front\" { url = \"https://shop.example.com/health\" }`"));
        }
        for wanted in &self.names {
            if !names().any(|name| name == wanted) {
                let error = anyhow!("the runbook has no probe `{wanted}`");
                let hint = match nearest(wanted, names()) {
                    Some(near) => format!("Did you mean `{near}`?"),
                    None => format!("There are {}", names().collect::<Vec<_>>().join(", ")),
                };
                return Err(CliError::new(Exit::Usage, error).hint(hint));
            }
        }
        let wanted = |probe: &&Probe| self.names.is_empty() || self.names.contains(&probe.name);
        Ok(runbook.probes.iter().filter(wanted).collect())
    }

    fn known(&self, runbook: &Runbook) -> Known {
        let region = self.region.as_deref().or_else(|| runbook.fallback(None));
        Known {
            region: region.unwrap_or_default().to_owned(),
            primary: self.primary.clone().or_else(|| runbook.service.primary.clone()),
            service: runbook.service.name.clone(),
            ..Known::default()
        }
    }
}

/// Asks what is read from standard input.
fn ask_one(ui: &Ui) -> Result<Exit, CliError> {
    let read = || -> anyhow::Result<_> {
        let mut text = Vec::new();
        io::stdin().take(ASK_LIMIT).read_to_end(&mut text)?;
        let ask: Ask = serde_json::from_slice(&text)?;
        ask.target().map_err(anyhow::Error::msg)
    };
    let (target, limit) = read()
        .context("standard input holds no probe that can be asked")
        .or_exit(Exit::Usage)
        .map_err(|error| error.hint("Use the same version of drctl here and there"))?;
    block_on(async {
        let stop = stop::listen_only()?;
        let prober = RealProber::default();
        let asked = stop.token().run_until_cancelled(prober.ask(&target, limit)).await;
        let Some(answer) = asked else { return Ok(Exit::Interrupted) };
        ui.answer(&format!("{}\n", json!(Told::from(answer))));
        Ok(Exit::Met)
    })
}

/// Asks all at once; `None` when somebody said stop.
async fn ask_all(
    probes: &[&Probe],
    known: &Known,
    root: &Path,
) -> Result<Option<Vec<Asked>>, CliError> {
    let stop = stop::listen_only()?;
    let env = program_env(known);
    let programs = Programs { dir: root, env: &env };
    let prober = Arc::new(RealProber::default());
    let questions: Vec<_> = probes.iter().map(|probe| askable(probe, known, programs)).collect();
    let over_http =
        |question: &Question| matches!(question.target, Target::Http(_) | Target::Region(_));
    if questions.iter().flatten().any(over_http) {
        // What it takes to read the trusted certificates is no part of any answer.
        prober.warm().await;
    }
    let mut asked: Vec<Asked> = Vec::new();
    let mut asking = JoinSet::new();
    for (index, question) in questions.into_iter().enumerate() {
        match question {
            Ok(question) => {
                asked.push(Err("it gave no answer".to_owned()));
                let prober = Arc::clone(&prober);
                asking.spawn(async move {
                    (index, prober.ask(&question.target, question.timeout).await)
                });
            }
            Err(why) => asked.push(Err(why)),
        }
    }
    loop {
        tokio::select! {
            answer = asking.join_next() => match answer {
                Some(Ok((index, answer))) => asked[index] = Ok(answer),
                Some(Err(_)) => {}
                None => return Ok(Some(asked)),
            },
            () = stop.token().cancelled() => {
                // The programs of probes have groups of their own, and end with what asks them.
                asking.shutdown().await;
                return Ok(None);
            }
        }
    }
}

/// Makes a question of a probe; the error is why nobody can ask it now.
fn askable(probe: &Probe, known: &Known, programs: Programs<'_>) -> Result<Question, String> {
    let exprs = probe.asks.exprs().into_iter().chain(&probe.via);
    for path in exprs.flat_map(|expr| expr.paths()) {
        match &path[..] {
            [root, name, ..] if root == "stack" => {
                return Err(format!(
                    "it reads the outputs of the stack `{name}`, which only a run knows"
                ));
            }
            [root, ..] if root == "region" && known.region.is_empty() => {
                return Err("it reads `region`, which is not known: give `--region`".to_owned());
            }
            [root, ..] if root == "primary" && known.primary.is_none() => {
                return Err("it reads `primary`, which is not known: give `--primary`".to_owned());
            }
            _ => {}
        }
    }
    question(probe, known, programs).map_err(|(_, why)| why)
}

fn exit(asked: &[Asked]) -> Exit {
    let is_down = |asked: &Asked| asked.as_ref().is_ok_and(|answer| !answer.is_up());
    match (asked.iter().any(is_down), asked.iter().all(Result::is_ok)) {
        (true, _) => Exit::No,
        (false, true) => Exit::Met,
        (false, false) => Exit::Unproven,
    }
}

fn as_json(known: &Known, probes: &[&Probe], asked: &[Asked]) -> String {
    let one = |(probe, asked): (&&Probe, &Asked)| {
        let mut one = json!({
            "name": probe.name,
            "kind": probe.asks.kind(),
            "role": probe.role.word(),
            "via": probe.via.is_some(),
        });
        match asked {
            Ok(answer) => {
                one["up"] = json!(answer.is_up());
                one["why"] = json!(answer.why);
                one["detail"] = json!(answer.detail);
                one["took_ms"] = json!(u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX));
                one["certificate_ends"] = json!(answer.certificate_ends);
                one["warning"] = json!(answer.warning);
            }
            Err(why) => {
                one["up"] = Value::Null;
                one["not_asked"] = json!(why);
            }
        }
        one
    };
    let shown = json!({
        "schema": "drctl/probe/v1",
        "service": known.service,
        "region": known.region,
        "primary": known.primary,
        "probes": probes.iter().zip(asked).map(one).collect::<Vec<_>>(),
    });
    format!("{shown:#}\n")
}

fn as_text(probes: &[&Probe], asked: &[Asked], color: bool) -> String {
    let name = |probe: &Probe| plain(&probe.name).into_owned();
    let width = probes.iter().map(|probe| name(probe).chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!("{:<width$}  ROLE      ANSWER          TIME  DETAIL\n", "PROBE");
    for (probe, asked) in probes.iter().zip(asked) {
        let (word, code, took, detail) = match asked {
            Ok(answer) => {
                let code = if answer.is_up() { "32" } else { "1;31" };
                let took = format!("{:.3}s", answer.took.as_secs_f64());
                (answer.why.word(), code, took, answer.detail.as_str())
            }
            Err(why) => ("not asked", "33", String::new(), why.as_str()),
        };
        let word = format!("{word:<11}");
        let word = if color { format!("\x1b[{code}m{word}\x1b[0m") } else { word };
        let (name, role) = (name(probe), probe.role.word());
        let detail = plain(detail);
        let line = format!("{name:<width$}  {role:<8}  {word}  {took:>7}  {detail}");
        let _ = writeln!(text, "{}", line.trim_end());
        if let Ok(Answer { warning: Some(warning), .. }) = asked {
            let _ = writeln!(text, "{:<width$}  warning: {}", "", plain(warning));
        }
    }
    text
}
