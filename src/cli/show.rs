//! `ar-doctor show`.

use anyhow::anyhow;
use clap::Args;

use super::output::PlainForm;
use super::source::{Bare, Source};
use super::{Failure, Global, exit, terminal};
use crate::redact::Redactor;
use crate::report::json;
use crate::report::show::View;

const EXAMPLES: &str = "\
Examples:
  sudo ar-doctor show
  ar-doctor show --config ossec.conf --role manager --wazuh-version 4.9.2
  ar-doctor show --format json | jq '.daemons[\"wazuh-analysisd\"]'

Exit status: 0 fine, 1 a daemon would refuse to start, 2 usage, 3 nothing to show,
70 internal error, 130 interrupted.";

/// Show the configuration as each daemon takes it, with its origin.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The form of the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = PlainForm::Text)]
    format: PlainForm,
    #[command(flatten)]
    bare: Bare,
}

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
    let source = Source::open(global, &arguments.bare)?;
    let facts = source.facts(global, redactor)?;
    let Some(view) = View::new(&facts, redactor) else {
        let file = &facts.config().file;
        let path = file.path.display();
        return Err(match file.bytes.unknown() {
            Some(gap) => Failure::nothing(anyhow!("{path} could not be read: {}", gap.why)),
            // What is not there is not refused by this program but by the daemons.
            None => Failure {
                status: exit::FOUND,
                error: anyhow!("{path} does not exist: no daemon starts without it"),
            },
        });
    };
    let out = match arguments.format {
        PlainForm::Json => json::to_text(&view.document()).map_err(Failure::internal)?,
        PlainForm::Text if global.quiet => String::new(),
        form => form.written("ar-doctor show", global, |page| view.write(page)),
    };
    terminal::print(&out)?;
    Ok(if view.refuses_to_start() { exit::FOUND } else { exit::FINE })
}
