//! What the text of the scripts shows: how they read their line, send their keys, end, and
//! which programs they need. Likely at best; `ar-doctor replay` proves.

use std::collections::BTreeMap;

use super::executable::{about, who};
use super::{Probe, Sink, lossy, quote, quote_path};
use crate::facts::{Executable, Facts, TextFile};
use crate::findings::{CheckId, Confidence, Evidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::lint::{self, Context, Fault, FaultKind, Lint};
use crate::wazuh::xml::Span;

/// What the text of a script shows.
pub(super) const PROBE: Probe = Probe { name: "script-text", checks: &CHECKS, run };

/// Two kinds are one check, and one check has no kind.
const CHECKS: [CheckId; FaultKind::ALL.len()] = {
    let mut all = [checks::TOOL_MISSING; FaultKind::ALL.len()];
    let (mut at, mut used) = (0, 0);
    while at < FaultKind::ALL.len() {
        if !matches!(FaultKind::ALL[at], FaultKind::KeysNotEnded) {
            all[used] = FaultKind::ALL[at].check();
            used += 1;
        }
        at += 1;
    }
    all
};

/// How many places of one fault are shown as evidence.
const SHOWN: usize = 3;

/// Programs that are part of every system on which a shell script can run at all. Where they seem to
/// be missing, the tree is no whole one.
const EVERYWHERE: [&str; 83] = [
    "awk",
    "base64",
    "basename",
    "bash",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cksum",
    "cmp",
    "comm",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "du",
    "echo",
    "egrep",
    "env",
    "expr",
    "false",
    "fgrep",
    "find",
    "fold",
    "getent",
    "grep",
    "head",
    "hostname",
    "id",
    "install",
    "join",
    "kill",
    "ln",
    "logname",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mv",
    "nice",
    "nohup",
    "nproc",
    "od",
    "paste",
    "printenv",
    "printf",
    "pwd",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sh",
    "sha1sum",
    "sha256sum",
    "shuf",
    "sleep",
    "sort",
    "split",
    "stat",
    "sync",
    "tac",
    "tail",
    "tee",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "truncate",
    "tsort",
    "tty",
    "uname",
    "uniq",
    "wc",
    "who",
    "whoami",
    "xargs",
    "yes",
];

/// Directories whose files come and go.
pub(super) const TEMPORARY: [&str; 4] = ["/tmp/", "/var/tmp/", "/dev/shm/", "/run/"];

/// A timeout that stands for any.
const SOME: i32 = 600;

/// The place of a fault in a file, with half a sentence about it.
pub fn excerpt(file: &TextFile, fault: &Fault) -> Evidence {
    file.excerpt(Span { start: fault.span.start, end: fault.span.end }, fault.message.clone())
}

/// One fault of a script, with the places where it shows and the responses it concerns.
struct Hit {
    places: Vec<Fault>,
    users: Vec<ResponseIndex>,
}

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    for executable in facts.executables() {
        if executable.file().is_none() || executable.elf.get().is_some() {
            continue;
        }
        let file = facts.script(executable);
        if let Some(gap) = file.bytes.unknown() {
            for check in CHECKS {
                sink.unknown(check, facts.users_of(executable), gap.clone());
            }
            continue;
        }
        let Some(text) = file.bytes.get() else { continue };
        let Some(language) = lint::language(&executable.name, text) else { continue };
        if language.is_by_name_only() {
            continue;
        }
        let contract = facts.contract();
        let read = |timeout| lint::lint(text, language, &Context { contract, timeout });
        let (once, timed) = (read(0), read(SOME));
        let mut hits: BTreeMap<FaultKind, Hit> = BTreeMap::new();
        for user in facts.users_of(executable) {
            // A 5.x agent is told with each message; then it is as the script looks.
            let timeout = facts.response(user).and_then(|response| response.timeout);
            let seen = if timeout.map_or(timed.stateful, |timeout| timeout != 0) { &timed } else { &once };
            for fault in &seen.faults {
                let hit =
                    hits.entry(fault.kind).or_insert_with(|| Hit { places: Vec::new(), users: Vec::new() });
                if !hit.users.contains(&user) {
                    hit.users.push(user);
                }
                if !hit.places.contains(fault) {
                    hit.places.push(fault.clone());
                }
            }
        }
        for (kind, hit) in hits {
            tell(facts, sink, executable, file, kind, hit);
        }
        tools(facts, sink, executable, file, &once);
    }
}

fn tell(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    executable: &Executable,
    file: &TextFile,
    kind: FaultKind,
    mut hit: Hit,
) {
    // The surest place first; they are in the order of the text.
    hit.places.sort_by_key(|fault| std::cmp::Reverse(fault.confidence));
    let Some(first) = hit.places.first() else { return };
    let check = kind.check();
    let title = format!(
        "{} {}: {}, line {}.",
        who(facts, executable),
        phrase(kind),
        lossy(&executable.name),
        first.line
    );
    let mut finding = Finding::new(check, Subject::File(executable.shown()), title)
        .of_script()
        .cause(format!("In the text of the script, not seen to happen: {}.", first.message))
        .severity(first.severity())
        .confidence(first.confidence.into());
    for fault in hit.places.iter().take(SHOWN) {
        finding = finding.evidence(excerpt(file, fault));
    }
    let bytes = file.bytes.get().map_or(&[][..], Vec::as_slice);
    for fault in hit.places.iter().take(SHOWN) {
        if let Some(line) = rewritten(bytes, fault) {
            finding = finding.remedy(format!("{} line {}: {line}", lossy(&executable.name), fault.line));
        }
    }
    let mut finding = about(facts, executable, finding.verify(verify(executable)));
    finding.responses.retain(|user| hit.users.contains(user));
    sink.find(finding);
}

/// The lines of a fault with its rewrite in them.
fn rewritten(text: &[u8], fault: &Fault) -> Option<String> {
    let rewrite = fault.rewrite.as_ref()?;
    let before = text.get(..fault.span.start)?;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let after = text.get(fault.span.end..)?;
    let end = after.iter().position(|byte| *byte == b'\n').unwrap_or(after.len());
    let line = format!("{}{rewrite}{}", lossy(before.get(start..)?), lossy(after.get(..end)?));
    Some(line.trim().to_owned())
}

fn verify(executable: &Executable) -> String {
    format!("ar-doctor lint {}", quote_path(&executable.path))
}

/// What follows the name of a response.
const fn phrase(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::ReadToEnd => {
            "never ends and blocks every other response: its script reads standard input to the end"
        }
        FaultKind::NeverReads => "acts without its event: its script does not read standard input",
        FaultKind::Arguments => "gets no arguments since 4.2, and its script expects them",
        FaultKind::NoiseBeforeKeys => "is not reverted: its first line of output is no keys message",
        FaultKind::OutputAfterAnswer => "can be killed by its own output after execd's answer",
        FaultKind::KeysEmpty => "is not reverted: its keys are empty, or no strings",
        FaultKind::KeysConstant => "runs for one target only: its keys are the same for all",
        FaultKind::KeysMissing => "is not reverted: its script sends no keys",
        FaultKind::KeysNotFlushed => {
            "waits for ever and blocks every other response: its keys stay in a buffer"
        }
        FaultKind::KeysNotEnded => {
            "waits for ever and blocks every other response: its keys have no line feed at their end"
        }
        FaultKind::AnswerBeforeKeys => {
            "waits for ever and blocks every other response: it wants the answer before it sends its keys"
        }
        FaultKind::ReadWithoutR => "loses the backslashes of its event: read without -r",
        FaultKind::NeverEnds => "does not end, or not soon, and blocks every other response",
        FaultKind::ChildHoldsStdout => {
            "blocks every other response as long as its background child lives, which keeps standard output"
        }
        FaultKind::ExitsNonzero => "ends with a status other than 0",
        FaultKind::Killed => "ends itself by a signal",
        FaultKind::OtherContract => {
            "does not find its fields: its script is written for another generation of Wazuh"
        }
        FaultKind::Injection => "runs text of the event as a command, whoever wrote it",
        FaultKind::ChangesNothing => "seems to change nothing",
        FaultKind::NotReverted => "is not undone: its script does nothing of its own on delete",
        FaultKind::KeysTooLong => "may send a key that execd cuts: it holds a whole log line",
        FaultKind::RelativePath => "names a file relative to the directory it is started in",
        FaultKind::Unquoted => "lets text of the event fall into words",
        FaultKind::UnknownSuppression => "has a comment that names no check",
    }
}

/// Programs the script calls on every run, in the `PATH` they are looked for in.
fn tools(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable, file: &TextFile, lint: &Lint) {
    let (path, _) = facts.execd_path();
    let check = checks::TOOL_MISSING;
    let mut missing = Vec::new();
    for tool in lint.tools.iter().filter(|tool| !tool.optional) {
        let span = Span { start: tool.span.start, end: tool.span.end };
        if lint.hides(check, file.line(span.start)) {
            continue;
        }
        if EVERYWHERE.contains(&tool.name.as_str()) {
            continue;
        }
        let found = match tool.name.as_bytes() {
            // A script makes its own programs there.
            [b'/', ..] if TEMPORARY.iter().any(|directory| tool.name.starts_with(directory)) => continue,
            [b'/', ..] => {
                // One that is there and cannot be executed is another fault than this.
                facts.resolve(std::path::Path::new(&tool.name)).map(|resolved| resolved.path)
            }
            name if name.contains(&b'/') => continue,
            name => facts.find_in_path(&path, name),
        };
        if let Some(gap) = found.unknown() {
            sink.unknown(check, facts.users_of(executable), gap);
        } else if found.is_absent() {
            missing.push((tool.name.as_str(), span));
        }
    }
    let Some((first, _)) = missing.first() else { return };
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let where_ = if first.starts_with('/') { "on this host" } else { "in execd's PATH" };
    let title = format!(
        "{} leaves out what it does with {}: there is no such program {where_}.",
        who(facts, executable),
        names.join(", "),
    );
    let mut finding = Finding::new(check, Subject::File(executable.shown()), title)
        .cause("The shell's complaint goes to standard error, and execd has /dev/null there: no log tells of it.")
        .severity(Severity::Warning)
        .confidence(Confidence::Likely)
        .observed(facts.search_path().source.clone(), path);
    for (name, span) in missing.iter().take(SHOWN) {
        finding = finding.evidence(file.excerpt(*span, format!("{name} is not found")));
    }
    // The excerpt says more than the PATH.
    finding.evidence.rotate_left(1);
    let words: Vec<String> = names.iter().map(|name| quote(name)).collect();
    finding = finding
        .remedy(format!("Install what holds {}, or write its whole path into the script", words.join(" ")))
        .verify(verify_tools(&words, &names));
    sink.find(about(facts, executable, finding));
}

fn verify_tools(words: &[String], names: &[&str]) -> String {
    if names.iter().any(|name| name.starts_with('/')) {
        format!("ls -l {}", words.join(" "))
    } else {
        format!("command -v {}", words.join(" "))
    }
}
