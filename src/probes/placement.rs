//! Blocks that stand where nobody reads them, and locations that do not mean
//! what they say.

use super::{Probe, RESTART_MANAGER, Sink, block_subject, blocks, lossy, quote, read_config};
use crate::facts::{Facts, Response, Runs, response};
use crate::findings::{Finding, ResponseIndex, Severity, Subject, checks};
use crate::wazuh::ossec_conf::{BlockKind, CommentedBlock, Dispatch, Outcome, ResponseBlock, Role};
use crate::wazuh::version::Contract;

/// Comments, `agent.conf`, an agent's own file.
pub(super) const PROBE: Probe = Probe {
    name: "placement",
    checks: &[
        checks::BLOCK_IN_COMMENT,
        checks::AGENT_CONF_IGNORED,
        checks::AGENT_CONFIG_IGNORED,
        checks::REPEATED_OFFENDERS_MISPLACED,
    ],
    run: placement,
};

/// `<location>` and `<agent_id>`.
pub(super) const LOCATION: Probe = Probe {
    name: "location",
    checks: &[
        checks::LOCATION_SUBSTRING,
        checks::LOCATION_COMBINED,
        checks::LOCATION_ALL_WITHOUT_MANAGER,
        checks::AGENT_ID_LIST,
    ],
    run: location,
};

fn placement(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let config = facts.config();
    if let Some(gap) = config.file.bytes.unknown() {
        sink.unknown_for_all(
            &[checks::BLOCK_IN_COMMENT, checks::AGENT_CONFIG_IGNORED, checks::REPEATED_OFFENDERS_MISPLACED],
            &gap,
        );
    }
    if config.read.is_some() {
        match facts.role() {
            Role::Manager => {
                in_comments(facts, sink);
                misplaced_offenders(facts, sink);
            }
            Role::Agent => in_agent_config(facts, sink),
        }
    }
    if !facts.is_bare() {
        in_agent_conf(facts, sink);
    }
}

fn in_comments(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let config = facts.config();
    let Some(read) = &config.read else { return };
    let live = facts.responses().iter().any(|response| response.runs != Runs::Nowhere);
    let in_force = |name: &Option<Vec<u8>>| {
        read.responses.iter().any(|live| live.command.as_ref().map(|value| &value.text) == name.as_ref())
    };
    let forgotten: Vec<&CommentedBlock> = read
        .commented_blocks
        .iter()
        .filter(|block| {
            block.kind == BlockKind::ActiveResponse && block.complete && !in_force(&block.command_name)
        })
        .collect();
    let comments = read.xml.as_ref().map(|document| document.comments.as_slice()).unwrap_or_default();
    let comment_of = |block: &CommentedBlock| {
        comments
            .iter()
            .find(|comment| comment.span.start <= block.span.start && block.span.end <= comment.span.end)
    };
    // What stands in one comment is one slip.
    for blocks in forgotten.chunk_by(|a, b| {
        comment_of(a).map(|comment| comment.span) == comment_of(b).map(|comment| comment.span)
    }) {
        let Some(first) = blocks.first() else { continue };
        let names: Vec<String> =
            blocks.iter().map(|block| lossy(block.command_name.as_deref().unwrap_or_default())).collect();
        let title = match names.as_slice() {
            [only] => format!(
                "The response to {only} on line {} is not configured: its block stands inside a comment.",
                first.line
            ),
            _ => format!(
                "The responses to {} are not configured: their blocks stand inside a comment.",
                names.join(", ")
            ),
        };
        let marks = match comment_of(first) {
            Some(comment) => format!(
                "take away the <!-- on line {} and the --> on line {} of {}, if what stands between is meant to be in force",
                config.file.line(comment.span.start),
                config.file.line(comment.span.end.saturating_sub(1)),
                config.file.shown
            ),
            None => format!(
                "take away the <!-- and --> around it in {}, if it is meant to be in force",
                config.file.shown
            ),
        };
        let mut finding = Finding::new(checks::BLOCK_IN_COMMENT, Subject::Command(names.join(", ")), title)
            .severity(if live { Severity::Advice } else { Severity::Warning })
            .cause("Nobody reads what stands between <!-- and -->. All daemons start clean and nothing is logged.");
        for block in blocks.iter().take(3) {
            finding = finding.evidence(config.file.excerpt(block.span, "inside a comment"));
        }
        sink.find(
            finding
                .remedy(marks)
                .remedy(RESTART_MANAGER)
                .verify(super::show_command(facts))
                .at(first.span.start),
        );
    }
}

/// execd reads `repeated_offenders` from the file of its own host.
fn misplaced_offenders(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let config = facts.config();
    let Some((value, _)) = config.read.as_ref().and_then(|read| read.execd.repeated_offenders.as_ref())
    else {
        return;
    };
    let there: Vec<ResponseIndex> = facts.indices(Response::is_there);
    // Without a timeout there is nothing to make longer.
    let here = facts
        .responses()
        .iter()
        .any(|response| response.runs == Runs::Here && response.timeout.is_some_and(|timeout| timeout != 0));
    if here || there.is_empty() {
        return;
    }
    sink.find(
        Finding::new(
            checks::REPEATED_OFFENDERS_MISPLACED,
            block_subject(facts, value.element),
            "Repeated offenders are not blocked for longer: the agents do not see this setting.".to_owned(),
        )
        .cause("Each execd reads <repeated_offenders> from the ossec.conf of its own host. On a manager it counts only for responses that run on the manager. Nothing is logged.")
        .evidence(config.file.excerpt(value.element, "read by this manager's execd only"))
        .remedy(format!(
            "on each agent, in its ossec.conf: <active-response><repeated_offenders>{}</repeated_offenders></active-response>, then systemctl restart wazuh-agent",
            String::from_utf8_lossy(&value.text)
        ))
        .verify("on the agent: grep 'Adding offenders timeout' /var/ossec/logs/ossec.log")
        .stops(there)
        .at(value.span.start),
    );
}

fn in_agent_config(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let config = facts.config();
    let Some(read) = &config.read else { return };
    let commands = read
        .commands
        .iter()
        // In 5.x no side reads them; that is reported as such.
        .filter(|_| facts.contract() != Contract::Json5)
        .map(|command| (command.span, "command"));
    let responses = read
        .responses
        .iter()
        .filter(|block| facts.contract() != Contract::Json5 && response::is_response(block))
        .map(|block| (block.span, "active-response"));
    for (span, what) in commands.chain(responses) {
        sink.find(
            Finding::new(
                checks::AGENT_CONFIG_IGNORED,
                block_subject(facts, span),
                format!("The <{what}> block on line {} has no effect: this is an agent's file.", config.file.line(span.start)),
            )
            .cause("Commands and responses are read on the manager only. An agent takes <disabled>, <repeated_offenders> and the CA settings from its own file and passes over the rest without a word.")
            .evidence(config.file.excerpt(span, "nobody reads it here"))
            .remedy("put the block into etc/ossec.conf of the manager and restart the manager")
            .remedy(format!("take it out of {}", config.file.shown))
            .verify("on the manager: ar-doctor show")
            .at(span.start),
        );
    }
}

fn in_agent_conf(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let confs = facts.agent_confs();
    if let Some(gap) = confs.unknown() {
        sink.unknown_for_all(&[checks::AGENT_CONF_IGNORED], &gap);
    }
    for conf in confs.get().into_iter().flatten() {
        if let Some(gap) = conf.file.bytes.unknown() {
            sink.unknown_for_all(&[checks::AGENT_CONF_IGNORED], &gap);
        }
        let Some(read) = &conf.read else { continue };
        for block in &read.blocks {
            let fatal = facts.contract() == Contract::Json5 && block.kind == BlockKind::Command;
            let what = match block.kind {
                BlockKind::Command => "command",
                BlockKind::ActiveResponse => "active-response",
            };
            let path = conf.file.path.display().to_string();
            sink.find(
                Finding::new(
                    checks::AGENT_CONF_IGNORED,
                    Subject::Config(
                        conf.file.shown.clone(),
                        format!("{what}[{}]", block.command_name.as_deref().map(lossy).unwrap_or_default()),
                    ),
                    if fatal {
                        format!("5.x refuses {}: <{what}> on line {} is unknown to it.", conf.file.shown, conf.file.line(block.span.start))
                    } else {
                        format!("The <{what}> block on line {} of {} has no effect: no daemon reads it there.", conf.file.line(block.span.start), conf.file.shown)
                    },
                )
                .cause(if fatal {
                    "An agent of 5.x checks the configuration of its group before it takes it: (1230) for <command>, and the whole file is not applied."
                } else {
                    "Group configuration carries neither commands nor responses nor their <disabled>: execd reads ossec.conf only. verify-agent-conf accepts it without a word."
                })
                .evidence(conf.file.excerpt(block.span, "nobody reads it here"))
                .remedy(if facts.contract() == Contract::Json5 {
                    "make an Active Response channel in the dashboard; <disabled> and <repeated_offenders> go into ossec.conf of each agent"
                } else {
                    "put commands and responses into etc/ossec.conf of the manager; <disabled> and <repeated_offenders> into ossec.conf of each agent"
                })
                .remedy(format!("take the block out of {path} on the manager"))
                .verify(format!("grep -n '<{what}>' {}", quote(&path)))
                .at(block.span.start),
            );
        }
    }
}

/// The words a location may consist of.
const WORDS: &[&str] =
    &["as", "analysisd", "analysis-server", "server", "local", "defined-agent", "all", "any"];

fn location(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let Some(read) = read_config(facts, sink, LOCATION.checks) else { return };
    if facts.role() != Role::Manager {
        return;
    }
    for (index, response, block) in blocks(facts, read) {
        if block.outcome != Outcome::Active {
            continue;
        }
        let name = response.shown();
        one_location(facts, sink, index, &name, block);
        all_without_manager(facts, sink, index, &name, block);
        agent_list(facts, sink, index, &name, block);
    }
}

fn target(block: &ResponseBlock) -> String {
    match block.dispatch {
        Dispatch::Nowhere => "nowhere".to_owned(),
        Dispatch::Manager => "on the manager only, never on an agent".to_owned(),
        Dispatch::Sender => "on the agent that sent the event".to_owned(),
        Dispatch::Agent { id, .. } => format!("on agent {id:03}"),
        Dispatch::AllAgents { .. } => "on every connected agent".to_owned(),
    }
}

fn one_location(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    index: ResponseIndex,
    name: &str,
    block: &ResponseBlock,
) {
    let config = facts.config();
    let Some(value) = &block.location else { return };
    let text = lossy(&value.text);
    let words: Vec<String> = text
        .split(|letter: char| letter == ',' || letter.is_whitespace())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let target = target(block);
    let exact = words.iter().all(|word| WORDS.contains(&word.as_str()));
    let (check, title, cause, label) = if !exact {
        (
            checks::LOCATION_SUBSTRING,
            format!("{name} runs {target}: that is what analysisd finds in \"{text}\"."),
            "analysisd searches the text for the fragments as, analysisd, server, local, defined-agent, all and any, in any case and anywhere in a word; firewall contains all, base contains as. Nothing is logged.",
            format!("means: {target}"),
        )
    } else if words.len() > 1 && combined(block) {
        (
            checks::LOCATION_COMBINED,
            format!("{name} runs {target}: the locations in \"{text}\" do not add up."),
            "One branch is taken: server (and local for the manager's own events) before all others, then all, then defined-agent, then local. Nothing is logged.",
            format!("means: {target}"),
        )
    } else {
        return;
    };
    sink.find(
        Finding::new(check, block_subject(facts, value.element), title)
            .cause(cause)
            .evidence(config.file.excerpt(value.span, label))
            .remedy(format!(
                "write one of local, server, defined-agent, all in {}; for two places write two blocks",
                config.file.shown
            ))
            .remedy(RESTART_MANAGER)
            .verify(format!("{} | grep -A 8 {}", super::show_command(facts), quote(name)))
            .stops([index])
            .at(value.span.start),
    );
}

/// Whether more than one place is named.
fn combined(block: &ResponseBlock) -> bool {
    let places = block.location_in_force;
    [places.server, places.local, places.agent.is_some(), places.all].iter().filter(|named| **named).count()
        > 1
}

fn all_without_manager(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    index: ResponseIndex,
    name: &str,
    block: &ResponseBlock,
) {
    let config = facts.config();
    let (Some(read), Some(value)) = (&config.read, &block.location) else { return };
    if !matches!(block.dispatch, Dispatch::AllAgents { own_events_on_manager: false }) {
        return;
    }
    let command = block.command.as_ref().map(|value| &value.text);
    let on_manager = read.responses.iter().any(|other| {
        other.outcome == Outcome::Active
            && other.dispatch == Dispatch::Manager
            && other.command.as_ref().map(|value| &value.text) == command
    });
    if on_manager {
        return;
    }
    sink.find(
        Finding::new(
            checks::LOCATION_ALL_WITHOUT_MANAGER,
            block_subject(facts, value.element),
            format!("{name} does not run on the manager: all means every connected agent."),
        )
        .cause("The manager is no agent, and agents that are not connected at that moment never get the response.")
        .evidence(config.file.excerpt(value.span, "not the manager"))
        .remedy(format!("if the manager is to run it too, add a second block with <location>server</location> in {}", config.file.shown))
        .verify(super::show_command(facts))
        .stops([index])
        .at(value.span.start),
    );
}

fn agent_list(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    index: ResponseIndex,
    name: &str,
    block: &ResponseBlock,
) {
    let config = facts.config();
    let (Some(value), Dispatch::Agent { id, .. }) = (&block.agent_id, block.dispatch) else {
        return;
    };
    let trimmed = value.text.trim_ascii();
    if !trimmed.is_empty() && trimmed.len() <= 9 && trimmed.iter().all(u8::is_ascii_digit) {
        return;
    }
    let text = lossy(&value.text);
    // More digits than a number holds: what is left of them is no agent's.
    let digits = trimmed.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let lost = id < 0 || digits > 9;
    let title = if lost {
        format!("{name} never runs: its agent_id \"{text}\" reads as {id}.")
    } else {
        format!("{name} runs on agent {id:03} only: that is what analysisd reads from \"{text}\".")
    };
    sink.find(
        Finding::new(checks::AGENT_ID_LIST, block_subject(facts, value.element), title)
            .severity(if lost { Severity::Error } else { Severity::Warning })
            .cause("analysisd reads the leading digits with atoi(3) and drops the rest: there are no lists, ranges or names. Nothing is logged.")
            .evidence(config.file.excerpt(value.span, format!("reads as {id}")))
            .remedy(format!("write one number, and one block for each agent, in {}", config.file.shown))
            .remedy(RESTART_MANAGER)
            .verify(format!("{} | grep -A 8 {}", super::show_command(facts), quote(name)))
            .stops([index])
            .at(value.span.start),
    );
}
