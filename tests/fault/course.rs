//! The course of a case: begun, killed, gone on with until it ends.

use crate::{
    check::{Broken, Undisturbed, Verdict, judge_journal},
    person::Person,
    scene::{Case, Ended, Running, Scene},
    strike::{Strike, Struck},
};
use serde_json::Value;
use std::{
    io,
    time::{Duration, Instant},
};

/// How often a run that nothing disturbs any more may be gone on with until it ends.
const ATTEMPTS: u32 = 5;

/// The exit codes of a run that came to its end: the service answers, or nobody asked it.
const WELL: [i32; 2] = [0, 6];

/// What happened in a case.
#[derive(Debug, Default)]
pub(crate) struct Course {
    pub(crate) struck: Vec<Struck>,
    pub(crate) resumptions: u32,
    /// How often there was nothing to resume, and the failover was begun again.
    pub(crate) begun_again: u32,
    /// How often the gate refused to touch what was left until a person had answered.
    pub(crate) asked: u32,
    /// How many objects that no state knew were named, and found, and taken in by a person.
    pub(crate) found: usize,
    /// How many locks of killed Terraforms were named, and taken away by a person.
    pub(crate) unlocked: usize,
    pub(crate) verdict: Verdict,
    /// How often the command had been run when it was first known to be done.
    cut: Option<usize>,
}

/// Where the last drctl left the run.
enum Next {
    Over,
    Resume,
    Begin,
}

impl Course {
    /// Runs a failover that is struck by each of `strikes` in turn, one a process, then left alone.
    pub(crate) fn run(
        scene: &Scene,
        case: &mut Case,
        strikes: &[Strike],
        undisturbed: &Undisturbed,
    ) -> io::Result<Self> {
        let primary = scene.primary()?;
        let mut course = Self::default();
        let mut strikes = strikes.iter().copied();
        let running = scene.failover(case)?;
        let ended = course.attend(case, running, strikes.next());
        let ended = course.go_on(scene, case, ended, &mut strikes)?;
        course.close(scene, case, &ended, undisturbed, &primary)?;
        Ok(course)
    }

    /// Goes on with a run until it ends.
    pub(crate) fn go_on(
        &mut self,
        scene: &Scene,
        case: &mut Case,
        ended: Ended,
        strikes: &mut dyn Iterator<Item = Strike>,
    ) -> io::Result<Ended> {
        let (mut ended, mut person, mut alone) = (ended, Person::default(), 0);
        loop {
            judge_journal(case, false, &mut self.verdict);
            if self.cut.is_none() && case.lines().iter().any(is_cut) {
                self.cut = Some(scene.cuts());
            }
            if ended.status.is_none() {
                self.verdict.add(Broken::Stuck, "drctl did not end");
                return Ok(ended);
            }
            person.unlock(scene, &ended.text());
            self.unlocked = person.unlocked;
            if ended.code() == Some(4) {
                self.asked += 1;
                person.answer(scene, case, &ended.text());
                self.found = person.imported.len();
            }
            let next = next(&ended);
            if matches!(next, Next::Over) {
                return Ok(ended);
            }
            let strike = strikes.next();
            alone += u32::from(strike.is_none());
            if alone == ATTEMPTS + 1 {
                self.by_hand(scene, &ended);
            } else if alone > 2 * ATTEMPTS {
                return Ok(ended);
            }
            let running = if matches!(next, Next::Begin) {
                self.begun_again += 1;
                scene.failover(case)?
            } else {
                self.resumptions += 1;
                scene.resume(case, &person.flags())?
            };
            ended = self.attend(case, running, strike);
        }
    }

    /// Does what a person would have to, so that the rest of the case can be judged.
    fn by_hand(&mut self, scene: &Scene, ended: &Ended) {
        let said = ended.text();
        let why = said.lines().rev().find(|line| line.starts_with("error")).unwrap_or_default();
        let unlocked = scene.backend.unlock();
        self.verdict.add(Broken::Stuck, format!("unlocked by hand: {unlocked:?}; {why}"));
    }

    /// Stays with a drctl until it ends, or is killed.
    fn attend(&mut self, case: &Case, mut running: Running, strike: Option<Strike>) -> Ended {
        let before = case.length();
        let struck = strike.and_then(|strike| strike.at(case, &mut running, before));
        self.struck.extend(struck);
        running.wait(case)
    }

    /// Judges how it ended.
    pub(crate) fn close(
        &mut self,
        scene: &Scene,
        case: &Case,
        ended: &Ended,
        undisturbed: &Undisturbed,
        primary: &crate::check::Primary,
    ) -> io::Result<()> {
        let is_well = ended.code().is_some_and(|code| WELL.contains(&code))
            || ended.text().contains("came to its end");
        if !is_well {
            let said = ended.text();
            let last = said.lines().rfind(|line| !line.trim().is_empty());
            let text = format!("ended with {:?}: {}", ended.code(), last.unwrap_or_default());
            self.verdict.add(Broken::Stuck, text);
        }
        if let Some(cuts) = self.cut.filter(|cuts| *cuts != scene.cuts()) {
            let text =
                format!("the command was done after {cuts} run(s), and {} came", scene.cuts());
            self.verdict.add(Broken::Repeated, text);
        }
        let judged = undisturbed.judge(scene, case, primary)?;
        self.verdict.broken.extend(judged.broken);
        self.verdict.reported = judged.reported;
        Ok(())
    }
}

/// What is to be done after a drctl that ended like this.
fn next(ended: &Ended) -> Next {
    let text = ended.text();
    let nothing = ["Begin it anew", "there is no run", "is empty", "ended before anything"];
    match ended.code() {
        Some(code) if WELL.contains(&code) => Next::Over,
        _ if text.contains("came to its end") => Next::Over,
        Some(2) if nothing.iter().any(|words| text.contains(words)) => Next::Begin,
        _ => Next::Resume,
    }
}

/// Whether an event says that the command is done.
fn is_cut(event: &Value) -> bool {
    event["event"] == "step_finished"
        && event["step"] == "cutover"
        && event["outcome"]["is"] == "done"
}

/// What an undisturbed run is like: how it ends, how many lines it writes, and how long it takes.
pub(crate) fn undisturbed(scene: &mut Scene) -> io::Result<(Undisturbed, usize, Duration)> {
    let mut ends = Vec::new();
    let (mut lines, mut time) = (0, Duration::ZERO);
    let mut made = Vec::new();
    for _ in 0..2 {
        let mut case = scene.case()?;
        let began = Instant::now();
        let ended = scene.failover(&mut case)?.wait(&case);
        if ended.code() != Some(0) {
            return Err(io::Error::other(format!("an undisturbed run fails: {}", ended.text())));
        }
        (lines, time) = (case.length(), began.elapsed());
        ends.push(scene.states(&case));
        made = scene.made();
        case.remove()?;
    }
    Ok((Undisturbed::of(&ends[0], &ends[1], &made), lines, time))
}
