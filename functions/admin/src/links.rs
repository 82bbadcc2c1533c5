//! `/v1/admin/links`, `/v1/admin/link-attribute`: which accounts belong to one person.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::admin::changes::{Command, Wish};
use hourglass_app::admin::links::{self, ByAttribute, Human};
use hourglass_domain::Refusal;
use hourglass_domain::ids::UserId;
use hourglass_domain::person::{Link, LinkAttribute};
use hourglass_domain::refusal::Rule;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, Failure, Id, ListView, Paging, Query};
use hourglass_web::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::changes::{WaitingView, submit};

/// That an admin linked an account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkView {
    /// The person, an id of its own.
    person: String,
    /// The account's object id in Entra.
    account: String,
    /// All accounts that an admin linked to this person.
    accounts: Vec<String>,
    /// Who linked it last, by internal ids.
    #[schema(value_type = Object)]
    by: Value,
    /// When.
    at: String,
}

impl From<&Link> for LinkView {
    fn from(link: &Link) -> Self {
        Self {
            person: link.person.to_string(),
            account: link.account.to_string(),
            accounts: link.accounts.iter().map(ToString::to_string).collect(),
            by: serde_json::to_value(&link.by).unwrap_or_default(),
            at: link.at.to_string(),
        }
    }
}

/// An account of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountView {
    /// The object id in Entra.
    account: String,
    /// Our id of the user, while it is provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// `userName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    /// Whether an admin linked it; otherwise the attribute does, or it is the only one.
    by_admin: bool,
}

/// A person with all of their accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HumanView {
    /// The id that stands for the person now.
    person: String,
    /// The accounts.
    accounts: Vec<AccountView>,
    /// Whether a value of the attribute is left out because more accounts share it than one human being has.
    too_common: bool,
}

impl From<&Human> for HumanView {
    fn from(human: &Human) -> Self {
        let account = |account: &links::Account| AccountView {
            account: account.account.to_string(),
            user: account.user.as_ref().map(|user| user.id.to_string()),
            user_name: account.user.as_ref().map(|user| user.user_name.clone()),
            by_admin: account.by_admin,
        };
        Self {
            person: human.person.to_string(),
            accounts: human.accounts.iter().map(account).collect(),
            too_common: human.too_common,
        }
    }
}

/// Two accounts of one human being.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// Our ids of two users.
    users: Vec<String>,
}

impl LinkBody {
    fn read(&self) -> Result<(UserId, UserId), Refusal> {
        let [one, other] = self.users.as_slice() else {
            return Err(Refusal::invalid("users", Rule::TwoUsers));
        };
        // An id that is none is unknown, like one that nobody has.
        let read = |id: &String| id.parse::<UserId>().map_err(|_| Refusal::NotFound { what: "user" });
        Ok((read(one)?, read(other)?))
    }
}

/// Accounts that are linked by hand
///
/// Those of one person side by side. What an attribute links is not listed; ask for a user's person to see all.
#[utoipa::path(
    get, path = "/v1/admin/links", tag = "Admin", params(Paging),
    responses((status = 200, body = ListView<LinkView>), (status = 403, body = Problem))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Authenticated,
    Query(paging): Query<Paging>,
) -> Result<Json<ListView<LinkView>>, Failure> {
    let (after, limit) = paging.read()?;
    let page = links::list(&api.core, &caller.who, after, limit)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = page.items.iter().map(|link| LinkView::from(&link.value)).collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}

/// Link two accounts
///
/// They are one person from then on, with everything that was linked to either before: neither approves for the other, and
/// together they count once. Requests and grants that exist end as they would have. Nobody links their own accounts.
#[utoipa::path(
    post, path = "/v1/admin/links", tag = "Admin", request_body = LinkBody,
    responses((status = 201, body = HumanView), (status = 202, body = WaitingView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, description = "They are one person already", body = Problem), (status = 422, body = Problem))
)]
pub(crate) async fn link(
    State(api): State<Api>,
    caller: Authenticated,
    body: Body<LinkBody>,
) -> Result<Response, Failure> {
    let users = hourglass_app::admin::require_admin(&caller.who).and_then(|()| body.value.read());
    let (one, other) = users.map_err(|refusal| caller.fail(&refusal.into()))?;
    submit(&api, &caller, &Wish::new(Command::Link { one, other })).await
}

/// The person behind a user
#[utoipa::path(
    get, path = "/v1/admin/links/{user}", tag = "Admin", params(("user" = String, Path)),
    responses((status = 200, body = HumanView), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Authenticated,
    user: Id<UserId>,
) -> Result<Json<HumanView>, Failure> {
    let human = links::get(&api.core, &caller.who, user.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(HumanView::from(&human)))
}

/// Unlink an account
///
/// Takes the user away from the person that an admin linked them to. What the attribute links is unlinked at its source.
/// Nobody unlinks their own accounts.
#[utoipa::path(
    delete, path = "/v1/admin/links/{user}", tag = "Admin", params(("user" = String, Path)),
    responses((status = 204, description = "Unlinked"), (status = 202, body = WaitingView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, description = "No admin has linked it", body = Problem))
)]
pub(crate) async fn unlink(
    State(api): State<Api>,
    caller: Authenticated,
    user: Id<UserId>,
) -> Result<Response, Failure> {
    submit(&api, &caller, &Wish::new(Command::Unlink { user: user.0 })).await
}

/// An attribute that can link accounts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkAttributeView {
    /// `employeeNumber` of the enterprise extension.
    EmployeeNumber,
    /// `person` of the extension `urn:ietf:params:scim:schemas:extension:hourglass:2.0:User`.
    Person,
}

/// Which attribute links.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttributeBody {
    /// The attribute; `null` where none links.
    attribute: Option<LinkAttributeView>,
    /// The version that was read: refused when another is stored.
    #[serde(default)]
    version: Option<u64>,
}

/// The attribute that links, and what it does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttributeView {
    /// The attribute.
    attribute: Option<LinkAttributeView>,
    /// The version of the settings; it changes with every link as well.
    version: u64,
    /// How many values link two or more accounts.
    linking: usize,
    /// How many values link nobody, because more accounts share them than one human being has.
    too_common: usize,
    /// Whether there are more users than were read to count.
    more: bool,
}

impl From<&ByAttribute> for AttributeView {
    fn from(found: &ByAttribute) -> Self {
        Self {
            attribute: found.settings.value.attribute.map(|attribute| match attribute {
                LinkAttribute::EmployeeNumber => LinkAttributeView::EmployeeNumber,
                LinkAttribute::Person => LinkAttributeView::Person,
            }),
            version: found.settings.version,
            linking: found.linking,
            too_common: found.too_common,
            more: found.more,
        }
    }
}

/// The attribute that links accounts
#[utoipa::path(
    get, path = "/v1/admin/link-attribute", tag = "Admin",
    responses((status = 200, body = AttributeView), (status = 403, body = Problem))
)]
pub(crate) async fn attribute(State(api): State<Api>, caller: Authenticated) -> Result<Json<AttributeView>, Failure> {
    let found = links::attribute(&api.core, &caller.who)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(AttributeView::from(&found)))
}

/// Choose the attribute that links accounts
///
/// Accounts with the very same value are one person. Blank values never link, nor do values that more than five accounts
/// share: the answer says how many those are. Whoever can write the attribute at its source can link and unlink by it.
#[utoipa::path(
    put, path = "/v1/admin/link-attribute", tag = "Admin", request_body = AttributeBody,
    responses((status = 200, body = AttributeView), (status = 202, body = WaitingView), (status = 403, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn choose(
    State(api): State<Api>,
    caller: Authenticated,
    body: Body<AttributeBody>,
) -> Result<Response, Failure> {
    let attribute = body.value.attribute.map(|attribute| match attribute {
        LinkAttributeView::EmployeeNumber => LinkAttribute::EmployeeNumber,
        LinkAttributeView::Person => LinkAttribute::Person,
    });
    let wish = Wish::new(Command::LinkAttribute { attribute }).version(body.value.version);
    submit(&api, &caller, &wish).await
}
