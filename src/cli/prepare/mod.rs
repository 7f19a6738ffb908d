//! What can be done before an outage, kept in a bundle that a failover starts from.
//!
//! ```text
//! $DRCTL_HOME/prepared/<name>/lock          held while a bundle is made
//! $DRCTL_HOME/prepared/<name>/current       a link to the newest whole bundle
//! $DRCTL_HOME/prepared/<name>/<made>/       a bundle, 0700
//!     bundle.json                           what it is; written last
//!     in-use                                locked, shared, by whoever reads the bundle
//!     stacks/<step>/lock.hcl                the lock file that `init` left
//!     stacks/<step>/terraform/              `.terraform`, without the providers
//!     plans/<step>.tfplan                   saved plans, which hold secrets in clear
//!     providers/<host>/<ns>/<type>/<version>/<platform>/   unpacked, each once
//!     mirror/                               packed providers of other platforms
//!     logs/                                 all that Terraform printed
//! ```
//!
//! The repository itself is in drctl's mirror of it, at the commit that the bundle names: a work copy
//! is made from there in some milliseconds, and belongs to its run alone.

mod again;
mod bundle;
mod drift;
mod files;
mod freshness;
mod look;
mod make;
mod providers;
mod schedule;
mod shelf;
mod show;
mod take;

pub(super) use again::again;
pub(super) use freshness::{Checked, check};
pub(super) use make::{Wanted, make};
pub(super) use schedule::{UNIT, every};
pub(super) use show::{checked_json, checked_text, made_json, made_text};
pub(super) use take::{Prepared, Start, Taken, start};
