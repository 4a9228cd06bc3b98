//! What the daemons refuse in `ossec.conf`, and commands and switches that do
//! not do what they seem to.

use std::collections::BTreeSet;

use super::{
    Probe, Sink, block_subject, blocks, control_program, lossy, read_config, resemblance, restart,
    show_file_command, under_home,
};
use crate::facts::{Facts, Response, Runs, response};
use crate::findings::{CheckId, Evidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::wazuh::ossec_conf::{
    BlockKind, CommandBlock, Configuration, Outcome, Problem, ProblemKind, ResponseBlock, Role,
};
use crate::wazuh::stock::STOCK_COMMANDS;
use crate::wazuh::version::Contract;
use crate::wazuh::xml::Span;

/// Everything a daemon refuses or drops.
pub(super) const PROBLEMS: Probe = Probe {
    name: "config-problems",
    checks: &[
        checks::CONFIG_UNKNOWN_ELEMENT,
        checks::CONFIG_WRONG_ROOT,
        checks::CONFIG_EMPTY_BLOCK,
        checks::CONFIG_BAD_VALUE,
        checks::CONFIG_MISSING_OPTION,
        checks::COMMAND_UNDEFINED,
        checks::COMMAND_AFTER_USE,
        checks::COMMAND_NEAR_MISS,
        checks::LOCATION_INVALID,
        checks::AGENT_ID_MISSING,
        checks::AGENT_ID_NOT_AN_AGENT,
        checks::LEVEL_OUT_OF_RANGE,
        checks::DISABLED_INVALID_VALUE,
        checks::MANAGER_CA_VERIFICATION,
        checks::BARE_DISABLED_BLOCK,
        checks::CLIENT_ADDRESS_INVALID,
        checks::BLOCKS_OF_4X_ON_5X,
    ],
    run: problems,
};

/// Commands that collide or are idle.
pub(super) const COMMANDS: Probe = Probe {
    name: "commands",
    checks: &[checks::COMMAND_DUPLICATE_NAME, checks::COMMAND_UNUSED],
    run: commands,
};

/// `<disabled>`.
pub(super) const DISABLED: Probe = Probe {
    name: "disabled",
    checks: &[checks::DISABLED_EXECD_OFF, checks::DISABLED_DROPS_QUEUES, checks::RESPONSE_DISABLED],
    run: disabled,
};

fn problems(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let Some(read) = read_config(facts, sink, PROBLEMS.checks) else { return };
    for (index, problem) in read.problems.iter().enumerate() {
        if problem.consequence_of.is_some() || follows_from_a_neighbour(read, problem) {
            continue;
        }
        if let Some(finding) = problem_finding(facts, read, index, problem) {
            sink.find(finding);
        }
    }
    crashes(facts, sink, read);
    if facts.contract() == Contract::Json5 {
        ignored_on_5x(facts, sink, read);
    }
}

/// Whether a problem vanishes with another one of the same section: an option
/// that is missing because it is misspelt, a command that is undefined because
/// its block has no name.
fn follows_from_a_neighbour(read: &Configuration, problem: &Problem) -> bool {
    let others = |wanted: fn(ProblemKind) -> bool| {
        read.problems.iter().filter(move |other| wanted(other.kind) && !other.fatal_for.is_empty())
    };
    let unknown = |kind| matches!(kind, ProblemKind::UnknownElement { .. });
    match problem.kind {
        ProblemKind::MissingName
        | ProblemKind::MissingExecutable
        | ProblemKind::MissingCommand
        | ProblemKind::MissingLocation
        | ProblemKind::MissingLogFormat
        | ProblemKind::MissingFile
        | ProblemKind::NoConnection => {
            let section = super::sections(read).find(|section| super::holds(section.span, problem.span));
            section.is_some_and(|section| others(unknown).any(|other| super::holds(section.span, other.span)))
        }
        ProblemKind::NoServerAddress | ProblemKind::PlaceholderAddress | ProblemKind::NoInterface => {
            super::section_is_broken(read, "client", Some(problem))
        }
        ProblemKind::UndefinedCommand => {
            others(|kind| kind == ProblemKind::MissingName).next().is_some()
                || others(|kind| kind == ProblemKind::EmptySection).any(|other| {
                    super::sections(read)
                        .any(|section| section.name == b"command" && super::holds(section.span, other.span))
                })
        }
        _ => false,
    }
}

/// Before 4.3.0 a `defined-agent` of 000 is accepted and analysisd crashes when it fires.
fn crashes(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, read: &Configuration) {
    for (index, _, block) in blocks(facts, read) {
        if let (Outcome::CrashesWhenFired, Some(value)) = (block.outcome, &block.agent_id) {
            sink.find(not_an_agent(facts, block, &lossy(&value.text), value.element).stops([index]).cause(
                "This version accepts the block, and analysisd crashes when it is to fire: then no alert and no response is made at all.",
            ));
        }
    }
}

fn not_an_agent(facts: &Facts<'_>, block: &ResponseBlock, id: &str, at: Span) -> Finding {
    let name = block
        .command
        .as_ref()
        .map_or_else(|| format!("block {}", block.ordinal), |command| lossy(&command.text));
    Finding::new(
        checks::AGENT_ID_NOT_AN_AGENT,
        block_subject(facts, at),
        if id.is_empty() {
            format!("{name} never runs: its agent_id is empty.")
        } else {
            format!("{name} never runs: its agent_id \"{id}\" is no agent.")
        },
    )
    .evidence(facts.config().file.excerpt(
        block.agent_id.as_ref().map(|value| value.span).filter(|span| span.start < span.end).unwrap_or(at),
        "reads as 0, the manager",
    ))
    .remedy(format!("write the agent's number into <agent_id> (001), or <location>server</location> for the manager, in {}", facts.config().file.shown))
    .remedy(restart(facts))
    .verify(super::show_command(facts))
    .at(at.start)
}

/// Text of the message a problem is logged with, or nothing.
fn logged(problem: &Problem) -> String {
    if problem.text.is_empty() {
        return "Nothing is logged.".to_owned();
    }
    format!("Logged: {}: {}", problem.level.word(), lossy(&problem.text))
}

/// `a`, `a and b`, `a, b and c`, `a, b, c, d and 5 more`.
fn some(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [a, b, c, d, rest @ ..] if rest.len() > 1 => {
            format!("{a}, {b}, {c}, {d} and {} more", rest.len())
        }
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

fn refuse(problem: &Problem) -> String {
    match problem.fatal_for.as_slice() {
        [only] => format!("{only} refuses to start"),
        [first, second] => format!("{first} and {second} refuse to start"),
        [first, rest @ ..] => format!("{first} and {} more daemons refuse to start", rest.len()),
        [] => String::new(),
    }
}

fn problem_finding(
    facts: &Facts<'_>,
    read: &Configuration,
    index: usize,
    problem: &Problem,
) -> Option<Finding> {
    let config = facts.config();
    let shown = &config.file.shown;
    let span = problem.span;
    let element = read.xml.as_ref().ok().and_then(|document| document.element_at(span.start));
    let element_name = element.map(|element| lossy(&element.name)).unwrap_or_default();
    let content = element.map(|element| lossy(&element.content)).unwrap_or_default();
    let is = if content.is_empty() { "empty".to_owned() } else { format!("\"{content}\"") };
    let block = read.responses.iter().find(|block| block.problems.contains(&index));
    let refuse = refuse(problem);
    let (check, title, label, mend): (CheckId, String, String, String) = match problem.kind {
        ProblemKind::UnreadableXml
        | ProblemKind::TimeoutNotAllowed
        | ProblemKind::TooManyResponses
        | ProblemKind::NoRemote
        | ProblemKind::IgnoredSection
        | ProblemKind::IgnoredValue { .. } => return None,
        ProblemKind::AgentIdNotAnAgent => {
            let block = block?;
            let value = block.agent_id.as_ref()?;
            return Some(
                not_an_agent(facts, block, &lossy(&value.text), value.element)
                    .cause(format!("{} analysisd drops the block and goes on.", logged(problem)))
                    .stops(of_block(facts, read, block)),
            );
        }
        ProblemKind::WrongRoot => wrong_root(facts, &element_name, &refuse),
        ProblemKind::UnknownSection
            if facts.contract() == Contract::Json5
                && matches!(element_name.as_str(), "command" | "active-response") =>
        {
            (
                checks::BLOCKS_OF_4X_ON_5X,
                format!("{refuse}: <{element_name}> of 4.x does not exist in 5.x."),
                "unknown to 5.x".to_owned(),
                format!("take the <{element_name}> block out; in 5.x the indexer decides what runs"),
            )
        }
        ProblemKind::UnknownSection if element_name == root_name(facts) => (
            checks::CONFIG_UNKNOWN_ELEMENT,
            format!("{refuse}: there is {} inside another.", a(&element_name)),
            "the one before it is still open".to_owned(),
            format!("put </{element_name}> above it, or take this tag and its end tag out"),
        ),
        ProblemKind::UnknownSection => {
            let near = near_element(&element_name, SECTIONS);
            (
                checks::CONFIG_UNKNOWN_ELEMENT,
                format!("{refuse}: <{element_name}> is no section of {shown}."),
                near.map_or_else(
                    || "no such section".to_owned(),
                    |near| format!("no such section; <{near}> is one"),
                ),
                near.map_or_else(
                    || format!("take the <{element_name}> section out"),
                    |near| instead(near, &element_name),
                ),
            )
        }
        ProblemKind::EmptySection => (
            checks::CONFIG_EMPTY_BLOCK,
            format!("{refuse}: <{element_name}> holds no element."),
            "only comments and text inside, or nothing".to_owned(),
            format!("fill the <{element_name}> block or take it out, tags and all"),
        ),
        ProblemKind::EmptyElement { element } => (
            checks::CONFIG_EMPTY_BLOCK,
            format!("{refuse}: <{element}> holds no element."),
            "nothing inside".to_owned(),
            format!("fill <{element}> or take it out"),
        ),
        ProblemKind::UnknownElement { section: "active-response" } if element_name == "ca_verification" => (
            checks::MANAGER_CA_VERIFICATION,
            format!("No response runs: {refuse}: <ca_verification> belongs to an agent's file."),
            "only agents know this option here".to_owned(),
            "take the block with <ca_store> and <ca_verification> out of the manager's file".to_owned(),
        ),
        ProblemKind::UnknownElement { section } => {
            let near = near_element(&element_name, options_of(section));
            let partner = match section {
                "command" => Some("active-response"),
                "active-response" => Some("command"),
                _ => None,
            };
            let belongs = partner.filter(|partner| options_of(partner).contains(&element_name.as_str()));
            let (label, mend) = match (near, belongs) {
                (_, Some(partner)) => (
                    format!("no such option here; it belongs into <{partner}>"),
                    format!("move <{element_name}> into the <{partner}> block"),
                ),
                (Some(near), None) => {
                    (format!("no such option; <{near}> is one"), instead(near, &element_name))
                }
                (None, None) => ("no such option".to_owned(), format!("take <{element_name}> out")),
            };
            (
                checks::CONFIG_UNKNOWN_ELEMENT,
                format!("{refuse}: <{element_name}> is no option of <{section}>."),
                label,
                mend,
            )
        }
        ProblemKind::BadValue { element: "level" } => (
            checks::LEVEL_OUT_OF_RANGE,
            format!("No response runs: {refuse}: <level> may not be {is}."),
            "only digits, at most 20".to_owned(),
            "write a rule level from 1 to 16, without blanks".to_owned(),
        ),
        ProblemKind::BadValue { element: "disabled" } => (
            checks::DISABLED_INVALID_VALUE,
            format!("No response runs: {refuse}: <disabled> may not be {is}, only yes or no."),
            "neither yes nor no".to_owned(),
            "write yes or no, in lower case, without blanks".to_owned(),
        ),
        ProblemKind::BadValue { element } => (
            checks::CONFIG_BAD_VALUE,
            format!("{refuse}: <{element}> may not be {is}."),
            "refused".to_owned(),
            hint_for_value(element),
        ),
        ProblemKind::BadIp | ProblemKind::BadHost => (
            checks::CONFIG_BAD_VALUE,
            format!("{refuse}: \"{content}\" is no address."),
            "no address".to_owned(),
            "write an address as 192.0.2.1, a network as 192.0.2.0/24, without leading zeros".to_owned(),
        ),
        ProblemKind::BadPort => (
            checks::CONFIG_BAD_VALUE,
            format!("{refuse}: the port is out of range."),
            "1 to 65535".to_owned(),
            "write a port from 1 to 65535".to_owned(),
        ),
        ProblemKind::BadPattern
        | ProblemKind::WodleWithoutAttributes
        | ProblemKind::EndlessLoop { .. }
        | ProblemKind::NullAttribute { .. } => (
            checks::CONFIG_BAD_VALUE,
            format!("{refuse} because of <{element_name}>."),
            "this stops the daemon".to_owned(),
            format!("take <{element_name}> out or complete it"),
        ),
        ProblemKind::DuplicateSecure => (
            checks::CONFIG_BAD_VALUE,
            format!("{refuse}: there are two <remote> blocks with a secure connection."),
            "only one may be secure".to_owned(),
            "keep one <remote> block with <connection>secure</connection>".to_owned(),
        ),
        ProblemKind::MissingCommand | ProblemKind::MissingLocation
            if block.is_some_and(|block| !response::is_response(block) && !block.disabled.is_empty()) =>
        {
            (
                checks::BARE_DISABLED_BLOCK,
                format!(
                    "No response runs: {refuse}: a block with nothing but <disabled> is refused on a manager."
                ),
                "an agent's block, refused here".to_owned(),
                "take the block out: on a manager responses are on unless a block says otherwise".to_owned(),
            )
        }
        ProblemKind::MissingName => missing("name", "command", &refuse),
        ProblemKind::MissingExecutable => missing("executable", "command", &refuse),
        ProblemKind::MissingCommand => missing("command", "active-response", &refuse),
        ProblemKind::MissingLocation => missing("location", "active-response", &refuse),
        ProblemKind::MissingLogFormat => missing("log_format", "localfile", &refuse),
        ProblemKind::MissingFile => missing("location", "localfile", &refuse),
        ProblemKind::MissingRegex => missing("multiline_regex", "localfile", &refuse),
        ProblemKind::NoConnection => missing("connection", "remote", &refuse),
        ProblemKind::UndefinedCommand if misnamed(read, block?) => return None,
        ProblemKind::UndefinedCommand => undefined(facts, read, block?, &refuse),
        ProblemKind::InvalidLocation => {
            let text = block
                .and_then(|block| block.location.as_ref())
                .map(|value| lossy(&value.text))
                .unwrap_or_default();
            (
                checks::LOCATION_INVALID,
                if text.is_empty() {
                    format!("No response runs: {refuse}: a <location> is empty.")
                } else {
                    format!("No response runs: {refuse}: \"{text}\" is no location.")
                },
                "local, server, defined-agent or all".to_owned(),
                "write local, server, defined-agent (with <agent_id>) or all".to_owned(),
            )
        }
        ProblemKind::AgentIdMissing => (
            checks::AGENT_ID_MISSING,
            format!("No response runs: {refuse}: location defined-agent needs an <agent_id>."),
            "no <agent_id> in this block".to_owned(),
            "add <agent_id>001</agent_id> to the block, with the number of the agent".to_owned(),
        ),
        ProblemKind::NoInterface => (
            checks::CLIENT_ADDRESS_INVALID,
            format!(
                "No response reaches this agent: {refuse}: the manager's address is link-local, and no interface is named."
            ),
            "link-local".to_owned(),
            "add <interface_index> with the number `ip link` shows to <server>, or write another address"
                .to_owned(),
        ),
        ProblemKind::NoServerAddress if element_name == "server" => (
            checks::CLIENT_ADDRESS_INVALID,
            format!("No response reaches this agent: {refuse}: a <server> has no <address>."),
            "no <address> inside".to_owned(),
            "add <address> with the manager's address to the <server> block".to_owned(),
        ),
        ProblemKind::NoServerAddress => (
            checks::CLIENT_ADDRESS_INVALID,
            format!("No response reaches this agent: {refuse}: no <client> names a <server>."),
            "no <server> inside".to_owned(),
            "add <client><server><address>ADDRESS</address></server></client> with the manager's address"
                .to_owned(),
        ),
        ProblemKind::PlaceholderAddress => (
            checks::CLIENT_ADDRESS_INVALID,
            format!(
                "No response reaches this agent: {refuse}: the manager's address is still a placeholder."
            ),
            "a placeholder".to_owned(),
            "write the manager's address into <server><address>".to_owned(),
        ),
    };
    if problem.fatal_for.is_empty() {
        return None;
    }
    let control = control_program(facts);
    let checked = format!("{control} checks every daemon first and starts none when one refuses.");
    let silent = if problem.text.is_empty() {
        checked
    } else {
        format!("Its message names neither block nor line, and {checked}")
    };
    let others = if problem.fatal_for.len() > 2 {
        format!(" It stops {}.", some(&problem.fatal_for))
    } else {
        String::new()
    };
    // What is nowhere has no line to be shown.
    let nowhere = problem.kind == ProblemKind::NoServerAddress && read.client.span.is_none();
    let evidence = if nowhere {
        Evidence::Observation { source: shown.clone(), text: "no <client> section".to_owned() }
    } else {
        config.file.excerpt(span, label)
    };
    Some(
        Finding::new(check, block_subject(facts, span), title)
            .severity(Severity::Error)
            .cause(format!("{}{others} {silent}", logged(problem)))
            .evidence(evidence)
            .also(facts, read, check, block)
            .remedy(if nowhere {
                format!("in {shown}: {mend}")
            } else {
                format!("in {shown}, line {}: {mend}", config.file.line(span.start))
            })
            .remedy(restart(facts))
            .verify(show_file_command(facts))
            .stops(facts.all_responses())
            .shares(config.file.path.display().to_string())
            .shares("process:execd")
            .shares("process:analysisd")
            .shares(facts.ar_conf().file.path.display().to_string())
            .at(span.start),
    )
}

fn of_block(facts: &Facts<'_>, read: &Configuration, block: &ResponseBlock) -> Vec<ResponseIndex> {
    facts.indices(|response| response.block.and_then(|index| read.responses.get(index)) == Some(block))
}

/// `an <auth>`, `a <client>`.
fn a(element: &str) -> String {
    let article = if element.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} <{element}>")
}

fn missing(option: &str, section: &str, refuse: &str) -> (CheckId, String, String, String) {
    let example = match (section, option) {
        ("active-response", "location") => "<location>local</location>".to_owned(),
        ("localfile", "log_format") => "<log_format>syslog</log_format>".to_owned(),
        ("remote", "connection") => "<connection>secure</connection>".to_owned(),
        _ => format!("<{option}>...</{option}>"),
    };
    (
        checks::CONFIG_MISSING_OPTION,
        format!("{refuse}: {} has no <{option}>.", a(section)),
        format!("<{option}> is missing or empty"),
        format!("put {example} into the <{section}> block"),
    )
}

/// A response that names a command which is not there, or not yet, or under another name.
fn undefined(
    facts: &Facts<'_>,
    read: &Configuration,
    block: &ResponseBlock,
    refuse: &str,
) -> (CheckId, String, String, String) {
    let wanted = block.command.as_ref().map(|value| lossy(&value.text)).unwrap_or_default();
    if let Some(later) = read.defined_later(block).and_then(|command| read.commands.get(command)) {
        let line = facts.config().file.line(later.span.start);
        return (
            checks::COMMAND_AFTER_USE,
            format!(
                "No response runs: {refuse}: command \"{wanted}\" is defined on line {line}, after the block that uses it."
            ),
            format!("not defined yet; line {line} defines it"),
            format!("move the <command> block of {wanted} (line {line}) above this block"),
        );
    }
    if let Some(name) =
        meant(read, &wanted).and_then(|command| command.name.as_ref()).map(|name| lossy(&name.text))
    {
        return (
            checks::COMMAND_NEAR_MISS,
            format!("No response runs: {refuse}: command \"{wanted}\" is not defined; \"{name}\" is."),
            "no <command> has exactly this name".to_owned(),
            format!(
                "write the same name in both places, on one line without blanks around it: {}",
                name.trim()
            ),
        );
    }
    let commented = read.commented_blocks.iter().find(|commented| {
        commented.kind == BlockKind::Command && commented.command_name.as_deref() == Some(wanted.as_bytes())
    });
    if let Some(commented) = commented {
        return (
            checks::COMMAND_UNDEFINED,
            format!("No response runs: {refuse}: command \"{wanted}\" is defined only inside a comment."),
            format!("not defined; its <command> on line {} stands inside a comment", commented.line),
            format!("take the comment marks around the <command> on line {} away", commented.line),
        );
    }
    (
        checks::COMMAND_UNDEFINED,
        format!("No response runs: {refuse}: command \"{wanted}\" is not defined."),
        "no <command> has this name".to_owned(),
        format!(
            "add above this block: <command><name>{wanted}</name><executable>SCRIPT</executable><timeout_allowed>yes</timeout_allowed></command>"
        ),
    )
}

/// The command that was most likely meant: one of nearly this name, or one whose
/// executable is called so, which is taken for the command's name now and then.
fn meant<'r>(read: &'r Configuration, wanted: &str) -> Option<&'r CommandBlock> {
    let near = read
        .commands
        .iter()
        .filter_map(|command| {
            let name = lossy(&command.name.as_ref()?.text);
            resemblance(wanted, &name).map(|distance| (distance, name, command))
        })
        .min_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)))
        .map(|(_, _, command)| command);
    near.or_else(|| {
        read.commands.iter().find(|command| {
            command.name.is_some()
                && command.executable.as_ref().is_some_and(|value| value.text == wanted.as_bytes())
        })
    })
}

/// Whether the command a block asks for is there, with its name in a misspelt
/// element: that is reported, and this follows from it.
fn misnamed(read: &Configuration, block: &ResponseBlock) -> bool {
    let (Some(wanted), Ok(document)) = (&block.command, &read.xml) else { return false };
    read.commands.iter().filter(|command| command.name.is_none()).any(|command| {
        command.problems.iter().filter_map(|&problem| read.problems.get(problem)).any(|problem| {
            problem.kind == ProblemKind::UnknownElement { section: "command" }
                && document
                    .element_at(problem.span.start)
                    .is_some_and(|element| element.content == wanted.text)
        })
    })
}

/// The root this host's file must have.
fn root_name(facts: &Facts<'_>) -> &'static str {
    if facts.role() == Role::Manager && facts.contract() == Contract::Json5 {
        "wazuh_config"
    } else {
        "ossec_config"
    }
}

/// A root that is none: another case, a section outside, another file's root.
fn wrong_root(facts: &Facts<'_>, name: &str, refuse: &str) -> (CheckId, String, String, String) {
    let root = root_name(facts);
    let (title, label, mend) = if SECTIONS.contains(&name) {
        (
            format!("{refuse}: {} block stands outside <{root}>.", a(name)),
            format!("not inside <{root}>"),
            format!("move the <{name}> block before a </{root}>, or put <{root}> and </{root}> around it"),
        )
    } else if name == "agent_config" {
        (
            format!("{refuse}: <agent_config> is the root of agent.conf, here it has to be <{root}>."),
            format!("has to be {root}"),
            format!(
                "write <{root}> in both tags, or move the block to etc/shared/GROUP/agent.conf on the manager"
            ),
        )
    } else {
        (
            format!("{refuse}: the root element is <{name}>, not <{root}>."),
            format!("has to be {root}"),
            format!("write <{root}> in both tags, in lower case"),
        )
    };
    (checks::CONFIG_WRONG_ROOT, title, label, mend)
}

fn instead(near: &str, wrong: &str) -> String {
    format!("write <{near}> instead of <{wrong}>, in both tags")
}

impl Finding {
    /// Shows the definition a response missed by a little, or comes before.
    fn also(
        self,
        facts: &Facts<'_>,
        read: &Configuration,
        check: CheckId,
        block: Option<&ResponseBlock>,
    ) -> Self {
        let Some(wanted) = block.and_then(|block| block.command.as_ref()) else { return self };
        let command = match check {
            checks::COMMAND_NEAR_MISS => meant(read, &lossy(&wanted.text)),
            checks::COMMAND_AFTER_USE => {
                block.and_then(|block| read.defined_later(block)).and_then(|later| read.commands.get(later))
            }
            _ => None,
        };
        match command.and_then(|command| command.name.as_ref()) {
            Some(name) => self.evidence(facts.config().file.excerpt(name.span, "defined here")),
            None => self,
        }
    }
}

const SECTIONS: &[&str] = &[
    "active-response",
    "command",
    "global",
    "alerts",
    "remote",
    "client",
    "localfile",
    "ruleset",
    "syscheck",
    "rootcheck",
    "wodle",
    "integration",
    "logging",
    "cluster",
    "auth",
    "labels",
    "sca",
    "client_buffer",
    "email_alerts",
    "syslog_output",
    "vulnerability-detection",
    "indexer",
    "rule_test",
    "agent-upgrade",
    "socket",
    "reports",
];

pub(super) fn options_of(section: &str) -> &'static [&'static str] {
    match section {
        "command" => &["name", "executable", "timeout_allowed", "extra_args", "expect"],
        "active-response" => &[
            "command",
            "location",
            "agent_id",
            "rules_id",
            "rules_group",
            "level",
            "timeout",
            "disabled",
            "repeated_offenders",
        ],
        "global" => {
            &["white_list", "email_notification", "logall", "logall_json", "jsonout_output", "alerts_log"]
        }
        "alerts" => &["log_alert_level", "email_alert_level"],
        "client" => &[
            "server",
            "config-profile",
            "notify_time",
            "time-reconnect",
            "auto_restart",
            "crypto_method",
            "enrollment",
        ],
        "server" => &["address", "port", "protocol"],
        "remote" => {
            &["connection", "port", "protocol", "allowed-ips", "denied-ips", "local_ip", "ipv6", "queue_size"]
        }
        "localfile" => {
            &["location", "log_format", "command", "frequency", "alias", "label", "only-future-events"]
        }
        _ => &[],
    }
}

/// A known name close to an unknown one.
pub(super) fn near_element(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&plain(name), &plain(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 6)
        .min()
        .map(|(_, candidate)| candidate)
}

fn hint_for_value(element: &str) -> String {
    match element {
        "timeout_allowed"
        | "email_notification"
        | "logall"
        | "logall_json"
        | "jsonout_output"
        | "alerts_log"
        | "disable-active-response"
        | "auto_restart" => "write yes or no, in lower case, without blanks".to_owned(),
        "name" => "a command's name may not begin with !".to_owned(),
        "protocol" => "write tcp or udp".to_owned(),
        "log_format" => "write one of logcollector's formats, such as syslog or json".to_owned(),
        _ => format!("mend the value of <{element}>"),
    }
}

/// 5.x reads responses from the indexer; what 4.x kept here has no effect.
fn ignored_on_5x(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, read: &Configuration) {
    let config = facts.config();
    for block in read.responses.iter().filter(|block| response::is_response(block)) {
        sink.find(
            Finding::new(
                checks::BLOCKS_OF_4X_ON_5X,
                block_subject(facts, block.span),
                format!("The <active-response> block on line {} has no effect: 5.x does not read it.", config.file.line(block.span.start)),
            )
            .severity(Severity::Warning)
            .cause("In 5.x a monitor and an Active Response channel of the indexer decide what runs; the daemons accept the block and say nothing.")
            .evidence(config.file.excerpt(block.span, "ignored"))
            .remedy("make an Active Response channel with this executable, and a monitor that triggers it, in the dashboard")
            .remedy(format!("take the block out of {}", config.file.shown))
            .verify("ar-doctor check")
            .stops(of_block(facts, read, block))
            .at(block.span.start),
        );
    }
}

fn commands(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.role() != Role::Manager {
        return;
    }
    let Some(read) = read_config(facts, sink, COMMANDS.checks) else { return };
    let config = facts.config();
    let used = used_commands(read);
    for (index, command) in read.commands.iter().enumerate() {
        let Some(name) = &command.name else { continue };
        let earlier = read.commands[..index].iter().find(|earlier| {
            earlier.accepted && earlier.name.as_ref().is_some_and(|other| other.text == name.text)
        });
        let text = lossy(&name.text);
        if let Some(first) = earlier {
            let same = first.executable.as_ref().map(|value| &value.text)
                == command.executable.as_ref().map(|value| &value.text)
                && first.timeout_allowed == command.timeout_allowed
                && first.extra_args.as_ref().map(|value| &value.text)
                    == command.extra_args.as_ref().map(|value| &value.text);
            let users = using(facts, &name.text);
            let executable = |value: &CommandBlock| {
                value.executable.as_ref().map(|value| lossy(&value.text)).unwrap_or_default()
            };
            sink.find(
                Finding::new(
                    checks::COMMAND_DUPLICATE_NAME,
                    Subject::Command(text.clone()),
                    if same {
                        format!("The second <command> named {text} changes nothing: it is the same as the first.")
                    } else if executable(first) == executable(command) {
                        format!("The second <command> named {text} is never used: responses take the settings of the first.")
                    } else {
                        format!(
                            "The second <command> named {text} is never used: responses run {}, not {}.",
                            executable(first),
                            executable(command)
                        )
                    },
                )
                .severity(if same || users.is_empty() { Severity::Advice } else { Severity::Warning })
                .cause("analysisd keeps both and takes the first one for every response that names it. Nothing is logged.")
                .evidence(config.file.excerpt(name.element, "never used"))
                .evidence(config.file.excerpt(first.name.as_ref().map_or(first.span, |name| name.element), "this one is used"))
                .remedy(format!("rename or take out one of the two in {}", config.file.shown))
                .remedy(restart(facts))
                .verify(super::show_command(facts))
                .stops(users)
                .at(name.span.start),
            );
            continue;
        }
        if !used.contains(name.text.as_slice())
            && command.accepted
            && !STOCK_COMMANDS.contains(&text.as_str())
        {
            sink.find(
                Finding::new(
                    checks::COMMAND_UNUSED,
                    Subject::Command(text.clone()),
                    format!("Command {text} is defined and no response uses it."),
                )
                .cause("A command alone does nothing: it needs an <active-response> block that names it.")
                .evidence(config.file.excerpt(name.element, "no <active-response> names it"))
                .remedy(format!(
                    "add an <active-response> block with <command>{text}</command> below it in {}",
                    config.file.shown
                ))
                .remedy(restart(facts))
                .verify(super::show_command(facts))
                .at(name.span.start),
            );
        }
    }
}

/// Names of the commands that some block uses, be it in a comment, or means: a
/// misspelt name is one fault, not two.
fn used_commands(read: &Configuration) -> BTreeSet<&[u8]> {
    let named =
        read.responses.iter().filter_map(|block| block.command.as_ref()).map(|value| value.text.as_slice());
    let commented = read.commented_blocks.iter().filter_map(|block| block.command_name.as_deref());
    let is_undefined = |problem: &usize| {
        read.problems.get(*problem).is_some_and(|problem| problem.kind == ProblemKind::UndefinedCommand)
    };
    let undefined: BTreeSet<&[u8]> = read
        .responses
        .iter()
        .filter(|block| block.problems.iter().any(is_undefined))
        .filter_map(|block| block.command.as_ref())
        .map(|value| value.text.as_slice())
        .collect();
    let meant = undefined
        .iter()
        .filter_map(|wanted| meant(read, &lossy(wanted)))
        .filter_map(|command| command.name.as_ref())
        .map(|name| name.text.as_slice());
    named.chain(commented).chain(meant).collect()
}

fn using(facts: &Facts<'_>, command: &[u8]) -> Vec<ResponseIndex> {
    facts.indices(|response| response.command.as_deref() == Some(command) && response.runs != Runs::Nowhere)
}

fn disabled(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let Some(read) = read_config(facts, sink, DISABLED.checks) else { return };
    let config = facts.config();
    if let Some((value, Ok(true))) = &read.execd.disabled {
        let stopped: Vec<ResponseIndex> = facts.indices(Response::is_here);
        let needed = facts.role() == Role::Agent
            || stopped
                .iter()
                .any(|&index| facts.response(index).is_some_and(|response| response.runs == Runs::Here));
        sink.find(
            Finding::new(
                checks::DISABLED_EXECD_OFF,
                block_subject(facts, value.element),
                "No response runs on this host: execd is switched off.".to_owned(),
            )
            .severity(if needed { Severity::Error } else { Severity::Warning })
            .cause("execd takes <disabled> from the first <active-response> block for the whole host: INFO (1350) at its start. It stays in the process list, never opens its queue, and every message is lost.")
            .evidence(config.file.excerpt(value.element, "switches execd off for all responses"))
            .remedy(if facts.role() == Role::Agent {
                format!("in {}, line {}: write <disabled>no</disabled>, once in this block", config.file.shown, config.file.line(value.element.start))
            } else {
                format!("take this block out of {}, or put <!-- and --> around it", config.file.shown)
            })
            .remedy(restart(facts))
            .verify(format!("ls -l {}", under_home(facts, "queue/alerts/execq")))
            .stops(stopped)
            .shares("process:execd")
            .at(value.span.start),
        );
    }
    if facts.role() != Role::Manager {
        return;
    }
    let mut erasers: Vec<usize> = read.responses.iter().filter_map(|block| block.erased_by).collect();
    erasers.sort_unstable();
    erasers.dedup();
    for eraser in erasers {
        let Some(block) = read.responses.iter().find(|block| block.ordinal == eraser) else {
            continue;
        };
        let victims: Vec<(ResponseIndex, &ResponseBlock)> = facts
            .responses()
            .iter()
            .enumerate()
            .filter_map(|(index, response)| Some((index, read.responses.get(response.block?)?)))
            .filter(|(_, victim)| victim.erased_by == Some(eraser) && victim.queues != victim.needs)
            .collect();
        if victims.is_empty() {
            continue;
        }
        let dead = victims.iter().any(|(_, victim)| victim.queues.is_empty());
        let names: Vec<String> =
            victims.iter().filter_map(|(index, _)| facts.response(*index)).map(Response::shown).collect();
        let at = block.disabled.first().map_or(block.span, |value| value.element);
        let title = if dead {
            format!(
                "{} never sent: a disabled block behind {} takes the queue away.",
                are(&names),
                it(&names)
            )
        } else {
            format!(
                "{} sent to one side only: a disabled block behind {} takes a queue away.",
                are(&names),
                it(&names)
            )
        };
        sink.find(
            Finding::new(checks::DISABLED_DROPS_QUEUES, block_subject(facts, at), title)
                .severity(if dead { Severity::Error } else { Severity::Warning })
                .cause("A disabled block makes analysisd forget which queues the blocks before it need. No later block asks for them again, so it never opens them and drops the responses. Nothing is logged.")
                .evidence(config.file.excerpt(at, "resets the queues of all blocks above"))
                .remedy(format!("take the disabled block (line {}) out of {}, or put <!-- and --> around it", config.file.line(block.span.start), config.file.shown))
                .remedy(restart(facts))
                .verify(format!("grep 'Connected to .queue/alerts' {} | tail -n 2", under_home(facts, "logs/ossec.log")))
                .stops(victims.iter().map(|(index, _)| *index))
                .at(at.start),
        );
    }
    for (index, response, block) in blocks(facts, read) {
        if block.outcome == Outcome::Disabled {
            let at = block.disabled.first().map_or(block.span, |value| value.element);
            sink.find(
                Finding::new(
                    checks::RESPONSE_DISABLED,
                    block_subject(facts, at),
                    format!("{} is switched off in its own block.", response.shown()),
                )
                .cause("analysisd drops the block; the response never fires. A second <disabled>no in the same block does not change that.")
                .evidence(config.file.excerpt(at, "switched off"))
                .remedy(format!("take <disabled>yes</disabled> out of the block in {} if it is to fire", config.file.shown))
                .remedy(restart(facts))
                .verify(super::show_command(facts))
                .stops([index])
                .at(at.start),
            );
        }
    }
}

fn are(names: &[String]) -> String {
    match names {
        [only] => format!("{only} is"),
        [first, second] => format!("{first} and {second} are"),
        [first, rest @ ..] => format!("{first} and {} more are", rest.len()),
        [] => String::new(),
    }
}

fn it(names: &[String]) -> &'static str {
    if names.len() == 1 { "it" } else { "them" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_elements_are_recognised() {
        for (wrong, section, right) in [
            ("rule_id", "active-response", Some("rules_id")),
            ("rules_ids", "active-response", Some("rules_id")),
            ("disbaled", "active-response", Some("disabled")),
            ("timeout-allowed", "command", Some("timeout_allowed")),
            ("Name", "command", Some("name")),
            ("foo", "active-response", None),
        ] {
            assert_eq!(near_element(wrong, options_of(section)), right, "{wrong}");
        }
        assert_eq!(near_element("active_response", SECTIONS), Some("active-response"));
    }

    #[test]
    fn names_are_joined() {
        assert_eq!(some(&["a"]), "a");
        assert_eq!(some(&["a", "b", "c"]), "a, b and c");
        assert_eq!(some(&["a", "b", "c", "d", "e"]), "a, b, c, d and e");
        assert_eq!(some(&["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
    }
}
