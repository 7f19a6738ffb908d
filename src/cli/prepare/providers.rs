//! Providers, kept once each and held against the lock file.

use super::{bundle::Provider, files};
use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
    },
    config::file::SourceFile,
    model::text::hex,
};
use anyhow::{Context, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// What a lock file knows: the hashes of each provider, by its address.
pub(super) type Locked = BTreeMap<String, Vec<String>>;

/// Reads the hashes in a lock file; none of what cannot be read.
pub(super) fn locked(text: &[u8]) -> Locked {
    let Ok(file) = SourceFile::parse(Path::new(".terraform.lock.hcl"), text, None) else {
        return Locked::new();
    };
    let hashes = |block: &crate::config::body::Block| {
        let value = block.body().expr("hashes")?.literal()?;
        let all = value.as_array()?.iter().filter_map(|hash| hash.as_str().map(str::to_owned));
        Some((block.label(0)?.to_owned(), all.collect()))
    };
    file.body().blocks_of("provider").filter_map(hashes).collect()
}

/// Moves the providers of an initialised stack into the bundle, where each is kept once, and returns
/// which they are. `before` is where the last bundle keeps them: what is the same is shared with it.
///
/// # Errors
///
/// One is not what the lock file says, or cannot be moved.
pub(super) fn gather(
    stack: &Path,
    bundle: &Path,
    before: Option<&Path>,
) -> Result<Vec<Provider>, CliError> {
    let root = stack.join(".terraform/providers");
    let locked = locked(&fs::read(stack.join(".terraform.lock.hcl")).unwrap_or_default());
    let mut all = Vec::new();
    for [host, namespace, kind, version, platform] in five_deep(&root).or_exit(Exit::Failed)? {
        let source = format!("{host}/{namespace}/{kind}");
        let mut provider = Provider { source, version, platform, hash: String::new() };
        let (from, to) = (root.join(provider.folder()), bundle.join(provider.folder()));
        let cannot = || format!("failed to keep the provider `{}`", provider.source);
        if !to.exists() {
            provider.hash = h1(&from).with_context(cannot).or_exit(Exit::Failed)?;
            check(&provider, &locked)?;
            let shared = before.map(|before| before.join(provider.folder()));
            let same = shared.filter(|dir| h1(dir).is_ok_and(|hash| hash == provider.hash));
            keep(&from, &to, same.as_deref()).with_context(cannot).or_exit(Exit::Failed)?;
        } else {
            provider.hash = h1(&to).with_context(cannot).or_exit(Exit::Failed)?;
            check(&provider, &locked)?;
        }
        all.push(provider);
    }
    Ok(all)
}

/// The lock file that `init` wrote or found has the hash of what it took.
fn check(provider: &Provider, locked: &Locked) -> Result<(), CliError> {
    let known = locked.get(&provider.source).is_some_and(|all| all.contains(&provider.hash));
    if known {
        return Ok(());
    }
    let error = anyhow!(
        "the provider `{}` {} for {} is not what the lock file says: its hash is {}",
        provider.source,
        provider.version,
        provider.platform,
        provider.hash
    );
    Err(CliError::new(Exit::Failed, error).hint(
        "Look where it comes from; `terraform providers lock` writes the hashes of what is trusted",
    ))
}

fn keep(from: &Path, to: &Path, same: Option<&Path>) -> io::Result<()> {
    if let Some(same) = same {
        return files::link(same, to);
    }
    if !from.symlink_metadata()?.is_symlink() {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        return fs::rename(from, to);
    }
    // It is a link into somebody's own mirror or cache, whose files stay theirs.
    files::copy(&fs::canonicalize(from)?, to, &[])
}

/// Names what lies five folders deep, folder by folder.
fn five_deep(root: &Path) -> io::Result<Vec<[String; 5]>> {
    let mut paths: Vec<Vec<String>> = vec![vec![]];
    for _ in 0..5 {
        let mut deeper = Vec::new();
        for path in paths {
            let dir = path.iter().fold(root.to_owned(), |dir, name| dir.join(name));
            for name in names(&dir)? {
                let mut path = path.clone();
                path.push(name);
                deeper.push(path);
            }
        }
        paths = deeper;
    }
    Ok(paths.into_iter().filter_map(|path| path.try_into().ok()).collect())
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Returns the hash by which Terraform knows an unpacked provider: SHA-256 over a line a file, of its
/// own SHA-256 and its name, in the order of the names
/// (`Hash1` of <https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash>).
pub(super) fn h1(dir: &Path) -> io::Result<String> {
    let dir = fs::canonicalize(dir)?;
    let mut files = Vec::new();
    let mut open = vec![dir.clone()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let inside = path.strip_prefix(&dir).unwrap_or(&path);
                files.push((inside.to_string_lossy().into_owned(), path.clone()));
            }
        }
    }
    files.sort();
    let mut lines = Sha256::new();
    for (name, path) in files {
        lines.update(format!("{}  {name}\n", sha256(&path)?));
    }
    Ok(format!("h1:{}", STANDARD.encode(lines.finalize())))
}

fn sha256(path: &Path) -> io::Result<String> {
    let (mut digest, mut file) = (Sha256::new(), File::open(path)?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => digest.update(&buffer[..read]),
        }
    }
    Ok(hex(&digest.finalize()))
}

/// Looks over what `terraform providers mirror` put into `mirror` for other platforms, and returns what
/// the lock file of the stack knows of it, and what it knows no hash of.
///
/// # Errors
///
/// A package is none of those that the lock file knows.
pub(super) fn mirrored(
    mirror: &Path,
    platforms: &[String],
    stack: &Path,
    versions: &BTreeMap<String, String>,
) -> Result<(Vec<Provider>, Vec<Provider>), CliError> {
    let locked = locked(&fs::read(stack.join(".terraform.lock.hcl")).unwrap_or_default());
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (source, version) in versions {
        let kind = source.rsplit('/').next().unwrap_or(source);
        for platform in platforms {
            let file = format!("terraform-provider-{kind}_{version}_{platform}.zip");
            let path = mirror.join(source).join(file);
            let digest = sha256(&path)
                .with_context(|| format!("`{source}` {version} was not mirrored for {platform}"))
                .or_exit(Exit::Failed)?;
            let (source, version) = (source.clone(), version.clone());
            let (platform, hash) = (platform.clone(), format!("zh:{digest}"));
            let provider = Provider { source, version, platform, hash };
            let hashes = locked.get(&provider.source).map(Vec::as_slice).unwrap_or_default();
            if hashes.contains(&provider.hash) {
                known.push(provider);
            } else if hashes.iter().any(|hash| hash.starts_with("zh:")) {
                check(&provider, &locked)?;
            } else {
                unknown.push(provider);
            }
        }
    }
    Ok((known, unknown))
}

/// Returns where a bundle keeps unpacked providers.
pub(super) fn folder(bundle: &Path) -> PathBuf {
    bundle.join("providers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_folder_is_that_of_terraform() {
        // From `dirhash.Hash1` over a file `a/x` of "1\n" and a file `b` of "2\n", by hand:
        // printf '%s  %s\n' $(sha256sum < …) …, sorted by name, through sha256 and base64.
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/x"), "1\n").unwrap();
        fs::write(dir.path().join("b"), "2\n").unwrap();
        assert_eq!(h1(dir.path()).unwrap(), "h1:FdX/ynZPpCa9V8Hyy38mxaRDT9Pcn51nTN5QewrVvZY=");
    }

    #[test]
    fn hashes_of_a_lock_file_are_read() {
        let text = b"provider \"registry.terraform.io/hashicorp/null\" {\n  version = \"3.2.1\"\n  hashes = [\n    \"h1:a=\",\n    \"zh:b\",\n  ]\n}\n";
        let read = locked(text);
        assert_eq!(read["registry.terraform.io/hashicorp/null"], ["h1:a=", "zh:b"]);
        assert!(locked(b"{").is_empty());
    }
}
