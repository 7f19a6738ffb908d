//! Does the recovery and says so: the only maker of events.
//!
//! A [`Run`] is begun, told what was found and confirmed, then [`execute()`]d and
//! [`verify`](verify())ed. Everything that happens goes through it into the one stream.

mod adopted;
mod assemble;
mod beforehand;
mod command;
mod deploying;
mod execute;
mod files;
mod ledger;
mod point;
mod question;
mod recall;
mod recovery;
mod remove;
mod replan;
mod run;
mod simulator;
mod stack;
mod step_error;
mod stop;
mod tell;
mod tools;
mod verify;

pub use adopted::{Adopted, Told};
pub use assemble::{AssembleError, Assembled, Sources, assemble, lines};
pub use beforehand::{Beforehand, Done, Planned, SavedPlan, declared_states, do_beforehand};
pub use deploying::{ImagesUntold, commands, images};
pub use execute::{Ended, execute};
pub use question::{Programs, program_env, question};
pub use recall::{Standing, recall};
pub use recovery::{
    CommandWork, DeployWork, PlannedStep, Recovery, StackWork, StateHome, Work, digest,
};
pub use remove::Removal;
pub use replan::replan;
pub use run::Run;
pub use simulator::{Learnt, Simulator, SimulatorError};
pub use stack::forget_the_primary;
pub use stop::Stop;
pub use tools::Tools;
pub use verify::{Asked, find_recovery_points, verify};
