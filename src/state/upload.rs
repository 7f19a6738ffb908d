//! Receiving a document: from the socket to a file, a piece at a time.

use super::error::{Refusal, StateError};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use md5::{Digest, Md5};
use tempfile::NamedTempFile;
use tokio::{fs::File, io::AsyncWriteExt};

/// Writes a body to a file and returns its MD5 in Base64, as `Content-MD5` has it.
///
/// A body that is too long is read to its end all the same: a client that is
/// cut off while it sends does not see why.
pub(super) async fn receive<B>(
    body: B,
    into: &NamedTempFile,
    limit: u64,
) -> Result<String, StateError>
where
    B: Body<Data = Bytes> + Unpin,
{
    // The folder, since the file's own name says nothing to anybody.
    let place = into.path().parent().unwrap_or(into.path());
    let broken = |source| StateError::Write { path: place.to_owned(), source };
    let mut file = File::from_std(into.as_file().try_clone().map_err(broken)?);
    let mut digest = Md5::new();
    let mut length = 0;
    let mut pieces = Pieces(body);
    while let Some(piece) = pieces.next().await? {
        length += piece.len() as u64;
        if length <= limit {
            digest.update(&piece);
            file.write_all(&piece).await.map_err(broken)?;
        }
    }
    // What the last write could not write is told here and nowhere else.
    file.flush().await.map_err(broken)?;
    if length > limit {
        return Err(Refusal::TooLong { limit }.into());
    }
    Ok(STANDARD.encode(digest.finalize()))
}

/// Reads a small body into memory.
pub(super) async fn receive_small<B>(body: B, limit: u64) -> Result<Bytes, StateError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut all = BytesMut::new();
    let mut pieces = Pieces(body);
    while let Some(piece) = pieces.next().await? {
        if (all.len() + piece.len()) as u64 > limit {
            return Err(Refusal::TooLong { limit }.into());
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

/// The pieces of data of a body.
struct Pieces<B>(B);

impl<B: Body<Data = Bytes> + Unpin> Pieces<B> {
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        while let Some(frame) = self.0.frame().await {
            // Trailers are no data.
            if let Ok(piece) = frame.map_err(|_| Refusal::BrokeOff)?.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    #[tokio::test]
    async fn a_body_is_written_and_digested() {
        let file = NamedTempFile::new().unwrap();
        let digest = receive(Full::from("hello"), &file, 5).await.unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"hello");
        assert_eq!(digest, "XUFAKrxLKna5cZ2REBfFkg==");
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_is_refused() {
        let file = NamedTempFile::new().unwrap();
        let refused = receive(Full::from("hello!"), &file, 5).await;
        assert!(matches!(refused, Err(StateError::Refused(Refusal::TooLong { limit: 5 }))));
        let refused = receive_small(Full::from("hello!"), 5).await;
        assert!(matches!(refused, Err(StateError::Refused(Refusal::TooLong { limit: 5 }))));
    }
}
