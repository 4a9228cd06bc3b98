//! What the logs say about the checks: a line that is evidence for a check goes to the finding of
//! that check, or of what causes it. Where nothing else was found it is reported by itself, at
//! most as likely.
//!
//! Told is only what is not over: nothing before the last start of the daemon that says it, nothing
//! that a later line takes back, and nothing of which the file was changed since. What looks
//! harmless, what went well, and phrases that no Wazuh program prints never raise anything. That a
//! line is missing counts only behind a start that was found.
//!
//! This is no [`Probe`](super::Probe): it needs what they found, so the engine runs it behind them.

use std::collections::BTreeMap;

use super::{Unknown, applies, lossy};
use crate::facts::logs::{LOGS, LogFacts, is_of_system};
use crate::facts::{Executable, Facts};
use crate::findings::signatures::{Class, Log};
use crate::findings::{
    CheckId, Confidence, Evidence, Finding, ResponseIndex, Severity, Stage, Subject, checks,
};
use crate::host::SourceKind;
use crate::logs::line::{Line, Time, short_name};
use crate::logs::scan::{Fold, STARTED, Seen};
use crate::redact;

/// Lines shown in one finding.
const SHOWN: usize = 3;

/// Letters of a message in a title.
const MESSAGE: usize = 120;

/// Checks of one event: another alert may well pass.
const OF_ONE_EVENT: [CheckId; 7] = [
    checks::PAYLOAD_FIELD_MISSING,
    checks::PAYLOAD_FIELD_TYPE,
    checks::PAYLOAD_NOT_JSON,
    checks::PAYLOAD_ADDRESS,
    checks::PAYLOAD_WHITE_LISTED,
    checks::PAYLOAD_TOO_LARGE,
    checks::PAYLOAD_OTHER_CONTRACT,
];

/// Checks of `ar.conf`, which is written anew when its source changes.
const OF_AR_CONF: [CheckId; 5] = [
    checks::AR_CONF_MISSING,
    checks::AR_CONF_STALE,
    checks::AR_CONF_TRUNCATED,
    checks::AR_CONF_MALFORMED,
    checks::AR_CONF_NAME_MISSING,
];

/// A line that a daemon writes once it can work, by its signature: where it is missing behind the
/// daemon's start, the finding of the check is right.
const EXPECTED: [(CheckId, &str, &str, &str); 3] = [
    (checks::AGENT_NOT_CONNECTED, "agentd", "manager-connected", "(4102), connected to the server"),
    (checks::QUEUE_SOCKET_GONE, "analysisd", "dispatch-connected", "connected to the queue of responses"),
    (checks::QUEUE_NOT_REACHABLE, "analysisd", "dispatch-connected", "connected to the queue of responses"),
];

/// What lines of one kind claim of one thing.
struct Claim {
    check: CheckId,
    subject: Subject,
    /// The responses that the lines name.
    responses: Vec<ResponseIndex>,
    /// The lines name a response or a file.
    is_named: bool,
    /// What they name is of this host, so that its check could look at it.
    is_known: bool,
    /// Nothing but evidence for what was found otherwise.
    is_evidence: bool,
    lines: Vec<Said>,
}

/// Lines that say the same.
struct Said {
    count: u64,
    last: Option<i64>,
    who: String,
    message: String,
    evidence: Evidence,
}

/// Adds what the logs say to the findings. `made` says whether a check looked for itself.
pub fn tell(
    facts: &Facts<'_>,
    made: &dyn Fn(CheckId) -> bool,
    findings: &mut Vec<Finding>,
    unknown: &[Unknown],
) {
    if facts.is_bare() {
        return;
    }
    silence(facts, findings);
    let mut new = Vec::new();
    for claim in claims(facts) {
        match home_of(&claim, findings) {
            Some(at) => {
                let Some(finding) = findings.get_mut(at) else { continue };
                finding.evidence.extend(claim.lines.into_iter().take(SHOWN).map(|said| said.evidence));
            }
            None if claim.is_evidence => {}
            None => new.push(finding(claim, made, unknown)),
        }
    }
    findings.extend(new);
}

/// What is claimed by all logs, by check and subject.
fn claims(facts: &Facts<'_>) -> Vec<Claim> {
    let mut claims: BTreeMap<(CheckId, Subject), Claim> = BTreeMap::new();
    for log in LOGS {
        let Some(log) = facts.log(log).get() else { continue };
        for fold in log.found.folds() {
            let signature = log.set.signature(fold.signature);
            let (Class::Failure, Some(check)) = (signature.class, signature.check) else { continue };
            if !applies(facts, check) {
                continue;
            }
            let about = About::of(facts, log, fold);
            if is_of_system(log.log) && is_judged(facts, log, fold) {
                continue;
            }
            if is_over(facts, log, fold, check, &about) {
                continue;
            }
            let (said, subject) = (said(facts, log, fold, &about), about.subject.clone());
            let claim = claims.entry((check, subject.clone())).or_insert_with(|| Claim {
                check,
                subject,
                responses: about.responses.clone(),
                is_named: about.is_named,
                is_known: about.is_known,
                // Others write in the logs of the system, too.
                is_evidence: is_of_system(log.log) && about.executable.is_none() && about.daemon.is_empty(),
                lines: Vec::new(),
            });
            claim.lines.push(said);
        }
    }
    let mut claims: Vec<Claim> = claims.into_values().collect();
    for claim in &mut claims {
        claim.lines.sort_by_key(|said| std::cmp::Reverse(said.last));
    }
    claims
}

/// What a line is about.
struct About<'f> {
    subject: Subject,
    responses: Vec<ResponseIndex>,
    executable: Option<&'f Executable>,
    /// The daemon that a log of the system names.
    daemon: Vec<u8>,
    is_named: bool,
    is_known: bool,
    /// What of the line names it.
    named: Vec<u8>,
}

impl<'f> About<'f> {
    fn of(facts: &'f Facts<'_>, log: &LogFacts, fold: &Fold) -> Self {
        let part =
            |wanted: &str| fold.captures.iter().find(|(name, _)| *name == wanted).map(|(_, part)| part);
        if let Some(name) = part("command").filter(|name| !name.is_empty()) {
            return Self::named(facts, name);
        }
        // Who writes active-responses.log names itself.
        let script = (log.log == Log::ActiveResponses && !fold.tag.is_empty()).then_some(&fold.tag);
        if let Some(path) = part("executable").or(script).filter(|path| !path.is_empty()) {
            let name = base_name(path);
            if is_of_system(log.log) && is_daemon(name) {
                return Self {
                    subject: Subject::Process(lossy(name)),
                    responses: Vec::new(),
                    executable: None,
                    daemon: name.to_vec(),
                    is_named: false,
                    is_known: true,
                    named: name.to_vec(),
                };
            }
            // A daemon is no response.
            if !name.starts_with(b"wazuh-") || facts.executables().iter().any(|file| file.name == name) {
                return Self::file(facts, name);
            }
        }
        let subject = match part("path").filter(|path| !path.is_empty()) {
            Some(path) if path.starts_with(b"/") => Subject::File(lossy(path)),
            Some(path) => Subject::File(facts.under_home(&lossy(path)).display().to_string()),
            None if fold.tag.is_empty() => {
                let file = log.files.get(fold.last.file).map_or_else(String::new, |file| file.shown.clone());
                Subject::File(file)
            }
            None => Subject::Process(lossy(&fold.tag)),
        };
        let named = part("path").or_else(|| part("value")).cloned().unwrap_or_default();
        let (responses, daemon) = (Vec::new(), Vec::new());
        Self { subject, responses, executable: None, daemon, is_named: false, is_known: true, named }
    }

    fn named(facts: &'f Facts<'_>, name: &[u8]) -> Self {
        let mut responses = facts.named(name).to_vec();
        if responses.is_empty() {
            responses = facts.indices(|response| response.command.as_deref() == Some(name));
        }
        if responses.is_empty() && facts.executables().iter().any(|file| file.name == name) {
            return Self::file(facts, name);
        }
        Self {
            subject: Subject::Response(lossy(name)),
            is_known: !responses.is_empty(),
            responses,
            executable: None,
            daemon: Vec::new(),
            is_named: true,
            named: name.to_vec(),
        }
    }

    fn file(facts: &'f Facts<'_>, name: &[u8]) -> Self {
        let executable = facts.executables().iter().find(|executable| executable.name == name);
        let path = || facts.under_home("active-response/bin").join(lossy(name)).display().to_string();
        Self {
            subject: Subject::File(executable.map_or_else(path, Executable::shown)),
            responses: executable.map_or_else(Vec::new, |executable| facts.users_of(executable)),
            executable,
            daemon: Vec::new(),
            is_named: true,
            is_known: executable.is_some(),
            named: name.to_vec(),
        }
    }
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or(path)
}

/// A program of Wazuh that is no response.
fn is_daemon(name: &[u8]) -> bool {
    name.starts_with(b"wazuh-") || name.starts_with(b"ossec-")
}

/// Whether the last of the lines is a denial that the checks of denials have looked at: they know
/// the policy, and tell it where it counts.
fn is_judged(facts: &Facts<'_>, log: &LogFacts, fold: &Fold) -> bool {
    let Some(file) = log.files.get(fold.last.file) else { return false };
    let known = facts.denials().all.iter().filter(|logged| logged.file == file.path);
    known.map(|logged| &logged.denial).any(|denial| {
        denial.offset == fold.last.offset && denial.line.starts_with(fold.last.excerpt.trim_ascii_end())
    })
}

/// Whether what the lines say is over, as far as can be seen.
fn is_over(facts: &Facts<'_>, log: &LogFacts, fold: &Fold, check: CheckId, about: &About<'_>) -> bool {
    if log.found.is_history(log.set, fold) || log.found.is_cured(log.set, fold) {
        return true;
    }
    let owner = match check {
        checks::EXECD_NOT_RUNNING | checks::DISABLED_EXECD_OFF => Some("execd"),
        checks::NO_SECURE_REMOTE => Some("remoted"),
        _ => None,
    };
    let who = short_name(if about.daemon.is_empty() { &fold.tag } else { &about.daemon });
    let who = who.split(|byte| *byte == b':').next().unwrap_or(who);
    let restarted = |daemon: &[u8]| started_behind(facts, log, &fold.last, daemon);
    if owner.is_some_and(|owner| restarted(owner.as_bytes())) || restarted(who) {
        return true;
    }
    // A run behind it that does not say so again.
    let ran_again = log.set.by_name("run-starting").is_some_and(|starting| {
        let runs = log.found.folds().into_iter().filter(|run| run.signature == starting);
        runs.filter(|run| run.tag == fold.tag).any(|run| place(&run.last) > place(&fold.last))
    });
    (log.log == Log::ActiveResponses && ran_again) || changed_since(facts, fold, check, about)
}

fn place(seen: &Seen) -> (usize, u64) {
    (seen.file, seen.offset)
}

pub(super) const fn seconds(time: Option<Time>) -> Option<i64> {
    match time {
        Some(Time::Local(time) | Time::Utc(time)) => Some(time),
        None => None,
    }
}

/// Whether a daemon (`execd`) was started behind a line.
fn started_behind(facts: &Facts<'_>, log: &LogFacts, seen: &Seen, daemon: &[u8]) -> bool {
    let time = seconds(seen.time);
    let later = |start: Option<i64>| start.zip(time).is_some_and(|(start, line)| start > line);
    let logged = facts.log(Log::Ossec).get().is_some_and(|daemons| {
        let folds = daemons.found.folds().into_iter();
        let starts = folds.filter(|fold| daemons.set.by_name(STARTED) == Some(fold.signature));
        starts.filter(|start| short_name(&start.tag) == daemon).any(|start| match log.log {
            Log::Ossec => place(&start.last) > place(seen),
            _ => later(seconds(start.last.time)),
        })
    });
    let running = || {
        let daemons = facts.daemons().iter();
        let mut mine = daemons.filter(|one| short_name(one.name.as_bytes()) == daemon);
        mine.any(|one| later(one.process().and_then(|process| facts.local(process.start))))
    };
    logged || running()
}

/// Whether the file that the lines complain of was changed behind them.
fn changed_since(facts: &Facts<'_>, fold: &Fold, check: CheckId, about: &About<'_>) -> bool {
    let Some(last) = seconds(fold.last.time) else { return false };
    // The copy of a tree has times of its own.
    let tree = facts.source() == SourceKind::Tree;
    let later = |path: &std::path::Path| {
        let target = facts.resolve(path);
        let time = target.get().map(|file| if tree { file.meta.mtime } else { file.meta.ctime });
        time.and_then(|time| facts.local(time)).is_some_and(|time| time > last)
    };
    let script = about.executable.is_some_and(|executable| later(&executable.path));
    let config = check.check().stage == Stage::Config && later(&facts.config().file.path);
    script || config || OF_AR_CONF.contains(&check) && later(&facts.ar_conf().file.path)
}

fn said(facts: &Facts<'_>, log: &LogFacts, fold: &Fold, about: &About<'_>) -> Said {
    let mut excerpt = fold.last.excerpt.clone();
    for secret in redact::secrets(&fold.last.excerpt) {
        if let Some(secret) = excerpt.get_mut(secret) {
            secret.fill(b'*');
        }
    }
    let line = Line::read(log.log, &excerpt);
    let message: String = lossy(&line.message).chars().take(MESSAGE).collect();
    let message = line.number.map_or(message.clone(), |number| format!("({number}): {message}"));
    let label = match (fold.count, fold.occasions) {
        (1, _) => "said once".to_owned(),
        (count, occasions) => {
            let occasions = if occasions < count { on(occasions) } else { String::new() };
            let first =
                seconds(fold.first.time).map_or_else(String::new, |time| format!(", first {}", told(time)));
            format!("said {count} times{occasions}{first}")
        }
    };
    let file = log.files.get(fold.last.file).map_or("the log", |file| file.shown.as_str());
    Said {
        count: fold.count,
        last: seconds(fold.last.time),
        who: if fold.tag.is_empty() { file.to_owned() } else { lossy(&fold.tag) },
        message: message.trim_end_matches(['.', ' ']).to_owned(),
        evidence: facts.log_line(log, &fold.last, &about.named, label),
    }
}

fn on(occasions: u64) -> String {
    if occasions == 1 { " on one occasion".to_owned() } else { format!(" on {occasions} occasions") }
}

/// A time of a log, as logs write it.
pub(super) fn told(time: i64) -> String {
    let at = jiff::Timestamp::from_second(time).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC));
    at.map_or_else(|_| String::new(), |at| at.strftime("%Y/%m/%d %H:%M:%S").to_string())
}

/// The finding that the lines are evidence for: of their check, of what causes it, or of what
/// stops the same response at the same stage.
fn home_of(claim: &Claim, findings: &[Finding]) -> Option<usize> {
    let shares = |finding: &Finding| {
        finding.responses.iter().any(|response| claim.responses.contains(response))
            || finding.subject == claim.subject
            || matches!((&finding.subject, &claim.subject), (Subject::File(one), Subject::File(other))
                if base_name(one.as_bytes()) == base_name(other.as_bytes()))
    };
    let is_it = |finding: &Finding| finding.check == claim.check && (!claim.is_named || shares(finding));
    let causes = |finding: &Finding| {
        finding.severity >= Severity::Warning
            && finding.check.can_explain(claim.check)
            && (!claim.is_named || shares(finding))
    };
    let stage = claim.check.check().stage;
    let beside = |finding: &Finding| {
        finding.severity == Severity::Error
            && finding.check.check().stage == stage
            && claim.is_named
            && shares(finding)
    };
    let find = |fits: &dyn Fn(&Finding) -> bool| findings.iter().position(fits);
    find(&is_it).or_else(|| find(&causes)).or_else(|| find(&beside))
}

/// What nothing but the log shows.
fn finding(claim: Claim, made: &dyn Fn(CheckId) -> bool, unknown: &[Unknown]) -> Finding {
    let check = claim.check.check();
    let is_gap = |unknown: &Unknown| {
        unknown.check == claim.check
            && (claim.responses.is_empty()
                || unknown.responses.iter().any(|response| claim.responses.contains(response)))
    };
    // The check looked at the very thing and saw nothing wrong with it now.
    let of_one = OF_ONE_EVENT.contains(&claim.check);
    let looked = made(claim.check) && claim.is_known && !of_one && !unknown.iter().any(is_gap);
    let milder = looked || of_one;
    let count: u64 = claim.lines.iter().map(|said| said.count).sum();
    let last = claim.lines.first();
    let name = match &claim.subject {
        Subject::File(path) => lossy(base_name(path.as_bytes())),
        Subject::Response(name) | Subject::Command(name) | Subject::Process(name) => name.clone(),
        subject => subject.to_string(),
    };
    let times = if count == 1 { String::new() } else { format!("{count} times, last ") };
    let when =
        last.and_then(|said| said.last).map_or_else(String::new, |time| format!(" {times}{}", told(time)));
    let (who, what) = last.map_or(("", ""), |said| (said.who.as_str(), said.message.as_str()));
    let by = if base_name(who.as_bytes()) == name.as_bytes() { String::new() } else { format!(" by {who}") };
    let is_log = matches!(&claim.subject, Subject::File(path) if path == who);
    let title = if is_log {
        // Nobody put a name to it.
        format!("{name} has a line of a failure{when}: {what}.")
    } else {
        format!("{name} is in the log{by}{when}: {what}.")
    };
    let why = if looked {
        "What is on this host now does not show it, so it may be mended; the log does not say so."
    } else {
        "Nothing but the log shows it."
    };
    let mut finding = Finding::new(claim.check, claim.subject, title)
        .severity(if milder { check.severity.min(Severity::Warning) } else { check.severity })
        .confidence(if looked { Confidence::Possible } else { Confidence::Likely })
        .cause(format!("{}. {why}", check.title))
        .stops(claim.responses)
        .remedy(format!("ar-doctor explain {}", check.id))
        .verify("ar-doctor check --since 10m");
    finding.evidence.extend(claim.lines.into_iter().take(SHOWN).map(|said| said.evidence));
    finding
}

/// Lines that should be there.
fn silence(facts: &Facts<'_>, findings: &mut [Finding]) {
    for (check, daemon, signature, what) in EXPECTED {
        if !findings.iter().any(|finding| finding.check == check) {
            continue;
        }
        let Some(log) = facts.log(Log::Ossec).get() else { continue };
        let Some(expected) = log.set.by_name(signature) else { continue };
        let anchor = facts.anchor(daemon);
        let Some((anchor, start)) = anchor.get().and_then(|anchor| Some((anchor, anchor.time?))) else {
            continue;
        };
        // What was not read may hold it.
        let whole = log.gaps.is_empty() && !log.left_out && log.disordered.is_empty();
        if !whole || log.since.is_some_and(|since| since > start) {
            continue;
        }
        let lines = log.found.folds().into_iter().filter(|fold| fold.signature == expected);
        if lines.filter_map(|fold| seconds(fold.last.time)).any(|time| time >= start) {
            continue;
        }
        let text = format!("since {daemon} was started, {}, no line says: {what}", told(start));
        for finding in findings.iter_mut().filter(|finding| finding.check == check) {
            finding.evidence.push(Evidence::Observation { source: anchor.file.clone(), text: text.clone() });
        }
    }
}
