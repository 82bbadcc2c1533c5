//! The Conditional Access policy behind the authentication context.
//!
//! A token that carries the configured context (`acrs`) proves a second factor only where a policy demands one: Entra puts
//! the claim into the token as well when no policy targets the context, or the policy leaves the user out (Microsoft
//! identity platform, "Developer guide to Conditional Access authentication context", table of expected behaviour). So the
//! claim counts only with a fresh look at the policies behind it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{ObjectId, TenantId};
use crate::refusal::StepUpProblem;

/// For how long (seconds) a look counts.
pub const LOOK_COUNTS_SECONDS: i64 = 86_400;
/// Most policies that are kept of one look.
pub const MOST_POLICIES: usize = 50;

/// Why a policy that targets the context proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum PolicyProblem {
    /// Report-only, or switched off.
    #[error("it is not enabled (report-only does not count)")]
    NotEnabled,
    /// It lets people in without a second factor.
    #[error("it does not demand multifactor authentication or an authentication strength of everybody it lets in")]
    NoFactor,
    /// It is for some people only.
    #[error("it does not include all users")]
    NotEveryone,
    /// It applies under conditions only.
    #[error("it applies on some platforms, places, devices, clients or risks only")]
    Narrowed,
}

/// A policy that targets the context.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ContextPolicy {
    /// Its name, for people.
    pub name: String,
    /// Why it proves nothing, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<PolicyProblem>,
    /// Accounts that it leaves out.
    #[serde(default)]
    pub excluded_users: BTreeSet<ObjectId>,
    /// Groups whose members it leaves out, by object id.
    #[serde(default)]
    pub excluded_groups: BTreeSet<ObjectId>,
    /// Whether it leaves out others of whom we cannot tell who they are: holders of roles, say.
    #[serde(default)]
    pub excludes_others: bool,
}

/// What was found behind the context in one tenant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuthContext {
    /// The tenant.
    pub tenant: TenantId,
    /// The context, such as `c1`.
    pub context: String,
    /// When the policies were read.
    pub checked_at: Timestamp,
    /// The policies that target the context; `None` where the connector may not read policies.
    pub policies: Option<Vec<ContextPolicy>>,
}

/// Whether somebody is in a group, as far as we know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Among {
    /// They are.
    Yes,
    /// They are not.
    No,
    /// The group is not provisioned, so nobody can tell.
    Unknown,
}

impl AuthContext {
    /// Whether a policy demands a second factor of everybody but those it leaves out.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.policies
            .as_deref()
            .unwrap_or_default()
            .iter()
            .any(|policy| policy.problem.is_none())
    }

    /// The groups of which one has to know whether somebody is in them.
    #[must_use]
    pub fn groups(&self) -> BTreeSet<ObjectId> {
        let policies = self.policies.as_deref().unwrap_or_default().iter();
        policies
            .filter(|policy| policy.problem.is_none())
            .flat_map(|policy| policy.excluded_groups.iter().copied())
            .collect()
    }

    /// Whether a claim of `context` proves a second factor of `account` now.
    ///
    /// # Errors
    /// Why it does not, with what an admin has to do.
    pub fn proves(
        &self,
        context: &str,
        account: ObjectId,
        among: impl Fn(ObjectId) -> Among,
        now: Timestamp,
    ) -> Result<(), StepUpProblem> {
        if self.context != context {
            return Err(StepUpProblem::ContextUnchecked);
        }
        if !(-60..=LOOK_COUNTS_SECONDS).contains(&now.seconds_since(self.checked_at)) {
            return Err(StepUpProblem::ContextStale);
        }
        let policies = self.policies.as_ref().ok_or(StepUpProblem::ContextNotPermitted)?;
        let mut why = StepUpProblem::ContextUnprotected;
        for policy in policies.iter().filter(|policy| policy.problem.is_none()) {
            let groups: Vec<Among> = policy.excluded_groups.iter().map(|group| among(*group)).collect();
            if policy.excluded_users.contains(&account) || groups.contains(&Among::Yes) {
                why = StepUpProblem::ContextExcluded;
            } else if policy.excludes_others || groups.contains(&Among::Unknown) {
                why = StepUpProblem::ContextUnclear;
            } else {
                return Ok(());
            }
        }
        Err(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn id(n: u128) -> ObjectId {
        ObjectId::new(Uuid::from_u128(n))
    }

    fn policy() -> ContextPolicy {
        ContextPolicy {
            name: "MFA for approvals".to_owned(),
            problem: None,
            excluded_users: BTreeSet::new(),
            excluded_groups: BTreeSet::new(),
            excludes_others: false,
        }
    }

    fn found(policies: Option<Vec<ContextPolicy>>) -> AuthContext {
        AuthContext {
            tenant: TenantId::new(Uuid::from_u128(1)),
            context: "c1".to_owned(),
            checked_at: NOW,
            policies,
        }
    }

    fn asked(fact: &AuthContext) -> Result<(), StepUpProblem> {
        let among = |group: ObjectId| {
            if group == id(20) {
                Among::Yes
            } else if group == id(21) {
                Among::No
            } else {
                Among::Unknown
            }
        };
        fact.proves("c1", id(10), among, NOW)
    }

    #[test]
    fn a_policy_that_holds_for_everybody_proves() {
        let fact = found(Some(vec![policy()]));
        assert!(fact.holds());
        assert_eq!(asked(&fact), Ok(()));
    }

    #[test]
    fn each_reason_against_it_is_told() {
        type Change = fn(&mut AuthContext);
        let one: [(Change, StepUpProblem); 12] = [
            (|fact| fact.context = "c2".to_owned(), StepUpProblem::ContextUnchecked),
            (
                |fact| fact.checked_at = NOW.plus_seconds(-LOOK_COUNTS_SECONDS - 1),
                StepUpProblem::ContextStale,
            ),
            (
                |fact| fact.checked_at = NOW.plus_seconds(61),
                StepUpProblem::ContextStale,
            ),
            (|fact| fact.policies = None, StepUpProblem::ContextNotPermitted),
            (
                |fact| fact.policies = Some(Vec::new()),
                StepUpProblem::ContextUnprotected,
            ),
            (
                |fact| change(fact, |policy| policy.problem = Some(PolicyProblem::NotEnabled)),
                StepUpProblem::ContextUnprotected,
            ),
            (
                |fact| change(fact, |policy| policy.problem = Some(PolicyProblem::NoFactor)),
                StepUpProblem::ContextUnprotected,
            ),
            (
                |fact| change(fact, |policy| policy.problem = Some(PolicyProblem::NotEveryone)),
                StepUpProblem::ContextUnprotected,
            ),
            (
                |fact| change(fact, |policy| policy.excluded_users.extend([id(10)])),
                StepUpProblem::ContextExcluded,
            ),
            (
                |fact| change(fact, |policy| policy.excluded_groups.extend([id(20)])),
                StepUpProblem::ContextExcluded,
            ),
            (
                |fact| change(fact, |policy| policy.excluded_groups.extend([id(22)])),
                StepUpProblem::ContextUnclear,
            ),
            (
                |fact| change(fact, |policy| policy.excludes_others = true),
                StepUpProblem::ContextUnclear,
            ),
        ];
        for (change, why) in one {
            let mut fact = found(Some(vec![policy()]));
            change(&mut fact);
            assert_eq!(asked(&fact), Err(why), "{fact:?}");
            assert!(!why.sign_in_helps(), "{why:?}");
        }
    }

    fn change(fact: &mut AuthContext, change: impl Fn(&mut ContextPolicy)) {
        for policy in fact.policies.iter_mut().flatten() {
            change(policy);
        }
    }

    #[test]
    fn others_may_be_left_out_and_a_second_policy_may_cover_what_the_first_leaves() {
        let mut leaves = policy();
        leaves.excluded_users.insert(id(11));
        leaves.excluded_groups.insert(id(21));
        assert_eq!(asked(&found(Some(vec![leaves]))), Ok(()), "somebody else is left out");
        let mut out = policy();
        out.excluded_users.insert(id(10));
        let both = found(Some(vec![out, policy()]));
        assert_eq!(asked(&both), Ok(()));
        assert!(both.groups().is_empty());
    }
}
