//! Says in the evidence of a finding what changed since it last worked: against
//! the last trace of a run, and against a baseline.

use std::collections::BTreeSet;

use crate::facts::change::{instant, span};
use crate::facts::{Executable, Facts, Runs};
use crate::findings::{Evidence, Finding, Severity, Subject, checks};
use crate::wazuh::ar_log::Trace;

/// Adds what changed to every finding that stops or bends a response and is about
/// a file.
pub(super) fn annotate(facts: &Facts<'_>, findings: &mut [Finding]) {
    if facts.is_bare() {
        return;
    }
    let baseline = facts.baseline().is_some();
    for finding in findings {
        if finding.severity < Severity::Warning {
            continue;
        }
        match &finding.subject {
            Subject::File(path) => {
                let found = facts.executables().iter().position(|executable| executable.shown() == *path);
                if let Some(at) = found {
                    of_script(facts, finding, at);
                } else if [&facts.config().file.path, &facts.ar_conf().file.path]
                    .iter()
                    .any(|file| file.as_os_str() == path.as_str())
                {
                    of_config(facts, finding);
                }
            }
            Subject::Config(..) => of_config(facts, finding),
            Subject::Response(_) | Subject::Command(_) | Subject::Process(_) | Subject::Mount(_) => {}
        }
        if baseline {
            of_definitions(facts, finding);
        }
    }
}

fn observe(finding: &mut Finding, source: impl Into<String>, text: String) {
    finding.evidence.push(Evidence::Observation { source: source.into(), text });
}

fn of_script(facts: &Facts<'_>, finding: &mut Finding, at: usize) {
    let Some(executable) = facts.executables().get(at) else { return };
    if let (Some(change), Some(run)) = (changed(executable), run_of(facts, executable)) {
        after(facts, finding, &executable.shown(), change, run);
    }
    let drift = facts.drift().scripts.iter().find(|drift| drift.executable == at);
    if let (Some(drift), Some(baseline)) = (drift, facts.baseline())
        && finding.check != checks::SCRIPT_DRIFT
    {
        observe(finding, baseline.told(), format!("since then: {}", drift.what.join(", ")));
    }
}

/// When the entry of an executable, or the file it leads to, was changed last.
fn changed(executable: &Executable) -> Option<i64> {
    let entry = executable.entry.get()?.ctime;
    Some(executable.target.get().map_or(entry, |target| entry.max(target.meta.ctime)))
}

fn run_of(facts: &Facts<'_>, executable: &Executable) -> Option<Trace> {
    facts.traces().get()?.of(&executable.name)
}

/// A file of the configuration, against the last run of the responses it stops.
fn of_config(facts: &Facts<'_>, finding: &mut Finding) {
    let path = match &finding.subject {
        Subject::Config(shown, _) => facts.under_home(shown),
        Subject::File(path) => path.into(),
        _ => return,
    };
    // What runs elsewhere is logged there.
    let names: BTreeSet<&[u8]> = finding
        .responses
        .iter()
        .filter_map(|&index| facts.response(index))
        .filter(|response| response.runs != Runs::There)
        .filter_map(|response| response.executable.as_deref())
        .collect();
    if names.is_empty() {
        return;
    }
    let Some(traces) = facts.traces().get() else { return };
    let Some(run) = names.iter().filter_map(|name| traces.of(name)).max_by_key(|run| run.time) else {
        return;
    };
    let Some(change) = facts.resolve(&path).get().map(|file| file.meta.mtime) else { return };
    let shown = facts.shown(&path);
    after(facts, finding, &shown, change, run);
}

fn after(facts: &Facts<'_>, finding: &mut Finding, shown: &str, change: i64, run: Trace) {
    let Some(later) = facts.traces().get().and_then(|traces| traces.later(run.time, change)) else { return };
    let text = format!(
        "changed {}, {} after the last {} ({})",
        instant(change),
        span(later),
        if run.is_end { "run that came to its end" } else { "line of the script in active-responses.log" },
        instant(run.time)
    );
    observe(finding, shown, text);
}

/// Responses a finding stops that are not defined as in the baseline.
fn of_definitions(facts: &Facts<'_>, finding: &mut Finding) {
    let Some(baseline) = facts.baseline() else { return };
    if !matches!(finding.subject, Subject::Config(..) | Subject::Response(_) | Subject::Command(_)) {
        return;
    }
    let changed: Vec<&str> = facts
        .drift()
        .responses
        .iter()
        .filter(|drift| drift.now.is_some_and(|index| finding.responses.contains(&index)))
        .map(|drift| drift.name.as_str())
        .collect();
    if !changed.is_empty() && finding.check != checks::RESPONSE_DRIFT {
        observe(
            finding,
            baseline.told(),
            format!("since then the definition of {} changed", changed.join(", ")),
        );
    }
}
