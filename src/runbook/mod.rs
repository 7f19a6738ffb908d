//! The runbook, `drctl.hcl`: what is promised, and what is done in which order.

mod chaos;
mod check;
mod cluster;
mod deploy;
mod drill;
mod failback;
mod mistake;
mod prepare;
mod probe;
mod read;
mod reader;
mod settings;
mod values;
mod watch;
mod window;

pub use chaos::{ChaosGroup, Kong, Target, WORK_DAYS};
pub use deploy::{Deploy, DeployKind, Site, SiteKind};
pub use drill::Drill;
pub use failback::Failback;
pub use mistake::Mistake;
pub use prepare::{Prepare, is_platform};
pub use probe::{Asks, Cloud, Probe, Role};
pub use settings::{STAND_IN, Settings};
pub use values::{Known, Left, strings};
pub use watch::{Act, Address, Flap, Notify, NotifyBy, Watch};

use crate::{
    config::{
        body::{Attribute, Block},
        expression::Expr,
        module::Module,
    },
    model::{
        finding::{Extent, Place},
        percentage::Percentage,
        redirect::Decision,
        step::{StepId, StepKind},
        time::Objective,
    },
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The name of the runbook at the root of a repository.
pub const FILE_NAME: &str = "drctl.hcl";

/// A runbook whose every name and reference has been checked.
#[derive(Clone, Debug)]
pub struct Runbook {
    /// What is promised.
    pub service: Service,
    /// What differs in each region that the service can fall back to.
    pub regions: Vec<Region>,
    /// What is brought up, in the order in which it is written.
    pub steps: Vec<Step>,
    /// What steps are done at: engines and clusters.
    pub sites: Vec<Site>,
    /// What the service is asked, to know that it is back.
    pub probes: Vec<Probe>,
    /// What tells how old the data is that can be restored.
    pub recovery_points: Vec<RecoveryPoint>,
    /// What is done with resources that live in no region, or whose name is taken in all.
    pub globals: Vec<Global>,
    /// Values that a rehearsal cannot know: attributes by type, `data.TYPE` for data sources.
    pub simulate: Vec<Simulated>,
    /// When an outage is one, and what is done about it.
    pub watch: Watch,
    /// Who is told of it.
    pub notify: Vec<Notify>,
    /// What bounds a drill.
    pub drill: Drill,
    /// What bounds what is prepared before an outage.
    pub prepare: Prepare,
    /// What may be killed at random.
    pub chaos: Vec<ChaosGroup>,
    /// How a region is made dark.
    pub kong: Option<Kong>,
    /// The way home; `None` when nothing is said of it.
    pub failback: Option<Failback>,
}

/// The service and its promises.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Its name, which is typed to confirm a failover.
    pub name: String,
    /// The recovery time objective.
    pub rto: Option<Objective>,
    /// Where the recovery time objective is written.
    pub rto_at: Option<Extent>,
    /// The recovery point objective.
    pub rpo: Option<Objective>,
    /// The share of time in which the service is promised to be up.
    pub availability: Option<Percentage>,
    /// The region that serves in normal times.
    pub primary: Option<String>,
    /// How long a process may take to end once it was interrupted, before it is killed.
    pub grace: Option<Duration>,
    /// How long the service may take to pass its probes once everything is up.
    pub verify_within: Option<Duration>,
}

/// What differs in one region.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Variables for every stack that declares them.
    pub variables: Vec<Attribute>,
    /// Files of variables for every stack, from the root of the repository.
    pub var_files: Vec<PathBuf>,
    /// What stands for what there, by what is written in the code: images, ARNs, hosts.
    pub replace: Vec<Attribute>,
    /// Where the state of its stacks is kept; by drctl itself when absent.
    pub state: Option<Block>,
}

/// What is done with global resources of a type, or with one.
#[derive(Clone, Debug)]
pub struct Global {
    /// The type, such as `aws_iam_role`, or the address in its module, such as `aws_iam_role.app`.
    pub target: String,
    /// What.
    pub decision: Decision,
    /// What is added to the name; `-REGION` when absent.
    pub suffix: Option<Expr>,
    /// Where it is declared.
    pub place: Place,
}

/// A node of the recovery graph.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// Steps that must be done first: those that are named, and those whose outputs are read.
    pub needs: Vec<StepId>,
    /// Where it is declared.
    pub place: Place,
    /// What it does.
    pub work: Work,
}

impl Step {
    /// Returns what it brings up.
    pub fn kind(&self) -> StepKind {
        match &self.work {
            Work::Stack(_) => StepKind::Stack,
            Work::Command(command) if command.cutover => StepKind::Cutover,
            Work::Deploy(deploy) if deploy.cutover => StepKind::Cutover,
            Work::Command(_) | Work::Deploy(_) => StepKind::Deploy,
        }
    }

    /// Returns the word that a runbook has for it.
    pub fn block(&self) -> &'static str {
        match &self.work {
            Work::Stack(_) => "stack",
            Work::Command(_) => "command",
            Work::Deploy(deploy) => deploy.kind.word(),
        }
    }

    /// Returns true when it moves traffic only to a fallback that passes its probes.
    pub fn waits_for_verification(&self) -> bool {
        match &self.work {
            Work::Stack(_) => false,
            Work::Command(command) => command.cutover && !command.unverified,
            Work::Deploy(deploy) => deploy.cutover && !deploy.unverified,
        }
    }
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Applies a Terraform root module.
    Stack(Stack),
    /// Runs a program.
    Command(Command),
    /// Brings something up on what the stacks made.
    Deploy(Deploy),
}

/// A Terraform root module with its inputs.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Its folder, from the root of the repository.
    pub path: PathBuf,
    /// Its variables.
    pub variables: Vec<Attribute>,
    /// Files of variables, from the root of the repository.
    pub var_files: Vec<PathBuf>,
    /// Regions of provider configurations that drctl should not decide on, by name: `"aws.edge"`.
    pub providers: Vec<Attribute>,
    /// The workspace that serves, whose name stands for `terraform.workspace`.
    pub workspace: Option<String>,
    /// How many resources Terraform works on at once; `None` for as many as its providers bear.
    pub parallelism: Option<u16>,
}

/// A program.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program and its arguments: a list of strings.
    pub run: Expr,
    /// Its environment, besides drctl's own.
    pub env: Vec<Attribute>,
    /// How long it may take.
    pub limit: Option<Duration>,
    /// True when it moves the traffic, so that its end is the cutover.
    pub cutover: bool,
    /// True when traffic may be moved to a fallback that was not verified.
    pub unverified: bool,
    /// The program and its arguments that take back what it did: a list of strings.
    pub undo: Option<Expr>,
}

/// What the attributes of a type are in a rehearsal.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The type, such as `aws_vpc` or `data.aws_ami`.
    pub kind: String,
    /// Its attributes.
    pub values: Vec<Attribute>,
}

/// What tells how old the data of one store is.
#[derive(Clone, Debug)]
pub struct RecoveryPoint {
    /// The data store.
    pub store: String,
    /// How it tells.
    pub told_by: ToldBy,
    /// How long a program may take.
    pub timeout: Duration,
}

/// How the time of the newest data that can be restored is told.
#[derive(Clone, Debug)]
pub enum ToldBy {
    /// A program prints it: a list of strings.
    Command(Expr),
    /// A file has it, or the newest file of a folder; an absolute path.
    File(Expr),
    /// A value is it, such as an output that a provider's data source fills.
    Time(Expr),
    /// A value is how far behind the primary the copy was when the outage began: a duration, or a
    /// number of seconds.
    Behind(Expr),
}

impl ToldBy {
    /// Returns its expression.
    pub fn expr(&self) -> &Expr {
        match self {
            Self::Command(expr) | Self::File(expr) | Self::Time(expr) | Self::Behind(expr) => expr,
        }
    }
}

impl Runbook {
    /// Reads a runbook's text. `path` is where it stands in the repository; `region` is the
    /// fallback, which the paths of stacks may speak of.
    ///
    /// # Errors
    ///
    /// Every mistake that the text holds, in the order of their places.
    pub fn read(path: &Path, text: &[u8], region: &str) -> Result<Self, Vec<Mistake>> {
        read::runbook(path, text, region)
    }

    /// Returns a runbook for a service of one stack, which is what there is without a file.
    pub fn of_one_stack(name: &str, path: PathBuf) -> Self {
        let place = Place { file: path.clone(), line: 1, column: 1 };
        let stack = Stack {
            path,
            variables: vec![],
            var_files: vec![],
            providers: vec![],
            workspace: None,
            parallelism: None,
        };
        let id = StepId::new(name);
        Self {
            service: Service { name: name.to_owned(), ..Service::default() },
            regions: vec![],
            steps: vec![Step { id, needs: vec![], place, work: Work::Stack(stack) }],
            sites: vec![],
            probes: vec![],
            recovery_points: vec![],
            globals: vec![],
            simulate: vec![],
            watch: Watch::default(),
            notify: vec![],
            drill: Drill::default(),
            prepare: Prepare::default(),
            chaos: vec![],
            kong: None,
            failback: None,
        }
    }

    /// Returns the stacks, in the order in which they are written.
    pub fn stacks(&self) -> impl Iterator<Item = (&StepId, &Stack)> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Stack(stack) => Some((&step.id, stack)),
            Work::Command(_) | Work::Deploy(_) => None,
        })
    }

    /// Returns the site that a step of `kind` is done at: the one that it names, or the only one.
    ///
    /// # Errors
    ///
    /// What is wrong with that, in words, and what to do about it.
    pub fn site(&self, kind: SiteKind, on: Option<&str>) -> Result<&Site, (String, String)> {
        let all: Vec<&Site> = self.sites.iter().filter(|site| site.kind == kind).collect();
        let word = kind.word();
        match (on, all.as_slice()) {
            (Some(name), all) => {
                all.iter().find(|site| site.name == name).copied().ok_or_else(|| {
                    let hint = format!("Declare it: `{word} \"{name}\" {{ … }}`");
                    (format!("there is no {word} `{name}`"), hint)
                })
            }
            (None, [only]) => Ok(only),
            // Never what the machine happens to point at: that may be the primary's.
            (None, []) => Err((
                format!("the runbook declares no {word} to do this at"),
                format!("Declare one: `{word} \"NAME\" {{ … }}`"),
            )),
            (None, _) => Err((
                format!("the runbook declares several {word} blocks, and this does not say which"),
                "Say which with `on = \"NAME\"`".to_owned(),
            )),
        }
    }

    /// Returns the region to fall back to from `leaving`: what `watch` names, else the first other one.
    pub fn fallback(&self, leaving: Option<&str>) -> Option<&str> {
        let mut others = self.regions.iter().map(|region| region.name.as_str());
        let other = || others.find(|name| Some(*name) != leaving);
        self.watch.region.as_deref().or_else(other)
    }

    /// Returns what differs in `region`, if the runbook says anything about it.
    pub fn region(&self, region: &str) -> Option<&Region> {
        self.regions.iter().find(|r| r.name == region)
    }

    /// Checks the runbook against the root modules that its stacks name.
    ///
    /// # Errors
    ///
    /// Every variable that a module does not declare, and every output that it does not have.
    pub fn check_modules<'a>(
        &self,
        region: &str,
        module: impl Fn(&Path) -> Option<&'a Module>,
    ) -> Result<(), Vec<Mistake>> {
        check::modules(self, region, module)
    }
}
