//! A value as Terraform has it: known, partly known, or unknown for a reason.

use super::number::Number;
use std::{collections::BTreeMap, fmt, sync::Arc};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// What an expression comes to. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nobody can tell before the apply, or from these files.
    Unknown(Unknown),
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Arc<str>),
    /// A string of which parts are known, with neither two texts nor two unknowns in a row.
    Partial(Arc<[Piece]>),
    /// A list or a tuple.
    List(Arc<[Value]>),
    /// A set, in Terraform's order, each value once.
    Set(Arc<[Value]>),
    /// A map or an object, in the order of its keys.
    Map(Arc<BTreeMap<String, Value>>),
}

/// A part of a partly known string.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text that is certain.
    Text(Arc<str>),
    /// Text that is not, which can be empty.
    Unknown(Unknown),
}

/// Why a value is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// A variable that nothing sets, by name.
    Variable(Arc<str>),
    /// It rests on what this reference means, such as `aws_vpc.main.id`.
    Reference(Arc<str>),
    /// A function that drctl does not evaluate, or not with such arguments.
    Function(Arc<str>),
    /// Terraform would refuse it, and why.
    Invalid(Arc<str>),
    /// It is `each` or `count` of what is not known.
    Instance,
    /// It takes more steps, or is larger, than drctl goes along with.
    Limit,
}

impl Unknown {
    pub(super) fn invalid(why: impl Into<Arc<str>>) -> Self {
        Self::Invalid(why.into())
    }

    pub(super) fn function(name: &str) -> Self {
        Self::Function(name.into())
    }

    pub(super) fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid(_))
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "`var.{name}` is not set"),
            Self::Reference(path) => write!(f, "`{path}` is known after the apply"),
            Self::Function(name) => write!(f, "`{name}()` is not evaluated"),
            Self::Invalid(why) => f.write_str(why),
            Self::Instance => f.write_str("it differs by instance"),
            Self::Limit => f.write_str("it is too large to evaluate"),
        }
    }
}

impl Value {
    /// Returns a string, normalised as Terraform does with each.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        if text.is_ascii() || is_nfc(&text) {
            return Self::String(text);
        }
        Self::String(text.nfc().collect::<String>().into())
    }

    /// Returns a list.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().collect())
    }

    /// Returns a map.
    pub fn map(entries: impl IntoIterator<Item = (String, Self)>) -> Self {
        Self::Map(Arc::new(entries.into_iter().collect()))
    }

    pub(super) fn invalid(why: impl Into<Arc<str>>) -> Self {
        Self::Unknown(Unknown::invalid(why))
    }

    /// Returns the text of a string that is wholly known.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the pieces of a string, known or in part; none for anything else.
    pub fn pieces(&self) -> Vec<Piece> {
        match self {
            Self::String(text) => vec![Piece::Text(text.clone())],
            Self::Partial(pieces) => pieces.to_vec(),
            _ => Vec::new(),
        }
    }

    /// Returns the value under a key of a map or an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// Returns the elements of a list or a set; none for anything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) | Self::Set(items) => items,
            _ => &[],
        }
    }

    /// Returns the entries of a map or an object; none for anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        };
        entries.into_iter().flat_map(|entries| entries.iter()).map(|(key, v)| (key.as_str(), v))
    }

    /// Whether it is known with all that is in it.
    pub fn is_known(&self) -> bool {
        self.unknown().is_none()
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the first reason why it is not wholly known.
    pub fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Unknown(why) => Some(why),
            Self::Partial(pieces) => pieces.iter().find_map(|piece| match piece {
                Piece::Unknown(why) => Some(why),
                Piece::Text(_) => None,
            }),
            Self::List(items) | Self::Set(items) => items.iter().find_map(Self::unknown),
            Self::Map(entries) => entries.values().find_map(Self::unknown),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => None,
        }
    }

    /// Returns the boolean that Terraform converts it to, if it is known and can be.
    pub fn to_bool(&self) -> Option<bool> {
        super::convert::boolean(self).ok()
    }

    /// Returns the string or partly known string that Terraform converts it to, if it can be.
    pub fn to_text(&self) -> Option<Self> {
        super::convert::text(self).ok()
    }

    /// Returns the number that Terraform converts it to, if it is known and can be.
    pub fn to_number(&self) -> Option<Number> {
        super::convert::number(self).ok()
    }

    /// Returns whether `==` of Terraform holds, if that is certain.
    ///
    /// A list and a tuple are never equal in Terraform, and here they cannot be told apart, so
    /// that two lists or two maps that say the same are not certain to be.
    pub fn equals(&self, other: &Self) -> Option<bool> {
        super::convert::equal(self, other).ok()
    }

    /// Returns the value as JSON, if it is wholly known and each number has the same digits there.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        use serde_json::Value as Json;
        Some(match self {
            Self::Unknown(_) | Self::Partial(_) => return None,
            Self::Null => Json::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(number) => match number.as_i64() {
                Some(whole) => whole.into(),
                None => json_number(number)?,
            },
            Self::String(text) => Json::String(text.as_ref().to_owned()),
            Self::List(items) | Self::Set(items) => {
                Json::Array(items.iter().map(Self::to_json).collect::<Option<_>>()?)
            }
            Self::Map(entries) => {
                let entry = |(key, value): (&String, &Self)| Some((key.clone(), value.to_json()?));
                Json::Object(entries.iter().map(entry).collect::<Option<_>>()?)
            }
        })
    }

    /// Reads a value from JSON; a number that cannot be exact is unknown.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match Number::parse(&number.to_string()) {
                Some(number) => Self::Number(number),
                None => Self::Unknown(Unknown::Limit),
            },
            Json::String(text) => Self::string(text.as_str()),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json)),
            Json::Object(entries) => {
                Self::map(entries.iter().map(|(key, value)| (key.clone(), Self::from_json(value))))
            }
        }
    }

    /// What it is, with an article.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "an unknown value",
            Self::Null => "`null`",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) | Self::Partial(_) => "a string",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "an object",
        }
    }
}

fn json_number(number: &Number) -> Option<serde_json::Value> {
    let text = number.to_string();
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    let float: f64 = text.parse().ok()?;
    (Number::parse(&format!("{float}"))?.to_string() == text).then(|| float.into())
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::string(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(whole: i64) -> Self {
        Self::Number(whole.into())
    }
}

impl From<usize> for Value {
    fn from(whole: usize) -> Self {
        Self::Number(whole.into())
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<Unknown> for Value {
    fn from(why: Unknown) -> Self {
        Self::Unknown(why)
    }
}

/// A string as it is put together.
#[derive(Default)]
pub(super) struct Pieces {
    done: Vec<Piece>,
    text: String,
}

impl Pieces {
    pub(super) fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn unknown(&mut self, why: &Unknown) {
        self.cut();
        if !matches!(self.done.last(), Some(Piece::Unknown(_))) {
            self.done.push(Piece::Unknown(why.clone()));
        }
    }

    /// Adds a string, or what may be one.
    pub(super) fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Partial(pieces) => self.add_mapped(pieces, |text| text.to_owned()),
            Value::Unknown(why) => self.unknown(why),
            _ => {}
        }
    }

    /// Adds pieces with their texts changed.
    pub(super) fn add_mapped(&mut self, pieces: &[Piece], change: impl Fn(&str) -> String) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.text(&change(text)),
                Piece::Unknown(why) => self.unknown(why),
            }
        }
    }

    fn cut(&mut self) {
        if !self.text.is_empty() {
            self.done.push(Piece::Text(std::mem::take(&mut self.text).into()));
        }
    }

    pub(super) fn finish(mut self) -> Value {
        if self.done.is_empty() {
            return Value::string(self.text);
        }
        self.cut();
        match self.done.as_slice() {
            [Piece::Unknown(why)] => Value::Unknown(why.clone()),
            _ => Value::Partial(self.done.into()),
        }
    }

    pub(super) fn len(&self) -> usize {
        let texts = self.done.iter().map(|piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Unknown(_) => 0,
        });
        self.text.len() + texts.sum::<usize>()
    }
}
