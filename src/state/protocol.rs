//! Terraform's `http` backend, from the server's side: which request does what,
//! and which status says how it ended.

use super::{
    auth::Credentials,
    error::{Refusal, StateError},
    lock::LockInfo,
    server::Trouble,
    store::StateStore,
    upload::{receive, receive_small},
};
use crate::model::{chain, run::RunId, step::StepId};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE},
};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the states are: `/state/<stack>`.
pub(super) const PREFIX: &str = "/state/";

const ALLOWED: &str = "GET, POST, DELETE, LOCK, UNLOCK";
/// The longest state, in bytes. States of 10,000 resources are some ten megabytes.
const STATE_LIMIT: u64 = 1 << 30;
/// The longest description of a lock, in bytes.
const LOCK_LIMIT: u64 = 1 << 16;

type Answer = Response<Full<Bytes>>;

/// What all requests share.
pub(super) struct Served {
    pub(super) store: Arc<StateStore>,
    pub(super) run: RunId,
    pub(super) credentials: Credentials,
    pub(super) troubles: Mutex<Vec<Trouble>>,
}

/// Answers one request.
pub(super) async fn answer(served: Arc<Served>, request: Request<Incoming>) -> Answer {
    let header = request.headers().get(AUTHORIZATION);
    if !header.is_some_and(|header| served.credentials.admit(header.as_bytes())) {
        return unauthorized();
    }
    let Some(name) = request.uri().path().strip_prefix(PREFIX) else {
        return text(StatusCode::NOT_FOUND, "the states are at /state/STACK");
    };
    let stack = StepId::new(name);
    if let Err(error) = served.store.folder(&stack) {
        return text(StatusCode::BAD_REQUEST, error.to_string());
    }

    let done = match request.method().as_str() {
        "GET" => get(&served, &stack).await,
        "POST" => put(&served, &stack, request).await,
        "DELETE" => delete(&served, &stack, &request).await,
        "LOCK" => lock(&served, &stack, request).await,
        "UNLOCK" => unlock(&served, &stack, request).await,
        _ => return not_allowed(),
    };
    done.unwrap_or_else(|denied| {
        // Terraform shows its user the status and not the words.
        served.note(&stack, &denied);
        explain(&denied)
    })
}

async fn get(served: &Arc<Served>, stack: &StepId) -> Result<Answer, StateError> {
    let stack = stack.clone();
    let state = served.on_disk(move |store, _| store.latest(&stack)).await?;
    Ok(match state {
        Some(bytes) => json(StatusCode::OK, bytes),
        None => text(StatusCode::NOT_FOUND, "there is no state yet"),
    })
}

async fn put(
    served: &Arc<Served>,
    stack: &StepId,
    request: Request<Incoming>,
) -> Result<Answer, StateError> {
    let lock = lock_named(&request);
    let (head, body) = request.into_parts();
    let place = stack.clone();
    let file = served.on_disk(move |store, _| store.scratch(&place)).await?;
    let digest = receive(body, &file, STATE_LIMIT).await?;
    check_digest(&head.headers, &digest)?;
    let stack = stack.clone();
    served.on_disk(move |store, _| store.commit(&stack, file, lock.as_deref())).await?;
    Ok(text(StatusCode::OK, "kept"))
}

async fn delete(
    served: &Arc<Served>,
    stack: &StepId,
    request: &Request<Incoming>,
) -> Result<Answer, StateError> {
    let (stack, lock) = (stack.clone(), lock_named(request));
    served.on_disk(move |store, _| store.delete(&stack, lock.as_deref())).await?;
    Ok(text(StatusCode::OK, "deleted"))
}

async fn lock(
    served: &Arc<Served>,
    stack: &StepId,
    request: Request<Incoming>,
) -> Result<Answer, StateError> {
    let body = receive_small(request.into_body(), LOCK_LIMIT).await?;
    let info = lock_info(&body)?;
    let stack = stack.clone();
    served.on_disk(move |store, run| store.take_lock(&stack, run, info)).await?;
    Ok(text(StatusCode::OK, "locked"))
}

async fn unlock(
    served: &Arc<Served>,
    stack: &StepId,
    request: Request<Incoming>,
) -> Result<Answer, StateError> {
    let body = receive_small(request.into_body(), LOCK_LIMIT).await?;
    // `terraform force-unlock` sends nothing.
    let id = if body.is_empty() { None } else { Some(lock_info(&body)?.id) };
    let stack = stack.clone();
    served.on_disk(move |store, _| store.give_lock_back(&stack, id.as_deref())).await?;
    Ok(text(StatusCode::OK, "unlocked"))
}

impl Served {
    /// Does something with the store on a thread that may wait for the disk.
    ///
    /// It is done to its end even when the client goes away meanwhile.
    async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&StateStore, &RunId) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let served = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&served.store, &served.run))
            .await
            .map_err(|source| StateError::Worker { source })?
    }

    fn note(&self, stack: &StepId, denied: &StateError) {
        let trouble = Trouble {
            stack: stack.clone(),
            cause: chain(denied),
            hint: denied.hint(),
            is_asked_again: status(denied).is_server_error(),
        };
        tracing::warn!(%stack, cause = ?trouble.cause, "a request for a state was denied");
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        // Terraform tries again, and fails again.
        if troubles.last() != Some(&trouble) {
            troubles.push(trouble);
        }
    }
}

fn status(denied: &StateError) -> StatusCode {
    let StateError::Refused(refusal) = denied else {
        return match denied.is_full() {
            true => StatusCode::INSUFFICIENT_STORAGE,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        };
    };
    match refusal {
        Refusal::Locked { .. } => StatusCode::LOCKED,
        Refusal::Digest | Refusal::BrokeOff | Refusal::NotALock { .. } => StatusCode::BAD_REQUEST,
        Refusal::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::NotAState { .. }
        | Refusal::Lineage { .. }
        | Refusal::SerialFell { .. }
        | Refusal::SerialTaken { .. }
        | Refusal::LockLost { .. } => StatusCode::CONFLICT,
    }
}

/// Terraform names the lock it holds in the address: `?ID=<uuid>`. A UUID needs no escapes.
fn lock_named(request: &Request<Incoming>) -> Option<String> {
    let query = request.uri().query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("ID=")).map(str::to_owned)
}

fn lock_info(body: &[u8]) -> Result<LockInfo, Refusal> {
    serde_json::from_slice(body).map_err(|source| Refusal::NotALock { source })
}

fn check_digest(headers: &HeaderMap, digest: &str) -> Result<(), Refusal> {
    match headers.get("content-md5") {
        Some(sent) if sent.as_bytes() != digest.as_bytes() => Err(Refusal::Digest),
        _ => Ok(()),
    }
}

fn explain(denied: &StateError) -> Answer {
    if let StateError::Refused(Refusal::Locked { holder }) = denied
        // Strings only, so this cannot fail; a holder that is not shown is no harm.
        && let Ok(info) = serde_json::to_vec(&holder.info)
    {
        return json(status(denied), info);
    }
    text(status(denied), chain(denied).join(": "))
}

fn unauthorized() -> Answer {
    let mut answer = text(StatusCode::UNAUTHORIZED, "this is for drctl's own Terraform only");
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
    answer
}

fn not_allowed() -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("a state takes {ALLOWED}"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(ALLOWED));
    answer
}

fn text(status: StatusCode, words: impl Into<String>) -> Answer {
    answer_with(status, "text/plain; charset=utf-8", words.into() + "\n")
}

fn json(status: StatusCode, bytes: Vec<u8>) -> Answer {
    answer_with(status, "application/json", bytes)
}

fn answer_with(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_full_disk_is_told_from_other_troubles() {
        let failed = |kind: io::ErrorKind| {
            status(&StateError::Write { path: "/runs".into(), source: kind.into() })
        };
        assert_eq!(failed(io::ErrorKind::StorageFull), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(failed(io::ErrorKind::QuotaExceeded), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(failed(io::ErrorKind::Other), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
