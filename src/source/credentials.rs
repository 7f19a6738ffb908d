//! How drctl proves to a git server who it is, without ever asking a person.

use super::origin::{Login, Origin, Site};
use git2::{Cred, CredentialType};
use std::{os::unix::net::UnixStream, path::PathBuf};

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Method {
    /// The user name and password in the URL.
    #[error("the URL")]
    Url,
    /// A key that the ssh agent holds.
    #[error("the ssh agent")]
    Agent,
    /// A key without a passphrase in `~/.ssh`.
    #[error("`~/.ssh/{0}`")]
    KeyFile(&'static str),
    /// What the git credential helper answers.
    #[error("the git credential helper")]
    Helper,
    /// A token from the environment.
    #[error("`{0}`")]
    Token(&'static str),
}

/// The order in which they are tried.
const METHODS: [Method; 9] = [
    Method::Url,
    Method::Agent,
    Method::KeyFile("id_ed25519"),
    Method::KeyFile("id_ecdsa"),
    Method::KeyFile("id_rsa"),
    Method::Helper,
    Method::Token("DRCTL_GIT_TOKEN"),
    Method::Token("GITHUB_TOKEN"),
    Method::Token("GITLAB_TOKEN"),
];

/// Answers a server's questions for credentials, each method once.
///
/// libgit2 asks again for as long as it gets an answer, so this is also what
/// ends the conversation.
pub(super) struct Credentials {
    login: Option<(Site, Login)>,
    token_site: Option<Site>,
    env: fn(&str) -> Option<String>,
    config: git2::Config,
    tried: Vec<Method>,
    exhausted: bool,
}

impl Credentials {
    /// Prepares for a conversation with `origin`.
    ///
    /// `token_site` is the server of the repository that the user named: a
    /// submodule's URL is written by others and must not draw `DRCTL_GIT_TOKEN`
    /// to a server of their choice.
    pub(super) fn new(origin: &Origin, token_site: Option<&Site>, config: git2::Config) -> Self {
        Self {
            login: origin.site().cloned().zip(origin.login().cloned()),
            token_site: token_site.cloned(),
            env: |name| std::env::var(name).ok().filter(|value| !value.is_empty()),
            config,
            tried: Vec::new(),
            exhausted: false,
        }
    }

    /// Returns what was tried, when the server took none of it.
    pub(super) fn refused(&self) -> Option<Vec<Method>> {
        self.exhausted.then(|| self.tried.clone())
    }

    /// Answers one question. `url` is what is really being talked to, after redirects.
    ///
    /// # Errors
    ///
    /// Ends the conversation: everything that fits was tried.
    pub(super) fn answer(
        &mut self,
        url: &str,
        user: Option<&str>,
        allowed: CredentialType,
    ) -> Result<Cred, git2::Error> {
        let user = user.unwrap_or("git");
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(user);
        }
        let site = Origin::parse(url).ok().and_then(|origin| origin.site().cloned());
        for method in METHODS {
            if self.tried.contains(&method) {
                continue;
            }
            let made = site.as_ref().and_then(|site| self.make(method, site, url, user, allowed));
            if let Some(credential) = made {
                self.tried.push(method);
                return Ok(credential);
            }
        }
        self.exhausted = true;
        let (code, class) = (git2::ErrorCode::Auth, git2::ErrorClass::Callback);
        Err(git2::Error::new(code, class, "no credentials were accepted"))
    }

    fn make(
        &self,
        method: Method,
        site: &Site,
        url: &str,
        user: &str,
        allowed: CredentialType,
    ) -> Option<Cred> {
        if allowed.contains(CredentialType::SSH_KEY) {
            match method {
                Method::Agent if agent_is_there(self.env) => {
                    return Cred::ssh_key_from_agent(user).ok();
                }
                Method::KeyFile(name) => {
                    let key = PathBuf::from((self.env)("HOME")?).join(".ssh").join(name);
                    return key.exists().then(|| Cred::ssh_key(user, None, &key, None).ok())?;
                }
                _ => {}
            }
        }
        if !allowed.contains(CredentialType::USER_PASS_PLAINTEXT) {
            return None;
        }
        match method {
            Method::Helper if site.is_http() => {
                Cred::credential_helper(&self.config, url, None).ok()
            }
            _ => {
                let login = self.login(method, site)?;
                Cred::userpass_plaintext(&login.user, &login.password).ok()
            }
        }
    }

    /// Returns the login that a method has for a server, if it may be shown to that one.
    fn login(&self, method: Method, site: &Site) -> Option<Login> {
        let token_for = |host| site.scheme == "https" && site.host == host;
        let (variable, user) = match method {
            Method::Url => {
                let (home, login) = self.login.as_ref()?;
                return (home == site).then(|| login.clone());
            }
            Method::Token("DRCTL_GIT_TOKEN")
                if site.is_http() && self.token_site.as_ref() == Some(site) =>
            {
                ("DRCTL_GIT_TOKEN", "x-access-token")
            }
            Method::Token("GITHUB_TOKEN") if token_for("github.com") => {
                ("GITHUB_TOKEN", "x-access-token")
            }
            Method::Token("GITLAB_TOKEN") if token_for("gitlab.com") => ("GITLAB_TOKEN", "oauth2"),
            _ => return None,
        };
        (self.env)(variable).map(|password| Login { user: user.to_owned(), password })
    }
}

/// Returns true when an agent answers: libgit2 gives up altogether on one that does not.
fn agent_is_there(env: fn(&str) -> Option<String>) -> bool {
    env("SSH_AUTH_SOCK").is_some_and(|socket| UnixStream::connect(socket).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried_by(origin: &str, asked_by: &str, allowed: CredentialType) -> Vec<String> {
        let named = Origin::parse("https://git.example.com/org/app").unwrap();
        let origin = Origin::parse(origin).unwrap();
        let config = git2::Config::new().unwrap();
        let mut credentials = Credentials::new(&origin, named.site(), config);
        credentials.env = |name| name.ends_with("_TOKEN").then(|| format!("{name}-value"));
        while credentials.answer(asked_by, None, allowed).is_ok() {}
        credentials.refused().unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_method_is_tried_once_and_a_token_on_its_own_host_only() {
        let allowed = CredentialType::USER_PASS_PLAINTEXT;
        let cases = [
            (
                "https://u:p@git.example.com/r",
                "https://git.example.com/r",
                "the URL, `DRCTL_GIT_TOKEN`",
            ),
            ("https://u:p@git.example.com/r", "https://elsewhere.example/r", ""),
            ("https://u:p@git.example.com/r", "http://git.example.com/r", ""),
            ("https://github.com/r", "https://github.com/r", "`GITHUB_TOKEN`"),
            ("https://github.com/r", "http://github.com/r", ""),
            ("https://gitlab.com/r", "https://gitlab.com/r", "`GITLAB_TOKEN`"),
            ("https://evil.example/r", "https://evil.example/r", ""),
        ];
        for (origin, asked_by, tried) in cases {
            assert_eq!(tried_by(origin, asked_by, allowed).join(", "), tried, "{asked_by}");
        }
    }

    #[test]
    fn an_ssh_server_is_shown_no_token() {
        let url = "ssh://git@github.com/org/app";
        assert!(tried_by(url, url, CredentialType::SSH_KEY).is_empty());
    }
}
