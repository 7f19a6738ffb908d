//! A registry of Terraform modules that comes from a folder, for a rehearsal without the internet.
//!
//! A [`ModuleRegistry`] speaks the two requests of Terraform's [module registry protocol] that
//! `terraform init` makes, on the loopback interface; [`ModuleRegistry::cli_config`] tells Terraform
//! to ask it instead of the real registries. The folder may hold a module as
//!
//! * `namespace/name/provider/VERSION/`, which is that version and no other,
//! * `namespace/name/provider/`, which stands for every version that somebody asks for,
//! * `namespace+terraform-provider-name/` or `terraform-provider-name/`, named as the git repositories
//!   of modules are, which stand for every version as well.
//!
//! The first of them that is there is taken. Where a folder stands for every version, the versions
//! that are offered are made from the constraints of the calls: see [`Wanted`].
//!
//! Terraform makes `.terraform/modules/…` a symbolic link to a local package, and what drctl writes
//! beside a module, an override file for one, would land in the user's folder. So every download
//! is a copy of its own, without `.git`.
//!
//! Only modules of registries are found here. A module whose source is a git, http or bucket address
//! is fetched from there by Terraform, which has no setting to redirect it.
//!
//! [module registry protocol]: https://developer.hashicorp.com/terraform/internals/module-registry-protocol

mod address;
mod answer;
mod copy;
mod error;
mod server;
mod shelf;
mod version;
mod wanted;

pub use answer::Missing;
pub use error::ModulesError;
pub use server::ModuleRegistry;
pub use wanted::Wanted;
