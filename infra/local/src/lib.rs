//! The whole of Hourglass in one process, for a laptop: simulators of the systems around it and the host that runs the
//! functions.

pub mod aws;
pub mod company;
pub mod entra;
pub mod sim;
mod seed;
pub mod system;
