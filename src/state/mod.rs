//! The fallback region's Terraform state, where drctl keeps it itself.
//!
//! [`StateStore`] is the folder on disk: every version of every stack's state,
//! none ever overwritten. [`StateServer`] hands it to Terraform's `http` backend
//! on the loopback interface, with locks. The protocol is the one described at
//! <https://developer.hashicorp.com/terraform/language/backend/http>.
//!
//! What happens when drctl dies while Terraform runs: Terraform finds nobody at
//! the address and tries again, for about ten minutes. A new server over the same
//! store listens at the same port and knows the same password, so that what Terraform
//! has to say goes on where it broke off. When none comes in time, or another program
//! has the port, Terraform writes the whole state to `errored.tfstate` in its working
//! folder and exits with an error. The lock stays in the store and says which run took
//! it, and a later run is refused until [`StateStore::release`] or
//! [`StateStore::break_lock`] is called. After that, `terraform state push
//! errored.tfstate` with the [`StateServer::backend_env`] of a new server brings
//! the state home. Such a file may have an empty lineage, when it is a stack's
//! first state, and only Terraform can mend that; so it is not just copied.

mod auth;
mod document;
mod endpoint;
mod error;
mod lock;
mod protocol;
mod server;
mod store;
mod upload;

pub use document::{DocumentError, StateHead};
pub use error::{Refusal, StateError};
pub use lock::{LockInfo, LockRecord};
pub use server::{Before, StateServer, Trouble};
pub use store::{StateStore, Version};
