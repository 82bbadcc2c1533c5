//! Configuration: applications, entitlements, the template, integrations and probes; and the kill switch.
//!
//! Everything here needs the app role `Admin` and the scope `Admin.ReadWrite`, and concerns the caller's own
//! application only. Every change is versioned (the version that was read comes back with it) and audited, and what makes
//! access easier takes two admins: it comes through [`changes`] and no other way.

pub mod applications;
pub mod approvers;
pub mod aws;
mod by;
pub mod by_hand;
pub mod changes;
pub mod drift;
pub mod entitlements;
pub mod integrations;
pub mod kill_switch;
pub mod links;
pub mod lookup;
pub mod overview;
pub mod people;
pub mod probes;
pub mod search;
pub mod template;

use hourglass_domain::Refusal;
use hourglass_domain::ids::ApplicationId;
use hourglass_domain::roles::{Role, Scope};

use crate::caller::Who;

/// # Errors
/// When the caller is no admin, or the application is not the caller's own.
pub fn require_admin(who: &Who) -> Result<(), Refusal> {
    who.require_scope(Scope::AdminReadWrite)?;
    who.require_role(Role::Admin)
}

/// # Errors
/// As [`require_admin`]; another application is not found.
pub fn require_admin_of(who: &Who, application: &ApplicationId) -> Result<(), Refusal> {
    require_admin(who)?;
    if who.application.value.id == *application {
        Ok(())
    } else {
        Err(Refusal::NotFound { what: "application" })
    }
}

/// The version that a change was made against is the version that is stored.
///
/// # Errors
/// [`Refusal::Changed`] otherwise.
pub fn require_version(stored: u64, expected: Option<u64>) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != stored => Err(Refusal::Changed),
        _ => Ok(()),
    }
}
