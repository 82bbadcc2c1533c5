//! Trouble beyond what the simulators make: a table that fails in the transaction that one wants it to, a function that
//! dies there, and a directory that says yes and does nothing. The functions run on it as they run otherwise.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hourglass_app::ports::connector::{Connector, ConnectorError, Members, NewMember, Place};
use hourglass_app::ports::store::{CommitError, Item, Key, List, Page, Query, Store, StoreError, Write};
use hourglass_boot::Services;
use hourglass_domain::Timestamp;
use hourglass_domain::ids::{ApplicationId, ObjectId, TenantId};
use hourglass_domain::protocol::membership::{Answer, Inspection};
use hourglass_domain::target::{Cloud, TargetFacts};
use hourglass_local::functions::in_process;
use hourglass_local::system::Ready;
use hourglass_tests::Client;
use hourglass_tests::stage::Stage;

/// What becomes of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// It does not happen, and the caller is told that the table is not available.
    FailsBefore,
    /// It happens, and the caller is told the same.
    FailsAfter,
    /// The function dies before it.
    DiesBefore,
    /// The function dies when it has happened.
    DiesAfter,
}

/// What is to go wrong with transactions, by the audit event that they write, and what did.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    orders: Mutex<VecDeque<(&'static str, Turn, u32)>>,
    met: AtomicU32,
    calls: AtomicU64,
}

impl Trouble {
    /// The next `times` transactions with this audit event.
    pub(crate) fn order(&self, action: &'static str, turn: Turn, times: u32) {
        self.lock().push_back((action, turn, times));
    }

    /// No more trouble.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// How often something went wrong.
    pub(crate) fn met(&self) -> u32 {
        self.met.load(Ordering::SeqCst)
    }

    /// How many calls of the table there were.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(&'static str, Turn, u32)>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, writes: &[Write]) -> Option<Turn> {
        let mut orders = self.lock();
        let at = orders.iter().position(|(action, _, _)| has_event(writes, action))?;
        let (_, turn, left) = &mut orders[at];
        let turn = *turn;
        *left -= 1;
        if *left == 0 {
            orders.remove(at);
        }
        self.met.fetch_add(1, Ordering::SeqCst);
        Some(turn)
    }
}

fn has_event(writes: &[Write], action: &str) -> bool {
    writes.iter().any(|write| match write {
        Write::Put { item, .. } => item.kind == "audit_event" && item.body["action"] == action,
        Write::Delete { .. } | Write::Check { .. } => false,
    })
}

/// The table with its trouble.
#[derive(Debug)]
struct Troubled(Arc<dyn Store>, Arc<Trouble>);

impl Troubled {
    fn count(&self) -> &dyn Store {
        self.1.calls.fetch_add(1, Ordering::SeqCst);
        &*self.0
    }
}

fn unavailable() -> CommitError {
    StoreError::Unavailable("somebody wants it so".to_owned()).into()
}

#[async_trait]
impl Store for Troubled {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.count().get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.count().get_many(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        self.count().query(query).await
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        self.count().list(list, query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let turn = self.1.turn(&writes);
        match turn {
            None => self.count().commit(writes).await,
            Some(Turn::FailsBefore) => Err(unavailable()),
            Some(Turn::DiesBefore) => panic!("it dies before the transaction"),
            Some(Turn::FailsAfter) => {
                self.count().commit(writes).await?;
                Err(unavailable())
            }
            Some(Turn::DiesAfter) => {
                self.count().commit(writes).await?;
                panic!("it dies after the transaction")
            }
        }
    }
}

/// From now on the functions that triggers start work on a table with trouble; the answer is the trouble, and the API
/// as it is on the same table.
pub(crate) async fn troubled(stage: &Stage) -> anyhow::Result<(Arc<Trouble>, Client)> {
    let trouble = Arc::new(Trouble::default());
    let mut services = stage.services.clone();
    services.core.store = Arc::new(Troubled(services.core.store, Arc::clone(&trouble)));
    let client = serve(stage, &services).await?;
    Ok((trouble, client))
}

async fn serve(stage: &Stage, services: &Services) -> anyhow::Result<Client> {
    let world = &stage.system.world;
    let router = in_process(world, services);
    let (listener, api) = world.bind_api(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    world.serve_api(listener, router);
    Client::new(Ready {
        api,
        ..stage.ready.clone()
    })
}

/// A directory that says yes to so many removals and does nothing.
#[derive(Debug)]
struct Lying(Arc<dyn Connector>, Arc<AtomicU32>);

/// From now on the next `lies` removals are answered with yes and not done; answers how many of them are left.
pub(crate) async fn lying(stage: &Stage, lies: u32) -> anyhow::Result<Arc<AtomicU32>> {
    let lies = Arc::new(AtomicU32::new(lies));
    let mut services = stage.services.clone();
    services.connector = Arc::new(Lying(services.connector, Arc::clone(&lies)));
    serve(stage, &services).await?;
    Ok(lies)
}

#[async_trait]
impl Connector for Lying {
    async fn inspect(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Inspection> {
        self.0.inspect(place, accounts).await
    }

    async fn add(&self, place: &Place, members: &[NewMember]) -> Vec<Answer> {
        self.0.add(place, members).await
    }

    async fn remove(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Answer> {
        let lies = self
            .1
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match lies {
            Ok(_) => accounts.iter().map(|_| Answer::Done).collect(),
            Err(_) => self.0.remove(place, accounts).await,
        }
    }

    async fn outcome(&self, place: &Place, handle: &str) -> Answer {
        self.0.outcome(place, handle).await
    }

    async fn list(&self, place: &Place, next: Option<&str>) -> Result<Members, ConnectorError> {
        self.0.list(place, next).await
    }

    async fn preflight(&self, place: &Place, now: Timestamp) -> Result<TargetFacts, ConnectorError> {
        self.0.preflight(place, now).await
    }

    async fn test(&self, application: &ApplicationId, tenant: TenantId, cloud: Cloud) -> Result<(), ConnectorError> {
        self.0.test(application, tenant, cloud).await
    }
}
