//! Grants that end at the second: the schedule fires a minute early and hands over to a delayed message.

use hourglass_app::keys;
use hourglass_domain::Timestamp;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::GrantId;
use hourglass_local::aws::FaultOrder;
use hourglass_local::aws::queues::QueuedMessage;
use hourglass_local::system::EXACT;
use hourglass_tests::BRIEF;
use hourglass_tests::stage::logged;
use serde_json::{Value, json};

use crate::stage::{Stage, stage};

/// How long sending the message may take.
const LONGEST_CALL_MILLIS: i64 = 8_000;

impl Stage {
    /// The usual entitlement, whose grants end at the second from here on.
    async fn exact_entitlement(&self) -> anyhow::Result<String> {
        let id = self.entitlement();
        let changed = self
            .change_entitlement(&id, |body| body["exact_expiry"] = json!(true))
            .await?;
        assert_eq!(changed.ok()?["exact_expiry"], true);
        self.settled().await?;
        Ok(id)
    }

    fn messages(&self) -> anyhow::Result<Vec<QueuedMessage>> {
        self.system.world.queues.messages(EXACT)
    }

    async fn grant(&self, id: &str) -> anyhow::Result<Grant> {
        Ok(self.read::<Grant>(&keys::grant(id.parse::<GrantId>()?)).await?.value)
    }

    /// Waits until somebody has begun to end the grant.
    async fn ending(&self, id: &str) -> anyhow::Result<Grant> {
        self.until("the end", || async {
            let grant = self.grant(id).await?;
            Ok(if grant.status.is_live() {
                Err(format!("{grant:?}"))
            } else {
                Ok(grant)
            })
        })
        .await
    }

    fn schedule_of(&self, grant: &str) -> anyhow::Result<Option<Value>> {
        let snapshot = self.system.world.scheduler.snapshot()?;
        let named = |schedule: &&Value| schedule["name"].as_str().is_some_and(|name| name.contains(grant));
        Ok(snapshot["schedules"]
            .as_array()
            .and_then(|all| all.iter().find(named).cloned()))
    }
}

/// The second at which the message arrives.
fn arrives(message: &QueuedMessage) -> Timestamp {
    Timestamp::from_millis(message.visible_at.as_millisecond())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_little_time_left_a_message_is_the_timer_and_ends_the_grant_alone() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let entitlement = stage.exact_entitlement().await?;
    // Nobody else ends it.
    stage.system.world.scheduler.pause(true);
    stage.system.rule.pause(true);
    stage.system.messages.pause(true);
    let (_, id) = stage.granted(&dana, &entitlement, BRIEF).await?;
    stage.dana_becomes(true).await?;
    let grant = stage.grant(&id).await?;
    assert!(grant.exact && grant.schedule.is_none(), "{grant:?}");
    assert_eq!(stage.schedule_of(&id)?, None);
    let messages = stage.messages()?;
    let [message] = messages.as_slice() else {
        panic!("not one message: {messages:?}")
    };
    assert_eq!(
        message.body,
        json!({"grant": id}).to_string(),
        "the id and nothing else"
    );
    // Whole seconds, rounded up: never before the end, and at most a second after it, counted from when it was sent.
    let late = arrives(message).millis() - grant.expires_at.millis();
    assert!((0..1_000 + LONGEST_CALL_MILLIS).contains(&late), "{late} ms");

    stage.system.messages.pause(false);
    let ended = stage.ending(&id).await?;
    assert!(
        ended.ending_at >= Some(grant.expires_at),
        "ended before its time: {ended:?}"
    );
    stage.dana_becomes(false).await?;
    stage
        .until("the message is gone", || async {
            let left = stage.messages()?;
            Ok(if left.is_empty() {
                Ok(())
            } else {
                Err(format!("{left:?}"))
            })
        })
        .await?;
    assert!(!logged(&["revocation_lateness_seconds", "_aws"]).is_empty());
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_fires_a_minute_early_and_hands_over_to_a_message() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let entitlement = stage.exact_entitlement().await?;
    let (_, id) = stage.granted(&dana, &entitlement, "1h").await?;
    stage
        .grant_until(&dana, &id, |grant| grant["status"] == "active")
        .await?;
    let mut grant = stage.grant(&id).await?;
    let schedule = stage.schedule_of(&id)?.expect("a schedule");
    let wanted = grant.expires_at.plus_seconds(-60).to_string().replace(".000Z", "");
    assert_eq!(schedule["expression"], format!("at({wanted})"));
    assert_eq!(schedule["input"], json!({"grant": id}).to_string());

    // A forged trigger, long before the end, moves nothing.
    stage.settled().await?;
    let before = stage.state()?;
    stage.trigger(json!({"grant": id})).await?;
    stage.unchanged(&before, "an early trigger")?;
    assert_eq!(stage.messages()?, []);

    // Its end is near. (What was approved is longer, so that the evidence still verifies.)
    stage.system.rule.pause(true);
    stage.system.messages.pause(true);
    grant.expires_at = stage.now().plus_seconds(20).rounded_up_to_second();
    stage.forge(&grant).await?;
    // The trigger comes twice, as it may.
    for _ in 0..2 {
        stage.trigger(json!({"grant": id})).await?;
    }
    let messages = stage.messages()?;
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(
        messages.iter().all(|message| arrives(message) >= grant.expires_at),
        "{messages:?}"
    );
    assert!(stage.grant(&id).await?.status.is_live());
    assert!(stage.dana_is_in().await?);

    stage.system.messages.pause(false);
    let ended = stage.ending(&id).await?;
    assert!(ended.ending_at >= Some(grant.expires_at), "{ended:?}");
    stage.dana_becomes(false).await?;
    stage.system.rule.pause(false);
    let over = stage
        .grant_until(&dana, &id, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(over["ended_because"], "expired");
    // The second message has changed nothing, and neither does one that comes late.
    stage.settled().await?;
    let before = stage.state()?;
    stage.message(&json!({"grant": id}).to_string()).await?;
    stage.unchanged(&before, "a late message")?;
    stage.stop().await;
    Ok(())
}

impl Stage {
    /// Puts a message into the queue and waits until it is dealt with.
    async fn message(&self, body: &str) -> anyhow::Result<()> {
        let arn = hourglass_local::aws::queue_arn(EXACT);
        self.system.world.queues.send(&arn, body, &serde_json::Map::new())?;
        self.until("the queue is empty", || async {
            let left = self.messages()?;
            Ok(if left.is_empty() {
                Ok(())
            } else {
                Err(format!("{left:?}"))
            })
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_and_early_messages_change_nothing() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let entitlement = stage.exact_entitlement().await?;
    let (_, live) = stage.granted(&dana, &entitlement, "1h").await?;
    stage
        .grant_until(&dana, &live, |grant| grant["status"] == "active")
        .await?;
    stage.settled().await?;
    let before = stage.state()?;
    stage.message(&json!({"grant": live}).to_string()).await?;
    let nobodys = "00000000-0000-0000-0000-0000000000e1";
    stage.message(&json!({"grant": nobodys}).to_string()).await?;
    assert!(!logged(&["a trigger came for a grant that does not exist", nobodys]).is_empty());
    assert!(!logged(&["orphan_trigger", "_aws"]).is_empty());

    // What is no message of ours is named as failed, alone: it comes again, and in the end lies among the failures.
    let good = json!({"messageId": "a", "eventSource": "aws:sqs", "body": json!({"grant": live}).to_string()});
    for (bad, body) in [
        (
            "aws:sqs",
            json!({"grant": live, "expires_at": "2020-01-01T00:00:00Z"}).to_string(),
        ),
        ("aws:sqs", "no json".to_owned()),
        ("aws:s3", json!({"grant": live}).to_string()),
    ] {
        let bad = json!({"messageId": "b", "eventSource": bad, "body": body});
        let answer = stage.trigger(json!({"Records": [bad, good]})).await?;
        assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "b"}]}), "{bad}");
    }
    stage.unchanged(&before, "a forged message")?;
    assert!(stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

/// The queue refuses: the grant is not activated without its timer (invariant I1), and is once the queue answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_added_before_the_message_is_on_its_way() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let entitlement = stage.exact_entitlement().await?;
    let faults = stage.system.world.queues.faults();
    faults.order(FaultOrder {
        times: 1_000,
        answer: Some(500),
        ..FaultOrder::new("SendMessage")
    });
    let (_, id) = stage.granted(&dana, &entitlement, BRIEF).await?;
    let failing = stage
        .until("the failure is shown", || async {
            let grant = stage.grant(&id).await?;
            Ok(if grant.failing_since.is_some() {
                Ok(grant)
            } else {
                Err(format!("{grant:?}"))
            })
        })
        .await?;
    assert!(!stage.dana_is_in().await?, "{failing:?}");
    assert!(
        failing
            .targets
            .iter()
            .all(|target| target.last_error.as_deref().is_some_and(|why| why.contains("queue")))
    );
    stage.system.world.queues.faults().clear();
    // It becomes active if there is still time for it; ended without ever having been there, if not.
    stage
        .grant_until(&dana, &id, |grant| grant["status"] == "ended")
        .await?;
    assert!(!stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}
