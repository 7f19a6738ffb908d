//! What an earlier process of the run left behind: what was made and is in no state, and what was
//! broken off while it was made.

use super::{
    decisions::Decisions, files::write_private, recovery::StateHome, stack::Stack,
    step_error::StepError,
};
use crate::{
    model::{
        event::EventKind,
        gate::{GateAnswer, Refusal, RefusalReason},
        orphan::{Orphan, OrphanFate},
        resource::ResourceAction,
    },
    terraform::{Action, Diagnostic, Held, Made, MadeSoFar, Mode, Plan, ResourceChange, held},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The file in a stack's folder that asks Terraform to take orphans into the state. It sorts behind
/// those of a repository, and is none that overrides.
const IMPORT_FILE: &str = "zz_drctl_import.tf.json";

/// What no state knows of, and what is done about it.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    all: Vec<Orphan>,
    /// The ids of those that are imported, by their addresses.
    imports: BTreeMap<String, String>,
}

impl Stack {
    /// Looks for what an earlier process of the run left behind, and keeps what somebody said to keep
    /// of what was broken off.
    pub(super) async fn left_behind(&self) -> Result<Orphans, StepError> {
        if !self.tools.again {
            return Ok(Orphans::default());
        }
        let (step, decisions) = (self.tell.step(), &self.tools.decisions);
        let made = self.made()?;
        let wanted: Vec<_> = Decisions::of(decisions.imports.keys(), step).collect();
        if made.made.is_empty() && wanted.is_empty() && decisions.untaint.is_empty() {
            return Ok(Orphans::default());
        }
        let state = match &self.work.state {
            StateHome::Own => self.tools.store.latest(step)?.unwrap_or_default(),
            StateHome::Declared { .. } => self.pull_state().await?,
        };
        // A backend without a state gives nothing.
        let held = if state.is_empty() { Vec::new() } else { held(&state)? };
        for tainted in held.iter().filter(|held| held.tainted) {
            if Decisions::names(&decisions.untaint, step, &tainted.address) {
                let address = tainted.address.clone();
                self.quietly(Action::Untaint { address: address.clone() }).await?;
                self.tell.note(format!("`{address}` is kept as it is, as somebody said"));
            }
        }
        let mut orphans = Orphans::of(&made, &held);
        for (address, given) in wanted {
            if let Some(id) = decisions.imports.get(given) {
                orphans.import(address, id);
            }
        }
        Ok(orphans)
    }

    /// Reads what the applies of this run said that they made.
    fn made(&self) -> Result<MadeSoFar, StepError> {
        let mut made = MadeSoFar::default();
        for log in applies(&self.tools.logs, self.tell.step().as_str()) {
            made.read(&log).map_err(|source| StepError::Read { path: log, source })?;
        }
        Ok(made)
    }

    /// Plans with the imports that are possible: without those that Terraform or a provider refuses.
    pub(super) async fn plan_with(
        &self,
        orphans: &mut Orphans,
        inputs: Vec<PathBuf>,
        saved: PathBuf,
    ) -> Result<(), StepError> {
        let mut released = false;
        loop {
            orphans.write(&self.work.dir)?;
            let planned = self.plan(inputs.clone(), saved.clone()).await;
            match &planned {
                Err(StepError::Terraform(error))
                    if error.diagnostic().is_some_and(|why| orphans.cannot_import(why)) => {}
                Err(StepError::Terraform(error))
                    if !released && self.release_dead_lock(error).await? =>
                {
                    released = true;
                }
                _ => return planned,
            }
        }
    }

    /// Adds to the gate's answer that nothing is made twice unless somebody said so, and tells of what
    /// no state knows of.
    pub(super) fn judge_orphans(&self, mut orphans: Orphans, plan: &Plan, answer: &mut GateAnswer) {
        let (step, decisions) = (self.tell.step(), &self.tools.decisions);
        if decisions.unsynced.contains(step) {
            orphans.add_lost(plan);
        }
        let creates: BTreeSet<_> = created(plan).map(|change| change.address.as_str()).collect();
        let twice = |orphan: &Orphan| creates.contains(orphan.address.as_str());
        if !decisions.accept_orphans {
            let named = |o: &&Orphan| Decisions::names(&decisions.made_again, step, &o.address);
            let unasked = orphans.all.iter().filter(|o| twice(o) && !named(o));
            answer.refusals.extend(unasked.map(refusal));
        }
        let accepted = answer.accepted();
        for orphan in &mut orphans.all {
            orphan.fate = match accepted {
                true if orphans.imports.contains_key(&orphan.address) => OrphanFate::Imported,
                true if twice(orphan) => OrphanFate::MadeAgain,
                _ => OrphanFate::Left,
            };
        }
        if !orphans.all.is_empty() {
            let (step, orphans) = (step.clone(), orphans.all);
            self.tell.say(EventKind::OrphansFound { step, orphans });
        }
    }
}

impl Orphans {
    /// Finds what was made and the state does not hold.
    fn of(made: &MadeSoFar, held: &[Held]) -> Self {
        let removed = |held: &Held| {
            let is_it = |(key, id): &(String, String)| key == "id" && held.id.as_ref() == Some(id);
            made.removed.iter().any(is_it)
        };
        // Each object that is held is one of those that were made, at most.
        let mut free: Vec<&Held> = held.iter().filter(|held| !removed(held)).collect();
        let mut orphans = Self::default();
        let (known, begun): (Vec<&Made>, Vec<&Made>) =
            made.made.iter().partition(|made| made.id.is_some());
        for made in known.into_iter().chain(begun) {
            if nothing_outside(&made.address) {
                continue;
            }
            let id = made.id.as_ref();
            let by_id = id.filter(|(key, _)| key == "id").map(|(_, id)| id);
            let at = free.iter().position(|held| {
                held.address == made.address && (by_id.is_none() || held.id.as_ref() == by_id)
            });
            if let Some(at) = at {
                free.remove(at);
                continue;
            }
            let taken = held.iter().any(|held| held.address == made.address);
            let cause = match (by_id, taken) {
                (Some(_), true) => Some("the state holds another one at its address".to_owned()),
                (Some(id), false) => {
                    orphans.imports.insert(made.address.clone(), id.clone());
                    None
                }
                (None, _) if id.is_some() => {
                    Some("what it is known by is not what it is imported by".to_owned())
                }
                (None, _) => None,
            };
            orphans.all.push(Orphan {
                address: made.address.clone(),
                id: id.map(|(_, id)| id.clone()),
                fate: OrphanFate::Left,
                cause,
            });
        }
        orphans
    }

    /// Takes in that somebody found the id of what is at `address`.
    fn import(&mut self, address: &str, id: &str) {
        self.imports.insert(address.to_owned(), id.to_owned());
        self.all.retain(|orphan| orphan.address != address);
        self.all.push(Orphan {
            address: address.to_owned(),
            id: Some(id.to_owned()),
            fate: OrphanFate::Left,
            cause: None,
        });
    }

    /// Returns the addresses of those that are imported.
    pub(super) fn imported(&self) -> BTreeSet<String> {
        self.imports.keys().cloned().collect()
    }

    /// Writes the file that asks for the imports, or removes it when there are none.
    fn write(&self, stack: &Path) -> Result<(), StepError> {
        let path = stack.join(IMPORT_FILE);
        let written = match self.imports.is_empty() {
            true => match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            false => write_private(&path, self.file().as_bytes()),
        };
        written.map_err(|source| StepError::Write { path, source })
    }

    fn file(&self) -> String {
        // An id is no template, whatever it looks like.
        let plain = |id: &str| id.replace("${", "$${").replace("%{", "%%{");
        let blocks = self.imports.iter().map(|(to, id)| json!({"to": to, "id": plain(id)}));
        json!({"import": blocks.collect::<Vec<_>>()}).to_string()
    }

    /// Gives up the imports that an error is about. Returns false when it is about none.
    fn cannot_import(&mut self, why: &Diagnostic) -> bool {
        let text = format!("{} {}", why.summary, why.detail);
        let in_file =
            why.place.as_ref().is_some_and(|place| place.file.ends_with(Path::new(IMPORT_FILE)));
        let is_of = |address: &String| {
            why.address.as_ref() == Some(address) || text.contains(address.as_str())
        };
        let named: Vec<String> = self.imports.keys().filter(|a| is_of(a)).cloned().collect();
        let speaks_of_it = in_file || text.to_lowercase().contains("import");
        let given_up = match (named.is_empty(), speaks_of_it) {
            (false, _) => named,
            (true, true) => self.imports.keys().cloned().collect(),
            (true, false) => return false,
        };
        for orphan in &mut self.all {
            if given_up.contains(&orphan.address) {
                orphan.cause = Some(format!("it could not be imported: {why}"));
            }
        }
        self.imports.retain(|address, _| !given_up.contains(address));
        !given_up.is_empty()
    }

    /// Adds all that the plan makes: the machine was started anew while it was made, and what was said
    /// of that last is lost.
    fn add_lost(&mut self, plan: &Plan) {
        for change in created(plan) {
            if !self.all.iter().any(|orphan| orphan.address == change.address) {
                let cause = "what was told last is lost with the machine".to_owned();
                self.all.push(Orphan {
                    address: change.address.clone(),
                    id: None,
                    fate: OrphanFate::Left,
                    cause: Some(cause),
                });
            }
        }
    }
}

/// What a plan would make that is something outside of the state.
fn created(plan: &Plan) -> impl Iterator<Item = &ResourceChange> {
    plan.resource_changes.iter().filter(|change| {
        change.mode == Mode::Managed
            && change.action() == ResourceAction::Create
            && !nothing_outside(&change.address)
    })
}

fn refusal(orphan: &Orphan) -> Refusal {
    let address = &orphan.address;
    let cause = orphan.cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let detail = match &orphan.id {
        Some(id) => format!(
            "was made with the id `{id}`, is in no state{cause}, and would be made twice: delete it or import it, or go on with `--accept-orphans`"
        ),
        None => format!(
            "was being made when the run broke off, is in no state, and may exist{cause}, so that it would be made twice: look for it, then give its id with `--import '{address}=ID'`, or go on with `--accept-orphans`"
        ),
    };
    Refusal { reason: RefusalReason::MayExist, address: Some(address.clone()), detail }
}

/// Returns the logs of the applies of `step`, in their order.
fn applies(logs: &Path, step: &str) -> Vec<PathBuf> {
    let ending = format!("-{step}-apply.out");
    let entries = fs::read_dir(logs).into_iter().flatten().flatten();
    let mut all: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_suffix(&ending)?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    all.sort();
    all.into_iter().map(|(_, path)| path).collect()
}

/// Whether what a resource makes is nowhere but in the state.
fn nothing_outside(address: &str) -> bool {
    let kind = kind(address);
    matches!(kind, "terraform_data" | "null_resource")
        || ["random_", "time_", "tls_"].iter().any(|provider| kind.starts_with(provider))
}

/// Returns the type of a resource by its address.
fn kind(address: &str) -> &str {
    let mut rest = address;
    while let Some(module) = rest.strip_prefix("module.") {
        let name = module.find(['.', '[']).unwrap_or(module.len());
        rest = &module[name..];
        if rest.starts_with('[') {
            rest = &rest[key_len(rest)..];
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    rest.split('.').next().unwrap_or_default()
}

/// Returns the length of the key in brackets that `text` begins with; the key may hold brackets itself.
fn key_len(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::Severity;

    fn made(all: &[(&str, Option<&str>)]) -> MadeSoFar {
        let one = |(address, id): &(&str, Option<&str>)| Made {
            address: (*address).to_owned(),
            id: id.map(|id| ("id".to_owned(), id.to_owned())),
        };
        MadeSoFar { made: all.iter().map(one).collect(), removed: Vec::new() }
    }

    fn holds(all: &[(&str, &str)]) -> Vec<Held> {
        let one = |(address, id): &(&str, &str)| Held {
            address: (*address).to_owned(),
            id: Some((*id).to_owned()),
            tainted: false,
        };
        all.iter().map(one).collect()
    }

    fn found(made: &MadeSoFar, held: &[Held]) -> Vec<String> {
        let orphans = Orphans::of(made, held);
        let import = |o: &Orphan| orphans.imports.contains_key(&o.address);
        orphans.all.iter().map(|o| format!("{} {}", o.name(), import(o))).collect()
    }

    #[test]
    fn what_the_state_holds_is_no_orphan() {
        let made = made(&[("a_b.x", Some("b-1")), ("a_b.y", Some("b-2")), ("a_b.z", None)]);
        let all = holds(&[("a_b.x", "b-1"), ("a_b.y", "b-2"), ("a_b.z", "b-3")]);
        assert_eq!(found(&made, &all), Vec::<String>::new());
        assert_eq!(
            found(&made, &all[..1]),
            ["`a_b.y` with the id `b-2` true", "`a_b.z`, which may exist false"]
        );
    }

    #[test]
    fn another_object_at_its_address_is_not_it() {
        let twice = made(&[("a_b.x", Some("b-1")), ("a_b.x", Some("b-2"))]);
        let state = holds(&[("a_b.x", "b-2")]);
        assert_eq!(found(&twice, &state), ["`a_b.x` with the id `b-1` false"]);
        // The second was begun before the first was removed, and the state holds the first.
        let begun = made(&[("a_b.x", Some("b-1")), ("a_b.x", None)]);
        let state = holds(&[("a_b.x", "b-1")]);
        assert_eq!(found(&begun, &state), ["`a_b.x`, which may exist false"]);
        // The state still holds what was removed.
        let mut removed = made(&[("a_b.x", None)]);
        removed.removed.push(("id".to_owned(), "b-1".to_owned()));
        assert_eq!(found(&removed, &state), ["`a_b.x`, which may exist false"]);
    }

    #[test]
    fn what_is_nowhere_but_in_the_state_is_made_again_freely() {
        let made = made(&[("terraform_data.x", None), ("random_id.y", Some("q"))]);
        assert_eq!(found(&made, &[]), Vec::<String>::new());
        assert_eq!(
            kind(r#"module.a["x].y."].module.b[0].aws_vpc.main["terraform_data.z"]"#),
            "aws_vpc"
        );
        assert_eq!(kind("aws_vpc.main"), "aws_vpc");
        assert_eq!(kind(r#"module.a["\"]"].null_resource.n"#), "null_resource");
    }

    #[test]
    fn an_import_that_is_refused_is_given_up_and_the_others_are_not() {
        let made = made(&[("a_b.x", Some("b-1")), ("a_b.y", Some("b-2"))]);
        let mut orphans = Orphans::of(&made, &[]);
        let why = |summary: &str, address: Option<&str>| Diagnostic {
            severity: Severity::Error,
            summary: summary.to_owned(),
            detail: String::new(),
            address: address.map(str::to_owned),
            place: None,
        };
        assert!(!orphans.cannot_import(&why("no quota", None)), "that is another matter");
        assert!(
            orphans.cannot_import(&why("Cannot import non-existent remote object", Some("a_b.x")))
        );
        assert_eq!(orphans.imported(), ["a_b.y".to_owned()].into());
        assert!(orphans.all[0].cause.as_ref().unwrap().contains("non-existent"));
        assert!(orphans.cannot_import(&why("this provider does not import", None)));
        assert!(orphans.imported().is_empty());
        assert!(!orphans.cannot_import(&why("this provider does not import", None)), "no loop");
    }

    #[test]
    fn an_id_is_no_template() {
        let made = made(&[("a_b.x[\"k\"]", Some("${x}%{y}"))]);
        insta::assert_snapshot!(Orphans::of(&made, &[]).file(), @r#"{"import":[{"id":"$${x}%%{y}","to":"a_b.x[\"k\"]"}]}"#);
    }
}
