//! DynamoDB: the embedded `dynoxide` engine (DynamoDB on SQLite) behind its own HTTP server on loopback.
//!
//! It does conditions, transactions, cancellation reasons, idempotency tokens, paging and streams as the service does.
//! It never answers `TransactionConflict` or throttling and its index reads are never stale; tests that need those put
//! a proxy in front. Its server, unlike ours, also answers web pages of other origins; it holds made-up data only.

use anyhow::Context;
use dynoxide::Database;
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::update_time_to_live::UpdateTimeToLiveRequest;
use serde::Deserialize;
use serde_json::json;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::{Base, Shutdown};
use crate::sim::{self, Clock};

/// The attribute by which items expire.
pub const TTL_ATTRIBUTE: &str = "ttl";

/// The indexes of a table; each has the keys `<name>pk` and `<name>sk` and projects keys only.
pub const INDEXES: [&str; 3] = ["gsi1", "gsi2", "gsi3"];

/// How often expired items are deleted. AWS takes hours to days; code must not rely on it either way.
const TTL_SWEEP: Duration = Duration::from_secs(60);

/// For how long stream records are kept, as in AWS.
const STREAM_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a maintenance statement waits for the engine's own connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The running database; clones are handles of the same one.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
    url: String,
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDb")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl DynamoDb {
    /// Opens or makes the database file and serves it on `address` (port 0 picks a free one).
    ///
    /// # Errors
    /// When the file can't be opened or the address can't be bound.
    pub async fn open(base: &Base, address: SocketAddr, path: &Path) -> anyhow::Result<Self> {
        let name = path.to_str().context("the path of the database is not UTF-8")?;
        let database = Database::new(name).with_context(|| format!("cannot open {name}"))?;
        // Sets `synchronous = NORMAL`: no fsync per commit. Commits still outlive a killed process, and only that is
        // promised here.
        database
            .disable_bulk_loading()
            .context("cannot configure the database")?;
        let this = Self::serve(database, address, &base.shutdown).await?;
        index_the_stream(name)?;
        let upkeep = Upkeep {
            database: this.database.clone(),
            clock: base.clock.clone(),
            file: name.to_owned(),
        };
        base.shutdown.spawn(upkeep.run(base.shutdown.wait()));
        Ok(this)
    }

    /// A database in memory, for tests; nothing expires by itself.
    ///
    /// # Errors
    /// When the address can't be bound.
    pub async fn memory(shutdown: &Shutdown, address: SocketAddr) -> anyhow::Result<Self> {
        Self::serve(memory_database()?, address, shutdown).await
    }

    async fn serve(database: Database, address: SocketAddr, shutdown: &Shutdown) -> anyhow::Result<Self> {
        let (listener, url) = sim::bind(address).await.context("cannot bind DynamoDB")?;
        let (served, stop) = (database.clone(), shutdown.wait());
        shutdown.spawn(async move {
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, served, stop).await {
                tracing::error!(error, "DynamoDB stopped");
            }
        });
        Ok(Self { database, url })
    }

    /// The endpoint, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The engine itself, to look into it without HTTP.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Makes the table unless it is there; see [`create_table_if_missing`].
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn create_table_if_missing(&self, name: &str) -> anyhow::Result<()> {
        create_table_if_missing(&self.database, name)
    }

    /// Deletes the items whose time to live is over, and answers how many that were.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn sweep_ttl(&self) -> anyhow::Result<usize> {
        Ok(self.database.sweep_ttl()?)
    }
}

/// The engine with an empty database in memory, without a server.
///
/// The database has a name of its own in SQLite's shared cache, which is what lets a second connection add the index.
///
/// # Errors
/// When the engine can't be opened.
pub fn memory_database() -> anyhow::Result<Database> {
    let name = format!("file:hourglass-{}?mode=memory&cache=shared", sim::random_id()?);
    let database = Database::new(&name).context("cannot open the database")?;
    index_the_stream(&name)?;
    Ok(database)
}

/// Makes the table unless it is there: keys `pk` and `sk`, the three indexes, time to live, and a stream of keys.
///
/// # Errors
/// When the engine refuses.
pub fn create_table_if_missing(database: &Database, name: &str) -> anyhow::Result<()> {
    let describe = request::<DescribeTableRequest>(json!({ "TableName": name }))?;
    if database.describe_table(describe).is_ok() {
        return Ok(());
    }
    let mut attributes = vec!["pk".to_owned(), "sk".to_owned()];
    attributes.extend(
        INDEXES
            .iter()
            .flat_map(|index| [format!("{index}pk"), format!("{index}sk")]),
    );
    let definitions: Vec<_> = attributes
        .iter()
        .map(|name| json!({ "AttributeName": name, "AttributeType": "S" }))
        .collect();
    let keys = |hash: &str, range: &str| {
        json!([
            { "AttributeName": hash, "KeyType": "HASH" },
            { "AttributeName": range, "KeyType": "RANGE" },
        ])
    };
    let indexes: Vec<_> = INDEXES
        .iter()
        .map(|index| {
            json!({
                "IndexName": index,
                "KeySchema": keys(&format!("{index}pk"), &format!("{index}sk")),
                "Projection": { "ProjectionType": "KEYS_ONLY" },
            })
        })
        .collect();
    let create = request::<CreateTableRequest>(json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": definitions,
        "KeySchema": keys("pk", "sk"),
        "GlobalSecondaryIndexes": indexes,
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "KEYS_ONLY" },
    }))?;
    database
        .create_table(create)
        .with_context(|| format!("cannot create the table {name}"))?;
    let ttl = request::<UpdateTimeToLiveRequest>(json!({
        "TableName": name,
        "TimeToLiveSpecification": { "AttributeName": TTL_ATTRIBUTE, "Enabled": true },
    }))?;
    database
        .update_time_to_live(ttl)
        .context("cannot switch on the time to live")?;
    Ok(())
}

fn request<T: for<'de> Deserialize<'de>>(value: serde_json::Value) -> anyhow::Result<T> {
    serde_json::from_value(value).context("the engine does not understand our request")
}

/// Adds an index without which the engine reads all stream records at each write and at each poll of the stream.
fn index_the_stream(name: &str) -> anyhow::Result<()> {
    connect(name)?
        .execute_batch(
            "CREATE INDEX IF NOT EXISTS hourglass_stream_order
             ON _stream_records (table_name, CAST(sequence_number AS INTEGER));",
        )
        .context("cannot index the stream")
}

fn connect(name: &str) -> anyhow::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(name)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// What the real service does behind the scenes.
struct Upkeep {
    database: Database,
    clock: Clock,
    file: String,
}

impl Upkeep {
    /// The engine keeps stream records for ever; the service keeps them for a day.
    fn trim_the_stream(&self) -> anyhow::Result<usize> {
        let oldest = self
            .clock
            .now()
            .as_second()
            .saturating_sub_unsigned(STREAM_RETENTION.as_secs());
        // The newest record stays: the engine takes the next sequence number from it.
        Ok(connect(&self.file)?.execute(
            "DELETE FROM _stream_records WHERE created_at < ?1 AND id < (SELECT max(id) FROM _stream_records)",
            [oldest],
        )?)
    }

    async fn run(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(TTL_SWEEP) => {}
            }
            if let Err(error) = self.database.sweep_ttl() {
                tracing::error!(%error, "expired items can't be deleted");
            }
            if let Err(error) = self.trim_the_stream() {
                tracing::error!(%error, "old stream records can't be deleted");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{any_port, base};
    use super::*;
    use crate::sim::ManualTime;
    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
    use dynoxide::actions::list_streams::ListStreamsRequest;
    use dynoxide::actions::put_item::PutItemRequest;
    use std::sync::Arc;

    fn client(url: &str) -> Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("laptop", "laptop", None, None, "test"))
            .endpoint_url(url)
            .build();
        Client::from_conf(config)
    }

    fn text(value: &str) -> AttributeValue {
        AttributeValue::S(value.to_owned())
    }

    #[tokio::test]
    async fn the_table_has_its_keys_indexes_stream_and_time_to_live() {
        let base = base();
        let db = DynamoDb::memory(&base.shutdown, any_port()).await.unwrap();
        db.create_table_if_missing("hourglass").unwrap();
        db.create_table_if_missing("hourglass").unwrap();
        let client = client(db.url());
        let table = client
            .describe_table()
            .table_name("hourglass")
            .send()
            .await
            .unwrap()
            .table
            .unwrap();
        let stream = table.stream_specification().unwrap();
        assert_eq!(stream.stream_view_type(), Some(&StreamViewType::KeysOnly));
        let mut indexes: Vec<_> = table
            .global_secondary_indexes()
            .iter()
            .map(|index| index.index_name().unwrap().to_owned())
            .collect();
        indexes.sort();
        assert_eq!(indexes, INDEXES);

        let put = client
            .put_item()
            .table_name("hourglass")
            .item("pk", text("REQ#1"))
            .item("sk", text("META"));
        put.item("gsi1pk", text("open"))
            .item("gsi1sk", text("1"))
            .send()
            .await
            .unwrap();
        let again = client
            .put_item()
            .table_name("hourglass")
            .item("pk", text("REQ#1"))
            .item("sk", text("META"));
        let refused = again
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .unwrap_err();
        assert!(refused.into_service_error().is_conditional_check_failed_exception());
        let query = client
            .query()
            .table_name("hourglass")
            .index_name("gsi1")
            .key_condition_expression("gsi1pk = :v");
        let found = query
            .expression_attribute_values(":v", text("open"))
            .send()
            .await
            .unwrap();
        assert_eq!(found.items()[0].get("pk"), Some(&text("REQ#1")));

        let put = client
            .put_item()
            .table_name("hourglass")
            .item("pk", text("SESSION#1"))
            .item("sk", text("META"));
        put.item("ttl", AttributeValue::N("1000000000".to_owned()))
            .send()
            .await
            .unwrap();
        assert_eq!(db.sweep_ttl().unwrap(), 1);
    }

    #[tokio::test]
    async fn a_file_keeps_what_was_accepted_and_trims_old_stream_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dynamodb.db");
        let base = base();
        let db = DynamoDb::open(&base, any_port(), &path).await.unwrap();
        db.create_table_if_missing("hourglass").unwrap();
        for n in 0..3 {
            let item =
                json!({ "TableName": "hourglass", "Item": { "pk": { "S": n.to_string() }, "sk": { "S": "x" } } });
            db.database()
                .put_item(request::<PutItemRequest>(item).unwrap())
                .unwrap();
        }
        base.shutdown.finish().await;
        drop(db);

        let base = super::super::testing::base();
        let db = DynamoDb::open(&base, any_port(), &path).await.unwrap();
        let got = client(db.url())
            .get_item()
            .table_name("hourglass")
            .key("pk", text("2"))
            .key("sk", text("x"));
        assert!(got.consistent_read(true).send().await.unwrap().item().is_some());

        let time = ManualTime::new(base.clock.now());
        let file = path.to_str().unwrap().to_owned();
        let upkeep = Upkeep {
            database: db.database().clone(),
            clock: Arc::<ManualTime>::clone(&time),
            file,
        };
        assert_eq!(upkeep.trim_the_stream().unwrap(), 0);
        time.advance_seconds(25 * 60 * 60);
        assert_eq!(upkeep.trim_the_stream().unwrap(), 2);
    }

    #[test]
    fn the_engine_finds_the_last_stream_record_by_an_index() {
        let name = "file:plan?mode=memory&cache=shared";
        let database = Database::new(name).unwrap();
        index_the_stream(name).unwrap();
        create_table_if_missing(&database, "hourglass").unwrap();
        assert_eq!(
            database
                .list_streams(ListStreamsRequest::default())
                .unwrap()
                .streams
                .len(),
            1
        );
        let connection = connect(name).unwrap();
        for query in [
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = 't'",
            "SELECT 1 FROM _stream_records WHERE table_name = 't' AND shard_id = 's'
             AND CAST(sequence_number AS INTEGER) > 5 ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 9",
        ] {
            let plan: String = connection
                .query_row(&format!("EXPLAIN QUERY PLAN {query}"), [], |row| row.get(3))
                .unwrap();
            assert!(
                plan.starts_with("SEARCH") && plan.contains("hourglass_stream_order"),
                "{plan}"
            );
        }
    }
}
