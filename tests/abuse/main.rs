//! Abuse cases: one named test per case of the threat list, for the cases that concern what exists.
//!
//! Not here, because what they attack is not there yet or is shown elsewhere:
//!
//! - 12, 13 (assertions): every mutated ceremony is refused in `tests/ceremony`, and what becomes of some is here;
//! - 33 (mirroring), 50, 51 (permissions by simulation), 55, 61 (supply chain, the registrations): with Identity Center and
//!   the deployment;
//! - 42 (a crash at every step): `tests/kill`, the simulation, and the protocol's own tests in `shared/domain`; deaths
//!   between an add and what is stored of it are in `tests/peers` as well;
//! - 56–60: Active Directory and Windows.
//!
//! And these are here as far as they go:
//!
//! - 3: groups in groups are not known;
//! - 15: who is in a group within a group that the policy leaves out is not known here;
//! - 39: nobody is warned that somebody is a member through another group already;
//! - 40: that somebody is told of a schedule that was tampered with is shown in `tests/timers`;
//! - 52: a changed trail shows to whoever verifies it; there are no signed checkpoints, so that a trail that was rewritten
//!   as a whole, heads included, does not.

#![cfg(test)]

mod approvals;
mod by_hand;
mod confirmed;
mod console;
mod extension;
mod forged;
mod kill_switch;
mod lifecycle;
mod overdue;
mod passkeys;
mod people;
mod scim;
mod stage;
mod step_up;
mod surface;
mod targets;
mod tokens;
mod two_person;
