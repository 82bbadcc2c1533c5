//! `/delegates`: who decides for the caller while they are away, and for whom the caller decides.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response as HttpResponse};
use hourglass_app::catalogue::search;
use hourglass_app::delegations::{self, Which};
use hourglass_app::directory::{self, name_key};
use hourglass_app::keys::Unique;
use hourglass_app::{AppError, policy};
use hourglass_domain::delegate::Delegation;
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::ids::{EntitlementId, UserId};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::roles::Role;
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::Wrong;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::{Html, Words};
use serde::Deserialize;

use super::activate::Nothing;
use super::{Pages, Shown, first, go, id, message, refused};

/// Most delegations of each kind that are shown.
const MOST_SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "delegates.html")]
struct Delegates<'a> {
    w: Words,
    now: Timestamp,
    message: Option<String>,
    given: Vec<Delegation>,
    received: Vec<Delegation>,
    /// For what the caller may name somebody.
    offers: Vec<Entitlement>,
    /// What has to be done before that, and where.
    first: Option<(Html, String)>,
    typed: NameForm,
    wrong: Wrong,
    token: &'a str,
}

async fn shown(
    pages: &Pages,
    console: &Console,
    done: Option<&str>,
    (typed, wrong): (NameForm, Wrong),
) -> Result<Page, AppError> {
    let (core, w) = (&pages.api.core, console.words());
    let list = async |which| -> Result<Vec<Delegation>, AppError> {
        let page = delegations::list(core, &console.who, which, None, MOST_SHOWN).await?;
        let now = console.now();
        Ok(page
            .items
            .into_iter()
            .map(|stored| stored.value)
            .filter(|delegation| delegation.lasts(now))
            .collect())
    };
    let offers = if console.who.has(Role::Approver) {
        search::delegable(core, &pages.index, &console.who).await?
    } else {
        Vec::new()
    };
    let first = if offers.is_empty() {
        None
    } else {
        first(core, console, "/delegates", false).await?
    };
    let content = Delegates {
        w,
        now: console.now(),
        message: message(w, done),
        given: list(Which::Given).await?,
        received: list(Which::Received).await?,
        offers,
        first,
        typed,
        wrong,
        token: console.form_token().as_str(),
    };
    Ok(console.page(&w.t("delegates-title"), &content))
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    console: Console,
    Query(parameters): Query<Shown>,
) -> Result<Page, PageError> {
    shown(&pages, &console, parameters.done.as_deref(), Default::default())
        .await
        .map_err(|error| console.fail(&error))
}

/// What the form on the page sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameForm {
    entitlement: String,
    /// The user name that they sign in with.
    delegate: String,
    /// In UTC, to the minute; as long as it may where it is empty.
    #[serde(default)]
    until: String,
}

impl NameForm {
    fn until(&self, now: Timestamp) -> Result<Timestamp, Refusal> {
        if self.until.is_empty() {
            return Ok(delegations::latest(now));
        }
        format!("{}:00Z", self.until)
            .parse()
            .map_err(|_| Refusal::invalid("until", Rule::Shape(Shape::Minute)))
    }
}

/// Names somebody. That there is nobody by a name is told as that they are none whom the admins allow.
pub(crate) async fn name(State(pages): State<Pages>, form: Form<NameForm, Recent>) -> Result<HttpResponse, PageError> {
    let (console, typed) = (form.console, form.value);
    let named = async {
        let core = &pages.api.core;
        let entitlement: EntitlementId = typed
            .entitlement
            .parse()
            .map_err(|_| Refusal::NotFound { what: "entitlement" })?;
        let until = typed.until(console.now())?;
        let delegate = delegate(&pages, &console, entitlement, typed.delegate.trim()).await?;
        delegations::name(core, &console.who, entitlement, delegate, until).await
    };
    let error = match named.await {
        Ok(_) => return Ok(go("/delegates?done=delegated")),
        Err(error) => error,
    };
    let fail = |error: AppError| console.fail(&error);
    let (status, wrong) = refused(console.words(), error).map_err(fail)?;
    let page = shown(&pages, &console, None, (typed, wrong)).await.map_err(fail)?;
    Ok(page.status(status).into_response())
}

async fn delegate(
    pages: &Pages,
    console: &Console,
    entitlement: EntitlementId,
    text: &str,
) -> Result<UserId, AppError> {
    let core = &pages.api.core;
    let application = &console.who.application.value.id;
    let found = directory::provisioned_user_by(&*core.store, application, Unique::UserName, &name_key(text)).await?;
    if let Some(found) = found {
        return Ok(found.value.id);
    }
    let in_force = policy::seen(core, &console.who, entitlement).await?;
    let entitlement = in_force.entitlement.value.name;
    let rule = Rule::DelegateNotAllowed { entitlement };
    Err(Refusal::invalid("delegate", rule).into())
}

pub(crate) async fn end(
    State(pages): State<Pages>,
    Path(text): Path<String>,
    form: Form<Nothing, Recent>,
) -> Result<HttpResponse, PageError> {
    let console = form.console;
    let entitlement: EntitlementId = id(&console, "delegation", &text)?;
    delegations::end(&pages.api.core, &console.who, entitlement)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(go("/delegates?done=delegation-ended"))
}
