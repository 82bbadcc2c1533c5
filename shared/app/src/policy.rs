//! Looks up what the policy of an entitlement needs to know: who may ask, who could approve, what the targets are.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::delegate::Hand;
use hourglass_domain::directory::{Party, User};
use hourglass_domain::entitlement::{Eligibility, Entitlement, PolicyRef, Principals, Template};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{ApplicationId, EntitlementId, GroupId, ObjectId, PersonId, TenantId, UserId};
use hourglass_domain::request::{Activation, Request};
use hourglass_domain::target::{Target, TargetFacts, TargetProblem};
use hourglass_domain::{Refusal, Timestamp};

use crate::caller::Who;
use crate::change::{Change, read, read_many};
use crate::delegations::{self, Acting};
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::persons;
use crate::ports::Core;
use crate::ports::store::{Key, LARGEST_PAGE, MOST_KEYS, Store};
use crate::records::{GroupUse, Stored};
use crate::seals::{Sealed, read_sealed};

/// Most members of approver groups that are looked at to find enough approvers.
const MOST_APPROVERS_READ: usize = 2_000;
/// Of how many approvers at a time it is looked up who they are.
const LINKS_AT_A_TIME: usize = 20;

/// An entitlement with the template and what the directory says about its targets.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The entitlement.
    pub entitlement: Stored<Entitlement>,
    /// The template of its application.
    pub template: Stored<Template>,
    /// What the directory says about each target, in order.
    pub facts: Vec<Option<TargetFacts>>,
}

/// Reads an entitlement with everything it is judged by, consistently. This is for asking, by a function that has no key:
/// that there are seals is all it can see, and it grants nothing.
///
/// # Errors
/// When there is no such entitlement in this application, or one of the two has no seal at all.
pub async fn in_force(store: &dyn Store, application: &ApplicationId, id: EntitlementId) -> Result<InForce> {
    let entitlement = read::<Sealed<Entitlement>>(store, &keys::entitlement(application, id)).await?;
    let entitlement = entitlement.map(Stored::with_some_seal).transpose()?;
    let template = read::<Sealed<Template>>(store, &keys::template(application)).await?;
    let template = template.ok_or_else(no_template)?.with_some_seal()?;
    with_facts(store, application, entitlement, template).await
}

/// As [`in_force`], for granting: the seals of entitlement and template have to hold.
///
/// # Errors
/// As [`in_force`], and when a seal does not hold or its key cannot be had.
pub async fn in_force_sealed(core: &Core, application: &ApplicationId, id: EntitlementId) -> Result<InForce> {
    let entitlement = read_sealed(core, &keys::entitlement(application, id)).await?;
    let template = template_sealed(core, application).await?;
    with_facts(&*core.store, application, entitlement, template).await
}

async fn with_facts(
    store: &dyn Store,
    application: &ApplicationId,
    entitlement: Option<Stored<Entitlement>>,
    template: Stored<Template>,
) -> Result<InForce> {
    let entitlement = entitlement.ok_or(Refusal::NotFound { what: "entitlement" })?;
    let mut facts = facts(store, &entitlement.value).await?;
    let groups = provisioned_groups(store, application, &entitlement.value.targets).await?;
    note_missing(&groups, &mut facts);
    Ok(InForce {
        entitlement,
        template,
        facts,
    })
}

/// Reads the template; its seal is not looked at.
///
/// # Errors
/// When the application has none, which only a fault of ours can cause.
pub async fn template(store: &dyn Store, application: &ApplicationId) -> Result<Stored<Template>> {
    Ok(read(store, &keys::template(application))
        .await?
        .ok_or_else(no_template)?)
}

/// Reads the template, whose seal has to hold.
///
/// # Errors
/// As [`template`], and when its seal does not hold or the key cannot be had.
pub async fn template_sealed(core: &Core, application: &ApplicationId) -> Result<Stored<Template>> {
    let template = read_sealed(core, &keys::template(application)).await?;
    Ok(template.ok_or_else(no_template)?)
}

/// That the application has no template.
pub(crate) const fn no_template() -> Refusal {
    Refusal::NoTemplate
}

/// What the directory says about each target of an entitlement.
///
/// # Errors
/// Only when the table does not answer.
pub async fn facts(store: &dyn Store, entitlement: &Entitlement) -> Result<Vec<Option<TargetFacts>>> {
    let keys: Vec<Key> = entitlement.targets.iter().map(keys::facts).collect();
    let facts = read_many::<TargetFacts>(store, &keys).await?;
    Ok(facts.into_iter().map(|facts| facts.map(|facts| facts.value)).collect())
}

/// The provisioned group of each target whose group stands.
///
/// # Errors
/// Only when the table does not answer.
pub async fn provisioned_groups(
    store: &dyn Store,
    application: &ApplicationId,
    targets: impl IntoIterator<Item = &Target>,
) -> Result<BTreeMap<Target, GroupId>> {
    let distinct: BTreeSet<&Target> = targets.into_iter().collect();
    let by_object_id: Vec<(&Target, ObjectId)> = distinct
        .into_iter()
        .map(|target| {
            let Target::Entra { group, .. } = target;
            (target, *group)
        })
        .collect();
    let mut found = BTreeMap::new();
    for chunk in by_object_id.chunks(MOST_KEYS) {
        let ids: Vec<ObjectId> = chunk.iter().map(|(_, id)| *id).collect();
        let groups = directory::groups_by_object_ids(store, application, &ids).await?;
        for ((target, _), group) in chunk.iter().zip(groups) {
            if let Some(group) = group {
                found.insert((*target).clone(), group.value.id);
            }
        }
    }
    Ok(found)
}

/// A target whose provisioned group was deleted is missing, whatever the directory said of it before.
fn note_missing(groups: &BTreeMap<Target, GroupId>, facts: &mut [Option<TargetFacts>]) {
    for facts in facts.iter_mut().flatten() {
        if !groups.contains_key(&facts.target) {
            facts.problem = Some(TargetProblem::Missing);
        }
    }
}

impl InForce {
    /// The policy as it is now.
    ///
    /// # Errors
    /// Never for what was read from the table.
    pub fn policy(&self) -> Result<PolicyRef> {
        let Stored {
            value: template,
            version,
        } = &self.template;
        Ok(self
            .entitlement
            .value
            .policy(self.entitlement.version, template, *version)?)
    }

    /// The latest end of any extension of `grant`: its start and the absolute maximum, on the minute as every end.
    #[must_use]
    pub fn latest_end(&self, grant: &Grant) -> Timestamp {
        let maximum = self.entitlement.value.absolute_maximum_in_force(&self.template.value);
        maximum.end_from(grant.starts_at)
    }

    /// The approvers as they are now.
    #[must_use]
    pub fn approvers(&self) -> &Principals {
        self.entitlement.value.approvers_in_force(&self.template.value)
    }
}

/// By what a user may ask, if they may. Where everybody may, each may in person.
///
/// # Errors
/// Only when the table does not answer.
pub async fn eligible(store: &dyn Store, entitlement: &Entitlement, user: UserId) -> Result<Option<Named>> {
    match &entitlement.eligible {
        Eligibility::Everyone => Ok(Some(Named::InPerson)),
        Eligibility::Nobody => Ok(None),
        Eligibility::Only(who) => named(store, &entitlement.application, who, user).await,
    }
}

/// By what a user may activate in an emergency, if they may.
///
/// # Errors
/// Only when the table does not answer.
pub async fn emergency(store: &dyn Store, entitlement: &Entitlement, user: UserId) -> Result<Option<Named>> {
    match &entitlement.emergency {
        Some(emergency) => named(store, &entitlement.application, &emergency.people, user).await,
        None => Ok(None),
    }
}

/// By what the beneficiary of such a request may have it now, if they may.
///
/// # Errors
/// Only when the table does not answer.
pub async fn may_have(
    store: &dyn Store,
    entitlement: &Entitlement,
    activation: Activation,
    user: UserId,
) -> Result<Option<Named>> {
    match activation {
        Activation::Emergency => emergency(store, entitlement, user).await,
        Activation::Approved | Activation::SelfApproved => eligible(store, entitlement, user).await,
    }
}

/// Whose decisions still count, in the same order: of those who are active, no guest, still the same account, and named as
/// approvers or still the delegate of the approver for whom they decided.
///
/// # Errors
/// Only when the table does not answer.
pub async fn standing<'a>(
    store: &dyn Store,
    entitlement: &Entitlement,
    approvers: &Principals,
    hands: impl Iterator<Item = Hand<'a>>,
    now: Timestamp,
) -> Result<Vec<Standing>> {
    let application = &entitlement.application;
    let mut standing = Vec::new();
    for Hand { approver, acting_for } in hands {
        let user = directory::provisioned_user(store, application, approver.user).await?;
        let same = |user: &User| user.active && !user.is_guest() && user.object_id() == Some(approver.object_id);
        let Some(user) = user.filter(|user| same(&user.value)) else {
            continue;
        };
        let by = match acting_for {
            None => named(store, application, approvers, approver.user)
                .await?
                .map(Right::Own),
            Some(principal) => delegations::acting(store, entitlement, approvers, approver, now)
                .await?
                .into_iter()
                .find(|acting| acting.principal().user == principal.user)
                .map(|acting| Right::Delegate(Box::new(acting))),
        };
        if let Some(by) = by {
            standing.push(Standing {
                party: approver.clone(),
                user,
                by,
            });
        }
    }
    Ok(standing)
}

/// By what somebody may decide.
#[derive(Clone, Debug)]
pub enum Right {
    /// As an approver.
    Own(Named),
    /// For an approver.
    Delegate(Box<Acting>),
}

impl Right {
    /// `change`, relying on this being so still.
    #[must_use]
    pub fn checked(&self, change: Change, application: &ApplicationId, user: UserId) -> Change {
        match self {
            Self::Own(named) => named.checked(change, application, user),
            Self::Delegate(acting) => acting.checked(change),
        }
    }

    /// For whom it is, where it is not one's own.
    #[must_use]
    pub fn acting_for(&self) -> Option<&Party> {
        match self {
            Self::Own(_) => None,
            Self::Delegate(acting) => Some(acting.principal()),
        }
    }
}

/// By what somebody may decide on a request, if they may: as an approver, else for the first approver who is not concerned
/// and whose delegate they are.
///
/// # Errors
/// Only when the table does not answer.
pub async fn right(
    store: &dyn Store,
    entitlement: &Entitlement,
    approvers: &Principals,
    party: &Party,
    request: &Request,
    now: Timestamp,
) -> Result<Option<Right>> {
    if let Some(named) = named(store, &entitlement.application, approvers, party.user).await? {
        return Ok(Some(Right::Own(named)));
    }
    let mut acting = delegations::acting(store, entitlement, approvers, party, now).await?;
    if acting.is_empty() {
        return Ok(None);
    }
    let principals: Vec<Party> = acting.iter().map(|acting| acting.principal().clone()).collect();
    let all = request.parties().chain(&principals);
    let (persons, _) = persons::now(store, &request.application, all).await?;
    let free = principals
        .iter()
        .position(|principal| !persons.is_any(principal, request.parties()));
    // Where none is free, the first one's concern is what it is refused for.
    Ok(Some(Right::Delegate(Box::new(acting.swap_remove(free.unwrap_or(0))))))
}

/// An entitlement with everything it is judged by, for a caller who has anything to do with it: who may have it, also with
/// a linked account of theirs, approves it, for themselves or for somebody else, or reads everything.
///
/// # Errors
/// For everybody else there is no such entitlement, by the same sentence as when there is none.
pub async fn seen(core: &Core, who: &Who, id: EntitlementId) -> Result<InForce> {
    let (store, application) = (&*core.store, &who.application.value.id);
    let entitlement: Option<Stored<Entitlement>> = read(store, &keys::entitlement(application, id)).await?;
    let template = template(store, application).await?;
    let (user, party) = who.party()?;
    let Some(entitlement) = entitlement else {
        // About as much work as for one that is invisible.
        named(store, application, &template.value.default_approvers, user.value.id).await?;
        return Err(Refusal::NotFound { what: "entitlement" }.into());
    };
    let approvers = entitlement.value.approvers_in_force(&template.value);
    let now = core.clock.now();
    let sees = who.reads_all()
        || may_use(store, &entitlement.value, user.value.id).await?
        || named(store, application, approvers, user.value.id).await?.is_some()
        || !delegations::acting(store, &entitlement.value, approvers, &party, now)
            .await?
            .is_empty()
        || any_other_may_use(store, &entitlement.value, &user.value).await?;
    if !sees {
        return Err(Refusal::NotFound { what: "entitlement" }.into());
    }
    in_force(store, application, id).await
}

async fn may_use(store: &dyn Store, entitlement: &Entitlement, user: UserId) -> Result<bool> {
    Ok(eligible(store, entitlement, user).await?.is_some() || emergency(store, entitlement, user).await?.is_some())
}

/// Whether another account of the user's person may have it.
async fn any_other_may_use(store: &dyn Store, entitlement: &Entitlement, user: &User) -> Result<bool> {
    for other in persons::others(store, user).await? {
        if may_use(store, entitlement, other.value.id).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Somebody who may approve now.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Who.
    pub party: Party,
    /// Their account.
    pub user: Stored<User>,
    /// By what.
    pub by: Right,
}

/// What the directory says about the targets of many entitlements, read in as few calls as there can be.
///
/// # Errors
/// Only when the table does not answer.
pub async fn facts_of_all<'a>(
    store: &dyn Store,
    application: &ApplicationId,
    entitlements: impl Iterator<Item = &'a Entitlement>,
) -> Result<Vec<Vec<Option<TargetFacts>>>> {
    let entitlements: Vec<&Entitlement> = entitlements.collect();
    let targets = entitlements.iter().flat_map(|entitlement| &entitlement.targets);
    let groups = provisioned_groups(store, application, targets).await?;
    let wanted: Vec<Vec<Key>> = entitlements
        .iter()
        .map(|entitlement| entitlement.targets.iter().map(keys::facts).collect())
        .collect();
    // Two entitlements may share a target, and a batch must not name a key twice.
    let distinct: BTreeSet<&Key> = wanted.iter().flatten().collect();
    let distinct: Vec<Key> = distinct.into_iter().cloned().collect();
    let mut found: BTreeMap<Key, TargetFacts> = BTreeMap::new();
    for chunk in distinct.chunks(MOST_KEYS) {
        let read = read_many::<TargetFacts>(store, chunk).await?;
        let known = chunk
            .iter()
            .zip(read)
            .filter_map(|(key, facts)| Some((key.clone(), facts?.value)));
        found.extend(known);
    }
    let of = |keys: &Vec<Key>| {
        let mut facts: Vec<Option<TargetFacts>> = keys.iter().map(|key| found.get(key).cloned()).collect();
        note_missing(&groups, &mut facts);
        facts
    };
    Ok(wanted.iter().map(of).collect())
}

/// Most groups of one person that are read ahead.
const MOST_GROUPS_READ: usize = 1_000;

/// The groups of one person, read once to judge many entitlements.
#[derive(Clone, Debug)]
pub struct GroupsOf {
    user: UserId,
    groups: BTreeSet<GroupId>,
    complete: bool,
}

impl GroupsOf {
    /// Reads the groups of a user.
    ///
    /// # Errors
    /// Only when the table does not answer.
    pub async fn read(store: &dyn Store, application: &ApplicationId, user: UserId) -> Result<Self> {
        let mut groups = BTreeSet::new();
        let mut read = 0;
        let mut after: Option<GroupId> = None;
        loop {
            let page = directory::groups_of_page(store, application, user, after, LARGEST_PAGE).await?;
            groups.extend(page.standing.iter().map(|group| group.value.id));
            read += page.read;
            after = page.next;
            if after.is_none() || read >= MOST_GROUPS_READ {
                return Ok(Self {
                    user,
                    groups,
                    complete: after.is_none(),
                });
            }
        }
    }

    /// A user who is in no group.
    #[cfg(test)]
    pub(crate) const fn none(user: UserId) -> Self {
        Self {
            user,
            groups: BTreeSet::new(),
            complete: true,
        }
    }

    /// Whose groups.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Whether the user is among those who may ask, as far as that is known without looking further.
    #[must_use]
    pub fn may(&self, eligible: &Eligibility) -> Option<bool> {
        match eligible {
            Eligibility::Everyone => Some(true),
            Eligibility::Nobody => Some(false),
            Eligibility::Only(who) => {
                let named = who.users.contains(&self.user) || !who.groups.is_disjoint(&self.groups);
                (named || self.complete).then_some(named)
            }
        }
    }

    /// Whether the user may ask for an entitlement. Only for lists: a request itself is judged by [`eligible`].
    ///
    /// # Errors
    /// Only when the table does not answer.
    pub async fn may_ask(&self, store: &dyn Store, entitlement: &Entitlement) -> Result<bool> {
        match self.may(&entitlement.eligible) {
            Some(may) => Ok(may),
            None => Ok(eligible(store, entitlement, self.user).await?.is_some()),
        }
    }
}

/// By what a user is among some principals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// In person.
    InPerson,
    /// As a member of this group.
    ThroughGroup(GroupId),
}

impl Named {
    /// `change`, relying on this being so still: that the group stands and the user is in it. Who is named in person is
    /// so by the version of the entitlement or the template.
    #[must_use]
    pub fn checked(self, change: Change, application: &ApplicationId, user: UserId) -> Change {
        match self {
            Self::InPerson => change,
            Self::ThroughGroup(group) => change
                .check_exists(keys::group(application, group))
                .check_exists(keys::member(application, group, user)),
        }
    }
}

/// By what a user is among `principals`, if they are.
///
/// # Errors
/// Only when the table does not answer.
pub async fn named(
    store: &dyn Store,
    application: &ApplicationId,
    principals: &Principals,
    user: UserId,
) -> Result<Option<Named>> {
    if principals.users.contains(&user) {
        return Ok(Some(Named::InPerson));
    }
    let groups: Vec<GroupId> = principals.groups.iter().copied().collect();
    let through = directory::member_of_any(store, application, user, &groups).await?;
    Ok(through.map(Named::ThroughGroup))
}

/// How many distinct other persons among `principals` could approve, counted up to `up_to`.
///
/// # Errors
/// Only when the table does not answer.
pub async fn available_approvers(
    store: &dyn Store,
    application: &ApplicationId,
    tenant: TenantId,
    principals: &Principals,
    excluded: &[&Party],
    up_to: u8,
) -> Result<u8> {
    let mut found: BTreeSet<PersonId> = BTreeSet::new();
    let enough = |found: &BTreeSet<PersonId>| found.len() >= usize::from(up_to);
    let people: Vec<UserId> = principals.users.iter().copied().collect();
    let people = directory::provisioned_users(store, application, &people).await?;
    let people: Vec<Stored<User>> = people.into_iter().flatten().collect();
    count(store, application, tenant, people, excluded, up_to, &mut found).await?;
    let mut read_so_far = 0;
    for group in &principals.groups {
        // A group that was deleted has no members, although their items go later.
        if enough(&found) || directory::group(store, application, *group).await?.is_none() {
            continue;
        }
        let mut after = None;
        while !enough(&found) && read_so_far < MOST_APPROVERS_READ {
            let page = directory::provisioned_members_page(store, application, *group, after, LARGEST_PAGE / 2).await?;
            read_so_far += page.read;
            count(store, application, tenant, page.standing, excluded, up_to, &mut found).await?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(u8::try_from(found.len()).unwrap_or(u8::MAX).min(up_to))
}

/// Adds the distinct persons behind `users` who could approve, until there are `up_to`.
async fn count(
    store: &dyn Store,
    application: &ApplicationId,
    tenant: TenantId,
    users: Vec<Stored<User>>,
    excluded: &[&Party],
    up_to: u8,
    found: &mut BTreeSet<PersonId>,
) -> Result<()> {
    let able: Vec<Option<Stored<User>>> = users
        .into_iter()
        .filter(|user| user.value.active && !user.value.is_guest())
        .map(Some)
        .collect();
    // Links are only looked up for as many as are needed.
    for some in able.chunks(LINKS_AT_A_TIME) {
        if found.len() >= usize::from(up_to) {
            break;
        }
        for user in persons::applied(store, application, some.to_vec()).await? {
            let Some(party) = user.and_then(|user| user.value.party(tenant)) else {
                continue;
            };
            if !excluded.iter().any(|other| other.same_person(&party)) {
                found.insert(party.person);
            }
        }
    }
    Ok(())
}

/// A group that feeds the approvers of an entitlement, its eligibility or its emergency people, and can be requested itself, if there is one:
/// whoever got into it by a grant could let others in.
///
/// # Errors
/// Only when the table does not answer.
pub async fn loop_group(store: &dyn Store, in_force: &InForce) -> Result<Option<String>> {
    let application = &in_force.entitlement.value.application;
    let mut sources: BTreeSet<GroupId> = in_force.approvers().groups.clone();
    if let Eligibility::Only(who) = &in_force.entitlement.value.eligible {
        sources.extend(&who.groups);
    }
    if let Some(emergency) = &in_force.entitlement.value.emergency {
        sources.extend(&emergency.people.groups);
    }
    if let Some(delegates) = &in_force.entitlement.value.delegates {
        sources.extend(&delegates.groups);
    }
    for source in sources {
        let Some(group) = directory::group(store, application, source).await? else {
            continue;
        };
        let Some(object_id) = group.value.object_id() else {
            continue;
        };
        let used = read::<GroupUse>(store, &keys::group_use(application, object_id)).await?;
        if used.is_some_and(|used| !used.value.target_of.is_empty()) {
            return Ok(Some(group.value.name()));
        }
    }
    Ok(None)
}
