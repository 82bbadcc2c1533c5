//! Verifies once more what was signed with passkeys, before anything is added.
//!
//! The seal of a decision says that approvals wrote it. This says that the person signed it: by a key that is theirs, that
//! counted then, and that nobody has taken away since.

use hourglass_domain::Refusal;
use hourglass_domain::activation;
use hourglass_domain::canonical::Digest;
use hourglass_domain::decision::{Approved, Decision, Evidence as Proven, Verdict as Said, Vote};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::grant::Grant;
use hourglass_domain::passkey::{KeyStatus, Proof};
use hourglass_domain::request::{Activation, Request};
use hourglass_domain::signed::{CHALLENGE_SECONDS, Form};

use super::verify::{Found, Verdict, alarm};
use crate::error::{AppError, Result};
use crate::keys;
use crate::passkeys::KeyRecord;
use crate::ports::Workers;
use crate::seals::read_sealed;

/// Whether every assertion behind a grant verifies still.
///
/// # Errors
/// Only when the table does not answer.
pub(super) async fn check(workers: &Workers, grant: &Grant, found: &Found) -> Result<Verdict> {
    match wrong(workers, grant, found).await {
        Ok(None) => Ok(Verdict::Good),
        Ok(Some(why)) => {
            alarm(grant.id, &why);
            Ok(Verdict::Bad(why))
        }
        Err(AppError::Refused(refusal @ Refusal::SealBroken { .. })) => {
            alarm(grant.id, &refusal.to_string());
            Ok(Verdict::Bad(refusal.to_string()))
        }
        Err(AppError::Seal(error)) => Ok(Verdict::Unknown(error.to_string())),
        Err(error) => Err(error),
    }
}

async fn wrong(workers: &Workers, grant: &Grant, found: &Found) -> Result<Option<String>> {
    let key = keys::entitlement(&grant.application, grant.entitlement);
    let Some(entitlement) = read_sealed::<Entitlement>(&workers.core, &key).await? else {
        return Ok(Some("the entitlement no longer exists".to_owned()));
    };
    for Approved { request, decisions } in std::iter::once(&found.first).chain(&found.extensions) {
        for decision in decisions {
            if let Proven::Passkey(proof) = &decision.evidence
                && let Some(why) = assertion(workers, &entitlement.value, request, decision, proof).await?
            {
                return Ok(Some(why.to_owned()));
            }
        }
    }
    Ok(None)
}

/// Whether the text under an assertion is exactly what its decision says of its request, within the life of its challenge.
fn says_what_was_decided(request: &Request, decision: &Decision, proof: &Proof) -> bool {
    let Ok(signed) = Form::from_bytes(proof.form.as_bytes()) else {
        return false;
    };
    let at = (request, decision.request_version);
    let left = signed.expires_at().start().seconds_since(decision.at);
    let said = if decision.verdict == Said::Activate {
        activation::form(at, &decision.policy, signed.expires_at()).ok()
    } else {
        let vote = Vote {
            verdict: decision.verdict,
            duration: Some(decision.duration),
            comment: None,
        };
        Some(vote.form(at, decision.hand(), &decision.policy, signed.expires_at()))
    };
    said.as_ref() == Some(&signed) && (-1..=CHALLENGE_SECONDS).contains(&left)
}

async fn assertion(
    workers: &Workers,
    entitlement: &Entitlement,
    request: &Request,
    decision: &Decision,
    proof: &Proof,
) -> Result<Option<&'static str>> {
    let credential = Digest::of(proof.credential.as_bytes());
    let at = keys::passkey(&request.application, decision.approver.user, &credential);
    let Some(stored) = read_sealed::<KeyRecord>(&workers.core, &at).await? else {
        return Ok(Some("a decision was signed by a key that is not registered"));
    };
    let record = stored.value;
    let confirmed = record.key.confirmed.as_ref().map(|(_, at)| *at);
    if confirmed.is_none_or(|confirmed| decision.at < confirmed) {
        return Ok(Some("a decision was signed by a key that nobody had confirmed"));
    }
    if record.key.status == KeyStatus::Removed {
        return Ok(Some("a decision was signed by a key that has been removed"));
    }
    let matters = entitlement.critical || request.activation == Activation::Emergency;
    if matters && record.key.counts(decision.at).is_err() {
        return Ok(Some("a decision was signed by a key that did not count yet"));
    }
    if entitlement.attestation.takes(&record.key).is_err() {
        return Ok(Some(
            "a decision was signed by a key that its entitlement does not take",
        ));
    }
    if !says_what_was_decided(request, decision, proof) {
        return Ok(Some("a passkey signed something else than its decision says"));
    }
    if let Err(error) = workers.passkeys.verify_again(&record.material(), proof) {
        tracing::error!(request.id = %request.id, why = error.code(), "an assertion does not verify any more");
        return Ok(Some("a decision's signature does not verify"));
    }
    Ok(None)
}
