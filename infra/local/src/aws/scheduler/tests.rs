//! The Scheduler driven by the real SDK client.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::retry::RetryConfig;
use aws_sdk_scheduler::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::operation::create_schedule::builders::CreateScheduleFluentBuilder;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use jiff::ToSpan;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::super::lambda::{Function, FunctionConfig, FunctionError, Lambda, function};
use super::super::queues::Queues;
use super::super::testing::{any_port, base, base_on, eventually};
use super::super::{FaultOrder, role_arn};
use super::*;
use crate::sim::ManualTime;

fn client(url: &str, attempts: u32) -> Client {
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("laptop", "laptop", None, None, "test"))
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .endpoint_url(url)
        .build();
    Client::from_conf(config)
}

/// A function that passes on what it gets, and the receiving end.
fn listener() -> (Arc<dyn Function>, UnboundedReceiver<Value>) {
    let (send, receive) = unbounded_channel();
    let listener = function(move |payload: Value| {
        let _ = send.send(payload.clone());
        async { Ok::<_, FunctionError>(Value::Null) }
    });
    (listener, receive)
}

struct Setup {
    base: Base,
    lambda: Lambda,
    queues: Queues,
    scheduler: Scheduler,
    client: Client,
    events: UnboundedReceiver<Value>,
}

async fn set_up(base: Base) -> Setup {
    let lambda = Lambda::start(&base, any_port()).await.unwrap();
    let queues = Queues::start(&base, any_port()).await.unwrap();
    let (listener, events) = listener();
    lambda.register("revocation", listener, FunctionConfig::default());
    let options = SchedulerOptions {
        first_retry: Duration::from_millis(5),
        ..SchedulerOptions::new(lambda.url())
    };
    let scheduler = Scheduler::start(&base, any_port(), options).await.unwrap();
    scheduler.create_group("hourglass").unwrap();
    let client = client(scheduler.url(), 1);
    Setup {
        base,
        lambda,
        queues,
        scheduler,
        client,
        events,
    }
}

/// A clock that stands still and a base that goes by it: however slow the machine, no second passes between asking for
/// one and the answer.
fn by_hand() -> (Arc<ManualTime>, Base) {
    let time = ManualTime::new("2026-11-20T08:00:00Z".parse().unwrap());
    let clock = Arc::<ManualTime>::clone(&time);
    (time, Base { clock, ..base() })
}

/// The `at()` expression that lies `seconds` from now.
fn at(base: &Base, seconds: i64) -> String {
    let time = base.clock.now().checked_add(seconds.seconds()).unwrap();
    format!("at({})", time.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// The recorded event of a grant's end.
const INPUT: &str = include_str!("../../../../events/scheduler.json");

fn target() -> aws_sdk_scheduler::types::builders::TargetBuilder {
    Target::builder()
        .arn(function_arn("revocation"))
        .role_arn(role_arn("scheduler"))
        .input(INPUT)
}

fn create(setup: &Setup, name: &str, expression: &str) -> CreateScheduleFluentBuilder {
    let off = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
        .unwrap();
    setup
        .client
        .create_schedule()
        .name(name)
        .group_name("hourglass")
        .schedule_expression(expression)
        .schedule_expression_timezone("UTC")
        .flexible_time_window(off)
        .action_after_completion(ActionAfterCompletion::Delete)
        .target(target().build().unwrap())
}

async fn names(setup: &Setup) -> Vec<String> {
    let listed = setup
        .client
        .list_schedules()
        .group_name("hourglass")
        .send()
        .await
        .unwrap();
    listed
        .schedules()
        .iter()
        .map(|schedule| schedule.name().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_schedule_can_be_read_back_changed_and_deleted() {
    let setup = set_up(base()).await;
    // Named once: the clock of this test goes on, and a second call may name the next second.
    let soon = at(&setup.base, 3600);
    let created = create(&setup, "g-1-1", &soon).description("one").send().await.unwrap();
    assert_eq!(
        created.schedule_arn(),
        "arn:aws:scheduler:us-east-1:111122223333:schedule/hourglass/g-1-1"
    );

    let got = setup
        .client
        .get_schedule()
        .name("g-1-1")
        .group_name("hourglass")
        .send()
        .await
        .unwrap();
    assert_eq!(got.schedule_expression().unwrap(), soon);
    assert_eq!(got.target().unwrap().input(), target().build().unwrap().input());
    assert_eq!(got.action_after_completion().unwrap(), &ActionAfterCompletion::Delete);
    assert_eq!(got.description(), Some("one"));
    assert!(got.creation_date().is_some());

    let later = at(&setup.base, 7200);
    let off = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
        .unwrap();
    let update = setup
        .client
        .update_schedule()
        .name("g-1-1")
        .group_name("hourglass")
        .schedule_expression(&later);
    update
        .flexible_time_window(off)
        .target(target().build().unwrap())
        .send()
        .await
        .unwrap();
    let got = setup
        .client
        .get_schedule()
        .name("g-1-1")
        .group_name("hourglass")
        .send()
        .await
        .unwrap();
    assert_eq!(got.schedule_expression(), Some(later.as_str()));
    assert_eq!(got.description(), None, "an update resets what it leaves out");
    assert_eq!(got.action_after_completion().unwrap(), &ActionAfterCompletion::None);

    setup
        .client
        .delete_schedule()
        .name("g-1-1")
        .group_name("hourglass")
        .send()
        .await
        .unwrap();
    let gone = setup
        .client
        .get_schedule()
        .name("g-1-1")
        .group_name("hourglass")
        .send()
        .await
        .unwrap_err();
    assert!(gone.into_service_error().is_resource_not_found_exception());
    let again = setup
        .client
        .delete_schedule()
        .name("g-1-1")
        .group_name("hourglass")
        .send()
        .await
        .unwrap_err();
    assert!(again.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn a_client_token_makes_a_create_repeatable() {
    let setup = set_up(base()).await;
    let expression = at(&setup.base, 3600);
    let first = create(&setup, "g-1-1", &expression)
        .client_token("t-1")
        .send()
        .await
        .unwrap();
    let again = create(&setup, "g-1-1", &expression)
        .client_token("t-1")
        .send()
        .await
        .unwrap();
    assert_eq!(first.schedule_arn(), again.schedule_arn());
    let other_content = create(&setup, "g-1-2", &expression)
        .client_token("t-1")
        .send()
        .await
        .unwrap_err();
    assert!(other_content.into_service_error().is_conflict_exception());
    let other_token = create(&setup, "g-1-1", &expression)
        .client_token("t-2")
        .send()
        .await
        .unwrap_err();
    assert!(other_token.into_service_error().is_conflict_exception());
    assert_eq!(names(&setup).await, ["g-1-1"]);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_schedule_and_the_retry_succeeds() {
    let setup = set_up(base()).await;
    setup.scheduler.faults().order(FaultOrder {
        apply_then_drop: true,
        ..FaultOrder::new("CreateSchedule")
    });
    let expression = at(&setup.base, 3600);
    let lost = create(&setup, "g-1-1", &expression)
        .client_token("t-1")
        .send()
        .await
        .unwrap_err();
    assert!(lost.as_service_error().is_none(), "no answer may arrive: {lost:?}");
    assert_eq!(names(&setup).await, ["g-1-1"]);
    create(&setup, "g-1-1", &expression)
        .client_token("t-1")
        .send()
        .await
        .unwrap();

    setup.scheduler.faults().order(FaultOrder {
        times: 2,
        answer: Some(503),
        ..FaultOrder::new("GetSchedule")
    });
    let patient = client(setup.scheduler.url(), 3);
    patient
        .get_schedule()
        .name("g-1-1")
        .group_name("hourglass")
        .send()
        .await
        .unwrap();
    setup.scheduler.faults().order(FaultOrder {
        answer: Some(429),
        ..FaultOrder::new("GetSchedule")
    });
    let throttled = setup
        .client
        .get_schedule()
        .name("g-1-1")
        .group_name("hourglass")
        .send()
        .await
        .unwrap_err();
    assert!(throttled.into_service_error().is_throttling_exception());
}

#[tokio::test]
async fn what_the_service_would_refuse_is_refused() {
    let setup = set_up(base()).await;
    let soon = at(&setup.base, 3600);
    let flexible = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Flexible)
        .build()
        .unwrap();
    let retry = |attempts, age| {
        RetryPolicy::builder()
            .maximum_retry_attempts(attempts)
            .maximum_event_age_in_seconds(age)
            .build()
    };
    let with = |target: Target| create(&setup, "g-1-1", &soon).target(target);
    let bad = [
        create(&setup, "g-1-1", "at(tomorrow)"),
        create(&setup, "g-1-1", "cron(0 12 * * ? *)"),
        create(&setup, "g-1-1", "at(2020-01-01T00:00:00)"),
        create(&setup, "g:1", &soon),
        create(&setup, &"g".repeat(65), &soon),
        create(&setup, "g-1-1", &soon).client_token("not a token"),
        create(&setup, "g-1-1", &soon).schedule_expression_timezone("Europe/Berlin"),
        create(&setup, "g-1-1", &soon).flexible_time_window(flexible),
        create(&setup, "g-1-1", &soon).set_flexible_time_window(None),
        create(&setup, "g-1-1", &soon).set_target(None),
        with(
            target()
                .arn("arn:aws:sns:us-east-1:111122223333:topic")
                .build()
                .unwrap(),
        ),
        with(target().role_arn("scheduler").build().unwrap()),
        with(target().input("{not json").build().unwrap()),
        with(target().retry_policy(retry(186, 60)).build().unwrap()),
        with(target().retry_policy(retry(0, 59)).build().unwrap()),
        with(
            target()
                .dead_letter_config(DeadLetterConfig::builder().arn("dlq").build())
                .build()
                .unwrap(),
        ),
    ];
    for (index, request) in bad.into_iter().enumerate() {
        let refused = request.send().await.unwrap_err();
        assert!(refused.into_service_error().is_validation_exception(), "case {index}");
    }
    let nowhere = create(&setup, "g-1-1", &soon)
        .group_name("nowhere")
        .send()
        .await
        .unwrap_err();
    assert!(nowhere.into_service_error().is_resource_not_found_exception());
    assert_eq!(names(&setup).await, [""; 0]);

    setup.scheduler.configure(|options| options.refuse_past = false);
    create(&setup, "g-1-1", "at(2020-01-01T00:00:00)").send().await.unwrap();
}

#[tokio::test]
async fn lists_come_in_pages() {
    let setup = set_up(base()).await;
    for n in 0..5 {
        create(&setup, &format!("g-{n}"), &at(&setup.base, 3600))
            .send()
            .await
            .unwrap();
    }
    create(&setup, "other", &at(&setup.base, 3600)).send().await.unwrap();
    let mut pages = setup
        .client
        .list_schedules()
        .group_name("hourglass")
        .name_prefix("g-")
        .max_results(2)
        .into_paginator()
        .send();
    let mut sizes = Vec::new();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        sizes.push(page.schedules().len());
        found.extend(
            page.schedules()
                .iter()
                .map(|schedule| schedule.name().unwrap().to_owned()),
        );
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(found, ["g-0", "g-1", "g-2", "g-3", "g-4"]);
    let nowhere = setup
        .client
        .list_schedules()
        .group_name("nowhere")
        .send()
        .await
        .unwrap_err();
    assert!(nowhere.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn groups_can_be_made_listed_and_deleted_with_their_schedules() {
    let setup = set_up(base()).await;
    setup
        .client
        .create_schedule_group()
        .name("second")
        .send()
        .await
        .unwrap();
    let twice = setup
        .client
        .create_schedule_group()
        .name("second")
        .send()
        .await
        .unwrap_err();
    assert!(twice.into_service_error().is_conflict_exception());
    let listed = setup.client.list_schedule_groups().send().await.unwrap();
    let listed: Vec<_> = listed
        .schedule_groups()
        .iter()
        .map(|group| group.name().unwrap())
        .collect();
    assert_eq!(listed, ["default", "hourglass", "second"]);
    create(&setup, "g-1-1", &at(&setup.base, 3600)).send().await.unwrap();
    setup
        .client
        .delete_schedule_group()
        .name("hourglass")
        .send()
        .await
        .unwrap();
    let gone = setup
        .client
        .get_schedule()
        .name("g-1-1")
        .group_name("hourglass")
        .send()
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn it_fires_at_its_second_and_deletes_itself() {
    let mut setup = set_up(base()).await;
    // By the computer's own clock, which does not wait for the call: whatever comes late then fires late.
    setup.scheduler.configure(|options| options.refuse_past = false);
    let expression = at(&setup.base, 1);
    create(&setup, "g-1-1", &expression).send().await.unwrap();
    let event = setup.events.recv().await.unwrap();
    let late = setup.base.clock.now();
    assert_eq!(event, json!({ "grant": "019aa7f0-4c1e-7d7a-8b1c-2f6f0c9d1e11" }));
    let due: jiff::civil::DateTime = expression.trim_matches(['a', 't', '(', ')']).parse().unwrap();
    let lateness = late.duration_since(due.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp());
    assert!(lateness >= jiff::SignedDuration::ZERO, "fired {lateness} early");
    eventually("the schedule to be gone", async || {
        names(&setup).await.is_empty().then_some(())
    })
    .await;
    let snapshot = setup.scheduler.snapshot().unwrap();
    assert_eq!(snapshot["fired"][0]["outcome"], "delivered");
    assert_eq!(snapshot["deliveries"], json!([]));
}

#[tokio::test]
async fn time_is_the_clocks_and_nothing_fires_early_or_late() {
    let (time, base) = by_hand();
    let mut setup = set_up(base).await;
    create(&setup, "g-1-1", "at(2026-11-20T08:30:00)").send().await.unwrap();
    time.advance_seconds(30 * 60 - 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(setup.events.try_recv().is_err(), "fired a second early");
    time.advance_seconds(1);
    setup.events.recv().await.unwrap();
    let fired = eventually("the record of the firing", async || {
        let fired = setup.scheduler.snapshot().unwrap()["fired"][0].clone();
        fired.is_object().then_some(fired)
    })
    .await;
    assert_eq!(
        fired["at"], "2026-11-20T08:30:00Z",
        "within the second that was asked for"
    );
}

#[tokio::test]
async fn retries_end_in_the_dead_letter_queue_and_the_schedule_goes_all_the_same() {
    let (time, base) = by_hand();
    let setup = set_up(base).await;
    let dead_letters = setup.queues.create("dead-letters").unwrap();
    let policy = RetryPolicy::builder()
        .maximum_retry_attempts(2)
        .maximum_event_age_in_seconds(60)
        .build();
    let letters = DeadLetterConfig::builder().arn(dead_letters).build();
    let target = target()
        .retry_policy(policy)
        .dead_letter_config(letters)
        .build()
        .unwrap();
    setup.lambda.faults().order(FaultOrder {
        times: 9,
        answer: Some(503),
        ..FaultOrder::new("Invoke")
    });
    create(&setup, "g-1-1", &at(&setup.base, 1))
        .target(target)
        .send()
        .await
        .unwrap();
    time.advance_seconds(1);
    let letter = eventually("the dead letter", async || {
        // The pauses pass, and nowhere near the greatest age.
        time.advance_millis(10);
        setup.queues.messages("dead-letters").unwrap().pop()
    })
    .await;
    assert_eq!(letter.body, INPUT);
    assert_eq!(letter.attributes["EXHAUSTED_RETRY_CONDITION"], "MaximumRetryAttempts");
    assert_eq!(letter.attributes["RETRY_ATTEMPTS"], "2");
    assert_eq!(letter.attributes["ERROR_CODE"], "ServiceUnavailableException");
    assert_eq!(setup.lambda.faults().calls()["Invoke"], 3);
    assert_eq!(names(&setup).await, [""; 0]);
}

#[tokio::test]
async fn a_target_that_is_gone_is_not_retried() {
    let (time, base) = by_hand();
    let setup = set_up(base).await;
    let dead_letters = setup.queues.create("dead-letters").unwrap();
    let letters = DeadLetterConfig::builder().arn(dead_letters).build();
    let target = target()
        .arn(function_arn("nobody"))
        .dead_letter_config(letters)
        .build()
        .unwrap();
    create(&setup, "g-1-1", &at(&setup.base, 1))
        .target(target)
        .send()
        .await
        .unwrap();
    time.advance_seconds(1);
    let letter = eventually("the dead letter", async || {
        setup.queues.messages("dead-letters").unwrap().pop()
    })
    .await;
    assert_eq!(letter.attributes["ERROR_CODE"], "ResourceNotFoundException");
    assert_eq!(letter.attributes["RETRY_ATTEMPTS"], "0");
    assert_eq!(letter.attributes.get("EXHAUSTED_RETRY_CONDITION"), None);
}

#[tokio::test]
async fn an_overdue_schedule_fires_after_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.db");
    let (time, _) = by_hand();
    let on_disk = || Base {
        clock: Arc::<ManualTime>::clone(&time),
        ..base_on(State::open(&path).unwrap())
    };
    let setup = set_up(on_disk()).await;
    setup.scheduler.pause(true);
    create(&setup, "g-1-1", &at(&setup.base, 1)).send().await.unwrap();
    time.advance_seconds(1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(names(&setup).await, ["g-1-1"]);
    setup.base.shutdown.finish().await;

    let mut setup = set_up(on_disk()).await;
    setup.events.recv().await.unwrap();
    eventually("the schedule to be gone", async || {
        names(&setup).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn firings_can_be_lost_doubled_paused_and_early() {
    let (time, base) = by_hand();
    let mut setup = set_up(base).await;
    let order = |order: Value| {
        let (url, body) = (format!("{}/_faults", setup.scheduler.url()), order.to_string());
        async move {
            reqwest::Client::new()
                .post(url)
                .body(body)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        }
    };
    assert_eq!(order(json!({ "order": "drop_firings", "count": 1 })).await, 200);
    create(&setup, "lost", &at(&setup.base, 1)).send().await.unwrap();
    time.advance_seconds(1);
    eventually("the loss", async || names(&setup).await.is_empty().then_some(())).await;
    assert!(setup.events.try_recv().is_err());

    assert_eq!(order(json!({ "order": "pause" })).await, 200);
    assert_eq!(order(json!({ "order": "duplicate_firings", "count": 1 })).await, 200);
    create(&setup, "twice", &at(&setup.base, 1)).send().await.unwrap();
    time.advance_seconds(1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(setup.events.try_recv().is_err(), "fired while paused");
    assert_eq!(order(json!({ "order": "resume" })).await, 200);
    setup.events.recv().await.unwrap();
    setup.events.recv().await.unwrap();

    create(&setup, "early", &at(&setup.base, 3600)).send().await.unwrap();
    assert_eq!(
        order(json!({ "order": "fire", "name": "early", "group": "hourglass" })).await,
        200
    );
    setup.events.recv().await.unwrap();
    assert_eq!(names(&setup).await, ["early"]);

    assert_eq!(order(json!({ "order": "fire", "name": "nobody" })).await, 400);
    assert_eq!(order(json!({ "order": "explode" })).await, 400);
    assert_eq!(
        order(json!({ "operation": "GetSchedule", "times": 1, "answer": 500 })).await,
        200
    );
    // What was delivered is written down once the target has answered, which may be after it has the event.
    let (state, outcomes) = eventually("all four outcomes", async || {
        let answer = reqwest::get(format!("{}/_state", setup.scheduler.url())).await.unwrap();
        let state: Value = answer.json().await.unwrap();
        let fired = state["fired"].as_array().unwrap();
        let outcomes: Vec<_> = fired.iter().map(|fired| fired["outcome"].clone()).collect();
        (outcomes.len() >= 4).then_some((state, outcomes))
    })
    .await;
    assert_eq!(state["schedules"][0]["name"], "early");
    assert_eq!(outcomes, ["dropped", "delivered", "delivered", "delivered"]);
}

#[tokio::test]
async fn only_local_pages_reach_it() {
    let setup = set_up(base()).await;
    let state = format!("{}/_state", setup.scheduler.url());
    let foreign = reqwest::Client::new()
        .get(&state)
        .header("origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
}
