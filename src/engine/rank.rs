//! Folding and ranking: which finding comes first, and which ones it explains.

use std::cmp::Reverse;

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

/// Folds and sorts. A pure function: the same findings in any order give the
/// same entries.
///
/// A finding is folded under the best ranked one that can explain it and shares
/// a response, a file or a process with it. One that is worse than its
/// explanation is never folded: it would be hidden by something milder.
pub fn rank(mut findings: Vec<Finding>) -> Vec<Entry> {
    findings.sort_by_cached_key(Key::of);
    findings.dedup_by(|later, first| {
        let same = later.check == first.check && later.subject == first.subject && later.position == first.position;
        if same {
            // One fault that two probes or two users of a file met is one finding.
            first.responses.append(&mut later.responses);
            first.responses.sort_unstable();
            first.responses.dedup();
        }
        same
    });
    let explainer: Vec<Option<usize>> = (0..findings.len())
        .map(|seen| {
            (0..findings.len()).find(|&cause| {
                cause != seen
                    && findings[cause].check.can_explain(findings[seen].check)
                    && findings[cause].severity >= findings[seen].severity
                    && share(&findings[cause], &findings[seen])
            })
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
    let mut entries: Vec<(usize, Entry)> = Vec::new();
    for (at, finding) in findings.iter().enumerate() {
        if roots[at] == at {
            entries.push((at, Entry { key: Key::of(finding), finding: finding.clone(), folded: Vec::new() }));
        }
    }
    for (at, finding) in findings.into_iter().enumerate() {
        if roots[at] != at
            && let Some((_, entry)) = entries.iter_mut().find(|(index, _)| *index == roots[at])
        {
            entry.folded.push(finding);
        }
    }
    let mut entries: Vec<Entry> = entries.into_iter().map(|(_, entry)| entry).collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries
}

fn share(a: &Finding, b: &Finding) -> bool {
    a.responses.iter().any(|response| b.responses.contains(response))
        || a.shares.iter().any(|what| b.shares.contains(what))
        || a.subject == b.subject
}
