//! Functions that hash text.

use super::{Answer, Args};
use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// Returns a hash in hexadecimal.
pub(super) fn hex<D: Digest>(bytes: &[u8]) -> String {
    crate::model::text::hex(&D::digest(bytes))
}

pub(super) fn base64<D: Digest>(bytes: &[u8]) -> String {
    STANDARD.encode(D::digest(bytes))
}

pub(super) fn md5(args: &Args<'_>) -> Answer {
    Ok(hex::<Md5>(args.text(0)?.as_bytes()).into())
}

pub(super) fn sha1(args: &Args<'_>) -> Answer {
    Ok(hex::<Sha1>(args.text(0)?.as_bytes()).into())
}

pub(super) fn sha256(args: &Args<'_>) -> Answer {
    Ok(hex::<Sha256>(args.text(0)?.as_bytes()).into())
}

pub(super) fn sha512(args: &Args<'_>) -> Answer {
    Ok(hex::<Sha512>(args.text(0)?.as_bytes()).into())
}

pub(super) fn base64sha256(args: &Args<'_>) -> Answer {
    Ok(base64::<Sha256>(args.text(0)?.as_bytes()).into())
}

pub(super) fn base64sha512(args: &Args<'_>) -> Answer {
    Ok(base64::<Sha512>(args.text(0)?.as_bytes()).into())
}
