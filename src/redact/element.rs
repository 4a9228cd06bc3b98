//! Secrets that are the text of an element of Wazuh's configuration, whole or broken. Read by
//! hand: such elements stand in every host's files, and patterns cost more to make than to use.

use std::ops::Range;

use super::Kind;
use super::formats::{Found, Mode};
use super::pair;

/// How far an element may reach.
const LONGEST: usize = 64 * 1024;

/// How far one may reach whose start is lost.
const LONGEST_LOST: usize = 4 * 1024;

/// No name of an element is longer.
const LONGEST_NAME: usize = 128;

/// What a name of an element is of.
fn is_of_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_:.-".contains(byte)
}

/// What patterns call `\s`.
fn is_space(byte: &u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// A part of a text that is read from its front.
struct Reader<'t> {
    text: &'t [u8],
    here: usize,
    /// No further than this.
    end: usize,
}

impl<'t> Reader<'t> {
    /// Behind the name.
    fn new(text: &'t [u8], name: &Range<usize>) -> Self {
        Self { text, here: name.end, end: text.len().min(name.start + LONGEST) }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.here..self.end).unwrap_or_default()
    }

    /// What follows as long as it is of a kind.
    fn take(&mut self, is: impl Fn(&u8) -> bool) -> Range<usize> {
        let start = self.here;
        self.here += self.rest().iter().take_while(|byte| is(byte)).count();
        start..self.here
    }

    fn spaces(&mut self) -> bool {
        !self.take(is_space).is_empty()
    }

    /// Goes behind a word that is here.
    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest().starts_with(word).then(|| self.here += word.len())
    }

    /// A range without blanks and NULs at its end; none when nothing else is in it.
    fn trimmed(&self, range: Range<usize>) -> Option<Range<usize>> {
        let last = self.text.get(range.clone())?.iter().rposition(|byte| *byte != 0 && !is_space(byte))?;
        Some(range.start..range.start + last + 1)
    }

    /// What stands before the next `<`.
    fn run(&mut self) -> Range<usize> {
        let start = self.here;
        self.here += memchr::memchr(b'<', self.rest()).unwrap_or(self.rest().len());
        start..self.here
    }

    /// The text up to the next `<`.
    fn line_of_text(&mut self) -> Option<Range<usize>> {
        self.end = self.end.min(self.here + LONGEST_LOST);
        self.spaces();
        let content = self.run();
        self.trimmed(content)
    }

    /// What is secret of a text between two `<`; of a start tag the signs stay.
    fn pieces(&self, run: Range<usize>, in_tag: &mut bool, all: &mut Vec<Range<usize>>) {
        let end = run.end - slashes_before(self.text, run.start, run.end);
        let mut start = run.start;
        if *in_tag {
            let tag = self.value(&(start..end));
            let tag = memchr::memchr(b'>', tag).map_or(tag, |last| tag.get(..last).unwrap_or_default());
            *in_tag = start + tag.len() == end;
            for part in tag.split(|byte| OF_TAGS.contains(byte) || is_space(byte)) {
                if !part.is_empty() {
                    all.push(start..start + part.len());
                }
                start += part.len() + 1;
            }
        }
        if start < end {
            let blanks = self.value(&(start..end)).iter().take_while(|byte| is_space(byte)).count();
            all.extend(self.trimmed(start + blanks..end));
        }
    }

    /// Goes behind a comment or a literal section that is here, whose text is secret too.
    fn section(&mut self, all: &mut Vec<Range<usize>>) -> bool {
        let marks: [(&[u8], &[u8]); 2] = [(b"<!--", b"-->"), (b"<![CDATA[", b"]]>")];
        let rest = self.rest();
        let Some((open, close)) = marks.into_iter().find(|(open, _)| rest.starts_with(open)) else {
            return false;
        };
        let inside = rest.get(open.len()..rest.len().min(LONGEST_SECTION)).unwrap_or_default();
        let Some(length) = memchr::memmem::find(inside, close) else { return false };
        let start = self.here + open.len();
        let blanks = inside.iter().take(length).take_while(|byte| is_space(byte)).count();
        all.extend(self.trimmed(start + blanks..start + length));
        self.here = start + length + close.len();
        true
    }

    /// Goes behind an element in this one, which has only text: that is no part of the secret.
    fn child(&mut self) -> bool {
        let mut child = Self { text: self.text, here: self.here + 1, end: self.end };
        let name = child.take(is_of_name);
        let name = self.value(&name);
        if name.is_empty() || child.word(b">").is_none() {
            return false;
        }
        child.run();
        let is_whole =
            child.word(b"</").and_then(|()| child.word(name)).and_then(|()| child.word(b">")).is_some();
        if is_whole {
            self.here = child.here;
        }
        is_whole
    }

    fn value(&self, range: &Range<usize>) -> &'t [u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

/// An element, from its name on.
pub(super) fn element(text: &[u8], name: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let (mut pieces, _) = content(text, &name);
    // `<key>/etc/filebeat/certs/filebeat-key.pem</key>` of the indexer.
    if let [piece] = pieces.as_slice()
        && pair::is_key_file(text.get(piece.clone()).unwrap_or_default())
    {
        pieces.clear();
    }
    pieces.extend(lost_end(text, &name).or_else(|| attribute(text, &name)));
    pieces.extend(comment(text, &name).filter(|range| !pieces.contains(range)));
    all.extend(pieces.into_iter().map(|range| Found::new(range, kind)));
}

/// An element whose name ends in that of a secret: `<db_password>`, `<accessToken>`.
pub(super) fn named_alike(text: &[u8], name: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let known = text.get(name.clone()).unwrap_or_default();
    let before = whole_name(text, &name);
    let before = before.get(..before.len() - known.len()).unwrap_or_default();
    let humps = before.last().is_some_and(u8::is_ascii_lowercase)
        && known.first().is_some_and(u8::is_ascii_uppercase);
    let is_own_word =
        humps || before.is_empty() || before.last().is_some_and(|byte| !byte.is_ascii_alphanumeric());
    if !is_own_word || !pair::is_key_of_secret(before) {
        return;
    }
    let (pieces, is_whole) = content(text, &name);
    if let [piece] = pieces.as_slice() {
        // `<use_password>yes</use_password>`, `<ssl_key>/etc/x</ssl_key>`, `<registry_key>HKEY_USERS\...`
        let value = text.get(piece.clone()).unwrap_or_default();
        let is_key = known.eq_ignore_ascii_case(b"key");
        let is_prose = !is_whole && value.iter().any(is_space);
        let is_loose =
            is_prose || is_key && (value.iter().any(is_space) || value.contains(&b'\\') || value.len() < 8);
        if value.len() < 4 || is_loose || !pair::is_secret_value(value) {
            return;
        }
    }
    all.extend(pieces.into_iter().map(|range| Found::new(range, kind)));
}

/// `<extra_args>--key X -v</extra_args>`, `"extra_args":["--key","X"]`: words that look like a key.
pub(super) fn arguments(text: &[u8], name: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let mut reader = Reader::new(text, &name);
    reader.end = reader.end.min(name.end + LONGEST_LOST);
    reader.take(|byte| b"\\\"' \t".contains(byte));
    if !reader.rest().first().is_some_and(|byte| b">:=".contains(byte)) {
        return;
    }
    reader.here += 1;
    let inside = reader.take(|byte| !b"<]\n\0".contains(byte));
    let mut start = inside.start;
    for word in reader.value(&inside).split(|byte| is_space(byte) || b"\\\"',[".contains(byte)) {
        // `--key=X`; a sign in the middle of a key parts no name from it.
        let name = memchr::memchr(b'=', word)
            .filter(|name| word.get(..*name).is_some_and(|name| !pair::is_strong(name)));
        let from = name.map_or(0, |name| name + 1);
        if word.get(from..).is_some_and(pair::is_bare_key) {
            all.push(Found::new(start + from..start + word.len(), kind));
        }
        start += word.len() + 1;
    }
}

/// `key>X</key>`: the `<` is missing.
pub(super) fn lost_start(text: &[u8], name: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let mut reader = Reader::new(text, &name);
    let secret = reader.word(b">").and_then(|()| reader.line_of_text());
    if let Some(secret) = secret.filter(|_| reader.rest().starts_with(b"</")) {
        all.push(Found::new(secret, kind));
    }
}

/// How many tags may stand in a secret: each is a sign that it is none.
const MOST_TAGS: usize = 16;

/// How long a comment or a literal section in a secret may be.
const LONGEST_SECTION: usize = 16 * 1024;

/// Bytes that make a start tag what it is.
const OF_TAGS: &[u8] = b"<>/=!\"'";

/// The text of an element up to its end tag, piece by piece: what makes it XML stays, so that who
/// reads what is left finds the same faults. Without an end tag its first line, up to a `<`; whether there is one.
fn content(text: &[u8], name: &Range<usize>) -> (Vec<Range<usize>>, bool) {
    let mut reader = Reader::new(text, name);
    if reader.spaces() {
        reader.take(|byte| !b"<>".contains(byte));
    }
    if reader.word(b">").is_none() {
        return (Vec::new(), false);
    }
    let whole = whole_name(text, name);
    let mut pieces = Vec::new();
    // Pieces that are a secret's even without an end tag.
    let mut sure = None;
    let mut in_tag = false;
    for _ in 0..MOST_TAGS {
        let run = reader.run();
        reader.pieces(run.clone(), &mut in_tag, &mut pieces);
        let rest = reader.rest();
        if rest.is_empty() {
            break;
        }
        let is_escaped = slashes_before(text, run.start, reader.here) % 2 == 1;
        let is_name = |at: usize| starts_alike(rest.get(at..).unwrap_or_default(), whole);
        if rest.get(1) == Some(&b'/') && is_name(2) {
            return (pieces, true);
        }
        if reader.section(&mut pieces) {
            continue;
        }
        if !in_tag && reader.child() {
            sure = sure.or(Some(pieces.len()));
            continue;
        }
        // Of an element that is closed here the end of this one stands in the same line.
        let ends = || {
            let near = rest.get(..LONGEST_NAME * 2).unwrap_or(rest);
            let line = near.split(|byte| *byte == b'\n').next().unwrap_or_default();
            memchr::memmem::find_iter(line, b"</")
                .any(|end| starts_alike(line.get(end + 2..).unwrap_or_default(), whole))
        };
        if !is_escaped {
            sure = sure.or(Some(pieces.len()));
            if is_name(1) || rest.get(1) == Some(&b'/') && !ends() {
                break;
            }
            in_tag = true;
        }
        reader.here += 1;
    }
    pieces.truncate(sure.unwrap_or(usize::MAX));
    // What follows is another text.
    for piece in &mut pieces {
        let value = text.get(piece.clone()).unwrap_or_default();
        let line = value.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
        *piece = piece.start..piece.start + line.trim_ascii_end().len();
    }
    (pieces, false)
}

/// The whole name of an element of which the end is known.
fn whole_name<'t>(text: &'t [u8], name: &Range<usize>) -> &'t [u8] {
    let before = text.get(name.start.saturating_sub(LONGEST_NAME)..name.start).unwrap_or_default();
    let more = before.iter().rev().take_while(|byte| is_of_name(byte)).count();
    text.get(name.start - more..name.end).unwrap_or_default()
}

/// How many backslashes stand in front, not before `from`.
fn slashes_before(text: &[u8], from: usize, to: usize) -> usize {
    text.get(from..to).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count()
}

fn starts_alike(text: &[u8], name: &[u8]) -> bool {
    text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        && !text.get(name.len()).is_some_and(is_of_name)
}

/// `<key X`: the `>` is missing, or X is no attribute.
fn lost_end(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let mut reader = Reader::new(text, name);
    if !reader.spaces() {
        return None;
    }
    let inside = reader.take(|byte| !b"<>".contains(byte));
    reader.trimmed(inside).filter(|range| {
        let value = reader.value(range);
        value != b"/" && !value.contains(&b'=')
    })
}

/// `<key name="X"`.
fn attribute(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let mut reader = Reader::new(text, name);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_:.-".contains(byte);
    if !reader.spaces() || reader.take(is_name).is_empty() {
        return None;
    }
    reader.spaces();
    reader.word(b"=")?;
    reader.spaces();
    reader.word(b"\"")?;
    let value = reader.take(|byte| !b"\"<>".contains(byte));
    reader.word(b"\"")?;
    Some(value).filter(|value| !value.is_empty())
}

/// `<key><!-- X -->`.
fn comment(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let mut reader = Reader::new(text, name);
    reader.take(|byte| !b"<>".contains(byte));
    reader.word(b">")?;
    reader.spaces();
    reader.word(b"<!--")?;
    reader.spaces();
    let start = reader.here;
    let inside = reader.rest().get(..LONGEST_SECTION).unwrap_or(reader.rest());
    let end = memchr::memmem::find(inside, b"-->").unwrap_or(inside.len());
    reader.trimmed(start..start + end)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use regex::bytes::Regex;

    use super::*;

    /// The same as patterns, from the name on; where a comment is empty, nothing is in it.
    fn by_patterns(text: &[u8], name: &Range<usize>) -> Vec<Range<usize>> {
        let checks: [fn(&[u8]) -> bool; 4] = [
            |value| !pair::is_key_file(value),
            |value| value != b"/" && !value.contains(&b'='),
            |_| true,
            |value| !value.starts_with(b"-->"),
        ];
        let patterns = [
            r"(?:\s[^<>]*)?>\s*([^<]*[^<\s])",
            r"\s+([^<>]*[^<>\s])",
            r#"\s+[\w:.-]+\s*=\s*"([^"<>]+)""#,
            r"[^<>]*>\s*<!--\s*(.*?[^\s])\s*(?:-->|\z)",
        ];
        let group = |pattern: &str| {
            let regex = Regex::new(&format!(r"\A(?s-u:{pattern})")).unwrap();
            let group = regex.captures(&text[name.end..])?.get(1)?;
            Some(name.end + group.start()..name.end + group.end())
        };
        let found = patterns.into_iter().zip(checks).filter_map(|(pattern, check)| {
            let range = group(pattern)?;
            check(&text[range.clone()]).then_some(range)
        });
        found.collect()
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_by_hand_has_what_the_patterns_take(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "<", "\\<", "<![CDATA[", "]]>", ">", " ", "\n", "\u{b}", "=", "\"", "/", "</key>", "<!--", "-->", "a", "b.c", "Zq7", "/etc/x.pem", "é",
            ]), 0..12),
        ) {
            let text = format!("key{}", parts.concat()).into_bytes();
            let mut all = Vec::new();
            element(&text, 0..3, Kind::ClusterKey, Mode::Text, &mut all);
            for at in by_patterns(&text, &(0..3)).into_iter().flatten() {
                let is_sign = b"<>\\/=!\"' \n\x0b".contains(&text[at]) || text[at] == b'-';
                // An element inside is none of it, and without an end the first line is enough.
                let child = text.contains(&b'\n') || String::from_utf8_lossy(&text).contains("<a>");
                proptest::prop_assert!(is_sign || child || all.iter().any(|found| found.range.contains(&at)), "{at} {all:?}");
            }
            let mut all = Vec::new();
            lost_start(&text, 0..3, Kind::ClusterKey, Mode::Text, &mut all);
            let lost = Regex::new(r"\A(?s-u:key>\s*([^<]*[^<\s])\s*</)").unwrap();
            let lost = lost.captures(&text).map(|groups| groups.get(1).unwrap().range());
            proptest::prop_assert_eq!(all.pop().map(|found| found.range), lost);
        }
    }
}
