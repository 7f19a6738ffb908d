//! Managed resources: planned, made, changed, removed, read.

use super::{
    connection::{Connection, told},
    files::Written,
    fill::fill,
    invent,
    json::known_members,
    maker::Maker,
    plan::mark,
    schema::Kind,
    whereabouts::Whereabouts,
};
use crate::{
    model::time::parse_duration,
    provider::{cty::Value, wire::message::Diagnostic},
    sim::{Call, Change, Draft, Fault, Group, Object, ObjectKey},
};
use bytes::Bytes;
use serde_json::{Map, Value as Json};

/// Providers that only compute: nothing of theirs is in a cloud.
const LOCAL: [&str; 12] = [
    "archive",
    "cloudinit",
    "external",
    "http",
    "local",
    "null",
    "random",
    "template",
    "terraform",
    "time",
    "tls",
    "utils",
];

/// What came of a change.
pub(super) struct Changed {
    /// What is now; null for nothing.
    pub(super) state: Value,
    /// What is to be stored beside it.
    pub(super) private: Bytes,
    /// What there is to say.
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Connection {
    /// Whether the provider only computes.
    pub(super) fn is_local(&self) -> bool {
        LOCAL.contains(&self.served.address.kind.as_str())
    }

    /// Makes a resource of what was planned.
    pub(super) async fn create(&self, kind: &Kind, planned: Value, config: &Value) -> Changed {
        let (state, arguments, at) = self.whole(kind, planned, config);
        let mut diagnostics = self.write_file(kind, &arguments);
        if self.is_local() {
            self.sleep_as_told(&arguments).await;
            return Changed { state, private: Bytes::from_static(OURS), diagnostics };
        }
        let known = known_members(&state);
        let name = self.unique_name(kind, &known);
        let label = label(&known);
        let call = at.call(self, kind, &label);
        let draft = Draft {
            id: known.get("id").and_then(Json::as_str).map(str::to_owned),
            name,
            attributes: Json::Object(known.clone()),
            group: group(&kind.name, &known),
        };
        let (answer, wait) = self.simulation.world.ask(|cloud, now_ms| {
            let mut draft = draft;
            draft.id = draft.id.map(|id| free_id(cloud, &call, id));
            cloud.create(now_ms, &call, draft)
        });
        self.wait(wait).await;
        match answer.result {
            Ok(object) => {
                if kind.name == "azurerm_resource_group"
                    && let Some(name) = known.get("name").and_then(Json::as_str)
                {
                    self.simulation.note_home(name, &at.region);
                }
                Changed { state, private: private_of(&object), diagnostics }
            }
            Err(failure) => {
                diagnostics.push(told(&format!("creating {} ({label})", kind.name), &failure));
                match &failure.left_behind {
                    Some(object) => Changed { state, private: private_of(object), diagnostics },
                    None => Changed { state: Value::Null, private: Bytes::new(), diagnostics },
                }
            }
        }
    }

    /// Changes a resource in place.
    pub(super) async fn update(
        &self,
        kind: &Kind,
        prior: Value,
        planned: Value,
        config: &Value,
        private: Bytes,
    ) -> Changed {
        let (state, arguments, at) = self.whole(kind, planned, config);
        let mut diagnostics = self.write_file(kind, &arguments);
        if self.is_local() {
            return Changed { state, private, diagnostics };
        }
        let known = known_members(&state);
        let (call, id, ours) = self.call_about(kind, &at, &known, &private);
        let size = group(&kind.name, &known).map(|group| group.size);
        let change = Change { attributes: Json::Object(known.clone()), size };
        let (answer, wait) =
            self.simulation.world.ask(|cloud, now_ms| cloud.update(now_ms, &call, &id, change));
        self.wait(wait).await;
        match answer.result {
            Ok(_) => Changed { state, private, diagnostics },
            Err(failure) if !ours && is_missing(&failure.fault) => {
                Changed { state, private, diagnostics }
            }
            Err(failure) => {
                let summary = format!("updating {} ({})", kind.name, label(&known));
                diagnostics.push(told(&summary, &failure));
                Changed { state: prior, private, diagnostics }
            }
        }
    }

    /// Removes a resource. One that is not there any more is removed already.
    pub(super) async fn delete(&self, kind: &Kind, prior: Value, private: Bytes) -> Changed {
        let known = known_members(&prior);
        let gone = |diagnostics| Changed { state: Value::Null, private: Bytes::new(), diagnostics };
        if self.is_local() {
            return gone(self.remove_file(kind, &known));
        }
        let at = self.whereabouts(kind, &known);
        let (call, id, _) = self.call_about(kind, &at, &known, &private);
        let (answer, wait) =
            self.simulation.world.ask(|cloud, now_ms| cloud.delete(now_ms, &call, &id));
        self.wait(wait).await;
        match answer.result {
            Ok(_) => gone(Vec::new()),
            Err(failure) if is_missing(&failure.fault) => gone(Vec::new()),
            Err(failure) => {
                let summary = format!("deleting {} ({})", kind.name, label(&known));
                Changed { state: prior, private, diagnostics: vec![told(&summary, &failure)] }
            }
        }
    }

    /// Reads a resource; null if it is gone.
    ///
    /// What this cloud never made, such as what a copied state holds, is taken to be as it was; of
    /// what it made an import, which knows the id alone, learns all the rest.
    pub(super) async fn refresh(&self, kind: &Kind, state: Value, private: &Bytes) -> Changed {
        let known = known_members(&state);
        let at = self.whereabouts(kind, &known);
        let as_is = |state, diagnostics| Changed { state, private: private.clone(), diagnostics };
        if self.is_local() {
            return as_is(state, Vec::new());
        }
        let (call, id, ours) = self.call_about(kind, &at, &known, private);
        let (answer, wait) =
            self.simulation.world.ask(|cloud, now_ms| cloud.read(now_ms, &call, &id));
        self.wait(wait).await;
        match answer.result {
            Ok(object) if is_only_id(&state, &known) => Changed {
                state: kind.schema.decode_state(&object.attributes).unwrap_or(state),
                private: private_of(&object),
                diagnostics: Vec::new(),
            },
            Ok(_) => as_is(state, Vec::new()),
            Err(failure) if is_missing(&failure.fault) => match ours {
                true => as_is(Value::Null, Vec::new()),
                false => as_is(self.imported(kind, state, &known, &at), Vec::new()),
            },
            Err(failure) => {
                let summary = format!("reading {} ({})", kind.name, label(&known));
                as_is(state, vec![told(&summary, &failure)])
            }
        }
    }

    /// Completes what an import knows of a resource that this cloud never made: no more than its id.
    fn imported(
        &self,
        kind: &Kind,
        state: Value,
        known: &Map<String, Json>,
        at: &Whereabouts,
    ) -> Value {
        if !is_only_id(&state, known) {
            return state;
        }
        let stored = self.simulation.settings.state.as_ref();
        let id = known.get("id").and_then(Json::as_str).unwrap_or_default();
        if let Some(attributes) = stored.and_then(|state| state.with_id(&kind.name, id))
            && let Ok(state) = kind.schema.decode_state(&Json::Object(attributes.clone()))
        {
            return state;
        }
        let mut state = state;
        let seed = invent::seed(&[kind.name.as_bytes(), id.as_bytes()]);
        mark(&kind.schema, &kind.shape, &mut state, &Value::Null, None);
        let maker = Maker::new(self, kind, at, known, seed);
        fill(&maker, &kind.schema, &kind.shape, &mut state, &Value::Null, &mut Vec::new());
        state
    }

    /// Makes everything known that a plan left open.
    fn whole(
        &self,
        kind: &Kind,
        planned: Value,
        config: &Value,
    ) -> (Value, Map<String, Json>, Whereabouts) {
        let mut state = planned;
        let mut arguments = known_members(&state);
        arguments.extend(known_members(config));
        let at = self.whereabouts(kind, &arguments);
        let seed = self.simulation.next_seed(kind, &Json::Object(known_members(config)));
        let maker = Maker::new(self, kind, &at, &arguments, seed);
        fill(&maker, &kind.schema, &kind.shape, &mut state, config, &mut Vec::new());
        if kind.name == "terraform_data" {
            output_follows_input(&mut state);
        }
        (state, arguments, at)
    }

    /// Returns the call about a resource, its id in the cloud, and whether this cloud made it.
    fn call_about(
        &self,
        kind: &Kind,
        at: &Whereabouts,
        known: &Map<String, Json>,
        private: &[u8],
    ) -> (Call, String, bool) {
        let mut call = at.call(self, kind, &label(known));
        if let Some(key) = object_of(private) {
            let ObjectKey { provider, account, place, kind, id } = key;
            (call.provider, call.account, call.place, call.kind) = (provider, account, place, kind);
            return (call, id, true);
        }
        let id = known.get("id").and_then(Json::as_str).unwrap_or_default();
        (call, id.to_owned(), false)
    }

    /// Writes the file that a resource or data source is.
    pub(super) fn write_file(&self, kind: &Kind, arguments: &Map<String, Json>) -> Vec<Diagnostic> {
        let Some(written) = Written::by(&kind.name, arguments) else { return Vec::new() };
        let Some(files) = &self.simulation.settings.files else { return Vec::new() };
        match files.write(written.path, &written.content) {
            Ok(()) => Vec::new(),
            Err(error) => vec![not_written(&error)],
        }
    }

    fn remove_file(&self, kind: &Kind, known: &Map<String, Json>) -> Vec<Diagnostic> {
        let Some(written) = Written::by(&kind.name, known) else { return Vec::new() };
        let Some(files) = &self.simulation.settings.files else { return Vec::new() };
        match files.remove(written.path) {
            Ok(()) => Vec::new(),
            Err(error) => vec![not_written(&error)],
        }
    }

    /// Waits as long as a `time_sleep` says.
    async fn sleep_as_told(&self, arguments: &Map<String, Json>) {
        let told = arguments.get("create_duration").and_then(Json::as_str);
        if let Some(time) = told.and_then(|text| parse_duration(text).ok()) {
            let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            self.wait(self.simulation.world.real(ms)).await;
        }
    }
}

/// The output of `terraform_data` is its input.
pub(super) fn output_follows_input(state: &mut Value) {
    if let Value::Members(members) = state {
        let input = members.get("input").cloned().unwrap_or_default();
        members.insert("output".to_owned(), input);
    }
}

fn not_written(error: &super::files::FileError) -> Diagnostic {
    let mut detail = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        detail = format!("{detail}: {source}");
    }
    Diagnostic::warning("A rehearsal did not write a file", detail)
}

/// Stored beside what only computes, so that it counts as made here.
const OURS: &[u8] = b"{}";

fn private_of(object: &Object) -> Bytes {
    // A key is made of texts; nothing in it cannot be JSON.
    serde_json::to_vec(&object.key).unwrap_or_default().into()
}

/// Whether what is stored beside a resource says that it was made here.
pub(super) fn is_ours(private: &[u8]) -> bool {
    private == OURS || object_of(private).is_some()
}

fn object_of(private: &[u8]) -> Option<ObjectKey> {
    serde_json::from_slice(private).ok()
}

fn is_missing(fault: &Fault) -> bool {
    matches!(fault, Fault::NotFound { .. })
}

/// Whether a state knows no more than an id, as an import leaves it.
fn is_only_id(state: &Value, known: &Map<String, Json>) -> bool {
    let nothing = |json: &Json| json.as_array().is_some_and(Vec::is_empty);
    !state.is_null() && known.iter().all(|(name, json)| name == "id" || nothing(json))
}

/// Returns an id that no other object has: ids that are made of arguments can be the same for two.
fn free_id(cloud: &crate::sim::Cloud, call: &Call, id: String) -> String {
    let is_taken = |id: &str| {
        let Call { provider, account, place, kind, .. } = call.clone();
        cloud.object(&ObjectKey { provider, account, place, kind, id: id.to_owned() }).is_some()
    };
    if !is_taken(&id) {
        return id;
    }
    let numbered = (2_u64..).map(|n| format!("{id}#{n}")).find(|id| !is_taken(id));
    numbered.unwrap_or(id)
}

/// Returns what a person would call something: Terraform does not say its address.
pub(super) fn label(known: &Map<String, Json>) -> String {
    let text = |json: Option<&Json>| json.and_then(Json::as_str).map(str::to_owned);
    let names =
        ["name", "bucket", "identifier", "cluster_identifier", "cluster_name", "function_name"];
    let tagged = || text(known.get("tags").and_then(|tags| tags.get("Name")));
    let named = names.iter().find_map(|name| text(known.get(*name))).or_else(tagged);
    named.unwrap_or_else(|| {
        let mut stable = known.clone();
        stable.remove("id");
        let bits = invent::seed(&[Json::Object(stable).to_string().as_bytes()]);
        format!("{:08x}", bits >> 32)
    })
}

/// Returns the group that a type keeps, with the size that its arguments say.
fn group(kind: &str, known: &Map<String, Json>) -> Option<Group> {
    let number = |name: &str| {
        let json = known.get(name)?;
        json.as_u64().or_else(|| json.as_str()?.parse().ok())
    };
    let size = match kind {
        "aws_autoscaling_group" => number("desired_capacity").or_else(|| number("min_size"))?,
        _ => return None,
    };
    Some(Group::new("aws_instance", u32::try_from(size).unwrap_or(u32::MAX)))
}
