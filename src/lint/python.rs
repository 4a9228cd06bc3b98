//! Python: what a script does, in the order it does it.
//!
//! Functions are followed where they are called, with their arguments; one that nobody calls
//! counts for nothing but the fields it would read.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::flow::{Cond, Event, Node, Output, Span, Words};
use super::message::{self, CONSTANT, EVENT, LINE, NUMBER, SELF, UNKNOWN};
use super::python_syntax::{Block, Expr, Item, Kind, Parameter, Piece, Shape, Statement, parse};
use super::shell_tools::{self as tools, Input, Prints};
use super::{Confidence, FaultKind, FieldRead, Lowered, Need, jq};
use crate::wazuh::version::Contract;

/// Modules that come with Python 3 (`sys.stdlib_module_names`, 3.8 to 3.13).
const STANDARD: &str = "abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii \
    bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections \
    colorsys compileall concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes \
    curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum \
    errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt \
    getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp \
    importlib inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox \
    mailcap marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt \
    ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib pdb pickle pickletools \
    pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile \
    pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy \
    sched secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket \
    socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep \
    struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios \
    textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty \
    turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave weakref \
    webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo \
    asynchat asyncore distutils imp smtpd cgi cgitb crypt nntplib pipes sndhdr spwd telnetlib uu xdrlib audioop \
    __future__ __main__ ";

/// [`STANDARD`], to look names up in.
static STANDARD_NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| STANDARD.split_whitespace().collect());

/// What an expression is.
#[derive(Clone, Debug, Default)]
struct Value {
    text: String,
    /// It is this field of the message.
    path: Option<(Vec<String>, bool)>,
    /// It is this name of a module.
    name: Option<String>,
    /// It is a list of these.
    items: Option<Vec<Self>>,
    /// Where the first item of the list stands.
    span: Option<Span>,
    /// It is a condition.
    cond: Option<Cond>,
    /// What it may be, letter by letter, and for which words of the protocol it is that; none for
    /// others too.
    codes: Vec<(String, Option<Words>)>,
    /// It is a table of functions by words of the protocol, or what was looked up in one.
    table: Vec<(Words, String)>,
}

impl Value {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn unknown() -> Self {
        Self::of(UNKNOWN)
    }

    /// It may also be what `other` is.
    fn or_codes(&mut self, other: &[(String, Option<Words>)], sure: bool) {
        if !sure || self.codes.len() > MANY {
            self.codes.clear();
            return;
        }
        for (text, words) in other {
            match self.codes.iter_mut().find(|(known, _)| known == text) {
                Some((_, known)) if known != words => *known = None,
                Some(_) => {}
                None => self.codes.push((text.clone(), *words)),
            }
        }
    }

    fn root() -> Self {
        Self { text: LINE.to_string(), path: Some((Vec::new(), false)), ..Self::default() }
    }
}

struct Lower<'a> {
    text: &'a [u8],
    contract: Contract,
    functions: HashMap<String, (&'a [Parameter], &'a Block)>,
    called: HashSet<String>,
    stack: Vec<String>,
    variables: HashMap<String, Value>,
    tested: HashSet<Vec<String>>,
    live: bool,
    /// The words of the protocol for which the statements here run.
    guard: Option<Words>,
    imports_may_fail: bool,
    waits: bool,
    out: Vec<Node>,
    found: Lowered,
    steps: u32,
    depth: u32,
    returned: Vec<Value>,
}

pub(super) fn lower(text: &[u8], contract: Contract) -> Lowered {
    let (block, spans) = parse(text);
    let mut functions = HashMap::new();
    collect(&block, &mut functions);
    let mut lower = Lower {
        text,
        contract,
        functions,
        called: HashSet::new(),
        stack: Vec::new(),
        variables: HashMap::new(),
        tested: HashSet::new(),
        live: true,
        guard: None,
        imports_may_fail: false,
        waits: [&b".wait("[..], b".communicate(", b".poll("]
            .iter()
            .any(|word| memchr::memmem::find(text, word).is_some()),
        out: Vec::new(),
        found: Lowered { buffered: true, comments: spans.comments, ..Lowered::default() },
        steps: 0,
        depth: 0,
        returned: Vec::new(),
    };
    let first = text.get(..memchr::memchr(b'\n', text).unwrap_or(text.len())).unwrap_or_default();
    if first.starts_with(b"#!") && memchr::memmem::find(first, b" -u").is_some() {
        lower.event(Event::Unbuffered, &(0..first.len()));
    }
    lower.block(&block);
    lower.found.nodes = std::mem::take(&mut lower.out);
    let mut rest: Vec<(String, &[Parameter], &Block)> = lower
        .functions
        .iter()
        .filter(|(name, _)| !lower.called.contains(*name))
        .map(|(name, (parameters, body))| (name.clone(), *parameters, *body))
        .collect();
    rest.sort_by_key(|(_, _, body)| body.first().map_or(0, |statement| statement.span.start));
    let kept = (
        lower.found.words.clone(),
        lower.found.tools.len(),
        lower.found.opaque,
        lower.found.arguments.clone(),
    );
    for (name, parameters, body) in rest {
        lower.live = false;
        lower.steps = 0;
        for parameter in parameters {
            lower.variables.remove(&parameter.name);
        }
        lower.stack.push(name);
        lower.block(body);
        lower.stack.pop();
        lower.out.clear();
    }
    lower.found.words = kept.0;
    lower.found.tools.truncate(kept.1);
    lower.found.opaque = kept.2;
    lower.found.arguments = kept.3;
    lower.found
}

fn collect<'a>(block: &'a Block, into: &mut HashMap<String, (&'a [Parameter], &'a Block)>) {
    for statement in block {
        match &statement.kind {
            Kind::Def(name, parameters, body) => {
                into.insert(name.clone(), (parameters, body));
                collect(body, into);
            }
            Kind::Class(body) | Kind::With(_, body) => collect(body, into),
            Kind::If(arms, otherwise) => {
                for (_, body) in arms {
                    collect(body, into);
                }
                collect(otherwise, into);
            }
            Kind::Try(body, handlers, otherwise, last, _) => {
                collect(body, into);
                for handler in handlers {
                    collect(handler, into);
                }
                collect(otherwise, into);
                collect(last, into);
            }
            _ => {}
        }
    }
}

const STEPS: u32 = 30_000;
/// Links of a chain, arms of an `if`: beyond these it is not told any more which of them run.
const MANY: usize = 60;
/// The longest text of a value; beyond it nothing is known of it.
const LONGEST: usize = 20_000;
/// The longest text of a list whose items are kept.
const LONGEST_LIST: usize = 4_000;

impl<'a> Lower<'a> {
    fn event(&mut self, event: Event, span: &Span) {
        self.out.push(Node::Do(event, span.clone()));
    }

    fn source(&self, span: &Span) -> String {
        String::from_utf8_lossy(self.text.get(span.clone()).unwrap_or_default()).into_owned()
    }

    fn apart(&mut self, inside: impl FnOnce(&mut Self)) -> Vec<Node> {
        let outer = std::mem::take(&mut self.out);
        inside(self);
        std::mem::replace(&mut self.out, outer)
    }

    fn perhaps(&mut self, block: &'a Block) -> Vec<Node> {
        let live = std::mem::replace(&mut self.live, false);
        let nodes = self.apart(|lower| lower.block(block));
        self.live = live;
        nodes
    }

    fn block(&mut self, block: &'a Block) {
        self.depth += 1;
        if self.depth < 80 {
            for statement in block {
                self.steps += 1;
                if self.steps > STEPS {
                    break;
                }
                self.statement(statement);
            }
        }
        self.depth -= 1;
    }

    fn set(&mut self, name: &str, value: Value) {
        match self.variables.get_mut(name) {
            Some(old) if !self.live && old.text != value.text && old.text.len() < 600 => {
                old.text.push(' ');
                old.text.push_str(&value.text);
                if old.path != value.path {
                    old.path = old.path.take().or(value.path);
                }
                let sure = !value.codes.is_empty();
                old.or_codes(&value.codes, sure);
                old.items = value.items.or(old.items.take());
                old.cond = None;
            }
            _ => {
                self.variables.insert(name.to_owned(), value);
            }
        }
    }

    fn arms(&mut self, arms: &'a [(Expr, Block)], otherwise: &'a Block, depth: usize) {
        if depth > MANY {
            for (_, body) in arms {
                self.block(body);
            }
            return;
        }
        let Some(((test, body), rest)) = arms.split_first() else {
            self.block(otherwise);
            return;
        };
        let cond = self.condition(test);
        let outer = self.guard;
        if let Cond::Word(words) = cond {
            self.guard = Some(words);
        }
        let then = self.perhaps(body);
        self.guard = outer;
        let live = std::mem::replace(&mut self.live, false);
        let other = self.apart(|lower| lower.arms(rest, otherwise, depth + 1));
        self.live = live;
        self.out.push(Node::If(vec![(cond, then), (Cond::Yes, other)]));
    }

    fn statement(&mut self, statement: &'a Statement) {
        let span = &statement.span;
        match &statement.kind {
            Kind::If(arms, otherwise) => {
                if let [(test, body)] = arms.as_slice()
                    && self.is_main(test)
                {
                    self.block(body);
                    return;
                }
                self.arms(arms, otherwise, 0);
            }
            Kind::While(test, body, otherwise) => {
                let mut cond = Cond::Unknown;
                let test = self.apart(|lower| cond = lower.condition(test));
                let body = self.perhaps(body);
                self.out.push(Node::Loop { test, cond, body, span: span.clone() });
                let rest = self.perhaps(otherwise);
                self.out.push(Node::If(vec![(Cond::Unknown, rest)]));
            }
            Kind::For(target, over, body, otherwise) => {
                let value = self.eval(over);
                let stdin = value.name.as_deref() == Some("sys.stdin");
                let (test, cond, element) = if stdin {
                    let rewrite = Some(format!("[{}.readline()]", self.source(&over.span)));
                    let read = Node::Do(Event::ReadLine { raw: true, rewrite }, over.span.clone());
                    (vec![read], Cond::Read, Value::of(LINE))
                } else {
                    let cond = if value.items.as_ref().is_some_and(|items| !items.is_empty()) {
                        Cond::First
                    } else {
                        Cond::Unknown
                    };
                    (Vec::new(), cond, Value { path: None, name: None, items: None, ..value })
                };
                self.assign(target, element, false);
                let body = self.perhaps(body);
                self.out.push(Node::Loop { test, cond, body, span: span.clone() });
                let rest = self.perhaps(otherwise);
                self.out.push(Node::If(vec![(Cond::Unknown, rest)]));
            }
            Kind::Def(..) => {}
            Kind::Class(body) => {
                for statement in body {
                    if !matches!(statement.kind, Kind::Def(..)) {
                        self.statement(statement);
                    }
                    // A constant of the class is read as an attribute: of an enum, say.
                    if let Kind::Assign(targets, Expr { kind: Shape::Text(_), .. }, false) = &statement.kind
                        && let [Expr { kind: Shape::Name(name), .. }] = targets.as_slice()
                        && let Some(value) = self.variables.get(name).cloned()
                    {
                        self.set(&format!(".{name}"), value);
                    }
                }
            }
            Kind::Try(body, handlers, otherwise, last, imports) => {
                let outer = std::mem::replace(&mut self.imports_may_fail, *imports);
                let live = std::mem::replace(&mut self.live, false);
                self.block(body);
                self.imports_may_fail = outer;
                for handler in handlers {
                    let nodes = self.apart(|lower| lower.block(handler));
                    self.out.push(Node::If(vec![(Cond::Unknown, nodes)]));
                }
                self.block(otherwise);
                self.live = live;
                self.block(last);
            }
            Kind::With(items, body) => {
                for (item, name) in items {
                    let value = self.eval(item);
                    if let Some(name) = name {
                        self.set(name, value);
                    }
                }
                self.block(body);
            }
            Kind::Return(value) => {
                if let Some(value) = value {
                    let value = self.eval(value);
                    let value = self.coded(value);
                    if let Some(last) = self.returned.last_mut() {
                        if last.text.is_empty() && last.path.is_none() {
                            *last = value;
                        } else if last.text.len() < 600 {
                            // An object is none of the texts that are compared with it.
                            let sure = !value.codes.is_empty() || value.name.is_some();
                            last.or_codes(&value.codes, sure);
                            last.text.push_str(&value.text);
                            last.path = last.path.take().filter(|path| value.path.as_ref() == Some(path));
                            last.cond = None;
                        }
                    }
                }
                self.out.push(Node::Return);
            }
            Kind::Break => self.out.push(Node::Break),
            Kind::Continue => self.out.push(Node::Continue),
            Kind::Raise(value) => {
                if let Some(value) = value {
                    self.eval(value);
                }
                self.out.push(Node::Exit(Some(1)));
            }
            Kind::Import(names) => {
                for (whole, alias, place) in names {
                    self.variables
                        .insert(alias.clone(), Value { name: Some(whole.clone()), ..Value::unknown() });
                    let top = whole.split('.').next().unwrap_or_default();
                    if whole.starts_with('.') || top.is_empty() || STANDARD_NAMES.contains(top) {
                        continue;
                    }
                    let optional = self.imports_may_fail || !self.live && !self.in_try();
                    self.found.modules.push(Need { name: top.to_owned(), span: place.clone(), optional });
                }
            }
            Kind::Assign(targets, value, more) => {
                let value = self.eval(value);
                for target in targets {
                    self.assign(target, value.clone(), *more);
                }
            }
            Kind::Expr(expr) => {
                self.eval(expr);
            }
            Kind::Other => {}
        }
    }

    fn in_try(&self) -> bool {
        self.imports_may_fail
    }

    fn is_main(&self, test: &Expr) -> bool {
        let source = self.source(&test.span);
        source.contains("__name__") && source.contains("__main__") && source.contains("==")
    }

    /// The value, with the words of the protocol it stands for when it is given here.
    fn coded(&self, mut value: Value) -> Value {
        const LONGEST_CODE: usize = 40;
        if !value.text.is_empty()
            && value.text.len() <= LONGEST_CODE
            && value.path.is_none()
            && value.items.is_none()
            && message::plain(&value.text)
            && (value.codes.is_empty() || self.guard.is_some() && value.codes.len() == 1)
        {
            value.codes = vec![(value.text.clone(), self.guard)];
        }
        value
    }

    /// The words of the protocol for which one of two values is what the other is.
    fn code(one: &Value, other: &Value) -> Option<Words> {
        let of = |held: &Value, text: &Value| {
            let mut codes = held.codes.iter().filter(|(code, _)| *code == text.text);
            (held.codes.len() > 1).then(|| codes.next().and_then(|(_, words)| *words)).flatten()
        };
        of(one, other).or_else(|| of(other, one))
    }

    fn assign(&mut self, target: &'a Expr, value: Value, more: bool) {
        let value = if more { value } else { self.coded(value) };
        match &target.kind {
            Shape::Name(name) => {
                if name == "print" && value.text.contains("flush") {
                    self.event(Event::Unbuffered, &target.span);
                }
                if more {
                    let old = self.variables.get(name).map_or_else(String::new, |old| old.text.clone());
                    self.set(name, Value::of(old + &value.text));
                } else {
                    self.set(name, value);
                }
            }
            Shape::List(targets) => {
                for (at, target) in targets.iter().enumerate() {
                    let element = value.items.as_ref().and_then(|items| items.get(at)).cloned();
                    let element = element.unwrap_or_else(|| Value {
                        path: None,
                        items: None,
                        name: None,
                        ..value.clone()
                    });
                    self.assign(target, element, false);
                }
            }
            Shape::Sequence(items) => {
                if let [Item::Expr(inner)] = items.as_slice() {
                    self.assign(inner, value, more);
                }
            }
            Shape::Attribute(object, name) => {
                let object = self.eval(object);
                match object.name.as_deref().map(|object| format!("{object}.{name}")).as_deref() {
                    // The same stream in other clothes.
                    Some(stream @ ("sys.stdout" | "sys.stdin")) if value.name.as_deref() == Some(stream) => {}
                    Some("sys.stdout") => self.event(Event::StdoutGone, &target.span),
                    Some("sys.stdin") => self.event(Event::StdinGone, &target.span),
                    _ => {
                        let name = format!(".{name}");
                        self.set(&name, value);
                    }
                }
            }
            Shape::Index(object, key) => {
                let key = self.eval(key).text;
                if let Shape::Name(name) = &object.kind
                    && let Some(old) = self.variables.get_mut(name)
                    && old.text.len() < 4000
                {
                    old.text.push_str(&format!(" \"{key}\": {}", value.text));
                    if old.path.is_some() {
                        old.path = None;
                        old.text.push(LINE);
                    }
                }
            }
            _ => {}
        }
    }

    /// Words of the protocol that an expression is, or a list of them.
    fn words(&mut self, expr: &'a Expr) -> Option<Words> {
        match &expr.kind {
            Shape::Text(pieces) => match pieces.as_slice() {
                [Piece::Text(text)] => self.found.protocol(text, &expr.span),
                _ => None,
            },
            Shape::List(items) => {
                let mut words = Words::default();
                for item in items {
                    let one = self.words(item)?;
                    words.add |= one.add;
                    words.delete |= one.delete;
                    words.go_on |= one.go_on;
                    words.abort |= one.abort;
                }
                (!items.is_empty()).then_some(words)
            }
            Shape::Sequence(items) => match items.as_slice() {
                [Item::Expr(inner)] => self.words(inner),
                _ => None,
            },
            Shape::Name(name) | Shape::Attribute(_, name) => {
                let name = match &expr.kind {
                    Shape::Name(_) => name.clone(),
                    _ => format!(".{name}"),
                };
                let text = self.variables.get(&name)?.text.clone();
                if text.contains("continue") || text.len() > 12 {
                    None
                } else {
                    self.found.protocol(&text, &expr.span)
                }
            }
            _ => None,
        }
    }

    fn condition(&mut self, expr: &'a Expr) -> Cond {
        match &expr.kind {
            Shape::Sequence(items) => self.sequence_condition(items),
            Shape::Name(name) => match name.as_str() {
                "True" => Cond::Yes,
                "False" | "None" => Cond::No,
                name => match self.variables.get(name) {
                    Some(value) if value.cond.is_some() => value.cond.clone().unwrap_or(Cond::Unknown),
                    Some(value) if value.path.is_none() && value.text.chars().eq([LINE]) => Cond::Read,
                    _ => Cond::Unknown,
                },
            },
            Shape::Number(number) => {
                if number == "0" {
                    Cond::No
                } else {
                    Cond::Yes
                }
            }
            Shape::Call(function, ..) => {
                let value = self.eval(expr);
                if matches!(&function.kind, Shape::Attribute(_, name) if name == "isatty") {
                    return Cond::No;
                }
                value.cond.unwrap_or(Cond::Unknown)
            }
            _ => self.eval(expr).cond.unwrap_or(Cond::Unknown),
        }
    }

    fn sequence_condition(&mut self, items: &'a [Item]) -> Cond {
        self.depth += 1;
        let cond = if self.depth < 80 { self.sequence_inner(items) } else { Cond::Unknown };
        self.depth -= 1;
        cond
    }

    fn sequence_inner(&mut self, items: &'a [Item]) -> Cond {
        let operator = |item: &Item, word: &str| matches!(item, Item::Operator(operator) if operator == word);
        for (word, any) in [("or", true), ("and", false)] {
            if items.iter().any(|item| operator(item, word)) {
                let mut parts: Vec<Cond> = Vec::new();
                for part in items.split(|item| operator(item, word)) {
                    if parts.len() > MANY {
                        parts = vec![Cond::Unknown];
                    }
                    if parts.is_empty() {
                        parts.push(self.sequence_condition(part));
                        continue;
                    }
                    // What stands behind is looked at only when the first does not decide.
                    let live = std::mem::replace(&mut self.live, false);
                    let mut cond = Cond::Unknown;
                    let nodes = self.apart(|lower| cond = lower.sequence_condition(part));
                    self.live = live;
                    if !nodes.is_empty() {
                        let before =
                            if any { Cond::Any(parts.clone()).not() } else { Cond::All(parts.clone()) };
                        self.out.push(Node::If(vec![(before, nodes)]));
                    }
                    parts.push(cond);
                }
                return if any { Cond::Any(parts) } else { Cond::All(parts) };
            }
        }
        match items {
            [Item::Operator(not), rest @ ..] if not == "not" => self.sequence_condition(rest).not(),
            [Item::Expr(expr)] => self.condition(expr),
            [Item::Expr(target), Item::Operator(walrus), rest @ ..] if walrus == ":=" => {
                let value = self.sequence(rest);
                let cond = if value.path.is_none() && value.text.chars().eq([LINE]) {
                    Cond::Read
                } else {
                    Cond::Unknown
                };
                self.assign(target, value, false);
                cond
            }
            [Item::Expr(left), Item::Operator(op), Item::Expr(right)] => {
                let not = op == "!=";
                if op == "==" || op == "is" || not || op == "in" {
                    // A member that is asked for may be missing.
                    if op == "in"
                        && let Shape::Text(pieces) = &left.kind
                        && let [Piece::Text(name)] = pieces.as_slice()
                        && let Some((mut path, _)) = self.eval(right).path
                    {
                        path.push(name.clone());
                        self.tested.insert(path);
                        return Cond::Unknown;
                    }
                    let one = self.eval(left);
                    let other = if op == "in" { Value::default() } else { self.eval(right) };
                    let words =
                        self.words(right).or_else(|| self.words(left)).or_else(|| Self::code(&one, &other));
                    return match words {
                        Some(words) if not => Cond::Word(words).not(),
                        Some(words) => Cond::Word(words),
                        None => Cond::Unknown,
                    };
                }
                self.eval(left);
                self.eval(right);
                Cond::Unknown
            }
            // A member of an enum that is not this one.
            [Item::Expr(left), Item::Operator(is), Item::Operator(not), Item::Expr(right)]
                if is == "is" && not == "not" && self.words(right).is_some() =>
            {
                self.eval(left);
                self.words(right).map_or(Cond::Unknown, |words| Cond::Word(words).not())
            }
            [Item::Expr(left), Item::Operator(not), Item::Operator(within), Item::Expr(right)]
                if not == "not" && within == "in" =>
            {
                let value = self.eval(left);
                let held = self.eval(right);
                if let (Some((mut path, _)), true) = (held.path, message::plain(&value.text)) {
                    path.push(value.text);
                    self.tested.insert(path);
                    return Cond::Unknown;
                }
                match self.words(right) {
                    Some(words) => Cond::Word(words).not(),
                    None => Cond::Unknown,
                }
            }
            _ => {
                self.sequence(items);
                Cond::Unknown
            }
        }
    }

    /// The value of things with operators between them.
    fn sequence(&mut self, items: &'a [Item]) -> Value {
        if let [Item::Expr(inner)] = items {
            return self.eval(inner);
        }
        let ops = |word: &str| {
            items.iter().any(|item| matches!(item, Item::Operator(operator) if operator == word))
        };
        if ops("for") {
            // A comprehension: what it goes over comes first.
            let mut text = String::new();
            let mut stdin = None;
            for item in items {
                if let Item::Expr(expr) = item {
                    let value = self.eval(expr);
                    if value.name.as_deref() == Some("sys.stdin") {
                        stdin = Some(expr.span.clone());
                    }
                    text.push_str(&value.text);
                }
            }
            if let Some(span) = stdin {
                self.read_all("a loop over sys.stdin", &span, None);
                text = LINE.to_string();
            }
            return Value::of(text);
        }
        if ops("==") || ops("!=") || ops("in") || ops("not") {
            let cond = self.sequence_condition(items);
            return Value { cond: Some(cond), ..Value::of(CONSTANT) };
        }
        if ops("if") && ops("else") {
            // `a if c else b`: one of two.
            let mut texts: Vec<String> = vec![String::new()];
            let mut name = None;
            for item in items {
                match item {
                    Item::Operator(operator) if matches!(operator.as_str(), "if" | "else") => {
                        texts.push(String::new())
                    }
                    Item::Operator(_) => {}
                    Item::Expr(expr) => {
                        let live = std::mem::replace(&mut self.live, false);
                        let value = self.eval(expr);
                        self.live = live;
                        if texts.len() == 1 {
                            name = value.path;
                        }
                        if let Some(last) = texts.last_mut() {
                            last.push_str(&value.text);
                        }
                    }
                }
            }
            let path = name.map(|(path, _)| (path, true));
            let [first, _, rest @ ..] = texts.as_slice() else { return Value::unknown() };
            let mut text = first.clone();
            for other in rest {
                text.push(' ');
                text.push_str(other);
            }
            return Value { path, ..Value::of(text) };
        }
        if let [Item::Operator(minus), Item::Expr(Expr { kind: Shape::Number(number), .. })] = items
            && minus == "-"
        {
            return Value::of(format!("-{number}"));
        }
        if let [Item::Expr(format), Item::Operator(percent), Item::Expr(right)] = items
            && percent == "%"
        {
            let (format, right) = (self.eval(format).text, self.eval(right));
            let values: Vec<&str> = match &right.items {
                Some(items) => items.iter().map(|item| item.text.as_str()).collect(),
                None => vec![right.text.as_str()],
            };
            return Value::of(message::percent(&format, &values));
        }
        let fallback = ops("or");
        let mut whole = Value::default();
        let mut first = true;
        for item in items {
            match item {
                Item::Expr(expr) => {
                    let live = self.live;
                    if fallback && (!first || items.len() > 1) {
                        self.live = false;
                    }
                    let value = self.eval(expr);
                    self.live = live;
                    if fallback && !first && !whole.text.is_empty() && !value.text.is_empty() {
                        whole.text.push(' ');
                    }
                    whole.text.push_str(&value.text);
                    if fallback && first {
                        whole.path = value.path.map(|(path, _)| (path, true));
                    }
                    first = false;
                }
                Item::Operator(_) => {}
            }
        }
        whole
    }

    fn read_all(&mut self, how: &str, span: &Span, rewrite: Option<String>) {
        self.event(Event::ReadAll { certain: true, how: how.to_owned(), rewrite }, span);
    }

    fn field(&mut self, path: &[String], optional: bool, fatal: bool, span: &Span) {
        if path.is_empty() {
            return;
        }
        let optional = optional || !self.live || self.tested.contains(path);
        let how = if fatal { "Python subscript" } else { "Python get" };
        self.found.fields.push(FieldRead {
            paths: vec![jq::dotted(path)],
            optional,
            fatal,
            how,
            span: span.clone(),
        });
    }

    fn eval(&mut self, expr: &'a Expr) -> Value {
        let value = self.link(expr);
        if let (Some((path, optional)), true) =
            (&value.path, matches!(expr.kind, Shape::Index(..) | Shape::Call(..)))
            && is_link(expr)
        {
            let fatal = matches!(expr.kind, Shape::Index(..));
            self.field(&path.clone(), *optional, fatal, &expr.span);
        }
        value
    }

    /// The value, without taking note of the field that is read.
    fn link(&mut self, expr: &'a Expr) -> Value {
        self.steps += 1;
        if self.steps > STEPS || self.depth > 100 {
            return Value::unknown();
        }
        self.depth += 1;
        let mut value = self.link_inner(expr);
        self.depth -= 1;
        if value.text.len() > LONGEST_LIST {
            value.items = None;
        }
        if value.text.len() > LONGEST {
            value = Value { text: UNKNOWN.to_string(), ..value };
        }
        value
    }

    fn link_inner(&mut self, expr: &'a Expr) -> Value {
        match &expr.kind {
            Shape::Nothing => Value::of(""),
            Shape::Number(number) => Value::of(number.clone()),
            Shape::Name(name) => match name.as_str() {
                "True" | "False" | "None" => Value::of(CONSTANT),
                "__file__" => Value::of(SELF),
                name if self.functions.contains_key(name) => {
                    // Handed on, to be called by somebody else.
                    self.found.opaque = true;
                    Value::unknown()
                }
                name => self
                    .variables
                    .get(name)
                    .cloned()
                    .unwrap_or_else(|| Value { name: Some(name.to_owned()), ..Value::unknown() }),
            },
            Shape::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(plain) => text.push_str(plain),
                        Piece::Expr(expr) => text.push_str(&self.eval(expr).text),
                    }
                }
                Value::of(text)
            }
            Shape::Attribute(object, name) => {
                let object = self.link(object);
                let own = self.variables.get(&format!(".{name}")).cloned();
                match object.name {
                    _ if own.is_some()
                        && !object.name.as_deref().is_some_and(|name| name.starts_with("sys")) =>
                    {
                        own.unwrap_or_default()
                    }
                    Some(module) => {
                        self.found.opaque |= module == "self" && self.functions.contains_key(name);
                        let whole = format!("{module}.{name}");
                        let whole = match whole.as_str() {
                            "sys.stdin.buffer" | "sys.stdin.buffer.raw" | "sys.__stdin__" => {
                                "sys.stdin".to_owned()
                            }
                            "sys.stdout.buffer" | "sys.__stdout__" => "sys.stdout".to_owned(),
                            _ => whole,
                        };
                        Value { name: Some(whole), ..Value::unknown() }
                    }
                    None => Value { text: object.text, name: None, ..Value::default() },
                }
            }
            Shape::List(items) => {
                let mut values = Vec::new();
                let mut text = String::from("[");
                for item in items {
                    let value = self.eval(item);
                    let quoted = matches!(item.kind, Shape::Text(_));
                    if quoted {
                        text.push('"');
                    }
                    text.push_str(&value.text);
                    if quoted {
                        text.push('"');
                    }
                    text.push(',');
                    values.push(value);
                }
                if items.len() == 1 || !items.is_empty() {
                    text.pop();
                }
                text.push(']');
                let span = items.first().map(|item| item.span.clone());
                Value { text, items: Some(values), span, ..Value::default() }
            }
            Shape::Dict(pairs) => {
                if let Some(table) = self.table(pairs) {
                    return Value { table, ..Value::unknown() };
                }
                let mut text = String::from("{");
                for (key, value) in pairs {
                    let key = self.eval(key).text;
                    let inner = self.eval(value).text;
                    if matches!(value.kind, Shape::Text(_)) {
                        text.push_str(&format!("\"{key}\": \"{inner}\", "));
                    } else {
                        text.push_str(&format!("\"{key}\": {inner}, "));
                    }
                    if text.len() > 8000 {
                        break;
                    }
                }
                text.push('}');
                Value::of(text)
            }
            Shape::Sequence(items) => self.sequence(items),
            Shape::Index(object, key) => {
                let held = self.link(object);
                let key_value = self.eval(key);
                if !held.table.is_empty() {
                    return held;
                }
                if held.name.as_deref() == Some("sys.argv") {
                    if key_value.text == "0" {
                        return Value::of(SELF);
                    }
                    if self.found.arguments.is_none() {
                        self.found.arguments = Some(expr.span.clone());
                    }
                    return Value::unknown();
                }
                if let Some((mut path, optional)) = held.path {
                    match &key.kind {
                        Shape::Text(_) if message::plain(&key_value.text) => path.push(key_value.text),
                        Shape::Number(number) => path.push(format!("[{number}]")),
                        _ => return Value::of(EVENT),
                    }
                    let known = path.len() > 1 || jq::maybe_root(&path);
                    return Value {
                        text: message::field(&path).to_string(),
                        path: known.then_some((path, optional)),
                        ..Value::default()
                    };
                }
                if let Some(items) = &held.items
                    && let Ok(at) = key_value.text.parse::<usize>()
                    && let Some(item) = items.get(at)
                {
                    return item.clone();
                }
                let text = if held.text.is_empty() { UNKNOWN.to_string() } else { held.text };
                Value::of(text)
            }
            Shape::Call(function, args, named) => self.call(expr, function, args, named),
        }
    }

    /// A collection of nothing but functions of the script by words of the protocol.
    fn table(&mut self, pairs: &'a [(Expr, Expr)]) -> Option<Vec<(Words, String)>> {
        let mut table = Vec::new();
        for (key, value) in pairs {
            let (Shape::Name(name) | Shape::Attribute(_, name)) = &value.kind else { return None };
            if !self.functions.contains_key(name) {
                return None;
            }
            table.push((self.words(key)?, name.clone()));
        }
        (!table.is_empty()).then_some(table)
    }

    /// A call of what was looked up in a table of functions.
    fn by_word(&mut self, table: &[(Words, String)], values: &[Value], named: &[(&str, Value)]) -> Value {
        let mut arms = Vec::new();
        for (words, name) in table {
            let Some((parameters, body)) = self.functions.get(name).copied() else { continue };
            let bound = parameters.first().is_some_and(|first| first.name == "self");
            let live = std::mem::replace(&mut self.live, false);
            let nodes = self.apart(|lower| {
                lower.inline(name, parameters, body, bound, values, named);
            });
            self.live = live;
            arms.push((Cond::Word(*words), nodes));
        }
        self.out.push(Node::If(arms));
        Value::unknown()
    }

    fn call(
        &mut self,
        expr: &'a Expr,
        function: &'a Expr,
        args: &'a [Expr],
        named: &'a [(String, Expr)],
    ) -> Value {
        let span = &expr.span;
        // Methods of a value.
        let mut object = None;
        let mut method = "";
        let mut table = Vec::new();
        let mut called = match &function.kind {
            Shape::Attribute(inner, name) => {
                let held = self.link(inner);
                method = name;
                let whole = match &held.name {
                    Some(module) => format!("{module}.{name}"),
                    None => String::new(),
                };
                if let (None, Some((path, optional))) = (&held.name, &held.path)
                    && name != "get"
                {
                    let (path, optional) = (path.clone(), *optional);
                    if matches!(inner.kind, Shape::Index(..) | Shape::Call(..)) && is_link(inner) {
                        self.field(&path, optional, matches!(inner.kind, Shape::Index(..)), &inner.span);
                    }
                }
                object = Some((held, &**inner));
                whole
            }
            Shape::Name(name) => match self.variables.get(name) {
                Some(value) => {
                    table.clone_from(&value.table);
                    value.name.clone().unwrap_or_else(|| name.clone())
                }
                None => name.clone(),
            },
            _ => {
                table = self.eval(function).table;
                if !table.is_empty() {
                    let values: Vec<Value> = args.iter().map(|arg| self.eval(arg)).collect();
                    let named: Vec<(&str, Value)> =
                        named.iter().map(|(name, value)| (name.as_str(), self.eval(value))).collect();
                    return self.by_word(&table, &values, &named);
                }
                self.found.opaque = true;
                self.event(Event::Opaque, span);
                String::new()
            }
        };
        for from in ["sys.stdin.buffer.", "sys.stdin.buffer.raw."] {
            if let Some(rest) = called.strip_prefix(from) {
                called = format!("sys.stdin.{rest}");
            }
        }
        if let Some(rest) = called.strip_prefix("sys.stdout.buffer.") {
            called = format!("sys.stdout.{rest}");
        }
        // `.get` on a message.
        if method == "get"
            && let Some((Value { path: Some((path, _)), .. }, _)) = &object
        {
            let mut path = path.clone();
            for arg in args.iter().skip(1) {
                self.eval(arg);
            }
            let Some(key) = args.first() else { return Value::unknown() };
            let key = self.eval(key).text;
            if !message::plain(&key) {
                return Value::of(EVENT);
            }
            path.push(key);
            let known = path.len() > 1 || jq::maybe_root(&path);
            return Value {
                text: message::field(&path).to_string(),
                path: known.then_some((path, true)),
                ..Value::default()
            };
        }
        let values: Vec<Value> = args.iter().map(|arg| self.eval(arg)).collect();
        let named_values: Vec<(&str, Value)> =
            named.iter().map(|(name, value)| (name.as_str(), self.eval(value))).collect();
        if !table.is_empty() {
            return self.by_word(&table, &values, &named_values);
        }
        if method == "get"
            && let Some((held, _)) = &object
            && !held.table.is_empty()
        {
            return Value { table: held.table.clone(), ..Value::unknown() };
        }
        let named_text = |name: &str| named.iter().find(|(other, _)| other == name).map(|(_, value)| value);
        let first = values.first().cloned().unwrap_or_default();
        // A function of the script itself.
        let own = called.rsplit('.').next().unwrap_or_default().to_owned();
        let own_object = object.as_ref().is_none_or(|(held, _)| {
            held.name.as_deref().is_none_or(|name| !name.starts_with("sys") && !name.starts_with("os"))
        });
        let name = if own.is_empty() { method.to_owned() } else { own };
        if own_object && let Some((parameters, body)) = self.functions.get(&name).copied() {
            return self.inline(&name, parameters, body, object.is_some(), &values, &named_values);
        }
        // A class of the script.
        if own_object
            && called.starts_with(|letter: char| letter.is_ascii_uppercase())
            && called != "SystemExit"
            && !self.variables.contains_key(&called)
        {
            if let Some((parameters, body)) = self.functions.get("__init__").copied() {
                self.inline("__init__", parameters, body, true, &values, &named_values);
            }
            return Value { name: Some(called), ..Value::unknown() };
        }
        let text_of_all = || {
            let mut text = String::new();
            for value in &values {
                text.push_str(&value.text);
            }
            text
        };
        match called.as_str() {
            "input" | "raw_input" => {
                self.event(Event::Flush, span);
                if first.text.is_empty() {
                } else {
                    self.event(Event::Write(Output::Noise, None), span);
                    self.event(Event::Flush, span);
                }
                self.event(Event::ReadLine { raw: true, rewrite: None }, span);
                return Value::of(LINE);
            }
            "sys.stdin.readline" | "sys.stdin.__next__" => {
                self.event(Event::ReadLine { raw: true, rewrite: None }, span);
                return Value::of(LINE);
            }
            "next" | "iter" if first.name.as_deref() == Some("sys.stdin") => {
                if called == "next" {
                    self.event(Event::ReadLine { raw: true, rewrite: None }, span);
                    return Value::of(LINE);
                }
                return first;
            }
            "os.read" => {
                if first.text == "0" || first.text.contains(UNKNOWN) {
                    self.event(Event::ReadLine { raw: true, rewrite: None }, span);
                }
                return Value::of(LINE);
            }
            "sys.stdin.read" | "sys.stdin.readlines" => {
                let part = args.first().is_some_and(|arg| self.source(&arg.span) != "-1")
                    && called.ends_with("read");
                if part {
                    self.event(Event::ReadMaybe, span);
                } else {
                    let source = self.source(span);
                    let rewrite = source.strip_suffix("read()").map(|head| format!("{head}readline()"));
                    self.read_all(&source, span, rewrite);
                }
                return Value::of(LINE);
            }
            "sys.stdin.close" => self.event(Event::StdinGone, span),
            "sys.stdin.fileno" => return Value::of("0"),
            "sys.stdout.fileno" => return Value::of("1"),
            "fileinput.input" => {
                self.read_all("fileinput", span, None);
                return Value::of(LINE);
            }
            "json.load" if first.name.as_deref() == Some("sys.stdin") => {
                let arg = args.first().map_or_else(String::new, |arg| self.source(&arg.span));
                let source = self.source(span);
                let rewrite = (args.len() == 1 && named.is_empty() && source.ends_with(')')).then(|| {
                    source.replacen("load(", "loads(", 1).replacen(&arg, &format!("{arg}.readline()"), 1)
                });
                self.read_all("json.load(sys.stdin)", span, rewrite);
                return Value::root();
            }
            "list" | "tuple" | "sorted" | "set" | "enumerate"
                if first.name.as_deref() == Some("sys.stdin") =>
            {
                self.read_all("going over sys.stdin", span, None);
                return Value::of(LINE);
            }
            "json.loads" | "ujson.loads" | "orjson.loads" | "simplejson.loads" => {
                return if first.path.is_none() && first.text.contains(LINE) {
                    Value::root()
                } else {
                    Value { name: None, ..first }
                };
            }
            "json.dumps" | "ujson.dumps" | "str" | "repr" | "bytes" | "orjson.dumps" | "format" => {
                return Value { name: None, items: None, cond: None, ..first };
            }
            "dict" => {
                let mut text = String::from("{");
                for (name, value) in &named_values {
                    let quoted = named_text(name).is_some_and(|value| matches!(value.kind, Shape::Text(_)));
                    let mark = if quoted { "\"" } else { "" };
                    text.push_str(&format!("\"{name}\": {mark}{}{mark}, ", value.text));
                }
                text.push('}');
                return Value::of(text);
            }
            "int" | "float" | "len" | "hash" => return Value::of(NUMBER),
            "bool" => return Value { cond: first.cond, ..Value::of(CONSTANT) },
            "print" | "pprint.pprint" => {
                let file = named_values.iter().find(|(name, _)| *name == "file");
                if let Some((_, file)) = file
                    && file.name.as_deref() != Some("sys.stdout")
                {
                    if !matches!(file.name.as_deref(), Some("sys.stderr" | "sys.__stderr__")) {
                        self.event(Event::Log, span);
                    }
                    return Value::unknown();
                }
                let ends =
                    named_values.iter().find(|(name, _)| *name == "end").map(|(_, value)| value.text.clone());
                let newline = ends.is_none_or(|end| end.ends_with('\n') || end.contains(UNKNOWN));
                let flush = named_text("flush")
                    .is_some_and(|value| matches!(&value.kind, Shape::Name(name) if name == "True"));
                let source = self.source(span);
                let rewrite = source
                    .strip_suffix(')')
                    .filter(|head| !flush && !head.ends_with('('))
                    .map(|head| format!("{}, flush=True)", head.trim_end().trim_end_matches(',')));
                self.write(&text_of_all(), newline, span, rewrite);
                if flush {
                    self.event(Event::Flush, span);
                }
                return Value::unknown();
            }
            "sys.stdout.write" | "sys.stdout.writelines" => {
                let newline = first.text.ends_with('\n') || first.text.ends_with(UNKNOWN);
                self.write(&first.text, newline, span, None);
                return Value::unknown();
            }
            "os.write" => {
                if first.text == "1" {
                    let text = values.get(1).map_or_else(String::new, |value| value.text.clone());
                    self.write(&text, text.ends_with('\n') || text.ends_with(UNKNOWN), span, None);
                    self.event(Event::Flush, span);
                }
                return Value::unknown();
            }
            "sys.stdout.flush" => {
                self.event(Event::Flush, span);
                return Value::unknown();
            }
            "sys.stdout.reconfigure" => {
                if named.iter().any(|(name, _)| matches!(name.as_str(), "line_buffering" | "write_through")) {
                    self.event(Event::Unbuffered, span);
                }
                return Value::unknown();
            }
            "sys.stdout.close" => {
                self.event(Event::StdoutGone, span);
                return Value::unknown();
            }
            "os.close" if first.text == "1" => self.event(Event::StdoutGone, span),
            "os.dup2" if values.get(1).is_some_and(|value| value.text == "1") => {
                self.event(Event::StdoutGone, span)
            }
            "functools.partial" => {
                let flush = named_text("flush").is_some();
                return Value { name: first.name, ..Value::of(if flush { "flush" } else { "" }) };
            }
            "os.fdopen" | "open" | "io.open" | "io.TextIOWrapper" | "codecs.getreader" => {
                if first.name.as_deref() == Some("sys.stdin")
                    || matches!(first.text.as_str(), "0" | "/dev/stdin")
                {
                    return Value { name: Some("sys.stdin".to_owned()), ..Value::default() };
                }
                if matches!(first.text.as_str(), "1" | "/dev/stdout")
                    || first.name.as_deref() == Some("sys.stdout")
                {
                    return Value { name: Some("sys.stdout".to_owned()), ..Value::default() };
                }
                let mode = values.get(1).or_else(|| {
                    named_values.iter().find(|(name, _)| *name == "mode").map(|(_, value)| value)
                });
                let writes = mode.is_some_and(|mode| mode.text.contains(['w', 'a', 'x', '+']));
                if writes && first.text != "/dev/null" {
                    let lower = first.text.to_ascii_lowercase();
                    let log = lower.ends_with(".log") || lower.contains("/log/");
                    self.event(if log { Event::Log } else { Event::Effect }, span);
                }
                if let Some(arg) = args.first() {
                    self.relative(&first.text, &arg.span);
                }
                return Value { name: Some("file".to_owned()), ..Value::unknown() };
            }
            "sys.exit" | "exit" | "quit" | "os._exit" | "SystemExit" => {
                let status = match args.first() {
                    None => Some(0),
                    Some(arg) => match &arg.kind {
                        Shape::Number(number) => number.parse().ok(),
                        Shape::Text(_) => Some(1),
                        _ => None,
                    },
                };
                self.out.push(Node::Exit(status));
                return Value::unknown();
            }
            "os.abort" => self.event(Event::Killed, span),
            "os.kill" if self.source(span).contains("getpid()") => self.event(Event::Killed, span),
            "time.sleep" => {
                let seconds = first.text.split('.').next().and_then(|text| text.parse().ok());
                if let Some(seconds) = seconds {
                    self.event(Event::Wait(Some(seconds)), span);
                }
                return Value::unknown();
            }
            "signal.pause" => {
                self.event(Event::Wait(None), span);
                return Value::unknown();
            }
            "os.fork"
            | "daemon.DaemonContext"
            | "importlib.import_module"
            | "__import__"
            | "runpy.run_path" => {
                self.found.opaque = true;
                self.event(Event::Opaque, span);
            }
            "eval" | "exec" if message::tainted(&first.text) => {
                self.injected(span, &called);
            }
            "shlex.quote" | "pipes.quote" | "re.escape" => return Value::of(message::checked(&first.text)),
            "shlex.split" => return Value { items: None, ..first },
            _ => {}
        }
        if called.starts_with("ipaddress.") || called.starts_with("socket.inet_") {
            self.check(args);
            return Value::of(message::checked(&first.text));
        }
        if matches!(called.as_str(), "re.match" | "re.fullmatch" | "re.search") {
            self.check(args.get(1..).unwrap_or_default());
            return Value::of(message::checked(&text_of_all()));
        }
        if called.starts_with("os.exec")
            || called.starts_with("os.spawn")
            || called.starts_with("os.posix_spawn")
        {
            self.found.opaque = true;
            self.event(Event::Effect, span);
            self.event(Event::Opaque, span);
            return Value::unknown();
        }
        if called == "os.system"
            || called == "os.popen"
            || called.starts_with("subprocess.")
            || called.starts_with("commands.get")
        {
            return self.process(&called, expr, args, &values, &named_values);
        }
        if called.starts_with("logging.")
            || called.starts_with("syslog.")
            || method == "write"
                && object.as_ref().is_some_and(|(held, _)| held.name.as_deref() == Some("file"))
        {
            self.event(Event::Log, span);
            return Value {
                name: called.starts_with("logging.").then(|| called.clone()),
                ..Value::unknown()
            };
        }
        // Methods of texts and collections keep what they are called on.
        if let Some((held, _)) = object
            && (held.name.is_none() || held.name.as_deref() == Some("file"))
        {
            match method {
                "strip" | "rstrip" | "lower" | "decode" | "encode" | "lstrip" | "upper" | "copy" => {
                    return held;
                }
                "join" => return Value::of(text_of_all()),
                "format" => {
                    let values: Vec<&str> = values.iter().map(|value| value.text.as_str()).collect();
                    let named: Vec<(&str, &str)> =
                        named_values.iter().map(|(name, value)| (*name, value.text.as_str())).collect();
                    return Value::of(message::braces(&held.text, &values, &named));
                }
                "append" | "update" | "add" | "extend" | "insert" | "setdefault" => {
                    if let Shape::Attribute(inner, _) = &function.kind
                        && let Shape::Name(name) = &inner.kind
                    {
                        let more = text_of_all();
                        if let Some(old) = self.variables.get_mut(name)
                            && old.text.len() < 4000
                        {
                            old.text.push_str(&more);
                            old.items = None;
                        }
                    }
                    return Value::unknown();
                }
                "write_text" | "write_bytes" | "unlink" | "mkdir" | "touch" | "rmdir" | "rename"
                | "replace"
                    if held.text.contains(UNKNOWN) =>
                {
                    self.event(Event::Effect, span);
                    return held;
                }
                // A line of the message ends with its line feed.
                "endswith" if held.text.chars().eq([LINE]) && first.text == "\n" => {
                    return Value { cond: Some(Cond::Read), ..Value::of(CONSTANT) };
                }
                "isatty" => return Value { cond: Some(Cond::No), ..Value::default() },
                "split" | "splitlines" | "replace" | "get" | "read" | "readline" | "readlines" | "items"
                | "keys" | "values" | "startswith" | "endswith" | "isdigit" | "match" | "fullmatch"
                | "search" | "group" | "groups" | "pop" | "find" | "rfind" | "index" | "rindex" | "count"
                | "rsplit" | "partition" | "rpartition" | "removeprefix" | "removesuffix" | "casefold"
                | "title" | "capitalize" | "swapcase" | "zfill" | "ljust" | "rjust" | "center"
                | "strftime" | "isoformat" | "timestamp" | "ctime" | "total_seconds" | "hexdigest"
                | "digest" | "translate" | "expandtabs" | "hex" | "isalnum" | "isalpha" | "isnumeric"
                | "isdecimal" | "isspace" | "islower" | "isupper" | "isidentifier" | "isascii"
                | "isprintable" => {
                    let text = if method == "read" { UNKNOWN.to_string() } else { held.text };
                    return Value::of(text);
                }
                _ => {}
            }
            self.event(Event::Effect, span);
            return Value::of(held.text);
        }
        // What the standard library offers without changing anything.
        const HARMLESS: [&str; 42] = [
            "os.path.",
            "os.environ.",
            "os.getenv",
            "os.getpid",
            "os.getcwd",
            "os.access",
            "os.stat",
            "os.listdir",
            "re.",
            "datetime.",
            "time.",
            "json.",
            "hashlib.",
            "base64.",
            "shutil.which",
            "platform.",
            "collections.",
            "argparse.",
            "pathlib.",
            "sys.",
            "struct.",
            "string.",
            "textwrap.",
            "uuid.",
            "random.",
            "itertools.",
            "functools.",
            "io.",
            "contextlib.",
            "traceback.",
            "pwd.",
            "grp.",
            "locale.",
            "signal.",
            "isinstance",
            "str.",
            "dict.",
            "select.",
            "socket.gethostname",
            "copy.",
            "enum.",
            "typing.",
        ];
        let builtin = matches!(
            called.as_str(),
            "isinstance"
                | "getattr"
                | "hasattr"
                | "range"
                | "min"
                | "max"
                | "sum"
                | "any"
                | "all"
                | "map"
                | "filter"
                | "zip"
                | "sorted"
                | "list"
                | "tuple"
                | "set"
                | "type"
                | "super"
                | "reversed"
                | "enumerate"
                | "next"
                | "iter"
                | "abs"
                | "ord"
                | "chr"
                | "callable"
                | "id"
                | "vars"
                | "dir"
                | "Path"
                | "ValueError"
                | "KeyError"
                | "RuntimeError"
                | "Exception"
                | "TypeError"
                | "frozenset"
                | "bytearray"
                | "object"
                | "open"
                | "locals"
                | "globals"
        ) || HARMLESS.iter().any(|prefix| called.starts_with(prefix));
        let path = called.starts_with("pathlib.") || called == "Path";
        if path && let Some(arg) = args.first() {
            self.relative(&first.text, &arg.span);
        }
        if !builtin {
            self.event(Event::Effect, span);
        }
        let mut text = text_of_all();
        if text.is_empty() || path {
            text.push(UNKNOWN);
        }
        Value { text, ..Value::default() }
    }

    fn check(&mut self, args: &[Expr]) {
        for arg in args {
            let mut inner = arg;
            while let Shape::Sequence(items) = &inner.kind {
                match items.last() {
                    Some(Item::Expr(expr)) => inner = expr,
                    _ => break,
                }
            }
            if let Shape::Name(name) = &inner.kind
                && let Some(value) = self.variables.get_mut(name)
            {
                value.text = message::checked(&value.text);
            }
        }
    }

    fn relative(&mut self, text: &str, span: &Span) {
        if let Some(fault) = super::relative(text) {
            self.event(fault, span);
        }
    }

    fn injected(&mut self, span: &Span, how: &str) {
        let text = format!("{how} runs text of the event as a command");
        self.event(Event::Fault(FaultKind::Injection, Confidence::Likely, text, None), span);
    }

    fn write(&mut self, text: &str, newline: bool, span: &Span, rewrite: Option<String>) {
        let output = match message::keys(text, newline, self.contract) {
            Some(look) => Output::Keys(look),
            None if text.contains(UNKNOWN) && text.trim_matches([UNKNOWN, '\n']).is_empty() => Output::Maybe,
            None => Output::Noise,
        };
        self.event(Event::Write(output, rewrite), span);
    }

    fn inline(
        &mut self,
        name: &str,
        parameters: &'a [Parameter],
        body: &'a Block,
        bound: bool,
        values: &[Value],
        named: &[(&str, Value)],
    ) -> Value {
        self.called.insert(name.to_owned());
        if self.stack.len() > 7 || self.stack.iter().any(|other| other == name) {
            return Value::unknown();
        }
        let skip = usize::from(
            bound && parameters.first().is_some_and(|first| first.name == "self" || first.name == "cls"),
        );
        let mut kept = Vec::new();
        for (at, Parameter { name: parameter, default }) in parameters.iter().enumerate() {
            kept.push((parameter.clone(), self.variables.get(parameter).cloned()));
            let value = if at < skip {
                Value { name: Some("self".to_owned()), ..Value::unknown() }
            } else {
                named
                    .iter()
                    .find(|(name, _)| name == parameter)
                    .map(|(_, value)| value.clone())
                    .or_else(|| values.get(at - skip).cloned())
                    .or_else(|| default.as_ref().map(|default| self.eval(default)))
                    .unwrap_or_else(Value::unknown)
            };
            self.variables.insert(parameter.clone(), value);
        }
        self.stack.push(name.to_owned());
        self.returned.push(Value::default());
        let guard = self.guard.take();
        let nodes = self.apart(|lower| lower.block(body));
        self.guard = guard;
        self.out.push(Node::Function(nodes));
        self.stack.pop();
        for (parameter, value) in kept {
            match value {
                Some(value) => self.variables.insert(parameter, value),
                None => self.variables.remove(&parameter),
            };
        }
        let value = self.returned.pop().unwrap_or_default();
        if value.text.is_empty() && value.path.is_none() { Value::unknown() } else { value }
    }

    /// A process that is started.
    fn process(
        &mut self,
        called: &str,
        expr: &'a Expr,
        args: &'a [Expr],
        values: &[Value],
        named: &[(&str, Value)],
    ) -> Value {
        let span = &expr.span;
        let has = |name: &str| named.iter().any(|(other, _)| *other == name);
        let named_arg = named.iter().find(|(name, _)| *name == "args").map(|(_, value)| value.clone());
        let first = values.first().cloned().or(named_arg).unwrap_or_default();
        let kind = called.rsplit('.').next().unwrap_or_default();
        let shell = matches!(kind, "system" | "popen" | "getoutput" | "getstatusoutput")
            || named.iter().any(|(name, _)| *name == "shell")
                && self.source(span).replace(' ', "").contains("shell=True");
        let words: Vec<String> = match (&first.items, shell) {
            (Some(items), false) => items.iter().map(|item| item.text.clone()).collect(),
            _ => first.text.split_whitespace().map(str::to_owned).collect(),
        };
        let listed = first.items.is_some();
        if shell && message::tainted(&first.text) {
            let how = if kind == "system" || kind == "popen" {
                called.to_owned()
            } else {
                format!("{called} with shell=True")
            };
            self.injected(span, &how);
        } else if listed
            && words.len() > 2
            && matches!(words.first().map(String::as_str), Some("sh" | "bash" | "/bin/sh" | "/bin/bash"))
            && words.get(1).is_some_and(|flag| flag.ends_with('c'))
            && words.get(2).is_some_and(|code| message::tainted(code))
        {
            self.injected(span, "sh -c");
        }
        let place = first
            .span
            .clone()
            .or_else(|| args.first().map(|arg| arg.span.clone()))
            .unwrap_or_else(|| span.clone());
        let rest = words.get(1..).unwrap_or_default().to_vec();
        let mut name = String::new();
        if let Some(word) = words.first() {
            let odd = |letter: char| !(letter.is_ascii_alphanumeric() || "_-+./".contains(letter));
            for word in word.split(' ') {
                if !word.is_empty() && message::plain(word) && !word.contains(odd) {
                    self.found.tools.push(Need {
                        name: word.to_owned(),
                        span: place.clone(),
                        optional: !self.live,
                    });
                    if word.contains('/') {
                        self.relative(word, &place);
                    }
                    word.rsplit('/').next().unwrap_or_default().clone_into(&mut name);
                }
            }
        }
        let captured = matches!(kind, "check_output" | "getoutput" | "getstatusoutput")
            || called == "os.popen"
            || has("stdout")
            || has("capture_output");
        if !has("stdin") && !has("input") && called != "os.popen" {
            match tools::input(&name, &rest) {
                Input::No => {}
                Input::Line => self.event(Event::ReadLine { raw: true, rewrite: None }, span),
                Input::All { certain } => {
                    self.event(Event::ReadAll { certain, how: name.clone(), rewrite: None }, span);
                }
                Input::Unknown => self.event(Event::ReadMaybe, span),
            }
        }
        if !captured {
            if !name.is_empty() && tools::prints(&name, &rest) == Prints::Something {
                self.event(Event::Write(Output::Noise, None), span);
                self.event(Event::Flush, span);
            }
            if kind == "Popen" && !self.waits {
                let source = self.source(span);
                let rewrite = source.strip_suffix(')').filter(|_| !has("stdin") && !has("stderr")).map(|head| {
                    format!(
                        "{head}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"
                    )
                });
                self.event(Event::Child(rewrite), span);
            }
        }
        if name == "sleep" && kind != "Popen" {
            let seconds = rest.first().and_then(|text| text.parse().ok());
            if let Some(seconds) = seconds {
                self.event(Event::Wait(Some(seconds)), span);
            }
        }
        if name.is_empty() || !tools::pure(&name, &rest) {
            self.event(Event::Effect, span);
        }
        let text = if message::tainted(&first.text) { EVENT } else { UNKNOWN };
        Value::of(text)
    }
}

/// A chain of subscripts and `.get` calls.
fn is_link(expr: &Expr) -> bool {
    match &expr.kind {
        Shape::Index(..) => true,
        Shape::Call(function, ..) => matches!(&function.kind, Shape::Attribute(_, name) if name == "get"),
        _ => false,
    }
}
