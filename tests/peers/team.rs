//! T1 to T13: a comparable tool of which each grant is one run of a workflow that waits for its end.

use hourglass_app::keys;
use hourglass_app::ports::store::{Condition, Item, Key, Write};
use hourglass_domain::grant::GrantStatus;
use hourglass_domain::ids::GrantId;
use hourglass_local::aws::FaultOrder;
use hourglass_local::aws::scheduler::DEFAULT_GROUP;
use hourglass_local::aws::stream::StreamChaos;
use hourglass_local::system::FUNCTION_FAILURES;
use hourglass_tests::stage::{Stage, logged, refused, stage};
use hourglass_tests::{PATIENCE, Person};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{
    FOUR, FREYA, active, check_in, copy_schedule, count, ended, group, instant, lease_runs_out, membership,
    pushed_until, revoke, schedule, schedules, schedules_are, stored, time_goes_by, times,
};
use crate::faults::{Turn, lying, troubled};

/// Beyond any number of attempts in a test.
const ALWAYS: u32 = 1_000;

/// After the assignment the tool stores a status and a start time, and tries neither again: when one fails, the run is
/// over, and nobody waits for the end any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t01_what_cannot_be_stored_after_the_add_costs_nobody_the_timer() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (trouble, _) = troubled(&stage).await?;
    let dana = stage.requester().await?;
    trouble.order("membership.present", Turn::FailsBefore, 1);
    trouble.order("grant.active", Turn::FailsBefore, 1);
    let (request, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    assert_eq!(schedules(&stage)?, [schedule(&grant, 1)], "the timer was there before");
    stage
        .until("the first store that fails", || async {
            Ok(if trouble.met() > 0 { Ok(()) } else { Err(String::new()) })
        })
        .await?;
    let seen = stage.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
    assert_eq!(seen["status"], "activating", "{seen}");
    lease_runs_out(&stage, &grant).await?;
    pushed_until(&stage, &dana, &grant, |grant| grant["status"] == "active").await?;
    assert_eq!(trouble.met(), 2);
    assert_eq!(schedules(&stage)?, [schedule(&grant, 1)]);
    time_goes_by(&stage, &grant).await?;
    stage.dana_becomes(false).await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(
        (&over["ended_because"], &over["targets"][0]["status"]),
        (&json!("expired"), &json!("absent"))
    );
    let timeline = stage.timeline(&dana, &request).await?;
    for action in ["grant.active", "grant.ending", "grant.ended"] {
        assert_eq!(times(&timeline, action), 1, "{timeline:?}");
    }
    stage.stop().await;
    Ok(())
}

/// The tool's last step starts the workflow that revokes, and is not tried again: one start that is throttled is a
/// grant without an end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t02_a_timer_that_reaches_nobody_is_made_up_for() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let faults = stage.system.world.lambda.faults();
    faults.order(FaultOrder {
        times: ALWAYS,
        answer: Some(429),
        ..FaultOrder::new("Invoke")
    });
    let (_, grant) = active(&stage, &dana, "prod-admins", "1h").await?;
    time_goes_by(&stage, &grant).await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(
        (&over["ended_because"], &over["targets"][0]["status"]),
        (&json!("expired"), &json!("absent"))
    );
    stage
        .until("the timer", || async {
            let tried = faults.calls().get("Invoke").copied().unwrap_or_default();
            Ok(if tried > 0 { Ok(()) } else { Err(String::new()) })
        })
        .await?;
    // It goes on being handed over, and when that works it changes nothing.
    faults.clear();
    stage
        .until("the hand-over", || async {
            let left = stage.system.world.scheduler.snapshot()?["deliveries"].clone();
            Ok(if left == json!([]) {
                Ok(())
            } else {
                Err(left.to_string())
            })
        })
        .await?;
    let after = stage.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
    assert_eq!(after, over);
    stage.stop().await;
    Ok(())
}

/// Adds and removals go on in the background there, and the tool never asks how they went: it shows "in progress" and
/// "ended" of what failed later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t03_active_and_ended_are_what_the_target_confirmed() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let lies = lying(&stage, 2).await?;
    let add = json!({"method": "POST", "path_contains": "/members"});
    stage
        .graph_fault(&json!({"match": add, "status": 503, "times": 5}))
        .await?;
    let (request, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    let shown = |grant: Value| async move { anyhow::Ok(grant["status"].as_str().unwrap_or_default().to_owned()) };
    let path = format!("/v1/grants/{grant}");
    stage
        .until("active", || async {
            let status = shown(stage.get(&dana, &path).await?.ok()?).await?;
            let there = stage.dana_is_in().await?;
            assert!(status != "active" || there, "active, and nobody is in");
            Ok(if status == "active" { Ok(()) } else { Err(status) })
        })
        .await?;
    // The directory says yes to the removal, and does nothing.
    check_in(&stage, &dana, &grant).await?;
    stage
        .until("the end", || async {
            // The member first: the other way round it could have gone in between.
            let there = stage.dana_is_in().await?;
            let status = shown(stage.get(&dana, &path).await?.ok()?).await?;
            assert!(status != "ended" || !there, "ended, and the member is in");
            Ok(if status == "ended" { Ok(()) } else { Err(status) })
        })
        .await?;
    assert_eq!(lies.load(std::sync::atomic::Ordering::SeqCst), 0, "it was asked again");
    assert!(!stage.dana_is_in().await?);
    let timeline = stage.timeline(&dana, &request).await?;
    assert_eq!(times(&timeline, "grant.ended"), 1, "{timeline:?}");
    stage.stop().await;
    Ok(())
}

/// The tool knows nothing of overlaps: the end of one session removes the assignment that the next one needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t05_grants_of_two_entitlements_over_one_group_share_the_member() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin) = (stage.requester().await?, stage.admin().await?);
    let target = format!("entra:{}", stage.company.prod_admins.id);
    let body = json!({"name": "night shift", "targets": [target], "eligible": "everyone"});
    let made = stage.post(&admin, "/v1/admin/entitlements", &body).await?.ok()?;
    let other = made["id"].as_str().unwrap_or_default().to_owned();
    // In both orders: the one that came first ends first, and last.
    for first_ends_first in [true, false] {
        let (_, one) = active(&stage, &dana, "prod-admins", "1h").await?;
        let (_, two) = stage.granted(&dana, &other, "2h").await?;
        stage
            .grant_until(&dana, &two, |grant| grant["status"] == "active")
            .await?;
        let (first, last) = if first_ends_first { (&one, &two) } else { (&two, &one) };
        time_goes_by(&stage, first).await?;
        let over = ended(&stage, &dana, first).await?;
        assert_eq!(over["targets"][0]["status"], "kept_by_other_grant", "{over}");
        assert!(stage.dana_is_in().await?);
        let seen = stage.get(&dana, &format!("/v1/grants/{last}")).await?.ok()?;
        assert_eq!(
            (&seen["status"], &seen["targets"][0]["status"]),
            (&json!("active"), &json!("present"))
        );
        check_in(&stage, &dana, last).await?;
        let over = ended(&stage, &dana, last).await?;
        assert_eq!(over["targets"][0]["status"], "absent", "{over}");
        assert!(!stage.dana_is_in().await?);
    }
    stage.stop().await;
    Ok(())
}

/// The tool's question whether a session was revoked already reads the wrong field: the old timer of one that ended
/// early ends the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_the_old_timer_of_an_ended_grant_ends_no_other() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (_, old) = active(&stage, &dana, "prod-admins", "1h").await?;
    let name = schedule(&old, 1);
    // Kept by somebody who can, so that it is there to fire.
    copy_schedule(&stage, &name, "kept-aside").await?;
    check_in(&stage, &dana, &old).await?;
    ended(&stage, &dana, &old).await?;
    let (_, new) = active(&stage, &dana, "prod-admins", "1h").await?;
    let before = stage.settled().await?;
    for _ in 0..3 {
        assert!(stage.system.world.scheduler.fire(DEFAULT_GROUP, "kept-aside")?);
        stage.trigger(json!({"grant": old})).await?;
    }
    stage.settled().await?;
    stage.unchanged(&before, "an old timer")?;
    assert!(stage.dana_is_in().await?);
    assert!(stored(&stage, &new).await?.status.is_live());
    stage.stop().await;
    Ok(())
}

/// Who presses *revoke* there goes through the checks of a request first: with the policy gone or narrowed meanwhile,
/// the press ends in an error, and the access stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t07_a_revocation_asks_no_rule_of_today() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, freya) = (stage.requester().await?, stage.person(FREYA).await?);
    let (admin, kim) = (stage.admin().await?, stage.approver().await?);
    let (_, one) = active(&stage, &dana, "prod-admins", "2h").await?;
    let (_, two) = active(&stage, &freya, "prod-admins", "2h").await?;
    let nobody = json!({"users": [stage.user_id(&stage.company.other_approvers[2].user_name).await?]});
    let approvers = nobody.clone();
    stage
        .change_entitlement(&stage.entitlement(), |fields| {
            fields["enabled"] = json!(false);
            fields["eligible"] = json!("nobody");
            fields["durations"] = json!(["30m"]);
            fields["quorum"] = json!(2);
            fields["approvers"] = approvers;
            fields["ticket"] = json!({"required": true, "prefix": "INC-"});
        })
        .await?
        .ok()?;
    stage
        .change_template(|fields| {
            fields["durations"] = json!(["30m"]);
            fields["default_approvers"] = nobody;
        })
        .await?
        .ok()?;
    let kim_id = stage.company.approver.id;
    let approving = stage.company.security_approvers.id;
    stage.provisioner().remove_member(approving, kim_id).await?;
    stage.provisioner().delete_group(approving).await?;
    // Who decided on it may end it, and so may an admin.
    for (who, grant, owner) in [(&kim, &one, &dana), (&admin, &two, &freya)] {
        let revoked = revoke(&stage, who, grant).await?;
        assert_eq!(revoked.status, 202, "{revoked}");
        let over = ended(&stage, owner, grant).await?;
        assert_eq!(
            (&over["ended_because"], &over["targets"][0]["status"]),
            (&json!("revoked"), &json!("absent"))
        );
    }
    assert_eq!(stage.members(&group(&stage, "prod-admins")).await?, [""; 0]);
    stage.stop().await;
    Ok(())
}

/// The tool's stream has no place for what fails: after three attempts a record is dropped, and of a batch only the
/// last one was ever looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t08_a_record_that_always_fails_is_kept_and_keeps_nobody_waiting() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    stage.system.stream.set_chaos(StreamChaos {
        pause: true,
        ..StreamChaos::default()
    });
    // A grant that nobody can read, in the middle of a batch.
    let poison = GrantId::new(Uuid::from_u128(0xbad));
    let mut grants = Vec::new();
    for (at, name) in FOUR.into_iter().enumerate() {
        let entitlement = stage.entitlement_named(name).await?;
        grants.push(stage.granted(&dana, &entitlement, "1h").await?.1);
        if at == 1 {
            let mut item = raw(&stage, &keys::grant(grants[0].parse()?)).await?;
            item.key = keys::grant(poison);
            item.body = json!({"id": 7}).as_object().expect("an object").clone();
            put(&stage, item).await?;
        }
    }
    assert_eq!(stage.system.world.queues.messages(FUNCTION_FAILURES)?.len(), 0);
    let delivered = stage.now();
    // Three attempts at what fails take a second or two; the rest is how busy this machine is.
    let longest = i64::try_from(PATIENCE.as_secs())?;
    stage.system.stream.set_chaos(StreamChaos::default());
    for grant in &grants {
        stage
            .grant_until(&dana, grant, |grant| grant["status"] == "active")
            .await?;
        let first = stored(&stage, grant).await?.active_at.expect("active");
        assert!(first.seconds_since(delivered) < longest, "{grant} had to wait");
    }
    let kept = stage
        .until("the record among what failed", || async {
            let kept = stage.system.world.queues.messages(FUNCTION_FAILURES)?;
            Ok(if kept.is_empty() { Err(String::new()) } else { Ok(kept) })
        })
        .await?;
    assert_eq!(kept.len(), 1, "{kept:?}");
    let told: Value = serde_json::from_str(&kept[0].body)?;
    assert_eq!(told["DDBStreamBatchInfo"]["batchSize"], 1, "{told}");
    assert!(!logged(&["a stream record could not be handled", &poison.to_string()]).is_empty());
    // What came behind it is dealt with.
    check_in(&stage, &dana, &grants[3]).await?;
    ended(&stage, &dana, &grants[3]).await?;
    stage.stop().await;
    Ok(())
}

async fn raw(stage: &Stage, key: &Key) -> anyhow::Result<Item> {
    let found = stage.services.core.store.get(key).await?;
    Ok(found.expect("an item"))
}

async fn put(stage: &Stage, item: Item) -> anyhow::Result<()> {
    let write = Write::Put {
        item,
        condition: Condition::Any,
    };
    Ok(stage.services.core.store.commit(vec![write]).await?)
}

/// Fields that came later than the first version that stored a grant: of what, and which. What that one stored has none
/// of them.
const LATER: [(&str, &[&str]); 3] = [
    ("REQ#", &["kind", "closed_because"]),
    ("GRANT#", &["exact", "extensions", "timed", "closed_by_hand_at"]),
    ("MEMB#", &["operation", "proved_at", "lost_at", "watch"]),
];

/// As the first version stored it.
fn aged(mut item: Item) -> Item {
    for (prefix, fields) in LATER {
        if item.key.pk.starts_with(prefix) {
            item.body.retain(|name, _| !fields.contains(&name.as_str()));
        }
    }
    for target in item
        .body
        .get_mut("targets")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(fields) = target.as_object_mut() {
            fields.retain(|name, _| !["failing_since", "failures"].contains(&name.as_str()));
        }
    }
    if let Some(fields) = item.body.get_mut("presence").and_then(Value::as_object_mut) {
        fields.remove("missing_since");
    }
    item.version += 1;
    item
}

/// In the tool, runs that are under way keep what the old version gave them: an upgrade during a session broke its
/// end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t09_grants_that_an_older_version_stored_end() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let mut grants = Vec::new();
    for name in ["prod-admins", "prod-readers"] {
        grants.push(active(&stage, &dana, name, "1h").await?.1);
    }
    stage.settled().await?;
    for grant in &grants {
        let found = stored(&stage, grant).await?;
        let key = membership(&stage, grant).await?;
        for key in [
            keys::request(found.request),
            keys::membership(&key),
            keys::holds(&key),
            keys::grant(found.id),
        ] {
            let item = raw(&stage, &key).await?;
            put(&stage, aged(item)).await?;
        }
    }
    stage.settled().await?;
    for grant in &grants {
        let seen = stored(&stage, grant).await?;
        assert_eq!(seen.status, GrantStatus::Active, "{seen:?}");
        schedules(&stage)?
            .iter()
            .find(|name| name.contains(grant.as_str()))
            .expect("its timer");
    }
    // By its time, and by hand.
    time_goes_by(&stage, &grants[0]).await?;
    check_in(&stage, &dana, &grants[1]).await?;
    for (grant, why) in grants.iter().zip(["expired", "checked_in"]) {
        let over = ended(&stage, &dana, grant).await?;
        assert_eq!(
            (&over["ended_because"], &over["targets"][0]["status"]),
            (&json!(why), &json!("absent"))
        );
    }
    schedules_are(&stage, &[]).await?;
    assert_eq!(count(&stage, "LIVE#")?, 0);
    stage.stop().await;
    Ok(())
}

/// In the tool one rule without approval lets everybody past the others over the same account, and the duration of one
/// leaks into the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t11_a_lenient_rule_opens_nothing_that_a_strict_one_guards() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin, kim) = (stage.requester().await?, stage.admin().await?, stage.approver().await?);
    let target = format!("entra:{}", stage.company.prod_admins.id);
    let body = json!({"name": "lenient", "targets": [target], "eligible": "everyone", "durations": ["2h"]});
    let made = stage.post(&admin, "/v1/admin/entitlements", &body).await?.ok()?;
    let lenient = made["id"].as_str().unwrap_or_default().to_owned();
    let strict = stage.entitlement();
    stage
        .change_entitlement(&strict, |fields| {
            fields["quorum"] = json!(2);
            fields["durations"] = json!(["30m"]);
        })
        .await?
        .ok()?;
    refused(&stage.ask_for(&dana, &strict, "2h").await?, 422, "duration-not-allowed");
    refused(
        &stage.ask_for(&dana, &lenient, "30m").await?,
        422,
        "duration-not-allowed",
    );
    let asked = stage.ask_for(&dana, &strict, "30m").await?.ok()?;
    let request = asked["id"].as_str().unwrap_or_default().to_owned();
    stage.granted(&dana, &lenient, "2h").await?;
    stage.dana_becomes(true).await?;
    // The other one's approval counts for nothing here.
    let decided = stage.decide(&kim, &request, "approve").await?.ok()?;
    assert_eq!(
        (&decided["status"], &decided["grant"]),
        (&json!("pending"), &Value::Null)
    );
    assert_eq!(count(&stage, "GRANT#")?, 1);
    // And a duration that the template no longer allows can be had through neither.
    stage
        .change_template(|fields| fields["durations"] = json!(["30m"]))
        .await?
        .ok()?;
    let freya = stage.person(FREYA).await?;
    refused(
        &stage.ask_for(&freya, &lenient, "2h").await?,
        422,
        "duration-not-allowed",
    );
    stage.stop().await;
    Ok(())
}

/// The tool's updates of a status swallow their errors, or answer them in a way that nobody takes for one: the page
/// shows what is not so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t12_what_could_not_be_stored_is_neither_shown_nor_done_nor_hidden() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (trouble, _) = troubled(&stage).await?;
    let dana = stage.requester().await?;
    let (_, grant) = active(&stage, &dana, "prod-admins", "1h").await?;
    trouble.order("grant.ending", Turn::FailsBefore, ALWAYS);
    check_in(&stage, &dana, &grant).await?;
    stage
        .until("the store that fails", || async {
            Ok(if trouble.met() > 0 { Ok(()) } else { Err(String::new()) })
        })
        .await?;
    // The function says that it failed, by the record's name.
    let keys = json!({"pk": {"S": format!("END#{grant}")}, "sk": {"S": "ORDER"}});
    let record = json!({"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
        "eventVersion": "1.1", "dynamodb": {"Keys": keys, "SequenceNumber": "12", "SizeBytes": 1,
        "ApproximateCreationDateTime": 1, "StreamViewType": "KEYS_ONLY"}});
    let lambda = &stage.system.world.lambda;
    let answer = lambda.invoke("provisioning", json!({"Records": [record]})).await?;
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "12"}]}));
    assert!(
        stage.trigger(json!({"grant": grant})).await.is_err(),
        "and so does the other one"
    );
    // Nothing was done that is not stored.
    let seen = stage.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
    assert_eq!(seen["status"], "active", "{seen}");
    assert!(stage.dana_is_in().await?);
    trouble.clear();
    let over = pushed_until(&stage, &dana, &grant, |grant| grant["status"] == "ended").await?;
    assert_eq!(over["targets"][0]["status"], "absent", "{over}");
    stage.stop().await;
    Ok(())
}

/// In the tool the secret of its chat bot is a field of a record that every signed-in browser loads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t13_no_answer_that_a_requester_can_get_holds_a_secret() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (request, grant) = active(&stage, &dana, "prod-admins", "1h").await?;
    let connector = stage.system.world.entra.tenant().connector()?;
    let secrets = [
        stage.ready.scim.token.clone(),
        connector.client_secret.expose_secret().to_owned(),
        dana.token.clone(),
    ];
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json"))?;
    let paths = document["paths"].as_object().expect("paths");
    let mut read = 0;
    for (path, operations) in paths {
        if operations["get"].is_null() {
            continue;
        }
        let id = if path.contains("/requests/") { &request } else { &grant };
        let path = path
            .replace("{id}", id)
            .replace("{decision}", id)
            .replace("{user}", id)
            .replace("{group}", &group(&stage, "prod-admins"))
            .replace("{account}", &stage.company.requester.id.to_string());
        assert!(!path.contains('{'), "{path}");
        let answer = stage.get(&dana, &path).await?;
        assert_ne!(answer.status, 500, "{path}: {answer}");
        read += usize::from(answer.status == 200);
        holds_none(&path, &answer.body.to_string(), &secrets)?;
        if answer.status == 200 {
            names_none(&path, &answer.body)?;
        }
    }
    assert!(read >= 6, "only {read} answers");
    for (path, body) in [
        (
            "/v1/requests/preview".to_owned(),
            json!({"entitlement": stage.entitlement(), "duration": "1h", "justification": "INC-42: restart"}),
        ),
        (
            format!("/v1/grants/{grant}/extend"),
            json!({"duration": "1h", "justification": "INC-42: more time"}),
        ),
        (format!("/v1/grants/{grant}/check-in"), json!({})),
        (
            "/v1/admin/integrations/azure".to_owned(),
            json!({"client_secret": secrets[1]}),
        ),
    ] {
        let answer = stage.post(&dana, &path, &body).await?;
        holds_none(&path, &answer.body.to_string(), &secrets)?;
    }
    // Not even who may write it reads it.
    let admin: Person = stage.admin().await?;
    for path in ["/v1/admin/integrations/azure", "/v1/admin/applications"] {
        let call = stage.request(Method::GET, path, &admin);
        let answer = stage.send(call).await?.ok()?;
        holds_none(path, &answer.to_string(), &secrets)?;
    }
    assert!(instant(&ended(&stage, &dana, &grant).await?["ended_at"]).is_ok());
    stage.stop().await;
    Ok(())
}

fn holds_none(path: &str, text: &str, secrets: &[String]) -> anyhow::Result<()> {
    for secret in secrets {
        anyhow::ensure!(!text.contains(secret.as_str()), "{path} answers a secret");
    }
    Ok(())
}

/// No field of an answer is named like something secret. (What the description of the API says about its bodies is no
/// answer about anybody.)
fn names_none(path: &str, value: &Value) -> anyhow::Result<()> {
    if path == "/v1/openapi.json" {
        return Ok(());
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let telling = ["secret", "token", "password", "credential", "webhook"];
                let found = telling.iter().any(|word| name.to_lowercase().contains(word));
                anyhow::ensure!(!found, "{path} answers a field {name}");
                names_none(path, value)?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| names_none(path, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
