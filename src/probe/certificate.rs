//! When a certificate ends, and whether that is soon.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use x509_cert::{Certificate, der::Decode};

/// Reads when a certificate ends, from its DER; `None` for what is no certificate.
pub(super) fn ends(der: &[u8]) -> Option<Timestamp> {
    let certificate = Certificate::from_der(der).ok()?;
    let ends = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    Timestamp::new(i64::try_from(ends.as_secs()).ok()?, 0).ok()
}

/// Says what to see to when a certificate must be good for `good_for` from `now` on, and is not.
pub(super) fn warning(
    ends: Option<Timestamp>,
    good_for: Duration,
    now: Timestamp,
) -> Option<String> {
    let Some(ends) = ends else {
        return Some("it served no certificate whose end could be told".to_owned());
    };
    let left = ends.duration_since(now);
    let wanted = SignedDuration::try_from(good_for).unwrap_or(SignedDuration::MAX);
    (left < wanted).then(|| {
        let left = match left.as_hours() {
            hours @ 48.. => format!("{} days", hours / 24),
            hours @ 2.. => format!("{hours} hours"),
            _ => format!("{} minutes", left.as_mins().max(0)),
        };
        format!("its certificate ends at {ends}, in {left}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_has_no_end() {
        assert_eq!(ends(b""), None);
        assert_eq!(ends(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn an_end_that_is_near_is_warned_of() {
        let now: Timestamp = "2026-03-14T00:00:00Z".parse().unwrap();
        let warned = |hours: i64, wanted: u64| {
            let ends = now + SignedDuration::from_hours(hours);
            warning(Some(ends), Duration::from_secs(wanted * 86_400), now).unwrap_or_default()
        };
        assert_eq!(warned(14 * 24, 14), "");
        assert_eq!(
            warned(14 * 24 - 1, 14),
            "its certificate ends at 2026-03-27T23:00:00Z, in 13 days"
        );
        assert_eq!(warned(5, 14), "its certificate ends at 2026-03-14T05:00:00Z, in 5 hours");
        assert_eq!(warned(-3, 14), "its certificate ends at 2026-03-13T21:00:00Z, in 0 minutes");
        assert!(warning(None, Duration::ZERO, now).is_some());
    }
}
