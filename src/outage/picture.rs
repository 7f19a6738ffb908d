//! What all probes together say at one moment.

use super::{
    Moment,
    standing::{Asked, Question, Settled},
};
use crate::runbook::Role;
use serde::{Deserialize, Serialize};

/// What is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The service; the region that it is in answers, or is not asked.
    Service,
    /// The service, and the primary region.
    Region,
}

impl Scope {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Region => "region",
        }
    }
}

/// What all probes together say at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// The probes of the service that are down and believed, by their place.
    pub down: Vec<usize>,
    /// How many must be.
    pub needed: usize,
    /// Whether more than half of the probes of the primary region are down.
    pub primary_down: bool,
    /// Whether a probe of the primary region is about to change what it stands at.
    pub primary_in_doubt: bool,
    /// Whether more than half of the probes of the fallback are down.
    pub fallback_down: bool,
    /// Whether more than half of the witnesses are down: drctl is cut off.
    pub cut_off: bool,
    /// Whether more than half of the witnesses fail right now, down already or not.
    pub witnesses_failing: bool,
}

impl Picture {
    /// Looks at all probes; `believed` says of each whether it is.
    pub(super) fn of(
        questions: &[Question],
        standings: &[Asked],
        believed: &[bool],
        quorum: Option<u32>,
    ) -> Self {
        let of = |role: Role| {
            let both = questions.iter().zip(standings).enumerate();
            both.filter(move |(_, (question, _))| question.role == role)
                .map(|(place, (_, standing))| (place, standing))
        };
        let is_down = |(_, standing): &(usize, &Asked)| standing.settled == Settled::Down;
        let most = |role: Role, is: &dyn Fn(&(usize, &Asked)) -> bool| {
            of(role).filter(|each| is(each)).count() * 2 > of(role).count()
        };
        let service = of(Role::Service).count();
        // More than half: of one that one, of two both.
        let usual = service / 2 + 1;
        let needed = quorum.map_or(usual, |quorum| (quorum as usize).clamp(1, service.max(1)));
        Self {
            down: of(Role::Service)
                .filter(|each| is_down(each) && believed[each.0])
                .map(|(place, _)| place)
                .collect(),
            needed,
            primary_down: most(Role::Primary, &is_down),
            primary_in_doubt: of(Role::Primary)
                .any(|(_, standing)| standing.settled != Settled::Down && standing.is_failing()),
            fallback_down: most(Role::Fallback, &is_down),
            cut_off: most(Role::Witness, &is_down),
            witnesses_failing: most(Role::Witness, &|(_, standing)| standing.is_failing()),
        }
    }

    /// Returns true when as many probes of the service are down as must be.
    pub fn is_quorum(&self) -> bool {
        self.down.len() >= self.needed
    }

    /// Returns what is down, if the service is.
    pub fn scope(&self) -> Scope {
        if self.primary_down { Scope::Region } else { Scope::Service }
    }
}

/// Returns true when more than half of the witnesses answered well to a question asked after `moment`,
/// and there is none or that is so.
pub(super) fn witnessed(questions: &[Question], standings: &[Asked], moment: Moment) -> bool {
    let both = questions.iter().zip(standings);
    let witnesses: Vec<&Asked> =
        both.filter(|(question, _)| question.role == Role::Witness).map(|(_, s)| s).collect();
    let fresh = |standing: &&&Asked| {
        !standing.is_failing() && standing.last_asked.is_some_and(|asked| asked >= moment)
    };
    witnesses.is_empty() || witnesses.iter().filter(fresh).count() * 2 > witnesses.len()
}
