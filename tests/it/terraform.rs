//! The real binary, and a fake one where the real one does not misbehave on demand.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use drctl::{
    model::{chain, resource::ResourceAction},
    terraform::{
        Action, Cause, Detected, Finished, InFlight, Invocation, LogFiles, Outputs, Plan, Product,
        Release, Terraform, TerraformBinary, TerraformError, Timing, UiMessage, Validation,
        Version, detect, find, replay,
    },
};
use std::{
    cell::Cell,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// A stack in a folder of its own, and a binary to run in it.
struct Stack {
    dir: TempDir,
    terraform: TerraformBinary,
    runs: Cell<u32>,
}

/// One that is waited for as long as it takes.
fn binary(path: PathBuf, release: Release) -> TerraformBinary {
    TerraformBinary { path, release, grace: None, now: CancellationToken::new() }
}

impl Stack {
    /// A stack for the real Terraform, not initialised: nothing here needs to be.
    async fn real(main_tf: &str) -> Self {
        static REAL: OnceCell<Detected> = OnceCell::const_new();
        let real = REAL.get_or_init(|| async {
            let cache = tempfile::tempdir().unwrap();
            detect(&find(None).unwrap(), cache.path()).await.unwrap()
        });
        let Detected { path, release } = real.await.clone();
        Self::new("main.tf", main_tf, binary(path, release))
    }

    fn fake(script: &str) -> Self {
        let release = Release { product: Product::Terraform, version: Version::new(1, 11, 4) };
        let path = env!("CARGO_BIN_EXE_fake-terraform").into();
        Self::new("fake.script", script, binary(path, release))
    }

    fn new(file: &str, text: &str, terraform: TerraformBinary) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(file), text).unwrap();
        Self { dir, terraform, runs: Cell::new(0) }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn log(&self) -> LogFiles {
        let n = self.runs.replace(self.runs.get() + 1);
        LogFiles { stdout: self.path(&format!("{n}.out")), stderr: self.path(&format!("{n}.err")) }
    }

    fn call(&self, action: Action) -> Invocation {
        Invocation::new(self.dir.path(), action)
    }

    async fn run(&self, action: Action) -> Result<Finished, TerraformError> {
        self.follow(action, |_, _| {}).await.0
    }

    /// Runs to the end and returns all messages; `on` may stop it.
    async fn follow(
        &self,
        action: Action,
        on: impl Fn(&UiMessage, &CancellationToken) + Send + Sync,
    ) -> (Result<Finished, TerraformError>, Vec<UiMessage>) {
        let stop = CancellationToken::new();
        let mut seen = Vec::new();
        let mut take = |message: UiMessage| {
            on(&message, &stop);
            seen.push(message);
        };
        let ended = self.terraform.run(&self.call(action), &self.log(), &mut take, &stop).await;
        (ended, seen)
    }

    async fn read(&self, action: Action) -> Result<Vec<u8>, TerraformError> {
        self.terraform.read(&self.call(action), &self.log(), &CancellationToken::new()).await
    }

    fn plan(&self) -> Action {
        Action::Plan {
            out: self.path("p"),
            var_files: vec![],
            parallelism: 10,
            refresh: true,
            destroy: false,
        }
    }

    fn apply(&self) -> Action {
        Action::Apply { plan: self.path("p"), parallelism: 10 }
    }
}

/// An error as its chain, without the folder that it happened in.
fn told(stack: &Stack, error: &TerraformError) -> String {
    chain(error).join(": ").replace(stack.dir.path().to_str().unwrap(), "DIR")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn address(message: &UiMessage) -> Option<&str> {
    match message {
        UiMessage::ProvisionProgress { address, text, .. } if text == "going" => Some(address),
        _ => None,
    }
}

const SHOP: &str = r#"
variable "region" { type = string }
resource "terraform_data" "db" {
  input = var.region
  provisioner "local-exec" { command = "echo restoring" }
}
output "endpoint" { value = terraform_data.db.output }
output "password" {
  value     = "hunter2"
  sensitive = true
}
"#;

#[tokio::test]
async fn a_stack_is_made_used_and_removed_again() {
    let stack = Stack::real(SHOP).await;
    fs::write(stack.path("dr.tfvars"), "region = \"ap-northeast-2\"\n").unwrap();
    let vars = || vec![stack.path("dr.tfvars")];
    let plan = || Action::Plan {
        out: stack.path("p"),
        var_files: vars(),
        parallelism: 10,
        refresh: true,
        destroy: false,
    };

    stack.run(Action::Init { reconfigure: true, backend: true, plugin_dir: None }).await.unwrap();
    stack.run(Action::Get).await.unwrap();
    let valid = stack.read(Action::Validate).await.unwrap();
    assert!(Validation::read(&valid).unwrap().valid);

    assert_eq!(stack.run(plan()).await.unwrap(), Finished { has_changes: Some(true) });
    assert_eq!(mode(&stack.path("p")), 0o600);
    let shown = stack.read(Action::ShowPlan { file: stack.path("p") }).await.unwrap();
    let shown = Plan::read(&shown).unwrap();
    assert_eq!(shown.resource_actions(), [(ResourceAction::Create, 1)].into());
    assert_eq!(shown.planned[0].values.expose()["input"], "ap-northeast-2");
    assert!(shown.prior.is_empty());

    let (applied, seen) = stack.follow(stack.apply(), |_, _| {}).await;
    applied.unwrap();
    let mut timing = Timing::default();
    let done: Vec<_> = seen.iter().filter_map(|m| timing.take(m)).collect();
    assert_eq!(
        (done.len(), &*done[0].address, done[0].action, done[0].ok),
        (1, "terraform_data.db", ResourceAction::Create, true)
    );
    assert_eq!(
        seen.last(),
        Some(&UiMessage::Outputs { names: vec!["endpoint".into(), "password".into()] })
    );

    let outputs = Outputs::from_state(&stack.read(Action::StatePull).await.unwrap()).unwrap();
    let state = Outputs::from_state(&fs::read(stack.path("terraform.tfstate")).unwrap()).unwrap();
    assert_eq!(outputs, state);
    assert_eq!(outputs.get("endpoint").unwrap().value.expose(), "ap-northeast-2");
    assert!(outputs.get("password").unwrap().sensitive);
    assert!(stack.read(Action::ShowState).await.unwrap().starts_with(b"{"));

    assert_eq!(stack.run(plan()).await.unwrap(), Finished { has_changes: Some(false) });
    stack.run(Action::Destroy { var_files: vars(), parallelism: 10 }).await.unwrap();
    assert!(!stack.text("terraform.tfstate").contains("terraform_data"));

    // What was said stays, for its owner; what was a document, with the password in clear, does not.
    let logs: Vec<_> = (0..stack.runs.get()).map(|n| stack.path(&format!("{n}.out"))).collect();
    let (kept, gone): (Vec<_>, Vec<_>) = logs.iter().partition(|log| log.exists());
    assert_eq!((kept.len(), gone.len()), (6, 4));
    assert!(
        kept.iter()
            .all(|log| mode(log) == 0o600 && !fs::read_to_string(log).unwrap().contains("hunter2"))
    );
}

#[tokio::test]
async fn failures_of_the_real_one_say_what_is_wrong_and_where() {
    let mut said = Vec::new();
    let mut causes = Vec::new();
    let mut note = |stack: &Stack, error: TerraformError| {
        causes.push(error.cause());
        said.push(told(stack, &error));
    };

    let syntax = Stack::real("resource \"terraform_data\" \"x\" { input = \n").await;
    note(&syntax, syntax.run(syntax.plan()).await.unwrap_err());
    let valid = Validation::read(&syntax.read(Action::Validate).await.unwrap()).unwrap();
    assert_eq!(valid.diagnostics[0].place.as_ref().unwrap().line, 1);

    let variable = Stack::real(SHOP).await;
    note(&variable, variable.run(variable.plan()).await.unwrap_err());

    let stale = Stack::real("resource \"terraform_data\" \"x\" {}\n").await;
    stale.run(stale.plan()).await.unwrap();
    stale.run(stale.apply()).await.unwrap();
    note(&stale, stale.run(stale.apply()).await.unwrap_err());
    note(&stale, stale.read(Action::ShowPlan { file: "none".into() }).await.unwrap_err());

    let provisioner = Stack::real(
        "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"exit 3\"\n  }\n}\n",
    )
    .await;
    provisioner.run(provisioner.plan()).await.unwrap();
    note(&provisioner, provisioner.run(provisioner.apply()).await.unwrap_err());

    insta::assert_snapshot!(said.join("\n"), @r#"
    `terraform plan` found the configuration wrong: Invalid expression at main.tf:1:41: Expected the start of an expression, but found an invalid expression token
    `terraform plan` lacks the value of a variable: No value for required variable at main.tf:2:1: The root module input variable "region" is not set, and has no default value. Use a -var or -var-file command line argument to provide a value for this variable
    `terraform apply` found the saved plan out of date: Saved plan is stale: The given plan file can no longer be applied because the state was changed by another operation after the plan was created
    `terraform show` could not read the saved plan: Failed to read the given file as a state or plan file: State read error: Error loading statefile: open none: no such file or directory
    `terraform apply` failed with exit code 1: terraform_data.x: local-exec provisioner error at main.tf:2:28: Error running command 'exit 3': exit status 3. Output:
    "#);
    assert_eq!(
        causes,
        [
            Some(Cause::Configuration),
            Some(Cause::MissingVariable),
            Some(Cause::StalePlan),
            Some(Cause::PlanUnreadable),
            Some(Cause::Other),
        ]
    );
}

#[tokio::test]
async fn text_is_formatted_or_refused() {
    let stack = Stack::real("").await;
    let text = |text: &str| Action::Fmt { text: text.into() };
    assert_eq!(stack.read(text("a=1\n  bb = 2\n")).await.unwrap(), b"a  = 1\nbb = 2\n");
    let error = stack.read(text("a=\"b")).await.unwrap_err();
    assert_eq!(error.cause(), Some(Cause::Configuration));
}

const QUICK_AND_SLOW: &str = r#"
resource "terraform_data" "quick" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.quick]
  provisioner "local-exec" { command = "echo going; sleep SECONDS" }
}
"#;

#[tokio::test]
async fn an_interrupted_apply_leaves_its_state_whole_and_unlocked() {
    let stack = Stack::real(&QUICK_AND_SLOW.replace("SECONDS", "60")).await;
    stack.run(stack.plan()).await.unwrap();

    let (ended, _) = stack
        .follow(stack.apply(), |message, stop| {
            if address(message).is_some() {
                stop.cancel();
            }
        })
        .await;

    let slow = InFlight { address: "terraform_data.slow".into(), action: ResourceAction::Create };
    match ended.unwrap_err() {
        TerraformError::Interrupted { in_flight, killed: false, .. } => {
            assert_eq!(in_flight, [slow]);
        }
        other => panic!("{other:?}"),
    }
    assert!(stack.text("terraform.tfstate").contains("\"quick\""));
    assert!(!stack.path(".terraform.tfstate.lock.info").exists());
    stack.run(stack.plan()).await.unwrap();
}

#[tokio::test]
async fn an_apply_that_nobody_watches_any_more_finishes() {
    let stack = Stack::real(&QUICK_AND_SLOW.replace("SECONDS", "1")).await;
    stack.run(stack.plan()).await.unwrap();
    let log = stack.log();
    let (call, terraform, files) =
        (stack.call(stack.apply()), stack.terraform.clone(), log.clone());
    let going = Arc::new(tokio::sync::Notify::new());
    let tell = Arc::clone(&going);
    let driver = tokio::spawn(async move {
        let mut on = |message: UiMessage| {
            if address(&message).is_some() {
                tell.notify_one();
            }
        };
        terraform.run(&call, &files, &mut on, &CancellationToken::new()).await
    });
    going.notified().await;
    driver.abort();
    assert!(driver.await.unwrap_err().is_cancelled());

    assert!(log.in_use().unwrap());
    while log.in_use().unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut done = Vec::new();
    replay(&log.stdout, &mut |message| {
        if let UiMessage::ApplyComplete { address, .. } = message {
            done.push(address);
        }
    })
    .unwrap();
    assert_eq!(done, ["terraform_data.quick", "terraform_data.slow"]);
    assert!(stack.text("terraform.tfstate").contains("\"slow\""));
}

#[tokio::test]
async fn whatever_is_printed_is_read_to_the_last_byte() {
    let stack = Stack::fake(
        "print a wrapper's banner\nbytes ff fe 00 0a\nprint-long 5000000\nprint {\"type\":\"brand_new\"}\nprint-part the end",
    );
    let (ended, seen) = stack.follow(stack.apply(), |_, _| {}).await;
    assert_eq!(ended.unwrap(), Finished { has_changes: None });
    let seen: Vec<_> = seen
        .into_iter()
        .map(|message| match message {
            UiMessage::Log { text } => format!("log of {} characters", text.chars().count()),
            other => format!("{other:?}"),
        })
        .collect();
    insta::assert_snapshot!(seen.join("\n"), @r#"
    Text("a wrapper's banner")
    Text("��\0")
    log of 2001 characters
    Other { kind: "brand_new" }
    Text("the end")
    "#);
    assert!(fs::metadata(stack.path("0.out")).unwrap().len() > 5_000_000);
}

#[tokio::test]
async fn a_failure_that_is_told_only_on_standard_error_is_found() {
    let stack = Stack::fake(
        "complain Warning: old\ncomplain\ncomplain Error: No quota left\ncomplain\ncomplain Ask for more.\nexit 1",
    );
    let error = stack.run(stack.apply()).await.unwrap_err();
    assert_eq!(
        told(&stack, &error),
        "`terraform apply` failed with exit code 1: No quota left: Ask for more"
    );
    let silent = Stack::fake("exit 7");
    let error = silent.run(silent.apply()).await.unwrap_err();
    assert_eq!(told(&silent, &error), "`terraform apply` failed with exit code 7");
}

#[tokio::test]
async fn exit_code_two_is_an_answer_of_a_plan_only() {
    let stack = Stack::fake("exit 2");
    assert_eq!(stack.run(stack.plan()).await.unwrap(), Finished { has_changes: Some(true) });
    assert!(matches!(stack.run(stack.apply()).await, Err(TerraformError::Failed { code: 2, .. })));
}

/// Prints, so that its interrupt handler is known to be there, and then hangs.
const HANGS: &str = "print {\"type\":\"apply_start\",\"@timestamp\":\"2026-01-02T03:04:05Z\",\"hook\":{\"resource\":{\"addr\":\"a.b\"},\"action\":\"create\"}}\nsleep 60";

fn stop_at_start(message: &UiMessage, stop: &CancellationToken) {
    if matches!(message, UiMessage::ApplyStart { .. }) {
        stop.cancel();
    }
}

#[tokio::test]
async fn an_interrupt_is_sent_once_and_gives_time_to_save() {
    let stack = Stack::fake(&format!("on-interrupt write saved\n{HANGS}"));
    let (ended, _) = stack.follow(stack.apply(), stop_at_start).await;
    let error = ended.unwrap_err();
    assert!(matches!(error, TerraformError::Interrupted { killed: false, .. }), "{error:?}");
    assert_eq!(error.in_flight()[0].address, "a.b");
    assert_eq!(stack.text("saved"), "saved\n");
    assert_eq!(stack.text("fake.interrupts"), "interrupt\n");
}

#[tokio::test]
async fn what_does_not_stop_is_killed_with_all_its_children_and_never_interrupted_twice() {
    let mut stack = Stack::fake(&format!("ignore-interrupt\nchild 60\n{HANGS}"));
    stack.terraform.grace = Some(Duration::from_millis(500));
    let (ended, _) = stack.follow(stack.apply(), stop_at_start).await;
    let error = ended.unwrap_err();
    assert!(matches!(error, TerraformError::Interrupted { killed: true, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("Look in the cloud"));
    assert_eq!(stack.text("fake.interrupts"), "interrupt\n");

    // The child's parent is gone, so it is only dead for certain once nobody knows its id
    // or it waits, as a zombie, for whoever adopted it.
    let stat = format!("/proc/{}/stat", stack.text("fake.child"));
    let lives = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_that_ends_well_after_an_interrupt_has_ended_well() {
    let stack = Stack::fake(&format!("ignore-interrupt\n{}", HANGS.replace("60", "0.5")));
    let (ended, _) = stack.follow(stack.apply(), stop_at_start).await;
    assert_eq!(ended.unwrap(), Finished { has_changes: None });
}

#[tokio::test]
async fn a_limit_interrupts_like_a_stop() {
    let stack = Stack::fake("sleep 60");
    let mut call = stack.call(stack.apply());
    call.limit = Some(Duration::from_millis(300));
    let stop = CancellationToken::new();
    let error = stack.terraform.run(&call, &stack.log(), &mut |_| {}, &stop).await.unwrap_err();
    assert_eq!(told(&stack, &error), "`terraform apply` took longer than 0.3s and was interrupted");
}

#[tokio::test]
async fn nothing_is_started_after_a_stop() {
    let stack = Stack::fake("exit 0");
    let stop = CancellationToken::new();
    stop.cancel();
    let ended =
        stack.terraform.run(&stack.call(stack.apply()), &stack.log(), &mut |_| {}, &stop).await;
    assert!(matches!(ended, Err(TerraformError::Interrupted { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_death_by_a_signal_names_it_and_what_was_in_flight() {
    let crash = HANGS.replace("sleep 60", "crash 9");
    let stack = Stack::fake(&crash);
    let error = stack.run(stack.apply()).await.unwrap_err();
    assert_eq!(told(&stack, &error), "`terraform apply` was killed by signal 9");
    assert_eq!(error.in_flight()[0].address, "a.b");
    assert!(error.hint().unwrap().contains("out-of-memory"));
}

#[tokio::test]
async fn a_document_that_is_none_is_refused_and_not_left_behind() {
    let stack = Stack::fake("print Wrapper 1.0\nprint hunter2");
    let printed = stack.read(Action::ShowPlan { file: "p".into() }).await.unwrap();
    assert_eq!(
        told(&stack, &Plan::read(&printed).unwrap_err()),
        "`terraform show` printed something that cannot be read: line 1 is not JSON"
    );
    assert!(!stack.path("0.out").exists());
}

#[tokio::test]
async fn an_older_log_is_never_written_over() {
    let stack = Stack::fake("print new");
    let log = stack.log();
    fs::write(&log.stdout, "old").unwrap();
    let call = stack.call(stack.apply());
    let ended = stack.terraform.run(&call, &log, &mut |_| {}, &CancellationToken::new()).await;
    let error = ended.unwrap_err();
    assert_eq!(
        told(&stack, &error),
        "failed to use the log file `DIR/0.out`: File exists (os error 17)"
    );
    assert_eq!(stack.text("0.out"), "old");
}

#[tokio::test]
async fn what_cannot_be_started_is_told_apart() {
    let stack = Stack::fake("exit 0");
    let mut call = stack.call(stack.apply());
    call.dir = stack.path("nowhere");
    let stop = CancellationToken::new();
    let error = stack.terraform.run(&call, &stack.log(), &mut |_| {}, &stop).await.unwrap_err();
    assert_eq!(told(&stack, &error), "there is no folder `DIR/nowhere` to run Terraform in");

    let mut gone = Stack::fake("exit 0");
    gone.terraform.path = gone.path("gone");
    let error = gone.run(gone.apply()).await.unwrap_err();
    assert_eq!(
        told(&gone, &error),
        "failed to start `DIR/gone`: No such file or directory (os error 2)"
    );
}

#[tokio::test]
async fn arguments_and_extra_environment_reach_the_process() {
    let stack = Stack::fake("exit 9");
    fs::write(stack.path("other.script"), "print-args").unwrap();
    let mut call = stack.call(stack.apply());
    call.env.insert(
        "FAKE_TERRAFORM_SCRIPT".into(),
        stack.path("other.script").to_str().unwrap().into(),
    );
    let seen = Mutex::new(Vec::new());
    let mut on = |message| seen.lock().unwrap().push(message);
    let stop = CancellationToken::new();
    stack.terraform.run(&call, &stack.log(), &mut on, &stop).await.unwrap();
    let seen = format!("{:?}", seen.lock().unwrap());
    let seen = seen.replace(stack.dir.path().to_str().unwrap(), "DIR");
    insta::assert_snapshot!(seen, @r#"[Text("apply -json -no-color -input=false -lock=true -lock-timeout=0s -parallelism=10 DIR/p")]"#);
}
