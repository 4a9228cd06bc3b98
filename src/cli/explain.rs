//! `ar-doctor explain`.

use anyhow::anyhow;
use clap::Args;

use super::signatures::Signatures;
use super::{Failure, Global, exit, terminal};
use crate::findings::catalogue;
use crate::logs;
use crate::redact::Redactor;
use crate::report::catalogue as report;

const EXAMPLES: &str = "\
Examples:
  ar-doctor explain AR041
  ar-doctor explain crlf-shebang
  ar-doctor explain 1311
  ar-doctor explain 1204
  ar-doctor explain redaction
  ar-doctor explain \"wazuh-execd: ERROR: (1312): Error executing command\"";

/// Say what a check, a number of Wazuh or a log line means, or what is redacted.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// An id, a slug, a number, a pasted log line, or words
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,
    #[command(flatten)]
    signatures: Signatures,
}

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
    let query = arguments.query.join(" ");
    if query.eq_ignore_ascii_case("redaction") {
        let mut page = terminal::page(global);
        report::redaction(&mut page);
        terminal::print(&page.into_text())?;
        return Ok(exit::FINE);
    }
    let site = arguments.signatures.load(redactor)?;
    let known = logs::explain::explain(&query, &site);
    let mut found = catalogue::explain(&query);
    // What a site knows better than words of the catalogue.
    if let Some(check) = known.first().and_then(|known| known.signature.check)
        && !found.contains(&catalogue::Explanation::Check(check.check()))
    {
        found.push(catalogue::Explanation::Check(check.check()));
    }
    if found.is_empty() && known.is_empty() {
        let near = catalogue::suggest(&query);
        let hint = if near.is_empty() {
            "`ar-doctor list` names all checks".to_owned()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        return Err(Failure::usage(anyhow!("nothing is known about '{query}'; {hint}")));
    }
    let mut page = terminal::page(global);
    report::signatures(&known, redactor, &mut page);
    report::explain(&found, &mut page);
    terminal::print(&page.into_text())?;
    Ok(exit::FINE)
}
