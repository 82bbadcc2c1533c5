//! What is due, page by page.

use hourglass_domain::Timestamp;
use hourglass_domain::due::{DueEntry, Lane, SHARDS};

use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::store::{Query, StoreError};
use crate::records::from_item;

/// Most entries that are read from one shard at a time.
const PAGE: usize = 50;

/// How far the list of what is due has been read.
#[derive(Debug)]
pub(super) struct Backlog {
    now: Timestamp,
    until: String,
    shards: Vec<Shard>,
    /// Entries that are none of ours, and parts of the list that could not be read.
    pub(super) unread: usize,
}

#[derive(Debug)]
struct Shard {
    lane: Lane,
    number: u8,
    after: Option<String>,
    is_read: bool,
}

impl Backlog {
    /// Everything that is due at `now`, nothing of it read yet.
    pub(super) fn new(now: Timestamp) -> Self {
        Self::after(None, now)
    }

    /// What fell due after `since`, until `now`.
    pub(super) fn since(since: Timestamp, now: Timestamp) -> Self {
        Self::after(Some(keys::due_until(since)), now)
    }

    fn after(after: Option<String>, now: Timestamp) -> Self {
        let lanes = [Lane::Grants, Lane::Rest].into_iter();
        let shards = lanes.flat_map(|lane| {
            let after = after.clone();
            (0..SHARDS).map(move |number| Shard {
                lane,
                number,
                after: after.clone(),
                is_read: false,
            })
        });
        Self {
            now,
            until: keys::due_until(now),
            shards: shards.collect(),
            unread: 0,
        }
    }

    /// Until when.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether everything has been read.
    pub(super) fn is_read(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_read)
    }

    /// The next page of every shard, in no order.
    ///
    /// A part that cannot be read keeps none of the others from their turn.
    ///
    /// # Errors
    /// When no part could be read.
    pub(super) async fn next(&mut self, core: &Core) -> Result<Vec<DueEntry>> {
        let until = &self.until;
        let reads = self.shards.iter_mut().filter(|shard| !shard.is_read);
        let read = futures_util::future::join_all(reads.map(|shard| shard.next(core, until))).await;
        let mut entries = Vec::new();
        let mut answered = read.is_empty();
        let mut last_error = None;
        for part in read {
            match part {
                Ok((part, bad)) => {
                    entries.extend(part);
                    self.unread += bad;
                    answered = true;
                }
                Err(error) => {
                    tracing::error!(%error, "a part of the due entries cannot be read");
                    self.unread += 1;
                    last_error = Some(error);
                }
            }
        }
        match last_error.filter(|_| !answered) {
            Some(error) => Err(error.into()),
            None => Ok(entries),
        }
    }
}

impl Shard {
    /// The next page, and how many entries of it are none of ours (of a kind that a newer version made, say).
    async fn next(&mut self, core: &Core, until: &str) -> Result<(Vec<DueEntry>, usize), StoreError> {
        // Until the answer says otherwise: a part that fails is left to the next sweep.
        self.is_read = true;
        let query = Query {
            up_to: Some(until.to_owned()),
            ..Query::partition(keys::due_partition(self.lane, self.number))
                .after(self.after.take())
                .limit(PAGE)
        };
        let page = core.store.query(&query).await?;
        self.is_read = page.next.is_none();
        self.after = page.next;
        let mut entries = Vec::with_capacity(page.items.len());
        let mut bad = 0;
        for item in page.items {
            match from_item::<DueEntry>(item) {
                Ok(entry) => entries.push(entry.value),
                Err(error) => {
                    tracing::error!(%error, "a due entry cannot be read and stays");
                    bad += 1;
                }
            }
        }
        Ok((entries, bad))
    }
}
