//! One-shot schedules.

use async_trait::async_trait;
use hourglass_domain::Timestamp;
use hourglass_domain::grant::ScheduleName;

/// A schedule could not be made or deleted; the text is for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scheduler: {0}")]
pub struct ScheduleError(pub String);

/// What was found under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The schedule as it was made.
    Same,
    /// None.
    Missing,
    /// Another one; in words for operators, what is different.
    Changed(String),
}

/// Part of the list of all schedules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Their names, in no order; not only names of ours.
    pub names: Vec<String>,
    /// What to give as `after` for the next part; `None` at the end. Good for some minutes.
    pub next: Option<String>,
}

/// One-shot schedules that start `functions/revocation` with the grant's id and nothing else.
///
/// A schedule only makes the end punctual. That it may fire late, twice or never is provided for: the due-entry and
/// the sweep are the authority.
#[async_trait]
pub trait Schedules: Send + Sync + std::fmt::Debug {
    /// Makes the schedule `name` fire at `at`. Making it again with the same time is a success; a schedule of that name
    /// with another time is an error, because a name is used once.
    async fn create(&self, name: &ScheduleName, at: Timestamp) -> Result<(), ScheduleError>;

    /// Whether the schedule `name` is there as [`Self::create`] made it for `at`: enabled, with this time, target and
    /// payload.
    async fn inspect(&self, name: &ScheduleName, at: Timestamp) -> Result<Found, ScheduleError>;

    /// Part of the list of the schedules in our group, at most 100.
    async fn list(&self, after: Option<&str>) -> Result<Listed, ScheduleError>;

    /// Deletes the schedule; one that does not exist is as good as deleted.
    async fn delete(&self, name: &ScheduleName) -> Result<(), ScheduleError>;
}
