//! The port on the SDK.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, KeysAndAttributes, Put, TransactWriteItem};
use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use hourglass_app::ports::store::{
    CommitError, Condition, Item, Key, LARGEST_LIST, LARGEST_PAGE, List, MOST_KEYS, MOST_WRITES, Page, Query, Store,
    StoreError, Write,
};

use crate::LONGEST_CALL;
use crate::cursor::Cursor;
use crate::error::{Attempt, commit_error, store_error};
use crate::item::{
    Attributes, Index, PK, SK, VERSION, from_attributes, index, key_attributes, key_of, number, text, text_of,
    to_attributes,
};
use crate::range::{Range, Start, check_bound, check_key, check_partition_key};

/// Further tries of what DynamoDB put off without writing or reading it.
const MOST_RETRIES: usize = 7;
/// Longest wait before the first of them; each is drawn between zero and its full length, which doubles.
const FIRST_DELAY: Duration = Duration::from_millis(20);
/// Longest wait before any of them.
const LONGEST_DELAY: Duration = Duration::from_millis(640);
/// Most answers of DynamoDB (of 1 MB each) that make up one page of ours. A page may be shorter than asked for.
const MOST_ANSWERS: usize = 8;

/// [`Store`] on one DynamoDB table.
///
/// The client is used as it is: make it with [`crate::client`], which sets time-outs and retries.
#[derive(Clone)]
pub struct DynamoStore {
    client: Client,
    table: String,
}

impl std::fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client would print its whole configuration.
        f.debug_struct("DynamoStore")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// Part of a partition of the table or of an index, as the SDK gave it.
struct Rows {
    rows: Vec<Attributes>,
    /// The key attributes after which the rest begins; `None` at the end.
    rest: Option<Attributes>,
}

impl Rows {
    const NONE: Self = Self {
        rows: Vec::new(),
        rest: None,
    };
}

impl DynamoStore {
    /// The table called `table`.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn get_item(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        check_key(key)?;
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_attributes(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| store_error("GetItem", &error))?;
        answer.item.map(from_attributes).transpose()
    }

    async fn get_items(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        check_distinct("keys", keys.iter(), MOST_KEYS)?;
        let mut found: HashMap<Key, Item> = HashMap::new();
        let mut wanted: Vec<Attributes> = keys.iter().map(key_attributes).collect();
        let mut delays = delays();
        while !wanted.is_empty() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .build()
                .map_err(|error| incomplete(&error))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.table, request)
                .send()
                .await
                .map_err(|error| store_error("BatchGetItem", &error))?;
            let responses = answer.responses.unwrap_or_default();
            for attributes in responses.into_values().flatten() {
                let item = from_attributes(attributes)?;
                found.insert(item.key.clone(), item);
            }
            // DynamoDB leaves out what does not fit into 16 MB, and what the table could not take just now.
            let rest = answer.unprocessed_keys.unwrap_or_default();
            wanted = rest.into_values().flat_map(|rest| rest.keys).collect();
            if !wanted.is_empty() {
                let delay = delays.next().ok_or_else(|| {
                    StoreError::Unavailable(format!("BatchGetItem: {} key(s) were never processed", wanted.len()))
                })?;
                tracing::debug!(unprocessed = wanted.len(), ?delay, "asking again for unprocessed keys");
                tokio::time::sleep(delay).await;
            }
        }
        Ok(keys.iter().map(|key| found.remove(key)).collect())
    }

    /// Reads up to `query.limit` rows of the table, or of `index`. `place` is the sort key of `after`.
    async fn rows(
        &self,
        query: &Query,
        index: Option<Index>,
        place: Option<&str>,
        after: Option<Attributes>,
    ) -> Result<Rows, StoreError> {
        check_partition_key(&query.pk)?;
        for bound in [Some(query.prefix.as_str()), query.up_to.as_deref(), place] {
            bound.map(check_bound).transpose()?;
        }
        let largest = if index.is_some() { LARGEST_LIST } else { LARGEST_PAGE };
        if query.limit == 0 || query.limit > largest {
            let why = format!("a page of {} items; 1 to {largest} are taken", query.limit);
            return Err(StoreError::Rejected(why));
        }
        let Some(range) = Range::new(&query.prefix, query.up_to.as_deref()) else {
            return Ok(Rows::NONE);
        };
        let mut start = match range.start(place, query.descending) {
            Start::Beginning => None,
            Start::After => after,
            Start::Nowhere => return Ok(Rows::NONE),
        };
        let (pk, sk) = index.map_or((PK, SK), |index| (index.pk, index.sk));
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .set_index_name(index.map(|index| index.name.to_owned()))
            .consistent_read(index.is_none())
            .scan_index_forward(!query.descending)
            .expression_attribute_names("#p", pk)
            .expression_attribute_values(":p", text(&query.pk));
        if !matches!(range, Range::All) {
            request = request.expression_attribute_names("#s", sk);
        }
        request = match range {
            Range::All => request.key_condition_expression("#p = :p"),
            Range::Prefix(prefix) => request
                .key_condition_expression("#p = :p AND begins_with(#s, :a)")
                .expression_attribute_values(":a", text(prefix)),
            Range::UpTo(up_to) => request
                .key_condition_expression("#p = :p AND #s <= :a")
                .expression_attribute_values(":a", text(up_to)),
            Range::Between(from, up_to) => request
                .key_condition_expression("#p = :p AND #s BETWEEN :a AND :b")
                .expression_attribute_values(":a", text(from))
                .expression_attribute_values(":b", text(up_to)),
        };
        // One more than asked for, so that a last page that is full is known to be the last.
        let most = query.limit.saturating_add(1);
        let mut rows: Vec<Attributes> = Vec::new();
        for _ in 0..MOST_ANSWERS {
            let missing = i32::try_from(most.saturating_sub(rows.len())).unwrap_or(i32::MAX);
            let answer = request
                .clone()
                .limit(missing)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| store_error("Query", &error))?;
            rows.extend(answer.items.unwrap_or_default());
            if rows.len() > query.limit {
                rows.truncate(query.limit);
                let rest = rows.last().cloned();
                return Ok(Rows { rows, rest });
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(Rows { rows, rest: start })
    }

    async fn items(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        let after = query.after.as_deref();
        let start = after.map(|after| key_attributes(&Key::new(&query.pk, after)));
        let Rows { rows, rest } = self.rows(query, None, after, start).await?;
        Ok(Page {
            items: rows.into_iter().map(from_attributes).collect::<Result<_, _>>()?,
            next: rest.map(|rest| text_of(&rest, SK)).transpose()?,
        })
    }

    async fn keys(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        let index = index(list);
        let after = query.after.as_deref().map(Cursor::decode).transpose()?;
        let place = after.as_ref().map(|after| after.place.as_str());
        let start = after.as_ref().map(|after| {
            let mut start = key_attributes(&after.key);
            start.insert(index.pk.to_owned(), text(&query.pk));
            start.insert(index.sk.to_owned(), text(&after.place));
            start
        });
        let Rows { rows, rest } = self.rows(query, Some(index), place, start).await?;
        let next = rest.map(|rest| {
            let key = key_of(&rest)?;
            let place = text_of(&rest, index.sk)?;
            Ok::<_, StoreError>(Cursor { place, key }.encode())
        });
        Ok(Page {
            items: rows.iter().map(key_of).collect::<Result<_, _>>()?,
            next: next.transpose()?,
        })
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), CommitError> {
        if writes.is_empty() {
            return Err(StoreError::Rejected("a transaction without writes".to_owned()).into());
        }
        check_distinct("writes", writes.iter().map(Write::key), MOST_WRITES)?;
        let actions = writes
            .iter()
            .map(|write| self.action(write))
            .collect::<Result<Vec<_>, _>>()?;
        // Each try has a new request token (the SDK's own tries share one): DynamoDB answers a token that it knows
        // with the outcome it had, and this one's was that nothing happened.
        let attempt = || async {
            let request = self
                .client
                .transact_write_items()
                .set_transact_items(Some(actions.clone()));
            request.send().await.map(drop).map_err(|error| commit_error(&error))
        };
        attempt
            .retry(delays())
            .when(|failure| matches!(failure, Attempt::Again(_)))
            .notify(|failure, delay| tracing::debug!(?failure, ?delay, "committing again"))
            .await
            .map_err(CommitError::from)
    }

    /// One action of a transaction.
    fn action(&self, write: &Write) -> Result<TransactWriteItem, StoreError> {
        let action = TransactWriteItem::builder();
        let action = match write {
            Write::Put { item, condition } => {
                check_versions(item, *condition)?;
                let (expression, values) = expression(*condition);
                let put = Put::builder()
                    .table_name(&self.table)
                    .set_item(Some(to_attributes(item)?))
                    .set_condition_expression(expression)
                    .set_expression_attribute_values(values)
                    .build();
                action.put(put.map_err(|error| incomplete(&error))?)
            }
            Write::Delete { key, condition } => {
                let (expression, values) = expression(*condition);
                let delete = Delete::builder()
                    .table_name(&self.table)
                    .set_key(Some(key_attributes(key)))
                    .set_condition_expression(expression)
                    .set_expression_attribute_values(values)
                    .build();
                action.delete(delete.map_err(|error| incomplete(&error))?)
            }
            Write::Check {
                condition: Condition::Any,
                ..
            } => return Err(StoreError::Rejected("a check of nothing".to_owned())),
            Write::Check { key, condition } => {
                let (expression, values) = expression(*condition);
                let check = ConditionCheck::builder()
                    .table_name(&self.table)
                    .set_key(Some(key_attributes(key)))
                    .set_condition_expression(expression)
                    .set_expression_attribute_values(values)
                    .build();
                action.condition_check(check.map_err(|error| incomplete(&error))?)
            }
        };
        Ok(action.build())
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        in_time(self.get_item(key)).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        in_time(self.get_items(keys)).await
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        in_time(self.items(query)).await
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        in_time(self.keys(list, query)).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        in_time(self.transact(&writes)).await
    }
}

/// `call`, given up after [`LONGEST_CALL`].
async fn in_time<T, E: From<StoreError>>(call: impl Future<Output = Result<T, E>> + Send) -> Result<T, E> {
    // Boxed: the SDK's futures are large, and the caller's would be as large as the largest of them.
    tokio::time::timeout(LONGEST_CALL, Box::pin(call))
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable(format!("no answer within {LONGEST_CALL:?}")).into()))
}

/// Waits between tries, with full jitter: each between zero and a length that doubles.
fn delays() -> impl Iterator<Item = Duration> + Send + Sync + Unpin {
    let lengths = ExponentialBuilder::new()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_max_times(MOST_RETRIES);
    // The library's jitter adds up to one length to each length; without the length, that is full jitter.
    let jittered = lengths.with_jitter().build();
    jittered
        .zip(lengths.build())
        .map(|(jittered, length)| jittered.saturating_sub(length))
}

/// The condition in DynamoDB's terms, and the values it names.
fn expression(condition: Condition) -> (Option<String>, Option<Attributes>) {
    let (expression, values) = match condition {
        Condition::Absent => (format!("attribute_not_exists({PK})"), None),
        Condition::Exists => (format!("attribute_exists({PK})"), None),
        Condition::Version(version) => {
            let values = Attributes::from([(":v".to_owned(), number(version))]);
            (format!("{VERSION} = :v"), Some(values))
        }
        Condition::Any => return (None, None),
    };
    (Some(expression), values)
}

/// A version rises by one with each change, and 1 is the first: a write that says otherwise would let a later one with
/// a stale version through.
fn check_versions(item: &Item, condition: Condition) -> Result<(), StoreError> {
    let expected = match condition {
        Condition::Absent => 1,
        Condition::Version(version) => version.saturating_add(1),
        Condition::Exists | Condition::Any => return Ok(()),
    };
    if item.version == expected {
        return Ok(());
    }
    let why = format!(
        "{}/{} with version {} after {condition:?}",
        item.key.pk, item.key.sk, item.version
    );
    Err(StoreError::Rejected(why))
}

/// # Errors
/// [`StoreError::Rejected`] when there are more than `most` keys, one of them twice, or one that DynamoDB does not take.
fn check_distinct<'a>(what: &str, keys: impl Iterator<Item = &'a Key>, most: usize) -> Result<(), StoreError> {
    let mut seen = HashSet::new();
    for key in keys {
        check_key(key)?;
        if !seen.insert(key) {
            let why = format!("two {what} in one call go to {}/{}", key.pk, key.sk);
            return Err(StoreError::Rejected(why));
        }
    }
    if seen.len() > most {
        let why = format!("{} {what} in one call; at most {most} are taken", seen.len());
        return Err(StoreError::Rejected(why));
    }
    Ok(())
}

/// A required field of the SDK's types was not set: cannot be, where everything is set in one place.
fn incomplete(error: &BuildError) -> StoreError {
    StoreError::Rejected(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_and_drawn_from_their_whole_length() {
        let lengths = [20, 40, 80, 160, 320, 640, 640].map(Duration::from_millis);
        let mut small = 0;
        for _ in 0..200 {
            let delays: Vec<Duration> = delays().collect();
            assert_eq!(delays.len(), lengths.len());
            assert!(delays.iter().zip(lengths).all(|(delay, length)| *delay <= length));
            small += delays
                .iter()
                .zip(lengths)
                .filter(|(delay, length)| **delay < *length / 2)
                .count();
        }
        // Of 1,400 draws half are expected below the middle.
        assert!((500..900).contains(&small), "{small}");
    }
}
