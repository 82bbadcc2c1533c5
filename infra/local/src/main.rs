//! `cargo run`: the whole of Hourglass on a laptop, with nothing to sign up for.

use std::process::ExitCode;

fn main() -> ExitCode {
    hourglass_local::program::main()
}
