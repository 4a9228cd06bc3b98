//! JSON as bytes with places: looks values up and changes some without touching the rest.

use std::ops::Range;

use crate::wazuh::cjson::MAX_NESTING;

/// A value and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) is: Is,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Null,
    Bool,
    Number,
    String,
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name without escapes.
    pub(super) name: String,
    /// Where the name begins.
    pub(super) start: usize,
    pub(super) value: Node,
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Name(String),
    Index(usize),
}

impl Node {
    /// Reads well-formed JSON; none for anything else.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut at = 0;
        let node = value(text, &mut at, 0)?;
        blanks(text, &mut at);
        (at == text.len()).then_some(node)
    }

    /// The member of a name: the exact one, else in any case of its letters as cJSON finds it.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        let Is::Object(members) = &self.is else { return None };
        members
            .iter()
            .find(|member| member.name == name)
            .or_else(|| members.iter().find(|member| member.name.eq_ignore_ascii_case(name)))
    }

    /// The value at a path.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        let mut node = self;
        for part in parts(path)? {
            node = match (&part, &node.is) {
                (Part::Name(name), Is::Object(_)) => &node.member(name)?.value,
                (Part::Index(index), Is::Array(items)) => items.get(*index)?,
                _ => return None,
            };
        }
        Some(node)
    }

    /// The value at a path, or of the first member of a name anywhere for `*.name`.
    pub(super) fn find(&self, path: &str) -> Option<&Self> {
        match path.strip_prefix("*.") {
            Some(name) => self.anywhere(name),
            None => self.at(path),
        }
    }

    fn anywhere(&self, name: &str) -> Option<&Self> {
        match &self.is {
            Is::Object(members) => members.iter().find_map(|member| {
                if member.name == name { Some(&member.value) } else { member.value.anywhere(name) }
            }),
            Is::Array(items) => items.iter().find_map(|item| item.anywhere(name)),
            _ => None,
        }
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.is, Is::Object(_))
    }

    /// The text of a string without quotes and escapes.
    pub(super) fn text(&self, text: &[u8]) -> Option<String> {
        if self.is != Is::String {
            return None;
        }
        let raw = text.get(self.span.clone())?;
        serde_json::from_slice(raw)
            .ok()
            .or_else(|| Some(String::from_utf8_lossy(raw.get(1..raw.len() - 1)?).into_owned()))
    }

    /// A string as it is, anything else as it is written.
    pub(super) fn shown(&self, text: &[u8]) -> String {
        self.text(text).unwrap_or_else(|| {
            String::from_utf8_lossy(text.get(self.span.clone()).unwrap_or_default()).into_owned()
        })
    }

    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self.is {
            Is::Null => "null",
            Is::Bool => "true or false",
            Is::Number => "a number",
            Is::String => "a string",
            Is::Array(_) => "an array",
            Is::Object(_) => "an object",
        }
    }

    /// Calls `see` for every string with its path.
    pub(super) fn strings(&self, path: &str, see: &mut dyn FnMut(&str, &Self)) {
        match &self.is {
            Is::String => see(path, self),
            Is::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.strings(&format!("{path}[{index}]"), see);
                }
            }
            Is::Object(members) => {
                for member in members {
                    let inner =
                        if path.is_empty() { member.name.clone() } else { format!("{path}.{}", member.name) };
                    member.value.strings(&inner, see);
                }
            }
            _ => {}
        }
    }
}

/// The steps of `data.win.eventdata`, `extra_args[0]`, `["a.b"].c`. None when it is no path.
pub(super) fn parts(path: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("[\"") {
            let (name, more) = inner.split_once("\"]")?;
            parts.push(Part::Name(name.to_owned()));
            rest = more;
        } else if let Some(inner) = rest.strip_prefix('[') {
            let (index, more) = inner.split_once(']')?;
            parts.push(Part::Index(index.parse().ok()?));
            rest = more;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, more) = rest.split_at(end);
            if name.is_empty() {
                return None;
            }
            parts.push(Part::Name(name.to_owned()));
            rest = more;
        }
        if let Some(more) = rest.strip_prefix('.') {
            if more.is_empty() {
                return None;
            }
            rest = more;
        }
    }
    (!parts.is_empty()).then_some(parts)
}

/// Puts a value, given as JSON, at a path; what is missing on the way is made.
pub(super) fn put(text: &[u8], path: &str, json: &[u8]) -> Result<Vec<u8>, String> {
    let steps =
        parts(path).ok_or_else(|| format!("{path} is no path; write data.srcip, or extra_args[0]"))?;
    let root = Node::read(text).ok_or_else(|| "the message is not JSON".to_owned())?;
    let mut node = &root;
    for (done, step) in steps.iter().enumerate() {
        let left = steps.get(done..).unwrap_or_default();
        let found = match (step, &node.is) {
            (Part::Name(name), Is::Object(_)) => node.member(name).map(|member| &member.value),
            (Part::Index(index), Is::Array(items)) => items.get(*index),
            (Part::Name(_), Is::Null) => {
                return Ok(splice(text, node.span.clone(), &nested(left, json)?));
            }
            (Part::Index(_), Is::Null) => return Ok(splice(text, node.span.clone(), &nested(left, json)?)),
            _ => return Err(format!("{path} leads through {}, which has no such member", node.kind())),
        };
        match (found, &node.is) {
            (Some(found), _) => node = found,
            (None, Is::Object(members)) => {
                let Part::Name(name) = step else { return Err(format!("{path} is no path")) };
                let mut insert = if members.is_empty() { Vec::new() } else { b",".to_vec() };
                insert.extend(quote(name));
                insert.push(b':');
                let rest = left.get(1..).unwrap_or_default();
                insert.extend(if rest.is_empty() { json.to_vec() } else { nested(rest, json)? });
                // Behind the last member, not behind blanks.
                let at = members.last().map_or(node.span.start + 1, |last| last.value.span.end);
                return Ok(splice(text, at..at, &insert));
            }
            (None, Is::Array(items)) => {
                if !matches!(step, Part::Index(index) if *index == items.len()) {
                    return Err(format!("{path} leaves a gap: the array has {} elements", items.len()));
                }
                let mut insert = if items.is_empty() { Vec::new() } else { b",".to_vec() };
                let rest = left.get(1..).unwrap_or_default();
                insert.extend(if rest.is_empty() { json.to_vec() } else { nested(rest, json)? });
                let at = items.last().map_or(node.span.start + 1, |last| last.span.end);
                return Ok(splice(text, at..at, &insert));
            }
            _ => return Err(format!("{path} is no path")),
        }
    }
    Ok(splice(text, node.span.clone(), json))
}

/// Takes out the member or element at a path; a text without it stays as it is.
pub(super) fn take(text: &[u8], path: &str) -> Option<Vec<u8>> {
    let root = Node::read(text)?;
    let mut steps = parts(path)?;
    let last = steps.pop()?;
    let mut node = &root;
    for step in steps {
        let next = match (&step, &node.is) {
            (Part::Name(name), Is::Object(_)) => node.member(name).map(|member| &member.value),
            (Part::Index(index), Is::Array(items)) => items.get(*index),
            _ => None,
        };
        let Some(next) = next else { return Some(text.to_vec()) };
        node = next;
    }
    let spans: Vec<Range<usize>> = match &node.is {
        Is::Object(members) => members.iter().map(|member| member.start..member.value.span.end).collect(),
        Is::Array(items) => items.iter().map(|item| item.span.clone()).collect(),
        _ => Vec::new(),
    };
    let index = match (&last, &node.is) {
        (Part::Name(name), Is::Object(members)) => {
            let found = node.member(name).map(|member| member.start);
            members.iter().position(|member| Some(member.start) == found)
        }
        (Part::Index(index), Is::Array(_)) => Some(*index),
        _ => None,
    };
    let Some((index, span)) = index.and_then(|index| spans.get(index).map(|span| (index, span))) else {
        return Some(text.to_vec());
    };
    let cut = match (spans.get(index + 1), index.checked_sub(1).and_then(|before| spans.get(before))) {
        (Some(next), _) => span.start..next.start,
        (None, Some(before)) => before.end..span.end,
        (None, None) => span.clone(),
    };
    Some(splice(text, cut, b""))
}

fn nested(steps: &[Part], json: &[u8]) -> Result<Vec<u8>, String> {
    let mut value = json.to_vec();
    for step in steps.iter().rev() {
        value = match step {
            Part::Name(name) => [b"{".to_vec(), quote(name), b":".to_vec(), value, b"}".to_vec()].concat(),
            Part::Index(0) => [b"[".to_vec(), value, b"]".to_vec()].concat(),
            Part::Index(_) => return Err("a new array begins at [0]".to_owned()),
        };
    }
    Ok(value)
}

/// A string of JSON.
pub(super) fn quote(text: &str) -> Vec<u8> {
    serde_json::Value::from(text).to_string().into_bytes()
}

pub(super) fn splice(text: &[u8], span: Range<usize>, by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + by.len());
    out.extend_from_slice(text.get(..span.start.min(text.len())).unwrap_or_default());
    out.extend_from_slice(by);
    out.extend_from_slice(text.get(span.end.min(text.len())..).unwrap_or_default());
    out
}

/// Well-formed JSON without blanks between its tokens.
pub(super) fn compact(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for &byte in text {
        if quoted {
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                escaped = true;
            } else if byte == b'"' {
                quoted = false;
            }
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        } else if byte == b'"' {
            quoted = true;
        }
        out.push(byte);
    }
    out
}

fn blanks(text: &[u8], at: &mut usize) {
    while matches!(text.get(*at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        *at += 1;
    }
}

fn string(text: &[u8], at: &mut usize) -> Option<Range<usize>> {
    let start = *at;
    if text.get(start) != Some(&b'"') {
        return None;
    }
    *at += 1;
    loop {
        match text.get(*at)? {
            b'"' => {
                *at += 1;
                return Some(start..*at);
            }
            b'\\' => *at += 2,
            _ => *at += 1,
        }
    }
}

fn value(text: &[u8], at: &mut usize, depth: usize) -> Option<Node> {
    // cJSON goes no deeper.
    if depth > MAX_NESTING {
        return None;
    }
    blanks(text, at);
    let start = *at;
    let is = match text.get(start)? {
        b'{' => {
            let mut members = Vec::new();
            *at += 1;
            blanks(text, at);
            if text.get(*at) == Some(&b'}') {
                *at += 1;
            } else {
                loop {
                    blanks(text, at);
                    let span = string(text, at)?;
                    let raw = text.get(span.clone())?;
                    let name = serde_json::from_slice(raw).unwrap_or_else(|_| {
                        String::from_utf8_lossy(raw.get(1..raw.len() - 1).unwrap_or_default()).into_owned()
                    });
                    blanks(text, at);
                    if text.get(*at) != Some(&b':') {
                        return None;
                    }
                    *at += 1;
                    members.push(Member { name, start: span.start, value: value(text, at, depth + 1)? });
                    blanks(text, at);
                    *at += 1;
                    match text.get(*at - 1)? {
                        b',' => {}
                        b'}' => break,
                        _ => return None,
                    }
                }
            }
            Is::Object(members)
        }
        b'[' => {
            let mut items = Vec::new();
            *at += 1;
            blanks(text, at);
            if text.get(*at) == Some(&b']') {
                *at += 1;
            } else {
                loop {
                    items.push(value(text, at, depth + 1)?);
                    blanks(text, at);
                    *at += 1;
                    match text.get(*at - 1)? {
                        b',' => {}
                        b']' => break,
                        _ => return None,
                    }
                }
            }
            Is::Array(items)
        }
        b'"' => {
            string(text, at)?;
            Is::String
        }
        _ => {
            let rest = text.get(start..)?;
            let length = rest
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
                .count();
            *at += length;
            match rest.get(..length)? {
                b"null" => Is::Null,
                b"true" | b"false" => Is::Bool,
                [b'-' | b'0'..=b'9', ..] => Is::Number,
                _ => return None,
            }
        }
    };
    Some(Node { span: start..*at, is })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put_text(text: &str, path: &str, json: &str) -> Result<String, String> {
        put(text.as_bytes(), path, json.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn only_what_is_asked_changes() {
        for (text, path, json, wanted) in [
            (r#"{ "b" : 1.50, "a" : {"x":"é"} }"#, "a.x", "2", r#"{ "b" : 1.50, "a" : {"x":2} }"#),
            (r#"{"b":1e400}"#, "a", "\"n\"", r#"{"b":1e400,"a":"n"}"#),
            ("{}", "a.b.c", "null", r#"{"a":{"b":{"c":null}}}"#),
            (r#"{"a":null}"#, "a.b", "1", r#"{"a":{"b":1}}"#),
            (r#"{"a":[1,2]}"#, "a[1]", "3", r#"{"a":[1,3]}"#),
            (r#"{"a":[1,2]}"#, "a[2]", "3", r#"{"a":[1,2,3]}"#),
            (r#"{"a":[]}"#, "a[0].b", "3", r#"{"a":[{"b":3}]}"#),
            (r#"{"a.b":1}"#, "[\"a.b\"]", "3", r#"{"a.b":3}"#),
            (r#"{"A":1}"#, "a", "3", r#"{"A":3}"#),
        ] {
            assert_eq!(put_text(text, path, json).as_deref(), Ok(wanted), "{text} {path}");
        }
        for (text, path) in [
            (r#"{"a":"x"}"#, "a.b"),
            (r#"{"a":[1]}"#, "a[5]"),
            ("{}", ""),
            ("{}", "a..b"),
            ("{}", "a."),
            ("x", "a"),
            ("{}", "a[3]"),
        ] {
            assert!(put_text(text, path, "1").is_err(), "{text} {path}");
        }
        for (text, path, wanted) in [
            (r#"{"a":1,"b":2,"c":3}"#, "a", r#"{"b":2,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, "b", r#"{"a":1,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, "c", r#"{"a":1,"b":2}"#),
            (r#"{"a":{"b":1}}"#, "a.b", r#"{"a":{}}"#),
            (r#"{"a":[1,2]}"#, "a[1]", r#"{"a":[1]}"#),
            (r#"{"a":1}"#, "x.y", r#"{"a":1}"#),
        ] {
            assert_eq!(take(text.as_bytes(), path).unwrap(), wanted.as_bytes(), "{text} {path}");
        }
        assert_eq!(compact(b"{ \"a b\" : [ 1 , \"\\\" \" ] }\n"), b"{\"a b\":[1,\"\\\" \"]}");
    }

    proptest! {
        #[test]
        fn what_was_put_is_read_back(names in prop::collection::vec("[a-z]{1,3}", 1..5), value in ".{0,12}", seed in prop::collection::vec(("[a-z]{1,3}", -9i32..9), 0..5)) {
            let text = serde_json::to_vec(&seed.into_iter().collect::<std::collections::BTreeMap<_, _>>()).unwrap();
            let path = names.join(".");
            if let Ok(new) = put(&text, &path, &quote(&value)) {
                let node = Node::read(&new).unwrap();
                prop_assert_eq!(node.at(&path).unwrap().text(&new).unwrap(), value);
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&new).is_ok());
                let gone = take(&new, &path).unwrap();
                prop_assert!(Node::read(&gone).unwrap().at(&path).is_none());
            }
        }

        #[test]
        fn nothing_panics(text in "[{}\\[\\]\":,a1 \\\\n-]{0,30}", path in "[a.\\[\\]0\"]{0,8}") {
            let _ = put(text.as_bytes(), &path, b"1");
            let _ = take(text.as_bytes(), &path);
            let _ = compact(text.as_bytes());
        }
    }
}
