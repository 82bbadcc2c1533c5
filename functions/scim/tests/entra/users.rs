//! Creating, changing and deleting users, in both dialects.

use std::sync::atomic::Ordering;

use hourglass_app::change::Change;
use hourglass_app::keys::{self, Unique};
use hourglass_app::records::{OpenRequest, SwitchedOff};
use hourglass_app::workers::memberships_gone::{self, Progress};
use hourglass_domain::Timestamp;
use hourglass_domain::audit::Actor;
use hourglass_domain::canonical::Digest;
use hourglass_domain::directory::Gone;
use hourglass_domain::ids::{RequestId, UserId};
use hourglass_domain::request::{Request, RequestStatus};
use http::header;
use serde_json::{Value, json};

use crate::support::{CUSTOM, ENTERPRISE, Metrics, USER, World, stored, user_body, uuid_of};

fn path(id: &str) -> String {
    format!("/Users/{id}")
}

#[tokio::test]
async fn a_created_user_is_answered_whole() {
    let world = World::start().await;
    let mut body = user_body("alex@contoso.example");
    body["addresses"] = Value::Null;
    body["password"] = json!("never-kept-1");
    body["id"] = json!("mine");
    body["active"] = json!("True");
    body["phoneNumbers"] = json!([{"type": "work", "value": "+41 (0)44 000 00 00"}]);
    body[ENTERPRISE] = json!({"department": "Ops", "manager": null});
    body[CUSTOM] = json!({"application": "contoso.example"});
    let created = world.post("/Users", body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.id();
    assert!(id.parse::<UserId>().is_ok());
    let location = format!("http://localhost:8080/scim/v2/Users/{id}");
    assert_eq!(created.header(header::LOCATION), location);
    assert_eq!(created.header(header::ETAG), "W/\"1\"");
    let expected = json!({
        "schemas": [USER, CUSTOM, ENTERPRISE],
        "id": id,
        "externalId": uuid_of("alex@contoso.example"),
        "userName": "alex@contoso.example",
        "active": true,
        "displayName": "alex",
        "emails": [{"primary": true, "type": "work", "value": "alex@contoso.example"}],
        "phoneNumbers": [{"type": "work", "value": "+41 (0)44 000 00 00"}],
        "name": {"formatted": "Given Family", "familyName": "Family", "givenName": "Given"},
        ENTERPRISE: {"department": "Ops"},
        CUSTOM: {"application": "contoso.example"},
        "meta": {
            "resourceType": "User",
            "created": created.body["meta"]["created"],
            "lastModified": created.body["meta"]["created"],
            "version": "W/\"1\"",
            "location": location,
        },
    });
    assert_eq!(created.body, expected);
    assert_eq!(world.get(&path(&id)).await.body, expected);
    let events = world.user_events(&id).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].action, "user.created");
    assert_eq!(events[0].actor, Actor::Scim { token: world.token });
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains("alex"), "an event names people by id only: {text}");
}

#[tokio::test]
async fn names_and_external_ids_are_unique() {
    let world = World::start().await;
    let alex = world.user("Alex@contoso.example").await;
    let blair = world.user("blair@contoso.example").await;
    let mut same_name = user_body("ALEX@CONTOSO.example");
    same_name["externalId"] = json!("other");
    world.post("/Users", same_name).await.is_error(409, "uniqueness");
    let mut same_id = user_body("casey@contoso.example");
    same_id["externalId"] = json!(uuid_of("Alex@contoso.example"));
    world.post("/Users", same_id.clone()).await.is_error(409, "uniqueness");
    // An object id is one object id in any letter case: two accounts must not share an identity.
    same_id["externalId"] = json!(uuid_of("Alex@contoso.example").to_uppercase());
    world.post("/Users", same_id).await.is_error(409, "uniqueness");
    let rename = json!([{"op": "Replace", "path": "userName", "value": "alex@contoso.example"}]);
    world
        .patch(&path(&blair), rename.clone())
        .await
        .is_error(409, "uniqueness");
    assert_eq!(world.get("/Users").await.body["totalResults"], 2);
    // A new name sets the old one free, and letter case alone is no new name.
    assert_eq!(world.patch(&path(&alex), rename.clone()).await.status, 200);
    assert_eq!(world.get(&path(&alex)).await.body["userName"], "alex@contoso.example");
    let away = json!([{"op": "Replace", "path": "userName", "value": "alex.lee@contoso.example"}]);
    assert_eq!(world.patch(&path(&alex), away).await.status, 200);
    assert_eq!(world.patch(&path(&blair), rename).await.status, 200);
    let found = world
        .get("/Users?filter=userName eq \"ALEX@contoso.example\"")
        .await
        .ids();
    assert_eq!(found, [blair]);
    // Deleting sets both free.
    assert_eq!(world.delete(&path(&alex)).await.status, 204);
    let again = world.post("/Users", user_body("Alex@contoso.example")).await;
    again.is_error(409, "uniqueness");
    let again = world.post("/Users", user_body("alex.lee@contoso.example")).await;
    assert_eq!(again.status, 201, "{}", again.text);
}

#[tokio::test]
async fn external_ids_are_set_once() {
    let world = World::start().await;
    let mut body = user_body("alex@contoso.example");
    body["externalId"] = Value::Null;
    let id = world.post("/Users", body).await.id();
    let object_id = uuid_of("alex");
    let set = |value: Value| json!([{"op": "Add", "path": "externalId", "value": value}]);
    assert_eq!(world.patch(&path(&id), set(json!(object_id))).await.status, 200);
    world.store.take();
    for same in [json!(object_id), json!(object_id.to_uppercase())] {
        let answer = world.patch(&path(&id), set(same)).await;
        assert_eq!(answer.body["externalId"], json!(object_id));
    }
    assert_eq!(world.store.commits(), 0);
    for operation in [
        json!({"op": "Replace", "path": "externalId", "value": uuid_of("other")}),
        json!({"op": "replace", "value": {"externalId": uuid_of("other")}}),
        json!({"op": "Replace", "path": "externalId", "value": ""}),
        json!({"op": "Replace", "path": "externalId", "value": null}),
        json!({"op": "remove", "path": "externalId"}),
    ] {
        world
            .patch(&path(&id), json!([operation]))
            .await
            .is_error(400, "mutability");
    }
    let other = json!({"userName": "alex@contoso.example", "externalId": uuid_of("other")});
    world.call("PUT", &path(&id), &other).await.is_error(400, "mutability");
    assert_eq!(world.get(&path(&id)).await.body["externalId"], json!(object_id));
}

#[tokio::test]
async fn both_dialects_change_what_they_name() {
    let world = World::start().await;
    let id = world.user("alex@contoso.example").await;
    let old = json!([
        {"op": "Replace", "path": "displayName", "value": "Alex Lee"},
        {"op": "Add", "path": "phoneNumbers[type eq \"work\"].value", "value": "+1 2"},
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "lee@contoso.example"},
        {"op": "Replace", "path": "name.givenName", "value": "Alex"},
        {"op": "Add", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7"},
        {"op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": [{"$ref": null, "value": "m1"}]},
        {"op": "Add", "path": format!("{CUSTOM}:application"), "value": "contoso.example"},
        {"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "{\"id\":\"1\",\"value\":\"x\"}"},
    ]);
    let answer = world.patch(&path(&id), old).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = world.get(&path(&id)).await.body;
    assert_eq!(body, answer.body);
    assert_eq!(body["displayName"], "Alex Lee");
    assert_eq!(body["phoneNumbers"], json!([{"type": "work", "value": "+1 2"}]));
    assert_eq!(
        body["emails"],
        json!([{"type": "work", "value": "lee@contoso.example", "primary": true}])
    );
    assert_eq!(body["name"]["givenName"], "Alex");
    assert_eq!(body["name"]["familyName"], "Family");
    assert_eq!(
        body[ENTERPRISE],
        json!({"employeeNumber": "7", "manager": {"value": "m1"}})
    );
    assert_eq!(body["roles"][0]["primary"], true);
    assert_eq!(body["schemas"], json!([USER, CUSTOM, ENTERPRISE]));

    let flag = format!("{}?aadOptscim062020", path(&id));
    let new = json!([
        {"op": "replace", "value": {
            "displayName": "Alexandra Lee",
            "name.givenName": "Alexandra",
            format!("{ENTERPRISE}:department"): "Ops",
        }},
        {"op": "remove", "path": "phoneNumbers[type eq \"work\"].value"},
        {"op": "remove", "path": format!("{CUSTOM}:application")},
    ]);
    let body = world.patch(&flag, new).await.body;
    assert_eq!(body["displayName"], "Alexandra Lee");
    assert_eq!(body["name"]["givenName"], "Alexandra");
    assert_eq!(body[ENTERPRISE]["department"], "Ops");
    assert!(body.get("phoneNumbers").is_none() && body.get(CUSTOM).is_none());
    assert_eq!(body["schemas"], json!([USER, ENTERPRISE]));
    let events = world.user_events(&id).await;
    assert_eq!(events.len(), 3);
    assert_eq!(events[2].action, "user.changed");
    let changed = &events[2].facts["changed"];
    assert!(
        changed.contains("displayName") && changed.contains(&format!("{ENTERPRISE}:department")),
        "{changed}"
    );
    assert!(!serde_json::to_string(&events).unwrap().contains("Alexandra"));
}

#[tokio::test]
async fn nulls_and_empty_strings_clear() {
    let world = World::start().await;
    for clear in [json!(""), Value::Null] {
        let id = world.user(&format!("alex{}@contoso.example", clear.is_null())).await;
        for attribute in [
            "displayName",
            "name.givenName",
            "emails[type eq \"work\"].value",
            "name.familyName",
        ] {
            let operation = json!({"op": "replace", "path": attribute, "value": clear});
            let answer = world.patch(&path(&id), json!([operation])).await;
            assert_eq!(answer.status, 200, "{attribute}: {}", answer.text);
        }
        let body = world.get(&path(&id)).await.body;
        assert!(body.get("displayName").is_none() && body.get("emails").is_none());
        assert_eq!(body["name"], json!({"formatted": "Given Family"}));
        for attribute in ["userName", "active"] {
            let operation = json!({"op": "replace", "path": attribute, "value": clear});
            world
                .patch(&path(&id), json!([operation]))
                .await
                .is_error(400, "invalidValue");
        }
    }
}

#[tokio::test]
async fn a_patch_happens_whole_or_not_at_all() {
    let world = World::start().await;
    let id = world.user("alex@contoso.example").await;
    let before = world.get(&path(&id)).await.body;
    for last in [
        json!({"op": "Replace", "path": "colour", "value": "red"}),
        json!({"op": "Replace", "path": "id", "value": "x"}),
        json!({"op": "Replace", "path": "active", "value": "perhaps"}),
        json!({"op": "remove"}),
    ] {
        let operations = json!([{"op": "Replace", "path": "displayName", "value": "X"}, last]);
        assert_eq!(world.patch(&path(&id), operations).await.status, 400);
        assert_eq!(world.get(&path(&id)).await.body, before);
    }
    let many = vec![json!({"op": "Replace", "path": "title", "value": "x"}); 201];
    world.patch(&path(&id), many.into()).await.is_error(413, "");
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing() {
    let world = World::start().await;
    let id = world.user("alex@contoso.example").await;
    let before = world.get(&path(&id)).await.body;
    world.clock.advance(30);
    world.store.take();
    for operation in [
        json!({"op": "Replace", "path": "active", "value": "True"}),
        json!({"op": "Add", "path": "displayName", "value": "alex"}),
        json!({"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "alex@contoso.example"}),
        json!({"op": "Replace", "path": "phoneNumbers[type eq \"work\"].value", "value": ""}),
        json!({"op": "remove", "path": "nickName"}),
    ] {
        assert_eq!(
            world.patch(&path(&id), json!([operation])).await.body,
            before,
            "{operation}"
        );
    }
    assert_eq!(world.store.commits(), 0);
    assert_eq!(world.user_events(&id).await.len(), 1);
}

#[tokio::test]
async fn switching_off_orders_the_end_of_everything_in_the_same_transaction() {
    for (value, flag) in [(json!("False"), ""), (json!(false), "?aadOptscim062020")] {
        let world = World::start().await;
        let id = world.user("alex@contoso.example").await;
        let group = world.group("Ops", std::slice::from_ref(&id)).await;
        assert!(world.orders(&id).await.is_empty());
        let off = json!([{"op": "Replace", "path": "active", "value": value}]);
        let user_path = format!("{}{flag}", path(&id));
        world.store.take();
        let answer = world.patch(&user_path, off.clone()).await;
        assert_eq!(answer.body["active"], false, "{}", answer.text);
        // One transaction for all of it, and one that counts for the alarm.
        assert_eq!(world.store.commits(), 2);
        assert_eq!(world.orders(&id).await.len(), 1);
        // Still there to see, and still a member: a restored user's memberships are not sent again.
        assert_eq!(world.get(&path(&id)).await.body["active"], false);
        assert_eq!(
            world
                .get("/Users?filter=userName eq \"alex@contoso.example\"")
                .await
                .ids(),
            [id.as_str()]
        );
        assert_eq!(world.members(&group).await, [id.as_str()]);
        // Sent again, nothing happens; on and off again gives a new order.
        assert_eq!(world.patch(&user_path, off.clone()).await.status, 200);
        assert_eq!(world.store.commits(), 0);
        world.clock.advance(5);
        let on = json!([{"op": "Replace", "path": "active", "value": "True"}]);
        assert_eq!(world.patch(&user_path, on).await.body["active"], true);
        assert_eq!(world.orders(&id).await.len(), 1);
        assert_eq!(world.patch(&user_path, off).await.status, 200);
        let orders = world.orders(&id).await;
        assert_eq!(orders.len(), 2);
        assert_eq!(orders[1].at.seconds_since(orders[0].at), 5);
        let actions: Vec<String> = world
            .user_events(&id)
            .await
            .into_iter()
            .map(|event| event.action)
            .collect();
        assert_eq!(
            actions,
            ["user.created", "user.deactivated", "user.activated", "user.deactivated"]
        );
    }
}

#[tokio::test]
async fn replacing_clears_what_is_left_out_but_not_identity_or_activity() {
    let world = World::start().await;
    let id = world.user("alex@contoso.example").await;
    world
        .patch(
            &path(&id),
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
        )
        .await;
    let answer = world
        .call(
            "PUT",
            &path(&id),
            &json!({"userName": "lee@contoso.example", "title": "Dr"}),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = world.get(&path(&id)).await.body;
    assert_eq!(body["userName"], "lee@contoso.example");
    assert_eq!(body["title"], "Dr");
    assert_eq!(body["externalId"], uuid_of("alex@contoso.example"));
    assert_eq!(
        body["active"], false,
        "a forgotten attribute must not switch an account on"
    );
    assert!(body.get("emails").is_none() && body.get("displayName").is_none());
    world
        .call("PUT", &path(&id), &json!({"title": "Dr"}))
        .await
        .is_error(400, "invalidValue");
    let on = json!({"userName": "lee@contoso.example", "active": true});
    assert_eq!(world.call("PUT", &path(&id), &on).await.body["active"], true);
    assert_eq!(world.orders(&id).await.len(), 1);
    world.clock.advance(5);
    let off = json!({"userName": "lee@contoso.example", "active": false});
    assert_eq!(world.call("PUT", &path(&id), &off).await.body["active"], false);
    assert_eq!(world.orders(&id).await.len(), 2);
}

#[tokio::test]
async fn a_deleted_user_is_gone_at_once_with_everything() {
    let world = World::start().await;
    let id = world.user("alex@contoso.example").await;
    let other = world.user("blair@contoso.example").await;
    let user: UserId = id.parse().unwrap();
    let mut groups = Vec::new();
    for number in 0..60 {
        groups.push(
            world
                .group(&format!("Group {number}"), &[id.clone(), other.clone()])
                .await,
        );
    }
    world.store.take();
    assert_eq!(world.delete(&path(&id)).await.status, 204);
    // The secret, the user, the head of the audit stream; one transaction whatever the user has; and the alarm's count.
    assert_eq!(
        world.store.take(),
        ["get", "get", "get", "commit", "get_many", "list", "commit"]
    );
    world.get(&path(&id)).await.is_error(404, "");
    world.delete(&path(&id)).await.is_error(404, "");
    world
        .patch(&path(&id), json!([{"op": "remove", "path": "title"}]))
        .await
        .is_error(404, "");
    assert!(
        world
            .get("/Users?filter=userName eq \"alex@contoso.example\"")
            .await
            .ids()
            .is_empty()
    );
    assert_eq!(world.orders(&id).await.len(), 1);
    for unique in [
        keys::unique(&world.application, Unique::UserName, "alex@contoso.example"),
        keys::unique(
            &world.application,
            Unique::UserExternalId,
            &uuid_of("alex@contoso.example"),
        ),
    ] {
        assert!(!world.exists(&unique).await);
    }
    // The memberships are there still and count for nothing.
    let left = |group: &str| keys::group_of_user(&world.application, user, group.parse().unwrap());
    assert!(world.exists(&left(&groups[59])).await);
    for group in &groups[..2] {
        assert_eq!(world.members(group).await, [other.as_str()]);
    }
    let whose = format!("/Groups?filter=members eq \"{id}\"");
    assert!(world.get(&whose).await.ids().is_empty());
    let one = format!("/Groups?filter=id eq \"{}\" and members eq \"{id}\"", groups[0]);
    assert!(world.get(&one).await.ids().is_empty());
    // A list that names the deleted user is refused, whatever is left.
    let body = json!({"displayName": "Group 0", "members": [{"value": id}]});
    world
        .call("PUT", &format!("/Groups/{}", groups[0]), &body)
        .await
        .is_error(400, "invalidValue");
    assert_eq!(world.sweep().await, 1);
    for group in &groups {
        assert_eq!(world.members(group).await, [other.as_str()]);
        assert!(!world.exists(&left(group)).await);
        let member = keys::member(&world.application, group.parse().unwrap(), user);
        assert!(!world.exists(&member).await);
        // The group may be where approvers come from: who left it is on record.
        let event = world.group_events(group).await.pop().unwrap();
        assert_eq!(event.action, "group.members_changed");
        assert_eq!(event.facts["removed_members"], id);
        assert_eq!(event.facts["because"], "user.deleted");
        assert_eq!(
            (event.objects[0].id.as_str(), event.objects[0].version),
            (id.as_str(), 0)
        );
    }
    let events = world.user_events(&id).await;
    assert_eq!(events.last().unwrap().action, "user.deleted");
    assert_eq!(events.last().unwrap().objects[0].version, 0);
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_can_be_repeated() {
    let world = World::start().await;
    world.store.lose_commits.store(true, Ordering::SeqCst);
    world
        .post("/Users", user_body("alex@contoso.example"))
        .await
        .is_error(503, "");
    world
        .post("/Users", user_body("alex@contoso.example"))
        .await
        .is_error(409, "uniqueness");
    let id = world
        .get("/Users?filter=userName eq \"alex@contoso.example\"")
        .await
        .ids()
        .remove(0);
    let off = json!([{"op": "Replace", "path": "active", "value": "False"}]);
    world.patch(&path(&id), off.clone()).await.is_error(503, "");
    assert_eq!(world.patch(&path(&id), off).await.body["active"], false);
    world.delete(&path(&id)).await.is_error(503, "");
    world.delete(&path(&id)).await.is_error(404, "");
    let actions: Vec<String> = world
        .user_events(&id)
        .await
        .into_iter()
        .map(|event| event.action)
        .collect();
    assert_eq!(actions, ["user.created", "user.deactivated", "user.deleted"]);
}

#[tokio::test]
async fn what_is_left_of_a_deleted_user_goes_although_answers_are_lost() {
    let world = World::start().await;
    let id = world.user("alex@contoso.example").await;
    let group = world.group("Ops", std::slice::from_ref(&id)).await;
    world.store.lose_commits.store(true, Ordering::SeqCst);
    world.delete(&path(&id)).await.is_error(503, "");
    let member = keys::member(&world.application, group.parse().unwrap(), id.parse().unwrap());
    assert!(world.exists(&member).await, "nothing is left: the test proves nothing");
    let gone = Gone::User(id.parse().unwrap());
    let order = keys::memberships_gone_order(&world.application, gone);
    // Two runs, each cut short after what it wrote, and a third.
    for _ in 0..2 {
        let run = memberships_gone::remove(&world.workers, &world.application, gone, 100).await;
        assert!(run.is_err());
    }
    world.store.lose_commits.store(false, Ordering::SeqCst);
    let run = memberships_gone::remove(&world.workers, &world.application, gone, 100).await;
    assert_eq!(run.unwrap(), Progress::Done);
    assert!(!world.exists(&member).await && !world.exists(&order).await);
    assert_eq!(
        world.group_events(&group).await.len(),
        2,
        "it is told once that somebody left"
    );
    world.sweep().await;
}

/// A pending request of a user, made now, for an entitlement of its own.
async fn pending(world: &World, user: &str) -> RequestId {
    let id = RequestId::new(world.core.ids.uuid());
    let now = world.core.clock.now();
    let party = json!({
        "user": user, "person": user, "tenant": uuid_of("tenant"), "object_id": uuid_of(user), "name": "Alex",
    });
    let request: Request = serde_json::from_value(json!({
        "id": id, "application": world.application, "entitlement": world.core.ids.uuid(), "entitlement_name": "Ops",
        "targets": [], "requester": party, "beneficiary": party, "duration": "1h", "justification": "INC-42",
        "quorum": 1, "policy": {"entitlement_version": 1, "template_version": 1, "hash": Digest::of(b"")},
        "status": "pending", "approvals": [], "created_at": now, "lapses_at": now.plus_seconds(86_400),
    }))
    .unwrap();
    let change = Change::new().create(&request).unwrap();
    let change = OpenRequest::of(&request)
        .iter()
        .fold(change, |change, open| change.create(open).unwrap());
    change.commit(world.store.inner.as_ref()).await.unwrap();
    id
}

#[tokio::test]
async fn who_is_switched_off_and_on_again_has_lost_what_was_asked_before() {
    let world = World::start().await;
    let id = world.user("alex@contoso.example").await;
    let status = async |request: RequestId| stored::<Request>(&world, &keys::request(request)).await.unwrap().status;
    let switch = async |active: bool| {
        let operation = json!([{"op": "Replace", "path": "active", "value": active}]);
        assert_eq!(world.patch(&path(&id), operation).await.status, 200);
    };
    let before = pending(&world, &id).await;
    world.clock.advance(1);
    switch(false).await;
    world.clock.advance(1);
    switch(true).await;
    world.clock.advance(1);
    let after = pending(&world, &id).await;
    world.sweep().await;
    assert_eq!(status(before).await, RequestStatus::Cancelled);
    assert_eq!(status(after).await, RequestStatus::Pending);
    // Whoever stays off keeps nothing.
    switch(false).await;
    let meanwhile = pending(&world, &id).await;
    world.sweep().await;
    for request in [after, meanwhile] {
        assert_eq!(status(request).await, RequestStatus::Cancelled);
    }
}

async fn count_of(world: &World) -> SwitchedOff {
    let ten_minutes = world.core.clock.now().ten_minutes();
    stored(world, &keys::switched_off(&world.application, &ten_minutes))
        .await
        .unwrap()
}

/// Switches users off, one after the other, and says how often people were told.
async fn alarms(world: &World, metrics: &Metrics, users: &[String]) -> usize {
    for user in users {
        let off = json!([{"op": "Replace", "path": "active", "value": "False"}]);
        let answer = world.patch(&path(user), off).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    metrics.take("mass_deactivation")
}

#[tokio::test]
async fn more_than_a_fifth_switched_off_within_an_hour_alarm_once() {
    let metrics = Metrics::default();
    let _guard = metrics.collect();
    let world = World::start().await;
    let users = world.users(10).await;
    assert_eq!(alarms(&world, &metrics, &users[..1]).await, 0);
    // Who is off already is not counted again when deleted.
    assert_eq!(world.delete(&path(&users[0])).await.status, 204);
    assert_eq!(world.delete(&path(&users[1])).await.status, 204);
    let counted = count_of(&world).await;
    assert_eq!((counted.users, counted.count), (10, 2));
    assert_eq!(metrics.take("mass_deactivation"), 0, "20 % exactly");
    assert_eq!(alarms(&world, &metrics, &users[2..3]).await, 1);
    // What follows within the hour is the same event, also when the count is a new one.
    assert_eq!(alarms(&world, &metrics, &users[3..4]).await, 0);
    world.clock.advance(1_800);
    assert_eq!(alarms(&world, &metrics, &users[4..5]).await, 0);

    // When it is long past all is counted anew, and in another application nothing has happened.
    world.clock.advance(4_200);
    assert_eq!(alarms(&world, &metrics, &users[5..6]).await, 0);
    let counted = count_of(&world).await;
    assert_eq!((counted.users, counted.count, counted.alarmed), (8, 1, false));
    let other = world.other().await;
    let key = keys::switched_off(&other.application, &world.core.clock.now().ten_minutes());
    assert!(!world.exists(&key).await);
}

#[tokio::test]
async fn more_than_fifty_switched_off_within_an_hour_alarm_wherever_the_hour_begins() {
    let metrics = Metrics::default();
    let _guard = metrics.collect();
    let world = World::start().await;
    let users = world.users(360).await;
    // Half of them just before the full hour, half of them just after it.
    let into_the_hour = world.core.clock.now().seconds_since(Timestamp::from_millis(0)) % 3_600;
    world.clock.advance(3_600 - into_the_hour - 60);
    assert_eq!(alarms(&world, &metrics, &users[..26]).await, 0);
    world.clock.advance(120);
    assert_eq!(alarms(&world, &metrics, &users[26..52]).await, 1);
    // Another day, fifty are taken and one more is not.
    world.clock.advance(86_400);
    assert_eq!(alarms(&world, &metrics, &users[52..102]).await, 0);
    assert_eq!(alarms(&world, &metrics, &users[102..103]).await, 1);
    // As many within two hours are none too many.
    world.clock.advance(86_400);
    assert_eq!(alarms(&world, &metrics, &users[103..133]).await, 0);
    world.clock.advance(4_200);
    assert_eq!(alarms(&world, &metrics, &users[133..163]).await, 0);
}

#[tokio::test]
async fn an_alarm_that_could_not_be_stored_was_told() {
    let metrics = Metrics::default();
    let _guard = metrics.collect();
    let world = World::start().await;
    let users = world.users(10).await;
    assert_eq!(alarms(&world, &metrics, &users[..2]).await, 0);
    // The third is deleted, and what is to be stored after that is not.
    world.store.fail_commits_after(1);
    assert_eq!(world.delete(&path(&users[2])).await.status, 204);
    assert_eq!(metrics.take("mass_deactivation"), 1);
    assert!(
        !count_of(&world).await.alarmed,
        "it was stored: the test proves nothing"
    );
}
