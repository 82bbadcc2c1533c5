//! The laptop program as a process: killed at many moments and started again on the same data, nothing is lost; and how
//! it starts and ends.

#![cfg(test)]

mod audit;
mod laptop;
mod many;
mod program;
mod steps;
mod survives;
