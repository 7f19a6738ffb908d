//! What an expression may denote.

use super::{budget::Budget, graph::Id, kinds::Kinds, shape::Kind};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// What is known of the value of an expression: of which attributes it may be the value, what was
/// built, and of which kinds. The default is a value of which nothing is known.
///
/// Values are never changed and share their parts; how deep and how wide one can get is bounded.
#[derive(Clone, Debug, Default)]
pub(super) struct Value(Option<Rc<Parts>>);

#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// The nodes whose value it may be.
    pub(super) nodes: BTreeSet<Id>,
    /// The nodes that it depends on without being their value: `a == b`, `length(x)`.
    pub(super) origins: BTreeSet<Id>,
    /// What it may be besides.
    pub(super) kinds: Kinds,
    /// The entries of an object, by name.
    pub(super) fields: BTreeMap<String, Value>,
    /// What any element is, also any entry whose name is not known.
    pub(super) element: Value,
    /// The value itself, if it is one string or whole number.
    pub(super) constant: Option<Constant>,
    /// How many values are inside each other; [`Value::new`] sets it.
    pub(super) depth: usize,
}

/// A value that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    Text(Rc<str>),
    Number(usize),
}

/// Deeper values lose what is inside.
const MAX_DEPTH: usize = 24;

/// Of how many nodes it is kept that a value depends on them.
const MAX_ORIGINS: usize = 16;

impl Value {
    pub(super) fn new(mut parts: Parts) -> Self {
        let inside = |value: &Self| value.0.as_ref().map_or(0, |parts| parts.depth + 1);
        let fields = parts.fields.values().map(inside).max().unwrap_or(0);
        parts.depth = fields.max(inside(&parts.element));
        if parts.depth > MAX_DEPTH {
            parts = Parts { nodes: parts.nodes, kinds: parts.kinds, ..Parts::default() };
        }
        Self(Some(Rc::new(parts)))
    }

    pub(super) fn node(id: Id) -> Self {
        Self::new(Parts { nodes: [id].into(), ..Parts::default() })
    }

    pub(super) fn kind(kind: Kind) -> Self {
        Self::new(Parts { kinds: Kinds::of(kind), ..Parts::default() })
    }

    pub(super) fn text(text: &str) -> Self {
        let kinds = Kinds::of(super::kinds::of_literal(text));
        Self::new(Parts { kinds, constant: Some(Constant::Text(text.into())), ..Parts::default() })
    }

    pub(super) fn number(number: Option<usize>) -> Self {
        let constant = number.map(Constant::Number);
        Self::new(Parts { kinds: Kinds::of(Kind::Number), constant, ..Parts::default() })
    }

    /// Returns a list, a set or a map of equal elements.
    pub(super) fn of(kind: Kind, element: Self) -> Self {
        Self::new(Parts { kinds: Kinds::of(kind), element, ..Parts::default() })
    }

    pub(super) fn object(fields: BTreeMap<String, Self>) -> Self {
        Self::new(Parts { kinds: Kinds::of(Kind::Object), fields, ..Parts::default() })
    }

    pub(super) fn parts(&self) -> Option<&Parts> {
        self.0.as_deref()
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = Id> + '_ {
        self.parts().into_iter().flat_map(|parts| parts.nodes.iter().copied())
    }

    pub(super) fn kinds(&self) -> Kinds {
        self.parts().map_or(Kinds::NONE, |parts| parts.kinds)
    }

    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        self.parts()?.fields.get(name)
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&String, &Self)> {
        self.parts().into_iter().flat_map(|parts| &parts.fields)
    }

    pub(super) fn element(&self) -> Self {
        self.parts().map(|parts| parts.element.clone()).unwrap_or_default()
    }

    pub(super) fn constant_text(&self) -> Option<Rc<str>> {
        match self.parts()?.constant.as_ref()? {
            Constant::Text(text) => Some(text.clone()),
            Constant::Number(_) => None,
        }
    }

    pub(super) fn constant_number(&self) -> Option<usize> {
        match self.parts()?.constant.as_ref()? {
            Constant::Text(_) => None,
            Constant::Number(number) => Some(*number),
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.parts().is_none_or(|parts| {
            parts.nodes.is_empty()
                && parts.kinds.is_empty()
                && parts.fields.is_empty()
                && parts.element.0.is_none()
        })
    }

    /// Every node that it is the value of, or depends on.
    pub(super) fn influences(&self) -> BTreeSet<Id> {
        let Some(parts) = self.parts() else { return BTreeSet::new() };
        parts.nodes.union(&parts.origins).copied().collect()
    }

    /// Returns the same value, which depends on `others`, too.
    pub(super) fn from<'a>(self, others: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut origins = self.parts().map(|parts| parts.origins.clone()).unwrap_or_default();
        let known = origins.len();
        for other in others {
            if let Some(parts) = other.parts() {
                let more = parts.nodes.iter().chain(&parts.origins).copied();
                origins.extend(more.take(MAX_ORIGINS.saturating_sub(origins.len())));
            }
        }
        if origins.len() == known {
            return self;
        }
        let parts = self.parts().cloned().unwrap_or_default();
        Self::new(Parts { origins, ..parts })
    }

    /// Returns the same value, with other kinds.
    pub(super) fn as_kinds(&self, kinds: Kinds) -> Self {
        Self::new(Parts { kinds, ..self.parts().cloned().unwrap_or_default() })
    }

    /// Returns what may be the one or the other.
    pub(super) fn join(&self, other: &Self, budget: &mut Budget) -> Self {
        let (Some(left), Some(right)) = (&self.0, &other.0) else {
            return if self.0.is_some() { self.clone() } else { other.clone() };
        };
        let cost = 1 + left.nodes.len().min(right.nodes.len()) + left.fields.len();
        if Rc::ptr_eq(left, right) || !budget.spend(cost) {
            return self.clone();
        }
        let mut fields = left.fields.clone();
        for (name, value) in &right.fields {
            match fields.get_mut(name) {
                Some(known) => *known = known.join(value, budget),
                None => {
                    fields.insert(name.clone(), value.clone());
                    budget.spend(1);
                }
            }
        }
        let origins = left.origins.union(&right.origins).copied().take(MAX_ORIGINS).collect();
        Self::new(Parts {
            nodes: left.nodes.union(&right.nodes).copied().collect(),
            origins,
            kinds: left.kinds.with(right.kinds),
            fields,
            element: left.element.join(&right.element, budget),
            constant: left.constant.clone().filter(|_| left.constant == right.constant),
            depth: 0,
        })
    }

    /// Returns what may be any of them.
    pub(super) fn join_all<'a>(
        values: impl IntoIterator<Item = &'a Self>,
        budget: &mut Budget,
    ) -> Self {
        values.into_iter().fold(Self::default(), |joined, value| joined.join(value, budget))
    }
}
