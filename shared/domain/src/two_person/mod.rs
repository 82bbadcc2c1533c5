//! Changes of the configuration that two admins sign.
//!
//! Whoever may change who approves may give themselves everything. So a change that makes it easier to get access, or
//! harder to notice, is proposed by one admin, who signs it with their passkey, and takes effect when another person who is
//! an admin has signed the very same change. Until a second admin has first signed in there is nobody who could, and one is
//! enough ([`Mode`]). Which changes these are is in [`diff`]: what takes something away from everybody (switching an
//! entitlement off, deleting a SCIM secret, the kill switch) never waits for anybody.

pub mod diff;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::diff::{Diff, Line};
use crate::audit::Actor;
use crate::canonical::{CanonicalError, Digest, canonical_hash};
use crate::directory::Party;
use crate::ids::{ApplicationId, ChangeId, ObjectId};
use crate::signed::{Account, ChangeForm, Form, Second};
use crate::text::{LONGEST_JUSTIFICATION, check_free_text};
use crate::{Refusal, Timestamp};

/// How long (seconds) a proposed change waits for its signatures and for being applied: seven days.
pub const LAPSE_SECONDS: i64 = 7 * 86_400;
/// Most admins of whom it is remembered that they have signed in: two are what matters.
pub const MOST_ADMINS_SEEN: usize = 50;

/// What a change changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// `entitlement`, `template`, `integration`, … as audit streams name it.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The version that was read; 0 where it is made.
    pub version: u64,
}

impl Object {
    /// An object of a kind.
    pub fn new(kind: &str, id: impl ToString, version: u64) -> Self {
        Self {
            kind: kind.to_owned(),
            id: id.to_string(),
            version,
        }
    }
}

/// Whose signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The proposer's.
    First,
    /// Another person's.
    Second,
}

impl Place {
    /// The name in keys and audit events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
        }
    }
}

/// What has become of a proposal. That it lapsed is not stored: it follows from the clock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// It may be signed and applied.
    Open,
    /// It took effect.
    Applied {
        /// Who made it so.
        by: Actor,
        /// When.
        at: Timestamp,
        /// Of many groups, those that could not be switched on any more when it took effect.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<ObjectId>,
    },
    /// An admin took it back.
    Withdrawn {
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// What it was made against had changed when it was to be applied.
    Superseded {
        /// When that was found.
        at: Timestamp,
    },
}

/// Where a proposal stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStatus {
    /// The proposer has not signed yet.
    WaitingProposer,
    /// Another admin has to sign.
    WaitingSecond,
    /// Both have signed; it can be applied.
    Signed,
    /// It is in force.
    Applied,
    /// It was taken back.
    Withdrawn,
    /// Its time was up.
    Lapsed,
    /// Something else was changed first.
    Superseded,
}

impl ChangeStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WaitingProposer => "waiting_proposer",
            Self::WaitingSecond => "waiting_second",
            Self::Signed => "signed",
            Self::Applied => "applied",
            Self::Withdrawn => "withdrawn",
            Self::Lapsed => "lapsed",
            Self::Superseded => "superseded",
        }
    }

    /// As it stands in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::WaitingProposer => "waiting for its proposer's signature",
            Self::WaitingSecond => "waiting for another admin's signature",
            Self::Signed => "signed by two admins",
            Self::Applied => "in force",
            Self::Withdrawn => "withdrawn",
            Self::Lapsed => "lapsed",
            Self::Superseded => "overtaken by another change",
        }
    }

    /// Whether something can still become of it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::WaitingProposer | Self::WaitingSecond | Self::Signed)
    }
}

/// Why a signature under a change does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureProblem {
    /// There is none.
    #[error("it is missing")]
    Missing,
    /// The change itself is not what was signed.
    #[error("the change is not what its digest says")]
    NotWhole,
    /// Its form cannot be read.
    #[error("what was signed cannot be read")]
    Unreadable,
    /// Its form is another.
    #[error("it is over something else")]
    SomethingElse,
    /// The key is not the signer's.
    #[error("it was made with somebody else's key")]
    OthersKey,
    /// The assertion does not verify.
    #[error("it does not verify")]
    Broken,
    /// The key was removed, or is another by now.
    #[error("its key was removed since")]
    KeyGone,
    /// The signer is switched off, or gone.
    #[error("whoever gave it is not active any more")]
    SignerGone,
}

impl SignatureProblem {
    /// The name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotWhole => "not_whole",
            Self::Unreadable => "unreadable",
            Self::SomethingElse => "something_else",
            Self::OthersKey => "others_key",
            Self::Broken => "broken",
            Self::KeyGone => "key_gone",
            Self::SignerGone => "signer_gone",
        }
    }
}

/// A proposed change. `C` is what is carried out; nothing of a proposal is changed but its state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proposal<C> {
    /// Our id.
    pub id: ChangeId,
    /// The application.
    pub application: ApplicationId,
    /// What is changed.
    pub object: Object,
    /// What is carried out.
    pub command: C,
    /// What changes, as people are shown it.
    pub lines: Vec<Line>,
    /// What both sign ([`Proposal::digest_of`]).
    pub digest: Digest,
    /// Why, in the proposer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Who proposed it.
    pub proposer: Party,
    /// When.
    pub proposed_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// What has become of it.
    pub state: State,
}

/// What the digest of a change is made of.
#[derive(Serialize)]
struct Shown<'a, C> {
    change: ChangeId,
    object: &'a Object,
    command: &'a C,
    lines: &'a [Line],
}

impl<C: Serialize> Proposal<C> {
    /// SHA-256 of the canonical form of id, object, command and lines: of what is carried out as well as of what is shown,
    /// so that neither can be exchanged under a signature, nor a signature used for another proposal.
    ///
    /// # Errors
    /// As [`canonical_hash`].
    pub fn digest_of(id: ChangeId, object: &Object, command: &C, lines: &[Line]) -> Result<Digest, CanonicalError> {
        canonical_hash(&Shown {
            change: id,
            object,
            command,
            lines,
        })
    }

    /// A new proposal.
    ///
    /// # Errors
    /// When the comment breaks the rule for texts.
    pub fn new(
        id: ChangeId,
        application: ApplicationId,
        (object, lines): (Object, Vec<Line>),
        command: C,
        (proposer, comment): (Party, Option<String>),
        now: Timestamp,
    ) -> Result<Self, ProposeError> {
        let comment = checked(comment)?;
        Ok(Self {
            digest: Self::digest_of(id, &object, &command, &lines)?,
            id,
            application,
            object,
            command,
            lines,
            comment,
            proposer,
            proposed_at: now,
            expires_at: now.plus_seconds(LAPSE_SECONDS),
            state: State::Open,
        })
    }

    /// Whether the digest is that of what the proposal says.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        Self::digest_of(self.id, &self.object, &self.command, &self.lines).is_ok_and(|digest| digest == self.digest)
    }
}

/// What a proposer says of a change.
fn checked(comment: Option<String>) -> Result<Option<String>, Refusal> {
    if let Some(comment) = &comment {
        check_free_text("comment", comment, 0, LONGEST_JUSTIFICATION)?;
    }
    Ok(comment.filter(|comment| !comment.trim().is_empty()))
}

/// Why there is no proposal.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The change has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl<C> Proposal<C> {
    /// Where it stands, with these signatures.
    #[must_use]
    pub fn status(&self, signed: &[Place], now: Timestamp) -> ChangeStatus {
        match self.state {
            State::Applied { .. } => ChangeStatus::Applied,
            State::Withdrawn { .. } => ChangeStatus::Withdrawn,
            State::Superseded { .. } => ChangeStatus::Superseded,
            State::Open if self.expires_at <= now => ChangeStatus::Lapsed,
            State::Open if !signed.contains(&Place::First) => ChangeStatus::WaitingProposer,
            State::Open if !signed.contains(&Place::Second) => ChangeStatus::WaitingSecond,
            State::Open => ChangeStatus::Signed,
        }
    }

    /// As what `signer` signs next. Whether signer and proposer are one person by links of today is for the caller to find
    /// out; what was pinned is looked at here.
    ///
    /// # Errors
    /// When it is not open, the proposer has not signed, or it is the proposer who would sign second.
    pub fn place_of(&self, signer: &Party, signed: &[Place], now: Timestamp) -> Result<Place, Refusal> {
        let own = signer.same_person(&self.proposer);
        match self.status(signed, now) {
            // With the account that proposed it: the page says whose passkey is asked for.
            ChangeStatus::WaitingProposer if signer.user == self.proposer.user => Ok(Place::First),
            ChangeStatus::WaitingProposer => Err(Refusal::ProposerFirst),
            ChangeStatus::WaitingSecond if own => Err(Refusal::SecondAdmin),
            ChangeStatus::WaitingSecond => Ok(Place::Second),
            status => Err(Refusal::ChangeNotOpen {
                status,
                wanted: "signed",
            }),
        }
    }

    /// That it may be applied.
    ///
    /// # Errors
    /// When it is not open, or not signed by both.
    pub fn check_signed(&self, signed: &[Place], now: Timestamp) -> Result<(), Refusal> {
        match self.status(signed, now) {
            ChangeStatus::Signed => Ok(()),
            status => Err(Refusal::ChangeNotOpen {
                status,
                wanted: "applied",
            }),
        }
    }

    /// The proposal, taken back.
    ///
    /// # Errors
    /// When it is not open.
    pub fn withdrawn(self, by: Actor, now: Timestamp) -> Result<Self, Refusal> {
        let status = self.status(&[], now);
        if !status.is_open() {
            return Err(Refusal::ChangeNotOpen {
                status,
                wanted: "withdrawn",
            });
        }
        let state = State::Withdrawn { by, at: now };
        Ok(Self { state, ..self })
    }

    /// The proposal, with what its proposer says of it, which they do before they sign. It is for the admin who signs
    /// second to read, and no part of what is signed.
    ///
    /// # Errors
    /// When it is not open, signed already, somebody else's, or the comment breaks the rule for texts.
    pub fn explained(
        self,
        by: &Party,
        comment: Option<String>,
        signed: &[Place],
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        match self.status(signed, now) {
            ChangeStatus::WaitingProposer if by.user == self.proposer.user => Ok(Self {
                comment: checked(comment)?,
                ..self
            }),
            ChangeStatus::WaitingProposer => Err(Refusal::ProposerFirst),
            status => Err(Refusal::ChangeNotOpen {
                status,
                wanted: "explained",
            }),
        }
    }

    /// What `signer` signs.
    #[must_use]
    pub fn form(&self, signer: Account, expires_at: Second) -> ChangeForm {
        ChangeForm {
            application: self.application.clone(),
            object_kind: self.object.kind.clone(),
            object_id: self.object.id.clone(),
            version: self.object.version,
            diff_sha256: self.digest,
            signer,
            expires_at,
        }
    }

    /// Whether `form` is what `signer` signs under this proposal.
    #[must_use]
    pub fn is_form(&self, form: &Form, signer: Account) -> bool {
        matches!(form, Form::Change(form) if *form == self.form(signer, form.expires_at))
    }
}

/// That two signatures are those of two people.
///
/// # Errors
/// [`Refusal::SecondAdmin`] otherwise.
pub fn check_two(first: &Party, second: &Party) -> Result<(), Refusal> {
    if first.same_person(second) {
        return Err(Refusal::SecondAdmin);
    }
    Ok(())
}

/// Which admins have signed in to the console, of those who are provisioned: nobody else could sign. Only the sign-in
/// function can write it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AdminsSeen {
    /// The application.
    pub application: ApplicationId,
    /// The accounts, with when they first signed in as admins.
    pub admins: BTreeMap<ObjectId, Timestamp>,
    /// Since when there have been two people among them. That stays, whatever is linked or deleted afterwards.
    pub two_since: Option<Timestamp>,
}

impl AdminsSeen {
    /// Nobody has.
    #[must_use]
    pub const fn nobody(application: ApplicationId) -> Self {
        Self {
            application,
            admins: BTreeMap::new(),
            two_since: None,
        }
    }

    /// With an account that signs in as an admin; `another`: somebody else's is among those who have. `None` where that
    /// is known.
    #[must_use]
    pub fn with(&self, account: ObjectId, another: bool, now: Timestamp) -> Option<Self> {
        let mut after = self.clone();
        if after.admins.len() < MOST_ADMINS_SEEN {
            after.admins.entry(account).or_insert(now);
        }
        if another {
            after.two_since.get_or_insert(now);
        }
        (after != *self).then_some(after)
    }
}

/// How many admins a change of the configuration takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One: no second person has signed in as an admin yet.
    One {
        /// How many accounts have signed in as admins.
        admins_seen: usize,
    },
    /// Two.
    Two,
    /// One: the stack says so.
    Off,
}

impl Mode {
    /// Of a deployment in which two-person changes are `on`, where these admins have signed in; `two`: there are two
    /// people among them now.
    #[must_use]
    pub fn of(on: bool, seen: &AdminsSeen, two: bool) -> Self {
        if !on {
            Self::Off
        } else if two || seen.two_since.is_some() {
            Self::Two
        } else {
            Self::One {
                admins_seen: seen.admins.len(),
            }
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::One { .. } => "one",
            Self::Two => "two",
            Self::Off => "off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PersonId;
    use crate::request::tests::party;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_seconds(100_000);

    fn line(field: &str, after: &str) -> Line {
        Line {
            field: field.to_owned(),
            before: "1".to_owned(),
            after: after.to_owned(),
        }
    }

    fn proposal() -> Proposal<Value> {
        Proposal::new(
            ChangeId::new(Uuid::from_u128(7)),
            "contoso.example".parse().unwrap(),
            (Object::new("entitlement", "e", 3), vec![line("quorum", "2")]),
            json!({"quorum": 2}),
            (party(1), Some("because".to_owned())),
            NOW,
        )
        .unwrap()
    }

    const BOTH: [Place; 2] = [Place::First, Place::Second];

    #[test]
    fn a_change_waits_for_its_proposer_then_for_another_person_and_lapses() {
        let (proposal, end) = (proposal(), NOW.plus_seconds(LAPSE_SECONDS));
        let before = end.plus_seconds(-1);
        assert_eq!(proposal.status(&[], NOW), ChangeStatus::WaitingProposer);
        assert_eq!(proposal.status(&[Place::First], NOW), ChangeStatus::WaitingSecond);
        assert_eq!(proposal.status(&[Place::Second], NOW), ChangeStatus::WaitingProposer);
        assert_eq!(proposal.status(&BOTH, before), ChangeStatus::Signed);
        assert_eq!(proposal.status(&BOTH, end), ChangeStatus::Lapsed);
        proposal.check_signed(&BOTH, before).unwrap();
        for (signed, at) in [(&BOTH[..1], NOW), (&[][..], NOW), (&BOTH[..], end)] {
            let refusal = proposal.check_signed(signed, at).unwrap_err();
            assert_eq!(refusal.code(), "change-not-open");
        }
    }

    #[test]
    fn only_the_proposer_signs_first_and_only_somebody_else_second() {
        let proposal = proposal();
        let place = |who: u128, signed: &[Place]| proposal.place_of(&party(who), signed, NOW);
        assert_eq!(place(1, &[]), Ok(Place::First));
        assert_eq!(place(2, &[]), Err(Refusal::ProposerFirst));
        assert_eq!(place(1, &[Place::First]), Err(Refusal::SecondAdmin));
        assert_eq!(place(2, &[Place::First]), Ok(Place::Second));
        let linked = Party {
            person: party(1).person,
            ..party(2)
        };
        assert_eq!(
            proposal.place_of(&linked, &[Place::First], NOW),
            Err(Refusal::SecondAdmin)
        );
        // Nor does another account of the proposer's sign first.
        assert_eq!(proposal.place_of(&linked, &[], NOW), Err(Refusal::ProposerFirst));
        // The same account, provisioned anew.
        let again = Party {
            user: party(9).user,
            person: PersonId::new(Uuid::from_u128(99)),
            ..party(1)
        };
        assert_eq!(
            proposal.place_of(&again, &[Place::First], NOW),
            Err(Refusal::SecondAdmin)
        );
        assert_eq!(place(3, &BOTH).unwrap_err().code(), "change-not-open");
        assert_eq!(check_two(&party(1), &party(2)), Ok(()));
        assert_eq!(check_two(&party(1), &linked), Err(Refusal::SecondAdmin));
    }

    #[test]
    fn what_is_over_stays_over() {
        let by = Actor::system("test");
        let withdrawn = proposal().withdrawn(by.clone(), NOW).unwrap();
        assert_eq!(withdrawn.status(&BOTH, NOW), ChangeStatus::Withdrawn);
        assert!(withdrawn.clone().withdrawn(by.clone(), NOW).is_err());
        assert!(withdrawn.place_of(&party(1), &[], NOW).is_err());
        assert!(withdrawn.check_signed(&BOTH, NOW).is_err());
        let late = NOW.plus_seconds(LAPSE_SECONDS);
        assert!(proposal().withdrawn(by.clone(), late).is_err());
        let applied = Proposal {
            state: State::Applied {
                by,
                at: NOW,
                left_out: Vec::new(),
            },
            ..proposal()
        };
        assert_eq!(applied.status(&BOTH, late), ChangeStatus::Applied);
        assert!(applied.check_signed(&BOTH, NOW).is_err());
    }

    #[test]
    fn a_signature_is_for_this_proposal_of_this_signer_and_nothing_else() {
        let (proposal, signer) = (proposal(), Account::from(&party(2)));
        let form = |proposal: &Proposal<Value>| Form::Change(proposal.form(signer, Second::of(NOW)));
        assert!(proposal.is_form(&form(&proposal), signer));
        assert!(!proposal.is_form(&form(&proposal), Account::from(&party(3))));
        let other = |change: &dyn Fn(&mut Proposal<Value>)| {
            let mut other = proposal.clone();
            change(&mut other);
            other.digest = Proposal::digest_of(other.id, &other.object, &other.command, &other.lines).unwrap();
            other
        };
        for other in [
            other(&|other| other.id = ChangeId::new(Uuid::from_u128(8))),
            other(&|other| other.command = json!({"quorum": 1})),
            other(&|other| other.lines = vec![line("quorum", "3")]),
            other(&|other| other.object.version = 4),
            other(&|other| other.object.id = "f".to_owned()),
            other(&|other| other.application = "fabrikam.example".parse().unwrap()),
        ] {
            assert!(!proposal.is_form(&form(&other), signer), "{other:?}");
            assert!(other.is_whole());
            let exchanged = Proposal {
                digest: proposal.digest,
                ..other.clone()
            };
            let same = exchanged.application != proposal.application;
            assert_eq!(exchanged.is_whole(), same, "{other:?}");
        }
    }

    #[test]
    fn a_proposer_explains_until_they_have_signed() {
        let why = |text: &str| Some(text.to_owned());
        let explained = proposal().explained(&party(1), why("INC-7"), &[], NOW).unwrap();
        assert_eq!(explained.comment, why("INC-7"));
        assert!(explained.is_whole(), "it is no part of what is signed");
        assert_eq!(
            proposal().explained(&party(1), why(" "), &[], NOW).unwrap().comment,
            None
        );
        assert!(proposal().explained(&party(2), why("x"), &[], NOW).is_err());
        assert!(proposal().explained(&party(1), why("x"), &[Place::First], NOW).is_err());
        let long = why(&"x".repeat(LONGEST_JUSTIFICATION + 1));
        assert!(proposal().explained(&party(1), long, &[], NOW).is_err());
    }

    #[test]
    fn a_comment_has_a_bound() {
        let long = Proposal::new(
            ChangeId::new(Uuid::from_u128(7)),
            "contoso.example".parse().unwrap(),
            (Object::new("template", "t", 1), Vec::new()),
            json!({}),
            (party(1), Some("x".repeat(LONGEST_JUSTIFICATION + 1))),
            NOW,
        );
        assert!(matches!(long, Err(ProposeError::Refused(_))));
    }

    #[test]
    fn two_stay_two() {
        let nobody = AdminsSeen::nobody("contoso.example".parse().unwrap());
        assert_eq!(Mode::of(true, &nobody, false), Mode::One { admins_seen: 0 });
        let one = nobody.with(party(1).object_id, false, NOW).unwrap();
        assert_eq!(one.with(party(1).object_id, false, NOW.plus_seconds(5)), None);
        assert_eq!(Mode::of(true, &one, false), Mode::One { admins_seen: 1 });
        let two = one.with(party(2).object_id, true, NOW).unwrap();
        assert_eq!(Mode::of(true, &two, false), Mode::Two);
        // Accounts that were linked when they signed in, and are no more.
        assert_eq!(Mode::of(true, &one, true), Mode::Two);
        assert_eq!(Mode::of(false, &two, true), Mode::Off);
        assert_eq!(two.with(party(2).object_id, true, NOW.plus_seconds(9)), None);
    }

    proptest! {
        #[test]
        fn however_many_sign_in_the_list_is_bounded_and_two_stays(accounts in prop::collection::vec(0_u128..200, 1..200)) {
            let mut seen = AdminsSeen::nobody("contoso.example".parse().unwrap());
            for account in accounts {
                let object_id = party(account).object_id;
                let another = seen.admins.keys().any(|known| *known != object_id);
                let two = seen.two_since;
                seen = seen.with(object_id, another, NOW).unwrap_or(seen);
                prop_assert!(seen.admins.len() <= MOST_ADMINS_SEEN);
                prop_assert!(two.is_none() || seen.two_since == two);
                prop_assert!(!another || seen.two_since.is_some());
            }
        }
    }
}
