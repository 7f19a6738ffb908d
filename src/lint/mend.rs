//! Splices that rules put into their fixes.

use crate::{
    config::{
        expression::Expr,
        file::SourceFile,
        module::{Module, ResourceMode},
    },
    model::finding::{Fix, Splice},
};
use std::{ops::Range, path::Path};

/// Something to write for the region, and what must be declared for it.
pub(crate) struct RegionWord {
    /// The expression, such as `data.aws_region.current.region`.
    pub(crate) expr: String,
    /// The declaration that is still missing.
    pub(crate) declares: Option<Splice>,
}

/// Returns what a module of the AWS provider writes for the region that it is in: the variable
/// that its provider block takes it from, or a data source of the default provider.
///
/// `None` when there is no file to declare a data source in, or one of another provider
/// configuration has its name.
pub(crate) fn aws_region(module: &Module) -> Option<RegionWord> {
    let from_variable = || {
        let name = module.provider("aws", None)?.region.as_ref()?.variable_name()?;
        Some(RegionWord { expr: format!("var.{name}"), declares: None })
    };
    from_variable().or_else(|| region_data(module))
}

/// Returns the data source that tells the region of the default AWS provider.
fn region_data(module: &Module) -> Option<RegionWord> {
    let attribute = if speaks_version_six(module) { "region" } else { "name" };
    let mut known =
        module.resources.iter().filter(|r| r.mode == ResourceMode::Data && r.kind == "aws_region");
    let plain = known.clone().find(|r| {
        r.provider.is_none() && r.body().attributes().is_empty() && r.body().blocks().is_empty()
    });
    if let Some(plain) = plain {
        let expr = format!("data.aws_region.{}.{attribute}", plain.name);
        return Some(RegionWord { expr, declares: None });
    }
    if known.any(|r| r.name == "current") {
        return None;
    }
    let declares = append(home(module)?, "data \"aws_region\" \"current\" {}\n");
    Some(RegionWord {
        expr: format!("data.aws_region.current.{attribute}"),
        declares: Some(declares),
    })
}

/// Whether a module asks for version 6 of the AWS provider or a later one, in which the data
/// source's `name` gave way to `region`: the provider's upgrade guide for version 6.
fn speaks_version_six(module: &Module) -> bool {
    let aws = module.required_providers.iter().find(|required| required.name == "aws");
    let version = aws.and_then(|required| required.version.as_deref()).unwrap_or_default();
    let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    let major = digits.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    major.parse::<u32>().is_ok_and(|major| major >= 6)
}

/// Returns the file of a module that new declarations go to: `main.tf`, or else the first.
pub(crate) fn home(module: &Module) -> Option<&SourceFile> {
    let hcl = |file: &&SourceFile| file.path().extension().is_some_and(|e| e == "tf");
    let main = module.files.iter().find(|file| file.path().ends_with("main.tf"));
    main.or_else(|| module.files.iter().find(hcl))
}

/// Returns the splice that adds a declaration at the end of a file.
pub(crate) fn append(file: &SourceFile, declaration: &str) -> Splice {
    let text = file.text();
    let end = text.as_str().len();
    let gap = if text.as_str().ends_with('\n') { "\n" } else { "\n\n" };
    Splice { at: text.extent_of(end..end), text: format!("{gap}{declaration}") }
}

/// Returns the splice that replaces bytes of the file in which an expression stands.
pub(crate) fn replace(expr: &Expr, range: Range<usize>, with: impl Into<String>) -> Splice {
    Splice { at: expr.text().extent_of(range), text: with.into() }
}

/// Returns the fix that puts the region of the AWS provider in the place of a literal one.
///
/// `inside` is a part of a string; otherwise `range` is a whole string with its quotes.
pub(crate) fn aws_region_for(
    module: &Module,
    expr: &Expr,
    range: Range<usize>,
    inside: bool,
) -> Option<Fix> {
    if is_json(expr) || !uses_aws(module) {
        return None;
    }
    let word = aws_region(module)?;
    let text = if inside { format!("${{{}}}", word.expr) } else { word.expr.clone() };
    let mut splices = vec![replace(expr, range, text)];
    splices.extend(word.declares);
    Some(Fix { title: format!("Write `{}` instead", word.expr), splices })
}

/// Whether a module has the AWS provider already: to ask it for its region must not bring it in.
fn uses_aws(module: &Module) -> bool {
    module.provider("aws", None).is_some()
        || module.required_providers.iter().any(|required| required.name == "aws")
        || module.resources.iter().any(|resource| resource.provider_key() == "aws")
}

/// Whether an expression stands in a `.tf.json` file, which is not spliced.
pub(crate) fn is_json(expr: &Expr) -> bool {
    is_json_file(expr.text().path())
}

/// Whether a file is of Terraform's JSON syntax.
pub(crate) fn is_json_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}
