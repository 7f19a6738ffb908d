//! What is planned of a resource, and what its provider knows of it by then.

use super::{
    connection::Connection,
    invent,
    json::{known_members, typed},
    maker::Maker,
    plan::{Foreknowledge, keep, mark, replacing},
    resource::{is_ours, output_follows_input},
    schema::{Kind, best_hint},
    whereabouts::Whereabouts,
};
use crate::provider::cty::Value;
use serde_json::{Map, Value as Json};

/// What is planned.
pub(super) struct Planned {
    pub(super) state: Value,
    /// Attributes whose change takes a new resource.
    pub(super) replacing: Vec<String>,
}

impl Connection {
    /// Says what would come of a configuration.
    pub(super) fn plan(
        &self,
        kind: &Kind,
        prior: &Value,
        proposed: Value,
        config: &Value,
        private: &[u8],
    ) -> Planned {
        let mut state = proposed;
        if state.is_null() {
            return Planned { state, replacing: Vec::new() };
        }
        let arguments = known_members(&state);
        let at = self.whereabouts(kind, &arguments);
        let before = state.clone();
        let forecast =
            Forecast { connection: self, kind, at: &at, arguments: &arguments, value: &before };
        if prior.is_null() {
            mark(&kind.schema, &kind.shape, &mut state, config, Some(&forecast));
            return Planned { state, replacing: Vec::new() };
        }
        Self::follow(&forecast, &mut state, prior, config);
        keep(&kind.schema, &kind.shape, &mut state, prior, config);
        let known = self.simulation.world.catalogue().resource(&kind.name);
        let forcing = known.map(|known| known.forces_replacement.as_slice()).unwrap_or_default();
        let ours = is_ours(private);
        let mut replacing = replacing(&kind.schema, forcing, prior, &state, ours);
        if kind.name == "terraform_data" {
            output_follows_input(&mut state);
            replacing.retain(|name| name != "input");
        }
        Planned { state, replacing }
    }

    /// Lets what the provider computes at plan time follow the arguments.
    fn follow(forecast: &Forecast<'_>, state: &mut Value, prior: &Value, config: &Value) {
        let Value::Members(members) = state else { return };
        for (name, slot) in members {
            let is_computed = config.get(name).is_none_or(Value::is_null);
            let was_set = prior.get(name).is_some_and(|prior| !prior.is_null());
            if is_computed
                && was_set
                && let Some(known) = forecast.planned(name)
            {
                *slot = known;
            }
        }
    }
}

/// What the provider knows of a resource at plan time.
struct Forecast<'a> {
    connection: &'a Connection,
    kind: &'a Kind,
    at: &'a Whereabouts,
    arguments: &'a Map<String, Json>,
    /// The arguments, with what is unknown.
    value: &'a Value,
}

impl Foreknowledge for Forecast<'_> {
    fn planned(&self, name: &str) -> Option<Value> {
        let catalogue = self.connection.simulation.world.catalogue();
        let needs = catalogue.known_at_plan(&self.kind.name, name)?;
        let is_known = |need: &String| self.value.get(need).is_none_or(Value::is_wholly_known);
        if !needs.iter().all(is_known) {
            return None;
        }
        // The same arguments must give the same value when the plan is made again for the apply.
        let given: Vec<String> = needs
            .iter()
            .map(|need| self.arguments.get(need).unwrap_or(&Json::Null).to_string())
            .collect();
        let mut parts = vec![self.kind.name.as_bytes()];
        parts.extend(given.iter().map(String::as_bytes));
        let seed = invent::seed(&parts);
        let maker = Maker::new(self.connection, self.kind, self.at, self.arguments, seed);
        let hint = best_hint(self.kind.shape.attributes.get(name)?);
        Some(typed(&maker.known(&[], name)?, hint))
    }

    fn is_text(&self, name: &str) -> bool {
        let maker = Maker::new(self.connection, self.kind, self.at, self.arguments, 0);
        maker.known(&[], name).is_none_or(|json| json.is_string())
    }
}
