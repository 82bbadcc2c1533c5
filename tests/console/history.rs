//! The history: filters, who sees what, files, the picture of time, and how large pages become.

use hourglass_app::change::{Change, read};
use hourglass_app::keys;
use hourglass_app::records::Stored;
use hourglass_domain::audit::{Event, StreamId};
use hourglass_domain::request::Request;
use hourglass_domain::roles::Role;
use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::{self, change, everyday};
use hourglass_tests::stage::{Stage, stage};
use reqwest::Method;
use serde_json::{Value, json};

use super::inbox::provision;
use super::request::dana;

async fn auditor(stage: &Stage) -> anyhow::Result<Desk> {
    Desk::of(stage, &stage.company.auditor, [Role::Auditor].into()).await
}

/// A request of Dana's that is taken back, with this justification.
async fn taken_back(stage: &Stage, why: &str) -> anyhow::Result<String> {
    let dana = stage.requester().await?;
    let body = json!({"entitlement": stage.entitlement(), "duration": "30m", "justification": why});
    let id = stage.post(&dana, "/v1/requests", &body).await?.ok()?;
    let id = id["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/requests/{id}/cancel");
    stage.post(&dana, &path, &json!({})).await?.ok()?;
    Ok(id)
}

/// Which of some requests a page shows.
async fn shows(desk: &Desk, query: &str, ids: &[&str]) -> anyhow::Result<Vec<bool>> {
    let page = desk.open(&format!("/history{query}")).await?;
    assert_eq!(page.status, 200, "{query}: {}", page.html);
    let row = |id: &&str| page.html.contains(&format!("<a href=\"/requests/{id}\">"));
    Ok(ids.iter().map(row).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_find_what_they_say_and_nothing_that_is_not_ones_own_to_see() -> anyhow::Result<()> {
    let stage = stage().await?;
    let back = taken_back(&stage, "CHG-9: try the pool").await?;
    let (granted, _) = stage
        .granted(&stage.requester().await?, &stage.entitlement(), "1h")
        .await?;
    let ids = [back.as_str(), &granted];
    let ola = auditor(&stage).await?;
    let dana_id = stage.user_id(&stage.company.requester.user_name).await?;
    for (query, found) in [
        (String::new(), [true, true]),
        ("?state=cancelled".to_owned(), [true, false]),
        ("?state=live".to_owned(), [false, true]),
        ("?text=chg-9+POOL".to_owned(), [true, false]),
        ("?text=nothing+like+it".to_owned(), [false, false]),
        ("?person=reyes".to_owned(), [true, true]),
        ("?person=kim".to_owned(), [false, false]),
        (format!("?person={dana_id}"), [true, true]),
        (format!("?person={}", stage.company.requester.id), [true, true]),
        ("?approver=kim".to_owned(), [false, true]),
        ("?entitlement=PROD".to_owned(), [true, true]),
        (format!("?entitlement={}", stage.entitlement()), [true, true]),
        ("?entitlement=billing".to_owned(), [false, false]),
        ("?from=2020-01-01".to_owned(), [true, true]),
        ("?to=2020-01-01".to_owned(), [false, false]),
        ("?state=live&approver=kim&text=nonsense".to_owned(), [false, false]),
    ] {
        assert_eq!(shows(&ola, &query, &ids).await?, found, "{query}");
    }
    let wrong = ola.open("/history?from=yesterday&person=reyes").await?;
    assert!(wrong.html.contains("id=\"from-wrong\""), "{}", wrong.html);
    assert!(
        wrong.html.contains(" aria-describedby=\"from-wrong\""),
        "{}",
        wrong.html
    );
    assert!(wrong.html.contains("value=\"reyes\""), "what was typed stays");

    // One's own; what one may decide or decided; nobody's.
    assert_eq!(shows(&dana(&stage).await?, "", &ids).await?, [true, true]);
    let kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    assert_eq!(shows(&kim, "", &ids).await?, [true, true]);
    let samuel = person(&stage, "samuel.adeyemi@contoso.example").await?;
    let samuel = Desk::of(&stage, &samuel, everyday()).await?;
    assert_eq!(shows(&samuel, "", &ids).await?, [false, false]);
    assert_eq!(
        shows(&samuel, &format!("?person={dana_id}"), &ids).await?,
        [false, false]
    );
    stage.stop().await;
    Ok(())
}

/// One history however many accounts: in order, whole in small parts, and apart again once they are unlinked.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_that_of_all_accounts_of_a_human_being() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, freya) = (
        stage.requester().await?,
        stage.person("freya.lindqvist@contoso.example").await?,
    );
    let mut asked = Vec::new();
    for who in [&dana, &freya, &freya, &dana, &freya] {
        let why = format!("INC-{}: restart the pool", asked.len());
        let body = json!({"entitlement": stage.entitlement(), "duration": "30m", "justification": why});
        let id = stage.post(who, "/v1/requests", &body).await?.ok()?["id"].clone();
        let path = format!("/v1/requests/{}/cancel", id.as_str().unwrap());
        stage.post(who, &path, &json!({})).await?.ok()?;
        asked.push(id.as_str().unwrap().to_owned());
    }
    let ids: Vec<&str> = asked.iter().map(String::as_str).collect();
    let desk = Desk::of(&stage, &stage.company.requester, everyday()).await?;
    assert_eq!(shows(&desk, "", &ids).await?, [true, false, false, true, false]);

    let users = [&dana.name, &freya.name];
    let users = [stage.user_id(users[0]).await?, stage.user_id(users[1]).await?];
    let admin = stage.admin().await?;
    stage
        .post(&admin, "/v1/admin/links", &json!({"users": users}))
        .await?
        .ok()?;
    assert_eq!(shows(&desk, "", &ids).await?, [true; 5]);
    for who in [&dana, &freya] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = format!("/v1/history?whose=own&limit=2{cursor}");
            let page = stage.get(who, &page).await?.ok()?;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2);
            found.extend(
                items
                    .iter()
                    .map(|entry| entry["request"]["id"].as_str().unwrap().to_owned()),
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        found.reverse();
        assert_eq!(found, asked, "{}", who.name);
    }

    let unlink = format!("/v1/admin/links/{}", users[0]);
    let unlinked = stage.send(stage.request(Method::DELETE, &unlink, &admin)).await?;
    assert_eq!(unlinked.status, 204);
    assert_eq!(shows(&desk, "", &ids).await?, [true, false, false, true, false]);
    stage.stop().await;
    Ok(())
}

/// Somebody by their user name, with the directory's id.
async fn person(stage: &Stage, user_name: &str) -> anyhow::Result<hourglass_local::company::Person> {
    let me = stage.get(&stage.person(user_name).await?, "/v1/me").await?.ok()?;
    Ok(hourglass_local::company::Person {
        id: me["object_id"].as_str().unwrap().parse()?,
        user_name: user_name.to_owned(),
        display_name: me["name"].as_str().unwrap_or_default().to_owned(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_safe_complete_and_part_of_the_audit_trail() -> anyhow::Result<()> {
    let stage = stage().await?;
    let evil = "=HYPERLINK(\"http://fabrikam.example\",\"click\")";
    let back = taken_back(&stage, evil).await?;
    let (granted, grant) = stage
        .granted(&stage.requester().await?, &stage.entitlement(), "1h")
        .await?;
    let ola = auditor(&stage).await?;
    let file = |path: &str| {
        ola.request(Method::GET, path)
            .header("Sec-Fetch-Mode", "navigate")
            .send()
    };
    let csv = file("/history/export.csv").await?;
    assert_eq!(csv.status(), 200);
    let header = |name: &str| csv.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-type").starts_with("text/csv"));
    let [from, to] = [&back, &granted].map(|id| id.as_str());
    let times = [made_at(&stage, from).await?, made_at(&stage, to).await?].join("-");
    assert_eq!(
        header("content-disposition"),
        format!("attachment; filename=\"hourglass-history-{times}.csv\"")
    );
    assert!(csv.headers().get("link").is_none(), "one part is all");
    let csv = csv.text().await?;
    assert!(csv.starts_with("\u{feff}request,status,"), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 3, "{csv}");
    assert!(
        csv.contains("\"'=HYPERLINK(\"\"http://fabrikam.example\"\",\"\"click\"\")\""),
        "{csv}"
    );
    assert!(csv.contains(&back) && csv.contains(&grant), "{csv}");

    let lines = file("/history/export.ndjson?state=live").await?;
    assert_eq!(lines.headers()["content-type"], "application/x-ndjson");
    let lines = lines.text().await?;
    let lines: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["request"]["id"], &lines[0]["grant"]["id"]),
        (&json!(granted), &json!(grant))
    );
    assert_eq!(file("/history/export.csv?from=never").await?.status(), 422);
    let parts = ola.open("/history/export").await?;
    assert!(
        parts.html.contains("/history/export.csv") && parts.html.contains("last part"),
        "{}",
        parts.html
    );

    // A requester gets their own, and nothing is noted of it.
    let dana = dana(&stage).await?;
    let own = dana
        .request(Method::GET, "/history/export.csv")
        .header("Sec-Fetch-Mode", "navigate");
    assert!(own.send().await?.text().await?.contains(&back));
    let noted = reads_of(&stage, &stage.company.auditor.user_name).await?;
    assert_eq!(noted, ["export", "export", "export"]);
    assert!(reads_of(&stage, &stage.company.requester.user_name).await?.is_empty());
    stage.stop().await;
    Ok(())
}

/// When a request was made, as it stands in the names of files.
async fn made_at(stage: &Stage, id: &str) -> anyhow::Result<String> {
    let request = stage
        .get(&stage.requester().await?, &format!("/v1/requests/{id}"))
        .await?
        .ok()?;
    let text = request["created_at"].as_str().unwrap().replace(['-', ':'], "");
    Ok(format!("{}Z", text.get(..15).unwrap()))
}

/// Rows and bars are of accounts and entitlements, not of names, which are anybody's to choose.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_one_name_are_two_in_the_picture_and_in_the_tables() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, freya) = (
        stage.requester().await?,
        stage.person("freya.lindqvist@contoso.example").await?,
    );
    let [dana_id, freya_id] = [stage.user_id(&dana.name).await?, stage.user_id(&freya.name).await?];
    let renamed = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "displayName", "value": "Dana Reyes"}],
    });
    provision(&stage, Method::PATCH, &format!("/Users/{freya_id}"), &renamed).await?;
    let (hers, _) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    let (others, _) = stage.granted(&freya, &stage.entitlement(), "1h").await?;
    let short = |id: uuid::Uuid| id.to_string().chars().take(8).collect::<String>();
    let dana_short = short(stage.company.requester.id);
    let freya_short = short(person(&stage, &freya.name).await?.id);
    let ola = auditor(&stage).await?;
    for place in ["/history", "/history/timeline", "/now"] {
        let page = ola.open(place).await?.html;
        for part in [
            format!("<a href=\"/history?person={dana_id}\">Dana Reyes</a> <code class=\"aside\">{dana_short}</code>"),
            format!("<a href=\"/history?person={freya_id}\">Dana Reyes</a> <code class=\"aside\">{freya_short}</code>"),
        ] {
            assert!(page.contains(&part), "{place}: {part}: {page}");
        }
        if place != "/now" {
            assert_eq!(page.matches("<text class=\"name\"").count(), 2, "{place}: {page}");
            for (id, short) in [(&hers, &dana_short), (&others, &freya_short)] {
                let bar = format!("<a href=\"/requests/{id}\"><title>Dana Reyes ({short}): prod-admins");
                assert!(page.contains(&bar), "{place}: {bar}: {page}");
            }
        }
    }
    let ids = [hers.as_str(), &others];
    let found = shows(&ola, &format!("?person={freya_id}"), &ids).await?;
    assert_eq!(found, [false, true]);
    let alone = ola.open(&format!("/history?person={freya_id}")).await?.html;
    assert!(
        !alone.contains(&freya_short),
        "alone, nobody has to be told apart: {alone}"
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_denied_is_found_shown_and_exported_and_sees_it_later_on() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = stage.approver().await?;
    let back = taken_back(&stage, "CHG-9: try the pool").await?;
    let mut denied = Vec::new();
    for _ in 0..2 {
        let id = keyholders::request(&stage).await?;
        let decision = json!({"decision": "deny", "comment": "not today"});
        stage
            .post(&kim, &format!("/v1/requests/{id}/decisions"), &decision)
            .await?
            .ok()?;
        denied.push(id);
    }
    let waiting = keyholders::request(&stage).await?;
    let ids = [denied[0].as_str(), &denied[1], &back, &waiting];
    let ola = auditor(&stage).await?;
    let object_id = stage.company.approver.id.to_string();
    for query in ["?approver=kim".to_owned(), format!("?approver={object_id}")] {
        assert_eq!(
            shows(&ola, &query, &ids).await?,
            [true, true, false, false],
            "{query}: who takes a request back approves nothing"
        );
    }
    let file = async |path: &str| {
        let call = ola.request(Method::GET, path).header("Sec-Fetch-Mode", "navigate");
        anyhow::Ok(call.send().await?.text().await?)
    };
    let csv = file("/history/export.csv").await?;
    let column = csv
        .lines()
        .next()
        .unwrap()
        .split(',')
        .position(|name| name == "closed_by");
    let column = column.unwrap();
    let by = |id: &str| -> Vec<String> {
        let line = csv
            .lines()
            .find(|line| line.trim_start_matches('\u{feff}').starts_with(id))
            .unwrap();
        // No cell before it has a comma in it.
        line.split(',').skip(column).take(2).map(str::to_owned).collect()
    };
    assert_eq!(by(&denied[0]), ["Kim Osei", &object_id]);
    assert_eq!(by(&back), ["Dana Reyes", &stage.company.requester.id.to_string()]);
    assert_eq!(by(&waiting), ["", ""]);
    for line in file("/history/export.ndjson?state=denied").await?.lines() {
        let line: Value = serde_json::from_str(line)?;
        assert_eq!(line["request"]["closed_by"]["object_id"], object_id.as_str());
    }
    let page = ola.open("/history?state=denied").await?.html;
    assert!(page.contains("by Kim Osei"), "{page}");

    // One of them as it was stored before who denied was kept with it; and Kim approves nothing any more.
    let id: hourglass_domain::ids::RequestId = denied[1].parse()?;
    let store = &*stage.services.core.store;
    let stored: Option<Stored<Request>> = read(store, &keys::request(id)).await?;
    let stored = stored.unwrap();
    let old = Request {
        closed_by: None,
        ..stored.value
    };
    let rewritten = Change::new().replace(stored.version, &old)?.commit(store).await;
    assert!(rewritten.is_ok(), "{rewritten:?}");
    let approvers = stage.company.security_approvers.id;
    stage
        .provisioner()
        .remove_member(approvers, stage.company.approver.id)
        .await?;
    let kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    assert_eq!(shows(&kim, "", &ids).await?, [true, true, false, false]);
    stage.stop().await;
    Ok(())
}

/// What somebody read of everybody's, by the audit trail.
async fn reads_of(stage: &Stage, user_name: &str) -> anyhow::Result<Vec<String>> {
    let id = stage.user_id(user_name).await?.parse()?;
    let stream = StreamId::user(&"contoso.example".parse()?, id);
    let query = hourglass_app::ports::store::Query::partition(keys::audit_stream(&stream)).prefix(keys::EVENTS);
    let page = hourglass_app::change::read_page::<Event>(&*stage.services.core.store, &query).await?;
    let events = page.items.into_iter().map(|event| event.value);
    let reads = events.filter(|event| event.action == "read.everybodys");
    Ok(reads.map(|event| event.facts["what"].clone()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_time_links_to_what_it_shows_and_now_is_now() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (granted, _) = stage
        .granted(&stage.requester().await?, &stage.entitlement(), "1h")
        .await?;
    let ola = auditor(&stage).await?;
    for place in ["/history", "/history/timeline", "/history/timeline?rows=entitlement"] {
        let page = ola.open(place).await?;
        assert_eq!(page.status, 200, "{}", page.html);
        for part in [
            "<svg class=\"timeline\"",
            "role=\"group\"",
            &format!("<a href=\"/requests/{granted}\"><title>Dana Reyes: prod-admins"),
            "rect class=\"access\"",
            "<table data-sort>",
        ] {
            assert!(page.html.contains(part), "{place}: {part}: {}", page.html);
        }
        assert!(!page.html.contains("style="), "{place}");
    }
    // What narrows the picture is said beside it, and can be changed there.
    let narrowed = ola.open("/history/timeline?state=denied&text=nothing").await?.html;
    for part in [
        "State: denied · Why, ticket or name: nothing",
        "value=\"denied\" selected",
        "name=\"text\" value=\"nothing\"",
        "Nothing fits these filters",
    ] {
        assert!(narrowed.contains(part), "{part}: {narrowed}");
    }
    let past = ola.open("/history/timeline?from=2020-01-01&to=2020-01-07").await?;
    assert!(past.html.contains("Nobody had or waited for anything"), "{}", past.html);
    let now = ola.open("/now").await?;
    assert!(
        now.html.contains(&granted) && now.html.contains("Dana Reyes"),
        "{}",
        now.html
    );
    let own = dana(&stage).await?.open("/now").await?;
    assert!(own.html.contains(&granted), "{}", own.html);
    let kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    assert!(
        !kim.open("/now").await?.html.contains(&granted),
        "others' is for who reads everything"
    );
    stage.stop().await;
    Ok(())
}

/// Every page with the longest names and reasons there may be, with style sheet and scripts.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_larger_than_100_kb() -> anyhow::Result<()> {
    let stage = stage().await?;
    let name = "W".repeat(200);
    let fields = json!({"name": name, "description": "D".repeat(2_000), "justification_min": 10});
    change(&stage, &stage.entitlement(), fields).await?;
    let why = "y".repeat(2_000);
    for _ in 0..35 {
        taken_back(&stage, &why).await?;
    }
    let (request, grant) = stage
        .granted(&stage.requester().await?, &stage.entitlement(), "1h")
        .await?;
    let (dana, ola) = (dana(&stage).await?, auditor(&stage).await?);
    let entitlement = stage.entitlement();
    let mut files = 0;
    for (desk, place) in [
        (&dana, "/access".to_owned()),
        (&dana, "/request".to_owned()),
        (&dana, format!("/request?entitlement={entitlement}&justification={why}")),
        (&dana, format!("/access/{grant}/extend")),
        (&dana, format!("/requests/{request}")),
        (&dana, "/now".to_owned()),
        (&ola, "/history".to_owned()),
        (&ola, "/history?from=2020-01-01".to_owned()),
        (&ola, "/history/timeline".to_owned()),
        (&ola, "/history/export".to_owned()),
        (&ola, "/now".to_owned()),
    ] {
        let page = desk.open(&place).await?;
        assert_eq!(page.status, 200, "{place}: {}", page.html);
        if files == 0 {
            for file in page.html.split("\"/assets/").skip(1) {
                let file = file.split('"').next().unwrap();
                files += desk.open(&format!("/assets/{file}")).await?.html.len();
            }
            assert!(files > 10_000, "style and script");
        }
        let bytes = page.html.len() + files;
        assert!(bytes < 100_000, "{place}: {bytes} bytes");
    }
    // Parts of a list do not overlap and leave nothing out.
    let first = ola.open("/history").await?.html;
    let next = first
        .split("href=\"/history?")
        .find(|rest| rest.contains("cursor="))
        .unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    let second = ola.open(&format!("/history?{next}")).await?.html;
    let rows = |html: &str| -> std::collections::BTreeSet<String> {
        let rows = html.split("<th scope=\"row\"><a href=\"/requests/").skip(1);
        rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
    };
    let (first, second) = (rows(&first), rows(&second));
    assert!(first.is_disjoint(&second));
    assert_eq!(first.len() + second.len(), 36);
    stage.stop().await;
    Ok(())
}
