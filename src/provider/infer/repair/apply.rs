//! Repairs, applied.

use super::{
    super::{
        settle::refine,
        shape::{Attribute, Block, Hint, Inferred, Length, is_write_only},
    },
    Repair, Step, Target,
};
use std::collections::BTreeMap;

impl Inferred {
    /// Applies a repair; false when it changes nothing, so that trying again is of no use.
    pub fn apply(&mut self, repair: &Repair) -> bool {
        let before = self.clone();
        match repair {
            Repair::Type { provider, mode, kind } => {
                self.provider(provider.clone()).type_mut(*mode, kind);
            }
            Repair::Function { provider, name } => {
                self.provider(provider.clone()).functions.entry(name.clone()).or_default();
            }
            Repair::Argument { target, path } => {
                if let Some((name, block)) = self.body(target, path) {
                    match block.blocks.get_mut(name) {
                        Some(nested) => nested.also_attribute = true,
                        None => attribute(block, name).written = true,
                    }
                }
            }
            Repair::Attribute { target, path } => read(self.target(target), path),
            Repair::Block { target, path, content } => {
                if let Some((name, block)) = self.body(target, path) {
                    let known = block.attributes.remove(name);
                    let nested = block.blocks.entry(name.clone()).or_default();
                    nested.also_attribute |= known.is_some_and(|known| known.written);
                    union(nested, content);
                }
            }
            Repair::Retype { target, path, hint } => {
                if let Some((name, block)) = self.body(target, path) {
                    let attribute = attribute(block, name);
                    attribute.written_as = hint.clone();
                    attribute.hint = hint.clone();
                    attribute.for_each_use = false;
                }
            }
        }
        *self != before
    }

    fn target(&mut self, target: &Target) -> &mut Block {
        match target {
            Target::Type { provider, mode, kind } => {
                &mut self.provider(provider.clone()).type_mut(*mode, kind).block
            }
            Target::Config { provider } => &mut self.provider(provider.clone()).config,
        }
    }

    /// Returns the last name of a path, and the block in which it belongs.
    fn body<'p>(
        &mut self,
        target: &Target,
        path: &'p [String],
    ) -> Option<(&'p String, &mut Block)> {
        let (name, blocks) = path.split_last()?;
        let mut block = self.target(target);
        for name in blocks {
            block.attributes.remove(name);
            block = block.blocks.entry(name.clone()).or_default();
        }
        Some((name, block))
    }
}

fn attribute<'b>(block: &'b mut Block, name: &str) -> &'b mut Attribute {
    let new = || Attribute { write_only: is_write_only(name), ..Attribute::default() };
    block.attributes.entry(name.to_owned()).or_insert_with(new)
}

/// Makes a path exist that is read.
fn read(block: &mut Block, path: &[Step]) {
    let Some((Step::Name(name), rest)) = path.split_first() else { return };
    if let Some(nested) = block.blocks.get_mut(name) {
        let elements = rest.iter().take_while(|step| matches!(step, Step::Element(_))).count();
        nested.single |= elements == 0 && !rest.is_empty();
        return read(nested, &rest[elements..]);
    }
    let attribute = attribute(block, name);
    attribute.read = true;
    let known = std::mem::take(&mut attribute.hint);
    attribute.hint = refine(along(rest), known);
}

/// Returns the hint of a value into which steps lead.
fn along(path: &[Step]) -> Hint {
    match path.split_first() {
        None => Hint::Unknown,
        Some((Step::Name(name), rest)) => {
            Hint::Object(BTreeMap::from([(name.clone(), along(rest))]))
        }
        Some((Step::Element(index), rest)) => Hint::List {
            of: Box::new(along(rest)),
            length: Length::AtLeast(index.map_or(0, |index| index.saturating_add(1))),
        },
    }
}

fn union(block: &mut Block, other: &Block) {
    for (name, attribute) in &other.attributes {
        if !block.blocks.contains_key(name) {
            block.attributes.entry(name.clone()).or_insert_with(|| attribute.clone());
        }
    }
    for (name, nested) in &other.blocks {
        union(block.blocks.entry(name.clone()).or_default(), nested);
    }
}
