//! The cloud that all stacks of a rehearsal share, and its clock.

use crate::{
    catalogue::Catalogue,
    sim::{Answer, Cloud, Latencies, Operation, Scenario},
};
use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a read takes when nothing is known of it. Chosen, not measured.
const READ: Duration = Duration::from_millis(150);

/// The cloud, what is known of it, and its clock. Shared by every provider of every stack.
pub struct World {
    cloud: Mutex<Cloud>,
    catalogue: Arc<Cow<'static, Catalogue>>,
    began: Instant,
    /// What the simulated clock showed then.
    began_ms: u64,
    time_scale: f64,
    /// How many recoveries were made in it.
    recoveries: AtomicU64,
}

impl World {
    /// An empty cloud whose clock goes `time_scale` times as fast as the wall's.
    ///
    /// A scale that is not a positive number counts as 1.
    pub fn new(
        seed: u64,
        scenario: Scenario,
        catalogue: Cow<'static, Catalogue>,
        time_scale: f64,
    ) -> Self {
        let catalogue = Arc::new(catalogue);
        let cloud = Cloud::new(seed, scenario, Usual(Arc::clone(&catalogue)));
        Self::with(cloud, catalogue, time_scale)
    }

    /// A cloud that was there before, such as one that was saved. Its clock goes on where it stood.
    pub fn resume(cloud: Cloud, catalogue: Cow<'static, Catalogue>, time_scale: f64) -> Self {
        Self::with(cloud, Arc::new(catalogue), time_scale)
    }

    fn with(cloud: Cloud, catalogue: Arc<Cow<'static, Catalogue>>, time_scale: f64) -> Self {
        let sound = time_scale.is_finite() && time_scale > 0.0;
        Self {
            began_ms: cloud.now_ms(),
            cloud: Mutex::new(cloud),
            catalogue,
            began: Instant::now(),
            time_scale: if sound { time_scale } else { 1.0 },
            recoveries: AtomicU64::new(0),
        }
    }

    /// Returns how many recoveries began in it before this one, which begins now. What is made up for
    /// the same code a second time is told from the first by it.
    pub fn begin_recovery(&self) -> u64 {
        self.recoveries.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns how long operations take as the catalogue has it, for [`Cloud::load`].
    pub fn latencies(catalogue: Cow<'static, Catalogue>) -> impl Latencies + 'static {
        Usual(Arc::new(catalogue))
    }

    /// Returns the time on the simulated clock, in milliseconds.
    pub fn now_ms(&self) -> u64 {
        let passed = self.began.elapsed().as_secs_f64() * 1_000.0 * self.time_scale;
        self.began_ms.saturating_add(passed as u64)
    }

    /// Returns how many times as fast as the wall's the clock goes.
    pub fn time_scale(&self) -> f64 {
        self.time_scale
    }

    /// Looks at the cloud, or changes it, with the time on its clock. Nobody else can meanwhile.
    pub fn with_cloud<T>(&self, act: impl FnOnce(&mut Cloud, u64) -> T) -> T {
        let mut cloud = self.lock();
        // Read while it is held, so that calls come to the cloud in the order of their time.
        let now_ms = self.now_ms();
        act(&mut cloud, now_ms)
    }

    pub(super) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Asks the cloud, and says how long to wait for its answer.
    pub(super) fn ask(&self, call: impl FnOnce(&mut Cloud, u64) -> Answer) -> (Answer, Duration) {
        let (answer, now_ms) = self.with_cloud(|cloud, now_ms| (call(cloud, now_ms), now_ms));
        let wait = self.real(answer.done_at_ms.saturating_sub(now_ms));
        (answer, wait)
    }

    /// Returns how long a time on the simulated clock is on the wall's.
    pub(super) fn real(&self, ms: u64) -> Duration {
        let seconds = ms as f64 / 1_000.0 / self.time_scale;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Cloud> {
        // A panic while it was held is a bug that was told already; the cloud itself is plain data.
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("time_scale", &self.time_scale).finish_non_exhaustive()
    }
}

/// The times of the catalogue.
struct Usual(Arc<Cow<'static, Catalogue>>);

impl Latencies for Usual {
    fn latency(&self, kind: &str, operation: Operation, unit: f64) -> Duration {
        match operation {
            Operation::Create => self.0.create_time(kind).draw(unit),
            Operation::Update => self.0.update_time(kind).draw(unit),
            Operation::Delete => self.0.delete_time(kind).draw(unit),
            Operation::Read => READ.mul_f64(0.5 + unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_as_fast_as_it_is_told() {
        let known = Cow::Borrowed(Catalogue::builtin());
        let world = World::new(1, Scenario::default(), known, 60.0);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(world.now_ms(), 120_000);
        assert_eq!(world.real(120_000), Duration::from_secs(2));
    }
}
