//! Why a command failed, read from its diagnostics.

use crate::terraform::Diagnostic;

/// Why Terraform says that it failed, as far as it decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The new state could not be saved where it belongs; it is in `errored.tfstate`.
    StateNotSaved,
    /// A disk is full.
    DiskFull,
    /// A file may not be read or written.
    Permission,
    /// The backend that keeps the state does not answer.
    StateUnreachable,
    /// The backend answers with something that is not a state.
    StateUnreadable,
    /// Somebody else works on the state.
    StateLocked,
    /// `init` has not been run, or not since the configuration changed.
    NotInitialised,
    /// A provider crashed, or never started.
    ProviderCrashed,
    /// A provider or a module could not be fetched.
    DownloadFailed,
    /// The configuration asks for another version of Terraform.
    WrongVersion,
    /// A variable that must be set is not.
    MissingVariable,
    /// The state has changed since the plan was saved.
    StalePlan,
    /// The saved plan is not there, or is not a whole plan.
    PlanUnreadable,
    /// The configuration is wrong, or its variables are.
    Configuration,
    /// Anything else, such as what a provider says of a resource.
    Other,
}

/// How a cause is known by Terraform's English, for want of a field that says it.
///
/// The summary is the stable part: it is a heading, and a diagnostic has no code.
/// Free text is only trusted in a diagnostic without an address, since what a
/// provider says of a resource may hold any words.
struct Row {
    cause: Cause,
    /// How the summary begins.
    summary: &'static str,
    /// What stands somewhere in it; empty when the summary is enough.
    text: &'static str,
}

const fn row(cause: Cause, summary: &'static str, text: &'static str) -> Row {
    Row { cause, summary, text }
}

const LOCKING: &str = "Error acquiring the state lock";

/// The first row that fits any of a command's errors is the cause, so what must
/// not be overlooked comes first, and what is vague comes last. Each row is tested
/// with what Terraform 1.11.4 really printed: `fixtures/terraform/failures/`.
const KNOWN: &[Row] = &[
    row(Cause::StateNotSaved, "Failed to persist state to backend", ""),
    row(Cause::DiskFull, "", "no space left on device"),
    row(Cause::Permission, "", "permission denied"),
    row(Cause::StateUnreadable, "", "Unsupported state file format"),
    row(Cause::StateUnreachable, LOCKING, "giving up after"),
    row(Cause::StateUnreachable, "Failed to load state", "giving up after"),
    row(Cause::StateLocked, LOCKING, "Lock Info:"),
    row(Cause::NotInitialised, "Backend initialization required", ""),
    row(Cause::NotInitialised, "Inconsistent dependency lock file", ""),
    row(Cause::NotInitialised, "Module not installed", ""),
    row(Cause::NotInitialised, "Required plugins are not installed", ""),
    row(Cause::ProviderCrashed, "Failed to load plugin schemas", ""),
    row(Cause::ProviderCrashed, "Plugin did not respond", ""),
    row(Cause::DownloadFailed, "Failed to query available provider packages", ""),
    row(Cause::DownloadFailed, "Failed to download module", ""),
    row(Cause::DownloadFailed, "Error accessing remote module registry", ""),
    row(Cause::WrongVersion, "Unsupported Terraform Core version", ""),
    row(Cause::MissingVariable, "No value for required variable", ""),
    row(Cause::StalePlan, "Saved plan is stale", ""),
    row(Cause::PlanUnreadable, "Failed to load \"", "as a plan file"),
    row(Cause::PlanUnreadable, "Failed to read the given file as a state or plan file", ""),
    row(Cause::Configuration, "No configuration files", ""),
];

impl Row {
    fn fits(&self, diagnostic: &Diagnostic) -> bool {
        if !diagnostic.summary.starts_with(self.summary) {
            return false;
        }
        if self.text.is_empty() {
            return true;
        }
        // Text on standard error is broken into lines, JSON is not.
        let all = format!("{} {}", diagnostic.summary, diagnostic.detail);
        let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
        diagnostic.address.is_none() && all.contains(self.text)
    }
}

/// Finds why `command` failed, and which of its errors says so.
pub(super) fn recognise(command: &str, errors: &[Diagnostic]) -> (Cause, usize) {
    let known = KNOWN
        .iter()
        .find_map(|row| errors.iter().position(|error| row.fits(error)).map(|at| (row.cause, at)));
    known.unwrap_or_else(|| {
        // While it reads the configuration, Terraform says where and names no resource.
        let reads = !matches!(command, "apply" | "destroy");
        let wrong = |error: &Diagnostic| error.place.is_some() && error.address.is_none();
        match errors.iter().position(|error| reads && wrong(error)) {
            Some(at) => (Cause::Configuration, at),
            None if command == "fmt" => (Cause::Configuration, 0),
            None => (Cause::Other, 0),
        }
    })
}

/// Who holds the lock on a state, as far as the backend tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockHolder {
    /// The lock's name, which `terraform force-unlock` asks for.
    pub id: Option<String>,
    /// Who: a user at a machine.
    pub who: Option<String>,
    /// What they do, such as `OperationTypeApply`.
    pub operation: Option<String>,
    /// Since when, as Terraform writes it.
    pub created: Option<String>,
}

impl LockHolder {
    /// Reads the detail of the diagnostic that says that the state is locked.
    pub(super) fn read(detail: &str) -> Self {
        // The `http` backend shows under "Lock Info" the lock that it did *not* get,
        // ours; of the one in the way it tells the name alone, in the line before.
        if let Some((_, after)) = detail.split_once("already locked: ID=") {
            let id = after.split_whitespace().next().map(str::to_owned);
            return Self { id, ..Self::default() };
        }
        let field = |name: &str| {
            let line = detail.lines().find_map(|line| line.trim().strip_prefix(name))?;
            Some(line.trim().to_owned()).filter(|value| !value.is_empty())
        };
        Self {
            id: field("ID:"),
            who: field("Who:"),
            operation: field("Operation:"),
            created: field("Created:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::{Severity, UiMessage};

    macro_rules! recorded {
        ($name:literal) => {
            ($name, include_str!(concat!("../../fixtures/terraform/failures/", $name, ".out")))
        };
    }

    /// Command, what Terraform 1.11.4 printed, and the cause.
    const RECORDED: &[(&str, (&str, &str), Cause)] = &[
        ("apply", recorded!("apply-backend-died"), Cause::StateNotSaved),
        ("apply", recorded!("apply-disk-full"), Cause::StateNotSaved),
        ("plan", recorded!("plan-disk-full"), Cause::DiskFull),
        ("plan", recorded!("plan-permission"), Cause::Permission),
        ("plan", recorded!("plan-state-unreadable"), Cause::StateUnreadable),
        ("plan", recorded!("plan-backend-unreachable"), Cause::StateUnreachable),
        ("output", recorded!("output-backend-unreachable"), Cause::StateUnreachable),
        ("plan", recorded!("plan-locked-local"), Cause::StateLocked),
        ("plan", recorded!("plan-locked-http"), Cause::StateLocked),
        ("plan", recorded!("plan-no-backend"), Cause::NotInitialised),
        ("plan", recorded!("plan-no-lock-file"), Cause::NotInitialised),
        ("plan", recorded!("plan-no-module"), Cause::NotInitialised),
        ("plan", recorded!("plan-no-provider"), Cause::NotInitialised),
        ("plan", recorded!("plan-provider-crash"), Cause::ProviderCrashed),
        ("init", recorded!("init-no-registry"), Cause::DownloadFailed),
        ("init", recorded!("init-no-module"), Cause::DownloadFailed),
        ("get", recorded!("get-no-module"), Cause::DownloadFailed),
        ("init", recorded!("init-version"), Cause::WrongVersion),
        ("plan", recorded!("plan-no-variable"), Cause::MissingVariable),
        ("apply", recorded!("apply-stale"), Cause::StalePlan),
        ("apply", recorded!("apply-no-plan"), Cause::PlanUnreadable),
        ("apply", recorded!("apply-cut-plan"), Cause::PlanUnreadable),
        ("show", recorded!("show-no-plan"), Cause::PlanUnreadable),
        ("plan", recorded!("plan-empty"), Cause::Configuration),
        ("init", recorded!("init-syntax"), Cause::Configuration),
        ("plan", recorded!("plan-syntax"), Cause::Configuration),
        ("plan", recorded!("plan-bad-variable"), Cause::Configuration),
        ("fmt", recorded!("fmt-syntax"), Cause::Configuration),
        ("apply", recorded!("apply-provisioner"), Cause::Other),
    ];

    fn errors(printed: &str) -> Vec<Diagnostic> {
        let read: Vec<_> = printed
            .lines()
            .filter_map(|line| match UiMessage::read(line) {
                UiMessage::Diagnostic(found) if found.severity == Severity::Error => Some(found),
                _ => None,
            })
            .collect();
        if read.is_empty() { Diagnostic::in_text(printed).into_iter().collect() } else { read }
    }

    #[test]
    fn every_recorded_failure_has_its_cause() {
        for (command, (name, printed), cause) in RECORDED {
            let errors = errors(printed);
            assert!(!errors.is_empty(), "{name}: no error was read");
            assert_eq!(recognise(command, &errors).0, *cause, "{name}: {errors:#?}");
        }
    }

    #[test]
    fn every_row_is_the_one_that_some_recorded_failure_needs() {
        for (at, row) in KNOWN.iter().enumerate() {
            // Recorded only in `a_crash_during_an_apply_is_known`: it takes a provider that starts.
            if row.summary == "Plugin did not respond" {
                continue;
            }
            let used = RECORDED.iter().any(|(_, (_, printed), _)| {
                let errors = errors(printed);
                KNOWN.iter().position(|row| errors.iter().any(|e| row.fits(e))) == Some(at)
            });
            assert!(used, "nothing is recorded for {:?} {:?}", row.summary, row.text);
        }
    }

    #[test]
    fn a_crash_during_an_apply_is_known() {
        let line = r#"{"@level":"error","@message":"Error: Plugin did not respond","@module":"terraform.ui","@timestamp":"2026-11-22T18:43:33.068403Z","diagnostic":{"severity":"error","summary":"Plugin did not respond","detail":"The plugin encountered an error, and failed to respond to the plugin6.(*GRPCProvider).ApplyResourceChange call. The plugin logs may contain more details."},"type":"diagnostic"}"#;
        assert_eq!(recognise("apply", &errors(line)), (Cause::ProviderCrashed, 0));
    }

    #[test]
    fn what_a_provider_says_of_a_resource_is_not_taken_for_ours() {
        let line = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"creating firewall","detail":"googleapi: permission denied on project","address":"google_compute_firewall.x"}}"#;
        assert_eq!(recognise("apply", &errors(line)), (Cause::Other, 0));
    }

    #[test]
    fn a_locked_state_names_its_holder_and_never_us() {
        let holder = |name: &str| {
            let (_, (_, printed), _) = RECORDED.iter().find(|(_, r, _)| r.0 == name).unwrap();
            LockHolder::read(&errors(printed)[0].detail)
        };
        let local = holder("plan-locked-local");
        assert_eq!(local.operation.as_deref(), Some("OperationTypeApply"));
        assert!(local.id.is_some() && local.who.is_some() && local.created.is_some());
        assert_eq!(
            holder("plan-locked-http"),
            LockHolder {
                id: Some("11111111-2222-3333-4444-555555555555".into()),
                ..LockHolder::default()
            }
        );
    }
}
