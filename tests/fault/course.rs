//! The course of a case: begun, killed, gone on with until it ends.

use crate::{
    check::{Broken, Undisturbed, Verdict, judge_journal},
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
    /// How often a yes was asked for a change of what a broken apply had left.
    pub(crate) asked: u32,
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
        let (mut ended, mut accepted, mut alone) = (ended, Vec::new(), 0);
        loop {
            judge_journal(case, false, &mut self.verdict);
            if self.cut.is_none() && case.lines().iter().any(is_cut) {
                self.cut = Some(scene.cuts());
            }
            if ended.status.is_none() {
                self.verdict.add(Broken::Stuck, "drctl did not end");
                return Ok(ended);
            }
            let next = self.next(&ended, &mut accepted);
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
                scene.resume(case, &accepted)?
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

    fn next(&mut self, ended: &Ended, accepted: &mut Vec<String>) -> Next {
        let text = ended.text();
        match ended.code() {
            Some(code) if WELL.contains(&code) => return Next::Over,
            Some(4) => {
                let digest = text.split("--accept-changes ").nth(1).and_then(|rest| rest.get(..12));
                if let Some(digest) = digest {
                    self.asked += 1;
                    accepted.push(digest.to_owned());
                }
            }
            _ => {}
        }
        let came_to_its_end = text.contains("came to its end");
        let nothing = ["Begin it anew", "there is no run", "is empty", "ended before anything"];
        match () {
            () if came_to_its_end => Next::Over,
            () if ended.code() == Some(2) && nothing.iter().any(|words| text.contains(words)) => {
                Next::Begin
            }
            () => Next::Resume,
        }
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
            let last = said.lines().filter(|line| !line.trim().is_empty()).next_back();
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
