//! People say yes or no: at a terminal, or through a link that is good for once.

use super::{
    case::{Answer, Asking, Case},
    memory::Place,
    say::seconds,
};
use crate::{
    cli::{durable, error::CliError, home::Home},
    model::{run::RunId, text::hex},
};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::{fs, io, path::PathBuf};

/// An answer on its way to the watch.
#[derive(Debug, Serialize, Deserialize)]
struct Given {
    outage: RunId,
    digest: String,
    #[serde(flatten)]
    answer: Answer,
}

/// Makes a nonce that nobody can guess.
///
/// # Errors
///
/// The system gives no random numbers.
pub(super) fn nonce() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(hex(&bytes))
}

/// Returns what makes a link good: a signature over the outage, what would be done, and a nonce.
///
/// Who has it can say yes to this one failover, once, and to nothing else.
pub(super) fn token(key: &[u8], case: &Case, asking: &Asking) -> String {
    let digest = case.ready.as_ref().map_or("", |ready| &ready.digest);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(format!("{}|{digest}|{}", case.id, asking.nonce).as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// Returns true when a token is the right one, in a time that says nothing of it.
pub(super) fn is_right(token: &str, expected: &str) -> bool {
    let differ =
        token.bytes().zip(expected.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
    token.len() == expected.len() && differ == 0
}

fn path(place: &Place, outage: &RunId) -> PathBuf {
    place.answers().join(format!("{outage}.json"))
}

/// Gives an answer; the first counts. Returns false when there is one already.
///
/// # Errors
///
/// It cannot be written.
pub(in crate::cli) fn give(
    place: &Place,
    outage: &RunId,
    digest: &str,
    answer: Answer,
) -> io::Result<bool> {
    let given = Given { outage: outage.clone(), digest: digest.to_owned(), answer };
    durable::create(&path(place, outage), &serde_json::to_vec(&given)?)
}

/// Takes the answer about an outage that was given, if it is about what would be done.
pub(super) fn take(place: &Place, case: &Case) -> Option<Answer> {
    let ready = case.ready.as_ref()?;
    let text = fs::read(path(place, &case.id)).ok()?;
    let given: Given = serde_json::from_slice(&text).ok()?;
    (given.outage == case.id && given.digest == ready.digest).then_some(given.answer)
}

/// A question that can be answered.
pub(in crate::cli) struct Open {
    /// Where the answer is put.
    pub(in crate::cli) place: Place,
    pub(in crate::cli) outage: RunId,
    pub(in crate::cli) service: String,
    pub(in crate::cli) region: String,
    pub(in crate::cli) digest: String,
    pub(in crate::cli) commit: String,
    pub(in crate::cli) began: String,
    pub(in crate::cli) asked: String,
    pub(in crate::cli) open_until: String,
}

/// Returns all that the watches of this home ask. At the machine itself an answer counts also after the
/// time of the link, for as long as the outage goes on.
///
/// # Errors
///
/// What a watch remembers cannot be read.
pub(in crate::cli) fn open_questions(home: &Home) -> Result<Vec<Open>, CliError> {
    let mut open = Vec::new();
    for place in Place::all(home) {
        let Some(memory) = place.load()? else { continue };
        let Some(case) = memory.case else { continue };
        let (Some(asked), Some(ready)) = (&case.asked, &case.ready) else { continue };
        if case.answer.is_some() || path(&place, &case.id).exists() {
            continue;
        }
        let until = asked.at.wall + jiff::SignedDuration::from_millis(asked.within_ms);
        open.push(Open {
            outage: case.id.clone(),
            service: memory.service,
            region: memory.region,
            digest: ready.digest.clone(),
            commit: ready.commit.clone(),
            began: seconds(case.began.wall),
            asked: seconds(asked.at.wall),
            open_until: seconds(until),
            place,
        });
    }
    Ok(open)
}
