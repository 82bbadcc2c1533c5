//! The whole system, simulated: histories in which every call of every port may fail, hang, die or lie.
//!
//! The services are the real ones of `app`, with all their rules. What stands in for the world runs on one thread and one
//! paused clock, and everything that is left to chance comes from one seed, so that a history that goes wrong can be
//! seen again as often as one likes. Production does not depend on this crate.

mod checks;
mod company;
mod directory;
mod dynamo;
mod faults;
mod figures;
mod history;
mod memory;
mod ports;
mod process;
mod rng;
mod scheduler;
mod vault;
mod world;

pub use figures::{ENOUGH_FOR_ALL_STEPS, Figures, simulate};
pub use history::{History, Table, history};
