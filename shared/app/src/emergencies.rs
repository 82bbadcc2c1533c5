//! Emergencies: whether the path is open to somebody, and the review that another person owes afterwards.

use hourglass_domain::activation::{EmergencyUse, MOST_EMERGENCIES, REVIEW_SECONDS, check_emergency_path};
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::directory::User;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_domain::ids::{ApplicationId, GrantId, PersonId};
use hourglass_domain::request::Request;
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::{Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::auth_context;
use crate::caller::Who;
use crate::catalogue::search;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, personal, read, read_many, read_page};
use crate::error::Result;
use crate::keys;
use crate::persons;
use crate::policy;
use crate::ports::Core;
use crate::ports::store::{Key, MOST_KEYS, Page, Query};
use crate::records::{Record, Stored};
use crate::requests;

/// Most entitlements that are offered for an emergency.
const MOST_OFFERS: usize = 200;

/// The last emergency of a person: what makes one come after the other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastEmergency {
    /// The application.
    pub application: ApplicationId,
    /// The person.
    pub person: PersonId,
    /// Its grant.
    pub grant: GrantId,
}

impl Record for LastEmergency {
    const KIND: &'static str = "last_emergency";
    fn key(&self) -> Key {
        keys::last_emergency(&self.application, self.person)
    }
    fn audit_id(&self) -> String {
        self.person.to_string()
    }
}

impl Record for EmergencyUse {
    const KIND: &'static str = "emergency";
    fn key(&self) -> Key {
        keys::emergency(&self.application, self.person, self.grant)
    }
    fn audit_id(&self) -> String {
        self.grant.to_string()
    }
}

/// The version of the person's last emergency, if the path is open to them: none of theirs is live, and each was reviewed
/// in time.
///
/// # Errors
/// What keeps it closed.
pub(crate) async fn check_path(core: &Core, user: &User) -> Result<u64> {
    let store = &*core.store;
    let application = &user.application;
    // What was noted before accounts were linked lies under the persons that they were then: under their own ids.
    let accounts = persons::others(store, user)
        .await?
        .into_iter()
        .map(|other| other.value.id);
    let before = accounts.chain([user.id]).map(|id| PersonId::new(id.uuid()));
    let mut persons: Vec<PersonId> = before.filter(|person| *person != user.person).collect();
    persons.push(user.person);
    let (mut live, mut uses, mut version) = (None, Vec::new(), 0);
    for person in persons {
        let last: Option<Stored<LastEmergency>> = read(store, &keys::last_emergency(application, person)).await?;
        // The person's own comes last.
        version = last.as_ref().map_or(0, |last| last.version);
        if let Some(last) = last
            && let Some(grant) = read::<Grant>(store, &keys::grant(last.value.grant)).await?
            // A grant that two admins closed by hand is over as far as anybody can tell.
            && !matches!(grant.value.status, GrantStatus::Ended | GrantStatus::ClosedByHand)
        {
            live = Some(grant.value.id);
        }
        unreviewed(core, application, person, &mut uses).await?;
    }
    check_emergency_path(&uses, live, core.clock.now())?;
    Ok(version)
}

/// Adds the emergencies of a person that nobody has reviewed.
async fn unreviewed(
    core: &Core,
    application: &ApplicationId,
    person: PersonId,
    uses: &mut Vec<EmergencyUse>,
) -> Result<()> {
    let query = Query::partition(keys::emergencies(application)).prefix(keys::emergencies_of(person));
    let mut after = None;
    loop {
        let page = read_page::<EmergencyUse>(&*core.store, &query.clone().after(after)).await?;
        let waiting = page.items.into_iter().map(|stored| stored.value);
        uses.extend(waiting.filter(|emergency| emergency.review.is_none()));
        after = page.next;
        if after.is_none() || uses.len() >= MOST_EMERGENCIES {
            return Ok(());
        }
    }
}

/// `change`, with the emergency, that it is the person's last one, and the promise that its review is asked for again. A
/// second emergency at the same moment makes one of the two conflict.
///
/// # Errors
/// As [`Change::create`].
pub(crate) fn noted(change: Change, last: u64, request: &Request, grant: &Grant, now: Timestamp) -> Result<Change> {
    let by = &request.beneficiary;
    let emergency = EmergencyUse {
        application: request.application.clone(),
        person: by.person,
        by: by.clone(),
        request: request.id,
        grant: grant.id,
        entitlement: request.entitlement,
        entitlement_name: request.entitlement_name.clone(),
        activated_at: now,
        review_by: now.plus_seconds(REVIEW_SECONDS),
        review: None,
    };
    let pointer = LastEmergency {
        application: request.application.clone(),
        person: by.person,
        grant: grant.id,
    };
    let again = promise(&emergency, emergency.review_by);
    Ok(change.create(&emergency)?.replace(last, &pointer)?.due(&[], &[again])?)
}

fn promise(emergency: &EmergencyUse, at: Timestamp) -> DueEntry {
    let id = format!("{}/{}:{}", emergency.application, emergency.person, emergency.grant);
    DueEntry::new(at, DueKind::Review, id)
}

/// What the caller may activate in an emergency: at most [`MOST_OFFERS`].
///
/// # Errors
/// When the caller may not ask for anything.
pub async fn offers(core: &Core, index: &search::Index, who: &Who) -> Result<Vec<Entitlement>> {
    who.require_role(Role::Requester)?;
    let (store, application) = (&*core.store, &who.application.value.id);
    let (user, _) = who.party()?;
    let ids = search::for_emergencies(store, index, application).await?;
    let keys: Vec<Key> = ids.iter().map(|id| keys::entitlement(application, *id)).collect();
    let mut found = Vec::new();
    for keys in keys.chunks(MOST_KEYS) {
        for entitlement in read_many::<Entitlement>(store, keys).await?.into_iter().flatten() {
            let entitlement = entitlement.value;
            let may = entitlement.enabled && policy::emergency(store, &entitlement, user.value.id).await?.is_some();
            if may && found.len() < MOST_OFFERS {
                found.push(entitlement);
            }
        }
    }
    Ok(found)
}

/// For how long these may be activated, each of them or at least one: the durations to choose from, shortest first.
///
/// # Errors
/// When the application has no template.
pub async fn durations(core: &Core, who: &Who, offers: &[Entitlement]) -> Result<BTreeSet<AccessDuration>> {
    let template = policy::template(&*core.store, &who.application.value.id).await?;
    let mut all = BTreeSet::new();
    for offer in offers {
        let Some(emergency) = &offer.emergency else { continue };
        let within = offer.durations_in_force(&template.value).into_iter();
        all.extend(within.filter(|duration| *duration <= emergency.maximum));
    }
    Ok(all)
}

/// The requests behind emergencies, in the same order: what was written when they were activated.
///
/// # Errors
/// When the table does not answer.
pub async fn requests_of(core: &Core, emergencies: &[Stored<EmergencyUse>]) -> Result<Vec<Option<Request>>> {
    let keys: Vec<Key> = emergencies.iter().map(|one| keys::request(one.value.request)).collect();
    let mut found = Vec::with_capacity(keys.len());
    for keys in keys.chunks(MOST_KEYS) {
        let read = read_many::<Request>(&*core.store, keys).await?;
        found.extend(read.into_iter().map(|stored| stored.map(|stored| stored.value)));
    }
    Ok(found)
}

/// Emergencies of the application, for those who may review them.
///
/// # Errors
/// When the caller is no admin, auditor or approver.
pub async fn list(core: &Core, who: &Who, after: Option<String>, limit: usize) -> Result<Page<Stored<EmergencyUse>>> {
    if !who.reads_all() {
        who.require_role(Role::Approver)?;
    }
    let application = &who.application.value.id;
    let query = Query::partition(keys::emergencies(application))
        .prefix(keys::EMERGENCIES)
        .after(after)
        .limit(limit);
    let mut page = read_page::<EmergencyUse>(&*core.store, &query).await?;
    if !who.reads_all() {
        let mut seen = Vec::new();
        for emergency in page.items {
            let request: Option<Stored<Request>> = read(&*core.store, &keys::request(emergency.value.request)).await?;
            if let Some(request) = request
                && requests::may_see(core, who, &request.value).await?
            {
                seen.push(emergency);
            }
        }
        page.items = seen;
    }
    Ok(page)
}

/// Reviews an emergency: by an admin, or somebody who may approve what was taken, and never by the person themselves.
///
/// # Errors
/// When there is none, or the caller may not review it.
pub async fn review(core: &Core, who: &Who, grant: GrantId, justified: bool, comment: &str) -> Result<EmergencyUse> {
    who.require_scope(Scope::DecisionsWrite)?;
    let store = &*core.store;
    let (_, party) = who.party()?;
    auth_context::step_up(core, who).await?;
    let unknown = Refusal::NotFound { what: "emergency" };
    for _ in 0..DECIDE_AGAIN {
        let stored: Stored<Grant> = read(store, &keys::grant(grant)).await?.ok_or_else(|| unknown.clone())?;
        let request = requests::get(core, who, stored.value.request)
            .await
            .map_err(|_| unknown.clone())?
            .value;
        let key = keys::emergency(&request.application, request.beneficiary.person, grant);
        let emergency: Stored<EmergencyUse> = read(store, &key).await?.ok_or_else(|| unknown.clone())?;
        if requests::mine(core, &request, &party).await? {
            return Err(Refusal::OwnAccess.into());
        }
        if !who.has(Role::Admin) && !requests::is_approver(core, &party, &request).await? {
            return Err(Refusal::NotApprover {
                name: request.entitlement_name.clone(),
            }
            .into());
        }
        let now = core.clock.now();
        let reviewed = emergency.value.reviewed(&party, justified, comment, now)?;
        let draft = Draft::new(now, who.actor(), "emergency.reviewed")
            .fact("grant", grant)
            .fact("justified", justified)
            .personal(personal(&*core.ids, &[("comment", Some(comment))]));
        let done = Change::new()
            .replace(emergency.version, &reviewed)?
            .event(StreamId::request(request.id), draft)
            .commit(store)
            .await;
        match done {
            Ok(()) => return Ok(reviewed),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// Tells again that an emergency was not reviewed, every day until it is. For the sweep; the entry it was started by is
/// taken away in the same transaction.
///
/// # Errors
/// Only when the table does not answer.
pub async fn remind(
    core: &Core,
    application: &ApplicationId,
    person: PersonId,
    grant: GrantId,
    due: &DueEntry,
) -> Result<()> {
    let store = &*core.store;
    let key = keys::emergency(application, person, grant);
    let now = core.clock.now();
    let change = match read::<EmergencyUse>(store, &key).await? {
        Some(emergency) if emergency.value.review.is_none() => {
            let emergency = emergency.value;
            tracing::info!(target: "metric", metric = "unreviewed_emergencies", value = 1_u64, unit = "Count");
            tracing::warn!(grant.id = %grant, since = %emergency.activated_at, "an emergency has not been reviewed");
            let draft = Draft::new(now, Actor::system("revocation"), "emergency.unreviewed")
                .fact("grant", grant)
                .fact("person", person)
                .fact("activated_at", emergency.activated_at);
            Change::new()
                .due(
                    std::slice::from_ref(due),
                    &[promise(&emergency, now.plus_seconds(REVIEW_SECONDS))],
                )?
                .event(StreamId::request(emergency.request), draft)
        }
        _ => Change::new().due(std::slice::from_ref(due), &[])?,
    };
    Ok(change.commit(store).await?)
}
