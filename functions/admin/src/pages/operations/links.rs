//! `/admin/links`: which accounts belong to one human being.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::AppError;
use hourglass_app::admin::changes::Command;
use hourglass_app::admin::links::{self, Human};
use hourglass_app::admin::{lookup, require_admin};
use hourglass_domain::Refusal;
use hourglass_domain::Timestamp;
use hourglass_domain::directory::User;
use hourglass_domain::ids::{ObjectId, PersonId, UserId};
use hourglass_domain::person::{LinkAttribute, MOST_SHARING};
use hourglass_domain::refusal::Rule;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};

use super::super::{MOST_ROWS, Shown, Top, next};
use super::{again, done, hidden, submit, top, typed, users, wrong};
use crate::AdminApi;

/// Where the page is.
pub(super) const PLACE: &str = "/admin/links";

/// The attributes with the messages of their names.
const ATTRIBUTES: [(LinkAttribute, &str); 2] = [
    (LinkAttribute::EmployeeNumber, "ops-links-employee-number"),
    (LinkAttribute::Person, "ops-links-person"),
];

/// An account that is linked.
struct Linked {
    id: ObjectId,
    /// Our id of its user, where it is provisioned.
    user: Option<UserId>,
    name: String,
    user_name: String,
    at: Option<Timestamp>,
}

/// A person with accounts.
struct Person {
    id: PersonId,
    accounts: Vec<Linked>,
}

#[derive(Template)]
#[template(path = "links.html")]
struct Links<'a> {
    top: Top<'a>,
    persons: Vec<Person>,
    next: Option<String>,
    /// Whom somebody looked for.
    looked: Option<Human>,
    q: String,
    /// Name, message, and whether it is chosen.
    attributes: Vec<(&'static str, &'static str, bool)>,
    attribute: Option<LinkAttribute>,
    version: u64,
    linking: usize,
    too_common: usize,
    most: usize,
    more: bool,
    one: String,
    other: String,
    wrong: Wrong,
}

/// What was typed into the form that links.
#[derive(Default)]
struct Typed {
    one: String,
    other: String,
}

pub(crate) async fn list(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    show(&state, &console, &shown, Typed::default(), Wrong::default()).await
}

async fn show(
    state: &AdminApi,
    console: &Console,
    shown: &Shown,
    typed: Typed,
    mut wrong: Wrong,
) -> Result<Page, PageError> {
    let core = &state.api.core;
    let fail = |error: AppError| console.fail(&error);
    let (after, limit) = shown.paging();
    let page = links::list(core, &console.who, after, limit.min(MOST_ROWS))
        .await
        .map_err(fail)?;
    let known = users(core, &console.who, page.items.iter().map(|link| link.value.account))
        .await
        .map_err(fail)?;
    let mut persons: Vec<Person> = Vec::new();
    for link in page.items {
        let user = known.get(&link.value.account);
        let linked = Linked {
            id: link.value.account,
            user: user.map(|user| user.id),
            name: user.map(User::name).unwrap_or_default(),
            user_name: user.map(User::sign_in_name).unwrap_or_default(),
            at: Some(link.value.at),
        };
        match persons.last_mut().filter(|person| person.id == link.value.person) {
            Some(person) => person.accounts.push(linked),
            None => persons.push(Person {
                id: link.value.person,
                accounts: vec![linked],
            }),
        }
    }
    let q = shown.q.as_deref().unwrap_or_default().trim();
    let looked = look(state, console, q, &mut wrong).await?;
    let attribute = links::attribute(core, &console.who).await.map_err(fail)?;
    let content = Links {
        top: top(state, console, "/admin/directory", shown.done.as_ref()).await?,
        persons,
        next: next(page.next.as_deref()),
        looked,
        q: q.to_owned(),
        attributes: ATTRIBUTES
            .iter()
            .map(|(one, message)| (one.name(), *message, attribute.settings.value.attribute == Some(*one)))
            .collect(),
        attribute: attribute.settings.value.attribute,
        version: attribute.settings.version,
        linking: attribute.linking,
        too_common: attribute.too_common,
        most: MOST_SHARING,
        more: attribute.more,
        one: typed.one,
        other: typed.other,
        wrong,
    };
    Ok(console.page(&console.words().t("ops-links-title"), &content))
}

/// The person whom somebody looked for.
async fn look(state: &AdminApi, console: &Console, text: &str, bad: &mut Wrong) -> Result<Option<Human>, PageError> {
    if text.is_empty() {
        return Ok(None);
    }
    let core = &state.api.core;
    let found = async {
        let user = lookup::user(core, &console.who, "q", text).await?;
        links::get(core, &console.who, user.id).await
    };
    match found.await {
        Ok(human) => Ok(Some(human)),
        Err(error) => {
            *bad = wrong(console, error)?;
            Ok(None)
        }
    }
}

/// Links two accounts.
pub(crate) async fn link(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let (w, mut bad) = (console.words(), Wrong::default());
    let mut fields = form.value;
    let typed = Typed {
        one: typed(w, &mut fields, &mut bad, "one"),
        other: typed(w, &mut fields, &mut bad, "other"),
    };
    done(console, fields)?;
    let one = find(&state, console, "one", &typed.one, &mut bad).await?;
    let other = find(&state, console, "other", &typed.other, &mut bad).await?;
    if let (Some(one), Some(other)) = (one, other) {
        match submit(&state, console, Command::Link { one, other }, None, PLACE, "linked").await {
            Ok(response) => return Ok(response),
            Err(error) => bad = wrong(console, error)?,
        }
    }
    Ok(again(show(&state, console, &Shown::default(), typed, bad).await?))
}

/// The user who is meant; both fields say at once what is wrong with them.
async fn find(
    state: &AdminApi,
    console: &Console,
    field: &'static str,
    text: &str,
    bad: &mut Wrong,
) -> Result<Option<UserId>, PageError> {
    match lookup::user(&state.api.core, &console.who, field, text).await {
        Ok(user) => Ok(Some(user.id)),
        Err(AppError::Refused(refusal)) if refusal.field().is_some() => {
            bad.add(console.words(), &refusal);
            Ok(None)
        }
        Err(error) => Err(console.fail(&error)),
    }
}

/// Takes an account away from a person.
pub(crate) async fn unlink(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let mut fields = form.value;
    let user: UserId = hidden(console, &mut fields, "user")?;
    done(console, fields)?;
    match submit(&state, console, Command::Unlink { user }, None, PLACE, "unlinked").await {
        Ok(response) => Ok(response),
        Err(error) => {
            let bad = wrong(console, error)?;
            Ok(again(
                show(&state, console, &Shown::default(), Typed::default(), bad).await?,
            ))
        }
    }
}

/// Chooses the attribute that links, or none.
pub(crate) async fn choose(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let mut fields = form.value;
    let version: u64 = hidden(console, &mut fields, "version")?;
    let (w, mut bad) = (console.words(), Wrong::default());
    let chosen = typed(w, &mut fields, &mut bad, "attribute");
    done(console, fields)?;
    let attribute = match chosen.as_str() {
        "none" => Ok(None),
        name => LinkAttribute::ALL
            .into_iter()
            .find(|known| known.name() == name)
            .map(Some)
            .ok_or_else(|| Refusal::invalid("attribute", Rule::one_of(LinkAttribute::ALL.map(LinkAttribute::name)))),
    };
    if let Some(attribute) = bad.keep(w, attribute) {
        let command = Command::LinkAttribute { attribute };
        match submit(&state, console, command, Some(version), PLACE, "links-attribute").await {
            Ok(response) => return Ok(response),
            Err(error) => bad = wrong(console, error)?,
        }
    }
    Ok(again(
        show(&state, console, &Shown::default(), Typed::default(), bad).await?,
    ))
}
