//! `--format FORMAT` and `--write FORMAT=FILE`, the same for every command that has them.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
};
use crate::{lint, model::nearest, report};
use anyhow::{Context, anyhow};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    str::FromStr,
};
use tempfile::NamedTempFile;

/// A form of output that is asked for by name.
pub(super) trait Named: Copy + Send + Sync + 'static {
    /// What to write, for who does not know.
    const EXAMPLE: &'static str;

    /// All that there are.
    fn all() -> &'static [Self];

    /// The name, lower case.
    fn name(self) -> &'static str;
}

impl Named for lint::show::Format {
    const EXAMPLE: &'static str = "sarif=drctl.sarif";

    fn all() -> &'static [Self] {
        &Self::ALL
    }

    fn name(self) -> &'static str {
        self.name()
    }
}

impl Named for report::show::Format {
    const EXAMPLE: &'static str = "html=report.html";

    fn all() -> &'static [Self] {
        Self::ALL
    }

    fn name(self) -> &'static str {
        self.name()
    }
}

fn names<F: Named>() -> impl Iterator<Item = &'static str> {
    F::all().iter().map(|format| format.name())
}

fn find<F: Named>(name: &str) -> Option<F> {
    F::all().iter().copied().find(|format| format.name() == name)
}

/// Reads the value of `--format`.
pub(super) fn format<F: Named>() -> impl TypedValueParser<Value = F> {
    // What it lets through is a name of one.
    PossibleValuesParser::new(names::<F>())
        .try_map(|name| find::<F>(&name).ok_or("there is no such format"))
}

/// A file, and the form in which something is written to it: `FORMAT=FILE`.
#[derive(Clone, Debug)]
pub(super) struct Output<F> {
    pub(super) format: F,
    pub(super) file: PathBuf,
}

impl<F: Named> FromStr for Output<F> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) = text
            .split_once('=')
            .filter(|(_, file)| !file.is_empty())
            .ok_or_else(|| format!("write it as `FORMAT=FILE`, such as `{}`", F::EXAMPLE))?;
        let known = find(format).ok_or_else(|| match nearest(format, names::<F>()) {
            Some(near) => format!("there is no format `{format}`; did you mean `{near}`?"),
            None => {
                let names: Vec<_> = names::<F>().collect();
                format!("there is no format `{format}`; there are {}", names.join(", "))
            }
        })?;
        Ok(Self { format: known, file: file.into() })
    }
}

impl<F> Output<F> {
    /// Looks whether the file could be written, and changes nothing: a run that took half an hour
    /// must not end with a folder that is not there.
    ///
    /// # Errors
    ///
    /// Why it could not be, as far as that can be told before.
    pub(super) fn check(&self) -> Result<(), CliError> {
        writable(&self.file)
            .with_context(|| format!("the file `{}` could not be written", self.file.display()))
            .or_exit(Exit::Usage)
            .map_err(|error| error.hint("Name a file in a folder that exists and can be written"))
    }
}

fn writable(file: &Path) -> anyhow::Result<()> {
    match fs::metadata(file) {
        Ok(there) if there.is_dir() => Err(anyhow!("it is a folder")),
        Ok(there) if there.is_file() => {
            OpenOptions::new().append(true).open(file)?;
            Ok(())
        }
        // A pipe waits for its reader when it is opened.
        Ok(_) => Ok(()),
        Err(_) => {
            let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
            let folder = parent.unwrap_or(Path::new("."));
            if !folder.is_dir() {
                return Err(anyhow!("there is no folder `{}`", folder.display()));
            }
            // The error of the attempt names a file that nobody asked for.
            match NamedTempFile::new_in(folder) {
                Ok(_) => Ok(()),
                Err(error) => Err(anyhow!("nothing can be made in its folder: {}", error.kind())),
            }
        }
    }
}

/// Writes a file.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn write(file: &Path, text: &str) -> Result<(), CliError> {
    fs::write(file, text)
        .with_context(|| format!("failed to write `{}`", file.display()))
        .or_exit(Exit::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lint = Output<lint::show::Format>;

    #[test]
    fn an_output_is_a_format_and_a_file() {
        let output: Lint = "sarif=a=b.sarif".parse().unwrap();
        assert_eq!((output.format, output.file), (lint::show::Format::Sarif, "a=b.sarif".into()));
        let said = ["sarif", "sarif=", "serif=x", "pdf=x"]
            .map(|text| text.parse::<Output<report::show::Format>>().expect_err(text));
        insta::assert_snapshot!(said.join("\n"), @r"
        write it as `FORMAT=FILE`, such as `html=report.html`
        write it as `FORMAT=FILE`, such as `html=report.html`
        there is no format `serif`; there are text, json, markdown, html, junit, openmetrics, otlp
        there is no format `pdf`; there are text, json, markdown, html, junit, openmetrics, otlp
        ");
    }

    #[test]
    fn what_could_not_be_written_is_known_before() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str| {
            Output { format: (), file: folder.path().join(name) }.check().map_err(|e| e.summary())
        };
        fs::write(folder.path().join("there"), "kept").unwrap();
        assert_eq!(check("new.html"), Ok(()));
        assert_eq!(check("there"), Ok(()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
        assert_eq!(fs::read_to_string(folder.path().join("there")).unwrap(), "kept");
        assert!(check("no/such/folder.html").unwrap_err().contains("could not be written"));
        assert!(check(".").unwrap_err().ends_with("it is a folder"));
    }
}
