//! Perl: what a script does, in the order it does it.

use std::collections::{HashMap, HashSet};

use super::flow::{Cond, Event, Node, Output, Span, Words};
use super::message::{self, CONSTANT, EVENT, LINE, NUMBER, SELF, UNKNOWN};
use super::perl_syntax::{Kind, Tree, parse};
use super::shell_tools::{self as tools, Input, Prints};
use super::{Confidence, FaultKind, FieldRead, Lowered, Need, jq};
use crate::wazuh::version::Contract;

/// Modules that come with perl 5, by their first words (`Module::CoreList`).
const CORE: &[&str] = &[
    "App",
    "Archive::Tar",
    "Attribute",
    "AutoLoader",
    "AutoSplit",
    "B",
    "Benchmark",
    "CORE",
    "CPAN",
    "Carp",
    "Class::Struct",
    "Compress",
    "Config",
    "Cwd",
    "DB",
    "Data::Dumper",
    "Devel",
    "Digest",
    "DirHandle",
    "Dumpvalue",
    "DynaLoader",
    "Encode",
    "English",
    "Env",
    "Errno",
    "Exporter",
    "ExtUtils",
    "Fatal",
    "Fcntl",
    "File",
    "FileCache",
    "FileHandle",
    "Filter",
    "FindBin",
    "Getopt",
    "HTTP::Tiny",
    "Hash::Util",
    "I18N",
    "IO",
    "IPC::Cmd",
    "IPC::Open2",
    "IPC::Open3",
    "IPC::Msg",
    "IPC::Semaphore",
    "IPC::SharedMem",
    "IPC::SysV",
    "JSON::PP",
    "List::Util",
    "Locale",
    "MIME",
    "Math",
    "Memoize",
    "Module",
    "NEXT",
    "Net::hostent",
    "Net::netent",
    "Net::protoent",
    "Net::servent",
    "Net::Cmd",
    "Net::Config",
    "Net::Domain",
    "Net::FTP",
    "Net::NNTP",
    "Net::Netrc",
    "Net::POP3",
    "Net::Ping",
    "Net::SMTP",
    "Net::Time",
    "O",
    "Opcode",
    "POSIX",
    "Params",
    "Parse",
    "Perl",
    "PerlIO",
    "Pod",
    "SDBM_File",
    "Safe",
    "Scalar::Util",
    "Search::Dict",
    "SelectSaver",
    "SelfLoader",
    "Socket",
    "Storable",
    "Sub::Util",
    "Symbol",
    "Sys",
    "TAP",
    "Term",
    "Test",
    "Text::Abbrev",
    "Text::Balanced",
    "Text::ParseWords",
    "Text::Tabs",
    "Text::Wrap",
    "Thread",
    "Tie",
    "Time",
    "UNIVERSAL",
    "Unicode",
    "User",
    "XSLoader",
    "DB_File",
    "GDBM_File",
    "NDBM_File",
    "ODBM_File",
];

#[derive(Clone, Debug, Default)]
struct Value {
    text: String,
    path: Option<(Vec<String>, bool)>,
    cond: Option<Cond>,
    parts: usize,
}

impl Value {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn unknown() -> Self {
        Self::of(UNKNOWN)
    }
}

/// What a table holds for one word of the protocol.
struct Deed<'a> {
    word: &'a str,
    span: Span,
    body: &'a [Tree],
}

struct Lower<'a> {
    text: &'a [u8],
    contract: Contract,
    functions: HashMap<String, &'a [Tree]>,
    /// A table of functions by the words of the protocol; empty when a reference may be another's.
    deeds: Vec<Deed<'a>>,
    called: HashSet<String>,
    stack: Vec<String>,
    variables: HashMap<String, Value>,
    arguments: Vec<Vec<Value>>,
    live: bool,
    list: bool,
    slurps: bool,
    out: Vec<Node>,
    found: Lowered,
    steps: u32,
    depth: u32,
}

pub(super) fn lower(text: &[u8], contract: Contract) -> Lowered {
    let (trees, spans) = parse(text);
    let mut functions = HashMap::new();
    collect(&trees, &mut functions, 0);
    let deeds = deeds(&trees, &functions);
    let mut lower = Lower {
        text,
        contract,
        functions,
        deeds,
        called: HashSet::new(),
        stack: Vec::new(),
        variables: HashMap::new(),
        arguments: Vec::new(),
        live: true,
        list: false,
        slurps: false,
        out: Vec::new(),
        found: Lowered { buffered: true, comments: spans.comments, ..Lowered::default() },
        steps: 0,
        depth: 0,
    };
    lower.block(&trees);
    lower.found.nodes = std::mem::take(&mut lower.out);
    let mut rest: Vec<(String, &[Tree])> = lower
        .functions
        .iter()
        .filter(|(name, _)| !lower.called.contains(*name))
        .map(|(name, body)| (name.clone(), *body))
        .collect();
    rest.sort_by_key(|(_, body)| body.first().map_or(0, |tree| tree.span.start));
    let kept = (
        lower.found.words.clone(),
        lower.found.tools.len(),
        lower.found.opaque,
        lower.found.arguments.clone(),
    );
    for (name, body) in rest {
        lower.live = false;
        lower.steps = 0;
        lower.stack.push(name);
        lower.arguments.push(Vec::new());
        lower.block(body);
        lower.arguments.pop();
        lower.stack.pop();
        lower.out.clear();
    }
    lower.found.words = kept.0;
    lower.found.tools.truncate(kept.1);
    lower.found.opaque = kept.2;
    lower.found.arguments = kept.3;
    lower.found
}

fn collect<'a>(trees: &'a [Tree], into: &mut HashMap<String, &'a [Tree]>, depth: u32) {
    if depth > 60 {
        return;
    }
    for (at, tree) in trees.iter().enumerate() {
        if let (Kind::Word(sub), Some(Kind::Word(name))) =
            (&tree.kind, trees.get(at + 1).map(|tree| &tree.kind))
            && sub == "sub"
            && let Some(body) = trees.iter().skip(at + 2).take(2).find_map(block_of)
        {
            into.insert(name.clone(), body);
        }
        if let Kind::Group(_, inner) = &tree.kind {
            collect(inner, into, depth + 1);
        }
    }
}

/// The table of functions of a script that has one such table, and takes no reference to a function
/// elsewhere.
fn deeds<'a>(trees: &'a [Tree], functions: &HashMap<String, &'a [Tree]>) -> Vec<Deed<'a>> {
    let (mut all, mut references) = (Vec::new(), 0);
    entries(trees, functions, &mut all, &mut references, 0);
    let twice = all
        .iter()
        .enumerate()
        .any(|(at, deed): (usize, &Deed<'_>)| all.iter().skip(at + 1).any(|other| other.word == deed.word));
    if twice || references != all.len() { Vec::new() } else { all }
}

fn entries<'a>(
    trees: &'a [Tree],
    functions: &HashMap<String, &'a [Tree]>,
    into: &mut Vec<Deed<'a>>,
    references: &mut usize,
    depth: u32,
) {
    /// There are four words of the protocol that a table can have.
    const MOST: usize = 4;
    if depth > 60 {
        return;
    }
    for (at, tree) in trees.iter().enumerate() {
        if let Kind::Group(_, inner) = &tree.kind {
            entries(inner, functions, into, references, depth + 1);
        }
        let body = match &tree.kind {
            Kind::Word(sub) if sub == "sub" && operator(trees.get(at + 1)) != "=>" => {
                trees.get(at + 1).and_then(block_of)
            }
            Kind::Variable(name) if at > 0 && operator(trees.get(at - 1)) == "\\" => {
                name.strip_prefix('&').and_then(|name| functions.get(name)).copied()
            }
            _ => None,
        };
        let Some(body) = body else { continue };
        *references += 1;
        let arrow = at - usize::from(matches!(tree.kind, Kind::Variable(_)));
        let key = arrow.checked_sub(2).and_then(|at| trees.get(at));
        if operator(arrow.checked_sub(1).and_then(|at| trees.get(at))) == "=>"
            && let Some(Tree { kind: Kind::Word(word) | Kind::Text { text: word, .. }, span }) = key
            && Words::of(word).is_some()
            && into.len() <= MOST
        {
            into.push(Deed { word, span: span.clone(), body });
        }
    }
}

fn block_of(tree: &Tree) -> Option<&[Tree]> {
    match &tree.kind {
        Kind::Group(b'{', inner) => Some(inner),
        _ => None,
    }
}

fn round(tree: Option<&Tree>) -> Option<&[Tree]> {
    match tree.map(|tree| &tree.kind) {
        Some(Kind::Group(b'(', inner)) => Some(inner),
        _ => None,
    }
}

fn word(tree: Option<&Tree>) -> &str {
    match tree.map(|tree| &tree.kind) {
        Some(Kind::Word(word)) => word,
        _ => "",
    }
}

fn operator(tree: Option<&Tree>) -> &str {
    match tree.map(|tree| &tree.kind) {
        Some(Kind::Operator(operator)) => operator,
        _ => "",
    }
}

fn span_of(trees: &[Tree]) -> Span {
    match (trees.first(), trees.last()) {
        (Some(first), Some(last)) => first.span.start..last.span.end,
        _ => 0..0,
    }
}

const STEPS: u32 = 30_000;
/// The longest text of a value; beyond it nothing is known of it.
const LONGEST: usize = 20_000;
/// An expression of more tokens is read piece by piece: its operators are not looked for over and over.
const LONG: usize = 4_000;

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

    fn perhaps(&mut self, inside: impl FnOnce(&mut Self)) -> Vec<Node> {
        let live = std::mem::replace(&mut self.live, false);
        let nodes = self.apart(inside);
        self.live = live;
        nodes
    }

    /// One level deeper, unless it is too deep.
    fn deeper(&mut self, inside: impl FnOnce(&mut Self) -> Value) -> Value {
        self.steps += 1;
        if self.depth > 90 || self.steps > STEPS {
            return Value::unknown();
        }
        self.depth += 1;
        let mut value = inside(self);
        self.depth -= 1;
        if value.text.len() > LONGEST {
            value.text = UNKNOWN.to_string();
        }
        value
    }

    fn block(&mut self, trees: &'a [Tree]) {
        let slurps = self.slurps;
        self.deeper(|lower| {
            lower.statements(trees);
            Value::default()
        });
        self.slurps = slurps && !self.stack.is_empty() || self.slurps && self.depth == 0;
    }

    fn statements(&mut self, trees: &'a [Tree]) {
        let mut at = 0;
        while at < trees.len() {
            if operator(trees.get(at)) == ";" {
                at += 1;
                continue;
            }
            // A label.
            if operator(trees.get(at + 1)) == ":"
                && word(trees.get(at)).bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
                && !word(trees.get(at)).is_empty()
            {
                at += 2;
                continue;
            }
            let first = word(trees.get(at));
            match first {
                "sub" if !word(trees.get(at + 1)).is_empty() => {
                    at += 2;
                    while at < trees.len() && block_of_opt(trees.get(at)).is_none() {
                        at += 1;
                    }
                    at += 1;
                    continue;
                }
                "BEGIN" | "END" if block_of_opt(trees.get(at + 1)).is_some() => {
                    if let Some(body) = block_of_opt(trees.get(at + 1)) {
                        self.block(body);
                    }
                    at += 2;
                    continue;
                }
                "if" | "unless" if round(trees.get(at + 1)).is_some() => {
                    at = self.arms(trees, at);
                    continue;
                }
                "while" | "until" if round(trees.get(at + 1)).is_some() => {
                    let span = trees.get(at).map_or(0..0, |tree| tree.span.clone());
                    let test = round(trees.get(at + 1)).unwrap_or_default();
                    let mut cond = Cond::Yes;
                    let test = self.apart(|lower| {
                        if !test.is_empty() {
                            cond = lower.condition(test);
                        }
                    });
                    let cond = if first == "until" { cond.not() } else { cond };
                    let body = block_of_opt(trees.get(at + 2)).unwrap_or_default();
                    let body = self.perhaps(|lower| lower.block(body));
                    self.out.push(Node::Loop { test, cond, body, span });
                    at += 3;
                    continue;
                }
                "for" | "foreach" => {
                    let start = at;
                    at += 1;
                    let mut name = String::new();
                    while at < trees.len() && round(trees.get(at)).is_none() && operator(trees.get(at)) != ";"
                    {
                        if let Some(Kind::Variable(variable)) = trees.get(at).map(|tree| &tree.kind) {
                            name.clone_from(variable);
                        }
                        at += 1;
                    }
                    let over = round(trees.get(at)).unwrap_or_default();
                    let endless = over.iter().all(|tree| operator(Some(tree)) == ";") && over.len() == 2;
                    let counted = over.iter().any(|tree| operator(Some(tree)) == ";");
                    let value =
                        if counted { Value::unknown() } else { self.in_list(true, |lower| lower.eval(over)) };
                    if !name.is_empty() {
                        self.variables.insert(name, Value { path: None, ..value });
                    }
                    let body = block_of_opt(trees.get(at + 1)).unwrap_or_default();
                    let body = self.perhaps(|lower| lower.block(body));
                    let literal = over.iter().any(|tree| {
                        matches!(tree.kind, Kind::Text { .. } | Kind::Words(_) | Kind::Number(_))
                    });
                    let cond = if endless {
                        Cond::Yes
                    } else if literal {
                        Cond::First
                    } else {
                        Cond::Unknown
                    };
                    let span = trees.get(start).map_or(0..0, |tree| tree.span.clone());
                    self.out.push(Node::Loop { test: Vec::new(), cond, body, span });
                    at += 2;
                    continue;
                }
                "use" | "no" | "require" => {
                    let end = end_of(trees, at);
                    self.module(trees.get(at..end).unwrap_or_default());
                    at = end + 1;
                    continue;
                }
                "package" => {
                    at = end_of(trees, at) + 1;
                    continue;
                }
                "" => {
                    if let Some(body) = block_of_opt(trees.get(at)) {
                        let slurps = self.slurps;
                        self.statements_deeper(body);
                        self.slurps = slurps;
                        at += 1;
                        continue;
                    }
                }
                _ => {}
            }
            let end = end_of(trees, at);
            self.simple(trees.get(at..end).unwrap_or_default());
            at = end + 1;
        }
    }

    fn statements_deeper(&mut self, trees: &'a [Tree]) {
        self.deeper(|lower| {
            lower.statements(trees);
            Value::default()
        });
    }

    fn in_list<T>(&mut self, list: bool, inside: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.list, list);
        let value = inside(self);
        self.list = outer;
        value
    }

    fn arms(&mut self, trees: &'a [Tree], mut at: usize) -> usize {
        let mut arms = Vec::new();
        let mut after = Vec::new();
        let mut first = true;
        loop {
            let kind = word(trees.get(at));
            match kind {
                "if" | "unless" | "elsif" if kind == "elsif" || first => {
                    let test = round(trees.get(at + 1)).unwrap_or_default();
                    let body = block_of_opt(trees.get(at + 2)).unwrap_or_default();
                    let live = self.live;
                    self.live &= first;
                    let mut cond = Cond::Unknown;
                    let nodes = self.apart(|lower| cond = lower.condition(test));
                    self.live = live;
                    if first {
                        self.out.extend(nodes);
                    } else {
                        after.extend(nodes);
                    }
                    let cond = if kind == "unless" { cond.not() } else { cond };
                    let body = self.perhaps(|lower| lower.block(body));
                    arms.push((cond, body));
                    at += 3;
                }
                "else" if !first => {
                    let body = block_of_opt(trees.get(at + 1)).unwrap_or_default();
                    let body = self.perhaps(|lower| lower.block(body));
                    arms.push((Cond::Yes, body));
                    at += 2;
                    break;
                }
                _ => break,
            }
            first = false;
        }
        if let Some((_, rest)) = arms.split_first()
            && !after.is_empty()
            && !rest.is_empty()
        {
            self.out.push(Node::If(vec![(Cond::Unknown, after)]));
        }
        self.out.push(Node::If(arms));
        at
    }

    fn module(&mut self, trees: &'a [Tree]) {
        let [first, second, ..] = trees else { return };
        let Kind::Word(name) = &second.kind else { return };
        if word(Some(first)) == "no" {
            return;
        }
        let pragma = name.bytes().next().is_none_or(|byte| byte.is_ascii_lowercase());
        let core = CORE
            .iter()
            .any(|core| name == core || name.strip_prefix(core).is_some_and(|rest| rest.starts_with("::")));
        if !pragma && !core {
            self.found.modules.push(Need {
                name: name.clone(),
                span: second.span.clone(),
                optional: !self.live,
            });
        }
    }

    /// A statement without blocks of its own, perhaps with a condition behind it.
    fn simple(&mut self, trees: &'a [Tree]) {
        let modifier = trees.iter().enumerate().skip(1).rev().find(|(at, tree)| {
            matches!(word(Some(tree)), "if" | "unless" | "while" | "until" | "for" | "foreach")
                && operator(trees.get(at - 1)) != "->"
                && operator(trees.get(at + 1)) != "=>"
        });
        if let Some((at, tree)) = modifier {
            let body = trees.get(..at).unwrap_or_default();
            let test = trees.get(at + 1..).unwrap_or_default();
            let kind = word(Some(tree)).to_owned();
            match kind.as_str() {
                "if" | "unless" => {
                    let cond = self.condition(test);
                    let cond = if kind == "unless" { cond.not() } else { cond };
                    let nodes = self.perhaps(|lower| lower.logic(body));
                    self.out.push(Node::If(vec![(cond, nodes)]));
                }
                "while" | "until" => {
                    let mut cond = Cond::Unknown;
                    let test = self.apart(|lower| cond = lower.condition(test));
                    let cond = if kind == "until" { cond.not() } else { cond };
                    let body = self.perhaps(|lower| lower.logic(body));
                    self.out.push(Node::Loop { test, cond, body, span: tree.span.clone() });
                }
                _ => {
                    self.in_list(true, |lower| lower.eval(test));
                    let body = self.perhaps(|lower| lower.logic(body));
                    self.out.push(Node::Loop {
                        test: Vec::new(),
                        cond: Cond::Unknown,
                        body,
                        span: tree.span.clone(),
                    });
                }
            }
            return;
        }
        self.logic(trees);
    }

    /// `a or b`, `a and b`.
    fn logic(&mut self, trees: &'a [Tree]) {
        let cut = trees.iter().position(|tree| matches!(word(Some(tree)), "or" | "and"));
        let Some(cut) = cut else {
            self.eval(trees);
            return;
        };
        let cond = self.condition(trees.get(..cut).unwrap_or_default());
        let and = word(trees.get(cut)) == "and";
        let rest = trees.get(cut + 1..).unwrap_or_default();
        let nodes = self.perhaps(|lower| {
            lower.deeper(|lower| {
                lower.logic(rest);
                Value::default()
            });
        });
        self.out.push(Node::If(vec![(if and { cond } else { cond.not() }, nodes)]));
    }

    fn condition(&mut self, trees: &'a [Tree]) -> Cond {
        if let [Tree { kind: Kind::Number(number), .. }] = trees {
            return if number == "0" { Cond::No } else { Cond::Yes };
        }
        let value = self.eval(trees);
        value.cond.unwrap_or(Cond::Unknown)
    }

    fn eval(&mut self, trees: &'a [Tree]) -> Value {
        self.deeper(|lower| lower.eval_inner(trees))
    }

    fn eval_inner(&mut self, trees: &'a [Tree]) -> Value {
        if trees.is_empty() {
            return Value::default();
        }
        if trees.len() > LONG {
            return self.pieces(trees);
        }
        let cut =
            |operators: &[&str]| trees.iter().position(|tree| operators.contains(&operator(Some(tree))));
        // Functions that take all that follows, without brackets.
        let verb = word(trees.first());
        let takes_all = matches!(
            verb,
            "print"
                | "printf"
                | "say"
                | "die"
                | "return"
                | "exit"
                | "system"
                | "exec"
                | "push"
                | "unshift"
                | "open"
                | "close"
                | "sprintf"
                | "unlink"
                | "join"
                | "sleep"
                | "local"
                | "warn"
                | "chomp"
                | "last"
                | "next"
                | "syswrite"
        ) && operator(trees.get(1)) != "=>";
        if let Some(at) =
            trees.iter().position(|tree| matches!(word(Some(tree)), "or" | "and" | "not" | "xor"))
        {
            if at == 0 {
                let signs = trees.iter().take_while(|tree| word(Some(tree)) == "not").count().max(1);
                let cond = self.condition(trees.get(signs..).unwrap_or_default());
                let cond = if signs % 2 == 1 { cond.not() } else { cond };
                return Value { cond: Some(cond), ..Value::of(CONSTANT) };
            }
            let and = word(trees.get(at)) == "and";
            let left = self.condition(trees.get(..at).unwrap_or_default());
            let mut right = Cond::Unknown;
            let nodes =
                self.perhaps(|lower| right = lower.condition(trees.get(at + 1..).unwrap_or_default()));
            self.out.push(Node::If(vec![(if and { left.clone() } else { left.clone().not() }, nodes)]));
            let cond = if and { Cond::All(vec![left, right]) } else { Cond::Any(vec![left, right]) };
            return Value { cond: Some(cond), ..Value::of(UNKNOWN) };
        }
        if takes_all
            && !(round(trees.get(1)).is_some()
                && trees.len() > 2
                && matches!(verb, "exit" | "system" | "open" | "join" | "sleep" | "exec" | "sprintf"))
        {
            return self.verb(verb, trees);
        }
        if let Some(at) = cut(&[",", "=>"]) {
            let mut whole = Value::default();
            let mut rest = trees;
            let mut next = Some(at);
            let mut parts = 0;
            loop {
                let end = next.unwrap_or(rest.len());
                let part = rest.get(..end).unwrap_or_default();
                let text =
                    if operator(rest.get(end)) == "=>" && part.len() == 1 && !word(part.first()).is_empty() {
                        word(part.first()).to_owned()
                    } else {
                        let value = self.eval(part);
                        if part.len() == 1
                            && matches!(part.first().map(|tree| &tree.kind), Some(Kind::Text { .. }))
                        {
                            if value.text.len() <= 1 && value.text.trim().is_empty() || value.text == "\n" {
                                value.text
                            } else {
                                format!("\"{}\"", value.text)
                            }
                        } else {
                            value.text
                        }
                    };
                if !part.is_empty() {
                    parts += 1;
                }
                whole.text.push_str(&text);
                let Some(end) = next else { break };
                whole.text.push_str(operator(rest.get(end)));
                whole.text.push(' ');
                rest = rest.get(end + 1..).unwrap_or_default();
                if rest.is_empty() || whole.text.len() > 20_000 {
                    break;
                }
                next = rest.iter().position(|tree| matches!(operator(Some(tree)), "," | "=>"));
            }
            whole.parts = parts;
            return whole;
        }
        if let Some(at) = cut(&["=", ".=", "||=", "//=", "+=", "&&="])
            && at > 0
        {
            return self.assignment(trees, at);
        }
        if let Some(at) = cut(&["?"]) {
            let cond = self.condition(trees.get(..at).unwrap_or_default());
            let rest = trees.get(at + 1..).unwrap_or_default();
            let colon = rest.iter().position(|tree| operator(Some(tree)) == ":").unwrap_or(rest.len());
            let mut text = String::new();
            let mut arms = Vec::new();
            for (part, when) in [(rest.get(..colon), cond), (rest.get(colon + 1..), Cond::Yes)] {
                let mut value = Value::default();
                let nodes = self.perhaps(|lower| value = lower.eval(part.unwrap_or_default()));
                text.push_str(&value.text);
                text.push(' ');
                arms.push((when, nodes));
            }
            self.out.push(Node::If(arms));
            return Value::of(text);
        }
        if let Some(at) = cut(&["||", "//", "&&"]) {
            let and = operator(trees.get(at)) == "&&";
            let live = self.live;
            if !and {
                self.live = false;
            }
            let left = self.eval(trees.get(..at).unwrap_or_default());
            self.live = live;
            let mut right = Value::default();
            let nodes = self.perhaps(|lower| right = lower.eval(trees.get(at + 1..).unwrap_or_default()));
            let first = left.cond.clone().unwrap_or(Cond::Unknown);
            let second = right.cond.clone().unwrap_or(Cond::Unknown);
            self.out.push(Node::If(vec![(if and { first.clone() } else { first.clone().not() }, nodes)]));
            let cond = if and { Cond::All(vec![first, second]) } else { Cond::Any(vec![first, second]) };
            if and {
                return Value { cond: Some(cond), ..Value::of(right.text) };
            }
            let path = left.path.map(|(path, _)| (path, true));
            let keep = right.text.is_empty() || right.text.chars().eq([UNKNOWN]);
            let text = if keep { left.text } else { format!("{}{}", left.text, right.text) };
            return Value { text, path, cond: Some(cond), parts: 0 };
        }
        let signs = trees.iter().take_while(|tree| operator(Some(tree)) == "!").count();
        if signs > 0 {
            let cond = self.condition(trees.get(signs..).unwrap_or_default());
            let cond = if signs % 2 == 1 { cond.not() } else { cond };
            return Value { cond: Some(cond), ..Value::of(CONSTANT) };
        }
        if let Some(at) = trees.iter().position(|tree| {
            matches!(operator(Some(tree)), "=~" | "!~" | "==" | "!=" | "<" | ">" | "<=" | ">=")
                || matches!(word(Some(tree)), "eq" | "ne" | "lt" | "gt" | "x")
        }) && at > 0
        {
            return self.comparison(trees, at);
        }
        self.pieces(trees)
    }

    /// Pieces side by side, or with operators between them.
    fn pieces(&mut self, trees: &'a [Tree]) -> Value {
        let mut whole = Value::default();
        let mut at = 0;
        let mut count = 0;
        while at < trees.len() {
            if !operator(trees.get(at)).is_empty() {
                if operator(trees.get(at)) == "-" && word(trees.get(at + 1)) == "t" {
                    whole.cond = Some(Cond::No);
                    at += 3;
                    continue;
                }
                if operator(trees.get(at)) == "++"
                    && let Some(Kind::Variable(name)) =
                        at.checked_sub(1).and_then(|at| trees.get(at)).map(|tree| &tree.kind)
                    && name == "$|"
                {
                    let span = span_of(trees);
                    self.event(Event::Unbuffered, &span);
                }
                at += 1;
                continue;
            }
            let before = at;
            let value = self.term(trees, &mut at);
            at = at.max(before + 1);
            count += 1;
            if count == 1 {
                let cond = whole.cond.take().or_else(|| value.cond.clone());
                whole = Value { cond, ..value };
            } else {
                if whole.text.len() <= LONGEST {
                    whole.text.push_str(&value.text);
                }
                whole.path = None;
                whole.cond = None;
            }
        }
        whole
    }

    fn comparison(&mut self, trees: &'a [Tree], at: usize) -> Value {
        let (left, right) = (trees.get(..at).unwrap_or_default(), trees.get(at + 1..).unwrap_or_default());
        let sign = trees.get(at).map(|tree| match &tree.kind {
            Kind::Word(word) | Kind::Operator(word) => word.as_str(),
            _ => "",
        });
        let one = self.eval(left);
        let span = span_of(right);
        if let (Some("=~" | "!~"), Some(Kind::Pattern(pattern))) =
            (sign, right.first().map(|tree| &tree.kind))
        {
            if let Some(Kind::Variable(name)) = left.last().map(|tree| &tree.kind)
                && let Some(value) = self.variables.get_mut(name)
                && !pattern.starts_with('s')
            {
                value.text = message::checked(&value.text);
            }
            let mut words = Words::default();
            let mut any = false;
            for part in pattern.split(|letter: char| !letter.is_ascii_alphanumeric()) {
                if part.is_empty() {
                    continue;
                }
                if self.found.protocol(part, &span).is_none() {
                    any = false;
                    break;
                }
                words.take(part);
                any = true;
            }
            let cond = if any { Cond::Word(words) } else { Cond::Unknown };
            let cond = if sign == Some("!~") { cond.not() } else { cond };
            return Value { cond: Some(cond), ..Value::of(message::checked(&one.text)) };
        }
        let two = self.eval(right);
        let found =
            self.found.protocol(&two.text, &span).or_else(|| self.found.protocol(&one.text, &span_of(left)));
        let cond = match (found, sign) {
            (Some(words), Some("eq" | "==")) => Cond::Word(words),
            (Some(words), Some("ne" | "!=")) => Cond::Word(words).not(),
            _ => Cond::Unknown,
        };
        Value { cond: Some(cond), ..Value::of(CONSTANT) }
    }

    fn assignment(&mut self, trees: &'a [Tree], at: usize) -> Value {
        let left = trees.get(..at).unwrap_or_default();
        let right = trees.get(at + 1..).unwrap_or_default();
        let span = span_of(trees);
        let target = left.iter().find_map(|tree| match &tree.kind {
            Kind::Variable(name) => Some(name.clone()),
            _ => None,
        });
        let names: Vec<String> = left
            .iter()
            .filter_map(|tree| match &tree.kind {
                Kind::Group(b'(', inner) => Some(inner.as_slice()),
                _ => None,
            })
            .flatten()
            .filter_map(|tree| match &tree.kind {
                Kind::Variable(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        let many = round(left.last()).is_some()
            && !matches!(left.first().map(|tree| &tree.kind), Some(Kind::Variable(_)));
        let list = many || target.as_ref().is_some_and(|name| name.starts_with(['@', '%']));
        let value = self.in_list(list, |lower| lower.eval(right));
        if many {
            let only = names.len() == 1;
            for name in names {
                let value =
                    Value { path: if only { value.path.clone() } else { None }, cond: None, ..value.clone() };
                self.variables.insert(name, value);
            }
            return value;
        }
        match target.as_deref() {
            Some("$|" | "$OUTPUT_AUTOFLUSH") => {
                if value.text != "0" {
                    self.event(Event::Unbuffered, &span);
                }
            }
            Some("$/" | "$INPUT_RECORD_SEPARATOR" | "$RS") => {
                self.slurps = value.text.is_empty() || value.text.contains("undef")
            }
            Some(name) => {
                let plain = left.iter().filter(|tree| word(Some(tree)).is_empty()).count() == 1;
                let append = operator(trees.get(at)) != "=";
                if !plain || append || !self.live && self.variables.contains_key(name) {
                    if let Some(old) = self.variables.get_mut(name) {
                        if old.text.len() < 4000 {
                            let key = left.last().map(|tree| tree.span.clone()).unwrap_or(0..0);
                            let key = if plain {
                                String::new()
                            } else {
                                String::from_utf8_lossy(self.text.get(key).unwrap_or_default())
                                    .trim_matches(['{', '}', '\'', '"'])
                                    .to_owned()
                            };
                            if key.is_empty() {
                                old.text.push(' ');
                            } else {
                                old.text.push_str(&format!(" {key} => "));
                            }
                            old.text.push_str(&value.text);
                        }
                        if !plain || old.path != value.path {
                            old.path = None;
                        }
                        old.cond = None;
                        return value;
                    }
                    if !plain {
                        return value;
                    }
                }
                self.variables.insert(name.to_owned(), value.clone());
            }
            None => {
                self.eval(left);
            }
        }
        // The value of `my $line = <STDIN>` as a condition is whether there was one.
        let reads = right.iter().any(|tree| matches!(tree.kind, Kind::Read(_)));
        if reads { Value { cond: Some(Cond::Read), ..value } } else { value }
    }

    fn read(&mut self, name: &str, span: &Span) -> Value {
        if !matches!(name, "STDIN" | "" | "<>" | "ARGV") {
            return Value::unknown();
        }
        if self.slurps || self.list {
            let rewrite = (!self.slurps).then(|| format!("scalar {}", self.source(span)));
            let how = if self.slurps { "<STDIN> with an undefined $/" } else { "<STDIN> in list context" };
            self.event(Event::ReadAll { certain: true, how: how.to_owned(), rewrite }, span);
        } else {
            self.event(Event::ReadLine { raw: true, rewrite: None }, span);
        }
        Value { cond: Some(Cond::Read), ..Value::of(LINE) }
    }

    /// One value with what hangs on it.
    fn term(&mut self, trees: &'a [Tree], at: &mut usize) -> Value {
        let Some(tree) = trees.get(*at) else { return Value::default() };
        let start = *at;
        *at += 1;
        let mut value = match &tree.kind {
            Kind::Number(number) => Value::of(number.clone()),
            Kind::Text { text, interpolates } => {
                let text = if *interpolates { self.interpolate(text, &tree.span) } else { text.clone() };
                Value::of(text)
            }
            Kind::Words(words) => Value { parts: words.len(), ..Value::of(words.join(" ")) },
            Kind::Pattern(_) => Value::of(CONSTANT),
            Kind::Command { text, interpolates } => {
                let text = if *interpolates { self.interpolate(text, &tree.span) } else { text.clone() };
                self.process(&text, 1, "backquotes", &tree.span, true);
                Value::unknown()
            }
            Kind::Read(name) => self.read(name, &tree.span),
            Kind::Operator(_) => Value::default(),
            Kind::Group(b'(', inner) => self.eval(inner),
            Kind::Group(b'[', inner) => {
                let inner = self.in_list(true, |lower| lower.eval_item(inner));
                Value::of(format!("[{}]", inner.text))
            }
            Kind::Group(_, inner) => {
                let inner = self.in_list(true, |lower| lower.eval_item(inner));
                Value::of(format!("{{{}}}", inner.text))
            }
            Kind::Variable(name) => match name.as_str() {
                "$0" => Value::of(SELF),
                "@_" => {
                    let text: String = self
                        .arguments
                        .last()
                        .map(|arguments| arguments.iter().map(|argument| argument.text.as_str()).collect())
                        .unwrap_or_default();
                    let path = self.arguments.last().and_then(|arguments| match arguments.as_slice() {
                        [one] => one.path.clone(),
                        _ => None,
                    });
                    Value { path, ..Value::of(if text.is_empty() { UNKNOWN.to_string() } else { text }) }
                }
                "$_" if operator(trees.get(*at)).is_empty() => {
                    if let (Some(Kind::Group(b'[', inner)), Some(arguments)) =
                        (trees.get(*at).map(|tree| &tree.kind), self.arguments.last())
                    {
                        let number = match inner.first().map(|tree| &tree.kind) {
                            Some(Kind::Number(number)) => number.parse::<usize>().unwrap_or(0),
                            _ => 0,
                        };
                        let value = arguments.get(number).cloned().unwrap_or_else(Value::unknown);
                        *at += 1;
                        value
                    } else {
                        self.variables.get("$_").cloned().unwrap_or_else(|| Value::of(LINE))
                    }
                }
                "$ARGV" | "@ARGV" => {
                    if self.found.arguments.is_none() && (name == "@ARGV" && self.list || name == "$ARGV") {
                        let end = trees.get(*at).map_or(tree.span.end, |next| next.span.end);
                        self.found.arguments =
                            Some(tree.span.start..if name == "$ARGV" { end } else { tree.span.end });
                    }
                    Value::unknown()
                }
                name => {
                    // An element of an array or hash is looked up by the name of the whole.
                    let direct = self.variables.get(name);
                    let whole = name.strip_prefix('$').and_then(|bare| {
                        self.variables
                            .get(&format!("%{bare}"))
                            .or_else(|| self.variables.get(&format!("@{bare}")))
                    });
                    direct.or(whole).cloned().unwrap_or_else(Value::unknown)
                }
            },
            Kind::Word(name) => self.named(name, trees, start, at),
        };
        // Subscripts and methods.
        let mut linked = false;
        loop {
            let arrow = operator(trees.get(*at)) == "->";
            let next = trees.get(*at + usize::from(arrow));
            let Some(next) = next else { break };
            match &next.kind {
                Kind::Group(open @ (b'{' | b'['), inner)
                    if arrow
                        || matches!(tree.kind, Kind::Variable(_) | Kind::Word(_))
                            && (linked || matches!(tree.kind, Kind::Variable(_))) =>
                {
                    linked = true;
                    let key = match inner.as_slice() {
                        [Tree { kind: Kind::Word(word), .. }] => Some(word.clone()),
                        [Tree { kind: Kind::Text { text, interpolates: false }, .. }] => Some(text.clone()),
                        [Tree { kind: Kind::Text { text, .. }, .. }] if !text.contains('$') => {
                            Some(text.clone())
                        }
                        [Tree { kind: Kind::Number(number), .. }] => Some(number.clone()),
                        _ => {
                            self.eval(inner);
                            None
                        }
                    };
                    value = match (value.path.take(), key) {
                        (Some((mut path, optional)), Some(key)) => {
                            path.push(if *open == b'[' { format!("[{key}]") } else { key });
                            let known = path.len() > 1 || jq::maybe_root(&path);
                            Value {
                                text: message::field(&path).to_string(),
                                path: known.then_some((path, optional)),
                                ..Value::default()
                            }
                        }
                        (Some(_), None) => Value::of(EVENT),
                        (None, _) => Value { cond: None, ..value },
                    };
                    *at += 1 + usize::from(arrow);
                }
                Kind::Group(b'(', inner) if arrow => {
                    value = self.by_reference(inner, &next.span);
                    *at += 2;
                }
                Kind::Word(method) if arrow => {
                    let span = tree.span.start..next.span.end;
                    let inner = round(trees.get(*at + 2)).unwrap_or_default();
                    let bracket = usize::from(round(trees.get(*at + 2)).is_some());
                    let argument = self.eval(inner);
                    *at += 2 + bracket;
                    value = self.method(word(Some(tree)), method, value, argument, &span);
                }
                _ => break,
            }
        }
        if linked && let Some((path, optional)) = &value.path {
            let (path, optional) = (path.clone(), *optional || !self.live);
            let span = span_of(trees.get(start..*at).unwrap_or_default());
            self.found.fields.push(FieldRead {
                paths: vec![jq::dotted(&path)],
                optional,
                fatal: false,
                how: "Perl hash",
                span,
            });
        }
        value
    }

    /// The inside of a bracket: a single text keeps its quotes.
    fn eval_item(&mut self, inner: &'a [Tree]) -> Value {
        let value = self.eval(inner);
        match inner {
            [Tree { kind: Kind::Text { .. }, .. }] => Value::of(format!("\"{}\"", value.text)),
            _ => value,
        }
    }

    fn method(&mut self, class: &str, method: &str, held: Value, argument: Value, span: &Span) -> Value {
        match (class, method) {
            ("STDOUT", "autoflush") => self.event(Event::Unbuffered, span),
            ("STDOUT", "flush") => self.event(Event::Flush, span),
            ("STDOUT", "print" | "say" | "printf") => {
                self.write(&argument.text, method == "say" || argument.text.contains('\n'), span);
            }
            ("STDIN", "getline") => return self.read("STDIN", span),
            ("STDIN", "getlines") => return self.in_list(true, |lower| lower.read("STDIN", span)),
            (_, "decode") if argument.text.contains(LINE) => {
                return Value { path: Some((Vec::new(), false)), ..Value::of(LINE) };
            }
            (_, "encode" | "decode") => return Value::of(argument.text),
            (_, "new" | "utf8" | "canonical" | "pretty" | "allow_nonref" | "relaxed") => {
                let path = None;
                return Value { path, ..Value::unknown() };
            }
            _ => {
                if let Some(body) = self.functions.get(method).copied() {
                    return self.call(method, body, vec![held, argument]);
                }
                self.event(Event::Effect, span);
            }
        }
        Value::unknown()
    }

    fn call(&mut self, name: &str, body: &'a [Tree], arguments: Vec<Value>) -> Value {
        self.called.insert(name.to_owned());
        if self.stack.len() > 7 || self.stack.iter().any(|other| other == name) {
            return Value::unknown();
        }
        let tainted: String = arguments.iter().map(|argument| argument.text.as_str()).collect();
        self.stack.push(name.to_owned());
        self.arguments.push(arguments);
        let (list, slurps) = (self.list, self.slurps);
        self.list = false;
        let nodes = self.apart(|lower| lower.statements_deeper(body));
        self.list = list;
        self.slurps = slurps;
        self.arguments.pop();
        self.stack.pop();
        self.out.push(Node::Function(nodes));
        let returned = self.variables.remove("=").unwrap_or_default();
        if !returned.text.is_empty() || returned.path.is_some() {
            return returned;
        }
        Value::of(if message::tainted(&tainted) { EVENT } else { UNKNOWN })
    }

    /// A call of a function that is held in a variable.
    fn by_reference(&mut self, arguments: &'a [Tree], span: &Span) -> Value {
        let parts = arguments.split(|tree| matches!(operator(Some(tree)), "," | "=>"));
        let arguments: Vec<Value> = parts.map(|part| self.in_list(true, |lower| lower.eval(part))).collect();
        if self.deeds.is_empty() {
            self.found.opaque = true;
            self.event(Event::Opaque, span);
            return Value::unknown();
        }
        let deeds: Vec<(&str, Span, &[Tree])> =
            self.deeds.iter().map(|deed| (deed.word, deed.span.clone(), deed.body)).collect();
        let mut arms = Vec::new();
        for (word, span, body) in deeds {
            let Some(words) = self.found.protocol(word, &span) else { continue };
            let name = self.functions.iter().find(|(_, known)| std::ptr::eq(**known, body));
            let name = name.map_or_else(|| format!("=> {word}"), |(name, _)| name.clone());
            let nodes = self.perhaps(|lower| {
                lower.call(&name, body, arguments.clone());
            });
            arms.push((Cond::Word(words), nodes));
        }
        self.out.push(Node::If(arms));
        Value::unknown()
    }

    /// A bare word: a function, a handle, a class.
    fn named(&mut self, name: &str, trees: &'a [Tree], start: usize, at: &mut usize) -> Value {
        if operator(trees.get(*at)) == "->" || operator(trees.get(*at)) == "=>" {
            return Value::of(name);
        }
        let (inner, brackets) = match round(trees.get(*at)) {
            Some(inner) => (inner, true),
            None => (&[][..], false),
        };
        let end = if brackets { *at + 1 } else { *at };
        let span = span_of(trees.get(start..end).unwrap_or_default());
        // One operand without brackets.
        let unary = |lower: &mut Self, at: &mut usize, list: bool| {
            if brackets {
                *at += 1;
                lower.in_list(list, |lower| lower.eval(inner))
            } else {
                lower.in_list(list, |lower| lower.term(trees, at))
            }
        };
        match name {
            "my" | "our" | "state" => Value::default(),
            "local" => {
                if matches!(trees.get(*at).map(|tree| &tree.kind), Some(Kind::Variable(name)) if name == "$/")
                {
                    self.slurps = true;
                }
                Value::default()
            }
            "undef" => {
                if matches!(trees.get(*at).map(|tree| &tree.kind), Some(Kind::Variable(name)) if name == "$/")
                {
                    self.slurps = true;
                }
                *at += usize::from(brackets);
                Value::of("undef")
            }
            "scalar" | "lc" | "uc" | "chomp" | "chop" | "ucfirst" | "lcfirst" | "encode_utf8"
            | "decode_utf8" => unary(self, at, false),
            "defined" => {
                let value = unary(self, at, false);
                Value { cond: value.cond, ..Value::of(CONSTANT) }
            }
            "decode_json" | "from_json" | "jsonToObj" => {
                let value = unary(self, at, false);
                if value.text.contains(LINE) && value.path.is_none() {
                    Value { path: Some((Vec::new(), false)), ..Value::of(LINE) }
                } else {
                    value
                }
            }
            "encode_json" | "to_json" => unary(self, at, false),
            "sprintf" => {
                let list = if brackets { inner } else { trees.get(*at..).unwrap_or_default() };
                *at = if brackets { *at + 1 } else { trees.len() };
                self.formatted(list)
            }
            "int" | "length" | "hex" | "oct" | "abs" | "time" | "ord" => {
                if brackets {
                    unary(self, at, false);
                }
                Value::of(NUMBER)
            }
            "readline" => {
                if brackets {
                    *at += 1;
                }
                self.read("STDIN", &span)
            }
            "eof" => {
                *at += usize::from(brackets);
                Value { cond: Some(Cond::Read.not()), ..Value::unknown() }
            }
            "shift" | "pop" => {
                if brackets {
                    *at += 1;
                }
                let named = matches!(trees.get(*at).map(|tree| &tree.kind), Some(Kind::Variable(name)) if name.starts_with('@'));
                let of_arguments = matches!(trees.get(*at).map(|tree| &tree.kind), Some(Kind::Variable(name)) if name == "@ARGV");
                if named {
                    *at += 1;
                }
                if (of_arguments || !named && self.stack.is_empty()) && self.found.arguments.is_none() {
                    self.found.arguments = Some(span);
                }
                match self.arguments.last_mut() {
                    Some(arguments) if !named && !arguments.is_empty() => arguments.remove(0),
                    _ => Value::unknown(),
                }
            }
            "do" | "eval" => {
                if let Some(body) = block_of_opt(trees.get(*at)) {
                    *at += 1;
                    let slurps = self.slurps;
                    let live = self.live;
                    self.live &= name == "do";
                    let last =
                        body.iter().rposition(|tree| operator(Some(tree)) == ";").map_or(0, |at| at + 1);
                    let last = if last >= body.len() { 0 } else { last };
                    if last > 0 {
                        self.statements_deeper(body.get(..last).unwrap_or_default());
                    }
                    let value = self.eval(body.get(last..).unwrap_or_default());
                    self.live = live;
                    self.slurps = slurps;
                    return value;
                }
                let value = unary(self, at, false);
                if message::tainted(&value.text) {
                    self.injected(&span, name);
                }
                self.found.opaque = true;
                self.event(Event::Opaque, &span);
                Value::unknown()
            }
            "sub" => {
                while *at < trees.len() && block_of_opt(trees.get(*at)).is_none() {
                    *at += 1;
                }
                *at += 1;
                Value::unknown()
            }
            "fork" => {
                *at += usize::from(brackets);
                self.found.opaque = true;
                self.event(Event::Opaque, &span);
                Value::unknown()
            }
            "sysread" | "read" => {
                if inner.iter().any(|tree| word(Some(tree)) == "STDIN") {
                    self.event(Event::ReadMaybe, &span);
                }
                if brackets {
                    unary(self, at, false);
                }
                Value::of(LINE)
            }
            "STDIN" | "STDOUT" | "STDERR" | "__FILE__" | "__PACKAGE__" => Value::of(CONSTANT),
            "print" | "printf" | "say" | "die" | "return" | "exit" | "system" | "exec" | "open" | "close"
            | "unlink" | "join" | "sleep" | "warn" | "last" | "next" | "syswrite" | "push" | "unshift" => {
                let rest = if brackets {
                    trees.get(start..=*at).unwrap_or_default()
                } else {
                    trees.get(start..).unwrap_or_default()
                };
                *at = if brackets { *at + 1 } else { trees.len() };
                self.verb(name, rest)
            }
            "rename" | "mkdir" | "rmdir" | "chmod" | "chown" | "kill" | "link" | "symlink" | "utime"
            | "truncate" => {
                let value = if brackets { unary(self, at, true) } else { self.rest(trees, at) };
                let near = span_of(trees);
                let near = near.start..near.end.min(near.start + 4096);
                let own = self.source(&near).contains("$$");
                self.event(if name == "kill" && own { Event::Killed } else { Event::Effect }, &span);
                Value { path: None, cond: None, ..value }
            }
            _ => {
                if let Some(body) = self.functions.get(name).copied() {
                    let mut arguments = Vec::new();
                    let inner = if brackets {
                        *at += 1;
                        inner
                    } else {
                        let rest = trees.get(*at..).unwrap_or_default();
                        *at = trees.len();
                        rest
                    };
                    for part in inner.split(|tree| matches!(operator(Some(tree)), "," | "=>")) {
                        arguments.push(self.in_list(true, |lower| lower.eval(part)));
                    }
                    return self.call(name, body, arguments);
                }
                let known = matches!(
                    name,
                    "ref"
                        | "keys"
                        | "values"
                        | "each"
                        | "exists"
                        | "delete"
                        | "split"
                        | "map"
                        | "grep"
                        | "sort"
                        | "reverse"
                        | "index"
                        | "substr"
                        | "localtime"
                        | "gmtime"
                        | "strftime"
                        | "basename"
                        | "dirname"
                        | "getpwnam"
                        | "getpwuid"
                        | "stat"
                        | "lstat"
                        | "wantarray"
                        | "binmode"
                        | "select"
                        | "uniq"
                        | "first"
                        | "any"
                        | "all"
                        | "quotemeta"
                        | "pos"
                        | "lock"
                        | "bless"
                        | "caller"
                        | "Dumper"
                        | "true"
                        | "false"
                        | "inet_aton"
                        | "inet_pton"
                        | "blessed"
                        | "looks_like_number"
                        | "umask"
                        | "alarm"
                        | "wait"
                        | "waitpid"
                        | "exists_or"
                        | "chdir"
                        | "setsid"
                        | "e"
                        | "f"
                        | "d"
                        | "x"
                        | "r"
                        | "w"
                        | "s"
                        | "z"
                        | "l"
                        | "not"
                        | "if"
                        | "else"
                        | "elsif"
                );
                let value = if brackets {
                    let list =
                        !matches!(name, "ref" | "index" | "substr" | "length" | "exists" | "quotemeta");
                    unary(self, at, list)
                } else {
                    Value::default()
                };
                if brackets && !known {
                    self.event(Event::Effect, &span);
                }
                if name == "quotemeta" {
                    return Value::of(message::checked(&value.text));
                }
                Value { path: None, cond: None, ..value }
            }
        }
    }

    fn rest(&mut self, trees: &'a [Tree], at: &mut usize) -> Value {
        let rest = trees.get(*at..).unwrap_or_default();
        *at = trees.len();
        self.in_list(true, |lower| lower.eval(rest))
    }

    /// What `sprintf` makes of a format and its values.
    fn formatted(&mut self, list: &'a [Tree]) -> Value {
        let parts: Vec<String> = list
            .split(|tree| matches!(operator(Some(tree)), "," | "=>"))
            .map(|part| self.in_list(true, |lower| lower.eval(part)).text)
            .collect();
        let Some((format, values)) = parts.split_first() else { return Value::unknown() };
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        Value::of(message::percent(format, &values))
    }

    /// A function whose operands are all that follows.
    fn verb(&mut self, verb: &str, trees: &'a [Tree]) -> Value {
        let span = span_of(trees);
        let mut rest = trees.get(1..).unwrap_or_default();
        if let Some(inner) = round(rest.first())
            && rest.len() == 1
        {
            rest = inner;
        }
        match verb {
            "print" | "printf" | "say" => {
                // A handle stands before the list without a comma.
                let handle = match rest {
                    [Tree { kind: Kind::Word(name), .. }, next, ..]
                        if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
                            && operator(Some(next)).is_empty()
                            && round(Some(next)).is_none() =>
                    {
                        Some(name.as_str())
                    }
                    [
                        Tree { kind: Kind::Variable(_), .. },
                        Tree { kind: Kind::Text { .. } | Kind::Variable(_) | Kind::Word(_), .. },
                        ..,
                    ] if !matches!(word(rest.get(1)), "x" | "eq" | "ne" | "if" | "unless") => Some("other"),
                    [Tree { kind: Kind::Group(b'{', inner), .. }, _, ..] => {
                        Some(if word(inner.first()) == "STDOUT" { "STDOUT" } else { "other" })
                    }
                    _ => None,
                };
                let list = if handle.is_some() { rest.get(1..).unwrap_or_default() } else { rest };
                let value = if verb == "printf" {
                    self.formatted(list)
                } else {
                    self.in_list(true, |lower| lower.eval(list))
                };
                match handle {
                    Some("STDERR") => return Value::unknown(),
                    None | Some("STDOUT") => {}
                    Some(_) => {
                        self.event(Event::Log, &span);
                        return Value::unknown();
                    }
                }
                let tail = value.text.trim_end_matches('"');
                let newline = verb == "say"
                    || tail.ends_with('\n')
                    || tail.ends_with(UNKNOWN) && !value.text.contains("check_keys");
                self.write(&value.text, newline, &span);
                Value { cond: Some(Cond::Yes), ..Value::unknown() }
            }
            "syswrite" => {
                let value = self.eval(rest);
                self.write(&value.text, true, &span);
                self.event(Event::Flush, &span);
                Value::unknown()
            }
            "sprintf" => self.formatted(rest),
            "die" => {
                self.eval(rest);
                self.out.push(Node::Exit(Some(255)));
                Value { cond: Some(Cond::No), ..Value::unknown() }
            }
            "warn" => {
                self.eval(rest);
                Value::unknown()
            }
            "exit" => {
                let value = self.eval(rest);
                let status = if rest.is_empty() { Some(0) } else { value.text.parse().ok() };
                self.out.push(Node::Exit(status));
                Value::unknown()
            }
            "return" => {
                let value = self.eval(rest);
                if !self.stack.is_empty() && !rest.is_empty() {
                    self.variables.insert("=".to_owned(), value);
                }
                self.out.push(Node::Return);
                Value::unknown()
            }
            "last" => {
                self.out.push(Node::Break);
                Value::unknown()
            }
            "next" => {
                self.out.push(Node::Continue);
                Value::unknown()
            }
            "sleep" => {
                let value = self.eval(rest);
                let seconds = value.text.parse::<u64>().ok();
                if rest.is_empty() || seconds.is_some() {
                    self.event(Event::Wait(seconds), &span);
                }
                Value::unknown()
            }
            "local" => {
                for tree in rest {
                    if let Kind::Variable(name) = &tree.kind {
                        if name == "$/" {
                            self.slurps = true;
                        }
                        if name == "$|" && rest.iter().any(|tree| operator(Some(tree)) == "=") {
                            self.event(Event::Unbuffered, &span);
                        }
                    }
                }
                let cut = rest.iter().position(|tree| operator(Some(tree)) == "=");
                if let Some(cut) = cut {
                    let value = self.eval(rest.get(cut + 1..).unwrap_or_default());
                    if value.text != "undef" && !value.text.is_empty() {
                        self.slurps = false;
                    }
                }
                Value::unknown()
            }
            "chomp" => self.eval(rest),
            "join" => {
                let value = self.in_list(true, |lower| lower.eval(rest));
                Value { parts: 0, path: None, ..value }
            }
            "push" | "unshift" => {
                let value = self.in_list(true, |lower| lower.eval(rest));
                if let Some(Kind::Variable(name)) = rest.first().map(|tree| &tree.kind) {
                    let old = self.variables.entry(name.clone()).or_default();
                    if old.text.len() < 4000 {
                        old.text.push_str(&value.text);
                    }
                }
                Value::unknown()
            }
            "system" | "exec" => {
                let value = self.in_list(true, |lower| lower.eval(rest));
                let parts = if rest.iter().any(|tree| operator(Some(tree)) == ",") {
                    value.parts.max(2)
                } else {
                    value.parts.max(1)
                };
                let arrays = rest
                    .iter()
                    .any(|tree| matches!(&tree.kind, Kind::Variable(name) if name.starts_with('@')));
                self.process(&value.text, if arrays { 2 } else { parts }, verb, &span, false);
                if verb == "exec" {
                    self.out.push(Node::Exit(None));
                }
                Value::unknown()
            }
            "open" => {
                let value = self.in_list(false, |lower| lower.eval(rest));
                let text = value.text.clone();
                let handle = word(rest.first());
                if handle == "STDOUT" {
                    self.event(Event::StdoutGone, &span);
                } else if handle == "STDIN" {
                    self.event(Event::StdinGone, &span);
                } else if handle == "STDERR" {
                } else if text.contains('|') {
                    if message::tainted(&text)
                        && value.parts <= 3
                        && !text.contains("|-")
                        && !text.contains("-|")
                    {
                        self.injected(&span, "open with a pipe");
                    }
                    self.event(Event::Effect, &span);
                } else if text.contains('>') {
                    let log = text.contains(".log") || text.contains("/log");
                    self.event(if log { Event::Log } else { Event::Effect }, &span);
                }
                Value::unknown()
            }
            "close" => {
                match word(rest.first()) {
                    "STDOUT" => self.event(Event::StdoutGone, &span),
                    "STDIN" => self.event(Event::StdinGone, &span),
                    _ => {}
                }
                Value::unknown()
            }
            "unlink" => {
                self.eval(rest);
                self.event(Event::Effect, &span);
                Value::unknown()
            }
            _ => self.eval(rest),
        }
    }

    fn write(&mut self, text: &str, newline: bool, span: &Span) {
        let output = match message::keys(text, newline, self.contract) {
            Some(look) => Output::Keys(look),
            None if text.contains(UNKNOWN)
                && text.trim_matches([UNKNOWN, '\n', ',', ' ', '"']).is_empty() =>
            {
                Output::Maybe
            }
            None => Output::Noise,
        };
        self.event(Event::Write(output, None), span);
    }

    fn injected(&mut self, span: &Span, how: &str) {
        let text = format!("{how} runs text of the event as a command");
        self.event(Event::Fault(FaultKind::Injection, Confidence::Likely, text, None), span);
    }

    fn process(&mut self, text: &str, parts: usize, how: &str, span: &Span, captured: bool) {
        if parts <= 1 && message::tainted(text) {
            let how = if how == "system" { "system with one text" } else { how };
            self.injected(span, how);
        }
        let words: Vec<String> = text
            .split([',', ' ', '\t'])
            .map(|word| word.trim_matches(['"', '\'']).to_owned())
            .filter(|word| !word.is_empty())
            .collect();
        let rest = words.get(1..).unwrap_or_default();
        let called = words.first().map_or("", String::as_str);
        let name = called.rsplit('/').next().unwrap_or_default();
        let odd = |letter: char| !(letter.is_ascii_alphanumeric() || "_-+./".contains(letter));
        let known = !called.is_empty() && message::plain(called) && !called.contains(odd);
        if known {
            self.found.tools.push(Need { name: called.to_owned(), span: span.clone(), optional: !self.live });
            match tools::input(name, rest) {
                Input::No => {}
                Input::Line => self.event(Event::ReadLine { raw: true, rewrite: None }, span),
                Input::All { certain } => {
                    self.event(Event::ReadAll { certain, how: name.to_owned(), rewrite: None }, span);
                }
                Input::Unknown => self.event(Event::ReadMaybe, span),
            }
            if !captured && tools::prints(name, rest) == Prints::Something && !text.contains('>') {
                self.event(Event::Write(Output::Noise, None), span);
                self.event(Event::Flush, span);
            }
            if name == "sleep"
                && let Some(seconds) = rest.first().and_then(|text| text.parse().ok())
            {
                self.event(Event::Wait(Some(seconds)), span);
            }
        }
        if !known || !tools::pure(name, rest) {
            self.event(Event::Effect, span);
        }
    }

    /// A text with its variables.
    fn interpolate(&mut self, text: &str, span: &Span) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let tail = rest.get(letter.len_utf8()..).unwrap_or_default();
            match letter {
                '\\' => {
                    let next = tail.chars().next().unwrap_or('\\');
                    out.push(if next == 'n' { '\n' } else { next });
                    rest = tail.get(next.len_utf8()..).unwrap_or_default();
                }
                '$' | '@' => {
                    let braced = tail.starts_with('{');
                    let name_at = tail.get(usize::from(braced)..).unwrap_or_default();
                    let length = name_at
                        .bytes()
                        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                        .count();
                    if length == 0 {
                        out.push(letter);
                        rest = tail;
                        continue;
                    }
                    let name = name_at.get(..length).unwrap_or_default();
                    let mut after = name_at.get(length..).unwrap_or_default();
                    if braced {
                        after = after.strip_prefix('}').unwrap_or(after);
                    }
                    if name == "ARGV" && after.starts_with('[') && self.found.arguments.is_none() {
                        self.found.arguments = Some(span.clone());
                    }
                    let mut value = match name {
                        "0" => Value::of(SELF),
                        name => self
                            .variables
                            .get(&format!("{letter}{name}"))
                            .cloned()
                            .unwrap_or_else(Value::unknown),
                    };
                    loop {
                        let link = after.strip_prefix("->").unwrap_or(after);
                        let Some(inner) = link.strip_prefix('{') else { break };
                        let Some(end) = inner.find('}') else { break };
                        let key = inner.get(..end).unwrap_or_default().trim_matches(['\'', '"']).to_owned();
                        after = inner.get(end + 1..).unwrap_or_default();
                        if let Some((mut path, optional)) = value.path.take() {
                            path.push(key);
                            value = Value {
                                text: message::field(&path).to_string(),
                                path: Some((path, optional)),
                                ..Value::default()
                            };
                        }
                    }
                    if let Some((path, optional)) = &value.path
                        && !path.is_empty()
                    {
                        self.found.fields.push(FieldRead {
                            paths: vec![jq::dotted(path)],
                            optional: *optional || !self.live,
                            fatal: false,
                            how: "Perl hash",
                            span: span.clone(),
                        });
                    }
                    out.push_str(&value.text);
                    rest = after;
                }
                _ => {
                    out.push(letter);
                    rest = tail;
                }
            }
            if out.len() > 20_000 {
                return UNKNOWN.to_string();
            }
        }
        out
    }
}

fn block_of_opt(tree: Option<&Tree>) -> Option<&[Tree]> {
    tree.and_then(block_of)
}

fn end_of(trees: &[Tree], from: usize) -> usize {
    trees
        .iter()
        .enumerate()
        .skip(from)
        .find(|(_, tree)| operator(Some(tree)) == ";")
        .map_or(trees.len(), |(at, _)| at)
}
