//! `drctl compare`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        kept::History,
        ui::Ui,
    },
    model::record::RunRecord,
    report::{Style, compare::Comparison},
};
use anyhow::anyhow;

/// Show two runs beside each other: what took longer, and what was made besides
///
/// The earlier run stands on the left, whichever is named first, so that a
/// difference above zero is always time that was lost. What makes the two hard to
/// compare is said. The folders of the runs need not be there any more.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl compare latest previous
      The newest run and the newest one like it before
  drctl compare 20260314-02 20260401-11 --json | jq '.resources[:3]'
      The three resources that differ the most

Exit codes: 0 they are shown, 2 there is no such run")]
pub(crate) struct Compare {
    /// A run: its name, the start of it, `latest`, or `previous`, the one before the other like it
    #[arg(value_name = "RUN")]
    one: String,

    /// The other run
    #[arg(value_name = "RUN")]
    other: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The word for the newest run before another that is like it.
const PREVIOUS: &str = "previous";

impl Compare {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let history = History::open(&home)?;
        history.say_notes(ui);
        let (one, other) = self.both(&home, &history)?;
        let comparison = Comparison::of(&one, &other);
        ui.answer(&match self.json {
            true => comparison.to_json().or_exit(Exit::Failed)?,
            false => comparison.to_text(Style { color: ui.color_on_stdout(), ..Style::default() }),
        });
        Ok(Exit::Met)
    }

    fn both(&self, home: &Home, history: &History) -> Result<(RunRecord, RunRecord), CliError> {
        let usage = |what: String| CliError::new(Exit::Usage, anyhow!(what));
        let named = match (self.one.as_str(), self.other.as_str()) {
            (PREVIOUS, PREVIOUS) => {
                return Err(usage("`previous` needs another run that it comes before".to_owned())
                    .hint("Compare `latest previous`, or name a run"));
            }
            (name, PREVIOUS) | (PREVIOUS, name) => name,
            (one, other) => {
                let (one, other) = (history.find(home, one)?, history.find(home, other)?);
                if one.run == other.run {
                    return Err(usage(format!("both names mean the run {}", one.run))
                        .hint("See `drctl runs` for the runs that there are"));
                }
                return Ok((one, other));
            }
        };
        let run = history.find(home, named)?;
        let previous = history.like(&run, 1)?.pop().ok_or_else(|| {
            usage(format!("there is no run like {} before it", run.run))
                .hint("Like it is one of the same service, region and kind, with the same seed and time scale; name another to compare all the same")
        })?;
        Ok((run, previous))
    }
}
