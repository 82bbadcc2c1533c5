//! Creating, reading, changing and deleting groups.

use std::collections::BTreeSet;

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::directory::{Gone, Group, User};
use hourglass_domain::ids::{GroupId, UserId};
use serde_json::{Map, Value};

use super::error::{Result, ScimError};
use super::members::{
    MOST_MEMBER_CHANGES, MemberChange, MemberPlan, compile, no_such_user, pieces, take_members, too_many_changes,
};
use super::patch::{Attributes, apply, from_body, parse_operations};
use super::resource::{
    Projection, Resource, changed_names, group_attributes, group_fields, group_resource, keep_external_id,
};
use super::schema::Kind;
use super::users::{Precondition, check_count, check_version};
use super::{ATTEMPTS, Scim, UniqueMove, exact_id, taken, unique_writes};
use crate::change::{Change, ChangeError};
use crate::directory::{self, external_id_key, name_key};
use crate::keys;
use crate::ports::store::{Condition, Item, Key, LARGEST_PAGE, MOST_KEYS, Write};
use crate::records::{GroupGoneOrder, GroupMember, Record, Stored, UniqueKind, UserGroup, from_item, to_item};

const GROUP: ScimError = ScimError::NotFound { what: "group" };
const BUSY: ScimError = ScimError::Busy { what: "group" };
/// Names of a group's unique attributes.
const UNIQUE: &[(UniqueKind, &str)] = &[
    (UniqueKind::GroupName, "displayName"),
    (UniqueKind::GroupExternalId, "externalId"),
];
/// Most member ids that an audit event's facts name; its objects name all.
const MOST_NAMED_MEMBERS: usize = 20;

/// Gives a group's attributes after a change from those before.
type Transform<'a> = &'a (dyn Fn(&Attributes) -> Result<Attributes> + Send + Sync);

/// One transaction's worth of a change.
struct Step<'a> {
    transform: Option<Transform<'a>>,
    members: &'a [(UserId, MemberChange)],
    if_match: Option<&'a str>,
    /// The version on which the changes of members were worked out, where they rest on who is a member.
    worked_out_on: Option<u64>,
    /// Whether a part of the change is stored already. Who is to be added was found before that, and whoever was deleted
    /// since is left out: refusing would leave half of the change behind, and none of the deleted is a member anyway.
    begun: bool,
}

/// How a step ended.
enum Outcome {
    /// It is stored, or there was nothing to store.
    Done(Stored<Group>),
    /// The group has another version than the changes were worked out on.
    Outdated,
}

/// A group as a step found it.
struct Present {
    group: Stored<Group>,
    /// For each change of the step, the membership if there is one.
    members: Vec<Option<Stored<GroupMember>>>,
    /// Who is to be added and does not exist.
    gone: BTreeSet<UserId>,
}

impl Scim {
    /// Creates a group. Beyond some 30 members the rest is added in further transactions; when the table fails in
    /// between, the group stands with part of its members and the client is told to ask again.
    ///
    /// # Errors
    /// `invalidValue` and the like for the body, `uniqueness` when another group has the name or external id, 413 for
    /// too many members.
    pub async fn create_group(&self, mut body: Map<String, Value>) -> Result<Resource> {
        let plan = listed_members(&mut body)?;
        let fields = group_fields(from_body(Kind::Group, body)?)?;
        let changes = plan.settled(&[])?;
        self.check_users(&changes).await?;
        let now = self.core.clock.now();
        let group = Group {
            id: GroupId::new(self.core.ids.uuid()),
            application: self.application().clone(),
            external_id: fields.external_id,
            display_name: fields.display_name,
            attributes: fields.attributes,
            created_at: now,
            modified_at: now,
        };
        let pieces = pieces(&changes);
        let (first, further) = pieces
            .split_first()
            .map_or((&[][..], &[][..]), |(first, rest)| (first.as_slice(), rest));
        let unique = self.group_unique(None, Some(&group))?;
        let draft = member_facts(Draft::new(now, self.caller.actor(), "group.created"), first);
        let mut change = Change::new().create(&group)?.event(self.group_stream(group.id), draft);
        for write in &unique {
            change = change.write(write.clone());
        }
        for (user, _) in first {
            change = self.add_member(change, group.id, *user)?;
        }
        match change.commit(self.store()).await {
            Ok(()) => {}
            // Nobody else can have made this id: an earlier attempt of ours went through and its answer was lost.
            Err(ChangeError::Conflict(keys)) if keys.contains(&group.key()) => {}
            Err(ChangeError::Conflict(keys)) => return Err(group_conflict(&keys, &unique).unwrap_or_else(no_such_user)),
            Err(error) => return Err(error.into()),
        }
        let stored = self
            .add_further(
                Stored {
                    value: group,
                    version: 1,
                },
                further,
            )
            .await?;
        let members: Vec<UserId> = changes.into_iter().map(|(user, _)| user).collect();
        Ok(group_resource(&stored, Some(&members), &self.base()))
    }

    async fn add_further(
        &self,
        mut group: Stored<Group>,
        further: &[Vec<(UserId, MemberChange)>],
    ) -> Result<Stored<Group>> {
        for members in further {
            let step = Step {
                transform: None,
                members,
                if_match: None,
                worked_out_on: None,
                begun: true,
            };
            if let Outcome::Done(after) = self.take_step(group.value.id, &step).await? {
                group = after;
            }
        }
        Ok(group)
    }

    /// A group by our id.
    ///
    /// # Errors
    /// [`ScimError::NotFound`]; `tooMany` when its members are asked for and are too many for one answer.
    pub async fn group(&self, id: &str, projection: &Projection) -> Result<Resource> {
        let id = parse_id(id)?;
        let group = directory::group(self.store(), self.application(), id)
            .await?
            .ok_or(GROUP)?;
        self.show_group(&group, projection).await
    }

    async fn show_group(&self, group: &Stored<Group>, projection: &Projection) -> Result<Resource> {
        let members = match projection.wants_members() {
            true => Some(self.members_to_show(group.value.id, &mut 0).await?),
            false => None,
        };
        Ok(group_resource(group, members.as_deref(), &self.base()))
    }

    /// Replaces a group. What the body leaves out is cleared, except `externalId` and, so that a forgotten list empties
    /// no group, `members`.
    ///
    /// # Errors
    /// As [`Scim::patch_group`].
    pub async fn replace_group(
        &self,
        id: &str,
        mut body: Map<String, Value>,
        if_match: Option<&str>,
        projection: &Projection,
    ) -> Result<Resource> {
        let plan = listed_members(&mut body)?;
        let new = from_body(Kind::Group, body)?;
        let transform = |before: &Attributes| {
            let mut after = new.clone();
            if let (false, Some(value)) = (after.contains_key("externalId"), before.get("externalId")) {
                after.insert("externalId".to_owned(), value.clone());
            }
            Ok(after)
        };
        let group = self.change_group(parse_id(id)?, &transform, &plan, if_match).await?;
        self.show_group(&group, projection).await
    }

    /// Applies a PATCH to a group, whose members are not read for it. Up to some 30 added or 45 removed members the
    /// whole change is one transaction; a larger one is checked whole and then stored in several, each of which checks
    /// that the group still stands and may be repeated. A user who is deleted while they are stored is left out.
    ///
    /// # Errors
    /// As RFC 7644 section 3.5.2 says; `invalidValue` for a member who does not exist; 413 for more than
    /// [`MOST_MEMBER_CHANGES`] changes of members.
    pub async fn patch_group(
        &self,
        id: &str,
        body: Map<String, Value>,
        if_match: Option<&str>,
    ) -> Result<Stored<Group>> {
        let (operations, plan) = compile(parse_operations(body)?)?;
        check_count(&operations)?;
        let transform = |before: &Attributes| {
            let mut after = before.clone();
            for operation in &operations {
                apply(&mut after, Kind::Group, operation.clone())?;
            }
            Ok(after)
        };
        self.change_group(parse_id(id)?, &transform, &plan, if_match).await
    }

    /// What a PATCH that asks for `attributes` answers.
    ///
    /// # Errors
    /// As [`Scim::group`].
    pub async fn patched_group(&self, group: &Stored<Group>, projection: &Projection) -> Result<Resource> {
        self.show_group(group, projection).await
    }

    /// Deletes a group, in one transaction whatever its size, with the orders that the grants of which it is a target
    /// end and that its memberships are removed. They count for nothing from then on.
    ///
    /// # Errors
    /// [`ScimError::NotFound`] when there is none.
    pub async fn delete_group(&self, id: &str, if_match: Option<&str>) -> Result<()> {
        let id = parse_id(id)?;
        for attempt in 0..ATTEMPTS {
            let Some(group) = directory::group(self.store(), self.application(), id).await? else {
                return Err(GROUP);
            };
            check_version(if_match, group.version, Kind::Group)?;
            let now = self.core.clock.now();
            let draft = Draft::new(now, self.caller.actor(), "group.deleted");
            let order = GroupGoneOrder {
                application: self.application().clone(),
                group: id,
                object_id: group.value.object_id(),
                at: now,
            };
            let mut change = self
                .order_memberships_gone(Change::new().delete(&group), Gone::Group(id), now)?
                .create(&order)?
                .due(&[], &[order.promise()])?
                .event(self.group_stream(id), draft);
            for write in self.group_unique(Some(&group.value), None)? {
                change = change.write(write);
            }
            match change.commit(self.store()).await {
                Ok(()) => return Ok(()),
                Err(ChangeError::Conflict(_)) => self.pause(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(BUSY)
    }

    async fn change_group(
        &self,
        id: GroupId,
        transform: Transform<'_>,
        plan: &MemberPlan,
        if_match: Option<&str>,
    ) -> Result<Stored<Group>> {
        for attempt in 0..ATTEMPTS {
            let (changes, worked_out_on) = self.settle(id, plan).await?;
            let pieces = pieces(&changes);
            if pieces.len() > 1 {
                self.check_users(&changes).await?;
            }
            let mut pieces = pieces.iter();
            let first = Step {
                transform: Some(transform),
                members: pieces.next().map_or(&[], Vec::as_slice),
                if_match,
                worked_out_on,
                begun: false,
            };
            match self.take_step(id, &first).await? {
                Outcome::Done(group) => return self.add_further(group, pieces.as_slice()).await,
                Outcome::Outdated => self.pause(attempt).await,
            }
        }
        Err(BUSY)
    }

    /// Works out who is added and removed. Only a plan that clears has to read who is a member, and then holds for the
    /// version of the group that was read before.
    async fn settle(&self, id: GroupId, plan: &MemberPlan) -> Result<(Vec<(UserId, MemberChange)>, Option<u64>)> {
        if !plan.clear {
            return Ok((plan.settled(&[])?, None));
        }
        let group = directory::group(self.store(), self.application(), id)
            .await?
            .ok_or(GROUP)?;
        let mut present: Vec<UserId> = Vec::new();
        let mut after = None;
        loop {
            let page =
                directory::provisioned_members_page(self.store(), self.application(), id, after, LARGEST_PAGE).await?;
            // Who was deleted is no member any more, and adding such a one has to be refused.
            present.extend(page.standing.iter().map(|user| user.value.id));
            if present.len() > MOST_MEMBER_CHANGES.saturating_add(plan.changes.len()) {
                return Err(too_many_changes());
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        present.sort_unstable();
        Ok((plan.settled(&present)?, Some(group.version)))
    }

    /// Stores one transaction's worth of a change, starting over when something it was decided on had changed.
    async fn take_step(&self, id: GroupId, step: &Step<'_>) -> Result<Outcome> {
        for attempt in 0..ATTEMPTS {
            let present = self.read_step(id, step).await?;
            let before = &present.group;
            let precondition = Precondition::of(step.if_match, before.version, Kind::Group)?;
            if step.worked_out_on.is_some_and(|version| version != before.version) {
                return Ok(Outcome::Outdated);
            }
            let (after, changed) = self.group_after(&before.value, step.transform)?;
            let effective: Vec<Effective> = step
                .members
                .iter()
                .zip(&present.members)
                .filter_map(effective)
                .filter(|effective| !matches!(effective, Effective::Added(user) if present.gone.contains(user)))
                .collect();
            if changed.is_empty() && effective.is_empty() {
                return Ok(Outcome::Done(present.group));
            }
            precondition.holds(Kind::Group)?;
            let unique = self.group_unique(Some(&before.value), Some(&after))?;
            let change = self.group_change(before, &after, &changed, &effective, &unique)?;
            match change.commit(self.store()).await {
                Ok(()) => {
                    let version = before.version.saturating_add(1);
                    return Ok(Outcome::Done(Stored { value: after, version }));
                }
                Err(ChangeError::Conflict(keys)) => {
                    let group_moved = keys.contains(&before.value.key());
                    if let (false, Some(error)) = (group_moved, group_conflict(&keys, &unique)) {
                        return Err(error);
                    }
                    self.pause(attempt).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(BUSY)
    }

    /// Reads the group and, for each change, the membership and the user: one call whatever the size of the group.
    async fn read_step(&self, id: GroupId, step: &Step<'_>) -> Result<Present> {
        let application = self.application();
        let mut wanted = vec![keys::group(application, id)];
        wanted.extend(
            step.members
                .iter()
                .map(|(user, _)| keys::member(application, id, *user)),
        );
        let added = || step.members.iter().filter(|(_, change)| *change == MemberChange::Add);
        wanted.extend(added().map(|(user, _)| keys::user(application, *user)));
        debug_assert!(wanted.len() <= MOST_KEYS, "a piece is small enough for one read");
        let mut items = self.store().get_many(&wanted).await?.into_iter();
        let group = items.next().flatten().ok_or(GROUP)?;
        let mut members = Vec::with_capacity(step.members.len());
        for item in items.by_ref().take(step.members.len()) {
            members.push(item.map(from_item::<GroupMember>).transpose()?);
        }
        let gone: BTreeSet<UserId> = added()
            .zip(items)
            .filter(|(_, item)| !is_user(item.as_ref()))
            .map(|((user, _), _)| *user)
            .collect();
        if !gone.is_empty() && !step.begun {
            return Err(no_such_user());
        }
        Ok(Present {
            group: from_item(group)?,
            members,
            gone,
        })
    }

    /// Checks that everybody who is to be added exists, before anything is written.
    async fn check_users(&self, changes: &[(UserId, MemberChange)]) -> Result<()> {
        let added = changes.iter().filter(|(_, change)| *change == MemberChange::Add);
        let wanted: Vec<Key> = added.map(|(user, _)| keys::user(self.application(), *user)).collect();
        for chunk in wanted.chunks(MOST_KEYS) {
            let users = self.store().get_many(chunk).await?;
            if users.iter().any(|user| !is_user(user.as_ref())) {
                return Err(no_such_user());
            }
        }
        Ok(())
    }

    fn group_after(&self, before: &Group, transform: Option<Transform<'_>>) -> Result<(Group, String)> {
        let old = group_attributes(before);
        let mut new = match transform {
            Some(transform) => transform(&old)?,
            None => old.clone(),
        };
        keep_external_id(&old, &mut new)?;
        let changed = changed_names(&old, &new);
        let fields = group_fields(new)?;
        let after = Group {
            external_id: fields.external_id,
            display_name: fields.display_name,
            attributes: fields.attributes,
            modified_at: self.core.clock.now(),
            ..before.clone()
        };
        Ok((after, changed))
    }

    /// The transaction of a step. The version of the group is its guard: it says that the group still stands and that
    /// no other change of its members came between.
    fn group_change(
        &self,
        before: &Stored<Group>,
        after: &Group,
        changed: &str,
        effective: &[Effective],
        unique: &[Write],
    ) -> Result<Change> {
        let action = if changed.is_empty() {
            "group.members_changed"
        } else {
            "group.changed"
        };
        let mut draft = Draft::new(after.modified_at, self.caller.actor(), action);
        if !changed.is_empty() {
            draft = draft.fact("changed", changed);
        }
        let named: Vec<(UserId, MemberChange)> = effective.iter().map(Effective::named).collect();
        let mut change = Change::new()
            .replace(before.version, after)?
            .event(self.group_stream(after.id), member_facts(draft, &named));
        for write in unique {
            change = change.write(write.clone());
        }
        for one in effective {
            change = match one {
                Effective::Added(user) => self.add_member(change, after.id, *user)?,
                Effective::Removed(member) => {
                    let from_user = keys::group_of_user(self.application(), member.value.user, after.id);
                    change.delete(member).delete_any(from_user)
                }
            };
        }
        Ok(change)
    }

    /// Both directions of a membership, and that the user exists. The member is created, and not just written, so that
    /// the event names everybody who was added: a step has read that there is none, and a new group has none.
    fn add_member(&self, change: Change, group: GroupId, user: UserId) -> Result<Change> {
        let application = self.application();
        let member = GroupMember {
            application: application.clone(),
            group,
            user,
        };
        let from_user = UserGroup {
            application: application.clone(),
            user,
            group,
        };
        let write = Write::Put {
            item: to_item(&from_user, 1)?,
            condition: Condition::Any,
        };
        Ok(change
            .create(&member)?
            .write(write)
            .check_exists(keys::user(application, user)))
    }

    fn group_stream(&self, id: GroupId) -> StreamId {
        StreamId::group(self.application(), id)
    }

    fn group_unique(&self, before: Option<&Group>, after: Option<&Group>) -> Result<Vec<Write>> {
        let name = |group: Option<&Group>| group.map(|group| name_key(&group.display_name));
        let external =
            |group: Option<&Group>| group.and_then(|group| group.external_id.as_deref().map(external_id_key));
        let owner = before.or(after).map(|group| group.id.to_string()).unwrap_or_default();
        let moves = [
            UniqueMove {
                what: UniqueKind::GroupName,
                before: name(before),
                after: name(after),
            },
            UniqueMove {
                what: UniqueKind::GroupExternalId,
                before: external(before),
                after: external(after),
            },
        ];
        Ok(unique_writes(self.application(), &owner, moves)?)
    }
}

/// A change of a member that changes something.
enum Effective {
    Added(UserId),
    Removed(Stored<GroupMember>),
}

impl Effective {
    const fn named(&self) -> (UserId, MemberChange) {
        match self {
            Self::Added(user) => (*user, MemberChange::Add),
            Self::Removed(member) => (member.value.user, MemberChange::Remove),
        }
    }
}

/// Adding who is a member and removing who is none changes nothing.
fn effective(((user, change), present): (&(UserId, MemberChange), &Option<Stored<GroupMember>>)) -> Option<Effective> {
    match (change, present) {
        (MemberChange::Add, None) => Some(Effective::Added(*user)),
        (MemberChange::Remove, Some(member)) => Some(Effective::Removed(member.clone())),
        _ => None,
    }
}

/// The members in the body of a POST or PUT; null is as good as nothing said.
fn listed_members(body: &mut Map<String, Value>) -> Result<MemberPlan> {
    let list = take_members(body)?.filter(|list| !list.is_null());
    Ok(list.map(MemberPlan::whole_list).transpose()?.unwrap_or_default())
}

fn is_user(item: Option<&Item>) -> bool {
    item.is_some_and(|item| item.kind == User::KIND)
}

fn group_conflict(failed: &[Key], unique: &[Write]) -> Option<ScimError> {
    taken(failed, unique, UNIQUE).map(|attribute| ScimError::Taken {
        attribute,
        what: "group",
    })
}

fn member_facts(draft: Draft, changes: &[(UserId, MemberChange)]) -> Draft {
    [("added", MemberChange::Add), ("removed", MemberChange::Remove)]
        .into_iter()
        .fold(draft, |draft, (name, wanted)| {
            let ids: Vec<String> = changes
                .iter()
                .filter(|(_, change)| *change == wanted)
                .map(|(user, _)| user.to_string())
                .collect();
            if ids.is_empty() {
                return draft;
            }
            let shown = ids
                .iter()
                .take(MOST_NAMED_MEMBERS)
                .cloned()
                .collect::<Vec<_>>()
                .join(",");
            draft.fact(name, ids.len()).fact(&format!("{name}_members"), shown)
        })
}

fn parse_id(id: &str) -> Result<GroupId> {
    exact_id(id).ok_or(GROUP)
}
