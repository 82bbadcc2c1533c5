//! What a SCIM secret can and cannot do: cases 20 and 29 to 32.

use hourglass_app::keys;
use hourglass_domain::directory::User as Provisioned;
use hourglass_domain::ids::{ApplicationId, UserId};
use hourglass_local::company::DOMAIN;
use hourglass_tests::stage::{logged, refused};
use hourglass_tests::{Answer, Person};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, stage};

const FREYA: &str = "freya.lindqvist@contoso.example";

fn patch(operations: Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// A SCIM error with this status and type.
#[track_caller]
fn scim_refused(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(
        (answer.status, answer.text("scimType").as_str()),
        (status, kind),
        "{answer}"
    );
    assert_eq!(answer.content_type, "application/scim+json");
}

impl Stage {
    async fn scim_ids(&self) -> anyhow::Result<(String, String)> {
        let freya = self.company.person(FREYA).expect("seeded").id;
        let user = self.scim_id("Users", freya).await?;
        let group = self.scim_id("Groups", self.company.security_approvers.id).await?;
        Ok((user, group))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_20_mass_assignment_over_scim() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (_, approvers) = stage.scim_ids().await?;
    let kim = stage.user_id(&stage.company.approver.user_name).await?;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": kim, "userName": "mallory@contoso.example", "externalId": "00000000-0000-0000-0000-00000000aaaa",
        "active": true, "person": kim, "application": "fabrikam.example", "created_at": "2001-01-01T00:00:00Z",
        "roles": [{"value": "Admin", "primary": true}], "entitlements": [{"value": "Approver"}],
        "groups": [{"value": approvers}], "meta": {"version": "W/\"99\"", "created": "2001-01-01T00:00:00Z"},
    });
    let made = stage.scim_send(Method::POST, "/Users", &body).await?;
    // Whatever is not the client's to set is refused or left alone; here all of it may simply be left alone.
    assert!(matches!(made.status, 201 | 400), "{made}");
    if made.status == 201 {
        let id: UserId = made.text("id").parse()?;
        assert_ne!(id.to_string(), kim);
        let application: ApplicationId = DOMAIN.parse()?;
        let stored: Provisioned = stage.read(&keys::user(&application, id)).await?.value;
        assert_eq!(stored.application, application);
        assert_eq!(stored.person, id.into(), "a new account is a person of its own");
        assert!(stored.created_at >= stage.now().plus_seconds(-60));
        let member = keys::member(&application, approvers.parse()?, id);
        let member = format!("{} / {}", member.pk, member.sk);
        assert!(
            !stage.state()?.contains_key(&member),
            "groups take members, users take no groups"
        );
    }
    // The person behind an account cannot be moved either.
    let own = stage.user_id(FREYA).await?;
    for path in ["person", "application", "id", "meta.created", "groups"] {
        let operation = json!([{"op": "replace", "path": path, "value": kim}]);
        let answer = stage
            .scim_send(Method::PATCH, &format!("/Users/{own}"), &patch(operation))
            .await?;
        assert!(answer.status == 400 || answer.status == 200, "{path}: {answer}");
        let id: UserId = own.parse()?;
        let stored: Provisioned = stage.read(&keys::user(&DOMAIN.parse()?, id)).await?.value;
        assert_eq!((stored.id, stored.person), (id, id.into()), "{path}");
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_29_a_scim_secret_raises_nobody() -> anyhow::Result<()> {
    let stage = stage().await?;
    let request = stage.asked(&stage.requester().await?, "1h").await?;
    let (freya_id, approvers) = stage.scim_ids().await?;
    let freya = stage.person(FREYA).await?;

    // The secret opens /scim/v2 and nothing else, and an access token does not open /scim/v2.
    let scim = Person {
        name: "scim".to_owned(),
        token: stage.ready.scim.token.clone(),
    };
    for path in [
        "/v1/me",
        "/v1/approvals",
        "/v1/admin/entitlements",
        "/v1/admin/applications",
    ] {
        refused(&stage.get(&scim, path).await?, 401, "unauthorized");
    }
    let admin = stage.admin().await?;
    let url = format!("{}/Users", stage.ready.scim.url);
    let answer = stage.send(stage.http().get(url).bearer_auth(&admin.token)).await?;
    assert_eq!(answer.status, 401, "{answer}");

    // Identity cannot be taken over: Freya's record cannot become Kim's, nor can a second one be made for Kim.
    let kim = stage.company.approver.id.to_string();
    for value in [json!(kim), json!(kim.to_uppercase()), json!(""), Value::Null] {
        let operation = json!([{"op": "replace", "path": "externalId", "value": value}]);
        let answer = stage
            .scim_send(Method::PATCH, &format!("/Users/{freya_id}"), &patch(operation))
            .await?;
        scim_refused(&answer, 400, "mutability");
    }
    for body in [
        json!({"userName": "kim.two@contoso.example", "externalId": kim}),
        json!({"userName": "kim.two@contoso.example", "externalId": kim.to_uppercase()}),
        json!({"userName": "KIM.OSEI@contoso.example", "externalId": "00000000-0000-0000-0000-00000000aaaa"}),
    ] {
        scim_refused(
            &stage.scim_send(Method::POST, "/Users", &body).await?,
            409,
            "uniqueness",
        );
    }

    // In the approvers' group without the app role, which only Entra gives: no approver.
    let operation = json!([{"op": "add", "path": "members", "value": [{"value": freya_id}]}]);
    let answer = stage
        .scim_send(Method::PATCH, &format!("/Groups/{approvers}"), &patch(operation))
        .await?;
    assert!(matches!(answer.status, 200 | 204), "{answer}");
    refused(&stage.decide(&freya, &request, "approve").await?, 403, "role-missing");
    // And it is on record, with the secret that did it.
    let stream = format!("AUD#group:{DOMAIN}:{approvers} / E#");
    let events = stage.state()?;
    let events: Vec<&Value> = events
        .iter()
        .filter(|(key, _)| key.starts_with(&stream))
        .map(|(_, item)| item)
        .collect();
    let last = events.last().expect("an event").to_string();
    assert!(last.contains("scim") && last.contains(&freya_id), "{last}");

    // Re-creating the approvers' group under its name gives its members nothing.
    let answer = stage
        .scim_send(Method::DELETE, &format!("/Groups/{approvers}"), &Value::Null)
        .await?;
    assert_eq!(answer.status, 204, "{answer}");
    let again = json!({"displayName": stage.company.security_approvers.name,
        "externalId": stage.company.security_approvers.id, "members": [{"value": freya_id}]});
    let made = stage.scim_send(Method::POST, "/Groups", &again).await?;
    assert_eq!(made.status, 201, "{made}");
    let claims = json!({"user": FREYA, "claims": {"roles": ["Requester", "Approver"]}});
    let freya = stage.person_with(claims).await?;
    refused(&stage.decide(&freya, &request, "approve").await?, 404, "not-found");
    stage.stop().await;
    Ok(())
}

/// Calls that carry secrets where they belong and where they do not, and calls whose answers might hold some: those of SCIM,
/// of the connector and of Identity Center.
fn telling(
    stage: &Stage,
    admin: &Person,
    secrets: &[String; 3],
    guesses: &[String; 2],
) -> Vec<reqwest::RequestBuilder> {
    let http = stage.http();
    let scim = &stage.ready.scim.url;
    let (tenant, center) = (
        stage.system.world.entra.tenant().id(),
        stage.system.world.identity_center.endpoint(),
    );
    let azure = |tenant: Value, secret: Value| {
        let body = json!({"tenant_id": tenant, "client_id": Uuid::nil(), "client_secret": secret});
        stage
            .request(Method::PUT, "/v1/admin/integrations/azure", admin)
            .json(&body)
    };
    let aws = |url: &str, token: Value| {
        let body = json!({"url": url, "access_token": token});
        stage
            .request(Method::PUT, "/v1/admin/integrations/aws", admin)
            .json(&body)
    };
    vec![
        stage.scim(Method::GET, "/Users/not-there"),
        stage.scim(Method::POST, "/Users").body("{"),
        stage
            .scim(Method::POST, "/Users")
            .body(format!("{{\"userName\": \"{}\"", secrets[0])),
        stage.scim(Method::GET, "/Nothing"),
        stage.scim(Method::PUT, "/Users"),
        stage.scim(Method::GET, "/Users").query(&[("filter", "userName eq")]),
        http.get(format!("{scim}/Users")).bearer_auth(&guesses[0]),
        http.get(format!("{scim}/Users")).bearer_auth(&guesses[1]),
        http.get(format!("{scim}/Users"))
            .header("authorization", format!("Basic {}", secrets[0])),
        http.get(format!("{}/v1/me", stage.ready.api)).bearer_auth(&secrets[0]),
        stage.request(Method::GET, "/v1/admin/applications", admin),
        stage.request(Method::GET, "/v1/admin/integrations/azure", admin),
        azure(json!("not one"), json!(secrets[1])),
        azure(json!(tenant), json!(format!("{} ", secrets[1]))),
        azure(json!(tenant), json!([secrets[1]])),
        stage.request(Method::GET, "/v1/admin/integrations/aws", admin),
        aws(&center, json!(secrets[2])),
        aws(&center, json!(format!("{} ", secrets[2]))),
        aws(&secrets[2], json!(secrets[2])),
        aws(&center, json!([secrets[2]])),
        stage
            .request(Method::POST, "/v1/admin/probes", admin)
            .json(&json!({"kind": "test_aws"})),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_30_secrets_are_nowhere_to_be_read() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin) = (stage.requester().await?, stage.admin().await?);
    let connector = stage.system.world.entra.tenant().connector()?;
    let secrets = [
        stage.ready.scim.token.clone(),
        connector.client_secret.expose_secret().to_owned(),
        stage
            .system
            .world
            .identity_center
            .generate_token()?
            .expose_secret()
            .to_owned(),
    ];
    let guesses = [format!("{}x", secrets[0]), secrets[0].replace("hgscim_", "hgscim_-")];
    let mut seen: Vec<String> = Vec::new();
    for request in telling(&stage, &admin, &secrets, &guesses) {
        let response = request.send().await?;
        let headers = format!("{:?}", response.headers());
        seen.extend([headers, response.text().await?]);
    }
    // A grant while Graph refuses its credentials tells of the refusal and not of the credentials.
    stage.graph_answers(401).await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    let failing = stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    seen.push(failing.to_string());
    stage.clear_graph_faults().await?;

    let tokens = [dana.token.clone(), admin.token.clone()];
    for secret in secrets.iter().chain(&tokens).chain(&guesses) {
        for text in &seen {
            assert!(
                !text.contains(secret.as_str()),
                "an answer holds a secret: {}",
                text.replace(secret.as_str(), "###")
            );
        }
        assert_eq!(logged(&[secret]).len(), 0, "a log line holds a secret");
        let stored = stage
            .state()?
            .into_iter()
            .filter(|(_, item)| item.to_string().contains(secret.as_str()));
        assert_eq!(stored.map(|(key, _)| key).collect::<Vec<_>>(), Vec::<String>::new());
    }
    // What holds secrets does not print them.
    let integration = stage.services.secret_writer.clone();
    assert!(!format!("{integration:?} {:?}", stage.services).contains(&secrets[1]));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_31_filters_that_are_no_filters() -> anyhow::Result<()> {
    let stage = stage().await?;
    let long = format!("userName eq \"{}\"", "x".repeat(20_000));
    let many = vec!["userName eq \"x\""; 2_000].join(" or ");
    let parentheses = format!("{}userName eq \"x\"{}", "(".repeat(500), ")".repeat(500));
    let wrong = [
        "userName eq 'x'",
        "userName eq \"x\"; DROP TABLE users",
        "userName eq \"x\" or 1 eq 1",
        "userName eq \"x\" or \"1\" eq \"1\"",
        "userName == \"x\"",
        "userName eq x",
        "userName eq \"x",
        "userName eq",
        "not userName eq \"x\"",
        "$where eq \"this.active\"",
        "userName eq \"x\" --",
        "userName eq \"x\"/**/",
        "\u{0}",
        long.as_str(),
        many.as_str(),
        parentheses.as_str(),
    ];
    for filter in wrong {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
        let answer = stage.scim_send(Method::POST, "/Users/.search", &body).await?;
        let start: String = filter.chars().take(60).collect();
        // Two dialects have to be read, so that some spellings are taken for values; none finds anybody.
        if answer.status == 200 {
            assert_eq!(answer.body["totalResults"], 0, "{start}");
        } else {
            let kinds = ["invalidFilter", "invalidValue", "tooMany", "invalidSyntax"];
            assert!(
                answer.status == 400 && kinds.contains(&answer.text("scimType").as_str()),
                "{start}: {answer}"
            );
        }
        assert!(answer.body.to_string().len() < 1_000, "{start}: repeated");
    }
    // What looks like an injection is a value like any other.
    for value in [
        "x\\\" or \\\"1\\\"=\\\"1",
        "*",
        "%",
        "kim*",
        "KEY",
        "UN#kim.osei@contoso.example",
        "../U#1",
        "a\\u0000b",
    ] {
        let filter = format!("userName eq \"{value}\"");
        let answer = stage
            .send(stage.scim(Method::GET, "/Users").query(&[("filter", &filter)]))
            .await?;
        assert_eq!(
            (answer.status, &answer.body["totalResults"]),
            (200, &json!(0)),
            "{filter}: {answer}"
        );
    }
    // Names in any case find the one, and only the one.
    for filter in [
        "USERNAME Eq \"KIM.OSEI@CONTOSO.EXAMPLE\"",
        "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"kim.osei@contoso.example\"",
    ] {
        let answer = stage
            .send(stage.scim(Method::GET, "/Users").query(&[("filter", filter)]))
            .await?;
        assert_eq!(answer.body["totalResults"], 1, "{filter}: {answer}");
        assert_eq!(
            answer.body["Resources"][0]["externalId"],
            stage.company.approver.id.to_string()
        );
    }
    for path in [
        "/Users/..%2fGroups",
        "/Users/%2e%2e%2fGroups",
        "/Users/%00",
        "/Users/*",
        "/Users/1%20or%201",
        "/../v1/me",
    ] {
        let answer = stage.send(stage.scim(Method::GET, path)).await?;
        assert!(matches!(answer.status, 401 | 404), "{path}: {answer}");
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_31_paths_and_removals_that_reach_too_far() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (user, group) = stage.scim_ids().await?;
    let before = stage.settled().await?;
    let long = "a.".repeat(3_000);
    for path in [
        "members[value eq \"x\"].../../..",
        "../../Users",
        "members[",
        "members]",
        "members[value eq ]",
        "members[value pr]",
        "members[not (value eq \"x\")]",
        "members[value ne \"x\"]",
        "members[value co \"\"]",
        "members.value",
        "members[value eq \"x\"].display",
        "members[value eq \"x\" or true]",
        "[value eq \"x\"]",
        "emails[type eq \"work\"",
        "__proto__.active",
        "",
        " ",
        "members\u{0}",
        long.as_str(),
    ] {
        for op in ["add", "replace", "remove"] {
            let operation = json!([{"op": op, "path": path, "value": [{"value": user}]}]);
            let answer = stage
                .scim_send(Method::PATCH, &format!("/Groups/{group}"), &patch(operation))
                .await?;
            let start: String = path.chars().take(60).collect();
            assert_eq!(answer.status, 400, "{op} {start:?}: {answer}");
        }
    }
    // What meant to name members and names none removes nobody; what names strangers adds nobody.
    let nobody = "00000000-0000-0000-0000-0000000000ff";
    for operations in [
        json!([{"op": "remove", "path": "members", "value": null}]),
        json!([{"op": "remove", "path": "members", "value": [{}]}]),
        json!([{"op": "remove", "path": "members", "value": [{"value": ""}]}]),
        json!([{"op": "remove"}]),
        json!([{"op": "remove", "path": "members[value eq \"\"] "}, {"op": "nothing"}]),
        json!([{"op": "add", "path": "members", "value": [{"value": nobody}]}]),
        json!([{"op": "replace", "path": "members", "value": [{"value": nobody}]}]),
        json!([{"op": "add", "path": "members", "value": [{"value": group, "type": "Group"}]}]),
        json!([{"op": "add", "path": "members", "value": [{"value": user}]}, {"op": "replace", "path": "externalId", "value": nobody}]),
        json!([]),
        json!({"op": "remove", "path": "members"}),
    ] {
        let answer = stage
            .scim_send(Method::PATCH, &format!("/Groups/{group}"), &patch(operations.clone()))
            .await?;
        assert!((400..500).contains(&answer.status), "{operations}: {answer}");
    }
    stage.unchanged(&before, "a PATCH that was refused")?;
    // Removing who is no member, and nobody at all, is done at once.
    for operations in [
        json!([{"op": "remove", "path": format!("members[value eq \"{nobody}\"]")}]),
        json!([{"op": "remove", "path": "members", "value": []}]),
    ] {
        let answer = stage
            .scim_send(Method::PATCH, &format!("/Groups/{group}"), &patch(operations.clone()))
            .await?;
        assert!((200..500).contains(&answer.status), "{operations}: {answer}");
        stage.unchanged(&before, "a removal of nobody")?;
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_32_deprovisioned_with_a_live_grant() -> anyhow::Result<()> {
    let stage = stage().await?;
    let auditor = stage.person(&stage.company.auditor.user_name).await?;
    let readers = stage.entitlement_named("prod-readers").await?;
    let group = stage.company.prod_admins.id.to_string();
    let people = [
        stage.company.requester.user_name.clone(),
        FREYA.to_owned(),
        "bao.tran@contoso.example".to_owned(),
    ];
    let mut grants = Vec::new();
    for name in &people {
        let who = stage.person(name).await?;
        let (_, grant) = stage.granted(&who, &stage.entitlement(), "1d").await?;
        let open = stage.ask_for(&who, &readers, "1d").await?.ok()?;
        let account = stage.company.person(name).expect("seeded").id;
        stage.member_is(&group, &account.to_string(), true).await?;
        grants.push((who, account, grant, open["id"].as_str().expect("an id").to_owned()));
    }
    // Switched off, deleted, and switched off and on again a moment later: what was live ends in each case.
    let provisioner = stage.provisioner();
    provisioner.disable_user(grants[0].1).await?;
    provisioner.delete_user(grants[1].1).await?;
    provisioner.disable_user(grants[2].1).await?;
    provisioner.enable_user(grants[2].1).await?;
    for (_, account, grant, _) in &grants {
        stage.member_is(&group, &account.to_string(), false).await?;
        let ended = stage
            .grant_until(&auditor, grant, |grant| grant["status"] == "ended")
            .await?;
        assert_eq!(ended["ended_because"], "user_deactivated");
    }
    let kim = stage.approver().await?;
    for (number, (who, _, _, open)) in grants.iter().enumerate() {
        let path = format!("/v1/requests/{open}");
        stage
            .until("the open request cancelled", || async {
                let request = stage.get(&auditor, &path).await?.ok()?;
                Ok(if request["status"] == "cancelled" {
                    Ok(())
                } else {
                    Err(request.to_string())
                })
            })
            .await?;
        refused(&stage.decide(&kim, open, "approve").await?, 409, "request-not-pending");
        // Who is on again may ask anew; what was asked before is not brought back by it.
        let answer = stage.ask(who, "1h").await?;
        assert_eq!(answer.status, if number == 2 { 201 } else { 403 }, "{answer}");
    }
    stage.stop().await;
    Ok(())
}

/// What is stored in the PATCH itself starts the end of everything: nobody has to come by and look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_32_deprovisioned_while_nothing_sweeps() -> anyhow::Result<()> {
    let stage = stage().await?;
    let auditor = stage.person(&stage.company.auditor.user_name).await?;
    let readers = stage.entitlement_named("prod-readers").await?;
    let group = stage.company.prod_admins.id.to_string();
    let dana = stage.requester().await?;
    stage.granted(&dana, &stage.entitlement(), "1d").await?;
    let open = stage.ask_for(&dana, &readers, "1d").await?.ok()?;
    let path = format!("/v1/requests/{}", open["id"].as_str().expect("an id"));
    let account = stage.company.requester.id;
    stage.member_is(&group, &account.to_string(), true).await?;
    stage.system.rule.pause(true);
    stage.provisioner().disable_user(account).await?;
    stage.member_is(&group, &account.to_string(), false).await?;
    stage
        .until("the open request cancelled", || async {
            let request = stage.get(&auditor, &path).await?.ok()?;
            Ok(if request["status"] == "cancelled" {
                Ok(())
            } else {
                Err(request.to_string())
            })
        })
        .await?;
    stage.stop().await;
    Ok(())
}
