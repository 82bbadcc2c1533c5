//! What makes a grant end on time: schedules, delayed messages, the sweep, and what is told when one of them is not as it
//! should be.

#![cfg(test)]

mod comparison;
mod exact;
mod stage;
mod sweep;
