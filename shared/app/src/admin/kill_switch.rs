//! The kill switch as admins use it: look what would end, press, propose a release, confirm somebody else's.
//!
//! A press stores the pause of the scope, the order and its promise in one transaction; workers carry the order out
//! ([`crate::workers::kill`]). It needs one admin, whoever they are: being in scope oneself keeps nobody from it.

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{ApplicationId, KillId, ObjectId, ProposalId};
use hourglass_domain::kill_switch::{
    Admin, CONFIRMATION_SECONDS, KillOrder, KillScope, PROPOSAL_SECONDS, Paused, Progress, Proposal, Stage,
    check_confirmation, confirmation,
};
use hourglass_domain::request::{Request, RequestStatus};
use hourglass_domain::text::{LONGEST_JUSTIFICATION, check_free_text};
use hourglass_domain::{Refusal, Timestamp};
use serde_json::Value;

use super::require_admin;
use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, personal, read, read_many, read_page};
use crate::directory;
use crate::error::Result;
use crate::idempotency::{Answer, Once, replay};
use crate::keys;
use crate::pause;
use crate::persons;
use crate::ports::Core;
use crate::ports::store::{Key, LARGEST_PAGE, List, MOST_KEYS, Query, Store};
use crate::records::{LiveGrant, LiveInApplication, OpenRequest, Stored, kill_promise};

/// Most grants, and most requests, that a preview names.
const MOST_NAMED: usize = 50;
/// Most pages of one list that are counted; a count that stops there says so.
const MOST_PAGES: usize = 100;

/// What a press would end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preview {
    /// The scope.
    pub scope: KillScope,
    /// The entitlement's or the user's name.
    pub name: Option<String>,
    /// The name that the user signs in with, where it is a user who is provisioned.
    pub user_name: Option<String>,
    /// Grants that have not ended and whose time has come; those that are ending already are among them.
    pub grants: u64,
    /// Grants whose start lies ahead.
    pub scheduled: u64,
    /// Requests that wait.
    pub requests: u64,
    /// Whether there are more than was counted.
    pub more: bool,
    /// Some of the grants.
    pub some_grants: Vec<Grant>,
    /// Some of the requests.
    pub some_requests: Vec<Request>,
    /// What the press has to bring.
    pub confirmation: String,
    /// Until when.
    pub confirm_until: Timestamp,
}

/// A paused scope, and how far its order was carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// What is paused.
    pub paused: Paused,
    /// How far the last press was carried out.
    pub progress: Progress,
    /// Grants in scope that have not ended yet.
    pub removing: u64,
}

fn admin(who: &Who) -> Admin {
    Admin {
        tenant: who.caller.tenant,
        object_id: who.caller.object_id,
        party: who.party().ok().map(|(_, party)| party),
    }
}

fn stream(application: &ApplicationId) -> StreamId {
    StreamId::config(application, "kill_switch", application.as_str())
}

/// What a press would end, and what it has to bring.
///
/// # Errors
/// When the caller is no admin, or there is no such entitlement or user.
pub async fn preview(core: &Core, who: &Who, scope: KillScope) -> Result<Preview> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let Named { name, user_name } = name_of(core, application, scope).await?;
    let now = core.clock.now();
    let found = live(core, application, scope, now).await?;
    let waiting = waiting(core, application, scope).await?;
    Ok(Preview {
        scope,
        name,
        user_name,
        grants: found.grants,
        scheduled: found.scheduled,
        requests: waiting.count,
        more: found.more || waiting.more,
        some_grants: found.some,
        some_requests: waiting.some,
        confirmation: confirmation(application, scope, &admin(who), now),
        confirm_until: now.plus_seconds(CONFIRMATION_SECONDS),
    })
}

/// What is in scope, by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Named {
    /// The entitlement's or the user's name, where there is one.
    pub name: Option<String>,
    /// The name that the user signs in with, where it is a user who is provisioned.
    pub user_name: Option<String>,
}

/// The names of what is in scope.
///
/// # Errors
/// When the caller is no admin, or there is no such entitlement or user.
pub async fn named(core: &Core, who: &Who, scope: KillScope) -> Result<Named> {
    require_admin(who)?;
    name_of(core, &who.application.value.id, scope).await
}

/// The names of what is in scope. A user who was deleted has none of their own, and may have live grants still.
async fn name_of(core: &Core, application: &ApplicationId, scope: KillScope) -> Result<Named> {
    let store = &*core.store;
    let named = |name| Named {
        name: Some(name),
        user_name: None,
    };
    match scope {
        KillScope::All => Ok(Named::default()),
        KillScope::Entitlement { id } => {
            let stored: Option<Stored<Entitlement>> = read(store, &keys::entitlement(application, id)).await?;
            let stored = stored.ok_or(Refusal::NotFound { what: "entitlement" })?;
            Ok(named(stored.value.name))
        }
        KillScope::User { id } => {
            if let Some(user) = directory::provisioned_user(store, application, id).await? {
                return Ok(Named {
                    user_name: Some(user.value.sign_in_name()),
                    ..named(user.value.name())
                });
            }
            let live = read_page::<LiveGrant>(store, &Query::partition(keys::live_grants(id)).limit(1)).await?;
            let grant = live.items.first().map(|live| keys::grant(live.value.grant));
            let grant = match grant {
                Some(key) => read::<Grant>(store, &key).await?,
                None => None,
            };
            let own = grant.filter(|grant| grant.value.application == *application);
            let grant = own.ok_or(Refusal::NotFound { what: "user" })?;
            Ok(named(grant.value.beneficiary.name))
        }
    }
}

#[derive(Default)]
struct Live {
    grants: u64,
    scheduled: u64,
    more: bool,
    some: Vec<Grant>,
}

/// Counts the grants in scope that have not ended, and reads some of them.
async fn live(core: &Core, application: &ApplicationId, scope: KillScope, now: Timestamp) -> Result<Live> {
    let store = &*core.store;
    let mut found = Live::default();
    if let KillScope::User { id } = scope {
        let mut query = Query::partition(keys::live_grants(id)).limit(MOST_KEYS);
        for _ in 0..MOST_PAGES {
            let page = read_page::<LiveGrant>(store, &query).await?;
            let keys: Vec<Key> = page.items.iter().map(|live| keys::grant(live.value.grant)).collect();
            for grant in read_many::<Grant>(store, &keys).await?.into_iter().flatten() {
                count(&mut found, grant.value.starts_at > now);
                if found.some.len() < MOST_NAMED {
                    found.some.push(grant.value);
                }
            }
            query = query.after(page.next);
            if query.after.is_none() {
                return Ok(found);
            }
        }
        found.more = true;
        return Ok(found);
    }
    let shards = (0..keys::LIVE_SHARDS).map(|shard| markers(store, application, scope, shard));
    let mut named: Vec<Key> = Vec::new();
    for part in futures_util::future::join_all(shards).await {
        let (markers, more) = part?;
        found.more |= more;
        for marker in markers {
            count(&mut found, marker.starts_at > now);
            if named.len() < MOST_NAMED {
                named.push(keys::grant(marker.grant));
            }
        }
    }
    let some = read_many::<Grant>(store, &named).await?;
    found.some = some.into_iter().flatten().map(|grant| grant.value).collect();
    Ok(found)
}

const fn count(found: &mut Live, scheduled: bool) {
    if scheduled {
        found.scheduled = found.scheduled.saturating_add(1);
    } else {
        found.grants = found.grants.saturating_add(1);
    }
}

/// The markers of one partition, and whether there are more than are counted.
async fn markers(
    store: &dyn Store,
    application: &ApplicationId,
    scope: KillScope,
    shard: u8,
) -> Result<(Vec<LiveInApplication>, bool)> {
    let mut query = Query::partition(keys::live_in_application(application, shard)).limit(LARGEST_PAGE);
    if let KillScope::Entitlement { id } = scope {
        query = query.prefix(keys::live_of_entitlement(id));
    }
    let mut markers = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = read_page::<LiveInApplication>(store, &query).await?;
        markers.extend(page.items.into_iter().map(|marker| marker.value));
        query = query.after(page.next);
        if query.after.is_none() {
            return Ok((markers, false));
        }
    }
    Ok((markers, true))
}

#[derive(Default)]
struct Waiting {
    count: u64,
    more: bool,
    some: Vec<Request>,
}

/// Counts the requests in scope that wait, and reads some of them. The list of an application is an index: what was
/// asked in the last second may be missing.
async fn waiting(core: &Core, application: &ApplicationId, scope: KillScope) -> Result<Waiting> {
    let store = &*core.store;
    let mut found = Waiting::default();
    let mut after: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let (keys, next) = if let KillScope::User { id } = scope {
            let query = Query::partition(keys::open_requests(id)).after(after).limit(MOST_KEYS);
            let page = read_page::<OpenRequest>(store, &query).await?;
            let keys = page
                .items
                .iter()
                .map(|open| keys::request(open.value.request))
                .collect();
            (keys, page.next)
        } else {
            let query = Query::partition(keys::requests_waiting(application))
                .after(after)
                .limit(MOST_KEYS);
            let page = store.list(List::Waiting, &query).await?;
            (page.items, page.next)
        };
        for request in read_many::<Request>(store, &keys).await?.into_iter().flatten() {
            let request = request.value;
            let users = [request.requester.user, request.beneficiary.user];
            if request.status == RequestStatus::Pending && scope.covers(request.entitlement, &users) {
                found.count = found.count.saturating_add(1);
                if found.some.len() < MOST_NAMED {
                    found.some.push(request);
                }
            }
        }
        after = next;
        if after.is_none() {
            return Ok(found);
        }
    }
    found.more = true;
    Ok(found)
}

/// A press: the scope is paused and the order stored, in one transaction.
///
/// # Errors
/// When the caller is no admin, there is no such entitlement or user, no reason is given, or the confirmation is not one
/// of this scope.
pub async fn press(
    core: &Core,
    who: &Who,
    scope: KillScope,
    reason: &str,
    confirmation: &str,
    once: Option<&Once>,
    render: &(dyn Fn(&State) -> Value + Sync),
) -> Result<Answer> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let by = admin(who);
    for _ in 0..DECIDE_AGAIN {
        let (answer, replaced) = replay(core, once).await?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
        let now = core.clock.now();
        name_of(core, application, scope).await?;
        check_free_text("reason", reason, 1, LONGEST_JUSTIFICATION)?;
        check_confirmation(confirmation, application, scope, &by, now)?;
        let before = pause::of(&*core.store, application).await?;
        let order = KillOrder {
            id: KillId::new(core.ids.uuid()),
            application: application.clone(),
            scope,
            by: by.clone(),
            at: now,
            progress: Progress::default(),
        };
        let after = before.value.pressed(Paused {
            scope,
            since: now,
            press: order.id,
            pressed_at: now,
            by: by.clone(),
            reason: reason.to_owned(),
            proposal: None,
        })?;
        let paused = after.of(scope).cloned().ok_or(Refusal::Changed)?;
        let answer = Answer {
            status: 202,
            body: render(&State {
                paused,
                progress: order.progress.clone(),
                removing: 0,
            }),
        };
        let draft = Draft::new(now, who.actor(), "kill_switch.pressed")
            .fact("scope", scope)
            .fact("press", order.id)
            .personal(personal(&*core.ids, &[("reason", Some(reason))]));
        let mut change = Change::new()
            .replace(before.version, &after)?
            .create(&order)?
            .due(&[], &[kill_promise(&order)])?
            .event(stream(application), draft);
        if let Some(once) = once {
            change = change.replace(replaced, &once.record(&answer, now))?;
        }
        match change.commit(&*core.store).await {
            Ok(()) => {
                tracing::warn!(press.id = %order.id, %scope, application.id = %application, "kill switch pressed");
                return Ok(answer);
            }
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// What is paused, and how far each press was carried out.
///
/// # Errors
/// When the caller is no admin.
pub async fn state(core: &Core, who: &Who) -> Result<Vec<State>> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let pause = pause::of(&*core.store, application).await?;
    let mut states = Vec::with_capacity(pause.value.paused.len());
    for paused in pause.value.paused {
        states.push(state_of(core, application, paused).await?);
    }
    Ok(states)
}

async fn state_of(core: &Core, application: &ApplicationId, paused: Paused) -> Result<State> {
    let order: Option<Stored<KillOrder>> = read(&*core.store, &keys::kill_order(application, paused.press)).await?;
    // Orders that were carried out are dropped after a long while; one that is not there has nothing left to do.
    let gone = Progress {
        stage: Stage::Done,
        ..Progress::default()
    };
    let progress = order.map_or(gone, |order| order.value.progress);
    let found = live(core, application, paused.scope, core.clock.now()).await?;
    Ok(State {
        paused,
        progress,
        removing: found.grants.saturating_add(found.scheduled),
    })
}

/// One admin proposes to release a scope; `press` is the last one they know of.
///
/// # Errors
/// When the scope is not paused, was pressed again, is still being carried out, or somebody else has proposed it.
pub async fn propose(core: &Core, who: &Who, scope: KillScope, press: KillId) -> Result<State> {
    require_admin(who)?;
    let application = &who.application.value.id;
    for _ in 0..DECIDE_AGAIN {
        let now = core.clock.now();
        let before = pause::of(&*core.store, application).await?;
        let proposal = Proposal {
            id: ProposalId::new(core.ids.uuid()),
            by: admin(who),
            until: now.plus_seconds(PROPOSAL_SECONDS),
        };
        let after = before.value.proposed(scope, press, proposal, now)?;
        carried_out(core, application, press).await?;
        let paused = after.of(scope).cloned().ok_or(Refusal::Changed)?;
        if after != before.value {
            let mut draft = Draft::new(now, who.actor(), "kill_switch.release_proposed")
                .fact("scope", scope)
                .fact("press", press);
            if let Some(proposal) = &paused.proposal {
                draft = draft.fact("proposal", proposal.id).fact("until", proposal.until);
            }
            let change = Change::new()
                .replace(before.version, &after)?
                .event(stream(application), draft);
            match change.commit(&*core.store).await {
                Ok(()) => {}
                Err(ChangeError::Conflict(_)) => continue,
                Err(ChangeError::App(error)) => return Err(error),
            }
        }
        return state_of(core, application, paused).await;
    }
    Err(Refusal::Changed.into())
}

/// A second admin confirms a proposal: requests and approvals in the scope go on.
///
/// # Errors
/// When there is no such proposal any more, or it is the caller's own.
pub async fn release(core: &Core, who: &Who, scope: KillScope, press: KillId, proposal: ProposalId) -> Result<()> {
    require_admin(who)?;
    let application = &who.application.value.id;
    for _ in 0..DECIDE_AGAIN {
        let now = core.clock.now();
        let before = pause::of(&*core.store, application).await?;
        let (after, was) = before.value.released(scope, press, proposal, &admin(who), now)?;
        let proposed_by: Vec<ObjectId> = was.proposal.iter().map(|proposal| proposal.by.object_id).collect();
        let own = persons::is_any(&*core.store, application, who.caller.object_id, &proposed_by);
        let (own, links) = own.await?;
        if own {
            return Err(Refusal::SecondAdmin.into());
        }
        carried_out(core, application, press).await?;
        let draft = Draft::new(now, who.actor(), "kill_switch.released")
            .fact("scope", scope)
            .fact("press", press)
            .fact("proposal", proposal)
            .fact("paused_since", was.since);
        let change = persons::checked(Change::new(), &links)
            .replace(before.version, &after)?
            .event(stream(application), draft);
        match change.commit(&*core.store).await {
            Ok(()) => {
                tracing::warn!(press.id = %press, %scope, application.id = %application, "kill switch released");
                return Ok(());
            }
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// Before everything in scope has its order, a release could let through what the order then ends.
async fn carried_out(core: &Core, application: &ApplicationId, press: KillId) -> Result<()> {
    let order: Option<Stored<KillOrder>> = read(&*core.store, &keys::kill_order(application, press)).await?;
    match order {
        Some(order) if order.value.progress.stage != Stage::Done => Err(Refusal::KillUnderWay.into()),
        _ => Ok(()),
    }
}
