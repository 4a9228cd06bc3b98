//! `ar-doctor migrate`.

use anyhow::anyhow;
use clap::{Args, ValueEnum};

use super::source::{Bare, Source};
use super::{Failure, Global, exit, terminal};
use crate::migrate::{Inventory, plan};
use crate::redact::Redactor;
use crate::report::{json, migrate};

const EXAMPLES: &str = "\
Examples:
  sudo ar-doctor migrate > plan.md
  ar-doctor migrate --config ossec.conf --role manager
  sudo ar-doctor migrate --format json | jq -r '.hazards[] | select(.harm == \"fatal\") | .title'
  ar-doctor migrate --from fixtures/hosts/manager-4.14-debian      a host that comes with the source

Run it on the manager, which knows what triggers a response, and on agents, which have the
scripts. It changes nothing.

Exit status: 0 fine, 2 usage, 3 nothing to look at, 70 internal error, 130 interrupted.";

/// Plan the move from 4.x to 5.x: what breaks, and what takes its place.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The form of the plan
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Form::Markdown)]
    format: Form,
    #[command(flatten)]
    bare: Bare,
}

/// The form of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    #[value(alias = "text")]
    Markdown,
    /// For programs
    Json,
}

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
    let source = Source::open(global, &arguments.bare)?;
    let facts = source.facts(global, redactor)?;
    if let Some(why) = &facts.install.sealed {
        let home = facts.install.home.display();
        return Err(Failure::nothing(anyhow!("{home} cannot be entered: {why}")));
    }
    let inventory = Inventory::collect(&facts);
    let plan = plan(&inventory);
    let label = if facts.is_bare() {
        facts.config().file.shown.clone()
    } else {
        format!("{}, {}", facts.label(), facts.install.home.display())
    };
    let document = migrate::document(&plan, &label, redactor);
    let out = match arguments.format {
        Form::Json => json::to_text(&document).map_err(Failure::internal)?,
        Form::Markdown if global.quiet => String::new(),
        Form::Markdown => migrate::markdown(&document),
    };
    terminal::print(&out)?;
    Ok(exit::FINE)
}
