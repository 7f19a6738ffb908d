//! A bundle that is kept fresh.

use super::{
    make::{Wanted, make},
    show::made_text,
};
use crate::{
    cli::{error::CliError, exit::Exit, home::Home, ui::Ui},
    engine::Stop,
};
use std::time::Duration;
use tokio::time::sleep;

/// A service and a timer for systemd.
pub(in crate::cli) const UNIT: &str = include_str!("drctl-prepare.service");

/// Prepares, waits, and prepares again, until it is stopped. A time that fails is told, and what was
/// prepared before stays.
pub(in crate::cli) async fn every(
    period: Duration,
    wanted: &Wanted,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Exit, CliError> {
    loop {
        match make(wanted, home, stop, ui).await {
            Ok((bundle, dir)) => ui.say(&made_text(&bundle, &dir)),
            Err(error) if stop.token().is_cancelled() => {
                tracing::debug!(%error, "stopped while it was made");
            }
            Err(error) => ui.error(&error),
        }
        tokio::select! {
            () = sleep(period) => {}
            () = stop.token().cancelled() => return Ok(Exit::Met),
        }
    }
}
