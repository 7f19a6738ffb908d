//! When one of a group is killed. Pure: no clock, and all that looks like chance hangs on a seed.
//!
//! The rules are those of Netflix's Chaos Monkey (<https://netflix.github.io/chaosmonkey/>): each
//! working day a group is drawn with the probability 1/mean, at most one of it is killed a day, at a
//! random minute of its working hours, and never before a number of working days has passed since
//! the last.

use crate::{model::window::Window, runbook::ChaosGroup, sim::unit};
use jiff::{SignedDuration, Timestamp, civil::Date};
use std::fmt;

/// What is drawn for a service: two with the same seed draw the same.
#[derive(Clone, Copy, Debug)]
pub struct Dice<'a> {
    /// What all draws begin with.
    pub seed: u64,
    /// The service whose groups they are.
    pub service: &'a str,
}

/// What is known of the earlier kills of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// When the last one was.
    pub last: Option<Timestamp>,
    /// How many there were.
    pub kills: u64,
}

/// What a day has in store for a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// One of it is to be killed.
    Kill(Planned),
    /// None is.
    Spared(Spared),
}

/// A kill that is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When: the beginning of a minute counted from that of the group's hours.
    pub at: Timestamp,
    /// When the group's hours of that day are over.
    pub until: Timestamp,
}

/// Why none of a group is killed on a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spared {
    /// Its hours are on other days.
    DayOff,
    /// Not enough working days have passed since the last kill.
    TooSoon {
        /// The day of that.
        last: Date,
        /// How many have passed.
        passed: u32,
        /// How many must have.
        least: u32,
    },
    /// It was not drawn, and would be once in so many working days.
    NotDrawn {
        /// How many.
        mean_days: f64,
    },
}

impl fmt::Display for Spared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DayOff => f.write_str("not a day of its hours"),
            Self::TooSoon { last, passed, least } => {
                write!(f, "last killed on {last}, {passed} of at least {least} working day(s) ago")
            }
            Self::NotDrawn { mean_days } => write!(f, "not drawn (1 in {mean_days})"),
        }
    }
}

impl Dice<'_> {
    /// Returns what `day` has in store for a group; the day is one where the group's hours are.
    ///
    /// What comes of it does not depend on other groups, nor on whether other days were asked for.
    pub fn plan(self, group: &ChaosGroup, past: Past, day: Date) -> Plan {
        let Some((from, until)) = group.hours.on(day) else { return Plan::Spared(Spared::DayOff) };
        if let Some(last) = past.last {
            let last = group.hours.day_of(last);
            let passed = working_days(&group.hours, last, day, group.min_days);
            if passed < group.min_days {
                let least = group.min_days;
                return Plan::Spared(Spared::TooSoon { last, passed, least });
            }
        }
        let day = day.to_string();
        let draw = |what| unit(self.seed, &["chaos", what, self.service, &group.name, &day]);
        if draw("day") >= group.mean_days.recip() {
            return Plan::Spared(Spared::NotDrawn { mean_days: group.mean_days });
        }
        // What has begun of a minute counts as one.
        let minutes = (until.duration_since(from).as_secs() + 59) / 60;
        let minute = (draw("minute") * minutes as f64) as i64;
        Plan::Kill(Planned { at: from + SignedDuration::from_mins(minute), until })
    }

    /// Returns which of `names` is killed next; `None` of none.
    ///
    /// Each name has a draw of its own and the highest wins, so that the order of the names does not
    /// matter, and one that comes or goes changes the choice only where it is the choice.
    pub fn choose<'n>(
        self,
        group: &ChaosGroup,
        past: Past,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Option<&'n str> {
        let nth = past.kills.to_string();
        let draw = |name: &str| {
            unit(self.seed, &["chaos", "member", self.service, &group.name, &nth, name])
        };
        names.into_iter().max_by(|a, b| draw(a).total_cmp(&draw(b)).then_with(|| b.cmp(a)))
    }
}

/// Counts the working days after `last` up to and with `day`; stops at `enough`.
fn working_days(hours: &Window, last: Date, day: Date, enough: u32) -> u32 {
    let (mut passed, mut at) = (0, last);
    while at < day && passed < enough {
        let Ok(next) = at.tomorrow() else { break };
        at = next;
        passed += u32::from(hours.on(at).is_some());
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::window::{Hour, zone},
        runbook::{Target, WORK_DAYS},
    };
    use jiff::civil::date;
    use std::time::Duration;

    fn group(name: &str, mean_days: f64, min_days: u32) -> ChaosGroup {
        let hour = |text: &str| text.parse::<Hour>().unwrap().0;
        ChaosGroup {
            name: name.to_owned(),
            target: Target::Docker { label: "app=web".to_owned(), context: None },
            mean_days,
            min_days,
            back_within: Duration::from_secs(30),
            except: vec![],
            hours: Window::Weekly {
                days: WORK_DAYS.to_vec(),
                from: hour("09:00"),
                until: hour("15:00"),
                zone: zone("America/New_York").unwrap(),
            },
            reapply: None,
        }
    }

    const DICE: Dice<'static> = Dice { seed: 7, service: "shop" };

    /// The days from `first` on, and what is killed on them when every plan is carried out.
    fn carried_out(group: &ChaosGroup, dice: Dice<'_>, first: Date, days: usize) -> Vec<Timestamp> {
        let (mut past, mut kills) = (Past::default(), Vec::new());
        for day in first.series(jiff::Span::new().days(1)).take(days) {
            if let Plan::Kill(planned) = dice.plan(group, past, day) {
                kills.push(planned.at);
                past = Past { last: Some(planned.at), kills: past.kills + 1 };
            }
        }
        kills
    }

    #[test]
    fn a_kill_is_within_the_hours_of_a_working_day_also_when_clocks_change() {
        let group = group("web", 1.0, 1);
        // Clocks in New York go forward on 8 March and back on 1 November 2026.
        let kills = carried_out(&group, DICE, date(2026, 1, 1), 365);
        assert_eq!(kills.len(), 261, "each of the working days of 2026");
        for at in kills {
            let there = at.to_zoned(group.hours.zone());
            assert!((9..15).contains(&there.hour()), "{there}");
            assert!(WORK_DAYS.contains(&there.weekday()), "{there}");
            assert!(group.hours.holds(at) && there.second() == 0, "{there}");
        }
    }

    #[test]
    fn who_is_spared_is_told_why() {
        let (friday, saturday) = (date(2026, 3, 13), date(2026, 3, 14));
        let killed = |at: &str| Past { last: Some(at.parse().unwrap()), kills: 1 };
        let cases = [
            (group("web", 1.0, 1), Past::default(), saturday),
            // The same day, and two working days ago, which were three days.
            (group("web", 1.0, 1), killed("2026-03-13T14:00:00Z"), friday),
            (group("web", 1.0, 3), killed("2026-03-12T14:00:00Z"), date(2026, 3, 16)),
            (group("web", 1e9, 1), Past::default(), friday),
            // A clock that was set back makes nobody's day come earlier.
            (group("web", 1.0, 1), killed("2026-06-01T14:00:00Z"), friday),
        ];
        let said: Vec<String> = cases
            .iter()
            .map(|(group, past, day)| match DICE.plan(group, *past, *day) {
                Plan::Spared(why) => why.to_string(),
                Plan::Kill(planned) => panic!("{planned:?}"),
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        not a day of its hours
        last killed on 2026-03-13, 0 of at least 1 working day(s) ago
        last killed on 2026-03-12, 2 of at least 3 working day(s) ago
        not drawn (1 in 1000000000)
        last killed on 2026-06-01, 0 of at least 1 working day(s) ago
        ");
        let at_last =
            DICE.plan(&group("web", 1.0, 3), killed("2026-03-12T14:00:00Z"), date(2026, 3, 17));
        assert!(
            matches!(at_last, Plan::Kill(_)),
            "three working days, over a weekend: {at_last:?}"
        );
    }

    #[test]
    fn the_mean_is_the_mean_and_minutes_are_spread_evenly() {
        // Forty years of working days: 10,436. Five standard deviations each.
        let days = 365 * 40 + 10;
        let group = group("web", 5.0, 1);
        let kills = carried_out(&group, DICE, date(2001, 1, 1), days);
        let (n, p) = (10_436_f64, 0.2);
        let spread = 5.0 * (n * p * (1.0 - p)).sqrt();
        assert!((kills.len() as f64 - n * p).abs() < spread, "{}", kills.len());
        let mut of_hour = [0_f64; 6];
        for at in &kills {
            of_hour[at.to_zoned(group.hours.zone()).hour() as usize - 9] += 1.0;
        }
        let (n, p) = (kills.len() as f64, 1.0 / 6.0);
        let spread = 5.0 * (n * p * (1.0 - p)).sqrt();
        assert!(of_hour.iter().all(|count| (count - n * p).abs() < spread), "{of_hour:?}");
    }

    #[test]
    fn the_least_number_of_days_holds_for_every_pair_of_kills() {
        let group = group("web", 1.5, 4);
        let kills = carried_out(&group, DICE, date(2026, 1, 1), 2_000);
        assert!(kills.len() > 200);
        for pair in kills.windows(2) {
            let days = [0, 1].map(|n| group.hours.day_of(pair[n]));
            assert!(working_days(&group.hours, days[0], days[1], 99) >= 4, "{days:?}");
        }
    }

    #[test]
    fn the_same_seed_and_day_are_the_same_plan_and_others_are_not() {
        let day = date(2026, 3, 13);
        let plans = |dice: Dice<'_>, names: [&'static str; 3]| {
            let mut plans: Vec<_> = names
                .iter()
                .map(|name| (*name, dice.plan(&group(name, 1.0, 1), Past::default(), day)))
                .collect();
            plans.sort_by_key(|(name, _)| *name);
            plans
        };
        let (one, other) = (plans(DICE, ["a", "b", "c"]), plans(DICE, ["c", "a", "b"]));
        assert_eq!(one, other, "the order of groups does not matter");
        assert_ne!(one[0].1, one[1].1, "groups are drawn apart");
        assert_ne!(one, plans(Dice { seed: 8, ..DICE }, ["a", "b", "c"]));
        assert_ne!(one, plans(Dice { service: "bank", ..DICE }, ["a", "b", "c"]));
    }

    #[test]
    fn everybody_is_chosen_sometime_and_one_that_goes_changes_no_other_choice() {
        let group = group("web", 1.0, 1);
        let names = ["web-1", "web-2", "web-3"];
        let mut times = [0; 3];
        for kills in 0..300 {
            let past = Past { last: None, kills };
            let chosen = DICE.choose(&group, past, names).unwrap();
            times[names.iter().position(|name| *name == chosen).unwrap()] += 1;
            let backwards = DICE.choose(&group, past, names.into_iter().rev()).unwrap();
            let without_first = DICE.choose(&group, past, names[1..].iter().copied()).unwrap();
            assert_eq!(chosen, backwards);
            assert!(chosen == names[0] || chosen == without_first);
        }
        assert!(times.iter().all(|count| (60..140).contains(count)), "{times:?}");
        assert_eq!(DICE.choose(&group, Past::default(), []), None);
    }

    #[test]
    fn a_window_of_part_of_a_minute_is_hit() {
        let mut group = group("web", 1.0, 1);
        let from: Timestamp = "2026-03-13T10:00:30Z".parse().unwrap();
        group.hours = Window::Once { from, until: from + SignedDuration::from_secs(20) };
        let until = from + SignedDuration::from_secs(20);
        let plan = DICE.plan(&group, Past::default(), date(2026, 3, 13));
        assert_eq!(plan, Plan::Kill(Planned { at: from, until }));
    }
}
