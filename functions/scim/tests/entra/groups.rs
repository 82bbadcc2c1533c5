//! Creating, changing and deleting groups and their members, in both dialects.

use std::sync::atomic::Ordering;

use hourglass_app::keys::{self, Unique};
use hourglass_app::ports::store::{Condition, Write};
use hourglass_app::records::GroupGoneOrder;
use http::header;
use serde_json::{Value, json};

use crate::support::{GROUP, PATCH, World, stored, uuid_of};

fn path(id: &str) -> String {
    format!("/Groups/{id}")
}

fn add(ids: &[String]) -> Value {
    let list: Vec<Value> = ids.iter().map(|id| json!({"$ref": null, "value": id})).collect();
    json!({"op": "Add", "path": "members", "value": list})
}

fn remove(ids: &[String]) -> Value {
    let list: Vec<Value> = ids.iter().map(|id| json!({"$ref": null, "value": id})).collect();
    json!({"op": "Remove", "path": "members", "value": list})
}

fn remove_by_filter(id: &str) -> Value {
    json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")})
}

/// Sends a PATCH that has to succeed, and gives the members afterwards.
async fn members_after(world: &World, group: &str, operations: Value) -> Vec<String> {
    let answer = world.patch(&path(group), operations.clone()).await;
    assert_eq!(answer.status, 204, "{operations}: {}", answer.text);
    assert_eq!(answer.text, "");
    let mut members = world.members(group).await;
    members.sort();
    members
}

#[tokio::test]
async fn a_created_group_is_answered_whole() {
    let world = World::start().await;
    let object_id = uuid_of("Ops");
    let body = json!({
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": object_id,
        "displayName": "Ops Team",
        "meta": {"resourceType": "Group"},
        "members": [],
    });
    let created = world.post("/Groups", body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.id();
    let location = format!("http://localhost:8080/scim/v2/Groups/{id}");
    assert_eq!(created.header(header::LOCATION), location);
    let expected = json!({
        "schemas": [GROUP],
        "id": id,
        "externalId": object_id,
        "displayName": "Ops Team",
        "meta": {
            "resourceType": "Group",
            "created": created.body["meta"]["created"],
            "lastModified": created.body["meta"]["created"],
            "version": "W/\"1\"",
            "location": location,
        },
    });
    assert_eq!(created.body, expected);
    assert_eq!(world.get(&path(&id)).await.body, expected);
    assert_eq!(world.group_events(&id).await[0].action, "group.created");
}

#[tokio::test]
async fn names_and_external_ids_are_unique() {
    let world = World::start().await;
    let post = async |name: &str, external: &str| {
        world
            .post("/Groups", json!({"displayName": name, "externalId": external}))
            .await
    };
    let ops = post("Ops", "e1").await.id();
    let dev = post("Dev", "e2").await.id();
    post("OPS", "e3").await.is_error(409, "uniqueness");
    post("Other", "e1").await.is_error(409, "uniqueness");
    let rename = json!([{"op": "Replace", "path": "displayName", "value": "ops"}]);
    world
        .patch(&path(&dev), rename.clone())
        .await
        .is_error(409, "uniqueness");
    assert_eq!(world.patch(&path(&ops), rename).await.status, 204);
    let pathless = json!([{"op": "replace", "value": {"displayName": "Operations", "externalId": "e1"}}]);
    assert_eq!(world.patch(&path(&ops), pathless).await.status, 204);
    assert_eq!(world.get(&path(&ops)).await.body["displayName"], "Operations");
    assert_eq!(post("Ops", "e3").await.status, 201);
    let other = json!([{"op": "replace", "value": {"externalId": "e9"}}]);
    world.patch(&path(&ops), other).await.is_error(400, "mutability");
    world
        .post("/Groups", json!({"externalId": "e4"}))
        .await
        .is_error(400, "invalidValue");
}

#[tokio::test]
async fn members_come_and_go_in_every_shape() {
    let world = World::start().await;
    let users = world.users(5).await;
    let [a, b, c, d, e] = users.clone().try_into().unwrap();
    let group = world.group("Ops", &[]).await;
    let id = group.as_str();
    let one = std::slice::from_ref(&a);
    assert_eq!(members_after(&world, id, json!([add(one)])).await, [a.as_str()]);
    let two = json!([add(&users[1..3])]);
    assert_eq!(members_after(&world, id, two).await, users[..3]);
    let single = json!({"op": "add", "path": "members", "value": d});
    assert_eq!(members_after(&world, id, json!([single])).await, users[..4]);
    let pathless = json!({"op": "add", "value": {"members": [{"value": e}]}});
    assert_eq!(members_after(&world, id, json!([pathless])).await, users);
    // Legacy: exactly those listed, as a list or alone.
    assert_eq!(
        members_after(&world, id, json!([remove(&users[..2])])).await,
        users[2..]
    );
    let alone = json!({"op": "Remove", "path": "members", "value": {"$ref": null, "value": c}});
    assert_eq!(members_after(&world, id, json!([alone])).await, users[3..]);
    assert_eq!(
        members_after(&world, id, json!([remove_by_filter(&d)])).await,
        users[4..]
    );
    // Nobody who is not there.
    assert_eq!(
        members_after(
            &world,
            id,
            json!([remove_by_filter(&a), remove(std::slice::from_ref(&b))])
        )
        .await,
        users[4..]
    );
    // Whole lists.
    let replace = |list: Value| json!([{"op": "replace", "path": "members", "value": list}]);
    assert_eq!(
        members_after(&world, id, replace(json!([{"value": a}, {"value": e}]))).await,
        [a.clone(), e.clone()]
    );
    assert_eq!(
        members_after(&world, id, replace(json!([]))).await,
        Vec::<String>::new()
    );
    assert_eq!(
        members_after(&world, id, replace(json!([{"value": b}]))).await,
        [b.as_str()]
    );
    assert_eq!(
        members_after(&world, id, replace(Value::Null)).await,
        Vec::<String>::new()
    );
    members_after(&world, id, json!([add(&users)])).await;
    let everybody = json!([{"op": "remove", "path": "members"}]);
    assert_eq!(members_after(&world, id, everybody).await, Vec::<String>::new());
}

#[tokio::test]
async fn operations_apply_in_order_and_together() {
    let world = World::start().await;
    let users = world.users(3).await;
    let group = world.group("Ops", &users[..1]).await;
    let operations = json!([
        add(&users[1..2]),
        remove_by_filter(&users[1]),
        remove_by_filter(&users[0]),
        add(&users[..1]),
        {"op": "Replace", "path": "displayName", "value": "Operations"},
        add(&users[2..]),
    ]);
    world.store.take();
    let answer = world.patch(&path(&group), operations).await;
    assert_eq!((answer.status.as_u16(), world.store.commits()), (204, 1));
    assert_eq!(world.members(&group).await, [users[0].clone(), users[2].clone()]);
    assert_eq!(world.get(&path(&group)).await.body["displayName"], "Operations");
    let event = world.group_events(&group).await.pop().unwrap();
    assert_eq!(event.action, "group.changed");
    assert_eq!(event.facts["added"], "1");
    assert_eq!(event.facts["added_members"], users[2]);
    assert_eq!(event.facts["changed"], "displayName");
    // One of them wrong, none of them happens.
    let before = world.get(&path(&group)).await.body;
    for wrong in [
        add(&["00000000-0000-7000-8000-000000000000".to_owned()]),
        json!({"op": "Replace", "path": "displayName", "value": ""}),
        json!({"op": "Replace", "path": "colour", "value": "red"}),
    ] {
        let operations = json!([add(&users[1..2]), {"op": "Replace", "path": "displayName", "value": "X"}, wrong]);
        assert_eq!(world.patch(&path(&group), operations).await.status, 400);
        assert_eq!(world.get(&path(&group)).await.body, before);
    }
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing() {
    let world = World::start().await;
    let users = world.users(2).await;
    let group = world.group("Ops", &users[..1]).await;
    let before = world.get(&path(&group)).await.body;
    world.clock.advance(30);
    world.store.take();
    for operation in [
        add(&users[..1]),
        remove(&users[1..]),
        remove_by_filter(&users[1]),
        remove_by_filter("no id of ours"),
        json!({"op": "Replace", "path": "displayName", "value": "Ops"}),
        json!({"op": "replace", "path": "members", "value": [{"value": users[0]}]}),
    ] {
        assert_eq!(
            world.patch(&path(&group), json!([operation])).await.status,
            204,
            "{operation}"
        );
    }
    assert_eq!(world.store.commits(), 0);
    assert_eq!(world.get(&path(&group)).await.body, before);
    let changed = world.patch(&path(&group), json!([add(&users)])).await;
    assert_eq!(changed.header(header::ETAG), "W/\"2\"");
    assert_ne!(
        world.get(&path(&group)).await.body["meta"]["lastModified"],
        before["meta"]["lastModified"]
    );
}

#[tokio::test]
async fn nobody_is_added_who_does_not_exist() {
    let world = World::start().await;
    let alex = world.user("alex@contoso.example").await;
    let group = world.group("Ops", &[]).await;
    for unknown in [
        uuid_of("alex@contoso.example"),
        "x".to_owned(),
        group.clone(),
        String::new(),
    ] {
        world
            .patch(&path(&group), json!([add(std::slice::from_ref(&unknown))]))
            .await
            .is_error(400, "invalidValue");
        let body = json!({"displayName": "Other", "members": [{"value": alex}, {"value": unknown}]});
        world.post("/Groups", body).await.is_error(400, "invalidValue");
    }
    let nested = json!([{"op": "add", "path": "members", "value": [{"value": alex, "type": "Group"}]}]);
    world.patch(&path(&group), nested).await.is_error(400, "invalidValue");
    assert!(world.members(&group).await.is_empty());
    world.delete(&format!("/Users/{alex}")).await;
    world
        .patch(&path(&group), json!([add(&[alex])]))
        .await
        .is_error(400, "invalidValue");
}

#[tokio::test]
async fn removing_everybody_takes_one_explicit_shape() {
    let world = World::start().await;
    let users = world.users(2).await;
    let group = world.group("Ops", &users).await;
    for (operation, kind) in [
        (
            json!({"op": "remove", "path": "members", "value": null}),
            "invalidValue",
        ),
        (
            json!({"op": "remove", "path": "members", "value": [{}]}),
            "invalidValue",
        ),
        (
            json!({"op": "remove", "path": "members", "value": {"value": ""}}),
            "invalidValue",
        ),
        (json!({"op": "remove", "path": "members[value pr]"}), "invalidFilter"),
        (
            json!({"op": "remove", "path": "members[value ne \"x\"]"}),
            "invalidFilter",
        ),
        (
            json!({"op": "remove", "path": "members[value eq \"x\" or value pr]"}),
            "invalidFilter",
        ),
        (json!({"op": "remove", "path": "members["}), "invalidPath"),
        (json!({"op": "remove", "path": "members/../members"}), "invalidPath"),
        (json!({"op": "remove", "path": "members.value"}), "invalidPath"),
        (json!({"op": "remove"}), "noTarget"),
    ] {
        world.patch(&path(&group), json!([operation])).await.is_error(400, kind);
    }
    let nobody = world.patch(&path(&group), json!([remove(&[])])).await;
    assert_eq!(nobody.status, 204);
    // An empty object or text is no empty list: it may be a member gone wrong.
    for value in [json!({}), json!(""), json!([{}]), json!([null])] {
        for operation in [
            json!({"op": "replace", "path": "members", "value": value}),
            json!({"op": "replace", "value": {"members": value}}),
            json!({"op": "add", "path": "members", "value": value}),
        ] {
            let answer = world.patch(&path(&group), json!([operation])).await;
            answer.is_error(400, "invalidValue");
        }
        let body = json!({"displayName": "Ops", "members": value});
        let answer = world.call("PUT", &path(&group), &body).await;
        answer.is_error(400, "invalidValue");
    }
    assert_eq!(world.members(&group).await, users);
}

#[tokio::test]
async fn large_changes_are_checked_whole_and_stored_in_pieces() {
    let world = World::start().await;
    let users = world.users(1_000).await;
    for count in [1, 5, 100, 1_000] {
        let group = world.group(&format!("Group {count}"), &[]).await;
        assert_eq!(
            members_after(&world, &group, json!([add(&users[..count])])).await.len(),
            count
        );
        let each: Vec<Value> = users[..count].iter().map(|id| remove_by_filter(id)).collect();
        assert!(members_after(&world, &group, each.into()).await.is_empty());
    }
    // The last of a thousand is unknown: nobody is added.
    let group = world.group("Ops", &[]).await;
    let mut with_unknown = users.clone();
    with_unknown.push("ffffffff-ffff-7fff-bfff-ffffffffffff".to_owned());
    world
        .patch(&path(&group), json!([add(&with_unknown)]))
        .await
        .is_error(400, "invalidValue");
    assert!(world.members(&group).await.is_empty());
    assert_eq!(world.group_events(&group).await.len(), 1);
    // Cut short after the first piece, and sent again.
    world.store.lose_commits.store(true, Ordering::SeqCst);
    world.patch(&path(&group), json!([add(&users)])).await.is_error(503, "");
    world.store.lose_commits.store(false, Ordering::SeqCst);
    let part = world.members(&group).await.len();
    assert!(
        (1..1_000).contains(&part),
        "{part}: the change was not cut short, the test proves nothing"
    );
    assert_eq!(members_after(&world, &group, json!([add(&users)])).await.len(), 1_000);
    // Created with a thousand, replaced by one, and deleted.
    let created = world.group("Created", &users).await;
    assert_eq!(world.members(&created).await.len(), 1_000);
    let replace = json!([{"op": "replace", "path": "members", "value": [{"value": users[7]}]}]);
    assert_eq!(members_after(&world, &created, replace).await, [users[7].as_str()]);
    let added: u64 = events_sum(&world, &group, "added").await;
    assert_eq!(added, 1_000, "each member is told of once");
    assert_eq!(world.delete(&path(&group)).await.status, 204);
    world.sweep().await;
    let gone = keys::group_of_user(&world.application, users[999].parse().unwrap(), group.parse().unwrap());
    assert!(!world.exists(&gone).await);
    let removed: u64 = events_sum(&world, &group, "removed").await;
    assert_eq!(removed, 1_000, "each member who left is told of once");
}

/// A change that is too large for one transaction meets somebody who deletes one of those it adds: before the first
/// transaction nothing has happened and nothing does, after it the rest goes on without the deleted one.
#[tokio::test]
async fn who_is_deleted_during_a_large_change_is_left_out() {
    let world = World::start().await;
    // Members are added in the order of their ids: the first with the first transaction, the last with the last.
    let users = world.users(100).await;
    let members: Vec<Value> = users.iter().map(|id| json!({"value": id})).collect();
    for (commits, gone) in [(0, &users[0]), (1, &users[99]), (2, &users[99])] {
        let stored = commits > 0;
        let expected: &[String] = if stored { &users[..99] } else { &[] };
        let key = keys::user(&world.application, gone.parse().unwrap());
        let user = world.store.inner.get(&key).await.unwrap().unwrap();
        let delete = || {
            let (key, condition) = (key.clone(), Condition::Exists);
            vec![Write::Delete { key, condition }]
        };
        let put_back = || {
            let (item, condition) = (user.clone(), Condition::Absent);
            vec![Write::Put { item, condition }]
        };

        let group = world.group(&format!("Patched {commits}"), &[]).await;
        world.store.write_after(commits, delete());
        let answer = world.patch(&path(&group), json!([add(&users)])).await;
        assert!(world.store.happened());
        match stored {
            true => assert_eq!(answer.status, 204, "{}", answer.text),
            false => answer.is_error(400, "invalidValue"),
        }
        assert_eq!(world.members(&group).await, expected, "{commits}");
        assert_eq!(events_sum(&world, &group, "added").await, expected.len() as u64);
        world.store.inner.commit(put_back()).await.unwrap();

        let body = json!({"displayName": format!("Created {commits}"), "members": members});
        world.store.write_after(commits, delete());
        let answer = world.post("/Groups", body).await;
        assert!(world.store.happened());
        match stored {
            true => assert_eq!(world.members(&answer.id()).await, expected, "{commits}"),
            false => answer.is_error(400, "invalidValue"),
        }
        world.store.inner.commit(put_back()).await.unwrap();
    }
}

/// An auditor can tell who became a member from the events alone, however many there were.
#[tokio::test]
async fn events_name_everybody_who_was_added() {
    let world = World::start().await;
    let users = world.users(100).await;
    for count in [1, 30, 100] {
        let created = world.group(&format!("Created {count}"), &users[..count]).await;
        let patched = world.group(&format!("Patched {count}"), &[]).await;
        members_after(&world, &patched, json!([add(&users[..count])])).await;
        for group in [created, patched] {
            let mut named: Vec<(String, u64)> = Vec::new();
            for event in world.group_events(&group).await {
                let members = event.objects.iter().filter(|object| object.kind == "group_member");
                named.extend(members.map(|object| (object.id.clone(), object.version)));
            }
            named.sort();
            let expected: Vec<(String, u64)> = users[..count].iter().map(|user| (user.clone(), 1)).collect();
            assert_eq!(named, expected, "{count}");
        }
    }
}

async fn events_sum(world: &World, group: &str, fact: &str) -> u64 {
    let events = world.group_events(group).await;
    events
        .iter()
        .filter_map(|event| event.facts.get(fact))
        .map(|count| count.parse::<u64>().unwrap())
        .sum()
}

#[tokio::test]
async fn more_than_five_thousand_changes_are_refused() {
    let world = World::start().await;
    let group = world.group("Ops", &[]).await;
    let ids: Vec<String> = (0..5_001).map(|n| format!("00000000-0000-7000-8000-{n:012}")).collect();
    world.patch(&path(&group), json!([add(&ids)])).await.is_error(413, "");
    world
        .patch(&path(&group), json!([remove(&ids)]))
        .await
        .is_error(413, "");
    world
        .post("/Groups", json!({"displayName": "x", "members": ids}))
        .await
        .is_error(413, "");
    let operations: Vec<Value> = ids.iter().map(|id| remove_by_filter(id)).collect();
    world.patch(&path(&group), operations.into()).await.is_error(413, "");
    // Five thousand are taken: nobody of these is a member.
    assert_eq!(world.patch(&path(&group), json!([remove(&ids[1..])])).await.status, 204);
}

#[tokio::test]
async fn one_member_costs_the_same_in_every_group() {
    let world = World::start().await;
    let users = world.users(301).await;
    let small = world.group("Small", &users[..1]).await;
    let large = world.group("Large", &users[..300]).await;
    let mut costs = Vec::new();
    for group in [&small, &large] {
        for operation in [
            add(&users[300..]),
            remove_by_filter(&users[300]),
            add(&users[300..]),
            remove(&users[300..]),
        ] {
            world.store.take();
            assert_eq!(world.patch(&path(group), json!([operation])).await.status, 204);
            costs.push(world.store.take());
        }
    }
    // The secret, the group with member and user, the audit stream's head, the transaction.
    for calls in costs {
        assert_eq!(calls, ["get", "get_many", "get", "commit"]);
    }
}

#[tokio::test]
async fn patch_answers_with_a_body_only_when_asked() {
    let world = World::start().await;
    let users = world.users(1).await;
    let group = world.group("Ops", &[]).await;
    let asked = world
        .patch(
            &format!("{}?attributes=displayName", path(&group)),
            json!([add(&users)]),
        )
        .await;
    assert_eq!(
        (asked.status.as_u16(), &asked.body["displayName"]),
        (200, &json!("Ops"))
    );
    assert!(asked.body.get("members").is_none());
    let excluded = format!("{}?excludedAttributes=members", path(&group));
    assert_eq!(world.patch(&excluded, json!([remove(&users)])).await.status, 204);
}

#[tokio::test]
async fn replacing_keeps_members_that_are_not_mentioned() {
    let world = World::start().await;
    let users = world.users(3).await;
    let group = world.group("Ops", &users[..2]).await;
    let answer = world
        .call("PUT", &path(&group), &json!({"displayName": "Operations"}))
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["displayName"]),
        (200, &json!("Operations"))
    );
    assert_eq!(world.members(&group).await, users[..2]);
    // Nor does null mention them, with which a group can be made as well.
    let body = json!({"displayName": "Operations", "members": null});
    assert_eq!(world.call("PUT", &path(&group), &body).await.status, 200);
    assert_eq!(world.members(&group).await, users[..2]);
    let body = json!({"displayName": "New", "members": null});
    assert_eq!(world.post("/Groups", body).await.status, 201);
    let body = json!({"displayName": "Operations", "members": [{"value": users[1]}, {"value": users[2]}]});
    let answer = world.call("PUT", &path(&group), &body).await;
    assert_eq!(answer.body["members"].as_array().unwrap().len(), 2);
    assert_eq!(world.members(&group).await, users[1..]);
    let empty = json!({"displayName": "Operations", "members": []});
    assert_eq!(world.call("PUT", &path(&group), &empty).await.status, 200);
    assert!(world.members(&group).await.is_empty());
    world
        .call("PUT", &path(&group), &json!({"members": []}))
        .await
        .is_error(400, "invalidValue");
}

#[tokio::test]
async fn a_deleted_group_is_gone_at_once() {
    let world = World::start().await;
    let users = world.users(60).await;
    let group = world.group("Ops", &users).await;
    world.store.take();
    assert_eq!(world.delete(&path(&group)).await.status, 204);
    // The secret, the group, the head of the audit stream; one transaction whatever the group's size.
    assert_eq!(world.store.take(), ["get", "get", "get", "commit"]);
    world.get(&path(&group)).await.is_error(404, "");
    world.delete(&path(&group)).await.is_error(404, "");
    world.patch(&path(&group), json!([add(&users)])).await.is_error(404, "");
    assert!(
        world
            .get(&format!("/Groups?filter=members eq \"{}\"", users[0]))
            .await
            .ids()
            .is_empty()
    );
    assert!(
        !world
            .exists(&keys::unique(&world.application, Unique::GroupName, "ops"))
            .await
    );
    let body = json!({"displayName": "Ops", "members": []});
    world.call("PUT", &path(&group), &body).await.is_error(404, "");
    let left = keys::group_of_user(&world.application, users[0].parse().unwrap(), group.parse().unwrap());
    assert!(world.exists(&left).await, "nothing is left: the test proves nothing");
    assert_eq!(world.sweep().await, 1);
    for user in &users {
        let (group, user) = (group.parse().unwrap(), user.parse().unwrap());
        assert!(!world.exists(&keys::member(&world.application, group, user)).await);
        assert!(
            !world
                .exists(&keys::group_of_user(&world.application, user, group))
                .await
        );
    }
    let events = world.group_events(&group).await;
    let told: Vec<(&str, Option<&String>)> = events
        .iter()
        .skip(1)
        .map(|event| (event.action.as_str(), event.facts.get("because")))
        .collect();
    let because = "group.deleted".to_owned();
    assert_eq!(told.last().unwrap(), &("group.members_changed", Some(&because)));
    assert!(told.contains(&("group.deleted", None)), "{told:?}");
    assert_ne!(world.group("Ops", &[]).await, group);
}

#[tokio::test]
async fn a_deleted_group_orders_the_end_of_its_grants_in_the_same_transaction() {
    let world = World::start().await;
    let body = json!({"schemas": [GROUP], "displayName": "Ops", "externalId": uuid_of("ops").to_uppercase()});
    let group = world.post("/Groups", body).await.id();
    let key = keys::group_gone_order(&world.application, group.parse().unwrap());
    world
        .patch(
            &path(&group),
            json!([{"op": "replace", "path": "displayName", "value": "Ops 2"}]),
        )
        .await;
    assert!(!world.exists(&key).await, "a renamed group keeps what it gives");

    // The answer is lost and the process goes on no further: whatever was stored was stored by one transaction.
    world.store.lose_commits.store(true, Ordering::SeqCst);
    world.delete(&path(&group)).await.is_error(503, "");
    world.store.lose_commits.store(false, Ordering::SeqCst);
    world.get(&path(&group)).await.is_error(404, "");
    let order: GroupGoneOrder = stored(&world, &key).await.unwrap();
    assert_eq!(order.group.to_string(), group);
    assert_eq!(order.object_id, Some(uuid_of("ops").parse().unwrap()));
    assert!(
        world.exists(&keys::due(&order.promise())).await,
        "an order without a promise"
    );
}

#[tokio::test]
async fn patch_bodies_are_read_leniently() {
    let world = World::start().await;
    let users = world.users(1).await;
    let group = world.group("Ops", &[]).await;
    for body in [
        json!({"SCHEMAS": [PATCH.to_uppercase()], "operations": [{"OP": "ADD", "Path": "Members", "VALUE": users[0]}]}),
        json!({"Operations": [{"op": "Remove", "path": format!("{GROUP}:members"), "value": [{"Value": users[0]}]}]}),
    ] {
        let answer = world.call("PATCH", &path(&group), &body).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    }
    assert_eq!(world.group_events(&group).await.len(), 3);
    for body in [
        json!({}),
        json!({"Operations": {}}),
        json!({"schemas": ["x"], "Operations": [add(&users)]}),
    ] {
        world
            .call("PATCH", &path(&group), &body)
            .await
            .is_error(400, "invalidSyntax");
    }
}
