//! A name that leads to the fallback: records in a zone of Route 53, changed and followed.

mod change;
mod error;
mod record;
mod resolve;
mod route53;

pub use error::{Answers, DnsError};

use super::{
    deployment::{Deployment, Job, News},
    error::DeployError,
};
use crate::model::{
    deploy::{ObjectProgress, ObjectState, Traffic},
    step::Phase,
};
use async_trait::async_trait;
use change::{Change, Planned, leads_to, planned, ttl, wanted};
use record::RecordSet;
use resolve::{Asking, Round, not_answered};
use route53::{About, Zone};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep};

/// How long is waited before it is asked again whether Route 53 has told all its servers.
const AGAIN: Duration = Duration::from_secs(1);
/// How long is waited before servers are asked again that do not answer as they should.
const RESOLVE_AGAIN: Duration = Duration::from_millis(500);

/// A name that is made to lead to the fallback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// The zone's identity, such as `Z0123456789ABCDEFGHIJ`.
    pub zone: String,
    /// The whole name, such as `shop.example.com`.
    pub record: String,
    /// The type of the records, such as `A`; those that there are, or that the values need, when absent.
    pub kind: Option<String>,
    /// By what it is made to lead there.
    pub way: Way,
    /// Whether it is asked for until it does.
    pub resolve: bool,
    /// Who is asked; the zone's own servers when absent.
    pub server: Option<String>,
    /// Where Route 53 is, when that is not AWS.
    pub endpoint: Option<String>,
    /// The fallback region, which tells the part of AWS that is asked.
    pub region: String,
    /// How long all of it may take.
    pub limit: Duration,
}

/// By what a name is made to lead elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the weights of records, by their set identifiers; others keep theirs.
    Weights(BTreeMap<String, u8>),
    /// By which of two records is the primary one: this set identifier.
    Failover(String),
    /// By the values of a plain record.
    Values {
        /// Addresses of one kind, or one name.
        values: Vec<String>,
        /// How long an answer may be kept, in seconds; as it was when absent.
        ttl: Option<u64>,
    },
    /// By something that only the stacks will tell.
    Unknown,
}

impl Dns {
    /// Returns the type of record that can hold `values`.
    ///
    /// # Errors
    ///
    /// No type can: what is wrong, in a sentence.
    pub fn kind_of(values: &[String]) -> Result<&'static str, String> {
        let first = values.first().ok_or("no value is given")?;
        let kind = change::kind_of(values);
        let other = |value: &&String| change::kind_of(std::slice::from_ref(value)) != kind;
        match values.iter().find(other) {
            Some(other) => Err(format!("`{first}` and `{other}` cannot stand in one record")),
            None if kind == "CNAME" && values.len() > 1 => {
                Err("a name can lead to one other name only".to_owned())
            }
            None => Ok(kind),
        }
    }

    /// Checks that the name and the server are such as can be asked.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in a sentence.
    pub fn check(&self) -> Result<(), String> {
        resolve::askable(&self.record, self.server.as_deref())
    }

    fn zone<'a>(&'a self, job: &'a Job<'a>) -> Zone<'a> {
        Zone { job, id: &self.zone, region: &self.region, endpoint: self.endpoint.as_deref() }
    }

    /// Asks what the zone is, and whether the record can be one of it and be asked for.
    async fn look(&self, job: &Job<'_>) -> Result<About, DeployError> {
        let about = self.zone(job).about().await?;
        let record = record::canonical(&self.record);
        if record != about.name && !record.ends_with(&format!(".{}", about.name)) {
            return Err(DnsError::NotInZone { record, name: about.name }.into());
        }
        if self.resolve && self.server.is_none() {
            let zone = || self.zone.clone();
            if about.private {
                return Err(DnsError::Private { zone: zone() }.into());
            } else if about.servers.is_empty() {
                return Err(DnsError::NoServers { zone: zone() }.into());
            }
        }
        Ok(about)
    }

    /// Looks at the zone and at its records, at once.
    async fn check_and_plan(&self, job: &Job<'_>) -> Result<(About, Planned), DeployError> {
        let zone = self.zone(job);
        let (about, records) = tokio::join!(self.look(job), zone.records(&self.record));
        let about = about?;
        let planned = planned(&self.record, self.kind.as_deref(), &self.way, &records?)?;
        Ok((about, planned))
    }

    /// Makes the records say that the name leads to the fallback, unless they do.
    async fn move_traffic(
        &self,
        job: &Job<'_>,
        until: Instant,
    ) -> Result<(About, Planned), DeployError> {
        let (about, planned) = self.check_and_plan(job).await?;
        for note in &planned.notes {
            job.tell.say(News::Note(note.clone()));
        }
        let earlier: Vec<Change> = job.recall()?.unwrap_or_default();
        if planned.changes.is_empty() {
            let to = leads_to(&planned.after).join(", ");
            job.tell.say(News::Note(format!("`{}` leads to {to} already", self.record)));
        } else {
            job.remember(&kept(earlier.clone(), &planned.changes))?;
            self.make(job, &planned.changes, until).await?;
        }
        if let Some(traffic) = self.traffic(&earlier, &planned) {
            job.tell.say(News::Traffic(traffic));
        }
        Ok((about, planned))
    }

    /// Makes changes, and returns once all servers of Route 53 have them.
    async fn make(
        &self,
        job: &Job<'_>,
        changes: &[Change],
        until: Instant,
    ) -> Result<(), DeployError> {
        let zone = self.zone(job);
        let mut info = zone.change(changes).await?;
        self.saw(job, ObjectProgress::Waiting, "Route 53 tells its servers");
        while !info.is_everywhere() {
            if Instant::now() >= until {
                return Err(DnsError::NotSpread { limit: self.limit }.into());
            }
            pause(job, AGAIN).await?;
            info = zone.progress(&info.id).await?;
        }
        Ok(())
    }

    /// Asks servers until all of them answer what the records say.
    async fn follow(
        &self,
        job: &Job<'_>,
        about: About,
        after: &[RecordSet],
        until: Instant,
    ) -> Result<(), DeployError> {
        let servers = self.server.clone().map_or(about.servers, |server| vec![server]);
        let all = servers.len();
        let leads = leads_to(after);
        let mut asking = Asking {
            record: self.record.clone(),
            servers,
            resolver: self.server.clone(),
            wanted: wanted(after),
            seen: BTreeMap::new(),
        };
        let mut said = String::new();
        loop {
            let round: Round = asking.round().await;
            if round.is_right() {
                let servers = if all == 1 { "server answers" } else { "servers answer" };
                let detail = format!("{all} {servers} {}", leads.join(", "));
                self.saw(job, ObjectProgress::Ready, &detail);
                return Ok(());
            }
            let detail = format!("{} of {all} servers; {}", round.right, round.wrong.join("; "));
            if said != detail {
                self.saw(job, ObjectProgress::Waiting, &detail);
                said = detail;
            }
            if Instant::now() >= until {
                self.saw(job, ObjectProgress::Failed, &said);
                return Err(not_answered(&self.record, &leads, self.limit, round).into());
            }
            pause(job, RESOLVE_AGAIN).await?;
        }
    }

    fn saw(&self, job: &Job<'_>, state: ObjectProgress, detail: &str) {
        let object = format!("dns/{}", self.record);
        job.tell.say(News::Object(ObjectState { object, state, detail: detail.to_owned() }));
    }
}

#[async_trait]
impl Deployment for Dns {
    fn commands(&self) -> Vec<String> {
        let zone = &self.zone;
        let words = [
            route53::get_zone(zone),
            route53::list(zone, &self.record),
            route53::change(zone, "CHANGES"),
            route53::get_change("CHANGE"),
        ];
        let endpoint = self.endpoint.as_deref();
        words.map(|words| route53::argv(words, &self.region, endpoint).join(" ")).into()
    }

    async fn prepare(&self, job: &Job<'_>) -> Result<(), DeployError> {
        job.tell.begins(Phase::Check).await?;
        // Its records may be made by a stack, and are not looked at yet.
        let looked = self.look(job).await;
        job.tell.ends(Phase::Check, looked.is_ok());
        looked.map(drop)
    }

    async fn bring_up(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let until = Instant::now() + self.limit;
        job.tell.begins(Phase::Run).await?;
        let moved = self.move_traffic(job, until).await;
        job.tell.ends(Phase::Run, moved.is_ok());
        let (about, planned) = moved?;
        if self.resolve {
            job.tell.begins(Phase::Wait).await?;
            let followed = self.follow(job, about, &planned.after, until).await;
            job.tell.ends(Phase::Wait, followed.is_ok());
            followed?;
        }
        Ok(())
    }

    async fn take_back(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let Some(kept) = job.recall::<Vec<Change>>()? else { return Ok(()) };
        let there = self.zone(job).records(&self.record).await?;
        let (back, changed) = way_back(kept, &there);
        if !back.is_empty() {
            self.make(job, &back, Instant::now() + self.limit).await?;
        }
        if !changed.is_empty() {
            return Err(DnsError::ChangedSince { what: changed }.into());
        }
        job.forget();
        Ok(())
    }
}

impl Dns {
    /// What was moved, now or by an attempt before that did not come to its end.
    fn traffic(&self, earlier: &[Change], planned: &Planned) -> Option<Traffic> {
        let before = match (planned.changes.is_empty(), earlier.is_empty()) {
            (true, true) => return None,
            (false, _) => planned.before.clone(),
            (true, false) => as_before(&planned.after, earlier),
        };
        Some(Traffic {
            name: record::canonical(&self.record),
            ttl_ms: ttl(&before).saturating_mul(1_000),
            before: leads_to(&before),
            after: leads_to(&planned.after),
        })
    }
}

/// The records as they were before `changes` were made.
fn as_before(now: &[RecordSet], changes: &[Change]) -> Vec<RecordSet> {
    let changed =
        |set: &&RecordSet| changes.iter().any(|c| c.about().is_some_and(|a| a.is_of(set)));
    let before = changes.iter().filter_map(|change| change.before.clone());
    now.iter().filter(|set| !changed(set)).cloned().chain(before).collect()
}

/// Joins what was changed before with what is changed now: of each record set, what it was at first
/// and what it is at last.
fn kept(mut earlier: Vec<Change>, now: &[Change]) -> Vec<Change> {
    for change in now {
        let about = change.about();
        let same =
            |c: &&mut Change| c.about().zip(about).is_some_and(|(before, now)| before.is_of(now));
        match earlier.iter_mut().find(same) {
            Some(known) => known.after.clone_from(&change.after),
            None => earlier.push(change.clone()),
        }
    }
    earlier
}

/// Returns what puts record sets back, and those that somebody else changed since.
///
/// The two records of a failover go back together or not at all.
fn way_back(kept: Vec<Change>, there: &[RecordSet]) -> (Vec<Change>, Vec<String>) {
    let mut back = Vec::new();
    let mut changed = Vec::new();
    for change in kept {
        let Some(about) = change.about().cloned() else { continue };
        let now = there.iter().find(|set| set.is_of(&about));
        let is = |wanted: &Option<RecordSet>| match (wanted, now) {
            (None, None) => true,
            (Some(wanted), Some(now)) => wanted.says(now),
            _ => false,
        };
        if is(&change.before) {
            continue;
        } else if is(&change.after) {
            back.push(change.back());
        } else {
            changed.push(about);
        }
    }
    let torn = |change: &Change| {
        let about = change.about();
        about.is_some_and(|set| {
            set.failover().is_some() && changed.iter().any(|other| other.kind() == set.kind())
        })
    };
    let torn: Vec<Change> = back.extract_if(.., |change| torn(change)).collect();
    let names = changed.iter().map(ToString::to_string);
    let names = names.chain(torn.iter().filter_map(|c| c.about().map(ToString::to_string)));
    (back, names.collect())
}

/// Waits a moment, unless the run is stopped.
async fn pause(job: &Job<'_>, time: Duration) -> Result<(), DeployError> {
    tokio::select! {
        biased;
        () = job.stop.cancelled() => {
            Err(DeployError::Stopped { program: "aws".to_owned(), log: None })
        }
        () = sleep(time) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
