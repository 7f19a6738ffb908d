//! What bounds what is prepared before an outage.

use super::{Mistake, reader::Reader};
use crate::config::body::Block;
use std::time::Duration;

/// What bounds what is prepared before an outage.
#[derive(Clone, Debug, Default)]
pub struct Prepare {
    /// How old it may be.
    pub max_age: Option<Duration>,
    /// Platforms besides this machine's that providers are kept for, such as `linux_arm64`.
    pub platforms: Vec<String>,
}

impl Prepare {
    /// Reads a `prepare` block.
    pub(super) fn read(block: &Block, mistakes: &mut Vec<Mistake>) -> Self {
        let mut reader = Reader::new(block, &["max_age", "platforms"], &[], mistakes);
        let max_age = reader.duration("max_age");
        let mut platforms = Vec::new();
        for (platform, place) in reader.strings("platforms") {
            if is_platform(&platform) {
                platforms.push(platform);
            } else {
                let message = format!("`{platform}` is no platform");
                let mistake = Mistake::new(place, message);
                reader.wrong(mistake.hint("Write it as Terraform does: `linux_arm64`"));
            }
        }
        Self { max_age, platforms }
    }
}

/// Whether `text` is a platform as Terraform writes it: an operating system and an architecture.
pub fn is_platform(text: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    text.split_once('_').is_some_and(|(os, arch)| word(os) && word(arch))
}

#[cfg(test)]
mod tests {
    use crate::runbook::Runbook;
    use std::{path::Path, time::Duration};

    fn read(block: &str) -> Result<Runbook, String> {
        let text = format!(
            "service \"s\" {{\n  rto = \"1h\"\n}}\nstack \"a\" {{\n  path = \".\"\n}}\nprepare {{\n{block}\n}}\n"
        );
        Runbook::read(Path::new("drctl.hcl"), text.as_bytes(), "x")
            .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn the_block_is_read() {
        let runbook = read("  max_age = \"6h\"\n  platforms = [\"linux_arm64\"]").unwrap();
        assert_eq!(runbook.prepare.max_age, Some(Duration::from_secs(6 * 3600)));
        assert_eq!(runbook.prepare.platforms, ["linux_arm64"]);
    }

    #[test]
    fn what_is_wrong_with_it_is_said() {
        insta::assert_snapshot!(read("  max_age = \"soon\"\n  platforms = [\"arm64\"]\n  age = 1").unwrap_err(), @r"
        drctl.hcl:8:13: `max_age`: `soon` is not a duration such as `90s`, `15m` or `1h30m`
        drctl.hcl:9:16: `arm64` is no platform
          Write it as Terraform does: `linux_arm64`
        drctl.hcl:10:3: `prepare` has no attribute `age`
          Known here: `max_age`, `platforms`
        ");
    }
}
