//! One file a command.

pub(super) mod approve;
pub(super) mod availability;
pub(super) mod chaos;
pub(super) mod compare;
pub(super) mod completions;
pub(super) mod doctor;
pub(super) mod drill;
pub(super) mod failback;
pub(super) mod failover;
pub(super) mod forecast;
pub(super) mod images;
pub(super) mod kong;
pub(super) mod plan;
pub(super) mod prepare;
pub(super) mod probe;
pub(super) mod rehearse;
pub(super) mod report;
pub(super) mod resume;
pub(super) mod runs;
pub(super) mod sim;
pub(super) mod state;
pub(super) mod trend;
pub(super) mod undo;
pub(super) mod validate;
pub(super) mod verify_evidence;
pub(super) mod watch;
