//! Everything between the outside of a process and the use cases: configuration, adapters, logs, and Lambda.
//!
//! A function's `main` is one line ([`lambda::run_http`], [`lambda::run_events`]). The laptop program fills in a
//! [`Config`] itself and builds the same [`Services`].

pub mod config;
pub mod lambda;
pub mod metrics;
pub mod services;
pub mod system;
pub mod telemetry;

pub use config::Config;
pub use services::Services;
