//! What the catalogue says: `explain` and `list`.

use schemars::JsonSchema;
use serde::Serialize;

use super::json::{ContractName, SCHEMA_VERSION, SeverityName, StageName, Tool};
use super::page::{Page, Text, Tone};
use crate::findings::catalogue::{CATALOGUE, Check, Contract, Explanation, FoundBy, Level, Message, Version};
use crate::findings::signatures::Class;
use crate::findings::{Severity, Stage};
use crate::logs::explain::Known;
use crate::redact::{self, Redacted, Redactor};

/// The number guides use as a name for all of this.
const GUIDES_NUMBER: u32 = 1204;

/// What the same guides say is in the log then.
const GUIDES_LINES: [&str; 4] = [
    "active response command not found",
    "AR command execution failed",
    "unable to execute script",
    "agent could not run command",
];

/// Writes what a query leads to: messages in full, then the checks that look for
/// their causes by name; without a message, the best check in full.
pub fn explain(found: &[Explanation], page: &mut Page) {
    let messages: Vec<&Message> = found
        .iter()
        .filter_map(|explanation| match explanation {
            Explanation::Message(message) => Some(*message),
            Explanation::Check(_) => None,
        })
        .collect();
    let mut checks: Vec<&Check> = found
        .iter()
        .filter_map(|explanation| match explanation {
            Explanation::Check(check) => Some(*check),
            Explanation::Message(_) => None,
        })
        .collect();
    for (at, message) in messages.iter().enumerate() {
        if at > 0 {
            page.blank();
        }
        write_message(message, page);
    }
    if messages.iter().any(|message| message.number == Some(GUIDES_NUMBER)) {
        lines_called_1204(page);
    }
    let also = if messages.is_empty() {
        if !checks.is_empty() {
            write_check(checks.remove(0), page);
        }
        "See also"
    } else {
        "Checks that look for its causes"
    };
    if !checks.is_empty() {
        heading(page, also);
        for check in &checks {
            page.indented(2, &line_of(check));
        }
        let by = |has| checks.iter().any(|check| check.is_found_by(FoundBy::Check) == has);
        let looks = match (by(true), by(false)) {
            (_, false) => "`ar-doctor check` looks for all of them.",
            (false, true) => "`ar-doctor replay` shows them.",
            (true, true) => "`ar-doctor check` or, where it says so, `ar-doctor replay` finds them.",
        };
        page.blank();
        page.line(&Text::new().own("`ar-doctor explain ID` says more, ").own(looks).all(Tone::Dim));
    }
}

/// Writes what is redacted, and how.
pub fn redaction(page: &mut Page) {
    page.line(&Text::new().toned(Tone::Strong, "What is redacted"));
    for paragraph in redact::SECRETS {
        page.blank();
        page.paragraph(0, &Text::new().own(paragraph));
    }
    heading(page, "Kinds of secrets");
    for kind in redact::Kind::ALL {
        let about = kind.about();
        page.indented(2, &Text::new().toned(Tone::Strong, about.name).own(": ").own(about.what));
        page.paragraph(6, &Text::new().own(about.known_by));
    }
    heading(page, "Identities, with --redact identities");
    for (at, paragraph) in redact::IDENTITIES.into_iter().enumerate() {
        if at > 0 {
            page.blank();
        }
        page.paragraph(2, &Text::new().own(paragraph));
    }
}

/// Writes what a log line is known as, and its parts.
pub fn signatures(known: &[Known], redactor: &Redactor, page: &mut Page) {
    for known in known {
        let signature = known.signature;
        let name = redactor.text(signature.name);
        let logs = signature.logs.iter().map(|log| Text::new().own(log.name()));
        let text = Text::new().own("Log line ").host_toned(Tone::Strong, &name).own(" of ").list(logs, ", ");
        page.paragraph(0, &text.own(": ").own(match signature.class {
            Class::Failure => "something failed.",
            Class::Success => "something went as it should.",
            Class::Harmless => "it looks like a failure and is none.",
            Class::Folklore => {
                "a phrase of web guides. No Wazuh program prints it: a custom script or a wrapper wrote it."
            }
        }));
        for (part, value) in &known.captures {
            let (part, value) = (redactor.text(part), redactor.text(value));
            page.indented(2, &Text::new().host_toned(Tone::Dim, &part).own(" ").pad(14).host(&value));
        }
    }
    if !known.is_empty() {
        page.blank();
    }
}

/// Lines that guides show with that number. None of them is Wazuh's.
fn lines_called_1204(page: &mut Page) {
    heading(page, "Lines that go by this name");
    for line in GUIDES_LINES {
        page.indented(2, &Text::new().own(line));
    }
    page.paragraph(
        2,
        &Text::new().own(
            "No Wazuh program prints these: where one is in a log, a custom script or a wrapper wrote it. `ar-doctor \
             check` diagnoses the condition, active response did not execute, whatever it is called.",
        ),
    );
}

fn write_check(check: &Check, page: &mut Page) {
    let text = Text::new().toned(Tone::Strong, check.id).own(" ").toned(Tone::Strong, check.slug);
    page.line(&text.own("   ").own(check.severity.name()).own(", stage ").own(check.stage.name()));
    page.paragraph(0, &Text::new().own(check.title));
    let mut where_made =
        check.sides.iter().map(|side| side.name()).map(|side| Text::new().own(side)).collect::<Vec<_>>();
    if let Some(range) = versions(check.since, check.until) {
        where_made.push(range);
    }
    let made = match check.found_by {
        [FoundBy::Check] => Text::new().own("Made on: "),
        finders => {
            let finders =
                finders.iter().map(|finder| Text::new().own("`ar-doctor ").own(finder.name()).own("`"));
            Text::new().own("Made by ").list(finders, ", ").own(" on: ")
        }
    };
    page.paragraph(0, &made.list(where_made, ", ").all(Tone::Dim));
    section(page, "What it means", check.meaning);
    section(page, "Why Wazuh behaves so", check.why);
    list(page, "Source", check.source);
    section(page, "How it looks", check.looks);
    section(page, "How to mend it", check.fix);
    section(page, "How to verify", check.verify);
    section(page, "When it is no problem", check.not_a_problem);
    list(page, "References", check.references);
}

fn write_message(message: &Message, page: &mut Page) {
    let text = match message.number {
        Some(number) => Text::new().own("(").number(number).own("): "),
        None => Text::new(),
    };
    page.paragraph(0, &text.own(message.text).all(Tone::Strong));
    let level = match message.level {
        Level::Never => Text::new().own("no Wazuh program prints it"),
        level => Text::new().own("level ").own(level.name()),
    };
    let mut about = vec![level];
    if message.level != Level::Never && !message.daemons.is_empty() {
        let daemons = message.daemons.iter().map(|daemon| Text::new().own(daemon));
        about.push(Text::new().own("from ").list(daemons, ", "));
    }
    if let Some(range) = versions(message.since, message.until) {
        about.push(range);
    }
    page.paragraph(0, &Text::new().list(about, "; ").all(Tone::Dim));
    section(page, "What it means", message.meaning);
    section(page, "What to do", message.todo);
}

fn heading(page: &mut Page, name: &'static str) {
    page.blank();
    page.line(&Text::new().toned(Tone::Strong, name));
}

/// Text of the catalogue keeps its lines: commands among them must stay whole.
fn section(page: &mut Page, name: &'static str, text: &'static str) {
    if text.trim().is_empty() {
        return;
    }
    heading(page, name);
    for line in text.trim_end().lines() {
        page.indented(2, &Text::new().own(line));
    }
}

fn list(page: &mut Page, name: &'static str, items: &'static [&'static str]) {
    if items.is_empty() {
        return;
    }
    heading(page, name);
    for item in items {
        page.indented(2, &Text::new().own(item));
    }
}

fn line_of(check: &Check) -> Text {
    let text = Text::new().toned(Tone::Strong, check.id).own(" ").own(check.slug).pad(44).own("  ");
    text.own(check.title).and(by_replay(check))
}

/// Says that `check` does not look for it.
fn by_replay(check: &Check) -> Text {
    if check.is_found_by(FoundBy::Check) { Text::new() } else { Text::new().toned(Tone::Dim, " (replay)") }
}

/// `4.2 to 4.13`; nothing where there is no bound.
fn versions(since: Option<Version>, until: Option<Version>) -> Option<Text> {
    match (since, until) {
        (None, None) => None,
        (Some(since), None) => Some(Text::new().own("since ").and(version(since))),
        (None, Some(until)) => Some(Text::new().own("up to ").and(version(until))),
        (Some(since), Some(until)) => Some(version(since).own(" to ").and(version(until))),
    }
}

fn version((major, minor, patch): Version) -> Text {
    let text = Text::new().number(major).own(".").number(minor);
    if patch == u32::MAX { text } else { text.own(".").number(patch) }
}

/// Writes all checks by stage.
pub fn write_list(page: &mut Page) {
    for (at, stage) in Stage::ALL.into_iter().enumerate() {
        let checks: Vec<&Check> = CATALOGUE.iter().filter(|check| check.stage == stage).collect();
        if at > 0 && !checks.is_empty() {
            page.blank();
        }
        if !checks.is_empty() {
            page.line(&Text::new().toned(Tone::Strong, stage.name()));
        }
        for check in checks {
            let tone = match check.severity {
                Severity::Error => Tone::Fail,
                Severity::Warning => Tone::Warn,
                Severity::Advice => Tone::Plain,
            };
            let text = Text::new()
                .own(check.id)
                .own(" ")
                .own(check.slug)
                .pad(44)
                .own("  ")
                .toned(tone, check.severity.name());
            page.indented(2, &text.pad(54).own(check.title).and(by_replay(check)));
        }
    }
    page.blank();
    let replayed = CATALOGUE.iter().filter(|check| !check.is_found_by(FoundBy::Check)).count();
    page.line(
        &Text::new()
            .counted(CATALOGUE.len(), "check")
            .own(", ")
            .count(replayed)
            .own(" of them by `ar-doctor replay` alone. `ar-doctor explain ID` says more about one."),
    );
}

/// What `list --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ar-doctor list")]
pub struct List {
    /// Version of this format.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// All checks, by id.
    pub checks: Vec<ListedCheck>,
}

/// One check.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedCheck {
    /// `AR034`.
    pub id: &'static str,
    /// `script-not-executable`.
    pub slug: &'static str,
    /// Half a sentence.
    pub title: &'static str,
    /// The stage it belongs to.
    pub stage: StageName,
    /// The worst it can be.
    pub severity: SeverityName,
    /// `manager`, `agent`.
    pub sides: Vec<&'static str>,
    /// The commands that report it: `check`, `lint`, `replay`.
    pub found_by: Vec<&'static str>,
    /// First version of Wazuh it applies to.
    pub since: Option<Redacted>,
    /// Last version of Wazuh it applies to.
    pub until: Option<Redacted>,
    /// The ways of calling a script it applies to.
    pub contracts: Vec<ContractName>,
    /// Ids of the checks whose findings it can be the cause of.
    pub explains: Vec<&'static str>,
    /// What it means.
    pub meaning: &'static str,
    /// How to mend it.
    pub fix: &'static str,
    /// Where that is in Wazuh's source.
    pub source: &'static [&'static str],
}

/// The document of `list`.
pub fn document() -> List {
    let redactor = Redactor::new();
    let version = |version: Option<Version>| {
        version.map(|(major, minor, patch)| {
            redactor.text(if patch == u32::MAX {
                format!("{major}.{minor}")
            } else {
                format!("{major}.{minor}.{patch}")
            })
        })
    };
    let checks = CATALOGUE.iter().map(|check| ListedCheck {
        id: check.id,
        slug: check.slug,
        title: check.title,
        stage: check.stage.into(),
        severity: check.severity.into(),
        sides: check.sides.iter().map(|side| side.name()).collect(),
        found_by: check.found_by.iter().map(|finder| finder.name()).collect(),
        since: version(check.since),
        until: version(check.until),
        contracts: check
            .contracts
            .iter()
            .map(|contract| match contract {
                Contract::Args => ContractName::Args,
                Contract::Json4 => ContractName::Json4,
                Contract::Json5 => ContractName::Json5,
            })
            .collect(),
        explains: check.explains.iter().map(|other| other.check().id).collect(),
        meaning: check.meaning,
        fix: check.fix,
        source: check.source,
    });
    List { schema_version: SCHEMA_VERSION, tool: Tool::this(), checks: checks.collect() }
}
