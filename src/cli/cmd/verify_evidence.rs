//! `drctl verify-evidence`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        evidence::{self, Checked},
        exit::Exit,
        home::Home,
        kept::History,
        ui::Ui,
    },
    model::{text::plain, time::Pretty},
    report::evidence::Manifest,
};
use serde_json::json;
use std::{fmt::Write as _, path::PathBuf};

/// Check that nothing in an evidence pack was changed after the run
///
/// Every file is held against its sum, every line of the journal against the
/// hash chain, and the report is made again from the journal. Who changes the
/// journal and makes everything else anew is found by what was noted elsewhere:
/// the end of the chain, which the run printed at its end (`--chain`), and
/// which the history of the machine that did the run remembers.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl report latest --evidence evidence/     makes a pack
  drctl verify-evidence evidence/
  drctl verify-evidence evidence/ --chain 1f2524578b6abfa56298daaf6f6fe403…
  (cd evidence && sha256sum -c SHA256SUMS)     without drctl

Exit codes: 0 nothing was changed, 1 something was, 2 it is no pack")]
pub(crate) struct VerifyEvidence {
    /// The folder of the pack
    #[arg(value_name = "FOLDER")]
    dir: PathBuf,

    /// The end of the journal's hash chain, as the run's report printed it
    #[arg(long, value_name = "HEX", value_parser = link)]
    chain: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl VerifyEvidence {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let checked = evidence::check(&self.dir, self.chain.as_deref(), remembered)?;
        let text = match self.json {
            true => as_json(&checked)?,
            // What a pack holds may come from anybody.
            false => as_text(&checked).lines().map(|line| format!("{}\n", plain(line))).collect(),
        };
        ui.answer(&text);
        Ok(if checked.flaws.is_empty() { Exit::Met } else { Exit::No })
    }
}

/// Reads 64 hexadecimal digits.
fn link(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    match text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => Ok(text),
        false => {
            Err("it has 64 hexadecimal digits; the report prints it as `journal chain`".into())
        }
    }
}

/// Returns the end of the chain that the history of this machine has of the run.
fn remembered(manifest: &Manifest) -> Option<String> {
    let run = manifest.facts.run.as_ref()?;
    History::open(&Home::find().ok()?).ok()?.store.get(run).ok()??.chain
}

fn as_json(checked: &Checked) -> Result<String, CliError> {
    let shown = json!({
        "schema": "drctl/evidence-check/v1",
        "intact": checked.flaws.is_empty(),
        "flaws": checked.flaws,
        "notes": checked.notes,
        "manifest": checked.manifest,
        "manifest_sha256": checked.digest,
    });
    serde_json::to_string_pretty(&shown).map(|text| text + "\n").or_exit(Exit::Failed)
}

fn as_text(checked: &Checked) -> String {
    let Checked { manifest, digest, flaws, notes } = checked;
    let facts = &manifest.facts;
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "not known".to_owned());
    let mut text = match flaws.len() {
        0 => "INTACT  nothing was changed after the run\n".to_owned(),
        1 => "CHANGED  something does not fit\n".to_owned(),
        n => format!("CHANGED  {n} things do not fit\n"),
    };
    for flaw in flaws {
        let _ = writeln!(text, "  - {flaw}");
    }
    let run = facts.run.as_ref().map_or("not known", |run| run.as_str());
    let took = facts.recovery_time_ms.map(|ms| format!(", recovered in {}", Pretty::ms(ms)));
    let _ = writeln!(
        text,
        "\nRun             {run} of {} into {}",
        or(&facts.service),
        or(&facts.region)
    );
    let _ = writeln!(text, "Verdict         {}{}", facts.summary, took.unwrap_or_default());
    let _ = writeln!(text, "Commit          {}", or(&facts.commit));
    let _ = writeln!(text, "Plan digest     {}", or(&facts.plan_digest));
    let _ = writeln!(text, "Run by          drctl {}, {}", or(&facts.drctl), or(&facts.terraform));
    let _ = writeln!(
        text,
        "Journal         {} events, chain {}",
        manifest.journal.events, manifest.journal.last_link
    );
    let _ = writeln!(text, "Manifest        {digest}");
    for note in notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}
