//! Seals of stored items: HMAC-SHA-256 (RFC 2104, FIPS 198-1) with keys in AWS Secrets Manager.
//!
//! The secrets `<prefix>seal/decisions` and `<prefix>seal/policy` are made with the stack; no function can write one. The
//! id of a key is the version id of its secret. The version that is labelled `AWSCURRENT` seals; every version that Secrets
//! Manager still has verifies, found by its id. A rotation therefore takes nothing away that was sealed before, as long as
//! the earlier version keeps a label: one without any label may be dropped.

mod keyring;
mod reader;

#[cfg(test)]
mod tests;

pub use keyring::{Key, KeyError};
pub use reader::SecretsManagerSeals;
