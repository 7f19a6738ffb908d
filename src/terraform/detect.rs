//! Finding the binary, and knowing what it is without asking it each time.

use crate::terraform::{
    Action, Invocation, LogFiles, Product, Release, Terraform, TerraformBinary, TerraformError,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};
use tokio_util::sync::CancellationToken;

/// Names another binary than the `terraform` or `tofu` on the `PATH`.
const VARIABLE: &str = "DRCTL_TERRAFORM";

/// How long a binary may take to say its version; it takes a tenth of a second.
const LIMIT: Duration = Duration::from_secs(30);

/// A binary, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub release: Release,
}

/// Finds the binary: the one that was asked for, or that `DRCTL_TERRAFORM` names,
/// or else `terraform`, or else `tofu`, each a path or a name on the `PATH`.
///
/// # Errors
///
/// [`TerraformError::NotFound`]. Another one is never taken in place of one that
/// was asked for by name.
pub fn find(asked: Option<&str>) -> Result<PathBuf, TerraformError> {
    let named = asked.map(OsString::from).or_else(|| std::env::var_os(VARIABLE));
    find_in(named.filter(|name| !name.is_empty()), std::env::var_os("PATH").as_deref())
}

fn find_in(named: Option<OsString>, path: Option<&OsStr>) -> Result<PathBuf, TerraformError> {
    let here = std::env::current_dir().unwrap_or_default();
    let look = |name: &OsStr| which::which_in(name, path, &here).ok();
    let found = match &named {
        Some(name) => look(name),
        None => look("terraform".as_ref()).or_else(|| look("tofu".as_ref())),
    };
    found.ok_or_else(|| TerraformError::NotFound {
        name: named.map_or("terraform".to_owned(), |name| name.display().to_string()),
    })
}

/// Asks a binary what it is, or remembers it from an earlier time.
///
/// What is remembered lies in `cache`, a file a binary, and holds as long as the
/// binary's size and time of change do. Scripts are always asked: version managers
/// install one that chooses by the folder it runs in.
///
/// # Errors
///
/// [`TerraformError`] when it does not start, says something else, or is too old.
/// A cache that cannot be used is no error.
pub async fn detect(path: &Path, cache: &Path) -> Result<Detected, TerraformError> {
    let binary = path.to_owned();
    let start = |source| TerraformError::Start { binary: path.to_owned(), source };
    let now = Stamp::of(path).map_err(start)?;
    let file = cache.join(format!("terraform-{}.json", &hash(path)[..16]));
    let known = now.as_ref().and_then(|now| remembered(&file, path, now));
    let release = match known {
        Some(release) => release,
        None => {
            let release = ask(path).await?;
            if let Some(stamp) = now
                && let Err(error) = remember(&file, &Known { path: binary.clone(), stamp, release })
            {
                tracing::debug!(%error, file = %file.display(), "the version is not remembered");
            }
            release
        }
    };
    let oldest = release.product.oldest();
    if release.version < oldest {
        return Err(TerraformError::TooOld { binary, release, oldest });
    }
    Ok(Detected { path: binary, release })
}

async fn ask(path: &Path) -> Result<Release, TerraformError> {
    // A folder of its own: in a stack, `version` would also read the lock file.
    let dir = tempfile::tempdir()
        .map_err(|source| TerraformError::Log { path: std::env::temp_dir(), source })?;
    let log = LogFiles { stdout: dir.path().join("out"), stderr: dir.path().join("err") };
    // `version` gets no flags, so any release stands in for the one that is not known yet.
    let release = Release { product: Product::Terraform, version: Product::Terraform.oldest() };
    let now = CancellationToken::new();
    let binary = TerraformBinary { path: path.to_owned(), release, grace: Some(LIMIT), now };
    let mut call = Invocation::new(dir.path(), Action::Version);
    call.limit = Some(LIMIT);
    let not_terraform = || TerraformError::NotTerraform { binary: path.to_owned() };
    let printed = match binary.read(&call, &log, &CancellationToken::new()).await {
        Err(TerraformError::Failed { .. }) => return Err(not_terraform()),
        other => other?,
    };
    Release::read(&String::from_utf8_lossy(&printed)).ok_or_else(not_terraform)
}

/// What changes when a binary is replaced.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    /// Nanoseconds since 1970.
    modified: u128,
}

impl Stamp {
    /// Returns nothing for a script, of which this tells nothing.
    fn of(path: &Path) -> io::Result<Option<Self>> {
        let meta = fs::metadata(path)?;
        let mut magic = [0; 2];
        let is_script = io::Read::read_exact(&mut fs::File::open(path)?, &mut magic).is_err()
            || magic == *b"#!";
        let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok((!is_script).then_some(Self { size: meta.len(), modified: modified.as_nanos() }))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Known {
    path: PathBuf,
    stamp: Stamp,
    release: Release,
}

fn remembered(file: &Path, path: &Path, now: &Stamp) -> Option<Release> {
    let known: Known = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    (known.path == path && known.stamp == *now).then_some(known.release)
}

fn remember(file: &Path, known: &Known) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    // Put in place whole, since another drctl may read it at this moment.
    let mut whole = tempfile::NamedTempFile::new_in(dir)?;
    whole.write_all(&serde_json::to_vec(known)?)?;
    whole.persist(file)?;
    Ok(())
}

fn hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    crate::model::text::hex(&digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn program(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn terraform_comes_before_tofu_and_a_name_before_both() {
        let dir = tempfile::tempdir().unwrap();
        let path = Some(dir.path().as_os_str());
        let said = |named: Option<&str>| {
            find_in(named.map(OsString::from), path).map_err(|error| error.to_string())
        };
        assert_eq!(said(None), Err("`terraform` is not a program that can be found".into()));

        let tofu = program(dir.path(), "tofu", "#!/bin/sh\n");
        assert_eq!(said(None), Ok(tofu.clone()));
        let terraform = program(dir.path(), "terraform", "#!/bin/sh\n");
        assert_eq!(said(None), Ok(terraform));
        assert_eq!(said(Some("tofu")), Ok(tofu.clone()));
        assert_eq!(said(tofu.to_str()), Ok(tofu));
        assert_eq!(
            said(Some("terraform-1.5")),
            Err("`terraform-1.5` is not a program that can be found".into())
        );
    }

    #[tokio::test]
    async fn the_real_one_is_known_and_remembered() {
        let cache = tempfile::tempdir().unwrap();
        let path = find(None).unwrap();
        let first = detect(&path, cache.path()).await.unwrap();
        assert_eq!(first.release.product, Product::Terraform);

        // What is remembered is what is said the next time, while the binary stays as it is.
        let file = fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
        let mut known: Known = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        known.release.version.patch = 999;
        fs::write(&file, serde_json::to_vec(&known).unwrap()).unwrap();
        assert_eq!(detect(&path, cache.path()).await.unwrap().release.version.patch, 999);

        known.stamp.size += 1;
        fs::write(&file, serde_json::to_vec(&known).unwrap()).unwrap();
        assert_eq!(detect(&path, cache.path()).await.unwrap(), first);
        fs::write(&file, "{torn").unwrap();
        assert_eq!(detect(&path, cache.path()).await.unwrap(), first);
    }

    #[tokio::test]
    async fn a_script_is_asked_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let script = "#!/bin/sh\necho x >> \"$0.asked\"\necho 'OpenTofu v1.8.2'\n";
        let path = program(dir.path(), "tofu", script);
        let cache = dir.path().join("cache");
        for _ in 0..2 {
            let detected = detect(&path, &cache).await.unwrap();
            assert_eq!(detected.release.to_string(), "OpenTofu 1.8.2");
        }
        assert_eq!(fs::read_to_string(dir.path().join("tofu.asked")).unwrap(), "x\nx\n");
    }

    #[tokio::test]
    async fn what_is_old_or_something_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut said = Vec::new();
        for (name, script) in [
            ("old", "#!/bin/sh\necho Terraform v1.4.6\n"),
            ("cat", "#!/bin/sh\necho meow\n"),
            ("broken", "#!/bin/sh\nexit 3\n"),
            ("interpreter", "#!/no/such/interpreter\n"),
        ] {
            let path = program(dir.path(), name, script);
            let error = detect(&path, dir.path()).await.unwrap_err();
            said.push(crate::model::chain(&error).join(": "));
        }
        let shown = said.join("\n").replace(dir.path().to_str().unwrap(), "DIR");
        insta::assert_snapshot!(shown, @r"
        `DIR/old` is Terraform 1.4.6, and drctl needs at least 1.5.0
        `DIR/cat` does not say that it is Terraform or OpenTofu
        `DIR/broken` does not say that it is Terraform or OpenTofu
        failed to start `DIR/interpreter`: No such file or directory (os error 2)
        ");
    }
}
