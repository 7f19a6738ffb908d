//! When an outage is one, what is done about it, and who is told.

use super::{Mistake, reader::Reader, window};
use crate::{
    config::{body::Block, expression::Expr},
    model::window::Window,
};
use std::time::Duration;

/// When an outage is one, and what is done about it.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The region to fail over to; `--region` wins.
    pub region: Option<String>,
    /// How many probes of the service must be down at once; more than half when absent.
    pub quorum: Option<u32>,
    /// How long an outage must go on after it was detected before somebody is asked or it is failed
    /// over. What passes by itself sooner is told, and no more.
    pub confirm: Duration,
    /// What is done when the service is down and its region is not.
    pub service_down: Act,
    /// What is done when the primary region is down.
    pub region_down: Act,
    /// How long after a failover no other is begun.
    pub cool_down: Duration,
    /// What is not believed.
    pub flap: Flap,
    /// When an outage is expected, by name.
    pub maintenance: Vec<(String, Window)>,
    /// Where whoever approves reaches drctl, such as `https://ops.example.com/drctl`.
    pub approve_url: Option<String>,
    /// How long an approval can be given after it was asked for.
    pub approve_within: Duration,
}

/// What is done about an outage. Each does what those before it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// People are told.
    Notify,
    /// What would be done is made out, with its digest, so that it is known and quick to do.
    Prepare,
    /// Somebody is asked whether to fail over.
    Approve,
    /// It is failed over.
    Failover,
}

/// When a probe that goes up and down is not believed, as routers damp routes (RFC 2439): each time it
/// comes up again adds one to its penalty, which halves in a `half_life`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flap {
    /// In which time a penalty halves.
    pub half_life: Duration,
    /// From which penalty on it is not believed.
    pub suppress: f64,
    /// Below which it is believed again.
    pub reuse: f64,
    /// The highest penalty that counts, which bounds how long it is not believed.
    pub most: f64,
}

impl Default for Flap {
    fn default() -> Self {
        Self { half_life: Duration::from_secs(300), suppress: 3.0, reuse: 1.5, most: 6.0 }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            region: None,
            quorum: None,
            confirm: Duration::from_secs(60),
            service_down: Act::Notify,
            region_down: Act::Approve,
            cool_down: Duration::from_secs(6 * 3_600),
            flap: Flap::default(),
            maintenance: Vec::new(),
            approve_url: None,
            approve_within: Duration::from_secs(3_600),
        }
    }
}

/// Somebody who is told.
#[derive(Clone, Debug)]
pub struct Notify {
    /// The name of the entry.
    pub name: String,
    /// How.
    pub by: NotifyBy,
}

/// How somebody is told.
#[derive(Clone, Debug)]
pub enum NotifyBy {
    /// JSON is posted to an address.
    Webhook {
        /// The address; as a literal it must be free of secrets.
        url: Address,
        /// The variable of the environment that holds the key with which the body is signed.
        key_env: Option<String>,
    },
    /// A message in the form that Slack and its kin take is posted to an address.
    Slack {
        /// The address.
        url: Address,
    },
    /// A program gets the JSON on its standard input.
    Command(Expr),
}

/// Where an address is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// In the runbook.
    Literal(String),
    /// In a variable of the environment, since it is a secret.
    Environment(String),
}

impl Watch {
    /// Reads a `watch` block.
    pub(super) fn read(block: &Block, mistakes: &mut Vec<Mistake>) -> Self {
        let known = [
            "region",
            "quorum",
            "confirm",
            "service_down",
            "region_down",
            "cool_down",
            "approve_url",
            "approve_within",
            "flap_half_life",
        ];
        let usual = Self::default();
        let maintenance = window::named(block, "maintenance", mistakes);
        let mut reader = Reader::new(block, &known, &["maintenance"], mistakes);
        Self {
            region: reader.string("region").map(|(name, _)| name),
            quorum: reader.number("quorum"),
            confirm: reader.duration("confirm").unwrap_or(usual.confirm),
            service_down: act(&mut reader, "service_down").unwrap_or(usual.service_down),
            region_down: act(&mut reader, "region_down").unwrap_or(usual.region_down),
            cool_down: reader.duration("cool_down").unwrap_or(usual.cool_down),
            flap: Flap {
                half_life: reader.duration("flap_half_life").unwrap_or(usual.flap.half_life),
                ..usual.flap
            },
            maintenance,
            approve_url: reader.string("approve_url").map(|(url, _)| url),
            approve_within: reader.duration("approve_within").unwrap_or(usual.approve_within),
        }
    }
}

fn act(reader: &mut Reader<'_>, name: &str) -> Option<Act> {
    let known = [
        ("notify", Act::Notify),
        ("prepare", Act::Prepare),
        ("approve", Act::Approve),
        ("failover", Act::Failover),
    ];
    reader.word(name, &known)
}

impl Notify {
    /// Reads a `notify` block.
    pub(super) fn read(block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        const KINDS: [&str; 3] = ["webhook", "slack", "command"];
        let kind = block.label(0).unwrap_or_default().to_owned();
        let own: &[&str] = match kind.as_str() {
            "webhook" => &["url", "url_env", "key_env"],
            "slack" => &["url", "url_env"],
            "command" => &["run"],
            _ => &["url", "url_env", "key_env", "run"],
        };
        let mut reader = Reader::new(block, own, &[], mistakes);
        let name = reader.labels(&["KIND", "NAME"])?[1].to_owned();
        let by = match kind.as_str() {
            "webhook" => NotifyBy::Webhook {
                url: address(&mut reader, block)?,
                key_env: reader.string("key_env").map(|(name, _)| name),
            },
            "slack" => NotifyBy::Slack { url: address(&mut reader, block)? },
            "command" => NotifyBy::Command(reader.required("run")?.clone()),
            other => {
                let place = block.label_place(0).unwrap_or_else(|| block.place());
                let message = format!("nobody can be told by `{other}`");
                reader.wrong(Mistake::new(place, message).instead_of(other, KINDS));
                return None;
            }
        };
        Some(Self { name, by })
    }
}

fn address(reader: &mut Reader<'_>, block: &Block) -> Option<Address> {
    match (reader.expr("url").is_some(), reader.expr("url_env").is_some()) {
        (true, false) => reader.string("url").map(|(url, _)| Address::Literal(url)),
        (false, true) => reader.string("url_env").map(|(name, _)| Address::Environment(name)),
        _ => {
            reader.wrong(
                Mistake::new(block.place(), "`notify` needs one of `url` and `url_env`").hint(
                    "An address that is a secret belongs into the environment: `url_env = \"SLACK_URL\"`",
                ),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::runbook::{Act, Address, NotifyBy, Role, Runbook, Target};
    use std::{path::Path, time::Duration};

    fn read(text: &str) -> Result<Runbook, String> {
        let text = format!("service \"shop\" {{\n  rto = \"30m\"\n}}\n{text}");
        Runbook::read(Path::new("drctl.hcl"), text.as_bytes(), "ap-northeast-2").map_err(
            |mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        )
    }

    #[test]
    fn what_is_watched_broken_and_drilled_is_read() {
        let runbook = read(
            r#"
            probe "region" "tokyo" {
              cloud = "aws"
            }
            probe "dns" "other" {
              host = "example.com"
              role = "witness"
              via  = ["ssh", "bastion"]
            }
            watch {
              region       = "ap-northeast-2"
              quorum       = 2
              confirm      = "30s"
              region_down  = "failover"
              service_down = "approve"
              maintenance "patching" {
                days  = ["sat"]
                from  = "02:00"
                until = "04:00"
                zone  = "Asia/Tokyo"
              }
            }
            notify "slack" "oncall" {
              url_env = "SLACK_URL"
            }
            drill {
              max_time = "2h"
              max_cost = 12.5
              hourly   = { aws_eks_cluster = 0.1 }
              blocked "sale" {
                from  = "2026-11-27T00:00:00Z"
                until = "2026-11-30T00:00:00Z"
              }
            }
            chaos "kubernetes" "web" {
              label  = "app=web-${region}"
              except = ["web-canary*"]
            }
            kong {
              dark  = ["./bin/cut", primary]
              light = ["./bin/mend", primary]
            }
            "#,
        )
        .unwrap();
        assert_eq!(runbook.probes[0].role, Role::Primary);
        assert_eq!(runbook.probes[1].role, Role::Witness);
        assert!(runbook.probes[1].via.is_some());
        let watch = &runbook.watch;
        assert_eq!((watch.quorum, watch.confirm), (Some(2), Duration::from_secs(30)));
        assert_eq!((watch.region_down, watch.service_down), (Act::Failover, Act::Approve));
        assert_eq!(watch.maintenance[0].1.to_string(), "sat 02:00 to 04:00 Asia/Tokyo");
        let NotifyBy::Slack { url } = &runbook.notify[0].by else { panic!("no Slack") };
        assert_eq!(*url, Address::Environment("SLACK_URL".to_owned()));
        assert_eq!(runbook.drill.max_cost, Some(12.5));
        assert_eq!(runbook.drill.blocked[0].0, "sale");
        let Target::Kubernetes { label, .. } = &runbook.chaos[0].target else { panic!("no pods") };
        assert_eq!(label, "app=web-ap-northeast-2");
        assert_eq!(runbook.chaos[0].hours.to_string(), "mon tue wed thu fri 09:00 to 15:00 UTC");
        assert!(runbook.kong.is_some());
    }

    #[test]
    fn every_mistake_is_told_at_its_place() {
        let said = read(
            r#"
            probe "region" "tokyo" { cloud = "amazon" }
            probe "http" "front" {
              url  = "https://shop.example.com"
              role = "witnes"
            }
            watch {
              region_down = "panic"
              maintenance "patching" {
                days  = ["caturday"]
                from  = "2:00"
                until = "04:00"
              }
            }
            watch {}
            notify "pager" "oncall" {}
            notify "slack" "oncall" {}
            drill { max_cost = -1 }
            chaos "docker" "web" { mean_days = 0.5 }
            kong { dark = ["./cut"] }
            "#,
        )
        .unwrap_err();
        insta::assert_snapshot!(said, @r#"
        drctl.hcl:5:46: `amazon` is nothing that `cloud` can be
          Known here: `aws`, `google`, `azure`
        drctl.hcl:8:22: `witnes` is nothing that `role` can be
          Did you mean `witness`?
        drctl.hcl:11:29: `panic` is nothing that `region_down` can be
          Known here: `notify`, `prepare`, `approve`, `failover`
        drctl.hcl:13:26: `days`: `caturday` is not a day such as `monday` or `mon`
        drctl.hcl:14:25: `from`: `2:00` is not a time of the day such as `09:30`
        drctl.hcl:18:13: a runbook has one `watch` block, and this is a second
        drctl.hcl:19:20: nobody can be told by `pager`
          Known here: `webhook`, `slack`, `command`
        drctl.hcl:20:13: `notify` needs one of `url` and `url_env`
          An address that is a secret belongs into the environment: `url_env = "SLACK_URL"`
        drctl.hcl:20:13: there is a notify `oncall` already, at drctl.hcl:19:13
        drctl.hcl:21:32: `max_cost` is no number above zero
        drctl.hcl:22:13: `chaos` needs the attribute `label`
        drctl.hcl:23:13: `kong` needs the attribute `light`
        "#);
    }
}
