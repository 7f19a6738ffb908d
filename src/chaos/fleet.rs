//! A group as it really is: who is in it, how they are, and how one is killed.

use crate::deploy::DeployError;
use async_trait::async_trait;
use std::{io, time::Duration};
use tokio::time::{Instant, sleep};

/// One of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// What people call it, unique in its group at any time.
    pub name: String,
    /// What its system knows it by.
    pub id: String,
    /// What differs when it is started anew under the same name.
    pub start: String,
    /// True when it does its work, as far as its system says.
    pub healthy: bool,
    /// What its system says of it, in its own word.
    pub state: String,
}

/// A group: asked again and again, and one of it killed.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// Returns who is in the group now, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`FleetError`], when its system did not say.
    async fn members(&self) -> Result<Vec<Member>, FleetError>;

    /// Kills one, as a crash would, and returns once that is under way. It is no longer stopped then.
    ///
    /// # Errors
    ///
    /// [`FleetError`], when it was not killed, as far as that is known.
    async fn kill(&self, member: &Member) -> Result<(), FleetError>;

    /// Returns the time on the clock that the group lives by.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Lets time pass on that clock.
    ///
    /// # Errors
    ///
    /// [`FleetError`], when it could not pass.
    async fn wait(&self, time: Duration) -> Result<(), FleetError> {
        sleep(time).await;
        Ok(())
    }

    /// Returns true when nothing in the group is real, and neither is its clock.
    fn is_simulated(&self) -> bool {
        false
    }
}

/// Why a group could not be asked, or one of it not killed.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The program that its system is asked with is not there.
    #[error("`{program}` was not found")]
    Missing {
        /// The program.
        program: &'static str,
        /// How to get it, as a sentence.
        install: &'static str,
    },
    /// The program failed.
    #[error("failed to run `{program} {words}`")]
    Ran {
        /// The program.
        program: &'static str,
        /// The first words of what it was asked.
        words: String,
        /// How it failed.
        #[source]
        source: Box<DeployError>,
    },
    /// The program said something else than what it was asked for.
    #[error("what `{program} {words}` printed is {what}")]
    Unreadable {
        /// The program.
        program: &'static str,
        /// The first words of what it was asked.
        words: String,
        /// What it is instead.
        what: String,
    },
    /// There is no room for what the program says.
    #[error("failed to keep what `{program}` says")]
    Scratch {
        /// The program.
        program: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The label, tag or address of the group is none.
    #[error("{0}")]
    Selector(String),
    /// It ended, or was started anew, before it could be killed.
    #[error("`{0}` is no longer what it was when it was chosen")]
    Changed(String),
    /// A container runs where its process cannot be reached from here, and its image has no shell that could.
    #[error(
        "the process of the container `{name}` can be killed neither from here nor from its image"
    )]
    OutOfReach {
        /// The container.
        name: String,
        /// What became of the attempt.
        #[source]
        source: Box<FleetError>,
    },
    /// There is no simulated cloud.
    #[error("no rehearsal left its simulated cloud")]
    NoCloud,
    /// The simulated cloud could not be read or written.
    #[error("{0}")]
    Simulated(String),
}

impl FleetError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { install, .. } => Some((*install).to_owned()),
            Self::Ran { program, words, .. } => Some(format!("Try `{program} {words}` by hand, with the same environment")),
            Self::Unreadable { program, words, .. } => {
                Some(format!("Look at what `{program} {words}` prints; an alias or a wrapper may stand in its place"))
            }
            Self::Scratch { .. } => {
                Some("Make room in the folder for temporary files, or set `TMPDIR` to another".to_owned())
            }
            Self::OutOfReach { .. } => Some(
                "Run drctl as root on the machine of the engine, or use an image that has `/bin/sh`: `docker kill` counts as a stop by hand, after which no restart policy brings a container back"
                    .to_owned(),
            ),
            Self::NoCloud => Some("Leave one with `drctl rehearse --keep`".to_owned()),
            Self::Simulated(_) => Some("See what there is with `drctl sim ls`".to_owned()),
            Self::Selector(_) | Self::Changed(_) => None,
        }
    }
}
