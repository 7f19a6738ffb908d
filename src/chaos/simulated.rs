//! A group of the simulated cloud.

use super::fleet::{Fleet, FleetError, Member};
use crate::sim::{Cloud, Filter, Health, Object, ObjectKey};
use async_trait::async_trait;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// Where a simulated cloud is kept.
pub trait KeptCloud: Send + Sync {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, in one line.
    fn load(&self) -> Result<Cloud, String>;

    /// Writes it down.
    ///
    /// # Errors
    ///
    /// Why it cannot be written, in one line.
    fn save(&self, cloud: &Cloud) -> Result<(), String>;
}

/// What keeps a group alive in a cloud that was kept, and who is in it.
///
/// The cloud is read anew for each question and written after each change, so that what another
/// program does to it counts. Its clock stands still but for what is waited here.
pub struct Simulated {
    kept: Box<dyn KeptCloud>,
    address: String,
    /// A moment of the clocks, as both showed it.
    began: (Instant, u64),
    /// What the cloud's clock showed when it was read last.
    now_ms: AtomicU64,
}

impl Simulated {
    /// Takes the members of the group that `address` is the address, the name or the id of, or, with a `*`
    /// at its end, the beginning of the address; where that is no group, the objects themselves, which nothing brings back.
    ///
    /// # Errors
    ///
    /// [`FleetError`], when there is no cloud or nothing of that address in it.
    pub fn new(kept: Box<dyn KeptCloud>, address: &str) -> Result<Self, FleetError> {
        let cloud = kept.load().map_err(FleetError::Simulated)?;
        let began = (Instant::now(), cloud.now_ms());
        let now_ms = AtomicU64::new(cloud.now_ms());
        let fleet = Self { kept, address: address.to_owned(), began, now_ms };
        if fleet.objects(&cloud).is_empty() {
            let message = format!("there is no `{address}` in the simulated cloud");
            return Err(FleetError::Simulated(message));
        }
        Ok(fleet)
    }

    fn objects<'c>(&self, cloud: &'c Cloud) -> Vec<&'c Object> {
        let all = Filter::default();
        let found: Vec<&Object> = match self.address.strip_suffix('*') {
            None => cloud.find(&self.address),
            // What grew from a name's prefix has a name that nobody knows beforehand.
            Some(begins) => {
                cloud.objects(&all).filter(|o| o.made_by.address.starts_with(begins)).collect()
            }
        };
        let groups: Vec<String> = found
            .iter()
            .filter(|object| object.group.is_some())
            .map(|object| format!("{}/{}", object.key.kind, object.key.id))
            .collect();
        if groups.is_empty() {
            return found;
        }
        let is_of = |object: &&Object| {
            object.member_of.as_ref().is_some_and(|group| groups.contains(group))
        };
        cloud.objects(&all).filter(is_of).collect()
    }

    fn load(&self) -> Result<Cloud, FleetError> {
        let cloud = self.kept.load().map_err(FleetError::Simulated)?;
        self.now_ms.store(cloud.now_ms(), Ordering::Relaxed);
        Ok(cloud)
    }

    fn save(&self, cloud: &Cloud) -> Result<(), FleetError> {
        self.now_ms.store(cloud.now_ms(), Ordering::Relaxed);
        self.kept.save(cloud).map_err(FleetError::Simulated)
    }
}

#[async_trait]
impl Fleet for Simulated {
    async fn members(&self) -> Result<Vec<Member>, FleetError> {
        let cloud = self.load()?;
        let now_ms = cloud.now_ms();
        let there = self.objects(&cloud).into_iter().filter(|object| object.health != Health::Gone);
        let mut members: Vec<Member> = there.map(|object| member(&cloud, object, now_ms)).collect();
        members.sort();
        Ok(members)
    }

    async fn kill(&self, victim: &Member) -> Result<(), FleetError> {
        let mut cloud = self.load()?;
        let now_ms = cloud.now_ms();
        let key: Option<ObjectKey> = self
            .objects(&cloud)
            .into_iter()
            .find(|object| object.key.id == victim.id)
            .map(|object| object.key.clone());
        let changed = || FleetError::Changed(victim.name.clone());
        cloud.kill(now_ms, &key.ok_or_else(changed)?).map_err(|_| changed())?;
        self.save(&cloud)
    }

    fn now(&self) -> Instant {
        let (at, began_ms) = self.began;
        let now_ms = self.now_ms.load(Ordering::Relaxed);
        at + Duration::from_millis(now_ms.saturating_sub(began_ms))
    }

    async fn wait(&self, time: Duration) -> Result<(), FleetError> {
        let mut cloud = self.load()?;
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        cloud.advance(cloud.now_ms().saturating_add(ms));
        self.save(&cloud)
    }

    fn is_simulated(&self) -> bool {
        true
    }
}

fn member(cloud: &Cloud, object: &Object, now_ms: u64) -> Member {
    let healthy = cloud.serves(&object.key, now_ms);
    let state = match object.health {
        Health::Running if healthy => "running",
        Health::Running if object.created_at_ms > now_ms => "being made",
        Health::Running => "unreachable",
        Health::Broken => "broken",
        Health::Gone => "gone",
    };
    let id = object.key.id.clone();
    Member {
        name: id.clone(),
        start: format!("{id} {}", object.created_at_ms),
        id,
        healthy,
        state: state.to_owned(),
    }
}
