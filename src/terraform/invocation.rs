//! A Terraform command as data. Building it touches nothing, so a test compares
//! the whole command line and the whole environment without running anything.

use crate::terraform::version::{Release, Version};
use std::{collections::BTreeMap, ffi::OsString, fmt, path::PathBuf, time::Duration};

/// A command, complete.
///
/// `Debug` shows the names of the extra environment and not its values, which may be secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The root module, in which the command runs.
    pub dir: PathBuf,
    /// What to do there.
    pub action: Action,
    /// What the environment gets beside what passes from our own, such as `AWS_REGION`
    /// or `TF_HTTP_PASSWORD`; wins over everything.
    pub env: BTreeMap<String, String>,
    /// How long to wait for somebody else's lock on the state. Zero fails at once.
    pub lock_timeout: Duration,
    /// How long the command may take before it is interrupted. `None` is for ever.
    pub limit: Option<Duration>,
}

/// What to do.
///
/// Variables go through files only: what stands on a command line can be read
/// by every user of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `terraform version`, as text: OpenTofu's JSON calls its own version
    /// `terraform_version` (opentofu.org/docs/cli/commands/version), so only the
    /// text tells which of the two it is.
    Version,
    /// `terraform init`. Never upgrades and never migrates a state.
    Init {
        /// Forget an earlier backend configuration.
        reconfigure: bool,
        /// Set the backend up. Without it, only modules and providers are fetched.
        backend: bool,
        /// Take providers from this folder, and from nowhere else.
        plugin_dir: Option<PathBuf>,
    },
    /// `terraform get`: only the modules.
    Get,
    /// `terraform providers mirror`: the providers for other platforms, packed, from their registries.
    MirrorProviders {
        /// Where they go.
        dir: PathBuf,
        /// The platforms, such as `linux_arm64`.
        platforms: Vec<String>,
    },
    /// `terraform validate`; prints a [`crate::terraform::Validation`].
    Validate,
    /// `terraform test`: every test file of the module. From Terraform 1.6.
    Test,
    /// `terraform plan`, saved.
    Plan {
        /// Where the plan goes. It holds secrets in clear.
        out: PathBuf,
        /// Files of variables, in order; the last wins.
        var_files: Vec<PathBuf>,
        /// How many operations at once; Terraform's own default is 10.
        parallelism: u16,
        /// Look at every object in the state first.
        refresh: bool,
        /// Plan to remove everything.
        destroy: bool,
    },
    /// `terraform show` of a saved plan; prints a [`crate::terraform::Plan`].
    ShowPlan {
        /// The saved plan.
        file: PathBuf,
    },
    /// `terraform show` of the state.
    ShowState,
    /// `terraform apply` of a saved plan.
    Apply {
        /// The saved plan.
        plan: PathBuf,
        /// How many operations at once; Terraform's own default is 10.
        parallelism: u16,
    },
    /// `terraform state pull`; prints the state, which holds [`crate::terraform::Outputs`] and
    /// [`crate::terraform::dependencies()`].
    StatePull,
    /// `terraform state push` of a state that could not be saved when it was made.
    StatePush {
        /// The state.
        file: PathBuf,
    },
    /// `terraform untaint`: what was broken off while it was made is kept as it is.
    Untaint {
        /// The address of the resource instance.
        address: String,
    },
    /// `terraform force-unlock`: the lock of a holder that is dead is taken away.
    ForceUnlock {
        /// The name of the lock.
        id: String,
    },
    /// `terraform destroy` of everything, unseen. A plan with `destroy` and its
    /// apply let the plan be looked at first.
    Destroy {
        /// Files of variables, in order; the last wins.
        var_files: Vec<PathBuf>,
        /// How many operations at once; Terraform's own default is 10.
        parallelism: u16,
    },
    /// `terraform fmt` of a text, which is given on standard input; prints it formatted.
    Fmt {
        /// The text.
        text: String,
    },
}

impl Action {
    /// Returns the subcommand's name.
    pub fn command(&self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Init { .. } => "init",
            Self::Get => "get",
            Self::MirrorProviders { .. } => "providers",
            Self::Validate => "validate",
            Self::Test => "test",
            Self::Plan { .. } => "plan",
            Self::ShowPlan { .. } | Self::ShowState => "show",
            Self::Apply { .. } => "apply",
            Self::StatePull | Self::StatePush { .. } => "state",
            Self::Untaint { .. } => "untaint",
            Self::ForceUnlock { .. } => "force-unlock",
            Self::Destroy { .. } => "destroy",
            Self::Fmt { .. } => "fmt",
        }
    }

    /// Tells whether it prints one document, not a line a message.
    pub fn prints_a_document(&self) -> bool {
        match self {
            Self::Version
            | Self::Validate
            | Self::ShowPlan { .. }
            | Self::ShowState
            | Self::StatePull
            | Self::Fmt { .. } => true,
            Self::Init { .. }
            | Self::Get
            | Self::MirrorProviders { .. }
            | Self::Test
            | Self::Plan { .. }
            | Self::Apply { .. }
            | Self::StatePush { .. }
            | Self::Untaint { .. }
            | Self::ForceUnlock { .. }
            | Self::Destroy { .. } => false,
        }
    }
}

/// The names that begin with `TF_` and yet pass from our own environment: how to
/// reach what Terraform downloads, and how to read an encrypted state. All others
/// change what Terraform does or where its state lies, so that a run on one machine
/// would not be the same on another.
const INHERITED: &[&str] = &[
    "TF_APPEND_USER_AGENT",
    "TF_CLI_CONFIG_FILE",
    "TF_ENCRYPTION",
    "TF_PLUGIN_CACHE_DIR",
    "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE",
    "TF_PROVIDER_DOWNLOAD_RETRY",
];
const INHERITED_PREFIXES: &[&str] = &["TF_REGISTRY_", "TF_TOKEN_"];

/// What every command gets: no questions, no hints for people, no call home.
const FIXED: &[(&str, &str)] =
    &[("CHECKPOINT_DISABLE", "1"), ("TF_INPUT", "0"), ("TF_IN_AUTOMATION", "1")];

/// `init -json` exists from Terraform 1.9, and in OpenTofu at the latest from 1.12.
const INIT_JSON: (Version, Version) = (Version::new(1, 9, 0), Version::new(1, 12, 0));

impl Invocation {
    /// Returns a command with no extra environment that does not wait for a lock and has no limit.
    pub fn new(dir: impl Into<PathBuf>, action: Action) -> Self {
        Self {
            dir: dir.into(),
            action,
            env: BTreeMap::new(),
            lock_timeout: Duration::ZERO,
            limit: None,
        }
    }

    /// Returns the arguments after `terraform`, for a given release of it.
    pub fn args(&self, release: &Release) -> Vec<OsString> {
        let mut args = Args(vec![self.action.command().into()]);
        match &self.action {
            Action::Version => {}
            Action::Init { reconfigure, backend, plugin_dir } => {
                args.flag(release.is_at_least(INIT_JSON), "-json");
                args.push("-no-color").push("-input=false");
                args.push(format!("-backend={backend}"));
                args.flag(*reconfigure, "-reconfigure").push("-upgrade=false");
                args.locking(self.lock_timeout);
                if let Some(dir) = plugin_dir {
                    args.path("-plugin-dir=", dir);
                }
            }
            Action::Get => {
                args.push("-no-color").push("-update=false");
            }
            Action::MirrorProviders { dir, platforms } => {
                args.push("mirror");
                for platform in platforms {
                    args.push(format!("-platform={platform}"));
                }
                args.path("", dir);
            }
            Action::Validate | Action::Test => {
                args.push("-json").push("-no-color");
            }
            Action::Plan { out, var_files, parallelism, refresh, destroy } => {
                args.streaming().locking(self.lock_timeout).push("-detailed-exitcode");
                args.push(format!("-parallelism={parallelism}"))
                    .push(format!("-refresh={refresh}"));
                args.flag(*destroy, "-destroy").path("-out=", out);
                args.var_files(var_files);
            }
            Action::ShowPlan { file } => {
                args.push("-json").push("-no-color").path("", file);
            }
            Action::ShowState => {
                args.push("-json").push("-no-color");
            }
            Action::StatePull => {
                args.push("pull").push("-no-color");
            }
            Action::StatePush { file } => {
                args.push("push").push("-no-color").locking(self.lock_timeout).path("", file);
            }
            Action::Untaint { address } => {
                args.push("-no-color").locking(self.lock_timeout).push(address);
            }
            Action::ForceUnlock { id } => {
                args.push("-no-color").push("-force").push(id);
            }
            Action::Apply { plan, parallelism } => {
                args.streaming().locking(self.lock_timeout);
                args.push(format!("-parallelism={parallelism}")).path("", plan);
            }
            Action::Destroy { var_files, parallelism } => {
                args.streaming().locking(self.lock_timeout).push("-auto-approve");
                args.push(format!("-parallelism={parallelism}")).push("-refresh=true");
                args.var_files(var_files);
            }
            Action::Fmt { .. } => {
                args.push("-no-color").push("-");
            }
        }
        args.0
    }

    /// Returns the whole environment, given our own, in order of the names.
    pub fn env(
        &self,
        ours: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> BTreeMap<OsString, OsString> {
        let inherited = |name: &OsString| {
            let name = name.to_string_lossy();
            // What is drctl's own may be a secret, such as the token that opens the repository.
            !name.starts_with("TF_") && !name.starts_with("DRCTL_")
                || INHERITED.contains(&&*name)
                || INHERITED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        };
        let mut env: BTreeMap<OsString, OsString> =
            ours.into_iter().filter(|(name, _)| inherited(name)).collect();
        env.extend(FIXED.iter().map(|(name, value)| (name.into(), value.into())));
        env.extend(self.env.iter().map(|(name, value)| (name.into(), value.into())));
        env
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dir, action, env, lock_timeout, limit } = self;
        f.debug_struct("Invocation")
            .field("dir", dir)
            .field("action", action)
            .field("env", &env.keys().collect::<Vec<_>>())
            .field("lock_timeout", lock_timeout)
            .field("limit", limit)
            .finish()
    }
}

/// Arguments in the making.
struct Args(Vec<OsString>);

impl Args {
    fn push(&mut self, arg: impl Into<OsString>) -> &mut Self {
        self.0.push(arg.into());
        self
    }

    fn flag(&mut self, on: bool, arg: &str) -> &mut Self {
        if on { self.push(arg) } else { self }
    }

    fn path(&mut self, prefix: &str, path: &std::path::Path) -> &mut Self {
        let mut arg = OsString::from(prefix);
        arg.push(path);
        self.push(arg)
    }

    fn streaming(&mut self) -> &mut Self {
        self.push("-json").push("-no-color").push("-input=false")
    }

    fn locking(&mut self, timeout: Duration) -> &mut Self {
        self.push("-lock=true").push(format!("-lock-timeout={}s", timeout.as_secs()))
    }

    fn var_files(&mut self, files: &[PathBuf]) -> &mut Self {
        files.iter().fold(self, |args, file| args.path("-var-file=", file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::version::Product;

    fn line(action: Action, release: &str) -> String {
        let release = Release::read(release).unwrap();
        let call =
            Invocation { lock_timeout: Duration::from_secs(30), ..Invocation::new(".", action) };
        let args = call.args(&release);
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_action_has_its_whole_command_line() {
        let actions = [
            Action::Version,
            Action::Init { reconfigure: true, backend: true, plugin_dir: Some("/plugins".into()) },
            Action::Init { reconfigure: false, backend: false, plugin_dir: None },
            Action::Get,
            Action::Validate,
            Action::Plan {
                out: "/run/p".into(),
                var_files: vec!["a.tfvars".into(), "b.tfvars".into()],
                parallelism: 64,
                refresh: true,
                destroy: false,
            },
            Action::Plan {
                out: "p".into(),
                var_files: vec![],
                parallelism: 10,
                refresh: false,
                destroy: true,
            },
            Action::ShowPlan { file: "/run/p".into() },
            Action::ShowState,
            Action::Apply { plan: "/run/p".into(), parallelism: 64 },
            Action::StatePull,
            Action::StatePush { file: "errored.tfstate".into() },
            Action::Untaint { address: "a.b[\"x\"]".into() },
            Action::ForceUnlock { id: "27d0".into() },
            Action::Destroy { var_files: vec!["a.tfvars".into()], parallelism: 10 },
            Action::Fmt { text: "a=1".into() },
        ];
        let lines: Vec<_> =
            actions.into_iter().map(|action| line(action, "Terraform v1.11.4")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        version
        init -json -no-color -input=false -backend=true -reconfigure -upgrade=false -lock=true -lock-timeout=30s -plugin-dir=/plugins
        init -json -no-color -input=false -backend=false -upgrade=false -lock=true -lock-timeout=30s
        get -no-color -update=false
        validate -json -no-color
        plan -json -no-color -input=false -lock=true -lock-timeout=30s -detailed-exitcode -parallelism=64 -refresh=true -out=/run/p -var-file=a.tfvars -var-file=b.tfvars
        plan -json -no-color -input=false -lock=true -lock-timeout=30s -detailed-exitcode -parallelism=10 -refresh=false -destroy -out=p
        show -json -no-color /run/p
        show -json -no-color
        apply -json -no-color -input=false -lock=true -lock-timeout=30s -parallelism=64 /run/p
        state pull -no-color
        state push -no-color -lock=true -lock-timeout=30s errored.tfstate
        untaint -no-color -lock=true -lock-timeout=30s a.b["x"]
        force-unlock -no-color -force 27d0
        destroy -json -no-color -input=false -lock=true -lock-timeout=30s -auto-approve -parallelism=10 -refresh=true -var-file=a.tfvars
        fmt -no-color -
        "#);
    }

    #[test]
    fn init_speaks_json_only_where_it_can() {
        let init = || Action::Init { reconfigure: false, backend: true, plugin_dir: None };
        for (release, json) in [
            ("Terraform v1.8.5", false),
            ("Terraform v1.9.0", true),
            ("OpenTofu v1.9.0", false),
            ("OpenTofu v1.12.0", true),
        ] {
            assert_eq!(line(init(), release).contains("-json"), json, "{release}");
        }
        assert_eq!(Release::read("OpenTofu v1.9.0").unwrap().product, Product::OpenTofu);
    }

    #[test]
    fn nothing_that_steers_terraform_is_inherited() {
        let ours = [
            ("AWS_PROFILE", "dr"),
            ("PATH", "/bin"),
            ("TF_CLI_ARGS", "-no-color"),
            ("TF_CLI_ARGS_plan", "-destroy"),
            ("TF_CLI_CONFIG_FILE", "/etc/terraformrc"),
            ("TF_DATA_DIR", "/elsewhere"),
            ("TF_ENCRYPTION", "key_provider {}"),
            ("TF_HTTP_ADDRESS", "https://primary.example.com"),
            ("TF_INPUT", "1"),
            ("TF_IN_AUTOMATION", "no"),
            ("TF_LOG", "trace"),
            ("TF_LOG_PATH", "/tmp/log"),
            ("TF_PLUGIN_CACHE_DIR", "/cache"),
            ("TF_REATTACH_PROVIDERS", "{}"),
            ("TF_STATE_PERSIST_INTERVAL", "600"),
            ("TF_TOKEN_app_terraform_io", "token"),
            ("TF_VAR_region", "mars"),
            ("TF_WORKSPACE", "prod"),
        ]
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let mut call = Invocation::new(".", Action::Get);
        call.env.insert("AWS_PROFILE".into(), "fallback".into());
        call.env.insert("TF_HTTP_PASSWORD".into(), "secret".into());
        call.env.insert("TF_DATA_DIR".into(), "/run/data".into());

        assert!(!format!("{call:?}").contains("secret"), "{call:?}");

        let env: Vec<_> = call
            .env(ours)
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        insta::assert_snapshot!(env.join("\n"), @r"
        AWS_PROFILE=fallback
        CHECKPOINT_DISABLE=1
        PATH=/bin
        TF_CLI_CONFIG_FILE=/etc/terraformrc
        TF_DATA_DIR=/run/data
        TF_ENCRYPTION=key_provider {}
        TF_HTTP_PASSWORD=secret
        TF_INPUT=0
        TF_IN_AUTOMATION=1
        TF_PLUGIN_CACHE_DIR=/cache
        TF_TOKEN_app_terraform_io=token
        ");
    }
}
