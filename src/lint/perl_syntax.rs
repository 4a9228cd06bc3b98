//! A tolerant reader of Perl 5: tokens and brackets, quotes of all kinds, here-documents.

use std::collections::HashMap;
use std::ops::Range;

use super::code::Spans;

#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A bare word, with `::`.
    Word(String),
    /// With its sigil.
    Variable(String),
    Number(String),
    Text {
        text: String,
        interpolates: bool,
    },
    /// Backquotes, `qx`.
    Command {
        text: String,
        interpolates: bool,
    },
    /// `qw`.
    Words(Vec<String>),
    Pattern(String),
    /// `<STDIN>`, `<>`, `<$handle>`.
    Read(String),
    Operator(String),
    Group(u8, Vec<Tree>),
}

// `Tree` has a span; two trees are compared by kind alone.
impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

pub(super) fn parse(text: &[u8]) -> (Vec<Tree>, Spans) {
    let mut reader =
        Reader { text, at: 0, spans: Spans::default(), waiting: Vec::new(), begun: 0, depth: 0, wasted: 0 };
    let mut all = Vec::new();
    while reader.at < text.len() {
        let before = reader.at;
        all.append(&mut reader.group(0));
        if reader.at == before || reader.at < text.len() {
            reader.at = reader.at.max(before + 1);
        }
    }
    let texts = reader.waiting_texts();
    fill(&mut all, &texts);
    (all, reader.spans)
}

/// The longest name of a handle.
const NAME: usize = 256;
/// Behind so many bytes of texts without an end there is no text any more.
const WASTE: usize = 4 * 1024 * 1024;

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    spans: Spans,
    waiting: Vec<Waiting>,
    /// So many of them have been read.
    begun: usize,
    depth: u32,
    /// Bytes that were looked through for the end of a text that has none.
    wasted: usize,
}

struct Waiting {
    name: Vec<u8>,
    indented: bool,
    done: Option<String>,
    place: usize,
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Here-documents get their texts once these have been read.
fn fill(trees: &mut [Tree], texts: &HashMap<usize, String>) {
    for tree in trees {
        match &mut tree.kind {
            Kind::Text { text, .. } if text == "\u{0}" => {
                if let Some(body) = texts.get(&tree.span.start) {
                    text.clone_from(body);
                }
            }
            Kind::Group(_, inner) => fill(inner, texts),
            _ => {}
        }
    }
}

impl Reader<'_> {
    fn waiting_texts(&mut self) -> HashMap<usize, String> {
        std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|waiting| (waiting.place, waiting.done.unwrap_or_default()))
            .collect()
    }

    fn get(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn slice(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range.start.min(self.text.len())..range.end.min(self.text.len())).unwrap_or_default()
    }

    fn starts_line(&self) -> bool {
        self.at == 0 || self.get(self.at - 1) == b'\n'
    }

    fn newline(&mut self) {
        self.at += 1;
        while let Some(waiting) = self.waiting.get(self.begun) {
            let number = self.begun;
            self.begun += 1;
            let start = self.at;
            let mut body = Vec::new();
            let (name, indented) = (waiting.name.clone(), waiting.indented);
            while self.at < self.text.len() {
                let rest = self.slice(self.at..self.text.len());
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let line = rest.get(..length).unwrap_or_default().to_vec();
                self.at = (self.at + length + 1).min(self.text.len());
                let bare =
                    if indented { line.trim_ascii() } else { line.strip_suffix(b"\r").unwrap_or(&line) };
                if bare == name.as_slice() {
                    break;
                }
                body.extend_from_slice(&line);
                body.push(b'\n');
            }
            self.spans.documents.push(start..self.at);
            if let Some(waiting) = self.waiting.get_mut(number) {
                waiting.done = Some(lossy(&body));
            }
        }
    }

    fn group(&mut self, close: u8) -> Vec<Tree> {
        let mut trees: Vec<Tree> = Vec::new();
        self.depth += 1;
        while self.at < self.text.len() {
            let start = self.at;
            let byte = self.get(start);
            match byte {
                b'\n' => {
                    self.newline();
                    continue;
                }
                b' ' | b'\t' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                b'=' if self.starts_line() && self.get(start + 1).is_ascii_alphabetic() => {
                    let rest = self.slice(start..self.text.len());
                    let length = memchr::memmem::find(rest, b"\n=cut").map_or(rest.len(), |end| end + 5);
                    self.spans.comments.push(start..start + length);
                    self.at += length;
                    continue;
                }
                b'#' => {
                    let rest = self.slice(start..self.text.len());
                    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    self.spans.comments.push(start..start + length);
                    self.at += length;
                    continue;
                }
                b'_' if self.starts_line()
                    && (self.slice(start..start + 7) == b"__END__"
                        || self.slice(start..start + 8) == b"__DATA__") =>
                {
                    self.at = self.text.len();
                    self.spans.documents.push(start..self.at);
                    continue;
                }
                b'(' | b'[' | b'{' => {
                    self.at += 1;
                    if self.depth > 60 {
                        continue;
                    }
                    let wanted = match byte {
                        b'(' => b')',
                        b'[' => b']',
                        _ => b'}',
                    };
                    let inner = self.group(wanted);
                    trees.push(Tree { span: start..self.at, kind: Kind::Group(byte, inner) });
                    continue;
                }
                b')' | b']' | b'}' => {
                    self.at += 1;
                    if close != 0 {
                        break;
                    }
                    continue;
                }
                _ => {}
            }
            let kind = self.token(byte, &trees);
            self.at = self.at.max(start + 1);
            let is_text = matches!(&kind, Kind::Text { text, .. } if text != "\u{0}")
                || matches!(kind, Kind::Command { .. } | Kind::Words(_));
            if is_text && self.at > start + 1 {
                self.spans.strings.push(start..self.at);
            }
            trees.push(Tree { span: start..self.at.min(self.text.len()), kind });
        }
        self.depth -= 1;
        trees
    }

    /// A value may stand here, so `/` and `<` begin one.
    fn wants_value(trees: &[Tree]) -> bool {
        match trees.last().map(|tree| &tree.kind) {
            None | Some(Kind::Operator(_)) => true,
            Some(Kind::Word(word)) => matches!(
                word.as_str(),
                "if" | "unless"
                    | "while"
                    | "until"
                    | "and"
                    | "or"
                    | "not"
                    | "return"
                    | "print"
                    | "split"
                    | "grep"
                    | "map"
                    | "join"
                    | "x"
                    | "eq"
                    | "ne"
                    | "scalar"
                    | "defined"
                    | "push"
                    | "when"
                    | "decode_json"
                    | "say"
                    | "chomp"
                    | "from_json"
                    | "lc"
                    | "uc"
                    | "die"
                    | "exit"
                    | "my"
            ),
            _ => false,
        }
    }

    fn token(&mut self, byte: u8, trees: &[Tree]) -> Kind {
        let start = self.at;
        match byte {
            b'"' | b'\'' | b'`' => {
                let text = self.quoted(byte, byte);
                if byte == b'`' {
                    Kind::Command { text, interpolates: true }
                } else {
                    Kind::Text { text, interpolates: byte == b'"' }
                }
            }
            b'$' | b'@' | b'%' | b'&' => {
                let next = self.get(start + 1);
                let mut at = start + 1;
                if byte == b'$' && next == b'#' {
                    at += 1;
                }
                if self.get(at) == b'{' && self.get(at + 1) == b'^'
                    || self.get(at) == b'{' && byte != b'%' && byte != b'&'
                {
                    // `${name}` or `@{...}`.
                    let rest = self.slice(at + 1..self.text.len());
                    let length = rest
                        .iter()
                        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'^'))
                        .count();
                    if length > 0 && rest.get(length) == Some(&b'}') {
                        let name = lossy(rest.get(..length).unwrap_or_default());
                        self.at = at + length + 2;
                        return Kind::Variable(format!("{}{name}", char::from(byte)));
                    }
                    self.at = at;
                    return Kind::Operator(char::from(byte).to_string());
                }
                while self.get(at) == b'$'
                    && (self.get(at + 1).is_ascii_alphabetic() || self.get(at + 1) == b'_')
                {
                    at += 1;
                }
                let from = at;
                while self.get(at).is_ascii_alphanumeric()
                    || self.get(at) == b'_'
                    || self.get(at) == b':'
                        && self.get(at + 1) == b':'
                        && self.get(at + 2).is_ascii_alphabetic()
                {
                    at += if self.get(at) == b':' { 2 } else { 1 };
                }
                if at > from {
                    self.at = at;
                    if matches!(byte, b'%' | b'&') && !Self::wants_value(trees) {
                        self.at = start + 1;
                        return Kind::Operator(char::from(byte).to_string());
                    }
                    return Kind::Variable(format!("{}{}", char::from(byte), lossy(self.slice(from..at))));
                }
                if byte == b'$' && next.is_ascii_punctuation() && !matches!(next, b'(' | b'[') {
                    self.at = start + 2;
                    return Kind::Variable(format!("${}", char::from(next)));
                }
                self.operator()
            }
            b'<' => {
                let rest = self.slice(start..self.text.len());
                if rest.starts_with(b"<<") {
                    let mut at = start + 2;
                    let indented = self.get(at) == b'~';
                    if indented {
                        at += 1;
                    }
                    let quote = self.get(at);
                    let name = if matches!(quote, b'"' | b'\'') {
                        let rest = self.slice(at + 1..self.text.len());
                        let length = memchr::memchr(quote, rest).unwrap_or(0);
                        at += length + 2;
                        lossy(rest.get(..length).unwrap_or_default())
                    } else {
                        let rest = self.slice(at..self.text.len());
                        let length = rest
                            .iter()
                            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
                            .count();
                        let upper =
                            rest.first().is_some_and(|byte| byte.is_ascii_uppercase() || *byte == b'_');
                        let name = lossy(rest.get(..length).unwrap_or_default());
                        at += length;
                        if upper { name } else { String::new() }
                    };
                    if !name.is_empty() && !name.contains('\n') {
                        self.at = at;
                        self.waiting.push(Waiting {
                            name: name.into_bytes(),
                            indented,
                            done: None,
                            place: start,
                        });
                        return Kind::Text { text: "\u{0}".to_owned(), interpolates: quote != b'\'' };
                    }
                    return self.operator();
                }
                let near = rest.get(1..rest.len().min(NAME)).unwrap_or_default();
                let length = memchr::memchr2(b'>', b'\n', near);
                if let Some(length) = length
                    && rest.get(length + 1) == Some(&b'>')
                    && rest.get(1..=length).is_some_and(|name| {
                        name.iter().all(|byte| {
                            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'<' | b':')
                        })
                    })
                {
                    let name = lossy(rest.get(1..=length).unwrap_or_default());
                    self.at = start + length + 2;
                    return Kind::Read(name);
                }
                self.operator()
            }
            b'/' if Self::wants_value(trees) => {
                let text = self.quoted(b'/', b'/');
                self.flags();
                Kind::Pattern(text)
            }
            byte if byte.is_ascii_digit() => {
                while self.get(self.at).is_ascii_alphanumeric()
                    || matches!(self.get(self.at), b'_')
                    || self.get(self.at) == b'.' && self.get(self.at + 1).is_ascii_digit()
                {
                    self.at += 1;
                }
                Kind::Number(lossy(self.slice(start..self.at)))
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => self.word(trees),
            _ => self.operator(),
        }
    }

    fn word(&mut self, trees: &[Tree]) -> Kind {
        let start = self.at;
        while self.get(self.at).is_ascii_alphanumeric()
            || self.get(self.at) == b'_'
            || self.get(self.at) == b':' && self.get(self.at + 1) == b':'
        {
            self.at += if self.get(self.at) == b':' { 2 } else { 1 };
        }
        let word = lossy(self.slice(start..self.at));
        let after_arrow =
            matches!(trees.last().map(|tree| &tree.kind), Some(Kind::Operator(operator)) if operator == "->");
        if !matches!(word.as_str(), "q" | "qq" | "qw" | "qx" | "qr" | "m" | "s" | "tr" | "y") || after_arrow {
            return Kind::Word(word);
        }
        let mut at = self.at;
        while matches!(self.get(at), b' ' | b'\t' | b'\n') && word.len() > 1 {
            at += 1;
        }
        let open = self.get(at);
        let arrow = open == b'=' && self.get(at + 1) == b'>';
        if at >= self.text.len()
            || arrow
            || matches!(open, b',' | b';' | b')' | b'}' | b' ' | b'\n' | b'\t' | b'=')
            || open.is_ascii_alphanumeric()
            || open == b'_'
            || open == b'#' && at > self.at
        {
            return Kind::Word(word);
        }
        self.at = at;
        let close = match open {
            b'(' => b')',
            b'[' => b']',
            b'{' => b'}',
            b'<' => b'>',
            byte => byte,
        };
        let text = self.quoted(open, close);
        match word.as_str() {
            "q" => Kind::Text { text, interpolates: false },
            "qq" => Kind::Text { text, interpolates: true },
            "qx" => Kind::Command { text, interpolates: open != b'\'' },
            "qw" => Kind::Words(text.split_whitespace().map(str::to_owned).collect()),
            "s" | "tr" | "y" => {
                if open == close {
                    self.at = self.at.saturating_sub(1);
                    self.quoted(open, close);
                } else {
                    while matches!(self.get(self.at), b' ' | b'\t' | b'\n') {
                        self.at += 1;
                    }
                    let open = self.get(self.at);
                    let close = match open {
                        b'(' => b')',
                        b'[' => b']',
                        b'{' => b'}',
                        b'<' => b'>',
                        byte => byte,
                    };
                    self.quoted(open, close);
                }
                self.flags();
                Kind::Pattern(format!("s{text}"))
            }
            _ => {
                self.flags();
                Kind::Pattern(text)
            }
        }
    }

    fn flags(&mut self) {
        while self.get(self.at).is_ascii_alphabetic() {
            self.at += 1;
        }
    }

    fn quoted(&mut self, open: u8, close: u8) -> String {
        self.at += 1;
        let start = self.at;
        let mut depth = 1;
        let mut lines = 0;
        if self.wasted > WASTE {
            return String::new();
        }
        while self.at < self.text.len() {
            let byte = self.get(self.at);
            if byte == b'\\' {
                self.at += 2;
                continue;
            }
            if byte == b'\n' {
                lines += 1;
                // A stray quote must not swallow the file.
                if lines > 60 {
                    self.wasted += self.at - start;
                    self.at = start;
                    return String::new();
                }
            }
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            } else if byte == open {
                depth += 1;
            }
            self.at += 1;
        }
        let end = self.at.min(self.text.len());
        self.at = (end + 1).min(self.text.len());
        lossy(self.slice(start..end))
    }

    fn operator(&mut self) -> Kind {
        const LONG: [&str; 26] = [
            "<=>", "**=", "||=", "&&=", "//=", "...", "->", "=>", "==", "!=", "=~", "!~", "<=", ">=", "&&",
            "||", "//", "..", "++", "--", "+=", "-=", ".=", "*=", "<<", ">>",
        ];
        let rest = self.slice(self.at..self.text.len());
        for operator in LONG {
            if rest.starts_with(operator.as_bytes()) {
                self.at += operator.len();
                return Kind::Operator(operator.to_owned());
            }
        }
        let byte = self.get(self.at);
        self.at += 1;
        Kind::Operator(lossy(&[byte]))
    }
}
