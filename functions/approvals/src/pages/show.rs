//! A request as pages show it.

use hourglass_app::AppError;
use hourglass_app::policy;
use hourglass_app::ports::Core;
use hourglass_domain::Timestamp;
use hourglass_domain::request::{Activation, Request};

/// What a page shows of a request.
#[derive(Debug)]
pub(crate) struct RequestShown {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) who: String,
    /// Empty where the beneficiary asked.
    pub(crate) asked_by: String,
    pub(crate) beneficiary_id: String,
    pub(crate) duration: String,
    pub(crate) start: String,
    pub(crate) why: String,
    pub(crate) ticket: Option<String>,
    pub(crate) state: String,
    pub(crate) targets: Vec<String>,
    pub(crate) critical: bool,
    pub(crate) lapses_at: String,
}

impl RequestShown {
    /// Of a request; `critical` is the entitlement's.
    pub(crate) fn new(request: &Request, critical: bool) -> Self {
        let start = match (request.kind.extends(), request.starts_at) {
            (Some(_), _) => "from the present end on".to_owned(),
            (None, Some(at)) => format!("from {}", instant(at)),
            (None, None) => "from when it is decided".to_owned(),
        };
        let state = match request.activation {
            Activation::Approved => format!(
                "{}, {} of {} approvals",
                request.status.words(),
                request.approvals.len(),
                request.quorum
            ),
            Activation::SelfApproved => format!("{}, self-approved by policy", request.status.words()),
            Activation::Emergency => format!("{}, emergency", request.status.words()),
        };
        let own = request.requester.user == request.beneficiary.user;
        Self {
            id: request.id.to_string(),
            what: request.entitlement_name.clone(),
            who: request.beneficiary.name.clone(),
            asked_by: if own {
                String::new()
            } else {
                request.requester.name.clone()
            },
            beneficiary_id: request.beneficiary.object_id.to_string(),
            duration: request.duration.to_string(),
            start,
            why: request.justification.clone(),
            ticket: request.ticket.clone(),
            state,
            targets: request.targets.iter().map(ToString::to_string).collect(),
            critical,
            lapses_at: instant(request.lapses_at),
        }
    }
}

/// An instant as pages write it: `2026-11-22 10:29 UTC`.
pub(crate) fn instant(at: Timestamp) -> String {
    let text: String = at.to_string().chars().take(16).collect();
    format!("{} UTC", text.replace('T', " "))
}

/// The rules of a request's entitlement, as they are now.
pub(crate) async fn rules(core: &Core, request: &Request) -> Result<policy::InForce, AppError> {
    policy::in_force(&*core.store, &request.application, request.entitlement).await
}
