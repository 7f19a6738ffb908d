//! Steps that are done on a Docker engine: from what the runbook says to what `deploy` does.

use super::Parts;
use crate::{
    deploy::{
        docker::{Compose, Container, Engine, Health, LIMIT},
        images::Image,
    },
    model::{nearest, time::parse_duration},
    runbook::{Mistake, Settings},
};
use serde_json::Value;
use std::{path::PathBuf, time::Duration};

/// Makes the container of a step; `None` while its image is not known.
pub(super) fn container(parts: &Parts<'_>) -> Result<Option<Container>, Mistake> {
    let settings = &parts.settings;
    let Some(image) = settings.text("image") else { return Ok(None) };
    let name = settings.text("name");
    let name = name.unwrap_or_else(|| format!("{}-{}", parts.service, parts.step));
    // https://github.com/moby/moby/blob/v20.10.24/daemon/names/names.go
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !name.chars().all(fits) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        let message = format!("`{name}` is no name for a container");
        return Err(settings
            .mistake("name", message)
            .hint("Begin with a letter or a digit; after that `_`, `.` and `-` are fine, too"));
    }
    Ok(Some(Container {
        engine: engine(parts)?,
        service: parts.service.to_owned(),
        name,
        image: Image::replaced(image, parts.replace),
        command: settings.texts("command"),
        entrypoint: settings.text("entrypoint"),
        env: settings.named_texts("env"),
        ports: settings.texts("ports"),
        volumes: settings.texts("volumes"),
        network: settings.text("network"),
        restart: settings.text("restart"),
        user: settings.text("user"),
        options: settings.texts("options"),
        health: health(settings)?,
        check_images: settings.flag("check_images").unwrap_or(true),
        limit: parts.limit.unwrap_or(LIMIT),
    }))
}

/// Makes the compose project of a step.
pub(super) fn compose(parts: &Parts<'_>) -> Result<Compose, Mistake> {
    let settings = &parts.settings;
    let project = settings.text("project").unwrap_or_else(|| parts.service.to_lowercase());
    // https://docs.docker.com/compose/how-tos/project-name/
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if !project.chars().all(fits) || project.starts_with(['_', '-']) || project.is_empty() {
        let message = format!("`{project}` is no name for a compose project");
        return Err(settings
            .mistake("project", message)
            .hint("Give one with `project`, of small letters, digits, `-` and `_`"));
    }
    Ok(Compose {
        engine: engine(parts)?,
        files: files(parts)?,
        project,
        services: settings.texts("services"),
        profiles: settings.texts("profiles"),
        env: settings.named_texts("env"),
        replace: parts.replace.clone(),
        check_images: settings.flag("check_images").unwrap_or(true),
        whole: parts.settings.is_whole(),
        limit: parts.limit.unwrap_or(LIMIT),
    })
}

/// The engine; `None` while only stacks can tell where it is.
fn engine(parts: &Parts<'_>) -> Result<Option<Engine>, Mistake> {
    let site = &parts.site;
    let (host, context) = (site.text("host"), site.text("context"));
    if host.is_some() && context.is_some() {
        let message = format!("`docker \"{}\"` has a `host` and a `context`", parts.site_name);
        return Err(site.mistake("context", message).hint("Keep one of the two"));
    }
    let engine = Engine { name: parts.site_name.to_owned(), host, context };
    Ok(parts.site.is_whole().then_some(engine))
}

/// The files that are named, or those that Docker Compose looks for itself:
/// <https://docs.docker.com/compose/intro/compose-application-model/#the-compose-file>.
fn files(parts: &Parts<'_>) -> Result<Vec<PathBuf>, Mistake> {
    if parts.settings.has("files") {
        return Ok(parts.settings.paths("files"));
    }
    let there = |name: &&str| parts.root.join(name).is_file();
    let names = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
    let Some(name) = names.into_iter().find(|name| there(name)) else {
        let message = "there is no `compose.yaml` in the root of the repository";
        return Err(parts.settings.mistake("files", message).hint("Name the files with `files`"));
    };
    let kind = if name.starts_with("docker-") { "docker-compose" } else { "compose" };
    let more = [format!("{kind}.override.yml"), format!("{kind}.override.yaml")];
    let more = more.into_iter().find(|name| there(&name.as_str()));
    Ok(std::iter::once(name.to_owned()).chain(more).map(PathBuf::from).collect())
}

fn health(settings: &Settings) -> Result<Option<Health>, Mistake> {
    const KNOWN: [&str; 5] = ["run", "interval", "timeout", "retries", "start_period"];
    let Some(health) = settings.object("health") else { return Ok(None) };
    let wrong = |message: String| settings.mistake("health", message);
    if let Some(name) = health.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        let hint = match nearest(name, KNOWN) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => format!("There are {}", KNOWN.map(|name| format!("`{name}`")).join(", ")),
        };
        return Err(wrong(format!("a health check has no `{name}`")).hint(hint));
    }
    let duration = |name: &str| match health.get(name) {
        None => Ok(None),
        Some(value) => match value.as_str().map(parse_duration) {
            Some(Ok(duration)) => Ok(Some(duration)),
            _ => Err(wrong(format!("`{name}` of a health check is a duration such as `5s`"))),
        },
    };
    let run = match health.get("run") {
        Some(Value::String(line)) => vec![line.clone()],
        Some(Value::Array(words)) => {
            words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    if run.is_empty() {
        return Err(wrong("a health check needs `run`: a program with its arguments".to_owned()));
    }
    let retries = match health.get("retries") {
        None => None,
        Some(value) => {
            Some(value.as_u64().filter(|retries| *retries > 0).ok_or_else(|| {
                wrong("`retries` of a health check is a number from 1".to_owned())
            })?)
        }
    };
    let (interval, timeout): (Option<Duration>, _) = (duration("interval")?, duration("timeout")?);
    Ok(Some(Health { run, interval, timeout, start_period: duration("start_period")?, retries }))
}
