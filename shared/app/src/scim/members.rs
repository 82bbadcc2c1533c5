//! The members of a group, as changes: what a PATCH does to them is compiled to a plan without reading one.
//!
//! Entra sends membership as deltas, and a group may have a hundred thousand members. So members are items of their
//! own, and adding or removing one costs the same in every group. Only `replace` of the whole list and `remove` of all
//! members have to know who is there.

use std::collections::BTreeMap;

use hourglass_domain::ids::UserId;
use serde_json::{Map, Value};

use super::error::{Result, ScimError, ScimType};
use super::filter::{Filter, Operator, Path, parse_path};
use super::patch::{Op, Operation, Place, Target, resolve};
use super::schema::{Kind, key_in};

/// Most member changes in one call; beyond, 413.
pub const MOST_MEMBER_CHANGES: usize = 5_000;
/// Writes of one transaction that member changes may take; the rest is for the group, its unique values and the audit
/// event.
const MEMBER_WRITES: usize = 90;
/// Adding writes both directions of the membership and checks that the user exists.
const ADD_WRITES: usize = 3;
/// Removing deletes both directions.
const REMOVE_WRITES: usize = 2;

/// What happens to one member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MemberChange {
    /// Becomes a member, unless it is one.
    Add,
    /// Is no member any more, if it was one.
    Remove,
}

/// What a call does to a group's members.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemberPlan {
    /// Whether everybody who is not added leaves.
    pub clear: bool,
    /// The last word on each member named.
    pub changes: BTreeMap<UserId, MemberChange>,
}

impl MemberPlan {
    /// Whether nothing happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.clear && self.changes.is_empty()
    }

    /// The members of a new or replacing list.
    ///
    /// # Errors
    /// As [`compile`].
    pub fn whole_list(value: Value) -> Result<Self> {
        let mut plan = Self::default();
        plan.change(Op::Replace, value)?;
        Ok(plan)
    }

    fn change(&mut self, op: Op, value: Value) -> Result<()> {
        let change = match op {
            Op::Add => MemberChange::Add,
            Op::Remove => MemberChange::Remove,
            Op::Replace => {
                self.clear = true;
                self.changes.clear();
                MemberChange::Add
            }
        };
        // Only what cannot be meant otherwise stands for "nobody": an empty object or text may be a member gone wrong.
        let nobody = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if nobody && op != Op::Remove {
            return Ok(());
        }
        for id in member_ids(value, change)? {
            self.changes.insert(id, change);
        }
        self.check_count()
    }

    fn check_count(&self) -> Result<()> {
        if self.changes.len() > MOST_MEMBER_CHANGES {
            return Err(too_many_changes());
        }
        Ok(())
    }

    /// The plan for a group whose present members are `present` (needed only to clear), without a `clear`.
    ///
    /// # Errors
    /// 413 for more than [`MOST_MEMBER_CHANGES`].
    pub fn settled(&self, present: &[UserId]) -> Result<Vec<(UserId, MemberChange)>> {
        let mut changes = self.changes.clone();
        if self.clear {
            changes.retain(|_, change| *change == MemberChange::Add);
            for id in present {
                changes.entry(*id).or_insert(MemberChange::Remove);
            }
            // Who is there and stays needs no write.
            changes.retain(|id, change| *change == MemberChange::Remove || present.binary_search(id).is_err());
        }
        if changes.len() > MOST_MEMBER_CHANGES {
            return Err(too_many_changes());
        }
        Ok(changes.into_iter().collect())
    }
}

pub(super) fn too_many_changes() -> ScimError {
    ScimError::TooLarge(format!(
        "At most {MOST_MEMBER_CHANGES} members can be added and removed in one call."
    ))
}

/// Splits changes into pieces that fit one transaction each; the first piece may be empty.
#[must_use]
pub fn pieces(changes: &[(UserId, MemberChange)]) -> Vec<Vec<(UserId, MemberChange)>> {
    let mut out = vec![Vec::new()];
    let mut room = MEMBER_WRITES;
    for &(id, change) in changes {
        let cost = match change {
            MemberChange::Add => ADD_WRITES,
            MemberChange::Remove => REMOVE_WRITES,
        };
        if cost > room {
            out.push(Vec::new());
            room = MEMBER_WRITES;
        }
        room = room.saturating_sub(cost);
        if let Some(last) = out.last_mut() {
            last.push((id, change));
        }
    }
    out
}

/// Separates the operations of a PATCH on a group into those on its attributes and a plan for its members.
///
/// # Errors
/// `invalidValue`, `invalidPath` and `invalidFilter` for member operations that say nothing clear: removing everybody
/// takes a `remove` of `members` without any value, never one that went wrong.
pub fn compile(operations: Vec<Operation>) -> Result<(Vec<Operation>, MemberPlan)> {
    let mut rest = Vec::new();
    let mut plan = MemberPlan::default();
    for operation in operations {
        let target = match &operation.path {
            None => Target::Resource,
            Some(path) => resolve(Kind::Group, path)?,
        };
        match target {
            Target::Attribute(place) if is_members(&place) => plan_members(&mut plan, operation, &place)?,
            Target::Resource => match operation.value {
                Some(Value::Object(mut fields)) => {
                    let members = take_members(&mut fields)?;
                    // An operation on members alone is not one on attributes, of which fewer are allowed.
                    let only_members = members.is_some() && fields.is_empty();
                    if let Some(members) = members {
                        plan.change(operation.op, members)?;
                    }
                    if !only_members {
                        let value = Some(fields.into());
                        rest.push(Operation { value, ..operation });
                    }
                }
                value => rest.push(Operation { value, ..operation }),
            },
            _ => rest.push(operation),
        }
    }
    Ok((rest, plan))
}

fn is_members(place: &Place) -> bool {
    place.found.name == "members"
}

/// Takes `members` out of a body, under whatever spelling.
///
/// # Errors
/// `invalidSyntax` when it is there twice.
pub fn take_members(fields: &mut Map<String, Value>) -> Result<Option<Value>> {
    let names_members = |key: &str| {
        let path = parse_path(key).ok()?;
        match resolve(Kind::Group, &path) {
            Ok(Target::Attribute(place)) if is_members(&place) => Some(()),
            _ => None,
        }
    };
    let keys: Vec<String> = fields
        .keys()
        .filter(|key| names_members(key).is_some())
        .cloned()
        .collect();
    match keys.as_slice() {
        [] => Ok(None),
        [key] if parse_path(key).is_ok_and(|path| path.filter.is_none() && path.sub.is_none()) => {
            Ok(fields.remove(key))
        }
        _ => Err(ScimError::bad(
            ScimType::InvalidSyntax,
            "members has to be given once, as a list.",
        )),
    }
}

fn plan_members(plan: &mut MemberPlan, operation: Operation, place: &Place) -> Result<()> {
    if place.sub.is_some() {
        let what = "A member is added and removed as a whole.";
        return Err(ScimError::bad(ScimType::InvalidPath, what));
    }
    match (&place.filter, operation.op, operation.value) {
        (None, Op::Remove, None) => {
            plan.clear = true;
            plan.changes.clear();
            Ok(())
        }
        // Not "everybody": what meant to name members and names none must not remove them all.
        (None, Op::Remove, Some(Value::Null)) => Err(ScimError::value(
            "members: name the members to remove, or leave the value out to remove all.",
        )),
        (None, op, value) => plan.change(op, value.unwrap_or_default()),
        (Some(filter), Op::Remove, _) => {
            let mut ids = Vec::new();
            collect_ids(filter, &mut ids)?;
            // What is no id of ours is no member.
            for id in ids.iter().filter_map(|id| id.parse().ok()) {
                plan.changes.insert(id, MemberChange::Remove);
            }
            plan.check_count()
        }
        (Some(_), _, _) => Err(ScimError::bad(
            ScimType::InvalidPath,
            "A member is added with the path members and a value.",
        )),
    }
}

/// The ids in `value eq "a" or value eq "b"`.
fn collect_ids<'a>(filter: &'a Filter, ids: &mut Vec<&'a str>) -> Result<()> {
    let is_value = |path: &Path| {
        path.attribute
            .as_deref()
            .is_some_and(|name| name.eq_ignore_ascii_case("value"))
    };
    match filter {
        Filter::Or(terms) => terms.iter().try_for_each(|term| collect_ids(term, ids)),
        Filter::Compare {
            path,
            operator: Operator::Equal,
            value,
        } if is_value(path) && !value.is_null() => {
            ids.push(&value.text);
            Ok(())
        }
        _ => Err(ScimError::bad(
            ScimType::InvalidFilter,
            "Members are chosen by value eq, joined by or.",
        )),
    }
}

/// The ids in a list of members: objects with `value`, or ids alone; a single one need not be in a list.
fn member_ids(value: Value, change: MemberChange) -> Result<Vec<UserId>> {
    let items = match value {
        Value::Array(items) => items,
        other => vec![other],
    };
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let id = match item {
            Value::String(id) => id,
            Value::Object(fields) => {
                refuse_groups(&fields, change)?;
                match key_in(&fields, "value").and_then(|key| fields.get(key)) {
                    Some(Value::String(id)) => id.clone(),
                    _ => String::new(),
                }
            }
            _ => String::new(),
        };
        if id.is_empty() {
            return Err(ScimError::value(
                "members: every member needs the id of a user as its value.",
            ));
        }
        match (id.parse(), change) {
            (Ok(id), _) => out.push(id),
            (Err(_), MemberChange::Add) => return Err(no_such_user()),
            (Err(_), MemberChange::Remove) => {}
        }
    }
    Ok(out)
}

fn refuse_groups(fields: &Map<String, Value>, change: MemberChange) -> Result<()> {
    let kind = key_in(fields, "type")
        .and_then(|key| fields.get(key))
        .and_then(Value::as_str);
    if change == MemberChange::Add && kind.is_some_and(|kind| kind.eq_ignore_ascii_case("group")) {
        return Err(ScimError::value("members: groups in groups are not taken."));
    }
    Ok(())
}

/// The answer to a member who is not there.
pub(super) fn no_such_user() -> ScimError {
    ScimError::value("members: there is no user with this id in this application.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::patch::parse_operations;
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    fn id(n: u128) -> UserId {
        UserId::new(Uuid::from_u128(n))
    }

    fn text(n: u128) -> String {
        id(n).to_string()
    }

    fn compiled(operations: Value) -> Result<(Vec<Operation>, MemberPlan)> {
        let Value::Object(body) = json!({"Operations": operations}) else {
            panic!()
        };
        compile(parse_operations(body)?)
    }

    fn plan(operations: Value) -> (bool, Vec<(u128, MemberChange)>) {
        let (_, plan) = compiled(operations.clone()).unwrap_or_else(|error| panic!("{operations}: {error}"));
        let number = |id: &UserId| id.to_string().parse::<Uuid>().unwrap().as_u128();
        (
            plan.clear,
            plan.changes.iter().map(|(id, change)| (number(id), *change)).collect(),
        )
    }

    #[test]
    fn every_shape_that_entra_and_suites_send() {
        use MemberChange::{Add, Remove};
        let cases = [
            (
                json!({"op": "Add", "path": "members", "value": [{"$ref": null, "value": text(1)}]}),
                (false, vec![(1, Add)]),
            ),
            (
                json!({"op": "add", "path": "members", "value": [{"value": text(1)}, {"value": text(2)}, {"value": text(1)}]}),
                (false, vec![(1, Add), (2, Add)]),
            ),
            (
                json!({"op": "add", "path": "members", "value": text(1)}),
                (false, vec![(1, Add)]),
            ),
            (
                json!({"op": "add", "path": "MEMBERS", "value": {"Value": text(1)}}),
                (false, vec![(1, Add)]),
            ),
            (json!({"op": "add", "path": "members", "value": []}), (false, vec![])),
            (
                json!({"op": "add", "value": {"members": [{"value": text(1)}]}}),
                (false, vec![(1, Add)]),
            ),
            (
                json!({"op": "Remove", "path": "members", "value": [{"$ref": null, "value": text(1)}]}),
                (false, vec![(1, Remove)]),
            ),
            (
                json!({"op": "Remove", "path": "members", "value": {"value": text(1)}}),
                (false, vec![(1, Remove)]),
            ),
            (
                json!({"op": "Remove", "path": "members", "value": [{"value": "not ours"}]}),
                (false, vec![]),
            ),
            (json!({"op": "Remove", "path": "members", "value": []}), (false, vec![])),
            (
                json!({"op": "remove", "path": format!("members[value eq \"{}\"]", text(1))}),
                (false, vec![(1, Remove)]),
            ),
            (
                json!({"op": "remove", "path": format!("members[value eq \"{}\" or VALUE eq {}]", text(1), text(2))}),
                (false, vec![(1, Remove), (2, Remove)]),
            ),
            (json!({"op": "remove", "path": "members"}), (true, vec![])),
            (
                json!({"op": "replace", "path": "members", "value": [{"value": text(1)}]}),
                (true, vec![(1, Add)]),
            ),
            (
                json!({"op": "replace", "path": "members", "value": null}),
                (true, vec![]),
            ),
            (json!({"op": "replace", "path": "members", "value": []}), (true, vec![])),
            (json!({"op": "add", "path": "members", "value": null}), (false, vec![])),
            (
                json!({"op": "replace", "value": {"displayName": "x", "members": [text(1)]}}),
                (true, vec![(1, Add)]),
            ),
        ];
        for (operation, expected) in cases {
            assert_eq!(plan(json!([operation])), expected, "{operation}");
        }
    }

    #[test]
    fn operations_apply_in_order() {
        use MemberChange::{Add, Remove};
        let add = |n| json!({"op": "add", "path": "members", "value": [{"value": text(n)}]});
        let remove = |n| json!({"op": "remove", "path": format!("members[value eq \"{}\"]", text(n))});
        assert_eq!(plan(json!([add(1), remove(1)])), (false, vec![(1, Remove)]));
        assert_eq!(plan(json!([remove(1), add(1)])), (false, vec![(1, Add)]));
        assert_eq!(
            plan(json!([add(1), {"op": "remove", "path": "members"}, add(2)])),
            (true, vec![(2, Add)])
        );
    }

    #[test]
    fn attributes_are_left_to_the_attributes() {
        let (rest, plan) = compiled(json!([
            {"op": "replace", "path": "displayName", "value": "A"},
            {"op": "replace", "value": {"displayName": "B", "members": [{"value": text(1)}]}},
        ]))
        .unwrap();
        assert_eq!(rest.len(), 2);
        assert_eq!(rest[1].value, Some(json!({"displayName": "B"})));
        assert!(plan.clear);
    }

    #[test]
    fn what_is_not_clear_removes_nobody() {
        for operation in [
            json!({"op": "remove", "path": "members", "value": null}),
            json!({"op": "remove", "path": "members", "value": ""}),
            json!({"op": "remove", "path": "members", "value": [{}]}),
            json!({"op": "remove", "path": "members", "value": [{"value": null}]}),
            json!({"op": "remove", "path": "members", "value": [{"value": ""}]}),
            json!({"op": "remove", "path": "members", "value": {"display": "x"}}),
            json!({"op": "remove", "path": "members[value pr]"}),
            json!({"op": "remove", "path": "members[value ne \"x\"]"}),
            json!({"op": "remove", "path": "members[type eq \"User\"]"}),
            json!({"op": "remove", "path": "members[not (value eq \"x\")]"}),
            json!({"op": "remove", "path": "members.value"}),
            json!({"op": "remove", "path": "members[value eq \"x\"].type"}),
            json!({"op": "add", "path": "members[value eq \"x\"]", "value": {}}),
            json!({"op": "add", "path": "members", "value": [{"value": "no id of ours"}]}),
            json!({"op": "add", "path": "members", "value": [7]}),
            json!({"op": "add", "path": "members", "value": {}}),
            json!({"op": "add", "path": "members", "value": ""}),
            json!({"op": "replace", "path": "members", "value": {}}),
            json!({"op": "replace", "path": "members", "value": ""}),
            json!({"op": "replace", "path": "members", "value": [{}]}),
            json!({"op": "replace", "path": "members", "value": [null]}),
            json!({"op": "replace", "value": {"members": {}}}),
            json!({"op": "replace", "value": {"members": ""}}),
            json!({"op": "add", "path": "members", "value": [{"value": text(1), "type": "Group"}]}),
            json!({"op": "replace", "value": {"members": [text(1)], "Members": []}}),
        ] {
            let error = compiled(json!([operation])).expect_err(&operation.to_string());
            assert_eq!(error.status(), 400, "{operation}");
        }
    }

    #[test]
    fn more_than_five_thousand_changes_are_too_many() {
        let members = |count: u128| (1..=count).map(text).collect::<Vec<_>>();
        let most = u128::try_from(MOST_MEMBER_CHANGES).unwrap();
        let add = |count| compiled(json!([{"op": "add", "path": "members", "value": members(count)}]));
        assert!(add(most).is_ok());
        assert_eq!(add(most + 1).unwrap_err().status(), 413);
        let present: Vec<UserId> = (1..=most + 1).map(id).collect();
        let clear = MemberPlan {
            clear: true,
            changes: BTreeMap::new(),
        };
        assert_eq!(clear.settled(&present).unwrap_err().status(), 413);
    }

    #[test]
    fn a_replaced_list_writes_the_difference_only() {
        let plan = MemberPlan {
            clear: true,
            changes: [(id(1), MemberChange::Add), (id(2), MemberChange::Add)].into(),
        };
        assert_eq!(
            plan.settled(&[id(2), id(3)]).unwrap(),
            vec![(id(1), MemberChange::Add), (id(3), MemberChange::Remove)]
        );
    }

    proptest! {
        #[test]
        fn pieces_hold_everything_and_fit(changes in proptest::collection::vec(
            (any::<u128>(), proptest::sample::select(vec![MemberChange::Add, MemberChange::Remove])), 0..400,
        )) {
            let changes: Vec<_> = changes.into_iter().map(|(n, change)| (id(n), change)).collect();
            let pieces = pieces(&changes);
            prop_assert_eq!(pieces.concat(), changes);
            for piece in &pieces {
                let cost: usize = piece.iter().map(|(_, change)| match change {
                    MemberChange::Add => ADD_WRITES,
                    MemberChange::Remove => REMOVE_WRITES,
                }).sum();
                prop_assert!(cost <= MEMBER_WRITES);
            }
            prop_assert!(pieces.iter().skip(1).all(|piece| !piece.is_empty()));
        }
    }
}
