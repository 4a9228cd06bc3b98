//! Where a text stops being JSON, and what it was probably meant to be.
//!
//! A scanner of its own (RFC 8259) that stops at the first byte that does not fit and keeps
//! where it was, so that a person is told "the comma in line 3", not "expected value".

use std::ops::Range;

use crate::findings::{Evidence, Severity};
use crate::wazuh::cjson::{self, MAX_NESTING};

/// How much of a line an excerpt shows, in bytes.
const EXCERPT: usize = 160;

/// What is wrong with a text that should be one JSON object on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing but blanks.
    Empty,
    /// No JSON at all.
    PlainText,
    /// The blank-separated message of 4.1 and earlier.
    OldFormat,
    /// Text in front of the object, such as the head of a log line.
    TextBefore,
    /// JSON, but no object.
    NotAnObject,
    /// Single quotes for double ones.
    SingleQuotes,
    /// Typographic quotes.
    SmartQuotes,
    /// `\"` for `"`: a text that was taken out of another text.
    EscapedQuotes,
    /// A comma too many.
    ExtraComma,
    /// A comma is missing.
    MissingComma,
    /// A colon is missing.
    MissingColon,
    /// A value is missing.
    MissingValue,
    /// A quote inside a string without its backslash.
    UnescapedQuote,
    /// A line feed, tab or the like inside a string.
    ControlCharacter,
    /// A backslash with a character that takes none.
    InvalidEscape,
    /// A number JSON does not have.
    InvalidNumber,
    /// `True`, `None`, `NaN` and the like.
    ForeignLiteral,
    /// Text without quotes.
    UnquotedText,
    /// A member's name without quotes.
    UnquotedName,
    /// A comment.
    Comment,
    /// `]` for `}` or the reverse.
    WrongBracket,
    /// The end comes inside.
    CutOff,
    /// More than one object.
    SecondObject,
    /// Something behind the object.
    TextBehind,
    /// A byte order mark.
    Bom,
    /// UTF-16.
    Utf16,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A NUL byte.
    NulByte,
    /// Spread over several lines.
    SeveralLines,
    /// Deeper than cJSON goes.
    TooDeep,
    /// Anything else.
    Unexpected,
}

/// What execd makes of a faulty text, when it is all of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It refuses it: `ERROR: (1315): Invalid JSON message`.
    Refuses,
    /// It takes it and writes the script one clean line.
    Takes,
    /// It takes a part and ignores the rest.
    TakesPart,
}

/// The first thing that is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: Kind,
    /// Bytes of the text that are wrong; empty at the end of the text.
    pub span: Range<usize>,
    /// Line, from 1.
    pub line: u64,
    /// Byte of the line, from 1.
    pub column: u64,
    /// The deepest member that was begun: `parameters.alert.data`; empty at the root.
    pub path: String,
    /// One sentence: what is wrong.
    pub what: String,
    /// One sentence: how to mend it.
    pub fix: String,
    /// What execd makes of it.
    pub execd: Taken,
}

impl Fault {
    /// How bad it is for a message: what execd takes is advice, or a warning when a part is lost.
    pub const fn severity(&self) -> Severity {
        match self.execd {
            Taken::Refuses => Severity::Error,
            Taken::TakesPart => Severity::Warning,
            Taken::Takes => Severity::Advice,
        }
    }
}

/// What is wrong with a text that should be one JSON object on one line; a line break at its
/// end is fine. None when nothing is.
pub fn diagnose(text: &[u8]) -> Option<Fault> {
    let found = Scanner::new(text).run().err()?;
    let (line, column) = line_column(text, found.span.start);
    let execd = execd(text, found.kind);
    Some(Fault {
        kind: found.kind,
        span: found.span,
        line,
        column,
        path: found.path,
        what: found.what,
        fix: found.fix.to_owned(),
        execd,
    })
}

/// execd gives the datagram to cJSON as a C string and ignores what follows the first value
/// (`src/os_execd/execd.c ExecdRun`, 4.14; execd-observations 4).
fn execd(text: &[u8], kind: Kind) -> Taken {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    match cjson::parse(text) {
        Some(cjson::Value::Object(_)) => match kind {
            Kind::SecondObject | Kind::TextBehind | Kind::NulByte => Taken::TakesPart,
            _ => Taken::Takes,
        },
        _ => Taken::Refuses,
    }
}

/// Line and column of a byte, both from 1, the column in bytes.
pub fn line_column(text: &[u8], offset: usize) -> (u64, u64) {
    let before = text.get(..offset.min(text.len())).unwrap_or_default();
    let line = memchr::memchr_iter(b'\n', before).count() as u64 + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    (line, (before.len() - start) as u64 + 1)
}

/// The line a span of a text starts in, cut so that the mark stays inside.
pub fn excerpt(text: &[u8], span: &Range<usize>, file: &str, label: impl Into<String>) -> Evidence {
    let start = span.start.min(text.len());
    let (line, column) = line_column(text, start);
    let from = start - (column as usize - 1).min(start);
    let rest = text.get(from..).unwrap_or_default();
    let whole = rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
    let whole = whole.strip_suffix(b"\r").unwrap_or(whole);
    let mark = (start - from).min(whole.len())..(span.end.max(start) - from).min(whole.len());
    let mark = mark.start..mark.end.max(mark.start);
    let cut = mark.start.saturating_sub(EXCERPT / 2);
    let end = whole.len().min(cut + EXCERPT);
    Evidence::Excerpt {
        file: file.to_owned(),
        line,
        column,
        text: whole.get(cut..end).unwrap_or_default().to_vec(),
        mark: mark.start - cut..mark.end.min(end).max(mark.start) - cut,
        label: label.into(),
    }
}

/// A fault without its place in lines.
struct Found {
    kind: Kind,
    span: Range<usize>,
    path: String,
    what: String,
    fix: &'static str,
}

/// An open object or array.
struct Open {
    object: bool,
    /// Name of the member that is being read, without quotes.
    name: Range<usize>,
    /// Place of the value that is being read.
    index: usize,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A value.
    Value,
    /// A value or `]`, behind `[`.
    ValueOrEnd,
    /// A name or `}`, behind `{`.
    NameOrEnd,
    /// A name, behind a comma.
    Name,
    /// A colon.
    Colon,
    /// A comma or the closing bracket.
    CommaOrEnd,
    /// The end of the text.
    Nothing,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    open: Vec<Open>,
    /// First byte that is not UTF-8, and whether the text just ends in the middle of a character.
    bad: Option<(usize, bool)>,
    /// The last comma.
    comma: usize,
    /// The last whole string, with its quotes, when it is the last value or name.
    string: Option<Range<usize>>,
}

type Scan = Result<(), Found>;

impl<'a> Scanner<'a> {
    fn new(text: &'a [u8]) -> Self {
        let bad =
            std::str::from_utf8(text).err().map(|error| (error.valid_up_to(), error.error_len().is_none()));
        Self { text, at: 0, open: Vec::new(), bad, comma: 0, string: None }
    }

    fn run(&mut self) -> Scan {
        if matches!(self.text, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
            || matches!(self.text, [b'{', 0, ..] | [0, b'{', ..])
        {
            return Err(self.found(
                Kind::Utf16,
                0..2.min(self.text.len()),
                "The text is UTF-16, not UTF-8",
                "save the file as UTF-8 (iconv -f UTF-16 -t UTF-8)",
            ));
        }
        let bom = self.text.starts_with(b"\xef\xbb\xbf");
        if bom {
            self.at = 3;
        }
        self.blanks();
        let start = self.at;
        self.first()?;
        let end = self.values()?;
        let value = self.text.get(start..end).unwrap_or_default();
        self.behind(end)?;
        if !value.starts_with(b"{") {
            return Err(self.not_an_object(start..end));
        }
        if bom {
            return Err(self.found(
                Kind::Bom,
                0..3,
                "The text begins with a byte order mark, which is no part of JSON",
                "save the file as UTF-8 without BOM (sed -i '1s/^\\xef\\xbb\\xbf//' FILE)",
            ));
        }
        if let Some(at) = value.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            return Err(self.found(
                Kind::SeveralLines,
                start + at..start + at + 1,
                "The object is spread over several lines; execd takes it and hands the script one line, but a script \
                 that is fed this file by hand reads only its first line",
                "put it on one line (jq -c . FILE)",
            ));
        }
        Ok(())
    }

    /// Sorts out texts that are no JSON from their first byte on.
    fn first(&mut self) -> Scan {
        let rest = self.rest();
        let Some(&byte) = rest.first() else {
            return Err(self.found(
                Kind::Empty,
                self.text.len()..self.text.len(),
                "The text is empty",
                "give one JSON object on one line",
            ));
        };
        if matches!(byte, b'{' | b'[' | b'"' | 0) || matches!(rest, [b'/', b'/' | b'*', ..]) {
            return Ok(());
        }
        if self.bad.is_some_and(|(at, _)| at == self.at) {
            return Ok(());
        }
        let whole = self.at..self.at + rest.trim_ascii_end().len();
        if old_format(rest) {
            return Err(self.found(
                Kind::OldFormat,
                whole,
                "This is the blank-separated message of Wazuh 4.1 and earlier",
                "give the JSON message of 4.2 and later, or the alert itself",
            ));
        }
        if quote_length(rest).is_some() {
            return if byte == b'\'' {
                Err(self.found(
                    Kind::SingleQuotes,
                    self.at..self.at + 1,
                    "The text begins with a single quote",
                    "the quotes of a shell command are no part of the JSON: leave them out",
                ))
            } else {
                Err(self.smart())
            };
        }
        let word = self.word(self.at);
        let alone = word.len() == rest.trim_ascii_end().len();
        if alone && matches!(byte, b'-' | b'0'..=b'9') && number(word)
            || alone && matches!(word, b"true" | b"false" | b"null")
            || byte == b'#' && !rest.starts_with(b"#!-execd")
        {
            return Ok(());
        }
        let inner = memchr::memchr_iter(b'{', rest)
            .take(8)
            .find(|at| rest.get(*at..).is_some_and(|inner| !Self::new(inner).first_fault_is_early()));
        Err(match inner {
            Some(at) => self.found(
                Kind::TextBefore,
                self.at..self.at + at,
                "There is text in front of the JSON object",
                "give only the object, from its { on",
            ),
            None => self.found(
                Kind::PlainText,
                whole,
                "This is plain text, not JSON",
                "give one JSON object on one line",
            ),
        })
    }

    /// The text is no object, or not even its beginning is.
    fn first_fault_is_early(&mut self) -> bool {
        match self.values() {
            Ok(_) => false,
            Err(found) => found.span.start < 16 && found.span.start < self.text.len(),
        }
    }

    fn not_an_object(&self, span: Range<usize>) -> Found {
        let value = self.text.get(span.clone()).unwrap_or_default();
        let (what, fix) = match value.first() {
            Some(b'[') => {
                ("This is a JSON array, not an object", "give one of its elements (jq -c '.[0]' FILE)")
            }
            Some(b'"') if value.contains(&b'{') => (
                "This is a JSON string that holds JSON, not an object",
                "take the object out of the string (jq -rc . FILE)",
            ),
            _ => ("This is a single JSON value, not an object", "give one JSON object on one line"),
        };
        self.found(Kind::NotAnObject, span, what, fix)
    }

    /// Reads one value; gives where it ends.
    fn values(&mut self) -> Result<usize, Found> {
        let mut next = Next::Value;
        loop {
            self.blanks();
            if next == Next::Nothing {
                return Ok(self.at);
            }
            let Some(&byte) = self.text.get(self.at) else { return Err(self.cut_off(self.text.len())) };
            let string = self.string.take();
            next = match (next, byte) {
                (Next::Value | Next::ValueOrEnd, b'{') => self.open(true)?,
                (Next::Value | Next::ValueOrEnd, b'[') => self.open(false)?,
                (Next::Value | Next::ValueOrEnd, b'"') => {
                    let span = self.string()?;
                    self.string = Some(span);
                    self.after_value()
                }
                (Next::ValueOrEnd, b']') | (Next::NameOrEnd, b'}') => self.close(),
                (Next::CommaOrEnd, b']') if !self.in_object() => self.close(),
                (Next::CommaOrEnd, b'}') if self.in_object() => self.close(),
                (Next::Value | Next::ValueOrEnd, _) => self.other_value(byte)?,
                (Next::NameOrEnd | Next::Name, b'"') => {
                    let span = self.string()?;
                    if let Some(open) = self.open.last_mut() {
                        open.name = span.start + 1..span.end - 1;
                    }
                    self.string = Some(span);
                    Next::Colon
                }
                (Next::Colon, b':') => {
                    self.at += 1;
                    Next::Value
                }
                (Next::CommaOrEnd, b',') => {
                    self.comma = self.at;
                    self.at += 1;
                    let object = self.in_object();
                    if let Some(open) = self.open.last_mut() {
                        open.index += 1;
                        open.name = 0..0;
                    }
                    if object { Next::Name } else { Next::Value }
                }
                (Next::NameOrEnd | Next::Name, _) => return Err(self.no_name(byte, next)),
                (Next::Colon, _) => return Err(self.no_colon(byte)),
                (Next::CommaOrEnd, _) => return Err(self.no_comma(byte, string)),
                (Next::Nothing, _) => return Ok(self.at),
            };
            // The end of the value is behind its last byte, not behind the blanks.
            if next == Next::Nothing {
                return Ok(self.at);
            }
        }
    }

    fn in_object(&self) -> bool {
        self.open.last().is_some_and(|open| open.object)
    }

    fn open(&mut self, object: bool) -> Result<Next, Found> {
        if self.open.len() >= MAX_NESTING {
            return Err(self.found(
                Kind::TooDeep,
                self.at..self.at + 1,
                format!("Objects and arrays are nested deeper than {MAX_NESTING}, the most execd reads"),
                "give an event as Wazuh makes it",
            ));
        }
        self.open.push(Open { object, name: 0..0, index: 0 });
        self.at += 1;
        Ok(if object { Next::NameOrEnd } else { Next::ValueOrEnd })
    }

    fn close(&mut self) -> Next {
        self.open.pop();
        self.at += 1;
        self.after_value()
    }

    fn after_value(&self) -> Next {
        if self.open.is_empty() { Next::Nothing } else { Next::CommaOrEnd }
    }

    /// Reads a string; gives its span with the quotes.
    fn string(&mut self) -> Result<Range<usize>, Found> {
        let start = self.at;
        self.at += 1;
        loop {
            if let Some((bad, cut)) = self.bad
                && bad == self.at
            {
                return Err(if cut { self.cut_off(self.text.len()) } else { self.not_utf8() });
            }
            let Some(&byte) = self.text.get(self.at) else { return Err(self.cut_off(self.text.len())) };
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(start..self.at);
                }
                b'\\' => self.escape()?,
                0 => return Err(self.nul()),
                1..0x20 => return Err(self.control(byte)),
                _ => self.at += 1,
            }
        }
    }

    /// Reads an escape. cJSON refuses what is no pair of surrogates
    /// (`src/external/cJSON/cJSON.c utf16_literal_to_utf8`).
    fn escape(&mut self) -> Scan {
        let at = self.at;
        match self.text.get(at + 1) {
            None => Err(self.cut_off(self.text.len())),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => {
                let first = self.hex(at + 2)?;
                self.at += 6;
                if (0xd800..0xdc00).contains(&first) && self.text.get(at + 6..at + 8) == Some(b"\\u") {
                    let second = self.hex(at + 8)?;
                    if (0xdc00..0xe000).contains(&second) {
                        self.at += 6;
                        return Ok(());
                    }
                }
                if (0xd800..0xe000).contains(&first) {
                    if self.text.len() < at + 12 && self.is_prefix_of_pair(at + 6, first) {
                        return Err(self.cut_off(self.text.len()));
                    }
                    return Err(self.found(
                        Kind::InvalidEscape,
                        at..at + 6,
                        "Half a pair of \\u escapes stands alone",
                        "write the character itself in UTF-8, or both halves",
                    ));
                }
                Ok(())
            }
            Some(byte) => {
                let (what, fix) = match byte {
                    b'\'' => ("A single quote needs no backslash in JSON", "write ' without the backslash"),
                    b'\n' | b'\r' => (
                        "A backslash at the end of a line joins no lines in JSON",
                        "put the text on one line without the backslash",
                    ),
                    _ => (
                        "The backslash is followed by a character that takes none",
                        "write \\\\ for a backslash that belongs to the text, as in DOMAIN\\\\user",
                    ),
                };
                let width = std::str::from_utf8(self.text.get(at + 1..).unwrap_or_default())
                    .ok()
                    .and_then(|rest| rest.chars().next())
                    .map_or(1, char::len_utf8);
                Err(self.found(Kind::InvalidEscape, at..at + 1 + width, what, fix))
            }
        }
    }

    /// The text ends where the second half of a pair could still come.
    fn is_prefix_of_pair(&self, at: usize, first: u32) -> bool {
        let rest = self.text.get(at..).unwrap_or_default();
        first < 0xdc00 && (rest.is_empty() || rest == b"\\")
    }

    fn hex(&self, at: usize) -> Result<u32, Found> {
        let digits = self.text.get(at..(at + 4).min(self.text.len())).unwrap_or_default();
        if let Some(bad) = digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
            return Err(self.found(
                Kind::InvalidEscape,
                at - 2..at + bad,
                "\\u takes four hexadecimal digits",
                "write \\u00e9, or the character itself; a backslash that belongs to the text is \\\\",
            ));
        }
        if digits.len() < 4 {
            return Err(self.cut_off(self.text.len()));
        }
        Ok(digits.iter().fold(0, |value, byte| value * 16 + char::from(*byte).to_digit(16).unwrap_or(0)))
    }

    fn control(&self, byte: u8) -> Found {
        let name = match byte {
            b'\n' => "A line feed",
            b'\r' => "A carriage return",
            b'\t' => "A tab",
            0x1b => "An escape character (0x1B)",
            _ => "A control character",
        };
        self.found(
            Kind::ControlCharacter,
            self.at..self.at + 1,
            format!("{name} stands inside a string as it is"),
            match byte {
                b'\n' => "write \\n for it, or close the string before the end of the line",
                b'\r' => "write \\r for it",
                b'\t' => "write \\t for it",
                _ => "write it as \\u and four hexadecimal digits",
            },
        )
    }

    fn nul(&self) -> Found {
        self.found(
            Kind::NulByte,
            self.at..self.at + 1,
            "There is a NUL byte, where execd's text ends",
            "remove it (tr -d '\\0')",
        )
    }

    fn not_utf8(&self) -> Found {
        self.found(
            Kind::InvalidUtf8,
            self.at..self.at + 1,
            "The bytes are not UTF-8; execd hands them on as they are, but jq, Python and the like fail or replace them",
            "save the file as UTF-8 (iconv -f ISO-8859-1 -t UTF-8)",
        )
    }

    fn smart(&self) -> Found {
        let length = quote_length(self.rest()).unwrap_or(1);
        self.found(
            Kind::SmartQuotes,
            self.at..self.at + length,
            "There are typographic quotes where JSON wants \"",
            "replace them by \"; word processors, chats and web pages put them in",
        )
    }

    /// A value that begins with anything but `{`, `[` and `"`.
    fn other_value(&mut self, byte: u8) -> Result<Next, Found> {
        let word = self.word(self.at);
        let span = self.at..self.at + word.len().max(1);
        if matches!(word, b"true" | b"false" | b"null") {
            self.at = span.end;
            return Ok(self.after_value());
        }
        if matches!(byte, b'-' | b'0'..=b'9') && number(word) {
            self.at = span.end;
            return Ok(self.after_value());
        }
        if let Some(found) = self.foreign(byte) {
            return Err(found);
        }
        // What the end of the text may have cut.
        if span.end == self.text.len()
            && ([&b"true"[..], b"false", b"null"]
                .iter()
                .any(|whole| whole.starts_with(word) && !word.is_empty())
                || byte.is_ascii_digit() | (byte == b'-') && number(&[word, b"0"].concat()))
        {
            return Err(self.cut_off(self.text.len()));
        }
        Err(match byte {
            b',' | b'}' | b']' => {
                let array = self.open.last().is_some_and(|open| !open.object);
                if array && byte != b'}' {
                    let at = if byte == b',' { self.at } else { self.comma };
                    self.extra_comma(at)
                } else if array {
                    self.wrong_bracket(byte)
                } else {
                    self.found(
                        Kind::MissingValue,
                        span,
                        "There is a name without a value",
                        "put a value behind the colon: a text in quotes, a number, true, false, null, an object or an array",
                    )
                }
            }
            b'-' | b'+' | b'.' | b'0'..=b'9' => {
                let dots = word.iter().filter(|byte| **byte == b'.').count();
                let letters = !word.starts_with(b"0x") && word.iter().any(|byte| byte.is_ascii_alphabetic() && !b"eExX".contains(byte));
                if dots > 1 || letters || word.get(1..).is_some_and(|rest| rest.contains(&b'-')) {
                    self.unquoted(span)
                } else {
                    self.found(
                        Kind::InvalidNumber,
                        span,
                        "This is no number of JSON",
                        "write numbers without +, leading zeros, hexadecimal digits or a bare point, or put quotes round the text",
                    )
                }
            }
            _ => match word {
                b"True" | b"False" | b"None" | b"TRUE" | b"FALSE" | b"NULL" | b"Null" | b"undefined" | b"NaN"
                | b"nan" | b"Infinity" | b"nil" | b"yes" | b"no" => self.found(
                    Kind::ForeignLiteral,
                    span,
                    format!("JSON has no {}", String::from_utf8_lossy(word)),
                    "write true, false or null; Python's json.dumps does, print(dict) does not",
                ),
                [] => self.found(
                    Kind::Unexpected,
                    span,
                    "A value cannot begin with this character",
                    "put a value here: a text in double quotes, a number, true, false, null, an object or an array",
                ),
                _ => self.unquoted(span),
            },
        })
    }

    fn unquoted(&self, span: Range<usize>) -> Found {
        self.found(Kind::UnquotedText, span, "There is a text without quotes", "put double quotes round it")
    }

    /// Faults that can stand wherever something is awaited.
    fn foreign(&self, byte: u8) -> Option<Found> {
        let rest = self.rest();
        if byte == 0 {
            return Some(self.nul());
        }
        if let Some((bad, cut)) = self.bad
            && bad == self.at
        {
            return Some(if cut && !self.open.is_empty() {
                self.cut_off(self.text.len())
            } else {
                self.not_utf8()
            });
        }
        if byte == b'\'' {
            return Some(self.found(
                Kind::SingleQuotes,
                self.at..self.at + 1,
                "There is a single quote where JSON wants a double one",
                "write \" for '; Python's json.dumps does, print(dict) does not",
            ));
        }
        if quote_length(rest).is_some() {
            return Some(self.smart());
        }
        if rest.starts_with(b"//") || rest.starts_with(b"/*") || byte == b'#' {
            let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            return Some(self.found(
                Kind::Comment,
                self.at..self.at + length,
                "There is a comment, and JSON has none",
                "take it out",
            ));
        }
        if rest.starts_with(b"\\\"") {
            return Some(self.found(
                Kind::EscapedQuotes,
                self.at..self.at + 2,
                "The quotes of the JSON itself have backslashes",
                "the text was copied out of a string: write \" for \\\" outside of texts",
            ));
        }
        None
    }

    fn extra_comma(&self, at: usize) -> Found {
        self.found(
            Kind::ExtraComma,
            at..at + 1,
            "There is a comma with nothing behind it",
            "take the comma out",
        )
    }

    fn wrong_bracket(&self, byte: u8) -> Found {
        self.found(
            Kind::WrongBracket,
            self.at..self.at + 1,
            format!(
                "There is a {} where {} is open",
                char::from(byte),
                if self.in_object() { "an object" } else { "an array" }
            ),
            "close what was opened last first: [ with ], { with }",
        )
    }

    fn no_name(&self, byte: u8, next: Next) -> Found {
        if let Some(found) = self.foreign(byte) {
            return found;
        }
        let word = self.word(self.at);
        match byte {
            b'}' if next == Next::Name => self.extra_comma(self.comma),
            b',' => self.extra_comma(self.at),
            b']' => self.wrong_bracket(byte),
            _ if !word.is_empty() => self.found(
                Kind::UnquotedName,
                self.at..self.at + word.len(),
                "There is a name without quotes",
                "put double quotes round the name",
            ),
            _ => self.found(
                Kind::Unexpected,
                self.at..self.at + 1,
                "A name in double quotes is awaited here",
                "write \"name\": value",
            ),
        }
    }

    fn no_colon(&self, byte: u8) -> Found {
        let found = self.foreign(byte);
        if let Some(found) =
            found.filter(|found| !matches!(found.kind, Kind::SingleQuotes | Kind::SmartQuotes))
        {
            return found;
        }
        self.found(
            Kind::MissingColon,
            self.at..self.at + 1,
            "There is no colon behind the name",
            "write \"name\": value; or a quote inside the text before has no backslash",
        )
    }

    fn no_comma(&self, byte: u8, string: Option<Range<usize>>) -> Found {
        let blank = string.as_ref().is_some_and(|string| string.end < self.at);
        if let Some(found) = self.foreign(byte)
            && (blank
                || string.is_none()
                || !matches!(
                    found.kind,
                    Kind::SingleQuotes | Kind::SmartQuotes | Kind::EscapedQuotes | Kind::Comment
                ))
        {
            return found;
        }
        let missing =
            |what| self.found(Kind::MissingComma, self.at..self.at + 1, what, "put a comma between the two");
        match (byte, string) {
            (b'}' | b']', _) => self.wrong_bracket(byte),
            (b';', _) => missing("There is a semicolon where JSON wants a comma"),
            (b'"', Some(_)) if self.begins_member(self.at) => {
                missing("There is no comma between two members")
            }
            (_, Some(string)) => self.found(
                Kind::UnescapedQuote,
                string.end - 1..string.end,
                "A quote ends the text here, and more text follows",
                "write \\\" for a quote inside a text",
            ),
            (b'"' | b'{' | b'[', None) => missing("There is no comma between two members"),
            _ => self.found(
                Kind::Unexpected,
                self.at..self.at + 1,
                "A comma or a closing bracket is awaited here",
                "put a comma between two members, and double quotes round texts",
            ),
        }
    }

    /// A string begins here that is followed as the next member would be.
    fn begins_member(&self, at: usize) -> bool {
        let mut ahead = Self { at, open: Vec::new(), bad: None, comma: 0, string: None, text: self.text };
        if ahead.string().is_err() {
            return false;
        }
        ahead.blanks();
        match ahead.text.get(ahead.at) {
            Some(b':') => self.in_object(),
            Some(b',' | b']') => !self.in_object(),
            _ => false,
        }
    }

    fn behind(&mut self, end: usize) -> Scan {
        self.at = end;
        self.blanks();
        let rest = self.rest();
        let Some(&byte) = rest.first() else { return Ok(()) };
        let span = self.at..self.at + rest.trim_ascii_end().len();
        let broken = self.text.get(end..self.at).is_some_and(|gap| gap.contains(&b'\n'));
        self.open.clear();
        if byte == 0 {
            return Err(self.nul());
        }
        Err(match byte {
            b'{' => self.found(
                Kind::SecondObject,
                self.at..self.at + 1,
                if broken { "There is a second object on another line" } else { "There is a second object" },
                "give one object; out of a file with one alert on each line pick with --rule or --agent",
            ),
            b'}' | b']' => self.found(
                Kind::TextBehind,
                self.at..self.at + 1,
                format!("There is one {} too many", char::from(byte)),
                "take it out, or put the { that is missing",
            ),
            b',' => self.found(
                Kind::TextBehind,
                self.at..self.at + 1,
                "There is a comma behind the object",
                "take it out; the object was copied out of a list",
            ),
            _ => self.found(
                Kind::TextBehind,
                span,
                "There is text behind the object",
                "give only the object, up to its last }",
            ),
        })
    }

    fn cut_off(&self, at: usize) -> Found {
        let path = self.path();
        let what = if self.open.is_empty() {
            "The text ends inside a string".to_owned()
        } else if path.is_empty() {
            "The text ends inside the object".to_owned()
        } else {
            format!("The text ends at {path}")
        };
        self.found(
            Kind::CutOff,
            at..at,
            what,
            "give the whole object; a message is cut at 65536 bytes, a terminal or an editor may cut earlier",
        )
    }

    fn found(&self, kind: Kind, span: Range<usize>, what: impl Into<String>, fix: &'static str) -> Found {
        let end = self.text.len();
        Found {
            kind,
            span: span.start.min(end)..span.end.min(end),
            path: self.path(),
            what: what.into() + ".",
            fix,
        }
    }

    /// Names of the members that were begun: `parameters.alert.data`, with numbers for places in arrays.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            if open.object {
                let name = self.text.get(open.name.clone()).unwrap_or_default();
                if name.is_empty() {
                    continue;
                }
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&String::from_utf8_lossy(name.get(..name.len().min(64)).unwrap_or_default()));
            } else {
                path.push_str(&format!("[{}]", open.index));
            }
            if path.len() > 400 {
                path.push_str("...");
                break;
            }
        }
        path
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The run of letters, digits and `+-._` that begins here, which is where numbers and words end.
    fn word(&self, at: usize) -> &'a [u8] {
        let rest = self.text.get(at..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || b"+-._$@".contains(byte)))
            .unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// A number of RFC 8259.
fn number(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> Option<&[u8]> {
        let end = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if end == 0 { None } else { text.get(end..) }
    }
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let rest = match text {
        [b'0', rest @ ..] => Some(rest),
        _ => digits(text),
    };
    let Some(mut rest) = rest else { return false };
    if let [b'.', more @ ..] = rest {
        let Some(more) = digits(more) else { return false };
        rest = more;
    }
    if let [b'e' | b'E', more @ ..] = rest {
        let more = match more {
            [b'+' | b'-', more @ ..] => more,
            _ => more,
        };
        let Some(more) = digits(more) else { return false };
        rest = more;
    }
    rest.is_empty()
}

/// Length of a quote that is not `"`, when the text begins with one.
fn quote_length(text: &[u8]) -> Option<usize> {
    match text {
        [b'\'' | b'`', ..] => Some(1),
        // U+2018 to U+201F, U+2032, U+2033, U+FF02.
        [0xe2, 0x80, 0x98..=0x9f | 0xb2 | 0xb3, ..] | [0xef, 0xbc, 0x82, ..] => Some(3),
        // Guillemets.
        [0xc2, 0xab | 0xbb, ..] => Some(2),
        _ => None,
    }
}

/// `NAME USER IP SECONDS.NUMBER RULE ...`, with or without remoted's head
/// (`src/analysisd/alerts/exec.c getActiveResponseInString`, 4.14), or the arguments alone
/// (`add - 192.0.2.1 1616161616.1234 5712`).
fn old_format(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let words: Vec<&[u8]> =
        line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(12).collect();
    words.windows(3).any(|three| {
        let [address, id, rule] = three else { return false };
        let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        let id = memchr::memchr(b'.', id).is_some_and(|dot| {
            digits(id.get(..dot).unwrap_or_default()) && digits(id.get(dot + 1..).unwrap_or_default())
        });
        let address = *address == b"-"
            || std::str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::IpAddr>().is_ok());
        address && id && digits(rule)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str, kind: Kind, line: u64, column: u64, marked: &str) {
        let fault = diagnose(text.as_bytes()).unwrap_or_else(|| panic!("nothing found in {text}"));
        assert_eq!((fault.kind, fault.line, fault.column), (kind, line, column), "{text}\n{fault:?}");
        assert_eq!(&text[fault.span], marked, "{text}");
        assert!(fault.what.ends_with('.') && !fault.fix.is_empty());
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        use Kind::*;
        at("", Empty, 1, 1, "");
        at("  \n", Empty, 2, 1, "");
        at("block this address", PlainText, 1, 1, "block this address");
        at(
            "firewall-drop600 - 192.0.2.1 1616161616.123 5712 (web) any->/var/log/auth.log - -",
            OldFormat,
            1,
            1,
            "firewall-drop600 - 192.0.2.1 1616161616.123 5712 (web) any->/var/log/auth.log - -",
        );
        at("add - 192.0.2.1 1616161616.123 5712", OldFormat, 1, 1, "add - 192.0.2.1 1616161616.123 5712");
        at(
            "2026/01/01 10:00:00 active-response/bin/x: {\"version\":1,\"command\":\"add\"}",
            TextBefore,
            1,
            1,
            "2026/01/01 10:00:00 active-response/bin/x: ",
        );
        at("#!-execd {\"version\":1}", TextBefore, 1, 1, "#!-execd ");
        at("[{\"a\":1}]", NotAnObject, 1, 1, "[{\"a\":1}]");
        at("\"{\\\"a\\\":1}\"", NotAnObject, 1, 1, "\"{\\\"a\\\":1}\"");
        at("12", NotAnObject, 1, 1, "12");
        at("null", NotAnObject, 1, 1, "null");
        at("{'a':1}", SingleQuotes, 1, 2, "'");
        at("{\"a\":'b'}", SingleQuotes, 1, 6, "'");
        at("'{\"a\":1}'", SingleQuotes, 1, 1, "'");
        at("{\u{201c}a\u{201d}:1}", SmartQuotes, 1, 2, "\u{201c}");
        at("{\"a\":\u{201c}b\u{201d}}", SmartQuotes, 1, 6, "\u{201c}");
        at("{\\\"a\\\":1}", EscapedQuotes, 1, 2, "\\\"");
        at("{\"a\":1,}", ExtraComma, 1, 7, ",");
        at("{\"a\":[1, 2, ]}", ExtraComma, 1, 11, ",");
        at("{\"a\":1,,\"b\":2}", ExtraComma, 1, 8, ",");
        at("{,\"a\":1}", ExtraComma, 1, 2, ",");
        at("{\"a\":1 \"b\":2}", MissingComma, 1, 8, "\"");
        at("{\"a\":\"x\" \"b\":2}", MissingComma, 1, 10, "\"");
        at("{\"a\":\"x\"\n\"b\":2}", MissingComma, 2, 1, "\"");
        at("{\"a\":[\"x\" \"y\"]}", MissingComma, 1, 11, "\"");
        at("{\"a\":[{}{}]}", MissingComma, 1, 9, "{");
        at("{\"a\":1;\"b\":2}", MissingComma, 1, 7, ";");
        at("{\"a\" 1}", MissingColon, 1, 6, "1");
        at("{\"a\"=1}", MissingColon, 1, 5, "=");
        at("{\"a\",\"b\"}", MissingColon, 1, 5, ",");
        at("{\"a\":}", MissingValue, 1, 6, "}");
        at("{\"a\":,\"b\":1}", MissingValue, 1, 6, ",");
        at("{\"log\":\"he said \"no\" twice\"}", UnescapedQuote, 1, 17, "\"");
        at("{\"log\":\"cmd=\"\" x\"}", UnescapedQuote, 1, 13, "\"");
        at("{\"log\":\"GET \"/index\"\"}", UnescapedQuote, 1, 13, "\"");
        at("{\"log\":\"one\ntwo\"}", ControlCharacter, 1, 12, "\n");
        at("{\"log\":\"one\ttwo\"}", ControlCharacter, 1, 12, "\t");
        at("{\"user\":\"DOMAIN\\user\"}", InvalidEscape, 1, 16, "\\u");
        at("{\"user\":\"DOMAIN\\admin\"}", InvalidEscape, 1, 16, "\\a");
        at("{\"a\":\"it\\'s\"}", InvalidEscape, 1, 9, "\\'");
        at("{\"a\":\"\\ud800x\"}", InvalidEscape, 1, 7, "\\ud800");
        at("{\"a\":\"\\udc00\"}", InvalidEscape, 1, 7, "\\udc00");
        at("{\"a\":01}", InvalidNumber, 1, 6, "01");
        at("{\"a\":+1}", InvalidNumber, 1, 6, "+1");
        at("{\"a\":.5}", InvalidNumber, 1, 6, ".5");
        at("{\"a\":1.}", InvalidNumber, 1, 6, "1.");
        at("{\"a\":0x1f}", InvalidNumber, 1, 6, "0x1f");
        at("{\"a\":True}", ForeignLiteral, 1, 6, "True");
        at("{\"a\":[None]}", ForeignLiteral, 1, 7, "None");
        at("{\"a\":NaN}", ForeignLiteral, 1, 6, "NaN");
        at("{\"srcip\":192.0.2.1}", UnquotedText, 1, 10, "192.0.2.1");
        at("{\"a\":2026-01-01}", UnquotedText, 1, 6, "2026-01-01");
        at("{\"a\":alice}", UnquotedText, 1, 6, "alice");
        at("{a:1}", UnquotedName, 1, 2, "a");
        at("{\"a\":1, b:1}", UnquotedName, 1, 9, "b");
        at("{ // x\n\"a\":1}", Comment, 1, 3, "// x");
        at("{\"a\":1 /* x */}", Comment, 1, 8, "/* x */}");
        at("{\"a\":[1}", WrongBracket, 1, 8, "}");
        at("{\"a\":{\"b\":1]}", WrongBracket, 1, 12, "]");
        at("{\"a\":1}{\"a\":2}", SecondObject, 1, 8, "{");
        at("{\"a\":1}\n{\"a\":2}\n", SecondObject, 2, 1, "{");
        at("{\"a\":1}}", TextBehind, 1, 8, "}");
        at("{\"a\":1},", TextBehind, 1, 8, ",");
        at("{\"a\":1} done\n", TextBehind, 1, 9, "done");
        at("\u{feff}{\"a\":1}", Bom, 1, 1, "\u{feff}");
        at("\u{feff}{\"a\":1,}", ExtraComma, 1, 10, ",");
        at("{\"a\":1}\0", NulByte, 1, 8, "\0");
        at("{\"a\":\"x\0y\"}", NulByte, 1, 8, "\0");
        at("{\n \"a\": 1\n}\n", SeveralLines, 1, 2, "\n");
        at("{\"a\":1:2}", Unexpected, 1, 7, ":");
        at("{\"a\":*}", Unexpected, 1, 6, "*");
        for good in [
            "{}",
            "{\"a\":1}\n",
            " {\"a\":[true,false,null,-0.5e+7,\"\\u00e9\\ud83d\\ude00\"]} \r\n",
            "{\"a\":\"\u{201c}\"}",
        ] {
            assert_eq!(diagnose(good.as_bytes()), None, "{good}");
        }
    }

    #[test]
    fn bytes_that_are_no_text() {
        let kind = |text: &[u8]| diagnose(text).map(|fault| (fault.kind, fault.span));
        assert_eq!(kind(b"{\"a\":\"caf\xe9\"}"), Some((Kind::InvalidUtf8, 9..10)));
        assert_eq!(kind(b"{\xff}"), Some((Kind::InvalidUtf8, 1..2)));
        assert_eq!(kind(b"\xff\xfe{\0\"\0"), Some((Kind::Utf16, 0..2)));
        assert_eq!(kind(b"{\"a\":\"caf\xc3"), Some((Kind::CutOff, 10..10)));
    }

    #[test]
    fn what_is_cut_off_names_the_deepest_open_member() {
        for (text, path) in [
            (
                "{\"version\":1,\"parameters\":{\"alert\":{\"data\":{\"srcip\":\"192.0",
                "parameters.alert.data.srcip",
            ),
            ("{\"parameters\":{\"alert\":{\"data\":{\"srcip\":\"192.0.2.1\"", "parameters.alert.data.srcip"),
            ("{\"parameters\":{\"extra_args\":[\"a\",\"b", "parameters.extra_args[1]"),
            ("{\"parameters\":{\"alert\":{\"data\":{}", "parameters.alert.data"),
            ("{\"a\":", "a"),
            ("{\"a\":tr", "a"),
            ("{\"a\":-", "a"),
            ("{\"a\":1.", "a"),
            ("{\"a\":\"\\u00", "a"),
            ("{\"a\":\"\\ud83d", "a"),
            ("{\"a\":1,", ""),
            ("{", ""),
        ] {
            let fault = diagnose(text.as_bytes()).unwrap();
            assert_eq!((fault.kind, fault.path.as_str()), (Kind::CutOff, path), "{text}");
            assert_eq!(fault.span, text.len()..text.len(), "{text}");
        }
        // Every beginning of a good message is cut off, and nothing else.
        let whole =
            br#"{"version":1,"origin":{"name":"n\u00e9","module":"m"},"x":[1.5e3,true,null,{"y":"\\"}]}"#;
        for end in 1..whole.len() {
            assert_eq!(diagnose(&whole[..end]).unwrap().kind, Kind::CutOff, "{end}");
        }
    }

    #[test]
    fn too_deep() {
        let deep = "{\"a\":".repeat(1001) + "1" + &"}".repeat(1001);
        assert_eq!(diagnose(deep.as_bytes()).unwrap().kind, Kind::TooDeep);
        let fine = "{\"a\":".repeat(900) + "1" + &"}".repeat(900);
        assert_eq!(diagnose(fine.as_bytes()), None);
    }

    #[test]
    fn what_execd_takes_is_no_error() {
        for (text, execd) in [
            ("\u{feff}{\"command\":\"x\"}", Taken::Takes),
            ("{\n\"command\":\"x\"\n}", Taken::Takes),
            ("{\"command\":\"x\"} trailing", Taken::TakesPart),
            ("{\"command\":\"x\"}{\"command\":\"y\"}", Taken::TakesPart),
            ("{\"command\":\"x\"}\0", Taken::TakesPart),
            ("{\"command\":\"a\tb\"}", Taken::Takes),
            ("{'command':'x'}", Taken::Refuses),
            ("{\"command\":\"x\"", Taken::Refuses),
            ("[1]", Taken::Refuses),
        ] {
            assert_eq!(diagnose(text.as_bytes()).unwrap().execd, execd, "{text}");
        }
    }

    #[test]
    fn an_excerpt_keeps_the_mark_inside() {
        let text = format!("{{\"a\":\"{}\",}}", "x".repeat(5000));
        let fault = diagnose(text.as_bytes()).unwrap();
        let Evidence::Excerpt { text: shown, mark, column, .. } =
            excerpt(text.as_bytes(), &fault.span, "f", "here")
        else {
            panic!("no excerpt")
        };
        assert_eq!((&shown[mark], column), (&b","[..], fault.column));
        assert!(shown.len() <= EXCERPT);
    }

    /// What serde_json says about one object; none when it gave up at a number out of range,
    /// which is no fault of the text.
    fn one_object(text: &[u8]) -> Option<bool> {
        match serde_json::from_slice::<serde_json::Value>(text) {
            Ok(value) => Some(value.is_object()),
            Err(error) if error.to_string().contains("out of range") => None,
            Err(_) => Some(false),
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            (-1e9f64..1e9).prop_map(Into::into),
            ".{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map(".{0,6}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn agrees(text: &[u8]) {
        let fault = diagnose(text);
        let good = fault.as_ref().is_none_or(|fault| fault.kind == Kind::SeveralLines);
        if let Some(wanted) = one_object(text) {
            assert_eq!(good, wanted, "{}\n{fault:?}", String::from_utf8_lossy(text));
        }
        if let Some(fault) = fault {
            assert!(fault.span.start <= fault.span.end && fault.span.end <= text.len());
            let _ = excerpt(text, &fault.span, "f", "");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(value in json(), at in any::<prop::sample::Index>(), byte: u8, how in 0..4) {
            let mut text = serde_json::to_vec(&value).unwrap();
            let at = at.index(text.len());
            match how {
                0 => {}
                1 => text[at] = byte,
                2 => { text.remove(at); }
                _ => text.insert(at, byte),
            }
            agrees(&text);
        }

        #[test]
        fn agrees_on_tokens(pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", "\"", "\"a\"", ":", ",", "1", "-", ".", "e", "0", "true", "nul", " ", "\n", "\\", "\\u", "d83d", "'", "\u{201c}", "\0", "/",
        ]), 0..14)) {
            agrees(pieces.concat().as_bytes());
        }

        #[test]
        fn nothing_panics(text in prop::collection::vec(any::<u8>(), 0..64)) {
            agrees(&text);
        }
    }
}
