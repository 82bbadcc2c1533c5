//! The API's own shapes of requests, grants and events. States are snake_case, times RFC 3339 in UTC.

use std::collections::BTreeMap;

use hourglass_domain::audit::Event;
use hourglass_domain::directory::Party;
use hourglass_domain::grant::Grant;
use hourglass_domain::request::Request;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A person who took part in something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PartyView {
    /// Our id of the user.
    pub id: String,
    /// The object id in Entra.
    pub object_id: String,
    /// The display name at that moment; never used to compare.
    pub name: String,
}

impl From<&Party> for PartyView {
    fn from(party: &Party) -> Self {
        Self {
            id: party.user.to_string(),
            object_id: party.object_id.to_string(),
            name: party.name.clone(),
        }
    }
}

/// One approval that counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// Who approved.
    pub approver: PartyView,
    /// On whose behalf, where a delegate approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acting_for: Option<PartyView>,
    /// For how long.
    pub duration: String,
    /// When.
    pub at: String,
}

/// A request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RequestView {
    /// Our id.
    pub id: String,
    /// `pending`, `approved`, `denied`, `cancelled` or `lapsed`.
    pub status: String,
    /// The grant that it asks more time for; absent where it asks for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// What is asked for.
    pub entitlement: String,
    /// Its name at that moment.
    pub entitlement_name: String,
    /// Where the beneficiary would be put.
    pub targets: Vec<String>,
    /// Who asks.
    pub requester: PartyView,
    /// Who gets the access.
    pub beneficiary: PartyView,
    /// For how long.
    pub duration: String,
    /// From when; at once after approval where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// Why, as entered.
    pub justification: String,
    /// The ticket, as entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How many approvals are needed.
    pub quorum: u8,
    /// The approvals so far.
    pub approvals: Vec<ApprovalView>,
    /// The grant, once approved: the new one or the extended one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it lapses if nobody decides.
    pub lapses_at: String,
    /// When it left `pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// Why, where `status` does not say it: `grant_ended`, when the grant that it would have extended ended first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_because: Option<String>,
    /// Who denied it or took it back, where a person did; absent in what was closed before this was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<PartyView>,
    /// On whose behalf, where a delegate denied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_for: Option<PartyView>,
}

impl From<&Request> for RequestView {
    fn from(request: &Request) -> Self {
        Self {
            id: request.id.to_string(),
            status: name(request.status),
            extends: request.kind.extends().map(|grant| grant.to_string()),
            entitlement: request.entitlement.to_string(),
            entitlement_name: request.entitlement_name.clone(),
            targets: request.targets.iter().map(ToString::to_string).collect(),
            requester: (&request.requester).into(),
            beneficiary: (&request.beneficiary).into(),
            duration: request.duration.to_string(),
            starts_at: request.starts_at.map(|at| at.to_string()),
            justification: request.justification.clone(),
            ticket: request.ticket.clone(),
            quorum: request.quorum,
            approvals: request
                .approvals
                .iter()
                .map(|approval| ApprovalView {
                    approver: (&approval.approver).into(),
                    acting_for: approval.acting_for.as_ref().map(Into::into),
                    duration: approval.duration.to_string(),
                    at: approval.at.to_string(),
                })
                .collect(),
            grant: request.grant.map(|grant| grant.to_string()),
            created_at: request.created_at.to_string(),
            lapses_at: request.lapses_at.to_string(),
            closed_at: request.closed_at.map(|at| at.to_string()),
            closed_because: request.closed_because.map(|because| because.name().to_owned()),
            closed_by: request.closed_by.as_ref().map(Into::into),
            closed_for: request.closed_for.as_ref().map(Into::into),
        }
    }
}

/// One target of a grant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct GrantTargetView {
    /// Which: `entra:<group object id>`.
    pub target: String,
    /// `waiting`, `adding`, `present`, `removing`, `removing_unconfirmed`, `absent`, `kept_standing`,
    /// `kept_by_other_grant`, `target_gone`, `failed` or `not_added` (it ended before anything was sent).
    pub status: String,
    /// What the target last answered when it did not do as asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Since when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// How often in a row it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// What a person has to do, where a removal fails; until then, access remains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
}

/// A grant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct GrantView {
    /// Our id.
    pub id: String,
    /// The request it came from.
    pub request: String,
    /// The requests that extended it, in the order in which they were approved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// What was granted.
    pub entitlement: String,
    /// Its name at that moment.
    pub entitlement_name: String,
    /// Who asked for it.
    pub requester: PartyView,
    /// Who has the access.
    pub beneficiary: PartyView,
    /// `approved`, `activating`, `active`, `ending`, `ended`, or `closed_by_hand`: two admins signed for its end, which
    /// nobody has proved.
    pub status: String,
    /// `expired`, `checked_in`, `revoked`, `killed`, `user_deactivated`, `target_gone`, `removed_outside` or `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_because: Option<String>,
    /// From when.
    pub starts_at: String,
    /// Until when.
    pub expires_at: String,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Since when it cannot be brought forward; an ending grant that shows this still gives access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// Each target and where it stands.
    pub targets: Vec<GrantTargetView>,
}

impl From<&Grant> for GrantView {
    fn from(grant: &Grant) -> Self {
        Self {
            id: grant.id.to_string(),
            request: grant.request.to_string(),
            extensions: grant.extensions.iter().map(ToString::to_string).collect(),
            entitlement: grant.entitlement.to_string(),
            entitlement_name: grant.entitlement_name.clone(),
            requester: (&grant.requester).into(),
            beneficiary: (&grant.beneficiary).into(),
            status: name(grant.status),
            ended_because: grant.ended_because.map(|because| because.name().to_owned()),
            starts_at: grant.starts_at.to_string(),
            expires_at: grant.expires_at.to_string(),
            ended_at: grant.ended_at.map(|at| at.to_string()),
            failing_since: grant.failing_since.map(|at| at.to_string()),
            targets: grant
                .targets
                .iter()
                .map(|target| GrantTargetView {
                    target: target.target.to_string(),
                    status: name(target.status),
                    last_error: target.last_error.clone(),
                    failing_since: target.failing_since.map(|at| at.to_string()),
                    failures: Some(target.failures).filter(|failures| *failures > 0),
                    by_hand: target
                        .fails_to_remove()
                        .then(|| target.target.removal_by_hand(grant.beneficiary.object_id)),
                })
                .collect(),
        }
    }
}

/// One event of a timeline.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// When.
    pub at: String,
    /// What: `request.created`, `grant.active`, …
    pub action: String,
    /// Who, by internal ids.
    #[schema(value_type = Object)]
    pub actor: Value,
    /// Machine facts: states, durations, codes, times.
    pub facts: BTreeMap<String, String>,
    /// SHA-256 over the event and the hash of the one before it.
    pub hash: String,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            seq: event.seq,
            at: event.at.to_string(),
            action: event.action.clone(),
            actor: serde_json::to_value(&event.actor).unwrap_or_default(),
            facts: event.facts.clone(),
            hash: event.hash.to_string(),
        }
    }
}

/// The name of a state on the wire.
fn name<T: Serialize>(state: T) -> String {
    match serde_json::to_value(state) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}
