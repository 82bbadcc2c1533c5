//! Use cases of Hourglass, and the ports through which they reach the outside world.
//!
//! One file per noun. A use case loads state and facts through ports, lets the domain decide, and stores the outcome in
//! one conditional transaction. Targets are touched in one place only: [`workers::converge`].

pub mod activation;
pub mod admin;
pub mod approvals;
pub mod auth_context;
pub mod caller;
pub mod catalogue;
pub mod change;
pub mod decisions;
pub mod delegations;
pub mod directory;
pub mod dossier;
pub mod emergencies;
pub mod error;
pub mod grants;
pub mod history;
pub mod idempotency;
pub mod keys;
pub mod limits;
pub mod outlook;
pub mod passkeys;
pub mod pause;
pub mod persons;
pub mod policy;
pub mod ports;
pub mod prompts;
pub mod records;
pub mod removals;
pub mod requests;
pub mod scim;
pub mod seals;
pub mod sessions;
pub mod sign_in;
pub mod workers;

pub use error::{AppError, Result};
