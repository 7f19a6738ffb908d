//! How long resources took in the team's own runs, blended with what is publicly known.

use crate::{
    catalogue::{self, Catalogue},
    model::step::StepId,
};
use std::{collections::BTreeMap, fmt, time::Duration};

/// How many observations of a type weigh as much as the catalogue.
const TYPE_PRIOR: f64 = 3.0;

/// How many observations of the very resource weigh as much as all that is known of its type.
///
/// Less than for a type: its size, engine and settings are those that will be made again.
const ADDRESS_PRIOR: f64 = 1.0;

/// The largest proportion of the 90th percentile to the median that own creates are believed.
///
/// A type whose resources differ by more, such as `terraform_data`, has several medians and not a
/// wide spread; the widest that the catalogue has of public logs is 2.9.
const WIDEST_SPREAD: f64 = 10.0;

/// The longest time that an own run is believed: the longest default timeout of a create, that of
/// `google_filestore_instance` (14,400 minutes, the provider's documentation).
const LONGEST_SEEN: Duration = Duration::from_secs(14_400 * 60);

/// One resource instance that was made in a real run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Its type, such as `aws_vpc`.
    pub kind: String,
    /// Its stack and its address without keys of instances; `None` when it is of another service,
    /// whose stacks may have the same names.
    pub at: Option<(StepId, String)>,
    /// From Terraform's start of the create to its end.
    pub took: Duration,
}

/// The create times of the team's own runs. Plain data: who reads the journals hands them in.
#[derive(Clone, Debug, Default)]
pub struct History {
    types: BTreeMap<String, Samples>,
    addresses: BTreeMap<StepId, BTreeMap<String, Samples>>,
    overheads: BTreeMap<StepId, Samples>,
    before: Samples,
    verifications: Samples,
}

/// How long one create of a resource takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// The median.
    pub p50: Duration,
    /// The 90th percentile; never less than the median.
    pub p90: Duration,
    /// Where the numbers come from.
    pub basis: Basis,
}

/// Where a [`Time`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The code says it, as the `create_duration` of `time_sleep` does.
    Code,
    /// The team's own runs of this very resource, blended with what is known of its type.
    Address {
        /// How many creates were seen; at least 1.
        samples: usize,
    },
    /// The team's own runs of the type, blended with the catalogue.
    Own {
        /// How many creates were seen; at least 1.
        samples: usize,
    },
    /// The catalogue's entry of the type.
    Type {
        /// How many public observations it rests on; 0 when it is from documentation.
        samples: u32,
    },
    /// The catalogue's estimate for resources of its kind; nobody timed the type.
    Class,
    /// A guess: the catalogue knows the provider at most.
    Guess,
    /// Nothing is known, and it is taken as no time.
    Unknown,
    /// It is said to be there already, and takes no time.
    There,
}

impl fmt::Display for Basis {
    /// Writes it as the words of a table, such as `3 own runs of its type`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let creates = |n: usize| if n == 1 { "create" } else { "creates" };
        let text = match *self {
            Self::Code => "the code".to_owned(),
            Self::Address { samples } => format!("{samples} own {}", creates(samples)),
            Self::Own { samples } => format!("{samples} own {} of its type", creates(samples)),
            Self::Type { samples: 0 } => "documentation".to_owned(),
            Self::Type { samples } => format!("public logs (n={samples})"),
            Self::Class => "estimate of its kind".to_owned(),
            Self::Guess => "guess".to_owned(),
            Self::Unknown => "not known".to_owned(),
            Self::There => "there already".to_owned(),
        };
        f.pad(&text)
    }
}

impl History {
    /// Takes one observation in.
    pub fn add(&mut self, seen: Observation) {
        if let Some((stack, address)) = seen.at {
            let of_stack = self.addresses.entry(stack).or_default();
            of_stack.entry(address).or_default().add(seen.took);
        }
        self.types.entry(seen.kind).or_default().add(seen.took);
    }

    /// Takes in how long a stack needed from when its needs were up until its first resource was
    /// begun: `init`, as far as it was not done while it waited, `plan` and the gate. Of a step that
    /// is no stack it is all that it took.
    pub fn add_overhead(&mut self, step: StepId, took: Duration) {
        self.overheads.entry(step).or_default().add(took);
    }

    /// Takes in what passed from the outage to the declaration: detection and decision.
    pub fn add_before(&mut self, took: Duration) {
        self.before.add(took);
    }

    /// Takes in how long it took from the last step until the service was verified.
    pub fn add_verification(&mut self, took: Duration) {
        self.verifications.add(took);
    }

    /// Returns what [`History::add_overhead`] was told of a step, shortest first.
    pub fn overheads(&self, step: &StepId) -> &[Duration] {
        self.overheads.get(step).map_or(&[], |seen| &seen.sorted)
    }

    /// Returns what [`History::add_before`] was told, shortest first.
    pub fn before(&self) -> &[Duration] {
        &self.before.sorted
    }

    /// Returns what [`History::add_verification`] was told, shortest first.
    pub fn verifications(&self) -> &[Duration] {
        &self.verifications.sorted
    }

    /// Returns the median of what [`History::add_overhead`] was told of a step.
    pub fn overhead(&self, step: &StepId) -> Option<Duration> {
        self.overheads.get(step).map(|seen| seen.quantile(0.5))
    }

    /// Returns how many observations there are.
    pub fn len(&self) -> usize {
        self.types.values().map(|seen| seen.sorted.len()).sum()
    }

    /// Whether there is no observation.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Returns how long a create takes, by the nearest that is known.
    ///
    /// The catalogue's median is blended with the median of the `n` own creates of the type, which
    /// weighs `n / (n + 3)`; the result with that of the `m` own creates of the very resource, which
    /// weighs `m / (m + 1)`. So three own creates of a type count as much as the catalogue, and one
    /// of the resource itself as much as all that is known of its type. The 90th percentile keeps
    /// its proportion to the median: the logarithm of that proportion, which is the spread of a
    /// log-normal distribution, is blended with the same weights, where the own one is of the 90th
    /// percentile of the creates, interpolated between those seen, and at most 10. The weights are a
    /// choice, not a measurement.
    pub fn time(&self, stack: &StepId, address: &str, kind: &str, catalogue: &Catalogue) -> Time {
        let known = catalogue.create_time(kind);
        let basis = match known.basis {
            catalogue::Basis::Type => Basis::Type { samples: known.samples },
            catalogue::Basis::Class => Basis::Class,
            catalogue::Basis::Provider => Basis::Guess,
        };
        let mut time = Time { p50: known.p50, p90: known.p90, basis };
        if let Some(own) = self.types.get(kind) {
            time = own.blend(time, TYPE_PRIOR, |samples| Basis::Own { samples });
        }
        if let Some(own) = self.addresses.get(stack).and_then(|stack| stack.get(address)) {
            time = own.blend(time, ADDRESS_PRIOR, |samples| Basis::Address { samples });
        }
        time
    }
}

impl FromIterator<Observation> for History {
    fn from_iter<I: IntoIterator<Item = Observation>>(seen: I) -> Self {
        let mut history = Self::default();
        seen.into_iter().for_each(|observation| history.add(observation));
        history
    }
}

impl Time {
    /// A time that is certain.
    pub(super) fn fixed(time: Duration, basis: Basis) -> Self {
        Self { p50: time, p90: time, basis }
    }
}

/// Durations, shortest first; never asked for a quantile while there is none.
#[derive(Clone, Debug, Default)]
struct Samples {
    sorted: Vec<Duration>,
}

impl Samples {
    fn add(&mut self, took: Duration) {
        let took = took.min(LONGEST_SEEN);
        let at = self.sorted.partition_point(|other| *other <= took);
        self.sorted.insert(at, took);
    }

    /// Returns a quantile, interpolated between the nearest observations.
    fn quantile(&self, u: f64) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        let exact = u.clamp(0.0, 1.0) * last as f64;
        // Positive, and far below what a float cannot count.
        let (at, part) = (exact as usize, exact.fract());
        let seen = |at: usize| self.sorted.get(at.min(last)).copied().unwrap_or_default();
        seen(at) + seen(at + 1).saturating_sub(seen(at)).mul_f64(part)
    }

    fn blend(&self, prior: Time, weight: f64, basis: impl Fn(usize) -> Basis) -> Time {
        let samples = self.sorted.len();
        let w = samples as f64 / (samples as f64 + weight);
        let median = self.quantile(0.5);
        let spread = |p50: Duration, p90: Duration| {
            if p50.is_zero() { 1.0 } else { p90.as_secs_f64() / p50.as_secs_f64() }
        };
        let own = spread(median, self.quantile(0.9)).min(WIDEST_SPREAD);
        let p50 = median.mul_f64(w) + prior.p50.mul_f64(1.0 - w);
        let p90 = p50.mul_f64(own.powf(w) * spread(prior.p50, prior.p90).powf(1.0 - w));
        Time { p50, p90: p90.max(p50), basis: basis(samples) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = r#"{"resources": {"x_box": {
        "create": {"p50": "100s", "p90": "150s", "n": 5, "source": "log"}
    }}}"#;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn seen(stack: &str, address: &str, took: u64) -> Observation {
        let at = Some((StepId::new(stack), address.to_owned()));
        Observation { kind: "x_box".into(), at, took: secs(took) }
    }

    fn time(history: &History, stack: &str, address: &str) -> Time {
        let catalogue = Catalogue::with(NODES).unwrap();
        history.time(&StepId::new(stack), address, "x_box", &catalogue)
    }

    #[test]
    fn without_history_the_catalogue_is_all_there_is() {
        let none = History::default();
        let expected = Time { p50: secs(100), p90: secs(150), basis: Basis::Type { samples: 5 } };
        assert_eq!(time(&none, "data", "x_box.a"), expected);
        assert_eq!(
            (none.len(), none.is_empty(), none.overhead(&StepId::new("data"))),
            (0, true, None)
        );
    }

    #[test]
    fn three_own_creates_of_a_type_weigh_as_much_as_the_catalogue() {
        let history: History = (1..=3).map(|n| seen("other", &format!("x_box.{n}"), 200)).collect();
        // w = 3 / (3 + 3): the median between 100 s and 200 s, the spread half of the way from 1.5 to
        // 1, as logarithms: the square root of 1.5.
        let blended = time(&history, "data", "x_box.a");
        assert_eq!(blended.basis, Basis::Own { samples: 3 });
        assert_eq!(blended.p50, secs(150));
        assert_eq!(blended.p90.as_millis(), 183_711);
    }

    #[test]
    fn resources_of_a_type_that_differ_a_thousandfold_are_no_spread() {
        let took = [1, 1, 1, 1, 1_000, 1_000];
        let history: History =
            took.map(|took| seen("other", "x_box.b", took)).into_iter().collect();
        // The median is 1 s; 6 / (6 + 3) of it and the rest of 100 s is 34 s. The proportion of the
        // own is 1,000, believed as 10, so that of both is below that.
        let blended = time(&history, "data", "x_box.a");
        assert_eq!(blended.p50.as_secs(), 34);
        assert!(blended.p90 < blended.p50 * 10, "{blended:?}");
    }

    #[test]
    fn own_creates_outweigh_the_catalogue_as_they_grow() {
        let medians: Vec<_> = [0, 1, 3, 9, 97]
            .into_iter()
            .map(|n| {
                let history: History = (0..n).map(|_| seen("other", "x_box.b", 200)).collect();
                time(&history, "data", "x_box.a").p50.as_secs()
            })
            .collect();
        assert_eq!(medians, [100, 125, 150, 175, 197]);
    }

    #[test]
    fn the_very_resource_counts_more_than_its_type() {
        let mut history: History =
            [100, 100, 100].map(|took| seen("other", "x_box.b", took)).into_iter().collect();
        history.add(seen("data", "x_box.a", 300));
        // The type: the median of 100, 100, 100, 300 is 100. The resource: 1 / (1 + 1) of 300.
        let blended = time(&history, "data", "x_box.a");
        assert_eq!((blended.p50, blended.basis), (secs(200), Basis::Address { samples: 1 }));
        assert_eq!(
            time(&history, "app", "x_box.a").basis,
            Basis::Own { samples: 4 },
            "another stack"
        );
    }

    #[test]
    fn another_service_tells_of_types_and_not_of_addresses() {
        let elsewhere = Observation { at: None, ..seen("data", "x_box.a", 200) };
        let history: History = [elsewhere].into_iter().collect();
        assert_eq!(time(&history, "data", "x_box.a").basis, Basis::Own { samples: 1 });
    }

    #[test]
    fn quantiles_lie_between_what_was_seen() {
        let mut samples = Samples::default();
        [40, 10, 30, 20].into_iter().for_each(|took| samples.add(secs(took)));
        let at = |u| samples.quantile(u).as_millis();
        assert_eq!((at(0.0), at(0.5), at(0.9), at(1.0)), (10_000, 25_000, 37_000, 40_000));
    }

    #[test]
    fn the_overhead_of_a_stack_is_the_median_of_its_own() {
        let mut history = History::default();
        [30, 90, 40].into_iter().for_each(|s| history.add_overhead(StepId::new("data"), secs(s)));
        assert_eq!(history.overhead(&StepId::new("data")), Some(secs(40)));
        assert!(history.is_empty(), "no resource was seen");
    }
}
