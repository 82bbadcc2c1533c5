//! The part of `/admin/integrations` about AWS IAM Identity Center, and `/admin/integrations/aws/remove`, which asks first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::admin::aws::{self, AwsInput};
use hourglass_app::admin::changes::{self, Outcome};
use hourglass_app::admin::probes::{self, Question};
use hourglass_app::admin::require_admin;
use hourglass_app::ports::Core;
use hourglass_app::records::{Probe, Stored};
use hourglass_domain::application::{AwsIntegration, AwsToken};
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::two_person::Mode;
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::csrf::Form;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::{Console, Recent};
use secrecy::SecretString;
use serde::Deserialize;

use super::super::Top;
use super::integrations::{self, Asked, Ends, Filled, Nothing, PLACE, day, read_day};
use super::{again, back, done, hidden, top, typed, waiting, wrong};
use crate::AdminApi;

/// The messages about the end of a token: over, and within 7, 30 and 90 days.
const ENDS: [&str; 4] = ["ops-aws-ended", "ops-aws-ends-7", "ops-aws-ends-30", "ops-aws-ends-90"];

/// What was typed, or what is stored: everything but the token, which is shown to nobody.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) url: String,
    pub(super) token_expires_at: String,
    pub(super) version: u64,
}

impl Typed {
    fn of(stored: Option<&Stored<AwsIntegration>>) -> Self {
        let Some(stored) = stored else {
            return Self::default();
        };
        let aws = &stored.value;
        Self {
            url: aws.url.as_ref().map(ToString::to_string).unwrap_or_default(),
            token_expires_at: aws.token_expires_at.map(day).unwrap_or_default(),
            version: stored.version,
        }
    }
}

/// An integration that was not removed.
pub(super) struct Entered {
    pub(super) url: ScimUrl,
    pub(super) token_missing: bool,
    pub(super) token_expires_at: Option<Timestamp>,
    pub(super) updated_at: Timestamp,
}

/// The part of the page.
pub(super) struct Section {
    pub(super) stored: Option<Entered>,
    pub(super) ends: Option<Ends>,
    /// Whether a token that belongs to nothing any more could not be deleted yet.
    pub(super) left: bool,
    pub(super) typed: Typed,
    pub(super) wrong: Wrong,
    pub(super) probe: Option<Probe>,
}

impl Section {
    /// # Errors
    /// When the caller is no admin.
    pub(super) async fn of(
        core: &Core,
        console: &Console,
        (typed, wrong): (Option<Typed>, Wrong),
        probe: Option<Probe>,
    ) -> Result<Self, PageError> {
        let stored = aws::get(core, &console.who)
            .await
            .map_err(|error| console.fail(&error))?;
        let typed = typed.unwrap_or_else(|| Typed::of(stored.as_ref()));
        let aws = stored.map(|stored| stored.value);
        let left = aws.as_ref().is_some_and(|aws| aws.token == AwsToken::Left);
        let entered = aws.and_then(|aws| {
            Some(Entered {
                token_missing: !aws.is_entered(),
                url: aws.url?,
                token_expires_at: aws.token_expires_at,
                updated_at: aws.updated_at,
            })
        });
        let ends = entered.as_ref().and_then(|entered| entered.token_expires_at);
        Ok(Self {
            ends: ends.map(|at| Ends::of(at, console.now(), ENDS)),
            stored: entered,
            left,
            typed,
            wrong,
            probe,
        })
    }
}

/// Reads the form; what was typed comes back without the token.
fn read(
    console: &Console,
    local: bool,
    mut fields: Fields,
    wrong: &mut Wrong,
) -> Result<(Typed, Option<AwsInput>), PageError> {
    let w = console.words();
    let version: u64 = hidden(console, &mut fields, "version")?;
    let token = typed(w, &mut fields, wrong, "access_token");
    let typed = Typed {
        url: typed(w, &mut fields, wrong, "url"),
        token_expires_at: typed(w, &mut fields, wrong, "token_expires_at"),
        version,
    };
    done(console, fields)?;
    if ScimUrl::parse(&typed.url, local).is_err() {
        wrong.say_at("url", w.t("ops-wrong-aws-url"));
    }
    let token_expires_at = read_day(w, wrong, "token_expires_at", &typed.token_expires_at);
    if token.is_empty() {
        wrong.say_at("access_token", w.t("ops-wrong-aws-token"));
    }
    let input = wrong.is_empty().then(|| AwsInput {
        url: typed.url.clone(),
        access_token: SecretString::from(token),
        token_expires_at,
        version: Some(version),
    });
    Ok((typed, input))
}

pub(crate) async fn save(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    let core = &state.api.core;
    require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let mut bad = Wrong::default();
    let (typed, input) = read(console, core.settings.local, form.value, &mut bad)?;
    if let Some(input) = input {
        match aws::put(core, &console.who, &*state.secrets, input).await {
            Ok(outcome) => return Ok(waiting(&outcome).unwrap_or_else(|| back(PLACE, "aws"))),
            Err(error) => bad = wrong(console, error)?,
        }
    }
    let filled = Filled {
        aws: (Some(typed), bad),
        ..Filled::default()
    };
    let page = integrations::show(&state, console, &Asked::default(), filled).await?;
    Ok(again(page))
}

pub(crate) async fn test(State(state): State<AdminApi>, form: Form<Nothing>) -> Result<Response, PageError> {
    let console = &form.console;
    let probe = probes::ask(&state.api.core, &console.who, Question::TestAws)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(see_other(&format!("{PLACE}?probe={}#aws", probe.id)))
}

/// What removing does, and to whom.
#[derive(Template)]
#[template(path = "aws-remove.html")]
struct Removal<'a> {
    top: Top<'a>,
    url: ScimUrl,
    version: u64,
    two: bool,
}

pub(crate) async fn ask(State(state): State<AdminApi>, console: Console) -> Result<Page, PageError> {
    let core = &state.api.core;
    let fail = |error| console.fail(&error);
    let none = || {
        let what = "AWS integration";
        console.fail(&Refusal::NotFound { what }.into())
    };
    let stored = aws::get(core, &console.who).await.map_err(fail)?.ok_or_else(none)?;
    let mode = changes::mode(core, &console.who).await.map_err(fail)?;
    let content = Removal {
        top: top(&state, &console, PLACE, None).await?,
        url: stored.value.url.ok_or_else(none)?,
        version: stored.version,
        two: mode == Mode::Two,
    };
    Ok(console.page(&console.words().t("ops-aws-remove-title"), &content))
}

/// The form that removes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    version: u64,
}

pub(crate) async fn remove(State(state): State<AdminApi>, form: Form<Version, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    let version = Some(form.value.version);
    let outcome: Outcome = aws::remove(&state.api.core, &console.who, &*state.secrets, version)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(waiting(&outcome).unwrap_or_else(|| back(PLACE, "aws-removed")))
}

/// Tries again to delete a token that belongs to nothing any more.
pub(crate) async fn forget(State(state): State<AdminApi>, form: Form<Nothing, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    aws::forget(&state.api.core, &console.who, &*state.secrets)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(back(PLACE, "aws-forgotten"))
}
