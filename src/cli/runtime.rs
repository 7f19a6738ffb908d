//! The async runtime of the commands that wait.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
};
use anyhow::Context;

/// Runs `work` to its end.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("failed to start")
        .or_exit(Exit::Failed)?;
    let done = runtime.block_on(work);
    // A prompt that nobody answered must not hold up the end.
    runtime.shutdown_background();
    done
}
