//! Creating, reading, changing and deleting users.

use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::directory::{Gone, User};
use hourglass_domain::ids::UserId;
use hourglass_domain::look_alike::NameKind;
use hourglass_domain::person::LinkAttribute;
use serde_json::{Map, Value};

use super::error::{Result, ScimError};
use super::patch::{Attributes, MOST_ATTRIBUTE_OPERATIONS, Operation, apply, from_body, parse_operations};
use super::resource::{
    Resource, UserFields, changed_names, keep_external_id, names_version, user_attributes, user_fields, user_resource,
};
use super::schema::Kind;
use super::{ATTEMPTS, Scim, UniqueMove, exact_id, taken, unique_writes};
use crate::change::{Change, ChangeError};
use crate::directory::{self, external_id_key, name_key};
use crate::keys;
use crate::ports::store::{Condition, Write};
use crate::records::{OffboardOrder, Record, Stored, UniqueKind, UserEmail, UserMark, to_item};

const USER: ScimError = ScimError::NotFound { what: "user" };
/// Names of a user's unique attributes.
const UNIQUE: &[(UniqueKind, &str)] = &[
    (UniqueKind::UserName, "userName"),
    (UniqueKind::UserExternalId, "externalId"),
];

impl Scim {
    /// Creates a user.
    ///
    /// # Errors
    /// `invalidValue` and the like for the body, `uniqueness` when another user has the name or external id.
    pub async fn create_user(&self, body: Map<String, Value>) -> Result<Resource> {
        let attributes = from_body(Kind::User, body)?;
        let fields = user_fields(attributes.clone(), self.application())?;
        let now = self.core.clock.now();
        let id = UserId::new(self.core.ids.uuid());
        let user = User {
            id,
            application: self.application().clone(),
            person: id.into(),
            external_id: fields.external_id,
            user_name: fields.user_name,
            display_name: fields.display_name,
            active: fields.active,
            attributes: fields.attributes,
            created_at: now,
            modified_at: now,
        };
        let unique = self.look_ups(None, Some(&user))?;
        let draft = Draft::new(now, self.caller.actor(), "user.created").fact("active", user.active);
        let mut change = Change::new().create(&user)?.event(self.user_stream(id), draft);
        for write in &unique {
            change = change.write(write.clone());
        }
        match change.commit(self.store()).await {
            Ok(()) => {}
            // Nobody else can have made this id: an earlier attempt of ours went through and its answer was lost.
            Err(ChangeError::Conflict(keys)) if keys.contains(&user.key()) => {}
            Err(ChangeError::Conflict(keys)) => return Err(self.user_conflict(&keys, &unique)),
            Err(error) => return Err(error.into()),
        }
        Ok(user_resource(
            &Stored {
                value: user,
                version: 1,
            },
            &self.base(),
        ))
    }

    /// A user by our id.
    ///
    /// # Errors
    /// [`ScimError::NotFound`].
    pub async fn user(&self, id: &str) -> Result<Resource> {
        let id = parse_id(id)?;
        let user = directory::provisioned_user(self.store(), self.application(), id)
            .await?
            .ok_or(USER)?;
        Ok(user_resource(&user, &self.base()))
    }

    /// Replaces a user. What the body leaves out is cleared, except `externalId` and `active`: a forgotten attribute
    /// must not switch an account on.
    ///
    /// # Errors
    /// As [`Scim::create_user`], and `mutability` for another `externalId`.
    pub async fn replace_user(&self, id: &str, body: Map<String, Value>, if_match: Option<&str>) -> Result<Resource> {
        let new = from_body(Kind::User, body)?;
        self.change_user(id, if_match, |before| {
            let mut after = new.clone();
            for kept in ["externalId", "active"] {
                if let (false, Some(value)) = (after.contains_key(kept), before.get(kept)) {
                    after.insert(kept.to_owned(), value.clone());
                }
            }
            Ok(after)
        })
        .await
    }

    /// Applies a PATCH to a user.
    ///
    /// # Errors
    /// As RFC 7644 section 3.5.2 says, `uniqueness` as for [`Scim::create_user`].
    pub async fn patch_user(&self, id: &str, body: Map<String, Value>, if_match: Option<&str>) -> Result<Resource> {
        let operations = parse_operations(body)?;
        check_count(&operations)?;
        self.change_user(id, if_match, |before| {
            let mut after = before.clone();
            for operation in &operations {
                apply(&mut after, Kind::User, operation.clone())?;
            }
            Ok(after)
        })
        .await
    }

    /// Deletes a user, in one transaction whatever the user has, with the orders that all of it ends and that the
    /// memberships in provisioned groups are removed. They count for nothing from then on.
    ///
    /// # Errors
    /// [`ScimError::NotFound`] when there is none.
    pub async fn delete_user(&self, id: &str, if_match: Option<&str>) -> Result<()> {
        let id = parse_id(id)?;
        for attempt in 0..ATTEMPTS {
            let Some(user) = directory::provisioned_user(self.store(), self.application(), id).await? else {
                return Err(USER);
            };
            check_version(if_match, user.version, Kind::User)?;
            let now = self.core.clock.now();
            let draft = Draft::new(now, self.caller.actor(), "user.deleted");
            let change = self.order_memberships_gone(Change::new().delete(&user), Gone::User(id), now)?;
            let mut change = self
                .order_offboarding(change, id, now)?
                .event(self.user_stream(id), draft);
            for write in self.look_ups(Some(&user.value), None)? {
                change = change.write(write);
            }
            match change.commit(self.store()).await {
                Ok(()) => {
                    if user.value.active {
                        self.note_switched_off(now).await;
                    }
                    return Ok(());
                }
                Err(ChangeError::Conflict(_)) => self.pause(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(ScimError::Busy { what: "user" })
    }

    async fn change_user(
        &self,
        id: &str,
        if_match: Option<&str>,
        transform: impl Fn(&Attributes) -> Result<Attributes> + Send,
    ) -> Result<Resource> {
        let id = parse_id(id)?;
        for attempt in 0..ATTEMPTS {
            let before = directory::provisioned_user(self.store(), self.application(), id)
                .await?
                .ok_or(USER)?;
            let precondition = Precondition::of(if_match, before.version, Kind::User)?;
            let old = user_attributes(&before.value);
            let mut new = transform(&old)?;
            keep_external_id(&old, &mut new)?;
            let changed = changed_names(&old, &new);
            let after = self.user_after(&before.value, user_fields(new, self.application())?);
            if unchanged(&before.value, &after) {
                return Ok(user_resource(&before, &self.base()));
            }
            precondition.holds(Kind::User)?;
            let unique = self.look_ups(Some(&before.value), Some(&after))?;
            let change = self.user_change(&before, &after, &changed, &unique)?;
            match change.commit(self.store()).await {
                Ok(()) => {
                    if before.value.active && !after.active {
                        self.note_switched_off(after.modified_at).await;
                    }
                    let version = before.version.saturating_add(1);
                    return Ok(user_resource(&Stored { value: after, version }, &self.base()));
                }
                Err(ChangeError::Conflict(keys)) if !keys.contains(&before.value.key()) => {
                    return Err(self.user_conflict(&keys, &unique));
                }
                Err(ChangeError::Conflict(_)) => self.pause(attempt).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(ScimError::Busy { what: "user" })
    }

    fn user_after(&self, before: &User, fields: UserFields) -> User {
        User {
            external_id: fields.external_id,
            user_name: fields.user_name,
            display_name: fields.display_name,
            active: fields.active,
            attributes: fields.attributes,
            modified_at: self.core.clock.now(),
            ..before.clone()
        }
    }

    fn user_change(&self, before: &Stored<User>, after: &User, changed: &str, unique: &[Write]) -> Result<Change> {
        let action = match (before.value.active, after.active) {
            (true, false) => "user.deactivated",
            (false, true) => "user.activated",
            _ => "user.changed",
        };
        let draft = Draft::new(after.modified_at, self.caller.actor(), action)
            .fact("active", after.active)
            .fact("changed", changed);
        let mut change = Change::new()
            .replace(before.version, after)?
            .event(self.user_stream(after.id), draft);
        for write in unique {
            change = change.write(write.clone());
        }
        // Invariant I10: whoever is switched off loses everything. The order is in the same transaction, so that no
        // crash can separate the two; provisioning carries it out.
        if before.value.active && !after.active {
            change = self.order_offboarding(change, after.id, after.modified_at)?;
        }
        Ok(change)
    }

    /// The order, and the promise that the sweep carries it out if nobody else has.
    fn order_offboarding(&self, change: Change, user: UserId, at: Timestamp) -> Result<Change, ScimError> {
        let order = OffboardOrder {
            application: self.application().clone(),
            user,
            at,
        };
        Ok(change.due(&[], &[order.promise()])?.put_any(&order)?)
    }

    fn user_stream(&self, id: UserId) -> StreamId {
        StreamId::user(self.application(), id)
    }

    /// The writes that keep a user's look-up entries in step with the user. They belong into the user's own transaction.
    fn look_ups(&self, before: Option<&User>, after: Option<&User>) -> Result<Vec<Write>> {
        let mut writes = self.user_unique(before, after)?;
        writes.extend(self.email_writes(before, after)?);
        writes.extend(self.mark_writes(before, after)?);
        Ok(writes)
    }

    /// Marks of the values that may link accounts, kept whichever attribute the application has chosen, so that choosing
    /// another takes effect at once; and of what names look like, by which an approver is warned.
    fn mark_writes(&self, before: Option<&User>, after: Option<&User>) -> Result<Vec<Write>> {
        let Some(id) = before.or(after).map(|user| user.id) else {
            return Ok(Vec::new());
        };
        let linking = LinkAttribute::ALL.map(|attribute| {
            let mark = |user: Option<&User>| Some(attribute.mark(attribute.of(user?)?));
            (mark(before), mark(after))
        });
        let looks = NameKind::ALL.map(|kind| {
            let mark = |user: Option<&User>| kind.mark(kind.of(user?)?);
            (mark(before), mark(after))
        });
        let mut writes = Vec::new();
        for (old, new) in linking.into_iter().chain(looks).filter(|(old, new)| old != new) {
            if let Some(mark) = old {
                writes.push(Write::Delete {
                    key: keys::user_mark(self.application(), mark, id),
                    condition: Condition::Any,
                });
            }
            if let Some(mark) = new {
                let record = UserMark {
                    application: self.application().clone(),
                    mark,
                    user: id,
                };
                writes.push(Write::Put {
                    item: to_item(&record, 1)?,
                    condition: Condition::Any,
                });
            }
        }
        Ok(writes)
    }

    fn email_writes(&self, before: Option<&User>, after: Option<&User>) -> Result<Vec<Write>> {
        let Some(user) = before.or(after).map(|user| user.id) else {
            return Ok(Vec::new());
        };
        let old = before.map(directory::addresses).unwrap_or_default();
        let new = after.map(directory::addresses).unwrap_or_default();
        let mut writes = Vec::new();
        for address in old.difference(&new) {
            writes.push(Write::Delete {
                key: keys::user_email(self.application(), address, user),
                condition: Condition::Any,
            });
        }
        for address in new.difference(&old) {
            let record = UserEmail {
                application: self.application().clone(),
                address: address.clone(),
                user,
            };
            writes.push(Write::Put {
                item: to_item(&record, 1)?,
                condition: Condition::Any,
            });
        }
        Ok(writes)
    }

    fn user_unique(&self, before: Option<&User>, after: Option<&User>) -> Result<Vec<Write>> {
        let name = |user: Option<&User>| user.map(|user| name_key(&user.user_name));
        let external = |user: Option<&User>| user.and_then(|user| user.external_id.as_deref().map(external_id_key));
        let owner = before.or(after).map(|user| user.id.to_string()).unwrap_or_default();
        let moves = [
            UniqueMove {
                what: UniqueKind::UserName,
                before: name(before),
                after: name(after),
            },
            UniqueMove {
                what: UniqueKind::UserExternalId,
                before: external(before),
                after: external(after),
            },
        ];
        Ok(unique_writes(self.application(), &owner, moves)?)
    }

    fn user_conflict(&self, failed: &[crate::ports::store::Key], unique: &[Write]) -> ScimError {
        match taken(failed, unique, UNIQUE) {
            Some(attribute) => ScimError::Taken {
                attribute,
                what: "user",
            },
            None => ScimError::Busy { what: "user" },
        }
    }
}

/// Whether two states of a user differ in nothing but the time: such a change is not written (RFC 7644 section 3.5.2:
/// `lastModified` stays).
fn unchanged(before: &User, after: &User) -> bool {
    User {
        modified_at: before.modified_at,
        ..after.clone()
    } == *before
}

fn parse_id(id: &str) -> Result<UserId> {
    exact_id(id).ok_or(USER)
}

/// Checks an `If-Match` header.
pub(super) fn check_version(if_match: Option<&str>, version: u64, kind: Kind) -> Result<()> {
    match if_match {
        Some(header) if !names_version(header, version) => Err(ScimError::Precondition { what: kind.noun() }),
        _ => Ok(()),
    }
}

/// What an `If-Match` header means for a change. RFC 9110 section 13.1.1 lets a server answer with success when the change
/// appears to have been applied already: so a client that lost the answer may ask again as it did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Precondition {
    /// There is none, or it names the present version.
    Holds,
    /// It names the version before the present one: the last change may have been this one.
    LastChange,
}

impl Precondition {
    /// Reads the header.
    pub(super) fn of(if_match: Option<&str>, version: u64, kind: Kind) -> Result<Self> {
        let previous = version.checked_sub(1).filter(|previous| *previous > 0);
        match check_version(if_match, version, kind) {
            Ok(()) => Ok(Self::Holds),
            Err(_) if check_previous(if_match, previous) => Ok(Self::LastChange),
            Err(error) => Err(error),
        }
    }

    /// For a change that would change something.
    pub(super) const fn holds(self, kind: Kind) -> Result<()> {
        match self {
            Self::Holds => Ok(()),
            Self::LastChange => Err(ScimError::Precondition { what: kind.noun() }),
        }
    }
}

fn check_previous(if_match: Option<&str>, previous: Option<u64>) -> bool {
    if_match
        .zip(previous)
        .is_some_and(|(header, previous)| names_version(header, previous))
}

/// Each operation costs as much as the resource is large.
pub(super) fn check_count(operations: &[Operation]) -> Result<()> {
    if operations.len() > MOST_ATTRIBUTE_OPERATIONS {
        let what = format!("A PATCH may change attributes in at most {MOST_ATTRIBUTE_OPERATIONS} operations.");
        return Err(ScimError::TooLarge(what));
    }
    Ok(())
}
