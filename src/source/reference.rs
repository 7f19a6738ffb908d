//! What a branch, tag or commit that was asked for means among the references that there are.

use super::SourceError;
use crate::model::nearest;
use git2::Oid;

/// How many names an error lists.
const LISTED: usize = 8;

/// The references of a repository.
#[derive(Debug, Default)]
pub(super) struct Refs {
    /// What `HEAD` points at.
    pub(super) head: Option<Reference>,
    /// All others, by full name.
    pub(super) all: Vec<Reference>,
}

/// A reference: a full name and what it points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// `refs/heads/main`, or `HEAD` when it is detached.
    pub(super) name: String,
    /// What it points at: a commit or an annotated tag.
    pub(super) target: Oid,
    /// The commit behind an annotated tag, where it is known.
    pub(super) peeled: Option<Oid>,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The newest commit of a reference.
    Reference(Reference),
    /// A commit by its full id. It may not exist.
    Commit(Oid),
    /// A commit by the beginning of its id. It may not exist.
    Short(String),
}

impl Refs {
    /// Reads the references of a repository on this machine.
    pub(super) fn of(repo: &git2::Repository) -> Result<Self, git2::Error> {
        let mut refs = Self::default();
        for reference in repo.references()? {
            let reference = reference?;
            if let (Ok(name), Some(target)) = (reference.name(), reference.target()) {
                let (name, peeled) = (name.to_owned(), reference.target_peel());
                refs.all.push(Reference { name, target, peeled });
            }
        }
        refs.head = match repo.head() {
            Ok(head) => head.target().map(|target| Reference {
                name: head.name().unwrap_or("HEAD").to_owned(),
                target,
                peeled: None,
            }),
            // No commit yet.
            Err(_) => None,
        };
        Ok(refs)
    }

    /// Reads the references that a server announced.
    pub(super) fn announced(heads: &[git2::RemoteHead<'_>]) -> Self {
        let mut refs = Self::default();
        for head in heads {
            let (name, target) = (head.name(), head.oid());
            if name == "HEAD" {
                let name = head.symref_target().unwrap_or(name).to_owned();
                refs.head = Some(Reference { name, target, peeled: None });
            } else if let Some(tag) = name.strip_suffix("^{}") {
                // Announced right after the tag that it belongs to.
                if let Some(last) = refs.all.last_mut().filter(|last| last.name == tag) {
                    last.peeled = Some(target);
                }
            } else {
                refs.all.push(Reference { name: name.to_owned(), target, peeled: None });
            }
        }
        refs
    }

    /// Finds out what `asked` means; nothing asked is `HEAD`.
    ///
    /// Like git: a full commit id is a commit, then names come before short
    /// ids. Unlike git, a name that is a branch and a tag of different commits is
    /// refused, since a guess here could rebuild the wrong thing.
    pub(super) fn find(&self, asked: Option<&str>, origin: &str) -> Result<Wanted, SourceError> {
        let asked = match asked {
            None | Some("HEAD") => {
                let empty = || SourceError::EmptyRepository { origin: origin.to_owned() };
                return self.head.clone().map(Wanted::Reference).ok_or_else(empty);
            }
            Some(asked) => asked,
        };
        if let Some(commit) = full_id(asked) {
            return Ok(Wanted::Commit(commit));
        }
        if let Some(exact) = self.get(asked) {
            return Ok(Wanted::Reference(exact.clone()));
        }
        let names = ["refs/heads/", "refs/tags/"].map(|prefix| format!("{prefix}{asked}"));
        let found: Vec<_> = names.iter().filter_map(|name| self.get(name)).collect();
        let remote = || self.get(&format!("refs/remotes/{asked}"));
        match found.as_slice() {
            [branch, tag] if branch.commit() != tag.commit() => {
                Err(SourceError::AmbiguousReference {
                    origin: origin.to_owned(),
                    reference: asked.to_owned(),
                    meanings: names.to_vec(),
                })
            }
            [first, ..] => Ok(Wanted::Reference((*first).clone())),
            [] => match remote() {
                Some(remote) => Ok(Wanted::Reference(remote.clone())),
                None if is_short_id(asked) => Ok(Wanted::Short(asked.to_ascii_lowercase())),
                None => Err(self.unknown(asked, origin)),
            },
        }
    }

    /// Says that there is no such thing, and what there is.
    pub(super) fn unknown(&self, asked: &str, origin: &str) -> SourceError {
        SourceError::NoSuchReference {
            origin: origin.to_owned(),
            reference: asked.to_owned(),
            near: nearest(asked, self.short_names()).map(str::to_owned),
            known: self.known(),
        }
    }

    /// Returns the short names of some branches and tags, branches first.
    pub(super) fn known(&self) -> Vec<String> {
        let mut known: Vec<String> = Vec::new();
        for name in self.short_names() {
            if known.len() < LISTED && !known.iter().any(|k| k == name) {
                known.push(name.to_owned());
            }
        }
        known
    }

    fn short_names(&self) -> impl Iterator<Item = &str> {
        let under = |prefix| self.all.iter().filter_map(move |r| r.name.strip_prefix(prefix));
        under("refs/heads/").chain(under("refs/tags/"))
    }

    fn get(&self, name: &str) -> Option<&Reference> {
        self.all.iter().find(|reference| reference.name == name)
    }
}

impl Reference {
    pub(super) fn commit(&self) -> Oid {
        self.peeled.unwrap_or(self.target)
    }
}

/// Reads a full commit id: 40 hexadecimal digits.
pub(super) fn full_id(text: &str) -> Option<Oid> {
    (text.len() == 40).then(|| Oid::from_str(text).ok()).flatten()
}

/// Returns true for what git takes as the beginning of a commit id: 4 digits or more.
fn is_short_id(text: &str) -> bool {
    (4..40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(name: &str, digit: char) -> Reference {
        let target = Oid::from_str(&digit.to_string().repeat(40)).unwrap();
        Reference { name: name.to_owned(), target, peeled: None }
    }

    fn refs() -> Refs {
        let mut both = reference("refs/tags/same", '9');
        both.peeled = Some(reference("", '3').target);
        Refs {
            head: Some(reference("refs/heads/main", '1')),
            all: vec![
                reference("refs/heads/main", '1'),
                reference("refs/heads/beef", '2'),
                reference("refs/heads/same", '3'),
                reference("refs/heads/v2", '4'),
                reference("refs/tags/v2", '5'),
                both,
                reference("refs/pull/7/head", '6'),
                reference("refs/remotes/origin/next", '7'),
            ],
        }
    }

    fn found(asked: Option<&str>) -> String {
        match refs().find(asked, "/srv/r") {
            Ok(Wanted::Reference(reference)) => reference.name,
            Ok(Wanted::Commit(id)) => format!("commit {id}"),
            Ok(Wanted::Short(id)) => format!("short {id}"),
            Err(error) => format!("{error}; {}", error.hint().unwrap()),
        }
    }

    #[test]
    fn a_name_comes_before_a_short_id_and_after_a_full_one() {
        let id = "a".repeat(40);
        let asked = [
            None,
            Some("HEAD"),
            Some("main"),
            Some("beef"),
            Some("same"),
            Some("refs/tags/v2"),
            Some("refs/pull/7/head"),
            Some("origin/next"),
            Some("BEEF1"),
            Some(id.as_str()),
        ];
        insta::assert_snapshot!(asked.map(found).join("\n"), @r"
        refs/heads/main
        refs/heads/main
        refs/heads/main
        refs/heads/beef
        refs/heads/same
        refs/tags/v2
        refs/pull/7/head
        refs/remotes/origin/next
        short beef1
        commit aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        ");
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let asked = ["mian", "v2", "release", "abc"];
        insta::assert_snapshot!(asked.map(|a| found(Some(a))).join("\n"), @r"
        `/srv/r` has no branch, tag or commit `mian`; Did you mean `main`?
        `v2` is ambiguous in `/srv/r`; Give the full name: `refs/heads/v2`, `refs/tags/v2`
        `/srv/r` has no branch, tag or commit `release`; Choose one of `main`, `beef`, `same`, `v2`
        `/srv/r` has no branch, tag or commit `abc`; Choose one of `main`, `beef`, `same`, `v2`
        ");
    }

    #[test]
    fn a_repository_without_commits_says_so() {
        let error = Refs::default().find(None, "/srv/r").unwrap_err();
        assert_eq!(error.to_string(), "`/srv/r` has no commits");
    }
}
