//! Who has a page open: the caller of page routes, by the session's cookie.
//!
//! Cookies count on page routes only, and bearer tokens under `/v1` only; nothing takes either. A call that would change
//! something passes [`crate::csrf`] as well: [`Console`] itself sees to that for calls by a script of ours, and
//! [`crate::csrf::Form`] for forms, so that a route which forgets it refuses everything.

use axum::extract::{FromRef, FromRequestParts};
use hourglass_app::AppError;
use hourglass_app::caller::{NO_APPLICATION, Who};
use hourglass_app::sessions::{self, Arrival, Present};
use hourglass_domain::Timestamp;
use hourglass_domain::refusal::RefusalKind;
use hourglass_domain::roles::Role;
use hourglass_domain::session::{Session, is_own_path};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Api;
use crate::cookies::{self, Names};
use crate::csrf::{self, FormToken};
use crate::look::Look;
use crate::page::{Page, PageError, Reader};
use crate::problem::Problem;
use crate::words::Words;

/// Where people go who have no place of their own to return to: a page for everybody, whatever their roles.
pub const HOME: &str = "/access";

/// Somebody with a page open. The use cases take [`Console::who`] as they take a token's.
#[derive(Clone, Debug)]
pub struct Console {
    /// Who it is.
    pub who: Who,
    /// By which session.
    pub session: Session,
    token: FormToken,
    call: Call,
    api: Api,
}

/// What is known of a call besides who makes it.
#[derive(Clone, Debug)]
struct Call {
    /// Whether a person waits for a page, rather than a script for an answer.
    page: bool,
    /// Where the person is, to come back to: the page itself, or the one whose form was sent.
    place: String,
    /// Whether it only reads.
    reads: bool,
    /// Whether a page that lies open asks for news: nobody used anything.
    asks_for_news: bool,
    look: Look,
}

impl Call {
    fn of(parts: &Parts, origin: &str) -> Self {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let own = parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        let before = parts
            .headers
            .get(header::REFERER)
            .and_then(|referer| referer.to_str().ok())
            .and_then(|referer| referer.strip_prefix(origin));
        let place = if reads { own } else { before };
        Self {
            page: wants_page(&parts.headers),
            place: place.filter(|place| is_own_path(place)).unwrap_or(HOME).to_owned(),
            reads,
            asks_for_news: reads && parts.headers.contains_key(NEWS),
            look: Look::of(&parts.headers),
        }
    }
}

/// The header by which the console's script says that it asks for news. It keeps no session alive, so that a page which
/// lies open on a desk ends like one that is closed.
pub const NEWS: &str = "x-news";

/// Whether a person waits for a page. A script's call says that it is none (Fetch Metadata).
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
}

/// Somebody with a page open who signed in within 15 minutes: for decisions and for changes of the configuration. Who
/// signed in earlier is sent to do so again.
#[derive(Clone, Debug)]
pub struct Recent(pub Console);

/// A caller of page routes: [`Console`], or [`Recent`].
pub trait PageCaller: AsRef<Console> + Sized + Send {
    /// The caller as somebody of this sort.
    ///
    /// # Errors
    /// When they are not; says how to become it.
    fn admit(console: Console) -> Result<Self, PageError>;
}

impl AsRef<Self> for Console {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl PageCaller for Console {
    fn admit(console: Console) -> Result<Self, PageError> {
        Ok(console)
    }
}

impl AsRef<Console> for Recent {
    fn as_ref(&self) -> &Console {
        &self.0
    }
}

impl std::ops::Deref for Recent {
    type Target = Console;

    fn deref(&self) -> &Console {
        &self.0
    }
}

impl PageCaller for Recent {
    fn admit(console: Console) -> Result<Self, PageError> {
        if console.session.is_recent(console.now()) {
            return Ok(Self(console));
        }
        let place = sign_in_again(&console.session, &console.call.place);
        Err(console.go(place, not_recent()))
    }
}

/// Where somebody signs in anew, to come back to `place`.
fn sign_in_again(session: &Session, place: &str) -> String {
    let tenant = session.account.tenant;
    format!("/auth/sign-in?recent=1&tenant={tenant}&returnTo={}", quoted(place))
}

fn not_recent() -> Problem {
    let why = "You signed in more than 15 minutes ago, which is too long for this. Sign in again and repeat it.";
    Problem::new(StatusCode::UNAUTHORIZED, "sign-in-recent", why)
}

/// A session that counts, and what is known of the call.
struct Opened {
    present: Present,
    token: FormToken,
    call: Call,
}

impl Opened {
    async fn of(parts: &Parts, api: &Api) -> Result<Self, PageError> {
        let call = Call::of(parts, api.origin());
        let names = Names::of(api.origin());
        let secret = cookies::read(&parts.headers, names.session);
        let present = match secret {
            Some(secret) => sessions::present(&api.core, secret)
                .await
                .map_err(|error| failed(api, &call, &error, None))?,
            None => None,
        };
        let (Some(secret), Some(present)) = (secret, present) else {
            return Err(sign_in(&call, None));
        };
        if present.check(api.core.clock.now()).is_err() {
            return Err(sign_in(&call, Some(&present.session.value)));
        }
        Ok(Self {
            token: FormToken::of(secret),
            present,
            call,
        })
    }

    /// That nobody can say who it is, as they are told. An admin whose tenant has no application is shown the way to one.
    fn unknown(&self, api: &Api, error: &AppError) -> PageError {
        let failed = failed(api, &self.call, error, Some(Reader::new(None, &self.token)));
        let nothing_yet = matches!(error, AppError::Refused(refusal) if *refusal == NO_APPLICATION);
        if nothing_yet && self.present.session.value.roles.contains(&Role::Admin) {
            failed.way("ops-way-start", START.to_owned())
        } else {
            failed
        }
    }

    async fn note_use(&self, api: &Api) {
        if !self.call.asks_for_news {
            note_use(api, &self.present).await;
        }
    }
}

/// Where admins begin whose tenant has no application yet.
pub const START: &str = "/admin/start";

/// Somebody who is signed in, and whose tenant may have no application yet: the caller of the pages on which there is a
/// first one. Everybody else takes [`Console`].
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Who it is.
    pub arrival: Arrival,
    /// By which session.
    pub session: Session,
    token: FormToken,
    call: Call,
    api: Api,
}

impl Visitor {
    /// The caller of a page's form; [`csrf::VisitorForm`] checks what this does not.
    pub(crate) async fn of_form(parts: &Parts, api: &Api) -> Result<Self, PageError> {
        let opened = Opened::of(parts, api).await?;
        let arrival = match sessions::arrival(&api.core, &opened.present.session.value).await {
            Ok(Some(arrival)) => arrival,
            Ok(None) => return Err(sign_in(&opened.call, Some(&opened.present.session.value))),
            Err(error) => return Err(opened.unknown(api, &error)),
        };
        opened.note_use(api).await;
        Ok(Self {
            arrival,
            session: opened.present.session.value,
            token: opened.token,
            call: opened.call,
            api: api.clone(),
        })
    }

    /// The token that the session's forms carry.
    #[must_use]
    pub const fn form_token(&self) -> &FormToken {
        &self.token
    }

    /// The texts in the caller's language.
    #[must_use]
    pub const fn words(&self) -> Words {
        self.call.look.words()
    }

    /// A page for this caller.
    #[must_use]
    pub fn page<T: askama::Template>(&self, title: &str, content: &T) -> Page {
        let page = Page::new(title, content).look(self.call.look);
        page.reader(Some(self.reader()))
    }

    /// An error of a use case, as this caller is told.
    #[must_use]
    pub fn fail(&self, error: &AppError) -> PageError {
        failed(&self.api, &self.call, error, Some(self.reader()))
    }

    /// A problem, as this caller is told.
    #[must_use]
    pub fn problem(&self, problem: impl Into<Box<Problem>>) -> PageError {
        PageError::new(problem, self.call.page)
            .look(self.call.look)
            .reader(Some(self.reader()))
    }

    /// # Errors
    /// When they signed in more than 15 minutes ago; says how to do it again.
    pub fn require_recent(&self) -> Result<(), PageError> {
        if self.session.is_recent(self.api.core.clock.now()) {
            return Ok(());
        }
        let place = sign_in_again(&self.session, &self.call.place);
        Err(self.problem(not_recent()).way("error-way-sign-in-again", place))
    }

    fn reader(&self) -> Reader {
        match &self.arrival {
            Arrival::Known(who) => reader(who, &self.token, &self.call),
            Arrival::New(_) => Reader::new(None, &self.token),
        }
    }
}

impl<S> FromRequestParts<S> for Visitor
where
    Api: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = PageError;

    /// For pages only: whatever would change something takes a form.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let visitor = Self::of_form(parts, &Api::from_ref(state)).await?;
        if visitor.call.reads {
            Ok(visitor)
        } else {
            Err(visitor.problem(Problem::internal()))
        }
    }
}

impl Console {
    /// The caller of a page's form; [`csrf::Form`] checks what this does not.
    pub(crate) async fn of_form(parts: &Parts, api: &Api) -> Result<Self, PageError> {
        let opened = Opened::of(parts, api).await?;
        let who = match sessions::who(&api.core, &opened.present.session.value).await {
            Ok(Some(who)) => who,
            Ok(None) => return Err(sign_in(&opened.call, Some(&opened.present.session.value))),
            Err(error) => return Err(opened.unknown(api, &error)),
        };
        opened.note_use(api).await;
        Ok(Self {
            who,
            session: opened.present.session.value,
            token: opened.token,
            call: opened.call,
            api: api.clone(),
        })
    }

    /// Whether nobody opened the page just now: one that lies open asks for news.
    #[must_use]
    pub const fn asks_for_news(&self) -> bool {
        self.call.asks_for_news
    }

    /// The token that the session's forms and scripts carry.
    #[must_use]
    pub const fn form_token(&self) -> &FormToken {
        &self.token
    }

    /// The texts in the caller's language.
    #[must_use]
    pub const fn words(&self) -> Words {
        self.call.look.words()
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.api.core.clock.now()
    }

    /// A page for this caller.
    #[must_use]
    pub fn page<T: askama::Template>(&self, title: &str, content: &T) -> Page {
        Page::new(title, content)
            .look(self.call.look)
            .reader(Some(self.reader()))
    }

    /// An error of a use case, as this caller is told: as a page, or to a script as a problem. Who has to prove a second
    /// factor is sent to do so.
    #[must_use]
    pub fn fail(&self, error: &AppError) -> PageError {
        let tenant = self.session.account.tenant;
        if let AppError::Refused(refusal) = error
            && refusal.kind() == RefusalKind::StepUp
        {
            let problem = Problem::refused(refusal, &self.api.step_up, Some(&tenant.to_string()));
            return self.go(self.step_up(&self.call.place), problem);
        }
        failed(&self.api, &self.call, error, Some(self.reader()))
    }

    /// A problem, as this caller is told.
    #[must_use]
    pub fn problem(&self, problem: impl Into<Box<Problem>>) -> PageError {
        PageError::new(problem, self.call.page)
            .look(self.call.look)
            .reader(Some(self.reader()))
    }

    /// Where to prove a second factor, and to go to `place` (a path of our own) afterwards.
    #[must_use]
    pub fn step_up(&self, place: &str) -> String {
        let tenant = self.session.account.tenant;
        format!("/auth/step-up?tenant={tenant}&returnTo={}", quoted(place))
    }

    /// Where to sign in again first, and to come back to this page afterwards, for what takes a sign-in of the last 15
    /// minutes: told before somebody types what they would lose. `None` while the present one counts.
    #[must_use]
    pub fn sign_in_first(&self) -> Option<String> {
        (!self.session.is_recent(self.now())).then(|| sign_in_again(&self.session, &self.call.place))
    }

    /// Sends the reader of a page to `place`; whoever sent something is told, and shown the way.
    fn go(&self, place: String, problem: Problem) -> PageError {
        if self.call.page && self.call.reads {
            return PageError::redirect(place);
        }
        self.problem(problem).way("error-way-sign-in-again", place)
    }

    fn reader(&self) -> Reader {
        reader(&self.who, &self.token, &self.call)
    }
}

fn reader(who: &Who, token: &FormToken, call: &Call) -> Reader {
    let name = who.user.as_ref().map(|user| user.value.name());
    Reader::new(name.as_deref(), token)
        .admin(who.has(Role::Admin))
        .approver(who.has(Role::Approver))
        .at(&call.place)
}

impl<S> FromRequestParts<S> for Console
where
    Api: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let api = Api::from_ref(state);
        let console = Self::of_form(parts, &api).await?;
        if !console.call.reads {
            let sent = parts.headers.get(csrf::HEADER).and_then(|sent| sent.to_str().ok());
            csrf::same_origin(&parts.headers, api.origin())
                .and_then(|()| console.token.check(sent))
                .map_err(|problem| console.problem(problem))?;
        }
        Ok(console)
    }
}

impl<S> FromRequestParts<S> for Recent
where
    Api: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        Self::admit(Console::from_request_parts(parts, state).await?)
    }
}

/// That a use is not written down makes a session end sooner, and is no reason to refuse the call.
async fn note_use(api: &Api, present: &Present) {
    if let Err(error) = sessions::note_use(&api.core, present).await {
        tracing::warn!(%error, "the use of a session was not written down");
    }
}

/// Sends somebody without a session to sign in. Where the session was theirs before, so is the tenant.
fn sign_in(call: &Call, before: Option<&Session>) -> PageError {
    let tenant = before.map_or_else(String::new, |session| format!("tenant={}&", session.account.tenant));
    let place = format!("/auth/sign-in?{tenant}returnTo={}", quoted(&call.place));
    if call.page && call.reads {
        return PageError::redirect(place);
    }
    let why = "You are not signed in any more. Sign in again and repeat what you did.";
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "signed-out", why);
    PageError::new(problem, call.page)
        .look(call.look)
        .way("error-way-sign-in", place)
}

fn failed(api: &Api, call: &Call, error: &AppError, reader: Option<Reader>) -> PageError {
    PageError::new(Problem::from_error(error, &api.step_up, None), call.page)
        .look(call.look)
        .reader(reader)
}

fn quoted(place: &str) -> String {
    utf8_percent_encode(place, NON_ALPHANUMERIC).to_string()
}
