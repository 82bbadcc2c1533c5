//! G1 to G7: a comparable tool with a workflow for each grant, that calls its provider and then tells of it.

use hourglass_app::change::{read, read_page};
use hourglass_app::keys;
use hourglass_app::ports::store::Query;
use hourglass_domain::audit::{Event, Head, StreamId, verify};
use hourglass_domain::ids::RequestId;
use hourglass_tests::stage::{Stage, refused, stage};
use hourglass_tests::{Client, Person};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::common::{
    active, check_in, count, ended, lease_runs_out, pushed_until, revoke, schedule, schedules, schedules_are, stored,
    time_goes_by, times,
};
use crate::faults::{Trouble, Turn, troubled};

async fn trouble_is_met(stage: &Stage, trouble: &Trouble, times: u32) -> anyhow::Result<()> {
    stage
        .until("the trouble", || async {
            Ok(if trouble.met() >= times {
                Ok(())
            } else {
                Err(trouble.met().to_string())
            })
        })
        .await
}

/// The tool adds the member and then puts an event on a bus: when that fails, so does the step, the run is over, and the
/// access has no end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_what_is_told_is_stored_with_what_was_done_or_not_at_all() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (trouble, _) = troubled(&stage).await?;
    let dana = stage.requester().await?;
    // Each in turn: the answer is lost to a store that happened, with its event.
    for action in [
        "grant.activating",
        "membership.adding",
        "membership.present",
        "grant.active",
    ] {
        trouble.order(action, Turn::FailsAfter, 1);
    }
    let (request, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    for met in 1..=4 {
        trouble_is_met(&stage, &trouble, met).await?;
        lease_runs_out(&stage, &grant).await.ok();
        if met < 4 {
            stage.trigger(json!({"grant": grant})).await.ok();
        }
    }
    pushed_until(&stage, &dana, &grant, |grant| grant["status"] == "active").await?;
    assert_eq!(schedules(&stage)?, [schedule(&grant, 1)]);
    time_goes_by(&stage, &grant).await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(over["targets"][0]["status"], "absent", "{over}");
    assert!(!stage.dana_is_in().await?);
    // Nothing is told twice, and nothing is missing.
    let timeline = stage.timeline(&dana, &request).await?;
    for action in ["grant.activating", "grant.active", "grant.ending", "grant.ended"] {
        assert_eq!(times(&timeline, action), 1, "{timeline:?}");
    }
    let stream = StreamId::request(request.parse::<RequestId>()?);
    let store = &*stage.services.core.store;
    let query = Query::partition(keys::audit_stream(&stream)).prefix(keys::EVENTS);
    let events = read_page::<Event>(store, &query).await?.items;
    let events: Vec<Event> = events.into_iter().map(|event| event.value).collect();
    let head = read::<Head>(store, &keys::audit_head(&stream)).await?.expect("a head");
    verify(&stream, &events, &head.value)?;
    stage.stop().await;
    Ok(())
}

/// The tool's function is killed, or takes too long, after the provider has added the member: the same again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g02_a_function_that_dies_after_the_add_leaves_its_timer_behind() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (trouble, _) = troubled(&stage).await?;
    let dana = stage.requester().await?;
    trouble.order("membership.present", Turn::DiesBefore, 1);
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    trouble_is_met(&stage, &trouble, 1).await?;
    stage.dana_becomes(true).await?;
    assert_eq!(schedules(&stage)?, [schedule(&grant, 1)]);
    // Nobody has come back to it when its time is up.
    time_goes_by(&stage, &grant).await?;
    lease_runs_out(&stage, &grant).await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(
        over["targets"][0]["status"], "absent",
        "ours, although no store says that the add succeeded: {over}"
    );
    assert!(!stage.dana_is_in().await?);
    // And in the middle of its removal.
    trouble.order("membership.removed", Turn::DiesAfter, 1);
    trouble.order("grant.ended", Turn::DiesBefore, 1);
    let (_, grant) = active(&stage, &dana, "prod-readers", "1h").await?;
    time_goes_by(&stage, &grant).await?;
    let over = stage
        .until("the end", || async {
            lease_runs_out(&stage, &grant).await.ok();
            let seen = pushed_until(&stage, &dana, &grant, |_| true).await?;
            Ok(if seen["status"] == "ended" {
                Ok(seen)
            } else {
                Err(seen.to_string())
            })
        })
        .await?;
    assert_eq!((trouble.met(), &over["targets"][0]["status"]), (3, &json!("absent")));
    schedules_are(&stage, &[]).await?;
    stage.stop().await;
    Ok(())
}

/// Who revokes there while the member is being added stops the run and skips the provider: the member comes after that,
/// and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g04_a_revocation_during_the_add_removes_what_the_add_brings() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let add = json!({"method": "POST", "path_contains": "/members"});
    stage.graph_fault(&json!({"match": add, "hold": true})).await?;
    let (request, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    let entra = &stage.system.world.entra;
    stage
        .until("the add under way", || async {
            Ok(if entra.held() > 0 { Ok(()) } else { Err(String::new()) })
        })
        .await?;
    assert!(!stage.dana_is_in().await?);
    let revoked = revoke(&stage, &kim, &grant).await?;
    assert_eq!(revoked.status, 202, "{revoked}");
    assert!(entra.held() > 0, "the add came first");
    stage.clear_graph_faults().await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(
        (&over["ended_because"], &over["targets"][0]["status"]),
        (&json!("revoked"), &json!("absent"))
    );
    // The call that was under way is through, whoever waited for it.
    stage
        .until("the end of what was held", || async {
            let left = entra.held();
            Ok(if left == 0 { Ok(()) } else { Err(left.to_string()) })
        })
        .await?;
    stage.dana_becomes(false).await?;
    let timeline = stage.timeline(&dana, &request).await?;
    assert_eq!(times(&timeline, "grant.ended"), 1, "{timeline:?}");
    schedules_are(&stage, &[]).await?;
    stage.stop().await;
    Ok(())
}

async fn approve_once(
    client: &Client,
    who: &Person,
    request: &str,
    key: &str,
) -> anyhow::Result<hourglass_tests::Answer> {
    let path = format!("/v1/requests/{request}/decisions");
    let call = client.request(Method::POST, &path, who);
    client
        .send(
            call.header("Idempotency-Key", key)
                .json(&json!({"decision": "approve"})),
        )
        .await
}

/// The tool starts the run and stores the approval after that: when that fails, the request looks as if nobody had
/// decided, the access comes all the same, and revoking it finds no grant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g05_an_approval_that_is_not_stored_starts_nothing() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (trouble, other) = troubled(&stage).await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let request = stage.asked(&dana, "1h").await?;
    let before = stage.settled().await?;
    trouble.order("request.approved", Turn::FailsBefore, 1);
    let failed = approve_once(&other, &kim, &request, "one").await?;
    assert_eq!(failed.status, 503, "{failed}");
    stage.settled().await?;
    stage.unchanged(&before, "an approval that was not stored")?;
    assert_eq!((count(&stage, "GRANT#")?, schedules(&stage)?.len()), (0, 0));
    // The other way round: it is stored, and nobody is told.
    trouble.order("request.approved", Turn::FailsAfter, 1);
    let failed = approve_once(&other, &kim, &request, "one").await?;
    assert_eq!(failed.status, 503, "{failed}");
    let again = approve_once(&other, &kim, &request, "one").await?;
    assert_eq!(
        (again.status, again.text("status").as_str()),
        (200, "approved"),
        "{again}"
    );
    let grant = again.text("grant");
    assert_eq!(count(&stage, "GRANT#")?, 1);
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    let shown = stage.get(&kim, &format!("/v1/requests/{request}")).await?.ok()?;
    assert_eq!(shown["grant"], grant.as_str(), "{shown}");
    let revoked = revoke(&stage, &kim, &grant).await?;
    assert_eq!(revoked.status, 202, "{revoked}");
    ended(&stage, &dana, &grant).await?;
    stage.stop().await;
    Ok(())
}

/// The tool fetches its token once, knows no throttling, takes *already a member* for an error, and looks the user up by
/// name when it revokes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g06_throttling_lost_answers_tokens_that_end_and_new_names_are_got_over() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin) = (stage.requester().await?, stage.admin().await?);
    // Throttled; then the add happens and its answer is lost, so that the next one hears "already a member".
    let add = json!({"method": "POST", "path_contains": "/members"});
    for order in [
        json!({"match": add, "status": 429, "retry_after_seconds": 1, "times": 2}),
        json!({"match": add, "apply_then_drop": true, "times": 1}),
    ] {
        stage.graph_fault(&order).await?;
    }
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    let live = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    assert_eq!(live["targets"][0]["status"], "present", "{live}");
    assert_eq!(stage.system.world.entra.tenant().faults()?["faults"], json!([]));
    // The user has another name, and somebody else has the old one.
    let tenant = stage.system.world.entra.tenant();
    let old = stage.company.requester.clone();
    let renamed = "dana.married@contoso.example";
    stage.provisioner().rename_user(old.id, renamed, "Dana Married").await?;
    let bao = stage.company.person("bao.tran@contoso.example").expect("seeded");
    tenant.update_user(bao.id, |user| user.user_principal_name.clone_from(&old.user_name))?;
    tenant.add_member(stage.company.prod_admins.id, bao.id)?;
    // Every token that was given out is withdrawn, and the secret with them. (Tokens are dated to the second.)
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let fresh = tenant.rotate_connector_secret(true)?;
    let integration = json!({"tenant_id": tenant.id(), "client_id": tenant.connector()?.client_id,
        "client_secret": fresh.expose_secret()});
    stage
        .put(&admin, "/v1/admin/integrations/azure", &integration)
        .await?
        .ok()?;
    let dana = stage.person(renamed).await?;
    check_in(&stage, &dana, &grant).await?;
    let over = ended(&stage, &dana, &grant).await?;
    assert_eq!(over["targets"][0]["status"], "absent", "{over}");
    let left = tenant.members(stage.company.prod_admins.id)?;
    assert_eq!(left, [bao.id], "the one who has the old name is left alone");
    stage.stop().await;
    Ok(())
}

/// The tool stores its reviewers by id and looks for them by address when one of them revokes: probably none of them
/// can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g07_approvers_can_revoke_whatever_their_address_is() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (_, one) = active(&stage, &dana, "prod-admins", "1h").await?;
    let (_, two) = active(&stage, &dana, "prod-readers", "1h").await?;
    let (_, three) = active(&stage, &dana, "billing-admins", "1h").await?;
    // The one who decided, under a new name; and one of the group who has not decided.
    let renamed = "kim.new@contoso.example";
    let provisioner = stage.provisioner();
    provisioner
        .rename_user(stage.company.approver.id, renamed, "Kim New")
        .await?;
    let kim = stage.person(renamed).await?;
    let tomasz = stage.person(&stage.company.other_approvers[0].user_name).await?;
    for (who, grant) in [(&kim, &one), (&tomasz, &two)] {
        let revoked = revoke(&stage, who, grant).await?;
        assert_eq!(revoked.status, 202, "{}: {revoked}", who.name);
        let over = ended(&stage, &dana, grant).await?;
        assert_eq!(over["ended_because"], "revoked", "{over}");
        assert_eq!(over["targets"][0]["status"], "absent", "{over}");
    }
    // Who approves other things may not.
    let henrik = stage.person("henrik.solberg@contoso.example").await?;
    let foreign = revoke(&stage, &henrik, &three).await?;
    refused(&foreign, 404, "not-found");
    assert!(stored(&stage, &three).await?.status.is_live());
    stage.stop().await;
    Ok(())
}
