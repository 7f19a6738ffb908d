//! Many cases, each killed at another moment, and what came of them.

use crate::{
    check::Broken,
    course::{Course, undisturbed},
    scene::{Scene, States},
    strike::{Moment, Strike, Victim, When},
};
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    io,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// A case is not struck more often than this.
const MOST_STRIKES: usize = 4;

/// What is asked of the matrix.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) kills: u32,
    pub(crate) seed: u64,
    pub(crate) jobs: usize,
}

/// What came of the cases whose first kill came at one moment.
#[derive(Clone, Debug, Default)]
struct Row {
    /// All kills at that moment, by their victim.
    kills: BTreeMap<Victim, u32>,
    cases: u32,
    resumptions: u32,
    broken: BTreeMap<Broken, u32>,
    reported: usize,
}

/// What came of all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    rows: BTreeMap<Moment, Row>,
    cases: u32,
    begun_again: u32,
    asked: u32,
    unlocked: usize,
    /// One line for each thing that did not hold.
    pub(crate) broken: Vec<String>,
    took: Duration,
}

impl Tally {
    fn kills(&self) -> u32 {
        self.rows.values().flat_map(|row| row.kills.values()).sum()
    }

    fn add(&mut self, course: &Course, name: &str) {
        self.cases += 1;
        self.begun_again += course.begun_again;
        self.asked += course.asked;
        self.unlocked += course.unlocked;
        for struck in &course.struck {
            *self.rows.entry(struck.moment).or_default().kills.entry(struck.victim).or_default() +=
                1;
        }
        if let Some(first) = course.struck.first() {
            let row = self.rows.entry(first.moment).or_default();
            row.cases += 1;
            row.resumptions += course.resumptions;
            row.reported += course.found + course.verdict.reported;
            for (broken, _) in &course.verdict.broken {
                *row.broken.entry(*broken).or_default() += 1;
            }
        }
        let struck: Vec<String> =
            course.struck.iter().map(|s| format!("{} at `{}`", s.victim, s.moment)).collect();
        for (broken, text) in &course.verdict.broken {
            self.broken.push(format!("{name}: {broken}: {text} (killed: {})", struck.join(", ")));
        }
    }
}

/// Kills failovers until there were as many kills as asked for. What is told of each case goes to
/// standard error; cases in which something did not hold leave their folders in `root`.
pub(crate) fn run(asked: &Asked, root: &Path, drctl: &Path) -> io::Result<Tally> {
    let began = Instant::now();
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        let tally = &tally;
        let workers: Vec<_> = (0..asked.jobs)
            .map(|worker| scope.spawn(move || work(worker, asked, root, drctl, tally)))
            .collect();
        workers.into_iter().try_for_each(|w| {
            w.join().unwrap_or_else(|_| Err(io::Error::other("a worker of the matrix panicked")))
        })
    })?;
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.took = began.elapsed();
    Ok(tally)
}

fn work(
    worker: usize,
    asked: &Asked,
    root: &Path,
    drctl: &Path,
    tally: &Mutex<Tally>,
) -> io::Result<()> {
    let (states, name) = match worker % 2 {
        0 => (States::Own, "own"),
        _ => (States::Declared, "declared"),
    };
    let mut scene = Scene::new(&root.join(format!("{name}-{worker}")), states, drctl)?;
    let (undisturbed, lines, time) = undisturbed(&mut scene)?;
    let mut random = fastrand::Rng::with_seed(asked.seed.wrapping_add(worker as u64));
    let mut firsts = boundaries(lines, worker / 2, asked.jobs.div_ceil(2), &mut random);
    for number in 1.. {
        if locked(tally).kills() >= asked.kills {
            break;
        }
        let strikes = strikes(&mut firsts, &mut random, lines, time);
        let mut case = scene.case()?;
        let course = Course::run(&scene, &mut case, &strikes, &undisturbed)?;
        let name = format!("{name}-{worker}/case {number}");
        let mut tally = locked(tally);
        tally.add(&course, &name);
        tell(&name, &course, tally.kills(), &case.dir);
        drop(tally);
        if course.verdict.broken.is_empty() {
            case.remove()?;
        }
    }
    Ok(())
}

fn locked(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every line of the journal of an undisturbed run, each with another victim, in a random order;
/// then each with the next victim. `nth` of `of` workers has a share of them.
fn boundaries(
    lines: usize,
    nth: usize,
    of: usize,
    random: &mut fastrand::Rng,
) -> impl Iterator<Item = Strike> + use<> {
    let mut order: Vec<usize> = (1..=lines).filter(|line| line % of == nth).collect();
    random.shuffle(&mut order);
    let turn = random.usize(..Victim::ALL.len());
    (0..Victim::ALL.len()).flat_map(move |pass| {
        order.clone().into_iter().enumerate().map(move |(n, line)| {
            let victim = Victim::ALL[(n + pass + turn) % Victim::ALL.len()];
            Strike { victim, when: When::Line(line) }
        })
    })
}

/// Returns how a case is struck: at a boundary first, then now and then at any moment.
fn strikes(
    firsts: &mut impl Iterator<Item = Strike>,
    random: &mut fastrand::Rng,
    lines: usize,
    time: Duration,
) -> Vec<Strike> {
    let first = firsts.next().unwrap_or_else(|| Strike::draw(random, lines, time));
    let mut strikes = vec![first];
    while strikes.len() < MOST_STRIKES && random.bool() {
        strikes.push(Strike::draw(random, lines, time));
    }
    strikes
}

#[expect(clippy::print_stderr, reason = "what a case did is told while others go on")]
fn tell(name: &str, course: &Course, kills: u32, dir: &Path) {
    let struck: Vec<String> =
        course.struck.iter().map(|s| format!("{} at `{}`", s.victim, s.moment)).collect();
    let mut text = format!("{kills:>4} {name}: {}", struck.join(", "));
    let _ = write!(text, "; {} resumed", course.resumptions);
    if course.unlocked > 0 {
        let _ = write!(text, ", {} lock(s) named", course.unlocked);
    }
    if course.asked > 0 {
        let _ = write!(text, ", asked {} time(s)", course.asked);
    }
    if course.found + course.verdict.reported > 0 {
        let _ = write!(
            text,
            ", {} orphan(s) named and taken in, {} named and left",
            course.found, course.verdict.reported
        );
    }
    for (broken, what) in &course.verdict.broken {
        let _ = write!(
            text,
            "\n     {}: {what}\n     {}",
            broken.to_string().to_uppercase(),
            dir.display()
        );
    }
    eprintln!("{text}");
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<26} {:>6} {:>6} {:>10} {:>10} {:>6} {:>6} {:>6} {:>8} {:>9} {:>6}",
            "first kill came at",
            "kills",
            "drctl",
            "with its",
            "terraform",
            "all",
            "cases",
            "lost",
            "doubled",
            "orphans",
            "other"
        )?;
        writeln!(
            f,
            "{:<26} {:>6} {:>6} {:>10} {:>10} {:>6} {:>6} {:>6} {:>8} {:>9} {:>6}",
            "", "", "alone", "terraform", "alone", "at once", "", "", "", "reported", ""
        )?;
        let mut total = Row::default();
        for (moment, row) in &self.rows {
            row_of(f, &moment.to_string(), row)?;
            total.add(row);
        }
        row_of(f, "all", &total)?;
        writeln!(
            f,
            "\n{} kills in {} cases, {} resumptions; {} times there was nothing to resume and the failover was begun again; {} times a person was asked about what a broken apply had left, and {} locks of the declared backend were named for a person to take away; {:.0} s",
            self.kills(),
            self.cases,
            total.resumptions,
            self.begun_again,
            self.asked,
            self.unlocked,
            self.took.as_secs_f64()
        )
    }
}

impl Row {
    fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.resumptions += other.resumptions;
        self.reported += other.reported;
        for (victim, kills) in &other.kills {
            *self.kills.entry(*victim).or_default() += kills;
        }
        for (broken, count) in &other.broken {
            *self.broken.entry(*broken).or_default() += count;
        }
    }
}

fn row_of(f: &mut fmt::Formatter<'_>, name: &str, row: &Row) -> fmt::Result {
    let kills = |victim| row.kills.get(&victim).copied().unwrap_or_default();
    let broken = |broken| row.broken.get(&broken).copied().unwrap_or_default();
    let (lost, doubled) = (broken(Broken::Lost), broken(Broken::Doubled));
    let other = row.broken.values().sum::<u32>() - lost - doubled;
    writeln!(
        f,
        "{name:<26} {:>6} {:>6} {:>10} {:>10} {:>6} {:>6} {lost:>6} {doubled:>8} {:>9} {other:>6}",
        row.kills.values().sum::<u32>(),
        kills(Victim::Drctl),
        kills(Victim::Both),
        kills(Victim::Terraform),
        kills(Victim::Tree),
        row.cases,
        row.reported,
    )
}
