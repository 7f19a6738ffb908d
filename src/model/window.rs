//! Times of the week, or one stretch of time, in which something is done or left undone.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use std::{fmt, str::FromStr};

/// A maintenance window, business hours, or a stretch of time in which nothing is broken on purpose.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// From one moment to another.
    Once {
        /// When it begins.
        from: Timestamp,
        /// When it ends; always later.
        until: Timestamp,
    },
    /// The same hours of some days of every week.
    Weekly {
        /// The days on which it begins; never empty.
        days: Vec<Weekday>,
        /// When it begins.
        from: Time,
        /// When it ends; on the next day when that is not later than `from`.
        until: Time,
        /// Where the days and hours are those of.
        zone: TimeZone,
    },
}

impl Window {
    /// Returns when the window that `at` lies in ends; `None` when it lies in none.
    ///
    /// The beginning belongs to it, the end does not. In a night in which clocks change, a time that
    /// does not exist is taken as the one that the clocks jump to.
    pub fn end_of(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { from, until } => (*from <= at && at < *until).then_some(*until),
            Self::Weekly { zone, .. } => {
                let now = at.to_zoned(zone.clone());
                // It may have begun yesterday, and goes on past midnight.
                [0, -1].into_iter().find_map(|offset| {
                    let day = now.date().checked_add(offset.days()).ok()?;
                    let (began, ends) = self.on(day)?;
                    (began <= at && at < ends).then_some(ends)
                })
            }
        }
    }

    /// Returns from when until when it is on, of the stretch that begins on `day` where it is; `None`
    /// on other days, and where clocks that change leave nothing of it.
    pub fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let (began, ends) = match self {
            Self::Once { from, until } => {
                (from.to_zoned(TimeZone::UTC).date() == day).then_some((*from, *until))?
            }
            Self::Weekly { days, from, until, zone } => {
                if !days.contains(&day.weekday()) {
                    return None;
                }
                let last = if until > from { day } else { day.tomorrow().ok()? };
                let moment = |day: Date, time: Time| {
                    let there = zone.to_ambiguous_zoned(day.to_datetime(time));
                    there.compatible().ok().map(|zoned| zoned.timestamp())
                };
                (moment(day, *from)?, moment(last, *until)?)
            }
        };
        (began < ends).then_some((began, ends))
    }

    /// Returns the day that `at` belongs to: the one on which the window that it lies in began, else
    /// the day of the calendar where the window is.
    pub fn day_of(&self, at: Timestamp) -> Date {
        let today = at.to_zoned(self.zone()).date();
        let of_yesterday = today.yesterday().ok().filter(|day| {
            self.on(today).is_none_or(|(began, _)| at < began)
                && self.on(*day).is_some_and(|(began, ends)| began <= at && at < ends)
        });
        of_yesterday.unwrap_or(today)
    }

    /// Returns where its days and hours are those of.
    pub fn zone(&self) -> TimeZone {
        match self {
            Self::Once { .. } => TimeZone::UTC,
            Self::Weekly { zone, .. } => zone.clone(),
        }
    }

    /// Returns true when `at` lies in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.end_of(at).is_some()
    }

    /// Returns the next time at or after `at` at which it is not on, within a year of windows that
    /// touch each other.
    pub fn next_free(windows: &[Self], at: Timestamp) -> Timestamp {
        let mut free = at;
        for _ in 0..512 {
            match windows.iter().filter_map(|window| window.end_of(free)).max() {
                Some(end) => free = end,
                None => break,
            }
        }
        free
    }
}

/// Reads a day of the week by its English name or the first three letters of that.
///
/// # Errors
///
/// [`WindowError::Day`] quotes the input.
pub fn weekday(text: &str) -> Result<Weekday, WindowError> {
    let word = text.trim().to_ascii_lowercase();
    let days = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let meant = days.into_iter().find(|(name, _)| *name == word || name[..3] == *word);
    meant.map(|(_, day)| day).ok_or_else(|| WindowError::Day(text.to_owned()))
}

/// An hour of the day: `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(pub Time);

impl FromStr for Hour {
    type Err = WindowError;

    /// Reads `HH:MM`; `24:00` is midnight at the end of the day, which is `00:00` of the next.
    ///
    /// # Errors
    ///
    /// [`WindowError::Hour`] quotes the input.
    fn from_str(text: &str) -> Result<Self, WindowError> {
        let wrong = || WindowError::Hour(text.to_owned());
        let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
        if hour.len() != 2 || minute.len() != 2 {
            return Err(wrong());
        }
        let (hour, minute): (i8, i8) =
            (hour.parse().map_err(|_| wrong())?, minute.parse().map_err(|_| wrong())?);
        let time = if (hour, minute) == (24, 0) {
            Time::new(0, 0, 0, 0)
        } else {
            Time::new(hour, minute, 0, 0)
        };
        time.map(Self).map_err(|_| wrong())
    }
}

/// Reads the name of a time zone, such as `Asia/Tokyo` or `UTC`.
///
/// # Errors
///
/// [`WindowError::Zone`] quotes the input.
pub fn zone(text: &str) -> Result<TimeZone, WindowError> {
    TimeZone::get(text.trim()).map_err(|_| WindowError::Zone(text.to_owned()))
}

/// Why something is no part of a window.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WindowError {
    /// It is no day of the week.
    #[error("`{0}` is not a day such as `monday` or `mon`")]
    Day(String),
    /// It is no hour.
    #[error("`{0}` is not a time of the day such as `09:30`")]
    Hour(String),
    /// There is no such time zone.
    #[error("`{0}` is not a time zone such as `Asia/Tokyo` or `UTC`")]
    Zone(String),
    /// A window ends before it begins.
    #[error("the window does not end after it begins")]
    Backwards,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once { from, until } => write!(f, "{from} to {until}"),
            Self::Weekly { days, from, until, zone } => {
                let days: Vec<String> =
                    days.iter().map(|day| format!("{day:?}")[..3].to_lowercase()).collect();
                let zone = zone.iana_name().unwrap_or("UTC");
                let (from, until) = (from.strftime("%H:%M"), until.strftime("%H:%M"));
                write!(f, "{} {from} to {until} {zone}", days.join(" "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn weekly(days: &[&str], from: &str, until: &str, in_zone: &str) -> Window {
        Window::Weekly {
            days: days.iter().map(|day| weekday(day).unwrap()).collect(),
            from: from.parse::<Hour>().unwrap().0,
            until: until.parse::<Hour>().unwrap().0,
            zone: zone(in_zone).unwrap(),
        }
    }

    #[test]
    fn a_weekly_window_has_its_hours_where_it_is() {
        let window = weekly(&["sat"], "02:00", "04:00", "Asia/Tokyo");
        // Saturday, 14 March 2026, 02:00 in Tokyo is Friday 17:00 in UTC.
        assert_eq!(window.end_of(at("2026-03-13T17:00:00Z")), Some(at("2026-03-13T19:00:00Z")));
        assert!(
            !window.holds(at("2026-03-13T16:59:59Z")) && !window.holds(at("2026-03-13T19:00:00Z"))
        );
        assert_eq!(window.to_string(), "sat 02:00 to 04:00 Asia/Tokyo");
    }

    #[test]
    fn a_window_may_go_on_past_midnight_or_all_day() {
        let night = weekly(&["fri"], "22:00", "02:00", "UTC");
        assert!(night.holds(at("2026-03-13T23:00:00Z")) && night.holds(at("2026-03-14T01:59:59Z")));
        assert!(
            !night.holds(at("2026-03-14T02:00:00Z")) && !night.holds(at("2026-03-13T01:00:00Z"))
        );
        let day = weekly(&["sun"], "00:00", "24:00", "UTC");
        assert!(day.holds(at("2026-03-15T00:00:00Z")) && day.holds(at("2026-03-15T23:59:59Z")));
        assert!(!day.holds(at("2026-03-16T00:00:00Z")));
    }

    #[test]
    fn clocks_that_change_neither_lose_nor_double_a_window() {
        // On 8 March 2026 clocks in New York jump from 02:00 to 03:00.
        let window = weekly(&["sun"], "02:30", "04:00", "America/New_York");
        assert_eq!(window.end_of(at("2026-03-08T07:30:00Z")), Some(at("2026-03-08T08:00:00Z")));
        assert!(!window.holds(at("2026-03-08T06:59:59Z")));
    }

    #[test]
    fn a_stretch_belongs_to_the_day_on_which_it_begins() {
        let night = weekly(&["fri"], "22:00", "02:00", "Asia/Tokyo");
        let friday = jiff::civil::date(2026, 3, 13);
        let (began, ends) = night.on(friday).unwrap();
        assert_eq!((began, ends), (at("2026-03-13T13:00:00Z"), at("2026-03-13T17:00:00Z")));
        assert_eq!(night.on(friday.tomorrow().unwrap()), None);
        // 01:00 of Saturday is still Friday night, and 02:00 is not.
        assert_eq!(night.day_of(at("2026-03-13T16:00:00Z")), friday);
        assert_eq!(night.day_of(at("2026-03-13T17:00:00Z")), friday.tomorrow().unwrap());
        // On 8 March 2026 there is no 02:00 to 03:00 in New York.
        let lost = weekly(&["sun"], "02:10", "02:40", "America/New_York");
        assert!(lost.on(jiff::civil::date(2026, 3, 8)).is_some_and(|(a, b)| a < b));
        let all_day = weekly(&["sun"], "00:00", "24:00", "America/New_York");
        let (began, ends) = all_day.on(jiff::civil::date(2026, 3, 8)).unwrap();
        assert_eq!(ends.duration_since(began).as_hours(), 23);
    }

    #[test]
    fn windows_that_touch_are_left_at_the_end_of_the_last() {
        let windows = [
            Window::Once { from: at("2026-03-14T01:00:00Z"), until: at("2026-03-14T02:00:00Z") },
            weekly(&["sat"], "02:00", "04:00", "UTC"),
        ];
        let free = Window::next_free(&windows, at("2026-03-14T01:30:00Z"));
        assert_eq!(free, at("2026-03-14T04:00:00Z"));
        assert_eq!(Window::next_free(&windows, free), free);
    }

    #[test]
    fn what_is_wrong_is_quoted() {
        let said = [
            weekday("caturday").unwrap_err().to_string(),
            "9:30".parse::<Hour>().unwrap_err().to_string(),
            "25:00".parse::<Hour>().unwrap_err().to_string(),
            zone("Mars/Olympus").unwrap_err().to_string(),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        `caturday` is not a day such as `monday` or `mon`
        `9:30` is not a time of the day such as `09:30`
        `25:00` is not a time of the day such as `09:30`
        `Mars/Olympus` is not a time zone such as `Asia/Tokyo` or `UTC`
        ");
    }
}
