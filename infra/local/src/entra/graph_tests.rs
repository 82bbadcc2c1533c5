//! Graph's wire protocol, seen from a client.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::calls::WriteBudget;
use super::test_bench::{Bench, GRAPH, reference};
use crate::aws::testing::eventually;
use crate::sim;

const DENIED: (&str, &str) = (
    "Authorization_RequestDenied",
    "Insufficient privileges to complete the operation.",
);

#[tokio::test]
async fn a_member_is_added_listed_and_removed() {
    let bench = Bench::new().await;
    let (group, dana) = (bench.company.prod_admins.id, bench.company.requester.id);
    let added = bench.add(group, dana).await;
    assert_eq!((added.status, &added.body), (204, &json!("")));
    assert!(added.header("request-id").is_some());
    let again = bench.add(group, dana).await;
    assert_eq!(again.status, 400);
    assert_eq!(
        again.error(),
        (
            "Request_BadRequest",
            "One or more added object references already exist for the following modified properties: 'members'."
        )
    );
    let inner = &again.body["error"]["innerError"];
    assert_eq!(inner["date"], "2026-11-02T09:00:00");
    assert_eq!(inner["request-id"], again.header("request-id").unwrap());
    let listed = bench
        .graph("GET", &format!("/groups/{group}/members?$select=id"), None)
        .await;
    assert_eq!(
        listed.body["value"],
        json!([{ "@odata.type": "#microsoft.graph.user", "id": dana }])
    );
    assert_eq!(
        listed.body["@odata.context"],
        format!("{GRAPH}/v1.0/$metadata#directoryObjects")
    );
    assert!(listed.header("content-type").unwrap().starts_with("application/json"));
    let refs = bench.graph("GET", &format!("/groups/{group}/members/$ref"), None).await;
    assert_eq!(refs.body["value"], json!([{ "@odata.id": reference(dana) }]));
    let state = bench.raw("GET", "/_state", "", &[]).await;
    assert_eq!(state.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["groups"]);
    assert_eq!(state.body["groups"][group.to_string()], json!([dana]));
    assert_eq!(bench.remove(group, dana).await.status, 204);
    let gone = bench.remove(group, dana).await;
    assert_eq!((gone.status, gone.error().0), (404, "Request_ResourceNotFound"));
    assert!(gone.error().1.starts_with(&format!("Resource '{dana}' does not exist")));
    assert!(!bench.has_member(group, dana));
}

#[tokio::test]
async fn a_call_without_a_good_token_is_401() {
    let mut bench = Bench::new().await;
    let call = async |bench: &Bench, authorization: Option<String>| {
        let headers: Vec<(&str, &str)> = authorization
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        bench.raw("GET", "/v1.0/groups", "", &headers).await
    };
    let none = call(&bench, None).await;
    assert_eq!(
        (none.status, none.error()),
        (401, ("InvalidAuthenticationToken", "Access token is empty."))
    );
    assert!(none.header("www-authenticate").is_some());
    let api = bench
        .entra
        .user_token(&super::TokenOrder::of(&bench.company.admin.user_name))
        .unwrap();
    let graph_user = super::TokenOrder {
        audience: Some(GRAPH.to_owned()),
        ..super::TokenOrder::of(&bench.company.admin.user_name)
    };
    let delegated = bench.entra.user_token(&graph_user).unwrap();
    for bad in [
        "Bearer x".to_owned(),
        format!("Basic {}", bench.token),
        format!("Bearer {api}"),
        format!("Bearer {delegated}"),
    ] {
        assert_eq!(call(&bench, Some(bad.clone())).await.status, 401, "{bad}");
    }
    let good = format!("Bearer {}", bench.token);
    assert_eq!(call(&bench, Some(good.clone())).await.status, 200);
    bench.time.advance_seconds(3_599);
    assert_eq!(call(&bench, Some(good)).await.status, 401);
    bench.sign_in().await;
    bench.time.advance_seconds(5);
    bench.tenant.rotate_connector_secret(true).unwrap();
    assert_eq!(call(&bench, Some(format!("Bearer {}", bench.token))).await.status, 401);
    bench.time.advance_seconds(1);
    bench.sign_in().await;
    assert_eq!(call(&bench, Some(format!("Bearer {}", bench.token))).await.status, 200);
}

#[tokio::test]
async fn groups_that_graph_cannot_change_say_why() {
    let mut bench = Bench::new().await;
    let dana = bench.company.requester.id;
    let company = bench.company.clone();
    let mail = (
        "Authorization_RequestDenied",
        "Cannot Update a mail-enabled security groups and or distribution list.",
    );
    let restricted = bench.company.prod_readers.id;
    bench
        .tenant
        .update_group(restricted, |group| group.is_management_restricted = true)
        .unwrap();
    for (group, status, error) in [
        (company.dynamic.id, 403, DENIED),
        (company.mail_enabled.id, 403, mail),
        (company.role_assignable.id, 403, DENIED),
        (restricted, 403, DENIED),
    ] {
        for reply in [bench.add(group, dana).await, bench.remove(group, dana).await] {
            assert_eq!((reply.status, reply.error()), (status, error), "{group}");
        }
    }
    let synced = bench.add(company.synced.id, dana).await;
    assert_eq!((synced.status, synced.error().0), (400, "Request_BadRequest"));
    assert!(synced.error().1.contains("on-premises mastered Directory Sync objects"));
    bench
        .permit(&["GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory"])
        .await;
    assert_eq!(bench.add(company.role_assignable.id, dana).await.status, 204);
    let nested = bench.add(company.role_assignable.id, company.sre.id).await;
    assert_eq!((nested.status, nested.error().0), (400, "Request_BadRequest"));
    bench.permit(&["GroupMember.Read.All", "User.Read.All"]).await;
    let denied = bench.add(company.prod_admins.id, dana).await;
    assert_eq!((denied.status, denied.error()), (403, DENIED));
    // An owner needs no permission of its own.
    let principal = bench.tenant.connector().unwrap().principal_id;
    bench
        .tenant
        .update_group(company.prod_admins.id, |group| {
            group.owners.insert(principal);
        })
        .unwrap();
    assert_eq!(bench.add(company.prod_admins.id, dana).await.status, 204);
    let owners = bench
        .graph("GET", &format!("/groups/{}/owners", company.prod_admins.id), None)
        .await;
    assert_eq!(
        owners.body["value"][0]["@odata.type"],
        "#microsoft.graph.servicePrincipal"
    );
}

#[tokio::test]
async fn without_ref_the_user_itself_is_deleted_where_that_is_allowed() {
    let mut bench = Bench::new().await;
    let (group, member) = (bench.company.standing.id, bench.company.standing_member.id);
    let path = format!("/groups/{group}/members/{member}");
    let refused = bench.graph("DELETE", &path, None).await;
    assert_eq!((refused.status, refused.error()), (403, DENIED));
    assert!(bench.has_member(group, member));
    bench.permit(&["GroupMember.ReadWrite.All", "User.ReadWrite.All"]).await;
    assert_eq!(bench.graph("DELETE", &path, None).await.status, 204);
    assert!(bench.tenant.user(member).unwrap().is_none());
}

#[tokio::test]
async fn bulk_adds_are_all_or_nothing() {
    let bench = Bench::new().await;
    let group = bench.company.prod_admins.id;
    let people: Vec<Uuid> = bench.company.people().iter().map(|person| person.id).collect();
    let patch = async |ids: &[Uuid]| {
        let list: Vec<String> = ids.iter().map(|id| reference(*id)).collect();
        bench
            .graph(
                "PATCH",
                &format!("/groups/{group}"),
                Some(json!({ "members@odata.bind": list })),
            )
            .await
    };
    assert_eq!(patch(&people[..20]).await.status, 204);
    assert_eq!(bench.tenant.members(group).unwrap().len(), 20);
    for (ids, status) in [
        (&people[20..41], 400),
        (&people[19..25], 400),
        (&[people[30], sim::stable_id("nobody")][..], 404),
        (&[people[30], people[30]][..], 400),
        (&[][..], 400),
    ] {
        assert_eq!(patch(ids).await.status, status, "{ids:?}");
    }
    assert_eq!(bench.tenant.members(group).unwrap().len(), 20);
}

const BAD: &str = "Request_BadRequest";
const ABSENT: &str = "Request_ResourceNotFound";
const QUERY: &str = "Request_UnsupportedQuery";

#[tokio::test]
async fn paths_and_queries_that_graph_does_not_know_are_named() {
    let bench = Bench::new().await;
    let group = format!("/groups/{}", bench.company.prod_admins.id);
    let dana = bench.company.requester.id;
    for (method, path, status, code) in [
        ("GET", "/teams".to_owned(), 400, "BadRequest"),
        ("GET", format!("{group}/nonsense"), 400, "BadRequest"),
        ("GET", "/groups/delta()".to_owned(), 501, "NotImplemented"),
        ("PUT", group.clone(), 405, BAD),
        ("GET", format!("/groups/{}", sim::stable_id("nobody")), 404, ABSENT),
        ("GET", "/groups/not-an-id".to_owned(), 400, BAD),
        ("GET", "/users/nobody@contoso.example".to_owned(), 404, ABSENT),
        ("GET", format!("{group}/members?$top=1000"), 400, BAD),
        ("GET", format!("{group}/members?$top=x"), 400, BAD),
        ("GET", format!("{group}/members?$orderby=id"), 400, QUERY),
        ("GET", format!("{group}/members?$select=shoeSize"), 400, "BadRequest"),
        ("GET", format!("{group}/members?$skiptoken=!"), 400, BAD),
        ("GET", format!("{group}/members?$filter=id%20eq%20'{dana}'"), 400, QUERY),
        (
            "GET",
            "/groups?$filter=shoeSize%20eq%20'1'".to_owned(),
            400,
            "BadRequest",
        ),
        ("GET", "/groups?$filter=id%20eq".to_owned(), 400, "BadRequest"),
        (
            "GET",
            "/groups?$filter=not%20startswith(displayName,'x')".to_owned(),
            400,
            QUERY,
        ),
    ] {
        let reply = bench.graph(method, &path, None).await;
        assert_eq!(
            (reply.status, reply.error().0),
            (status, code),
            "{method} {path}: {}",
            reply.body
        );
    }
    let bearer = format!("Bearer {}", bench.token);
    let version = bench
        .raw("GET", "/v2.0/groups", "", &[("authorization", &bearer)])
        .await;
    assert_eq!(
        (version.status, version.error()),
        (400, ("BadRequest", "Invalid version."))
    );
}

#[tokio::test]
async fn bodies_that_break_the_contract_are_refused() {
    let bench = Bench::new().await;
    let group = bench.company.prod_admins.id;
    let dana = bench.company.requester.id;
    let nobody = sim::stable_id("nobody");
    let add = |reference: String| json!({ "@odata.id": reference });
    let (refs, check) = (
        format!("/groups/{group}/members/$ref"),
        format!("/users/{dana}/checkMemberGroups"),
    );
    let by_ids = "/directoryObjects/getByIds".to_owned();
    for (path, body, status, code) in [
        (&refs, json!({}), 400, BAD),
        (&refs, json!([]), 400, BAD),
        (&refs, json!({ "@odata.id": reference(dana), "x": 1 }), 400, BAD),
        (
            &refs,
            add(format!("https://graph.evil.example/v1.0/users/{dana}")),
            400,
            BAD,
        ),
        (&refs, add(format!("{GRAPH}/v1.0/devices/{dana}")), 400, BAD),
        (&refs, add(reference(nobody)), 404, ABSENT),
        (&refs, add(reference(group)), 400, BAD),
        (
            &format!("/groups/{nobody}/members/$ref"),
            add(reference(dana)),
            404,
            ABSENT,
        ),
        (&check, json!({}), 400, BAD),
        (&check, json!({ "groupIds": [] }), 400, BAD),
        (&check, json!({ "groupIds": vec![group; 21] }), 400, BAD),
        (&by_ids, json!({ "ids": ["x"] }), 400, BAD),
        (&by_ids, json!({ "ids": [dana], "kinds": [] }), 400, BAD),
    ] {
        let reply = bench.graph("POST", path, Some(body.clone())).await;
        assert_eq!(
            (reply.status, reply.error().0),
            (status, code),
            "{path} {body}: {}",
            reply.body
        );
    }
    let untyped = bench.graph("POST", &refs, None).await;
    assert_eq!((untyped.status, untyped.error().0), (415, "UnsupportedMediaType"));
    let rename = bench
        .graph(
            "PATCH",
            &format!("/groups/{group}"),
            Some(json!({ "displayName": "x" })),
        )
        .await;
    assert_eq!((rename.status, rename.error().0), (400, BAD));
    assert!(bench.tenant.members(group).unwrap().is_empty());
}

#[tokio::test]
async fn lists_come_in_pages_that_survive_changes() {
    let bench = Bench::new().await;
    let group = bench.company.prod_admins.id;
    let mut people: Vec<Uuid> = bench.company.people().iter().map(|person| person.id).collect();
    people.sort();
    for person in &people {
        bench.tenant.add_member(group, *person).unwrap();
    }
    let mut path = format!("/groups/{group}/members?$select=id&$top=15");
    let mut seen: Vec<String> = Vec::new();
    loop {
        let page = bench.graph("GET", &path, None).await;
        assert!(page.ids().len() <= 15);
        seen.extend(page.ids().iter().map(ToString::to_string));
        // Somebody who was already shown leaves; nobody else may be missed.
        bench.tenant.remove_member(group, people[0]).unwrap();
        match page.body["@odata.nextLink"].as_str() {
            Some(next) => path = next.strip_prefix(&format!("{GRAPH}/v1.0")).unwrap().to_owned(),
            None => break,
        }
        assert!(path.contains("$select=id") && path.contains("$skiptoken="), "{path}");
    }
    assert_eq!(seen, people.iter().map(ToString::to_string).collect::<Vec<_>>());
    let users = bench.graph("GET", "/users?$top=999", None).await;
    assert_eq!(users.ids().len(), people.len());
    assert!(users.body.get("@odata.nextLink").is_none());
}

#[tokio::test]
async fn one_direct_member_is_looked_up_by_an_advanced_query() {
    let bench = Bench::new().await;
    let (sre, dana, kim) = (
        bench.company.sre.id,
        bench.company.requester.id,
        bench.company.approver.id,
    );
    let query = |id: Uuid| format!("/groups/{sre}/members?$filter=id%20eq%20'{id}'&$count=true&$select=id");
    let found = bench.advanced(&query(dana)).await;
    assert_eq!(
        (found.body["@odata.count"].clone(), found.ids()),
        (json!(1), vec![dana.to_string().as_str()])
    );
    let absent = bench.advanced(&query(kim)).await;
    assert_eq!(
        (absent.status, absent.body["@odata.count"].clone(), absent.ids()),
        (200, json!(0), vec![])
    );
    bench.tenant.delete(dana).unwrap();
    assert!(bench.advanced(&query(dana)).await.ids().is_empty());
}

#[tokio::test]
async fn groups_are_read_with_the_properties_that_decide_over_them() {
    let bench = Bench::new().await;
    let company = &bench.company;
    let select = "$select=id,displayName,groupTypes,onPremisesSyncEnabled,isAssignableToRole,isManagementRestricted,mailEnabled,securityEnabled,securityIdentifier";
    let read = async |id: Uuid| bench.graph("GET", &format!("/groups/{id}?{select}"), None).await.body;
    let plain = read(company.prod_admins.id).await;
    assert_eq!(plain["groupTypes"], json!([]));
    assert_eq!(
        (&plain["onPremisesSyncEnabled"], &plain["isAssignableToRole"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&plain["mailEnabled"], &plain["securityEnabled"]),
        (&json!(false), &json!(true))
    );
    assert!(plain["securityIdentifier"].as_str().unwrap().starts_with("S-1-12-1-"));
    assert!(plain.get("description").is_none());
    assert_eq!(
        read(company.dynamic.id).await["groupTypes"],
        json!(["DynamicMembership"])
    );
    assert_eq!(read(company.synced.id).await["onPremisesSyncEnabled"], true);
    assert_eq!(read(company.mail_enabled.id).await["mailEnabled"], true);
    assert_eq!(read(company.role_assignable.id).await["isAssignableToRole"], true);
    let named = bench
        .graph(
            "GET",
            "/groups?$filter=displayName%20eq%20'PROD-admins'&$select=id",
            None,
        )
        .await;
    assert_eq!(named.ids(), [company.prod_admins.id.to_string()]);
    let user = bench
        .graph(
            "GET",
            &format!("/users/{}?$select=id,accountEnabled", company.requester.user_name),
            None,
        )
        .await;
    assert_eq!(
        (&user.body["id"], &user.body["accountEnabled"]),
        (&json!(company.requester.id), &json!(true))
    );
}

#[tokio::test]
async fn membership_checks_see_through_nesting() {
    let bench = Bench::new().await;
    let company = &bench.company;
    bench
        .tenant
        .add_member(company.prod_readers.id, company.sre.id)
        .unwrap();
    let wanted = json!({ "groupIds": [company.prod_readers.id, company.sre.id, company.prod_admins.id] });
    let mut expected = vec![company.prod_readers.id, company.sre.id];
    expected.sort();
    for base in ["users", "directoryObjects"] {
        let path = format!("/{base}/{}/checkMemberGroups", company.requester.id);
        let reply = bench.graph("POST", &path, Some(wanted.clone())).await;
        assert_eq!(reply.body["value"], json!(expected), "{base}");
    }
    let direct = bench
        .graph("GET", &format!("/groups/{}/members", company.prod_readers.id), None)
        .await;
    assert_eq!(direct.body["value"][0]["@odata.type"], "#microsoft.graph.group");
    assert_eq!(direct.ids(), [company.sre.id.to_string()]);
    let nested = bench
        .graph(
            "GET",
            &format!("/groups/{}/transitiveMembers", company.prod_readers.id),
            None,
        )
        .await;
    assert_eq!(nested.ids().len(), 6);
    let path = format!("/users/{}/transitiveMemberOf?$select=id", company.requester.id);
    assert_eq!(bench.graph("GET", &path, None).await.ids().len(), 2);
    // `_state` names users only.
    let state = bench.raw("GET", "/_state", "", &[]).await;
    assert_eq!(state.body["groups"][company.prod_readers.id.to_string()], json!([]));
    let ids = json!({ "ids": [company.requester.id, company.sre.id, sim::stable_id("nobody")], "types": ["user"] });
    let resolved = bench.graph("POST", "/directoryObjects/getByIds", Some(ids)).await;
    assert_eq!(resolved.ids(), [company.requester.id.to_string()]);
}

#[tokio::test]
async fn a_batch_answers_each_item_by_itself() {
    let bench = Bench::new().await;
    let (group, dana, kim) = (
        bench.company.prod_admins.id,
        bench.company.requester.id,
        bench.company.approver.id,
    );
    bench
        .fault(json!({ "match": { "body_contains": kim }, "status": 429, "retry_after_seconds": 7 }))
        .await;
    let add = |id: &str, member: Uuid, depends_on: Value| {
        json!({ "id": id, "method": "POST", "url": format!("/groups/{group}/members/$ref"), "dependsOn": depends_on,
                "headers": { "Content-Type": "application/json" }, "body": { "@odata.id": reference(member) } })
    };
    let get =
        json!({ "id": "4", "method": "GET", "url": format!("/groups/{group}/members?$select=id"), "dependsOn": ["1"] });
    let items =
        json!({ "requests": [add("1", dana, json!([])), add("2", kim, json!([])), add("3", kim, json!(["2"])), get] });
    let reply = bench.graph("POST", "/$batch", Some(items)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let responses = reply.body["responses"].as_array().unwrap();
    let statuses: Vec<u64> = responses.iter().map(|item| item["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [204, 429, 424, 200]);
    assert_eq!(responses[1]["headers"]["Retry-After"], "7");
    assert_eq!(responses[1]["body"]["error"]["code"], "TooManyRequests");
    assert_eq!(responses[3]["body"]["value"][0]["id"], json!(dana));
    assert!(bench.has_member(group, dana) && !bench.has_member(group, kim));
    let get = |id: usize| json!({ "id": id.to_string(), "method": "GET", "url": "/groups" });
    let bodyless_header = json!({ "id": "1", "method": "POST", "url": "/groups/x/members/$ref", "body": {} });
    for bad in [
        json!({}),
        json!({ "requests": [] }),
        json!({ "requests": (0..21).map(get).collect::<Vec<_>>() }),
        json!({ "requests": [get(1), get(1)] }),
        json!({ "requests": [{ "id": "1", "method": "GET" }] }),
        json!({ "requests": [{ "id": "1", "method": "GET", "url": "/groups", "dependsOn": ["2"] }, get(2)] }),
        json!({ "requests": [{ "id": "1", "method": "POST", "url": "/$batch" }] }),
        json!({ "requests": [bodyless_header] }),
    ] {
        assert_eq!(
            bench.graph("POST", "/$batch", Some(bad.clone())).await.status,
            400,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn writes_beyond_the_budget_are_throttled() {
    let bench = Bench::new().await;
    bench
        .tenant
        .set_write_budget(WriteBudget {
            capacity: 5,
            refill_per_second: 1,
        })
        .unwrap();
    let (group, dana) = (bench.company.prod_admins.id, bench.company.requester.id);
    assert_eq!(
        bench.add(group, dana).await.header("x-ms-throttle-limit-percentage"),
        None
    );
    for _ in 0..3 {
        assert_eq!(bench.add(group, dana).await.status, 400);
    }
    let last = bench.remove(group, dana).await;
    assert_eq!(
        (last.status, last.header("x-ms-throttle-limit-percentage")),
        (204, Some("1.00"))
    );
    let refused = bench.add(group, dana).await;
    assert_eq!(
        (refused.status, refused.error().0, refused.header("retry-after")),
        (429, "TooManyRequests", Some("1"))
    );
    assert_eq!(bench.graph("GET", &format!("/groups/{group}"), None).await.status, 200);
    bench.time.advance_seconds(1);
    assert_eq!(bench.add(group, dana).await.status, 204);
}

#[tokio::test]
async fn ordered_statuses_change_nothing_and_end() {
    let bench = Bench::new().await;
    let (group, dana) = (bench.company.prod_admins.id, bench.company.requester.id);
    bench
        .fault(json!({ "match": { "method": "POST", "path_contains": "/members/$ref" }, "status": 503, "retry_after_seconds": 1, "times": 2 }))
        .await;
    for _ in 0..2 {
        let reply = bench.add(group, dana).await;
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
        assert!(reply.body["error"]["innerError"]["request-id"].is_string());
    }
    assert!(!bench.has_member(group, dana));
    assert_eq!(bench.add(group, dana).await.status, 204);
    bench
        .fault(
            json!({ "status": 400, "code": "Request_BadRequest", "message": "Something else.", "until_cleared": true }),
        )
        .await;
    assert_eq!(bench.remove(group, dana).await.error().1, "Something else.");
    assert_eq!(
        bench.raw("GET", "/_faults", "", &[]).await.body["faults"][0]["remaining"],
        Value::Null
    );
    assert_eq!(bench.raw("DELETE", "/_faults", "", &[]).await.status, 204);
    assert_eq!(bench.remove(group, dana).await.status, 204);
    let bad = bench.raw("POST", "/_faults", "{\"drop\":true,\"tims\":1}", &[]).await;
    assert_eq!(bad.status, 400);
    assert!(bad.body["error"].as_str().unwrap().contains("tims"), "{}", bad.body);
}

#[tokio::test]
async fn a_lost_answer_and_a_lost_request_look_alike_but_are_not() {
    let bench = Bench::new().await;
    let (group, dana) = (bench.company.prod_admins.id, bench.company.requester.id);
    bench.fault(json!({ "drop": true })).await;
    assert_eq!(bench.add(group, dana).await.status, 504);
    assert!(!bench.has_member(group, dana));
    bench.fault(json!({ "apply_then_drop": true })).await;
    assert_eq!(bench.add(group, dana).await.status, 504);
    assert!(bench.has_member(group, dana));
    assert_eq!(bench.add(group, dana).await.status, 400);
}

#[tokio::test]
async fn reads_lag_and_are_denied_as_ordered() {
    let bench = Bench::new().await;
    let (group, dana) = (bench.company.prod_admins.id, bench.company.requester.id);
    let members = format!("/groups/{group}/members");
    bench.time.advance_seconds(60);
    bench.fault(json!({ "replication_lag_seconds": 10 })).await;
    assert_eq!(bench.add(group, dana).await.status, 204);
    assert!(bench.graph("GET", &members, None).await.ids().is_empty());
    let check = format!("/users/{dana}/checkMemberGroups");
    let wanted = json!({ "groupIds": [group] });
    assert_eq!(bench.graph("POST", &check, Some(wanted)).await.body["value"], json!([]));
    bench.time.advance_seconds(10);
    assert_eq!(bench.graph("GET", &members, None).await.ids().len(), 1);
    bench.raw("DELETE", "/_faults", "", &[]).await;
    // A delete that meets a stale replica is answered 404 although the member is there.
    let kim = bench.company.approver.id;
    bench.add(group, kim).await;
    bench
        .fault(json!({ "match": { "method": "DELETE" }, "replication_lag_seconds": 10, "times": 1 }))
        .await;
    assert_eq!(bench.remove(group, kim).await.status, 404);
    assert!(bench.has_member(group, kim));
    bench.fault(json!({ "deny_reads": true })).await;
    let denied = bench.graph("GET", &members, None).await;
    assert_eq!((denied.status, denied.error()), (403, DENIED));
    assert_eq!(bench.remove(group, kim).await.status, 204);
}

#[tokio::test]
async fn a_new_group_is_unknown_to_a_replica_that_lags() {
    let bench = Bench::new().await;
    bench.time.advance_seconds(60);
    let created = bench
        .raw("POST", "/_admin/groups", "{\"displayName\":\"new\"}", &[])
        .await;
    assert_eq!(created.status, 201);
    let group: Uuid = created.body["id"].as_str().unwrap().parse().unwrap();
    bench
        .fault(json!({ "match": { "method": "POST" }, "replication_lag_seconds": 5, "until_cleared": true }))
        .await;
    let early = bench.add(group, bench.company.requester.id).await;
    assert_eq!((early.status, early.error().0), (400, "Request_BadRequest"));
    assert!(early.error().1.contains("source resource"));
    bench.time.advance_seconds(5);
    assert_eq!(bench.add(group, bench.company.requester.id).await.status, 204);
}

#[tokio::test]
async fn a_call_that_is_held_is_applied_even_if_the_caller_has_gone() {
    let bench = Bench::new().await;
    let (group, dana) = (bench.company.prod_admins.id, bench.company.requester.id);
    bench
        .fault(json!({ "match": { "method": "POST", "path_contains": "/members/" }, "hold": true }))
        .await;
    // The caller goes once the call is there.
    tokio::select! {
        answer = bench.add(group, dana) => panic!("answered while it is held: {answer:?}"),
        () = eventually("the call", async || (bench.entra.held() == 1).then_some(())) => {}
    }
    assert!(!bench.has_member(group, dana), "applied while it is held");
    bench.raw("DELETE", "/_faults", "", &[]).await;
    eventually("the end of the call", async || (bench.entra.held() == 0).then_some(())).await;
    assert!(bench.has_member(group, dana), "it went with its caller");
}

#[tokio::test]
async fn a_call_that_is_delayed_comes_after_that_time() {
    let bench = Bench::new().await;
    let (group, dana) = (bench.company.prod_admins.id, bench.company.requester.id);
    bench.fault(json!({ "delay_ms": 80 })).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(bench.add(group, dana).await.status, 204);
    assert!(begun.elapsed() >= Duration::from_millis(80));
    assert!(bench.has_member(group, dana));
}

#[tokio::test]
async fn deleted_groups_and_users_come_back_through_graph() {
    let mut bench = Bench::new().await;
    let (sre, dana) = (bench.company.sre.id, bench.company.requester.id);
    assert_eq!(bench.graph("DELETE", &format!("/groups/{sre}"), None).await.status, 403);
    bench.permit(&["Group.ReadWrite.All", "User.ReadWrite.All"]).await;
    assert_eq!(bench.graph("DELETE", &format!("/groups/{sre}"), None).await.status, 204);
    assert_eq!(bench.graph("GET", &format!("/groups/{sre}"), None).await.status, 404);
    assert_eq!(bench.add(sre, bench.company.approver.id).await.status, 404);
    let item = bench
        .graph("GET", &format!("/directory/deletedItems/{sre}"), None)
        .await;
    assert_eq!(
        (item.status, item.body["@odata.type"].as_str()),
        (200, Some("#microsoft.graph.group"))
    );
    let restored = bench
        .graph("POST", &format!("/directory/deletedItems/{sre}/restore"), None)
        .await;
    assert_eq!((restored.status, restored.body["id"].clone()), (200, json!(sre)));
    assert!(bench.has_member(sre, dana));
    assert_eq!(bench.graph("DELETE", &format!("/users/{dana}"), None).await.status, 204);
    assert_eq!(bench.remove(sre, dana).await.status, 404);
    assert_eq!(
        bench
            .graph("GET", &format!("/directory/deletedItems/{sre}"), None)
            .await
            .status,
        404
    );
    assert_eq!(
        bench
            .graph("POST", &format!("/directory/deletedItems/{dana}/restore"), None)
            .await
            .status,
        200
    );
    assert!(bench.has_member(sre, dana));
}

#[tokio::test]
async fn the_log_counts_calls_with_their_priority() {
    let bench = Bench::new().await;
    let (group, dana) = (bench.company.prod_admins.id, bench.company.requester.id);
    bench
        .fault(json!({ "match": { "method": "DELETE" }, "status": 503 }))
        .await;
    let bearer = format!("Bearer {}", bench.token);
    let headers = [("authorization", bearer.as_str()), ("x-ms-throttle-priority", "high")];
    let path = format!("/v1.0/groups/{group}/members/{dana}/%24ref");
    bench.raw("DELETE", &path, "", &headers).await;
    bench.raw("DELETE", &path, "", &headers).await;
    let log = bench.raw("GET", "/_calls", "", &[]).await.body;
    assert_eq!(log["total"], 2);
    let route = "DELETE /groups/{id}/members/{id}/$ref";
    assert_eq!(
        log["counts"],
        json!([
            { "route": route, "status": 404, "priority": "high", "count": 1 },
            { "route": route, "status": 503, "priority": "high", "count": 1 },
        ])
    );
    assert_eq!(log["recent"][1]["fault"], "1");
    assert_eq!(bench.raw("DELETE", "/_calls", "", &[]).await.status, 204);
    assert_eq!(bench.raw("GET", "/_calls", "", &[]).await.body["total"], 0);
}

#[tokio::test]
async fn an_administrator_changes_the_tenant_by_hand() {
    let bench = Bench::new().await;
    let dana = bench.company.requester.id;
    let admin = async |method: &str, path: &str, body: Value| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        bench.raw(method, &format!("/_admin{path}"), &body, &[]).await
    };
    let made = admin(
        "POST",
        "/users",
        json!({ "userPrincipalName": "new@contoso.example", "displayName": "New" }),
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let new = made.body["id"].as_str().unwrap().to_owned();
    let again = admin(
        "POST",
        "/users",
        json!({ "userPrincipalName": "NEW@contoso.example", "displayName": "N" }),
    )
    .await;
    assert_eq!(again.status, 409);
    let edited = admin(
        "PATCH",
        &format!("/users/{new}"),
        json!({ "accountEnabled": false, "appRoles": ["Approver"] }),
    )
    .await;
    assert_eq!(
        (edited.status, edited.body["accountEnabled"].clone()),
        (200, json!(false))
    );
    for (path, body, status) in [
        (format!("/users/{new}"), json!({ "shoeSize": 1 }), 400),
        (format!("/users/{new}"), json!({ "appRoles": ["King"] }), 400),
        (format!("/users/{new}"), json!({ "id": dana }), 400),
        (format!("/groups/{new}"), json!({ "displayName": "x" }), 404),
    ] {
        assert_eq!(
            admin("PATCH", &path, body.clone()).await.status,
            status,
            "{path} {body}"
        );
    }
}

#[tokio::test]
async fn an_administrator_may_do_what_graph_refuses() {
    let bench = Bench::new().await;
    let (dana, new) = (bench.company.requester.id, bench.company.approver.id);
    let admin = async |method: &str, path: &str, body: Value| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        bench.raw(method, &format!("/_admin{path}"), &body, &[]).await
    };
    // By hand even the members of a dynamic group change.
    let dynamic = bench.company.dynamic.id;
    assert_eq!(
        admin("PUT", &format!("/groups/{dynamic}/members/{new}"), Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(
        admin("DELETE", &format!("/groups/{dynamic}/members/{new}"), Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(
        admin("DELETE", &format!("/groups/{dynamic}/members/{new}"), Value::Null)
            .await
            .status,
        404
    );
    assert_eq!(
        admin("PATCH", &format!("/groups/{dynamic}"), json!({ "groupTypes": [] }))
            .await
            .status,
        200
    );
    assert_eq!(bench.add(dynamic, dana).await.status, 204);
    for (method, path, status) in [
        ("DELETE", format!("/objects/{new}"), 204),
        ("DELETE", format!("/objects/{new}"), 404),
        ("POST", format!("/objects/{new}/restore"), 204),
        ("POST", format!("/objects/{new}/purge"), 204),
        ("POST", format!("/objects/{new}/restore"), 404),
        ("POST", "/provision".to_owned(), 409),
    ] {
        assert_eq!(
            admin(method, &path, Value::Null).await.status,
            status,
            "{method} {path}"
        );
    }
    assert_eq!(
        admin("PUT", "/write-budget", json!({ "capacity": 1, "refill_per_second": 1 }))
            .await
            .status,
        204
    );
    assert_eq!(
        admin("PUT", "/connector/permissions", json!(["Group.Read.All"]))
            .await
            .status,
        204
    );
    assert_eq!(bench.tenant.connector().unwrap().permissions, ["Group.Read.All"]);
    assert!(admin("POST", "/connector/secret", Value::Null).await.body["client_secret"].is_string());
    assert!(admin("POST", "/keys", Value::Null).await.body["kid"].is_string());
    assert_eq!(
        admin("GET", "/users", Value::Null).await.body["users"]
            .as_array()
            .unwrap()
            .len(),
        43
    );
}

#[tokio::test]
async fn web_pages_of_others_get_nothing() {
    let bench = Bench::new().await;
    let reply = bench
        .raw(
            "POST",
            "/_faults",
            "{\"drop\":true}",
            &[("origin", "https://evil.example")],
        )
        .await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        bench.raw("GET", "/_faults", "", &[]).await.body,
        json!({ "faults": [] })
    );
}
