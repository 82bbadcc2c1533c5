//! The sweep: alone, whole, and past whatever fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hourglass_app::keys;
use hourglass_app::ports::store::{CommitError, Condition, Item, Key, List, Page, Query, Store, StoreError, Write};
use hourglass_app::records::SweepLease;
use hourglass_app::workers::single_flight::LEASE_SECONDS;
use hourglass_app::workers::sweep::{Swept, sweep};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::GrantId;
use hourglass_tests::BRIEF;
use hourglass_tests::stage::logged;
use serde_json::json;
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::stage::{Stage, stage};

/// Far more than a page of the list holds.
const MANY: i64 = 120;

impl Stage {
    /// Nothing ends a grant any more but the sweep, and that only when the test says so.
    fn only_by_hand(&self) {
        self.system.world.scheduler.pause(true);
        self.system.rule.pause(true);
    }

    async fn sweep(&self) -> anyhow::Result<Swept> {
        Ok(sweep(&self.services.workers(), self.now().plus_seconds(30)).await?)
    }

    /// As [`Self::sweep`], once no other one is at work.
    async fn sweep_alone(&self) -> anyhow::Result<Swept> {
        self.until("a sweep of one's own", || async {
            let swept = self.sweep().await?;
            Ok(if swept.busy {
                Err(format!("{swept:?}"))
            } else {
                Ok(swept)
            })
        })
        .await
    }

    /// Ends the time of a brief grant while nobody looks.
    async fn overdue(&self) -> anyhow::Result<String> {
        let dana = self.requester().await?;
        let (_, grant) = self.granted(&dana, &self.entitlement(), BRIEF).await?;
        let active = |grant: &serde_json::Value| grant["status"] == "active";
        let seen = self.grant_until(&dana, &grant, active).await?;
        let end: hourglass_domain::Timestamp = seen["expires_at"].as_str().unwrap_or_default().parse()?;
        self.until("the end of its time", || async {
            Ok(if self.now() >= end {
                Ok(())
            } else {
                Err(end.to_string())
            })
        })
        .await?;
        Ok(grant)
    }

    async fn lease(&self, seconds: i64) -> anyhow::Result<()> {
        let lease = SweepLease {
            holder: Uuid::from_u128(1),
            until: self.now().plus_seconds(seconds),
            failing: Default::default(),
        };
        self.forge(&lease).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sweep_works_and_the_other_returns() -> anyhow::Result<()> {
    let stage = stage().await?;
    stage.only_by_hand();
    let grant = stage.overdue().await?;
    let dana = stage.requester().await?;

    // Somebody sweeps and lives.
    stage.lease(LEASE_SECONDS).await?;
    let swept = stage.sweep().await?;
    assert_eq!((swept.busy, swept.failed), (true, 0));
    let seen = stage.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
    assert_eq!(seen["status"], "active", "a sweep without the lease has done something");

    // It is dead.
    stage.lease(0).await?;
    let swept = stage.sweep().await?;
    assert!(!swept.busy && swept.due > 0, "{swept:?}");
    stage.dana_becomes(false).await?;
    // And has been followed by one that gives the lease back, so that the next need not wait.
    let lease = stage.read::<SweepLease>(&keys::sweep_lease()).await?.value;
    assert!(
        lease.holder != Uuid::from_u128(1) && lease.until <= stage.now(),
        "{lease:?}"
    );
    const { assert!(LEASE_SECONDS < 60, "longer than the function may run") };
    stage.stop().await;
    Ok(())
}

/// A table that tells nobody whether somebody sweeps before four have asked: none of them has finished when another
/// begins.
#[derive(Debug)]
struct AtOnce {
    store: Arc<dyn Store>,
    asked: AtomicUsize,
    all: Barrier,
}

#[async_trait]
impl Store for AtOnce {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let found = self.store.get(key).await;
        if *key == keys::sweep_lease() && self.asked.fetch_add(1, Ordering::SeqCst) < 4 {
            self.all.wait().await;
        }
        found
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.store.get_many(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        self.store.query(query).await
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        self.store.list(list, query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.store.commit(writes).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_sweeps_at_once_one_works() -> anyhow::Result<()> {
    let stage = stage().await?;
    stage.only_by_hand();
    stage.overdue().await?;
    let mut services = stage.services.clone();
    services.core.store = Arc::new(AtOnce {
        store: Arc::clone(&services.core.store),
        asked: AtomicUsize::new(0),
        all: Barrier::new(4),
    });
    let (workers, deadline) = (services.workers(), stage.now().plus_seconds(30));
    let run = || sweep(&workers, deadline);
    let swept = tokio::try_join!(run(), run(), run(), run())?;
    let ran = [&swept.0, &swept.1, &swept.2, &swept.3];
    assert_eq!(ran.iter().filter(|swept| swept.due > 0).count(), 1, "{swept:?}");
    assert_eq!(ran.iter().filter(|swept| swept.busy).count(), 3, "{swept:?}");
    stage.stop().await;
    Ok(())
}

/// More entries that always fail than a page holds, all of them older than the one that matters, in its own shard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_always_fails_hides_nothing_behind_it() -> anyhow::Result<()> {
    let stage = stage().await?;
    stage.only_by_hand();
    let grant = stage.overdue().await?;
    let shard = DueEntry::new(stage.now(), DueKind::Expire, &grant).shard();
    let poison = (1_u128..)
        .map(|number| GrantId::new(Uuid::from_u128(number)))
        .find(|id| DueEntry::new(stage.now(), DueKind::Expire, id).shard() == shard)
        .expect("one in sixteen");
    // A grant that nobody can read.
    let store = &*stage.services.core.store;
    let broken = Item {
        key: keys::grant(poison),
        version: 1,
        kind: "grant".to_owned(),
        schema: 1,
        body: json!({"id": 7}).as_object().expect("an object").clone(),
        lists: Vec::new(),
        expires: None,
    };
    let put = |item| Write::Put {
        item,
        condition: Condition::Any,
    };
    store.commit(vec![put(broken)]).await?;
    let long_ago = stage.now().plus_seconds(-3_600);
    for second in 0..MANY {
        stage
            .forge(&DueEntry::new(long_ago.plus_seconds(second), DueKind::Expire, poison))
            .await?;
    }

    let swept = stage.sweep_alone().await?;
    assert!(!swept.cut_short, "{swept:?}");
    assert_eq!(swept.failed, usize::try_from(MANY)?);
    assert!(swept.overdue >= usize::try_from(MANY)?);
    let id: GrantId = grant.parse()?;
    let ending = stage.read::<Grant>(&keys::grant(id)).await?.value;
    assert!(!ending.status.is_live(), "hidden behind what fails: {ending:?}");
    stage.dana_becomes(false).await?;

    // The next run knows what failed, and takes it last.
    let lease = stage.read::<SweepLease>(&keys::sweep_lease()).await?.value;
    assert_eq!(lease.failing.len(), usize::try_from(MANY)?);
    assert!(!logged(&["a due entry failed and stays", &poison.to_string()]).is_empty());
    assert!(!logged(&["overdue_grants", "_aws"]).is_empty());
    assert!(!logged(&["sweep_heartbeat", "_aws"]).is_empty());
    assert!(!logged(&["convergence_failures", "_aws"]).is_empty());
    stage.erase(keys::grant(poison)).await?;
    // Without the broken grant they are entries of nothing, and go.
    stage.sweep_alone().await?;
    let left = stage
        .state()?
        .into_keys()
        .filter(|key| key.contains(&poison.to_string()))
        .count();
    assert_eq!(left, 0);
    stage.stop().await;
    Ok(())
}

/// A run whose time is up stops, says so, and the next one goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_without_time_takes_nothing_and_the_next_goes_on() -> anyhow::Result<()> {
    let stage = stage().await?;
    stage.only_by_hand();
    let grant = stage.overdue().await?;
    let swept = sweep(&stage.services.workers(), stage.now()).await?;
    assert!(swept.cut_short && swept.due > 0 && !swept.busy, "{swept:?}");
    let key = keys::grant(grant.parse()?);
    assert!(stage.read::<Grant>(&key).await?.value.status.is_live());
    stage.sweep_alone().await?;
    assert!(!stage.read::<Grant>(&key).await?.value.status.is_live());
    stage.stop().await;
    Ok(())
}
