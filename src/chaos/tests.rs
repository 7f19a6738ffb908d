//! Groups that do as they are told, on virtual time.

use super::{
    kills::{Entry, Fate, Kills, KillsWriter, Line, path_in},
    schedule::{Dice, Past},
    *,
};
use crate::{
    model::{
        verdict::{Doubt, Verdict},
        window::Window,
    },
    runbook::{ChaosGroup, Target},
};
use async_trait::async_trait;
use std::{fs, path::PathBuf, sync::Mutex, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const DICE: Dice<'static> = Dice { seed: 1, service: "shop" };

/// A group as it looks from some times after the kill on; `None` when it does not answer.
struct Scripted {
    script: Vec<(u64, Option<Vec<Member>>)>,
    killed: Mutex<Option<Instant>>,
    refuses: bool,
    /// Where the kills are written down, which is looked at when one is done.
    file: Option<PathBuf>,
    simulated: bool,
}

impl Scripted {
    /// Who is there: `name`, `name!` for one that does not work, `name+` for one started anew.
    fn new(script: &[(u64, &str)]) -> Self {
        let at = |(ms, who): &(u64, &str)| (*ms, (*who != "?").then(|| members(who)));
        Self {
            script: script.iter().map(at).collect(),
            killed: Mutex::new(None),
            refuses: false,
            file: None,
            simulated: false,
        }
    }
}

fn members(who: &str) -> Vec<Member> {
    let one = |word: &str| {
        let name = word.trim_end_matches(['!', '+']);
        let healthy = !word.ends_with('!');
        Member {
            name: name.to_owned(),
            id: name.to_owned(),
            start: if word.contains('+') { "second" } else { "first" }.to_owned(),
            healthy,
            state: if healthy { "running" } else { "down" }.to_owned(),
        }
    };
    who.split_whitespace().map(one).collect()
}

#[async_trait]
impl Fleet for Scripted {
    async fn members(&self) -> Result<Vec<Member>, FleetError> {
        let passed = self.killed.lock().unwrap().map_or(0, |at| at.elapsed().as_millis() as u64);
        let now = self.script.iter().rev().find(|(ms, _)| *ms <= passed);
        match now.and_then(|(_, who)| who.clone()) {
            Some(members) => Ok(members),
            None => Err(FleetError::Simulated("no answer".to_owned())),
        }
    }

    async fn kill(&self, member: &Member) -> Result<(), FleetError> {
        if let Some(file) = &self.file {
            let told = fs::read_to_string(file).unwrap();
            assert!(told.contains("will_kill") && told.contains(&member.name), "{told}");
        }
        if self.refuses {
            return Err(FleetError::Changed(member.name.clone()));
        }
        *self.killed.lock().unwrap() = Some(Instant::now());
        Ok(())
    }

    fn is_simulated(&self) -> bool {
        self.simulated
    }
}

/// Takes a while, and may fail.
struct Program(u64, Result<(), String>);

#[async_trait]
impl Reapply for Program {
    async fn reapply(&self, _: Duration, _: &CancellationToken) -> Result<(), String> {
        sleep(Duration::from_millis(self.0)).await;
        self.1.clone()
    }
}

/// Kills `web-1` and watches with an objective of 20 s.
async fn watch(
    script: &[(u64, &str)],
    reapply: Option<&dyn Reapply>,
    stop: &CancellationToken,
) -> (String, Verdict) {
    let fleet = Scripted::new(script);
    let before = members("web-1 web-2");
    let began = fleet.now();
    fleet.kill(&before[0]).await.unwrap();
    let back_within = Duration::from_secs(20);
    let back = Back {
        fleet: &fleet,
        before: &before,
        victim: &before[0],
        began,
        back_within,
        reapply,
        stop,
    };
    let outcome = back.watch().await;
    let noticed = outcome.noticed_after_ms.map_or("never".to_owned(), |ms| format!("{ms}"));
    (format!("down at {noticed}, {}", sentence(&outcome)), outcome.verdict(back_within))
}

async fn watched(script: &[(u64, &str)]) -> (String, Verdict) {
    watch(script, None, &CancellationToken::new()).await
}

#[tokio::test(start_paused = true)]
async fn one_that_is_started_anew_is_back() {
    let (said, verdict) =
        watched(&[(0, "web-1 web-2"), (400, "web-1! web-2"), (1_300, "web-1+ web-2")]).await;
    assert_eq!(said, "down at 500, whole again after 1.5s, restarted in place");
    assert_eq!(verdict, Verdict::Met { spare_ms: 18_500 });
    // Nobody saw it down.
    let (said, _) = watched(&[(0, "web-1+ web-2")]).await;
    assert_eq!(said, "down at 0, whole again after 0.0s, restarted in place");
}

#[tokio::test(start_paused = true)]
async fn one_that_another_stands_in_for_is_back_also_while_it_dies() {
    let script =
        [(0, "web-1! web-2"), (2_000, "web-1! web-2 web-3!"), (30_000, "web-1! web-2 web-3")];
    let (said, verdict) = watched(&script).await;
    assert_eq!(said, "down at 0, whole again after 30.0s, replaced by web-3");
    assert_eq!(verdict, Verdict::Missed { over_ms: 10_000 });
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_and_goes_is_not_back_until_it_stays() {
    let script = [
        (0, "web-1! web-2"),
        (1_000, "web-1+ web-2"),
        (1_100, "web-1+! web-2"),
        (5_000, "web-1+ web-2"),
    ];
    let (said, _) = watched(&script).await;
    assert_eq!(said, "down at 0, whole again after 5.0s, restarted in place");
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_come_back_is_waited_for_and_given_up() {
    let (said, verdict) = watched(&[(0, "web-1! web-2")]).await;
    assert_eq!(said, "down at 0, not whole again after 1m00.0s");
    assert_eq!(verdict, Verdict::Missed { over_ms: 40_000 });
    // Killed, and alive: whatever ended was not it.
    let (said, verdict) = watched(&[(0, "web-1 web-2")]).await;
    assert_eq!(said, "down at never, not whole again after 1m00.0s");
    assert!(matches!(verdict, Verdict::Missed { .. }));
}

#[tokio::test(start_paused = true)]
async fn it_is_re_applied_after_its_objective_and_has_missed_it() {
    let script = [(0, "web-2"), (25_000, "web-2 web-9")];
    let stop = CancellationToken::new();
    let (said, verdict) = watch(&script, Some(&Program(7_000, Ok(()))), &stop).await;
    assert_eq!(
        said,
        "down at 0, whole again after 25.0s, replaced by web-9, re-applied after 20.0s"
    );
    assert_eq!(verdict, Verdict::Missed { over_ms: 5_000 });

    let failing = Program(1_000, Err("`terraform` failed with exit code 1".to_owned()));
    let (said, verdict) = watch(&[(0, "web-2")], Some(&failing), &stop).await;
    assert_eq!(
        said,
        "down at 0, not whole again after 1m20.0s, and re-applying failed after 20.0s: `terraform` failed with exit code 1"
    );
    assert_eq!(verdict, Verdict::Missed { over_ms: 60_000 });
    // One that is back in time needs nothing.
    let (said, _) = watch(&[(0, "web-2"), (19_000, "web-2 web-9")], Some(&failing), &stop).await;
    assert_eq!(said, "down at 0, whole again after 19.0s, replaced by web-9");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_not_answered_says_nothing() {
    let script =
        [(0, "web-2"), (1_000, "?"), (3_000, "web-2 web-3"), (3_100, "?"), (4_000, "web-2 web-3")];
    let (said, _) = watched(&script).await;
    assert_eq!(said, "down at 0, whole again after 3.0s, replaced by web-3");
    let (said, verdict) = watched(&[(0, "?")]).await;
    assert_eq!(said, "down at never, not whole again after 1m00.0s");
    assert_eq!(verdict, Verdict::Unproven { why: Doubt::NotVerified });
}

#[tokio::test(start_paused = true)]
async fn watching_is_broken_off_with_what_is_known() {
    let stop = CancellationToken::new();
    let later = stop.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(4)).await;
        later.cancel();
    });
    let (said, verdict) = watch(&[(0, "web-1! web-2")], None, &stop).await;
    assert_eq!(said, "down at 0, not whole again after 4.0s when it was interrupted");
    assert_eq!(verdict, Verdict::Unproven { why: Doubt::NotEnded });
}

fn group(except: &[&str]) -> ChaosGroup {
    ChaosGroup {
        name: "web".to_owned(),
        target: Target::Docker { label: "app=web".to_owned(), context: None },
        mean_days: 5.0,
        min_days: 1,
        back_within: Duration::from_secs(20),
        except: except.iter().map(|name| (*name).to_owned()).collect(),
        hours: Window::Once { from: jiff::Timestamp::MIN, until: jiff::Timestamp::MAX },
        reapply: None,
    }
}

struct Objects(Option<&'static str>);

#[async_trait]
impl Guard for Objects {
    async fn objection(&self) -> Option<String> {
        self.0.map(str::to_owned)
    }
}

/// Strikes, and returns what came of it in a line, and what was written down.
async fn strike(
    mut fleet: Scripted,
    group: &ChaosGroup,
    objection: Option<&'static str>,
) -> (String, Kills) {
    let home = tempfile::tempdir().unwrap();
    let path = path_in(home.path());
    fleet.file = Some(path.clone());
    let mut kills = KillsWriter::open(&path).unwrap().unwrap();
    let guards: Vec<Box<dyn Guard>> = vec![Box::new(Objects(None)), Box::new(Objects(objection))];
    let strike = Strike {
        group,
        fleet: &fleet,
        dice: DICE,
        past: Past::default(),
        guards: &guards,
        reapply: None,
        at_once: false,
        stop: &CancellationToken::new(),
    };
    let said = match strike.carry_out(&mut kills, &|_| {}).await.unwrap() {
        Struck::Spared { why } => format!("spared: {why}"),
        Struck::Unasked(error) => format!("not asked: {error}"),
        Struck::Failed { member, error } => format!("{member} failed: {error}"),
        Struck::Ended { member, outcome, .. } => format!("{member} {}", sentence(&outcome)),
    };
    assert_eq!(fleet.killed.lock().unwrap().is_some(), said.starts_with("web-2 whole"), "{said}");
    (said, Kills::read(&path).unwrap())
}

#[tokio::test(start_paused = true)]
async fn only_one_of_a_whole_group_is_killed_and_never_one_that_is_excepted() {
    let whole = [(0, "db web-1 web-2"), (1, "db web-1 web-2! web-3")];
    let only_web_2 = group(&["db", "web-1"]);
    let (said, kills) = strike(Scripted::new(&whole), &only_web_2, None).await;
    assert_eq!(said, "web-2 whole again after 0.2s, replaced by web-3");
    let [kill] = &kills.all[..] else { panic!("{kills:?}") };
    assert_eq!((kill.intent.member.as_str(), kill.intent.members), ("web-2", 3));
    assert!(
        matches!(kill.fate, Fate::Ended(_)) && matches!(kill.verdict(), Some(Verdict::Met { .. }))
    );
    assert_eq!(kills.past("shop", "web").kills, 1);
    assert_eq!(kills.past("shop", "db"), Past::default());

    let mut said = Vec::new();
    for (who, group, objection) in [
        ("web-1 web-2", group(&[]), Some("a failover is running")),
        ("web-1 web-2!", group(&[]), None),
        ("", group(&[]), None),
        ("web-1 web-2", group(&["web-*"]), None),
        ("?", group(&[]), None),
    ] {
        let (line, kills) = strike(Scripted::new(&[(0, who)]), &group, objection).await;
        assert_eq!(kills, Kills::default());
        said.push(line);
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    spared: a failover is running
    spared: it is not whole: web-2 is down
    spared: there is nobody in it
    spared: all of its members are excepted
    not asked: no answer
    ");
    // Nothing speaks against killing what is not real.
    let simulated = Scripted { simulated: true, ..Scripted::new(&whole) };
    let (said, _) = strike(simulated, &only_web_2, Some("a failover is running")).await;
    assert!(said.starts_with("web-2 whole again"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_kill_that_failed_is_written_down_and_counts() {
    let refuses = Scripted { refuses: true, ..Scripted::new(&[(0, "web-1")]) };
    let (said, kills) = strike(refuses, &group(&[]), None).await;
    assert_eq!(said, "web-1 failed: `web-1` is no longer what it was when it was chosen");
    assert!(matches!(&kills.all[..], [kill] if matches!(kill.fate, Fate::Failed(_))), "{kills:?}");
    assert_eq!(kills.past("shop", "web").kills, 1);
}

#[test]
fn half_a_line_is_left_alone_and_only_one_process_writes() {
    let home = tempfile::tempdir().unwrap();
    let path = path_in(home.path());
    let line = |kill: &str, entry| Line {
        kill: kill.parse().unwrap(),
        at: "2026-03-13T10:00:00Z".parse().unwrap(),
        entry,
    };
    let intent = kills::Intent {
        service: "shop".to_owned(),
        group: "web".to_owned(),
        target: "containers app=web".to_owned(),
        member: "web-1".to_owned(),
        members: 2,
        back_within_ms: 20_000,
        simulated: false,
        at_once: true,
    };
    let mut writer = KillsWriter::open(&path).unwrap().unwrap();
    assert!(KillsWriter::open(&path).unwrap().is_none(), "it is open already");
    writer.add(&line("20260313-100000-0001", Entry::WillKill(intent.clone()))).unwrap();
    drop(writer);
    let mut torn = fs::read(&path).unwrap();
    torn.extend_from_slice(b"{\"kill\":\"2026");
    fs::write(&path, torn).unwrap();
    let mut writer = KillsWriter::open(&path).unwrap().unwrap();
    writer.add(&line("20260313-110000-0001", Entry::WillKill(intent))).unwrap();
    writer.add(&line("20260313-110000-0001", Entry::Killed)).unwrap();
    let kills = Kills::read(&path).unwrap();
    let fates: Vec<_> = kills.all.iter().map(|kill| &kill.fate).collect();
    assert_eq!((fates, kills.unreadable), (vec![&Fate::Unknown, &Fate::Unwatched], 1));
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
}
