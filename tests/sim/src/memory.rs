//! The table as its port describes it, and nothing more: a sorted map.
//!
//! It exists for the number of histories only. Thousands a minute are not to be had through the SDK and an embedded
//! database; a share of the histories runs there too, and a test compares the traces of the same seed on both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use hourglass_app::ports::store::{
    CommitError, Condition, Item, Key, LARGEST_LIST, LARGEST_PAGE, List, MOST_KEYS, MOST_WRITES, Page, Query, Store,
    StoreError, Write,
};

/// Separates the parts of a list's cursor: no key of ours has it.
const PART: char = '\u{1}';

/// The table.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore(Mutex<BTreeMap<Key, Item>>);

fn rejected(why: &str) -> StoreError {
    StoreError::Rejected(why.to_owned())
}

fn distinct<'a>(keys: impl Iterator<Item = &'a Key>, most: usize) -> Result<(), StoreError> {
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(key) {
            return Err(rejected("a key twice in one call"));
        }
    }
    if seen.is_empty() || seen.len() > most {
        return Err(rejected("too few or too many keys in one call"));
    }
    Ok(())
}

fn holds(condition: Condition, stored: Option<&Item>) -> bool {
    match condition {
        Condition::Absent => stored.is_none(),
        Condition::Exists => stored.is_some(),
        Condition::Version(version) => stored.is_some_and(|item| item.version == version),
        Condition::Any => true,
    }
}

/// Cuts a page out of what a query selects; each row with its place.
fn page<T>(rows: Vec<(String, T)>, query: &Query) -> Page<T> {
    let behind = |place: &String| match &query.after {
        None => true,
        Some(after) if query.descending => place < after,
        Some(after) => place > after,
    };
    let mut rows: Vec<(String, T)> = rows.into_iter().filter(|(place, _)| behind(place)).collect();
    if query.descending {
        rows.reverse();
    }
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = rows.last().filter(|_| more).map(|(place, _)| place.clone());
    Page {
        items: rows.into_iter().map(|(_, row)| row).collect(),
        next,
    }
}

fn selects(query: &Query, sk: &str) -> bool {
    sk.starts_with(&query.prefix) && query.up_to.as_deref().is_none_or(|up_to| sk <= up_to)
}

fn check(query: &Query, largest: usize) -> Result<(), StoreError> {
    if query.limit == 0 || query.limit > largest {
        return Err(rejected("a page of no size, or too large a one"));
    }
    Ok(())
}

impl MemoryStore {
    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<Key, Item>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        Ok(self.with(|items| items.get(key).cloned()))
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        distinct(keys.iter(), MOST_KEYS)?;
        Ok(self.with(|items| keys.iter().map(|key| items.get(key).cloned()).collect()))
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        check(query, LARGEST_PAGE)?;
        let rows = self.with(|items| {
            items
                .range(Key::new(&query.pk, &query.prefix)..)
                .take_while(|(key, _)| key.pk == query.pk)
                .filter(|(key, _)| selects(query, &key.sk))
                .map(|(key, item)| (key.sk.clone(), item.clone()))
                .collect()
        });
        Ok(page(rows, query))
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        check(query, LARGEST_LIST)?;
        let mut rows: Vec<(String, Key)> = self.with(|items| {
            items
                .values()
                .flat_map(|item| item.lists.iter().map(move |listed| (listed, &item.key)))
                .filter(|(listed, _)| listed.list == list && listed.pk == query.pk && selects(query, &listed.sk))
                .map(|(listed, key)| (format!("{}{PART}{}{PART}{}", listed.sk, key.pk, key.sk), key.clone()))
                .collect()
        });
        rows.sort();
        Ok(page(rows, query))
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        distinct(writes.iter().map(Write::key), MOST_WRITES)?;
        for write in &writes {
            match write {
                Write::Put { item, condition } => {
                    let expected = match condition {
                        Condition::Absent => Some(1),
                        Condition::Version(version) => Some(version.saturating_add(1)),
                        Condition::Exists | Condition::Any => None,
                    };
                    if expected.is_some_and(|expected| expected != item.version) {
                        return Err(rejected("a version that does not follow from its condition").into());
                    }
                }
                Write::Check {
                    condition: Condition::Any,
                    ..
                } => return Err(rejected("a check of nothing").into()),
                Write::Delete { .. } | Write::Check { .. } => {}
            }
        }
        self.with(|items| {
            let failed: Vec<usize> = writes
                .iter()
                .enumerate()
                .filter(|(_, write)| {
                    let (Write::Put { condition, .. }
                    | Write::Delete { condition, .. }
                    | Write::Check { condition, .. }) = write;
                    !holds(*condition, items.get(write.key()))
                })
                .map(|(index, _)| index)
                .collect();
            if !failed.is_empty() {
                return Err(CommitError::Conflict { failed });
            }
            for write in writes {
                match write {
                    Write::Put { item, .. } => {
                        items.insert(item.key.clone(), item);
                    }
                    Write::Delete { key, .. } => {
                        items.remove(&key);
                    }
                    Write::Check { .. } => {}
                }
            }
            Ok(())
        })
    }
}
