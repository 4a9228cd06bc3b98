//! `ar-doctor completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Failure, exit, terminal};

/// Print a completion script for a shell.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Arguments {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: Arguments) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "ar-doctor", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(exit::FINE)
}
