//! The form of an entitlement: everything as text, so that what was typed is shown again when something is wrong with it.

use std::collections::BTreeSet;

use hourglass_app::AppError;
use hourglass_app::admin::entitlements::EntitlementInput;
use hourglass_app::records::Stored;
use hourglass_domain::Refusal;
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::{
    ApprovalMode, Eligibility, Emergency, Entitlement, FactorPolicy, HowTo, Principals, TicketRule,
};
use hourglass_domain::passkey::Attestation;
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::target::Target;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::session::Console;

use super::people;
use crate::AdminApi;

/// What the form holds. A new entitlement begins with the safe answers: asked for by nobody, approved by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntitlementForm {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) how_to_text: String,
    pub(crate) how_to_link: String,
    pub(crate) targets: String,
    pub(crate) enabled: bool,
    pub(crate) eligible_kind: String,
    pub(crate) eligible: String,
    pub(crate) approval: String,
    pub(crate) quorum: String,
    pub(crate) approvers: String,
    pub(crate) delegates: String,
    pub(crate) durations: Vec<String>,
    pub(crate) absolute_maximum: String,
    pub(crate) justification_min: String,
    pub(crate) ticket_required: bool,
    pub(crate) ticket_prefix: String,
    pub(crate) critical: bool,
    pub(crate) exact_expiry: bool,
    pub(crate) factor: String,
    pub(crate) attestation: String,
    pub(crate) models: String,
    pub(crate) emergency_people: String,
    pub(crate) emergency_maximum: String,
    pub(crate) on_behalf: bool,
    pub(crate) version: String,
}

impl EntitlementForm {
    /// An empty form.
    pub(crate) fn new() -> Self {
        Self {
            enabled: true,
            eligible_kind: "nobody".to_owned(),
            approval: "required".to_owned(),
            quorum: "1".to_owned(),
            justification_min: "10".to_owned(),
            factor: "passkey_or_step_up".to_owned(),
            attestation: "any".to_owned(),
            emergency_maximum: "1h".to_owned(),
            ..Self::default()
        }
    }

    /// The form of an entitlement that there is.
    pub(crate) async fn of(
        state: &AdminApi,
        console: &Console,
        stored: &Stored<Entitlement>,
    ) -> Result<Self, AppError> {
        let of = &stored.value;
        let names = |people: Option<&Principals>| {
            let people = people.cloned().unwrap_or_default();
            async move { people::write(state, console, &people).await }
        };
        let eligible = match &of.eligible {
            Eligibility::Only(people) => Some(people),
            Eligibility::Everyone | Eligibility::Nobody => None,
        };
        let (attestation, models) = match &of.attestation {
            Attestation::Any => ("any", String::new()),
            Attestation::DeviceBound => ("device_bound", String::new()),
            Attestation::Models { aaguids } => {
                let lines: Vec<String> = aaguids.iter().map(ToString::to_string).collect();
                ("models", lines.join("\n"))
            }
        };
        let groups: Vec<_> = of.targets.iter().map(|Target::Entra { group, .. }| *group).collect();
        let emergency = of.emergency.as_ref();
        Ok(Self {
            name: of.name.clone(),
            description: of.description.clone(),
            how_to_text: of.how_to.as_ref().map(|how_to| how_to.text.clone()).unwrap_or_default(),
            how_to_link: of
                .how_to
                .as_ref()
                .and_then(|how_to| how_to.link.clone())
                .unwrap_or_default(),
            targets: people::write_groups(state, console, &groups).await?,
            enabled: of.enabled,
            eligible_kind: match of.eligible {
                Eligibility::Everyone => "everyone",
                Eligibility::Only(_) => "only",
                Eligibility::Nobody => "nobody",
            }
            .to_owned(),
            eligible: names(eligible).await?,
            approval: match of.approval {
                ApprovalMode::Required => "required",
                ApprovalMode::None => "none",
            }
            .to_owned(),
            quorum: of.quorum.to_string(),
            approvers: names(of.approvers.as_ref()).await?,
            delegates: names(of.delegates.as_ref()).await?,
            durations: of.durations.iter().flatten().map(ToString::to_string).collect(),
            absolute_maximum: of
                .absolute_maximum
                .map(|maximum| maximum.to_string())
                .unwrap_or_default(),
            justification_min: of.justification_min.to_string(),
            ticket_required: of.ticket.required,
            ticket_prefix: of.ticket.prefix.clone().unwrap_or_default(),
            critical: of.critical,
            exact_expiry: of.exact_expiry,
            factor: match of.factor {
                FactorPolicy::PasskeyRequired => "passkey_required",
                FactorPolicy::PasskeyOrStepUp => "passkey_or_step_up",
            }
            .to_owned(),
            attestation: attestation.to_owned(),
            models,
            emergency_people: names(emergency.map(|emergency| &emergency.people)).await?,
            emergency_maximum: emergency.map_or_else(|| "1h".to_owned(), |emergency| emergency.maximum.to_string()),
            on_behalf: of.on_behalf,
            version: stored.version.to_string(),
        })
    }

    /// What was sent.
    ///
    /// # Errors
    /// When a field stands twice, or there is one that the form has not.
    pub(crate) fn sent(mut fields: Fields) -> Result<Self, Refusal> {
        let form = Self {
            name: fields.take("name")?,
            description: fields.take("description")?,
            how_to_text: fields.take("how_to.text")?,
            how_to_link: fields.take("how_to.link")?,
            targets: fields.take("targets")?,
            enabled: fields.checked("enabled")?,
            eligible_kind: fields.take("eligible_kind")?,
            eligible: fields.take("eligible")?,
            approval: fields.take("approval")?,
            quorum: fields.take("quorum")?,
            approvers: fields.take("approvers")?,
            delegates: fields.take("delegates")?,
            durations: fields.all("durations"),
            absolute_maximum: fields.take("absolute_maximum")?,
            justification_min: fields.take("justification_min")?,
            ticket_required: fields.checked("ticket.required")?,
            ticket_prefix: fields.take("ticket.prefix")?,
            critical: fields.checked("critical")?,
            exact_expiry: fields.checked("exact_expiry")?,
            factor: fields.take("factor")?,
            attestation: fields.take("attestation_kind")?,
            models: fields.take("attestation")?,
            emergency_people: fields.take("emergency.people")?,
            emergency_maximum: fields.take("emergency.maximum")?,
            on_behalf: fields.checked("on_behalf")?,
            version: fields.take("version")?,
        };
        fields.done()?;
        Ok(form)
    }

    /// The durations to choose from, and which of them are chosen.
    pub(crate) fn choices(&self, allowed: &BTreeSet<AccessDuration>) -> Vec<(String, bool)> {
        allowed
            .iter()
            .map(|duration| {
                let name = duration.to_string();
                let chosen = self.durations.contains(&name);
                (name, chosen)
            })
            .collect()
    }

    /// What it asks for; `None` with what is wrong about it.
    ///
    /// # Errors
    /// When the table does not answer.
    pub(crate) async fn read(
        &self,
        state: &AdminApi,
        console: &Console,
        wrong: &mut Wrong,
    ) -> Result<Option<EntitlementInput>, AppError> {
        let groups = people::groups(state, console, "targets", &self.targets).await;
        let groups = beside(console, wrong, groups)?;
        let eligible = self.people(state, console, wrong, "eligible", &self.eligible).await?;
        let approvers = self.people(state, console, wrong, "approvers", &self.approvers).await?;
        let delegates = self.people(state, console, wrong, "delegates", &self.delegates).await?;
        let first = self
            .people(state, console, wrong, "emergency.people", &self.emergency_people)
            .await?;
        let w = console.words();
        let durations = wrong.keep(w, durations("durations", &self.durations));
        let quorum = wrong.keep(w, number("quorum", &self.quorum));
        let justification_min = wrong.keep(w, number("justification_min", &self.justification_min));
        let absolute_maximum = wrong.keep(w, duration("absolute_maximum", &self.absolute_maximum));
        let emergency_maximum = wrong.keep(w, duration("emergency.maximum", &self.emergency_maximum));
        let attestation = wrong.keep(w, self.attestation());
        let version = wrong.keep(w, version(&self.version));
        let (Some(groups), Some(quorum), Some(justification_min), Some(attestation)) =
            (groups, quorum, justification_min, attestation)
        else {
            return Ok(None);
        };
        let (Some(durations), Some(absolute_maximum), Some(emergency_maximum), Some(version)) =
            (durations, absolute_maximum, emergency_maximum, version)
        else {
            return Ok(None);
        };
        if !wrong.is_empty() {
            return Ok(None);
        }
        let some = |people: Principals| (!people.is_empty()).then_some(people);
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Some(EntitlementInput {
            name: self.name.clone(),
            description: self.description.clone(),
            groups,
            enabled: self.enabled,
            approval: if self.approval == "none" {
                ApprovalMode::None
            } else {
                ApprovalMode::Required
            },
            quorum,
            approvers: some(approvers),
            eligible: match self.eligible_kind.as_str() {
                "everyone" => Eligibility::Everyone,
                "only" => Eligibility::Only(eligible),
                _ => Eligibility::Nobody,
            },
            durations,
            absolute_maximum,
            justification_min,
            ticket: TicketRule {
                required: self.ticket_required,
                prefix: said(&self.ticket_prefix),
            },
            critical: self.critical,
            exact_expiry: self.exact_expiry,
            factor: if self.factor == "passkey_required" {
                FactorPolicy::PasskeyRequired
            } else {
                FactorPolicy::PasskeyOrStepUp
            },
            attestation,
            emergency: some(first).map(|people| Emergency {
                people,
                maximum: emergency_maximum.unwrap_or(AccessDuration::HOUR),
            }),
            on_behalf: self.on_behalf,
            delegates: some(delegates),
            how_to: (!self.how_to_text.is_empty() || !self.how_to_link.is_empty()).then(|| HowTo {
                text: self.how_to_text.clone(),
                link: said(&self.how_to_link),
            }),
            version,
        }))
    }

    async fn people(
        &self,
        state: &AdminApi,
        console: &Console,
        wrong: &mut Wrong,
        field: &'static str,
        text: &str,
    ) -> Result<Principals, AppError> {
        let read = people::read(state, console, field, text).await;
        Ok(beside(console, wrong, read)?.unwrap_or_default())
    }

    fn attestation(&self) -> Result<Attestation, Refusal> {
        let model = |line: &str| {
            line.parse()
                .map_err(|_| Refusal::invalid("attestation", Rule::not(Shape::AuthenticatorModel, line)))
        };
        Ok(match self.attestation.as_str() {
            "device_bound" => Attestation::DeviceBound,
            "models" => Attestation::Models {
                aaguids: people::lines(&self.models).map(model).collect::<Result<_, _>>()?,
            },
            _ => Attestation::Any,
        })
    }
}

/// The value, or `None` with the refusal beside its field.
///
/// # Errors
/// Every error that does not belong beside a form.
pub(crate) fn beside<T>(
    console: &Console,
    wrong: &mut Wrong,
    result: Result<T, AppError>,
) -> Result<Option<T>, AppError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(AppError::Refused(refusal)) if refusal.field().is_some() => {
            wrong.add(console.words(), &refusal);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Durations; `None` where none is chosen.
pub(crate) fn durations(field: &'static str, texts: &[String]) -> Result<Option<BTreeSet<AccessDuration>>, Refusal> {
    let read = |text: &String| {
        text.parse()
            .map_err(|_| Refusal::invalid(field, Rule::not(Shape::Duration, text)))
    };
    let all: BTreeSet<AccessDuration> = texts.iter().map(read).collect::<Result<_, _>>()?;
    Ok((!all.is_empty()).then_some(all))
}

fn duration(field: &'static str, text: &str) -> Result<Option<AccessDuration>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = text.parse();
    read.map(Some)
        .map_err(|_| Refusal::invalid(field, Rule::Shape(Shape::Duration)))
}

fn number<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<T, Refusal> {
    text.parse()
        .map_err(|_| Refusal::invalid(field, Rule::Shape(Shape::WholeNumber)))
}

/// The version that a form was made from; `None` for something new.
pub(crate) fn version(text: &str) -> Result<Option<u64>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    number("version", text).map(Some)
}
