use super::*;
use crate::{
    catalogue::Catalogue,
    forecast::{
        History, Observation,
        tests::{Code, secs},
    },
    model::step::StepId,
};

/// Terraform's own default.
const LANES: usize = 10;

const ASKED: Asked = Asked { draws: 20_000, seed: 7, rto: None, verified: Verified::Never };

fn predict(main: &str, lanes: usize) -> Prediction {
    forecast(main, lanes, &History::default()).predict(&ASKED)
}

fn forecast(main: &str, lanes: usize, history: &History) -> Forecast {
    let code = Code::new(&[("main.tf", main)]);
    code.forecast(&[code.step("app", &[], lanes)], history)
}

/// Whether two times are the same but for a share of the second.
#[track_caller]
fn near(ms: u64, wanted_ms: f64, share: f64) {
    let off = (ms as f64 - wanted_ms).abs() / wanted_ms;
    assert!(off < share, "{ms} is not about {wanted_ms}");
}

fn critical(prediction: &Prediction, address: &str) -> f64 {
    prediction.resource(&StepId::new("app"), address).unwrap().critical
}

/// The mean of the draws, by their quantiles: a trapezium for each twentieth.
fn mean(prediction: &Prediction) -> f64 {
    let pairs = prediction.quantiles_ms.windows(2);
    pairs.map(|pair| (pair[0] + pair[1]) as f64 / 2.0).sum::<f64>() / (QUANTILES - 1) as f64
}

const ONE: &str = r#"resource "x_20" "a" {}"#;
const TWO: &str = "resource \"x_20\" \"a\" {}\nresource \"x_20\" \"b\" {}\n";

#[test]
fn one_resource_is_drawn_through_its_median_and_its_90th_percentile() {
    let one = predict(ONE, LANES);
    near(one.p50_ms, 20_000.0, 0.01);
    near(one.p90_ms, 30_000.0, 0.01);
    // The standard deviation of the logarithm is ln 1.5 / 1.2816; the 99th percentile is at 2.3263.
    near(one.p99_ms, 20_000.0 * (1.5_f64.ln() / 1.281_55 * 2.326_35).exp(), 0.02);
    assert_eq!((one.at_medians_ms, one.floor_ms, one.draws), (20_000, 20_000, 20_000));
    assert_eq!((one.quantiles_ms.len(), one.quantiles_ms[10]), (QUANTILES, one.p50_ms));
    assert!(one.quantiles_ms.is_sorted());
    assert_eq!((critical(&one, "x_20.a"), one.chance, one.before_ms), (1.0, None, None));
}

#[test]
fn of_two_at_once_the_later_one_counts() {
    let two = predict(TWO, LANES);
    assert_eq!(two.at_medians_ms, 20_000);
    // The later of two is below x with the square of the chance that one is: its median is the
    // quantile of one at the square root of a half.
    let spread = 1.5_f64.ln() / 1.281_55;
    near(two.p50_ms, 20_000.0 * (spread * 0.544_95).exp(), 0.01);
    let (a, b) = (critical(&two, "x_20.a"), critical(&two, "x_20.b"));
    assert!((a + b - 1.0).abs() < 1e-9 && (a - 0.5).abs() < 0.02, "{a} {b}");
}

#[test]
fn one_after_the_other_the_means_add_up() {
    let series = "resource \"x_20\" \"a\" {}\nresource \"x_30\" \"b\" {\n  a = x_20.a.id\n}\n";
    let (first, both) = (predict(ONE, 10), predict(series, 10));
    let second = predict("resource \"x_30\" \"b\" {}", 10);
    let sum = mean(&first) + mean(&second);
    near(mean(&both) as u64, sum, 0.02);
    assert_eq!(critical(&both, "x_20.a"), 1.0);
    // And the tail is thinner than that of both at their 90th percentile: 30 s and 45 s.
    assert!(both.p90_ms < 72_000, "{}", both.p90_ms);
}

#[test]
fn with_one_lane_all_is_a_sum() {
    let sum = predict(TWO, 1);
    assert_eq!((sum.at_medians_ms, sum.floor_ms), (40_000, 20_000));
    near(mean(&sum) as u64, 2.0 * mean(&predict(ONE, 1)), 0.02);
    assert_eq!(critical(&sum, "x_20.a"), 1.0);
    assert_eq!(critical(&sum, "x_20.b"), 1.0);
}

#[test]
fn instances_are_drawn_apart() {
    let many = predict("resource \"x_20\" \"a\" {\n  count = 10\n}\n", 10);
    // The latest of ten: the quantile of one at the tenth root of a half, 0.933.
    near(many.p50_ms, 20_000.0 * (1.5_f64.ln() / 1.281_55 * 1.498_7).exp(), 0.01);
    assert_eq!(many.resources[0].instances, 10);
}

#[test]
fn a_short_branch_is_rarely_critical() {
    let main = r#"
        resource "x_10" "top" {}
        resource "x_10" "short" { a = x_10.top.id }
        resource "x_30" "long" { a = x_10.top.id }
        resource "x_10" "end" { a = [x_10.short.id, x_30.long.id] }
    "#;
    let diamond = predict(main, LANES);
    assert_eq!(critical(&diamond, "x_10.top"), 1.0);
    assert_eq!(critical(&diamond, "x_10.end"), 1.0);
    let (short, long) = (critical(&diamond, "x_10.short"), critical(&diamond, "x_30.long"));
    assert!(short < 0.02 && short + long == 1.0, "{short} {long}");
}

#[test]
fn names_on_the_way_change_nothing() {
    let many = "resource \"x_20\" \"a\" {\n  count = 3\n}\nresource \"x_10\" \"b\" {\n  count = 3\n}\nresource \"x_10\" \"c\" {}\n";
    let late = |name: &str, on: &str| format!("resource \"x_30\" \"{name}\" {{\n  a = {on}\n}}\n");
    let all = "[x_20.a, x_10.b, x_10.c]";
    let through = format!(
        "{many}locals {{\n  all = {all}\n  again = local.all\n}}\n{}{}{}",
        late("d", "local.again"),
        late("e", "local.again"),
        late("f", "local.again")
    );
    let direct = format!("{many}{}{}{}", late("d", all), late("e", all), late("f", all));
    let (through, direct) = (predict(&through, 3), predict(&direct, 3));
    assert_eq!(through.quantiles_ms, direct.quantiles_ms);
    assert_eq!(through.resources, direct.resources);
}

#[test]
fn own_history_shifts_and_narrows() {
    let seen = |took| {
        let at = Some((StepId::new("app"), "x_20.a".to_owned()));
        Observation { kind: "x_20".into(), at, took: secs(took) }
    };
    let spreads: Vec<f64> = [0, 2, 20]
        .into_iter()
        .map(|n| {
            let history: History = (0..n).map(|_| seen(60)).collect();
            let drawn = forecast(ONE, 10, &history).predict(&ASKED);
            near(drawn.p50_ms, forecast(ONE, 10, &history).p50.as_secs_f64() * 1e3, 0.01);
            drawn.p90_ms as f64 / drawn.p50_ms as f64
        })
        .collect();
    assert!(spreads.windows(2).all(|pair| pair[1] < pair[0]), "{spreads:?}");
}

#[test]
fn a_draw_stops_where_terraform_gives_up() {
    // The catalogue knows that a NAT gateway may take ten minutes.
    let code = Code::new(&[("main.tf", "resource \"aws_nat_gateway\" \"a\" {}")]);
    let step = code.step("app", &[], 10);
    let forecast = code.forecast_with(&[step], Catalogue::builtin(), &History::default());
    let ceiling = Catalogue::builtin().create_time("aws_nat_gateway").ceiling.unwrap();
    let longest = forecast.predict(&ASKED).quantiles_ms[QUANTILES - 1];
    assert!(longest <= ms(ceiling), "{longest}");
}

#[test]
fn threads_do_not_change_what_is_drawn_and_seeds_do() {
    let forecast = forecast(TWO, 10, &History::default());
    let with = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| forecast.predict(&Asked { draws: 1_001, seed, ..ASKED }))
    };
    assert_eq!(with(1, 1), with(3, 1));
    assert_ne!(with(1, 1).quantiles_ms, with(1, 2).quantiles_ms);
    assert_eq!(with(2, 1).draws, 1_001);
}

#[test]
fn what_own_runs_took_besides_is_drawn_from_them() {
    let mut history = History::default();
    [10, 30].into_iter().for_each(|s| history.add_overhead(StepId::new("app"), secs(s)));
    [5, 5].into_iter().for_each(|s| history.add_verification(secs(s)));
    [0, 1_000].into_iter().for_each(|s| history.add_before(secs(s)));
    let asked =
        Asked { rto: Some(secs(500)), verified: Verified::ByProbes { at_least: secs(1) }, ..ASKED };
    let forecast = forecast("", 10, &history);
    let drawn = forecast.predict(&asked);
    // Without a resource, either of two overheads, and the verification.
    assert_eq!((drawn.quantiles_ms[0], drawn.quantiles_ms[20]), (15_000, 35_000));
    assert_eq!((drawn.at_medians_ms, drawn.before_ms), (25_000, Some(500_000)));
    let chance = drawn.chance.unwrap();
    assert!((chance - 0.5).abs() < 0.02, "one of two outages is found too late: {chance}");
    assert_eq!(drawn.missing, Vec::<String>::new());
    assert_eq!(drawn.steps[0].p50_ms + 5_000, drawn.p50_ms, "a step ends before verification");
}

#[test]
fn what_nobody_has_seen_is_told() {
    let code = Code::new(&[(
        "main.tf",
        "module \"eks\" {\n  source = \"a/b/c\"\n}\nresource \"x_10\" \"a\" {\n  count = var.n\n}\n",
    )]);
    let release = crate::forecast::Step {
        id: StepId::new("release"),
        needs: vec![],
        root: None,
        plan: None,
        lanes: Some(1),
    };
    let forecast = code.forecast(&[code.step("app", &[], 10), release], &History::default());
    let asked = |verified| Asked { draws: 1, verified, ..ASKED };
    let missing = |verified| forecast.predict(&asked(verified)).missing.join("\n");
    insta::assert_snapshot!(missing(Verified::ByProbes { at_least: secs(10) }), @"
    init and plan of app
    the programs of release
    verification beyond the 10s that the probes need
    detection and decision
    modules that are not in the repository: module.eks in app
    the number of `x_10.a`, which the code does not tell (one is counted)
    ");
    insta::assert_snapshot!(missing(Verified::Simulated), @"
    init and plan of app
    modules that are not in the repository: module.eks in app
    the number of `x_10.a`, which the code does not tell (one is counted)
    ");
    assert!(missing(Verified::Never).contains("no probe is declared"));
    let with = forecast.predict(&Asked {
        verified: Verified::ByProbes { at_least: secs(10) },
        ..asked(Verified::Never)
    });
    let without = forecast.predict(&asked(Verified::Never));
    assert_eq!(with.p50_ms, without.p50_ms + 10_000, "what is certain is in it");
}

#[test]
fn what_is_there_already_takes_no_time() {
    let series = "resource \"x_20\" \"a\" {}\nresource \"x_30\" \"b\" {\n  a = x_20.a.id\n}\n";
    let whole = forecast(series, 10, &History::default());
    let app = StepId::new("app");
    let less = whole.clone().provide(|stack, address| *stack == app && address == "x_20.a");
    assert_eq!((less.p50, less.counts.there), (secs(30), 1));
    assert_eq!(whole.saves_at(&app, "x_20.a"), secs(20));
    let drawn = less.predict(&ASKED);
    near(drawn.p50_ms, 30_000.0, 0.01);
    assert_eq!(drawn.resources.len(), 1);
    let elsewhere = whole.provide(|stack, _| stack.as_str() == "data");
    assert_eq!((elsewhere.p50, elsewhere.counts.there), (secs(50), 0));
}

#[test]
fn nothing_takes_no_time() {
    let nothing = predict("", 10);
    assert_eq!((nothing.p50_ms, nothing.quantiles_ms[20], nothing.resources.len()), (0, 0, 0));
}
