//! What a watchman shows of what it knows.

use super::{
    Watchman, approval,
    page::{ProbeState, Question, Snapshot},
    say,
};
use crate::outage::{Judge, Moment, Settled, Stamp};

impl Watchman {
    pub(super) fn snapshot(&self, judge: &Judge) -> Snapshot {
        let picture = judge.picture();
        let both = judge.questions().iter().zip(judge.standings()).enumerate();
        let probes = both.map(|(place, (question, asked))| ProbeState {
            name: question.name.clone(),
            role: question.role.word(),
            up: match asked.settled {
                Settled::Unknown => None,
                Settled::Up => Some(true),
                Settled::Down => Some(false),
            },
            flapping: judge.is_flapping(place),
            why: asked.last.as_ref().map(|(why, _)| why.clone()).unwrap_or_default(),
            answers: asked.answers,
        });
        let wall = |at: Moment| Stamp::of(at, &*self.clock).wall.as_millisecond() as f64 / 1e3;
        let outage = judge.outage().zip(self.memory.case.as_ref()).map(|(outage, case)| {
            (case.id.clone(), wall(outage.began), wall(outage.detected), outage.scope.word())
        });
        Snapshot {
            service: self.memory.service.clone(),
            region: self.memory.region.clone(),
            primary: self.primary.clone(),
            probes: probes.collect(),
            outage,
            cut_off: picture.cut_off,
            primary_down: picture.primary_down,
            fallback_down: picture.fallback_down,
            detection: self.detection_ms.map(|ms| ms as f64 / 1e3),
            outages: self.outages,
            notices_waiting: self.people.waiting(),
            question: self.question(),
            failover: self
                .memory
                .fired
                .as_ref()
                .map(|fired| (fired.run.clone(), fired.ended.clone())),
        }
    }

    fn question(&self) -> Option<Question> {
        let case = self.memory.case.as_ref()?;
        let (asking, ready) = (case.asked.as_ref()?, case.ready.as_ref()?);
        if !case.is_open(asking, &*self.clock) {
            return None;
        }
        let until = asking.at.moment(&*self.clock) + asking.within_ms;
        Some(Question {
            outage: case.id.clone(),
            digest: ready.digest.clone(),
            commit: ready.commit.clone(),
            token: approval::token(&self.key, case, asking),
            began: say::seconds(case.began.wall),
            until: say::seconds(Stamp::of(until, &*self.clock).wall),
        })
    }
}
