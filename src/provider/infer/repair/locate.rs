//! Where in the configuration a diagnostic points.

use super::super::{
    manifest::normal,
    repair::{Step, Target},
    shape::{Block as Shape, Mode},
    tree::Instance,
};
use crate::config::{
    body::{Attribute, Block, Body},
    file::SourceFile,
    module::Module,
};
use std::path::Path;

/// A place in a module, and the blocks around it.
pub(super) struct Located<'m> {
    module: Instance<'m>,
    file: &'m SourceFile,
    /// From the outermost.
    blocks: Vec<&'m Block>,
    offset: usize,
}

impl<'m> Located<'m> {
    /// Finds the byte `offset` of a file that is named as from the folder `stack`.
    pub(super) fn find(
        modules: &[&'m Module],
        stack: &Path,
        file: &str,
        offset: usize,
    ) -> Option<Self> {
        let path = normal(&stack.join(file));
        let (module, file) = modules.iter().find_map(|module| {
            let file = module.files.iter().find(|file| normal(file.path()) == path)?;
            Some((*module, file))
        })?;
        let (mut blocks, mut body) = (Vec::new(), file.body());
        while let Some(inner) = body.blocks().iter().find(|b| b.range().contains(&offset)) {
            blocks.push(inner);
            body = inner.body();
        }
        Some(Self { module: Instance::new(module, None), file, blocks, offset })
    }

    /// Returns the module's provider of a local name.
    pub(super) fn provider(&self, name: &str) -> super::super::address::ProviderAddress {
        self.module.provider(name)
    }

    /// Returns what the outermost blocks belong to, and the nested blocks below.
    pub(super) fn target(&self) -> Option<(Target, Vec<String>)> {
        // A data source can stand in a `check`.
        let start = usize::from(self.blocks.first()?.kind() == "check");
        let outer = self.blocks.get(start)?;
        let target = match (outer.kind(), outer.label(0), outer.label(1)) {
            ("resource", Some(kind), Some(name)) => self.type_of(Mode::Managed, kind, name)?,
            ("data", Some(kind), Some(name)) => self.type_of(Mode::Data, kind, name)?,
            ("ephemeral", Some(kind), Some(name)) => self.type_of(Mode::Ephemeral, kind, name)?,
            ("provider", Some(name), _) => Target::Config { provider: self.module.provider(name) },
            _ => return None,
        };
        let nested = self.blocks[start + 1..].iter().filter_map(|block| match block.kind() {
            "content" => None,
            "dynamic" => block.label(0).map(str::to_owned),
            kind => Some(kind.to_owned()),
        });
        Some((target, nested.collect()))
    }

    fn type_of(&self, mode: Mode, kind: &str, name: &str) -> Option<Target> {
        let declared = self.module.resources.get(&(mode, kind, name))?;
        let provider = declared.provider.clone();
        Some(Target::Type { provider, mode, kind: kind.to_owned() })
    }

    /// Returns the attribute in which the place is.
    pub(super) fn attribute(&self) -> Option<&'m Attribute> {
        let body = self.blocks.last().map_or(self.file.body(), |block| block.body());
        body.attributes().iter().find(|attribute| attribute.range().contains(&self.offset))
    }

    /// Returns the blocks of the names `path` that stand at the place, as a shape without hints.
    pub(super) fn content(&self) -> Shape {
        self.blocks.last().map(|block| skeleton(block.body(), 0)).unwrap_or_default()
    }

    /// Returns the reference that ends at the place: what it leads to, and the steps from there.
    pub(super) fn reference(&self) -> Option<(Target, Vec<Step>)> {
        let text = self.file.text().as_str().get(..self.offset)?;
        let mut steps = steps_before(text)?.into_iter();
        let mut name = || match steps.next()? {
            Step::Name(name) => Some(name),
            Step::Element(_) => None,
        };
        let target = match name()?.as_str() {
            "self" => self.target()?.0,
            "data" => self.type_of(Mode::Data, &name()?, &name()?)?,
            "ephemeral" => self.type_of(Mode::Ephemeral, &name()?, &name()?)?,
            kind => self.type_of(Mode::Managed, kind, &name()?)?,
        };
        let repeated = matches!(steps.as_slice().first(), Some(Step::Element(_)));
        Some((target, steps.skip(usize::from(repeated)).collect()))
    }
}

/// Reads a path such as `aws_vpc.main[0].tags["a"]` at the end of a text.
fn steps_before(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        if let Some(inside) = rest.strip_suffix(']') {
            let open = inside.rfind('[')?;
            let index = inside[open + 1..].trim();
            let name = index.strip_prefix('"').and_then(|index| index.strip_suffix('"'));
            steps.push(match name {
                Some(name) => Step::Name(name.to_owned()),
                None => Step::Element(index.parse().ok()),
            });
            rest = &inside[..open];
            continue;
        }
        let start = rest
            .char_indices()
            .rev()
            .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '-' | '*'))
            .last()?
            .0;
        let word = &rest[start..];
        steps.push(match word {
            "*" => Step::Element(None),
            word => match word.parse() {
                Ok(number) => Step::Element(Some(number)),
                Err(_) => Step::Name(word.to_owned()),
            },
        });
        rest = &rest[..start];
        match rest.strip_suffix('.') {
            Some(before) => rest = before,
            None => break,
        }
    }
    steps.reverse();
    Some(steps)
}

/// Returns the names that a body writes. Deeper blocks than people write are left out.
fn skeleton(body: &Body, depth: usize) -> Shape {
    let mut shape = Shape::default();
    if depth == 16 {
        return shape;
    }
    for attribute in body.attributes() {
        let known = super::super::shape::Attribute { written: true, ..Default::default() };
        shape.attributes.insert(attribute.name().to_owned(), known);
    }
    for block in body.blocks() {
        let (name, body) = match (block.kind(), block.label(0)) {
            ("dynamic", Some(name)) => match block.body().blocks_of("content").next() {
                Some(content) => (name, content.body()),
                None => continue,
            },
            (name, _) => (name, block.body()),
        };
        shape.blocks.insert(name.to_owned(), skeleton(body, depth + 1));
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_before_a_place_is_read() {
        let path = |text: &str| {
            let steps = steps_before(text)?;
            Some(steps.iter().map(|step| format!("{step:?}")).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(
            path("value = \"${aws_vpc.main[0].tags[\"a\"]").unwrap(),
            "Name(\"aws_vpc\") Name(\"main\") Element(Some(0)) Name(\"tags\") Name(\"a\")"
        );
        assert_eq!(path("[x.y.*.z[each.key]").unwrap().matches("Element(None)").count(), 2);
        assert_eq!(path("f(x)"), None);
    }
}
