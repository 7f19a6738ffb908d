//! The report for a person: the verdict first, then why, then what to do.

mod critical;
mod deployed;
mod failback;
mod gate;

use super::{
    critical::Behind,
    json::{Report, ResourceReport, StepReport},
    layout::{Page, Style, TIME, Tone, fit},
    timeline::{Removal, ResourceTime},
    verdict::Verdict,
    words::{self, Passed},
};
use crate::model::text::plain;
use crate::model::{
    resource::ResourceAction,
    run::RunOutcome,
    step::{StepId, StepOutcome},
    time::Pretty,
};

/// Resources shown; the JSON document has them all.
const SLOWEST_SHOWN: usize = 10;
/// The widest that a column of names gets.
const WIDEST_NAME: usize = 24;
/// Waits shorter than this, in milliseconds, would be shown as nothing.
const SHORTEST_WAIT_SHOWN: u64 = 100;

impl Report {
    /// Returns the report as text, at most 100 columns wide.
    ///
    /// Only a path may be wider, which must stay in one piece to be copied.
    /// Without colours it holds no escape sequence, whatever the events held.
    pub fn to_text(&self, style: Style) -> String {
        let mut page = Page::new(style);
        self.verdict(&mut page);
        self.objectives(&mut page);
        self.run_phases(&mut page);
        self.critical_path(&mut page);
        self.expectation(&mut page);
        self.steps(&mut page);
        self.slowest(&mut page);
        self.in_flight(&mut page);
        self.recovery_points(&mut page);
        self.gate(&mut page);
        self.obstacles(&mut page);
        self.second_plans(&mut page);
        self.removals(&mut page);
        self.homecoming(&mut page);
        self.sweep(&mut page);
        self.invented(&mut page);
        self.notes(&mut page);
        self.run(&mut page);
        page.section("Next");
        self.next.iter().for_each(|what| page.hanging("  - ", what));
        page.text
    }

    fn verdict(&self, page: &mut Page) {
        let (word, tone) = match self.verdicts.overall {
            Verdict::Met { .. } => ("MET", Tone::Good),
            Verdict::Missed { .. } => ("MISSED", Tone::Bad),
            Verdict::Unproven { .. } => ("UNPROVEN", Tone::Doubtful),
        };
        page.hanging_toned(tone, word, "  ", &self.headline());
        self.caveats.iter().for_each(|caveat| page.hanging("  Note: ", caveat));
        if !self.obstacles.is_empty() {
            page.hanging(
                "  Note: ",
                "a failover would be refused for what stands in its way, below",
            );
        }
    }

    /// Returns the run in one sentence without a full stop.
    pub fn headline(&self) -> String {
        if let Some(failback) = &self.failback {
            return self.way_home(failback);
        }
        let service = self.service();
        let region = self.run.as_ref().map_or("the fallback", |run| &run.region);
        let out_for = Pretty::ms(self.out_for_ms);
        let not_back = format!("not back in {region} after {out_for}");
        let mut text = match (self.recovery_time_ms, self.outcome) {
            (Some(took), _) => format!("{service} is back in {region} after {}", Pretty::ms(took)),
            (None, Some(RunOutcome::Unverified)) => {
                format!(
                    "every step of {service} is done in {region}, but nobody asked if it is back"
                )
            }
            (None, Some(RunOutcome::Recovered)) => {
                format!("{service} is said to be back in {region}, but was not seen to be")
            }
            (None, Some(RunOutcome::Failed)) => {
                format!("the recovery of {service} failed: {not_back}")
            }
            (None, Some(RunOutcome::Refused)) if self.gate_refused() => {
                format!("the gate refused a plan of {service}: {not_back}")
            }
            // Such as for what an earlier run left.
            (None, Some(RunOutcome::Refused)) => {
                format!("the recovery of {service} was refused: {not_back}")
            }
            (None, Some(RunOutcome::Interrupted)) => {
                let by = self.interrupted_by.as_deref().unwrap_or("the operator");
                format!("the recovery of {service} was stopped by {by}: {not_back}")
            }
            (None, Some(RunOutcome::NotRemoved)) => format!("the drill of {service} is over"),
            (None, Some(RunOutcome::Unknown)) => {
                format!("the recovery of {service} ended in an unknown way: {not_back}")
            }
            (None, None) => format!("the journal of {service} ends before the run: {not_back}"),
        };
        match (self.verdicts.rto, self.recovery_time_ms) {
            (Verdict::Met { spare_ms }, _) => {
                text += &format!(", {} within its RTO", Pretty::ms(spare_ms));
            }
            (Verdict::Missed { over_ms }, _) => {
                text += &format!(", {} over its RTO", Pretty::ms(over_ms));
            }
            (Verdict::Unproven { why }, Some(_)) => text += &format!("; {why}"),
            // Why it is not back has been said.
            (Verdict::Unproven { .. }, None) => {}
        }
        match self.verdicts.rpo {
            Some(Verdict::Missed { .. }) => text += "; RPO missed",
            Some(Verdict::Unproven { .. }) if self.recovery_time_ms.is_some() => {
                text += "; RPO unproven";
            }
            Some(Verdict::Unproven { .. } | Verdict::Met { .. }) | None => {}
        }
        if self.outcome == Some(RunOutcome::NotRemoved) {
            text += "; not all that it made could be removed again";
        }
        text
    }

    fn gate_refused(&self) -> bool {
        self.steps.iter().any(|step| step.step.outcome == Some(StepOutcome::Refused))
    }

    fn objectives(&self, page: &mut Page) {
        page.section("Objectives");
        let plan = self.plan.as_ref();
        let (name, ms, not_back) = match &self.failback {
            Some(failback) => ("downtime", failback.planned_downtime_ms, "not home"),
            None => ("recovery time", self.recovery_time_ms, "not back"),
        };
        let time = ms.map(|ms| Pretty::ms(ms).to_string());
        let rto_ms = plan.and_then(|plan| plan.rto_ms);
        page.objective(
            name,
            &time.unwrap_or_else(|| not_back.to_owned()),
            "RTO",
            rto_ms,
            self.verdicts.rto,
        );
        if let (Some(verdict), Some(plan)) = (self.verdicts.rpo, plan) {
            let point = match self.recovery_point_ms {
                Some(ms) => Pretty::ms(u64::try_from(ms).unwrap_or(0)).to_string(),
                None => "unknown".to_owned(),
            };
            page.objective("recovery point", &point, "RPO", plan.rpo_ms, verdict);
        }
        if let Some(ms) = self.execution_ms {
            let took = Pretty::ms(ms).to_string();
            page.line(&format!("  {:<14}  {took:>TIME$}  from the declaration on", "execution"));
        }
    }

    fn run_phases(&self, page: &mut Page) {
        page.section("Where the time went");
        let (what, total_ms) = match self.recovery_time_ms {
            Some(ms) if self.failback.is_some() => ("way home", ms),
            Some(ms) => ("recovery time", ms),
            None => ("so far", self.out_for_ms),
        };
        for Passed { name, took_ms, completed } in self.passed() {
            match took_ms {
                Some(ms) if completed => page.share(name, ms, total_ms, ""),
                Some(ms) => page.share(name, ms, total_ms, "  not completed"),
                None => page.line(&format!("  {name:<14}  {:>TIME$}", "-")),
            }
        }
        page.line(&format!("  {what:<14}  {:>TIME$}", Pretty::ms(total_ms).to_string()));
        self.beside_the_phases().iter().for_each(|said| page.hanging("  Note: ", said));
    }

    fn steps(&self, page: &mut Page) {
        if self.steps.is_empty() {
            return;
        }
        let names = column(self.steps.iter().map(|step| &step.step.id));
        page.section("Steps");
        page.line(&format!("  {:<8}  {:<names$}  {:>TIME$}  {:>TIME$}", "", "", "began", "took"));
        for step in &self.steps {
            page.step(step, names);
        }
    }

    fn slowest(&self, page: &mut Page) {
        let mut slowest: Vec<_> = self.resources.iter().collect();
        if slowest.is_empty() {
            return;
        }
        // Stable, so that equals stay in the order of their ends.
        slowest.sort_by_key(|report| std::cmp::Reverse(report.resource.took_ms));
        slowest.truncate(SLOWEST_SHOWN);
        page.section(&match self.resources.len() {
            all if all > slowest.len() => format!("Slowest resources ({} of {all})", slowest.len()),
            _ => "Slowest resources".to_owned(),
        });
        let names = column(slowest.iter().map(|report| &report.resource.step));
        for report in slowest {
            let ResourceTime { step, address, action, took_ms, ok, .. } = &report.resource;
            page.resource(*took_ms, names, step, *action, address, if *ok { "" } else { "failed" });
            page.waited(report);
        }
    }

    fn in_flight(&self, page: &mut Page) {
        if self.in_flight.is_empty() {
            return;
        }
        page.section(if self.outcome.is_some() {
            "In flight when the run ended"
        } else {
            "In flight at the last event"
        });
        let names = column(self.in_flight.iter().map(|resource| &resource.step));
        for resource in &self.in_flight {
            page.resource(
                resource.for_ms,
                names,
                &resource.step,
                resource.action,
                &resource.address,
                "",
            );
        }
    }

    fn recovery_points(&self, page: &mut Page) {
        if self.recovery_points.is_empty() {
            return;
        }
        page.section("Recovery points");
        for (store, point) in &self.recovery_points {
            let text = words::recovery_point(point);
            page.hanging(&format!("  {:<14}  ", fit(store, WIDEST_NAME)), &text);
        }
    }

    /// What is not done after an apply is done again at the next one, and the one after that.
    fn second_plans(&self, page: &mut Page) {
        let left: Vec<_> = self
            .second_plans
            .iter()
            .filter(|plan| !plan.changes.is_empty() || !plan.cause.is_empty())
            .collect();
        if left.is_empty() {
            return;
        }
        page.section("A second plan is not clean");
        for plan in left {
            let changes =
                plan.changes.iter().map(|(address, action)| format!("{action} {address}"));
            let text: Vec<_> = changes.chain(plan.cause.iter().cloned()).collect();
            page.field(plan.step.as_str(), &text.join(", "));
        }
    }

    fn removals(&self, page: &mut Page) {
        let title = if self.failback.is_some() { "Moved back" } else { "Removed again" };
        Self::taken_back(page, title, &self.removals);
        Self::taken_back(page, "Taken back", &self.undone);
    }

    pub(super) fn taken_back(page: &mut Page, title: &str, removals: &[Removal]) {
        if removals.is_empty() {
            return;
        }
        page.section(title);
        for removal in removals {
            let took = words::time(removal.took_ms);
            let text = match removal.cause.as_slice() {
                [] => took,
                cause => format!("{took}, and failed: {}", cause.join(": ")),
            };
            page.field(removal.step.as_str(), &text);
        }
    }

    /// What was done afterwards about what a drill left.
    fn sweep(&self, page: &mut Page) {
        let Some(sweep) = &self.sweep else { return };
        page.section("Swept");
        page.field("began", &format!("{} UTC", sweep.at.strftime("%Y-%m-%d %H:%M:%S")));
        let left = match sweep.removed {
            Some(true) => "nothing of what is known",
            Some(false) => "something could not be removed",
            None => "not known: the end of the sweep was not seen",
        };
        page.field("left", left);
        if !sweep.unknown.is_empty() {
            page.field("may be left", &sweep.unknown.join(", "));
        }
    }

    /// What a person must look at before they believe a rehearsal.
    fn invented(&self, page: &mut Page) {
        if self.invented.is_empty() {
            return;
        }
        page.section("Made up, and then decided on");
        for invented in &self.invented {
            let places: Vec<_> = invented.read_at.iter().map(ToString::to_string).collect();
            let what = format!("{}.{}", invented.resource_type, invented.attribute);
            page.field(invented.step.as_str(), &format!("{what}, read at {}", places.join(", ")));
        }
    }

    fn notes(&self, page: &mut Page) {
        if let Some(down) = &self.down {
            page.section("Verification");
            let probe = fit(&down.probe, WIDEST_NAME);
            let text =
                format!("did not pass in the time it was given; the last answer: {}", down.detail);
            page.hanging(&format!("  {probe}  "), &text);
        }
        if self.notes.is_empty() {
            return;
        }
        page.section("Notes");
        for note in &self.notes {
            let step = note.step.as_ref().map(|step| format!("{step}: ")).unwrap_or_default();
            let at = Pretty::ms(note.at_ms).to_string();
            page.hanging(&format!("  {at:>TIME$}  "), &format!("{step}{}", note.message));
        }
    }

    fn run(&self, page: &mut Page) {
        page.section("Run");
        if let Some(run) = &self.run {
            let began = run.began_at.strftime("%Y-%m-%d %H:%M:%S UTC");
            page.field("name", &format!("{}, by drctl {}, began {began}", run.id, run.drctl));
            page.field("repository", &run.repo);
        }
        if let Some(checkout) = &self.checkout {
            let mut text = checkout.commit.clone();
            if let Some(reference) = &checkout.reference {
                text += &format!(" ({reference})");
            }
            if let Some(age) = checkout.mirror_age_ms {
                text += &format!(", from a mirror of {} ago", Pretty::ms(age));
            }
            page.field("commit", &text);
        }
        if let Some(prepared) = &self.prepared {
            page.field("prepared", &prepared.to_string());
        }
        if let Some(plan) = &self.plan {
            page.field("plan digest", &plan.digest);
        }
        if let Some(terraform) = &self.terraform {
            page.field("run by", &format!("{} {}", terraform.product, terraform.version));
        }
        if let Some(chain) = &self.kept.chain {
            page.field("journal chain", chain);
        }
        for (name, path) in [("journal", &self.kept.journal), ("work copy", &self.kept.work_copy)] {
            if let Some(path) = path {
                page.line(&format!("  {name:<14}  {}", plain(&path.to_string_lossy())));
            }
        }
    }

    pub(super) fn service(&self) -> &str {
        self.plan.as_ref().map_or("the service", |plan| &plan.service)
    }
}

/// The rows of the tables.
impl Page {
    fn objective(
        &mut self,
        what: &str,
        time: &str,
        name: &str,
        of_ms: Option<u64>,
        verdict: Verdict,
    ) {
        let of = of_ms.map(|ms| format!("{name} {:>TIME$}", Pretty::ms(ms).to_string()));
        let of = of.unwrap_or_else(|| format!("no {name}"));
        let text = match verdict {
            Verdict::Met { spare_ms } => format!("met, {} to spare", Pretty::ms(spare_ms)),
            Verdict::Missed { over_ms } => format!("missed, by {}", Pretty::ms(over_ms)),
            Verdict::Unproven { why } => format!("unproven: {why}"),
        };
        self.hanging(&format!("  {what:<14}  {time:>TIME$}  {of:<13}  "), &text);
    }

    fn step(&mut self, report: &StepReport, names: usize) {
        let step = &report.step;
        let word = words::outcome(step.outcome.as_ref());
        let tone = match &step.outcome {
            Some(StepOutcome::Done) => Tone::Good,
            Some(StepOutcome::Failed { .. } | StepOutcome::Refused) => Tone::Bad,
            Some(
                StepOutcome::Skipped { .. }
                | StepOutcome::Interrupted
                | StepOutcome::Withheld { .. }
                | StepOutcome::LeftOut { .. },
            )
            | None => Tone::Doubtful,
        };
        let (began, took) = (words::time(step.began_ms), words::time(report.took_ms));
        let name = fit(step.id.as_str(), names);
        let rest = format!(
            "{:width$}  {name:<names$}  {began:>TIME$}  {took:>TIME$}  ",
            "",
            width = 8 - word.len()
        );
        let what = match &step.outcome {
            Some(StepOutcome::Skipped { blocked_by }) => format!("needs {blocked_by}"),
            Some(StepOutcome::LeftOut { why } | StepOutcome::Withheld { why }) => why.clone(),
            _ => words::block(step)
                .map_or_else(|| spent(report), |block| format!("{block}: {}", spent(report))),
        };
        let begin = self.text.len();
        self.hanging(&format!("  {word}{rest}"), &what);
        let painted = self.style.paint(tone, word);
        self.text.replace_range(begin + 2..begin + 2 + word.len(), &painted);
        if let Some(StepOutcome::Failed { cause, hints }) = &step.outcome {
            for (number, cause) in (1..).zip(cause) {
                self.hanging(&format!("            {number}. "), cause);
            }
            hints.iter().for_each(|hint| self.hanging("            Hint: ", hint));
        }
        for refusal in &step.refusals {
            self.hanging("            - ", &refusal.to_string());
        }
        self.deployed(step);
    }

    /// What a resource waited behind, when that is worth a line.
    fn waited(&mut self, report: &ResourceReport) {
        let Some(waited) = report.waited.filter(|waited| waited.behind == Behind::Parallelism)
        else {
            return;
        };
        if waited.for_ms >= SHORTEST_WAIT_SHOWN {
            let text = format!("waited {} for -parallelism", Pretty::ms(waited.for_ms));
            self.line(&format!("  {:>TIME$}  {text}", ""));
        }
    }

    fn resource(
        &mut self,
        ms: u64,
        names: usize,
        step: &StepId,
        action: ResourceAction,
        address: &str,
        mark: &str,
    ) {
        let time = Pretty::ms(ms).to_string();
        let step = fit(step.as_str(), names);
        let before = format!("  {time:>TIME$}  {step:<names$}  {action:<7}  ");
        let room = self.style.width() - before.chars().count() - 8;
        let address = fit(address, room);
        let mark = if mark.is_empty() { String::new() } else { self.style.paint(Tone::Bad, mark) };
        self.line(&format!("{before}{address}  {mark}"));
    }
}

/// Returns what a step spent its time on, such as `init 8.0s, waited 1.0s, plan 3.2s`.
fn spent(report: &StepReport) -> String {
    let mut parts = Vec::new();
    for spent in &report.step.phases {
        if spent.waited_ms >= SHORTEST_WAIT_SHOWN {
            parts.push(format!("waited {}", Pretty::ms(spent.waited_ms)));
        }
        let word = spent.phase.word();
        parts.push(match (spent.took_ms, spent.ok) {
            (Some(ms), Some(false)) => format!("{word} {} (failed)", Pretty::ms(ms)),
            (Some(ms), _) => format!("{word} {}", Pretty::ms(ms)),
            (None, _) => format!("{word} without an end"),
        });
    }
    parts.join(", ")
}

/// Returns the width of a column of step names.
fn column<'a>(names: impl Iterator<Item = &'a StepId>) -> usize {
    let width = |name: &StepId| plain(name.as_str()).chars().count();
    names.map(width).max().unwrap_or(0).min(WIDEST_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::event::Event,
        report::{Kept, Timeline, samples},
    };

    fn report(events: &[Event]) -> Report {
        let kept = Kept {
            chain: None,
            journal: Some("/var/lib/drctl/runs/20260314-025907-4f1c/journal.jsonl".into()),
            work_copy: Some("/var/lib/drctl/runs/20260314-025907-4f1c/checkout".into()),
            torn: false,
        };
        Report::new(events.iter().collect(), kept)
    }

    #[test]
    fn a_recovery_that_met_its_objectives() {
        insta::assert_snapshot!(report(&samples::by_hand()).to_text(Style::default()), @r"
        MET  shop is back in ap-northeast-2 after 13m32.0s, 16m28.0s within its RTO

        Objectives
          recovery time    13m32.0s  RTO  30m00.0s  met, 16m28.0s to spare
          recovery point    2m10.0s  RPO   5m00.0s  met, 2m50.0s to spare
          execution         9m20.0s  from the declaration on

        Where the time went
          detection         4m00.0s   30%  ##############
          decision            12.0s    1%  #
          workspace            8.1s    1%
          plan                 3.3s    0%
          apply             3m37.2s   27%  #############
          deploy            5m01.5s   37%  ##################
          cutover              8.2s    1%
          verify              21.7s    3%  #
          recovery time    13m32.0s

        What decided it
            4m00.0s   30%  the outage was not seen yet
               9.5s    1%  waiting for somebody to say go
               8.0s    1%  network: init
            3m36.0s   27%  network: aws_nat_gateway.main
            5m00.0s   37%  app: run
               8.0s    1%  cutover: run
              21.7s    3%  waiting for the probes to pass
               8.8s    1%  13 shorter stretches between them
           -5m00.0s        app: have it done before
           -3m33.1s        network: pre-provision aws_nat_gateway.main
              -8.0s        cutover: have it done before
          Note: which resources of network needed which is not known: guessed by time

        Steps
                                 began       took
          done      network      12.1s    3m48.5s  waited 0.1s, init 8.0s, plan 3.2s, gate 0.2s, waited
                                                   0.1s, apply 3m36.9s
          done      app        4m02.0s    5m00.1s  waited 3m50.0s, run 5m00.0s
          done      cutover    9m02.2s       8.1s  waited 8m50.2s, run 8.0s

        Slowest resources
            3m36.0s  network  create   aws_nat_gateway.main
               2.9s  network  create   aws_vpc.main

        Recovery points
          orders          2m10.0s before the outage

        Run
          name            20260314-025907-4f1c, by drctl 0.1.0, began 2026-03-14 02:59:07 UTC
          repository      https://git.example.com/shop.git
          commit          4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c (main)
          plan digest     9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
          journal         /var/lib/drctl/runs/20260314-025907-4f1c/journal.jsonl
          work copy       /var/lib/drctl/runs/20260314-025907-4f1c/checkout

        Next
          - Show this again with `drctl report 20260314-025907-4f1c`
        ");
    }

    #[test]
    fn a_recovery_that_went_wrong() {
        insta::assert_snapshot!(report(&samples::gone_wrong()).to_text(Style::default()), @r#"
        MISSED  the recovery of shop failed: not back in ap-northeast-2 after 15m03.1s, 3.1s over its RTO
          Note: outage start not given: counted from the start of the run
          Note: the origin could not be reached: built from a mirror

        Objectives
          recovery time    not back  RTO  15m00.0s  missed, by 3.1s
          recovery point    unknown  RPO   5m00.0s  unproven: the recovery point of a data store is unknown

        Where the time went
          detection            0.0s    0%
          decision            12.0s    1%  #
          workspace            2.0s    0%
          plan                 0.0s    0%
          apply            14m49.1s   98%  ###############################################  not completed
          deploy                  -
          cutover                 -
          verify                  -
          so far           15m03.1s

        What decided it
               9.5s    1%  waiting for somebody to say go
              47.0s    5%  network: apply begins, before its first resource
           13m58.0s   93%  data: module.storage["eu"].module.repli...der-very-long-name-17"] (not completed)
               8.6s    1%  9 shorter stretches between them
          -13m31.0s        data: pre-provision module.storage.modu...plicas.aws_rds_cluster_instance.replica
          Note: which resources of data needed which is not known: guessed by time

        Steps
                                 began       took
          done      network      12.1s      48.0s  waited 0.1s, init 0.9s, apply 47.0s
          failed    data         12.1s   14m49.0s  waited 0.1s, init 1.9s, waited 48.0s, apply 13m59.0s
                                                   (failed)
                    1. `terraform apply` in `stacks/data` failed with exit code 1
                    2. aws_db_instance.main: creating RDS DB Instance (shop): operation error RDS:
                       CreateDBInstance, https response error StatusCode: 400, InstanceQuotaExceeded
                    Hint: Raise the quota of DB instances in ap-northeast-2, then run `drctl failover` again
          refused   dns          12.1s      49.0s  waited 0.1s, init 1.9s
                    - `aws_route53_record.\u{1b}[31mwww`: would be deleted, and this run did not create it
          skipped   app              -          -  needs data
          skipped   cutover          -          -  needs app

        Slowest resources
              27.0s  data  create   aws_db_instance.main  failed

        In flight when the run ended
           14m00.1s  data  create   module.storage["eu"].module.rep...ers-reader-very-long-name-17"]

        Recovery points
          carts           10.0s after the outage began: nothing is lost
          orders          unknown: `./bin/latest-snapshot` exited with 1

        Verification
          front  did not pass in the time it was given; the last answer: connection refused

        Notes
            1m10.0s  data: `terraform apply` was tried again, since the provider could not be reached

        Run
          name            20260314-025907-4f1c, by drctl 0.1.0, began 2026-03-14 02:59:07 UTC
          repository      https://git.example.com/shop.git
          commit          4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c, from a mirror of 2h00m00s ago
          plan digest     9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
          journal         /var/lib/drctl/runs/20260314-025907-4f1c/journal.jsonl
          work copy       /var/lib/drctl/runs/20260314-025907-4f1c/checkout

        Next
          - Look in the cloud for the resource in flight: Terraform may not know how it ended
          - Go on with it once what stood in its way is mended: `drctl resume 20260314-025907-4f1c`
          - Show this again with `drctl report 20260314-025907-4f1c`
        "#);
    }

    #[test]
    fn what_was_brought_up_and_moved() {
        let report = Report::new(samples::deployed().iter().collect(), Kept::default());
        insta::assert_snapshot!(report.to_text(Style::default()), @r"
    UNPROVEN  the recovery of shop failed: not back in ap-northeast-2 after 6m07.2s

    Objectives
      recovery time    not back  RTO  30m00.0s  unproven: the service did not come back

    Where the time went
      detection         4m00.0s   65%  ###############################
      decision            12.0s    3%  ##
      workspace            0.0s    0%
      plan                 0.0s    0%
      apply                0.0s    0%
      deploy            1m55.2s   31%  ###############  not completed
      cutover                 -
      verify                  -
      so far            6m07.2s
      Note: the fallback was verified 5m35.0s after the outage began, before traffic was moved
      Note: caches may hold the old answer for shop.example.com until 7m07.1s, 1m00.0s after the traffic
            was moved

    What decided it
        4m00.0s   65%  the outage was not seen yet
           2.0s    1%  fetching the repository
           9.5s    3%  waiting for somebody to say go
           6.9s    2%  shop: run
        1m12.1s   20%  shop: wait
           2.9s    1%  cutover: waiting for the probes to pass
          29.9s    8%  cutover: run
           2.1s    1%  cutover: wait
           1.8s    0%  6 shorter stretches between them
       -1m19.0s        shop: have it done before
         -32.0s        cutover: have it done before

    Steps
                             began       took
      done      shop         12.1s    1m20.0s  helm: waited 0.1s, check 0.9s, waited 0.1s, run 6.9s,
                                               wait 1m12.1s
                  1m19.9s  shop/deployment/api: 2 of 2 ready; its last trouble: the probe fails: 503
                    28.9s  shop/deployment/web: 3 of 3 ready
                    17.9s  shop/statefulset/cache: 1 of 1 ready
                           and 1 more
      failed    jobs       1m32.2s       0.8s  container: waited 1m20.2s, run 0.8s (failed)
                1. an image is missing
                Hint: Push it: `docker push registry.example.com/jobs:1`
                - the image registry.example.com/jobs:1: the registry has no such tag
      done      cutover    1m35.1s      32.0s  dns: waited 1m23.1s, run 29.9s, wait 2.1s
                    31.9s  dns/shop.example.com: 4 servers answer 192.0.2.2
                shop.example.com led to 192.0.2.1, and leads to 192.0.2.2

    Run
      name            20260314-025907-4f1c, by drctl 0.1.0, began 2026-03-14 02:59:07 UTC
      repository      https://git.example.com/shop.git
      commit          4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c (main)
      plan digest     9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

    Next
      - Go on with it once what stood in its way is mended: `drctl resume 20260314-025907-4f1c`
      - Show this again with `drctl report 20260314-025907-4f1c`
    ");
    }

    #[test]
    fn a_journal_that_ends_in_the_middle() {
        let mut events = samples::by_hand();
        events.truncate(15);
        let kept = Kept { torn: true, ..Kept::default() };
        let report = Report::new(events.iter().collect(), kept);
        insta::assert_snapshot!(report.to_text(Style::default()), @r"
        UNPROVEN  the journal of shop ends before the run: not back in ap-northeast-2 after 4m24.0s
          Note: the journal's last line was written only in part and was left out

        Objectives
          recovery time    not back  RTO  30m00.0s  unproven: the journal ends before the run did
          recovery point    unknown  RPO   5m00.0s  unproven: no data store told its recovery point

        Where the time went
          detection         4m00.0s   91%  ############################################
          decision            12.0s    5%  ##
          workspace            8.1s    3%  #
          plan                 3.3s    1%  #
          apply                0.6s    0%    not completed
          deploy                  -
          cutover                 -
          verify                  -
          so far            4m24.0s

        What decided it
            4m00.0s   91%  the outage was not seen yet
               2.0s    1%  fetching the repository
               9.5s    4%  waiting for somebody to say go
               8.0s    3%  network: init
               3.2s    1%  network: plan
               1.3s    0%  5 shorter stretches between them
          Note: which resources of network needed which is not known: guessed by time

        Steps
                                 began       took
          no end    network      12.1s          -  waited 0.1s, init 8.0s, plan 3.2s, gate 0.2s, waited
                                                   0.1s, apply without an end
          no end    app              -          -
          no end    cutover          -          -

        In flight at the last event
               0.0s  network  create   aws_nat_gateway.main
               0.0s  network  create   aws_vpc.main

        Run
          name            20260314-025907-4f1c, by drctl 0.1.0, began 2026-03-14 02:59:07 UTC
          repository      https://git.example.com/shop.git
          commit          4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c (main)
          plan digest     9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

        Next
          - Look in the cloud for the resources in flight: Terraform may not know how they ended
          - Go on with it once what stood in its way is mended: `drctl resume 20260314-025907-4f1c`
          - Give the runbook a `recovery_point` for every data store
          - Show this again with `drctl report 20260314-025907-4f1c`
        ");
    }

    #[test]
    fn every_verdict_has_its_first_line() {
        use RunOutcome::{Failed, Interrupted, Recovered, Refused, Unknown, Unverified};
        let (rto, rpo) = (Some(10_000), Some(500));
        let late: &[_] = &[("a", Some(700))];
        let first = |timeline: Timeline| {
            let text = Report::new(timeline, Kept::default()).to_text(Style::default());
            text.split("\n\n").next().unwrap().to_owned()
        };
        let lines = [
            samples::ending(Some(Recovered), Some(5_000), 5_000, rto, None, &[]),
            samples::ending(Some(Recovered), Some(15_000), 15_000, rto, None, &[]),
            samples::ending(Some(Recovered), Some(5_000), 5_000, None, None, &[]),
            samples::ending(Some(Recovered), Some(5_000), 5_000, rto, rpo, late),
            samples::ending(Some(Recovered), Some(5_000), 5_000, rto, rpo, &[]),
            samples::ending(Some(Recovered), None, 5_000, rto, None, &[]),
            samples::ending(Some(Unverified), None, 5_000, rto, None, &[]),
            samples::ending(Some(Failed), None, 5_000, rto, None, &[]),
            samples::ending(Some(Failed), None, 15_000, rto, None, &[]),
            samples::ending(Some(Refused), None, 5_000, rto, None, &[]),
            samples::ending(Some(Interrupted), None, 5_000, None, None, &[]),
            samples::ending(Some(Unknown), None, 5_000, rto, None, &[]),
            samples::ending(None, None, 5_000, rto, None, &[]),
            Timeline::default(),
        ];
        insta::assert_snapshot!(lines.map(first).join("\n"), @"
        MET  shop is back in ap-northeast-2 after 6.0s, 4.0s within its RTO
        MISSED  shop is back in ap-northeast-2 after 16.0s, 6.0s over its RTO
        UNPROVEN  shop is back in ap-northeast-2 after 6.0s; no objective was declared
        MISSED  shop is back in ap-northeast-2 after 6.0s, 4.0s within its RTO; RPO missed
        UNPROVEN  shop is back in ap-northeast-2 after 6.0s, 4.0s within its RTO; RPO unproven
        UNPROVEN  shop is said to be back in ap-northeast-2, but was not seen to be
        UNPROVEN  every step of shop is done in ap-northeast-2, but nobody asked if it is back
        UNPROVEN  the recovery of shop failed: not back in ap-northeast-2 after 6.0s
        MISSED  the recovery of shop failed: not back in ap-northeast-2 after 16.0s, 6.0s over its RTO
        UNPROVEN  the recovery of shop was refused: not back in ap-northeast-2 after 6.0s
        UNPROVEN  the recovery of shop was stopped by the operator: not back in ap-northeast-2 after 6.0s
        UNPROVEN  the recovery of shop ended in an unknown way: not back in ap-northeast-2 after 6.0s
        UNPROVEN  the journal of shop ends before the run: not back in ap-northeast-2 after 6.0s
        UNPROVEN  the journal of the service ends before the run: not back in the fallback after 0.0s
          Note: the beginning of the run is missing from its journal
        ");
    }

    #[test]
    fn no_line_is_wider_than_it_may_be_and_none_steers_the_terminal() {
        for columns in [0, 72, 100, 300] {
            let style = Style { color: false, columns };
            for events in [samples::by_hand(), samples::gone_wrong(), samples::deployed()] {
                let text = report(&events).to_text(style);
                for line in text.lines().filter(|line| !line.contains("/var/lib")) {
                    assert!(line.chars().count() <= columns.clamp(60, 100), "{columns}: {line}");
                    assert!(!line.contains(char::is_control), "{line:?}");
                }
            }
        }
    }

    #[test]
    fn colours_change_no_column() {
        let report = report(&samples::gone_wrong());
        let plain = report.to_text(Style::default());
        let mut colored = report.to_text(Style { color: true, columns: 100 });
        assert!(colored.starts_with("\u{1b}[1;31mMISSED\u{1b}[0m  the recovery"));
        for code in ["\u{1b}[1;31m", "\u{1b}[1;32m", "\u{1b}[1;33m", "\u{1b}[1m", "\u{1b}[0m"] {
            colored = colored.replace(code, "");
        }
        assert_eq!(colored, plain);
    }
}
