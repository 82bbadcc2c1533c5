//! `/admin/template`: the template `GROUP_ACCESS_APPROVAL`, the defaults under every entitlement.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::AppError;
use hourglass_app::admin::changes::Command;
use hourglass_app::admin::template::{self, TemplateInput};
use hourglass_domain::Refusal;
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::{TEMPLATE_KEY, Template};
use hourglass_domain::message;
use hourglass_domain::refusal::{self, Rule};
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::Html;
use http::StatusCode;

use super::form::{beside, durations, version};
use super::{Shown, Top, people};
use crate::AdminApi;

const SECTION: &str = "/admin/template";

/// What the form holds.
#[derive(Clone, Debug, Default)]
struct TemplateForm {
    default_approvers: String,
    /// The listed durations that are chosen.
    durations: Vec<String>,
    /// Others, between spaces.
    more_durations: String,
    /// How long a request waits: hours, or `8h`.
    request_ttl: String,
    messages: BTreeMap<String, String>,
    version: String,
}

/// A message text of the form.
struct Text {
    /// The name of its field.
    field: String,
    /// The message with what it is for.
    label: String,
    placeholders: String,
    text: String,
    /// As somebody would read it; or why that cannot be.
    preview: Result<String, Html>,
}

#[derive(askama::Template)]
#[template(path = "template.html")]
struct Shape<'a> {
    top: Top<'a>,
    form: TemplateForm,
    durations: Vec<(String, bool)>,
    texts: Vec<Text>,
    wrong: Wrong,
    broken: Option<String>,
    key: &'static str,
}

impl TemplateForm {
    async fn of(state: &AdminApi, console: &Console, template: &Template, version: u64) -> Result<Self, AppError> {
        Ok(Self {
            default_approvers: people::write(state, console, &template.default_approvers).await?,
            durations: template.durations.iter().map(ToString::to_string).collect(),
            more_durations: String::new(),
            request_ttl: AccessDuration::from_seconds(template.request_ttl_seconds)
                .map_or_else(|| format!("{}s", template.request_ttl_seconds), |ttl| ttl.to_string()),
            messages: template.messages.clone(),
            version: version.to_string(),
        })
    }

    fn sent(mut fields: Fields) -> Result<Self, Refusal> {
        let mut messages = BTreeMap::new();
        for kind in message::KINDS {
            let mut all = fields.all(&format!("message.{}", kind.name));
            let text = all.pop().unwrap_or_default().replace("\r\n", "\n");
            if !text.trim().is_empty() && text != kind.default {
                messages.insert(kind.name.to_owned(), text);
            }
        }
        let form = Self {
            default_approvers: fields.take("default_approvers")?,
            durations: fields.all("durations"),
            more_durations: fields.take("more_durations")?,
            request_ttl: fields.take("request_ttl_seconds")?,
            messages,
            version: fields.take("version")?,
        };
        fields.done()?;
        Ok(form)
    }

    async fn read(
        &self,
        state: &AdminApi,
        console: &Console,
        wrong: &mut Wrong,
    ) -> Result<Option<TemplateInput>, AppError> {
        let w = console.words();
        let approvers = people::read(state, console, "default_approvers", &self.default_approvers).await;
        let approvers = beside(console, wrong, approvers)?;
        let more = self.more_durations.split_whitespace().map(str::to_owned);
        let all: Vec<String> = self.durations.iter().cloned().chain(more).collect();
        let all = wrong.keep(w, durations("durations", &all));
        let ttl = self.request_ttl.parse::<AccessDuration>();
        let ttl = ttl.map_err(|_| Refusal::invalid("request_ttl_seconds", Rule::Shape(refusal::Shape::Duration)));
        let ttl = wrong.keep(w, ttl);
        let version = wrong.keep(w, version(&self.version));
        let (Some(default_approvers), Some(durations), Some(ttl), Some(version)) = (approvers, all, ttl, version)
        else {
            return Ok(None);
        };
        Ok(Some(TemplateInput {
            default_approvers,
            durations: durations.unwrap_or_default(),
            request_ttl_seconds: u32::try_from(ttl.seconds()).unwrap_or(u32::MAX),
            messages: self.messages.clone(),
            version,
        }))
    }
}

pub(crate) async fn get(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let fail = |error: AppError| console.fail(&error);
    let looked = template::get(&state.api.core, &console.who).await.map_err(fail)?;
    let (template, version) = (&looked.stored.value, looked.stored.version);
    let form = TemplateForm::of(&state, &console, template, version)
        .await
        .map_err(fail)?;
    page(&state, &console, form, Wrong::default(), &shown)
        .await
        .map_err(fail)
}

pub(crate) async fn put(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    let console = &form.console;
    let fail = |error: AppError| console.fail(&error);
    let mut fields = form.value;
    // "Show how they read" sends the form back with previews and saves nothing.
    let look = fields.checked("look").map_err(|refusal| fail(refusal.into()))?;
    let form = TemplateForm::sent(fields).map_err(|refusal| fail(refusal.into()))?;
    let mut wrong = Wrong::default();
    let input = form.read(&state, console, &mut wrong).await.map_err(fail)?;
    if let Some(input) = input.filter(|_| !look) {
        let saved = format!("{SECTION}?done=saved");
        match super::submit(&state, console, Command::Template { input }, |_| saved).await {
            Ok(place) => return Ok(see_other(&place)),
            Err(error) => wrong = Wrong::from_error(console.words(), error).map_err(fail)?,
        }
    }
    let status = if look {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let shown = page(&state, console, form, wrong, &Shown::default())
        .await
        .map_err(fail)?;
    Ok(shown.status(status).into_response())
}

async fn page(
    state: &AdminApi,
    console: &Console,
    form: TemplateForm,
    wrong: Wrong,
    shown: &Shown,
) -> Result<Page, AppError> {
    let looked = template::get(&state.api.core, &console.who).await?;
    let w = console.words();
    let mut choices: Vec<AccessDuration> = AccessDuration::DEFAULTS.to_vec();
    choices.extend(looked.stored.value.durations.iter());
    choices.sort_unstable();
    choices.dedup();
    let durations = choices.iter().map(|duration| {
        let name = duration.to_string();
        let chosen = form.durations.contains(&name);
        (name, chosen)
    });
    let texts = message::KINDS.iter().map(|kind| {
        let text = form.messages.get(kind.name).map_or(kind.default, String::as_str);
        Text {
            field: format!("message.{}", kind.name),
            label: w.t(&format!("admin-message-{}", kind.name.replace('_', "-"))),
            placeholders: kind
                .placeholders
                .iter()
                .map(|name| format!("{{{{ {name} }}}}"))
                .collect::<Vec<_>>()
                .join(" "),
            text: text.to_owned(),
            preview: kind.preview(text).map_err(|refusal| w.refused(&refusal)),
        }
    });
    let content = Shape {
        top: Top::new(state, console, SECTION, shown).await?,
        durations: durations.collect(),
        texts: texts.collect(),
        form,
        wrong,
        broken: looked.problem.map(|problem| w.seal_problem(problem)),
        key: TEMPLATE_KEY,
    };
    Ok(console.page(&w.t("admin-template-title"), &content))
}
