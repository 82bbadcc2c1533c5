//! Verifies what Hourglass exports, without Hourglass.
//!
//! A second opinion: it shares with the system the words (`domain`: forms, files, events, strict readers) and none of the
//! ceremony. Where the system asks `webauthn-rs-core` and RustCrypto, this asks aws-lc-rs; tests hold the two against each
//! other on every valid and every mutated ceremony. Nothing here calls anybody, reads a clock or a file.
//!
//! [`decision::verify`] says what a decision file proves by itself: that the content was signed by the key in the file.
//! Whose key that was is said by the audit stream alone: [`anchor::verify`] follows it up to a checkpoint that was signed
//! with a key from outside.

pub mod anchor;
pub mod ceremony;
pub mod checkpoints;
pub mod decision;
mod signature;
