//! `show`: the configuration as each daemon takes it, with its origin, as text
//! and as JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::json::{self, ContractName, RoleName, SCHEMA_VERSION, Source, Tool};
use super::page::{Page, Text, Tone};
use crate::facts::rules::{never_words, unbindable_words};
use crate::facts::{self, Facts, Runs};
use crate::findings::Evidence;
use crate::redact::{Redacted, Redactor};
use crate::wazuh::ar_conf::LineProblem;
use crate::wazuh::ossec_conf::{
    Configuration, DaemonOutcome, Dispatch, End, LogLevel, Outcome, ResponseBlock, Role, Value, WhiteListKind,
};
use crate::wazuh::rules::{Bound, Message as RulesMessage};
use crate::wazuh::version::Contract;
use crate::wazuh::xml::Span;

/// What `show --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ar-doctor show")]
pub struct Show {
    /// Version of this format.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// The configuration file.
    pub file: Redacted,
    /// From what it was read.
    pub source: Source,
    /// Whose configuration it is; null when that is unknown.
    pub role: Option<RoleName>,
    /// Version it was read for; null when it is unknown and the newest counts.
    pub wazuh_version: Option<Redacted>,
    /// How scripts are called.
    pub contract: ContractName,
    /// What Wazuh's XML reader says.
    pub xml: Xml,
    /// What each daemon does with the file, by name.
    pub daemons: BTreeMap<&'static str, Daemon>,
    /// Everything to be mended, with its place, which no daemon's message names.
    pub problems: Vec<Problem>,
    /// Every `<command>`.
    pub commands: Vec<Command>,
    /// Every response: blocks on a manager, lines of `ar.conf` on an agent.
    pub responses: Vec<Response>,
    /// The file that carries commands to execd.
    pub ar_conf: ArConf,
    /// What execd takes from the file.
    pub execd: Execd,
    /// Every `<white_list>`.
    pub white_list: Vec<WhiteList>,
    /// Every `<localfile>`.
    pub localfile: Vec<LocalFile>,
    /// The rules as analysisd loads them; null where none are read: on an agent, on a 5.x manager, of a
    /// bare file, and when a file could not be read.
    pub rules: Option<Rules>,
    /// The first thing that kept the rules from being read.
    pub rules_unread: Option<Redacted>,
}

/// The rules as analysisd loads them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rules {
    /// analysisd accepts them; with false it does not start.
    pub accepted: bool,
    /// Rules that are loaded.
    pub loaded: usize,
    /// Rules files that are read.
    pub files: usize,
    /// Files an exclusion keeps out.
    pub excluded: Vec<Redacted>,
    /// Rules that are not loaded as they are written.
    pub changes: Vec<RuleChange>,
}

/// A rule that is not loaded as it is written.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RuleChange {
    /// Its number; null for a whole file.
    pub rule: Option<u32>,
    /// Its file.
    pub file: Redacted,
    /// Its line.
    pub line: u64,
    /// It is not loaded at all.
    pub left_out: bool,
    /// What happens, in words behind the rule.
    pub what: Redacted,
    /// The rule with the fault, when this one is only left out because that one is.
    pub because: Option<u32>,
    /// Numbers of what analysisd logs about it.
    pub numbers: Vec<u32>,
    /// False when analysisd does it without a word.
    pub logged: bool,
}

/// The rules a response is bound to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BoundRules {
    /// How many.
    pub count: usize,
    /// How many of them by their number, by the group, by the level.
    pub by: BoundBy,
    /// Their numbers in the order they are loaded; the first 1,000.
    pub rules: Vec<u32>,
    /// Numbers in rules_id that no loaded rule has.
    pub not_loaded: Vec<u32>,
    /// Rules in rules_id that start no response, and why.
    pub never_fire: Vec<RuleReason>,
    /// Bound rules that no event ends with, and why; the first 1,000.
    pub never_last: Vec<RuleReason>,
    /// How many these are.
    pub never_last_count: usize,
}

/// What binds rules to a response; a rule may be in more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BoundBy {
    /// rules_id
    pub id: usize,
    /// rules_group, with a level when that is given.
    pub group: usize,
    /// level alone.
    pub level: usize,
}

/// A rule, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RuleReason {
    /// Its number.
    pub rule: u32,
    /// In words behind the number.
    pub why: Redacted,
}

/// What Wazuh's XML reader says.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Xml {
    /// Whether it accepts the file.
    pub accepted: bool,
    /// Its own error, which the daemons do not print.
    pub error: Option<Redacted>,
    /// The line it names.
    pub line: Option<u64>,
}

/// What a daemon does with the file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Daemon {
    /// Whether it starts.
    pub starts: bool,
    /// How its reading ends.
    pub end: EndName,
    /// The numbers of the messages it logs about the file, in order.
    pub logs: Vec<u32>,
    /// The messages, in order.
    pub messages: Vec<Message>,
}

/// How the reading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndName {
    /// The file is accepted.
    Accepted,
    /// The daemon exits.
    Exits,
    /// It dies of a null pointer.
    Crashes,
    /// It never comes back.
    Hangs,
    /// It runs with the part in question switched off.
    Degraded,
}

/// A line in a daemon's log.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Message {
    /// `ERROR`, `CRITICAL`...
    pub level: &'static str,
    /// The number in it.
    pub number: Option<u32>,
    /// The text with the number.
    pub text: Redacted,
}

/// Something to be mended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Problem {
    /// The level it is logged at.
    pub level: &'static str,
    /// The number of its message.
    pub number: Option<u32>,
    /// Its message; empty when nothing is logged.
    pub text: Redacted,
    /// Line in the file.
    pub line: u64,
    /// Daemons that do not start because of it.
    pub fatal_for: Vec<&'static str>,
}

/// One `<command>`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Command {
    /// Its name.
    pub name: Option<Redacted>,
    /// The file it stands in.
    pub file: Redacted,
    /// Its line.
    pub line: u64,
    /// Which `<command>` of the file it is, from 1.
    pub block: usize,
    /// File below `active-response/bin`.
    pub executable: Option<Redacted>,
    /// Whether a timeout may be used.
    pub timeout_allowed: bool,
    /// Arguments of every call.
    pub extra_args: Option<Redacted>,
    /// Whether analysisd takes it into its list.
    pub accepted: bool,
    /// Ids of the responses that use it.
    pub used_by: Vec<Redacted>,
}

/// One response.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Response {
    /// File and block (`etc/ossec.conf#2`), on agents the line (`etc/shared/ar.conf:7`).
    pub id: Redacted,
    /// The name execd gets (`firewall-drop600`); null where it gets none.
    pub name: Option<Redacted>,
    /// The file it stands in.
    pub file: Redacted,
    /// Its line.
    pub line: u64,
    /// Which `<active-response>` of the file it is, from 1; null on an agent.
    pub block: Option<usize>,
    /// What becomes of it.
    pub state: ResponseState,
    /// The number analysisd refuses it with.
    pub refused_with: Option<u32>,
    /// The command it names.
    pub command: Option<Redacted>,
    /// File below `active-response/bin`.
    pub executable: Option<Redacted>,
    /// Seconds until it is undone, 0 never.
    pub timeout: i32,
    /// The timeout as it is written.
    pub timeout_written: Option<Redacted>,
    /// The location as it is written.
    pub location: Option<Redacted>,
    /// Where it runs.
    pub runs_on: RunsOn,
    /// The agent it runs on, for `agent`.
    pub agent_id: Option<i32>,
    /// What it fires for; null on an agent, which does not know.
    pub selectors: Option<Selectors>,
    /// The queues of analysisd it needs and gets; null on an agent.
    pub queues: Option<Queues>,
    /// The rules it is bound to; null when it is not in force or the rules are not known.
    pub bound: Option<BoundRules>,
}

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseState {
    /// In force.
    InForce,
    /// `<disabled>yes`.
    Disabled,
    /// Only carries `repeated_offenders` for execd.
    OnlyRepeatedOffenders,
    /// Dropped: `defined-agent` with an id that reads as 0.
    DroppedInvalidAgent,
    /// In force, and analysisd crashes when it fires (before 4.3.0).
    CrashesWhenFired,
    /// analysisd refuses to start because of it.
    Refused,
    /// Nobody reads it as a response here.
    NotRead,
    /// Its executable is for another system.
    OtherSystem,
}

/// Where a response runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunsOn {
    /// Nowhere.
    Nowhere,
    /// On the manager that analysed the event.
    Manager,
    /// On the agent that sent the event.
    Sender,
    /// On one agent.
    Agent,
    /// On every connected agent.
    AllAgents,
    /// On this agent.
    ThisAgent,
}

/// What a response fires for. Level and group must both match where both are
/// given; a rule number is enough by itself.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Selectors {
    /// Rules of this level and above.
    pub level: Option<i32>,
    /// Rules by number.
    pub rules_id: Vec<u32>,
    /// Text in `rules_id` that is skipped.
    pub rules_id_skipped: Vec<Redacted>,
    /// Rules whose groups this pattern matches.
    pub rules_group: Option<Redacted>,
}

/// Queues of analysisd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Queues {
    /// It needs the manager's own execd.
    pub needs_local: bool,
    /// It needs remoted.
    pub needs_remote: bool,
    /// It gets all it needs.
    pub open: bool,
}

/// The file that carries commands to execd.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ArConf {
    /// Its path.
    pub file: Redacted,
    /// As analysisd leaves it with this configuration; null where none is written.
    pub expected: Option<Redacted>,
    /// As it is on disk; null when that could not be read.
    pub actual: Option<Redacted>,
    /// Why it could not be read.
    pub unread: Option<Redacted>,
    /// Whether both are the same; null when one is missing.
    pub same: Option<bool>,
}

/// What execd takes from the file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Execd {
    /// Whether it runs responses; null when it refuses the value and exits.
    pub enabled: Option<bool>,
    /// The line that says so; null when none does.
    pub line: Option<u64>,
    /// Minutes for repeated offenders.
    pub repeated_offenders: Vec<i32>,
}

/// One `<white_list>`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WhiteList {
    /// Its text.
    pub text: Redacted,
    /// Its line.
    pub line: u64,
    /// What it is taken for.
    pub kind: WhiteListName,
}

/// What a `<white_list>` is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhiteListName {
    /// A range of addresses.
    Address,
    /// A pattern of host names.
    Pattern,
    /// Refused.
    Invalid,
}

/// One `<localfile>`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LocalFile {
    /// What is read.
    pub location: Option<Redacted>,
    /// How.
    pub log_format: Option<Redacted>,
    /// Its line.
    pub line: u64,
    /// Whether logcollector accepts it.
    pub accepted: bool,
}

/// What `show` says about a configuration that could be read.
#[derive(Clone, Copy)]
pub struct View<'a, 'h> {
    facts: &'a Facts<'h>,
    redactor: &'a Redactor,
    read: &'a Configuration,
}

impl<'a, 'h> View<'a, 'h> {
    /// None when the configuration could not be read.
    pub fn new(facts: &'a Facts<'h>, redactor: &'a Redactor) -> Option<Self> {
        Some(Self { facts, redactor, read: facts.config().read.as_ref()? })
    }

    /// Whether a daemon refuses to start with this file.
    pub fn refuses_to_start(&self) -> bool {
        self.read.daemons.iter().any(|daemon| !daemon.starts) || !self.rules_refused().is_empty()
    }

    /// The document.
    pub fn document(&self) -> Show {
        let facts = self.facts;
        Show {
            schema_version: SCHEMA_VERSION,
            tool: Tool::this(),
            file: self.file(),
            source: if facts.is_bare() { Source::File } else { facts.source().into() },
            role: json::role(facts),
            wazuh_version: facts.version().map(|version| self.text(version.to_string())),
            contract: facts.contract().into(),
            xml: self.xml(),
            daemons: self.read.daemons.iter().map(|daemon| (daemon.daemon, self.daemon(daemon))).collect(),
            problems: self
                .read
                .problems
                .iter()
                .map(|problem| Problem {
                    level: problem.level.word(),
                    number: problem.number,
                    text: self.text(&problem.text),
                    line: problem.line,
                    fatal_for: problem.fatal_for.clone(),
                })
                .collect(),
            commands: self.commands(),
            responses: self.responses(),
            ar_conf: self.ar_conf(),
            execd: self.execd(),
            white_list: self
                .read
                .white_list
                .iter()
                .map(|entry| WhiteList {
                    text: self.text(&entry.value.text),
                    line: entry.value.line,
                    kind: match entry.kind {
                        WhiteListKind::Ip(_) => WhiteListName::Address,
                        WhiteListKind::Pattern(_) => WhiteListName::Pattern,
                        WhiteListKind::Invalid => WhiteListName::Invalid,
                    },
                })
                .collect(),
            localfile: self
                .read
                .localfiles
                .iter()
                .map(|file| LocalFile {
                    location: self.value(file.location.as_ref()),
                    log_format: self.value(file.log_format.as_ref()),
                    line: file.line,
                    accepted: file.accepted,
                })
                .collect(),
            rules: self.rules(),
            rules_unread: self.rules_unread(),
        }
    }

    fn text(&self, text: impl AsRef<[u8]>) -> Redacted {
        self.redactor.text(text)
    }

    fn value(&self, value: Option<&Value>) -> Option<Redacted> {
        value.map(|value| self.text(&value.text))
    }

    fn file(&self) -> Redacted {
        self.text(&self.facts.config().file.shown)
    }

    fn line(&self, span: Span) -> u64 {
        self.facts.config().file.line(span.start)
    }

    fn xml(&self) -> Xml {
        match &self.read.xml {
            Ok(_) => Xml { accepted: true, error: None, line: None },
            Err(error) => {
                Xml { accepted: false, error: Some(self.text(&error.message)), line: Some(error.line) }
            }
        }
    }

    /// What analysisd says of the rules when it ends at them.
    fn rules_refused(&self) -> &'a [RulesMessage] {
        self.facts.rules().get().map(|rules| rules.set.last_words()).unwrap_or_default()
    }

    fn daemon(&self, daemon: &DaemonOutcome) -> Daemon {
        let mut all = self.daemon_of_file(daemon);
        let refused = self.rules_refused();
        if daemon.daemon == "wazuh-analysisd" && daemon.starts && !refused.is_empty() {
            all.starts = false;
            all.end = EndName::Exits;
            all.logs.extend(refused.iter().filter_map(|said| said.number));
            all.messages.extend(refused.iter().map(|said| Message {
                level: said.level.word(),
                number: said.number,
                text: self.text(&said.text),
            }));
        }
        all
    }

    fn daemon_of_file(&self, daemon: &DaemonOutcome) -> Daemon {
        Daemon {
            starts: daemon.starts,
            end: match daemon.end {
                End::Accepted => EndName::Accepted,
                End::Exits => EndName::Exits,
                End::Crashes => EndName::Crashes,
                End::Hangs => EndName::Hangs,
                End::Degraded => EndName::Degraded,
            },
            logs: daemon.logs.iter().filter_map(|log| log.number).collect(),
            messages: daemon
                .logs
                .iter()
                .map(|log| Message {
                    level: log.level.word(),
                    number: log.number,
                    text: self.text(&log.text),
                })
                .collect(),
        }
    }

    fn block_id(&self, block: &ResponseBlock) -> Redacted {
        self.text(format!("{}#{}", self.facts.config().file.shown, block.ordinal))
    }

    fn commands(&self) -> Vec<Command> {
        let used_by = |index| {
            let users = self.read.responses.iter().filter(move |block| block.command_block == Some(index));
            users.map(|block| self.block_id(block)).collect()
        };
        self.read
            .commands
            .iter()
            .enumerate()
            .map(|(index, command)| Command {
                name: self.value(command.name.as_ref()),
                file: self.file(),
                line: self.line(command.span),
                block: command.ordinal,
                executable: self.value(command.executable.as_ref()),
                timeout_allowed: command.timeout_allowed,
                extra_args: self.value(command.extra_args.as_ref()),
                accepted: command.accepted,
                used_by: used_by(index),
            })
            .collect()
    }

    fn responses(&self) -> Vec<Response> {
        let blocks = self.read.responses.iter().map(|block| self.block(block));
        let is_agent = self.facts.role() == Role::Agent && !self.facts.is_bare();
        let lines = self.facts.responses().iter().filter(|_| is_agent).map(|response| Response {
            id: self.text(&response.id),
            name: Some(self.text(&response.name)),
            file: response
                .place
                .as_ref()
                .map_or_else(|| self.text(&response.id), |place| self.text(&place.file)),
            line: response.place.as_ref().map_or(0, |place| place.line),
            block: None,
            state: if response.is_here() { ResponseState::InForce } else { ResponseState::OtherSystem },
            refused_with: None,
            command: None,
            executable: json::optional(self.redactor, response.executable.as_ref()),
            timeout: response.timeout.unwrap_or(0),
            timeout_written: None,
            location: None,
            runs_on: if matches!(response.runs, Runs::Here) { RunsOn::ThisAgent } else { RunsOn::Nowhere },
            agent_id: None,
            selectors: None,
            queues: None,
            bound: None,
        });
        blocks.chain(lines).collect()
    }

    fn block(&self, block: &ResponseBlock) -> Response {
        let command = block.command_block.and_then(|index| self.read.commands.get(index));
        let config = self.facts.config().file.bytes.get().map_or(&[][..], Vec::as_slice);
        let (runs_on, agent_id) = match block.dispatch {
            Dispatch::Nowhere => (RunsOn::Nowhere, None),
            Dispatch::Manager => (RunsOn::Manager, None),
            Dispatch::Sender => (RunsOn::Sender, None),
            Dispatch::Agent { id, .. } => (RunsOn::Agent, Some(id)),
            Dispatch::AllAgents { .. } => (RunsOn::AllAgents, None),
        };
        Response {
            id: self.block_id(block),
            name: block.name.as_ref().map(|name| self.text(name)),
            file: self.file(),
            line: self.line(block.span),
            block: Some(block.ordinal),
            state: match block.outcome {
                Outcome::Active => ResponseState::InForce,
                Outcome::Disabled => ResponseState::Disabled,
                Outcome::OnlyRepeatedOffenders => ResponseState::OnlyRepeatedOffenders,
                Outcome::DroppedInvalidAgent => ResponseState::DroppedInvalidAgent,
                Outcome::CrashesWhenFired => ResponseState::CrashesWhenFired,
                Outcome::Refused(_) => ResponseState::Refused,
                Outcome::NotRead => ResponseState::NotRead,
            },
            refused_with: match block.outcome {
                Outcome::Refused(problem) => {
                    self.read.problems.get(problem).and_then(|problem| problem.number)
                }
                _ => None,
            },
            command: self.value(block.command.as_ref()),
            executable: command.and_then(|command| self.value(command.executable.as_ref())),
            timeout: block.timeout_in_force,
            timeout_written: self.value(block.timeout.as_ref()),
            location: self.value(block.location.as_ref()),
            runs_on,
            agent_id,
            selectors: Some(Selectors {
                level: block.level_in_force,
                rules_id: block.rule_ids.clone(),
                rules_id_skipped: block.rule_id_cuts.iter().map(|cut| self.text(cut.slice(config))).collect(),
                rules_group: self.value(block.rules_group.as_ref()),
            }),
            queues: Some(Queues {
                needs_local: block.needs.local,
                needs_remote: block.needs.remote,
                open: block.queues == block.needs && !block.needs.is_empty(),
            }),
            bound: self.bound(block),
        }
    }

    /// The rules when all of them are known.
    fn known_rules(&self) -> Option<&'a facts::Rules> {
        self.facts.rules().get().filter(|rules| rules.gap.is_none() && rules.set.is_complete())
    }

    fn rules(&self) -> Option<Rules> {
        let rules = self.known_rules()?;
        Some(Rules {
            accepted: !rules.set.is_fatal(),
            loaded: rules.set.rules.len(),
            files: rules.set.files.len(),
            excluded: rules.files.excluded.iter().map(|(file, _)| self.text(file)).collect(),
            changes: rules
                .changes()
                .into_iter()
                .map(|change| RuleChange {
                    rule: change.rule,
                    file: self.text(rules.shown(change.place.file)),
                    line: change.place.line,
                    left_out: change.dropped,
                    what: self.text(&change.words),
                    because: change.because,
                    numbers: change.numbers,
                    logged: change.logged,
                })
                .collect(),
        })
    }

    fn rules_unread(&self) -> Option<Redacted> {
        let fact = self.facts.rules();
        if self.facts.is_bare() || self.facts.role() == Role::Agent || self.expected().is_none() {
            return None;
        }
        let gap = fact.unknown().or_else(|| fact.get().and_then(|rules| rules.gap.clone()))?;
        Some(self.text(format!("{}: {}", gap.source, gap.why)))
    }

    fn bound(&self, block: &ResponseBlock) -> Option<BoundRules> {
        /// Rules of a response named in JSON.
        const BOUND_LISTED: usize = 1000;
        let rules = self.known_rules().filter(|rules| !rules.set.is_fatal())?;
        if !matches!(block.outcome, Outcome::Active | Outcome::CrashesWhenFired) {
            return None;
        }
        let binding = rules.binding(block);
        let by = |of: fn(&Bound) -> bool| binding.rules.iter().filter(|(_, bound)| of(bound)).count();
        Some(BoundRules {
            count: binding.rules.len(),
            by: BoundBy {
                id: by(|bound| bound.id),
                group: by(|bound| bound.group),
                level: by(|bound| bound.level && !bound.group),
            },
            rules: binding.rules.iter().take(BOUND_LISTED).map(|(id, _)| *id).collect(),
            not_loaded: binding.missing,
            never_fire: binding
                .without_response
                .iter()
                .map(|(rule, why)| RuleReason { rule: *rule, why: self.text(unbindable_words(*why)) })
                .collect(),
            never_last_count: binding.never_last.len(),
            never_last: binding
                .never_last
                .iter()
                .take(BOUND_LISTED)
                .map(|(rule, why)| RuleReason { rule: *rule, why: self.text(never_words(*why)) })
                .collect(),
        })
    }

    /// analysisd writes `ar.conf` on managers up to 4.x.
    fn expected(&self) -> Option<&'a [u8]> {
        let written = self.facts.role() == Role::Manager && self.facts.contract() != Contract::Json5;
        written.then_some(self.read.ar_conf.as_slice())
    }

    fn ar_conf(&self) -> ArConf {
        let file = &self.facts.ar_conf().file;
        let expected = self.expected();
        let actual = file.bytes.get();
        ArConf {
            file: self.text(&file.shown),
            expected: expected.map(|bytes| self.text(bytes)),
            actual: actual.map(|bytes| self.text(bytes)),
            unread: if file.bytes.is_absent() {
                Some(Redacted::constant("does not exist"))
            } else {
                file.bytes.unknown().map(|gap| self.text(gap.why))
            },
            same: expected.zip(actual).map(|(expected, actual)| expected == actual.as_slice()),
        }
    }

    fn execd(&self) -> Execd {
        let disabled = self.read.execd.disabled.as_ref();
        Execd {
            enabled: disabled.map_or(Some(true), |(_, disabled)| disabled.ok().map(|disabled| !disabled)),
            line: disabled.map(|(value, _)| value.line),
            repeated_offenders: self.read.execd.offenders_in_force.clone(),
        }
    }

    // ---- text ----

    fn host(&self, text: impl AsRef<[u8]>) -> Text {
        Text::new().host(&self.text(text))
    }

    /// Writes the text.
    pub fn write(&self, page: &mut Page) {
        let show = self.document();
        let role = match self.facts.role() {
            Role::Manager => " as a manager reads it, ",
            Role::Agent => " as an agent reads it, ",
        };
        let version = match self.facts.version() {
            Some(version) => Text::new().own("Wazuh ").and(self.host(version.to_string())),
            None => Text::new().own("newest Wazuh 4.x, for the version is unknown"),
        };
        let title = if show.file.as_str() == "-" {
            Text::new().toned(Tone::Strong, "standard input")
        } else {
            Text::new().host_toned(Tone::Strong, &show.file)
        };
        page.line(&title.own(role).and(version));
        self.write_xml(page, &show);
        self.write_daemons(page, &show);
        self.write_problems(page, &show);
        self.write_commands(page, &show);
        self.write_responses(page, &show);
        Self::write_rules(page, &show);
        self.write_execd(page, &show);
        self.write_ar_conf(page, &show);
    }

    fn heading(page: &mut Page, text: Text) {
        page.blank();
        page.line(&text.all(Tone::Strong));
    }

    fn write_xml(&self, page: &mut Page, show: &Show) {
        let Err(error) = &self.read.xml else { return };
        Self::heading(page, Text::new().own("XML"));
        let text = Text::new().own("Wazuh's reader refuses the file: ").and(self.host(&error.message));
        page.paragraph(2, &text.own(" (line ").number(error.line).own(")").all(Tone::Fail));
        let at = error.culprit.unwrap_or(Span::new(error.offset, error.offset));
        let evidence = self.facts.config().file.excerpt(at, "look here");
        if let Evidence::Excerpt { file, line, column, text, mark, label } = &evidence {
            super::text::write_excerpt(self.redactor, page, (file, *line, *column), (text, mark), label);
        }
        let printed = show
            .daemons
            .values()
            .flat_map(|daemon| &daemon.messages)
            .find(|message| message.number == Some(1226));
        if let Some(message) = printed {
            page.paragraph(2, &Text::new().own("The daemons do not print that. All they say is:"));
            page.indented(4, &Text::new().own(message.level).own(": ").host(&message.text));
        }
    }

    fn write_daemons(&self, page: &mut Page, show: &Show) {
        Self::heading(page, Text::new().own("Daemons"));
        let column = self.read.daemons.iter().map(|daemon| daemon.daemon.len()).max().unwrap_or_default() + 2;
        // In the order they are started.
        for outcome in &self.read.daemons {
            let Some(daemon) = show.daemons.get(outcome.daemon) else { continue };
            let text = Text::new().own(outcome.daemon).pad(column);
            let text = match daemon.end {
                EndName::Accepted if daemon.starts => text.toned(Tone::Good, "starts"),
                EndName::Accepted | EndName::Exits => text.toned(Tone::Fail, "refuses to start"),
                EndName::Crashes => text.toned(Tone::Fail, "crashes"),
                EndName::Hangs => text.toned(Tone::Fail, "hangs for ever"),
                EndName::Degraded => text.toned(Tone::Warn, "starts, with this part switched off"),
            };
            page.indented(2, &text);
            if self.read.xml.is_err() {
                // They all say the same, and that has been shown.
                continue;
            }
            // Below that a message is only seen with debugging on.
            let of_rules = daemon.messages.iter().skip(outcome.logs.len());
            let of_file =
                daemon.messages.iter().zip(&outcome.logs).filter(|(_, log)| log.level > LogLevel::Debug);
            for message in of_file.map(|(message, _)| message).chain(of_rules) {
                page.indented(
                    4,
                    &Text::new().own(message.level).own(": ").host(&message.text).all(Tone::Dim),
                );
            }
        }
    }

    fn write_problems(&self, page: &mut Page, show: &Show) {
        let problems: Vec<&Problem> =
            show.problems.iter().filter(|problem| problem.number != Some(1226)).collect();
        if problems.is_empty() {
            return;
        }
        Self::heading(page, Text::new().own("Where, which the messages do not say"));
        for problem in problems {
            let text = Text::new().host(&show.file).own(":").number(problem.line).own("  ");
            let text = if problem.text.as_str().is_empty() {
                text.own("logged nowhere")
            } else {
                text.own(problem.level).own(": ").host(&problem.text)
            };
            page.paragraph(2, &text);
        }
    }

    fn write_commands(&self, page: &mut Page, show: &Show) {
        if self.read.xml.is_err() || (self.facts.role() == Role::Agent && show.commands.is_empty()) {
            return;
        }
        Self::heading(page, Text::new().own("Commands"));
        if show.commands.is_empty() {
            page.indented(2, &Text::new().own("none"));
        }
        for command in &show.commands {
            let name = match &command.name {
                Some(name) => Text::new().host_toned(Tone::Strong, name),
                None => Text::new().own("(no name)"),
            };
            let text = name.pad(24).own("  ").host(&command.file).own(":").number(command.line);
            page.indented(2, &text.own("  block ").count(command.block));
            let mut parts = vec![match &command.executable {
                Some(executable) => Text::new().own("executable ").host(executable),
                None => Text::new().own("no executable"),
            }];
            parts.push(Text::new().own(if command.timeout_allowed {
                "timeout allowed"
            } else {
                "no timeout allowed"
            }));
            if let Some(arguments) = &command.extra_args {
                parts.push(Text::new().own("extra_args ").host(arguments));
            }
            parts.push(match command.used_by.len() {
                0 => Text::new().own("used by no response"),
                users => Text::new().own("used by ").counted(users, "response"),
            });
            if !command.accepted {
                parts.push(Text::new().toned(Tone::Fail, "not accepted"));
            }
            page.paragraph(4, &Text::new().list(parts, ", "));
        }
    }

    fn write_responses(&self, page: &mut Page, show: &Show) {
        if self.read.xml.is_err() && show.responses.is_empty() {
            return;
        }
        Self::heading(page, Text::new().own("Responses"));
        if show.responses.is_empty() {
            page.indented(2, &Text::new().own("none"));
        }
        for response in &show.responses {
            let name = match &response.name {
                Some(name) => Text::new().host_toned(Tone::Strong, name),
                None => Text::new().own("(no name)"),
            };
            let text = name.pad(24).own("  ").host(&response.file);
            let text = if response.line > 0 { text.own(":").number(response.line) } else { text };
            let text = match response.block {
                Some(block) => text.own("  block ").count(block),
                None => text,
            };
            let (state, tone) = state(response.state);
            let text = text.own("  ").toned(tone, state);
            page.indented(
                2,
                &match response.refused_with {
                    Some(number) => text.own(" (").number(number).own(")"),
                    None => text,
                },
            );
            page.paragraph(4, &Self::details(response));
            if let Some(bound) = &response.bound {
                Self::write_bound(page, bound);
            }
        }
    }

    fn write_bound(page: &mut Page, bound: &BoundRules) {
        /// Rules of a response that never fire, named as text.
        const BOUND_REASONS: usize = 4;
        /// Rules of a response named as text.
        const BOUND_SHOWN: usize = 8;
        let numbers = |ids: &[u32], count: usize| {
            let shown = ids.iter().take(BOUND_SHOWN).map(|id| Text::new().number(*id));
            let text = Text::new().list(shown, " ");
            if count > BOUND_SHOWN { text.own(" and ").count(count - BOUND_SHOWN).own(" more") } else { text }
        };
        let mut by = Vec::new();
        for (count, what) in [(bound.by.id, "number"), (bound.by.group, "group"), (bound.by.level, "level")] {
            if count == bound.count {
                by = vec![Text::new().own("by ").own(what)];
                break;
            }
            if count > 0 {
                by.push(Text::new().count(count).own(" by ").own(what));
            }
        }
        let text = match bound.count {
            0 => Text::new().toned(Tone::Warn, "bound to no loaded rule"),
            count => Text::new()
                .own("bound to ")
                .counted(count, "rule")
                .own(", ")
                .list(by, ", ")
                .own(": ")
                .and(numbers(&bound.rules, count)),
        };
        page.paragraph(4, &text);
        if !bound.not_loaded.is_empty() {
            let ids = numbers(&bound.not_loaded, bound.not_loaded.len());
            page.paragraph(4, &Text::new().toned(Tone::Warn, "not loaded: ").and(ids));
        }
        for (label, reasons, count) in [
            ("never fires: ", &bound.never_fire, bound.never_fire.len()),
            ("never the last: ", &bound.never_last, bound.never_last_count),
        ] {
            for reason in reasons.iter().take(BOUND_REASONS) {
                let text = Text::new().toned(Tone::Warn, label).own("rule ").number(reason.rule).own(" ");
                page.paragraph(4, &text.host(&reason.why));
            }
            if count > BOUND_REASONS {
                let more = Text::new().toned(Tone::Warn, label).count(count - BOUND_REASONS).own(" more");
                page.paragraph(4, &more);
            }
        }
    }

    fn write_rules(page: &mut Page, show: &Show) {
        /// Rules not loaded as they are written, named as text.
        const CHANGES_SHOWN: usize = 20;
        if show.rules.is_none() && show.rules_unread.is_none() {
            return;
        }
        Self::heading(page, Text::new().own("Rules"));
        if let Some(why) = &show.rules_unread {
            page.paragraph(2, &Text::new().own("not known: ").host(why));
        }
        let Some(rules) = &show.rules else { return };
        let text = Text::new().counted(rules.loaded, "rule").own(" in ").counted(rules.files, "file");
        page.paragraph(
            2,
            &if rules.accepted {
                text.own(", as analysisd loads them")
            } else {
                text.own(", until ").toned(Tone::Fail, "analysisd refuses one and exits")
            },
        );
        if !rules.excluded.is_empty() {
            let files = rules.excluded.iter().map(|file| Text::new().host(file));
            page.paragraph(2, &Text::new().own("kept out by an exclusion: ").list(files, ", "));
        }
        let faults = || rules.changes.iter().filter(|change| change.because.is_none());
        for change in faults().take(CHANGES_SHOWN) {
            let text = Text::new().host(&change.file).own(":").number(change.line).own("  ");
            let text = match change.rule {
                Some(id) => text.own("rule ").number(id).own(" "),
                None => text,
            };
            let text = text.host(&change.what);
            let numbers = change.numbers.iter().map(|number| Text::new().number(*number));
            let text = match (change.logged, change.numbers.is_empty()) {
                (true, false) => text.own(" (").list(numbers, ", ").own(")"),
                (true, true) => text,
                (false, _) => text.own(" (not logged)"),
            };
            let needs = |other: &&RuleChange| {
                other.because.is_some() && other.because == change.rule && change.left_out
            };
            let text = match rules.changes.iter().filter(needs).count() {
                0 => text,
                1 => text.own("; with it a rule that needs it"),
                count => text.own("; with it ").count(count).own(" rules that need it"),
            };
            page.paragraph(2, &text);
        }
        if let Some(more) = faults().count().checked_sub(CHANGES_SHOWN).filter(|more| *more > 0) {
            let more = Text::new().own("and ").count(more);
            page.paragraph(2, &more.own(" more, see --format json"));
        }
    }

    fn details(response: &Response) -> Text {
        if response.state == ResponseState::NotRead && response.command.is_none() {
            return Text::new().own("names no command: only what execd takes from it counts, see below");
        }
        let mut parts = Vec::new();
        if let Some(command) = &response.command {
            parts.push(Text::new().own("command ").host(command));
        }
        if let Some(executable) = &response.executable {
            parts.push(Text::new().own("executable ").host(executable));
        }
        let timeout = match response.timeout {
            0 => Text::new().own("no timeout"),
            seconds => Text::new().own("timeout ").number(seconds).own(" s"),
        };
        parts.push(match &response.timeout_written {
            Some(written) if written.as_str() != response.timeout.to_string() => {
                timeout.own(" (written \"").host(written).own("\")")
            }
            _ => timeout,
        });
        let place = match response.runs_on {
            RunsOn::Nowhere => Text::new().own("runs nowhere"),
            RunsOn::Manager => Text::new().own("runs on the manager"),
            RunsOn::Sender => Text::new().own("runs on the agent that sent the event"),
            RunsOn::Agent => Text::new().own("runs on agent ").number(response.agent_id.unwrap_or(0)),
            RunsOn::AllAgents => Text::new().own("runs on all agents"),
            RunsOn::ThisAgent => Text::new().own("runs on this agent"),
        };
        parts.push(match &response.location {
            Some(location) => place.own(" (location \"").host(location).own("\")"),
            None => place,
        });
        if let Some(selectors) = &response.selectors {
            parts.push(Self::selectors(selectors));
        }
        if let Some(queues) = response.queues.filter(|queues| {
            (queues.needs_local || queues.needs_remote)
                && !queues.open
                && response.state == ResponseState::InForce
        }) {
            let queue = if queues.needs_remote { "queue/alerts/ar" } else { "queue/alerts/execq" };
            parts.push(Text::new().toned(Tone::Fail, "its queue is not opened: ").toned(Tone::Fail, queue));
        }
        Text::new().list(parts, ", ")
    }

    fn selectors(selectors: &Selectors) -> Text {
        let mut parts = Vec::new();
        if !selectors.rules_id.is_empty() {
            let ids = selectors.rules_id.iter().map(|id| Text::new().number(*id));
            parts.push(Text::new().own("rules ").list(ids, " "));
        }
        let level = selectors.level.map(|level| Text::new().own("level ").number(level).own(" and above"));
        let group =
            selectors.rules_group.as_ref().map(|group| Text::new().own("groups \"").host(group).own("\""));
        let both = level.is_some() && group.is_some();
        let together: Vec<Text> = level.into_iter().chain(group).collect();
        if !together.is_empty() {
            parts.push(Text::new().list(together, if both { " with " } else { "" }));
        }
        if parts.is_empty() {
            return Text::new().toned(Tone::Warn, "fires for no rule");
        }
        let text = Text::new().own("fires for ").list(parts, ", or ");
        if selectors.rules_id_skipped.is_empty() {
            return text;
        }
        let skipped =
            selectors.rules_id_skipped.iter().map(|skipped| Text::new().own("\"").host(skipped).own("\""));
        text.own(", skips ").list(skipped, " ")
    }

    fn write_execd(&self, page: &mut Page, show: &Show) {
        let mut parts = Vec::new();
        match (show.execd.enabled, show.execd.line) {
            (Some(false), Some(line)) => {
                parts.push(
                    Text::new()
                        .toned(Tone::Fail, "active response is off")
                        .own(" (line ")
                        .number(line)
                        .own(")"),
                );
            }
            (None, Some(line)) => {
                parts.push(
                    Text::new()
                        .toned(Tone::Fail, "refuses the value of <disabled>")
                        .own(" (line ")
                        .number(line)
                        .own(")"),
                );
            }
            (_, Some(line)) => {
                parts.push(Text::new().own("active response is on (line ").number(line).own(")"))
            }
            _ => {}
        }
        if !show.execd.repeated_offenders.is_empty() {
            let minutes = show.execd.repeated_offenders.iter().map(|minutes| Text::new().number(*minutes));
            parts.push(Text::new().own("repeated offenders, minutes: ").list(minutes, ", "));
        }
        if !parts.is_empty() {
            Self::heading(page, Text::new().own("execd"));
            page.paragraph(2, &Text::new().list(parts, "; "));
        }
    }

    fn write_ar_conf(&self, page: &mut Page, show: &Show) {
        let file = &show.ar_conf.file;
        let expected = self.expected();
        let actual = self.facts.ar_conf().file.bytes.get();
        if expected.is_none() {
            self.write_lines_of_ar_conf(page, show);
            return;
        }
        let Some(expected) = expected else { return };
        Self::heading(page, Text::new().host(file));
        match actual {
            Some(actual) if actual == expected => {
                page.indented(2, &Text::new().own("as analysisd writes it with this configuration"));
            }
            Some(actual) => diff(page, self.redactor, file, actual, expected),
            None => {
                if let Some(why) = show.ar_conf.unread.as_ref().filter(|_| !self.facts.is_bare()) {
                    page.paragraph(2, &Text::new().own("not compared: ").host(file).own(": ").host(why));
                }
                page.indented(2, &Text::new().own("analysisd writes:"));
                for line in lines(expected) {
                    page.indented(4, &self.host(line));
                }
            }
        }
        self.write_lines_of_ar_conf(page, show);
    }

    /// Lines of the file on disk that execd refuses or bends.
    fn write_lines_of_ar_conf(&self, page: &mut Page, show: &Show) {
        let Some(read) = self.facts.ar_conf().read.as_ref().filter(|read| !read.problems.is_empty()) else {
            return;
        };
        Self::heading(page, Text::new().own("What execd does not take from ").host(&show.ar_conf.file));
        for (line, _, problem) in &read.problems {
            let what = match problem {
                LineProblem::Malformed1313 => "is skipped with ERROR 1313",
                LineProblem::NameTooLong => {
                    "has a name that is too long: it is cut, and no message can name it"
                }
                LineProblem::ExecutableTooLong => "has a path that is too long: it is cut",
                LineProblem::Traversal => "has an executable that leads out of active-response/bin: refused",
                LineProblem::DuplicateName => {
                    "has the name of an earlier line: the first whose file is there is used"
                }
                LineProblem::BeyondTable => "does not fit in the table of 64",
                LineProblem::Split => "is longer than one read: the rest is taken for another line",
                LineProblem::OddStart => "begins with a byte order mark or a blank: no message has that name",
            };
            page.paragraph(2, &Text::new().own("line ").number(*line).own(" ").own(what));
        }
    }
}

const fn state(state: ResponseState) -> (&'static str, Tone) {
    match state {
        ResponseState::InForce => ("in force", Tone::Good),
        ResponseState::Disabled => ("disabled", Tone::Dim),
        ResponseState::OnlyRepeatedOffenders => ("only carries repeated_offenders", Tone::Dim),
        ResponseState::DroppedInvalidAgent => ("dropped: agent_id reads as 0 (1306)", Tone::Warn),
        ResponseState::CrashesWhenFired => ("analysisd crashes when it fires", Tone::Fail),
        ResponseState::Refused => ("refused", Tone::Fail),
        ResponseState::NotRead => ("not read as a response here", Tone::Dim),
        ResponseState::OtherSystem => ("for another system", Tone::Dim),
    }
}

/// Lines without their line feeds.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    lines
}

/// Above this many lines two versions of `ar.conf` are not compared line by line;
/// execd's table ends at 64.
const DIFF_LINES: usize = 20_000;

/// Lines around a difference.
const DIFF_CONTEXT: usize = 3;

/// A unified diff that turns the file on disk into what analysisd would write.
fn diff(page: &mut Page, redactor: &Redactor, file: &Redacted, actual: &[u8], expected: &[u8]) {
    use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};
    let (old, new) = (lines(actual), lines(expected));
    if old.len().max(new.len()) > DIFF_LINES {
        let text = Text::new().own("differs: ").count(old.len()).own(" lines on disk, ").count(new.len());
        return page.paragraph(2, &text.own(" that analysisd would write"));
    }
    if old == new {
        return page.indented(2, &Text::new().own("differs only in its last line feed"));
    }
    let hunks = group_diff_ops(capture_diff_slices(Algorithm::Myers, &old, &new), DIFF_CONTEXT);
    page.indented(2, &Text::new().own("--- ").host(file).own("  on disk").all(Tone::Strong));
    page.indented(
        2,
        &Text::new().own("+++ ").host(file).own("  as analysisd would write it").all(Tone::Strong),
    );
    let marked =
        |mark: &'static str, tone, line: &[u8]| Text::new().own(mark).host(&redactor.text(line)).all(tone);
    for hunk in hunks {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { continue };
        let before = first.old_range().start..last.old_range().end;
        let after = first.new_range().start..last.new_range().end;
        // An empty range names the line before it, as diff does.
        let head = |text: Text, range: &std::ops::Range<usize>| {
            text.count(range.start + usize::from(!range.is_empty())).own(",").count(range.len())
        };
        let text = head(head(Text::new().own("@@ -"), &before).own(" +"), &after);
        page.indented(2, &text.own(" @@").all(Tone::Dim));
        for operation in hunk {
            let (_, removed, added) = operation.as_tag_tuple();
            if let DiffOp::Equal { .. } = operation {
                for line in &old[removed] {
                    page.indented(2, &marked(" ", Tone::Plain, line));
                }
                continue;
            }
            for line in &old[removed] {
                page.indented(2, &marked("-", Tone::Fail, line));
            }
            for line in &new[added] {
                page.indented(2, &marked("+", Tone::Good, line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diffed(actual: &str, expected: &str) -> String {
        let redactor = Redactor::new();
        let mut page = Page::new(100, false);
        diff(&mut page, &redactor, &redactor.text("ar.conf"), actual.as_bytes(), expected.as_bytes());
        page.into_text()
    }

    #[test]
    fn a_diff_is_unified() {
        assert_eq!(
            diffed("a\nb\nc\n", "a\nx\nc\n"),
            "  --- ar.conf  on disk\n  +++ ar.conf  as analysisd would write it\n  @@ -1,3 +1,3 @@\n   a\n  -b\n  +x\n   c\n"
        );
        assert!(diffed("", "a\n").contains("@@ -0,0 +1,1 @@\n  +a\n"));
        assert!(diffed("a\n", "").contains("@@ -1,1 +0,0 @@\n  -a\n"));
        assert!(diffed("a\r\n", "a\n").contains("-a<CR>\n"));
        assert_eq!(diffed("a", "a\n"), "  differs only in its last line feed\n");
    }
}
