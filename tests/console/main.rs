//! The console: who is signed in, and for how long; passkeys, and what is decided and activated with them.

#![cfg(test)]

mod access;
mod admin;
mod admin_operations;
mod aws;
mod changes;
mod emergency;
mod german;
mod history;
mod inbox;
mod lapse;
mod passkeys;
mod request;
mod routes;
mod sign_in;
