//! The console: who is signed in, and for how long.

#![cfg(test)]

mod lapse;
mod sign_in;
