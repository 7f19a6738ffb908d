//! What a bundle is, as it is written down.

use crate::{
    cli::{
        asked::Which,
        error::{CliError, OrExit},
        exit::Exit,
    },
    engine::SavedPlan,
    model::{gate::Refusal, prediction::Prediction, step::StepId},
    terraform::Release,
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The form of a bundle. Keys are added under it, never changed or taken away.
const SCHEMA: &str = "drctl/prepared/v1";

/// The file that says what a bundle is.
pub(super) const FILE: &str = "bundle.json";

/// How old a bundle may be, unless the runbook or a flag says.
pub(in crate::cli) const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What was prepared, and what could not be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Bundle {
    pub(super) schema: String,
    /// When it was begun, by the wall clock: what is in it is not older.
    pub(super) made_at: Timestamp,
    /// How long it took, in milliseconds.
    pub(super) took_ms: u64,
    /// How old it may be, in milliseconds.
    pub(super) max_age_ms: u64,
    /// The version of drctl that made it.
    pub(super) drctl: String,
    /// SHA-256 of the catalogue that decided, in hexadecimal.
    pub(super) catalogue: String,
    /// The Terraform that made its plans, which alone can apply them.
    pub(super) terraform: Release,
    /// The platform whose providers are unpacked, such as `linux_amd64`.
    pub(super) platform: String,
    /// Other platforms whose providers are kept, packed.
    pub(super) platforms: Vec<String>,
    /// The service.
    pub(super) service: String,
    /// What it was made for.
    pub(super) asked: Asked,
    /// The commit, as 40 hexadecimal digits.
    pub(super) commit: String,
    /// SHA-256 over all that decides what a failover will do, as `--expect-plan` takes it.
    pub(super) digest: String,
    /// SHA-256 of the runbook and of every lock file and file of variables, by the path in the repository.
    pub(super) files: BTreeMap<PathBuf, String>,
    /// What is in the environment that providers read.
    pub(super) environment: Environment,
    /// What was done for each stack.
    pub(super) stacks: BTreeMap<StepId, StackMade>,
    /// The images that steps need, as far as they are known before the stacks are up.
    pub(super) images: Vec<ImageSeen>,
    /// What was looked at on this machine.
    pub(super) checks: Vec<Checked>,
    /// How long a failover is expected to take.
    pub(super) forecast: Option<Prediction>,
    /// What could not be prepared, and why.
    pub(super) unprepared: Vec<Unprepared>,
    /// What is worth knowing, as sentences.
    pub(super) notes: Vec<String>,
}

/// What a bundle was made for: another question has another bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    /// The repository, without credentials.
    pub(super) repo: String,
    /// The branch, tag or commit; what the origin's HEAD is when there is none.
    pub(super) reference: Option<String>,
    /// The fallback region.
    pub(super) region: String,
    /// The primary, where it was given.
    pub(super) primary: Option<String>,
    /// The runbook, from the root of the repository.
    pub(super) runbook: PathBuf,
    /// The only stack, where it was given.
    pub(super) stack: Option<PathBuf>,
    /// What stands for what in the fallback.
    pub(super) replace: Vec<(String, String)>,
    /// The workspace that serves, where it was given.
    pub(super) workspace: Option<String>,
}

/// What was done for one stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StackMade {
    /// Its folder, from the root of the repository.
    pub(super) path: PathBuf,
    /// The type of the backend that keeps its state.
    pub(super) backend: String,
    /// True when `init` is done.
    pub(super) initialised: bool,
    /// The providers that it was initialised with.
    pub(super) providers: Vec<Provider>,
    /// How many modules from elsewhere are kept.
    pub(super) modules: usize,
    /// Its plan, where one could be saved and the gate accepts it; the file is named from the bundle.
    pub(super) plan: Option<SavedPlan>,
    /// Data sources whose answers are in the plan.
    pub(super) frozen: Vec<String>,
    /// Why the gate refused the plan.
    pub(super) refusals: Vec<Refusal>,
    /// The state in a declared backend, when there was one.
    pub(super) state: Option<Head>,
}

/// Which version of a state there was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// How many times it has changed.
    pub(super) serial: u64,
    /// The name it was given when it was first made.
    pub(super) lineage: String,
}

/// A provider that is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Provider {
    /// Its address, such as `registry.terraform.io/hashicorp/aws`.
    pub(super) source: String,
    /// Its version.
    pub(super) version: String,
    /// Its platform.
    pub(super) platform: String,
    /// The hash by which the lock file knows it: `h1:…` unpacked, `zh:…` packed.
    pub(super) hash: String,
}

impl Provider {
    /// Returns its folder below one that holds providers.
    pub(super) fn folder(&self) -> PathBuf {
        Path::new(&self.source).join(&self.version).join(&self.platform)
    }
}

/// An image, and whether it is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ImageSeen {
    /// Its name in the fallback.
    pub(super) image: String,
    /// Its name in the repository.
    pub(super) written: String,
    /// The digest of its manifest, when it is there.
    pub(super) digest: Option<String>,
    /// Why it is not known to be there.
    pub(super) cause: Option<String>,
    /// True when it was copied now.
    pub(super) copied: bool,
}

/// Something that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Checked {
    /// What.
    pub(super) name: String,
    /// `ok`, `note` or `missing`.
    pub(super) state: String,
    /// What was found.
    pub(super) found: String,
}

/// Something that could not be prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unprepared {
    /// The step, when it is about one.
    pub(super) step: Option<StepId>,
    /// What.
    pub(super) what: String,
    /// Why, as a sentence without a full stop.
    pub(super) why: String,
    /// True when that is as it must be: it can only be done in a failover.
    pub(super) expected: bool,
}

/// What was in the environment that providers read: digests with a salt, since a value may be secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Environment {
    salt: String,
    values: BTreeMap<String, String>,
}

impl Asked {
    pub(super) fn of(which: &Which, repo: &str) -> Self {
        Self {
            repo: repo.to_owned(),
            reference: which.reference.clone(),
            region: which.region.clone(),
            primary: which.primary.clone(),
            runbook: which.runbook.clone(),
            stack: which.stack.clone(),
            replace: which.replace.clone(),
            workspace: which.workspace.clone(),
        }
    }
}

impl Bundle {
    /// Returns the form that this drctl writes.
    pub(super) fn schema() -> String {
        SCHEMA.to_owned()
    }

    /// Reads what the bundle in `dir` is.
    ///
    /// # Errors
    ///
    /// It cannot be read, or another drctl wrote it in a form that this one does not know.
    pub(super) fn read(dir: &Path) -> Result<Self, CliError> {
        let path = dir.join(FILE);
        let cannot =
            || format!("what is prepared cannot be used: failed to read `{}`", path.display());
        let text = fs::read(&path).with_context(cannot).or_exit(Exit::Failed)?;
        let bundle: Self =
            serde_json::from_slice(&text).with_context(cannot).or_exit(Exit::Failed)?;
        if bundle.schema != SCHEMA {
            let error = anyhow!("it is written in the form `{}`, not `{SCHEMA}`", bundle.schema);
            return Err(CliError::new(Exit::Failed, error.context(cannot())));
        }
        Ok(bundle)
    }

    /// Returns true when all is prepared that can be.
    pub(in crate::cli) fn is_whole(&self) -> bool {
        self.unprepared.iter().all(|unprepared| unprepared.expected)
    }

    /// Returns how old it is, in milliseconds; one from the future is new.
    pub(super) fn age_ms(&self, now: Timestamp) -> u64 {
        u64::try_from(now.duration_since(self.made_at).as_millis()).unwrap_or(0)
    }

    /// Returns the stacks that need no `init`.
    pub(super) fn ready(&self) -> impl Iterator<Item = (&StepId, &StackMade)> {
        self.stacks.iter().filter(|(_, stack)| stack.initialised)
    }
}

/// Providers of the large clouds read these, and what they make of them is in a plan.
const READ: &[&str] =
    &["AWS_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "ARM_", "AZURE_", "KUBE_", "TF_ENCRYPTION"];

/// These change by themselves, and change no plan.
const CREDENTIALS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "ARM_CLIENT_SECRET",
    "ARM_OIDC_TOKEN",
    "ARM_OIDC_REQUEST_TOKEN",
    "ARM_ACCESS_KEY",
    "ARM_SAS_TOKEN",
];

impl Environment {
    /// Takes down what there is now.
    pub(super) fn now(salt: &str) -> Self {
        let digest = |value: &str| crate::engine::digest(&format!("{salt}{value}"));
        let reads = |name: &str| {
            READ.iter().any(|prefix| name.starts_with(prefix)) && !CREDENTIALS.contains(&name)
        };
        let all = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| reads(name))?;
            Some((name, digest(&value.to_string_lossy())))
        });
        Self { salt: salt.to_owned(), values: all.collect() }
    }

    /// Returns the names of what is no longer as it was.
    pub(super) fn changed(&self) -> Vec<String> {
        let now = Self::now(&self.salt);
        let names = self.values.keys().chain(now.values.keys());
        let mut changed: Vec<String> =
            names.filter(|name| self.values.get(*name) != now.values.get(*name)).cloned().collect();
        changed.sort();
        changed.dedup();
        changed
    }
}

/// Returns this machine's platform as Terraform writes it.
pub(super) fn platform() -> String {
    let os = match env::consts::OS {
        "macos" => "darwin",
        os => os,
    };
    let arch = match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        arch => arch,
    };
    format!("{os}_{arch}")
}

/// Returns the digest of what is known of resource types.
pub(super) fn catalogue() -> String {
    crate::engine::digest(&format!("{:?}", crate::catalogue::Catalogue::builtin()))
}
