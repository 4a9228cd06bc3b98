//! A tolerant reader of the shell's grammar (POSIX sh and bash).
//!
//! It never fails: what it does not understand becomes a word, what is cut off ends at the end
//! of the text. It does not expand anything.

use std::ops::Range;

use super::code::Spans;

pub(super) type List = Vec<AndOr>;

/// `a && b || c`, perhaps with `&` behind it.
#[derive(Clone, Debug)]
pub(super) struct AndOr {
    pub(super) first: Pipeline,
    /// `true` is `&&`.
    pub(super) rest: Vec<(bool, Pipeline)>,
    pub(super) background: bool,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) kind: Kind,
    pub(super) redirections: Vec<Redirection>,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Simple {
        assignments: Vec<Assignment>,
        words: Vec<Word>,
    },
    Group(List),
    Subshell(List),
    If {
        arms: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    While {
        until: bool,
        test: List,
        body: List,
    },
    For {
        name: String,
        words: Vec<Word>,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, List)>,
    },
    Function {
        name: String,
        body: Box<Command>,
    },
    /// `[[ ... ]]`.
    Test(Vec<Word>),
    Arithmetic,
    Coprocess(Box<Command>),
}

#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    /// Elements when it is `name=(...)`.
    pub(super) values: Vec<Word>,
    pub(super) append: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Redirection {
    /// The descriptor, 0 for `<`, 1 for `>` and for `&>`.
    pub(super) fd: u32,
    pub(super) op: Op,
    pub(super) target: Word,
    /// Number of the here-document.
    pub(super) document: Option<usize>,
    /// `{name}>`, or a descriptor beyond the three.
    pub(super) named: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Read,
    Write,
    Append,
    ReadWrite,
    /// `<<<`.
    HereString,
    /// `<<`.
    HereDocument,
    /// `<&`.
    DupIn,
    /// `>&`.
    DupOut,
    /// `&>` and `&>>`.
    Both,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    pub(super) parts: Vec<Part>,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Text {
        text: String,
        quoted: bool,
    },
    /// A parameter, with what stands behind its name in `${...}`.
    Parameter {
        name: String,
        quoted: bool,
        operation: String,
        span: Range<usize>,
    },
    /// `$(...)`, backquotes.
    Substitution {
        list: List,
    },
    /// `<(...)`, `>(...)`.
    Process {
        list: List,
    },
    Arithmetic,
}

impl Word {
    /// The word when it is known letter by letter.
    pub(super) fn literal(&self) -> Option<String> {
        let mut whole = String::new();
        for part in &self.parts {
            match part {
                Part::Text { text, .. } => whole.push_str(text),
                _ => return None,
            }
        }
        Some(whole)
    }

    /// Not a letter of it in quotes.
    pub(super) fn bare(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text { text, quoted: false }] => Some(text),
            _ => None,
        }
    }
}

/// A script.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) list: List,
    pub(super) spans: Spans,
    pub(super) documents: Vec<Word>,
}

pub(super) fn parse(text: &[u8]) -> Script {
    let mut parser = Parser {
        text,
        at: 0,
        end: text.len(),
        depth: 0,
        spans: Spans::default(),
        documents: Vec::new(),
        waiting: Vec::new(),
    };
    let mut list = Vec::new();
    while parser.at < parser.end {
        let before = parser.at;
        list.append(&mut parser.list(&[]));
        if parser.at == before {
            parser.at += 1;
        }
    }
    let mut spans = parser.spans;
    spans.documents.extend(parser.documents.iter().map(|document| document.span.clone()));
    Script { list, spans, documents: parser.documents }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    end: usize,
    depth: u32,
    spans: Spans,
    documents: Vec<Word>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    number: usize,
    name: Vec<u8>,
    strip: bool,
    quoted: bool,
}

const DEPTH: u32 = 60;

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Parser<'_> {
    fn get(&self, at: usize) -> u8 {
        if at < self.end { self.text.get(at).copied().unwrap_or(0) } else { 0 }
    }

    fn here(&self) -> u8 {
        self.get(self.at)
    }

    fn slice(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range.start..range.end.min(self.text.len()).max(range.start)).unwrap_or_default()
    }

    fn starts(&self, with: &[u8]) -> bool {
        self.text.get(self.at..self.end).is_some_and(|rest| rest.starts_with(with))
    }

    fn blanks(&mut self) {
        loop {
            match self.here() {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.get(self.at + 1) == b'\n' => self.at += 2,
                b'\\' if self.get(self.at + 1) == b'\r' && self.get(self.at + 2) == b'\n' => self.at += 3,
                b'#' if self.begins_word() => {
                    let start = self.at;
                    while self.at < self.end && self.here() != b'\n' {
                        self.at += 1;
                    }
                    self.spans.comments.push(start..self.at);
                }
                _ => return,
            }
        }
    }

    fn begins_word(&self) -> bool {
        self.at == 0
            || matches!(
                self.text.get(self.at - 1),
                Some(b' ' | b'\t' | b'\n' | b'\r' | b';' | b'(' | b')' | b'|' | b'&' | b'`')
            )
    }

    fn newline(&mut self) {
        self.at += 1;
        if self.waiting.is_empty() {
            return;
        }
        for waiting in std::mem::take(&mut self.waiting) {
            let start = self.at;
            let mut stop = self.end;
            let mut next = self.end;
            let mut line = start;
            while line < self.end {
                let rest = self.slice(line..self.end);
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let mut whole = rest.get(..length).unwrap_or_default();
                whole = whole.strip_suffix(b"\r").unwrap_or(whole);
                if waiting.strip {
                    while let [b'\t', more @ ..] = whole {
                        whole = more;
                    }
                }
                if whole == waiting.name.as_slice() {
                    stop = line;
                    next = (line + length + 1).min(self.end);
                    break;
                }
                line += length + 1;
            }
            let word = if waiting.quoted {
                let text = lossy(self.slice(start..stop));
                Word { parts: vec![Part::Text { text, quoted: true }], span: start..stop }
            } else {
                let (end, at) = (self.end, self.at);
                self.end = stop;
                self.at = start;
                let mut parts = Vec::new();
                self.double(&mut parts, true);
                self.end = end;
                self.at = at;
                Word { parts, span: start..stop }
            };
            if let Some(slot) = self.documents.get_mut(waiting.number) {
                *slot = word;
            }
            self.at = next;
        }
    }

    /// Newlines, comments and blanks.
    fn lines(&mut self) {
        loop {
            self.blanks();
            if self.here() == b'\n' && self.at < self.end {
                self.newline();
            } else {
                return;
            }
        }
    }

    /// A bare word of letters here.
    fn peek(&self) -> &[u8] {
        let mut at = self.at;
        while at < self.end
            && !matches!(
                self.get(at),
                b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' | 0
            )
        {
            at += 1;
        }
        self.slice(self.at..at)
    }

    fn word_is(&mut self, word: &[u8]) -> bool {
        self.lines();
        if self.peek() == word {
            self.at += word.len();
            return true;
        }
        false
    }

    fn list(&mut self, ends: &[&[u8]]) -> List {
        let mut list = Vec::new();
        self.depth += 1;
        if self.depth > DEPTH {
            self.at = self.end;
        }
        loop {
            self.lines();
            if self.at >= self.end || self.here() == b')' || self.starts(b";;") || self.starts(b";&") {
                break;
            }
            if matches!(self.here(), b';' | b'&' | b'|') {
                self.at += 1;
                continue;
            }
            if ends.contains(&self.peek()) {
                break;
            }
            let before = self.at;
            if let Some(and_or) = self.and_or() {
                list.push(and_or);
            }
            if self.at == before {
                self.at += 1;
            }
        }
        self.depth -= 1;
        list
    }

    fn and_or(&mut self) -> Option<AndOr> {
        let start = self.at;
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let and = self.starts(b"&&");
            if !and && !self.starts(b"||") {
                break;
            }
            self.at += 2;
            self.lines();
            match self.pipeline() {
                Some(next) => rest.push((and, next)),
                None => break,
            }
        }
        self.blanks();
        let span = start..self.at;
        let background = self.here() == b'&' && !self.starts(b"&&");
        if background {
            self.at += 1;
        }
        Some(AndOr { first, rest, background, span })
    }

    fn pipeline(&mut self) -> Option<Pipeline> {
        let mut negated = false;
        self.blanks();
        while matches!(self.peek(), b"!" | b"time") {
            negated ^= self.peek() == b"!";
            self.at += self.peek().len();
            self.blanks();
        }
        let mut commands = vec![self.command()?];
        loop {
            self.blanks();
            if self.here() != b'|' || self.starts(b"||") {
                break;
            }
            self.at += if self.starts(b"|&") { 2 } else { 1 };
            self.lines();
            match self.command() {
                Some(command) => commands.push(command),
                None => break,
            }
        }
        Some(Pipeline { negated, commands })
    }

    fn command(&mut self) -> Option<Command> {
        self.blanks();
        let start = self.at;
        self.depth += 1;
        if self.depth > DEPTH {
            self.at = self.end;
            self.depth -= 1;
            return None;
        }
        let kind = self.kind();
        self.depth -= 1;
        let mut redirections = Vec::new();
        let kind = match kind {
            Some(kind) => kind,
            None => self.simple(&mut redirections)?,
        };
        let span = start..self.at;
        loop {
            self.blanks();
            match self.redirection() {
                Some(redirection) => redirections.push(redirection),
                None => break,
            }
        }
        Some(Command { kind, redirections, span })
    }

    fn kind(&mut self) -> Option<Kind> {
        if self.starts(b"((") {
            self.balanced();
            return Some(Kind::Arithmetic);
        }
        if self.here() == b'(' {
            self.at += 1;
            let list = self.list(&[]);
            self.close(b')');
            return Some(Kind::Subshell(list));
        }
        let word = self.peek().to_vec();
        match word.as_slice() {
            b"{" => {
                self.at += 1;
                let list = self.list(&[b"}"]);
                self.word_is(b"}");
                Some(Kind::Group(list))
            }
            b"[[" => {
                self.at += 2;
                Some(Kind::Test(self.test()))
            }
            b"if" => {
                self.at += 2;
                let mut arms = Vec::new();
                let mut otherwise = None;
                loop {
                    let test = self.list(&[b"then", b"fi", b"else", b"elif"]);
                    self.word_is(b"then");
                    let body = self.list(&[b"fi", b"else", b"elif"]);
                    arms.push((test, body));
                    if self.word_is(b"elif") {
                        continue;
                    }
                    if self.word_is(b"else") {
                        otherwise = Some(self.list(&[b"fi"]));
                    }
                    self.word_is(b"fi");
                    break;
                }
                Some(Kind::If { arms, otherwise })
            }
            b"while" | b"until" => {
                self.at += 5;
                let test = self.list(&[b"do", b"done"]);
                self.word_is(b"do");
                let body = self.list(&[b"done"]);
                self.word_is(b"done");
                Some(Kind::While { until: word == b"until", test, body })
            }
            b"for" | b"select" => {
                self.at += word.len();
                self.blanks();
                if self.starts(b"((") {
                    self.balanced();
                }
                let name = if self.here() == b';' || self.here() == b'\n' {
                    String::new()
                } else {
                    let name = lossy(self.peek());
                    self.at += self.peek().len();
                    name
                };
                self.lines();
                let mut words = Vec::new();
                if self.peek() == b"in" {
                    self.at += 2;
                    loop {
                        self.blanks();
                        if matches!(self.here(), b'\n' | b';' | 0) {
                            break;
                        }
                        let before = self.at;
                        words.push(self.word(false));
                        if self.at == before {
                            break;
                        }
                    }
                }
                self.blanks();
                if self.here() == b';' {
                    self.at += 1;
                }
                let braces = self.word_is(b"{");
                if !braces {
                    self.word_is(b"do");
                }
                let end: &[u8] = if braces { b"}" } else { b"done" };
                let body = self.list(&[end]);
                self.word_is(end);
                Some(Kind::For { name, words, body })
            }
            b"case" => {
                self.at += 4;
                self.blanks();
                let subject = self.word(false);
                self.word_is(b"in");
                let mut arms = Vec::new();
                loop {
                    self.lines();
                    if self.at >= self.end || self.word_is(b"esac") {
                        break;
                    }
                    let before = self.at;
                    if self.here() == b'(' {
                        self.at += 1;
                    }
                    let mut labels = Vec::new();
                    loop {
                        self.blanks();
                        labels.push(self.word(false));
                        self.blanks();
                        if self.here() == b'|' {
                            self.at += 1;
                        } else {
                            break;
                        }
                    }
                    self.close(b')');
                    let body = self.list(&[b"esac"]);
                    while self.here() == b';' || self.here() == b'&' {
                        self.at += 1;
                    }
                    arms.push((labels, body));
                    if self.at == before {
                        self.at += 1;
                    }
                }
                Some(Kind::Case { word: subject, arms })
            }
            b"function" => {
                self.at += 8;
                self.blanks();
                let name = lossy(self.peek());
                self.at += self.peek().len();
                self.blanks();
                if self.here() == b'(' {
                    self.at += 1;
                    self.close(b')');
                }
                self.function(name)
            }
            b"coproc" => {
                self.at += 6;
                self.blanks();
                // A name stands before a compound command only.
                let save = self.at;
                let name = self.peek().len();
                self.at += name;
                self.blanks();
                if !matches!(self.peek(), b"{" | b"while" | b"if" | b"for" | b"until" | b"case")
                    && self.here() != b'('
                {
                    self.at = save;
                }
                self.command().map(|command| Kind::Coprocess(Box::new(command)))
            }
            _ => {
                // `name()`.
                let name = word
                    .iter()
                    .take_while(|byte| {
                        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':')
                    })
                    .count();
                if name == 0 || name != word.len() {
                    return None;
                }
                let mut at = self.at + name;
                while matches!(self.get(at), b' ' | b'\t') {
                    at += 1;
                }
                if self.get(at) != b'(' {
                    return None;
                }
                at += 1;
                while matches!(self.get(at), b' ' | b'\t') {
                    at += 1;
                }
                if self.get(at) != b')' {
                    return None;
                }
                self.at = at + 1;
                self.function(lossy(&word))
            }
        }
    }

    fn function(&mut self, name: String) -> Option<Kind> {
        self.lines();
        self.command().map(|body| Kind::Function { name, body: Box::new(body) })
    }

    fn close(&mut self, byte: u8) {
        self.lines();
        if self.here() == byte && self.at < self.end {
            self.at += 1;
        }
    }

    /// Round brackets up to their partners.
    fn balanced(&mut self) {
        let mut depth = 0_u32;
        while self.at < self.end {
            match self.here() {
                b'(' => depth += 1,
                b')' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn test(&mut self) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        loop {
            self.lines();
            if self.at >= self.end {
                break;
            }
            if self.peek() == b"]]" {
                self.at += 2;
                break;
            }
            let start = self.at;
            let operator: Option<&[u8]> = [&b"&&"[..], b"||", b"(", b")", b"<", b">"]
                .into_iter()
                .find(|operator| self.starts(operator));
            let regex = words.last().and_then(Word::bare) == Some("=~");
            if let (Some(operator), false) = (operator, regex) {
                self.at += operator.len();
                let text = lossy(operator);
                words.push(Word { parts: vec![Part::Text { text, quoted: false }], span: start..self.at });
                continue;
            }
            let word = self.word(regex);
            if self.at == start {
                self.at += 1;
                if matches!(self.get(start), b';' | b'&' | b'|') {
                    break;
                }
                continue;
            }
            words.push(word);
        }
        words
    }

    fn simple(&mut self, redirections: &mut Vec<Redirection>) -> Option<Kind> {
        let mut assignments = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        loop {
            self.blanks();
            if let Some(redirection) = self.redirection() {
                redirections.push(redirection);
                continue;
            }
            if self.at >= self.end || matches!(self.here(), b'\n' | b';' | b'&' | b'|' | b'(' | b')') {
                break;
            }
            let declares = words
                .first()
                .and_then(Word::bare)
                .is_some_and(|word| matches!(word, "local" | "export" | "declare" | "readonly" | "typeset"));
            if (words.is_empty() || declares)
                && let Some(assignment) = self.assignment()
            {
                assignments.push(assignment);
                continue;
            }
            let before = self.at;
            let word = self.word(false);
            if self.at == before {
                break;
            }
            words.push(word);
        }
        if words.is_empty() && assignments.is_empty() && redirections.is_empty() {
            return None;
        }
        Some(Kind::Simple { assignments, words })
    }

    fn assignment(&mut self) -> Option<Assignment> {
        let mut at = self.at;
        if !(self.get(at).is_ascii_alphabetic() || self.get(at) == b'_') {
            return None;
        }
        while self.get(at).is_ascii_alphanumeric() || self.get(at) == b'_' {
            at += 1;
        }
        let name = lossy(self.slice(self.at..at));
        if self.get(at) == b'[' {
            while at < self.end && !matches!(self.get(at), b']' | b'\n') {
                at += 1;
            }
            at += 1;
        }
        let append = self.get(at) == b'+';
        if append {
            at += 1;
        }
        if self.get(at) != b'=' {
            return None;
        }
        self.at = at + 1;
        let mut values = Vec::new();
        if self.here() == b'(' {
            self.at += 1;
            loop {
                self.lines();
                if self.at >= self.end {
                    break;
                }
                if self.here() == b')' {
                    self.at += 1;
                    break;
                }
                let before = self.at;
                values.push(self.word(false));
                if self.at == before {
                    self.at += 1;
                }
            }
        } else {
            values.push(self.word(false));
        }
        Some(Assignment { name, values, append })
    }

    fn redirection(&mut self) -> Option<Redirection> {
        let start = self.at;
        let mut at = self.at;
        let mut named = false;
        let mut number: Option<u32> = None;
        if self.get(at) == b'{' {
            let mut end = at + 1;
            while self.get(end).is_ascii_alphanumeric() || matches!(self.get(end), b'_' | b'[' | b']') {
                end += 1;
            }
            if self.get(end) != b'}' || end == at + 1 {
                return None;
            }
            at = end + 1;
            named = true;
        } else {
            while self.get(at).is_ascii_digit() && at < start + 4 {
                number = Some(number.unwrap_or(0) * 10 + u32::from(self.get(at) - b'0'));
                at += 1;
            }
        }
        let rest = self.text.get(at..self.end).unwrap_or_default();
        let (op, length, default) = match rest {
            [b'<', b'<', b'<', ..] => (Op::HereString, 3, 0),
            [b'<', b'<', b'-', ..] => (Op::HereDocument, 3, 0),
            [b'<', b'<', ..] => (Op::HereDocument, 2, 0),
            [b'<', b'>', ..] => (Op::ReadWrite, 2, 0),
            [b'<', b'&', ..] => (Op::DupIn, 2, 0),
            // `<(` is a word.
            [b'<', b'(', ..] | [b'>', b'(', ..] => return None,
            [b'<', ..] => (Op::Read, 1, 0),
            [b'>', b'>', ..] => (Op::Append, 2, 1),
            [b'>', b'&', ..] => (Op::DupOut, 2, 1),
            [b'>', b'|', ..] => (Op::Write, 2, 1),
            [b'>', ..] => (Op::Write, 1, 1),
            [b'&', b'>', b'>', ..] if number.is_none() && !named => (Op::Both, 3, 1),
            [b'&', b'>', ..] if number.is_none() && !named => (Op::Both, 2, 1),
            _ => return None,
        };
        let strip = rest.starts_with(b"<<-");
        self.at = at + length;
        self.blanks();
        let fd = number.unwrap_or(default);
        let target = self.word(false);
        let mut document = None;
        if op == Op::HereDocument {
            let quoted =
                self.slice(target.span.clone()).iter().any(|byte| matches!(byte, b'\'' | b'"' | b'\\'));
            let name = target.literal().unwrap_or_else(|| lossy(self.slice(target.span.clone())));
            if !name.is_empty() {
                let number = self.documents.len();
                self.documents.push(Word::default());
                self.waiting.push(Waiting { number, name: name.into_bytes(), strip, quoted });
                document = Some(number);
            }
        }
        Some(Redirection { fd, op, target, document, named: named || fd > 2 })
    }

    fn word(&mut self, regex: bool) -> Word {
        let start = self.at;
        let mut parts = Vec::new();
        let mut plain: Vec<u8> = Vec::new();
        let mut brackets = 0_u32;
        macro_rules! flush {
            () => {
                if !plain.is_empty() {
                    parts.push(Part::Text { text: lossy(&plain), quoted: false });
                    plain.clear();
                }
            };
        }
        while self.at < self.end {
            match self.here() {
                b' ' | b'\t' | b'\n' | b'\r' if brackets == 0 || self.here() == b'\n' => break,
                b'(' if regex => {
                    brackets += 1;
                    plain.push(b'(');
                    self.at += 1;
                }
                b')' if regex && brackets > 0 => {
                    brackets -= 1;
                    plain.push(b')');
                    self.at += 1;
                }
                byte @ (b'|' | b'<' | b'>' | b';' | b'&') if regex && brackets > 0 => {
                    plain.push(byte);
                    self.at += 1;
                }
                b'|' if regex => {
                    if self.starts(b"||") {
                        break;
                    }
                    plain.push(b'|');
                    self.at += 1;
                }
                b'<' | b'>' if self.get(self.at + 1) == b'(' && plain.is_empty() && parts.is_empty() => {
                    self.at += 2;
                    let list = self.list(&[]);
                    self.close(b')');
                    parts.push(Part::Process { list });
                }
                // extglob: @(a|b).
                b'(' if matches!(plain.last(), Some(b'@' | b'?' | b'*' | b'+' | b'!'))
                    && self.get(self.at + 1) != b')' =>
                {
                    let from = self.at;
                    self.balanced();
                    plain.extend_from_slice(self.slice(from..self.at));
                }
                b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => break,
                b'\\' => {
                    match self.get(self.at + 1) {
                        b'\n' => {}
                        byte => {
                            flush!();
                            if self.at + 1 < self.end {
                                parts.push(Part::Text { text: lossy(&[byte]), quoted: true });
                            }
                        }
                    }
                    self.at += 2;
                }
                b'\'' => {
                    flush!();
                    let from = self.at;
                    let text = self.single();
                    self.spans.strings.push(from..self.at);
                    parts.push(Part::Text { text, quoted: true });
                }
                b'"' => {
                    flush!();
                    self.at += 1;
                    self.double(&mut parts, false);
                }
                b'$' | b'`' => {
                    flush!();
                    if !self.dollar(&mut parts, false) {
                        plain.push(b'$');
                        self.at += 1;
                    }
                }
                byte => {
                    plain.push(byte);
                    self.at += 1;
                }
            }
        }
        flush!();
        self.at = self.at.min(self.end.max(start));
        Word { parts, span: start..self.at }
    }

    fn single(&mut self) -> String {
        self.at += 1;
        let start = self.at;
        while self.at < self.end && self.here() != b'\'' {
            self.at += 1;
        }
        let text = lossy(self.slice(start..self.at));
        if self.at < self.end {
            self.at += 1;
        }
        text
    }

    /// Inside double quotes, or a here-document.
    fn double(&mut self, parts: &mut Vec<Part>, document: bool) {
        let mut plain: Vec<u8> = Vec::new();
        let empty = self.here() == b'"' && !document;
        let mut text = self.at.saturating_sub(usize::from(!document));
        while self.at < self.end {
            match self.here() {
                b'"' if !document => {
                    self.at += 1;
                    break;
                }
                b'\\' => {
                    match self.get(self.at + 1) {
                        b'\n' => {}
                        byte @ (b'$' | b'`' | b'\\') => plain.push(byte),
                        b'"' if !document => plain.push(b'"'),
                        byte => {
                            plain.push(b'\\');
                            plain.push(byte);
                        }
                    }
                    self.at += 2;
                }
                b'$' | b'`' => {
                    if !plain.is_empty() {
                        parts.push(Part::Text { text: lossy(&plain), quoted: true });
                        plain.clear();
                    }
                    let from = self.at;
                    if !self.dollar(parts, true) {
                        plain.push(b'$');
                        self.at += 1;
                    } else if matches!(parts.last(), Some(Part::Substitution { .. })) {
                        self.spans.strings.push(text..from);
                        text = self.at;
                    }
                }
                byte => {
                    plain.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at = self.at.min(self.end);
        self.spans.strings.push(text..self.at.max(text));
        if !plain.is_empty() || empty {
            parts.push(Part::Text { text: lossy(&plain), quoted: true });
        }
    }

    /// `$...` or backquotes; false when it is a dollar sign and no more.
    fn dollar(&mut self, parts: &mut Vec<Part>, quoted: bool) -> bool {
        let start = self.at;
        self.depth += 1;
        if self.depth > DEPTH {
            self.at = self.end;
            self.depth -= 1;
            return true;
        }
        let found = self.dollar_inner(parts, quoted, start);
        self.depth -= 1;
        found
    }

    fn dollar_inner(&mut self, parts: &mut Vec<Part>, quoted: bool, start: usize) -> bool {
        if self.here() == b'`' {
            let mut close = self.at + 1;
            while close < self.end && self.get(close) != b'`' {
                close += if self.get(close) == b'\\' { 2 } else { 1 };
            }
            let close = close.min(self.end);
            let end = self.end;
            self.at += 1;
            self.end = close;
            let mut list = Vec::new();
            while self.at < self.end {
                let before = self.at;
                list.append(&mut self.list(&[]));
                if self.at == before {
                    self.at += 1;
                }
            }
            self.end = end;
            self.at = (close + 1).min(end);
            parts.push(Part::Substitution { list });
            return true;
        }
        match self.get(self.at + 1) {
            b'(' if self.get(self.at + 2) == b'(' => {
                self.at += 1;
                self.balanced();
                parts.push(Part::Arithmetic);
                true
            }
            b'(' => {
                self.at += 2;
                let list = self.list(&[]);
                self.close(b')');
                parts.push(Part::Substitution { list });
                true
            }
            b'{' => {
                let inner = self.at + 2;
                let mut at = inner;
                let mut depth = 1_u32;
                while at < self.end {
                    match self.get(at) {
                        b'\\' => at += 1,
                        b'\'' if !quoted => {
                            at += 1;
                            while at < self.end && self.get(at) != b'\'' {
                                at += 1;
                            }
                        }
                        b'{' => depth += 1,
                        b'}' => {
                            depth -= 1;
                            if depth == 0 {
                                break;
                            }
                        }
                        _ => {}
                    }
                    at += 1;
                }
                let close = at.min(self.end);
                let body = self.slice(inner..close).to_vec();
                self.at = (close + 1).min(self.end);
                let mark = usize::from(matches!(body.first(), Some(b'#' | b'!')) && body.len() > 1);
                let tail = body.get(mark..).unwrap_or_default();
                let mut length =
                    tail.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
                if length == 0 && !tail.is_empty() {
                    length = 1;
                }
                let name = lossy(tail.get(..length).unwrap_or_default());
                let mut operation = lossy(tail.get(length..).unwrap_or_default());
                if mark == 1 && body.first() == Some(&b'#') {
                    operation = "#length".to_owned();
                }
                parts.push(Part::Parameter { name, quoted, operation, span: start..self.at });
                true
            }
            b'\'' if !quoted => {
                self.at += 2;
                let mut text = Vec::new();
                while self.at < self.end && self.here() != b'\'' {
                    if self.here() == b'\\' {
                        self.at += 1;
                        match self.here() {
                            b'n' => text.push(b'\n'),
                            b't' => text.push(b'\t'),
                            byte => text.push(byte),
                        }
                    } else {
                        text.push(self.here());
                    }
                    self.at += 1;
                }
                self.at = (self.at + 1).min(self.end);
                self.spans.strings.push(start..self.at);
                parts.push(Part::Text { text: lossy(&text), quoted: true });
                true
            }
            b'"' if !quoted => {
                self.at += 2;
                self.double(parts, false);
                true
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                let mut at = self.at + 1;
                while self.get(at).is_ascii_alphanumeric() || self.get(at) == b'_' {
                    at += 1;
                }
                let name = lossy(self.slice(self.at + 1..at));
                self.at = at;
                parts.push(Part::Parameter { name, quoted, operation: String::new(), span: start..at });
                true
            }
            byte if byte.is_ascii_digit()
                || matches!(byte, b'@' | b'*' | b'#' | b'?' | b'$' | b'!' | b'-') =>
            {
                let name = lossy(&[byte]);
                self.at += 2;
                parts.push(Part::Parameter { name, quoted, operation: String::new(), span: start..self.at });
                true
            }
            _ => false,
        }
    }
}
