//! Members of Entra groups, through Microsoft Graph v1.0.
//!
//! ```text
//! EntraConnector ── Session ── Ask        every call with its url, in one place
//!   (the port)        │  │     Verdict    what an answer to an add or a remove means
//!                     │  └──── Wire       one HTTP exchange
//!                     └─────── Tokens     client credentials, cached
//! ```

mod directory;
mod endpoints;
mod facts;
mod policies;
mod session;
mod token;
mod urls;
mod verdict;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use hourglass_app::ports::connector::{Connector, ConnectorError, Member, Members, NewMember, Place};
use hourglass_app::ports::secrets::Secrets;
use hourglass_app::ports::{Clock, Ids};
use hourglass_domain::Timestamp;
use hourglass_domain::ids::{ApplicationId, ObjectId, TenantId};
use hourglass_domain::protocol::membership::{Answer, Inspection};
use hourglass_domain::target::{Cloud, Target, TargetFacts};

pub use endpoints::{EndpointError, Endpoints};

use endpoints::Bases;
use session::{Blind, MemberPage, Outcome, Session, in_words, transient};
use token::{Tokens, Whose};
use urls::{Ask, Priority};
use verdict::{NOT_REPLICATED_SECONDS, Verdict};
use wire::{LIMITS, Limits, Reply, Wire};

/// The connector to Entra groups.
///
/// **Who is in.** Whether an account is a member is read from the plain list of direct members, page by page, and from
/// nothing else. A filter on the list would answer in one call however large the group is, but Graph serves it from an
/// index that lags behind the directory by an unknown time ("Advanced query capabilities on Microsoft Entra ID
/// objects"), and both the baseline and the proof of absence (invariant I4) have to come from the directory itself.
/// A membership check (`checkMemberGroups`) counts nested groups and needs a wider permission. The price is one page for
/// every 999 members, and groups of more than 50,000 direct members cannot be told about: their memberships stay
/// unknown, so that nobody is added to one.
///
/// **What is gone.** A group is gone when both its list and the group itself are not found. An account that is not in
/// the list is looked up: one that does not exist is reported as gone rather than absent, because a deleted user comes
/// back with its memberships when it is restored. Where the connector may not read users, it cannot tell the two apart
/// and says absent.
///
/// **Permissions** (application): `GroupMember.ReadWrite.All` and `User.ReadBasic.All`; optional, for the port `Directory`,
/// `User.Read.All` in the place of the latter and `Policy.Read.All`.
pub struct EntraConnector {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    bases: Bases,
    limits: Limits,
    wire: Arc<Wire>,
    tokens: Tokens,
}

impl fmt::Debug for EntraConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraConnector")
            .field("bases", &self.bases)
            .finish_non_exhaustive()
    }
}

impl EntraConnector {
    /// A connector; nothing is opened or asked before the first call. `ids` gives the ids by which Graph's support finds
    /// a call, and spreads retries.
    ///
    /// # Errors
    /// When an override is not an address of this machine.
    pub fn new(
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        endpoints: &Endpoints,
    ) -> Result<Self, EndpointError> {
        Self::with_limits(secrets, clock, ids, endpoints, LIMITS)
    }

    fn with_limits(
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        endpoints: &Endpoints,
        limits: Limits,
    ) -> Result<Self, EndpointError> {
        let bases = Bases::new(endpoints)?;
        let wire = Arc::new(Wire::new(bases.are_the_clouds(), limits));
        let tokens = Tokens::new(secrets, Arc::clone(&clock), bases.clone(), Arc::clone(&wire));
        Ok(Self {
            clock,
            ids,
            bases,
            limits,
            wire,
            tokens,
        })
    }

    fn at(&self, place: &Place) -> (Session<'_>, ObjectId) {
        let Target::Entra { cloud, tenant, group } = &place.target;
        let whose = Whose {
            application: place.application.clone(),
            tenant: *tenant,
            cloud: *cloud,
        };
        (Session::new(self, whose), *group)
    }

    /// Turns verdicts into answers. What needs another question is asked once for all of them.
    async fn settle(&self, place: &Place, session: &Session<'_>, verdicts: Vec<(ObjectId, Verdict)>) -> Vec<Answer> {
        let Target::Entra { group, .. } = &place.target;
        let said_to_be_there: BTreeSet<ObjectId> = verdicts
            .iter()
            .filter(|(_, verdict)| *verdict == Verdict::AlreadyMember)
            .map(|(account, _)| *account)
            .collect();
        let there = if said_to_be_there.is_empty() {
            Ok(BTreeSet::new())
        } else {
            session.present(*group, &said_to_be_there).await
        };
        let cause = if verdicts
            .iter()
            .any(|(_, verdict)| matches!(verdict, Verdict::Forbidden(_)))
        {
            self.cause_of_refusal(place, session, *group).await
        } else {
            String::new()
        };
        verdicts
            .into_iter()
            .map(|(account, verdict)| match verdict {
                Verdict::Is(answer) => answer,
                Verdict::Forbidden(words) => Answer::Refused(format!("{words} (probably: {cause})")),
                Verdict::AlreadyMember => match &there {
                    Ok(there) if there.contains(&account) => Answer::Done,
                    Ok(_) => Answer::RetryAfter {
                        seconds: NOT_REPLICATED_SECONDS,
                        why: "Microsoft Graph says that the account is a member already, but does not list it yet"
                            .to_owned(),
                    },
                    Err(Blind::GroupGone) => Answer::Unknown("the group does not exist any more".to_owned()),
                    Err(Blind::Unknown(why) | Blind::Forbidden(why)) => Answer::Unknown(why.clone()),
                },
            })
            .collect()
    }

    async fn cause_of_refusal(&self, place: &Place, session: &Session<'_>, group: ObjectId) -> String {
        let facts = match session.ask(Ask::group(group)).await {
            Outcome::Reply(reply) if reply.is_success() => {
                facts::read(&reply.body, group, &place.target, self.clock.now())
            }
            _ => None,
        };
        facts::likely_cause(facts.as_ref())
    }
}

#[async_trait]
impl Connector for EntraConnector {
    async fn inspect(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Inspection> {
        let (session, group) = self.at(place);
        let wanted: BTreeSet<ObjectId> = accounts.iter().copied().collect();
        let present = match session.present(group, &wanted).await {
            Ok(present) => present,
            Err(Blind::GroupGone) => return vec![Inspection::TargetGone; accounts.len()],
            Err(Blind::Unknown(why) | Blind::Forbidden(why)) => return vec![Inspection::Unknown(why); accounts.len()],
        };
        let others: Vec<ObjectId> = wanted.difference(&present).copied().collect();
        let asks: Vec<Ask> = others.iter().map(|account| Ask::user_exists(*account)).collect();
        let looked_up = session.ask_all(&asks).await;
        accounts
            .iter()
            .map(|account| {
                if present.contains(account) {
                    return Inspection::Present;
                }
                let found = others.iter().zip(&looked_up).find(|(other, _)| *other == account);
                match found.map(|(_, outcome)| outcome) {
                    // 403: the connector may not read users.
                    Some(Outcome::Reply(reply)) if reply.is_success() || reply.status == 403 => Inspection::Absent,
                    Some(Outcome::Reply(reply)) if reply.status == 404 => Inspection::TargetGone,
                    Some(other) => Inspection::Unknown(in_words(other)),
                    None => Inspection::Unknown("the account was not looked up".to_owned()),
                }
            })
            .collect()
    }

    /// Entra cannot end a membership itself, so `until` has no meaning here.
    async fn add(&self, place: &Place, members: &[NewMember]) -> Vec<Answer> {
        let (session, group) = self.at(place);
        let asks: Vec<Ask> = members
            .iter()
            .map(|member| Ask::add(&session.root, group, member.account))
            .collect();
        let outcomes = session.ask_all(&asks).await;
        let verdicts = members
            .iter()
            .map(|member| member.account)
            .zip(outcomes.iter().map(verdict::added))
            .collect();
        self.settle(place, &session, verdicts).await
    }

    async fn remove(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Answer> {
        let (session, group) = self.at(place);
        let asks: Vec<Ask> = accounts.iter().map(|account| Ask::remove(group, *account)).collect();
        let outcomes = session.ask_all(&asks).await;
        let verdicts = accounts
            .iter()
            .copied()
            .zip(outcomes.iter().map(verdict::removed))
            .collect();
        self.settle(place, &session, verdicts).await
    }

    /// Microsoft Graph answers a change of members when it is over, so that nothing is ever under way.
    async fn outcome(&self, _place: &Place, handle: &str) -> Answer {
        Answer::Refused(format!(
            "Microsoft Graph has nothing under way that is called {handle:?}"
        ))
    }

    async fn list(&self, place: &Place, next: Option<&str>) -> Result<Members, ConnectorError> {
        let (session, group) = self.at(place);
        let ask = match next {
            None => Ask::members_with_names(group),
            Some(link) => Ask::next_members(&session.root, group, link, Priority::Low)
                .map_err(|error| ConnectorError::Refused(error.to_string()))?,
        };
        let reply = answered(session.ask(ask).await)?;
        let page = MemberPage::read(&reply.body).map_err(|why| ConnectorError::Unavailable(why.to_owned()))?;
        // A link that leads elsewhere is refused now, not when somebody comes back with it.
        if let Some(link) = &page.next {
            Ask::next_members(&session.root, group, link, Priority::Low)
                .map_err(|error| ConnectorError::Refused(error.to_string()))?;
        }
        let members = page.members.into_iter().map(|(account, name)| Member { account, name });
        Ok(Members {
            members: members.collect(),
            next: page.next,
        })
    }

    async fn preflight(&self, place: &Place, now: Timestamp) -> Result<TargetFacts, ConnectorError> {
        let (session, group) = self.at(place);
        match session.ask(Ask::group(group)).await {
            Outcome::Reply(reply) if reply.status == 404 => Ok(facts::missing(&place.target, now)),
            other => {
                let reply = answered(other)?;
                facts::read(&reply.body, group, &place.target, now).ok_or_else(|| {
                    ConnectorError::Unavailable("Microsoft Graph gave a group that cannot be read".to_owned())
                })
            }
        }
    }

    async fn test(&self, application: &ApplicationId, tenant: TenantId, cloud: Cloud) -> Result<(), ConnectorError> {
        let whose = Whose {
            application: application.clone(),
            tenant,
            cloud,
        };
        let outcome = Session::anew(self, whose).ask(Ask::any_group()).await;
        answered(outcome).map(|_| ())
    }
}

/// The answer to a question, or why there is none.
fn answered(outcome: Outcome) -> Result<Reply, ConnectorError> {
    match outcome {
        Outcome::Reply(reply) if reply.is_success() => Ok(reply),
        Outcome::Reply(reply) if reply.status == 403 => Err(ConnectorError::Refused(format!(
            "{} (the connector's app registration lacks the application permission GroupMember.ReadWrite.All)",
            reply.in_words()
        ))),
        Outcome::Reply(reply) if (400..500).contains(&reply.status) && !transient(reply.status) => {
            Err(ConnectorError::Refused(reply.in_words()))
        }
        Outcome::Denied(why) => Err(ConnectorError::Refused(why)),
        other => Err(ConnectorError::Unavailable(in_words(&other))),
    }
}
