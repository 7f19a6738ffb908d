//! Time that goes on when the wall clock is put forward or back.

use jiff::{SignedDuration, Timestamp};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::{fs, time::Duration};

/// A moment on the steady clock of this boot, in milliseconds; before the boot it is below zero.
pub type Moment = i64;

/// Returns a duration in milliseconds; one that is too long counts as the longest that can be added up.
pub fn millis(duration: Duration) -> Moment {
    i64::try_from(duration.as_millis()).unwrap_or(Moment::MAX / 4)
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Returns the steady time. It never falls, and goes on while the machine sleeps.
    fn steady(&self) -> Moment;

    /// Returns the time on the wall, which can jump.
    fn wall(&self) -> Timestamp;

    /// Returns the name of the boot that the steady time counts from.
    fn boot(&self) -> &str;
}

/// A moment that outlives the process: it is known on both clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The time on the wall, as it was read.
    pub wall: Timestamp,
    /// The steady time.
    pub steady_ms: Moment,
    /// The boot that it counts from.
    pub boot: String,
}

impl Stamp {
    /// Stamps a moment of this boot.
    pub fn of(moment: Moment, clock: &dyn Clock) -> Self {
        Self { wall: wall_of(moment, clock), steady_ms: moment, boot: clock.boot().to_owned() }
    }

    /// Returns the moment on the clock of this boot: exact when it is the same boot, else as the wall
    /// clock tells.
    pub fn moment(&self, clock: &dyn Clock) -> Moment {
        if self.boot == clock.boot() {
            return self.steady_ms;
        }
        let ago = clock.wall().duration_since(self.wall).as_millis();
        clock.steady().saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX))
    }
}

/// Returns the time that the wall clock, as it goes now, would have shown at a moment.
pub(super) fn wall_of(moment: Moment, clock: &dyn Clock) -> Timestamp {
    let ago = SignedDuration::from_millis(clock.steady().saturating_sub(moment));
    clock.wall().saturating_sub(ago).unwrap_or(Timestamp::MIN)
}

/// The clocks of the machine.
pub struct SystemClock {
    boot: String,
}

impl Default for SystemClock {
    fn default() -> Self {
        // Elsewhere than on Linux every start counts as a boot, and the wall clock is believed.
        let read = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let boot = read.map(|id| id.trim().to_owned()).unwrap_or_else(|_| {
            format!("{}-{}", std::process::id(), Timestamp::now().as_millisecond())
        });
        Self { boot }
    }
}

/// The clock that goes on while the machine sleeps.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::CLOCK_MONOTONIC;

impl Clock for SystemClock {
    fn steady(&self) -> Moment {
        // It cannot fail for a clock that the system has.
        clock_gettime(STEADY).map_or(0, |time| time.tv_sec() * 1_000 + time.tv_nsec() / 1_000_000)
    }

    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn boot(&self) -> &str {
        &self.boot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shown(Moment, &'static str, &'static str);

    impl Clock for Shown {
        fn steady(&self) -> Moment {
            self.0
        }
        fn wall(&self) -> Timestamp {
            self.1.parse().unwrap()
        }
        fn boot(&self) -> &str {
            self.2
        }
    }

    #[test]
    fn a_wall_clock_that_jumps_moves_nothing_within_a_boot() {
        let stamp = Stamp::of(1_000, &Shown(5_000, "2026-03-14T03:00:05Z", "a"));
        assert_eq!(stamp.wall.to_string(), "2026-03-14T03:00:01Z");
        // An hour was added to the wall clock, and 2 s passed.
        let later = Shown(7_000, "2026-03-14T04:00:07Z", "a");
        assert_eq!(stamp.moment(&later), 1_000);
        assert_eq!(wall_of(stamp.moment(&later), &later).to_string(), "2026-03-14T04:00:01Z");
    }

    #[test]
    fn after_a_boot_the_wall_clock_is_believed() {
        let stamp = Stamp::of(1_000, &Shown(1_000, "2026-03-14T03:00:00Z", "a"));
        let booted = Shown(10_000, "2026-03-14T03:01:00Z", "b");
        assert_eq!(stamp.moment(&booted), -50_000);
    }

    #[test]
    fn the_machine_has_such_clocks() {
        let clock = SystemClock::default();
        let (before, after) = (clock.steady(), clock.steady());
        assert!(before > 0 && before <= after);
        assert!(!clock.boot().is_empty());
    }
}
