//! The console: who is signed in, and for how long.

#![cfg(test)]

mod sign_in;
