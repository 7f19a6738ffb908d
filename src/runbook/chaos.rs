//! What may be broken on purpose.

use super::{Mistake, reader::Reader, window};
use crate::{
    config::{body::Block, expression::Expr},
    model::window::Window,
};
use jiff::{
    civil::{Time, Weekday},
    tz::TimeZone,
};
use std::time::Duration;

/// The days on which something is killed, unless a group says otherwise.
pub const WORK_DAYS: [Weekday; 5] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

/// A group of which one is killed now and then. Only what is declared is ever touched.
#[derive(Clone, Debug)]
pub struct ChaosGroup {
    /// Its name.
    pub name: String,
    /// What its members are.
    pub target: Target,
    /// How many working days pass between two kills on average, at least 1: each working day one is
    /// killed with the probability 1/mean, as Netflix's Chaos Monkey does.
    pub mean_days: f64,
    /// How many working days pass between two kills at least.
    pub min_days: u32,
    /// In which time it must be whole again by itself.
    pub back_within: Duration,
    /// Members that are never killed: names, `*` at the end stands for anything.
    pub except: Vec<String>,
    /// When something may be killed.
    pub hours: Window,
    /// The program that makes it whole when it does not come back by itself.
    pub reapply: Option<Expr>,
}

/// What the members of a group are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Containers with a label, `key=value`, of a Docker engine.
    Docker {
        /// The label.
        label: String,
        /// The engine, as `docker --context` takes it; the usual one when absent.
        context: Option<String>,
    },
    /// Pods that a selector picks.
    Kubernetes {
        /// The selector, as `kubectl -l` takes it.
        label: String,
        /// The namespace; the context's when absent.
        namespace: Option<String>,
        /// The cluster, as `kubectl --context` takes it; the usual one when absent.
        context: Option<String>,
    },
    /// Instances of EC2 with a tag, `key=value`.
    Aws {
        /// The tag.
        tag: String,
        /// The region.
        region: String,
    },
    /// A group of the simulated cloud that the newest kept rehearsal left.
    Simulated {
        /// The address of the group's resource, as `drctl sim ls --json` has it; `*` at the end stands
        /// for anything.
        address: String,
    },
}

/// How a region is made dark and light again.
#[derive(Clone, Debug)]
pub struct Kong {
    /// The program that makes it dark.
    pub dark: Expr,
    /// The program that makes it light again; it is run in any case.
    pub light: Expr,
}

const KINDS: [&str; 4] = ["docker", "kubernetes", "aws", "simulated"];

impl ChaosGroup {
    /// Reads a `chaos` block.
    pub(super) fn read(block: &Block, region: &str, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let kind = block.label(0).unwrap_or_default().to_owned();
        let own: &[&str] = match kind.as_str() {
            "docker" => &["label", "context"],
            "kubernetes" => &["label", "namespace", "context"],
            "aws" => &["tag", "region"],
            "simulated" => &["address"],
            _ => &["label", "context", "namespace", "tag", "region", "address"],
        };
        let every = ["mean_days", "min_days", "back_within", "except", "reapply"];
        let hours = hours(block, mistakes);
        let known = [own, &every].concat();
        let mut reader = Reader::new(block, &known, &["hours"], mistakes);
        let name = reader.labels(&["KIND", "NAME"])?[1].to_owned();
        let text = |reader: &mut Reader<'_>, name: &str| {
            reader.required(name)?;
            reader.string_for(name, region).map(|(text, _)| text)
        };
        // What picks nothing in particular could pick everything.
        let pair = |reader: &mut Reader<'_>, name: &str| {
            let text = text(reader, name)?;
            if text.split_once('=').is_none_or(|(key, _)| key.trim().is_empty()) {
                let place = reader.required(name)?.place();
                let message = format!("`{name}` is not of the form `key=value`");
                reader.wrong(Mistake::new(place, message));
            }
            Some(text)
        };
        let maybe = |reader: &mut Reader<'_>, name: &str| {
            reader.string_for(name, region).map(|(text, _)| text)
        };
        let target = match kind.as_str() {
            "docker" => Target::Docker {
                label: pair(&mut reader, "label")?,
                context: maybe(&mut reader, "context"),
            },
            "kubernetes" => Target::Kubernetes {
                label: selector(&mut reader, region)?,
                namespace: maybe(&mut reader, "namespace"),
                context: maybe(&mut reader, "context"),
            },
            "aws" => {
                Target::Aws { tag: pair(&mut reader, "tag")?, region: text(&mut reader, "region")? }
            }
            "simulated" => Target::Simulated { address: text(&mut reader, "address")? },
            other => {
                let place = block.label_place(0).unwrap_or_else(|| block.place());
                let message = format!("chaos knows nothing of kind `{other}`");
                reader.wrong(Mistake::new(place, message).instead_of(other, KINDS));
                return None;
            }
        };
        let mean_days = reader.amount("mean_days").unwrap_or(5.0);
        if mean_days < 1.0 {
            let message = "`mean_days` is below 1, and one a working day is the most";
            reader.wrong(Mistake::new(block.place(), message));
        }
        Some(Self {
            name,
            target,
            mean_days,
            min_days: reader.number("min_days").unwrap_or(1),
            back_within: reader.duration("back_within").unwrap_or(Duration::from_secs(300)),
            except: reader.strings("except").into_iter().map(|(name, _)| name).collect(),
            hours,
            reapply: reader.expr("reapply").cloned(),
        })
    }
}

/// Reads a selector of pods: an empty one would pick all that there are.
fn selector(reader: &mut Reader<'_>, region: &str) -> Option<String> {
    let place = reader.required("label")?.place();
    let (text, _) = reader.string_for("label", region)?;
    if text.trim().is_empty() {
        reader.wrong(Mistake::new(place, "`label` is empty, which picks every pod"));
    }
    Some(text)
}

/// From 9 to 15 o'clock in UTC on working days, as Netflix's Chaos Monkey has it, unless a group says.
fn hours(block: &Block, mistakes: &mut Vec<Mistake>) -> Window {
    let given = block.body().blocks_of("hours").next();
    given.and_then(|inner| window::read(inner, mistakes)).unwrap_or_else(|| Window::Weekly {
        days: WORK_DAYS.to_vec(),
        from: Time::constant(9, 0, 0, 0),
        until: Time::constant(15, 0, 0, 0),
        zone: TimeZone::UTC,
    })
}

impl Kong {
    /// Reads a `kong` block.
    pub(super) fn read(block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let mut reader = Reader::new(block, &["dark", "light"], &[], mistakes);
        let (dark, light) = (reader.required("dark").cloned(), reader.required("light").cloned());
        Some(Self { dark: dark?, light: light? })
    }
}
