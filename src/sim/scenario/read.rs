//! Reading a scenario: every mistake at once, each with its path.

use crate::{
    model::nearest,
    sim::scenario::{On, Outage, OutageMode, Scenario},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt;

/// One thing that is wrong with a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, such as `outages[0].until_ms`.
    pub path: String,
    /// What, in words without a full stop.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path, self.problem)
    }
}

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is not JSON.
    #[error("the scenario is not JSON")]
    Syntax(#[source] serde_json::Error),
    /// It says something that means nothing.
    #[error("the scenario has {}: {}", counted(.0.len()), listed(.0))]
    Mistakes(Vec<Mistake>),
}

impl ScenarioError {
    /// Returns what to do now.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Syntax(_) => "Write the scenario as one JSON object, such as \
                `{\"outages\": [{\"on\": {\"region\": \"eu-west-1\"}, \"from_ms\": 60000}]}`"
                .to_owned(),
            Self::Mistakes(_) => {
                "Correct the places named above; all of them are listed".to_owned()
            }
        })
    }
}

fn counted(mistakes: usize) -> String {
    if mistakes == 1 { "a mistake".to_owned() } else { format!("{mistakes} mistakes") }
}

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Scenario {
    /// Reads a scenario from JSON text.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`], with all mistakes rather than the first.
    pub fn from_json(text: &str) -> Result<Self, ScenarioError> {
        Self::from_value(serde_json::from_str(text).map_err(ScenarioError::Syntax)?)
    }

    /// Reads a scenario from a value, for what was written in another form than JSON.
    ///
    /// # Errors
    ///
    /// [`ScenarioError::Mistakes`], with all of them.
    pub fn from_value(value: Value) -> Result<Self, ScenarioError> {
        let Value::Object(fields) = value else {
            let problem = "is not a table of lists".to_owned();
            return Err(ScenarioError::Mistakes(vec![Mistake {
                path: "scenario".to_owned(),
                problem,
            }]));
        };
        let mut reader = Reader { fields, mistakes: Vec::new() };
        let scenario = Self {
            name: reader.text("name"),
            about: reader.text("about"),
            source: reader.text("source"),
            outages: reader.list("outages"),
            throttles: reader.list("throttles"),
            failures: reader.list("failures"),
            quotas: reader.list("quotas"),
            slow: reader.list("slow"),
            consistency: reader.list("consistency"),
            quarantines: reader.list("quarantines"),
            names_taken: reader.list("names_taken"),
        };
        let mut mistakes = reader.finish();
        // An item that could not be read is left out above, which would put the
        // later ones at wrong places: what items mean is checked once all are read.
        if mistakes.is_empty() {
            mistakes = scenario.mistakes();
        }
        if mistakes.is_empty() { Ok(scenario) } else { Err(ScenarioError::Mistakes(mistakes)) }
    }

    /// Returns everything that it says and that means nothing.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        let mut wrong = |is_wrong: bool, path: String, problem: &str| {
            if is_wrong {
                found.push(Mistake { path, problem: problem.to_owned() });
            }
        };
        for (path, on) in self.ons() {
            check_on(on, &path, &mut wrong);
        }
        for (n, outage) in self.outages.iter().enumerate() {
            check_outage(outage, &format!("outages[{n}]"), &mut wrong);
        }
        for (n, throttle) in self.throttles.iter().enumerate() {
            let rate = throttle.per_second;
            wrong(!is_positive(rate), format!("throttles[{n}].per_second"), "is not above 0");
            wrong(throttle.burst == 0, format!("throttles[{n}].burst"), "is not at least 1");
        }
        for (n, rigged) in self.failures.iter().enumerate() {
            let path = format!("failures[{n}]");
            let share = rigged.probability.is_some_and(|p| !(0.0..=1.0).contains(&p));
            wrong(share, format!("{path}.probability"), "is not between 0 and 1");
            wrong(rigged.nth == Some(0), format!("{path}.nth"), "counts from 1");
            let both = rigged.nth.is_some() && rigged.probability.is_some();
            wrong(both, path.clone(), "has both `nth` and `probability`");
            wrong(rigged.message.is_empty(), format!("{path}.message"), "is empty");
        }
        for (n, quota) in self.quotas.iter().enumerate() {
            let path = format!("quotas[{n}].on");
            let narrowed = !quota.on.is_about_what_stands();
            wrong(narrowed, path.clone(), "can name a region and types only");
            wrong(quota.on.types.is_empty(), path, "names no types");
        }
        for (n, slow) in self.slow.iter().enumerate() {
            wrong(!is_positive(slow.factor), format!("slow[{n}].factor"), "is not above 0");
            let ends = slow.until_ms.is_some_and(|until_ms| until_ms <= slow.from_ms);
            wrong(ends, format!("slow[{n}].until_ms"), "is not after `from_ms`");
        }
        for (n, taken) in self.names_taken.iter().enumerate() {
            wrong(taken.name.is_empty(), format!("names_taken[{n}].name"), "is empty");
            let path = format!("names_taken[{n}].type");
            wrong(!is_pattern(&taken.kind), path, "is no type, nor the beginning of one and a `*`");
        }
        found
    }
}

fn check_on(on: &On, path: &str, wrong: &mut impl FnMut(bool, String, &str)) {
    wrong(on.region.as_deref() == Some(""), format!("{path}.region"), "is empty");
    wrong(on.address.as_deref() == Some(""), format!("{path}.address"), "is empty");
    for (n, pattern) in on.types.iter().enumerate() {
        let path = format!("{path}.types[{n}]");
        wrong(!is_pattern(pattern), path, "is no type, nor the beginning of one and a `*`");
    }
}

fn check_outage(outage: &Outage, path: &str, wrong: &mut impl FnMut(bool, String, &str)) {
    let ends_first = outage.until_ms.is_some_and(|until_ms| until_ms <= outage.from_ms);
    wrong(ends_first, format!("{path}.until_ms"), "is not after `from_ms`");
    let share = outage.share.is_some_and(|share| !is_positive(share) || share > 1.0);
    wrong(share, format!("{path}.share"), "is not above 0 and at most 1");
    let calls_only = outage.mode == OutageMode::LostData && !outage.on.is_about_what_stands();
    let problem = "can name a region and types only, since data is lost for all calls";
    wrong(calls_only, format!("{path}.on"), problem);
}

fn is_positive(number: f64) -> bool {
    number.is_finite() && number > 0.0
}

fn is_pattern(pattern: &str) -> bool {
    let name = pattern.strip_suffix('*').unwrap_or(pattern);
    !pattern.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Takes the fields of a scenario apart, and remembers all that is wrong with them.
struct Reader {
    fields: Map<String, Value>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn text(&mut self, field: &str) -> Option<String> {
        match self.fields.remove(field)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            _ => {
                self.wrong(field.to_owned(), "is not text".to_owned());
                None
            }
        }
    }

    fn list<T: DeserializeOwned>(&mut self, field: &str) -> Vec<T> {
        let items = match self.fields.remove(field) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.wrong(field.to_owned(), "is not a list".to_owned());
                return Vec::new();
            }
        };
        let mut read = Vec::new();
        for (n, item) in items.into_iter().enumerate() {
            match serde_json::from_value(item) {
                Ok(item) => read.push(item),
                Err(error) => self.wrong(format!("{field}[{n}]"), error.to_string()),
            }
        }
        read
    }

    fn wrong(&mut self, path: String, problem: String) {
        self.mistakes.push(Mistake { path, problem });
    }

    /// Returns all mistakes; fields that nobody asked for are some.
    fn finish(mut self) -> Vec<Mistake> {
        const FIELDS: [&str; 11] = [
            "name",
            "about",
            "source",
            "outages",
            "throttles",
            "failures",
            "quotas",
            "slow",
            "consistency",
            "quarantines",
            "names_taken",
        ];
        for field in std::mem::take(&mut self.fields).into_iter().map(|(field, _)| field) {
            let problem = match nearest(&field, FIELDS) {
                Some(meant) => format!("is no part of a scenario, `{meant}` is"),
                None => format!("is no part of a scenario, which are: {}", FIELDS.join(", ")),
            };
            self.wrong(field, problem);
        }
        self.mistakes
    }
}
