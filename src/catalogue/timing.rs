//! How long an operation takes, as a distribution with its provenance.

use crate::model::time::parse_duration;
use serde::Deserialize;
use std::time::Duration;

/// Where the numbers of a [`Timing`] come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimingSource {
    /// Observed: lines of public Terraform logs, or a user's own history.
    Log,
    /// A range that public documentation states.
    Docs,
    /// Only the default timeout is known.
    Timeout,
    /// Nobody measured it: a guess for resources of that kind.
    Estimate,
}

/// How near the answer is to what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Of this very type.
    Type,
    /// Of the class that the type, or its family, was put into.
    Class,
    /// Of the provider's usual class: the type is not in the catalogue.
    Provider,
}

/// How long one operation on one resource takes.
///
/// It is read as a log-normal distribution through its median and its 90th
/// percentile: durations are positive, and their tail is on the slow side.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "File")]
pub struct Timing {
    /// The median.
    pub p50: Duration,
    /// The 90th percentile; never less than the median.
    pub p90: Duration,
    /// The shortest that was observed or is documented.
    pub min: Option<Duration>,
    /// The longest that was observed or is documented.
    pub max: Option<Duration>,
    /// How many observations there are; zero for all that is not from a log.
    pub samples: u32,
    /// Where the numbers come from.
    pub source: TimingSource,
    /// How near the answer is to what was asked.
    pub basis: Basis,
    /// The default timeout of the operation: Terraform gives up here.
    pub ceiling: Option<Duration>,
}

impl Timing {
    /// Returns the duration at the quantile `u`, from 0 to 1; what is outside counts as the nearest.
    ///
    /// Monotone in `u`, and [`p50`](Self::p50) at 0.5, so that an even random
    /// number makes a fair draw. Never longer than the ceiling. The observed
    /// extremes do not bound it: a few samples have not seen the tail.
    pub fn draw(&self, u: f64) -> Duration {
        let drawn = self.p50.mul_f64((spread(self.p50, self.p90) * normal_quantile(u)).exp());
        self.ceiling.map_or(drawn, |ceiling| drawn.min(ceiling))
    }

    /// Whether the type itself was not timed, so that its class or provider had to do.
    pub fn is_fallback(&self) -> bool {
        self.basis != Basis::Type
    }
}

/// Returns the standard deviation of the logarithm of a log-normal time with this median and this
/// 90th percentile; zero when one of them is.
pub fn spread(p50: Duration, p90: Duration) -> f64 {
    if p50.is_zero() || p90.is_zero() {
        return 0.0;
    }
    (p90.as_secs_f64() / p50.as_secs_f64()).ln() / Z90
}

/// A timing as the data files write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    p50: String,
    p90: Option<String>,
    min: Option<String>,
    max: Option<String>,
    n: u32,
    source: TimingSource,
}

/// The spread that is assumed when a single observation says nothing about it: p90 / p50.
const ASSUMED_SPREAD: f64 = 1.5;

/// The 90th percentile of the standard normal distribution.
const Z90: f64 = 1.281_551_565_544_6;

impl TryFrom<File> for Timing {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        let read = |text: &String| parse_duration(text).map_err(|error| error.to_string());
        let p50 = read(&file.p50)?;
        let min = file.min.as_ref().map(read).transpose()?;
        let max = file.max.as_ref().map(read).transpose()?;
        let p90 = match &file.p90 {
            Some(p90) => read(p90)?,
            None => p90_from(p50, max, file.n),
        };
        if p90 < p50 {
            return Err("`p90` is shorter than `p50`".to_owned());
        }
        if min.is_some_and(|min| min > p50) {
            return Err("`min` is longer than `p50`".to_owned());
        }
        if max.is_some_and(|max| max < p90) {
            return Err("`max` is shorter than `p90`".to_owned());
        }
        match (file.source, file.n) {
            (TimingSource::Log, 0) => Err("`n` must say how many observations the log has".into()),
            (TimingSource::Log, _) | (_, 0) => Ok(Self {
                p50,
                p90,
                min,
                max,
                samples: file.n,
                source: file.source,
                basis: Basis::Type,
                ceiling: None,
            }),
            (_, _) => Err("only a log has observations: `n` must be 0".to_owned()),
        }
    }
}

/// Estimates the 90th percentile that a file leaves out.
///
/// The longest of `n` observations is taken as the `n / (n + 1)` quantile, its
/// expected rank. A documented longest, without observations, is taken as it is.
fn p90_from(p50: Duration, max: Option<Duration>, n: u32) -> Duration {
    match max {
        Some(max) if n == 0 => max,
        Some(max) if n > 1 && max > p50 => {
            let rank = f64::from(n) / f64::from(n + 1);
            let spread = (max.as_secs_f64() / p50.as_secs_f64()).ln() / normal_quantile(rank);
            p50.mul_f64((spread * Z90).exp()).min(max)
        }
        Some(max) => max.min(p50.mul_f64(ASSUMED_SPREAD)),
        None => p50.mul_f64(ASSUMED_SPREAD),
    }
}

/// Returns the quantile of the standard normal distribution at `u`, from 0 to 1, bounded at one in a
/// million; what is not a number counts as the middle.
///
/// P. J. Acklam's rational approximation; relative error below 1.2e-9.
pub fn normal_quantile(u: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
        1.0,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        0.007_784_695_709_041_462,
        0.322_467_129_070_039_8,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    const TAIL: f64 = 0.024_25;
    let horner = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, f| sum * x + f);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / horner(&D, q)
    };
    let u = if u.is_nan() { 0.5 } else { u.clamp(1e-6, 1.0 - 1e-6) };
    if u < TAIL {
        tail(u)
    } else if u > 1.0 - TAIL {
        -tail(1.0 - u)
    } else {
        let q = u - 0.5;
        q * horner(&A, q * q) / horner(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(json: &str) -> Result<Timing, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_draw_hits_its_percentiles_and_never_goes_back() {
        let it = timing(r#"{"p50": "100s", "p90": "150s", "n": 0, "source": "estimate"}"#).unwrap();
        assert_eq!(it.draw(0.5), it.p50);
        assert!((it.draw(0.9).as_secs_f64() - 150.0).abs() < 0.001);
        let drawn: Vec<_> = (-5..=1_005).map(|i| it.draw(f64::from(i) / 1_000.0)).collect();
        assert!(drawn.is_sorted());
        assert!(drawn[0] > Duration::ZERO);
        assert_eq!(it.draw(f64::NAN), it.p50);
    }

    #[test]
    fn a_draw_stops_at_the_timeout() {
        let mut it =
            timing(r#"{"p50": "10m", "p90": "30m", "n": 0, "source": "estimate"}"#).unwrap();
        it.ceiling = Some(Duration::from_secs(3_600));
        assert_eq!(it.draw(1.0), Duration::from_secs(3_600));
        assert_eq!(it.draw(0.5), Duration::from_secs(600));
    }

    #[test]
    fn a_missing_p90_follows_from_the_longest_observation() {
        let log = r#"{"p50": "588s", "min": "494s", "max": "683s", "n": 14, "source": "log"}"#;
        let p90 = timing(log).unwrap().p90.as_secs_f64();
        // The longest of 14 stands at the quantile 14/15, a little beyond the 90th percentile.
        assert!((660.0..683.0).contains(&p90), "{p90}");
        let one = timing(r#"{"p50": "100s", "n": 1, "source": "log"}"#).unwrap();
        assert_eq!(one.p90, Duration::from_secs(150));
        let docs = r#"{"p50": "30m", "max": "45m", "n": 0, "source": "docs"}"#;
        assert_eq!(timing(docs).unwrap().p90, Duration::from_secs(2_700));
    }

    #[test]
    fn impossible_numbers_are_refused() {
        let said: Vec<_> = [
            r#"{"p50": "2m", "p90": "1m", "n": 0, "source": "estimate"}"#,
            r#"{"p50": "2m", "p90": "9m", "max": "3m", "n": 4, "source": "log"}"#,
            r#"{"p50": "2m", "min": "3m", "n": 4, "source": "log"}"#,
            r#"{"p50": "2m", "n": 0, "source": "log"}"#,
            r#"{"p50": "2m", "n": 7, "source": "estimate"}"#,
            r#"{"p50": "2 monkeys", "n": 0, "source": "estimate"}"#,
            r#"{"p50": "2m", "n": 0, "source": "rumour"}"#,
        ]
        .into_iter()
        .map(|json| timing(json).expect_err(json))
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        `p90` is shorter than `p50`
        `max` is shorter than `p90`
        `min` is longer than `p50`
        `n` must say how many observations the log has
        only a log has observations: `n` must be 0
        `2 monkeys` is not a duration such as `90s`, `15m` or `1h30m`
        unknown variant `rumour`, expected one of `log`, `docs`, `timeout`, `estimate` at line 1 column 40
        ");
    }

    #[test]
    fn the_normal_quantile_is_that_of_the_tables() {
        for (u, z) in [(0.5, 0.0), (0.9, 1.281_552), (0.975, 1.959_964), (0.01, -2.326_348)] {
            assert!((normal_quantile(u) - z).abs() < 1e-5, "{u}");
        }
    }
}
