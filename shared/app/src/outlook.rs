//! What asking for an entitlement would meet, known before anything is sent: who could approve, and what stands in the way.
//!
//! This is for showing. What is sent is judged by [`crate::requests`] all the same.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::directory::User;
use hourglass_domain::entitlement::{ApprovalMode, Entitlement, Principals};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{EntitlementId, GrantId, GroupId, RequestId, UserId};
use hourglass_domain::request::{Request, RequestStatus, check_requestable};
use hourglass_domain::roles::Scope;
use hourglass_domain::target::{Target, TargetFacts};
use hourglass_domain::{Refusal, Timestamp};

use crate::caller::Who;
use crate::change::{read, read_many, read_page};
use crate::directory;
use crate::error::Result;
use crate::history::search::own_live;
use crate::keys;
use crate::pause;
use crate::persons;
use crate::policy::{self, InForce};
use crate::ports::Core;
use crate::ports::store::{Key, MOST_KEYS, Query};
use crate::records::{OpenRequest, Stored};
use crate::requests;

/// Up to how many approvers are counted.
pub const MOST_COUNTED: u8 = 20;
/// How many approvers and groups of approvers are named.
const MOST_NAMED: usize = 5;

/// Who could approve.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Approvers {
    /// How many distinct other persons, counted up to [`MOST_COUNTED`].
    pub people: u8,
    /// Names of those who are named in person, at most five.
    pub named: Vec<String>,
    /// Names of groups whose members approve, at most five.
    pub groups: Vec<String>,
}

/// One of the caller's accounts, or somebody else that was named.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The account.
    pub user: Stored<User>,
    /// Whether it may have the entitlement.
    pub eligible: bool,
    /// Its grant of the same entitlement that has not ended, where there is one.
    pub held: Option<Stored<Grant>>,
    /// The open request for it, where there is one.
    pub asked: Option<RequestId>,
}

impl Candidate {
    /// # Errors
    /// When the account holds the entitlement at the time from which it would be asked for (`None`: at once), or asks for it
    /// already.
    pub fn check(&self, entitlement: &Entitlement, starts_at: Option<Timestamp>) -> Result<(), Refusal> {
        let name = || entitlement.name.clone();
        if self.asked.is_some() {
            return Err(Refusal::AlreadyRequested { name: name() });
        }
        match &self.held {
            Some(held) if starts_at.is_none_or(|at| at < held.value.expires_at) => Err(Refusal::AlreadyHeld {
                name: name(),
                until: held.value.expires_at,
            }),
            _ => Ok(()),
        }
    }
}

/// What asking would meet.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// The entitlement, its template, and what the directory says.
    pub in_force: InForce,
    /// The caller's accounts, the one they are signed in with first.
    pub own: Vec<Candidate>,
    /// Who could approve.
    pub approvers: Approvers,
    /// What refuses it now, whoever it is for.
    pub refused: Option<Refusal>,
}

/// What asking for an entitlement would meet.
///
/// # Errors
/// Not found when the caller has nothing to do with the entitlement.
pub async fn of(core: &Core, who: &Who, id: EntitlementId) -> Result<Outlook> {
    who.require_scope(Scope::RequestsReadWrite)?;
    let in_force = policy::seen(core, who, id).await?;
    let (user, party) = who.party()?;
    let store = &*core.store;
    let entitlement = &in_force.entitlement.value;
    let mut own = Vec::new();
    for user in [user.clone()]
        .into_iter()
        .chain(persons::others(store, &user.value).await?)
    {
        own.push(candidate(core, entitlement, user).await?);
    }
    let people = policy::available_approvers(
        store,
        &entitlement.application,
        party.tenant,
        in_force.approvers(),
        &[&party],
        MOST_COUNTED,
    )
    .await?;
    let (named, groups) = names(core, entitlement, in_force.approvers()).await?;
    let approvers = Approvers { people, named, groups };
    let mut refused = check_requestable(entitlement, &in_force.facts).err();
    if refused.is_none() {
        let passed = pause::passed(store, &entitlement.application, id, &[user.value.id]).await;
        refused = match passed {
            Ok(_) => None,
            Err(crate::AppError::Refused(refusal)) => Some(refusal),
            Err(error) => return Err(error),
        };
    }
    if refused.is_none() && entitlement.approval == ApprovalMode::Required && people < entitlement.quorum {
        refused = Some(Refusal::TooFewApprovers {
            quorum: entitlement.quorum,
            available: people,
        });
    }
    Ok(Outlook {
        in_force,
        own,
        approvers,
        refused,
    })
}

async fn candidate(core: &Core, entitlement: &Entitlement, user: Stored<User>) -> Result<Candidate> {
    let id = user.value.id;
    let live = own_live(core, &[id]).await?;
    let held = live
        .into_iter()
        .filter(|grant| grant.value.entitlement == entitlement.id && grant.value.status.is_live())
        .max_by_key(|grant| grant.value.expires_at);
    let open: Option<Stored<OpenRequest>> = read(&*core.store, &keys::open_request(id, entitlement.id)).await?;
    Ok(Candidate {
        eligible: policy::eligible(&*core.store, entitlement, id).await?.is_some(),
        held,
        asked: open.map(|open| open.value.request),
        user,
    })
}

/// Names of approvers, for people.
async fn names(core: &Core, entitlement: &Entitlement, approvers: &Principals) -> Result<(Vec<String>, Vec<String>)> {
    let users: Vec<UserId> = approvers.users.iter().copied().take(MOST_NAMED).collect();
    let users = directory::provisioned_users(&*core.store, &entitlement.application, &users).await?;
    let users = users.into_iter().flatten().filter(|user| user.value.active);
    let groups: Vec<GroupId> = approvers.groups.iter().copied().take(MOST_NAMED).collect();
    let groups = directory::groups(&*core.store, &entitlement.application, &groups).await?;
    Ok((
        users.map(|user| user.value.name()).collect(),
        groups.into_iter().flatten().map(|group| group.value.name()).collect(),
    ))
}

/// Who could approve what was requested, other than those who take part in it.
///
/// # Errors
/// When the table does not answer.
pub async fn approvers_of(core: &Core, request: &Request) -> Result<Approvers> {
    let key = keys::entitlement(&request.application, request.entitlement);
    let Some(entitlement) = read::<Entitlement>(&*core.store, &key).await? else {
        return Ok(Approvers::default());
    };
    let template = policy::template(&*core.store, &request.application).await?;
    let principals = entitlement.value.approvers_in_force(&template.value);
    let people = policy::available_approvers(
        &*core.store,
        &request.application,
        request.requester.tenant,
        principals,
        &[&request.requester, &request.beneficiary],
        MOST_COUNTED,
    )
    .await?;
    let (named, groups) = names(core, &entitlement.value, principals).await?;
    Ok(Approvers { people, named, groups })
}

/// The requests of some accounts that wait, made by them or for them, the first to lapse first.
///
/// # Errors
/// When the table does not answer.
pub async fn waiting(core: &Core, accounts: &[UserId]) -> Result<Vec<Stored<Request>>> {
    let mut ids: Vec<RequestId> = Vec::new();
    for account in accounts {
        let query = Query::partition(keys::open_requests(*account));
        let page = read_page::<OpenRequest>(&*core.store, &query).await?;
        ids.extend(page.items.into_iter().map(|open| open.value.request));
    }
    ids.sort_unstable();
    ids.dedup();
    let mut waiting = Vec::new();
    for ids in ids.chunks(MOST_KEYS) {
        let keys: Vec<Key> = ids.iter().copied().map(keys::request).collect();
        let read = read_many::<Request>(&*core.store, &keys).await?;
        waiting.extend(read.into_iter().flatten());
    }
    waiting.retain(|request| request.value.status == RequestStatus::Pending);
    waiting.sort_by_key(|request| (request.value.lapses_at, request.value.id));
    Ok(waiting)
}

/// The names of targets for people, as the directory had them last.
///
/// # Errors
/// When the table does not answer.
pub async fn target_names(core: &Core, targets: Vec<Target>) -> Result<BTreeMap<Target, String>> {
    let distinct: BTreeSet<Target> = targets.into_iter().collect();
    let keys: Vec<Key> = distinct.iter().map(keys::facts).collect();
    let mut names = BTreeMap::new();
    for keys in keys.chunks(MOST_KEYS) {
        let read = read_many::<TargetFacts>(&*core.store, keys).await?;
        for facts in read.into_iter().flatten() {
            if let Some(name) = facts.value.display_name {
                names.insert(facts.value.target, name);
            }
        }
    }
    Ok(names)
}

/// Entitlements by their ids, as stored, for what they say to people: nothing is decided on it.
///
/// # Errors
/// When the table does not answer.
pub async fn described(
    core: &Core,
    who: &Who,
    ids: Vec<EntitlementId>,
) -> Result<BTreeMap<EntitlementId, Entitlement>> {
    let application = &who.application.value.id;
    let distinct: BTreeSet<EntitlementId> = ids.into_iter().collect();
    let keys: Vec<Key> = distinct
        .into_iter()
        .map(|id| keys::entitlement(application, id))
        .collect();
    let mut found = BTreeMap::new();
    for keys in keys.chunks(MOST_KEYS) {
        let read = read_many::<Entitlement>(&*core.store, keys).await?;
        found.extend(read.into_iter().flatten().map(|stored| (stored.value.id, stored.value)));
    }
    Ok(found)
}

/// The names of users for people, as far as they are provisioned.
///
/// # Errors
/// When the table does not answer.
pub async fn user_names(core: &Core, who: &Who, ids: BTreeSet<UserId>) -> Result<BTreeMap<UserId, String>> {
    let ids: Vec<UserId> = ids.into_iter().collect();
    let users = directory::provisioned_users(&*core.store, &who.application.value.id, &ids).await?;
    let users = users.into_iter().flatten();
    Ok(users.map(|user| (user.value.id, user.value.name())).collect())
}

/// Which of some grants somebody has ordered to end, so that nothing more has to be done about them.
///
/// # Errors
/// When the table does not answer.
pub async fn ordered_to_end(core: &Core, grants: impl Iterator<Item = GrantId>) -> Result<Vec<GrantId>> {
    let mut ordered = Vec::new();
    for grant in grants {
        if requests::is_ordered_to_end(core, grant).await? {
            ordered.push(grant);
        }
    }
    Ok(ordered)
}
