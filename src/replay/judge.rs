//! Turns what was played into findings of the catalogue.
//!
//! What the run shows decides; the text of the script only tells two causes of one
//! observation apart, or shows the place. Consequences are left to the fold
//! ([`crate::engine::rank`]), except where the cause is the milder check.

mod limits;
mod stderr;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use self::limits::{bend, notes};
use self::stderr::Missing;
use super::battery::{self, Purpose};
use super::needs::Place;
use super::trial::Proof;
use super::{
    Answer, Attempt, AttemptKind, Deed, Effect, EffectKind, Ended, ExecdWaits, RESPONSES_LOG, Release, Run,
    StepRun, Stuck, Target, Waiting,
};
use crate::findings::{CheckId, Confidence, Evidence, Finding, Severity, Subject, checks};
use crate::lint::{self, Context, FaultKind, Language, Lint};
use crate::wazuh::execd::{MAX_KEY, MAX_LINE};
use crate::wazuh::version::Contract;

/// The field whose characters analysisd looks at before it sends a response
/// (`src/analysisd/alerts/exec.c OS_Exec`, 4.14).
const GATED: &str = "parameters.alert.data.srcip";
/// SIGPIPE, signal(7).
const SIGPIPE: i32 = 13;
/// A run that takes longer holds up others enough to be told, in microseconds.
const SLOW: u64 = 1_000_000;
/// Longest piece of untrusted text in a sentence, in characters.
const PIECE: usize = 160;

/// What the judge knows besides the run.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// What was played.
    pub target: &'a Target,
    /// How execd calls scripts there.
    pub contract: Contract,
    /// Text of the script; none when it is compiled, or could not be read.
    pub text: Option<&'a [u8]>,
    /// It ran on the host itself, so that no failure is a sandbox's.
    pub real: bool,
}

/// What a run comes to; none where it could not be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// execd waits for ever for this script.
    pub blocks_execd: Option<bool>,
    /// The script took its line.
    pub reads_line: Option<bool>,
    /// The keys it sent.
    pub keys: Vec<String>,
    /// A delete was pending after the add.
    pub registered: bool,
    /// Under this key.
    pub session_key: Option<String>,
    /// The second target got `abort`.
    pub second_target_aborted: Option<bool>,
    /// The delete was started, and ended by itself.
    pub delete_ran: Option<bool>,
    /// Exit status of the add.
    pub exit_status: Option<i32>,
    /// Signal that ended the add.
    pub signal: Option<i32>,
}

/// The findings of a run, unranked.
pub fn judge(case: &Case<'_>, run: &Run) -> Vec<Finding> {
    judge_with(case, run, &Proof::default())
}

/// The findings of a run and of the trials after it, unranked. What these say of the event is told
/// with the event.
pub fn judge_with(case: &Case<'_>, run: &Run, proof: &Proof) -> Vec<Finding> {
    let language = case.text.and_then(|text| lint::language(b"", text));
    let context = Context { contract: case.contract, timeout: case.target.timeout };
    let shown = case.text.zip(language).map(|(text, language)| lint::lint(text, language, &context));
    let mut judge = Judge { case, run, proof, language, lint: shown.unwrap_or_default(), out: Vec::new() };
    judge.refused();
    judge.launch();
    judge.tools();
    judge.injection();
    if case.contract != Contract::Args {
        judge.stuck();
        judge.input();
        judge.first_line();
        judge.same_keys();
        judge.no_keys();
        judge.after_answer();
        judge.plain_read();
    }
    judge.other_contract();
    judge.ends();
    judge.nothing_changed();
    judge.not_reverted();
    judge.out
}

/// What the run comes to.
pub fn outcome(case: &Case<'_>, run: &Run) -> Outcome {
    let main = main_step(run);
    let mut outcome = Outcome::default();
    if let Some(step) = main {
        match step.ended {
            // Where it did not start, 127 is the status of execd's own child.
            Ended::Exit(status) if started(step) => outcome.exit_status = Some(status),
            Ended::Signal(signal) => outcome.signal = Some(signal),
            Ended::Exit(_) | Ended::Never | Ended::Deadline | Ended::Stopped => {}
        }
        outcome.keys = step.keys.clone().unwrap_or_default();
        outcome.registered = step.registered;
        outcome.session_key = step.session_key.clone();
        if started(step) && case.contract != Contract::Args {
            outcome.reads_line = Some(step.bytes_read > 0);
        }
    }
    if run.steps.iter().any(hangs) && case.contract != Contract::Args {
        outcome.blocks_execd = Some(true);
    } else if run.steps.iter().any(|step| started(step) && ended(step)) {
        outcome.blocks_execd = Some(false);
    }
    outcome.second_target_aborted = of_purpose(run, Purpose::SecondTarget)
        .find(|step| started(step))
        .and_then(|step| step.answer)
        .map(|answer| answer == Answer::Abort);
    let mut deletes = of_purpose(run, Purpose::Delete).peekable();
    if deletes.peek().is_some() {
        outcome.delete_ran = Some(deletes.any(|step| started(step) && ended(step)));
    }
    outcome
}

/// One sentence for a run without findings.
pub fn one_line(case: &Case<'_>, run: &Run) -> String {
    let name = &case.target.name;
    if let Some(attempt) = &run.not_containable {
        return format!(
            "{name} cannot be played without harm: it asks a service of this host ({}), so it was stopped there.",
            piece(attempt.what.as_bytes())
        );
    }
    let Some(step) = main_step(run) else { return format!("{name} was not played.") };
    if step.refused || step.launch.is_none() {
        let why = step.daemon_log.last().map_or("and logs nothing", String::as_str);
        return format!("execd would not start {name}: {}.", piece(why.as_bytes()).trim_end_matches('.'));
    }
    if !started(step) {
        return format!("{name} would not start.");
    }
    if let Some(note) = notes(case, run).first() {
        let why = note.split_once(": ").map_or(note.as_str(), |(_, why)| why);
        return format!("{name} cannot be judged to its end in a sandbox: {why}.");
    }
    let mut parts: Vec<String> = Vec::new();
    if case.contract != Contract::Args && step.bytes_read > 0 {
        parts.push("it reads the line".to_owned());
    }
    match usable(step.keys.as_deref().unwrap_or_default()).as_slice() {
        [] => {}
        [key] => parts.push(format!("sends the key {}", piece(key.as_bytes()))),
        keys => parts.push(format!("sends the keys {}", piece(keys.join(", ").as_bytes()))),
    }
    let effects: Vec<&Effect> = step.effects.iter().filter(|effect| !is_log(effect)).collect();
    let changes = effects.len();
    let deleted = of_purpose(run, Purpose::Delete).any(|step| started(step) && ended(step));
    let back = effects.iter().filter(|effect| effect.taken_back == Some(true)).count();
    let left: Vec<&&Effect> = effects.iter().filter(|effect| effect.taken_back == Some(false)).collect();
    if let (true, Some(first)) = (deleted, left.first()) {
        let others = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
        let stay = if left.len() > 1 { "stay" } else { "stays" };
        parts.push(format!(
            "its delete takes back {back} of {} changes ({}{others} {stay})",
            back + left.len(),
            thing(first)
        ));
    } else if deleted && back > 0 {
        parts.push("its delete takes back what add did".to_owned());
    } else if changes > 0 {
        parts.push(format!("changes {changes} {}", if changes == 1 { "thing" } else { "things" }));
    }
    if deleted && back == 0 && left.is_empty() {
        parts.push("its delete ends".to_owned());
    }
    if parts.is_empty() {
        parts.push("it ends".to_owned());
    }
    match parts.split_last() {
        Some((last, [])) => format!("{name} would run: {last}."),
        Some((last, rest)) => format!("{name} would run: {}, and {last}.", rest.join(", ")),
        None => format!("{name} would run."),
    }
}

/// What a script that takes long does to others, though it ends; none when it is quick, or when
/// execd does not wait for it (up to 4.1).
pub fn slow(case: &Case<'_>, run: &Run) -> Option<String> {
    let slowest = run
        .steps
        .iter()
        .filter(|step| case.contract != Contract::Args && started(step) && ended(step) && !hangs(step))
        .max_by_key(|step| step.times.ended)?;
    let spent = slowest.times.ended.filter(|spent| *spent > SLOW)?;
    Some(format!(
        "execd takes nothing else for {} while {} runs (step {}): no other response, and no revert",
        seconds(spent),
        case.target.name,
        slowest.label
    ))
}

/// The step that stands for the run: the first add.
pub(super) fn main_step(run: &Run) -> Option<&StepRun> {
    of_purpose(run, Purpose::Add)
        .next()
        .or_else(|| run.steps.iter().find(|step| step.deed != Some(Deed::Delete)))
        .or_else(|| run.steps.first())
}

fn of_purpose(run: &Run, purpose: Purpose) -> impl Iterator<Item = &StepRun> {
    run.steps.iter().filter(move |step| purpose_of(step) == purpose)
}

/// What a step is for; a delete under any other name is still one.
fn purpose_of(step: &StepRun) -> Purpose {
    match battery::purpose(&step.label) {
        Purpose::Other if step.deed == Some(Deed::Delete) => Purpose::Delete,
        purpose => purpose,
    }
}

/// A script that keeps to its contract ends these with 0.
fn ordinary(step: &StepRun) -> bool {
    !purpose_of(step).is_hostile()
}

pub(super) fn started(step: &StepRun) -> bool {
    step.launch.as_ref().is_some_and(|launch| launch.started)
}

/// It ended by itself.
pub(super) fn ended(step: &StepRun) -> bool {
    matches!(step.ended, Ended::Exit(_) | Ended::Signal(_))
}

/// It did not end by the deadline.
pub(super) fn hangs(step: &StepRun) -> bool {
    step.stuck.is_some() || step.ended == Ended::Deadline
}

/// Its keys name an address: such a target needs nothing on this host.
pub(super) fn acts_on_address(step: &StepRun) -> bool {
    usable(step.keys.as_deref().unwrap_or_default()).iter().any(|key| key.parse::<std::net::IpAddr>().is_ok())
}

/// Acting on one target twice is no failure for this script, as far as was seen; so later steps
/// with the target of the first can be compared with it.
pub(super) fn can_be_repeated(run: &Run, stateful: bool) -> bool {
    stateful || of_purpose(run, Purpose::SameKey).all(|step| step.ended == Ended::Exit(0))
}

/// Keys that tell targets apart. `null` and its like are what a script prints for a field that
/// is not there.
pub(super) fn usable(keys: &[String]) -> Vec<&str> {
    let words = ["", "null", "None", "undefined"];
    keys.iter().map(String::as_str).filter(|key| !words.contains(&key.trim())).collect()
}

/// Untrusted text for a sentence: cut, on one line.
pub(super) fn piece(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    let mut short: String = text.chars().take(PIECE).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

fn seconds(microseconds: u64) -> String {
    let tenths = microseconds / 100_000;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// Whether a changed file is a log, a lock, a cache, or a temporary file: things that no delete
/// has to take back, and that are no effect by themselves.
pub(super) fn is_log(effect: &Effect) -> bool {
    if effect.kind != EffectKind::File {
        return false;
    }
    const PARTS: [&str; 12] = [
        "/logs/",
        "/var/log/",
        "/tmp/",
        "/dev/shm/",
        "/.cache/",
        "/var/cache/",
        "/__pycache__/",
        "/lock/",
        "/fw-drop",
        "/host-deny-lock",
        "/journal/",
        "ar-doctor-canary",
    ];
    let path = if effect.what.starts_with('/') { effect.what.clone() } else { format!("/{}", effect.what) };
    let last = path.rsplit('/').next().unwrap_or_default();
    let ends = [".log", ".lock", ".pid", ".pyc", ".swp", "~", ".bak", ".tmp"];
    PARTS.iter().any(|part| path.contains(part))
        || ends.iter().any(|end| last.ends_with(end))
        || last.contains(".log.")
        || last == "__pycache__"
}

/// A `check_keys` message, as the script meant it, whether execd takes it or not.
fn meant_as_keys(line: &[u8]) -> Option<serde_json::Value> {
    let value: serde_json::Value = serde_json::from_slice(line.trim_ascii()).ok()?;
    (value.get("command")?.as_str()? == "check_keys").then_some(value)
}

/// Why execd does not take a line for `check_keys`, when it was meant as one
/// (`src/active-response/active_responses.c get_json_from_input`, 4.14).
fn envelope_fault(value: &serde_json::Value, contract: Contract) -> Option<&'static str> {
    if contract == Contract::Json4 {
        if !value.get("version").is_some_and(serde_json::Value::is_number) {
            return Some("it has no number \"version\"");
        }
        if !value.get("origin").is_some_and(serde_json::Value::is_object) {
            return Some("it has no object \"origin\"");
        }
    }
    if !value.get("parameters").is_some_and(serde_json::Value::is_object) {
        return Some("it has no object \"parameters\"");
    }
    None
}

/// Paths of the strings of a message that hold a text.
fn fields_with(sent: &[u8], text: &str) -> Vec<String> {
    fn walk(value: &serde_json::Value, path: &str, text: &str, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(string) if string.contains(text) => found.push(path.to_owned()),
            serde_json::Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}[{at}]"), text, found);
                }
            }
            serde_json::Value::Object(members) => {
                for (name, member) in members {
                    let dot = if path.is_empty() { "" } else { "." };
                    walk(member, &format!("{path}{dot}{name}"), text, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(sent) {
        walk(&value, "", text, &mut found);
    }
    found
}

/// The keys line as a script of a language sends it, to paste.
fn keys_rewrite(language: Option<Language>, name: &str) -> String {
    let name = name.replace(['"', '\\', '\''], "");
    match language {
        Some(Language::Python) => format!(
            "print(json.dumps({{\"version\": 1, \"origin\": {{\"name\": \"{name}\", \"module\": \"active-response\"}}, \"command\": \"check_keys\", \"parameters\": {{\"keys\": [srcip]}}}}), flush=True)"
        ),
        Some(Language::Perl) => format!(
            "use JSON::PP; $| = 1; print encode_json({{version => 1, origin => {{name => \"{name}\", module => \"active-response\"}}, command => \"check_keys\", parameters => {{keys => [\"$srcip\"]}}}}), \"\\n\";"
        ),
        _ => format!(
            "jq -nc --arg ip \"$SRCIP\" '{{version:1,origin:{{name:\"{name}\",module:\"active-response\"}},command:\"check_keys\",parameters:{{keys:[$ip]}}}}'"
        ),
    }
}

/// One line of input as a language reads it.
fn read_rewrite(language: Option<Language>) -> &'static str {
    match language {
        Some(Language::Python) => "line = sys.stdin.readline()   # not read(), json.load() or a for loop",
        Some(Language::Perl) => "my $line = <STDIN>;   # one line, in scalar context",
        _ => "read -r INPUT   # or: INPUT=$(head -n1)",
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    format!("{name} ({signal})")
}

/// The package that holds a program, where its name differs or is worth saying.
fn package(program: &str) -> &str {
    match program.rsplit('/').next().unwrap_or(program) {
        "nft" => "nftables",
        "ip" => "iproute2",
        "route" | "ifconfig" | "netstat" => "net-tools",
        "firewall-cmd" => "firewalld",
        "iptables-save" | "ip6tables" | "iptables-restore" => "iptables",
        "passwd" | "usermod" => "passwd",
        "pgrep" | "pkill" | "ps" => "procps",
        other => other,
    }
}

struct Judge<'a> {
    case: &'a Case<'a>,
    run: &'a Run,
    proof: &'a Proof,
    language: Option<Language>,
    /// What the text of the script shows.
    lint: Lint,
    out: Vec<Finding>,
}

impl<'a> Judge<'a> {
    fn name(&self) -> &'a str {
        &self.case.target.name
    }

    fn path(&self) -> String {
        self.case.target.path.display().to_string()
    }

    /// The file as it is on the host; what a fold with a static check needs.
    fn host_path(&self) -> String {
        self.case.target.home.join(&self.case.target.path).display().to_string()
    }

    fn is_shell(&self) -> bool {
        self.language.is_some_and(Language::is_shell)
    }

    /// Bytes of the script as a place in it.
    fn place(&self, span: &Range<usize>) -> Place {
        Place::of(self.case.text.unwrap_or_default(), span.clone())
    }

    /// The first place where the text shows this.
    fn shown(&self, kind: FaultKind) -> Option<Place> {
        self.lint.first(kind).map(|span| self.place(&span))
    }

    fn stateful(&self) -> bool {
        self.case.target.timeout != 0
    }

    /// `add` and `delete` as this contract calls them.
    fn word(&self, deed: Deed) -> &'static str {
        match (self.case.contract, deed) {
            (Contract::Json5, Deed::Add) => "enable",
            (Contract::Json5, Deed::Delete) => "disable",
            (_, Deed::Add) => "add",
            (_, Deed::Delete) => "delete",
        }
    }

    /// ` at the delete`, ` when the event lacks a field`; nothing for the add.
    fn when(&self, step: &StepRun) -> String {
        match purpose_of(step) {
            Purpose::Add => String::new(),
            Purpose::Delete => format!(" at its {}", self.word(Deed::Delete)),
            purpose => format!(" {}", purpose.when()),
        }
    }

    fn find(&self, check: CheckId, title: String) -> Finding {
        let asked = &self.case.target.asked;
        let plain = asked.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/+:@".contains(&b));
        let asked = if plain { asked.clone() } else { format!("'{}'", asked.replace('\'', r"'\''")) };
        Finding::new(check, Subject::Response(self.name().to_owned()), title)
            .shares(self.path())
            .shares(self.host_path())
            .verify(format!("ar-doctor replay {asked}"))
    }

    /// One finding for a check that several steps show: the first is told, the others are named.
    fn with_steps(&self, finding: Finding, steps: &[&StepRun]) -> Finding {
        match steps.get(1..) {
            Some(others) if !others.is_empty() => {
                let mut labels: Vec<&str> = others.iter().map(|step| step.label.as_str()).collect();
                labels.dedup();
                finding.observed("also in the steps", labels.join(", "))
            }
            _ => finding,
        }
    }

    /// The line of the script at a place.
    fn excerpt(&self, place: &Place, label: &str) -> Option<Evidence> {
        let text = self.case.text?;
        let at = place.span.start.min(text.len());
        let before = text.get(..at)?;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let rest = text.get(start..)?;
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()).min(400);
        let line = rest.get(..end)?;
        let from = (at - start).min(line.len());
        let to = place.span.end.saturating_sub(start).clamp(from, line.len());
        Some(Evidence::Excerpt {
            file: self.path(),
            line: place.line,
            column: place.column,
            text: line.to_vec(),
            mark: from..to,
            label: label.to_owned(),
        })
    }

    fn show(&self, finding: Finding, place: Option<&Place>, label: &str) -> Finding {
        match place.and_then(|place| self.excerpt(place, label)) {
            Some(evidence) => finding.evidence(evidence),
            None => finding,
        }
    }

    fn first_error(&self, finding: Finding, step: &StepRun) -> Finding {
        match stderr::last_line(&step.stderr.bytes) {
            Some(line) => {
                finding.observed("standard error, which execd sends to /dev/null", piece(line.as_bytes()))
            }
            None => finding,
        }
    }

    fn steps(&self, wanted: impl Fn(&StepRun) -> bool) -> Vec<&'a StepRun> {
        self.run.steps.iter().filter(|step| wanted(step)).collect()
    }

    fn has(&self, check: CheckId) -> bool {
        self.out.iter().any(|finding| finding.check == check)
    }

    // ------------------------------------------------------------------ launch

    /// execd starts nothing for the message.
    fn refused(&mut self) {
        let Some(step) = main_step(self.run).filter(|step| step.refused) else { return };
        if self.case.target.name == "restart-wazuh" {
            return; // it does start something: restart.sh
        }
        let name = self.name();
        let said = step.daemon_log.iter().rfind(|line| line.starts_with("ERROR"));
        let said = said.or(step.daemon_log.last()).map(|line| piece(line.as_bytes()));
        let (title, log) = match said {
            Some(said) => (format!("{name} is not started: execd refuses the message."), said),
            None => (
                format!("{name} is not started: execd drops the message without a word."),
                "nothing at the default level".to_owned(),
            ),
        };
        let mut finding = self
            .find(checks::MESSAGE_REFUSED, title)
            .cause(match self.case.contract {
                Contract::Args => "execd takes the first word of the line for the name, looks it up in ar.conf, and wants a user and an address behind it.",
                Contract::Json4 => "execd looks up the text of \"command\" in ar.conf, and starts the file of that line if it was there when ar.conf was read.",
                Contract::Json5 => "execd takes wazuh.active_response.executable for a file of active-response/bin, and starts it if it is there.",
            })
            .observed(format!("ossec.log, step {}", step.label), log);
        for line in step.daemon_debug.iter().take(3) {
            finding = finding.observed("ossec.log with execd.debug=1", piece(line.as_bytes()));
        }
        self.out.push(finding.remedy(match self.case.contract {
            Contract::Json5 => format!("put the name of a file of active-response/bin into wazuh.active_response.executable: ls -la {}", self.host_path()),
            _ => format!("send a name that is in ar.conf: grep -n '' {}", self.case.target.home.join("etc/shared/ar.conf").display()),
        }));
    }

    fn launch(&mut self) {
        let found = self.run.steps.iter().find_map(|step| {
            let launch = step.launch.as_ref().filter(|launch| !launch.started)?;
            Some((step, launch.errno.filter(|errno| *errno != 0), launch.by_sh))
        });
        let Some((_, errno, by_sh)) = found else { return };
        let path = self.path();
        let (short, words, remedy): (&str, String, String) = match errno {
            Some(1) => ("EPERM", "a security module or the mount refuses it".to_owned(), "ausearch -m avc -ts recent; dmesg | tail".to_owned()),
            Some(2) => ("ENOENT", "the file, or the interpreter in its first line, is not there".to_owned(), format!("head -1 {path} | od -c | head -3; ls -la {path}")),
            Some(5) => ("EIO", "the disk cannot be read".to_owned(), "dmesg | tail".to_owned()),
            Some(7) => ("E2BIG", "arguments and environment are too large together".to_owned(), "tr '\\0' '\\n' < /proc/$(pidof wazuh-execd)/environ | wc -c".to_owned()),
            Some(8) => ("ENOEXEC", "it is neither a script with #! nor a program of this machine, and /bin/sh did not take it either".to_owned(), format!("file {path}; ls -la /bin/sh")),
            Some(12) => ("ENOMEM", "there is no memory for it".to_owned(), "free -m".to_owned()),
            Some(13) => ("EACCES", "its execute bit is missing, a directory above cannot be searched, it lies on a noexec mount, or a security module refuses it".to_owned(), format!("namei -l {path}; findmnt -T {path} -no OPTIONS; ls -Z {path}")),
            Some(20) => ("ENOTDIR", "a part of its path, or of its interpreter's, is no directory".to_owned(), format!("namei -l {path}")),
            Some(21) => ("EISDIR", "its loader is a directory".to_owned(), format!("readelf -l {path} | grep interpreter")),
            Some(26) => ("ETXTBSY", "some process has it open for writing".to_owned(), format!("fuser -v {path}   # end that process, or install with mv instead of writing into the file")),
            Some(36) => ("ENAMETOOLONG", "its path is too long".to_owned(), format!("ls -la {path}")),
            Some(40) => ("ELOOP", "its symbolic links, or its interpreters, go round in a circle".to_owned(), format!("namei -l {path}; head -1 {path}")),
            Some(80) => ("ELIBBAD", "its loader is broken".to_owned(), format!("readelf -l {path} | grep interpreter")),
            Some(other) => ("", format!("errno {other}"), format!("strace -f -e execve {path}")),
            None => ("", "the sandbox saw no errno".to_owned(), format!("ls -la {path}")),
        };
        let code = match (short, errno) {
            ("", _) | (_, None) => String::new(),
            (short, Some(errno)) => format!(" ({short}, errno {errno})"),
        };
        let mut finding = self
            .find(
                checks::LAUNCH_REFUSED,
                format!("{} does not start: {words}{code}.", self.name()),
            )
            .cause("The kernel refuses execve(2); execd's child ends with status 127 and nothing is logged at the default level.")
            .observed("execve", format!("{path}: {}{}", if short.is_empty() { "refused" } else { short }, if by_sh { ", then the same for /bin/sh" } else { "" }))
            .remedy(remedy);
        if errno.is_none() {
            finding = finding.confidence(Confidence::Likely);
        }
        self.out.push(finding);
    }

    // ------------------------------------------------------------------- stuck

    fn stuck(&mut self) {
        let mut by_check: Vec<(CheckId, Vec<&'a StepRun>)> = Vec::new();
        for step in self.steps(|step| hangs(step) && step.ended != Ended::Stopped) {
            let check = self.stuck_check(step);
            match by_check.iter_mut().find(|(known, _)| *known == check) {
                Some((_, steps)) => steps.push(step),
                None => by_check.push((check, vec![step])),
            }
        }
        for (check, steps) in by_check {
            if let Some(step) = steps.first() {
                let finding = self.stuck_finding(check, step);
                self.out.push(self.with_steps(finding, &steps));
            }
        }
    }

    /// What two that wait for each other wait for.
    fn stuck_check(&self, step: &StepRun) -> CheckId {
        let none = Stuck { execd: ExecdWaits::Exit, ..Stuck::default() };
        let stuck = step.stuck.as_ref().unwrap_or(&none);
        if stuck.execd != ExecdWaits::Line {
            return checks::SCRIPT_NEVER_ENDS;
        }
        let script =
            stuck.processes.iter().any(|process| process.is_script && !matches!(process.state, 'Z' | 'X'));
        let held = stuck.processes.iter().any(|process| !process.is_script && process.holds_stdout);
        let reads = stuck.processes.iter().any(|process| process.reads_stdin);
        if !script && held && !(reads && stuck.released_by.is_some()) {
            return checks::CHILD_HOLDS_STDOUT;
        }
        match stuck.released_by {
            Some(Release::EndOfInput) => checks::STDIN_READ_TO_END,
            Some(Release::SecondLine) if self.keys_were_held(stuck) => checks::KEYS_NOT_FLUSHED,
            Some(Release::SecondLine) => checks::ANSWER_BEFORE_KEYS,
            None if !stuck.partial.is_empty() && reads => checks::KEYS_NOT_FLUSHED,
            None if reads && step.bytes_read > step.sent.len() as u64 => checks::STDIN_READ_TO_END,
            None => checks::SCRIPT_NEVER_ENDS,
        }
    }

    /// The keys were written before the wait and did not come through: they lack a line feed, or lay in
    /// a buffer. What a shell prints is never buffered, so there they came too late.
    fn keys_were_held(&self, stuck: &Stuck) -> bool {
        if !stuck.partial.is_empty() {
            return true;
        }
        let keys = stuck.output.split(|byte| *byte == b'\n').any(|line| meant_as_keys(line).is_some());
        keys && !self.is_shell() && !self.case.text.is_some_and(limits::flushes)
    }

    fn stuck_finding(&self, check: CheckId, step: &StepRun) -> Finding {
        let none = Stuck { execd: ExecdWaits::Exit, ..Stuck::default() };
        let stuck = step.stuck.as_ref().unwrap_or(&none);
        let name = self.name();
        let when = self.when(step);
        let language = self.language;
        let waits = match stuck.execd {
            ExecdWaits::Write => "execd still writes the line: nobody takes it",
            ExecdWaits::Line => "execd waits for a line on the script's standard output, or its end",
            ExecdWaits::Exit => "execd waits for the end of the script",
        };
        let held: Vec<&Waiting> =
            stuck.processes.iter().filter(|process| !process.is_script && process.holds_stdout).collect();
        let mut finding = if check == checks::STDIN_READ_TO_END {
            let place = self.shown(FaultKind::ReadToEnd);
            let finding = self
                .find(check, format!("{name} stops every response of this host{when}: it reads its standard input to the end, and execd keeps that open."))
                .cause("execd writes one line and waits for an answer without a time limit, with the pipe still open; the script waits for the end of that pipe. Nothing is logged, and every later response and every revert waits behind it.")
                .remedy(format!("read one line only: {}", read_rewrite(language)));
            let sure = stuck.released_by == Some(Release::EndOfInput);
            let finding = if sure {
                finding.observed(
                    "replay",
                    "it went on when its standard input was closed, which execd never does",
                )
            } else {
                finding.confidence(Confidence::Likely)
            };
            self.show(finding, place.as_ref(), "reads to the end")
        } else if check == checks::KEYS_NOT_FLUSHED {
            let cut = !stuck.partial.is_empty();
            let why = if cut {
                "its keys have no line feed at the end"
            } else {
                "its keys stay in its own buffer while it waits for the answer"
            };
            let remedy = match (cut, language) {
                (true, _) => "end the keys with a line feed: \\n".to_owned(),
                (false, Some(Language::Python)) => "print(keys, flush=True)".to_owned(),
                (false, Some(Language::Perl)) => "$| = 1;   # at the top".to_owned(),
                (false, _) => {
                    "flush standard output after the keys: fflush(stdout), or stdbuf -oL".to_owned()
                }
            };
            let shown = if cut { &stuck.partial } else { &stuck.output };
            // Without its text, keys that came after a second read look the same.
            let sure = if cut || language.is_some() { Confidence::Proven } else { Confidence::Likely };
            self.find(check, format!("{name} stops every response of this host{when}: {why}."))
                .cause("execd waits for one whole line with keys before it answers, without a time limit; the script waits for the answer. Nothing is logged, and every later response and every revert waits behind it.")
                .observed(if cut { "standard output at the deadline" } else { "standard output once it got a second line" }, piece(shown))
                .confidence(sure)
                .remedy(remedy)
        } else if check == checks::ANSWER_BEFORE_KEYS {
            self.find(check, format!("{name} stops every response of this host{when}: it waits for a second line before it has sent any keys."))
                .cause("execd answers only to a line with keys and waits for that without a time limit; the script waits for the answer. Nothing is logged, and every later response and every revert waits behind it.")
                .observed("replay", "it went on when it got a second line, which execd sends only after the keys")
                .remedy(format!("send the keys first: {}", keys_rewrite(language, name)))
                .remedy("or do not read a second line, when the response has no timeout")
        } else if check == checks::CHILD_HOLDS_STDOUT {
            let first = held.first().map_or("a background process", |process| process.name.as_str());
            self.find(check, format!("{name} stops every response of this host{when}: it has ended, but its background process \"{}\" keeps its standard output open.", piece(first.as_bytes())))
                .cause("execd waits, without a time limit, for a line on that pipe or until nobody holds it open any more. Nothing is logged.")
                .remedy("cmd </dev/null >/dev/null 2>&1 &   # give the background process its own files")
        } else {
            let doing = stuck.processes.iter().find(|process| process.is_script).or(stuck.processes.first());
            let doing = match (stuck.execd, doing) {
                (ExecdWaits::Write, _) => "it never takes its line, and does not end either".to_owned(),
                (_, Some(process)) => match process.state {
                    'R' => "it is busy and does not come to an end".to_owned(),
                    'T' | 't' => "it is stopped".to_owned(),
                    'D' => "it waits for a device".to_owned(),
                    _ => match stuck.processes.iter().rfind(|process| !process.is_script) {
                        Some(child) => format!("it waits for \"{}\"", piece(child.name.as_bytes())),
                        None => "it waits for something that does not come".to_owned(),
                    },
                },
                (_, None) => "it did not end in time".to_owned(),
            };
            let finding = self
                .find(check, format!("{name} stops every response of this host for as long as it runs{when}: {doing}."))
                .cause("execd runs one script at a time and waits for its end without a time limit. Nothing is logged, and every later response and every revert waits behind it.")
                .remedy("put a limit on what it waits for (timeout 5 cmd, curl --max-time 5), or run the long part by itself: setsid cmd </dev/null >/dev/null 2>&1 &");
            // In the sandbox nobody answers; on the host somebody may.
            if step.attempts.iter().any(|attempt| {
                matches!(attempt.kind, AttemptKind::Network | AttemptKind::Service | AttemptKind::Lookup)
            }) {
                finding.severity(Severity::Warning).confidence(Confidence::Possible)
            } else {
                finding
            }
        };
        let spent = step
            .times
            .ended
            .map(seconds)
            .map_or_else(|| "at the deadline".to_owned(), |spent| format!("after {spent}"));
        finding = finding.observed("replay", format!("{spent}: {waits}"));
        for process in stuck.processes.iter().take(6) {
            finding = finding.observed("process", waiting(process));
        }
        for attempt in step.attempts.iter().take(3) {
            finding = finding.observed("attempt", attempted(attempt));
        }
        finding
    }

    // ------------------------------------------------------------------- input

    /// The line was not read at all.
    fn input(&mut self) {
        let unread = self.steps(|step| {
            step.deed == Some(Deed::Add)
                && ordinary(step)
                && started(step)
                && ended(step)
                && step.bytes_read == 0
                && !step.sent.is_empty()
        });
        let Some(step) = unread.first() else { return };
        let name = self.name();
        let place = self.lint.arguments.as_ref().map(|span| self.place(span));
        if place.is_some() {
            let finding = self
                .find(checks::POSITIONAL_ARGUMENTS, format!("{name} does not know whom to act on: it takes its input from arguments ($1, $2 ...), and since Wazuh 4.2 there are none."))
                .cause("execd starts a script without arguments and writes one line of JSON to its standard input; the script never read that. Nothing is logged.")
                .observed("replay", format!("it took 0 of {} bytes of its line, and ended {}", step.sent.len() + 1, how(step.ended)))
                .remedy(match self.language {
                    Some(Language::Python) => "alert = json.loads(sys.stdin.readline())".to_owned(),
                    Some(Language::Perl) => "my $alert = decode_json(scalar <STDIN>);".to_owned(),
                    _ if self.case.contract == Contract::Json5 => "read -r INPUT; SRCIP=$(printf '%s' \"$INPUT\" | jq -r '.source.ip // empty')".to_owned(),
                    _ => "read -r INPUT; SRCIP=$(printf '%s' \"$INPUT\" | jq -r '.parameters.alert.data.srcip // empty')".to_owned(),
                });
            let finding = self.show(finding, place.as_ref(), "empty");
            self.out.push(self.with_steps(finding, &unread));
            return;
        }
        // It ended for another reason before it came to read: the status or the missing tool says why.
        let closed = self.case.text.is_some_and(limits::closes_input);
        if step.ended != Ended::Exit(0) && !closed || self.restarts() {
            return;
        }
        let mut cause = "execd writes the event to the script's standard input as one line of JSON. The script ends without taking it, so it does the same for every event, and for add and delete.".to_owned();
        if self.stateful() && step.first_line.is_none() {
            cause.push_str(" Since it sends no keys either, its delete never comes.");
        }
        let mut finding = self
            .find(
                checks::STDIN_NEVER_READ,
                format!("{name} acts without knowing on whom: it never reads its input line."),
            )
            .cause(cause)
            .observed(
                "replay",
                format!(
                    "it took 0 of {} bytes of its line, and ended {}",
                    step.sent.len() + 1,
                    how(step.ended)
                ),
            )
            .remedy(read_rewrite(self.language));
        if self.stateful() && step.first_line.is_none() {
            finding = finding.severity(Severity::Error);
        }
        self.out.push(self.with_steps(finding, &unread));
    }

    /// It restarts something, so it needs no event: a shipped program, or by its text.
    fn restarts(&self) -> bool {
        let file = self.case.target.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if file.starts_with("restart-wazuh") || file.starts_with("restart-ossec") || file == "restart.sh" {
            return true;
        }
        let text = String::from_utf8_lossy(self.case.text.unwrap_or_default());
        text.lines().map(str::trim_start).filter(|line| !line.starts_with('#')).any(|line| {
            let acts = ["restart", "reload", "reboot", "shutdown", "poweroff"];
            acts.iter().any(|act| line.contains(act))
                && [
                    "systemctl",
                    "service ",
                    "rc-service",
                    "-control",
                    "reboot",
                    "shutdown",
                    "poweroff",
                    "init.d",
                ]
                .iter()
                .any(|tool| line.contains(tool))
        })
    }

    // -------------------------------------------------------------- first line

    fn first_line(&mut self) {
        let adds = self.steps(|step| {
            step.deed == Some(Deed::Add)
                && started(step)
                && step.ended != Ended::Stopped
                && step.first_line.is_some()
        });
        // Hostile events come last: what they alone show is milder.
        let (plain, hostile): (Vec<&StepRun>, Vec<&StepRun>) =
            adds.into_iter().partition(|step| ordinary(step));
        for steps in [plain, hostile] {
            self.keys_too_long(&steps);
            self.noise(&steps);
            self.empty_keys(&steps);
        }
    }

    fn keys_too_long(&mut self, steps: &[&'a StepRun]) {
        if self.has(checks::KEYS_TOO_LONG) {
            return;
        }
        let cut =
            |step: &StepRun| step.daemon_log.iter().any(|line| line.contains("key exceeds maximum size"));
        let long: Vec<&StepRun> = steps
            .iter()
            .copied()
            .filter(|step| cut(step) || over_long(step) || longest_key(step) >= MAX_KEY)
            .collect();
        let Some(step) = long.first() else { return };
        let length = step.first_line.as_deref().unwrap_or_default().len();
        let when = self.when(step);
        let (title, seen) = if over_long(step) {
            (
                format!(
                    "{} loses its keys{when}: its first line is longer than the {MAX_LINE} bytes execd takes.",
                    self.name()
                ),
                format!("{length} bytes and no line feed yet"),
            )
        } else if !cut(step) {
            (
                format!(
                    "{} loses a key{when}: it is longer than the {MAX_KEY} bytes execd has for all of them.",
                    self.name()
                ),
                format!("a key of {} bytes, which execd leaves out without a word", longest_key(step)),
            )
        } else {
            (
                format!(
                    "{} has its keys cut{when}: they are longer than 4096 bytes, so targets may share one.",
                    self.name()
                ),
                step.daemon_log.iter().find(|line| line.contains("key exceeds")).cloned().unwrap_or_default(),
            )
        };
        let finding = self
            .find(checks::KEYS_TOO_LONG, title)
            .cause("execd reads the keys into 8192 bytes and keeps 4096 of them; a longer line counts as no keys at all, and then every target has the same one: the second gets abort.")
            .observed("first line of its standard output", seen)
            .remedy("send the address or the account as the only key, not the whole event");
        self.out.push(self.with_steps(finding, &long));
    }

    fn noise(&mut self, steps: &[&'a StepRun]) {
        if self.has(checks::NOISE_BEFORE_KEYS) {
            return;
        }
        let noisy: Vec<&StepRun> =
            steps.iter().copied().filter(|step| step.keys.is_none() && !over_long(step)).collect();
        let Some(step) = noisy.first() else { return };
        let line = step.first_line.as_deref().unwrap_or_default();
        let meant = meant_as_keys(line);
        // The envelope is right and the keys are not: that is the other check.
        if meant.as_ref().is_some_and(|value| envelope_fault(value, self.case.contract).is_none()) {
            return;
        }
        let later = step.after_line.split(|byte| *byte == b'\n').any(|line| meant_as_keys(line).is_some());
        let broken = pipe_broke(step);
        let handshake =
            later || meant.is_some() || self.case.text.is_some_and(|text| contains(text, b"check_keys"));
        if !self.stateful() && broken && !handshake {
            // It never meant to send keys; that it printed more than one line is what kills it.
            return;
        }
        let name = self.name();
        let when = self.when(step);
        let is_event = serde_json::from_slice::<serde_json::Value>(line.trim_ascii())
            .is_ok_and(|value| value.is_object() && value.get("command").is_some() && meant.is_none());
        let what = match &meant {
            Some(value) => format!(
                "execd does not take its check_keys message: {}",
                envelope_fault(value, self.case.contract).unwrap_or("its form is another")
            ),
            None if is_event => {
                "the first line on its standard output is the event itself, not its keys".to_owned()
            }
            None if line.trim_ascii().is_empty() => {
                "the first line on its standard output is empty, not its keys".to_owned()
            }
            None => format!("the first line on its standard output is \"{}\", not its keys", piece(line)),
        };
        let (title, severity) = if self.stateful() {
            (format!("{name} is aborted for every other target{when}: {what}."), Severity::Error)
        } else if broken && handshake {
            (format!("{name} is killed before it acts{when}: {what}."), Severity::Error)
        } else {
            (
                format!("{name} would be aborted for every other target if it had a timeout: {what}."),
                Severity::Advice,
            )
        };
        let severity = if ordinary(step) { severity } else { severity.min(Severity::Warning) };
        let mut finding = self
            .find(checks::NOISE_BEFORE_KEYS, title)
            .severity(severity)
            .cause("execd takes the first line, whatever it is, for the keys. Without keys the pending delete is remembered under the name of the file alone, so while it is pending each other target gets abort; then execd closes both pipes. Nothing is logged.")
            .observed("first line of its standard output", piece(line));
        if let Some(key) = &step.session_key {
            finding = finding.observed("execd's session table", format!("key {}", piece(key.as_bytes())));
        }
        finding = match of_purpose(self.run, Purpose::SecondTarget)
            .find(|step| step.answer == Some(Answer::Abort))
        {
            Some(_) if self.stateful() => finding.observed("step second target", "execd answered abort"),
            _ => finding,
        };
        finding = match &meant {
            Some(_) => finding.remedy(keys_rewrite(self.language, name)),
            None => finding
                .remedy("send every other output to a log: exec 3>&1 1>>logs/active-responses.log at the top, and the keys to >&3")
                .remedy(keys_rewrite(self.language, name)),
        };
        let finding = if noisy.iter().all(|step| self.beyond_the_gate(step)) {
            self.gated(finding.severity(Severity::Advice))
        } else {
            finding
        };
        self.out.push(self.with_steps(finding, &noisy));
    }

    fn empty_keys(&mut self, steps: &[&'a StepRun]) {
        if self.has(checks::KEYS_EMPTY) || self.has(checks::KEYS_TOO_LONG) {
            return;
        }
        let contract = self.case.contract;
        let empty: Vec<&StepRun> = steps
            .iter()
            .copied()
            .filter(|step| match &step.keys {
                Some(keys) => usable(keys).is_empty(),
                None => meant_as_keys(step.first_line.as_deref().unwrap_or_default())
                    .is_some_and(|value| envelope_fault(&value, contract).is_none()),
            })
            .collect();
        let Some(step) = empty.first() else { return };
        let line = step.first_line.as_deref().unwrap_or_default();
        let list = meant_as_keys(line)
            .and_then(|value| value.pointer("/parameters/keys").cloned())
            .unwrap_or(serde_json::Value::Null);
        let what = match &list {
            serde_json::Value::Array(items) if items.is_empty() => "its list of keys is empty".to_owned(),
            serde_json::Value::Array(items) if items.iter().all(|item| !item.is_string()) => {
                "its keys are no strings, and execd ignores those".to_owned()
            }
            serde_json::Value::Array(items)
                if items.iter().any(|item| item.as_str().is_some_and(|text| !text.trim().is_empty())) =>
            {
                format!(
                    "its key is {}, which is what it prints for a field it did not find",
                    piece(list.to_string().as_bytes())
                )
            }
            serde_json::Value::Array(_) => "its key is an empty string".to_owned(),
            _ => "its check_keys message has no array \"keys\"".to_owned(),
        };
        let (name, when) = (self.name(), self.when(step));
        let (title, severity) = if self.stateful() {
            (format!("{name} is aborted for every other target{when}: {what}."), Severity::Error)
        } else {
            (
                format!("{name} would be aborted for every other target if it had a timeout: {what}."),
                Severity::Advice,
            )
        };
        let severity = if ordinary(step) { severity } else { severity.min(Severity::Warning) };
        let mut finding = self
            .find(checks::KEYS_EMPTY, title)
            .severity(severity)
            .cause("execd remembers a pending delete under the name of the file and the keys. With no usable key that is the same for every target, so while it is pending each other target gets abort. Nothing is logged.")
            .observed("first line of its standard output", piece(line))
            .remedy(keys_rewrite(self.language, name));
        if let Some(key) = &step.session_key {
            finding = finding.observed("execd's session table", format!("key {}", piece(key.as_bytes())));
        }
        let finding = if empty.iter().all(|step| self.beyond_the_gate(step)) {
            self.gated(finding.severity(Severity::Advice))
        } else {
            finding
        };
        self.out.push(self.with_steps(finding, &empty));
    }

    /// The same key for two targets.
    fn same_keys(&mut self) {
        if !self.stateful() {
            return;
        }
        let Some(first) = of_purpose(self.run, Purpose::Add).next() else { return };
        let Some(second) = of_purpose(self.run, Purpose::SecondTarget).next() else { return };
        let good = |step: &StepRun| step.keys.as_deref().is_some_and(|keys| !usable(keys).is_empty());
        let same = first.session_key.is_some() && first.session_key == second.session_key;
        let aborted = second.answer == Some(Answer::Abort);
        if !(good(first) && good(second))
            || first.sent == second.sent
            || !(same || aborted && first.keys == second.keys)
        {
            return;
        }
        let keys = usable(first.keys.as_deref().unwrap_or_default()).join(", ");
        let name = self.name();
        let mut finding = self
            .find(checks::KEYS_CONSTANT, format!("{name} is aborted for every other target: it sends the same key, \"{}\", for different ones.", piece(keys.as_bytes())))
            .cause("execd remembers a pending delete under the name of the file and the keys; a key that is there already gets abort, so only the first target is acted on until its timeout is over. Nothing is logged.")
            .observed("steps add and second target", format!("both keys: {}", piece(keys.as_bytes())))
            .remedy(keys_rewrite(self.language, name));
        if aborted {
            finding = finding.observed("step second target", "execd answered abort");
        }
        // A key that stands in both events may be what it is meant to act on, such as the agent.
        let shared: Vec<String> = usable(first.keys.as_deref().unwrap_or_default())
            .into_iter()
            .flat_map(|key| {
                let there = fields_with(&second.sent, key);
                fields_with(&first.sent, key).into_iter().filter(move |field| there.contains(field))
            })
            .collect();
        if let Some(field) = shared.first() {
            finding =
                finding.observed("both events", format!("the key stands in {}", piece(field.as_bytes())));
            if !shared.iter().any(|field| field.contains("rule.")) {
                finding = finding.severity(Severity::Warning).confidence(Confidence::Likely);
            }
        }
        self.out.push(finding);
    }

    /// A timeout and no keys.
    fn no_keys(&mut self) {
        if !self.stateful() || self.has(checks::STDIN_NEVER_READ) {
            return;
        }
        let silent = self.steps(|step| {
            matches!(purpose_of(step), Purpose::Add | Purpose::SecondTarget | Purpose::Other)
                && step.deed == Some(Deed::Add)
                && started(step)
                && step.ended == Ended::Exit(0)
                && step.first_line.is_none()
                && !hangs(step)
                && !limits::before_keys(self.case, step)
        });
        let Some(step) = silent.first() else { return };
        if silent.iter().any(|step| purpose_of(step) != Purpose::Add)
            && of_purpose(self.run, Purpose::Add).any(|step| step.first_line.is_some())
        {
            return; // it does send keys
        }
        let name = self.name();
        let target = self.case.target;
        let finding = self
            .find(checks::KEYS_MISSING, format!("{name} is never undone: it has a timeout of {} s, but it sends no keys, so its {} never comes.", target.timeout, self.word(Deed::Delete)))
            .cause("execd remembers a delete only when the script writes a line with its keys; a script that ends without one is forgotten. Only execd.debug=1 says so: \"Active response won't be added to timeout list\".")
            .observed("replay", format!("it ended {} and wrote nothing to standard output", how(step.ended)))
            .observed(target.timeout_from.clone(), format!("timeout {} s", target.timeout))
            .remedy(keys_rewrite(self.language, name))
            .remedy("or take <timeout> out of the <active-response> block, when it is not to be undone");
        let finding = self.first_error(finding, step);
        self.out.push(self.with_steps(finding, &silent));
    }

    /// Output after the answer.
    fn after_answer(&mut self) {
        let stateful = self.stateful();
        let late = self.steps(|step| {
            step.deed == Some(Deed::Add)
                && step.answer.is_some()
                && ordinary(step)
                && (pipe_broke(step) || (step.keys.is_some() && !step.after_line.trim_ascii().is_empty()))
        });
        let noise = self.has(checks::NOISE_BEFORE_KEYS);
        // After noise everything else comes too late; that is no fault of its own.
        let late: Vec<&StepRun> = late.into_iter().filter(|step| step.keys.is_some() || !noise).collect();
        let Some(step) = late.iter().find(|step| pipe_broke(step)).or(late.first()).copied() else { return };
        let name = self.name();
        let killed = step.ended == Ended::Signal(SIGPIPE);
        let complaint = stderr::broken_pipe(&step.stderr.bytes);
        let title = if killed {
            format!(
                "{name} is killed half way{}: it writes to standard output after execd's answer, and that pipe is closed.",
                self.when(step)
            )
        } else if pipe_broke(step) {
            format!(
                "{name} breaks off{}: it writes to standard output after execd's answer, and that pipe is closed.",
                self.when(step)
            )
        } else {
            format!(
                "{name} writes more than its keys to standard output; a moment later and SIGPIPE kills it{}.",
                self.when(step)
            )
        };
        let mut finding = self
            .find(checks::OUTPUT_AFTER_ANSWER, title)
            .cause("execd takes one line, answers, closes both pipes and waits for the end. Who writes then gets SIGPIPE, or a broken pipe error. Nothing is logged on 4.x; whether the action comes before or after is a race.")
            .observed("replay", format!("it ended {}", how(step.ended)))
            .remedy(match self.language {
                Some(Language::Python) => "print(..., file=open('logs/active-responses.log', 'a'))   # never to standard output".to_owned(),
                _ => "exec >/dev/null   # right after it has read the answer; or >>logs/active-responses.log".to_owned(),
            });
        if let Some(line) = complaint {
            finding =
                finding.observed("standard error, which execd sends to /dev/null", piece(line.as_bytes()));
        }
        if !step.after_line.trim_ascii().is_empty() {
            finding = finding.observed("standard output behind the first line", piece(&step.after_line));
        }
        if !pipe_broke(step) {
            finding = finding.severity(Severity::Warning).confidence(Confidence::Likely);
        } else if step.ended == Ended::Exit(141) || (!stateful && step.keys.is_none() && !killed) {
            finding = finding.confidence(Confidence::Likely);
        }
        self.out.push(self.with_steps(finding, &late));
    }

    /// `read` without `-r`.
    fn plain_read(&mut self) {
        let Some(place) = self.shown(FaultKind::ReadWithoutR) else { return };
        let add = of_purpose(self.run, Purpose::Add).next();
        let works =
            |step: &StepRun| step.ended == Ended::Exit(0) && stderr::bad_json(&step.stderr.bytes).is_none();
        let escaped = self.steps(|step| {
            step.deed == Some(Deed::Add)
                && started(step)
                && ended(step)
                && ordinary(step)
                && step.sent.contains(&b'\\')
        });
        let worse = |step: &&StepRun| {
            stderr::bad_json(&step.stderr.bytes).is_some()
                || add.is_some_and(|add| {
                    !add.sent.contains(&b'\\')
                        && works(add)
                        && (!works(step)
                            || step.keys.as_deref().map(usable) != add.keys.as_deref().map(usable)
                            || (!add.effects.is_empty()
                                && step.answer != Some(Answer::Abort)
                                && step.effects.is_empty()
                                && step.keys.is_none()))
                })
        };
        let comparable = can_be_repeated(self.run, self.stateful());
        let broken = escaped
            .iter()
            .copied()
            .find(|step| worse(step) && (comparable || stderr::bad_json(&step.stderr.bytes).is_some()));
        let name = self.name();
        let mut finding = self
            .find(checks::READ_WITHOUT_R, format!("{name} spoils events that hold a backslash: its shell's read has no -r."))
            .cause("Without -r, read takes a backslash for an escape and drops it, so \\\" becomes \" and the line is no JSON any more. Whoever writes the logged text can hide from the response with one quotation mark.")
            .remedy("read -r INPUT")
            .remedy("IFS= read -r INPUT   # keeps outer blanks as well");
        finding = self.show(finding, Some(&place), "no -r");
        match broken {
            Some(step) => {
                finding = finding.observed(
                    format!("step {}", step.label),
                    match stderr::bad_json(&step.stderr.bytes) {
                        Some(line) => piece(line.as_bytes()),
                        None => format!(
                            "ended {}, keys {}",
                            how(step.ended),
                            step.keys
                                .as_deref()
                                .map_or_else(|| "none".to_owned(), |keys| piece(keys.join(", ").as_bytes()))
                        ),
                    },
                );
                // The plain event has one, so every event of this kind fails.
                if add.is_some_and(|add| add.label == step.label) {
                    finding = finding.severity(Severity::Error);
                }
            }
            None if escaped.is_empty() => finding = finding.confidence(Confidence::Likely),
            // It was played with backslashes and did its work: it does not parse the line.
            None => finding = finding.confidence(Confidence::Likely).severity(Severity::Advice),
        }
        self.out.push(finding);
    }

    // --------------------------------------------------------- other generation

    fn other_contract(&mut self) {
        let contract = self.case.contract;
        let written = self.lint.written_for.as_ref();
        let proven = self.proof.contract.as_ref();
        let (of, place, sure) = match (proven, written) {
            (Some((of, _)), written) => (
                *of,
                written.filter(|(written, ..)| written == of).map(|(_, span, _)| self.place(span)),
                true,
            ),
            (None, Some((of, span, sure))) => (*of, Some(self.place(span)), *sure),
            (None, None) => return,
        };
        if of == contract || of == Contract::Args {
            return; // of arguments nothing but the unread line shows that it needs them
        }
        if !self.proof.problems.is_empty() {
            return; // with another event it works here
        }
        let steps =
            self.steps(|step| ordinary(step) && started(step) && ended(step) && step.deed == Some(Deed::Add));
        let Some(step) = steps.first() else { return };
        let keyed = step.keys.as_deref().is_some_and(|keys| !usable(keys).is_empty());
        let acted = step.effects.iter().any(|effect| !is_log(effect))
            || step.attempts.iter().any(|attempt| attempt.kind != AttemptKind::Lookup);
        let failed = step.ended != Ended::Exit(0) && limits::failed(self.case, step).is_none()
            || !acted && step.answer != Some(Answer::Abort)
            || (step.first_line.is_some() || self.stateful()) && !keyed && contract != Contract::Args;
        if !failed {
            return; // the text misled
        }
        let generation = |contract: Contract| match contract {
            Contract::Args => "Wazuh up to 4.1",
            Contract::Json4 => "Wazuh 4.2 to 4.x",
            Contract::Json5 => "Wazuh 5.x",
        };
        let name = self.name();
        let finding = self
            .find(checks::SCRIPT_OTHER_CONTRACT, format!("{name} is written for {}, and execd here is of {}.", generation(of), generation(contract)))
            .cause(match (of, contract) {
                (Contract::Json4, Contract::Json5) => "5.x sends the finding itself: parameters.alert is gone, srcip is source.ip, the commands are enable and disable, extra_args is one string wazuh.active_response.extra_arguments. What the script reads is not there.",
                (Contract::Json5, Contract::Json4) => "4.x sends an envelope with the alert in parameters.alert: source.ip is parameters.alert.data.srcip, the commands are add and delete. What the script reads is not there.",
                _ => "Up to 4.1 execd gives arguments ($1 add or delete, $2 user, $3 address) and nothing on standard input. The script waits for, or reads, nothing.",
            })
            .observed("replay", format!("it ended {}{}{}", how(step.ended), if keyed { "" } else { ", sent no usable keys" }, if acted { "" } else { ", changed nothing" }))
            .remedy(match contract {
                Contract::Json5 => "jq -r '.source.ip // empty' in place of .parameters.alert.data.srcip; enable and disable in place of add and delete".to_owned(),
                Contract::Json4 => "jq -r '.parameters.alert.data.srcip // empty' in place of .source.ip; add and delete in place of enable and disable".to_owned(),
                Contract::Args => "ACTION=$1 USER=$2 SRCIP=$3".to_owned(),
            });
        let finding = match proven {
            Some((_, seen)) => finding.observed("trial", seen.clone()),
            None if sure => finding,
            None => finding.confidence(Confidence::Likely),
        };
        let finding = self.show(finding, place.as_ref(), "only there");
        self.out.push(self.first_error(finding, step));
    }

    // --------------------------------------------------------------- tools, end

    fn tools(&mut self) {
        let mut tools: Vec<(Missing, &'a StepRun)> = Vec::new();
        let mut modules: Vec<(Missing, &'a StepRun)> = Vec::new();
        for step in self.steps(|step| started(step) && ordinary(step)) {
            let exit = match step.ended {
                Ended::Exit(status) => Some(status),
                _ => None,
            };
            for missing in stderr::programs(&step.stderr.bytes, &step.log_lines, exit) {
                if !tools.iter().any(|(known, _)| known.name == missing.name) {
                    tools.push((missing, step));
                }
            }
            for missing in stderr::modules(&step.stderr.bytes) {
                if !modules.iter().any(|(known, _)| known.name == missing.name) {
                    modules.push((missing, step));
                }
            }
        }
        if let Some((first, step)) = tools.first() {
            let finding = self.tool_finding(first, step, &tools);
            self.out.push(finding);
        }
        if let Some((first, step)) = modules.first() {
            let finding = self.module_finding(first, step, &modules);
            self.out.push(finding);
        }
    }

    /// Whether a step did its work in spite of what was missing.
    fn worked(&self, step: &StepRun) -> bool {
        let keyed = step.keys.as_deref().is_some_and(|keys| !usable(keys).is_empty());
        let acted = step.effects.iter().any(|effect| !is_log(effect))
            || step.attempts.iter().any(|attempt| attempt.kind != AttemptKind::Lookup);
        step.ended == Ended::Exit(0) && acted && (keyed || !self.stateful())
    }

    fn tool_finding(&self, first: &Missing, step: &StepRun, all: &[(Missing, &StepRun)]) -> Finding {
        let name = self.name();
        let names: Vec<String> =
            all.iter().map(|(missing, _)| format!("\"{}\"", piece(missing.name.as_bytes()))).collect();
        let search = self
            .case
            .target
            .environment
            .iter()
            .find(|(key, _)| key == "PATH")
            .map(|(_, value)| value.to_string_lossy().into_owned());
        let title = if first.denied && all.len() == 1 {
            format!("{name} cannot do its work{}: it may not execute {}.", self.when(step), names.join(", "))
        } else if names.len() == 1 {
            format!(
                "{name} cannot do its work{}: the program {} is not found.",
                self.when(step),
                names.join(", ")
            )
        } else {
            format!(
                "{name} cannot do its work{}: the programs {} are not found.",
                self.when(step),
                names.join(", ")
            )
        };
        let title = if self.carriage_returns() > 0 {
            format!("{}; its lines end with CR LF.", title.trim_end_matches('.'))
        } else {
            title
        };
        let absolute = first.name.contains('/');
        let mut finding = self.find(checks::TOOL_MISSING, title).cause(match (&search, absolute) {
            (_, true) => "The script names the file with its path, and it is not there. The message goes to standard error, which execd sends to /dev/null.".to_owned(),
            (Some(path), _) => format!("execd gives scripts its own PATH, {path}, and no other directory is looked in. The message goes to standard error, which execd sends to /dev/null."),
            (None, _) => "execd runs without PATH, so only the shell's own default is looked in. The message goes to standard error, which execd sends to /dev/null.".to_owned(),
        });
        for (missing, _) in all.iter().take(5) {
            finding = finding
                .observed("standard error, which execd sends to /dev/null", piece(missing.line.as_bytes()));
        }
        if let Some(path) = &search {
            finding = finding.observed("PATH of execd", path.clone());
        }
        let shown = |text: &str| -> String {
            text.chars().filter(|c| c.is_ascii_alphanumeric() || "._-/+".contains(*c)).collect()
        };
        finding = self.with_line_ends(finding);
        if first.denied {
            finding =
                finding.remedy(format!("ls -la \"$(command -v {})\"; chmod a+x FILE", shown(&first.name)));
        } else {
            let packages: Vec<String> = all
                .iter()
                .map(|(missing, _)| shown(package(&missing.name)))
                .map(|name| name.rsplit('/').next().unwrap_or_default().to_owned())
                .collect();
            finding = finding
                .remedy(format!(
                    "apt-get install {0}   # or dnf install {0}, apk add {0}",
                    packages.join(" ")
                ))
                .remedy(format!(
                    "whereis {}   # when it is in another directory: name it with its path in the script",
                    shown(&first.name)
                ));
        }
        if self.worked(step) { finding.severity(Severity::Warning) } else { finding }
    }

    fn module_finding(&self, first: &Missing, step: &StepRun, all: &[(Missing, &StepRun)]) -> Finding {
        let names: Vec<String> =
            all.iter().map(|(missing, _)| format!("\"{}\"", piece(missing.name.as_bytes()))).collect();
        let bare: String =
            first.name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-:/@".contains(*c)).collect();
        let top = bare.split('.').next().unwrap_or_default().to_owned();
        let language = match first.language {
            "python" => "Python",
            "perl" => "Perl",
            "ruby" => "Ruby",
            _ => "Node",
        };
        let (one, many) = (format!("{language} module"), format!("{language} modules"));
        let mut finding = self
            .find(
                checks::MODULE_MISSING,
                format!("{} cannot do its work{}: the {} {} {} not installed for the interpreter that execd starts.", self.name(), self.when(step), if names.len() == 1 { one } else { many }, names.join(", "), if names.len() == 1 { "is" } else { "are" }),
            )
            .cause("execd starts the interpreter of line 1 as root, without HOME and without a virtual environment: modules in ~/.local or in another interpreter do not count. The message goes to standard error, which execd sends to /dev/null.");
        for (missing, _) in all.iter().take(5) {
            finding = finding
                .observed("standard error, which execd sends to /dev/null", piece(missing.line.as_bytes()));
        }
        finding = match first.language {
            "python" => finding
                .remedy(format!("apt-get install python3-{top}   # or dnf install python3-{top}"))
                .remedy(format!("env -i PATH=\"$PATH\" python3 -c 'import {top}'   # with the interpreter of line 1; shows whether root has it")),
            "perl" => finding.remedy(format!("apt-get install lib{}-perl   # or dnf install 'perl({bare})'", bare.to_ascii_lowercase().replace("::", "-"))),
            "ruby" => finding.remedy(format!("gem install {bare}")),
            _ => finding.remedy(format!("npm install -g {bare}")),
        };
        if self.worked(step) { finding.severity(Severity::Warning) } else { finding }
    }

    /// Where lines of a shell's text end with a carriage return, that is what fails.
    fn with_line_ends(&self, finding: Finding) -> Finding {
        let ends = self.carriage_returns();
        if ends == 0 {
            return finding;
        }
        finding
            .observed(self.path(), format!("{ends} lines end with CR LF, as on Windows: the shell takes the carriage return for a part of the last word of each"))
            .remedy(format!("sed -i 's/\\r$//' {}", self.host_path()))
    }

    /// Lines of a shell's text that end with a carriage return.
    fn carriage_returns(&self) -> usize {
        let text = self.case.text.filter(|_| self.is_shell());
        text.map_or(0, limits::carriage_returns)
    }

    /// A status other than 0 would be the script's fault. It is none when the step did again what was
    /// done already, or acted on a target that this host need not have.
    fn must_succeed(&self, step: &StepRun) -> bool {
        let add_failed = of_purpose(self.run, Purpose::Add).all(|add| add.ended != Ended::Exit(0));
        match purpose_of(step) {
            Purpose::Add | Purpose::Delete | Purpose::Other => true,
            _ if add_failed => true,
            Purpose::SameKey => false,
            Purpose::SecondTarget => acts_on_address(step),
            _ => can_be_repeated(self.run, self.stateful()),
        }
    }

    /// How it ended.
    fn ends(&mut self) {
        let failed = self.steps(|step| {
            started(step)
                && !hangs(step)
                && matches!(step.ended, Ended::Exit(status) if status != 0)
                && ordinary(step)
                && self.must_succeed(step)
                && limits::excused(self.case, self.run, step).is_none()
                && !(step.answer.is_some() && pipe_broke(step) && self.has(checks::OUTPUT_AFTER_ANSWER))
        });
        if let (Some(step), Some(Ended::Exit(status))) =
            (failed.first(), failed.first().map(|step| step.ended))
        {
            let who = match self.case.contract {
                Contract::Json5 => "execd 5.x logs a WARNING \"reported failure\" and does no more",
                _ => "execd 4.x ignores it",
            };
            let unread = if self.case.contract != Contract::Args
                && step.bytes_read == 0
                && step.deed == Some(Deed::Add)
            {
                ", before it read its line"
            } else {
                ""
            };
            let ends = if self.carriage_returns() > 0 { "its lines end with CR LF, and " } else { "" };
            let mut finding = self
                .find(checks::SCRIPT_EXITS_NONZERO, format!("{} fails{}: {ends}it ends with status {status}{unread}; {who}.", self.name(), self.when(step)))
                .cause(match status {
                    _ if !ends.is_empty() => "The shell takes the carriage return at the end of a line for a part of its last word. What it says about that goes to standard error, which execd sends to /dev/null.".to_owned(),
                    126 => "126 is what a shell returns for a program it may not execute.".to_owned(),
                    127 => "127 is what a shell returns for a program it does not find.".to_owned(),
                    255 => "255 is what the shipped programs return when they refuse the message.".to_owned(),
                    129..=192 => format!("{status} is what a shell returns for a program that {} ended.", signal_name(status - 128)),
                    _ => "The status is the script's own. What it says about it goes to standard error, which execd sends to /dev/null.".to_owned(),
                })
                .observed("replay", format!("step {}: exit status {status}", step.label))
                .remedy("ar-doctor replay -v NAME   # shows all of its standard error".replace("NAME", self.name()));
            finding = self.first_error(self.with_line_ends(finding), step);
            if let Some(line) = step.log_lines.last() {
                finding = finding.observed(RESPONSES_LOG, piece(line.as_bytes()));
            }
            self.out.push(self.with_steps(finding, &failed));
        }
        let killed = self.steps(|step| match step.ended {
            Ended::Signal(SIGPIPE) => started(step) && step.answer.is_none(),
            Ended::Signal(_) => started(step),
            _ => false,
        });
        if let (Some(step), Some(Ended::Signal(signal))) =
            (killed.first(), killed.first().map(|step| step.ended))
        {
            let finding = self
                .find(
                    checks::SCRIPT_KILLED,
                    format!("{} dies{}: {} ends it.", self.name(), self.when(step), signal_name(signal)),
                )
                .cause(match self.case.contract {
                    Contract::Json5 => "execd 5.x logs a WARNING \"terminated abnormally\" and does no more.",
                    _ => "execd 4.x does not look at how a script ends; nothing is logged.",
                })
                .observed("replay", format!("step {}: ended by {}", step.label, signal_name(signal)))
                .remedy(format!(
                    "run it under a debugger with the line that was sent: gdb --args {}",
                    self.host_path()
                ));
            let finding = self.first_error(finding, step);
            self.out.push(self.with_steps(finding, &killed));
        }
    }

    /// Only an event that 4.x does not make is like this: one with code in the place of an address.
    fn beyond_the_gate(&self, step: &StepRun) -> bool {
        self.case.contract == Contract::Json4
            && purpose_of(step) == Purpose::Injection
            && step.label.ends_with(battery::ADDRESSES)
    }

    fn gated(&self, finding: Finding) -> Finding {
        finding.observed(
            "analysisd 4.x",
            "it sends no response for a srcip with other characters than those of addresses and names (1271); other senders may",
        )
    }

    /// Text of the event was executed.
    fn injection(&mut self) {
        let hit = self.steps(|step| !step.canaries.is_empty());
        if hit.is_empty() {
            return;
        }
        let mut fields: Vec<String> = Vec::new();
        for step in &hit {
            for canary in &step.canaries {
                for field in fields_with(&step.sent, &canary.display().to_string()) {
                    if !fields.contains(&field) {
                        fields.push(field);
                    }
                }
            }
        }
        let name = self.name();
        let of = match fields.as_slice() {
            [] => "the event".to_owned(),
            [field] => format!("the field {}", piece(field.as_bytes())),
            [field, rest @ ..] => format!("the field {} and {} more", piece(field.as_bytes()), rest.len()),
        };
        let mut finding = self
            .find(checks::SHELL_INJECTION, format!("{name} executes text of {of} as root: whoever writes the logged text runs commands on this host."))
            .cause("The text of the event went into a command without quotes, through eval, or into a program that is started by a shell. It was planted by replay and ran.")
            .remedy("never eval; never build a command as one string: \"$SRCIP\" in double quotes as one argument, subprocess.run([...]) without shell=True")
            .remedy("case $SRCIP in *[!0-9a-fA-F.:]*|'') exit 0;; esac   # refuse what is no address");
        for step in hit.iter().take(4) {
            for canary in step.canaries.iter().take(2) {
                finding = finding
                    .observed(format!("step {}", step.label), format!("{} appeared", canary.display()));
            }
        }
        if fields.len() > 1 {
            finding = finding.observed("fields", piece(fields.join(", ").as_bytes()));
        }
        if hit.iter().all(|step| self.beyond_the_gate(step)) && fields.iter().all(|field| field == GATED) {
            finding = self.gated(finding.severity(Severity::Warning).confidence(Confidence::Likely));
        }
        self.out.push(finding);
    }

    // ------------------------------------------------------------------ effects

    fn nothing_changed(&mut self) {
        if self.run.not_containable.is_some() {
            return;
        }
        let adds = self.steps(|step| step.deed == Some(Deed::Add) && ordinary(step) && started(step));
        let done = |step: &StepRun| step.ended == Ended::Exit(0) && step.answer != Some(Answer::Abort);
        let Some(step) = adds.iter().find(|step| done(step)) else { return };
        let quiet = |step: &&StepRun| {
            step.effects.iter().all(is_log)
                && step.attempts.iter().all(|attempt| attempt.kind == AttemptKind::Lookup)
        };
        if !adds.iter().all(quiet)
            || adds.iter().any(|step| step.ended == Ended::Stopped)
            || limits::unseen(self.case, self.run).is_some()
        {
            return;
        }
        let logs = adds
            .iter()
            .any(|step| !step.log_lines.is_empty() || !step.effects.is_empty() || !step.attempts.is_empty());
        let name = self.name();
        let severity = if logs { Severity::Advice } else { Severity::Warning };
        let title = if logs {
            format!("{name} ran to its end and changed nothing but a log or a temporary file.")
        } else {
            format!("{name} ran to its end and changed nothing.")
        };
        let mut finding = self
            .find(checks::CHANGED_NOTHING, title)
            .severity(severity)
            .cause("execd does not look at what a script does. This one left packet filter, routes, accounts and files as they were, and asked nothing of the network.")
            .observed("replay", format!("step {}: ended {}, no change", step.label, how(step.ended)))
            .remedy("look at what it does with this event: does it read the fields the event has, under these names?");
        if let Some(line) = step.log_lines.last() {
            finding = finding.observed(RESPONSES_LOG, piece(line.as_bytes()));
        }
        self.out.push(self.first_error(finding, step));
    }

    fn not_reverted(&mut self) {
        let deletes = self.steps(|step| {
            purpose_of(step) == Purpose::Delete
                && started(step)
                && ended(step)
                && limits::failed(self.case, step).is_none()
        });
        if deletes.is_empty() {
            return;
        }
        let mut left: Vec<(&'a Effect, &'a StepRun, bool)> = Vec::new();
        for (at, step) in self.run.steps.iter().enumerate() {
            if step.deed != Some(Deed::Add) || !ordinary(step) || step.answer == Some(Answer::Abort) {
                continue;
            }
            // Only what a delete of this very target had to take back.
            let undone = self.run.steps.iter().skip(at + 1).any(|delete| {
                deletes.iter().any(|known| std::ptr::eq(*known, delete))
                    && match (&delete.session_key, &step.session_key) {
                        (Some(of), Some(key)) => of == key,
                        _ => purpose_of(step) == Purpose::Add,
                    }
            });
            if undone {
                let keys = usable(step.keys.as_deref().unwrap_or_default());
                left.extend(
                    step.effects.iter().filter_map(|effect| Some((effect, step, stays(effect, &keys)?))),
                );
            }
        }
        let Some((first, _, sure)) = left.first() else { return };
        let name = self.name();
        let (add, delete) = (self.word(Deed::Add), self.word(Deed::Delete));
        let mut finding = self
            .find(checks::DELETE_DOES_NOT_REVERT, format!("{name} is not undone: its {delete} ran, and what its {add} did to {} is still there.", thing(first)))
            .cause("execd starts the script once more when the timeout is over, and then forgets the target, whatever the script did. Nothing is logged.");
        if !sure {
            finding = finding.confidence(Confidence::Likely);
        }
        for (effect, step, _) in left.iter().take(5) {
            let line = effect.added.first().map_or_else(|| effect.change.clone(), |line| format!("+ {line}"));
            finding =
                finding.observed(format!("step {}, {}", step.label, effect.what), piece(line.as_bytes()));
        }
        let again = of_purpose(self.run, Purpose::SameKey).find(|step| {
            step.answer == Some(Answer::Abort) && step.effects.iter().any(|effect| !is_log(effect))
        });
        if let Some(again) = again {
            finding = finding
                .observed(
                    format!("step {}", again.label),
                    "execd answered abort, and it acted all the same, so it was done twice and undone once",
                )
                .remedy("read the answer, and end when it is abort");
        }
        if let Some(failed) = deletes.iter().find(|step| step.ended != Ended::Exit(0)) {
            finding =
                finding.observed(format!("step {}", failed.label), format!("ended {}", how(failed.ended)));
            finding = self.first_error(finding, failed);
        }
        self.out.push(finding.remedy(format!("do in the {delete} branch the reverse of the {add} branch, with the same arguments (iptables -D for each -I)")));
    }
}

/// Whether an effect should have been taken back and was not, and whether that is sure.
pub(super) fn stays(effect: &Effect, keys: &[&str]) -> Option<bool> {
    if effect.taken_back != Some(false) || is_log(effect) {
        return None;
    }
    let named = |text: &str| keys.iter().any(|key| key.len() > 1 && text.contains(key));
    let shown = effect.added.iter().any(|line| named(line)) || named(&effect.what);
    match effect.kind {
        EffectKind::Signal => None,
        // A file counts only when it holds the target: what else is in it may be the script's own state.
        EffectKind::File => {
            let logged = effect.added.iter().all(|line| log_form(line)) && !effect.added.is_empty();
            (shown && !logged).then_some(false)
        }
        EffectKind::Account => Some(true),
        EffectKind::Firewall | EffectKind::Route => {
            // Empty tables and chains stay after the first use of iptables; they do nothing.
            let rules = effect.added.is_empty() || effect.added.iter().any(|line| !scaffold(line));
            rules.then_some(shown || keys.is_empty())
        }
    }
}

/// A line of a packet filter's listing that is no rule.
fn scaffold(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || [
            "table ",
            "chain ",
            "type ",
            "policy ",
            "}",
            ":",
            "*",
            "#",
            "COMMIT",
            "add table",
            "add chain",
            "-N ",
            "-P ",
        ]
        .iter()
        .any(|start| line.starts_with(start))
}

/// A line that begins with a time, as lines of logs do.
fn log_form(line: &str) -> bool {
    let mut digits = line.trim_start_matches(['[', '"', '{', ' ']).chars();
    let year: String = digits.by_ref().take(4).collect();
    let months = [
        "Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec ",
        "Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun ",
    ];
    (year.len() == 4 && year.chars().all(|c| c.is_ascii_digit()) && matches!(digits.next(), Some('-' | '/')))
        || months.iter().any(|month| line.starts_with(month))
}

fn thing(effect: &Effect) -> String {
    let what = piece(effect.what.as_bytes());
    match effect.kind {
        EffectKind::Firewall => format!("the packet filter ({what})"),
        EffectKind::Route => format!("the routes ({what})"),
        EffectKind::Account => format!("the account {what}"),
        EffectKind::File | EffectKind::Signal => what,
    }
}

/// How a script ended, as the end of a sentence.
pub(super) fn how(ended: Ended) -> String {
    match ended {
        Ended::Never => "never started".to_owned(),
        Ended::Exit(status) => format!("with status {status}"),
        Ended::Signal(signal) => format!("by {}", signal_name(signal)),
        Ended::Deadline => "at the deadline only, by ar-doctor".to_owned(),
        Ended::Stopped => "when ar-doctor stopped it".to_owned(),
    }
}

fn waiting(process: &Waiting) -> String {
    let mut text = format!("pid {} \"{}\"", process.pid, piece(process.name.as_bytes()));
    if process.is_script {
        text.push_str(", the script itself,");
    }
    text.push_str(match process.state {
        _ if process.reads_stdin => " waits in read on execd's pipe",
        'R' => " is running",
        'D' => " waits for a device",
        'T' | 't' => " is stopped",
        'Z' => " has ended and was not collected",
        _ => " sleeps",
    });
    if process.holds_stdout {
        text.push_str(", holds the script's standard output");
    }
    if !process.command.is_empty() && process.command != process.name {
        let _ = write!(text, " ({})", piece(process.command.as_bytes()));
    }
    text
}

fn attempted(attempt: &Attempt) -> String {
    let what = piece(attempt.what.as_bytes());
    let kind = match attempt.kind {
        AttemptKind::Service => "asked a service",
        AttemptKind::Lookup => "tried to look up or to log",
        AttemptKind::Network => "tried to reach",
        AttemptKind::Signal => "sent a signal to",
        AttemptKind::Syscall => "called",
    };
    if attempt.detail.is_empty() {
        format!("{kind} {what}")
    } else {
        format!("{kind} {what} ({})", piece(attempt.detail.as_bytes()))
    }
}

/// The first line fills execd's buffer and has no line feed, and is the beginning of keys: other
/// output of that length is noise.
fn over_long(step: &StepRun) -> bool {
    step.keys.is_none()
        && step.first_line.as_ref().is_some_and(|line| {
            let keys = line.trim_ascii_start().starts_with(b"{")
                && (contains(line, b"check_keys") || contains(line, b"\"keys\""));
            line.len() >= MAX_LINE && line.last() != Some(&b'\n') && keys
        })
}

/// Bytes of the longest key it sent. execd leaves out a key for which there is no room, and
/// all behind it (`src/active-response/active_responses.c get_keys_from_json`, 4.14).
fn longest_key(step: &StepRun) -> usize {
    let value = meant_as_keys(step.first_line.as_deref().unwrap_or_default());
    let keys = value.as_ref().and_then(|value| value.pointer("/parameters/keys")?.as_array());
    keys.into_iter().flatten().filter_map(|key| Some(key.as_str()?.len())).max().unwrap_or(0)
}

/// It wrote to a pipe that execd had closed.
pub(super) fn pipe_broke(step: &StepRun) -> bool {
    if step.answer.is_none() {
        return false;
    }
    match step.ended {
        Ended::Signal(signal) => signal == SIGPIPE,
        Ended::Exit(141) => true,
        Ended::Exit(_) => stderr::broken_pipe(&step.stderr.bytes).is_some(),
        Ended::Never | Ended::Deadline | Ended::Stopped => false,
    }
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len().max(1)).any(|window| window == needle)
}
