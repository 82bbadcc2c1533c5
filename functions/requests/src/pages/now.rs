//! `/now`: who has what right now.

use askama::Template;
use axum::extract::State;
use hourglass_app::history::Whose;
use hourglass_app::history::search::{self, note_read, widest};
use hourglass_app::outlook;
use hourglass_domain::Timestamp;
use hourglass_web::extract::Query;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::Console;
use hourglass_web::words::Words;
use serde::Deserialize;

use super::look::{GrantShown, Names};
use super::{Pages, address, cursor, place_in_list};

/// Most grants on one page.
const MOST_ROWS: usize = 50;

/// What the address says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Looked {
    #[serde(default)]
    entitlement: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "now.html")]
struct NowContent {
    w: Words,
    now: Timestamp,
    everybody: bool,
    grants: Vec<GrantShown>,
    next: Option<String>,
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    console: Console,
    Query(looked): Query<Looked>,
) -> Result<Page, PageError> {
    let (core, who, w) = (&pages.api.core, &console.who, console.words());
    let everybody = widest(who) == Whose::All;
    let entitlement = looked.entitlement.as_deref().filter(|text| !text.is_empty());
    let wanted = entitlement
        .map(|text| super::id(&console, "entitlement", text))
        .transpose()?;
    let fail = |error: hourglass_app::AppError| console.fail(&error);
    if everybody {
        note_read(core, who, "now", &[("entitlement", entitlement)])
            .await
            .map_err(fail)?;
    }
    let after = place_in_list(looked.cursor.as_deref());
    let (mut grants, next) = search::now(core, who, wanted, after.as_deref(), MOST_ROWS)
        .await
        .map_err(fail)?;
    grants.sort_by_key(|grant| (grant.value.expires_at, grant.value.id));
    let targets = grants.iter().flat_map(|grant| grant.value.targets.iter());
    let names = outlook::target_names(core, targets.map(|target| target.target.clone()).collect())
        .await
        .map_err(fail)?;
    let now = console.now();
    let apart = Names::of_grants(grants.iter().map(|grant| &grant.value));
    let next = cursor(next.as_deref());
    let content = NowContent {
        w,
        now,
        everybody,
        grants: grants
            .iter()
            .map(|grant| GrantShown::of(w, &grant.value, &names, &[], now).apart(&apart, &grant.value))
            .collect(),
        next: next.map(|next| address("/now", &[("entitlement", entitlement), ("cursor", Some(&next))])),
    };
    Ok(console.page(&w.t("now-title"), &content).wide())
}
