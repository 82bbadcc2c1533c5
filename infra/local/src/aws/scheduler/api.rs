//! The operations of the API.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as AxumState};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::wire::{ApiError, respond};
use super::super::{ACCOUNT, REGION};
use super::model::{Definition, Expression, Schedule, ScheduleState, check_name, check_token, firing_time, invalid};
use super::{DEFAULT_GROUP, PROTOCOL, Scheduler, store};
use crate::sim::random_bytes;

/// The most entries in one page, and how many it has if none are asked for.
const MAX_RESULTS: usize = 100;

pub(super) fn routes() -> Router<Scheduler> {
    Router::new()
        .route(
            "/schedules/{name}",
            get(get_schedule)
                .post(create_schedule)
                .put(update_schedule)
                .delete(delete_schedule),
        )
        .route("/schedules", get(list_schedules))
        .route(
            "/schedule-groups/{name}",
            get(get_group).post(create_group).delete(delete_group),
        )
        .route("/schedule-groups", get(list_groups))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneQuery {
    #[serde(default = "default_group")]
    group_name: String,
    client_token: Option<String>,
}

fn default_group() -> String {
    DEFAULT_GROUP.to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListQuery {
    schedule_group: Option<String>,
    #[serde(default)]
    name_prefix: String,
    state: Option<ScheduleState>,
    next_token: Option<String>,
    max_results: Option<usize>,
}

impl ListQuery {
    fn page_size(&self) -> Result<usize, ApiError> {
        match self.max_results.unwrap_or(MAX_RESULTS) {
            size @ 1..=MAX_RESULTS => Ok(size),
            _ => Err(invalid("MaxResults must be between 1 and 100")),
        }
    }

    /// Where the page before ended.
    fn after(&self) -> Result<(String, String), ApiError> {
        let Some(token) = &self.next_token else {
            return Ok((String::new(), String::new()));
        };
        URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| invalid("NextToken is not one that was given out"))
    }
}

fn page_token(group: &str, name: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!([group, name]).to_string())
}

fn schedule_arn(group: &str, name: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}")
}

fn group_arn(name: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{name}")
}

/// Seconds since the epoch with their fraction, as REST-JSON writes times.
fn epoch(time: Timestamp) -> Value {
    let millis = time.as_millisecond() as f64;
    json!(millis / 1000.0)
}

fn not_found(what: &str, name: &str) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "ResourceNotFoundException",
        format!("{what} {name} does not exist."),
    )
}

fn conflict(message: String) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "ConflictException", message)
}

impl Scheduler {
    /// When a definition falls due and fires, counted from `now`.
    fn times(&self, definition: &Definition, now: Timestamp) -> Result<Option<(Timestamp, Timestamp)>, ApiError> {
        let options = self.options();
        let due = match definition.expression()? {
            Expression::At(at) => at,
            Expression::Every(period) => now.checked_add(period).map_err(|error| invalid(error.to_string()))?,
        };
        if options.refuse_past && due < now {
            let expression = definition.schedule_expression.as_deref().unwrap_or_default();
            return Err(invalid(format!(
                "Invalid Schedule Expression {expression}: the time is in the past."
            )));
        }
        if definition.state == ScheduleState::Disabled {
            return Ok(None);
        }
        let random = u64::from_le_bytes(random_bytes()?);
        Ok(Some((
            due,
            firing_time(due, options.precision_seconds, definition.window_seconds()?, random),
        )))
    }

    fn create(&self, name: &str, body: &[u8]) -> Result<Value, ApiError> {
        check_name("Name", name)?;
        let mut definition = Definition::parse(body)?;
        let fingerprint = format!("{name} {}", definition.fingerprint());
        let token = definition.client_token.take();
        let group = definition.group_name.clone();
        let now = self.inner.clock.now();
        // Refused only after the token was looked up: a replay that arrives after the time is still answered.
        let times = self.times(&definition, now);
        let outcome = self.inner.state.write(|tx| {
            if store::group(tx, &group)?.is_none() {
                return Ok(Err(not_found("Schedule group", &group)));
            }
            if let Some(token) = &token
                && let Some((_, _, before)) = store::token(tx, "create", token, now)?
            {
                return Ok(if before == fingerprint {
                    Ok(())
                } else {
                    Err(conflict(
                        "The client token was used for a different request.".to_owned(),
                    ))
                });
            }
            if store::get(tx, &group, name)?.is_some() {
                return Ok(Err(conflict(format!("Schedule {name} already exists."))));
            }
            let times = match times {
                Ok(times) => times,
                Err(error) => return Ok(Err(error)),
            };
            if let Some(token) = &token {
                store::remember_token(tx, "create", token, (&group, name, &fingerprint), now)?;
            }
            let revision = store::next_revision(tx)?;
            let (due, fires) = times.unzip();
            let (created, modified) = (now, now);
            let (group, name) = (group.clone(), name.to_owned());
            store::put(
                tx,
                &Schedule {
                    group,
                    name,
                    definition,
                    created,
                    modified,
                    revision,
                    due,
                    fires,
                },
            )?;
            Ok(Ok(()))
        })?;
        outcome?;
        self.inner.changed.notify_one();
        Ok(json!({ "ScheduleArn": schedule_arn(&group, name) }))
    }

    fn update(&self, name: &str, body: &[u8]) -> Result<Value, ApiError> {
        check_name("Name", name)?;
        let mut definition = Definition::parse(body)?;
        definition.client_token = None;
        let group = definition.group_name.clone();
        let now = self.inner.clock.now();
        let (due, fires) = self.times(&definition, now)?.unzip();
        let found = self.inner.state.write(|tx| {
            let Some(before) = store::get(tx, &group, name)? else {
                return Ok(false);
            };
            let revision = store::next_revision(tx)?;
            let after = Schedule {
                definition,
                modified: now,
                revision,
                due,
                fires,
                ..before
            };
            store::put(tx, &after)?;
            Ok(true)
        })?;
        if !found {
            return Err(not_found("Schedule", name));
        }
        self.inner.changed.notify_one();
        Ok(json!({ "ScheduleArn": schedule_arn(&group, name) }))
    }

    fn get(&self, name: &str, group: &str) -> Result<Value, ApiError> {
        check_name("Name", name)?;
        let schedule = self
            .inner
            .state
            .read(|connection| store::get(connection, group, name))?;
        let schedule = schedule.ok_or_else(|| not_found("Schedule", name))?;
        let mut answer = json!(schedule.definition);
        if let Value::Object(fields) = &mut answer {
            fields.insert("Arn".to_owned(), json!(schedule_arn(group, name)));
            fields.insert("Name".to_owned(), json!(name));
            fields.insert("CreationDate".to_owned(), epoch(schedule.created));
            fields.insert("LastModificationDate".to_owned(), epoch(schedule.modified));
        }
        Ok(answer)
    }

    fn delete(&self, name: &str, query: &OneQuery) -> Result<Value, ApiError> {
        check_name("Name", name)?;
        if let Some(token) = &query.client_token {
            check_token(token)?;
        }
        let now = self.inner.clock.now();
        let group = &query.group_name;
        let deleted = self.inner.state.write(|tx| {
            if store::delete(tx, group, name)? {
                if let Some(token) = &query.client_token {
                    store::remember_token(tx, "delete", token, (group, name, ""), now)?;
                }
                return Ok(true);
            }
            // The same token again is the retry of a delete whose answer was lost.
            let before = match &query.client_token {
                Some(token) => store::token(tx, "delete", token, now)?,
                None => None,
            };
            Ok(before.is_some_and(|(of_group, of_name, _)| of_group == *group && of_name == name))
        })?;
        if deleted {
            Ok(json!({}))
        } else {
            Err(not_found("Schedule", name))
        }
    }

    fn list(&self, query: &ListQuery) -> Result<Value, ApiError> {
        let size = query.page_size()?;
        let (after_group, after_name) = query.after()?;
        let group = query.schedule_group.as_deref();
        let listed = self.inner.state.read(|connection| {
            if let Some(group) = group
                && store::group(connection, group)?.is_none()
            {
                return Ok(Err(not_found("Schedule group", group)));
            }
            let after = (after_group.as_str(), after_name.as_str());
            Ok(Ok(store::list(connection, group, &query.name_prefix, after, size + 1)?))
        })?;
        let mut schedules = listed?;
        let more = schedules.len() > size;
        schedules.truncate(size);
        let token = schedules
            .last()
            .filter(|_| more)
            .map(|last| page_token(&last.group, &last.name));
        let entries: Vec<Value> = schedules
            .iter()
            // The filter comes after the page is cut, so a page may hold fewer: AWS says so of all its lists.
            .filter(|schedule| query.state.is_none_or(|state| state == schedule.definition.state))
            .map(|schedule| {
                json!({
                    "Arn": schedule_arn(&schedule.group, &schedule.name),
                    "Name": schedule.name,
                    "GroupName": schedule.group,
                    "State": schedule.definition.state,
                    "CreationDate": epoch(schedule.created),
                    "LastModificationDate": epoch(schedule.modified),
                    "Target": { "Arn": schedule.definition.target_arn() },
                })
            })
            .collect();
        Ok(json!({ "Schedules": entries, "NextToken": token }))
    }

    fn new_group(&self, name: &str) -> Result<Value, ApiError> {
        check_name("Name", name)?;
        let now = self.inner.clock.now();
        if self.inner.state.write(|tx| store::create_group(tx, name, now))? {
            Ok(json!({ "ScheduleGroupArn": group_arn(name) }))
        } else {
            Err(conflict(format!("Schedule group {name} already exists.")))
        }
    }

    fn group(&self, name: &str) -> Result<Value, ApiError> {
        let created = self.inner.state.read(|connection| store::group(connection, name))?;
        let created = created.ok_or_else(|| not_found("Schedule group", name))?;
        Ok(group_entry(name, created))
    }

    fn drop_group(&self, name: &str) -> Result<Value, ApiError> {
        if name == DEFAULT_GROUP {
            return Err(invalid("The default schedule group can't be deleted."));
        }
        if self.inner.state.write(|tx| store::delete_group(tx, name))? {
            Ok(json!({}))
        } else {
            Err(not_found("Schedule group", name))
        }
    }

    fn groups(&self, query: &ListQuery) -> Result<Value, ApiError> {
        let size = query.page_size()?;
        let (after, _) = query.after()?;
        let mut found = self
            .inner
            .state
            .read(|c| store::groups(c, &query.name_prefix, &after, size + 1))?;
        let more = found.len() > size;
        found.truncate(size);
        let token = found.last().filter(|_| more).map(|(name, _)| page_token(name, ""));
        let entries: Vec<Value> = found
            .iter()
            .map(|(name, created)| group_entry(name, *created))
            .collect();
        Ok(json!({ "ScheduleGroups": entries, "NextToken": token }))
    }

    async fn answer(&self, operation: &str, work: impl FnOnce(&Self) -> Result<Value, ApiError>) -> Response {
        let outcome = async { respond(PROTOCOL, work(self)) };
        self.inner.faults.around(PROTOCOL, operation, outcome).await
    }
}

fn group_entry(name: &str, created: Timestamp) -> Value {
    json!({
        "Arn": group_arn(name),
        "Name": name,
        "State": "ACTIVE",
        "CreationDate": epoch(created),
        "LastModificationDate": epoch(created),
    })
}

type Service = AxumState<Scheduler>;

async fn create_schedule(AxumState(service): Service, Path(name): Path<String>, body: Bytes) -> Response {
    service
        .answer("CreateSchedule", |service| service.create(&name, &body))
        .await
}

async fn update_schedule(AxumState(service): Service, Path(name): Path<String>, body: Bytes) -> Response {
    service
        .answer("UpdateSchedule", |service| service.update(&name, &body))
        .await
}

async fn get_schedule(
    AxumState(service): Service,
    Path(name): Path<String>,
    Query(query): Query<OneQuery>,
) -> Response {
    service
        .answer("GetSchedule", |service| service.get(&name, &query.group_name))
        .await
}

async fn delete_schedule(
    AxumState(service): Service,
    Path(name): Path<String>,
    Query(query): Query<OneQuery>,
) -> Response {
    service
        .answer("DeleteSchedule", |service| service.delete(&name, &query))
        .await
}

async fn list_schedules(AxumState(service): Service, Query(query): Query<ListQuery>) -> Response {
    service.answer("ListSchedules", |service| service.list(&query)).await
}

async fn create_group(AxumState(service): Service, Path(name): Path<String>) -> Response {
    service
        .answer("CreateScheduleGroup", |service| service.new_group(&name))
        .await
}

async fn get_group(AxumState(service): Service, Path(name): Path<String>) -> Response {
    service.answer("GetScheduleGroup", |service| service.group(&name)).await
}

async fn delete_group(AxumState(service): Service, Path(name): Path<String>) -> Response {
    service
        .answer("DeleteScheduleGroup", |service| service.drop_group(&name))
        .await
}

async fn list_groups(AxumState(service): Service, Query(query): Query<ListQuery>) -> Response {
    service
        .answer("ListScheduleGroups", |service| service.groups(&query))
        .await
}
