use crate::report::{Report, samples::rich};
use regex::Regex;
use std::collections::BTreeSet;

fn page(report: &Report) -> String {
    report.to_html().unwrap()
}

/// Returns what a reader sees: the page without its style sheet and its tags.
fn seen(page: &str) -> String {
    let body = page.split("</style>").nth(1).unwrap();
    let text = Regex::new("<[^>]*>").unwrap().replace_all(body, " ").into_owned();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn all(pattern: &str, page: &str) -> Vec<String> {
    Regex::new(pattern).unwrap().captures_iter(page).map(|found| found[1].to_owned()).collect()
}

#[test]
fn the_verdict_comes_first_with_what_qualifies_it() {
    let text = seen(&page(&rich::met()));
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
    let order = [
        "✓ Met",
        "shop is back in ap-northeast-2 after 22m09.0s, 7m51.0s within its RTO.",
        "Recovery time 22m09.0s RTO 30m00.0s ✓ met, 7m51.0s to spare",
        "Recovery point 2m10.0s RPO 5m00.0s ✓ met, 2m50.0s to spare",
        "a rehearsal: the cloud was simulated",
        "a failover would be refused",
        "Milestone Reached at",
        "t8 verified healthy 22m09.0s verify 21.3s 2%",
    ];
    assert!(order.map(place).is_sorted(), "{:?}", order.map(place));
}

#[test]
fn what_is_known_is_shown() {
    let text = seen(&page(&rich::met()));
    for what in [
        "−4m15s pre-provision storefront",
        "−2m21s pre-provision aws_eks_cluster.main of cluster",
        "With unlimited parallelism it would have taken 21m25s; -parallelism cost 44s.",
        "had to wait for -parallelism",
        "7.0s -parallelism",
        "The chance of meeting the RTO was 93% before the run.",
        "p90 9 of 10 take no longer",
        "RTO what it leaves after the declaration 26m39s",
        "helm storefront: never seen",
        "8 in ap-northeast-2, 5 global",
        "still names the primary",
        "2 of it live in the region that is down.",
        "media 4.0s after the outage began: nothing is lost",
        "update aws_s3_bucket.media",
        "5f0c9be1a4a8d0b1",
        "20260108-030000-0007",
    ] {
        assert!(text.contains(what), "{what} in {text}");
    }
}

#[test]
fn a_failure_says_why_and_what_to_do() {
    let text = seen(&page(&rich::failed()));
    let why = text.find("✗ failed data terraform apply in stacks/data failed").unwrap();
    assert!(why < text.find("Milestone Reached at").unwrap(), "{text}");
    assert!(text.contains("Missed recovery failed"), "{text}");
    assert!(text.contains("Do: Raise the quota of DB instances"), "{text}");
    assert!(text.contains("(in flight)"), "{text}");
}

#[test]
fn what_is_not_known_is_left_out() {
    let page = page(&rich::minimal());
    let sections = all("<section id=\"([^\"]*)\"", &page);
    assert_eq!(sections, ["time", "critical", "run"]);
    assert!(!page.contains("<svg"));
    assert!(!page.contains("class=\"gantt\""));
    let text = seen(&page);
    assert!(text.contains("? Unproven"), "{text}");
    assert!(text.contains("t2 declared not reached"), "{text}");
}

#[test]
fn text_from_outside_is_only_text() {
    for (name, mut report) in rich::all() {
        for step in &mut report.steps {
            step.step.refusals.push(rich::refusal());
        }
        report.caveats.push(rich::NASTY.into());
        let page = page(&report);
        assert!(!page.contains("<script"), "{name}");
        assert!(!page.contains('\u{202e}'), "{name}");
        assert!(page.contains("&#60;script&#62;alert(&#39;x&#39;)"), "{name}");
    }
}

#[test]
fn ids_are_unique_and_links_lead_somewhere() {
    for (name, report) in rich::all() {
        let page = page(&report);
        let ids = all(" id=\"([^\"]*)\"", &page);
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{name}");
        let mut named = all("aria-labelledby=\"([^\"]*)\"", &page);
        named.extend(all("href=\"#([^\"]*)\"", &page));
        assert!(named.len() > 4, "{name}");
        for id in named {
            assert!(unique.contains(&id), "{name}: {id}");
        }
    }
}

#[test]
fn nothing_is_fetched() {
    for (name, report) in rich::all() {
        let page = page(&report);
        for link in all("(?:href|src|action)=\"([^\"]*)\"", &page) {
            assert!(link.starts_with('#') || link == "data:,", "{name}: {link}");
        }
        let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        for outside in ["url(", "@import", "http"] {
            assert!(!style.contains(outside), "{name}: {outside}");
        }
    }
}

#[test]
fn every_tag_that_is_opened_is_closed() {
    let void = ["meta", "link", "path", "!doctype"];
    for (name, report) in rich::all() {
        let page = page(&report);
        let body = page.replace(&all("(?s)<style>(.*)</style>", &page)[0], "");
        let mut open = Vec::new();
        for tag in all("<(/?[a-z0-9!]+)[^>]*>", &body) {
            match tag.strip_prefix('/') {
                Some(tag) => assert_eq!(open.pop().as_deref(), Some(tag), "{name}"),
                None if void.contains(&tag.as_str()) => {}
                None => open.push(tag),
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
    }
}

#[test]
fn ten_thousand_resources_are_a_page_and_not_a_heap() {
    let mut report = rich::huge(10_000);
    let path = report.critical_path.as_mut().unwrap();
    let one = path.segments[5].clone();
    path.segments.extend(std::iter::repeat_n(one, 5_000));
    let page = page(&report);
    assert!(page.len() < 700_000, "{} bytes", page.len());
    assert!(seen(&page).contains("9740 are left out here"), "{}", &seen(&page)[..3000]);
    assert!(seen(&page).contains("Drawn are 300 of 10040 resources"));
}

/// `DRCTL_WRITE_PAGES=DIR` writes the pages, to be looked at in a browser.
#[test]
fn a_missed_objective_is_told_by_words() {
    if let Some(folder) = std::env::var_os("DRCTL_WRITE_PAGES") {
        for (name, report) in rich::all().into_iter().chain([("huge", rich::huge(10_000))]) {
            let file = std::path::Path::new(&folder).join(name).with_extension("html");
            std::fs::write(file, page(&report)).unwrap();
        }
    }
    let text = seen(&page(&rich::missed()));
    assert!(text.contains("✗ Missed"), "{text}");
    assert!(text.contains("✗ missed, 2m09.0s over"), "{text}");
}

#[test]
fn what_was_brought_up_and_moved_is_shown() {
    let timeline = crate::report::samples::deployed().iter().collect();
    let text = seen(&page(&Report::new(timeline, crate::report::Kept::default())));
    for what in [
        "the fallback was verified 5m35.0s after the outage began, before traffic was moved",
        "caches may hold the old answer for shop.example.com until 7m07.1s, 1m00.0s after the traffic",
        "shop helm 1m19.9s shop/deployment/api 2 of 2 ready; its last trouble: the probe fails: 503",
        "jobs container the image registry.example.com/jobs:1: the registry has no such tag",
        "shop.example.com led to 192.0.2.1, and leads to 192.0.2.2",
        "cutover dns",
    ] {
        assert!(text.contains(what), "{what} in {text}");
    }
}
