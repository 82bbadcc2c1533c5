//! Who may approve what, when, and how often: cases 1 to 11, 15 and 16.

use std::collections::BTreeSet;

use hourglass_app::keys;
use hourglass_app::records::GroupUse;
use hourglass_domain::ids::{ApplicationId, ObjectId, RequestId};
use hourglass_domain::request::Request;
use hourglass_local::company::DOMAIN;
use hourglass_local::entra::User;
use hourglass_tests::Person;
use hourglass_tests::stage::refused;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, stage};

/// What a client might send to decide for the server; none of these is a field of any call that takes it here.
const SPOOFS: [(&str, &str); 14] = [
    ("approver", "\"dana.reyes@contoso.example\""),
    ("approver_ids", "[]"),
    ("status", "\"approved\""),
    ("expires_at", "\"2099-01-01T00:00:00Z\""),
    ("expiresAt", "\"2099-01-01T00:00:00Z\""),
    ("policyId", "\"none\""),
    ("policy", "{\"quorum\": 0}"),
    ("grant", "\"00000000-0000-0000-0000-000000000001\""),
    ("requester", "\"00000000-0000-0000-0000-000000000001\""),
    ("application", "\"fabrikam.example\""),
    ("created_at", "\"2020-01-01T00:00:00Z\""),
    ("evidence", "{\"kind\": \"step_up\"}"),
    ("Decision", "\"approve\""),
    ("__proto__", "{\"role\": \"Admin\"}"),
];

pub(crate) fn application() -> ApplicationId {
    DOMAIN.parse().expect("a domain")
}

impl Stage {
    pub(crate) async fn other_approver(&self, at: usize) -> anyhow::Result<Person> {
        self.person(&self.company.other_approvers[at].user_name).await
    }

    pub(crate) async fn status_of(&self, request: &str) -> anyhow::Result<String> {
        let auditor = self.person(&self.company.auditor.user_name).await?;
        let found = self.get(&auditor, &format!("/v1/requests/{request}")).await?.ok()?;
        Ok(found["status"].as_str().unwrap_or_default().to_owned())
    }

    /// Makes a group that feeds approvers one that can be requested, past the configuration's own check.
    async fn forge_loop(&self) -> anyhow::Result<()> {
        let group = ObjectId::new(self.company.security_approvers.id);
        let key = keys::group_use(&application(), group);
        let mut used = self.read::<GroupUse>(&key).await?.value;
        used.target_of.insert(self.entitlement().parse()?);
        self.forge(&used).await
    }

    /// Counts stored items by the beginning of their keys.
    fn count(&self, prefix: &str) -> anyhow::Result<usize> {
        Ok(self.state()?.keys().filter(|key| key.starts_with(prefix)).count())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_01_requester_is_the_approver() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = stage.approver().await?;
    let request = stage.asked(&kim, "1h").await?;
    let before = stage.settled().await?;
    for decision in ["approve", "deny"] {
        let answer = stage.decide(&kim, &request, decision).await?;
        refused(&answer, 403, "own-access");
    }
    let inbox = stage.get(&kim, "/v1/approvals").await?.ok()?;
    assert_eq!(inbox["items"], json!([]), "one's own request is not even offered");
    let after = stage.state()?;
    for (key, item) in &after {
        let audited = key.starts_with(&format!("AUD#request:{request} / "));
        assert!(audited || before.get(key) == Some(item), "{key} changed");
    }
    let timeline = stage.timeline(&kim, &request).await?;
    assert_eq!(
        timeline,
        [
            "request.created",
            "request.decision_refused",
            "request.decision_refused"
        ]
    );
    assert_eq!(stage.status_of(&request).await?, "pending");
    let tomasz = stage.other_approver(0).await?;
    stage.decide(&tomasz, &request, "approve").await?.ok()?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_01_refused_decisions_cannot_flood_the_audit_trail() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = stage.approver().await?;
    let request = stage.asked(&kim, "1h").await?;
    for _ in 0..40 {
        refused(&stage.decide(&kim, &request, "approve").await?, 403, "own-access");
    }
    let timeline = stage.timeline(&kim, &request).await?;
    assert!((2..=21).contains(&timeline.len()), "{} events", timeline.len());
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_same_human_in_another_spelling() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = stage.approver().await?;
    let request = stage.asked(&kim, "1h").await?;
    for (version, claims) in [
        (
            2,
            json!({"preferred_username": "KIM.OSEI@CONTOSO.EXAMPLE", "name": "Somebody Else"}),
        ),
        (
            2,
            json!({"preferred_username": "kim.osei+2@contoso.example", "email": "tomasz.wieczorek@contoso.example"}),
        ),
        (
            2,
            json!({"oid": stage.company.approver.id.to_string().to_uppercase(), "sub": "another"}),
        ),
        (
            1,
            json!({"upn": "Kim.Osei@Contoso.Example", "unique_name": "other", "name": "Tomasz Wieczorek"}),
        ),
    ] {
        let order = json!({"user": kim.name, "version": version, "claims": claims});
        let same = stage.person_with(order).await?;
        refused(&stage.decide(&same, &request, "approve").await?, 403, "own-access");
    }
    let renamed = "KIM.OSEI@contoso.example";
    let provisioner = stage.provisioner();
    provisioner
        .rename_user(stage.company.approver.id, renamed, "K. Osei")
        .await?;
    let same = stage.person(renamed).await?;
    refused(&stage.decide(&same, &request, "approve").await?, 403, "own-access");
    assert_eq!(stage.status_of(&request).await?, "pending");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_same_human_as_a_guest_copy() -> anyhow::Result<()> {
    let stage = stage().await?;
    let request = stage.asked(&stage.approver().await?, "1h").await?;
    let tenant = stage.system.world.entra.tenant();
    let guest = Uuid::from_u128(0x6e57);
    let name = "kim.osei_fabrikam.example#EXT#@contoso.example";
    let mut user = User::new(guest, name, "Kim Osei", tenant.now());
    user.user_type = "Guest".to_owned();
    user.app_roles.extend(["Requester", "Approver"].map(str::to_owned));
    tenant.create_user(user)?;
    stage.provisioner().push(guest).await?;
    stage
        .provisioner()
        .add_member(stage.company.security_approvers.id, guest)
        .await?;
    let guest = stage.person(name).await?;
    refused(&stage.decide(&guest, &request, "approve").await?, 403, "guest-approver");
    assert_eq!(stage.status_of(&request).await?, "pending");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_03_a_group_that_approves_cannot_be_requested() -> anyhow::Result<()> {
    let stage = stage().await?;
    let admin = stage.admin().await?;
    let approving = format!("entra:{}", stage.company.security_approvers.id);
    let requested = stage.group_id(stage.company.prod_admins.name).await?;
    let before = stage.settled().await?;

    let body = json!({"name": "approvers", "targets": [approving], "eligible": "everyone"});
    let answer = stage.post(&admin, "/v1/admin/entitlements", &body).await?;
    refused(&answer, 409, "approver-loop");
    let id = stage.entitlement();
    let groups = json!({"groups": [requested]});
    let changes: [(&str, Value); 3] = [
        ("targets", json!([approving])),
        ("approvers", groups.clone()),
        ("eligible", json!({"only": groups})),
    ];
    for (field, value) in changes {
        let answer = stage.change_entitlement(&id, |e| e[field] = value).await?;
        refused(&answer, 409, "approver-loop");
    }
    let answer = stage.change_template(|t| t["default_approvers"] = groups).await?;
    refused(&answer, 409, "approver-loop");
    stage.unchanged(&before, "a configuration that was refused")?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_03_a_loop_is_found_at_the_decision_and_at_the_activation() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let early = stage.asked(&dana, "1h").await?;
    stage.graph_answers(503).await?;
    let decided = stage.decide(&kim, &early, "approve").await?.ok()?;
    let grant = decided["grant"].as_str().expect("a grant").to_owned();
    stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    let late = stage.asked(&dana, "1h").await?;
    stage.forge_loop().await?;
    refused(&stage.decide(&kim, &late, "approve").await?, 409, "approver-loop");
    stage.clear_graph_faults().await?;
    let ended = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "failed");
    assert!(!stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_05_fields_that_are_the_servers_to_decide() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim, admin) = (stage.requester().await?, stage.approver().await?, stage.admin().await?);
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let request = stage.asked(&dana, "1h").await?;
    let entitlement = stage.entitlement();
    let other = stage.entitlement_named("prod-readers").await?;
    let ask = json!({"entitlement": other, "duration": "1h", "justification": "INC-42: restart the pool"});
    let new = json!({"name": "x", "targets": [format!("entra:{}", stage.company.prod_admins.id)]});
    let azure = json!({"tenant_id": stage.system.world.entra.tenant().id(), "client_id": Uuid::nil(),
        "client_secret": "secret"});
    let aws = json!({"url": "https://scim.eu-central-1.amazonaws.com/t/scim/v2/", "access_token": "secret"});
    let template = json!({"default_approvers": {}, "durations": ["1h"], "request_ttl_seconds": 300});
    let register = json!({"id": "fabrikam.example", "name": "F", "tenant": Uuid::nil()});
    let calls: Vec<(Method, String, Value, &Person)> = vec![
        (Method::POST, "/v1/requests".into(), ask.clone(), &dana),
        (Method::POST, "/v1/requests/preview".into(), ask, &dana),
        (Method::POST, format!("/v1/requests/{request}/cancel"), json!({}), &dana),
        (
            Method::POST,
            format!("/v1/requests/{request}/decisions"),
            json!({"decision": "approve"}),
            &kim,
        ),
        (Method::POST, format!("/v1/grants/{grant}/check-in"), json!({}), &dana),
        (
            Method::POST,
            format!("/v1/grants/{grant}/revoke"),
            json!({"reason": "over"}),
            &kim,
        ),
        (Method::POST, "/v1/admin/applications".into(), register, &admin),
        (
            Method::POST,
            format!("/v1/admin/applications/{DOMAIN}/scim-tokens"),
            json!({}),
            &admin,
        ),
        (Method::POST, "/v1/admin/entitlements".into(), new.clone(), &admin),
        (
            Method::PUT,
            format!("/v1/admin/entitlements/{entitlement}"),
            new,
            &admin,
        ),
        (Method::PUT, "/v1/admin/template".into(), template, &admin),
        (Method::PUT, "/v1/admin/integrations/azure".into(), azure, &admin),
        (Method::PUT, "/v1/admin/integrations/aws".into(), aws, &admin),
        (
            Method::POST,
            "/v1/admin/probes".into(),
            json!({"kind": "test_azure"}),
            &admin,
        ),
        (
            Method::POST,
            "/v1/admin/probes".into(),
            json!({"kind": "test_aws"}),
            &admin,
        ),
        (
            Method::POST,
            "/v1/admin/probes".into(),
            json!({"kind": "preflight", "entitlement": entitlement}),
            &admin,
        ),
    ];
    let before = stage.settled().await?;
    for (method, path, good, who) in calls {
        for (field, value) in SPOOFS {
            let mut body = good.clone();
            body[field] = serde_json::from_str(value)?;
            let answer = stage
                .send(stage.request(method.clone(), &path, who).json(&body))
                .await?;
            assert_eq!(
                (answer.status, answer.code(), answer.field()),
                (400, "unknown-field", Some(field)),
                "{method} {path} with {field}: {answer}"
            );
        }
    }
    stage.unchanged(&before, "a call with a field that is not the client's")?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_06_edited_between_view_and_approval() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let request = stage.asked(&dana, "1h").await?;
    let path = format!("/v1/requests/{request}");
    let edit = json!({"duration": "2d", "justification": "INC-42: something else"});
    let before = stage.settled().await?;
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::POST] {
        let answer = stage.send(stage.request(method, &path, &dana).json(&edit)).await?;
        refused(&answer, 405, "method-not-allowed");
    }
    let longer = json!({"decision": "approve", "duration": "2h"});
    let answer = stage.post(&kim, &format!("{path}/decisions"), &longer).await?;
    refused(&answer, 422, "duration-longer");
    stage.unchanged(&before, "an edit of a request")?;

    let other = format!("entra:{}", stage.company.db_breakglass.id);
    let id = stage.entitlement();
    stage
        .change_entitlement(&id, |e| e["targets"] = json!([other]))
        .await?
        .ok()?;
    stage.settled().await?;
    refused(&stage.decide(&kim, &request, "approve").await?, 409, "policy-changed");
    assert_eq!(stage.count("GRANT#")?, 0);
    assert!(
        stage
            .members(&stage.company.db_breakglass.id.to_string())
            .await?
            .is_empty()
    );
    stage.decide(&kim, &request, "deny").await?.ok()?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_07_approval_of_what_is_over() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);

    let cancelled = stage.asked(&dana, "1h").await?;
    stage
        .post(&dana, &format!("/v1/requests/{cancelled}/cancel"), &json!({}))
        .await?
        .ok()?;
    let denied = stage.asked(&dana, "1h").await?;
    stage.decide(&kim, &denied, "deny").await?.ok()?;
    let lapsed = stage.asked(&dana, "1h").await?;
    let id: RequestId = lapsed.parse()?;
    let mut request = stage.read::<Request>(&keys::request(id)).await?.value;
    request.lapses_at = stage.now().plus_seconds(-1);
    stage.forge(&request).await?;

    let before = stage.settled().await?;
    let tomasz = stage.other_approver(0).await?;
    for (request, code) in [
        (&cancelled, "request-not-pending"),
        (&denied, "request-not-pending"),
        (&lapsed, "request-lapsed"),
    ] {
        for (who, decision) in [(&kim, "approve"), (&tomasz, "approve"), (&tomasz, "deny")] {
            refused(&stage.decide(who, request, decision).await?, 409, code);
        }
    }
    stage.unchanged(&before, "a decision that came too late")?;
    assert_eq!(stage.count("GRANT#")?, 0);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_08_approver_removed_or_disabled_between_view_and_submit() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let request = stage.asked(&dana, "1h").await?;
    let approvers = stage.company.security_approvers.id;
    let [removed, disabled, deleted] = [0, 1, 2].map(|at| stage.company.other_approvers[at].clone());
    let mut seen = Vec::new();
    for person in [&removed, &disabled, &deleted] {
        let who = stage.person(&person.user_name).await?;
        stage.get(&who, &format!("/v1/requests/{request}")).await?.ok()?;
        seen.push(who);
    }
    let provisioner = stage.provisioner();
    provisioner.remove_member(approvers, removed.id).await?;
    provisioner.disable_user(disabled.id).await?;
    provisioner.delete_user(deleted.id).await?;
    let before = stage.settled().await?;
    // Their tokens are good for another hour; what counts is what is stored now.
    let expected = [(404, "not-found"), (403, "account-inactive"), (403, "not-provisioned")];
    for (who, (status, code)) in seen.iter().zip(expected) {
        for decision in ["approve", "deny"] {
            refused(&stage.decide(who, &request, decision).await?, status, code);
        }
    }
    stage.unchanged(&before, "a decision of somebody who no longer approves")?;

    // The last one who could approve, through a group that goes as a whole.
    provisioner.delete_group(approvers).await?;
    let kim = stage.approver().await?;
    refused(&stage.decide(&kim, &request, "approve").await?, 404, "not-found");
    assert_eq!(stage.count("GRANT#")?, 0);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_08_approver_disabled_between_approval_and_activation() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    // Graph takes its time, and while it does the approver loses the account.
    stage
        .graph_fault(&json!({"match": {"method": "GET", "path_contains": "/groups/"}, "hold": true}))
        .await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.provisioner().disable_user(stage.company.approver.id).await?;
    assert!(!stage.dana_is_in().await?);
    stage.clear_graph_faults().await?;
    let ended = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "failed");
    assert!(!stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_09_policy_tightened_between_request_and_approval() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let id = stage.entitlement();
    type Tighten = fn(&mut Value);
    let changes: [Tighten; 4] = [
        |e| e["quorum"] = json!(2),
        |e| e["durations"] = json!(["30m"]),
        |e| e["eligible"] = json!("nobody"),
        |e| e["justification_min"] = json!(500),
    ];
    for change in changes {
        let request = stage.asked(&dana, "1h").await?;
        stage.change_entitlement(&id, change).await?.ok()?;
        stage.settled().await?;
        refused(&stage.decide(&kim, &request, "approve").await?, 409, "policy-changed");
        stage.decide(&kim, &request, "deny").await?.ok()?;
        let undo = |e: &mut Value| {
            e["quorum"] = json!(1);
            e["eligible"] = json!("everyone");
            e["justification_min"] = json!(10);
            if let Some(fields) = e.as_object_mut() {
                fields.remove("durations");
            }
        };
        stage.change_entitlement(&id, undo).await?.ok()?;
    }
    // The template counts as well; switched off says so.
    let request = stage.asked(&dana, "1h").await?;
    stage.change_template(|t| t["durations"] = json!(["30m"])).await?.ok()?;
    refused(&stage.decide(&kim, &request, "approve").await?, 409, "policy-changed");
    assert_eq!(stage.count("GRANT#")?, 0);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_09_policy_tightened_between_approval_and_activation() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    stage.graph_answers(503).await?;
    let (request, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    let id = stage.entitlement();
    stage.change_entitlement(&id, |e| e["quorum"] = json!(2)).await?.ok()?;
    stage.clear_graph_faults().await?;
    let ended = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "failed");
    let why = ended["targets"][0]["last_error"].as_str().unwrap_or_default();
    assert!(why.contains("rules"), "{ended}");
    assert!(!stage.dana_is_in().await?);
    let timeline = stage.timeline(&dana, &request).await?;
    assert!(timeline.contains(&"grant.ended".to_owned()), "{timeline:?}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_10_replay_of_an_approval() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim, tomasz) = (
        stage.requester().await?,
        stage.approver().await?,
        stage.other_approver(0).await?,
    );
    let request = stage.asked(&dana, "1h").await?;
    let path = format!("/v1/requests/{request}/decisions");
    let send = |who: &Person, decision: &str| {
        let body = json!({"decision": decision});
        let call = stage.request(Method::POST, &path, who);
        stage.send(call.header("Idempotency-Key", "once").json(&body))
    };
    let first = send(&kim, "approve").await?;
    assert_eq!(first.status, 200, "{first}");
    stage.dana_becomes(true).await?;
    let before = stage.settled().await?;
    let again = send(&kim, "approve").await?;
    assert_eq!((again.status, &again.body), (200, &first.body), "the stored answer");
    refused(&send(&kim, "deny").await?, 422, "key-reused");
    refused(
        &stage.decide(&kim, &request, "approve").await?,
        409,
        "request-not-pending",
    );
    // A key belongs to its caller: nobody is answered what somebody else was.
    refused(&send(&tomasz, "approve").await?, 409, "request-not-pending");
    stage.unchanged(&before, "a replay")?;
    assert_eq!((stage.count("GRANT#")?, stage.count("DEC#")?), (1, 1));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_11_races_and_double_clicks() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim, tomasz) = (
        stage.requester().await?,
        stage.approver().await?,
        stage.other_approver(0).await?,
    );
    let mut granted = BTreeSet::new();
    let pairs: [(&Person, &str, &Person, &str); 4] = [
        (&kim, "approve", &tomasz, "approve"),
        (&kim, "approve", &kim, "approve"),
        (&kim, "approve", &tomasz, "deny"),
        (&kim, "deny", &tomasz, "approve"),
    ];
    for (first, one, second, other) in pairs {
        for _ in 0..3 {
            let request = stage.asked(&dana, "1h").await?;
            let (a, b) = tokio::try_join!(
                stage.decide(first, &request, one),
                stage.decide(second, &request, other)
            )?;
            let mut answers = [a, b];
            answers.sort_by_key(|answer| answer.status);
            assert_eq!(answers[0].status, 200, "{} {}", answers[0], answers[1]);
            refused(&answers[1], 409, "request-not-pending");
            if let Some(grant) = answers[0].body["grant"].as_str() {
                assert!(granted.insert(grant.to_owned()));
            }
        }
    }
    assert_eq!(stage.count("GRANT#")?, granted.len());
    assert_eq!(stage.count("DEC#")?, 12, "one decision per request");

    let request = stage.asked(&dana, "1h").await?;
    let cancel_path = format!("/v1/requests/{request}/cancel");
    let nothing = json!({});
    let (decided, cancelled) = tokio::try_join!(
        stage.decide(&kim, &request, "approve"),
        stage.post(&dana, &cancel_path, &nothing)
    )?;
    let mut statuses = [decided.status, cancelled.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{decided} {cancelled}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_11_a_quorum_counts_distinct_people() -> anyhow::Result<()> {
    let stage = stage().await?;
    let id = stage.entitlement();
    stage.change_entitlement(&id, |e| e["quorum"] = json!(2)).await?.ok()?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let request = stage.asked(&dana, "1h").await?;
    let (a, b) = tokio::try_join!(
        stage.decide(&kim, &request, "approve"),
        stage.decide(&kim, &request, "approve")
    )?;
    let mut answers = [a, b];
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers[0].status, 200, "{} {}", answers[0], answers[1]);
    refused(&answers[1], 409, "already-decided");
    refused(&stage.decide(&kim, &request, "deny").await?, 409, "already-decided");
    assert_eq!(
        (stage.status_of(&request).await?.as_str(), stage.count("GRANT#")?),
        ("pending", 0)
    );
    let (tomasz, aroha) = (stage.other_approver(0).await?, stage.other_approver(1).await?);
    let (a, b) = tokio::try_join!(
        stage.decide(&tomasz, &request, "approve"),
        stage.decide(&aroha, &request, "approve")
    )?;
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{a} {b}");
    assert_eq!((stage.count("GRANT#")?, stage.count("DEC#")?), (1, 2));
    stage.dana_becomes(true).await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_15_a_token_without_a_fresh_second_factor() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = stage.approver().await?.name;
    let request = stage.asked(&stage.requester().await?, "1h").await?;
    let before = stage.settled().await?;
    let now = stage.now().seconds();
    for order in [
        json!({"factors": ["pwd"]}),
        json!({"factors": ["pwd"], "version": 1}),
        json!({"factors": ["fido", "hwk"], "version": 1}),
        json!({"factors": ["ngcmfa"], "version": 1}),
        json!({"auth_age_seconds": 310}),
        json!({"auth_age_seconds": 310, "version": 1}),
        json!({"auth_age_seconds": -120}),
        json!({"claims": {"auth_time": null}}),
        json!({"claims": {"auth_time": 0}}),
        json!({"claims": {"auth_time": i64::MAX}}),
        json!({"claims": {"acrs": ["c2", "C1", "c1 "]}}),
        json!({"claims": {"acrs": "c1,c2"}}),
        // Each version tells of factors in one place only.
        json!({"factors": ["pwd"], "claims": {"amr": ["mfa"]}}),
        json!({"factors": ["pwd"], "version": 1, "claims": {"acrs": ["c1"], "auth_time": now}}),
        json!({"factors": ["pwd"], "claims": {"acr": "c1", "mfa": true}}),
    ] {
        let mut full = order.clone();
        full["user"] = json!(kim);
        let who = stage.person_with(full).await?;
        for decision in ["approve", "deny"] {
            let answer = stage.decide(&who, &request, decision).await?;
            assert_eq!(
                (answer.status, answer.code()),
                (401, "step-up-required"),
                "{order}: {answer}"
            );
            let claims = answer.text("claims");
            let header = answer.challenge.clone().unwrap_or_default();
            assert!(header.contains("insufficient_claims"), "{header}");
            assert!(!claims.is_empty() && header.contains(&claims), "{header} and {claims}");
        }
    }
    stage.unchanged(&before, "a decision without a second factor")?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_16_and_28_one_person_floods_the_approvers() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin) = (stage.requester().await?, stage.admin().await?);
    let target = format!("entra:{}", stage.company.prod_admins.id);
    let mut ids = Vec::new();
    for n in 0..21 {
        let body = json!({"name": format!("flood-{n}"), "targets": [target], "eligible": "everyone"});
        let made = stage.post(&admin, "/v1/admin/entitlements", &body).await?.ok()?;
        ids.push(made["id"].as_str().expect("an id").to_owned());
    }
    let mut requests = Vec::new();
    for id in &ids[..20] {
        let made = stage.ask_for(&dana, id, "1h").await?.ok()?;
        requests.push(made["id"].as_str().expect("an id").to_owned());
        refused(&stage.ask_for(&dana, id, "1h").await?, 409, "already-requested");
    }
    let before = stage.settled().await?;
    for _ in 0..10 {
        refused(
            &stage.ask_for(&dana, &ids[20], "1h").await?,
            429,
            "too-many-open-requests",
        );
    }
    stage.unchanged(&before, "a request too many")?;
    let cancel = format!("/v1/requests/{}/cancel", requests[0]);
    stage.post(&dana, &cancel, &json!({})).await?.ok()?;
    stage.ask_for(&dana, &ids[20], "1h").await?.ok()?;
    // Somebody else is not held up by it.
    let freya = stage.person("freya.lindqvist@contoso.example").await?;
    stage.ask_for(&freya, &ids[0], "1h").await?.ok()?;
    stage.stop().await;
    Ok(())
}
