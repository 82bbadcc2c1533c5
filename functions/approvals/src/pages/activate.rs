//! `/activate`: access that nobody approves beforehand.

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response as HttpResponse;
use hourglass_app::requests::NewRequest;
use hourglass_app::{activation, emergencies, passkeys, requests};
use hourglass_domain::Refusal;
use hourglass_domain::ids::RequestId;
use hourglass_domain::request::{Activation, Ask};
use hourglass_web::assets::PASSKEY;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Body;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use serde::Deserialize;

use super::show::{RequestShown, rules};
use super::{Challenge, Pages, Place, Response, go, id};

/// What somebody may activate in an emergency.
struct Offer {
    id: String,
    name: String,
    maximum: String,
}

#[derive(Template)]
#[template(path = "emergency.html")]
struct Offers<'a> {
    offers: Vec<Offer>,
    token: &'a str,
}

pub(crate) async fn offers(State(pages): State<Pages>, console: Console) -> Result<Page, PageError> {
    let found = emergencies::offers(&pages.api.core, &console.who)
        .await
        .map_err(|error| console.fail(&error))?;
    let offers = found
        .into_iter()
        .filter_map(|entitlement| {
            Some(Offer {
                id: entitlement.id.to_string(),
                maximum: entitlement.emergency?.maximum.to_string(),
                name: entitlement.name,
            })
        })
        .collect();
    let token = console.form_token().as_str();
    Ok(console.page("Emergency access", &Offers { offers, token }))
}

/// What the form on the emergency page sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmergencyForm {
    entitlement: String,
    duration: String,
    justification: String,
    #[serde(default)]
    ticket: Option<String>,
}

impl EmergencyForm {
    fn read(self) -> Result<NewRequest, Refusal> {
        let unknown = |_| Refusal::NotFound { what: "entitlement" };
        let rule = "must be a duration such as 30m or 1h";
        Ok(NewRequest {
            entitlement: self.entitlement.parse().map_err(unknown)?,
            beneficiary: None,
            ask: Ask {
                duration: self.duration.parse().map_err(|_| Refusal::invalid("duration", rule))?,
                justification: self.justification,
                ticket: self.ticket.filter(|ticket| !ticket.is_empty()),
                starts_at: None,
                emergency: true,
            },
        })
    }
}

pub(crate) async fn ask(
    State(pages): State<Pages>,
    form: Form<EmergencyForm, Recent>,
) -> Result<HttpResponse, PageError> {
    let console = form.console;
    let new = form.value.read().map_err(|refusal| console.fail(&refusal.into()))?;
    let render = |request: &hourglass_domain::request::Request| serde_json::json!(request.id);
    let answer = requests::create(&pages.api.core, &console.who, &new, None, &render)
        .await
        .map_err(|error| console.fail(&error))?;
    let id = answer.body.as_str().unwrap_or_default();
    Ok(go(&format!("/activate/{id}")))
}

#[derive(Template)]
#[template(path = "activate.html")]
struct OneActivation<'a> {
    request: RequestShown,
    emergency: bool,
    open: bool,
    has_passkey: bool,
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
    let in_force = rules(core, request).await.map_err(|error| fail(&error))?;
    let has_passkey = passkeys::has_usable(core, &request.application, party.user)
        .await
        .map_err(|error| fail(&error))?;
    let content = OneActivation {
        request: RequestShown::new(request, in_force.entitlement.value.critical),
        emergency: request.activation == Activation::Emergency,
        open: request.check_open("activated", console.now()).is_ok(),
        has_passkey,
        token: console.form_token().as_str(),
    };
    let title = format!("Activate {}", request.entitlement_name);
    Ok(console.page(&title, &content).script(&PASSKEY))
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
