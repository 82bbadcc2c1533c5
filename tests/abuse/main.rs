//! Abuse cases: one named test per case of the threat list.

mod approvals;
mod stage;
mod surface;
mod tokens;
