//! Abuse cases: one named test per case of the threat list.

#![cfg(test)]

mod approvals;
mod forged;
mod lifecycle;
mod scim;
mod stage;
mod surface;
mod targets;
mod tokens;
