//! Flags, words and exit codes: builds the real parts, and is the only place that prints.

pub mod history;

mod adopt;
mod after_go;
mod asked;
mod attend;
mod carried;
mod chaos;
mod cmd;
mod confirm;
mod drill;
mod durable;
mod earlier;
mod error;
mod evidence;
mod execute;
mod exit;
mod failback;
mod filter;
mod for_real;
mod foreseen;
mod given_plans;
mod harmful;
mod home;
mod judge;
mod kept;
mod kept_cloud;
mod kong;
mod left_over;
mod outlived;
mod outlook;
mod output;
mod prepare;
mod prepared;
mod question;
mod record;
mod recover;
mod rehearsal;
mod repository_tests;
mod resume;
mod runtime;
mod shown;
mod simulating;
mod stop;
mod taken_up;
mod twice;
mod ui;
mod undo;
mod watch;
mod way;
mod whereabouts;

pub use error::CliError;
pub use exit::Exit;

use clap::{ColorChoice, CommandFactory, Parser, Subcommand};
use std::io;
use tracing_subscriber::EnvFilter;
use ui::Ui;

/// Rebuild a service from its Terraform repository in another region, and measure how long it took
#[derive(Parser, Debug)]
#[command(name = "drctl", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say more of what drctl itself does, on standard error (can be repeated)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

const EXAMPLES: &str = "\
Examples:
  drctl doctor                                   see what is missing on this machine
  drctl validate                                 see what could not be rebuilt elsewhere
  drctl forecast                                 see how long that would take
  drctl plan --region ap-northeast-2             see how each stack would be moved, and what cannot be
  drctl images --region ap-northeast-2           see whether its images are there, and copy them
  drctl prepare --region ap-northeast-2          do beforehand what can be done beforehand
  drctl probe                                    see whether the service is up
  drctl failover --region ap-northeast-2 --dry-run
                                                 see what would be done
  drctl failover --region ap-northeast-2         do it, after you typed the service's name
  drctl resume                                   go on with one that failed or was interrupted
  drctl undo                                     move its traffic back
  drctl failback                                 go home once the primary is back, and tear down the fallback
  drctl drill --region ap-northeast-2            do it, see what it took, and tear it down again
  drctl watch                                    notice an outage, and act by the runbook's policy
  drctl chaos kong                               see whether a whole region can be lost
  drctl report latest                            see what it took
  drctl trend                                    see whether the newest run was slower

Exit codes: 0 objective met, 1 missed, 2 bad usage, 3 the recovery failed,
4 the gate refused, 5 interrupted, 6 unproven";

#[derive(Subcommand, Debug)]
enum Command {
    Failover(Box<cmd::failover::Failover>),
    Plan(Box<cmd::plan::Plan>),
    Images(Box<cmd::images::Images>),
    Prepare(Box<cmd::prepare::Prepare>),
    Probe(cmd::probe::ProbeCommand),
    Validate(Box<cmd::validate::Validate>),
    Forecast(Box<cmd::forecast::ForecastCommand>),
    Rehearse(Box<cmd::rehearse::Rehearse>),
    Drill(Box<cmd::drill::Drill>),
    Failback(Box<cmd::failback::Failback>),
    Resume(cmd::resume::Resume),
    Undo(cmd::undo::Undo),
    Report(cmd::report::Report),
    VerifyEvidence(cmd::verify_evidence::VerifyEvidence),
    Runs(cmd::runs::Runs),
    Compare(cmd::compare::Compare),
    Trend(cmd::trend::Trend),
    Availability(cmd::availability::Availability),
    State(cmd::state::State),
    Sim(cmd::sim::Sim),
    Watch(cmd::watch::WatchCommand),
    Approve(cmd::approve::Approve),
    Chaos(cmd::chaos::Chaos),
    Doctor(cmd::doctor::Doctor),
    Completions(cmd::completions::Completions),
}

/// Runs the program with the arguments of the process.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no failure.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Met };
        }
    };
    trace(cli.verbose);
    let ui = Ui::new(cli.color);
    let done = match cli.command {
        Command::Failover(command) => command.run(&ui),
        Command::Plan(command) => command.run(&ui),
        Command::Images(command) => command.run(&ui),
        Command::Prepare(command) => command.run(&ui),
        Command::Probe(command) => command.run(&ui),
        Command::Validate(command) => command.run(&ui),
        Command::Forecast(command) => command.run(&ui),
        Command::Rehearse(command) => command.run(&ui),
        Command::Drill(command) => command.run(&ui),
        Command::Failback(command) => command.run(&ui),
        Command::Resume(command) => command.run(&ui),
        Command::Undo(command) => command.run(&ui),
        Command::Report(command) => command.run(&ui),
        Command::State(command) => command.run(&ui),
        Command::Sim(command) => command.run(&ui),
        Command::Chaos(command) => command.run(&ui),
        Command::VerifyEvidence(command) => command.run(&ui),
        Command::Runs(command) => command.run(&ui),
        Command::Compare(command) => command.run(&ui),
        Command::Trend(command) => command.run(&ui),
        Command::Availability(command) => command.run(&ui),
        Command::Watch(command) => command.run(&ui),
        Command::Approve(command) => command.run(&ui),
        Command::Doctor(command) => command.run(&ui),
        Command::Completions(command) => command.run(&ui, &mut Cli::command()),
    };
    done.unwrap_or_else(|error| {
        ui.error(&error);
        error.exit()
    })
}

/// Developers' words, on standard error, and only when they are asked for.
fn trace(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "drctl=debug",
        _ => "drctl=trace,git2=debug",
    };
    let filter = EnvFilter::try_from_env("DRCTL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // What it says of a terminal that is gone would go to that terminal, and panic.
        .log_internal_errors(false)
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
