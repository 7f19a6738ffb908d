//! A Terraform that does what a script tells it, for what the real one does not do
//! on demand.
//!
//! The script is `fake.script` in the folder it runs in, or the file that
//! `FAKE_TERRAFORM_SCRIPT` names. A line is one thing to do:
//!
//! | Line | What |
//! |---|---|
//! | `[apply]` | what follows is for this subcommand only |
//! | `print TEXT` | prints a line |
//! | `print-part TEXT` | prints without ending the line |
//! | `print-long N` | prints a `log` message of about N bytes as one line |
//! | `print-args` | prints the arguments, and what comes on standard input |
//! | `complain TEXT` | prints a line on standard error |
//! | `bytes ff 00 0a` | prints bytes |
//! | `sleep SECONDS` | waits; an interrupt ends it, and then the process with 1 |
//! | `on-interrupt write FILE` | an interrupt during `sleep` writes this file first |
//! | `ignore-interrupt` | interrupts are only counted from now on |
//! | `child SECONDS` | starts a child that sleeps; its id is written to `fake.child` |
//! | `crash NUMBER` | dies by this signal |
//! | `exit CODE` | ends |
//!
//! Every interrupt appends a line to `fake.interrupts` in the folder it runs in.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::zombie_processes,
    clippy::unwrap_used,
    reason = "printing and ending is its work, and it must say loudly when it cannot do as told"
)]

use std::{
    fs,
    io::{self, Write},
    process::{Command, exit},
    time::Duration,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut interrupts = signal(SignalKind::interrupt()).unwrap();
    let script = std::env::var("FAKE_TERRAFORM_SCRIPT").unwrap_or_else(|_| "fake.script".into());
    let script = fs::read_to_string(&script).unwrap_or_else(|e| panic!("{script}: {e}"));
    let args: Vec<_> = std::env::args().skip(1).collect();

    let mut here = true;
    let mut ignores = false;
    let mut last_words = None;
    for line in script.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            here = args.first().is_some_and(|arg| arg == section);
            continue;
        }
        if !here {
            continue;
        }
        match line.split_once(' ').unwrap_or((line, "")) {
            ("print", text) => println!("{text}"),
            ("print-part", text) => print!("{text}"),
            ("print-long", bytes) => {
                println!(r#"{{"type":"log","@message":"{}"}}"#, "x".repeat(bytes.parse().unwrap()));
            }
            ("print-args", _) => {
                println!("{}", args.join(" "));
                io::copy(&mut io::stdin(), &mut io::stdout()).unwrap();
            }
            ("complain", text) => eprintln!("{text}"),
            ("bytes", hex) => {
                let bytes = hex.split(' ').map(|h| u8::from_str_radix(h, 16).unwrap());
                io::stdout().write_all(&bytes.collect::<Vec<_>>()).unwrap();
            }
            ("sleep", seconds) => {
                let sleep = Duration::from_secs_f64(seconds.parse().unwrap());
                if interrupted(sleep, &mut interrupts, ignores).await {
                    if let Some(file) = last_words {
                        fs::write(file, "saved\n").unwrap();
                    }
                    exit(1);
                }
            }
            ("on-interrupt", what) => last_words = Some(what.strip_prefix("write ").unwrap()),
            ("ignore-interrupt", _) => ignores = true,
            ("child", seconds) => {
                let child = Command::new("sleep").arg(seconds).spawn().unwrap();
                fs::write("fake.child", child.id().to_string()).unwrap();
            }
            ("crash", number) => {
                let me = std::process::id().to_string();
                Command::new("kill").args(["-s", number, &me]).status().unwrap();
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            ("exit", code) => {
                io::stdout().flush().unwrap();
                exit(code.parse().unwrap());
            }
            (other, _) => panic!("fake.script: `{other}` is not known"),
        }
    }
}

/// Waits, and counts interrupts. Returns true at the first that is not ignored.
async fn interrupted(sleep: Duration, interrupts: &mut Signal, ignores: bool) -> bool {
    let end = tokio::time::Instant::now() + sleep;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(end) => return false,
            _ = interrupts.recv() => {
                let mut file =
                    fs::OpenOptions::new().append(true).create(true).open("fake.interrupts").unwrap();
                writeln!(file, "interrupt").unwrap();
                // One that comes right after must be seen, too.
                let second = tokio::time::timeout(Duration::from_millis(100), interrupts.recv());
                if second.await.is_ok() {
                    writeln!(file, "interrupt").unwrap();
                }
                if !ignores {
                    return true;
                }
            }
        }
    }
}
