//! One line of words an event, for pipes, logs and CI.

use super::words::Narrator;
use crate::model::event::{Event, EventKind, Sink};
use std::io::{self, Write};

/// Writes every event as one line of text: when, what, to which step, the rest. What only the report
/// needs is left out.
pub struct Lines<W> {
    out: W,
    narrator: Narrator,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, narrator: Narrator::default() }
    }
}

impl<W: Write + Send> Sink for Lines<W> {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        if is_for_the_report(&event.kind) {
            return Ok(());
        }
        let mut line = self.narrator.line(event);
        line.push('\n');
        // In one piece, so that lines of other writers do not fall in between.
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }
}

/// Whether nobody who watches a run needs to know.
fn is_for_the_report(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Inventoried { .. }
            | EventKind::ProvidersChosen { .. }
            | EventKind::DependenciesRead { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples;

    #[test]
    fn every_event_has_words() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out);
        for event in samples::every_variant() {
            lines.take(&event).unwrap();
        }
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        [     0.0s]   Started  failover 20260314-025907-4f1c of https://git.example.com/shop.git into ap-northeast-2; the outage began 4m00.0s before
        [    12.3s]   Started  failover 20260314-025907-4f1c of https://git.example.com/shop.git into ap-northeast-2; outage start not given: counted from the start of the run
        [    24.6s]   Started  failover 20260314-025907-4f1c of https://git.example.com/shop.git into ap-northeast-2; the first failed probe was 4m00.0s before
        [    37.0s]   Started  failover 20260314-025907-4f1c of https://git.example.com/shop.git into ap-northeast-2; the outage is simulated, and began 4m00.0s before
        [    49.3s]   Started  failover 20260314-025907-4f1c of https://git.example.com/shop.git into ap-northeast-2; the outage began 4m00.0s before, as a newer drctl found out
        [  1m01.7s]   Fetched  commit 4f1c2d3e4f5a (main)
        [  1m14.0s]   Fetched  commit 4f1c2d3e4f5a from a mirror of 2h00m00s ago: the origin could not be reached
        [  1m26.4s]  Prepared  6h00m00s ago (2026-03-13 20:59:07 UTC): 2 stacks initialised, 1 planned
        [  1m38.7s]   Planned  shop: 3 steps, away from ap-northeast-1, RTO 30m00.0s, RPO 5m00.0s, digest 9f86d081884c
        [  1m51.1s]  Declared  by the operator, who typed the service's name
        [  2m03.4s]  Declared  by the digest of this very plan
        [  2m15.7s]  Declared  by somebody who approved what `drctl watch` asked
        [  2m28.1s]  Declared  by the policy of the runbook
        [  2m40.4s]  Declared  by nobody: it is a drill, and torn down again
        [  2m52.8s]  Declared  in a way that only a newer drctl knows
        [  3m05.1s]     Began  data     init
        [  3m17.5s]     Ended  data     init (12.3s)
        [  3m29.8s]     Began  data     plan
        [  3m42.2s]    Failed  data     plan (12.3s)
        [  3m54.5s]      Plan  data     12 to create, 3 to read, 1 unchanged
        [  4m06.9s]      Plan  network  nothing to do
        [  4m19.2s]  Accepted  data     the plan may be applied
        [  4m31.5s]   Refused  data     1 reason: `aws_vpc.main`: would be deleted
        [  4m43.9s]   Refused  data     5 reasons: the plan is not complete; the plan is not complete; the plan is not complete; and 2 more
        [  4m56.2s]  Creating  data     aws_db_instance.main
        [  5m08.6s]   Created  data     aws_db_instance.main (3m41.0s)
        [  5m20.9s]    Failed  data     create aws_db_instance.replica (3.0s)
        [  5m33.3s]   Outputs  data     endpoint, arn
        [  5m45.6s]   Outputs  data     none
        [  5m58.0s]      Note  data     tried again after a timeout
        [  6m10.3s]      Note  no probe in the runbook
        [  6m22.6s]      Done  data     up (3m17.5s)
        [  6m35.0s]    Failed  data     `terraform apply` failed: quota exceeded
        [  6m47.3s]   Refused  data     its plan was refused; nothing was changed
        [  6m59.7s]   Skipped  cutover  needs data, which did not end well
        [  7m12.0s]   Stopped  network  the run was stopped
        [  7m24.4s]        Up  front    2 of 3 in a row: 200 in 45ms
        [  7m36.7s]      Down  front    503 Service Unavailable
        [  7m49.1s]  Verified  every probe passed as often in a row as it must
        [  8m01.4s]      Down  front    did not pass in the time it was given; the last answer: connection refused
        [  8m13.8s]      Data  orders   can be restored to 2m10.0s before the outage
        [  8m26.1s]      Data  carts    can be restored to 10.0s after the outage began: nothing is lost
        [  8m38.4s]      Data  invoices  recovery point unknown: `./bin/latest` exited with 1
        [  8m50.8s]      Data  ledger   recovery point unknown: no reason was given
        [  9m03.1s]  Stopping  SIGINT received: nothing new is begun, what runs may end
        [  9m15.5s] Simulated  cloud, 60 times faster, seed 7; down: ap-northeast-1
        [  9m27.8s]   Made up  data     aws_db_instance.endpoint, read at data/main.tf:3:11
        [  9m40.2s] Replanned  data     a second plan finds nothing to do
        [  9m52.5s] Replanned  data     a second plan would update aws_db_instance.orders
        [ 10m04.9s] Replanned  data     the second plan failed: a lock is held
        [ 10m17.2s]  Removing  data     what it made
        [ 10m29.5s]   Removed  data     all of it (12.3s)
        [ 10m41.9s]    Failed  data     to remove it: it is in use
        [ 10m54.2s]  Finished  the service is back
        [ 11m06.6s]  Finished  every step is done; without a probe, nobody knows whether the service is back
        [ 11m18.9s]  Finished  the service is not back
        [ 11m31.3s]  Finished  a plan was refused; the service is not back
        [ 11m43.6s]  Finished  stopped before the service was back
        [ 11m56.0s]  Finished  in a way that only a newer drctl knows
        [ 12m08.3s]   Unknown  something that only a newer drctl can show
        ");
    }

    #[test]
    fn a_name_from_outside_cannot_steer_the_terminal() {
        let mut out = Vec::new();
        Lines::new(&mut out).take(&samples::hostile()).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        [     0.0s]  Creating  da\u{1b}[31mta  aws_instance.web["\u{1b}[2J [  9m00.0s]  Finished  the service is back"]
        "#);
    }
}
