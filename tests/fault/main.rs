//! Kills failovers at every journalled boundary and at random moments, resumes them, and says what
//! came of it.
//!
//! Each case is a failover of three stacks on a simulated cloud that outlives it (`tests/cloud`),
//! with its primary up in the same cloud. It is killed, taken up by `drctl resume`, killed again now
//! and then, and left alone until it ends. Then its end must be that of an undisturbed run, in the
//! states and in the cloud, and nothing else may have changed. `make fault-matrix` runs it; what it
//! asks of the environment is in [`main`].
#![expect(clippy::print_stdout, reason = "a table is what it is for")]

mod backend;
mod check;
#[path = "../cloud/mod.rs"]
mod cloud;
mod course;
mod disk;
#[path = "../it/support/events.rs"]
mod events;
mod matrix;
mod processes;
mod scene;
mod single;
mod strike;

use std::{
    env, io,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
};

/// What `ONLY` calls the kills.
const KILLS: &str = "kills";

/// `KILLS`: how many kills; 500. `SEED`: what the draws begin with; 1. `JOBS`: how many cases at
/// once; 4. `ONLY`: a single case by its name, or `kills`.
fn main() -> ExitCode {
    let asked = matrix::Asked {
        kills: given("KILLS", 500),
        seed: given("SEED", 1),
        jobs: given("JOBS", 4),
    };
    match all(&asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn given<T: FromStr>(name: &str, usual: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Returns whether all held.
fn all(asked: &matrix::Asked) -> io::Result<bool> {
    let only = env::var("ONLY").ok().filter(|only| !only.is_empty());
    if let Some(only) = only.as_deref().filter(|only| *only != KILLS && !single::is_one(only)) {
        let names = single::names().join("`, `");
        let text = format!("no case is called `{only}`: there are `{KILLS}`, `{names}`");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut root = tempfile::Builder::new().prefix("drctl-fault-").tempdir()?;
    let drctl = drctl()?;
    let mut broken = Vec::new();
    if only.as_deref().is_none_or(|only| only == KILLS) {
        let tally = matrix::run(asked, root.path(), &drctl)?;
        println!("{tally}");
        broken.extend(tally.broken);
    }
    if only.as_deref() != Some(KILLS) {
        for told in single::run(only.as_deref(), root.path(), &drctl)? {
            let how = match () {
                () if told.said.starts_with(single::NOT_HERE) => "-",
                () if told.broken.is_empty() => "held",
                () => "BROKEN",
            };
            println!("{:<18} {how:<7} {}", told.name, told.said);
            broken
                .extend(told.broken.iter().map(|(b, text)| format!("{}: {b}: {text}", told.name)));
        }
    }
    for broken in &broken {
        println!("BROKEN {broken}");
    }
    if !broken.is_empty() {
        root.disable_cleanup(true);
        println!("what these cases left is in {}", root.path().display());
    }
    Ok(broken.is_empty())
}

/// The drctl that was built beside this.
fn drctl() -> io::Result<PathBuf> {
    let me = env::current_exe()?;
    Ok(me.parent().unwrap_or(Path::new(".")).join("drctl"))
}
