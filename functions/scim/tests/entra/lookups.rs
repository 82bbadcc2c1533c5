//! Connection test, look-ups, lists and discovery.

use hourglass_app::keys;
use hourglass_app::ports::store::{Condition, MOST_WRITES, Write};
use hourglass_app::records::{GroupMember, Record, to_item};
use hourglass_app::scim::query::{MOST_MEMBERS_SHOWN, MOST_SCANNED};
use hourglass_domain::directory::User;
use hourglass_domain::ids::UserId;
use serde_json::{Value, json};

use crate::support::{CUSTOM, ENTERPRISE, World, stored, uuid_of};

async fn found(world: &World, path: &str) -> Vec<String> {
    world.get(path).await.ids()
}

#[tokio::test]
async fn the_connection_test_finds_nothing_and_is_content() {
    let world = World::start().await;
    for endpoint in ["Users", "Groups"] {
        for (attribute, value) in [
            ("userName", "x"),
            ("displayName", "x"),
            ("externalId", "x"),
            ("id", "x"),
        ] {
            if (endpoint, attribute) == ("Groups", "userName") {
                continue;
            }
            let answer = world
                .get(&format!("/{endpoint}?filter={attribute} eq \"{value}\""))
                .await;
            assert_eq!(answer.ids(), Vec::<String>::new());
            assert_eq!(answer.body["totalResults"], 0);
            assert_eq!(answer.body["Resources"], json!([]));
        }
    }
}

#[tokio::test]
async fn users_are_found_by_every_matching_attribute() {
    let world = World::start().await;
    let alex = world.user("Alex@contoso.example").await;
    world.user("blair@contoso.example").await;
    let object_id = uuid_of("Alex@contoso.example");
    let flags = ["", "aadOptscim062020&", "AzureAdScimPatch2017&"];
    for filter in [
        "userName eq \"alex@CONTOSO.example\"".to_owned(),
        "userName+eq+%22alex@contoso.example%22".to_owned(),
        "USERNAME EQ \"alex@contoso.example\"".to_owned(),
        format!("externalId eq \"{object_id}\""),
        format!("externalId eq {object_id}"),
        "emails[type eq \"work\"].value eq \"alex@contoso.example\"".to_owned(),
        "emails%5Btype%20eq%20%22work%22%5D.value%20eq%20%22alex@contoso.example%22".to_owned(),
        format!("id eq \"{alex}\""),
        format!("id eq \"{alex}\" and active eq true"),
        "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"alex@contoso.example\"".to_owned(),
        "displayName eq \"alex\" and not (userName eq \"blair@contoso.example\")".to_owned(),
        "userName eq \"\\u0061lex@contoso.example\"".to_owned(),
    ] {
        for flag in flags {
            let path = format!("/Users?{flag}filter={filter}");
            assert_eq!(found(&world, &path).await, [alex.as_str()], "{filter}");
        }
    }
    for filter in [
        format!("id eq \"{}\"", alex.to_uppercase()),
        format!("externalId eq \"{}\"", object_id.to_uppercase()),
        format!("externalId eq \"{alex}\""),
        format!("id eq \"{object_id}\""),
        "emails[type eq \"home\"].value eq \"alex@contoso.example\"".to_owned(),
        format!("id eq \"{alex}\" and active eq false"),
    ] {
        let path = format!("/Users?filter={filter}");
        assert_eq!(found(&world, &path).await, Vec::<String>::new(), "{filter}");
    }
}

#[tokio::test]
async fn look_ups_by_key_read_two_items_whatever_is_there() {
    let world = World::start().await;
    let ids = world.users(12).await;
    let group = world.group("Ops", &ids).await;
    for path in [
        "/Users?filter=userName eq \"user3@contoso.example\"".to_owned(),
        format!("/Users?filter=externalId eq \"{}\"", uuid_of("user3@contoso.example")),
        "/Groups?excludedAttributes=members&filter=displayName eq \"ops\"".to_owned(),
        format!(
            "/Groups?excludedAttributes=members&filter=id eq \"{group}\" and members eq \"{}\"",
            ids[3]
        ),
    ] {
        world.store.take();
        assert_eq!(found(&world, &path).await.len(), 1, "{path}");
        // The secret with the first item, then the second.
        let calls = world.store.take();
        assert_eq!(calls.len(), 2, "{path}: {calls:?}");
        assert!(calls.iter().all(|call| call.starts_with("get")), "{path}: {calls:?}");
    }
    for path in [
        format!("/Users/{}", ids[3]),
        format!("/Groups/{group}?excludedAttributes=members"),
    ] {
        world.store.take();
        assert_eq!(world.get(&path).await.status, 200);
        assert_eq!(world.store.take(), ["get_many"], "{path}");
    }
    for filter in [
        "emails[type eq \"work\"].value eq \"USER3@contoso.example\"",
        "emails.value eq \"user3@contoso.example\"",
        "emails[type eq \"work\" and value eq \"user3@contoso.example\"]",
    ] {
        world.store.take();
        assert_eq!(
            found(&world, &format!("/Users?filter={filter}")).await,
            [ids[3].as_str()]
        );
        assert_eq!(world.store.take(), ["get", "query", "get_many"], "{filter}");
    }
}

#[tokio::test]
async fn users_are_found_by_every_address_they_have_and_by_no_other() {
    let world = World::start().await;
    let body = |name: &str, emails: Value| json!({"userName": name, "emails": emails});
    let shared = json!([{"type": "work", "value": "Team@contoso.example"}, {"type": "home", "value": "a@x"}]);
    let alex = world.post("/Users", body("alex", shared)).await.id();
    let shared = json!([{"type": "home", "value": "team@CONTOSO.example"}]);
    let blair = world.post("/Users", body("blair", shared)).await.id();
    let with = async |filter: &str| found(&world, &format!("/Users?filter={filter}")).await;
    let work = |address: &str| format!("emails[type eq \"work\"].value eq \"{address}\"");
    let any = |address: &str| format!("emails.value eq \"{address}\"");
    let both = [alex.clone(), blair.clone()];
    assert_eq!(with(&any("team@contoso.example")).await, both);
    assert_eq!(with(&work("TEAM@contoso.example")).await, [alex.as_str()]);
    assert!(with(&work("a@x")).await.is_empty(), "an address of another type");
    let other_type = "emails[type eq \"home\"].value eq \"team@contoso.example\"";
    assert_eq!(with(other_type).await, [blair.as_str()]);
    let and = format!("{} and userName eq \"blair\"", any("team@contoso.example"));
    assert_eq!(with(&and).await, [blair.as_str()]);
    for none in ["", "team@contoso.exampl", &"x".repeat(1_100)] {
        assert!(with(&any(none)).await.is_empty(), "{none}");
    }

    // Changed, replaced, taken away and deleted: what is looked up follows.
    let path = format!("/Users/{alex}");
    let change = json!([{"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "alex@contoso.example"}]);
    assert_eq!(world.patch(&path, change).await.status, 200);
    assert_eq!(with(&any("team@contoso.example")).await, [blair.as_str()]);
    assert_eq!(with(&work("alex@contoso.example")).await, [alex.as_str()]);
    let many: Vec<Value> = (0..40)
        .map(|n| json!({"type": "work", "value": format!("{n}@x")}))
        .collect();
    let others: Vec<Value> = (40..80)
        .map(|n| json!({"type": "work", "value": format!("{n}@x")}))
        .collect();
    for emails in [&many, &others] {
        let answer = world.call("PUT", &path, &body("alex", emails.clone().into())).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert!(with(&any("a@x")).await.is_empty() && with(&any("39@x")).await.is_empty());
    assert_eq!(with(&any("79@x")).await, [alex.as_str()]);
    let too_many: Vec<Value> = (0..41)
        .map(|n| json!({"type": "work", "value": format!("{n}@x")}))
        .collect();
    for wrong in [json!(too_many), json!([{"value": "x".repeat(1_025)}])] {
        let answer = world.call("PUT", &path, &body("alex", wrong)).await;
        answer.is_error(400, "invalidValue");
    }
    let retype = json!([{"op": "Replace", "path": "emails[value eq \"79@x\"].type", "value": "home"}]);
    assert_eq!(world.patch(&path, retype).await.status, 200);
    assert!(with(&work("79@x")).await.is_empty());
    assert_eq!(with(&any("79@x")).await, [alex.as_str()]);
    assert_eq!(world.delete(&path).await.status, 204);
    assert!(with(&any("79@x")).await.is_empty());
    for address in [
        "team@contoso.example",
        "a@x",
        "alex@contoso.example",
        "0@x",
        "40@x",
        "79@x",
    ] {
        let key = keys::user_email(&world.application, address, alex.parse().unwrap());
        assert!(!world.exists(&key).await, "{address}");
    }
    // Nobody else's address is touched by it.
    assert_eq!(with(&any("team@contoso.example")).await, [blair.as_str()]);
}

#[tokio::test]
async fn reference_checks_are_answered() {
    let world = World::start().await;
    let alex = world.user("alex@contoso.example").await;
    let path = format!("{ENTERPRISE}:manager");
    world
        .patch(
            &format!("/Users/{alex}"),
            json!([{"op": "Add", "path": path, "value": "m1"}]),
        )
        .await;
    let check = |manager: &str| format!("/Users?filter=id eq \"{alex}\" and {path} eq \"{manager}\"&attributes=id");
    let answer = world.get(&check("m1")).await;
    assert_eq!(answer.ids(), [alex.as_str()]);
    let only: Vec<&String> = answer.body["Resources"][0].as_object().unwrap().keys().collect();
    assert_eq!(only, ["id", "schemas"]);
    assert!(found(&world, &check("m2")).await.is_empty());
    // As Microsoft's page writes it, without the extension's URN.
    let plain = |manager: &str| format!("/Users?filter=id eq \"{alex}\" and manager eq \"{manager}\"&attributes=id");
    assert_eq!(found(&world, &plain("m1")).await, [alex.as_str()]);
    let manager = world.get(&format!("/Users/{alex}?attributes=manager")).await.body;
    assert_eq!(manager[ENTERPRISE], json!({"manager": {"value": "m1"}}));
    assert!(found(&world, &plain("m2")).await.is_empty());
}

#[tokio::test]
async fn groups_are_found_and_their_members_left_out() {
    let world = World::start().await;
    let ids = world.users(2).await;
    let group = world.group("Ops Team", &ids[..1]).await;
    world.group("Other", &ids).await;
    for path in [
        "/Groups?excludedAttributes=members&filter=displayName eq \"ops team\"".to_owned(),
        format!(
            "/Groups?filter=id eq \"{group}\" and members eq \"{}\"&excludedAttributes=members",
            ids[0]
        ),
        format!(
            "/Groups?filter=id eq \"{group}\" and members[value eq \"{}\"]&attributes=id",
            ids[0]
        ),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.ids(), [group.as_str()], "{path}");
        assert!(answer.body["Resources"][0].get("members").is_none());
    }
    let check = format!(
        "/Groups?filter=id eq \"{group}\" and members eq \"{}\"&attributes=id",
        ids[1]
    );
    assert!(found(&world, &check).await.is_empty());
    let of_user = found(&world, &format!("/Groups?filter=members eq \"{}\"", ids[0])).await;
    assert_eq!(of_user.len(), 2);
    let upper = format!("/Groups?filter=members eq \"{}\"", ids[0].to_uppercase());
    assert!(found(&world, &upper).await.is_empty());
    let one = world.get(&format!("/Groups/{group}?excludedAttributes=members")).await;
    assert!(one.body.get("members").is_none());
    assert_eq!(one.body["displayName"], "Ops Team");
    world
        .get("/Groups/00000000-0000-7000-8000-000000000000?excludedAttributes=members")
        .await
        .is_error(404, "");
    world
        .get("/Groups?filter=members pr")
        .await
        .is_error(400, "invalidFilter");
}

#[tokio::test]
async fn one_resource_or_404() {
    let world = World::start().await;
    let alex = world.user("alex@contoso.example").await;
    let answer = world.get(&format!("/Users/{alex}")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body["meta"]["location"],
        format!("http://localhost:8080/scim/v2/Users/{alex}")
    );
    for id in [
        uuid_of("alex@contoso.example"),
        // Ours has one spelling.
        alex.to_uppercase(),
        alex.replace('-', ""),
        format!("{{{alex}}}"),
        "x".to_owned(),
        "..".to_owned(),
        "%2e%2e%2fGroups".to_owned(),
        "%ff".to_owned(),
    ] {
        world.get(&format!("/Users/{id}")).await.is_error(404, "");
    }
}

#[tokio::test]
async fn lists_are_paged_by_index() {
    let world = World::start().await;
    let ids = world.users(12).await;
    let page = |start: &str, count: &str| format!("/Users?startIndex={start}&count={count}");
    let first = world.get(&page("1", "1")).await;
    assert_eq!(first.ids(), ids[..1]);
    assert_eq!(first.body["totalResults"], 12);
    assert_eq!(first.body["startIndex"], 1);
    let later = world.get(&page("6", "5")).await;
    assert_eq!(later.ids(), ids[5..10]);
    assert_eq!(later.body["startIndex"], 6);
    assert_eq!(world.get(&page("11", "5")).await.ids(), ids[10..]);
    let none = world.get(&page("1", "0")).await;
    assert_eq!((none.ids().len(), none.body["totalResults"].as_u64()), (0, Some(12)));
    assert_eq!(world.get(&page("-7", "-7")).await.body["totalResults"], 12);
    let past = world.get(&page("13", "5")).await;
    assert_eq!((past.ids().len(), past.body["totalResults"].as_u64()), (0, Some(12)));
    let filtered = world.get("/Users?filter=active eq true&startIndex=12&count=5").await;
    assert_eq!(filtered.ids(), ids[11..]);
    assert_eq!(filtered.body["totalResults"], 12);
    world.get("/Users?count=many").await.is_error(400, "invalidValue");
}

/// Ten times as many users are no ten times as many calls: only their keys are counted, many in one call.
#[tokio::test]
async fn counting_everybody_takes_few_calls() {
    let world = World::start().await;
    let some: UserId = world.user("user@contoso.example").await.parse().unwrap();
    let some: User = stored(&world, &keys::user(&world.application, some)).await.unwrap();
    for _ in 0..6 {
        let writes = (0..MOST_WRITES).map(|_| {
            let user = User {
                id: UserId::new(world.core.ids.uuid()),
                ..some.clone()
            };
            Write::Put {
                item: to_item(&user, 1).unwrap(),
                condition: Condition::Absent,
            }
        });
        world.core.store.commit(writes.collect()).await.unwrap();
    }
    world.store.take();
    let answer = world.get("/Users?startIndex=1&count=1").await;
    assert_eq!(answer.ids(), [some.id.to_string()]);
    assert_eq!(answer.body["totalResults"], 601);
    // The secret, the keys, the one that is shown.
    assert_eq!(world.store.take(), ["get", "list", "get_many"]);
    let last = world.get("/Users?startIndex=601&count=5").await;
    assert_eq!(last.ids().len(), 1);
}

#[tokio::test]
async fn a_cursor_with_a_count_of_none_shows_none() {
    let world = World::start().await;
    let users = world.users(2).await;
    world.group("Ops", &users).await;
    for path in [
        "/Users?cursor=&count=0".to_owned(),
        "/Users?cursor=&count=-1&filter=active eq true".to_owned(),
        "/Groups?cursor=&count=0".to_owned(),
        format!("/Groups?cursor=&count=0&filter=members eq \"{}\"", users[0]),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.ids(), Vec::<String>::new(), "{path}");
        assert!(answer.body.get("nextCursor").is_none(), "{path}");
    }
    let wrong = world.get("/Users?cursor=nonsense&count=0").await;
    wrong.is_error(400, "invalidCursor");
}

#[tokio::test]
async fn lists_are_paged_by_cursor() {
    let world = World::start().await;
    let ids = world.users(7).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..10 {
        let answer = world
            .get(&format!("/Users?cursor={cursor}&count=3&filter=active eq true"))
            .await;
        assert!(answer.body.get("startIndex").is_none());
        seen.extend(answer.ids());
        match answer.body["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, ids);
    let id = format!("id.{}", ids[0]);
    for bad in ["nonsense".to_owned(), "%00".to_owned(), "A".repeat(2_000), id] {
        world
            .get(&format!("/Users?cursor={bad}"))
            .await
            .is_error(400, "invalidCursor");
    }
}

#[tokio::test]
async fn what_a_key_finds_is_paged_by_cursor_as_well() {
    let world = World::start().await;
    let users = world.users(2).await;
    let mut groups = Vec::new();
    for number in 0..5 {
        groups.push(world.group(&format!("Group {number}"), &users[..1]).await);
    }
    world.group("Other", &users[1..]).await;
    let page = |cursor: &str| format!("/Groups?filter=members eq \"{}\"&count=2&cursor={cursor}", users[0]);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for round in 0..3 {
        let answer = world.get(&page(&cursor)).await;
        assert_eq!(answer.body["totalResults"], 5);
        let ids = answer.ids();
        assert_eq!(ids.len(), if round < 2 { 2 } else { 1 });
        seen.extend(ids);
        assert_eq!(answer.body["nextCursor"].is_string(), round < 2);
        if let Some(next) = answer.body["nextCursor"].as_str() {
            next.clone_into(&mut cursor);
            let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            assert!(next.chars().all(unreserved), "{next}");
        }
    }
    assert_eq!(seen, groups);
    for bad in ["x", "id.x", "id.", "a&cursor=b"] {
        let answer = world.get(&page(bad)).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
    }
}

/// Users with these names and titles, in this order.
async fn titled(world: &World, users: &[(&str, Option<&str>)]) -> Vec<String> {
    let mut ids = Vec::new();
    for (name, title) in users {
        let body = json!({"userName": name, "title": title, "name": {"familyName": title}, "active": *name != "b"});
        let answer = world.post("/Users", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        ids.push(answer.id());
        world.clock.advance(1);
    }
    ids
}

#[tokio::test]
async fn lists_are_sorted_as_the_schema_compares() {
    let world = World::start().await;
    let given = [
        ("d", Some("Zoe")),
        ("b", None),
        ("C", Some("alex")),
        ("a", Some("Blair")),
    ];
    let ids = titled(&world, &given).await;
    let names = async |query: &str| -> String {
        let answer = world.get(&format!("/Users?{query}")).await;
        assert_eq!(answer.body["totalResults"], 4, "{}", answer.text);
        let resources = answer.body["Resources"].as_array().unwrap().iter();
        resources
            .map(|user| user["userName"].as_str().unwrap().to_owned())
            .collect()
    };
    for (query, expected) in [
        ("sortBy=userName", "abCd"),
        ("sortby=USERNAME&sortorder=Ascending", "abCd"),
        ("sortBy=userName&sortOrder=descending", "dCba"),
        ("sortBy=title", "Cadb"),
        ("sortBy=title&sortOrder=descending", "bdaC"),
        ("sortBy=name.familyName", "Cadb"),
        (
            "sortBy=urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
            "Cadb",
        ),
        ("sortBy=active", "bdCa"),
        ("sortBy=meta.lastModified&sortOrder=descending", "aCbd"),
        ("sortBy=nickName", "dbCa"),
        ("sortBy=nickName&sortOrder=descending", "dbCa"),
        ("sortOrder=descending", "dbCa"),
        ("sortBy=userName&startIndex=2&count=2", "bC"),
        ("sortBy=userName&startIndex=5", ""),
        ("sortBy=userName&filter=meta pr", "abCd"),
    ] {
        assert_eq!(names(query).await, expected, "{query}");
    }
    let work = json!([{"op": "Add", "path": "emails[type eq \"work\"].value", "value": "z@x"}]);
    assert_eq!(world.patch(&format!("/Users/{}", ids[3]), work).await.status, 200);
    assert_eq!(names("sortBy=emails").await, "adbC");

    // The same in the body of a search, with groups as well.
    let group = world.group("beta", &ids[..1]).await;
    let body = json!({"sortBy": "displayName", "sortOrder": "descending", "count": 1});
    assert_eq!(world.post("/Groups/.search", body).await.ids(), [group.as_str()]);
    let everything = json!({"sortBy": "userName"});
    let answer = world.post("/.search", everything).await;
    let expected = [&ids[3], &ids[1], &ids[2], &ids[0], &group];
    assert_eq!(answer.ids(), expected.map(String::as_str));
    world
        .post("/.search", json!({"sortBy": "colour"}))
        .await
        .is_error(400, "invalidValue");
}

#[tokio::test]
async fn what_cannot_be_sorted_is_refused() {
    let world = World::start().await;
    world.user("alex@contoso.example").await;
    for query in [
        "/Users?sortBy=usrName",
        "/Users?sortBy=name",
        "/Users?sortBy=password",
        "/Users?sortBy=emails[type eq \"work\"].value",
        "/Users?sortBy=userName&sortOrder=upwards",
        "/Users?sortBy=userName&cursor=",
        "/Users?sortBy=userName&cursor=&filter=userName eq \"a\"",
        "/Users?sortBy=userName&sortBy=title",
        "/Groups?sortBy=members.value",
        "/Groups?sortBy=userName",
    ] {
        world.get(query).await.is_error(400, "invalidValue");
    }
    let config = world.get("/ServiceProviderConfig").await.body;
    assert_eq!(config["sort"]["supported"], true);
}

#[tokio::test]
async fn search_by_post_is_the_same_list() {
    let world = World::start().await;
    let alex = world.user("alex@contoso.example").await;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "userName eq \"alex@contoso.example\"",
        "attributes": ["userName"],
        "startIndex": 1,
        "count": 10,
    });
    let answer = world.post("/Users/.search", body).await;
    assert_eq!(answer.ids(), [alex.as_str()]);
    assert!(answer.body["Resources"][0].get("emails").is_none());
    assert!(world.post("/Groups/.search", json!({})).await.ids().is_empty());
}

#[tokio::test]
async fn users_and_groups_are_searched_together() {
    let world = World::start().await;
    let users = world.users(3).await;
    let group = world.group("Ops", &users[..1]).await;
    let search = async |body: Value| world.post("/.search", body).await;
    let all = search(json!({})).await;
    assert_eq!(all.body["totalResults"], 4);
    assert_eq!(all.ids(), [users.as_slice(), std::slice::from_ref(&group)].concat());
    let last = search(json!({"startIndex": 3, "count": 2})).await;
    assert_eq!(last.ids(), [users[2].as_str(), group.as_str()]);
    assert_eq!(
        search(json!({"startIndex": 4, "count": 5})).await.ids(),
        [group.as_str()]
    );
    let named = search(json!({"filter": "displayName eq \"ops\" or displayName eq \"user1\""})).await;
    assert_eq!(named.ids(), [users[1].as_str(), group.as_str()]);
    // Users have no members, which is no error here.
    let of_user = search(json!({"filter": format!("members eq \"{}\"", users[0])})).await;
    assert_eq!(of_user.ids(), [group.as_str()]);
    // So it is with everything that one kind lacks: resources of that kind have no value there.
    let found = async |filter: String| search(json!({"filter": filter})).await.ids();
    let both = [users[1].clone(), group.clone()];
    let name = "user1@contoso.example";
    for filter in [
        format!("displayName eq \"Ops\" or userName eq \"{name}\""),
        format!("members eq \"{}\" or userName eq \"{name}\"", users[0]),
        format!("userName eq \"{name}\" or userName eq null"),
        format!("id eq \"{group}\" or not (not (userName eq \"{name}\"))"),
    ] {
        assert_eq!(found(filter.clone()).await, both, "{filter}");
    }
    assert_eq!(found("userName eq null".to_owned()).await, [group.as_str()]);
    assert_eq!(found("not (userName pr)".to_owned()).await, [group.as_str()]);
    assert_eq!(found("members[value eq \"x\"] or userName pr".to_owned()).await, users);
    for wrong in [
        "colour eq \"red\"",
        "id pr or colour eq \"red\"",
        "id pr or active gt true",
    ] {
        search(json!({"filter": wrong})).await.is_error(400, "invalidFilter");
    }
}

#[tokio::test]
async fn filters_that_make_no_sense_are_named() {
    let world = World::start().await;
    for filter in [
        "userName",
        "userName eq",
        "usrName eq \"a\"",
        "userName eq \"a\" or 1=1",
        "userName eq \"a\") or (userName pr",
        "password sw \"a\"",
        "active gt true",
        "emails[type eq \"work\"].value",
    ] {
        world
            .get(&format!("/Users?filter={filter}"))
            .await
            .is_error(400, "invalidFilter");
    }
    let deep = format!("{}userName pr{}", "(".repeat(1_000), ")".repeat(1_000));
    world
        .get(&format!("/Users?filter={deep}"))
        .await
        .is_error(400, "invalidFilter");
    let long = format!("userName eq \"{}\"", "x".repeat(5_000));
    world
        .get(&format!("/Users?filter={long}"))
        .await
        .is_error(400, "invalidFilter");
    let twice = "/Users?filter=userName pr&filter=userName pr";
    world.get(twice).await.is_error(400, "invalidValue");
    world
        .get("/Users?attributes=id&excludedAttributes=name")
        .await
        .is_error(400, "invalidValue");
}

#[tokio::test]
async fn discovery_is_complete_and_names_only_what_is_there() {
    let world = World::start().await;
    let schemas = world.get("/Schemas").await;
    assert_eq!(schemas.ids().len(), 3);
    assert_eq!(world.get("/ResourceTypes").await.ids(), ["User", "Group"]);
    let config = world.get("/ServiceProviderConfig").await.body;
    assert_eq!(config["patch"]["supported"], true);
    assert_eq!(config["bulk"]["supported"], false);
    for path in [
        "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
        "/ResourceTypes/Group",
    ] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    for path in ["/Schemas/urn:unknown", "/ResourceTypes/Device"] {
        world.get(path).await.is_error(404, "");
    }
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
        world.get(&format!("{path}?filter=id pr")).await.is_error(403, "");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            world.call(method, path, &json!({})).await.is_error(405, "");
        }
    }
    for path in ["/Bulk", "/Me"] {
        world.post(path, json!({})).await.is_error(501, "");
    }
}

/// Puts records straight into the table, by the hundred.
async fn put_all<R: Record>(world: &World, records: &[R]) {
    for chunk in records.chunks(MOST_WRITES) {
        let writes = chunk.iter().map(|record| Write::Put {
            item: to_item(record, 1).unwrap(),
            condition: Condition::Absent,
        });
        world.core.store.commit(writes.collect()).await.unwrap();
    }
}

#[tokio::test]
async fn what_would_read_too_much_is_refused_and_not_answered_in_part() {
    let world = World::start().await;
    let template = world.user("alex@contoso.example").await;
    let template: User = stored(&world, &keys::user(&world.application, template.parse().unwrap()))
        .await
        .unwrap();
    let many: Vec<User> = (0..MOST_SCANNED)
        .map(|_| User {
            id: UserId::new(world.core.ids.uuid()),
            ..template.clone()
        })
        .collect();
    let scan = "/Users?filter=displayName eq \"alex\"&count=1";
    put_all(&world, &many[1..]).await;
    let sorted = world.get("/Users?sortBy=meta.created&count=1").await;
    assert_eq!(sorted.body["totalResults"], MOST_SCANNED);
    assert_eq!(world.get(scan).await.body["totalResults"], MOST_SCANNED);
    put_all(&world, &many[..1]).await;
    world.get(scan).await.is_error(400, "tooMany");
    // Keys are still looked up, everything is still listed, and a cursor reads on where a scan may not.
    let by_name = world.get("/Users?filter=userName eq \"alex@contoso.example\"").await;
    assert_eq!(by_name.ids().len(), 1);
    world
        .get("/Users?sortBy=userName&count=1")
        .await
        .is_error(400, "tooMany");
    let page = world.get("/Users?startIndex=1991&count=200").await;
    assert_eq!(
        (page.ids().len(), page.body["totalResults"].as_u64()),
        (11, Some(2_001))
    );
    assert_eq!(world.get(&format!("{scan}&cursor=")).await.ids().len(), 1);
}

#[tokio::test]
async fn a_group_with_very_many_members_is_shown_without_them() {
    let world = World::start().await;
    let group = world.group("Everybody", &[]).await;
    let path = format!("/Groups/{group}");
    let template = world.user("alex@contoso.example").await;
    let template: User = stored(&world, &keys::user(&world.application, template.parse().unwrap()))
        .await
        .unwrap();
    let users: Vec<User> = (0..=MOST_MEMBERS_SHOWN)
        .map(|_| User {
            id: UserId::new(world.core.ids.uuid()),
            ..template.clone()
        })
        .collect();
    put_all(&world, &users).await;
    let members: Vec<GroupMember> = users
        .iter()
        .map(|user| GroupMember {
            application: world.application.clone(),
            group: group.parse().unwrap(),
            user: user.id,
        })
        .collect();
    put_all(&world, &members[1..]).await;
    assert_eq!(world.members(&group).await.len(), MOST_MEMBERS_SHOWN);
    put_all(&world, &members[..1]).await;
    world.get(&path).await.is_error(400, "tooMany");
    world.get("/Groups").await.is_error(400, "tooMany");
    assert_eq!(
        world.get(&format!("{path}?excludedAttributes=members")).await.status,
        200
    );
    // Its members can be changed one by one, and it can be deleted; not emptied in one call.
    let one = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", members[7].user)}]);
    assert_eq!(world.patch(&path, one).await.status, 204);
    world
        .patch(&path, json!([{"op": "remove", "path": "members"}]))
        .await
        .is_error(413, "");
    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(world.sweep().await, 3, "some 4,500 of them a run");
    assert!(!world.exists(&members[9].key()).await);
}

/// What `/Schemas` promises, a client can set and read back.
#[tokio::test]
async fn every_advertised_attribute_is_kept() {
    fn sample(attribute: &Value) -> Value {
        let one = match attribute["type"].as_str().unwrap() {
            "boolean" => json!(true),
            "complex" => attribute["subAttributes"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|sub| sub["mutability"] != "readOnly")
                .map(|sub| (sub["name"].as_str().unwrap().to_owned(), sample(sub)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            _ => json!("https://contoso.example/x"),
        };
        if attribute["multiValued"] == true {
            json!([one])
        } else {
            one
        }
    }
    let world = World::start().await;
    let schemas = world.get("/Schemas").await.body;
    let fill = |index: usize| {
        let attributes = schemas["Resources"][index]["attributes"].as_array().unwrap().iter();
        attributes
            .filter(|attribute| attribute["name"] != "members")
            .map(|attribute| (attribute["name"].as_str().unwrap().to_owned(), sample(attribute)))
            .collect::<serde_json::Map<_, _>>()
    };
    let mut user = fill(0);
    user.insert(ENTERPRISE.to_owned(), fill(1).into());
    user.insert(CUSTOM.to_owned(), json!({"anything": "kept"}));
    for (endpoint, sent) in [("/Users", user), ("/Groups", fill(2))] {
        let created = world.post(endpoint, sent.clone().into()).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let read = world.get(&format!("{endpoint}/{}", created.id())).await.body;
        for (name, value) in sent {
            assert_eq!(read[&name], value, "{name}");
        }
    }
}
