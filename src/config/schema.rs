//! Which objects of a `.tf.json` file are blocks, and how its strings are read.
//!
//! Terraform's own language is known; what a provider defines is not, so an object inside a
//! resource becomes the value of an attribute. The shapes follow the page "JSON Configuration
//! Syntax" of the Terraform language documentation.

/// How a string of a `.tf.json` file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// `"${…}"` and `"%{…}"` are templates.
    Template,
    /// Nothing in it has a meaning.
    Literal,
    /// The whole string is an expression, such as `aws_vpc.main` or `list(string)`.
    Expression,
    /// An entry of `required_providers`: literal, but for its `configuration_aliases`.
    Requirement,
}

/// What can stand in a body.
#[derive(Debug)]
pub(super) struct Shape {
    blocks: &'static [BlockShape],
    strings: &'static [(&'static str, Reading)],
    others: Reading,
}

/// A kind of block.
#[derive(Debug)]
pub(super) struct BlockShape {
    kind: &'static str,
    /// How many labels it has.
    pub(super) labels: usize,
    pub(super) body: &'static Shape,
}

impl Shape {
    /// Returns the block that a property stands for, if it is one.
    pub(super) fn block(&self, name: &str) -> Option<&'static BlockShape> {
        self.blocks.iter().find(|block| block.kind == name)
    }

    /// Returns how the strings of an attribute are read.
    pub(super) fn reading(&self, name: &str) -> Reading {
        self.strings.iter().find(|(known, _)| *known == name).map_or(self.others, |found| found.1)
    }
}

const fn block(kind: &'static str, labels: usize, body: &'static Shape) -> BlockShape {
    BlockShape { kind, labels, body }
}

const fn plain(others: Reading) -> Shape {
    Shape { blocks: &[], strings: &[], others }
}

use Reading::{Expression, Literal, Requirement, Template};

static TEMPLATES: Shape = plain(Template);
static LITERALS: Shape = plain(Literal);
static EXPRESSIONS: Shape = plain(Expression);

/// A whole file.
pub(super) static FILE: Shape = Shape {
    blocks: &[
        block("terraform", 0, &TERRAFORM),
        block("provider", 1, &PROVIDER),
        block("variable", 1, &VARIABLE),
        block("locals", 0, &TEMPLATES),
        block("output", 1, &OUTPUT),
        block("resource", 2, &RESOURCE),
        block("data", 2, &RESOURCE),
        block("ephemeral", 2, &RESOURCE),
        block("module", 1, &MODULE),
        block("moved", 0, &EXPRESSIONS),
        block("import", 0, &IMPORT),
        block("removed", 0, &REMOVED),
        block("check", 1, &CHECK),
    ],
    strings: &[],
    others: Template,
};

static TERRAFORM: Shape = Shape {
    blocks: &[
        block("backend", 1, &LITERALS),
        block("cloud", 0, &CLOUD),
        block("required_providers", 0, &REQUIRED_PROVIDERS),
        block("provider_meta", 1, &TEMPLATES),
    ],
    strings: &[],
    others: Literal,
};

static CLOUD: Shape =
    Shape { blocks: &[block("workspaces", 0, &LITERALS)], strings: &[], others: Literal };

static REQUIRED_PROVIDERS: Shape = plain(Requirement);

static PROVIDER: Shape =
    Shape { blocks: &[], strings: &[("alias", Literal), ("version", Literal)], others: Template };

static VARIABLE: Shape = Shape {
    blocks: &[block("validation", 0, &TEMPLATES)],
    strings: &[("type", Expression)],
    others: Literal,
};

static OUTPUT: Shape = Shape {
    blocks: &[block("precondition", 0, &TEMPLATES)],
    strings: &[("depends_on", Expression), ("description", Literal)],
    others: Template,
};

static RESOURCE: Shape = Shape {
    blocks: &[
        block("lifecycle", 0, &LIFECYCLE),
        block("provisioner", 1, &PROVISIONER),
        block("connection", 0, &TEMPLATES),
        block("dynamic", 1, &DYNAMIC),
    ],
    strings: &[("depends_on", Expression), ("provider", Expression)],
    others: Template,
};

static LIFECYCLE: Shape = Shape {
    blocks: &[block("precondition", 0, &TEMPLATES), block("postcondition", 0, &TEMPLATES)],
    strings: &[("ignore_changes", Expression), ("replace_triggered_by", Expression)],
    others: Template,
};

static PROVISIONER: Shape = Shape {
    blocks: &[block("connection", 0, &TEMPLATES)],
    strings: &[("when", Expression), ("on_failure", Expression)],
    others: Template,
};

static DYNAMIC: Shape = Shape {
    blocks: &[block("content", 0, &CONTENT)],
    strings: &[("iterator", Expression)],
    others: Template,
};

static CONTENT: Shape =
    Shape { blocks: &[block("dynamic", 1, &DYNAMIC)], strings: &[], others: Template };

static MODULE: Shape = Shape {
    blocks: &[],
    strings: &[
        ("source", Literal),
        ("version", Literal),
        ("providers", Expression),
        ("depends_on", Expression),
    ],
    others: Template,
};

static IMPORT: Shape = Shape {
    blocks: &[],
    strings: &[("to", Expression), ("provider", Expression)],
    others: Template,
};

static REMOVED: Shape = Shape {
    blocks: &[block("lifecycle", 0, &TEMPLATES), block("provisioner", 1, &PROVISIONER)],
    strings: &[("from", Expression)],
    others: Template,
};

static CHECK: Shape = Shape {
    blocks: &[block("data", 2, &RESOURCE), block("assert", 0, &TEMPLATES)],
    strings: &[],
    others: Template,
};
