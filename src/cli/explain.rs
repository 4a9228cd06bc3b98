//! `ar-doctor explain`.

use anyhow::anyhow;
use clap::Args;

use super::{Failure, Global, exit, terminal};
use crate::findings::catalogue;
use crate::report::catalogue as report;

const EXAMPLES: &str = "\
Examples:
  ar-doctor explain AR041
  ar-doctor explain crlf-shebang
  ar-doctor explain 1311
  ar-doctor explain 1204
  ar-doctor explain \"wazuh-execd: ERROR: (1312): Error executing command\"";

/// Say what a check, a number of Wazuh or a log line means.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// An id, a slug, a number, a pasted log line, or words
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<u8, Failure> {
    let query = arguments.query.join(" ");
    let found = catalogue::explain(&query);
    if found.is_empty() {
        let near = catalogue::suggest(&query);
        let hint = if near.is_empty() {
            "`ar-doctor list` names all checks".to_owned()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        return Err(Failure::usage(anyhow!("nothing is known about '{query}'; {hint}")));
    }
    let mut page = terminal::page(global);
    report::explain(&found, &mut page);
    terminal::print(&page.into_text())?;
    Ok(exit::FINE)
}
