//! What an alert starts: every response block held against one event, with the line its script
//! gets, or the first condition that stops it, in words. [`alerts`] does it for many alerts.
//!
//! The model is `wazuh::rules::fires`, `replay::payload` makes the message and
//! `wazuh::execd` the line.

pub mod alerts;
mod ground;

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Facts;
use crate::replay::Deed;
use crate::replay::needs::Needs;
use crate::replay::payload::{Payload, Set, Source, Wish};
use crate::wazuh::alerts::extract::{Raw, extract};
use crate::wazuh::ar_conf::atoi;
use crate::wazuh::execd::{Execd, Files, Received, Setup, args_message};
use crate::wazuh::ossec_conf::{Configuration, Dispatch};
use crate::wazuh::rules::{
    AgentMessage, AgentVersion, Event, RuleFacts, Silence, Target, Verdict, fires as decide,
};
use crate::wazuh::version::{Contract, Version};

pub use ground::Ground;
use ground::Judged;

/// Bytes of a message that remoted takes; longer ones are refused with
/// `Incorrect message size` and 1217 (`src/os_crypto/shared/msgs.c`, 4.14).
const MAX_TO_AGENT: usize = 65_408;

/// What was given of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The rule it ended with.
    pub rule: Option<u32>,
    /// The level of the alert.
    pub level: Option<u32>,
    /// Groups that were asked for; they replace those of the loaded rule.
    pub groups: Option<Vec<Vec<u8>>>,
    /// Groups the alert bears; used where the rules are not known.
    pub alert_groups: Vec<Vec<u8>>,
    /// `data.srcip`
    pub srcip: Option<Vec<u8>>,
    /// `data.dstuser`
    pub dstuser: Option<Vec<u8>>,
    /// `agent.id`
    pub agent: Option<Vec<u8>>,
    /// It has a file name.
    pub filename: bool,
    /// Other decoded fields, for the alert that is made.
    pub fields: BTreeMap<String, String>,
    /// The line of the log, likewise.
    pub full_log: Option<String>,
    /// The alert as it was given.
    pub alert: Option<Vec<u8>>,
    /// The version of the agents that get it, for the form of the message.
    pub agent_version: Option<Version>,
}

const PATHS: [&str; 8] = [
    "rule.id",
    "rule.level",
    "rule.groups",
    "data.srcip",
    "data.dstuser",
    "agent.id",
    "agentless",
    "syscheck.path",
];

impl Given {
    /// Of an alert as in alerts.json: the one that is there, or the last of several lines.
    pub fn of_alert(bytes: &[u8]) -> Result<Self, String> {
        let whole = bytes.trim_ascii();
        let last = whole.rsplit(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii();
        let mut text = if extract(whole, &PATHS).is_ok() { whole } else { last };
        if let Ok(inner) = extract(text, &["parameters.alert"])
            && let Some(alert) = inner.into_iter().next().flatten()
        {
            // A message to execd holds the alert.
            text = alert.bytes();
        }
        let Ok(found) = extract(text, &PATHS) else {
            return Err("this is no alert: a line of alerts.json is one JSON object".to_owned());
        };
        let mut found = found.into_iter();
        let mut next = || found.next().flatten();
        let number = |raw: Option<Raw<'_>>| raw?.number().and_then(|number| u32::try_from(number).ok());
        let words = |raw: Option<Raw<'_>>| raw?.text().map(std::borrow::Cow::into_owned);
        let mut given = Self {
            rule: number(next()),
            level: number(next()),
            alert_groups: next()
                .map(|groups| groups.items().filter_map(|group| Some(group.text()?.into_owned())).collect())
                .unwrap_or_default(),
            srcip: words(next()),
            dstuser: words(next()),
            agent: words(next()),
            alert: Some(text.to_vec()),
            ..Self::default()
        };
        // What the manager fetches from a device is its own event (`W_JSON_ParseAgentless`, 4.14).
        if next().is_some() && given.agent.is_none() {
            given.agent = Some(b"000".to_vec());
        }
        given.filename = next().is_some();
        if given.rule.is_none() {
            return Err("this is no alert: it has no number in rule.id".to_owned());
        }
        Ok(given)
    }

    /// Of what wazuh-logtest, or wazuh-logtest-legacy, printed; the last event in it.
    pub fn of_logtest(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(bytes);
        let mut given = Self::default();
        let mut phase = 0;
        let mut rule = false;
        for line in text.lines() {
            let line = line.trim();
            if let Some(heading) = line.strip_prefix("**") {
                let next =
                    ["Phase 1", "Phase 2", "Phase 3"].iter().position(|phase| heading.starts_with(phase));
                match next {
                    Some(0) => {
                        given = Self::default();
                        rule = false;
                        phase = 1;
                    }
                    Some(at) => phase = at + 1,
                    None => phase = 0,
                }
                continue;
            }
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value);
            match (phase, name) {
                (1, "full event") => given.full_log = Some(value.to_owned()),
                (2, "name" | "parent" | "decoder") => {}
                (2, "srcip") => given.srcip = Some(value.as_bytes().to_vec()),
                (2, "dstuser") => given.dstuser = Some(value.as_bytes().to_vec()),
                (2, _) => {
                    given.fields.insert(name.to_owned(), value.to_owned());
                }
                (3, "id" | "Rule id") => {
                    given.rule = value.parse().ok();
                    rule = true;
                }
                (3, "level" | "Level") => given.level = value.parse().ok(),
                (3, "groups") => {
                    given.alert_groups = value
                        .trim_matches(['[', ']'])
                        .split(',')
                        .map(|group| group.trim().trim_matches('\'').as_bytes().to_vec())
                        .filter(|group| !group.is_empty())
                        .collect();
                }
                _ => {}
            }
        }
        if !rule || given.rule.is_none() {
            return Err("no rule is in what wazuh-logtest printed: no event matched one, or this is something else (it has the lines `**Phase 3: ...` and `id: 'NUMBER'`)".to_owned());
        }
        Ok(given)
    }

    /// The alert for the message: that which was given, or one with what is known of it.
    fn alert_json(&self, level: u32, groups: &[String], agent: &str) -> Vec<u8> {
        if let Some(alert) = &self.alert {
            return alert.clone();
        }
        let text =
            |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let mut data = serde_json::Map::new();
        for (name, value) in &self.fields {
            data.insert(name.clone(), value.clone().into());
        }
        for (name, value) in [("srcip", text(&self.srcip)), ("dstuser", text(&self.dstuser))] {
            if let Some(value) = value {
                data.insert(name.to_owned(), value.into());
            }
        }
        let mut alert = serde_json::json!({
            "rule": {"level": level, "id": self.rule.unwrap_or(0).to_string(), "groups": groups},
            "agent": {"id": agent},
        });
        if let Some(object) = alert.as_object_mut() {
            if !data.is_empty() {
                object.insert("data".to_owned(), data.into());
            }
            if let Some(log) = &self.full_log {
                object.insert("full_log".to_owned(), log.clone().into());
            }
        }
        alert.to_string().into_bytes()
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// The rule.
    pub rule: u32,
    /// The level responses are bound by.
    pub level: u32,
    /// The agent it is said to come from.
    pub agent: Vec<u8>,
    /// The version that was given for the agents that get it.
    pub agent_version: Option<Version>,
    /// Every response block, in file order.
    pub responses: Vec<Response>,
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
    /// What it does, or the first condition that stops it.
    pub fires: Result<Firing, Stop>,
}

impl Response {
    /// Whether it is called so.
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.command == name
    }
}

/// It fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// What binds it: `level`, `rules_group`, `rules_id`.
    pub bound_by: Vec<&'static str>,
    /// On which hosts.
    pub hosts: Vec<String>,
    /// What execd starts, relative to the home.
    pub program: String,
    /// In which form: `json`, `escaped-json` or `words`.
    pub form: &'static str,
    /// Whether the form follows from what is known; else the agent is taken for a new one.
    pub form_is_known: bool,
    /// What analysisd sends.
    pub message: Vec<u8>,
    /// What reaches the script: a line on its standard input, or up to 4.1 its arguments.
    pub line: Result<Vec<u8>, String>,
}

/// It does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The first condition that failed.
    pub why: String,
    /// The number of the line analysisd logs; none when it says nothing.
    pub logged: Option<u32>,
}

/// Holds an event against every response. An error says what is missing of the event.
pub fn run(facts: &Facts<'_>, given: &Given) -> Result<Simulation, String> {
    let ground = Ground::new(facts)?;
    let rule = given.rule.ok_or("no rule is given")?;
    let mut notes: Vec<String> = ground.gap_note("that were given").into_iter().collect();
    let Some(mut judged) = ground.judge(rule, given.level, &given.alert_groups) else {
        return Err(format!("{}; give --level to say what its alerts have", ground.not_loaded(rule)));
    };
    if judged.own.is_none() && ground.rules.is_some() {
        notes.push(format!("{}; level and groups are those that were given", ground.not_loaded(rule)));
    }
    if let Some(now) = judged.other_level {
        let level = judged.facts.level;
        notes.push(format!("rule {rule} has level {now} now; level {level} was given and is used"));
    }
    if let Some(groups) = &given.groups {
        judged.facts.groups = RuleFacts::of_alert(rule, judged.facts.level, groups).groups;
    }
    if let Some(never) = ground.never(judged.own) {
        notes.push(format!("no event ends with rule {rule}: it {never}"));
    }
    let conf = ground.conf;
    let written = conf.log_alert_level.as_ref().map_or(1, |(_, level)| u32::from(*level));
    let own = ground.rule(judged.own);
    if let Some(Silence::NoLog | Silence::BelowLogLevel { .. }) = own.and_then(|own| own.silence(written)) {
        notes.push("its alerts are not written to alerts.json; responses run all the same".to_owned());
    }
    let agent = given.agent.clone().unwrap_or_else(|| b"001".to_vec());
    if given.alert.is_none() {
        notes.push("the alert in the message holds only what was given; a real one has more".to_owned());
    } else if given.agent.is_none() {
        notes.push("the alert has no agent.id: agent 001 is assumed, --agent says another".to_owned());
    }
    let event = Event {
        rule: judged.facts.clone(),
        srcip: given.srcip.clone(),
        dstuser: given.dstuser.clone(),
        filename: given.filename,
        agent: agent.clone(),
        versions: versions(conf, &agent, given.agent_version),
        connected: None,
    };
    let groups: Vec<String> = event
        .rule
        .groups
        .split(|&byte| byte == b',')
        .filter(|group| !group.is_empty())
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    let alert = given.alert_json(event.rule.level, &groups, &String::from_utf8_lossy(&agent));
    let level = event.rule.level;
    let mut play = Play {
        ground,
        judged,
        event,
        alert,
        agent_version: given.agent_version,
        assumed: Assumed::default(),
    };
    let responses: Vec<Response> =
        facts.responses().iter().filter_map(|response| play.response(response)).collect();
    if given.srcip.is_none() && responses.iter().any(|response| response.fires.is_ok()) {
        notes.push(
            "the event has no srcip: the white list is not asked, and a script that blocks an address gets none"
                .to_owned(),
        );
    }
    notes.extend(play.assumed.notes(&play.ground, given.agent_version, true));
    Ok(Simulation { rule, level, agent, agent_version: given.agent_version, responses, notes })
}

/// The version that was given, for every agent that could get a message.
fn versions(conf: &Configuration, agent: &[u8], version: Option<Version>) -> BTreeMap<i32, AgentVersion> {
    let Some(version) = version else { return BTreeMap::new() };
    let named = conf.responses.iter().filter_map(|block| match block.dispatch {
        Dispatch::Agent { id, .. } => Some(id),
        _ => None,
    });
    named
        .chain([atoi(agent)])
        .map(|id| (id, AgentVersion::Text(format!("Wazuh v{version}").into_bytes())))
        .collect()
}

/// What was taken for granted of agents.
#[derive(Debug, Default)]
struct Assumed {
    /// Agents that get a message.
    agents: BTreeSet<i32>,
    /// A response goes to all that are connected.
    all: bool,
    /// A response goes to an agent that its block names, or to all.
    others: bool,
    /// Bytes of the longest message to an agent.
    longest: usize,
}

impl Assumed {
    fn notes(&self, ground: &Ground<'_, '_>, version: Option<Version>, forms: bool) -> Vec<String> {
        let mut notes = Vec::new();
        let facts = ground.facts;
        let worker = facts.is_worker();
        let tool = facts.under_home("bin/agent_control");
        let asked = format!("{}{}", if worker { "on the master " } else { "" }, tool.display());
        let words = facts.version().is_some_and(|version| Contract::of(version) == Contract::Args);
        if let Some(first) = self.agents.first() {
            let who = match self.agents.len() {
                1 => format!("agent {first:03} is"),
                2..=4 => {
                    let ids = self.agents.iter().map(|id| format!("{id:03}"));
                    format!("agents {} are", ids.collect::<Vec<_>>().join(", "))
                }
                many => format!("all {many} agents are"),
            };
            let form = if forms && version.is_none() && !words {
                " and to run 4.2.5 or later (--agent-version says another)"
            } else {
                ""
            };
            notes.push(format!("{who} taken to be connected{form}; ask {asked} -i {first:03}"));
        }
        if self.all {
            let form = if forms && !words { ", and each gets the form for its version" } else { "" };
            notes.push(format!("which agents are connected is not known{form}; ask {asked} -lc"));
        }
        if self.longest > MAX_TO_AGENT {
            notes.push(format!(
                "the message has {} bytes; remoted sends no more than {MAX_TO_AGENT} and drops it (1217)",
                self.longest
            ));
        }
        if self.others && is_cluster(ground) {
            notes.push(
                "in a cluster, defined-agent and all reach only agents connected to the node that analysed the event"
                    .to_owned(),
            );
        }
        if worker {
            notes.push(
                "this node is a worker: it starts responses by its own ossec.conf, for events of its own agents, \
                 and agents have the ar.conf of the master"
                    .to_owned(),
            );
        }
        notes
    }
}

/// Whether the node is one of several.
fn is_cluster(ground: &Ground<'_, '_>) -> bool {
    let cluster = &ground.conf.cluster;
    cluster.span.is_some() && cluster.disabled.as_ref().is_none_or(|value| value.text.trim_ascii() == b"no")
}

struct Play<'a, 'h> {
    ground: Ground<'a, 'h>,
    judged: Judged,
    event: Event,
    alert: Vec<u8>,
    agent_version: Option<Version>,
    assumed: Assumed,
}

/// ar.conf as analysisd leaves it; every file is there.
struct Table<'a>(&'a [u8]);

impl Files for Table<'_> {
    fn ar_conf(&self) -> Option<Vec<u8>> {
        Some(self.0.to_vec())
    }

    fn present(&self, _path: &[u8]) -> bool {
        true
    }
}

impl Play<'_, '_> {
    fn response(&mut self, response: &crate::facts::Response) -> Option<Response> {
        let index = response.block?;
        let conf = self.ground.conf;
        let verdict = match decide(conf, self.ground.facts.version(), index, &self.event) {
            Verdict::Fires(fires) => Ok(fires),
            Verdict::Not(reason) => Err(reason),
        };
        let fires = match self.ground.settle(verdict) {
            Ok(fires) => {
                let bound_by = [
                    (fires.bound.id, "rules_id"),
                    (fires.bound.group, "rules_group"),
                    (fires.bound.level, "level"),
                ];
                let mut hosts: Vec<String> = fires.targets.iter().map(host).collect();
                hosts.extend(fires.left_out.iter().map(|(id, reason)| {
                    format!("not agent {id:03}: {}", self.ground.why(index, reason, &self.judged))
                }));
                let form = fires.targets.iter().find_map(|target| match target {
                    Target::Agent { message, .. } => Some(*message),
                    Target::AllAgents => Some(AgentMessage::Unknown),
                    Target::Manager => None,
                });
                let (message, line) = self.line(index, &fires.name, form);
                self.remember(
                    &fires.targets,
                    conf.responses.get(index).map(|block| block.dispatch),
                    message.len(),
                );
                let program = response.executable.as_deref().unwrap_or_default();
                let old = self.ground.facts.contract() == Contract::Args;
                Ok(Firing {
                    bound_by: bound_by.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect(),
                    hosts,
                    program: format!("active-response/bin/{}", String::from_utf8_lossy(program)),
                    form: match form {
                        Some(AgentMessage::Words) => "words",
                        Some(AgentMessage::EscapedJson) => "escaped-json",
                        _ if old => "words",
                        _ => "json",
                    },
                    form_is_known: form != Some(AgentMessage::Unknown),
                    message,
                    line,
                })
            }
            Err(reason) => {
                Err(Stop { why: self.ground.why(index, &reason, &self.judged), logged: reason.number() })
            }
        };
        Some(Response {
            name: response.shown(),
            command: String::from_utf8_lossy(response.command.as_deref().unwrap_or_default()).into_owned(),
            place: response
                .place
                .as_ref()
                .map_or_else(String::new, |place| format!("{}:{}", place.file, place.line)),
            fires,
        })
    }

    fn remember(&mut self, targets: &[Target], dispatch: Option<Dispatch>, bytes: usize) {
        for target in targets {
            match target {
                Target::Manager => continue,
                Target::AllAgents => self.assumed.all = true,
                Target::Agent { id, .. } => {
                    self.assumed.agents.insert(*id);
                }
            }
            self.assumed.longest = self.assumed.longest.max(bytes);
            self.assumed.others |= dispatch != Some(Dispatch::Sender);
        }
    }

    /// The message, and what the script gets of it. `form` is that of a message to an agent;
    /// none for the manager's own execd.
    fn line(
        &self,
        index: usize,
        name: &[u8],
        form: Option<AgentMessage>,
    ) -> (Vec<u8>, Result<Vec<u8>, String>) {
        let conf = self.ground.conf;
        let facts = self.ground.facts;
        let block = conf.responses.get(index);
        let command = block.and_then(|block| conf.commands.get(block.command_block?));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let program = command.and_then(|command| command.executable.as_ref()).map(|value| text(&value.text));
        let words = command.and_then(|command| command.extra_args.as_ref()).map(|value| text(&value.text));
        let in_words = facts.contract() == Contract::Args || form == Some(AgentMessage::Words);
        // Also where no cluster is set up (`src/shared/cluster_utils.c get_node_name`, 4.2 to 4.14).
        let node =
            conf.cluster.node_name.as_ref().map_or_else(|| "undefined".to_owned(), |value| text(&value.text));
        let node = Set {
            path: "origin.name".to_owned(),
            json: serde_json::Value::from(node).to_string().into_bytes(),
        };
        let wish = Wish {
            source: Some(Source { shown: "the alert", bytes: &self.alert, is_log: false }),
            contract: Contract::Json4,
            name: &text(name),
            program: program.as_deref().unwrap_or_default(),
            rule: None,
            agent: None,
            deed: Some(Deed::Add),
            extra_args: words.as_deref(),
            timeout: None,
            set: &[node],
            needs: &Needs::default(),
        };
        let mut message = match Payload::make(&wish) {
            Ok(payload) => payload.message,
            Err(why) => return (Vec::new(), Err(why)),
        };
        if in_words {
            message = args_message(&message).unwrap_or(message);
        } else if form == Some(AgentMessage::EscapedJson) {
            message = escaped(&message);
        }
        let version = match form {
            Some(_) => self.agent_version.or_else(|| facts.version()),
            None => facts.version(),
        };
        let contract = if in_words { Contract::Args } else { version.map_or(Contract::Json4, Contract::of) };
        let mut execd = Execd::new(Setup {
            contract,
            version: version.filter(|&version| Contract::of(version) == contract),
            agent: form.is_some(),
            repeated_offenders: Vec::new(),
        });
        let received = execd.receive(&message, &Table(&conf.ar_conf));
        let line = match received {
            Received::Start(start) => Ok(match start.line {
                Some(line) => line.strip_suffix(b"\n").unwrap_or(&line).to_vec(),
                None => start.arguments.join(&b' '),
            }),
            Received::Restart(arguments) => Ok(arguments.join(" ").into_bytes()),
            Received::Dropped => Err("execd drops the message without a word".to_owned()),
            Received::Refused => Err(execd
                .take_log()
                .into_iter()
                .find(|line| !line.debug)
                .map_or_else(|| "execd refuses the message".to_owned(), |line| line.text)),
        };
        (message, line)
    }
}

/// As agents of 4.2.0 to 4.2.4 get it
/// (`src/analysisd/ar_json.c getActiveResponseInJSON`, 4.2.5).
fn escaped(message: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(message.len());
    for &byte in message {
        match byte {
            b'!' | b'$' | b'\'' | b'`' => text.extend_from_slice(format!("\\\\x{byte:02x}").as_bytes()),
            _ => text.push(byte),
        }
    }
    text
}

fn host(target: &Target) -> String {
    match target {
        Target::Manager => "the manager".to_owned(),
        Target::AllAgents => "every connected agent".to_owned(),
        Target::Agent { id, message } => match message {
            AgentMessage::Words => format!("agent {id:03}, in words as before 4.2"),
            AgentMessage::EscapedJson => {
                format!("agent {id:03}, with ! $ ' and ` escaped, as 4.2.0 to 4.2.4 get it")
            }
            AgentMessage::Json | AgentMessage::Unknown => format!("agent {id:03}"),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_read_in_all_forms() {
        let alert = r#"{"rule":{"id":"5712","level":10,"groups":["a","b"]},"agent":{"id":"003"},"data":{"srcip":"192.0.2.1","dstuser":"u"}}"#;
        let pretty = alert.replace(',', ",\n");
        let message = format!("{{\"version\":1,\"parameters\":{{\"alert\":{alert}}}}}");
        for text in [alert.to_owned(), pretty, message, format!("{{\"rule\":{{\"id\":\"1\"}}}}\n{alert}\n")] {
            let given = Given::of_alert(text.as_bytes()).unwrap();
            assert_eq!((given.rule, given.level), (Some(5712), Some(10)), "{text}");
            assert_eq!(given.alert_groups, [b"a".to_vec(), b"b".to_vec()]);
            assert_eq!(given.srcip.as_deref(), Some(&b"192.0.2.1"[..]));
            assert_eq!(
                (given.dstuser.as_deref(), given.agent.as_deref()),
                (Some(&b"u"[..]), Some(&b"003"[..]))
            );
        }
        for text in ["", "x", "[]", "{}", r#"{"rule":{}}"#, r#"{"rule":{"id":"x"}}"#] {
            assert!(Given::of_alert(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn logtest_is_read_old_and_new() {
        let new = "**Phase 1: Completed pre-decoding.\n\tfull event: 'id: '7''\n\n**Phase 2: Completed decoding.\n\tname: 'sshd'\n\tsrcip: '192.0.2.1'\n\tsrcport: '9'\n\n**Phase 3: Completed filtering (rules).\n\tid: '5710'\n\tlevel: '5'\n\tgroups: '['syslog', 'sshd']'\n**Alert to be generated.\n";
        let given = Given::of_logtest(new.as_bytes()).unwrap();
        assert_eq!((given.rule, given.level), (Some(5710), Some(5)));
        assert_eq!(given.alert_groups, [b"syslog".to_vec(), b"sshd".to_vec()]);
        assert_eq!(given.srcip.as_deref(), Some(&b"192.0.2.1"[..]));
        assert_eq!(given.fields.get("srcport").map(String::as_str), Some("9"));
        let old = "**Phase 3: Completed filtering (rules).\n       Rule id: '5712'\n       Level: '10'\n       Description: 'x'\n";
        // The last event counts, and one that matched nothing has no rule.
        let given = Given::of_logtest(format!("{new}\n{old}").as_bytes()).unwrap();
        assert_eq!((given.rule, given.level), (Some(5712), Some(10)));
        for text in ["", new.split("**Phase 3").next().unwrap(), &format!("{new}**Phase 1: x\n")] {
            assert!(Given::of_logtest(text.as_bytes()).is_err(), "{text}");
        }
    }
}
