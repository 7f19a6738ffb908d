//! What can be set in a block, of which form, and the values of what is set.

use super::{Known, Mistake, values::word};
use crate::{
    config::{
        body::{Attribute, Block},
        expression::Scope,
    },
    model::{finding::Place, time::parse_duration},
};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
    time::Duration,
};

/// What stands for a value that only the stacks will tell.
pub const STAND_IN: &str = "not-known-yet";

/// Something that can be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    form: Form,
    required: bool,
    /// True when nobody sees its value, so that it may come from a sensitive output.
    pub(super) may_be_secret: bool,
}

/// What a value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A string; numbers and booleans are written out.
    Text,
    /// A list of texts.
    Texts,
    /// An object of texts.
    NamedTexts,
    /// A path inside the repository.
    Path,
    /// A list of such paths, or one.
    Paths,
    /// A duration such as `90s`.
    Duration,
    /// True or false.
    Flag,
    /// An object.
    Object,
    /// A text or an object.
    TextOrObject,
}

impl Setting {
    /// Something that can be left out.
    pub(super) const fn of(name: &'static str, form: Form) -> Self {
        Self { name, form, required: false, may_be_secret: false }
    }

    /// Something that must be there.
    pub(super) const fn required(name: &'static str, form: Form) -> Self {
        Self { name, form, required: true, may_be_secret: false }
    }

    /// Returns true when it names something in the repository.
    pub(super) const fn is_path(self) -> bool {
        matches!(self.form, Form::Path | Form::Paths)
    }

    /// Something that can be left out, and whose value nobody sees.
    pub(super) const fn secret(name: &'static str, form: Form) -> Self {
        Self { name, form, required: false, may_be_secret: true }
    }
}

impl Form {
    const fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Texts => "a list of strings",
            Self::NamedTexts => "an object of strings",
            Self::Path => "a path in the repository",
            Self::Paths => "a path in the repository, or a list of them",
            Self::Duration => "a duration such as `90s`",
            Self::Flag => "true or false",
            Self::Object => "an object",
            Self::TextOrObject => "a string or an object",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => is_text(value),
            Self::Texts => value.as_array().is_some_and(|items| items.iter().all(is_text)),
            Self::NamedTexts => value.as_object().is_some_and(|all| all.values().all(is_text)),
            Self::Path => value.as_str().is_some_and(|path| inside(path).is_some()),
            Self::Paths => match value {
                Value::Array(items) => items.iter().all(|item| Self::Path.fits(item)),
                one => Self::Path.fits(one),
            },
            Self::Duration => value.as_str().is_some_and(|text| parse_duration(text).is_ok()),
            Self::Flag => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::TextOrObject => value.is_object() || is_text(value),
        }
    }
}

fn is_text(value: &Value) -> bool {
    value.is_string() || value.is_number() || value.is_boolean()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A path without `.` and `..`, when it stays inside the repository.
pub(super) fn inside(path: &str) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

/// Finds what is missing in a block, and values that depend on nothing and are of the wrong form.
pub(super) fn check_forms(block: &Block, settings: &[Setting], mistakes: &mut Vec<Mistake>) {
    for setting in settings {
        let Some(expr) = block.body().expr(setting.name) else {
            if setting.required {
                let message = format!("`{}` needs the attribute `{}`", block.kind(), setting.name);
                mistakes.push(Mistake::new(block.place(), message));
            }
            continue;
        };
        if expr.references().is_empty() {
            match expr.evaluate(&Scope::default()) {
                Ok(value) if setting.form.fits(&value) => {}
                Ok(value) => mistakes.push(wrong(setting, expr.place(), &value)),
                Err(error) => mistakes.push(Mistake::new(error.place, error.message)),
            }
        }
    }
}

fn wrong(setting: &Setting, place: Place, value: &Value) -> Mistake {
    let path = matches!(setting.form, Form::Path | Form::Paths);
    match value.as_str().filter(|text| path && inside(text).is_none()) {
        Some(path) => Mistake::new(place, format!("`{path}` leads out of the repository"))
            .hint("Write a path from the root of the repository"),
        None => {
            let (name, form) = (setting.name, setting.form.words());
            Mistake::new(place, format!("`{name}` is {}, not {form}", word(value)))
        }
    }
}

/// The values of what is set in a block. Each is of the form that it must be.
#[derive(Clone, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, (Value, Place)>,
    /// What is not known yet, with something in its place, where it is known in part.
    stood_in: BTreeMap<&'static str, Value>,
    /// The names of what is not known yet, or only in part.
    lacks: Vec<&'static str>,
}

impl std::fmt::Debug for Settings {
    /// Shows what is set and not to what, which may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Settings {
    /// Evaluates what is set.
    ///
    /// With `early`, what reads outputs of stacks that are not up yet is left out, entry by entry
    /// of an object.
    ///
    /// # Errors
    ///
    /// The first that has no value, or one of the wrong form.
    pub(super) fn evaluate(
        attributes: &[Attribute],
        settings: &[Setting],
        known: &Known,
        early: bool,
    ) -> Result<Self, Mistake> {
        let mut values = BTreeMap::new();
        let (mut lacks, mut stood_in) = (Vec::new(), BTreeMap::new());
        for setting in settings {
            let Some(attribute) = attributes.iter().find(|a| a.name() == setting.name) else {
                continue;
            };
            let lacking = early && !known.knows(attribute.expr());
            if lacking {
                lacks.push(setting.name);
                if let Some(value) = known_now(attribute, known, Some(STAND_IN))? {
                    stood_in.insert(setting.name, value);
                }
            }
            let value = if early {
                known_now(attribute, known, None)?
            } else {
                Some(known.value(attribute.expr())?)
            };
            let Some(value) = value else { continue };
            let place = attribute.expr().place();
            if !setting.form.fits(&value) {
                return Err(wrong(setting, place, &value));
            }
            values.insert(setting.name, (value, place));
        }
        Ok(Self { values, stood_in, lacks })
    }

    /// A single setting.
    pub(super) fn of_text(name: &'static str, text: &str) -> Self {
        let place = Place { file: PathBuf::from(super::FILE_NAME), line: 1, column: 1 };
        Self { values: [(name, (Value::from(text), place))].into(), ..Self::default() }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).map(|(value, _)| value)
    }

    /// Returns true when nothing was left out that is not known yet.
    pub fn is_whole(&self) -> bool {
        self.lacks.is_empty()
    }

    /// Returns true when something of the value of `name` is not known yet.
    pub fn lacks(&self, name: &str) -> bool {
        self.lacks.contains(&name)
    }

    /// Returns an object with [`STAND_IN`] in the place of each of its values that is not known yet.
    pub fn stood_in_object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.stood_in.get(name).or_else(|| self.value(name)).and_then(Value::as_object)
    }

    /// Returns true when `name` is set.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Returns a text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.value(name).filter(|value| is_text(value)).map(text)
    }

    /// Returns a list of texts; a single one is a list, too.
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::Array(items)) => items.iter().map(text).collect(),
            Some(one) if is_text(one) => vec![text(one)],
            _ => Vec::new(),
        }
    }

    /// Returns an object of texts.
    pub fn named_texts(&self, name: &str) -> BTreeMap<String, String> {
        let all = self.value(name).and_then(Value::as_object);
        all.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// Returns paths from the root of the repository, without `.` and `..`.
    pub fn paths(&self, name: &str) -> Vec<PathBuf> {
        self.texts(name).iter().filter_map(|path| inside(path)).collect()
    }

    /// Returns an object.
    pub fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.value(name).and_then(Value::as_object)
    }

    /// Returns a duration.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.value(name).and_then(Value::as_str).and_then(|text| parse_duration(text).ok())
    }

    /// Returns whether something is so.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.value(name).and_then(Value::as_bool)
    }

    /// Says what is wrong with the value of `name`.
    ///
    /// # Panics
    ///
    /// Never: without a value, the mistake has the place of the first that is set.
    pub fn mistake(&self, name: &str, message: impl Into<String>) -> Mistake {
        let place = self.values.get(name).or_else(|| self.values.values().next());
        let nowhere = || Place { file: PathBuf::from(super::FILE_NAME), line: 1, column: 1 };
        Mistake::new(place.map_or_else(nowhere, |(_, place)| place.clone()), message)
    }
}

/// The value of an attribute as far as it is known before the stacks whose outputs it reads are up,
/// with `stand_in` in the place of the rest.
fn known_now(
    attribute: &Attribute,
    known: &Known,
    stand_in: Option<&str>,
) -> Result<Option<Value>, Mistake> {
    let expr = attribute.expr();
    if known.knows(expr) {
        return known.value(expr).map(Some);
    }
    let Ok(entries) = expr.object() else { return Ok(stand_in.map(Value::from)) };
    let mut all = Map::new();
    for entry in &entries {
        if let Some(value) = known_now(entry, known, stand_in)? {
            all.insert(entry.name().to_owned(), value);
        }
    }
    Ok(Some(Value::Object(all)))
}

#[cfg(test)]
mod tests {
    use crate::runbook::{Known, Runbook, Work};
    use serde_json::{Map, Value, json};
    use std::path::Path;

    const RUNBOOK: &str = r#"
service "s" {
  rto = "1h"
}
stack "data" {
  path = "data"
}
cluster "seoul" {
  context = "dr"
}
helm "web" {
  chart  = "oci://seoul.example.com/web"
  values = {
    replicas = 2
    db = {
      host = stack.data.outputs.endpoint
      name = "shop"
    }
  }
}
"#;

    #[test]
    fn what_only_stacks_will_tell_is_left_out_or_stood_in_for() {
        let runbook = Runbook::read(Path::new("drctl.hcl"), RUNBOOK.as_bytes(), "x").unwrap();
        let helm = runbook.steps.iter().find_map(|step| match &step.work {
            Work::Deploy(deploy) => Some(deploy),
            _ => None,
        });
        let known = |outputs: Value| Known {
            fallback: None,
            region: "x".into(),
            primary: None,
            service: "s".into(),
            outputs: Map::from_iter([("data".to_owned(), outputs)]),
        };
        let early = Known { outputs: Map::new(), ..known(Value::Null) };
        let settings = helm.unwrap().evaluate(&early, true).unwrap();
        assert!(!settings.is_whole() && settings.lacks("values") && !settings.lacks("chart"));
        let shown = |values: Option<&Map<String, Value>>| Value::Object(values.unwrap().clone());
        let left_out = json!({ "replicas": 2, "db": { "name": "shop" } });
        assert_eq!(shown(settings.object("values")), left_out);
        let stood_in = json!({ "replicas": 2, "db": { "host": "not-known-yet", "name": "shop" } });
        assert_eq!(shown(settings.stood_in_object("values")), stood_in);

        let settings = helm.unwrap().evaluate(&known(json!({ "endpoint": "db" })), true).unwrap();
        assert!(settings.is_whole());
        let whole = json!({ "replicas": 2, "db": { "host": "db", "name": "shop" } });
        assert_eq!(shown(settings.stood_in_object("values")), whole);
    }
}
