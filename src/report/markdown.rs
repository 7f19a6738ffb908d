//! For a comment on a pull request, and for the summary of a CI job.

use super::{
    critical::{CriticalPath, Segment},
    json::Report,
    verdict::{Summary, Verdict},
    words::{self, rounded, share, time},
};
use crate::{
    format::markdown::{code, literal, prose},
    model::{run::RunKind, step::StepOutcome, time::Pretty},
};

/// Segments of the critical path shown, the longest ones; a comment can only be so long.
const SEGMENTS: usize = 15;
/// Savings shown.
const SAVINGS: usize = 5;
/// Resources shown.
const RESOURCES: usize = 15;
/// Objects of a step shown.
const OBJECTS: usize = 5;
/// Notes, refusals and the like shown, of each.
const SAID: usize = 20;

/// Returns the report as Markdown: the verdict, the objectives, where the time went, and the rest
/// to unfold.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = String::new();
    verdict(report, &mut text);
    objectives(report, &mut text);
    failures(report, &mut text);
    phases(report, &mut text);
    if let Some(path) = &report.critical_path {
        critical(report, path, &mut text);
    }
    details("What was brought up on the stacks", &deployed(report), &mut text);
    slowest(report, &mut text);
    forecast(report, &mut text);
    details("Notes", &notes(report), &mut text);
    facts(report, &mut text);
    text
}

fn verdict(report: &Report, text: &mut String) {
    // A shape as well as a word: the colour of a symbol is not seen by everybody.
    let mark = match report.verdicts.overall {
        Verdict::Met { .. } => "✅ MET",
        Verdict::Missed { .. } => "❌ MISSED",
        Verdict::Unproven { .. } => "⚠️ UNPROVEN",
    };
    let kind = match report.run.as_ref().map(|run| run.kind) {
        Some(RunKind::Rehearsal) => "rehearse",
        Some(RunKind::Drill) => "drill",
        Some(RunKind::Failback) => "failback",
        Some(RunKind::Failover) => "failover",
        Some(RunKind::Unknown) | None => "report",
    };
    let headline = literal(&report.headline());
    *text += &format!("### {mark}: {headline}\n");
    let caveats = report.caveats.iter().cloned();
    let refused = (!report.obstacles.is_empty())
        .then(|| "a failover would be refused for what stands in its way".to_owned());
    let said: Vec<_> =
        caveats.chain(refused).map(|caveat| format!("> {}", prose(&caveat))).collect();
    if !said.is_empty() {
        *text += &format!("\n{}\n", said.join("\\\n"));
    }
    if matches!(report.summary, Summary::Unfinished) {
        *text += &format!("\nThe run of `drctl {kind}` has not ended, as far as is known.\n");
    }
}

fn objectives(report: &Report, text: &mut String) {
    let plan = report.plan.as_ref();
    *text += "\n| Objective | Promised | Measured | Verdict |\n| --- | ---: | ---: | --- |\n";
    let mut row = |what: &str, promised: Option<u64>, measured: &str, verdict: Verdict| {
        let verdict = words::verdict(verdict);
        *text += &format!("| {what} | {} | {measured} | {verdict} |\n", time(promised));
    };
    let measured = report.recovery_time_ms.map_or("not back".to_owned(), |ms| time(Some(ms)));
    row("Recovery time (RTO)", plan.and_then(|plan| plan.rto_ms), &measured, report.verdicts.rto);
    if let Some(verdict) = report.verdicts.rpo {
        let point = report.recovery_point_ms.map(|ms| u64::try_from(ms).unwrap_or(0));
        let measured = point.map_or("unknown".to_owned(), |ms| time(Some(ms)));
        row("Recovery point (RPO)", plan.and_then(|plan| plan.rpo_ms), &measured, verdict);
    }
}

/// What did not go well is not folded away.
fn failures(report: &Report, text: &mut String) {
    let mut lines = Vec::new();
    for step in report.steps.iter().map(|report| &report.step) {
        let name = code(step.id.as_str());
        match &step.outcome {
            Some(StepOutcome::Failed { cause, hints }) => {
                lines.push(format!("- {name} failed: {}", prose(&cause.join(": "))));
                lines.extend(hints.iter().map(|hint| format!("  - Hint: {}", prose(hint))));
            }
            Some(StepOutcome::Refused) => {
                lines.push(format!("- {name} was refused by the gate"));
                let refusals = step.refusals.iter().take(SAID);
                lines
                    .extend(refusals.map(|refusal| format!("  - {}", prose(&refusal.to_string()))));
            }
            _ => {}
        }
    }
    for obstructed in report.obstacles.iter().take(SAID) {
        let (name, obstacle) = (code(obstructed.step.as_str()), &obstructed.obstacle);
        lines.push(format!("- {name} would be refused: {}", prose(&obstacle.to_string())));
        lines.push(format!("  - Hint: {}", prose(&obstacle.hint)));
    }
    if let Some(down) = &report.down {
        lines.push(format!("- {} did not pass: {}", code(&down.probe), prose(&down.detail)));
    }
    if !lines.is_empty() {
        *text += &format!("\n{}\n", lines.join("\n"));
    }
}

fn phases(report: &Report, text: &mut String) {
    let whole = report.recovery_time_ms.unwrap_or(report.out_for_ms);
    *text += "\n#### Where the time went\n\n| Phase | Took | Share |\n| --- | ---: | ---: |\n";
    for phase in report.passed() {
        let part = phase.took_ms.map_or("-".to_owned(), |ms| percent(share(ms, whole)));
        let mark = if phase.completed { "" } else { " (not completed)" };
        *text += &format!("| {}{mark} | {} | {part} |\n", phase.name, time(phase.took_ms));
    }
    let name = if report.recovery_time_ms.is_some() { "recovery time" } else { "so far" };
    *text += &format!("| **{name}** | **{}** | |\n", Pretty::ms(whole));
    let beside = report.beside_the_phases();
    let beside: Vec<_> = beside.iter().map(|said| format!("- {}\n", prose(said))).collect();
    if !beside.is_empty() {
        *text += &format!("\n{}", beside.concat());
    }
}

/// What steps brought up on the stacks.
fn deployed(report: &Report) -> String {
    let mut lines = String::new();
    for step in report.steps.iter().map(|report| &report.step) {
        let Some(block) = words::block(step) else { continue };
        let name = code(step.id.as_str());
        lines +=
            &format!("- {name} ({}), {}\n", literal(block), words::outcome(step.outcome.as_ref()));
        let objects = step.slowest_objects();
        for object in objects.iter().take(OBJECTS) {
            let (time, said) = (time(words::ready_after(step, object)), words::object(object));
            lines += &format!("  - {time} {}: {}\n", code(&object.object), prose(&said));
        }
        if let Some(more @ 1..) = objects.len().checked_sub(OBJECTS) {
            lines += &format!("  - and {more} more\n");
        }
        let lacking = words::lacking(step).into_iter().take(SAID);
        let said = lacking.chain(step.traffic.as_ref().map(words::traffic));
        lines.extend(said.map(|said| format!("  - {}\n", prose(&said))));
    }
    lines
}

fn critical(report: &Report, path: &CriticalPath, text: &mut String) {
    let whole = report.recovery_time_ms.unwrap_or(report.out_for_ms);
    let mut said = Vec::new();
    for saving in path.worth_doing().take(SAVINGS) {
        let (what, saves) = words::saving(saving);
        said.push(format!("- pre-provision {}: {saves}", code(&what)));
    }
    if let Some((cost, floor)) = path.parallelism() {
        said.push(format!(
            "- {} with unlimited parallelism: `-parallelism` cost {}",
            rounded(floor),
            rounded(cost)
        ));
    }
    if let Some(saved) = path.saved_by_parallelism() {
        said.push(format!("- `-parallelism` saved {} over Terraform's own 10", rounded(saved)));
    }
    if !said.is_empty() {
        let said = said.join("\n");
        *text += &format!("\n#### What would have made it shorter\n\n{said}\n");
    }
    let (shown, left) = longest(&path.segments);
    let row = |segment: &Segment| {
        let step = segment.step.as_ref().map_or(String::new(), |step| code(step.as_str()));
        let what = match &segment.what {
            super::critical::What::Resource { .. } => code(&words::what(&segment.what)),
            what => literal(&words::what(what)),
        };
        let (took, part) = (Pretty::ms(segment.took_ms), percent(share(segment.took_ms, whole)));
        format!("| {took} | {part} | {step} | {what} |\n")
    };
    let mut table = "| Took | Share | Step | What |\n| ---: | ---: | --- | --- |\n".to_owned();
    table.extend(shown.into_iter().map(row));
    if left > 0 {
        table += &format!("\nand {left} shorter ones\n");
    }
    details(&format!("Critical path ({} segments)", path.segments.len()), &table, text);
}

/// Returns the longest segments in the order of time, and how many are left out.
fn longest(all: &[Segment]) -> (Vec<&Segment>, usize) {
    let mut shown: Vec<&Segment> = all.iter().filter(|segment| segment.took_ms > 0).collect();
    shown.sort_by_key(|segment| std::cmp::Reverse(segment.took_ms));
    shown.truncate(SEGMENTS);
    shown.sort_by_key(|segment| segment.began_ms);
    let left = all.len() - shown.len();
    (shown, left)
}

fn slowest(report: &Report, text: &mut String) {
    let mut all: Vec<_> = report.resources.iter().collect();
    if all.is_empty() {
        return;
    }
    all.sort_by_key(|resource| std::cmp::Reverse(resource.resource.took_ms));
    let title = match all.len() {
        count if count > RESOURCES => format!("Slowest resources ({RESOURCES} of {count})"),
        _ => "Slowest resources".to_owned(),
    };
    all.truncate(RESOURCES);
    let expected = all.iter().any(|shown| report.expected_of(shown).is_some());
    let critical = all.iter().any(|shown| shown.critical);
    let row = |cells: [&str; 5]| {
        let shown = [true, expected, true, true, critical];
        let cells = cells.into_iter().zip(shown).filter(|(_, shown)| *shown);
        cells.map(|(cell, _)| format!("| {cell} ")).collect::<String>() + "|\n"
    };
    let mut table = row(["Took", "Expected", "Step", "Resource", "Critical path"]);
    table += &row(["---:", "---:", "---", "---", ":---:"]);
    for shown in all {
        let resource = &shown.resource;
        let failed = if resource.ok { "" } else { " **failed**" };
        table += &row([
            &Pretty::ms(resource.took_ms).to_string(),
            &report.expected_of(shown).map_or("-".to_owned(), rounded),
            &code(resource.step.as_str()),
            &(code(&resource.address) + failed),
            if shown.critical { "●" } else { "" },
        ]);
    }
    details(&title, &table, text);
}

fn forecast(report: &Report, text: &mut String) {
    let Some(forecast) = &report.forecast else { return };
    let prediction = &forecast.prediction;
    let mut table = format!(
        "| Execution | |\n| --- | ---: |\n| forecast, median | {} |\n| forecast, 90% | {} |\n| forecast, 99% | {} |\n",
        rounded(prediction.p50_ms),
        rounded(prediction.p90_ms),
        rounded(prediction.p99_ms)
    );
    if let Some(held) = prediction.caches_ms {
        table += &format!("| and at worst, by caches of the DNS | +{} |\n", rounded(held));
    }
    if let Some(ms) = report.execution_ms {
        table += &format!("| **measured** | **{}** |\n", Pretty::ms(ms));
    }
    if let Some(position) = forecast.position {
        table += &format!("\n{} of the draws took no longer.\n", percent(position));
    }
    if let Some(chance) = prediction.chance {
        table += &format!("\nChance of meeting the RTO, before the run: {}.\n", percent(chance));
    }
    details("Forecast and measurement", &table, text);
}

fn notes(report: &Report) -> String {
    let note = |note: &super::timeline::Note| {
        let step = note.step.as_ref().map(|step| format!("{}: ", code(step.as_str())));
        let step = step.unwrap_or_default();
        format!("- {} {step}{}\n", Pretty::ms(note.at_ms), prose(&note.message))
    };
    let mut lines: String = report.notes.iter().take(SAID).map(note).collect();
    if let more @ 1.. = report.notes.len().saturating_sub(SAID) {
        lines += &format!("- and {more} more\n");
    }
    lines
}

fn facts(report: &Report, text: &mut String) {
    let Some(run) = &report.run else { return };
    let commit = report.checkout.as_ref().map_or(String::new(), |checkout| {
        format!(", commit {}", code(checkout.commit.get(..12).unwrap_or(&checkout.commit)))
    });
    let chain = report.kept.chain.as_ref().map_or(String::new(), |chain| {
        format!(", journal {}", code(chain.get(..12).unwrap_or(chain)))
    });
    *text += &format!(
        "\n<sub>Run {} by drctl {}{commit}{chain}</sub>\n",
        code(run.id.as_str()),
        literal(&run.drctl)
    );
}

/// Returns a share, which may hold a sign that Markdown takes for its own.
fn percent(share: f64) -> String {
    literal(&words::percent(share))
}

/// Adds something long to unfold; nothing when there is nothing.
fn details(title: &str, body: &str, text: &mut String) {
    if !body.is_empty() {
        let body = body.trim_end();
        *text += &format!("\n<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::rich;

    #[test]
    fn what_was_brought_up_is_folded_away() {
        let report = Report::new(
            crate::report::samples::deployed().iter().collect(),
            crate::report::Kept::default(),
        );
        let text = markdown(&report);
        let from = text.find("| **so far**").unwrap();
        let to = text.find("<sub>").unwrap();
        insta::assert_snapshot!(&text[from..to], @r"
        | **so far** | **6m07.2s** | |

        - the fallback was verified 5m35.0s after the outage began, before traffic was moved
        - caches may hold the old answer for shop.example.com until 7m07.1s, 1m00.0s after the traffic was moved

        #### What would have made it shorter

        - pre-provision `shop`: −1m19s
        - pre-provision `cutover`: −32s

        <details>
        <summary>Critical path (14 segments)</summary>

        | Took | Share | Step | What |
        | ---: | ---: | --- | --- |
        | 4m00.0s | 65% |  | the outage was not seen yet |
        | 2.0s | &lt;1% |  | fetching the repository |
        | 0.5s | &lt;1% |  | deciding what would be done |
        | 9.5s | 3% |  | waiting for somebody to say go |
        | 0.1s | &lt;1% | `shop` | drctl between two steps or phases |
        | 0.9s | &lt;1% | `shop` | check |
        | 0.1s | &lt;1% | `shop` | drctl between two steps or phases |
        | 6.9s | 2% | `shop` | run |
        | 1m12.1s | 20% | `shop` | wait |
        | 2.9s | &lt;1% | `cutover` | waiting for the probes to pass |
        | 0.1s | &lt;1% | `cutover` | drctl between two steps or phases |
        | 29.9s | 8% | `cutover` | run |
        | 2.1s | &lt;1% | `cutover` | wait |
        | 0.1s | &lt;1% |  | without the service |

        </details>

        <details>
        <summary>What was brought up on the stacks</summary>

        - `shop` (helm), done
          - 1m19.9s `shop/deployment/api`: 2 of 2 ready; its last trouble: the probe fails: 503
          - 28.9s `shop/deployment/web`: 3 of 3 ready
          - 17.9s `shop/statefulset/cache`: 1 of 1 ready
          - 11.9s `shop/job/migrate`: complete
        - `jobs` (container), failed
          - the image registry.example.com/jobs:1: the registry has no such tag
        - `cutover` (dns), done
          - 31.9s `dns/shop.example.com`: 4 servers answer 192.0.2.2
          - shop.example.com led to 192.0.2.1, and leads to 192.0.2.2

        </details>
        ");
    }

    #[test]
    fn a_recovery_as_a_comment() {
        insta::assert_snapshot!(markdown(&rich::met()), @r#"
        ### ✅ MET: shop is back in ap-northeast-2 after 22m09.0s, 7m51.0s within its RTO

        > a rehearsal: the cloud was simulated and nothing real was made\
        > its latencies were divided by 100 and are multiplied back in every time below\
        > a failover would be refused for what stands in its way

        | Objective | Promised | Measured | Verdict |
        | --- | ---: | ---: | --- |
        | Recovery time (RTO) | 30m00.0s | 22m09.0s | met, 7m51.0s to spare |
        | Recovery point (RPO) | 5m00.0s | 2m10.0s | met, 2m50.0s to spare |

        - `edge` would be refused: stacks/edge/main.tf:14:3: the provider `aws.us` is pinned to us-east-1, where CloudFront lives
          - Hint: Say so in the runbook: `globals { keep = ["aws.us"] }`

        #### Where the time went

        | Phase | Took | Share |
        | --- | ---: | ---: |
        | detection | 3m00.0s | 14% |
        | decision | 21.0s | 2% |
        | workspace | 34.1s | 3% |
        | plan | 0.0s | 0% |
        | apply | 13m27.2s | 61% |
        | deploy | 4m15.8s | 19% |
        | cutover | 9.6s | &lt;1% |
        | verify | 21.3s | 2% |
        | **recovery time** | **22m09.0s** | |

        #### What would have made it shorter

        - pre-provision `storefront`: −4m15s
        - pre-provision `aws_eks_cluster.main`: −2m21s
        - pre-provision `aws_eks_node_group.main`: −2m21s
        - pre-provision `aws_nat_gateway.main`: −39s
        - 21m25s with unlimited parallelism: `-parallelism` cost 44s

        <details>
        <summary>Critical path (30 segments)</summary>

        | Took | Share | Step | What |
        | ---: | ---: | --- | --- |
        | 3m00.0s | 14% |  | the outage was not seen yet |
        | 6.1s | &lt;1% |  | fetching the repository |
        | 11.6s | &lt;1% |  | waiting for somebody to say go |
        | 11.6s | &lt;1% | `network` | init |
        | 8.3s | &lt;1% | `network` | plan |
        | 4.0s | &lt;1% | `network` | `aws_vpc.main` |
        | 11.0s | &lt;1% | `network` | `aws_subnet.public["a"]` |
        | 1m58.0s | 9% | `network` | `aws_nat_gateway.main` |
        | 12.9s | &lt;1% | `cluster` | plan |
        | 7m08.0s | 32% | `cluster` | `aws_eks_cluster.main` |
        | 2m51.0s | 13% | `cluster` | `aws_eks_node_group.main` |
        | 58.0s | 4% | `cluster` | `aws_eks_addon.ebs_csi` |
        | 4m15.2s | 19% | `storefront` | run |
        | 9.2s | &lt;1% | `cutover` | run |
        | 21.4s | 2% |  | waiting for the probes to pass |

        and 15 shorter ones

        </details>

        <details>
        <summary>Slowest resources (15 of 40)</summary>

        | Took | Expected | Step | Resource | Critical path |
        | ---: | ---: | --- | --- | :---: |
        | 7m07.8s | 6m25s | `cluster` | `aws_eks_cluster.main` | ● |
        | 6m51.8s | 6m11s | `data` | `aws_rds_cluster_instance.orders[0]` |  |
        | 6m37.8s | 6m11s | `data` | `aws_rds_cluster_instance.orders[1]` |  |
        | 6m10.8s | 5m34s | `data` | `aws_elasticache_replication_group.sessions` |  |
        | 3m22.8s | 3m03s | `edge` | `aws_cloudfront_distribution.front` |  |
        | 2m50.8s | 2m34s | `cluster` | `aws_eks_node_group.main` | ● |
        | 1m57.8s | 1m46s | `network` | `aws_nat_gateway.main` | ● |
        | 1m35.8s | 1m26s | `network` | `aws_vpc_endpoint.ecr` |  |
        | 1m35.8s | 1m26s | `data` | `aws_rds_cluster.orders` |  |
        | 1m13.8s | 1m07s | `edge` | `aws_acm_certificate_validation.front` |  |
        | 1m05.8s | 59s | `cluster` | `aws_autoscaling_group.spare["서울-1"]` |  |
        | 57.8s | 52s | `cluster` | `aws_eks_addon.ebs_csi` | ● |
        | 40.8s | 37s | `cluster` | `aws_eks_addon.coredns` |  |
        | 36.8s | 33s | `cluster` | `module.lb.helm_release.aws_load_balancer_controller_with_a_name_that_is_long` |  |
        | 23.8s | 22s | `cluster` | `aws_eks_addon.vpc_cni` |  |

        </details>

        <details>
        <summary>Forecast and measurement</summary>

        | Execution | |
        | --- | ---: |
        | forecast, median | 18m44s |
        | forecast, 90% | 22m32s |
        | forecast, 99% | 24m11s |
        | **measured** | **18m48.0s** |

        51% of the draws took no longer.

        Chance of meeting the RTO, before the run: 93%.

        </details>

        <details>
        <summary>Notes</summary>

        - 5m00.0s `data`: `terraform apply` was tried again, since the provider could not be reached
        - 5m40.0s the origin answered slowly: 8s for the first byte

        </details>

        <sub>Run `20260314-025907-4f1c` by drctl 0.1.0, commit `4f1c2d3e4f5a`, journal `5f0c9be1a4a8`</sub>
        "#);
    }

    #[test]
    fn a_failure_says_why_in_the_open() {
        let text = markdown(&rich::failed());
        let open: Vec<_> = text.split("<details>").next().unwrap().lines().collect();
        insta::assert_snapshot!(open.join("\n"), @r#"
        ### ❌ MISSED: the recovery of shop failed: not back in ap-northeast-2 after 15m03.1s, 3.1s over its RTO

        > outage start not given: counted from the start of the run\
        > the origin could not be reached: built from a mirror

        | Objective | Promised | Measured | Verdict |
        | --- | ---: | ---: | --- |
        | Recovery time (RTO) | 15m00.0s | not back | missed, 3.1s over |
        | Recovery point (RPO) | 5m00.0s | unknown | unproven: the recovery point of a data store is unknown |

        - `data` failed: `terraform apply` in `stacks/data` failed with exit code 1: aws\_db\_instance.main: creating RDS DB Instance (shop): operation error RDS: CreateDBInstance, https response error StatusCode: 400, InstanceQuotaExceeded
          - Hint: Raise the quota of DB instances in ap-northeast-2, then run `drctl failover` again
        - `dns` was refused by the gate
          - <code>aws&#95;route53&#95;record.&#92;u{1b}&#91;31mwww</code>: would be deleted, and this run did not create it
        - `front` did not pass: connection refused

        #### Where the time went

        | Phase | Took | Share |
        | --- | ---: | ---: |
        | detection | 0.0s | 0% |
        | decision | 12.0s | 1% |
        | workspace | 2.0s | &lt;1% |
        | plan | 0.0s | 0% |
        | apply (not completed) | 14m49.1s | 98% |
        | deploy | - | - |
        | cutover | - | - |
        | verify | - | - |
        | **so far** | **15m03.1s** | |
        "#);
    }

    #[test]
    fn a_run_that_tells_nothing_is_short() {
        insta::assert_snapshot!(markdown(&rich::minimal()), @r"
        ### ⚠️ UNPROVEN: the recovery of the service was stopped by the operator: not back in ap-northeast-2 after 0.0s

        > outage start not given: counted from the start of the run

        | Objective | Promised | Measured | Verdict |
        | --- | ---: | ---: | --- |
        | Recovery time (RTO) | - | not back | unproven: no objective was declared |

        #### Where the time went

        | Phase | Took | Share |
        | --- | ---: | ---: |
        | detection | 0.0s | 0% |
        | decision (not completed) | 0.0s | 100% |
        | workspace | - | - |
        | plan | - | - |
        | apply | - | - |
        | deploy | - | - |
        | cutover | - | - |
        | verify | - | - |
        | **so far** | **0.0s** | |

        <details>
        <summary>Critical path (1 segments)</summary>

        | Took | Share | Step | What |
        | ---: | ---: | --- | --- |
        | 0.0s | 100% |  | fetching the repository |

        </details>

        <sub>Run `20260314-025907-4f1c` by drctl 0.1.0</sub>
        ");
    }

    #[test]
    fn ten_thousand_resources_fit_into_a_comment() {
        let text = markdown(&rich::huge(10_000));
        // GitHub refuses comments of more than 65,536 characters.
        assert!(text.chars().count() < 20_000, "{}", text.chars().count());
        assert!(text.contains("(15 of 10040)"));
    }
}
