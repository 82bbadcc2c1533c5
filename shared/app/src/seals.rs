//! Sealed records: what a function wrote for others to rely on, so that nobody else can have written it.
//!
//! Decisions, passkeys, entitlements, templates, and what two people sign are written as [`Sealed`] only, which fails the
//! build otherwise ([`Record::SEALED_WITH`]). What lets somebody in reads them with [`read_sealed`] or [`read_sealed_page`]. What ends
//! access reads the bare records and never looks at a seal (invariant I7).

use hourglass_domain::Refusal;
use hourglass_domain::canonical::CanonicalError;
use hourglass_domain::seal::{Seal, SealKey, SealProblem, sealed_bytes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ports::Core;
use crate::ports::seals::Seals;
use crate::ports::store::{Item, Key, Listed, Page, Query};
use crate::records::{Record, Stored, from_item};

/// A record with its seal, as it is stored: the record's own fields and `seal` beside them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
pub struct Sealed<T> {
    #[serde(flatten)]
    value: T,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<Seal>,
}

impl<T> Sealed<T> {
    /// The record, whether its seal holds or not: to show it, to replace it, and to end what hangs on it.
    pub const fn unverified(&self) -> &T {
        &self.value
    }

    /// Whether it has a seal at all. That it holds is for [`verify`] to say; that there is none can be seen without a key.
    pub const fn has_seal(&self) -> bool {
        self.seal.is_some()
    }
}

impl<T: Record> Record for Sealed<T> {
    const KIND: &'static str = T::KIND;
    const SCHEMA: u32 = T::SCHEMA;

    fn key(&self) -> Key {
        self.value.key()
    }

    fn audit_id(&self) -> String {
        self.value.audit_id()
    }

    fn lists(&self) -> Vec<Listed> {
        self.value.lists()
    }

    fn expires(&self) -> Option<hourglass_domain::Timestamp> {
        self.value.expires()
    }
}

impl<T: Record> Stored<Sealed<T>> {
    /// The record, for a function that has no key and grants nothing: that it has a seal is all it can see.
    ///
    /// # Errors
    /// [`Refusal::SealBroken`] when it has none.
    pub fn with_some_seal(self) -> Result<Stored<T>, Refusal> {
        if self.value.has_seal() {
            return Ok(self.unverified());
        }
        Err(Refusal::SealBroken {
            what: T::KIND,
            why: SealProblem::Missing,
        })
    }

    /// The record, whether its seal holds or not.
    #[must_use]
    pub fn unverified(self) -> Stored<T> {
        Stored {
            value: self.value.value,
            version: self.version,
        }
    }
}

/// A record as admins see it: what is stored, and why nothing is granted by it, if that is so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Looked<T> {
    /// The record.
    pub stored: Stored<T>,
    /// Why its seal does not hold.
    pub problem: Option<SealProblem>,
}

impl<T> From<Stored<T>> for Looked<T> {
    /// A record that was just written.
    fn from(stored: Stored<T>) -> Self {
        Self { stored, problem: None }
    }
}

/// Looks at a record: one whose seal does not hold is shown as such.
///
/// # Errors
/// When the table does not answer, or the key cannot be had.
pub async fn look<T: Record>(core: &Core, item: Item) -> Result<Looked<T>> {
    let at = item.key.clone();
    let stored = from_item::<Sealed<T>>(item)?;
    let problem = verify(&*core.seals, &at, &stored.value).await?.err();
    Ok(Looked {
        stored: stored.unverified(),
        problem,
    })
}

/// The key of a record that has to be sealed. Asking it of another fails the build.
#[expect(clippy::panic, reason = "evaluated by the compiler only")]
const fn key_of<T: Record>() -> SealKey {
    match T::SEALED_WITH {
        Some(key) => key,
        None => panic!("this record is not one that is sealed (see `Record::SEALED_WITH`)"),
    }
}

fn bytes_of<T: Record>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let key = value.key();
    sealed_bytes(T::KIND, (&key.pk, &key.sk), value)
}

/// Seals a record that is about to be written.
///
/// # Errors
/// When the key cannot be had, or the function may not read it.
pub async fn seal<T: Record>(seals: &dyn Seals, value: T) -> Result<Sealed<T>> {
    let seal = seals.seal(const { key_of::<T>() }, &bytes_of(&value)?).await?;
    Ok(Sealed {
        value,
        seal: Some(seal),
    })
}

/// Whether the seal of a record that lay at `at` holds.
///
/// # Errors
/// When the key cannot be had: then nobody knows.
pub async fn verify<T: Record>(
    seals: &dyn Seals,
    at: &Key,
    sealed: &Sealed<T>,
) -> Result<std::result::Result<(), SealProblem>> {
    if sealed.value.key() != *at {
        return Ok(Err(SealProblem::Elsewhere));
    }
    let Some(seal) = &sealed.seal else {
        return Ok(Err(SealProblem::Missing));
    };
    let holds = seals
        .verify(const { key_of::<T>() }, &bytes_of(&sealed.value)?, seal)
        .await?;
    Ok(if holds { Ok(()) } else { Err(SealProblem::Broken) })
}

/// Reads a record whose seal has to hold.
///
/// # Errors
/// [`Refusal::SealBroken`], after the alarm, when it does not; when the key cannot be had.
pub async fn read_sealed<T: Record>(core: &Core, key: &Key) -> Result<Option<Stored<T>>> {
    match core.store.get(key).await? {
        Some(item) => open(core, item).await.map(Some),
        None => Ok(None),
    }
}

/// Reads part of a partition in which every item is a record whose seal has to hold.
///
/// # Errors
/// As [`read_sealed`]; one that is broken refuses all of them.
pub async fn read_sealed_page<T: Record>(core: &Core, query: &Query) -> Result<Page<Stored<T>>> {
    let page = core.store.query(query).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for item in page.items {
        items.push(open(core, item).await?);
    }
    Ok(Page { items, next: page.next })
}

async fn open<T: Record>(core: &Core, item: Item) -> Result<Stored<T>> {
    let at = item.key.clone();
    let stored = from_item::<Sealed<T>>(item)?;
    if let Err(why) = verify(&*core.seals, &at, &stored.value).await? {
        alarm(T::KIND, &at, why);
        return Err(Refusal::SealBroken { what: T::KIND, why }.into());
    }
    Ok(Stored {
        value: stored.value.value,
        version: stored.version,
    })
}

/// What carries no valid seal may have been written by an intruder.
pub fn alarm(kind: &'static str, at: &Key, why: SealProblem) {
    tracing::error!(kind, pk = at.pk, sk = at.sk, %why, "a stored item carries no valid seal; nothing is granted by it");
    tracing::info!(target: "metric", metric = "evidence_failures", value = 1_u64, unit = "Count");
}
