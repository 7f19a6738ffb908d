//! Templates: `"a-${b}"`, `%{ if … }`, heredocs, and files of `templatefile`.
//!
//! What `~` strips and what `<<-` takes away is told in terms of Terraform's tokens: in a quoted
//! string a piece of text is one, elsewhere each line of it is.

use super::{
    convert,
    expression::{Frame, certain, elements},
    value::{Pieces, Unknown, Value},
};
use crate::config::syntax::{
    Decorated, Directive, Element, Expression, HeredocTemplate, Ident, Span, Template,
};
use std::str::FromStr;
use unicode_segmentation::UnicodeSegmentation;

/// A token of a template.
enum Token<'t> {
    Text(String),
    Interpolation(&'t Expression),
    /// Up to `otherwise`, or what stands behind it.
    If {
        condition: &'t Expression,
        otherwise: usize,
        end: usize,
    },
    For {
        key: Option<&'t Decorated<Ident>>,
        value: &'t Decorated<Ident>,
        of: &'t Expression,
        end: usize,
    },
    /// `else`, `endif` and `endfor`.
    Mark,
}

impl Frame<'_, '_> {
    pub(super) fn quoted(&self, template: &Template) -> Value {
        self.template(template, false, false)
    }

    pub(super) fn heredoc(&self, heredoc: &HeredocTemplate) -> Value {
        let source = heredoc.span().zip(self.text).map(|(span, text)| text.slice(&span));
        let flush = source.map(|source| source.starts_with("<<-"));
        match (flush, source) {
            (Some(false), _) => self.template(&heredoc.template, true, false),
            (Some(true), Some(source)) => {
                // The parser takes indentation away by other rules, so it is asked again.
                let content = source.split_once('\n').map_or("", |(_, rest)| rest);
                let content = content.rfind('\n').map_or("", |end| &content[..=end]);
                match Template::from_str(content) {
                    Ok(template) => Frame { text: None, ..*self }.template(&template, true, true),
                    Err(_) => self.scope.cost().limit(),
                }
            }
            _ => self.scope.cost().limit(),
        }
    }

    /// Returns what a template comes to whose text is that of a file.
    pub(super) fn file(&self, text: &str) -> Value {
        match Template::from_str(text) {
            Ok(template) => self.template(&template, true, false),
            Err(_) => Value::Unknown(Unknown::function("templatefile")),
        }
    }

    fn template(&self, template: &Template, lines: bool, flush: bool) -> Value {
        if let Some(Element::Interpolation(only)) = template.as_single_element() {
            return self.eval(&only.expr);
        }
        let mut reader = Reader { tokens: Vec::new(), lines, strip: false };
        reader.read(template);
        let mut tokens = reader.tokens;
        if flush {
            outdent(&mut tokens);
        }
        let mut made = Pieces::default();
        match self.write(&tokens, 0, tokens.len(), &mut made) {
            Ok(()) => made.finish(),
            Err(why) => Value::Unknown(why),
        }
    }

    fn write(
        &self,
        tokens: &[Token<'_>],
        mut at: usize,
        until: usize,
        made: &mut Pieces,
    ) -> Result<(), Unknown> {
        while at < until {
            if made.len() > super::cost::TEXT || !self.scope.cost().spend(1) {
                return Err(Unknown::Limit);
            }
            match &tokens[at] {
                Token::Text(text) => made.text(text),
                Token::Mark => {}
                Token::Interpolation(node) => match certain(self.eval(node))? {
                    Value::Unknown(why) => made.unknown(&why),
                    value => made.add(&convert::text(&value)?),
                },
                Token::If { condition, otherwise, end } => {
                    let condition = convert::boolean(&self.eval(condition));
                    match condition {
                        Ok(true) => self.write(tokens, at + 1, *otherwise, made)?,
                        Ok(false) => self.write(tokens, *otherwise, *end, made)?,
                        Err(why) if why.is_invalid() => return Err(why),
                        Err(why) => made.unknown(&why),
                    }
                    at = *end;
                    continue;
                }
                Token::For { key, value, of, end } => {
                    match elements(&self.eval(of)) {
                        Err(why) if why.is_invalid() => return Err(why),
                        Err(why) => made.unknown(&why),
                        Ok(all) => {
                            for (index, item) in all {
                                self.bind(*key, value, index, item, |frame| {
                                    frame.write(tokens, at + 1, *end, made)
                                })?;
                            }
                        }
                    }
                    at = *end;
                    continue;
                }
            }
            at += 1;
        }
        Ok(())
    }
}

struct Reader<'t> {
    tokens: Vec<Token<'t>>,
    lines: bool,
    /// Whether the next token, if it is text, loses the whitespace that it begins with.
    strip: bool,
}

impl<'t> Reader<'t> {
    fn read(&mut self, template: &'t Template) {
        for element in template {
            match element {
                Element::Literal(text) if self.lines => {
                    text.split_inclusive('\n').for_each(|line| self.text(line));
                }
                Element::Literal(text) => self.text(text),
                Element::Interpolation(inner) => {
                    self.open(inner.strip.strip_start());
                    self.tokens.push(Token::Interpolation(&inner.expr));
                    self.strip = inner.strip.strip_end();
                }
                Element::Directive(directive) => match &**directive {
                    Directive::If(inner) => {
                        self.open(inner.if_expr.strip.strip_start());
                        let start = self.tokens.len();
                        let condition = &inner.if_expr.cond_expr;
                        self.tokens.push(Token::If { condition, otherwise: 0, end: 0 });
                        self.strip = inner.if_expr.strip.strip_end();
                        self.read(&inner.if_expr.template);
                        let mut otherwise = None;
                        if let Some(other) = &inner.else_expr {
                            self.open(other.strip.strip_start());
                            self.tokens.push(Token::Mark);
                            self.strip = other.strip.strip_end();
                            otherwise = Some(self.tokens.len());
                            self.read(&other.template);
                        }
                        self.open(inner.endif_expr.strip.strip_start());
                        self.tokens.push(Token::Mark);
                        self.strip = inner.endif_expr.strip.strip_end();
                        let end = self.tokens.len();
                        let otherwise = otherwise.unwrap_or(end);
                        self.tokens[start] = Token::If { condition, otherwise, end };
                    }
                    Directive::For(inner) => {
                        let intro = &inner.for_expr;
                        self.open(intro.strip.strip_start());
                        let start = self.tokens.len();
                        self.tokens.push(Token::Mark);
                        self.strip = intro.strip.strip_end();
                        self.read(&intro.template);
                        self.open(inner.endfor_expr.strip.strip_start());
                        self.tokens.push(Token::Mark);
                        self.strip = inner.endfor_expr.strip.strip_end();
                        self.tokens[start] = Token::For {
                            key: intro.key_var.as_ref(),
                            value: &intro.value_var,
                            of: &intro.collection_expr,
                            end: self.tokens.len(),
                        };
                    }
                },
            }
        }
    }

    fn text(&mut self, text: &str) {
        let text = if self.strip { text.trim_start() } else { text };
        self.strip = false;
        self.tokens.push(Token::Text(text.to_owned()));
    }

    fn open(&mut self, strip: bool) {
        self.strip = false;
        if strip && let Some(Token::Text(text)) = self.tokens.last_mut() {
            text.truncate(text.trim_end().len());
        }
    }
}

/// Takes away what all lines are indented by.
fn outdent(tokens: &mut [Token<'_>]) {
    let mut least = usize::MAX;
    let mut starts = Vec::new();
    let mut newline = true;
    for (at, token) in tokens.iter().enumerate() {
        if newline {
            newline = false;
            match token {
                Token::Text(text) => {
                    let rest = text.trim_start();
                    if !(rest.is_empty() && text.ends_with('\n')) {
                        let space = &text[..text.len() - rest.len()];
                        least = least.min(space.graphemes(true).count());
                        starts.push(at);
                    }
                }
                _ => least = 0,
            }
        }
        newline |= matches!(token, Token::Text(text) if text.ends_with('\n'));
    }
    for at in starts {
        if let Token::Text(text) = &mut tokens[at] {
            let cut: usize = text.graphemes(true).take(least).map(str::len).sum();
            text.drain(..cut);
        }
    }
}
