//! What makes a grant end on time: schedules, delayed messages, the sweep, and what is told when one of them is not as it
//! should be.

#![cfg(test)]

mod comparison;
mod exact;
#[path = "../abuse/stage.rs"]
#[expect(dead_code, reason = "made for the abuse cases; here a part of it is needed")]
mod stage;
mod sweep;
