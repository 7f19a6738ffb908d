//! The whole cloud as JSON, and back: a run's cloud can be looked at from another process.

use crate::sim::{
    cloud::{Cloud, State},
    draw::Latencies,
};
use serde::{Deserialize, Serialize};

/// The version of the format that is written, and the only one that is read.
const FORMAT: u32 = 1;

/// Why a snapshot could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is no snapshot of a simulated cloud.
    #[error("this is no snapshot of a simulated cloud")]
    Form(#[source] serde_json::Error),
    /// It is of a version that this drctl does not read.
    #[error("the snapshot is of format {found}, and this drctl reads format {FORMAT}")]
    Format {
        /// Its version.
        found: u32,
    },
    /// It could not be put into JSON.
    #[error("failed to write the simulated cloud down")]
    Write(#[source] serde_json::Error),
}

impl SnapshotError {
    /// Returns what to do now.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Form(_) => Some("Rehearse again to get a whole snapshot".to_owned()),
            Self::Format { .. } => Some("Read it with the drctl that wrote it".to_owned()),
            Self::Write(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    format: u32,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    cloud: &'a State,
}

#[derive(Deserialize)]
struct Read {
    cloud: State,
}

impl Cloud {
    /// Writes the whole cloud down.
    ///
    /// The text holds attributes as they were given, secrets among them: keep it in a
    /// file that only its owner can read.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Write`], for an attribute that JSON cannot hold.
    pub fn save(&self) -> Result<String, SnapshotError> {
        let written = Written { format: FORMAT, cloud: &self.state };
        serde_json::to_string(&written).map_err(SnapshotError::Write)
    }

    /// Reads a cloud that goes on where [`Cloud::save`] left it.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] when the text is no snapshot, or of another version.
    pub fn load(text: &str, latencies: impl Latencies + 'static) -> Result<Self, SnapshotError> {
        // The version first, since another one may look different in all the rest.
        let header: Header = serde_json::from_str(text).map_err(SnapshotError::Form)?;
        if header.format != FORMAT {
            return Err(SnapshotError::Format { found: header.format });
        }
        let read: Read = serde_json::from_str(text).map_err(SnapshotError::Form)?;
        Ok(Self { latencies: Box::new(latencies), state: read.cloud })
    }
}
