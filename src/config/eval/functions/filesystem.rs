//! Functions of paths and files.

use super::{Answer, Args, Unknown, Value, hashes};
use crate::config::eval::expression::{Binding, Frame};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    path::{Component, Path, PathBuf},
    rc::Rc,
};

/// Calls a function of this topic; `None` when the name is none of them.
pub(super) fn call(frame: &Frame<'_, '_>, args: &Args<'_>) -> Option<Answer> {
    let taken = match args.name {
        "basename" | "dirname" | "file" | "filebase64" | "filebase64sha256"
        | "filebase64sha512" | "fileexists" | "filemd5" | "filesha1" | "filesha256"
        | "filesha512" => 1,
        "templatefile" => 2,
        _ => return None,
    };
    if args.values.len() != taken {
        return Some(args.wrong("the number of arguments is wrong"));
    }
    Some(match args.name {
        "basename" => basename(args),
        "dirname" => dirname(args),
        "fileexists" => bytes(frame, args).map(|_| true.into()),
        "file" => text(frame, args).map(Value::from),
        "templatefile" => templatefile(frame, args),
        name => bytes(frame, args).map(|bytes| {
            match name {
                "filebase64" => STANDARD.encode(bytes),
                "filebase64sha256" => hashes::base64::<sha2::Sha256>(&bytes),
                "filebase64sha512" => hashes::base64::<sha2::Sha512>(&bytes),
                "filemd5" => hashes::hex::<md5::Md5>(&bytes),
                "filesha1" => hashes::hex::<sha1::Sha1>(&bytes),
                "filesha256" => hashes::hex::<sha2::Sha256>(&bytes),
                _ => hashes::hex::<sha2::Sha512>(&bytes),
            }
            .into()
        }),
    })
}

/// Terraform runs in the folder of the root module, and paths start there.
fn bytes(frame: &Frame<'_, '_>, args: &Args<'_>) -> Result<Rc<[u8]>, Unknown> {
    let path = args.text(0)?;
    let inside = within(&frame.scope.root_dir().join(path.as_ref())).ok_or_else(|| args.doubt())?;
    frame.scope.read(&inside).ok_or_else(|| args.doubt())
}

/// Returns a path without `.` and `..`, if it stays inside the repository.
fn within(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::Normal(name) => clean.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

fn text(frame: &Frame<'_, '_>, args: &Args<'_>) -> Result<String, Unknown> {
    let bytes = bytes(frame, args)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Unknown::invalid("the file is no text"))
}

fn templatefile(frame: &Frame<'_, '_>, args: &Args<'_>) -> Answer {
    let text = text(frame, args)?;
    let Value::Map(vars) = args.given(1)? else { return args.wrong("an object is needed") };
    // The names of the template, and no others.
    let outside = Frame { scope: frame.scope, text: None, bound: None, closed: true };
    let names: Vec<(&str, &Value)> =
        vars.iter().map(|(key, value)| (key.as_str(), value)).collect();
    Ok(bound(&outside, &names, &text))
}

fn bound(frame: &Frame<'_, '_>, names: &[(&str, &Value)], text: &str) -> Value {
    let Some(((name, value), rest)) = names.split_first() else { return frame.file(text) };
    frame.scope.cost().enter(|| {
        let binding = Binding { name, value: (*value).clone(), outer: frame.bound };
        bound(&frame.with(&binding), rest, text)
    })
}

fn basename(args: &Args<'_>) -> Answer {
    let path = args.text(0)?;
    if path.is_empty() {
        return Ok(".".into());
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return Ok("/".into());
    }
    Ok(trimmed.rsplit('/').next().unwrap_or(trimmed).into())
}

fn dirname(args: &Args<'_>) -> Answer {
    let path = args.text(0)?;
    let Some((folder, _)) = path.rsplit_once('/') else { return Ok(".".into()) };
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let clean = parts.join("/");
    Ok(match (rooted, clean.is_empty()) {
        (true, _) => format!("/{clean}").into(),
        (false, true) => ".".into(),
        (false, false) => clean.into(),
    })
}
