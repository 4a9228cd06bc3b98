//! The plan of `migrate`: as Markdown for people, as JSON for programs. The Markdown is
//! written from the same document, so both say the same and nothing passes by the redactor.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::escape;
use super::json::{RoleName, Tool};
use super::markdown::code;
use crate::migrate::channel::{Executable, Query};
use crate::migrate::{self, Harm, Plan, ROWS, Row, Verdict};
use crate::redact::{Redacted, Redactor};
use crate::wazuh::ossec_conf::Role;

/// Applies all diffs that claim to be whole.
const APPLY: &str = "ar-doctor migrate --format json |\n  jq -r '.scripts[] | select(.complete and (.diff_hides_secrets | not)) | .diff' |\n  patch -p1 --dry-run   # without --dry-run once it says what you expect";

/// Version of the format.
pub const SCHEMA_VERSION: u32 = 1;

/// What `migrate --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ar-doctor migrate")]
pub struct Document {
    /// Version of this format.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// Where the setup was read.
    pub source: Redacted,
    /// Whose installation it is.
    pub role: RoleName,
    /// Version on disk; null when it is unknown.
    pub wazuh_version: Option<Redacted>,
    /// What it comes to, in a sentence or two.
    pub headline: Redacted,
    /// What was found, worst first.
    pub hazards: Vec<Hazard>,
    /// Every response, in the order of its file.
    pub responses: Vec<Response>,
    /// Channels that are needed, equal ones counted once.
    pub channels: usize,
    /// The white list of 4.x: what each monitor's query has to leave out.
    pub never_block: Vec<Redacted>,
    /// Every script.
    pub scripts: Vec<Script>,
    /// What to do, in order, with the command that verifies it.
    pub checklist: Vec<Task>,
    /// What files of this host cannot show.
    pub by_hand: Vec<ByHand>,
    /// What could not be looked for, and why.
    pub unknown: Vec<ByHand>,
    /// What was looked for and not found.
    pub clear: Vec<Rule>,
    /// What could not be read.
    pub gaps: Vec<Redacted>,
}

/// A way to break, as a rule.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rule {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub slug: &'static str,
    /// How bad it is.
    pub harm: Harm,
    /// What it is.
    pub title: &'static str,
    /// What 5.x makes of it.
    pub effect: &'static str,
    /// The rule that finds it.
    pub detection: &'static str,
    /// Where that is seen in Wazuh.
    pub reference: &'static str,
}

/// One that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Hazard {
    /// Which.
    #[serde(flatten)]
    pub rule: Rule,
    /// Where.
    pub places: Vec<Place>,
}

/// A place in a file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Place {
    /// The file.
    pub file: Redacted,
    /// Line, from 1; null for the file as a whole.
    pub line: Option<u64>,
    /// Byte of the line, from 1.
    pub column: Option<u64>,
    /// The line.
    pub excerpt: Redacted,
    /// What is there.
    pub note: Option<Redacted>,
}

/// One that only a person can look at.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ByHand {
    /// Which.
    #[serde(flatten)]
    pub rule: Rule,
    /// What to do, or why it is unknown.
    pub why: Redacted,
}

/// One response.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Response {
    /// Its name in 4.x.
    pub name: Redacted,
    /// File and line; null when it stands in none.
    pub place: Option<Redacted>,
    /// In force in 4.x.
    pub in_force: bool,
    /// Its executable in 4.x; null without a command.
    pub executable: Option<Redacted>,
    /// The channel to make; null when nothing of the kind can be made.
    pub channel: Option<Channel>,
    /// The monitor of the channel; null without a channel.
    pub monitor: Option<Monitor>,
    /// What has no equivalent, or changes.
    pub differences: Vec<Redacted>,
}

/// An Active Response channel.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Channel {
    /// Its name.
    pub name: Redacted,
    /// File below active-response/bin.
    pub executable: Redacted,
    /// One string for the script.
    pub extra_arguments: Option<Redacted>,
    /// local, all or defined-agent; null when only the manager's configuration says.
    pub location: Option<&'static str>,
    /// Three digits.
    pub agent_id: Option<Redacted>,
    /// stateful or stateless.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Seconds.
    pub stateful_timeout: Option<i32>,
}

/// The monitor of a channel.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Monitor {
    /// Its type.
    pub kind: &'static str,
    /// Names of indices begin like this.
    pub indices: &'static str,
    /// Longest interval, in seconds; no cron.
    pub interval_at_most: u32,
    /// What the message of the trigger's action renders to.
    pub message: &'static str,
    /// What the query has to match: field of a finding, and what is known of its value.
    pub query: Vec<Term>,
}

/// A term of a query.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Term {
    /// Field of a finding.
    pub field: &'static str,
    /// What 4.x had.
    pub was: Redacted,
    /// What has to be chosen by hand.
    pub choose: &'static str,
}

/// One script.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Script {
    /// Path, below the home.
    pub file: Redacted,
    /// What is to be done: diff, by-hand, keep, replaced, removed, opaque.
    pub verdict: &'static str,
    /// Which program does its work, or why nothing is said.
    pub note: Option<Redacted>,
    /// The diff claims to be all there is to do.
    pub complete: bool,
    /// Tokens that are replaced, each once.
    pub replaced: Vec<Replaced>,
    /// What is left for a person.
    pub steps: Vec<Step>,
    /// Unified diff; null when nothing is replaced.
    pub diff: Option<Redacted>,
    /// Secrets in it are hidden, so it cannot be applied as it is.
    pub diff_hides_secrets: bool,
    /// Rows found in it.
    pub hazards: Vec<InScript>,
}

/// A token that is replaced.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Replaced {
    /// In 4.x.
    pub from: Redacted,
    /// In 5.x.
    pub to: Redacted,
    /// What a person has to look at all the same.
    pub verify: Option<&'static str>,
}

/// A step for a person.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step {
    /// The row.
    pub id: &'static str,
    /// Line, from 1.
    pub line: u64,
    /// Byte of the line, from 1.
    pub column: u64,
    /// What to do.
    pub text: Redacted,
}

/// A row found in a script.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InScript {
    /// The row.
    pub id: &'static str,
    /// Line, from 1.
    pub line: u64,
    /// Byte of the line, from 1.
    pub column: u64,
    /// What is there.
    pub note: Option<Redacted>,
}

/// One thing to do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Task {
    /// What.
    pub what: Redacted,
    /// The command that shows it is done.
    pub verify: Option<Redacted>,
}

fn rule(row: &'static Row) -> Rule {
    Rule {
        id: row.id,
        slug: row.slug,
        harm: row.harm,
        title: row.title,
        effect: row.effect,
        detection: row.detection,
        reference: row.source,
    }
}

/// Where the binding stands, when it is not on this host.
const ELSEWHERE: &str = "etc/ossec.conf";

fn terms(query: &Query, redactor: &Redactor) -> Vec<Term> {
    let mut terms = Vec::new();
    for (id, description) in &query.rules {
        let was = match description {
            Some(text) => format!("rule {id}: {}", String::from_utf8_lossy(text)),
            None => format!("rule {id}"),
        };
        terms.push(Term {
            field: "wazuh.rule.id or wazuh.rule.title",
            was: redactor.text(was),
            choose: "the UUID or the title of the rule of 5.x that finds the same",
        });
    }
    if let Some(group) = &query.group {
        terms.push(Term {
            field: "wazuh.rule.tags",
            was: redactor.text([b"group ", group.as_slice()].concat()),
            choose: "the tag of 5.x; it need not have the group's name",
        });
    }
    if let Some(level) = query.level {
        terms.push(Term {
            field: "wazuh.rule.level",
            was: redactor.text(format!("level {level} and above")),
            choose: "the words of the levels meant; there is no order of numbers",
        });
    }
    if query.elsewhere {
        terms.push(Term {
            field: "the whole query",
            was: redactor.text(ELSEWHERE),
            choose: "what ar-doctor migrate says on the manager",
        });
    } else if terms.is_empty() {
        terms.push(Term {
            field: "the whole query",
            was: redactor.text("no rule, group or level"),
            choose: "what is meant to trigger it",
        });
    }
    terms
}

/// The plan as a document.
pub fn document(plan: &Plan, source: &str, redactor: &Redactor) -> Document {
    let text = |text: &[u8]| redactor.text(text);
    let words = |words: &str| redactor.text(words);
    let hazards = plan
        .hazards
        .iter()
        .map(|hazard| Hazard {
            rule: rule(hazard.row),
            places: hazard
                .places
                .iter()
                .map(|place| Place {
                    file: words(&place.file),
                    line: place.line,
                    column: place.column,
                    excerpt: text(place.excerpt.trim_ascii()),
                    note: place.note.as_deref().map(words),
                })
                .collect(),
        })
        .collect();
    let responses = plan.responses.iter().map(|response| response_of(response, redactor)).collect();
    let scripts: Vec<Script> = plan.scripts.iter().map(|script| script_of(script, redactor)).collect();
    let by_hand = plan
        .by_hand
        .iter()
        .map(|row| ByHand { rule: rule(row), why: Redacted::constant(row.by_hand.unwrap_or("look by hand")) })
        .collect();
    Document {
        schema_version: SCHEMA_VERSION,
        tool: Tool::this(),
        source: words(source),
        role: match plan.role {
            Role::Manager => RoleName::Manager,
            Role::Agent => RoleName::Agent,
        },
        wazuh_version: plan.version.map(|version| words(&version.to_string())),
        headline: redactor.text(headline(plan)),
        hazards,
        responses,
        channels: plan.channels,
        never_block: plan.never_block.iter().map(|entry| text(entry.trim_ascii())).collect(),
        scripts,
        checklist: checklist(plan, redactor),
        by_hand,
        unknown: plan.unknown.iter().map(|(row, why)| ByHand { rule: rule(row), why: words(why) }).collect(),
        clear: plan.clear.iter().map(|row| rule(row)).collect(),
        gaps: plan.gaps.iter().map(|gap| words(gap)).collect(),
    }
}

/// `1 thing`, `2 things`.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn headline(plan: &Plan) -> String {
    let of = |harms: &[Harm]| plan.hazards.iter().filter(|hazard| harms.contains(&hazard.row.harm)).count();
    let fatal = of(&[Harm::Fatal]);
    let stops = of(&[Harm::Hangs, Harm::NeverRuns]);
    let silent = of(&[Harm::Reverts, Harm::Changes]);
    let first = if fatal > 0 {
        let what = counted(fatal, "thing in it keeps", "things in it keep");
        format!("Left as it is, this setup does not start on 5.x: {what} a daemon from starting.")
    } else if stops > 0 {
        let what = counted(stops, "thing", "things");
        format!("Left as it is, this setup starts on 5.x and its responses do not run: {what} to mend.")
    } else if silent > 0 {
        "Left as it is, this setup starts on 5.x, and some of it changes without a word.".to_owned()
    } else {
        "Nothing was found that 5.x breaks.".to_owned()
    };
    let mut more = Vec::new();
    if fatal > 0 && stops > 0 {
        more.push(counted(stops, "never runs or hangs", "never run or hang"));
    }
    if silent > 0 && (fatal > 0 || stops > 0) {
        more.push(format!("{silent} more change without a word"));
    }
    let in_force: Vec<_> = plan.responses.iter().filter(|response| response.in_force).collect();
    if !in_force.is_empty() {
        let without = in_force.iter().filter(|response| response.channel.is_none()).count();
        let responses = counted(in_force.len(), "response", "responses");
        more.push(match (without, plan.role) {
            (0, Role::Manager) => format!("{responses}: {}", counted(plan.channels, "channel", "channels")),
            (0, Role::Agent) => responses,
            (without, _) => format!("{responses}, {without} of them without a counterpart"),
        });
    }
    let scripts =
        |verdict: fn(&Verdict) -> bool| plan.scripts.iter().filter(|script| verdict(&script.verdict)).count();
    let whole = scripts(|verdict| matches!(verdict, Verdict::Diff));
    let by_hand = scripts(|verdict| matches!(verdict, Verdict::ByHand));
    if whole + by_hand > 0 {
        let changed = counted(whole + by_hand, "script has", "scripts have");
        more.push(format!("{changed} to change, {whole} by a diff that is all, {by_hand} by hand"));
    }
    if more.is_empty() { first } else { format!("{first} {}.", sentence(&more.join("; "))) }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn response_of(response: &migrate::ResponsePlan, redactor: &Redactor) -> Response {
    let text = |text: &[u8]| redactor.text(text);
    Response {
        name: text(&response.name),
        place: response.place.as_ref().map(|(file, line)| redactor.text(format!("{file}:{line}"))),
        in_force: response.in_force,
        executable: response.executable.as_ref().map(|executable| match executable {
            Executable::Same(name) => text(name),
            Executable::Replaced { old, .. } | Executable::Gone { old, .. } => text(old),
        }),
        channel: response.channel.as_ref().map(|channel| Channel {
            name: text(&channel.name),
            executable: text(&channel.executable),
            extra_arguments: channel.extra_arguments.as_deref().map(text),
            location: channel.location.map(migrate::channel::Location::value),
            agent_id: channel.agent_id.as_ref().map(|id| redactor.text(id)),
            kind: if channel.stateful_timeout.is_some() { "stateful" } else { "stateless" },
            stateful_timeout: channel.stateful_timeout,
        }),
        monitor: response.channel.as_ref().map(|_| Monitor {
            kind: "Active Response, per document",
            indices: "wazuh-findings-v5",
            interval_at_most: 60,
            message: "docId|indexName",
            query: terms(&response.query, redactor),
        }),
        differences: response.lost.iter().map(|lost| redactor.text(lost)).collect(),
    }
}

fn script_of(script: &migrate::ScriptPlan, redactor: &Redactor) -> Script {
    let (verdict, note) = match &script.verdict {
        Verdict::Diff => ("diff", None),
        Verdict::ByHand => ("by-hand", None),
        Verdict::Keep => ("keep", None),
        Verdict::Replaced(new) => ("replaced", Some(*new)),
        Verdict::Removed(instead) => ("removed", Some(*instead)),
        Verdict::Opaque(why) => ("opaque", Some(*why)),
    };
    let mut replaced: Vec<Replaced> = Vec::new();
    for token in &script.rewrite.replacements {
        let entry =
            Replaced { from: redactor.text(&token.from), to: redactor.text(&token.to), verify: token.verify };
        if !replaced.contains(&entry) {
            replaced.push(entry);
        }
    }
    let diff = script.diff.as_deref().map(|diff| redactor.text(diff));
    Script {
        file: redactor.text(&script.file),
        verdict,
        note: note.map(Redacted::constant),
        complete: script.rewrite.complete,
        replaced,
        steps: script
            .rewrite
            .steps
            .iter()
            .zip(&script.steps)
            .map(|(step, (line, column))| Step {
                id: step.row,
                line: *line,
                column: *column,
                text: redactor.text(&step.text),
            })
            .collect(),
        diff_hides_secrets: diff.as_ref().is_some_and(|shown| Some(shown.as_str()) != script.diff.as_deref()),
        diff,
        hazards: script
            .rows
            .iter()
            .map(|(id, line, column, note)| InScript {
                id,
                line: *line,
                column: *column,
                note: note.as_deref().map(|note| redactor.text(note)),
            })
            .collect(),
    }
}

/// A word as sh(1) takes it.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn checklist(plan: &Plan, redactor: &Redactor) -> Vec<Task> {
    let mut tasks = Vec::new();
    let mut task = |what: String, verify: Option<String>| {
        tasks.push(Task { what: redactor.text(what), verify: verify.map(|verify| redactor.text(verify)) });
    };
    let fatal: Vec<&str> = plan
        .hazards
        .iter()
        .filter(|hazard| hazard.row.harm == Harm::Fatal)
        .map(|hazard| hazard.row.id)
        .collect();
    if !fatal.is_empty() {
        task(
            format!("Remove what no daemon of 5.x starts with ({}).", fatal.join(", ")),
            Some(match plan.role {
                Role::Manager => "/var/wazuh-manager/bin/wazuh-manager-control restart".to_owned(),
                Role::Agent => "/var/ossec/bin/wazuh-agentd -t && /var/ossec/bin/wazuh-execd -t".to_owned(),
            }),
        );
    }
    for script in &plan.scripts {
        let name = shell_word(&String::from_utf8_lossy(&script.name));
        let replay = Some(format!("ar-doctor replay {name} --contract json5 --conformance"));
        match &script.verdict {
            Verdict::Diff => task(format!("Apply the diff to {}.", script.file), replay),
            Verdict::ByHand => task(format!("Change {} by hand, as listed.", script.file), replay),
            Verdict::Keep => task(format!("Leave {} as it is.", script.file), replay),
            Verdict::Opaque(why) if *why != "no response" => {
                task(format!("Look into {}: {why}.", script.file), replay);
            }
            Verdict::Replaced(_) | Verdict::Removed(_) | Verdict::Opaque(_) => {}
        }
    }
    if plan.role == Role::Manager {
        if !plan.never_block.is_empty() {
            task(
                "Leave the white list out in the query of every monitor that blocks addresses.".to_owned(),
                None,
            );
        }
        for response in
            plan.responses.iter().filter(|response| response.in_force && response.channel.is_some())
        {
            let name = String::from_utf8_lossy(&response.name).into_owned();
            task(
                format!("Make the channel and the monitor of {name}."),
                Some("grep 'Active Response' /var/wazuh-manager/logs/cluster.log".to_owned()),
            );
        }
    }
    task(
        "Look at each host once it runs 5.x.".to_owned(),
        Some("ar-doctor check && ar-doctor migrate".to_owned()),
    );
    tasks
}

/// Markdown that a text cannot leave: no control characters, nothing that Markdown reads.
fn md(text: &Redacted) -> String {
    let mut out = String::new();
    for character in escape::visible(text).chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// Own words round text of the host: `code` stays code where it is sure where it ends.
fn prose(text: &Redacted) -> String {
    let shown = escape::visible(text);
    if shown.contains("``") || shown.matches('`').count() % 2 == 1 || shown.contains('\\') {
        return md(text);
    }
    let mut code = false;
    shown.chars().fold(String::new(), |mut out, character| {
        code ^= character == '`';
        if !code && matches!(character, '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#') {
            out.push('\\');
        }
        out.push(character);
        out
    })
}

/// Own text may use `code`; what Markdown would take for a tag is shielded outside of it.
fn own(text: &str) -> String {
    let mut code = false;
    text.chars().fold(String::new(), |mut out, character| {
        code ^= character == '`';
        if !code && matches!(character, '<' | '>' | '*' | '_' | '|') {
            out.push('\\');
        }
        out.push(character);
        out
    })
}

/// Notes are own words round text of the host: the text of the host is shielded.
fn place(out: &mut String, place: &Place) {
    let at = match (place.line, place.column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        _ => String::new(),
    };
    let _ = write!(out, "- {}{at}", md(&place.file));
    if !place.excerpt.as_str().is_empty() {
        let _ = write!(out, " {}", code(&place.excerpt));
    }
    if let Some(note) = &place.note {
        let _ = write!(out, " ({})", prose(note));
    }
    out.push('\n');
}

fn hazards(out: &mut String, title: &str, document: &Document, harms: &[Harm]) {
    let found: Vec<&Hazard> =
        document.hazards.iter().filter(|hazard| harms.contains(&hazard.rule.harm)).collect();
    let _ = writeln!(out, "## {title}\n");
    if found.is_empty() {
        out.push_str("Nothing was found.\n\n");
    }
    for hazard in found {
        let rule = &hazard.rule;
        let _ = writeln!(out, "### {} {}\n", rule.id, own(rule.title));
        let _ = writeln!(out, "On 5.x: {}.\n", own(rule.effect));
        for entry in hazard.places.iter().take(20) {
            place(out, entry);
        }
        if hazard.places.len() > 20 {
            let _ = writeln!(out, "- and {} more", hazard.places.len() - 20);
        }
        out.push('\n');
    }
}

/// The document as Markdown.
pub fn markdown(document: &Document) -> String {
    let mut out = String::new();
    let version = document.wazuh_version.as_ref().map_or_else(|| "unknown version".to_owned(), md);
    let role = match document.role {
        RoleName::Agent => "agent",
        _ => "manager",
    };
    let _ = writeln!(out, "# From 4.x to 5.x: active response\n");
    let _ = writeln!(
        out,
        "{}, {role}, Wazuh {version}, ar-doctor {}\n",
        md(&document.source),
        document.tool.version
    );
    let _ = writeln!(out, "**{}**\n", md(&document.headline));
    if document.role == RoleName::Agent {
        out.push_str("What triggers a response is on the manager: run `ar-doctor migrate` there, too.\n\n");
    }
    hazards(&mut out, "What breaks first", document, &[Harm::Fatal]);
    hazards(&mut out, "What never runs, or hangs", document, &[Harm::Hangs, Harm::NeverRuns]);
    hazards(
        &mut out,
        "What is not reverted, or changes without a word",
        document,
        &[Harm::Reverts, Harm::Changes],
    );
    let _ = writeln!(out, "## Responses\n");
    if document.responses.is_empty() {
        out.push_str("There are none.\n\n");
    } else if document.role != RoleName::Agent {
        let _ = writeln!(
            out,
            "Channels needed: {} (10 are allowed unless the indexer says more).\n",
            document.channels
        );
    }
    if let Some(monitor) = document.responses.iter().find_map(|response| response.monitor.as_ref()) {
        let _ = writeln!(
            out,
            "Each channel needs a monitor ({}): indices whose names begin with `{}`, an interval of at most {} s, no cron, and `{}` as the message of its action.\n",
            monitor.kind, monitor.indices, monitor.interval_at_most, monitor.message
        );
    }
    for response in &document.responses {
        response_md(&mut out, response);
    }
    if !document.never_block.is_empty() {
        let _ =
            writeln!(out, "### White list\n\n5.x has none. Each query has to leave out `source.ip` of:\n");
        for entry in &document.never_block {
            let _ = writeln!(out, "- {}", code(entry));
        }
        out.push('\n');
    }
    let _ = writeln!(out, "## Scripts\n");
    if document.scripts.is_empty() {
        out.push_str("There are none here.\n\n");
    }
    if document.scripts.iter().any(|script| script.complete && !script.diff_hides_secrets) {
        let _ = writeln!(
            out,
            "Diffs that are all there is to do can be applied at once, in the home directory of an agent:\n\n```sh\n{APPLY}\n```\n"
        );
    }
    let shipped = |script: &&Script| matches!(script.verdict, "replaced" | "removed");
    for script in document.scripts.iter().filter(|script| !shipped(script)) {
        script_md(&mut out, script);
    }
    let mut theirs = document.scripts.iter().filter(shipped).peekable();
    if theirs.peek().is_some() {
        let _ = writeln!(
            out,
            "### Shipped with Wazuh\n\nThe upgrade takes care of the files; channels need the new names.\n"
        );
        for script in theirs {
            let note = script.note.as_ref().map(md).unwrap_or_default();
            let what = if script.verdict == "replaced" { "in 5.x" } else { "not in 5.x; instead:" };
            let _ = writeln!(out, "- {}: {what} {note}", md(&script.file));
        }
        out.push('\n');
    }
    let _ = writeln!(out, "## Checklist\n");
    for task in &document.checklist {
        let _ = writeln!(out, "- [ ] {}", prose(&task.what));
        if let Some(verify) = &task.verify {
            let _ = writeln!(out, "      verify: {}", code(verify));
        }
    }
    out.push('\n');
    let list = |out: &mut String, title: &str, entries: &[ByHand]| {
        if !entries.is_empty() {
            let _ = writeln!(out, "## {title}\n");
            for entry in entries {
                let _ = writeln!(out, "- {} {}: {}", entry.rule.id, own(entry.rule.title), prose(&entry.why));
            }
            out.push('\n');
        }
    };
    list(&mut out, "Not to be seen in these files", &document.by_hand);
    list(&mut out, "Not looked for", &document.unknown);
    if !document.gaps.is_empty() {
        let _ = writeln!(out, "## Not read\n");
        for gap in &document.gaps {
            let _ = writeln!(out, "- {}", md(gap));
        }
        out.push('\n');
    }
    if !document.hazards.is_empty() {
        let _ = writeln!(out, "## How each was found\n");
        for hazard in &document.hazards {
            let rule = &hazard.rule;
            let _ = writeln!(out, "- {}: {} ({})", rule.id, own(rule.detection), own(rule.reference));
        }
        out.push('\n');
    }
    let clear: Vec<&str> = document.clear.iter().map(|rule| rule.id).collect();
    let _ = writeln!(
        out,
        "Looked for and not found: {}. {} rules are known; `--format json` has each with its text.",
        if clear.is_empty() { "none".to_owned() } else { clear.join(", ") },
        ROWS.len()
    );
    out
}

fn response_md(out: &mut String, response: &Response) {
    let _ = writeln!(out, "### {}\n", md(&response.name));
    if let Some(place) = &response.place {
        let state = if response.in_force { "" } else { ", not in force" };
        let _ = writeln!(out, "{}{state}\n", md(place));
    }
    match &response.channel {
        None => out.push_str("No channel can be made for it.\n\n"),
        Some(channel) => {
            let _ = writeln!(out, "Channel (Active Response):\n");
            let _ = writeln!(out, "- name: {}", code(&channel.name));
            let _ = writeln!(out, "- executable: {}", code(&channel.executable));
            match &channel.extra_arguments {
                Some(text) => {
                    let _ = writeln!(out, "- extra\\_arguments: {}", code(text));
                }
                None => out.push_str("- extra\\_arguments: none\n"),
            }
            let _ = writeln!(out, "- location: {}", channel.location.unwrap_or("see the manager's plan"));
            if let Some(id) = &channel.agent_id {
                let _ = writeln!(out, "- agent\\_id: {}", code(id));
            }
            let _ = writeln!(out, "- type: {}", channel.kind);
            if let Some(timeout) = channel.stateful_timeout {
                let _ = writeln!(out, "- stateful\\_timeout: {timeout}");
            }
            out.push('\n');
        }
    }
    if let Some(monitor) = &response.monitor {
        let _ = writeln!(out, "The query of its monitor has to match:\n");
        for term in &monitor.query {
            if term.was.as_str() == ELSEWHERE {
                let _ = writeln!(
                    out,
                    "- what the manager's {} says: run `ar-doctor migrate` there",
                    code(&term.was)
                );
                continue;
            }
            let _ = writeln!(
                out,
                "- {} in place of {}: choose {}",
                own(term.field),
                code(&term.was),
                own(term.choose)
            );
        }
        out.push('\n');
    }
    if !response.differences.is_empty() {
        let _ = writeln!(out, "What has no equivalent, or changes:\n");
        for lost in &response.differences {
            let _ = writeln!(out, "- {}", prose(lost));
        }
        out.push('\n');
    }
}

fn script_md(out: &mut String, script: &Script) {
    if script.verdict == "opaque" && script.note.as_ref().is_some_and(|note| note.as_str() == "no response") {
        return;
    }
    let _ = writeln!(out, "### {}\n", md(&script.file));
    let note = script.note.as_ref().map(md).unwrap_or_default();
    let _ = match script.verdict {
        "diff" => writeln!(out, "The diff is all its text needs.\n"),
        "keep" => writeln!(out, "It can stay as it is, as far as its text shows.\n"),
        "opaque" => writeln!(out, "Nothing is said of its inside: {note}.\n"),
        _ if script.diff.is_some() => writeln!(out, "The diff is a part; the rest is by hand.\n"),
        _ => writeln!(out, "By hand.\n"),
    };
    for step in &script.steps {
        let _ = writeln!(out, "- {}:{} {} {}", step.line, step.column, step.id, prose(&step.text));
    }
    let told = |id: &str| script.steps.iter().any(|step| step.id == id);
    for hazard in &script.hazards {
        let diffed = script.diff.is_some() && matches!(hazard.id, "S01" | "S02" | "S04");
        if !told(hazard.id) && !diffed {
            let title = migrate::rows::row(hazard.id).map_or("", |row| row.title);
            let note = hazard.note.as_ref().map(|note| format!(": {}", prose(note))).unwrap_or_default();
            let _ = writeln!(out, "- {}:{} {} {}{note}", hazard.line, hazard.column, hazard.id, own(title));
        }
    }
    for token in &script.replaced {
        if let Some(verify) = token.verify {
            let _ = writeln!(out, "- {} becomes {}: {verify}", code(&token.from), code(&token.to));
        }
    }
    if let Some(diff) = &script.diff {
        if script.diff_hides_secrets {
            out.push_str("- secrets in the diff are hidden: apply it by hand\n");
        }
        let longest = diff.as_str().split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let _ = writeln!(out, "\n{fence}diff");
        for line in diff.as_str().lines() {
            // Tabs are part of the text that is to be applied.
            let line: Vec<String> = line.split('\t').map(escape::line).collect();
            let _ = writeln!(out, "{}", line.join("\t"));
        }
        let _ = writeln!(out, "{fence}");
    }
    out.push('\n');
}
