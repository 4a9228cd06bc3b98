//! Does a response run for an event, and if not, what stops it first?
//!
//! Model: `src/analysisd/analysisd.c w_process_event_thread` and `src/analysisd/alerts/exec.c
//! OS_Exec`, 4.14; before 4.2 the fields of `<expect>` and no agent version, 4.1.5.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::super::ar_conf::atoi;
use super::super::behavior;
use super::super::ossec_conf::{ArFlag, Configuration, Dispatch, Outcome, ResponseBlock, WhiteListKind};
use super::super::version::{Contract, Version};
use super::bind::{Bound, Miss, RuleFacts, Unbindable, bind, in_force};

/// What an event brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The rule it ended with.
    pub rule: RuleFacts,
    /// The decoded `srcip`; no other field counts.
    pub srcip: Option<Vec<u8>>,
    /// The decoded `dstuser`.
    pub dstuser: Option<Vec<u8>>,
    /// There is a file name in it; asked for up to 4.1 only.
    pub filename: bool,
    /// The agent's number as analysisd writes it, `000` for the manager.
    pub agent: Vec<u8>,
    /// What the manager knows of agents' versions; an agent that is not in here is taken for
    /// a present one.
    pub versions: BTreeMap<i32, AgentVersion>,
    /// Agents with the connection status `active`; none when not known.
    pub connected: Option<Vec<i32>>,
}

/// An agent's version in wazuh-db or its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentVersion {
    /// The agent is not in the database.
    NoAgent,
    /// It is, without a version: it never connected.
    Missing,
    /// The text, `Wazuh v4.14.2` for example.
    Text(Vec<u8>),
}

/// How the message is written for the one who gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// One line of JSON.
    Json,
    /// The same with `! $ '` and the back-quote escaped, for 4.2.0 to 4.2.4.
    EscapedJson,
    /// Words, for agents or a manager before 4.2.
    Words,
    /// The agent's version is not known to us.
    Unknown,
}

/// Who gets the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The manager's own execd.
    Manager,
    /// An agent; whether it is connected is remoted's affair.
    Agent {
        /// Its number.
        id: i32,
        /// How the message is written.
        message: Message,
    },
    /// Every connected agent; which these are is not known to us.
    AllAgents,
}

/// It runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fires {
    /// The name in ar.conf and in the message.
    pub name: Vec<u8>,
    /// What bound it to the rule.
    pub bound: Bound,
    /// Who gets it.
    pub targets: Vec<Target>,
    /// Agents that are left out, with the reason.
    pub left_out: Vec<(i32, Reason)>,
}

/// The first thing that stops a response, in analysisd's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no such response.
    NoSuchResponse,
    /// analysisd does not start: index into [`Configuration::problems`].
    AnalysisdRefuses {
        /// The problem.
        problem: Option<usize>,
    },
    /// analysisd does not start because of a rule. [`fires`] knows no rules but that of the event;
    /// who loaded them all says this.
    RulesRefused,
    /// The block is not in force.
    NotInForce {
        /// What became of it.
        outcome: Outcome,
    },
    /// The rule never starts a response.
    Unbindable(Unbindable),
    /// The rule is not one it is bound to.
    NotBound(Miss),
    /// Up to 4.1: a field of `<expect>` is not in the event; nothing is logged.
    Expected {
        /// `user`, `srcip` or `filename`.
        field: &'static str,
    },
    /// 1272: the user's name has a byte other than letters, digits and `._@?-`.
    BadUser {
        /// The name.
        user: Vec<u8>,
        /// The first such byte.
        at: usize,
    },
    /// 1271: the address has a byte other than letters, digits and `.:_-`.
    BadAddress {
        /// The address.
        srcip: Vec<u8>,
        /// The first such byte.
        at: usize,
    },
    /// An entry of the white list takes the address; nothing is logged.
    WhiteListed {
        /// The address without `::ffff:`.
        address: Vec<u8>,
        /// Index into [`Configuration::white_list`].
        entry: usize,
    },
    /// The queue is not open, because of a disabled block further down; nothing is logged.
    NoQueue {
        /// The manager's queue, else the agents'.
        local: bool,
        /// The `ordinal` of the block that closed it.
        erased_by: Option<usize>,
    },
    /// `Unable to get agent ID.`
    NoAgentId,
    /// `Failed to get agent 'N' information from Wazuh DB.`
    NoSuchAgent {
        /// Its number.
        id: i32,
    },
    /// The agent never reported a version; logged at debug level 2 only.
    NoAgentVersion {
        /// Its number.
        id: i32,
    },
    /// `Unable to read agent version.`
    BadAgentVersion {
        /// Its number.
        id: i32,
        /// The version's text.
        text: Vec<u8>,
    },
    /// `all`, and no agent is connected: `Unable to get agent's ID array.` or nothing.
    NobodyConnected,
    /// `all`, and none of the connected agents gets it; see the single reasons.
    NobodyLeft(Vec<(i32, Self)>),
}

impl Reason {
    /// The number of the line analysisd logs, when it has one.
    pub const fn number(&self) -> Option<u32> {
        match self {
            Self::BadUser { .. } => Some(1272),
            Self::BadAddress { .. } => Some(1271),
            _ => None,
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent.
    Fires(Fires),
    /// It is not.
    Not(Reason),
}

/// Does a response, by its index in [`Configuration::responses`], run for an event?
pub fn fires(conf: &Configuration, version: Option<Version>, response: usize, event: &Event) -> Verdict {
    match decide(conf, version, response, event) {
        Ok(fires) => Verdict::Fires(fires),
        Err(reason) => Verdict::Not(reason),
    }
}

fn decide(
    conf: &Configuration,
    version: Option<Version>,
    index: usize,
    event: &Event,
) -> Result<Fires, Reason> {
    let bound = bound(conf, index, &event.rule)?;
    let sent = sent(conf, version, index, event)?;
    let name = conf.responses.get(index).and_then(|response| response.name.clone()).unwrap_or_default();
    Ok(Fires { name, bound, targets: sent.targets, left_out: sent.left_out })
}

/// What analysisd settles when it loads the rules, the same for every event of a rule: does it
/// start, is the response in force, and is it bound to the rule?
pub fn bound(conf: &Configuration, response: usize, rule: &RuleFacts) -> Result<Bound, Reason> {
    let response = conf.responses.get(response).ok_or(Reason::NoSuchResponse)?;
    if let Some(outcome) = conf.daemon("wazuh-analysisd")
        && !outcome.starts
    {
        return Err(Reason::AnalysisdRefuses { problem: outcome.first_problem });
    }
    if !in_force(response) {
        return Err(Reason::NotInForce { outcome: response.outcome });
    }
    if let Some(unbindable) = rule.unbindable() {
        return Err(Reason::Unbindable(unbindable));
    }
    bind(response, rule).map_err(Reason::NotBound)
}

/// Where a response goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Who gets it.
    pub targets: Vec<Target>,
    /// Agents that are left out, with the reason.
    pub left_out: Vec<(i32, Reason)>,
}

/// What is asked of every event once its rule is [`bound`]; the rule is not looked at again.
pub fn sent(
    conf: &Configuration,
    version: Option<Version>,
    response: usize,
    event: &Event,
) -> Result<Sent, Reason> {
    let response = conf.responses.get(response).ok_or(Reason::NoSuchResponse)?;
    if version.is_some_and(|version| Contract::of(version) == Contract::Args) {
        expected(conf, version, response, event)?
    } else {
        characters(event, true, true)?
    }
    if let Some(srcip) = &event.srcip {
        white_list(conf, srcip)?;
    }
    let mut left_out = Vec::new();
    let targets = targets(conf, response, event, version, &mut left_out)?;
    Ok(Sent { targets, left_out })
}

/// What keeps every response from an event, whatever is bound to its rule; what only some ask
/// for, up to 4.1, does not count. The order is analysisd's.
pub fn stopped_for_all(
    conf: &Configuration,
    version: Option<Version>,
    srcip: Option<&[u8]>,
    dstuser: Option<&[u8]>,
) -> Option<Reason> {
    let words = version.is_some_and(|version| Contract::of(version) == Contract::Args);
    if !words {
        if let Some(user) = dstuser
            && let Some(at) = odd_byte(user, USER_SIGNS)
        {
            return Some(Reason::BadUser { user: user.to_vec(), at });
        }
        if let Some(srcip) = srcip
            && let Some(at) = odd_byte(srcip, ADDRESS_SIGNS)
        {
            return Some(Reason::BadAddress { srcip: srcip.to_vec(), at });
        }
    }
    white_list(conf, srcip?).err()
}

/// Signs in a user's name, besides letters and digits.
const USER_SIGNS: &[u8] = b"._@?-";
/// Signs in an address, likewise.
const ADDRESS_SIGNS: &[u8] = b".:_-";

/// Up to 4.1 only the fields of `<expect>` are looked at, and they must be there.
fn expected(
    conf: &Configuration,
    version: Option<Version>,
    response: &ResponseBlock,
    event: &Event,
) -> Result<(), Reason> {
    let command = response.command_block.and_then(|command| conf.commands.get(command));
    let expected = command.map(|command| command.expected(version)).unwrap_or_default();
    if expected.user {
        event.dstuser.as_ref().ok_or(Reason::Expected { field: "user" })?;
        characters(event, true, false)?;
    }
    if expected.srcip {
        event.srcip.as_ref().ok_or(Reason::Expected { field: "srcip" })?;
        characters(event, false, true)?;
    }
    if expected.filename && !event.filename {
        return Err(Reason::Expected { field: "filename" });
    }
    Ok(())
}

/// 1272 and 1271.
fn characters(event: &Event, user: bool, srcip: bool) -> Result<(), Reason> {
    if let Some(user) = event.dstuser.as_ref().filter(|_| user)
        && let Some(at) = odd_byte(user, USER_SIGNS)
    {
        return Err(Reason::BadUser { user: user.clone(), at });
    }
    if let Some(srcip) = event.srcip.as_ref().filter(|_| srcip)
        && let Some(at) = odd_byte(srcip, ADDRESS_SIGNS)
    {
        return Err(Reason::BadAddress { srcip: srcip.clone(), at });
    }
    Ok(())
}

/// The first byte that is neither a letter, a digit nor one of these. A `$` in POSIX regular
/// expressions does not overlook a line end.
fn odd_byte(text: &[u8], signs: &[u8]) -> Option<usize> {
    text.iter().position(|byte| !byte.is_ascii_alphanumeric() && !signs.contains(byte))
}

/// `get_ip`: first the addresses, then the patterns.
fn white_list(conf: &Configuration, srcip: &[u8]) -> Result<(), Reason> {
    let address = srcip.strip_prefix(b"::ffff:").unwrap_or(srcip);
    let found = |entry: usize| Err(Reason::WhiteListed { address: address.to_vec(), entry });
    let number = std::str::from_utf8(address).ok().and_then(|text| text.parse::<Ipv4Addr>().ok());
    let entries = || conf.white_list.iter().enumerate();
    if let Some(number) = number.map(u32::from) {
        for (index, entry) in entries() {
            if matches!(&entry.kind, WhiteListKind::Ip(range) if range.contains(number)) {
                return found(index);
            }
        }
    }
    for (index, entry) in entries() {
        if matches!(&entry.kind, WhiteListKind::Pattern(pattern) if pattern.matches(address)) {
            return found(index);
        }
    }
    Ok(())
}

fn targets(
    conf: &Configuration,
    response: &ResponseBlock,
    event: &Event,
    version: Option<Version>,
    left_out: &mut Vec<(i32, Reason)>,
) -> Result<Vec<Target>, Reason> {
    let ArFlag { local, remote } = conf.ar_flag;
    let place = response.location_in_force;
    let queue = |local| Reason::NoQueue { local, erased_by: response.erased_by };
    if place.server || place.local && event.agent == b"000" {
        return if local { Ok(vec![Target::Manager]) } else { Err(queue(true)) };
    }
    if !remote {
        return Err(queue(false));
    }
    if place.all {
        let Some(connected) = &event.connected else { return Ok(vec![Target::AllAgents]) };
        if connected.is_empty() {
            return Err(Reason::NobodyConnected);
        }
        let mut targets = Vec::new();
        for &id in connected {
            match message(event, id, version) {
                Ok(message) => targets.push(Target::Agent { id, message }),
                Err(reason) => left_out.push((id, reason)),
            }
        }
        if targets.is_empty() {
            return Err(Reason::NobodyLeft(std::mem::take(left_out)));
        }
        return Ok(targets);
    }
    let id = match response.dispatch {
        Dispatch::Agent { id, .. } => id,
        _ => atoi(&event.agent),
    };
    if id == -1 {
        return Err(Reason::NoAgentId);
    }
    Ok(vec![Target::Agent { id, message: message(event, id, version)? }])
}

/// In which form an agent gets the message, by its version and the manager's.
fn message(event: &Event, id: i32, version: Option<Version>) -> Result<Message, Reason> {
    if version.is_some_and(|version| Contract::of(version) == Contract::Args) {
        return Ok(Message::Words);
    }
    let escapes = behavior::MESSAGE_ESCAPED.holds(version);
    match event.versions.get(&id) {
        None => Ok(Message::Unknown),
        Some(AgentVersion::NoAgent) => Err(Reason::NoSuchAgent { id }),
        Some(AgentVersion::Missing) => Err(Reason::NoAgentVersion { id }),
        Some(AgentVersion::Text(text)) => match three_numbers(text) {
            None => Err(Reason::BadAgentVersion { id, text: text.clone() }),
            Some((major, minor, _)) if major < 4 || major == 4 && minor < 2 => Ok(Message::Words),
            Some((4, 2, patch)) if patch < 5 && escapes => Ok(Message::EscapedJson),
            Some(_) => Ok(Message::Json),
        },
    }
}

/// The numbers behind the first `v` that does not begin the text, as `strtok_r` cuts them out:
/// `Wazuh v4.14.2`, but not `v4.14.2` and not `Wazuh v5.0`.
fn three_numbers(text: &[u8]) -> Option<(i32, i32, i32)> {
    let start = text.iter().position(|&byte| byte != b'v')?;
    let rest = text.get(start..)?;
    let rest = rest.get(rest.iter().position(|&byte| byte == b'v')? + 1..)?;
    let mut pieces = rest.split(|&byte| byte == b'.').filter(|piece| !piece.is_empty()).map(atoi);
    Some((pieces.next()?, pieces.next()?, pieces.next()?))
}
