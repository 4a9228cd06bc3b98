//! Trials: when the add of a replay went wrong and nothing says why, the same script gets other
//! events, each in a sandbox of its own. What makes it work is what the event lacked.
//!
//! A field counts only when the script works with it, and fails once more without it.

use std::net::IpAddr;
use std::path::Path;

use serde_json::Value;

use super::judge;
use super::needs::{Needs, Wanted};
use super::payload::{self, Kind, Payload, Problem, Wish};
use super::{Answer, AttemptKind, Deed, EffectKind, Ended, Plan, Run, Step, StepRun};
use crate::findings::{CheckId, Confidence, Evidence, Finding, Severity, checks};
use crate::wazuh::version::Contract;

/// The most runs for one replay.
const MOST: usize = 12;
/// The longest one of them may take, in milliseconds.
const LONGEST: u64 = 3_000;
/// The most fields that are named as what the event lacks.
const FIELDS: usize = 3;

/// An address of RFC 5737.
const ADDRESS: &str = "203.0.113.45";
/// An account that hosts have and nobody logs in to, so that locking it can work.
const USER: &str = "nobody";
/// Text files that hosts have and little depends on; the sandbox lets go of its own copy only.
const FILES: [&str; 4] = ["/etc/issue.net", "/etc/issue", "/etc/shells", "/etc/services"];

/// What follows from an event that a script cannot use; every other error explains the run.
const FOLLOWS: &[CheckId] = &[
    checks::SCRIPT_EXITS_NONZERO,
    checks::KEYS_EMPTY,
    checks::KEYS_MISSING,
    checks::KEYS_CONSTANT,
    checks::CHANGED_NOTHING,
    checks::DELETE_DOES_NOT_REVERT,
    checks::SCRIPT_OTHER_CONTRACT,
];
/// What can be wrong with a field.
const OF_FIELDS: &[CheckId] =
    &[checks::PAYLOAD_FIELD_MISSING, checks::PAYLOAD_FIELD_TYPE, checks::PAYLOAD_ADDRESS];

/// What was played, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The plan; its first step is the add.
    pub plan: &'a Plan,
    /// What came of it.
    pub run: &'a Run,
    /// The event.
    pub payload: &'a Payload,
    /// What the script seems to need.
    pub needs: &'a Needs,
}

/// What trials proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// What is wrong with the event, one for each field, with its [`Problem::pointer`].
    pub problems: Vec<Problem>,
    /// The script works with the messages of this generation, and how that was seen.
    pub contract: Option<(Contract, String)>,
}

/// What one add did.
#[derive(Clone, Copy, Debug)]
struct Did {
    succeeded: bool,
    keyed: bool,
    acted: bool,
}

impl Did {
    fn of(step: &StepRun) -> Self {
        Self {
            succeeded: step.ended == Ended::Exit(0) && step.answer != Some(Answer::Abort),
            keyed: step.keys.as_deref().is_some_and(|keys| !judge::usable(keys).is_empty()),
            acted: step.effects.iter().any(|effect| !judge::is_log(effect))
                || step.attempts.iter().any(|attempt| attempt.kind != AttemptKind::Lookup),
        }
    }

    /// It kept to the contract, whatever came of it.
    const fn keeps(self, stateful: bool) -> bool {
        self.succeeded && (self.keyed || !stateful)
    }

    const fn works(self, stateful: bool) -> bool {
        self.keeps(stateful) && self.acted
    }

    /// It works, where another one, of the event as it is, did not. Where only the effect was
    /// missing, an effect has to come.
    const fn mends(self, other: Self, stateful: bool) -> bool {
        self.works(stateful) || self.keeps(stateful) && self.keyed && !other.keeps(stateful)
    }
}

/// The add went wrong in a way that another event might mend.
pub fn is_worth(case: &Case<'_>) -> bool {
    let plan = case.plan;
    let Some(first) = case.run.steps.first() else { return false };
    plan.execd.contract != Contract::Args
        && matches!(case.payload.kind, Kind::Message | Kind::Alert | Kind::Sample)
        && case.run.not_containable.is_none()
        && plan.steps.first().is_some_and(|step| step.label == "add" && step.deed == Deed::Add)
        && judge::started(first)
        && !case.run.steps.iter().any(judge::hangs)
        && first.bytes_read > 0
        && first.answer != Some(Answer::Abort)
        // 126 and 127 are a shell's, or env's, for a program that is not there.
        && matches!(first.ended, Ended::Exit(status) if !matches!(status, 126 | 127))
        && !Did::of(first).works(plan.target.timeout != 0)
}

/// An address of the event that was taken for another one, as the rule that came of it shows. This
/// needs no trial.
pub fn misread(case: &Case<'_>) -> Option<Problem> {
    let (first, step) = (case.run.steps.first()?, case.plan.steps.first()?);
    let event: Value = serde_json::from_slice(&step.message).ok()?;
    let added: Vec<(&str, &str)> = first
        .effects
        .iter()
        .filter(|effect| matches!(effect.kind, EffectKind::Firewall | EffectKind::Route))
        .flat_map(|effect| effect.added.iter().map(|line| (effect.what.as_str(), line.as_str())))
        .collect();
    let wanting = wanting(&event, case.plan.execd.contract, case.needs);
    wanting.into_iter().find_map(|field| {
        let Fault::Address(text) = &field.fault else { return None };
        payload::misread(text)?.into_iter().find_map(|address| {
            let is_it = |word: &str| {
                let bare = word.split_once('/').map_or(word, |(address, _)| address);
                bare.parse() == Ok(address)
            };
            let (what, line) =
                added.iter().find(|(_, line)| line.split_whitespace().any(is_it))?;
            let path = &field.path;
            let short = path.strip_prefix("parameters.alert.").unwrap_or(path);
            let text = judge::piece(text.as_bytes());
            let effect = match address {
                IpAddr::V4(_) => "another host is blocked",
                IpAddr::V6(_) => "its IPv4 traffic passes",
            };
            Some(Problem {
                check: checks::PAYLOAD_ADDRESS,
                severity: Severity::Error,
                confidence: Confidence::Proven,
                what: format!("{path} is {text}, which the script blocks as {address}: {effect}."),
                fix: format!("Let the decoder give one whole address, or let the script test for it; to try, --set {short}={ADDRESS}."),
                pointer: Some(path.clone()),
                place: None,
                evidence: vec![Evidence::Observation {
                    source: format!("step {}, {what}", first.label),
                    text: format!("+ {}", judge::piece(line.as_bytes())),
                }],
            })
        })
    })
}

/// Nothing explains it yet: no error of another kind, and no field that is surely wrong.
pub fn is_open(findings: &[Finding]) -> bool {
    !findings.iter().any(|finding| {
        let guessed = OF_FIELDS.contains(&finding.check) && finding.confidence != Confidence::Proven;
        finding.severity == Severity::Error && !guessed && !FOLLOWS.contains(&finding.check)
    })
}

/// Plays the trials. `play` plays a plan in a new sandbox; none when it cannot.
pub fn of(case: &Case<'_>, play: &mut dyn FnMut(&Plan) -> Option<Run>) -> Proof {
    let mut proof = Proof::default();
    let (Some(first), Some(step)) = (case.run.steps.first(), case.plan.steps.first()) else {
        return proof;
    };
    let Ok(event) = serde_json::from_slice::<Value>(&step.message) else { return proof };
    let mut trials = Trials {
        plan: case.plan,
        message: &step.message,
        first: Did::of(first),
        left: MOST,
        spoilt: false,
        play,
    };
    let wanting = wanting(&event, case.plan.execd.contract, case.needs);
    // Other fields may lead a script astray, so the likely ones come alone first.
    let likely: Vec<Wanting> = wanting.iter().filter(|field| field.is_likely).cloned().collect();
    // They stand in front.
    let without = if likely.len() < wanting.len() { likely.len() } else { 0 };
    let helped = [(likely, 0), (wanting, without)]
        .into_iter()
        .skip(usize::from(without == 0))
        .find_map(|(fields, low)| trials.with(&fields).map(|step| trials.fewest(&fields, low, step)));
    match helped {
        // Once more as it was: what works by chance proves nothing.
        Some(Some((mut fields, step))) if trials.fails_again() => {
            // The one most scripts read was found last.
            fields.reverse();
            let seen = evidence(&fields, first, &step);
            proof.problems = fields.iter().map(|field| problem(field, &seen, case, trials.first)).collect();
            // Findings of one check on one script are told as one.
            let others: Vec<&str> = fields.iter().skip(1).map(|field| field.path.as_str()).collect();
            if let (Some(first), false) = (proof.problems.first_mut(), others.is_empty()) {
                first.what.push_str(&format!(" It needs {} as well.", others.join(" and ")));
            }
        }
        Some(_) => {}
        None => {
            if let Some((other, shown, plan)) = other_generation(case, &event)
                && let Some(step) = trials.mended(&plan)
                && trials.fails_again()
            {
                proof.contract = Some((other, format!("with {shown} the same script {}", deeds(&step))));
            }
        }
    }
    proof
}

struct Trials<'a> {
    plan: &'a Plan,
    message: &'a [u8],
    first: Did,
    /// Runs that are left.
    left: usize,
    /// One got stuck, or could not be played: no more.
    spoilt: bool,
    play: &'a mut dyn FnMut(&Plan) -> Option<Run>,
}

impl Trials<'_> {
    const fn stateful(&self) -> bool {
        self.plan.target.timeout != 0
    }

    fn run(&mut self, plan: &Plan) -> Option<StepRun> {
        if self.spoilt || self.left == 0 {
            return None;
        }
        self.left -= 1;
        let step = (self.play)(plan)
            .filter(|run| run.not_containable.is_none())
            .and_then(|run| run.steps.into_iter().next())
            .filter(|step| judge::started(step) && !judge::hangs(step));
        self.spoilt = step.is_none();
        step
    }

    /// What the script did, when it works with this plan.
    fn mended(&mut self, plan: &Plan) -> Option<StepRun> {
        let step = self.run(plan)?;
        Did::of(&step).mends(self.first, self.stateful()).then_some(step)
    }

    fn with(&mut self, fields: &[Wanting]) -> Option<StepRun> {
        let plan = plan_of(self.plan, filled(self.message, fields)?);
        self.mended(&plan)
    }

    fn fails_again(&mut self) -> bool {
        let plan = plan_of(self.plan, self.message.to_vec());
        self.run(&plan).is_some_and(|step| !Did::of(&step).mends(self.first, self.stateful()))
    }

    /// The fewest of the fields with which it works, and what it did then. Each round looks for
    /// the shortest beginning of the list that works: the last field of it is needed. With the
    /// first `low` it does not work. None when they are many, or it takes too many runs.
    fn fewest(
        &mut self,
        fields: &[Wanting],
        mut low: usize,
        step: StepRun,
    ) -> Option<(Vec<Wanting>, StepRun)> {
        let mut needed: Vec<Wanting> = Vec::new();
        let mut rest = fields.to_vec();
        let mut last = step;
        while needed.len() < FIELDS {
            // With `low` of them it does not work, with `high` it does.
            let mut high = rest.len();
            // Often the first one is all there is to it.
            let mut at = if low == 0 { 1 } else { low.midpoint(high) };
            while low + 1 < high {
                // One run is kept for the event as it was.
                if self.spoilt || self.left <= 1 {
                    return None;
                }
                let tried: Vec<Wanting> = needed.iter().chain(rest.iter().take(at)).cloned().collect();
                match self.with(&tried) {
                    Some(step) => (high, last) = (at, step),
                    None => low = at,
                }
                at = low.midpoint(high).max(low + 1);
            }
            rest.truncate(high);
            needed.extend(rest.pop());
            if rest.is_empty() {
                return Some((needed, last));
            }
            if self.spoilt || self.left <= 1 {
                return None;
            }
            if let Some(step) = self.with(&needed) {
                return Some((needed, step));
            }
            low = 0;
        }
        None
    }
}

fn plan_of(plan: &Plan, message: Vec<u8>) -> Plan {
    let step = Step { label: "trial".to_owned(), deed: Deed::Add, message, fresh: false, table_of: None };
    Plan {
        steps: vec![step],
        deadline: plan.deadline.min(LONGEST),
        stop_when_stuck: true,
        canaries: Vec::new(),
        ..plan.clone()
    }
}

// ---- fields ----

/// A field the event has not, or not in a form that every script can use.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanting {
    /// From the root of the message.
    path: String,
    /// What to try.
    value: Value,
    fault: Fault,
    /// The script reads it, or many do, or the event has it in a bad form.
    is_likely: bool,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    /// What it is instead of a text.
    Type(&'static str),
    /// This is no plain address.
    Address(String),
}

/// What responses read of an event of 4.x, below `parameters.alert`; what most read comes first.
const FOUR: [&str; 20] = [
    "data.srcip",
    "data.dstuser",
    "syscheck.path",
    "data.win.eventdata.ipAddress",
    "data.win.eventdata.targetUserName",
    "data.srcuser",
    "data.src_ip",
    "data.virustotal.source.file",
    "data.file",
    "data.dstip",
    "data.srcport",
    "data.url",
    "agent.id",
    "agent.name",
    "agent.ip",
    "rule.id",
    "rule.description",
    "location",
    "full_log",
    "id",
];
/// The same for 5.x.
const FIVE: [&str; 14] = [
    "source.ip",
    "user.name",
    "file.path",
    "client.ip",
    "destination.ip",
    "process.name",
    "host.hostname",
    "url.original",
    "event.original",
    "wazuh.agent.id",
    "wazuh.agent.name",
    "wazuh.rule.id",
    "wazuh.rule.title",
    "@timestamp",
];
/// How many of each most scripts read.
const COMMON: usize = 3;

/// What the event lacks: first what it has in a bad form, then what the script reads, or most do.
fn wanting(event: &Value, contract: Contract, needs: &Needs) -> Vec<Wanting> {
    let mut paths: Vec<(String, bool)> = Vec::new();
    for need in &needs.all {
        if need.contract().is_some_and(|other| other != contract)
            || matches!(need.wanted, Wanted::Object | Wanted::Words | Wanted::Number)
        {
            continue;
        }
        paths.extend(need.paths.iter().rev().map(|path| (path_in(path, contract), true)));
    }
    let (head, common): (_, &[&str]) =
        if contract == Contract::Json5 { ("", &FIVE) } else { ("parameters.alert.", &FOUR) };
    paths.extend(common.iter().enumerate().map(|(at, path)| (format!("{head}{path}"), at < COMMON)));
    let mut all: Vec<Wanting> = Vec::new();
    for (path, is_likely) in paths {
        if is_envelope(&path) || all.iter().any(|field| field.path == path) {
            continue;
        }
        let Some(fault) = fault_of(event, &path) else { continue };
        let is_likely = is_likely || fault != Fault::Missing;
        all.push(Wanting { value: value_for(&path).into(), path, fault, is_likely });
    }
    all.sort_by_key(|field| (field.fault == Fault::Missing, !field.is_likely));
    all
}

fn path_in(path: &str, contract: Contract) -> String {
    match path.strip_prefix("*.") {
        Some(name) if contract == Contract::Json4 => format!("parameters.alert.data.{name}"),
        Some(name) => name.to_owned(),
        None => path.to_owned(),
    }
}

/// What execd itself reads, and what is no field of an event.
fn is_envelope(path: &str) -> bool {
    const NAMES: [&str; 6] = [
        "command",
        "version",
        "origin",
        "parameters.program",
        "parameters.extra_args",
        "wazuh.active_response",
    ];
    let below =
        |rest: &str| rest.is_empty() || rest.strip_prefix(['.', '[']).is_some_and(|rest| !rest.is_empty());
    matches!(path, "parameters" | "parameters.alert" | "wazuh")
        || path.contains('[')
        || NAMES.iter().any(|name| path.strip_prefix(name).is_some_and(below))
}

/// The last name of a path, in small letters.
fn name_of(path: &str) -> String {
    path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase()
}

fn is_address(path: &str) -> bool {
    let name = name_of(path);
    name.ends_with("ip") || name.contains("ipaddr")
}

fn is_user(path: &str) -> bool {
    let name = name_of(path);
    name.contains("user") || name.contains("account") || path.ends_with("user.name")
}

fn value_for(path: &str) -> &'static str {
    let name = name_of(path);
    if is_address(path) {
        ADDRESS
    } else if is_user(path) {
        USER
    } else if name.contains("path") || name == "file" || name == "filename" {
        FILES.into_iter().find(|file| Path::new(file).is_file()).unwrap_or("/tmp/sample")
    } else if name.ends_with("port") {
        "51022"
    } else if name == "id" {
        "001"
    } else if name.ends_with("timestamp") {
        "2026-01-15T10:20:30.000Z"
    } else if name == "url" || path.ends_with("url.original") {
        "http://www.example.com/"
    } else {
        "sample"
    }
}

/// The value at a path, its names spelled as they are.
fn at<'a>(event: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(event, |value, name| value.get(name))
}

/// What is wrong with a field; none when any script can use it.
fn fault_of(event: &Value, path: &str) -> Option<Fault> {
    let telling = is_address(path) || is_user(path);
    match at(event, path) {
        None | Some(Value::Null) => Some(Fault::Missing),
        Some(Value::String(text)) if text.is_empty() => Some(Fault::Type("an empty text")),
        Some(Value::String(text)) => {
            (is_address(path) && !is_plain(text)).then(|| Fault::Address(text.clone()))
        }
        Some(_) if !telling => None,
        Some(Value::Bool(_)) => Some(Fault::Type("true or false")),
        Some(Value::Number(_)) => Some(Fault::Type("a number")),
        Some(Value::Array(_)) => Some(Fault::Type("an array")),
        Some(Value::Object(_)) => Some(Fault::Type("an object")),
    }
}

/// It is the address of a host, read alike by all.
fn is_plain(text: &str) -> bool {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => address.to_ipv4_mapped().is_none(),
        Ok(IpAddr::V4(_)) => true,
        Err(_) => false,
    }
}

/// The message with these fields put in; one for which there is no place is left out. None when
/// nothing is left then.
fn filled(message: &[u8], fields: &[Wanting]) -> Option<Vec<u8>> {
    let mut text = message.to_vec();
    for field in fields {
        // The same name in other letters would be taken for it.
        let base =
            if field.fault == Fault::Missing { payload::without(&text, &field.path) } else { text.clone() };
        if let Ok(new) = payload::with(&base, &field.path, &field.value) {
            text = new;
        }
    }
    (text != message).then_some(text)
}

// ---- words ----

/// `sends the key X, acts and ends with status 0`.
fn deeds(step: &StepRun) -> String {
    let did = Did::of(step);
    let mut parts: Vec<String> = Vec::new();
    if did.keyed {
        let keys = judge::usable(step.keys.as_deref().unwrap_or_default()).join(", ");
        parts.push(format!("sends the key {}", judge::piece(keys.as_bytes())));
    }
    if did.acted {
        parts.push("acts".to_owned());
    }
    let end = format!("ends {}", judge::how(step.ended));
    if parts.is_empty() { end } else { format!("{} and {end}", parts.join(", ")) }
}

fn evidence(fields: &[Wanting], first: &StepRun, step: &StepRun) -> Vec<Evidence> {
    let seen = |text: String| Evidence::Observation { source: "trial".to_owned(), text };
    let parts: Vec<String> = fields.iter().map(|field| format!("{} = {}", field.path, field.value)).collect();
    let (before, after) = (Did::of(first), Did::of(step));
    let lacks = match (before.keyed, before.acted) {
        (false, _) if after.keyed => ", without a usable key",
        (_, false) if after.acted => ", and nothing has changed",
        _ => "",
    };
    vec![
        seen(format!("with {} the same script {}", parts.join(" and "), deeds(step))),
        seen(format!("with the event as it is it ends {}{lacks}, both times", judge::how(first.ended))),
    ]
}

fn problem(field: &Wanting, seen: &[Evidence], case: &Case<'_>, first: Did) -> Problem {
    let path = &field.path;
    let short = path.strip_prefix("parameters.alert.").unwrap_or(path);
    // Nobody is to try a file of the system with --execute.
    let value = field.value.as_str().filter(|value| !value.starts_with('/')).unwrap_or("FILE");
    let (check, what, fix) = match &field.fault {
        Fault::Missing => (
            checks::PAYLOAD_FIELD_MISSING,
            format!("The event has no {path}, and the script does its work only with one."),
            format!(
                "Let the decoder of this event give {short}, or bind the response to rules whose events have it; to try, --set {short}={value}."
            ),
        ),
        Fault::Type(kind) => (
            checks::PAYLOAD_FIELD_TYPE,
            format!("{path} is {kind}, and the script does its work only with a text."),
            format!("Let the decoder give {short} as a string; to try, --set {short}={value}."),
        ),
        Fault::Address(text) => (
            checks::PAYLOAD_ADDRESS,
            format!(
                "{path} is \"{}\", and the script does its work only with a plain address.",
                judge::piece(text.as_bytes())
            ),
            format!("Let the decoder give one address; to try, --set {short}={value}."),
        ),
    };
    let is_sample = case.payload.kind == Kind::Sample;
    let fix = if is_sample {
        format!(
            "Play an event of the kind the script is for: --payload last, --payload FILE, or --set {short}={value}."
        )
    } else {
        fix
    };
    // A script that keeps to its contract may well mean to do nothing for such an event.
    let is_mild = is_sample || first.keeps(case.plan.target.timeout != 0);
    Problem {
        check,
        severity: if is_mild { Severity::Warning } else { Severity::Error },
        confidence: Confidence::Proven,
        what,
        fix,
        pointer: Some(path.clone()),
        place: None,
        evidence: seen.to_vec(),
    }
}

/// Puts what was proven in the place of what was only read out of the text of the script.
pub fn take_in(payload: &mut Payload, proven: Vec<Problem>) {
    let is_one = proven.len() == 1;
    for mut problem in proven {
        let path = problem.pointer.clone().unwrap_or_default();
        let is_same = |known: &&mut Problem| {
            OF_FIELDS.contains(&known.check)
                && known.pointer.as_ref().is_some_and(|pointer| match pointer.strip_prefix('*') {
                    Some(end) => path.ends_with(end),
                    None => *pointer == path,
                })
        };
        match payload.problems.iter_mut().find(is_same) {
            Some(known) => {
                problem.evidence.append(&mut known.evidence);
                if known.check == problem.check && is_one {
                    // Its words say more: where else the event has it, and the like.
                    problem.what = std::mem::take(&mut known.what);
                    problem.fix = std::mem::take(&mut known.fix);
                }
                *known = problem;
            }
            None => payload.problems.push(problem),
        }
    }
}

// ---- the other generation ----

/// Fields of an alert of 4.x and of a finding of 5.x that say the same; of several the first that
/// is there.
const PAIRS: [(&str, &str); 16] = [
    ("data.srcip", "source.ip"),
    ("data.win.eventdata.ipAddress", "source.ip"),
    ("data.srcport", "source.port"),
    ("data.dstip", "destination.ip"),
    ("data.dstuser", "user.name"),
    ("data.win.eventdata.targetUserName", "user.name"),
    ("data.srcuser", "user.name"),
    ("syscheck.path", "file.path"),
    ("predecoder.program_name", "process.name"),
    ("full_log", "event.original"),
    ("timestamp", "@timestamp"),
    ("agent.id", "wazuh.agent.id"),
    ("agent.name", "wazuh.agent.name"),
    ("rule.id", "wazuh.rule.id"),
    ("rule.description", "wazuh.rule.title"),
    ("manager.name", "wazuh.cluster.node"),
];

/// An alert of 4.x as a finding of 5.x, or the other way round.
fn translated(event: &Value, to: Contract) -> Option<Vec<u8>> {
    let is_new = to == Contract::Json5;
    let alert = if is_new { at(event, "parameters.alert")? } else { event };
    let mut text = if is_new { br#"{"wazuh":{}}"#.to_vec() } else { br#"{"rule":{},"data":{}}"#.to_vec() };
    for (four, five) in PAIRS {
        let (from, to) = if is_new { (four, five) } else { (five, four) };
        let known: Value = serde_json::from_slice(&text).ok()?;
        // data.win is for events of Windows only, and comes before srcip there.
        if let Some(value) = at(alert, from)
            && at(&known, to).is_none()
            && !to.contains(".win.")
        {
            text = payload::with(&text, to, value).ok()?;
        }
    }
    Some(text)
}

/// The same event as a message of the other generation, with the usual fields filled in, for the
/// execd of that generation.
fn other_generation(case: &Case<'_>, event: &Value) -> Option<(Contract, &'static str, Plan)> {
    let (other, shown) = match case.plan.execd.contract {
        Contract::Json4 => (Contract::Json5, "the same event as a message of 5.x"),
        Contract::Json5 => (Contract::Json4, "the same event as a message of 4.x"),
        Contract::Args => return None,
    };
    let is_new = other == Contract::Json5;
    let target = &case.plan.target;
    let file = target.path.file_name()?.to_str()?;
    let name = if is_new { file.to_owned() } else { format!("{file}{}", target.timeout) };
    let words = if is_new {
        let words = at(event, "parameters.extra_args").and_then(Value::as_array);
        words.map(|words| words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
    } else {
        at(event, "wazuh.active_response.extra_arguments").and_then(Value::as_str).map(str::to_owned)
    };
    let text = translated(event, other)?;
    let needs = Needs::default();
    let made = Payload::make(&Wish {
        source: Some(payload::Source { shown: "trial", bytes: &text, is_log: false }),
        contract: other,
        name: &name,
        program: file,
        rule: None,
        agent: None,
        deed: Some(Deed::Add),
        extra_args: words.as_deref().filter(|words| !words.is_empty()),
        timeout: Some(target.timeout),
        set: &[],
        needs: &needs,
    })
    .ok()?;
    let message: Value = serde_json::from_slice(&made.message).ok()?;
    let mut fields = wanting(&message, other, &needs);
    fields.retain(|field| field.is_likely);
    let text = filled(&made.message, &fields).unwrap_or(made.message);
    let mut plan = plan_of(case.plan, text);
    plan.ar_conf = (!is_new).then(|| format!("{name} - {file} - {}\n", target.timeout).into_bytes());
    plan.target.name = name;
    plan.execd.contract = other;
    plan.execd.version = None;
    Some((other, shown, plan))
}

#[cfg(test)]
#[path = "trial/tests.rs"]
mod tests;
