//! The repositories inside a repository.

use super::{
    Origin, Progress, Request, SourceError, Warning, Watch, checkout_trusting, error::local,
    origin::Site,
};
use git2::{Repository, Submodule, SubmoduleUpdate};
use std::path::Path;

/// Checks out every submodule at the commit that its parent names, and theirs.
///
/// Returns their warnings, with paths from the root of the parent.
pub(super) fn checkout_all(
    request: &Request,
    token_site: Option<&Site>,
    repo: &Repository,
    dest: &Path,
    watch: &mut Watch<'_>,
) -> Result<Vec<Warning>, SourceError> {
    // Reading them costs a walk over the whole index.
    if !dest.join(".gitmodules").exists() {
        return Ok(Vec::new());
    }
    let mut warnings = Vec::new();
    for submodule in repo.submodules().map_err(local("read the submodules of", dest))? {
        let path = submodule.path().display().to_string();
        let Some(commit) = submodule.head_id() else { continue };
        if submodule.update_strategy() == SubmoduleUpdate::None {
            warnings.push(Warning::SubmoduleSkipped { path });
            continue;
        }
        (watch.progress)(Progress::Submodule { path: path.clone() });
        let checked_out = origin_of(&submodule, &request.origin).and_then(|origin| {
            let request = Request {
                origin,
                reference: Some(commit.to_string()),
                dest: dest.join(submodule.path()),
                ..request.clone()
            };
            checkout_trusting(&request, token_site, watch)
        });
        match checked_out {
            Ok(checkout) => {
                warnings.extend(checkout.warnings.into_iter().map(|w| w.inside(submodule.path())));
            }
            Err(SourceError::Cancelled) => return Err(SourceError::Cancelled),
            Err(source) => {
                return Err(SourceError::Submodule { path, source: Box::new(source) });
            }
        }
    }
    Ok(warnings)
}

fn origin_of(submodule: &Submodule<'_>, parent: &Origin) -> Result<Origin, SourceError> {
    let url = submodule.url().ok().flatten().ok_or(SourceError::SubmoduleWithoutUrl)?;
    let origin = parent.submodule(url)?;
    if origin.path().is_some() && parent.path().is_none() {
        return Err(SourceError::SubmoduleIsLocal { url: url.to_owned() });
    }
    // `../lib` of a clone on this machine mostly means a neighbour of what it was cloned from.
    let vanished = origin.path().is_some_and(|path| !path.exists());
    match parent.path().filter(|_| vanished && url.starts_with('.')).and_then(cloned_from) {
        Some(grandparent) => grandparent.submodule(url),
        None => Ok(origin),
    }
}

fn cloned_from(path: &Path) -> Option<Origin> {
    let repo = Repository::open(path).ok()?;
    let remote = repo.find_remote("origin").ok()?;
    Origin::parse(remote.url().ok()?).ok()
}
