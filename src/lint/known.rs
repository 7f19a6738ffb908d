//! What arguments come to, asked briefly.

use super::subject::Call;
use crate::{
    catalogue::Catalogue,
    config::{
        body::{Block, Body},
        eval::{Scope, Value},
        expression::Expr,
        module::{Resource, ResourceMode},
    },
};

/// Returns the string that an expression comes to, if it is one and known.
pub(crate) fn text(scope: &Scope<'_>, expr: &Expr) -> Option<String> {
    expr.literal_string().or_else(|| scope.value(expr).text().map(str::to_owned))
}

/// Returns the truth value that an expression comes to; Terraform also takes `"true"` for one.
pub(crate) fn truth(scope: &Scope<'_>, expr: &Expr) -> Option<bool> {
    let of_text = |text: &str| match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let evaluated = || match scope.value(expr) {
        Value::Bool(value) => Some(value),
        Value::String(text) => of_text(&text),
        _ => None,
    };
    expr.boolean().ok().or_else(evaluated)
}

/// Returns the number that an expression comes to; Terraform also takes `"7"` for one.
pub(crate) fn number(scope: &Scope<'_>, expr: &Expr) -> Option<f64> {
    let evaluated = || match scope.value(expr) {
        Value::Number(number) => Some(number.as_f64()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    expr.number().ok().and_then(|number| number.as_f64()).or_else(evaluated)
}

/// Whether a body has a block or an argument of a name, so that somebody thought of it.
pub(crate) fn says(body: &Body, name: &str) -> bool {
    let empty = |expr: &Expr| matches!(expr.source(), "null" | "\"\"" | "[]");
    body.blocks().iter().any(|block| block.made_kind() == name)
        || body.expr(name).is_some_and(|expr| !empty(expr))
}

/// Returns what stands in the blocks of a kind, and in those that a `dynamic` block makes.
pub(crate) fn blocks<'a>(
    body: &'a Body,
    kind: &'static str,
) -> impl Iterator<Item = (&'a Block, &'a Body)> {
    body.blocks().iter().filter(move |block| block.made_kind() == kind).map(|block| {
        let content = block.body().blocks_of("content").next();
        (block, content.filter(|_| block.kind() == "dynamic").unwrap_or(block).body())
    })
}

/// Whether there is a resource at all in the primary, as far as that is known.
pub(crate) fn is_made(call: &Call<'_>, resource: &Resource) -> bool {
    !call.primary.instances(resource.body()).is_empty()
}

/// Whether something of a type is a managed resource that lives in a region.
pub(crate) fn is_regional(resource: &Resource) -> bool {
    resource.mode == ResourceMode::Managed && !Catalogue::builtin().is_global(&resource.kind)
}

/// Whether a name has one of some words in it, taken apart at what is neither letter nor digit.
pub(crate) fn has_word(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    let mut parts = name.split(|c: char| !c.is_ascii_alphanumeric());
    parts.any(|part| words.contains(&part))
}
