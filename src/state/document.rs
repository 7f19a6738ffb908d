//! A state document, as far as drctl must know it.

use serde::{Deserialize, Deserializer, de::Error as _};
use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

/// What tells one version of a state from another.
///
/// Reading it skips over everything else without keeping it, so the size of a
/// state does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StateHead {
    /// The version of the format; Terraform has written 4 since 0.12.
    pub version: u64,
    /// How many times the state has changed; rises with each change.
    pub serial: u64,
    /// A name given when the state was first made. Never empty.
    #[serde(deserialize_with = "not_empty")]
    pub lineage: String,
}

/// Why a document is not a state.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is no JSON object with a version, a serial and a lineage.
    #[error("it is not a JSON object with `version`, `serial` and `lineage`")]
    Form(#[source] serde_json::Error),
    /// The file could not be read.
    #[error("the file cannot be read")]
    Io(#[source] io::Error),
}

impl StateHead {
    /// Reads the head of the state in a file, and checks that the rest is JSON.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] when the file cannot be read or holds no state.
    pub fn of_file(path: &Path) -> Result<Self, DocumentError> {
        let file = File::open(path).map_err(DocumentError::Io)?;
        let head = serde_json::from_reader(BufReader::with_capacity(1 << 16, file));
        head.map_err(|error| {
            if error.is_io() { DocumentError::Io(error.into()) } else { DocumentError::Form(error) }
        })
    }
}

fn not_empty<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() { Err(D::Error::custom("the lineage is empty")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn head(text: &str) -> Result<StateHead, DocumentError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        StateHead::of_file(file.path())
    }

    #[test]
    fn the_head_is_read_and_the_rest_skipped() {
        let read = head(r#"{"version":4,"outputs":{"a":[1]},"serial":7,"lineage":"x"}"#).unwrap();
        assert_eq!(read, StateHead { version: 4, serial: 7, lineage: "x".to_owned() });
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for bad in [
            "",
            "null",
            "[]",
            r#"{"version":4,"serial":1}"#,
            r#"{"version":4,"serial":1,"lineage":""}"#,
            r#"{"version":4,"serial":-1,"lineage":"x"}"#,
            r#"{"version":4,"serial":1,"serial":2,"lineage":"x"}"#,
            r#"{"version":4,"serial":1,"lineage":"x""#,
            r#"{"version":4,"serial":1,"lineage":"x"} {}"#,
        ] {
            assert!(matches!(head(bad), Err(DocumentError::Form(_))), "{bad}");
        }
    }
}
