//! A run that was asked to stop, until it has: what it waits for is told, and whether it should is asked.

use super::{
    question::{Question, can_be_asked},
    stop::Manner,
    ui::Ui,
};
use crate::{
    engine::{Heard, Stop},
    model::event::{Event, Sink},
    observe::{Ending, Graces},
};
use std::{future::pending, io, process, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// How long a program that is not Terraform may take to end, as `engine` and `deploy` have it.
const PROGRAMS: Duration = Duration::from_secs(30);

/// When what is waited for is told again where no display shows it; doubled each time, up to a minute.
const SOON: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(60);

/// Attends the end of a run, as long as it lives. It takes the events of the run in.
pub(super) struct Attending {
    ending: Ending,
    task: AbortHandle,
}

impl Attending {
    /// Attends the end of a run that `stop` asks for; to be called where tokio runs.
    pub(super) fn begin(stop: &Stop, ending: Ending, manner: Manner, ui: Ui) -> Self {
        // Heard from now on, and not only once the task runs.
        let heard = stop.heard();
        let attendant = Attendant { stop: stop.clone(), ending: ending.clone(), manner, ui };
        Self { ending, task: tokio::spawn(attendant.attend(heard)).abort_handle() }
    }
}

impl Sink for Attending {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        self.ending.take(event)
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        // With it goes its question.
        self.task.abort();
        self.ending.ask(None);
    }
}

struct Attendant {
    stop: Stop,
    ending: Ending,
    manner: Manner,
    ui: Ui,
}

impl Attendant {
    async fn attend(self, mut heard: watch::Receiver<Heard>) {
        self.stop.token().cancelled().await;
        let graces = Graces { terraform: self.stop.grace(), programs: PROGRAMS };
        self.ending.begin(graces);
        let mut told = 1.min(heard.borrow().count);
        if let Some(signal) = self.stop.signal() {
            self.say(&self.manner.first(signal));
        }
        self.tell();
        let mut pause = SOON;
        let mut tell_at = Instant::now() + pause;
        let over = graces.terraform.map(|grace| Instant::now() + grace);
        let mut is_over = false;
        let mut asked: Option<(Question, oneshot::Receiver<bool>)> = None;
        loop {
            tokio::select! {
                answer = answered(&mut asked) => {
                    asked = None;
                    self.take_answer(answer);
                }
                Ok(()) = heard.changed() => {
                    let last = heard.borrow_and_update().clone();
                    if last.count > told && asked.is_none() {
                        asked = self.again(&last);
                    }
                    told = last.count;
                }
                () = sleep_until(tell_at) => {
                    self.tell();
                    pause = (pause * 2).min(LATE);
                    tell_at = Instant::now() + pause;
                }
                () = at(over), if !is_over => {
                    is_over = true;
                    self.tell();
                }
            }
        }
    }

    /// Answers a signal that came after the first.
    fn again(&self, last: &Heard) -> Option<(Question, oneshot::Receiver<bool>)> {
        if self.ending.is_removing() || self.stop.now().is_cancelled() {
            self.say(&self.manner.again(&last.signal));
            return None;
        }
        if can_be_asked() {
            let ending = self.ending.clone();
            let show = move |text: Option<String>| ending.ask(text);
            if let Ok(question) = Question::ask(self.question(), show) {
                return Some(question);
            }
        }
        if last.insists {
            self.end_now();
            return None;
        }
        let loses = match (self.ending.changing(), self.manner) {
            (0, _) => String::new(),
            (n, Manner::Rehearsal) => format!(", with {n} simulated resource(s) in flight"),
            (n, _) => format!(", which loses the ids of {n} resource(s)"),
        };
        let waits = self.manner.again(&last.signal);
        self.say(&format!("{waits}; `kill -QUIT {}` ends it now{loses}", process::id()));
        self.tell();
        None
    }

    fn question(&self) -> String {
        match (self.ending.changing(), self.manner) {
            (0, _) => "End now? No resource is being made. `yes` ends: ".to_owned(),
            (n, Manner::Rehearsal) => {
                format!("End now? {n} simulated resource(s) are being made. `yes` ends: ")
            }
            (n, _) => format!(
                "End now? {n} resource(s) are being made: their ids would be lost. `yes` ends: "
            ),
        }
    }

    fn take_answer(&self, yes: bool) {
        match yes {
            true => self.end_now(),
            false => self.say("The wait goes on"),
        }
    }

    fn end_now(&self) {
        self.say("Ending now: Terraform is told to leave at once, and killed if it does not");
        self.ending.end_now();
        self.stop.end_now();
    }

    /// Tells what is waited for, where no display shows it all the time.
    fn tell(&self) {
        if self.ending.is_drawn() {
            return;
        }
        for line in self.ending.lines() {
            self.ui.say(&format!("{line}\n"));
        }
    }

    fn say(&self, text: &str) {
        if !self.ending.tell(text) {
            self.ui.say(&format!("\n{text}\n"));
        }
    }
}

/// Waits for the answer of a question; for ever when there is none.
async fn answered(asked: &mut Option<(Question, oneshot::Receiver<bool>)>) -> bool {
    match asked {
        Some((_, answer)) => answer.await.unwrap_or(false),
        None => pending().await,
    }
}

/// Waits until a time; for ever when there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
