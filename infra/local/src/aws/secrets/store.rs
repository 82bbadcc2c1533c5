//! The tables of Secrets Manager.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

use super::super::wire::ApiError;

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS secrets (
        id INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, description TEXT,
        kms_key_id TEXT, tags TEXT, created INTEGER NOT NULL, changed INTEGER NOT NULL, accessed INTEGER,
        deleted INTEGER
    );
    CREATE TABLE IF NOT EXISTS secret_versions (
        secret INTEGER NOT NULL, id TEXT NOT NULL, text TEXT, binary TEXT, created INTEGER NOT NULL,
        PRIMARY KEY (secret, id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS secret_labels (
        secret INTEGER NOT NULL, label TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY (secret, label)
    ) WITHOUT ROWID;";

pub(super) type Found = Result<Secret, ApiError>;

/// What describes a secret besides its name.
#[derive(Debug, Clone, Default)]
pub(super) struct Details {
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
    pub(super) tags: Option<Value>,
}

#[derive(Debug, Clone)]
pub(super) struct Secret {
    pub(super) id: i64,
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) details: Details,
    pub(super) created: Timestamp,
    pub(super) changed: Timestamp,
    pub(super) accessed: Option<Timestamp>,
    /// When it will be gone, if it is marked for deletion.
    pub(super) deleted: Option<Timestamp>,
}

/// One value of a secret: text, or binary in base64.
#[derive(Clone)]
pub(super) struct NewVersion {
    pub(super) id: String,
    pub(super) text: Option<String>,
    pub(super) binary: Option<String>,
    pub(super) created: Timestamp,
}

impl fmt::Debug for NewVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewVersion")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl NewVersion {
    pub(super) fn same_value(&self, other: &Self) -> bool {
        self.text == other.text && self.binary == other.binary
    }
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

const COLUMNS: &str = "id, arn, name, description, kms_key_id, tags, created, changed, accessed, deleted";

fn read(row: &Row<'_>) -> rusqlite::Result<Secret> {
    let tags: Option<String> = row.get(5)?;
    Ok(Secret {
        id: row.get(0)?,
        arn: row.get(1)?,
        name: row.get(2)?,
        details: Details {
            description: row.get(3)?,
            kms_key_id: row.get(4)?,
            tags: tags.and_then(|tags| serde_json::from_str(&tags).ok()),
        },
        created: time(row.get(6)?),
        changed: time(row.get(7)?),
        accessed: row.get::<_, Option<i64>>(8)?.map(time),
        deleted: row.get::<_, Option<i64>>(9)?.map(time),
    })
}

/// The secret of this name, ARN, or ARN without its random end.
pub(super) fn find(connection: &Connection, reference: &str) -> rusqlite::Result<Option<Secret>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM secrets WHERE name = ?1 OR arn = ?1 OR substr(arn, 1, length(arn) - 7) = ?1
             ORDER BY name = ?1 DESC LIMIT 1"
        ))?
        .query_row([reference], read)
        .optional()
}

/// All secrets after `after`, by name.
pub(super) fn list(connection: &Connection, after: &str) -> rusqlite::Result<Vec<Secret>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM secrets WHERE name > ?1 ORDER BY name"))?
        .query_map([after], read)?
        .collect()
}

pub(super) fn insert(
    tx: &Transaction<'_>,
    arn: &str,
    name: &str,
    details: &Details,
    now: Timestamp,
) -> rusqlite::Result<Secret> {
    tx.execute(
        "INSERT INTO secrets (arn, name, description, kms_key_id, tags, created, changed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        params![
            arn,
            name,
            details.description,
            details.kms_key_id,
            details.tags.as_ref().map(ToString::to_string),
            now.as_millisecond(),
        ],
    )?;
    tx.query_row(
        &format!("SELECT {COLUMNS} FROM secrets WHERE id = ?1"),
        [tx.last_insert_rowid()],
        read,
    )
}

/// Changes what is given and leaves the rest.
pub(super) fn change_details(
    tx: &Transaction<'_>,
    secret: i64,
    details: &Details,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    tx.execute(
        "UPDATE secrets SET description = coalesce(?2, description), kms_key_id = coalesce(?3, kms_key_id),
         changed = ?4 WHERE id = ?1",
        params![secret, details.description, details.kms_key_id, now.as_millisecond()],
    )
}

/// Remembers the day of the last read: the service tells the date only.
pub(super) fn accessed(tx: &Transaction<'_>, secret: i64, now: Timestamp) -> rusqlite::Result<usize> {
    let day = now
        .to_zoned(TimeZone::UTC)
        .start_of_day()
        .map_or(now, |day| day.timestamp());
    tx.execute(
        "UPDATE secrets SET accessed = ?2 WHERE id = ?1",
        params![secret, day.as_millisecond()],
    )
}

pub(super) fn mark_deleted(tx: &Transaction<'_>, secret: i64, at: Option<Timestamp>) -> rusqlite::Result<usize> {
    tx.execute(
        "UPDATE secrets SET deleted = ?2 WHERE id = ?1",
        params![secret, at.map(|at| at.as_millisecond())],
    )
}

pub(super) fn remove(tx: &Transaction<'_>, secret: i64) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM secret_labels WHERE secret = ?1", [secret])?;
    tx.execute("DELETE FROM secret_versions WHERE secret = ?1", [secret])?;
    tx.execute("DELETE FROM secrets WHERE id = ?1", [secret]).map(drop)
}

pub(super) fn version(connection: &Connection, secret: i64, id: &str) -> rusqlite::Result<Option<NewVersion>> {
    connection
        .prepare_cached("SELECT id, text, binary, created FROM secret_versions WHERE secret = ?1 AND id = ?2")?
        .query_row(params![secret, id], |row| {
            Ok(NewVersion {
                id: row.get(0)?,
                text: row.get(1)?,
                binary: row.get(2)?,
                created: time(row.get(3)?),
            })
        })
        .optional()
}

pub(super) fn add_version(
    tx: &Transaction<'_>,
    secret: i64,
    version: &NewVersion,
    now: Timestamp,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO secret_versions (secret, id, text, binary, created) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            secret,
            version.id,
            version.text,
            version.binary,
            version.created.as_millisecond()
        ],
    )?;
    tx.execute(
        "UPDATE secrets SET changed = ?2 WHERE id = ?1",
        params![secret, now.as_millisecond()],
    )
    .map(drop)
}

/// The version that carries a label.
pub(super) fn labelled(connection: &Connection, secret: i64, label: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT version FROM secret_labels WHERE secret = ?1 AND label = ?2")?
        .query_row(params![secret, label], |row| row.get(0))
        .optional()
}

/// Puts a label on a version and takes it from any other.
pub(super) fn move_label(tx: &Transaction<'_>, secret: i64, label: &str, version: &str) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO secret_labels (secret, label, version) VALUES (?1, ?2, ?3)";
    tx.execute(sql, params![secret, label, version]).map(drop)
}

/// The labels of one version.
pub(super) fn labels(connection: &Connection, secret: i64, version: &str) -> rusqlite::Result<Vec<String>> {
    Ok(all_labels(connection, secret)?.remove(version).unwrap_or_default())
}

/// The labels of each version that has any.
pub(super) fn all_labels(connection: &Connection, secret: i64) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let mut by_version: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut select =
        connection.prepare_cached("SELECT version, label FROM secret_labels WHERE secret = ?1 ORDER BY label")?;
    let mut rows = select.query([secret])?;
    while let Some(row) = rows.next()? {
        by_version.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(by_version)
}
