//! The password that a server gives to its own run's Terraform, and to nobody else.

use super::error::StateError;
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::fmt;

const USERNAME: &str = "drctl";

/// A user name and a random password, made anew for every server that stands in for no other.
pub(super) struct Credentials {
    password: String,
    /// SHA-256 of the one `Authorization` header that is let in.
    expected: [u8; 32],
}

impl Credentials {
    /// Makes a password of 256 random bits.
    pub(super) fn random() -> Result<Self, StateError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|source| StateError::Random { source })?;
        Ok(Self::of(crate::model::text::hex(&bytes)))
    }

    /// Takes the password of an earlier server.
    pub(super) fn of(password: String) -> Self {
        let header = format!("Basic {}", STANDARD.encode(format!("{USERNAME}:{password}")));
        Self { password, expected: Sha256::digest(header).into() }
    }

    /// Returns true for the right `Authorization` header.
    ///
    /// Digests are compared, not headers: how long that takes says something of
    /// the digests only, and from them nobody gets closer to the header.
    pub(super) fn admit(&self, header: &[u8]) -> bool {
        <[u8; 32]>::from(Sha256::digest(header)) == self.expected
    }

    /// Returns the user name.
    pub(super) fn username(&self) -> &'static str {
        USERNAME
    }

    /// Returns the password.
    pub(super) fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_header_is_let_in() {
        let ours = Credentials::random().unwrap();
        let theirs = Credentials::random().unwrap();
        let header = |c: &Credentials| {
            format!("Basic {}", STANDARD.encode(format!("{}:{}", c.username(), c.password())))
        };
        assert!(ours.admit(header(&ours).as_bytes()));
        assert!(!ours.admit(header(&theirs).as_bytes()));
        assert!(!ours.admit(b""));
    }

    #[test]
    fn the_password_is_not_shown() {
        let ours = Credentials::random().unwrap();
        assert_eq!(ours.password().len(), 64);
        assert!(!format!("{ours:?}").contains(ours.password()));
    }
}
