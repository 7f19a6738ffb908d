//! For CI that counts tests: the objectives, the steps and the verification as tests.

use super::{
    json::{Report, StepReport},
    verdict::{Doubt, Verdict},
    words,
};
use crate::{
    format::junit::{Case, Failure, Suite, Suites},
    model::{run::RunOutcome, step::StepOutcome, text::plain, time::Pretty},
};

/// Returns the report as suites of tests.
///
/// An objective that nobody declared, and a step that never began, are tests that were skipped.
/// What is not proven did not pass.
pub(super) fn junit(report: &Report) -> Suites {
    let mut suites = vec![objectives(report), steps(report), verification(report)];
    suites.retain(|suite| !suite.cases.is_empty());
    let name = report.plan.as_ref().map_or("drctl".to_owned(), |plan| safe(&plan.service));
    Suites { name, suites, took_ms: report.recovery_time_ms }
}

fn safe(text: &str) -> String {
    plain(text).into_owned()
}

fn failure(kind: &str, message: &str, lines: &[String]) -> Failure {
    let text = lines.iter().map(|line| format!("{}\n", plain(line))).collect();
    Failure { kind: kind.to_owned(), message: safe(message), text }
}

fn objectives(report: &Report) -> Suite {
    let plan = report.plan.as_ref();
    let case = |name: &str, objective_ms: Option<u64>, verdict: Verdict| {
        let said = words::verdict(verdict);
        let said = match objective_ms {
            Some(ms) => format!("{name} of {}: {said}", Pretty::ms(ms)),
            None => said,
        };
        // The name stays the same when the objective changes: CI tells the history of a test by it.
        let mut case =
            Case { classname: "objectives".to_owned(), name: name.to_owned(), ..Case::default() };
        match verdict {
            Verdict::Met { .. } => case.output = format!("{said}\n"),
            Verdict::Unproven { why: Doubt::NoObjective } => case.skipped = Some(said),
            Verdict::Missed { .. } => {
                case.failures.push(failure("missed", &said, &report.caveats));
            }
            Verdict::Unproven { .. } => {
                case.failures.push(failure("unproven", &said, &report.caveats));
            }
        }
        case
    };
    let rto = case("RTO", plan.and_then(|plan| plan.rto_ms), report.verdicts.rto);
    let rto = Case { took_ms: report.recovery_time_ms, ..rto };
    let rpo =
        report.verdicts.rpo.map(|verdict| case("RPO", plan.and_then(|plan| plan.rpo_ms), verdict));
    let cases = [rto].into_iter().chain(rpo).collect();
    Suite { name: "objectives".to_owned(), cases, took_ms: report.recovery_time_ms }
}

fn steps(report: &Report) -> Suite {
    let cases = report.steps.iter().map(|step| self::step(report, step)).collect();
    Suite { name: "steps".to_owned(), cases, took_ms: report.execution_ms }
}

fn step(report: &Report, step: &StepReport) -> Case {
    let (id, took_ms) = (&step.step.id, step.took_ms);
    let mut case =
        Case { classname: "steps".to_owned(), name: safe(id.as_str()), took_ms, ..Case::default() };
    let word = words::outcome(step.step.outcome.as_ref());
    match &step.step.outcome {
        Some(StepOutcome::Done) => {}
        Some(StepOutcome::Skipped { blocked_by }) => {
            case.skipped = Some(safe(&format!("it needs {blocked_by}")));
        }
        Some(StepOutcome::Withheld { why }) => case.failures.push(failure(word, why, &[])),
        Some(StepOutcome::LeftOut { why }) => case.skipped = Some(safe(why)),
        Some(StepOutcome::Failed { cause, hints }) => {
            let message = cause.first().map_or("it could not be brought up", String::as_str);
            let hints = hints.iter().map(|hint| format!("help: {hint}"));
            let lines: Vec<_> = cause.iter().cloned().chain(hints).collect();
            case.failures.push(failure(word, message, &lines));
        }
        Some(StepOutcome::Refused) => {
            let lines: Vec<_> = step.step.refusals.iter().map(ToString::to_string).collect();
            case.failures.push(failure(word, "the gate refused its plan", &lines));
        }
        Some(StepOutcome::Interrupted) => {
            case.failures.push(failure(word, "the run was stopped", &[]));
        }
        None => case.failures.push(failure("unfinished", "its end was not seen", &[])),
    }
    let obstacles = report.obstacles.iter().filter(|obstructed| obstructed.step == *id);
    for obstacle in obstacles.map(|obstructed| &obstructed.obstacle) {
        let message = format!("a failover would be refused: {}", obstacle.message);
        let lines = [obstacle.to_string(), format!("help: {}", obstacle.hint)];
        case.failures.push(failure("obstacle", &message, &lines));
    }
    case
}

fn verification(report: &Report) -> Suite {
    let case = |name: String| Case {
        classname: "verification".to_owned(),
        name: safe(&name),
        ..Case::default()
    };
    let mut back = case("the service is back".to_owned());
    match (&report.down, report.recovery_time_ms, report.outcome) {
        (Some(down), ..) => {
            let message = format!("{} did not pass: {}", down.probe, down.detail);
            back.failures.push(failure("probe", &message, &[]));
        }
        (None, Some(_), _) => {
            let verify = report.phases.iter().find(|phase| phase.name == "verify");
            back.took_ms = verify.and_then(|phase| phase.took_ms);
        }
        (None, None, Some(RunOutcome::Unverified)) => {
            back.skipped = Some("nobody asked whether the service is back".to_owned());
        }
        (None, None, _) => back.skipped = Some("the run did not get there".to_owned()),
    }
    let plans = report.second_plans.iter().map(|plan| {
        let mut case = case(format!("a second plan of {} is clean", plan.step));
        let changes = plan.changes.iter().map(|(address, action)| format!("{action} {address}"));
        let lines: Vec<_> = changes.chain(plan.cause.iter().cloned()).collect();
        if let Some(first) = lines.first() {
            case.failures.push(failure("second plan", first, &lines));
        }
        case
    });
    let removals = report.removals.iter().map(|removal| {
        let name = format!("{} is removed again", removal.step);
        let mut case = Case { took_ms: removal.took_ms, ..case(name) };
        if let Some(first) = removal.cause.first() {
            case.failures.push(failure("removal", first, &removal.cause));
        }
        case
    });
    let cases = [back].into_iter().chain(plans).chain(removals).collect();
    Suite { name: "verification".to_owned(), cases, took_ms: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::rich;
    use roxmltree::Document;

    #[test]
    fn a_recovery_as_tests() {
        insta::assert_snapshot!(junit(&rich::met()).to_xml(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="shop" tests="10" failures="2" errors="0" skipped="0" time="1329.000">
          <testsuite name="objectives" tests="2" failures="0" errors="0" skipped="0" time="1329.000">
            <testcase classname="objectives" name="RTO" time="1329.000">
              <system-out>RTO of 30m00.0s: met, 7m51.0s to spare
        </system-out>
            </testcase>
            <testcase classname="objectives" name="RPO">
              <system-out>RPO of 5m00.0s: met, 2m50.0s to spare
        </system-out>
            </testcase>
          </testsuite>
          <testsuite name="steps" tests="6" failures="1" errors="0" skipped="0" time="1128.000">
            <testcase classname="steps" name="network" time="161.000"/>
            <testcase classname="steps" name="edge" time="298.400">
              <failure type="obstacle" message="a failover would be refused: the provider `aws.us` is pinned to us-east-1, where CloudFront lives">stacks/edge/main.tf:14:3: the provider `aws.us` is pinned to us-east-1, where CloudFront lives
        help: Say so in the runbook: `globals { keep = ["aws.us"] }`
        </failure>
            </testcase>
            <testcase classname="steps" name="data" time="683.300"/>
            <testcase classname="steps" name="cluster" time="816.600"/>
            <testcase classname="steps" name="storefront" time="255.300"/>
            <testcase classname="steps" name="cutover" time="9.300"/>
          </testsuite>
          <testsuite name="verification" tests="2" failures="1" errors="0" skipped="0">
            <testcase classname="verification" name="the service is back" time="21.300"/>
            <testcase classname="verification" name="a second plan of data is clean">
              <failure type="second plan" message="update aws_s3_bucket.media">update aws_s3_bucket.media
        </failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn a_failed_recovery_as_tests() {
        insta::assert_snapshot!(junit(&rich::failed()).to_xml(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="shop" tests="8" failures="5" errors="0" skipped="2">
          <testsuite name="objectives" tests="2" failures="2" errors="0" skipped="0">
            <testcase classname="objectives" name="RTO">
              <failure type="missed" message="RTO of 15m00.0s: missed, 3.1s over">outage start not given: counted from the start of the run
        the origin could not be reached: built from a mirror
        </failure>
            </testcase>
            <testcase classname="objectives" name="RPO">
              <failure type="unproven" message="RPO of 5m00.0s: unproven: the recovery point of a data store is unknown">outage start not given: counted from the start of the run
        the origin could not be reached: built from a mirror
        </failure>
            </testcase>
          </testsuite>
          <testsuite name="steps" tests="5" failures="2" errors="0" skipped="2">
            <testcase classname="steps" name="network" time="48.000"/>
            <testcase classname="steps" name="data" time="889.000">
              <failure type="failed" message="`terraform apply` in `stacks/data` failed with exit code 1">`terraform apply` in `stacks/data` failed with exit code 1
        aws_db_instance.main: creating RDS DB Instance (shop): operation error RDS: CreateDBInstance, https response error StatusCode: 400, InstanceQuotaExceeded
        help: Raise the quota of DB instances in ap-northeast-2, then run `drctl failover` again
        </failure>
            </testcase>
            <testcase classname="steps" name="dns" time="49.000">
              <failure type="refused" message="the gate refused its plan">`aws_route53_record.\u{1b}[31mwww`: would be deleted, and this run did not create it
        </failure>
            </testcase>
            <testcase classname="steps" name="app">
              <skipped message="it needs data"/>
            </testcase>
            <testcase classname="steps" name="cutover">
              <skipped message="it needs app"/>
            </testcase>
          </testsuite>
          <testsuite name="verification" tests="1" failures="1" errors="0" skipped="0">
            <testcase classname="verification" name="the service is back">
              <failure type="probe" message="front did not pass: connection refused"></failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn a_reader_of_xml_counts_the_same() {
        for (name, report) in rich::all() {
            let xml = junit(&report).to_xml();
            let read = Document::parse(&xml).unwrap();
            let all = |tag: &'static str| read.descendants().filter(move |n| n.has_tag_name(tag));
            let number = |what| read.root_element().attribute(what).unwrap().parse::<usize>();
            assert_eq!(number("tests"), Ok(all("testcase").count()), "{name}");
            assert_eq!(number("skipped"), Ok(all("skipped").count()), "{name}");
            let failed =
                all("testcase").filter(|case| case.children().any(|c| c.has_tag_name("failure")));
            assert_eq!(number("failures"), Ok(failed.count()), "{name}");
        }
    }
}
