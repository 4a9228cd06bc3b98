//! The manager that alerts are held against, and why a response does not start, in words.

use crate::facts::rules::{never_words, unbindable_words};
use crate::facts::{Facts, Rules};
use crate::wazuh::ossec_conf::{Configuration, Outcome, ResponseBlock};
use crate::wazuh::rules::os_regex::os_regex;
use crate::wazuh::rules::{Miss, Reason, Rule, RuleFacts, bind};

/// The configuration, and the rules where all of them are known.
pub struct Ground<'a, 'h> {
    /// The host.
    pub(super) facts: &'a Facts<'h>,
    /// Its ossec.conf.
    pub(super) conf: &'a Configuration,
    /// Its rules; those up to the one that analysisd refuses, when it refuses one.
    pub(super) rules: Option<&'a Rules>,
    /// Why the rules are not known.
    gap: Option<String>,
    /// The rule at which analysisd ends.
    refused: Option<String>,
}

/// What responses are bound to a rule by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// Number, level and groups.
    pub(super) facts: RuleFacts,
    /// The loaded rule: index into [`crate::wazuh::rules::Ruleset::rules`].
    pub(super) own: Option<usize>,
    /// The level the loaded rule has, when the alert says another one.
    pub(super) other_level: Option<u32>,
}

impl<'a, 'h> Ground<'a, 'h> {
    /// Of a host whose configuration could be read.
    pub fn new(facts: &'a Facts<'h>) -> Result<Self, String> {
        let Some(conf) = &facts.config().read else {
            return Err("the configuration is not known".to_owned());
        };
        let fact = facts.rules();
        let rules = fact.get().filter(|rules| rules.set.is_complete());
        let gap = rules.is_none().then(|| {
            fact.unknown()
                .or_else(|| fact.get().and_then(|rules| rules.gap.clone()))
                .map_or_else(|| "there are too many".to_owned(), |gap| gap.why)
        });
        let refused = rules.and_then(|rules| Some(rules.at(rules.set.refusal()?.place)));
        Ok(Self { facts, conf, rules, gap, refused })
    }

    /// What analysisd settles before any event comes: it reads its configuration first, then all
    /// rules, and ends at the first fault.
    pub(super) fn settle<T>(&self, answer: Result<T, Reason>) -> Result<T, Reason> {
        match answer {
            Err(Reason::AnalysisdRefuses { .. }) => answer,
            _ if self.refused.is_some() => Err(Reason::RulesRefused),
            answer => answer,
        }
    }

    /// Why a rule that is asked for is not loaded.
    pub(super) fn not_loaded(&self, id: u32) -> String {
        let Some(rules) = self.rules else { return "the rules are not known".to_owned() };
        let missing = format!("no loaded rule has the number {id}");
        match (rules.set.dropped(id).next(), &self.refused) {
            (Some(message), _) => {
                format!(
                    "{missing}: the one in {} is left out, {}",
                    rules.at(message.place),
                    text(&message.text).trim_end_matches('.')
                )
            }
            (None, Some(at)) => format!("{missing} before {at}, at which analysisd ends"),
            (None, None) => missing,
        }
    }

    /// What is to be said of the rules as a whole.
    pub(super) fn gap_note(&self, whose: &str) -> Option<String> {
        let why = self.gap.as_ref()?;
        Some(format!("the rules are not known ({why}): level and groups are those {whose}"))
    }

    /// A loaded rule.
    pub(super) fn rule(&self, index: Option<usize>) -> Option<&'a Rule> {
        self.rules?.set.rules.get(index?)
    }

    /// A rule as an alert tells of it: the groups of the loaded rule, where there is one, and
    /// the level of the alert, where it has one. None when the level cannot be told.
    pub(super) fn judge(&self, rule: u32, level: Option<u32>, alert_groups: &[Vec<u8>]) -> Option<Judged> {
        let own = self.rules.and_then(|rules| rules.set.index(rule));
        let Some(loaded) = self.rule(own) else {
            let facts = RuleFacts::of_alert(rule, level?, alert_groups);
            return Some(Judged { facts, own: None, other_level: None });
        };
        let mut facts = RuleFacts::of(loaded);
        // With accuracy="0" alerts bear the level, and responses see 0.
        let other_level = level.filter(|&level| level != loaded.level).map(|level| {
            facts.level = level;
            facts.without_accuracy = false;
            loaded.level
        });
        Some(Judged { facts, own, other_level })
    }

    /// Why no event ends with a loaded rule.
    pub(super) fn never(&self, own: Option<usize>) -> Option<String> {
        Some(never_words(self.rules?.set.never_final(own?)?))
    }

    /// A file's name and line, for an offset into the configuration.
    fn at(&self, offset: usize) -> String {
        let config = &self.facts.config().file;
        format!("{}:{}", config.shown, config.line(offset))
    }

    /// The first condition that failed, in words, for one event.
    pub(super) fn why(&self, response: usize, reason: &Reason, judged: &Judged) -> String {
        match reason {
            Reason::Unbindable(why) => {
                let words = format!("rule {} {}", judged.facts.id, unbindable_words(*why));
                match self.wins_over(response, judged) {
                    Some(over) => format!("{words}, and is a {over}"),
                    None => words,
                }
            }
            Reason::NotBound(miss) => self.miss(response, miss, judged, false),
            Reason::BadUser { user, at } => {
                format!("dstuser \"{}\" has a character that is not allowed, at {}", text(user), at + 1)
            }
            Reason::BadAddress { srcip, at } => {
                format!("srcip \"{}\" has a character that is not allowed, at {}", text(srcip), at + 1)
            }
            Reason::WhiteListed { address, entry } => match self.conf.white_list.get(*entry) {
                Some(entry) => format!(
                    "white_list {} holds {}, {}",
                    text(&entry.value.text),
                    text(address),
                    self.at(entry.value.element.start)
                ),
                None => format!("{} is in the white list", text(address)),
            },
            other => self.condition(response, other, judged),
        }
    }

    /// The same, without what differs from event to event, so that events can be counted by it.
    pub(super) fn condition(&self, response: usize, reason: &Reason, judged: &Judged) -> String {
        let logs = |problem: Option<usize>| {
            problem
                .and_then(|problem| self.conf.problems.get(problem))
                .map_or_else(String::new, |problem| format!(", {}", self.at(problem.span.start)))
        };
        match reason {
            Reason::NoSuchResponse => "there is no such response".to_owned(),
            Reason::AnalysisdRefuses { problem } => format!("analysisd does not start{}", logs(*problem)),
            Reason::RulesRefused => {
                let at = self.refused.as_deref().unwrap_or("a rule");
                format!("analysisd does not start: it refuses the rules, {at}")
            }
            Reason::NotInForce { outcome } => match outcome {
                Outcome::Disabled => "the block is disabled".to_owned(),
                Outcome::OnlyRepeatedOffenders => "the block only carries repeated_offenders".to_owned(),
                Outcome::DroppedInvalidAgent => {
                    "the block is dropped: its agent_id is no agent's (1306)".to_owned()
                }
                Outcome::Refused(problem) => format!("analysisd refuses the block{}", logs(Some(*problem))),
                _ => "nobody reads the block".to_owned(),
            },
            Reason::Unbindable(why) => match self.wins_over(response, judged) {
                Some(_) => self.why(response, reason, judged),
                None => format!("the rule {}", unbindable_words(*why)),
            },
            Reason::NotBound(miss) => self.miss(response, miss, judged, true),
            Reason::Expected { field } => format!("the event has no {field}, which <expect> asks for"),
            Reason::BadUser { user, .. } => {
                format!("dstuser has a character that is not allowed, \"{}\" for one", text(user))
            }
            Reason::BadAddress { srcip, .. } => {
                format!("srcip has a character that is not allowed, \"{}\" for one", text(srcip))
            }
            Reason::WhiteListed { entry, .. } => match self.conf.white_list.get(*entry) {
                Some(entry) => {
                    format!("white_list {}, {}", text(&entry.value.text), self.at(entry.value.element.start))
                }
                None => "the white list".to_owned(),
            },
            Reason::NoQueue { local, erased_by } => {
                let queue = if *local { "the manager's own execd" } else { "the agents" };
                let by = erased_by
                    .and_then(|ordinal| self.conf.responses.iter().find(|block| block.ordinal == ordinal))
                    .map_or_else(String::new, |block| {
                        let file = &self.facts.config().file.shown;
                        format!(", because of the disabled block in {file}:{}", block.line)
                    });
                format!("analysisd has no queue to {queue} open{by}")
            }
            Reason::NoAgentId => "the agent has no id (Unable to get agent ID.)".to_owned(),
            Reason::NoSuchAgent { id } => format!("there is no agent {id:03}"),
            Reason::NoAgentVersion { id } => format!("agent {id:03} never reported a version"),
            Reason::BadAgentVersion { id, text: version } => {
                format!("the version of agent {id:03} cannot be read: \"{}\"", text(version))
            }
            Reason::NobodyConnected => "no agent is connected".to_owned(),
            Reason::NobodyLeft(_) => "none of the connected agents gets it".to_owned(),
        }
    }

    fn miss(&self, response: usize, miss: &Miss, judged: &Judged, of_many: bool) -> String {
        let rule = &judged.facts;
        if let Some(over) = self.wins_over(response, judged) {
            return format!("rule {}{} is a {over}", rule.id, self.level_beside(response, judged));
        }
        if miss.no_trigger {
            return "its block selects no rule".to_owned();
        }
        let mut parts = Vec::new();
        if let Some((wanted, has)) = miss.level {
            parts.push(format!("level {has} < {wanted}"));
        }
        if let Some((pattern, groups)) = &miss.group {
            let before =
                self.rule(judged.own).and_then(|own| own.group_before.as_ref().map(|text| (own, text)));
            let taken_out = before
                .filter(|(own, before)| *groups == own.group && os_regex(pattern, before))
                .zip(self.rules)
                .map_or_else(String::new, |((own, _), rules)| {
                    format!("; its overwrite in {} took it out", rules.at(own.place_in_force()))
                });
            let pattern = text(pattern);
            let guess = if rule.groups_guessed { " (as the alert has them)" } else { "" };
            parts.push(if of_many {
                format!("rules_group \"{pattern}\" is not in the rule's groups{guess}{taken_out}")
            } else if rule.groups_guessed && groups.is_empty() {
                format!(
                    "rules_group \"{pattern}\": the groups of rule {} are not known, give --group",
                    rule.id
                )
            } else {
                format!("rules_group \"{pattern}\" is not in \"{}\"{guess}{taken_out}", text(groups))
            });
        }
        if miss.ids_unreadable {
            parts.push("no number can be read from rules_id".to_owned());
        } else if let Some(ids) = &miss.ids {
            let mut listed = ids.iter().take(12).map(u32::to_string).collect::<Vec<_>>().join(", ");
            if ids.len() > 12 {
                listed += &format!(" and {} more", ids.len() - 12);
            }
            parts.push(if of_many {
                format!("the rule is not among rules_id {listed}")
            } else {
                format!("rule {} is not among rules_id {listed}", rule.id)
            });
        }
        parts.join("; ")
    }

    /// The nearest rule above one that the response is bound to and that could have had the
    /// last word, had its child not won: it, and what binds it.
    fn bound_above(
        &self,
        response: usize,
        judged: &Judged,
    ) -> Option<(&'a Rule, crate::wazuh::rules::Bound)> {
        let (rules, own) = (self.rules?, judged.own?);
        let block: &ResponseBlock = self.conf.responses.get(response)?;
        rules.set.ancestors(own).into_iter().filter(|&one| one != own).find_map(|one| {
            let above = rules.set.rules.get(one).filter(|above| !above.noalert)?;
            let facts = RuleFacts::of(above);
            match facts.unbindable() {
                Some(_) => None,
                None => Some((above, bind(block, &facts).ok()?)),
            }
        })
    }

    /// `child that wins over 5710`
    fn wins_over(&self, response: usize, judged: &Judged) -> Option<String> {
        let (above, bound) = self.bound_above(response, judged)?;
        let rules = self.rules?;
        let kin = match judged.own.map(|own| rules.set.parents(own)) {
            Some(parents)
                if parents.iter().any(|&one| self.rule(Some(one)).is_some_and(|one| one.id == above.id)) =>
            {
                "child"
            }
            _ => "descendant",
        };
        let id = above.id;
        let pattern = self.conf.responses.get(response).and_then(|block| block.rules_group.as_ref());
        Some(match (bound.id, bound.level, pattern.filter(|_| bound.group)) {
            (true, ..) => format!("{kin} that wins over {id}"),
            (_, true, None) => {
                format!("{kin} that wins over {id} (level {}), which would have fired it", above.level)
            }
            (_, level, pattern) => {
                let level = if level { format!(" (level {})", above.level) } else { String::new() };
                let pattern = pattern.map_or_else(String::new, |pattern| text(&pattern.text));
                format!(
                    "{kin} that wins over {id}{level}, which is in rules_group \"{pattern}\" and would have fired it"
                )
            }
        })
    }

    /// ` (level 3)`, where the level above is what binds.
    fn level_beside(&self, response: usize, judged: &Judged) -> String {
        match self.bound_above(response, judged) {
            Some((_, bound)) if bound.level && !bound.id => format!(" (level {})", judged.facts.level),
            _ => String::new(),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
