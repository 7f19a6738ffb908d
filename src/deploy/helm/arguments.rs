//! What Helm is asked for, as arguments.
//!
//! All of these are taken by Helm 3.8 to 4.1 and mean the same there, as `helm COMMAND --help` of each
//! says: `--wait` waits until all is ready, in Helm 4 by its strategy `watcher`.

use super::{
    chart::{Chart, Source},
    release::HelmRelease,
};
use std::{path::Path, time::Duration};

/// Every state that a release can be in: without them, Helm 3 lists only some, and Helm 4 has no `--all`.
const STATES: [&str; 6] =
    ["--deployed", "--failed", "--pending", "--superseded", "--uninstalled", "--uninstalling"];

impl HelmRelease {
    /// Lists the newest revision of the release, or nothing: that is no failure, other than with
    /// `helm status`.
    pub(super) fn list(&self) -> Vec<String> {
        let mut args = self.of_namespace(&["list"]);
        // Names hold no other sign that means something in a pattern.
        let filter = format!("^{}$", self.name.replace('.', "\\."));
        args.extend(["--filter".to_owned(), filter]);
        args.extend(strings(&["--output", "json"]));
        args.extend(strings(&STATES));
        args
    }

    /// Shows every revision that is kept.
    pub(super) fn history(&self) -> Vec<String> {
        self.of_namespace(&["history", &self.name, "--output", "json"])
    }

    /// Shows what a revision holds.
    pub(super) fn status(&self, revision: u64) -> Vec<String> {
        let revision = revision.to_string();
        self.of_namespace(&["status", &self.name, "--revision", &revision, "--output", "json"])
    }

    /// Renders a chart without asking a cluster. Its tests are no part of what is brought up.
    pub(super) fn template(&self, chart: &str, values: &Path) -> Vec<String> {
        let mut args = self.of_namespace(&["template", &self.name, chart, "--skip-tests"]);
        args.extend(self.values_from(values));
        args
    }

    /// Installs or upgrades, and waits until all is ready.
    ///
    /// `--reset-values`, since without any values Helm would take those of the revision before, and
    /// what comes up is to be what the repository says.
    pub(super) fn upgrade(&self, chart: &str, values: &Path) -> Vec<String> {
        let mut args = self.of_namespace(&["upgrade", "--install", &self.name, chart]);
        args.extend(strings(&["--create-namespace", "--reset-values"]));
        args.extend(self.values_from(values));
        args.extend(strings(&["--wait", "--wait-for-jobs"]));
        args.extend(timeout(self.limit));
        args
    }

    /// Rolls back to a revision, and waits until all is ready.
    pub(super) fn rollback(&self, revision: u64) -> Vec<String> {
        let mut args = self.of_namespace(&["rollback", &self.name, &revision.to_string()]);
        args.extend(strings(&["--wait", "--wait-for-jobs"]));
        args.extend(timeout(self.limit));
        args
    }

    /// Rolls back to a revision only for Helm to take an upgrade again, which comes next: nothing is
    /// waited for, and no hook runs.
    pub(super) fn unlock(&self, revision: u64) -> Vec<String> {
        let mut args = self.of_namespace(&["rollback", &self.name, &revision.to_string()]);
        args.push("--no-hooks".to_owned());
        args.extend(timeout(self.limit));
        args
    }

    /// Removes the release; with its hooks only where it was ever up, since they are made for that.
    pub(super) fn uninstall(&self, was_up: bool) -> Vec<String> {
        let mut args = self.of_namespace(&["uninstall", &self.name, "--wait"]);
        if !was_up {
            args.push("--no-hooks".to_owned());
        }
        args.extend(timeout(self.limit));
        args
    }

    fn of_namespace(&self, words: &[&str]) -> Vec<String> {
        let mut args = strings(words);
        args.extend(strings(&["--namespace", &self.namespace]));
        args
    }

    fn values_from(&self, values: &Path) -> Vec<String> {
        let files = self.value_files.iter().map(|file| format!("./{}", file.display()));
        files
            .chain([values.display().to_string()])
            .flat_map(|file| ["--values".to_owned(), file])
            .collect()
    }
}

impl Chart {
    /// Fetches a chart that is not in the repository into the folder `into`.
    pub(super) fn pull(&self, into: &Path) -> Option<Vec<String>> {
        let mut args = strings(&["pull"]);
        match &self.source {
            Source::Repository(_) => return None,
            Source::Registry(address) => {
                args.push(address.clone());
                // As Docker does: what is on this machine needs no certificate. Since Helm 3.13.
                if is_local(address) {
                    args.push("--plain-http".to_owned());
                }
            }
            Source::ChartRepository { url, name } => {
                args.extend(strings(&[name, "--repo", url]));
            }
        }
        if let Some(version) = &self.version {
            args.extend(strings(&["--version", version]));
        }
        args.extend(["--destination".to_owned(), into.display().to_string()]);
        Some(args)
    }
}

/// Returns true when an address of a registry leads to this machine.
fn is_local(address: &str) -> bool {
    let host = address.trim_start_matches("oci://").split(['/', ':']).next().unwrap_or_default();
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
}

fn timeout(limit: Duration) -> [String; 2] {
    ["--timeout".to_owned(), format!("{}s", limit.as_secs().max(1))]
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::release::sample;
    use super::*;

    #[test]
    fn what_helm_is_asked_for() {
        let release = sample();
        let values = Path::new("/scratch/values.json");
        let all = [
            release.list(),
            release.history(),
            release.status(4),
            release.template("./charts/web", values),
            release.upgrade("./charts/web", values),
            release.rollback(3),
            release.unlock(3),
            release.uninstall(true),
            release.uninstall(false),
        ];
        insta::assert_snapshot!(all.map(|args| args.join(" ")).join("\n"), @r"
        list --namespace shop --filter ^web\.v2$ --output json --deployed --failed --pending --superseded --uninstalled --uninstalling
        history web.v2 --output json --namespace shop
        status web.v2 --revision 4 --output json --namespace shop
        template web.v2 ./charts/web --skip-tests --namespace shop --values ./env/dr.yaml --values /scratch/values.json
        upgrade --install web.v2 ./charts/web --namespace shop --create-namespace --reset-values --values ./env/dr.yaml --values /scratch/values.json --wait --wait-for-jobs --timeout 600s
        rollback web.v2 3 --namespace shop --wait --wait-for-jobs --timeout 600s
        rollback web.v2 3 --namespace shop --no-hooks --timeout 600s
        uninstall web.v2 --wait --namespace shop --timeout 600s
        uninstall web.v2 --wait --namespace shop --no-hooks --timeout 600s
        ");
    }

    #[test]
    fn a_chart_is_fetched_from_where_it_is() {
        let version = Some("1.4.0".to_owned());
        let into = Path::new("/scratch/chart");
        let from = |source| Chart { source, version: version.clone() }.pull(into);
        let registry = Source::Registry("oci://seoul.example.com/charts/web".into());
        assert_eq!(
            from(registry).unwrap().join(" "),
            "pull oci://seoul.example.com/charts/web --version 1.4.0 --destination /scratch/chart"
        );
        let here = Source::Registry("oci://127.0.0.1:5000/web".into());
        assert!(from(here).unwrap().contains(&"--plain-http".to_owned()));
        let url = "https://charts.example.com".to_owned();
        assert_eq!(
            from(Source::ChartRepository { url, name: "web".into() }).unwrap().join(" "),
            "pull web --repo https://charts.example.com --version 1.4.0 --destination /scratch/chart"
        );
        assert_eq!(from(Source::Repository("charts/web".into())), None);
    }
}
