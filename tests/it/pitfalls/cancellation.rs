//! An apply that is cut off.

use super::{begun, only, rest, runbook, signal, state};
use crate::support::Env;
use serde_json::Value;
use std::{thread, time::Duration};

/// A quick resource, and one that says when it begins and takes a while.
const SLOW: &str = "resource \"terraform_data\" \"first\" {}\nresource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    command = \"touch ../started; sleep 3; touch ../ended\"\n  }\n}\n";

fn addresses(state: &Value) -> Vec<String> {
    let resources = state["resources"].as_array().unwrap().iter();
    resources.map(|resource| resource["name"].as_str().unwrap().to_owned()).collect()
}

/// Ends a failover by signals to drctl, and returns what its state holds then.
fn interrupted_by(signals: &[&str]) -> Vec<String> {
    let env = only(SLOW);
    let child = begun(&env);
    for name in signals {
        signal(name, child.id());
        thread::sleep(Duration::from_millis(300));
    }
    let output = env.output(child.wait_with_output().unwrap());
    assert_eq!(output.code, Some(5), "{output}");
    let list = env.run(&["state", "list"]);
    assert!(!list.stdout.contains("locked"), "{list}");
    addresses(&state(&env, "only"))
}

#[test]
fn one_interrupt_waits_for_what_is_in_flight_and_loses_nothing() {
    assert_eq!(interrupted_by(&["INT"]), ["first", "slow"]);
    assert_eq!(interrupted_by(&["TERM"]), ["first", "slow"]);
}

#[test]
fn a_second_interrupt_never_reaches_terraform() {
    // Of two signals Terraform would drop what is in flight, and their ids with it.
    assert_eq!(interrupted_by(&["INT", "INT"]), ["first", "slow"]);
    assert_eq!(interrupted_by(&["INT", "TERM"]), ["first", "slow"]);
}

#[test]
fn a_closed_terminal_is_an_interrupt_and_no_kill() {
    assert_eq!(interrupted_by(&["HUP"]), ["first", "slow"]);
}

#[test]
fn a_killed_terraform_is_told_with_its_lock() {
    let env = only(
        "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"kill -9 $PPID\"\n  }\n}\n",
    );
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stdout.contains("was killed by signal 9"), "{output}");
    let list = env.run(&["state", "list"]);
    assert!(list.stdout.contains("locked by"), "who held the lock is known\n{list}");
}

#[test]
fn a_reader_that_goes_away_breaks_nothing() {
    let env = only(SLOW);
    let mut child = begun(&env);
    drop(child.stdout.take());
    let said = rest(child.stderr.take().unwrap());
    assert_eq!(child.wait().unwrap().code(), Some(6), "{said}");
    assert_eq!(addresses(&state(&env, "only")), ["first", "slow"]);
}

#[test]
fn a_terraform_that_outlives_drctl_saves_its_state() {
    let env = only(SLOW);
    let mut child = begun(&env);
    signal("KILL", child.id());
    child.wait().unwrap();
    // The state's keeper died with drctl: Terraform waits until there is one again.
    let output = env.run(&["resume", "--yes"]);
    assert_eq!(output.code, Some(6), "{output}");
    assert_eq!(addresses(&state(&env, "only")), ["first", "slow"]);
}

#[test]
fn a_resource_that_an_interrupt_tainted_is_not_built_beside_itself() {
    let env = only(SLOW);
    let child = begun(&env);
    signal("INT", child.id());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(5));
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("a second one would build them twice"), "{output}");
}

#[test]
fn arguments_in_the_environment_do_not_turn_a_plan_into_a_destroy() {
    let env = Env::with(&[
        ("drctl.hcl", &runbook(&["only"], "")),
        ("only/main.tf", "resource \"terraform_data\" \"x\" {}\n"),
    ]);
    let args = env.failover_args(&[]);
    let mut command = env.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    command.env("TF_CLI_ARGS_plan", "-destroy").env("TF_CLI_ARGS", "-no-such-flag");
    command.env("TF_INPUT", "1").env("TF_LOG", "TRACE").env("TF_VAR_region", "ap-northeast-1");
    let output = env.output(command.output().unwrap());
    assert_eq!(output.code, Some(6), "{output}");
    assert_eq!(addresses(&state(&env, "only")), ["x"]);
}
