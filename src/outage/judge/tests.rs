use super::*;
use jiff::SignedDuration;

/// Seconds after some boot, with a wall clock that is ahead by some.
struct At(Moment, &'static str);

impl Clock for At {
    fn steady(&self) -> Moment {
        self.0 * 1_000
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_second(1_773_460_000).unwrap() + SignedDuration::from_secs(self.0)
    }
    fn boot(&self) -> &str {
        self.1
    }
}

fn questions() -> Vec<Question> {
    let question = |name: &str| Question {
        name: name.to_owned(),
        role: Role::Service,
        down_after: 3,
        up_after: 3,
        interval_ms: 5_000,
        timeout_ms: 2_000,
    };
    vec![question("front"), question("api")]
}

/// Lets both probes answer at each of these seconds.
fn answers(judge: &mut Judge, seconds: impl IntoIterator<Item = Moment>, why: Why) -> Vec<Change> {
    let mut changes = Vec::new();
    for second in seconds {
        let at = second * 1_000;
        let seen = Seen { asked: at, answered: at + 10, why, detail: String::new(), warning: None };
        let wall = At(second, "").wall();
        (0..2).for_each(|probe| changes.extend(judge.take(probe, &seen, wall)));
    }
    changes
}

fn began(changes: &[Change]) -> Option<Moment> {
    changes.iter().find_map(|change| match change {
        Change::Began(outage) => Some(outage.began),
        _ => None,
    })
}

#[test]
fn whenever_it_is_restarted_the_outage_began_with_the_first_failed_probe() {
    for restarted_at in 21..28 {
        let mut judge = Judge::new(Rules::default(), questions());
        answers(&mut judge, [0, 5, 10, 15], Why::Ok);
        let mut changes = answers(&mut judge, 20..restarted_at, Why::Refused);
        let kept = serde_json::to_string(&judge.keep(&At(restarted_at, "a"))).unwrap();

        let clock = At(restarted_at + 4, "a");
        let kept = serde_json::from_str(&kept).unwrap();
        let mut judge = Judge::resume(Rules::default(), questions(), kept, &clock);
        changes.extend(answers(&mut judge, restarted_at + 4..restarted_at + 10, Why::Refused));
        assert_eq!(began(&changes), Some(20_000), "{restarted_at}");
        let once = changes.iter().filter(|c| matches!(c, Change::Began(_))).count();
        assert_eq!(once, 1, "{restarted_at}");
    }
}

#[test]
fn after_a_boot_an_outage_goes_on_where_the_wall_clock_has_it() {
    let mut judge = Judge::new(Rules::default(), questions());
    answers(&mut judge, [100, 105], Why::Ok);
    answers(&mut judge, 110..115, Why::Refused);
    let kept = judge.keep(&At(115, "a"));
    // Booted: steady time begins anew, 30 s later by the wall clock.
    struct Booted;
    impl Clock for Booted {
        fn steady(&self) -> Moment {
            3_000
        }
        fn wall(&self) -> Timestamp {
            At(145, "").wall()
        }
        fn boot(&self) -> &str {
            "b"
        }
    }
    let judge = Judge::resume(Rules::default(), questions(), kept, &Booted);
    assert_eq!(judge.outage().unwrap().began, 3_000 - 35_000);
}

#[test]
fn one_bad_answer_before_a_long_pause_says_nothing_after_it() {
    let mut judge = Judge::new(Rules::default(), questions());
    answers(&mut judge, [0, 5], Why::Ok);
    answers(&mut judge, [10], Why::Refused);
    let kept = judge.keep(&At(11, "a"));
    let mut judge = Judge::resume(Rules::default(), questions(), kept, &At(5_000, "a"));
    let changes = answers(&mut judge, [5_000, 5_002, 5_004], Why::Refused);
    assert_eq!(began(&changes), Some(5_000_000));
}

#[test]
fn what_failed_long_before_is_another_failure() {
    let mut judge = Judge::new(Rules::default(), questions());
    answers(&mut judge, [0, 5], Why::Ok);
    let only = |judge: &mut Judge, probe: usize, second: Moment| {
        let at = second * 1_000;
        let seen =
            Seen { asked: at, answered: at, why: Why::Tls, detail: String::new(), warning: None };
        judge.take(probe, &seen, At(second, "").wall())
    };
    (10..20).for_each(|second| drop(only(&mut judge, 0, second)));
    let changes: Vec<_> = (7_000..7_004).flat_map(|second| only(&mut judge, 1, second)).collect();
    assert_eq!(began(&changes), Some(7_000_000));
}

#[test]
fn planned_maintenance_is_no_outage_and_what_lasts_longer_begins_with_its_end() {
    let wall = |second| At(second, "").wall();
    let window = Window::Once { from: wall(0), until: wall(60) };
    let rules = Rules { maintenance: vec![("patching".to_owned(), window)], ..Rules::default() };
    let mut judge = Judge::new(rules, questions());
    answers(&mut judge, [0, 5], Why::Ok);
    let changes = answers(&mut judge, 10..60, Why::Refused);
    assert_eq!(began(&changes), None);
    let expected = changes.iter().filter(|c| matches!(c, Change::Expected { .. })).count();
    assert_eq!(expected, 1);
    let changes = answers(&mut judge, 60..62, Why::Refused);
    // The last answer inside the window was at 59.010.
    assert_eq!(began(&changes), Some(59_010));
}

#[test]
fn who_was_not_asked_is_neither_up_nor_down() {
    let mut judge = Judge::new(Rules::default(), questions());
    answers(&mut judge, [0, 5], Why::Ok);
    let changes = answers(&mut judge, 10..30, Why::Via);
    assert!(changes.iter().all(|change| matches!(change, Change::Warned { .. })));
    assert_eq!(changes.len(), 2, "each is said once");
    assert!(judge.standings().iter().all(|standing| standing.settled == Settled::Up));
}

#[test]
fn an_outage_ends_with_the_first_good_answer_of_those_that_end_it() {
    let mut judge = Judge::new(Rules::default(), questions());
    answers(&mut judge, [0, 5], Why::Ok);
    answers(&mut judge, 10..20, Why::Status);
    let changes = answers(&mut judge, 20..23, Why::Ok);
    let ended = changes.iter().find_map(|change| match change {
        Change::Ended { ended, .. } => Some(*ended),
        _ => None,
    });
    assert_eq!(ended, Some(20_000));
    assert_eq!(judge.outage(), None);
}
