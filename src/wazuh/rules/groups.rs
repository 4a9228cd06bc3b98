//! Group texts of the rules, each kept once: most rules share theirs with others, so that a
//! pattern has to be looked for in far fewer texts than there are rules.

use std::collections::HashMap;

use super::words::WordMatch;

/// Which rule has which group text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Groups {
    /// Different texts, in the order they came.
    texts: Vec<Vec<u8>>,
    by_text: HashMap<Vec<u8>, usize>,
    /// Of each rule, its place in `texts`.
    of_rule: Vec<usize>,
    /// Of each pattern asked for, whether it is in the texts there were then.
    asked: HashMap<Vec<u8>, Vec<bool>>,
}

impl Groups {
    /// The next rule's text.
    pub(super) fn push(&mut self, text: &[u8]) {
        let index = self.index(text);
        self.of_rule.push(index);
    }

    /// Takes the last rule back.
    pub(super) fn pop(&mut self) {
        self.of_rule.pop();
    }

    /// Gives a rule another text.
    pub(super) fn replace(&mut self, rule: usize, text: &[u8]) {
        let index = self.index(text);
        if let Some(of_rule) = self.of_rule.get_mut(rule) {
            *of_rule = index;
        }
    }

    /// The rules in whose text an `if_group` is found, in their order.
    pub(super) fn rules_with(&mut self, pattern: &[u8]) -> impl Iterator<Item = usize> {
        if !self.asked.contains_key(pattern) {
            self.asked.insert(pattern.to_vec(), Vec::new());
        }
        let found = self.asked.get_mut(pattern).map_or(&mut [][..], |found| {
            if found.len() < self.texts.len() {
                let (words, mut lower) = (WordMatch::new(pattern), Vec::new());
                let new = self.texts.get(found.len()..).unwrap_or_default();
                found.extend(new.iter().map(|text| words.is_in(text, &mut lower)));
            }
            found.as_mut_slice()
        });
        let rules = self.of_rule.iter().enumerate();
        rules.filter(|&(_, &text)| found.get(text) == Some(&true)).map(|(rule, _)| rule)
    }

    /// The rules of whose text something holds, in their order.
    pub(super) fn rules_where(&self, holds: impl FnMut(&[u8]) -> bool) -> impl Iterator<Item = usize> {
        let found: Vec<bool> = self.texts.iter().map(Vec::as_slice).map(holds).collect();
        let rules = self.of_rule.iter().enumerate();
        rules.filter(move |&(_, &text)| found.get(text) == Some(&true)).map(|(rule, _)| rule)
    }

    fn index(&mut self, text: &[u8]) -> usize {
        // Rules of one text mostly stand together.
        if let Some(&last) = self.of_rule.last()
            && self.texts.get(last).is_some_and(|known| known == text)
        {
            return last;
        }
        if let Some(&index) = self.by_text.get(text) {
            return index;
        }
        let index = self.texts.len();
        self.texts.push(text.to_vec());
        self.by_text.insert(text.to_vec(), index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_asked_for_again_is_looked_for_in_what_came_since() {
        let mut groups = Groups::default();
        let found = |groups: &mut Groups, pattern: &[u8]| groups.rules_with(pattern).collect::<Vec<_>>();
        groups.push(b"syslog,SSHD,");
        groups.push(b"web,");
        groups.push(b"syslog,SSHD,");
        assert_eq!(found(&mut groups, b"sshd"), [0, 2]);
        groups.replace(0, b"web,");
        groups.push(b"ids,sshd,");
        assert_eq!(found(&mut groups, b"sshd"), [2, 3]);
        groups.pop();
        groups.push(b"web,");
        assert_eq!(found(&mut groups, b"sshd"), [2]);
        assert_eq!(found(&mut groups, b"^web"), [0, 1, 3]);
    }
}
