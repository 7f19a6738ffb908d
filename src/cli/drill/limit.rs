//! How long a drill may stand: by the clock, and by what it costs.

use super::Terms;
use crate::{
    catalogue::prices,
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        prepared::Prepared,
    },
    engine::{Run, Stop},
    model::{
        prediction::Prediction,
        resource::type_of,
        time::{Pretty, Rounded},
    },
    runbook::Known,
};
use anyhow::anyhow;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{task::JoinHandle, time::sleep};

/// The longest limit that there is: what is longer ends nothing.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// When a drill is ended, whatever it has come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    /// How long after it was declared, by the clock of the machine.
    after: Duration,
    /// What is said then.
    why: String,
}

/// A limit that will be reached, unless this is dropped before.
pub(crate) struct Clock(JoinHandle<()>);

impl Drop for Clock {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Limit {
    /// Lets the time run from now on.
    pub(crate) fn begin(self, stop: &Stop) -> Clock {
        let stop = stop.clone();
        Clock(tokio::spawn(async move {
            sleep(self.after).await;
            stop.expire(&self.why);
        }))
    }
}

/// What a drill costs while it stands.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rate {
    /// For an hour, in the currency of the prices.
    hourly: f64,
    /// Types that nobody has told the price of.
    unknown: BTreeSet<String>,
}

/// Bounds a drill by time and cost, and says so to the run. `foreseen` is false when a forecast was
/// asked for and none could be made.
///
/// The rate is the sum of the list prices of all that the forecast knows of; the cost limit is the
/// time in which the rate comes to it, from the declaration to the begin of the teardown. A started
/// hour counts as the part of it that passed.
///
/// # Errors
///
/// The forecast does not fit into the cost, or the runbook's prices have no value.
pub(crate) fn bound(
    terms: &Terms,
    prepared: &mut Prepared,
    foreseen: bool,
    run: &mut Run<'_>,
) -> Result<(), CliError> {
    let drill = &prepared.runbook.drill;
    let max_cost = terms.max_cost.or(drill.max_cost);
    let max_time = terms.max_time.or(drill.max_time);
    let own = own_prices(prepared)?;
    let rate = prepared.forecast.as_ref().map(|forecast| Rate::of(forecast, &own));
    let rate = rate.unwrap_or_default();
    if max_cost.is_some() || rate.hourly > 0.0 {
        run.note(rate.in_words());
    }
    let by_cost = match max_cost {
        None => None,
        Some(_) if !foreseen => return Err(unknown_cost()),
        Some(cost) => rate.limit(cost, prepared.forecast.as_ref())?,
    };
    if let Some((cost, after)) = max_cost.zip(by_cost) {
        let after = Rounded(after);
        run.note(format!("it is torn down after {after}, when that comes to {}", money(cost)));
    }
    if let Some(after) = max_time {
        run.note(format!("it is torn down {} after its declaration", Pretty(after)));
    }
    let scale = terms.simulated.as_ref().map_or(1, |simulated| simulated.time_scale.max(1));
    let time = max_time.map(|after| {
        (after, format!("the time limit of {} is reached: the drill is ended", Pretty(after)))
    });
    let cost = max_cost.zip(by_cost).map(|(cost, after)| {
        (after, format!("the cost limit of {} is reached: the drill is ended", money(cost)))
    });
    let first = time.into_iter().chain(cost).min_by_key(|(after, _)| *after);
    prepared.limit = first.map(|(after, why)| Limit { after: after / scale, why });
    Ok(())
}

fn own_prices(prepared: &Prepared) -> Result<BTreeMap<String, f64>, CliError> {
    let known: &Known = &prepared.assembled.recovery.known;
    let price = |entry: &crate::config::body::Attribute| {
        let price = known.value(entry.expr()).ok().and_then(|value| value.as_f64());
        let price = price.filter(|price| price.is_finite() && *price >= 0.0).ok_or_else(|| {
            anyhow!("{}: the price of `{}` is no amount", entry.place(), entry.name())
        });
        Ok((entry.name().to_owned(), price.or_exit(Exit::Usage)?))
    };
    prepared.runbook.drill.hourly.iter().map(price).collect()
}

fn unknown_cost() -> CliError {
    let error = anyhow!("there is no forecast, so that nobody can say what the drill would cost");
    CliError::new(Exit::Refused, error)
        .hint("See with `drctl forecast` why not, or bound it by `--max-time` alone")
}

impl Rate {
    fn of(forecast: &Prediction, own: &BTreeMap<String, f64>) -> Self {
        let mut rate = Self::default();
        for resource in &forecast.resources {
            let Some(kind) = type_of(&resource.address) else { continue };
            match own.get(&kind).copied().or_else(|| prices::hourly(&kind)) {
                Some(hourly) => rate.hourly += hourly * resource.instances as f64,
                None => drop(rate.unknown.insert(kind)),
            }
        }
        rate
    }

    /// Returns how long it takes to cost `cost`; `None` when it never does.
    fn limit(
        &self,
        cost: f64,
        forecast: Option<&Prediction>,
    ) -> Result<Option<Duration>, CliError> {
        if self.hourly <= 0.0 {
            return Ok(None);
        }
        let hours = cost / self.hourly;
        let after = Duration::try_from_secs_f64(hours * 3_600.0).unwrap_or(LONGEST).min(LONGEST);
        let p90 = forecast.map(|forecast| Duration::from_millis(forecast.p90_ms));
        match p90.filter(|p90| *p90 > after) {
            None => Ok(Some(after)),
            Some(p90) => {
                let error = anyhow!(
                    "the drill would take {} at the 90th percentile of its forecast, and {} pays for {} of it at {} an hour",
                    Rounded(p90),
                    money(cost),
                    Rounded(after),
                    money(self.hourly),
                );
                Err(CliError::new(Exit::Refused, error)
                    .hint("Raise `--max-cost`, or tell your own prices in the runbook: `drill { hourly = { aws_instance = 0.05 } }`"))
            }
        }
    }

    fn in_words(&self) -> String {
        let mut text = format!(
            "what it makes costs about {} an hour by list prices (sizes are assumed, traffic and storage are not in it)",
            money(self.hourly)
        );
        if !self.unknown.is_empty() {
            let types: Vec<&str> = self.unknown.iter().map(String::as_str).collect();
            text += &format!("; {} type(s) have no price: {}", types.len(), types.join(", "));
        }
        text
    }
}

fn money(amount: f64) -> String {
    let digits = if amount > 0.0 && amount < 0.1 { 4 } else { 2 };
    format!("{amount:.digits$} {}", prices::currency())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{prediction::PredictedResource, step::StepId};

    fn forecast(p90_ms: u64, resources: &[(&str, u64)]) -> Prediction {
        let resource = |(address, instances): &(&str, u64)| PredictedResource {
            step: StepId::new("a"),
            address: (*address).to_owned(),
            instances: *instances,
            p50_ms: 1,
            p90_ms: 1,
            basis: String::new(),
            critical: 0.0,
        };
        let resources = resources.iter().map(resource).collect();
        Prediction { p90_ms, resources, ..Prediction::default() }
    }

    #[test]
    fn the_rate_is_the_sum_of_all_instances_and_names_what_it_does_not_know() {
        let forecast = forecast(
            60_000,
            &[
                ("aws_nat_gateway.a", 2),
                ("aws_vpc.a", 1),
                ("module.x.odd_thing.b", 3),
                ("own_thing.c", 1),
            ],
        );
        let own = [("own_thing".to_owned(), 1.0), ("aws_nat_gateway".to_owned(), 0.05)];
        let rate = Rate::of(&forecast, &own.into());
        insta::assert_snapshot!(rate.in_words(), @"what it makes costs about 1.10 USD an hour by list prices (sizes are assumed, traffic and storage are not in it); 1 type(s) have no price: odd_thing");
        let limit = rate.limit(0.55, Some(&forecast)).unwrap();
        assert_eq!(limit.map(|limit| limit.as_secs_f64().round()), Some(1_800.0));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_costs_nothing_has_no_limit() {
        let rate = Rate { hourly: 2.0, unknown: BTreeSet::new() };
        let error = rate.limit(1.0, Some(&forecast(3_600_000, &[]))).unwrap_err();
        assert_eq!(error.exit(), Exit::Refused);
        insta::assert_snapshot!(error.summary(), @"the drill would take 1h00m00s at the 90th percentile of its forecast, and 1.00 USD pays for 30m00s of it at 2.00 USD an hour");
        assert_eq!(Rate::default().limit(0.01, None).unwrap(), None);
        assert_eq!(rate.limit(f64::MAX, None).unwrap(), Some(LONGEST));
    }
}
