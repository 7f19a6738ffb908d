//! Whether a drill may begin now.

use super::{Lock, Terms, lock::taken, open::is_open};
use crate::{
    cli::{
        earlier::{refuse_beside_a_failover, refuse_twice},
        error::CliError,
        exit::Exit,
        prepared::Prepared,
        record::Record,
        recover::Attempt,
    },
    model::window::Window,
    runbook,
};
use anyhow::anyhow;
use jiff::Timestamp;

impl Attempt<'_> {
    /// Takes the lock of the drill; one on the simulated cloud needs none.
    ///
    /// # Errors
    ///
    /// It may not begin: it is blocked now, another one runs, or something stands in the region.
    pub(in crate::cli) fn admit(
        &self,
        terms: &Terms,
        prepared: &Prepared,
    ) -> Result<Option<Lock>, CliError> {
        if terms.simulated.is_some() {
            return Ok(None);
        }
        if !terms.ignore_blocked {
            unblocked(&prepared.runbook.drill, self.began_at)?;
        }
        let (service, region) = (&prepared.service, &self.asked.which.region);
        let this = self.folder.id();
        let lock = Lock::take(self.home, service, region, this)?
            .map_err(|holder| taken(service, region, holder.as_ref()))?;
        if !terms.again {
            self.refuse_behind_an_open_drill(service)?;
            refuse_twice(self.home, this, service, region)?;
            refuse_beside_a_failover(self.home, this, service, region)?;
        }
        Ok(Some(lock))
    }

    /// Refuses a drill behind one that came to no end, of which something may be left that is in no
    /// state yet.
    fn refuse_behind_an_open_drill(&self, service: &str) -> Result<(), CliError> {
        for earlier in self.home.runs()?.into_iter().rev().filter(|run| run != self.folder.id()) {
            let folder = self.home.run(&earlier);
            let Ok(Some(record)) = Record::read(&folder.drill()) else { continue };
            let is_like = record.service == service && record.region == self.asked.which.region;
            if is_like && is_open(&folder) {
                let error = anyhow!(
                    "the drill {earlier} came to no end, and may have left something of `{service}` in {}",
                    record.region
                );
                return Err(CliError::new(Exit::Refused, error).hint(format!(
                    "Remove what that drill left: `drctl drill --sweep {earlier}`"
                )));
            }
        }
        Ok(())
    }
}

/// Refuses a drill in a window in which none begins.
fn unblocked(drill: &runbook::Drill, now: Timestamp) -> Result<(), CliError> {
    let Some((name, window)) = drill.blocked.iter().find(|(_, window)| window.holds(now)) else {
        return Ok(());
    };
    let windows: Vec<Window> = drill.blocked.iter().map(|(_, window)| window.clone()).collect();
    let free = Window::next_free(&windows, now).strftime("%Y-%m-%dT%H:%M:%SZ");
    let error = anyhow!("no drill begins now: the runbook blocks it as `{name}`, {window}");
    Err(CliError::new(Exit::Refused, error)
        .hint(format!("Begin it at {free} or later; `--ignore-blocked` begins it all the same")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_drill_says_when_it_may_begin() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let window =
            Window::Once { from: at("2026-11-26T00:00:00Z"), until: at("2026-12-01T00:00:00Z") };
        let drill = runbook::Drill {
            blocked: vec![("sale".to_owned(), window)],
            ..runbook::Drill::default()
        };
        assert!(unblocked(&drill, at("2026-12-01T00:00:00Z")).is_ok());
        let error = unblocked(&drill, at("2026-11-27T12:00:00Z")).unwrap_err();
        insta::assert_snapshot!(error, @r"
        error: no drill begins now: the runbook blocks it as `sale`, 2026-11-26T00:00:00Z to 2026-12-01T00:00:00Z
          hint: Begin it at 2026-12-01T00:00:00Z or later; `--ignore-blocked` begins it all the same
        ");
    }
}
