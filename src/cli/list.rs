//! `ar-doctor list`.

use clap::Args;

use super::{Failure, Format, Global, exit, terminal};
use crate::report::{catalogue, json};

/// List all checks.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Arguments {
    /// The form of the list
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(global: &Global, arguments: Arguments) -> Result<u8, Failure> {
    let out = match arguments.format {
        Format::Json => json::to_text(&catalogue::document()).map_err(Failure::internal)?,
        Format::Text => {
            let mut page = terminal::page(global);
            catalogue::write_list(&mut page);
            page.into_text()
        }
    };
    terminal::print(&out)?;
    Ok(exit::FINE)
}
