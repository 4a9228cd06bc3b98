//! What is wrong with a message for one script on one host.

use std::net::IpAddr;

use super::address::Address;
use super::doc::{Is, Node};
use super::{ALERT, Kind, Payload, Problem};
use crate::facts::TextFile;
use crate::findings::{Confidence, Evidence, Finding, Severity, Subject, checks};
use crate::replay::needs::{Need, Needs, Wanted};
use crate::wazuh::ar_conf::leaves_its_folder;
use crate::wazuh::ossec_conf::{WhiteListEntry, WhiteListKind};
use crate::wazuh::version::{Contract, Version};

/// The most bytes execd takes (`src/headers/defs.h OS_MAXSTR`, 4.14).
pub(super) const MAX_MESSAGE: usize = 65_535;
/// What execd of 4.x looks up; that of 5.x adds it.
const COMMAND: &str = "command";
/// What execd of 5.x starts.
const EXECUTABLE: &str = "wazuh.active_response.executable";
/// The most bytes remoted sends to an agent (`src/os_crypto/shared/msgs.c`, 4.14).
pub(super) const MAX_REMOTE: usize = 65_408;

/// The white list of a manager.
#[derive(Clone, Copy, Debug)]
pub struct WhiteList<'a> {
    /// Its entries (`Configuration.white_list`).
    pub entries: &'a [WhiteListEntry],
    /// The file they stand in.
    pub file: &'a TextFile,
}

/// What a payload is held against.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    /// What the script needs.
    pub needs: &'a Needs,
    /// Version of the host; none counts as the newest.
    pub version: Option<Version>,
    /// The manager's white list, when it is known.
    pub white_list: Option<WhiteList<'a>>,
    /// It goes to an agent, by way of remoted.
    pub to_agent: bool,
    /// It came as far as the script: what would have stopped it before does not count.
    pub arrived: bool,
    /// The script, for lines to show, and how to name it.
    pub script: Option<(&'a str, &'a [u8])>,
}

impl Payload {
    /// Finds what is wrong with the message for a script. Problems are added.
    pub fn check(&mut self, against: &Against<'_>) {
        if !against.arrived {
            self.size(against);
        }
        if self.contract == Contract::Args
            || self.problems.iter().any(|problem| problem.check == checks::PAYLOAD_OTHER_CONTRACT)
        {
            return;
        }
        let message = self.message.clone();
        let Some(root) = Node::read(&message) else { return };
        let envelope = if against.arrived { None } else { self.envelope(&root, &message) };
        let mut found: Vec<Problem> = envelope.into_iter().collect();
        for need in against.needs.required() {
            // The script is for the other generation: another check's business.
            if need.contract().is_some_and(|contract| contract != self.contract) || need.is_given() {
                continue;
            }
            if let Some(problem) = self.field(&root, &message, need, against) {
                found.push(problem);
            }
        }
        if !against.arrived && self.by_analysisd(&root, &message) {
            found.extend(gates(&root, &message));
            if let Some(list) = &against.white_list
                && let Some(node) = root.at("parameters.alert.data.srcip")
                && let Some(text) = node.text(&message)
                && let Some(problem) = white_listed(&text, list)
            {
                found.push(problem);
            }
        }
        self.problems.extend(found);
    }

    /// Findings of the problems, for a response of this name.
    pub fn findings(&self, target_name: &str) -> Vec<Finding> {
        self.problems
            .iter()
            .map(|problem| {
                let mut finding = Finding::new(
                    problem.check,
                    Subject::Response(target_name.to_owned()),
                    format!("{target_name}: {}", problem.what),
                )
                .severity(problem.severity)
                .confidence(problem.confidence)
                .cause(cause(problem))
                .remedy(problem.fix.clone())
                .verify(format!(
                    "ar-doctor replay {target_name} --payload {} --check-only",
                    self.shown_as_option()
                ));
                if let Some(place) = &problem.place {
                    finding = finding.evidence(Evidence::Excerpt {
                        file: self.shown.clone(),
                        line: place.line,
                        column: place.column,
                        text: place.text.clone(),
                        mark: place.mark.clone(),
                        label: "here".to_owned(),
                    });
                }
                if let Some(pointer) = &problem.pointer
                    && problem.place.is_none()
                {
                    let value = Node::read(&self.message)
                        .and_then(|root| root.find(pointer).map(|node| node.shown(&self.message)))
                        .map_or_else(|| "not there".to_owned(), |text| text.chars().take(120).collect());
                    finding = finding.observed(format!("{}, {pointer}", self.shown), value);
                }
                for evidence in &problem.evidence {
                    finding = finding.evidence(evidence.clone());
                }
                finding
            })
            .collect()
    }

    fn shown_as_option(&self) -> String {
        if self.kind == Kind::Sample { "FILE".to_owned() } else { self.shown.clone() }
    }

    /// analysisd sent it: a bare alert, or a message with its name on it. The API and
    /// agent_control pass by its gates.
    fn by_analysisd(&self, root: &Node, message: &[u8]) -> bool {
        self.contract == Contract::Json4
            && root.at("origin.module").and_then(|node| node.text(message)).as_deref()
                == Some("wazuh-analysisd")
    }

    fn size(&mut self, against: &Against<'_>) {
        let length = self.message.len();
        let (limit, who) = if length > MAX_MESSAGE {
            (MAX_MESSAGE, "execd cuts it there and refuses the rest with (1315)")
        } else if against.to_agent && length > MAX_REMOTE && self.contract == Contract::Json4 {
            (MAX_REMOTE, "remoted sends no longer one to an agent and logs Incorrect message size")
        } else {
            return;
        };
        self.problems.push(Problem::new(
            checks::PAYLOAD_TOO_LARGE,
            format!("The message has {length} bytes, more than {limit}; {who}."),
            "Let the rule fire on a shorter event; large members are full_log, previous_output and syscheck.diff.",
        ));
    }

    /// What execd itself reads: the name of what to start (`src/os_execd/execd.c ExecdRun`, 4.14,
    /// `src/os_execd/src/execd.c ExecdRun`, 5.0).
    fn envelope(&self, root: &Node, message: &[u8]) -> Option<Problem> {
        let path = if self.contract == Contract::Json5 { EXECUTABLE } else { COMMAND };
        let node = root.at(path);
        let text = node.and_then(|node| node.text(message));
        let wrong = |what: String| {
            let fix = format!("Put the name of the response there, as a string: --set {path}=NAME.");
            Some(Problem::new(checks::PAYLOAD_FIELD_TYPE, what, fix).at(path))
        };
        let text = match (node, text) {
            (None, _) => {
                return wrong(format!("The message has no {path}, so execd does not know what to start."));
            }
            (Some(node), None) => {
                return wrong(format!("{path} is {}, and execd wants a string.", node.kind()));
            }
            (Some(_), Some(text)) => text,
        };
        if text.is_empty() {
            return wrong(format!("{path} is empty, so execd does not know what to start."));
        }
        if self.contract != Contract::Json5 {
            return (text == "restart-wazuh").then(|| {
                Problem::new(
                    checks::PAYLOAD_FIELD_TYPE,
                    format!("{path} is restart-wazuh, for which execd starts restart.sh and nothing else."),
                    "Put the name of the response there.",
                )
                .at(path)
            });
        }
        if leaves_its_folder(text.as_bytes()) {
            return wrong(format!(
                "{path} is \"{text}\", which leads out of active-response/bin; execd refuses it."
            ));
        }
        // cJSON appends a member without looking for one of that name.
        root.at(COMMAND).map(|_| {
            Problem::new(
                checks::PAYLOAD_NOT_JSON,
                "The event has a command of its own, and execd puts a second one behind it: jq and Python see the \
                 last, cJSON the first; later only the first is changed, to disable.",
                "Let the event go without a root member command, or let the script look for the text enable or disable.",
            )
            .at(COMMAND)
            .mild(Severity::Warning, Confidence::Proven)
        })
    }

    fn field(&self, root: &Node, message: &[u8], need: &Need, against: &Against<'_>) -> Option<Problem> {
        let stock = against.needs.stock;
        let program = stock.unwrap_or("the script");
        let (severity, confidence) = if stock.is_some() {
            (Severity::Error, Confidence::Proven)
        } else if need.fatal {
            (Severity::Error, Confidence::Likely)
        } else {
            (Severity::Warning, Confidence::Likely)
        };
        // Of several, the first that is a string counts for the shipped programs; what comes behind is not looked at.
        let is_there = |path: &&String| {
            root.find(path).is_some_and(|node| match need.wanted {
                Wanted::Address if need.paths.len() > 1 => node.is == Is::String,
                _ => node.is != Is::Null,
            })
        };
        let path = need.paths.iter().find(is_there);
        let shown = |path: &str| path.strip_prefix("*.").unwrap_or(path).to_owned();
        let mut problem = match path {
            None => {
                let last = need.path();
                if let Some(node) = root.find(last).filter(|node| need.wanted != Wanted::Anything && node.is != Is::Null) {
                    Problem::new(
                        checks::PAYLOAD_FIELD_TYPE,
                        format!("{} is {}, and {program} wants {}.", shown(last), node.kind(), wants(need.wanted)),
                        format!("Let the decoder give {} as {}.", short(last), wants(need.wanted)),
                    )
                } else {
                    let hint = similar(root, message, last)
                        .map(|(path, value)| format!(" The event has {path} = {value} instead."))
                        .unwrap_or_default();
                    let option = short(last);
                    Problem::new(
                        checks::PAYLOAD_FIELD_MISSING,
                        format!("The event has no {}, and {program} needs it.{hint}", shown(last)),
                        format!("Let the decoder of this event give {option}, or bind the response to rules whose events have it; to try, --set {option}=VALUE."),
                    )
                }
                .at(last)
            }
            Some(path) => self.value(root, message, need, path, program, stock.is_some())?.at(path),
        };
        if problem.severity == problem.check.check().severity && problem.confidence == Confidence::Proven {
            problem = problem.mild(severity, confidence);
        }
        if let (Some(place), Some((name, script))) = (&need.place, against.script) {
            problem.evidence.push(crate::replay::fault::excerpt(script, &place.span, name, "is read here"));
        }
        Some(problem)
    }

    /// What is wrong with a field that is there.
    fn value(
        &self,
        root: &Node,
        message: &[u8],
        need: &Need,
        path: &str,
        program: &str,
        stock: bool,
    ) -> Option<Problem> {
        let node = root.find(path)?;
        let wrong = |node: &Node| {
            Problem::new(
                checks::PAYLOAD_FIELD_TYPE,
                format!("{path} is {}, and {program} wants {}.", node.kind(), wants(need.wanted)),
                format!("Let the decoder give {} as {}.", short(path), wants(need.wanted)),
            )
        };
        match need.wanted {
            Wanted::Object => (!node.is_object()).then(|| wrong(node)),
            Wanted::Number => (node.is != Is::Number).then(|| wrong(node)),
            Wanted::Words => match &node.is {
                Is::Array(items) if items.is_empty() => Some(Problem::new(
                    checks::PAYLOAD_FIELD_TYPE,
                    format!("{path} is empty, and {program} needs an argument."),
                    "Put <extra_args> into the <command> block; to try, --extra-args TEXT.",
                )),
                Is::Array(_) => None,
                _ => Some(wrong(node)),
            },
            Wanted::Text => match node.text(message) {
                None => Some(wrong(node)),
                Some(text) => text.is_empty().then(|| empty(path, program)),
            },
            Wanted::User => match node.text(message) {
                None => Some(wrong(node)),
                Some(text) if text.is_empty() => Some(empty(path, program)),
                Some(text) => refused_name(&text).map(|why| {
                    Problem::new(
                        checks::PAYLOAD_FIELD_TYPE,
                        format!("{path} is \"{text}\", which {program} refuses: {why}."),
                        "Bind the response to rules about accounts it may lock; for DOMAIN\\user write a script of your own.",
                    )
                }),
            },
            Wanted::Address => match node.text(message) {
                None => Some(wrong(node)),
                Some(text) => stock_address(path, &text, program, self.contract),
            },
            Wanted::Anything => {
                let last = path.rsplit(['.', '*']).next().unwrap_or_default();
                let is_address = !stock && (matches!(last, "srcip" | "ipAddress" | "destinationIp") || path == "source.ip");
                let text = node.text(message);
                if text.as_deref() == Some("") {
                    return Some(empty(path, program).mild(Severity::Warning, Confidence::Likely));
                }
                if !is_address {
                    return None;
                }
                match text {
                    None => Some(
                        Problem::new(
                            checks::PAYLOAD_FIELD_TYPE,
                            format!("{path} is {}, not the text of an address.", node.kind()),
                            "Let the decoder give one address as a string.",
                        )
                        .mild(Severity::Warning, Confidence::Likely),
                    ),
                    Some(text) => custom_address(path, &text),
                }
            }
        }
    }
}

const fn wants(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Anything => "a value",
        Wanted::Text | Wanted::Address | Wanted::User => "a string",
        Wanted::Object => "an object",
        Wanted::Words => "an array",
        Wanted::Number => "a number",
    }
}

/// The path as `--set` takes it.
fn short(path: &str) -> &str {
    path.strip_prefix("parameters.alert.").or_else(|| path.strip_prefix("*.")).unwrap_or(path)
}

fn empty(path: &str, program: &str) -> Problem {
    Problem::new(
        checks::PAYLOAD_FIELD_TYPE,
        format!("{path} is empty, and {program} needs it."),
        format!("Let the decoder fill {}, or leave the response to events that have it.", short(path)),
    )
}

/// A field under another name that may be meant.
fn similar(root: &Node, message: &[u8], path: &str) -> Option<(String, String)> {
    let last = path.rsplit('.').next().unwrap_or_default();
    let event = root.at(ALERT).map_or((root, ""), |node| (node, ALERT));
    let wants_address = matches!(last, "srcip" | "ip" | "ipAddress" | "destinationIp");
    let mut found = None;
    event.0.strings(event.1, &mut |here, node| {
        if found.is_some() || here.contains("agent.") || here.contains("manager.") {
            return;
        }
        let name = here.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let Some(value) = node.text(message) else { return };
        let fits = if wants_address {
            value.parse::<IpAddr>().is_ok() && !name.contains("dst") && !name.contains("dest")
        } else {
            name.replace(['_', '-'], "") == last.to_ascii_lowercase().replace(['_', '-'], "") && here != path
        };
        if fits {
            found = Some((here.to_owned(), value));
        }
    });
    found
}

/// Names `disable-account` of 4.x does not take (`active_responses.c is_valid_username`, 4.14.9).
fn refused_name(text: &str) -> Option<&'static str> {
    if text == "root" {
        Some("root is never locked")
    } else if text.len() > 256 {
        Some("it is longer than 256 bytes")
    } else if text.starts_with(['-', '+', '~']) {
        Some("it begins with -, + or ~")
    } else if text.contains([':', ',', ' ', '\t', '\n', '\r', '/', '\\']) {
        Some("it holds a colon, a comma, a blank, a slash or a backslash")
    } else if text.contains("..") {
        Some("it holds ..")
    } else {
        None
    }
}

/// What a shipped program does with a text that is no plain address.
fn stock_address(path: &str, text: &str, program: &str, contract: Contract) -> Option<Problem> {
    match Address::of(text) {
        Address::V4(_) | Address::V6(_) => None,
        Address::Mapped(inner) => Some(
            Problem::new(
                checks::PAYLOAD_ADDRESS,
                format!("{path} is {text}, the IPv4 address {inner} written as IPv6: {program} blocks it as IPv6, and the IPv4 traffic passes."),
                format!("Let the decoder give {inner}; to try, --set {}={inner}.", short(path)),
            )
            .at(path),
        ),
        Address::Misread(inet, tables) => {
            let read = if program == "firewall-drop" || contract == Contract::Json5 { tables } else { inet };
            Some(
                Problem::new(
                    checks::PAYLOAD_ADDRESS,
                    format!("{path} is {text}, which {program} takes for {read}: another host is blocked."),
                    "Let the decoder give the whole address, four decimal numbers without leading zeros.",
                )
                .at(path),
            )
        }
        Address::No(why) => {
            let hides = path.contains("win.eventdata");
            Some(
                Problem::new(
                    checks::PAYLOAD_ADDRESS,
                    format!(
                        "{path} is \"{text}\", and {program} refuses it: {why}{}.",
                        if hides { "; it stops there, even when data.srcip is good" } else { "" }
                    ),
                    format!("Let the decoder give one address; to try, --set {}=203.0.113.9.", short(path)),
                )
                .at(path),
            )
        }
    }
}

/// A script of one's own may do what it likes with it, but a firewall tool will not.
fn custom_address(path: &str, text: &str) -> Option<Problem> {
    let what = match Address::of(text) {
        Address::V4(_) | Address::V6(_) => return None,
        Address::Mapped(inner) => format!(
            "{path} is {text}, the IPv4 address {inner} written as IPv6; iptables takes no IPv6, and ip6tables does not stop it."
        ),
        Address::Misread(inet, tables) => {
            let or = if inet == tables { String::new() } else { format!(" or {tables}") };
            format!("{path} is {text}, which tools read as {inet}{or}.")
        }
        Address::No(why) => format!("{path} is \"{text}\" and no address of one host: {why}."),
    };
    Some(
        Problem::new(
            checks::PAYLOAD_ADDRESS,
            what,
            "Let the decoder give one address, or let the script test for it.",
        )
        .at(path)
        .mild(Severity::Warning, Confidence::Possible),
    )
}

/// What analysisd tests before it sends any response (`src/analysisd/analysisd.c`, 4.14:
/// numbers 1271 and 1272).
fn gates(root: &Node, message: &[u8]) -> Vec<Problem> {
    let text = |name: &str| root.at(&format!("{ALERT}.data.{name}")).and_then(|node| node.text(message));
    let mut found = Vec::new();
    if let Some(user) = text("dstuser")
        && !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@?-".contains(&byte))
    {
        found.push(
            Problem::new(
                checks::PAYLOAD_FIELD_TYPE,
                format!("analysisd sends no response for an event whose dstuser is \"{user}\": (1272) Invalid username."),
                "Let the decoder give the bare name: letters, digits and . _ @ ? - only.",
            )
            .at("parameters.alert.data.dstuser"),
        );
    }
    if let Some(address) = text("srcip")
        && !address.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte))
    {
        found.push(
            Problem::new(
                checks::PAYLOAD_ADDRESS,
                format!("analysisd sends no response for an event whose srcip is \"{address}\": (1271) Invalid IP Address."),
                "Let the decoder give the bare address, without scope, port or network.",
            )
            .at("parameters.alert.data.srcip"),
        );
    }
    found
}

/// The entry that keeps analysisd from sending (`src/analysisd/alerts/exec.c get_ip`, 4.14):
/// addresses first, then patterns.
fn white_listed(srcip: &str, list: &WhiteList<'_>) -> Option<Problem> {
    let text = srcip.strip_prefix("::ffff:").unwrap_or(srcip);
    let number = text.parse::<std::net::Ipv4Addr>().ok().map(u32::from);
    let by_address = list.entries.iter().find(|entry| match &entry.kind {
        WhiteListKind::Ip(ip) => number.is_some_and(|number| ip.contains(number)),
        _ => false,
    });
    let entry = by_address.or_else(|| {
        list.entries.iter().find(|entry| match &entry.kind {
            WhiteListKind::Pattern(pattern) => pattern.matches(text.as_bytes()),
            _ => false,
        })
    })?;
    let span =
        if entry.value.span.start == entry.value.span.end { entry.value.element } else { entry.value.span };
    let shown = String::from_utf8_lossy(&entry.value.text).into_owned();
    let mut problem = Problem::new(
        checks::PAYLOAD_WHITE_LISTED,
        format!(
            "srcip {srcip} is in the white list, by the entry \"{shown}\" in {}:{}; analysisd sends no response for it.",
            list.file.shown,
            list.file.line(span.start)
        ),
        format!("Take an address that is not listed, or take <white_list>{shown}</white_list> out; to try, --set data.srcip=203.0.113.9."),
    )
    .at("parameters.alert.data.srcip");
    problem.evidence.push(list.file.excerpt(span, "matches"));
    Some(problem)
}

/// What Wazuh does about a problem.
fn cause(problem: &Problem) -> &'static str {
    match problem.check {
        checks::PAYLOAD_FIELD_TYPE if matches!(problem.pointer.as_deref(), Some(COMMAND | EXECUTABLE)) => {
            "execd itself reads this field, and starts nothing without a name it knows."
        }
        checks::PAYLOAD_NOT_JSON
            if problem.pointer.as_deref() == Some(COMMAND) && problem.place.is_none() =>
        {
            "execd of 5.x appends its command to the event and later replaces the first member of that name."
        }
        checks::PAYLOAD_NOT_JSON if problem.severity == Severity::Error => {
            "execd logs ERROR (1315): Invalid JSON message, and starts nothing."
        }
        checks::PAYLOAD_NOT_JSON => {
            "execd takes the first object it finds and hands the script one clean line."
        }
        checks::PAYLOAD_FIELD_MISSING => {
            "execd does not look at the event: it starts the script all the same, and only the script misses the field."
        }
        checks::PAYLOAD_FIELD_TYPE => {
            "execd does not look at the event; only the script, or analysisd before it, stops at the value."
        }
        checks::PAYLOAD_ADDRESS => {
            "Addresses are read by getaddrinfo(3), which takes short, octal and hexadecimal ones, too."
        }
        checks::PAYLOAD_WHITE_LISTED => {
            "analysisd drops the response for every event with such a srcip and logs nothing at any level."
        }
        checks::PAYLOAD_OTHER_CONTRACT => {
            "The message of 4.x has the event in parameters.alert, that of 5.x at its root; neither execd takes the other's."
        }
        _ => "",
    }
}
