//! The syntax tree of an expression.
//!
//! Every node knows its span, which [`SourceText`](super::text::SourceText) turns into a place. Two
//! things in the tree differ from the file, both on purpose:
//!
//! * An object literal of more than 4,096 entries is a call of `merge` with smaller ones, since the
//!   parser's time grows with the square of an object's size.
//! * Whitespace and comments (`Decor`) may have been blanked by a repair. Comments are taken from
//!   [`SourceFile::comments`](super::file::SourceFile::comments), text from the source.

pub use hcl::edit::expr::{
    Array, BinaryOp, BinaryOperator, Conditional, Expression, ForCond, ForExpr, ForIntro, FuncArgs,
    FuncCall, FuncName, Object, ObjectKey, ObjectValue, Parenthesis, Splat, Traversal,
    TraversalOperator, UnaryOp, UnaryOperator,
};
pub use hcl::edit::template::{
    Directive, Element, ElseTemplateExpr, ForDirective, ForTemplateExpr, HeredocTemplate,
    IfDirective, IfTemplateExpr, Interpolation, StringTemplate, Template,
};
pub use hcl::edit::visit;
pub use hcl::edit::{Decorated, Formatted, Ident, Number, Span, Spanned};
