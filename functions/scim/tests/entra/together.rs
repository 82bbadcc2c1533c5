//! Several provisioning workers at once, and members against a plain model.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{World, user_body};

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

/// One operation on members, over users by number.
#[derive(Clone, Debug)]
enum Step {
    Add(BTreeSet<usize>),
    Remove(BTreeSet<usize>),
    RemoveOne(usize),
    Replace(BTreeSet<usize>),
    RemoveAll,
}

const USERS: usize = 6;

fn any_step() -> impl Strategy<Value = Step> {
    let some = proptest::collection::btree_set(0..USERS, 0..4);
    prop_oneof![
        4 => some.clone().prop_map(Step::Add),
        3 => some.clone().prop_map(Step::Remove),
        3 => (0..USERS).prop_map(Step::RemoveOne),
        1 => some.prop_map(Step::Replace),
        1 => Just(Step::RemoveAll),
    ]
}

impl Step {
    fn apply(&self, members: &mut BTreeSet<usize>) {
        match self {
            Self::Add(who) => members.extend(who),
            Self::Remove(who) => members.retain(|member| !who.contains(member)),
            Self::RemoveOne(who) => {
                members.remove(who);
            }
            Self::Replace(who) => members.clone_from(who),
            Self::RemoveAll => members.clear(),
        }
    }

    fn operation(&self, users: &[String]) -> Value {
        let list = |who: &BTreeSet<usize>| who.iter().map(|n| json!({"value": users[*n]})).collect::<Vec<_>>();
        match self {
            Self::Add(who) => json!({"op": "Add", "path": "members", "value": list(who)}),
            Self::Remove(who) => json!({"op": "Remove", "path": "members", "value": list(who)}),
            Self::RemoveOne(who) => json!({"op": "remove", "path": format!("members[value eq \"{}\"]", users[*who])}),
            Self::Replace(who) => json!({"op": "replace", "path": "members", "value": list(who)}),
            Self::RemoveAll => json!({"op": "remove", "path": "members"}),
        }
    }
}

/// Any sequence of PATCHes leaves the members that a plain set would have.
#[test]
fn members_follow_a_plain_model() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (world, users) = runtime.block_on(async {
        let world = World::start().await;
        let users = world.users(USERS).await;
        (world, users)
    });
    let config = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let patches = proptest::collection::vec(proptest::collection::vec(any_step(), 1..5), 1..6);
    let group_number = std::cell::Cell::new(0);
    proptest!(config, |(patches in patches)| {
        group_number.set(group_number.get() + 1);
        let outcome: Result<(), TestCaseError> = runtime.block_on(async {
            let group = world.group(&format!("Group {}", group_number.get()), &[]).await;
            let mut model = BTreeSet::new();
            for patch in &patches {
                let operations: Vec<Value> = patch.iter().map(|step| step.operation(&users)).collect();
                let answer = world.patch(&format!("/Groups/{group}"), operations.into()).await;
                prop_assert_eq!(answer.status.as_u16(), 204, "{}", answer.text);
                patch.iter().for_each(|step| step.apply(&mut model));
                let expected: BTreeSet<String> = model.iter().map(|n| users[*n].clone()).collect();
                let members: BTreeSet<String> = world.members(&group).await.into_iter().collect();
                prop_assert_eq!(members, expected);
            }
            Ok(())
        });
        outcome?;
    });
}
