//! Functions of times.

use super::{Answer, Args, Unknown, Value};
use jiff::civil::{DateTime, Weekday};
use jiff::{SignedDuration, ToSpan};

/// A time of RFC 3339, as it is written.
struct Stamp {
    local: DateTime,
    /// Minutes east of Greenwich.
    offset: i64,
    utc: bool,
}

impl Stamp {
    fn read(args: &Args<'_>, at: usize) -> Result<Self, Unknown> {
        let text = args.text(at)?;
        if let Some(stamp) = Self::parse(&text) {
            return Ok(stamp);
        }
        // Fractions and odd spellings are read by Terraform in its own way.
        let odd = text.len() >= 16 && text.as_bytes()[4] == b'-' && text.contains(':');
        if odd { Err(args.doubt()) } else { args.wrong("this is no time of RFC 3339") }
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let pattern = b"dddd-dd-ddTdd:dd:dd";
        let shaped = bytes.len() > pattern.len()
            && pattern.iter().zip(bytes).all(|(wanted, byte)| match wanted {
                b'd' => byte.is_ascii_digit(),
                other => other == byte,
            });
        if !shaped {
            return None;
        }
        let number = |from: usize, to: usize| text[from..to].parse::<i16>().ok();
        let small = |from: usize| i8::try_from(number(from, from + 2)?).ok();
        let second = small(17).filter(|second| *second < 60)?;
        let local =
            DateTime::new(number(0, 4)?, small(5)?, small(8)?, small(11)?, small(14)?, second, 0)
                .ok()?;
        let zone = &text[19..];
        if zone == "Z" {
            return Some(Self { local, offset: 0, utc: true });
        }
        let sign = match zone.as_bytes()[0] {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, minutes) = zone[1..].split_once(':')?;
        let two = |text: &str| {
            (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
                .then(|| text.parse::<i64>().ok())?
        };
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        (hours < 24 && minutes < 60).then_some(Self {
            local,
            offset: sign * (hours * 60 + minutes),
            utc: false,
        })
    }

    /// The same moment in Greenwich.
    fn moment(&self) -> Option<DateTime> {
        self.local.checked_sub(SignedDuration::from_mins(self.offset)).ok()
    }

    fn zone(&self, colon: &str) -> String {
        let (sign, minutes) = (if self.offset < 0 { '-' } else { '+' }, self.offset.abs());
        format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
    }
}

pub(super) fn timecmp(args: &Args<'_>) -> Answer {
    let moment = |at| Stamp::read(args, at)?.moment().ok_or_else(|| args.doubt());
    let order = moment(0)?.cmp(&moment(1)?);
    Ok(i64::from(order as i8).into())
}

pub(super) fn timeadd(args: &Args<'_>) -> Answer {
    let stamp = Stamp::read(args, 0)?;
    let seconds = duration(&args.text(1)?).ok_or_else(|| args.doubt())?;
    let sum = stamp.local.checked_add(seconds.seconds()).map_err(|_| args.doubt())?;
    if !(0..=9999).contains(&sum.year()) {
        return Err(args.doubt());
    }
    let zone = if stamp.offset == 0 { "Z".to_owned() } else { stamp.zone(":") };
    Ok(format!("{}{zone}", sum.strftime("%Y-%m-%dT%H:%M:%S")).into())
}

/// Returns the seconds of a duration of Go, such as `-1h30m`, if they are whole.
fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..unit_end] {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        rest = &rest[unit_end..];
        total = total.checked_add(number.checked_mul(unit)?)?;
    }
    // Go counts nanoseconds in 63 bits.
    (total < 9_000_000_000).then_some(sign * total)
}

pub(super) fn formatdate(args: &Args<'_>) -> Answer {
    let pattern = args.text(0)?;
    let stamp = Stamp::read(args, 1)?;
    let mut made = String::new();
    let mut rest = pattern.as_ref();
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("''") {
            made.push('\'');
            rest = after;
            continue;
        }
        if first == '\'' {
            rest = literal(args, &rest[1..], &mut made)?;
            continue;
        }
        let end = rest.find(|c| c != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if first.is_ascii_alphabetic() {
            made.push_str(&part(args, &stamp, first, run.len())?);
        } else {
            made.push_str(run);
        }
    }
    Ok(Value::from(made))
}

/// Reads text up to the closing quote; two quotes stand for one.
fn literal<'t>(args: &Args<'_>, text: &'t str, made: &mut String) -> Result<&'t str, Unknown> {
    let mut rest = text;
    loop {
        let Some((before, after)) = rest.split_once('\'') else {
            return args.wrong("a quote is not closed");
        };
        made.push_str(before);
        match after.strip_prefix('\'') {
            Some(after) => {
                made.push('\'');
                rest = after;
            }
            None => return Ok(after),
        }
    }
}

fn part(args: &Args<'_>, stamp: &Stamp, letter: char, count: usize) -> Result<String, Unknown> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let time = stamp.local;
    let name =
        |name: &str, count: usize| if count == 3 { name[..3].to_owned() } else { name.to_owned() };
    let number = |number: i16, count: usize| {
        if count == 2 { format!("{number:02}") } else { number.to_string() }
    };
    let hour = i16::from(time.hour());
    let half = if hour % 12 == 0 { 12 } else { hour % 12 };
    Ok(match (letter, count) {
        ('Y', 4) => format!("{:04}", time.year()),
        ('Y', 2) => format!("{:02}", time.year() % 100),
        ('M', 3 | 4) => {
            let index = usize::try_from(time.month() - 1).unwrap_or(0);
            name(MONTHS[index], count)
        }
        ('M', 1 | 2) => number(time.month().into(), count),
        ('D', 1 | 2) => number(time.day().into(), count),
        ('E', 3 | 4) => name(weekday(time.weekday()), count),
        ('h', 1 | 2) => number(hour, count),
        ('H', 1 | 2) => number(half, count),
        ('A', 2) => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        ('a', 2) => if hour < 12 { "am" } else { "pm" }.to_owned(),
        ('m', 1 | 2) => number(time.minute().into(), count),
        ('s', 1 | 2) => number(time.second().into(), count),
        ('Z', 1) if stamp.utc || stamp.offset == 0 => "Z".to_owned(),
        ('Z', 3) if stamp.utc || stamp.offset == 0 => "UTC".to_owned(),
        ('Z', 1 | 5) => stamp.zone(":"),
        ('Z', 3 | 4) => stamp.zone(""),
        _ => return args.wrong("there is no such part of a date"),
    })
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}
