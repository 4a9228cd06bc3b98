//! sh and bash: what a script does, in the order it does it.
//!
//! Functions are followed where they are called, with their arguments; what stands in a
//! function nobody calls counts for nothing but the fields it would read.

use std::collections::{HashMap, HashSet};

use super::flow::{Cond, Event, Node, Output, Span, Words};
use super::message::{self, CONSTANT, EVENT, HOST, LINE, NUMBER, SELF, UNKNOWN, UNSET};
use super::shell_syntax::{AndOr, Command, Kind, List, Op, Part, Pipeline, Redirection, Script, Word, parse};
use super::shell_tools::{self as tools, Input, Prints};
use super::{Confidence, FaultKind, FieldRead, Language, Lowered, Need, jq};
use crate::wazuh::version::Contract;

/// Between two texts a variable may have.
const OR: char = '\u{e00a}';

/// What a word or a command's output is.
#[derive(Clone, Debug, Default)]
struct Value {
    text: String,
    /// It is this field of the message.
    path: Option<(Vec<String>, bool)>,
    /// Its last line has no line feed.
    open: bool,
    span: Option<Span>,
}

impl Value {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn unknown() -> Self {
        Self::of(UNKNOWN)
    }

    fn is_line(&self) -> bool {
        self.text.contains(LINE)
    }
}

struct Lower<'a> {
    text: &'a [u8],
    script: &'a Script,
    contract: Contract,
    functions: HashMap<String, &'a Command>,
    called: HashSet<String>,
    stack: Vec<String>,
    variables: HashMap<String, Value>,
    /// Names that are set anywhere.
    assigned: HashSet<String>,
    arguments: Vec<Vec<Value>>,
    /// What standard input is; none for that of the script.
    input: Option<Value>,
    /// What is being captured.
    captures: Vec<Value>,
    live: bool,
    out: Vec<Node>,
    found: Lowered,
    sets_arguments: bool,
    probed: HashSet<String>,
    /// Descriptors that are copies of standard output, and of standard input.
    copies: HashSet<(bool, u32)>,
    /// Standard output was sent elsewhere, and a copy of it was kept.
    moved: bool,
    steps: u32,
    copied: usize,
}

pub(super) fn lower(text: &[u8], _language: Language, contract: Contract) -> Lowered {
    let script = parse(text);
    let mut functions = HashMap::new();
    let mut assigned = HashSet::new();
    let mut probed = HashSet::new();
    let mut sets = false;
    survey(&script.list, &mut |command| match &command.kind {
        Kind::Function { name, body } => {
            functions.insert(name.clone(), &**body);
        }
        Kind::For { name, .. } => {
            assigned.insert(name.clone());
        }
        Kind::Simple { assignments, words } => {
            for assignment in assignments {
                assigned.insert(assignment.name.clone());
            }
            let first = words.first().and_then(Word::literal).unwrap_or_default();
            match first.as_str() {
                "set" => sets |= words.get(1).and_then(Word::literal).is_some_and(|word| word == "--"),
                "command" | "which" | "type" | "hash" => {
                    probed.extend(words.iter().skip(1).filter_map(Word::literal));
                }
                "read" | "mapfile" | "readarray" | "printf" | "getopts" | "export" | "local" | "declare"
                | "readonly" | "typeset" | "eval" | "unset" => {
                    assigned.extend(words.iter().skip(1).filter_map(Word::literal));
                    assigned.insert("REPLY".to_owned());
                    assigned.insert("MAPFILE".to_owned());
                }
                "." | "source" => {
                    assigned.insert("*".to_owned());
                }
                _ => {}
            }
        }
        _ => {}
    });
    let mut lower = Lower {
        text,
        script: &script,
        contract,
        functions,
        called: HashSet::new(),
        stack: Vec::new(),
        variables: HashMap::new(),
        assigned,
        arguments: Vec::new(),
        input: None,
        captures: Vec::new(),
        live: true,
        out: Vec::new(),
        found: Lowered::default(),
        sets_arguments: sets,
        probed,
        copies: HashSet::new(),
        moved: false,
        steps: 0,
        copied: 0,
    };
    lower.list(&script.list);
    lower.found.nodes = std::mem::take(&mut lower.out);
    // What is never called: only the fields, as optional ones.
    let mut rest: Vec<(&String, &&Command)> =
        lower.functions.iter().filter(|(name, _)| !lower.called.contains(*name)).collect();
    rest.sort_by_key(|(_, body)| body.span.start);
    let rest: Vec<(String, &Command)> = rest.into_iter().map(|(name, body)| (name.clone(), *body)).collect();
    let kept = (lower.found.words.clone(), lower.found.tools.len(), lower.found.opaque);
    for (name, body) in rest {
        lower.live = false;
        lower.steps = 0;
        lower.arguments.push(Vec::new());
        lower.stack.push(name);
        lower.command(body);
        lower.stack.pop();
        lower.arguments.pop();
        lower.out.clear();
    }
    lower.found.words = kept.0;
    lower.found.tools.truncate(kept.1);
    lower.found.opaque = kept.2;
    let mut found = lower.found;
    found.comments.clone_from(&script.spans.comments);
    found
}

/// Every command, also inside substitutions.
fn survey<'a>(list: &'a List, see: &mut impl FnMut(&'a Command)) {
    for and_or in list {
        for pipeline in std::iter::once(&and_or.first).chain(and_or.rest.iter().map(|(_, next)| next)) {
            for command in &pipeline.commands {
                survey_command(command, see);
            }
        }
    }
}

fn survey_command<'a>(command: &'a Command, see: &mut impl FnMut(&'a Command)) {
    see(command);
    match &command.kind {
        Kind::Simple { assignments, words } => {
            for word in assignments.iter().flat_map(|assignment| &assignment.values).chain(words) {
                for part in &word.parts {
                    if let Part::Substitution { list, .. } | Part::Process { list, .. } = part {
                        survey(list, see);
                    }
                }
            }
        }
        Kind::Group(list) | Kind::Subshell(list) => survey(list, see),
        Kind::If { arms, otherwise } => {
            for (test, body) in arms {
                survey(test, see);
                survey(body, see);
            }
            if let Some(list) = otherwise {
                survey(list, see);
            }
        }
        Kind::While { test, body, .. } => {
            survey(test, see);
            survey(body, see);
        }
        Kind::For { body, .. } => survey(body, see),
        Kind::Case { arms, .. } => {
            for (_, body) in arms {
                survey(body, see);
            }
        }
        Kind::Function { body, .. } => survey_command(body, see),
        Kind::Coprocess(body) => survey_command(body, see),
        Kind::Test(_) | Kind::Arithmetic => {}
    }
}

/// Where a command's streams go.
#[derive(Default)]
struct Streams {
    /// Standard input is this.
    input: Option<Value>,
    /// Standard output goes elsewhere.
    away: bool,
    /// Standard output is the script's own again, by a copy of it.
    back: bool,
    /// Nodes of what the redirections themselves do.
    effect: Option<Event>,
    /// `exec <file`.
    reads: bool,
    span: Span,
}

const STEPS: u32 = 12_000;
/// Links of a chain, arms of an `if`: beyond these it is not told any more which of them run.
const MANY: usize = 60;
/// Letters that values may be copied to, all told.
const COPIED: usize = 16 * 1024 * 1024;
/// The longest value.
const LONGEST: usize = 20_000;

impl<'a> Lower<'a> {
    fn spend(&mut self) -> bool {
        self.steps += 1;
        self.steps > STEPS
    }

    fn source(&self, span: &Span) -> String {
        String::from_utf8_lossy(self.text.get(span.clone()).unwrap_or_default()).into_owned()
    }

    fn event(&mut self, event: Event, span: &Span) {
        self.out.push(Node::Do(event, span.clone()));
    }

    /// What `inside` lowers, on its own.
    fn apart(&mut self, inside: impl FnOnce(&mut Self)) -> Vec<Node> {
        let outer = std::mem::take(&mut self.out);
        inside(self);
        std::mem::replace(&mut self.out, outer)
    }

    /// A part that is not run every time.
    fn perhaps(&mut self, inside: impl FnOnce(&mut Self)) -> Vec<Node> {
        let live = std::mem::replace(&mut self.live, false);
        let nodes = self.apart(inside);
        self.live = live;
        nodes
    }

    fn list(&mut self, list: &'a List) -> Cond {
        let mut cond = Cond::Yes;
        for and_or in list {
            cond = self.and_or(and_or);
        }
        cond
    }

    fn and_or(&mut self, and_or: &'a AndOr) -> Cond {
        if self.spend() {
            return Cond::Unknown;
        }
        if and_or.background {
            let nodes = self.apart(|lower| {
                lower.and_or_here(and_or);
            });
            let last = and_or.rest.last().map_or(&and_or.first, |(_, pipeline)| pipeline);
            let away = last.commands.last().is_some_and(|command| {
                command.redirections.iter().any(|redirection| {
                    redirection.fd == 1
                        && !redirection.named
                        && matches!(redirection.op, Op::Write | Op::Append | Op::Both | Op::DupOut)
                })
            });
            let span = and_or.span.clone();
            if !away {
                let source = self.source(&span);
                let rewrite = (!source.contains("<<") && !source.contains('\n'))
                    .then(|| format!("{} </dev/null >/dev/null 2>&1", source.trim_end()));
                self.event(Event::Child(rewrite), &span);
            }
            self.out.push(Node::Background(nodes));
            return Cond::Unknown;
        }
        self.and_or_here(and_or)
    }

    fn and_or_here(&mut self, and_or: &'a AndOr) -> Cond {
        let mut cond = self.pipeline(&and_or.first);
        for (number, (and, next)) in and_or.rest.iter().enumerate() {
            // Nobody writes so long a chain; what it comes to is left open.
            if number > MANY {
                cond = Cond::Unknown;
            }
            if self.spend() {
                break;
            }
            let mut after = Cond::Unknown;
            let body = self.perhaps(|lower| after = lower.pipeline(next));
            let when = if *and { cond.clone() } else { cond.clone().not() };
            self.out.push(Node::If(vec![(when, body)]));
            cond = if *and { Cond::All(vec![cond, after]) } else { Cond::Any(vec![cond, after]) };
        }
        cond
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline) -> Cond {
        let cond = match pipeline.commands.as_slice() {
            [] => Cond::Unknown,
            [command] => self.command(command),
            [first, rest @ ..] => {
                let outer = self.input.clone();
                let mut piped = self.part(first, true, false);
                let mut cond = Cond::Unknown;
                for (at, command) in rest.iter().enumerate() {
                    self.input = Some(piped.clone());
                    let last = at + 1 == rest.len();
                    if last {
                        let nodes = self.apart(|lower| cond = lower.command(command));
                        self.out.push(Node::With { stdin: false, stdout: true, subshell: true, body: nodes });
                    } else {
                        piped = self.part(command, false, false);
                    }
                }
                self.input = outer;
                cond
            }
        };
        if pipeline.negated { cond.not() } else { cond }
    }

    /// A command whose output is taken: what it prints.
    fn part(&mut self, command: &'a Command, stdin: bool, stdout: bool) -> Value {
        self.captures.push(Value { open: true, ..Value::default() });
        let moved = std::mem::take(&mut self.moved);
        let nodes = self.apart(|lower| {
            lower.command(command);
        });
        self.moved = moved;
        self.out.push(Node::With { stdin, stdout, subshell: true, body: nodes });
        self.captures.pop().unwrap_or_default()
    }

    fn substitution(&mut self, list: &'a List) -> Value {
        if self.spend() {
            return Value::unknown();
        }
        self.captures.push(Value { open: true, ..Value::default() });
        let moved = std::mem::take(&mut self.moved);
        let mut here = None;
        let nodes = self.apart(|lower| {
            // `$(<file)`.
            if let [and_or] = list.as_slice()
                && let ([command], []) = (and_or.first.commands.as_slice(), and_or.rest.as_slice())
                && let Kind::Simple { assignments, words } = &command.kind
                && words.is_empty()
                && assignments.is_empty()
                && let Some(read) = command.redirections.iter().find(|redirection| redirection.op == Op::Read)
            {
                let target = lower.word(&read.target);
                here = Some(if is_stdin(&target.text) {
                    lower.read_all("$(</dev/stdin)", &and_or.span, Some("head -n1".to_owned()), true);
                    Value::of(LINE)
                } else {
                    Value::unknown()
                });
                return;
            }
            lower.list(list);
        });
        self.moved = moved;
        self.out.push(Node::With { stdin: true, stdout: false, subshell: true, body: nodes });
        let captured = self.captures.pop().unwrap_or_default();
        here.unwrap_or(captured)
    }

    fn read_all(&mut self, how: &str, span: &Span, rewrite: Option<String>, certain: bool) {
        self.event(Event::ReadAll { certain, how: how.to_owned(), rewrite }, span);
    }

    fn set(&mut self, name: &str, value: Value) {
        if self.live || !self.variables.contains_key(name) {
            self.variables.insert(name.to_owned(), value);
            return;
        }
        let Some(old) = self.variables.get_mut(name) else { return };
        if old.text.split(OR).any(|text| text == value.text) {
            return;
        }
        if old.text.is_empty() || old.text.len() > 600 {
            *old = value;
            return;
        }
        old.text.push(OR);
        old.text.push_str(&value.text);
        if old.path != value.path {
            old.path = None;
        }
    }

    fn parameter(&mut self, name: &str, operation: &str, span: &Span) -> Value {
        let mut value = match name {
            "0" | "BASH_SOURCE" => Value::of(SELF),
            "@" | "*" => match self.arguments.last() {
                Some(arguments) => {
                    let texts: Vec<&str> = arguments.iter().map(|argument| argument.text.as_str()).collect();
                    Value::of(texts.join(" "))
                }
                None => Value::unknown(),
            },
            "#" | "?" | "$" | "!" | "RANDOM" | "SECONDS" | "LINENO" | "PPID" => Value::of(NUMBER),
            "-" => Value::of(CONSTANT),
            name if name.bytes().all(|byte| byte.is_ascii_digit()) => match self.arguments.last() {
                Some(arguments) => {
                    let at = name.parse::<usize>().unwrap_or(1).saturating_sub(1);
                    arguments.get(at).cloned().unwrap_or_else(|| Value::of(""))
                }
                None => {
                    let first = operation.trim_start_matches(':').chars().next();
                    if !self.sets_arguments
                        && !matches!(first, Some('-' | '+' | '='))
                        && self.found.arguments.is_none()
                    {
                        self.found.arguments = Some(span.clone());
                    }
                    Value::unknown()
                }
            },
            name => match self.variables.get(name) {
                Some(value) => value.clone(),
                None => {
                    let own = name.bytes().any(|byte| byte.is_ascii_lowercase())
                        && !self.assigned.contains(name)
                        && !self.assigned.contains("*");
                    Value::of(if own { UNSET } else { UNKNOWN })
                }
            },
        };
        value.open = true;
        self.copied += value.text.len();
        if value.text.len() > LONGEST || self.copied > COPIED {
            return Value::unknown();
        }
        if operation.is_empty() || operation.starts_with('[') {
            return value;
        }
        value.path = None;
        if operation == "#length" {
            return Value::of(NUMBER);
        }
        if operation.starts_with('/') && operation.contains("[^") || operation.starts_with("//[!") {
            value.text = message::checked(&value.text);
        } else if operation.trim_start_matches(':').starts_with(['-', '=']) {
            value.text.push(OR);
            value.text.push(CONSTANT);
        } else if operation.trim_start_matches(':').starts_with('?') {
        } else if message::plain(&value.text) {
            value.text = if name == "0" { SELF.to_string() } else { CONSTANT.to_string() };
        } else {
            value.text.retain(|letter| ('\u{e000}'..='\u{e009}').contains(&letter));
        }
        value
    }

    fn word(&mut self, word: &'a Word) -> Value {
        let mut whole = Value { open: true, ..Value::default() };
        let single = word.parts.len() == 1;
        for part in &word.parts {
            let value = match part {
                Part::Text { text, .. } => Value::of(text.clone()),
                Part::Parameter { name, operation, span, .. } => self.parameter(name, operation, span),
                Part::Substitution { list, .. } => self.substitution(list),
                Part::Process { list, .. } => self.substitution(list),
                Part::Arithmetic => Value::of(NUMBER),
            };
            if single {
                whole = value;
            } else {
                if whole.text.len() <= LONGEST {
                    whole.text.push_str(&value.text);
                }
                whole.span = whole.span.or(value.span);
            }
        }
        if whole.text.len() > LONGEST {
            whole.text = UNKNOWN.to_string();
        }
        whole.span = whole.span.or_else(|| Some(word.span.clone()));
        whole
    }

    fn streams(&mut self, redirections: &'a [Redirection]) -> Streams {
        let mut streams = Streams::default();
        for redirection in redirections {
            streams.span = redirection.target.span.clone();
            let target = self.word(&redirection.target);
            let plain = target.text.as_str();
            if redirection.named && !matches!(redirection.op, Op::DupOut | Op::DupIn) {
                continue;
            }
            match (redirection.op, redirection.fd) {
                (Op::HereString, 0) => streams.input = Some(target),
                (Op::HereDocument, 0) => {
                    let script = self.script;
                    streams.input =
                        Some(match redirection.document.and_then(|at| script.documents.get(at)) {
                            Some(word) => self.word(word),
                            None => Value::unknown(),
                        });
                }
                (Op::Read | Op::ReadWrite, 0) => {
                    if is_stdin(plain) {
                        continue;
                    }
                    let process =
                        redirection.target.parts.iter().any(|part| matches!(part, Part::Process { .. }));
                    if !process {
                        self.relative(&target, &redirection.target.span);
                    }
                    streams.input = Some(if process { target } else { Value::unknown() });
                    streams.reads = true;
                }
                (Op::DupIn, 0) => {
                    let same =
                        plain == "0" || plain.parse().is_ok_and(|fd| self.copies.contains(&(false, fd)));
                    if !same {
                        streams.input = Some(Value::unknown());
                        streams.reads = true;
                    }
                }
                (Op::Write | Op::Append | Op::Both, 1) => {
                    if matches!(plain, "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") {
                        continue;
                    }
                    streams.away = true;
                    streams.effect = file_effect(plain).or(streams.effect);
                    self.relative(&target, &redirection.target.span);
                }
                (Op::DupOut, 1) => {
                    let same =
                        plain == "1" || plain.parse().is_ok_and(|fd| self.copies.contains(&(true, fd)));
                    streams.back |= same && plain != "1";
                    if !same {
                        streams.away = true;
                        if plain.parse::<u32>().is_err() && plain != "-" && message::plain(plain) {
                            streams.effect = file_effect(plain).or(streams.effect);
                        }
                    }
                }
                _ => {}
            }
        }
        streams
    }

    /// A file by a path that begins nowhere; execd starts scripts in Wazuh's home.
    fn relative(&mut self, value: &Value, span: &Span) {
        let text = value.text.as_str();
        if !text.contains(OR)
            && !text.starts_with(['&', '$'])
            && let Some(fault) = super::relative(text)
        {
            self.event(fault, span);
        }
    }

    fn command(&mut self, command: &'a Command) -> Cond {
        if self.spend() {
            return Cond::Unknown;
        }
        if let Kind::Function { .. } = &command.kind {
            return Cond::Yes;
        }
        if let Kind::Simple { assignments, words } = &command.kind {
            return self.simple(command, assignments, words);
        }
        let streams = self.streams(&command.redirections);
        let outer = self.input.clone();
        let (fed, away) = (streams.input.is_some(), streams.away);
        let moved = self.moved;
        self.moved &= !streams.back;
        if let Some(input) = streams.input {
            self.input = Some(input);
        }
        if away {
            self.captures.push(Value::default());
        }
        let mut cond = Cond::Unknown;
        let nodes = self.apart(|lower| cond = lower.compound(command));
        if away {
            self.captures.pop();
        }
        self.input = outer;
        self.moved = moved;
        let subshell = matches!(command.kind, Kind::Subshell(_));
        if fed || away || subshell {
            self.out.push(Node::With { stdin: !fed, stdout: !away, subshell, body: nodes });
        } else {
            self.out.extend(nodes);
        }
        if let Some(effect) = streams.effect {
            self.event(effect, &command.span);
        }
        cond
    }

    fn compound(&mut self, command: &'a Command) -> Cond {
        match &command.kind {
            Kind::Group(list) | Kind::Subshell(list) => self.list(list),
            Kind::If { arms, otherwise } => {
                // The tests of later arms run only where the earlier ones failed.
                self.arms(arms, otherwise.as_ref(), 0);
                Cond::Unknown
            }
            Kind::While { until, test, body } => {
                let mut cond = Cond::Unknown;
                let test = self.apart(|lower| cond = lower.list(test));
                let body = self.perhaps(|lower| {
                    lower.list(body);
                });
                let cond = if *until { cond.not() } else { cond };
                self.out.push(Node::Loop { test, cond, body, span: command.span.clone() });
                Cond::Unknown
            }
            Kind::For { name, words, body } => {
                let mut texts = Vec::new();
                for word in words {
                    texts.push(self.word(word).text);
                }
                let sure = words.iter().any(|word| {
                    word.parts.iter().any(|part| {
                        matches!(part, Part::Text { .. })
                            || matches!(part, Part::Parameter { quoted: true, .. })
                    })
                });
                self.set(name, Value::of(texts.join(&OR.to_string())));
                let body = self.perhaps(|lower| {
                    lower.list(body);
                });
                let cond = if sure { Cond::First } else { Cond::Unknown };
                self.out.push(Node::Loop { test: Vec::new(), cond, body, span: command.span.clone() });
                Cond::Unknown
            }
            Kind::Case { word, arms } => {
                self.word(word);
                let checks = arms.iter().any(|(labels, _)| {
                    labels.iter().any(|label| {
                        label.parts.iter().any(|part| {
                            matches!(part, Part::Text { text, quoted: false } if text.contains("[!") || text.contains("[^"))
                        })
                    })
                });
                if checks {
                    self.check(word);
                }
                let mut lowered = Vec::new();
                for (labels, body) in arms {
                    let cond = self.label(labels);
                    let nodes = self.perhaps(|lower| {
                        lower.list(body);
                    });
                    lowered.push((cond, nodes));
                }
                self.out.push(Node::If(lowered));
                Cond::Unknown
            }
            Kind::Test(words) => {
                let texts: Vec<(String, Span)> =
                    words.iter().map(|word| (self.word(word).text, word.span.clone())).collect();
                for (at, (text, _)) in texts.iter().enumerate() {
                    if matches!(text.as_str(), "=~" | "==" | "=" | "!=") && at > 0 {
                        let pattern = texts.get(at + 1).map_or("", |(text, _)| text);
                        let sets = text == "=~" || pattern.contains("[!") || pattern.contains("[^");
                        if sets && let Some(word) = words.get(at - 1) {
                            self.check(word);
                        }
                    }
                    if matches!(text.as_str(), "-eq" | "-ne" | "-lt" | "-gt" | "-le" | "-ge")
                        && let Some(side) = [at.wrapping_sub(1), at + 1]
                            .into_iter()
                            .find_map(|side| texts.get(side).filter(|(text, _)| message::tainted(text)))
                    {
                        let text = "[[ reads this as arithmetic, and runs a $(...) in it".to_owned();
                        let fault = Event::Fault(FaultKind::Injection, Confidence::Possible, text, None);
                        self.event(fault, &side.1);
                    }
                }
                self.test(&texts)
            }
            Kind::Coprocess(body) => {
                let outer = self.input.replace(Value::of(LINE));
                self.captures.push(Value::default());
                let nodes = self.apart(|lower| {
                    lower.command(body);
                });
                self.captures.pop();
                self.input = outer;
                self.out.push(Node::Background(nodes));
                Cond::Yes
            }
            Kind::Arithmetic | Kind::Function { .. } | Kind::Simple { .. } => Cond::Unknown,
        }
    }

    fn arms(&mut self, arms: &'a [(List, List)], otherwise: Option<&'a List>, depth: u32) {
        if depth > MANY as u32 {
            for (test, body) in arms {
                self.list(test);
                self.list(body);
            }
            return;
        }
        let Some(((test, body), rest)) = arms.split_first() else {
            if let Some(list) = otherwise {
                self.list(list);
            }
            return;
        };
        let cond = if depth == 0 {
            self.list(test)
        } else {
            let live = std::mem::replace(&mut self.live, false);
            let cond = self.list(test);
            self.live = live;
            cond
        };
        let then = self.perhaps(|lower| {
            lower.list(body);
        });
        let other = self.perhaps(|lower| lower.arms(rest, otherwise, depth + 1));
        self.out.push(Node::If(vec![(cond, then), (Cond::Yes, other)]));
    }

    /// Somebody looks at this value.
    fn check(&mut self, word: &Word) {
        for part in &word.parts {
            if let Part::Parameter { name, .. } = part
                && let Some(value) = self.variables.get_mut(name)
            {
                value.text = message::checked(&value.text);
            }
        }
    }

    fn label(&mut self, labels: &[Word]) -> Cond {
        let mut words = Words::default();
        let mut all = !labels.is_empty();
        for label in labels {
            match label.literal() {
                Some(text) if text == "*" => return Cond::Yes,
                Some(text) => {
                    let text = text.trim_matches('"').to_ascii_lowercase();
                    match self.found.protocol(&text, &label.span) {
                        Some(_) => {
                            words.take(&text);
                        }
                        None => all = false,
                    }
                }
                None => all = false,
            }
        }
        if all { Cond::Word(words) } else { Cond::Unknown }
    }

    /// What is between the brackets of `[ ]` or `[[ ]]`.
    fn test(&mut self, words: &[(String, Span)]) -> Cond {
        let words: Vec<&(String, Span)> =
            words.iter().filter(|(text, _)| !matches!(text.as_str(), "(" | ")")).collect();
        let mut any = Vec::new();
        for part in words.split(|(text, _)| matches!(text.as_str(), "||" | "-o")) {
            let mut all = Vec::new();
            for atom in part.split(|(text, _)| matches!(text.as_str(), "&&" | "-a")) {
                all.push(self.atom(atom));
            }
            any.push(if all.len() == 1 { all.pop().unwrap_or(Cond::Unknown) } else { Cond::All(all) });
        }
        if any.len() == 1 { any.pop().unwrap_or(Cond::Unknown) } else { Cond::Any(any) }
    }

    fn atom(&mut self, words: &[&(String, Span)]) -> Cond {
        match words {
            [(not, _), rest @ ..] if not == "!" => self.atom(rest).not(),
            [(flag, _), (what, _)] if flag == "-t" => {
                if what == "0" || what == "1" {
                    Cond::No
                } else {
                    Cond::Unknown
                }
            }
            [(flag, _), (what, _)] if flag == "-p" && is_stdin(what) => Cond::Yes,
            [(left, left_span), (op, _), (right, right_span)] => {
                let not = op == "!=";
                if !not && !matches!(op.as_str(), "=" | "==" | "=~") {
                    return Cond::Unknown;
                }
                if op == "=~" {
                    let mut words = Words::default();
                    let mut any = false;
                    for word in right.split(|letter: char| !letter.is_ascii_alphanumeric()) {
                        if word.is_empty() {
                            continue;
                        }
                        if self.found.protocol(word, right_span).is_none() {
                            return Cond::Unknown;
                        }
                        words.take(word);
                        any = true;
                    }
                    return if any { Cond::Word(words) } else { Cond::Unknown };
                }
                let trim = |text: &str| text.trim_matches(['"', 'x', 'X', '*']).to_ascii_lowercase();
                let found = self
                    .found
                    .protocol(&trim(right), right_span)
                    .or_else(|| self.found.protocol(&trim(left), left_span));
                match found {
                    Some(words) if not => Cond::Word(words).not(),
                    Some(words) => Cond::Word(words),
                    None => Cond::Unknown,
                }
            }
            _ => Cond::Unknown,
        }
    }

    fn simple(
        &mut self,
        command: &'a Command,
        assignments: &'a [super::shell_syntax::Assignment],
        words: &'a [Word],
    ) -> Cond {
        let first = words.first().and_then(Word::literal).unwrap_or_default();
        for assignment in assignments {
            let mut texts = Vec::new();
            let mut path = None;
            let mut open = true;
            for word in &assignment.values {
                let value = self.word(word);
                path = value.path.clone();
                open = value.open;
                texts.push(value.text);
            }
            let one = texts.len() == 1;
            let mut text = texts.join(" ");
            if assignment.append {
                text.insert_str(
                    0,
                    &self.variables.get(&assignment.name).map_or_else(String::new, |old| old.text.clone()),
                );
            }
            // `IFS= read` sets it for the command only.
            if words.is_empty()
                || matches!(first.as_str(), "local" | "export" | "declare" | "readonly" | "typeset")
            {
                let path = if one { path } else { None };
                self.set(&assignment.name, Value { text, path, open, span: None });
            }
        }
        let mut streams = self.streams(&command.redirections);
        let own = self.functions.contains_key(&first);
        streams.away |= self.moved && !streams.back && !own && first != "exec";
        if words.is_empty() {
            if let Some(effect) = streams.effect {
                self.event(effect, &command.span);
            }
            return Cond::Unknown;
        }
        let values: Vec<Value> = words.iter().map(|word| self.word(word)).collect();
        let outer = self.input.clone();
        let fed = streams.input.is_some();
        if let Some(input) = &streams.input {
            self.input = Some(input.clone());
        }
        if streams.away {
            self.captures.push(Value::default());
        }
        let moved = self.moved;
        self.moved &= !streams.back;
        let mut cond = Cond::Unknown;
        let exec_streams = first == "exec" && words.len() == 1;
        let nodes = self.apart(|lower| {
            if !exec_streams {
                cond = lower.run(command, words, &values);
            }
        });
        if streams.away {
            self.captures.pop();
        }
        self.input = outer;
        self.moved = moved;
        if exec_streams {
            self.exec(command, &streams);
            return Cond::Yes;
        }
        if fed || streams.away {
            self.out.push(Node::With { stdin: !fed, stdout: !streams.away, subshell: false, body: nodes });
        } else {
            self.out.extend(nodes);
        }
        if let Some(effect) = streams.effect {
            self.event(effect, &command.span);
        }
        cond
    }

    /// `exec` with redirections only.
    fn exec(&mut self, command: &'a Command, streams: &Streams) {
        for redirection in &command.redirections {
            let target = redirection.target.literal().unwrap_or_default();
            if redirection.named {
                match (redirection.op, target.as_str()) {
                    (Op::DupOut, "1") => {
                        self.copies.insert((true, redirection.fd));
                    }
                    (Op::DupIn, "0") => {
                        self.copies.insert((false, redirection.fd));
                    }
                    _ => {}
                }
            }
        }
        if let Some(input) = &streams.input {
            self.event(Event::StdinGone, &command.span);
            self.input = Some(input.clone());
        }
        if streams.back {
            self.moved = false;
        } else if streams.away && self.copies.iter().any(|(out, _)| *out) {
            self.moved = true;
        } else if streams.away {
            self.event(Event::StdoutGone, &command.span);
        }
    }

    /// A command by its words.
    fn run(&mut self, command: &'a Command, words: &'a [Word], values: &[Value]) -> Cond {
        let mut at = 0;
        let span = command.span.clone();
        let mut limited = false;
        let mut replaced = false;
        // Programs that start another.
        while let Some(value) = values.get(at) {
            let name = value.text.rsplit('/').next().unwrap_or_default();
            let next = at + 1;
            let skip = |from: usize, with_value: &[&str]| {
                let mut at = from;
                while let Some(value) = values.get(at) {
                    let text = value.text.as_str();
                    if with_value.contains(&text) {
                        at += 2;
                    } else if text.starts_with('-') && text.len() > 1
                        || text.contains('=') && !text.contains('/')
                    {
                        at += 1;
                    } else {
                        break;
                    }
                }
                at
            };
            let to = match name {
                "sudo" | "doas" => skip(next, &["-u", "-g", "-h", "-p"]),
                "env" => skip(next, &["-u", "-C", "-S"]),
                "nice" | "ionice" => skip(next, &["-n", "-c", "-p"]),
                "nohup" | "setsid" | "stdbuf" | "builtin" | "busybox" | "unbuffer" => {
                    skip(next, &["-i", "-o", "-e"])
                }
                "exec" => {
                    replaced = true;
                    skip(next, &["-a"])
                }
                "command" => {
                    if values.get(next).is_some_and(|value| matches!(value.text.as_str(), "-v" | "-V")) {
                        let captured = Value::unknown();
                        self.print(Prints::Maybe, captured, &span);
                        return Cond::Unknown;
                    }
                    skip(next, &[])
                }
                "timeout" => {
                    limited = true;
                    skip(next, &["-s", "-k", "--signal", "--kill-after"]) + 1
                }
                "flock" => skip(next, &["-w", "-E", "-c"]) + 1,
                _ => break,
            };
            if to >= values.len() {
                break;
            }
            if !matches!(name, "exec" | "command" | "builtin") {
                self.tool(name, words.get(at));
            }
            at = to;
        }
        let (Some(own), Some(word)) = (values.get(at), words.get(at)) else { return Cond::Unknown };
        let args: Vec<String> = values.iter().skip(at + 1).map(|value| value.text.clone()).collect();
        let rest = values.get(at + 1..).unwrap_or_default();
        let rest_words = words.get(at + 1..).unwrap_or_default();
        let called = own.text.clone();
        let name = called.rsplit('/').next().unwrap_or_default().to_owned();
        let cond = if let Some(body) = self.functions.get(&called).copied() {
            self.call(&called, body, rest)
        } else if self.by_word(&called, rest, &span) {
            Cond::Unknown
        } else {
            self.program(&called, &name, word, &args, rest, rest_words, &span, limited)
        };
        if replaced {
            self.out.push(Node::Exit(None));
        }
        cond
    }

    /// A call of a function whose name ends with what comes from elsewhere, as in `do_$action`; false
    /// when it can be none. Those named after words of the protocol run for these.
    fn by_word(&mut self, called: &str, arguments: &[Value], span: &Span) -> bool {
        /// Beyond these they are not gone through for every such call.
        const MANY_FUNCTIONS: usize = 200;
        let head = called.trim_end_matches(|letter: char| !message::plain(letter.encode_utf8(&mut [0; 4])));
        if head == called || !message::plain(head) || self.functions.len() > MANY_FUNCTIONS {
            return false;
        }
        let mut bodies: Vec<(String, &'a Command)> = self
            .functions
            .iter()
            .filter(|(name, _)| name.starts_with(head))
            .map(|(name, body)| (name.clone(), *body))
            .collect();
        bodies.sort_by_key(|(_, body)| body.span.start);
        if bodies.is_empty() {
            return false;
        }
        let mut arms = Vec::new();
        for (name, body) in bodies {
            let word = name.strip_prefix(head).unwrap_or_default();
            if let Some(words) = self.found.protocol(word, &body.span) {
                let nodes = self.perhaps(|lower| {
                    lower.call(&name, body, arguments);
                });
                arms.push((Cond::Word(words), nodes));
            }
        }
        if arms.is_empty() && head.is_empty() {
            return false;
        }
        if arms.is_empty() {
            self.opaque(span);
        }
        self.out.push(Node::If(arms));
        true
    }

    fn call(&mut self, name: &str, body: &'a Command, arguments: &[Value]) -> Cond {
        self.called.insert(name.to_owned());
        if self.stack.len() > 7 || self.stack.iter().any(|other| other == name) {
            return Cond::Unknown;
        }
        self.stack.push(name.to_owned());
        self.arguments.push(arguments.to_vec());
        let mut cond = Cond::Unknown;
        let nodes = self.apart(|lower| cond = lower.command(body));
        self.arguments.pop();
        self.stack.pop();
        self.out.push(Node::Function(nodes));
        cond
    }

    fn tool(&mut self, name: &str, word: Option<&Word>) {
        let Some(word) = word else { return };
        for name in name.split(OR) {
            let odd = |letter: char| !(letter.is_ascii_alphanumeric() || "_-+./@[:".contains(letter));
            if name.is_empty()
                || !message::plain(name)
                || name.contains(odd)
                || tools::BUILTINS.contains(&name)
            {
                continue;
            }
            let optional = !self.live || self.probed.contains(name);
            self.found.tools.push(Need { name: name.to_owned(), span: word.span.clone(), optional });
        }
    }

    /// Output of a command, to whoever takes it.
    fn print(&mut self, prints: Prints, value: Value, span: &Span) {
        if prints == Prints::Nothing {
            return;
        }
        if let Some(capture) = self.captures.last_mut() {
            let first = capture.text.is_empty();
            if capture.text.len() < LONGEST {
                capture.text.push_str(&value.text);
            }
            capture.path = if first { value.path.clone() } else { None };
            capture.open = value.open;
        }
        let output = match message::keys(&value.text, !value.open, self.contract) {
            Some(look) => Output::Keys(look),
            None if prints == Prints::Maybe => Output::Maybe,
            None if value.text.trim_matches(UNKNOWN).is_empty() && value.text.contains(UNKNOWN) => {
                Output::Maybe
            }
            None => Output::Noise,
        };
        self.event(Event::Write(output, None), span);
    }

    fn unquoted(&mut self, words: &[Word]) {
        let mut known: HashMap<&str, bool> = HashMap::new();
        for word in words {
            for part in &word.parts {
                if let Part::Parameter { name, quoted: false, operation, span } = part
                    && operation.is_empty()
                    && *known.entry(name).or_insert_with(|| {
                        self.variables.get(name).is_some_and(|value| message::tainted(&value.text))
                    })
                {
                    let text = format!("${name} falls into words, and its * and ? into names of files");
                    let rewrite = Some(format!("\"{}\"", self.source(span)));
                    let fault = Event::Fault(FaultKind::Unquoted, Confidence::Possible, text, rewrite);
                    self.event(fault, span);
                }
            }
        }
    }

    fn injected(&mut self, span: &Span, how: &str) {
        let text = format!("{how} runs text of the event as a command");
        self.event(Event::Fault(FaultKind::Injection, Confidence::Likely, text, None), span);
    }

    #[expect(clippy::too_many_arguments, reason = "one command, seen from all sides")]
    fn program(
        &mut self,
        called: &str,
        name: &str,
        word: &'a Word,
        args: &[String],
        values: &[Value],
        words: &'a [Word],
        span: &Span,
        limited: bool,
    ) -> Cond {
        self.tool(called, Some(word));
        if called.contains('/') {
            let value = Value::of(called);
            self.relative(&value, &word.span);
        }
        if name != "[" && name != "test" {
            self.unquoted(words);
        }
        let tainted = args.iter().any(|arg| message::tainted(arg));
        match name {
            ":" | "true" => return Cond::Yes,
            "false" => return Cond::No,
            "break" => {
                self.out.push(Node::Break);
                return Cond::Yes;
            }
            "continue" => {
                self.out.push(Node::Continue);
                return Cond::Yes;
            }
            "return" => {
                self.out.push(Node::Return);
                return Cond::Yes;
            }
            "exit" => {
                let status = args.first().and_then(|status| status.parse().ok());
                self.out.push(Node::Exit(status));
                return Cond::Yes;
            }
            "read" => return self.read(args, word, words),
            "mapfile" | "readarray" => return self.mapfile(args, word),
            "echo" => {
                let mut plain = args;
                let mut open = false;
                while let Some((first, rest)) = plain.split_first()
                    && matches!(first.as_str(), "-n" | "-e" | "-E" | "-en" | "-ne")
                {
                    open |= first.contains('n');
                    plain = rest;
                }
                let text = plain.join(" ");
                let path = if values.len() == 1 {
                    values.first().and_then(|value| value.path.clone())
                } else {
                    None
                };
                if !open || !text.is_empty() {
                    self.print(Prints::Something, Value { text, path, open, span: None }, span);
                }
                return Cond::Yes;
            }
            "printf" => {
                if args.first().is_some_and(|arg| arg == "-v") {
                    let text = format(args.get(2..).unwrap_or_default()).0;
                    if let Some(name) = args.get(1) {
                        self.set(&name.clone(), Value::of(text));
                    }
                    return Cond::Yes;
                }
                let skip = usize::from(args.first().is_some_and(|arg| arg == "--"));
                let (text, open) = format(args.get(skip..).unwrap_or_default());
                let mut paths = values.iter().filter(|value| value.path.is_some());
                let path = match (paths.next(), paths.next()) {
                    (Some(value), None) => value.path.clone(),
                    _ => None,
                };
                if !text.is_empty() {
                    self.print(Prints::Something, Value { text, path, open, span: None }, span);
                }
                return Cond::Yes;
            }
            "[" | "test" => {
                let texts: Vec<(String, Span)> = args
                    .iter()
                    .cloned()
                    .zip(words.iter().map(|word| word.span.clone()))
                    .filter(|(text, _)| text != "]")
                    .collect();
                return self.test(&texts);
            }
            "eval" => {
                if tainted {
                    self.injected(span, "eval");
                }
                self.opaque(span);
                return Cond::Unknown;
            }
            "." | "source" => {
                if let (Some(value), Some(word)) = (values.first(), words.first()) {
                    self.relative(&value.clone(), &word.span);
                }
                self.opaque(span);
                return Cond::Unknown;
            }
            "sh" | "bash" | "dash" | "zsh" | "ksh" | "su" | "python" | "python3" | "perl" | "ruby" => {
                if let Some(at) = args.iter().position(|arg| {
                    matches!(arg.as_str(), "-c" | "-e")
                        || arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with('c')
                }) && args.get(at + 1).is_some_and(|code| message::tainted(code))
                {
                    self.injected(span, &format!("{name} {}", args.get(at).map_or("-c", String::as_str)));
                }
            }
            "sleep" => {
                let seconds = match args.first().map(String::as_str) {
                    Some("infinity" | "inf") => Some(None),
                    Some(text) => seconds(text).map(Some),
                    None => None,
                };
                if let Some(seconds) = seconds
                    && !limited
                {
                    self.event(Event::Wait(seconds), span);
                }
                return Cond::Unknown;
            }
            "kill"
                if words.iter().any(|word| {
                    word.parts.iter().any(|part| matches!(part, Part::Parameter { name, .. } if name == "$"))
                }) =>
            {
                if !args.iter().any(|arg| arg == "-0") {
                    self.event(Event::Killed, span);
                }
                return Cond::Unknown;
            }
            "logger" => {
                self.event(Event::Log, span);
                if self.input.is_none() && tools::input(name, args) != Input::No {
                    self.read_all(name, span, None, true);
                }
                return Cond::Unknown;
            }
            _ => {}
        }
        self.external(name, args, values, words, span, limited)
    }

    fn external(
        &mut self,
        name: &str,
        args: &[String],
        values: &[Value],
        words: &'a [Word],
        span: &Span,
        limited: bool,
    ) -> Cond {
        let takes = tools::input(name, args);
        let from_script = self.input.is_none();
        if from_script {
            match &takes {
                Input::No => {}
                Input::Line => self.event(Event::ReadLine { raw: true, rewrite: None }, span),
                Input::All { .. } if limited => {
                    self.event(Event::ReadLine { raw: true, rewrite: None }, span)
                }
                Input::All { certain } => {
                    let rewrite = match name {
                        "cat" if args.is_empty() => Some("head -n1".to_owned()),
                        "cat" => None,
                        _ => Some(format!("head -n1 | {}", self.source(span))),
                    };
                    self.read_all(name, span, rewrite, *certain);
                }
                Input::Unknown => self.event(Event::ReadMaybe, span),
            }
        }
        let reads = !matches!(takes, Input::No);
        let input =
            if reads { self.input.clone().unwrap_or_else(|| Value::of(LINE)) } else { Value::unknown() };
        let mut cond = Cond::Unknown;
        let (prints, value) = match name {
            "jq" | "gojq" | "jaq" => {
                let (value, sure, found) = self.jq(args, values, words, &input, reads);
                cond = found;
                (if sure { Prints::Something } else { Prints::Maybe }, value)
            }
            "cat" | "tee" | "head" | "line" | "sponge" if reads => {
                let prints = if name == "tee" || name == "cat" { Prints::Something } else { Prints::Maybe };
                if name == "tee" {
                    let file = args.iter().find(|arg| !arg.starts_with('-')).cloned().unwrap_or_default();
                    if let Some(effect) = file_effect(&file) {
                        self.event(effect, span);
                    }
                }
                (prints, Value { open: false, ..input.clone() })
            }
            "grep" | "egrep" | "fgrep" | "sed" | "awk" | "gawk" | "mawk" => {
                let quiet = args.iter().any(|arg| {
                    arg.starts_with("-q")
                        || arg == "--quiet"
                        || arg == "-xq"
                        || arg == "-qxF"
                        || arg == "-Eq"
                        || arg == "-Fq"
                        || arg == "-iq"
                });
                let member = values.iter().zip(words).find_map(|(value, word)| {
                    let name = jq::quoted_member(value.text.as_bytes())?;
                    Some((name, word.span.clone()))
                });
                let captured = self.captures.len();
                let text = if let Some((member, place)) = member {
                    let optional = !self.live || captured == 0;
                    self.found.fields.push(FieldRead {
                        paths: vec![format!("*.{member}")],
                        optional,
                        fatal: false,
                        how: tool_name(name),
                        span: place,
                    });
                    message::field(&[member]).to_string()
                } else if name == "sed" && tools::input("sed", args) == Input::Line && input.is_line()
                    || name == "grep" && args.iter().any(|arg| arg == ".")
                    || matches!(name, "awk" | "gawk" | "mawk")
                        && args.iter().any(|arg| arg.contains("print;"))
                {
                    input.text.clone()
                } else if message::tainted(&input.text) {
                    EVENT.to_string()
                } else if message::plain(&input.text) {
                    input.text.clone()
                } else {
                    UNKNOWN.to_string()
                };
                if quiet {
                    // `echo "$x" | grep -q '^[0-9.]*$'` looks at the value.
                    if input.text.contains([EVENT, LINE]) {
                        let names: Vec<String> = self
                            .variables
                            .iter()
                            .filter(|(_, value)| value.text == input.text && !value.is_line())
                            .map(|(name, _)| name.clone())
                            .collect();
                        for name in names {
                            if let Some(value) = self.variables.get_mut(&name) {
                                value.text = message::checked(&value.text);
                            }
                        }
                    }
                    let pattern = args.iter().find(|arg| !arg.starts_with('-')).cloned().unwrap_or_default();
                    let mut found = Words::default();
                    let mut any = false;
                    if message::varies(&input.text) || input.text.contains(HOST) {
                        for word in pattern.split(|letter: char| !letter.is_ascii_alphanumeric()) {
                            if self.found.protocol(word, span).is_some() {
                                found.take(word);
                                any = true;
                            }
                        }
                    }
                    if any {
                        cond = Cond::Word(found);
                    }
                }
                (if quiet { Prints::Nothing } else { Prints::Maybe }, Value::of(text))
            }
            "tr" => {
                let cuts = args.first().is_some_and(|arg| arg.contains('d'))
                    && args.iter().any(|arg| arg.contains("\\n"));
                let text = if args.iter().any(|arg| arg == "-cd" || arg == "-dc") {
                    message::checked(&input.text)
                } else {
                    input.text.clone()
                };
                (Prints::Maybe, Value { text, open: cuts || input.open, path: None, span: None })
            }
            "cut" | "xargs" | "sort" | "uniq" | "rev" | "base64" | "paste" | "tail" | "fold" | "column" => {
                let text = if message::tainted(&input.text) { EVENT } else { UNKNOWN };
                (Prints::Maybe, Value::of(text))
            }
            "md5sum" | "sha1sum" | "sha256sum" | "wc" => {
                (Prints::Maybe, Value::of(message::checked(&input.text)))
            }
            "date" | "hostname" | "uname" | "id" | "whoami" => {
                (tools::prints(name, args), Value::of(CONSTANT))
            }
            "basename" | "dirname" => {
                let text = if args.iter().any(|arg| message::tainted(arg)) {
                    EVENT.to_string()
                } else if args.iter().any(|arg| arg.contains(SELF)) {
                    SELF.to_string()
                } else {
                    UNKNOWN.to_string()
                };
                (Prints::Something, Value::of(text))
            }
            _ => {
                let prints = tools::prints(name, args);
                let text = if args.iter().any(|arg| message::tainted(arg)) {
                    EVENT
                } else if prints == Prints::Something {
                    CONSTANT
                } else {
                    UNKNOWN
                };
                (prints, Value::of(text))
            }
        };
        // A mere path as the name of an unknown program cannot be told to print.
        let prints = if name.is_empty() || !message::plain(name) { Prints::Maybe } else { prints };
        let names: Vec<&str> = name.split(OR).collect();
        let prints =
            if names.len() > 1 && names.iter().all(|name| tools::prints(name, args) == Prints::Nothing) {
                Prints::Nothing
            } else {
                prints
            };
        self.print(prints, value, span);
        let trims = name == "xargs" && args.is_empty();
        if !trims && !names.iter().all(|name| tools::pure(name, args)) {
            self.event(Event::Effect, span);
        }
        cond
    }

    fn opaque(&mut self, span: &Span) {
        self.found.opaque = true;
        self.event(Event::Opaque, span);
    }

    fn read(&mut self, args: &[String], word: &'a Word, _words: &'a [Word]) -> Cond {
        let mut raw = false;
        let mut whole = false;
        let mut timed = false;
        let mut names = Vec::new();
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            at += 1;
            let Some(flags) = arg.strip_prefix('-').filter(|flags| !flags.is_empty()) else {
                names.push(arg.clone());
                continue;
            };
            for (place, flag) in flags.char_indices() {
                match flag {
                    'r' => raw = true,
                    'u' | 'd' | 't' | 'n' | 'N' | 'p' | 'i' | 'a' => {
                        let inline = flags.get(place + 1..).unwrap_or_default();
                        let value = if inline.is_empty() {
                            at += 1;
                            args.get(at - 1).cloned().unwrap_or_default()
                        } else {
                            inline.to_owned()
                        };
                        match flag {
                            'u' if value != "0"
                                && !self.copies.contains(&(false, value.parse().unwrap_or(0))) =>
                            {
                                for name in args.get(at..).unwrap_or_default() {
                                    self.set(name, Value::unknown());
                                }
                                return Cond::Unknown;
                            }
                            'd' => whole = value.is_empty() || value == "\0",
                            't' => timed = true,
                            'a' => names.push(value),
                            _ => {}
                        }
                        break;
                    }
                    _ => {}
                }
            }
        }
        if names.is_empty() {
            names.push("REPLY".to_owned());
        }
        let value = match &self.input {
            Some(input) => {
                Value { path: if names.len() == 1 { input.path.clone() } else { None }, ..input.clone() }
            }
            None => {
                if whole && !timed {
                    self.read_all("read -d ''", &word.span, None, true);
                } else {
                    let rewrite = Some("read -r".to_owned());
                    self.event(Event::ReadLine { raw, rewrite }, &word.span);
                }
                Value::of(LINE)
            }
        };
        let from_script = self.input.is_none();
        for name in names {
            self.set(&name, value.clone());
        }
        if from_script { Cond::Read } else { Cond::Unknown }
    }

    fn mapfile(&mut self, args: &[String], word: &'a Word) -> Cond {
        let mut name = "MAPFILE".to_owned();
        let mut count = None;
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            at += 1;
            match arg.as_str() {
                "-n" | "-O" | "-s" | "-u" | "-d" | "-C" | "-c" => {
                    if arg == "-n" {
                        count = args.get(at).and_then(|count| count.parse::<u32>().ok());
                    }
                    at += 1;
                }
                arg if arg.starts_with('-') => {
                    if let Some((_, number)) = arg.split_once('n') {
                        count =
                            number.parse().ok().or_else(|| args.get(at).and_then(|count| count.parse().ok()));
                        at += usize::from(number.is_empty());
                    }
                }
                arg => arg.clone_into(&mut name),
            }
        }
        let value = match &self.input {
            Some(input) => input.clone(),
            None => {
                if count == Some(1) {
                    self.event(Event::ReadLine { raw: true, rewrite: None }, &word.span);
                } else {
                    let source = self.source(&word.span);
                    self.read_all("mapfile without -n 1", &word.span, Some(format!("{source} -n 1")), true);
                }
                Value::of(LINE)
            }
        };
        self.set(&name, value);
        Cond::Unknown
    }

    /// What jq gives: its value, whether it surely prints, what its status says.
    fn jq(
        &mut self,
        args: &[String],
        values: &[Value],
        words: &'a [Word],
        input: &Value,
        reads: bool,
    ) -> (Value, bool, Cond) {
        let mut named: Vec<(String, String)> = Vec::new();
        let mut filter: Option<(String, Span)> = None;
        let mut null = false;
        let mut joined = false;
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            match arg.as_str() {
                "--arg" | "--argjson" => {
                    if let (Some(name), Some(text)) = (args.get(at + 1), args.get(at + 2)) {
                        named.push((name.clone(), text.clone()));
                    }
                    at += 2;
                }
                "--slurpfile" | "--rawfile" => at += 2,
                "--indent" | "-f" | "--from-file" | "-L" => at += 1,
                "--null-input" => null = true,
                arg if arg.starts_with('-') && arg.len() > 1 && !arg.starts_with("--") => {
                    null |= arg.contains('n');
                    joined |= arg.contains('j');
                }
                arg if filter.is_none() => {
                    let span = values.get(at).and_then(|value| value.span.clone());
                    let own = words.get(at).map(|word| word.span.clone());
                    filter = span.or(own).map(|span| (arg.to_owned(), span));
                }
                _ => {}
            }
            at += 1;
        }
        let Some((filter, place)) = filter else { return (Value::unknown(), true, Cond::Unknown) };
        let mut text = filter.clone();
        named.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, value) in &named {
            if text.len() > LONGEST {
                break;
            }
            let quoted = format!("\"{value}\"");
            text = text.replace(&format!("${name}"), &quoted);
        }
        let input_reads = null && tools::contains_word(&tools::without_texts(&filter), "input");
        if !null || input_reads {
            let filter_text = if input_reads {
                filter.replacen("input", ".", 1).replace(". .", ".").replacen("..", ".", 1)
            } else {
                filter.clone()
            };
            let (found, single) = jq::jq(filter_text.as_bytes());
            let root = reads && input.is_line();
            let mut letters = String::new();
            let held = input.path.clone();
            let mut own: Option<(Vec<String>, bool)> = None;
            for read in &found {
                let mut paths = Vec::new();
                for path in &read.paths {
                    let whole = match &held {
                        Some((prefix, _)) => [prefix.clone(), path.clone()].concat(),
                        None if jq::surely_root(path) || root && jq::maybe_root(path) => path.clone(),
                        None => continue,
                    };
                    letters.push(message::field(&whole));
                    paths.push(jq::dotted(&whole));
                    own = Some((whole, read.optional));
                }
                if paths.is_empty() {
                    continue;
                }
                let optional =
                    read.optional || !self.live || held.as_ref().is_some_and(|(_, optional)| *optional);
                self.found.fields.push(FieldRead {
                    paths,
                    optional,
                    fatal: false,
                    how: "jq",
                    span: place.clone(),
                });
            }
            let tests = tools::contains_word(&filter, "select") || filter.contains("==");
            let mut cond = Cond::Unknown;
            if tests {
                let mut words = Words::default();
                let mut any = false;
                for (count, word) in filter.split('"').enumerate() {
                    if count % 2 == 1 && self.found.protocol(word, &place).is_some() {
                        words.take(word);
                        any = true;
                    }
                }
                if any {
                    cond = if filter.contains("!=") { Cond::Word(words).not() } else { Cond::Word(words) };
                }
            }
            if !text.contains("check_keys") {
                if letters.is_empty() {
                    letters =
                        if message::tainted(&input.text) { EVENT.to_string() } else { UNKNOWN.to_string() };
                    if filter.trim() == "." {
                        letters = input.text.clone();
                    }
                }
                let path = match (&own, single.is_some() || found.len() == 1) {
                    (Some(path), true) => Some(path.clone()),
                    _ if filter.trim() == "." => held,
                    _ => None,
                };
                let sure = !["select", "empty", "strings", "?"].iter().any(|word| filter.contains(word));
                let raw = args
                    .iter()
                    .any(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.contains('r'));
                let path = if raw || path.is_some() { path } else { None };
                return (Value { text: letters, path, open: joined, span: None }, sure, cond);
            }
            // A keys message made out of the message itself.
            text = with_letters(&text);
        }
        let sure = !tools::contains_word(&text, "empty");
        (Value { text, path: None, open: joined, span: None }, sure, Cond::Unknown)
    }
}

/// A filter with what it reads in place of its paths.
fn with_letters(filter: &str) -> String {
    let mut out = String::new();
    let mut rest = filter;
    let mut quoted = false;
    let mut before = ' ';
    while let Some(letter) = rest.chars().next() {
        if letter == '"' {
            quoted = !quoted;
        }
        if letter == '.'
            && !quoted
            && !(before.is_alphanumeric() || matches!(before, '_' | ']' | ')'))
            && let Some((path, _, length)) = jq::path(rest.as_bytes())
            && let Some(tail) = rest.get(length.max(1)..)
        {
            out.push(message::field(&path));
            before = ']';
            rest = tail;
            continue;
        }
        out.push(letter);
        before = letter;
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    out
}

fn tool_name(name: &str) -> &'static str {
    match name {
        "sed" => "sed",
        "awk" | "gawk" | "mawk" => "awk",
        _ => "grep",
    }
}

fn is_stdin(name: &str) -> bool {
    matches!(name, "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

/// What writing to a file means.
fn file_effect(name: &str) -> Option<Event> {
    if matches!(name, "" | "/dev/null" | "/dev/stderr" | "/dev/tty" | "/dev/stdout") {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    Some(if lower.ends_with(".log") || lower.contains("/log/") { Event::Log } else { Event::Effect })
}

fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = match text.char_indices().find(|(_, letter)| letter.is_ascii_alphabetic()) {
        Some((at, letter)) => (text.get(..at)?, letter),
        None => (text, 's'),
    };
    let whole: u64 = number.split('.').next()?.parse().ok()?;
    Some(whole.saturating_mul(match unit {
        'm' => 60,
        'h' => 3600,
        'd' => 86400,
        _ => 1,
    }))
}

/// What printf prints, and whether its end is no line feed.
fn format(args: &[String]) -> (String, bool) {
    let Some((format, args)) = args.split_first() else { return (String::new(), true) };
    let mut values = args.iter();
    let mut out = String::new();
    let mut letters = format.chars().peekable();
    let mut open = true;
    while let Some(letter) = letters.next() {
        open = true;
        match letter {
            '%' => {
                if letters.peek() == Some(&'%') {
                    letters.next();
                    out.push('%');
                    continue;
                }
                while let Some(&next) = letters.peek() {
                    letters.next();
                    if next.is_ascii_alphabetic() {
                        if let Some(value) = values.next() {
                            out.push_str(value);
                            open = !value.ends_with('\n');
                        }
                        break;
                    }
                }
            }
            '\\' => match letters.next() {
                Some('n') => {
                    out.push('\n');
                    open = false;
                }
                Some('0') => {
                    out.push('\n');
                    open = false;
                }
                Some(other) => out.push(other),
                None => {}
            },
            '\n' => {
                out.push('\n');
                open = false;
            }
            _ => out.push(letter),
        }
    }
    // A format that came from elsewhere may end in anything.
    if format.contains(UNKNOWN) {
        open = false;
    }
    for value in values {
        out.push(' ');
        out.push_str(value);
    }
    (out, open)
}
