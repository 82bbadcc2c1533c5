//! `/activate`: access that nobody approves beforehand.

use std::collections::BTreeSet;

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response as HttpResponse};
use hourglass_app::requests::NewRequest;
use hourglass_app::{activation, emergencies, passkeys, requests};
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::ids::{EntitlementId, RequestId};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::request::{Activation, Ask, Request};
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::assets::PASSKEY;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Body;
use hourglass_web::fields::Wrong;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::{Html, Words};
use serde::Deserialize;

use super::{Challenge, Pages, Place, Response, go, id, refused, show};

/// What somebody may activate in an emergency.
struct Offer {
    id: EntitlementId,
    name: String,
    maximum: AccessDuration,
}

#[derive(Template)]
#[template(path = "emergency.html")]
struct Offers<'a> {
    w: Words,
    offers: Vec<Offer>,
    /// What can be chosen for at least one of them.
    durations: BTreeSet<AccessDuration>,
    typed: EmergencyForm,
    wrong: Wrong,
    /// Where to sign in again first.
    first: Option<String>,
    token: &'a str,
}

async fn form(pages: &Pages, console: &Console, typed: EmergencyForm, wrong: Wrong) -> Result<Page, PageError> {
    let w = console.words();
    let found = emergencies::offers(&pages.api.core, &pages.index, &console.who)
        .await
        .map_err(|error| console.fail(&error))?;
    let durations = emergencies::durations(&pages.api.core, &console.who, &found)
        .await
        .map_err(|error| console.fail(&error))?;
    let offers = found
        .into_iter()
        .filter_map(|entitlement| {
            Some(Offer {
                id: entitlement.id,
                maximum: entitlement.emergency?.maximum,
                name: entitlement.name,
            })
        })
        .collect();
    let content = Offers {
        w,
        offers,
        durations,
        typed,
        wrong,
        first: console.sign_in_first(),
        token: console.form_token().as_str(),
    };
    Ok(console.page(&w.t("emergency-title"), &content))
}

pub(crate) async fn offers(State(pages): State<Pages>, console: Console) -> Result<Page, PageError> {
    form(&pages, &console, EmergencyForm::default(), Wrong::default()).await
}

/// What the form on the emergency page sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmergencyForm {
    entitlement: String,
    #[serde(default)]
    duration: String,
    justification: String,
    #[serde(default)]
    ticket: String,
}

impl EmergencyForm {
    fn read(self) -> Result<NewRequest, Refusal> {
        let unknown = |_| Refusal::NotFound { what: "entitlement" };
        let rule = || Refusal::invalid("duration", Rule::Shape(Shape::Duration));
        Ok(NewRequest {
            entitlement: self.entitlement.parse().map_err(unknown)?,
            beneficiary: None,
            ask: Ask {
                duration: self.duration.parse().map_err(|_| rule())?,
                justification: self.justification,
                ticket: Some(self.ticket).filter(|ticket| !ticket.is_empty()),
                starts_at: None,
                emergency: true,
            },
        })
    }
}

/// What the rules refuse is told on the form, with what was typed.
pub(crate) async fn ask(
    State(pages): State<Pages>,
    sent: Form<EmergencyForm, Recent>,
) -> Result<HttpResponse, PageError> {
    let console = sent.console;
    let typed = sent.value.clone();
    let render = |request: &Request| serde_json::json!(request.id);
    let asked = match sent.value.read() {
        Ok(new) => requests::create(&pages.api.core, &console.who, &new, None, &render).await,
        Err(refusal) => Err(refusal.into()),
    };
    match asked {
        Ok(answer) => {
            let id = answer.body.as_str().unwrap_or_default();
            Ok(go(&format!("/activate/{id}")))
        }
        Err(error) => {
            let (status, wrong) = refused(console.words(), error).map_err(|error| console.fail(&error))?;
            let page = form(&pages, &console, typed, wrong).await?;
            Ok(page.status(status).into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "activate.html")]
struct OneActivation<'a> {
    w: Words,
    now: Timestamp,
    request: &'a Request,
    state: show::State,
    start: (String, Option<Html>),
    critical: bool,
    emergency: bool,
    open: bool,
    has_passkey: bool,
    /// Where to sign in again first.
    first: Option<String>,
    token: &'a str,
}

pub(crate) async fn request(
    State(pages): State<Pages>,
    console: Console,
    Path(text): Path<String>,
) -> Result<Page, PageError> {
    let core = &pages.api.core;
    let fail = |error: &hourglass_app::AppError| console.fail(error);
    let id: RequestId = id(&console, "request", &text)?;
    let stored = requests::get(core, &console.who, id)
        .await
        .map_err(|error| fail(&error))?;
    let request = &stored.value;
    let (_, party) = console.who.party().map_err(|refusal| fail(&refusal.into()))?;
    if request.activation.is_approved() || party.user != request.beneficiary.user {
        return Err(fail(&Refusal::NotFound { what: "request" }.into()));
    }
    let in_force = show::rules(core, request).await.map_err(|error| fail(&error))?;
    let has_passkey = passkeys::has_usable(core, &request.application, party.user)
        .await
        .map_err(|error| fail(&error))?;
    let w = console.words();
    let content = OneActivation {
        w,
        now: console.now(),
        state: show::state(w, request),
        start: show::start(w, request),
        critical: in_force.entitlement.value.critical,
        emergency: request.activation == Activation::Emergency,
        open: request.check_open("activated", console.now()).is_ok(),
        has_passkey,
        first: console.sign_in_first(),
        token: console.form_token().as_str(),
        request,
    };
    let title = w.t1("activate-title", "name", &request.entitlement_name);
    Ok(console.page(&title, &content).script(&PASSKEY).live())
}

/// The page's form has no fields but its token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

pub(crate) async fn challenge(
    State(pages): State<Pages>,
    console: Recent,
    Path(text): Path<String>,
    _body: Body<Nothing>,
) -> Result<Json<Challenge>, PageError> {
    let id: RequestId = id(&console, "request", &text)?;
    let begun = activation::begin(&pages.api.core, &*pages.passkeys, &console.who, id)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(Json(begun.into()))
}

pub(crate) async fn signed(
    State(pages): State<Pages>,
    console: Recent,
    body: Body<Response>,
) -> Result<Json<Place>, PageError> {
    let Response { ceremony, response } = body.value;
    let (core, passkeys) = (&pages.api.core, &*pages.passkeys);
    let request = activation::finish(core, passkeys, &console.who, ceremony, &response.to_string())
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(Place::of(format!("/activate/{}", request.id)))
}
