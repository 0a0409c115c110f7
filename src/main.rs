//! The `weighbridge` command; everything is in the library's `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    weighbridge::cli::main()
}
