//! One sweep at a time: a lease in the table, kept alive while the sweep works.
//!
//! Two sweeps side by side do no harm, they only get into each other's way: each would take what the other takes. A
//! sweep that dies is followed by another after [`LEASE_SECONDS`], which is less than the minute to the next one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use uuid::Uuid;

use crate::change::{Change, ChangeError, read};
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::records::{Stored, SweepLease};

/// How long (seconds) a sweep that died keeps others out; shorter than the function's time limit and than the rule's
/// minute.
pub const LEASE_SECONDS: i64 = 15;
/// How often a sweep says that it lives.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How much (seconds) the clocks of two workers may differ. A lease that ends later than a renewal could have made it end
/// is none: nobody who lives wrote it, and it would keep every sweep out.
const CLOCKS_DIFFER_SECONDS: i64 = 10;

/// The right to sweep alone.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    core: &'a Core,
    holder: Uuid,
    /// What failed when it was last taken.
    pub(super) failing: BTreeSet<String>,
    lost: AtomicBool,
}

impl<'a> Lease<'a> {
    /// The lease, or `None` when another sweep has it: one that took or renewed it within the last [`LEASE_SECONDS`].
    pub(super) async fn take(core: &'a Core) -> Result<Option<Self>> {
        let now = core.clock.now();
        let stored: Option<Stored<SweepLease>> = read(&*core.store, &keys::sweep_lease()).await?;
        let latest = now.plus_seconds(LEASE_SECONDS + CLOCKS_DIFFER_SECONDS);
        if stored
            .as_ref()
            .is_some_and(|stored| now < stored.value.until && stored.value.until <= latest)
        {
            return Ok(None);
        }
        let holder = core.ids.uuid();
        let version = stored.as_ref().map_or(0, |stored| stored.version);
        let failing = stored.map(|stored| stored.value.failing).unwrap_or_default();
        let lease = SweepLease {
            holder,
            until: now.plus_seconds(LEASE_SECONDS),
            failing: failing.clone(),
        };
        match Change::new().replace(version, &lease)?.commit(&*core.store).await {
            Ok(()) => Ok(Some(Self {
                core,
                holder,
                failing,
                lost: AtomicBool::new(false),
            })),
            // Another one was quicker.
            Err(ChangeError::Conflict(_)) => Ok(None),
            Err(ChangeError::App(error)) => Err(error),
        }
    }

    /// Whether another sweep has taken over: this one begins nothing more.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Says again and again that this sweep lives. Never ends: it runs beside the work.
    pub(super) async fn keep(&self) {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let until = self.core.clock.now().plus_seconds(LEASE_SECONDS);
            match self.store(|lease| SweepLease { until, ..lease }).await {
                Ok(true) => {}
                Ok(false) => self.lost.store(true, Ordering::Relaxed),
                // If that lasts, another sweep takes over, and the next renewal finds it.
                Err(error) => tracing::warn!(%error, "the lease of the sweep could not be renewed"),
            }
        }
    }

    /// Lets the next sweep in, and tells it what failed.
    pub(super) async fn release(self, failing: BTreeSet<String>) {
        let until = self.core.clock.now();
        let released = self
            .store(|lease| SweepLease {
                until,
                failing,
                ..lease
            })
            .await;
        if let Err(error) = released {
            tracing::warn!(%error, "the lease of the sweep could not be given back; it runs out");
        }
    }

    /// Changes the lease if it is still this sweep's; `false` if it is not.
    async fn store(&self, change: impl FnOnce(SweepLease) -> SweepLease) -> Result<bool> {
        let store = &*self.core.store;
        let Some(stored) = read::<SweepLease>(store, &keys::sweep_lease()).await? else {
            return Ok(false);
        };
        if stored.value.holder != self.holder {
            return Ok(false);
        }
        let lease = change(stored.value);
        match Change::new().replace(stored.version, &lease)?.commit(store).await {
            Ok(()) => Ok(true),
            Err(ChangeError::Conflict(_)) => Ok(false),
            Err(ChangeError::App(error)) => Err(error),
        }
    }
}
