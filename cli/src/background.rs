//! What a server does besides answering: it reads what other processes have written, removes what has expired, and writes which
//! permissions were used.

use std::sync::Arc;
use std::time::Duration;

use runtime::{Origin, Runtime};
use server::App;
use server::audit::summaries;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::duration::History;

/// Other nodes, and offline commands, may write to the same database; their commits are seen within this time, also where
/// no notification comes.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// What a crash may lose of the uses of permissions.
const WRITE_USAGE_EVERY: Duration = Duration::from_secs(10);
/// What a crash may lose of the refusals in the audit log. Commits are never lost.
const WRITE_AUDIT_EVERY: Duration = Duration::from_secs(1);
/// Until then, questions about the newest commits read them one by one.
const KEEP_AUDIT_COLUMNS_EVERY: Duration = Duration::from_secs(10);
const PURGE_EVERY: Duration = Duration::from_secs(3600);
const FOLD_EVERY: Duration = Duration::from_secs(24 * 3600);
const CATCH_UP_EVERY: Duration = Duration::from_secs(60);

/// What the tasks need to know.
#[derive(Clone, Copy, Debug)]
pub struct Upkeep {
    /// How old an answer may be.
    pub max_staleness: Duration,
    /// For how long commits are kept one by one.
    pub history: History,
}

/// Starts the tasks. They end when the set is dropped.
pub fn start(runtime: &Arc<Runtime>, upkeep: Upkeep) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(follow(runtime.clone(), upkeep.max_staleness));
    tasks.spawn(fold(runtime.clone(), upkeep.history));
    tasks.spawn(purge(runtime.clone()));
    tasks.spawn(write_usage(runtime.clone()));
    tasks.spawn(write_audit(runtime.clone()));
    tasks.spawn(catch_up(runtime.clone()));
    tasks
}

async fn follow(runtime: Arc<Runtime>, max_staleness: Duration) {
    runtime.freshness.limit(max_staleness);
    let mut clock = interval(FOLLOW_EVERY.min(max_staleness / 4));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let followed = tokio::select! {
            _ = clock.tick() => runtime.confirm_freshness().await,
            () = runtime.store.hears() => runtime.follow().await,
        };
        if let Err(error) = followed {
            tracing::warn!(%error, "commits of other processes could not be read");
        }
    }
}

/// Folds away what is older than is kept. Several servers may do it at once: each step is one that another may have done.
async fn fold(runtime: Arc<Runtime>, history: History) {
    let mut clock = interval(FOLD_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let Some(before) = history.begins(runtime.clock.now()) else { return };
        match runtime.fold_all(before).await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(gone, "folded away {gone} commits from before {before}"),
            Err(error) => tracing::warn!(%error, "old commits could not be folded away; tried again later"),
        }
    }
}

async fn write_usage(runtime: Arc<Runtime>) {
    let mut clock = interval(WRITE_USAGE_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        if let Err(error) = runtime.usage.flush(runtime.clock.now()).await {
            tracing::warn!(%error, "the last uses of permissions could not be written; tried again later");
        }
    }
}

async fn catch_up(runtime: Arc<Runtime>) {
    let mut clock = interval(CATCH_UP_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        if let Err(error) = runtime.sweep_tokens().await {
            tracing::warn!(%error, "tokens that have expired could not be cleared up; tried again later");
        }
        if let Err(error) = runtime.purge_accounts(&Origin::system("accounts deleted 30 days ago")).await {
            tracing::warn!(%error, "deleted accounts could not be purged; tried again later");
        }
        if let Err(error) = runtime.copy_profiles(&Origin::system("profiles of users")).await {
            tracing::warn!(%error, "profiles of users could not be copied to memberships; tried again later");
        }
    }
}

async fn write_audit(runtime: Arc<Runtime>) {
    let mut clock = interval(WRITE_AUDIT_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            () = runtime.audit.enough() => {}
        }
        if let Err(error) = runtime.audit.flush().await {
            tracing::error!(%error, "entries of the audit log could not be written; tried again");
            clock.tick().await;
        }
    }
}

/// Makes what questions about the audit log need to be quick.
pub async fn keep_audit_columns(app: App) {
    let mut clock = interval(KEEP_AUDIT_COLUMNS_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        summaries::keep_up_with_all(&app.summaries, &app.runtime);
    }
}

async fn purge(runtime: Arc<Runtime>) {
    let mut clock = interval(PURGE_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        match runtime.store.purge_leases(runtime.clock.now().as_micros()).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "removed {removed} expired leases"),
            Err(error) => tracing::warn!(%error, "expired leases could not be removed"),
        }
    }
}
