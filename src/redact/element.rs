//! Secrets that are the text of an element of Wazuh's configuration, whole or broken. Read by
//! hand: such elements stand in every host's files, and patterns cost more to make than to use.

use std::ops::Range;

use super::Kind;
use super::formats::{Found, Mode, REACH};
use super::pair;

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
        Self { text, here: name.end, end: text.len().min(name.start + REACH) }
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

    /// A range without blanks at its end; none when nothing else is in it.
    fn trimmed(&self, range: Range<usize>) -> Option<Range<usize>> {
        let last = self.text.get(range.clone())?.iter().rposition(|byte| !is_space(byte))?;
        Some(range.start..range.start + last + 1)
    }

    /// The text up to the next `<`.
    fn content(&mut self) -> Option<Range<usize>> {
        self.spaces();
        let content = self.take(|byte| *byte != b'<');
        self.trimmed(content)
    }

    fn value(&self, range: &Range<usize>) -> &'t [u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

/// An element, from its name on.
pub(super) fn element(text: &[u8], name: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let secrets = [content(text, &name), lost_end(text, &name), attribute(text, &name), comment(text, &name)];
    all.extend(secrets.into_iter().flatten().map(|range| Found::new(range, kind)));
}

/// `key>X</key>`: the `<` is missing.
pub(super) fn lost_start(text: &[u8], name: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let mut reader = Reader::new(text, &name);
    let secret = reader.word(b">").and_then(|()| reader.content());
    if let Some(secret) = secret.filter(|_| reader.rest().starts_with(b"</")) {
        all.push(Found::new(secret, kind));
    }
}

/// The text of an element, with or without an end tag.
fn content(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let mut reader = Reader::new(text, name);
    if reader.spaces() {
        reader.take(|byte| !b"<>".contains(byte));
    }
    reader.word(b">")?;
    // `<key>/etc/filebeat/certs/filebeat-key.pem</key>` of the indexer.
    reader.content().filter(|range| !pair::is_key_file(reader.value(range)))
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
    let end = memchr::memmem::find(reader.rest(), b"-->").map_or(reader.end, |length| start + length);
    reader.trimmed(start..end)
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
        fn what_is_read_by_hand_is_what_the_patterns_take(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "<", ">", " ", "\n", "\u{b}", "=", "\"", "/", "</key>", "<!--", "-->", "a", "b.c", "Zq7", "/etc/x.pem", "é",
            ]), 0..12),
        ) {
            let text = format!("key{}", parts.concat()).into_bytes();
            let mut all = Vec::new();
            element(&text, 0..3, Kind::ClusterKey, Mode::Text, &mut all);
            let all: Vec<_> = all.into_iter().map(|found| found.range).collect();
            proptest::prop_assert_eq!(all, by_patterns(&text, &(0..3)));
            let mut all = Vec::new();
            lost_start(&text, 0..3, Kind::ClusterKey, Mode::Text, &mut all);
            let lost = Regex::new(r"\A(?s-u:key>\s*([^<]*[^<\s])\s*</)").unwrap();
            let lost = lost.captures(&text).map(|groups| groups.get(1).unwrap().range());
            proptest::prop_assert_eq!(all.pop().map(|found| found.range), lost);
        }
    }
}
