//! On whose authority the configuration changes: one admin's, where that is enough, or that of two who signed.

use std::ops::Deref;

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::directory::{Party, User};
use hourglass_domain::ids::ObjectId;
use hourglass_domain::person::LinkSettings;
use hourglass_domain::two_person::{AdminsSeen, Proposal};
use hourglass_domain::{Refusal, Timestamp};

use super::changes::{Answering, Command, Outcome};
use crate::caller::Who;
use crate::change::Change;
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::records::{Record as _, Stored};
use crate::seals::Sealed;

/// What a change of the configuration rests on: who makes it, against which version, and what else has to hold. Only
/// [`super::changes`] makes one, so that nothing is changed past the rule of two.
#[derive(Debug)]
pub(super) struct By<'a> {
    who: &'a Who,
    version: u64,
    authority: Authority<'a>,
    answering: Option<(&'a Answering<'a>, u64)>,
}

#[derive(Debug)]
enum Authority<'a> {
    /// One admin's, because it takes no more or the stack says so.
    One,
    /// One admin's, as long as nobody else has signed in who could sign.
    NobodyElse(&'a Stored<AdminsSeen>),
    /// That of two who signed.
    Two(&'a Two),
}

/// A proposal that two people signed, and what that rests on.
#[derive(Debug)]
pub(super) struct Two {
    /// The proposal, open.
    pub(super) proposal: Stored<Proposal<Command>>,
    /// The proposal as it is stored with the change; `None` where that comes later.
    pub(super) applied: Option<Sealed<Proposal<Command>>>,
    /// What was left out of many things, for the audit trail.
    pub(super) left_out: Vec<ObjectId>,
    /// Who signed second.
    pub(super) second: Party,
    /// How accounts are linked: that the two are two.
    pub(super) links: Stored<LinkSettings>,
    /// The users of both, active.
    pub(super) users: Vec<Stored<User>>,
}

impl Deref for By<'_> {
    type Target = Who;

    fn deref(&self) -> &Who {
        self.who
    }
}

impl<'a> By<'a> {
    /// One admin, where that is enough whoever else there is.
    pub(super) const fn one(who: &'a Who, version: u64) -> Self {
        Self {
            who,
            version,
            authority: Authority::One,
            answering: None,
        }
    }

    /// One admin, while nobody else could sign.
    pub(super) const fn nobody_else(who: &'a Who, version: u64, seen: &'a Stored<AdminsSeen>) -> Self {
        Self {
            who,
            version,
            authority: Authority::NobodyElse(seen),
            answering: None,
        }
    }

    /// Two who signed; `who` is the admin who makes it so.
    pub(super) const fn two(who: &'a Who, two: &'a Two) -> Self {
        Self {
            who,
            version: two.proposal.value.object.version,
            authority: Authority::Two(two),
            answering: None,
        }
    }

    /// With the call that is to be answered once; `replaced` is the version of an answer that has lapsed.
    pub(super) const fn answering(mut self, answering: Option<&'a Answering<'a>>, replaced: u64) -> Self {
        self.answering = match answering {
            Some(answering) => Some((answering, replaced)),
            None => None,
        };
        self
    }

    /// That the object is as it was when the change was weighed: what takes one admin against one version may take two
    /// against another.
    pub(super) const fn require(&self, stored: u64) -> Result<(), Refusal> {
        if self.version == stored {
            Ok(())
        } else {
            Err(Refusal::Changed)
        }
    }

    /// The accounts of those who answer for the change.
    pub(super) fn accounts(&self) -> Vec<ObjectId> {
        match self.authority {
            Authority::One | Authority::NobodyElse(_) => vec![self.who.caller.object_id],
            Authority::Two(two) => vec![two.proposal.value.proposer.object_id, two.second.object_id],
        }
    }

    /// Whether two signed.
    pub(super) const fn is_two(&self) -> bool {
        matches!(self.authority, Authority::Two(_))
    }

    /// An event of the change.
    pub(super) fn draft(&self, at: Timestamp, action: &'static str) -> Draft {
        let draft = Draft::new(at, self.who.actor(), action);
        match self.authority {
            Authority::One | Authority::NobodyElse(_) => draft,
            Authority::Two(two) => draft
                .fact("change", two.proposal.value.id)
                .fact("proposed_by", two.proposal.value.proposer.user)
                .fact("signed_by", two.second.user),
        }
    }

    /// `change`, resting on what allows it, and with the proposal in force. To be called last.
    pub(super) fn rests(&self, core: &Core, change: Change) -> Result<Change> {
        let two = match self.authority {
            Authority::One => return Ok(change),
            Authority::NobodyElse(seen) => {
                return Ok(change.check_version_same(seen.value.key(), seen.version));
            }
            Authority::Two(two) => two,
        };
        let application = &two.links.value.application;
        let mut change = change.check_version_same(keys::link_settings(application), two.links.version);
        for user in &two.users {
            change = change.check_same(user);
        }
        let Some(applied) = &two.applied else {
            return Ok(change.check_version_same(two.proposal.value.key(), two.proposal.version));
        };
        let mut draft = self.draft(core.clock.now(), "change.applied");
        if !two.left_out.is_empty() {
            let left_out: Vec<String> = two.left_out.iter().map(ToString::to_string).collect();
            draft = draft.fact("left_out", left_out.join(" "));
        }
        Ok(change
            .replace(two.proposal.version, applied)?
            .event(stream(&two.proposal.value), draft))
    }

    /// `change`, with the answer to the call that is to be answered once.
    pub(super) fn answered(&self, core: &Core, change: Change, outcome: &Outcome) -> Result<Change> {
        let Some((answering, replaced)) = self.answering else {
            return Ok(change);
        };
        let answer = (answering.render)(outcome);
        Ok(change.replace(replaced, &answering.once.record(&answer, core.clock.now()))?)
    }
}

/// The audit stream of a proposal.
pub(super) fn stream(proposal: &Proposal<Command>) -> StreamId {
    StreamId::config(&proposal.application, "change", &proposal.id.to_string())
}
