//! `etc/ossec.conf`: what each daemon makes of it.
//!
//! Every daemon reads the whole file for itself and stops at the first fault it meets, in an
//! order of its own: analysisd goes through the response blocks before it looks at
//! `<global>`. [`read`] keeps both views apart. [`Configuration::daemons`] and
//! [`Configuration::ar_conf`] are what really happens, message by message;
//! [`Configuration::problems`] is everything a person has to mend, as if a faulty block were
//! not there.
//!
//! Model: `src/config/*.c`, `src/analysisd/active-response.c`, `src/os_execd/config.c` and
//! the `main.c` of each daemon, 4.14. Sections of no interest here (`<syscheck>`, `<wodle>`,
//! ...) are only held against the list of names, so a fault inside them is not seen.

use super::behavior::EXPECT_IGNORED;
use super::os_match::{OsIp, OsMatch};
use super::version::Version;
use super::xml::{self, Document, Element, Span};

mod commented;
mod daemons;
mod responses;
mod sections;
mod top;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use commented::{BlockKind, CommentedBlock};
pub use top::Platform;

/// Which build reads the file. A worker node and a local installation are managers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The server build.
    Manager,
    /// The agent build.
    Agent,
}

/// The text of an element, never trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What Wazuh reads.
    pub text: Vec<u8>,
    /// Where the text stands in the file.
    pub span: Span,
    /// The element with its tags.
    pub element: Span,
    /// The line Wazuh counts.
    pub line: u64,
}

impl Value {
    fn of(element: &Element) -> Self {
        Self {
            text: element.content.clone(),
            span: element.content_span,
            element: element.span,
            line: element.line,
        }
    }
}

/// One `<command>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandBlock {
    /// Which `<command>` of the file, from 1.
    pub ordinal: usize,
    /// Which root element it stands in, from 0.
    pub root: usize,
    /// The block.
    pub span: Span,
    /// Its line.
    pub line: u64,
    /// The last `<name>`.
    pub name: Option<Value>,
    /// The last `<executable>`.
    pub executable: Option<Value>,
    /// Whether a timeout may be used; `no` unless said otherwise.
    pub timeout_allowed: bool,
    /// The last `<timeout_allowed>`.
    pub timeout_allowed_value: Option<Value>,
    /// The last `<extra_args>`.
    pub extra_args: Option<Value>,
    /// The last `<expect>`, without effect since 4.2.
    pub expect: Option<Value>,
    /// analysisd takes the block into its list.
    pub accepted: bool,
    /// The faults of this block: indices into [`Configuration::problems`].
    pub problems: Vec<usize>,
}

/// Fields that `<expect>` asks for, up to 4.1: an event without them starts no response
/// (`src/config/active-response.c ReadActiveCommands`, 4.1.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// `user`
    pub user: bool,
    /// `srcip`
    pub srcip: bool,
    /// `filename`
    pub filename: bool,
}

impl CommandBlock {
    /// What the event must have; nothing since 4.2.
    pub fn expected(&self, version: Option<Version>) -> Expected {
        let text = match &self.expect {
            Some(value) if !EXPECT_IGNORED.holds(version) && value.text.len() >= 4 => {
                value.text.to_ascii_lowercase()
            }
            _ => return Expected::default(),
        };
        let names = |word: &[u8]| memchr::memmem::find(&text, word).is_some();
        Expected { user: names(b"user"), srcip: names(b"srcip"), filename: names(b"filename") }
    }
}

/// The places a `<location>` names. The text is searched for fragments, so several can be
/// named at once (`src/config/active-response.c ReadActiveResponses`, 4.14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// `AS`, `analysisd`, `analysis-server` or `server`.
    pub server: bool,
    /// `local`.
    pub local: bool,
    /// `defined-agent`, with the number that `agent_id` reads as.
    pub agent: Option<i32>,
    /// `all` or `any`.
    pub all: bool,
}

/// Where a response runs after all (`src/analysisd/alerts/exec.c OS_Exec`, 4.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch {
    /// The block is not in force.
    Nowhere,
    /// On the manager that analysed the event, never on an agent.
    Manager,
    /// On the agent that sent the event; on the manager for an event of its own.
    Sender,
    /// On one agent.
    Agent {
        /// Its number; below 0 the response is lost with `Unable to get agent ID.`
        id: i32,
        /// The text names `local` too: events of the manager run there instead.
        own_events_on_manager: bool,
    },
    /// On every connected agent, not on the manager.
    AllAgents {
        /// The text names `local` too: events of the manager run there instead.
        own_events_on_manager: bool,
    },
}

/// What analysisd does with a response block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In force.
    Active,
    /// `<disabled>yes`: dropped.
    Disabled,
    /// Only a carrier of `repeated_offenders`, for execd: dropped.
    OnlyRepeatedOffenders,
    /// `defined-agent` with an id that reads as 0: dropped with 1306.
    DroppedInvalidAgent,
    /// Before 4.3.0 the same block is in force and analysisd crashes when it fires.
    CrashesWhenFired,
    /// analysisd refuses to start; the first of its faults in [`Configuration::problems`].
    Refused(usize),
    /// Nobody reads it as a response: an agent's block, or 5.x.
    NotRead,
}

/// Which of analysisd's two response queues are opened or needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArFlag {
    /// The manager's own execd, `queue/alerts/execq`.
    pub local: bool,
    /// remoted, `queue/alerts/ar`.
    pub remote: bool,
}

impl ArFlag {
    /// The queues that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self { local: self.local && other.local, remote: self.remote && other.remote }
    }

    /// True when neither is set.
    pub const fn is_empty(self) -> bool {
        !self.local && !self.remote
    }
}

/// One `<active-response>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseBlock {
    /// Which `<active-response>` of the file, from 1.
    pub ordinal: usize,
    /// Which root element it stands in, from 0.
    pub root: usize,
    /// The block.
    pub span: Span,
    /// Its line.
    pub line: u64,
    /// The last `<command>`.
    pub command: Option<Value>,
    /// The last `<location>`.
    pub location: Option<Value>,
    /// The last `<agent_id>`.
    pub agent_id: Option<Value>,
    /// The last `<rules_id>`.
    pub rules_id: Option<Value>,
    /// The last `<rules_group>`, an OS_Regex pattern.
    pub rules_group: Option<Value>,
    /// The last `<level>`.
    pub level: Option<Value>,
    /// The last `<timeout>`.
    pub timeout: Option<Value>,
    /// Every `<disabled>`.
    pub disabled: Vec<Value>,
    /// The first `<repeated_offenders>`.
    pub repeated_offenders: Option<Value>,
    /// The first `<ca_store>`.
    pub ca_store: Option<Value>,
    /// The first `<ca_verification>`, fatal on a manager.
    pub ca_verification: Option<Value>,
    /// Children that are none of these, with their names.
    pub others: Vec<(Vec<u8>, Value)>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The places the text names.
    pub location_in_force: Location,
    /// Where it runs.
    pub dispatch: Dispatch,
    /// The command it uses: index into [`Configuration::commands`].
    pub command_block: Option<usize>,
    /// The timeout as `atoi` reads it.
    pub raw_timeout: i32,
    /// The same, 0 when the command does not allow one.
    pub timeout_in_force: i32,
    /// The name in ar.conf and in messages: command and timeout, at most 255 bytes.
    pub name: Option<Vec<u8>>,
    /// The level, when there is a valid one that is not 0.
    pub level_in_force: Option<i32>,
    /// The rule numbers `Rule_AddAR` finds.
    pub rule_ids: Vec<u32>,
    /// Text in `rules_id` that it skips or stops at, blanks around it left out.
    pub rule_id_cuts: Vec<Span>,
    /// The queues it needs.
    pub needs: ArFlag,
    /// The queues it needs and gets.
    pub queues: ArFlag,
    /// The disabled block behind it that took its queues away: its `ordinal`.
    pub erased_by: Option<usize>,
    /// The faults of this block: indices into [`Configuration::problems`].
    pub problems: Vec<usize>,
}

impl ResponseBlock {
    /// True when it is bound to rules at all: a level, a rule number or a group.
    pub fn has_trigger(&self) -> bool {
        self.level_in_force.is_some() || !self.rule_ids.is_empty() || self.rules_group.is_some()
    }
}

/// How loud a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// `DEBUG`
    Debug,
    /// `INFO`
    Info,
    /// `WARNING`
    Warning,
    /// `ERROR`
    Error,
    /// `CRITICAL`
    Critical,
}

impl LogLevel {
    /// The word in the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }
}

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// OS_XML cannot read the file.
    UnreadableXml,
    /// A root element that is not `ossec_config`.
    WrongRoot,
    /// A section no daemon of this build and version knows.
    UnknownSection,
    /// A section that must have a child element and has none.
    EmptySection,
    /// A section that only means something on a manager, in an agent's file; or one that is
    /// accepted and ignored.
    IgnoredSection,
    /// A `<wodle>` without attributes: the managers' daemons read through a null pointer.
    WodleWithoutAttributes,
    /// An element its section does not know.
    UnknownElement {
        /// The section.
        section: &'static str,
    },
    /// An element that must have a child element and has none.
    EmptyElement {
        /// The element.
        element: &'static str,
    },
    /// A value that is refused.
    BadValue {
        /// The element.
        element: &'static str,
    },
    /// A value that is refused with a warning and replaced.
    IgnoredValue {
        /// The element.
        element: &'static str,
    },
    /// A port outside 1 to 65535.
    BadPort,
    /// Not an address.
    BadIp,
    /// A server address with a slash that is no address.
    BadHost,
    /// A pattern that does not compile.
    BadPattern,
    /// `<command>` without `<name>`.
    MissingName,
    /// `<command>` without `<executable>`.
    MissingExecutable,
    /// `<active-response>` without `<command>`.
    MissingCommand,
    /// `<active-response>` without `<location>`.
    MissingLocation,
    /// `<active-response>` names a command that is not defined before it.
    UndefinedCommand,
    /// `<location>` names no place.
    InvalidLocation,
    /// `defined-agent` without `<agent_id>`.
    AgentIdMissing,
    /// `defined-agent` with an id that reads as 0.
    AgentIdNotAnAgent,
    /// A timeout for a command that does not allow one: the response becomes permanent.
    TimeoutNotAllowed,
    /// More responses than the agents' table holds.
    TooManyResponses,
    /// A second secure connection.
    DuplicateSecure,
    /// `<remote>` without `<connection>`.
    NoConnection,
    /// No `<remote>` at all.
    NoRemote,
    /// No server to connect to.
    NoServerAddress,
    /// Only the placeholder of the template is there.
    PlaceholderAddress,
    /// Only IPv6 link-local servers without an interface.
    NoInterface,
    /// `<localfile>` without `<log_format>`.
    MissingLogFormat,
    /// `<localfile>` without `<location>`.
    MissingFile,
    /// `<localfile>` of format `multi-line-regex` without its pattern.
    MissingRegex,
    /// The daemon goes round in circles for ever.
    EndlessLoop {
        /// The element that does it.
        element: &'static str,
    },
    /// A missing attribute value makes the daemon read through a null pointer.
    NullAttribute {
        /// The element.
        element: &'static str,
    },
}

/// Something a person should mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// The message's number.
    pub number: Option<u32>,
    /// The message's level.
    pub level: LogLevel,
    /// The message as logged, number included; empty when nothing is logged.
    pub text: Vec<u8>,
    /// Where.
    pub span: Span,
    /// The line.
    pub line: u64,
    /// The daemons that do not start because of it, were it the only problem.
    pub fatal_for: Vec<&'static str>,
    /// The daemons that log it, fatal or not, were it the only problem.
    pub logged_by: Vec<&'static str>,
    /// The problem that this one follows from and vanishes with.
    pub consequence_of: Option<usize>,
}

/// A line a daemon logs while it reads its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonLog {
    /// Level.
    pub level: LogLevel,
    /// Number.
    pub number: Option<u32>,
    /// The message with its number.
    pub text: Vec<u8>,
}

/// How the reading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The configuration is accepted.
    Accepted,
    /// It exits.
    Exits,
    /// It dies of a null pointer.
    Crashes,
    /// It never comes back.
    Hangs,
    /// It runs with the part in question switched off (syscheckd, rootcheck).
    Degraded,
}

/// What a daemon does with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonOutcome {
    /// Its name in the log.
    pub daemon: &'static str,
    /// False when it refuses, crashes or hangs. An optional daemon that leaves because it is
    /// not configured has accepted the file.
    pub starts: bool,
    /// How.
    pub end: End,
    /// What it logs about the configuration, in order.
    pub logs: Vec<DaemonLog>,
    /// The first problem that ends it.
    pub first_problem: Option<usize>,
}

/// One `<white_list>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhiteListEntry {
    /// The text.
    pub value: Value,
    /// What it became.
    pub kind: WhiteListKind,
}

/// What an entry is taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhiteListKind {
    /// A range of addresses.
    Ip(OsIp),
    /// A pattern.
    Pattern(OsMatch),
    /// Shaped like an address and none: 1237.
    Invalid,
}

/// A `<server>` of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The address.
    pub address: Value,
    /// The address as kept: cut to 126 bytes, with a slash behind an old `server-hostname`.
    pub kept: Vec<u8>,
    /// Port.
    pub port: i32,
    /// UDP instead of TCP.
    pub udp: bool,
    /// `interface_index`, 0 when there is none.
    pub interface: i32,
    /// Still the installer's `MANAGER_IP`, or `0.0.0.0`, or nothing.
    pub placeholder: bool,
    /// Written as `<server-ip>` or `<server-hostname>`.
    pub legacy: bool,
}

/// All `<client>` blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSection {
    /// The first block.
    pub span: Option<Span>,
    /// Its servers.
    pub servers: Vec<Server>,
    /// `<disable-active-response>`; see [`super::behavior::DISABLE_AR_IGNORED_ON_UNIX`].
    pub disable_active_response: Option<(Value, bool)>,
    /// `<notify_time>`
    pub notify_time: Option<(Value, i32)>,
    /// `<auto_restart>`
    pub auto_restart: Option<(Value, bool)>,
    /// `<config-profile>`
    pub profile: Option<Value>,
}

/// How agents or devices connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Agents.
    Secure,
    /// Syslog.
    Syslog,
}

/// One `<remote>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The block.
    pub span: Span,
    /// Its line.
    pub line: u64,
    /// Which kind.
    pub connection: Option<Connection>,
    /// Port in force.
    pub port: i32,
    /// TCP in force.
    pub tcp: bool,
    /// UDP in force.
    pub udp: bool,
    /// `<local_ip>`
    pub local_ip: Option<Value>,
    /// remoted accepts the block.
    pub accepted: bool,
}

/// One `<localfile>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    /// The block.
    pub span: Span,
    /// Its line.
    pub line: u64,
    /// The last `<location>`.
    pub location: Option<Value>,
    /// The last `<log_format>`.
    pub log_format: Option<Value>,
    /// The last `<command>`.
    pub command: Option<Value>,
    /// logcollector accepts the block.
    pub accepted: bool,
}

/// What a `<ruleset>` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RulesetKind {
    /// `<decoder_dir>`
    DecoderDir,
    /// `<decoder_include>`
    DecoderInclude,
    /// `<decoder_exclude>`
    DecoderExclude,
    /// `<rule_dir>`
    RuleDir,
    /// `<rule_include>`
    RuleInclude,
    /// `<rule_exclude>`
    RuleExclude,
    /// `<list>`
    List,
}

/// One line of a `<ruleset>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesetEntry {
    /// Which.
    pub kind: RulesetKind,
    /// The path.
    pub value: Value,
    /// The `pattern` of a directory, `.xml$` when there is no attribute at all; none when
    /// there are attributes but no `pattern`.
    pub pattern: Option<Vec<u8>>,
}

/// The first `<cluster>`, as the daemons look it up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The block.
    pub span: Option<Span>,
    /// `<disabled>`
    pub disabled: Option<Value>,
    /// `<node_type>`
    pub node_type: Option<Value>,
    /// `<node_name>`
    pub node_name: Option<Value>,
    /// `<name>`
    pub name: Option<Value>,
    /// What remoted makes of it (`src/shared/cluster_utils.c w_is_worker`, 4.14).
    pub is_worker: bool,
}

/// How the daemons log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// The `<log_format>` in force.
    pub log_format: Option<Value>,
    /// `logs/ossec.log` is written.
    pub plain: bool,
    /// `logs/ossec.json` is written.
    pub json: bool,
    /// The part of the value that makes every daemon exit at its first message.
    pub invalid: Option<Vec<u8>>,
}

/// What execd reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecdReading {
    /// The `<disabled>` it finds, and what that says; `Err` makes it exit.
    pub disabled: Option<(Value, Result<bool, ()>)>,
    /// The `<repeated_offenders>` it finds, and the minutes it takes from it.
    pub repeated_offenders: Option<(Value, Vec<i32>)>,
    /// The minutes in use: those before the first 0.
    pub offenders_in_force: Vec<i32>,
    /// The pieces it does not take: what stands behind the number in a piece, and everything
    /// behind the fifth number.
    pub dropped: Vec<Vec<u8>>,
}

/// The file as its readers see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The tree, or why there is none.
    pub xml: Result<Document, xml::Error>,
    /// The build that reads.
    pub role: Role,
    /// Every `<command>` with child elements, in file order.
    pub commands: Vec<CommandBlock>,
    /// Every `<active-response>` with child elements, in file order.
    pub responses: Vec<ResponseBlock>,
    /// Everything to be mended, in file order; what is about the file as a whole has the empty
    /// span 0..0 and comes last.
    pub problems: Vec<Problem>,
    /// What each daemon does.
    pub daemons: Vec<DaemonOutcome>,
    /// `<global><white_list>`, in file order.
    pub white_list: Vec<WhiteListEntry>,
    /// `<alerts><log_alert_level>` and its reading, 1 unless set.
    pub log_alert_level: Option<(Value, u8)>,
    /// `<alerts><email_alert_level>` and its reading, 7 unless set.
    pub email_alert_level: Option<(Value, u8)>,
    /// `<global><alerts_log>`, on unless set.
    pub alerts_log: Option<(Value, bool)>,
    /// `<global><jsonout_output>`, on unless set.
    pub jsonout_output: Option<(Value, bool)>,
    /// `<client>`
    pub client: ClientSection,
    /// `<remote>`, in file order.
    pub remotes: Vec<Remote>,
    /// `<localfile>`, in file order.
    pub localfiles: Vec<LocalFile>,
    /// `<ruleset>`, in file order.
    pub ruleset: Vec<RulesetEntry>,
    /// `<cluster>`
    pub cluster: Cluster,
    /// `<logging>`
    pub logging: Logging,
    /// What execd reads.
    pub execd: ExecdReading,
    /// The queues analysisd opens in the end, refused blocks left out.
    pub ar_flag: ArFlag,
    /// ar.conf as analysisd leaves it, also when it stops early; empty on an agent and in 5.x.
    /// Not modelled beyond 16 MiB.
    pub ar_conf: Vec<u8>,
    /// Blocks that stand in comments.
    pub commented_blocks: Vec<CommentedBlock>,
}

impl Configuration {
    /// The outcome of one daemon, by its name since 4.2.
    pub fn daemon(&self, name: &str) -> Option<&DaemonOutcome> {
        self.daemons.iter().find(|outcome| {
            outcome.daemon == name
                || outcome
                    .daemon
                    .strip_prefix("ossec-")
                    .is_some_and(|rest| name.strip_prefix("wazuh-").is_some_and(|wanted| wanted == rest))
        })
    }

    /// The first `<command>` behind a block that has the name the block asks for: it is
    /// defined too late.
    pub fn defined_later(&self, response: &ResponseBlock) -> Option<usize> {
        let wanted = &response.command.as_ref()?.text;
        self.commands.iter().position(|command| {
            command.span.start > response.span.start
                && command.accepted
                && command.name.as_ref().is_some_and(|name| name.text == *wanted)
        })
    }
}

/// Reads `ossec.conf` of a Linux installation.
pub fn read(bytes: &[u8], role: Role, version: Option<Version>) -> Configuration {
    read_on(bytes, role, version, Platform::Linux)
}

/// Reads `ossec.conf` of an installation on any platform.
pub fn read_on(bytes: &[u8], role: Role, version: Option<Version>, platform: Platform) -> Configuration {
    top::read(bytes, role, version, platform)
}

/// A block in `agent.conf`: accepted and without any effect, execd reads `ossec.conf` only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentConfBlock {
    /// Which kind.
    pub kind: BlockKind,
    /// Which root element it stands in, from 0.
    pub root: usize,
    /// The block.
    pub span: Span,
    /// Its line.
    pub line: u64,
    /// The name of the command it defines or uses.
    pub command_name: Option<Vec<u8>>,
    /// It has no child element: then it is not ignored but refused (1230).
    pub empty: bool,
}

/// A group's `agent.conf`.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentConf {
    /// The tree, or why there is none.
    pub xml: Result<Document, xml::Error>,
    /// The response and command blocks in it.
    pub blocks: Vec<AgentConfBlock>,
    /// Root elements that are not `agent_config`: refused (1230).
    pub wrong_roots: Vec<(Vec<u8>, Span)>,
    /// Attributes of `agent_config` that are none of name, os, profile, overwrite: 1233.
    pub unknown_attributes: Vec<(Vec<u8>, Span)>,
}

/// Reads a group's `agent.conf` for the blocks that have no effect there
/// (`src/config/config.c ReadConfig` with `CAGENT_CONFIG`, 4.14).
pub fn read_agent_conf(bytes: &[u8]) -> AgentConf {
    let xml = xml::parse(bytes);
    let mut blocks = Vec::new();
    let mut wrong_roots = Vec::new();
    let mut unknown_attributes = Vec::new();
    let roots = xml.as_ref().map(|document| document.roots.as_slice()).unwrap_or_default();
    for (root, element) in roots.iter().enumerate() {
        if element.name != b"agent_config" {
            wrong_roots.push((element.name.clone(), element.name_span));
            continue;
        }
        for attribute in &element.attributes {
            let known: [&[u8]; 4] = [b"name", b"os", b"profile", b"overwrite"];
            if !known.contains(&attribute.name.as_slice()) {
                unknown_attributes.push((attribute.name.clone(), attribute.span));
            }
        }
        for child in &element.children {
            if let Some(kind) = BlockKind::of(&child.name) {
                blocks.push(AgentConfBlock {
                    kind,
                    root,
                    span: child.span,
                    line: child.line,
                    command_name: kind.command_name(child),
                    empty: child.children.is_empty(),
                });
            }
        }
    }
    AgentConf { xml, blocks, wrong_roots, unknown_attributes }
}
