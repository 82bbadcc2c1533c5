//! Case 62 as far as it goes, and invariant I9: what keeps failing is not marked done by anybody alone, and what two
//! administrators sign is looked at again.

use hourglass_app::keys;
use hourglass_domain::by_hand::FAILING_SECONDS;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_domain::membership::{Holds, Membership, MembershipKey, Presence};
use hourglass_tests::stage::logged;
use hourglass_tests::{Answer, Person};
use serde_json::{Value, json};

use crate::stage::{Stage, stage};

impl Stage {
    async fn grant(&self, id: &str) -> anyhow::Result<Grant> {
        Ok(self.read::<Grant>(&keys::grant(id.parse()?)).await?.value)
    }

    async fn sign(&self, who: &Person, grant: &str) -> anyhow::Result<Answer> {
        let body = json!({"evidence": "removed in the portal, seen by two of us"});
        self.post(who, &format!("/v1/admin/grants/{grant}/close-by-hand"), &body)
            .await
    }

    async fn confirm(&self, who: &Person, grant: &str, version: &Value) -> anyhow::Result<Answer> {
        let path = format!("/v1/admin/grants/{grant}/close-by-hand/confirm");
        self.post(who, &path, &json!({"version": version})).await
    }

    /// A day goes by for the grant: the next look is due now.
    async fn a_day_later(&self, id: &str) -> anyhow::Result<()> {
        let mut grant = self.grant(id).await?;
        let due = DueEntry::new(self.now(), DueKind::ByHand, grant.id);
        grant.due = vec![due.clone()];
        self.forge(&due).await?;
        self.forge(&grant).await
    }
}

/// A grant whose removal has been failing for as long as it takes.
async fn failing(stage: &Stage, dana: &Person) -> anyhow::Result<String> {
    let (_, grant) = stage.granted(dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    stage
        .grant_until(dana, &grant, |grant| grant["status"] == "active")
        .await?;
    let down = json!({"match": {"path_contains": "/groups/"}, "status": 503, "until_cleared": true});
    stage.graph_fault(&down).await?;
    stage
        .post(dana, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?
        .ok()?;
    stage
        .grant_until(dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    Ok(grant)
}

/// The target answers, and shows the member: the grant is one that has not ended, for whoever looks for those.
async fn shows_the_member_again(stage: &Stage, dana: &Person, grant: &Grant) -> anyhow::Result<()> {
    let id = grant.id.to_string();
    let marker = keys::live_grant(grant.beneficiary.user, grant.id);
    assert!(stage.services.core.store.get(&marker).await?.is_none());
    stage.clear_graph_faults().await?;
    let refusing = json!({"match": {"method": "DELETE"}, "until_cleared": true, "status": 503});
    stage.graph_fault(&refusing).await?;
    stage.a_day_later(&id).await?;
    stage
        .grant_until(dana, &id, |grant| grant["status"] == "ending")
        .await?;
    assert!(stage.services.core.store.get(&marker).await?.is_some());
    stage.clear_graph_faults().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_two_admins_close_what_keeps_failing_and_it_is_reopened_if_the_member_is_still_there() -> anyhow::Result<()>
{
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (ola, noor) = (
        stage.admin().await?,
        stage.person(&stage.company.second_admin.user_name).await?,
    );
    let id = failing(&stage, &dana).await?;
    let soon = stage.sign(&ola, &id).await?;
    assert_eq!((soon.status, soon.code()), (409, "not-failing"), "{soon}");

    // It has been failing for long; the retries go on meanwhile and leave that as it is.
    stage
        .until("failing for long", || async {
            let mut grant = stage.grant(&id).await?;
            grant.failing_since = Some(stage.now().plus_seconds(-FAILING_SECONDS - 1));
            stage.forge(&grant).await?;
            let answer = stage.sign(&ola, &id).await?;
            Ok(if answer.status == 201 {
                Ok(())
            } else {
                Err(answer.to_string())
            })
        })
        .await?;
    let path = format!("/v1/admin/grants/{id}/close-by-hand");
    let proposed = stage.get(&noor, &path).await?.ok()?;
    assert_eq!(proposed["evidence"], "removed in the portal, seen by two of us");
    assert_eq!(proposed["grant"]["status"], "ending");
    let alone = stage.confirm(&ola, &id, &proposed["version"]).await?;
    assert_eq!((alone.status, alone.code()), (409, "second-admin"), "{alone}");
    let other = stage.confirm(&noor, &id, &json!(99)).await?;
    assert_eq!((other.status, other.code()), (409, "changed"), "{other}");
    let theirs = stage.confirm(&dana, &id, &proposed["version"]).await?;
    assert_eq!(theirs.status, 403, "{theirs}");
    assert_eq!(
        stage.grant(&id).await?.status,
        GrantStatus::Ending,
        "nobody has closed it alone"
    );

    let both = stage.confirm(&noor, &id, &proposed["version"]).await?;
    assert_eq!(both.status, 202, "{both}");
    let closed = stage
        .grant_until(&dana, &id, |grant| grant["status"] == "closed_by_hand")
        .await?;
    assert_eq!(closed["ended_at"], Value::Null, "{closed}");
    assert_eq!(closed["targets"][0]["status"], "removing", "{closed}");
    let grant = stage.grant(&id).await?;
    let key = MembershipKey {
        target: grant.targets[0].target.clone(),
        account: grant.beneficiary.object_id,
    };
    assert!(stage.read::<Holds>(&keys::holds(&key)).await?.value.holds.is_empty());
    let record = stage.read::<Membership>(&keys::membership(&key)).await?.value;
    assert!(matches!(record.presence, Presence::Removing { .. }), "{record:?}");

    // The target does not answer: nothing is known, and it is asked again the next day.
    stage.a_day_later(&id).await?;
    stage
        .until("the next look", || async {
            let grant = stage.grant(&id).await?;
            let next = grant.due.first().is_some_and(|due| due.at > stage.now());
            Ok(if next { Ok(()) } else { Err(format!("{grant:?}")) })
        })
        .await?;
    assert_eq!(stage.grant(&id).await?.status, GrantStatus::ClosedByHand);

    shows_the_member_again(&stage, &dana, &grant).await?;
    let ended = stage
        .grant_until(&dana, &id, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["targets"][0]["status"], "absent", "removed and proved after all");
    stage.dana_becomes(false).await?;
    assert!(
        !logged(&["closed by hand has left its member", &id]).is_empty(),
        "no alarm"
    );
    let request = ended["request"].as_str().unwrap_or_default();
    let timeline = stage.timeline(&dana, request).await?;
    let steps = [
        "grant.closing_proposed",
        "grant.closing_confirmed",
        "grant.closed_by_hand",
        "grant.reopened",
        "grant.ended",
    ];
    let found: Vec<&str> = timeline
        .iter()
        .map(String::as_str)
        .filter(|action| steps.contains(action))
        .collect();
    assert_eq!(found, steps, "{timeline:?}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_closed_by_hand_is_proved_when_the_target_answers_and_stays_what_was_signed() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (ola, noor) = (
        stage.admin().await?,
        stage.person(&stage.company.second_admin.user_name).await?,
    );
    let id = failing(&stage, &dana).await?;
    let proposed = stage
        .until("a proposal", || async {
            let mut grant = stage.grant(&id).await?;
            grant.failing_since = Some(stage.now().plus_seconds(-FAILING_SECONDS - 60));
            stage.forge(&grant).await?;
            let answer = stage.sign(&ola, &id).await?;
            Ok(if answer.status == 201 {
                Ok(answer.body)
            } else {
                Err(answer.to_string())
            })
        })
        .await?;
    stage.confirm(&noor, &id, &proposed["version"]).await?.ok()?;
    stage
        .grant_until(&dana, &id, |grant| grant["status"] == "closed_by_hand")
        .await?;
    // Somebody really has removed the member.
    stage
        .system
        .world
        .entra
        .tenant()
        .remove_member(stage.company.prod_admins.id, stage.company.requester.id)?;
    stage.clear_graph_faults().await?;
    stage.a_day_later(&id).await?;
    let proved = stage
        .grant_until(&dana, &id, |grant| grant["targets"][0]["status"] == "absent")
        .await?;
    assert_eq!(proved["status"], "closed_by_hand", "{proved}");
    assert!(stage.grant(&id).await?.due.is_empty(), "nobody has to look any more");
    stage.stop().await;
    Ok(())
}
