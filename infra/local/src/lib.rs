//! The whole of Hourglass in one process, for a laptop: simulators of the systems around it and the host that runs the
//! functions.

pub mod aws;
pub mod company;
pub mod entra;
pub mod functions;
pub mod program;
mod seed;
pub mod sim;
pub mod system;
