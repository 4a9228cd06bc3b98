//! Which responses a rule starts.
//!
//! Model: `src/analysisd/rules.c Rule_AddAR`, 4.14; the same in every 4.x.

use super::super::ossec_conf::{Configuration, Outcome, ResponseBlock};
use super::os_regex::{OsRegex, os_regex};
use super::{Rule, Ruleset};

/// What binding asks of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFacts {
    /// Its number.
    pub id: u32,
    /// Its level, as [`Rule::response_level`].
    pub level: u32,
    /// The rule has a level but `accuracy="0"`.
    pub without_accuracy: bool,
    /// Its group text.
    pub groups: Vec<u8>,
    /// The group text is put together from an alert: compliance groups are not in it and a
    /// pattern that spans two groups may be judged wrongly.
    pub groups_guessed: bool,
    /// `<options>no_ar`.
    pub no_ar: bool,
}

impl RuleFacts {
    /// Of a loaded rule.
    pub fn of(rule: &Rule) -> Self {
        Self {
            id: rule.id,
            level: rule.response_level,
            without_accuracy: rule.response_level == 0 && rule.level != 0,
            groups: rule.group.clone(),
            groups_guessed: false,
            no_ar: rule.no_ar,
        }
    }

    /// Of an alert, when the rules are not known.
    pub fn of_alert<G: AsRef<[u8]>>(id: u32, level: u32, groups: &[G]) -> Self {
        let mut text = Vec::new();
        for group in groups {
            text.extend_from_slice(group.as_ref());
            text.push(b',');
        }
        Self { id, level, without_accuracy: false, groups: text, groups_guessed: true, no_ar: false }
    }
}

/// Why a rule never starts a response, whatever the response asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbindable {
    /// Level 0.
    LevelZero,
    /// `accuracy="0"`: the level responses look at is 0.
    WithoutAccuracy,
    /// `<options>no_ar`.
    NoAr,
}

impl RuleFacts {
    /// Why no response is ever bound to it.
    pub fn unbindable(&self) -> Option<Unbindable> {
        if self.without_accuracy {
            Some(Unbindable::WithoutAccuracy)
        } else if self.level == 0 {
            Some(Unbindable::LevelZero)
        } else {
            self.no_ar.then_some(Unbindable::NoAr)
        }
    }
}

/// What binds a rule to a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// The level is high enough.
    pub level: bool,
    /// The group fits; when a level is set too, both are true or neither counts.
    pub group: bool,
    /// The number is listed.
    pub id: bool,
}

/// Why a response is not bound to a rule: everything it asks for, and that it is not met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Miss {
    /// `<level>` and the rule's, when the rule's is lower.
    pub level: Option<(u32, u32)>,
    /// `<rules_group>` and the rule's groups, when it is not found there.
    pub group: Option<(Vec<u8>, Vec<u8>)>,
    /// The numbers read from `<rules_id>`, when the rule's is not among them.
    pub ids: Option<Vec<u32>>,
    /// `<rules_id>` is given, and nothing is read from it.
    pub ids_unreadable: bool,
    /// It asks for nothing at all, so that it never starts.
    pub no_trigger: bool,
}

/// Is the response bound to the rule? It is taken for granted that the rule can be bound at
/// all, see [`RuleFacts::unbindable`].
pub fn bind(response: &ResponseBlock, rule: &RuleFacts) -> Result<Bound, Miss> {
    let mut bound = Bound::default();
    let mut miss = Miss::default();
    let wanted = response.level_in_force.map(i32::unsigned_abs);
    let high = wanted.map(|wanted| rule.level >= wanted);
    let pattern = response.rules_group.as_ref().map(|value| value.text.as_slice());
    let grouped = pattern.map(|pattern| os_regex(pattern, &rule.groups));
    match (high, grouped) {
        (Some(high), Some(grouped)) => {
            bound.level = high && grouped;
            bound.group = high && grouped;
        }
        (high, grouped) => {
            bound.level = high == Some(true);
            bound.group = grouped == Some(true);
        }
    }
    bound.id = response.rule_ids.contains(&rule.id);
    if bound.level || bound.group || bound.id {
        return Ok(bound);
    }
    if let (Some(wanted), Some(false)) = (wanted, high) {
        miss.level = Some((wanted, rule.level));
    }
    if let (Some(pattern), Some(false)) = (pattern, grouped) {
        miss.group = Some((pattern.to_vec(), rule.groups.clone()));
    }
    if response.rules_id.is_some() {
        miss.ids_unreadable = response.rule_ids.is_empty();
        miss.ids = Some(response.rule_ids.clone());
    }
    miss.no_trigger = wanted.is_none() && pattern.is_none() && response.rule_ids.is_empty();
    Err(miss)
}

/// True when analysisd keeps the response.
pub(super) fn in_force(response: &ResponseBlock) -> bool {
    matches!(response.outcome, Outcome::Active | Outcome::CrashesWhenFired)
}

impl Ruleset {
    /// The rules a response is bound to, in the order they were loaded; none when it is not in
    /// force.
    pub fn bound_rules(&self, response: &ResponseBlock) -> Vec<(usize, Bound)> {
        if !in_force(response) {
            return Vec::new();
        }
        // The pattern is compiled once and not per rule.
        let pattern = response.rules_group.as_ref().and_then(|value| OsRegex::compile(&value.text).ok());
        let wanted = response.level_in_force.map(i32::unsigned_abs);
        let mut bound = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.response_level == 0 || rule.no_ar {
                continue;
            }
            let high = wanted.is_some_and(|wanted| rule.response_level >= wanted);
            let mut grouped = pattern.as_ref().is_some_and(|pattern| pattern.matches(&rule.group));
            let mut level = high;
            if wanted.is_some() && response.rules_group.is_some() {
                grouped &= high;
                level = grouped;
            }
            let id = response.rule_ids.contains(&rule.id);
            if level || grouped || id {
                bound.push((index, Bound { level, group: grouped, id }));
            }
        }
        bound
    }

    /// The responses a rule starts, by their index, in the order analysisd runs them.
    pub fn bound_responses(&self, rule: &Rule, conf: &Configuration) -> Vec<(usize, Bound)> {
        let facts = RuleFacts::of(rule);
        if facts.unbindable().is_some() {
            return Vec::new();
        }
        let responses = conf.responses.iter().enumerate();
        responses
            .filter(|(_, response)| in_force(response))
            .filter_map(|(index, response)| Some((index, bind(response, &facts).ok()?)))
            .collect()
    }

    /// The numbers in `<rules_id>` that no loaded rule has. While some file is unknown,
    /// nothing can be said.
    pub fn missing_ids(&self, response: &ResponseBlock) -> Vec<u32> {
        if !self.is_complete() {
            return Vec::new();
        }
        response.rule_ids.iter().copied().filter(|&id| self.index(id).is_none()).collect()
    }

    /// The rules in whose groups a pattern was found before an overwrite took it out.
    pub fn rules_taken_out(&self, pattern: &[u8]) -> Vec<usize> {
        let Ok(pattern) = OsRegex::compile(pattern) else { return Vec::new() };
        let was_in = |rule: &Rule| {
            rule.group_before.as_ref().is_some_and(|before| pattern.matches(before))
                && !pattern.matches(&rule.group)
        };
        let rules = self.rules.iter().enumerate();
        rules.filter(|(_, rule)| was_in(rule)).map(|(index, _)| index).collect()
    }

    /// The rules in whose groups a pattern is found, whatever their level.
    pub fn rules_in_group(&self, pattern: &[u8]) -> Vec<usize> {
        let Ok(pattern) = OsRegex::compile(pattern) else { return Vec::new() };
        let rules = self.rules.iter().enumerate();
        rules.filter(|(_, rule)| pattern.matches(&rule.group)).map(|(index, _)| index).collect()
    }
}
