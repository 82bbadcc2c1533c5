//! Nothing is granted that cannot be taken back: overdue removals, credentials that end, entitlements in use.

use hourglass_app::keys;
use hourglass_app::records::OverdueRemoval;
use hourglass_domain::grant::{Grant, REMOVAL_OVERDUE_SECONDS};
use hourglass_domain::ids::GrantId;
use hourglass_local::aws::stream::StreamChaos;
use hourglass_tests::Person;
use hourglass_tests::stage::refused;
use serde_json::{Value, json};

use crate::stage::{Stage, stage};

impl Stage {
    /// Somebody's removal that fails, and has for longer than is bearable: its grant, and since when.
    async fn overdue(&self, who: &Person, entitlement: &str) -> anyhow::Result<(String, String)> {
        let group = self.company.group(entitlement).expect("seeded").id;
        let entitlement = self.entitlement_named(entitlement).await?;
        let (_, grant) = self.granted(who, &entitlement, "1h").await?;
        self.grant_until(who, &grant, |grant| grant["status"] == "active")
            .await?;
        let path = format!("/groups/{group}");
        let broken = json!({"match": {"path_contains": path}, "status": 503, "until_cleared": true});
        self.graph_fault(&broken).await?;
        self.post(who, &format!("/v1/grants/{grant}/check-in"), &json!({}))
            .await?
            .ok()?;
        self.grant_until(who, &grant, |grant| grant["failing_since"].is_string())
            .await?;
        let id: GrantId = grant.parse()?;
        let marked = |item: &String| item.starts_with("FACT#OVERDUE#");
        assert_eq!(self.all_keys()?.iter().filter(|key| marked(key)).count(), 0, "not yet");
        // Eleven minutes later.
        let since = self.now().plus_seconds(-REMOVAL_OVERDUE_SECONDS - 60);
        let mut stored = self.read::<Grant>(&keys::grant(id)).await?.value;
        stored.ending_at = Some(since);
        self.forge(&stored).await?;
        let marker = keys::overdue_removal(&stored.application, since, id);
        self.until("the marker", || async {
            // Whatever looks at the grant, for whatever reason.
            self.trigger(json!({"grant": grant})).await?;
            Ok(match self.read::<OverdueRemoval>(&marker).await {
                Ok(marker) if marker.value.since == since => Ok(()),
                Ok(marker) => Err(marker.value.since.to_string()),
                Err(error) => Err(error.to_string()),
            })
        })
        .await?;
        Ok((grant, since.to_string()))
    }

    fn all_keys(&self) -> anyhow::Result<Vec<String>> {
        let items = hourglass_tests::table(&self.system.world)?;
        let pk = |item: &Value| item["pk"]["S"].as_str().unwrap_or_default().to_owned();
        Ok(items.iter().map(pk).collect())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_removal_is_overdue_nothing_is_approved_or_activated() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, approver) = (stage.requester().await?, stage.approver().await?);
    let freya = stage.person("freya.lindqvist@contoso.example").await?;
    let readers = stage.entitlement_named("prod-readers").await?;
    // One is approved just before, and has not been activated yet.
    let asked = stage.ask_for(&freya, &readers, "1h").await?.ok()?;
    let pending = stage.asked(&freya, "1h").await?;
    let (overdue, since) = stage.overdue(&dana, "billing-admins").await?;
    let refusal = stage.decide(&approver, &pending, "approve").await?;
    refused(&refusal, 409, "removal-overdue");
    assert!(refusal.text("detail").contains(&since), "{refusal}");
    // To ask is still possible, and to deny.
    stage.ask_for(&dana, &readers, "1h").await?.ok()?;

    // What was approved a moment before waits, and is not given up.
    let marker = keys::overdue_removal(&"contoso.example".parse()?, since.parse()?, overdue.parse()?);
    let kept = stage.read::<OverdueRemoval>(&marker).await?.value;
    stage.system.stream.set_chaos(StreamChaos {
        pause: true,
        ..StreamChaos::default()
    });
    let id = asked["id"].as_str().unwrap_or_default();
    let decided = stage
        .until("the approval, before a sweep writes the marker anew", || async {
            stage.erase(marker.clone()).await?;
            let decided = stage.decide(&approver, id, "approve").await?.ok();
            Ok(decided.map_err(|error| error.to_string()))
        })
        .await?;
    let grant = decided["grant"].as_str().unwrap_or_default().to_owned();
    stage.forge(&kept).await?;
    stage.system.stream.set_chaos(StreamChaos::default());
    let waiting = stage
        .grant_until(&freya, &grant, |grant| grant["targets"][0]["last_error"].is_string())
        .await?;
    assert_eq!(waiting["status"], "approved", "{waiting}");
    let why = waiting["targets"][0]["last_error"].as_str().unwrap_or_default();
    assert!(why.contains(&since), "{waiting}");
    let readers_group = stage.company.group("prod-readers").expect("seeded").id.to_string();
    assert_eq!(stage.members(&readers_group).await?, Vec::<String>::new());

    // The directory recovers: the removal is done, its marker goes, and everything goes on.
    stage.clear_graph_faults().await?;
    stage
        .grant_until(&dana, &overdue, |grant| grant["status"] == "ended")
        .await?;
    assert!(stage.read::<OverdueRemoval>(&marker).await.is_err());
    stage.decide(&approver, &pending, "approve").await?.ok()?;
    let active = stage
        .grant_until(&freya, &grant, |grant| grant["status"] == "active")
        .await?;
    assert!(active["failing_since"].is_null(), "{active}");
    stage.stop().await;
    Ok(())
}

/// A removal that cannot be done because nothing is left to remove from holds nobody up for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overdue_removal_from_a_group_that_is_gone_blocks_nobody_for_ever() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, approver) = (stage.requester().await?, stage.approver().await?);
    let freya = stage.person("freya.lindqvist@contoso.example").await?;
    let pending = stage.asked(&freya, "1h").await?;
    let (overdue, _) = stage.overdue(&dana, "billing-admins").await?;
    refused(
        &stage.decide(&approver, &pending, "approve").await?,
        409,
        "removal-overdue",
    );
    let group = stage.company.group("billing-admins").expect("seeded").id;
    stage.system.world.entra.tenant().delete(group)?;
    stage.clear_graph_faults().await?;
    let ended = stage
        .grant_until(&dana, &overdue, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["targets"][0]["status"], "target_gone", "{ended}");
    stage.decide(&approver, &pending, "approve").await?.ok()?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_granted_beyond_the_end_of_the_credential() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin, approver) = (stage.requester().await?, stage.admin().await?, stage.approver().await?);
    let connector = stage.system.world.entra.tenant().connector()?;
    let path = "/v1/admin/integrations/azure";
    let integration = |ends: Option<hourglass_domain::Timestamp>| {
        json!({
            "tenant_id": stage.system.world.entra.tenant().id(),
            "client_id": connector.client_id,
            "client_secret": secrecy::ExposeSecret::expose_secret(&connector.client_secret),
            "secret_expires_at": ends.map(|at| at.to_string()),
        })
    };
    let week = stage.now().plus_seconds(7 * 86_400);
    let ends = week.plus_seconds(2 * 3_600);
    stage.put(&admin, path, &integration(Some(ends))).await?.ok()?;
    let asked = stage.asked(&dana, "6h").await?;
    let refusal = stage.decide(&approver, &asked, "approve").await?;
    refused(&refusal, 409, "credential-ends");
    assert!(refusal.text("detail").contains(&ends.to_string()), "{refusal}");
    // For less time it can be approved.
    let body = json!({"decision": "approve", "duration": "1h"});
    let path_of = format!("/v1/requests/{asked}/decisions");
    stage.post(&approver, &path_of, &body).await?.ok()?;
    stage.dana_becomes(true).await?;

    // One that was approved before the end was known waits until the secret is replaced.
    stage.put(&admin, path, &integration(None)).await?.ok()?;
    let readers = stage.entitlement_named("prod-readers").await?;
    stage.system.stream.set_chaos(StreamChaos {
        pause: true,
        ..StreamChaos::default()
    });
    let (_, grant) = stage.granted(&dana, &readers, "6h").await?;
    stage.put(&admin, path, &integration(Some(ends))).await?.ok()?;
    stage.system.stream.set_chaos(StreamChaos::default());
    let waiting = stage
        .grant_until(&dana, &grant, |grant| grant["targets"][0]["last_error"].is_string())
        .await?;
    assert_eq!(waiting["status"], "approved", "{waiting}");
    stage
        .put(&admin, path, &integration(Some(week.plus_seconds(86_400))))
        .await?
        .ok()?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entitlement_with_live_grants_points_where_it_points() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin) = (stage.requester().await?, stage.admin().await?);
    let readers = stage.entitlement_named("prod-readers").await?;
    let (_, grant) = stage.granted(&dana, &readers, "1h").await?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    let target = |name: &str| format!("entra:{}", stage.company.group(name).expect("seeded").id);
    let elsewhere = json!([target("sre")]);
    let point = |targets: &Value| {
        let targets = targets.clone();
        stage.change_entitlement(&readers, |fields| fields["targets"] = targets)
    };
    refused(&point(&elsewhere).await?, 409, "in-use");
    // Another target beside it is none taken away; and everything else can be changed.
    point(&json!([target("prod-readers"), target("sre")])).await?.ok()?;
    refused(&point(&json!([target("prod-readers")])).await?, 409, "in-use");
    let off = |fields: &mut Value| fields["enabled"] = json!(false);
    stage.change_entitlement(&readers, off).await?.ok()?;
    let on = |fields: &mut Value| fields["enabled"] = json!(true);
    stage.change_entitlement(&readers, on).await?.ok()?;
    // The tenant of an integration never changes; it is the application's.
    let other = json!({"tenant_id": "00000000-0000-0000-0000-000000000009",
        "client_id": "00000000-0000-0000-0000-000000000009", "client_secret": "x"});
    let other = stage.put(&admin, "/v1/admin/integrations/azure", &other).await?;
    refused(&other, 422, "invalid-field");
    stage
        .post(&dana, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?
        .ok()?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    point(&elsewhere).await?.ok()?;
    stage.stop().await;
    Ok(())
}
