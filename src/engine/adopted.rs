//! An apply that an earlier process of the run began, and of which nobody has told the end.

use super::{
    stack::{ERRORED_STATE, Stack, Telling},
    step_error::StepError,
};
use crate::{
    model::{chain, event::EventKind, resource::ResourceAction, step::Phase},
    terraform::{Outlived, Outputs, TerraformError},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fs, path::PathBuf};
use tokio_util::sync::CancellationToken;

/// An apply that an earlier process of the run began.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// What is known of it, and how long it is given to end.
    pub apply: Outlived,
    /// Where it runs, when it still does.
    pub dir: Option<PathBuf>,
    /// What was told of it.
    pub told: Vec<Told>,
}

/// What was told of an apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The resource's address.
    pub address: String,
    /// What was done to it.
    pub action: ResourceAction,
    /// False for its beginning, true for its end.
    pub ended: bool,
}

impl Adopted {
    /// Returns true while it runs, as far as was seen.
    pub fn runs(&self) -> bool {
        self.dir.is_some()
    }

    /// Returns what had begun and not ended when it was last told of.
    fn waits_for(&self) -> BTreeMap<String, ResourceAction> {
        let mut open = BTreeMap::new();
        for Told { address, action, ended } in &self.told {
            match ended {
                false => open.insert(address.clone(), *action),
                true => open.remove(address),
            };
        }
        open
    }
}

impl Stack {
    /// Follows an apply to its end; when that is not proven to be a good one, the stack is brought
    /// up from what it left.
    pub(super) async fn adopt(
        &self,
        adopted: Adopted,
        variables: Map<String, Value>,
    ) -> Result<Outputs, StepError> {
        let (step, runs) = (self.tell.step().clone(), adopted.runs());
        let never = CancellationToken::new();
        let worth_a_phase = runs || adopted.apply.follow(&mut |_| {}, &never).await.is_ok();
        let waits_for = if runs { adopted.waits_for() } else { BTreeMap::new() };
        self.tell.say(EventKind::ApplyTakenUp { step, runs, waits_for });
        let ended = match worth_a_phase {
            true => self.phase(Phase::Apply, self.follow(&adopted)).await,
            false => self.follow(&adopted).await,
        };
        match ended {
            Ok(()) => {
                if self.work.state.is_declared() {
                    self.prepare().await?;
                }
                return self.is_up().await;
            }
            Err(
                error @ (StepError::Interrupted
                | StepError::Forgotten
                | StepError::Terraform(TerraformError::Interrupted { .. })),
            ) => return Err(error),
            Err(error) if worth_a_phase => {
                self.tell.note(format!("planned again: {}", chain(&error).join(": ")));
            }
            // It was cut off together with drctl, which is what the run is resumed for.
            Err(_) => {}
        }
        self.take_left_state(&adopted)?;
        if !self.work.state.is_declared() {
            self.tools.store.release(self.tell.step(), &self.tools.run)?;
        }
        self.prepare().await?;
        self.restore(variables).await
    }

    async fn follow(&self, adopted: &Adopted) -> Result<(), StepError> {
        let mut said = Telling::new(self.tell.clone());
        said.told.clone_from(&adopted.told);
        Ok(adopted.apply.follow(&mut |message| said.tell(&message), &self.stop).await?)
    }

    /// Takes over a state that it could not save, from where it ran.
    fn take_left_state(&self, adopted: &Adopted) -> Result<(), StepError> {
        let Some(dir) = &adopted.dir else { return Ok(()) };
        let (from, to) = (dir.join(ERRORED_STATE), self.work.dir.join(ERRORED_STATE));
        if !from.exists() || to.exists() {
            return Ok(());
        }
        fs::rename(&from, &to).map_err(|source| StepError::Write { path: to, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::LogFiles;

    #[test]
    fn what_has_begun_and_not_ended_is_waited_for() {
        let told = |address: &str, ended| Told {
            address: address.to_owned(),
            action: ResourceAction::Create,
            ended,
        };
        let log = LogFiles { stdout: "a.out".into(), stderr: "a.err".into() };
        let adopted = Adopted {
            apply: Outlived { log, group: Some(7), grace: None },
            dir: Some("/work".into()),
            told: vec![told("a.b", false), told("a.c", false), told("a.b", true)],
        };
        assert!(adopted.runs());
        assert_eq!(adopted.waits_for(), [("a.c".to_owned(), ResourceAction::Create)].into());
    }
}
