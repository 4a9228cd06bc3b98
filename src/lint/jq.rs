//! What a jq filter reads, and which paths belong to a message.

use crate::wazuh::version::Contract;

/// Names at the root of a 4.x message.
const ROOT_4: [&str; 2] = ["parameters", "origin"];
/// Names at the root of a 5.x message that a 4.x message cannot have.
const ROOT_5: [&str; 5] = ["wazuh", "source", "user", "destination", "@timestamp"];
/// Names at the root that say nothing: both have them, or anything has.
const ROOT_ANY: [&str; 8] = ["command", "version", "event", "file", "process", "host", "message", "rule"];

pub(super) fn contract_of(path: &str) -> Option<Contract> {
    let first = path.split(['.', '[']).next().unwrap_or_default();
    if ROOT_4.contains(&first) {
        Some(Contract::Json4)
    } else if ROOT_5.contains(&first) {
        Some(Contract::Json5)
    } else {
        None
    }
}

/// A path that can only begin at the root of a message.
pub(super) fn surely_root(path: &[String]) -> bool {
    let second = path.get(1).map_or("", String::as_str);
    match path.first().map_or("", String::as_str) {
        "parameters" => matches!(second, "" | "alert" | "extra_args" | "program"),
        "origin" => matches!(second, "name" | "module"),
        "wazuh" => matches!(second, "active_response" | "agent" | "rule" | "event" | "cluster" | "protocol"),
        _ => false,
    }
}

/// A path that may begin at the root of a message, when what it is read from is not known.
pub(super) fn maybe_root(path: &[String]) -> bool {
    path.first().is_some_and(|first| {
        ROOT_4.contains(&first.as_str())
            || ROOT_5.contains(&first.as_str())
            || ROOT_ANY.contains(&first.as_str())
    })
}

pub(super) fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if part.starts_with('[') {
            text.push_str(part);
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(part);
        }
    }
    text
}

/// What a jq filter reads.
pub(super) struct Read {
    /// One path, or the alternatives of `//`.
    pub(super) paths: Vec<Vec<String>>,
    pub(super) optional: bool,
}

/// The paths of a jq filter, and its result when it is just one path.
pub(super) fn jq(filter: &[u8]) -> (Vec<Read>, Option<Vec<String>>) {
    jq_inside(filter, 0)
}

fn jq_inside(filter: &[u8], depth: usize) -> (Vec<Read>, Option<Vec<String>>) {
    if depth > 4 {
        return (Vec::new(), None);
    }
    let mut reads: Vec<Read> = Vec::new();
    let has = |word: &[u8]| memchr::memmem::find(filter, word).is_some();
    let doubtful = [
        &b"if "[..],
        b"select",
        b"try",
        b"has(",
        b"type",
        b"def ",
        b"reduce",
        b"foreach",
        b"map",
        b" as ",
        b"$",
        b"=",
        b"recurse",
        b"..",
        b"with_entries",
        b"paths",
        b"getpath",
        b"test(",
        b"fromjson",
    ]
    .iter()
    .any(|word| has(word));
    // Pieces between pipes outside of brackets and texts; a piece that is one path is what the next reads from.
    let mut prefix: Vec<String> = Vec::new();
    let mut single = true;
    let mut whole = Vec::new();
    for piece in pieces(filter) {
        let trimmed = piece.trim_ascii();
        if let Some((path, optional, length)) = path(trimmed)
            && length == trimmed.len()
        {
            prefix.extend(path);
            whole = prefix.clone();
            single &= !optional;
            reads.clear();
            reads.push(Read { paths: vec![prefix.clone()], optional: optional || doubtful });
            continue;
        }
        single = false;
        let mut at = 0;
        let mut alternative = false;
        while at < trimmed.len() {
            let rest = trimmed.get(at..).unwrap_or_default();
            let first = rest.first().copied().unwrap_or(0);
            if first == b'"' {
                // `\( ... )` inside a text is a filter again.
                let mut end = 1;
                while let Some(&byte) = rest.get(end) {
                    match byte {
                        b'\\' if rest.get(end + 1) == Some(&b'(') => {
                            let inner = rest.get(end + 2..).unwrap_or_default();
                            let close = memchr::memchr(b')', inner).unwrap_or(inner.len());
                            let (more, _) = jq_inside(inner.get(..close).unwrap_or_default(), depth + 1);
                            for mut read in more {
                                for path in &mut read.paths {
                                    path.splice(0..0, prefix.iter().cloned());
                                }
                                reads.push(read);
                            }
                            end += 2 + close;
                        }
                        b'\\' => end += 2,
                        b'"' => break,
                        _ => end += 1,
                    }
                }
                at += end + 1;
                continue;
            }
            if rest.starts_with(b"//") {
                alternative = true;
                if let Some(read) = reads.last_mut() {
                    read.optional = true;
                }
                at += 2;
                continue;
            }
            let previous = at.checked_sub(1).and_then(|at| trimmed.get(at)).copied().unwrap_or(b' ');
            if first == b'.'
                && !(previous.is_ascii_alphanumeric() || matches!(previous, b'_' | b']' | b')' | b'.'))
                && let Some((found, optional, length)) = path(rest)
            {
                let full = [prefix.clone(), found].concat();
                match reads.last_mut() {
                    // `.a // .b`: either will do.
                    Some(read) if alternative => {
                        read.paths.push(full);
                        read.optional = optional || doubtful;
                    }
                    _ => reads.push(Read { paths: vec![full], optional: optional || doubtful }),
                }
                alternative = false;
                at += length.max(1);
                continue;
            }
            if !first.is_ascii_whitespace() && !matches!(first, b'(' | b')') {
                alternative = false;
            }
            at += 1;
        }
        // What comes behind reads from a value of its own making.
        break;
    }
    reads.retain(|read| read.paths.iter().all(|path| !path.is_empty()));
    (reads, (single && !whole.is_empty()).then_some(whole))
}

fn pieces(filter: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let (mut start, mut depth, mut quoted, mut at) = (0, 0_i32, false, 0);
    while let Some(&byte) = filter.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'(' | b'[' | b'{' if !quoted => depth += 1,
            b')' | b']' | b'}' if !quoted => depth -= 1,
            b'|' if !quoted && depth <= 0 => {
                pieces.push(filter.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    pieces.push(filter.get(start..).unwrap_or_default());
    pieces
}

/// A path at the beginning of a filter: its parts, whether it has a `?` or a `[]`, its length.
pub(super) fn path(text: &[u8]) -> Option<(Vec<String>, bool, usize)> {
    let mut parts = Vec::new();
    let mut optional = false;
    let mut at = 0;
    if text.first() != Some(&b'.') {
        return None;
    }
    loop {
        match (text.get(at), text.get(at + 1)) {
            (Some(b'.'), Some(b'"')) | (Some(b'['), Some(b'"')) => {
                let bracket = text.get(at) == Some(&b'[');
                let rest = text.get(at + 2..)?;
                let length = memchr::memchr(b'"', rest)?;
                parts.push(String::from_utf8_lossy(rest.get(..length)?).into_owned());
                at += 2 + length + 1;
                if bracket {
                    if text.get(at) != Some(&b']') {
                        return None;
                    }
                    at += 1;
                }
            }
            (Some(b'.'), Some(byte)) if byte.is_ascii_alphabetic() || *byte == b'_' => {
                let rest = text.get(at + 1..)?;
                let length =
                    rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
                parts.push(String::from_utf8_lossy(rest.get(..length)?).into_owned());
                at += 1 + length;
            }
            (Some(b'.'), Some(b'[')) => at += 1,
            (Some(b'['), Some(b']')) => {
                optional = true;
                parts.push("[0]".to_owned());
                at += 2;
            }
            (Some(b'['), Some(byte)) if byte.is_ascii_digit() => {
                let rest = text.get(at..)?;
                let length = memchr::memchr(b']', rest)?;
                let part = rest.get(..=length)?;
                if !part.get(1..length)?.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                parts.push(String::from_utf8_lossy(part).into_owned());
                at += length + 1;
            }
            (Some(b'?'), _) => {
                optional = true;
                at += 1;
            }
            (Some(b'.'), _) if at == 0 => return Some((parts, optional, 1)),
            _ => break,
        }
    }
    Some((parts, optional, at))
}

/// The name in a pattern such as `"srcip":"\([^"]*\)"`.
pub(super) fn quoted_member(pattern: &[u8]) -> Option<String> {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'"', pattern.get(at..)?) {
        let start = at + found + 1;
        let rest = pattern.get(start..)?;
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@'))
            .count();
        let mut tail = rest.get(length..)?;
        if length > 0 && tail.starts_with(b"\"") {
            tail = tail.get(1..)?;
            for blank in [&b" "[..], b"*", b"\\s", b"[[:space:]]", b"*", b" *"] {
                tail = tail.strip_prefix(blank).unwrap_or(tail);
            }
            if tail.starts_with(b":") {
                return Some(String::from_utf8_lossy(rest.get(..length)?).into_owned());
            }
        }
        at = start;
    }
    None
}
