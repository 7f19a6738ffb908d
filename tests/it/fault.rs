//! A small part of the fault matrix; `make fault-matrix` runs all of it.

use std::process::Command;

/// Runs the matrix, and returns what it printed when all held.
fn matrix(only: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fault-matrix"))
        .env("ONLY", only)
        .env("KILLS", "12")
        .env("JOBS", "2")
        .output()
        .unwrap();
    let (printed, told) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{printed}\n{told}");
    printed.into_owned()
}

#[test]
fn killed_failovers_end_as_undisturbed_ones_do() {
    let table = matrix("kills");
    let all = table.lines().find(|line| line.starts_with("all ")).unwrap_or_default();
    let kills: u32 = all.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    assert!(kills >= 12, "{table}");
}

#[test]
fn a_journal_is_read_wherever_it_was_torn() {
    assert!(matrix("torn").contains("5 kinds of rubbish"));
}

#[test]
fn a_case_that_there_is_not_is_no_case() {
    let output = Command::new(env!("CARGO_BIN_EXE_fault-matrix")).env("ONLY", "tron").output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @"error: no case is called `tron`: there are `kills`, `torn`, `full`, `clock`, `provider`, `provider-declared`, `backend`, `int`, `int-twice`, `term`, `term-twice`, `hup`, `hup-twice`, `hang-short`, `hang`");
}
