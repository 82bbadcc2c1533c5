//! Counting what one person does, and refusing what is too much of it (abuse cases 16 and 28).
//!
//! How to use it, with [`Counted::FailedCeremonies`] as the example: before a ceremony begins, [`check`] refuses it
//! with 429, `Retry-After` and the rule once the person has failed too often within the hour; when one fails,
//! [`note`] counts it. What counts when it happens is checked and counted in the transaction of the thing itself:
//! `check(…).await?.counted(change, now)?`.
//!
//! What may be done how often is [`Counted::windows`]; times are kept, so that the limit holds for every hour. Counters
//! lie under `LIMIT#<function>#` (approvals counts emergencies with the requests), and carry a time after which the table may drop them. They are
//! conditional on the version read: two calls at once never count as one. They bind persons, so that somebody with two
//! linked accounts has no more than others; a person whose accounts are linked anew begins at nothing, which an admin has to
//! bring about.

use hourglass_domain::Timestamp;
use hourglass_domain::ids::{ApplicationId, PersonId};
use hourglass_domain::limit::{Counted, Counter};

use crate::change::{Change, ChangeError, read};
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::store::StoreError;
use crate::records::Stored;

/// How often counting starts over when somebody counted in the same moment.
const COUNT_AGAIN: u32 = 8;

/// That one more is not too many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed(Stored<Counter>);

impl Allowed {
    /// `change`, counting one more. A change beside it that counts the same makes one of the two conflict.
    ///
    /// # Errors
    /// As [`Change::replace`].
    pub fn counted(&self, change: Change, now: Timestamp) -> Result<Change> {
        Ok(change.replace(self.0.version, &self.0.value.with_one(now))?)
    }
}

async fn counter(
    core: &Core,
    function: &str,
    application: &ApplicationId,
    what: Counted,
    person: PersonId,
) -> Result<Stored<Counter>> {
    let stored = read(&*core.store, &keys::limit(function, application, what, person)).await?;
    Ok(stored.unwrap_or_else(|| Stored {
        value: Counter::none(function, application.clone(), what, person),
        version: 0,
    }))
}

/// Whether a person may do something once more, by the counter of `function`.
///
/// # Errors
/// [`hourglass_domain::Refusal::TooOften`], or when the table does not answer.
pub async fn check(
    core: &Core,
    function: &str,
    application: &ApplicationId,
    what: Counted,
    person: PersonId,
) -> Result<Allowed> {
    let stored = counter(core, function, application, what, person).await?;
    stored.value.check(core.clock.now())?;
    Ok(Allowed(stored))
}

/// Counts one more, in a transaction of its own, even if it is too many already: whoever goes on keeps themselves out.
///
/// # Errors
/// When the table does not answer, or the counter changes faster than it can be written.
pub async fn note(
    core: &Core,
    function: &str,
    application: &ApplicationId,
    what: Counted,
    person: PersonId,
) -> Result<()> {
    for _ in 0..COUNT_AGAIN {
        let stored = counter(core, function, application, what, person).await?;
        let change = Allowed(stored).counted(Change::new(), core.clock.now())?;
        match change.commit(&*core.store).await {
            Ok(()) => return Ok(()),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(StoreError::Unavailable("a counter changes faster than it can be written".to_owned()).into())
}
