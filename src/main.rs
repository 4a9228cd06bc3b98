//! The `ar-doctor` binary: hands the command line to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ar_doctor::cli::main()
}
