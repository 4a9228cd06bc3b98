//! The message: where it comes from, how it is built, what is wrong with it.
//!
//! Everything works on bytes: what is not asked to change keeps its order, its numbers and its
//! spelling. Reading files is the caller's business.

mod address;
mod change;
mod check;
mod doc;

use std::net::IpAddr;
use std::ops::Range;

use serde_json::Value;

use self::address::Address;
use self::doc::{Is, Node};
use super::Deed;
use super::fault::{self, Taken};
use super::needs::Needs;
use crate::findings::{CheckId, Confidence, Evidence, Severity, checks};
use crate::wazuh::cjson;
use crate::wazuh::version::Contract;

pub use change::{fill_strings, other_target, with, without};
pub use check::{Against, WhiteList};

/// The sample event of 4.x, and the one of 5.x.
const SAMPLES: (&str, &str) = (include_str!("payload/sample4.json"), include_str!("payload/sample5.json"));

/// Where the event is in a 4.x message.
const ALERT: &str = "parameters.alert";

/// What was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A full message for execd.
    Message,
    /// An alert of 4.x or a finding of 5.x; the message was built round it.
    Alert,
    /// Nothing: the built-in sample.
    Sample,
    /// A line of text of 4.1 and earlier.
    Text,
    /// Nothing that can be told.
    Broken,
}

/// Bytes to take the event from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// How to name it: a path, `standard input`.
    pub shown: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// It is `logs/active-responses.log`: the newest message in it is meant.
    pub is_log: bool,
}

/// What message is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Where from; none takes the built-in sample.
    pub source: Option<Source<'a>>,
    /// Which generation.
    pub contract: Contract,
    /// The name of the response in `ar.conf` (`firewall-drop600`).
    pub name: &'a str,
    /// The file name below `active-response/bin`.
    pub program: &'a str,
    /// Only an alert of this rule.
    pub rule: Option<&'a str>,
    /// Only an alert of this agent, by id or name.
    pub agent: Option<&'a str>,
    /// What to do with it; none keeps what a logged message says, else add.
    pub deed: Option<Deed>,
    /// `extra_args` of the command, as in its `<extra_args>`.
    pub extra_args: Option<&'a str>,
    /// Timeout in seconds; only the message of 5.x carries it.
    pub timeout: Option<i32>,
    /// Values to put in, in this order.
    pub set: &'a [Set],
    /// What the script needs, so that the sample can have it.
    pub needs: &'a Needs,
}

/// One `--set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Path, from the event, or from the root when it begins with `parameters` or `wazuh`.
    pub path: String,
    /// The value as JSON.
    pub json: Vec<u8>,
}

impl Set {
    /// Reads `path=text` or `path:=json`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, value) = text
            .split_once('=')
            .ok_or_else(|| format!("{text} is no setting; write data.srcip=203.0.113.9, or rule.level:=7"))?;
        let (path, json) = match head.strip_suffix(':') {
            Some(path) => {
                serde_json::from_str::<serde::de::IgnoredAny>(value)
                    .ok()
                    .and_then(|_| Node::read(value.as_bytes()))
                    .ok_or_else(|| format!("{value} is not JSON; for a text write {path}={value}"))?;
                (path, doc::compact(value.as_bytes()))
            }
            None => (head, doc::quote(value)),
        };
        doc::parts(path).ok_or_else(|| format!("{path} is no path; write data.srcip, or extra_args[0]"))?;
        Ok(Self { path: path.to_owned(), json })
    }
}

/// Bytes of a source that are marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Line, from 1.
    pub line: u64,
    /// First marked byte, from 1.
    pub column: u64,
    /// The line, cut.
    pub text: Vec<u8>,
    /// Marked bytes inside `text`.
    pub mark: Range<usize>,
}

/// One thing that is wrong with a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which check.
    pub check: CheckId,
    /// How bad here.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence: what is wrong.
    pub what: String,
    /// One sentence: how to mend it.
    pub fix: String,
    /// Path of the field in the message.
    pub pointer: Option<String>,
    /// Where in the source.
    pub place: Option<Excerpt>,
    /// More proof: a line of the script, an entry of the white list.
    pub evidence: Vec<Evidence>,
}

impl Problem {
    /// One that is as bad as the catalogue says.
    pub fn new(check: CheckId, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            check,
            severity: check.check().severity,
            confidence: Confidence::Proven,
            what: what.into(),
            fix: fix.into(),
            pointer: None,
            place: None,
            evidence: Vec::new(),
        }
    }

    fn at(mut self, pointer: &str) -> Self {
        self.pointer = Some(pointer.to_owned());
        self
    }

    fn mild(mut self, severity: Severity, confidence: Confidence) -> Self {
        self.severity = severity;
        self.confidence = confidence;
        self
    }
}

/// A message for execd and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Where it comes from.
    pub shown: String,
    /// What was given.
    pub kind: Kind,
    /// What to do with it.
    pub deed: Deed,
    /// The generation it is for.
    pub contract: Contract,
    /// One line, as it arrives at execd's socket; for [`Deed::Delete`] that of the add before it.
    pub message: Vec<u8>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// What was done to it, in words.
    pub notes: Vec<String>,
}

impl Payload {
    /// Takes the event from its source and makes the message. The problems of the text itself
    /// are in it; those with a script are found by [`Payload::check`]. An error says why there
    /// is no event to speak of.
    pub fn make(wish: &Wish<'_>) -> Result<Self, String> {
        let mut payload = Self {
            shown: wish.source.map_or("the built-in sample", |source| source.shown).to_owned(),
            kind: Kind::Sample,
            deed: wish.deed.unwrap_or(Deed::Add),
            contract: wish.contract,
            message: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
        };
        let event = match wish.source {
            None => {
                let (four, five) = SAMPLES;
                let text = if wish.contract == Contract::Json5 { five } else { four };
                text.trim().as_bytes().to_vec()
            }
            Some(source) => {
                payload.kind = Kind::Broken;
                let text = if source.is_log {
                    from_log(&source, wish, &mut payload)?
                } else {
                    picked(&source, wish, &mut payload)?
                };
                match text {
                    Some(text) => text,
                    None => return Ok(payload),
                }
            }
        };
        payload.build(wish, event)?;
        Ok(payload)
    }

    /// Nothing is wrong that stops it.
    pub fn valid(&self) -> bool {
        !self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Takes a text for one object; what is wrong with it becomes a problem. None when execd
    /// would refuse it, too; the message is then the text as it is.
    fn object(&mut self, text: &[u8], whole: &[u8], offset: usize) -> Option<Vec<u8>> {
        let Some(fault) = fault::diagnose(text) else {
            return Some(text.trim_ascii().to_vec());
        };
        let span = fault.span.start + offset..fault.span.end + offset;
        let mut problem = Problem::new(checks::PAYLOAD_NOT_JSON, fault.what.clone(), fault.fix.clone())
            .mild(fault.severity(), Confidence::Proven);
        if !fault.path.is_empty() {
            problem.pointer = Some(fault.path.clone());
        }
        if let Evidence::Excerpt { line, column, text, mark, .. } = fault::excerpt(whole, &span, "", "") {
            problem.place = Some(Excerpt { line, column, text, mark });
        }
        let mended = match (fault.execd, fault.kind) {
            (Taken::Refuses, _) => None,
            (_, fault::Kind::SeveralLines) => Some(doc::compact(text)),
            _ => cjson::parse(text.split(|byte| *byte == 0).next().unwrap_or_default())
                .map(|value| value.print()),
        };
        self.problems.push(problem);
        if mended.is_none() {
            self.message = text.trim_ascii().to_vec();
        }
        mended
    }

    fn build(&mut self, wish: &Wish<'_>, event: Vec<u8>) -> Result<(), String> {
        let Some(root) = Node::read(&event) else {
            self.message = event;
            return Ok(());
        };
        let shape = Shape::of(&root, wish.contract);
        let given = shape.contract();
        let mut text = event;
        match shape {
            Shape::Document => {
                let inner = root.at("_source").map(|node| node.span.clone()).unwrap_or_default();
                self.notes.push("a document of the indexer was given; its _source is the event".to_owned());
                let inner = text.get(inner).unwrap_or_default().to_vec();
                return self.build(wish, inner);
            }
            Shape::Keys => {
                return Err(format!(
                    "{} holds a check_keys message, which a script sends; give the message execd sends, or the alert",
                    self.shown
                ));
            }
            _ => {}
        }
        let sample = self.kind == Kind::Sample;
        if !sample {
            self.kind =
                if matches!(shape, Shape::Message4 | Shape::Message5) { Kind::Message } else { Kind::Alert };
        }
        // 4.1 is told the same event in words.
        let target = if wish.contract == Contract::Args { Contract::Json4 } else { wish.contract };
        if given != target {
            self.problems.push(Problem::new(
                checks::PAYLOAD_OTHER_CONTRACT,
                format!(
                    "This is {} of {}, and execd speaks {}.",
                    shape.words(),
                    generation(given),
                    generation(wish.contract)
                ),
                format!(
                    "Give an event of this generation, or play the other execd with --contract {}.",
                    given.name()
                ),
            ));
            self.message = text;
            return Ok(());
        }
        match shape {
            Shape::Message4 => text = self.arrived4(wish, text)?,
            Shape::Alert4 => text = built4(wish, &root, &text),
            Shape::Message5 => text = self.arrived5(wish, text)?,
            Shape::Finding5 => text = built5(wish, &text)?,
            Shape::Document | Shape::Keys => {}
        }
        if let Some(words) = wish.extra_args {
            text = match target {
                Contract::Json5 => {
                    doc::put(&text, "wazuh.active_response.extra_arguments", &doc::quote(words))?
                }
                _ => doc::put(&text, "parameters.extra_args", &words_of(words))?,
            };
        }
        if let (Some(timeout), Contract::Json5) = (wish.timeout, target) {
            let kind = if timeout > 0 { "stateful" } else { "stateless" };
            text = doc::put(&text, "wazuh.active_response.type", &doc::quote(kind))?;
            let json = if timeout > 0 { timeout.to_string() } else { "null".to_owned() };
            text = doc::put(&text, "wazuh.active_response.stateful_timeout", json.as_bytes())?;
        }
        if sample {
            text = self.complete(wish, text);
        }
        for set in wish.set {
            let path = full_path(&set.path, target);
            text = doc::put(&text, &path, &set.json)?;
        }
        if wish.contract == Contract::Args {
            text = words(wish, &text);
            if self.kind == Kind::Message {
                self.kind = Kind::Text;
            }
        }
        self.message = text;
        Ok(())
    }

    /// Gives the sample what the script reads and the sample has not.
    fn complete(&mut self, wish: &Wish<'_>, mut text: Vec<u8>) -> Vec<u8> {
        for need in wish.needs.required() {
            if need.contract().is_some_and(|contract| contract != wish.contract) {
                continue;
            }
            let path = match need.path().strip_prefix("*.") {
                Some(name) if wish.contract == Contract::Json4 => format!("parameters.alert.data.{name}"),
                Some(name) => name.to_owned(),
                None => need.path().to_owned(),
            };
            let there =
                Node::read(&text).is_some_and(|root| need.paths.iter().any(|path| root.find(path).is_some()));
            if there || path == "command" || path == "parameters.program" {
                continue;
            }
            let last = path.rsplit(['.', '[']).next().unwrap_or_default().to_ascii_lowercase();
            let value =
                if last.ends_with("ip") || last.contains("ipaddr") { "203.0.113.45" } else { "sample" };
            if let Ok(more) = doc::put(&text, &path, &doc::quote(value)) {
                text = more;
                self.notes
                    .push(format!("the sample was given {path} = {value}, because the script reads it"));
            }
        }
        text
    }

    /// A 4.x message as it came to execd, whoever wrote it down.
    fn arrived4(&mut self, wish: &Wish<'_>, mut text: Vec<u8>) -> Result<Vec<u8>, String> {
        let Some(root) = Node::read(&text) else { return Ok(text) };
        let command = root.at("command").and_then(|node| node.text(&text));
        if wish.deed.is_none() && command.as_deref() == Some("delete") {
            self.deed = Deed::Delete;
        }
        let module = root.at("origin.module").and_then(|node| node.text(&text));
        if module.as_deref() == Some("wazuh-execd") {
            text = doc::put(&text, "origin.module", b"\"wazuh-analysisd\"")?;
        }
        if root.at("parameters.program").is_some() {
            text = doc::take(&text, "parameters.program").unwrap_or(text);
        }
        if command.as_deref() != Some(wish.name) {
            text = doc::put(&text, "command", &doc::quote(wish.name))?;
            self.notes.push(match command.as_deref() {
                Some("add" | "delete" | "continue" | "abort") => format!(
                    "the message was written down behind execd; its command was turned back into {}",
                    wish.name
                ),
                Some(other) => {
                    format!("the message was for {other}; its command was changed to {}", wish.name)
                }
                None => format!("the message had no command; it was given {}", wish.name),
            });
        }
        Ok(text)
    }

    /// A line of 4.1 with the name of the response in place of its own.
    fn named(&mut self, wish: &Wish<'_>, line: &[u8]) -> Vec<u8> {
        let end = memchr::memchr(b' ', line).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if name == wish.name.as_bytes() {
            return line.to_vec();
        }
        let name = String::from_utf8_lossy(name);
        self.notes.push(format!("the message was for {name}; its name was changed to {}", wish.name));
        [wish.name.as_bytes(), rest].concat()
    }

    /// A 5.x message as it came to execd: without the command.
    fn arrived5(&mut self, wish: &Wish<'_>, mut text: Vec<u8>) -> Result<Vec<u8>, String> {
        let Some(root) = Node::read(&text) else { return Ok(text) };
        let command = root.at("command").and_then(|node| node.text(&text));
        if matches!(command.as_deref(), Some("enable" | "disable" | "continue" | "abort")) {
            if wish.deed.is_none() && command.as_deref() == Some("disable") {
                self.deed = Deed::Delete;
            }
            text = doc::take(&text, "command").unwrap_or(text);
            self.notes.push(
                "the message was written down behind execd; the command execd adds was taken out".to_owned(),
            );
        }
        let path = "wazuh.active_response.executable";
        let executable = root.at(path).and_then(|node| node.text(&text));
        if executable.as_deref() != Some(wish.program) {
            text = doc::put(&text, path, &doc::quote(wish.program))?;
            if let Some(other) = executable {
                self.notes.push(format!(
                    "the message was for {other}; its executable was changed to {}",
                    wish.program
                ));
            }
        }
        Ok(text)
    }
}

/// What a JSON object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Message4,
    Alert4,
    Message5,
    Finding5,
    /// A hit of the indexer with the event in `_source`.
    Document,
    /// What a script sends.
    Keys,
}

impl Shape {
    fn of(root: &Node, wanted: Contract) -> Self {
        let has = |path: &str| root.at(path).is_some();
        let object = |path: &str| root.at(path).is_some_and(Node::is_object);
        if has("parameters.keys") {
            Self::Keys
        } else if object("wazuh.active_response") {
            Self::Message5
        } else if has("parameters") || has("version") && has("origin") && has("command") {
            Self::Message4
        } else if object("_source") {
            Self::Document
        } else if object("wazuh") {
            Self::Finding5
        } else if has("rule.level")
            || has("rule.id")
            || object("data")
            || object("manager")
            || object("syscheck")
        {
            Self::Alert4
        } else if wanted == Contract::Json5
            || has("@timestamp")
            || has("source.ip")
            || has("user.name")
            || has("event")
        {
            Self::Finding5
        } else {
            Self::Alert4
        }
    }

    const fn contract(self) -> Contract {
        match self {
            Self::Message5 | Self::Finding5 => Contract::Json5,
            _ => Contract::Json4,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Message4 | Self::Message5 => "a message",
            Self::Alert4 => "an alert",
            Self::Finding5 => "a finding",
            Self::Document | Self::Keys => "a document",
        }
    }
}

const fn generation(contract: Contract) -> &'static str {
    match contract {
        Contract::Args => "Wazuh 4.1 and earlier (args)",
        Contract::Json4 => "Wazuh 4.2 to 4.14 (json4)",
        Contract::Json5 => "Wazuh 5 (json5)",
    }
}

/// The message analysisd makes of an alert (`src/analysisd/ar_json.c getActiveResponseInJSON`, 4.14).
fn built4(wish: &Wish<'_>, alert: &Node, text: &[u8]) -> Vec<u8> {
    let node = alert.at("cluster.node").and_then(|node| node.text(text)).unwrap_or_default();
    [
        b"{\"version\":1,\"origin\":{\"name\":".to_vec(),
        doc::quote(&node),
        b",\"module\":\"wazuh-analysisd\"},\"command\":".to_vec(),
        doc::quote(wish.name),
        b",\"parameters\":{\"extra_args\":".to_vec(),
        words_of(wish.extra_args.unwrap_or_default()),
        b",\"alert\":".to_vec(),
        doc::compact(text),
        b"}}".to_vec(),
    ]
    .concat()
}

/// The message the poller makes of a finding: the response's own members join those of `wazuh`
/// (`framework/wazuh/core/indexer/active_response.py`, 5.0).
fn built5(wish: &Wish<'_>, text: &[u8]) -> Result<Vec<u8>, String> {
    let mut response = vec![
        ("name", Value::from(wish.name)),
        ("executable", Value::from(wish.program)),
        ("location", Value::from("local")),
        ("extra_arguments", wish.extra_args.map_or(Value::Null, Value::from)),
    ];
    match wish.timeout {
        Some(timeout) if timeout > 0 => {
            response.push(("type", Value::from("stateful")));
            response.push(("stateful_timeout", Value::from(timeout)));
        }
        _ => response.push(("type", Value::from("stateless"))),
    }
    let response: serde_json::Map<String, Value> =
        response.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    doc::put(&doc::compact(text), "wazuh.active_response", Value::Object(response).to_string().as_bytes())
}

/// `extra_args` split at blanks, as analysisd does.
fn words_of(text: &str) -> Vec<u8> {
    Value::from(text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>()).to_string().into_bytes()
}

/// The text of 4.1: `NAME USER IP ID RULE LOCATION FILE ARGS`
/// (`src/analysisd/alerts/exec.c getActiveResponseInString`, 4.14).
fn words(wish: &Wish<'_>, message: &[u8]) -> Vec<u8> {
    let Some(root) = Node::read(message) else { return message.to_vec() };
    let get = |path: &str| {
        let value = root.at(&format!("{ALERT}.{path}")).map(|node| node.shown(message)).unwrap_or_default();
        if value.is_empty() { "-".to_owned() } else { value }
    };
    let address = get("data.srcip");
    let address = address.strip_prefix("::ffff:").unwrap_or(&address).to_owned();
    let args = match root.at("parameters.extra_args").map(|node| (&node.is, node)) {
        Some((Is::Array(items), _)) if !items.is_empty() => {
            items.iter().map(|item| item.shown(message)).collect::<Vec<_>>().join(" ")
        }
        _ => "-".to_owned(),
    };
    [
        wish.name.to_owned(),
        get("data.dstuser"),
        address,
        get("id"),
        get("rule.id"),
        get("location"),
        get("syscheck.path"),
        args,
    ]
    .join(" ")
    .into_bytes()
}

/// The path from the root of a message.
fn full_path(path: &str, contract: Contract) -> String {
    let first = path.split(['.', '[']).next().unwrap_or_default();
    if contract == Contract::Json5 || matches!(first, "parameters" | "origin" | "version" | "command") {
        path.to_owned()
    } else if path.starts_with('[') {
        format!("{ALERT}{path}")
    } else {
        format!("{ALERT}.{path}")
    }
}

/// Addresses other than its own text that programs take an address for: the forms `inet_aton(3)`
/// and iptables understand, and IPv4 written as IPv6. None for a plain one, and for what is none.
pub fn misread(text: &str) -> Option<Vec<IpAddr>> {
    match Address::of(text) {
        Address::Misread(inet, tables) if inet == tables => Some(vec![inet.into()]),
        Address::Misread(inet, tables) => Some(vec![tables.into(), inet.into()]),
        Address::Mapped(inner) => Some(vec![inner.to_ipv6_mapped().into()]),
        Address::V4(_) | Address::V6(_) | Address::No(_) => None,
    }
}

/// The one object of a text, or the newest of many that fits.
fn picked(source: &Source<'_>, wish: &Wish<'_>, payload: &mut Payload) -> Result<Option<Vec<u8>>, String> {
    let filtered = wish.rule.is_some() || wish.agent.is_some();
    let fault = fault::diagnose(source.bytes);
    if wish.contract == Contract::Args
        && fault.as_ref().is_some_and(|fault| fault.kind == fault::Kind::OldFormat)
    {
        payload.kind = Kind::Text;
        payload.message = payload.named(wish, source.bytes.trim_ascii());
        return Ok(None);
    }
    // One alert on each line, some of which may be broken or still being written.
    let lines =
        || source.bytes.rsplit(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let stream = filtered
        && fault.as_ref().is_some_and(|fault| fault.kind != fault::Kind::SeveralLines)
        && lines().take(2).count() == 2
        && lines().any(|line| fault::diagnose(line).is_none());
    if !stream {
        let text = payload.object(source.bytes, source.bytes, 0);
        if let (true, Some(text)) = (filtered, &text)
            && !fits(text, wish)
        {
            return Err(format!("{} holds one alert, {}; {}", source.shown, described(text), asked(wish)));
        }
        return Ok(text);
    }
    let (mut seen, mut broken) = (0_usize, 0_usize);
    let mut rules: Vec<String> = Vec::new();
    for trimmed in lines() {
        if fault::diagnose(trimmed).is_some() {
            broken += 1;
            continue;
        }
        seen += 1;
        if fits(trimmed, wish) {
            payload.notes.push(format!(
                "the newest alert of {} that fits: {}",
                source.shown,
                described(trimmed)
            ));
            return Ok(Some(trimmed.to_vec()));
        }
        let one = described(trimmed);
        if rules.len() < 5 && !rules.contains(&one) {
            rules.push(one);
        }
    }
    let mut text = format!("none of the {seen} alerts in {} fits; {}", source.shown, asked(wish));
    if !rules.is_empty() {
        text.push_str(&format!("; the newest are: {}", rules.join(", ")));
    }
    if broken > 0 {
        text.push_str(&format!("; {broken} lines are not JSON"));
    }
    Err(text)
}

fn asked(wish: &Wish<'_>) -> String {
    match (wish.rule, wish.agent) {
        (Some(rule), Some(agent)) => format!("asked was rule {rule} of agent {agent}"),
        (Some(rule), None) => format!("asked was rule {rule}"),
        (None, Some(agent)) => format!("asked was agent {agent}"),
        (None, None) => "nothing was asked".to_owned(),
    }
}

/// `rule 5712 of agent 001`.
fn described(text: &[u8]) -> String {
    let Some(root) = Node::read(text) else { return "no JSON".to_owned() };
    let get =
        |paths: &[&str]| paths.iter().find_map(|path| event_at(&root, path)).map(|node| node.shown(text));
    format!(
        "rule {} of agent {}",
        get(&["rule.id"]).unwrap_or_else(|| "?".to_owned()),
        get(&["agent.id"]).unwrap_or_else(|| "?".to_owned())
    )
}

/// A member of the event in an alert, a finding, a document of the indexer or a message.
fn event_at<'a>(root: &'a Node, path: &str) -> Option<&'a Node> {
    ["", "wazuh.", "_source.", "_source.wazuh.", "parameters.alert."]
        .iter()
        .find_map(|head| root.at(&format!("{head}{path}")))
}

fn fits(text: &[u8], wish: &Wish<'_>) -> bool {
    let Some(root) = Node::read(text) else { return false };
    let is = |paths: &[&str], wanted: &str| {
        paths.iter().filter_map(|path| event_at(&root, path)).any(|node| {
            let value = node.shown(text);
            value == wanted
                || matches!((value.parse::<u64>(), wanted.parse::<u64>()), (Ok(value), Ok(wanted)) if value == wanted)
        })
    };
    wish.rule.is_none_or(|rule| is(&["rule.id", "rule.title"], rule))
        && wish.agent.is_none_or(|agent| is(&["agent.id", "agent.name"], agent))
}

/// The newest message in the log of responses: a time, a program, a colon, JSON
/// (`src/active-response/active_responses.c write_debug_file`, 4.14); scripts write as they like.
fn from_log(source: &Source<'_>, wish: &Wish<'_>, payload: &mut Payload) -> Result<Option<Vec<u8>>, String> {
    let mut best: Option<(u8, Vec<u8>, usize, bool)> = None;
    let mut others = 0_usize;
    let mut number = memchr::memchr_iter(b'\n', source.bytes).count() + 1;
    for line in source.bytes.rsplit(|byte| *byte == b'\n') {
        let here = number;
        number = number.saturating_sub(1);
        let Some(brace) = memchr::memchr(b'{', line) else { continue };
        let (head, json) = line.split_at(brace);
        let json = json.trim_ascii_end();
        let Some(root) = (fault::diagnose(json).is_none()).then(|| Node::read(json)).flatten() else {
            continue;
        };
        let Some(command) = root.at("command").and_then(|node| node.text(json)) else { continue };
        let is_message = root.at("parameters.alert").is_some() || root.at("wazuh.active_response").is_some();
        if !is_message {
            continue;
        }
        let own = program_of(head, &root, json).is_some_and(|program| program == wish.program.as_bytes());
        let rank = match command.as_str() {
            "add" | "enable" | "continue" | "abort" => 2,
            "delete" | "disable" => 1,
            _ => continue,
        };
        if (wish.rule.is_some() || wish.agent.is_some()) && !fits(json, wish) {
            others += 1;
            continue;
        }
        let wanted = match wish.deed {
            Some(Deed::Delete) => 3 - rank,
            _ => rank,
        };
        let rank = if own { 10 + wanted } else { wanted };
        if best.as_ref().is_none_or(|(other, ..)| rank > *other) {
            best = Some((rank, json.to_vec(), here, own));
        }
        if rank == 12 {
            break;
        }
    }
    let Some((_, json, line, own)) = best else {
        return Err(if others > 0 {
            format!("none of the {others} messages in {} fits; {}", source.shown, asked(wish))
        } else {
            format!("{} holds no message of a response", source.shown)
        });
    };
    payload.shown = format!("{}:{line}", source.shown);
    if !own {
        payload.notes.push(format!(
            "{} has no message of {}; the newest of another program was taken",
            source.shown, wish.program
        ));
    }
    Ok(Some(json))
}

/// The file name of the program a line of the log is from.
fn program_of(head: &[u8], root: &Node, json: &[u8]) -> Option<Vec<u8>> {
    let path = head
        .trim_ascii_end()
        .strip_suffix(b":")
        .and_then(|head| head.rsplit(|byte| byte.is_ascii_whitespace()).next())
        .filter(|word| word.contains(&b'/'))
        .map(<[u8]>::to_vec)
        .or_else(|| {
            ["parameters.program", "wazuh.active_response.executable"]
                .iter()
                .find_map(|path| root.at(path)?.text(json))
                .map(String::into_bytes)
        })?;
    Some(path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests;
