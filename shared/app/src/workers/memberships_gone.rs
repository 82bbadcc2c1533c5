//! Removes the memberships of a user or group that was deleted.
//!
//! Nobody waits for it: whoever asks who is in a group also asks whether both stand, so that such a membership counts
//! for nothing from the moment of the deletion. Nobody can be added to a group, or as a user, that is gone, so that the
//! rest only shrinks. Each piece is one transaction that may be repeated, and says in the audit stream of each group
//! who left it, because the group may be where approvers come from.

use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::directory::Gone;
use hourglass_domain::ids::{ApplicationId, GroupId, UserId};

use crate::change::{Change, ChangeError, read, read_page};
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::store::{Query, Store};
use crate::records::{GroupMember, MembershipsGoneOrder, Stored, UserGroup};

/// Memberships of one piece: each takes two writes of at most 100, and the audit event two for all of them.
const PIECE: usize = 45;
/// Most pieces of one run of the sweep; with more, the order stays for the next one.
pub(super) const MOST_PIECES: usize = 100;
/// Most pieces that are removed where the stream waits behind it.
pub(super) const MOST_PIECES_AT_ONCE: usize = 10;
/// Most member ids that an audit event's facts name; its objects name all.
const MOST_NAMED: usize = 20;

/// How far a run came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Nothing is left, and the order is gone.
    Done,
    /// The order stays, for the next run.
    More,
}

/// Removes at most `most` pieces of what an order names.
///
/// # Errors
/// When the table does not answer; the order stays.
pub async fn remove(workers: &Workers, application: &ApplicationId, gone: Gone, most: usize) -> Result<Progress> {
    let store = &*workers.core.store;
    let Some(order) = read::<MembershipsGoneOrder>(store, &keys::memberships_gone_order(application, gone)).await?
    else {
        return Ok(Progress::Done);
    };
    for _ in 0..most {
        let left = match gone {
            Gone::Group(group) => clear_group(workers, application, group).await?,
            Gone::User(user) => leave_group(workers, application, user).await?,
        };
        if !left {
            return finish(store, &order).await;
        }
    }
    Ok(Progress::More)
}

async fn finish(store: &dyn Store, order: &Stored<MembershipsGoneOrder>) -> Result<Progress> {
    let change = Change::new().delete(order).due(&[order.value.promise()], &[])?;
    match change.commit(store).await {
        // Another run was as far at the same moment.
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(Progress::Done),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Removes one piece of a deleted group's members; `false` when there was none.
async fn clear_group(workers: &Workers, application: &ApplicationId, group: GroupId) -> Result<bool> {
    let store = &*workers.core.store;
    let query = Query::partition(keys::members(application, group)).limit(PIECE);
    let members = read_page::<GroupMember>(store, &query).await?.items;
    if members.is_empty() {
        return Ok(false);
    }
    let change = members.iter().fold(Change::new(), |change, member| {
        let from_user = keys::group_of_user(application, member.value.user, group);
        change.delete(member).delete_any(from_user)
    });
    let users: Vec<UserId> = members.iter().map(|member| member.value.user).collect();
    commit(workers, change, application, group, &users, "group.deleted").await?;
    Ok(true)
}

/// Takes a deleted user out of one group; `false` when there was none. One group at a time, because each has an audit
/// stream of its own.
async fn leave_group(workers: &Workers, application: &ApplicationId, user: UserId) -> Result<bool> {
    let store = &*workers.core.store;
    let query = Query::partition(keys::groups_of(application, user)).limit(1);
    let groups = read_page::<UserGroup>(store, &query).await?.items;
    let Some(group) = groups.first().map(|group| group.value.group) else {
        return Ok(false);
    };
    let change = Change::new().delete_any(keys::group_of_user(application, user, group));
    match read::<GroupMember>(store, &keys::member(application, group, user)).await? {
        Some(member) => {
            let change = change.delete(&member);
            commit(workers, change, application, group, &[user], "user.deleted").await?;
        }
        // A membership of a group that was deleted as well, and the other order was quicker.
        None => match change.commit(store).await {
            Ok(()) | Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        },
    }
    Ok(true)
}

/// A conflict means that somebody else removed one of them at the same moment: the next piece is read anew.
async fn commit(
    workers: &Workers,
    change: Change,
    application: &ApplicationId,
    group: GroupId,
    users: &[UserId],
    because: &str,
) -> Result<()> {
    let named: Vec<String> = users.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    let now = workers.core.clock.now();
    let draft = Draft::new(now, Actor::system("worker"), "group.members_changed")
        .fact("removed", users.len())
        .fact("removed_members", named.join(","))
        .fact("because", because);
    let change = change.event(StreamId::group(application, group), draft);
    match change.commit(&*workers.core.store).await {
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}
