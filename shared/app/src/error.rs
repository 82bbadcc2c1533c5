//! How a use case fails.

use hourglass_domain::Refusal;
use hourglass_domain::canonical::CanonicalError;

use crate::ports::connector::ConnectorError;
use crate::ports::delays::DelayError;
use crate::ports::schedules::ScheduleError;
use crate::ports::seals::SealError;
use crate::ports::secrets::SecretError;
use crate::ports::store::StoreError;

/// Why a use case did not do what was asked. Use [`Refusal`] for everything that the caller can understand and mend;
/// the rest is for operators and reaches callers only as "not available".
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A rule said no; nothing was written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret store.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A target.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The scheduler.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The queue of delayed messages.
    #[error(transparent)]
    Delay(#[from] DelayError),
    /// The keys of seals.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A value of ours has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// What a use case gives.
pub type Result<T, E = AppError> = std::result::Result<T, E>;
