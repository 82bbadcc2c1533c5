//! The laptop program once more, under this package: cargo builds a package's own programs for its tests, and those of
//! other packages not.

use std::process::ExitCode;

fn main() -> ExitCode {
    hourglass_local::program::main()
}
