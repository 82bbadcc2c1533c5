//! Closing a grant by hand: what two administrators sign when a removal keeps failing and a person has seen to it
//! (invariant I9).
//!
//! Nothing is marked done because it failed too often. What two people sign has a status of its own, is never shown as
//! ended, and is looked at again every day until the member is proved absent, or shows up and the grant is reopened.

use serde::{Deserialize, Serialize};

use crate::audit::Actor;
use crate::decision::Evidence;
use crate::grant::{Grant, GrantStatus};
use crate::ids::{ApplicationId, GrantId, ObjectId, PersonId};
use crate::text::{LONGEST_JUSTIFICATION, check_free_text};
use crate::{Refusal, Timestamp};

/// How long (seconds) a removal has to have been failing: before that, retrying is the better way.
pub const FAILING_SECONDS: i64 = 600;
/// How often (seconds) a grant that was closed by hand is looked at again.
pub const RECHECK_SECONDS: i64 = 86_400;
/// Fewest characters of the text that says what was seen and done.
const SHORTEST_EVIDENCE: usize = 10;

/// One administrator's signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Signature {
    /// Who.
    pub by: Actor,
    /// The object id of the account.
    pub object_id: ObjectId,
    /// The person, where the account is provisioned.
    pub person: Option<PersonId>,
    /// What proved their presence.
    pub factor: Evidence,
    /// When.
    pub at: Timestamp,
}

impl Signature {
    fn is_by(&self, object_id: ObjectId, person: Option<PersonId>) -> bool {
        self.object_id == object_id || (self.person.is_some() && self.person == person)
    }
}

/// That a grant is to be closed by hand: proposed by one administrator, and in force once another has confirmed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClosingByHand {
    /// Which grant.
    pub grant: GrantId,
    /// Its application.
    pub application: ApplicationId,
    /// What was seen and done, as entered.
    pub evidence: String,
    /// Who proposed it.
    pub proposed: Signature,
    /// Who confirmed it.
    pub confirmed: Option<Signature>,
}

impl ClosingByHand {
    /// A proposal.
    ///
    /// # Errors
    /// When the grant cannot be closed by hand, the signer has a part in it, or the evidence is no text.
    pub fn propose(grant: &Grant, evidence: &str, signature: Signature) -> Result<Self, Refusal> {
        check_closable(grant, &signature, signature.at)?;
        check_free_text("evidence", evidence, SHORTEST_EVIDENCE, LONGEST_JUSTIFICATION)?;
        Ok(Self {
            grant: grant.id,
            application: grant.application.clone(),
            evidence: evidence.to_owned(),
            proposed: signature,
            confirmed: None,
        })
    }

    /// The proposal, confirmed.
    ///
    /// # Errors
    /// As [`Self::propose`]; also when it was confirmed already, or the signer is the one who proposed it.
    pub fn confirm(&self, grant: &Grant, signature: Signature) -> Result<Self, Refusal> {
        check_closable(grant, &signature, signature.at)?;
        if self.confirmed.is_some() {
            return Err(Refusal::Changed);
        }
        if self.proposed.is_by(signature.object_id, signature.person) {
            return Err(Refusal::SecondAdmin);
        }
        Ok(Self {
            confirmed: Some(signature),
            ..self.clone()
        })
    }

    /// When it came into force for `grant`: `None` unless two different people signed it, neither of them with a part in
    /// the grant, and nobody has closed the grant with it before.
    #[must_use]
    pub fn in_force(&self, grant: &Grant) -> Option<Timestamp> {
        let confirmed = self.confirmed.as_ref()?;
        let own = |signature: &Signature| has_part(grant, signature);
        let two = !self.proposed.is_by(confirmed.object_id, confirmed.person);
        let unused = grant.closed_by_hand_at.is_none_or(|closed| closed < confirmed.at);
        (self.grant == grant.id && two && unused && !own(&self.proposed) && !own(confirmed)).then_some(confirmed.at)
    }
}

fn has_part(grant: &Grant, signature: &Signature) -> bool {
    [&grant.beneficiary, &grant.requester]
        .into_iter()
        .any(|party| signature.is_by(party.object_id, Some(party.person)))
}

fn check_closable(grant: &Grant, signature: &Signature, now: Timestamp) -> Result<(), Refusal> {
    if has_part(grant, signature) {
        return Err(Refusal::OwnAccess);
    }
    if is_failing(grant, now) {
        Ok(())
    } else {
        Err(Refusal::NotFailing)
    }
}

/// Whether the removal has been failing for so long that people may see to it.
#[must_use]
pub fn is_failing(grant: &Grant, now: Timestamp) -> bool {
    grant.status == GrantStatus::Ending
        && grant
            .failing_since
            .is_some_and(|since| now.seconds_since(since) >= FAILING_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::GrantTarget;
    use crate::protocol::grant::{closed_by_hand, reopened};
    use crate::request::tests::{party, request};
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_seconds(100_000);

    fn grant() -> Grant {
        let request = request();
        let targets = request.targets.iter().cloned().map(GrantTarget::waiting).collect();
        let id = GrantId::new(Uuid::from_u128(8));
        let mut grant = Grant::approved(id, &request, NOW, NOW, targets, NOW);
        grant.status = GrantStatus::Ending;
        grant.failing_since = Some(NOW.plus_seconds(-FAILING_SECONDS));
        grant
    }

    fn signed(n: u128) -> Signature {
        let party = party(n);
        Signature {
            by: Actor::User { id: party.user },
            object_id: party.object_id,
            person: Some(party.person),
            factor: Evidence::StepUp {
                auth_time: NOW,
                claim: "acrs".to_owned(),
                token_id: None,
            },
            at: NOW,
        }
    }

    const SEEN: &str = "removed in the portal by hand";

    #[test]
    fn two_different_people_without_a_part_in_it_close_what_keeps_failing() {
        let grant = grant();
        let proposal = ClosingByHand::propose(&grant, SEEN, signed(20)).unwrap();
        assert_eq!(proposal.in_force(&grant), None, "one signature closes nothing");
        assert_eq!(proposal.confirm(&grant, signed(20)).unwrap_err().code(), "second-admin");
        let mut linked = signed(21);
        linked.person = signed(20).person;
        assert!(
            proposal.confirm(&grant, linked).is_err(),
            "another account of the same person"
        );
        let confirmed = proposal.confirm(&grant, signed(21)).unwrap();
        assert_eq!(confirmed.in_force(&grant), Some(NOW));
        assert!(confirmed.confirm(&grant, signed(22)).is_err(), "confirmed once");

        let own = signed(10);
        assert_eq!(
            ClosingByHand::propose(&grant, SEEN, own.clone()).unwrap_err().code(),
            "own-access"
        );
        assert_eq!(proposal.confirm(&grant, own.clone()).unwrap_err().code(), "own-access");
        assert_eq!(
            ClosingByHand::propose(&grant, "ok", signed(20)).unwrap_err().field(),
            Some("evidence")
        );
        let mut forged = confirmed.clone();
        forged.confirmed = Some(own);
        assert_eq!(forged.in_force(&grant), None);
        forged.confirmed = Some(signed(20));
        assert_eq!(forged.in_force(&grant), None);
    }

    #[test]
    fn what_is_not_failing_or_not_for_long_is_not_closed() {
        type Change = fn(&mut Grant);
        let changes: [Change; 4] = [
            |g| g.status = GrantStatus::Active,
            |g| g.status = GrantStatus::Ended,
            |g| g.failing_since = None,
            |g| g.failing_since = Some(NOW.plus_seconds(1 - FAILING_SECONDS)),
        ];
        for change in changes {
            let mut grant = grant();
            change(&mut grant);
            let refusal = ClosingByHand::propose(&grant, SEEN, signed(20)).unwrap_err();
            assert_eq!(refusal.code(), "not-failing");
        }
    }

    #[test]
    fn signatures_close_a_grant_once_and_not_again_when_it_was_reopened() {
        let grant = grant();
        let order = ClosingByHand::propose(&grant, SEEN, signed(20)).unwrap();
        let order = order.confirm(&grant, signed(21)).unwrap();
        let closed = closed_by_hand(&grant, NOW);
        assert_eq!(closed.status, GrantStatus::ClosedByHand);
        assert_eq!(closed.ended_at, None, "never shown as ended");
        assert_eq!(
            closed.targets, grant.targets,
            "nor its targets as anything but what is known"
        );
        assert_eq!(closed.due[0].at, NOW.plus_seconds(RECHECK_SECONDS));
        let again = reopened(&closed, NOW.plus_seconds(5));
        assert_eq!(again.status, GrantStatus::Ending);
        assert_eq!(again.due[0].at, NOW.plus_seconds(5));
        assert_eq!(order.in_force(&again), None);
    }
}
