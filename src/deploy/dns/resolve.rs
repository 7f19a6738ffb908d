//! Whether name servers answer what the records say.

use super::{change::Wanted, error::DnsError};
use crate::probe::{DnsKind, DnsTarget};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::task::JoinSet;

/// How long one server may take to answer. Chosen: an authoritative server takes some 10 ms, and is
/// asked twice.
const LIMIT: Duration = Duration::from_secs(4);

/// A name, whom to ask for it, and what they should answer.
#[derive(Debug)]
pub(super) struct Asking {
    /// The name.
    pub(super) record: String,
    /// The servers.
    pub(super) servers: Vec<String>,
    /// Who is asked for the addresses of aliases; the servers of the system when absent.
    pub(super) resolver: Option<String>,
    /// What they should answer.
    pub(super) wanted: BTreeMap<DnsKind, Wanted>,
    /// The addresses that aliases were seen to have: they may take turns.
    pub(super) seen: BTreeMap<DnsKind, BTreeSet<String>>,
}

/// What one round of questions found: what each server said that does not answer as it should.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// How many answered as they should.
    pub(super) right: usize,
    /// What the others said.
    pub(super) wrong: Vec<String>,
}

impl Asking {
    /// Asks every server once.
    pub(super) async fn round(&mut self) -> Round {
        let mut asking = JoinSet::new();
        for kind in self.wanted.keys().copied() {
            for alias in &self.wanted[&kind].aliases {
                let (name, server) = (alias.clone(), self.resolver.clone());
                asking
                    .spawn(async move { (None, kind, ask(&name, server.as_deref(), kind).await) });
            }
            for (number, server) in self.servers.iter().enumerate() {
                let (name, server) = (self.record.clone(), server.clone());
                asking.spawn(
                    async move { (Some(number), kind, ask(&name, Some(&server), kind).await) },
                );
            }
        }
        let mut answers = BTreeMap::new();
        let mut unresolved = Vec::new();
        while let Some(joined) = asking.join_next().await {
            match joined {
                Ok((Some(number), kind, answer)) => drop(answers.insert((number, kind), answer)),
                Ok((None, kind, Ok(found))) => self.seen.entry(kind).or_default().extend(found),
                Ok((None, _, Err(why))) => unresolved.push(why),
                Err(broken) => unresolved.push(broken.to_string()),
            }
        }
        self.judge(&answers, unresolved)
    }

    fn judge(
        &self,
        answers: &BTreeMap<(usize, DnsKind), Result<Vec<String>, String>>,
        unresolved: Vec<String>,
    ) -> Round {
        let mut round = Round::default();
        for (number, server) in self.servers.iter().enumerate() {
            let of_server = answers.range((number, DnsKind::A)..=(number, DnsKind::Cname));
            let wrong = of_server.filter_map(|((_, kind), answer)| self.wrong(*kind, answer));
            match wrong.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => round.right += 1,
                said => round.wrong.push(format!("{server}: {said}")),
            }
        }
        if !round.wrong.is_empty() {
            let aliases = unresolved.iter().map(|why| format!("the target of the alias: {why}"));
            round.wrong.extend(aliases);
        }
        round
    }

    /// What is wrong with an answer, if it is.
    fn wrong(&self, kind: DnsKind, answer: &Result<Vec<String>, String>) -> Option<String> {
        let found = match answer {
            Ok(found) if found.is_empty() => return Some("no record".to_owned()),
            Ok(found) => found,
            Err(why) => return Some(why.clone()),
        };
        let wanted = &self.wanted[&kind];
        let of_alias = |found: &String| self.seen.get(&kind).is_some_and(|all| all.contains(found));
        let right = if wanted.aliases.is_empty() {
            found.iter().all(|found| wanted.values.contains(&found.to_lowercase()))
        } else {
            // What an alias leads to may have more addresses than anybody is told at once.
            found.iter().any(|found| wanted.values.contains(found) || of_alias(found))
        };
        (!right).then(|| found.join(", "))
    }
}

async fn ask(name: &str, server: Option<&str>, kind: DnsKind) -> Result<Vec<String>, String> {
    let target = DnsTarget::new(name).map_err(|error| error.to_string())?;
    let target = match server {
        Some(server) => target.asking(server).map_err(|error| error.to_string())?,
        None => target,
    };
    target.records(kind, LIMIT).await
}

/// Checks that a server or a name can be asked at all.
///
/// # Errors
///
/// What is wrong with it, in a sentence.
pub(super) fn askable(name: &str, server: Option<&str>) -> Result<(), String> {
    let target = DnsTarget::new(name).map_err(|error| error.to_string())?;
    server
        .map_or(Ok(()), |server| target.asking(server).map(drop).map_err(|error| error.to_string()))
}

impl Round {
    /// Returns true when every server answers as it should.
    pub(super) fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// Says that servers go on to answer otherwise.
pub(super) fn not_answered(
    record: &str,
    wanted: &[String],
    limit: Duration,
    last: Round,
) -> DnsError {
    DnsError::NotAnswered {
        record: record.to_owned(),
        wanted: wanted.to_vec(),
        limit,
        said: super::error::Answers(last.wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(wanted: Wanted) -> Asking {
        Asking {
            record: "shop.example.com".to_owned(),
            servers: vec!["ns1".to_owned(), "ns2".to_owned()],
            resolver: None,
            wanted: [(DnsKind::A, wanted)].into(),
            seen: [(DnsKind::A, ["192.0.2.7".to_owned()].into())].into(),
        }
    }

    fn judged(asking: &Asking, answers: [Result<&[&str], &str>; 2]) -> String {
        let answers = answers.into_iter().enumerate().map(|(number, answer)| {
            let answer = answer.map(|all| all.iter().map(ToString::to_string).collect());
            ((number, DnsKind::A), answer.map_err(str::to_owned))
        });
        let round = asking.judge(&answers.collect(), vec![]);
        format!("{} right; {}", round.right, round.wrong.join("; "))
    }

    #[test]
    fn an_old_address_among_the_answers_is_one_too_many() {
        let values = ["192.0.2.2", "192.0.2.3"].map(str::to_owned).into();
        let asking = asking(Wanted { values, aliases: BTreeSet::new() });
        let said = [
            judged(&asking, [Ok(&["192.0.2.2"]), Ok(&["192.0.2.3", "192.0.2.2"])]),
            judged(&asking, [Ok(&["192.0.2.2", "192.0.2.1"]), Ok(&[])]),
            judged(&asking, [Err("timeout: no server answered"), Ok(&["192.0.2.3"])]),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        2 right; 
        0 right; ns1: 192.0.2.2, 192.0.2.1; ns2: no record
        1 right; ns1: timeout: no server answered
        ");
    }

    #[test]
    fn an_alias_is_answered_with_an_address_of_its_target() {
        let aliases = ["lb.example.net".to_owned()].into();
        let asking = asking(Wanted { values: BTreeSet::new(), aliases });
        let said = judged(&asking, [Ok(&["192.0.2.7", "192.0.2.8"]), Ok(&["192.0.2.1"])]);
        insta::assert_snapshot!(said, @"1 right; ns2: 192.0.2.1");
    }
}
