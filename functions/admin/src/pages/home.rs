//! `/admin`: what is still to be set up, and what needs somebody now.

use askama::Template;
use axum::extract::State;
use hourglass_app::admin::overview::{self, Overview};
use hourglass_domain::Timestamp;
use hourglass_domain::application::AwsToken;
use hourglass_web::extract::Query;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::Console;
use hourglass_web::words::{Html, Words};

use super::{Shown, Top};
use crate::AdminApi;

/// A step of the checklist.
struct Step {
    /// Whether it is done.
    done: bool,
    /// Whether everything works without it.
    optional: bool,
    /// What it is.
    text: String,
    /// What is so at the moment.
    state: Html,
    /// Where it is done.
    place: &'static str,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    top: Top<'a>,
    steps: Vec<Step>,
    found: &'a Overview,
    /// What is so with AWS.
    aws: Html,
    now: Timestamp,
}

pub(crate) async fn home(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let found = overview::of(&state.api.core, &console.who)
        .await
        .map_err(|error| console.fail(&error))?;
    let steps = steps(&console, &found);
    let content = Home {
        top: Top::new(&state, &console, "/admin", &shown)
            .await
            .map_err(|error| console.fail(&error))?,
        steps,
        found: &found,
        aws: aws_state(console.words(), &found, console.now()),
        now: console.now(),
    };
    let title = console.words().t("admin-title");
    Ok(console.page(&title, &content))
}

/// The step that may be left out.
const AWS: &str = "admin-step-aws";

/// What is so with AWS, in words.
fn aws_state(w: Words, found: &Overview, now: Timestamp) -> Html {
    let Some(aws) = &found.aws else {
        return w.t("admin-step-aws-none").into();
    };
    match aws.token_expires_at {
        _ if aws.token != AwsToken::Stored => w.t("admin-step-aws-no-token").into(),
        Some(at) if at <= now => w.timed("admin-step-aws-ended", &[], "at", at),
        Some(at) => w.timed("admin-step-aws-until", &[], "at", at),
        None => w.t("admin-step-aws-entered").into(),
    }
}

/// The checklist; empty once everything is done.
fn steps(console: &Console, found: &Overview) -> Vec<Step> {
    let (w, now) = (console.words(), console.now());
    let aws = found.aws_is_entered(&now);
    let at = |name: &str, at: Option<Timestamp>| match at {
        Some(at) => w.timed(name, &[], "at", at),
        None => w.t("admin-step-not-yet").into(),
    };
    let said = |done: bool| Html::from(w.t(if done { "admin-step-done" } else { "admin-step-not-yet" }));
    let step = |name: &str, done: bool, state: Html, place: &'static str| Step {
        done,
        optional: name == AWS,
        text: w.t(name),
        state,
        place,
    };
    let steps = vec![
        step(
            "admin-step-scim",
            found.scim_seen.is_some(),
            at("admin-step-scim-at", found.scim_seen),
            "/admin/scim",
        ),
        step(
            "admin-step-azure",
            found.azure_answered.is_some(),
            at("admin-step-azure-at", found.azure_answered),
            "/admin/integrations",
        ),
        step(
            "admin-step-approvers",
            found.default_approvers,
            said(found.default_approvers),
            "/admin/template",
        ),
        step(
            "admin-step-entitlement",
            found.entitlements,
            said(found.entitlements),
            "/admin/entitlements",
        ),
        step(AWS, aws, aws_state(w, found, now), "/admin/integrations"),
        step("admin-step-second", found.two, said(found.two), "/changes"),
        step("admin-step-passkey", found.own_key, said(found.own_key), "/passkeys"),
    ];
    // What is optional keeps nobody waiting.
    if steps.iter().all(|step| step.done || step.optional) {
        Vec::new()
    } else {
        steps
    }
}
