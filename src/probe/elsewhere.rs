//! A probe that a drctl elsewhere asks, reached through a command such as `ssh bastion`.

use super::{Answer, Seen, Target, Why, command, one_line};
use crate::program::Program;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

/// What runs there, after the words that lead there.
const REMOTE: [&str; 4] = ["drctl", "probe", "--ask", "-"];
/// The name of the form in which a probe is sent.
const ASK: &str = "drctl/ask/v1";
/// The name of the form in which its answer comes back.
const ANSWER: &str = "drctl/answer/v1";

/// A probe, and the command that leads to where it is asked.
///
/// `drctl probe --ask -` is added to the command. The probe goes to its standard input, and not to
/// its arguments, since headers are secrets that any user of a machine could read there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ElsewhereTarget {
    /// The command, such as `ssh bastion`.
    pub through: Program,
    /// What is asked there.
    pub target: Box<Target>,
}

/// A probe on its way to where it is asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ask {
    schema: String,
    limit_ms: u64,
    target: Target,
}

/// An answer on its way back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    schema: String,
    why: Why,
    detail: String,
    took_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate_ends: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

impl Ask {
    /// Writes down what is to be asked within `limit`.
    pub fn new(target: Target, limit: Duration) -> Self {
        Self { schema: ASK.to_owned(), limit_ms: ms(limit), target }
    }

    /// Returns what is to be asked, and within which time.
    ///
    /// # Errors
    ///
    /// The name of another form, which is not understood here.
    pub fn target(self) -> Result<(Target, Duration), String> {
        match self.schema == ASK {
            true => Ok((self.target, Duration::from_millis(self.limit_ms))),
            false => Err(format!("`{}` is not `{ASK}`", one_line(&self.schema))),
        }
    }
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        let Answer { why, detail, took, certificate_ends, warning } = answer;
        let (schema, took_ms) = (ANSWER.to_owned(), ms(took));
        Self { schema, why, detail, took_ms, certificate_ends, warning }
    }
}

impl ElsewhereTarget {
    /// Has the target asked, and waits for `limit` at most.
    ///
    /// The other side gets three quarters of the time, so that a service that does not answer can be
    /// told from a way that does not.
    pub(super) async fn ask(&self, limit: Duration) -> Seen {
        let program = self.through.argv.first().map_or("", String::as_str);
        let failed = |detail: String| Seen::new(Why::Via, detail);
        let ask = serde_json::to_vec(&AskOf {
            schema: ASK,
            limit_ms: ms(limit * 3 / 4),
            target: &self.target,
        });
        let Ok(ask) = ask else { return failed("the probe cannot be written down".to_owned()) };
        let mut through = self.through.clone();
        if !through.argv.is_empty() {
            through.argv.extend(REMOTE.map(str::to_owned));
        }
        let Ok(ended) = timeout(limit, through.run(&ask)).await else {
            return failed(format!("`{program}` brought no answer within {limit:?}"));
        };
        match ended {
            Err(error) => failed(error.to_string()),
            Ok(ended) if command::seen(&ended).why != Why::Ok => {
                failed(format!("`{program}`: {}", ended.summary()))
            }
            Ok(ended) => read(&ended.stdout).unwrap_or_else(|line| {
                failed(format!("`{program}` brought `{line}`, which is no answer of drctl's"))
            }),
        }
    }
}

/// [`Ask`] of something that is kept.
#[derive(Serialize)]
struct AskOf<'a> {
    schema: &'a str,
    limit_ms: u64,
    target: &'a Target,
}

/// Reads the last line, since shells and jump hosts may greet before; the error is that line.
fn read(stdout: &[u8]) -> Result<Seen, String> {
    let text = String::from_utf8_lossy(stdout);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let told = serde_json::from_str::<Told>(line).ok().filter(|told| told.schema == ANSWER);
    let told = told.ok_or_else(|| one_line(line).chars().take(60).collect::<String>())?;
    Ok(Seen {
        certificate_ends: told.certificate_ends,
        warning: told.warning.as_deref().map(one_line),
        ..Seen::new(told.why, told.detail)
    })
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
