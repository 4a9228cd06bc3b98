//! `ar-doctor check`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};

use super::output::{self, Form, Output};
use super::signatures::Signatures;
use super::source::{self, Bare, Source};
use super::suppressions::Suppressions;
use super::{Failure, Global, exit, files, since, terminal};
use crate::baseline::Baseline;
use crate::engine::{self, Diagnosis, Options};
use crate::facts::{Facts, Response, Since};
use crate::findings::Severity;
use crate::redact::Redactor;
use crate::report::{Report, Timings, json, sarif, text, ticket};

const EXAMPLES: &str = "\
Examples:
  sudo ar-doctor check
  sudo ar-doctor check --response firewall-drop600 -v
  sudo ar-doctor check --format markdown           a ticket to paste
  sudo ar-doctor check -o json=now.json -o sarif=now.sarif
                                                   two files, and the text as ever
  sudo ar-doctor check --baseline last-week.json   what is new, gone and the same
  ar-doctor check --from /mnt/image --home /var/ossec
  ar-doctor check --config ossec.conf --role manager --fail-on warning
  ssh agent cat /var/ossec/etc/ossec.conf | ar-doctor check --config - --role agent

What is accepted stands in ar-doctor.toml, and decides neither headline nor exit status:
  [[suppress]]
  id = 'AR061'                          or its slug
  subject = '*/bin/quarantine.sh'       what the report names, or a response; * and ? match
  reason = 'by design (OPS-311)'        without one the file is refused
  expires = 2027-03-31                  optional; that day it still holds

Exit status: 0 fine, 1 findings at or above --fail-on, 2 usage, 3 nothing to diagnose or a file
of --output that cannot be written, 4 incomplete under --strict, 70 internal error, 130 interrupted.";

/// Find where active responses stop, why, and what mends it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Only the responses of this name, command, executable or id
    #[arg(long, value_name = "NAME")]
    response: Option<String>,
    #[command(flatten)]
    output: Output,
    /// Exit with 1 when there is a finding of this severity or above
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,
    /// Exit with 4 when something could not be examined
    #[arg(long)]
    strict: bool,
    /// Show what each entry is ranked by
    #[arg(long)]
    why: bool,
    /// Show how long it took
    #[arg(long)]
    timings: bool,
    /// Say what changed since an earlier report of this host (`check --format json`): scripts,
    /// responses, and which findings are new, gone and the same; `-` is standard input
    #[arg(long, value_name = "REPORT", conflicts_with = "config")]
    baseline: Option<PathBuf>,
    /// Read alerts and logs of this age (90m, 12h, 7d), from this date or time on (2026-11-20), or
    /// `all` [default: 7d, and not more than 64 MiB of alerts and 256 MiB of each log]
    #[arg(long, value_name = "AGE", value_parser = since::parse, conflicts_with = "config")]
    since: Option<Since>,
    #[command(flatten)]
    suppressions: Suppressions,
    #[command(flatten)]
    signatures: Signatures,
    #[command(flatten)]
    bare: Bare,
}

/// What makes `check` and `lint` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// What stops a response
    Error,
    /// What bends one, too
    Warning,
    /// Hygiene, too
    Advice,
    /// Nothing
    Never,
}

impl FailOn {
    pub(super) const fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Advice => Some(Severity::Advice),
            Self::Never => None,
        }
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
    let begin = Instant::now();
    let source = Source::open(global, &arguments.bare)?;
    let mut facts = source.facts(global, redactor)?;
    arguments.output.refuse_unfit(&files::homes(global.from.as_deref(), &facts.install.home))?;
    if let Some(path) = &arguments.baseline {
        let bytes = source::read(path).context("--baseline").map_err(Failure::usage)?;
        let shown = path.display().to_string();
        let unfit = |unfit| Failure::usage(anyhow!("--baseline {shown}: {unfit}"));
        let baseline = Baseline::read(&shown, &bytes).map_err(unfit)?;
        baseline.fits(&facts.about()).map_err(unfit)?;
        facts = facts.against(baseline);
    }
    if let Some(suppressions) = arguments.suppressions.load()? {
        facts = facts.accepting(suppressions);
    }
    facts.look_back(source.since(arguments.since));
    facts.with_signatures(arguments.signatures.load(redactor)?);
    let opened = begin.elapsed();
    let options = Options { response: arguments.response.clone() };
    let diagnosis = terminal::reading(&facts, redactor, || engine::run(&facts, &options));
    let total = begin.elapsed();
    if let Some(name) = &arguments.response {
        refuse_unknown_name(&facts, &diagnosis, name)?;
    }
    let milliseconds = |time: std::time::Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let timings = arguments.timings.then(|| Timings {
        open: milliseconds(opened),
        probes: milliseconds(total.saturating_sub(opened)),
        total: milliseconds(total),
    });
    let report = Report {
        facts: &facts,
        diagnosis: &diagnosis,
        redactor,
        response: arguments.response.as_deref(),
        timings,
    };
    let outcome = exit::Outcome {
        failed: !diagnosis.failed_probes.is_empty(),
        sealed: facts.install.sealed.is_some(),
        worst: diagnosis.worst(),
        incomplete: diagnosis.is_incomplete(&facts),
    };
    let policy = exit::Policy { fail_on: arguments.fail_on.severity(), strict: arguments.strict };
    let status = exit::of_check(outcome, policy);
    let unwritten = arguments.output.write(redactor, |form, place| match form {
        Form::Json => json::to_text(&json::check(&report)).map_err(Failure::internal),
        Form::Markdown => Ok(ticket::write(&report)),
        Form::Sarif => json::to_text(&sarif::check(&report, status)).map_err(Failure::internal),
        Form::Text => {
            let mut page = terminal::page_for(place, global);
            let options = text::Options { verbose: global.verbose, quiet: global.quiet, why: arguments.why };
            text::write(&report, options, &mut page);
            Ok(page.into_text())
        }
    })?;
    Ok(output::worse(status, unwritten))
}

/// A name that is no response's is a mistake on the command line, but only where
/// the responses could be read, and nothing is wrong that hides them.
fn refuse_unknown_name(facts: &Facts<'_>, diagnosis: &Diagnosis, name: &str) -> Result<(), Failure> {
    let known = facts.responses();
    if !diagnosis.responses.is_empty()
        || known.is_empty() && (!diagnosis.entries.is_empty() || diagnosis.is_incomplete(facts))
    {
        return Ok(());
    }
    let mut names: Vec<String> = known.iter().map(Response::shown).collect();
    names.sort_by_cached_key(|known| (strsim::damerau_levenshtein(known, name), known.clone()));
    names.dedup();
    if names.is_empty() {
        return Err(Failure::usage(anyhow!(
            "no active response is called '{name}': none is configured here"
        )));
    }
    let more = names.len().saturating_sub(8);
    names.truncate(8);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Failure::usage(anyhow!(
        "no active response is called '{name}'; there are: {}{more}",
        names.join(", ")
    )))
}
