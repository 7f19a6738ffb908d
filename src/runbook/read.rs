//! From the text of `drctl.hcl` to a [`Runbook`], with every mistake on the way.

use super::{
    ChaosGroup, Command, Deploy, DeployKind, Drill, Failback, Global, Kong, Mistake, Notify,
    PARALLELISM, Probe, RecoveryPoint, Region, Runbook, Service, Simulated, Site, SiteKind, Stack,
    Step, ToldBy, Watch, Work, check, reader::Reader,
};
use crate::{
    config::{
        body::{Block, Body},
        file::SourceFile,
    },
    model::{finding::Place, redirect::Decision, step::StepId},
};
use std::{path::Path, time::Duration};

/// The blocks at the top of a runbook.
const BLOCKS: &[&str] = &[
    "service",
    "region",
    "stack",
    "command",
    "container",
    "compose",
    "kubernetes",
    "helm",
    "dns",
    "docker",
    "cluster",
    "probe",
    "recovery_point",
    "global",
    "simulate",
    "watch",
    "notify",
    "drill",
    "chaos",
    "kong",
    "failback",
];

/// How long the program of a recovery point may take.
const RECOVERY_POINT_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads and checks a runbook.
pub(super) fn runbook(path: &Path, text: &[u8], region: &str) -> Result<Runbook, Vec<Mistake>> {
    let file = SourceFile::parse(path, text, None)
        .map_err(|unparsed| vec![Mistake::new(unparsed.place, unparsed.message)])?;
    let mut mistakes = Vec::new();
    top(file.body(), path, &mut mistakes);
    let runbook = Runbook {
        service: service(file.body(), path, &mut mistakes),
        regions: file
            .body()
            .blocks_of("region")
            .filter_map(|b| region_block(b, &mut mistakes))
            .collect(),
        steps: steps(file.body(), region, &mut mistakes),
        sites: sites(file.body(), &mut mistakes),
        probes: file
            .body()
            .blocks_of("probe")
            .filter_map(|b| Probe::read(b, &mut mistakes))
            .collect(),
        recovery_points: file
            .body()
            .blocks_of("recovery_point")
            .filter_map(|b| recovery_point(b, &mut mistakes))
            .collect(),
        globals: file.body().blocks_of("global").filter_map(|b| global(b, &mut mistakes)).collect(),
        simulate: file
            .body()
            .blocks_of("simulate")
            .filter_map(|b| simulate(b, &mut mistakes))
            .collect(),
        watch: only(file.body(), "watch", &mut mistakes)
            .map(|block| Watch::read(block, &mut mistakes))
            .unwrap_or_default(),
        notify: file
            .body()
            .blocks_of("notify")
            .filter_map(|b| Notify::read(b, &mut mistakes))
            .collect(),
        drill: only(file.body(), "drill", &mut mistakes)
            .map(|block| Drill::read(block, &mut mistakes))
            .unwrap_or_default(),
        chaos: file
            .body()
            .blocks_of("chaos")
            .filter_map(|b| ChaosGroup::read(b, region, &mut mistakes))
            .collect(),
        kong: only(file.body(), "kong", &mut mistakes)
            .and_then(|block| Kong::read(block, &mut mistakes)),
        failback: only(file.body(), "failback", &mut mistakes)
            .map(|block| Failback::read(block, &mut mistakes)),
    };
    let runbook = check::runbook(runbook, file.body(), &mut mistakes);
    if mistakes.is_empty() {
        return Ok(runbook);
    }
    mistakes.sort();
    mistakes.dedup();
    Err(mistakes)
}

/// Finds what does not belong at the top.
fn top(body: &Body, path: &Path, mistakes: &mut Vec<Mistake>) {
    for attribute in body.attributes() {
        let message = format!("`{}` does not belong at the top of a runbook", attribute.name());
        mistakes.push(Mistake::new(attribute.place(), message));
    }
    for block in body.blocks().iter().filter(|block| !BLOCKS.contains(&block.kind())) {
        let message = format!("a runbook has no block `{}`", block.kind());
        mistakes.push(
            Mistake::new(block.place(), message).instead_of(block.kind(), BLOCKS.iter().copied()),
        );
    }
    if body.blocks_of("service").next().is_none() {
        let place = Place { file: path.to_owned(), line: 1, column: 1 };
        mistakes.push(
            Mistake::new(place, "the runbook has no `service` block")
                .hint("Begin with `service \"NAME\" { rto = \"30m\" }`"),
        );
    }
}

/// Returns the one block of a kind that a runbook has once at most.
fn only<'a>(body: &'a Body, kind: &'a str, mistakes: &mut Vec<Mistake>) -> Option<&'a Block> {
    let mut blocks = body.blocks_of(kind);
    let first = blocks.next();
    for other in blocks {
        let message = format!("a runbook has one `{kind}` block, and this is a second");
        mistakes.push(Mistake::new(other.place(), message));
    }
    first
}

fn service(body: &Body, path: &Path, mistakes: &mut Vec<Mistake>) -> Service {
    let mut blocks = body.blocks_of("service");
    let Some(block) = blocks.next() else { return Service::default() };
    for other in blocks {
        let message = format!("`{}` describes one service, and this is a second", path.display());
        mistakes.push(Mistake::new(other.place(), message));
    }
    let known = ["rto", "rpo", "availability", "primary", "grace", "verify_within"];
    let mut reader = Reader::new(block, &known, &[], mistakes);
    Service {
        name: reader.labels(&["NAME"]).map(|l| l[0].to_owned()).unwrap_or_default(),
        rto_at: reader.expr("rto").map(|expr| expr.text().extent_of(expr.range())),
        rto: reader.parsed("rto"),
        rpo: reader.parsed("rpo"),
        availability: reader.parsed("availability"),
        primary: reader.string("primary").map(|(name, _)| name),
        grace: reader.duration("grace"),
        verify_within: reader.duration("verify_within"),
    }
}

fn region_block(block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Region> {
    let known = ["variables", "var_files", "replace"];
    let mut reader = Reader::new(block, &known, &["state"], mistakes);
    let name = reader.labels(&["NAME"])?[0].to_owned();
    let mut states = block.body().blocks_of("state");
    let state = states.next().cloned();
    if let Some(second) = states.next() {
        reader.wrong(Mistake::new(second.place(), "a region has one `state` block"));
    }
    if let Some(state) = state.as_ref().filter(|state| state.labels().len() != 1) {
        reader.wrong(
            Mistake::new(state.place(), "`state` takes the type of a backend as its label")
                .hint("Write it as `state \"s3\" { … }`"),
        );
    }
    Some(Region {
        name,
        variables: reader.entries("variables"),
        var_files: var_files(&mut reader),
        replace: reader.entries("replace"),
        state,
    })
}

fn var_files(reader: &mut Reader<'_>) -> Vec<std::path::PathBuf> {
    let files = reader.strings("var_files");
    files.iter().filter_map(|(file, place)| reader.inside(file, place)).collect()
}

/// The steps of every kind, in the order in which they stand.
fn steps(body: &Body, region: &str, mistakes: &mut Vec<Mistake>) -> Vec<Step> {
    body.blocks()
        .iter()
        .filter_map(|block| match block.kind() {
            "stack" => stack(block, region, mistakes),
            "command" => command(block, mistakes),
            word => deploy(DeployKind::of(word)?, block, mistakes),
        })
        .collect()
}

/// What steps are done at, in the order in which it stands.
fn sites(body: &Body, mistakes: &mut Vec<Mistake>) -> Vec<Site> {
    let blocks = body.blocks().iter();
    blocks.filter_map(|block| Site::read(SiteKind::of(block.kind())?, block, mistakes)).collect()
}

fn deploy(kind: DeployKind, block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Step> {
    let work = Work::Deploy(Deploy::read(kind, block, mistakes));
    let known: Vec<&str> = block.body().attributes().iter().map(|a| a.name()).collect();
    // What may stand in it is checked already.
    let mut reader = Reader::new(block, &known, &[], mistakes);
    let needs = needs(&mut reader);
    Some(Step { id: step_name(&mut reader, block)?, needs, place: block.place(), work })
}

fn stack(block: &Block, region: &str, mistakes: &mut Vec<Mistake>) -> Option<Step> {
    let known =
        ["path", "needs", "variables", "var_files", "providers", "workspace", "parallelism"];
    let mut reader = Reader::new(block, &known, &[], mistakes);
    let name = step_name(&mut reader, block)?;
    let needs = needs(&mut reader);
    reader.required("path")?;
    let (path, place) = reader.string_for("path", region)?;
    let work = Work::Stack(Stack {
        path: reader.inside(&path, &place)?,
        variables: reader.entries("variables"),
        var_files: var_files(&mut reader),
        providers: reader.entries("providers"),
        workspace: reader.string("workspace").map(|(name, _)| name),
        parallelism: reader.number("parallelism").unwrap_or(PARALLELISM),
    });
    Some(Step { id: name, needs, place: block.place(), work })
}

pub(super) fn command(block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Step> {
    let known = ["run", "needs", "env", "limit", "phase", "unverified", "undo"];
    let mut reader = Reader::new(block, &known, &[], mistakes);
    let name = step_name(&mut reader, block)?;
    let needs = needs(&mut reader);
    let run = reader.required("run")?.clone();
    let cutover = match reader.string("phase") {
        // The name says it, unless the runbook says otherwise.
        None => name.as_str() == "cutover",
        Some((phase, _)) if phase == "cutover" => true,
        Some((phase, _)) if phase == "deploy" => false,
        Some((phase, place)) => {
            let message = format!("`{phase}` is no phase of a command");
            reader.wrong(Mistake::new(place, message).instead_of(&phase, ["deploy", "cutover"]));
            false
        }
    };
    let work = Work::Command(Command {
        run,
        env: reader.entries("env"),
        limit: reader.duration("limit"),
        cutover,
        unverified: reader.flag("unverified").unwrap_or(false),
        undo: reader.expr("undo").cloned(),
    });
    Some(Step { id: name, needs, place: block.place(), work })
}

/// A step's name, which is also a file's name and part of an expression.
fn step_name(reader: &mut Reader<'_>, block: &Block) -> Option<StepId> {
    let name = reader.labels(&["NAME"])?[0];
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && name.len() <= 64;
    if !fits {
        let place = block.label_place(0).unwrap_or_else(|| block.place());
        let message = format!("`{name}` cannot be a step's name");
        reader.wrong(
            Mistake::new(place, message).hint(
                "Begin with a letter, and use letters, digits, `_` and `-`, at most 64 of them",
            ),
        );
        return None;
    }
    Some(StepId::new(name))
}

fn needs(reader: &mut Reader<'_>) -> Vec<StepId> {
    reader.strings("needs").into_iter().map(|(name, _)| StepId::new(name)).collect()
}

pub(super) fn recovery_point(block: &Block, mistakes: &mut Vec<Mistake>) -> Option<RecoveryPoint> {
    const WAYS: [&str; 4] = ["run", "file", "time", "behind"];
    let known = [&WAYS[..], &["timeout"]].concat();
    let mut reader = Reader::new(block, &known, &[], mistakes);
    let store = reader.labels(&["STORE"])?[0].to_owned();
    let timeout = reader.duration("timeout").unwrap_or(RECOVERY_POINT_TIMEOUT);
    let given: Vec<&str> = WAYS.into_iter().filter(|way| reader.expr(way).is_some()).collect();
    let [way] = given[..] else {
        let message = match given.len() {
            0 => "`recovery_point` does not say how the time of the newest data is told".to_owned(),
            _ => format!("`recovery_point` takes one of `{}`, not several", given.join("`, `")),
        };
        reader.wrong(Mistake::new(block.place(), message).hint(
            "Give one of `run` (a program prints it), `file` (a file has it), `time` (an output is it) or `behind` (a replica's lag)",
        ));
        return None;
    };
    let expr = reader.required(way)?.clone();
    let told_by = match way {
        "run" => ToldBy::Command(expr),
        "file" => {
            // Git gives every file the time at which it was checked out.
            if expr.literal_string().is_some_and(|path| !path.starts_with('/')) {
                let message = "`file` must be an absolute path: a file of the repository has the time of its checkout";
                reader.wrong(Mistake::new(expr.place(), message));
            }
            ToldBy::File(expr)
        }
        "time" => ToldBy::Time(expr),
        _ => ToldBy::Behind(expr),
    };
    Some(RecoveryPoint { store, told_by, timeout })
}

fn global(block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Global> {
    const WORDS: [&str; 4] = ["create", "suffix", "adopt", "leave"];
    let mut reader = Reader::new(block, &["decision", "suffix"], &[], mistakes);
    let target = reader.labels(&["TYPE or ADDRESS"])?[0].to_owned();
    reader.required("decision")?;
    let (word, place) = reader.string("decision")?;
    let decision = match word.as_str() {
        "create" => Decision::Create,
        "suffix" => Decision::Suffix,
        "adopt" => Decision::Adopt,
        "leave" => Decision::Leave,
        _ => {
            let message = format!("`{word}` is nothing that can be done with a global resource");
            reader.wrong(Mistake::new(place, message).instead_of(&word, WORDS));
            return None;
        }
    };
    let suffix = reader.expr("suffix").cloned();
    Some(Global { target, decision, suffix, place: block.place() })
}

/// Any attribute may stand in it: which there are only the type's provider knows.
fn simulate(block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Simulated> {
    let known: Vec<&str> = block.body().attributes().iter().map(|a| a.name()).collect();
    let mut reader = Reader::new(block, &known, &[], mistakes);
    let kind = reader.labels(&["TYPE"])?[0].to_owned();
    Some(Simulated { kind, values: block.body().attributes().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(availability: &str) -> Result<Runbook, Vec<Mistake>> {
        let text = format!(
            "service \"shop\" {{\n  availability = {availability}\n}}\nstack \"a\" {{\n  path = \"a\"\n}}\n"
        );
        runbook(Path::new("drctl.hcl"), text.as_bytes(), "")
    }

    #[test]
    fn an_availability_is_a_percentage_or_a_mistake_with_its_place() {
        let read = service("\"99.95%\"").unwrap().service.availability;
        assert_eq!(read.map(|p| p.to_string()).as_deref(), Some("99.95%"));
        let said: Vec<_> = ["\"99.95\"", "\"100%\"", "99.95"]
            .map(|text| service(text).unwrap_err()[0].to_string())
            .into();
        insta::assert_snapshot!(said.join("\n"), @r"
        drctl.hcl:2:18: `availability`: `99.95` is not a percentage such as `99.95%`
        drctl.hcl:2:18: `availability`: `100%` is not above 0% and below 100%
        drctl.hcl:2:18: `availability` is a number, not a string
        ");
    }
}
