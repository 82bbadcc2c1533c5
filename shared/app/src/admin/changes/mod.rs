//! Changes of the configuration: the one door through which they come.
//!
//! [`submit`] weighs a change against what is stored. What takes one admin is done at once; what takes two
//! ([`hourglass_domain::two_person`]) becomes a proposal (`CHG#`, written here), is signed twice in functions/approvals
//! (`SIGN#`, [`signing`]), and is carried out by [`apply`], which verifies both signatures again: the same use case, in the
//! one transaction that marks the proposal as applied. That a proposal has lapsed follows from the clock and is written
//! nowhere; its first event says until when it could be signed.

mod command;
pub mod names;
pub mod signing;

use hourglass_domain::audit::Draft;
use hourglass_domain::ids::{ApplicationId, ChangeId, ObjectId};
use hourglass_domain::two_person::{
    AdminsSeen, ChangeStatus, LAPSE_SECONDS, Mode, Place, Proposal, ProposeError, SignatureProblem, State,
};
use hourglass_domain::{Refusal, Timestamp};

pub(crate) use self::command::Planned;
pub use self::command::{Command, Done, MOST_SWITCHED_ON, SwitchedOn};
use super::by::{By, stream};
use super::require_admin;
use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, personal, read, read_each};
use crate::error::{AppError, Result};
use crate::idempotency::{Answer, Once, replay};
use crate::keys;
use crate::persons;
use crate::ports::Core;
use crate::ports::passkeys::Passkeys;
use crate::ports::store::{Key, LARGEST_PAGE, Page, Query};
use crate::records::{Record, Stored, from_item};
use crate::seals::{Sealed, read_sealed, seal};

/// Most proposals that are looked at for those that are open.
const MOST_LOOKED_AT: usize = 400;

impl Record for Proposal<Command> {
    const KIND: &'static str = "change";
    const SEALED_WITH: Option<hourglass_domain::seal::SealKey> = Some(hourglass_domain::seal::SealKey::Policy);
    fn key(&self) -> Key {
        keys::change(&self.application, self.id)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
}

/// A change that an admin wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    /// What.
    pub command: Command,
    /// The version that was read; refused when another is stored.
    pub version: Option<u64>,
    /// Why, for the admin who signs second.
    pub comment: Option<String>,
}

impl Wish {
    /// A change, against the version that the command names, if it names one.
    #[must_use]
    pub const fn new(command: Command) -> Self {
        Self {
            version: command.version(),
            command,
            comment: None,
        }
    }

    /// Against this version.
    #[must_use]
    pub const fn version(mut self, version: Option<u64>) -> Self {
        self.version = version;
        self
    }

    /// With a reason.
    #[must_use]
    pub fn comment(mut self, comment: Option<String>) -> Self {
        self.comment = comment;
        self
    }
}

/// A call that is to be answered once (`Idempotency-Key`).
pub struct Answering<'a> {
    /// The call.
    pub once: &'a Once,
    /// What is answered.
    pub render: &'a (dyn Fn(&Outcome) -> Answer + Sync),
}

impl std::fmt::Debug for Answering<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answering")
            .field("once", &self.once)
            .finish_non_exhaustive()
    }
}

/// What came of a wish.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Done(Box<Done>),
    /// It waits for two signatures.
    Waiting(Box<Proposal<Command>>),
    /// It was answered before.
    Replayed(Answer),
}

/// Which admins have signed in, and whether they are two people now.
async fn seen(core: &Core, application: &ApplicationId) -> Result<(Stored<AdminsSeen>, bool)> {
    let store = &*core.store;
    let stored: Option<Stored<AdminsSeen>> = read(store, &keys::admins_seen(application)).await?;
    let stored = stored.unwrap_or_else(|| Stored {
        value: AdminsSeen::nobody(application.clone()),
        version: 0,
    });
    let mut accounts = stored.value.admins.keys().copied();
    let Some(first) = accounts.next() else {
        return Ok((stored, false));
    };
    for other in accounts {
        if !persons::is_any(store, application, first, &[other]).await?.0 {
            return Ok((stored, true));
        }
    }
    Ok((stored, false))
}

/// How many admins a change takes in the caller's application.
///
/// # Errors
/// When the caller is no admin.
pub async fn mode(core: &Core, who: &Who) -> Result<Mode> {
    require_admin(who)?;
    let (seen, two) = seen(core, &who.application.value.id).await?;
    Ok(Mode::of(core.settings.two_person, &seen.value, two))
}

/// Does what an admin wants, or stores it as a proposal where it takes two.
///
/// # Errors
/// The rule that refuses it.
pub async fn submit(core: &Core, who: &Who, wish: &Wish, answering: Option<&Answering<'_>>) -> Result<Outcome> {
    require_admin(who)?;
    for _ in 0..DECIDE_AGAIN {
        let (answer, replaced) = replay(core, answering.map(|answering| answering.once)).await?;
        if let Some(answer) = answer {
            return Ok(Outcome::Replayed(answer));
        }
        let planned = wish.command.plan(core, who).await?;
        super::require_version(planned.object.version, wish.version)?;
        match decide(core, who, wish, planned, (answering, replaced)).await {
            Err(AppError::Refused(Refusal::Changed)) => {}
            outcome => return outcome,
        }
    }
    Err(Refusal::Changed.into())
}

async fn decide(
    core: &Core,
    who: &Who,
    wish: &Wish,
    planned: Planned,
    (answering, replaced): (Option<&Answering<'_>>, u64),
) -> Result<Outcome> {
    let version = planned.object.version;
    let (seen, two) = seen(core, &who.application.value.id).await?;
    let by = match Mode::of(core.settings.two_person, &seen.value, two) {
        _ if !planned.diff.takes_two => By::one(who, version),
        Mode::Off => By::one(who, version),
        Mode::One { .. } => By::nobody_else(who, version, &seen),
        Mode::Two => return propose(core, who, wish, planned, (answering, replaced)).await,
    };
    let done = wish.command.carry_out(core, &by.answering(answering, replaced)).await?;
    Ok(Outcome::Done(Box::new(done)))
}

async fn propose(
    core: &Core,
    who: &Who,
    wish: &Wish,
    planned: Planned,
    (answering, replaced): (Option<&Answering<'_>>, u64),
) -> Result<Outcome> {
    let (user, proposer) = who.party()?;
    let application = &who.application.value.id;
    let now = core.clock.now();
    let proposal = Proposal::new(
        ChangeId::new(core.ids.uuid()),
        application.clone(),
        (planned.object, planned.diff.lines),
        wish.command.clone(),
        (proposer, wish.comment.clone()),
        now,
    );
    let proposal = proposal.map_err(|error| match error {
        ProposeError::Refused(refusal) => AppError::from(refusal),
        ProposeError::Canonical(error) => error.into(),
    })?;
    let draft = Draft::new(now, who.actor(), "change.proposed")
        .fact("command", proposal.command.name())
        .fact("object", format!("{}:{}", proposal.object.kind, proposal.object.id))
        .fact("version", proposal.object.version)
        .fact("diff_sha256", proposal.digest)
        .fact("expires_at", proposal.expires_at)
        .personal(personal(&*core.ids, &[("comment", proposal.comment.as_deref())]));
    let mut change = Change::new()
        .create(&seal(&*core.seals, proposal.clone()).await?)?
        .check(user)
        .event(stream(&proposal), draft);
    let outcome = Outcome::Waiting(Box::new(proposal));
    if let Some(answering) = answering {
        let answer = (answering.render)(&outcome);
        change = change.replace(replaced, &answering.once.record(&answer, now))?;
    }
    change.commit(&*core.store).await?;
    Ok(outcome)
}

/// A proposal, and what is signed under it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposed {
    /// The proposal.
    pub proposal: Stored<Proposal<Command>>,
    /// Who signed at which place, by what is stored: that it verifies is found out when it counts.
    pub signatures: Vec<signing::ChangeSignature>,
}

impl Proposed {
    /// The places that are signed.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        self.signatures.iter().map(|signature| signature.place).collect()
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> ChangeStatus {
        self.proposal.value.status(&self.places(), now)
    }
}

/// A proposal of the caller's application; its seal holds, and its digest is that of what it says.
///
/// # Errors
/// When the caller is no admin, or there is none.
pub async fn get(core: &Core, who: &Who, id: ChangeId) -> Result<Proposed> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let proposal: Option<Stored<Proposal<Command>>> = read_sealed(core, &keys::change(application, id)).await?;
    let proposal = proposal.ok_or(Refusal::NotFound { what: "change" })?;
    if !proposal.value.is_whole() {
        return Err(Refusal::ChangeSignature {
            why: SignatureProblem::NotWhole,
        }
        .into());
    }
    let mut found = with_signatures(core, vec![proposal]).await?;
    Ok(found.pop().ok_or(Refusal::NotFound { what: "change" })?)
}

async fn with_signatures(core: &Core, proposals: Vec<Stored<Proposal<Command>>>) -> Result<Vec<Proposed>> {
    let places = [Place::First, Place::Second];
    let wanted: Vec<Key> = proposals
        .iter()
        .flat_map(|proposal| {
            let proposal = &proposal.value;
            places.map(|place| keys::change_signature(&proposal.application, proposal.id, place))
        })
        .collect();
    let mut read = read_each::<Sealed<signing::ChangeSignature>>(&*core.store, &wanted)
        .await?
        .into_iter();
    let mut found = Vec::with_capacity(proposals.len());
    for proposal in proposals {
        let mut signatures = Vec::new();
        for stored in read.by_ref().take(places.len()) {
            signatures.extend(stored?.map(|stored| stored.value.unverified().clone()));
        }
        found.push(Proposed { proposal, signatures });
    }
    Ok(found)
}

/// The proposals of the caller's application, the latest first. Only to be shown: seals are looked at when one is opened.
///
/// # Errors
/// When the caller is no admin.
pub async fn list(core: &Core, who: &Who, after: Option<String>, limit: usize) -> Result<Page<Proposed>> {
    require_admin(who)?;
    let mut query = Query::partition(keys::changes(&who.application.value.id))
        .after(after)
        .limit(limit);
    query.descending = true;
    let page = core.store.query(&query).await?;
    let mut proposals = Vec::with_capacity(page.items.len());
    for item in page.items {
        proposals.push(from_item::<Sealed<Proposal<Command>>>(item)?.unverified());
    }
    Ok(Page {
        items: with_signatures(core, proposals).await?,
        next: page.next,
    })
}

/// The proposals of the caller's application that can still be signed or applied, the latest first.
///
/// # Errors
/// When the caller is no admin.
pub async fn open(core: &Core, who: &Who) -> Result<Vec<Proposed>> {
    let now = core.clock.now();
    let (mut found, mut after, mut looked_at) = (Vec::new(), None, 0);
    loop {
        let page = list(core, who, after, LARGEST_PAGE).await?;
        looked_at += page.items.len();
        // Ids are in the order of time: behind one that has lapsed are older ones.
        let young = page
            .items
            .last()
            .is_some_and(|last| now.seconds_since(last.proposal.value.proposed_at) < LAPSE_SECONDS);
        found.extend(page.items.into_iter().filter(|proposed| proposed.status(now).is_open()));
        after = page.next;
        if after.is_none() || !young || looked_at >= MOST_LOOKED_AT {
            return Ok(found);
        }
    }
}

/// Takes a proposal back. Any admin may: not to change anything is never dangerous.
///
/// # Errors
/// When there is none, or it is not open.
pub async fn withdraw(core: &Core, who: &Who, id: ChangeId) -> Result<Proposal<Command>> {
    let proposed = get(core, who, id).await?;
    let now = core.clock.now();
    let Stored { value, version } = proposed.proposal;
    let after = value.withdrawn(who.actor(), now)?;
    let draft = Draft::new(now, who.actor(), "change.withdrawn");
    Change::new()
        .replace(version, &seal(&*core.seals, after.clone()).await?)?
        .event(stream(&after), draft)
        .commit(&*core.store)
        .await?;
    Ok(after)
}

/// Writes down why the caller proposed a change, before they sign it.
///
/// # Errors
/// When there is none, it is somebody else's, or it is signed.
pub async fn explain(core: &Core, who: &Who, id: ChangeId, comment: Option<String>) -> Result<()> {
    let proposed = get(core, who, id).await?;
    let (_, party) = who.party()?;
    let now = core.clock.now();
    let places = proposed.places();
    let Stored { value, version } = proposed.proposal;
    let after = value.explained(&party, comment, &places, now)?;
    let draft = Draft::new(now, who.actor(), "change.explained")
        .personal(personal(&*core.ids, &[("comment", after.comment.as_deref())]));
    Change::new()
        .replace(version, &seal(&*core.seals, after.clone()).await?)?
        .event(stream(&after), draft)
        .commit(&*core.store)
        .await?;
    Ok(())
}

/// Carries out what two admins have signed. Whoever presses, it rests on the two signatures, which are verified again: over
/// this very change, by keys that count, of two people who are active.
///
/// # Errors
/// When it is not open, a signature does not count, or what it was made against has changed.
pub async fn apply(core: &Core, passkeys: &dyn Passkeys, who: &Who, id: ChangeId) -> Result<(Proposal<Command>, Done)> {
    for _ in 0..DECIDE_AGAIN {
        let proposed = get(core, who, id).await?;
        let now = core.clock.now();
        proposed.proposal.value.check_signed(&proposed.places(), now)?;
        let mut two = signing::verified(core, passkeys, who, proposed.proposal).await?;
        let proposal = two.proposal.value.clone();
        let applied = |left_out| Proposal {
            state: State::Applied {
                by: who.actor(),
                at: now,
                left_out,
            },
            ..proposal.clone()
        };
        // Many entitlements are many transactions, each of which may be there already; the proposal comes last.
        let in_parts = matches!(proposal.command, Command::EntitlementsSwitchOn { .. });
        if !in_parts {
            two.applied = Some(seal(&*core.seals, applied(Vec::new())).await?);
        }
        let done = match proposal.command.carry_out(core, &By::two(who, &two)).await {
            Err(AppError::Refused(Refusal::Changed)) => {
                check_not_superseded(core, who, &two.proposal).await?;
                continue;
            }
            done => done?,
        };
        if in_parts {
            let left_out = left_out(&proposal.command, &done);
            two.left_out.clone_from(&left_out);
            two.applied = Some(seal(&*core.seals, applied(left_out)).await?);
            let change = By::two(who, &two).rests(core, Change::new())?;
            match change.commit(&*core.store).await {
                Err(ChangeError::Conflict(_)) => continue,
                committed => committed?,
            }
        }
        tracing::warn!(change.id = %proposal.id, command = proposal.command.name(), "a change that two admins signed is in force");
        return Ok((proposal, done));
    }
    Err(Refusal::Changed.into())
}

/// The groups that were not switched on with the others.
fn left_out(command: &Command, done: &Done) -> Vec<ObjectId> {
    let (Command::EntitlementsSwitchOn { groups, .. }, Done::SwitchedOn(made)) = (command, done) else {
        return Vec::new();
    };
    let left = groups.iter().filter(|group| !made.contains(&group.id));
    left.map(|group| group.group).collect()
}

/// # Errors
/// [`Refusal::ChangeSuperseded`], and the proposal says so from then on, when its object is not as it was.
async fn check_not_superseded(core: &Core, who: &Who, proposal: &Stored<Proposal<Command>>) -> Result<()> {
    let planned = proposal.value.command.plan(core, who).await?;
    if planned.object.version == proposal.value.object.version {
        return Ok(());
    }
    let now = core.clock.now();
    let after = Proposal {
        state: State::Superseded { at: now },
        ..proposal.value.clone()
    };
    let draft = Draft::new(now, who.actor(), "change.superseded").fact("version", planned.object.version);
    Change::new()
        .replace(proposal.version, &seal(&*core.seals, after).await?)?
        .event(stream(&proposal.value), draft)
        .commit(&*core.store)
        .await?;
    Err(Refusal::ChangeSuperseded.into())
}
