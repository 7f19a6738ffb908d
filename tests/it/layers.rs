//! The layers of `src/`, as tables that are checked.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each module, and what it may import from this crate besides itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("catalogue", &["model"]),
    ("config", &["model"]),
    ("format", &["model"]),
    ("notify", &["model", "program"]),
    ("probe", &["model", "program"]),
    ("program", &[]),
    ("schedule", &[]),
    ("store", &["model"]),
    ("sim", &["model"]),
    ("source", &["model"]),
    ("state", &["model"]),
    ("terraform", &["model"]),
    ("web", &[]),
    ("deploy", &["model", "probe", "program"]),
    ("provider", &["model", "config", "sim", "catalogue"]),
    ("retarget", &["model", "config", "terraform", "catalogue"]),
    ("runbook", &["model", "config"]),
    ("forecast", &["model", "config", "terraform", "catalogue", "schedule"]),
    ("lint", &["model", "config", "runbook", "catalogue", "forecast", "format"]),
    (
        "engine",
        &[
            "model",
            "catalogue",
            "config",
            "runbook",
            "retarget",
            "terraform",
            "deploy",
            "probe",
            "schedule",
            "state",
        ],
    ),
    ("outage", &["model", "runbook", "probe"]),
    ("chaos", &["model", "runbook", "sim", "deploy", "probe"]),
    ("observe", &["model"]),
    ("report", &["model", "format", "schedule"]),
];

/// Outside crates that stay inside some modules, and those modules.
const FENCED: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["lint"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("git2", &["source"]),
    ("hcl", &["config"]),
    ("hyper", &["deploy", "provider", "state", "web"]),
    ("indicatif", &["observe"]),
    ("prost", &["provider"]),
    ("hickory_resolver", &["probe"]),
    ("hmac", &["cli", "notify"]),
    ("docker_credential", &["deploy"]),
    ("oci_client", &["deploy"]),
    ("reqwest", &["notify", "probe"]),
    ("x509_cert", &["probe"]),
    ("rmp", &["provider"]),
    ("rusqlite", &["store"]),
    ("askama", &["cli", "report"]),
];

/// Modules that never wait, and so never see an async runtime.
const PLAIN: &[&str] = &[
    "model",
    "catalogue",
    "config",
    "format",
    "sim",
    "source",
    "runbook",
    "schedule",
    "store",
    "retarget",
    "lint",
    "forecast",
    "observe",
    "report",
];

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (module, file, code) in code() {
        // The top of the tree may import everything.
        if ["cli", "lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("`{module}` is not in the table"));
            continue;
        };
        for used in names_after("crate::", &code) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong
                    .push(format!("{} imports `{used}`, which `{module}` may not", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn outside_crates_stay_behind_their_fences() {
    let mut wrong = Vec::new();
    for (module, file, code) in code() {
        for (name, homes) in FENCED.iter().filter(|(_, homes)| !homes.contains(&&*module)) {
            if mentions(&code, name) {
                let homes = homes.join("`, `");
                wrong.push(format!("{} uses `{name}`, which only `{homes}` may", file.display()));
            }
        }
        if PLAIN.contains(&module.as_str()) && mentions(&code, "tokio") {
            wrong.push(format!("{} uses `tokio`, and `{module}` does not wait", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every source file: the module that it is of, its path, and its code without comments and tests.
fn code() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&src, &mut found);
    found
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&src).unwrap();
            let first = Path::new(inside.components().next().unwrap().as_os_str());
            let module = first.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            (module, inside.to_owned(), code.collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Whether `code` names the crate `name` at the start of a path.
fn mentions(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

/// The first names that follow `prefix`, also those of a group in braces, as rustfmt lays it out.
fn names_after(prefix: &str, code: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    found.push(word(group[start..at].trim_start()));
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.push(word(group[start..at].trim_start()));
                    start = at + 1;
                }
                _ => {}
            }
        }
    }
    found.retain(|name| !name.is_empty() && name.chars().all(|c| !c.is_uppercase()));
    found
}

#[test]
fn the_reader_of_imports_sees_groups() {
    let code = "use crate::{model::{a, b}, config};\nlet x = crate::probe::ask();";
    assert_eq!(names_after("crate::", code), ["model", "config", "probe"]);
}
