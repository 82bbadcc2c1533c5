//! Several provisioning workers at once on the same user or group: no change is lost, and of two that exclude each other
//! one is refused.

use axum::body::Body;
use futures_util::future::join_all;
use http::header;
use serde_json::{Value, json};

use crate::support::{Answer, PATCH, World, user_body};

/// How often each race is run: who comes first differs.
const ROUNDS: usize = 4;

/// The statuses of some answers, least first.
fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    statuses
}

/// A call under `If-Match`.
async fn guarded(world: &World, method: &str, path: &str, tag: &str, body: Value) -> Answer {
    let request = world.request(method, path).header(header::IF_MATCH, tag);
    world.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn many_workers_on_one_group_lose_nobody() {
    let world = World::start().await;
    let users = world.users(24).await;
    let group = world.group("Ops", &users[..12]).await;
    let path = format!("/Groups/{group}");
    let changes = users.iter().enumerate().map(|(index, user)| {
        let operation = match index < 12 {
            true => json!({"op": "remove", "path": format!("members[value eq \"{user}\"]")}),
            false => json!({"op": "add", "path": "members", "value": [{"value": user}]}),
        };
        let (world, path) = (&world, &path);
        async move {
            // What the server cannot fit in it says so, and Entra sends it again.
            for _ in 0..20 {
                let status = world.patch(path, json!([operation.clone()])).await.status.as_u16();
                match status {
                    204 => return,
                    503 => {}
                    other => panic!("{other}"),
                }
            }
            panic!("the change never went through");
        }
    });
    join_all(changes).await;
    assert_eq!(world.members(&group).await, users[12..]);
    // Every change is in the chain once.
    assert_eq!(world.group_events(&group).await.len(), 25);
}

#[tokio::test]
async fn two_workers_on_one_user_keep_both_changes() {
    let world = World::start().await;
    let id = world.user("alex@contoso.example").await;
    let path = format!("/Users/{id}");
    let set = |name: &str| {
        let operations = json!([{"op": "replace", "path": name, "value": "new"}]);
        let (world, path) = (&world, &path);
        async move { world.patch(path, operations).await }
    };
    let names = ["title", "nickName", "locale", "userType", "displayName"];
    for answer in join_all(names.map(set)).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let body = world.get(&path).await.body;
    for name in names {
        assert_eq!(body[name], "new");
    }
    // Each of them is told of once, and they did get in each other's way.
    assert_eq!(world.user_events(&id).await.len(), 1 + names.len());
    assert!(
        world.store.commits() > 1 + names.len(),
        "there was no race: the test proves nothing"
    );
}

#[tokio::test]
async fn patching_and_replacing_a_user_happen_one_after_the_other() {
    for round in 0..ROUNDS {
        let world = World::start().await;
        let id = world.user("alex@contoso.example").await;
        let path = format!("/Users/{id}");
        let operations = json!([
            {"op": "Replace", "path": "nickName", "value": "patched"},
            {"op": "Replace", "path": "title", "value": "patched"},
        ]);
        let whole = json!({"userName": "alex@contoso.example", "title": "put", "locale": "en"});
        let (patched, put) = futures_util::join!(world.patch(&path, operations), world.call("PUT", &path, &whole));
        assert_eq!(
            (patched.status.as_u16(), put.status.as_u16()),
            (200, 200),
            "round {round}"
        );
        let body = world.get(&path).await.body;
        let last = (
            body["title"].as_str().unwrap(),
            body["nickName"].as_str(),
            body["locale"].as_str(),
        );
        let one_after_the_other = [("put", None, Some("en")), ("patched", Some("patched"), Some("en"))];
        assert!(one_after_the_other.contains(&last), "round {round}: {last:?}");
        assert!(body.get("name").is_none(), "what the replacement left out came back");
        assert_eq!(body["meta"]["version"], "W/\"3\"");
        assert_eq!(world.user_events(&id).await.len(), 3);
    }
}

#[tokio::test]
async fn of_changes_to_one_version_one_happens() {
    let world = World::start().await;
    let user = format!("/Users/{}", world.user("alex@contoso.example").await);
    let group = format!("/Groups/{}", world.group("Ops", &[]).await);
    for path in [&user, &group] {
        let name = |name: &str| {
            let operation = json!({"op": "replace", "path": "displayName", "value": name});
            json!({"schemas": [PATCH], "Operations": [operation]})
        };
        let whole = json!({"userName": "alex@contoso.example", "displayName": "Three"});
        let answers = futures_util::join!(
            guarded(&world, "PATCH", path, "W/\"1\"", name("One")),
            guarded(&world, "PATCH", path, "W/\"1\"", name("Two")),
            guarded(&world, "PUT", path, "W/\"1\"", whole.clone()),
        );
        assert_eq!(statuses(&[answers.0, answers.1, answers.2])[1..], [412, 412]);
        assert_eq!(world.get(path).await.body["meta"]["version"], "W/\"2\"");
        let stale = guarded(&world, "PUT", path, "W/\"1\"", whole).await;
        stale.is_error(412, "");
    }
}

#[tokio::test]
async fn switching_off_is_never_undone_by_another_change() {
    for round in 0..ROUNDS {
        let world = World::start().await;
        let id = world.user("alex@contoso.example").await;
        let path = format!("/Users/{id}");
        let off = json!([{"op": "Replace", "path": "active", "value": "False"}]);
        let title = json!([{"op": "Replace", "path": "title", "value": "x"}]);
        let whole = json!({"userName": "alex@contoso.example"});
        let (off, titled, put) = futures_util::join!(
            world.patch(&path, off),
            world.patch(&path, title),
            world.call("PUT", &path, &whole),
        );
        assert_eq!(statuses(&[off, titled, put]), [200, 200, 200]);
        assert_eq!(world.get(&path).await.body["active"], false, "round {round}");
        assert_eq!(world.orders(&id).await.len(), 1);
    }
}

#[tokio::test]
async fn of_two_external_ids_one_is_set() {
    let world = World::start().await;
    let mut body = user_body("alex@contoso.example");
    body["externalId"] = Value::Null;
    let id = world.post("/Users", body).await.id();
    let path = format!("/Users/{id}");
    let set = |value: usize| {
        let operations = json!([{"op": "Add", "path": "externalId", "value": format!("e{value}")}]);
        let (world, path) = (&world, &path);
        async move { world.patch(path, operations).await }
    };
    let answers = join_all((0..4).map(set)).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.is_error(400, "mutability");
    }
    assert_eq!(world.get(&path).await.body["externalId"], made[0].body["externalId"]);
}

#[tokio::test]
async fn of_two_users_with_one_name_one_is_made() {
    let world = World::start().await;
    let create = |number: usize| {
        let mut body = user_body("alex@contoso.example");
        body["externalId"] = json!(format!("e{number}"));
        let world = &world;
        async move { world.post("/Users", body).await }
    };
    let answers = join_all((0..8).map(create)).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.is_error(409, "uniqueness");
    }
    assert_eq!(world.get("/Users").await.body["totalResults"], 1);
}

#[tokio::test]
async fn of_two_groups_with_one_name_or_external_id_one_is_made() {
    let world = World::start().await;
    for field in ["displayName", "externalId"] {
        let create = |number: usize| {
            let mut body =
                json!({"displayName": format!("{field} {number}"), "externalId": format!("{field}-{number}")});
            body[field] = json!("the same");
            let world = &world;
            async move { world.post("/Groups", body).await }
        };
        let answers = join_all((0..6).map(create)).await;
        let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(made.len(), 1);
        for answer in refused {
            answer.is_error(409, "uniqueness");
        }
    }
    assert_eq!(world.get("/Groups").await.body["totalResults"], 2);
}

#[tokio::test]
async fn of_two_that_take_one_name_one_gets_it() {
    let world = World::start().await;
    let users = world.users(2).await;
    let groups = [world.group("One", &[]).await, world.group("Two", &[]).await];
    for (paths, name, success) in [
        ([0, 1].map(|at: usize| format!("/Users/{}", users[at])), "userName", 200),
        (
            [0, 1].map(|at: usize| format!("/Groups/{}", groups[at])),
            "displayName",
            204,
        ),
    ] {
        let operations = json!([{"op": "Replace", "path": name, "value": "New@contoso.example"}]);
        let (one, two) = futures_util::join!(
            world.patch(&paths[0], operations.clone()),
            world.patch(&paths[1], operations.clone()),
        );
        let answers = [one, two];
        assert_eq!(statuses(&answers), [success, 409]);
        answers
            .iter()
            .find(|answer| answer.status == 409)
            .unwrap()
            .is_error(409, "uniqueness");
        let mut names = Vec::new();
        for path in &paths {
            names.push(world.get(path).await.body[name].as_str().unwrap().to_owned());
        }
        let new = names.iter().filter(|name| *name == "New@contoso.example").count();
        assert_eq!(new, 1, "{names:?}");
    }
}

#[tokio::test]
async fn one_member_added_by_several_is_added_once() {
    for _ in 0..ROUNDS {
        let world = World::start().await;
        let users = world.users(3).await;
        let group = world.group("Ops", &users[..1]).await;
        let path = format!("/Groups/{group}");
        let add = || {
            world.patch(
                &path,
                json!([{"op": "add", "path": "members", "value": [{"value": users[1]}]}]),
            )
        };
        let remove = || {
            world.patch(
                &path,
                json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", users[0])}]),
            )
        };
        let answers = join_all([add(), add(), add()]).await;
        assert_eq!(statuses(&answers), [204, 204, 204]);
        let answers = join_all([remove(), remove(), remove()]).await;
        assert_eq!(statuses(&answers), [204, 204, 204]);
        assert_eq!(world.members(&group).await, [users[1].as_str()]);
        // Made, added once, removed once.
        assert_eq!(world.group_events(&group).await.len(), 3);
        assert_eq!(world.get(&path).await.body["meta"]["version"], "W/\"3\"");
    }
}

#[tokio::test]
async fn adding_and_removing_one_member_end_as_one_of_both() {
    for round in 0..ROUNDS {
        let world = World::start().await;
        let users = world.users(2).await;
        let group = world.group("Ops", &[]).await;
        let path = format!("/Groups/{group}");
        let operation = |op: &str| json!([{"op": op, "path": "members", "value": [{"value": users[0]}]}]);
        let rename = json!({"displayName": "Operations", "members": [{"value": users[1]}]});
        let (added, removed, put) = futures_util::join!(
            world.patch(&path, operation("Add")),
            world.patch(&path, operation("Remove")),
            world.call("PUT", &path, &rename),
        );
        assert_eq!(
            [added, removed, put].map(|answer| answer.status.as_u16()),
            [204, 204, 200],
            "round {round}"
        );
        let members = world.members(&group).await;
        assert!(members.contains(&users[1]), "the replacement was lost");
        // Both sides of a membership agree, whichever came last.
        for user in &users {
            let of_user = world.get(&format!("/Groups?filter=members eq \"{user}\"")).await.ids();
            assert_eq!(!of_user.is_empty(), members.contains(user), "round {round}");
        }
        assert_eq!(world.get(&path).await.body["displayName"], "Operations");
    }
}

#[tokio::test]
async fn deleting_a_group_wins_over_changing_it() {
    for _ in 0..ROUNDS {
        let world = World::start().await;
        let users = world.users(40).await;
        let group = world.group("Ops", &users[..1]).await;
        let path = format!("/Groups/{group}");
        let value: Vec<Value> = users.iter().map(|user| json!({"value": user})).collect();
        let (added, deleted) = futures_util::join!(
            world.patch(&path, json!([{"op": "add", "path": "members", "value": value}])),
            world.delete(&path),
        );
        assert_eq!(deleted.status, 204);
        assert!([204, 404].contains(&added.status.as_u16()), "{}", added.text);
        world.get(&path).await.is_error(404, "");
        world.sweep().await;
        for user in &users {
            let (group, user) = (group.parse().unwrap(), user.parse().unwrap());
            let left = hourglass_app::keys::group_of_user(&world.application, user, group);
            assert!(!world.exists(&left).await, "a membership that nothing will ever remove");
        }
    }
}

#[tokio::test]
async fn deleting_wins_over_adding() {
    for round in 0..5 {
        let world = World::start().await;
        let users = world.users(2).await;
        let group = world.group("Ops", &[]).await;
        let path = format!("/Groups/{group}");
        let add = world.patch(&path, json!([{"op": "add", "path": "members", "value": [users[0]]}]));
        let user_path = format!("/Users/{}", users[0]);
        let delete = world.delete(&user_path);
        let (added, deleted) = futures_util::join!(add, delete);
        assert_eq!(deleted.status, 204, "round {round}");
        assert!([204, 400].contains(&added.status.as_u16()), "{}", added.text);
        assert!(world.members(&group).await.is_empty(), "a member who does not exist");
    }
}
