//! Folding and ranking: which finding comes first, and which ones it explains.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::findings::{CheckId, Confidence, Finding, Severity, Stage};

/// What entries are sorted by, in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Worst first.
    pub severity: Reverse<Severity>,
    /// Surest first.
    pub confidence: Reverse<Confidence>,
    /// Most responses first.
    pub stops: Reverse<usize>,
    /// Earliest stage first.
    pub stage: Stage,
    /// Earliest place in the configuration first.
    pub position: usize,
    /// Then by id and subject, so that the order is the same every time.
    pub check: CheckId,
    /// See `check`.
    pub subject: String,
}

impl Key {
    /// The key of a finding.
    pub fn of(finding: &Finding) -> Self {
        Self {
            severity: Reverse(finding.severity),
            confidence: Reverse(finding.confidence),
            stops: Reverse(finding.responses.len()),
            stage: finding.check.check().stage,
            position: finding.position,
            check: finding.check,
            subject: finding.subject.to_string(),
        }
    }
}

/// A finding with those it explains.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The cause.
    pub finding: Finding,
    /// What is seen because of it, ranked.
    pub folded: Vec<Finding>,
    /// Why it stands where it stands.
    pub key: Key,
}

/// Tells findings of one check on subjects of one name apart, by their order in
/// the configuration, so that no two have the same fingerprint.
fn number_namesakes(findings: &mut [Finding]) {
    let mut by_name: BTreeMap<(CheckId, String), Vec<usize>> = BTreeMap::new();
    for (at, finding) in findings.iter().enumerate() {
        by_name.entry((finding.check, finding.subject.to_string())).or_default().push(at);
    }
    for mut namesakes in by_name.into_values() {
        namesakes.sort_by_key(|&at| findings[at].position);
        for (nth, at) in namesakes.into_iter().enumerate().skip(1) {
            findings[at].subject.number(nth + 1);
        }
    }
}

/// Sorts, and gives each finding the name that the report has for it: one fault that was met twice
/// is one finding, and two faults of one name are told apart. What is settled stays as it is.
pub(super) fn settle(findings: &mut Vec<Finding>) {
    findings.sort_by_cached_key(Key::of);
    findings.dedup_by(|later, first| {
        let same =
            later.check == first.check && later.subject == first.subject && later.position == first.position;
        if same {
            // One fault that two probes or two users of a file met is one finding.
            first.responses.append(&mut later.responses);
            first.responses.sort_unstable();
            first.responses.dedup();
        }
        same
    });
    number_namesakes(findings);
}

/// Folds and sorts. A pure function: the same findings in any order give the
/// same entries.
///
/// A finding is folded under the best ranked one that can explain it and shares
/// a response, a file or a process with it. One that is worse than its
/// explanation is never folded: it would be hidden by something milder. What a script does by
/// itself is folded only under what the same one does.
pub fn rank(mut findings: Vec<Finding>) -> Vec<Entry> {
    settle(&mut findings);
    // By check, since only few checks explain another, and findings may be many.
    let mut by_check: BTreeMap<CheckId, Vec<usize>> = BTreeMap::new();
    for (at, finding) in findings.iter().enumerate() {
        by_check.entry(finding.check).or_default().push(at);
    }
    let explains = |cause: usize, seen: usize| {
        cause != seen
            && findings[cause].severity >= findings[seen].severity
            && share(&findings[cause], &findings[seen])
    };
    let explainer: Vec<Option<usize>> = (0..findings.len())
        .map(|seen| {
            let checks = by_check.iter().filter(|(check, _)| check.can_explain(findings[seen].check));
            checks.filter_map(|(_, causes)| causes.iter().copied().find(|&cause| explains(cause, seen))).min()
        })
        .collect();
    // Follow the chain to its root; the catalogue has no cycle, the bound makes sure.
    let root = |mut at: usize| {
        for _ in 0..findings.len() {
            match explainer[at] {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    };
    let roots: Vec<usize> = (0..findings.len()).map(root).collect();
    let mut folded: BTreeMap<usize, Vec<Finding>> = BTreeMap::new();
    let mut entries: Vec<(usize, Entry)> = Vec::new();
    for (at, finding) in findings.into_iter().enumerate() {
        if roots[at] == at {
            entries.push((at, Entry { key: Key::of(&finding), finding, folded: Vec::new() }));
        } else {
            folded.entry(roots[at]).or_default().push(finding);
        }
    }
    let mut entries: Vec<Entry> = entries
        .into_iter()
        .map(|(at, entry)| Entry { folded: folded.remove(&at).unwrap_or_default(), ..entry })
        .collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries
}

/// Whether a cause and what is seen have something in common.
fn share(a: &Finding, b: &Finding) -> bool {
    if b.of_script {
        return a.of_script && a.subject == b.subject;
    }
    a.responses.iter().any(|response| b.responses.contains(response))
        || a.shares.iter().any(|what| b.shares.contains(what))
        || a.subject == b.subject
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Subject, checks};

    fn found(check: CheckId, subject: &str) -> Finding {
        Finding::new(check, Subject::File(subject.to_owned()), subject)
    }

    /// Subjects in the order of the report, folded ones behind a slash.
    fn order(findings: Vec<Finding>) -> Vec<String> {
        rank(findings)
            .iter()
            .map(|entry| {
                let folded = entry.folded.iter().map(|folded| format!("/{}", folded.title));
                std::iter::once(entry.finding.title.clone()).chain(folded).collect()
            })
            .collect()
    }

    #[test]
    fn each_part_of_the_key_decides_in_turn() {
        let base = || found(checks::INTERPRETER_MISSING, "base").stops([0]).at(50);
        let cases: Vec<(&str, Finding, Finding)> = vec![
            (
                "severity before confidence",
                found(checks::INTERPRETER_MISSING, "first").confidence(Confidence::Possible).stops([0]),
                base().severity(Severity::Warning),
            ),
            (
                "confidence before the number of responses",
                found(checks::INTERPRETER_MISSING, "first").stops([0]),
                base().confidence(Confidence::Likely).stops([1, 2]),
            ),
            (
                "the number of responses before the stage",
                found(checks::INTERPRETER_MISSING, "first").stops([0, 1]),
                found(checks::COMMAND_UNDEFINED, "base").stops([2]),
            ),
            (
                "the stage before the position",
                found(checks::EXECUTABLE_MISSING, "first").stops([0]).at(90),
                base(),
            ),
            (
                "the position before the name",
                found(checks::INTERPRETER_MISSING, "first").stops([0]).at(10),
                base(),
            ),
        ];
        for (what, first, second) in cases {
            assert_eq!(order(vec![second.clone(), first.clone()]), ["first", "base"], "{what}");
            assert_eq!(order(vec![first, second]), ["first", "base"], "{what}, the other way round");
        }
    }

    #[test]
    fn what_a_script_does_is_explained_by_the_script_alone() {
        let seen = || found(checks::KEYS_MISSING, "seen").stops([1]).of_script();
        let cause = |subject: &str| {
            let subject = Subject::File(subject.to_owned());
            Finding::new(checks::STDIN_READ_TO_END, subject, "cause").stops([1]).of_script()
        };
        assert_eq!(order(vec![cause("seen"), seen()]), ["cause/seen"], "the same script");
        assert_eq!(order(vec![cause("other"), seen()]).len(), 2, "another script");
        let of_host = found(checks::TOOL_MISSING, "seen").stops([1]).severity(Severity::Error);
        assert_eq!(order(vec![of_host, seen()]).len(), 2, "the host");
    }

    #[test]
    fn a_fold_needs_a_cause_and_something_in_common() {
        let cause = || found(checks::CONFIG_XML_ERROR, "cause").shares("process:execd");
        let seen = || found(checks::EXECD_NOT_RUNNING, "seen");
        assert_eq!(order(vec![seen().shares("process:execd"), cause()]), ["cause/seen"], "a process");
        assert_eq!(order(vec![seen().stops([1]), cause().stops([1, 2])]), ["cause/seen"], "a response");
        assert_eq!(order(vec![seen().stops([3]), cause().stops([1])]), ["cause", "seen"], "nothing");
        let other = found(checks::AR_LOG_MISSING, "seen").shares("process:execd");
        assert_eq!(order(vec![other, cause()]), ["cause", "seen"], "no cause of that");
    }

    #[test]
    fn what_is_worse_is_never_folded() {
        let cause = found(checks::EXECD_NOT_RUNNING, "cause").severity(Severity::Warning).stops([0]);
        let seen = found(checks::STALE_PID_FILE, "seen").severity(Severity::Error).stops([0]);
        assert_eq!(order(vec![cause, seen]), ["seen", "cause"]);
    }

    #[test]
    fn a_chain_folds_under_its_root() {
        let findings = vec![
            found(checks::STALE_PID_FILE, "c").stops([0]),
            found(checks::EXECD_NOT_RUNNING, "b").stops([0]),
            found(checks::CONFIG_XML_ERROR, "a").stops([0]),
        ];
        assert_eq!(order(findings), ["a/b/c"]);
    }

    #[test]
    fn one_fault_met_twice_is_one_entry() {
        let twice = vec![
            found(checks::EXECUTABLE_MISSING, "x").stops([0]),
            found(checks::EXECUTABLE_MISSING, "x").stops([1]),
        ];
        let entries = rank(twice);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].finding.responses, [0, 1]);
    }

    proptest::proptest! {
        #[test]
        fn the_order_of_findings_does_not_matter(
            picks in proptest::collection::vec((0..92_usize, 0..3_usize, 0..3_usize, 0..4_usize), 0..12),
            turn in 0..12_usize,
        ) {
            let findings: Vec<Finding> = picks
                .iter()
                .enumerate()
                .filter_map(|(number, (check, severity, confidence, response))| {
                    let check = CheckId::all().nth(*check)?;
                    let severity = [Severity::Advice, Severity::Warning, Severity::Error][*severity];
                    let confidence = [Confidence::Possible, Confidence::Likely, Confidence::Proven][*confidence];
                    let finding = found(check, &number.to_string()).severity(severity).confidence(confidence);
                    Some(finding.stops([*response]))
                })
                .collect();
            let mut turned = findings.clone();
            if !turned.is_empty() {
                let by = turn % turned.len();
                turned.rotate_left(by);
            }
            let total = findings.len();
            let ranked = order(findings);
            proptest::prop_assert_eq!(&ranked, &order(turned));
            proptest::prop_assert_eq!(ranked.iter().map(|entry| entry.split('/').count()).sum::<usize>(), total);
        }
    }
}
