//! The schema of every provider that a configuration names, inferred from the configuration.
//!
//! Abstract interpretation, not text matching: attributes are mostly reached through `for`
//! expressions, local values and the outputs of modules.
//!
//! * `tree` makes one instance of a module for each call of it; `manifest` finds what
//!   Terraform installed.
//! * `interpreter` evaluates every expression of every instance to a `value`: which attributes
//!   it may be, what was built, of which kinds. `expression`, `traversal`, `call` with the
//!   table of `functions`, and `constraint` are its parts; `walk` goes through what is
//!   declared. All of them leave their marks on the `graph`; `budget` bounds them.
//! * `settle` turns the marks into the `shape`s that are returned, with the help of `names`.
//! * `concrete` says which types a schema needs; `state` adds what only a state knows;
//!   `repair` learns from what `terraform validate` refuses.

mod address;
mod budget;
mod call;
mod concrete;
mod constraint;
mod expression;
mod functions;
mod graph;
mod interpreter;
mod kinds;
mod manifest;
mod names;
mod render;
mod repair;
mod settle;
mod shape;
mod state;
mod traversal;
mod tree;
mod value;
mod walk;

pub use address::{AddressError, ProviderAddress};
pub use budget::{MAX_DEPTH, MAX_LENGTH, MAX_STEPS};
pub use concrete::Position;
pub use manifest::{
    InstalledModules, MANIFEST, ManifestEntry, ManifestError, ModuleManifest, local_modules,
};
pub use repair::{Repair, Step, Target};
pub use shape::{
    Attribute, Block, FunctionShape, Hint, Inferred, Kind, Length, MAX_PLACES, Mode, ProviderShape,
    Text, TypeShape,
};
pub use state::StateError;
pub use tree::{MAX_DECLARED, MAX_MODULE_DEPTH, MAX_MODULES, Resolver};

use crate::{config::module::Module, model::finding::Place};
use budget::{Budget, Limit};
use graph::Graph;
use interpreter::Interpreter;
use settle::Settle;
use std::{io, panic, thread};
use tree::Instance;

/// How often the configuration is walked: what an attribute is taken for in one place tells what
/// `flatten` or a declared type does to it in another, which may stand before.
const PASSES: usize = 2;

/// Room for [`MAX_DEPTH`] expressions inside each other, in builds that are not optimised, too.
const STACK: usize = 256 << 20;

/// A configuration that cannot be understood in bounds.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// Modules call each other in a circle, or nearly so.
    #[error("{place}: module call `{call}` is more than {MAX_MODULE_DEPTH} modules deep")]
    ModulesTooDeep {
        /// The call's name.
        call: String,
        /// Where it stands.
        place: Place,
    },
    /// There are too many of them.
    #[error(
        "{place}: module call `{call}` makes more than {MAX_MODULES} module instances, or more \
         than {MAX_DECLARED} declarations in them"
    )]
    TooManyModules {
        /// The call's name.
        call: String,
        /// Where it stands.
        place: Place,
    },
    /// Expressions or references are too deep.
    #[error("expressions refer to each other more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// It takes too much work.
    #[error("the configuration takes more than {MAX_STEPS} steps to evaluate")]
    TooMuch,
    /// The system gives no thread to work on.
    #[error("failed to start a thread")]
    Thread {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl InferError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::ModulesTooDeep { call, .. } => {
                format!("Check whether `module.{call}` calls itself, by way of others")
            }
            Self::TooManyModules { .. } | Self::TooMuch => {
                "Rehearse the stacks of the repository one by one".to_owned()
            }
            Self::TooDeep => "Check the local values for one that grows with each step".to_owned(),
            Self::Thread { .. } => "Run `ulimit -a` to see what is limited".to_owned(),
        })
    }
}

/// Infers what a root module, and all that it calls, needs of its providers.
///
/// A call that `resolve` does not find is left out; Terraform refuses it anyway. The result depends
/// on nothing but the modules.
///
/// # Errors
///
/// [`InferError`] when the configuration exceeds a limit; the limits are far above anything that
/// people write.
pub fn infer<'m>(root: &'m Module, resolve: Resolver<'_, 'm>) -> Result<Inferred, InferError> {
    let tree = tree::instances(root, resolve)?;
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("infer".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || interpret(&tree))
            .map_err(|source| InferError::Thread { source })?;
        worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}

fn interpret(tree: &[Instance<'_>]) -> Result<Inferred, InferError> {
    let mut graph = Graph::default();
    for _ in 0..PASSES {
        let mut interpreter = Interpreter::new(tree, graph, Budget::new(MAX_STEPS));
        interpreter.walk();
        walk::complete_builtin(&mut interpreter);
        tracing::debug!(steps_left = interpreter.budget.left(), "configuration walked");
        within(&interpreter.budget)?;
        graph = interpreter.graph;
    }
    let mut settle = Settle::new(&graph, Budget::new(MAX_STEPS));
    let inferred = settle.inferred();
    within(&settle.budget)?;
    Ok(inferred)
}

fn within(budget: &Budget) -> Result<(), InferError> {
    match budget.exceeded() {
        None => Ok(()),
        Some(Limit::Depth) => Err(InferError::TooDeep),
        Some(Limit::Steps) => Err(InferError::TooMuch),
    }
}

#[cfg(test)]
mod tests;
