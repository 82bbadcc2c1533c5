//! What one instance of a function remembers of crowds: of which tenants many grants end at once, and that a sweep is at
//! work on them.
//!
//! Ten thousand triggers in a minute that each find out for themselves that a sweep is at work are a load of their own, on
//! the table that the sweep needs. So whoever found it leaves a note for those who come after it in the same instance.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hourglass_domain::Timestamp;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::TenantId;
use hourglass_domain::target::Target;

/// How long (seconds) a note is believed: a sweep may die, and is then missed after this.
const NOTE_SECONDS: i64 = 5;
/// Most tenants with a note; with more, the oldest notes go.
const MOST_TENANTS: usize = 1_000;

/// The notes of one instance.
#[derive(Debug, Default)]
pub struct Crowds {
    seen: Mutex<BTreeMap<TenantId, Timestamp>>,
}

impl Crowds {
    fn seen(&self) -> MutexGuard<'_, BTreeMap<TenantId, Timestamp>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sweep is at work while many grants of the tenant of this one are due.
    pub(super) fn note(&self, grant: &Grant, now: Timestamp) {
        let Some(tenant) = tenant_of(grant) else { return };
        let mut seen = self.seen();
        seen.insert(tenant, now);
        if seen.len() > MOST_TENANTS {
            seen.retain(|_, at| now.seconds_since(*at) < NOTE_SECONDS);
        }
    }

    /// Whether a grant whose time is up can be left to a sweep. One that was at work after the grant fell due looks again
    /// before it is over, and finds it.
    pub(super) fn is_swept(&self, grant: &Grant, now: Timestamp) -> bool {
        let seen = tenant_of(grant).and_then(|tenant| self.seen().get(&tenant).copied());
        seen.is_some_and(|at| at >= grant.expires_at && now.seconds_since(at) < NOTE_SECONDS)
    }
}

/// Whose writes a grant's end costs.
pub(super) fn tenant_of(grant: &Grant) -> Option<TenantId> {
    let target = grant.targets.first()?;
    let Target::Entra { tenant, .. } = &target.target;
    Some(*tenant)
}
