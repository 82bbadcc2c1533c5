//! The whole system in one process: simulators of everything around Hourglass, and the functions themselves behind the
//! same gateway, stream, scheduler and rule as in AWS.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use hourglass_boot::Config;
use hourglass_domain::canonical::Digest;
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::ids::TenantId;
use hourglass_domain::roles::{Scope, Scopes};
use hourglass_domain::target::Cloud;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::aws::dynamodb::DynamoDb;
use crate::aws::identity_center::IdentityCenter;
use crate::aws::lambda::{FunctionConfig, Lambda};
use crate::aws::mapping::{Mapping, MappingOptions};
use crate::aws::queues::Queues;
use crate::aws::rules::{Rule, RuleOptions};
use crate::aws::scheduler::{DEFAULT_GROUP, Scheduler, SchedulerOptions};
use crate::aws::secrets::Secrets;
use crate::aws::stream::{StreamOptions, StreamSource};
use crate::aws::{Base, Shutdown, State, function_arn, queue_arn, role_arn};
use crate::entra::{self, Entra, Tenant};
use crate::functions::{Functions, Sandboxes};
use crate::seed;
use crate::sim::{self, Clock};

/// Name of the table.
pub const TABLE: &str = "hourglass";
/// How long the keys of seals are, as in the template.
const SEAL_KEY_CHARACTERS: usize = 64;
/// What the names of all secrets begin with.
const SECRET_PREFIX: &str = "hourglass/";
/// Queue of triggers that could not be handed over.
pub const SCHEDULE_FAILURES: &str = "hourglass-schedule-failures";
/// Queue of invocations and stream records that were given up.
pub const FUNCTION_FAILURES: &str = "hourglass-function-failures";
/// Queue of delayed messages, which end exact grants.
pub const EXACT: &str = "hourglass-exact";

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the API listens; port 0 picks a free one. The simulators take the ports after it.
    pub listen: SocketAddr,
    /// Where all state lies.
    pub data_dir: PathBuf,
    /// No company: one application, its SCIM secret and an admin.
    pub empty: bool,
    /// Nor an application: its first admin registers it. Only with `empty`.
    pub unregistered: bool,
    /// Short durations to allow besides the usual ones.
    pub short_durations: Vec<AccessDuration>,
    /// Within how many seconds schedules fire: 1, or 60 as in AWS.
    pub scheduler_precision_seconds: u32,
    /// Seconds between the last change of a membership and the read that proves its absence; 60 in AWS.
    pub confirm_after_seconds: i64,
    /// Seconds for which a new passkey cools down before it counts where it matters; a day in AWS.
    pub key_cool_down_seconds: i64,
    /// The code with which the very first admin confirms their passkey.
    pub set_up_code: String,
    /// Whether changes of the configuration take two admins, once two have signed in.
    pub two_person: bool,
    /// How often the sweep runs; every 60 seconds in AWS.
    pub sweep_every: Duration,
    /// The time.
    pub clock: Clock,
}

/// The code from set-up where none is given: on a laptop anybody can sign in as anybody anyway.
pub const SET_UP_CODE: &str = "hourglass-laptop";

impl Options {
    /// The laptop's usual settings on free ports, for tests.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: data_dir.into(),
            empty: false,
            unregistered: false,
            short_durations: Vec::new(),
            scheduler_precision_seconds: 1,
            confirm_after_seconds: 3,
            key_cool_down_seconds: 3,
            set_up_code: SET_UP_CODE.to_owned(),
            two_person: true,
            sweep_every: Duration::from_secs(1),
            clock: sim::wall_clock(),
        }
    }
}

/// Where everything is: what `--ready-file` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Base of the API.
    pub api: String,
    /// Base of the console: a name, because passkeys refuse an IP address.
    pub console: String,
    /// Where and with what Entra provisions.
    pub scim: ReadyScim,
    /// Base of the OpenID provider.
    pub oidc: String,
    /// Base of the simulated Graph.
    pub graph: String,
    /// Base of the simulated Scheduler.
    pub scheduler: String,
    /// SCIM endpoint of the simulated IAM Identity Center.
    pub identity_center: String,
    /// Endpoint of the embedded DynamoDB.
    pub dynamodb: String,
    /// Somebody for each role, by user name.
    pub people: ReadyPeople,
    /// An entitlement that the requester may ask for and the approver approve without a passkey.
    pub entitlement: Option<String>,
}

/// Where and with what Entra provisions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadyScim {
    /// The *Tenant URL*.
    pub url: String,
    /// The *Secret token*; empty where nobody has registered the application.
    pub token: String,
}

/// Somebody for each role, by user name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadyPeople {
    /// May ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// May approve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// May configure.
    pub admin: String,
    /// May read everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auditor: Option<String>,
}

/// The simulators around the functions. They can run without the functions, so that these can be killed and started
/// again on the same world.
#[derive(Debug)]
pub struct World {
    /// The table.
    pub dynamodb: DynamoDb,
    /// Invocations.
    pub lambda: Lambda,
    /// One-shot schedules.
    pub scheduler: Scheduler,
    /// Credentials.
    pub secrets: Secrets,
    /// Dead letters.
    pub queues: Queues,
    /// The tenant.
    pub entra: Entra,
    /// Where users and groups come to AWS.
    pub identity_center: IdentityCenter,
    base: Base,
}

/// Picks the address of the `offset`th simulator after the API's.
fn after(listen: SocketAddr, offset: u16) -> SocketAddr {
    let port = if listen.port() == 0 {
        0
    } else {
        listen.port().saturating_add(offset)
    };
    // Simulators never leave this machine, wherever the API listens.
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl World {
    /// Starts the simulators on the state in `data_dir`.
    ///
    /// # Errors
    /// When a file cannot be opened or an address cannot be bound.
    pub async fn start(options: &Options, shutdown: Shutdown) -> anyhow::Result<Self> {
        fs::create_dir_all(&options.data_dir)
            .with_context(|| format!("cannot make the data directory {}", options.data_dir.display()))?;
        let state = State::open(&options.data_dir.join("aws.db"))?;
        let base = Base {
            state,
            clock: Arc::clone(&options.clock),
            shutdown,
        };
        let listen = options.listen;
        let dynamodb = DynamoDb::open(&base, after(listen, 1), &options.data_dir.join("dynamodb.db")).await?;
        dynamodb.create_table_if_missing(TABLE)?;
        let lambda = Lambda::start(&base, after(listen, 2)).await?;
        let queues = Queues::start(&base, after(listen, 3)).await?;
        for name in [SCHEDULE_FAILURES, FUNCTION_FAILURES, EXACT] {
            queues.create(name)?;
        }
        let mut scheduling = SchedulerOptions::new(lambda.url());
        scheduling.precision_seconds = options.scheduler_precision_seconds;
        // A schedule that fell due while everything was down would find no function yet, and be given up.
        scheduling.paused = true;
        let scheduler = Scheduler::start(&base, after(listen, 4), scheduling).await?;
        let secrets = Secrets::start(&base, after(listen, 5)).await?;
        // As the template makes them.
        for key in ["decisions", "policy"] {
            secrets.generate(&format!("{SECRET_PREFIX}seal/{key}"), SEAL_KEY_CHARACTERS)?;
        }
        let tenant = Tenant::open(&options.data_dir.join("entra.db"), Arc::clone(&options.clock))?;
        let identity_center = IdentityCenter::start(
            &base,
            after(listen, 8),
            tenant.clone(),
            &options.data_dir.join("identity-center.json"),
        )
        .await?;
        let (graph, graph_url) = sim::bind(after(listen, 6)).await.context("cannot bind Graph")?;
        let (oidc, oidc_url) = sim::bind(after(listen, 7))
            .await
            .context("cannot bind the OpenID provider")?;
        let entra = Entra::new(tenant, entra::Options::new(&graph_url, &oidc_url));
        for (listener, router, name) in [
            (graph, entra.graph_router(), "Graph"),
            (oidc, entra.oidc_router(), "the OpenID provider"),
        ] {
            let stop = base.shutdown.wait();
            base.shutdown.spawn(async move {
                if let Err(error) = sim::serve(listener, router, stop).await {
                    tracing::error!(%error, "{name} stopped");
                }
            });
        }
        Ok(Self {
            dynamodb,
            lambda,
            scheduler,
            secrets,
            queues,
            entra,
            identity_center,
            base,
        })
    }

    /// The configuration of functions that live in this world and are reached at `public_url`.
    #[must_use]
    pub fn config(&self, options: &Options, public_url: &str) -> Config {
        let registrations = self.entra.tenant().registrations();
        let scopes: Scopes = [Scope::RequestsReadWrite, Scope::DecisionsWrite, Scope::AdminReadWrite].into();
        Config {
            table: TABLE.to_owned(),
            cloud: Cloud::Global,
            sign_in_tenants: vec![TenantId::new(registrations.tenant_id)],
            api_client_id: registrations.api_client_id.to_string(),
            api_clients: [(registrations.form_client_id.to_string(), scopes)].into(),
            auth_context: self.entra.options().auth_context.clone(),
            public_url: public_url.to_owned(),
            form_origins: Vec::new(),
            confirm_after_seconds: options.confirm_after_seconds,
            short_durations: !options.short_durations.is_empty(),
            key_cool_down_seconds: options.key_cool_down_seconds,
            set_up_code_sha256: Some(Digest::of(options.set_up_code.as_bytes())),
            two_person: options.two_person,
            schedule_group: DEFAULT_GROUP.to_owned(),
            schedule_role_arn: role_arn("hourglass-scheduler"),
            schedule_target_arn: function_arn("revocation"),
            schedule_dlq_arn: queue_arn(SCHEDULE_FAILURES),
            exact_queue_url: self.queues.url_of(EXACT),
            secret_prefix: SECRET_PREFIX.to_owned(),
            graph_endpoint: Some(self.entra.options().graph_url.clone()),
            login_endpoint: Some(self.entra.options().oidc_url.clone()),
            dynamodb_endpoint: Some(self.dynamodb.url().to_owned()),
            scheduler_endpoint: Some(self.scheduler.url().to_owned()),
            secrets_endpoint: Some(self.secrets.url().to_owned()),
            queues_endpoint: Some(self.queues.url().to_owned()),
        }
    }

    /// Does what an administrator does once in Entra and AWS so that people can sign in to the console at `public_url`: a
    /// redirect address, and the registration's secret.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn register_console(&self, public_url: &str) -> anyhow::Result<()> {
        self.entra.allow_redirect(&format!("{public_url}/auth/callback"));
        let secret = self.entra.tenant().sign_in_app()?.client_secret;
        let text = serde_json::json!({ "client_secret": secret.expose_secret() }).to_string();
        self.secrets.put_by_hand(&format!("{SECRET_PREFIX}sign-in"), &text)
    }

    /// Connects schedules, delayed messages, the stream and the sweep's rule to the functions, which have to be registered.
    ///
    /// # Errors
    /// When the stream's position cannot be read.
    pub fn connect(&self, sweep_every: Duration) -> anyhow::Result<(StreamSource, Mapping, Rule)> {
        let mut stream = StreamOptions::new(TABLE, "provisioning");
        stream.prefixes = ["GRANT#", "END#", "PROBE#"].map(str::to_owned).to_vec();
        stream.on_failure = Some(queue_arn(FUNCTION_FAILURES));
        let stream = StreamSource::start(&self.base, self.dynamodb.database(), &self.lambda, stream)?;
        let rule = RuleOptions {
            name: "sweep".to_owned(),
            function: "revocation".to_owned(),
            every: sweep_every,
        };
        let messages = self.deliver_on_time();
        Ok((stream, messages, Rule::start(&self.base, &self.lambda, rule)))
    }

    /// Connects schedules and delayed messages alone to the function, which has to be registered.
    #[must_use]
    pub fn deliver_on_time(&self) -> Mapping {
        let messages = MappingOptions {
            queue: EXACT.to_owned(),
            function: "revocation".to_owned(),
            batch_size: 10,
            visibility: Duration::from_secs(360),
            max_receives: 3,
            dead_letters: queue_arn(FUNCTION_FAILURES),
        };
        self.scheduler.pause(false);
        Mapping::start(&self.base, &self.queues, &self.lambda, messages)
    }

    /// How the functions behind triggers are configured: as in the template, with retries that a laptop waits for.
    #[must_use]
    pub fn function_config() -> FunctionConfig {
        FunctionConfig {
            retry_delays: vec![Duration::from_secs(1), Duration::from_secs(2)],
            on_failure: Some(queue_arn(FUNCTION_FAILURES)),
            ..FunctionConfig::default()
        }
    }

    /// Serves a router at the API's address and says at which base it can be reached.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind_api(&self, listen: SocketAddr) -> anyhow::Result<(tokio::net::TcpListener, String)> {
        sim::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))
    }

    /// Serves the API until the end.
    pub fn serve_api(&self, listener: tokio::net::TcpListener, router: Router) {
        let stop = self.base.shutdown.wait();
        self.base.shutdown.spawn(async move {
            if let Err(error) = sim::serve(listener, router, stop).await {
                tracing::error!(%error, "the API stopped");
            }
        });
    }

    /// The time of this world.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Arc::clone(&self.base.clock)
    }

    /// What the simulators were started with.
    #[must_use]
    pub const fn base(&self) -> &Base {
        &self.base
    }
}

/// The running system.
#[derive(Debug)]
pub struct System {
    /// The simulators.
    pub world: World,
    /// Where everything is.
    pub ready: Ready,
    /// The stream's source.
    pub stream: StreamSource,
    /// What delivers delayed messages.
    pub messages: Mapping,
    /// The sweep's rule.
    pub rule: Rule,
    /// The functions' processes, where they are binaries.
    pub sandboxes: Sandboxes,
    shutdown: Shutdown,
}

impl System {
    /// Starts everything, with the functions in this process, and seeds it if it is new.
    ///
    /// # Errors
    /// When something cannot be opened, bound or seeded.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        Self::start_with(options, &Functions::InProcess).await
    }

    /// As [`Self::start`], with other functions.
    ///
    /// # Errors
    /// When something cannot be opened, bound or seeded, or a function cannot be started.
    pub async fn start_with(options: &Options, functions: &Functions) -> anyhow::Result<Self> {
        let shutdown = Shutdown::new();
        let world = World::start(options, shutdown.clone()).await?;
        let (listener, api) = world.bind_api(options.listen).await?;
        let console = format!("http://localhost:{}", listener.local_addr()?.port());
        world.register_console(&console)?;
        let (router, sandboxes) = functions.connect(&world, world.config(options, &console)).await?;
        world.serve_api(listener, router);
        let (stream, messages, rule) = world.connect(options.sweep_every)?;
        let ready = seed::seed(&world, options, &api, &console).await?;
        Ok(Self {
            world,
            ready,
            stream,
            messages,
            rule,
            sandboxes,
            shutdown,
        })
    }

    /// Ends everything in good order.
    pub async fn stop(self) {
        let Self {
            world,
            stream,
            messages,
            rule,
            sandboxes,
            shutdown,
            ..
        } = self;
        shutdown.trigger();
        drop((stream, messages, rule, sandboxes, world));
        shutdown.finish().await;
    }
}

/// Writes `content` so that a reader sees all of it or nothing, readable by the owner only.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_private(path: &std::path::Path, content: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let temporary = path.with_extension(format!("{}.part", Uuid::from_u128(u128::from(std::process::id()))));
    let written = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}

impl Ready {
    /// Writes the ready file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &std::path::Path) -> anyhow::Result<()> {
        write_private(path, &serde_json::to_vec_pretty(self)?)
    }
}
