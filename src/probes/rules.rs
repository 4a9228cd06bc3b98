//! Whether the rules a response is bound to exist, and whether an event can end with one of them.

use std::collections::BTreeMap;

use super::{Probe, RESTART_MANAGER, Sink, block_subject, blocks, lossy, under_home};
use crate::facts::rules::{Change, never_words, unbindable_words};
use crate::facts::{Facts, Response, Rules};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::wazuh::ossec_conf::{Outcome, ResponseBlock, Role, Value};
use crate::wazuh::rules::os_regex::OsRegex;
use crate::wazuh::rules::{Bound, MessageKind, Rule, RuleFacts, Unbindable};
use crate::wazuh::version::Contract;

/// Rules of a manager, against its response blocks.
pub(super) const PROBE: Probe = Probe {
    name: "rules",
    checks: &[
        checks::RULES_ID_NOT_LOADED,
        checks::RULE_WITHOUT_RESPONSE,
        checks::RULE_NEVER_FINAL,
        checks::RULES_GROUP_UNMATCHED,
        checks::RULES_GROUP_EMPTY,
        checks::TRIGGER_MATCHES_NO_RULE,
        checks::RULES_FATAL,
        checks::RULE_DROPPED,
        checks::OVERWRITE_WITHOUT_EFFECT,
    ],
    run,
};

/// The highest level a rule can have; blocks above it are reported without the rules.
const HIGHEST_RULE_LEVEL: i32 = 16;

/// Numbers named in one sentence.
const SHOWN: usize = 8;

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || facts.role() != Role::Manager || facts.contract() == Contract::Json5 {
        return;
    }
    let fact = facts.rules();
    let gap = fact.unknown().or_else(|| fact.get().and_then(|rules| rules.gap.clone()));
    if let Some(gap) = gap {
        sink.unknown_for_all(PROBE.checks, &gap);
        return;
    }
    let (Some(rules), Some(read)) = (fact.get(), facts.config().read.as_ref()) else { return };
    if !rules.set.is_complete() {
        return;
    }
    if rules.set.is_fatal() {
        fatal(facts, rules, sink);
        return;
    }
    for (index, response, block) in blocks(facts, read) {
        if matches!(block.outcome, Outcome::Active | Outcome::CrashesWhenFired) {
            Look { facts, rules, index, response, block, bound: rules.set.bound_rules(block) }.all(sink);
        }
    }
    overwrites(facts, rules, sink);
    changes(facts, rules, sink);
}

/// One response and the rules.
struct Look<'a, 'h> {
    facts: &'a Facts<'h>,
    rules: &'a Rules,
    index: ResponseIndex,
    response: &'a Response,
    block: &'a ResponseBlock,
    bound: Vec<(usize, Bound)>,
}

impl Look<'_, '_> {
    fn all(&self, sink: &mut Sink<'_, '_>) {
        let mut said = self.missing_ids(sink);
        said |= self.unbindable(sink);
        said |= self.group(sink);
        if self.bound.is_empty() {
            if !said {
                self.nothing(sink);
            }
        } else {
            self.never_final(sink);
        }
    }

    fn name(&self) -> String {
        self.response.shown()
    }

    fn find(&self, check: CheckId, title: String, severity: Severity, at: &Value) -> Finding {
        Finding::new(check, block_subject(self.facts, self.block.span), title)
            .severity(severity)
            .stops([self.index])
            .at(at.element.start)
    }

    /// The end of a finding.
    fn end(&self, finding: Finding) -> Finding {
        finding
            .remedy(RESTART_MANAGER)
            .verify(format!("ar-doctor check --response {}", super::quote(&self.name())))
    }

    /// `error` when nothing starts it, and the words for the title.
    fn weight(&self) -> (Severity, &'static str) {
        if self.bound.is_empty() {
            (Severity::Error, "never fires")
        } else {
            (Severity::Warning, "fires for fewer rules than its block names")
        }
    }

    fn missing_ids(&self, sink: &mut Sink<'_, '_>) -> bool {
        let Some(value) = &self.block.rules_id else { return false };
        let missing = self.rules.set.missing_ids(self.block);
        if missing.is_empty() {
            return false;
        }
        let (severity, effect) = self.weight();
        let shown = numbers(&missing);
        let config = self.facts.config();
        let mut finding = self
            .find(
                checks::RULES_ID_NOT_LOADED,
                format!("{} {effect}: no rule {shown} is loaded.", self.name()),
                severity,
                value,
            )
            .cause("analysisd binds the response to the loaded rules of these numbers and says nothing about a number that no rule has.")
            .evidence(config.file.excerpt(value.span, format!("no rule {shown}")));
        let mut dropped = false;
        for message in missing.iter().take(SHOWN).flat_map(|&id| self.rules.set.dropped(id).take(1)) {
            dropped = true;
            let label = format!("dropped at start: {}", lossy(&message.text));
            finding = finding.evidence(self.rules.excerpt(message.place, label));
        }
        if !dropped && let Some((file, _)) = self.rules.files.excluded.first() {
            finding = finding.observed(lossy(file), "is kept out by an exclusion in <ruleset>");
        }
        let remedy = if dropped {
            "mend the rule where it stands, so that analysisd loads it".to_owned()
        } else {
            format!(
                "write numbers of loaded rules into <rules_id> in {}: grep -rn 'id=\"NUMBER\"' {} {}",
                config.file.shown,
                under_home(self.facts, "ruleset/rules"),
                under_home(self.facts, "etc/rules")
            )
        };
        sink.find(self.end(finding.remedy(remedy)));
        true
    }

    fn unbindable(&self, sink: &mut Sink<'_, '_>) -> bool {
        let Some(value) = &self.block.rules_id else { return false };
        let mut found: Vec<(&Rule, Unbindable)> = Vec::new();
        for rule in self.block.rule_ids.iter().filter_map(|&id| self.rules.set.rule(id)) {
            if let Some(why) = RuleFacts::of(rule).unbindable()
                && !found.iter().any(|(other, _)| other.id == rule.id)
            {
                found.push((rule, why));
            }
        }
        let Some(&(rule, why)) = found.first() else { return false };
        let words = unbindable_words(why);
        let what = match found.len() {
            1 => format!("rule {} {words}", rule.id),
            more => format!("rule {} {words}, and so on for {more} of its rules", rule.id),
        };
        let remedy = format!(
            "name another rule in <rules_id> in {}, or give the rule a level in a rule of your own with overwrite=\"yes\"",
            self.facts.config().file.shown
        );
        self.without_response(&found, &what, value, remedy, sink);
        true
    }

    /// Rules are in the group, and none of them starts a response.
    fn group_unbindable(&self, in_group: &[usize], value: &Value, sink: &mut Sink<'_, '_>) -> bool {
        let unbindable = |&index: &usize| {
            let rule = self.rules.set.rules.get(index)?;
            Some((rule, RuleFacts::of(rule).unbindable()?))
        };
        let Some(found) = in_group.iter().map(unbindable).collect::<Option<Vec<_>>>() else { return false };
        let Some(&(rule, why)) = found.first() else { return false };
        let group = lossy(&value.text);
        let words = unbindable_words(why);
        let what = match found.len() {
            1 => format!("rule {}, the only one of the group \"{group}\", {words}", rule.id),
            more => format!("rule {} {words}, and so on for all {more} of the group \"{group}\"", rule.id),
        };
        let remedy = format!(
            "name in <rules_group> in {} a group whose rules have a level",
            self.facts.config().file.shown
        );
        self.without_response(&found, &what, value, remedy, sink);
        true
    }

    /// Rules that are named and start no response; there is at least one.
    fn without_response(
        &self,
        found: &[(&Rule, Unbindable)],
        what: &str,
        value: &Value,
        remedy: String,
        sink: &mut Sink<'_, '_>,
    ) {
        let (severity, effect) = self.weight();
        let title = format!("{} {effect}: {what}.", self.name());
        let mut finding = self
            .find(checks::RULE_WITHOUT_RESPONSE, title, severity, value)
            .cause("A rule of level 0, with accuracy=\"0\" or with the option no_ar starts no response, whatever names it. Nothing is logged.");
        for (at, (rule, why)) in found.iter().take(SHOWN + 1).enumerate() {
            let words = unbindable_words(*why);
            finding = if at == 0 {
                let names = format!("names rule {}", rule.id);
                finding
                    .evidence(self.facts.config().file.excerpt(value.span, names))
                    .evidence(self.rules.excerpt(rule.place_in_force(), words))
            } else {
                finding.observed(self.rules.at(rule.place_in_force()), format!("rule {} {words}", rule.id))
            };
        }
        sink.find(self.end(finding.remedy(remedy)));
    }

    fn group(&self, sink: &mut Sink<'_, '_>) -> bool {
        let Some(value) = &self.block.rules_group else { return false };
        let config = self.facts.config();
        let text = lossy(&value.text);
        if value.text.is_empty() {
            if self.block.level_in_force.is_none() && !self.bound.is_empty() {
                let finding = self
                    .find(
                        checks::RULES_GROUP_EMPTY,
                        format!("{} fires for every alert: its <rules_group> is empty, which fits every rule.", self.name()),
                        Severity::Warning,
                        value,
                    )
                    .cause("An empty pattern is found in every text, so the response is bound to every rule of level 1 and above. Nothing is logged.")
                    .evidence(config.file.excerpt(value.element, format!("binds {} rules", self.bound.len())))
                    .remedy(format!("name a group in <rules_group> in {}, or take the element out and select by <rules_id> or <level>", config.file.shown));
                sink.find(self.end(finding));
            }
            return false;
        }
        let in_group = self.rules.set.rules_in_group(&value.text);
        if !in_group.is_empty() {
            // With a level beside it, that is asked for as well, see `nothing`.
            return self.block.level_in_force.is_none() && self.group_unbindable(&in_group, value, sink);
        }
        let (severity, effect) = self.weight();
        let taken_out = self.rules.set.rules_taken_out(&value.text);
        let taken_out = taken_out.first().and_then(|&index| self.rules.set.rules.get(index));
        let parts: Vec<&[u8]> = value
            .text
            .split(|&byte| byte == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|part| !part.is_empty())
            .collect();
        let fitting: Vec<String> = parts
            .iter()
            .filter(|part| !self.rules.set.rules_in_group(part).is_empty())
            .map(|part| lossy(part))
            .collect();
        let (why, label, remedy) = if OsRegex::compile(&value.text).is_err() {
            (
                "it is no pattern analysisd can compile",
                "does not compile",
                "write the name of a group".to_owned(),
            )
        } else if taken_out.is_some() {
            (
                "the overwrite of a rule took that group out",
                "found in the groups of no rule",
                format!("put <group>{text},</group> into the overwrite, or select by <rules_id>"),
            )
        } else if value.text.contains(&b',') && !fitting.is_empty() {
            (
                "its <rules_group> is one pattern, and the comma is a letter of it",
                "found in the groups of no rule as it stands",
                format!("write <rules_group>{}</rules_group>, with | between the groups", fitting.join("|")),
            )
        } else {
            (
                "no loaded rule is in such a group",
                "found in the groups of no rule",
                "write the name of a group that rules have".to_owned(),
            )
        };
        let mut finding = self
            .find(
                checks::RULES_GROUP_UNMATCHED,
                format!("{} {effect}: {why} (\"{text}\").", self.name()),
                severity,
                value,
            )
            .cause("analysisd looks for the text as one pattern in the joined groups of each rule; where it is found in none, no rule is bound. Nothing is logged.")
            .evidence(config.file.excerpt(value.span, label));
        finding = match taken_out {
            Some(rule) => {
                let label = format!(
                    "rule {} was in such a group; an overwrite has only those it names itself",
                    rule.id
                );
                finding.evidence(self.rules.excerpt(rule.place_in_force(), label)).remedy(remedy)
            }
            None => finding.remedy(format!("{remedy} in {}", config.file.shown)),
        };
        sink.find(self.end(finding));
        true
    }

    /// A level, or a level and a group, that no rule has.
    fn nothing(&self, sink: &mut Sink<'_, '_>) {
        let (Some(level), Some(value)) = (self.block.level_in_force, &self.block.level) else { return };
        if !(1..=HIGHEST_RULE_LEVEL).contains(&level) {
            return;
        }
        let config = self.facts.config();
        let bindable = |index: &usize| {
            self.rules.set.rules.get(*index).filter(|rule| RuleFacts::of(rule).unbindable().is_none())
        };
        let group = self.block.rules_group.as_ref();
        let highest = match group {
            Some(group) => self
                .rules
                .set
                .rules_in_group(&group.text)
                .iter()
                .filter_map(bindable)
                .map(|rule| rule.response_level)
                .max(),
            None => (0..self.rules.set.rules.len())
                .filter_map(|index| bindable(&index))
                .map(|rule| rule.response_level)
                .max(),
        };
        let (what, cause) = match group {
            Some(group) => (
                format!("no loaded rule of the group \"{}\" has level {level} or more", lossy(&group.text)),
                "With both <level> and <rules_group> a rule has to meet both. Nothing is logged.",
            ),
            None => (
                format!("no loaded rule has level {level} or more"),
                "analysisd accepts any level from 0 to 20 and binds the rules that reach it. Nothing is logged.",
            ),
        };
        let highest = highest.map_or_else(
            || "none of them starts a response".to_owned(),
            |highest| format!("the highest has {highest}"),
        );
        let finding = self
            .find(
                checks::TRIGGER_MATCHES_NO_RULE,
                format!("{} never fires: {what}.", self.name()),
                Severity::Error,
                value,
            )
            .cause(cause)
            .evidence(config.file.excerpt(value.span, highest))
            .remedy(format!("lower <level> in {}, or select by <rules_id>", config.file.shown));
        sink.find(self.end(finding));
    }

    fn never_final(&self, sink: &mut Sink<'_, '_>) {
        let set = &self.rules.set;
        let named: Vec<usize> =
            self.bound.iter().filter(|(_, bound)| bound.id).map(|&(index, _)| index).collect();
        let mut never: Vec<(usize, String)> = Vec::new();
        for &index in &named {
            if let Some(why) = set.never_final(index) {
                never.push((index, never_words(why)));
            }
        }
        // The first rule that may win is enough.
        let none_wins = never.len() == named.len()
            && self.bound.iter().all(|&(index, bound)| bound.id || set.never_final(index).is_some());
        if none_wins && never.is_empty() {
            never.extend(
                self.bound
                    .iter()
                    .take(SHOWN)
                    .filter_map(|&(index, _)| Some((index, never_words(set.never_final(index)?)))),
            );
        }
        let Some((first, why)) = never.first() else { return };
        let Some(rule) = set.rules.get(*first) else { return };
        let Some(value) =
            [&self.block.rules_id, &self.block.rules_group, &self.block.level].into_iter().flatten().next()
        else {
            return;
        };
        let (severity, effect) = if none_wins {
            (Severity::Error, "never fires")
        } else {
            (Severity::Warning, "fires for fewer rules than its block names")
        };
        let config = self.facts.config();
        let mut finding = self
            .find(
                checks::RULE_NEVER_FINAL,
                format!("{} {effect}: no event ends with rule {}, which {why}.", self.name(), rule.id),
                severity,
                value,
            )
            .cause("Only the last rule that matches an event starts responses, not those above it. Nothing is logged.")
            .evidence(config.file.excerpt(value.span, format!("binds rule {}", rule.id)))
            .evidence(self.rules.excerpt(rule.place_in_force(), why.clone()));
        for (index, why) in never.iter().skip(1).take(SHOWN) {
            if let Some(rule) = set.rules.get(*index) {
                finding =
                    finding.observed(self.rules.at(rule.place_in_force()), format!("rule {} {why}", rule.id));
            }
        }
        sink.find(self.end(finding.remedy(format!(
            "name the rules that win instead in <rules_id> in {}, or bind by <rules_group>",
            config.file.shown
        ))));
    }
}

pub(super) fn numbers(ids: &[u32]) -> String {
    let mut ids: Vec<u32> = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut text = ids.iter().take(SHOWN).map(u32::to_string).collect::<Vec<_>>().join(", ");
    if ids.len() > SHOWN {
        text.push_str(&format!(" and {} more", ids.len() - SHOWN));
    }
    text
}

/// The last messages, at which analysisd stops.
fn fatal(facts: &Facts<'_>, rules: &Rules, sink: &mut Sink<'_, '_>) {
    let Some(last) = rules.set.messages.last() else { return };
    // The XML reader's own error is reported with the file.
    if matches!(last.kind, MessageKind::UnreadableXml) {
        return;
    }
    let shown = rules.shown(last.place.file);
    let path = facts.under_home(&shown).display().to_string();
    let cause = rules.set.refusal().unwrap_or(last);
    let words: Vec<String> =
        rules.set.last_words().iter().map(|message| format!("\"{}\"", lossy(&message.text))).collect();
    let reason = match words.as_slice() {
        [only] => only.clone(),
        // The last one is 1220, which is named below.
        [before @ .., _] => before.join(", "),
        [] => String::new(),
    };
    let logtest =
        if facts.contract() == Contract::Args { "bin/ossec-logtest" } else { "bin/wazuh-logtest-legacy" };
    let place = cause.place;
    sink.find(
        Finding::new(
            checks::RULES_FATAL,
            Subject::File(path.clone()),
            format!("wazuh-analysisd does not start: it refuses the rules in {shown}."),
        )
        .cause(format!(
            "It logs {reason}, then CRITICAL (1220), and exits. Without it no alert and no response is made."
        ))
        .evidence(rules.excerpt(place, "refused"))
        .remedy(format!("mend line {} of {path}", place.line))
        .remedy(RESTART_MANAGER)
        .verify(format!("{} -t", under_home(facts, logtest)))
        .stops(facts.all_responses())
        .shares(&path)
        .shares("process:analysisd"),
    );
}

/// Options that an overwrite says anew, of rules a response names.
fn overwrites(facts: &Facts<'_>, rules: &Rules, sink: &mut Sink<'_, '_>) {
    let Some(read) = facts.config().read.as_ref() else { return };
    for message in &rules.set.messages {
        let MessageKind::NotOverwritten { option } = message.kind else { continue };
        let Some(rule) = message.rule.and_then(|id| rules.set.rule(id)) else { continue };
        if rules.says_the_same(rule.place, message.place, option) {
            continue;
        }
        let named: Vec<ResponseIndex> = blocks(facts, read)
            .filter(|(_, _, block)| block.rule_ids.contains(&rule.id))
            .map(|(index, _, _)| index)
            .collect();
        if named.is_empty() {
            continue;
        }
        let shown = rules.shown(message.place.file);
        sink.find(
            Finding::new(
                checks::OVERWRITE_WITHOUT_EFFECT,
                Subject::Config(shown.clone(), format!("rule[{}]/{option}", rule.id)),
                format!("Rule {} fires where it did before: its overwrite does not change <{option}>.", rule.id),
            )
            .confidence(Confidence::Proven)
            .cause(format!("What decides where a rule hangs in the tree stays as the first definition has it. {}", if message.logged { format!("analysisd logs: {}", lossy(&message.text)) } else { "Nothing is logged.".to_owned() }))
            .evidence(rules.excerpt(message.place, format!("<{option}> in it has no effect")))
            .evidence(rules.excerpt(rule.place, "this one stays in force"))
            .remedy(format!("write a rule with a number of its own in {shown}, with the <{option}> you want, and name it in <rules_id>"))
            .remedy(RESTART_MANAGER)
            .verify(format!("{} -t", under_home(facts, "bin/wazuh-logtest-legacy")))
            .stops(named)
            .shares(facts.under_home(&shown).display().to_string()),
        );
    }
}

/// Rules that are not loaded as they are written. Those another check has said of a response are
/// left to it.
fn changes(facts: &Facts<'_>, rules: &Rules, sink: &mut Sink<'_, '_>) {
    let Some(read) = facts.config().read.as_ref() else { return };
    let in_force =
        |block: &ResponseBlock| matches!(block.outcome, Outcome::Active | Outcome::CrashesWhenFired);
    let named = |id: u32| -> Vec<ResponseIndex> {
        blocks(facts, read)
            .filter(|(_, _, block)| in_force(block) && block.rule_ids.contains(&id))
            .map(|(index, _, _)| index)
            .collect()
    };
    let mut changes: Vec<(Change, Vec<ResponseIndex>)> = rules
        .changes()
        .into_iter()
        .map(|change| {
            let named = change.rule.map(&named).unwrap_or_default();
            (change, named)
        })
        .filter(|(change, named)| {
            let missing = change.rule.is_some_and(|id| rules.set.index(id).is_none());
            named.is_empty() || !(missing || change.overwrite)
        })
        .collect();
    let dropped = changes.iter().filter(|(change, _)| change.dropped).count();
    let altered = changes.len() - dropped;
    let mut below: BTreeMap<u32, usize> = BTreeMap::new();
    for root in changes.iter().filter_map(|(change, _)| change.because) {
        *below.entry(root).or_default() += 1;
    }
    // What only follows from another fault is counted there; what a response names comes first.
    changes.retain(|(change, named)| change.because.is_none() || !named.is_empty());
    changes.sort_by_key(|(_, named)| named.is_empty());
    let Some((first, named)) = changes.first() else { return };
    let shown = |change: &Change| match change.rule {
        Some(id) => format!("rule {id}"),
        None => rules.shown(change.place.file),
    };
    let line = |change: &Change| {
        let more = match change.rule.and_then(|id| below.get(&id)) {
            Some(1) => "; with it a rule that needs it".to_owned(),
            Some(count) => format!("; with it {count} rules that need it"),
            None => String::new(),
        };
        format!("{} {} ({}){more}", shown(change), change.words, change.numbers_shown())
    };
    let what = match (dropped, altered) {
        (_, 0) => format!("leaves out {dropped}"),
        (0, _) => format!("changes {altered}"),
        _ => format!("leaves out {dropped} and changes {altered}"),
    };
    let ids: Vec<String> = changes.iter().take(SHOWN).map(|(change, _)| shown(change)).collect();
    let more = if changes.len() > SHOWN { " and more" } else { "" };
    let config = facts.config();
    let severity = if named.is_empty() { Severity::Advice } else { Severity::Warning };
    let title = if let ([(only, _)], true) = (changes.as_slice(), below.is_empty()) {
        format!("analysisd does not load {} as it is written: it {}.", shown(only), only.words)
    } else {
        format!("analysisd {what} of the rules as it loads them; the faults are in {}{more}.", ids.join(", "))
    };
    let stopped: Vec<ResponseIndex> = changes.iter().flat_map(|(_, named)| named.iter().copied()).collect();
    let mut finding =
        Finding::new(checks::RULE_DROPPED, Subject::Config(config.file.shown.clone(), "ruleset".to_owned()), title)
            .severity(severity)
            .cause("Since 4.3.0 a fault in one rule costs that rule and a warning at start. What a rule that is left out would have caught ends with another rule or with none.")
            .evidence(rules.excerpt(first.place, line(first)));
    for (change, _) in changes.iter().skip(1).take(SHOWN) {
        finding = finding.observed(rules.at(change.place), line(change));
    }
    if changes.len() > SHOWN + 1 {
        finding = finding.observed("ar-doctor show", format!("names {} more", changes.len() - SHOWN - 1));
    }
    let log = under_home(facts, "logs/ossec.log");
    sink.find(
        finding
            .remedy("mend each rule where it stands: a number of its own, parents that are loaded before it, lists that are named in <ruleset>")
            .remedy(RESTART_MANAGER)
            .verify(format!("grep -E '\\((1103|76[0-2][0-9])\\)' {log} | tail"))
            .stops(stopped),
    );
}
