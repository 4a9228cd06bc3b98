//! The text report of `check`: first one sentence a tired person can act on, then
//! the proof, then the rest. What passed is shown with `-v`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::escape;
use super::json::SinceBaseline;
use super::page::{Page, Text, Tone};
use super::trace::timeline_text;
use super::{Report, TOOL, VERSION};
use crate::engine::{
    Basis, Elsewhere, Entry, Reason, ResponseResult, StageResult, State, Suppressed, Verdict,
};
use crate::facts::Alerts;
use crate::findings::{Check, Confidence, Evidence, Finding, ResponseIndex, Severity, Stage};
use crate::host::{GapKind, SourceKind};
use crate::redact::Redactor;
use crate::wazuh::install::Kind;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;

/// Rows of the grid without `-v`.
const ROWS: usize = 12;

/// Responses without trouble among them, for contrast.
const CONTRAST: usize = 2;

/// Folded findings of one entry, names, sources: so many without `-v`.
const SHORT_LIST: usize = 5;

/// Column of the text beside `why`, `fix`, `verify`.
const BESIDE: usize = 8;

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Advice, passed stages, all of every list.
    pub verbose: bool,
    /// Only the headline.
    pub quiet: bool,
    /// The ranking key of every entry.
    pub why: bool,
}

/// Writes the report.
pub fn write(report: &Report<'_, '_>, options: Options, page: &mut Page) {
    let writer = Writer { report, options };
    if options.quiet {
        for line in writer.headline().wrapped(usize::MAX) {
            page.line(&line);
        }
        return;
    }
    writer.header(page);
    let entries = writer.entries();
    let troubled = writer.shown_rows();
    if entries.is_empty() && troubled.is_empty() && !writer.has_blind_spots() {
        page.line(&writer.headline());
        page.line(&writer.short_footer());
        return;
    }
    page.blank();
    writer.headline_block(page);
    writer.grid(page, &troubled);
    for (at, entry) in entries.iter().enumerate() {
        writer.entry(page, at, entry);
    }
    page.blank();
    writer.footer(page);
}

/// Writes the parts of a report; the Markdown form takes some of them.
pub(super) struct Writer<'a, 'h> {
    pub(super) report: &'a Report<'a, 'h>,
    pub(super) options: Options,
}

impl Writer<'_, '_> {
    pub(super) fn host(&self, text: impl AsRef<[u8]>) -> Text {
        Text::new().host(&self.report.redactor.text(text))
    }

    // ---- header and headline ----

    fn header(&self, page: &mut Page) {
        let facts = self.report.facts;
        let mut parts = vec![Text::new().toned(Tone::Strong, TOOL).own(" ").own(VERSION)];
        if facts.is_bare() {
            let role = match facts.role() {
                Role::Manager => " as a manager reads it",
                Role::Agent => " as an agent reads it",
            };
            let file = facts.config().file.shown.as_str();
            let file = if file == "-" { Text::new().own("standard input") } else { self.host(file) };
            parts.push(file.own(role));
        } else {
            parts.push(self.who());
        }
        parts.push(match facts.version() {
            Some(version) => Text::new().own("Wazuh ").and(self.host(version.to_string())),
            None if facts.is_bare() => Text::new().own("newest Wazuh 4.x"),
            None => Text::new().own("Wazuh, version unknown"),
        });
        if !facts.is_bare() {
            parts.push(self.host(facts.install.home.display().to_string()));
            if self.options.verbose {
                parts.push(Text::new().own("named by ").and(self.host(&facts.install.named_by)));
            }
            if facts.source() != SourceKind::Live {
                parts.push(self.host(facts.label()));
            }
            if facts.source() != SourceKind::Capture {
                parts.push(match facts.reader_uid() {
                    0 => Text::new().own("as root"),
                    uid => Text::new().own("as uid ").number(uid),
                });
            }
        }
        page.line(&Text::new().list(parts, "   "));
    }

    /// `agent 003 web-01`, `manager siem-1`.
    pub(super) fn who(&self) -> Text {
        let facts = self.report.facts;
        if let Some(identity) = facts.install.identity.get() {
            return Text::new().own("agent ").and(self.host(format!("{} {}", identity.id, identity.name)));
        }
        let role = match facts.install.kind.get() {
            Some(Kind::Agent) => "agent",
            Some(Kind::Local) => "local manager",
            Some(Kind::Server) if facts.is_worker() => "worker",
            Some(Kind::Server) => "manager",
            None => "kind unknown",
        };
        match facts.machine().get().filter(|machine| !machine.hostname.is_empty()) {
            Some(machine) => Text::new().own(role).own(" ").and(self.host(&machine.hostname)),
            None => Text::new().own(role),
        }
    }

    /// The finding the report begins with.
    pub(super) fn first(&self) -> Option<&Entry> {
        self.report.diagnosis.entries.first().filter(|entry| entry.finding.severity > Severity::Advice)
    }

    pub(super) fn headline(&self) -> Text {
        let facts = self.report.facts;
        let diagnosis = self.report.diagnosis;
        if let Some(entry) = self.first() {
            let tone = tone_of(entry.finding.severity);
            return self.host(&entry.finding.title).all(tone);
        }
        if facts.install.sealed.is_some() {
            let home = self.host(facts.install.home.display().to_string());
            return home.own(" may not be entered: nothing below it could be examined.").all(Tone::Warn);
        }
        let checks = Text::new().counted(diagnosis.checks, "check");
        let responses = diagnosis.responses.len();
        if self.has_blind_spots() && !self.responses_are_known() {
            return Text::new()
                .own("Nothing can be said: what names the responses could not be read. ")
                .and(checks)
                .own(", of which ")
                .count(self.report.checks_not_made())
                .own(" could not be made.");
        }
        if self.has_blind_spots() {
            let not_made = self.report.checks_not_made();
            let text = Text::new()
                .own("No fault found in what could be read: ")
                .counted(responses, "response")
                .own(", ")
                .and(checks);
            return if not_made == 0 {
                text.own(".")
            } else {
                text.own(", of which ").count(not_made).own(" could not be made for all of them.")
            };
        }
        if responses == 0 && self.report.response.is_none() && self.responses_are_known() {
            return Text::new().own("No active response is configured, so none runs: ").and(checks).own(".");
        }
        let text = Text::new().toned(Tone::Good, "No fault found");
        let text = match diagnosis.suppressed.len() {
            0 => text,
            suppressed => text.own(" besides ").count(suppressed).own(" suppressed"),
        };
        let text = if self.report.is_incomplete() && !facts.is_bare() {
            text.own(" in what this source holds")
        } else {
            text
        };
        if facts.is_bare() && responses == 0 {
            return text.own(" in the file: ").and(checks).own(".");
        }
        let text = text.own(": ").counted(responses, "response");
        let idle = diagnosis.responses.iter().filter(|result| result.verdict == Verdict::NotMeant).count();
        let text = match idle {
            0 => text,
            all if all == responses => text.own(" (not in force here)"),
            some => text.own(" (").count(some).own(" not in force here)"),
        };
        text.own(", ").and(checks).own(".")
    }

    /// Whether the file that names the responses was read.
    fn responses_are_known(&self) -> bool {
        let facts = self.report.facts;
        match (facts.role(), facts.contract()) {
            (Role::Agent, Contract::Json5) => facts.bin_names().get().is_some(),
            (Role::Agent, _) => facts.ar_conf().read.is_some(),
            (Role::Manager, _) => facts.config().read.is_some(),
        }
    }

    fn headline_block(&self, page: &mut Page) {
        page.paragraph(2, &self.headline());
        if let Some(entry) = self.first() {
            // Whole sentences: the rest stands below, beside `why`.
            let width = page.width().saturating_sub(6);
            let cause = first_sentences(&entry.finding.cause, width);
            for line in self.host(cause).wrapped(width).iter().filter(|line| !line.is_empty()) {
                page.indented(2, line);
            }
        } else if self.report.facts.install.sealed.is_some() {
            page.indented(2, &self.run_as_root());
        }
    }

    pub(super) fn run_as_root(&self) -> Text {
        if self.report.facts.reader_uid() == 0 {
            Text::new().own("Even root was refused: a security module or a container stands before it.")
        } else {
            Text::new().own("Run it as root: sudo ar-doctor check")
        }
    }

    // ---- the grid ----

    /// Responses the grid shows, in the order of their file.
    pub(super) fn shown_rows(&self) -> Vec<&ResponseResult> {
        let results = &self.report.diagnosis.responses;
        if self.options.verbose {
            return results.iter().collect();
        }
        if !results.iter().any(is_troubled) {
            return Vec::new();
        }
        let mut contrast = 0;
        results
            .iter()
            .filter(|result| {
                is_troubled(result)
                    || result.verdict == Verdict::NoFault && {
                        contrast += 1;
                        contrast <= CONTRAST
                    }
            })
            .collect()
    }

    pub(super) fn grid(&self, page: &mut Page, rows: &[&ResponseResult]) {
        if rows.is_empty() {
            return;
        }
        let limit = if self.options.verbose { rows.len() } else { ROWS };
        let rows_shown = &rows[..rows.len().min(limit)];
        let names: Vec<Text> = rows_shown.iter().map(|result| self.name(result.index)).collect();
        let widths: Vec<usize> = Stage::ALL
            .iter()
            .enumerate()
            .map(|(at, stage)| {
                let cells = rows_shown
                    .iter()
                    .filter_map(|result| result.stages.get(at))
                    .map(|stage| cell(stage).0.len());
                cells.chain([stage.name().len()]).max().unwrap_or_default()
            })
            .collect();
        let name_column = names.iter().map(Text::columns).max().unwrap_or_default().max(16) + 2;
        page.blank();
        let heads =
            Stage::ALL.iter().zip(&widths).map(|(stage, width)| centered(stage.name(), Tone::Dim, *width));
        page.indented(2, &Text::new().pad(name_column).list(heads, " "));
        for (result, name) in rows_shown.iter().zip(names) {
            let cells = result.stages.iter().zip(&widths).map(|(stage, width)| {
                let (text, tone) = cell(stage);
                centered(text, tone, *width)
            });
            page.indented(2, &name.pad(name_column).list(cells, " "));
        }
        let hidden = self.report.diagnosis.responses.len() - rows_shown.len();
        let all = self.report.response.is_none() || rows.len() > rows_shown.len();
        if hidden > 0 && all {
            page.indented(2, &Text::new().own("... and ").count(hidden).own(" more (-v)").all(Tone::Dim));
        }
        if self.options.verbose {
            self.reasons(page, rows);
        }
    }

    /// With `-v`, why a stage did not pass, for every response.
    fn reasons(&self, page: &mut Page, rows: &[&ResponseResult]) {
        page.blank();
        for result in rows {
            let mut by_reason: Vec<(&Reason, State, Vec<Stage>)> = Vec::new();
            for stage in &result.stages {
                let Some(reason) = &stage.reason else { continue };
                match by_reason.iter_mut().find(|(known, state, _)| *known == reason && *state == stage.state)
                {
                    Some((_, _, stages)) => stages.push(stage.stage),
                    None => by_reason.push((reason, stage.state, vec![stage.stage])),
                }
            }
            for (reason, state, stages) in by_reason {
                let stages = stages.into_iter().map(|stage| Text::new().own(stage.name()));
                let text = self
                    .name(result.index)
                    .own("  ")
                    .list(stages, ", ")
                    .own(" ")
                    .own(state.name())
                    .own(": ")
                    .and(self.host(reason.to_string()));
                page.paragraph(2, &text.all(Tone::Dim));
            }
        }
    }

    fn name(&self, index: ResponseIndex) -> Text {
        self.report.facts.response(index).map_or_else(Text::new, |response| self.host(&response.name))
    }

    // ---- entries ----

    fn entries(&self) -> Vec<&Entry> {
        let entries = self.report.diagnosis.entries.iter();
        entries.filter(|entry| self.options.verbose || entry.finding.severity > Severity::Advice).collect()
    }

    fn entry(&self, page: &mut Page, at: usize, entry: &Entry) {
        let is_headline = at == 0 && self.first().is_some();
        let whom = self.whom(&entry.finding);
        let writer = EntryWriter {
            redactor: self.report.redactor,
            verbose: self.options.verbose,
            why: self.options.why,
            since_baseline: self.since_baseline(&entry.finding),
        };
        writer.entry(page, at, entry, is_headline, whom, &self.timeline(at, entry));
    }

    /// What became of the last alert of its responses, unless an entry above shows it.
    fn timeline(&self, at: usize, entry: &Entry) -> Vec<Text> {
        let Some(trace) = &self.report.diagnosis.trace else { return Vec::new() };
        if entry.finding.severity <= Severity::Advice {
            return Vec::new();
        }
        let above = self.report.diagnosis.entries.get(..at).unwrap_or_default();
        let is_shown = |index: &&ResponseIndex| {
            !self.options.verbose && above.iter().any(|entry| entry.finding.responses.contains(index))
        };
        let last = |index: &&ResponseIndex| {
            let row = trace.of(**index)?.1.last.as_ref()?;
            Some((row.gap.is_some(), row.alert.at))
        };
        let known = entry.finding.responses.iter().filter(|index| !is_shown(index) && last(index).is_some());
        let Some(&index) = known.max_by_key(last) else { return Vec::new() };
        timeline_text(self.report.redactor, trace, index, entry.finding.check, self.options.verbose)
    }

    /// `new` or `same`, against a baseline.
    pub(super) fn since_baseline(&self, finding: &Finding) -> Option<&'static str> {
        let fingerprint = self.report.redactor.text(finding.fingerprint());
        self.report.since_baseline(fingerprint.as_str()).map(SinceBaseline::name)
    }

    /// `stops custom-block600`.
    pub(super) fn whom(&self, finding: &Finding) -> Text {
        if finding.responses.is_empty() {
            return Text::new();
        }
        let verb = match (finding.severity, finding.confidence) {
            (Severity::Error, Confidence::Proven) => "stops ",
            (Severity::Error, _) => "would stop ",
            (Severity::Warning, _) => "bends ",
            (Severity::Advice, _) => "concerns ",
        };
        let count = finding.responses.len();
        let text = Text::new().own(verb);
        if count > 2 && count == self.report.facts.responses().len() {
            return text.own("all ").count(count).own(" responses");
        }
        let shown = if self.options.verbose { count } else { count.min(3) };
        let mut names: Vec<Text> = Vec::new();
        for name in finding.responses.iter().map(|&index| self.name(index)) {
            // Blocks with one command and timeout have one name.
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let more = names.len().saturating_sub(shown);
        names.truncate(shown);
        let text = text.list(names, ", ");
        if more > 0 { text.own(" and ").count(more).own(" more") } else { text }
    }

    // ---- the footer ----

    /// Whether something was refused or failed, which is more than a source that
    /// cannot hold it.
    fn has_blind_spots(&self) -> bool {
        self.report.facts.install.sealed.is_some()
            || !self.report.diagnosis.failed_probes.is_empty()
            || self.report.gaps().iter().any(|gap| gap.kind != GapKind::NotCollected)
    }

    fn footer(&self, page: &mut Page) {
        let stages = self.stages_not_seen();
        let rows = self.shown_rows();
        let starred = rows.iter().flat_map(|result| &result.stages).any(|stage| cell(stage).0 == "ok*");
        if !stages.is_empty() {
            page.paragraph(1, &Text::new().own("? not seen from here: ").and(stages));
        }
        for (kind, label) in [
            (GapKind::Denied, "? denied: "),
            (GapKind::Failed, "? could not be read: "),
            (GapKind::NotCollected, "? not collected: "),
        ] {
            self.gaps_of(page, kind, label);
        }
        if starred {
            page.indented(1, &Text::new().own("* static: read from files, not seen to happen"));
        }
        for note in self.notes() {
            page.paragraph(1, &Text::new().own("note: ").and(self.host(note)));
        }
        if self.options.verbose {
            for suppressed in self.suppressed() {
                page.paragraph(1, &suppressed);
            }
        }
        if let Some(changes) = self.changes() {
            page.paragraph(1, &changes.own("."));
            let gone = self.gone();
            let limit = if self.options.verbose { gone.len() } else { SHORT_LIST };
            for gone in gone.iter().take(limit) {
                page.paragraph(3, gone);
            }
            if gone.len() > limit {
                page.indented(3, &Text::new().own("... and ").count(gone.len() - limit).own(" more (-v)"));
            }
        }
        page.indented(1, &self.totals());
    }

    /// What is suppressed, a line each, and by what.
    pub(super) fn suppressed(&self) -> Vec<Text> {
        let line = |suppressed: &Suppressed| {
            let check = suppressed.finding.check.check();
            let subject = self.host(suppressed.finding.subject.to_string());
            let text =
                Text::new().own("suppressed: ").own(check.id).own(" ").own(check.slug).own(", ").and(subject);
            let Some((file, rule)) = self.report.rule_of(suppressed) else { return text };
            let text = match &suppressed.because_of {
                Some(cause) => text.own(", seen because of ").and(self.host(cause)),
                None => text.own(": ").and(self.host(&rule.reason)),
            };
            let text = text.own(" (").and(self.host(file)).own(":").number(rule.line);
            match rule.expires {
                Some(last) => text.own(", until ").and(self.host(last.to_string())).own(")"),
                None => text.own(")"),
            }
        };
        self.report.diagnosis.suppressed.iter().map(line).collect()
    }

    /// `since last.json of 2026-11-20: 1 new, 2 gone, 3 same`.
    pub(super) fn changes(&self) -> Option<Text> {
        let changes = self.report.changes()?;
        let baseline = self.report.facts.baseline()?;
        let text = Text::new()
            .own("since ")
            .and(self.host(baseline.told()))
            .own(": ")
            .count(changes.new)
            .own(" new, ")
            .count(changes.gone)
            .own(" gone, ")
            .count(changes.same)
            .own(" the same");
        Some(match changes.unseen {
            0 => text,
            unseen => text.own(", ").count(unseen).own(" could not be examined this time"),
        })
    }

    /// Findings that only the baseline has, a line each.
    pub(super) fn gone(&self) -> Vec<Text> {
        let compared = self.report.diagnosis.compared.iter();
        compared
            .flat_map(|compared| &compared.gone)
            .map(|gone| {
                let word = if gone.examined { "gone: " } else { "not examined: " };
                let was = &gone.was;
                Text::new()
                    .own(word)
                    .and(self.host(format!("{} {}, {}: {}", was.id, was.slug, was.severity, was.title)))
            })
            .collect()
    }

    /// What has to be known of the reading itself.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let facts = self.report.facts;
        let alerts = facts.alerts_if_read().and_then(Alerts::note);
        let suppressions = facts.suppressions().filter(|_| self.options.verbose);
        let suppressions = suppressions.map(|read| format!("suppressions are read from {}", read.shown));
        facts.version_note().into_iter().chain(alerts).chain(facts.log_notes()).chain(suppressions)
    }

    fn gaps_of(&self, page: &mut Page, kind: GapKind, label: &'static str) {
        let gaps: Vec<_> = self.report.gaps().into_iter().filter(|gap| gap.kind == kind).collect();
        let mut sources: BTreeMap<String, String> = BTreeMap::new();
        for gap in gaps {
            sources.entry(gap.source).or_insert(gap.why);
        }
        if sources.is_empty() {
            return;
        }
        let with_reason =
            kind == GapKind::Failed || self.options.verbose || self.report.facts.reader_uid() == 0;
        let limit = if self.options.verbose { sources.len() } else { SHORT_LIST };
        let more = sources.len().saturating_sub(limit);
        let texts = sources.iter().take(limit).map(|(source, why)| {
            let source = self.host(source);
            if with_reason { source.own(" (").and(self.host(why)).own(")") } else { source }
        });
        let text = Text::new().own(label).list(texts, ", ");
        let text = if more > 0 { text.own(" and ").count(more).own(" more") } else { text };
        let checks: BTreeSet<_> = self
            .report
            .diagnosis
            .unknown
            .iter()
            .filter(|unknown| unknown.gap.kind == kind)
            .map(|unknown| unknown.check)
            .collect();
        let text = match (kind, self.report.facts.reader_uid()) {
            (GapKind::Denied, uid) if uid != 0 && checks.is_empty() => text.own(" (run as root)"),
            (GapKind::Denied, uid) if uid != 0 => {
                text.own(" (run as root: ").counted(checks.len(), "check").own(" more)")
            }
            _ => text,
        };
        page.paragraph(1, &text);
    }

    /// Stages that are on the other side or that no file tells of.
    pub(super) fn stages_not_seen(&self) -> Text {
        let rows = self.shown_rows();
        let all = &self.report.diagnosis.responses;
        let results: Vec<&ResponseResult> = if rows.is_empty() { all.iter().collect() } else { rows };
        let mut by_reason: Vec<(&Reason, Vec<Stage>)> = Vec::new();
        for stage in results.iter().flat_map(|result| &result.stages) {
            let Some(reason) = stage.reason.as_ref().filter(|_| stage.state == State::Unknown) else {
                continue;
            };
            let reason = match reason {
                // Unknown facts have lines of their own.
                Reason::Gap(_) => continue,
                // To a manager the agent that sent the event is one of its agents.
                Reason::NotThisSide(Elsewhere::Sender) => &Reason::NotThisSide(Elsewhere::Agents),
                other => other,
            };
            match by_reason.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, stages)) if stages.contains(&stage.stage) => {}
                Some((_, stages)) => stages.push(stage.stage),
                None => by_reason.push((reason, vec![stage.stage])),
            }
        }
        let texts = by_reason.into_iter().map(|(reason, mut stages)| {
            stages.sort_unstable();
            let is = if stages.len() > 1 { " are " } else { " is " };
            let stages =
                Text::new().list(stages.into_iter().map(|stage| Text::new().own(stage.name())), ", ");
            match reason {
                Reason::NotThisSide(elsewhere) => {
                    let text = stages.own(is).own(elsewhere.words());
                    if *elsewhere == Elsewhere::Manager {
                        text.own(" (run `ar-doctor check` there)")
                    } else {
                        text
                    }
                }
                Reason::NotExamined => stages.own(is).and(self.host(reason.to_string())),
                other => stages.own(": ").and(self.host(other.to_string())),
            }
        });
        Text::new().list(texts, "; ")
    }

    pub(super) fn totals(&self) -> Text {
        let counts = self.report.counts();
        let text = Text::new().severities(counts.errors, counts.warnings, counts.advice);
        let text = match self.report.diagnosis.suppressed.len() {
            0 => text,
            suppressed => text.own(", ").count(suppressed).own(" suppressed"),
        };
        let is_more = counts.advice + self.report.diagnosis.suppressed.len() > 0;
        let text =
            if is_more && !self.options.verbose { text.own(" (-v shows them).  ") } else { text.own(".  ") };
        let text = text.counted(self.report.diagnosis.checks, "check");
        match self.report.timings {
            Some(timings) => text.own(" in ").and(self.host(format!("{:.1} ms", timings.total))).own("."),
            None => text.own("."),
        }
    }

    /// Totals and what was not seen on one line, for a report without trouble.
    fn short_footer(&self) -> Text {
        let counts = self.report.counts();
        let suppressed = self.report.diagnosis.suppressed.len();
        let mut totals = Text::new().own("0 errors, 0 warnings");
        if counts.advice > 0 {
            totals = totals.own(", ").count(counts.advice).own(" advice");
        }
        if suppressed > 0 {
            totals = totals.own(", ").count(suppressed).own(" suppressed");
        }
        let is_more = counts.advice + suppressed > 0;
        let mut parts = vec![totals.own(if is_more { " (-v shows them)." } else { "." })];
        parts.extend(self.changes().map(|changes| changes.own(".")));
        let stages = self.stages_not_seen();
        if !stages.is_empty() {
            parts.push(Text::new().own("? not seen from here: ").and(stages).own("."));
        }
        let sources: BTreeSet<String> = self.report.gaps().into_iter().map(|gap| gap.source).collect();
        if !sources.is_empty() {
            let more = sources.len().saturating_sub(SHORT_LIST);
            let text = Text::new()
                .own("? not collected: ")
                .list(sources.iter().take(SHORT_LIST).map(|source| self.host(source)), ", ");
            parts.push(if more > 0 { text.own(" and ").count(more).own(" more.") } else { text.own(".") });
        }
        for note in self.notes() {
            parts.push(Text::new().own("note: ").and(self.host(note)).own("."));
        }
        // What became of alerts is only looked at beside a fault.
        if self.report.facts.alerts_if_read().is_some_and(|alerts| alerts.reading.alerts > 0) {
            parts.push(Text::new().own("Whether alerts were answered: ar-doctor trace."));
        }
        if let Some(timings) = self.report.timings {
            parts.push(self.host(format!("{:.1} ms.", timings.total)));
        }
        Text::new().list(parts, "  ")
    }
}

/// Writes entries of a ranked list of findings; `check` and `replay` share it.
#[derive(Clone, Copy)]
pub(super) struct EntryWriter<'a> {
    /// What all text passes.
    pub(super) redactor: &'a Redactor,
    /// Whole lists.
    pub(super) verbose: bool,
    /// The ranking key of every entry.
    pub(super) why: bool,
    /// `new` or `same`, against a baseline.
    pub(super) since_baseline: Option<&'static str>,
}

impl EntryWriter<'_> {
    fn host(&self, text: impl AsRef<[u8]>) -> Text {
        Text::new().host(&self.redactor.text(text))
    }

    /// Writes an entry. `is_headline` says that its title stands above already; `whom`
    /// what it does to which responses, where there is more than one, `beside` what stands
    /// behind its evidence.
    pub(super) fn entry(
        &self,
        page: &mut Page,
        at: usize,
        entry: &Entry,
        is_headline: bool,
        whom: Text,
        beside: &[Text],
    ) {
        let finding = &entry.finding;
        let check = finding.check.check();
        page.blank();
        let tone = tone_of(finding.severity);
        let head = Text::new().count(at + 1);
        let head = Text::new()
            .pad(2_usize.saturating_sub(head.columns()))
            .and(head)
            .own("  ")
            .toned(Tone::Strong, check.id)
            .own(" ")
            .toned(Tone::Strong, check.slug)
            .pad(30)
            .own("  ")
            .toned(tone, finding.severity.name())
            .own(", ")
            .own(finding.confidence.name());
        let head = match self.since_baseline {
            Some(word) => head.own(", ").own(word),
            None => head,
        };
        let head = if whom.is_empty() { head } else { head.pad(59).own("  ").and(whom) };
        page.line(&head);
        if !is_headline {
            page.paragraph(4, &self.host(&finding.title).all(Tone::Strong));
        }
        for evidence in &finding.evidence {
            self.evidence(page, evidence);
        }
        for (at, line) in beside.iter().enumerate() {
            page.paragraph(if at == 0 { 4 } else { 6 }, line);
        }
        self.folded(page, &entry.folded);
        self.why(page, is_headline, finding);
        self.fix(page, finding);
        self.verify(page, finding);
        if self.why {
            self.key(page, entry);
        }
    }

    pub(super) fn evidence(&self, page: &mut Page, evidence: &Evidence) {
        match evidence {
            Evidence::Excerpt { file, line, column, text, mark, label } => {
                write_excerpt(self.redactor, page, (file, *line, *column), (text, mark), label);
            }
            Evidence::Observation { source, text } => {
                page.paragraph(
                    4,
                    &self
                        .host(source)
                        .own(": ")
                        .all(Tone::Dim)
                        .and(Text::new().own(" "))
                        .and(self.host(text)),
                );
            }
        }
    }

    fn folded(&self, page: &mut Page, folded: &[Finding]) {
        let shown = if self.verbose { folded.len() } else { folded.len().min(SHORT_LIST) };
        match folded {
            [] => {}
            [only] => {
                let text = Text::new().own("also seen because of this: ").and(self.host(&only.title));
                page.paragraph(4, &text);
            }
            several => {
                page.indented(4, &Text::new().own("also seen because of this:"));
                for finding in &several[..shown] {
                    page.paragraph(6, &self.host(&finding.title));
                }
                if several.len() > shown {
                    page.indented(
                        6,
                        &Text::new().own("... and ").count(several.len() - shown).own(" more (-v)"),
                    );
                }
            }
        }
    }

    /// What Wazuh or the kernel does. The headline has said it of the first
    /// entry, so there the catalogue's own reason stands.
    fn why(&self, page: &mut Page, is_headline: bool, finding: &Finding) {
        let check = finding.check.check();
        let said =
            is_headline && first_sentences(&finding.cause, page.width().saturating_sub(6)) == finding.cause;
        let text = if said || finding.cause.is_empty() {
            self.host(first_sentences(check.why, page.width()))
        } else {
            self.host(&finding.cause)
        };
        page.labelled(4, "why", BESIDE, &text.and(source_of(check)));
    }

    fn fix(&self, page: &mut Page, finding: &Finding) {
        if finding.remedy.is_empty() {
            return lines_beside(page, "fix", finding.check.check().fix);
        }
        let mut label = "fix";
        for remedy in &finding.remedy {
            // A command stays on its line, however long, so that it can be pasted.
            for line in remedy.lines() {
                let text =
                    Text::new().toned(Tone::Dim, label).pad(BESIDE).and(self.host(line).all(Tone::Command));
                page.indented(4, &text);
                label = "";
            }
        }
    }

    fn verify(&self, page: &mut Page, finding: &Finding) {
        if finding.verify.is_empty() {
            return lines_beside(page, "verify", finding.check.check().verify);
        }
        for (at, line) in finding.verify.lines().enumerate() {
            let label = if at == 0 { "verify" } else { "" };
            let text =
                Text::new().toned(Tone::Dim, label).pad(BESIDE).and(self.host(line).all(Tone::Command));
            page.indented(4, &text);
        }
    }

    fn key(&self, page: &mut Page, entry: &Entry) {
        let key = &entry.key;
        let text = Text::new()
            .own(key.severity.0.name())
            .own(", ")
            .own(key.confidence.0.name())
            .own(", ")
            .counted(key.stops.0, "response")
            .own(", stage ")
            .own(key.stage.name())
            .own(", ");
        let text = if key.position == usize::MAX {
            text.own("no place in the configuration")
        } else {
            text.own("byte ").count(key.position).own(" of the configuration")
        };
        let text = text.own(", ").own(key.check.check().id).own(", ").and(self.host(&key.subject));
        page.labelled(4, "rank", BESIDE, &text);
    }
}

/// Where the catalogue has its reason from, in brackets.
fn source_of(check: &Check) -> Text {
    match check.source.first() {
        Some(source) => Text::new().own(" (").own(source).own(")"),
        None => Text::new(),
    }
}

/// The catalogue's whole reason, with its source.
pub(super) fn whole_why(redactor: &Redactor, finding: &Finding) -> Text {
    let check = finding.check.check();
    let why = check.why.split_whitespace().collect::<Vec<_>>().join(" ");
    Text::new().host(&redactor.text(why)).and(source_of(check))
}

fn is_troubled(result: &ResponseResult) -> bool {
    !result.accepted && matches!(result.verdict, Verdict::Stops(..) | Verdict::Bent(..))
}

pub(super) const fn tone_of(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Fail,
        Severity::Warning => Tone::Warn,
        Severity::Advice => Tone::Strong,
    }
}

/// A stage in the grid.
const fn cell(stage: &StageResult) -> (&'static str, Tone) {
    match (stage.state, stage.basis) {
        (State::Pass, Some(Basis::Observed)) => ("ok", Tone::Good),
        (State::Pass, _) => ("ok*", Tone::Good),
        (State::Fail, _) => ("FAIL", Tone::Fail),
        (State::Warn, _) => ("warn", Tone::Warn),
        (State::Blocked, _) => ("blocked", Tone::Dim),
        (State::NotApplicable, _) => ("-", Tone::Dim),
        (State::Unknown, _) => ("?", Tone::Dim),
    }
}

fn centered(text: &'static str, tone: Tone, width: usize) -> Text {
    let left = width.saturating_sub(text.len()) / 2;
    Text::new().pad(left).toned(tone, text).pad(width)
}

/// Lines of the catalogue beside a label. They are short enough by themselves.
fn lines_beside(page: &mut Page, label: &'static str, text: &'static str) {
    for (at, line) in text.trim_end().lines().enumerate() {
        let label = if at == 0 { label } else { "" };
        page.indented(4, &Text::new().toned(Tone::Dim, label).pad(BESIDE).own(line));
    }
}

/// As many whole sentences of a text as fit on about two lines, one at least.
pub(super) fn first_sentences(text: &str, width: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let limit = width.saturating_mul(2);
    let mut end = None;
    for (at, _) in text.match_indices(". ") {
        if end.is_some() && at >= limit {
            break;
        }
        end = Some(at + 1);
    }
    match end {
        Some(end) if text.len() > limit => text[..end].to_owned(),
        _ => text,
    }
}

/// Writes a line of a file with a caret under the bytes that matter. `place` is
/// file, line and column of the mark; `text` is the line and the mark in it.
pub(super) fn write_excerpt(
    redactor: &Redactor,
    page: &mut Page,
    place: (&str, u64, u64),
    text: (&[u8], &Range<usize>),
    label: &str,
) {
    let (file, line, column) = place;
    let (bytes, mark) = text;
    let (shown, shown_mark) = redactor.excerpt(bytes, mark);
    let excerpt = Excerpt {
        file: Text::new().host(&redactor.text(file)),
        line,
        is_cut: usize::try_from(column).is_ok_and(|column| column > mark.start + 1),
        bytes: shown,
        mark: shown_mark,
        label: Text::new().host(&redactor.text(label)),
    };
    excerpt.write(page);
}

/// See [`write_excerpt`].
struct Excerpt {
    file: Text,
    line: u64,
    is_cut: bool,
    bytes: Vec<u8>,
    mark: Range<usize>,
    label: Text,
}

impl Excerpt {
    fn write(self, page: &mut Page) {
        let number = self.line.to_string();
        let gutter = number.len().max(1);
        let indent = 4;
        page.indented(
            indent,
            &Text::new().toned(Tone::Dim, "--> ").and(self.file).own(":").number(self.line),
        );
        let bar = || Text::new().pad(gutter + 1).toned(Tone::Dim, "|");
        page.indented(indent, &bar());
        let room = page.width().saturating_sub(indent + gutter + 3).max(20);
        let (text, from, columns) = window(&self.bytes, &self.mark, self.is_cut, room);
        page.indented(
            indent,
            &Text::new().number(self.line).own(" ").toned(Tone::Dim, "|").own(" ").and(text),
        );
        let carets = Text::new().own("^").repeated(columns.max(1)).all(Tone::Fail);
        let under = bar().own(" ").pad(gutter + 3 + from).and(carets);
        let beside = under.columns() + 1;
        if self.label.is_empty() {
            page.indented(indent, &under);
        } else if indent + beside + self.label.columns() <= page.width() {
            page.indented(indent, &under.own(" ").and(self.label));
        } else {
            page.indented(indent, &under);
            let width = page.width().saturating_sub(indent + gutter + 3).max(20);
            for line in self.label.wrapped(width) {
                page.indented(indent, &bar().own(" ").and(line));
            }
        }
    }
}

/// The part of a line that fits, and the columns of the mark in it: text, first
/// column, number of columns.
fn window(bytes: &[u8], mark: &Range<usize>, is_cut: bool, room: usize) -> (Text, usize, usize) {
    const CUT: &str = "...";
    let cells = escape::cells(bytes, mark);
    let is_marked = |cell: &escape::Cell| cell.bytes.start < mark.end && cell.bytes.end > mark.start;
    let first = cells.iter().position(|cell| cell.bytes.end > mark.start).unwrap_or(cells.len());
    let total: usize = cells.iter().map(|cell| cell.width).sum();
    // Keep what is left of the mark where it fits, else just enough to see where it is.
    let mut begin = 0;
    if total > room {
        let left: usize = cells[..first].iter().map(|cell| cell.width).sum();
        let marked: usize = cells[first..].iter().filter(|cell| is_marked(cell)).map(|cell| cell.width).sum();
        let mut surplus = (left + marked.min(room / 2) + 2 * CUT.len()).saturating_sub(room);
        while surplus > 0 && begin < first {
            surplus = surplus.saturating_sub(cells[begin].width);
            begin += 1;
        }
    }
    let mut text = Text::new();
    let mut used = 0;
    if begin > 0 || is_cut {
        text = text.own(CUT);
        used += CUT.len();
    }
    let mut from = None;
    let mut columns = 0;
    for (at, cell) in cells.iter().enumerate().skip(begin) {
        if at == first {
            from = Some(used);
        }
        let rest: usize = cells[at..].iter().map(|cell| cell.width).sum();
        if used + rest > room && used + cell.width + CUT.len() > room {
            text = text.own(CUT);
            used += CUT.len();
            break;
        }
        let tone = if is_marked(cell) { Tone::Strong } else { Tone::Plain };
        if is_marked(cell) {
            columns += cell.width;
        }
        text = text.cell(tone, cell);
        used += cell.width;
    }
    (text, from.unwrap_or(used), columns)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::{Diagnosis, Key, Unknown};
    use crate::facts::{BareConfig, Facts};
    use crate::findings::{Subject, checks};
    use crate::host::{Gap, tree::TreeHost};
    use crate::wazuh::version::Version;

    const CONFIG: &str = "<ossec_config><command><name>fw</name><executable>fw.sh</executable>\
        <timeout_allowed>yes</timeout_allowed></command><active-response><command>fw</command>\
        <location>server</location><level>3</level><timeout>60</timeout></active-response></ossec_config>";

    fn report(diagnosis: &Diagnosis, options: Options) -> String {
        let directory = tempfile::tempdir().unwrap();
        let host = TreeHost::open(directory.path()).unwrap();
        let redactor = Redactor::new();
        let bare = BareConfig {
            shown: "ossec.conf".into(),
            bytes: CONFIG.into(),
            role: Role::Manager,
            version: Some(Version::new(4, 14, 2)),
        };
        let facts = Facts::bare(&host, &redactor, bare);
        let report = Report { facts: &facts, diagnosis, redactor: &redactor, response: None, timings: None };
        let mut page = Page::new(100, false);
        write(&report, options, &mut page);
        page.into_text().replace(VERSION, "VERSION")
    }

    fn healthy() -> Diagnosis {
        let stage =
            |stage| StageResult { stage, state: State::Pass, basis: Some(Basis::Static), reason: None };
        let mut stages: Vec<StageResult> = Stage::ALL.into_iter().map(stage).collect();
        stages[9].state = State::Unknown;
        stages[9].reason = Some(Reason::NotThisSide(Elsewhere::Agents));
        Diagnosis {
            responses: vec![ResponseResult { index: 0, stages, verdict: Verdict::NoFault, accepted: false }],
            entries: Vec::new(),
            suppressed: Vec::new(),
            compared: None,
            unknown: Vec::new(),
            checks: 74,
            failed_probes: Vec::new(),
            trace: None,
        }
    }

    fn broken() -> Diagnosis {
        let mut diagnosis = healthy();
        diagnosis.responses[0].verdict = Verdict::Stops(Stage::Launch, checks::CRLF_SHEBANG);
        diagnosis.responses[0].stages[5].state = State::Fail;
        for stage in [6, 7, 8] {
            diagnosis.responses[0].stages[stage].state = State::Blocked;
        }
        let cause = Finding::new(
            checks::CRLF_SHEBANG,
            Subject::File("/x".into()),
            "fw60 does not run: its interpreter \"/bin/sh\r\" does not exist.",
        )
        .cause("Line 1 ends in CR LF.")
        .evidence(Evidence::Excerpt {
            file: "active-response/bin/fw.sh".into(),
            line: 1,
            column: 10,
            text: b"#!/bin/sh\r".to_vec(),
            mark: 9..10,
            label: "part of the name".into(),
        })
        .observed("stat", "mode 0750 \u{1b}[31mroot")
        .remedy("sed -i 's/\\r$//' fw.sh\nsecond line")
        .verify("ar-doctor check")
        .stops([0]);
        let effect = Finding::new(checks::AR_LOG_MISSING, Subject::File("/y".into()), "No line in the log.")
            .severity(Severity::Warning);
        diagnosis.entries = vec![Entry { key: Key::of(&cause), finding: cause, folded: vec![effect] }];
        diagnosis
    }

    #[test]
    fn a_healthy_host_takes_three_lines() {
        insta::assert_snapshot!(report(&healthy(), Options::default()), @r"
        ar-doctor VERSION   ossec.conf as a manager reads it   Wazuh 4.14.2
        No fault found: 1 response, 74 checks.
        0 errors, 0 warnings.  ? not seen from here: feedback is on its agents.
        ");
    }

    #[test]
    fn a_fault_is_told_headline_first() {
        let text = report(&broken(), Options::default());
        // The catalogue's own words are not this test's business.
        let is_why = |line: &&str| {
            line.starts_with("    why")
                || line.starts_with("            ") && !line.contains("second") && !line.contains("config")
        };
        let text: Vec<&str> = text.lines().filter(|line| !is_why(line)).collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        ar-doctor VERSION   ossec.conf as a manager reads it   Wazuh 4.14.2

          fw60 does not run: its interpreter "/bin/sh<CR>" does not exist.
          Line 1 ends in CR LF.

                            config trigger dispatch deliver resolve launch contract effect  revert  feedback
          fw60               ok*     ok*     ok*      ok*     ok*    FAIL  blocked  blocked blocked    ?

         1  AR041 crlf-shebang          error, proven                stops fw60
            --> active-response/bin/fw.sh:1
              |
            1 | #!/bin/sh<CR>
              |          ^^^^ part of the name
            stat: mode 0750 <ESC>[31mroot
            also seen because of this: No line in the log.
            fix     sed -i 's/\r$//' fw.sh
                    second line
            verify  ar-doctor check

         ? not seen from here: feedback is on its agents
         * static: read from files, not seen to happen
         1 error, 0 warnings, 0 advice.  74 checks.
        "#);
    }

    #[test]
    fn what_was_denied_is_never_called_healthy() {
        let mut diagnosis = healthy();
        diagnosis.unknown.push(Unknown {
            check: checks::EXECD_NOT_RUNNING,
            responses: vec![0],
            gap: Gap::denied("/proc/7/exe", "permission denied"),
        });
        let text = report(&diagnosis, Options::default());
        assert!(
            text.contains(
                "No fault found in what could be read: 1 response, 74 checks, of which 1 could not"
            ),
            "{text}"
        );
        assert!(text.contains("? denied: /proc/7/exe"), "{text}");
    }

    #[test]
    fn advice_is_counted_and_shown_with_v() {
        let mut diagnosis = broken();
        diagnosis.responses[0] = healthy().responses.remove(0);
        diagnosis.entries[0].finding.severity = Severity::Advice;
        let short = report(&diagnosis, Options::default());
        assert_eq!(short.lines().count(), 3, "{short}");
        assert!(short.contains("1 advice (-v shows them)"), "{short}");
        let long = report(&diagnosis, Options { verbose: true, ..Options::default() });
        assert!(long.contains("crlf-shebang") && long.contains("ok*"), "{long}");
    }

    #[test]
    fn quiet_is_one_line() {
        let options = Options { quiet: true, ..Options::default() };
        assert_eq!(
            report(&broken(), options),
            "fw60 does not run: its interpreter \"/bin/sh<CR>\" does not exist.\n"
        );
        assert_eq!(report(&healthy(), options), "No fault found: 1 response, 74 checks.\n");
    }

    #[test]
    fn the_ranking_key_is_shown_on_request() {
        let text = report(&broken(), Options { why: true, ..Options::default() });
        assert!(text.contains("rank    error, proven, 1 response, stage launch"), "{text}");
    }

    fn excerpt(text: &[u8], mark: Range<usize>, label: &str, width: usize) -> String {
        let mut page = Page::new(width, false);
        let column = u64::try_from(mark.start).unwrap() + 1;
        write_excerpt(&Redactor::new(), &mut page, ("etc/x", 7, column), (text, &mark), label);
        page.into_text()
    }

    #[test]
    fn a_caret_stands_under_the_bytes_that_matter() {
        insta::assert_snapshot!(excerpt(b"#!/bin/bash\r", 11..12, "a carriage return", 100), @r"
            --> etc/x:7
              |
            7 | #!/bin/bash<CR>
              |            ^^^^ a carriage return
        ");
        insta::assert_snapshot!(excerpt(b"\t<level>\t6</level>", 8..9, "a tab", 100), @r"
            --> etc/x:7
              |
            7 |     <level><TAB>6</level>
              |            ^^^^^ a tab
        ");
        insta::assert_snapshot!(excerpt("<name>Grüße 東京</name>".as_bytes(), 14..20, "wide", 100), @r"
            --> etc/x:7
              |
            7 | <name>Grüße 東京</name>
              |             ^^^^ wide
        ");
        insta::assert_snapshot!(excerpt(b"\x1b[31m\xff<a>", 6..9, "", 100), @r"
            --> etc/x:7
              |
            7 | <ESC>[31m<0xFF><a>
              |                ^^^
        ");
    }

    #[test]
    fn an_empty_mark_is_one_caret() {
        insta::assert_snapshot!(excerpt(b"<a>", 3..3, "here it ends", 100), @r"
            --> etc/x:7
              |
            7 | <a>
              |    ^ here it ends
        ");
        insta::assert_snapshot!(excerpt(b"", 0..0, "empty", 100), @r"
            --> etc/x:7
              |
            7 |
              | ^ empty
        ");
    }

    #[test]
    fn a_long_line_is_cut_around_its_mark_and_a_long_label_goes_below() {
        let text = format!("{}<bad>{}", "a".repeat(100), "b".repeat(100));
        insta::assert_snapshot!(excerpt(text.as_bytes(), 100..105, "what is wrong with it takes some words", 50), @r"
            --> etc/x:7
              |
            7 | ...aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa<bad>...
              |                                   ^^^^^
              | what is wrong with it takes some words
        ");
    }

    #[test]
    fn whole_sentences_are_taken() {
        assert_eq!(first_sentences("One. Two\nthree. Four.", 100), "One. Two three. Four.");
        assert_eq!(first_sentences("One is long enough. Two three.", 9), "One is long enough.");
        assert_eq!(first_sentences("No end at all", 3), "No end at all");
    }

    proptest! {
        #[test]
        fn carets_stay_under_their_bytes(
            before in "[a-zé東\r\t\x1b]{0,20}",
            marked in "[a-zé東\r\t\x1b]{1,5}",
            after in "[a-zé東]{0,20}",
        ) {
            let text = format!("{before}{marked}{after}");
            let out = excerpt(text.as_bytes(), before.len()..before.len() + marked.len(), "", 300);
            prop_assert!(!out.chars().any(|c| c.is_control() && c != '\n'));
            let lines: Vec<&str> = out.lines().collect();
            let (from, carets) = (lines[3].find('^').unwrap(), lines[3].matches('^').count());
            // What stands above the carets is the marked text, no more and no less.
            let mut column = 0;
            let mut above = String::new();
            for character in lines[2].chars() {
                if column >= from && column < from + carets {
                    above.push(character);
                }
                column += escape::columns(&character.to_string());
            }
            prop_assert_eq!(above, escape::line(&marked));
        }

        #[test]
        fn no_bytes_break_an_excerpt(text: Vec<u8>, start in 0usize..60, length in 0usize..60, width in 0usize..120) {
            let start = start.min(text.len());
            let end = (start + length).min(text.len());
            let out = excerpt(&text, start..end, "label", width);
            prop_assert!(!out.chars().any(|c| c.is_control() && c != '\n'));
            prop_assert!(out.contains('^'));
        }
    }
}
