//! The laptop program: what `cargo run` does, from its arguments to its exit code. It is a part of the library so that
//! the tests can build it under their own package, kill it and start it again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use hourglass_domain::duration::AccessDuration;

use crate::sim;
use crate::system::{Options, SET_UP_CODE, System};
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Runs Hourglass with a made-up company in one process: real functions, simulated Entra and AWS.
#[derive(Debug, Parser)]
#[command(name = "hourglass-local", version)]
struct Arguments {
    /// Where the API and the console listen; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8600")]
    listen: SocketAddr,

    /// Where all state is kept; what has been accepted outlives even a killed process.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,

    /// Start without the company: one application, its SCIM secret and an admin.
    #[arg(long)]
    empty: bool,

    /// Start as a new deployment does: nobody has registered the application, and its first admin does so in the
    /// console. Without the company, as with --empty.
    #[arg(long)]
    unregistered: bool,

    /// Allow a short duration such as 5s besides the usual ones (repeatable).
    #[arg(long, value_name = "DURATION")]
    allow_duration: Vec<AccessDuration>,

    /// Once serving, write a JSON object that says where everything is.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,

    /// Let schedules fire anywhere in the minute, as EventBridge Scheduler does (1s or 60s).
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    scheduler_precision: AccessDuration,

    /// Seconds after a removal until absence is proved; 60 in AWS.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(i64).range(1..=600))]
    confirm_after_seconds: i64,

    /// Seconds for which a new passkey cools down before it counts on critical entitlements; a day in AWS.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(i64).range(0..=86_400))]
    key_cool_down_seconds: i64,

    /// Let one admin change the configuration even after a second one has signed in.
    #[arg(long)]
    one_admin_suffices: bool,

    /// Seconds between two runs of the sweep; 60 in AWS.
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    sweep_every_seconds: u64,

    /// Listen on an address that others can reach. Everybody who reaches it can be everybody.
    #[arg(long)]
    expose_insecure_demo: bool,
}

impl Arguments {
    fn options(self) -> anyhow::Result<Options> {
        anyhow::ensure!(
            self.listen.ip().is_loopback() || self.expose_insecure_demo,
            "--listen {} can be reached from elsewhere, and this demo signs anybody in as anybody; use a loopback \
             address, or say --expose-insecure-demo",
            self.listen
        );
        let precision = u32::try_from(self.scheduler_precision.seconds())?;
        anyhow::ensure!(matches!(precision, 1 | 60), "--scheduler-precision is 1s or 60s");
        Ok(Options {
            listen: self.listen,
            data_dir: self.data_dir,
            empty: self.empty || self.unregistered,
            unregistered: self.unregistered,
            short_durations: self.allow_duration,
            scheduler_precision_seconds: precision,
            confirm_after_seconds: self.confirm_after_seconds,
            key_cool_down_seconds: self.key_cool_down_seconds,
            set_up_code: SET_UP_CODE.to_owned(),
            two_person: !self.one_admin_suffices,
            sweep_every: Duration::from_secs(self.sweep_every_seconds),
            clock: sim::wall_clock(),
        })
    }
}

/// Runs the program with the arguments of this process.
#[must_use]
#[tokio::main]
pub async fn main() -> ExitCode {
    // Metrics are lines for CloudWatch; here they would only bury what happens.
    let wanted = tracing_subscriber::filter::Targets::new()
        .with_default(tracing::Level::INFO)
        .with_target("metric", tracing_subscriber::filter::LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().compact().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(wanted)).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let ready_file = arguments.ready_file.clone();
    let options = arguments.options()?;
    if let Some(file) = &ready_file {
        // Left by a killed run: whoever waits for the file must not read where things were.
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    // Listened for before anything starts, so that an impatient Ctrl-C ends cleanly too.
    let interrupted = interrupted()?;
    tokio::pin!(interrupted);
    let system = tokio::select! {
        system = System::start(&options) => system?,
        () = &mut interrupted => return Ok(()),
    };
    if let Some(file) = &ready_file {
        system.ready.write(file)?;
    }
    announce(&system);
    interrupted.await;
    tracing::info!("stopping");
    system.stop().await;
    if let Some(file) = &ready_file {
        std::fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(())
}

/// Resolves on Ctrl-C or SIGTERM.
fn interrupted() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[expect(
    clippy::print_stdout,
    reason = "this is what the program says to the person who started it"
)]
fn announce(system: &System) {
    let ready = &system.ready;
    println!("\nHourglass is running. Everything below is simulated or local; Ctrl-C ends it.\n");
    println!(
        "  API         {}/v1   (description: {}/v1/openapi.json)",
        ready.api, ready.api
    );
    println!(
        "  Console     {}/auth/sessions   (sign in as anybody, without a password)",
        ready.console
    );
    let secret = match ready.scim.token.as_str() {
        "" => "registering the application in the console makes its secret".to_owned(),
        token => format!("secret: {token}"),
    };
    println!("  SCIM        {}   ({secret})", ready.scim.url);
    println!("  Sign-in     {}   (POST /dev-token gives access tokens)", ready.oidc);
    println!(
        "  Graph       {}   (GET /_state: true members; POST /_faults: trouble)",
        ready.graph
    );
    println!("  Scheduler   {}   (GET /_state)", ready.scheduler);
    println!("  DynamoDB    {}\n", ready.dynamodb);
    let people = &ready.people;
    for (role, name) in [
        ("requester", people.requester.as_ref()),
        ("approver", people.approver.as_ref()),
        ("admin", Some(&people.admin)),
        ("auditor", people.auditor.as_ref()),
    ] {
        if let Some(name) = name {
            println!("  {role:<11} {name}");
        }
    }
    if let Some(entitlement) = &ready.entitlement {
        println!("  entitlement {entitlement}\n");
        println!("Ask for access:\n");
        println!(
            "  TOKEN=$(curl -s {}/dev-token -d '{{\"user\": \"{}\"}}' | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')",
            ready.oidc,
            people.requester.as_deref().unwrap_or_default()
        );
        println!(
            "  curl -s {}/v1/requests -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\",
            ready.api
        );
        println!(
            "    -d '{{\"entitlement\": \"{entitlement}\", \"duration\": \"30m\", \"justification\": \"INC-42: restart the pool\"}}'\n"
        );
    }
}
