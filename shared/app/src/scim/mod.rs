//! The SCIM 2.0 service provider (RFC 7643 and 7644): how Entra brings users and groups to Hourglass.
//!
//! Input is taken leniently, because two dialects of Entra and many suites have to work at the same time; output is
//! strictly what the RFCs say. Everything belongs to the application of the caller's secret ([`token`]).

pub mod error;
pub mod filter;
pub mod matching;
pub mod patch;
pub mod schema;
pub mod token;
pub mod value;

pub use error::{Result, ScimError, ScimType};
pub use token::{Caller, LastSeen, authenticate, hash_token, new_token};
