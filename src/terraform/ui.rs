//! Terraform's `-json` UI: a line a message, as much of it as drctl reads.

use crate::{
    model::resource::ResourceAction,
    terraform::{Diagnostic, Product, cut},
};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;

/// How much is kept of what a provisioner or a wrapper says, in characters.
const SHORT: usize = 200;
/// How much is kept of Terraform's own sentences, in characters.
const LONG: usize = 2_000;

/// One line that Terraform printed.
///
/// Reading never fails: a failover must not stop because Terraform learned a new
/// message. What is not understood is kept as its kind, or as text.
///
/// `at` is Terraform's own clock, to the microsecond. Its `elapsed_seconds` are
/// whole seconds between two rounded times, so durations come from `at`.
#[derive(Clone, Debug, PartialEq)]
pub enum UiMessage {
    /// The first line of every command.
    Version {
        /// Which product.
        product: Product,
        /// Its version.
        version: String,
        /// The version of this UI's format.
        ui: String,
    },
    /// Something will be done to a resource.
    PlannedChange {
        /// Which.
        address: String,
        /// What.
        action: ResourceAction,
    },
    /// A resource was found changed behind Terraform's back.
    ResourceDrift {
        /// Which.
        address: String,
        /// How: updated or deleted.
        action: ResourceAction,
    },
    /// How many resources are planned, or were done.
    ChangeSummary {
        /// `plan`, `apply` or `destroy`.
        operation: String,
        /// Made.
        add: u64,
        /// Changed in place.
        change: u64,
        /// Taken into the state.
        import: u64,
        /// Removed.
        remove: u64,
    },
    /// Work on a resource began.
    ApplyStart {
        /// Which.
        address: String,
        /// What.
        action: ResourceAction,
        /// When.
        at: Timestamp,
    },
    /// Work on a resource goes on; Terraform says so every ten seconds, OpenTofu
    /// before 1.13 only once, so silence means nothing.
    ApplyProgress {
        /// Which.
        address: String,
        /// What.
        action: ResourceAction,
        /// When.
        at: Timestamp,
    },
    /// Work on a resource ended well.
    ApplyComplete {
        /// Which.
        address: String,
        /// What.
        action: ResourceAction,
        /// When.
        at: Timestamp,
    },
    /// Work on a resource failed. Why is in a diagnostic at the end.
    ApplyErrored {
        /// Which.
        address: String,
        /// What.
        action: ResourceAction,
        /// When.
        at: Timestamp,
    },
    /// A provisioner began.
    ProvisionStart {
        /// Of which resource.
        address: String,
        /// Its kind, such as `local-exec`.
        provisioner: String,
        /// When.
        at: Timestamp,
    },
    /// A provisioner printed something.
    ProvisionProgress {
        /// Of which resource.
        address: String,
        /// Its kind, such as `local-exec`.
        provisioner: String,
        /// What it printed, cut short.
        text: String,
    },
    /// A provisioner ended well.
    ProvisionComplete {
        /// Of which resource.
        address: String,
        /// Its kind, such as `local-exec`.
        provisioner: String,
        /// When.
        at: Timestamp,
    },
    /// A provisioner failed.
    ProvisionErrored {
        /// Of which resource.
        address: String,
        /// Its kind, such as `local-exec`.
        provisioner: String,
        /// When.
        at: Timestamp,
    },
    /// Looking at an object began.
    RefreshStart {
        /// Whose.
        address: String,
        /// When.
        at: Timestamp,
    },
    /// Looking at an object ended.
    RefreshComplete {
        /// Whose.
        address: String,
        /// When.
        at: Timestamp,
    },
    /// The outputs that there are; their values are not kept.
    Outputs {
        /// Their names, in order.
        names: Vec<String>,
    },
    /// An error or a warning.
    Diagnostic(Diagnostic),
    /// A sentence for people. When Terraform can save its state nowhere it prints
    /// the state itself beside such a sentence; that is not kept.
    Log {
        /// The sentence.
        text: String,
    },
    /// A sentence of `init`.
    InitOutput {
        /// What it is about, such as `initializing_backend_message`.
        code: String,
        /// The sentence.
        text: String,
    },
    /// JSON of a kind that drctl does not use, or not in the form that it knows.
    Other {
        /// The value of `type`.
        kind: String,
    },
    /// Not JSON: `init` of Terraform before 1.9, a part of the backend's set-up
    /// even after that, or a wrapper's own words.
    Text(String),
    /// A line that is too long to be held; it is only in the log file.
    TooLong {
        /// How long it is.
        bytes: u64,
    },
}

/// Everything that drctl reads of a line; which fields are there depends on `kind`.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "@message", default)]
    message: String,
    #[serde(rename = "@timestamp")]
    at: Option<String>,
    terraform: Option<String>,
    tofu: Option<String>,
    ui: Option<String>,
    change: Option<OnResource>,
    changes: Option<Changes>,
    hook: Option<OnResource>,
    outputs: Option<BTreeMap<String, IgnoredAny>>,
    diagnostic: Option<Diagnostic>,
    #[serde(default)]
    message_code: String,
}

#[derive(Deserialize)]
struct OnResource {
    resource: Resource,
    #[serde(default)]
    action: String,
    #[serde(default)]
    provisioner: String,
    #[serde(default)]
    output: String,
}

#[derive(Deserialize)]
struct Resource {
    addr: String,
}

#[derive(Deserialize)]
struct Changes {
    #[serde(default)]
    add: u64,
    #[serde(default)]
    change: u64,
    #[serde(default)]
    import: u64,
    #[serde(default)]
    remove: u64,
    #[serde(default)]
    operation: String,
}

/// Enough of a line to name what was not understood.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: String,
}

impl UiMessage {
    /// Reads one line, without its newline.
    pub fn read(line: &str) -> Self {
        if let Ok(line) = serde_json::from_str::<Line>(line) {
            let kind = line.kind.clone();
            return line.into_message().unwrap_or(Self::Other { kind });
        }
        match serde_json::from_str(line) {
            Ok(Typed { kind }) => Self::Other { kind },
            Err(_) => Self::Text(cut(line.trim_end(), LONG)),
        }
    }
}

impl Line {
    /// Returns nothing when the kind is not known or a field that it needs is not there.
    fn into_message(self) -> Option<UiMessage> {
        let at = || self.at.as_deref()?.parse::<Timestamp>().ok();
        let change = |on: OnResource| (on.resource.addr, action(&on.action));
        Some(match self.kind.as_str() {
            "version" => {
                let ui = self.ui?;
                let (product, version) = match self.tofu {
                    Some(version) => (Product::OpenTofu, version),
                    None => (Product::Terraform, self.terraform?),
                };
                UiMessage::Version { product, version, ui }
            }
            "planned_change" => {
                let (address, action) = change(self.change?);
                UiMessage::PlannedChange { address, action }
            }
            "resource_drift" => {
                let (address, action) = change(self.change?);
                UiMessage::ResourceDrift { address, action }
            }
            "change_summary" => {
                let Changes { add, change, import, remove, operation } = self.changes?;
                UiMessage::ChangeSummary { operation, add, change, import, remove }
            }
            kind @ ("apply_start" | "apply_progress" | "apply_complete" | "apply_errored") => {
                let at = at()?;
                let (address, action) = change(self.hook?);
                match kind {
                    "apply_start" => UiMessage::ApplyStart { address, action, at },
                    "apply_progress" => UiMessage::ApplyProgress { address, action, at },
                    "apply_complete" => UiMessage::ApplyComplete { address, action, at },
                    _ => UiMessage::ApplyErrored { address, action, at },
                }
            }
            "provision_progress" => {
                let OnResource { resource, provisioner, output, .. } = self.hook?;
                let text = cut(output.trim_end(), SHORT);
                UiMessage::ProvisionProgress { address: resource.addr, provisioner, text }
            }
            kind @ ("provision_start" | "provision_complete" | "provision_errored") => {
                let at = at()?;
                let OnResource { resource: Resource { addr: address }, provisioner, .. } =
                    self.hook?;
                match kind {
                    "provision_start" => UiMessage::ProvisionStart { address, provisioner, at },
                    "provision_complete" => {
                        UiMessage::ProvisionComplete { address, provisioner, at }
                    }
                    _ => UiMessage::ProvisionErrored { address, provisioner, at },
                }
            }
            "refresh_start" => {
                let at = at()?;
                UiMessage::RefreshStart { address: self.hook?.resource.addr, at }
            }
            "refresh_complete" => {
                let at = at()?;
                UiMessage::RefreshComplete { address: self.hook?.resource.addr, at }
            }
            "outputs" => UiMessage::Outputs { names: self.outputs?.into_keys().collect() },
            "diagnostic" => UiMessage::Diagnostic(self.diagnostic?),
            "log" => UiMessage::Log { text: cut(self.message.trim(), LONG) },
            "init_output" => UiMessage::InitOutput {
                code: self.message_code,
                text: cut(self.message.trim(), LONG),
            },
            _ => return None,
        })
    }
}

/// Maps the words that the UI has for actions.
fn action(word: &str) -> ResourceAction {
    match word {
        "create" => ResourceAction::Create,
        "read" => ResourceAction::Read,
        "update" => ResourceAction::Update,
        "delete" => ResourceAction::Delete,
        "replace" => ResourceAction::Replace,
        "import" => ResourceAction::Import,
        "move" => ResourceAction::Move,
        "remove" | "forget" => ResourceAction::Forget,
        "noop" => ResourceAction::NoOp,
        _ => ResourceAction::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn told(lines: &str) -> String {
        lines.lines().fold(String::new(), |mut all, line| {
            writeln!(all, "{:?}", UiMessage::read(line)).unwrap();
            all
        })
    }

    #[test]
    fn a_recorded_apply_is_understood_to_the_last_line() {
        let recorded = include_str!("../../fixtures/terraform/replace/apply.jsonl");
        insta::assert_snapshot!(told(recorded), @r#"
        Version { product: Terraform, version: "1.11.4", ui: "1.2" }
        PlannedChange { address: "terraform_data.old[0]", action: Delete }
        PlannedChange { address: "terraform_data.db", action: Update }
        PlannedChange { address: "terraform_data.app", action: Replace }
        ApplyStart { address: "terraform_data.app", action: Delete, at: 2026-11-23T07:03:34.109057Z }
        ApplyComplete { address: "terraform_data.app", action: Delete, at: 2026-11-23T07:03:34.109135Z }
        ApplyStart { address: "terraform_data.db", action: Update, at: 2026-11-23T07:03:34.115005Z }
        ApplyStart { address: "terraform_data.old[0]", action: Delete, at: 2026-11-23T07:03:34.115091Z }
        ApplyComplete { address: "terraform_data.old[0]", action: Delete, at: 2026-11-23T07:03:34.115257Z }
        ApplyComplete { address: "terraform_data.db", action: Update, at: 2026-11-23T07:03:34.116283Z }
        ApplyStart { address: "terraform_data.app", action: Create, at: 2026-11-23T07:03:34.126475Z }
        ProvisionStart { address: "terraform_data.app", provisioner: "local-exec", at: 2026-11-23T07:03:34.127174Z }
        ProvisionProgress { address: "terraform_data.app", provisioner: "local-exec", text: "Executing: [\"/bin/sh\" \"-c\" \"echo serving from ap-northeast-2\"]" }
        ProvisionProgress { address: "terraform_data.app", provisioner: "local-exec", text: "serving from ap-northeast-2" }
        ProvisionComplete { address: "terraform_data.app", provisioner: "local-exec", at: 2026-11-23T07:03:34.14219Z }
        ApplyComplete { address: "terraform_data.app", action: Create, at: 2026-11-23T07:03:34.14242Z }
        ChangeSummary { operation: "apply", add: 1, change: 1, import: 0, remove: 2 }
        Outputs { names: ["endpoint", "password"] }
        "#);
    }

    #[test]
    fn a_recorded_init_is_json_but_for_the_backend() {
        let recorded = include_str!("../../fixtures/terraform/replace/init.jsonl");
        insta::assert_snapshot!(told(recorded), @r#"
        Version { product: Terraform, version: "1.11.4", ui: "1.2" }
        InitOutput { code: "initializing_backend_message", text: "Initializing the backend..." }
        Text("")
        Text("Successfully configured the backend \"local\"! Terraform will automatically")
        Text("use this backend unless the backend configuration changes.")
        InitOutput { code: "initializing_provider_plugin_message", text: "Initializing provider plugins..." }
        Log { text: "terraform.io/builtin/terraform is built in to Terraform" }
        InitOutput { code: "output_init_success_message", text: "Terraform has been successfully initialized!" }
        "#);
    }

    #[test]
    fn what_is_not_known_is_kept_as_its_kind_or_as_text() {
        let lines = [
            r#"{"type":"brand_new","@message":"x"}"#,
            r#"{"type":"apply_start","hook":{"resource":{"addr":"a.b"},"action":"create"}}"#,
            r#"{"type":"planned_change","change":"not an object"}"#,
            r#"{"type":"planned_change","change":{"resource":{"addr":"a.b"},"action":"open"}}"#,
            r#"{"no_type":1}"#,
            r#"{"type":"version","@module":"tofu.ui","tofu":"1.10.0","ui":"1.2"}"#,
            "plain words ",
            "",
        ];
        insta::assert_snapshot!(told(&lines.join("\n")), @r#"
        Other { kind: "brand_new" }
        Other { kind: "apply_start" }
        Other { kind: "planned_change" }
        PlannedChange { address: "a.b", action: Unknown }
        Text("{\"no_type\":1}")
        Version { product: OpenTofu, version: "1.10.0", ui: "1.2" }
        Text("plain words")
        "#);
    }

    #[test]
    fn an_emergency_dump_of_the_state_is_not_kept() {
        let line = r#"{"@level":"info","@message":"Emergency state dump","@module":"terraform.ui","@timestamp":"2026-01-02T03:04:05.000000Z","state":{"version":4,"outputs":{"password":{"value":"hunter2","type":"string","sensitive":true}}},"type":"log"}"#;
        assert_eq!(UiMessage::read(line), UiMessage::Log { text: "Emergency state dump".into() });
    }

    #[test]
    fn values_of_outputs_are_not_kept() {
        let line = r#"{"type":"outputs","outputs":{"b":{"sensitive":false,"type":"string","value":"v"},"a":{"sensitive":true,"type":"string","value":"s"}}}"#;
        assert_eq!(
            UiMessage::read(line),
            UiMessage::Outputs { names: vec!["a".into(), "b".into()] }
        );
    }

    #[test]
    fn long_words_of_a_provisioner_are_cut_between_characters() {
        let line = serde_json::json!({"type": "provision_progress", "hook": {
            "resource": {"addr": "a.b"}, "provisioner": "local-exec", "output": "é".repeat(300)}});
        let UiMessage::ProvisionProgress { text, .. } = UiMessage::read(&line.to_string()) else {
            panic!("it is a message of a provisioner");
        };
        assert_eq!(text.chars().count(), SHORT + 1);
    }
}
