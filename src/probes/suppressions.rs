//! What is wrong with the entries of `ar-doctor.toml` themselves.

use super::{Probe, Sink, Unknown, applies};
use crate::facts::Facts;
use crate::findings::{CheckId, Finding, Subject, checks};
use crate::suppress::{Rule, Suppressions};

/// Entries that have expired. Those that suppress nothing are known when all was found: see
/// [`unmatched`].
pub(super) const PROBE: Probe = Probe {
    name: "suppressions",
    checks: &[checks::SUPPRESSION_EXPIRED, checks::SUPPRESSION_UNMATCHED],
    run,
};

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let Some(suppressions) = facts.suppressions() else { return };
    for rule in suppressions.rules.iter().filter(|rule| !rule.holds(facts.today())) {
        let last = rule.expires.map(|day| day.to_string()).unwrap_or_default();
        let title =
            format!("{} suppresses {} no more: it expired on {last}.", suppressions.place(rule), told(rule));
        sink.find(finding(checks::SUPPRESSION_EXPIRED, suppressions, rule, title));
    }
}

/// Entries that are in force and suppress nothing. Only what could be looked for is missing: the
/// check belongs to this host and was made (`made`), and no fact of it was unknown.
pub fn unmatched(
    facts: &Facts<'_>,
    made: &dyn Fn(CheckId) -> bool,
    unknown: &[Unknown],
    used: &[bool],
) -> Vec<Finding> {
    let Some(suppressions) = facts.suppressions() else { return Vec::new() };
    // What changed is seen only against a baseline.
    let of_baseline = [checks::SCRIPT_DRIFT, checks::RESPONSE_DRIFT];
    let was_made = |check: CheckId| {
        made(check)
            && applies(facts, check)
            && !unknown.iter().any(|unknown| unknown.check == check)
            && (facts.baseline().is_some() || !of_baseline.contains(&check))
    };
    let idle = suppressions.rules.iter().zip(used).filter(|(_, used)| !**used).map(|(rule, _)| rule);
    idle.filter(|rule| rule.holds(facts.today()) && was_made(rule.check))
        .map(|rule| {
            let title =
                format!("{} suppresses nothing: {} was not found.", suppressions.place(rule), told(rule));
            finding(checks::SUPPRESSION_UNMATCHED, suppressions, rule, title)
        })
        .collect()
}

/// `AR061 about x`.
fn told(rule: &Rule) -> String {
    format!("{} about {}", rule.check.check().id, rule.subject)
}

fn finding(check: CheckId, suppressions: &Suppressions, rule: &Rule, title: String) -> Finding {
    // The line would change with every entry above.
    let what = format!("{}, {}", rule.check.check().id, rule.subject);
    Finding::new(check, Subject::Config(suppressions.shown.clone(), what), title)
        .observed(suppressions.place(rule), format!("its reason: {}", rule.reason))
}
