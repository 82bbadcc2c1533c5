//! One run of one function, with ports of its own: it can die, and then nothing of it runs any more.

use std::sync::Arc;
use std::time::Duration;

use hourglass_app::ports::connector::Connector;
use hourglass_app::ports::delays::Delays;
use hourglass_app::ports::directory::Directory as DirectoryPort;
use hourglass_app::ports::identity_center::IdentityCenter;
use hourglass_app::ports::schedules::Schedules;
use hourglass_app::ports::seals::Seals;
use hourglass_app::ports::secrets::{SecretWriter, Secrets};
use hourglass_app::ports::store::Store;
use hourglass_app::ports::{Core, Settings, Workers};
use hourglass_domain::protocol::CONFIRM_AFTER_SECONDS;
use hourglass_passkeys::CorePasskeys;
use tokio::sync::Notify;

use crate::company;
use crate::directory::Directory;
use crate::ports::Faulty;
use crate::scheduler::Scheduler;
use crate::vault::{Center, Vault};
use crate::world::World;

/// A process.
#[derive(Debug)]
pub(crate) struct Process {
    /// Where it runs.
    pub(crate) world: Arc<World>,
    /// Its name in the trace.
    pub(crate) name: String,
    death: Notify,
}

impl Process {
    /// Ends the process: the caller never hears of it.
    pub(crate) async fn die<T>(&self) -> T {
        self.death.notify_one();
        std::future::pending().await
    }
}

/// Everything that a process works with.
#[derive(Debug)]
pub(crate) struct Ports {
    /// What functions that touch targets have; the rest take its core.
    pub(crate) workers: Workers,
    /// What admin functions have.
    pub(crate) secret_writer: Arc<dyn SecretWriter>,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) enum End<T> {
    /// With an answer.
    Answered(T),
    /// Before it had one: killed, or out of time.
    Died,
}

/// Runs `work` as a process that may take `limit`.
pub(crate) async fn run<T, F: Future<Output = T> + Send>(
    world: &Arc<World>,
    name: String,
    limit: Duration,
    work: impl FnOnce(Ports) -> F,
) -> End<T> {
    let process = Arc::new(Process {
        world: Arc::clone(world),
        name,
        death: Notify::new(),
    });
    let work = work(ports(world, &process));
    let end = tokio::select! {
        biased;
        () = process.death.notified() => End::Died,
        answer = tokio::time::timeout(limit, Box::pin(work)) => answer.map_or(End::Died, End::Answered),
    };
    world.trace(|| {
        let end = if matches!(end, End::Died) { "died" } else { "ended" };
        format!("{} {end}", process.name)
    });
    end
}

fn ports(world: &Arc<World>, process: &Arc<Process>) -> Ports {
    let faulty_store: Arc<Faulty<dyn Store>> = Arc::new(Faulty::new(world.table(), Arc::clone(process)));
    let schedules: Arc<dyn Schedules> = Arc::new(Scheduler::new(Arc::clone(world)));
    let delays: Arc<dyn Delays> = Arc::new(Scheduler::new(Arc::clone(world)));
    let secrets: Arc<dyn Secrets> = Arc::new(Vault);
    let secret_writer: Arc<dyn SecretWriter> = Arc::new(Vault);
    let secrets: Arc<Faulty<dyn Secrets>> = Arc::new(Faulty::new(secrets, Arc::clone(process)));
    let seals: Arc<dyn Seals> = Arc::new(Vault);
    let identity_center: Arc<dyn IdentityCenter> = Arc::new(Center(Arc::<Faulty<dyn Secrets>>::clone(&secrets)));
    let directory = Arc::new(Directory::new(Arc::clone(world), secrets));
    let connector: Arc<dyn Connector> = Arc::<Directory>::clone(&directory);
    let directory: Arc<dyn DirectoryPort> = directory;
    Ports {
        workers: Workers {
            core: Core {
                store: faulty_store,
                clock: Arc::<World>::clone(world),
                ids: Arc::<World>::clone(world),
                seals: Arc::new(Faulty::new(seals, Arc::clone(process))),
                settings: Arc::new(Settings {
                    sign_in_tenants: vec![company::tenant()],
                    confirm_after_seconds: CONFIRM_AFTER_SECONDS,
                    short_durations: false,
                    local: false,
                    public_url: "https://hourglass.contoso.example".to_owned(),
                    auth_context: "c1".to_owned(),
                    key_cool_down_seconds: 86_400,
                    set_up_code_sha256: None,
                    two_person: true,
                }),
            },
            schedules: Arc::new(Faulty::new(schedules, Arc::clone(process))),
            delays: Arc::new(Faulty::new(delays, Arc::clone(process))),
            connector: Arc::new(Faulty::new(connector, Arc::clone(process))),
            passkeys: Arc::new(ceremonies()),
            directory: Arc::new(Faulty::new(directory, Arc::clone(process))),
            identity_center: Arc::new(Faulty::new(identity_center, Arc::clone(process))),
            crowds: Arc::default(),
        },
        secret_writer: Arc::new(Faulty::new(secret_writer, Arc::clone(process))),
    }
}

/// Verifies what passkeys have signed: nothing outside is called, so that nothing can go wrong there.
#[expect(clippy::expect_used, reason = "the address is written here")]
fn ceremonies() -> CorePasskeys {
    CorePasskeys::new("https://hourglass.contoso.example").expect("an origin")
}
