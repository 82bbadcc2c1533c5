//! `/admin/start`: the first page of an admin whose tenant has no application yet.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::admin::applications::{self, NewApplication};
use hourglass_app::ports::tokens::Caller;
use hourglass_app::sessions::Arrival;
use hourglass_domain::application::Application;
use hourglass_domain::target::Cloud;
use hourglass_web::csrf::VisitorForm;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::Visitor;
use hourglass_web::words::Words;
use secrecy::{ExposeSecret as _, SecretString};

use super::scim::{Fresh, url};
use super::{again, read, typed};
use crate::AdminApi;

/// Where somebody goes who has an application.
const HOME: &str = "/admin";

/// What was typed.
#[derive(Default)]
struct Typed {
    id: String,
    name: String,
    cloud: String,
}

#[derive(Template)]
#[template(path = "start.html")]
struct Start<'a> {
    w: Words,
    token: &'a str,
    tenant: String,
    clouds: [(Cloud, &'static str); 4],
    typed: Typed,
    wrong: Wrong,
}

/// The clouds and the messages with their names.
const CLOUDS: [(Cloud, &str); 4] = [
    (Cloud::Global, "ops-cloud-global"),
    (Cloud::UsGov, "ops-cloud-us-gov"),
    (Cloud::UsGovDod, "ops-cloud-us-gov-dod"),
    (Cloud::China, "ops-cloud-china"),
];

/// The caller, if their tenant is new here and they are an admin of it.
fn newcomer(visitor: &Visitor) -> Result<&Caller, PageError> {
    match &visitor.arrival {
        Arrival::Known(_) => Err(PageError::redirect(HOME.to_owned())),
        Arrival::New(caller) => {
            applications::require_any_admin(caller).map_err(|refusal| visitor.fail(&refusal.into()))?;
            Ok(caller)
        }
    }
}

fn show(visitor: &Visitor, caller: &Caller, typed: Typed, wrong: Wrong) -> Page {
    let w = visitor.words();
    let content = Start {
        w,
        token: visitor.form_token().as_str(),
        tenant: caller.tenant.to_string(),
        clouds: CLOUDS,
        typed,
        wrong,
    };
    visitor.page(&w.t("ops-start-title"), &content)
}

pub(crate) async fn form(visitor: Visitor) -> Result<Page, PageError> {
    let caller = newcomer(&visitor)?;
    let typed = Typed {
        cloud: Cloud::Global.name().to_owned(),
        ..Typed::default()
    };
    Ok(show(&visitor, caller, typed, Wrong::default()))
}

fn read_form(
    visitor: &Visitor,
    caller: &Caller,
    mut fields: Fields,
    wrong: &mut Wrong,
) -> (Typed, Option<NewApplication>) {
    let w = visitor.words();
    let typed = Typed {
        id: typed(w, &mut fields, wrong, "id"),
        name: typed(w, &mut fields, wrong, "name"),
        cloud: typed(w, &mut fields, wrong, "cloud"),
    };
    if let Err(refusal) = fields.done() {
        wrong.add(w, &refusal);
    }
    let id = read(wrong, "id", &typed.id, || w.t("ops-wrong-domain"));
    if typed.name.is_empty() {
        wrong.say_at("name", w.t("ops-wrong-name"));
    }
    let cloud = Cloud::from_name(&typed.cloud);
    if cloud.is_none() {
        wrong.say_at("cloud", w.t("ops-wrong-cloud"));
    }
    let new = match (id, cloud) {
        (Some(id), Some(cloud)) if wrong.is_empty() => Some(NewApplication {
            id,
            name: typed.name.clone(),
            tenant: caller.tenant,
            cloud,
        }),
        _ => None,
    };
    (typed, new)
}

pub(crate) async fn register(State(state): State<AdminApi>, form: VisitorForm<Fields>) -> Result<Response, PageError> {
    let visitor = &form.visitor;
    let caller = newcomer(visitor)?;
    let mut wrong = Wrong::default();
    let (typed, new) = read_form(visitor, caller, form.value, &mut wrong);
    if let Some(new) = new {
        match applications::register(&state.api.core, caller, new).await {
            Ok((application, secret)) => return Ok(registered(&state, visitor, &application, &secret)),
            Err(error) => {
                wrong = Wrong::from_error(visitor.words(), error).map_err(|error| visitor.fail(&error))?;
            }
        }
    }
    Ok(again(show(visitor, caller, typed, wrong)))
}

/// The answer shows the first secret, this once. Sent again, the form finds the application and leads to it.
fn registered(state: &AdminApi, visitor: &Visitor, application: &Application, secret: &SecretString) -> Response {
    let w = visitor.words();
    let content = Fresh {
        w,
        url: url(&state.api.core),
        secret: secret.expose_secret(),
        first: true,
        application,
    };
    visitor.page(&w.t("ops-secret-title"), &content).into_response()
}
