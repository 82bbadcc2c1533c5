//! Use cases of Hourglass, and the ports through which they reach the outside world.
//!
//! One file per noun. A use case loads state and facts through ports, lets the domain decide, and stores the outcome in
//! one conditional transaction. Targets are touched in one place only: [`workers::converge`].

pub mod change;
pub mod directory;
pub mod error;
pub mod keys;
pub mod ports;
pub mod records;

pub use error::{AppError, Result};
