//! `drctl approve`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        ui::Ui,
        watch::{Answer, Open, approval, open_questions},
    },
    model::text::plain,
};
use anyhow::{Context, anyhow};
use serde_json::json;
use std::{env, fmt::Write as _, io};

/// Say yes or no to the failover that `drctl watch` asks for
///
/// The watch does it within a second, from the commit and with the digest that are shown. The first
/// answer to a question counts.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl approve --list
      What is asked
  drctl approve
      The only question there is: asks for the service's name
  drctl approve 20260314-025907 --yes --expect-plan 4f1c2b3a5d6e
      Without a terminal
  drctl approve --deny
      Nothing is failed over for this outage

Exit codes: 0 answered, or nothing is asked with --list, 1 nothing is asked, 2 bad usage")]
pub(crate) struct Approve {
    /// The outage: its name or the start of it; the only one that is asked about, if not given
    #[arg(value_name = "OUTAGE")]
    outage: Option<String>,

    /// List what is asked, and answer nothing
    #[arg(long)]
    list: bool,

    /// Print the list as JSON
    #[arg(long, requires = "list")]
    json: bool,

    /// Say no
    #[arg(long, conflicts_with = "list")]
    deny: bool,

    /// Ask nothing; needs the digest of what was looked at
    #[arg(long, requires = "expect_plan")]
    yes: bool,

    /// Go on only if the digest of what would be done begins with this (12 digits at least)
    #[arg(long, value_name = "DIGEST", requires = "yes")]
    expect_plan: Option<String>,
}

impl Approve {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let open = open_questions(&home)?;
        if self.list {
            ui.answer(&if self.json { as_json(&open) } else { as_text(&open) });
            return Ok(Exit::Met);
        }
        let question = self.chosen(open)?;
        let Some(question) = question else {
            ui.say("Nothing is asked.\n");
            return Ok(Exit::No);
        };
        if !self.deny {
            self.confirm(&question, ui)?;
        }
        let by = env::var("USER").ok().filter(|user| !user.is_empty());
        let by = by.unwrap_or_else(|| "somebody at a terminal".to_owned());
        let answer = Answer { yes: !self.deny, by };
        let first = approval::give(&question.place, &question.outage, &question.digest, answer)
            .context("the answer could not be kept")
            .or_exit(Exit::Failed)?;
        if !first {
            return Err(CliError::new(Exit::Usage, anyhow!("somebody answered before")));
        }
        let Open { service, region, outage, .. } = &question;
        ui.answer(&match self.deny {
            false => format!(
                "Approved: the watch fails {service} over into {region} (outage {outage}).\n"
            ),
            true => format!("Denied: nothing is failed over for the outage {outage}.\n"),
        });
        Ok(Exit::Met)
    }

    fn chosen(&self, mut open: Vec<Open>) -> Result<Option<Open>, CliError> {
        if let Some(name) = &self.outage {
            open.retain(|question| question.outage.as_str().starts_with(name.as_str()));
            if open.is_empty() {
                let error = anyhow!("nothing is asked about an outage `{name}`");
                return Err(CliError::new(Exit::Usage, error)
                    .hint("See with `drctl approve --list` what is asked"));
            }
        }
        if open.len() > 1 {
            return Err(CliError::new(Exit::Usage, anyhow!("more than one failover is asked for"))
                .hint("Name the outage; see `drctl approve --list`"));
        }
        Ok(open.pop())
    }

    fn confirm(&self, question: &Open, ui: &Ui) -> Result<(), CliError> {
        let Open { service, region, digest, .. } = question;
        if let Some(expected) = &self.expect_plan {
            if expected.len() >= 12 && digest.starts_with(expected.as_str()) {
                return Ok(());
            }
            let error =
                anyhow!("what would be done is not what was expected, so nothing was approved");
            return Err(CliError::new(Exit::Refused, error)
                .hint(format!("See `drctl approve --list`; the digest is {digest}")));
        }
        if !ui.is_interactive() {
            let error = anyhow!("nobody can approve here: there is no terminal");
            return Err(CliError::new(Exit::Usage, error)
                .hint(format!("Add `--yes --expect-plan {digest}`")));
        }
        ui.say(&as_text(std::slice::from_ref(question)));
        ui.say(&format!("Type the service's name, `{service}`, to rebuild it in {region}: "));
        let mut typed = String::new();
        // An end of input is an answer, too: nothing was typed.
        let _ = io::stdin().read_line(&mut typed);
        if typed.trim() == service {
            return Ok(());
        }
        let error = anyhow!("`{}` is not `{service}`, so nothing was approved", typed.trim());
        Err(CliError::new(Exit::Usage, error))
    }
}

fn as_text(open: &[Open]) -> String {
    if open.is_empty() {
        return "Nothing is asked.\n".to_owned();
    }
    let mut text = String::new();
    for question in open {
        let Open { outage, service, region, digest, commit, began, asked, open_until, .. } =
            question;
        let _ = writeln!(
            text,
            "{outage}  {} into {}\n  out since  {began}\n  asked      {asked}, until {open_until}\n  commit     {commit}\n  digest     {digest}",
            plain(service),
            plain(region),
        );
    }
    text
}

fn as_json(open: &[Open]) -> String {
    let each = open.iter().map(|question| {
        json!({
            "outage": question.outage,
            "service": question.service,
            "region": question.region,
            "began_at": question.began,
            "asked_at": question.asked,
            "until": question.open_until,
            "commit": question.commit,
            "digest": question.digest,
        })
    });
    format!("{:#}\n", json!({ "questions": each.collect::<Vec<_>>() }))
}
