//! How many instances a block makes, as far as the code tells.

use super::Copies;
use crate::config::{
    body::Body,
    eval::{Scope, Value},
    expression::Expr,
    module::ModuleCall,
};
use std::collections::BTreeMap;

impl Copies {
    pub(super) const ONE: Self = Self { number: 1, known: true };

    fn known(number: usize) -> Self {
        Self { number, known: true }
    }

    fn times(self, other: Self) -> Self {
        let number = self.number.saturating_mul(other.number);
        // Nothing, however often, is certainly nothing.
        let zero = (self.known && self.number == 0) || (other.known && other.number == 0);
        Self { number, known: self.known && other.known || zero }
    }
}

/// A module as one or more of its instances see it.
pub(super) struct View<'m> {
    /// What its expressions come to; `None` when the evaluator does not reach the module.
    pub(super) scope: Option<Scope<'m>>,
    /// How many instances see it so.
    pub(super) copies: Copies,
}

/// Returns how many instances of a block there are over all instances of its module.
pub(super) fn copies(views: &[View<'_>], body: &Body) -> Copies {
    views.iter().fold(Copies::known(0), |sum, view| {
        let own = view.copies.times(count(view.scope.as_ref(), body));
        Copies { number: sum.number.saturating_add(own.number), known: sum.known && own.known }
    })
}

/// Returns how the instances of a called module see it, call by call.
pub(super) fn called<'m>(views: &[View<'m>]) -> BTreeMap<String, Vec<(usize, Scope<'m>)>> {
    let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (index, view) in views.iter().enumerate() {
        for scope in view.scope.iter().flat_map(Scope::children) {
            let plain = crate::model::resource::without_keys(scope.address());
            let name = plain.rsplit('.').next().unwrap_or_default().to_owned();
            found.entry(name).or_default().push((index, scope));
        }
    }
    found
}

/// Returns the views of the module behind `call`, of which the evaluator reaches `scopes`.
pub(super) fn behind<'m>(
    views: &[View<'m>],
    call: &ModuleCall,
    scopes: &[(usize, Scope<'m>)],
) -> Vec<View<'m>> {
    let mut behind = Vec::new();
    for (index, view) in views.iter().enumerate() {
        let number = count(view.scope.as_ref(), call.body());
        let mut own = scopes.iter().filter(|(of, _)| *of == index).map(|(_, scope)| scope.clone());
        if number.known && number.number > 1 && own.clone().count() == number.number {
            behind.extend(own.map(|scope| View { scope: Some(scope), copies: view.copies }));
        } else {
            // One scope, or none, stands for all.
            behind.push(View { scope: own.next(), copies: view.copies.times(number) });
        }
    }
    behind
}

fn count(scope: Option<&Scope<'_>>, body: &Body) -> Copies {
    let Some(expr) = body.expr("count").or_else(|| body.expr("for_each")) else {
        return Copies::ONE;
    };
    // Most are literals, and need no evaluation.
    let evaluated = || scope.and_then(|scope| size(&scope.value(expr)));
    if let Some(number) = written(expr).or_else(evaluated) {
        return Copies::known(number);
    }
    match scope.map(|scope| scope.instances(body).len()) {
        // One can also stand for a number that is not known.
        Some(number) if number != 1 => Copies::known(number),
        _ => Copies { number: 1, known: false },
    }
}

fn written(expr: &Expr) -> Option<usize> {
    match expr.literal()? {
        serde_json::Value::Number(number) => number.as_u64()?.try_into().ok(),
        serde_json::Value::Object(entries) => Some(entries.len()),
        _ => None,
    }
}

fn size(value: &Value) -> Option<usize> {
    match value {
        Value::Number(number) => number.as_usize(),
        Value::Map(entries) => Some(entries.len()),
        Value::Set(elements) => Some(elements.len()),
        _ => None,
    }
}
