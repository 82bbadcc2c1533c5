//! `/v1/admin/auth-context`: what stands behind the authentication context that step-ups ask for.

use axum::Json;
use axum::extract::State;
use hourglass_app::auth_context;
use hourglass_domain::auth_context::{AuthContext, ContextPolicy};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Failure};
use hourglass_web::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// What was found behind the authentication context of the application's tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuthContextView {
    /// The context, such as `c1`.
    context: String,
    /// When the policies were last read; `null` before the first time. What is older than 24 hours does not count.
    checked_at: Option<String>,
    /// Whether the connector may read policies (Policy.Read.All).
    permitted: bool,
    /// Whether an enabled policy demands a second factor of everybody but those it leaves out. Where it is false, step-ups
    /// by `acrs` (v2 tokens) do not count.
    holds: bool,
    /// The policies that target the context.
    policies: Vec<ContextPolicyView>,
}

/// A Conditional Access policy that targets the context.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContextPolicyView {
    /// Its name.
    name: String,
    /// Why it proves nothing, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Object ids of the users it leaves out: their step-ups do not count.
    excluded_users: Vec<String>,
    /// Object ids of the groups it leaves out. Those that are not provisioned make everybody's step-up uncertain, so that
    /// none counts.
    excluded_groups: Vec<String>,
    /// Whether it leaves out others, such as holders of roles, of whom Hourglass cannot tell who they are.
    excludes_others: bool,
}

impl From<&ContextPolicy> for ContextPolicyView {
    fn from(policy: &ContextPolicy) -> Self {
        Self {
            name: policy.name.clone(),
            problem: policy.problem.map(|problem| problem.to_string()),
            excluded_users: policy.excluded_users.iter().map(ToString::to_string).collect(),
            excluded_groups: policy.excluded_groups.iter().map(ToString::to_string).collect(),
            excludes_others: policy.excludes_others,
        }
    }
}

impl AuthContextView {
    fn of(found: Option<&AuthContext>, configured: &str) -> Self {
        let policies = found.and_then(|found| found.policies.as_deref());
        Self {
            context: configured.to_owned(),
            checked_at: found.map(|found| found.checked_at.to_string()),
            permitted: policies.is_some(),
            holds: found.is_some_and(AuthContext::holds),
            policies: policies.unwrap_or_default().iter().map(Into::into).collect(),
        }
    }
}

/// Look at what stands behind the authentication context
///
/// A token's `acrs` claim proves a second factor only where a Conditional Access policy demands one. It is looked at every
/// hour, and when the Azure integration is tested.
#[utoipa::path(
    get, path = "/v1/admin/auth-context", tag = "Admin",
    responses((status = 200, body = AuthContextView), (status = 403, body = Problem))
)]
pub(crate) async fn get(State(api): State<Api>, caller: Authenticated) -> Result<Json<AuthContextView>, Failure> {
    let found = auth_context::look(&api.core, &caller.who)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(AuthContextView::of(
        found.as_ref(),
        &api.core.settings.auth_context,
    )))
}
