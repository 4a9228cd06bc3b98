//! Exit statuses. They are part of the interface: scripts branch on them, and
//! they never depend on the format of a report.

use crate::findings::Severity;

/// All is well.
pub const FINE: u8 = 0;

/// `check`: a finding at or above `--fail-on`. `show`: a daemon would refuse to start.
pub const FOUND: u8 = 1;

/// The command line is wrong, or names a file that cannot be read.
pub const USAGE: u8 = 2;

/// There is nothing to diagnose: no home, several of them, or one that cannot be
/// entered (then a report is printed all the same). `replay`: nothing to run, not
/// permitted, or nothing that a sandbox can hold. A file that `--output` names cannot be written.
pub const NOTHING: u8 = 3;

/// `check --strict`: something that belongs to this side could not be examined.
pub const INCOMPLETE: u8 = 4;

/// `replay`: contract or payload broken, which is a warning or an error.
pub const BROKEN: u8 = 5;

/// A fault of this program. A report that it did not stop is printed all the same.
pub const INTERNAL: u8 = 70;

/// Interrupted. The signal keeps its default action, so it is the shell that makes this number of
/// it; only while a file is written the program takes the unfinished one away, and ends with it.
pub const INTERRUPTED: u8 = 130;

/// What makes `check` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Findings of this severity and above; none is never.
    pub fail_on: Option<Severity>,
    /// Whether an incomplete report fails.
    pub strict: bool,
}

/// What a run of `check` came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// A probe failed.
    pub failed: bool,
    /// The home could not be entered.
    pub sealed: bool,
    /// The worst finding.
    pub worst: Option<Severity>,
    /// Something could not be examined.
    pub incomplete: bool,
}

/// The status of `check`. Where several hold, a fault of this program comes
/// first, then nothing to diagnose, then findings, then an incomplete report.
pub fn of_check(outcome: Outcome, policy: Policy) -> u8 {
    let found = policy.fail_on.is_some_and(|least| outcome.worst >= Some(least));
    if outcome.failed {
        INTERNAL
    } else if outcome.sealed {
        NOTHING
    } else if found {
        FOUND
    } else if policy.strict && outcome.incomplete {
        INCOMPLETE
    } else {
        FINE
    }
}

/// The status of `replay`: a script that was not run to its end comes before findings,
/// which count from a warning on.
pub fn of_replay(worst: Option<Severity>, not_run: bool) -> u8 {
    if not_run {
        NOTHING
    } else if worst >= Some(Severity::Warning) {
        BROKEN
    } else {
        FINE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: Option<Severity> = Some(Severity::Error);
    const WARNING: Option<Severity> = Some(Severity::Warning);
    const ADVICE: Option<Severity> = Some(Severity::Advice);

    #[test]
    fn fail_on_decides_which_findings_count() {
        for (worst, fail_on, status) in [
            (None, ERROR, FINE),
            (None, ADVICE, FINE),
            (ADVICE, ERROR, FINE),
            (ADVICE, WARNING, FINE),
            (ADVICE, ADVICE, FOUND),
            (WARNING, ERROR, FINE),
            (WARNING, WARNING, FOUND),
            (WARNING, ADVICE, FOUND),
            (ERROR, ERROR, FOUND),
            (ERROR, WARNING, FOUND),
            (ERROR, ADVICE, FOUND),
            (ERROR, None, FINE),
            (None, None, FINE),
        ] {
            let outcome = Outcome { worst, ..Outcome::default() };
            assert_eq!(of_check(outcome, Policy { fail_on, strict: false }), status, "{worst:?} {fail_on:?}");
            assert_eq!(of_check(outcome, Policy { fail_on, strict: true }), status, "{worst:?} {fail_on:?}");
        }
    }

    #[test]
    fn a_broken_contract_comes_before_what_was_not_run() {
        for (worst, not_run, status) in [
            (None, false, FINE),
            (ADVICE, false, FINE),
            (WARNING, false, BROKEN),
            (ERROR, false, BROKEN),
            (None, true, NOTHING),
            (ADVICE, true, NOTHING),
            (WARNING, true, NOTHING),
            (ERROR, true, NOTHING),
        ] {
            assert_eq!(of_replay(worst, not_run), status, "{worst:?} {not_run}");
        }
    }

    #[test]
    fn precedence_is_70_3_1_4() {
        for bits in 0..16_u8 {
            let (failed, sealed, found, incomplete) =
                (bits & 8 != 0, bits & 4 != 0, bits & 2 != 0, bits & 1 != 0);
            let outcome = Outcome { failed, sealed, worst: found.then_some(Severity::Error), incomplete };
            let strict = match (failed, sealed, found, incomplete) {
                (true, ..) => 70,
                (_, true, ..) => 3,
                (_, _, true, _) => 1,
                (.., true) => 4,
                _ => 0,
            };
            let lax = if strict == 4 { 0 } else { strict };
            assert_eq!(of_check(outcome, Policy { fail_on: ERROR, strict: true }), strict, "{outcome:?}");
            assert_eq!(of_check(outcome, Policy { fail_on: ERROR, strict: false }), lax, "{outcome:?}");
        }
    }
}
