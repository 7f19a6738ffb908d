//! Data sources and ephemeral resources: looked up, the same for the same question.

use super::{
    connection::{Connection, told},
    fill::fill,
    invent,
    json::{known_members, typed},
    maker::Maker,
    plan::mark,
    resource::label,
    schema::{Kind, best_hint},
};
use crate::{
    provider::{cty::Value, wire::message::Diagnostic},
    sim::Fault,
};
use serde_json::{Map, Value as Json};

impl Connection {
    /// Looks up what a data source or an ephemeral resource asks for.
    ///
    /// A pure function of the type, the configuration and the region, except while that is down.
    pub(super) async fn look_up(&self, kind: &Kind, config: Value) -> (Value, Vec<Diagnostic>) {
        let arguments = known_members(&config);
        let at = self.whereabouts(kind, &arguments);
        let mut diagnostics = self.write_file(kind, &arguments);
        if !self.is_local() {
            let call = at.call(self, kind, &label(&arguments));
            // Nothing has this id: what matters is whether anybody answers.
            let (answer, wait) =
                self.simulation.world.ask(|cloud, now_ms| cloud.read(now_ms, &call, ""));
            self.wait(wait).await;
            if let Err(failure) = answer.result
                && !matches!(failure.fault, Fault::NotFound { .. })
            {
                let summary = format!("reading data {} ({})", kind.name, label(&arguments));
                diagnostics.push(told(&summary, &failure));
                return (Value::Null, diagnostics);
            }
        }
        let text = Json::Object(arguments.clone()).to_string();
        let seed = invent::seed(&[kind.name.as_bytes(), at.region.as_bytes(), text.as_bytes()]);
        let maker = Maker::new(self, kind, &at, &arguments, seed);
        let mut found = config.clone();
        if let Some(outputs) = self.remote_outputs(kind, &arguments)
            && let Value::Members(members) = &mut found
        {
            let hint = kind.shape.attributes.get("outputs").map(best_hint).cloned();
            members.insert("outputs".to_owned(), typed(&outputs, &hint.unwrap_or_default()));
        }
        let top = Lookup { maker: &maker };
        mark(&kind.schema, &kind.shape, &mut found, &config, Some(&top));
        fill(&maker, &kind.schema, &kind.shape, &mut found, &config, &mut Vec::new());
        (found, diagnostics)
    }

    /// Returns the outputs of another stack, if this asks for one that is known.
    fn remote_outputs(&self, kind: &Kind, arguments: &Map<String, Json>) -> Option<Json> {
        if kind.name != "terraform_remote_state" {
            return None;
        }
        let mut texts = Vec::new();
        for name in ["config", "workspace"] {
            collect(arguments.get(name).unwrap_or(&Json::Null), &mut texts);
        }
        let outputs = self.simulation.settings.remote_states.find(&texts)?;
        let defaults = arguments.get("defaults").and_then(Json::as_object);
        let mut all = defaults.cloned().unwrap_or_default();
        all.extend(outputs);
        Some(Json::Object(all))
    }
}

/// A data source has no plan: what will be made is only marked.
struct Lookup<'a> {
    maker: &'a Maker<'a>,
}

impl super::plan::Foreknowledge for Lookup<'_> {
    fn planned(&self, _: &str) -> Option<Value> {
        None
    }

    fn is_text(&self, name: &str) -> bool {
        self.maker.known(&[], name).is_none_or(|json| json.is_string())
    }
}

fn collect<'j>(json: &'j Json, texts: &mut Vec<&'j str>) {
    match json {
        Json::String(text) => texts.push(text),
        Json::Array(elements) => elements.iter().for_each(|json| collect(json, texts)),
        Json::Object(members) => members.values().for_each(|json| collect(json, texts)),
        _ => {}
    }
}
