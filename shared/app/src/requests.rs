//! Asking for access or for more time, taking a request back, and who may see one.

use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::decision::Decision;
use hourglass_domain::directory::{Party, User};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{EndOrder, Grant};
use hourglass_domain::ids::{EntitlementId, GrantId, RequestId, UserId};
use hourglass_domain::kill_switch::Pause;
use hourglass_domain::limit::Counted;
use hourglass_domain::person::LinkSettings;
use hourglass_domain::request::{
    Activation, Ask, AskFacts, CloseReason, ExtensionFacts, Request, RequestStatus, ask, ask_to_extend, no_beneficiary,
};
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::{Refusal, Timestamp};
use serde_json::Value;

use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, personal, read, read_page};
use crate::delegations;
use crate::directory;
use crate::emergencies;
use crate::error::Result;
use crate::grants;
use crate::idempotency::{Answer, Once, replay};
use crate::keys;
use crate::limits::{self, Allowed};
use crate::pause;
use crate::persons;
use crate::policy::{self, InForce, Named};
use crate::ports::Core;
use crate::ports::store::Query;
use crate::prompts;
use crate::records::{OpenRequest, RequestFor, Stored};

/// The function whose counters say how often a person asks.
const FUNCTION: &str = "requests";

/// What somebody asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRequest {
    /// Which entitlement.
    pub entitlement: EntitlementId,
    /// For whom; oneself where `None`.
    pub beneficiary: Option<UserId>,
    /// How long, why, from when.
    pub ask: Ask,
}

/// What somebody wants.
#[derive(Clone, Copy, Debug)]
enum Wanted<'a> {
    /// Access.
    New(&'a NewRequest),
    /// More time for a grant.
    Extension(GrantId, &'a Ask),
}

/// A request as it would be made, with what it rests on.
struct Prepared {
    request: Request,
    in_force: InForce,
    requester: Stored<User>,
    beneficiary: Stored<User>,
    eligible: Named,
    links: Stored<LinkSettings>,
    extends: Option<Stored<Grant>>,
    pause: Stored<Pause>,
    allowed: Allowed,
}

async fn prepare(core: &Core, who: &Who, wanted: Wanted<'_>, now: Timestamp) -> Result<Prepared> {
    who.require_scope(Scope::RequestsReadWrite)?;
    who.require_role(Role::Requester)?;
    let (requester, party) = who.party()?;
    let requester = requester.clone();
    let application = &who.application.value.id;
    let store = &*core.store;
    let (extends, entitlement) = match wanted {
        Wanted::New(new) => (None, new.entitlement),
        Wanted::Extension(grant, _) => {
            let grant = grants::own(core, who, grant).await?;
            let entitlement = grant.value.entitlement;
            (Some(grant), entitlement)
        }
    };
    let in_force = match &extends {
        None => policy::seen(core, who, entitlement).await?,
        // Whoever sees the grant knows of it.
        Some(_) => policy::in_force(store, application, entitlement).await?,
    };
    let wanted_ask = match wanted {
        Wanted::New(NewRequest { ask, .. }) | Wanted::Extension(_, ask) => ask,
    };
    // Of a grant, both are as they were pinned: what its end rests on does not change with a name or a link.
    let pinned = extends.as_ref().map(|grant| &grant.value);
    let person = party.person;
    let (party, beneficiary, for_whom, links) = parties(core, &in_force, (&requester, party), wanted, pinned).await?;
    let eligible = if wanted_ask.emergency {
        policy::emergency(store, &in_force.entitlement.value, for_whom.user).await?
    } else {
        policy::eligible(store, &in_force.entitlement.value, for_whom.user).await?
    };
    let open = read_page::<OpenRequest>(store, &Query::partition(keys::open_requests(requester.value.id))).await?;
    let asked_already = match &extends {
        None => keys::open_request(for_whom.user, entitlement),
        Some(grant) => keys::open_extension(for_whom.user, grant.value.id),
    };
    let asked_already = read::<OpenRequest>(store, &asked_already).await?.is_some();
    let available_approvers = policy::available_approvers(
        store,
        application,
        party.tenant,
        in_force.approvers(),
        &[&party, &for_whom],
        in_force.entitlement.value.quorum,
    )
    .await?;
    let facts = AskFacts {
        entitlement: (&in_force.entitlement.value, in_force.entitlement.version),
        template: (&in_force.template.value, in_force.template.version),
        requester: &party,
        beneficiary: &for_whom,
        eligible: eligible.is_some(),
        available_approvers,
        target_facts: &in_force.facts,
        // What others ask for on their behalf takes nobody's own room.
        open_requests: open.items.iter().filter(|open| open.value.requester.is_none()).count(),
        asked_already,
    };
    let id = RequestId::new(core.ids.uuid());
    let request = match (wanted, &extends) {
        (Wanted::Extension(_, wanted), Some(grant)) => {
            let ordered_to_end = is_ordered_to_end(core, grant.value.id).await?;
            let extends = extension_facts(&in_force, &grant.value, ordered_to_end);
            ask_to_extend(id, wanted.clone(), &facts, extends, now)?
        }
        (Wanted::New(NewRequest { ask: wanted, .. }) | Wanted::Extension(_, wanted), _) => {
            ask(id, wanted.clone(), &facts, now)?
        }
    };
    if request.activation == Activation::Emergency {
        emergencies::check_path(core, &beneficiary.value).await?;
    }
    // After the rules: who may not ask learns nothing about the state of things.
    let allowed = limits::check(core, FUNCTION, application, Counted::Requests, person).await?;
    if request.activation.is_approved() {
        prompts::check(store, &in_force.template.value, in_force.approvers(), now).await?;
    }
    let pause = pause::passed(store, application, request.entitlement, &[party.user, for_whom.user]).await?;
    Ok(Prepared {
        request,
        in_force,
        requester,
        beneficiary,
        links,
        eligible: eligible.unwrap_or(Named::InPerson),
        extends,
        pause,
        allowed,
    })
}

/// Who asks and for whom, and that the links between accounts are as they were read.
async fn parties(
    core: &Core,
    in_force: &InForce,
    requester: (&Stored<User>, Party),
    wanted: Wanted<'_>,
    pinned: Option<&Grant>,
) -> Result<(Party, Stored<User>, Party, Stored<LinkSettings>)> {
    let (store, application) = (&*core.store, &in_force.entitlement.value.application);
    let (requester, party) = requester;
    let party = match pinned {
        Some(grant) if grant.beneficiary.user == party.user => grant.beneficiary.clone(),
        Some(grant) => grant.requester.clone(),
        None => party,
    };
    let (beneficiary, for_whom, links) = match (wanted, pinned) {
        (_, Some(grant)) => {
            let user = directory::user(store, application, grant.beneficiary.user).await?;
            let user = user.filter(|user| user.value.active).ok_or(Refusal::AccountInactive)?;
            let (_, links) = persons::now(store, application, [&party]).await?;
            (user, grant.beneficiary.clone(), links)
        }
        (Wanted::New(new), None) => for_whom(core, in_force, (requester, &party), new).await?,
        (Wanted::Extension(..), None) => return Err(Refusal::NotFound { what: "grant" }.into()),
    };
    Ok((party, beneficiary, for_whom, links))
}

/// For whom it is asked, and that the links between accounts are as they were read. Whoever may not be named is refused by
/// the same sentence as whoever does not exist.
async fn for_whom(
    core: &Core,
    in_force: &InForce,
    requester: (&Stored<User>, &Party),
    new: &NewRequest,
) -> Result<(Stored<User>, Party, Stored<LinkSettings>)> {
    let store = &*core.store;
    let (user, party) = requester;
    let entitlement = &in_force.entitlement.value;
    let application = &entitlement.application;
    let Some(id) = new.beneficiary.filter(|id| *id != user.value.id) else {
        let (_, links) = persons::now(store, application, [party]).await?;
        return Ok((user.clone(), party.clone(), links));
    };
    let refused = || no_beneficiary(entitlement);
    let named = directory::user(store, application, id).await?;
    let named = named.filter(|named| named.value.active && !new.ask.emergency);
    let other = named.as_ref().and_then(|named| named.value.party(party.tenant));
    let (persons, links) = persons::now(store, application, other.iter().chain([party])).await?;
    let (named, other) = named.zip(other).ok_or_else(refused)?;
    let own = persons.same(party, &other);
    let may_have = policy::eligible(store, entitlement, id).await?.is_some();
    if own || (entitlement.on_behalf && may_have) {
        Ok((named, other, links))
    } else {
        Err(refused().into())
    }
}

/// Whether somebody has ordered the grant to end.
pub(crate) async fn is_ordered_to_end(core: &Core, grant: GrantId) -> Result<bool> {
    let order: Option<Stored<EndOrder>> = read(&*core.store, &keys::end_order(grant)).await?;
    Ok(order.is_some())
}

/// What an extension of `grant` is judged by.
pub(crate) fn extension_facts<'a>(in_force: &InForce, grant: &'a Grant, ordered_to_end: bool) -> ExtensionFacts<'a> {
    ExtensionFacts {
        grant,
        ordered_to_end,
        latest_end: in_force.latest_end(grant),
    }
}

/// What a request would be, without making it.
///
/// # Errors
/// As [`create`].
pub async fn preview(core: &Core, who: &Who, new: &NewRequest) -> Result<Request> {
    let now = core.clock.now();
    Ok(prepare(core, who, Wanted::New(new), now).await?.request)
}

/// Makes a request, in one transaction with its audit event, the promise that it lapses, and the stored answer.
///
/// # Errors
/// The rule that refuses it.
pub async fn create(
    core: &Core,
    who: &Who,
    new: &NewRequest,
    once: Option<&Once>,
    render: &(dyn Fn(&Request) -> Value + Sync),
) -> Result<Answer> {
    make(core, who, Wanted::New(new), once, render).await
}

/// Makes a request for more time for a live grant of the caller's. It waits for the same approvers as a new one, and
/// lapses with the grant at the latest. The transaction rests on the grant being as it was read.
///
/// # Errors
/// The rule that refuses it.
pub async fn extend(
    core: &Core,
    who: &Who,
    grant: GrantId,
    ask: &Ask,
    once: Option<&Once>,
    render: &(dyn Fn(&Request) -> Value + Sync),
) -> Result<Answer> {
    make(core, who, Wanted::Extension(grant, ask), once, render).await
}

async fn make(
    core: &Core,
    who: &Who,
    wanted: Wanted<'_>,
    once: Option<&Once>,
    render: &(dyn Fn(&Request) -> Value + Sync),
) -> Result<Answer> {
    for _ in 0..DECIDE_AGAIN {
        let (answer, replaced) = replay(core, once).await?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
        let now = core.clock.now();
        let prepared = prepare(core, who, wanted, now).await?;
        let request = &prepared.request;
        let answer = Answer {
            status: 201,
            body: render(request),
        };
        let lapse = DueEntry::new(request.lapses_at, DueKind::Lapse, request.id);
        let mut change = Change::new()
            .create(request)?
            .due(&[], &[lapse])?
            .check(&prepared.requester)
            .check_same(&prepared.beneficiary)
            .check(&prepared.in_force.entitlement)
            .check(&prepared.in_force.template)
            .event(StreamId::request(request.id), created(core, who, request, now));
        for marker in OpenRequest::of(request) {
            change = change.create(&marker)?;
        }
        if let Some(marker) = RequestFor::of(request) {
            // Whoever gets access that somebody else asked for is told.
            let draft = Draft::new(now, who.actor(), "request.created_for")
                .fact("request", request.id)
                .fact("requester", request.requester.user)
                .fact("entitlement", request.entitlement);
            let stream = StreamId::user(&request.application, marker.user);
            change = change.create(&marker)?.event(stream, draft);
        }
        change = persons::checked(change, &prepared.links);
        if let Some(grant) = &prepared.extends {
            let draft = Draft::new(now, who.actor(), "grant.extension_requested")
                .fact("grant", grant.value.id)
                .fact("request", request.id)
                .fact("duration", request.duration);
            change = change.check(grant).event(StreamId::request(grant.value.request), draft);
        }
        change = prepared
            .eligible
            .checked(change, &request.application, request.beneficiary.user);
        change = pause::checked(change, &prepared.pause);
        change = prepared.allowed.counted(change, now)?;
        if let Some(once) = once {
            change = change.replace(replaced, &once.record(&answer, now))?;
        }
        match change.commit(&*core.store).await {
            Ok(()) => {
                tracing::info!(
                    request.id = %request.id,
                    entitlement.id = %request.entitlement,
                    extends = ?request.kind.extends(),
                    "request made"
                );
                return Ok(answer);
            }
            // Something it was judged by changed, or the same call came twice: judge again.
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// The event of a new request.
fn created(core: &Core, who: &Who, request: &Request, now: Timestamp) -> Draft {
    let mut draft = Draft::new(now, who.actor(), "request.created")
        .fact("entitlement", request.entitlement)
        .fact("duration", request.duration)
        .fact("quorum", request.quorum)
        .fact("activation", request.activation.name())
        .fact("policy", request.policy.hash)
        .fact("lapses_at", request.lapses_at)
        .fact("client", &who.caller.client);
    if request.beneficiary.user != request.requester.user {
        draft = draft.fact("beneficiary", request.beneficiary.user);
    }
    if let Some(grant) = request.kind.extends() {
        draft = draft.fact("extends", grant);
    }
    draft.personal(personal(
        &*core.ids,
        &[
            ("justification", Some(&request.justification)),
            ("ticket", request.ticket.as_deref()),
        ],
    ))
}

/// Takes a pending request back.
///
/// # Errors
/// When the caller did not make it and would not get the access, or it is not pending.
pub async fn cancel(core: &Core, who: &Who, id: RequestId) -> Result<Request> {
    who.require_scope(Scope::RequestsReadWrite)?;
    let (_, party) = who.party()?;
    for _ in 0..DECIDE_AGAIN {
        let stored = find(core, who, id).await?;
        if !mine(core, &stored.value, &party).await? {
            return Err(visible_or_not_found(core, who, &stored.value).await);
        }
        let closing = Closing {
            by: Some(&party),
            ..Closing::new(RequestStatus::Cancelled, "cancelled", who.actor())
        };
        match close(core, &stored, closing).await {
            Ok(request) => return Ok(request),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// Reminds the approvers of a pending request: says in its history, and to whoever opens the inbox, that it is asked for
/// again.
///
/// # Errors
/// When the caller did not make it and would not get the access, it does not wait for approvers, or they were reminded too
/// often.
pub async fn remind(core: &Core, who: &Who, id: RequestId) -> Result<Request> {
    who.require_scope(Scope::RequestsReadWrite)?;
    let (_, party) = who.party()?;
    for _ in 0..DECIDE_AGAIN {
        let stored = find(core, who, id).await?;
        if !mine(core, &stored.value, &party).await? {
            return Err(visible_or_not_found(core, who, &stored.value).await);
        }
        let now = core.clock.now();
        let request = stored.value.reminded(now)?;
        let application = &who.application.value.id;
        let allowed = limits::check(core, FUNCTION, application, Counted::Reminders, party.person).await?;
        let draft = Draft::new(now, who.actor(), "request.reminded");
        let change = Change::new()
            .replace(stored.version, &request)?
            .event(StreamId::request(request.id), draft);
        match allowed.counted(change, now)?.commit(&*core.store).await {
            Ok(()) => return Ok(request),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// Someone who sees the request learns that only requester and beneficiary may; anyone else that there is none.
async fn visible_or_not_found(core: &Core, who: &Who, request: &Request) -> crate::AppError {
    match may_see(core, who, request).await {
        Ok(true) => Refusal::RoleMissing {
            role: "of the requester or the beneficiary",
        }
        .into(),
        Ok(false) => Refusal::NotFound { what: "request" }.into(),
        Err(error) => error,
    }
}

/// How a pending request is closed without a grant.
#[derive(Clone, Debug)]
pub struct Closing<'a> {
    /// As what.
    pub status: RequestStatus,
    /// What somebody wanted to have done to it, for a refusal.
    pub wanted: &'static str,
    /// Who or what closes it, for the history.
    pub actor: Actor,
    /// The person who takes it back, where one does.
    pub by: Option<&'a Party>,
    /// Why, where the state does not say it.
    pub because: Option<CloseReason>,
}

impl Closing<'_> {
    /// By nobody, and without a reason.
    #[must_use]
    pub const fn new(status: RequestStatus, wanted: &'static str, actor: Actor) -> Self {
        Self {
            status,
            wanted,
            actor,
            by: None,
            because: None,
        }
    }
}

/// Closes a pending request without a grant, and takes away what stood for it.
///
/// # Errors
/// When it is not pending, or changed meanwhile.
pub async fn close(core: &Core, stored: &Stored<Request>, closing: Closing<'_>) -> Result<Request, ChangeError> {
    let Closing {
        status,
        wanted,
        actor,
        by,
        because,
    } = closing;
    let now = core.clock.now();
    let mut request = stored
        .value
        .close(status, wanted, now)
        .map_err(|refusal| ChangeError::App(refusal.into()))?;
    request.closed_because = because;
    request.closed_by = by.cloned();
    let action = match status {
        RequestStatus::Cancelled => "request.cancelled",
        RequestStatus::Lapsed => "request.lapsed",
        RequestStatus::Denied => "request.denied",
        RequestStatus::Approved | RequestStatus::Pending => "request.closed",
    };
    let mut draft = Draft::new(now, actor, action);
    if let Some(because) = because {
        draft = draft.fact("because", because.name());
    }
    OpenRequest::gone(&request, Change::new())
        .replace(stored.version, &request)?
        .due(&[DueEntry::new(request.lapses_at, DueKind::Lapse, request.id)], &[])?
        .event(StreamId::request(request.id), draft)
        .commit(&*core.store)
        .await?;
    tracing::info!(request.id = %request.id, status = ?status, "request closed");
    Ok(request)
}

/// Closes the open request to extend a grant that has ended or is ending, if there is one: nobody can approve it any
/// more.
///
/// # Errors
/// When the table does not answer. The request then lapses at the grant's old end at the latest.
pub(crate) async fn close_extension_of(core: &Core, grant: &Grant, actor: &Actor) -> Result<()> {
    let store = &*core.store;
    for _ in 0..DECIDE_AGAIN {
        let key = keys::open_extension(grant.beneficiary.user, grant.id);
        let Some(open) = read::<OpenRequest>(store, &key).await? else {
            return Ok(());
        };
        let request: Option<Stored<Request>> = read(store, &keys::request(open.value.request)).await?;
        let Some(request) = request.filter(|request| request.value.status == RequestStatus::Pending) else {
            return Ok(());
        };
        let closing = Closing {
            because: Some(CloseReason::GrantEnded),
            ..Closing::new(RequestStatus::Cancelled, "cancelled", actor.clone())
        };
        match close(core, &request, closing).await {
            Ok(_) => return Ok(()),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// A request that the caller may see.
///
/// # Errors
/// Not found when there is none, or it is not the caller's to see.
pub async fn get(core: &Core, who: &Who, id: RequestId) -> Result<Stored<Request>> {
    let stored = find(core, who, id).await?;
    if may_see(core, who, &stored.value).await? {
        Ok(stored)
    } else {
        Err(Refusal::NotFound { what: "request" }.into())
    }
}

/// A request of the caller's application, whoever may see it.
pub(crate) async fn find(core: &Core, who: &Who, id: RequestId) -> Result<Stored<Request>> {
    let stored: Option<Stored<Request>> = read(&*core.store, &keys::request(id)).await?;
    let own = |stored: &Stored<Request>| stored.value.application == who.application.value.id;
    Ok(stored.filter(own).ok_or(Refusal::NotFound { what: "request" })?)
}

/// Requesters and beneficiaries see their own, approvers what they may decide or decided, auditors and admins all.
pub(crate) async fn may_see(core: &Core, who: &Who, request: &Request) -> Result<bool> {
    if who.reads_all() {
        return Ok(true);
    }
    let Ok((_, party)) = who.party() else {
        return Ok(false);
    };
    if mine(core, request, &party).await? || decided(core, request, &party).await? {
        return Ok(true);
    }
    is_approver(core, &party, request).await
}

/// Whether the caller sees a request for nothing but their role as auditor or admin.
pub(crate) async fn seen_by_role(core: &Core, who: &Who, request: &Request) -> Result<bool> {
    if !who.reads_all() {
        return Ok(false);
    }
    let Ok((_, party)) = who.party() else {
        return Ok(true);
    };
    Ok(!mine(core, request, &party).await?
        && !decided(core, request, &party).await?
        && !is_approver(core, &party, request).await?)
}

/// Whether a party is requester or beneficiary, with whatever account: as links are now.
pub(crate) async fn mine(core: &Core, request: &Request, party: &Party) -> Result<bool> {
    let own = [&request.requester, &request.beneficiary];
    let (persons, _) = persons::now(&*core.store, &request.application, own.into_iter().chain([party])).await?;
    Ok(persons.is_any(party, own))
}

/// Whether a party has decided on a request, with whatever account.
pub(crate) async fn decided(core: &Core, request: &Request, party: &Party) -> Result<bool> {
    let decisions = Query::partition(keys::decisions(request.id));
    let decisions = read_page::<Decision>(&*core.store, &decisions).await?.items;
    if decisions.is_empty() {
        return Ok(false);
    }
    let approvers: Vec<&Party> = decisions
        .iter()
        .flat_map(|decision| decision.value.hand().parties())
        .collect();
    let all = approvers.iter().copied().chain([party]);
    let (persons, _) = persons::now(&*core.store, &request.application, all).await?;
    Ok(persons.is_any(party, approvers))
}

/// Whether a party is an approver of what was requested, now, or the delegate of one.
pub(crate) async fn is_approver(core: &Core, party: &Party, request: &Request) -> Result<bool> {
    let store = &*core.store;
    let key = keys::entitlement(&request.application, request.entitlement);
    let Some(entitlement) = read::<hourglass_domain::entitlement::Entitlement>(store, &key).await? else {
        return Ok(false);
    };
    let template = policy::template(store, &request.application).await?;
    let approvers = entitlement.value.approvers_in_force(&template.value);
    if policy::named(store, &request.application, approvers, party.user)
        .await?
        .is_some()
    {
        return Ok(true);
    }
    let acting = delegations::acting(store, &entitlement.value, approvers, party, core.clock.now()).await?;
    Ok(!acting.is_empty())
}

/// Lapses a request whose time to live is over; anything else is left alone. For the sweep.
///
/// # Errors
/// Only when the table does not answer.
pub async fn lapse(core: &Core, id: RequestId) -> Result<()> {
    for _ in 0..DECIDE_AGAIN {
        let Some(stored) = read::<Request>(&*core.store, &keys::request(id)).await? else {
            return Ok(());
        };
        let open = stored.value.status == RequestStatus::Pending;
        if !open || core.clock.now() < stored.value.lapses_at {
            return Ok(());
        }
        let closing = Closing::new(RequestStatus::Lapsed, "lapsed", Actor::system("revocation"));
        match close(core, &stored, closing).await {
            Ok(_) => return Ok(()),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}
