//! What can be done to the cloud behind Terraform's back.

use crate::sim::{
    call::Call,
    cloud::Cloud,
    name::NameScope,
    object::{Health, Object, ObjectKey},
    scenario::{On, Outage, OutageMode},
};

/// A key that no live object has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no {0}")]
pub struct NoSuchObject(pub Box<ObjectKey>);

impl NoSuchObject {
    /// Returns what to do now.
    pub fn hint(&self) -> Option<String> {
        Some("List what stands in the simulated cloud with `drctl sim ls`".to_owned())
    }
}

impl Cloud {
    /// Kills an object: it is gone, and Terraform does not know. A group replaces its member after
    /// a time; a group that is killed takes its members with it.
    ///
    /// # Errors
    ///
    /// [`NoSuchObject`] when there is none, or it is gone already.
    pub fn kill(&mut self, now_ms: u64, key: &ObjectKey) -> Result<(), NoSuchObject> {
        self.advance(now_ms);
        let object = self.live(key)?;
        for member in self.state.objects.members(key) {
            self.mark_gone(&member, now_ms);
        }
        self.mark_gone(key, now_ms);
        self.free_name(&call_about(&object), &object, now_ms);
        Ok(())
    }

    /// Breaks an object: it is still there and does not work. A group takes a broken member
    /// out and replaces it, as if it had been killed.
    ///
    /// # Errors
    ///
    /// [`NoSuchObject`] when there is none, or it is gone.
    pub fn break_object(&mut self, now_ms: u64, key: &ObjectKey) -> Result<(), NoSuchObject> {
        self.advance(now_ms);
        if self.live(key)?.member_of.is_some() {
            return self.kill(now_ms, key);
        }
        self.state.objects.change(key, |object| {
            object.health = Health::Broken;
            object.updated_at_ms = now_ms;
        });
        Ok(())
    }

    /// Takes a region or zone down from `now_ms` on, until it is restored.
    /// With [`OutageMode::LostData`] it answers, and all that stood there is lost for good.
    pub fn destroy_region(&mut self, now_ms: u64, region: &str, mode: OutageMode) {
        self.advance(now_ms);
        let outage = Outage { on: On::region(region), from_ms: now_ms, mode, ..Outage::default() };
        self.state.scenario.outages.push(outage);
        self.advance(now_ms);
    }

    /// Returns how a whole region looks from outside while it is out; `None` while it is not.
    pub fn dark_mode(&self, region: &str, at_ms: u64) -> Option<OutageMode> {
        let whole_region = On::region(region);
        let mut outages = self.state.scenario.outages.iter();
        outages.find(|outage| outage.on == whole_region && outage.is_on(at_ms)).map(|o| o.mode)
    }

    /// Ends every outage of a whole region or zone, also those that the scenario has yet
    /// to play. Returns how many. What was lost stays lost.
    pub fn restore_region(&mut self, now_ms: u64, region: &str) -> usize {
        self.advance(now_ms);
        let whole_region = On::region(region);
        let mut ended = 0;
        for outage in &mut self.state.scenario.outages {
            let is_over = outage.until_ms.is_some_and(|until_ms| until_ms <= now_ms);
            let is_loss_done = outage.mode == OutageMode::LostData && outage.from_ms <= now_ms;
            if outage.on == whole_region && !is_over && !is_loss_done {
                outage.until_ms = Some(now_ms);
                ended += 1;
            }
        }
        ended
    }

    /// Loses what stood where an outage says when it begins.
    pub(super) fn lose_data(&mut self, outage: usize, at_ms: u64) {
        let Some(outage) = self.state.scenario.outages.get(outage).cloned() else { return };
        if !outage.is_on(at_ms) {
            return;
        }
        let lost: Vec<_> = (self.state.objects.iter())
            .filter(|object| object.is_live() && object.created_at_ms <= at_ms)
            .filter(|object| outage.on.takes_kind(&object.key.kind))
            .filter(|object| match &outage.on.region {
                Some(region) => object.key.place.is_in(region),
                None => true,
            })
            .cloned()
            .collect();
        for object in lost {
            self.mark_gone(&object.key, at_ms);
            // Nobody deleted it, so the cloud's own books still have the names that
            // are kept outside the region.
            let is_kept_there = (object.name.as_ref())
                .is_some_and(|name| matches!(name.scope, NameScope::Region | NameScope::Within(_)));
            if is_kept_there {
                self.free_name(&call_about(&object), &object, at_ms);
            }
        }
    }

    fn live(&self, key: &ObjectKey) -> Result<Object, NoSuchObject> {
        let object = self.state.objects.get(key).filter(|object| object.is_live());
        object.cloned().ok_or_else(|| NoSuchObject(Box::new(key.clone())))
    }

    fn mark_gone(&mut self, key: &ObjectKey, at_ms: u64) {
        let group = self.state.objects.change(key, |object| {
            object.health = Health::Gone;
            object.gone_at_ms = Some(at_ms);
            object.group_key()
        });
        if let Some(group) = group.flatten() {
            self.replace_member(&group, at_ms);
        }
    }
}

/// The call that would be about an object.
fn call_about(object: &Object) -> Call {
    let ObjectKey { provider, account, place, kind, .. } = object.key.clone();
    Call { provider, account, place, control_plane: None, kind, by: object.made_by.clone() }
}
