//! Where a repository comes from: a URL or a local path.

use super::{SourceError, error::NotAnOrigin};
use sha2::{Digest, Sha256};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where a repository comes from.
///
/// `Display` prints it in one normal form and never with credentials: scheme and
/// host in lower case, no default port, no slash at the end. That form is what
/// is recorded, what a mirror is named after, and what the work copy's remote
/// `origin` is set to.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    at: At,
    login: Option<Login>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Path(PathBuf),
    Remote(Remote),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Remote {
    site: Site,
    /// The account to connect as over ssh; over HTTP it is part of the login.
    user: Option<String>,
    /// With its leading slash, but for the short form `git@host:org/repo.git`.
    path: String,
}

/// One server as far as credentials are concerned: what is meant for one is never shown to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// A user name and a password or token.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl Origin {
    /// Reads a URL (`https`, `http`, `ssh`, `git` or `file`), the short form
    /// `git@host:org/repo.git`, or a local path.
    ///
    /// As in git, a word with a colon before its first slash is the short form;
    /// a path like that is written `./a:b`. A relative path is taken from the
    /// current folder and `~` is `$HOME`.
    ///
    /// # Errors
    ///
    /// [`SourceError::NotAnOrigin`].
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let refuse = |why| SourceError::NotAnOrigin { text: without_userinfo(text), why };
        if text.is_empty() {
            return Err(refuse(NotAnOrigin::Empty));
        }
        if text.contains(|c: char| c.is_control()) {
            return Err(refuse(NotAnOrigin::ControlCharacter));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Self::parse_url(&scheme.to_ascii_lowercase(), rest).map_err(refuse);
        }
        match text.split_once(':') {
            Some((before, path)) if !before.contains('/') => {
                Self::parse_short(before, path).map_err(refuse)
            }
            _ => parse_path(text).map(Self::local).map_err(refuse),
        }
    }

    fn local(path: PathBuf) -> Self {
        Self { at: At::Path(path), login: None }
    }

    fn parse_url(scheme: &str, rest: &str) -> Result<Self, NotAnOrigin> {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if scheme == "file" {
            let path = decode(path).ok_or(NotAnOrigin::BadEscape)?;
            return match authority {
                "" | "localhost" if !path.is_empty() => Ok(Self::local(clean(Path::new(&path)))),
                _ => Err(NotAnOrigin::NotThisMachine),
            };
        }
        let default_port = match scheme {
            "https" => 443,
            "http" => 80,
            "ssh" => 22,
            "git" => 9418,
            _ => return Err(NotAnOrigin::UnknownScheme),
        };
        let (userinfo, server) = match authority.rsplit_once('@') {
            Some((userinfo, server)) => (Some(userinfo), server),
            None => (None, authority),
        };
        let (host, port) = split_port(server)?;
        let path = path.trim_end_matches('/');
        if host.is_empty() || path.is_empty() {
            return Err(NotAnOrigin::Incomplete);
        }
        let (user, password) = match userinfo {
            Some(info) => {
                let (user, password) = info.split_once(':').unwrap_or((info, ""));
                let both = decode(user).zip(decode(password)).ok_or(NotAnOrigin::BadEscape)?;
                (Some(both.0).filter(|u| !u.is_empty()), both.1)
            }
            None => (None, String::new()),
        };
        let site = Site {
            scheme: scheme.to_owned(),
            host: host.to_ascii_lowercase(),
            port: port.filter(|p| *p != default_port),
        };
        // Over HTTP a lone user name may itself be the token, so it is never shown.
        let login = (site.is_http() || !password.is_empty())
            .then(|| user.clone().map(|user| Login { user, password }))
            .flatten();
        let user = user.filter(|_| scheme == "ssh");
        Ok(Self { at: At::Remote(Remote { site, user, path: path.to_owned() }), login })
    }

    fn parse_short(before: &str, path: &str) -> Result<Self, NotAnOrigin> {
        let (user, host) = match before.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, before),
        };
        let path = path.trim_end_matches('/');
        if host.is_empty() || path.is_empty() {
            return Err(NotAnOrigin::Incomplete);
        }
        let site = Site { scheme: "ssh".to_owned(), host: host.to_ascii_lowercase(), port: None };
        Ok(Self { at: At::Remote(Remote { site, user, path: path.to_owned() }), login: None })
    }

    /// Returns the path when the origin is on this machine.
    pub fn path(&self) -> Option<&Path> {
        match &self.at {
            At::Path(path) => Some(path),
            At::Remote(_) => None,
        }
    }

    /// Returns where the mirror of this origin is kept under `mirrors`.
    pub fn mirror(&self, mirrors: &Path) -> PathBuf {
        let digest = Sha256::digest(self.to_string());
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        mirrors.join(format!("{name}.git"))
    }

    pub(super) fn site(&self) -> Option<&Site> {
        match &self.at {
            At::Path(_) => None,
            At::Remote(remote) => Some(&remote.site),
        }
    }

    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Returns what a submodule's URL means in a repository that comes from here.
    ///
    /// `./` and `../` start from the path of this origin. The login is handed on
    /// to the same server only.
    pub(super) fn submodule(&self, url: &str) -> Result<Self, SourceError> {
        if !(url.starts_with("./") || url.starts_with("../")) {
            let mut child = Self::parse(url)?;
            if child.login.is_none() && child.site().is_some() && child.site() == self.site() {
                child.login.clone_from(&self.login);
            }
            return Ok(child);
        }
        match &self.at {
            At::Path(path) => Ok(Self::local(clean(&path.join(url)))),
            At::Remote(remote) => {
                let mut parts: Vec<&str> = remote.path.split('/').collect();
                for part in url.split('/') {
                    match part {
                        "." | "" => {}
                        ".." if parts.len() > 1 || !remote.path.starts_with('/') => {
                            parts.pop();
                        }
                        ".." => {}
                        name => parts.push(name),
                    }
                }
                let remote = Remote { path: parts.join("/"), ..remote.clone() };
                Ok(Self { at: At::Remote(remote), login: self.login.clone() })
            }
        }
    }
}

impl Site {
    pub(super) fn is_http(&self) -> bool {
        matches!(self.scheme.as_str(), "http" | "https")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Path(path) => write!(f, "{}", path.display()),
            At::Remote(Remote { site, user, path }) => {
                let user = user.as_ref().map(|u| format!("{u}@")).unwrap_or_default();
                if !path.starts_with('/') {
                    return write!(f, "{user}{}:{path}", site.host);
                }
                let port = site.port.map(|p| format!(":{p}")).unwrap_or_default();
                write!(f, "{}://{user}{}{port}{path}", site.scheme, site.host)
            }
        }
    }
}

// By hand, so that a login can never be printed by accident.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

fn parse_path(text: &str) -> Result<PathBuf, NotAnOrigin> {
    let path = match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = std::env::home_dir().ok_or(NotAnOrigin::NoHome)?;
            home.join(rest.trim_start_matches('/'))
        }
        Some(_) => return Err(NotAnOrigin::OtherHome),
        None => PathBuf::from(text),
    };
    // Fails only when the current folder itself is gone.
    std::path::absolute(path).map(|path| clean(&path)).map_err(|_| NotAnOrigin::NoCurrentFolder)
}

/// Folds `.` and `..` without asking the disk, so that a path that has vanished still has its name.
fn clean(path: &Path) -> PathBuf {
    use std::path::Component::{CurDir, ParentDir};
    path.components().fold(PathBuf::new(), |mut clean, part| {
        match part {
            CurDir => {}
            ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
        clean
    })
}

fn split_port(server: &str) -> Result<(&str, Option<u16>), NotAnOrigin> {
    // The colons in `[::1]` are not before a port.
    match server.rsplit_once(':') {
        Some((host, "")) => Ok((host, None)),
        Some((host, port)) if !port.contains(']') => {
            port.parse().map(|port| (host, Some(port))).map_err(|_| NotAnOrigin::BadPort)
        }
        _ => Ok((server, None)),
    }
}

/// Decodes `%41`; nothing when an escape is broken or the result is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'%' => {
                let (hex, tail) = rest.split_at_checked(2)?;
                rest = tail;
                u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Cuts what may be a password out of a text that could not be parsed.
fn without_userinfo(text: &str) -> String {
    let start = text.find("://").map_or(0, |i| i + 3);
    let shown = match text.rfind('@') {
        Some(at) if at >= start => format!("{}{}", &text[..start], &text[at + 1..]),
        _ => text.to_owned(),
    };
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Origin::parse(text) {
            Ok(origin) => origin.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn an_origin_has_one_normal_form() {
        let texts = [
            "https://GitHub.com/org/repo.git",
            "https://github.com:443/org/repo/",
            "http://localhost:8080/r",
            "ssh://git@example.com:22/org/repo.git",
            "ssh://git@example.com:2222/org/repo.git",
            "git://[::1]:9419/r",
            "git@github.com:org/repo.git",
            "github.com:org/repo.git",
            "file:///srv/a%20b",
            "/srv/../srv/repo/",
        ];
        let shown: Vec<_> = texts.into_iter().map(shown).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        https://github.com/org/repo.git
        https://github.com/org/repo
        http://localhost:8080/r
        ssh://git@example.com/org/repo.git
        ssh://git@example.com:2222/org/repo.git
        git://[::1]:9419/r
        git@github.com:org/repo.git
        github.com:org/repo.git
        /srv/a b
        /srv/repo
        ");
    }

    #[test]
    fn what_is_not_an_origin_is_said_without_its_password() {
        let texts = [
            "",
            "ftp://u:s3cret@host/r",
            "https://u:s3cret@host",
            "https://u:s3%zzcret@host/r",
            "https://host:port/r",
            "file://other/r",
            "~root/r",
            "git@host:",
            "a\nb",
        ];
        let shown: Vec<_> = texts.into_iter().map(shown).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        error: `` names no repository: it is empty
        error: `ftp://host/r` names no repository: its scheme is not one of https, http, ssh, git and file
        error: `https://host` names no repository: a host and a path are needed
        error: `https://host/r` names no repository: a `%` in it is not followed by two hexadecimal digits
        error: `https://host:port/r` names no repository: its port is not a number
        error: `file://other/r` names no repository: a `file` URL names a file of this machine: `file:///path`
        error: `~root/r` names no repository: only `~/` is known, not the home of another user
        error: `host:` names no repository: a host and a path are needed
        error: `a\nb` names no repository: it has a control character in it
        ");
    }

    #[test]
    fn credentials_are_used_but_never_shown() {
        for text in ["https://user:t%40ken@host/r", "https://t%40ken@host/r"] {
            let origin = Origin::parse(text).unwrap();
            let login = origin.login().unwrap();
            assert!(login.password == "t@ken" || login.user == "t@ken");
            assert_eq!(origin.to_string(), "https://host/r");
            assert_eq!(format!("{origin:?}"), "Origin(https://host/r)");
        }
    }

    #[test]
    fn a_relative_path_is_taken_from_here_and_a_tilde_from_home() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(Origin::parse("./a/../b").unwrap().path(), Some(here.join("b").as_path()));
        let home = std::env::home_dir().unwrap();
        assert_eq!(Origin::parse("~/x").unwrap().path(), Some(home.join("x").as_path()));
    }

    #[test]
    fn a_mirror_is_named_after_the_normal_form() {
        let mirror = |text: &str| Origin::parse(text).unwrap().mirror(Path::new("/m"));
        assert_eq!(mirror("https://u:p@HOST/r"), mirror("https://host:443/r/"));
        assert_ne!(mirror("https://host/r"), mirror("https://host/s"));
        let name = mirror("https://host/r").file_name().unwrap().len();
        assert_eq!(name, "0123456789abcdef.git".len());
    }

    #[test]
    fn a_submodule_starts_from_the_true_origin() {
        let cases = [
            ("https://host/org/app.git", "../lib.git", "https://host/org/lib.git"),
            ("https://host/org/app.git", "./lib", "https://host/org/app.git/lib"),
            ("https://host/app", "../../../lib", "https://host/lib"),
            ("git@host:org/app.git", "../lib.git", "git@host:org/lib.git"),
            ("git@host:app.git", "../lib.git", "git@host:lib.git"),
            ("/srv/app", "../lib", "/srv/lib"),
            ("/srv/app", "https://host/lib", "https://host/lib"),
        ];
        for (parent, url, child) in cases {
            let found = Origin::parse(parent).unwrap().submodule(url).unwrap();
            assert_eq!(found.to_string(), child, "{parent} + {url}");
        }
    }

    #[test]
    fn a_submodule_has_the_login_of_the_same_server_only() {
        let parent = Origin::parse("https://u:p@host/org/app").unwrap();
        let logins = ["../lib", "https://host/lib", "https://evil/lib", "http://host/lib"]
            .map(|url| parent.submodule(url).unwrap().login().is_some());
        assert_eq!(logins, [true, true, false, false]);
    }
}
