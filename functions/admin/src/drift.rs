//! `/v1/admin/entitlements/{id}/drift`, `/v1/admin/standing/{group}`, `/v1/admin/protected-accounts`.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::admin::changes::{Command, Wish};
use hourglass_app::admin::drift::{self, Drift};
use hourglass_app::records::Stored;
use hourglass_domain::Refusal;
use hourglass_domain::drift::{DriftMode, DriftReport, ProtectedAccounts, StandingMember, Unexplained};
use hourglass_domain::ids::{EntitlementId, ObjectId};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, Failure, Id, ListView, NoBody, Paging, Query};
use hourglass_web::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::changes::{WaitingView, submit};

/// What is done about members that no grant holds and that are not on the list of standing members.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeView {
    /// They are reported.
    Observe,
    /// They are reported and raise an alarm.
    Alert,
    /// They raise an alarm and are removed: at most 5 or a tenth of the group in one run, and only after a report of
    /// seven days. Who is a member when it is switched on goes on the list of standing members.
    Enforce,
}

impl From<DriftMode> for ModeView {
    fn from(mode: DriftMode) -> Self {
        match mode {
            DriftMode::Observe => Self::Observe,
            DriftMode::Alert => Self::Alert,
            DriftMode::Enforce => Self::Enforce,
        }
    }
}

impl From<ModeView> for DriftMode {
    fn from(mode: ModeView) -> Self {
        match mode {
            ModeView::Observe => Self::Observe,
            ModeView::Alert => Self::Alert,
            ModeView::Enforce => Self::Enforce,
        }
    }
}

/// The mode to choose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModeBody {
    /// What is done.
    mode: ModeView,
    /// The version that was read: refused when another is stored.
    #[serde(default)]
    version: Option<u64>,
}

/// A member that nothing explains.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnexplainedView {
    /// Object id of the account.
    account: String,
    /// Its name in the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// When it was first seen without an explanation.
    first_seen: String,
}

impl From<&Unexplained> for UnexplainedView {
    fn from(member: &Unexplained) -> Self {
        Self {
            account: member.account.to_string(),
            name: member.name.clone(),
            first_seen: member.first_seen.to_string(),
        }
    }
}

/// What the last look at one target found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportView {
    /// The target, as `entra:<group object id>`.
    target: String,
    /// When its members were last listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_at: Option<String>,
    /// Why the last look failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// How many direct members there are.
    members: usize,
    /// How many of them a grant holds.
    held: usize,
    /// How many are on the list of standing members.
    standing: usize,
    /// How many are protected and nothing else explains.
    protected: usize,
    /// How many nothing explains.
    unexplained: usize,
    /// The first 200 of them.
    named: Vec<UnexplainedView>,
    /// From when on `enforce` removes.
    #[serde(skip_serializing_if = "Option::is_none")]
    enforce_from: Option<String>,
    /// Why nobody is removed although there is something to remove.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    /// Accounts that are being removed and whose absence is not proved yet.
    removing: Vec<String>,
    /// How many have been removed so far.
    removed: u64,
}

impl From<&DriftReport> for ReportView {
    fn from(report: &DriftReport) -> Self {
        Self {
            target: report.target.to_string(),
            checked_at: report.checked_at.map(|at| at.to_string()),
            error: report.error.clone(),
            members: report.members,
            held: report.held,
            standing: report.standing,
            protected: report.protected,
            unexplained: report.unexplained,
            named: report.named.iter().map(UnexplainedView::from).collect(),
            enforce_from: report.enforce_from.map(|at| at.to_string()),
            stopped: report.stopped.clone(),
            removing: report.removing.iter().map(ToString::to_string).collect(),
            removed: report.removed,
        }
    }
}

/// The mode of an entitlement and what was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DriftView {
    /// What is done.
    mode: ModeView,
    /// Since when.
    since: String,
    /// The mode's version; 0 where nobody has chosen one.
    version: u64,
    /// A report for each target that was looked at.
    targets: Vec<ReportView>,
}

impl From<&Drift> for DriftView {
    fn from(drift: &Drift) -> Self {
        Self {
            mode: drift.policy.value.mode.into(),
            since: drift.policy.value.since.to_string(),
            version: drift.policy.version,
            targets: drift.reports.iter().map(ReportView::from).collect(),
        }
    }
}

/// The drift report of an entitlement
///
/// Its targets are looked at every hour, and soon after the entitlement or its mode changed.
#[utoipa::path(
    get, path = "/v1/admin/entitlements/{id}/drift", tag = "Admin", params(("id" = String, Path)),
    responses((status = 200, body = DriftView), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn report(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<EntitlementId>,
) -> Result<Json<DriftView>, Failure> {
    let drift = drift::get(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(DriftView::from(&drift)))
}

/// Choose what is done about unexplained members
#[utoipa::path(
    put, path = "/v1/admin/entitlements/{id}/drift", tag = "Admin", params(("id" = String, Path)),
    request_body = ModeBody,
    responses((status = 200, body = DriftView), (status = 202, body = WaitingView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem))
)]
pub(crate) async fn choose(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<EntitlementId>,
    body: Body<ModeBody>,
) -> Result<Response, Failure> {
    let command = Command::DriftMode {
        entitlement: id.0,
        mode: body.value.mode.into(),
    };
    submit(&api, &caller, &Wish::new(command).version(body.value.version)).await
}

/// A standing member.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StandingView {
    /// Object id of the account.
    account: String,
    /// Since when it is on the list.
    since: String,
    /// `found` when `enforce` was switched on, or `declared` by an admin.
    source: &'static str,
}

impl From<&StandingMember> for StandingView {
    fn from(member: &StandingMember) -> Self {
        Self {
            account: member.account.to_string(),
            since: member.since.to_string(),
            source: member.source.name(),
        }
    }
}

/// Standing members of a group
#[utoipa::path(
    get, path = "/v1/admin/standing/{group}", tag = "Admin",
    params(("group" = String, Path, description = "Object id of a group that is a target"), Paging),
    responses((status = 200, body = ListView<StandingView>), (status = 403, body = Problem),
        (status = 404, body = Problem))
)]
pub(crate) async fn standing(
    State(api): State<Api>,
    caller: Authenticated,
    group: Id<ObjectId>,
    Query(paging): Query<Paging>,
) -> Result<Json<ListView<StandingView>>, Failure> {
    let (after, limit) = paging.read()?;
    let page = drift::standing(&api.core, &caller.who, group.0, after, limit)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = page
        .items
        .iter()
        .map(|stored| StandingView::from(&stored.value))
        .collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}

fn ids(path: &(String, String)) -> Result<(ObjectId, ObjectId), Failure> {
    match (path.0.parse(), path.1.parse()) {
        (Ok(group), Ok(account)) => Ok((group, account)),
        _ => Err(Problem::not_found().into()),
    }
}

/// Declare a standing member
#[utoipa::path(
    put, path = "/v1/admin/standing/{group}/{account}", tag = "Admin",
    params(("group" = String, Path), ("account" = String, Path)),
    responses((status = 200, body = StandingView), (status = 202, body = WaitingView), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn declare(
    State(api): State<Api>,
    caller: Authenticated,
    path: axum::extract::Path<(String, String)>,
    _: NoBody,
) -> Result<Response, Failure> {
    let (group, account) = ids(&path.0)?;
    submit(&api, &caller, &Wish::new(Command::Declare { group, account })).await
}

/// Take an account off the list of standing members
///
/// It stays in the group until somebody removes it there, or drift repair does.
#[utoipa::path(
    delete, path = "/v1/admin/standing/{group}/{account}", tag = "Admin",
    params(("group" = String, Path), ("account" = String, Path)),
    responses((status = 204), (status = 202, body = WaitingView), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn withdraw(
    State(api): State<Api>,
    caller: Authenticated,
    path: axum::extract::Path<(String, String)>,
) -> Result<Response, Failure> {
    let (group, account) = ids(&path.0)?;
    submit(&api, &caller, &Wish::new(Command::Withdraw { group, account })).await
}

/// Accounts that drift repair never touches.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProtectedBody {
    /// Object ids, at most 100.
    accounts: Vec<String>,
    /// The version that was read: refused when another is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

impl From<&Stored<ProtectedAccounts>> for ProtectedBody {
    fn from(stored: &Stored<ProtectedAccounts>) -> Self {
        Self {
            accounts: stored.value.accounts.iter().map(ToString::to_string).collect(),
            version: Some(stored.version),
        }
    }
}

/// Protected accounts
#[utoipa::path(
    get, path = "/v1/admin/protected-accounts", tag = "Admin",
    responses((status = 200, body = ProtectedBody), (status = 403, body = Problem))
)]
pub(crate) async fn protected(State(api): State<Api>, caller: Authenticated) -> Result<Json<ProtectedBody>, Failure> {
    let stored = drift::protected(&api.core, &caller.who)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(ProtectedBody::from(&stored)))
}

/// Replace the protected accounts
#[utoipa::path(
    put, path = "/v1/admin/protected-accounts", tag = "Admin", request_body = ProtectedBody,
    responses((status = 200, body = ProtectedBody), (status = 202, body = WaitingView), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem))
)]
pub(crate) async fn protect(
    State(api): State<Api>,
    caller: Authenticated,
    body: Body<ProtectedBody>,
) -> Result<Response, Failure> {
    let read = |id: &String| {
        id.parse::<ObjectId>()
            .map_err(|_| Refusal::invalid("accounts", Rule::not(Shape::ObjectId, id)))
    };
    let accounts: BTreeSet<ObjectId> = body
        .value
        .accounts
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|refusal| caller.fail(&refusal.into()))?;
    let wish = Wish::new(Command::Protect { accounts }).version(body.value.version);
    submit(&api, &caller, &wish).await
}
