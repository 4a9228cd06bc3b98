//! Many alerts held against every response: how many started each, and what stopped the others.
//!
//! What analysisd settles per rule is asked once per rule and level; only alerts of rules that
//! are bound are looked at further. Every table is bounded, so that memory does not grow with
//! the alerts.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::wazuh::alerts::Stats;
use crate::wazuh::alerts::extract::{Fields, Paths, Raw, Slot};
use crate::wazuh::alerts::histogram::Window;
use crate::wazuh::alerts::time::unix_millis;
use crate::wazuh::rules::{Event, Reason, RuleFacts, Target, bound, sent};

use super::Ground;
use super::ground::Judged;

/// Pairs of rule and level, with the groups where the rule is not loaded, that are kept.
const MAX_RULES: usize = 1 << 16;
/// Agents that are told apart.
const MAX_AGENTS: usize = 1 << 14;
/// Bytes of an agent's name that are kept.
const MAX_NAME: usize = 128;

/// Which alerts count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this time; alerts without a time always count.
    pub window: Window,
    /// Only those of this rule.
    pub rule: Option<u32>,
    /// Only those of this agent.
    pub agent: Option<u32>,
}

/// The first and the last time, in milliseconds since 1970.
pub type Seen = Option<(i64, i64)>;

fn widen(seen: &mut Seen, other: Seen) {
    if let Some((first, last)) = other {
        let now = seen.get_or_insert((first, last));
        *now = (now.0.min(first), now.1.max(last));
    }
}

/// How many alerts, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    alerts: u64,
    seen: Seen,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.alerts += other.alerts;
        widen(&mut self.seen, other.seen);
    }
}

/// Where a response was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Host {
    Manager,
    Agent(i32),
    Unnamed,
    All,
}

/// What stops an event of a rule that is bound, so that events can be counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    User,
    Address,
    WhiteList(usize),
    Expected(&'static str),
    Queue,
    NoAgent,
    /// The rule is not bound, and there are too many to tell of each.
    Untold,
    Other,
}

impl Kind {
    const fn of(reason: &Reason) -> Self {
        match reason {
            Reason::BadUser { .. } => Self::User,
            Reason::BadAddress { .. } => Self::Address,
            Reason::WhiteListed { entry, .. } => Self::WhiteList(*entry),
            Reason::Expected { field } => Self::Expected(field),
            Reason::NoQueue { .. } => Self::Queue,
            Reason::NoAgentId => Self::NoAgent,
            _ => Self::Other,
        }
    }
}

/// Rule and level of an alert; what responses are bound by.
struct Rule {
    judged: Judged,
    /// By response: whether it is bound.
    bound: Vec<Result<(), Reason>>,
    any: bool,
    count: Count,
    /// By response: alerts that started it.
    started: Vec<u64>,
    /// By response and kind: alerts that did not, though the rule is bound.
    stopped: BTreeMap<(usize, Kind), u64>,
}

/// What became of the alerts of bound rules, for one response.
#[derive(Default)]
struct Sent {
    count: Count,
    hosts: HashMap<Host, Count>,
    /// Alerts whose host did not fit any more.
    other_hosts: u64,
    stops: BTreeMap<Kind, (Reason, Count)>,
}

#[derive(Clone, Copy)]
struct Slots {
    timestamp: Slot,
    rule: Slot,
    level: Slot,
    groups: Slot,
    srcip: Slot,
    dstuser: Slot,
    agent: Slot,
    agent_name: Slot,
    agentless: Slot,
    path: Slot,
}

/// Counts alerts.
pub struct Tally<'g, 'a, 'h> {
    ground: &'g Ground<'a, 'h>,
    filter: Filter,
    paths: Paths,
    slots: Slots,
    /// The blocks that are responses.
    blocks: Vec<usize>,
    rules: Vec<Rule>,
    /// Loaded rules by number and level; `u32::MAX` for none.
    loaded: HashMap<(u32, u32), usize>,
    /// The others, by their groups as written, too.
    others: HashMap<(u32, u32), HashMap<Vec<u8>, usize>>,
    sent: Vec<Sent>,
    names: HashMap<u32, Vec<u8>>,
    event: Event,
    totals: Totals,
}

/// A response that an alert starts.
#[derive(Clone, Copy, Debug)]
pub struct Started<'a> {
    /// Its index among the responses that are blocks of the configuration.
    pub response: usize,
    /// The rule of the alert.
    pub rule: u32,
    /// Where it is sent.
    pub targets: &'a [Target],
    /// What analysisd looks at besides the rule.
    pub event: &'a Event,
    /// The time of the alert, in milliseconds since 1970.
    pub time: Option<i64>,
}

/// Alerts by what was done with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Held against the responses.
    pub alerts: u64,
    /// Of these, the ones that started a response.
    pub started: u64,
    /// Of these, the ones without data.srcip.
    pub sourceless: u64,
    /// Left out: older than asked for.
    pub outside: u64,
    /// Left out: of another rule or agent.
    pub filtered: u64,
    /// Left out: no number in rule.id.
    pub without_rule: u64,
    /// Without a time; they count.
    pub undated: u64,
    /// Counted, but in no row of the rules, of which there are too many.
    pub untold: u64,
    /// The first and the last time of those that count.
    pub seen: Seen,
}

impl<'g, 'a, 'h> Tally<'g, 'a, 'h> {
    /// Nothing counted yet.
    pub fn new(ground: &'g Ground<'a, 'h>, filter: Filter) -> Self {
        let mut paths = Paths::new();
        let slots = Slots {
            timestamp: paths.add("timestamp"),
            rule: paths.add("rule.id"),
            level: paths.add("rule.level"),
            groups: paths.add("rule.groups"),
            srcip: paths.add("data.srcip"),
            dstuser: paths.add("data.dstuser"),
            agent: paths.add("agent.id"),
            agent_name: paths.add("agent.name"),
            agentless: paths.add("agentless"),
            path: paths.add("syscheck.path"),
        };
        let blocks: Vec<usize> =
            ground.facts.responses().iter().filter_map(|response| response.block).collect();
        let none: [Vec<u8>; 0] = [];
        Self {
            ground,
            filter,
            paths,
            slots,
            sent: blocks.iter().map(|_| Sent::default()).collect(),
            blocks,
            rules: Vec::new(),
            loaded: HashMap::new(),
            others: HashMap::new(),
            names: HashMap::new(),
            event: Event {
                rule: RuleFacts::of_alert(0, 0, &none),
                srcip: None,
                dstuser: None,
                filename: false,
                agent: Vec::new(),
                versions: BTreeMap::new(),
                connected: None,
            },
            totals: Totals::default(),
        }
    }

    /// The members that [`Self::add`] looks at.
    pub fn paths(&self) -> Paths {
        self.paths.clone()
    }

    /// Alerts seen up to now, whatever was done with them.
    pub fn read(&self) -> u64 {
        let totals = &self.totals;
        totals.alerts + totals.outside + totals.filtered + totals.without_rule
    }

    /// Holds one alert, read with [`Self::paths`], against every response.
    pub fn add(&mut self, alert: &Fields<'_>) {
        self.add_each(alert, &mut |_| ());
    }

    /// The same, and tells of each response that it starts.
    pub fn add_each(&mut self, alert: &Fields<'_>, each: &mut dyn FnMut(&Started<'_>)) {
        let slots = self.slots;
        let time = alert.get(slots.timestamp).and_then(Raw::text).and_then(|text| unix_millis(&text));
        if time.is_some_and(|time| !self.filter.window.holds(time)) {
            self.totals.outside += 1;
            return;
        }
        let number = |slot| alert.get(slot).and_then(Raw::number).and_then(|one| u32::try_from(one).ok());
        let Some(rule) = number(slots.rule) else {
            self.totals.without_rule += 1;
            return;
        };
        // What the manager fetches from a device is its own event.
        let agent = number(slots.agent).or_else(|| alert.get(slots.agentless).map(|_| 0));
        if self.filter.rule.is_some_and(|wanted| wanted != rule)
            || self.filter.agent.is_some_and(|wanted| Some(wanted) != agent)
        {
            self.totals.filtered += 1;
            return;
        }
        let now = Count { alerts: 1, seen: time.map(|time| (time, time)) };
        self.totals.alerts += 1;
        self.totals.undated += u64::from(time.is_none());
        widen(&mut self.totals.seen, now.seen);
        let groups = alert.get(slots.groups);
        let Some(index) = self.rule(rule, number(slots.level), groups) else {
            // Too many to be remembered: it is judged all the same.
            self.totals.untold += 1;
            let mut one = self.judge(rule, number(slots.level), groups);
            self.hold(&mut one, alert, agent, now, each);
            for (bound, all) in one.bound.into_iter().zip(&mut self.sent) {
                if let Err(reason) = bound {
                    all.stops.entry(Kind::Untold).or_insert_with(|| (reason, Count::default())).1.add(now);
                }
            }
            return;
        };
        // It is taken out so that the rest may be changed meanwhile.
        let Some(place) = self.rules.get_mut(index) else { return };
        place.count.add(now);
        if place.any {
            let mut one = std::mem::replace(place, Rule::empty());
            self.hold(&mut one, alert, agent, now, each);
            if let Some(place) = self.rules.get_mut(index) {
                *place = one;
            }
        }
    }

    /// The row of a rule; none when there is no room for it.
    fn rule(&mut self, rule: u32, level: Option<u32>, groups: Option<Raw<'_>>) -> Option<usize> {
        let key = (rule, level.unwrap_or(u32::MAX));
        if let Some(&index) = self.loaded.get(&key) {
            return Some(index);
        }
        let bytes = groups.map_or(&b""[..], Raw::bytes);
        if let Some(&index) = self.others.get(&key).and_then(|others| others.get(bytes)) {
            return Some(index);
        }
        if self.rules.len() >= MAX_RULES {
            return None;
        }
        let one = self.judge(rule, level, groups);
        let index = self.rules.len();
        match one.judged.own {
            Some(_) => self.loaded.insert(key, index),
            None => self.others.entry(key).or_default().insert(bytes.to_vec(), index),
        };
        self.rules.push(one);
        Some(index)
    }

    fn judge(&self, rule: u32, level: Option<u32>, groups: Option<Raw<'_>>) -> Rule {
        let groups: Vec<Vec<u8>> = groups
            .map(|groups| groups.items().filter_map(|group| Some(group.text()?.into_owned())).collect())
            .unwrap_or_default();
        // An alert says no level where it is 0.
        let judged = self.ground.judge(rule, level, &groups).unwrap_or_else(|| Judged {
            facts: RuleFacts::of_alert(rule, 0, &groups),
            own: None,
            other_level: None,
        });
        let conf = self.ground.conf;
        let settled = |&block: &usize| self.ground.settle(bound(conf, block, &judged.facts)).map(|_| ());
        let bound: Vec<Result<(), Reason>> = self.blocks.iter().map(settled).collect();
        Rule {
            any: bound.iter().any(Result::is_ok),
            started: vec![0; bound.len()],
            bound,
            judged,
            count: Count::default(),
            stopped: BTreeMap::new(),
        }
    }

    /// An alert whose rule is bound to some response.
    fn hold(
        &mut self,
        rule: &mut Rule,
        alert: &Fields<'_>,
        agent: Option<u32>,
        now: Count,
        each: &mut dyn FnMut(&Started<'_>),
    ) {
        let slots = self.slots;
        let words = |slot| alert.get(slot).and_then(Raw::text).map(std::borrow::Cow::into_owned);
        self.event.srcip = words(slots.srcip);
        self.event.dstuser = words(slots.dstuser);
        self.event.filename = alert.get(slots.path).is_some();
        self.event.agent.clear();
        if let Some(agent) = agent {
            self.event.agent.extend_from_slice(format!("{agent:03}").as_bytes());
            if self.names.len() < MAX_AGENTS
                && let Entry::Vacant(entry) = self.names.entry(agent)
                && let Some(mut name) = words(slots.agent_name)
            {
                name.truncate(MAX_NAME);
                entry.insert(name);
            }
        }
        let mut any = false;
        let version = self.ground.facts.version();
        for (at, (&block, all)) in self.blocks.iter().zip(&mut self.sent).enumerate() {
            if !matches!(rule.bound.get(at), Some(Ok(()))) {
                continue;
            }
            match sent(self.ground.conf, version, block, &self.event) {
                Ok(gone) => {
                    any = true;
                    let time = now.seen.map(|seen| seen.0);
                    each(&Started {
                        response: at,
                        rule: rule.judged.facts.id,
                        targets: &gone.targets,
                        event: &self.event,
                        time,
                    });
                    all.count.add(now);
                    if let Some(started) = rule.started.get_mut(at) {
                        *started += 1;
                    }
                    for target in &gone.targets {
                        let host = match target {
                            Target::Manager => Host::Manager,
                            Target::AllAgents => Host::All,
                            // The number is that of the event, and it has none.
                            Target::Agent { id: 0, .. } if agent.is_none() => Host::Unnamed,
                            Target::Agent { id, .. } => Host::Agent(*id),
                        };
                        if all.hosts.len() < MAX_AGENTS || all.hosts.contains_key(&host) {
                            all.hosts.entry(host).or_default().add(now);
                        } else {
                            all.other_hosts += 1;
                        }
                    }
                }
                Err(reason) => {
                    let kind = Kind::of(&reason);
                    *rule.stopped.entry((at, kind)).or_default() += 1;
                    all.stops.entry(kind).or_insert_with(|| (reason, Count::default())).1.add(now);
                }
            }
        }
        self.totals.started += u64::from(any);
        self.totals.sourceless += u64::from(any && self.event.srcip.is_none());
    }

    /// What it comes to.
    pub fn finish(self) -> Summary {
        let ground = self.ground;
        let nobody = Rule::empty().judged;
        let mut stops: Vec<BTreeMap<String, Stopped>> = Vec::new();
        for (at, (sent, &block)) in self.sent.iter().zip(&self.blocks).enumerate() {
            let mut of_one = BTreeMap::new();
            for (kind, (reason, count)) in &sent.stops {
                let condition = match kind {
                    Kind::Untold => "the rule does not start it (too many rules to tell of each)".to_owned(),
                    _ => ground.condition(block, reason, &nobody),
                };
                let stop = of_one.entry(condition).or_insert_with_key(|key| Stopped::new(key, reason));
                stop.add(*count);
                for rule in &self.rules {
                    if let Some(&alerts) = rule.stopped.get(&(at, *kind)) {
                        *stop.rules.entry(rule.judged.facts.id).or_default() += alerts;
                    }
                }
            }
            for rule in &self.rules {
                if let Some(Err(reason)) = rule.bound.get(at) {
                    let condition = ground.condition(block, reason, &rule.judged);
                    let stop = of_one.entry(condition).or_insert_with_key(|key| Stopped::new(key, reason));
                    stop.add(rule.count);
                    *stop.rules.entry(rule.judged.facts.id).or_default() += rule.count.alerts;
                }
            }
            stops.push(of_one);
        }
        let mut rules: BTreeMap<u32, RuleRow> = BTreeMap::new();
        for rule in &self.rules {
            let id = rule.judged.facts.id;
            let row = rules.entry(id).or_insert_with(|| RuleRow {
                rule: id,
                levels: Vec::new(),
                alerts: 0,
                seen: None,
                started: vec![0; self.blocks.len()],
            });
            row.alerts += rule.count.alerts;
            widen(&mut row.seen, rule.count.seen);
            let level = rule.judged.facts.level;
            if !row.levels.contains(&level) {
                row.levels.push(level);
                row.levels.sort_unstable();
            }
            for (mine, one) in row.started.iter_mut().zip(&rule.started) {
                *mine += one;
            }
        }
        let notes = self.notes();
        let all = self.filter.rule.is_none() && self.filter.agent.is_none() && self.totals.untold == 0;
        let known = ground.facts.responses().iter().filter(|response| response.block.is_some());
        let responses = known
            .zip(self.sent)
            .zip(stops)
            .map(|((response, sent), stops)| {
                let mut stops: Vec<Stopped> = stops.into_values().collect();
                stops.sort_by(|a, b| b.alerts.cmp(&a.alerts).then_with(|| a.condition.cmp(&b.condition)));
                let block = response.block.and_then(|block| ground.conf.responses.get(block));
                let mut silent: Vec<u32> = block.map(|block| block.rule_ids.clone()).unwrap_or_default();
                silent.retain(|id| all && !rules.contains_key(id));
                Response {
                    name: response.shown(),
                    command: String::from_utf8_lossy(response.command.as_deref().unwrap_or_default())
                        .into_owned(),
                    place: response
                        .place
                        .as_ref()
                        .map_or_else(String::new, |place| format!("{}:{}", place.file, place.line)),
                    started: sent.count.alerts,
                    seen: sent.count.seen,
                    hosts: hosts(sent.hosts, &self.names),
                    other_hosts: sent.other_hosts,
                    stops,
                    silent,
                }
            })
            .collect();
        let mut rules: Vec<RuleRow> = rules.into_values().collect();
        rules.sort_by(|a, b| b.alerts.cmp(&a.alerts).then(a.rule.cmp(&b.rule)));
        Summary { totals: self.totals, responses, rules, notes }
    }

    /// What to know of the answer.
    fn notes(&self) -> Vec<String> {
        let ground = self.ground;
        let conf = ground.conf;
        let mut notes: Vec<String> = ground.gap_note("of the alerts").into_iter().collect();
        notes.push(
            "configuration and rules are those of now; they may have been others when an alert was written"
                .to_owned(),
        );
        let wanted = conf.log_alert_level.as_ref().map_or(1, |(_, level)| u32::from(*level));
        notes.push(format!(
            "alerts.json lacks alerts below level {wanted} (log_alert_level) and of rules with no_log, \
             which start responses too"
        ));
        let sum = |rows: &mut dyn Iterator<Item = &Rule>| {
            let (mut alerts, mut ids) = (0, BTreeSet::new());
            for one in rows {
                alerts += one.count.alerts;
                ids.insert(one.judged.facts.id);
            }
            (alerts, ids)
        };
        let (alerts, ids) = sum(&mut self.rules.iter().filter(|one| one.judged.other_level.is_some()));
        if alerts > 0 {
            notes.push(format!(
                "{} another level than the rule has now ({}): that of the alert is used",
                counted(alerts, "alert has", "alerts have"),
                few(&ids)
            ));
        }
        let (alerts, ids) = sum(&mut self.rules.iter().filter(|one| one.judged.own.is_none()));
        if alerts > 0 && ground.rules.is_some() {
            notes.push(format!(
                "{} of a rule that is not loaded ({}): level and groups are those of the alert",
                counted(alerts, "alert is", "alerts are"),
                few(&ids)
            ));
        }
        let totals = &self.totals;
        if totals.sourceless > 0 {
            let which = if totals.sourceless == totals.started {
                counted(
                    totals.started,
                    "alert that starts a response has",
                    "alerts that start a response have",
                )
            } else {
                format!("{} of {} alerts that start a response have", totals.sourceless, totals.started)
            };
            notes.push(format!(
                "{which} no data.srcip: the white list is not asked, and a script that blocks an address gets none"
            ));
        }
        let mut assumed = super::Assumed::default();
        for (sent, &block) in self.sent.iter().zip(&self.blocks) {
            for host in sent.hosts.keys() {
                assumed.others |= *host != Host::Manager
                    && conf
                        .responses
                        .get(block)
                        .is_some_and(|block| block.dispatch != super::Dispatch::Sender);
                match host {
                    Host::Manager | Host::Unnamed => {}
                    Host::Agent(id) => {
                        assumed.agents.insert(*id);
                    }
                    Host::All => assumed.all = true,
                }
            }
        }
        notes.extend(assumed.notes(ground, None, false));
        notes
    }
}

impl Rule {
    fn empty() -> Self {
        let none: [Vec<u8>; 0] = [];
        let judged = Judged { facts: RuleFacts::of_alert(0, 0, &none), own: None, other_level: None };
        Self {
            judged,
            bound: Vec::new(),
            any: false,
            count: Count::default(),
            started: Vec::new(),
            stopped: BTreeMap::new(),
        }
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `5710, 5712 and 3 more`
fn few(ids: &BTreeSet<u32>) -> String {
    const SHOWN: usize = 5;
    let mut text = ids.iter().take(SHOWN).map(u32::to_string).collect::<Vec<_>>().join(", ");
    if ids.len() > SHOWN {
        text += &format!(" and {} more", ids.len() - SHOWN);
    }
    text
}

/// The most frequent first.
fn hosts(hosts: HashMap<Host, Count>, names: &HashMap<u32, Vec<u8>>) -> Vec<HostRow> {
    let mut rows: Vec<(Host, Count)> = hosts.into_iter().collect();
    rows.sort_by(|a, b| b.1.alerts.cmp(&a.1.alerts).then(a.0.cmp(&b.0)));
    rows.into_iter()
        .map(|(host, count)| {
            let mut shown = match host {
                Host::Manager => "the manager".to_owned(),
                Host::All => "every connected agent".to_owned(),
                Host::Unnamed => "an agent without a number in the alert".to_owned(),
                Host::Agent(id) => format!("agent {id:03}"),
            };
            if let Host::Agent(id) = host
                && let Some(name) = u32::try_from(id).ok().and_then(|id| names.get(&id))
            {
                shown += &format!(" {}", String::from_utf8_lossy(name));
            }
            HostRow { host: shown, alerts: count.alerts, seen: count.seen }
        })
        .collect()
}

/// Where the alerts came from, and how reading went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The files, as reports name them.
    pub files: Vec<String>,
    /// Lines by what they are.
    pub stats: Stats,
    /// What could not be read, in words.
    pub gaps: Vec<String>,
}

/// What many alerts started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Alerts by what was done with them.
    pub totals: Totals,
    /// Every response block, in file order.
    pub responses: Vec<Response>,
    /// Every rule, the most frequent first.
    pub rules: Vec<RuleRow>,
    /// What else to know.
    pub notes: Vec<String>,
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The name in ar.conf.
    pub name: String,
    /// The command.
    pub command: String,
    /// `etc/ossec.conf:41`
    pub place: String,
    /// Alerts that started it.
    pub started: u64,
    /// When.
    pub seen: Seen,
    /// Where, the most frequent first.
    pub hosts: Vec<HostRow>,
    /// Alerts whose host is not told, as there are too many.
    pub other_hosts: u64,
    /// Why the others did not start it, the most frequent first.
    pub stops: Vec<Stopped>,
    /// Numbers in its `rules_id` of which there was no alert; empty where not all alerts count.
    pub silent: Vec<u32>,
}

impl Response {
    /// Whether it is called so.
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.command == name
    }
}

/// A host on which a response was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRow {
    /// `the manager`, `agent 003 web-01`, `every connected agent`
    pub host: String,
    /// How many alerts.
    pub alerts: u64,
    /// When.
    pub seen: Seen,
}

/// Alerts that did not start a response, by the first condition that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// In words.
    pub condition: String,
    /// The number of the line analysisd logs each time.
    pub logged: Option<u32>,
    /// How many.
    pub alerts: u64,
    /// When.
    pub seen: Seen,
    /// Their rules.
    pub rules: BTreeMap<u32, u64>,
}

impl Stopped {
    fn new(condition: &str, reason: &Reason) -> Self {
        let logged = reason.number();
        Self { condition: condition.to_owned(), logged, alerts: 0, seen: None, rules: BTreeMap::new() }
    }

    fn add(&mut self, count: Count) {
        self.alerts += count.alerts;
        widen(&mut self.seen, count.seen);
    }
}

/// The alerts of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRow {
    /// Its number.
    pub rule: u32,
    /// The levels responses are bound by, lowest first.
    pub levels: Vec<u32>,
    /// How many.
    pub alerts: u64,
    /// When.
    pub seen: Seen,
    /// By response, as in [`Summary::responses`]: alerts that started it.
    pub started: Vec<u64>,
}
