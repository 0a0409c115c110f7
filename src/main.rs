//! The `weighbridge` command; everything is in the library's `cli`.

use std::process::ExitCode;

/// Where there is no more memory, that is said and the process ends.
#[global_allocator]
static MEMORY: weighbridge_memory::Told = weighbridge_memory::Told;

fn main() -> ExitCode {
    weighbridge::cli::main()
}
