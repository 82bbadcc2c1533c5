//! The kill switch: one admin alone ends every live grant of a user, of an entitlement or of the application, and stops
//! approvals there; two admins let them go on.
//!
//! The press stores an order and the application's [`Pause`] together. Decisions and activations rest on the pause as
//! they read it, so that whatever was approved before it is found and ended, and nothing is approved after.

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::directory::Party;
use crate::ids::{ApplicationId, EntitlementId, KillId, ObjectId, ProposalId, TenantId, UserId, WorkerId};
use crate::refusal::Rule;
use crate::{Refusal, Timestamp};

/// How long (seconds) a preview's confirmation can be used.
pub const CONFIRMATION_SECONDS: i64 = 15 * 60;
/// How long (seconds) a proposal to release waits for the second admin.
pub const PROPOSAL_SECONDS: i64 = 30 * 60;
/// Most scopes that are paused at once. One more is refused, except that everything can always be paused.
pub const MOST_PAUSED: usize = 50;

/// What a press concerns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KillScope {
    /// Everything of the application.
    All,
    /// One entitlement.
    Entitlement {
        /// Which.
        id: EntitlementId,
    },
    /// One user.
    User {
        /// Whom.
        id: UserId,
    },
}

impl KillScope {
    /// `all`, `entitlement` or `user`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Entitlement { .. } => "entitlement",
            Self::User { .. } => "user",
        }
    }

    /// The id of what it concerns, where that is one thing.
    #[must_use]
    pub fn id(self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Entitlement { id } => Some(id.to_string()),
            Self::User { id } => Some(id.to_string()),
        }
    }

    /// Whether something about this entitlement and these users is in scope.
    #[must_use]
    pub fn covers(self, entitlement: EntitlementId, users: &[UserId]) -> bool {
        match self {
            Self::All => true,
            Self::Entitlement { id } => id == entitlement,
            Self::User { id } => users.contains(&id),
        }
    }

    /// What is paused, as the subject of a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::All => "All access",
            Self::Entitlement { .. } => "Access to this entitlement",
            Self::User { .. } => "Access of a person who takes part in this",
        }
    }
}

impl std::fmt::Display for KillScope {
    /// One text for one scope: audit events and confirmations have it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.id() {
            None => f.write_str(self.name()),
            Some(id) => write!(f, "{}:{id}", self.name()),
        }
    }
}

/// An admin, who need not be provisioned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Admin {
    /// The tenant.
    pub tenant: TenantId,
    /// The object id.
    pub object_id: ObjectId,
    /// Who it is, where they are provisioned.
    pub party: Option<Party>,
}

impl Admin {
    /// Whether both are one human being: by account, and by person where that is known.
    #[must_use]
    pub fn same_person(&self, other: &Self) -> bool {
        let same_account = self.tenant == other.tenant && self.object_id == other.object_id;
        let same_party = match (&self.party, &other.party) {
            (Some(one), Some(other)) => one.same_person(other),
            _ => false,
        };
        same_account || same_party
    }
}

/// What keeps approvals and activations of an application back: the last press of each scope that was not released.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pause {
    /// The application.
    pub application: ApplicationId,
    /// What is paused, at most one entry for each scope.
    pub paused: Vec<Paused>,
}

/// One scope that is paused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Paused {
    /// What is paused.
    pub scope: KillScope,
    /// Since when.
    pub since: Timestamp,
    /// The last press: its order is the one that is carried out.
    pub press: KillId,
    /// When that was.
    pub pressed_at: Timestamp,
    /// Who pressed last.
    pub by: Admin,
    /// Why, as entered.
    pub reason: String,
    /// That somebody wants to release it.
    pub proposal: Option<Proposal>,
}

/// One admin's wish to release a scope, which a second one has to confirm. A further press takes it away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id, which the second admin names.
    pub id: ProposalId,
    /// Whose.
    pub by: Admin,
    /// Until when it can be confirmed.
    pub until: Timestamp,
}

impl Pause {
    /// Nothing is paused.
    #[must_use]
    pub const fn none(application: ApplicationId) -> Self {
        Self {
            application,
            paused: Vec::new(),
        }
    }

    /// What keeps something about this entitlement and these users back, if anything does.
    #[must_use]
    pub fn covering(&self, entitlement: EntitlementId, users: &[UserId]) -> Option<&Paused> {
        self.paused
            .iter()
            .find(|paused| paused.scope.covers(entitlement, users))
    }

    /// # Errors
    /// [`Refusal::Paused`] when something about this entitlement and these users is kept back.
    pub fn check(&self, entitlement: EntitlementId, users: &[UserId]) -> Result<(), Refusal> {
        match self.covering(entitlement, users) {
            None => Ok(()),
            Some(paused) => Err(Refusal::Paused {
                what: paused.scope.words(),
                since: paused.since,
            }),
        }
    }

    /// The entry of a scope.
    #[must_use]
    pub fn of(&self, scope: KillScope) -> Option<&Paused> {
        self.paused.iter().find(|paused| paused.scope == scope)
    }

    /// After a press. One of a scope that is paused already takes the place of the press before, with its proposal: what
    /// was proposed then did not know of this one.
    ///
    /// # Errors
    /// When too many scopes are paused; never for everything.
    pub fn pressed(&self, mut press: Paused) -> Result<Self, Refusal> {
        let mut next = self.clone();
        if let Some(before) = next.paused.iter_mut().find(|paused| paused.scope == press.scope) {
            press.since = before.since;
            *before = press;
            return Ok(next);
        }
        if next.paused.len() >= MOST_PAUSED && press.scope != KillScope::All {
            return Err(Refusal::TooManyPaused { limit: MOST_PAUSED });
        }
        next.paused.push(press);
        Ok(next)
    }

    /// After one admin proposed to release a scope. The same admin's own proposal that still stands is kept.
    ///
    /// # Errors
    /// When the scope is not paused, was pressed again meanwhile, or somebody else's proposal waits to be confirmed.
    pub fn proposed(
        &self,
        scope: KillScope,
        press: KillId,
        proposal: Proposal,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let mut next = self.clone();
        let entry = entry(&mut next.paused, scope, press)?;
        match &entry.proposal {
            Some(standing) if now < standing.until && standing.by.same_person(&proposal.by) => {}
            Some(standing) if now < standing.until => return Err(Refusal::ReleaseProposed),
            _ => entry.proposal = Some(proposal),
        }
        Ok(next)
    }

    /// After a second admin confirmed: the scope is paused no more. Answers what was.
    ///
    /// # Errors
    /// When there is no such proposal any more, or it is the caller's own.
    pub fn released(
        &self,
        scope: KillScope,
        press: KillId,
        proposal: ProposalId,
        by: &Admin,
        now: Timestamp,
    ) -> Result<(Self, Paused), Refusal> {
        let mut next = self.clone();
        let entry = entry(&mut next.paused, scope, press)?;
        let standing = entry
            .proposal
            .as_ref()
            .filter(|standing| standing.id == proposal && now < standing.until);
        let standing = standing.ok_or(Refusal::NotFound {
            what: "proposal to release (it lasts 30 minutes, and a further press takes it away)",
        })?;
        if standing.by.same_person(by) {
            return Err(Refusal::SecondAdmin);
        }
        let was = entry.clone();
        next.paused.retain(|paused| paused.scope != scope);
        Ok((next, was))
    }
}

fn entry(paused: &mut [Paused], scope: KillScope, press: KillId) -> Result<&mut Paused, Refusal> {
    let entry = paused.iter_mut().find(|paused| paused.scope == scope);
    let entry = entry.ok_or(Refusal::NotFound { what: "paused scope" })?;
    if entry.press == press {
        Ok(entry)
    } else {
        Err(Refusal::Changed)
    }
}

/// What a preview gives and a press has to bring: that this admin looked at this scope a short while ago. It is no
/// secret; it makes a press deliberate. What came into the scope since is ended as well.
#[must_use]
pub fn confirmation(application: &ApplicationId, scope: KillScope, admin: &Admin, at: Timestamp) -> String {
    let seconds = at.seconds();
    let (tenant, object_id) = (admin.tenant, admin.object_id);
    let digest =
        Digest::of(format!("kill switch\n{application}\n{scope}\n{tenant}\n{object_id}\n{seconds}").as_bytes());
    let digest: String = digest.to_string().chars().take(16).collect();
    format!("{seconds}-{digest}")
}

/// # Errors
/// When the text is no confirmation of this scope by this admin, or an old one.
pub fn check_confirmation(
    text: &str,
    application: &ApplicationId,
    scope: KillScope,
    admin: &Admin,
    now: Timestamp,
) -> Result<(), Refusal> {
    let at = text
        .split_once('-')
        .and_then(|(seconds, _)| seconds.parse::<i64>().ok());
    let fresh = at.map(Timestamp::from_seconds).filter(|at| {
        let age = now.seconds().saturating_sub(at.seconds());
        (0..=CONFIRMATION_SECONDS).contains(&age)
    });
    if fresh.is_some_and(|at| confirmation(application, scope, admin, at) == text) {
        Ok(())
    } else {
        let minutes = CONFIRMATION_SECONDS / 60;
        Err(Refusal::invalid("confirmation", Rule::Confirmation { minutes }))
    }
}

/// The order of one press, and how far it was carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KillOrder {
    /// Its id.
    pub id: KillId,
    /// The application.
    pub application: ApplicationId,
    /// What it concerns.
    pub scope: KillScope,
    /// Who pressed.
    pub by: Admin,
    /// When.
    pub at: Timestamp,
    /// How far it was carried out.
    pub progress: Progress,
}

/// How far an order was carried out. Workers go on from here, so that a crash costs one page.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// What comes next.
    pub stage: Stage,
    /// Grants in scope that had not ended, told to end or ending already.
    pub grants: u64,
    /// Requests that were cancelled.
    pub requests: u64,
    /// What failed in this round and is tried again in the next.
    pub failed: u64,
    /// The worker that is at it, and until when the others leave it alone.
    pub lease: Option<(WorkerId, Timestamp)>,
    /// Before this nothing is to be done.
    pub not_before: Option<Timestamp>,
    /// When everything had its order to end.
    pub done_at: Option<Timestamp>,
}

/// A part of carrying an order out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Stage {
    /// Grants get their orders to end.
    Grants {
        /// The part of the list.
        shard: u8,
        /// The last entry that was seen to.
        after: Option<String>,
    },
    /// Pending requests are cancelled.
    Requests {
        /// Where the list goes on.
        after: Option<String>,
        /// Whether it is the second time: the list of an application's requests can lag behind.
        second: bool,
    },
    /// Nothing is left to do.
    Done,
}

impl Default for Stage {
    fn default() -> Self {
        Self::Grants { shard: 0, after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn admin(n: u128, person: Option<u128>) -> Admin {
        let object_id = ObjectId::new(Uuid::from_u128(n));
        let tenant = TenantId::new(Uuid::from_u128(1));
        Admin {
            tenant,
            object_id,
            party: person.map(|person| Party {
                user: UserId::new(Uuid::from_u128(n)),
                person: UserId::new(Uuid::from_u128(person)).into(),
                tenant,
                object_id,
                name: "Ola Berg".to_owned(),
            }),
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_800_000_000)
    }

    fn app() -> ApplicationId {
        "contoso.example".parse().unwrap()
    }

    const USER: KillScope = KillScope::User {
        id: UserId::new(Uuid::from_u128(7)),
    };

    fn press(scope: KillScope, id: u128) -> Paused {
        Paused {
            scope,
            since: now(),
            press: KillId::new(Uuid::from_u128(id)),
            pressed_at: now(),
            by: admin(2, None),
            reason: "laptop stolen".to_owned(),
            proposal: None,
        }
    }

    fn proposal(id: u128, by: Admin) -> Proposal {
        Proposal {
            id: ProposalId::new(Uuid::from_u128(id)),
            by,
            until: now().plus_seconds(PROPOSAL_SECONDS),
        }
    }

    #[test]
    fn a_scope_covers_what_it_names_and_nothing_else() {
        let (entitlement, other) = (
            EntitlementId::new(Uuid::from_u128(1)),
            EntitlementId::new(Uuid::from_u128(2)),
        );
        let (user, somebody) = (UserId::new(Uuid::from_u128(7)), UserId::new(Uuid::from_u128(8)));
        assert!(KillScope::All.covers(entitlement, &[]));
        assert!(KillScope::Entitlement { id: entitlement }.covers(entitlement, &[user]));
        assert!(!KillScope::Entitlement { id: entitlement }.covers(other, &[user]));
        assert!(USER.covers(entitlement, &[somebody, user]) && !USER.covers(entitlement, &[somebody]));
        let pause = Pause::none(app()).pressed(press(USER, 1)).unwrap();
        assert!(pause.check(entitlement, &[somebody]).is_ok());
        assert!(matches!(pause.check(entitlement, &[user]), Err(Refusal::Paused { .. })));
    }

    #[test]
    fn a_confirmation_is_for_one_scope_one_admin_and_a_while() {
        let ola = admin(2, None);
        let text = confirmation(&app(), USER, &ola, now());
        let check = |scope, admin: &Admin, at| check_confirmation(&text, &app(), scope, admin, at);
        assert!(check(USER, &ola, now()).is_ok());
        assert!(check(USER, &ola, now().plus_seconds(CONFIRMATION_SECONDS)).is_ok());
        assert!(check(USER, &ola, now().plus_seconds(CONFIRMATION_SECONDS + 1)).is_err());
        assert!(check(USER, &ola, now().plus_seconds(-1)).is_err());
        assert!(check(KillScope::All, &ola, now()).is_err());
        assert!(check(USER, &admin(3, None), now()).is_err());
        for bad in ["", "-", "1800000000-", "1800000000-0000000000000000", "x"] {
            assert!(check_confirmation(bad, &app(), USER, &ola, now()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_release_needs_two_persons() {
        let pause = Pause::none(app()).pressed(press(KillScope::All, 1)).unwrap();
        let first = KillId::new(Uuid::from_u128(1));
        let id = ProposalId::new(Uuid::from_u128(5));
        // Ola proposes, with two accounts of one person.
        let proposed = pause
            .proposed(KillScope::All, first, proposal(5, admin(2, Some(2))), now())
            .unwrap();
        let again = proposed.proposed(KillScope::All, first, proposal(6, admin(2, Some(2))), now());
        assert_eq!(again.unwrap(), proposed, "her own proposal stands");
        let other = proposed.proposed(KillScope::All, first, proposal(6, admin(3, None)), now());
        assert_eq!(other, Err(Refusal::ReleaseProposed));
        for same in [admin(2, None), admin(2, Some(2)), admin(9, Some(2))] {
            let refused = proposed.released(KillScope::All, first, id, &same, now());
            assert_eq!(refused.unwrap_err(), Refusal::SecondAdmin, "{same:?}");
        }
        let late = now().plus_seconds(PROPOSAL_SECONDS);
        let other = admin(3, Some(3));
        assert!(proposed.released(KillScope::All, first, id, &other, late).is_err());
        let wrong = ProposalId::new(Uuid::from_u128(6));
        assert!(proposed.released(KillScope::All, first, wrong, &other, now()).is_err());
        assert!(proposed.released(USER, first, id, &other, now()).is_err());
        let (released, _) = proposed.released(KillScope::All, first, id, &other, now()).unwrap();
        assert_eq!(released, Pause::none(app()));
    }

    #[test]
    fn a_further_press_keeps_the_beginning_and_takes_the_proposal_away() {
        let first = KillId::new(Uuid::from_u128(1));
        let pause = Pause::none(app()).pressed(press(KillScope::All, 1)).unwrap();
        let proposed = pause
            .proposed(KillScope::All, first, proposal(5, admin(2, None)), now())
            .unwrap();
        let mut second = press(KillScope::All, 2);
        second.since = now().plus_seconds(60);
        let again = proposed.pressed(second).unwrap();
        let entry = again.of(KillScope::All).unwrap();
        assert_eq!((again.paused.len(), entry.since), (1, now()));
        assert_eq!((entry.press, &entry.proposal), (KillId::new(Uuid::from_u128(2)), &None));
        let id = ProposalId::new(Uuid::from_u128(5));
        let released = again.released(KillScope::All, first, id, &admin(3, None), now());
        assert_eq!(released.unwrap_err(), Refusal::Changed);
    }

    #[test]
    fn everything_can_be_paused_however_much_is_paused_already() {
        let mut pause = Pause::none(app());
        for n in 0..u128::try_from(MOST_PAUSED).unwrap() {
            let id = UserId::new(Uuid::from_u128(n));
            pause = pause.pressed(press(KillScope::User { id }, n)).unwrap();
        }
        let id = EntitlementId::new(Uuid::from_u128(1));
        assert!(pause.pressed(press(KillScope::Entitlement { id }, 999)).is_err());
        assert!(pause.pressed(press(KillScope::All, 999)).is_ok());
    }
}
