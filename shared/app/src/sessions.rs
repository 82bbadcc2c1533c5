//! Sessions of the console.
//!
//! A session is an item whose key is the SHA-256 of a random secret that lies in one browser's cookie and nowhere else.
//! Only the sign-in function can write one. What it is worth is decided anew with each call: by its age and use
//! ([`hourglass_domain::session`]), and by looking up the account as for a token ([`identify`]).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::canonical::Digest;
use hourglass_domain::ids::{ApplicationId, ObjectId, SessionId, TenantId, UserId};
use hourglass_domain::roles::{Role, Roles, Scope};
use hourglass_domain::session::{Account, Lapsed, MOST_SESSIONS, Session, SessionEnd};
use hourglass_domain::two_person::AdminsSeen;
use hourglass_domain::{Refusal, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use crate::caller::{NO_APPLICATION, Who, active_user, application_of, identify};
use crate::change::{Change, ChangeError, DECIDE_AGAIN, read, read_many, read_page};
use crate::error::{AppError, Result};
use crate::keys;
use crate::persons;
use crate::ports::store::{CommitError, Condition, Query, Write};
use crate::ports::tokens::Caller;
use crate::ports::{Core, Ids};
use crate::records::{SessionOf, SessionSeen, Stored, from_item, to_item};

/// Bytes of a cookie's secret.
const SECRET_BYTES: usize = 32;
/// Length of a cookie's secret as text: base64url without padding.
const SECRET_CHARACTERS: usize = 43;
/// Most sessions of an account that are looked at: more than there can be but for sign-ins at the same moment.
const MOST_LOOKED_AT: usize = 40;
/// What a console caller has for a client.
pub const CONSOLE_CLIENT: &str = "console";

/// A new secret for a cookie: 256 random bits.
pub fn new_secret(ids: &dyn Ids) -> SecretString {
    let mut bytes = [0_u8; SECRET_BYTES];
    ids.random(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes).into()
}

/// By what the item of a cookie's secret is found; `None` for text that is no secret of ours.
#[must_use]
pub fn hash_of(secret: &str) -> Option<Digest> {
    let ours = secret.len() == SECRET_CHARACTERS
        && secret
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    ours.then(|| Digest::of(secret.as_bytes()))
}

/// Somebody whom the identity provider has just signed in, as a verified ID token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedIn {
    /// `tid`.
    pub tenant: TenantId,
    /// `oid`.
    pub object_id: ObjectId,
    /// App roles.
    pub roles: Roles,
    /// `auth_time`.
    pub signed_in_at: Timestamp,
    /// Whether `acrs` has the configured authentication context.
    pub acrs_context: bool,
    /// `uti`.
    pub token_id: Option<String>,
    /// The browser, as [`hourglass_domain::session::browser`] names it.
    pub browser: String,
}

impl SignedIn {
    fn caller(&self) -> Caller {
        Caller {
            tenant: self.tenant,
            object_id: self.object_id,
            roles: self.roles.clone(),
            scopes: all_scopes(),
            client: CONSOLE_CLIENT.to_owned(),
            factor: hourglass_domain::decision::FactorClaims::default(),
        }
    }
}

fn all_scopes() -> hourglass_domain::roles::Scopes {
    [Scope::RequestsReadWrite, Scope::DecisionsWrite, Scope::AdminReadWrite].into()
}

/// A session that has begun, with the secret that the browser gets: the only time that it is known.
#[derive(Debug)]
pub struct Begun {
    /// The cookie's value.
    pub secret: SecretString,
    /// The session.
    pub session: Session,
}

/// Begins a session. Its secret is new with every sign-in, so that one that was planted in the browser beforehand is worth
/// nothing (fixation); the session that the browser had (`previous`) ends with it.
///
/// # Errors
/// When the account is switched off, which is written down with the person.
pub async fn begin(core: &Core, signed_in: &SignedIn, previous: Option<Digest>) -> Result<Begun> {
    let store = &*core.store;
    let caller = signed_in.caller();
    for _ in 0..DECIDE_AGAIN {
        let application = application_of(core, &caller).await?;
        let user = match &application {
            None => None,
            Some(application) => match active_user(core, application, &caller).await {
                Err(AppError::Refused(Refusal::AccountInactive)) => {
                    note_refused(core, &application.value.id, &caller).await?;
                    return Err(Refusal::AccountInactive.into());
                }
                found => found?,
            },
        };
        let account = Account {
            tenant: caller.tenant,
            object_id: caller.object_id,
            user: application
                .as_ref()
                .zip(user.as_ref())
                .map(|(application, user)| (application.value.id.clone(), user.value.id)),
        };
        let now = core.clock.now();
        let secret = new_secret(&*core.ids);
        let session = Session {
            id: SessionId::new(core.ids.uuid()),
            hash: Digest::of(secret.expose_secret().as_bytes()),
            account,
            roles: signed_in.roles.clone(),
            roles_at: now,
            signed_in_at: signed_in.signed_in_at.min(now),
            acrs_context: signed_in.acrs_context,
            token_id: signed_in.token_id.clone(),
            created_at: now,
            browser: signed_in.browser.clone(),
        };
        let mut draft = Draft::new(now, actor(&session.account), "session.begun")
            .fact("signed_in_at", session.signed_in_at)
            .fact("factor", if session.acrs_context { "acrs" } else { "none" });
        let mut change = Change::new().create(&session)?.put_any(&SessionOf::of(&session))?;
        if let Some(user) = &user {
            // Whoever switches the account off at this moment is not overtaken.
            change = change.check(user);
        }
        for (old, because) in giving_way(core, &session.account, previous).await? {
            draft = draft.fact(&format!("ended.{}", old.value.id), because.name());
            change = change
                .delete(&old)
                .delete_any(keys::session_of(&old.value.account, old.value.id));
        }
        if session.roles.contains(&Role::Admin) {
            change = seen_as_admin(core, &session.account, change).await?;
        }
        change = change.event(stream(&session.account), draft);
        match change.commit(store).await {
            Ok(()) => {
                end_of_another_account(core, &session.account, previous).await?;
                return Ok(Begun { secret, session });
            }
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// `change`, noting that an admin has signed in, of those who are provisioned: from the second person on, changes of the
/// configuration take two. It is noted with the session, so that nobody else can say it and no session is without it.
async fn seen_as_admin(core: &Core, account: &Account, change: Change) -> Result<Change> {
    let Some((application, _)) = &account.user else {
        return Ok(change);
    };
    let store = &*core.store;
    let stored: Option<Stored<AdminsSeen>> = read(store, &keys::admins_seen(application)).await?;
    let version = stored.as_ref().map_or(0, |stored| stored.version);
    let seen = stored.map_or_else(|| AdminsSeen::nobody(application.clone()), |stored| stored.value);
    let mut another = false;
    if seen.two_since.is_none() {
        for other in seen.admins.keys() {
            another |= !persons::is_any(store, application, account.object_id, &[*other])
                .await?
                .0;
        }
    }
    let Some(after) = seen.with(account.object_id, another, core.clock.now()) else {
        return Ok(change);
    };
    if after.two_since != seen.two_since {
        tracing::warn!(application.id = %application, "a second admin has signed in: changes take two from now on");
    }
    Ok(change.replace(version, &after)?)
}

/// The sessions of the account that end because another one begins.
async fn giving_way(
    core: &Core,
    account: &Account,
    previous: Option<Digest>,
) -> Result<Vec<(Stored<Session>, SessionEnd)>> {
    let mut all = stored_of(core, account).await?;
    all.sort_by_key(|session| session.value.created_at);
    let (replaced, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|session| Some(session.value.hash) == previous);
    let too_many = (others.len() + 1).saturating_sub(MOST_SESSIONS);
    let oldest = others.into_iter().take(too_many);
    Ok(replaced
        .into_iter()
        .map(|session| (session, SessionEnd::Replaced))
        .chain(oldest.map(|session| (session, SessionEnd::TooMany)))
        .collect())
}

/// Ends the session that the browser had as somebody else.
async fn end_of_another_account(core: &Core, account: &Account, previous: Option<Digest>) -> Result<()> {
    let Some(previous) = previous else { return Ok(()) };
    let stored: Option<Stored<Session>> = read(&*core.store, &keys::session(&previous)).await?;
    match stored.filter(|stored| stored.value.account != *account) {
        Some(stored) => {
            let by = actor(&stored.value.account);
            end_stored(core, &stored, SessionEnd::Replaced, by).await
        }
        None => Ok(()),
    }
}

async fn note_refused(core: &Core, application: &ApplicationId, caller: &Caller) -> Result<()> {
    let user = crate::directory::user_by_object_id(&*core.store, application, caller.object_id).await?;
    let Some(user) = user else { return Ok(()) };
    let id = user.value.id;
    let draft = Draft::new(core.clock.now(), Actor::User { id }, "session.refused").fact("because", "account_inactive");
    let change = Change::new().event(StreamId::user(application, id), draft);
    change.commit(&*core.store).await.map_err(AppError::from)
}

/// A session as it was presented.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Present {
    /// The session.
    pub session: Stored<Session>,
    /// When it was used last, where that was written down.
    pub seen: Option<Timestamp>,
}

impl Present {
    /// Whether it still counts.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, now: Timestamp) -> Result<(), Lapsed> {
        self.session.value.check(self.seen, now)
    }

    /// When it was used last, as far as it was written down.
    #[must_use]
    pub fn last_seen(&self) -> Timestamp {
        self.session.value.last_seen(self.seen)
    }
}

/// The session of a cookie's secret, lapsed or not; `None` when there is none (any more).
///
/// # Errors
/// When the table does not answer.
pub async fn present(core: &Core, secret: &str) -> Result<Option<Present>> {
    let Some(hash) = hash_of(secret) else { return Ok(None) };
    Ok(presents(core, &[hash]).await?.pop())
}

/// The sessions that there are, with their last use.
async fn presents(core: &Core, hashes: &[Digest]) -> Result<Vec<Present>> {
    let mut wanted: Vec<_> = hashes.iter().map(keys::session).collect();
    wanted.extend(hashes.iter().map(keys::session_seen));
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut items = core.store.get_many(&wanted).await?;
    let seen = items.split_off(hashes.len().min(items.len()));
    let mut found = Vec::with_capacity(hashes.len());
    for (item, seen) in items.into_iter().zip(seen) {
        let Some(item) = item else { continue };
        let seen = seen.map(from_item::<SessionSeen>).transpose()?;
        found.push(Present {
            session: from_item(item)?,
            seen: seen.map(|seen| seen.value.at),
        });
    }
    Ok(found)
}

/// Who a session's caller is now; `None` when the session is another account's than the tenant and object id stand for by
/// now: its user was deleted, or provisioned, since the sign-in.
///
/// # Errors
/// As [`identify`]: when the tenant has no application, or the account is switched off.
pub async fn who(core: &Core, session: &Session) -> Result<Option<Who>> {
    let who = identify(core, caller(session)).await?;
    Ok((account_of(&who) == session.account).then_some(who))
}

/// The caller that a session stands for, whether or not their tenant has an application.
fn caller(session: &Session) -> Caller {
    Caller {
        tenant: session.account.tenant,
        object_id: session.account.object_id,
        roles: session.roles.clone(),
        scopes: all_scopes(),
        client: CONSOLE_CLIENT.to_owned(),
        factor: session.factor(),
    }
}

/// Somebody who is signed in where there may be nothing yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// In an application.
    Known(Box<Who>),
    /// In a tenant that has no application yet.
    New(Caller),
}

/// Who a session's caller is, as [`who`], where their tenant may have no application yet.
///
/// # Errors
/// When the account is switched off.
pub async fn arrival(core: &Core, session: &Session) -> Result<Option<Arrival>> {
    match who(core, session).await {
        Ok(found) => Ok(found.map(|who| Arrival::Known(Box::new(who)))),
        // Somebody who was provisioned belongs to an application: their session is not one of a new tenant.
        Err(AppError::Refused(refusal)) if refusal == NO_APPLICATION => {
            Ok(session.account.user.is_none().then(|| Arrival::New(caller(session))))
        }
        Err(error) => Err(error),
    }
}

fn account_of(who: &Who) -> Account {
    let application = &who.application.value.id;
    Account {
        tenant: who.caller.tenant,
        object_id: who.caller.object_id,
        user: who.user.as_ref().map(|user| (application.clone(), user.value.id)),
    }
}

/// Writes down that the session is in use, at most once a minute.
///
/// # Errors
/// When the table does not answer.
pub async fn note_use(core: &Core, present: &Present) -> Result<()> {
    let now = core.clock.now();
    let session = &present.session.value;
    if !session.wants_seen(present.seen, now) {
        return Ok(());
    }
    let seen = SessionSeen {
        hash: session.hash,
        at: now,
    };
    let write = Write::Put {
        item: to_item(&seen, 1)?,
        condition: Condition::Any,
    };
    match core.store.commit(vec![write]).await {
        Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}

/// The person's sessions that count, the one that was used last first.
///
/// # Errors
/// When the table does not answer.
pub async fn list(core: &Core, who: &Who) -> Result<Vec<Present>> {
    counting(core, &account_of(who)).await
}

/// A user's sessions that count, the one that was used last first.
///
/// # Errors
/// When the table does not answer.
pub(crate) async fn of_user(core: &Core, application: &ApplicationId, user: UserId) -> Result<Vec<Present>> {
    counting(core, &provisioned(application, user)).await
}

async fn counting(core: &Core, account: &Account) -> Result<Vec<Present>> {
    let now = core.clock.now();
    let hashes = markers(core, account).await?;
    let hashes: Vec<Digest> = hashes.iter().map(|marker| marker.value.hash).collect();
    let mut found = presents(core, &hashes).await?;
    found.retain(|present| !matches!(present.check(now), Err(Lapsed::Idle | Lapsed::Absolute)));
    found.sort_by_key(|present| std::cmp::Reverse(present.last_seen()));
    Ok(found)
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// [`Refusal::NotFound`] when the caller has none by that id.
pub async fn end(core: &Core, who: &Who, id: SessionId, because: SessionEnd) -> Result<()> {
    let marker: Option<Stored<SessionOf>> = read(&*core.store, &keys::session_of(&account_of(who), id)).await?;
    let none = || Refusal::NotFound { what: "session" };
    let marker = marker.ok_or_else(none)?;
    let stored: Option<Stored<Session>> = read(&*core.store, &keys::session(&marker.value.hash)).await?;
    end_stored(core, &stored.ok_or_else(none)?, because, who.actor()).await
}

/// Ends the caller's sessions but the one by the id `keep`; answers how many that were.
///
/// # Errors
/// When the table does not answer.
pub async fn end_others(core: &Core, who: &Who, keep: SessionId) -> Result<usize> {
    let mut others = stored_of(core, &account_of(who)).await?;
    others.retain(|session| session.value.id != keep);
    for session in &others {
        end_stored(core, session, SessionEnd::Revoked, who.actor()).await?;
    }
    Ok(others.len())
}

/// Ends the session of a cookie's secret, whoever has it: to sign out needs no more than to be signed in.
///
/// # Errors
/// When the table does not answer.
pub async fn sign_out(core: &Core, secret: &str) -> Result<()> {
    let Some(hash) = hash_of(secret) else { return Ok(()) };
    let stored: Option<Stored<Session>> = read(&*core.store, &keys::session(&hash)).await?;
    match stored {
        Some(stored) => end_stored(core, &stored, SessionEnd::SignedOut, actor(&stored.value.account)).await,
        None => Ok(()),
    }
}

/// Ends the sessions of a user who was switched off or deleted: those begun until `before`, or all.
///
/// # Errors
/// When the table does not answer.
pub async fn end_of_user(
    core: &Core,
    application: &ApplicationId,
    user: UserId,
    before: Option<Timestamp>,
) -> Result<()> {
    for session in stored_of(core, &provisioned(application, user)).await? {
        if before.is_none_or(|before| session.value.created_at <= before) {
            end_stored(core, &session, SessionEnd::UserDeactivated, Actor::system("worker")).await?;
        }
    }
    Ok(())
}

/// Ends every session of a user, as an admin orders.
///
/// # Errors
/// When the table does not answer.
pub(crate) async fn end_all_of(core: &Core, who: &Who, application: &ApplicationId, user: UserId) -> Result<()> {
    for session in stored_of(core, &provisioned(application, user)).await? {
        end_stored(core, &session, SessionEnd::EndedByAdmin, who.actor()).await?;
    }
    Ok(())
}

/// A provisioned user's account, to find their sessions by: the partition is named by the user alone.
fn provisioned(application: &ApplicationId, user: UserId) -> Account {
    let nobody = uuid::Uuid::nil();
    Account {
        tenant: TenantId::new(nobody),
        object_id: ObjectId::new(nobody),
        user: Some((application.clone(), user)),
    }
}

/// Ends a session that was read; that it is gone by now is as good.
async fn end_stored(core: &Core, stored: &Stored<Session>, because: SessionEnd, by: Actor) -> Result<()> {
    let session = &stored.value;
    let draft = Draft::new(core.clock.now(), by, "session.ended").fact("because", because.name());
    let change = Change::new()
        .delete(stored)
        .delete_any(keys::session_of(&session.account, session.id))
        .event(stream(&session.account), draft);
    match change.commit(&*core.store).await {
        // A session is written once and then deleted: nothing else can have happened to it.
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

async fn markers(core: &Core, account: &Account) -> Result<Vec<Stored<SessionOf>>> {
    let query = Query::partition(keys::sessions_of(account)).limit(MOST_LOOKED_AT);
    Ok(read_page(&*core.store, &query).await?.items)
}

async fn stored_of(core: &Core, account: &Account) -> Result<Vec<Stored<Session>>> {
    let markers = markers(core, account).await?;
    let keys: Vec<_> = markers.iter().map(|marker| keys::session(&marker.value.hash)).collect();
    let found = read_many::<Session>(&*core.store, &keys).await?;
    Ok(found.into_iter().flatten().collect())
}

fn stream(account: &Account) -> StreamId {
    match &account.user {
        Some((application, user)) => StreamId::user(application, *user),
        None => StreamId::account(account.tenant, account.object_id),
    }
}

fn actor(account: &Account) -> Actor {
    match &account.user {
        Some((_, id)) => Actor::User { id: *id },
        None => Actor::Admin {
            tenant: account.tenant,
            object_id: account.object_id,
        },
    }
}
