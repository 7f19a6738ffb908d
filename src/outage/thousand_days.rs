//! A thousand days of outages, half outages, flapping, lost requests and cut lines: what is called an
//! outage, and what is not.

use super::{Change, Control, Judge, Met, Moment, Rules, Scope, Stage, standing::Question};
use crate::{probe::Why, runbook::Role};
use jiff::Timestamp;
use std::{collections::BTreeMap, fmt::Write as _};

const SECOND: Moment = 1_000;
const MINUTE: Moment = 60 * SECOND;
const DAY: Moment = 24 * 60 * MINUTE;

/// How long an outage goes on before more is done than telling, as the runbook has it.
const CONFIRM: Moment = 60 * SECOND;

/// What goes on for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The service does not answer.
    ServiceDown,
    /// Nothing in the primary region answers.
    RegionDown,
    /// Nine of ten requests fail.
    MostlyDown,
    /// Three of ten requests fail, wherever they come from.
    PartlyDown,
    /// All that one probe asks fails.
    OneProbeDown,
    /// What one probe asks is down and up in turn, each for a while.
    OneProbeFlapping,
    /// The service is down for 7 s of every 30 s.
    Hiccups,
    /// Nothing can be reached from here.
    CutOff,
    /// Nothing can be reached from here, and when that is over, the service is down.
    DownBehindCut,
    /// One request in a thousand is lost, which is all that goes on.
    Calm,
}

const EVENTS: [Event; 10] = [
    Event::ServiceDown,
    Event::RegionDown,
    Event::MostlyDown,
    Event::PartlyDown,
    Event::OneProbeDown,
    Event::OneProbeFlapping,
    Event::Hiccups,
    Event::CutOff,
    Event::DownBehindCut,
    Event::Calm,
];

/// Something that went on.
struct Episode {
    event: Event,
    from: Moment,
    until: Moment,
}

impl Episode {
    /// From when on it is an outage that can be seen; `None` when it is none.
    fn outage_from(&self) -> Option<Moment> {
        match self.event {
            Event::ServiceDown | Event::RegionDown | Event::MostlyDown => Some(self.from),
            Event::DownBehindCut => Some(self.cut_until()),
            _ => None,
        }
    }

    fn cut_until(&self) -> Moment {
        self.from + (self.until - self.from) / 3
    }

    fn fails(&self, probe: usize, role: Role, at: Moment, rng: &mut fastrand::Rng) -> bool {
        if !(self.from..self.until).contains(&at) {
            return rng.u32(..1_000) == 0;
        }
        let service = role == Role::Service;
        let second = (at - self.from) / SECOND;
        match self.event {
            Event::ServiceDown => service,
            Event::RegionDown => service || role == Role::Primary,
            Event::MostlyDown => service && rng.u32(..10) < 9,
            Event::PartlyDown => service && rng.u32(..10) < 3,
            Event::OneProbeDown => probe == 0,
            Event::OneProbeFlapping => probe == 0 && second / 40 % 2 == 0,
            Event::Hiccups => service && second % 30 < 7,
            Event::CutOff => true,
            Event::DownBehindCut => at < self.cut_until() || service,
            Event::Calm => rng.u32(..1_000) == 0,
        }
    }
}

fn question(name: &str, role: Role, down_after: u32) -> Question {
    Question {
        name: name.to_owned(),
        role,
        down_after,
        up_after: down_after,
        interval_ms: 5 * SECOND,
        timeout_ms: 2 * SECOND,
    }
}

/// Three probes of the service, two witnesses, two of the region.
fn questions(down_after: u32) -> Vec<Question> {
    let roles = [
        Role::Service,
        Role::Service,
        Role::Service,
        Role::Witness,
        Role::Witness,
        Role::Primary,
        Role::Primary,
    ];
    let each = roles.iter().enumerate();
    each.map(|(n, role)| question(&format!("{n}"), *role, down_after)).collect()
}

/// What came of one kind of event.
#[derive(Default)]
struct Tally {
    episodes: u32,
    alarms: u32,
    false_alarms: u32,
    acts: u32,
    false_acts: u32,
    missed: u32,
    wrong_scope: u32,
    detection: Vec<Moment>,
}

/// Plays 1,000 days with an event every 12 h or so, and counts.
fn days(rules: &Rules, questions: Vec<Question>, seed: u64) -> BTreeMap<Event, Tally> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut judge = Judge::new(rules.clone(), questions);
    let mut tallies: BTreeMap<Event, Tally> = BTreeMap::new();
    let mut at = 0;
    while at < 1_000 * DAY {
        let from = at + rng.i64(1..60) * 60 * MINUTE;
        let until = from + rng.i64(2 * MINUTE..30 * MINUTE);
        let episode = Episode { event: EVENTS[rng.usize(..EVENTS.len())], from, until };
        let tally = tallies.entry(episode.event).or_default();
        go_through(&episode, &mut judge, &mut rng, tally);
        at = until;
    }
    tallies
}

/// What passes from one event to the next with all probes up changes nothing, and is left out.
fn go_through(episode: &Episode, judge: &mut Judge, rng: &mut fastrand::Rng, tally: &mut Tally) {
    let due: Vec<Moment> = judge
        .questions()
        .iter()
        .map(|question| episode.from - MINUTE + rng.i64(0..question.interval_ms))
        .collect();
    tally.episodes += 1;
    let mut audience =
        Audience { episode, rng, tally, seen_after: None, escalated: false, acted: false };
    super::play(judge, due, episode.until + 5 * MINUTE, &mut audience);
    let Audience { seen_after, escalated, .. } = audience;
    if episode.outage_from().is_some() {
        match seen_after {
            Some(after) => tally.detection.push(after),
            None => tally.missed += 1,
        }
        tally.wrong_scope += u32::from(escalated != (episode.event == Event::RegionDown));
    }
}

/// Who looks on while an episode is played, and counts.
struct Audience<'a> {
    episode: &'a Episode,
    rng: &'a mut fastrand::Rng,
    tally: &'a mut Tally,
    seen_after: Option<Moment>,
    escalated: bool,
    acted: bool,
}

impl Stage for Audience<'_> {
    fn ask(&mut self, judge: &Judge, probe: usize, asked: Moment) -> Met {
        let fails = self.episode.fails(probe, judge.questions()[probe].role, asked, self.rng);
        // Half of the failures are not answered at all.
        let took_ms = if fails && self.rng.bool() { DAY } else { self.rng.i64(5..200) };
        Met { why: if fails { Why::Refused } else { Why::Ok }, took_ms }
    }

    fn hear(&mut self, judge: &Judge, answered: Moment, changes: Vec<Change>) -> Control {
        for change in changes {
            match change {
                Change::Began(outage) => {
                    self.tally.alarms += 1;
                    self.escalated |= outage.scope == Scope::Region;
                    self.acted = false;
                    match self.episode.outage_from() {
                        Some(began) if (began..self.episode.until).contains(&answered) => {
                            self.seen_after.get_or_insert(answered - began);
                        }
                        _ => self.tally.false_alarms += 1,
                    }
                }
                Change::Escalated(_) => self.escalated = true,
                _ => {}
            }
        }
        let lasting = judge.outage().is_some_and(|o| answered - o.detected >= CONFIRM);
        if lasting && !self.acted {
            self.acted = true;
            self.tally.acts += 1;
            self.tally.false_acts += u32::from(self.episode.outage_from().is_none());
        }
        Control::Continue
    }

    fn wall(&self, at: Moment) -> Timestamp {
        Timestamp::from_millisecond(1_767_225_600_000 + at).unwrap()
    }
}

fn table(tallies: &BTreeMap<Event, Tally>) -> String {
    let mut text = format!(
        "{:<18}{:>9}{:>8}{:>7}{:>6}{:>7}{:>8}{:>13}{:>22}\n",
        "event",
        "episodes",
        "alarms",
        "false",
        "acts",
        "false",
        "missed",
        "wrong scope",
        "detected, median/max"
    );
    for (event, tally) in tallies {
        let mut times = tally.detection.clone();
        times.sort_unstable();
        let seconds = |ms: Option<&Moment>| {
            ms.map_or(String::new(), |ms| format!("{:.1}s", *ms as f64 / 1e3))
        };
        let (median, most) = (seconds(times.get(times.len() / 2)), seconds(times.last()));
        let detected = if times.is_empty() { String::new() } else { format!("{median} / {most}") };
        let _ = writeln!(
            text,
            "{:<18}{:>9}{:>8}{:>7}{:>6}{:>7}{:>8}{:>13}{:>22}",
            format!("{event:?}"),
            tally.episodes,
            tally.alarms,
            tally.false_alarms,
            tally.acts,
            tally.false_acts,
            tally.missed,
            tally.wrong_scope,
            detected
        );
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_thousand_days() {
    let tallies = days(&Rules::default(), questions(3), 1);
    insta::assert_snapshot!(table(&tallies), @r"
    event              episodes  alarms  false  acts  false  missed  wrong scope  detected, median/max
    ServiceDown              84      84      0    84      0       0            0          7.6s / 10.7s
    RegionDown               76      76      0    76      0       0            0          7.6s / 10.9s
    MostlyDown               87      87      0    87      0       0            0          8.5s / 20.8s
    PartlyDown               74     138    138     0      0       0            0
    OneProbeDown             88       0      0     0      0       0            0
    OneProbeFlapping         68       0      0     0      0       0            0
    Hiccups                  74     300    300     0      0       0            0
    CutOff                   84       0      0     0      0       0            0
    DownBehindCut            85      85      0    85      0       0            0         12.9s / 17.6s
    Calm                     73       0      0     0      0       0            0
    ");
}

#[test]
fn a_thousand_days_without_a_quorum_and_with_the_first_bad_answer() {
    let alone = Rules { quorum: Some(1), ..Rules::default() };
    let tallies = days(&alone, questions(1), 1);
    insta::assert_snapshot!(table(&tallies), @r"
    event              episodes  alarms  false  acts  false  missed  wrong scope  detected, median/max
    ServiceDown              80     105     25    80      0       0            0           4.8s / 8.2s
    RegionDown               72      87     15    72      0       0            0           4.9s / 7.8s
    MostlyDown               99     218      3   136      0       0            0           4.9s / 9.5s
    PartlyDown               74     518    518     0      0       0            0
    OneProbeDown             76      91     91    76     76       0            0
    OneProbeFlapping         74     292    292     0      0       0            0
    Hiccups                  82     331    331     0      0       0            0
    CutOff                   76      19     19     0      0       0            0
    DownBehindCut            95     110     15    95      0       0            0          6.8s / 10.1s
    Calm                     78      67     67     0      0       0            0
    ");
}
