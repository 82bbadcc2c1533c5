//! What the use cases need of the outside world.
//!
//! The contract of a port is in its doc comment. Every port has one implementation, an adapter crate; only [`Clock`]
//! and [`Ids`] have a second one, for tests and simulations.

pub mod connector;
pub mod delays;
pub mod directory;
pub mod identity;
pub mod identity_center;
pub mod passkeys;
pub mod schedules;
pub mod seals;
pub mod secrets;
pub mod store;
pub mod tokens;

use std::sync::Arc;

use hourglass_domain::Timestamp;
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Makes identifiers and random bytes.
pub trait Ids: Send + Sync + std::fmt::Debug {
    /// A new UUID, version 7: unique, and later ones sort after earlier ones.
    fn uuid(&self) -> Uuid;

    /// Fills `bytes` from a cryptographically secure source.
    fn random(&self, bytes: &mut [u8]);
}

/// What every use case has: the table, the time, new ids and seals.
#[derive(Clone, Debug)]
pub struct Core {
    /// The table.
    pub store: Arc<dyn store::Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Seals of what nobody may write past its owner.
    pub seals: Arc<dyn seals::Seals>,
    /// Settings of this deployment.
    pub settings: Arc<Settings>,
}

/// What only the functions that touch targets have.
#[derive(Clone, Debug)]
pub struct Workers {
    /// The table, the time and new ids.
    pub core: Core,
    /// One-shot schedules.
    pub schedules: Arc<dyn schedules::Schedules>,
    /// Delayed messages.
    pub delays: Arc<dyn delays::Delays>,
    /// The targets.
    pub connector: Arc<dyn connector::Connector>,
    /// Verifies what passkeys have signed.
    pub passkeys: Arc<dyn passkeys::Passkeys>,
    /// What the directory says about people and policies.
    pub directory: Arc<dyn directory::Directory>,
    /// AWS IAM Identity Center.
    pub identity_center: Arc<dyn identity_center::IdentityCenter>,
    /// What this instance remembers of crowds.
    pub crowds: Arc<crate::workers::crowds::Crowds>,
}

/// Settings of a deployment, fixed at start-up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Tenants whose users may sign in; the first is the operator's.
    pub sign_in_tenants: Vec<hourglass_domain::ids::TenantId>,
    /// Seconds between the last change of a membership and the read that proves its absence.
    pub confirm_after_seconds: i64,
    /// Whether durations below a minute may be configured (on a laptop only).
    pub short_durations: bool,
    /// Whether nothing outside this machine is reached (on a laptop only), so that targets may be on it too.
    pub local: bool,
    /// Base of our own urls, without a trailing slash.
    pub public_url: String,
    /// The authentication context that a step-up asks for, such as `c1`.
    pub auth_context: String,
    /// How long a key cools down that no key of the same person vouches for, in seconds.
    pub key_cool_down_seconds: i64,
    /// SHA-256 of the code with which the very first admin confirms their key; nobody can without one.
    pub set_up_code_sha256: Option<hourglass_domain::canonical::Digest>,
    /// Whether changes of the configuration take two admins, once there are two.
    pub two_person: bool,
}

impl Settings {
    /// The host that passkeys are made for: that of our own urls.
    #[must_use]
    pub fn rp_id(&self) -> String {
        let host = self.public_url.split_once("://").map_or("", |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or_default();
        host.to_ascii_lowercase()
    }
}
