//! The end of every drill: what it made is removed.

use super::left::{in_no_state, in_states};
use crate::{
    cli::recover::Attempt,
    engine::{Recovery, Removal, Run, Tools},
    model::{run::RunOutcome, time::Rounded},
    runbook::Known,
};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long a teardown may take: a region that hangs must not hold it up for ever. Databases take an hour
/// at most; what is left then is for a sweep.
const LONGEST: Duration = Duration::from_secs(2 * 3_600);

impl Attempt<'_> {
    /// Removes what the drill made, whatever it came to and whoever asks it to stop, and returns what
    /// it comes to with that.
    pub(in crate::cli) async fn tear_down(
        &self,
        outcome: RunOutcome,
        recovery: &Recovery,
        known: &Known,
        tools: &Arc<Tools>,
        run: &mut Run<'_>,
    ) -> RunOutcome {
        run.interrupted(self.stop);
        // No signal reaches it.
        let stop = CancellationToken::new();
        let removal = Removal { recovery, known, tools, stop: &stop, afresh: false };
        let patience = async {
            sleep(LONGEST).await;
            stop.cancel();
            // What is in flight is waited for in any case.
            pending::<()>().await
        };
        let removed = tokio::select! {
            removed = removal.run(run) => removed,
            () = patience => false,
        };
        if stop.is_cancelled() {
            run.note(format!("the teardown was given up after {}", Rounded(LONGEST)));
        }
        for (stack, addresses) in in_states(&tools.store) {
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            run.note(format!("{stack} could not be removed: {}", addresses.join(", ")));
        }
        let unknown = match self.way.simulated() {
            Some(_) => Vec::new(),
            None => in_no_state(self.folder, &tools.store),
        };
        if !unknown.is_empty() {
            run.note(format!(
                "begun to be made, in no state, and so perhaps left: {}",
                unknown.join(", ")
            ));
        }
        match removed && unknown.is_empty() {
            true if self.stop.limit().is_some() && outcome == RunOutcome::Interrupted => {
                RunOutcome::Failed
            }
            true => outcome,
            false => RunOutcome::NotRemoved,
        }
    }
}
