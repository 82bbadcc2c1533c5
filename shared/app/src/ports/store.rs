//! The table: versioned items, conditional transactions, and lists.

use async_trait::async_trait;
use hourglass_domain::Timestamp;
use serde_json::{Map, Value};

/// DynamoDB's limit on actions in one `TransactWriteItems`.
pub const MOST_WRITES: usize = 100;
/// DynamoDB's limit on keys in one `BatchGetItem`.
pub const MOST_KEYS: usize = 100;
/// Most items of one page of a query.
pub const LARGEST_PAGE: usize = 200;
/// Most keys of one page of a list: keys are small, and some 3,000 of them make the megabyte at which DynamoDB ends a page.
pub const LARGEST_LIST: usize = 3_000;

/// Where an item lies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// The partition, which names kind and writer by its prefix.
    pub pk: String,
    /// The place in the partition.
    pub sk: String,
}

impl Key {
    /// A key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }
}

/// One of the table's list indexes. They are eventually consistent and hold keys only: what a list shows is read from
/// the table, and no decision rests on one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum List {
    /// What belongs to a user; provisioned users and groups of an application.
    Owner,
    /// What happened in an application in a month.
    Month,
    /// What waits in an application.
    Waiting,
}

/// An item's place in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Which list.
    pub list: List,
    /// The list's partition.
    pub pk: String,
    /// The place in it.
    pub sk: String,
}

/// A stored item.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// Where it lies.
    pub key: Key,
    /// Rises by one with each change; 1 is the first.
    pub version: u64,
    /// What it is.
    pub kind: String,
    /// The version of its shape.
    pub schema: u32,
    /// Its content. Fields have names, nesting is at most some 30 deep, and numbers are integers of 64 bits or fractions
    /// of a size from 1e-130 to below 1e126 (`1.0` comes back as `1`).
    pub body: Map<String, Value>,
    /// Its places in lists.
    pub lists: Vec<Listed>,
    /// When it may be dropped, kept in whole seconds (rounded up). A convenience, never a security measure: an expired
    /// item may still be read.
    pub expires: Option<Timestamp>,
}

/// What has to hold of the stored item for a write to happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// There is none.
    Absent,
    /// There is one.
    Exists,
    /// It has this version.
    Version(u64),
    /// Anything.
    Any,
}

/// One action of a transaction.
#[derive(Clone, PartialEq, Debug)]
pub enum Write {
    /// Writes the whole item.
    Put {
        /// The item.
        item: Item,
        /// What has to hold.
        condition: Condition,
    },
    /// Deletes the item.
    Delete {
        /// Which.
        key: Key,
        /// What has to hold.
        condition: Condition,
    },
    /// Changes nothing, but has to hold.
    Check {
        /// Which.
        key: Key,
        /// What has to hold.
        condition: Condition,
    },
}

impl Write {
    /// Where the write goes.
    #[must_use]
    pub const fn key(&self) -> &Key {
        match self {
            Self::Put { item, .. } => &item.key,
            Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }
}

/// A stretch of a partition, in order of the sort key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// The partition.
    pub pk: String,
    /// Only sort keys that begin with this.
    pub prefix: String,
    /// Only sort keys up to and including this one.
    pub up_to: Option<String>,
    /// Only what comes after this sort key, in the query's direction; of a list, after the page with this `next`.
    pub after: Option<String>,
    /// From the greatest sort key to the least.
    pub descending: bool,
    /// Most items to return, at most [`LARGEST_PAGE`]; of a list, most keys, at most [`LARGEST_LIST`].
    pub limit: usize,
}

impl Query {
    /// The whole partition from its beginning.
    pub fn partition(pk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            prefix: String::new(),
            up_to: None,
            after: None,
            descending: false,
            limit: LARGEST_PAGE,
        }
    }

    /// Only sort keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Only what comes after this sort key.
    #[must_use]
    pub fn after(mut self, after: Option<String>) -> Self {
        self.after = after;
        self
    }

    /// At most `limit` items.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, LARGEST_PAGE);
        self
    }

    /// At most `limit` keys of a list.
    #[must_use]
    pub fn list_limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, LARGEST_LIST);
        self
    }
}

/// Part of a query's answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// What to give as `after` for the next page: a sort key, of a list text without a meaning. `None` at the end, and only
    /// there: a page can be shorter than asked for.
    pub next: Option<String>,
}

/// Why the table could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It did not answer in time, or asked to slow down, beyond the bounded retries. Whether a write happened is
    /// unknown.
    #[error("the table is not available: {0}")]
    Unavailable(String),
    /// An item or an answer has a shape that is not ours.
    #[error("{key}: {why}")]
    Corrupt {
        /// Which item.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// The `after` of a list is not the `next` of an earlier page: callers send it, so it is theirs to mend.
    #[error("the cursor is malformed: it has to be the `next` of a list")]
    Cursor,
    /// A call that can never work: a fault of our own code.
    #[error("a call the table cannot take: {0}")]
    Rejected(String),
}

/// Why a transaction did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Conditions did not hold; nothing was written. The positions of the writes that failed.
    #[error("{} condition(s) did not hold", failed.len())]
    Conflict {
        /// Positions in the transaction.
        failed: Vec<usize>,
    },
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The table.
///
/// Every read of the base table is strongly consistent: what was committed before the call is seen. A transaction
/// happens wholly or not at all; repeating one whose answer was lost is the caller's business, and safe because of its
/// conditions. Implementations retry throttling and transient faults a bounded number of times with jitter, and time
/// out every attempt.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// The item at `key`.
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError>;

    /// The items at `keys`, in the same order; at most [`MOST_KEYS`] distinct keys.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError>;

    /// Part of a partition.
    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError>;

    /// Part of a list: keys only, eventually consistent.
    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError>;

    /// One transaction of 1 to [`MOST_WRITES`] writes to distinct keys.
    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError>;
}
