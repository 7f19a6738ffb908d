//! A command step as data. Building it touches nothing, so a test can compare all
//! of it without running anything.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    path::PathBuf,
    time::Duration,
};

/// A program to run, complete.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandStep {
    /// The program and its arguments. No shell is involved.
    pub argv: Vec<String>,
    /// The folder that it runs in.
    pub dir: PathBuf,
    /// What is added to its environment. Secrets belong here and not in `argv`,
    /// which every user of the machine can read.
    pub env: BTreeMap<String, String>,
    /// How long it may take.
    pub limit: Duration,
    /// How long it may take to stop once it was asked to, before it is killed.
    pub grace: Duration,
}

impl CommandStep {
    /// Returns the program as it was written.
    pub fn program(&self) -> &str {
        self.argv.first().map_or("", String::as_str)
    }

    /// Returns where the program is: a name is left to `PATH`, anything with a `/`
    /// is taken from `dir`.
    pub(super) fn path(&self) -> PathBuf {
        let program = self.program();
        if program.contains('/') { self.dir.join(program) } else { program.into() }
    }

    /// Returns the arguments after the program.
    pub fn args(&self) -> &[String] {
        self.argv.get(1..).unwrap_or_default()
    }

    /// Returns the whole environment, given our own, sorted by name.
    ///
    /// What a program needs to reach a cloud or a cluster is inherited. drctl's own
    /// settings (`DRCTL_*`) are not, nor are address and password of a kept state
    /// (`TF_HTTP_*`): they are nobody else's business.
    pub fn env(
        &self,
        ours: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> BTreeMap<OsString, OsString> {
        let inherited = ours.into_iter().filter(|(name, _)| is_inherited(name));
        let set = self.env.iter().map(|(name, value)| (name.into(), value.into()));
        inherited.chain(set).collect()
    }
}

impl fmt::Debug for CommandStep {
    /// Shows the names in the environment and not their values, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandStep")
            .field("argv", &self.argv)
            .field("dir", &self.dir)
            .field("env", &self.env.keys())
            .field("limit", &self.limit)
            .field("grace", &self.grace)
            .finish()
    }
}

fn is_inherited(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    !name.starts_with("DRCTL_") && !name.starts_with("TF_HTTP_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(argv: &[&str]) -> CommandStep {
        CommandStep {
            argv: argv.iter().map(ToString::to_string).collect(),
            dir: "/checkout".into(),
            env: [("DRCTL_REGION", "ap-northeast-2"), ("TOKEN", "hunter2")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            limit: Duration::from_secs(60),
            grace: Duration::from_secs(5),
        }
    }

    #[test]
    fn a_program_with_a_slash_is_in_the_checkout() {
        assert_eq!(step(&["./bin/go", "-v"]).path(), PathBuf::from("/checkout/./bin/go"));
        assert_eq!(step(&["/bin/true"]).path(), PathBuf::from("/bin/true"));
        assert_eq!(step(&["helm", "upgrade"]).path(), PathBuf::from("helm"));
        assert_eq!(step(&["helm", "upgrade"]).args(), ["upgrade"]);
    }

    #[test]
    fn the_environment_is_ours_without_our_secrets_and_with_what_is_set() {
        let ours = [
            ("PATH", "/bin"),
            ("AWS_PROFILE", "dr"),
            ("DRCTL_REGION", "mars"),
            ("DRCTL_GIT_TOKEN", "s3cret"),
            ("TF_HTTP_PASSWORD", "s3cret"),
        ]
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let env: Vec<_> = step(&["true"])
            .env(ours)
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        insta::assert_snapshot!(env.join("\n"), @r"
        AWS_PROFILE=dr
        DRCTL_REGION=ap-northeast-2
        PATH=/bin
        TOKEN=hunter2
        ");
    }

    #[test]
    fn values_of_the_environment_are_not_shown() {
        let shown = format!("{:?}", step(&["true"]));
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }
}
