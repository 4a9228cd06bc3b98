//! Whether execd knows the name and where it looks for the file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::{
    Probe, RESTART_AGENT, RESTART_MANAGER, Sink, block_subject, lossy, quote, read_config, under_home,
};
use crate::facts::{Executable, Facts, Response, Runs};
use crate::findings::{CheckId, Confidence, Evidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::{FileType, TOO_MANY_LINKS, Value};
use crate::wazuh::ar_conf::{self, ArConf, ArLine, LineProblem};
use crate::wazuh::behavior;
use crate::wazuh::install::Kind;
use crate::wazuh::ossec_conf::{Configuration, Connection, Outcome, Problem, ProblemKind, Role};
use crate::wazuh::stock::{self, System};
use crate::wazuh::version::Contract;
use crate::wazuh::xml::Span;

/// What the text in `<executable>` makes execd look for.
pub(super) const NAMES: Probe = Probe {
    name: "executable-names",
    checks: &[
        checks::EXECUTABLE_ABSOLUTE,
        checks::EXECUTABLE_TRAVERSAL,
        checks::EXECUTABLE_OUTER_BLANKS,
        checks::EXECUTABLE_WITH_ARGUMENTS,
        checks::EXECUTABLE_WITH_INTERPRETER,
        checks::EXECUTABLE_OTHER_CONTRACT,
        checks::EXECUTABLE_OTHER_SYSTEM,
        checks::NAME_TOO_LONG,
    ],
    run: names,
};

/// `ar.conf` against the configuration.
pub(super) const AR_CONF: Probe = Probe {
    name: "ar-conf",
    checks: &[
        checks::AR_CONF_MISSING,
        checks::AR_CONF_STALE,
        checks::AR_CONF_TRUNCATED,
        checks::AR_CONF_MALFORMED,
        checks::AR_CONF_NAME_MISSING,
        checks::AR_NAME_CLASH,
        checks::TOO_MANY_RESPONSES,
    ],
    run: ar_conf,
};

/// Whether there is a way from the manager to the agent, as far as files tell.
pub(super) const DELIVERY: Probe = Probe {
    name: "delivery",
    checks: &[checks::NO_SECURE_REMOTE, checks::CLIENT_DISABLES_RESPONSES],
    run: delivery,
};

/// Words that start another program.
const INTERPRETERS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "ash",
    "ksh",
    "zsh",
    "env",
    "sudo",
    "python",
    "python2",
    "python3",
    "perl",
    "ruby",
    "php",
    "node",
    "pwsh",
    "powershell",
    "powershell.exe",
    "cmd",
    "cmd.exe",
    "cscript",
    "cscript.exe",
    "wscript.exe",
];

/// What is wrong with the text of an `<executable>`.
pub(super) fn name_fault(facts: &Facts<'_>, name: &[u8], executable: Option<&Executable>) -> Option<CheckId> {
    let on_disk = executable.is_some_and(|executable| executable.target.get().is_some());
    if ar_conf::leaves_its_folder(name) {
        return Some(checks::EXECUTABLE_TRAVERSAL);
    }
    let words: Vec<&[u8]> =
        name.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).collect();
    let interpreter = words.first().is_some_and(|first| {
        let base = first.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let base = String::from_utf8_lossy(base).to_lowercase();
        let stem = base.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        INTERPRETERS.contains(&base.as_str()) || (stem == "python" && base != stem)
    });
    if name.len() > ar_conf::MAX_EXECUTABLE && !name.starts_with(b"/") && words.len() < 2 {
        // Cut, so that a file of the whole name is no help.
        return Some(checks::NAME_TOO_LONG);
    }
    if on_disk {
        // A file of this very name is there: execd finds it, whatever it is called.
        return other_contract(facts, name, true);
    }
    if words.len() > 1 && interpreter {
        return Some(checks::EXECUTABLE_WITH_INTERPRETER);
    }
    if name.starts_with(b"/") {
        return Some(checks::EXECUTABLE_ABSOLUTE);
    }
    if name.len() > ar_conf::MAX_EXECUTABLE {
        return Some(checks::NAME_TOO_LONG);
    }
    if name.first().is_some_and(u8::is_ascii_whitespace) || name.last().is_some_and(u8::is_ascii_whitespace) {
        return Some(checks::EXECUTABLE_OUTER_BLANKS);
    }
    if words.len() > 1 {
        let first_is_file = words.first().is_some_and(|first| {
            let path = facts.under_home("active-response/bin").join(String::from_utf8_lossy(first).as_ref());
            facts.resolve(&path).get().is_some()
        });
        let looks = words[1].starts_with(b"-")
            || words[1].contains(&b'/')
            || words[0].rsplit(|&byte| byte == b'.').next().is_some_and(|suffix| {
                suffix.len() < words[0].len()
                    && [&b"sh"[..], b"py", b"pl", b"exe", b"cmd", b"bat"].contains(&suffix)
            });
        if first_is_file || looks || stock::program_named(words[0]).is_some() {
            return Some(checks::EXECUTABLE_WITH_ARGUMENTS);
        }
    }
    other_contract(facts, name, on_disk)
}

/// A name that was shipped with another contract, or only on another system.
fn other_contract(facts: &Facts<'_>, name: &[u8], on_disk: bool) -> Option<CheckId> {
    let program = stock::program_named(name)?;
    if !on_disk && !program.contracts.contains(&facts.contract()) {
        return Some(checks::EXECUTABLE_OTHER_CONTRACT);
    }
    None
}

fn names(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    for (index, response) in facts.responses().iter().enumerate() {
        let Some(name) = &response.executable else { continue };
        let executable = facts.executable(response);
        if let Some(executable) = executable
            && let Some(gap) = executable.target.unknown()
        {
            for &check in NAMES.checks {
                sink.unknown(check, vec![index], gap.clone());
            }
            continue;
        }
        if matches!(response.runs, Runs::Nowhere | Runs::OtherSystem(_)) {
            continue;
        }
        let is_there = executable.is_some_and(|executable| !executable.target.is_absent());
        let stock = stock::program_named(name).is_some_and(|program| program.system == System::OtherUnix);
        if response.runs == Runs::Here
            && !facts.is_bare()
            && is_other_system(facts, name)
            && (stock || !is_there)
        {
            other_system(facts, sink, index, response, name, is_there);
            continue;
        }
        if let Some(fault) = name_fault(facts, name, executable) {
            name_finding(facts, sink, index, response, name, fault);
        }
    }
}

fn is_other_system(facts: &Facts<'_>, name: &[u8]) -> bool {
    let linux = facts.machine().get().is_none_or(|machine| machine.system == "Linux");
    match stock::system_of(name) {
        Some(System::Windows) => true,
        Some(System::OtherUnix) => linux,
        _ => false,
    }
}

/// Where the text of an executable stands: in its command, else in `ar.conf`.
pub(super) fn executable_evidence(
    facts: &Facts<'_>,
    response: &Response,
    part: std::ops::Range<usize>,
    label: &str,
) -> (Option<Evidence>, usize) {
    // Where the bytes of the file are those of the value, the part can be marked.
    let narrow = |span: Span, text: &[u8]| {
        if span.end - span.start == text.len() && part.end <= text.len() {
            Span { start: span.start + part.start, end: span.start + part.end }
        } else {
            span
        }
    };
    let config = facts.config();
    if let (Some(read), Some(block)) = (&config.read, response.block) {
        let value = read
            .responses
            .get(block)
            .and_then(|block| block.command_block)
            .and_then(|command| read.commands.get(command))
            .and_then(|command| command.executable.as_ref());
        if let Some(value) = value {
            let span = if value.span.start == value.span.end {
                value.element
            } else {
                narrow(value.span, &value.text)
            };
            return (Some(config.file.excerpt(span, label)), value.span.start);
        }
    }
    let ar_conf = facts.ar_conf();
    if let (Some(read), Some(place)) = (&ar_conf.read, &response.place)
        && let Some(line) = read.lines.iter().find(|line| line.span == place.span)
    {
        return (
            Some(ar_conf.file.excerpt(narrow(line.executable_span, &line.executable), label)),
            line.span.start,
        );
    }
    (None, usize::MAX)
}

fn name_finding(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    index: ResponseIndex,
    response: &Response,
    name: &[u8],
    fault: CheckId,
) {
    let who = response.shown();
    let text = lossy(name);
    let home = facts.install.home.display();
    let path = format!("{home}/active-response/bin/{text}");
    let base = text.trim().rsplit('/').next().unwrap_or("").to_owned();
    let first = text.split_whitespace().next().unwrap_or("").to_owned();
    let silent = "execd says once at INFO level \"Active response command not present\" and drops every message for it without a word.";
    let (title, cause, label, mend, confidence) = match fault {
        checks::EXECUTABLE_TRAVERSAL => (
            format!("{who} does not run: its executable \"{text}\" leaves active-response/bin."),
            "execd refuses a path with a .. part: ERROR \"... vulnerable to directory traversal attack. Ignoring.\" each time it reads ar.conf.".to_owned(),
            "a .. part is refused",
            format!("write <executable>{base}</executable>"),
            Confidence::Proven,
        ),
        checks::EXECUTABLE_WITH_INTERPRETER => {
            let mut words = text.split_whitespace();
            let program = words.next().unwrap_or_default();
            let is_program = |word: &str| INTERPRETERS.contains(&word.rsplit('/').next().unwrap_or(word));
            let script = words.find(|word| !word.starts_with('-') && !is_program(word)).unwrap_or("SCRIPT");
            let script = script.rsplit('/').next().unwrap_or(script);
            let sudo = program.rsplit('/').next() == Some("sudo");
            (
                if sudo {
                    format!("{who} does not run: its executable \"{text}\" begins with sudo.")
                } else {
                    format!("{who} does not run: its executable \"{text}\" names an interpreter and a script.")
                },
                format!("There is no shell between: execd takes the whole text for one file name, {path}. {silent}"),
                "taken for one file name",
                if sudo {
                    format!("write <executable>{script}</executable>; execd starts it as root")
                } else {
                    format!("write <executable>{script}</executable> and name the interpreter in line 1 of the script")
                },
                Confidence::Proven,
            )
        }
        checks::EXECUTABLE_ABSOLUTE => (
            format!("{who} does not run: its executable \"{text}\" is an absolute path."),
            format!("execd puts active-response/bin/ before it and looks for {home}/active-response/bin/{text}. {silent}"),
            "looked for below active-response/bin",
            format!("write <executable>{base}</executable>"),
            Confidence::Proven,
        ),
        checks::NAME_TOO_LONG => (
            format!("{who} does not run: the name of its executable has {} bytes, and execd keeps {}.", name.len(), ar_conf::MAX_EXECUTABLE),
            format!("execd cuts the path without a word and does not find the file. {silent}"),
            "cut by execd",
            "give the script a shorter name, here and on every host".to_owned(),
            Confidence::Proven,
        ),
        checks::EXECUTABLE_OUTER_BLANKS => (
            format!("{who} does not run: its executable {text:?} {}.", outer_blank(&text)),
            format!("Wazuh trims nothing, so the blank belongs to the file name. {silent}"),
            "the blank belongs to the name",
            format!("write <executable>{}</executable> on one line without blanks", text.trim()),
            Confidence::Proven,
        ),
        checks::EXECUTABLE_WITH_ARGUMENTS => (
            format!("{who} does not run: its executable \"{text}\" holds arguments."),
            format!("There is no shell between: execd takes the whole text for one file name, {path}. {silent}"),
            "taken for a part of the file name",
            format!("write <executable>{first}</executable> and put the arguments into <extra_args> of the command"),
            Confidence::Likely,
        ),
        _ => {
            let twin = stock::program_named(name).and_then(|program| program.twin).unwrap_or("its successor");
            let generation = match facts.contract() {
                Contract::Args => "up to 4.1",
                Contract::Json4 => "4.2 and later",
                Contract::Json5 => "5.x",
            };
            (
                format!("{who} does not run: Wazuh {generation} ships no {text}."),
                format!("The stock programs were renamed; this name belongs to another version. {silent}"),
                "a name of another version",
                format!("write <executable>{twin}</executable>"),
                if response.is_here() { Confidence::Proven } else { Confidence::Likely },
            )
        }
    };
    let label = if fault == checks::EXECUTABLE_OUTER_BLANKS && text.starts_with(['\r', '\n']) {
        "the line break belongs to the name"
    } else {
        label
    };
    let (evidence, position) = executable_evidence(facts, response, culprit(name, fault), label);
    let place = if facts.role() == Role::Manager {
        facts.config().file.shown.clone()
    } else {
        "the manager's etc/ossec.conf".to_owned()
    };
    let command = response.command.as_ref().map_or_else(|| who.clone(), |command| lossy(command));
    let mut finding =
        Finding::new(fault, Subject::Command(command), title).confidence(confidence).cause(cause);
    if matches!(fault, checks::EXECUTABLE_ABSOLUTE | checks::EXECUTABLE_TRAVERSAL) && response.is_here() {
        finding.remedy.extend(copy_here(facts, &text, &base));
    }
    let mut finding = finding
        .remedy(format!("in {place}: {mend}"))
        .remedy(restart_manager(facts))
        .verify(format!("ar-doctor check --response {}", quote(&who)))
        .stops([index])
        .shares(path)
        .at(position);
    if name.contains(&b'\n') {
        // It tears the line of ar.conf apart.
        finding = finding.shares(facts.ar_conf().file.path.display().to_string());
    }
    finding.evidence.extend(evidence);
    sink.find(finding);
}

/// The bytes of an executable that are wrong.
fn culprit(name: &[u8], fault: CheckId) -> std::ops::Range<usize> {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let front = name.iter().take_while(|byte| blank(byte)).count();
    let back = name.iter().rev().take_while(|byte| blank(byte)).count();
    match fault {
        checks::EXECUTABLE_OUTER_BLANKS if front > 0 => 0..front,
        checks::EXECUTABLE_OUTER_BLANKS => name.len() - back..name.len(),
        checks::EXECUTABLE_WITH_ARGUMENTS => {
            let first = name.iter().skip(front).take_while(|byte| !blank(byte)).count();
            let blanks = name.iter().skip(front + first).take_while(|byte| blank(byte)).count();
            front + first + blanks..name.len() - back
        }
        checks::EXECUTABLE_TRAVERSAL => {
            let mut at = 0;
            for part in name.split(|&byte| byte == b'/') {
                if part == b".." {
                    return at..at + 2;
                }
                at += part.len() + 1;
            }
            0..name.len()
        }
        checks::NAME_TOO_LONG => ar_conf::MAX_EXECUTABLE.min(name.len())..name.len(),
        _ => 0..name.len(),
    }
}

fn outer_blank(text: &str) -> &'static str {
    let front = &text[..text.len() - text.trim_start().len()];
    let back = &text[text.trim_end().len()..];
    match (front.contains('\n'), front.is_empty(), back.contains('\n')) {
        (true, ..) => "begins with a line break",
        (false, false, _) => "begins with a blank",
        (false, true, true) => "ends with a line break",
        (false, true, false) => "ends with a blank",
    }
}

/// Brings a script to where execd looks, unless it is there.
fn copy_here(facts: &Facts<'_>, text: &str, base: &str) -> Option<String> {
    let bin = facts.under_home("active-response/bin");
    if base.is_empty() || facts.resolve(&bin.join(base)).get().is_some() {
        return None;
    }
    let from = facts.resolve(&bin.join(text));
    let from = from.get()?;
    let group = facts.install.group();
    let (from, to) = (from.path.display().to_string(), bin.join(base).display().to_string());
    Some(format!("install -o root -g {group} -m 750 {} {}", quote(&from), quote(&to)))
}

fn restart_manager(facts: &Facts<'_>) -> &'static str {
    if facts.role() == Role::Manager {
        RESTART_MANAGER
    } else {
        "on the manager: systemctl restart wazuh-manager"
    }
}

fn other_system(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    index: ResponseIndex,
    response: &Response,
    name: &[u8],
    is_there: bool,
) {
    let who = response.shown();
    let text = lossy(name);
    let (evidence, position) = executable_evidence(facts, response, 0..name.len(), "for another system");
    let mut finding = Finding::new(
        checks::EXECUTABLE_OTHER_SYSTEM,
        Subject::Command(response.command.as_ref().map_or_else(|| who.clone(), |command| lossy(command))),
        if is_there {
            format!("{who} has no effect: {text} drives a firewall of another system, and its location makes it run on this host.")
        } else {
            format!("{who} does not run: {text} is a program for another system, and its location makes it run on this host.")
        },
    )
    .cause(if is_there {
        "Wazuh installs the program on every Unix. It does not find the tool it calls, writes one line to active-responses.log and ends with status 0."
    } else {
        "execd says once at INFO level \"Active response command not present\" and drops every message for it without a word."
    })
    .remedy(format!("in {}: choose a location on agents of that system, or a command with an executable for this one", facts.config().file.shown))
    .remedy(restart_manager(facts))
    .verify(format!("ar-doctor check --response {}", quote(&who)))
    .stops([index])
    .at(position);
    finding.evidence.extend(evidence);
    sink.find(finding);
}

fn ar_conf(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.role() == Role::Manager {
        too_many_blocks(facts, sink);
        clashes_in_config(facts, sink);
    }
    if facts.is_bare() {
        return;
    }
    let ar = facts.ar_conf();
    let all: Vec<ResponseIndex> = facts.meant_to_run();
    if let Some((what, hangs)) = no_text_file(facts, &ar.file.path) {
        sink.find(no_ar_conf(facts, all, what, hangs));
        return;
    }
    if let Some(gap) = ar.file.bytes.unknown() {
        for &check in AR_CONF.checks {
            sink.unknown(check, all.clone(), gap.clone());
        }
        return;
    }
    let Some(read) = &ar.read else {
        sink.find(no_ar_conf(facts, all, "does not exist", false));
        return;
    };
    malformed(facts, sink);
    if facts.role() == Role::Manager {
        against_config(facts, sink, &read.lines);
    } else {
        agent_lines(facts, sink);
    }
}

/// What stands where a text file has to be, and whether opening it hangs; none
/// where there is a file, nothing, or nobody can tell.
pub(super) fn no_text_file(facts: &Facts<'_>, path: &Path) -> Option<(&'static str, bool)> {
    if facts.is_bare() {
        return None;
    }
    match facts.resolve(path).value {
        Value::Known(resolved) => match resolved.meta.file_type {
            FileType::Directory => Some(("is a directory", false)),
            FileType::Fifo => Some(("is a FIFO", true)),
            FileType::Socket => Some(("is a socket", false)),
            _ => None,
        },
        Value::Failed(why) if why == TOO_MANY_LINKS => Some(("is a link that leads in a circle", false)),
        _ => None,
    }
}

/// Nothing execd could read names from: `what` says what is there.
fn no_ar_conf(facts: &Facts<'_>, stopped: Vec<ResponseIndex>, what: &str, hangs: bool) -> Finding {
    let path = facts.ar_conf().file.path.display().to_string();
    let in_place = what.starts_with("is ");
    let mut finding = Finding::new(
        checks::AR_CONF_MISSING,
        Subject::File(path.clone()),
        if hangs {
            format!("No response runs on this host: execd stands still, because {path} {what}.")
        } else {
            format!("No response runs on this host: {path} {what}.")
        },
    )
    .cause(if hangs {
        "execd opens the file at the first message and waits for ever for somebody to write into the FIFO. Nothing is logged, and later messages pile up in its queue."
    } else if in_place {
        "execd finds no name in it and answers every message with ERROR (1311); of the file it says nothing, or ERROR (1103)."
    } else {
        "execd finds no name in it: ERROR (1103) and ERROR (1311) for every message. analysisd writes the file on the manager at its start; agents get it with their group's files."
    })
    .observed(&path, what.strip_prefix("is ").unwrap_or("no such file"));
    if in_place {
        finding = finding.remedy(format!("move it away: mv {0} {0}.old", quote(&path)));
    }
    if hangs {
        finding = finding.remedy(format!("{}   # execd is stuck", super::restart(facts)));
    }
    finding
        .remedy(if facts.role() == Role::Manager {
            RESTART_MANAGER
        } else {
            "on the manager: systemctl restart wazuh-manager; then wait for the agent to get its group's files"
        })
        .verify(format!("ls -l {}", quote(&path)))
        .stops(stopped)
        .shares(&path)
        .shares("process:analysisd")
}

/// More blocks than execd's table holds: two slots are analysisd's own.
fn too_many_blocks(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let config = facts.config();
    let Some(read) = &config.read else { return };
    let active: Vec<usize> =
        (0..read.responses.len()).filter(|&block| read.responses[block].outcome == Outcome::Active).collect();
    let room = ar_conf::MAX_COMMANDS - 2;
    if active.len() <= room {
        return;
    }
    let first = &read.responses[active[room]];
    let checked = behavior::AR_TABLE_CHECKED.holds(facts.version());
    let beyond: Vec<ResponseIndex> =
        facts.indices(|response| response.block.is_some_and(|block| active[room..].contains(&block)));
    let stopped = if checked { beyond } else { facts.meant_to_run() };
    let cause = if checked {
        "execd's table holds 64 entries and two are analysisd's own. analysisd warns (1307), execd ignores the rest (1319) and answers their names with (1311)."
    } else {
        "execd's table holds 64 entries and two are analysisd's own. This version writes past its end: execd may crash on every host that gets this ar.conf. Nothing is logged."
    };
    sink.find(
        Finding::new(
            checks::TOO_MANY_RESPONSES,
            block_subject(facts, first.span),
            if checked {
                format!(
                    "{}: {} are configured, and execd's table holds {room}.",
                    not_run(active.len() - room),
                    active.len()
                )
            } else {
                format!(
                    "execd may crash on every host: {} responses are configured, and its table holds {room}.",
                    active.len()
                )
            },
        )
        .cause(cause)
        .evidence(config.file.excerpt(first.span, format!("response {} of {}", room + 1, active.len())))
        .remedy(format!(
            "merge blocks of one command in {}: several rule ids go into one <rules_id>",
            config.file.shown
        ))
        .remedy(RESTART_MANAGER)
        .verify(format!("grep -c . {}   # {} at most", under_home(facts, "etc/shared/ar.conf"), room + 6))
        .stops(stopped)
        .at(first.span.start),
    );
}

fn not_run(count: usize) -> String {
    if count == 1 { "1 response does not run".to_owned() } else { format!("{count} responses do not run") }
}

/// Two commands that get one name: `fw1` with timeout 0 and `fw` with 10.
fn clashes_in_config(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let responses = facts.responses();
    for (index, response) in responses.iter().enumerate() {
        if response.runs == Runs::Nowhere || response.timeout.is_none() {
            continue;
        }
        let earlier = facts.named(&response.name).iter().take_while(|earlier| **earlier < index);
        let first = earlier
            .filter_map(|&earlier| facts.response(earlier))
            .find(|earlier| earlier.runs != Runs::Nowhere && earlier.command != response.command);
        let (Some(first), Some(place)) = (first, &response.place) else { continue };
        let own = |response: &Response| {
            let command = response.command.as_deref().unwrap_or_default();
            lossy(command)
        };
        let with = match response.timeout {
            Some(timeout) if timeout != 0 => format!(" with timeout {timeout}"),
            _ => " without a timeout".to_owned(),
        };
        sink.find(
            Finding::new(
                checks::AR_NAME_CLASH,
                Subject::Response(response.shown()),
                format!(
                    "{}{with} runs the script of {}: both are called {}.",
                    own(response),
                    own(first),
                    response.shown()
                ),
            )
            .cause("The name execd gets is the command's name with the timeout put behind it. Of two lines with one name the first whose file is there is used, for both.")
            .evidence(facts.config().file.excerpt(place.span, format!("becomes {}", response.shown())))
            .remedy(format!("rename one of the two commands in {} so that no name ends in a digit", facts.config().file.shown))
            .remedy(RESTART_MANAGER)
            .verify(super::show_command(facts))
            .stops([index])
            .at(place.span.start),
        );
    }
}

fn malformed(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let ar = facts.ar_conf();
    let Some(read) = &ar.read else { return };
    let path = ar.file.path.display().to_string();
    let shown = &ar.file.shown;
    let text_of = |span: Span| {
        ar.file.bytes.get().and_then(|bytes| bytes.get(span.start..span.end)).unwrap_or_default()
    };
    let mut problems = read.problems.as_slice();
    while let Some(((line, span, problem), rest)) = problems.split_first() {
        let text = text_of(*span).trim_ascii();
        let taken = if *problem == LineProblem::Malformed1313 { torn(problems, text_of) } else { 1 };
        let lines = problems.get(..taken).unwrap_or_default();
        problems = problems.get(taken..).unwrap_or(rest);
        let name = text.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        let name = lossy(name);
        let (severity, title) = match problem {
            LineProblem::Malformed1313 if text.is_empty() || text.starts_with(b"#") => {
                let what = if text.is_empty() { "is empty" } else { "is a comment" };
                (
                    Severity::Advice,
                    format!("Line {line} of {shown} {what}: execd logs an error for it and goes on."),
                )
            }
            LineProblem::Malformed1313 if taken > 1 => {
                let last = lines.last().map_or(*line, |(line, ..)| *line);
                let what =
                    "are one response, torn by a line break in its <executable> or <name>; execd skips them";
                (Severity::Error, format!("{name} does not run: lines {line} to {last} of {shown} {what}."))
            }
            LineProblem::Malformed1313 => {
                let what = malformed_how(text);
                (
                    Severity::Error,
                    format!("{name} does not run: line {line} of {shown} {what}, and execd skips it."),
                )
            }
            LineProblem::Split => {
                let what = "is longer than one read, so its rest is taken for another line";
                (Severity::Error, format!("{name} does not run: line {line} of {shown} {what}."))
            }
            LineProblem::NameTooLong => {
                long_name(facts, sink, *line, *span);
                continue;
            }
            LineProblem::OddStart => {
                odd_start(facts, sink, *line, *span);
                continue;
            }
            _ => continue,
        };
        let mut finding = Finding::new(checks::AR_CONF_MALFORMED, Subject::Config(shown.clone(), ar.file.name(*span)), title)
            .severity(severity)
            .cause("execd logs ERROR (1313) for each such line every time it reads the file. Comments and empty lines count as bad.")
            .remedy(if taken > 1 {
                "on the manager: write <name> and <executable> of the command on one line each, then systemctl restart wazuh-manager"
            } else {
                write_anew(facts)
            })
            .verify(format!("grep -vn ' - .* - ' {}", quote(&path)))
            .shares(&path)
            .at(span.start);
        for (_, span, _) in lines {
            finding = finding.evidence(ar.file.excerpt(*span, "skipped")).stops(responses_on(facts, *span));
        }
        sink.find(finding);
    }
}

fn write_anew(facts: &Facts<'_>) -> &'static str {
    if facts.role() == Role::Manager {
        "systemctl restart wazuh-manager   # analysisd writes the file anew"
    } else {
        "on the manager: ar-doctor check, then systemctl restart wazuh-manager, which sends the file anew"
    }
}

/// A line whose name has something before it that no message has.
fn odd_start(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, number: u64, span: Span) {
    let ar = facts.ar_conf();
    let read = ar.read.as_ref();
    let Some(line) = read.and_then(|read| read.lines.iter().find(|line| line.span == span)) else { return };
    let (path, shown) = (ar.file.path.display().to_string(), &ar.file.shown);
    let plain = ar_conf::plain_name(&line.name);
    let name = String::from_utf8_lossy(plain);
    let what = if line.name.starts_with(ar_conf::BOM) { "a byte order mark" } else { "a blank" };
    let odd = Span { start: span.start, end: span.start + line.name.len() - plain.len() };
    let finding = Finding::new(
        checks::AR_CONF_MALFORMED,
        Subject::Config(shown.clone(), ar.file.name(span)),
        if line.builtin {
            format!("Line {number} of {shown} begins with {what}: execd does not know {name} by it.")
        } else {
            format!("execd does not know {name}: line {number} of {shown} begins with {what}.")
        },
    )
    .severity(if line.builtin { Severity::Advice } else { Severity::Error })
    .cause("execd takes it for a part of the name and answers the name itself with ERROR (1311). It says nothing of the line.")
    .evidence(ar.file.excerpt(odd, format!("{what}, a part of the name to execd")))
    .remedy(write_anew(facts))
    .verify(format!("sed -n {number}p {} | od -c | head -n 1", quote(&path)))
    .shares(&path)
    .at(span.start);
    // An agent's response is the line, a manager's its block.
    let stopped = if line.builtin {
        Vec::new()
    } else if facts.role() == Role::Manager {
        facts.named(plain).to_vec()
    } else {
        responses_on(facts, span)
    };
    sink.find(finding.stops(stopped));
}

/// How many malformed lines from the first on are one response that a line
/// break tore up: it has one separator, and one of the next ends it.
fn torn<'a>(problems: &[(u64, Span, LineProblem)], text_of: impl Fn(Span) -> &'a [u8]) -> usize {
    let separators = |text: &[u8]| memchr::memmem::find_iter(text, b" - ").count();
    let Some((first, span, _)) = problems.first() else { return 0 };
    if separators(text_of(*span)) != 1 {
        return 1;
    }
    for (index, (line, span, problem)) in problems.iter().enumerate().skip(1).take(8) {
        let adjacent = usize::try_from(line.saturating_sub(*first)).is_ok_and(|distance| distance == index);
        if !adjacent || *problem != LineProblem::Malformed1313 {
            return 1;
        }
        let text = text_of(*span);
        let number = text.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
        let ends = separators(text) == 1 && !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        if ends {
            return index + 1;
        }
    }
    1
}

/// Why a line that is neither empty nor a comment is none.
fn malformed_how(text: &[u8]) -> &'static str {
    if text.starts_with(b"!") {
        "begins with \"!\""
    } else if text.contains(&b'\t') {
        "has tabs where \" - \" has to be"
    } else {
        "is no \"NAME - EXECUTABLE - TIMEOUT\""
    }
}

fn long_name(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, line: u64, span: Span) {
    let ar = facts.ar_conf();
    sink.find(
        Finding::new(
            checks::NAME_TOO_LONG,
            Subject::Config(ar.file.shown.clone(), ar.file.name(span)),
            format!(
                "The response on line {line} of {} never runs: its name is longer than {} bytes.",
                ar.file.shown,
                ar_conf::MAX_NAME
            ),
        )
        .cause("execd cuts the name, so no message can name it: ERROR (1318), then (1311) for every message.")
        .evidence(ar.file.excerpt(span, "cut by execd"))
        .remedy("give the command a shorter <name> on the manager, then: systemctl restart wazuh-manager")
        .verify(super::show_command(facts))
        .stops(responses_on(facts, span))
        .at(span.start),
    );
}

fn responses_on(facts: &Facts<'_>, span: Span) -> Vec<ResponseIndex> {
    let shown = &facts.ar_conf().file.shown;
    facts.indices(|response| {
        response.place.as_ref().is_some_and(|place| place.file == *shown && place.span == span)
    })
}

/// A line without the parts execd does not compare.
fn essence(line: &ArLine) -> (&[u8], &[u8], i32) {
    (&line.name, &line.executable, line.timeout)
}

/// The manager's file against what analysisd writes for its configuration.
fn against_config(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, actual: &[ArLine]) {
    let config = facts.config();
    let ar = facts.ar_conf();
    let path = ar.file.path.display().to_string();
    let Some(read) = &config.read else {
        if let Some(gap) = config.file.bytes.unknown() {
            sink.unknown_for_all(
                &[checks::AR_CONF_STALE, checks::AR_CONF_TRUNCATED, checks::AR_CONF_NAME_MISSING],
                &gap,
            );
        }
        return;
    };
    let expected = ar_conf::read(&read.ar_conf, facts.version());
    let own = |lines: &[ArLine]| -> Vec<(Vec<u8>, Vec<u8>, i32)> {
        let mut own: Vec<_> = lines
            .iter()
            // One with an odd start is reported as such; here it is a line that lacks.
            .filter(|line| !line.builtin && ar_conf::plain_name(&line.name) == line.name)
            .map(|line| {
                let (name, executable, timeout) = essence(line);
                (name.to_vec(), executable.to_vec(), timeout)
            })
            .collect();
        own.sort();
        own.dedup();
        own
    };
    let (on_disk, wanted) = (own(actual), own(&expected.lines));
    let refused = read.daemon("wazuh-analysisd").is_some_and(|daemon| !daemon.starts);
    let verify = super::show_command(facts);
    let meant = facts.meant_to_run();
    if on_disk == wanted && !(refused && on_disk.is_empty() && !facts.responses().is_empty()) {
        return;
    }
    if on_disk.is_empty() {
        let lines = actual.len();
        let what = if lines == 0 { "has no usable line" } else { "holds only analysisd's own lines" };
        sink.find(
            Finding::new(
                checks::AR_CONF_TRUNCATED,
                Subject::File(path.clone()),
                format!("execd refuses every response: {path} {what}."),
            )
            .cause("analysisd empties the file before it reads the configuration, also when it only checks it (-t, wazuh-control restart, the API). The check failed, so nothing was added; agents get this file and answer every name with (1311).")
            .observed(&path, format!("{lines} lines, none for the {} responses in {}", facts.responses().len(), config.file.shown))
            .remedy(RESTART_MANAGER)
            .verify(verify)
            .stops(if meant.is_empty() { facts.all_responses() } else { meant })
            .shares(&path)
            .shares("process:analysisd"),
        );
        return;
    }
    if refused {
        // What a start would write is cut short by the error; the error is reported.
        return;
    }
    let missing: Vec<_> = wanted.iter().filter(|line| !on_disk.contains(line)).collect();
    let extra: Vec<_> = on_disk.iter().filter(|line| !wanted.contains(line)).collect();
    let show = |line: &(Vec<u8>, Vec<u8>, i32)| {
        format!("{} - {} - {}", String::from_utf8_lossy(&line.0), String::from_utf8_lossy(&line.1), line.2)
    };
    let concerned = |lines: &[&(Vec<u8>, Vec<u8>, i32)]| -> Vec<ResponseIndex> {
        meant
            .iter()
            .copied()
            .filter(|&index| {
                facts.response(index).is_some_and(|response| lines.iter().any(|line| line.0 == response.name))
            })
            .collect()
    };
    let only_missing =
        extra.is_empty() && missing.iter().all(|line| !on_disk.iter().any(|other| other.0 == line.0));
    if only_missing {
        let names = missing.iter().map(|line| lossy(&line.0)).collect::<Vec<_>>().join(", ");
        let mut finding = Finding::new(
            checks::AR_CONF_NAME_MISSING,
            Subject::File(path.clone()),
            format!("execd does not know {names}: {} has no such line.", ar.file.shown),
        )
        .cause("analysisd writes a line for every response at its start. execd answers a name that is not there with ERROR (1311) and does nothing.");
        for line in missing.iter().take(5) {
            finding = finding.observed(&ar.file.shown, format!("no line \"{}\"", show(line)));
        }
        sink.find(
            finding
                .remedy(RESTART_MANAGER)
                .verify(verify)
                .stops(concerned(&missing))
                .shares(&path)
                .shares("process:analysisd"),
        );
        return;
    }
    let stopped = concerned(&missing);
    let names: Vec<String> =
        stopped.iter().filter_map(|&index| facts.response(index)).map(Response::shown).collect();
    let title = match names.as_slice() {
        [] => {
            let lines: Vec<String> = extra.iter().map(|line| lossy(&line.0)).collect();
            let shown = &config.file.shown;
            format!(
                "execd knows responses that {shown} does not have: {} has lines for {}.",
                ar.file.shown,
                lines.join(", ")
            )
        }
        [one] => format!(
            "{one} does not run as configured: {} is older than {}, or changed by hand.",
            ar.file.shown, config.file.shown
        ),
        [first, others @ ..] => format!(
            "{first} and {} more do not run as configured: {} is older than {}, or changed by hand.",
            others.len(),
            ar.file.shown,
            config.file.shown
        ),
    };
    let mut finding = Finding::new(checks::AR_CONF_STALE, Subject::File(path.clone()), title)
    .severity(if stopped.is_empty() { Severity::Warning } else { Severity::Error })
    .cause("analysisd writes the file at its start and at every check of the configuration. It was changed by hand, or the configuration was changed and the manager not restarted; until then execd and the agents go by the old lines.");
    for line in missing.iter().take(5) {
        finding = finding.observed(&ar.file.shown, format!("should have \"{}\"", show(line)));
    }
    for line in extra.iter().take(5) {
        let evidence = ar.read.as_ref().and_then(|read| {
            read.lines.iter().find(|have| {
                (have.name.as_slice(), have.executable.as_slice(), have.timeout)
                    == (line.0.as_slice(), line.1.as_slice(), line.2)
            })
        });
        finding = match evidence {
            Some(have) => finding.evidence(ar.file.excerpt(have.span, "not from this configuration")),
            None => finding.observed(&ar.file.shown, format!("has \"{}\"", show(line))),
        };
    }
    sink.find(
        finding
            .remedy(RESTART_MANAGER)
            .verify(verify)
            .stops(stopped)
            .shares(&path)
            .shares("process:analysisd"),
    );
}

/// What an agent can tell of its own file.
fn agent_lines(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let ar = facts.ar_conf();
    let Some(read) = &ar.read else { return };
    let path = ar.file.path.display().to_string();
    if read.lines.is_empty() {
        sink.find(
            Finding::new(
                checks::AR_CONF_TRUNCATED,
                Subject::File(path.clone()),
                format!("No response runs on this agent: {path} holds no usable line."),
            )
            .cause("Even a manager without responses writes its own lines into it. execd answers every name with (1311).")
            .observed(&path, format!("{} bytes, no usable line", ar.file.bytes.get().map_or(0, Vec::len)))
            .remedy("on the manager: ar-doctor check, then systemctl restart wazuh-manager")
            .verify(format!("cat {}", quote(&path)))
            .shares(&path),
        );
        return;
    }
    clashes_in_file(facts, sink);
    table_overflow(facts, sink, read);
}

/// Lines behind another one of their name.
fn clashes_in_file(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let ar = facts.ar_conf();
    let is_there = |response: &Response| {
        response.is_here()
            && facts.executable(response).is_some_and(|executable| executable.target.get().is_some())
    };
    for (index, response) in facts.responses().iter().enumerate().filter(|(_, response)| is_there(response)) {
        // A line whose file is not there gives way to another one of its name.
        let earlier = facts.named(&response.name).iter().take_while(|earlier| **earlier < index);
        let first = earlier.filter_map(|&earlier| facts.response(earlier)).find(|earlier| is_there(earlier));
        let Some(first) = first else { continue };
        let (Some(place), Some(own), Some(other)) =
            (&response.place, &response.executable, &first.executable)
        else {
            continue;
        };
        sink.find(
            Finding::new(
                checks::AR_NAME_CLASH,
                Subject::Response(response.shown()),
                format!(
                    "{} never runs {}: an earlier line of this name runs {}.",
                    response.shown(),
                    String::from_utf8_lossy(own),
                    String::from_utf8_lossy(other)
                ),
            )
            .cause("Of two lines with one name execd uses the first whose file is there. On the manager two commands whose names and timeouts join to the same text cause it (fw1 with 0, fw with 10).")
            .evidence(ar.file.excerpt(place.span, "never used"))
            .remedy("on the manager: rename one of the two commands so that no name ends in a digit, then systemctl restart wazuh-manager")
            .verify("on the manager: ar-doctor show")
            .stops([index])
            .at(place.span.start),
        );
    }
}

/// More lines than execd's table holds.
fn table_overflow(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, read: &ArConf) {
    let ar = facts.ar_conf();
    let path = ar.file.path.display().to_string();
    let table = read.table(|path| {
        let path = facts.install.home.join(Path::new(OsStr::from_bytes(path)));
        !facts.resolve(&path).is_absent()
    });
    if let Some(overflow) = table.overflow {
        let count = read.lines.iter().filter(|line| !line.builtin).count();
        let room = ar_conf::MAX_COMMANDS - 2;
        let beyond = read.lines.get(overflow);
        let checked = behavior::AR_TABLE_CHECKED.holds(facts.version());
        let stopped: Vec<ResponseIndex> = facts
            .all_responses()
            .into_iter()
            .filter(|&index| {
                let line = facts
                    .response(index)
                    .and_then(|response| response.place.as_ref())
                    .map_or(0, |place| place.line);
                !checked || beyond.is_some_and(|beyond| line >= beyond.line)
            })
            .collect();
        let mut finding = Finding::new(
            checks::TOO_MANY_RESPONSES,
            Subject::File(path.clone()),
            if checked {
                format!(
                    "{}: {} names {count}, and execd's table holds {room}.",
                    not_run(stopped.len()),
                    ar.file.shown
                )
            } else {
                format!(
                    "execd may crash: {} names {count} responses, and its table holds {room}.",
                    ar.file.shown
                )
            },
        )
        .cause(if checked {
            "execd ignores the entries beyond 64 with one ERROR (1319) and answers their names with (1311)."
        } else {
            "This version writes past the end of its table and may crash. Nothing is logged."
        });
        if let Some(beyond) = beyond {
            finding = finding.evidence(ar.file.excerpt(beyond.span, "the first one beyond the table"));
        }
        sink.find(
            finding
                .remedy("on the manager: merge blocks of one command, several rule ids go into one <rules_id>; then systemctl restart wazuh-manager")
                .verify(format!("grep -c . {}   # {} at most", quote(&path), room + 6))
                .stops(stopped)
                .shares(&path),
        );
    }
}

fn delivery(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let Some(read) = read_config(facts, sink, DELIVERY.checks) else { return };
    if read.xml.is_err() {
        return;
    }
    match facts.role() {
        Role::Manager => no_secure_remote(facts, sink, read),
        Role::Agent => client_disables(facts, sink, read),
    }
}

/// A manager that cannot hand a response to an agent.
fn no_secure_remote(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, read: &Configuration) {
    let config = facts.config();
    let secure = read.remotes.iter().any(|remote| remote.connection == Some(Connection::Secure));
    let there: Vec<ResponseIndex> = facts.indices(Response::is_there);
    let local = facts.install.kind.get() == Some(&Kind::Local);
    let refused = read.problems.iter().find(|problem| problem.kind == ProblemKind::NoRemote);
    if let Some(problem) = refused.filter(|problem| !problem.fatal_for.is_empty() && !local) {
        no_remote(facts, sink, problem);
    } else if !secure && !there.is_empty() && !local && !super::section_is_broken(read, "remote", None) {
        let only_agents = there
            .iter()
            .any(|&index| facts.response(index).is_some_and(|response| response.runs == Runs::There));
        let mut finding = Finding::new(
            checks::NO_SECURE_REMOTE,
            Subject::File(config.file.shown.clone()),
            "No response reaches an agent: there is no <remote> with a secure connection.".to_owned(),
        )
        .severity(if only_agents { Severity::Error } else { Severity::Warning })
        .cause("remoted makes the queue for responses (queue/alerts/ar) only for a secure connection. Without it analysisd cannot hand a response over, and agents cannot connect either.");
        finding = match read.remotes.first() {
            Some(remote) => finding.evidence(config.file.excerpt(remote.span, "not a secure connection")),
            None => finding.observed(&config.file.shown, "no <remote> block"),
        };
        sink.find(
            finding
                .remedy(format!("add to {}: <remote><connection>secure</connection><port>1514</port><protocol>tcp</protocol></remote>", config.file.shown))
                .remedy(RESTART_MANAGER)
                .verify(format!("ls -l {}", under_home(facts, "queue/alerts/ar")))
                .stops(there),
        );
    }
}

/// A manager without any `<remote>`: remoted refuses to start, and so does the manager.
fn no_remote(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, problem: &Problem) {
    let config = facts.config();
    let stopped = facts.meant_to_run();
    if stopped.is_empty() {
        return;
    }
    let daemon = problem.fatal_for.first().copied().unwrap_or("wazuh-remoted");
    sink.find(
        Finding::new(
            checks::NO_SECURE_REMOTE,
            Subject::File(config.file.shown.clone()),
            format!("No Wazuh daemon of this manager starts: {daemon} refuses {}, which has no <remote>.", config.file.shown),
        )
        .cause(format!(
            "It says CRITICAL \"{}\", also when {} start only tests the configuration (-t); then that starts no daemon at all. Daemons that still run go on until they are restarted.",
            String::from_utf8_lossy(&problem.text),
            super::control_program(facts)
        ))
        .observed(&config.file.shown, "no <remote> block")
        .remedy(format!("add to {}: <remote><connection>secure</connection><port>1514</port><protocol>tcp</protocol></remote>", config.file.shown))
        .remedy(RESTART_MANAGER)
        .verify(format!("{} -t; echo $?", under_home(facts, &format!("bin/{daemon}"))))
        .stops(stopped)
        .shares("process:execd")
        .shares("process:analysisd"),
    );
}

/// An agent whose agentd drops what it receives.
fn client_disables(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, read: &Configuration) {
    let config = facts.config();
    if let Some((value, true)) = &read.client.disable_active_response {
        let ignored = behavior::DISABLE_AR_IGNORED_ON_UNIX.holds(facts.version());
        let title = if ignored {
            "<disable-active-response>yes does not switch responses off on this agent."
        } else {
            "No response runs on this agent: <client> switches them off."
        };
        sink.find(
            Finding::new(checks::CLIENT_DISABLES_RESPONSES, block_subject(facts, value.element), title)
                .severity(if ignored { Severity::Warning } else { Severity::Error })
                .cause(if ignored {
                    "Since 4.14.0 agentd connects to execd whenever it has no connection, whatever this option says. To switch responses off, use <active-response><disabled>yes</disabled>."
                } else {
                    "agentd does not connect to execd and drops every response it receives. Nothing is logged."
                })
                .evidence(config.file.excerpt(value.element, if ignored { "without effect" } else { "drops every response" }))
                .remedy(format!("take <disable-active-response> out of {}", config.file.shown))
                .remedy(RESTART_AGENT)
                .verify(format!("grep -n disable-active-response {}", quote(&config.file.path.display().to_string())))
                .stops(if ignored { Vec::new() } else { facts.all_responses() })
                .at(value.span.start),
        );
    }
}
