//! The command line: one file per subcommand, and the only place that knows clap.

pub mod exit;

mod capture;
mod check;
mod completions;
mod explain;
mod files;
mod interrupt;
mod lint;
mod list;
mod migrate;
mod output;
mod replay;
mod schema;
mod show;
mod signatures;
mod simulate;
mod since;
mod source;
mod suppressions;
mod terminal;
mod trace;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::redact::Redactor;
use crate::report::escape;

const EXAMPLES: &str = "\
Examples:
  sudo ar-doctor check                    why does it not run? On the manager or the agent
  ar-doctor check --response NAME         one response only
  ar-doctor check --format markdown       a ticket to paste
  ar-doctor check --from /mnt/image       a mounted image, or a capture
  ar-doctor check --config ossec.conf --role manager
                                          a file, before it is deployed
  ar-doctor show                          the configuration as each daemon takes it
  ar-doctor lint SCRIPT                   a script, without running it
  sudo ar-doctor replay NAME --payload last
                                          the last event once more, in a sandbox
  sudo ar-doctor simulate --rule 5712 --srcip 203.0.113.9
                                          what an alert of this rule starts, and what it does not
  sudo ar-doctor simulate --from-alerts   what seven days of alerts started, and what not
  sudo ar-doctor trace                    what became of each alert of seven days, step by step
  sudo ar-doctor migrate                  the way from 4.x to 5.x, as a plan
  sudo ar-doctor capture                  all they read, redacted, in one file for a support ticket
  ar-doctor explain 1311                  a number, an id, or a pasted log line

Exit status:
  0    fine
  1    check, lint: a finding at or above --fail-on; show: a daemon would refuse to start;
       simulate: what --expect names does not fire; trace: an alert was not answered
  2    usage, or a file named on the command line that cannot be read
  3    nothing to diagnose: no home, several, or one that cannot be entered;
       replay: nothing to run, or not permitted; simulate: no manager of 4.x, no alerts;
       trace: no logs to read; check, lint: a file of --output that cannot be written;
       capture: none could be made
  4    check --strict: not everything could be examined
  5    replay: the script or the event breaks the contract
  70   internal error
  130  interrupted

Environment:
  WAZUH_HOME, WAZUH_MANAGER_HOME, WAZUH_AGENT_HOME
                            the Wazuh directory, where --home does not name it
  NO_COLOR, CLICOLOR_FORCE  colour off, colour on

It only reads: it writes nothing, runs nothing, and connects to nothing. The exceptions are
capture, which writes one file, and replay, which runs one response: in a sandbox, so that
nothing on the host changes, or for real with --execute.";

/// Finds out why a Wazuh active response did not run, and proves it.
#[derive(Debug, Parser)]
#[command(name = "ar-doctor", version, after_help = EXAMPLES, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Args)]
struct Global {
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// Show advice, passed stages and whole lists
    #[arg(short, long, global = true, action = ArgAction::SetTrue, conflicts_with = "quiet")]
    verbose: bool,
    /// check, replay, trace: print the first line only; lint, migrate, show, simulate: print nothing
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    quiet: bool,
    /// The Wazuh directory, as the host names it [default: found]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Host")]
    home: Option<PathBuf>,
    /// Read this instead of this machine: the tree of a host (a mounted image, a container's
    /// root), or a capture, as one file or unpacked
    #[arg(long, global = true, value_name = "PATH", help_heading = "Host")]
    from: Option<PathBuf>,
    /// Columns of a text report [default: those of the terminal, at most 100]
    #[arg(long, global = true, value_name = "N", hide = true)]
    width: Option<u16>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless the environment says otherwise
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find where active responses stop, why, and what mends it
    Check(check::Arguments),
    /// Show the configuration as each daemon takes it, with its origin
    Show(show::Arguments),
    /// Read scripts without running them: where their text breaks what execd expects
    Lint(lint::Arguments),
    /// Play execd with one response and one event, in a sandbox
    Replay(replay::Arguments),
    /// Say which responses an alert starts, and what stops the others
    Simulate(simulate::Arguments),
    Trace(trace::Arguments),
    /// Plan the move from 4.x to 5.x: what breaks, and what takes its place
    Migrate(migrate::Arguments),
    /// Write all that the commands read on this host into one redacted file
    Capture(capture::Arguments),
    /// Say what a check, a number of Wazuh or a log line means
    Explain(explain::Arguments),
    /// List all checks
    List(list::Arguments),
    /// Print the JSON Schema of a report
    Schema(schema::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

/// Why a command ends early: what to say and the status.
#[derive(Debug)]
struct Failure {
    status: u8,
    error: anyhow::Error,
}

impl Failure {
    /// The command line is wrong, or names something that cannot be read.
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { status: exit::USAGE, error: error.into() }
    }

    /// There is nothing to diagnose.
    fn nothing(error: impl Into<anyhow::Error>) -> Self {
        Self { status: exit::NOTHING, error: error.into() }
    }

    /// A fault of this program.
    fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self { status: exit::INTERNAL, error: error.into() }
    }
}

/// What the last panic said, and where.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs the program on the command line of this process.
pub fn main() -> ExitCode {
    // A probe that panics is caught and reported as such; its noise would land in
    // the middle of a report.
    std::panic::set_hook(Box::new(|info| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
    }));
    let redactor = Redactor::new();
    let status = catch_unwind(AssertUnwindSafe(|| run(&redactor))).unwrap_or_else(|_| {
        let said = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        terminal::complain(&format!(
            "internal error, please report it with the command line: {}",
            escape::visible(&redactor.text(said))
        ));
        exit::INTERNAL
    });
    ExitCode::from(status)
}

fn run(redactor: &Redactor) -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, and neither is a reader that left.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(exit::USAGE);
        }
    };
    let result = match cli.command {
        Command::Check(arguments) => check::run(&cli.global, &arguments, redactor),
        Command::Show(arguments) => show::run(&cli.global, &arguments, redactor),
        Command::Lint(arguments) => lint::run(&cli.global, &arguments, redactor),
        Command::Replay(arguments) => replay::run(&cli.global, &arguments, redactor),
        Command::Simulate(arguments) => simulate::run(&cli.global, &arguments, redactor),
        Command::Trace(arguments) => trace::run(&cli.global, &arguments, redactor),
        Command::Migrate(arguments) => migrate::run(&cli.global, &arguments, redactor),
        Command::Capture(arguments) => capture::run(&cli.global, &arguments, redactor),
        Command::Explain(arguments) => explain::run(&cli.global, &arguments, redactor),
        Command::List(arguments) => list::run(&cli.global, arguments),
        Command::Schema(arguments) => schema::run(arguments),
        Command::Completions(arguments) => completions::run(arguments),
    };
    result.unwrap_or_else(|failure| {
        terminal::complain(&escape::visible(&redactor.text(format!("{:#}", failure.error))));
        failure.status
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bare_file_needs_its_role_and_excludes_a_host() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' ')).is_ok();
        assert!(parse("ar-doctor check --config f --role manager"));
        assert!(parse("ar-doctor show --config f --role agent --wazuh-version 4.9"));
        assert!(!parse("ar-doctor check --config f"));
        assert!(!parse("ar-doctor check --role manager"));
        assert!(!parse("ar-doctor check --wazuh-version 4.9"));
        assert!(!parse("ar-doctor check --config f --role manager --home /x"));
        assert!(!parse("ar-doctor check --config f --role manager --from /x"));
        assert!(!parse("ar-doctor check --config f --role manager --wazuh-version new"));
        assert!(!parse("ar-doctor check -q -v"));
        assert!(!parse("ar-doctor explain"));
    }
}
