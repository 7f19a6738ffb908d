//! The life of an object: created, read, updated, deleted.

use crate::sim::{
    call::{Answer, Call, Change, Draft, Operation},
    cloud::{Cloud, Turn, failed},
    draw,
    fault::Fault,
    holdings::is_like,
    object::{Health, Object, ObjectKey},
};

impl Cloud {
    /// Makes an object.
    ///
    /// A failure half way leaves a broken object behind where the scenario says so;
    /// the answer then holds it.
    pub fn create(&mut self, now_ms: u64, call: &Call, draft: Draft) -> Answer {
        const CREATE: Operation = Operation::Create;
        let turn = match self.begin(now_ms, call, CREATE) {
            Ok(turn) => turn,
            Err(answer) => return *answer,
        };
        let invented = || format!("sim-{}", draw::hex(self.state.seed, &["id", &turn.ticket]));
        let key = call.key(&draft.id.clone().unwrap_or_else(invented));
        if let Some(fault) = self.objection(call, &key, &draft, turn.start_ms) {
            return self.refuse(call, CREATE, &turn, fault);
        }

        let work_ms = self.work_ms(call, CREATE, &turn.ticket, turn.start_ms);
        let (done_at_ms, fault) =
            match self.ride(call, CREATE, &turn.ticket, turn.start_ms, work_ms) {
                Err(dark) => (dark.at_ms, Some((dark.fault, dark.leave_behind))),
                Ok(done_at_ms) => {
                    let rigged = turn.rigged.clone();
                    (
                        done_at_ms,
                        rigged.map(|(message, leaves)| (Fault::Injected { message }, leaves)),
                    )
                }
            };
        match fault {
            None => {
                let object = self.place(call, key, draft, done_at_ms, Health::Running);
                Answer { done_at_ms, result: Ok(object) }
            }
            Some((fault, leaves)) => {
                let mut answer = failed(call, CREATE, done_at_ms, fault);
                if leaves {
                    let object = self.place(call, key, draft, done_at_ms, Health::Broken);
                    answer.result = answer.result.map_err(|mut failure| {
                        failure.left_behind = Some(object);
                        failure
                    });
                }
                answer
            }
        }
    }

    /// Reads an object.
    pub fn read(&mut self, now_ms: u64, call: &Call, id: &str) -> Answer {
        self.work_on(now_ms, call, Operation::Read, id, |_, object, _| object)
    }

    /// Changes an object in place.
    pub fn update(&mut self, now_ms: u64, call: &Call, id: &str, change: Change) -> Answer {
        self.work_on(now_ms, call, Operation::Update, id, |cloud, object, done_at_ms| {
            let key = object.key.clone();
            let changed = cloud.state.objects.change(&key, |object| {
                object.attributes = change.attributes;
                object.updated_at_ms = done_at_ms;
                if let (Some(group), Some(size)) = (&mut object.group, change.size) {
                    group.size = size;
                }
                object.clone()
            });
            if let Some(size) = change.size {
                cloud.trim(&key, size);
                cloud.fill(&key, done_at_ms);
            }
            changed.unwrap_or(object)
        })
    }

    /// Removes an object, and with a group its members. Its name is free again after its quarantine.
    pub fn delete(&mut self, now_ms: u64, call: &Call, id: &str) -> Answer {
        self.work_on(now_ms, call, Operation::Delete, id, |cloud, object, done_at_ms| {
            cloud.trim(&object.key, 0);
            cloud.state.objects.remove(&object.key);
            cloud.free_name(call, &object, done_at_ms);
            object
        })
    }

    /// Lets go of the name of an object that is no more.
    pub(super) fn free_name(&mut self, call: &Call, object: &Object, at_ms: u64) {
        let Some(name) = &object.name else { return };
        let quarantine_ms = (self.state.scenario.quarantines.iter())
            .filter(|quarantine| quarantine.on.takes(call, Operation::Delete))
            .map(|quarantine| quarantine.for_ms)
            .max()
            .unwrap_or_default();
        self.state.names.release(&object.key, name, at_ms.saturating_add(quarantine_ms));
    }

    /// Does an operation on an object that is there: `act` is called when nothing stands in the way.
    fn work_on(
        &mut self,
        now_ms: u64,
        call: &Call,
        operation: Operation,
        id: &str,
        act: impl FnOnce(&mut Self, Object, u64) -> Object,
    ) -> Answer {
        let turn = match self.begin(now_ms, call, operation) {
            Ok(turn) => turn,
            Err(answer) => return *answer,
        };
        let found = self.state.objects.get(&call.key(id)).cloned();
        let Some(object) = found.filter(|object| object.is_found(turn.start_ms)) else {
            return self.refuse(call, operation, &turn, Fault::NotFound { id: id.to_owned() });
        };
        let work_ms = self.work_ms(call, operation, &turn.ticket, turn.start_ms);
        match (self.ride(call, operation, &turn.ticket, turn.start_ms, work_ms), turn.rigged) {
            (Err(dark), _) => failed(call, operation, dark.at_ms, dark.fault),
            (Ok(done_at_ms), Some((message, _))) => {
                failed(call, operation, done_at_ms, Fault::Injected { message })
            }
            (Ok(done_at_ms), None) => {
                Answer { done_at_ms, result: Ok(act(self, object, done_at_ms)) }
            }
        }
    }

    /// Answers no after the time that a read takes: the cloud looks before it begins to work.
    fn refuse(&self, call: &Call, operation: Operation, turn: &Turn, fault: Fault) -> Answer {
        let look_ms = self.work_ms(call, Operation::Read, &turn.ticket, turn.start_ms);
        match self.ride(call, operation, &turn.ticket, turn.start_ms, look_ms) {
            Ok(done_at_ms) => failed(call, operation, done_at_ms, fault),
            Err(dark) => failed(call, operation, dark.at_ms, dark.fault),
        }
    }

    /// Says why an object cannot be made, if it cannot.
    fn objection(&self, call: &Call, key: &ObjectKey, draft: &Draft, at_ms: u64) -> Option<Fault> {
        if self.state.objects.get(key).is_some_and(Object::is_live) {
            return Some(Fault::IdTaken { id: key.id.clone() });
        }
        if let Some(name) = &draft.name {
            let is_foreign = (self.state.scenario.names_taken.iter())
                .any(|taken| is_like(&key.kind, &taken.kind) && taken.name == name.value);
            if is_foreign {
                let (name, scope) = (name.value.clone(), name.scope.clone());
                return Some(Fault::NameTaken { name, scope, ours: false });
            }
            if let Some(refusal) = self.state.names.refusal(key, name, at_ms) {
                return Some(refusal);
            }
        }
        (self.state.scenario.quotas.iter())
            .filter(|quota| quota.on.takes(call, Operation::Create))
            .find(|quota| self.state.objects.live_like(call, &quota.on) >= quota.limit)
            .map(|quota| {
                let region = call.place.region().unwrap_or_default().to_owned();
                Fault::QuotaExceeded { limit: quota.limit, region }
            })
    }

    fn place(
        &mut self,
        call: &Call,
        key: ObjectKey,
        draft: Draft,
        at_ms: u64,
        health: Health,
    ) -> Object {
        let hidden_ms = (self.state.scenario.consistency.iter())
            .filter(|consistency| consistency.on.takes(call, Operation::Create))
            .map(|consistency| consistency.reads_after_create_404_ms)
            .max()
            .unwrap_or_default();
        if let Some(name) = &draft.name {
            self.state.names.take(&key, name);
        }
        let is_group = draft.group.is_some() && health == Health::Running;
        self.state.objects.insert(Object {
            key: key.clone(),
            name: draft.name,
            attributes: draft.attributes,
            created_at_ms: at_ms,
            visible_at_ms: at_ms.saturating_add(hidden_ms),
            updated_at_ms: at_ms,
            gone_at_ms: None,
            health,
            made_by: call.by.clone(),
            group: draft.group,
            member_of: None,
        });
        if is_group {
            self.fill(&key, at_ms);
        }
        self.state.objects.get(&key).cloned().expect("it was put in above")
    }
}
