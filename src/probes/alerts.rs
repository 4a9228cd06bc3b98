//! What the alerts of the last days show of the responses of a manager: fields that scripts need
//! and alerts lack, rules that are named and never come, and responses that start themselves.
//!
//! An alert that starts nothing (white-listed source, refused name) is in no count here. The log
//! holds no alert below `log_alert_level` or of a rule with `no_log`, so that one of these is not
//! seen says nothing.

use std::collections::{BTreeMap, HashMap};

use super::{Probe, RESTART_MANAGER, Sink, block_subject, blocks, lossy, quote, under_home};
use crate::facts::alerts::iso;
use crate::facts::{Alerts, Facts, Response, Rules};
use crate::findings::{Confidence, Evidence, Finding, ResponseIndex, Severity, checks};
use crate::replay::needs::{Needs, Wanted};
use crate::wazuh::alerts::histogram::{Kind, Lack, Met, Need, Sample, is_feedback_rule};
use crate::wazuh::ossec_conf::{Configuration, Outcome, ResponseBlock, Role, Value};
use crate::wazuh::rules::Bound;
use crate::wazuh::stock;
use crate::wazuh::version::Contract;

/// Alerts of a manager, against its response blocks.
pub(super) const PROBE: Probe = Probe {
    name: "alerts",
    checks: &[checks::ALERT_FIELD_MISSING, checks::RULE_NOT_SEEN, checks::RESPONSE_LOOP],
    run,
};

/// Alerts from which on a pattern is one.
const ENOUGH: u64 = 3;

/// Rules and places named in one finding.
const SHOWN: usize = 5;

/// Relatives of a rule are not looked for above one with more rules below it: they have too
/// little in common.
const FAMILY: usize = 400;

/// One response with what it is bound to and needs.
struct Watched<'a> {
    index: ResponseIndex,
    response: &'a Response,
    block: &'a ResponseBlock,
    bound: Vec<(usize, u32, Bound)>,
    by_id: HashMap<u32, Bound>,
    wants: Vec<Want>,
}

/// One field it needs.
struct Want {
    /// Index among the needs the alerts were held against.
    need: usize,
    from: From,
}

/// How it is known that a field is needed.
enum From {
    /// A program that Wazuh ships.
    Stock(&'static str),
    /// `<expect>`, up to 4.1.
    Expect,
    /// The text of the script, its line; and whether the script stops without the field.
    Text { line: Option<u64>, fatal: bool },
}

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || facts.role() != Role::Manager || facts.contract() == Contract::Json5 {
        return;
    }
    let Some(read) = super::read_config(facts, sink, PROBE.checks) else { return };
    let fact = facts.rules();
    if let Some(gap) = fact.unknown().or_else(|| fact.get().and_then(|rules| rules.gap.clone())) {
        sink.unknown_for_all(PROBE.checks, &gap);
        return;
    }
    let Some(rules) = fact.get().filter(|rules| rules.set.is_complete() && !rules.set.is_fatal()) else {
        return;
    };
    let mut needs = Vec::new();
    let watched: Vec<Watched<'_>> = blocks(facts, read)
        .filter(|(_, _, block)| matches!(block.outcome, Outcome::Active | Outcome::CrashesWhenFired))
        .map(|(index, response, block)| {
            let bound = rules.set.bound_rules(block);
            let bound: Vec<(usize, u32, Bound)> = bound
                .into_iter()
                .filter_map(|(at, bound)| Some((at, rules.set.rules.get(at)?.id, bound)))
                .collect();
            let wants = wants(facts, read, response, block, &bound, &mut needs);
            let by_id = bound.iter().map(|&(_, id, by)| (id, by)).collect();
            Watched { index, response, block, bound, by_id, wants }
        })
        .collect();
    let fact = facts.alerts(|| needs);
    let nothing = |alerts: &&Alerts| alerts.reading.alerts == 0 && !alerts.reading.gaps.is_empty();
    let gap = fact.unknown().or_else(|| fact.get().filter(nothing)?.reading.gaps.first().cloned());
    if let Some(gap) = &gap {
        let meant: Vec<ResponseIndex> = watched.iter().map(|watched| watched.index).collect();
        for check in [checks::ALERT_FIELD_MISSING, checks::RULE_NOT_SEEN] {
            sink.unknown(check, meant.clone(), gap.clone());
        }
    }
    let alerts = fact.get().filter(|alerts| alerts.reading.alerts > 0);
    for watched in &watched {
        let look = Look { facts, read, rules, watched };
        look.own_alerts(alerts, sink);
        if let Some(alerts) = alerts {
            look.fields(alerts, sink);
            look.not_seen(alerts, sink);
        }
    }
}

/// The fields of an alert that a response needs, put among those of all responses.
fn wants(
    facts: &Facts<'_>,
    read: &Configuration,
    response: &Response,
    block: &ResponseBlock,
    bound: &[(usize, u32, Bound)],
    needs: &mut Vec<Need>,
) -> Vec<Want> {
    let Some(executable) = response.executable.as_deref() else { return Vec::new() };
    let mut found: Vec<(Vec<String>, Kind, From)> = Vec::new();
    let mut take = |all: &Needs, from: &dyn Fn(&crate::replay::needs::Need) -> From| {
        for need in all.required() {
            let kind = match need.wanted {
                Wanted::Address => Kind::Address,
                Wanted::User => Kind::User,
                Wanted::Text => Kind::Text,
                Wanted::Anything => Kind::Any,
                Wanted::Object | Wanted::Words | Wanted::Number => continue,
            };
            let inside = |path: &String| {
                let rest = path.strip_prefix("parameters.alert.")?;
                (!rest.contains(['*', '['])).then(|| rest.to_owned())
            };
            if let Some(paths) = need.paths.iter().map(inside).collect::<Option<Vec<_>>>()
                && !paths.is_empty()
            {
                found.push((paths, kind, from(need)));
            }
        }
    };
    if facts.contract() == Contract::Args {
        let command = block.command_block.and_then(|command| read.commands.get(command));
        let expected = command.map(|command| command.expected(facts.version())).unwrap_or_default();
        for (asked, path) in [(expected.srcip, "data.srcip"), (expected.user, "data.dstuser")] {
            if asked {
                found.push((vec![path.to_owned()], Kind::Any, From::Expect));
            }
        }
    } else if let Some(all) = Needs::of_stock(executable, facts.contract(), facts.version()) {
        if let Some(name) = all.stock {
            take(&all, &|_| From::Stock(name));
        }
    } else if response.is_here()
        && let Some(file) = facts.executable(response).filter(|file| file.file().is_some())
        && file.elf.get().is_none()
        && let Some(text) = facts.script(file).bytes.get()
    {
        take(&Needs::of_text(text), &|need| From::Text {
            line: need.place.as_ref().map(|place| place.line),
            fatal: need.fatal,
        });
    }
    let rules: Vec<u32> = bound.iter().map(|&(_, id, _)| id).filter(|&id| !is_feedback_rule(id)).collect();
    found
        .into_iter()
        .map(|(any_of, kind, from)| {
            let same = |need: &Need| need.any_of == any_of && need.kind == kind;
            let need = needs.iter().position(same).unwrap_or_else(|| {
                needs.push(Need { rules: Vec::new(), any_of, kind });
                needs.len() - 1
            });
            if let Some(need) = needs.get_mut(need) {
                need.rules.extend(&rules);
            }
            Want { need, from }
        })
        .collect()
}

/// Alerts of some rules, held against a need.
#[derive(Default)]
struct Tally<'a> {
    alerts: u64,
    lacking: u64,
    rules: Vec<(u32, &'a Met)>,
}

impl<'a> Tally<'a> {
    fn add(&mut self, rule: u32, met: &'a Met) {
        self.alerts += met.alerts;
        self.lacking += met.lacking();
        self.rules.push((rule, met));
    }

    fn of(rules: impl IntoIterator<Item = (u32, &'a Met)>) -> Self {
        let mut tally = Self::default();
        for (rule, met) in rules {
            tally.add(rule, met);
        }
        tally
    }

    /// None of the alerts has the field.
    const fn lacks_all(&self) -> bool {
        self.alerts > 0 && self.lacking == self.alerts
    }

    /// The rules none of whose alerts has it.
    fn lacking_rules(&self) -> Self {
        Self::of(self.rules.iter().copied().filter(|(_, met)| met.alerts > 0 && met.lacking() == met.alerts))
    }

    /// Where the value is in at least half of those that lack it, by a name that says so.
    fn elsewhere(&self) -> Option<&'a str> {
        let mut counts: BTreeMap<&'a str, u64> = BTreeMap::new();
        for (_, met) in &self.rules {
            for (path, &(count, rank)) in &met.elsewhere {
                if rank == 0 {
                    *counts.entry(path).or_default() += count;
                }
            }
        }
        let (path, count) = counts.into_iter().max_by_key(|&(_, count)| count)?;
        (count * 2 >= self.lacking).then_some(path)
    }

    fn lack(&self) -> Option<Lack> {
        let mut counts: BTreeMap<Lack, u64> = BTreeMap::new();
        for (_, met) in &self.rules {
            for (&lack, &count) in &met.lacks {
                *counts.entry(lack).or_default() += count;
            }
        }
        counts.into_iter().max_by_key(|&(_, count)| count).map(|(lack, _)| lack)
    }

    /// The sample that shows most.
    fn sample(&self) -> Option<(u32, &'a Sample)> {
        let all = self.rules.iter().flat_map(|(rule, met)| met.samples.iter().map(|sample| (*rule, sample)));
        all.max_by_key(|(_, sample)| sample.elsewhere.first().is_some_and(|found| found.rank == 0))
    }
}

/// One response and the alerts.
struct Look<'a, 'h> {
    facts: &'a Facts<'h>,
    read: &'a Configuration,
    rules: &'a Rules,
    watched: &'a Watched<'a>,
}

impl Look<'_, '_> {
    fn name(&self) -> String {
        self.watched.response.shown()
    }

    /// What binds it, as it stands in the block.
    fn trigger(&self, fits: impl Fn(&Bound) -> bool) -> Option<&Value> {
        let block = self.watched.block;
        let bound = self.watched.bound.iter().map(|(_, _, bound)| bound).find(|bound| fits(bound))?;
        [(bound.id, &block.rules_id), (bound.group, &block.rules_group), (bound.level, &block.level)]
            .into_iter()
            .find_map(|(is, value)| value.as_ref().filter(|_| is))
    }

    fn find(&self, check: crate::findings::CheckId, title: String) -> Finding {
        Finding::new(check, block_subject(self.facts, self.watched.block.span), title)
            .stops([self.watched.index])
            .at(self.watched.block.span.start)
    }

    /// Alerts that lack what the script needs.
    fn fields(&self, alerts: &Alerts, sink: &mut Sink<'_, '_>) {
        for want in &self.watched.wants {
            let mut named = Tally::default();
            let mut broad = Tally::default();
            let mut need = None;
            for (found, index, rule, met) in alerts.histogram.met() {
                let Some(bound) = self.watched.by_id.get(&rule) else { continue };
                if index == want.need {
                    need = Some(found);
                    if bound.id { &mut named } else { &mut broad }.add(rule, met);
                }
            }
            if let Some(need) = need {
                self.field(alerts, need, &want.from, &named, &broad, sink);
            }
        }
    }

    fn field(
        &self,
        alerts: &Alerts,
        need: &Need,
        from: &From,
        named: &Tally<'_>,
        broad: &Tally<'_>,
        sink: &mut Sink<'_, '_>,
    ) {
        let acts = named.alerts + broad.alerts > named.lacking + broad.lacking;
        // Who names a rule means its alerts; a level or a group takes in more than is meant, so
        // there only a value by another name says that something is wrong.
        let (tally, severity) = if named.lacks_all() {
            let sure = named.alerts >= ENOUGH || named.elsewhere().is_some();
            (named.lacking_rules(), if sure && !acts { Severity::Error } else { Severity::Warning })
        } else if let some @ Tally { lacking: 1.., .. } = named.lacking_rules()
            && (some.lacking >= ENOUGH || some.elsewhere().is_some())
        {
            (some, Severity::Warning)
        } else if named.alerts == 0 && broad.lacks_all() && broad.elsewhere().is_some() {
            let sure = broad.alerts >= ENOUGH;
            (broad.lacking_rules(), if sure { Severity::Error } else { Severity::Warning })
        } else if let some @ Tally { lacking: ENOUGH.., .. } = broad.lacking_rules()
            && some.elsewhere().is_some()
        {
            (some, Severity::Warning)
        } else if named.lacking >= ENOUGH {
            (Tally::of(named.rules.iter().copied().filter(|(_, met)| met.lacking() > 0)), Severity::Advice)
        } else {
            return;
        };
        let (severity, confidence) = match from {
            From::Stock(_) | From::Expect => (severity, Confidence::Proven),
            From::Text { fatal: true, .. } => (severity, Confidence::Likely),
            // It reads the field, but may do without what is in it.
            From::Text { fatal: false, .. } if tally.elsewhere().is_some() => {
                (severity.min(Severity::Warning), Confidence::Likely)
            }
            From::Text { fatal: false, .. } => (Severity::Advice, Confidence::Possible),
        };
        let field = need.any_of.last().map_or("", String::as_str);
        let short = field.rsplit('.').next().unwrap_or(field);
        let what = match (tally.lack(), need.kind) {
            (Some(Lack::NoAddress), _) => "holds an address",
            (Some(Lack::Empty), _) => "holds anything",
            _ => "is there",
        };
        let ids: Vec<u32> = tally.rules.iter().map(|&(rule, _)| rule).collect();
        let of = if ids.len() == 1 { "rule" } else { "rules" };
        let numbers = super::rules::numbers(&ids);
        let name = self.name();
        let title = if tally.lacking < tally.alerts {
            format!(
                "{name} does nothing for {} of {} alerts of {of} {numbers}: no {field} {what}.",
                tally.lacking, tally.alerts
            )
        } else {
            let which = match tally.alerts {
                1 => "its one alert".to_owned(),
                more => format!("all {more} alerts"),
            };
            let does =
                if acts { format!("does nothing for {of} {numbers}") } else { "does nothing".to_owned() };
            let rules = if acts { String::new() } else { format!(" of {of} {numbers}") };
            format!("{name} {does}: in {which}{rules} no {field} {what}.")
        };
        let cause = match from {
            From::Stock(program) => format!(
                "{program} logs \"Cannot read '{short}' from data\" on the host where it runs, and ends. No alert tells of it."
            ),
            From::Expect => format!(
                "Its command expects {}, so analysisd starts it only for events that have it. Nothing is logged.",
                if short == "dstuser" { "user" } else { short }
            ),
            From::Text { line, fatal } => {
                let line = line.map_or_else(String::new, |line| format!(" in line {line}"));
                let end = if *fatal { "and stops without it" } else { "and goes on without a value" };
                format!("Its script reads {field} of the alert{line}, {end}.")
            }
        };
        let mut finding = self
            .find(checks::ALERT_FIELD_MISSING, title)
            .severity(severity)
            .confidence(confidence)
            .cause(cause);
        if let Some((rule, sample)) = tally.sample() {
            finding = finding.evidence(self.shown(alerts, rule, sample));
        }
        let since = alerts.since().map_or_else(String::new, |since| format!(" since {}", iso(since)));
        for (rule, met) in tally.rules.iter().take(SHOWN) {
            finding = finding.observed(
                crate::facts::alert_log::DIRECTORY,
                format!("rule {rule}: {} alerts{since}, {} without {field}", met.alerts, met.lacking()),
            );
        }
        let any = |bound: &Bound| bound.id || named.alerts == 0;
        if let Some(value) = self.trigger(any) {
            let config = &self.facts.config().file;
            finding = finding.evidence(config.excerpt(value.element, format!("binds {of} {numbers}")));
        }
        for remedy in self.mend(alerts, need, &tally, short) {
            finding = finding.remedy(remedy);
        }
        sink.find(finding.verify(format!(
            "ar-doctor check --since 1h --response {}    (after the next of these alerts)",
            quote(&name)
        )));
    }

    /// A sample as evidence.
    fn shown(&self, alerts: &Alerts, rule: u32, sample: &Sample) -> Evidence {
        let mut parts = Vec::new();
        parts.extend(sample.time.map(iso));
        if let Some(agent) = &sample.agent {
            let name = agent.parse().ok().and_then(|agent| alerts.histogram.agent_name(agent));
            parts.push(format!("agent {agent} {}", name.unwrap_or_default()).trim_end().to_owned());
        }
        parts.push(format!("rule {rule}"));
        parts.extend(sample.decoder.as_ref().map(|decoder| format!("decoder {decoder}")));
        parts.extend(sample.location.clone());
        parts
            .extend(sample.elsewhere.iter().take(2).map(|found| format!("{} = {}", found.path, found.value)));
        Evidence::Observation {
            source: format!("{}, byte {}", alerts.file(sample.file), sample.offset),
            text: parts.join(", "),
        }
    }

    fn mend(&self, alerts: &Alerts, need: &Need, tally: &Tally<'_>, short: &str) -> Vec<String> {
        let mut all = Vec::new();
        let sample = tally.sample().map(|(_, sample)| sample);
        if let Some(path) = tally.elsewhere() {
            let inner = path.strip_prefix("data.").unwrap_or(path);
            let decoder = sample.and_then(|sample| sample.decoder.as_deref()).unwrap_or("its decoder");
            if path.starts_with("data.win.eventdata.") && need.kind == Kind::Address {
                all.push(format!("upgrade to 4.3 or later, whose programs read {path}"));
            } else {
                all.push(format!(
                    "give {inner} the name {short}: in etc/decoders/local_decoder.xml a decoder of your own for the lines of {decoder}, with <order>{short}</order>"
                ));
            }
            all.push(format!("or bind a script that reads parameters.alert.{path}"));
        } else {
            all.push(format!(
                "paste a line of the log into {}: where phase 2 shows no {short}, write a decoder for it, or bind the response to rules whose events have one",
                under_home(self.facts, if self.facts.contract() == Contract::Args { "bin/ossec-logtest" } else { "bin/wazuh-logtest" })
            ));
        }
        if let Some(sample) = sample {
            let path = alerts.log.files.get(sample.file).map(|file| super::quote_path(&file.path));
            let gzip = alerts.log.files.get(sample.file).is_some_and(|file| file.gzip);
            if let Some(path) = path {
                let from = sample.offset + 1;
                all.push(if gzip {
                    format!("zcat {path} | tail -c +{from} | head -n 1    shows such an alert")
                } else {
                    format!("tail -c +{from} {path} | head -n 1    shows such an alert")
                });
            }
        }
        all
    }

    /// Rules that are named and never come, though others around them do.
    fn not_seen(&self, alerts: &Alerts, sink: &mut Sink<'_, '_>) {
        let set = &self.rules.set;
        let written = self.read.log_alert_level.as_ref().map_or(1, |(_, level)| u32::from(*level));
        if self.watched.bound.iter().any(|&(_, id, _)| alerts.seen(id) > 0) {
            return;
        }
        let named: Vec<(usize, u32)> = self
            .watched
            .bound
            .iter()
            .filter(|(at, _, bound)| bound.id && set.never_final(*at).is_none())
            .map(|&(at, id, _)| (at, id))
            .collect();
        // One that would not be in the log may have come all the same.
        let silent =
            |&(at, _): &(usize, u32)| set.rules.get(at).is_some_and(|rule| rule.silence(written).is_some());
        if named.is_empty() || named.iter().any(silent) {
            return;
        }
        let mut seen: Vec<(u64, u32)> = Vec::new();
        for &(at, _) in &named {
            for relative in self.family(at) {
                if let Some(rule) = set.rules.get(relative) {
                    let hits = alerts.histogram.hits(rule.id);
                    if hits > 0 && !seen.contains(&(hits, rule.id)) {
                        seen.push((hits, rule.id));
                    }
                }
            }
        }
        seen.sort_unstable_by_key(|&(hits, id)| (std::cmp::Reverse(hits), id));
        if seen.iter().map(|(hits, _)| hits).sum::<u64>() < ENOUGH {
            return;
        }
        let ids: Vec<u32> = named.iter().map(|&(_, id)| id).collect();
        let list =
            seen.iter().take(SHOWN).map(|(hits, id)| format!("{id}: {hits}")).collect::<Vec<_>>().join(", ");
        let bound = super::rules::numbers(&ids);
        let since = alerts.since().map_or_else(String::new, |since| format!(" since {}", iso(since)));
        let config = &self.facts.config().file;
        let Some(value) = self.trigger(|bound| bound.id) else { return };
        let mut finding = self
            .find(
                checks::RULE_NOT_SEEN,
                format!("{} had nothing to do: bound {bound}: 0 hits{since}; seen {list}.", self.name()),
            )
            .confidence(Confidence::Possible)
            .cause("Only the last rule that matches an event starts responses. Rules around the ones it names had alerts, these had none.")
            .evidence(config.excerpt(value.span, "0 alerts"));
        for &(hits, id) in seen.iter().take(SHOWN) {
            if let Some(rule) = set.rule(id) {
                let text = format!("rule {id}: {hits} alerts{since}, \"{}\"", lossy(&rule.description));
                finding = finding.observed(self.rules.at(rule.place_in_force()), text);
            }
        }
        sink.find(
            finding
                .remedy(format!(
                    "name the rules whose alerts you see in <rules_id> in {}, if these are meant",
                    config.shown
                ))
                .remedy(RESTART_MANAGER)
                .verify(format!("ar-doctor simulate --rule {}", seen.first().map_or(0, |(_, id)| *id))),
        );
    }

    /// Rules that share something with one: above, below and beside it.
    fn family(&self, rule: usize) -> Vec<usize> {
        let set = &self.rules.set;
        let mut all = set.descendants(rule);
        for above in set.ancestors(rule) {
            let below = set.descendants(above);
            if below.len() <= FAMILY {
                all.push(above);
                all.extend(below);
            }
        }
        if let Some(rule) = set.rules.get(rule)
            && rule.sources.len() <= FAMILY
        {
            all.extend(&rule.sources);
        }
        all.retain(|&other| other != rule);
        all.sort_unstable();
        all.dedup();
        all
    }

    /// A response that is bound to the alerts its own runs raise.
    fn own_alerts(&self, alerts: Option<&Alerts>, sink: &mut Sink<'_, '_>) {
        if self.facts.contract() != Contract::Json4 {
            return;
        }
        let Some(executable) = self.watched.response.executable.as_deref() else { return };
        let is_bound = |id: u32| self.watched.by_id.get(&id).copied();
        let of_it =
            |program: &str| program.as_bytes().rsplit(|&byte| byte == b'/').next() == Some(executable);
        let all = || alerts.into_iter().flat_map(|alerts| alerts.histogram.runs());
        // An alert of another response may start it: that is a chain, not a loop.
        let is_own = |cause: u32| all().any(|(run, _)| run.raised == cause && of_it(&run.program));
        let runs: Vec<_> = all()
            .filter(|(run, _)| of_it(&run.program) && run.cause.is_some_and(is_own))
            .filter_map(|(run, seen)| Some((run, seen, is_bound(run.cause?)?)))
            .collect();
        let count: u64 = runs.iter().map(|(_, seen, _)| seen.count).sum();
        let raised = raised_by(executable);
        let own = raised.iter().copied().find_map(|id| Some((id, is_bound(id)?)));
        let (rule, by, seen) = match (runs.first(), own) {
            (Some((run, _, by)), _) if count >= ENOUGH => (run.cause.unwrap_or(0), *by, true),
            (_, Some((id, by))) => (id, by, false),
            _ => return,
        };
        let block = self.watched.block;
        let trigger = [(by.id, &block.rules_id), (by.group, &block.rules_group), (by.level, &block.level)];
        let Some(value) = trigger.into_iter().find_map(|(is, value)| value.as_ref().filter(|_| is)) else {
            return;
        };
        // Starting over and over is worse the more stops with it.
        let restarts = executable.starts_with(b"restart-wazuh");
        let name = self.name();
        let config = &self.facts.config().file;
        let title = if seen {
            format!(
                "{name} starts itself over and over: {count} of its runs were for the alert of a run (rule {rule})."
            )
        } else {
            format!(
                "{name} starts itself over and over once it ran: it is bound to rule {rule}, which its own log line raises."
            )
        };
        let mut finding = self
            .find(checks::RESPONSE_LOOP, title)
            .severity(if seen || restarts { Severity::Error } else { Severity::Warning })
            .confidence(if seen { Confidence::Proven } else { Confidence::Likely })
            .cause("Each run writes its message to active-responses.log first, even when the address is blocked already. Its alert starts the response again.")
            .evidence(config.excerpt(value.element, format!("binds rule {rule}")));
        for (run, seen, _) in runs.iter().take(SHOWN) {
            let when = seen
                .seen
                .map_or_else(String::new, |(first, last)| format!(", {} to {}", iso(first), iso(last)));
            finding = finding.observed(
                crate::facts::alert_log::DIRECTORY,
                format!(
                    "rule {}: {} alerts of {} for an alert of rule {}{when}",
                    run.raised,
                    seen.count,
                    run.program,
                    run.cause.unwrap_or(0)
                ),
            );
        }
        if let Some(own) = self.rules.set.rule(rule) {
            finding =
                finding.evidence(self.rules.excerpt(own.place_in_force(), "raised by its own log line"));
        }
        let remedy = if by.id {
            format!("take {rule} out of <rules_id> in {}", config.shown)
        } else {
            format!(
                "select by <rules_id>, or by a level or group that rule {rule} does not have, in {}",
                config.shown
            )
        };
        sink.find(
            finding
                .remedy(remedy)
                .remedy(RESTART_MANAGER)
                .verify(format!("ar-doctor check --response {}", quote(&name))),
        );
    }
}

/// The stock rules that the log lines of a shipped program raise, by its name
/// (`ruleset/rules/0015-ossec_rules.xml`, 4.14).
fn raised_by(executable: &[u8]) -> &'static [u32] {
    let Some(program) = stock::program_named(executable) else { return &[] };
    if !program.contracts.contains(&Contract::Json4) {
        return &[];
    }
    match program.name {
        "firewall-drop" => &[651, 652],
        "host-deny" => &[653, 654],
        "route-null" | "route-null.exe" => &[655, 656],
        _ => &[657],
    }
}
