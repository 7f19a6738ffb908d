//! What applies said that they made, with the ids of it: the only trace of what a killed Terraform
//! could not write into its state.

use serde::Deserialize;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// The longest line that is read, in bytes; one that tells of a resource is far shorter.
const LONGEST: u64 = 1 << 20;

/// An object that was made, or may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The address of its resource instance.
    pub address: String,
    /// By which attribute it is known, and the value of that; `None` when its making was begun and no
    /// end of that was told.
    pub id: Option<(String, String)>,
}

/// What is known after some logs.
#[derive(Clone, Debug, Default)]
pub struct MadeSoFar {
    /// What was made and not removed, in the order of its making.
    pub made: Vec<Made>,
    /// The ids of what was removed.
    pub removed: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    hook: Option<Hook>,
    changes: Option<Changes>,
    diagnostic: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Hook {
    resource: Resource,
    #[serde(default)]
    action: String,
    id_key: Option<String>,
    id_value: Option<String>,
}

#[derive(Deserialize)]
struct Resource {
    addr: String,
}

#[derive(Deserialize)]
struct Changes {
    #[serde(default)]
    operation: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    severity: String,
    #[serde(default)]
    summary: String,
}

impl Diagnostic {
    /// Whether a provider died over what it was asked for: what came of that is in no state.
    fn is_of_a_dead_provider(&self) -> bool {
        self.summary.starts_with("Plugin did not respond")
    }
}

/// How far one log has got with what it makes.
#[derive(Default)]
struct Log {
    /// What was begun.
    begun: Vec<String>,
    /// What the provider said that it could not make, at least not whole.
    errored: Vec<String>,
    /// True once the apply has told how it ended, which it does after it has saved its state.
    orderly: bool,
    /// True once a provider died; Terraform does not say over which resource.
    provider_died: bool,
}

impl MadeSoFar {
    /// Takes in the log of the next apply of the same stack.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(&mut self, stdout: &Path) -> io::Result<()> {
        let mut lines = BufReader::new(File::open(stdout)?);
        let (mut log, mut line) = (Log::default(), Vec::new());
        loop {
            line.clear();
            if lines.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            // What is no such line says nothing of a resource.
            if let Ok(line) = serde_json::from_slice(&line) {
                self.take(line, &mut log);
            }
        }
        // Whoever could not tell how it ended could not save what was left of a failed making either.
        if !log.orderly || log.provider_died {
            log.begun.append(&mut log.errored);
        }
        self.made.extend(log.begun.into_iter().map(|address| Made { address, id: None }));
        Ok(())
    }

    fn take(&mut self, line: Line, log: &mut Log) {
        match line.kind.as_str() {
            "change_summary" => {
                log.orderly |= line.changes.is_some_and(|changes| changes.operation != "plan");
            }
            "diagnostic" => {
                let error = line.diagnostic.filter(|found| found.severity == "error");
                log.orderly |= error.is_some();
                log.provider_died |= error.is_some_and(|error| error.is_of_a_dead_provider());
            }
            _ => {}
        }
        let Some(Hook { resource: Resource { addr }, action, id_key, id_value }) = line.hook else {
            return;
        };
        let id = id_key.zip(id_value);
        let mut ends = || {
            let at = log.begun.iter().position(|begun| *begun == addr);
            at.map(|at| log.begun.remove(at));
        };
        match (line.kind.as_str(), action.as_str()) {
            ("apply_start", "create") => log.begun.push(addr),
            ("apply_complete", "create") => {
                ends();
                self.made.push(Made { address: addr, id });
            }
            ("apply_errored", "create") => {
                ends();
                log.errored.push(addr);
            }
            // Which object is removed is told when that begins, and not when it ends.
            ("apply_start", "delete") => self.removed.extend(id),
            ("apply_complete", "delete") => {
                let removed = &self.removed;
                let is_it = |made: &Made| {
                    made.address == addr && made.id.as_ref().is_none_or(|id| removed.contains(id))
                };
                if let Some(at) = self.made.iter().position(is_it) {
                    self.made.remove(at);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn hook(kind: &str, action: &str, address: &str, id: &str) -> String {
        let mut hook = serde_json::json!({"resource": {"addr": address}, "action": action});
        if !id.is_empty() {
            (hook["id_key"], hook["id_value"]) = ("id".into(), id.into());
        }
        serde_json::json!({"type": kind, "hook": hook}).to_string()
    }

    fn after(logs: &[&[String]]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let mut all = MadeSoFar::default();
        for (n, log) in logs.iter().enumerate() {
            let path = dir.path().join(n.to_string());
            fs::write(&path, log.join("\n")).unwrap();
            all.read(&path).unwrap();
        }
        let id = |made: &Made| made.id.as_ref().map_or("?".to_owned(), |(_, id)| id.clone());
        all.made.iter().map(|made| format!("{} {}", made.address, id(made))).collect()
    }

    #[test]
    fn what_was_made_is_known_by_its_id_and_what_was_begun_is_not() {
        let log = [
            hook("apply_start", "create", "a.b", ""),
            hook("apply_start", "create", "a.c", ""),
            "no JSON".to_owned(),
            hook("apply_complete", "create", "a.b", "b-1"),
        ];
        assert_eq!(after(&[&log]), ["a.b b-1", "a.c ?"]);
    }

    #[test]
    fn what_could_not_be_made_is_in_the_state_when_the_apply_could_save_one() {
        let error = r#"{"type":"diagnostic","diagnostic":{"severity":"error"}}"#.to_owned();
        let log =
            [hook("apply_start", "create", "a.b", ""), hook("apply_errored", "create", "a.b", "")];
        assert_eq!(after(&[&log]), ["a.b ?"], "it was killed");
        let [begun, errored] = &log;
        assert_eq!(after(&[&[begun.clone(), errored.clone(), error]]), Vec::<String>::new());
        let died = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Plugin did not respond"}}"#;
        let log = [begun.clone(), errored.clone(), died.to_owned()];
        assert_eq!(after(&[&log]), ["a.b ?"], "the provider may have made it before it died");
    }

    #[test]
    fn what_was_removed_since_is_not_there() {
        let first = [
            hook("apply_start", "create", "a.b", ""),
            hook("apply_complete", "create", "a.b", "b-1"),
        ];
        let replace = [
            hook("apply_start", "delete", "a.b", "b-1"),
            hook("apply_complete", "delete", "a.b", ""),
            hook("apply_start", "create", "a.b", ""),
        ];
        assert_eq!(after(&[&first, &replace]), ["a.b ?"]);
        let anew = [
            hook("apply_start", "create", "a.b", ""),
            hook("apply_complete", "create", "a.b", "b-2"),
            hook("apply_start", "delete", "a.b", "b-1"),
        ];
        assert_eq!(after(&[&first, &anew]), ["a.b b-1", "a.b b-2"]);
    }
}
