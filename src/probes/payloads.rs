//! What the messages in the logs of this host show: requests that a script cannot use, and such
//! as execd refused.
//!
//! They are held against what the script needs as `replay` does it. One message says nothing of
//! the next: only where none that was seen since execd was started is good it is an error. A
//! good one of the same rule behind it takes back what was wrong.

use std::collections::BTreeMap;

use super::logs::{seconds, told};
use super::{Probe, Sink, lossy, quote};
use crate::facts::payloads::{By, Logged, is_longest};
use crate::facts::{Executable, Facts, Response};
use crate::findings::{CheckId, Confidence, Finding, Severity, Subject, checks};
use crate::replay::fault;
use crate::replay::needs::Needs;
use crate::replay::payload::{Against, Payload, Problem, Source, Wish};
use crate::wazuh::version::Contract;

/// Messages of logs, against what scripts need.
pub(super) const PROBE: Probe = Probe {
    name: "payloads",
    checks: &[
        checks::PAYLOAD_FIELD_MISSING,
        checks::PAYLOAD_FIELD_TYPE,
        checks::PAYLOAD_NOT_JSON,
        checks::PAYLOAD_ADDRESS,
        checks::PAYLOAD_TOO_LARGE,
        checks::PAYLOAD_OTHER_CONTRACT,
    ],
    run,
};

/// Messages from which on they are a pattern.
const ENOUGH: usize = 3;

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || facts.contract() == Contract::Args {
        return;
    }
    let payloads = facts.payloads();
    if let Some(gap) = payloads.gaps.first() {
        let here = facts.indices(Response::is_here);
        for &check in PROBE.checks {
            sink.unknown(check, here.clone(), gap.clone());
        }
    }
    let mut by_program: BTreeMap<&[u8], Vec<&Logged>> = BTreeMap::new();
    let mut of_execd = Vec::new();
    for logged in &payloads.all {
        match &logged.by {
            By::Program(name) => by_program.entry(name).or_default().push(logged),
            By::Refused(_) | By::Received => of_execd.push(logged),
        }
    }
    for (name, all) in by_program {
        if let Some(executable) = facts.executables().iter().find(|executable| executable.name == name) {
            let more = payloads.more.get(&By::Program(name.to_vec())).copied().unwrap_or_default();
            program(facts, executable, &all, more, sink);
        }
    }
    let more = payloads.more.iter().filter(|(by, _)| !matches!(by, By::Program(_)));
    execd(facts, &of_execd, more.map(|(_, more)| more).sum(), sink);
}

/// A message and what is wrong with it.
type Wrong<'a> = (&'a Logged, Problem);

/// The requests of one program; so many `more` were not looked at.
fn program(facts: &Facts<'_>, executable: &Executable, all: &[&Logged], more: u64, sink: &mut Sink<'_, '_>) {
    let file = facts.script(executable);
    let text = file.bytes.get().filter(|_| executable.elf.get().is_none());
    let needs = Needs::of_stock(&executable.name, facts.contract(), facts.version())
        .or_else(|| text.map(|text| Needs::of_text(text)))
        .unwrap_or_default();
    let script = text.filter(|_| needs.stock.is_none()).map(|text| (file.shown.as_str(), text.as_slice()));
    let name = lossy(&executable.name);
    let mut wrong: BTreeMap<CheckId, Vec<Wrong<'_>>> = BTreeMap::new();
    for &logged in all {
        let mut told = Vec::new();
        for problem in problems(facts, logged, &name, &needs, script) {
            if !told.contains(&problem.check) {
                told.push(problem.check);
                wrong.entry(problem.check).or_default().push((logged, problem));
            }
        }
    }
    let responses = facts.users_of(executable);
    let response = responses.first().and_then(|&index| facts.response(index));
    let called = response.map_or_else(|| name.clone(), Response::shown);
    for (check, mut wrong) in wrong {
        let is_wrong = |logged: &Logged| wrong.iter().any(|(other, _)| std::ptr::eq(*other, logged));
        let good: Vec<&&Logged> = all.iter().filter(|logged| !is_wrong(logged)).collect();
        // What came behind it with the same rule was good.
        let is_over =
            |bad: &Logged| good.iter().any(|good| good.rule == bad.rule && place(good) > place(bad));
        wrong.retain(|(bad, _)| !is_over(bad));
        let Some((last, problem)) = wrong.last() else { continue };
        let worst = match (good.is_empty(), check) {
            (true, _) if wrong.len() >= ENOUGH => Severity::Error,
            // Bound by a level or a group it gets events that have no address at all.
            (false, checks::PAYLOAD_FIELD_MISSING) => Severity::Advice,
            _ => Severity::Warning,
        };
        let of = if all.len() == 1 {
            "its one message".to_owned()
        } else {
            format!("{}{} of the {} messages", at_least(more), wrong.len(), all.len() as u64 + more)
        };
        let rule = last.rule.map_or_else(String::new, |rule| format!(" of rule {rule}"));
        let title =
            format!("{called} can do nothing with {of} seen in its log, the last{rule}: {}", problem.what);
        let finding = Finding::new(check, Subject::File(executable.shown()), title)
            .severity(problem.severity.min(worst))
            .confidence(if needs.stock.is_some() { Confidence::Proven } else { problem.confidence })
            .cause("execd hands on what it is sent, and only the script misses what it needs. This is what arrived.")
            .stops(responses.iter().copied())
            .verify(format!("ar-doctor replay {} --payload last --check-only", quote(&called)));
        sink.find(shown(facts, finding, &wrong, more));
    }
}

/// Before a count, where so many more were not looked at.
const fn at_least(more: u64) -> &'static str {
    if more > 0 { "at least " } else { "" }
}

fn place(logged: &Logged) -> (usize, u64) {
    (logged.seen.file, logged.seen.offset)
}

/// What is wrong with a message for a program.
fn problems(
    facts: &Facts<'_>,
    logged: &Logged,
    program: &str,
    needs: &Needs,
    script: Option<(&str, &[u8])>,
) -> Vec<Problem> {
    let fault = fault::diagnose(&logged.text).map(|fault| fault.kind);
    // A text that ends where no more is read was longer.
    if is_longest(&logged.text) && fault == Some(fault::Kind::CutOff) {
        let what = format!("The message was cut off at {} bytes.", logged.text.len());
        let fix = "Let the rule fire on a shorter event; large members are full_log, previous_output and syscheck.diff.";
        return vec![Problem::new(checks::PAYLOAD_TOO_LARGE, what, fix)];
    }
    if fault == Some(fault::Kind::OldFormat) {
        let what = "The message is the text that 4.1 and earlier send.";
        let fix = "Bring manager and agent to versions that fit each other, and let the agent reconnect.";
        return vec![Problem::new(checks::PAYLOAD_OTHER_CONTRACT, what, fix)];
    }
    let wish = Wish {
        source: Some(Source { shown: "the log", bytes: &logged.text, is_log: false }),
        contract: facts.contract(),
        name: program,
        program,
        rule: None,
        agent: None,
        deed: None,
        extra_args: None,
        timeout: None,
        set: &[],
        needs,
    };
    let against =
        Against { needs, version: facts.version(), white_list: None, to_agent: false, arrived: true, script };
    let Ok(mut payload) = Payload::make(&wish) else { return Vec::new() };
    payload.check(&against);
    payload
        .problems
        .retain(|problem| problem.severity > Severity::Advice && PROBE.checks.contains(&problem.check));
    payload.problems
}

/// What execd refused, or, with debugging on, received.
fn execd(facts: &Facts<'_>, all: &[&Logged], more: u64, sink: &mut Sink<'_, '_>) {
    let needs = Needs::default();
    let mut wrong: BTreeMap<CheckId, Vec<Wrong<'_>>> = BTreeMap::new();
    for &logged in all {
        let mut found = problems(facts, logged, "", &needs, None);
        // The number stands for itself.
        if let (By::Refused(number), []) = (&logged.by, found.as_slice()) {
            let (check, what) = match number {
                1316 => (checks::PAYLOAD_OTHER_CONTRACT, "The message has no text in command."),
                _ => (checks::PAYLOAD_NOT_JSON, "The message is no JSON object."),
            };
            found.push(Problem::new(check, what, "Send it again from where it comes, as JSON."));
        }
        if let Some(problem) = found.into_iter().next() {
            wrong.entry(problem.check).or_default().push((logged, problem));
        }
    }
    for (check, wrong) in wrong {
        let Some((last, problem)) = wrong.last() else { continue };
        let count = match wrong.len() {
            1 => "a message".to_owned(),
            count => format!("{}{count} messages", at_least(more)),
        };
        let when = seconds(last.seen.time).map_or_else(String::new, |time| format!(", last {}", told(time)));
        let title = format!("wazuh-execd was sent {count} that it cannot use{when}: {}", problem.what);
        let named = wrong.iter().filter_map(|(logged, _)| Some(facts.named(response_of(&logged.text)?)));
        let finding = Finding::new(check, Subject::Process("wazuh-execd".to_owned()), title)
            .severity(problem.severity.min(Severity::Warning))
            .stops(named.flatten().copied())
            .cause("execd starts nothing for such a message, and nobody sends it again.")
            .verify("ar-doctor check --since 10m");
        sink.find(shown(facts, finding, &wrong, more));
    }
}

/// The name of the response in a message that may be cut, or in the text of 4.1.
fn response_of(text: &[u8]) -> Option<&[u8]> {
    const COMMAND: &[u8] = b"\"command\":\"";
    match memchr::memmem::find(text, COMMAND) {
        Some(at) => text.get(at + COMMAND.len()..)?.split(|&byte| byte == b'"').next(),
        None if text.starts_with(b"{") => None,
        None => text.split(u8::is_ascii_whitespace).next(),
    }
}

/// The finding with its lines, and how to mend it.
fn shown(facts: &Facts<'_>, mut finding: Finding, wrong: &[Wrong<'_>], more: u64) -> Finding {
    let (Some((first, _)), Some((last, problem))) = (wrong.first(), wrong.last()) else { return finding };
    if let Some(log) = facts.log(last.log).get() {
        let label = match (wrong.len(), seconds(first.seen.time)) {
            (1, _) | (_, None) => "this message".to_owned(),
            // The first of more is not known.
            (count, Some(_)) if more > 0 => format!("at least {count} such messages"),
            (count, Some(time)) => format!("{count} such messages, first {}", told(time)),
        };
        finding = finding.evidence(facts.log_line(log, &last.seen, b"", label));
    }
    finding.evidence.extend(problem.evidence.iter().cloned());
    if !problem.fix.is_empty() {
        finding = finding.remedy(problem.fix.clone());
    }
    finding
}
