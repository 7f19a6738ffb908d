//! Secrets that are known by their values, and kept out of what is said.

use super::event::EventKind;
use serde_json::Value;
use std::{borrow::Cow, cmp::Reverse};

/// What stands where a secret stood.
pub const HIDDEN: &str = "(sensitive)";

/// The shortest secret that is looked for, in characters: a shorter one is part of ordinary words, and
/// hiding it would make every text unreadable.
const SHORTEST: usize = 6;

/// The shortest line that is looked for by itself of a secret with several, such as a key.
const SHORTEST_LINE: usize = 16;

/// The fields of events that hold what programs, providers and services said. All others are names, which
/// whoever reads a journal goes by.
const SAID: [&str; 5] = ["message", "cause", "hints", "why", "detail"];

/// Values that must not be shown.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The longest first: one may be part of another.
    values: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secret(s)", self.values.len())
    }
}

impl Secrets {
    /// Returns those in an environment: variables whose names say that they are, but for paths to files.
    pub fn of_env(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut secrets = Self::default();
        for (name, value) in variables {
            let is_path = value.starts_with(['/', '.', '~']);
            if is_secret(&name) && !is_path {
                secrets.learn(&Value::String(value));
            }
        }
        secrets
    }

    /// Learns every text in `value`.
    pub fn learn(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.add(text.trim(), SHORTEST);
                if text.trim().contains('\n') {
                    text.lines().for_each(|line| self.add(line.trim(), SHORTEST_LINE));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(entries) => entries.values().for_each(|item| self.learn(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Learns every text in `value` that `sensitive` marks, which has the same shape, or is `true` for
    /// all of a value, as Terraform tells it.
    pub fn learn_marked(&mut self, value: &Value, sensitive: &Value) {
        match (value, sensitive) {
            (_, Value::Bool(true)) => self.learn(value),
            (Value::Array(items), Value::Array(marks)) => {
                items.iter().zip(marks).for_each(|(item, mark)| self.learn_marked(item, mark));
            }
            (Value::Object(entries), Value::Object(marks)) => {
                for (name, mark) in marks {
                    if let Some(item) = entries.get(name) {
                        self.learn_marked(item, mark);
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes in those of another.
    pub fn extend(&mut self, others: Self) {
        others.values.iter().for_each(|value| self.add(value, SHORTEST));
    }

    fn add(&mut self, text: &str, shortest: usize) {
        if text.chars().count() < shortest {
            return;
        }
        let place = (Reverse(text.len()), text);
        let found = self.values.binary_search_by(|v| (Reverse(v.len()), v.as_str()).cmp(&place));
        if let Err(at) = found {
            self.values.insert(at, text.to_owned());
        }
    }

    /// Returns `text` with every secret hidden.
    pub fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(text);
        for value in &self.values {
            if shown.contains(value.as_str()) {
                shown = Cow::Owned(shown.replace(value.as_str(), HIDDEN));
            }
        }
        shown
    }

    /// Returns an event in which nothing that was said holds a secret.
    pub fn hide_in(&self, kind: EventKind) -> EventKind {
        let is_frequent = matches!(
            kind,
            EventKind::ResourceStarted { .. }
                | EventKind::ResourceFinished { .. }
                | EventKind::PhaseStarted { .. }
                | EventKind::PhaseFinished { .. }
        );
        if self.values.is_empty() || is_frequent {
            return kind;
        }
        let Ok(mut told) = serde_json::to_value(&kind) else { return kind };
        if !self.hide_said(&mut told, false) {
            return kind;
        }
        // What was read back differs in texts alone, which no reader of an event looks into.
        serde_json::from_value(told).unwrap_or(EventKind::Noted {
            step: None,
            message: "something is not told, since it holds a secret".to_owned(),
        })
    }

    /// Hides secrets in what is said; `true` when there was one.
    fn hide_said(&self, value: &mut Value, said: bool) -> bool {
        match value {
            Value::String(text) if said => match self.hide(text) {
                Cow::Borrowed(_) => false,
                Cow::Owned(shown) => {
                    *text = shown;
                    true
                }
            },
            // All of them are looked at, also behind one that was found.
            Value::Array(items) => {
                let found = items.iter_mut().map(|item| self.hide_said(item, said));
                found.filter(|found| *found).count() > 0
            }
            Value::Object(entries) => {
                let found = entries.iter_mut().map(|(name, item)| {
                    self.hide_said(item, said || SAID.contains(&name.as_str()))
                });
                found.filter(|found| *found).count() > 0
            }
            _ => false,
        }
    }
}

/// Returns true for the name of an argument or a variable whose value is a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "secret", "token", "credential", "conn_str"]
        .iter()
        .any(|word| name.contains(word))
        || name.ends_with("_key")
}

/// Hides the texts in `value` that stand under the name of a secret.
pub fn hide_named(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_named),
        Value::Object(entries) => {
            for (name, item) in entries {
                match item {
                    Value::String(text) if is_secret(name) => HIDDEN.clone_into(text),
                    item => hide_named(item),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::step::{StepId, StepOutcome};
    use serde_json::json;

    fn secrets(value: &Value) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.learn(value);
        secrets
    }

    #[test]
    fn the_longest_is_hidden_and_what_is_short_is_no_secret() {
        let secrets = secrets(&json!({"a": ["hunter2", "hunter2-and-more"], "b": "true", "c": 1}));
        assert_eq!(
            secrets.hide("hunter2-and-more, hunter2, true"),
            "(sensitive), (sensitive), true"
        );
        assert_eq!(format!("{secrets:?}"), "2 secret(s)");
    }

    #[test]
    fn a_line_of_a_key_is_hidden_too() {
        let secrets = secrets(&json!("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nabc\n"));
        assert_eq!(secrets.hide("read MIIEvQIBADANBgkqhkiG, abc"), "read (sensitive), abc");
    }

    #[test]
    fn only_what_is_marked_is_learnt() {
        let mut secrets = Secrets::default();
        let value = json!({"name": "storefront", "login": {"user": "operator", "word": "hunter2"}});
        secrets.learn_marked(&value, &json!({"login": {"word": true}}));
        assert_eq!(secrets.hide("storefront operator hunter2"), "storefront operator (sensitive)");
        secrets.learn_marked(&value, &json!({"login": true}));
        assert_eq!(secrets.hide("operator"), HIDDEN);
    }

    #[test]
    fn an_environment_has_secrets_by_their_names() {
        let env = [
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("AWS_ACCESS_KEY_ID", "AKIA123456"),
            ("TOKEN_FILE", "/run/token-of-mine"),
            ("HOME", "/root/home"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::of_env(env);
        let shown = secrets.hide("hunter2 AKIA123456 /run/token-of-mine /root/home");
        assert_eq!(shown, "(sensitive) AKIA123456 /run/token-of-mine /root/home");
    }

    #[test]
    fn names_in_an_event_stay_and_what_is_said_is_hidden() {
        let step = StepId::new("hunter2");
        let cause = vec!["it said: hunter2".to_owned()];
        let failed = StepOutcome::Failed { cause, hints: vec!["not hunter2".to_owned()] };
        let kind = EventKind::StepFinished { step: step.clone(), outcome: failed };
        let EventKind::StepFinished { step: told, outcome: StepOutcome::Failed { cause, hints } } =
            secrets(&json!("hunter2")).hide_in(kind)
        else {
            panic!("it is another event")
        };
        assert_eq!((told, cause), (step, vec!["it said: (sensitive)".to_owned()]));
        assert_eq!(hints, ["not (sensitive)"]);
    }

    #[test]
    fn what_is_named_like_a_secret_is_hidden() {
        let mut value = json!({"backend": {"http": {"password": "x", "address": "y"}}, "key": "z"});
        hide_named(&mut value);
        assert_eq!(
            value.to_string(),
            r#"{"backend":{"http":{"address":"y","password":"(sensitive)"}},"key":"z"}"#
        );
    }
}
