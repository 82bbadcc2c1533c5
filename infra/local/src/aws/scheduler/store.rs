//! The tables of the Scheduler.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::{Value, json};

use super::DEFAULT_GROUP;
use super::model::{Definition, Delivery, NewDelivery, Schedule};

/// How many firings are remembered for `_state`.
const REMEMBERED_FIRINGS: i64 = 1_000;
/// For how long a client token is remembered, in milliseconds.
const TOKEN_LIFE_MS: i64 = 24 * 60 * 60 * 1_000;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS scheduler_groups (
        name TEXT PRIMARY KEY, created INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS scheduler_schedules (
        grp TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, created INTEGER NOT NULL,
        modified INTEGER NOT NULL, revision INTEGER NOT NULL, due INTEGER, fires INTEGER, PRIMARY KEY (grp, name)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS scheduler_by_fires ON scheduler_schedules (fires) WHERE fires IS NOT NULL;
    CREATE TABLE IF NOT EXISTS scheduler_tokens (
        operation TEXT NOT NULL, token TEXT NOT NULL, grp TEXT NOT NULL, name TEXT NOT NULL,
        fingerprint TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY (operation, token)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS scheduler_deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL,
        scheduled INTEGER NOT NULL, first INTEGER NOT NULL, completes INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
        next INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS scheduler_by_next ON scheduler_deliveries (next);
    CREATE TABLE IF NOT EXISTS scheduler_fired (id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS scheduler_revisions (id INTEGER PRIMARY KEY AUTOINCREMENT);";

pub(super) fn prepare(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute_batch(SCHEMA)?;
    create_group(tx, DEFAULT_GROUP, now).map(drop)
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

fn read_definition(row: &Row<'_>, column: usize) -> rusqlite::Result<Definition> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into()))
}

/// Makes a group; `false` if it was there.
pub(super) fn create_group(tx: &Transaction<'_>, name: &str, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = "INSERT OR IGNORE INTO scheduler_groups (name, created) VALUES (?1, ?2)";
    Ok(tx.execute(sql, params![name, now.as_millisecond()])? == 1)
}

/// When a group was made.
pub(super) fn group(connection: &Connection, name: &str) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached("SELECT created FROM scheduler_groups WHERE name = ?1")?
        .query_row([name], |row| row.get(0).map(time))
        .optional()
}

/// Groups after `after` with this prefix, by name.
pub(super) fn groups(
    connection: &Connection,
    prefix: &str,
    after: &str,
    most: usize,
) -> rusqlite::Result<Vec<(String, Timestamp)>> {
    connection
        .prepare_cached(
            "SELECT name, created FROM scheduler_groups
             WHERE name > ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name LIMIT ?3",
        )?
        .query_map(params![after, prefix, i64::try_from(most).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, time(row.get(1)?)))
        })?
        .collect()
}

/// Deletes a group and its schedules; `false` if there was none.
pub(super) fn delete_group(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
    tx.execute("DELETE FROM scheduler_schedules WHERE grp = ?1", [name])?;
    Ok(tx.execute("DELETE FROM scheduler_groups WHERE name = ?1", [name])? == 1)
}

/// What the client token was used for before: the schedule and the fingerprint of that request.
pub(super) fn token(
    tx: &Transaction<'_>,
    operation: &str,
    token: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<(String, String, String)>> {
    let oldest = now.as_millisecond().saturating_sub(TOKEN_LIFE_MS);
    tx.execute("DELETE FROM scheduler_tokens WHERE created < ?1", [oldest])?;
    tx.prepare_cached("SELECT grp, name, fingerprint FROM scheduler_tokens WHERE operation = ?1 AND token = ?2")?
        .query_row([operation, token], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
}

pub(super) fn remember_token(
    tx: &Transaction<'_>,
    operation: &str,
    token: &str,
    of: (&str, &str, &str),
    now: Timestamp,
) -> rusqlite::Result<usize> {
    tx.execute(
        "INSERT INTO scheduler_tokens (operation, token, grp, name, fingerprint, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![operation, token, of.0, of.1, of.2, now.as_millisecond()],
    )
}

/// A number that no revision had before.
pub(super) fn next_revision(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.execute("DELETE FROM scheduler_revisions", [])?;
    tx.execute("INSERT INTO scheduler_revisions DEFAULT VALUES", [])?;
    Ok(tx.last_insert_rowid())
}

const SCHEDULE_COLUMNS: &str = "grp, name, definition, created, modified, revision, due, fires";

fn read_schedule(row: &Row<'_>) -> rusqlite::Result<Schedule> {
    Ok(Schedule {
        group: row.get(0)?,
        name: row.get(1)?,
        definition: read_definition(row, 2)?,
        created: time(row.get(3)?),
        modified: time(row.get(4)?),
        revision: row.get(5)?,
        due: row.get::<_, Option<i64>>(6)?.map(time),
        fires: row.get::<_, Option<i64>>(7)?.map(time),
    })
}

pub(super) fn get(connection: &Connection, group: &str, name: &str) -> rusqlite::Result<Option<Schedule>> {
    connection
        .prepare_cached(&format!(
            "SELECT {SCHEDULE_COLUMNS} FROM scheduler_schedules WHERE grp = ?1 AND name = ?2"
        ))?
        .query_row([group, name], read_schedule)
        .optional()
}

pub(super) fn put(tx: &Transaction<'_>, schedule: &Schedule) -> rusqlite::Result<usize> {
    tx.execute(
        &format!("INSERT OR REPLACE INTO scheduler_schedules ({SCHEDULE_COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)"),
        params![
            schedule.group,
            schedule.name,
            json!(schedule.definition).to_string(),
            schedule.created.as_millisecond(),
            schedule.modified.as_millisecond(),
            schedule.revision,
            schedule.due.map(|due| due.as_millisecond()),
            schedule.fires.map(|fires| fires.as_millisecond()),
        ],
    )
}

/// `false` if there was none.
pub(super) fn delete(tx: &Transaction<'_>, group: &str, name: &str) -> rusqlite::Result<bool> {
    Ok(tx.execute(
        "DELETE FROM scheduler_schedules WHERE grp = ?1 AND name = ?2",
        [group, name],
    )? == 1)
}

/// Deletes a schedule unless it was changed since.
pub(super) fn delete_revision(tx: &Transaction<'_>, group: &str, name: &str, revision: i64) -> rusqlite::Result<usize> {
    tx.execute(
        "DELETE FROM scheduler_schedules WHERE grp = ?1 AND name = ?2 AND revision = ?3",
        params![group, name, revision],
    )
}

/// Schedules after `after` (group and name), in that order.
pub(super) fn list(
    connection: &Connection,
    group: Option<&str>,
    prefix: &str,
    after: (&str, &str),
    most: usize,
) -> rusqlite::Result<Vec<Schedule>> {
    connection
        .prepare_cached(&format!(
            "SELECT {SCHEDULE_COLUMNS} FROM scheduler_schedules
             WHERE (grp, name) > (?1, ?2) AND (?3 IS NULL OR grp = ?3) AND substr(name, 1, length(?4)) = ?4
             ORDER BY grp, name LIMIT ?5"
        ))?
        .query_map(
            params![after.0, after.1, group, prefix, i64::try_from(most).unwrap_or(i64::MAX)],
            read_schedule,
        )?
        .collect()
}

/// Schedules whose second has come.
pub(super) fn firing(tx: &Transaction<'_>, now: Timestamp, most: usize) -> rusqlite::Result<Vec<Schedule>> {
    tx.prepare_cached(&format!(
        "SELECT {SCHEDULE_COLUMNS} FROM scheduler_schedules WHERE fires <= ?1 ORDER BY fires LIMIT ?2"
    ))?
    .query_map(
        params![now.as_millisecond(), i64::try_from(most).unwrap_or(i64::MAX)],
        read_schedule,
    )?
    .collect()
}

pub(super) fn add_delivery(tx: &Transaction<'_>, delivery: &NewDelivery) -> rusqlite::Result<usize> {
    tx.execute(
        "INSERT INTO scheduler_deliveries (grp, name, definition, scheduled, first, completes, next)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5)",
        params![
            delivery.group,
            delivery.name,
            json!(delivery.definition).to_string(),
            delivery.scheduled.as_millisecond(),
            delivery.first.as_millisecond(),
            delivery.completes,
        ],
    )
}

/// Deliveries to try now, oldest first.
pub(super) fn deliveries(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Delivery>> {
    connection
        .prepare_cached(
            "SELECT id, grp, name, definition, scheduled, first, completes, attempts FROM scheduler_deliveries
             WHERE next <= ?1 ORDER BY next, id LIMIT 1000",
        )?
        .query_map([now.as_millisecond()], |row| {
            Ok(Delivery {
                id: row.get(0)?,
                what: NewDelivery {
                    group: row.get(1)?,
                    name: row.get(2)?,
                    definition: read_definition(row, 3)?,
                    scheduled: time(row.get(4)?),
                    first: time(row.get(5)?),
                    completes: row.get(6)?,
                },
                attempts: row.get(7)?,
            })
        })?
        .collect()
}

/// When the next schedule fires or delivery is tried.
pub(super) fn next_work(connection: &Connection, after: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    let millis: Option<i64> = connection
        .prepare_cached(
            "SELECT min(at) FROM (
                SELECT min(fires) AS at FROM scheduler_schedules WHERE fires > ?1
                UNION ALL SELECT min(next) AS at FROM scheduler_deliveries WHERE next > ?1)",
        )?
        .query_row([after.as_millisecond()], |row| row.get(0))?;
    Ok(millis.map(time))
}

pub(super) fn retry_delivery(tx: &Transaction<'_>, id: i64, attempts: i64, next: Timestamp) -> rusqlite::Result<usize> {
    tx.execute(
        "UPDATE scheduler_deliveries SET attempts = ?2, next = ?3 WHERE id = ?1",
        params![id, attempts, next.as_millisecond()],
    )
}

pub(super) fn end_delivery(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<usize> {
    tx.execute("DELETE FROM scheduler_deliveries WHERE id = ?1", [id])
}

/// Remembers one firing for `_state`.
pub(super) fn record(tx: &Transaction<'_>, record: &Value) -> rusqlite::Result<()> {
    tx.execute("INSERT INTO scheduler_fired (record) VALUES (?1)", [record.to_string()])?;
    tx.execute(
        "DELETE FROM scheduler_fired WHERE id <= ?1",
        [tx.last_insert_rowid() - REMEMBERED_FIRINGS],
    )?;
    Ok(())
}

pub(super) fn snapshot(connection: &Connection) -> rusqlite::Result<Value> {
    let schedules: Vec<Value> = list(connection, None, "", ("", ""), usize::MAX)?
        .into_iter()
        .map(|schedule| {
            json!({
                "name": schedule.name,
                "group": schedule.group,
                "expression": schedule.definition.schedule_expression,
                "target": schedule.definition.target_arn(),
                "input": schedule.definition.target.as_ref().and_then(|target| target.input.as_deref()),
                "state": schedule.definition.state,
                "action_after_completion": schedule.definition.action_after_completion,
                "due": schedule.due,
                "fires_at": schedule.fires,
                "created_at": schedule.created,
            })
        })
        .collect();
    let deliveries = connection
        .prepare_cached("SELECT grp, name, scheduled, attempts, next FROM scheduler_deliveries ORDER BY id LIMIT 1000")?
        .query_map([], |row| {
            Ok(json!({
                "group": row.get::<_, String>(0)?,
                "name": row.get::<_, String>(1)?,
                "scheduled_for": time(row.get(2)?),
                "attempts": row.get::<_, i64>(3)?,
                "next": time(row.get(4)?),
            }))
        })?
        .collect::<rusqlite::Result<Vec<Value>>>()?;
    let fired = connection
        .prepare_cached("SELECT record FROM scheduler_fired ORDER BY id")?
        .query_map([], |row| row.get::<_, String>(0))?
        .map(|record| Ok(serde_json::from_str(&record?).unwrap_or(Value::Null)))
        .collect::<rusqlite::Result<Vec<Value>>>()?;
    Ok(json!({ "schedules": schedules, "deliveries": deliveries, "fired": fired }))
}
