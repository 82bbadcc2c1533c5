//! What PATCHes and filters do, against plain models.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::support::{CUSTOM, ENTERPRISE, USER, World};

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
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
    let runtime = runtime();
    let (world, users) = runtime.block_on(async {
        let world = World::start().await;
        let users = world.users(USERS).await;
        (world, users)
    });
    let patches = proptest::collection::vec(proptest::collection::vec(any_step(), 1..5), 1..6);
    let group_number = std::cell::Cell::new(0);
    proptest!(config(), |(patches in patches)| {
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

/// The simple attributes of the model, and the paths that name them.
const SIMPLE: [(&str, &str); 6] = [
    ("displayName", "displayName"),
    ("title", "urn:ietf:params:scim:schemas:core:2.0:User:title"),
    ("givenName", "name.givenName"),
    ("familyName", "name.familyName"),
    (
        "department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    ),
    (
        "costCode",
        "urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User:costCode",
    ),
];

/// What a user is, as plainly as can be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Model {
    simple: BTreeMap<&'static str, String>,
    emails: BTreeMap<&'static str, String>,
    inactive: bool,
}

/// One change of a user, in one of the shapes in which it may be sent.
#[derive(Clone, Debug)]
enum Edit {
    Simple(usize, Option<String>, usize),
    Email(&'static str, Option<String>, usize),
    /// The whole list.
    Emails(BTreeMap<&'static str, String>),
    Active(bool, usize),
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let text = || select(vec!["a", "B", "é x", "+1 (0)"]).prop_map(str::to_owned);
    let kind = || select(vec!["work", "home", "other"]);
    prop_oneof![
        4 => (0..SIMPLE.len(), proptest::option::of(text()), 0..4_usize)
            .prop_map(|(which, value, shape)| Edit::Simple(which, value, shape)),
        4 => (kind(), proptest::option::of(text()), 0..4_usize)
            .prop_map(|(kind, value, shape)| Edit::Email(kind, value, shape)),
        1 => proptest::collection::btree_map(kind(), text(), 0..3).prop_map(Edit::Emails),
        1 => (any::<bool>(), 0..3_usize).prop_map(|(active, shape)| Edit::Active(active, shape)),
    ]
}

impl Edit {
    fn apply(&self, model: &mut Model) {
        fn put(map: &mut BTreeMap<&'static str, String>, name: &'static str, value: Option<&String>) {
            match value {
                Some(value) => {
                    map.insert(name, value.clone());
                }
                None => {
                    map.remove(name);
                }
            }
        }
        match self {
            Self::Simple(which, value, _) => put(&mut model.simple, SIMPLE[*which].0, value.as_ref()),
            Self::Email(kind, value, _) => put(&mut model.emails, kind, value.as_ref()),
            Self::Emails(emails) => model.emails.clone_from(emails),
            Self::Active(active, _) => model.inactive = !active,
        }
    }

    fn operation(&self) -> Value {
        match self {
            Self::Simple(which, value, shape) => {
                let path = SIMPLE[*which].1;
                match (value, shape) {
                    (value, 0) => json!({"op": "replace", "value": {path: value}}),
                    (Some(value), 1) => json!({"op": "Add", "path": path, "value": value}),
                    (Some(value), _) => json!({"op": "Replace", "path": path, "value": value}),
                    (None, 1) => json!({"op": "Replace", "path": path, "value": ""}),
                    (None, 2) => json!({"op": "replace", "path": path, "value": null}),
                    (None, _) => json!({"op": "Remove", "path": path}),
                }
            }
            Self::Email(kind, value, shape) => {
                let element = format!("emails[type eq \"{kind}\"]");
                let path = format!("{element}.value");
                match (value, shape) {
                    (Some(value), 0) => json!({"op": "Replace", "path": element, "value": {"value": value}}),
                    (Some(value), 1) => json!({"op": "Add", "path": path, "value": value}),
                    (Some(value), _) => json!({"op": "Replace", "path": path, "value": value}),
                    (None, 0) => json!({"op": "remove", "path": element}),
                    (None, 1) => json!({"op": "Replace", "path": path, "value": ""}),
                    (None, 2) => json!({"op": "Replace", "path": path, "value": null}),
                    (None, _) => json!({"op": "Remove", "path": path}),
                }
            }
            Self::Emails(emails) => {
                let list: Vec<Value> = emails
                    .iter()
                    .map(|(kind, value)| json!({"type": kind, "value": value}))
                    .collect();
                json!({"op": "replace", "path": "emails", "value": list})
            }
            Self::Active(active, shape) => match shape {
                0 => json!({"op": "replace", "value": {"active": active}}),
                1 => json!({"op": "Replace", "path": "active", "value": active}),
                _ => json!({"op": "Replace", "path": "active", "value": if *active { "True" } else { "False" }}),
            },
        }
    }
}

/// What an answer says, in the model's words. Whatever else it says fails the test.
fn read(body: &Value, name: &str) -> Model {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut rest: Map<String, Value> = body.as_object().unwrap().clone();
    let mut model = Model {
        inactive: rest.remove("active") == Some(json!(false)),
        ..Model::default()
    };
    for known in ["id", "meta"] {
        assert!(rest.remove(known).is_some(), "{known}");
    }
    assert_eq!(rest.remove("userName"), Some(json!(name)));
    for email in rest
        .remove("emails")
        .unwrap_or_default()
        .as_array()
        .into_iter()
        .flatten()
    {
        let kind = ["work", "home", "other"]
            .into_iter()
            .find(|kind| email["type"] == *kind)
            .unwrap();
        let twice = model.emails.insert(kind, text(&email["value"]));
        assert!(twice.is_none(), "{body}");
    }
    let mut schemas = BTreeSet::from([USER]);
    for (name, path) in SIMPLE {
        let container = match path {
            _ if path.starts_with(ENTERPRISE) => Some(ENTERPRISE),
            _ if path.starts_with(CUSTOM) => Some(CUSTOM),
            _ if path.starts_with("name.") => Some("name"),
            _ => None,
        };
        let value = match container {
            Some(container) => {
                let inside = rest.get_mut(container).and_then(Value::as_object_mut);
                inside.and_then(|inside| inside.remove(name))
            }
            None => rest.remove(name),
        };
        if let Some(value) = value {
            model.simple.insert(name, text(&value));
            schemas.extend(container.filter(|container| container.contains(':')));
        }
    }
    let told = rest.remove("schemas").unwrap();
    let told: BTreeSet<&str> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|urn| urn.as_str().unwrap())
        .collect();
    assert_eq!(told, schemas);
    rest.retain(|_, value| value.as_object().is_none_or(|inside| !inside.is_empty()));
    assert!(rest.is_empty(), "{rest:?}");
    model
}

/// Any sequence of PATCHes, in any mixture of dialects, leaves what plain assignments would.
#[test]
fn attributes_follow_a_plain_model() {
    let runtime = runtime();
    let world = runtime.block_on(World::start());
    let patches = proptest::collection::vec(proptest::collection::vec(any_edit(), 1..5), 1..6);
    let number = std::cell::Cell::new(0);
    proptest!(config(), |(patches in patches)| {
        number.set(number.get() + 1);
        let outcome: Result<(), TestCaseError> = runtime.block_on(async {
            let name = format!("user{}", number.get());
            let id = world.post("/Users", json!({"userName": name})).await.id();
            let path = format!("/Users/{id}");
            let mut model = Model::default();
            for patch in &patches {
                let operations: Vec<Value> = patch.iter().map(Edit::operation).collect();
                let answer = world.patch(&path, operations.into()).await;
                prop_assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
                patch.iter().for_each(|edit| edit.apply(&mut model));
                prop_assert_eq!(&read(&answer.body, &name), &model);
                prop_assert_eq!(world.get(&path).await.body, answer.body);
            }
            // The look-up entries follow as well.
            for address in ["a", "B", "é x", "+1 (0)"] {
                let body = json!({"filter": format!("emails.value eq \"{address}\" and id eq \"{id}\" or emails eq \"{address}\" and id eq \"{id}\"")});
                let scanned = world.post("/Users/.search", body).await.ids();
                let body = json!({"filter": format!("emails.value eq \"{address}\""), "count": 200});
                let looked_up = world.post("/Users/.search", body).await.ids().contains(&id);
                let has = model.emails.values().any(|value| value == address);
                prop_assert_eq!((!scanned.is_empty(), looked_up), (has, has), "{}", address);
            }
            Ok(())
        });
        outcome?;
    });
}

/// A comparison or a combination of comparisons.
fn any_filter() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "userName eq \"USER1\"",
        "userName ne \"user1\"",
        "externalId eq \"e2\"",
        "emails[type eq \"work\"].value eq \"Shared@x\"",
        "emails[type eq \"home\"].value eq \"shared@x\"",
        "emails.value eq \"shared@x\"",
        "emails eq \"2@x\"",
        "emails[type eq \"home\" and value eq \"shared@x\"]",
        "emails[type eq \"home\" or value eq \"3@x\"]",
        "emails.value ne \"shared@x\"",
        "emails.value eq null",
        "urn:ietf:params:scim:schemas:core:2.0:User:emails.value eq \"shared@x\"",
        "active eq true",
        "title pr",
        "userName gt \"user2\"",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

/// However a filter is planned, it finds what trying it on everybody finds.
#[test]
fn a_look_up_by_key_finds_what_trying_everybody_finds() {
    let runtime = runtime();
    let world = runtime.block_on(async {
        let world = World::start().await;
        for number in 0..5 {
            let body = json!({
                "userName": format!("user{number}"),
                "externalId": format!("e{number}"),
                "active": number != 3,
                "title": (number == 2).then_some("x"),
                "emails": [
                    {"type": "work", "value": if number < 2 { "shared@x".to_owned() } else { format!("{number}@x") }},
                    {"type": "home", "value": if number == 2 { "SHARED@x" } else { "h@x" }},
                ],
            });
            assert_eq!(world.post("/Users", body).await.status, 201);
        }
        assert_eq!(world.post("/Users", json!({"userName": "bare"})).await.status, 201);
        world
    });
    proptest!(config(), |(filter in any_filter())| {
        let outcome: Result<(), TestCaseError> = runtime.block_on(async {
            let search = async |filter: String| world.post("/Users/.search", json!({"filter": filter})).await;
            let planned = search(filter.clone()).await;
            prop_assert_eq!(planned.status.as_u16(), 200, "{}: {}", filter, planned.text);
            // No look-up by key can answer this one.
            let tried = search(format!("({filter}) or nickName eq \"nobody\"")).await;
            let set = |ids: Vec<String>| ids.into_iter().collect::<BTreeSet<_>>();
            prop_assert_eq!(set(planned.ids()), set(tried.ids()), "{}", filter);
            Ok(())
        });
        outcome?;
    });
}

/// Whatever is joined by `and`, in whatever parentheses, finds what fits each part on its own: who is a member is asked
/// by key and cannot be tried on a group like the rest.
#[test]
fn what_is_joined_finds_the_groups_that_fit_each_part() {
    let runtime = runtime();
    let (world, leaves) = runtime.block_on(async {
        let world = World::start().await;
        let users = world.users(3).await;
        let mut groups = Vec::new();
        for (number, members) in [&users[..0], &users[..1], &users[..2], &users[1..]]
            .into_iter()
            .enumerate()
        {
            groups.push(world.group(&format!("Group {number}"), members).await);
        }
        let leaves = [
            format!("id eq \"{}\"", groups[2]),
            "displayName eq \"GROUP 1\"".to_owned(),
            "displayName ne \"Group 3\"".to_owned(),
            "(displayName ew \"2\" or displayName ew \"3\")".to_owned(),
            "displayName pr".to_owned(),
            "not (externalId pr)".to_owned(),
            format!("members eq \"{}\"", users[0]),
            format!("members.value eq \"{}\"", users[1]),
            format!("members[value eq \"{}\"]", users[2]),
            "members eq \"nobody\"".to_owned(),
        ];
        let mut found: Vec<(String, BTreeSet<String>)> = Vec::new();
        for leaf in leaves {
            let answer = world.post("/Groups/.search", json!({"filter": leaf})).await;
            found.push((leaf, answer.ids().into_iter().collect()));
        }
        (world, found)
    });
    // The parts that a filter joins, and how it does.
    let texts: Vec<String> = leaves.iter().map(|(leaf, _)| leaf.clone()).collect();
    let leaf = (0..leaves.len()).prop_map(move |number| (vec![number], texts[number].clone()));
    let filter = leaf.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), inner, any::<bool>()).prop_map(|((a, left), (b, right), grouped)| {
            let joined = format!("{left} and {right}");
            ([a, b].concat(), if grouped { format!("({joined})") } else { joined })
        })
    });
    proptest!(config(), |((parts, filter) in filter)| {
        let outcome: Result<(), TestCaseError> = runtime.block_on(async {
            let answer = world.post("/Groups/.search", json!({"filter": filter})).await;
            prop_assert_eq!(answer.status.as_u16(), 200, "{}: {}", filter, answer.text);
            let mut expected = leaves[parts[0]].1.clone();
            expected.retain(|id| parts.iter().all(|part| leaves[*part].1.contains(id)));
            prop_assert_eq!(answer.ids().into_iter().collect::<BTreeSet<_>>(), expected, "{}", filter);
            Ok(())
        });
        outcome?;
    });
}
