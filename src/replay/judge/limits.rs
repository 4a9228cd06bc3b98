//! Where a sandbox ends: what a script could not do because it was played in one, so that this is
//! not blamed on the script.
//!
//! The network leads nowhere there, services cannot be asked, the packet filter begins empty, and
//! the processes and devices of the host are not to be seen.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Case, is_log, ordinary, piece, purpose_of, started};
use crate::replay::battery::{Purpose, Row, RowVerdict};
use crate::replay::{Answer, AttemptKind, Deed, Ended, Run, StepRun};

/// What a line of standard error tells of, as the end of "it failed after ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// A name or an address could not be reached.
    Network,
    /// These words; a capture `t` is put behind them.
    Words(&'static str),
}

/// Forms of what only a sandbox refuses, or need not have, in the words of the shell, curl, wget,
/// python, sysctl, iproute2, iptables, ipset, nft, e2fsprogs, systemctl, firewall-cmd and docker.
const FORMS: &[(&str, Lack)] = &[
    (r"(?P<t>/(?:proc|sys)/[^\s:']*)'?: Read-only file system", Lack::Words("it could not write")),
    (r"Read-only file system: '(?P<t>/(?:proc|sys)/[^']*)'", Lack::Words("it could not write")),
    (
        r"(?m)^sysctl: .*(?:ermission denied|Read-only file system|cannot stat /proc/sys/net/)",
        Lack::Words("it could not change a setting of the kernel"),
    ),
    (
        r"No chain/target/match by that name|(?m)^ip6?tables.*: (?:Chain '.*' does not exist|Set .* doesn't exist)|The set with the given name does not exist",
        Lack::Words(
            "it named a chain, match or set that the empty packet filter of the sandbox does not have",
        ),
    ),
    (
        r"(?m)^Error: (?:Could not process rule: )?No such file or directory",
        Lack::Words(
            "it named a table, chain or set that the empty packet filter of the sandbox does not have",
        ),
    ),
    (
        r"Cannot find device|(?m)^Device .* does not exist|SIOC\w+: No such device|RTNETLINK answers: (?:No such device|Operation not supported)|Nexthop has invalid gateway|Device not found|qdisc kind is unknown",
        Lack::Words("it did not find a network device of the host"),
    ),
    (r"RTNETLINK answers: Network is unreachable", Lack::Words("it did not find a route of the host")),
    (
        r"(?m)^(?:chattr|lsattr|setfattr|setfacl): .*(?:Operation not supported|Inappropriate ioctl|Operation not permitted|Not supported)",
        Lack::Words("it could not change the attributes of a file"),
    ),
    (
        r"(?m)^.*\bkill.*No such process|ProcessLookupError|Errno::ESRCH",
        Lack::Words("it did not find a process of the host"),
    ),
    (
        r"System has not been booted with systemd|Failed to connect to (?:system scope )?(?:system )?bus|Failed to get D-Bus connection|Failed to set wall message",
        Lack::Words("it could not ask systemd"),
    ),
    (r"(?P<t>[\w@.-]+): unrecognized service", Lack::Words("it did not find the service")),
    (r"(?i)FirewallD is not running", Lack::Words("it could not ask firewalld")),
    (
        r"Cannot connect to the Docker daemon|Is the docker daemon running",
        Lack::Words("it could not ask docker"),
    ),
    (
        r"Network is unreachable|No route to host|[Cc]ould not resolve|Temporary failure in name resolution|Name or service not known|Name does not resolve|unable to resolve host address|Connection refused|Connection timed out|Failed to connect to|Couldn't connect to server|Failed to establish a new connection|Max retries exceeded",
        Lack::Network,
    ),
];

/// A last line that is a fault of the script wherever it runs.
const OWN: &str = r"(?:Key|Type|Name|Attribute|Index|Value|Syntax|Indentation|Import|ModuleNotFound|JSONDecode|UnboundLocal|ZeroDivision|Unicode\w*)Error\b|[Ss]yntax error|command not found|: not found$|unbound variable|parse error|Can't locate |bad substitution|integer expression expected|unary operator expected";

/// Calls that look for, or end, processes and connections of the host.
const PROCESSES: &str = r"(?m)(?:^|[^\w.$-])(?:pkill|killall5?|kill|pgrep|pidof|ps|skill|fuser|loginctl|conntrack|tcpkill|cutter|ss[ \t]+-[a-zA-Z]*K)(?:$|[^\w-])|os\.kill(?:pg)?\b|\bpsutil\b|/proc/\$";
/// Calls that look at, or change, devices and settings of the host.
const DEVICES: &str = r"(?m)(?:^|[^\w.$-])(?:tc|ethtool|ifconfig|nmcli|sysctl|chattr|setfattr|setfacl|ip[ \t]+(?:-\w+[ \t]+)*(?:link|addr|a|l|neigh))(?:$|[^\w-])|/proc/sys/";
/// Calls that tell somebody something.
const MESSAGES: &str = r"(?m)(?:^|[^\w.$-])(?:logger|wall|mail|mailx|sendmail|msmtp|mutt|curl|wget|nc|ncat|netcat|telnet|ssh|scp|rsync)(?:$|[^\w-])|/dev/(?:kmsg|console|log|tty\w*|tcp/|udp/)|\b(?:smtplib|syslog|requests|urllib\d?|http\.client|socket|LWP|HTTP::Tiny|Net::HTTP)\b";
/// Calls whose work is seen in the sandbox.
const SEEN: &str = r"(?m)(?:^|[^\w.$-])(?:ip6?tables|nft|ipset|firewall-cmd|ufw|route|passwd|usermod|chage|pfctl|ip[ \t]+(?:-\w+[ \t]+)*(?:route|rule|r))(?:$|[^\w-])|hosts\.deny";

static FORM: LazyLock<Vec<(Regex, Lack)>> =
    LazyLock::new(|| FORMS.iter().filter_map(|(form, lack)| Some((Regex::new(form).ok()?, *lack))).collect());
static WORDS: LazyLock<Option<[Regex; 5]>> = LazyLock::new(|| {
    let make = |form| Regex::new(form).ok();
    Some([make(OWN)?, make(PROCESSES)?, make(DEVICES)?, make(MESSAGES)?, make(SEEN)?])
});

/// The text without comments, as far as one sees them without reading the language.
fn code(text: Option<&[u8]>) -> Vec<u8> {
    let mut code = Vec::new();
    for (number, line) in text.unwrap_or_default().split(|byte| *byte == b'\n').enumerate() {
        let is_first = number == 0 && line.starts_with(b"#!");
        let comment = (0..line.len()).find(|at| {
            !is_first
                && line.get(*at) == Some(&b'#')
                && at.checked_sub(1).and_then(|before| line.get(before)).is_none_or(u8::is_ascii_whitespace)
        });
        code.extend_from_slice(line.get(..comment.unwrap_or(line.len())).unwrap_or_default());
        code.push(b'\n');
    }
    code
}

/// The last thing it asked that nobody answered, before it ended.
fn unanswered(step: &StepRun) -> Option<String> {
    let attempt = step.attempts.iter().rfind(|attempt| {
        matches!(attempt.kind, AttemptKind::Network | AttemptKind::Service | AttemptKind::Syscall)
    })?;
    let what = piece(attempt.what.as_bytes());
    Some(match attempt.kind {
        AttemptKind::Network if what.ends_with(":53") => "it could not look up a name".to_owned(),
        AttemptKind::Syscall => format!("the call {what} was denied"),
        _ => format!("it could not reach {what}"),
    })
}

/// Its last words tell of a fault of its own.
fn own_fault(step: &StepRun) -> bool {
    let last = step.stderr.bytes.trim_ascii().split(|byte| *byte == b'\n').next_back().unwrap_or_default();
    WORDS.as_ref().is_some_and(|[own, ..]| own.is_match(last.trim_ascii()))
}

/// What its standard error tells of that only the sandbox lacks.
fn told(step: &StepRun) -> Option<String> {
    let stderr = step.stderr.bytes.trim_ascii();
    FORM.iter().find_map(|(form, lack)| {
        let hit = form.captures(stderr)?;
        Some(match lack {
            Lack::Network => {
                unanswered(step).unwrap_or_else(|| "it could not reach something on the network".to_owned())
            }
            Lack::Words(words) => match hit.name("t") {
                Some(named) => format!("{words} {}", piece(named.as_bytes())),
                None => (*words).to_owned(),
            },
        })
    })
}

/// Why a step that ended with a status other than 0 may end otherwise on the host: the end of
/// "it failed after ...". None where the fault is the script's own, as far as can be seen.
pub(super) fn failed(case: &Case<'_>, step: &StepRun) -> Option<String> {
    // 126 and 127 are those of a program that could not be started.
    if case.real
        || !started(step)
        || !matches!(step.ended, Ended::Exit(status) if !matches!(status, 0 | 126 | 127))
    {
        return None;
    }
    if own_fault(step) {
        return None;
    }
    if let Some(told) = told(step) {
        return Some(told);
    }
    if let Some(asked) = unanswered(step) {
        return Some(asked);
    }
    if !step.stderr.bytes.trim_ascii().is_empty() {
        return None;
    }
    let [_, processes, devices, ..] = WORDS.as_ref()?;
    let code = code(case.text);
    if processes.is_match(&code) {
        Some("it looked for processes of the host".to_owned())
    } else if devices.is_match(&code) {
        Some("it looked for devices or settings of the host".to_owned())
    } else {
        None
    }
}

/// The same for a step of a run: a delete has nothing to take back when its add failed so.
pub(super) fn excused(case: &Case<'_>, run: &Run, step: &StepRun) -> Option<String> {
    failed(case, step).or_else(|| {
        let add = super::main_step(run).filter(|_| purpose_of(step) == Purpose::Delete)?;
        failed(case, add)
    })
}

/// It asked something that nobody answers in the sandbox, before it came to its keys.
pub(super) fn before_keys(case: &Case<'_>, step: &StepRun) -> bool {
    !case.real
        && step.first_line.is_none()
        && unanswered(step).is_some()
        && case.text.is_none_or(|text| super::contains(text, b"check_keys"))
}

/// Why that a script changed nothing is no proof that it does nothing.
pub(super) fn unseen(case: &Case<'_>, run: &Run) -> Option<String> {
    let [_, processes, devices, messages, seen] = WORDS.as_ref().filter(|_| !case.real)?;
    let lacks = |step: &&StepRun| step.deed == Some(Deed::Add) && ordinary(step) && !own_fault(step);
    if let Some(told) = run.steps.iter().filter(lacks).find_map(told) {
        return Some(told);
    }
    let code = code(case.text);
    let why = if processes.is_match(&code) {
        "it acts on processes or connections of the host, which the sandbox hides"
    } else if seen.is_match(&code) {
        return None;
    } else if devices.is_match(&code) {
        "it acts on devices, settings or attributes, which are not watched"
    } else if messages.is_match(&code) {
        "it tells somebody something, and where that goes is not watched"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// An add did its part and nothing was seen of it, neither a change nor a request.
fn changed_nothing(run: &Run) -> bool {
    let adds =
        || run.steps.iter().filter(|step| step.deed == Some(Deed::Add) && ordinary(step) && started(step));
    let quiet = |step: &StepRun| {
        step.effects.iter().all(is_log)
            && step.attempts.iter().all(|attempt| attempt.kind == AttemptKind::Lookup)
    };
    run.not_containable.is_none()
        && adds().any(|step| step.ended == Ended::Exit(0) && step.answer != Some(Answer::Abort))
        && adds().all(quiet)
}

/// What the sandbox cannot tell of this script, each in one sentence without a full stop.
pub fn notes(case: &Case<'_>, run: &Run) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for why in run.steps.iter().filter(|step| ordinary(step)).filter_map(|step| failed(case, step)) {
        let note = format!("it cannot be judged in the sandbox: it failed after {why}");
        if notes.len() < 3 && !notes.contains(&note) {
            notes.push(note);
        }
    }
    if notes.is_empty() && changed_nothing(run) {
        let why =
            unseen(case, run).map(|why| format!("it cannot be judged in the sandbox whether it acts: {why}"));
        notes.extend(why);
    }
    notes
}

/// Rows of the battery that failed for what only the sandbox lacks.
pub fn bend(case: &Case<'_>, run: &Run, rows: &mut [Row]) {
    for row in rows.iter_mut().filter(|row| row.verdict == RowVerdict::Fail) {
        let step = run.steps.iter().find(|step| step.label == row.case);
        if let Some(why) = step.and_then(|step| excused(case, run, step)) {
            row.verdict = RowVerdict::Bent;
            row.seen = format!("cannot be judged in the sandbox: {}, after {why}", row.seen);
        }
    }
}

/// The text empties a buffer of standard output, or does without one.
pub(super) fn flushes(text: &[u8]) -> bool {
    static FLUSH: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"flush\s*=\s*True|(?:stdout|STDOUT|out)(?:\.|->)flush\b|\.flush\(\)|line_buffering\s*=\s*True|write_through\s*=\s*True|PYTHONUNBUFFERED|\A#![^\n]*\s-\w*u|\$\|\s*(?:=\s*1|\+\+)|\$OUTPUT_AUTOFLUSH|autoflush|os\.write\(\s*1|syswrite|buffering\s*=\s*[01]\b|\bfdopen\([^)\n]*,\s*[01]\)|STDOUT\.sync\s*=|\bfflush\b|\bsetv?buf\b|\bstdbuf\b",
        )
        .ok()
    });
    FLUSH.as_ref().is_some_and(|form| form.is_match(&code(Some(text))))
}

/// The text puts something else in the place of its standard input, or closes it.
pub(super) fn closes_input(text: &[u8]) -> bool {
    static CLOSE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?m)\bexec\s+0?<\s*(?:/dev/null|&-)|\bsys\.stdin\.close\(|\bos\.close\(\s*0\s*\)|\bclose\s*\(?\s*STDIN\b|\bopen\s*\(?\s*STDIN\b[^\n]*/dev/null|sys\.stdin\s*=\s*open\(",
        )
        .ok()
    });
    CLOSE.as_ref().is_some_and(|form| form.is_match(&code(Some(text))))
}

/// How many of its lines end with a carriage return.
pub(super) fn carriage_returns(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\r")).count()
}
