//! Case 46: more time needs a new approval, ends at the absolute maximum, and an end that comes in between wins by
//! version. And an extension that nobody approved gives nothing, whoever writes it into the table.

use hourglass_app::keys;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_domain::ids::RequestId;
use hourglass_domain::request::{Request, RequestKind, RequestStatus};
use hourglass_local::aws::scheduler::DEFAULT_GROUP;
use hourglass_local::aws::stream::StreamChaos;
use hourglass_tests::stage::{logged, refused};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, stage};

/// How often the race is run.
const RACES: usize = 4;

async fn active(stage: &Stage) -> anyhow::Result<String> {
    let dana = stage.requester().await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    Ok(grant)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_46_an_extension_that_races_with_a_revocation() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    for _ in 0..RACES {
        let grant = active(&stage).await?;
        let body = json!({"duration": "1h", "justification": "INC-42: the restart takes longer"});
        let asked = stage
            .post(&dana, &format!("/v1/grants/{grant}/extend"), &body)
            .await?
            .ok()?;
        let request = asked["id"].as_str().unwrap_or_default().to_owned();
        let path = format!("/v1/grants/{grant}/revoke");
        let reason = json!({"reason": "an incident"});
        let (decided, revoked) = tokio::join!(
            stage.decide(&kim, &request, "approve"),
            stage.post(&kim, &path, &reason)
        );
        let (decided, revoked) = (decided?, revoked?);
        assert_eq!(revoked.status, 202, "{revoked}");
        let ended = stage
            .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
            .await?;
        assert_eq!(ended["ended_because"], "revoked", "{ended}");
        stage.dana_becomes(false).await?;
        stage.settled().await?;
        let request = stage.read::<Request>(&keys::request(request.parse()?)).await?.value;
        let extended = ended["extensions"].is_array();
        match decided.status {
            200 => assert!(
                extended && request.status == RequestStatus::Approved,
                "{decided}: {ended}"
            ),
            409 => assert!(
                !extended && request.status == RequestStatus::Cancelled,
                "{decided}: {request:?}"
            ),
            _ => panic!("{decided}"),
        }
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_46_each_extension_needs_an_approval_and_all_of_them_end_at_the_maximum() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = stage.approver().await?;
    let roles = json!({"user": stage.requester().await?.name, "claims": {"roles": ["Requester", "Approver"]}});
    let dana = stage.person_with(roles).await?;
    let maximum = |fields: &mut Value| fields["absolute_maximum"] = json!("3h");
    stage.change_entitlement(&stage.entitlement(), maximum).await?.ok()?;
    let grant = active(&stage).await?;
    let id = keys::grant(grant.parse()?);
    let first = stage.read::<Grant>(&id).await?.value;
    let path = format!("/v1/grants/{grant}/extend");
    let ask = |duration: &str| json!({"duration": duration, "justification": "INC-42: the restart takes longer"});
    let mut longest = first.expires_at;
    for hours in 1..=2 {
        let asked = stage.post(&dana, &path, &ask("1h")).await?.ok()?;
        let request = asked["id"].as_str().unwrap_or_default().to_owned();
        // Asking moves nothing, nor does asking twice, nor does who has the access.
        refused(&stage.post(&dana, &path, &ask("30m")).await?, 409, "already-extending");
        let own = stage.decide(&dana, &request, "approve").await?;
        assert_eq!(own.status, 403, "{own}");
        assert_eq!(stage.read::<Grant>(&id).await?.value.expires_at, longest);
        stage.decide(&kim, &request, "approve").await?.ok()?;
        longest = stage.read::<Grant>(&id).await?.value.expires_at;
        assert_eq!(longest, first.expires_at.plus_seconds(hours * 3_600));
        refused(
            &stage.decide(&kim, &request, "approve").await?,
            409,
            "request-not-pending",
        );
    }
    for duration in ["30m", "1h", "2h"] {
        refused(&stage.post(&dana, &path, &ask(duration)).await?, 422, "beyond-maximum");
    }
    // One that could be asked for cannot be approved once the maximum is less.
    let maximum = |fields: &mut Value| fields["absolute_maximum"] = json!("4h");
    stage.change_entitlement(&stage.entitlement(), maximum).await?.ok()?;
    let asked = stage.post(&dana, &path, &ask("1h")).await?.ok()?;
    let maximum = |fields: &mut Value| fields["absolute_maximum"] = json!("3h");
    stage.change_entitlement(&stage.entitlement(), maximum).await?.ok()?;
    let request = asked["id"].as_str().unwrap_or_default();
    let late = stage.decide(&kim, request, "approve").await?;
    assert!(matches!(late.status, 409 | 422), "{late}");
    assert_eq!(stage.read::<Grant>(&id).await?.value.expires_at, longest);
    stage.stop().await;
    Ok(())
}

/// The timer of the old end comes before anybody has seen to the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_41_the_trigger_of_an_end_that_was_moved() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let grant = active(&stage).await?;
    let old = format!("g-{grant}-1");
    stage.system.stream.set_chaos(StreamChaos {
        pause: true,
        ..StreamChaos::default()
    });
    let body = json!({"duration": "1h", "justification": "INC-42: the restart takes longer"});
    let asked = stage
        .post(&dana, &format!("/v1/grants/{grant}/extend"), &body)
        .await?
        .ok()?;
    let request = asked["id"].as_str().unwrap_or_default();
    stage.decide(&kim, request, "approve").await?.ok()?;
    stage.system.world.scheduler.fire(DEFAULT_GROUP, &old)?;
    let stored = stage
        .until("the timer of the new end", || async {
            stage.trigger(json!({"grant": grant})).await?;
            let stored = stage.read::<Grant>(&keys::grant(grant.parse()?)).await?.value;
            Ok(match &stored.schedule {
                Some(name) if name.n == 2 => Ok(stored),
                _ => Err(format!("{stored:?}")),
            })
        })
        .await?;
    assert_eq!(stored.status, GrantStatus::Active, "{stored:?}");
    let timeline = stage.timeline(&dana, &stored.request.to_string()).await?;
    assert!(!timeline.contains(&"grant.ending".to_owned()), "{timeline:?}");
    assert!(stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extension_that_nobody_approved_ends_the_grant() -> anyhow::Result<()> {
    let stage = stage().await?;
    let id = active(&stage).await?;
    stage.settled().await?;
    let grant = stage.read::<Grant>(&keys::grant(id.parse()?)).await?.value;
    // A request that says it was approved, named by a grant that says it was extended.
    let mut request = stage.read::<Request>(&keys::request(grant.request)).await?.value;
    request.id = RequestId::new(Uuid::from_u128(0xe1));
    request.kind = RequestKind::Extension { grant: grant.id };
    stage.forge(&request).await?;
    let mut longer = grant.clone();
    longer.extensions = vec![request.id];
    longer.expires_at = longer.expires_at.plus_seconds(3_600);
    stage.forge(&longer).await?;
    let ended = stage
        .grant_until(&stage.requester().await?, &id, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "failed", "{ended}");
    stage.dana_becomes(false).await?;
    assert!(
        !logged(&["does not verify from its evidence", &id]).is_empty(),
        "no alarm"
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_more_time_lapses_and_leaves_the_grant_as_it_was() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let id = active(&stage).await?;
    let path = format!("/v1/grants/{id}/extend");
    let body = json!({"duration": "1h", "justification": "INC-42: the restart takes longer"});
    let asked = stage.post(&dana, &path, &body).await?.ok()?;
    let request = asked["id"].as_str().unwrap_or_default().to_owned();
    // Its time goes by.
    let mut stored = stage.read::<Request>(&keys::request(request.parse()?)).await?.value;
    stored.lapses_at = stage.now();
    stage.forge(&stored).await?;
    stage
        .forge(&DueEntry::new(stored.lapses_at, DueKind::Lapse, stored.id))
        .await?;
    let late = stage.decide(&kim, &request, "approve").await?;
    assert_eq!(late.status, 409, "{late}");
    stage
        .until("the request lapses", || async {
            let found = stage.read::<Request>(&keys::request(stored.id)).await?.value.status;
            Ok(if found == RequestStatus::Lapsed {
                Ok(())
            } else {
                Err(format!("{found:?}"))
            })
        })
        .await?;
    let grant = stage.read::<Grant>(&keys::grant(id.parse()?)).await?.value;
    assert_eq!((grant.status, grant.extensions.len()), (GrantStatus::Active, 0));
    // And another may be asked for, and taken back.
    let asked = stage.post(&dana, &path, &body).await?.ok()?;
    let cancel = format!("/v1/requests/{}/cancel", asked["id"].as_str().unwrap_or_default());
    let cancelled = stage.post(&dana, &cancel, &json!({})).await?.ok()?;
    assert_eq!(cancelled["status"], "cancelled");
    stage.post(&dana, &path, &body).await?.ok()?;
    stage.stop().await;
    Ok(())
}
