//! The SARIF 2.1.0 of `check` and `lint`, for code scanning and editors. Only the part of the format
//! that is written stands here; `tests/schema/sarif-2.1.0-used.json` says the same as a schema.
//!
//! A finding is one result; what is folded under it are related locations, for one fault is one
//! alert. What is suppressed is marked, what could not be read is a notification. Paths are
//! relative to a base: the Wazuh directory, the root of the host, or the working directory.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::json::{self, Mark};
use super::lint::Script;
use super::{Report, TOOL, VERSION, escape};
use crate::engine::Suppressed;
use crate::facts::{Facts, TextFile};
use crate::findings::{self, Check, CheckId, Evidence, Finding, Severity, Subject, checks};
use crate::host::{Gap, GapKind};
use crate::lint::Fault;
use crate::probes::excerpt;
use crate::redact::{Redacted, Redactor};

/// Where the schema of the format is published.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Responses that a result names; a broken file stops all of them in each of its results.
const RESPONSES: usize = 50;

/// The Wazuh directory.
const HOME: &str = "%WAZUH_HOME%";
/// `/` of the host.
const ROOT: &str = "%HOSTROOT%";
/// The working directory, by the name that code scanning knows.
const HERE: &str = "%SRCROOT%";

/// A SARIF file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: Automation,
    column_kind: &'static str,
    newline_sequences: [&'static str; 1],
    original_uri_base_ids: BTreeMap<&'static str, Base>,
    invocations: [Invocation; 1],
    results: Vec<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<RunProperties>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct Automation {
    id: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    name: &'static str,
    short_description: Message,
    full_description: Message,
    help: Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<&'static str>,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Serialize)]
struct RuleProperties {
    stage: &'static str,
    tags: [&'static str; 2],
}

/// Text in which nothing is a link or a placeholder.
#[derive(Debug, Serialize)]
struct Message {
    text: String,
}

#[derive(Debug, Serialize)]
struct Base {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    description: Message,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    exit_code: u8,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    descriptor: Descriptor,
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<NotificationProperties>,
}

#[derive(Debug, Serialize)]
struct Descriptor {
    id: &'static str,
}

#[derive(Debug, Serialize)]
struct NotificationProperties {
    checks: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Message,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    suppressions: Vec<Suppression>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<Physical>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Logical>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Snippet>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Snippet {
    text: Redacted,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    fully_qualified_name: Redacted,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<Redacted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<SuppressionProperties>,
}

#[derive(Debug, Serialize)]
struct SuppressionProperties {
    expires: String,
}

#[derive(Debug, Serialize)]
struct RunProperties {
    verdict: json::VerdictName,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    stage: &'static str,
    severity: &'static str,
    confidence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Redacted>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    responses: Vec<Redacted>,
    response_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<Redacted>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remedy: Vec<Redacted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verify: Option<Redacted>,
}

/// The file of a report of `check`. `status` is the exit status.
pub fn check(report: &Report<'_, '_>, status: u8) -> Log {
    let facts = report.facts;
    let diagnosis = report.diagnosis;
    let mut view = View { redactor: report.redactor, home: home(facts), rules: Rules::default() };
    let mut results = Vec::new();
    for (at, entry) in diagnosis.entries.iter().enumerate() {
        let mut result = view.result(report, &entry.finding, Some(at + 1));
        for folded in &entry.folded {
            let text = format!("Also seen because of this: {} {}", folded.check.check().id, folded.title);
            view.relate(&mut result, folded, &text);
        }
        results.push(result);
    }
    for suppressed in &diagnosis.suppressed {
        let mut result = view.result(report, &suppressed.finding, None);
        result.suppressions.extend(view.suppression(report, suppressed));
        results.push(result);
    }
    let gone = diagnosis.compared.iter().flat_map(|compared| &compared.gone);
    for gone in gone.filter(|gone| gone.examined) {
        let known = CheckId::parse(&gone.was.id);
        let level = match gone.was.severity.as_str() {
            "error" => "error",
            "warning" => "warning",
            _ => "note",
        };
        results.push(Outcome {
            rule_id: known
                .map_or_else(|| view.text(&gone.was.id).to_string(), |check| check.check().id.to_owned()),
            rule_index: known.map(|check| view.rules.index(check)),
            level,
            message: view.message(&gone.was.title),
            locations: Vec::new(),
            related_locations: Vec::new(),
            partial_fingerprints: view.fingerprint(&gone.was.fingerprint),
            suppressions: Vec::new(),
            baseline_state: Some("absent"),
            properties: None,
        });
    }
    let mut notifications: Vec<Notification> =
        report.gaps().iter().map(|gap| view.gap(report, gap)).collect();
    if let Some(why) = &facts.install.sealed {
        let text = format!("{} cannot be entered: {why}", facts.install.home.display());
        notifications.push(Notification {
            descriptor: Descriptor { id: "home-not-entered" },
            level: "error",
            message: view.message(&text),
            properties: None,
        });
    }
    notifications.extend(diagnosis.failed_probes.iter().map(|(probe, said)| Notification {
        descriptor: Descriptor { id: "probe-failed" },
        level: "error",
        message: view.message(&format!("probe {probe}: {said}")),
        properties: None,
    }));
    let mut bases = BTreeMap::new();
    if facts.is_bare() {
        bases.insert(HERE, here());
    } else {
        let mut uri = String::from("file://");
        uri.push_str(&encoded(view.text(facts.install.home.display().to_string()).as_str()));
        uri.push('/');
        let base = |uri: String, text: &str| Base { uri: Some(uri), description: own(text) };
        bases.insert(HOME, base(uri, "The Wazuh directory, as the host names it."));
        bases.insert(ROOT, base("file:///".to_owned(), "The root of the host."));
        // The file of suppressions is named from here.
        bases.insert(HERE, here());
    }
    log(Run {
        tool: tool(view.rules),
        automation_details: Automation { id: "ar-doctor/check/" },
        column_kind: "unicodeCodePoints",
        newline_sequences: ["\n"],
        original_uri_base_ids: bases,
        invocations: [Invocation {
            execution_successful: diagnosis.failed_probes.is_empty() && facts.install.sealed.is_none(),
            exit_code: status,
            tool_execution_notifications: notifications,
        }],
        results,
        properties: Some(RunProperties { verdict: report.verdict().into() }),
    })
}

/// The file of a report of `lint`. `unreadable` is names and reasons, `status` the exit status.
pub fn lint(scripts: &[Script], unreadable: &[(String, String)], redactor: &Redactor, status: u8) -> Log {
    let mut view = View { redactor, home: None, rules: Rules::default() };
    let mut results = Vec::new();
    for script in scripts {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let places = script.lint.faults.iter().map(|fault| (fault, false));
        let mut places: Vec<(&Fault, bool)> =
            places.chain(script.lint.suppressed.iter().map(|fault| (fault, true))).collect();
        places.sort_by_key(|(fault, _)| (fault.line, fault.column));
        for (fault, is_off) in places {
            let fingerprint = view.line_fingerprint(&script.file, fault);
            let nth = seen.entry(fingerprint.clone()).and_modify(|nth| *nth += 1).or_insert(1);
            let fingerprint = format!("{fingerprint}:{nth}");
            results.push(view.fault(script, fault, is_off, fingerprint));
        }
    }
    let notifications = unreadable
        .iter()
        .map(|(file, why)| Notification {
            descriptor: Descriptor { id: "not-read" },
            level: "error",
            message: view.message(&format!("{file}: {why}")),
            properties: None,
        })
        .collect();
    log(Run {
        tool: tool(view.rules),
        automation_details: Automation { id: "ar-doctor/lint/" },
        column_kind: "unicodeCodePoints",
        newline_sequences: ["\n"],
        original_uri_base_ids: BTreeMap::from([(HERE, here())]),
        invocations: [Invocation {
            execution_successful: unreadable.is_empty(),
            exit_code: status,
            tool_execution_notifications: notifications,
        }],
        results,
        properties: None,
    })
}

fn log(run: Run) -> Log {
    Log { schema: SCHEMA, version: "2.1.0", runs: [run] }
}

fn tool(rules: Rules) -> Tool {
    let rules = rules.checks.iter().map(|check| rule(check.check())).collect();
    Tool { driver: Driver { name: TOOL, version: VERSION, semantic_version: VERSION, rules } }
}

/// Where the program was called; a consumer knows better where that is for it.
fn here() -> Base {
    Base { uri: None, description: own("The directory in which ar-doctor was called.") }
}

/// The checks that results name, in the order of their first one.
#[derive(Debug, Default)]
struct Rules {
    checks: Vec<CheckId>,
}

impl Rules {
    fn index(&mut self, check: CheckId) -> usize {
        self.checks.iter().position(|known| *known == check).unwrap_or_else(|| {
            self.checks.push(check);
            self.checks.len() - 1
        })
    }
}

fn rule(check: &'static Check) -> Rule {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = [
        ("What it means", check.meaning),
        ("Why", check.why),
        ("Fix", check.fix),
        ("Verify", check.verify),
        ("When it is no problem", check.not_a_problem),
    ];
    let help: Vec<String> = parts.iter().map(|(head, text)| format!("{head}\n{}", text.trim_end())).collect();
    Rule {
        id: check.id,
        name: check.slug,
        short_description: own(check.title),
        full_description: own(&one_line(check.meaning)),
        help: own(&help.join("\n\n")),
        help_uri: check
            .references
            .iter()
            .copied()
            .find(|reference| reference.starts_with("https://") && !reference.contains(char::is_whitespace)),
        default_configuration: Configuration { level: level(check.severity) },
        properties: RuleProperties { stage: check.stage.name(), tags: ["wazuh", check.stage.name()] },
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    }
}

/// Text of this program as a message.
fn own(text: &str) -> Message {
    // `{0}` would be replaced, and `[text](place)` would be a link.
    Message { text: text.replace('{', "{{").replace('}', "}}").replace("](", "\\](") }
}

/// The Wazuh directory; none for a bare file.
fn home(facts: &Facts<'_>) -> Option<String> {
    (!facts.is_bare()).then(|| facts.install.home.display().to_string())
}

struct View<'a> {
    redactor: &'a Redactor,
    /// What relative paths are below; none is the working directory.
    home: Option<String>,
    rules: Rules,
}

impl View<'_> {
    fn text(&self, text: impl AsRef<[u8]>) -> Redacted {
        self.redactor.text(text)
    }

    fn message(&self, text: &str) -> Message {
        own(&escape::visible(&self.text(text)))
    }

    fn fingerprint(&self, fingerprint: &str) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("finding/v1", self.text(fingerprint).to_string())])
    }

    fn result(&mut self, report: &Report<'_, '_>, finding: &Finding, rank: Option<usize>) -> Outcome {
        let check = finding.check.check();
        let text = if finding.cause.is_empty() {
            finding.title.clone()
        } else {
            format!("{} {}", finding.title, finding.cause)
        };
        let mut places = self.places(finding);
        let first = (!places.is_empty()).then(|| places.remove(0));
        let observed = finding.evidence.iter().filter_map(|evidence| match evidence {
            Evidence::Observation { source, text } => Some(self.text(format!("{source}: {text}"))),
            Evidence::Excerpt { .. } => None,
        });
        let observed = observed.collect();
        let remedy = if finding.remedy.is_empty() {
            vec![self.text(check.fix)]
        } else {
            finding.remedy.iter().map(|remedy| self.text(remedy)).collect()
        };
        let verify = if finding.verify.is_empty() { check.verify } else { &finding.verify };
        let responses = finding.responses.iter().filter_map(|&index| report.facts.response(index));
        let fingerprint = finding.fingerprint();
        let since = report.since_baseline(self.text(&fingerprint).as_str());
        Outcome {
            rule_id: check.id.to_owned(),
            rule_index: Some(self.rules.index(finding.check)),
            level: level(finding.severity),
            message: self.message(&text),
            locations: vec![self.about(finding, first)],
            related_locations: places,
            partial_fingerprints: self.fingerprint(&fingerprint),
            suppressions: Vec::new(),
            baseline_state: since.map(|since| match since {
                json::SinceBaseline::New => "new",
                json::SinceBaseline::Same => "unchanged",
            }),
            properties: Some(Properties {
                stage: check.stage.name(),
                severity: finding.severity.name(),
                confidence: finding.confidence.name(),
                subject: Some(self.text(finding.subject.to_string())),
                responses: responses.take(RESPONSES).map(|response| self.text(&response.id)).collect(),
                response_count: finding.responses.len(),
                rank,
                evidence: observed,
                remedy,
                verify: Some(self.text(verify)),
            }),
        }
    }

    /// The places that the excerpts of a finding show.
    fn places(&self, finding: &Finding) -> Vec<Location> {
        let mut places = Vec::new();
        for evidence in &finding.evidence {
            if let Some(place) = self.place(evidence)
                && !places.contains(&place)
            {
                places.push(place);
            }
        }
        places
    }

    fn place(&self, evidence: &Evidence) -> Option<Location> {
        let Evidence::Excerpt { file, line, column, text, mark, label } = evidence else { return None };
        let Mark { start, end } = json::mark_of(self.redactor, text, mark);
        // Where the line was cut before the mark, characters cannot be counted.
        let is_whole = usize::try_from(*column).is_ok_and(|column| column == mark.start + 1);
        let region = Region {
            start_line: *line,
            start_column: is_whole.then_some(start + 1),
            end_column: is_whole.then_some(end + 1),
            snippet: Some(Snippet { text: self.text(text) }),
        };
        Some(Location {
            physical_location: Some(Physical {
                artifact_location: self.artifact(file),
                region: Some(region),
            }),
            logical_locations: Vec::new(),
            message: (!label.is_empty()).then(|| self.message(label)),
        })
    }

    /// The first place of a finding, with its subject.
    fn about(&self, finding: &Finding, first: Option<Location>) -> Location {
        let file = match &finding.subject {
            Subject::File(path) | Subject::Config(path, _) => Some(path),
            Subject::Response(_) | Subject::Command(_) | Subject::Process(_) | Subject::Mount(_) => None,
        };
        // The file of suppressions is none of the host.
        let is_of_host =
            ![checks::SUPPRESSION_EXPIRED, checks::SUPPRESSION_UNMATCHED].contains(&finding.check);
        let home = self.home.as_deref().filter(|_| is_of_host);
        let whole =
            file.map(|path| Physical { artifact_location: artifact(&self.text(path), home), region: None });
        let (physical_location, message) = match first {
            Some(place) => (place.physical_location, place.message),
            None => (whole, None),
        };
        let subject = Logical {
            fully_qualified_name: self.text(finding.subject.to_string()),
            kind: finding.subject.kind(),
        };
        Location { physical_location, logical_locations: vec![subject], message }
    }

    /// Adds what is folded under a result.
    fn relate(&self, result: &mut Outcome, folded: &Finding, text: &str) {
        let mut place = self.about(folded, self.places(folded).into_iter().next());
        place.message = Some(self.message(text));
        if !result.related_locations.contains(&place) {
            result.related_locations.push(place);
        }
    }

    fn suppression(&self, report: &Report<'_, '_>, suppressed: &Suppressed) -> Option<Suppression> {
        let (file, rule) = report.rule_of(suppressed)?;
        let reason = match &suppressed.because_of {
            Some(cause) => format!("seen because of {cause}, which is accepted: {}", rule.reason),
            None => rule.reason.clone(),
        };
        let region = Region { start_line: rule.line, start_column: None, end_column: None, snippet: None };
        let artifact = artifact(&self.text(file), None);
        Some(Suppression {
            kind: "external",
            status: "accepted",
            justification: Some(self.text(reason)),
            location: Some(Location {
                physical_location: Some(Physical { artifact_location: artifact, region: Some(region) }),
                logical_locations: Vec::new(),
                message: None,
            }),
            properties: rule.expires.map(|day| SuppressionProperties { expires: day.to_string() }),
        })
    }

    fn gap(&self, report: &Report<'_, '_>, gap: &Gap) -> Notification {
        let (id, level) = match gap.kind {
            GapKind::Denied => ("denied", "warning"),
            GapKind::Failed => ("not-read", "error"),
            GapKind::NotCollected => ("not-collected", "note"),
        };
        let unknown = report.diagnosis.unknown.iter().filter(|unknown| unknown.gap == *gap);
        let mut checks: Vec<&'static str> = unknown.map(|unknown| unknown.check.check().id).collect();
        checks.sort_unstable();
        checks.dedup();
        Notification {
            descriptor: Descriptor { id },
            level,
            message: self.message(&format!("{}: {}", gap.source, gap.why)),
            properties: (!checks.is_empty()).then_some(NotificationProperties { checks }),
        }
    }

    fn artifact(&self, path: &str) -> Artifact {
        artifact(&self.text(path), self.home.as_deref())
    }

    fn fault(&mut self, script: &Script, fault: &Fault, is_off: bool, fingerprint: String) -> Outcome {
        let check = fault.kind.check();
        let place = self.place(&excerpt(&script.file, fault));
        let rule = check.check();
        let in_source = Suppression {
            kind: "inSource",
            status: "accepted",
            justification: None,
            location: None,
            properties: None,
        };
        Outcome {
            rule_id: rule.id.to_owned(),
            rule_index: Some(self.rules.index(check)),
            level: level(fault.severity()),
            message: self.message(&format!("{}: {}", rule.title, fault.message)),
            locations: place.into_iter().map(|place| Location { message: None, ..place }).collect(),
            related_locations: Vec::new(),
            partial_fingerprints: BTreeMap::from([("line/v1", fingerprint)]),
            suppressions: if is_off { vec![in_source] } else { Vec::new() },
            baseline_state: None,
            properties: Some(Properties {
                stage: rule.stage.name(),
                severity: fault.severity().name(),
                confidence: findings::Confidence::from(fault.confidence).name(),
                remedy: fault.rewrite.iter().map(|rewrite| self.text(rewrite)).collect(),
                ..Properties::default()
            }),
        }
    }

    /// What a fault keeps when lines are added above it: its check, its file and the text of its line.
    fn line_fingerprint(&self, file: &TextFile, fault: &Fault) -> String {
        let line = match excerpt(file, fault) {
            Evidence::Excerpt { text, .. } => self.redactor.hide(&text),
            Evidence::Observation { .. } => Vec::new(),
        };
        let mut sum = Sha256::new();
        for part in [fault.kind.check().check().id.as_bytes(), file.shown.as_bytes(), line.trim_ascii()] {
            sum.update(part);
            sum.update([0]);
        }
        sum.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A path as a URI: below the Wazuh directory, below the root of the host, or, without `home`,
/// below the working directory.
fn artifact(path: &Redacted, home: Option<&str>) -> Artifact {
    let path = path.as_str();
    let inside = home.and_then(|home| path.strip_prefix(home)).and_then(|rest| rest.strip_prefix('/'));
    let absolute = path.starts_with('/').then(|| path.trim_start_matches('/'));
    match (inside, absolute, home) {
        (Some(inside), ..) => Artifact { uri: encoded(inside), uri_base_id: Some(HOME) },
        (None, Some(rest), Some(_)) => Artifact { uri: encoded(rest), uri_base_id: Some(ROOT) },
        (None, Some(rest), None) => Artifact { uri: format!("file:///{}", encoded(rest)), uri_base_id: None },
        (None, None, Some(_)) => Artifact { uri: encoded(path), uri_base_id: Some(HOME) },
        (None, None, None) => Artifact { uri: encoded(path), uri_base_id: Some(HERE) },
    }
}

/// A path in which every byte that may not stand in the path of a URI is written as `%XX`.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris_below_a_base() {
        let redactor = Redactor::new();
        let of = |path: &str, home: Option<&str>| {
            let artifact = artifact(&redactor.text(path), home);
            (artifact.uri, artifact.uri_base_id)
        };
        let home = Some("/var/ossec");
        assert_eq!(of("etc/ossec.conf", home), ("etc/ossec.conf".to_owned(), Some(HOME)));
        assert_eq!(of("/var/ossec/etc/ossec.conf", home), ("etc/ossec.conf".to_owned(), Some(HOME)));
        assert_eq!(of("/var/ossec2/x", home), ("var/ossec2/x".to_owned(), Some(ROOT)));
        assert_eq!(of("/etc/pass wd", home), ("etc/pass%20wd".to_owned(), Some(ROOT)));
        assert_eq!(of("bin/a:b#c?%é.sh", None), ("bin/a%3Ab%23c%3F%25%C3%A9.sh".to_owned(), Some(HERE)));
        assert_eq!(of("/tmp/x", None), ("file:///tmp/x".to_owned(), None));
        assert_eq!(of("//host/x", home).0, "host/x");
    }

    #[test]
    fn no_text_is_a_link_or_a_placeholder() {
        assert_eq!(own("a {0} [b](1) {").text, "a {{0}} [b\\](1) {{");
    }
}
