//! Steps that bring something up on what the stacks made, and the places that they do it at.

mod dns;

use super::{
    Known, Mistake, Settings,
    reader::Reader,
    settings::{Form, Setting, check_forms},
};
use crate::{
    config::{
        body::{Attribute, Block},
        expression::Expr,
    },
    model::finding::Place,
};
use std::{path::Path, time::Duration};

/// What a step brings up, and how.
#[derive(Clone, Debug)]
pub struct Deploy {
    /// By which means.
    pub kind: DeployKind,
    /// The place that it is done at, by name; the only one of its kind when absent.
    pub on: Option<String>,
    /// How long it may take.
    pub limit: Option<Duration>,
    /// True when it moves the traffic, so that its end is the cutover.
    pub cutover: bool,
    /// True when traffic may be moved to a fallback that was not verified.
    pub unverified: bool,
    /// What is set besides that, checked to be of the kind.
    pub settings: Vec<Attribute>,
}

/// By which means a step brings something up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeployKind {
    /// One container, with the Docker CLI.
    Container,
    /// The services of a compose file, with the Docker CLI.
    Compose,
    /// Kubernetes objects, with kubectl.
    Kubernetes,
    /// A release of a chart, with Helm.
    Helm,
    /// A name that leads to the fallback, in a zone of Route 53.
    Dns,
}

/// Something that steps are done at: an engine or a cluster.
#[derive(Clone, Debug)]
pub struct Site {
    /// What it is.
    pub kind: SiteKind,
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// What is set, checked to be of the kind.
    pub settings: Vec<Attribute>,
}

/// What steps are done at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SiteKind {
    /// A Docker engine.
    Docker,
    /// A Kubernetes cluster.
    Cluster,
}

impl DeployKind {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 5] =
        [Self::Container, Self::Compose, Self::Kubernetes, Self::Helm, Self::Dns];

    /// Returns the word for it in a runbook.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Compose => "compose",
            Self::Kubernetes => "kubernetes",
            Self::Helm => "helm",
            Self::Dns => "dns",
        }
    }

    /// Returns the kind that a block of a runbook is.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Returns what steps of this kind are done at.
    pub const fn site(self) -> Option<SiteKind> {
        match self {
            Self::Container | Self::Compose => Some(SiteKind::Docker),
            Self::Kubernetes | Self::Helm => Some(SiteKind::Cluster),
            Self::Dns => None,
        }
    }

    /// Returns all that can be set in a step of this kind.
    pub(super) const fn settings(self) -> &'static [Setting] {
        match self {
            Self::Container => {
                const {
                    &[
                        Setting::required("image", Form::Text),
                        Setting::of("name", Form::Text),
                        Setting::of("command", Form::Texts),
                        Setting::of("entrypoint", Form::Text),
                        Setting::secret("env", Form::NamedTexts),
                        Setting::of("ports", Form::Texts),
                        Setting::of("volumes", Form::Texts),
                        Setting::of("network", Form::Text),
                        Setting::of("restart", Form::Text),
                        Setting::of("user", Form::Text),
                        Setting::of("options", Form::Texts),
                        Setting::of("health", Form::Object),
                        Setting::of("check_images", Form::Flag),
                    ]
                }
            }
            Self::Compose => {
                const {
                    &[
                        Setting::of("files", Form::Paths),
                        Setting::of("project", Form::Text),
                        Setting::of("services", Form::Texts),
                        Setting::of("profiles", Form::Texts),
                        Setting::secret("env", Form::NamedTexts),
                        Setting::of("check_images", Form::Flag),
                    ]
                }
            }
            Self::Kubernetes => {
                const {
                    &[
                        Setting::of("manifests", Form::Paths),
                        Setting::of("kustomization", Form::Path),
                        Setting::of("namespace", Form::Text),
                        Setting::secret("config_maps", Form::Object),
                        Setting::secret("secrets", Form::Object),
                        Setting::of("force_conflicts", Form::Flag),
                        Setting::of("check_images", Form::Flag),
                    ]
                }
            }
            Self::Helm => {
                const {
                    &[
                        Setting::required("chart", Form::Text),
                        Setting::of("repository", Form::Text),
                        Setting::of("version", Form::Text),
                        Setting::of("release", Form::Text),
                        Setting::of("namespace", Form::Text),
                        Setting::secret("values", Form::Object),
                        Setting::of("value_files", Form::Paths),
                        Setting::of("check_images", Form::Flag),
                    ]
                }
            }
            Self::Dns => {
                const {
                    &[
                        Setting::required("zone", Form::Text),
                        Setting::required("record", Form::Text),
                        Setting::of("type", Form::Text),
                        Setting::of("values", Form::Texts),
                        Setting::of("ttl", Form::Duration),
                        Setting::of("weights", Form::Object),
                        Setting::of("failover", Form::Text),
                        Setting::of("server", Form::Text),
                        Setting::of("resolve", Form::Flag),
                        Setting::of("endpoint", Form::Text),
                    ]
                }
            }
        }
    }
}

impl SiteKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Docker, Self::Cluster];

    /// Returns the word for it in a runbook.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Cluster => "cluster",
        }
    }

    /// Returns the kind that a block of a runbook is.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Returns the settings of a site of this kind that is at `place`: the address of an engine, or
    /// the kubeconfig file of a cluster, whose current context it is.
    pub fn at(self, place: &str) -> Settings {
        match self {
            Self::Docker => Settings::of_text("host", place),
            Self::Cluster => Settings::of_text("file", place),
        }
    }

    pub(super) const fn settings(self) -> &'static [Setting] {
        match self {
            Self::Docker => {
                const { &[Setting::of("host", Form::Text), Setting::of("context", Form::Text)] }
            }
            Self::Cluster => {
                const {
                    &[
                        Setting::secret("kubeconfig", Form::TextOrObject),
                        Setting::of("context", Form::Text),
                        Setting::of("file", Form::Text),
                        Setting::of("server", Form::Text),
                        Setting::of("ca", Form::Text),
                        Setting::secret("token", Form::Text),
                        Setting::of("credentials", Form::Texts),
                    ]
                }
            }
        }
    }
}

impl Deploy {
    /// Reads what a block that is a step says, besides its name and needs.
    pub(super) fn read(kind: DeployKind, block: &Block, mistakes: &mut Vec<Mistake>) -> Self {
        let settings = checked(block, kind.settings(), mistakes);
        if kind == DeployKind::Dns {
            dns::check(block, mistakes);
        }
        if kind == DeployKind::Kubernetes {
            super::cluster::check_objects(block, mistakes);
        }
        let mut known: Vec<&str> = kind.settings().iter().map(|setting| setting.name).collect();
        known.extend(["needs", "limit"]);
        if kind.site().is_some() {
            known.push("on");
        } else {
            known.push("unverified");
        }
        let mut reader = Reader::new(block, &known, &[], mistakes);
        Self {
            kind,
            on: reader.string("on").map(|(name, _)| name),
            limit: reader.duration("limit"),
            cutover: kind == DeployKind::Dns,
            unverified: reader.flag("unverified").unwrap_or(false),
            settings,
        }
    }

    /// Evaluates what is set. With `early`, what only stacks will tell that are not up yet is left out.
    ///
    /// # Errors
    ///
    /// Something has no value, or one of the wrong form.
    pub fn evaluate(&self, known: &Known, early: bool) -> Result<Settings, Mistake> {
        Settings::evaluate(&self.settings, self.kind.settings(), known, early)
    }

    /// Returns what the step names in the repository at `root` and is not there, as far as that is
    /// known before the stacks are up.
    ///
    /// # Errors
    ///
    /// Something has no value, or one of the wrong form.
    pub fn missing_paths(&self, known: &Known, root: &Path) -> Result<Vec<Mistake>, Mistake> {
        let settings = self.evaluate(known, true)?;
        let mut missing = Vec::new();
        for setting in self.kind.settings().iter().filter(|setting| setting.is_path()) {
            for path in settings.paths(setting.name) {
                if !root.join(&path).exists() {
                    let message = format!("there is no `{}` in the repository", path.display());
                    missing.push(settings.mistake(setting.name, message).hint(
                        "Write a path from the root of the repository, of what is committed",
                    ));
                }
            }
        }
        Ok(missing)
    }

    /// Returns the expressions in it.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.settings.iter().map(Attribute::expr)
    }

    /// Returns the expressions whose values others can see: on a command line, or in what is shown.
    pub(super) fn open_exprs(&self) -> impl Iterator<Item = &Expr> {
        open(&self.settings, self.kind.settings())
    }
}

impl Site {
    /// Reads a block that declares a site.
    pub(super) fn read(kind: SiteKind, block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let settings = checked(block, kind.settings(), mistakes);
        if kind == SiteKind::Cluster {
            super::cluster::check(block, mistakes);
        }
        let known: Vec<&str> = kind.settings().iter().map(|setting| setting.name).collect();
        let mut reader = Reader::new(block, &known, &[], mistakes);
        let name = reader.labels(&["NAME"])?[0].to_owned();
        Some(Self { kind, name, place: block.place(), settings })
    }

    /// Evaluates what is set. With `early`, what only stacks will tell that are not up yet is left out.
    ///
    /// # Errors
    ///
    /// Something has no value, or one of the wrong form.
    pub fn evaluate(&self, known: &Known, early: bool) -> Result<Settings, Mistake> {
        Settings::evaluate(&self.settings, self.kind.settings(), known, early)
    }

    /// Returns the expressions in it.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.settings.iter().map(Attribute::expr)
    }

    /// Returns the expressions whose values others can see.
    pub(super) fn open_exprs(&self) -> impl Iterator<Item = &Expr> {
        open(&self.settings, self.kind.settings())
    }
}

/// The attributes of a block that `settings` speaks of.
fn checked(block: &Block, settings: &[Setting], mistakes: &mut Vec<Mistake>) -> Vec<Attribute> {
    check_forms(block, settings, mistakes);
    let known = |a: &&Attribute| settings.iter().any(|setting| setting.name == a.name());
    block.body().attributes().iter().filter(known).cloned().collect()
}

fn open<'a>(
    attributes: &'a [Attribute],
    settings: &'static [Setting],
) -> impl Iterator<Item = &'a Expr> {
    attributes
        .iter()
        .filter(move |a| settings.iter().any(|s| s.name == a.name() && !s.may_be_secret))
        .map(Attribute::expr)
}
