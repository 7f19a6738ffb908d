//! The command line that runs a container.

use super::{container::Container, split_env, typed};
use crate::model::text::hex;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, path::Path, time::Duration};

/// Names the service that a container belongs to.
pub(super) const SERVICE: &str = "drctl.service";
/// Names the step.
pub(super) const STEP: &str = "drctl.step";
/// Names the run that made it.
pub(super) const RUN: &str = "drctl.run";
/// Tells whether it was made of the same.
pub(super) const DIGEST: &str = "drctl.digest";

impl Container {
    /// Returns what runs the container, without the program. `env_file` holds what the Docker CLI would
    /// take for its own settings.
    pub(super) fn run_line(
        &self,
        labels: &BTreeMap<&str, &str>,
        env_file: Option<&Path>,
    ) -> Vec<String> {
        let mut line = vec!["run".to_owned(), "--detach".to_owned()];
        let mut add = |flag: &str, value: &str| line.extend([flag.to_owned(), value.to_owned()]);
        add("--name", &self.name);
        for (name, value) in labels {
            add("--label", &format!("{name}={value}"));
        }
        if let Some(path) = env_file {
            add("--env-file", &path.to_string_lossy());
        }
        // By name alone: the values are in the environment of the Docker CLI, where only its user and
        // root can read them.
        for name in split_env(&self.env).1.keys() {
            add("--env", name);
        }
        for port in &self.ports {
            add("--publish", port);
        }
        for volume in &self.volumes {
            add("--volume", volume);
        }
        for (flag, value) in [
            ("--network", &self.network),
            ("--restart", &self.restart),
            ("--user", &self.user),
            ("--entrypoint", &self.entrypoint),
        ] {
            if let Some(value) = value {
                add(flag, value);
            }
        }
        if let Some(health) = &self.health {
            let command = match health.run.as_slice() {
                [shell] => shell.clone(),
                argv => typed(argv),
            };
            add("--health-cmd", &command);
            for (flag, value) in [
                ("--health-interval", health.interval),
                ("--health-timeout", health.timeout),
                ("--health-start-period", health.start_period),
            ] {
                if let Some(value) = value {
                    add(flag, &duration(value));
                }
            }
            if let Some(retries) = health.retries {
                add("--health-retries", &retries.to_string());
            }
        }
        line.extend(self.options.iter().cloned());
        line.push(self.image.name.clone());
        line.extend(self.command.iter().cloned());
        line
    }

    /// Returns a digest of all that decides what the container is, with the identity of its image.
    pub(super) fn digest(&self, image: &str) -> String {
        let mut digest = Sha256::new();
        let mut add = |part: &str| {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        };
        add(image);
        self.run_line(&BTreeMap::new(), None).iter().for_each(|word| add(word));
        for (name, value) in &self.env {
            add(name);
            add(value);
        }
        hex(&digest.finalize())
    }
}

/// A duration as Go reads it: <https://pkg.go.dev/time#ParseDuration>.
fn duration(value: Duration) -> String {
    format!("{}ms", value.as_millis())
}

#[cfg(test)]
mod tests {
    use super::{super::container::Health, *};
    use crate::deploy::images::Image;

    fn container() -> Container {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let env = [("TOKEN", "hunter2\nhunter3"), ("PATH", "/app")];
        Container {
            engine: None,
            service: "shop".to_owned(),
            name: "shop-web".to_owned(),
            image: Image { written: "eu/web:1".to_owned(), name: "ap/web:1".to_owned() },
            command: words(&["serve", "--loud"]),
            entrypoint: Some("/bin/web".to_owned()),
            env: env.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            ports: words(&["80:8080"]),
            volumes: words(&["data:/data"]),
            network: Some("host".to_owned()),
            restart: Some("always".to_owned()),
            user: Some("1000".to_owned()),
            options: words(&["--memory", "1g"]),
            health: Some(Health {
                run: words(&["wget", "-q", "http://127.0.0.1/it's"]),
                interval: Some(Duration::from_secs(2)),
                timeout: None,
                start_period: Some(Duration::from_millis(1_500)),
                retries: Some(3),
            }),
            check_images: true,
            limit: Duration::from_secs(60),
        }
    }

    #[test]
    fn all_that_is_set_is_on_the_command_line_but_no_value_of_the_environment() {
        let labels = [(STEP, "web"), (SERVICE, "shop")].into();
        let line = container().run_line(&labels, Some(Path::new("/scratch/env")));
        insta::assert_snapshot!(typed(&line), @r#"run --detach --name shop-web --label drctl.service=shop --label drctl.step=web --env-file /scratch/env --env TOKEN --publish 80:8080 --volume data:/data --network host --restart always --user 1000 --entrypoint /bin/web --health-cmd 'wget -q '\''http://127.0.0.1/it'\''\'\'''\''s'\''' --health-interval 2000ms --health-start-period 1500ms --health-retries 3 --memory 1g ap/web:1 serve --loud"#);
    }

    #[test]
    fn the_digest_tells_what_differs() {
        let one = container();
        let mut secret = container();
        secret.env.insert("TOKEN".to_owned(), "hunter4".to_owned());
        let mut moved = container();
        moved.ports = vec!["81:8080".to_owned()];
        let all = [one.digest("1"), one.digest("2"), secret.digest("1"), moved.digest("1")];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(one.digest("1"), container().digest("1"));
    }
}
