//! A request as pages show it.

use hourglass_app::AppError;
use hourglass_app::policy;
use hourglass_app::ports::Core;
use hourglass_domain::request::{Activation, Request, RequestStatus};
use hourglass_web::words::{Html, Words};

/// A state: icon, word and colour.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) icon: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) text: String,
}

/// Where a request stands.
pub(crate) fn state(w: Words, request: &Request) -> State {
    let (icon, tone, text) = match request.status {
        RequestStatus::Pending => ("◷", "waiting", waiting(w, request)),
        RequestStatus::Approved => ("✓", "good", approved(w, request)),
        RequestStatus::Denied => ("✕", "failing", w.t("inbox-state-denied")),
        RequestStatus::Cancelled => ("–", "", w.t("inbox-state-cancelled")),
        RequestStatus::Lapsed => ("–", "", w.t("inbox-state-lapsed")),
    };
    State { icon, tone, text }
}

fn waiting(w: Words, request: &Request) -> String {
    match request.activation {
        Activation::Approved => w.t2(
            "inbox-state-waiting",
            "have",
            request.approvals.len(),
            "need",
            request.quorum,
        ),
        Activation::SelfApproved => w.t("inbox-state-self"),
        Activation::Emergency => w.t("inbox-state-emergency"),
    }
}

fn approved(w: Words, request: &Request) -> String {
    match request.activation {
        Activation::Approved => w.t("inbox-state-approved"),
        Activation::SelfApproved => w.t("inbox-state-self-approved"),
        Activation::Emergency => w.t("inbox-state-in-emergency"),
    }
}

/// From when on it would be, in words; a time of its own where one was asked for.
pub(crate) fn start(w: Words, request: &Request) -> (String, Option<Html>) {
    match (request.kind.extends(), request.starts_at) {
        (Some(_), _) => (w.t("inbox-start-extends"), None),
        (None, Some(at)) => (w.t("inbox-start-at"), Some(w.time(at))),
        (None, None) => (w.t("inbox-start-decided"), None),
    }
}

/// The rules of a request's entitlement, as they are now.
pub(crate) async fn rules(core: &Core, request: &Request) -> Result<policy::InForce, AppError> {
    policy::in_force(&*core.store, &request.application, request.entitlement).await
}
