//! `/v1/delegations`: who decides on an approver's behalf.

use axum::Json;
use axum::extract::State;
use hourglass_app::delegations::{self, Which};
use hourglass_domain::delegate::Delegation;
use hourglass_domain::ids::{EntitlementId, UserId};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, Failure, Id, ListView, Paging, Query};
use hourglass_web::problem::Problem;
use hourglass_web::views::PartyView;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Who is to decide on the caller's behalf.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DelegationBody {
    /// For which entitlement, by its id.
    entitlement: String,
    /// Who, by our user id: one of those whom the admins allow.
    delegate: String,
    /// Until when, at most 30 days from now; as long as it may where it is left out.
    #[serde(default)]
    until: Option<String>,
}

/// A delegation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DelegationView {
    /// For which entitlement.
    entitlement: String,
    /// Its name at that moment.
    entitlement_name: String,
    /// The approver.
    principal: PartyView,
    /// Who decides for them.
    delegate: PartyView,
    /// Since when.
    at: String,
    /// Until when. It counts for nothing once the approver is none any more, or the admins do not allow the delegate.
    until: String,
}

impl From<&Delegation> for DelegationView {
    fn from(delegation: &Delegation) -> Self {
        Self {
            entitlement: delegation.entitlement.to_string(),
            entitlement_name: delegation.entitlement_name.clone(),
            principal: (&delegation.principal).into(),
            delegate: (&delegation.delegate).into(),
            at: delegation.at.to_string(),
            until: delegation.until.to_string(),
        }
    }
}

/// Which delegations.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhichParam {
    /// Those that the caller gave.
    #[default]
    Given,
    /// Those that the caller received.
    Received,
    /// Everybody's in the application, for admins and auditors.
    All,
}

/// Which delegations, and which part.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DelegationQuery {
    /// `given`, `received`, or `all` for admins and auditors; `given` where it is left out.
    #[serde(default)]
    which: WhichParam,
    /// `next_cursor` of the part before.
    cursor: Option<String>,
    /// Most entries to return, 1 to 100; 50 where it is left out.
    limit: Option<usize>,
}

/// Name a delegate
///
/// For approvers of the entitlement in their own right: a delegate names nobody. In the place of whoever was named before.
/// The delegate decides with their own second factor; both together count once, and neither decides on what either of
/// them asked for or benefits from.
#[utoipa::path(
    post, path = "/v1/delegations", tag = "Decisions", request_body = DelegationBody,
    responses((status = 201, body = DelegationView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem))
)]
pub(crate) async fn name(
    State(api): State<Api>,
    caller: Authenticated,
    body: Body<DelegationBody>,
) -> Result<(StatusCode, Json<DelegationView>), Failure> {
    let named = async {
        let body = &body.value;
        let entitlement: EntitlementId = body
            .entitlement
            .parse()
            .map_err(|_| Refusal::NotFound { what: "entitlement" })?;
        let delegate: UserId = body
            .delegate
            .parse()
            .map_err(|_| Refusal::invalid("delegate", Rule::Shape(Shape::User)))?;
        let until = match &body.until {
            None => delegations::latest(api.core.clock.now()),
            Some(until) => until
                .parse::<Timestamp>()
                .map_err(|_| Refusal::invalid("until", Rule::Shape(Shape::Instant)))?,
        };
        delegations::name(&api.core, &caller.who, entitlement, delegate, until).await
    };
    let named = named.await.map_err(|error| caller.fail(&error))?;
    Ok((StatusCode::CREATED, Json(DelegationView::from(&named.value))))
}

/// Delegations
///
/// What is over is still shown for a while.
#[utoipa::path(
    get, path = "/v1/delegations", tag = "Decisions", params(DelegationQuery),
    responses((status = 200, body = ListView<DelegationView>), (status = 403, body = Problem))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Authenticated,
    Query(query): Query<DelegationQuery>,
) -> Result<Json<ListView<DelegationView>>, Failure> {
    let paging = Paging {
        cursor: query.cursor,
        limit: query.limit,
    };
    let (after, limit) = paging.read()?;
    let which = match query.which {
        WhichParam::Given => Which::Given,
        WhichParam::Received => Which::Received,
        WhichParam::All => Which::All,
    };
    let page = delegations::list(&api.core, &caller.who, which, after, limit)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = page
        .items
        .iter()
        .map(|stored| DelegationView::from(&stored.value))
        .collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}

/// Take back the delegation for an entitlement
#[utoipa::path(
    delete, path = "/v1/delegations/{id}", tag = "Decisions", params(("id" = String, Path)),
    responses((status = 204, description = "Taken back"), (status = 404, body = Problem))
)]
pub(crate) async fn end(
    State(api): State<Api>,
    caller: Authenticated,
    entitlement: Id<EntitlementId>,
) -> Result<StatusCode, Failure> {
    delegations::end(&api.core, &caller.who, entitlement.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
