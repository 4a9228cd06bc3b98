//! What the alerts of a window add up to: counts by rule, members that a response needs and
//! does not get, and alerts that active responses caused themselves.
//!
//! Every table is bounded, so a day of garbage costs no more memory than a day of alerts; what
//! did not fit is counted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use super::extract::{Extractor, Fields, Paths, Raw, Slot};
use super::time::unix_millis;

/// Rules that are told apart. The stock ruleset has 4,512.
const MAX_RULES: usize = 1 << 16;
/// Agents that are told apart by rule.
const MAX_AGENTS: usize = 256;
/// Agents whose name is kept.
const MAX_NAMES: usize = 1 << 14;
/// Pairs of a program and the rule that caused its run.
const MAX_RUNS: usize = 1024;
/// Other members that are told apart by need.
const MAX_ELSEWHERE: usize = 64;
/// Alerts kept as samples by need.
const MAX_SAMPLES: usize = 3;
/// Leaves of one alert among which a lacking value is looked for.
const MAX_LEAVES: usize = 512;
/// Bytes of a text that is kept of an alert.
const MAX_TEXT: usize = 512;

/// The rules of what active responses logged, 4.2 and later (`ruleset/rules/0015-ossec_rules.xml`).
pub const FEEDBACK: RangeInclusive<u32> = 650..=658;
/// The same for the log format before 4.2.
pub const OLD_FEEDBACK: RangeInclusive<u32> = 600..=607;
/// The group of all of these.
pub const FEEDBACK_GROUP: &str = "active_response";

/// True for the stock rules whose alerts active responses cause.
pub fn is_feedback_rule(rule: u32) -> bool {
    FEEDBACK.contains(&rule) || OLD_FEEDBACK.contains(&rule)
}

/// From when until when, in milliseconds since 1970; `until` itself is no part of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Window {
    /// Nothing older.
    pub since: Option<i64>,
    /// Only what is older than this.
    pub until: Option<i64>,
}

impl Window {
    /// True when the time is in it.
    pub fn holds(&self, millis: i64) -> bool {
        self.since.is_none_or(|since| millis >= since) && self.until.is_none_or(|until| millis < until)
    }

    /// True when it has no bounds.
    pub fn is_all(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }
}

/// What kind of value a response reads.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// An IP address.
    Address,
    /// The name of an account.
    User,
    /// Any text that is not empty.
    Text,
    /// Whatever is there, but `null`. What is looked for elsewhere is told by the name.
    Any,
}

/// A value that the alerts of some rules have to carry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Need {
    /// Rules whose alerts are looked at.
    pub rules: Vec<u32>,
    /// Paths of which one is enough, `data.srcip`, in the order in which they are tried.
    pub any_of: Vec<String>,
    /// What it has to be.
    pub kind: Kind,
}

/// Why a value is no good.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Lack {
    /// There is no such member.
    Missing,
    /// It is no string.
    NoString,
    /// It is empty, or the `-` with which Windows and web servers say none.
    Empty,
    /// It should be an address, and is something else, such as a host name.
    NoAddress,
}

/// How an address is written that is one, but not plainly so.
fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

/// A value of the wanted kind somewhere else in an alert.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Elsewhere {
    /// Its path from the top; items of arrays are `name[0]`.
    pub path: String,
    /// What it holds, cut to 512 bytes. Untrusted.
    pub value: String,
    /// How likely it is what is wanted by its name: 0 says so, 1 says nothing, 2 says
    /// something else, such as a destination.
    pub rank: u8,
}

/// An alert that lacks what it needs. All texts are untrusted and cut to 512 bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sample {
    /// Milliseconds since 1970, if it is dated.
    pub time: Option<i64>,
    /// The file it is in, by the number told with [`Histogram::at_file`].
    pub file: usize,
    /// Where its line begins, in bytes of that file (of its text, when gzipped).
    pub offset: u64,
    /// `agent.id`, as written.
    pub agent: Option<String>,
    /// `location`.
    pub location: Option<String>,
    /// `decoder.name`.
    pub decoder: Option<String>,
    /// `full_log`.
    pub full_log: Option<String>,
    /// Where it holds values of the kind, the likeliest first.
    pub elsewhere: Vec<Elsewhere>,
}

/// How a need of one rule was met.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Met {
    /// Alerts of the rule.
    pub alerts: u64,
    /// Those with a good value, by the index in [`Need::any_of`].
    pub by_path: BTreeMap<usize, u64>,
    /// Good addresses that are IPv4 written as IPv6, `::ffff:192.0.2.1`.
    pub mapped: u64,
    /// Those without, by what is wrong with the first path that is there at all.
    pub lacks: BTreeMap<Lack, u64>,
    /// Paths at which those without hold a value of the kind, with how many and the rank.
    pub elsewhere: BTreeMap<String, (u64, u8)>,
    /// The first of those without.
    pub samples: Vec<Sample>,
}

impl Met {
    /// Alerts without a good value.
    pub fn lacking(&self) -> u64 {
        self.lacks.values().sum()
    }

    fn merge(&mut self, later: Self) {
        self.alerts += later.alerts;
        self.mapped += later.mapped;
        for (path, count) in later.by_path {
            *self.by_path.entry(path).or_default() += count;
        }
        for (lack, count) in later.lacks {
            *self.lacks.entry(lack).or_default() += count;
        }
        for (path, (count, rank)) in later.elsewhere {
            if let Some(entry) = bounded(&mut self.elsewhere, path, MAX_ELSEWHERE) {
                *entry = (entry.0 + count, rank);
            }
        }
        let room = MAX_SAMPLES.saturating_sub(self.samples.len());
        self.samples.extend(later.samples.into_iter().take(room));
    }
}

/// The alerts of one rule.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RuleCount {
    /// How many.
    pub count: u64,
    /// `rule.level` of the last; 0 when the alert has none, as analysisd leaves out 0.
    pub level: u8,
    /// The earliest and latest time, in milliseconds since 1970, of those that are dated.
    pub seen: Option<(i64, i64)>,
    /// How many by `agent.id`.
    pub agents: BTreeMap<u32, u64>,
    /// Alerts of agents that did not fit any more, or without a numeric agent.
    pub other_agents: u64,
    /// They are in the group `active_response`.
    pub in_feedback_group: bool,
}

/// Runs of a response that came back as alerts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Runs {
    /// How many alerts.
    pub count: u64,
    /// Of them, those whose logged message was an `add`.
    pub adds: u64,
    /// The earliest and latest time in milliseconds since 1970.
    pub seen: Option<(i64, i64)>,
}

/// Which response ran because of which rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Run {
    /// `data.parameters.program`, such as `active-response/bin/firewall-drop`. Untrusted.
    pub program: String,
    /// `data.parameters.alert.rule.id`: the rule of the alert it ran for.
    pub cause: Option<u32>,
    /// The rule of the alert that the run raised.
    pub raised: u32,
}

#[derive(Clone, Debug)]
struct Slots {
    timestamp: Slot,
    rule: Slot,
    level: Slot,
    groups: Slot,
    agent: Slot,
    agent_name: Slot,
    location: Slot,
    decoder: Slot,
    full_log: Slot,
    data: Slot,
    syscheck: Slot,
    program: Slot,
    command: Slot,
    cause: Slot,
    /// By need, by path.
    needs: Vec<Vec<Slot>>,
}

/// Counts alerts.
#[derive(Clone, Debug)]
pub struct Histogram {
    window: Window,
    /// The file being read.
    file: usize,
    needs: Vec<Need>,
    /// The needs of a rule.
    by_rule: BTreeMap<u32, Vec<usize>>,
    slots: Slots,
    paths: Paths,
    rules: BTreeMap<u32, RuleCount>,
    other_rules: u64,
    names: BTreeMap<u32, String>,
    met: BTreeMap<(usize, u32), Met>,
    runs: BTreeMap<Run, Runs>,
    other_runs: u64,
    alerts: u64,
    outside: u64,
    undated: u64,
    without_rule: u64,
}

impl Histogram {
    /// An empty one for a window and for what responses need.
    pub fn new(window: Window, needs: Vec<Need>) -> Self {
        let mut paths = Paths::new();
        let slots = Slots {
            timestamp: paths.add("timestamp"),
            rule: paths.add("rule.id"),
            level: paths.add("rule.level"),
            groups: paths.add("rule.groups"),
            agent: paths.add("agent.id"),
            agent_name: paths.add("agent.name"),
            location: paths.add("location"),
            decoder: paths.add("decoder.name"),
            full_log: paths.add("full_log"),
            data: paths.add("data"),
            syscheck: paths.add("syscheck"),
            program: paths.add("data.parameters.program"),
            command: paths.add("data.command"),
            cause: paths.add("data.parameters.alert.rule.id"),
            needs: needs
                .iter()
                .map(|need| need.any_of.iter().map(|path| paths.add(path)).collect())
                .collect(),
        };
        let mut by_rule: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, need) in needs.iter().enumerate() {
            for &rule in &need.rules {
                let needs = by_rule.entry(rule).or_default();
                if !needs.contains(&index) {
                    needs.push(index);
                }
            }
        }
        Self {
            window,
            file: 0,
            needs,
            by_rule,
            slots,
            paths,
            rules: BTreeMap::new(),
            other_rules: 0,
            names: BTreeMap::new(),
            met: BTreeMap::new(),
            runs: BTreeMap::new(),
            other_runs: 0,
            alerts: 0,
            outside: 0,
            undated: 0,
            without_rule: 0,
        }
    }

    /// What finds the members that [`Self::add`] looks at.
    pub fn extractor(&self) -> Extractor {
        Extractor::new(self.paths.clone())
    }

    /// The paths of that, so that a caller can add others to them.
    pub fn paths(&self) -> Paths {
        self.paths.clone()
    }

    /// What is added from now on is of this file, a number of the caller's; samples tell it.
    pub fn at_file(&mut self, number: usize) {
        self.file = number;
    }

    /// Counts an alert that this histogram's [`Self::extractor`] read.
    pub fn add(&mut self, alert: &Fields<'_>) {
        let time = alert.get(self.slots.timestamp).and_then(Raw::text).and_then(|text| unix_millis(&text));
        match time {
            None => {
                self.undated += 1;
                // It cannot be told whether it belongs to a window.
                if !self.window.is_all() {
                    return;
                }
            }
            Some(time) if !self.window.holds(time) => {
                self.outside += 1;
                return;
            }
            Some(_) => {}
        }
        self.alerts += 1;
        let number =
            |slot| alert.get(slot).and_then(Raw::number).and_then(|number| u32::try_from(number).ok());
        let Some(rule) = number(self.slots.rule) else {
            self.without_rule += 1;
            return;
        };
        let agent = number(self.slots.agent);
        if let Some(agent) = agent
            && !self.names.contains_key(&agent)
            && self.names.len() < MAX_NAMES
            && let Some(name) = short(alert.get(self.slots.agent_name))
        {
            self.names.insert(agent, name);
        }
        let mut feedback = is_feedback_rule(rule);
        if let Some(entry) = bounded(&mut self.rules, rule, MAX_RULES) {
            entry.count += 1;
            entry.level = number(self.slots.level).and_then(|level| u8::try_from(level).ok()).unwrap_or(0);
            entry.seen = widen(entry.seen, time);
            match agent.and_then(|agent| bounded(&mut entry.agents, agent, MAX_AGENTS)) {
                Some(count) => *count += 1,
                None => entry.other_agents += 1,
            }
            if !entry.in_feedback_group
                && let Some(groups) = alert.get(self.slots.groups)
            {
                entry.in_feedback_group = groups
                    .items()
                    .any(|group| group.text().is_some_and(|group| *group == *FEEDBACK_GROUP.as_bytes()));
            }
            feedback |= entry.in_feedback_group;
        } else {
            self.other_rules += 1;
        }
        if feedback {
            self.run(alert, rule, number(self.slots.cause), time);
        }
        if let Some(needs) = self.by_rule.get(&rule) {
            for &index in needs {
                let (Some(need), Some(slots)) = (self.needs.get(index), self.slots.needs.get(index)) else {
                    continue;
                };
                let met = self.met.entry((index, rule)).or_default();
                meet(met, need, slots, &self.slots, alert, (self.file, time));
            }
        }
    }

    fn run(&mut self, alert: &Fields<'_>, raised: u32, cause: Option<u32>, time: Option<i64>) {
        let Some(program) = short(alert.get(self.slots.program)) else { return };
        match bounded(&mut self.runs, Run { program, cause, raised }, MAX_RUNS) {
            None => self.other_runs += 1,
            Some(runs) => {
                runs.count += 1;
                let command = alert.get(self.slots.command).and_then(Raw::text);
                runs.adds += u64::from(command.is_some_and(|command| *command == *b"add"));
                runs.seen = widen(runs.seen, time);
            }
        }
    }

    /// Adds one of the same window and needs, of a later part or file.
    pub fn merge(&mut self, later: Self) {
        for (rule, other) in later.rules {
            let Some(entry) = bounded(&mut self.rules, rule, MAX_RULES) else {
                self.other_rules += other.count;
                continue;
            };
            entry.count += other.count;
            entry.level = other.level;
            entry.seen =
                widen(widen(entry.seen, other.seen.map(|seen| seen.0)), other.seen.map(|seen| seen.1));
            entry.other_agents += other.other_agents;
            entry.in_feedback_group |= other.in_feedback_group;
            for (agent, count) in other.agents {
                match bounded(&mut entry.agents, agent, MAX_AGENTS) {
                    Some(entry) => *entry += count,
                    None => entry.other_agents += count,
                }
            }
        }
        for (agent, name) in later.names {
            if self.names.len() < MAX_NAMES {
                self.names.entry(agent).or_insert(name);
            }
        }
        for (key, met) in later.met {
            self.met.entry(key).or_default().merge(met);
        }
        for (run, other) in later.runs {
            let Some(runs) = bounded(&mut self.runs, run, MAX_RUNS) else {
                self.other_runs += other.count;
                continue;
            };
            runs.count += other.count;
            runs.adds += other.adds;
            runs.seen = widen(widen(runs.seen, other.seen.map(|seen| seen.0)), other.seen.map(|seen| seen.1));
        }
        self.other_rules += later.other_rules;
        self.other_runs += later.other_runs;
        self.alerts += later.alerts;
        self.outside += later.outside;
        self.undated += later.undated;
        self.without_rule += later.without_rule;
    }

    /// The alerts by rule.
    pub fn rules(&self) -> &BTreeMap<u32, RuleCount> {
        &self.rules
    }

    /// Alerts of a rule; 0 when there were none.
    pub fn hits(&self, rule: u32) -> u64 {
        self.rules.get(&rule).map_or(0, |entry| entry.count)
    }

    /// The name of an agent, as its first alert had it. Untrusted.
    pub fn agent_name(&self, agent: u32) -> Option<&str> {
        self.names.get(&agent).map(String::as_str)
    }

    /// Alerts in the window.
    pub fn alerts(&self) -> u64 {
        self.alerts
    }

    /// Alerts outside of the window.
    pub fn outside(&self) -> u64 {
        self.outside
    }

    /// Alerts without a timestamp that can be read; they count only when the window is all.
    pub fn undated(&self) -> u64 {
        self.undated
    }

    /// Alerts in the window without a numeric `rule.id`, as lines of archives.json are.
    pub fn without_rule(&self) -> u64 {
        self.without_rule
    }

    /// Alerts of rules that did not fit any more.
    pub fn other_rules(&self) -> u64 {
        self.other_rules
    }

    /// How the needs were met, by the index of the need as given and rule.
    pub fn met(&self) -> impl Iterator<Item = (&Need, usize, u32, &Met)> {
        self.met.iter().filter_map(|(&(index, rule), met)| Some((self.needs.get(index)?, index, rule, met)))
    }

    /// True when alerts of this rule are caused by active responses themselves: by its number,
    /// or because its alerts in the window are in the group of these.
    pub fn is_feedback(&self, rule: u32) -> bool {
        is_feedback_rule(rule) || self.rules.get(&rule).is_some_and(|entry| entry.in_feedback_group)
    }

    /// Rules seen in the window whose alerts active responses caused.
    pub fn feedback(&self) -> impl Iterator<Item = (u32, &RuleCount)> {
        self.rules.iter().map(|(&rule, entry)| (rule, entry)).filter(|&(rule, _)| self.is_feedback(rule))
    }

    /// Runs that came back as alerts.
    pub fn runs(&self) -> &BTreeMap<Run, Runs> {
        &self.runs
    }

    /// Alerts of runs that did not fit any more.
    pub fn other_runs(&self) -> u64 {
        self.other_runs
    }

    /// Runs whose cause was itself the alert of a run: the loop of a response that is bound to
    /// what it raises.
    pub fn loops(&self) -> impl Iterator<Item = (&Run, &Runs)> {
        self.runs.iter().filter(|(run, _)| run.cause.is_some_and(|cause| self.is_feedback(cause)))
    }
}

/// The entry of a key, unless it is new and the table full.
fn bounded<K: Ord, V: Default>(table: &mut BTreeMap<K, V>, key: K, limit: usize) -> Option<&mut V> {
    let full = table.len() >= limit;
    match table.entry(key) {
        std::collections::btree_map::Entry::Vacant(_) if full => None,
        entry => Some(entry.or_default()),
    }
}

fn widen(seen: Option<(i64, i64)>, time: Option<i64>) -> Option<(i64, i64)> {
    match (seen, time) {
        (Some((first, last)), Some(time)) => Some((first.min(time), last.max(time))),
        (None, Some(time)) => Some((time, time)),
        (seen, None) => seen,
    }
}

/// The beginning of a string.
fn short(raw: Option<Raw<'_>>) -> Option<String> {
    Some(cut(raw?.text()?))
}

fn cut(text: Cow<'_, [u8]>) -> String {
    String::from_utf8_lossy(text.get(..MAX_TEXT).unwrap_or(&text)).into_owned()
}

/// Counts how an alert meets a need.
fn meet(
    met: &mut Met,
    need: &Need,
    paths: &[Slot],
    slots: &Slots,
    alert: &Fields<'_>,
    at: (usize, Option<i64>),
) {
    let (file, time) = at;
    met.alerts += 1;
    let mut lack = Lack::Missing;
    for (index, &slot) in paths.iter().enumerate() {
        match judge(alert.get(slot), need.kind) {
            Ok(mapped) => {
                *met.by_path.entry(index).or_default() += 1;
                met.mapped += u64::from(mapped);
                return;
            }
            Err(why) if lack == Lack::Missing => lack = why,
            Err(_) => {}
        }
    }
    *met.lacks.entry(lack).or_default() += 1;
    let elsewhere = elsewhere(need, slots, alert);
    for found in &elsewhere {
        if let Some(entry) = bounded(&mut met.elsewhere, found.path.clone(), MAX_ELSEWHERE) {
            *entry = (entry.0 + 1, found.rank);
        }
    }
    if met.samples.len() < MAX_SAMPLES {
        met.samples.push(Sample {
            time,
            file,
            offset: alert.offset(),
            agent: short(alert.get(slots.agent)),
            location: short(alert.get(slots.location)),
            decoder: short(alert.get(slots.decoder)),
            full_log: short(alert.get(slots.full_log)),
            elsewhere,
        });
    }
}

/// Whether a value is good, and then whether it is a mapped address.
fn judge(raw: Option<Raw<'_>>, kind: Kind) -> Result<bool, Lack> {
    let raw = raw.ok_or(Lack::Missing)?;
    if kind == Kind::Any {
        return if raw.bytes() == b"null" { Err(Lack::NoString) } else { Ok(false) };
    }
    let text = raw.text().ok_or(Lack::NoString)?;
    if text.is_empty() || *text == *b"-" {
        return Err(Lack::Empty);
    }
    match kind {
        Kind::Address => address(&text).map(is_mapped).ok_or(Lack::NoAddress),
        Kind::User | Kind::Text | Kind::Any => Ok(false),
    }
}

fn address(text: &[u8]) -> Option<IpAddr> {
    // A zone (`fe80::1%eth0`) is not for std, and of no use for a response either.
    str::from_utf8(text).ok()?.parse().ok()
}

/// Values of the kind elsewhere in the alert, the likeliest first.
fn elsewhere(need: &Need, slots: &Slots, alert: &Fields<'_>) -> Vec<Elsewhere> {
    let mut found: Vec<Elsewhere> = Vec::new();
    let kind = match need.kind {
        Kind::Any => named_kind(need),
        kind => kind,
    };
    if kind == Kind::Text {
        return found;
    }
    for (top, slot) in [("data", slots.data), ("syscheck", slots.syscheck)] {
        let Some(raw) = alert.get(slot) else { continue };
        raw.leaves(MAX_LEAVES, |path, leaf| {
            let Some(value) = leaf.text() else { return };
            if found.len() >= MAX_ELSEWHERE || path.len() > MAX_TEXT {
                return;
            }
            let path = String::from_utf8_lossy(path);
            let rank = match kind {
                Kind::Address => address_rank(&path, &value),
                Kind::User => user_rank(&path, &value),
                Kind::Text | Kind::Any => None,
            };
            if let Some(rank) = rank {
                found.push(Elsewhere { path: format!("{top}.{path}"), value: cut(value), rank });
            }
        });
    }
    found.retain(|found| !need.any_of.contains(&found.path));
    found.sort_by_key(|found| found.rank);
    found
}

/// What a value is by the name of its path, such as `data.srcip`.
fn named_kind(need: &Need) -> Kind {
    let last = need.any_of.last().and_then(|path| path.rsplit('.').next()).unwrap_or_default();
    match plain(last).as_str() {
        "srcip" | "srcip2" | "sourceip" | "clientip" | "ipaddress" => Kind::Address,
        "dstuser" | "srcuser" | "user" | "username" | "targetusername" => Kind::User,
        _ => Kind::Text,
    }
}

/// Lower case without what sets words apart.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

fn address_rank(path: &str, value: &[u8]) -> Option<u8> {
    let alone = address(value);
    // With a port, as proxies log it: an address, but not one to hand on as it is.
    let with_port = || str::from_utf8(value).ok()?.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let address = alone.or_else(with_port)?;
    // The alert inside the message of a response is another alert.
    if address.is_unspecified() || path.starts_with("parameters.alert.") {
        return Some(2);
    }
    let name = plain(path.rsplit('.').next().unwrap_or(path));
    let whole = plain(path);
    let has = |words: &[&str], text: &str| words.iter().any(|word| text.contains(word));
    let other =
        ["dst", "dest", "server", "target", "local", "host", "agent", "manager", "gateway", "nat", "dns"];
    let source =
        ["src", "source", "client", "remote", "peer", "attacker", "caller", "foreign", "rhost", "clientip"];
    Some(if has(&source, &name) {
        0
    } else if has(&other, &name) {
        2
    } else if has(&source, &whole) || name == "ipaddress" {
        0
    } else if has(&["dst", "dest"], &whole) {
        2
    } else {
        1
    })
}

fn user_rank(path: &str, value: &[u8]) -> Option<u8> {
    if value.is_empty() || value == b"-" || value.starts_with(b"S-1-") || value.len() > MAX_TEXT {
        return None;
    }
    let name = plain(path.rsplit('.').next().unwrap_or(path));
    let parent = plain(path.rsplit('.').nth(1).unwrap_or_default());
    let exact = [
        "login",
        "loginname",
        "logname",
        "account",
        "accountname",
        "principal",
        "upn",
        "uname",
        "samaccountname",
    ];
    let no_name = ["agent", "group", "domain", "sid", "id", "data", "type", "agentoriginal"];
    let names_user = exact.contains(&name.as_str())
        || name.contains("user") && !no_name.iter().any(|end| name.ends_with(end))
        || name == "name" && (parent.ends_with("user") || parent.ends_with("account"));
    if !names_user || path.starts_with("parameters.alert.") {
        return None;
    }
    Some(if name.contains("dst") || name.contains("target") {
        0
    } else if ["src", "subject", "system", "effective", "caller"].iter().any(|word| name.contains(word)) {
        2
    } else {
        1
    })
}

#[cfg(test)]
mod tests {
    use super::super::Scanner;
    use super::*;

    const AT: i64 = 1_795_248_000_000;

    fn count(window: Window, needs: Vec<Need>, lines: &[String]) -> Histogram {
        let mut histogram = Histogram::new(window, needs);
        let mut scanner = Scanner::new(histogram.extractor());
        histogram.at_file(3);
        scanner.read(lines.join("\n").as_bytes(), |alert| histogram.add(alert)).unwrap();
        assert_eq!(scanner.stats().invalid, 0, "the test's lines are good");
        histogram
    }

    fn alert(second: u32, rule: u32, agent: u32, rest: &str) -> String {
        format!(
            r#"{{"timestamp":"2026-11-21T08:00:{second:02}.000+0000","rule":{{"level":5,"id":"{rule}","groups":["syslog","sshd"]}},"agent":{{"id":"{agent:03}","name":"web{agent}"}},"decoder":{{"name":"sshd"}},"location":"/var/log/auth.log","full_log":"a line"{rest}}}"#
        )
    }

    fn need(any_of: &[&str], kind: Kind) -> Vec<Need> {
        vec![Need {
            rules: vec![5710, 5711],
            any_of: any_of.iter().map(|&path| path.to_owned()).collect(),
            kind,
        }]
    }

    #[test]
    fn counts_by_rule_agent_and_window() {
        let lines = [
            alert(3, 5710, 1, ""),
            alert(1, 5710, 1, ""),
            alert(2, 5710, 2, ""),
            alert(9, 5710, 2, ""),
            alert(2, 5501, 0, ""),
            r#"{"timestamp":"not one","rule":{"id":"1"}}"#.to_owned(),
            r#"{"timestamp":"2026-11-21T08:00:05.000+0000","full_log":"archives"}"#.to_owned(),
        ];
        let window = Window { since: Some(AT + 1000), until: Some(AT + 9000) };
        let histogram = count(window, vec![], &lines);
        let rule = &histogram.rules()[&5710];
        assert_eq!((rule.count, rule.level, rule.seen), (3, 5, Some((AT + 1000, AT + 3000))));
        assert_eq!(rule.agents, BTreeMap::from([(1, 2), (2, 1)]));
        assert_eq!((histogram.hits(5710), histogram.hits(5501), histogram.hits(1)), (3, 1, 0));
        assert_eq!(
            (histogram.alerts(), histogram.outside(), histogram.undated(), histogram.without_rule()),
            (5, 1, 1, 1)
        );
        assert_eq!(histogram.agent_name(2), Some("web2"));
        let all = count(Window::default(), vec![], &lines);
        assert_eq!((all.hits(5710), all.hits(1), all.undated()), (4, 1, 1));
        assert_eq!(all.rules()[&1].seen, None);
    }

    #[test]
    fn a_need_and_where_else_the_value_is() {
        let address = Kind::Address;
        let srcip = &["data.srcip"][..];
        // Members behind the alert's head, paths, kind; the lack, and what else there is.
        type Case<'a> = (&'a str, &'a [&'a str], Kind, Option<Lack>, &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            (r#","data":{"srcip":"192.0.2.1"}"#, srcip, address, None, &[]),
            (r#","data":{"srcip":"2001:db8::1"}"#, srcip, address, None, &[]),
            ("", srcip, address, Some(Lack::Missing), &[]),
            (r#","data":{"srcport":"22"}"#, srcip, address, Some(Lack::Missing), &[]),
            (r#","data":{"srcip":null}"#, srcip, address, Some(Lack::NoString), &[]),
            (r#","data":{"srcip":["192.0.2.1"]}"#, srcip, address, Some(Lack::NoString), &["data.srcip[0]"]),
            (r#","data":{"srcip":"-"}"#, srcip, address, Some(Lack::Empty), &[]),
            // A script takes what is there; where else it may be is told by the name.
            (r#","data":{"srcip":7}"#, srcip, Kind::Any, None, &[]),
            (r#","data":{"srcip":null}"#, srcip, Kind::Any, Some(Lack::NoString), &[]),
            (r#","data":{"src_ip":"192.0.2.1"}"#, srcip, Kind::Any, Some(Lack::Missing), &["data.src_ip"]),
            (r#","data":{"src_ip":"192.0.2.1"}"#, &["data.url"], Kind::Any, Some(Lack::Missing), &[]),
            (r#","data":{"srcip":""}"#, srcip, address, Some(Lack::Empty), &[]),
            // B04: a reverse proxy puts the site's name there.
            (
                r#","data":{"srcip":"www.example.org","srcip2":"192.0.2.1"}"#,
                srcip,
                address,
                Some(Lack::NoAddress),
                &["data.srcip2"],
            ),
            // B01: decoded under another name; the likely one first.
            (
                r#","data":{"dest_ip":"192.0.2.9","src_ip":"192.0.2.1"}"#,
                srcip,
                address,
                Some(Lack::Missing),
                &["data.src_ip", "data.dest_ip"],
            ),
            (
                r#","data":{"source":{"ip":"192.0.2.1"}}"#,
                srcip,
                address,
                Some(Lack::Missing),
                &["data.source.ip"],
            ),
            (
                r#","data":{"aws":{"sourceIPAddress":"192.0.2.1"}}"#,
                srcip,
                address,
                Some(Lack::Missing),
                &["data.aws.sourceIPAddress"],
            ),
            (
                r#","data":{"client_ip":"192.0.2.1:5555","server_ip":"192.0.2.2"}"#,
                srcip,
                address,
                Some(Lack::Missing),
                &["data.client_ip", "data.server_ip"],
            ),
            (
                r#","data":{"http":{"srcip":"192.0.2.1"},"note":"from 192.0.2.1"}"#,
                srcip,
                address,
                Some(Lack::Missing),
                &["data.http.srcip"],
            ),
            (
                r#","data":{"win":{"eventdata":{"ipAddress":"192.0.2.1","targetUserName":"bob"}}}"#,
                srcip,
                address,
                Some(Lack::Missing),
                &["data.win.eventdata.ipAddress"],
            ),
            // One of several is enough; the first that is there says what is wrong.
            (
                r#","data":{"srcip":"-","win":{"eventdata":{"ipAddress":"192.0.2.1"}}}"#,
                &["data.srcip", "data.win.eventdata.ipAddress"],
                address,
                None,
                &[],
            ),
            (
                r#","data":{"win":{"eventdata":{"ipAddress":"-"}}}"#,
                &["data.srcip", "data.win.eventdata.ipAddress"],
                address,
                Some(Lack::Empty),
                &[],
            ),
            // That of the alert inside a response's message is the other alert's.
            (
                r#","data":{"parameters":{"alert":{"data":{"srcip":"192.0.2.1"}}},"ip":"192.0.2.2"}"#,
                srcip,
                address,
                Some(Lack::Missing),
                &["data.ip", "data.parameters.alert.data.srcip"],
            ),
            (r#","data":{"dstuser":"bob"}"#, &["data.dstuser"], Kind::User, None, &[]),
            (
                r#","data":{"srcuser":"eve","win":{"eventdata":{"subjectUserSid":"S-1-5-18","subjectUserName":"-","targetUserName":"bob","targetDomainName":"EX"}}}"#,
                &["data.dstuser"],
                Kind::User,
                Some(Lack::Missing),
                &["data.win.eventdata.targetUserName", "data.srcuser"],
            ),
            (
                r#","data":{"user_agent":"curl","userId":"7"},"syscheck":{"audit":{"user":{"id":"0","name":"root"}}}"#,
                &["data.dstuser"],
                Kind::User,
                Some(Lack::Missing),
                &["syscheck.audit.user.name"],
            ),
            (r#","syscheck":{"path":"/etc/x"}"#, &["syscheck.path"], Kind::Text, None, &[]),
            (r#","data":{"srcip":"192.0.2.1"}"#, &["syscheck.path"], Kind::Text, Some(Lack::Missing), &[]),
        ];
        for (rest, paths, kind, lack, elsewhere) in cases {
            let histogram = count(Window::default(), need(paths, *kind), &[alert(0, 5710, 1, rest)]);
            let met: Vec<_> = histogram.met().collect();
            let [(_, 0, 5710, met)] = met[..] else { panic!("{rest}: {met:?}") };
            assert_eq!(met.lacks.keys().next().copied(), *lack, "{rest}");
            assert_eq!((met.alerts, met.lacking()), (1, u64::from(lack.is_some())), "{rest}");
            let found: Vec<&str> = met
                .samples
                .iter()
                .flat_map(|sample| &sample.elsewhere)
                .map(|found| found.path.as_str())
                .collect();
            assert_eq!(found, *elsewhere, "{rest}");
        }
    }

    #[test]
    fn needs_of_many_alerts() {
        let mut lines: Vec<String> =
            (0..5).map(|second| alert(second, 5710, 1, r#","data":{"src_ip":"192.0.2.1"}"#)).collect();
        lines.push(alert(7, 5710, 1, r#","data":{"srcip":"::ffff:192.0.2.1"}"#));
        lines.push(alert(8, 5711, 1, ""));
        lines.push(alert(9, 5712, 1, ""));
        let histogram = count(Window::default(), need(&["data.srcip"], Kind::Address), &lines);
        let met: BTreeMap<u32, &Met> = histogram.met().map(|(_, _, rule, met)| (rule, met)).collect();
        assert_eq!(met.keys().copied().collect::<Vec<_>>(), [5710, 5711]);
        let first = met[&5710];
        assert_eq!(
            (first.alerts, first.lacking(), first.mapped, first.samples.len()),
            (6, 5, 1, MAX_SAMPLES)
        );
        assert_eq!(first.elsewhere, BTreeMap::from([("data.src_ip".to_owned(), (5, 0))]));
        assert_eq!(first.by_path, BTreeMap::from([(0, 1)]));
        let sample = &first.samples[0];
        assert_eq!((sample.time, sample.file, sample.offset), (Some(AT), 3, 0));
        assert_eq!(first.samples[1].offset, lines[0].len() as u64 + 1);
        assert_eq!((sample.agent.as_deref(), sample.decoder.as_deref()), (Some("001"), Some("sshd")));
        assert_eq!(
            (sample.location.as_deref(), sample.full_log.as_deref()),
            (Some("/var/log/auth.log"), Some("a line"))
        );
    }

    #[test]
    fn loops_of_responses() {
        let run = |second, raised, group: &str, cause: &str, command: &str| {
            alert(second, raised, 1, &format!(
                r#","data":{{"command":"{command}","parameters":{{"program":"active-response/bin/fw","alert":{{"rule":{{"id":"{cause}"}}}}}}}}"#
            ))
            .replace("\"sshd\"]", &format!("\"{group}\"]"))
        };
        let lines = [
            alert(0, 5710, 1, ""),
            run(1, 651, "active_response", "5710", "add"),
            run(2, 651, "active_response", "5710", "delete"),
            run(3, 657, "active_response", "657", "add"),
            run(4, 657, "active_response", "657", "add"),
            // A rule of the site's own, known by its group alone.
            run(5, 100_100, "active_response", "100100", "add"),
            run(6, 100_200, "active_responses", "100200", "add"),
        ];
        let histogram = count(Window::default(), vec![], &lines);
        let feedback: Vec<u32> = histogram.feedback().map(|(rule, _)| rule).collect();
        assert_eq!(feedback, [651, 657, 100_100]);
        assert!(!histogram.is_feedback(5710) && histogram.is_feedback(606) && !histogram.is_feedback(659));
        let loops: Vec<_> =
            histogram.loops().map(|(run, runs)| (run.raised, run.cause, runs.count, runs.adds)).collect();
        assert_eq!(loops, [(657, Some(657), 2, 2), (100_100, Some(100_100), 1, 1)]);
        let once = Run { program: "active-response/bin/fw".to_owned(), cause: Some(5710), raised: 651 };
        assert_eq!(histogram.runs()[&once], Runs { count: 2, adds: 1, seen: Some((AT + 1000, AT + 2000)) });
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let lines: Vec<String> = (0..40)
            .map(|number| match number % 4 {
                0 => alert(number, 5710, number % 3, r#","data":{"src_ip":"192.0.2.1"}"#),
                1 => alert(number, 5711, number % 3, r#","data":{"srcip":"192.0.2.1"}"#),
                2 => alert(
                    number,
                    657,
                    1,
                    r#","data":{"command":"add","parameters":{"program":"p","alert":{"rule":{"id":"657"}}}}"#,
                ),
                _ => "{\"timestamp\":\"\"}".to_owned(),
            })
            .collect();
        let of = |lines: &[String]| count(Window::default(), need(&["data.srcip"], Kind::Address), lines);
        let whole = of(&lines);
        for at in 0..lines.len() {
            let mut merged = of(&lines[..at]);
            merged.merge(of(&lines[at..]));
            // Offsets of samples are of the part's text here.
            let met = |histogram: &Histogram| {
                let mut met = histogram.met.clone();
                met.values_mut().flat_map(|met| &mut met.samples).for_each(|sample| sample.offset = 0);
                met
            };
            assert_eq!(merged.rules, whole.rules, "at {at}");
            assert_eq!(met(&merged), met(&whole), "at {at}");
            assert_eq!(merged.runs, whole.runs, "at {at}");
            assert_eq!(merged.names, whole.names, "at {at}");
            let sums = |histogram: &Histogram| {
                (histogram.alerts, histogram.outside, histogram.undated, histogram.without_rule)
            };
            assert_eq!(sums(&merged), sums(&whole), "at {at}");
        }
    }

    #[test]
    fn tables_do_not_grow_for_ever() {
        let lines: Vec<String> = (0..80_000)
            .map(|number| format!(
                r#"{{"timestamp":"2026-11-21T08:00:00.000+0000","rule":{{"id":"{}","groups":["active_response"]}},"agent":{{"id":"{number}","name":"n"}},"data":{{"parameters":{{"program":"p{number}"}}}}}}"#,
                if number < 1000 { 1 } else { number }
            ))
            .collect();
        let mut histogram = count(Window::default(), vec![], &lines);
        histogram.merge(histogram.clone());
        assert_eq!(
            (histogram.rules.len(), histogram.names.len(), histogram.runs.len()),
            (MAX_RULES, MAX_NAMES, MAX_RUNS)
        );
        let rule = &histogram.rules[&1];
        assert_eq!(
            (rule.agents.len(), rule.other_agents, rule.count),
            (MAX_AGENTS, 2 * (1000 - MAX_AGENTS as u64), 2000)
        );
        let counted: u64 = histogram.rules.values().map(|rule| rule.count).sum();
        assert_eq!((counted + histogram.other_rules(), histogram.alerts()), (160_000, 160_000));
        let runs: u64 = histogram.runs.values().map(|runs| runs.count).sum();
        assert!(runs + histogram.other_runs() <= 160_000);
    }
}
