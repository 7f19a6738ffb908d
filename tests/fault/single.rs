//! Single cases: what breaks that is not a kill.

use crate::{
    check::{Broken, Undisturbed, Verdict},
    course::{Course, undisturbed},
    processes,
    scene::{Case, Ended, Running, Scene, States},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::{
    io,
    path::Path,
    thread::{self, sleep},
    time::Duration,
};

/// What a case says of itself when it could not be tried here.
pub(crate) const NOT_HERE: &str = "not tried here: ";

/// How a single case is run: it says what there is to say beside the verdict.
type Run = fn(&mut Bed, &mut Verdict) -> io::Result<String>;

/// A single case.
struct Single {
    name: &'static str,
    states: States,
    /// Only when it is asked for by its name.
    long: bool,
    run: Run,
}

const SINGLES: [Single; 14] = [
    single("torn", States::Own, crate::disk::torn),
    single("full", States::Own, crate::disk::full),
    single("clock", States::Own, crate::disk::clock),
    single("provider", States::Own, provider),
    single("provider-declared", States::Declared, provider),
    single("backend", States::Declared, backend),
    single("int", States::Own, |bed, verdict| signalled(bed, verdict, Signal::SIGINT, 1)),
    single("int-twice", States::Own, |bed, verdict| signalled(bed, verdict, Signal::SIGINT, 2)),
    single("term", States::Declared, |bed, verdict| signalled(bed, verdict, Signal::SIGTERM, 1)),
    single("term-twice", States::Declared, |bed, verdict| {
        signalled(bed, verdict, Signal::SIGTERM, 2)
    }),
    single("hup", States::Own, |bed, verdict| signalled(bed, verdict, Signal::SIGHUP, 1)),
    single("hup-twice", States::Own, |bed, verdict| signalled(bed, verdict, Signal::SIGHUP, 2)),
    // The last, since its slowness lasts a while.
    single("hang-short", States::Own, |bed, verdict| hang(bed, verdict, 6)),
    Single { long: true, ..single("hang", States::Own, |bed, verdict| hang(bed, verdict, 600)) },
];

const fn single(name: &'static str, states: States, run: Run) -> Single {
    Single { name, states, long: false, run }
}

/// A scene, and what undisturbed runs of it are like.
pub(crate) struct Bed {
    pub(crate) scene: Scene,
    undisturbed: Undisturbed,
}

/// What came of a single case.
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) said: String,
    pub(crate) broken: Vec<(Broken, String)>,
}

/// Whether `only` names a single case.
pub(crate) fn is_one(only: &str) -> bool {
    SINGLES.iter().any(|single| single.name == only)
}

/// The names of all.
pub(crate) fn names() -> Vec<&'static str> {
    SINGLES.iter().map(|single| single.name).collect()
}

/// Runs the one that is asked for, or all but the long ones; those of each kind of states after
/// each other.
pub(crate) fn run(only: Option<&str>, root: &Path, drctl: &Path) -> io::Result<Vec<Told>> {
    let wanted = |single: &&Single| only.map_or(!single.long, |only| single.name == only);
    let of = |states: States, name: &str| -> io::Result<Vec<Told>> {
        let singles: Vec<&Single> =
            SINGLES.iter().filter(|s| s.states == states).filter(wanted).collect();
        if singles.is_empty() {
            return Ok(Vec::new());
        }
        let mut scene = Scene::new(&root.join(name), states, drctl)?;
        let (undisturbed, _, _) = undisturbed(&mut scene)?;
        let mut bed = Bed { scene, undisturbed };
        singles.into_iter().map(|single| single.tell(&mut bed)).collect()
    };
    thread::scope(|scope| {
        let own = scope.spawn(|| of(States::Own, "single-own"));
        let mut told = of(States::Declared, "single-declared")?;
        let own = own.join().unwrap_or_else(|_| Err(io::Error::other("a single case panicked")))?;
        told.splice(..0, own);
        Ok(told)
    })
}

impl Single {
    #[expect(clippy::print_stderr, reason = "what a case did is told while others go on")]
    fn tell(&self, bed: &mut Bed) -> io::Result<Told> {
        let mut verdict = Verdict::default();
        let said = (self.run)(bed, &mut verdict)?;
        eprintln!("     {}: {said}", self.name);
        for (broken, text) in &verdict.broken {
            eprintln!("     {}: {text}", broken.to_string().to_uppercase());
        }
        Ok(Told { name: self.name, said, broken: verdict.broken })
    }
}

impl Bed {
    /// Starts a failover in a new case, and returns when the journal has an event like `event`.
    pub(crate) fn until(&mut self, event: impl Fn(&Value) -> bool) -> io::Result<(Case, Running)> {
        let mut case = self.scene.case()?;
        let mut running = self.scene.failover(&mut case)?;
        while !running.is_over() && !case.lines().iter().any(&event) {
            sleep(Duration::from_millis(1));
        }
        Ok((case, running))
    }

    /// Goes on with a case until it ends, and judges it. Says how often it was gone on with.
    pub(crate) fn finish(
        &self,
        case: &mut Case,
        ended: Ended,
        verdict: &mut Verdict,
    ) -> io::Result<String> {
        let primary = self.scene.primary()?;
        let mut course = Course::default();
        let ended = course.go_on(&self.scene, case, ended, &mut std::iter::empty())?;
        course.close(&self.scene, case, &ended, &self.undisturbed, &primary)?;
        verdict.broken.append(&mut course.verdict.broken);
        let mut said = format!("{} resumption(s)", course.resumptions + course.begun_again);
        if course.unlocked > 0 {
            said += &format!(", {} lock(s) named", course.unlocked);
        }
        if course.asked > 0 {
            said += &format!(", asked {} time(s)", course.asked);
        }
        let orphans = course.found + course.verdict.reported;
        if orphans > 0 {
            said += &format!(", {orphans} orphan(s) reported");
        }
        Ok(said)
    }
}

/// Whether an event is the start of a resource whose address ends like this.
fn starts(address: &str) -> impl Fn(&Value) -> bool {
    move |event| {
        event["event"] == "resource_started"
            && event["address"].as_str().is_some_and(|found| found.ends_with(address))
    }
}

/// The provider's process dies in the middle of an apply, and is started again.
fn provider(bed: &mut Bed, verdict: &mut Verdict) -> io::Result<String> {
    let (mut case, running) = bed.until(starts("network-gate"))?;
    bed.scene.cloud.crash();
    sleep(Duration::from_millis(500));
    bed.scene.cloud.answer();
    let ended = running.wait(&case);
    let code = ended.code();
    let said = bed.finish(&mut case, ended, verdict)?;
    Ok(format!("drctl ended with {code:?}; {said}"))
}

/// The backend hangs up in the middle of an apply, and is back when drctl has given up.
fn backend(bed: &mut Bed, verdict: &mut Verdict) -> io::Result<String> {
    let (mut case, running) = bed.until(starts("network-gate"))?;
    bed.scene.backend.set_gone(true);
    let ended = running.wait(&case);
    bed.scene.backend.set_gone(false);
    let code = ended.code();
    let said = bed.finish(&mut case, ended, verdict)?;
    Ok(format!("drctl ended with {code:?}; {said}"))
}

/// One resource takes `seconds`, which is waited for.
fn hang(bed: &mut Bed, verdict: &mut Verdict, seconds: u64) -> io::Result<String> {
    // A creation takes 30 ms.
    let factor = seconds as f64 * 1_000.0 / 30.0;
    let mut case = bed.scene.case()?;
    let until_ms = 60_000;
    bed.scene.cloud.play(json!({"slow": [{"on": {"address": "aws_subnet.network-a", "operations": ["create"]}, "factor": factor, "until_ms": until_ms}]}));
    let running = bed.scene.failover(&mut case)?.patient(Duration::from_secs(seconds + 120));
    let ended = running.wait(&case);
    let code = ended.code();
    if code != Some(0) {
        verdict.add(Broken::Stuck, format!("a resource that takes {seconds} s was not waited for"));
    }
    let took = case.lines().last().and_then(|event| event["elapsed_ms"].as_u64()).unwrap_or(0);
    if took < seconds * 1_000 {
        verdict.add(Broken::Lost, format!("nothing hung: the run took {took} ms"));
    }
    let said = bed.finish(&mut case, ended, verdict)?;
    Ok(format!("a creation of {seconds} s; drctl ended with {code:?}; {said}"))
}

/// drctl is asked to end, once or `times`, in the middle of an apply.
fn signalled(
    bed: &mut Bed,
    verdict: &mut Verdict,
    signal: Signal,
    times: u32,
) -> io::Result<String> {
    let (mut case, running) = bed.until(starts("network-gate"))?;
    for _ in 0..times {
        processes::signal(running.id(), signal);
        sleep(Duration::from_millis(15));
    }
    let ended = running.wait(&case);
    let code = ended.code();
    if code != Some(5) {
        verdict.add(Broken::Stuck, format!("ended with {code:?} and not with 5"));
    }
    let said = bed.finish(&mut case, ended, verdict)?;
    Ok(format!("drctl ended with {code:?}; {said}"))
}
