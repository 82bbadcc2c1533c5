//! The sandbox of one built function binary: the Lambda Runtime API on loopback and the process behind it.
//!
//! The binary is the one that Lambda gets. It is started with nothing in its environment but what Lambda sets and what
//! it is given, asks for events over HTTP and posts its answers; one event at a time. A process that exits, or is still
//! busy at the deadline of its event, fails that event and is replaced.

use anyhow::Context;
use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Json, Path, State as AxumState};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::lambda::{Function, FunctionError};
use super::{Base, REGION, function_arn};
use crate::sim::{self, Clock, random_bytes, random_id};

/// The largest answer of a function.
const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024;
/// What the emulator reads at most, to be able to say that an answer was too large.
const MAX_READ_BYTES: usize = 64 * 1024 * 1024;
/// How many of the latest output lines are kept.
const MAX_LINES: usize = 10_000;
/// How many of the latest starts are kept.
const MAX_STARTS: usize = 1_000;
/// The pause before a process that died without asking for an event is started again, and its longest.
const FIRST_RESTART_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_RESTART_PAUSE: Duration = Duration::from_secs(5);

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");

/// Which binary runs, and how.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// The function's name.
    pub name: String,
    /// The built binary.
    pub binary: PathBuf,
    /// Arguments for it; Lambda gives none.
    pub arguments: Vec<String>,
    /// Environment variables on top of those that Lambda sets, and stronger than them.
    pub environment: BTreeMap<String, String>,
    /// The memory size that the function is told about; nothing enforces it.
    pub memory_mb: u32,
}

impl RuntimeOptions {
    /// A function with 512 MB and no variables of its own.
    #[must_use]
    pub fn new(name: &str, binary: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            binary: binary.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            memory_mb: 512,
        }
    }
}

impl fmt::Debug for RuntimeOptions {
    /// Leaves out the environment, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeOptions")
            .field("name", &self.name)
            .field("binary", &self.binary)
            .finish_non_exhaustive()
    }
}

/// One start of the binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Its process id.
    pub pid: Option<u32>,
    /// From the start of the process to its first request for an event.
    pub first_poll: Option<Duration>,
    /// From the start of the process to its first answer.
    pub first_response: Option<Duration>,
    /// How it ended, if it has.
    pub ended: Option<String>,
}

/// A function that is a process of its own.
pub struct RuntimeFunction {
    shared: Arc<Shared>,
    /// Its end is the end of the process.
    _alive: oneshot::Sender<()>,
}

impl fmt::Debug for RuntimeFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeFunction")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

struct Shared {
    options: RuntimeOptions,
    clock: Clock,
    sandbox: Mutex<Sandbox>,
    /// An event was queued, or the process changed.
    changed: Notify,
    kill: Notify,
}

#[derive(Default)]
struct Sandbox {
    /// Counts the starts; requests of an earlier process are refused.
    generation: u64,
    started: Option<Instant>,
    queue: VecDeque<Invocation>,
    current: Option<Invocation>,
    init_error: Option<FunctionError>,
    starts: VecDeque<Start>,
    lines: VecDeque<String>,
}

struct Invocation {
    id: String,
    payload: String,
    deadline: Timestamp,
    reply: oneshot::Sender<Result<Value, FunctionError>>,
}

impl RuntimeFunction {
    /// Starts the binary.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn start(base: &Base, options: RuntimeOptions) -> anyhow::Result<Self> {
        anyhow::ensure!(
            options.binary.is_file(),
            "there is no binary {}",
            options.binary.display()
        );
        let shared = Arc::new(Shared {
            options,
            clock: Arc::clone(&base.clock),
            sandbox: Mutex::default(),
            changed: Notify::new(),
            kill: Notify::new(),
        });
        let (alive, dropped) = oneshot::channel();
        let (supervised, stop) = (Arc::clone(&shared), base.shutdown.wait());
        base.shutdown.spawn(async move {
            // Whichever comes first, the supervisor is dropped and the process with it.
            tokio::select! {
                () = stop => {}
                _ = dropped => {}
                () = supervised.supervise() => {}
            }
        });
        Ok(Self { shared, _alive: alive })
    }

    /// The starts so far, oldest first.
    #[must_use]
    pub fn starts(&self) -> Vec<Start> {
        self.shared.lock().starts.iter().cloned().collect()
    }

    /// The lines that the process wrote to its standard output and error.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.shared.lock().lines.iter().cloned().collect()
    }

    /// Kills the process, as a crash would; it is started again.
    pub fn kill(&self) {
        self.shared.kill.notify_one();
    }

    /// The most memory that the running process has used so far, in KiB (Linux only).
    #[must_use]
    pub fn peak_memory_kib(&self) -> Option<u64> {
        let pid = self
            .shared
            .lock()
            .starts
            .back()
            .filter(|start| start.ended.is_none())?
            .pid?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse()
                .ok()
        })
    }
}

#[async_trait]
impl Function for RuntimeFunction {
    async fn invoke(&self, payload: Value, deadline: Timestamp) -> Result<Value, FunctionError> {
        let id = random_id()
            .map_err(|error| FunctionError::new("Sandbox.Failure", error))?
            .to_string();
        let (reply, answer) = oneshot::channel();
        let invocation = Invocation {
            id: id.clone(),
            payload: payload.to_string(),
            deadline,
            reply,
        };
        self.shared.lock().queue.push_back(invocation);
        self.shared.changed.notify_waiters();
        // Dropped before the answer (time-out here or at the caller): the process is still busy and must go.
        let _abandon = Abandon {
            shared: &self.shared,
            id,
        };
        let left = Duration::try_from(deadline.duration_since(self.shared.clock.now())).unwrap_or_default();
        match tokio::time::timeout(left, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(FunctionError::new("Runtime.ExitError", "the sandbox is gone")),
            Err(_) => Err(FunctionError::new(
                "Sandbox.Timedout",
                format!("Task timed out after {:.2} seconds", left.as_secs_f64()),
            )),
        }
    }
}

struct Abandon<'a> {
    shared: &'a Shared,
    id: String,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        let mut sandbox = self.shared.lock();
        sandbox.queue.retain(|waiting| waiting.id != self.id);
        if sandbox.current.as_ref().is_some_and(|current| current.id == self.id) {
            sandbox.current = None;
            self.shared.kill.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Sandbox> {
        self.sandbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the process and replaces it whenever it ends.
    async fn supervise(self: Arc<Self>) {
        let mut pause = FIRST_RESTART_PAUSE;
        loop {
            let ended = match self.run_once().await {
                Ok(ended) => ended,
                Err(error) => format!("{error:#}"),
            };
            tracing::debug!(function = self.options.name, ended, "a function process ended");
            let polled = self.end(&ended);
            pause = if polled {
                FIRST_RESTART_PAUSE
            } else {
                (pause * 2).min(LONGEST_RESTART_PAUSE)
            };
            if !polled {
                tokio::time::sleep(pause).await;
            }
        }
    }

    async fn run_once(self: &Arc<Self>) -> anyhow::Result<String> {
        let (listener, url) = sim::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let mut tasks = JoinSet::new();
        let mut child = self
            .spawn(url.trim_start_matches("http://"))
            .context("cannot start the binary")?;
        let generation = self.begin(child.id());
        if let Some(output) = child.stdout.take() {
            tasks.spawn(Arc::clone(self).capture(output));
        }
        if let Some(output) = child.stderr.take() {
            tasks.spawn(Arc::clone(self).capture(output));
        }
        let router = router(Api {
            shared: Arc::clone(self),
            generation,
        });
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = sim::serve(listener, router, std::future::pending()).await {
                tracing::error!(%error, "a Runtime API stopped");
            }
        });
        let ended = tokio::select! {
            status = child.wait() => format!("exited with {}", status.context("cannot wait for the process")?),
            () = self.kill.notified() => {
                child.kill().await.context("cannot kill the process")?;
                "was killed".to_owned()
            }
        };
        // Its last words are still in the pipes.
        let drained = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), drained).await;
        Ok(ended)
    }

    fn spawn(&self, api: &str) -> std::io::Result<Child> {
        let options = &self.options;
        let memory = options.memory_mb.to_string();
        let log_group = format!("/aws/lambda/{}", options.name);
        Command::new(&options.binary)
            .args(&options.arguments)
            .env_clear()
            .envs([
                ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
                ("AWS_REGION", REGION),
                ("AWS_DEFAULT_REGION", REGION),
                ("AWS_ACCESS_KEY_ID", "laptop"),
                ("AWS_SECRET_ACCESS_KEY", "laptop"),
                ("AWS_SESSION_TOKEN", "laptop"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.as_str()),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", log_group.as_str()),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "laptop"),
                ("_HANDLER", "bootstrap"),
                ("LANG", "en_US.UTF-8"),
                ("TZ", ":UTC"),
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ])
            .envs(&options.environment)
            .env("AWS_LAMBDA_FUNCTION_NAME", &options.name)
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    async fn capture(self: Arc<Self>, output: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::trace!(function = self.options.name, line, "function output");
            let mut sandbox = self.lock();
            if sandbox.lines.len() == MAX_LINES {
                sandbox.lines.pop_front();
            }
            sandbox.lines.push_back(line);
        }
    }

    fn begin(&self, pid: Option<u32>) -> u64 {
        let mut sandbox = self.lock();
        sandbox.generation += 1;
        sandbox.started = Some(Instant::now());
        sandbox.init_error = None;
        if sandbox.starts.len() == MAX_STARTS {
            sandbox.starts.pop_front();
        }
        sandbox.starts.push_back(Start {
            pid,
            first_poll: None,
            first_response: None,
            ended: None,
        });
        sandbox.generation
    }

    /// Fails what the ended process leaves behind; says whether it had come so far as to ask for an event.
    fn end(&self, ended: &str) -> bool {
        let mut sandbox = self.lock();
        // From here on the old process's connections get nothing any more.
        sandbox.generation += 1;
        let error = sandbox
            .init_error
            .take()
            .unwrap_or_else(|| FunctionError::new("Runtime.ExitError", format!("the runtime {ended}")));
        if let Some(current) = sandbox.current.take() {
            let _ = current.reply.send(Err(error.clone()));
        }
        let polled = sandbox.starts.back().is_some_and(|start| start.first_poll.is_some());
        if let Some(start) = sandbox.starts.back_mut() {
            start.ended = Some(ended.to_owned());
        }
        if !polled {
            // It can't even start: who waits would wait for ever.
            for waiting in sandbox.queue.drain(..) {
                let _ = waiting.reply.send(Err(error.clone()));
            }
        }
        drop(sandbox);
        self.changed.notify_waiters();
        polled
    }
}

/// The Runtime API as one process sees it.
#[derive(Clone)]
struct Api {
    shared: Arc<Shared>,
    generation: u64,
}

enum Next {
    Event(Box<Response>),
    Wait,
    Gone,
}

impl Api {
    /// Hands out the oldest event, if this process may have one.
    fn next(&self) -> Next {
        let mut sandbox = self.shared.lock();
        if sandbox.generation != self.generation {
            return Next::Gone;
        }
        let elapsed = sandbox.started.map(|started| started.elapsed());
        if let Some(start) = sandbox.starts.back_mut()
            && start.first_poll.is_none()
        {
            start.first_poll = elapsed;
        }
        let Some(invocation) = sandbox.queue.pop_front() else {
            return Next::Wait;
        };
        let response = self.event(&invocation);
        sandbox.current = Some(invocation);
        Next::Event(Box::new(response))
    }

    fn event(&self, invocation: &Invocation) -> Response {
        let random = random_bytes::<20>()
            .unwrap_or_default()
            .map(|byte| format!("{byte:02x}"))
            .concat();
        let (root, parent) = random.split_at_checked(24).unwrap_or_default();
        let seconds = self.shared.clock.now().as_second();
        let trace = format!("Root=1-{seconds:08x}-{root};Parent={parent};Sampled=0");
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (REQUEST_ID, invocation.id.clone()),
            (DEADLINE, invocation.deadline.as_millisecond().to_string()),
            (FUNCTION_ARN, function_arn(&self.shared.options.name)),
            (TRACE_ID, trace),
            (axum::http::header::CONTENT_TYPE, "application/json".to_owned()),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        (headers, invocation.payload.clone()).into_response()
    }

    /// Answers the event that the process works on; an id of another one is refused.
    fn answer(&self, id: &str, answer: Result<Value, FunctionError>) -> Response {
        let mut sandbox = self.shared.lock();
        let current = sandbox.generation == self.generation && sandbox.current.as_ref().is_some_and(|c| c.id == id);
        let invocation = if current { sandbox.current.take() } else { None };
        let Some(invocation) = invocation else {
            return refuse(
                StatusCode::BAD_REQUEST,
                "InvalidRequestID",
                "no event of this id is under way",
            );
        };
        let elapsed = sandbox.started.map(|started| started.elapsed());
        if let Some(start) = sandbox.starts.back_mut()
            && start.first_response.is_none()
        {
            start.first_response = elapsed;
        }
        drop(sandbox);
        let _ = invocation.reply.send(answer);
        accepted()
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, Json(json!({ "errorType": kind, "errorMessage": message }))).into_response()
}

fn router(api: Api) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::max(MAX_READ_BYTES))
        .layer(middleware::from_fn(sim::only_local_callers))
        .with_state(api)
}

async fn next(AxumState(api): AxumState<Api>) -> Response {
    loop {
        let changed = api.shared.changed.notified();
        tokio::pin!(changed);
        // Listening starts before looking, so that an event that is queued in between wakes this up.
        changed.as_mut().enable();
        match api.next() {
            Next::Event(response) => return *response,
            Next::Gone => return refuse(StatusCode::GONE, "Sandbox.Gone", "this sandbox has ended"),
            Next::Wait => changed.await,
        }
    }
}

async fn response(AxumState(api): AxumState<Api>, Path(id): Path<String>, body: Bytes) -> Response {
    if body.len() > MAX_ANSWER_BYTES {
        let kind = "Function.ResponseSizeTooLarge";
        let message =
            format!("Response payload size exceeded maximum allowed payload size ({MAX_ANSWER_BYTES} bytes).");
        api.answer(&id, Err(FunctionError::new(kind, &message)));
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
    }
    match serde_json::from_slice(&body) {
        Ok(answer) => api.answer(&id, Ok(answer)),
        Err(error) => api.answer(&id, Err(FunctionError::new("Runtime.InvalidResponse", error))),
    }
}

/// Reads what a runtime reports; a body that is no error object is reported by its header alone.
fn reported(headers: &HeaderMap, body: &[u8]) -> FunctionError {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        let kind = headers
            .get("lambda-runtime-function-error-type")
            .and_then(|kind| kind.to_str().ok());
        FunctionError::new(kind.unwrap_or("Runtime.Unknown"), "the runtime gave no message")
    })
}

async fn error(AxumState(api): AxumState<Api>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    api.answer(&id, Err(reported(&headers, &body)))
}

async fn init_error(AxumState(api): AxumState<Api>, headers: HeaderMap, body: Bytes) -> Response {
    let mut sandbox = api.shared.lock();
    if sandbox.generation == api.generation {
        sandbox.init_error = Some(reported(&headers, &body));
    }
    accepted()
}

#[cfg(test)]
mod tests {
    use super::super::lambda::{FunctionConfig, InvokeError, Lambda};
    use super::super::testing::{any_port, base, eventually};
    use super::*;
    use jiff::SignedDuration;
    use lambda_runtime::{LambdaEvent, service_fn};

    /// What the child process does with each event: this test binary plays the function, on the real runtime crate.
    async fn play(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
        match event.payload["do"].as_str() {
            Some("fail") => Err("no luck".into()),
            Some("panic") => panic!("on purpose"),
            Some("exit") => std::process::exit(7),
            Some("hang") => std::future::pending().await,
            Some("boast") => Ok(json!("x".repeat(MAX_ANSWER_BYTES))),
            _ => {
                println!("handled {}", event.payload);
                Ok(json!({
                    "payload": event.payload,
                    "function": event.context.env_config.function_name,
                    "arn": event.context.invoked_function_arn,
                    "left_ms": event.context.deadline().elapsed().is_err(),
                    "variables": std::env::vars().map(|(name, _)| name).collect::<Vec<_>>(),
                }))
            }
        }
    }

    #[tokio::test]
    #[ignore = "is the function that the other tests start; by itself it has no Runtime API to talk to"]
    async fn acts_as_a_function() {
        lambda_runtime::run(service_fn(play)).await.unwrap();
    }

    fn options() -> RuntimeOptions {
        let arguments = [
            "--exact",
            "aws::runtime_api::tests::acts_as_a_function",
            "--ignored",
            "--nocapture",
        ];
        RuntimeOptions {
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: BTreeMap::from([("HOURGLASS_TABLE".to_owned(), "hourglass".to_owned())]),
            ..RuntimeOptions::new("revocation", std::env::current_exe().unwrap())
        }
    }

    async fn ask(function: &RuntimeFunction, base: &Base, payload: Value) -> Result<Value, FunctionError> {
        let deadline = base.clock.now().checked_add(SignedDuration::from_secs(20)).unwrap();
        function.invoke(payload, deadline).await
    }

    #[tokio::test]
    async fn a_binary_handles_events_one_after_the_other() {
        let base = base();
        let function = RuntimeFunction::start(&base, options()).unwrap();
        let answer = ask(&function, &base, json!({ "q": "\"<" })).await.unwrap();
        assert_eq!(answer["payload"], json!({ "q": "\"<" }));
        assert_eq!(answer["function"], "revocation");
        assert_eq!(answer["arn"], function_arn("revocation"));
        assert_eq!(answer["left_ms"], true, "the deadline lies in the future");
        let variables: Vec<_> = answer["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        assert!(variables.contains(&"HOURGLASS_TABLE") && variables.contains(&"AWS_REGION"));
        assert!(
            !variables.contains(&"CARGO_MANIFEST_DIR"),
            "our own environment leaked: {variables:?}"
        );

        let many = (0..20).map(|n| ask(&function, &base, json!({ "n": n })));
        for (n, answer) in futures_util::future::join_all(many).await.into_iter().enumerate() {
            assert_eq!(answer.unwrap()["payload"]["n"], n);
        }
        let starts = function.starts();
        assert_eq!(starts.len(), 1);
        assert!(starts[0].first_poll.unwrap() <= starts[0].first_response.unwrap());
        assert!(function.peak_memory_kib().is_none_or(|kib| kib > 500));
        eventually("its output", async || {
            function
                .lines()
                .iter()
                .any(|line| line.ends_with(r#"handled {"n":19}"#))
                .then_some(())
        })
        .await;
    }

    #[tokio::test]
    async fn failures_are_told_and_a_dead_process_is_replaced() {
        let base = base();
        let function = RuntimeFunction::start(&base, options()).unwrap();
        let fail = ask(&function, &base, json!({ "do": "fail" })).await.unwrap_err();
        assert_eq!(fail.error_message, "no luck");
        let panic = ask(&function, &base, json!({ "do": "panic" })).await.unwrap_err();
        assert!(panic.error_message.contains("on purpose"), "{panic}");
        let large = ask(&function, &base, json!({ "do": "boast" })).await.unwrap_err();
        assert_eq!(large.error_type, "Function.ResponseSizeTooLarge");
        assert_eq!(function.starts().len(), 1, "none of these ends the process");

        let exit = ask(&function, &base, json!({ "do": "exit" })).await.unwrap_err();
        assert_eq!(exit.error_type, "Runtime.ExitError");
        assert!(exit.error_message.contains('7'), "{exit}");
        ask(&function, &base, json!({})).await.unwrap();
        function.kill();
        eventually("the kill", async || (function.starts().len() == 3).then_some(())).await;
        ask(&function, &base, json!({})).await.unwrap();
        let ends: Vec<_> = function.starts().into_iter().map(|start| start.ended).collect();
        assert_eq!(
            ends,
            [
                Some("exited with exit status: 7".to_owned()),
                Some("was killed".to_owned()),
                None
            ]
        );
    }

    #[tokio::test]
    async fn a_process_that_is_busy_at_its_deadline_is_killed() {
        let base = base();
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let function = Arc::new(RuntimeFunction::start(&base, options()).unwrap());
        ask(&function, &base, json!({})).await.unwrap();
        let config = FunctionConfig {
            timeout: Duration::from_millis(300),
            ..FunctionConfig::default()
        };
        let registered: Arc<dyn Function> = Arc::<RuntimeFunction>::clone(&function);
        lambda.register("revocation", registered, config);
        let Err(InvokeError::Failed(error)) = lambda.invoke("revocation", json!({ "do": "hang" })).await else {
            panic!("a hung function answered");
        };
        assert_eq!(error.error_type, "Sandbox.Timedout");
        ask(&function, &base, json!({})).await.unwrap();
        assert_eq!(function.starts()[0].ended.as_deref(), Some("was killed"));
    }

    #[tokio::test]
    async fn a_binary_that_can_not_start_fails_its_events() {
        let base = base();
        let broken = RuntimeOptions {
            arguments: vec!["--no-such-flag".to_owned()],
            ..options()
        };
        let function = RuntimeFunction::start(&base, broken).unwrap();
        let error = ask(&function, &base, json!({})).await.unwrap_err();
        assert_eq!(error.error_type, "Runtime.ExitError");
        assert!(!function.lines().is_empty(), "its complaint is captured");
        let nowhere = RuntimeOptions::new("revocation", "/nowhere/bootstrap");
        assert!(RuntimeFunction::start(&base, nowhere).is_err());
    }

    #[tokio::test]
    async fn the_process_ends_with_its_handle() {
        let base = base();
        let function = RuntimeFunction::start(&base, options()).unwrap();
        ask(&function, &base, json!({})).await.unwrap();
        let pid = function.starts()[0].pid.unwrap();
        drop(function);
        let process = PathBuf::from(format!("/proc/{pid}"));
        // A killed process stays listed as a zombie until it is reaped.
        let gone = async || {
            let state = std::fs::read_to_string(process.join("stat")).ok();
            state.is_none_or(|state| state.contains(") Z ")).then_some(())
        };
        eventually("the process to be gone", gone).await;
    }

    #[tokio::test]
    async fn answers_of_unknown_events_and_old_processes_are_refused() {
        let shared = Arc::new(Shared {
            options: options(),
            clock: base().clock,
            sandbox: Mutex::default(),
            changed: Notify::new(),
            kill: Notify::new(),
        });
        let generation = shared.begin(None);
        let old = Api {
            shared: Arc::clone(&shared),
            generation,
        };
        assert_eq!(
            old.answer("no-such-event", Ok(Value::Null)).status(),
            StatusCode::BAD_REQUEST
        );
        let (reply, mut answer) = oneshot::channel();
        let (id, payload) = ("e-1".to_owned(), "{}".to_owned());
        shared.lock().queue.push_back(Invocation {
            id,
            payload,
            deadline: Timestamp::MAX,
            reply,
        });
        shared.end("exited");
        assert_eq!(answer.try_recv().unwrap().unwrap_err().error_type, "Runtime.ExitError");
        shared.begin(None);
        assert!(matches!(old.next(), Next::Gone));
    }
}
