//! One attempt to bring a release up, and what becomes of one that fails.

use super::{
    error::{HelmError, Left},
    program::{Helm, OnCluster},
    release::HelmRelease,
    standing::{Revision, listed},
    watch::{Progress, Watched, is_verdict, tell_unwatched},
};
use crate::{
    deploy::{DeployError, Job},
    model::{chain, step::Phase},
};
use std::{path::Path, sync::atomic::Ordering, time::Duration};
use tokio::time::{Instant, timeout};

/// How long after its own time is up Helm may take to write down how it ended.
pub(super) const OVER: Duration = Duration::from_secs(30);

/// How long before Helm's time is up the objects are asked for what they lack, since Helm does not say.
const BEFORE: Duration = Duration::from_millis(500);

/// How long a failure of Helm's own waits for its cause to be seen.
const CAUSE: Duration = Duration::from_secs(2);

/// Upgrades or installs, over what stands there now.
///
/// Helm waits itself, with `--wait`: so the revision counts as deployed only once it is ready, and the
/// hooks that come after run after that. The objects are watched besides, and Helm is stopped when one
/// of them will not get ready.
pub(super) async fn upgrade(
    on: &OnCluster<'_>,
    release: &HelmRelease,
    (chart, values): (&str, &Path),
    found: Option<&Revision>,
) -> Result<(), DeployError> {
    let job = on.helm.job;
    job.tell.begins(Phase::Run).await?;
    let progress = Progress::default();
    let done = raced(on, release, (chart, values), found, &progress).await;
    let phase = if progress.waits.load(Ordering::Relaxed) { Phase::Wait } else { Phase::Run };
    job.tell.ends(phase, done.is_ok());
    done
}

async fn raced(
    on: &OnCluster<'_>,
    release: &HelmRelease,
    (chart, values): (&str, &Path),
    found: Option<&Revision>,
    progress: &Progress,
) -> Result<(), DeployError> {
    let job = on.helm.job;
    let (helm_stop, watch_stop) = (job.stop.child_token(), job.stop.child_token());
    let argv = on.argv(&release.upgrade(chart, values));
    let watch_job = Job { stop: &watch_stop, ..*job };
    let watched = Watched {
        on: OnCluster { helm: Helm { job: &watch_job, hidden: on.helm.hidden }, reach: on.reach },
        release,
        found: found.map(|revision| revision.status),
        revision: found.map_or(0, |revision| revision.number) + 1,
        deadline: Instant::now() + release.limit.saturating_sub(BEFORE),
        progress,
    };
    let helm = on.helm.run("upgrade", argv, release.limit + OVER, &helm_stop);
    let watch = watched.until_up();
    tokio::pin!(helm, watch);
    tokio::select! {
        biased;
        done = &mut helm => {
            let failed = match done {
                Ok(()) | Err(DeployError::Stopped { .. }) => return done,
                Err(failed) => failed,
            };
            if !progress.began.load(Ordering::Relaxed) {
                return Err(failed);
            }
            // Helm often knows only that its time is up.
            match timeout(CAUSE, watch).await {
                Ok(Err(verdict)) if is_verdict(&verdict) => Err(verdict),
                _ => Err(failed),
            }
        }
        seen = &mut watch => match seen {
            Err(verdict) if is_verdict(&verdict) => {
                helm_stop.cancel();
                match helm.await {
                    Err(DeployError::Stopped { .. }) if job.stop.is_cancelled() => {
                        Err(DeployError::Stopped { program: "helm".to_owned(), log: None })
                    }
                    // It got ready after all.
                    Ok(()) => Ok(()),
                    Err(_) => Err(verdict),
                }
            }
            Err(error) => {
                tell_unwatched(job, &error);
                helm.await
            }
            Ok(()) => helm.await,
        }
    }
}

/// Says how an attempt failed, after it was put back to `good`, the revision that was up before.
///
/// A release that was never up is left as it is: its objects say why, to whoever looks, and the next
/// attempt upgrades it in place.
pub(super) async fn failed(
    on: &OnCluster<'_>,
    release: &HelmRelease,
    found: Option<&Revision>,
    good: Option<u64>,
    error: DeployError,
) -> DeployError {
    // Whoever stopped the run may go on with it, and then this is brought up as if nothing was.
    if matches!(error, DeployError::Stopped { .. } | DeployError::Forgotten) {
        return error;
    }
    let left = put_back(on, release, found, good).await;
    let (release, look) = (release.name.clone(), release.look());
    HelmError::NotUp { release, left, look, source: Box::new(error) }.into()
}

async fn put_back(
    on: &OnCluster<'_>,
    release: &HelmRelease,
    found: Option<&Revision>,
    good: Option<u64>,
) -> Left {
    let words = |error: DeployError| chain(&error).join(": ");
    let begun = found.map_or(0, |revision| revision.number);
    match on.read("list", release.list(), listed).await {
        Ok(now) if now.as_ref().is_none_or(|now| !now.is_after(begun)) => return Left::Unchanged,
        Ok(_) => {}
        Err(error) => return Left::Unknown { cause: words(error) },
    }
    let Some(revision) = good else { return Left::AsItIs };
    let argv = on.argv(&release.rollback(revision));
    match on.helm.run("rollback", argv, release.limit + OVER, on.helm.job.stop).await {
        Ok(()) => Left::RolledBack(revision),
        Err(error) => Left::NotRolledBack { revision, cause: words(error) },
    }
}
