//! One change of stored state: everything that belongs together, with its audit event, in one transaction.

use hourglass_domain::audit::{Changed, Draft, Head, Personal, StreamId, append};
use hourglass_domain::due::DueEntry;
use hourglass_domain::{Refusal, audit};

use crate::error::{AppError, Result};
use crate::keys;
use crate::ports::Ids;
use crate::ports::store::{CommitError, Condition, Key, MOST_KEYS, Page, Query, Store, StoreError, Write};
use crate::records::{PersonalTexts, Record, Stored, from_item, to_item};

/// How often a transaction is tried again when nothing but the audit stream's head had moved.
const HEAD_RETRIES: u32 = 8;
/// How often a use case starts over when what it decided on had changed.
pub const DECIDE_AGAIN: u32 = 4;

/// Fails the build where a record that has to carry a seal is written without one.
const fn must_not_be_bare<R: Record>() {
    assert!(
        R::SEALED_WITH.is_none(),
        "this record is written as `seals::Sealed` only (see `Record::SEALED_WITH`)"
    );
}

/// A change of stored state under construction.
#[derive(Debug, Default)]
pub struct Change {
    writes: Vec<Write>,
    objects: Vec<Changed>,
    events: Vec<(StreamId, Draft)>,
}

/// Why a change did not happen.
#[derive(Debug)]
pub enum ChangeError {
    /// Something it relied on had changed, or something it wanted to create exists. The keys.
    Conflict(Vec<Key>),
    /// Anything else.
    App(AppError),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

impl From<ChangeError> for AppError {
    /// A conflict that nobody handled reads "changed by someone else".
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Conflict(_) => Refusal::Changed.into(),
            ChangeError::App(error) => error,
        }
    }
}

impl Change {
    /// An empty change.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates `record`, which must not exist.
    ///
    /// # Errors
    /// As [`to_item`].
    pub fn create<R: Record>(mut self, record: &R) -> Result<Self, StoreError> {
        const { must_not_be_bare::<R>() };
        self.note::<R>(record, 1);
        self.writes.push(Write::Put {
            item: to_item(record, 1)?,
            condition: Condition::Absent,
        });
        Ok(self)
    }

    /// Replaces the record that was read with `version` (0: there was none) by `record`, which has the same key.
    ///
    /// # Errors
    /// As [`to_item`].
    pub fn replace<R: Record>(mut self, version: u64, record: &R) -> Result<Self, StoreError> {
        const { must_not_be_bare::<R>() };
        let next = version.saturating_add(1);
        self.note::<R>(record, next);
        let condition = if version == 0 {
            Condition::Absent
        } else {
            Condition::Version(version)
        };
        self.writes.push(Write::Put {
            item: to_item(record, next)?,
            condition,
        });
        Ok(self)
    }

    /// Writes `record` whatever was there: for markers whose content follows from their key.
    ///
    /// # Errors
    /// As [`to_item`].
    pub fn put_any<R: Record>(mut self, record: &R) -> Result<Self, StoreError> {
        const { must_not_be_bare::<R>() };
        self.writes.push(Write::Put {
            item: to_item(record, 1)?,
            condition: Condition::Any,
        });
        Ok(self)
    }

    /// Deletes the record that was read.
    #[must_use]
    pub fn delete<R: Record>(mut self, stored: &Stored<R>) -> Self {
        self.objects.push(Changed {
            kind: R::KIND.to_owned(),
            id: stored.value.audit_id(),
            version: 0,
        });
        let condition = Condition::Version(stored.version);
        self.writes.push(Write::Delete {
            key: stored.value.key(),
            condition,
        });
        self
    }

    /// Deletes whatever lies at `key`, if anything does: for markers.
    #[must_use]
    pub fn delete_any(mut self, key: Key) -> Self {
        self.writes.push(Write::Delete {
            key,
            condition: Condition::Any,
        });
        self
    }

    /// Relies on the record being as it was read.
    #[must_use]
    pub fn check<R: Record>(mut self, stored: &Stored<R>) -> Self {
        let condition = Condition::Version(stored.version);
        self.writes.push(Write::Check {
            key: stored.value.key(),
            condition,
        });
        self
    }

    /// As [`Self::check`], for what may be relied on already: a transaction has one condition per item.
    #[must_use]
    pub fn check_same<R: Record>(self, stored: &Stored<R>) -> Self {
        let key = stored.value.key();
        if self.writes.iter().any(|write| *write.key() == key) {
            return self;
        }
        self.check(stored)
    }

    /// Relies on something lying at `key`. Naming a key again adds nothing: a transaction has one condition per item.
    #[must_use]
    pub fn check_exists(mut self, key: Key) -> Self {
        if self.writes.iter().any(|write| *write.key() == key) {
            return self;
        }
        self.writes.push(Write::Check {
            key,
            condition: Condition::Exists,
        });
        self
    }

    /// Relies on the item at `key` having this version (0: there is none).
    #[must_use]
    pub fn check_version(mut self, key: Key, version: u64) -> Self {
        let condition = if version == 0 {
            Condition::Absent
        } else {
            Condition::Version(version)
        };
        self.writes.push(Write::Check { key, condition });
        self
    }

    /// As [`Self::check_version`], for what the change may write already: a transaction has one condition per item, and
    /// whoever writes an item says there what it has to be.
    #[must_use]
    pub fn check_version_same(self, key: Key, version: u64) -> Self {
        if self.writes.iter().any(|write| *write.key() == key) {
            return self;
        }
        self.check_version(key, version)
    }

    /// Moves the due-entries of a thing from `before` to `after`.
    ///
    /// # Errors
    /// As [`to_item`].
    pub fn due(mut self, before: &[DueEntry], after: &[DueEntry]) -> Result<Self, StoreError> {
        for entry in before.iter().filter(|entry| !after.contains(entry)) {
            self = self.delete_any(keys::due(entry));
        }
        for entry in after.iter().filter(|entry| !before.contains(entry)) {
            self = self.put_any(entry)?;
        }
        Ok(self)
    }

    /// Writes `draft` to `stream`, naming every object that the change creates, replaces or deletes. A change that
    /// belongs to two histories (an extension's request and the grant's, say) writes to the stream of each; one stream
    /// takes one event.
    #[must_use]
    pub fn event(mut self, stream: StreamId, draft: Draft) -> Self {
        self.events.retain(|(named, _)| *named != stream);
        self.events.push((stream, draft));
        self
    }

    /// Adds a ready-made write.
    #[must_use]
    pub fn write(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }

    fn note<R: Record>(&mut self, record: &R, version: u64) {
        // Idempotency records, due-entries and counters are bookkeeping, not state that an auditor asks about.
        if !matches!(R::KIND, "idempotency" | "due" | "limit") {
            self.objects.push(Changed {
                kind: R::KIND.to_owned(),
                id: record.audit_id(),
                version,
            });
        }
    }

    /// Commits the change.
    ///
    /// # Errors
    /// [`ChangeError::Conflict`] with the keys whose condition did not hold. A race for the audit stream's head alone is
    /// resolved here.
    pub async fn commit(self, store: &dyn Store) -> Result<(), ChangeError> {
        let own = self.writes.len();
        for _ in 0..HEAD_RETRIES {
            let mut writes = self.writes.clone();
            for (stream, draft) in &self.events {
                writes.extend(audit_writes(store, stream, draft, self.objects.clone()).await?);
            }
            let keys: Vec<Key> = writes.iter().map(|write| write.key().clone()).collect();
            match store.commit(writes).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict { failed }) if failed.iter().all(|&index| index >= own) => {}
                Err(CommitError::Conflict { failed }) => {
                    let keys = failed
                        .iter()
                        .filter(|&&index| index < own)
                        .filter_map(|&index| keys.get(index).cloned());
                    return Err(ChangeError::Conflict(keys.collect()));
                }
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Unavailable("an audit stream changes faster than it can be written".to_owned()).into())
    }
}

async fn audit_writes(
    store: &dyn Store,
    stream: &StreamId,
    draft: &Draft,
    objects: Vec<Changed>,
) -> Result<Vec<Write>, ChangeError> {
    let head: Option<Stored<Head>> = read(store, &keys::audit_head(stream)).await?;
    let (head, version) = head.map_or_else(|| (Head::start(stream.clone()), 0), |head| (head.value, head.version));
    let (event, next) = append(&head, draft, objects).map_err(|error| ChangeError::App(error.into()))?;
    let condition = if version == 0 {
        Condition::Absent
    } else {
        Condition::Version(version)
    };
    let mut writes = vec![
        Write::Put {
            item: to_item(&next, version.saturating_add(1))?,
            condition,
        },
        Write::Put {
            item: to_item(&event, 1)?,
            condition: Condition::Absent,
        },
    ];
    if let Some(personal) = &draft.personal {
        let beside = PersonalTexts {
            stream: stream.clone(),
            seq: event.seq,
            personal: personal.clone(),
        };
        writes.push(Write::Put {
            item: to_item(&beside, 1)?,
            condition: Condition::Absent,
        });
    }
    Ok(writes)
}

/// Reads one record.
///
/// # Errors
/// As [`Store::get`] and [`from_item`].
pub async fn read<R: Record>(store: &dyn Store, key: &Key) -> Result<Option<Stored<R>>, StoreError> {
    store.get(key).await?.map(from_item).transpose()
}

/// Reads records of one kind, in the order of `keys`; at most 100.
///
/// # Errors
/// As [`Store::get_many`] and [`from_item`].
pub async fn read_many<R: Record>(store: &dyn Store, keys: &[Key]) -> Result<Vec<Option<Stored<R>>>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    store
        .get_many(keys)
        .await?
        .into_iter()
        .map(|item| item.map(from_item).transpose())
        .collect()
}

/// Reads records of one kind, any number of them, in the order of `keys`. One that cannot be read keeps none of the
/// others from being read.
///
/// # Errors
/// When the table does not answer.
pub async fn read_each<R: Record>(
    store: &dyn Store,
    keys: &[Key],
) -> Result<Vec<Result<Option<Stored<R>>, StoreError>>, StoreError> {
    let mut records = Vec::with_capacity(keys.len());
    for keys in keys.chunks(MOST_KEYS) {
        match store.get_many(keys).await {
            Ok(items) => records.extend(items.into_iter().map(|item| item.map(from_item).transpose())),
            Err(StoreError::Corrupt { .. }) => {
                for key in keys {
                    match read(store, key).await {
                        Err(error) if !matches!(error, StoreError::Corrupt { .. }) => return Err(error),
                        record => records.push(record),
                    }
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(records)
}

/// Reads part of a partition in which every item is of one kind.
///
/// # Errors
/// As [`Store::query`] and [`from_item`].
pub async fn read_page<R: Record>(store: &dyn Store, query: &Query) -> Result<Page<Stored<R>>, StoreError> {
    let page = store.query(query).await?;
    let items = page.items.into_iter().map(from_item).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// What people wrote, salted, for an audit event; `None` when they wrote nothing.
#[must_use]
pub fn personal(ids: &dyn Ids, fields: &[(&str, Option<&str>)]) -> Option<Personal> {
    let fields: std::collections::BTreeMap<String, String> = fields
        .iter()
        .filter_map(|(name, text)| text.map(|text| ((*name).to_owned(), text.to_owned())))
        .collect();
    if fields.is_empty() {
        return None;
    }
    let mut salt = [0_u8; 16];
    ids.random(&mut salt);
    Some(audit::Personal {
        salt: hex::encode(salt),
        fields,
    })
}
