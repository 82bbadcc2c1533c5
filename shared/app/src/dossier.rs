//! What somebody needs to know to decide on a request: who asks, who is in the group, what came of earlier requests, and
//! what to be careful about.
//!
//! Nothing here decides anything, so it is read without conditions, and each part is bounded: a page must not cost what a
//! directory is large. What comes from provisioning can be late (Entra runs every 20 to 40 minutes).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{self, try_join3, try_join5};
use hourglass_domain::Timestamp;
use hourglass_domain::directory::{Party, User};
use hourglass_domain::drift::{DriftReport, StandingMember};
use hourglass_domain::entitlement::{Entitlement, Template};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{ApplicationId, EntitlementId, GrantId, GroupId, ObjectId, RequestId, UserId};
use hourglass_domain::look_alike::{NameKind, mixes_scripts};
use hourglass_domain::request::{Request, RequestStatus};
use hourglass_domain::roles::Role;
use hourglass_domain::target::{Target, TargetFacts};
use hourglass_domain::text::{is_invisible, shown};

use crate::caller::Who;
use crate::change::{read, read_many, read_page};
use crate::directory;
use crate::error::Result;
use crate::history::previous_month;
use crate::keys;
use crate::persons;
use crate::policy::{self, InForce, Right};
use crate::ports::Core;
use crate::ports::store::{Key, List, Page, Query, Store};
use crate::records::{LiveGrant, LiveInGroup, Stored};
use crate::requests;

/// For how long (seconds) earlier requests count: 90 days.
pub const LOOKED_BACK_SECONDS: i64 = 90 * 86_400;
/// Most earlier requests that are looked at.
pub const MOST_EARLIER: usize = 100;
/// Most members of a group that are counted.
pub const MOST_COUNTED: usize = 600;
/// Most members of each kind that are named.
pub const MOST_NAMED: usize = 10;
/// Most live grants of a group or person that are looked at.
const MOST_LIVE: usize = 50;
/// Most waiting requests that a justification is compared with.
const MOST_COMPARED: usize = 50;
/// Most users who share a skeleton that are read.
const MOST_ALIKE: usize = 10;
/// Most hidden characters of a name that are told.
const MOST_HIDDEN: usize = 8;
/// How young (seconds) an account is that is worth a word: seven days.
pub const NEW_ACCOUNT_SECONDS: i64 = 7 * 86_400;
/// For how long (seconds) after an application was made everybody's account is new, which says nothing: a day.
const FIRST_LOAD_SECONDS: i64 = 86_400;
/// Fewest characters of a justification whose repetition is worth a word.
const WORTH_COMPARING: usize = 12;

/// Somebody who takes part, as provisioned now.
#[derive(Clone, Debug)]
pub struct Someone {
    /// As pinned when the request was made.
    pub party: Party,
    /// The user, where still provisioned.
    pub user: Option<User>,
}

/// Somebody who is in a group for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Temporary {
    /// By which grant.
    pub grant: GrantId,
    /// The name.
    pub name: String,
    /// The account.
    pub account: ObjectId,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Who else is in a group that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InGroup {
    /// The group.
    pub target: Target,
    /// Its name in the directory.
    pub name: Option<String>,
    /// Whether provisioning tells us of its members.
    pub provisioned: bool,
    /// Who belongs to it without a grant: names, at most [`MOST_NAMED`].
    pub standing: Vec<String>,
    /// How many more do, as far as they were counted.
    pub more_standing: usize,
    /// Whether there are more than were counted.
    pub uncounted: bool,
    /// Who is in it by a grant, soonest to end first; at most [`MOST_NAMED`].
    pub temporary: Vec<Temporary>,
    /// How many more are, as far as they were counted.
    pub more_temporary: usize,
    /// How many members Entra itself gave at the last look for drift, and when that was.
    pub counted_in_directory: Option<(usize, Timestamp)>,
}

/// What came of a requester's requests in the last 90 days, this one left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Earlier {
    /// How many there were.
    pub asked: usize,
    /// How many of them were for the same entitlement.
    pub for_this: usize,
    /// How many were approved or activated.
    pub approved: usize,
    /// How many were denied.
    pub denied: usize,
    /// How many nobody decided on.
    pub lapsed: usize,
    /// How many were taken back.
    pub cancelled: usize,
    /// How many wait.
    pub pending: usize,
    /// Whether there are more than were looked at.
    pub more: bool,
}

/// Access that the beneficiary has already and that touches what is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlap {
    /// By which grant.
    pub grant: GrantId,
    /// The entitlement's name.
    pub name: String,
    /// Whether it is the very entitlement, or another that gives the same group.
    pub same: bool,
    /// Until when.
    pub until: Timestamp,
}

/// Which of the people of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Whose {
    /// Who asks.
    Requester,
    /// Who gets the access.
    Beneficiary,
}

/// Somebody whose name looks the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Alike {
    /// The display name.
    pub name: String,
    /// The sign-in name.
    pub user_name: String,
}

/// Something to be careful about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Risk {
    /// The entitlement is marked critical.
    Critical,
    /// The group can hold directory roles.
    RoleAssignable {
        /// Its name, or what we call it.
        group: String,
    },
    /// Another active account of another person has a name that looks the same.
    LookAlike {
        /// Whose name.
        whose: Whose,
        /// The name.
        name: String,
        /// Who has the other.
        others: Vec<Alike>,
    },
    /// A word of the name has letters of more than one script.
    MixedScripts {
        /// Whose name.
        whose: Whose,
        /// The name.
        name: String,
    },
    /// The name as the directory has it holds characters that are not seen or that turn the direction of writing.
    HiddenCharacters {
        /// Whose name.
        whose: Whose,
        /// The name without them.
        name: String,
        /// Which they are, each once, at most [`MOST_HIDDEN`].
        characters: Vec<char>,
    },
    /// The account is a guest's.
    Guest {
        /// Whose.
        whose: Whose,
    },
    /// The account is young.
    NewAccount {
        /// Whose.
        whose: Whose,
        /// Since when it is provisioned.
        since: Timestamp,
    },
    /// The account is switched off or gone.
    NotActive {
        /// Whose.
        whose: Whose,
    },
    /// Nothing was asked for by this person in 90 days.
    FirstRequest,
    /// The words are those of another request.
    CopiedJustification {
        /// Which.
        request: RequestId,
        /// Who made it.
        name: String,
        /// When.
        at: Timestamp,
        /// Whether it is an earlier one of the same person.
        own: bool,
    },
}

/// A request with everything that its approver needs.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The request.
    pub request: Stored<Request>,
    /// What is asked for, as it is now.
    pub entitlement: Stored<Entitlement>,
    /// The template of the application.
    pub template: Stored<Template>,
    /// Who asks.
    pub requester: Someone,
    /// Who gets the access.
    pub beneficiary: Someone,
    /// The groups, in the order of the targets.
    pub groups: Vec<InGroup>,
    /// What came of the requester's earlier requests.
    pub earlier: Earlier,
    /// What the beneficiary has already.
    pub overlap: Vec<Overlap>,
    /// What to be careful about.
    pub risks: Vec<Risk>,
    /// Whether the caller asks or gets the access.
    pub mine: bool,
    /// Whether what is about other people is for the caller: they may decide on such requests now, or read everything. To
    /// have decided on this one is not enough.
    pub may_read: bool,
    /// Whether the caller has decided on it.
    pub decided: bool,
    /// Whether the caller may decide on it, as far as their role and the approvers go.
    pub may_decide: bool,
    /// For whom the caller would decide, where they are a delegate.
    pub acting_for: Option<Party>,
}

/// Gathers what there is to know about a request.
///
/// # Errors
/// Not found where the caller may not see the request.
pub async fn gather(core: &Core, who: &Who, id: RequestId) -> Result<Dossier> {
    let store = &*core.store;
    let stored = requests::get(core, who, id).await?;
    let request = &stored.value;
    let application = &request.application;
    let now = core.clock.now();
    let in_force = policy::in_force(store, application, request.entitlement).await?;
    let caller = Caller::of(core, who, request, &in_force).await?;
    let wanted: BTreeSet<UserId> = [request.requester.user, request.beneficiary.user].into();
    let wanted: Vec<UserId> = wanted.into_iter().collect();
    let (users, groups, earlier, overlap, waiting) = try_join5(
        async { Ok(directory::users(store, application, &wanted).await?) },
        groups(store, request, &in_force.facts),
        earlier(store, request, now),
        overlap(store, request),
        waiting(store, application),
    )
    .await?;
    let user = |party: &Party| {
        let found = users.iter().flatten().find(|user| user.value.id == party.user);
        Someone {
            party: party.clone(),
            user: found.map(|user| user.value.clone()),
        }
    };
    let (requester, beneficiary) = (user(&request.requester), user(&request.beneficiary));
    let (earlier, before) = earlier;
    let mut risks = of_entitlement(&in_force.entitlement.value, &in_force.facts);
    let first_load = who.application.value.created_at.plus_seconds(FIRST_LOAD_SECONDS);
    risks.extend(of_person(store, &requester, Whose::Requester, (first_load, now)).await?);
    if request.requester.user != request.beneficiary.user {
        risks.extend(of_person(store, &beneficiary, Whose::Beneficiary, (first_load, now)).await?);
    }
    if earlier.asked == 0 {
        risks.push(Risk::FirstRequest);
    }
    risks.extend(copied(request, &before, &waiting));
    Ok(Dossier {
        requester,
        beneficiary,
        groups,
        earlier,
        overlap,
        risks,
        mine: caller.mine,
        may_read: caller.right.is_some() || who.reads_all(),
        decided: caller.decided,
        may_decide: caller.right.is_some() && !caller.mine && !caller.decided,
        acting_for: caller.right.as_ref().and_then(Right::acting_for).cloned(),
        entitlement: in_force.entitlement,
        template: in_force.template,
        request: stored,
    })
}

/// What the reader has to do with a request.
#[derive(Debug, Default)]
struct Caller {
    mine: bool,
    decided: bool,
    right: Option<Right>,
}

impl Caller {
    async fn of(core: &Core, who: &Who, request: &Request, in_force: &InForce) -> Result<Self> {
        let Ok((_, party)) = who.party() else {
            return Ok(Self::default());
        };
        let right = if who.has(Role::Approver) {
            let entitlement = &in_force.entitlement.value;
            let now = core.clock.now();
            policy::right(&*core.store, entitlement, in_force.approvers(), &party, request, now).await?
        } else {
            None
        };
        Ok(Self {
            mine: requests::mine(core, request, &party).await?,
            decided: requests::decided(core, request, &party).await?,
            right,
        })
    }
}

/// Which of the entitlements that these requests are for are marked critical.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn critical(core: &Core, requests: &[Stored<Request>]) -> Result<BTreeSet<EntitlementId>> {
    let keys: BTreeSet<Key> = requests
        .iter()
        .map(|stored| keys::entitlement(&stored.value.application, stored.value.entitlement))
        .collect();
    let keys: Vec<Key> = keys.into_iter().collect();
    let found = directory::read_all::<Entitlement>(&*core.store, &keys).await?;
    let critical = found
        .into_iter()
        .flatten()
        .filter(|entitlement| entitlement.value.critical);
    Ok(critical.map(|entitlement| entitlement.value.id).collect())
}

/// When the newest of the last requests that the caller may decide on, or might have, was closed: since when their inbox
/// is empty, when it is. `None` when there was none among the last [`MOST_EARLIER`] of this month and the one before.
///
/// # Errors
/// When the caller is not provisioned.
pub async fn quiet_since(core: &Core, who: &Who) -> Result<Option<Timestamp>> {
    let (_, party) = who.party()?;
    let application = &who.application.value.id;
    let now = core.clock.now();
    let mut approver_of: BTreeMap<EntitlementId, bool> = BTreeMap::new();
    for month in this_and_the_last(now) {
        let query = Query {
            descending: true,
            ..Query::partition(keys::requests_in(application, &month)).limit(MOST_EARLIER)
        };
        let page = core.store.list(List::Month, &query).await?;
        let found = read_many::<Request>(&*core.store, &page.items).await?;
        let mut closed: Option<Timestamp> = None;
        for request in found.into_iter().flatten().map(|stored| stored.value) {
            if request.closed_at <= closed {
                continue;
            }
            let may = match approver_of.get(&request.entitlement) {
                Some(may) => *may,
                None => requests::is_approver(core, &party, &request).await?,
            };
            approver_of.insert(request.entitlement, may);
            if may && request.requester.user != party.user {
                closed = request.closed_at;
            }
        }
        if closed.is_some() {
            return Ok(closed);
        }
    }
    Ok(None)
}

/// This month and the one before it, by the calendar: months are not equally long.
fn this_and_the_last(now: Timestamp) -> impl Iterator<Item = String> {
    let month = now.month();
    let last = previous_month(&month);
    [month].into_iter().chain(last)
}

fn of_entitlement(entitlement: &Entitlement, facts: &[Option<TargetFacts>]) -> Vec<Risk> {
    let critical = entitlement.critical.then_some(Risk::Critical);
    let role_assignable = facts.iter().flatten().filter(|facts| facts.role_assignable);
    let role_assignable = role_assignable.map(|facts| Risk::RoleAssignable {
        group: facts.display_name.clone().unwrap_or_else(|| facts.target.to_string()),
    });
    critical.into_iter().chain(role_assignable).collect()
}

async fn of_person(
    store: &dyn Store,
    someone: &Someone,
    whose: Whose,
    (first_load, now): (Timestamp, Timestamp),
) -> Result<Vec<Risk>> {
    let Some(user) = someone.user.as_ref().filter(|user| user.active) else {
        return Ok(vec![Risk::NotActive { whose }]);
    };
    let mut risks = Vec::new();
    for kind in NameKind::ALL {
        let Some(name) = kind.of(user) else {
            continue;
        };
        let others = alike(store, user, kind, name).await?;
        if !others.is_empty() {
            let name = shown(name);
            risks.push(Risk::LookAlike { whose, name, others });
        }
        if mixes_scripts(name) {
            let name = shown(name);
            risks.push(Risk::MixedScripts { whose, name });
        }
        risks.extend(hidden(whose, name));
    }
    if user.is_guest() {
        risks.push(Risk::Guest { whose });
    }
    let since = user.created_at;
    if since > first_load && now.seconds_since(since) < NEW_ACCOUNT_SECONDS {
        risks.push(Risk::NewAccount { whose, since });
    }
    Ok(risks)
}

/// What of a name is not shown, because nobody could see it or it would turn what stands beside it.
fn hidden(whose: Whose, name: &str) -> Option<Risk> {
    let characters: BTreeSet<char> = name.chars().filter(|c| is_invisible(*c)).collect();
    (!characters.is_empty()).then(|| Risk::HiddenCharacters {
        whose,
        name: shown(name),
        characters: characters.into_iter().take(MOST_HIDDEN).collect(),
    })
}

/// Active accounts of other people whose name of this kind has the same skeleton. SCIM keeps a look-up entry for each
/// name; a user who was stored before there were any has them from the next change of the name on.
async fn alike(store: &dyn Store, user: &User, kind: NameKind, name: &str) -> Result<Vec<Alike>> {
    let Some(mark) = kind.mark(name) else {
        return Ok(Vec::new());
    };
    let found = directory::provisioned_users_with_mark(store, &user.application, mark, MOST_ALIKE).await?;
    let others = found.into_iter().filter(|other| other.value.id != user.id).map(Some);
    let others = persons::applied(store, &user.application, others.collect()).await?;
    Ok(others
        .into_iter()
        .flatten()
        .map(|other| other.value)
        // The name may have changed between the two reads.
        .filter(|other| {
            other.active && other.person != user.person && kind.of(other).and_then(|name| kind.mark(name)) == Some(mark)
        })
        .map(|other| Alike {
            name: other.name(),
            user_name: other.sign_in_name(),
        })
        .collect())
}

/// What came of the requester's requests, and the requests themselves, newest first.
async fn earlier(store: &dyn Store, request: &Request, now: Timestamp) -> Result<(Earlier, Vec<Request>)> {
    let query = Query {
        descending: true,
        ..Query::partition(keys::requests_of(request.requester.user)).limit(MOST_EARLIER)
    };
    let page: Page<Key> = store.list(List::Owner, &query).await?;
    // What others asked for on somebody's behalf lies beside the request and is not theirs.
    let found: Vec<Key> = page.items.into_iter().filter(|key| key.sk == keys::REQUEST).collect();
    let found = read_many::<Request>(store, &found).await?;
    let oldest = now.plus_seconds(-LOOKED_BACK_SECONDS);
    let found: Vec<Request> = found
        .into_iter()
        .flatten()
        .map(|stored| stored.value)
        .filter(|other| other.id != request.id && other.created_at >= oldest)
        .collect();
    let mut earlier = Earlier {
        asked: found.len(),
        for_this: found
            .iter()
            .filter(|other| other.entitlement == request.entitlement)
            .count(),
        more: page.next.is_some() && found.len() + 1 >= MOST_EARLIER,
        ..Earlier::default()
    };
    for other in &found {
        let count = match other.status {
            RequestStatus::Pending => &mut earlier.pending,
            RequestStatus::Approved => &mut earlier.approved,
            RequestStatus::Denied => &mut earlier.denied,
            RequestStatus::Cancelled => &mut earlier.cancelled,
            RequestStatus::Lapsed => &mut earlier.lapsed,
        };
        *count += 1;
    }
    Ok((earlier, found))
}

/// Requests that wait in the application, soonest to lapse first.
async fn waiting(store: &dyn Store, application: &ApplicationId) -> Result<Vec<Request>> {
    let query = Query::partition(keys::requests_waiting(application)).limit(MOST_COMPARED);
    let page = store.list(List::Waiting, &query).await?;
    let found = read_many::<Request>(store, &page.items).await?;
    Ok(found.into_iter().flatten().map(|stored| stored.value).collect())
}

/// The first other request with the same words: of the requester's own of the last 90 days, or of those that wait.
fn copied(request: &Request, before: &[Request], waiting: &[Request]) -> Option<Risk> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let wanted = words(&request.justification);
    if wanted.chars().count() < WORTH_COMPARING {
        return None;
    }
    let other = waiting
        .iter()
        // Whoever approves this one sees those; of what waits elsewhere they learn nothing.
        .filter(|other| other.entitlement == request.entitlement && other.requester.user != request.requester.user)
        .chain(before)
        .find(|other| other.id != request.id && words(&other.justification) == wanted)?;
    Some(Risk::CopiedJustification {
        request: other.id,
        name: other.requester.name.clone(),
        at: other.created_at,
        own: other.requester.user == request.requester.user,
    })
}

/// What the beneficiary has that gives the same entitlement or one of its groups.
async fn overlap(store: &dyn Store, request: &Request) -> Result<Vec<Overlap>> {
    let query = Query::partition(keys::live_grants(request.beneficiary.user)).limit(MOST_LIVE);
    let live = read_page::<LiveGrant>(store, &query).await?;
    let ids: Vec<Key> = live.items.iter().map(|live| keys::grant(live.value.grant)).collect();
    let grants = read_many::<Grant>(store, &ids).await?;
    let mut overlap: Vec<Overlap> = grants
        .into_iter()
        .flatten()
        .map(|stored| stored.value)
        .filter(|grant| grant.status.is_live())
        .filter_map(|grant| {
            let same = grant.entitlement == request.entitlement;
            let touches = grant
                .targets
                .iter()
                .any(|target| request.targets.contains(&target.target));
            (same || touches).then_some(Overlap {
                grant: grant.id,
                name: grant.entitlement_name,
                same,
                until: grant.expires_at,
            })
        })
        .collect();
    overlap.sort_by_key(|overlap| overlap.until);
    Ok(overlap)
}

async fn groups(store: &dyn Store, request: &Request, facts: &[Option<TargetFacts>]) -> Result<Vec<InGroup>> {
    let provisioned = policy::provisioned_groups(store, &request.application, &request.targets).await?;
    let each = request.targets.iter().map(|target| {
        let facts = facts.iter().flatten().find(|facts| facts.target == *target);
        in_group(store, request, target, provisioned.get(target).copied(), facts)
    });
    future::try_join_all(each).await
}

async fn in_group(
    store: &dyn Store,
    request: &Request,
    target: &Target,
    provisioned: Option<GroupId>,
    facts: Option<&TargetFacts>,
) -> Result<InGroup> {
    let application = &request.application;
    let Target::Entra { group, .. } = target;
    let report = keys::drift_report(target, request.entitlement);
    let (by_grant, declared, report) = try_join3(
        by_grant(store, application, *group),
        declared(store, application, target),
        async { Ok(read::<DriftReport>(store, &report).await?) },
    )
    .await?;
    let (mut standing, unknown) = declared;
    let mut uncounted = false;
    if let Some(group) = provisioned {
        let (members, more) = directory::member_ids(store, application, group, MOST_COUNTED).await?;
        standing.extend(members);
        uncounted = more;
    }
    // The beneficiary is not another member, whatever brought them in.
    standing.remove(&request.beneficiary.user);
    for grant in &by_grant {
        standing.remove(&grant.beneficiary.user);
    }
    let shown: Vec<UserId> = standing.iter().copied().take(MOST_NAMED).collect();
    let users = directory::provisioned_users(store, application, &shown).await?;
    let mut names: Vec<String> = users.into_iter().flatten().map(|user| user.value.name()).collect();
    names.extend(unknown.iter().map(ToString::to_string));
    names.truncate(MOST_NAMED);
    names.sort();
    let temporary = by_grant
        .iter()
        .filter(|grant| grant.beneficiary.user != request.beneficiary.user);
    let temporary: Vec<Temporary> = temporary.map(Temporary::of).collect();
    Ok(InGroup {
        target: target.clone(),
        name: facts.and_then(|facts| facts.display_name.clone()),
        provisioned: provisioned.is_some(),
        more_standing: (standing.len() + unknown.len()).saturating_sub(names.len()),
        standing: names,
        uncounted,
        more_temporary: temporary.len().saturating_sub(MOST_NAMED),
        temporary: temporary.into_iter().take(MOST_NAMED).collect(),
        counted_in_directory: report.and_then(|report| {
            report
                .value
                .checked_at
                .map(|checked_at| (report.value.members, checked_at))
        }),
    })
}

impl Temporary {
    fn of(grant: &Grant) -> Self {
        Self {
            grant: grant.id,
            name: grant.beneficiary.name.clone(),
            account: grant.beneficiary.object_id,
            from: grant.starts_at,
            until: grant.expires_at,
        }
    }
}

/// The grants that give a group and have not ended, soonest to end first.
async fn by_grant(store: &dyn Store, application: &ApplicationId, group: ObjectId) -> Result<Vec<Grant>> {
    let query = Query::partition(keys::live_in_group(application, group)).limit(MOST_LIVE);
    let live = read_page::<LiveInGroup>(store, &query).await?;
    let ids: Vec<Key> = live.items.iter().map(|live| keys::grant(live.value.grant)).collect();
    let grants = read_many::<Grant>(store, &ids).await?;
    let mut grants: Vec<Grant> = grants.into_iter().flatten().map(|stored| stored.value).collect();
    grants.sort_by_key(|grant| grant.expires_at);
    Ok(grants)
}

/// Who is declared to belong to a target without any grant: the users, and the accounts that are not provisioned.
async fn declared(
    store: &dyn Store,
    application: &ApplicationId,
    target: &Target,
) -> Result<(BTreeSet<UserId>, Vec<ObjectId>)> {
    let query = Query::partition(keys::drift(target)).prefix(keys::STANDING);
    let declared = read_page::<StandingMember>(store, &query).await?;
    let accounts: Vec<ObjectId> = declared.items.iter().map(|member| member.value.account).collect();
    let users = directory::provisioned_users_by_object_ids(store, application, &accounts).await?;
    let (mut known, mut unknown) = (BTreeSet::new(), Vec::new());
    for (account, user) in accounts.into_iter().zip(users) {
        match user {
            Some(user) => {
                known.insert(user.value.id);
            }
            None => unknown.push(account),
        }
    }
    Ok((known, unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: u128, user: u128, words: &str) -> Request {
        let mut request = hourglass_domain_sample();
        request.id = RequestId::new(uuid::Uuid::from_u128(id));
        request.requester.user = UserId::new(uuid::Uuid::from_u128(user));
        request.justification = words.to_owned();
        request
    }

    fn hourglass_domain_sample() -> Request {
        let party = |n: u128| {
            serde_json::json!({
                "user": uuid::Uuid::from_u128(n), "person": uuid::Uuid::from_u128(n), "tenant": uuid::Uuid::from_u128(9),
                "object_id": uuid::Uuid::from_u128(n), "name": format!("Person {n}"),
            })
        };
        serde_json::from_value(serde_json::json!({
            "id": uuid::Uuid::from_u128(1), "application": "contoso.example", "entitlement": uuid::Uuid::from_u128(2),
            "entitlement_name": "prod-admins", "targets": [], "requester": party(1), "beneficiary": party(1),
            "duration": "1h", "starts_at": null, "justification": "", "ticket": null, "quorum": 1,
            "policy": {"entitlement_version": 1, "template_version": 1, "hash": "0".repeat(64)},
            "status": "pending", "approvals": [], "grant": null, "created_at": "2026-11-22T09:30:00Z",
            "lapses_at": "2026-11-22T17:30:00Z", "closed_at": null,
        }))
        .unwrap()
    }

    #[test]
    fn no_month_is_skipped_after_a_short_one() {
        for (now, months) in [
            ("2026-03-01T00:00:00Z", ["2026-03", "2026-02"]),
            ("2026-03-03T23:59:59Z", ["2026-03", "2026-02"]),
            ("2026-12-31T12:00:00Z", ["2026-12", "2026-11"]),
            ("2026-01-01T00:00:00Z", ["2026-01", "2025-12"]),
        ] {
            let found: Vec<String> = this_and_the_last(now.parse().unwrap()).collect();
            assert_eq!(found, months, "{now}");
        }
    }

    #[test]
    fn words_that_were_used_before_are_told() {
        let asked = request(1, 1, "INC-1042  checkout DOWN");
        let own = request(2, 1, "inc-1042 checkout down");
        let others = request(3, 2, "INC-1042 checkout down");
        let told = |before: &[Request], waiting: &[Request]| copied(&asked, before, waiting);
        assert!(matches!(
            told(std::slice::from_ref(&own), &[]),
            Some(Risk::CopiedJustification { own: true, .. })
        ));
        assert!(matches!(
            told(std::slice::from_ref(&own), &[others]),
            Some(Risk::CopiedJustification { own: false, .. })
        ));
        assert_eq!(
            told(&[], &[asked.clone(), own]),
            None,
            "one's own that waits is no other person's"
        );
        assert_eq!(told(&[request(4, 1, "another reason altogether")], &[]), None);
        let short = request(1, 1, "deploy");
        assert_eq!(copied(&short, &[request(2, 1, "deploy")], &[]), None);
    }
}
