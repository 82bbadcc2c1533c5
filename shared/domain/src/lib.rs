//! The rules of Hourglass, and nothing else.
//!
//! Everything here is a pure function of its arguments: no input or output, no async, no clock, no randomness. What
//! may fail does so for one reason only: a rule refused it ([`Refusal`]). Time, ids and facts about the world are
//! parameters, so that each rule can be tested as a table and the membership protocol can be checked exhaustively.
//!
//! Reading order: [`entitlement`] (what can be asked for), [`request`] and [`decision`] (who asks, who decides),
//! [`grant`] and [`membership`] (what follows), [`protocol`] (the one way in which a target is touched), [`audit`].

pub mod activation;
pub mod application;
pub mod audit;
pub mod auth_context;
pub mod budget;
pub mod by_hand;
pub mod canonical;
pub mod checkpoint;
pub mod decision;
pub mod decision_file;
pub mod delegate;
pub mod directory;
pub mod drift;
pub mod due;
pub mod duration;
pub mod entitlement;
pub mod grant;
pub mod identity_center;
pub mod ids;
pub mod kill_switch;
pub mod limit;
pub mod look_alike;
pub mod membership;
pub mod message;
pub mod passkey;
pub mod person;
pub mod protocol;
pub mod refusal;
pub mod request;
pub mod roles;
pub mod seal;
pub mod session;
pub mod signed;
pub mod target;
pub mod text;
pub mod time;
pub mod two_person;
pub mod webauthn;

pub use refusal::Refusal;
pub use time::Timestamp;
