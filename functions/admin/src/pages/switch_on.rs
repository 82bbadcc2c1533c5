//! `/admin/entitlements/groups`: switching synced groups on as entitlements, many at once.
//!
//! Each becomes an entitlement of its own, named like the group, under the template's rules. One that cannot be made keeps
//! none of the others from being made, and is named.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::admin::changes::{self, Command, SwitchedOn};
use hourglass_app::admin::{require_admin, search};
use hourglass_app::change::read_many;
use hourglass_app::records::{GroupUse, Stored};
use hourglass_app::{AppError, directory, keys};
use hourglass_domain::directory::Group;
use hourglass_domain::ids::{EntitlementId, ObjectId};
use hourglass_domain::refusal::{Listed, Rule, Shape};
use hourglass_domain::two_person::Mode;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::{Console, Recent};
use http::StatusCode;

use super::entitlements::store;
use super::form::EntitlementForm;
use super::{MOST_ROWS, Shown, Top, next, submit};
use crate::AdminApi;

const SECTION: &str = "/admin/entitlements";
/// Most groups that are switched on with one form: each is a transaction of its own.
const MOST_AT_ONCE: usize = 50;

/// A group that can be switched on.
struct Row {
    /// Its object id in Entra.
    object: ObjectId,
    name: String,
    /// How many entitlements have it as a target.
    used: usize,
    /// Whether approvers or eligible people come from it: then it cannot be one.
    source: bool,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "switch_on.html")]
struct SwitchOn<'a> {
    top: Top<'a>,
    q: String,
    rows: Vec<Row>,
    next: Option<String>,
    eligible_kind: String,
    eligible: String,
    wrong: Wrong,
}

pub(crate) async fn list(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    page(&state, &console, &shown, &[], ("nobody", ""), Wrong::default())
        .await
        .map_err(|error| console.fail(&error))
}

async fn page(
    state: &AdminApi,
    console: &Console,
    shown: &Shown,
    chosen: &[ObjectId],
    eligible: (&str, &str),
    wrong: Wrong,
) -> Result<Page, AppError> {
    let core = &state.api.core;
    require_admin(&console.who)?;
    let application = &console.who.application.value.id;
    let q = shown.q.clone().unwrap_or_default().trim().to_owned();
    let mut after = None;
    let groups: Vec<Group> = if !chosen.is_empty() {
        let found = directory::groups_by_object_ids(&*core.store, application, chosen).await?;
        found.into_iter().flatten().map(|group| group.value).collect()
    } else {
        let (from, _) = shown.paging();
        let page = search::groups(core, &console.who, &q, from, MOST_ROWS).await?;
        after = page.next;
        page.items
    };
    let groups: Vec<(ObjectId, String)> = groups
        .into_iter()
        .filter_map(|group| Some((group.object_id()?, group.name())))
        .collect();
    let uses: Vec<_> = groups
        .iter()
        .map(|(object, _)| keys::group_use(application, *object))
        .collect();
    let uses: Vec<Option<Stored<GroupUse>>> = read_many(&*core.store, &uses).await?;
    let rows = groups.into_iter().zip(uses).map(|((object, name), uses)| Row {
        chosen: chosen.contains(&object),
        object,
        name,
        used: uses.as_ref().map_or(0, |uses| uses.value.target_of.len()),
        source: uses.is_some_and(|uses| !uses.value.source_of.is_empty()),
    });
    let content = SwitchOn {
        rows: rows.collect(),
        top: Top::new(state, console, SECTION, shown).await?,
        q,
        next: next(after.as_deref()),
        eligible_kind: eligible.0.to_owned(),
        eligible: eligible.1.to_owned(),
        wrong,
    };
    Ok(console.page(&console.words().t("admin-switch-on"), &content))
}

pub(crate) async fn switch_on(
    State(state): State<AdminApi>,
    form: Form<Fields, Recent>,
) -> Result<Response, PageError> {
    let console = &form.console;
    let fail = |error: AppError| console.fail(&error);
    let mut fields = form.value;
    let groups = fields.all("groups");
    let refused = |refusal: hourglass_domain::Refusal| fail(refusal.into());
    let eligible_kind = fields.take("eligible_kind").map_err(refused)?;
    let eligible = fields.take("eligible").map_err(refused)?;
    fields.done().map_err(refused)?;
    let mut wrong = Wrong::default();
    let w = console.words();
    let invalid = |rule| hourglass_domain::Refusal::invalid("groups", rule);
    if groups.is_empty() || groups.len() > MOST_AT_ONCE {
        let rule = Rule::Count {
            most: MOST_AT_ONCE,
            of: Listed::Groups,
        };
        wrong.add(w, &invalid(rule));
    }
    let read = |group: &String| group.parse().map_err(|_| invalid(Rule::not(Shape::ObjectId, group)));
    let chosen: Vec<ObjectId> = groups.iter().map(read).collect::<Result<_, _>>().map_err(refused)?;
    let mut left = Vec::new();
    let mut place = None;
    if wrong.is_empty() {
        let new = New {
            groups: &chosen,
            eligible: (&eligible_kind, &eligible),
        };
        (place, left) = new.store(&state, console, &mut wrong).await.map_err(fail)?;
    }
    if wrong.is_empty() {
        // One that waits for another admin leads to where it is signed.
        let place = place.filter(|place| chosen.len() == 1 || !place.starts_with(SECTION));
        return Ok(see_other(
            &place.unwrap_or_else(|| format!("{SECTION}?done=switched-on")),
        ));
    }
    let left = if left.is_empty() { chosen } else { left };
    let shown = page(
        &state,
        console,
        &Shown::default(),
        &left,
        (&eligible_kind, &eligible),
        wrong,
    )
    .await;
    let shown = shown.map_err(fail)?;
    Ok(shown.status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
}

/// What becomes an entitlement.
struct New<'a> {
    groups: &'a [ObjectId],
    eligible: (&'a str, &'a str),
}

impl New<'_> {
    fn form(&self, name: &str, object: ObjectId) -> EntitlementForm {
        EntitlementForm {
            name: name.to_owned(),
            targets: object.to_string(),
            eligible_kind: self.eligible.0.to_owned(),
            eligible: self.eligible.1.to_owned(),
            ..EntitlementForm::new()
        }
    }

    /// Makes them, one after the other; where that takes two admins, they are one proposal, and those that
    /// cannot be made once it is signed are left out. Gives the
    /// place to go to, and those that were not made.
    async fn store(
        &self,
        state: &AdminApi,
        console: &Console,
        wrong: &mut Wrong,
    ) -> Result<(Option<String>, Vec<ObjectId>), AppError> {
        let (core, w) = (&state.api.core, console.words());
        let application = &console.who.application.value.id;
        let found = directory::groups_by_object_ids(&*core.store, application, self.groups).await?;
        let together = self.groups.len() > 1 && changes::mode(core, &console.who).await? == Mode::Two;
        let (mut place, mut left, mut all) = (None, Vec::new(), Vec::new());
        for (object, group) in self.groups.iter().zip(found) {
            let name = group.map_or_else(|| object.to_string(), |group| group.value.name());
            let mut why = Wrong::default();
            if let Some(input) = self.form(&name, *object).read(state, console, &mut why).await? {
                if together {
                    all.push((name.clone(), *object, input));
                } else {
                    match store(state, console, None, &input).await {
                        Ok(at) => place = Some(at),
                        Err(error) => why = Wrong::from_error(w, error)?,
                    }
                }
            }
            if !why.is_empty() {
                left.push(*object);
                for (_, sentence) in why.all() {
                    wrong.say(sentence.after(&format!("{name}: ")));
                }
            }
        }
        if let (true, Some((_, _, like))) = (left.is_empty(), all.first()) {
            let id = || EntitlementId::new(core.ids.uuid());
            let command = Command::EntitlementsSwitchOn {
                like: like.clone(),
                groups: all
                    .iter()
                    .map(|(name, group, _)| SwitchedOn {
                        id: id(),
                        name: name.clone(),
                        group: *group,
                    })
                    .collect(),
            };
            match submit(state, console, command, |_| SECTION.to_owned()).await {
                Ok(at) => place = Some(at),
                Err(error) => *wrong = Wrong::from_error(w, error)?,
            }
        }
        Ok((place, left))
    }
}
