//! The report of `check` as Markdown: a ticket to paste. What it comes to and its
//! proof, what it is about, the findings in their order, what could not be read;
//! the rest is folded.

use super::markdown::{Markdown, WIDTH, lines};
use super::page::{Page, Text};
use super::text::{EntryWriter, Options, Writer, whole_why};
use super::{Report, TOOL, VERSION};
use crate::engine::Entry;
use crate::findings::{Finding, Severity};
use crate::host::{GapKind, SourceKind};

/// Forges take about 65,000 characters. Behind so many bytes a finding is one line, ...
const SHORT: usize = 40_000;

/// ... and behind so many it is only counted.
const FULL: usize = 55_000;

/// Lines of one list, and rows of the stages.
const LINES: usize = 30;

/// Lines of one list where the ticket is long already.
const FEW: usize = 5;

/// The ticket.
pub fn write(report: &Report<'_, '_>) -> String {
    let ticket = Ticket {
        report,
        text: Writer { report, options: Options { verbose: true, quiet: false, why: false } },
        entries: EntryWriter { redactor: report.redactor, verbose: true, why: false, since_baseline: None },
    };
    let mut out = Markdown::new();
    ticket.head(&mut out);
    ticket.findings(&mut out);
    ticket.others(&mut out);
    ticket.not_read(&mut out);
    ticket.stages(&mut out);
    out.into_text()
}

struct Ticket<'a, 'h> {
    report: &'a Report<'a, 'h>,
    text: Writer<'a, 'h>,
    entries: EntryWriter<'a>,
}

impl Ticket<'_, '_> {
    fn host(&self, text: impl AsRef<[u8]>) -> Text {
        self.text.host(text)
    }

    fn head(&self, out: &mut Markdown) {
        out.heading(2, &self.text.headline());
        let first = self.text.first();
        if let Some(Entry { finding, .. }) = first {
            if !finding.cause.is_empty() {
                out.paragraph(&self.host(&finding.cause));
            }
            self.proof(out, finding);
        } else if self.report.facts.install.sealed.is_some() {
            out.paragraph(&self.text.run_as_root());
        }
        out.list(self.about());
    }

    /// What the report is about, an item each.
    fn about(&self) -> Vec<Text> {
        let facts = self.report.facts;
        let mut items = Vec::new();
        if facts.is_bare() {
            items.push(Text::new().own("File: ").and(self.host(&facts.config().file.shown)));
        } else {
            items.push(Text::new().own("Host: ").and(self.text.who()));
        }
        if let Some(role) = super::json::role(facts) {
            items.push(Text::new().own("Role: ").own(role.name()));
        }
        items.push(match facts.version() {
            Some(version) => Text::new().own("Wazuh: ").and(self.host(version.to_string())),
            None => Text::new().own("Wazuh: version unknown"),
        });
        if !facts.is_bare() {
            let home = self.host(facts.install.home.display().to_string());
            items.push(Text::new().own("Home: ").and(home));
            if let Some(system) = facts.system() {
                items.push(Text::new().own("System: ").and(self.host(system)));
            }
        }
        if let Some(&now) = facts.now().get() {
            items.push(
                Text::new().own("Its clock: ").and(self.host(super::instant(now.saturating_mul(1000)))),
            );
        }
        let reader = match (facts.source(), facts.reader_uid()) {
            _ if facts.is_bare() => Text::new(),
            (SourceKind::Capture, _) => Text::new().own(", from a ").and(self.host(facts.label())),
            (kind, uid) => {
                let text = if uid == 0 {
                    Text::new().own(", as root")
                } else {
                    Text::new().own(", as uid ").number(uid)
                };
                match kind {
                    SourceKind::Live => text,
                    _ => text.own(", from ").and(self.host(facts.label())),
                }
            }
        };
        items.push(Text::new().own(TOOL).own(": ").own(VERSION).and(reader));
        if let Some(name) = self.report.response {
            items.push(Text::new().own("Only the response: ").and(self.host(name)));
        }
        items.push(Text::new().own("Found: ").and(self.text.totals()));
        items.extend(self.text.changes().map(|changes| Text::new().own("Compared: ").and(changes)));
        items.extend(self.text.notes().map(|note| Text::new().own("Note: ").and(self.host(note))));
        items
    }

    fn findings(&self, out: &mut Markdown) {
        let numbered = || self.report.diagnosis.entries.iter().enumerate();
        let is_advice = |entry: &Entry| entry.finding.severity == Severity::Advice;
        if numbered().any(|(_, entry)| !is_advice(entry)) {
            out.heading(3, &Text::new().own("Findings"));
            self.list(out, numbered().filter(|(_, entry)| !is_advice(entry)));
        }
        let advice = numbered().filter(|(_, entry)| is_advice(entry)).count();
        if advice > 0 {
            let summary = Text::new().own("Advice: ").counted(advice, "finding");
            out.folded(&summary, |out| self.list(out, numbered().filter(|(_, entry)| is_advice(entry))));
        }
    }

    /// What is not there any more, and what is accepted.
    fn others(&self, out: &mut Markdown) {
        for (label, items) in
            [("Only in the baseline: ", self.text.gone()), ("Suppressed: ", self.text.suppressed())]
        {
            if items.is_empty() {
                continue;
            }
            let summary = Text::new().own(label).counted(items.len(), "finding");
            out.folded(&summary, |out| list(out, items));
        }
    }

    /// Entries, shorter where there are too many for a ticket.
    fn list<'e>(&self, out: &mut Markdown, entries: impl Iterator<Item = (usize, &'e Entry)>) {
        let mut more = 0_usize;
        for (at, entry) in entries {
            if out.len() > FULL {
                more += 1;
            } else if out.len() > SHORT {
                out.heading(4, &self.title_of(at, &entry.finding));
                out.paragraph(&self.host(&entry.finding.title));
            } else {
                self.entry(out, at, entry);
            }
        }
        if more > 0 {
            let text =
                Text::new().own("And ").count(more).own(" more, too many for a ticket: see `--format json`.");
            out.paragraph(&text);
        }
    }

    /// `1. AR041 crlf-shebang: error, proven, stops edge-block900`.
    fn title_of(&self, at: usize, finding: &Finding) -> Text {
        let check = finding.check.check();
        let text = Text::new()
            .count(at + 1)
            .own(": ")
            .own(check.id)
            .own(" ")
            .own(check.slug)
            .own(", ")
            .own(finding.severity.name())
            .own(", ")
            .own(finding.confidence.name());
        let text = match self.text.since_baseline(finding) {
            Some(word) => text.own(", ").own(word),
            None => text,
        };
        let whom = self.text.whom(finding);
        if whom.is_empty() { text } else { text.own(", ").and(whom) }
    }

    fn entry(&self, out: &mut Markdown, at: usize, entry: &Entry) {
        let finding = &entry.finding;
        out.heading(4, &self.title_of(at, finding));
        // Of the first one both stand at the top already.
        let is_headline = at == 0 && self.text.first().is_some();
        if !is_headline {
            out.paragraph(&self.host(&finding.title));
            self.proof(out, finding);
        }
        if !entry.folded.is_empty() {
            out.paragraph(&Text::new().own("Also seen because of this:"));
            let folded = entry.folded.iter().map(|folded| {
                Text::new().own(folded.check.check().id).own(": ").and(self.host(&folded.title))
            });
            list(out, folded.collect());
        }
        let redactor = self.report.redactor;
        let check = finding.check.check();
        let detail = |out: &mut Markdown| {
            out.paragraph(&Text::new().own("Why: ").and(whole_why(redactor, finding)));
            out.paragraph(&Text::new().own("Fix:"));
            let fix =
                if finding.remedy.is_empty() { check.fix.to_owned() } else { finding.remedy.join("\n") };
            out.block(&lines(redactor, &fix));
            out.paragraph(&Text::new().own("Verify:"));
            let verify = if finding.verify.is_empty() { check.verify } else { &finding.verify };
            out.block(&lines(redactor, verify));
        };
        if is_headline {
            detail(out);
        } else {
            out.folded(&Text::new().own("Why, fix, verify"), detail);
        }
    }

    fn proof(&self, out: &mut Markdown, finding: &Finding) {
        let mut page = Page::new(WIDTH, false);
        for evidence in &finding.evidence {
            self.entries.evidence(&mut page, evidence);
        }
        out.page(page);
    }

    fn not_read(&self, out: &mut Markdown) {
        let stages = self.text.stages_not_seen();
        let gaps = self.report.gaps();
        if stages.is_empty() && gaps.is_empty() {
            return;
        }
        out.heading(3, &Text::new().own("What could not be seen"));
        if !stages.is_empty() {
            out.paragraph(&Text::new().own("Stages: ").and(stages).own("."));
        }
        for (kind, label) in [
            (GapKind::Denied, "Denied:"),
            (GapKind::Failed, "Could not be read:"),
            (GapKind::NotCollected, "Not collected:"),
        ] {
            let mut items: Vec<Text> = gaps
                .iter()
                .filter(|gap| gap.kind == kind)
                .map(|gap| self.host(&gap.source).own(": ").and(self.host(&gap.why)))
                .collect();
            items.dedup();
            if items.is_empty() {
                continue;
            }
            out.paragraph(&Text::new().own(label));
            list(out, items);
        }
        if self.report.checks_not_made() > 0 {
            let text = Text::new().counted(self.report.checks_not_made(), "check");
            out.paragraph(&text.own(" could not be made for all responses."));
        }
    }

    fn stages(&self, out: &mut Markdown) {
        let rows = self.text.shown_rows();
        if rows.is_empty() || out.len() > SHORT {
            return;
        }
        let summary = Text::new().own("The ten stages of ").counted(rows.len(), "response");
        out.folded(&summary, |out| {
            let mut page = Page::new(WIDTH, false);
            self.text.grid(&mut page, &rows[..rows.len().min(LINES)]);
            out.page(page);
            let text = "`ok` was seen to happen, `ok*` is read from files, `?` could not be examined, `-` has no meaning here.";
            out.paragraph(&Text::new().own(text));
        });
    }
}

/// Writes a list, of which the rest is counted where it is long.
fn list(out: &mut Markdown, mut items: Vec<Text>) {
    let limit = if out.len() > SHORT { FEW } else { LINES };
    let more = items.len().saturating_sub(limit);
    items.truncate(limit);
    if more > 0 {
        items.push(Text::new().own("and ").count(more).own(" more"));
    }
    out.list(items);
}
