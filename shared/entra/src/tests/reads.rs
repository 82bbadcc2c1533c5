//! Who is in, what kind of group it is, and lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hourglass_app::ports::connector::{Connector, ConnectorError, Member};
use hourglass_domain::protocol::membership::Inspection;
use hourglass_domain::target::TargetProblem;
use serde_json::{Value, json};

use super::standin::{Canned, GROUP, Seen, Stand, account, accounts, answer, error, page, place, start_of_time};

fn not_found() -> Canned {
    error(404, "Request_ResourceNotFound", "Resource 'x' does not exist.")
}

fn user() -> Canned {
    answer(200, json!({ "id": account(1) }))
}

/// The url under which the server is reached, as a next link of the group's list.
fn link(seen: &Seen, token: &str) -> String {
    format!(
        "http://{}/v1.0/groups/{GROUP}/members?$select=id&$skiptoken={token}",
        seen.headers["host"]
    )
}

async fn inspect_one(stand: &Stand) -> Inspection {
    stand.connector.inspect(&place(), &[account(1)]).await.remove(0)
}

#[tokio::test]
async fn who_is_in_comes_from_the_plain_list() {
    let stand = Stand::graph(|seen, _| {
        if seen.is_user() {
            user()
        } else {
            page(&accounts(1), None)
        }
    })
    .await;
    let found = stand.connector.inspect(&place(), &[account(2), account(1)]).await;
    assert_eq!(found, [Inspection::Absent, Inspection::Present]);
    let calls = stand.calls();
    assert_eq!(calls[0].call(), format!("GET /v1.0/groups/{GROUP}/members"));
    assert_eq!(calls[0].query, "$select=id&$top=999");
    assert_eq!(calls[1].call(), format!("GET /v1.0/users/{}", account(2)));
    assert_eq!(calls.len(), 2);
    for seen in &calls {
        assert!(
            !seen.headers.contains_key("consistencylevel"),
            "an index may lag: {seen:?}"
        );
        assert_eq!(seen.headers["x-ms-throttle-priority"], "normal");
    }
}

#[tokio::test]
async fn all_pages_are_read_until_everybody_is_found() {
    let script = |seen: &Seen, _: usize| {
        if seen.is_user() {
            return user();
        }
        match seen.query.split("skiptoken=").nth(1) {
            None => page(&[account(1)], Some(&link(seen, "b"))),
            Some("b") => page(&[account(2)], Some(&link(seen, "c"))),
            _ => page(&[account(3)], None),
        }
    };
    for (wanted, found, pages) in [
        (vec![account(1)], vec![Inspection::Present], 1),
        (vec![account(2), account(1)], vec![Inspection::Present; 2], 2),
        (vec![account(3)], vec![Inspection::Present], 3),
        (vec![account(9)], vec![Inspection::Absent], 3),
        (vec![account(1), account(1)], vec![Inspection::Present; 2], 1),
    ] {
        let stand = Stand::graph(script).await;
        assert_eq!(stand.connector.inspect(&place(), &wanted).await, found, "{wanted:?}");
        assert_eq!(
            stand.calls().iter().filter(|seen| seen.is_list()).count(),
            pages,
            "{wanted:?}"
        );
    }
}

#[tokio::test]
async fn who_is_not_in_is_absent_gone_or_unknown() {
    for (lookup, expected) in [
        (user(), Some(Inspection::Absent)),
        (not_found(), Some(Inspection::TargetGone)),
        // The connector may not read users: it cannot tell a deleted one from one that is not a member.
        (
            error(403, "Authorization_RequestDenied", "no"),
            Some(Inspection::Absent),
        ),
        (error(503, "x", "x"), None),
        (error(429, "x", "x").header("retry-after", "30"), None),
        (error(400, "x", "x"), None),
    ] {
        let name = format!("{lookup:?}");
        let stand = Stand::graph(move |seen, _| {
            if seen.is_user() {
                lookup.clone()
            } else {
                page(&[], None)
            }
        })
        .await;
        let found = inspect_one(&stand).await;
        match expected {
            Some(expected) => assert_eq!(found, expected, "{name}"),
            None => assert!(matches!(found, Inspection::Unknown(_)), "{name}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn many_are_looked_up_in_batches() {
    let stand = Stand::graph(|seen, _| {
        if seen.is_list() {
            return page(&accounts(2), None);
        }
        let requests = seen.json()["requests"].as_array().unwrap().clone();
        let gone = format!("/users/{}?$select=id", account(30));
        let responses: Vec<Value> = requests
            .iter()
            .map(|request| {
                let status = if request["url"] == gone.as_str() { 404 } else { 200 };
                json!({ "id": request["id"], "status": status, "body": {} })
            })
            .collect();
        answer(200, json!({ "responses": responses }))
    })
    .await;
    let found = stand.connector.inspect(&place(), &accounts(30)).await;
    let mut expected = vec![Inspection::Absent; 30];
    expected[0] = Inspection::Present;
    expected[1] = Inspection::Present;
    expected[29] = Inspection::TargetGone;
    assert_eq!(found, expected);
    assert_eq!(stand.calls().len(), 3, "one page, 28 look-ups in two batches");
}

#[tokio::test]
async fn a_group_is_gone_when_it_is_not_found_either() {
    let stand = Stand::graph(|_, _| not_found()).await;
    assert_eq!(
        stand.connector.inspect(&place(), &accounts(2)).await,
        [Inspection::TargetGone, Inspection::TargetGone]
    );
    assert_eq!(stand.calls()[1].call(), format!("GET /v1.0/groups/{GROUP}"));
    for group in [
        answer(200, json!({ "id": GROUP })),
        error(503, "x", "x"),
        error(403, "x", "x"),
    ] {
        let stand = Stand::graph(move |seen, _| if seen.is_list() { not_found() } else { group.clone() }).await;
        let found = inspect_one(&stand).await;
        assert!(matches!(found, Inspection::Unknown(_)), "{found:?}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_proves_nothing() {
    for list in [
        answer(200, Value::Null),
        answer(200, json!({})),
        answer(200, json!({ "value": [{ "id": null }] })),
        answer(200, json!({ "value": [{ "id": "someone" }] })),
        answer(200, json!({ "value": [], "@odata.nextLink": 7 })),
        answer(200, json!({ "value": [], "@odata.nextLink": "nowhere" })),
        answer(301, json!({ "value": [] })),
        error(400, "x", "x"),
        error(403, "x", "x"),
        error(503, "x", "x"),
        error(429, "x", "x").header("retry-after", "60"),
    ] {
        let name = format!("{list:?}");
        let stand = Stand::graph(move |seen, _| if seen.is_user() { user() } else { list.clone() }).await;
        let found = inspect_one(&stand).await;
        assert!(matches!(found, Inspection::Unknown(_)), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_not_followed() {
    let elsewhere = Stand::graph(|_, _| page(&[], None)).await;
    let links = [
        format!("{}/v1.0/groups/{GROUP}/members?$skiptoken=x", elsewhere.url),
        format!("http://127.0.0.1:9/v1.0/groups/{GROUP}/members?$skiptoken=x"),
    ];
    for link in links {
        let given = link.clone();
        let stand = Stand::graph(move |_, _| page(&[], Some(&given))).await;
        let found = inspect_one(&stand).await;
        assert!(
            matches!(&found, Inspection::Unknown(why) if why.contains("next page")),
            "{found:?}"
        );
        let listed = stand.connector.list(&place(), None).await;
        assert!(matches!(listed, Err(ConnectorError::Refused(_))), "{listed:?}");
        // As a cursor that came through other hands.
        let listed = stand.connector.list(&place(), Some(&link)).await;
        assert!(matches!(listed, Err(ConnectorError::Refused(_))), "{listed:?}");
        assert_eq!(stand.calls().len(), 2);
    }
    assert!(
        elsewhere.seen().is_empty(),
        "nobody called there, with or without a token"
    );
}

#[tokio::test]
async fn a_list_without_end_is_given_up() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let stand = Stand::graph(move |seen, _| {
        let nth = counted.fetch_add(1, Ordering::SeqCst);
        page(&[], Some(&link(seen, &nth.to_string())))
    })
    .await;
    let found = inspect_one(&stand).await;
    assert!(
        matches!(&found, Inspection::Unknown(why) if why.contains("50,000")),
        "{found:?}"
    );
    assert_eq!(count.load(Ordering::SeqCst), 51);
}

#[tokio::test]
async fn a_list_comes_in_parts_with_names() {
    let stand = Stand::graph(|seen, _| {
        let body = |id: u128, name: &str| json!({ "value": [{ "id": account(id), "displayName": name }] });
        if seen.query.contains("skiptoken") {
            return answer(200, json!({ "value": [{ "id": account(2) }] }));
        }
        let mut first = body(1, "Dana\u{1b}[31m Reyes");
        first["@odata.nextLink"] = json!(link(seen, "b"));
        answer(200, first)
    })
    .await;
    let first = stand.connector.list(&place(), None).await.unwrap();
    assert_eq!(
        first.members,
        [Member {
            account: account(1),
            name: Some("Dana [31m Reyes".to_owned())
        }]
    );
    let second = stand.connector.list(&place(), first.next.as_deref()).await.unwrap();
    assert_eq!(
        second.members,
        [Member {
            account: account(2),
            name: None
        }]
    );
    assert_eq!(second.next, None);
    assert!(
        stand
            .calls()
            .iter()
            .all(|seen| seen.headers["x-ms-throttle-priority"] == "low")
    );
    assert!(stand.calls()[0].query.starts_with("$select=id,displayName"));
}

#[tokio::test]
async fn preflight_tells_what_kind_of_group_it_is() {
    let body = json!({
        "id": GROUP, "displayName": "Prod admins", "groupTypes": ["DynamicMembership"], "onPremisesSyncEnabled": null,
        "isAssignableToRole": true, "isManagementRestricted": false, "mailEnabled": false, "securityEnabled": true,
    });
    let stand = Stand::graph(move |_, _| answer(200, body.clone())).await;
    let facts = stand.connector.preflight(&place(), start_of_time()).await.unwrap();
    assert_eq!(facts.target, place().target);
    assert_eq!(facts.problem, Some(TargetProblem::Dynamic));
    assert!(facts.role_assignable);
    assert_eq!(facts.checked_at, start_of_time());
    let call = &stand.calls()[0];
    assert_eq!(call.call(), format!("GET /v1.0/groups/{GROUP}"));
    assert_eq!(
        call.query,
        "$select=id,displayName,groupTypes,onPremisesSyncEnabled,isAssignableToRole,isManagementRestricted,\
         mailEnabled,securityEnabled"
    );
    assert_eq!(call.headers["x-ms-throttle-priority"], "low");

    let stand = Stand::graph(|_, _| not_found()).await;
    let facts = stand.connector.preflight(&place(), start_of_time()).await.unwrap();
    assert_eq!(facts.problem, Some(TargetProblem::Missing));

    for (canned, refused) in [
        (error(403, "Authorization_RequestDenied", "no"), true),
        (error(400, "x", "x"), true),
        (error(503, "x", "x"), false),
        (answer(200, json!({ "id": GROUP })), false),
    ] {
        let stand = Stand::graph(move |_, _| canned.clone()).await;
        let facts = stand.connector.preflight(&place(), start_of_time()).await;
        assert_eq!(matches!(facts, Err(ConnectorError::Refused(_))), refused, "{facts:?}");
        assert_eq!(
            matches!(facts, Err(ConnectorError::Unavailable(_))),
            !refused,
            "{facts:?}"
        );
    }
}
