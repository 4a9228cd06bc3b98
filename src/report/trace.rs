//! `trace` as text and as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::json::Tool;
use super::page::{Page, Text, Tone};
use super::{TOOL, VERSION, instant, short};
use crate::facts::Facts;
use crate::findings::{CheckId, ResponseIndex, Stage};
use crate::redact::{Redacted, Redactor};
use crate::trace::gather::{Asked, Gathered, Response};
use crate::trace::{Counts, Fit, Gap, GapCount, Host, Outcome, Row, STEPS, Step, Total};

/// Version of this format. Adding a field keeps it, removing or redefining one raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// Rows of alerts that the text shows without `-v`.
const SHOWN: usize = 10;

/// Days that the text shows without `-v`.
const DAYS: usize = 14;

/// Signs of the longest bar.
const BAR: u64 = 40;

/// What `trace --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ar-doctor trace")]
pub struct Document {
    /// Version of this format.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// What was read.
    pub read: Read,
    /// Every response.
    pub responses: Vec<Entry>,
    /// Alerts by time: all where they are few, else those with a gap.
    pub alerts: Vec<Alert>,
    /// Alerts that are not in `alerts`.
    pub left_out: u64,
    /// Lines of execd about a message that could be tied to no alert.
    pub refused: Vec<Refused>,
    /// What else to know.
    pub notes: Vec<Redacted>,
}

/// What was read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Read {
    /// The files.
    pub files: Vec<Redacted>,
    /// Alerts are read, so that it is known what should have run.
    pub alerts: bool,
    /// active-responses.log of this host is readable, or known not to be there.
    pub log: bool,
    /// Only alerts from this time on, UTC; null for all.
    pub since: Option<String>,
    /// The host's clock, or the last time that was read.
    pub until: Option<String>,
    /// Only alerts of this rule.
    pub rule: Option<u32>,
    /// Only alerts of this agent.
    pub agent: Option<u32>,
    /// Alerts that were held against the responses; null where none are read.
    pub held: Option<u64>,
    /// Lines of alerts that were skipped: they are no JSON object.
    pub skipped: u64,
    /// Lines of alerts and logs of which only the beginning was read.
    pub long_lines: u64,
    /// Lines of logs that are no UTF-8; they are read all the same.
    pub not_utf8: u64,
    /// Logs whose times are out of order, so that all of each was read.
    pub disordered: Vec<Redacted>,
    /// What could not be read, and why.
    pub gaps: Vec<Redacted>,
}

/// One response.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Entry {
    /// The name in ar.conf.
    pub name: Redacted,
    /// Its file and line.
    pub place: Redacted,
    /// Seconds until it is undone; 0 is never.
    pub timeout: i64,
    /// All days together.
    #[serde(flatten)]
    pub counts: Outcomes,
    /// In force now.
    pub in_force: u64,
    /// The timeout passed and nothing undid it.
    pub not_reverted: u64,
    /// Ran here, and its alert did not come back.
    pub not_back: u64,
    /// Runs without an alert that was read.
    pub unexpected: u64,
    /// By day, UTC.
    pub days: Vec<Day>,
    /// Where alerts stopped, by stage.
    pub gaps: Vec<Stop>,
}

/// Alerts by what became of them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Outcomes {
    /// Alerts that should have started it, once for each host; where no alerts are read, requests
    /// that arrived.
    pub expected: u64,
    /// Of these: it ran; from afar, its alert came back.
    pub confirmed: u64,
    /// Aborted as a duplicate of one in force.
    pub aborted: u64,
    /// Began and broke off, or said that it failed.
    pub failed: u64,
    /// Without a trace where there should be one.
    pub unanswered: u64,
    /// Cannot be told from here.
    pub unknown: u64,
    /// Too young to tell.
    pub pending: u64,
}

/// A day.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Day {
    /// `2026-11-20`, UTC
    pub day: String,
    /// Its alerts.
    #[serde(flatten)]
    pub counts: Outcomes,
}

/// Where alerts stopped.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stop {
    /// The first stage it may have been.
    pub stage: String,
    /// The last one.
    pub last_stage: String,
    /// The reason of the first of them, in words.
    pub reason: Redacted,
    /// How many.
    pub alerts: u64,
    /// The time of the first, UTC.
    pub first: String,
    /// The time of the last, UTC.
    pub last: String,
}

/// What became of an alert, for one response on one host.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Alert {
    /// Its timestamp, UTC; of a run that wrote no request the time when that began.
    pub timestamp: String,
    /// Its rule; empty for a run that wrote no request.
    pub rule: Redacted,
    /// The agent it is of; empty where it is not known.
    pub agent: Redacted,
    /// The response.
    pub response: Redacted,
    /// Where that runs: `here`, `003`, or `all` for every connected agent.
    pub host: String,
    /// `confirmed`, `aborted`, `failed`, `unanswered`, `unknown`, `pending`
    pub outcome: &'static str,
    /// It ran without an alert that was read.
    pub unexpected: bool,
    /// alert, dispatched, received, started, keys, answer, ended, reverted, came back.
    pub steps: Vec<StepEntry>,
    /// `continue` or `abort`, as execd answered.
    pub answer: Option<&'static str>,
    /// In force until then, UTC; null when it is not.
    pub in_force_until: Option<String>,
    /// Where it stopped.
    pub gap: Option<GapEntry>,
}

/// A step.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StepEntry {
    /// Its name.
    pub step: &'static str,
    /// `seen`, `passed` (a later one was seen), `missing`, `elsewhere`, `not due`, `unknown`.
    pub state: &'static str,
    /// When it was seen, UTC.
    pub time: Option<String>,
}

/// Where an alert stopped.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GapEntry {
    /// The first stage it may have been.
    pub stage: &'static str,
    /// The last one.
    pub last_stage: &'static str,
    /// In words.
    pub reason: Redacted,
}

/// Lines of execd.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Refused {
    /// Their number.
    pub number: u32,
    /// How many.
    pub lines: u64,
}

/// What is written.
#[derive(Clone, Copy)]
pub struct View<'a, 'h> {
    /// The host.
    pub facts: &'a Facts<'h>,
    /// The answer.
    pub gathered: &'a Gathered,
    /// The question.
    pub asked: &'a Asked,
    /// What text passes before it leaves.
    pub redactor: &'a Redactor,
}

fn day(day: i64) -> String {
    let text = instant(day.saturating_mul(86_400_000));
    text.split_once('T').map_or_else(|| text.clone(), |(date, _)| date.to_owned())
}

fn outcomes(counts: &Counts) -> Outcomes {
    Outcomes {
        expected: counts.expected,
        confirmed: counts.confirmed,
        aborted: counts.aborted,
        failed: counts.failed,
        unanswered: counts.unanswered,
        unknown: counts.unknown,
        pending: counts.pending,
    }
}

fn state(step: Step) -> &'static str {
    match step {
        Step::Seen(_) => "seen",
        Step::Passed => "passed",
        Step::Missing => "missing",
        Step::Elsewhere => "elsewhere",
        Step::NotDue => "not due",
        Step::Unknown => "unknown",
    }
}

/// The gap of the earliest alert that has no answer.
fn first_gap(rows: &[Row]) -> Option<(&Row, &Gap)> {
    rows.iter()
        .filter(|row| matches!(row.outcome, Outcome::Failed | Outcome::Unanswered))
        .find_map(|row| Some((row, row.gap.as_ref()?)))
}

/// What became of an alert, as JSON.
fn alert(redactor: &Redactor, response: Redacted, row: &Row) -> Alert {
    let step = |(step, of): (&'static str, &Step)| StepEntry {
        step,
        state: state(*of),
        time: if let Step::Seen(at) = of { Some(instant(*at)) } else { None },
    };
    Alert {
        timestamp: instant(row.alert.at),
        rule: redactor.text(&row.alert.rule),
        agent: redactor.text(&row.alert.agent),
        response,
        host: match row.host {
            Host::Here => "here".to_owned(),
            Host::Agent(id) => format!("{id:03}"),
            Host::AllAgents => "all".to_owned(),
        },
        outcome: row.outcome.name(),
        unexpected: row.unexpected,
        steps: STEPS.into_iter().zip(&row.steps).map(step).collect(),
        answer: row.go_on.map(|go_on| if go_on { "continue" } else { "abort" }),
        in_force_until: row.in_force_until.map(instant),
        gap: row.gap.as_ref().map(|gap| GapEntry {
            stage: gap.from.name(),
            last_stage: gap.to.name(),
            reason: redactor.text(&gap.why),
        }),
    }
}

/// What became of the alerts of a response, in `check`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TimelineEntry {
    /// Only alerts from this time on, UTC; null for all.
    pub since: Option<String>,
    /// Alerts are read, so that it is known what should have run; else what ran is all there is.
    pub alerts: bool,
    /// Logs of which the newest part alone was read; `trace` reads all of them.
    pub in_part: Vec<Redacted>,
    /// By what became of them.
    #[serde(flatten)]
    pub counts: Outcomes,
    /// In force now.
    pub in_force: u64,
    /// The timeout passed and nothing undid it.
    pub not_reverted: u64,
    /// Ran here, and its alert did not come back.
    pub not_back: u64,
    /// Where alerts stopped, by stage.
    pub gaps: Vec<Stop>,
    /// The last alert that is not too young to tell, else the last.
    pub last: Alert,
    /// How that goes with the stage of the verdict: `agrees` (it stopped there), `before`,
    /// `behind`, `answered`; null where there is no such stage, or it cannot be told.
    pub fit: Option<&'static str>,
}

/// The timeline of a response, where one is known. `check` is what is said to stop it.
pub(super) fn timeline(
    redactor: &Redactor,
    gathered: &Gathered,
    response: ResponseIndex,
    check: Option<CheckId>,
) -> Option<TimelineEntry> {
    let (response, total) = gathered.of(response)?;
    let last = total.last.as_ref()?;
    Some(TimelineEntry {
        since: gathered.since.map(instant),
        alerts: gathered.view.alerts,
        in_part: gathered.lines.left_out.iter().map(|file| redactor.text(file)).collect(),
        counts: outcomes(&total.all),
        in_force: total.in_force,
        not_reverted: total.not_reverted,
        not_back: total.not_back,
        gaps: total.gaps.iter().map(|one| stop(redactor, one)).collect(),
        last: alert(redactor, redactor.text(&response.name), last),
        fit: check.and_then(|check| last.fit(check)).map(Fit::name),
    })
}

/// The same in words, a few lines. `check` is of what is wrong.
pub(super) fn timeline_text(
    redactor: &Redactor,
    gathered: &Gathered,
    response: ResponseIndex,
    check: CheckId,
    verbose: bool,
) -> Vec<Text> {
    let stage = check.check().stage;
    let Some((response, total)) = gathered.of(response) else { return Vec::new() };
    let Some(last) = &total.last else { return Vec::new() };
    let host = |text: &str| Text::new().host(&redactor.text(text));
    let what = if gathered.view.alerts { "alert" } else { "request" };
    let mut first = Text::new().own("timeline of ").and(host(&response.name)).own(": ");
    first = first
        .own("the last ")
        .own(what)
        .own(", ")
        .and(host(&short(last.alert.at)))
        .own(" UTC, ")
        .and(of(redactor, last));
    if let Host::Agent(id) = last.host {
        first = first.own(", sent to agent ").and(host(&format!("{id:03}")));
    }
    let seen = if verbose {
        steps(redactor, last)
    } else {
        let seen = STEPS.into_iter().zip(&last.steps).enumerate().skip(1);
        let seen = seen.filter(|(_, (_, step))| matches!(step, Step::Seen(_)));
        Text::new().list(seen.filter_map(|(at, (name, step))| told(redactor, last, at, name, *step)), ", ")
    };
    let mut second = seen;
    let comma = |text: Text| if text.is_empty() { text } else { text.own(", ") };
    second = match &last.gap {
        Some(gap) => {
            let ended = matches!(last.steps.get(ENDED), Some(Step::Seen(_)));
            let over = if ended && gap.to <= Stage::Effect { "it failed " } else { "nothing from here on: " };
            comma(second).toned(Tone::Fail, over).and(stages(gap)).own(", ").and(host(&gap.why))
        }
        None => match last.outcome {
            Outcome::Unknown => comma(second).own("whether it ran cannot be told from here"),
            Outcome::Pending => comma(second).own("too young to tell"),
            Outcome::Aborted => comma(second).own("aborted as a duplicate"),
            _ => comma(second).own("answered"),
        },
    };
    second = match last.fit(check) {
        None | Some(Fit::Agrees) => second,
        Some(Fit::Answered) => {
            second.own("; this was before the fault, or despite it: it stands at ").own(stage.name())
        }
        Some(Fit::Before) => {
            second.own("; that is before ").own(stage.name()).own(", so something else stopped this one")
        }
        Some(Fit::Behind) => second
            .own("; it got as far as ")
            .own(last.gap.as_ref().map_or("its end", |gap| gap.from.name()))
            .own(", past ")
            .own(stage.name())
            .own(": the fault is newer, or another one stopped it"),
    };
    let counts = counted(total, gathered.view.alerts);
    let mut third = Text::new();
    if let Some(since) = gathered.since {
        third = third.own("since ").and(host(&short(since))).own(" UTC: ");
    }
    third = third.and(counts);
    let in_part = &gathered.lines.left_out;
    if !in_part.is_empty() {
        third = third.own("; read in part: ").list(in_part.iter().map(|file| host(file)), ", ");
        third = third.own(" (ar-doctor trace reads all)");
    }
    vec![first, second, third]
}

/// `7 expected, 5 confirmed, 2 unanswered`
fn counted(total: &Total, alerts: bool) -> Text {
    let all = &total.all;
    let counts = [
        (all.expected, if alerts { " expected" } else { " arrived" }),
        (all.confirmed, " confirmed"),
        (all.aborted, " aborted as duplicates"),
        (all.failed, " broke off or failed"),
        (all.unanswered, " unanswered"),
        (all.unknown, " cannot be told from here"),
        (all.pending, " too young to tell"),
        (total.in_force, " still in force"),
        (total.not_reverted, " not undone"),
        (total.not_back, " did not come back as alerts"),
        (total.unexpected, " ran without an alert that was read"),
    ];
    let parts = counts.iter().filter(|(count, _)| *count > 0);
    Text::new().list(parts.map(|(count, what)| Text::new().number(*count).own(what)), ", ")
}

fn stop(redactor: &Redactor, one: &GapCount) -> Stop {
    Stop {
        stage: one.gap.from.name().to_owned(),
        last_stage: one.gap.to.name().to_owned(),
        reason: redactor.text(&one.gap.why),
        alerts: one.count,
        first: instant(one.seen.0),
        last: instant(one.seen.1),
    }
}

/// `alert 08:00:02, started 08:00:03, keys 08:00:03, ended missing`
fn steps(redactor: &Redactor, row: &Row) -> Text {
    let steps = STEPS.into_iter().zip(&row.steps).enumerate();
    Text::new().list(steps.filter_map(|(at, (name, step))| told(redactor, row, at, name, *step)), ", ")
}

/// One step; none where it is not to be expected here.
fn told(redactor: &Redactor, row: &Row, at: usize, name: &'static str, step: Step) -> Option<Text> {
    let text = Text::new().own(name).own(" ");
    Some(match step {
        Step::Seen(time) => {
            let time = short(time);
            let clock = time.split_once(' ').map_or(time.as_str(), |(_, clock)| clock).to_owned();
            let text = text.host(&redactor.text(&clock));
            match row.go_on.filter(|_| at == ANSWER) {
                Some(true) => text.own(" continue"),
                Some(false) => text.own(" abort"),
                None => text,
            }
        }
        Step::Passed => text.own("ok"),
        Step::Missing => text.toned(Tone::Fail, "missing"),
        Step::Unknown => text.own("?"),
        Step::Elsewhere | Step::NotDue => return None,
    })
}

impl View<'_, '_> {
    fn text(&self, text: &dyn AsRef<[u8]>) -> Redacted {
        self.redactor.text(text)
    }

    fn home(&self) -> String {
        let logs = self.facts.under_home("logs");
        logs.parent().map_or_else(String::new, |home| home.display().to_string())
    }

    /// The JSON.
    pub fn document(&self) -> Document {
        let gathered = self.gathered;
        let trace = &gathered.trace;
        let rows = gathered.responses.iter().zip(&trace.totals);
        Document {
            schema_version: SCHEMA_VERSION,
            tool: Tool::this(),
            read: Read {
                files: gathered.files.iter().map(|file| self.text(file)).collect(),
                alerts: gathered.view.alerts,
                log: gathered.view.log,
                since: gathered.since.map(instant),
                until: gathered.now.map(instant),
                rule: self.asked.rule,
                agent: self.asked.agent,
                held: gathered.alerts.as_ref().map(|alerts| alerts.alerts),
                skipped: gathered.stats.invalid,
                long_lines: gathered.stats.cut + gathered.lines.long,
                not_utf8: gathered.lines.not_utf8,
                disordered: gathered.lines.disordered.iter().map(|file| self.text(file)).collect(),
                gaps: gathered.gaps.iter().map(|gap| self.text(gap)).collect(),
            },
            responses: rows.map(|(response, total)| self.entry(response, total)).collect(),
            alerts: trace.rows.iter().map(|row| self.alert(row)).collect(),
            left_out: trace.left_out,
            refused: trace.refused.iter().map(|(&number, &lines)| Refused { number, lines }).collect(),
            notes: gathered.notes.iter().map(|note| self.text(note)).collect(),
        }
    }

    fn entry(&self, response: &Response, total: &Total) -> Entry {
        Entry {
            name: self.text(&response.name),
            place: self.text(&response.place),
            timeout: response.timeout,
            counts: outcomes(&total.all),
            in_force: total.in_force,
            not_reverted: total.not_reverted,
            not_back: total.not_back,
            unexpected: total.unexpected,
            days: total
                .days
                .iter()
                .map(|(&number, counts)| Day { day: day(number), counts: outcomes(counts) })
                .collect(),
            gaps: total.gaps.iter().map(|one| stop(self.redactor, one)).collect(),
        }
    }

    fn name(&self, row: &Row) -> Redacted {
        let response = self.gathered.responses.get(row.response);
        self.text(&response.map_or("", |response| response.name.as_str()))
    }

    fn alert(&self, row: &Row) -> Alert {
        alert(self.redactor, self.name(row), row)
    }

    /// The text; `quiet` is the first sentence only.
    pub fn write(&self, page: &mut Page, verbose: bool, quiet: bool) {
        let gathered = self.gathered;
        let headline = self.headline();
        if quiet {
            page.line(&headline);
            return;
        }
        let mut head = Text::new().own(TOOL).own(" ").own(VERSION).own("   trace   ");
        if let Some(since) = gathered.since {
            head = head.own("since ").host(&self.text(&short(since))).own(" UTC   ");
        }
        page.line(&head.host(&self.text(&self.home())));
        page.blank();
        page.paragraph(2, &headline);
        let rows = gathered.responses.iter().zip(&gathered.trace.totals);
        let mut quiet_ones = Vec::new();
        for (response, total) in rows {
            let nothing = total.all.expected == 0 && total.unexpected == 0;
            if nothing && !verbose {
                quiet_ones.push(Text::new().host(&self.text(&response.name)));
            } else {
                self.response(page, response, total, verbose);
            }
        }
        if !quiet_ones.is_empty() {
            page.blank();
            let text = Text::new().own("no alert: ").list(quiet_ones, ", ");
            page.paragraph(2, &text.all(Tone::Dim));
        }
        self.rows(page, verbose);
        page.blank();
        for (&number, &lines) in &gathered.trace.refused {
            let text = Text::new().own("execd logged (").number(number).own(") for no alert that was read: ");
            page.paragraph(1, &text.number(lines));
        }
        for note in gathered
            .notes
            .iter()
            .filter(|_| verbose || gathered.trace.totals.iter().any(|total| total.all.missing() > 0))
        {
            page.paragraph(1, &Text::new().own("note: ").host(&self.text(note)));
        }
        for gap in &gathered.gaps {
            page.paragraph(1, &Text::new().own("not read: ").host(&self.text(gap)));
        }
        let mut read = match gathered.files.as_slice() {
            [] => Text::new().own("read no file"),
            [one] => Text::new().own("read ").host(&self.text(one)),
            many => Text::new().own("read ").counted(many.len(), "file"),
        };
        if gathered.stats.invalid > 0 {
            read = read.own(", ").number(gathered.stats.invalid).own(" lines skipped, which are no alerts");
        }
        let long = gathered.stats.cut + gathered.lines.long;
        if long > 0 {
            read = read.own(", ").number(long).own(" lines only in part, which are too long");
        }
        if gathered.lines.not_utf8 > 0 {
            let what = if gathered.lines.not_utf8 == 1 { " line that is" } else { " lines that are" };
            read = read.own(", ").number(gathered.lines.not_utf8).own(what).own(" no UTF-8");
        }
        page.paragraph(1, &read.own("."));
        for file in &gathered.lines.disordered {
            let text = Text::new().own("note: the times in ").host(&self.text(file));
            page.paragraph(1, &text.own(" are out of order, so all of it was read"));
        }
        if verbose && gathered.files.len() > 1 {
            for file in &gathered.files {
                page.indented(3, &Text::new().host_toned(Tone::Dim, &self.text(file)));
            }
        }
    }

    fn headline(&self) -> Text {
        let trace = &self.gathered.trace;
        let sum = |of: fn(&Total) -> u64| trace.totals.iter().map(of).sum::<u64>();
        let (expected, missing) = (sum(|total| total.all.expected), sum(|total| total.all.missing()));
        let what = if self.gathered.view.alerts { "alert" } else { "request" };
        let many = |text: Text, count: u64| {
            text.number(count).own(" ").own(what).own(if count == 1 { "" } else { "s" })
        };
        if self.gathered.responses.is_empty() {
            return Text::new().own("No response is configured.").all(Tone::Strong);
        }
        if expected == 0 {
            let text = if self.gathered.view.alerts {
                "No alert started a response in this time."
            } else if self.gathered.view.log {
                "No response left a trace in this time."
            } else {
                "There is no log that could be read."
            };
            return Text::new().own(text).all(Tone::Strong);
        }
        let mut text = if missing > 0 {
            let text = many(Text::new().number(missing).own(" of "), expected);
            text.own(if missing == 1 { " was not answered" } else { " were not answered" })
        } else {
            let (unknown, pending) = (sum(|total| total.all.unknown), sum(|total| total.all.pending));
            let (open, when) = (unknown + pending, if unknown > 0 { "from here" } else { "yet" });
            let was = |count: u64| if count == 1 { " was answered" } else { " were answered" };
            let text = if open == expected {
                let text = many(Text::new().own("Whether "), expected).own(was(expected));
                text.own(" cannot be told ").own(when)
            } else if open > 0 {
                let text = many(Text::new().own("No gap: of "), expected).own(", ");
                let answered = expected - open;
                let text = text.number(answered).own(was(answered));
                text.own("; of the rest nothing can be told ").own(when)
            } else {
                many(Text::new().own("All answered: "), expected)
            };
            return text.own(".").all(Tone::Strong);
        };
        if let Some((row, gap)) = first_gap(&trace.rows) {
            text = text.own("; the first gap is ").and(stages(gap)).own(", ");
            text = text.host(&self.text(&short(row.alert.at))).own(" UTC: ");
            text = text.host(&self.name(row)).own(" ").and(self.on(row.host)).own(", ");
            text = text.host(&self.text(&gap.why));
        }
        text.own(".").all(Tone::Strong)
    }

    fn on(&self, host: Host) -> Text {
        match host {
            Host::Here if self.gathered.view.alerts => Text::new().own("on the manager"),
            Host::Here => Text::new().own("on this host"),
            Host::Agent(id) => Text::new().own("on agent ").host(&self.text(&format!("{id:03}"))),
            Host::AllAgents => Text::new().own("on every agent"),
        }
    }

    fn response(&self, page: &mut Page, response: &Response, total: &Total, verbose: bool) {
        let all = &total.all;
        page.blank();
        let tone = if all.missing() > 0 { Tone::Fail } else { Tone::Good };
        page.indented(
            2,
            &Text::new()
                .host_toned(tone, &self.text(&response.name))
                .own("   ")
                .host_toned(Tone::Dim, &self.text(&response.place)),
        );
        page.labelled(4, "alerts", 9, &counted(total, self.gathered.view.alerts));
        let most = total.days.values().map(|day| day.expected).max().unwrap_or(0).max(1);
        let skip = if verbose { 0 } else { total.days.len().saturating_sub(DAYS) };
        let mut label = "days";
        for (&number, counts) in total.days.iter().skip(skip) {
            // Even one is seen.
            let width = |count: u64| {
                let scaled = count.saturating_mul(BAR) / most;
                usize::try_from(if count > 0 { scaled.max(1) } else { 0 }).unwrap_or_default()
            };
            let missing = counts.missing();
            let good = counts.expected.saturating_sub(missing);
            let mut text = Text::new().host(&self.text(&day(number))).own("  ");
            text = text.and(Text::new().own("#").repeated(width(good)).all(Tone::Good));
            text = text.and(Text::new().own("x").repeated(width(missing)).all(Tone::Fail));
            text = text.own(" ").number(counts.expected);
            if missing > 0 {
                text = text.own(", ").number(missing).own(" not answered (x)");
            }
            page.labelled(4, std::mem::take(&mut label), 9, &text);
        }
        let mut label = "gaps";
        for one in &total.gaps {
            let mut text = stages(&one.gap).own(": ").number(one.count).own(", ");
            text = text.host(&self.text(&short(one.seen.0)));
            if one.seen.1 != one.seen.0 {
                text = text.own(" to ").host(&self.text(&short(one.seen.1)));
            }
            text = text.own(": ").host(&self.text(&one.gap.why));
            page.labelled(4, std::mem::take(&mut label), 9, &text);
        }
    }

    fn rows(&self, page: &mut Page, verbose: bool) {
        let trace = &self.gathered.trace;
        let shown = |row: &&Row| verbose || row.gap.is_some();
        let rows: Vec<&Row> = trace.rows.iter().filter(shown).collect();
        if rows.is_empty() {
            return;
        }
        let limit = if verbose { usize::MAX } else { SHOWN };
        page.blank();
        page.indented(
            2,
            &Text::new().own(if verbose { "alerts" } else { "alerts with a gap" }).all(Tone::Dim),
        );
        for row in rows.iter().take(limit) {
            let tone = match row.outcome {
                Outcome::Confirmed | Outcome::Aborted => Tone::Good,
                Outcome::Failed | Outcome::Unanswered => Tone::Fail,
                Outcome::Unknown | Outcome::Pending => Tone::Dim,
            };
            let mut text = Text::new().host(&self.text(&short(row.alert.at))).own("  ");
            text = text
                .and(of(self.redactor, row))
                .own(": ")
                .host(&self.name(row))
                .own(" ")
                .and(self.on(row.host))
                .own(", ");
            text = text.toned(tone, row.outcome.name());
            if let Some(gap) = &row.gap {
                text = text.own(", gap ").and(stages(gap));
            }
            page.paragraph(4, &text);
            page.paragraph(6, &steps(self.redactor, row));
        }
        let more = rows.len().saturating_sub(limit);
        if more > 0 {
            page.indented(4, &Text::new().own("... and ").count(more).own(" more (-v)"));
        }
        if trace.left_out > 0 && verbose {
            let text = Text::new().own("... and ").number(trace.left_out).own(" that are only counted");
            page.indented(4, &text);
        }
    }
}

/// `rule 5763, agent 003`
fn of(redactor: &Redactor, row: &Row) -> Text {
    let host = |text: &str| Text::new().host(&redactor.text(text));
    if row.alert.rule.is_empty() {
        return Text::new().own("a run that wrote no request");
    }
    let text = Text::new().own("rule ").and(host(&row.alert.rule));
    let agent = &row.alert.agent;
    if agent.is_empty() { text } else { text.own(", agent ").and(host(agent)) }
}

/// Where the answer is in [`STEPS`].
const ANSWER: usize = 5;

/// Where its end is.
const ENDED: usize = 6;

/// `at launch`, `between resolve and launch`
fn stages(gap: &Gap) -> Text {
    if gap.from == gap.to {
        Text::new().own("at ").own(gap.from.name())
    } else {
        Text::new().own("between ").own(gap.from.name()).own(" and ").own(gap.to.name())
    }
}
