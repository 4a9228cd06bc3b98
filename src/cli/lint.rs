//! `ar-doctor lint`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, ValueEnum};

use super::check::FailOn;
use super::output::{self, Form, Output};
use super::source::Source;
use super::{Failure, Global, exit, terminal};
use crate::facts::TextFile;
use crate::facts::executable::{Executable, SCRIPT_LIMIT};
use crate::host::Fact;
use crate::lint::{self, Context};
use crate::redact::Redactor;
use crate::report::lint::{self as report, Options, Script};
use crate::report::{escape, json, sarif};
use crate::wazuh::launch::Program;
use crate::wazuh::version::Contract;

const EXAMPLES: &str = "\
Examples:
  ar-doctor lint active-response/bin/*.sh
  ar-doctor lint custom-block.py --contract json5 --timeout 600
  ar-doctor lint --from web-01.tar.gz     the scripts of all responses of a host
  ar-doctor lint block.sh -v              advice too, and what the script needs and reads
  git show :block.sh | ar-doctor lint - --format json
  ar-doctor lint bin/* -o sarif=lint.sarif     for code scanning, and the text as ever

A comment switches a finding off: `# ar-doctor: ignore[read-without-r]` for its line and the next,
`# ar-doctor: ignore-file[AR105]` for the whole script. check heeds both. What it finds on a host is
accepted in ar-doctor.toml, which lint does not read.

Exit status: 0 fine, 1 findings at or above --fail-on, 2 usage or a file that cannot be read,
3 a file of --output that cannot be written, 70 internal error, 130 interrupted.";

/// Read scripts without running them: where their text breaks what execd expects.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The scripts; `-` is standard input. With --from they are looked for on that host, by name or
    /// path [default with --from: those of all its responses]
    #[arg(value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// How execd calls them [default: as each is written, else json4]
    #[arg(long, value_name = "CONTRACT", value_enum)]
    contract: Option<ContractArgument>,
    /// Timeout of the response in seconds, 0 for none [default: as each is written]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    timeout: Option<i32>,
    #[command(flatten)]
    output: Output,
    /// Exit with 1 when there is a finding of this severity or above
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Warning)]
    fail_on: FailOn,
}

/// How execd calls a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ContractArgument {
    /// Up to 4.1
    Args,
    /// From 4.2 on
    Json4,
    /// From 5.0 on
    Json5,
}

/// A timeout that stands for any.
const SOME: i32 = 600;

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
    arguments.output.refuse_unfit(&[])?;
    let mut scripts = Vec::new();
    let mut unreadable = Vec::new();
    let given = if global.from.is_some() {
        hosted(global, arguments, redactor)?
    } else if arguments.scripts.is_empty() {
        return Err(Failure::usage(anyhow!("name the scripts, or a host that has them with --from")));
    } else {
        let read = |path: &PathBuf| (path.clone(), read(path).map_err(|error| error.to_string()));
        arguments.scripts.iter().map(read).collect()
    };
    for (path, bytes) in given {
        match bytes {
            Ok(bytes) => scripts.push(script(&path, bytes, arguments, redactor)),
            Err(why) => unreadable.push((path.display().to_string(), why)),
        }
    }
    let worst = scripts.iter().flat_map(|script| &script.lint.faults).map(lint::Fault::severity).max();
    let status = match arguments.fail_on.severity() {
        _ if !unreadable.is_empty() => exit::USAGE,
        Some(least) if worst >= Some(least) => exit::FOUND,
        _ => exit::FINE,
    };
    let unwritten = arguments.output.write(redactor, |form, place| match form {
        Form::Json => {
            json::to_text(&report::document(&scripts, &unreadable, redactor)).map_err(Failure::internal)
        }
        Form::Markdown => Ok(report::markdown(&scripts, &unreadable, redactor)),
        Form::Sarif => {
            json::to_text(&sarif::lint(&scripts, &unreadable, redactor, status)).map_err(Failure::internal)
        }
        Form::Text => {
            let mut page = terminal::page_for(place, global);
            let options = Options { verbose: global.verbose, quiet: global.quiet };
            report::write(&scripts, options, redactor, &mut page);
            Ok(page.into_text())
        }
    })?;
    for (file, why) in &unreadable {
        terminal::complain(&escape::visible(&redactor.text(format!("{file}: {why}"))));
    }
    Ok(output::worse(status, unwritten))
}

/// A script, or why it cannot be read.
type Given = (PathBuf, Result<Vec<u8>, String>);

/// Scripts of the host that `--from` names: those that are named, else those of its responses.
fn hosted(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<Vec<Given>, Failure> {
    let source = Source::of_host(global)?;
    let facts = source.facts(global, redactor)?;
    let bin = facts.under_home("active-response/bin");
    let mut paths: Vec<PathBuf> = arguments
        .scripts
        .iter()
        .map(|script| match script.components().count() {
            1 => bin.join(script),
            _ => facts.install.home.join(script),
        })
        .collect();
    if paths.is_empty() {
        let is_script = |executable: &&Executable| {
            executable.file().is_some() && matches!(executable.program.get(), Some(Program::Script(_)))
        };
        paths =
            facts.executables().iter().filter(is_script).map(|executable| executable.path.clone()).collect();
        paths.sort();
        paths.dedup();
    }
    let read = |path: PathBuf| {
        let content = facts.head(&path, SCRIPT_LIMIT);
        let bytes = match (content.get(), content.unknown()) {
            (Some(content), _) if content.truncated => Err(too_large()),
            (Some(content), _) => Ok(content.bytes.clone()),
            (None, Some(gap)) => Err(gap.why),
            (None, None) => Err("does not exist".to_owned()),
        };
        (path, bytes)
    };
    Ok(paths.into_iter().map(read).collect())
}

fn too_large() -> String {
    format!("is larger than {SCRIPT_LIMIT} bytes, the most that is read")
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        return limited(io::stdin().lock());
    }
    // Not opened unless it is a regular file: a FIFO would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("is no regular file"));
    }
    limited(File::open(path)?)
}

fn limited(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(SCRIPT_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SCRIPT_LIMIT {
        return Err(io::Error::other(too_large()));
    }
    Ok(bytes)
}

fn script(path: &Path, bytes: Vec<u8>, arguments: &Arguments, redactor: &Redactor) -> Script {
    redactor.mark(&bytes);
    let shown = path.display().to_string();
    let language = lint::language(path.as_os_str().as_encoded_bytes(), &bytes);
    let read = |contract, timeout| match language {
        Some(language) => lint::lint(&bytes, language, &Context { contract, timeout }),
        None => lint::Lint::default(),
    };
    let mut contract = match arguments.contract {
        Some(ContractArgument::Args) => Contract::Args,
        Some(ContractArgument::Json5) => Contract::Json5,
        Some(ContractArgument::Json4) | None => Contract::Json4,
    };
    let mut first = read(contract, SOME);
    // What is written for 5.x is no fault of a script nobody has put on a 4.x host.
    if arguments.contract.is_none()
        && first.written_for.as_ref().is_some_and(|(written, ..)| *written == Contract::Json5)
    {
        contract = Contract::Json5;
        first = read(contract, SOME);
    }
    let timeout = arguments.timeout.unwrap_or(if first.stateful { SOME } else { 0 });
    let lint = if timeout == SOME { first } else { read(contract, timeout) };
    let file = TextFile::of_bytes(shown, path.to_owned(), Fact::known("script", bytes));
    Script { file, language, context: Context { contract, timeout }, lint }
}
