//! `/v1/admin/entitlements`.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::admin::approvers::{self, Approvers};
use hourglass_app::admin::changes::{Command, Wish};
use hourglass_app::admin::entitlements::{self, EntitlementInput};
use hourglass_app::records::Stored;
use hourglass_app::seals::Looked;
use hourglass_domain::Refusal;
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::{
    ApprovalMode, Eligibility, Emergency, Entitlement, FactorPolicy, HowTo, Principals, TicketRule,
};
use hourglass_domain::ids::{EntitlementId, GroupId, ObjectId, UserId};
use hourglass_domain::passkey::Attestation;
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, CallInfo, Failure, Id, ListView, Paging, Query};
use hourglass_web::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::changes::{WaitingView, submit, submit_once};

/// Users and groups, by our ids.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrincipalsView {
    /// Ids of users.
    #[serde(default)]
    users: Vec<String>,
    /// Ids of groups; their direct members count.
    #[serde(default)]
    groups: Vec<String>,
}

impl PrincipalsView {
    pub(crate) fn read(&self, field: &'static str) -> Result<Principals, Refusal> {
        let user = |id: &String| {
            id.parse::<UserId>()
                .map_err(|_| Refusal::invalid(field, Rule::not(Shape::User, id)))
        };
        let group = |id: &String| {
            id.parse::<GroupId>()
                .map_err(|_| Refusal::invalid(field, Rule::not(Shape::Group, id)))
        };
        Ok(Principals {
            users: self.users.iter().map(user).collect::<Result<_, _>>()?,
            groups: self.groups.iter().map(group).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Principals> for PrincipalsView {
    fn from(principals: &Principals) -> Self {
        Self {
            users: principals.users.iter().map(ToString::to_string).collect(),
            groups: principals.groups.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Who may ask.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum EligibleView {
    /// Every active user of the application.
    Everyone,
    /// The named users and the members of the named groups.
    Only(PrincipalsView),
    /// Nobody.
    #[default]
    Nobody,
}

/// Who has to approve.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApprovalView {
    /// `quorum` other persons.
    #[default]
    Required,
    /// Nobody: eligible people activate with their own passkey.
    None,
}

/// Which second factor approvers have to show.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FactorView {
    /// A passkey, always.
    PasskeyRequired,
    /// A passkey or a fresh step-up sign-in.
    #[default]
    PasskeyOrStepUp,
}

/// Which passkeys count.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AttestationView {
    /// Any.
    #[default]
    Any,
    /// Those that cannot leave their device.
    DeviceBound,
    /// Those of the listed authenticator models (AAGUIDs), which the key has to prove.
    Models(Vec<String>),
}

impl AttestationView {
    fn read(&self) -> Result<Attestation, Refusal> {
        let model = |text: &String| {
            text.parse()
                .map_err(|_| Refusal::invalid("attestation", Rule::not(Shape::AuthenticatorModel, text)))
        };
        Ok(match self {
            Self::Any => Attestation::Any,
            Self::DeviceBound => Attestation::DeviceBound,
            Self::Models(models) => Attestation::Models {
                aaguids: models.iter().map(model).collect::<Result<_, _>>()?,
            },
        })
    }

    fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }
}

impl From<&Attestation> for AttestationView {
    fn from(attestation: &Attestation) -> Self {
        match attestation {
            Attestation::Any => Self::Any,
            Attestation::DeviceBound => Self::DeviceBound,
            Attestation::Models { aaguids } => Self::Models(aaguids.iter().map(ToString::to_string).collect()),
        }
    }
}

/// Who may activate it in an emergency, without asking anybody.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmergencyView {
    /// Who.
    people: PrincipalsView,
    /// For how long at most; an hour where it is left out.
    #[serde(default = "an_hour")]
    maximum: String,
}

impl EmergencyView {
    fn read(&self) -> Result<Emergency, Refusal> {
        Ok(Emergency {
            people: self.people.read("emergency.people")?,
            maximum: self
                .maximum
                .parse()
                .map_err(|_| Refusal::invalid("emergency.maximum", Rule::Shape(Shape::Duration)))?,
        })
    }
}

impl From<&Emergency> for EmergencyView {
    fn from(emergency: &Emergency) -> Self {
        Self {
            people: (&emergency.people).into(),
            maximum: emergency.maximum.to_string(),
        }
    }
}

fn an_hour() -> String {
    "1h".to_owned()
}

/// The rule for ticket references.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketView {
    /// Whether one has to be given.
    #[serde(default)]
    required: bool,
    /// What a reference begins with, such as `INC-`; the rest are digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
}

/// How whoever has the access uses it: text for people, and no rule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HowToView {
    /// What to do once the access is there, in at most 500 characters.
    text: String,
    /// Where to read more: an `https` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl HowToView {
    fn read(&self) -> HowTo {
        HowTo {
            text: self.text.clone(),
            link: self.link.clone(),
        }
    }
}

impl From<&HowTo> for HowToView {
    fn from(how_to: &HowTo) -> Self {
        Self {
            text: how_to.text.clone(),
            link: how_to.link.clone(),
        }
    }
}

const fn one() -> u8 {
    1
}

const fn yes() -> bool {
    true
}

const fn ten() -> u16 {
    10
}

/// An entitlement. Fields that are left out take their defaults; nobody may ask until `eligible` says who.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntitlementBody {
    /// The name that people search for.
    name: String,
    /// What it gives.
    #[serde(default)]
    description: String,
    /// 1 to 20 provisioned groups, each as `entra:<group object id>`.
    targets: Vec<String>,
    /// Whether it can be requested.
    #[serde(default = "yes")]
    enabled: bool,
    /// Who has to approve.
    #[serde(default)]
    approval: ApprovalView,
    /// How many distinct other persons have to approve, 1 to 5.
    #[serde(default = "one")]
    quorum: u8,
    /// Who may approve; the template's default approvers where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approvers: Option<PrincipalsView>,
    /// Who may ask.
    #[serde(default)]
    eligible: EligibleView,
    /// Allowed durations; the template's where it is left out, otherwise both lists apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    durations: Option<Vec<String>>,
    /// How long access may last in all, its extensions included, such as `7d`. Where it is left out: a week, or the
    /// longest allowed duration if that is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absolute_maximum: Option<String>,
    /// Fewest characters of a justification.
    #[serde(default = "ten")]
    justification_min: u16,
    /// The rule for ticket references.
    #[serde(default)]
    ticket: TicketView,
    /// Whether it is over a role-assignable or otherwise powerful group: approvals by passkey only.
    #[serde(default)]
    critical: bool,
    /// Whether access ends at the second and not within the minute; with `critical` it does in any case.
    #[serde(default)]
    exact_expiry: bool,
    /// Which second factor approvers have to show.
    #[serde(default)]
    factor: FactorView,
    /// Which passkeys count.
    #[serde(default, skip_serializing_if = "AttestationView::is_any")]
    attestation: AttestationView,
    /// Who may activate it in an emergency; nobody where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    emergency: Option<EmergencyView>,
    /// Whether somebody may ask for it for others who may have it; they are told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    on_behalf: bool,
    /// Whom its approvers may name as their delegates, for at most 30 days; nobody where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delegates: Option<PrincipalsView>,
    /// How it is used; requests that wait are not affected by a change of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    how_to: Option<HowToView>,
    /// The version that was read, for changes: refused when another is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

/// Reads durations.
pub(crate) fn durations(texts: &[String]) -> Result<BTreeSet<AccessDuration>, Refusal> {
    let read = |text: &String| {
        text.parse::<AccessDuration>()
            .map_err(|_| Refusal::invalid("durations", Rule::not(Shape::Duration, text)))
    };
    texts.iter().map(read).collect()
}

impl EntitlementBody {
    fn read(&self) -> Result<EntitlementInput, Refusal> {
        let group = |target: &String| {
            target
                .strip_prefix("entra:")
                .and_then(|id| id.parse::<ObjectId>().ok())
                .ok_or_else(|| Refusal::invalid("targets", Rule::not(Shape::Target, target)))
        };
        Ok(EntitlementInput {
            name: self.name.clone(),
            description: self.description.clone(),
            groups: self.targets.iter().map(group).collect::<Result<_, _>>()?,
            enabled: self.enabled,
            approval: match self.approval {
                ApprovalView::Required => ApprovalMode::Required,
                ApprovalView::None => ApprovalMode::None,
            },
            quorum: self.quorum,
            approvers: self
                .approvers
                .as_ref()
                .map(|approvers| approvers.read("approvers"))
                .transpose()?,
            eligible: match &self.eligible {
                EligibleView::Everyone => Eligibility::Everyone,
                EligibleView::Nobody => Eligibility::Nobody,
                EligibleView::Only(people) => Eligibility::Only(people.read("eligible")?),
            },
            durations: self.durations.as_deref().map(durations).transpose()?,
            absolute_maximum: self
                .absolute_maximum
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(|_| Refusal::invalid("absolute_maximum", Rule::Shape(Shape::Duration)))?,
            justification_min: self.justification_min,
            ticket: TicketRule {
                required: self.ticket.required,
                prefix: self.ticket.prefix.clone(),
            },
            critical: self.critical,
            exact_expiry: self.exact_expiry,
            factor: match self.factor {
                FactorView::PasskeyRequired => FactorPolicy::PasskeyRequired,
                FactorView::PasskeyOrStepUp => FactorPolicy::PasskeyOrStepUp,
            },
            attestation: self.attestation.read()?,
            emergency: self.emergency.as_ref().map(EmergencyView::read).transpose()?,
            on_behalf: self.on_behalf,
            delegates: self
                .delegates
                .as_ref()
                .map(|delegates| delegates.read("delegates"))
                .transpose()?,
            how_to: self.how_to.as_ref().map(HowToView::read),
            version: self.version,
        })
    }
}

/// An entitlement as it is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntitlementView {
    /// Its id.
    id: String,
    /// What it says.
    #[serde(flatten)]
    body: EntitlementBody,
    /// When it was made.
    created_at: String,
    /// Why nothing is granted by it: what is stored is not what was saved here. Saving it again, after a look at all of
    /// it, mends that.
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable: Option<String>,
}

impl From<&Looked<Entitlement>> for EntitlementView {
    fn from(looked: &Looked<Entitlement>) -> Self {
        Self {
            unusable: looked.problem.map(|problem| problem.to_string()),
            ..Self::from(&looked.stored)
        }
    }
}

impl From<&Stored<Entitlement>> for EntitlementView {
    fn from(stored: &Stored<Entitlement>) -> Self {
        let entitlement = &stored.value;
        Self {
            id: entitlement.id.to_string(),
            unusable: None,
            created_at: entitlement.created_at.to_string(),
            body: EntitlementBody {
                name: entitlement.name.clone(),
                description: entitlement.description.clone(),
                targets: entitlement.targets.iter().map(ToString::to_string).collect(),
                enabled: entitlement.enabled,
                approval: match entitlement.approval {
                    ApprovalMode::Required => ApprovalView::Required,
                    ApprovalMode::None => ApprovalView::None,
                },
                quorum: entitlement.quorum,
                approvers: entitlement.approvers.as_ref().map(PrincipalsView::from),
                eligible: match &entitlement.eligible {
                    Eligibility::Everyone => EligibleView::Everyone,
                    Eligibility::Nobody => EligibleView::Nobody,
                    Eligibility::Only(people) => EligibleView::Only(people.into()),
                },
                durations: entitlement
                    .durations
                    .as_ref()
                    .map(|all| all.iter().map(ToString::to_string).collect()),
                absolute_maximum: entitlement.absolute_maximum.map(|maximum| maximum.to_string()),
                justification_min: entitlement.justification_min,
                ticket: TicketView {
                    required: entitlement.ticket.required,
                    prefix: entitlement.ticket.prefix.clone(),
                },
                critical: entitlement.critical,
                exact_expiry: entitlement.exact_expiry,
                factor: match entitlement.factor {
                    FactorPolicy::PasskeyRequired => FactorView::PasskeyRequired,
                    FactorPolicy::PasskeyOrStepUp => FactorView::PasskeyOrStepUp,
                },
                attestation: (&entitlement.attestation).into(),
                emergency: entitlement.emergency.as_ref().map(EmergencyView::from),
                on_behalf: entitlement.on_behalf,
                delegates: entitlement.delegates.as_ref().map(PrincipalsView::from),
                how_to: entitlement.how_to.as_ref().map(HowToView::from),
                version: Some(stored.version),
            },
        }
    }
}

/// Make an entitlement
///
/// What kind of groups its targets are is asked of the directory at once; until the answer is there, some seconds
/// later, it cannot be requested.
#[utoipa::path(
    post, path = "/v1/admin/entitlements", tag = "Admin", request_body = EntitlementBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the call happen once in 24 hours")),
    responses((status = 201, body = EntitlementView), (status = 202, body = WaitingView),
        (status = 403, body = Problem),
        (status = 409, description = "A group would be both a target and a source of approvers", body = Problem),
        (status = 422, body = Problem))
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Authenticated,
    call: CallInfo,
    body: Body<EntitlementBody>,
) -> Result<Response, Failure> {
    let input = body.value.read().map_err(|refusal| caller.fail(&refusal.into()))?;
    let once = caller.once(&call, &body.bytes)?;
    let id = EntitlementId::new(api.core.ids.uuid());
    let wish = Wish::new(Command::EntitlementCreate { id, input });
    submit_once(&api, &caller, &wish, once.as_ref()).await
}

/// All entitlements
#[utoipa::path(
    get, path = "/v1/admin/entitlements", tag = "Admin", params(Paging),
    responses((status = 200, body = ListView<EntitlementView>), (status = 403, body = Problem))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Authenticated,
    Query(paging): Query<Paging>,
) -> Result<Json<ListView<EntitlementView>>, Failure> {
    let (after, limit) = paging.read()?;
    let page = entitlements::list(&api.core, &caller.who, after, limit)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = page.items.iter().map(EntitlementView::from).collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}

/// Look at an entitlement
#[utoipa::path(
    get, path = "/v1/admin/entitlements/{id}", tag = "Admin", params(("id" = String, Path)),
    responses((status = 200, body = EntitlementView), (status = 404, body = Problem))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<EntitlementId>,
) -> Result<Json<EntitlementView>, Failure> {
    let stored = entitlements::look(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(EntitlementView::from(&stored)))
}

/// How many could approve an entitlement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApproversView {
    /// How many distinct people are approvers, counted up to 500.
    people: usize,
    /// How many of them have a passkey that can sign.
    with_keys: usize,
    /// How many there should be with one: the quorum, and one to spare.
    wanted: usize,
    /// What is wrong with that, in words; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

impl From<Approvers> for ApproversView {
    fn from(approvers: Approvers) -> Self {
        let Approvers {
            people,
            with_keys,
            wanted,
        } = approvers;
        let warning = approvers.too_few_keys().then(|| {
            format!(
                "{with_keys} of {people} approvers have a passkey; with fewer than {wanted}, one lost key may leave nobody \
                 who can approve."
            )
        });
        Self {
            people,
            with_keys,
            wanted,
            warning,
        }
    }
}

/// See whether enough approvers have passkeys
#[utoipa::path(
    get, path = "/v1/admin/entitlements/{id}/approvers", tag = "Admin", params(("id" = String, Path)),
    responses((status = 200, body = ApproversView), (status = 404, body = Problem))
)]
pub(crate) async fn approvers(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<EntitlementId>,
) -> Result<Json<ApproversView>, Failure> {
    let counted = approvers::count(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(counted.into()))
}

/// Replace an entitlement
///
/// Live grants keep what they were granted. Requests that wait cannot be approved any more when the rules change.
#[utoipa::path(
    put, path = "/v1/admin/entitlements/{id}", tag = "Admin", params(("id" = String, Path)),
    request_body = EntitlementBody,
    responses((status = 200, body = EntitlementView), (status = 202, body = WaitingView), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem))
)]
pub(crate) async fn update(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<EntitlementId>,
    body: Body<EntitlementBody>,
) -> Result<Response, Failure> {
    let input = body.value.read().map_err(|refusal| caller.fail(&refusal.into()))?;
    submit(
        &api,
        &caller,
        &Wish::new(Command::EntitlementUpdate { id: id.0, input }),
    )
    .await
}
