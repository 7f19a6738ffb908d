//! Where the value of an expression comes from.

use super::{
    slot::{Holder, Slot},
    subject::{Call, Subject},
};
use crate::{
    config::{expression::Expr, module::ResourceMode},
    model::finding::Extent,
};

/// Something that a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A literal of the primary in a variable, a local value or an argument, which rules that read
    /// the code find there.
    Reported,
    /// A literal of the primary where no such rule looks: a file of variables, the runbook, the
    /// output of a module.
    Set(Extent),
    /// It differs by instance.
    Instance,
}

/// How far values are followed.
const MAX_DEPTH: usize = 12;

/// Returns where an expression takes the primary from.
pub(crate) fn origins<'a>(
    subject: &Subject<'a>,
    call: &Call<'a>,
    expr: &Expr,
    primary: &str,
) -> Vec<Origin> {
    let mut found = Vec::new();
    Trace { subject, primary, found: &mut found }.follow(call, expr, 0);
    found
}

struct Trace<'s, 'a, 'f> {
    subject: &'s Subject<'a>,
    primary: &'s str,
    found: &'f mut Vec<Origin>,
}

impl<'a> Trace<'_, 'a, '_> {
    fn follow(&mut self, call: &Call<'a>, expr: &Expr, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for path in expr.paths() {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            match path[..] {
                ["each" | "count", ..] => self.found.push(Origin::Instance),
                ["var", name, ..] => self.variable(call, name, depth),
                ["local", name, ..] => {
                    self.literal(call, |slot| matches!(slot.holder, Holder::Local(n) if n == name));
                    if let Some(local) = call.module.local(name) {
                        self.follow(call, local, depth + 1);
                    }
                }
                ["module", name, output, ..] => self.output(call, name, output, depth),
                // A whole module is too much to follow.
                ["module", ..] => self.found.push(Origin::Reported),
                ["data", kind, name, argument, ..] => {
                    self.argument(call, ResourceMode::Data, kind, name, argument, depth);
                }
                [kind, name, argument, ..] => {
                    self.argument(call, ResourceMode::Managed, kind, name, argument, depth);
                }
                _ => {}
            }
        }
    }

    fn variable(&mut self, call: &Call<'a>, name: &str, depth: usize) {
        if call.is_root() && self.subject.about.given.contains_key(name) {
            let at = self.subject.about.given_at.get(name).cloned();
            return self.found.extend(at.map(Origin::Set));
        }
        let argument = call.primary.call().and_then(|by| by.body().expr(name));
        match (argument, self.subject.caller(call)) {
            (Some(argument), Some(caller)) => {
                let place = argument.place();
                self.literal(caller, |slot| slot.expr().place() == place);
                self.follow(caller, argument, depth + 1);
            }
            _ => self
                .literal(call, |slot| matches!(slot.holder, Holder::Variable(v) if v.name == name)),
        }
    }

    /// Follows what is read of a resource to the argument that says so.
    fn argument(
        &mut self,
        call: &Call<'a>,
        mode: ResourceMode,
        kind: &str,
        name: &str,
        argument: &str,
        depth: usize,
    ) {
        let Some(resource) = call.module.resource(mode, kind, name) else { return };
        let Some(expr) = resource.body().expr(argument) else { return };
        let place = expr.place();
        self.literal(call, |slot| slot.expr().place() == place);
        self.follow(call, expr, depth + 1);
    }

    /// Notes the literals of the primary in the arguments that `is_it` picks.
    fn literal(&mut self, call: &Call<'a>, is_it: impl Fn(&Slot<'a>) -> bool) {
        let slots = self.subject.slots_of(call).iter();
        if slots.filter(|slot| is_it(slot)).any(|slot| self.names_primary(slot)) {
            self.found.push(Origin::Reported);
        }
    }

    fn names_primary(&self, slot: &Slot<'a>) -> bool {
        let of_primary = |region: &str| region == self.primary;
        slot.mentions().any(|(_, m)| m.kind.region().is_some_and(|r| of_primary(&r.name)))
    }

    fn output(&mut self, call: &Call<'a>, name: &str, output: &str, depth: usize) {
        let address = call.address_of(&format!("module.{name}"));
        let inner = self.subject.calls.iter().find(|known| {
            known.address.strip_prefix(&address).is_some_and(|r| r.is_empty() || r.starts_with('['))
        });
        let Some(inner) = inner else { return };
        let value = inner.module.output(output).and_then(|output| output.value.as_ref());
        let Some(value) = value else { return };
        for slot in self.subject.slots_of(inner) {
            let own = matches!(slot.holder, Holder::Output(o) if o.name == output);
            if own && self.names_primary(slot) {
                self.found.push(Origin::Set(slot.extent()));
            }
        }
        self.follow(inner, value, depth + 1);
    }
}
