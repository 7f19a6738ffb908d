//! The way home, once the primary is back.

use super::{Mistake, RecoveryPoint, Step, Work, read, reader::Reader};
use crate::{
    config::{
        body::{Attribute, Block},
        expression::Expr,
    },
    model::{finding::Place, step::StepId},
};

/// What is done on the way home besides what every failover is taken back with.
///
/// Its expressions know `region`, the primary that is gone home to, `stack.NAME.outputs.OUTPUT` of the
/// stacks there, and what is left behind as `fallback.region` and
/// `fallback.stack.NAME.outputs.OUTPUT`.
#[derive(Clone, Debug, Default)]
pub struct Failback {
    /// Variables that differ on the way home, for every stack of the primary that declares them.
    pub variables: Vec<Attribute>,
    /// Steps that are left as they are in the primary.
    pub leave: Vec<StepId>,
    /// Commands of the runbook that are run in the primary, too.
    pub repeat: Vec<StepId>,
    /// True when the fallback is kept.
    pub keep: bool,
    /// True when what was written in the fallback gets home by itself, such as in a table that both
    /// regions share.
    pub data_is_home: bool,
    /// Programs of the way home, in the order in which they are written.
    pub commands: Vec<Step>,
    /// What tells how old the data in the primary is before traffic is moved.
    pub recovery_points: Vec<RecoveryPoint>,
}

impl Failback {
    /// Reads a `failback` block.
    pub(super) fn read(block: &Block, mistakes: &mut Vec<Mistake>) -> Self {
        let inner = block.body();
        let commands =
            inner.blocks_of("command").filter_map(|b| read::command(b, mistakes)).collect();
        let points = inner.blocks_of("recovery_point");
        let recovery_points = points.filter_map(|b| read::recovery_point(b, mistakes)).collect();
        let known = ["variables", "leave", "repeat", "keep", "data_is_home"];
        let mut reader = Reader::new(block, &known, &["command", "recovery_point"], mistakes);
        let names = |reader: &mut Reader<'_>, name: &str| {
            reader.strings(name).into_iter().map(|(name, _)| StepId::new(name)).collect()
        };
        Self {
            variables: reader.entries("variables"),
            leave: names(&mut reader, "leave"),
            repeat: names(&mut reader, "repeat"),
            keep: reader.flag("keep").unwrap_or(false),
            data_is_home: reader.flag("data_is_home").unwrap_or(false),
            commands,
            recovery_points,
        }
    }

    /// Returns the expressions of its commands and recovery points.
    pub fn exprs(&self) -> Vec<&Expr> {
        let mut all = Vec::new();
        for step in &self.commands {
            if let Work::Command(command) = &step.work {
                all.extend(std::iter::once(&command.run).chain(&command.undo));
                all.extend(command.env.iter().map(Attribute::expr));
            }
        }
        all.extend(self.recovery_points.iter().map(|point| point.told_by.expr()));
        all
    }

    /// Returns the expressions whose values others can see: arguments of programs.
    pub(super) fn open_exprs(&self) -> Vec<&Expr> {
        let mut all = Vec::new();
        for step in &self.commands {
            if let Work::Command(command) = &step.work {
                all.extend(std::iter::once(&command.run).chain(&command.undo));
            }
        }
        all.extend(self.recovery_points.iter().map(|point| point.told_by.expr()));
        all
    }

    /// Checks its names against the steps of the runbook, each with whether it is a command.
    pub(super) fn check(
        &self,
        steps: &[(StepId, bool)],
        block: &Block,
        mistakes: &mut Vec<Mistake>,
    ) {
        let place = |name: &str| block.body().expr(name).map_or_else(|| block.place(), Expr::place);
        let names = || steps.iter().map(|(id, _)| id.as_str());
        for id in &self.leave {
            if !names().any(|name| name == id.as_str()) {
                let message = format!("`leave` names `{id}`, and there is no such step");
                let mistake = Mistake::new(place("leave"), message);
                mistakes.push(mistake.instead_of(id.as_str(), names()));
            }
        }
        let commands = || steps.iter().filter(|(_, command)| *command).map(|(id, _)| id.as_str());
        for id in &self.repeat {
            if !commands().any(|name| name == id.as_str()) {
                let message = format!("`repeat` names `{id}`, and there is no such command");
                let mistake = Mistake::new(place("repeat"), message);
                mistakes.push(mistake.instead_of(id.as_str(), commands()));
            }
        }
        let mut seen: Vec<(&StepId, &Place)> = Vec::new();
        for step in &self.commands {
            if names().any(|name| name == step.id.as_str()) {
                let message = format!("there is a step `{}` already", step.id);
                mistakes.push(Mistake::new(step.place.clone(), message));
            }
            if let Some((_, first)) = seen.iter().find(|(id, _)| **id == step.id) {
                let message = format!("there is a command `{}` already, at {first}", step.id);
                mistakes.push(Mistake::new(step.place.clone(), message));
            }
            seen.push((&step.id, &step.place));
            let own = || self.commands.iter().map(|other| other.id.as_str());
            for need in &step.needs {
                if !own().chain(names()).any(|name| name == need.as_str()) {
                    let message =
                        format!("`{}` needs `{need}`, and there is no such step", step.id);
                    let mistake = Mistake::new(step.place.clone(), message);
                    mistakes.push(mistake.instead_of(need.as_str(), own().chain(names())));
                }
            }
        }
    }
}
