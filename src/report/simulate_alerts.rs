//! `simulate --from-alerts` as text and as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::json::Tool;
use super::page::{Page, Text, Tone};
use super::{TOOL, VERSION, instant, short};
use crate::facts::Facts;
use crate::redact::{Redacted, Redactor};
use crate::simulate::alerts::{Filter, Reading, Response, RuleRow, Seen, Stopped, Summary};

/// Version of this format. Adding a field keeps it, removing or redefining one raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// Hosts, conditions and rules that the text shows without `-v`.
const SHOWN: (usize, usize, usize) = (4, 8, 20);

/// What `simulate --from-alerts --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ar-doctor simulate --from-alerts")]
pub struct Document {
    /// Version of this format.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// What was read.
    pub read: Read,
    /// Alerts by what was done with them.
    pub alerts: Alerts,
    /// Every response block, in file order.
    pub responses: Vec<Entry>,
    /// The alerts' rules, the most frequent first.
    pub rules: Vec<Rule>,
    /// What else to know.
    pub notes: Vec<Redacted>,
}

/// What was read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Read {
    /// The files.
    pub files: Vec<Redacted>,
    /// Only alerts from this time on, UTC; null for all.
    pub since: Option<String>,
    /// Only alerts of this rule.
    pub rule: Option<u32>,
    /// Only alerts of this agent.
    pub agent: Option<u32>,
    /// Lines of the files that were looked at.
    pub lines: u64,
    /// Lines that were skipped: they are no JSON object.
    pub skipped: u64,
    /// The last line of a file, which is being written.
    pub unfinished: u64,
    /// What could not be read, and why.
    pub gaps: Vec<Redacted>,
}

/// Alerts by what was done with them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Alerts {
    /// Held against the responses.
    pub held: u64,
    /// Of these, the ones that started a response.
    pub started: u64,
    /// The time of the first, UTC; null when none has one.
    pub first: Option<String>,
    /// The time of the last, UTC.
    pub last: Option<String>,
    /// Held, though they have no time.
    pub undated: u64,
    /// Left out: older than asked for, in files that were looked at.
    pub outside: u64,
    /// Left out: of another rule or agent.
    pub filtered: u64,
    /// Left out: no number in rule.id.
    pub without_rule: u64,
}

/// One response.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Entry {
    /// The name in ar.conf.
    pub name: Redacted,
    /// Its command.
    pub command: Redacted,
    /// Its file and line.
    pub place: Redacted,
    /// Alerts that started it.
    pub started: u64,
    /// The time of the first of them, UTC.
    pub first: Option<String>,
    /// The time of the last of them, UTC.
    pub last: Option<String>,
    /// On which hosts, the most frequent first.
    pub hosts: Vec<Host>,
    /// Alerts whose host is in no row, as there are too many.
    pub other_hosts: u64,
    /// What stopped the other alerts, the most frequent first.
    pub stopped: Vec<Condition>,
    /// Numbers in its `rules_id` of which there was no alert.
    pub silent: Vec<u32>,
}

/// A host.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Host {
    /// In words.
    pub host: Redacted,
    /// Alerts.
    pub alerts: u64,
    /// The time of the first, UTC.
    pub first: Option<String>,
    /// The time of the last, UTC.
    pub last: Option<String>,
}

/// The first condition that failed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Condition {
    /// In words.
    pub reason: Redacted,
    /// The number of the line analysisd logs each time; null when it says nothing.
    pub logged: Option<u32>,
    /// Alerts.
    pub alerts: u64,
    /// The time of the first, UTC.
    pub first: Option<String>,
    /// The time of the last, UTC.
    pub last: Option<String>,
    /// Their rules.
    pub rules: Vec<RuleCount>,
}

/// Alerts of a rule.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RuleCount {
    /// The rule.
    pub rule: u32,
    /// Alerts.
    pub alerts: u64,
}

/// A rule.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rule {
    /// Its number.
    pub rule: u32,
    /// The levels responses are bound by, lowest first.
    pub levels: Vec<u32>,
    /// Its alerts.
    pub alerts: u64,
    /// The time of the first, UTC.
    pub first: Option<String>,
    /// The time of the last, UTC.
    pub last: Option<String>,
    /// The responses they started.
    pub responses: Vec<ResponseCount>,
}

/// Alerts that started a response.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ResponseCount {
    /// The name in ar.conf.
    pub name: Redacted,
    /// Its file and line.
    pub place: Redacted,
    /// Alerts.
    pub alerts: u64,
}

/// What is written.
#[derive(Clone, Copy)]
pub struct View<'a, 'h> {
    /// The host.
    pub facts: &'a Facts<'h>,
    /// The answer.
    pub summary: &'a Summary,
    /// Where it is from.
    pub reading: &'a Reading,
    /// Which alerts count.
    pub filter: &'a Filter,
    /// What text passes before it leaves.
    pub redactor: &'a Redactor,
}

fn first(seen: Seen) -> Option<String> {
    seen.map(|(first, _)| instant(first))
}

fn last(seen: Seen) -> Option<String> {
    seen.map(|(_, last)| instant(last))
}

impl View<'_, '_> {
    fn text(&self, text: &dyn AsRef<[u8]>) -> Redacted {
        self.redactor.text(text)
    }

    /// The JSON.
    pub fn document(&self) -> Document {
        let (summary, reading) = (self.summary, self.reading);
        let totals = &summary.totals;
        Document {
            schema_version: SCHEMA_VERSION,
            tool: Tool::this(),
            read: Read {
                files: reading.files.iter().map(|file| self.text(file)).collect(),
                since: self.filter.window.since.map(instant),
                rule: self.filter.rule,
                agent: self.filter.agent,
                lines: reading.stats.lines,
                skipped: reading.stats.invalid,
                unfinished: reading.stats.unfinished,
                gaps: reading.gaps.iter().map(|gap| self.text(gap)).collect(),
            },
            alerts: Alerts {
                held: totals.alerts,
                started: totals.started,
                first: first(totals.seen),
                last: last(totals.seen),
                undated: totals.undated,
                outside: totals.outside,
                filtered: totals.filtered,
                without_rule: totals.without_rule,
            },
            responses: summary.responses.iter().map(|response| self.entry(response)).collect(),
            rules: summary.rules.iter().map(|rule| self.rule(rule)).collect(),
            notes: summary.notes.iter().map(|note| self.text(note)).collect(),
        }
    }

    fn entry(&self, response: &Response) -> Entry {
        let condition = |stop: &Stopped| Condition {
            reason: self.text(&stop.condition),
            logged: stop.logged,
            alerts: stop.alerts,
            first: first(stop.seen),
            last: last(stop.seen),
            rules: stop.rules.iter().map(|(&rule, &alerts)| RuleCount { rule, alerts }).collect(),
        };
        Entry {
            name: self.text(&response.name),
            command: self.text(&response.command),
            place: self.text(&response.place),
            started: response.started,
            first: first(response.seen),
            last: last(response.seen),
            hosts: response
                .hosts
                .iter()
                .map(|row| Host {
                    host: self.text(&row.host),
                    alerts: row.alerts,
                    first: first(row.seen),
                    last: last(row.seen),
                })
                .collect(),
            other_hosts: response.other_hosts,
            stopped: response.stops.iter().map(condition).collect(),
            silent: response.silent.clone(),
        }
    }

    fn rule(&self, row: &RuleRow) -> Rule {
        Rule {
            rule: row.rule,
            levels: row.levels.clone(),
            alerts: row.alerts,
            first: first(row.seen),
            last: last(row.seen),
            responses: self
                .started(row)
                .map(|(response, alerts)| ResponseCount {
                    name: self.text(&response.name),
                    place: self.text(&response.place),
                    alerts,
                })
                .collect(),
        }
    }

    /// The responses that alerts of a rule started, with how many did.
    fn started<'r>(&'r self, row: &'r RuleRow) -> impl Iterator<Item = (&'r Response, u64)> {
        let counts = row.started.iter().copied();
        self.summary.responses.iter().zip(counts).filter(|(_, alerts)| *alerts > 0)
    }

    /// The text.
    pub fn write(&self, page: &mut Page, verbose: bool) {
        let totals = &self.summary.totals;
        let mut head = Text::new().own(TOOL).own(" ").own(VERSION).own("   simulate   ");
        head = alerts(head, totals.alerts).own("   ");
        if let Some((first, last)) = totals.seen {
            head = head.and(self.between(Some((first, last)))).own(" UTC   ");
        }
        page.line(&head.host(&self.text(&self.facts.config().file.shown)));
        page.blank();
        page.paragraph(2, &self.headline());
        if totals.alerts > 0 {
            for response in &self.summary.responses {
                self.response(page, response, verbose);
            }
            self.rules(page, verbose);
        }
        page.blank();
        for note in self.summary.notes.iter().filter(|_| totals.alerts > 0) {
            page.paragraph(1, &Text::new().own("note: ").host(&self.text(note)));
        }
        for gap in &self.reading.gaps {
            page.paragraph(1, &Text::new().own("not read: ").host(&self.text(gap)));
        }
        self.read(page, verbose);
    }

    fn headline(&self) -> Text {
        let totals = &self.summary.totals;
        let text = if totals.alerts == 0 && self.reading.files.is_empty() {
            let text = Text::new().own("There is no file of alerts to read");
            let config = self.facts.config();
            match config.read.as_ref().and_then(|read| read.jsonout_output.as_ref()) {
                Some((value, false)) => text
                    .own(": jsonout_output is off, ")
                    .host(&self.text(&config.file.shown))
                    .own(":")
                    .number(config.file.line(value.element.start))
                    .own("."),
                _ => text.own("."),
            }
        } else if totals.alerts == 0 {
            Text::new().own("No alert counts: none was read that is of this time, rule and agent.")
        } else if self.summary.responses.is_empty() {
            Text::new().own("No response is configured.")
        } else if totals.started == 0 {
            alerts(Text::new().own("No response starts: none of "), totals.alerts).own(" fires one.")
        } else {
            let text = Text::new().number(totals.started).own(" of ");
            alerts(text, totals.alerts).own(if totals.started == 1 {
                " starts a response."
            } else {
                " start a response."
            })
        };
        text.all(Tone::Strong)
    }

    fn between(&self, seen: Seen) -> Text {
        let Some((first, last)) = seen else { return Text::new() };
        let text = Text::new().host(&self.text(&short(first)));
        if first == last { text } else { text.own(" to ").host(&self.text(&short(last))) }
    }

    fn response(&self, page: &mut Page, response: &Response, verbose: bool) {
        let limit = |shown: usize| if verbose { usize::MAX } else { shown };
        page.blank();
        let tone = if response.started > 0 { Tone::Good } else { Tone::Dim };
        page.indented(
            2,
            &Text::new()
                .host_toned(tone, &self.text(&response.name))
                .own("   ")
                .host_toned(Tone::Dim, &self.text(&response.place)),
        );
        let mut started = alerts(Text::new().own("by "), response.started);
        if response.seen.is_some() {
            started = started.own(", ").and(self.between(response.seen));
        }
        page.labelled(4, "started", 9, &started);
        if !response.hosts.is_empty() {
            let shown = limit(SHOWN.0);
            let hosts = response
                .hosts
                .iter()
                .take(shown)
                .map(|row| Text::new().host(&self.text(&row.host)).own(": ").number(row.alerts));
            let mut text = Text::new().list(hosts, ", ");
            if response.hosts.len() > shown {
                text = text.own(", and ").counted(response.hosts.len() - shown, "more host").own(" (-v)");
            }
            if response.other_hosts > 0 {
                text = text.own("; others: ").number(response.other_hosts);
            }
            page.labelled(4, "on", 9, &text);
        }
        let shown = limit(SHOWN.1);
        let mut label = "not";
        for stop in response.stops.iter().take(shown) {
            let mut text = Text::new().host(&self.text(&stop.condition)).own(": ").number(stop.alerts);
            text = text.and(rules_of(stop));
            if let Some(number) = stop.logged {
                text = text.own(", logged as (").number(number).own(")");
            }
            page.labelled(4, std::mem::take(&mut label), 9, &text);
        }
        if let Some(more) = response.stops.get(shown..).filter(|more| !more.is_empty()) {
            let count = more.iter().map(|stop| stop.alerts).sum::<u64>();
            let text = Text::new().counted(more.len(), "more reason").own(": ").number(count).own(" (-v)");
            page.labelled(4, "", 9, &text);
        }
        if !response.silent.is_empty() {
            let shown = limit(12);
            let ids = response.silent.iter().take(shown).map(|&id| Text::new().number(id));
            let mut text = Text::new().own("no alert of ").list(ids, ", ");
            if response.silent.len() > shown {
                text = text.own(" and ").count(response.silent.len() - shown).own(" more (-v)");
            }
            page.labelled(4, "silent", 9, &text.own(", which rules_id names"));
        }
    }

    fn rules(&self, page: &mut Page, verbose: bool) {
        let shown = if verbose { usize::MAX } else { SHOWN.2 };
        page.blank();
        let row = |rule: Text, level: Text, alerts: Text, starts: Text| {
            rule.pad(8).and(level).pad(15).and(alerts).pad(25).and(starts)
        };
        let head = [Text::new().own("rule"), Text::new().own("level"), Text::new().own("alerts")];
        let [rule, level, count] = head;
        page.indented(2, &row(rule, level, count, Text::new().own("starts")).all(Tone::Dim));
        for one in self.summary.rules.iter().take(shown) {
            let levels = Text::new().list(one.levels.iter().map(|&level| Text::new().number(level)), ", ");
            let started = self.started(one).map(|(response, alerts)| {
                let text = Text::new().host(&self.text(&response.name));
                if alerts == one.alerts { text } else { text.own(" (").number(alerts).own(")") }
            });
            let started = Text::new().list(started, ", ");
            let started = if started.is_empty() { Text::new().toned(Tone::Dim, "-") } else { started };
            page.indented(
                2,
                &row(Text::new().number(one.rule), levels, Text::new().number(one.alerts), started),
            );
        }
        if self.summary.rules.len() > shown {
            let more = self.summary.rules.len() - shown;
            page.indented(2, &Text::new().own("... and ").counted(more, "more rule").own(" (-v)"));
        }
    }

    fn read(&self, page: &mut Page, verbose: bool) {
        let (totals, reading) = (&self.summary.totals, self.reading);
        let mut text = match reading.files.as_slice() {
            [one] => Text::new().own("read ").host(&self.text(one)),
            many => Text::new().own("read ").counted(many.len(), "file"),
        };
        if let Some(since) = self.filter.window.since {
            text = text.own(" since ").host(&self.text(&short(since))).own(" UTC");
        }
        text = text.own(": ").number(reading.stats.lines).own(" lines");
        for (count, what) in [
            (totals.outside, " alerts of another time"),
            (totals.filtered, " of another rule or agent"),
            (totals.without_rule, " without a rule's number"),
            (reading.stats.invalid, " skipped, which are no alerts"),
            (reading.stats.unfinished, " not written to its end yet"),
        ] {
            if count > 0 {
                text = text.own(", ").number(count).own(what);
            }
        }
        page.paragraph(1, &text.own("."));
        if verbose && reading.files.len() > 1 {
            for file in &reading.files {
                page.indented(3, &Text::new().host_toned(Tone::Dim, &self.text(file)));
            }
        }
    }
}

fn alerts(text: Text, count: u64) -> Text {
    text.number(count).own(if count == 1 { " alert" } else { " alerts" })
}

/// ` (rules 5710: 30, 5503: 11)`
fn rules_of(stop: &Stopped) -> Text {
    const SHOWN: usize = 3;
    let mut rules: Vec<(u32, u64)> = stop.rules.iter().map(|(&rule, &alerts)| (rule, alerts)).collect();
    rules.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    match rules.as_slice() {
        [] => Text::new(),
        [(one, _)] => Text::new().own(" (rule ").number(*one).own(")"),
        many => {
            let shown = many
                .iter()
                .take(SHOWN)
                .map(|&(rule, alerts)| Text::new().number(rule).own(": ").number(alerts));
            let mut text = Text::new().own(" (rules ").list(shown, ", ");
            if many.len() > SHOWN {
                text = text.own(", and ").count(many.len() - SHOWN).own(" more");
            }
            text.own(")")
        }
    }
}
