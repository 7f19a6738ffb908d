//! Values that may be secret.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;

/// A value in clear that may be a secret, so it is only seen by asking for it:
/// `Debug` says what kind of value it is, and it cannot be serialised.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(Value);

impl Hidden {
    /// Hides a value.
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// Shows the value. Whoever calls this sees to it that it is not printed,
    /// logged, or put into an argument.
    pub fn expose(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Value::Null => "Hidden(null)",
            Value::Bool(_) => "Hidden(bool)",
            Value::Number(_) => "Hidden(number)",
            Value::String(_) => "Hidden(string)",
            Value::Array(_) => "Hidden(list)",
            Value::Object(_) => "Hidden(object)",
        })
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", Hidden::new(serde_json::json!({"password": "hunter2"})));
        assert_eq!(shown, "Hidden(object)");
    }
}
