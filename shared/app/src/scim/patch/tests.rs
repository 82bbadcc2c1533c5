//! Reading and applying PATCH operations: vectors, and properties under hostile input.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User";

fn object(value: Value) -> Attributes {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other}"),
    }
}

fn alex() -> Attributes {
    object(json!({
        "userName": "alex@contoso.example",
        "externalId": "e1",
        "active": true,
        "displayName": "Alex",
        "name": {"givenName": "Alex", "familyName": "Lee"},
        "emails": [
            {"type": "work", "value": "alex@contoso.example", "primary": true},
            {"type": "home", "value": "alex@fabrikam.example"},
        ],
    }))
}

fn patch(before: &Attributes, operations: Value) -> Result<Attributes> {
    let mut after = before.clone();
    for operation in parse_operations(object(json!({"Operations": operations})))? {
        apply(&mut after, Kind::User, operation)?;
    }
    Ok(after)
}

/// What changed in Alex, as an object of the attributes after the patch (`null` where one is gone).
fn changed(operations: Value) -> Value {
    let before = alex();
    let after = patch(&before, operations.clone()).unwrap_or_else(|error| panic!("{operations}: {error}"));
    let mut out = Map::new();
    for key in before.keys().chain(after.keys()) {
        if before.get(key) != after.get(key) {
            out.insert(key.clone(), after.get(key).cloned().unwrap_or_default());
        }
    }
    out.into()
}

#[test]
fn the_old_dialect() {
    let work = |value: &str| json!([{"type": "work", "value": value}]);
    let cases = [
        (
            json!({"op": "Replace", "path": "active", "value": "False"}),
            json!({"active": false}),
        ),
        (
            json!({"op": "Replace", "path": "active", "value": false}),
            json!({"active": false}),
        ),
        (
            json!({"op": "Replace", "path": "active", "value": [{"$ref": null, "value": "False"}]}),
            json!({"active": false}),
        ),
        (
            json!({"op": "Add", "path": "displayName", "value": "A"}),
            json!({"displayName": "A"}),
        ),
        (
            json!({"op": "Replace", "path": "name.givenName", "value": "A"}),
            json!({"name": {"givenName": "A", "familyName": "Lee"}}),
        ),
        (
            json!({"op": "Add", "path": "phoneNumbers[type eq \"work\"].value", "value": "+1 2"}),
            json!({"phoneNumbers": work("+1 2")}),
        ),
        (
            json!({"op": "Replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "+1 2"}),
            json!({"phoneNumbers": work("+1 2")}),
        ),
        (
            json!({"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "a@x"}),
            json!({"emails": [
                {"type": "work", "value": "a@x", "primary": true},
                {"type": "home", "value": "alex@fabrikam.example"},
            ]}),
        ),
        (
            json!({"op": "Add", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7"}),
            json!({ENTERPRISE: {"employeeNumber": "7"}}),
        ),
        (
            json!({"op": "Add", "path": format!("{CUSTOM}:application"), "value": "contoso.example"}),
            json!({CUSTOM: {"application": "contoso.example"}}),
        ),
        (
            json!({"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "{\"id\":1}"}),
            json!({"roles": [{"primary": true, "value": "{\"id\":1}"}]}),
        ),
    ];
    for (operation, expected) in cases {
        assert_eq!(changed(json!([operation])), expected, "{operation}");
    }
}

#[test]
fn the_new_dialect() {
    let value = json!({
        "displayName": "A",
        "name.givenName": "B",
        "name.formatted": "B Lee",
        "active": false,
        format!("{ENTERPRISE}:department"): "Ops",
        format!("{CUSTOM}:application"): "contoso.example",
        "emails[type eq \"work\"].value": "b@x",
        "unknownAttribute": "ignored",
        "id": "ignored",
        "meta": {"version": "ignored"},
        "schemas": ["ignored"],
    });
    assert_eq!(
        changed(json!([{"op": "replace", "value": value}])),
        json!({
            "displayName": "A",
            "name": {"givenName": "B", "familyName": "Lee", "formatted": "B Lee"},
            "active": false,
            ENTERPRISE: {"department": "Ops"},
            CUSTOM: {"application": "contoso.example"},
            "emails": [
                {"type": "work", "value": "b@x", "primary": true},
                {"type": "home", "value": "alex@fabrikam.example"},
            ],
        })
    );
}

#[test]
fn managers_in_every_shape() {
    let path = format!("{ENTERPRISE}:manager");
    for value in [
        json!("m1"),
        json!({"value": "m1"}),
        json!([{"$ref": null, "value": "m1"}]),
        json!([{"value": "m1"}]),
    ] {
        let set = patch(&alex(), json!([{"op": "Add", "path": path, "value": value}])).unwrap();
        assert_eq!(set[ENTERPRISE], json!({"manager": {"value": "m1"}}));
        for clear in [
            json!({"op": "Replace", "path": path, "value": {"value": ""}}),
            json!({"op": "Replace", "path": path, "value": ""}),
            json!({"op": "remove", "path": path}),
            json!({"op": "remove", "path": format!("{path}.value")}),
            json!({"op": "remove", "path": ENTERPRISE}),
            json!({"op": "replace", "value": {ENTERPRISE: null}}),
        ] {
            assert_eq!(patch(&set, json!([clear])).unwrap(), alex(), "{clear}");
        }
    }
    let with_ref = patch(
        &alex(),
        json!([{"op": "add", "path": path, "value": {"value": "m1", "$ref": "../Users/m1"}}]),
    );
    let other = patch(
        &with_ref.unwrap(),
        json!([{"op": "replace", "path": path, "value": "m2"}]),
    )
    .unwrap();
    assert_eq!(other[ENTERPRISE], json!({"manager": {"value": "m2"}}));
}

#[test]
fn what_clears() {
    let home = json!([{"type": "home", "value": "alex@fabrikam.example"}]);
    let cases = [
        (
            json!({"op": "replace", "path": "displayName", "value": ""}),
            json!({"displayName": null}),
        ),
        (
            json!({"op": "replace", "path": "displayName", "value": null}),
            json!({"displayName": null}),
        ),
        (
            json!({"op": "replace", "path": "name.givenName", "value": ""}),
            json!({"name": {"familyName": "Lee"}}),
        ),
        (
            json!({"op": "replace", "path": "name", "value": null}),
            json!({"name": null}),
        ),
        (
            json!({"op": "replace", "path": "name", "value": {"givenName": null, "familyName": "Roe"}}),
            json!({"name": {"familyName": "Roe"}}),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": ""}),
            json!({"emails": home}),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": null}),
            json!({"emails": home}),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": null}),
            json!({"emails": home}),
        ),
        (
            json!({"op": "Remove", "path": "emails[type eq \"work\"].value"}),
            json!({"emails": home}),
        ),
        (
            json!({"op": "remove", "path": "emails[type eq \"work\"]"}),
            json!({"emails": home}),
        ),
        (
            json!({"op": "Remove", "path": "emails", "value": [{"value": "ALEX@contoso.example", "type": "Work"}]}),
            json!({"emails": home}),
        ),
        (
            json!({"op": "Remove", "path": "emails", "value": [{"value": "alex@contoso.example"}]}),
            json!({"emails": home}),
        ),
        (
            json!({"op": "replace", "path": "emails", "value": []}),
            json!({"emails": null}),
        ),
        (json!({"op": "remove", "path": "emails"}), json!({"emails": null})),
        (
            json!({"op": "remove", "path": "emails", "value": null}),
            json!({"emails": null}),
        ),
        (
            json!({"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": null}),
            json!({}),
        ),
        (
            json!({"op": "remove", "path": "phoneNumbers[type eq \"work\"]"}),
            json!({}),
        ),
        (json!({"op": "remove", "path": "nickName"}), json!({})),
    ];
    for (operation, expected) in cases {
        assert_eq!(changed(json!([operation])), expected, "{operation}");
    }
}

#[test]
fn what_is_there_already_changes_nothing() {
    for operation in [
        json!({"op": "Add", "path": "displayName", "value": "Alex"}),
        json!({"op": "add", "path": "emails", "value": [{"value": "alex@fabrikam.example", "type": "home"}]}),
        json!({"op": "add", "path": "emails", "value": []}),
        json!({"op": "replace", "value": {"active": "True", "name": {"givenName": "Alex"}}}),
        json!({"op": "add", "path": "schemas", "value": [CUSTOM]}),
        json!({"op": "add", "path": "password", "value": "secret"}),
    ] {
        assert_eq!(changed(json!([operation])), json!({}), "{operation}");
    }
}

#[test]
fn one_value_is_primary() {
    let home = json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": "True"});
    let added = json!({"op": "add", "path": "emails", "value": [{"value": "c@x", "primary": true}]});
    for operation in [home, added] {
        let out = changed(json!([operation]));
        let primary: Vec<&Value> = out["emails"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| is_primary(item))
            .collect();
        assert_eq!(primary.len(), 1, "{operation}");
        assert_ne!(primary[0]["type"], "work");
    }
}

#[test]
fn what_is_refused() {
    let refused = |operation: Value| {
        let error = patch(&alex(), json!([operation])).expect_err("refused");
        error.scim_type()
    };
    let cases = [
        (json!({"op": "remove"}), ScimType::NoTarget),
        (json!({"op": "remove", "path": ""}), ScimType::NoTarget),
        (json!({"op": "copy", "path": "active"}), ScimType::InvalidSyntax),
        (json!({"op": "add", "path": "nickName"}), ScimType::InvalidSyntax),
        (json!({"op": "add", "value": "x"}), ScimType::InvalidValue),
        (json!({"op": "add", "value": null}), ScimType::InvalidValue),
        (json!({"op": "add", "path": 7, "value": "x"}), ScimType::InvalidSyntax),
        (
            json!({"op": "add", "path": "../../groups", "value": "x"}),
            ScimType::InvalidPath,
        ),
        (
            json!({"op": "add", "path": "usrName", "value": "x"}),
            ScimType::InvalidPath,
        ),
        (
            json!({"op": "add", "path": "name.colour", "value": "x"}),
            ScimType::InvalidPath,
        ),
        (
            json!({"op": "add", "path": "userName.x", "value": "x"}),
            ScimType::InvalidPath,
        ),
        (
            json!({"op": "add", "path": "name[type eq \"x\"].givenName", "value": "x"}),
            ScimType::InvalidPath,
        ),
        (
            json!({"op": "add", "path": "emails[colour eq \"x\"].value", "value": "x"}),
            ScimType::InvalidFilter,
        ),
        (
            json!({"op": "replace", "path": "emails[type ne \"x\"", "value": "x"}),
            ScimType::InvalidPath,
        ),
        (
            json!({"op": "replace", "path": "phoneNumbers[type ne \"x\"].value", "value": "x"}),
            ScimType::NoTarget,
        ),
        (
            json!({"op": "replace", "path": "phoneNumbers[type eq null].value", "value": "x"}),
            ScimType::NoTarget,
        ),
        (
            json!({"op": "replace", "path": "id", "value": "x"}),
            ScimType::Mutability,
        ),
        (
            json!({"op": "replace", "path": "meta.version", "value": "x"}),
            ScimType::Mutability,
        ),
        (json!({"op": "remove", "path": "userName"}), ScimType::Mutability),
        (json!({"op": "remove", "path": "active"}), ScimType::Mutability),
        (json!({"op": "remove", "path": "externalId"}), ScimType::Mutability),
        (
            json!({"op": "replace", "path": "userName", "value": ""}),
            ScimType::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "active", "value": null}),
            ScimType::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "active", "value": "perhaps"}),
            ScimType::InvalidValue,
        ),
        (
            json!({"op": "replace", "value": {"displayName": "a", "DISPLAYNAME": "b"}}),
            ScimType::InvalidSyntax,
        ),
        (
            json!({"op": "replace", "value": {CUSTOM: {"application": "a", "Application": "b"}}}),
            ScimType::InvalidSyntax,
        ),
        (json!("add"), ScimType::InvalidSyntax),
    ];
    for (operation, expected) in cases {
        assert_eq!(refused(operation.clone()), Some(expected), "{operation}");
    }
}

#[test]
fn bodies_that_are_no_patch() {
    assert!(parse_operations(object(json!({"Operations": []}))).is_err());
    assert!(parse_operations(object(json!({}))).is_err());
    assert!(
        parse_operations(object(
            json!({"schemas": ["x"], "Operations": [{"op": "remove", "path": "a"}]})
        ))
        .is_err()
    );
    let many = vec![json!({"op": "remove", "path": "nickName"}); MOST_OPERATIONS + 1];
    let error = parse_operations(object(json!({"Operations": many}))).unwrap_err();
    assert_eq!(error.status(), 413);
}

#[test]
fn a_body_becomes_attributes() {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:unknown"],
        "userName": "a@x",
        "externalId": "e1",
        "active": "True",
        "addresses": null,
        "roles": [],
        "emails": [{"primary": true, "type": "work", "value": "a@x"}],
        "meta": {"resourceType": "User"},
        "password": "never kept",
        CUSTOM: {"application": "contoso.example"},
        ENTERPRISE: {"manager": {"value": "m1", "displayName": "read only"}, "department": null},
        "urn:unknown": {"a": "b"},
    });
    assert_eq!(
        Value::from(from_body(Kind::User, object(body)).unwrap()),
        json!({
            "userName": "a@x",
            "externalId": "e1",
            "active": true,
            "emails": [{"primary": true, "type": "work", "value": "a@x"}],
            CUSTOM: {"application": "contoso.example"},
            ENTERPRISE: {"manager": {"value": "m1"}},
        })
    );
}

#[test]
fn custom_attributes_keep_one_spelling() {
    let set = patch(
        &alex(),
        json!([{"op": "add", "path": format!("{CUSTOM}:application"), "value": "a"}]),
    )
    .unwrap();
    let path = format!("{}:APPLICATION", CUSTOM.to_lowercase());
    let again = patch(&set, json!([{"op": "replace", "path": path, "value": "b"}])).unwrap();
    assert_eq!(again[CUSTOM], json!({"application": "b"}));
}

#[test]
fn differences_name_attributes_and_no_values() {
    let after = patch(
        &alex(),
        json!([
            {"op": "replace", "path": "displayName", "value": "B"},
            {"op": "add", "path": format!("{CUSTOM}:application"), "value": "a"},
        ]),
    )
    .unwrap();
    assert_eq!(
        differences(&alex(), &after),
        vec!["displayName".to_owned(), format!("{CUSTOM}:application")]
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::sample::select(vec!["", "True", "work", "a@x", "\u{0}", "é"]).prop_map(Value::from),
    ];
    let keys = proptest::sample::select(vec![
        "value",
        "VALUE",
        "type",
        "primary",
        "name",
        "name.givenName",
        "emails",
        "userName",
        "active",
        ENTERPRISE,
        CUSTOM,
        "emails[type eq \"work\"].value",
        "$ref",
        "x",
        "",
    ]);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((keys.clone(), inner), 0..4).prop_map(|pairs| {
                let pairs = pairs.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::from(pairs.collect::<Map<String, Value>>())
            }),
        ]
    })
}

fn any_operation() -> impl Strategy<Value = Value> {
    let op = proptest::sample::select(vec!["add", "Replace", "remove", "x"]);
    let path = proptest::sample::select(vec![
        "",
        "active",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        "emails[type eq \"work\"]",
        "emails[type eq \"work\"].value",
        "emails[not (type eq \"work\")].primary",
        "emails[type eq \"other\" and primary eq \"True\"].value",
        "roles[primary eq \"True\"].value",
        "externalId",
        "userName",
        ENTERPRISE,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User:application",
        "meta",
    ]);
    (op, path, any_json()).prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
}

proptest! {
    /// Whatever comes, the outcome is an error or attributes in the form that the schema promises.
    #[test]
    fn hostile_operations_leave_well_formed_attributes(operations in proptest::collection::vec(any_operation(), 1..5)) {
        if let Ok(after) = patch(&alex(), operations.into()) {
            prop_assert!(after["userName"].as_str().is_some_and(|name| !name.is_empty()));
            prop_assert!(after["active"].is_boolean());
            for value in after.values() {
                prop_assert!(!is_unassigned(value));
            }
            for list in ["emails", "roles"].iter().filter_map(|name| after.get(*name)) {
                let items = list.as_array().expect("a list");
                prop_assert!(items.iter().all(|item| item.is_object() && !is_hollow(item)));
                prop_assert!(items.iter().filter(|item| is_primary(item)).count() <= 1);
            }
        }
    }

    /// A patch that succeeded changes nothing when it is sent again: Entra repeats calls whose answer was lost.
    #[test]
    fn replacing_twice_is_replacing_once(operation in any_operation()) {
        let op = operation["op"].as_str().unwrap_or_default().to_lowercase();
        if op == "replace"
            && let Ok(once) = patch(&alex(), json!([operation.clone()]))
            && let Ok(twice) = patch(&once, json!([operation]))
        {
            prop_assert_eq!(once, twice);
        }
    }
}
