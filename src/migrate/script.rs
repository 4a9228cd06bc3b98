//! Rows S: what a script does that 5.x breaks, and what it becomes.

use std::ops::Range;

use super::channel::{self, Executable};
use super::rewrite::{self, Rewrite};
use super::{Hits, Inventory, Place, ScriptFile};
use crate::lint::{self, Code, Context, FaultKind, Language, Lint, Mark};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;
use crate::wazuh::xml::Span;

/// What is to be done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The diff is all there is to do.
    Diff,
    /// Some of it, or all, has to be done by hand.
    ByHand,
    /// It works as it is, as far as its text shows.
    Keep,
    /// Wazuh ships it, and 5.x another one in its place.
    Replaced(&'static str),
    /// Wazuh ships it, and 5.x nothing of the kind.
    Removed(&'static str),
    /// It is no script that is understood: nothing is said about its inside.
    Opaque(&'static str),
}

/// What becomes of one file.
#[derive(Clone, Debug)]
pub struct ScriptPlan {
    /// Path, below the home.
    pub file: String,
    /// Its name.
    pub name: Vec<u8>,
    /// What is to be done.
    pub verdict: Verdict,
    /// Its language.
    pub language: Option<Language>,
    /// What becomes of its text.
    pub rewrite: Rewrite,
    /// Unified diff; none when nothing is replaced, or the text is no UTF-8.
    pub diff: Option<String>,
    /// Rows found in it: id, line, column, what.
    pub rows: Vec<(&'static str, u64, u64, Option<String>)>,
    /// Line and column of each step of [`Self::rewrite`].
    pub steps: Vec<(u64, u64)>,
}

/// Programs that need no path where sbin is in PATH.
const SBIN: [&str; 12] = [
    "iptables",
    "ip6tables",
    "ipset",
    "nft",
    "route",
    "firewall-cmd",
    "ufw",
    "usermod",
    "service",
    "arptables",
    "ebtables",
    "pfctl",
];

/// Programs of 4.x whose path a script may call.
const REMOVED: [&str; 14] = [
    "firewall-drop",
    "firewalld-drop",
    "default-firewall-drop",
    "host-deny",
    "route-null",
    "ip-customblock",
    "restart-wazuh",
    "restart.sh",
    "wazuh-slack",
    "kaspersky",
    "kaspersky.py",
    "pf",
    "npf",
    "ipfw",
];

/// Rows of the text of a script.
const IN_TEXT: [&str; 38] = [
    "S01", "S02", "S03", "S04", "S06", "S07", "S08", "S09", "S10", "S11", "S12", "S13", "S14", "S15", "S16",
    "S17", "S18", "S19", "S20", "S21", "S22", "S23", "S24", "S25", "S26", "S27", "S28", "S29", "S30", "S31",
    "S33", "S34", "S36", "S37", "S38", "S39", "S40", "S41",
];

/// Looks at one file.
pub(super) fn plan(inventory: &Inventory<'_>, script: &ScriptFile, hits: &mut Hits) -> ScriptPlan {
    let mut plan = ScriptPlan {
        file: script.file.shown.clone(),
        name: script.name.clone(),
        verdict: Verdict::Keep,
        language: None,
        rewrite: Rewrite::default(),
        diff: None,
        rows: Vec::new(),
        steps: Vec::new(),
    };
    let lower = script.name.to_ascii_lowercase();
    if script.is_response {
        hits.look(&["S32", "S35"]);
        match channel::executable(&script.name) {
            Executable::Replaced { new, .. } => {
                plan.verdict = Verdict::Replaced(new);
                return plan;
            }
            Executable::Gone { instead, .. } => {
                plan.verdict = Verdict::Removed(instead);
                return plan;
            }
            Executable::Same(_) => {
                let kept = crate::wazuh::stock::program_named(&script.name)
                    .filter(|program| program.contracts.contains(&Contract::Json5));
                if let Some(program) = kept {
                    plan.verdict = Verdict::Replaced(program.name);
                    return plan;
                }
            }
        }
        if [&b".ps1"[..], b".vbs", b".cmd"].iter().any(|suffix| lower.ends_with(suffix)) {
            hits.add("S35", Place::whole(&script.file.shown, None));
            plan.rows.push(("S35", 1, 1, None));
            plan.verdict = Verdict::Opaque("a script for Windows: only its name is looked at");
            return plan;
        }
        cannot_start(script, hits, &mut plan);
    }
    let Some(text) = script.file.bytes.get() else {
        plan.verdict = Verdict::Opaque("it could not be read");
        if let Some(gap) = script.file.bytes.unknown().filter(|_| script.is_response) {
            for row in IN_TEXT {
                hits.unknown.insert(row, format!("{}: {}", script.file.shown, gap.why));
            }
        }
        return plan;
    };
    if !script.is_response {
        plan.verdict = Verdict::Opaque("no response");
        return plan;
    }
    let language = lint::language(&script.name, text);
    let Some(code) = Code::of(text).filter(|_| language.is_some() && !lower.ends_with(b".c")) else {
        plan.verdict = if text.starts_with(b"\x7fELF") {
            Verdict::Opaque("a compiled program: build it anew from sources that read messages of 5.x")
        } else {
            Verdict::Opaque("a language that is not looked into")
        };
        return plan;
    };
    hits.look(&IN_TEXT);
    plan.language = Some(code.language);
    plan.rewrite = rewrite::rewrite(text);
    let mut found = Found { code: &code, lint: lint::shown(text), rows: Vec::new() };
    contract(&mut found, &plan.rewrite);
    protocol(&mut found, script);
    words(&mut found, inventory);
    let mut rows = found.rows;
    rows.sort_by(|a, b| a.1.start.cmp(&b.1.start).then(a.0.cmp(b.0)));
    rows.dedup_by(|b, a| a.0 == b.0 && a.1.start == b.1.start);
    for (row, span, note) in rows {
        let (line, column) = script.file.lines.line_col(span.start.min(text.len()));
        let span = Span { start: span.start, end: span.end };
        hits.add(row, Place::of(&script.file, span, note.clone()));
        plan.rows.push((row, line, column, note));
    }
    plan.steps = plan
        .rewrite
        .steps
        .iter()
        .map(|step| script.file.lines.line_col(step.span.start.min(text.len())))
        .collect();
    let blocks = |row: &str| {
        super::rows::row(row).is_some_and(|row| {
            matches!(row.harm, super::Harm::Hangs | super::Harm::NeverRuns | super::Harm::Reverts)
        })
    };
    // What the diff mends is no reason to do more.
    // That it cannot be started is no matter of its text.
    let mends = ["S01", "S02", "S03", "S04", "S32"];
    let more = plan.rows.iter().any(|(row, ..)| blocks(row) && !mends.contains(row));
    plan.rewrite.complete &= !more;
    plan.verdict = if plan.rewrite.complete {
        Verdict::Diff
    } else if plan.rewrite.text.is_none() && plan.rewrite.steps.is_empty() && !more {
        Verdict::Keep
    } else {
        Verdict::ByHand
    };
    if let Some(new) = &plan.rewrite.text {
        plan.diff = diff(&script.file.shown, text, new);
    }
    plan
}

fn diff(name: &str, old: &[u8], new: &[u8]) -> Option<String> {
    let (old, new) = (std::str::from_utf8(old).ok()?, std::str::from_utf8(new).ok()?);
    let diff = similar::TextDiff::from_lines(old, new);
    Some(diff.unified_diff().context_radius(2).header(&format!("a/{name}"), &format!("b/{name}")).to_string())
}

fn cannot_start(script: &ScriptFile, hits: &mut Hits, plan: &mut ScriptPlan) {
    let mut add = |note: &str| {
        hits.add("S32", Place::whole(&script.file.shown, Some(note.to_owned())));
        plan.rows.push(("S32", 1, 1, Some(note.to_owned())));
    };
    if script.mode.is_some_and(|mode| mode & 0o111 == 0) {
        add("it has no execute bit");
    }
    let first = script.file.bytes.get().and_then(|text| text.split(|byte| *byte == b'\n').next());
    if first.is_some_and(|line| line.starts_with(b"#!") && line.ends_with(b"\r")) {
        add("its first line ends in CR LF");
    }
    if let Some(interpreter) = &script.no_interpreter {
        add(&format!("{interpreter} is not there"));
    }
}

/// A row, the bytes, and what is there.
type Row = (&'static str, Range<usize>, Option<String>);

struct Found<'a> {
    code: &'a Code<'a>,
    /// What its text shows wherever it runs.
    lint: Lint,
    rows: Vec<Row>,
}

impl Found<'_> {
    fn add(&mut self, row: &'static str, span: Range<usize>, note: Option<String>) {
        self.rows.push((row, span, note));
    }

    fn has(&self, needles: &[&str]) -> bool {
        needles.iter().any(|needle| self.code.contains(needle.as_bytes()))
    }

    /// Whole words in code or in a string; a hyphen belongs to a word.
    fn word(&self, word: &str) -> Vec<Range<usize>> {
        let free = |byte: u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let at = |index: usize| self.code.text.get(index).copied().unwrap_or(b' ');
        self.code
            .all(word.as_bytes())
            .into_iter()
            .filter(|span| (span.start == 0 || free(at(span.start - 1))) && free(at(span.end)))
            .collect()
    }

    fn line(&self, at: usize) -> String {
        let line = self.code.line(at);
        String::from_utf8_lossy(self.code.text.get(line).unwrap_or_default()).into_owned()
    }

    /// A word that begins a command of the shell.
    fn is_command(&self, span: &Range<usize>) -> bool {
        let line = self.code.line(span.start);
        let head = self.code.text.get(line.start..span.start).unwrap_or_default().trim_ascii_end();
        let opened = [&b"|"[..], b"&", b";", b"(", b"then", b"do", b"else", b"if", b"!", b"{", b"`", b"sudo"];
        self.code.mark(span.start) == Mark::Code
            && (head.is_empty() || opened.iter().any(|end| head.ends_with(end)))
    }
}

/// Fields and words of 4.x.
fn contract(found: &mut Found<'_>, rewrite: &Rewrite) {
    for replacement in &rewrite.replacements {
        let row = match replacement.from.as_str() {
            "add" | "delete" => "S04",
            path => rewrite::row_of(path),
        };
        found.add(row, replacement.span.clone(), Some(format!("{} -> {}", replacement.from, replacement.to)));
    }
    for step in &rewrite.steps {
        found.add(step.row, step.span.clone(), Some(step.text.clone()));
    }
    for read in found.lint.fields.clone() {
        let span = read.span;
        for path in &read.paths {
            match path.as_str() {
                "wazuh.rule.level" => level(found, span.start),
                "wazuh.rule.id" => rule_id(found, span.start),
                "wazuh.active_response.extra_arguments" => list(found, span.clone()),
                "event.doc_id" | "event.index" => found.add("S41", span.clone(), None),
                path if path == "rule" || path.starts_with("rule.") => found.add("S41", span.clone(), None),
                _ => {}
            }
        }
    }
    // On 4.x these are rows of their own only where the value is used in that way.
    let rows = std::mem::take(&mut found.rows);
    for (row, span, note) in rows {
        match row {
            "S21" if !compares_numbers(found, span.start) => found.add("S01", span, note),
            "S22" if !numeric(found, span.start) => found.add("S01", span, note),
            "S23" if !is_list(found, &span) => found.add("S02", span, note),
            _ => found.add(row, span, note),
        }
    }
    if let (Some(span), Some((Contract::Args, ..))) = (found.lint.arguments.clone(), &found.lint.written_for)
    {
        found.add("S06", span, None);
    }
}

fn level(found: &mut Found<'_>, at: usize) {
    if compares_numbers(found, at) {
        found.add("S21", at..at + 1, None);
    }
}

/// The variable that a read is put into.
fn variable(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim().rsplit(['$', ' ']).next()?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .then_some(name)
}

/// Lines a value is used in: its own, and those with its variable.
fn uses(found: &Found<'_>, at: usize) -> Vec<String> {
    let own = found.line(at);
    let mut lines = vec![own.clone()];
    if let Some(name) = variable(&own) {
        lines.extend(found.word(name).into_iter().map(|span| found.line(span.start)));
    }
    lines
}

fn compares_numbers(found: &Found<'_>, at: usize) -> bool {
    uses(found, at).iter().any(|line| {
        [" -ge ", " -gt ", " -le ", " -lt ", " -eq ", "int(", " >= ", " <= ", " > 1", " < 1", " > 5"]
            .iter()
            .any(|operator| line.contains(operator))
            || line.contains("((") && line.contains(['<', '>'])
    })
}

fn rule_id(found: &mut Found<'_>, at: usize) {
    if numeric(found, at) {
        found.add("S22", at..at + 1, None);
    }
}

fn numeric(found: &Found<'_>, at: usize) -> bool {
    uses(found, at).iter().any(|line| {
        let compares =
            ["==", "!=", " = ", " -eq ", " eq ", " ne ", " in "].iter().any(|word| line.contains(word));
        compares
            && line
                .split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| (3..=6).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn list(found: &mut Found<'_>, span: Range<usize>) {
    if is_list(found, &span) {
        found.add("S23", span, None);
    }
}

fn is_list(found: &Found<'_>, span: &Range<usize>) -> bool {
    let line = found.line(span.start);
    let behind =
        ["extra_args", "extra_arguments"].iter().find_map(|name| line.split_once(name)).map(|(_, rest)| rest);
    let behind = behind.unwrap_or_default().trim_start_matches(['"', '\'', ']', '}', '?']);
    behind.starts_with('[')
        || behind.starts_with(" | join")
        || behind.starts_with("|join")
        || line.trim_start().starts_with("for ")
        || line.contains("@{")
        || line.contains("join(")
}

/// What `lint` sees of the dialogue with execd.
fn protocol(found: &mut Found<'_>, script: &ScriptFile) {
    let text = found.code.text;
    let five = found.lint.written_for.as_ref().is_some_and(|(contract, ..)| *contract == Contract::Json5);
    let stateful = if found.lint.stateful { 600 } else { 0 };
    let context = Context {
        contract: if five { Contract::Json5 } else { Contract::Json4 },
        timeout: script.timeout.unwrap_or(stateful),
    };
    let Some(language) = lint::language(&script.name, text) else { return };
    for fault in lint::lint(text, language, &context).faults {
        let line = found.line(fault.span.start);
        let row = match fault.kind {
            FaultKind::ReadToEnd => {
                let end = found.code.line(fault.span.start).end;
                let behind = text.get(fault.span.end.min(end)..end).unwrap_or_default();
                let piped = language != Language::Python
                    && memchr::memchr(b'|', behind).is_some_and(|at| behind.get(at + 1) != Some(&b'|'));
                if piped { "S08" } else { "S07" }
            }
            FaultKind::KeysMissing => "S09",
            FaultKind::KeysNotEnded => "S11",
            FaultKind::KeysNotFlushed => "S10",
            FaultKind::AnswerBeforeKeys => "S07",
            FaultKind::NoiseBeforeKeys => "S12",
            FaultKind::KeysEmpty if is_number_key(&line) || any_number_key(found) => "S15",
            FaultKind::KeysEmpty | FaultKind::KeysConstant => "S14",
            FaultKind::OutputAfterAnswer => "S16",
            FaultKind::ChildHoldsStdout => "S17",
            FaultKind::ReadWithoutR => "S18",
            FaultKind::RelativePath => "S26",
            FaultKind::NeverEnds => "S30",
            FaultKind::ExitsNonzero => "S31",
            FaultKind::Injection | FaultKind::Unquoted => "S34",
            FaultKind::KeysTooLong => "S38",
            FaultKind::NotReverted if found.has(&["check_keys"]) && asks_on_delete(found) => "S13",
            FaultKind::Arguments => "S06",
            _ => continue,
        };
        let note = (row != "S06").then_some(fault.message);
        found.add(row, fault.span, note);
    }
    if let Some(keys) = found.word("check_keys").first().cloned() {
        if !found.has(&["continue", "abort"]) {
            found.add("S37", keys.clone(), None);
        }
        if !found.has(&["origin"]) {
            found.add("S39", keys.clone(), None);
        }
        if asks_on_delete(found) {
            found.add("S13", keys, None);
        }
    }
    keys_of_no_target(found);
}

/// Keys that are the rule's or the alert's number, a time or a UUID: directly in the line that
/// sends them, or in a variable of it.
fn keys_of_no_target(found: &mut Found<'_>) {
    let named = |line: &str| {
        ["uuid", "$(date", "time.time(", "time()", "$RANDOM", "$EPOCHSECONDS"]
            .iter()
            .any(|word| line.contains(word))
    };
    let numbers: Vec<Range<usize>> = found
        .lint
        .fields
        .iter()
        .filter(|need| {
            let of_event = |path: &String| {
                matches!(path.as_str(), "parameters.alert.id" | "parameters.alert.rule.id" | "wazuh.rule.id")
            };
            need.paths.iter().any(of_event)
        })
        .map(|need| need.span.clone())
        .collect();
    for keys in found.word("keys") {
        let line = found.line(keys.start);
        if !line.contains("check_keys") {
            continue;
        }
        let Some((_, list)) = line.rsplit_once("keys") else { continue };
        let inside = |span: &Range<usize>| found.code.line(span.start) == found.code.line(keys.start);
        let by_name = |span: &Range<usize>| {
            let own = found.line(span.start);
            !inside(span)
                && variable(&own).is_some_and(|name| {
                    list.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
                })
        };
        if named(list) || numbers.iter().any(|span| inside(span) || by_name(span)) {
            let note =
                "the key does not name the target: it is another one for each event, or the same for all";
            found.add("S14", keys, Some(note.to_owned()));
        }
    }
}

fn is_number_key(line: &str) -> bool {
    line.split_once("keys").is_some_and(|(_, rest)| {
        rest.trim_start_matches(['"', '\'', '\\', ':', ' ', '=', '>'])
            .trim_start_matches('[')
            .trim_start()
            .starts_with(|c: char| c.is_ascii_digit())
            || rest.contains("[int(")
            || rest.contains("tonumber")
    })
}

/// The list of keys is built on another line.
fn any_number_key(found: &Found<'_>) -> bool {
    found.code.all(b"keys").iter().any(|span| {
        let line = found.line(span.start);
        line.contains("check_keys")
            && is_number_key(line.rsplit_once("check_keys").map_or("", |(_, rest)| rest))
    })
}

/// The keys are sent before the command is looked at.
fn asks_on_delete(found: &Found<'_>) -> bool {
    let Some(keys) = found.word("check_keys").first().cloned() else { return false };
    let old = ["add", "delete", "enable", "disable"];
    let mut decisions = old.iter().flat_map(|word| found.word(word)).map(|span| span.start);
    let text = found.code.text;
    // At the margin, with a decision only behind it.
    let line = found.code.line(keys.start);
    let margin = text.get(line.start).is_some_and(|byte| !byte.is_ascii_whitespace());
    let mut decisions_before = false;
    let mut decisions_behind = false;
    for at in &mut decisions {
        if at < line.start {
            decisions_before = true;
        } else {
            decisions_behind = true;
        }
    }
    let command = found.line(keys.start);
    let prints = ["echo ", "printf '", "printf \"", "print(", "jq ", "sys.stdout.write("];
    let prints = prints.iter().any(|start| command.starts_with(start));
    margin && prints && decisions_behind && !decisions_before && found.code.language != Language::Perl
}

/// What single words show.
fn words(found: &mut Found<'_>, inventory: &Inventory<'_>) {
    let shell = found.code.language.is_shell();
    jq_null(found);
    for name in REMOVED {
        for span in found.code.all(format!("active-response/bin/{name}").as_bytes()) {
            let next = found.code.text.get(span.end).copied().unwrap_or(b' ');
            if !(next.is_ascii_alphanumeric() || matches!(next, b'_' | b'-' | b'.')) {
                found.add("S24", span, None);
            }
        }
    }
    for span in found.code.all(b"sockets/com") {
        let next = found.code.text.get(span.end).copied().unwrap_or(b' ');
        let longer = next.is_ascii_alphanumeric() || matches!(next, b'_' | b'-' | b'.');
        let restarts = !found.word("restart").is_empty();
        if restarts && !longer {
            found.add("S24", span, None);
        }
    }
    if inventory.role == Role::Manager || inventory.home != "/var/ossec" {
        for span in found.code.all(b"/var/ossec") {
            let line = found.line(span.start);
            let row =
                if ["queue/db", "etc/rules", "etc/lists", "etc/client.keys", "logs/alerts", "queue/alerts"]
                    .iter()
                    .any(|path| line.contains(path))
                {
                    continue;
                } else {
                    "S25"
                };
            found.add(row, span, None);
        }
    }
    for path in ["queue/db/", "etc/rules", "etc/decoders", "etc/lists/", "logs/alerts/", "queue/alerts/"] {
        for span in found.code.all(path.as_bytes()) {
            found.add("S28", span, None);
        }
    }
    for word in ["chown", "chgrp"] {
        for span in found.word(word) {
            let line = found.line(span.start);
            let group = line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "ossec");
            // The path /var/ossec has the same word in it.
            let group = group
                && (line.contains(":ossec") || line.contains("chgrp ossec") || line.contains("chown ossec"));
            if group {
                found.add("S27", span, None);
            }
        }
    }
    if !found.has(&[".log", "logger", "syslog", "LOG"]) {
        let stderr = if shell { found.code.all(b">&2") } else { found.code.all(b"sys.stderr") };
        if let Some(span) = stderr.first().cloned() {
            found.add("S29", span, None);
        }
    }
    no_limit(found, shell);
    if shell && !found.has(&["PATH="]) {
        for tool in SBIN {
            let span = found.word(tool).into_iter().find(|span| found.is_command(span));
            if let Some(span) = span {
                found.add("S33", span, None);
            }
        }
    }
    address(found);
    for tool in ["manage_agents", "agent_control", "ossec-control"] {
        for span in found.word(tool) {
            found.add("S40", span, None);
        }
    }
    if shell {
        for span in found.word("exit") {
            let line = found.line(span.start).to_ascii_lowercase();
            let harmless = ["nothing", "already", "aborted"].iter().any(|word| line.contains(word));
            let status = found.code.text.get(span.end..span.end + 2).unwrap_or_default();
            if harmless
                && status.first() == Some(&b' ')
                && status.get(1).is_some_and(|byte| (b'1'..=b'9').contains(byte))
            {
                found.add("S31", span, None);
            }
        }
    }
}

fn jq_null(found: &mut Found<'_>) {
    for span in found.word("jq") {
        let line = found.line(span.start);
        let Some((_, call)) = line.split_once("jq ") else { continue };
        let raw = call
            .split_whitespace()
            .take_while(|word| word.starts_with('-'))
            .any(|word| word.starts_with("--raw") || !word.starts_with("--") && word.contains('r'));
        let event = [".parameters", ".source", ".user", ".destination", ".file.", ".event."];
        if !raw || !event.iter().any(|field| call.contains(field)) {
            continue;
        }
        let guards = ["//", "strings", "select", "type", "join", "numbers", "scalars", "@"];
        let exits =
            call.split_whitespace().take_while(|word| word.starts_with('-')).any(|word| word.contains('e'));
        let tested = variable(&line).is_some_and(|name| {
            found.word(name).iter().any(|span| {
                let line = found.line(span.start);
                line.contains("null") || line.contains("=~") || line.contains("[!") || line.contains("case ")
            })
        });
        if !guards.iter().any(|guard| call.contains(guard)) && !exits && !tested {
            found.add("S20", span, None);
        }
    }
}

fn no_limit(found: &mut Found<'_>, shell: bool) {
    if shell {
        for tool in ["curl", "wget"] {
            for span in found.word(tool) {
                let line = found.line(span.start);
                let limited = [" -m", "--max-time", "timeout ", "--timeout", " -T"]
                    .iter()
                    .any(|word| line.contains(word));
                // A call may go on over several lines.
                if found.is_command(&span) && !limited && !line.trim_end().ends_with('\\') {
                    found.add("S30", span, None);
                }
            }
        }
    } else if found.code.language == Language::Python {
        for call in ["requests.get(", "requests.post(", "requests.put(", "requests.delete("] {
            for span in found.code.all(call.as_bytes()) {
                let rest =
                    String::from_utf8_lossy(found.code.text.get(span.end..).unwrap_or_default()).into_owned();
                let mut depth = 1_u32;
                let end = rest.find(|c| {
                    match c {
                        '(' => depth += 1,
                        ')' => depth -= 1,
                        _ => {}
                    }
                    depth == 0
                });
                let call = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                if !call.contains("timeout") && !unpacks(call) {
                    found.add("S30", span, None);
                }
            }
        }
    }
}

/// Whether a call has arguments in a mapping: `f(x, **options)`. The stars of a secret that a capture
/// hides, and of a power, stand otherwise.
fn unpacks(arguments: &str) -> bool {
    arguments.match_indices("**").any(|(at, stars)| {
        let before = arguments.get(..at).unwrap_or_default().trim_end();
        let behind = arguments.get(at + stars.len()..).unwrap_or_default().trim_start();
        (before.is_empty() || before.ends_with([',', '(']))
            && behind.starts_with(|sign: char| sign.is_alphabetic() || "_{(".contains(sign))
    })
}

/// The address is taken as it comes.
fn address(found: &mut Found<'_>) {
    let tests = [
        "strings",
        "type",
        "isinstance",
        "ip_address",
        "\"\" +",
        "ref ",
        "=~",
        "re.match",
        "fullmatch",
        "[!0-9",
        "grep -",
        "scalars",
    ];
    if found.has(&tests) {
        return;
    }
    let read = found.lint.fields.iter().find(|read| {
        read.paths.iter().any(|path| path == "parameters.alert.data.srcip" || path == "source.ip")
    });
    if let Some(span) = read.map(|read| read.span.clone()) {
        found.add("S36", span, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_of_a_hidden_secret_are_no_arguments() {
        for call in
            ["**options", "url, **options", "url,\n    ** {'timeout': 5}", "f(**x)", "url, **(a or b)"]
        {
            assert!(unpacks(call), "{call}");
        }
        for call in [
            "\"https://x\", json={\"password\": \"********************\"}",
            "\"https://x\", data=\"token=****\"",
            "\"https://u:********@x/\"",
            "url, '**'",
            "url, 2 ** n",
            "url, ****x",
            "",
        ] {
            assert!(!unpacks(call), "{call}");
        }
    }
}
