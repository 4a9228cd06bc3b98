//! Lists of lines: what was added and removed, cut to what a report can show.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

/// Lines of a diff that are shown, each way; the rest is counted.
const SHOWN: usize = 20;

/// Characters of a line that are shown.
const LONGEST: usize = 500;

/// Lines that are different, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Only in the later list.
    pub(super) added: Vec<String>,
    /// Only in the earlier list.
    pub(super) removed: Vec<String>,
}

impl Difference {
    /// What turns `old` into `new`.
    pub(super) fn between(old: &[String], new: &[String]) -> Self {
        let mut difference = Self::default();
        // Past the deadline the answer is coarser, never wrong.
        let deadline = Instant::now() + Duration::from_millis(200);
        for op in capture_diff_slices_deadline(Algorithm::Myers, old, new, Some(deadline)) {
            if matches!(op, DiffOp::Equal { .. }) {
                continue;
            }
            difference.removed.extend(old.get(op.old_range()).unwrap_or_default().iter().cloned());
            difference.added.extend(new.get(op.new_range()).unwrap_or_default().iter().cloned());
        }
        difference
    }

    /// Nothing is different.
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// `2 rules added, 1 removed`.
    pub(super) fn sentence(&self, one: &str, many: &str) -> String {
        let count = |n: usize| format!("{n} {}", if n == 1 { one } else { many });
        match (self.added.len(), self.removed.len()) {
            (added, 0) => format!("{} added", count(added)),
            (0, removed) => format!("{} removed", count(removed)),
            (added, removed) => format!("{} added, {removed} removed", count(added)),
        }
    }
}

/// The first lines, cut, and a last one that counts the rest.
pub(super) fn cut(lines: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = lines
        .iter()
        .take(SHOWN)
        .map(|line| match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
            None => line.clone(),
        })
        .collect();
    match lines.len().saturating_sub(SHOWN) {
        0 => {}
        1 => shown.push("... 1 more line".to_owned()),
        rest => shown.push(format!("... {rest} more lines")),
    }
    shown
}

/// Whether `end` keeps something of what turned `before` into `after`: a line that was added
/// and is still there, or one that was removed and is still missing. Lines `counts` refuses
/// are not asked; none when that leaves nothing to ask.
pub(super) fn undone(
    before: &[String],
    after: &[String],
    end: &[String],
    counts: impl Fn(&str) -> bool,
) -> Option<bool> {
    let (before, after, end) = (tally(before), tally(after), tally(end));
    let mut asked = false;
    let mut undone = true;
    let keys: std::collections::BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    for line in keys {
        let number = |of: &BTreeMap<&str, usize>| of.get(line).copied().unwrap_or(0);
        let (was, is, then) = (number(&before), number(&after), number(&end));
        if was == is || !counts(line) {
            continue;
        }
        asked = true;
        undone &= if is > was { then <= was } else { then >= was };
    }
    // The same lines in another order: only the same order takes that back, or none of it matters.
    asked.then_some(undone)
}

fn tally(lines: &[String]) -> BTreeMap<&str, usize> {
    let mut tally = BTreeMap::new();
    for line in lines {
        *tally.entry(line.as_str()).or_insert(0) += 1;
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.chars().map(|c| c.to_string()).collect()
    }

    #[test]
    fn differences() {
        for (old, new, added, removed, sentence) in [
            ("", "a", "a", "", "1 rule added"),
            ("a", "", "", "a", "1 rule removed"),
            ("abc", "axbyc", "xy", "", "2 rules added"),
            ("abc", "ac", "", "b", "1 rule removed"),
            ("aab", "ab", "", "a", "1 rule removed"),
            ("abc", "xyc", "xy", "ab", "2 rules added, 2 removed"),
        ] {
            let difference = Difference::between(&list(old), &list(new));
            assert_eq!(difference.added, list(added), "{old} {new}");
            assert_eq!(difference.removed, list(removed), "{old} {new}");
            assert_eq!(difference.sentence("rule", "rules"), sentence);
        }
        assert!(Difference::between(&list("abc"), &list("abc")).is_empty());
    }

    #[test]
    fn cutting() {
        let lines: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        assert_eq!(cut(&lines).len(), 21);
        assert_eq!(cut(&lines).last().unwrap(), "... 5 more lines");
        assert_eq!(cut(&lines[..21]).last().unwrap(), "... 1 more line");
        assert_eq!(cut(&lines[..20]), lines[..20]);
        assert_eq!(cut(&["ä".repeat(501)])[0].chars().count(), 503);
        assert_eq!(cut(&["ä".repeat(500)])[0].chars().count(), 500);
    }

    #[test]
    fn undoing() {
        for (before, after, end, want) in [
            ("", "a", "", Some(true)),
            ("", "a", "a", Some(false)),
            // Two rules for one address, one delete.
            ("", "aa", "a", Some(false)),
            ("a", "aa", "a", Some(true)),
            ("ab", "b", "ab", Some(true)),
            ("ab", "b", "b", Some(false)),
            // Something else came in the meantime.
            ("b", "ab", "bc", Some(true)),
            ("b", "a", "b", Some(true)),
            ("b", "a", "", Some(false)),
            // Only what counts is asked.
            ("", "ax", "x", Some(true)),
            ("", "x", "x", None),
        ] {
            let got = undone(&list(before), &list(after), &list(end), |line| line != "x");
            assert_eq!(got, want, "{before} {after} {end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_difference_leads_from_one_to_the_other(old in "[abc]{0,12}", new in "[abc]{0,12}") {
            let (old, new) = (list(&old), list(&new));
            let difference = Difference::between(&old, &new);
            proptest::prop_assert_eq!(difference.is_empty(), old == new);
            let mut left = tally(&new).into_iter().map(|(k, n)| (k.to_owned(), n as i64)).collect::<BTreeMap<_, _>>();
            for line in &difference.added { *left.entry(line.clone()).or_default() -= 1; }
            for line in &difference.removed { *left.entry(line.clone()).or_default() += 1; }
            for line in &old { *left.entry(line.clone()).or_default() -= 1; }
            proptest::prop_assert!(left.values().all(|n| *n == 0));
            proptest::prop_assert_ne!(undone(&old, &new, &old, |_| true), Some(false));
            if tally(&old) != tally(&new) {
                proptest::prop_assert_eq!(undone(&old, &new, &new, |_| true), Some(false));
            }
        }
    }
}
