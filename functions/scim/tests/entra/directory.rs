//! What the other functions look up, after provisioning has put it there.

use hourglass_app::directory;
use hourglass_app::policy::{self, Named};
use hourglass_domain::entitlement::Principals;
use hourglass_domain::ids::{GroupId, ObjectId, UserId};
use serde_json::json;

use crate::support::{World, uuid_of};

#[tokio::test]
async fn people_are_found_by_object_id_in_their_own_application_only() {
    let world = World::start().await;
    let store = world.core.store.as_ref();
    let mut body = crate::support::user_body("alex@contoso.example");
    body["externalId"] = json!(uuid_of("alex").to_uppercase());
    let id = world.post("/Users", body).await.id();
    let object_id: ObjectId = uuid_of("alex").parse().unwrap();
    let found = directory::user_by_object_id(store, &world.application, object_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.value.id.to_string(), id);
    // Our own id is nobody's object id.
    let ours: ObjectId = id.parse().unwrap();
    assert_eq!(
        directory::user_by_object_id(store, &world.application, ours)
            .await
            .unwrap(),
        None
    );
    let other = world.other().await;
    assert_eq!(
        directory::user_by_object_id(store, &other.application, object_id)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        directory::user(store, &other.application, found.value.id)
            .await
            .unwrap(),
        None
    );
    world.delete(&format!("/Users/{id}")).await;
    assert_eq!(
        directory::user_by_object_id(store, &world.application, object_id)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn membership_needs_a_group_that_stands() {
    let world = World::start().await;
    let store = world.core.store.as_ref();
    let users = world.users(2).await;
    let mut groups: Vec<GroupId> = Vec::new();
    for number in 0..120 {
        let members = if number == 117 { &users[..1] } else { &[] };
        groups.push(world.group(&format!("Group {number}"), members).await.parse().unwrap());
    }
    let ids: Vec<UserId> = users.iter().map(|id| id.parse().unwrap()).collect();
    let application = &world.application;
    assert!(
        directory::is_member(store, application, groups[117], ids[0])
            .await
            .unwrap()
    );
    assert!(
        !directory::is_member(store, application, groups[117], ids[1])
            .await
            .unwrap()
    );
    assert!(
        !directory::is_member(store, application, groups[0], ids[0])
            .await
            .unwrap()
    );
    let first = directory::member_of_any(store, application, ids[0], &groups)
        .await
        .unwrap();
    assert_eq!(first, Some(groups[117]));
    assert_eq!(
        directory::member_of_any(store, application, ids[1], &groups)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        directory::member_of_any(store, application, ids[0], &[]).await.unwrap(),
        None
    );
    let twice = [groups[0], groups[0], groups[117]];
    assert_eq!(
        directory::member_of_any(store, application, ids[0], &twice)
            .await
            .unwrap(),
        Some(groups[117])
    );
    // The group's own item goes first when it is deleted; from then on nobody is a member.
    let key = hourglass_app::keys::group(application, groups[117]);
    let gone = hourglass_app::ports::store::Write::Delete {
        key,
        condition: hourglass_app::ports::store::Condition::Exists,
    };
    store.commit(vec![gone]).await.unwrap();
    assert!(
        !directory::is_member(store, application, groups[117], ids[0])
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::start().await;
    let store = world.core.store.as_ref();
    let application = &world.application;
    let users = world.users(7).await;
    let group: GroupId = world.group("Ops", &users).await.parse().unwrap();
    world.group("Other", &users[..1]).await;

    let mut members = Vec::new();
    let mut after = None;
    loop {
        let page = directory::provisioned_members_page(store, application, group, after, 3)
            .await
            .unwrap();
        assert!(page.standing.len() <= 3);
        members.extend(page.standing.iter().map(|user| user.value.id.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(members, users);

    let first = directory::users_page(store, application, None, 5).await.unwrap();
    let rest = directory::users_page(store, application, first.next.clone(), 5)
        .await
        .unwrap();
    let names: Vec<String> = first
        .items
        .iter()
        .chain(&rest.items)
        .map(|user| user.value.id.to_string())
        .collect();
    assert_eq!(names, users);
    assert_eq!((first.items.len(), rest.next), (5, None));
    assert_eq!(
        directory::groups_page(store, application, None, 200)
            .await
            .unwrap()
            .items
            .len(),
        2
    );
    let of = directory::groups_of_page(store, application, users[0].parse().unwrap(), None, 1)
        .await
        .unwrap();
    assert_eq!((of.standing.len(), of.next.is_some()), (1, true));
}

#[tokio::test]
async fn who_was_deleted_is_nobodys_member_and_no_members_group() {
    let world = World::start().await;
    let store = world.core.store.as_ref();
    let application = &world.application;
    let users = world.users(3).await;
    let group: GroupId = world.group("Ops", &users).await.parse().unwrap();
    let other: GroupId = world.group("Other", &users).await.parse().unwrap();
    world.delete(&format!("/Users/{}", users[1])).await;
    world.delete(&format!("/Groups/{other}")).await;
    let user = |number: usize| -> UserId { users[number].parse().unwrap() };
    for (number, in_group) in [(0, true), (1, false), (2, true)] {
        // The items are there: only what stands behind them counts.
        for group in [group, other] {
            let key = hourglass_app::keys::member(application, group, user(number));
            assert!(world.exists(&key).await);
        }
        let found = directory::is_member(store, application, group, user(number)).await;
        assert_eq!(found.unwrap(), in_group, "{number}");
        let found = directory::is_member(store, application, other, user(number)).await;
        assert!(!found.unwrap(), "{number}");
    }
    let page = directory::provisioned_members_page(store, application, group, None, 3)
        .await
        .unwrap();
    let standing: Vec<UserId> = page.standing.iter().map(|user| user.value.id).collect();
    assert_eq!(standing, [user(0), user(2)]);
    assert_eq!((page.read, page.next), (3, None));
    let page = directory::groups_of_page(store, application, user(0), None, 5)
        .await
        .unwrap();
    let standing: Vec<GroupId> = page.standing.iter().map(|group| group.value.id).collect();
    assert_eq!((standing, page.read), (vec![group], 2));
    // Neither may the one approve nor ask, nor does the other count where approvers are counted.
    let principals = |group: GroupId| Principals {
        users: [].into(),
        groups: [group].into(),
    };
    let named = async |number: usize, group: GroupId| {
        policy::named(store, application, &principals(group), user(number))
            .await
            .unwrap()
    };
    assert_eq!(named(0, group).await, Some(Named::ThroughGroup(group)));
    assert_eq!(named(1, group).await, None);
    assert_eq!(named(0, other).await, None);
    let tenant = world.core.settings.sign_in_tenants[0];
    let available = async |group: GroupId| {
        policy::available_approvers(store, application, tenant, &principals(group), &[], 9)
            .await
            .unwrap()
    };
    assert_eq!((available(group).await, available(other).await), (2, 0));
}
