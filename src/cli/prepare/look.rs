//! What is only looked at, or copied, beforehand: images, and what this machine has.

use super::{
    bundle::{Checked, ImageSeen, Unprepared},
    make::{Work, interrupted},
};
use crate::{
    cli::{
        cmd::{doctor, images},
        error::CliError,
        prepared::Prepared,
    },
    deploy::images::{Answer, ask},
    runbook::Runbook,
};

impl Work<'_> {
    /// Asks the fallback's registries for the images, and copies those that are missing.
    pub(super) async fn images(&mut self, prepared: &Prepared) -> Result<Vec<ImageSeen>, CliError> {
        let scratch = self.making.dir.join("steps");
        let (wanted, untold) = images::wanted(prepared, &scratch, self.stop).await?;
        for step in untold {
            let why = "only the stacks can tell which it needs".to_owned();
            let (step, what) = (Some(step), "images".to_owned());
            self.unprepared.push(Unprepared { step, what, why, expected: true });
        }
        let mut answers = tokio::select! {
            answers = ask(wanted.keys().map(|image| image.name.as_str())) => answers,
            () = self.stop.token().cancelled() => return Err(interrupted()),
        };
        let mut seen = Vec::new();
        for image in wanted.into_keys() {
            let lost = || Answer::Untold { cause: "it was not asked for".to_owned() };
            let mut answer = answers.remove(&image.name).unwrap_or_else(lost);
            let missing = matches!(answer, Answer::Missing { .. }) && image.name != image.written;
            let copied = self.wanted.copy && missing;
            if copied {
                let digest = tokio::select! {
                    copied = images::copy_shown(&image, self.ui) => copied?,
                    () = self.stop.token().cancelled() => return Err(interrupted()),
                };
                answer = Answer::There { digest };
            }
            if let Some(why) = answer.cause() {
                let what = format!("image {}", image.name);
                self.unprepared.push(Unprepared { step: None, what, why, expected: false });
            }
            let (digest, cause) = (answer.digest().map(str::to_owned), answer.cause());
            let (image, written) = (image.name, image.written);
            seen.push(ImageSeen { image, written, digest, cause, copied });
        }
        Ok(seen)
    }

    /// Looks at what this machine has, as `drctl doctor` does.
    pub(super) fn checks(&mut self, runbook: &Runbook) -> Vec<Checked> {
        let own = [doctor::home_folder(self.home), doctor::room(self.home), doctor::credentials()];
        let all = own.into_iter().chain(doctor::programs(runbook));
        let mut checks = Vec::new();
        for check in all {
            let state = match check.state {
                doctor::State::Ok => "ok",
                doctor::State::Note => "note",
                doctor::State::Missing => {
                    let (what, why) = (check.name.to_owned(), check.found.clone());
                    self.unprepared.push(Unprepared { step: None, what, why, expected: false });
                    "missing"
                }
            };
            let (name, state) = (check.name.to_owned(), state.to_owned());
            checks.push(Checked { name, state, found: check.found });
        }
        checks
    }
}
