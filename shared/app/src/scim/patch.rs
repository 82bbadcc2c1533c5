//! PATCH (RFC 7644 section 3.5.2) on the attributes of a resource, in both dialects of Entra at once.
//!
//! A resource's attributes are a JSON object with the schema's own spelling of names. Operations are applied to a copy
//! in order; the caller stores the copy only when all succeeded. Creating and replacing a resource are the same work:
//! an `add` of the whole body to an empty object.
//!
//! Where Entra and the RFC differ, Entra wins: `add` and `replace` mean the same for single values; a value path whose
//! filter is a conjunction of `eq` creates the element it describes when there is none; `null`, `""` and `[]` clear;
//! `remove` of a list attribute with a value takes away the listed values only.

use serde_json::{Map, Value};

use super::error::{Result, ScimError, ScimType};
use super::filter::{Filter, Operator, Path, parse_path};
use super::matching::element_matches;
use super::schema::{Attribute, Found, Kind, Mutability, Named, Type, find, key_in};
use super::value::{MOST_VALUES, is_hollow, is_primary, is_unassigned, many, one, several_primary, too_many, twice};

/// Most operations in one PATCH: one of Entra's dialects sends an operation per member of a group.
pub const MOST_OPERATIONS: usize = 5_000;
/// Most operations on attributes, members excepted, in one PATCH.
pub const MOST_ATTRIBUTE_OPERATIONS: usize = 200;
/// Most attributes of one object.
const MOST_FIELDS: usize = 500;
/// URN of a PATCH body.
const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Resource attributes, with the schema's own spelling of names.
pub type Attributes = Map<String, Value>;

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// `add`
    Add,
    /// `replace`
    Replace,
    /// `remove`
    Remove,
}

/// One operation.
#[derive(Clone, PartialEq, Debug)]
pub struct Operation {
    /// What it does.
    pub op: Op,
    /// To what; `None` for the whole resource.
    pub path: Option<Path>,
    /// With what; `None` when the operation has no value at all, which is not the same as `null`.
    pub value: Option<Value>,
}

/// Reads the body of a PATCH.
///
/// # Errors
/// `invalidSyntax` when it is none, `invalidPath` when a path cannot be read, 413 for too many operations.
pub fn parse_operations(mut body: Map<String, Value>) -> Result<Vec<Operation>> {
    let syntax = |what: &str| ScimError::bad(ScimType::InvalidSyntax, what);
    let mut take = |name: &str| key_in(&body, name).cloned().and_then(|key| body.remove(&key));
    if let Some(Value::Array(schemas)) = take("schemas") {
        let named = |schema: &Value| schema.as_str().is_some_and(|s| s.eq_ignore_ascii_case(PATCH_SCHEMA));
        if !schemas.iter().any(named) {
            return Err(syntax(
                "schemas has to name urn:ietf:params:scim:api:messages:2.0:PatchOp.",
            ));
        }
    }
    let Some(Value::Array(operations)) = take("Operations") else {
        return Err(syntax("Operations has to be a list."));
    };
    if operations.is_empty() {
        return Err(syntax("Operations has to hold at least one operation."));
    }
    if operations.len() > MOST_OPERATIONS {
        let what = format!("A PATCH may hold at most {MOST_OPERATIONS} operations.");
        return Err(ScimError::TooLarge(what));
    }
    operations.into_iter().map(parse_operation).collect()
}

fn parse_operation(operation: Value) -> Result<Operation> {
    let syntax = |what: String| ScimError::bad(ScimType::InvalidSyntax, what);
    let Value::Object(mut fields) = operation else {
        return Err(syntax("An operation has to be an object.".to_owned()));
    };
    let mut take = |name: &str| key_in(&fields, name).cloned().and_then(|key| fields.remove(&key));
    let op = match take("op") {
        Some(Value::String(op)) if op.eq_ignore_ascii_case("add") => Op::Add,
        Some(Value::String(op)) if op.eq_ignore_ascii_case("replace") => Op::Replace,
        Some(Value::String(op)) if op.eq_ignore_ascii_case("remove") => Op::Remove,
        _ => return Err(syntax("op has to be add, replace or remove.".to_owned())),
    };
    let path = match take("path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.is_empty() => None,
        Some(Value::String(path)) => {
            let read = parse_path(&path);
            Some(read.map_err(|error| ScimError::bad(ScimType::InvalidPath, format!("path: {error}.")))?)
        }
        Some(_) => return Err(syntax("path has to be a string.".to_owned())),
    };
    let value = take("value");
    match (op, &path, &value) {
        (Op::Remove, None, _) => Err(ScimError::bad(ScimType::NoTarget, "remove needs a path.")),
        (Op::Add | Op::Replace, _, None) => Err(syntax("add and replace need a value.".to_owned())),
        _ => Ok(Operation { op, path, value }),
    }
}

/// What a path stands for.
#[derive(Clone, PartialEq, Debug)]
pub enum Target {
    /// The resource itself.
    Resource,
    /// An extension as a whole.
    Extension(String),
    /// An attribute, some of its elements, or a part of it.
    Attribute(Place),
    /// Something that is taken and not kept.
    Ignored,
}

/// An attribute, some of its elements, or a part of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Place {
    /// The attribute.
    pub found: Found,
    /// Which elements.
    pub filter: Option<Filter>,
    /// Which part.
    pub sub: Option<&'static Attribute>,
}

impl Place {
    /// Its name for messages.
    fn name(&self) -> String {
        match self.sub {
            Some(sub) => format!("{}.{}", self.found.name, sub.name),
            None => self.found.name.clone(),
        }
    }
}

/// Finds what `path` stands for.
///
/// # Errors
/// `invalidPath` when there is nothing by that name, or brackets or sub-attributes do not fit it.
pub fn resolve(kind: Kind, path: &Path) -> Result<Target> {
    let invalid = |what: String| ScimError::bad(ScimType::InvalidPath, what);
    let written = path.attribute.as_deref().unwrap_or("This schema");
    let found = match find(kind, path.schema.as_deref(), path.attribute.as_deref()) {
        None => return Err(invalid(format!("{written} is no attribute of a {}.", kind.noun()))),
        Some(Named::Resource) => return Ok(Target::Resource),
        Some(Named::Ignored) => return Ok(Target::Ignored),
        Some(Named::Extension(urn)) => return Ok(Target::Extension(urn)),
        // `schemas` follows from the attributes; some clients add an extension's URN to it, which needs no answer.
        Some(Named::Attribute(found)) if found.extension.is_none() && found.name == "schemas" => {
            return Ok(Target::Ignored);
        }
        Some(Named::Attribute(found)) => found,
    };
    if path.filter.is_some() && !found.definition.multi {
        return Err(invalid(format!("{written} has one value: brackets do not fit it.")));
    }
    if let Some(filter) = &path.filter {
        check_filter(filter, found.definition)?;
    }
    let sub = match path.sub.as_deref() {
        None => None,
        Some(name) => Some(
            found
                .definition
                .sub(name)
                .ok_or_else(|| invalid(format!("{name} is no part of {written}.")))?,
        ),
    };
    Ok(Target::Attribute(Place {
        filter: path.filter.as_deref().cloned(),
        found,
        sub,
    }))
}

/// Checks that a value path's filter speaks of parts that the attribute has.
fn check_filter(filter: &Filter, outer: &Attribute) -> Result<()> {
    let part = |path: &Path| {
        let plain = path.schema.is_none() && path.sub.is_none() && path.filter.is_none();
        let known = path.attribute.as_deref().is_some_and(|name| outer.sub(name).is_some());
        if plain && known {
            Ok(())
        } else {
            let what = format!("The filter names something that is no part of {}.", outer.name);
            Err(ScimError::bad(ScimType::InvalidFilter, what))
        }
    };
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().try_for_each(|term| check_filter(term, outer)),
        Filter::Not(inner) => check_filter(inner, outer),
        Filter::Present(path) | Filter::Element(path) | Filter::Compare { path, .. } => part(path),
    }
}

/// The attributes of a new resource, or of one that replaces another, from its body.
///
/// # Errors
/// `invalidValue` and `invalidSyntax` when a value does not fit its attribute.
pub fn from_body(kind: Kind, body: Map<String, Value>) -> Result<Attributes> {
    let mut attributes = Attributes::new();
    merge(&mut attributes, kind, Op::Add, body)?;
    Ok(attributes)
}

/// Applies one operation.
///
/// # Errors
/// As the RFC's section 3.5.2 says; `attributes` is then half changed and has to be thrown away.
pub fn apply(attributes: &mut Attributes, kind: Kind, operation: Operation) -> Result<()> {
    let target = match &operation.path {
        None => Target::Resource,
        Some(path) => resolve(kind, path)?,
    };
    let Operation { op, value, .. } = operation;
    match (target, op, value) {
        (Target::Ignored, _, _) => Ok(()),
        (Target::Resource, Op::Remove, _) => Err(ScimError::bad(
            ScimType::NoTarget,
            "A resource as a whole is removed with DELETE.",
        )),
        (Target::Resource, _, Some(Value::Object(fields))) => merge(attributes, kind, op, fields),
        (Target::Resource, _, _) => Err(ScimError::value("Without a path the value has to be an object.")),
        (Target::Extension(urn), Op::Remove, _) => {
            remove_key(attributes, &urn);
            Ok(())
        }
        (Target::Extension(urn), _, value) => set_extension(attributes, kind, op, &urn, value.unwrap_or_default()),
        (Target::Attribute(place), Op::Remove, value) => {
            refuse_read_only(&place)?;
            remove(attributes, &place, value)
        }
        (Target::Attribute(place), _, value) => {
            refuse_read_only(&place)?;
            set(attributes, &place, op, value.unwrap_or_default())
        }
    }
}

fn refuse_read_only(place: &Place) -> Result<()> {
    let read_only = |definition: &Attribute| definition.mutability == Mutability::ReadOnly;
    if read_only(place.found.definition) || place.sub.is_some_and(read_only) {
        let what = format!("{} is set by the server.", place.name());
        return Err(ScimError::bad(ScimType::Mutability, what));
    }
    Ok(())
}

/// Sets every attribute that `fields` names, by plain, dotted or URN-prefixed names and value paths. What only the
/// server sets and what the schema does not know is left out.
fn merge(attributes: &mut Attributes, kind: Kind, op: Op, fields: Map<String, Value>) -> Result<()> {
    check_width(&fields)?;
    let mut seen: Vec<Target> = Vec::new();
    for (key, value) in fields {
        let Ok(path) = parse_path(&key) else { continue };
        let Ok(target) = resolve(kind, &path) else { continue };
        if seen.iter().any(|other| same_target(other, &target)) {
            return Err(twice(&key));
        }
        match &target {
            Target::Resource | Target::Ignored => {}
            Target::Extension(urn) => set_extension(attributes, kind, op, urn, value)?,
            Target::Attribute(place) => {
                if refuse_read_only(place).is_ok() {
                    set(attributes, place, op, value)?;
                }
            }
        }
        seen.push(target);
    }
    Ok(())
}

fn check_width(fields: &Map<String, Value>) -> Result<()> {
    if fields.len() > MOST_FIELDS {
        let what = format!("An object may have at most {MOST_FIELDS} attributes.");
        return Err(ScimError::bad(ScimType::InvalidSyntax, what));
    }
    Ok(())
}

/// Custom names keep the spelling they came in, so that two of them may differ in letter case alone.
fn same_target(a: &Target, b: &Target) -> bool {
    match (a, b) {
        (Target::Extension(a), Target::Extension(b)) => a.eq_ignore_ascii_case(b),
        (Target::Attribute(a), Target::Attribute(b)) => {
            let urn = |place: &Place| place.found.extension.as_deref().map(str::to_ascii_lowercase);
            a.found.name.eq_ignore_ascii_case(&b.found.name)
                && urn(a) == urn(b)
                && a.filter == b.filter
                && a.sub.map(|sub| sub.name) == b.sub.map(|sub| sub.name)
        }
        _ => false,
    }
}

fn set_extension(attributes: &mut Attributes, kind: Kind, op: Op, urn: &str, value: Value) -> Result<()> {
    let fields = match value {
        Value::Object(fields) => fields,
        value if is_unassigned(&value) => {
            if op == Op::Replace {
                remove_key(attributes, urn);
            }
            return Ok(());
        }
        _ => return Err(ScimError::value(format!("{urn} has to be an object."))),
    };
    check_width(&fields)?;
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in fields {
        let lower = name.to_ascii_lowercase();
        if seen.contains(&lower) {
            return Err(twice(&name));
        }
        seen.push(lower);
        let Some(mut path) = parse_path(&name).ok().filter(|path| path.schema.is_none()) else {
            continue;
        };
        path.schema = Some(urn.to_owned());
        if let Ok(Target::Attribute(place)) = resolve(kind, &path) {
            set(attributes, &place, op, value)?;
        }
    }
    Ok(())
}

fn remove_key(map: &mut Attributes, name: &str) {
    if let Some(key) = key_in(map, name).cloned() {
        map.remove(&key);
    }
}

/// Changes the value at `place` with `change`, which gets the present value and gives the new one.
fn update(
    attributes: &mut Attributes,
    found: &Found,
    change: impl FnOnce(Option<Value>) -> Result<Option<Value>>,
) -> Result<()> {
    let Some(urn) = &found.extension else {
        return update_in(attributes, &found.name, change);
    };
    let key = key_in(attributes, urn).cloned().unwrap_or_else(|| urn.clone());
    let mut inside = match attributes.remove(&key) {
        Some(Value::Object(inside)) => inside,
        _ => Attributes::new(),
    };
    update_in(&mut inside, &found.name, change)?;
    // An extension's URN leaves `schemas` with its last attribute.
    if !inside.is_empty() {
        attributes.insert(key, inside.into());
    }
    Ok(())
}

fn update_in(
    map: &mut Attributes,
    name: &str,
    change: impl FnOnce(Option<Value>) -> Result<Option<Value>>,
) -> Result<()> {
    let key = key_in(map, name).cloned().unwrap_or_else(|| name.to_owned());
    let present = map.remove(&key);
    if let Some(value) = change(present)? {
        map.insert(key, value);
    }
    Ok(())
}

fn set(attributes: &mut Attributes, place: &Place, op: Op, value: Value) -> Result<()> {
    let name = place.name();
    update(attributes, &place.found, |present| {
        if place.found.definition.multi {
            let before = items(present);
            let mut after = before.clone();
            set_many(&mut after, place, op, value, &name)?;
            settle_primary(&before, &mut after, &name)?;
            return Ok((!after.is_empty()).then(|| after.into()));
        }
        set_one(present, place, value, &name)
    })
}

fn items(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        Some(Value::Null) | None => Vec::new(),
        Some(other) => vec![other],
    }
}

fn set_one(present: Option<Value>, place: &Place, value: Value, name: &str) -> Result<Option<Value>> {
    let definition = place.found.definition;
    if let Some(sub) = place.sub {
        let parts = Map::from_iter([(sub.name.to_owned(), value)]);
        let name = &place.found.name;
        return merge_parts(present, definition, parts, name);
    }
    let value = match value {
        Value::Object(fields) if matches!(definition.kind, Type::Complex(_)) => {
            return merge_parts(present, definition, fields, name);
        }
        other => one(definition, name, other)?,
    };
    match value {
        None if definition.required && present.is_some() => {
            Err(ScimError::value(format!("{name} always needs a value.")))
        }
        Some(Value::Object(fields)) => merge_parts(present, definition, fields, name),
        other => Ok(other),
    }
}

/// Sets the named parts of a complex value and leaves the others: both dialects of Entra send parts.
fn merge_parts(
    present: Option<Value>,
    definition: &Attribute,
    fields: Map<String, Value>,
    name: &str,
) -> Result<Option<Value>> {
    let before = fields_of(present);
    let mut out = before.clone();
    let mut seen: Vec<&str> = Vec::new();
    for (key, value) in fields {
        let Some(sub) = definition.sub(&key) else { continue };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        let name = format!("{name}.{}", sub.name);
        if seen.contains(&sub.name) {
            return Err(twice(&name));
        }
        seen.push(sub.name);
        put(&mut out, sub.name, one(sub, &name, value)?);
    }
    // The location of another manager than before would be a lie.
    if out.get("value") != before.get("value") && out.get("$ref") == before.get("$ref") {
        out.remove("$ref");
    }
    Ok((!out.is_empty()).then(|| out.into()))
}

fn fields_of(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            fields.insert(name.to_owned(), value);
        }
        None => {
            fields.remove(name);
        }
    }
}

fn set_many(list: &mut Vec<Value>, place: &Place, op: Op, value: Value, name: &str) -> Result<()> {
    let definition = place.found.definition;
    match (&place.filter, place.sub) {
        (None, None) => {
            let new = many(definition, name, value)?;
            if op == Op::Replace {
                *list = new;
                return Ok(());
            }
            for item in new {
                if !list.contains(&item) {
                    list.push(item);
                }
            }
        }
        (None, Some(sub)) => {
            let new = one(sub, name, value)?;
            if list.is_empty()
                && let Some(new) = &new
            {
                list.push(Map::from_iter([(sub.name.to_owned(), new.clone())]).into());
            }
            for item in list.iter_mut() {
                with_part(item, sub, new.clone());
            }
        }
        (Some(filter), sub) => set_matching(list, definition, filter, sub, value, name)?,
    }
    list.retain(|item| !is_hollow(item));
    if list.len() > MOST_VALUES {
        return Err(too_many(name));
    }
    Ok(())
}

fn with_part(item: &mut Value, sub: &Attribute, value: Option<Value>) {
    let mut fields = fields_of(Some(item.take()));
    put(&mut fields, sub.name, value);
    *item = fields.into();
}

fn set_matching(
    list: &mut Vec<Value>,
    definition: &'static Attribute,
    filter: &Filter,
    sub: Option<&'static Attribute>,
    value: Value,
    name: &str,
) -> Result<()> {
    let matching = |item: &Value| element_matches(filter, item, definition);
    let clears = is_unassigned(&value);
    if !list.iter().any(matching) {
        if clears {
            return Ok(());
        }
        let element = described(filter, definition).ok_or_else(|| {
            let what = format!("{name}: no value fits the filter, and the filter does not say what to create.");
            ScimError::bad(ScimType::NoTarget, what)
        })?;
        list.push(element.into());
    } else if clears && sub.is_none() {
        list.retain(|item| !matching(item));
        return Ok(());
    }
    // Decided before the first change: a change may make an element fit, or not fit any more.
    let chosen: Vec<bool> = list.iter().map(matching).collect();
    for (item, _) in list.iter_mut().zip(chosen).filter(|(_, chosen)| *chosen) {
        match sub {
            Some(sub) => with_part(item, sub, one(sub, name, value.clone())?),
            None => {
                let new = match value.clone() {
                    Value::Object(fields) => fields,
                    other => fields_of(one(definition, name, other)?),
                };
                *item = merge_parts(Some(item.take()), definition, new, name)?.unwrap_or_else(|| Map::new().into());
            }
        }
    }
    Ok(())
}

/// The element that a filter describes: only a conjunction of `eq` does.
fn described(filter: &Filter, definition: &'static Attribute) -> Option<Map<String, Value>> {
    let mut out = Map::new();
    let terms = match filter {
        Filter::And(terms) => terms.as_slice(),
        other => std::slice::from_ref(other),
    };
    for term in terms {
        let Filter::Compare {
            path,
            operator: Operator::Equal,
            value,
        } = term
        else {
            return None;
        };
        if value.is_null() {
            return None;
        }
        let sub = definition.sub(path.attribute.as_deref()?)?;
        let value = one(sub, sub.name, value.text.clone().into()).ok().flatten()?;
        if out
            .insert(sub.name.to_owned(), value.clone())
            .is_some_and(|other| other != value)
        {
            return None;
        }
    }
    Some(out)
}

/// Keeps one value primary: a new one takes the place of the old one (RFC 7644 section 3.5.2).
fn settle_primary(before: &[Value], after: &mut [Value], name: &str) -> Result<()> {
    if after.iter().filter(|item| is_primary(item)).count() <= 1 {
        return Ok(());
    }
    let is_new = |item: &Value| is_primary(item) && !before.contains(item);
    if after.iter().filter(|item| is_new(item)).count() != 1 {
        return Err(several_primary(name));
    }
    for item in after
        .iter_mut()
        .filter(|item| is_primary(item) && before.contains(item))
    {
        if let Some(fields) = item.as_object_mut() {
            fields.insert("primary".to_owned(), false.into());
        }
    }
    Ok(())
}

fn remove(attributes: &mut Attributes, place: &Place, value: Option<Value>) -> Result<()> {
    let name = place.name();
    let definition = place.found.definition;
    if (definition.required || definition.mutability == Mutability::Immutable) && place.sub.is_none() {
        let what = format!("{name} cannot be removed.");
        return Err(ScimError::bad(ScimType::Mutability, what));
    }
    update(attributes, &place.found, |present| {
        if !definition.multi {
            let Some(sub) = place.sub else { return Ok(None) };
            let mut fields = fields_of(present);
            fields.remove(sub.name);
            return Ok((!fields.is_empty()).then(|| fields.into()));
        }
        let mut list = items(present);
        let listed = match value {
            Some(value) if place.filter.is_none() && place.sub.is_none() && !is_unassigned(&value) => {
                Some(many(definition, &name, value)?)
            }
            _ => None,
        };
        let chosen = |item: &Value| match (&place.filter, &listed) {
            (Some(filter), _) => element_matches(filter, item, definition),
            (None, Some(listed)) => listed.iter().any(|wanted| covers(definition, item, wanted)),
            (None, None) => true,
        };
        match place.sub {
            None => list.retain(|item| !chosen(item)),
            Some(sub) => list
                .iter_mut()
                .filter(|item| chosen(item))
                .for_each(|item| with_part(item, sub, None)),
        }
        list.retain(|item| !is_hollow(item));
        Ok((!list.is_empty()).then(|| list.into()))
    })
}

/// Whether `item` has every part of `wanted`, letter case counting where the schema says so.
fn covers(definition: &Attribute, item: &Value, wanted: &Value) -> bool {
    let same = |definition: &Attribute, item: &Value, wanted: &Value| match (item.as_str(), wanted.as_str()) {
        (Some(item), Some(wanted)) if !definition.exact => item.to_lowercase() == wanted.to_lowercase(),
        _ => item == wanted,
    };
    match wanted.as_object() {
        Some(parts) => parts.iter().all(|(name, value)| {
            let part = definition.sub(name).zip(item.get(name));
            part.is_some_and(|(definition, item)| same(definition, item, value))
        }),
        None => same(definition, item, wanted),
    }
}

/// Names of the attributes in which `before` and `after` differ, extension attributes with their URN; sorted.
#[must_use]
pub fn differences(before: &Attributes, after: &Attributes) -> Vec<String> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut out = Vec::new();
    for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
        let inside = |map: &Attributes| map.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        if name.contains(':') {
            let inner = differences(&inside(before), &inside(after));
            out.extend(inner.into_iter().map(|inner| format!("{name}:{inner}")));
        } else {
            out.push(name.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests;
