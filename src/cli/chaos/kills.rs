//! `drctl chaos kills`.

use super::report::{add, columns, measured, told};
use crate::{
    chaos::kills::{Fate, Kill, Kills, path_in},
    cli::{
        cmd::chaos::Kills as Asked,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        ui::Ui,
    },
};
use anyhow::Context;
use serde_json::{Value, json};
use std::{fmt::Write as _, time::Duration};

/// Runs the command.
pub(in crate::cli) fn list(asked: &Asked, ui: &Ui) -> Result<Exit, CliError> {
    let path = path_in(Home::find()?.root());
    let kills = Kills::read(&path)
        .with_context(|| format!("failed to read `{}`", path.display()))
        .or_exit(Exit::Failed)?;
    if kills.unreadable > 0 {
        let (file, lines) = (path.display(), kills.unreadable);
        ui.say(&format!("note: {lines} line(s) of `{file}` cannot be read\n"));
    }
    let is_asked = |kill: &&Kill| asked.service.as_ref().is_none_or(|s| *s == kill.intent.service);
    let shown: Vec<&Kill> = kills.all.iter().rev().filter(is_asked).take(asked.limit).collect();
    if shown.is_empty() && !asked.json {
        ui.say("Nothing was killed yet.\n");
        return Ok(Exit::Met);
    }
    let text = match asked.json {
        true => shown.iter().fold(String::new(), |mut text, kill| {
            let _ = writeln!(text, "{}", as_json(kill));
            text
        }),
        false => columns(&shown.iter().map(|kill| row(kill)).collect::<Vec<_>>()),
    };
    ui.answer(&text);
    Ok(Exit::Met)
}

fn back_within(kill: &Kill) -> Duration {
    Duration::from_millis(kill.intent.back_within_ms)
}

fn row(kill: &Kill) -> [String; 5] {
    let came_to = match &kill.fate {
        Fate::Unknown => "drctl ended before it could say whether it was killed".to_owned(),
        Fate::Unwatched => "killed; drctl ended before the group was back".to_owned(),
        Fate::Failed(cause) => format!("not killed: {}", cause.replace('\n', " / ")),
        Fate::Ended(outcome) => told(outcome, back_within(kill)),
    };
    let simulated = if kill.intent.simulated { " (simulated)" } else { "" };
    [
        kill.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        kill.intent.service.clone(),
        format!("{}{simulated}", kill.intent.group),
        kill.intent.member.clone(),
        came_to,
    ]
}

fn as_json(kill: &Kill) -> Value {
    let mut line = json!({ "kill": kill.id, "at": kill.at });
    add(&mut line, json!(kill.intent));
    match &kill.fate {
        Fate::Unknown => add(&mut line, json!({ "fate": "unknown" })),
        Fate::Unwatched => add(&mut line, json!({ "fate": "killed" })),
        Fate::Failed(cause) => add(&mut line, json!({ "fate": "failed", "cause": cause })),
        Fate::Ended(outcome) => {
            add(&mut line, json!({ "fate": "ended" }));
            add(&mut line, measured(outcome, back_within(kill)));
        }
    }
    line
}
