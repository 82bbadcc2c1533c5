//! A wrapper round every port, in which calls fail, hang, die and lie.
//!
//! Each wrapper and the list of its steps come from one table of the trait's methods. A method that a trait gets and
//! this table does not have leaves the trait unimplemented, and the simulation does not compile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hourglass_app::ports::connector::{Connector, ConnectorError, Members, NewMember, Place};
use hourglass_app::ports::delays::{DelayError, Delays};
use hourglass_app::ports::directory::{Account, Directory as DirectoryPort, Tenancy, Told};
use hourglass_app::ports::identity_center::{IdentityCenter, IdentityCenterError};
use hourglass_app::ports::schedules::{Found, Listed, ScheduleError, Schedules};
use hourglass_app::ports::seals::{SealError, Seals};
use hourglass_app::ports::secrets::{AwsCredentials, AzureCredentials, Freshness, SecretError, SecretWriter, Secrets};
use hourglass_app::ports::store::{CommitError, Item, Key, List, Page, Query, Store, StoreError, Write};
use hourglass_domain::Timestamp;
use hourglass_domain::auth_context::ContextPolicy;
use hourglass_domain::grant::ScheduleName;
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::ids::{ApplicationId, GrantId, ObjectId, TenantId};
use hourglass_domain::protocol::membership::{Answer, Inspection};
use hourglass_domain::seal::{Seal, SealKey};
use hourglass_domain::target::{Cloud, TargetFacts};

use crate::directory::Directory;
use crate::faults::{Fault, Moment};
use crate::process::Process;
use crate::world::World;

/// How long a caller waits for a port before it gives up. No port's own time-out is longer (`CALL_SECONDS`).
const GIVEN_UP_AFTER: Duration = Duration::from_secs(15);
/// Within this time after that, a change that nobody waits for any more happens all the same.
const LATE_MILLIS: (u64, u64) = (1, 15_000);
/// How long a caller is held up: longer than a lease.
const HELD_UP: Duration = Duration::from_secs(50);
/// How long an ordinary call takes, there and back.
const LATENCY_MILLIS: (u64, u64) = (1, 20);

/// The methods of all ports: the steps are before and after each.
pub(crate) const METHODS: [&[&str]; 9] = [
    STORE,
    SCHEDULES,
    DELAYS,
    SECRETS,
    SECRET_WRITER,
    SEALS,
    CONNECTOR,
    DIRECTORY,
    IDENTITY_CENTER,
];
/// The methods whose answer can be a lie. An add that is no add gives nobody access, so that there is nothing to prove.
pub(crate) const LIES: [&str; 2] = ["Connector::inspect", "Connector::remove"];

/// A port as one process sees it.
#[derive(Debug)]
pub(crate) struct Faulty<T: ?Sized> {
    inner: Arc<T>,
    process: Arc<Process>,
}

impl<T: ?Sized> Faulty<T> {
    pub(crate) const fn new(inner: Arc<T>, process: Arc<Process>) -> Self {
        Self { inner, process }
    }

    /// Makes a call in which something may go wrong. `late` makes it again, later and for nobody.
    async fn around<A>(
        &self,
        method: &'static str,
        lost: impl Fn(String) -> A + Send,
        lie: impl Fn() -> Option<A> + Send,
        late: impl Fn() + Send,
        call: impl Future<Output = A> + Send,
    ) -> A {
        let world = Arc::clone(&self.process.world);
        let fault = world.fault(method);
        world.trace(|| format!("{} {method} {}", self.process.name, fault.map_or("", Fault::name)));
        world.pass(LATENCY_MILLIS).await;
        match fault {
            Some(Fault::Fail(Moment::Before)) => return lost(format!("{method} failed, as planned")),
            Some(Fault::Die(Moment::Before)) => return self.process.die().await,
            Some(Fault::Slow(Moment::Before)) => {
                late();
                tokio::time::sleep(GIVEN_UP_AFTER).await;
                return lost(format!("{method} was given up, as planned"));
            }
            Some(Fault::Lie) => {
                if let Some(answer) = lie() {
                    return answer;
                }
            }
            _ => {}
        }
        let answer = call.await;
        match fault {
            Some(Fault::Fail(Moment::After)) => return lost(format!("{method}'s answer was lost, as planned")),
            Some(Fault::Die(Moment::After)) => return self.process.die().await,
            Some(Fault::Slow(Moment::After)) => tokio::time::sleep(HELD_UP).await,
            _ => world.pass(LATENCY_MILLIS).await,
        }
        answer
    }
}

/// Does something later, for nobody.
fn later(world: &Arc<World>, what: impl Future<Output = ()> + Send + 'static) {
    let world = Arc::clone(world);
    tokio::spawn(async move {
        tokio::time::sleep(GIVEN_UP_AFTER).await;
        world.pass(LATE_MILLIS).await;
        world.trace(|| "something late happens".to_owned());
        what.await;
    });
}

macro_rules! wrapped {
    ($list:ident: $trait:ident { $(
        $method:ident($($name:ident: $type:ty),*) -> $answer:ty {
            lost: $lost:expr,
            $(lie: |$lying:ident| $lie:expr,)?
            $(late: |$inner:ident, $world:ident| $late:expr,)?
        }
    )* }) => {
        const $list: &[&str] = &[$(concat!(stringify!($trait), "::", stringify!($method))),*];

        #[async_trait]
        impl $trait for Faulty<dyn $trait> {
            $(async fn $method(&self $(, $name: $type)*) -> $answer {
                let lie = || -> Option<$answer> { None $(.or_else(|| { let $lying = &self.process.world; Some($lie) }))? };
                let late = || {
                    $(
                        let ($inner, $world) = (Arc::clone(&self.inner), Arc::clone(&self.process.world));
                        later(&self.process.world, $late);
                    )?
                };
                let method = concat!(stringify!($trait), "::", stringify!($method));
                let call = self.inner.$method($(Clone::clone(&$name)),*);
                self.around(method, $lost, lie, late, call).await
            })*
        }
    };
}

fn store_lost<T>(why: String) -> Result<T, StoreError> {
    Err(StoreError::Unavailable(why))
}

fn secret_lost<T>(why: String) -> Result<T, SecretError> {
    Err(SecretError::Unavailable(why))
}

fn connector_lost<T>(why: String) -> Result<T, ConnectorError> {
    Err(ConnectorError::Unavailable(why))
}

wrapped!(STORE: Store {
    get(key: &Key) -> Result<Option<Item>, StoreError> { lost: store_lost, }
    get_many(keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> { lost: store_lost, }
    query(query: &Query) -> Result<Page<Item>, StoreError> { lost: store_lost, }
    list(list: List, query: &Query) -> Result<Page<Key>, StoreError> { lost: store_lost, }
    commit(writes: Vec<Write>) -> Result<(), CommitError> {
        lost: |why| Err(CommitError::Store(StoreError::Unavailable(why))),
        late: |inner, _world| { let writes = writes.clone(); async move { drop(inner.commit(writes).await) } },
    }
});

wrapped!(SCHEDULES: Schedules {
    create(name: &ScheduleName, at: Timestamp) -> Result<(), ScheduleError> {
        lost: |why| Err(ScheduleError(why)),
        late: |inner, _world| { let name = name.clone(); async move { drop(inner.create(&name, at).await) } },
    }
    inspect(name: &ScheduleName, at: Timestamp) -> Result<Found, ScheduleError> { lost: |why| Err(ScheduleError(why)), }
    list(after: Option<&str>) -> Result<Listed, ScheduleError> { lost: |why| Err(ScheduleError(why)), }
    delete(name: &ScheduleName) -> Result<(), ScheduleError> {
        lost: |why| Err(ScheduleError(why)),
        late: |inner, _world| { let name = name.clone(); async move { drop(inner.delete(&name).await) } },
    }
});

wrapped!(DELAYS: Delays {
    send(grant: GrantId, seconds: u32) -> Result<(), DelayError> {
        lost: |why| Err(DelayError(why)),
        late: |inner, _world| async move { drop(inner.send(grant, seconds).await) },
    }
});

wrapped!(SECRETS: Secrets {
    azure(application: &ApplicationId, freshness: Freshness) -> Result<AzureCredentials, SecretError> {
        lost: secret_lost,
    }
    aws(application: &ApplicationId, freshness: Freshness) -> Result<AwsCredentials, SecretError> {
        lost: secret_lost,
    }
});

wrapped!(SECRET_WRITER: SecretWriter {
    put_azure(application: &ApplicationId, credentials: &AzureCredentials) -> Result<(), SecretError> {
        lost: secret_lost,
    }
    put_aws(application: &ApplicationId, credentials: &AwsCredentials) -> Result<(), SecretError> {
        lost: secret_lost,
    }
    delete_aws(application: &ApplicationId) -> Result<(), SecretError> {
        lost: secret_lost,
    }
});

wrapped!(IDENTITY_CENTER: IdentityCenter {
    test(application: &ApplicationId, url: &ScimUrl) -> Result<(), IdentityCenterError> {
        lost: |why| Err(IdentityCenterError::Unreachable(why)),
    }
});

wrapped!(SEALS: Seals {
    seal(key: SealKey, bytes: &[u8]) -> Result<Seal, SealError> { lost: |why| Err(SealError(why)), }
    verify(key: SealKey, bytes: &[u8], seal: &Seal) -> Result<bool, SealError> { lost: |why| Err(SealError(why)), }
});

wrapped!(CONNECTOR: Connector {
    inspect(place: &Place, accounts: &[ObjectId]) -> Vec<Inspection> {
        lost: |why| vec![Inspection::Unknown(why); accounts.len()],
        lie: |world| Directory::lie_absent(world, place, accounts),
    }
    add(place: &Place, members: &[NewMember]) -> Vec<Answer> {
        lost: |why| vec![Answer::Unknown(why); members.len()],
        late: |_inner, world| {
            let (place, members) = (place.clone(), members.to_vec());
            async move { Directory::add_now(&world, &place, &members) }
        },
    }
    remove(place: &Place, accounts: &[ObjectId]) -> Vec<Answer> {
        lost: |why| vec![Answer::Unknown(why); accounts.len()],
        lie: |_world| vec![Answer::Done; accounts.len()],
        late: |_inner, world| {
            let (place, accounts) = (place.clone(), accounts.to_vec());
            async move { Directory::remove_now(&world, &place, &accounts) }
        },
    }
    outcome(place: &Place, handle: &str) -> Answer { lost: Answer::Unknown, }
    list(place: &Place, next: Option<&str>) -> Result<Members, ConnectorError> { lost: connector_lost, }
    preflight(place: &Place, now: Timestamp) -> Result<TargetFacts, ConnectorError> { lost: connector_lost, }
    test(application: &ApplicationId, tenant: TenantId, cloud: Cloud) -> Result<(), ConnectorError> {
        lost: connector_lost,
    }
});

wrapped!(DIRECTORY: DirectoryPort {
    accounts(at: &Tenancy, accounts: &[ObjectId]) -> Result<Told<Vec<Account>>, ConnectorError> {
        lost: connector_lost,
    }
    members_among(at: &Tenancy, group: ObjectId, accounts: &[ObjectId]) -> Result<Told<BTreeSet<ObjectId>>, ConnectorError> {
        lost: connector_lost,
    }
    context_policies(at: &Tenancy, context: &str) -> Result<Told<Vec<ContextPolicy>>, ConnectorError> {
        lost: connector_lost,
    }
});
