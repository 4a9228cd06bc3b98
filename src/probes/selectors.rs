//! Whether a block is bound to any rule, and whether its times mean what they say.

use super::config::{near_element, options_of};
use super::{Probe, RESTART_MANAGER, Sink, block_subject, blocks, lossy, quote, read_config};
use crate::facts::{Facts, Response, response};
use crate::findings::{Confidence, Finding, Severity, checks};
use crate::wazuh::ossec_conf::{Configuration, Outcome, ProblemKind, ResponseBlock, Role};

/// `<level>`, `<rules_id>`, `<rules_group>`.
pub(super) const PROBE: Probe = Probe {
    name: "selectors",
    checks: &[checks::TRIGGER_MISSING, checks::RULES_ID_CUT, checks::LEVEL_UNREACHABLE],
    run: selectors,
};

/// `<timeout>` and `<repeated_offenders>`.
pub(super) const TIMES: Probe = Probe {
    name: "times",
    checks: &[checks::TIMEOUT_NOT_A_NUMBER, checks::TIMEOUT_NOT_ALLOWED, checks::REPEATED_OFFENDERS_INVALID],
    run: times,
};

/// The highest level a rule can have (`src/analysisd/rules.c`, 4.14; the stock set has no higher).
const HIGHEST_RULE_LEVEL: i32 = 16;

/// Whether a block is one whose selectors and times matter: one that is in force
/// or would be, were it not for a fault elsewhere in it.
fn counts(block: &ResponseBlock) -> bool {
    response::is_response(block)
        && !matches!(block.outcome, Outcome::Disabled | Outcome::OnlyRepeatedOffenders)
}

fn selectors(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let config = facts.config();
    let Some(read) = read_config(facts, sink, PROBE.checks) else { return };
    if facts.role() != Role::Manager {
        return;
    }
    for (index, response, block) in blocks(facts, read) {
        if !counts(block) {
            continue;
        }
        let name = response.shown();
        let level = block.level_in_force.filter(|level| *level > 0);
        let has_group = block.rules_group.is_some();
        if !block.rule_id_cuts.is_empty()
            && let Some(value) = &block.rules_id
        {
            let cut = block.rule_id_cuts[0];
            let left = block.rule_ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            let stops = block.rule_ids.is_empty() && level.is_none() && !has_group;
            let title = if stops {
                format!("{name} never fires: analysisd reads no rule id from its <rules_id>.")
            } else if left.is_empty() {
                format!(
                    "{name} fires for fewer rules than its <rules_id> names: analysisd reads none of them."
                )
            } else {
                format!(
                    "{name} fires for fewer rules than its <rules_id> names: analysisd reads only {left}."
                )
            };
            let numbers = numbers_in(&value.text);
            sink.find(
                Finding::new(checks::RULES_ID_CUT, block_subject(facts, block.span), title)
                    .severity(if stops { Severity::Error } else { Severity::Warning })
                    .cause("After a number analysisd jumps to the next comma, and at any character that is no digit, blank or comma it stops. No daemon and no check says so.")
                    .evidence(config.file.excerpt(cut, "not read"))
                    .remedy(format!("write <rules_id>{numbers}</rules_id> in {}, ids separated by commas on one line; there are no ranges", config.file.shown))
                    .remedy(RESTART_MANAGER)
                    .verify(format!("{} | grep -A 8 {}", super::show_command(facts), quote(&name)))
                    .stops([index])
                    .at(cut.start),
            );
        } else if block.rule_ids.is_empty() && level.is_none() && !has_group && !is_misspelt(read, block) {
            let evidence = match block.level.as_ref().or(block.rules_id.as_ref()) {
                Some(value) => config.file.excerpt(value.element, "selects nothing"),
                None => config
                    .file
                    .excerpt(block.span, "neither <level> nor <rules_id> nor <rules_group> in this block"),
            };
            sink.find(
                Finding::new(
                    checks::TRIGGER_MISSING,
                    block_subject(facts, block.span),
                    format!("{name} never fires: its block selects no rule."),
                )
                .cause("analysisd accepts a block without level, rules_id or rules_group, writes it to ar.conf and binds it to no rule. No daemon and no check says so.")
                .evidence(evidence)
                .remedy(format!("add <rules_id>5710,5763</rules_id> (the ids that are to trigger it) or <level>6</level> to the block in {}", config.file.shown))
                .remedy(RESTART_MANAGER)
                .verify(format!("{} | grep -A 8 {}", super::show_command(facts), quote(&name)))
                .stops([index])
                .at(block.span.start),
            );
        }
        if let (Some(level), Some(value)) = (level, &block.level)
            && level > HIGHEST_RULE_LEVEL
            && level <= 20
        {
            let other = !block.rule_ids.is_empty();
            let title = if other {
                format!("{name} fires only for its rule ids: no rule reaches level {level}.")
            } else {
                format!("{name} never fires: no rule reaches level {level}.")
            };
            sink.find(
                Finding::new(checks::LEVEL_UNREACHABLE, block_subject(facts, block.span), title)
                    .severity(if other { Severity::Warning } else { Severity::Error })
                    .cause(format!("analysisd accepts levels up to 20 in a response block, rules end at {HIGHEST_RULE_LEVEL}. No daemon and no check says so."))
                    .evidence(config.file.excerpt(value.span, format!("rules end at {HIGHEST_RULE_LEVEL}")))
                    .remedy(format!("lower <level> in {}, or select by <rules_id>", config.file.shown))
                    .remedy(RESTART_MANAGER)
                    .verify(format!("{} | grep -A 8 {}", super::show_command(facts), quote(&name)))
                    .stops([index])
                    .at(value.span.start),
            );
        }
    }
}

/// Whether the block has a selector that is refused: a level out of range or a
/// misspelt name. That is reported, and no selector is left because of it.
fn is_misspelt(read: &Configuration, block: &ResponseBlock) -> bool {
    let refused = block.problems.iter().any(|&problem| {
        read.problems
            .get(problem)
            .is_some_and(|problem| problem.kind == ProblemKind::BadValue { element: "level" })
    });
    let selector = |name: &[u8]| {
        matches!(
            near_element(&String::from_utf8_lossy(name), options_of("active-response")),
            Some("level" | "rules_id" | "rules_group")
        )
    };
    refused || block.others.iter().any(|(name, _)| selector(name))
}

/// The numbers in a text, joined as `<rules_id>` wants them.
fn numbers_in(text: &[u8]) -> String {
    text.split(|byte| !byte.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(lossy)
        .collect::<Vec<_>>()
        .join(",")
}

fn times(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let Some(read) = read_config(facts, sink, TIMES.checks) else { return };
    if facts.role() == Role::Manager {
        for (index, _, block) in blocks(facts, read) {
            if counts(block) {
                timeout(facts, sink, index, block);
            }
        }
    }
    repeated_offenders(facts, sink);
}

fn timeout(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, index: usize, block: &ResponseBlock) {
    let config = facts.config();
    let (Some(read), Some(value), Some(response)) = (&config.read, &block.timeout, facts.response(index))
    else {
        return;
    };
    let name = response.shown();
    let text = lossy(&value.text);
    let digits = value.text.trim_ascii();
    let plain = !digits.is_empty() && digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
    if !plain && !text.trim().is_empty() {
        let effect = match block.raw_timeout {
            0 => "as 0: the effect is never undone".to_owned(),
            seconds if seconds < 0 => format!("as {seconds}: it is undone within a second"),
            1 => "as 1 second".to_owned(),
            seconds => format!("as {seconds} seconds"),
        };
        // What it is taken for is what it says.
        let harmless = ["s", "sec", "secs", "second", "seconds"].iter().any(|unit| {
            text.trim() == format!("{}{unit}", block.raw_timeout)
                || text.trim() == format!("{} {unit}", block.raw_timeout)
        });
        sink.find(
            Finding::new(
                checks::TIMEOUT_NOT_A_NUMBER,
                block_subject(facts, value.element),
                format!("{name} has a timeout that is no plain number: analysisd takes \"{text}\" {effect}."),
            )
            .severity(if harmless { Severity::Advice } else { Severity::Warning })
            .cause("analysisd reads it with atoi(3): leading digits count, the rest is dropped, units do not exist. It is never an error.")
            .evidence(config.file.excerpt(value.span, format!("read {effect}")))
            .remedy(format!("write the timeout in seconds, digits only, in {}", config.file.shown))
            .remedy(RESTART_MANAGER)
            .verify(format!("{} | grep -A 8 {}", super::show_command(facts), quote(&name)))
            .stops([index])
            .at(value.span.start),
        );
    }
    let command = block.command_block.and_then(|command| read.commands.get(command));
    if let Some(command) = command
        && block.raw_timeout != 0
        && block.timeout_in_force == 0
    {
        let command_name = command.name.as_ref().map_or_else(String::new, |name| lossy(&name.text));
        let evidence = match &command.timeout_allowed_value {
            Some(allowed) => config.file.excerpt(allowed.element, "this makes the effect permanent"),
            None => {
                config.file.excerpt(command.span, "no <timeout_allowed>yes</timeout_allowed> in this command")
            }
        };
        sink.find(
            Finding::new(
                checks::TIMEOUT_NOT_ALLOWED,
                block_subject(facts, value.element),
                format!("{name} is never undone: its command {command_name} does not allow the timeout of {text}."),
            )
            .cause("analysisd says so once at start, at INFO level (1305), sets the timeout to 0 and sends the response under that name. What it blocks stays blocked.")
            .evidence(config.file.excerpt(value.span, "set to 0"))
            .evidence(evidence)
            .remedy(match &command.timeout_allowed_value {
                Some(allowed) => format!(
                    "in {}, line {}: write <timeout_allowed>yes</timeout_allowed>",
                    config.file.shown,
                    config.file.line(allowed.element.start)
                ),
                None => format!("add <timeout_allowed>yes</timeout_allowed> to command {command_name} in {}", config.file.shown),
            })
            .remedy(RESTART_MANAGER)
            .verify(format!("{} | grep -A 8 {}", super::show_command(facts), quote(&command_name)))
            .stops([index])
            .at(value.span.start),
        );
    }
}

fn repeated_offenders(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let config = facts.config();
    let Some((value, taken)) = config.read.as_ref().and_then(|read| read.execd.repeated_offenders.as_ref())
    else {
        return;
    };
    let text = lossy(&value.text);
    let pieces: Vec<&str> = text.split(',').collect();
    // execd passes over empty values.
    let pieces: Vec<&str> = pieces.into_iter().map(str::trim).filter(|piece| !piece.is_empty()).collect();
    let odd = pieces.iter().find(|piece| piece.len() > 6 || !piece.bytes().all(|byte| byte.is_ascii_digit()));
    let what = if text.trim().is_empty() {
        "it is empty, so the feature is off".to_owned()
    } else if taken.first().is_none_or(|first| *first == 0) {
        "the first value counts as 0, which turns the feature off".to_owned()
    } else if let Some(zero) = taken.iter().position(|minutes| *minutes == 0) {
        format!("value {} counts as 0 and ends the list there", zero + 1)
    } else if pieces.len() > 5 {
        format!("it has {} values, and execd takes at most 5", pieces.len())
    } else if let Some(odd) = odd {
        format!("\"{odd}\" is no plain number of minutes")
    } else {
        return;
    };
    let shown = taken.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
    sink.find(
        Finding::new(
            checks::REPEATED_OFFENDERS_INVALID,
            block_subject(facts, value.element),
            format!("Repeated offenders are not blocked for longer as written: {what}."),
        )
        .confidence(Confidence::Proven)
        .cause(format!("execd reads the values with atoi(3), in minutes, and never reports an error. It takes: {}.", if shown.is_empty() { "nothing" } else { &shown }))
        .evidence(config.file.excerpt(value.span, what))
        .remedy(format!("write up to five numbers of minutes separated by commas, such as <repeated_offenders>30,60,120</repeated_offenders>, in {}", config.file.shown))
        .remedy(super::restart(facts))
        .verify(format!("grep 'Adding offenders timeout' {} | tail -n 5", super::under_home(facts, "logs/ossec.log")))
        .stops(facts.indices(Response::is_here))
        .at(value.span.start),
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_rejoined() {
        assert_eq!(super::numbers_in(b"5710 5711;\n5712-5720"), "5710,5711,5712,5720");
    }
}
