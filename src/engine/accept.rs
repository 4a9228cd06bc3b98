//! Takes what a site has accepted out of the ranked findings.
//!
//! Who accepts a cause accepts what it does to the responses it stops, so that one fault needs one
//! entry: a finding that was folded under a suppressed one goes with it. It comes up, as an entry
//! of its own, when it concerns a response that the suppressed one does not: that was not accepted.
//! And it stays where it is when a finding that is not suppressed explains it as well. What is
//! suppressed by itself leaves the fold it was in, and its cause stays.

use std::collections::{BTreeMap, BTreeSet};

use super::rank::{Entry, rank};
use crate::findings::{Finding, ResponseIndex};

/// A finding that is accepted.
#[derive(Clone, Debug)]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// Place of the entry in the file.
    pub rule: usize,
    /// Fingerprint of the suppressed finding it is seen because of; none when the entry names it.
    pub because_of: Option<String>,
}

/// Ranks findings without those that an entry is about, and returns those, too, by rank.
pub fn accept(
    findings: Vec<Finding>,
    rule_of: impl Fn(&Finding) -> Option<usize>,
) -> (Vec<Entry>, Vec<Suppressed>) {
    let ranked = rank(findings);
    let rules: BTreeMap<String, usize> = ranked
        .iter()
        .flat_map(|entry| std::iter::once(&entry.finding).chain(&entry.folded))
        .filter_map(|finding| Some((finding.fingerprint(), rule_of(finding)?)))
        .collect();
    if rules.is_empty() {
        return (ranked, Vec::new());
    }
    let others = |entry: &Entry| {
        let all = std::iter::once(&entry.finding).chain(&entry.folded).cloned();
        all.filter(|finding| !rules.contains_key(&finding.fingerprint())).collect::<Vec<Finding>>()
    };
    // Which one explains what, as if the suppressed ones were not there.
    let explained_by: BTreeMap<String, String> = rank(ranked.iter().flat_map(others).collect())
        .iter()
        .flat_map(|entry| {
            let cause = entry.finding.fingerprint();
            entry.folded.iter().map(move |folded| (folded.fingerprint(), cause.clone()))
        })
        .collect();
    let (mut kept, mut suppressed, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for entry in ranked {
        let cause = entry.finding.fingerprint();
        let accepted = rules.get(&cause).copied();
        let responses: BTreeSet<ResponseIndex> = entry.finding.responses.iter().copied().collect();
        let (named, rest): (Vec<Finding>, Vec<Finding>) =
            entry.folded.into_iter().partition(|finding| rules.contains_key(&finding.fingerprint()));
        let named = named.into_iter().filter_map(|finding| {
            let rule = *rules.get(&finding.fingerprint())?;
            Some(Suppressed { finding, rule, because_of: None })
        });
        match accepted {
            None => {
                kept.push(Entry { finding: entry.finding, folded: rest, key: entry.key });
                suppressed.extend(named);
            }
            Some(rule) => {
                suppressed.push(Suppressed { finding: entry.finding, rule, because_of: None });
                suppressed.extend(named);
                left.extend(rest.into_iter().map(|finding| {
                    let goes = finding.responses.iter().all(|response| responses.contains(response));
                    (Suppressed { finding, rule, because_of: Some(cause.clone()) }, goes)
                }));
            }
        }
    }
    let names: BTreeSet<String> = left.iter().map(|(left, _)| left.finding.fingerprint()).collect();
    // The one that explains another may itself be folded.
    let places: BTreeMap<String, usize> = kept
        .iter()
        .enumerate()
        .flat_map(|(at, entry): (usize, &Entry)| {
            std::iter::once(&entry.finding).chain(&entry.folded).map(move |one| (one.fingerprint(), at))
        })
        .collect();
    let mut up = Vec::new();
    for (left, goes) in left {
        let by = explained_by.get(&left.finding.fingerprint()).filter(|by| !names.contains(*by));
        let under = by.and_then(|by| kept.get_mut(*places.get(by)?));
        match under {
            Some(entry) => entry.folded.push(left.finding),
            None if goes => suppressed.push(left),
            None => up.push(left.finding),
        }
    }
    kept.extend(rank(up));
    kept.sort_by(|a, b| a.key.cmp(&b.key));
    (kept, suppressed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{CheckId, Severity, Subject, checks};

    fn found(check: CheckId, name: &str, responses: &[usize]) -> Finding {
        Finding::new(check, Subject::File(name.to_owned()), name).stops(responses.iter().copied())
    }

    /// What is left, folded ones behind a slash, and what is suppressed.
    fn told(findings: Vec<Finding>, names: &[&str]) -> (Vec<String>, Vec<String>) {
        let (entries, suppressed) =
            accept(findings, |finding| names.iter().position(|name| *name == finding.title));
        let entries = entries.iter().map(|entry| {
            let folded = entry.folded.iter().map(|folded| format!("/{}", folded.title));
            std::iter::once(entry.finding.title.clone()).chain(folded).collect()
        });
        let suppressed = suppressed.iter().map(|one| match one.because_of {
            Some(_) => format!("({})", one.finding.title),
            None => one.finding.title.clone(),
        });
        (entries.collect(), suppressed.collect())
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    /// What is not valid XML explains that execd does not run, and that its stale pid file.
    fn chain(responses: [&[usize]; 3]) -> Vec<Finding> {
        vec![
            found(checks::CONFIG_XML_ERROR, "a", responses[0]),
            found(checks::EXECD_NOT_RUNNING, "b", responses[1]),
            found(checks::STALE_PID_FILE, "c", responses[2]),
        ]
    }

    #[test]
    fn what_a_suppressed_cause_explains_goes_with_it_or_comes_up() {
        let same: [&[usize]; 3] = [&[0], &[0], &[0]];
        for (what, findings, names, entries, suppressed) in [
            ("nothing", chain(same), &[][..], &["a/b/c"][..], &[][..]),
            ("the cause, with all it explains", chain(same), &["a"], &[], &["a", "(b)", "(c)"]),
            (
                "another response was not accepted",
                chain([&[0], &[0, 1], &[0]]),
                &["a"],
                &["b"],
                &["a", "(c)"],
            ),
            ("the last of the chain", chain(same), &["c"], &["a/b"], &["c"]),
            ("the middle of the chain", chain(same), &["b"], &["a/c"], &["b"]),
            ("two of them", chain(same), &["a", "c"], &[], &["a", "c", "(b)"]),
        ] {
            assert_eq!(told(findings, names), (strings(entries), strings(suppressed)), "{what}");
        }
    }

    #[test]
    fn what_another_one_explains_as_well_stays() {
        let mut findings = chain([&[0], &[0], &[0]]);
        // A second cause of the pid file, which ranks behind.
        findings.push(found(checks::EXECD_NOT_RUNNING, "d", &[0]).severity(Severity::Warning));
        findings[1].severity = Severity::Advice;
        findings[2].severity = Severity::Advice;
        let (entries, suppressed) = told(findings, &["a"]);
        assert_eq!((entries, suppressed), (Vec::new(), strings(&["a", "(d)", "(b)", "(c)"])));
        let findings = vec![
            found(checks::CONFIG_XML_ERROR, "a", &[0]),
            found(checks::EXECD_NOT_RUNNING, "d", &[0, 1]),
            found(checks::STALE_PID_FILE, "c", &[0]),
        ];
        // It shares a response with both, and the one that comes up explains it.
        let (entries, suppressed) = told(findings, &["a"]);
        assert_eq!((entries, suppressed), (strings(&["d"]), strings(&["a", "(c)"])));
    }

    proptest::proptest! {
        #[test]
        fn no_finding_is_lost_and_none_that_is_named_stays(
            picks in proptest::collection::vec((0..92_usize, 0..3_usize, 0..4_usize, 0..4_usize), 0..12),
            named in proptest::collection::btree_set(0..12_usize, 0..5),
        ) {
            let findings: Vec<Finding> = picks
                .iter()
                .enumerate()
                .filter_map(|(number, (check, severity, one, other))| {
                    let check = CheckId::all().nth(*check)?;
                    let severity = [Severity::Advice, Severity::Warning, Severity::Error][*severity];
                    Some(found(check, &number.to_string(), &[*one, *other]).severity(severity))
                })
                .collect();
            let total = findings.len();
            let is_named = |finding: &Finding| finding.title.parse().is_ok_and(|number| named.contains(&number));
            let (entries, suppressed) = accept(findings, |finding| is_named(finding).then_some(0));
            let left: Vec<&Finding> =
                entries.iter().flat_map(|entry| std::iter::once(&entry.finding).chain(&entry.folded)).collect();
            proptest::prop_assert_eq!(left.len() + suppressed.len(), total);
            proptest::prop_assert!(!left.iter().any(|finding| is_named(finding)));
            proptest::prop_assert!(suppressed.iter().all(|one| is_named(&one.finding) == one.because_of.is_none()));
            proptest::prop_assert!(entries.is_sorted_by(|a, b| a.key <= b.key));
        }
    }
}
