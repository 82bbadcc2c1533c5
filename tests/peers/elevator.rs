//! E1 to E16: a comparable tool of which the set of schedules is the state of the live grants.

use std::collections::BTreeSet;

use futures_util::future::{join_all, try_join};
use hourglass_app::keys;
use hourglass_local::aws::FaultOrder;
use hourglass_tests::stage::{logged, refused, stage};
use hourglass_tests::{BRIEF, table};
use serde_json::{Value, json};

use crate::common::{
    FOUR, FREYA, active, check_in, compared, copy_schedule, count, delete_schedule, described, ended, extend, group,
    instant, schedule, schedules, schedules_are, stored, time_goes_by, time_is_up, times,
};
use crate::faults::{Turn, troubled};

/// Beyond any number of attempts in a test.
const ALWAYS: u32 = 1_000;

/// The tool adds the member and makes the timer after that: when the timer cannot be made, the member stays until
/// somebody sweeps the next night, while the message already said that all was well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e01_a_scheduler_that_fails_leaves_nobody_in() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let faults = stage.system.world.scheduler.faults();
    faults.order(FaultOrder {
        times: ALWAYS,
        answer: Some(500),
        ..FaultOrder::new("CreateSchedule")
    });
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    let failing = stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    assert_eq!(failing["status"], "approved", "{failing}");
    assert_eq!(failing["targets"][0]["status"], "waiting", "{failing}");
    assert!(!stage.dana_is_in().await?);
    assert_eq!(schedules(&stage)?, [""; 0]);
    // The next attempt makes it, and its answer is lost.
    faults.clear();
    faults.order(FaultOrder {
        apply_then_drop: true,
        ..FaultOrder::new("CreateSchedule")
    });
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    assert!(stage.dana_is_in().await?);
    schedules_are(&stage, &[schedule(&grant, 1)]).await?;
    stage.stop().await;
    Ok(())
}

/// The tool's revoking function is never tried again, and its timer has deleted itself by then: one error of the
/// directory is a lost revocation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e02_a_removal_that_fails_when_the_timer_fires_is_tried_again() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (request, grant) = active(&stage, &dana, "prod-admins", "1h").await?;
    let made = described(&stage, &schedule(&grant, 1)).await?;
    assert_eq!(made["ActionAfterCompletion"], "DELETE");
    let retries = made["Target"]["RetryPolicy"]["MaximumRetryAttempts"].as_u64();
    assert!(retries.is_some_and(|retries| retries > 100), "{made}");
    assert!(made["Target"]["DeadLetterConfig"]["Arn"].is_string(), "{made}");
    // Longer than one run tries.
    stage
        .graph_fault(&json!({"match": {"method": "DELETE"}, "status": 500, "times": 7}))
        .await?;
    time_goes_by(&stage, &grant).await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(
        (&over["ended_because"], &over["targets"][0]["status"]),
        (&json!("expired"), &json!("absent"))
    );
    assert_eq!(stage.system.world.entra.tenant().faults()?["faults"], json!([]));
    assert!(!stage.dana_is_in().await?);
    schedules_are(&stage, &[]).await?;
    let timeline = stage.timeline(&dana, &request).await?;
    assert_eq!(times(&timeline, "grant.ending"), 1, "{timeline:?}");
    assert!(
        !logged(&["a grant cannot be brought forward", &grant]).is_empty(),
        "no alarm"
    );
    stage.stop().await;
    Ok(())
}

/// The tool deletes the old timer before it makes the new one: when the new one cannot be made, the grant that was
/// there before has none either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e03_the_old_timer_stays_until_the_new_one_is_there() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let (_, grant) = active(&stage, &dana, "prod-admins", "1h").await?;
    schedules_are(&stage, &[schedule(&grant, 1)]).await?;
    let before = described(&stage, &schedule(&grant, 1)).await?;
    let faults = stage.system.world.scheduler.faults();
    faults.order(FaultOrder {
        times: ALWAYS,
        answer: Some(500),
        ..FaultOrder::new("CreateSchedule")
    });
    let asked = extend(&stage, &dana, &grant, "1h").await?.ok()?;
    let request = asked["id"].as_str().unwrap_or_default();
    stage.decide(&kim, request, "approve").await?.ok()?;
    let failing = stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    assert_eq!(failing["status"], "active", "{failing}");
    let names = faults.calls();
    assert!(!names.contains_key("DeleteSchedule"), "{names:?}");
    assert_eq!(
        described(&stage, &schedule(&grant, 1)).await?,
        before,
        "the old one is as it was"
    );
    assert!(stage.dana_is_in().await?);
    faults.clear();
    schedules_are(&stage, &[schedule(&grant, 2)]).await?;
    let after = described(&stage, &schedule(&grant, 2)).await?;
    assert_ne!(after["ScheduleExpression"], before["ScheduleExpression"]);
    stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_null())
        .await?;
    assert!(stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

/// The tool names its timers by the second: of two approvals in one second the later one has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e04_approvals_in_the_same_moment_have_a_timer_each() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let mut requests = Vec::new();
    for name in FOUR {
        let entitlement = stage.entitlement_named(name).await?;
        let asked = stage.ask_for(&dana, &entitlement, "1h").await?.ok()?;
        requests.push(asked["id"].as_str().unwrap_or_default().to_owned());
    }
    let decided = join_all(requests.iter().map(|request| stage.decide(&kim, request, "approve"))).await;
    let mut grants = Vec::new();
    for decided in decided {
        grants.push(decided?.ok()?["grant"].as_str().unwrap_or_default().to_owned());
    }
    let wanted: Vec<String> = grants.iter().map(|grant| schedule(grant, 1)).collect();
    schedules_are(&stage, &wanted).await?;
    for (grant, name) in grants.iter().zip(&wanted) {
        stage
            .grant_until(&dana, grant, |grant| grant["status"] == "active")
            .await?;
        let made = described(&stage, name).await?;
        assert_eq!(made["Target"]["Input"], json!({"grant": grant}).to_string());
    }
    stage.stop().await;
    Ok(())
}

/// The tool's sweep removes every member without a timer, and with it one whose timer is just being made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e05_a_sweep_leaves_a_grant_alone_that_is_just_being_made() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    stage.system.world.scheduler.faults().order(FaultOrder {
        delay_ms: 1_500,
        ..FaultOrder::new("CreateSchedule")
    });
    let add = json!({"method": "POST", "path_contains": "/members"});
    stage
        .graph_fault(&json!({"match": add, "delay_ms": 1_500, "times": 1}))
        .await?;
    let (request, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    let sweep = json!({"source": "aws.events", "detail-type": "Scheduled Event"});
    stage
        .until("active", || async {
            let swept = stage.trigger(sweep.clone()).await?;
            assert_eq!(swept["failed"], 0, "{swept}");
            compared(&stage).await?;
            let grant = stage.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
            Ok(if grant["status"] == "active" {
                Ok(())
            } else {
                Err(grant.to_string())
            })
        })
        .await?;
    for _ in 0..3 {
        stage.trigger(sweep.clone()).await?;
        compared(&stage).await?;
    }
    assert!(stage.dana_is_in().await?);
    assert_eq!(schedules(&stage)?, [schedule(&grant, 1)]);
    let timeline = stage.timeline(&dana, &request).await?;
    assert_eq!(
        (times(&timeline, "grant.active"), times(&timeline, "grant.ending")),
        (1, 0),
        "{timeline:?}"
    );
    stage.stop().await;
    Ok(())
}

/// The tool lists all timers and then reads each: one that fires in between ends the sweep, the check, or a grant that
/// is being made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e06_a_timer_that_goes_while_one_looks_at_it_stops_nothing() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (_, first) = active(&stage, &dana, "prod-readers", "1h").await?;
    let (_, second) = active(&stage, &dana, "db-breakglass", "1h").await?;
    schedules_are(&stage, &[schedule(&first, 1), schedule(&second, 1)]).await?;
    let nobodys = "g-00000000-0000-0000-0000-0000000000e6-1";
    copy_schedule(&stage, &schedule(&first, 1), nobodys).await?;
    // One of the two is not there when it is read, and the third not when it is to be deleted.
    let faults = stage.system.world.scheduler.faults();
    for operation in ["GetSchedule", "DeleteSchedule"] {
        faults.order(FaultOrder {
            answer: Some(404),
            code: Some("ResourceNotFoundException".to_owned()),
            ..FaultOrder::new(operation)
        });
    }
    let (_, short) = stage.granted(&dana, &stage.entitlement(), BRIEF).await?;
    let next = compared(&stage).await?;
    assert!(
        next.seconds_since(stage.now()) > 600,
        "it did not come to its end: {next}"
    );
    assert_eq!(faults.orders().len(), 0, "nothing was looked at");
    ended(&stage, &dana, &short).await?;
    assert!(!stage.dana_is_in().await?);
    for grant in [&first, &second] {
        let grant = stored(&stage, grant).await?;
        assert!(grant.status.is_live(), "{grant:?}");
        let name = grant.schedule.expect("a timer").to_string();
        assert!(schedules(&stage)?.contains(&name), "{name}");
    }
    stage.stop().await;
    Ok(())
}

/// The tool's sweep goes through its list without catching anything: the first removal that fails blocks the others
/// for a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e07_a_removal_that_fails_blocks_no_other() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    // The sweep alone.
    stage.system.world.scheduler.pause(true);
    let mut grants = Vec::new();
    for name in FOUR {
        grants.push(active(&stage, &dana, name, "1h").await?.1);
    }
    let path = format!("/groups/{}", group(&stage, FOUR[0]));
    stage
        .graph_fault(&json!({"match": {"path_contains": path}, "status": 503, "until_cleared": true}))
        .await?;
    for grant in &grants {
        time_is_up(&stage, grant).await?;
    }
    for grant in &grants[1..] {
        let over = ended(&stage, &dana, grant).await?;
        let late = instant(&over["ended_at"])?.seconds_since(instant(&over["expires_at"])?);
        assert!((0..45).contains(&late), "{over}");
    }
    let failing = stage
        .grant_until(&dana, &grants[0], |grant| {
            grant["status"] == "ending" && grant["failing_since"].is_string()
        })
        .await?;
    assert_eq!(failing["targets"][0]["status"], "removing", "{failing}");
    stage.clear_graph_faults().await?;
    ended(&stage, &dana, &grants[0]).await?;
    stage.stop().await;
    Ok(())
}

/// The tool finds its grants again by the group's name: once that changes, none is known, and all are swept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e08_names_that_change_end_nothing_early_and_keep_nothing_alive() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (request, grant) = active(&stage, &dana, "prod-admins", "1h").await?;
    let provisioner = stage.provisioner();
    provisioner
        .rename_group(stage.company.prod_admins.id, "production-administrators")
        .await?;
    let renamed = "dana.married@contoso.example";
    provisioner
        .rename_user(stage.company.requester.id, renamed, "Dana Married")
        .await?;
    let entitlement = stage.entitlement();
    let rename = |fields: &mut Value| fields["name"] = json!("production administrators");
    stage.change_entitlement(&entitlement, rename).await?.ok()?;
    compared(&stage).await?;
    let sweep = json!({"source": "aws.events", "detail-type": "Scheduled Event"});
    stage.trigger(sweep).await?;
    let dana = stage.person(renamed).await?;
    let seen = stage.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
    assert_eq!(seen["status"], "active", "{seen}");
    assert!(stage.dana_is_in().await?);
    assert_eq!(schedules(&stage)?, [schedule(&grant, 1)]);
    check_in(&stage, &dana, &grant).await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(over["targets"][0]["status"], "absent", "{over}");
    assert!(!stage.dana_is_in().await?);
    let timeline = stage.timeline(&dana, &request).await?;
    assert_eq!(times(&timeline, "grant.ended"), 1, "{timeline:?}");
    stage.stop().await;
    Ok(())
}

/// In the tool the timer of a second request takes the place of the first one's, so that a later and shorter request
/// cuts an approved one short, and nothing tells of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_a_shorter_grant_cuts_no_longer_one_short() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (long_request, long) = active(&stage, &dana, "prod-admins", "2h").await?;
    let before = stage.get(&dana, &format!("/v1/grants/{long}")).await?.ok()?;
    let (short_request, short) = active(&stage, &dana, "prod-admins", "30m").await?;
    schedules_are(&stage, &[schedule(&long, 1), schedule(&short, 1)]).await?;
    time_goes_by(&stage, &short).await?;
    let over = ended(&stage, &dana, &short).await?;
    assert_eq!(over["targets"][0]["status"], "kept_by_other_grant", "{over}");
    let after = stage.get(&dana, &format!("/v1/grants/{long}")).await?.ok()?;
    assert_eq!(after, before, "as it was");
    schedules_are(&stage, &[schedule(&long, 1)]).await?;
    assert!(stage.dana_is_in().await?);
    // Each has a history of its own.
    for (request, ends) in [(&long_request, 0), (&short_request, 1)] {
        let timeline = stage.timeline(&dana, request).await?;
        assert_eq!(times(&timeline, "grant.ended"), ends, "{timeline:?}");
    }
    stage.stop().await;
    Ok(())
}

/// Where somebody has removed the member by hand already, the tool's own removal fails: no record, no note, no tidying
/// up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e11_a_member_who_is_gone_already_is_proved_and_recorded() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (request, grant) = active(&stage, &dana, "prod-admins", "1h").await?;
    let tenant = stage.system.world.entra.tenant();
    assert!(tenant.remove_member(stage.company.prod_admins.id, stage.company.requester.id)?);
    check_in(&stage, &dana, &grant).await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(
        (&over["ended_because"], &over["targets"][0]["status"]),
        (&json!("checked_in"), &json!("absent"))
    );
    assert_eq!(over["failing_since"], Value::Null, "{over}");
    let timeline = stage.timeline(&dana, &request).await?;
    for action in ["grant.ending", "grant.ended"] {
        assert_eq!(times(&timeline, action), 1, "{timeline:?}");
    }
    schedules_are(&stage, &[]).await?;
    assert_eq!(count(&stage, "LIVE#")?, 0);
    stage.stop().await;
    Ok(())
}

/// The tool keeps double clicks apart by the memory of one process: two processes grant twice, and after an error the
/// same one answers for ever that somebody is at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_two_approvers_in_the_same_moment_make_one_grant_with_one_timer() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (trouble, other) = troubled(&stage).await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let tomasz = stage.person(&stage.company.other_approvers[0].user_name).await?;
    let mut grants = BTreeSet::new();
    for round in 0..3 {
        let request = stage.asked(&dana, "1h").await?;
        if round == 0 {
            // A click that fails locks nobody out.
            trouble.order("request.approved", Turn::FailsBefore, 1);
            let failed = other.decide(&kim, &request, "approve").await?;
            assert_eq!((failed.status, trouble.met()), (503, 1), "{failed}");
        }
        // Through two APIs that share nothing but the table.
        let (a, b) = try_join(
            stage.decide(&kim, &request, "approve"),
            other.decide(&tomasz, &request, "approve"),
        )
        .await?;
        let mut answers = [a, b];
        answers.sort_by_key(|answer| answer.status);
        assert_eq!(answers[0].status, 200, "{} {}", answers[0], answers[1]);
        refused(&answers[1], 409, "request-not-pending");
        assert!(grants.insert(answers[0].text("grant")));
        let timeline = stage.timeline(&dana, &request).await?;
        assert_eq!(times(&timeline, "request.approved"), 1, "{timeline:?}");
    }
    assert_eq!((count(&stage, "GRANT#")?, count(&stage, "DEC#")?), (3, 3));
    let wanted: Vec<String> = grants.iter().map(|grant| schedule(grant, 1)).collect();
    schedules_are(&stage, &wanted).await?;
    stage.stop().await;
    Ok(())
}

/// An upgrade that renames the tool's schedule group destroys every timer: all live grants are unknown and are swept
/// at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e13_with_every_timer_lost_grants_end_when_they_should() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    stage.system.world.scheduler.pause(true);
    let (_, long) = active(&stage, &dana, "prod-readers", "1h").await?;
    let (_, short) = active(&stage, &dana, "prod-admins", "30m").await?;
    for name in schedules(&stage)? {
        delete_schedule(&stage, &name).await?;
    }
    let sweep = json!({"source": "aws.events", "detail-type": "Scheduled Event"});
    stage.trigger(sweep).await?;
    assert!(stage.dana_is_in().await?);
    time_is_up(&stage, &short).await?;
    let over = ended(&stage, &dana, &short).await?;
    assert_eq!(over["ended_because"], "expired", "{over}");
    assert!(instant(&over["ended_at"])? >= instant(&over["expires_at"])?, "{over}");
    let seen = stage.get(&dana, &format!("/v1/grants/{long}")).await?.ok()?;
    assert_eq!(seen["status"], "active", "{seen}");
    assert_eq!(
        stage.members(&group(&stage, "prod-readers")).await?,
        [stage.company.requester.id.to_string()]
    );
    compared(&stage).await?;
    schedules_are(&stage, &[schedule(&long, 2)]).await?;
    stage.stop().await;
    Ok(())
}

/// What somebody might write as a reason.
const REASONS: [&str; 6] = [
    "INC-42: rotate prod key",
    "a: b: c: \"d\"; 'e', f=g&h|i\\j\\n {k} <b>l</b> %20 ${m} ``n``",
    "two lines\r\nand a third\n\n\twith a tab: and more",
    "  INC-42: space at both ends is kept  ",
    "ключ: 鍵: clé: e\u{301} \u{1f511}\u{1f3fd} \u{fb01} \u{a0}: ∞",
    "=HYPERLINK(\"x\"): +1 -1 @sum",
];

/// The tool reads the facts of a request back from the text of a message by splitting it: what follows a colon in the
/// reason is lost from the record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e14_a_reason_with_any_characters_stays_as_it_was_written() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    for reason in REASONS {
        let body = json!({"entitlement": stage.entitlement(), "duration": "1h", "justification": reason});
        let asked = stage.post(&dana, "/v1/requests", &body).await?.ok()?;
        let id = asked["id"].as_str().unwrap_or_default().to_owned();
        let shown = stage.get(&dana, &format!("/v1/requests/{id}")).await?.ok()?;
        let inbox = stage.get(&kim, "/v1/approvals").await?.ok()?;
        let history = stage.get(&dana, "/v1/history?limit=1").await?.ok()?;
        for place in [&asked, &shown, &inbox["items"][0], &history["items"][0]["request"]] {
            assert_eq!(place["id"], id.as_str(), "{place}");
            assert_eq!(place["justification"], reason, "{place}");
        }
        // What people wrote lies beside the audit event, byte for byte.
        let audit = format!("AUD#request:{id}");
        let items = table(&stage.system.world)?;
        let beside = items.iter().filter(|item| {
            let sk = item["sk"]["S"].as_str().unwrap_or_default();
            item["pk"]["S"] == audit.as_str() && sk.starts_with(keys::PERSONAL)
        });
        assert!(
            beside.clone().any(|item| holds(item, reason)),
            "{reason:?} is not in the audit trail"
        );
        // And it is still there in the request that was approved or, as here, taken back.
        let cancelled = stage
            .post(&dana, &format!("/v1/requests/{id}/cancel"), &json!({}))
            .await?
            .ok()?;
        assert_eq!(cancelled["justification"], reason);
    }
    stage.stop().await;
    Ok(())
}

/// Whether a text stands somewhere in a value.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(fields) => fields.values().any(|item| holds(item, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The tool judges at the request whether somebody may approve for themselves, and not at the click: where one rule
/// allows it and another forbids it, the person's own click grants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e15_nobody_approves_for_themselves_whatever_rules_name_them() -> anyhow::Result<()> {
    let stage = stage().await?;
    let name = stage.requester().await?.name;
    let claims = json!({"user": name, "claims": {"roles": ["Requester", "Approver"]}});
    let dana = stage.person_with(claims).await?;
    // By name and through a group, beside others.
    stage
        .provisioner()
        .add_member(stage.company.security_approvers.id, stage.company.requester.id)
        .await?;
    let approvers = json!({"users": [stage.user_id(&name).await?],
        "groups": [stage.group_id(stage.company.security_approvers.name).await?]});
    let entitlement = stage.entitlement();
    stage
        .change_entitlement(&entitlement, |fields| fields["approvers"] = approvers)
        .await?
        .ok()?;
    let request = stage.asked(&dana, "1h").await?;
    refused(&stage.decide(&dana, &request, "approve").await?, 403, "own-access");
    assert_eq!(count(&stage, "GRANT#")?, 0);
    let (_, grant) = {
        let decided = stage
            .decide(&stage.approver().await?, &request, "approve")
            .await?
            .ok()?;
        (request, decided["grant"].as_str().unwrap_or_default().to_owned())
    };
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    // Nor do they give themselves more time.
    let asked = extend(&stage, &dana, &grant, "1h").await?.ok()?;
    let request = asked["id"].as_str().unwrap_or_default();
    refused(&stage.decide(&dana, request, "approve").await?, 403, "own-access");
    stage.stop().await;
    Ok(())
}

/// In the tool everybody in the chat can ask for every group that was set up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e16_who_is_not_eligible_neither_sees_nor_asks_nor_is_given() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = stage.approver().await?;
    let entitlement = stage.entitlement();
    let sre = json!({"only": {"groups": [stage.group_id("sre").await?]}});
    stage
        .change_entitlement(&entitlement, |fields| fields["eligible"] = sre)
        .await?
        .ok()?;
    let (freya, leila) = (
        stage.person(FREYA).await?,
        stage.person("leila.mansour@contoso.example").await?,
    );
    for (who, eligible) in [(&freya, true), (&leila, false)] {
        let offers = stage.all(who, "/v1/entitlements").await?;
        let seen = offers.iter().any(|offer| offer["id"] == entitlement.as_str());
        assert_eq!(seen, eligible, "{}", who.name);
    }
    // Whoever has nothing to do with it is told what is told of one that does not exist: a refusal that names it would
    // say that it does.
    let hidden = stage.ask_for(&leila, &entitlement, "1h").await?;
    refused(&hidden, 404, "not-found");
    let nothing = stage
        .ask_for(&leila, &uuid::Uuid::from_u128(1).to_string(), "1h")
        .await?;
    assert_eq!(hidden.body, nothing.body);
    // Who is no longer eligible when it is decided gets nothing.
    let asked = stage.ask_for(&freya, &entitlement, "1h").await?.ok()?;
    let account = stage.company.person(FREYA).expect("seeded").id;
    stage.provisioner().remove_member(stage.company.sre.id, account).await?;
    let request = asked["id"].as_str().unwrap_or_default();
    let decided = stage.decide(&kim, request, "approve").await?;
    assert_eq!(decided.status, 409, "{decided}");
    assert_eq!(count(&stage, "GRANT#")?, 0);
    stage.stop().await;
    Ok(())
}
