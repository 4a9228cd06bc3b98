//! `<command>` and `<active-response>` as analysisd reads them
//! (`src/config/active-response.c`, 4.14).

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::super::ar_conf::{atoi, push_line};
use super::super::behavior::{AGENT_ID_ZERO_WARNS, COMMAND_SECTION_REMOVED, EMPTY_IS_MISSING};
use super::super::xml::{Element, Span};
use super::top::{Ctx, Entry, Fault, Item, Stop, is_number, reader, value_place, yes_no};
use super::{
    ArFlag, CommandBlock, Configuration, Dispatch, Location, LogLevel, Outcome, ProblemKind, ResponseBlock,
    Role, Value,
};

/// Bytes of a response's name that are kept (`OS_FLSIZE` less the end mark).
const MAX_NAME: usize = 255;

/// Where the model of ar.conf ends: a long executable used many times would fill the memory.
pub(super) const MAX_AR_CONF: usize = 16 << 20;

/// What analysisd remembers from block to block.
#[derive(Default)]
pub(super) struct State {
    /// Name to the first accepted command of that name.
    defined: HashMap<Vec<u8>, usize>,
    /// Name of a refused command to the first of its faults.
    refused: HashMap<Vec<u8>, usize>,
}

/// Nobody reads these sections as responses.
fn unread(ctx: &Ctx<'_>) -> bool {
    ctx.role == Role::Agent || COMMAND_SECTION_REMOVED.holds(ctx.version)
}

fn problems(items: &[Item]) -> Vec<usize> {
    items.iter().filter_map(|item| item.problem).collect()
}

/// `ReadActiveCommands`
pub(super) fn command(
    ctx: &mut Ctx<'_>,
    conf: &mut Configuration,
    state: &mut State,
    entry: &mut Entry,
    element: &Element,
    root: usize,
) {
    let mut items = Vec::new();
    let mut block = CommandBlock {
        ordinal: conf.commands.len() + 1,
        root,
        span: element.span,
        line: element.line,
        name: None,
        executable: None,
        timeout_allowed: false,
        timeout_allowed_value: None,
        extra_args: None,
        expect: None,
        accepted: false,
        problems: Vec::new(),
    };
    let silent = unread(ctx);
    let mut unknown = false;
    for child in &element.children {
        let value = Value::of(child);
        match child.name.as_slice() {
            b"name" => {
                if child.content.starts_with(b"!") && !silent {
                    ctx.bad_value(&mut items, "name", child);
                }
                block.name = Some(value);
            }
            b"expect" => block.expect = Some(value),
            b"executable" => block.executable = Some(value),
            b"timeout_allowed" => {
                match yes_no(&child.content) {
                    Some(allowed) => block.timeout_allowed = allowed,
                    None if silent => {}
                    None => {
                        ctx.bad_value(&mut items, "timeout_allowed", child);
                    }
                }
                block.timeout_allowed_value = Some(value);
            }
            b"extra_args" => block.extra_args = Some(value),
            _ if silent => {}
            _ => {
                unknown = true;
                ctx.unknown(&mut items, ProblemKind::UnknownElement { section: "command" }, child);
            }
        }
    }
    let missing = match (&block.name, &block.executable) {
        (None, _) => Some(ProblemKind::MissingName),
        (_, None) => Some(ProblemKind::MissingExecutable),
        _ => None,
    };
    // A misspelled element is most likely the missing one.
    if let Some(kind) = missing.filter(|_| !unknown && !silent) {
        ctx.fault(
            &mut items,
            Fault {
                kind,
                number: Some(1280),
                level: LogLevel::Error,
                text: b"(1280): Missing command options. You must specify a 'name' and 'executable'."
                    .to_vec(),
                span: element.name_span,
                line: element.line,
                stop: Stop::Fatal,
            },
        );
    }
    block.problems = problems(&items);
    block.accepted = !silent && items.is_empty() && missing.is_none();
    if let Some(name) = &block.name {
        if block.accepted {
            state.defined.entry(name.text.clone()).or_insert(conf.commands.len());
        } else if let Some(&first) = block.problems.first() {
            state.refused.entry(name.text.clone()).or_insert(first);
        }
    }
    conf.commands.push(block);
    entry.by.push((reader::RESPONSES, items));
}

/// `ReadActiveResponses`
pub(super) fn response(
    ctx: &mut Ctx<'_>,
    conf: &mut Configuration,
    state: &mut State,
    entry: &mut Entry,
    element: &Element,
    root: usize,
) {
    let mut items = Vec::new();
    let silent = unread(ctx);
    let (mut block, unknown) = children(ctx, &mut items, conf.responses.len() + 1, root, element, silent);
    block.outcome = if silent {
        Outcome::NotRead
    } else {
        judge(ctx, conf, state, &mut items, &mut block, element, unknown)
    };
    block.problems = problems(&items);
    if let Some(index) = items.iter().find(|item| item.stop == Stop::Fatal).and_then(|item| item.problem) {
        block.outcome = Outcome::Refused(index);
    }
    if let Outcome::Active | Outcome::CrashesWhenFired = block.outcome {
        let location = block.location_in_force;
        block.needs = ArFlag {
            local: location.server || location.local,
            remote: location.all || location.local || location.agent.is_some(),
        };
        block.dispatch = dispatch(location);
        entry.ar_line = Some(conf.responses.len());
    }
    conf.responses.push(block);
    entry.by.push((reader::RESPONSES, items));
}

/// Appends a response's line to ar.conf, up to [`MAX_AR_CONF`].
pub(super) fn push_ar_line(conf: &mut Configuration, response: usize) -> ControlFlow<()> {
    let Some(block) = conf.responses.get(response) else {
        return ControlFlow::Continue(());
    };
    let command = block.command_block.and_then(|index| conf.commands.get(index));
    let executable = command.and_then(|command| command.executable.as_ref());
    if let (Some(name), Some(executable)) = (&block.name, executable) {
        if conf.ar_conf.len() + name.len() + executable.text.len() > MAX_AR_CONF {
            return ControlFlow::Break(());
        }
        push_line(&mut conf.ar_conf, name, &executable.text, block.timeout_in_force);
    }
    ControlFlow::Continue(())
}

/// The children one by one. The second value tells of names that nobody knows.
fn children(
    ctx: &mut Ctx<'_>,
    items: &mut Vec<Item>,
    ordinal: usize,
    root: usize,
    element: &Element,
    silent: bool,
) -> (ResponseBlock, bool) {
    let mut block = ResponseBlock {
        ordinal,
        root,
        span: element.span,
        line: element.line,
        command: None,
        location: None,
        agent_id: None,
        rules_id: None,
        rules_group: None,
        level: None,
        timeout: None,
        disabled: Vec::new(),
        repeated_offenders: None,
        ca_store: None,
        ca_verification: None,
        others: Vec::new(),
        outcome: Outcome::NotRead,
        location_in_force: Location::default(),
        dispatch: Dispatch::Nowhere,
        command_block: None,
        raw_timeout: 0,
        timeout_in_force: 0,
        name: None,
        level_in_force: None,
        rule_ids: Vec::new(),
        rule_id_cuts: Vec::new(),
        needs: ArFlag::default(),
        queues: ArFlag::default(),
        erased_by: None,
        problems: Vec::new(),
    };
    let mut unknown = false;
    let mut rules_id = None;
    for child in &element.children {
        let value = Value::of(child);
        match child.name.as_slice() {
            b"command" => block.command = Some(value),
            b"location" => block.location = Some(value),
            b"agent_id" => block.agent_id = Some(value),
            b"rules_id" => {
                rules_id = Some(child);
                block.rules_id = Some(value);
            }
            b"rules_group" => block.rules_group = Some(value),
            b"level" => {
                let level = Some(&child.content)
                    .filter(|text| is_number(text))
                    .map(|text| atoi(text))
                    .filter(|level| (0..=20).contains(level));
                match level {
                    Some(level) => block.level_in_force = Some(level).filter(|&level| level != 0),
                    None if silent => {}
                    None => {
                        ctx.bad_value(items, "level", child);
                    }
                }
                block.level = Some(value);
            }
            b"timeout" => {
                block.raw_timeout = atoi(&child.content);
                block.timeout = Some(value);
            }
            b"disabled" => {
                if yes_no(&child.content).is_none() && !silent {
                    ctx.bad_value(items, "disabled", child);
                }
                block.disabled.push(value);
            }
            b"repeated_offenders" => {
                block.repeated_offenders.get_or_insert(value);
            }
            b"ca_store" => {
                block.ca_store.get_or_insert(value);
            }
            other => {
                if !silent {
                    unknown = true;
                    ctx.unknown(items, ProblemKind::UnknownElement { section: "active-response" }, child);
                }
                if other == b"ca_verification" {
                    // Where an agent has it, it says nothing about a misspelling.
                    block.ca_verification.get_or_insert(value);
                } else {
                    block.others.push((child.name.clone(), value));
                }
            }
        }
    }
    if let Some(element) = rules_id {
        (block.rule_ids, block.rule_id_cuts) = rule_ids(ctx, element);
    }
    block.timeout_in_force = block.raw_timeout;
    (block, unknown)
}

/// What stands behind the loop over the children. Faults that follow the first one are
/// entered too, as long as they do not come from it.
fn judge(
    ctx: &mut Ctx<'_>,
    conf: &Configuration,
    state: &State,
    items: &mut Vec<Item>,
    block: &mut ResponseBlock,
    element: &Element,
    unknown: bool,
) -> Outcome {
    if block.disabled.iter().any(|value| value.text == b"yes") {
        return Outcome::Disabled;
    }
    let here = |value: &Option<Value>| {
        value
            .as_ref()
            .filter(|value| !(value.text.is_empty() && EMPTY_IS_MISSING.holds(ctx.version)))
            .cloned()
    };
    let (command, location) = (here(&block.command), here(&block.location));
    if command.is_none() || location.is_none() {
        if block.repeated_offenders.is_some() {
            return Outcome::OnlyRepeatedOffenders;
        }
        let empty = if command.is_none() { &block.command } else { &block.location };
        let misspelled = unknown && empty.is_none();
        if !misspelled {
            let (span, line) =
                empty.as_ref().map_or((element.name_span, element.line), |value| (value.element, value.line));
            ctx.fault(
                items,
                Fault {
                    kind: if command.is_none() {
                        ProblemKind::MissingCommand
                    } else {
                        ProblemKind::MissingLocation
                    },
                    number: Some(1281),
                    level: LogLevel::Error,
                    text: b"(1281): Missing options in the active response configuration. ".to_vec(),
                    span,
                    line,
                    stop: Stop::Fatal,
                },
            );
        }
    }
    let mut crashes = false;
    if let Some(location) = &location {
        match place(ctx, items, block, location) {
            Place::Dropped => return Outcome::DroppedInvalidAgent,
            Place::Crashes => crashes = true,
            Place::Known => {}
        }
    }
    if let Some(command) = &command {
        name_it(ctx, conf, state, items, block, command);
    }
    if crashes { Outcome::CrashesWhenFired } else { Outcome::Active }
}

enum Place {
    Known,
    Dropped,
    Crashes,
}

fn place(ctx: &mut Ctx<'_>, items: &mut Vec<Item>, block: &mut ResponseBlock, location: &Value) -> Place {
    let text = location.text.to_ascii_lowercase();
    let names = |word: &str| memchr::memmem::find(&text, word.as_bytes()).is_some();
    let mut crashes = false;
    let mut no_agent = false;
    // `analysisd` and `analysis-server` are tried as well and add nothing to these two.
    block.location_in_force = Location {
        server: names("as") || names("analysisd") || names("server"),
        local: names("local"),
        agent: None,
        all: names("all") || names("any"),
    };
    if names("defined-agent") {
        match &block.agent_id {
            None => {
                no_agent = true;
                ctx.fault(
                    items,
                    Fault {
                        kind: ProblemKind::AgentIdMissing,
                        number: Some(1304),
                        level: LogLevel::Error,
                        text: b"(1304): No agent defined for response.".to_vec(),
                        span: location.span,
                        line: location.line,
                        stop: Stop::Fatal,
                    },
                );
            }
            Some(value) => {
                let id = atoi(&value.text);
                if id == 0 {
                    if AGENT_ID_ZERO_WARNS.holds(ctx.version) {
                        if items.iter().all(|item| item.stop == Stop::Go) {
                            let span = if value.text.is_empty() { value.element } else { value.span };
                            ctx.fault(
                                items,
                                Fault {
                                    kind: ProblemKind::AgentIdNotAnAgent,
                                    number: Some(1306),
                                    level: LogLevel::Warning,
                                    text: b"(1306): Invalid agent ID. Use location=server to run AR on the manager."
                                        .to_vec(),
                                    span,
                                    line: value.line,
                                    stop: Stop::Go,
                                },
                            );
                        }
                        return Place::Dropped;
                    }
                    crashes = true;
                }
                block.location_in_force.agent = Some(id);
            }
        }
    }
    if block.location_in_force == Location::default() && !no_agent {
        let span = if location.text.is_empty() { location.element } else { location.span };
        ctx.fault(
            items,
            Fault {
                kind: ProblemKind::InvalidLocation,
                number: Some(1302),
                level: LogLevel::Error,
                text: [b"(1302): Invalid active response location: '", location.text.as_slice(), b"'."]
                    .concat(),
                span,
                line: location.line,
                stop: Stop::Fatal,
            },
        );
    }
    if crashes { Place::Crashes } else { Place::Known }
}

fn name_it(
    ctx: &mut Ctx<'_>,
    conf: &Configuration,
    state: &State,
    items: &mut Vec<Item>,
    block: &mut ResponseBlock,
    command: &Value,
) {
    let Some((index, defined)) =
        state.defined.get(&command.text).and_then(|&index| Some((index, conf.commands.get(index)?)))
    else {
        let span = if command.text.is_empty() { command.element } else { command.span };
        let problem = ctx.fault(
            items,
            Fault {
                kind: ProblemKind::UndefinedCommand,
                number: Some(1303),
                level: LogLevel::Error,
                text: [b"(1303): Invalid command '", command.text.as_slice(), b"' in the active response."]
                    .concat(),
                span,
                line: command.line,
                stop: Stop::Fatal,
            },
        );
        if let (Some(problem), Some(&cause)) =
            (ctx.problems.get_mut(problem), state.refused.get(&command.text))
        {
            problem.consequence_of = Some(cause);
        }
        return;
    };
    block.command_block = Some(index);
    if block.raw_timeout != 0 && !defined.timeout_allowed {
        block.timeout_in_force = 0;
        if items.iter().all(|item| item.stop == Stop::Go) {
            let (span, line) =
                block.timeout.as_ref().map_or((command.span, command.line), |value| (value.span, value.line));
            ctx.fault(
                items,
                Fault {
                    kind: ProblemKind::TimeoutNotAllowed,
                    number: Some(1305),
                    level: LogLevel::Info,
                    text: [b"(1305): Timeout not allowed for command: '", command.text.as_slice(), b"'."]
                        .concat(),
                    span,
                    line,
                    stop: Stop::Go,
                },
            );
        }
    }
    let mut name = command.text.clone();
    name.extend_from_slice(block.timeout_in_force.to_string().as_bytes());
    name.truncate(MAX_NAME);
    block.name = Some(name);
}

fn dispatch(location: Location) -> Dispatch {
    let own_events_on_manager = location.local;
    if location.server {
        Dispatch::Manager
    } else if location.all {
        Dispatch::AllAgents { own_events_on_manager }
    } else if let Some(id) = location.agent {
        Dispatch::Agent { id, own_events_on_manager }
    } else {
        Dispatch::Sender
    }
}

/// The queues in the end: a disabled block forgets what the blocks before it wanted.
pub(super) fn finish(conf: &mut Configuration) {
    let mut flag = ArFlag::default();
    for block in &conf.responses {
        match block.outcome {
            Outcome::Disabled => flag = ArFlag::default(),
            Outcome::Active | Outcome::CrashesWhenFired => {
                flag.local |= block.needs.local;
                flag.remote |= block.needs.remote;
            }
            _ => {}
        }
    }
    conf.ar_flag = flag;
    let mut eraser = None;
    for block in conf.responses.iter_mut().rev() {
        match block.outcome {
            Outcome::Disabled => eraser = Some(block.ordinal),
            Outcome::Active | Outcome::CrashesWhenFired => {
                block.queues = block.needs.and(flag);
                if block.queues != block.needs {
                    block.erased_by = eraser;
                }
            }
            _ => {}
        }
    }
}

/// `src/analysisd/rules.c Rule_AddAR`, 4.14: blanks and commas are passed over, a number
/// counts and everything up to the next comma is skipped, any other character ends the list.
fn rule_ids(ctx: &Ctx<'_>, element: &Element) -> (Vec<u32>, Vec<Span>) {
    let text = element.content.as_slice();
    let mut ids = Vec::new();
    let mut cuts = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b' ' | b',' => at += 1,
            b'0'..=b'9' => {
                let rest = text.get(at..).unwrap_or_default();
                if let Ok(id) = u32::try_from(atoi(rest)) {
                    ids.push(id);
                }
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let comma = memchr::memchr(b',', rest);
                cuts.push((at + digits, at + comma.unwrap_or(rest.len())));
                match comma {
                    Some(comma) => at += comma + 1,
                    None => break,
                }
            }
            _ => {
                cuts.push((at, text.len()));
                break;
            }
        }
    }
    let cuts = cuts
        .into_iter()
        .filter_map(|(from, to)| {
            let cut = text.get(from..to)?;
            let from = from + cut.len() - cut.trim_ascii_start().len();
            let to = from + cut.trim_ascii().len();
            (from < to).then_some((from, to))
        })
        .collect::<Vec<_>>();
    if cuts.is_empty() {
        return (ids, Vec::new());
    }
    let map = offsets(ctx, element);
    let spans = cuts
        .into_iter()
        .map(|(from, to)| match &map {
            Some(map) => match (map.get(from), map.get(to.saturating_sub(1))) {
                (Some(&start), Some(&last)) => Span { start, end: last + 1 },
                _ => value_place(element),
            },
            None => value_place(element),
        })
        .collect();
    (ids, spans)
}

/// For each byte of an element's text, where it stands in the file: comments are not in the
/// text. None when the two cannot be matched.
pub(super) fn offsets(ctx: &Ctx<'_>, element: &Element) -> Option<Vec<usize>> {
    let Span { start, end } = element.content_span;
    let mut map = Vec::with_capacity(element.content.len());
    let mut comment = ctx.comments.partition_point(|comment| comment.span.end <= start);
    let mut at = start;
    while at < end && map.len() < element.content.len() {
        if let Some(found) = ctx.comments.get(comment).filter(|comment| comment.span.start == at) {
            at = found.span.end;
            comment += 1;
            continue;
        }
        if ctx.bytes.get(at) != element.content.get(map.len()) {
            return None;
        }
        map.push(at);
        at += 1;
    }
    (map.len() == element.content.len()).then_some(map)
}
