//! What stands there of a release, as Helm tells it.

use jiff::Timestamp;
use serde::Deserialize;
use std::time::Duration;

/// How long a revision that is being worked on is left alone, since somebody may be at it.
pub(super) const LEFT_ALONE: Duration = Duration::from_secs(60);

/// A revision of a release.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Revision {
    /// Its number, from 1.
    #[serde(rename = "revision", deserialize_with = "number")]
    pub(super) number: u64,
    /// How it is.
    pub(super) status: Status,
    /// When it was begun. `helm list` writes it in a form of Go's own, which is not read.
    #[serde(default, deserialize_with = "time")]
    updated: Option<Timestamp>,
}

impl Revision {
    /// Returns true when it was begun after the revision `number`.
    pub(super) fn is_after(&self, number: u64) -> bool {
        self.number > number
    }
}

/// How a revision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// It is what is up.
    Deployed,
    /// A newer one took its place.
    Superseded,
    /// It did not come up.
    Failed,
    /// Its objects are removed, and its history is kept.
    Uninstalled,
    /// It is being removed.
    Uninstalling,
    /// It is being installed.
    PendingInstall,
    /// The one before is being upgraded to it.
    PendingUpgrade,
    /// The one before is being rolled back to it.
    PendingRollback,
    /// Helm does not know, or says something new.
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Returns true when Helm refuses an upgrade: somebody works on the release, or was killed at it.
    pub(super) fn is_locked(self) -> bool {
        match self {
            Self::Uninstalling
            | Self::PendingInstall
            | Self::PendingUpgrade
            | Self::PendingRollback
            | Self::Unknown => true,
            Self::Deployed | Self::Superseded | Self::Failed | Self::Uninstalled => false,
        }
    }

    /// Returns Helm's word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Uninstalled => "uninstalled",
            Self::Uninstalling => "uninstalling",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
            Self::Unknown => "unknown",
        }
    }
}

/// What makes Helm take an upgrade again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    /// Rolling back to a revision that was up.
    RollBack(u64),
    /// Removing the release: no revision of it was ever up, or it was being removed anyway.
    Remove,
}

/// Reads what `helm list` says of one release: its newest revision, when there is any.
pub(super) fn listed(text: &str) -> serde_json::Result<Option<Revision>> {
    Ok(serde_json::from_str::<Vec<Revision>>(text)?.into_iter().next_back())
}

/// Reads what `helm history` says, the oldest revision first.
pub(super) fn history(text: &str) -> serde_json::Result<Vec<Revision>> {
    let mut all: Vec<Revision> = serde_json::from_str(text)?;
    all.sort_by_key(|revision| revision.number);
    Ok(all)
}

/// Returns the revision that is up, or was up last.
///
/// Without one that is deployed, it is the newest that gave way to another: Helm says so of the old one
/// before it says of the new one that it is up, and may be killed in between.
pub(super) fn last_good(history: &[Revision]) -> Option<u64> {
    let newest = |wanted| history.iter().rev().find(|revision| revision.status == wanted);
    newest(Status::Deployed).or_else(|| newest(Status::Superseded)).map(|revision| revision.number)
}

/// Returns how a locked release is repaired.
pub(super) fn repair(locked: Status, history: &[Revision]) -> Repair {
    match (locked, last_good(history)) {
        (Status::Uninstalling, _) | (_, None) => Repair::Remove,
        (_, Some(revision)) => Repair::RollBack(revision),
    }
}

/// Returns how much longer the newest revision is left alone at `now`: not at all once it is a minute
/// old. Clocks differ, so it is never more than that minute.
pub(super) fn left_alone(history: &[Revision], now: Timestamp) -> Duration {
    let begun = history.last().and_then(|revision| revision.updated);
    // Below zero where their clock is ahead of ours.
    let age = begun.and_then(|begun| Duration::try_from(now.duration_since(begun)).ok());
    LEFT_ALONE.saturating_sub(age.unwrap_or_default())
}

/// What a revision holds.
#[derive(Debug, Deserialize)]
pub(super) struct Contents {
    /// Its objects, as YAML.
    #[serde(default)]
    pub(super) manifest: String,
    /// What runs before and after them.
    #[serde(default)]
    pub(super) hooks: Vec<Hook>,
}

/// An object that runs at some point of an installation or upgrade.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Hook {
    /// The object, as YAML.
    #[serde(default)]
    pub(super) manifest: String,
    /// When it runs, such as `pre-install`.
    #[serde(default)]
    events: Vec<String>,
    /// Its last run.
    #[serde(default)]
    last_run: LastRun,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct LastRun {
    #[serde(default)]
    phase: String,
}

impl Hook {
    /// Returns true when it runs at `event`.
    pub(super) fn is_at(&self, event: &str) -> bool {
        self.events.iter().any(|e| e == event)
    }

    /// Returns true when it has begun, and what there was of it before is gone.
    pub(super) fn has_begun(&self) -> bool {
        !self.last_run.phase.is_empty()
    }

    /// Returns true when it has run.
    pub(super) fn is_done(&self) -> bool {
        self.last_run.phase == "Succeeded"
    }
}

/// Reads what `helm status` says of a revision.
pub(super) fn contents(text: &str) -> serde_json::Result<Contents> {
    serde_json::from_str(text)
}

/// `helm list` writes a revision as a string, and `helm history` as a number.
fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(u64),
        Text(String),
    }
    match Number::deserialize(from)? {
        Number::Number(number) => Ok(number),
        Number::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn time<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(String::deserialize(from)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Helm 3.17.2 and 4.1.4 said of the same release; they differ in nothing that is read.
    const LISTED: &str = r#"[{"name":"web","namespace":"default","revision":"6","updated":"2026-11-26 07:54:53.176481053 +0000 UTC","status":"pending-upgrade","chart":"web-0.1.0","app_version":""}]"#;
    const UPGRADE: &str = r#"[
        {"revision":3,"updated":"2026-11-26T07:54:47.943023115Z","status":"superseded","chart":"web-0.1.0","app_version":"","description":"Upgrade complete"},
        {"revision":4,"updated":"2026-11-26T07:54:48.960867318Z","status":"failed","chart":"web-0.1.0","app_version":"","description":"Upgrade \"web\" failed: context canceled"},
        {"revision":5,"updated":"2026-11-26T07:54:50.91797738Z","status":"deployed","chart":"web-0.1.0","app_version":"","description":"Rollback to 3"},
        {"revision":6,"updated":"2026-11-26T07:54:53.176481053Z","status":"pending-upgrade","chart":"web-0.1.0","app_version":"","description":"Preparing upgrade"}]"#;
    const INSTALL: &str = r#"[{"revision":1,"updated":"2026-11-26T07:55:39.529467087Z","status":"pending-install","chart":"web-0.1.0","app_version":"","description":"Initial install underway"}]"#;

    fn statuses(all: &[(u64, Status)]) -> Vec<Revision> {
        all.iter().map(|&(number, status)| Revision { number, status, updated: None }).collect()
    }

    #[test]
    fn the_newest_revision_is_listed_or_none() {
        assert_eq!(listed("[]").unwrap(), None);
        let newest = listed(LISTED).unwrap().unwrap();
        assert_eq!((newest.number, newest.status), (6, Status::PendingUpgrade));
        assert!(newest.status.is_locked());
        let strange = LISTED.replace("pending-upgrade", "hibernating");
        assert_eq!(listed(&strange).unwrap().unwrap().status, Status::Unknown);
        listed("Error: no").unwrap_err();
    }

    #[test]
    fn a_killed_upgrade_is_rolled_back_to_what_is_deployed() {
        let history = history(UPGRADE).unwrap();
        assert_eq!(repair(Status::PendingUpgrade, &history), Repair::RollBack(5));
    }

    #[test]
    fn a_killed_installation_is_removed() {
        let history = history(INSTALL).unwrap();
        assert_eq!(repair(Status::PendingInstall, &history), Repair::Remove);
        let again = statuses(&[(1, Status::Failed), (2, Status::PendingUpgrade)]);
        assert_eq!(repair(Status::PendingUpgrade, &again), Repair::Remove);
    }

    #[test]
    fn one_killed_between_two_states_is_rolled_back_to_what_gave_way() {
        let history = statuses(&[
            (1, Status::Superseded),
            (2, Status::Superseded),
            (3, Status::PendingUpgrade),
        ]);
        assert_eq!(repair(Status::PendingUpgrade, &history), Repair::RollBack(2));
    }

    #[test]
    fn a_killed_removal_is_ended() {
        let history = statuses(&[(1, Status::Superseded), (2, Status::Uninstalling)]);
        assert_eq!(repair(Status::Uninstalling, &history), Repair::Remove);
    }

    #[test]
    fn what_failed_or_is_kept_as_history_is_upgraded_as_it_is() {
        for open in [Status::Deployed, Status::Failed, Status::Superseded, Status::Uninstalled] {
            assert!(!open.is_locked(), "{open:?}");
        }
    }

    #[test]
    fn a_revision_is_left_alone_for_a_minute() {
        let history = history(INSTALL).unwrap();
        let at = |time: &str| left_alone(&history, time.parse().unwrap());
        assert_eq!(at("2026-11-26T07:56:39.6Z"), Duration::ZERO);
        assert_eq!(at("2026-11-26T07:56:09.529467087Z"), Duration::from_secs(30));
        // The clock of whoever made it is ahead of ours.
        assert_eq!(at("2026-11-26T07:00:00Z"), LEFT_ALONE);
        assert_eq!(left_alone(&statuses(&[(1, Status::Unknown)]), Timestamp::now()), LEFT_ALONE);
    }

    #[test]
    fn hooks_tell_when_they_run_and_whether_they_have() {
        let text = r#"{"name":"web","info":{"status":"pending-upgrade"},"config":{"password":"hunter2"},
            "manifest":"---\nkind: Deployment\n","version":8,"namespace":"default","hooks":[
            {"name":"web-pre","kind":"Job","path":"web/templates/d.yaml","manifest":"kind: Job","events":["pre-install","pre-upgrade"],
             "last_run":{"started_at":"2026-11-26T07:54:57.774599242Z","completed_at":"","phase":"Running"},"delete_policies":["before-hook-creation"]},
            {"name":"web-test","kind":"Pod","manifest":"kind: Pod","events":["test"],
             "last_run":{"started_at":"","completed_at":"","phase":""}}]}"#;
        let contents = contents(text).unwrap();
        let [migrate, test] = &contents.hooks[..] else { panic!("{contents:?}") };
        assert!(migrate.is_at("pre-upgrade") && !migrate.is_at("post-upgrade"));
        assert!(migrate.has_begun() && !migrate.is_done());
        assert!(!test.has_begun() && !test.is_at("pre-upgrade"));
        assert!(!format!("{contents:?}").contains("hunter2"));
    }
}
