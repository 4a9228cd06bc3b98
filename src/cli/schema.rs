//! `ar-doctor schema`.

use clap::{Args, ValueEnum};

use super::{Failure, exit, terminal};
use crate::report::{json, lint, migrate, replay_json, show, simulate, simulate_alerts, trace};

/// Print the JSON Schema of a report.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Arguments {
    /// Which report
    #[arg(value_enum, default_value_t = Document::Check)]
    document: Document,
}

/// Which report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Document {
    /// That of `check --format json`
    Check,
    /// That of `show --format json`
    Show,
    /// That of `lint --format json`
    Lint,
    /// That of `replay --format json`
    Replay,
    /// That of `simulate --format json`
    Simulate,
    /// That of `simulate --from-alerts --format json`
    SimulateAlerts,
    /// That of `trace --format json`
    Trace,
    /// That of `migrate --format json`
    Migrate,
}

pub(super) fn run(arguments: Arguments) -> Result<u8, Failure> {
    let schema = match arguments.document {
        Document::Check => json::schema::<json::Check>(),
        Document::Show => json::schema::<show::Show>(),
        Document::Lint => json::schema::<lint::Document>(),
        Document::Replay => json::schema::<replay_json::Document>(),
        Document::Simulate => json::schema::<simulate::Document>(),
        Document::SimulateAlerts => json::schema::<simulate_alerts::Document>(),
        Document::Trace => json::schema::<trace::Document>(),
        Document::Migrate => json::schema::<migrate::Document>(),
    };
    terminal::print(&json::to_text(&schema).map_err(Failure::internal)?)?;
    Ok(exit::FINE)
}
