//! People are told: what is said goes through an outbox, so that nobody waits for a dead channel.

use super::{memory::Place, say::Said};
use crate::{
    cli::{error::CliError, exit::Exit, ui::Ui},
    engine::Programs,
    notify::{Address, Channel, Courier, Message, Note, Outbox, run},
    program::Program,
    runbook::{self, Known, Notify, NotifyBy, strings},
};
use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::BTreeMap, env, sync::Arc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Those who are told.
pub(super) struct People {
    outbox: Arc<Outbox>,
    names: Vec<String>,
    stop: CancellationToken,
    delivering: JoinHandle<()>,
}

impl People {
    /// Begins to deliver what is said, and what waits from before.
    ///
    /// # Errors
    ///
    /// An address is missing or is none, or the outbox cannot be used.
    pub(super) fn start(
        notify: &[Notify],
        known: &Known,
        programs: Programs<'_>,
        place: &Place,
        ui: Ui,
    ) -> Result<Self, CliError> {
        let channels: Result<BTreeMap<String, Channel>, CliError> = notify
            .iter()
            .map(|each| Ok((each.name.clone(), channel(each, known, programs)?)))
            .collect();
        let channels = channels?;
        let names = channels.keys().cloned().collect();
        let outbox =
            Outbox::open(&place.outbox()).map_err(|error| CliError::new(Exit::Failed, error))?;
        let outbox = Arc::new(outbox);
        let stop = CancellationToken::new();
        let delivering = tokio::spawn(run(
            Arc::clone(&outbox),
            channels,
            Arc::new(Courier::default()),
            Arc::new(Timestamp::now),
            Arc::new(move |note| say(&note, &ui)),
            stop.clone(),
        ));
        Ok(Self { outbox, names, stop, delivering })
    }

    /// Tells all of them. Nothing is waited for but the disk.
    ///
    /// # Errors
    ///
    /// Why it is not on the disk, in one line.
    pub(super) fn tell(&self, service: &str, said: &Said, at: Timestamp) -> Result<(), String> {
        let mut facts: BTreeMap<String, Value> = said.facts.clone().into_iter().collect();
        let link = match facts.remove("link") {
            Some(Value::String(link)) => Some(link),
            _ => None,
        };
        let message = Message {
            id: said.id(at),
            at,
            service: service.to_owned(),
            kind: said.kind.to_owned(),
            title: format!("{service}: {}", said.kind.replace('_', " ")),
            text: said.text.clone(),
            facts,
            link,
        };
        let put = self.outbox.put(&message, self.names.iter().map(String::as_str), at);
        put.map(drop).map_err(|error| error.to_string())
    }

    /// Returns how many notices wait to be delivered.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.waiting().values().sum()
    }

    /// Delivers what can be delivered in a moment, and stops.
    pub(super) async fn stop(self) {
        for _ in 0..20 {
            if self.waiting() == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        self.stop.cancel();
        let _ = self.delivering.await;
    }
}

fn channel(notify: &Notify, known: &Known, programs: Programs<'_>) -> Result<Channel, CliError> {
    let address = |url: &runbook::Address| {
        let (text, hint) = match url {
            runbook::Address::Literal(text) => {
                (Some(text.clone()), "Write an address of http or https".to_owned())
            }
            runbook::Address::Environment(name) => {
                (env::var(name).ok(), format!("Set `{name}` in the environment of `drctl watch`"))
            }
        };
        let wrong = |why: String| {
            CliError::new(Exit::Usage, anyhow!("`{}` cannot be told anything: {why}", notify.name))
                .hint(hint.clone())
        };
        let text = text.ok_or_else(|| wrong("its address is not set".to_owned()))?;
        Address::new(&text).map_err(|error| wrong(error.to_string()))
    };
    Ok(match &notify.by {
        NotifyBy::Webhook { url, key_env } => {
            let key = match key_env {
                None => None,
                Some(name) => Some(env::var(name).map_err(|_| {
                    CliError::new(Exit::Usage, anyhow!("the key of `{}` is not set", notify.name))
                        .hint(format!("Set `{name}` in the environment of `drctl watch`"))
                })?),
            };
            Channel::Webhook { url: address(url)?, key }
        }
        NotifyBy::Slack { url } => Channel::Slack { url: address(url)? },
        NotifyBy::Command(run) => {
            let argv = strings(known, run)
                .map_err(|mistake| CliError::new(Exit::Usage, anyhow!("{mistake}")))?;
            let (dir, env) = (programs.dir.to_owned(), programs.env.clone());
            Channel::Command(Program { argv, dir, env })
        }
    })
}

/// Says what became of a notice, when it is worth knowing.
fn say(note: &Note, ui: &Ui) {
    if !matches!(note, Note::Delivered { attempts: 1, .. }) {
        ui.say(&format!("{note}\n"));
    }
}
