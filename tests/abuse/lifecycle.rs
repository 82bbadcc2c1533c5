//! Time, triggers, and targets that do not do as they are told: cases 40, 41, 43 to 45, 48, 49 and 53.

use std::time::Duration;

use hourglass_app::idempotency::StoredAnswer;
use hourglass_app::keys;
use hourglass_app::ports::store::Key;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::GrantId;
use hourglass_local::aws::scheduler::DEFAULT_GROUP;
use hourglass_tests::stage::{logged, refused};
use hourglass_tests::{BRIEF, PATIENCE, Person};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, stage};

/// Three groups of the company that can be requested beside each other.
const THREE: [&str; 3] = ["prod-readers", "db-breakglass", "billing-admins"];

impl Stage {
    fn schedules(&self) -> anyhow::Result<Vec<Value>> {
        let snapshot = self.system.world.scheduler.snapshot()?;
        Ok(snapshot["schedules"].as_array().cloned().unwrap_or_default())
    }

    /// Somebody with the right to it changes or deletes a schedule in the console.
    async fn tamper(&self, method: Method, grant: &str, change: Option<fn(&mut Value)>) -> anyhow::Result<()> {
        let url = format!("{}/schedules/g-{grant}-1", self.ready.scheduler);
        let group = [("groupName", DEFAULT_GROUP)];
        let mut call = self.http().request(method, &url);
        if let Some(change) = change {
            let found = self.http().get(&url).query(&group).send().await?.error_for_status()?;
            let mut schedule: Value = serde_json::from_slice(&found.bytes().await?)?;
            let fields = schedule.as_object_mut().expect("a schedule");
            for name in ["Arn", "CreationDate", "LastModificationDate", "Name"] {
                fields.remove(name);
            }
            change(&mut schedule);
            call = call.json(&schedule);
        } else {
            call = call.query(&group);
        }
        call.send().await?.error_for_status()?;
        Ok(())
    }

    async fn check_in(&self, who: &Person, grant: &str) -> anyhow::Result<()> {
        let path = format!("/v1/grants/{grant}/check-in");
        self.post(who, &path, &json!({})).await?.ok().map(drop)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_40_a_schedule_deleted_disabled_or_moved() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let scheduler = &stage.system.world.scheduler;
    // Time enough to do it, however slow the machine: nobody ends anything meanwhile.
    scheduler.pause(true);
    stage.system.rule.pause(true);
    let mut grants = Vec::new();
    for name in THREE {
        let entitlement = stage.entitlement_named(name).await?;
        let (_, grant) = stage.granted(&dana, &entitlement, BRIEF).await?;
        stage
            .until("its schedule", || async {
                let found = stage.schedules()?.iter().any(|s| s["name"] == format!("g-{grant}-1"));
                Ok(if found { Ok(()) } else { Err(grant.clone()) })
            })
            .await?;
        grants.push(grant);
    }
    stage.tamper(Method::DELETE, &grants[0], None).await?;
    stage
        .tamper(Method::PUT, &grants[1], Some(|s| s["State"] = json!("DISABLED")))
        .await?;
    let later: fn(&mut Value) = |s| s["ScheduleExpression"] = json!("at(2099-01-01T00:00:00)");
    stage.tamper(Method::PUT, &grants[2], Some(later)).await?;
    // And one whose trigger is lost on its way.
    scheduler.drop_firings(1);
    scheduler.pause(false);
    stage.system.rule.pause(false);
    let resumed = stage.now();
    grants.push(stage.granted(&dana, &stage.entitlement(), BRIEF).await?.1);
    for grant in &grants {
        let ended = stage
            .grant_until(&dana, grant, |grant| grant["status"] == "ended")
            .await?;
        assert_eq!(
            (&ended["ended_because"], &ended["targets"][0]["status"]),
            (&json!("expired"), &json!("absent"))
        );
        let over = ended["ended_at"]
            .as_str()
            .unwrap_or_default()
            .parse::<hourglass_domain::Timestamp>()?;
        let due = ended["expires_at"]
            .as_str()
            .unwrap_or_default()
            .parse::<hourglass_domain::Timestamp>()?;
        assert!(over >= due, "{ended}");
        // The sweep looks every second; what is measured includes how busy this machine is.
        let late = over.seconds_since(due.max(resumed));
        assert!(late < i64::try_from(PATIENCE.as_secs())?, "{late} s: {ended}");
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_41_forged_early_late_and_repeated_triggers() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let readers = stage.entitlement_named("prod-readers").await?;
    let (_, over) = stage.granted(&dana, &readers, "1h").await?;
    stage
        .grant_until(&dana, &over, |grant| grant["status"] == "active")
        .await?;
    stage.check_in(&dana, &over).await?;
    stage
        .grant_until(&dana, &over, |grant| grant["status"] == "ended")
        .await?;
    let (_, live) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage
        .grant_until(&dana, &live, |grant| grant["status"] == "active")
        .await?;
    let before = stage.settled().await?;

    // Early for the live one, late for the one that is over, again and again, side by side.
    for _ in 0..5 {
        let (a, b, c) = tokio::join!(
            stage.trigger(json!({"grant": live})),
            stage.trigger(json!({"grant": live})),
            stage.trigger(json!({"grant": over}))
        );
        assert!(a.is_ok() && b.is_ok() && c.is_ok(), "{a:?} {b:?} {c:?}");
    }
    assert!(
        stage
            .system
            .world
            .scheduler
            .fire(DEFAULT_GROUP, &format!("g-{live}-1"))?
    );
    // For one that nobody made.
    let unknown = Uuid::from_u128(0x41).to_string();
    stage.trigger(json!({"grant": unknown})).await?;
    assert!(!logged(&["a trigger came for a grant that does not exist", &unknown]).is_empty());
    assert!(!logged(&["orphan_trigger", "_aws"]).is_empty(), "and it is counted");
    // What no trigger looks like.
    for event in [
        json!({}),
        json!([]),
        json!(null),
        json!("sweep"),
        json!({"grant": "*"}),
        json!({"grant": null}),
        json!({"grant": [live]}),
        json!({"grant": live, "expires_at": "2020-01-01T00:00:00Z"}),
        json!({"grant": live, "force": true}),
        json!({"detail-type": "Revoke Everything", "grant": live}),
        json!({"Records": [{"grant": live}]}),
    ] {
        assert!(stage.trigger(event.clone()).await.is_err(), "{event}");
    }
    // A sweep that somebody starts at any time, with whatever in it, finds nothing due.
    for extra in [json!({}), json!({"grant": live, "detail": {"grant": live}})] {
        let mut event = json!({"source": "aws.events", "detail-type": "Scheduled Event"});
        for (name, value) in extra.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        stage.trigger(event).await?;
    }
    // Stream records are hints as well.
    let provisioning = |pk: String| {
        let keys = json!({"pk": {"S": pk}, "sk": {"S": "GRANT"}});
        let record = json!({"eventID": "1", "eventName": "MODIFY", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
            "eventVersion": "1.1", "dynamodb": {"Keys": keys, "SequenceNumber": "1", "SizeBytes": 1,
            "ApproximateCreationDateTime": 1, "StreamViewType": "KEYS_ONLY"}});
        stage
            .system
            .world
            .lambda
            .invoke("provisioning", json!({"Records": [record]}))
    };
    let user = stage.user_id(&dana.name).await?;
    for pk in [
        format!("GRANT#{live}"),
        format!("END#{live}"),
        format!("GRANT#{over}"),
        format!("GRANT#{unknown}"),
        "GRANT#".to_owned(),
        "END#USER#".to_owned(),
        format!("END#USER#contoso.example#{user}"),
        format!("PROBE#{unknown}"),
        "CFG#APPS".to_owned(),
    ] {
        let answer = provisioning(pk.clone()).await?;
        assert_eq!(answer, json!({"batchItemFailures": []}), "{pk}");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.unchanged(&before, "a forged trigger")?;
    assert!(stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_41_a_trigger_that_comes_twice() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let scheduler = &stage.system.world.scheduler;
    scheduler.duplicate_firings(1);
    let (request, twice) = stage.granted(&dana, &stage.entitlement(), BRIEF).await?;
    stage
        .grant_until(&dana, &twice, |grant| grant["status"] == "ended")
        .await?;
    let timeline = stage.timeline(&dana, &request).await?;
    for action in ["grant.ending", "grant.ended"] {
        assert_eq!(
            timeline.iter().filter(|step| *step == action).count(),
            1,
            "{timeline:?}"
        );
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_43_the_answer_to_an_add_was_lost() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    // The add is applied, its answer is lost, and then nothing can be read for a while.
    let add = json!({"method": "POST", "path_contains": "/members/$ref"});
    stage
        .graph_fault(&json!({"match": add, "apply_then_drop": true, "until_cleared": true}))
        .await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let id: GrantId = grant.parse()?;
    let stored = stage.read::<Grant>(&keys::grant(id)).await?.value;
    let name = stored
        .schedule
        .expect("the timer is there before the member")
        .to_string();
    assert!(
        stage
            .schedules()?
            .iter()
            .any(|schedule| schedule["name"] == name.as_str())
    );
    stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    // It can be ended although nobody knows whether it was ever added.
    stage.check_in(&dana, &grant).await?;
    stage.dana_becomes(false).await?;
    let ended = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["targets"][0]["status"], "absent");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_44_a_removal_that_fails_for_long_is_never_done() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let auditor = stage.person(&stage.company.auditor.user_name).await?;
    let mut grants = Vec::new();
    for name in THREE {
        let entitlement = stage.entitlement_named(name).await?;
        let (request, grant) = stage.granted(&dana, &entitlement, "1h").await?;
        stage
            .grant_until(&dana, &grant, |grant| grant["status"] == "active")
            .await?;
        let group = stage.company.group(name).expect("seeded").id.to_string();
        grants.push((request, grant, group));
    }
    for ((_, grant, group), status) in grants.iter().zip([503, 429, 403]) {
        let wait = (status == 429).then_some(1);
        let path = format!("/groups/{group}");
        stage
            .graph_fault(&json!({"match": {"path_contains": path}, "status": status, "retry_after_seconds": wait, "until_cleared": true}))
            .await?;
        stage.check_in(&dana, grant).await?;
    }
    for (request, grant, group) in &grants {
        let id: GrantId = grant.parse()?;
        // Tried, failing, and not done; the retries are up to a minute apart.
        stage
            .until("a failed attempt", || async {
                let grant = stage.read::<Grant>(&keys::grant(id)).await?.value;
                Ok(if grant.attempts >= 1 {
                    Ok(())
                } else {
                    Err(format!("{grant:?}"))
                })
            })
            .await?;
        let failing = stage.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
        assert_eq!(failing["status"], "ending", "{failing}");
        assert_eq!(failing["targets"][0]["status"], "removing", "{failing}");
        assert!(
            failing["failing_since"].is_string() && failing["targets"][0]["last_error"].is_string(),
            "{failing}"
        );
        assert_eq!(stage.members(group).await?, [stage.company.requester.id.to_string()]);
        assert!(!logged(&["a grant cannot be brought forward", grant]).is_empty());
        let timeline = stage.timeline(&dana, request).await?;
        assert!(timeline.contains(&"grant.ending".to_owned()), "{timeline:?}");
        assert!(!timeline.contains(&"grant.ended".to_owned()), "{timeline:?}");
    }
    // It is shown to whoever looks at everything, and it is counted.
    let all = stage.get(&auditor, "/v1/history").await?.ok()?;
    assert!(all["items"][0]["grant"]["failing_since"].is_string(), "{all}");
    assert!(!logged(&["convergence_failures", "_aws"]).is_empty());
    stage.clear_graph_faults().await?;
    for (_, grant, group) in &grants {
        let ended = stage
            .grant_until(&dana, grant, |grant| grant["status"] == "ended")
            .await?;
        assert_eq!(ended["targets"][0]["status"], "absent");
        assert_eq!(stage.members(group).await?, Vec::<String>::new());
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one table of oddities, each with its answer")]
async fn case_45_durations_and_times_that_are_odd() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin) = (stage.requester().await?, stage.admin().await?);
    let ask = |duration: Value, starts_at: Option<&str>| {
        let mut body =
            json!({"entitlement": stage.entitlement(), "duration": duration, "justification": "INC-42: restart"});
        if let Some(starts_at) = starts_at {
            body["starts_at"] = json!(starts_at);
        }
        body
    };
    let before = stage.settled().await?;
    for duration in [
        "",
        "0",
        "0h",
        "-1h",
        "+1h",
        "1",
        "h",
        "1.5h",
        "1e3h",
        "01h",
        "1H",
        "1 h",
        " 1h",
        "1h ",
        "1h30m",
        "PT1H",
        "P1D",
        "P1W",
        "1w",
        "1y",
        "32d",
        "99999999999999999999h",
        "18446744073709551616s",
        "NaN",
        "\u{661}h",
        "1h\u{0}",
        "∞",
        "forever",
    ] {
        refused(
            &stage.post(&dana, "/v1/requests", &ask(json!(duration), None)).await?,
            422,
            "invalid-field",
        );
        let path = "/v1/requests/preview";
        refused(
            &stage.post(&dana, path, &ask(json!(duration), None)).await?,
            422,
            "invalid-field",
        );
    }
    for duration in [
        json!(3600),
        json!(-1),
        json!(null),
        json!(["1h"]),
        json!({"hours": 1}),
        json!(1e99),
    ] {
        refused(
            &stage.post(&dana, "/v1/requests", &ask(duration, None)).await?,
            400,
            "malformed",
        );
    }
    for duration in ["3h", "31d", "45m", "60h", "1s", "59s"] {
        refused(
            &stage.post(&dana, "/v1/requests", &ask(json!(duration), None)).await?,
            422,
            "duration-not-allowed",
        );
    }
    let now = stage.now();
    let far = now.plus_seconds(31 * 86_400).to_string();
    let past = now.plus_seconds(-60).to_string();
    for starts_at in [
        past.as_str(),
        far.as_str(),
        "",
        "now",
        "tomorrow",
        "2026-13-01T00:00:00Z",
        "2027-02-29T00:00:00Z",
        "2027-01-01",
        "2027-01-01T00:00:00",
        "2027-01-01T24:00:00Z",
        "9999-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1800000000",
        "2027-01-01T00:00:00+99:00",
    ] {
        let answer = stage
            .post(&dana, "/v1/requests", &ask(json!("1h"), Some(starts_at)))
            .await?;
        assert_eq!(
            (answer.status, answer.field()),
            (422, Some("starts_at")),
            "{starts_at}: {answer}"
        );
    }
    let many: Vec<String> = (1..=21).map(|hours| format!("{hours}h")).collect();
    for (durations, ttl) in [
        (json!([]), json!(3_600)),
        (json!(["0h"]), json!(3_600)),
        (json!(["32d"]), json!(3_600)),
        (json!(many), json!(3_600)),
        (json!(["1h"]), json!(0)),
        (json!(["1h"]), json!(299)),
        (json!(["1h"]), json!(u32::MAX)),
    ] {
        let body = json!({"default_approvers": {}, "durations": durations, "request_ttl_seconds": ttl});
        let answer = stage.put(&admin, "/v1/admin/template", &body).await?;
        refused(&answer, 422, "invalid-field");
    }
    for ttl in [json!(-1), json!(1.5), json!(u64::MAX), json!("3600")] {
        let body = json!({"default_approvers": {}, "durations": ["1h"], "request_ttl_seconds": ttl});
        refused(&stage.put(&admin, "/v1/admin/template", &body).await?, 400, "malformed");
    }
    stage.unchanged(&before, "an odd duration or time")?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_45_a_leap_second_an_offset_and_clocks_that_differ() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    // Another offset is the same instant; it is told in UTC.
    let start = stage.now().plus_seconds(7_200);
    let offset = start.to_string().replace('Z', "+00:00");
    let body = json!({"entitlement": stage.entitlement(), "duration": "30m", "justification": "INC-42: restart",
        "starts_at": offset});
    let made = stage.post(&dana, "/v1/requests", &body).await?.ok()?;
    assert_eq!(made["starts_at"], start.to_string());
    let decided = stage
        .decide(&kim, made["id"].as_str().expect("an id"), "approve")
        .await?
        .ok()?;
    let grant = decided["grant"].as_str().expect("a grant").to_owned();
    let path = format!("/v1/grants/{grant}");
    stage.settled().await?;
    let waiting = stage.get(&dana, &path).await?.ok()?;
    assert_eq!(
        (&waiting["status"], &waiting["starts_at"]),
        (&json!("approved"), &json!(start.to_string()))
    );
    let ends = waiting["expires_at"]
        .as_str()
        .unwrap_or_default()
        .parse::<hourglass_domain::Timestamp>()?;
    assert!((1_800..1_860).contains(&ends.seconds_since(start)), "{waiting}");
    assert_eq!(ends.millis() % 60_000, 0, "on a whole minute");
    assert!(!stage.dana_is_in().await?, "nobody is added before the start");
    // A trigger does not make the start come sooner.
    stage.trigger(json!({"grant": grant})).await?;
    assert!(!stage.dana_is_in().await?);

    // Clocks that differ by less than a minute are tolerated, by minutes not.
    for (order, status) in [
        (json!({"not_before_offset_seconds": 45}), 200),
        (json!({"not_before_offset_seconds": 300}), 401),
        (json!({"expires_in_seconds": -45}), 200),
        (json!({"expires_in_seconds": -300}), 401),
    ] {
        let mut full = order.clone();
        full["user"] = json!(dana.name);
        let who = stage.person_with(full).await?;
        assert_eq!(stage.get(&who, "/v1/me").await?.status, status, "{order}");
    }
    let request = stage.asked(&dana, "1h").await?;
    for (age, status) in [(-300, 401), (300 + 30, 401), (-45, 200)] {
        let who = stage
            .person_with(json!({"user": kim.name, "auth_age_seconds": age}))
            .await?;
        let answer = stage.decide(&who, &request, "deny").await?;
        assert_eq!(answer.status, status, "{age}: {answer}");
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_48_offboarding_while_graph_is_throttling() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let auditor = stage.person(&stage.company.auditor.user_name).await?;
    let mut grants = Vec::new();
    for name in THREE {
        let entitlement = stage.entitlement_named(name).await?;
        let (_, grant) = stage.granted(&dana, &entitlement, "1d").await?;
        stage
            .grant_until(&dana, &grant, |grant| grant["status"] == "active")
            .await?;
        grants.push(grant);
    }
    stage
        .graph_fault(
            &json!({"match": {"path_contains": "/groups/"}, "status": 429, "retry_after_seconds": 1, "times": 12}),
        )
        .await?;
    stage.provisioner().disable_user(stage.company.requester.id).await?;
    for (grant, name) in grants.iter().zip(THREE) {
        let ended = stage
            .grant_until(&auditor, grant, |grant| grant["status"] == "ended")
            .await?;
        assert_eq!(ended["ended_because"], "user_deactivated");
        let group = stage.company.group(name).expect("seeded").id.to_string();
        assert_eq!(stage.members(&group).await?, Vec::<String>::new());
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_49_nothing_rests_on_what_may_be_dropped() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let body = json!({"entitlement": stage.entitlement(), "duration": BRIEF, "justification": "INC-42: restart"});
    let send = || {
        let call = stage.request(Method::POST, "/v1/requests", &dana);
        stage.send(call.header("idempotency-key", "k").json(&body))
    };
    let first = send().await?;
    assert_eq!(send().await?.body, first.body);
    // A stored answer that is too old counts for nothing, although DynamoDB has not dropped it yet.
    let stored = stage
        .state()?
        .into_keys()
        .find(|key| key.starts_with("IDEM#"))
        .expect("a stored answer");
    let (pk, sk) = stored.split_once(" / ").expect("a key");
    let mut answer = stage.read::<StoredAnswer>(&Key::new(pk, sk)).await?.value;
    answer.at = stage.now().plus_seconds(-86_401);
    stage.forge(&answer).await?;
    refused(&send().await?, 409, "already-requested");

    // Everything that may be dropped is dropped in the middle of a grant: it ends all the same.
    let decided = stage.decide(&kim, &first.text("id"), "approve").await?;
    let grant = decided.text("grant");
    stage.dana_becomes(true).await?;
    let state = stage.state()?;
    let droppable = state.iter().filter(|(_, item)| !item["ttl"].is_null());
    let keys: Vec<Key> = droppable
        .filter_map(|(key, _)| key.split_once(" / "))
        .map(|(pk, sk)| Key::new(pk, sk))
        .collect();
    assert!(!keys.is_empty());
    for key in keys {
        let needed = [
            "REQ#", "GRANT#", "HOLD#", "MEMB#", "DEC#", "DUE#", "SCIM#", "CFG#", "AUD#", "OPEN#", "LIVE#",
        ];
        assert!(
            !needed.iter().any(|prefix| key.pk.starts_with(prefix)),
            "{key:?} must not be dropped"
        );
        stage.erase(key).await?;
    }
    let ended = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["targets"][0]["status"], "absent");
    refused(
        &stage.decide(&kim, &first.text("id"), "approve").await?,
        409,
        "request-not-pending",
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_53_the_connectors_secret_is_replaced_during_a_grant() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin) = (stage.requester().await?, stage.admin().await?);
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let tenant = stage.system.world.entra.tenant();
    // Tokens are dated to the second: one of this very second would outlive the rotation.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let fresh = tenant.rotate_connector_secret(true)?;
    stage.check_in(&dana, &grant).await?;
    let failing = stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    assert_eq!(failing["status"], "ending", "{failing}");
    assert!(stage.dana_is_in().await?);
    let body = json!({"tenant_id": tenant.id(), "client_id": tenant.connector()?.client_id,
        "client_secret": fresh.expose_secret()});
    stage.put(&admin, "/v1/admin/integrations/azure", &body).await?.ok()?;
    stage.dana_becomes(false).await?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    stage.stop().await;
    Ok(())
}
