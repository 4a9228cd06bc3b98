//! Runs the probes over the facts and makes one ranked report of what they say:
//! stages, folding, ranking.

pub mod accept;
mod change;
pub mod rank;
pub mod stages;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::baseline::{Baseline, Comparison};
use crate::facts::{COLLECTORS, Facts, Response};
use crate::findings::{CheckId, Evidence, Finding, ResponseIndex, Severity, Stage};
use crate::host::{Gap, GapKind};
use crate::probes::{PROBES, Probe, Sink, applies, logs, suppressions};
use crate::trace::gather::{Gathered, recall};

pub use crate::probes::Unknown;
pub use accept::Suppressed;
pub use rank::{Entry, Key};
pub use stages::{Basis, Elsewhere, Reason, StageResult, State};

/// What a run may be told.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only responses of this name, command, executable or id.
    pub response: Option<String>,
}

/// What was found about one response.
#[derive(Clone, Debug)]
pub struct ResponseResult {
    /// Its place in [`Facts::responses`].
    pub index: ResponseIndex,
    /// The ten stages in order.
    pub stages: Vec<StageResult>,
    /// The first broken stage, and the check that names it.
    pub verdict: Verdict,
    /// All that stops or bends it is suppressed.
    pub accepted: bool,
}

/// The answer for one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stops here.
    Stops(Stage, CheckId),
    /// It is bent, not stopped, first here.
    Bent(Stage, CheckId),
    /// Nothing that could be seen stops it.
    NoFault,
    /// It is not meant to run on this host, or at all.
    NotMeant,
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// By response, in the order of the file.
    pub responses: Vec<ResponseResult>,
    /// Ranked, worst first, folded ones inside.
    pub entries: Vec<Entry>,
    /// What the site has accepted; no part of the entries, and it decides nothing.
    pub suppressed: Vec<Suppressed>,
    /// What is new and what is gone since the baseline, where there is one.
    pub compared: Option<Comparison>,
    /// What could not be found out.
    pub unknown: Vec<Unknown>,
    /// How many checks were made.
    pub checks: usize,
    /// Probes that failed, with what they said.
    pub failed_probes: Vec<(&'static str, String)>,
    /// What became of the alerts of the responses; only where something is wrong with one.
    pub trace: Option<Gathered>,
}

impl Diagnosis {
    /// All findings but those that are suppressed, folded ones behind the one that explains them.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.entries.iter().flat_map(|entry| std::iter::once(&entry.finding).chain(&entry.folded))
    }

    /// The worst severity found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings().map(|finding| finding.severity).max()
    }

    /// Whether something that belongs to this side was not seen: a check could not
    /// be made, a probe failed, or something that every report reads was not read.
    pub fn is_incomplete(&self, facts: &Facts<'_>) -> bool {
        !self.unknown.is_empty()
            || !self.failed_probes.is_empty()
            || facts.install.sealed.is_some()
            || is_blind(facts)
    }
}

/// Why something that every report reads was not read.
pub fn collector_gaps<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = Gap> + 'a {
    // Whoever gives a bare file asks about that file; the rest is not missing.
    let asked = if facts.is_bare() { &COLLECTORS[..1] } else { COLLECTORS };
    asked.iter().filter_map(|(_, gap)| gap(facts))
}

/// Whether something that every report reads was not read.
fn is_blind(facts: &Facts<'_>) -> bool {
    collector_gaps(facts).next().is_some()
}

/// Runs every probe.
pub fn run(facts: &Facts<'_>, options: &Options) -> Diagnosis {
    run_probes(facts, options, PROBES)
}

/// Runs these probes; [`run`] with another list, for tests.
pub fn run_probes(facts: &Facts<'_>, options: &Options, probes: &[Probe]) -> Diagnosis {
    let mut findings = Vec::new();
    let mut unknown = Vec::new();
    let mut failed_probes = Vec::new();
    for probe in probes {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut sink = Sink::new(facts);
            (probe.run)(facts, &mut sink);
            sink.into_parts()
        }));
        match result {
            Ok((found, gaps)) => {
                findings.extend(found);
                unknown.extend(gaps);
            }
            Err(panic) => {
                let said = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                let gap = Gap {
                    kind: GapKind::Failed,
                    source: format!("probe {}", probe.name),
                    why: format!("it failed: {said}. This is a fault of ar-doctor, please report it"),
                };
                unknown.extend(probe.checks.iter().filter(|check| applies(facts, **check)).map(|check| {
                    Unknown { check: *check, responses: facts.all_responses(), gap: gap.clone() }
                }));
                failed_probes.push((probe.name, said.to_owned()));
            }
        }
    }
    let made = |check: CheckId| probes.iter().any(|probe| probe.checks.contains(&check));
    let mut told = findings.clone();
    match catch_unwind(AssertUnwindSafe(|| logs::tell(facts, &made, &mut told, &unknown))) {
        Ok(()) => findings = told,
        Err(_) => failed_probes.push(("logs", "it failed".to_owned())),
    }
    change::annotate(facts, &mut findings);
    unknown.sort();
    unknown.dedup();
    let checks = probes.iter().flat_map(|probe| probe.checks).filter(|check| applies(facts, **check)).count();

    let wanted: Vec<ResponseIndex> = facts
        .all_responses()
        .into_iter()
        .filter(|&index| options.response.as_deref().is_none_or(|name| is_named(facts, index, name)))
        .collect();
    let mut of_response: Vec<stages::Seen<'_>> = Vec::new();
    of_response.resize_with(facts.responses().len(), stages::Seen::default);
    let mut ranked: Vec<&Finding> = findings.iter().collect();
    ranked.sort_by_cached_key(|finding| Key::of(finding));
    for finding in ranked {
        for &index in &finding.responses {
            if let Some(seen) = of_response.get_mut(index) {
                seen.findings.push(finding);
            }
        }
    }
    for gap in &unknown {
        for &index in &gap.responses {
            if let Some(seen) = of_response.get_mut(index) {
                seen.unknown.push(gap);
            }
        }
    }
    let mut responses: Vec<ResponseResult> = wanted
        .iter()
        .filter_map(|&index| Some(stages::result(facts, index, of_response.get(index)?, probes)))
        .collect();
    if options.response.is_some() {
        findings.retain(|finding| {
            finding.responses.is_empty() && finding.severity == Severity::Error
                || finding.responses.iter().any(|index| wanted.contains(index))
        });
        unknown.retain(|unknown| unknown.responses.iter().any(|index| wanted.contains(index)));
    }
    let is_trouble = |finding: &Finding| finding.severity > Severity::Advice && !finding.responses.is_empty();
    let mut trace = None;
    if findings.iter().any(is_trouble) {
        match catch_unwind(AssertUnwindSafe(|| recall(facts))) {
            Ok(gathered) => trace = gathered.ok(),
            Err(_) => failed_probes.push(("trace", "it failed".to_owned())),
        }
    }
    let (entries, suppressed) = accepted(facts, findings, |used| match options.response {
        // Of the other responses nothing is known.
        Some(_) => Vec::new(),
        // What every check looks at was not seen whole: probes know no more of what is missing.
        None if is_blind(facts) => Vec::new(),
        None => suppressions::unmatched(facts, &made, &unknown, used),
    });
    let standing: BTreeSet<ResponseIndex> = entries
        .iter()
        .flat_map(|entry| std::iter::once(&entry.finding).chain(&entry.folded))
        .filter(|finding| finding.severity > Severity::Advice)
        .flat_map(|finding| finding.responses.iter().copied())
        .collect();
    for result in &mut responses {
        result.accepted = match result.verdict {
            Verdict::Stops(..) | Verdict::Bent(..) => !standing.contains(&result.index),
            Verdict::NoFault | Verdict::NotMeant => false,
        };
    }
    let mut diagnosis =
        Diagnosis { responses, entries, suppressed, compared: None, unknown, checks, failed_probes, trace };
    diagnosis.compared = facts.baseline().map(|baseline| compared(facts, options, baseline, &diagnosis));
    diagnosis
}

/// Ranks what is left of the findings when those are taken out that the site has accepted.
/// `unmatched` makes findings of the entries that were not used.
fn accepted(
    facts: &Facts<'_>,
    mut findings: Vec<Finding>,
    unmatched: impl FnOnce(&[bool]) -> Vec<Finding>,
) -> (Vec<Entry>, Vec<Suppressed>) {
    let Some(suppressions) = facts.suppressions().filter(|all| !all.rules.is_empty()) else {
        return (rank::rank(findings), Vec::new());
    };
    // Entries name what the report names.
    rank::settle(&mut findings);
    let today = facts.today();
    let name = |&index: &ResponseIndex| facts.response(index).map(Response::shown);
    let about = |finding: &Finding| {
        let is_named = suppressions.rules.iter().any(|rule| rule.check == finding.check);
        let named = finding.responses.iter().filter(|_| is_named);
        let responses: Vec<String> = named.filter_map(name).collect();
        suppressions.rules.iter().map(move |rule| rule.is_about(finding, &responses)).collect::<Vec<bool>>()
    };
    let mut used = vec![false; suppressions.rules.len()];
    for finding in &mut findings {
        for ((rule, is_about), used) in suppressions.rules.iter().zip(about(finding)).zip(&mut used) {
            *used |= is_about;
            if let (true, false, Some(last)) = (is_about, rule.holds(today), rule.expires) {
                let text = format!("accepted until {last}: {}", rule.reason);
                finding.evidence.push(Evidence::Observation { source: suppressions.place(rule), text });
            }
        }
    }
    findings.extend(unmatched(&used));
    accept::accept(findings, |finding| {
        let mut rules = suppressions.rules.iter().zip(about(finding));
        rules.position(|(rule, is_about)| is_about && rule.holds(today))
    })
}

/// Holds the findings against those of the baseline.
fn compared(facts: &Facts<'_>, options: &Options, baseline: &Baseline, diagnosis: &Diagnosis) -> Comparison {
    let suppressed = diagnosis.suppressed.iter().map(|suppressed| &suppressed.finding);
    let today = diagnosis.findings().chain(suppressed).map(|finding| facts.redacted(finding.fingerprint()));
    // Which responses and executables there are was not seen whole: no check was made for all of them.
    let is_blind = is_blind(facts);
    let unknown =
        |id: &str| is_blind || diagnosis.unknown.iter().any(|unknown| unknown.check.check().id == id);
    let is_asked = |responses: &[String]| {
        options.response.is_none()
            || diagnosis
                .responses
                .iter()
                .filter_map(|result| facts.response(result.index))
                .any(|response| responses.iter().any(|id| *id == facts.redacted(&response.id)))
    };
    baseline.compare(&today.collect(), unknown, is_asked)
}

/// Whether a response is called so: its name, its command, its id or its executable.
pub fn is_named(facts: &Facts<'_>, index: ResponseIndex, name: &str) -> bool {
    facts.response(index).is_some_and(|response| {
        let wanted = name.as_bytes();
        response.name == wanted
            || response.id == name
            || response.command.as_deref() == Some(wanted)
            || response.executable.as_deref() == Some(wanted)
    })
}
