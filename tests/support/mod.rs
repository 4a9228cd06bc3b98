//! Shared by the integration tests: base hosts, and running the engine on them.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod cases;
pub mod layouts;

use std::path::{Path, PathBuf};

use ar_doctor::baseline::Baseline;
use ar_doctor::engine::{self, Diagnosis, Options};
use ar_doctor::facts::{Facts, install};
use ar_doctor::findings::{CheckId, Severity};
use ar_doctor::host::Host;
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::redact::Redactor;
use ar_doctor::report::{Report, json};
use ar_doctor::suppress::Suppressions;

use cases::{Case, Shows};

/// The base hosts, all healthy.
pub const BASES: &[&str] = &[
    "manager-4.14-debian",
    "manager-4.9-rhel",
    "manager-4.2-debian",
    "agent-4.14-debian",
    "agent-4.9-rhel",
    "agent-4.2-debian",
    "manager-5.0-debian",
    "agent-5.0-debian",
];

/// Says that a test is skipped, or fails where nothing may be.
#[allow(clippy::print_stderr, reason = "a skip is said where cargo shows it")]
pub fn skip(why: &str) {
    let required = std::env::var_os("AR_DOCTOR_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!required, "must not be skipped: {why}");
    eprintln!("skipped: {why}");
}

/// A program that signals end, as one started from a terminal: what a shell runs in the background
/// ignores some, and so does what that starts. None where env(1) cannot do it.
pub fn heeding_signals(program: &str) -> Option<std::process::Command> {
    let env = || {
        let mut command = std::process::Command::new("env");
        command.arg("--default-signal=HUP,INT,TERM");
        command
    };
    if !env().arg("true").output().is_ok_and(|output| output.status.success()) {
        skip("env(1) knows no --default-signal");
        return None;
    }
    let mut command = env();
    command.arg(program);
    Some(command)
}

/// A temporary directory in which files may be immutable or append-only.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        thaw(self.0.path());
    }
}

/// Takes the attributes of chattr(1) away, so that all of it can be removed.
fn thaw(path: &Path) {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    let Ok(meta) = std::fs::symlink_metadata(path) else { return };
    if !meta.is_dir() && !meta.is_file() {
        return;
    }
    if let Ok(file) = std::fs::File::open(path)
        && let Ok(flags) = ioctl_getflags(&file)
        && flags.intersects(IFlags::IMMUTABLE | IFlags::APPEND)
    {
        let _ = ioctl_setflags(&file, flags - (IFlags::IMMUTABLE | IFlags::APPEND));
    }
    if meta.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            thaw(&entry.path());
        }
    }
}

/// Where two texts differ first, with the lines around.
pub fn difference(one: &str, other: &str) -> Option<String> {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
    let at = one.iter().zip(&other).position(|(one, other)| one != other);
    let at = at.or((one.len() != other.len()).then(|| one.len().min(other.len())))?;
    let around =
        |lines: &[&str]| lines[at.saturating_sub(8).min(lines.len())..lines.len().min(at + 5)].join("\n");
    Some(format!("{}\n    --- becomes ---\n{}", around(&one), around(&other)))
}

/// Where a base host lies.
pub fn base_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts").join(name)
}

/// A base host in memory, to be edited.
pub fn base(name: &str) -> CaptureHost {
    CaptureHost::open(&base_path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What one run says, without borrowed facts.
#[derive(Debug)]
pub struct Outcome {
    /// Entries as `SEVERITY id slug (confidence) title`, folded ones indented.
    pub lines: Vec<String>,
    /// Checks of the entries with their severity, ranked.
    pub entries: Vec<(CheckId, Severity)>,
    /// Every check found, folded ones too.
    pub all: Vec<CheckId>,
    /// What could not be found out.
    pub unknown: Vec<String>,
    /// The diagnosis itself.
    pub diagnosis: Diagnosis,
}

/// Runs the engine on a host.
pub fn diagnose(host: &dyn Host) -> Outcome {
    diagnose_at(host, None)
}

/// Runs the engine on the installation at a home.
pub fn diagnose_at(host: &dyn Host, home: Option<&Path>) -> Outcome {
    let redactor = Redactor::new();
    let install = install::find(host, home).unwrap_or_else(|error| panic!("{error}"));
    let facts = Facts::new(host, &redactor, install);
    let diagnosis = engine::run(&facts, &Options::default());
    outcome(diagnosis)
}

/// Runs the engine on the edited host of a row, against its base where the row says so.
pub fn diagnose_row(case: &Case, host: &dyn Host) -> Outcome {
    let redactor = Redactor::new();
    let facts = facts_of_row(case, host, &redactor);
    outcome(engine::run(&facts, &Options::default()))
}

/// The facts of the edited host of a row, with its baseline and what it accepts.
pub fn facts_of_row<'a>(case: &Case, host: &'a dyn Host, redactor: &'a Redactor) -> Facts<'a> {
    let install = install::find(host, None).unwrap_or_else(|error| panic!("{error}"));
    let mut facts = Facts::new(host, redactor, install);
    if case.against_base {
        let baseline = Baseline::read("baseline.json", report(&base(case.base)).as_bytes());
        let baseline = baseline.unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        baseline.fits(&facts.about()).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        facts = facts.against(baseline);
    }
    if let Some(text) = case.suppressions {
        let read = Suppressions::read("ar-doctor.toml", text);
        facts = facts.accepting(read.unwrap_or_else(|error| panic!("{}: {error}", case.name())));
    }
    facts
}

/// What `check --format json` writes of a host.
pub fn report(host: &dyn Host) -> String {
    let redactor = Redactor::new();
    let install = install::find(host, None).unwrap_or_else(|error| panic!("{error}"));
    as_json(&Facts::new(host, &redactor, install), &redactor)
}

/// The same of the edited host of a row, with its baseline and what it accepts.
pub fn report_of_row(case: &Case, host: &dyn Host) -> String {
    let redactor = Redactor::new();
    as_json(&facts_of_row(case, host, &redactor), &redactor)
}

fn as_json(facts: &Facts<'_>, redactor: &Redactor) -> String {
    let diagnosis = engine::run(facts, &Options::default());
    let report = Report { facts, diagnosis: &diagnosis, redactor, response: None, timings: None };
    json::to_text(&json::check(&report)).unwrap_or_else(|error| panic!("{error}"))
}

fn outcome(diagnosis: Diagnosis) -> Outcome {
    let mut lines = Vec::new();
    for entry in &diagnosis.entries {
        let line = |finding: &ar_doctor::findings::Finding| {
            format!("{} {} ({}) {}", finding.severity, finding.check, finding.confidence, finding.title)
        };
        lines.push(line(&entry.finding));
        lines.extend(entry.folded.iter().map(|folded| format!("    {}", line(folded))));
    }
    Outcome {
        lines,
        entries: diagnosis
            .entries
            .iter()
            .map(|entry| (entry.finding.check, entry.finding.severity))
            .collect(),
        all: diagnosis.findings().map(|finding| finding.check).collect(),
        unknown: diagnosis
            .unknown
            .iter()
            .map(|unknown| format!("{} {} {:?}", unknown.check, unknown.gap, unknown.responses))
            .collect(),
        diagnosis,
    }
}

/// Whether a run on the edited host shows what the row says: the same for hosts
/// in memory and for real ones.
///
/// # Errors
///
/// In words, with the lines of the report.
pub fn judge(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let said = |why: &str| Err(format!("{}\n  {}\n  -> {why}", case.name(), outcome.lines.join("\n  ")));
    match case.shows {
        Shows::Fault => match outcome.entries.split_first() {
            None => said("nothing was found"),
            Some(((first, _), _)) if *first != case.check => said("another check leads"),
            Some((_, others)) if others.iter().any(|(_, severity)| *severity == Severity::Error) => {
                said("another error stands beside it")
            }
            Some(_) => Ok(()),
        },
        Shows::NearMiss if outcome.all.contains(&case.check) => said("its check was found"),
        Shows::NearMiss if outcome.diagnosis.worst() > Some(Severity::Advice) => said("it is not silent"),
        Shows::NearMiss => Ok(()),
    }
}
