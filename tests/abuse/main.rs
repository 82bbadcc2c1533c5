//! Abuse cases: one named test per case of the threat list, for the cases that concern what exists.
//!
//! Not here, because what they attack is not there yet or is shown elsewhere:
//!
//! - 12–14 (assertions, ceremonies, enrolment), 22 (sign-in redirects): with passkeys and the console's sign-in;
//! - 28 (quotas): the limit of open requests is case 16 here; limits of calls come with the console;
//! - 33, 50, 51, 54, 55, 61: Identity Center, permissions by simulation, urls that people enter, supply chain;
//! - 42 (a crash at every step): `tests/kill` and the protocol's own tests in `shared/domain`;
//! - 46, 47, 62 (extension, emergency, two-person changes): with those capabilities; 48 here is off-boarding only;
//! - 56–60: Active Directory and Windows.

#![cfg(test)]

mod approvals;
mod forged;
mod lifecycle;
mod scim;
mod stage;
mod surface;
mod targets;
mod tokens;
