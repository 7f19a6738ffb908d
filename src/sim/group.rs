//! Groups that keep a number of others alive: what is lost comes back after a time.

use crate::sim::{
    call::{Call, Operation},
    cloud::Cloud,
    draw,
    object::{Health, Object, ObjectKey},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long a group waits before it tries again to make a member, in milliseconds. Chosen, not measured.
const RETRY_MS: u64 = 60_000;

/// A group that keeps a number of members alive, such as an auto-scaling group.
///
/// The first members are there when the group is. One that is killed or broken is
/// replaced by a new one, which takes as long as the creation of one: drawn for
/// each, and put off as long as its region is down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The type of its members, such as `aws_instance`.
    pub member_kind: String,
    /// How many there are to be.
    pub size: u32,
    /// How many were ever launched.
    #[serde(default)]
    pub launched: u32,
}

impl Group {
    /// A group that has launched nothing yet.
    pub fn new(member_kind: impl Into<String>, size: u32) -> Self {
        Self { member_kind: member_kind.into(), size, launched: 0 }
    }
}

/// A member on its way back. Ordered by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Repair {
    /// When the next thing happens.
    pub(super) at_ms: u64,
    group: ObjectKey,
    /// Tells apart launches of one group.
    ordinal: u32,
    /// What happens then.
    does: RepairStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RepairStep {
    /// The group asks for a new member.
    Launch,
    /// The new member is ready.
    Arrive,
}

impl Cloud {
    /// Gives a group the members that it lacks, ready at `at_ms`.
    pub(super) fn fill(&mut self, group: &ObjectKey, at_ms: u64) {
        while self.lacks_members(group) {
            let Some(ordinal) = self.count_launch(group) else { return };
            self.add_member(group, ordinal, at_ms);
        }
    }

    /// Removes members until no more are left than the group is to have.
    pub(super) fn trim(&mut self, group: &ObjectKey, size: u32) {
        for member in self.state.objects.members(group).into_iter().skip(size as usize) {
            self.state.objects.remove(&member);
        }
    }

    /// Sends for a new member in place of one that was lost at `at_ms`.
    pub(super) fn replace_member(&mut self, group: &ObjectKey, at_ms: u64) {
        let Some(ordinal) = self.count_launch(group) else { return };
        let does = RepairStep::Launch;
        self.state.repairs.insert(Repair { at_ms, group: group.clone(), ordinal, does });
    }

    /// Takes the step of a replacement that is due.
    pub(super) fn repair(&mut self, mut repair: Repair) {
        let group = self.state.objects.get(&repair.group).filter(|group| group.is_live());
        let Some((group, call)) = group.and_then(|group| Some((group, member_call(group)?))) else {
            return;
        };
        let ticket = launch_ticket(group, repair.ordinal);
        let work_ms = match repair.does {
            RepairStep::Launch => self.work_ms(&call, Operation::Create, &ticket, repair.at_ms),
            RepairStep::Arrive => 0,
        };
        let there = self.ride(&call, Operation::Create, &ticket, repair.at_ms, work_ms);
        match (repair.does, there) {
            (RepairStep::Arrive, Ok(at_ms)) => {
                self.add_member(&repair.group, repair.ordinal, at_ms);
                return;
            }
            (RepairStep::Launch, Ok(ready_at_ms)) => {
                repair.at_ms = ready_at_ms;
                repair.does = RepairStep::Arrive;
            }
            (_, Err(dark)) => {
                repair.at_ms = dark.at_ms.max(repair.at_ms + RETRY_MS);
                repair.does = RepairStep::Launch;
            }
        }
        self.state.repairs.insert(repair);
    }

    fn lacks_members(&self, group: &ObjectKey) -> bool {
        let wanted = self.state.objects.get(group).and_then(|object| object.group.as_ref());
        wanted.is_some_and(|g| self.state.objects.member_count(group) < g.size as usize)
    }

    /// Counts one more launch, and returns the count.
    fn count_launch(&mut self, group: &ObjectKey) -> Option<u32> {
        self.state.objects.change(group, |object| {
            let group = object.group.as_mut()?;
            group.launched += 1;
            Some(group.launched)
        })?
    }

    fn add_member(&mut self, group: &ObjectKey, ordinal: u32, at_ms: u64) {
        // The group may have been made smaller while this one was on its way.
        if !self.lacks_members(group) {
            return;
        }
        let Some(object) = self.state.objects.get(group) else { return };
        let Some(kind) = object.group.as_ref().map(|g| g.member_kind.clone()) else { return };
        let id = draw::hex(self.state.seed, &["member", &launch_ticket(object, ordinal)]);
        let member = Object {
            key: ObjectKey { kind, id: format!("sim-{id}"), ..group.clone() },
            name: None,
            attributes: Value::Null,
            created_at_ms: at_ms,
            visible_at_ms: at_ms,
            updated_at_ms: at_ms,
            gone_at_ms: None,
            health: Health::Running,
            made_by: object.made_by.clone(),
            group: None,
            member_of: Some(format!("{}/{}", group.kind, group.id)),
        };
        self.state.objects.insert(member);
    }
}

/// The call that a group makes for a new member.
fn member_call(group: &Object) -> Option<Call> {
    Some(Call {
        provider: group.key.provider.clone(),
        account: group.key.account.clone(),
        place: group.key.place.clone(),
        control_plane: None,
        kind: group.group.as_ref()?.member_kind.clone(),
        by: group.made_by.clone(),
    })
}

/// What the draws for one launch hang on.
fn launch_ticket(group: &Object, ordinal: u32) -> String {
    let ObjectKey { account, place, id, .. } = &group.key;
    format!("launch {account:?} {place} {id:?} {:?} {ordinal}", group.made_by.address)
}
