//! A way home is confirmed; what ends a fallback, or sends traffic back to it, once more.

use crate::{
    cli::{
        confirm::by_digest,
        error::{CliError, OrExit},
        exit::Exit,
        ui::Ui,
    },
    model::run::DeclaredBy,
};
use anyhow::{Context, anyhow};
use std::io;
use tokio::task::spawn_blocking;

use super::Ending;

/// Asks who says go; `writes` are the stacks whose states in the primary are written.
///
/// # Errors
///
/// Nobody did: the digest is of another plan, another name was typed, or there is no terminal at
/// which one could be.
pub(super) async fn go(
    ui: &Ui,
    service: &str,
    primary: &str,
    writes: &[String],
    digest: &str,
    expected: Option<&str>,
) -> Result<DeclaredBy, CliError> {
    if let Some(by) = by_digest(ui, "way home", digest, expected)? {
        return Ok(by);
    }
    let writes = match writes {
        [] => format!("no state in {primary} is written"),
        some => format!("which writes the states of {} in {primary}", some.join(", ")),
    };
    let question =
        format!("Type the service's name, `{service}`, to move it home to {primary} ({writes}): ");
    let typed = typed(ui, question).await.or_exit(Exit::Failed)?;
    if typed == service {
        return Ok(DeclaredBy::Typed);
    }
    let error = anyhow!("`{typed}` is not `{service}`, so nothing was done");
    Err(CliError::new(Exit::Usage, error))
}

/// Asks what becomes of the fallback. Whatever is not its name keeps it.
pub(super) async fn tear_down(ui: &Ui, region: &str) -> Ending {
    if !ui.is_interactive() {
        return Ending::Keep;
    }
    let question = format!(
        "The service is verified at home. Type the region's name, `{region}`, to tear down what it has there: "
    );
    match typed(ui, question).await {
        Ok(answer) if answer == region => Ending::TearDown,
        _ => Ending::Keep,
    }
}

/// Asks whether traffic goes back to the fallback; it does where nobody can be asked.
pub(super) async fn back(ui: &Ui, region: &str) -> bool {
    if !ui.is_interactive() {
        return true;
    }
    let question = format!(
        "The service does not pass its probes at home. Press Enter to move traffic back to {region}, or type `stay`: "
    );
    typed(ui, question).await.map_or(true, |answer| answer != "stay")
}

/// Reads a line, on a thread of its own: a question can be left unanswered.
async fn typed(ui: &Ui, question: String) -> anyhow::Result<String> {
    let ui = *ui;
    let asking = spawn_blocking(move || {
        ui.say(&question);
        let mut typed = String::new();
        // An end of input is an answer, too: nothing was typed.
        let _ = io::stdin().read_line(&mut typed);
        typed.trim().to_owned()
    });
    asking.await.context("the question broke off")
}
