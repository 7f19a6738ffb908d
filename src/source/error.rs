//! Every way in which a repository cannot be had, and what to do about it.

use super::credentials::Method;
use std::{io, path::PathBuf, time::Duration};

/// Why there is no checkout.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text names no repository.
    #[error("`{text}` names no repository: {why}")]
    NotAnOrigin {
        /// What was given, without credentials.
        text: String,
        /// What is wrong with it.
        why: NotAnOrigin,
    },
    /// The local path is not there.
    #[error("there is nothing at `{}`", path.display())]
    PathMissing {
        /// The path.
        path: PathBuf,
    },
    /// The local path is there, and is no repository.
    #[error("`{}` is not the root of a git repository", path.display())]
    NotARepository {
        /// The path.
        path: PathBuf,
        /// The root of the repository that the path is inside of, when there is one.
        root: Option<PathBuf>,
    },
    /// The local repository belongs to another user, which git holds to be unsafe.
    #[error("the repository at `{}` belongs to another user", path.display())]
    OtherOwner {
        /// The path.
        path: PathBuf,
    },
    /// The server answered that it has no such repository.
    #[error("the server has no repository `{origin}`")]
    NoSuchRepository {
        /// The origin, without credentials.
        origin: String,
        /// What the server said.
        #[source]
        source: GitMessage,
    },
    /// The repository has no commit to check out.
    #[error("`{origin}` has no commits")]
    EmptyRepository {
        /// The origin, without credentials.
        origin: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("`{origin}` has no branch, tag or commit `{reference}`")]
    NoSuchReference {
        /// The origin, without credentials.
        origin: String,
        /// What was asked for.
        reference: String,
        /// The branch or tag that was most likely meant.
        near: Option<String>,
        /// Some of the branches and tags that there are.
        known: Vec<String>,
    },
    /// The reference can mean more than one commit.
    #[error("`{reference}` is ambiguous in `{origin}`")]
    AmbiguousReference {
        /// The origin, without credentials.
        origin: String,
        /// What was asked for.
        reference: String,
        /// What it can mean; empty for a short commit id.
        meanings: Vec<String>,
    },
    /// The server wants credentials, and took none of those that were tried.
    #[error("`{origin}` refused access ({})", tried_words(tried))]
    Auth {
        /// The origin, without credentials.
        origin: String,
        /// What was tried, in this order.
        tried: Vec<Method>,
        /// What the server or the transport said.
        #[source]
        source: GitMessage,
    },
    /// The server could not prove who it is: an unknown ssh host key or a bad certificate.
    #[error("the server of `{origin}` could not prove who it is")]
    UntrustedServer {
        /// The origin, without credentials.
        origin: String,
        /// What is wrong with its key or certificate.
        #[source]
        source: GitMessage,
    },
    /// The server could not be reached, or did not answer as a git server does.
    #[error("`{origin}` could not be reached")]
    Unreachable {
        /// The origin, without credentials.
        origin: String,
        /// Why.
        #[source]
        source: GitMessage,
    },
    /// The run is to be offline, and there is no mirror.
    #[error("offline, and there is no local mirror of `{origin}`")]
    Offline {
        /// The origin, without credentials.
        origin: String,
    },
    /// The origin cannot be used, and its local mirror does not hold what was asked for.
    #[error("the local mirror of `{origin}` has no branch, tag or commit `{reference}`")]
    MirrorLacks {
        /// The origin, without credentials.
        origin: String,
        /// What was asked for.
        reference: String,
        /// The branches and tags that it holds.
        known: Vec<String>,
        /// Why the origin cannot be used.
        #[source]
        source: Box<SourceError>,
    },
    /// The folder for the work copy holds something.
    #[error("`{}` is not an empty folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A disk is full.
    #[error("no space left to write `{}`", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: GitMessage,
    },
    /// A file or folder may not be read or written.
    #[error("no permission for `{}`", path.display())]
    PermissionDenied {
        /// What was being read or written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: GitMessage,
    },
    /// The caller asked to stop.
    #[error("the checkout was cancelled")]
    Cancelled,
    /// A submodule cannot be had.
    #[error("failed to check out submodule `{path}`")]
    Submodule {
        /// Its path in the repository.
        path: String,
        /// Why.
        #[source]
        source: Box<SourceError>,
    },
    /// A submodule has no URL in `.gitmodules`.
    #[error("`.gitmodules` gives it no URL")]
    SubmoduleWithoutUrl,
    /// A repository from elsewhere has a submodule that points into this machine.
    #[error("its URL `{url}` points into this machine, but its parent comes from elsewhere")]
    SubmoduleIsLocal {
        /// The URL, as `.gitmodules` has it.
        url: String,
    },
    /// git failed in a way that has no name here.
    #[error("failed to {doing} `{}`", path.display())]
    Git {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What libgit2 or the system said.
        #[source]
        source: GitMessage,
    },
}

/// What is wrong with a text that should name a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message is the documentation")]
pub enum NotAnOrigin {
    #[error("it is empty")]
    Empty,
    #[error("it has a control character in it")]
    ControlCharacter,
    #[error("its scheme is not one of https, http, ssh, git and file")]
    UnknownScheme,
    #[error("a host and a path are needed")]
    Incomplete,
    #[error("its port is not a number")]
    BadPort,
    #[error("a `%` in it is not followed by two hexadecimal digits")]
    BadEscape,
    #[error("a `file` URL names a file of this machine: `file:///path`")]
    NotThisMachine,
    #[error("only `~/` is known, not the home of another user")]
    OtherHome,
    #[error("`~` is used and there is no home folder")]
    NoHome,
    #[error("it is relative and the current folder is gone")]
    NoCurrentFolder,
}

/// What libgit2, the server or the system said, in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GitMessage(String);

impl GitMessage {
    pub(super) fn silent_for(patience: Duration) -> Self {
        Self(format!("no sign of life for {} s", patience.as_secs_f64()))
    }
}

impl From<&git2::Error> for GitMessage {
    fn from(error: &git2::Error) -> Self {
        // Its `Display` adds numbers of classes and codes that help nobody.
        Self(error.message().trim().to_owned())
    }
}

impl SourceError {
    /// Returns what to do now.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotAnOrigin { .. } => {
                "Give a URL such as `https://github.com/org/repo.git` or a path such as `./repo`".into()
            }
            Self::PathMissing { .. } => "Check the path, or give the URL of the repository".into(),
            Self::NotARepository { path, root: Some(root) } => format!(
                "Give the root of the repository, `{}`, in place of `{}`",
                root.display(),
                path.display()
            ),
            Self::NotARepository { path, root: None } => {
                format!("Run `git init {0}` and commit, or give another path", path.display())
            }
            Self::OtherOwner { path } => {
                format!("Run `git config --global --add safe.directory {}`", path.display())
            }
            Self::NoSuchRepository { origin, .. } => {
                format!("Check the address with `git ls-remote {origin}`")
            }
            Self::EmptyRepository { .. } => "Push a commit to it".into(),
            Self::NoSuchReference { near: Some(near), .. } => format!("Did you mean `{near}`?"),
            Self::NoSuchReference { known, .. } => {
                format!("Choose one of {}", listed(known))
            }
            Self::AmbiguousReference { meanings, .. } if meanings.is_empty() => {
                "Give more digits of the commit id".into()
            }
            Self::AmbiguousReference { meanings, .. } => {
                format!("Give the full name: {}", listed(meanings))
            }
            Self::Auth { origin, .. } if origin.starts_with("http") => {
                "Set `DRCTL_GIT_TOKEN` or a git credential helper, and check the address: hosts also refuse \
                 access to what does not exist"
                    .into()
            }
            Self::Auth { .. } => {
                "Load a key with `ssh-add`, and check that the server knows it".into()
            }
            Self::UntrustedServer { origin, .. } if origin.starts_with("https") => {
                "Install the certificate of its authority, or name it in `SSL_CERT_FILE`".into()
            }
            Self::UntrustedServer { origin, .. } => format!(
                "Compare the key with the one that the host publishes, then run `git ls-remote {origin}` once to trust it"
            ),
            Self::Unreachable { origin, .. } => format!(
                "Check the network with `git ls-remote {origin}`; from the first successful run on, a local mirror stands in"
            ),
            Self::Offline { .. } => "Run it once online to make a mirror".into(),
            Self::MirrorLacks { known, .. } if known.is_empty() => {
                "Run it once while the origin can be reached".into()
            }
            Self::MirrorLacks { known, .. } => {
                format!("Choose one that the mirror holds: {}", listed(known))
            }
            Self::NotEmpty { .. } => "Give a folder that is empty or does not exist".into(),
            Self::DiskFull { .. } => "Free some space, then run it again".into(),
            Self::PermissionDenied { .. } => "Check who owns it with `ls -ld`".into(),
            Self::Submodule { source, .. } => return source.hint(),
            Self::SubmoduleWithoutUrl => "Run `git submodule sync`, and commit `.gitmodules`".into(),
            Self::SubmoduleIsLocal { .. } => "Give the submodule a URL that others can reach".into(),
            Self::Cancelled | Self::Git { .. } => return None,
        };
        Some(hint)
    }

    /// Returns true when the trouble is in getting at the origin, so that a mirror can stand in.
    ///
    /// That includes a refused login and a missing repository: in a disaster the
    /// host's login service may be down, and a host restored from a backup may
    /// not have the repository yet. A slip of the fingers is not hidden by it,
    /// since a mirror bears the name of the exact origin that once answered.
    pub(super) fn is_about_the_origin(&self) -> bool {
        matches!(
            self,
            Self::PathMissing { .. }
                | Self::NotARepository { .. }
                | Self::NoSuchRepository { .. }
                | Self::Auth { .. }
                | Self::UntrustedServer { .. }
                | Self::Unreachable { .. }
                | Self::Offline { .. }
        )
    }
}

/// Names a failure of libgit2 on this machine's disk.
pub(super) fn local(
    doing: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(git2::Error) -> SourceError {
    let path = path.into();
    move |error| {
        let source = GitMessage::from(&error);
        // libgit2 keeps the system's words and not its number.
        let says = |words: &[&str]| words.iter().any(|w| source.0.ends_with(w));
        if says(&["No space left on device", "Disk quota exceeded"]) {
            SourceError::DiskFull { path, source }
        } else if says(&["Permission denied", "Read-only file system", "Operation not permitted"]) {
            SourceError::PermissionDenied { path, source }
        } else {
            SourceError::Git { doing, path, source }
        }
    }
}

/// Names a failure of the file system.
pub(super) fn io(
    doing: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> SourceError {
    let path = path.into();
    move |error| {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let source = GitMessage(error.to_string());
        match error.kind() {
            StorageFull | QuotaExceeded => SourceError::DiskFull { path, source },
            PermissionDenied | ReadOnlyFilesystem => SourceError::PermissionDenied { path, source },
            _ => SourceError::Git { doing, path, source },
        }
    }
}

/// Names a failure of a conversation with `origin`.
///
/// `tried` is what was offered as credentials, and is nothing when the server
/// did not ask, or took one of them.
pub(super) fn remote(origin: &str, error: &git2::Error, tried: Option<Vec<Method>>) -> SourceError {
    let (origin, source) = (origin.to_owned(), GitMessage::from(error));
    let said = source.0.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| said.contains(w));
    if error.code() == git2::ErrorCode::Certificate {
        SourceError::UntrustedServer { origin, source }
    } else if says(&["status code: 404", "status code: 410", "repository not", "does not exist"]) {
        SourceError::NoSuchRepository { origin, source }
    } else if tried.is_some()
        || error.code() == git2::ErrorCode::Auth
        || says(&["status code: 401", "status code: 403"])
    {
        SourceError::Auth { origin, tried: tried.unwrap_or_default(), source }
    } else {
        SourceError::Unreachable { origin, source }
    }
}

fn tried_words(tried: &[Method]) -> String {
    if tried.is_empty() {
        return "there were no credentials to try".into();
    }
    let names: Vec<_> = tried.iter().map(ToString::to_string).collect();
    format!("tried {}", names.join(", "))
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::{ErrorClass, ErrorCode};

    #[test]
    fn what_the_system_says_of_a_disk_is_told_apart() {
        let told = [
            "failed to write to file '/r/x': No space left on device",
            "could not open '/r/x' for writing: Permission denied",
            "object not found",
        ]
        .map(|text| local("write", "/r")(git2::Error::from_str(text)).to_string());
        insta::assert_snapshot!(told.join("\n"), @r"
        no space left to write `/r`
        no permission for `/r`
        failed to write `/r`
        ");
        let full = io("write", "/r")(io::ErrorKind::StorageFull.into());
        assert!(matches!(full, SourceError::DiskFull { .. }), "{full:?}");
    }

    #[test]
    fn what_a_server_says_is_told_apart_and_has_a_hint() {
        let ssh = |code, text| git2::Error::new(code, ErrorClass::Ssh, text);
        let cases = [
            ("git@h:r", ssh(ErrorCode::Certificate, "invalid or unknown remote ssh hostkey"), None),
            ("https://h/r", ssh(ErrorCode::Certificate, "the SSL certificate is invalid"), None),
            ("git@h:r", ssh(ErrorCode::GenericError, "ERROR: Repository not found."), None),
            (
                "git@h:r",
                ssh(ErrorCode::Auth, "no credentials were accepted"),
                Some(vec![Method::Agent, Method::KeyFile("id_ed25519")]),
            ),
        ];
        let told = cases.map(|(origin, error, tried)| {
            let error = remote(origin, &error, tried);
            format!("{error}\n  {}", error.hint().unwrap())
        });
        insta::assert_snapshot!(told.join("\n"), @r"
        the server of `git@h:r` could not prove who it is
          Compare the key with the one that the host publishes, then run `git ls-remote git@h:r` once to trust it
        the server of `https://h/r` could not prove who it is
          Install the certificate of its authority, or name it in `SSL_CERT_FILE`
        the server has no repository `git@h:r`
          Check the address with `git ls-remote git@h:r`
        `git@h:r` refused access (tried the ssh agent, `~/.ssh/id_ed25519`)
          Load a key with `ssh-add`, and check that the server knows it
        ");
    }
}
