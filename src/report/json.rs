//! The JSON of `check`. Its structs are its own, so that nothing inside the
//! program can change the format by accident; see the schema.
//!
//! Adding a field keeps [`CHECK_SCHEMA_VERSION`], removing or redefining one raises it.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use super::trace::{TimelineEntry, timeline};
use super::{Report, TOOL, VERSION, Verdict};
use crate::baseline::Comparison;
use crate::engine::{self, State};
use crate::facts::Runs;
use crate::facts::alerts::iso;
use crate::facts::logs::LogFacts;
use crate::findings::{self, CheckId, Finding, ResponseIndex};
use crate::host::{GapKind, SourceKind};
use crate::redact::{Redacted, Redactor};
use crate::wazuh::install::Kind;
use crate::wazuh::ossec_conf::Role;

/// Version of the formats of `show` and `list`.
pub const SCHEMA_VERSION: u32 = 1;

/// Version of the format of `check`. 2: [`Check::response_sets`].
pub const CHECK_SCHEMA_VERSION: u32 = crate::baseline::SCHEMA_VERSION;

/// A list of responses that is longer than this and stands in several places is written once, so
/// that the report of a host on which everything stops everything does not grow with the square.
const LONG_LIST: usize = 32;

/// What wrote the document.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// `ar-doctor`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Tool {
    /// This program.
    pub const fn this() -> Self {
        Self { name: TOOL, version: VERSION }
    }
}

/// What `check --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ar-doctor check")]
pub struct Check {
    /// Version of this format.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// Which host it is about.
    pub host: Host,
    /// The answer in one word.
    pub verdict: VerdictName,
    /// Fingerprint of the finding the report begins with; null when nothing was found.
    pub headline: Option<Redacted>,
    /// Every response, in the order of its file.
    pub responses: Vec<Response>,
    /// Lists of ids of responses that are long (more than 32) and that several of `findings` and
    /// `unknown` have: those give the place in here, from 0. Only where there are such lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_sets: Vec<Vec<Redacted>>,
    /// The executables of the responses that run here, as they are: what `--baseline` compares.
    pub executables: Vec<Executable>,
    /// In rank order, each folded one behind the one that explains it; then those that are
    /// suppressed.
    pub findings: Vec<FindingEntry>,
    /// The file whose entries suppress findings; only where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressions: Option<Redacted>,
    /// Findings of the baseline that are none of this report; only with `--baseline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Vec<GoneEntry>>,
    /// What could not be found out.
    pub unknown: Vec<Unknown>,
    /// Counts.
    pub summary: Summary,
    /// How long it took; only with `--timings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
    /// Which alerts were read; only on a 4.x manager that has a log of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<AlertsRead>,
    /// Which logs were read, and how that went.
    pub logs: Vec<LogRead>,
}

/// A log that was read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LogRead {
    /// Which: `ossec`, `active-responses`, `integrations`, `api`, `cluster`, `audit`, `kernel`.
    pub log: &'static str,
    /// Its files, the older first.
    pub files: Vec<Redacted>,
    /// Lines older than this were left out, local time of the host; null: none.
    pub since: Option<String>,
    /// Bytes that were looked at, unpacked.
    pub bytes: u64,
    /// Whether older lines of the window were left out, since there are too many.
    pub left_out: bool,
    /// Bytes of these lines.
    pub left_out_bytes: u64,
    /// Files whose times are out of order, so that all of each was read.
    pub disordered: Vec<Redacted>,
    /// Lines of which only the beginning was looked at.
    pub long_lines: u64,
    /// What could not be read, and why.
    pub gaps: Vec<Redacted>,
    /// What has to be known of the reading, in words.
    pub notes: Vec<Redacted>,
}

/// Which alerts were read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AlertsRead {
    /// From when on; null: from the first.
    pub since: Option<String>,
    /// How many.
    pub count: u64,
    /// When the first of them was made; null where there are none.
    pub first: Option<String>,
    /// When the last was made.
    pub last: Option<String>,
    /// Whether older ones were left out, since there are too many.
    pub left_out: bool,
    /// What has to be known of the reading; else null.
    pub note: Option<Redacted>,
}

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictName {
    /// Nothing is wrong, and all that belongs to this side was seen.
    Ok,
    /// Something bends a response.
    Warnings,
    /// Something stops a response.
    Stopped,
    /// Nothing was found, and not all could be seen.
    Unknown,
}

/// The host that was diagnosed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Host {
    /// How reports call the source (`this host`, a directory, a file).
    pub label: Redacted,
    /// What was read.
    pub source: Source,
    /// Host name; null when it is unknown.
    pub name: Option<Redacted>,
    /// The host's clock when it was read, in UTC; null where there is none.
    pub clock: Option<Redacted>,
    /// The Wazuh directory; null for a bare file.
    pub home: Option<Redacted>,
    /// What named it; null for a bare file.
    pub home_named_by: Option<Redacted>,
    /// Whose installation it is; null when that is unknown.
    pub role: Option<RoleName>,
    /// Version on disk; null when it is unknown.
    pub wazuh_version: Option<Redacted>,
    /// What is assumed about a version that is unknown or too new; else null.
    pub version_note: Option<Redacted>,
    /// How scripts are called.
    pub contract: ContractName,
    /// Which agent it is; null on a manager.
    pub agent: Option<Agent>,
    /// The user who read.
    pub reader_uid: u32,
    /// Whether that is root.
    pub as_root: bool,
}

/// From what a host was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// This machine.
    Live,
    /// A directory tree or mounted image.
    Tree,
    /// An unpacked capture.
    Capture,
    /// A bare configuration file.
    File,
}

/// Whose installation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleName {
    /// A manager, alone or the master of a cluster.
    Manager,
    /// A worker of a cluster.
    Worker,
    /// An agent.
    Agent,
    /// A manager without agents.
    Local,
}

impl RoleName {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Worker => "worker",
            Self::Agent => "agent",
            Self::Local => "local",
        }
    }
}

/// How scripts are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContractName {
    /// Arguments: up to 4.1.
    Args,
    /// One line of JSON: 4.2 to 4.x.
    Json4,
    /// The JSON of 5.x.
    Json5,
}

/// Which agent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Agent {
    /// Its number.
    pub id: Redacted,
    /// Its name.
    pub name: Redacted,
}

/// One response.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Response {
    /// File and block (`etc/ossec.conf#2`), on agents the line (`etc/shared/ar.conf:7`).
    pub id: Redacted,
    /// The name execd gets (`firewall-drop600`).
    pub name: Redacted,
    /// Name of its `<command>`.
    pub command: Option<Redacted>,
    /// File below `active-response/bin`.
    pub executable: Option<Redacted>,
    /// Seconds until it is undone; 0 is never, null is unknown.
    pub timeout: Option<i32>,
    /// Where it stands.
    pub place: Option<Place>,
    /// SHA-256 of its block and its `<command>` without comments and blanks, or of its line of
    /// ar.conf; null where the executable is all there is (5.x agents).
    pub definition_sha256: Option<Redacted>,
    /// Whether its script is to run on this host.
    pub runs: RunsName,
    /// The ten stages in order.
    #[schemars(length(equal = 10))]
    pub stages: Vec<StageEntry>,
    /// The first broken stage.
    pub verdict: ResponseVerdict,
    /// What became of its alerts; only where something is wrong with a response of this host, and
    /// alerts or runs of this one are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<TimelineEntry>,
}

/// An executable below `active-response/bin`, as it is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Executable {
    /// Path on the host.
    pub path: Redacted,
    /// Whether a regular file is there; null when that was not seen.
    pub present: Option<bool>,
    /// Bytes.
    pub size: Option<u64>,
    /// Permission bits in octal (`0750`).
    pub mode: Option<Redacted>,
    /// User and group (`root:wazuh`); numbers where there is no name.
    pub owner: Option<Redacted>,
    /// Last change of the content, in UTC.
    pub mtime: Option<Redacted>,
    /// SHA-256 of the content, in lower case; null when it could not be read.
    pub sha256: Option<Redacted>,
}

/// A line of a file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Place {
    /// Path relative to the home, or as it was named.
    pub file: Redacted,
    /// Line, from 1.
    pub line: u64,
}

/// Whether a script is to run on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunsName {
    /// Yes.
    Here,
    /// For events of this manager itself; else on the agent that sent them.
    HereAndThere,
    /// On agents only.
    There,
    /// Its block is disabled, dropped or refused.
    Nowhere,
    /// Its executable is for another system.
    OtherSystem,
}

/// One stage of a response.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StageEntry {
    /// Which.
    pub stage: StageName,
    /// How it stands.
    pub state: StateName,
    /// What that rests on; null where nothing was examined.
    pub basis: Option<BasisName>,
    /// Why; null for a stage that passes.
    pub reason: Option<Redacted>,
}

/// A step a response must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are those of findings::Stage")]
pub enum StageName {
    Config,
    Trigger,
    Dispatch,
    Deliver,
    Resolve,
    Launch,
    Contract,
    Effect,
    Revert,
    Feedback,
}

/// How a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StateName {
    /// Every check ran on known facts and found nothing.
    Pass,
    /// It stops the response.
    Fail,
    /// It bends the response.
    Warn,
    /// An earlier stage stops the response.
    Blocked,
    /// It has no meaning for this response.
    NotApplicable,
    /// It could not be examined.
    Unknown,
}

/// What a state rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BasisName {
    /// Read from files and the state of the host.
    Static,
    /// Seen to happen.
    Observed,
}

/// The answer for one response.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ResponseVerdict {
    /// Which.
    pub kind: ResponseVerdictKind,
    /// The stage it stops or is bent at.
    pub stage: Option<StageName>,
    /// Id of the check that names the fault.
    pub check: Option<&'static str>,
    /// All that stops or bends it is suppressed.
    pub suppressed: bool,
}

/// The answer for one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseVerdictKind {
    /// It stops at a stage.
    Stops,
    /// It is bent, not stopped.
    Bent,
    /// Nothing that could be seen stops it.
    NoFault,
    /// It is not meant to run on this host, or at all.
    NotMeant,
}

/// A check that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FindingEntry {
    /// Its name over time.
    pub fingerprint: Redacted,
    /// Id of the check (`AR034`).
    pub id: &'static str,
    /// Slug of the check.
    pub slug: &'static str,
    /// The stage it belongs to.
    pub stage: StageName,
    /// What it does.
    pub severity: SeverityName,
    /// How sure it is.
    pub confidence: ConfidenceName,
    /// What it is about, `kind:value`.
    pub subject: Redacted,
    /// One sentence: what does not work, and why.
    pub title: Redacted,
    /// What Wazuh or the kernel does.
    pub cause: Redacted,
    /// Proof, the best first.
    pub evidence: Vec<Evidence>,
    /// Commands or edits that mend it.
    pub remedy: Vec<Redacted>,
    /// How to see that it is mended.
    pub verify: Redacted,
    /// Fingerprints of the findings that are seen because of it.
    pub explains: Vec<Redacted>,
    /// Fingerprint of the finding it is seen because of.
    pub explained_by: Option<Redacted>,
    /// Ids of the responses it stops or bends.
    #[serde(flatten)]
    pub responses: ResponseIds,
    /// Place in the ranking, from 1; null when it is folded under another, or suppressed.
    pub rank: Option<usize>,
    /// The site has accepted it: it decides neither headline nor exit status. Only where it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<SuppressedBy>,
    /// Whether the baseline has it, too; only with `--baseline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_baseline: Option<SinceBaseline>,
}

/// Which responses something concerns.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct ResponseIds {
    /// Ids of the responses it concerns: those that a finding stops or bends, or that a check could
    /// not be made for. Empty where `response_set` is given.
    pub responses: Vec<Redacted>,
    /// Place of their list in `response_sets`, from 0. Only where it stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_set: Option<usize>,
}

impl From<Vec<Redacted>> for ResponseIds {
    fn from(responses: Vec<Redacted>) -> Self {
        Self { responses, response_set: None }
    }
}

/// The entry that suppresses a finding, or one that the finding is seen because of.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SuppressedBy {
    /// The file.
    pub file: Redacted,
    /// Line the entry begins in, from 1.
    pub line: u64,
    /// Why it is accepted.
    pub reason: Redacted,
    /// The last day the entry holds; null for ever.
    pub expires: Option<String>,
}

/// Whether the baseline has a finding, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SinceBaseline {
    /// It has not.
    New,
    /// It has.
    Same,
}

impl SinceBaseline {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Same => "same",
        }
    }
}

/// A finding that only the baseline has.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GoneEntry {
    /// Its name over time.
    pub fingerprint: Redacted,
    /// Id of its check.
    pub id: Redacted,
    /// Slug of its check.
    pub slug: Redacted,
    /// What it did (`error`, `warning`, `advice`).
    pub severity: Redacted,
    /// What did not work.
    pub title: Redacted,
    /// Its check could be made this time, so that it is mended; else it was only not seen.
    pub examined: bool,
}

/// What a finding does to a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SeverityName {
    /// Hygiene.
    Advice,
    /// Stops or bends it under conditions.
    Warning,
    /// Stops it.
    Error,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConfidenceName {
    /// It may be so.
    Possible,
    /// It is probably so.
    Likely,
    /// Seen, or follows from Wazuh's source.
    Proven,
}

/// One thing that can be looked up.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Evidence {
    /// A line of a file.
    Excerpt {
        /// Path.
        file: Redacted,
        /// Line, from 1.
        line: u64,
        /// First marked byte of the line, from 1.
        column: u64,
        /// The line, or the part of a long one around the mark. Bytes that are no
        /// text are U+FFFD.
        text: Redacted,
        /// What matters in `text`.
        mark: Mark,
        /// What it says.
        label: Redacted,
    },
    /// Something read elsewhere: mode bits, a mount, a process.
    Observation {
        /// Where it was read.
        source: Redacted,
        /// What was read.
        text: Redacted,
    },
}

/// Characters of a text, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mark {
    /// First character, from 0.
    pub start: usize,
    /// Behind the last.
    pub end: usize,
}

/// A check that could not be made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unknown {
    /// Id of the check.
    pub check: &'static str,
    /// Its slug.
    pub slug: &'static str,
    /// Ids of the responses it could not be made for.
    #[serde(flatten)]
    pub responses: ResponseIds,
    /// Which kind of not knowing.
    pub kind: GapName,
    /// What would have been read.
    pub source: Redacted,
    /// Why it was not.
    pub why: Redacted,
}

/// Which kind of not knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GapName {
    /// The caller may not look.
    Denied,
    /// Reading failed.
    Failed,
    /// This source does not hold it.
    NotCollected,
}

/// Counts. Folded findings are not counted: one fault is one entry.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// Findings that stop a response.
    pub errors: usize,
    /// Findings that bend one.
    pub warnings: usize,
    /// Hygiene.
    pub advice: usize,
    /// Findings that are suppressed, those that are seen because of one of them, too.
    pub suppressed: usize,
    /// Checks that were made.
    pub checks: usize,
}

/// How long it took, in milliseconds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Timings {
    /// Opening the source and finding the installation.
    pub open_ms: f64,
    /// Reading facts and running the probes.
    pub probes_ms: f64,
    /// Both.
    pub total_ms: f64,
}

/// The document for a report.
pub fn check(report: &Report<'_, '_>) -> Check {
    let view = View { report, sets: response_sets(report.diagnosis) };
    let counts = report.counts();
    let diagnosis = report.diagnosis;
    Check {
        schema_version: CHECK_SCHEMA_VERSION,
        tool: Tool::this(),
        host: view.host(),
        verdict: report.verdict().into(),
        headline: diagnosis.entries.first().map(|entry| view.text(entry.finding.fingerprint())),
        responses: diagnosis.responses.iter().filter_map(|result| view.response(result)).collect(),
        response_sets: view.sets.iter().map(|set| view.ids(set)).collect(),
        executables: view.executables(),
        findings: view.findings(),
        suppressions: report.facts.suppressions().map(|suppressions| view.text(&suppressions.shown)),
        gone: diagnosis.compared.as_ref().map(|compared| view.gone(compared)),
        unknown: diagnosis.unknown.iter().map(|unknown| view.unknown(unknown)).collect(),
        summary: Summary {
            errors: counts.errors,
            warnings: counts.warnings,
            advice: counts.advice,
            suppressed: diagnosis.suppressed.len(),
            checks: diagnosis.checks,
        },
        timings: report.timings.map(|timings| Timings {
            open_ms: timings.open,
            probes_ms: timings.probes,
            total_ms: timings.total,
        }),
        alerts: view.alerts(),
        logs: report.facts.logs_if_read().map(|log| view.log(log)).collect(),
    }
}

/// A document as it is printed: indented, one line feed at the end, harmless
/// for a terminal.
///
/// # Errors
///
/// When serde refuses, which it does for no type of ours.
pub fn to_text(document: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = super::escape::json(&serde_json::to_string_pretty(document)?);
    text.push('\n');
    Ok(text)
}

/// The JSON Schema of a document.
pub fn schema<T: JsonSchema>() -> schemars::Schema {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    // Fields that are always written are required also where they may be null.
    settings.contract = schemars::generate::Contract::Serialize;
    settings.into_generator().into_root_schema_for::<T>()
}

struct View<'a, 'h> {
    report: &'a Report<'a, 'h>,
    /// Lists of responses that are written once, sorted.
    sets: Vec<&'a [ResponseIndex]>,
}

/// Long lists of responses that stand in several places, sorted.
fn response_sets(diagnosis: &engine::Diagnosis) -> Vec<&[ResponseIndex]> {
    let suppressed = diagnosis.suppressed.iter().map(|suppressed| &suppressed.finding);
    let of_findings = diagnosis.findings().chain(suppressed).map(|finding| &finding.responses);
    let all = of_findings.chain(diagnosis.unknown.iter().map(|unknown| &unknown.responses));
    let mut uses: BTreeMap<&[ResponseIndex], usize> = BTreeMap::new();
    for list in all.filter(|list| list.len() > LONG_LIST) {
        *uses.entry(list).or_default() += 1;
    }
    uses.into_iter().filter(|(_, uses)| *uses > 1).map(|(list, _)| list).collect()
}

impl View<'_, '_> {
    fn text(&self, text: impl AsRef<[u8]>) -> Redacted {
        self.report.redactor.text(text)
    }

    fn ids(&self, responses: &[ResponseIndex]) -> Vec<Redacted> {
        responses
            .iter()
            .filter_map(|&index| self.report.facts.response(index))
            .map(|response| self.text(&response.id))
            .collect()
    }

    /// The same, or where they are listed.
    fn responses(&self, responses: &[ResponseIndex]) -> ResponseIds {
        match self.sets.binary_search(&responses) {
            Ok(set) => ResponseIds { responses: Vec::new(), response_set: Some(set) },
            Err(_) => self.ids(responses).into(),
        }
    }

    /// Those of the entries, then those that are suppressed.
    fn findings(&self) -> Vec<FindingEntry> {
        let diagnosis = self.report.diagnosis;
        let ids = |responses: &[ResponseIndex]| self.responses(responses);
        let mut all = findings(self.report.redactor, &diagnosis.entries, &ids);
        let view = FindingView { redactor: self.report.redactor, ids: &ids };
        for suppressed in &diagnosis.suppressed {
            let because_of = suppressed.because_of.as_ref();
            let is_cause = |other: &&engine::Suppressed| {
                other.because_of.as_deref() == Some(suppressed.finding.fingerprint().as_str())
            };
            let explains = diagnosis.suppressed.iter().filter(is_cause);
            let explains = explains.map(|other| self.text(other.finding.fingerprint())).collect();
            let explained_by = because_of.map(|cause| self.text(cause));
            all.push(FindingEntry {
                suppressed: self.report.rule_of(suppressed).map(|(file, rule)| SuppressedBy {
                    file: self.text(file),
                    line: rule.line,
                    reason: self.text(&rule.reason),
                    expires: rule.expires.map(|day| day.to_string()),
                }),
                ..view.finding(&suppressed.finding, None, explains, explained_by)
            });
        }
        for entry in &mut all {
            entry.since_baseline = self.report.since_baseline(entry.fingerprint.as_str());
        }
        all
    }

    fn gone(&self, compared: &Comparison) -> Vec<GoneEntry> {
        compared
            .gone
            .iter()
            .map(|gone| GoneEntry {
                fingerprint: self.text(&gone.was.fingerprint),
                id: self.text(&gone.was.id),
                slug: self.text(&gone.was.slug),
                severity: self.text(&gone.was.severity),
                title: self.text(&gone.was.title),
                examined: gone.examined,
            })
            .collect()
    }

    fn executables(&self) -> Vec<Executable> {
        let facts = self.report.facts;
        let optional = |text: Option<String>| text.map(|text| self.text(text));
        facts
            .executables()
            .iter()
            .map(|executable| facts.recorded(executable))
            .map(|recorded| Executable {
                path: self.text(recorded.path),
                present: recorded.present,
                size: recorded.size,
                mode: optional(recorded.mode),
                owner: optional(recorded.owner),
                mtime: optional(recorded.mtime),
                sha256: optional(recorded.sha256),
            })
            .collect()
    }

    fn alerts(&self) -> Option<AlertsRead> {
        let alerts = self.report.facts.alerts_if_read()?;
        let seen = alerts.reading.seen;
        Some(AlertsRead {
            since: alerts.since().map(iso),
            count: alerts.reading.alerts,
            first: seen.map(|seen| iso(seen.0)),
            last: seen.map(|seen| iso(seen.1)),
            left_out: alerts.reading.left_out,
            note: alerts.note().map(|note| self.text(note)),
        })
    }

    fn log(&self, log: &LogFacts) -> LogRead {
        // As local time is written: without a zone.
        let local = |since: i64| iso(since.saturating_mul(1000)).trim_end_matches('Z').to_owned();
        LogRead {
            log: log.log.name(),
            files: log.files.iter().map(|file| self.text(&file.shown)).collect(),
            since: log.since.map(local),
            bytes: log.stats().bytes,
            left_out: log.left_out,
            left_out_bytes: log.left_out_bytes,
            disordered: log.disordered.iter().map(|file| self.text(file)).collect(),
            long_lines: log.stats().long,
            gaps: log.gaps.iter().map(|gap| self.text(gap.to_string())).collect(),
            notes: log.notes().iter().map(|note| self.text(note)).collect(),
        }
    }

    fn host(&self) -> Host {
        let facts = self.report.facts;
        let about = facts.about();
        let bare = facts.is_bare();
        let label = if bare { facts.config().file.shown.clone() } else { facts.label() };
        Host {
            label: self.text(label),
            source: if bare { Source::File } else { facts.source().into() },
            name: about.name.map(|name| self.text(name)),
            clock: about.clock.map(|clock| self.text(clock)),
            home: (!bare).then(|| self.text(facts.install.home.display().to_string())),
            home_named_by: (!bare).then(|| self.text(&facts.install.named_by)),
            role: role(facts),
            wazuh_version: facts.version().map(|version| self.text(version.to_string())),
            version_note: facts.version_note().map(|note| self.text(note)),
            contract: facts.contract().into(),
            agent: facts
                .install
                .identity
                .get()
                .map(|identity| Agent { id: self.text(&identity.id), name: self.text(&identity.name) }),
            reader_uid: facts.reader_uid(),
            as_root: facts.reader_uid() == 0,
        }
    }

    fn response(&self, result: &engine::ResponseResult) -> Option<Response> {
        let response = self.report.facts.response(result.index)?;
        let optional = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| self.text(bytes));
        Some(Response {
            id: self.text(&response.id),
            name: self.text(&response.name),
            command: optional(&response.command),
            executable: optional(&response.executable),
            timeout: response.timeout,
            place: response
                .place
                .as_ref()
                .map(|place| Place { file: self.text(&place.file), line: place.line }),
            definition_sha256: self.report.facts.definition(response).map(|sum| self.text(sum)),
            runs: response.runs.into(),
            stages: result.stages.iter().map(|stage| self.stage(stage)).collect(),
            verdict: ResponseVerdict { suppressed: result.accepted, ..result.verdict.into() },
            timeline: self.report.diagnosis.trace.as_ref().and_then(|trace| {
                let check = match result.verdict {
                    engine::Verdict::Stops(_, check) | engine::Verdict::Bent(_, check) => Some(check),
                    _ => None,
                };
                timeline(self.report.redactor, trace, result.index, check)
            }),
        })
    }

    fn stage(&self, stage: &engine::StageResult) -> StageEntry {
        StageEntry {
            stage: stage.stage.into(),
            state: stage.state.into(),
            basis: stage.basis.map(Into::into),
            reason: stage.reason.as_ref().map(|reason| self.text(reason.to_string())),
        }
    }

    fn unknown(&self, unknown: &engine::Unknown) -> Unknown {
        let check = unknown.check.check();
        Unknown {
            check: check.id,
            slug: check.slug,
            responses: self.responses(&unknown.responses),
            kind: unknown.gap.kind.into(),
            source: self.text(&unknown.gap.source),
            why: self.text(&unknown.gap.why),
        }
    }
}

/// The findings of ranked entries, each folded one behind the one that explains it.
/// `ids` names responses.
pub(super) fn findings(
    redactor: &Redactor,
    entries: &[engine::Entry],
    ids: &dyn Fn(&[ResponseIndex]) -> ResponseIds,
) -> Vec<FindingEntry> {
    let view = FindingView { redactor, ids };
    entries.iter().enumerate().flat_map(|(at, entry)| view.entry(at, entry)).collect()
}

struct FindingView<'a> {
    redactor: &'a Redactor,
    ids: &'a dyn Fn(&[ResponseIndex]) -> ResponseIds,
}

impl FindingView<'_> {
    fn text(&self, text: impl AsRef<[u8]>) -> Redacted {
        self.redactor.text(text)
    }

    fn entry(&self, at: usize, entry: &engine::Entry) -> Vec<FindingEntry> {
        let cause = self.text(entry.finding.fingerprint());
        let explains = entry.folded.iter().map(|finding| self.text(finding.fingerprint())).collect();
        let mut all = vec![self.finding(&entry.finding, Some(at + 1), explains, None)];
        all.extend(
            entry.folded.iter().map(|finding| self.finding(finding, None, Vec::new(), Some(cause.clone()))),
        );
        all
    }

    fn finding(
        &self,
        finding: &Finding,
        rank: Option<usize>,
        explains: Vec<Redacted>,
        explained_by: Option<Redacted>,
    ) -> FindingEntry {
        let check = finding.check.check();
        FindingEntry {
            fingerprint: self.text(finding.fingerprint()),
            id: check.id,
            slug: check.slug,
            stage: check.stage.into(),
            severity: finding.severity.into(),
            confidence: finding.confidence.into(),
            subject: self.text(finding.subject.to_string()),
            title: self.text(&finding.title),
            cause: self.text(&finding.cause),
            evidence: finding.evidence.iter().map(|proof| evidence(self.redactor, proof)).collect(),
            remedy: if finding.remedy.is_empty() {
                vec![self.text(check.fix)]
            } else {
                finding.remedy.iter().map(|remedy| self.text(remedy)).collect()
            },
            verify: self.text(if finding.verify.is_empty() { check.verify } else { &finding.verify }),
            explains,
            explained_by,
            responses: (self.ids)(&finding.responses),
            rank,
            suppressed: None,
            since_baseline: None,
        }
    }
}

/// A proof, redacted.
pub(super) fn evidence(redactor: &Redactor, evidence: &findings::Evidence) -> Evidence {
    match evidence {
        findings::Evidence::Excerpt { file, line, column, text, mark, label } => Evidence::Excerpt {
            file: redactor.text(file),
            line: *line,
            column: *column,
            mark: mark_of(redactor, text, mark),
            text: redactor.text(text),
            label: redactor.text(label),
        },
        findings::Evidence::Observation { source, text } => {
            Evidence::Observation { source: redactor.text(source), text: redactor.text(text) }
        }
    }
}

/// Whose installation it is, as far as that is known.
pub fn role(facts: &crate::facts::Facts<'_>) -> Option<RoleName> {
    match facts.install.kind.get()? {
        Kind::Agent => Some(RoleName::Agent),
        Kind::Local => Some(RoleName::Local),
        Kind::Server if facts.role() == Role::Manager && facts.is_worker() => Some(RoleName::Worker),
        Kind::Server => Some(RoleName::Manager),
    }
}

/// A mark in a line of a file as a mark in characters of what is shown of that line.
pub(super) fn mark_of(redactor: &Redactor, text: &[u8], mark: &Range<usize>) -> Mark {
    let (shown, mark) = redactor.excerpt(text, mark);
    characters(&shown, &mark)
}

/// A mark in bytes as a mark in characters of the text those bytes become. A
/// character that is marked in part is marked.
fn characters(bytes: &[u8], mark: &Range<usize>) -> Mark {
    let (mut at, mut start, mut end) = (0, 0, 0);
    let mut step = |length: usize| {
        at += length;
        start += usize::from(at <= mark.start);
        end += usize::from(at - length < mark.end);
    };
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| step(character.len_utf8()));
        if !chunk.invalid().is_empty() {
            step(chunk.invalid().len());
        }
    }
    Mark { start, end: end.max(start) }
}

/// Bytes that may be missing, redacted.
pub(super) fn optional(redactor: &Redactor, bytes: Option<&Vec<u8>>) -> Option<Redacted> {
    bytes.map(|bytes| redactor.text(bytes))
}

impl From<Verdict> for VerdictName {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ok => Self::Ok,
            Verdict::Warnings => Self::Warnings,
            Verdict::Stopped => Self::Stopped,
            Verdict::Unknown => Self::Unknown,
        }
    }
}

impl From<SourceKind> for Source {
    fn from(kind: SourceKind) -> Self {
        match kind {
            SourceKind::Live => Self::Live,
            SourceKind::Tree => Self::Tree,
            SourceKind::Capture => Self::Capture,
        }
    }
}

impl From<crate::wazuh::version::Contract> for ContractName {
    fn from(contract: crate::wazuh::version::Contract) -> Self {
        use crate::wazuh::version::Contract;
        match contract {
            Contract::Args => Self::Args,
            Contract::Json4 => Self::Json4,
            Contract::Json5 => Self::Json5,
        }
    }
}

impl From<Runs> for RunsName {
    fn from(runs: Runs) -> Self {
        match runs {
            Runs::Here => Self::Here,
            Runs::HereAndThere => Self::HereAndThere,
            Runs::There => Self::There,
            Runs::Nowhere => Self::Nowhere,
            Runs::OtherSystem(_) => Self::OtherSystem,
        }
    }
}

impl From<findings::Stage> for StageName {
    fn from(stage: findings::Stage) -> Self {
        use findings::Stage;
        match stage {
            Stage::Config => Self::Config,
            Stage::Trigger => Self::Trigger,
            Stage::Dispatch => Self::Dispatch,
            Stage::Deliver => Self::Deliver,
            Stage::Resolve => Self::Resolve,
            Stage::Launch => Self::Launch,
            Stage::Contract => Self::Contract,
            Stage::Effect => Self::Effect,
            Stage::Revert => Self::Revert,
            Stage::Feedback => Self::Feedback,
        }
    }
}

impl From<State> for StateName {
    fn from(state: State) -> Self {
        match state {
            State::Pass => Self::Pass,
            State::Fail => Self::Fail,
            State::Warn => Self::Warn,
            State::Blocked => Self::Blocked,
            State::NotApplicable => Self::NotApplicable,
            State::Unknown => Self::Unknown,
        }
    }
}

impl From<engine::Basis> for BasisName {
    fn from(basis: engine::Basis) -> Self {
        match basis {
            engine::Basis::Static => Self::Static,
            engine::Basis::Observed => Self::Observed,
        }
    }
}

impl From<engine::Verdict> for ResponseVerdict {
    fn from(verdict: engine::Verdict) -> Self {
        let at = |kind, stage: findings::Stage, check: CheckId| Self {
            kind,
            stage: Some(stage.into()),
            check: Some(check.check().id),
            suppressed: false,
        };
        let plain = |kind| Self { kind, stage: None, check: None, suppressed: false };
        match verdict {
            engine::Verdict::Stops(stage, check) => at(ResponseVerdictKind::Stops, stage, check),
            engine::Verdict::Bent(stage, check) => at(ResponseVerdictKind::Bent, stage, check),
            engine::Verdict::NoFault => plain(ResponseVerdictKind::NoFault),
            engine::Verdict::NotMeant => plain(ResponseVerdictKind::NotMeant),
        }
    }
}

impl From<findings::Severity> for SeverityName {
    fn from(severity: findings::Severity) -> Self {
        match severity {
            findings::Severity::Advice => Self::Advice,
            findings::Severity::Warning => Self::Warning,
            findings::Severity::Error => Self::Error,
        }
    }
}

impl From<findings::Confidence> for ConfidenceName {
    fn from(confidence: findings::Confidence) -> Self {
        match confidence {
            findings::Confidence::Possible => Self::Possible,
            findings::Confidence::Likely => Self::Likely,
            findings::Confidence::Proven => Self::Proven,
        }
    }
}

impl From<GapKind> for GapName {
    fn from(kind: GapKind) -> Self {
        match kind {
            GapKind::Denied => Self::Denied,
            GapKind::Failed => Self::Failed,
            GapKind::NotCollected => Self::NotCollected,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::{Diagnosis, Entry, Key, Options};
    use crate::facts::{BareConfig, Facts};
    use crate::findings::{Evidence as Proof, Severity, Subject, checks};
    use crate::host::{Gap, tree::TreeHost};
    use crate::report::show::{Show, View as ShowView};

    const CONFIG: &str = "<ossec_config>\n\
        <global><white_list>127.0.0.1</white_list><white_list>::1</white_list></global>\n\
        <command><name>fw</name><executable>firewall-drop</executable><timeout_allowed>yes</timeout_allowed></command>\n\
        <active-response><command>fw</command><location>local</location><rules_id>5710 x</rules_id>\n\
        <timeout>60</timeout></active-response>\n\
        <active-response><command>none</command><location>here</location></active-response>\n\
        <active-response><disabled>yes</disabled><command>fw</command><location>all</location></active-response>\n\
        </ossec_config>\n";

    fn with_facts(config: &str, role: Role, then: impl FnOnce(&Facts<'_>, &Redactor)) {
        let directory = tempfile::tempdir().unwrap();
        let host = TreeHost::open(directory.path()).unwrap();
        let redactor = Redactor::new();
        let bare = BareConfig { shown: "ossec.conf".into(), bytes: config.into(), role, version: None };
        then(&Facts::bare(&host, &redactor, bare), &redactor);
    }

    fn agrees<T: JsonSchema + Serialize>(document: &T) -> serde_json::Value {
        let schema = serde_json::to_value(schema::<T>()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&to_text(document).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        value
    }

    /// A diagnosis with one of everything.
    fn everything() -> Diagnosis {
        let finding = |check, title: &str| {
            Finding::new(check, Subject::Response("fw60".into()), title)
                .cause("because")
                .evidence(Proof::Excerpt {
                    file: "etc/ossec.conf".into(),
                    line: 3,
                    column: 7,
                    text: b"<key>hunter2hunter2</key>\r\xff".to_vec(),
                    mark: 25..26,
                    label: "look".into(),
                })
                .observed("stat", "mode 0644")
                .remedy("chmod 750 x")
                .verify("ls -l x")
                .stops([0])
        };
        let cause = finding(checks::SCRIPT_NOT_EXECUTABLE, "fw60 does not run: password=swordfish1");
        let effect = finding(checks::AR_LOG_MISSING, "no line").severity(Severity::Warning);
        Diagnosis {
            responses: Vec::new(),
            entries: vec![Entry { key: Key::of(&cause), finding: cause, folded: vec![effect] }],
            unknown: vec![engine::Unknown {
                check: checks::EXECD_NOT_RUNNING,
                responses: vec![0],
                gap: Gap::denied("/proc", "permission denied"),
            }],
            checks: 92,
            failed_probes: Vec::new(),
            trace: None,
            suppressed: Vec::new(),
            compared: None,
        }
    }

    #[test]
    fn check_and_its_schema_agree() {
        with_facts(CONFIG, Role::Manager, |facts, redactor| {
            let run = engine::run(facts, &Options::default());
            assert!(!run.responses.is_empty());
            for diagnosis in [run, everything()] {
                let timings = Some(crate::report::Timings { open: 0.1, probes: 2.0, total: 2.1 });
                for timings in [None, timings] {
                    let report = Report { facts, diagnosis: &diagnosis, redactor, response: None, timings };
                    let value = agrees(&check(&report));
                    assert_eq!(value["schema_version"], 2);
                    assert_eq!(value.get("timings").is_some(), timings.is_some());
                }
            }
        });
    }

    #[test]
    fn a_wrong_document_does_not_agree() {
        let schema = serde_json::to_value(schema::<Check>()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(!validator.is_valid(&serde_json::json!({ "schema_version": 1 })));
    }

    #[test]
    fn show_and_its_schema_agree() {
        for (config, role) in [(CONFIG, Role::Manager), ("<a>", Role::Manager), ("", Role::Agent)] {
            with_facts(config, role, |facts, redactor| {
                let document: Show = ShowView::new(facts, redactor).unwrap().document();
                let value = agrees(&document);
                assert_eq!(value["xml"]["accepted"], config != "<a>");
                assert_eq!(value["ar_conf"]["expected"].is_null(), role == Role::Agent);
            });
        }
        agrees(&crate::report::catalogue::document());
    }

    #[test]
    fn no_secret_leaves_and_marks_are_characters() {
        with_facts(CONFIG, Role::Manager, |facts, redactor| {
            let diagnosis = everything();
            let report = Report { facts, diagnosis: &diagnosis, redactor, response: None, timings: None };
            let text = to_text(&check(&report)).unwrap();
            assert!(!text.contains("hunter2") && !text.contains("swordfish1"), "{text}");
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let finding = &value["findings"][0];
            assert_eq!(finding["evidence"][0]["mark"], serde_json::json!({ "start": 25, "end": 26 }));
            assert_eq!(finding["rank"], 1);
            assert_eq!(value["headline"], finding["fingerprint"]);
            let folded = &value["findings"][1];
            assert!(folded["rank"].is_null());
            assert_eq!(folded["explained_by"], finding["fingerprint"]);
            assert_eq!(finding["explains"][0], folded["fingerprint"]);
            assert_eq!(value["summary"]["errors"], 1);
            assert_eq!(value["summary"]["warnings"], 0);
        });
    }

    #[test]
    fn marks_in_bytes_become_marks_in_characters() {
        let of = |bytes: &[u8], mark| {
            let mark = characters(bytes, &mark);
            (mark.start, mark.end)
        };
        assert_eq!(of(b"abc", 1..2), (1, 2));
        assert_eq!(of("ééx".as_bytes(), 2..4), (1, 2));
        // A character that is marked in part is marked as a whole.
        assert_eq!(of("éx".as_bytes(), 1..2), (0, 1));
        assert_eq!(of(b"\xff\xfex", 2..3), (2, 3));
        assert_eq!(of(b"abc", 3..3), (3, 3));
        assert_eq!(of(b"", 0..0), (0, 0));
    }
}
