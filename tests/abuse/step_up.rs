//! Case 15: a token that carries the authentication context, with no policy behind it, proves nothing.

use hourglass_app::keys;
use hourglass_domain::auth_context::AuthContext;
use hourglass_domain::ids::TenantId;
use hourglass_tests::Person;
use hourglass_tests::stage::{logged, refused};
use serde_json::{Value, json};

use crate::stage::{Stage, stage};

impl Stage {
    fn tenant(&self) -> TenantId {
        TenantId::new(self.system.world.entra.tenant().registrations().tenant_id)
    }

    /// The tenant's Conditional Access policies, changed, and looked at again.
    async fn policies(&self, change: impl FnOnce(&mut Vec<Value>)) -> anyhow::Result<()> {
        let url = format!("{}/_admin/access-policies", self.ready.graph);
        let mut policies: Vec<Value> = self.http().get(&url).send().await?.json().await?;
        change(&mut policies);
        let answer = self.http().put(&url).json(&policies).send().await?;
        anyhow::ensure!(answer.status() == 204, "{}", answer.status());
        self.look_again().await.map(drop)
    }

    /// The usual policy alone, changed.
    async fn policy(&self, change: impl Fn(&mut Value)) -> anyhow::Result<()> {
        self.policies(|policies| {
            policies.truncate(1);
            let policy = &mut policies[0];
            policy["state"] = json!("enabled");
            for list in ["excludeUsers", "excludeGroups", "excludeRoles"] {
                policy["conditions"]["users"][list] = json!([]);
            }
            policy["grantControls"]["builtInControls"] = json!(["mfa"]);
            change(policy);
        })
        .await
    }

    /// Tests the integration, which looks at the policies; answers what it says.
    async fn look_again(&self) -> anyhow::Result<String> {
        let admin = self.admin().await?;
        let probe = self
            .post(&admin, "/v1/admin/probes", &json!({"kind": "test_azure"}))
            .await?
            .ok()?;
        let path = format!("/v1/admin/probes/{}", probe["id"].as_str().unwrap_or_default());
        self.until("the integration's test", || async {
            let probe = self.get(&admin, &path).await?.ok()?;
            Ok(match probe["ok"].as_bool() {
                Some(true) => Ok(probe["detail"].as_str().unwrap_or_default().to_owned()),
                _ => Err(probe.to_string()),
            })
        })
        .await
    }

    async fn unproved(&self, who: &Person, request: &str, why: &str) -> anyhow::Result<()> {
        for decision in ["approve", "deny"] {
            let answer = self.decide(who, request, decision).await?;
            refused(&answer, 403, "step-up-unproved");
            assert!(answer.text("detail").contains(why), "{why}: {answer}");
            assert!(answer.challenge.is_none(), "signing in again would not help: {answer}");
        }
        Ok(())
    }
}

/// The policy for our context in this state, and an enabled one for another context.
fn in_state(state: &str) -> Vec<Value> {
    let policy = json!({
        "id": "p", "displayName": "MFA", "state": state,
        "conditions": {"users": {"includeUsers": ["All"]},
            "applications": {"includeAuthenticationContextClassReferences": ["c1"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
    });
    let mut other = policy.clone();
    other["conditions"]["applications"]["includeAuthenticationContextClassReferences"] = json!(["c2"]);
    other["state"] = json!("enabled");
    vec![policy, other]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_15_an_acrs_claim_without_a_policy_behind_it() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = stage.approver().await?;
    let request = stage.asked(&stage.requester().await?, "1h").await?;
    let admin = stage.admin().await?;
    let holds = || async { stage.get(&admin, "/v1/admin/auth-context").await?.ok() };
    let before = holds().await?;
    assert_eq!(
        (&before["holds"], &before["context"]),
        (&json!(true), &json!("c1")),
        "{before}"
    );

    // Entra puts the claim into the token as well when no policy targets the context.
    stage.policies(Vec::clear).await?;
    stage
        .unproved(&kim, &request, "no enabled Conditional Access policy")
        .await?;
    assert_eq!(holds().await?["holds"], false);
    for state in ["disabled", "enabledForReportingButNotEnforced"] {
        stage.policies(|policies| *policies = in_state(state)).await?;
        stage
            .unproved(&kim, &request, "no enabled Conditional Access policy")
            .await?;
    }
    stage
        .policy(|policy| policy["grantControls"]["builtInControls"] = json!(["compliantDevice"]))
        .await?;
    stage
        .unproved(&kim, &request, "no enabled Conditional Access policy")
        .await?;
    let shown = holds().await?;
    assert!(
        shown["policies"][0]["problem"]
            .as_str()
            .is_some_and(|why| why.contains("multifactor")),
        "{shown}"
    );

    // Who is left out by the policy gets the claim for nothing.
    let kim_id = stage.company.approver.id;
    stage
        .policy(|policy| policy["conditions"]["users"]["excludeUsers"] = json!([kim_id]))
        .await?;
    stage.unproved(&kim, &request, "leaves your account out").await?;
    let approvers = stage.company.security_approvers.id;
    stage
        .policy(|policy| policy["conditions"]["users"]["excludeGroups"] = json!([approvers]))
        .await?;
    stage.unproved(&kim, &request, "leaves your account out").await?;
    let unknown = "00000000-0000-4000-8000-0000000000ff";
    stage
        .policy(|policy| policy["conditions"]["users"]["excludeGroups"] = json!([unknown]))
        .await?;
    stage
        .unproved(&kim, &request, "cannot tell whether you are in it")
        .await?;

    // Nor may a look that is too old, missing or forbidden be taken for one.
    stage.policy(|_| ()).await?;
    // The sweep would look again at once.
    stage
        .graph_fault(&json!({"match": {"path_contains": "/conditionalAccess/"}, "status": 503, "until_cleared": true}))
        .await?;
    let key = keys::auth_context(stage.tenant());
    let mut fact = stage.read::<AuthContext>(&key).await?.value;
    fact.checked_at = stage.now().plus_seconds(-86_500);
    stage.forge(&fact).await?;
    stage.unproved(&kim, &request, "more than 24 hours old").await?;
    stage.erase(key).await?;
    stage.unproved(&kim, &request, "it has not in your tenant").await?;
    stage.clear_graph_faults().await?;
    stage
        .graph_fault(&json!({"match": {"path_contains": "/conditionalAccess/"}, "status": 403, "until_cleared": true}))
        .await?;
    let said = stage.look_again().await?;
    assert!(said.contains("Policy.Read.All"), "{said}");
    stage.unproved(&kim, &request, "Policy.Read.All").await?;
    assert!(!logged(&["step-up-unproved"]).is_empty());

    // A v1 token says itself that there was a second factor.
    let v1 = stage.person_with(json!({"user": kim.name, "version": 1})).await?;
    stage.decide(&v1, &request, "approve").await?.ok()?;
    stage.dana_becomes(true).await?;
    stage.stop().await;
    Ok(())
}

/// The sweep looks again by itself, and what it finds counts for those whom the policy does not leave out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_15_the_sweep_looks_again() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let readers = stage.company.prod_admins.id;
    stage
        .policy(|policy| policy["conditions"]["users"]["excludeGroups"] = json!([readers]))
        .await?;
    let key = keys::auth_context(stage.tenant());
    stage.erase(key.clone()).await?;
    stage
        .trigger(json!({"source": "aws.events", "detail-type": "Scheduled Event"}))
        .await?;
    let found = stage
        .until("the sweep's look", || async {
            Ok(stage.read::<AuthContext>(&key).await.map_err(|error| error.to_string()))
        })
        .await?
        .value;
    assert!(found.holds(), "{found:?}");
    assert_eq!(found.groups().len(), 1);
    let request = stage.asked(&dana, "1h").await?;
    stage.decide(&kim, &request, "approve").await?.ok()?;
    stage.dana_becomes(true).await?;
    assert!(!logged(&["auth_context_unprotected", "_aws"]).is_empty());
    stage.stop().await;
    Ok(())
}
