//! Chosen members out of one line of JSON, without a tree.
//!
//! The whole line is checked against the JSON grammar as it is walked, but nothing is
//! copied: a member found is a span of the line. What is tolerated beyond the grammar is
//! what Wazuh's writer can put out and cJSON reads: control bytes and broken UTF-8 inside
//! strings, and half of a surrogate pair.
//!
//! **Of a repeated name the first member counts, all the way down**, as in
//! `cJSON_GetObjectItem`, with which execd and the stock responses read: when the first
//! `data` has no `srcip`, that of a second `data` is not looked at. jq and Python take the last.

use std::borrow::Cow;

use memchr::memchr2;

/// Arrays and objects inside each other that are still read (`CJSON_NESTING_LIMIT`).
pub const MAX_NESTING: usize = 1000;

/// Why a line is no JSON object.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Bad {
    /// The line is over before the object is.
    #[error("ends before its object does")]
    CutShort,
    /// A byte that cannot stand where it does.
    #[error("is no JSON at byte {0}")]
    Syntax(usize),
    /// More than [`MAX_NESTING`] levels.
    #[error("is nested more than {MAX_NESTING} levels deep")]
    Deep,
}

/// Which path of a [`Paths`] is meant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Slot(usize);

/// The members looked for, by the names that lead to them from the top.
#[derive(Clone, Debug)]
pub struct Paths {
    nodes: Vec<Node>,
    slots: usize,
    any_case: bool,
}

#[derive(Clone, Debug, Default)]
struct Node {
    name: Box<[u8]>,
    children: Vec<usize>,
    /// A bit for the length of each child's name, which turns most names away at once.
    lengths: u64,
    slot: Option<usize>,
}

/// The bit in [`Node::lengths`] of a name.
fn length_bit(name: &[u8]) -> u64 {
    1 << name.len().min(63)
}

const ROOT: usize = 0;

impl Default for Paths {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], slots: 0, any_case: false }
    }
}

impl Paths {
    /// No path yet; names match byte for byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names match in any case of their ASCII letters, as `cJSON_GetObjectItem` has it.
    #[must_use]
    pub fn any_case(mut self) -> Self {
        self.any_case = true;
        self
    }

    /// Adds a path with points between its names, such as `data.win.eventdata.ipAddress`.
    /// A path that is there already keeps its slot.
    pub fn add(&mut self, path: &str) -> Slot {
        self.add_names(path.split('.'))
    }

    /// The same for names that may hold points themselves.
    pub fn add_names<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Slot {
        let mut node = ROOT;
        for name in names {
            node = self.child(node, name.as_bytes()).unwrap_or_else(|| {
                let new = self.nodes.len();
                self.nodes.push(Node { name: name.as_bytes().into(), ..Node::default() });
                if let Some(parent) = self.nodes.get_mut(node) {
                    parent.children.push(new);
                    parent.lengths |= length_bit(name.as_bytes());
                }
                new
            });
        }
        let next = self.slots;
        let slot = self.nodes.get_mut(node).map_or(next, |node| *node.slot.get_or_insert(next));
        self.slots = next.max(slot + 1);
        Slot(slot)
    }

    /// The child of a node that a name leads to.
    #[inline]
    fn child(&self, node: usize, name: &[u8]) -> Option<usize> {
        let node = self.nodes.get(node)?;
        if node.lengths & length_bit(name) == 0 {
            return None;
        }
        let same = |other: &[u8]| {
            other.len() == name.len()
                && if self.any_case { other.eq_ignore_ascii_case(name) } else { other == name }
        };
        node.children
            .iter()
            .copied()
            .find(|&child| self.nodes.get(child).is_some_and(|child| same(&child.name)))
    }
}

/// Finds the members of a [`Paths`] in one line after another.
#[derive(Clone, Debug)]
pub struct Extractor {
    paths: Paths,
    /// By slot: where the value begins and ends. Nothing ends at 0.
    spans: Vec<(usize, usize)>,
    /// By node: a member of the name was met in this line.
    seen: Vec<bool>,
}

impl Extractor {
    /// For these paths.
    pub fn new(paths: Paths) -> Self {
        Self { spans: vec![(0, 0); paths.slots], seen: vec![false; paths.nodes.len()], paths }
    }

    /// The members of the one object in `line`. What was found before the line turned out
    /// bad can still be asked for ([`Self::found`]).
    pub fn scan<'a>(&'a mut self, line: &'a [u8]) -> Result<Fields<'a>, Bad> {
        self.spans.fill((0, 0));
        self.seen.fill(false);
        let mut walk = Walk { text: line, at: 0 };
        walk.blanks();
        if walk.peek() != b'{' {
            return Err(walk.bad());
        }
        self.object(&mut walk, ROOT, 1)?;
        walk.blanks();
        if walk.at < line.len() {
            return Err(walk.bad());
        }
        Ok(self.found(line))
    }

    /// What the last [`Self::scan`] found, which must have been of this very line.
    pub fn found<'a>(&'a self, line: &'a [u8]) -> Fields<'a> {
        Fields { line, spans: &self.spans, offset: 0 }
    }

    /// An object on whose members paths go on; as deep as the longest path.
    fn object(&mut self, walk: &mut Walk<'_>, node: usize, depth: usize) -> Result<(), Bad> {
        walk.at += 1;
        walk.blanks();
        if walk.eat(b'}') {
            return Ok(());
        }
        loop {
            let (name, escaped) = walk.name()?;
            let child =
                if escaped { self.paths.child(node, &unescape(name)) } else { self.paths.child(node, name) };
            match child
                .filter(|&child| self.seen.get_mut(child).is_some_and(|seen| !std::mem::replace(seen, true)))
            {
                None => walk.skip(depth)?,
                Some(child) => {
                    let start = walk.at;
                    let (slot, leads_on) = self
                        .paths
                        .nodes
                        .get(child)
                        .map_or((None, false), |n| (n.slot, !n.children.is_empty()));
                    if leads_on && walk.peek() == b'{' {
                        if depth >= MAX_NESTING {
                            return Err(Bad::Deep);
                        }
                        self.object(walk, child, depth + 1)?;
                    } else {
                        walk.skip(depth)?;
                    }
                    if let Some(span) = slot.and_then(|slot| self.spans.get_mut(slot)) {
                        *span = (start, walk.at);
                    }
                }
            }
            walk.blanks();
            if walk.eat(b'}') {
                return Ok(());
            }
            if !walk.eat(b',') {
                return Err(walk.bad());
            }
            walk.blanks();
        }
    }
}

/// The members found in one line.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    line: &'a [u8],
    spans: &'a [(usize, usize)],
    /// Where the line begins in its file, in bytes.
    pub(super) offset: u64,
}

impl<'a> Fields<'a> {
    /// The value at a path.
    pub fn get(&self, slot: Slot) -> Option<Raw<'a>> {
        let &(start, end) = self.spans.get(slot.0)?;
        self.line.get(start..end).filter(|raw| !raw.is_empty()).map(Raw)
    }

    /// The line, without its line end.
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// Where the line begins in its file, in bytes (of the decompressed text).
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// One value as it stands in the line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Raw<'a>(&'a [u8]);

impl<'a> Raw<'a> {
    /// The value of a whole text that is known to be one value.
    pub fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The bytes in the line; a string still has its quotes and escapes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text of a string; none for other values.
    pub fn text(self) -> Option<Cow<'a, [u8]>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(if memchr::memchr(b'\\', inner).is_some() { unescape(inner).into() } else { inner.into() })
    }

    /// A whole number, written as a number or, like `rule.id`, as a string.
    pub fn number(self) -> Option<u64> {
        let inner = self.0.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(self.0);
        if inner.is_empty() || inner.len() > 19 {
            return None;
        }
        inner
            .iter()
            .try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
    }

    /// The members of an array; none for other values.
    pub fn items(self) -> impl Iterator<Item = Raw<'a>> {
        let mut walk = Walk { text: self.0, at: 0 };
        let mut more = walk.eat(b'[');
        std::iter::from_fn(move || {
            walk.blanks();
            if !more || walk.peek() == b']' {
                return None;
            }
            let start = walk.at;
            walk.skip(0).ok()?;
            let item = walk.text.get(start..walk.at)?;
            walk.blanks();
            more = walk.eat(b',');
            Some(Raw(item))
        })
    }

    /// Calls `each` with path and value of all that is no object and no array in it, in
    /// order; items of arrays are `name[0]`. At most `limit` calls.
    pub fn leaves(self, limit: usize, mut each: impl FnMut(&[u8], Self)) {
        let mut path = Vec::new();
        let mut left = limit;
        // A value that is no JSON ends the walk; what came before was seen.
        let _ = leaves(&mut Walk { text: self.0, at: 0 }, &mut path, 0, &mut left, &mut each);
    }
}

/// Levels that [`Raw::leaves`] goes down, which bounds its stack; deeper values are passed over.
const LEAF_LEVELS: usize = 32;

fn leaves<'a>(
    walk: &mut Walk<'a>,
    path: &mut Vec<u8>,
    depth: usize,
    left: &mut usize,
    each: &mut impl FnMut(&[u8], Raw<'a>),
) -> Result<(), Bad> {
    walk.blanks();
    let open = walk.peek();
    if *left == 0 || depth >= LEAF_LEVELS || !matches!(open, b'{' | b'[') {
        let start = walk.at;
        walk.skip(0)?;
        if !matches!(open, b'{' | b'[')
            && *left > 0
            && let Some(leaf) = walk.text.get(start..walk.at)
        {
            *left -= 1;
            each(path, Raw(leaf));
        }
        return Ok(());
    }
    let close = if open == b'{' { b'}' } else { b']' };
    walk.at += 1;
    walk.blanks();
    if walk.eat(close) {
        return Ok(());
    }
    let parent = path.len();
    for index in 0_usize.. {
        if open == b'{' {
            let (name, _) = walk.name()?;
            if parent > 0 {
                path.push(b'.');
            }
            path.extend_from_slice(&unescape(name));
        } else {
            path.extend_from_slice(format!("[{index}]").as_bytes());
        }
        leaves(walk, path, depth + 1, left, each)?;
        path.truncate(parent);
        walk.blanks();
        if walk.eat(close) {
            return Ok(());
        }
        if !walk.eat(b',') {
            return Err(walk.bad());
        }
        walk.blanks();
    }
    Ok(())
}

/// The values at `paths` in one line; for more than one line keep an [`Extractor`].
pub fn extract<'a>(line: &'a [u8], paths: &[&str]) -> Result<Vec<Option<Raw<'a>>>, Bad> {
    let mut wanted = Paths::new();
    let slots: Vec<Slot> = paths.iter().map(|path| wanted.add(path)).collect();
    let mut extractor = Extractor::new(wanted);
    extractor.scan(line)?;
    let spans = &extractor.spans;
    let raw = |slot: &Slot| spans.get(slot.0).and_then(|&(start, end)| line.get(start..end));
    Ok(slots.iter().map(|slot| raw(slot).filter(|raw| !raw.is_empty()).map(Raw)).collect())
}

/// The text that escapes stand for. Half of a surrogate pair becomes U+FFFD.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        text.extend_from_slice(plain);
        let (byte, taken) = match escape.get(1) {
            Some(b'u') => {
                let (character, taken) = code_point(escape);
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = escape.get(taken..).unwrap_or_default();
                continue;
            }
            Some(b'b') => (8, 2),
            Some(b'f') => (12, 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b't') => (b'\t', 2),
            Some(&byte) => (byte, 2),
            None => (b'\\', 1),
        };
        text.push(byte);
        rest = escape.get(taken..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    text
}

/// The character of the `\uXXXX` at the start, and the bytes that it takes.
fn code_point(escape: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u32> {
        let digits = escape.get(at..)?.strip_prefix(b"\\u")?.get(..4)?;
        digits.iter().try_fold(0, |sum, &digit| Some(sum * 16 + char::from(digit).to_digit(16)?))
    };
    let Some(first) = unit(0) else { return (char::REPLACEMENT_CHARACTER, 2) };
    if let (0xd800..=0xdbff, Some(second @ 0xdc00..=0xdfff)) = (first, unit(6)) {
        let both = 0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
        return (char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

/// A place in a text of JSON.
struct Walk<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// The byte here; at the end a NUL, which JSON has no use for either.
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let here = self.peek() == byte;
        self.at += usize::from(here);
        here
    }

    fn bad(&self) -> Bad {
        if self.at >= self.text.len() { Bad::CutShort } else { Bad::Syntax(self.at) }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    /// A member's name without quotes, and whether it has escapes; the place is then at its
    /// value.
    #[inline]
    fn name(&mut self) -> Result<(&'a [u8], bool), Bad> {
        if self.peek() != b'"' {
            return Err(self.bad());
        }
        let start = self.at + 1;
        let escaped = self.string()?;
        let name = self.text.get(start..self.at - 1).unwrap_or_default();
        self.blanks();
        if !self.eat(b':') {
            return Err(self.bad());
        }
        self.blanks();
        Ok((name, escaped))
    }

    /// Past the string that begins here; true when it has escapes.
    #[inline]
    fn string(&mut self) -> Result<bool, Bad> {
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.seek_quote_or_backslash()? {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                _ => {
                    escaped = true;
                    self.escape()?;
                }
            }
        }
    }

    /// Past the escape that begins here.
    fn escape(&mut self) -> Result<(), Bad> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.text.get(self.at + 2..).unwrap_or_default();
                match digits.iter().take(4).position(|digit| !digit.is_ascii_hexdigit()) {
                    Some(wrong) => return Err(Bad::Syntax(self.at + 2 + wrong)),
                    None if digits.len() < 4 => return Err(Bad::CutShort),
                    None => self.at += 6,
                }
            }
            Some(_) => return Err(Bad::Syntax(self.at + 1)),
            None => return Err(Bad::CutShort),
        }
        Ok(())
    }

    /// On to the next `"` or `\`. Most strings are short, so the first bytes are looked at eight
    /// at a time in place; a call of memchr only pays for the longer ones.
    #[inline]
    fn seek_quote_or_backslash(&mut self) -> Result<u8, Bad> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const TOPS: u64 = 0x8080_8080_8080_8080;
        let mut rest = self.text.get(self.at..).unwrap_or_default();
        for _ in 0..4 {
            let Some((word, behind)) = rest.split_first_chunk::<8>() else { break };
            let word = u64::from_le_bytes(*word);
            // The lowest top bit that is set marks the first zero byte of each difference.
            let quote = word ^ (ONES * 0x22);
            let backslash = word ^ (ONES * 0x5c);
            let marks =
                (quote.wrapping_sub(ONES) & !quote | backslash.wrapping_sub(ONES) & !backslash) & TOPS;
            if marks != 0 {
                let byte = marks.trailing_zeros() / 8;
                self.at += byte as usize;
                return Ok(word.to_le_bytes().get(byte as usize).copied().unwrap_or(0));
            }
            self.at += 8;
            rest = behind;
        }
        match memchr2(b'"', b'\\', rest) {
            Some(found) => {
                self.at += found;
                Ok(self.peek())
            }
            None => {
                self.at = self.text.len();
                Err(Bad::CutShort)
            }
        }
    }

    /// Past the value that begins here, `depth` levels down.
    fn skip(&mut self, depth: usize) -> Result<(), Bad> {
        let mut open = Open::default();
        loop {
            match self.peek() {
                b'"' => {
                    self.string()?;
                }
                kind @ (b'{' | b'[') => {
                    if depth + open.depth >= MAX_NESTING {
                        return Err(Bad::Deep);
                    }
                    open.push(kind == b'{');
                    self.at += 1;
                    self.blanks();
                    let empty = if kind == b'{' { self.peek() == b'}' } else { self.peek() == b']' };
                    if !empty {
                        if kind == b'{' {
                            self.name()?;
                        }
                        continue;
                    }
                }
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.figure()?,
            }
            // Behind a value: on to the next one, or out of what ends here.
            loop {
                if open.depth == 0 {
                    return Ok(());
                }
                self.blanks();
                match (self.peek(), open.is_object()) {
                    (b',', is_object) => {
                        self.at += 1;
                        self.blanks();
                        if is_object {
                            self.name()?;
                        }
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        self.at += 1;
                        open.depth -= 1;
                    }
                    _ => return Err(self.bad()),
                }
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Bad> {
        for &byte in word {
            if !self.eat(byte) {
                return Err(self.bad());
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Bad> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(self.bad()) } else { Ok(()) }
    }

    /// A number by the grammar of JSON.
    fn figure(&mut self) -> Result<(), Bad> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }
}

/// The arrays and objects that are open, one bit each.
#[derive(Default)]
struct Open {
    objects: [u64; MAX_NESTING / 64 + 1],
    depth: usize,
}

impl Open {
    fn push(&mut self, is_object: bool) {
        let bit = 1 << (self.depth % 64);
        if let Some(word) = self.objects.get_mut(self.depth / 64) {
            *word = if is_object { *word | bit } else { *word & !bit };
        }
        self.depth += 1;
    }

    fn is_object(&self) -> bool {
        let top = self.depth.saturating_sub(1);
        self.objects.get(top / 64).is_some_and(|word| word >> (top % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wazuh::cjson;
    use proptest::prelude::*;

    fn texts(line: &str, paths: &[&str]) -> Vec<Option<String>> {
        let found = extract(line.as_bytes(), paths).unwrap();
        found.into_iter().map(|raw| raw.map(|raw| String::from_utf8(raw.bytes().to_vec()).unwrap())).collect()
    }

    #[test]
    fn members_by_path() {
        type Case<'a> = (&'a str, &'a [&'a str], &'a [Option<&'a str>]);
        let cases: &[Case<'_>] = &[
            (r#"{"a":1}"#, &["a", "b"], &[Some("1"), None]),
            (r#" { "a" : { "b" : "x" } , "b" : true } "#, &["b", "a.b"], &[Some("true"), Some("\"x\"")]),
            // A path and one that goes on from it.
            (r#"{"a":{"b":[1, 2]}}"#, &["a", "a.b"], &[Some(r#"{"b":[1, 2]}"#), Some("[1, 2]")]),
            // Same names at other depths.
            (r#"{"x":{"a":1},"y":[{"a":2}],"a":3}"#, &["a", "y.a"], &[Some("3"), None]),
            (
                r#"{"data":{"rule":{"id":"1"}},"rule":{"id":"2","x":{"id":"3"}}}"#,
                &["rule.id"],
                &[Some("\"2\"")],
            ),
            // Names inside strings.
            (r#"{"s":"\"a\":1","a":2}"#, &["a"], &[Some("2")]),
            (r#"{"s":"{\"a\":1}\\","a":2}"#, &["a"], &[Some("2")]),
            // The first of two, all the way down.
            (r#"{"a":1,"a":2}"#, &["a"], &[Some("1")]),
            (r#"{"d":{"x":0},"d":{"a":1}}"#, &["d.a"], &[None]),
            (r#"{"d":"text","d":{"a":1}}"#, &["d.a", "d"], &[None, Some("\"text\"")]),
            (r#"{"d":{"a":1,"a":2}}"#, &["d.a"], &[Some("1")]),
            // Escaped names.
            (r#"{"\u0061\u002eb":1,"a":{"\u0062":2}}"#, &["a.b"], &[Some("2")]),
            (r#"{"A":1}"#, &["a"], &[None]),
            (r#"{"":{"":1}}"#, &["", "."], &[Some(r#"{"":1}"#), Some("1")]),
            ("{\"a\":\"\u{1}\t\"}", &["a"], &[Some("\"\u{1}\t\"")]),
            ("{}", &["a"], &[None]),
        ];
        for (line, paths, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|raw| raw.map(str::to_owned)).collect();
            assert_eq!(texts(line, paths), expected, "{line}");
        }
    }

    #[test]
    fn any_case_takes_the_first_of_any() {
        let mut paths = Paths::new().any_case();
        let slot = paths.add("data.srcip");
        let mut extractor = Extractor::new(paths);
        let line = br#"{"Data":{"SrcIP":"1","srcip":"2"}}"#;
        assert_eq!(extractor.scan(line).unwrap().get(slot).unwrap().bytes(), b"\"1\"");
    }

    #[test]
    fn slots_are_shared_by_the_same_path() {
        let mut paths = Paths::new();
        let (a, b, c) = (paths.add("a.b"), paths.add("a"), paths.add("a.b"));
        assert_eq!(a, c);
        assert_ne!(a, b);
        assert_eq!(paths.add_names(["a", "b"]), a);
        assert_ne!(paths.add_names(["a.b"]), a);
    }

    #[test]
    fn what_is_no_object() {
        let cut = [
            "",
            "{",
            "{\"",
            "{\"a",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":\"",
            "{\"a\":tr",
            "{\"a\":[1",
            "{\"a\":[1,",
            "{\"a\":{\"b\":1}",
            "{\"a\":\"\\",
            "{\"a\":\"\\u00",
            "{\"a\":-",
            "{\"a\":1.",
        ];
        for line in cut {
            assert_eq!(extract(line.as_bytes(), &["a"]), Err(Bad::CutShort), "{line}");
        }
        let wrong = [
            "[]",
            "1",
            "null",
            "\"a\"",
            "{\"a\":1}}",
            "{\"a\":1}{}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\":[1,]}",
            "{\"a\":[}",
            "{\"a\":{]}",
            "{\"a\" 1}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":nul}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u00g0\"}",
            "{\"a\":[1}}",
            "{\"a\":[{\"b\":1]]}",
            "\0{}",
            "{\"a\":1}\0",
            "{\"a\":[\"b\":1]}",
            "{\"a\":{1}}",
        ];
        for line in wrong {
            assert!(matches!(extract(line.as_bytes(), &["a"]), Err(Bad::Syntax(_))), "{line}");
        }
        for depth in [MAX_NESTING - 1, MAX_NESTING] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let line = format!("{{\"a\":{}1{}}}", open.repeat(depth), close.repeat(depth));
                let expected = if depth < MAX_NESTING { Ok(()) } else { Err(Bad::Deep) };
                let long = ["a"; MAX_NESTING + 5].join(".");
                assert_eq!(extract(line.as_bytes(), &["a"]).map(|_| ()), expected, "{depth} {open}");
                assert_eq!(extract(line.as_bytes(), &[&long]).map(|_| ()), expected, "{depth} {open}");
            }
        }
    }

    #[test]
    fn values() {
        let text =
            |raw: &str| Raw(raw.as_bytes()).text().map(|text| String::from_utf8(text.into_owned()).unwrap());
        assert_eq!(
            text(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d""#).unwrap(),
            "\"\\/\u{8}\u{c}\n\r\té😀\u{fffd}"
        );
        assert_eq!(text("1"), None);
        assert_eq!(Raw(b"\"5710\"").number(), Some(5710));
        assert_eq!(Raw(b"12").number(), Some(12));
        for raw in ["\"\"", "-1", "1.5", "\"x\"", "99999999999999999999", "[1]"] {
            assert_eq!(Raw(raw.as_bytes()).number(), None, "{raw}");
        }
        let items = |raw: &'static str| Raw(raw.as_bytes()).items().map(Raw::bytes).collect::<Vec<_>>();
        assert_eq!(items(r#"[ "a" , [1,2],{"b":1} ]"#), [&b"\"a\""[..], b"[1,2]", b"{\"b\":1}"]);
        assert_eq!(items("[]").len() + items("\"a\"").len() + items("{\"a\":1}").len(), 0);
    }

    #[test]
    fn leaves_in_order() {
        let mut seen = Vec::new();
        let raw = Raw(br#"{"a":{"b":"x","c":[1,{"d":null}]},"e":{},"f":[],"\u0067":true}"#);
        raw.leaves(99, |path, leaf| {
            seen.push(format!("{}={}", String::from_utf8_lossy(path), String::from_utf8_lossy(leaf.bytes())));
        });
        assert_eq!(seen, ["a.b=\"x\"", "a.c[0]=1", "a.c[1].d=null", "g=true"]);
        let mut count = 0;
        raw.leaves(2, |_, _| count += 1);
        assert_eq!(count, 2);
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        Raw(deep.as_bytes()).leaves(9, |_, _| panic!("too deep to be told"));
    }

    /// Few names, so that they repeat at the same and at other depths.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => prop::sample::select(vec!["a", "b", "c", "a.b", "", "\"", "\\", "A", "é", "\n"]).prop_map(str::to_owned),
            1 => any::<String>(),
        ]
    }

    /// A value as the text of it, with blanks and with escapes that need not be.
    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("false".to_owned()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f32>().prop_filter("finite", |n| n.is_finite()).prop_map(|number| format!("{number:e}")),
            (any::<String>(), any::<u8>()).prop_map(|(text, how)| string(&text, how)),
            "[a-z\"\\\\{}:, ]{20,80}".prop_map(|text| string(&text, 0)),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                (proptest::collection::vec(inner.clone(), 0..4), any::<bool>())
                    .prop_map(|(items, wide)| format!("[{}]", items.join(if wide { " ,\t" } else { "," }))),
                object(inner),
            ]
        })
    }

    fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
        (proptest::collection::vec((name(), any::<u8>(), value), 0..6), any::<bool>()).prop_map(
            |(members, wide)| {
                let blank = if wide { " " } else { "" };
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(name, how, value)| {
                        format!("{blank}{}{blank}:{blank}{value}{blank}", string(&name, how))
                    })
                    .collect();
                format!("{{{}}}", members.join(","))
            },
        )
    }

    /// The JSON of a text; each character is escaped or not by a bit of `how`.
    fn string(text: &str, how: u8) -> String {
        let mut json = String::from("\"");
        for (at, character) in text.chars().enumerate() {
            let plain = !matches!(character, '"' | '\\' | '\0'..' ');
            if plain && how >> (at % 8) & 1 == 0 {
                json.push(character);
            } else if matches!(character, '"' | '\\') && how & 1 == 0 {
                json.extend(['\\', character]);
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    json.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
        json + "\""
    }

    /// Any JSON by serde_json, with repeated names kept.
    #[derive(Debug, PartialEq)]
    enum Tree {
        Object(Vec<(String, Self)>),
        Array(Vec<Self>),
        Text(String),
        Other(serde_json::Value),
    }

    impl<'de> serde::Deserialize<'de> for Tree {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Tree;
                fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    out.write_str("JSON")
                }
                fn visit_unit<E>(self) -> Result<Tree, E> {
                    Ok(Tree::Other(serde_json::Value::Null))
                }
                fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                    Ok(Tree::Other(value.into()))
                }
                fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                    Ok(Tree::Other(value.into()))
                }
                fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                    Ok(Tree::Other(value.into()))
                }
                fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                    Ok(Tree::Other(value.into()))
                }
                fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                    Ok(Tree::Text(value.to_owned()))
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                    let mut items = Vec::new();
                    while let Some(item) = seq.next_element()? {
                        items.push(item);
                    }
                    Ok(Tree::Array(items))
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                    let mut members = Vec::new();
                    while let Some(member) = map.next_entry()? {
                        members.push(member);
                    }
                    Ok(Tree::Object(members))
                }
            }
            deserializer.deserialize_any(Visitor)
        }
    }

    impl Tree {
        fn at(&self, path: &[&str]) -> Option<&Self> {
            let Some((name, rest)) = path.split_first() else { return Some(self) };
            let Self::Object(members) = self else { return None };
            members.iter().find(|member| member.0 == *name)?.1.at(rest)
        }
    }

    const PATHS: &[&[&str]] = &[
        &["a"],
        &["b"],
        &["a.b"],
        &["a", "b"],
        &["a", "a"],
        &["b", "a", "c"],
        &["a", "b", "c"],
        &["", "a"],
        &["\""],
        &["\\", "a"],
        &["é"],
        &["c", "\n"],
        &[""],
        &["c", "a.b", "a"],
    ];

    fn compare(line: &[u8]) -> Result<(), TestCaseError> {
        let mut paths = Paths::new();
        let slots: Vec<Slot> = PATHS.iter().map(|path| paths.add_names(path.iter().copied())).collect();
        let mut extractor = Extractor::new(paths);
        let shown = String::from_utf8_lossy(line).into_owned();
        match (extractor.scan(line), serde_json::from_slice::<Tree>(line)) {
            (Ok(fields), Ok(tree @ Tree::Object(_))) => {
                for (path, slot) in PATHS.iter().zip(slots) {
                    let found =
                        fields.get(slot).map(|raw| serde_json::from_slice::<Tree>(raw.bytes()).unwrap());
                    prop_assert_eq!(found.as_ref(), tree.at(path), "{:?} of {}", path, shown);
                    let text = fields.get(slot).and_then(Raw::text);
                    let expected =
                        if let Some(Tree::Text(text)) = tree.at(path) { Some(text.as_bytes()) } else { None };
                    prop_assert_eq!(text.as_deref(), expected, "{:?} of {}", path, shown);
                }
            }
            (Err(_), Ok(Tree::Object(_))) => prop_assert!(false, "refused: {shown}"),
            (Ok(_), Ok(_)) => prop_assert!(false, "taken though it is no object: {shown}"),
            (Err(_), _) => {}
            // Tolerated: what serde_json minds inside strings, and numbers out of range.
            (Ok(_), Err(error)) => {
                let told = error.to_string();
                let inside = [
                    "control character",
                    "unicode code point",
                    "surrogate",
                    "hex escape",
                    "out of range",
                    "invalid number",
                    "recursion",
                ];
                prop_assert!(inside.iter().any(|kind| told.contains(kind)), "{told}: {shown}");
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 2000 }))]

        #[test]
        fn agrees_with_serde_json(line in object(value())) {
            prop_assert!(serde_json::from_str::<Tree>(&line).is_ok());
            compare(line.as_bytes())?;
        }

        #[test]
        fn agrees_on_mutated_lines(
            line in object(value()),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..3_u8, prop_oneof![
                prop::sample::select(b"\"\\{}[]:,.0-eEtu \0\n".to_vec()), any::<u8>()
            ]), 1..4),
        ) {
            let mut line = line.into_bytes();
            for (at, kind, byte) in changes {
                let at = at.index(line.len() + 1);
                match kind {
                    0 => line.insert(at, byte),
                    1 if at < line.len() => { line.remove(at); }
                    _ => if let Some(old) = line.get_mut(at) { *old = byte },
                }
            }
            // A lone surrogate is the one thing serde_json and this read differently.
            compare(&line)?;
        }

        #[test]
        fn agrees_on_cut_lines(line in object(value()), at in any::<prop::sample::Index>()) {
            let end = at.index(line.len());
            let cut = &line.as_bytes()[..end];
            compare(cut)?;
            prop_assert!(extract(cut, &["a"]).is_err());
        }

        #[test]
        fn finds_what_cjson_finds(line in object(value())) {
            // cJSON ends a text at \u0000 and matches names in any case.
            prop_assume!(!line.contains("\\u0000"));
            let mut paths = Paths::new().any_case();
            let slots: Vec<Slot> = PATHS.iter().map(|path| paths.add_names(path.iter().copied())).collect();
            let mut extractor = Extractor::new(paths);
            let fields = extractor.scan(line.as_bytes()).unwrap();
            let tree = cjson::parse(line.as_bytes()).unwrap();
            for (path, slot) in PATHS.iter().zip(slots) {
                let expected = path.iter().try_fold(&tree, |tree, name| tree.get(name.as_bytes()));
                let found = fields.get(slot).map(|raw| cjson::parse(raw.bytes()).unwrap());
                prop_assert_eq!(found.as_ref(), expected, "{:?} of {}", path, line);
            }
        }

        #[test]
        fn leaves_never_break(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            Raw(&text).leaves(9, |_, _| {});
            let _ = Raw(&text).items().count();
            let _ = Raw(&text).text();
        }
    }
}
