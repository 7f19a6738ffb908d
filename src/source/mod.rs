//! The repository at a commit, in a private work copy.
//!
//! [`checkout`] asks the origin for as little as it can (one commit deep where
//! the server allows it), keeps what it got in a local mirror, and makes the
//! work copy from the mirror. When the origin cannot be used, the mirror stands
//! in and says how old it is: a disaster that takes the git host down too must
//! not stop a recovery.
//!
//! Everything here blocks; callers in async code use a thread for it.

mod credentials;
mod error;
mod fetch;
mod local;
mod mirror;
mod origin;
mod reference;
mod revision;
mod submodule;
#[cfg(test)]
mod testing;
mod work_copy;

pub use credentials::Method;
pub use error::{GitMessage, NotAnOrigin, SourceError};
pub use origin::Origin;
pub use revision::{export, toplevel};
pub use work_copy::{Warning, WorkCopy};

use git2::Oid;
use mirror::Mirror;
use origin::Site;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How long a silent server is waited for, unless the caller says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What to check out, and where to.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where the repository comes from.
    pub origin: Origin,
    /// A branch, a tag, a full reference name, or a commit id of 4 to 40 digits;
    /// nothing for what `HEAD` of the origin is.
    pub reference: Option<String>,
    /// The folder for the work copy. Empty, or not there yet.
    pub dest: PathBuf,
    /// The folder that mirrors are kept in, for all runs.
    pub mirrors: PathBuf,
    /// True to ask no server. An origin on this machine is still read.
    pub offline: bool,
    /// How long a server may give no sign of life before it counts as unreachable.
    pub patience: Duration,
}

/// What [`checkout`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The work copy, with `HEAD` detached at the commit.
    pub dir: PathBuf,
    /// The commit, as 40 hexadecimal digits.
    pub commit: String,
    /// The branch, tag or commit that was asked for, when one was.
    pub reference: Option<String>,
    /// Who knew the commit.
    pub from: FetchedFrom,
    /// True when the origin is a working tree on this machine with changed or
    /// untracked files, which are **not** part of the work copy.
    pub uncommitted: bool,
    /// What stopped nothing and is worth knowing, submodules included.
    pub warnings: Vec<Warning>,
}

/// Who knew the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchedFrom {
    /// The origin said just now what the reference is.
    Origin,
    /// A full commit id was asked for and the mirror holds it. The origin was not
    /// asked, since its answer could not have been another.
    Kept,
    /// The origin could not be used and the mirror stood in.
    Mirror {
        /// How long ago the origin last said what this reference is, by the wall
        /// clock; nothing when that is not known.
        age: Option<Duration>,
        /// Why the origin could not be used, outermost cause first.
        because: Vec<String>,
    },
}

/// How far a checkout is. Told often; may be dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A server is being asked.
    Asking {
        /// The origin, without credentials.
        origin: String,
    },
    /// Objects are coming in.
    Receiving {
        /// Objects received.
        received: usize,
        /// Objects in all.
        total: usize,
        /// Bytes received.
        bytes: usize,
    },
    /// Files are being written.
    Writing {
        /// Files written.
        done: usize,
        /// Files in all.
        total: usize,
    },
    /// A submodule's turn.
    Submodule {
        /// Its path in its parent.
        path: String,
    },
}

/// Makes a work copy of a repository at a commit, submodules included.
///
/// No hook and no filter program runs, and nobody is asked for a password. Set
/// `cancel` from another thread to stop: that takes effect within a tenth of a
/// second while a server is talked to, also when it is silent, and else between
/// fetching, writing the files, and the next submodule.
///
/// # Errors
///
/// [`SourceError`]. The mirror stands in only for trouble in getting at the
/// repository; a reference that the origin does not have is never looked for in
/// the mirror. After an error `dest` may hold part of a work copy.
pub fn checkout(
    request: &Request,
    cancel: &AtomicBool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checkout, SourceError> {
    let mut watch = Watch { cancel, progress };
    checkout_trusting(request, request.origin.site(), &mut watch)
}

/// The caller, as far as it can be told things and can say stop.
struct Watch<'a> {
    cancel: &'a AtomicBool,
    progress: &'a mut dyn FnMut(Progress),
}

impl Watch<'_> {
    fn go_on(&self) -> Result<(), SourceError> {
        if self.cancel.load(Ordering::Relaxed) { Err(SourceError::Cancelled) } else { Ok(()) }
    }
}

/// [`checkout`] of a repository or a submodule; `token_site` is the server of the outermost one.
fn checkout_trusting(
    request: &Request,
    token_site: Option<&Site>,
    watch: &mut Watch<'_>,
) -> Result<Checkout, SourceError> {
    let dest = work_copy::prepare(&request.dest)?;
    let mirror = Mirror::of(&request.origin, &request.mirrors)?;
    let found = find(request, token_site, &mirror, watch)?;
    watch.go_on()?;

    let repo = work_copy::make(&dest, &request.origin, &mirror, found.commit, watch)?;
    let mut warnings = work_copy::inspect(&repo, &dest)?;
    warnings.extend(submodule::checkout_all(request, token_site, &repo, &dest, watch)?);
    Ok(Checkout {
        dir: dest,
        commit: found.commit.to_string(),
        reference: request.reference.clone(),
        from: found.from,
        uncommitted: found.uncommitted,
        warnings,
    })
}

/// A commit that the mirror now holds.
struct Found {
    commit: Oid,
    from: FetchedFrom,
    uncommitted: bool,
}

/// Finds the commit that was asked for and sees to it that the mirror holds it.
fn find(
    request: &Request,
    token_site: Option<&Site>,
    mirror: &Mirror,
    watch: &mut Watch<'_>,
) -> Result<Found, SourceError> {
    let asked = request.reference.as_deref();
    let kept = || asked.and_then(reference::full_id).filter(|id| mirror.holds(*id));
    let answer = if let Some(path) = request.origin.path() {
        local::take(path, asked, mirror, watch)
    } else if let Some(commit) = kept() {
        Ok(Found { commit, from: FetchedFrom::Kept, uncommitted: false })
    } else if request.offline {
        Err(SourceError::Offline { origin: request.origin.to_string() })
    } else {
        fetch::fetch(request, token_site, mirror, watch)
    };
    match answer {
        Err(refused) if refused.is_about_the_origin() => mirror.stand_in(asked, refused),
        answer => answer,
    }
}
