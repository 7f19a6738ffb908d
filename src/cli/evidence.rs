//! Evidence packs on the disk: written, and checked.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
    home::RunFolder,
};
use crate::{
    model::text::hex,
    observe::journal::{Chain, JournalError, JournalReader},
    report::{
        Kept, Report, Style, Timeline,
        evidence::{
            CHAIN, Facts, FileSum, Flaw, JOURNAL, JournalSeal, MANIFEST, Manifest, REPORT, SCHEMA,
            SUMS, Witness, compare_chain,
        },
        show::Format,
    },
};
use anyhow::{Context, anyhow};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// The largest manifest, or chain, that is read, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// What to name.
const WHICH: &str = "Name the folder that `drctl report --evidence` made";

/// The reports of a pack.
const REPORTS: [(&str, Format); 5] = [
    (REPORT, Format::Json),
    ("report.html", Format::Html),
    ("report.junit.xml", Format::Junit),
    ("report.md", Format::Markdown),
    ("report.txt", Format::Text),
];

/// What a check of a pack found.
pub(super) struct Checked {
    /// The manifest.
    pub(super) manifest: Manifest,
    /// SHA-256 of the manifest: whoever kept it elsewhere knows that nothing was changed.
    pub(super) digest: String,
    /// What does not fit; nothing was changed when there is none.
    pub(super) flaws: Vec<Flaw>,
    /// What could not be compared, as sentences.
    pub(super) notes: Vec<String>,
}

/// Writes the pack of a run into the new folder `dir`, and returns the digest of its manifest.
pub(super) fn write(folder: &RunFolder, dir: &Path) -> Result<String, CliError> {
    let journal = fs::read(folder.journal())
        .with_context(|| format!("failed to read `{}`", folder.journal().display()))
        .or_exit(Exit::Failed)?;
    let read = read(&folder.journal())
        .map_err(|error| CliError::hinted(Exit::Failed, error, JournalError::hint))?;
    make(dir)?;
    let links: String = read.links.iter().map(|link| format!("{link}\n")).collect();
    let mut files = vec![(JOURNAL, journal), (CHAIN, links.into_bytes())];
    for (name, format) in REPORTS {
        let text = read.report.show(format, Style::default()).or_exit(Exit::Failed)?;
        files.push((name, text.into_bytes()));
    }
    files.sort_by_key(|(name, _)| *name);
    let manifest = Manifest {
        schema: SCHEMA.to_owned(),
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        facts: Facts::of(&read.report),
        journal: read.seal(),
        files: files.iter().map(|(name, bytes)| sum(name, bytes)).collect(),
    };
    let text = manifest.to_json().or_exit(Exit::Failed)?;
    let digest = sha256(text.as_bytes());
    let sums = manifest.sums(&digest);
    files.extend([(MANIFEST, text.into_bytes()), (SUMS, sums.into_bytes())]);
    for (name, bytes) in files {
        put(&dir.join(name), &bytes)?;
    }
    Ok(digest)
}

/// Checks the pack in `dir`; `link` is the last link of its chain, as it was noted elsewhere.
pub(super) fn check(
    dir: &Path,
    link: Option<&str>,
    remembered: impl Fn(&Manifest) -> Option<String>,
) -> Result<Checked, CliError> {
    let text = take(&dir.join(MANIFEST)).map_err(|error| error.hint(WHICH))?;
    let manifest = manifest(dir, &text)?;
    let there = there(dir)?;
    let mut flaws = manifest.compare(&there);
    let digest = sha256(&text);
    let sums = fs::read_to_string(dir.join(SUMS)).unwrap_or_default();
    if sums != manifest.sums(&digest) {
        flaws.push(Flaw::Sums);
    }
    let mut notes = Vec::new();
    match read(&dir.join(JOURNAL)) {
        Err(JournalError::Open { .. }) => {}
        Err(error) => {
            let why = crate::model::chain(&error).join(": ");
            flaws.push(Flaw::Journal { why });
        }
        Ok(read) => {
            let written = take(&dir.join(CHAIN)).unwrap_or_default();
            flaws.extend(compare_chain(&read.links, &String::from_utf8_lossy(&written)));
            let found = read.seal().last_link;
            let witnesses = [
                (Witness::Manifest, Some(manifest.journal.last_link.clone())),
                (Witness::CommandLine, link.map(str::to_owned)),
                (Witness::History, remembered(&manifest)),
            ];
            for (by, expected) in witnesses {
                if let Some(expected) = expected.filter(|expected| *expected != found) {
                    flaws.push(Flaw::LastLink { by, found: found.clone(), expected });
                }
            }
            if Facts::of(&read.report) != manifest.facts {
                flaws.push(Flaw::Facts);
            }
            let same_drctl = manifest.made_by == env!("CARGO_PKG_VERSION");
            let json = read.report.to_json().or_exit(Exit::Failed)?;
            if !same_drctl {
                notes.push(format!(
                    "the report was made by drctl {}, and this is {}: it was not made again",
                    manifest.made_by,
                    env!("CARGO_PKG_VERSION")
                ));
            } else if take(&dir.join(REPORT)).unwrap_or_default() != json.as_bytes() {
                flaws.push(Flaw::Report);
            }
        }
    }
    Ok(Checked { manifest, digest, flaws, notes })
}

/// A journal, read for evidence.
struct Read {
    report: Report,
    /// Every link of the chain over it.
    links: Vec<String>,
    torn: bool,
}

impl Read {
    fn seal(&self) -> JournalSeal {
        JournalSeal {
            events: self.links.len() as u64,
            last_link: self.links.last().cloned().unwrap_or_else(|| Chain::default().link()),
            torn: self.torn,
        }
    }
}

/// Reads a journal into a report that depends on nothing else.
fn read(path: &Path) -> Result<Read, JournalError> {
    let mut reader = JournalReader::open(path)?;
    let (mut timeline, mut links) = (Timeline::default(), Vec::new());
    while let Some(event) = reader.next() {
        timeline.add(&event?);
        links.push(reader.last_link());
    }
    let kept = Kept {
        journal: Some(JOURNAL.into()),
        work_copy: None,
        torn: reader.torn(),
        chain: links.last().cloned(),
    };
    Ok(Read { report: Report::new(timeline, kept), links, torn: reader.torn() })
}

/// Makes a new folder that only its owner can read: a journal names everything that there is.
fn make(dir: &Path) -> Result<(), CliError> {
    let made = fs::DirBuilder::new().mode(0o700).create(dir);
    made.with_context(|| format!("failed to make the folder `{}`", dir.display()))
        .or_exit(Exit::Usage)
        .map_err(|error| {
            error.hint("Name a folder that is not there yet, in one that can be written")
        })
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written =
        options.open(path).and_then(|mut file| std::io::Write::write_all(&mut file, bytes));
    written
        .with_context(|| format!("failed to write `{}`", path.display()))
        .or_exit(Exit::Failed)
        .map_err(|error| error.hint("Make room on the disk, remove the folder and try again"))
}

fn take(path: &Path) -> Result<Vec<u8>, CliError> {
    let cannot = || format!("failed to read `{}`", path.display());
    let size = fs::metadata(path).with_context(cannot).or_exit(Exit::Usage)?.len();
    if size > LARGEST {
        let error = anyhow!("`{}` is larger than any file of a pack", path.display());
        return Err(CliError::new(Exit::Usage, error));
    }
    fs::read(path).with_context(cannot).or_exit(Exit::Usage)
}

fn manifest(dir: &Path, text: &[u8]) -> Result<Manifest, CliError> {
    let manifest: Manifest = serde_json::from_slice(text)
        .with_context(|| format!("`{}` is no manifest of drctl", dir.join(MANIFEST).display()))
        .or_exit(Exit::Usage)
        .map_err(|error| error.hint(WHICH))?;
    if manifest.schema == SCHEMA {
        return Ok(manifest);
    }
    let error =
        anyhow!("the pack is of the form `{}`, and this drctl knows `{SCHEMA}`", manifest.schema);
    Err(CliError::new(Exit::Usage, error)
        .hint("Check it with the drctl that made it, or a newer one"))
}

/// Returns the sums of the files in a pack, but for the manifest and the file of sums.
fn there(dir: &Path) -> Result<BTreeMap<String, FileSum>, CliError> {
    let cannot = || format!("failed to read `{}`", dir.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).with_context(cannot).or_exit(Exit::Usage)? {
        let entry = entry.with_context(cannot).or_exit(Exit::Usage)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == MANIFEST || name == SUMS {
            continue;
        }
        // A link, a folder or anything else is no file of a pack, and has no sum.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let bytes = if is_file { take(&entry.path())? } else { Vec::new() };
        files.insert(name.clone(), sum(&name, &bytes));
    }
    Ok(files)
}

fn sum(name: &str, bytes: &[u8]) -> FileSum {
    FileSum { name: name.to_owned(), bytes: bytes.len() as u64, sha256: sha256(bytes) }
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
