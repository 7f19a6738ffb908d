//! Values that the user knows better: the `simulate` block of a runbook.

use crate::{
    catalogue::{Template, TemplateError},
    provider::infer::Mode,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What attributes are, by type. It comes before all other sources of values.
///
/// An attribute inside a block is named with dots, `vpc_config.vpc_id`. A value is a template in the
/// language of the catalogue, so that text in braces is filled in.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    resources: BTreeMap<String, BTreeMap<String, Template>>,
    data: BTreeMap<String, BTreeMap<String, Template>>,
}

/// What is wrong with overrides.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// They are not an object of objects.
    #[error("`{path}` is not an object of attributes and their values")]
    Form {
        /// What is not.
        path: String,
    },
    /// A value is no template.
    #[error("the value of `{path}` is no template")]
    Template {
        /// Whose value.
        path: String,
        /// Why not.
        #[source]
        source: TemplateError,
    },
}

impl OverrideError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Form { .. } => {
                "Write it as `\"aws_vpc\" = { cidr_block = \"10.0.0.0/16\" }`; a data source is \
                 `\"data.aws_vpc\"`"
                    .to_owned()
            }
            Self::Template { .. } => {
                "Write `{{` and `}}` for braces that are text, such as those of a JSON document"
                    .to_owned()
            }
        })
    }
}

impl Overrides {
    /// Reads `{"aws_vpc": {"cidr_block": …}, "data.aws_ami": {"id": …}}`.
    ///
    /// # Errors
    ///
    /// [`OverrideError`] names the type and the attribute.
    pub fn from_json(json: &Json) -> Result<Self, OverrideError> {
        let mut overrides = Self::default();
        let form = |path: &str| OverrideError::Form { path: path.to_owned() };
        for (kind, attributes) in json.as_object().ok_or_else(|| form("simulate"))? {
            let mut values = BTreeMap::new();
            for (name, value) in attributes.as_object().ok_or_else(|| form(kind))? {
                let template = Template::parse(value).map_err(|source| {
                    OverrideError::Template { path: format!("{kind}.{name}"), source }
                })?;
                values.insert(name.clone(), template);
            }
            match kind.strip_prefix("data.") {
                Some(kind) => overrides.data.insert(kind.to_owned(), values),
                None => overrides.resources.insert(kind.clone(), values),
            };
        }
        Ok(overrides)
    }

    /// Returns the value of an attribute, with dots into blocks.
    pub(super) fn get(&self, mode: Mode, kind: &str, path: &str) -> Option<&Template> {
        let kinds = if mode == Mode::Data { &self.data } else { &self.resources };
        kinds.get(kind)?.get(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_found_by_type_and_attribute() {
        let read = Overrides::from_json(&json!({
            "aws_vpc": {"arn": "arn:{region}"},
            "data.aws_vpc": {"id": "vpc-1"},
        }))
        .unwrap();
        assert!(read.get(Mode::Managed, "aws_vpc", "arn").is_some());
        assert!(read.get(Mode::Managed, "aws_vpc", "id").is_none());
        assert!(read.get(Mode::Data, "aws_vpc", "id").is_some());
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        let told = |json| Overrides::from_json(&json).unwrap_err();
        assert_eq!(
            told(json!({"aws_vpc": 1})).to_string(),
            "`aws_vpc` is not an object of attributes and their values"
        );
        let error = told(json!({"aws_vpc": {"policy": "{\"a\":1}"}}));
        assert_eq!(error.to_string(), "the value of `aws_vpc.policy` is no template");
        assert!(error.hint().unwrap().contains("{{"));
    }
}
