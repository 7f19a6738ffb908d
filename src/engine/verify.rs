//! Whether the service is back, and how old its data is.

use super::{
    question::{Programs, question},
    recovery::Recovery,
    run::Run,
    tools::Tools,
};
use crate::{
    model::{chain, event::EventKind},
    probe::{
        CommandTarget, ProbeReport, Prober, RecoveryPointError, Verification, recovery_point,
        time_of_data, time_of_file, until_up,
    },
    runbook::{Known, Probe, RecoveryPoint, Role, ToldBy, strings},
};
use jiff::{SignedDuration, Timestamp};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

/// When the service is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Before traffic is moved, in the fallback.
    BeforeCutover,
    /// At the end: it serves.
    AtEnd,
}

/// Asks every probe until all have passed often enough in a row, and says so.
///
/// A probe whose address cannot be made from what is known fails the verification
/// at once: waiting would not mend it.
pub async fn verify(
    recovery: &Recovery,
    known: &Known,
    prober: Arc<dyn Prober>,
    tools: &Tools,
    asked: Asked,
    run: &mut Run<'_>,
) -> Verification {
    let programs = Programs { dir: &recovery.root, env: &recovery.env };
    let now = |probe: &&Probe| asked == Asked::AtEnd || probe.is_asked_before_cutover();
    let of_service = recovery.probes.iter().filter(|p| p.role == Role::Service).filter(now);
    if let Some(simulator) = &tools.simulator {
        if asked == Asked::BeforeCutover && of_service.clone().next().is_none() {
            return Verification::Unasked;
        }
        let verification = simulator.verify().await;
        if !recovery.asks_for_real || verification != Verification::Verified {
            tell(&verification, asked, run);
            return verification;
        }
    }
    let probes: Vec<&Probe> = of_service.collect();
    let within = recovery.verify_within;
    let verification =
        ask(&probes, (known, programs), prober, within, tools.stop.token(), run).await;
    tell(&verification, asked, run);
    verification
}

/// Asks probes until all have passed often enough in a row, and says what they answer.
pub async fn ask(
    probes: &[&Probe],
    (known, programs): (&Known, Programs<'_>),
    prober: Arc<dyn Prober>,
    within: Duration,
    stop: &CancellationToken,
    run: &mut Run<'_>,
) -> Verification {
    let questions: Result<Vec<_>, _> =
        probes.iter().map(|probe| question(probe, known, programs)).collect();
    let questions = match questions {
        Ok(questions) => questions,
        Err((probe, detail)) => return Verification::GaveUp { probe, detail },
    };
    let (tx, mut reports) = mpsc::unbounded_channel();
    let mut on = move |report: ProbeReport| drop(tx.send(report));
    let asking = async move { until_up(prober, &questions, within, &mut on, stop).await };
    let telling = async {
        while let Some(report) = reports.recv().await {
            run.say(answered(report));
        }
    };
    tokio::join!(asking, telling).0
}

fn tell(verification: &Verification, asked: Asked, run: &mut Run<'_>) {
    match verification {
        Verification::Verified => run.say(match asked {
            Asked::BeforeCutover => EventKind::FallbackVerified,
            Asked::AtEnd => EventKind::ServiceVerified,
        }),
        Verification::GaveUp { probe, detail } => {
            let (probe, detail) = (probe.clone(), detail.clone());
            run.say(EventKind::VerificationFailed { probe, detail });
        }
        Verification::Stopped | Verification::Unasked => {}
    }
}

fn answered(report: ProbeReport) -> EventKind {
    let up = report.answer.is_up();
    let detail = match up {
        true => report.answer.summary(),
        false => format!("{}: {}", report.answer.why, report.answer.summary()),
    };
    EventKind::ProbeAnswered {
        probe: report.probe,
        up,
        detail,
        passes: report.passes,
        needed: report.needed,
    }
}

/// Asks how old the data of each store is, against the start of the outage.
///
/// The time is asked for after the steps, since it is what was restored that counts.
pub async fn find_recovery_points(
    recovery: &Recovery,
    known: &Known,
    outage_began: Timestamp,
    run: &mut Run<'_>,
) {
    for point in &recovery.recovery_points {
        let (before_outage_ms, cause) = match age(point, recovery, known, outage_began).await {
            Ok(before) => (Some(i64::try_from(before.as_millis()).unwrap_or(i64::MAX)), None),
            Err(cause) => (None, Some(cause)),
        };
        let store = point.store.clone();
        run.say(EventKind::RecoveryPointFound { store, before_outage_ms, cause });
    }
}

/// Returns how long before the outage the newest data of a store is; the error is why nobody knows.
async fn age(
    point: &RecoveryPoint,
    recovery: &Recovery,
    known: &Known,
    outage_began: Timestamp,
) -> Result<SignedDuration, String> {
    let string = |expr| known.string(expr).map_err(|mistake| mistake.to_string());
    let newest = match &point.told_by {
        ToldBy::Behind(expr) => return behind(&string(expr)?),
        ToldBy::Time(expr) => time_of_data(&string(expr)?),
        ToldBy::File(expr) => {
            let path = PathBuf::from(string(expr)?);
            let looking = spawn_blocking(move || time_of_file(&path));
            looking.await.map_err(|error| error.to_string())?
        }
        ToldBy::Command(expr) => {
            let argv = strings(known, expr).map_err(|mistake| mistake.to_string())?;
            let (dir, env) = (recovery.root.clone(), recovery.env.clone());
            recovery_point(&CommandTarget { argv, dir, env }, point.timeout).await
        }
    };
    let told =
        |error: RecoveryPointError| format!("{}. {}", chain(&error).join(": "), error.hint());
    newest.map(|newest| outage_began.duration_since(newest)).map_err(told)
}

/// Reads how far a copy was behind: `45s`, or a number of seconds.
fn behind(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("`{text}` is neither a duration such as `45s` nor a number of seconds");
    let seconds = text.parse::<f64>().ok().map(SignedDuration::try_from_secs_f64);
    let lag = match seconds {
        Some(lag) => lag.map_err(|_| wrong())?,
        None => text.parse::<SignedDuration>().map_err(|_| wrong())?,
    };
    if lag.is_negative() { Err(wrong()) } else { Ok(lag) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_a_duration_or_a_number_of_seconds() {
        let ms = |text| behind(text).map(|lag| lag.as_millis());
        for (text, expected) in [("45s", 45_000), ("1m30s", 90_000), ("0.25", 250), ("0", 0)] {
            assert_eq!(ms(text), Ok(expected), "{text}");
        }
        for text in ["-1", "NaN", "soon", ""] {
            assert!(ms(text).is_err(), "{text}");
        }
    }
}
