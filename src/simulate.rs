//! What an alert starts: every response block held against one event, with the line its script
//! gets, or the first condition that stops it, in words.
//!
//! The model is `wazuh::rules::fires`, `replay::payload` makes the message and
//! `wazuh::execd` the line.

use std::collections::BTreeMap;

use crate::facts::rules::{never_words, unbindable_words};
use crate::facts::{Facts, Rules};
use crate::replay::Deed;
use crate::replay::needs::Needs;
use crate::replay::payload::{Payload, Source, Wish};
use crate::wazuh::alerts::extract::{Raw, extract};
use crate::wazuh::execd::{Execd, Files, Received, Setup};
use crate::wazuh::ossec_conf::{Configuration, Outcome};
use crate::wazuh::rules::{
    AgentMessage, Event, Miss, Reason, RuleFacts, Silence, Target, Verdict, fires as decide,
};

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
}

const PATHS: [&str; 7] =
    ["rule.id", "rule.level", "rule.groups", "data.srcip", "data.dstuser", "agent.id", "syscheck.path"];

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
        let given = Self {
            rule: number(next()),
            level: number(next()),
            alert_groups: next()
                .map(|groups| groups.items().filter_map(|group| Some(group.text()?.into_owned())).collect())
                .unwrap_or_default(),
            srcip: words(next()),
            dstuser: words(next()),
            agent: words(next()),
            filename: next().is_some(),
            alert: Some(text.to_vec()),
            ..Self::default()
        };
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
    let Some(conf) = &facts.config().read else { return Err("the configuration is not known".to_owned()) };
    let rule = given.rule.ok_or("no rule is given")?;
    let mut notes = Vec::new();
    let fact = facts.rules();
    let rules = fact.get().filter(|rules| rules.set.is_complete() && !rules.set.is_fatal());
    if rules.is_none() {
        let why = fact
            .unknown()
            .or_else(|| fact.get().and_then(|rules| rules.gap.clone()))
            .map_or_else(|| "analysisd refuses them and does not start".to_owned(), |gap| gap.why);
        notes.push(format!("the rules are not known ({why}): level and groups are those that were given"));
    }
    let loaded = rules.and_then(|rules| Some((rules, rules.set.index(rule)?)));
    let own = loaded.and_then(|(rules, index)| rules.set.rules.get(index));
    let mut rule_facts = match (own, given.level) {
        (Some(own), _) => RuleFacts::of(own),
        (None, Some(level)) => RuleFacts::of_alert(rule, level, &given.alert_groups),
        (None, None) if rules.is_some() => {
            return Err(format!(
                "no loaded rule has the number {rule}; give --level to say what its alerts have"
            ));
        }
        (None, None) => return Err("the rules are not known; give --level".to_owned()),
    };
    if own.is_none() && rules.is_some() {
        notes.push(format!(
            "no loaded rule has the number {rule}: level and groups are those that were given"
        ));
    }
    if let Some(level) = given.level.filter(|&level| level != rule_facts.level && own.is_some()) {
        notes.push(format!(
            "rule {rule} has level {} now; level {level} was given and is used",
            rule_facts.level
        ));
        rule_facts.level = level;
        rule_facts.without_accuracy = false;
    }
    if let Some(groups) = &given.groups {
        rule_facts.groups = RuleFacts::of_alert(rule, rule_facts.level, groups).groups;
    }
    if let Some((rules, index)) = loaded
        && let Some(never) = rules.set.never_final(index)
    {
        notes.push(format!("no event ends with rule {rule}: it {}", never_words(never)));
    }
    let written = conf.log_alert_level.as_ref().map_or(1, |(_, level)| u32::from(*level));
    if let Some(Silence::NoLog | Silence::BelowLogLevel { .. }) = own.and_then(|own| own.silence(written)) {
        notes.push("its alerts are not written to alerts.json; responses run all the same".to_owned());
    }
    let agent = given.agent.clone().unwrap_or_else(|| b"001".to_vec());
    if given.alert.is_none() {
        notes.push("the alert in the message holds only what was given; a real one has more".to_owned());
    }
    let event = Event {
        rule: rule_facts,
        srcip: given.srcip.clone(),
        dstuser: given.dstuser.clone(),
        filename: given.filename,
        agent: agent.clone(),
        versions: BTreeMap::new(),
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
    let play = Play { facts, conf, event, alert, loaded };
    let responses = facts.responses().iter().filter_map(|response| play.response(response)).collect();
    Ok(Simulation { rule, level: play.event.rule.level, agent, responses, notes })
}

struct Play<'a, 'h> {
    facts: &'a Facts<'h>,
    conf: &'a Configuration,
    event: Event,
    alert: Vec<u8>,
    loaded: Option<(&'a Rules, usize)>,
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
    fn response(&self, response: &crate::facts::Response) -> Option<Response> {
        let index = response.block?;
        let fires = match decide(self.conf, self.facts.version(), index, &self.event) {
            Verdict::Fires(fires) => {
                let bound_by = [
                    (fires.bound.id, "rules_id"),
                    (fires.bound.group, "rules_group"),
                    (fires.bound.level, "level"),
                ];
                let mut hosts: Vec<String> = fires.targets.iter().map(host).collect();
                hosts.extend(
                    fires
                        .left_out
                        .iter()
                        .map(|(id, reason)| format!("not agent {id:03}: {}", self.why(index, reason))),
                );
                let on_manager = fires.targets.contains(&Target::Manager);
                let (message, line) = self.line(index, &fires.name, on_manager);
                let program = response.executable.as_deref().unwrap_or_default();
                Ok(Firing {
                    bound_by: bound_by.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect(),
                    hosts,
                    program: format!("active-response/bin/{}", String::from_utf8_lossy(program)),
                    message,
                    line,
                })
            }
            Verdict::Not(reason) => Err(Stop { why: self.why(index, &reason), logged: reason.number() }),
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

    /// The message, and what the script gets of it.
    fn line(&self, index: usize, name: &[u8], manager: bool) -> (Vec<u8>, Result<Vec<u8>, String>) {
        let block = self.conf.responses.get(index);
        let command = block.and_then(|block| self.conf.commands.get(block.command_block?));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let program = command.and_then(|command| command.executable.as_ref()).map(|value| text(&value.text));
        let words = command.and_then(|command| command.extra_args.as_ref()).map(|value| text(&value.text));
        let contract = self.facts.contract();
        let wish = Wish {
            source: Some(Source { shown: "the alert", bytes: &self.alert, is_log: false }),
            contract,
            name: &text(name),
            program: program.as_deref().unwrap_or_default(),
            rule: None,
            agent: None,
            deed: Some(Deed::Add),
            extra_args: words.as_deref(),
            timeout: None,
            set: &[],
            needs: &Needs::default(),
        };
        let message = match Payload::make(&wish) {
            Ok(payload) => payload.message,
            Err(why) => return (Vec::new(), Err(why)),
        };
        let mut execd = Execd::new(Setup {
            contract,
            version: self.facts.version(),
            agent: !manager,
            repeated_offenders: Vec::new(),
        });
        let received = execd.receive(&message, &Table(&self.conf.ar_conf));
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

    /// The first condition that failed, in words.
    fn why(&self, index: usize, reason: &Reason) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let config = &self.facts.config().file;
        let at = |offset: usize| format!("{}:{}", config.shown, config.line(offset));
        let logs = |problem: Option<usize>| {
            problem
                .and_then(|problem| self.conf.problems.get(problem))
                .map_or_else(String::new, |problem| format!(", {}", at(problem.span.start)))
        };
        match reason {
            Reason::NoSuchResponse => "there is no such response".to_owned(),
            Reason::AnalysisdRefuses { problem } => format!("analysisd does not start{}", logs(*problem)),
            Reason::NotInForce { outcome } => match outcome {
                Outcome::Disabled => "the block is disabled".to_owned(),
                Outcome::OnlyRepeatedOffenders => "the block only carries repeated_offenders".to_owned(),
                Outcome::DroppedInvalidAgent => {
                    "the block is dropped: its agent_id is no agent's (1306)".to_owned()
                }
                Outcome::Refused(problem) => format!("analysisd refuses the block{}", logs(Some(*problem))),
                _ => "nobody reads the block".to_owned(),
            },
            Reason::Unbindable(why) => format!("rule {} {}", self.event.rule.id, unbindable_words(*why)),
            Reason::NotBound(miss) => self.miss(index, miss),
            Reason::Expected { field } => format!("the event has no {field}, which <expect> asks for"),
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
                    at(entry.value.element.start)
                ),
                None => format!("{} is in the white list", text(address)),
            },
            Reason::NoQueue { local, erased_by } => {
                let queue = if *local { "the manager's own execd" } else { "the agents" };
                let by = erased_by
                    .and_then(|ordinal| self.conf.responses.iter().find(|block| block.ordinal == ordinal))
                    .map_or_else(String::new, |block| {
                        format!(", because of the disabled block in {}:{}", config.shown, block.line)
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

    fn miss(&self, index: usize, miss: &Miss) -> String {
        let rule = &self.event.rule;
        // A rule above it is what the response waits for.
        if let Some((rules, own)) = self.loaded
            && let Some(block) = self.conf.responses.get(index)
        {
            let above = rules.set.ancestors(own);
            let wanted = above.iter().filter_map(|&one| rules.set.rules.get(one));
            if let Some(parent) = wanted.map(|one| one.id).find(|id| block.rule_ids.contains(id)) {
                return format!("rule {} is a child that wins over {parent}", rule.id);
            }
        }
        if miss.no_trigger {
            return "its block selects no rule".to_owned();
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut parts = Vec::new();
        if let Some((wanted, has)) = miss.level {
            parts.push(format!("level {has} < {wanted}"));
        }
        if let Some((pattern, groups)) = &miss.group {
            if rule.groups_guessed && groups.is_empty() {
                parts.push(format!(
                    "rules_group \"{}\": the groups of rule {} are not known, give --group",
                    text(pattern),
                    rule.id
                ));
                return parts.join("; ");
            }
            let guess = if rule.groups_guessed { " (as the alert has them)" } else { "" };
            parts.push(format!("rules_group \"{}\" is not in \"{}\"{guess}", text(pattern), text(groups)));
        }
        if miss.ids_unreadable {
            parts.push("no number can be read from rules_id".to_owned());
        } else if let Some(ids) = &miss.ids {
            let ids = ids.iter().take(12).map(u32::to_string).collect::<Vec<_>>().join(", ");
            parts.push(format!("rule {} is not among rules_id {ids}", rule.id));
        }
        parts.join("; ")
    }
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
