//! What is known of texts that a script builds: what comes out of the message, and whether a
//! `check_keys` message holds a key that differs from target to target.
//!
//! A text is a plain string in which one private character stands for each part that is only
//! known by where it comes from.

use super::flow::KeysLook;
use super::{Confidence, FaultKind};
use crate::wazuh::version::Contract;

/// A variable nobody sets.
pub(super) const UNSET: char = '\u{e000}';
/// The same on every run.
pub(super) const CONSTANT: char = '\u{e001}';
/// A field that Wazuh sets, the same for all targets of a rule.
pub(super) const HOST: char = '\u{e002}';
/// A field that comes from the log.
pub(super) const EVENT: char = '\u{e003}';
/// A field that may be as long as a log line.
pub(super) const LONG: char = '\u{e004}';
/// A number.
pub(super) const NUMBER: char = '\u{e005}';
/// Anything.
pub(super) const UNKNOWN: char = '\u{e006}';
/// The message itself.
pub(super) const LINE: char = '\u{e007}';
/// Came from the log, and was looked at.
pub(super) const CHECKED: char = '\u{e008}';
/// The script's own path.
pub(super) const SELF: char = '\u{e009}';

/// It holds text from outside that nobody has looked at.
pub(super) fn tainted(text: &str) -> bool {
    text.contains([EVENT, LONG, LINE])
}

/// Any part of it differs from event to event.
pub(super) fn varies(text: &str) -> bool {
    text.contains([EVENT, LONG, LINE, UNKNOWN, CHECKED])
}

/// It is known letter by letter.
pub(super) fn plain(text: &str) -> bool {
    !text.contains(|letter: char| ('\u{e000}'..='\u{e009}').contains(&letter))
}

/// The text after somebody looked at it.
pub(super) fn checked(text: &str) -> String {
    text.chars().map(|letter| if matches!(letter, EVENT | LONG | LINE) { CHECKED } else { letter }).collect()
}

/// What stands for a field of the message.
pub(super) fn field(path: &[String]) -> char {
    let path: Vec<&str> = path.iter().map(String::as_str).filter(|part| !part.starts_with('[')).collect();
    let tail = match path.as_slice() {
        ["parameters", "alert", tail @ ..] | ["wazuh", tail @ ..] => tail,
        other => other,
    };
    match tail {
        [] => LINE,
        ["rule" | "agent" | "manager" | "cluster" | "active_response", ..]
        | ["command" | "version" | "origin", ..]
        | ["parameters", "program"] => HOST,
        [.., "full_log" | "previous_output" | "original" | "message"] => LONG,
        ["parameters" | "alert" | "data"] => LINE,
        _ => EVENT,
    }
}

/// A format of C (`%s`, `%-5d`, `%(name)s`) with its values; all that is left over stands in front.
pub(super) fn percent(format: &str, values: &[&str]) -> String {
    let mut left = values.iter();
    let mut out = String::new();
    let mut rest = format;
    while let Some((head, tail)) = rest.split_once('%') {
        out.push_str(head);
        let (named, tail) = match tail.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            Some((_, tail)) => (true, tail),
            None => (false, tail),
        };
        let flags = |letter: char| letter.is_ascii_digit() || "-+ #.*lh".contains(letter);
        let length = tail.len() - tail.trim_start_matches(flags).len();
        rest = tail;
        match tail.get(length..).and_then(|tail| tail.chars().next()) {
            Some('%') => out.push('%'),
            Some(kind) if kind.is_ascii_alphabetic() => {
                // What is looked up by its name is somewhere in the only value.
                let value = if named { values.first() } else { left.next() };
                out.push_str(value.copied().unwrap_or("\u{e006}"));
            }
            _ => {
                out.push('%');
                continue;
            }
        }
        rest = tail.get(length + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    let over: String = if format.contains("%(") { String::new() } else { left.copied().collect() };
    over + &out
}

/// A format of Python (`{}`, `{0}`, `{name}`) with its values; all that is left over stands in front.
pub(super) fn braces(format: &str, values: &[&str], named: &[(&str, &str)]) -> String {
    let mut taken = vec![false; values.len()];
    let mut next = 0;
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        let mark = if tail.starts_with('{') { '{' } else { '}' };
        let inside = tail.get(1..).unwrap_or_default();
        if let Some(after) = inside.strip_prefix(mark) {
            out.push(mark);
            rest = after;
            continue;
        }
        let Some((field, after)) = inside.split_once('}').filter(|_| mark == '{') else {
            out.push(mark);
            rest = inside;
            continue;
        };
        rest = after;
        let name = field.split(['.', '[', '!', ':']).next().unwrap_or_default();
        let at = if name.is_empty() { Some(next) } else { name.parse::<usize>().ok() };
        next += usize::from(name.is_empty());
        let value = match at {
            Some(at) => {
                if let Some(taken) = taken.get_mut(at) {
                    *taken = true;
                }
                values.get(at).copied()
            }
            None => named.iter().find(|(other, _)| *other == name).map(|(_, value)| *value),
        };
        out.push_str(value.unwrap_or("\u{e006}"));
    }
    out.push_str(rest);
    let over: String =
        values.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(value, _)| *value).collect();
    over + &out
}

/// Looks at a text that is printed; none when it is no `check_keys` message.
pub(super) fn keys(text: &str, newline: bool, contract: Contract) -> Option<KeysLook> {
    if !text.contains("check_keys") {
        return None;
    }
    let mut faults = Vec::new();
    let mut fault = |kind, confidence, text: &str| faults.push((kind, confidence, text.to_owned()));
    if contract == Contract::Json4
        && !text.contains([UNKNOWN, LINE])
        && !(text.contains("version") && text.contains("origin"))
    {
        fault(
            FaultKind::NoiseBeforeKeys,
            Confidence::Likely,
            "execd of 4.x wants version and origin in this message, and takes it for none without them",
        );
    }
    if let Some(list) = list(text) {
        let inner = list.trim();
        let letters = inner
            .chars()
            .any(|letter| letter.is_alphanumeric() && !letter.is_ascii_digit() || letter == CONSTANT);
        let quoted = inner.contains(['"', '\'']);
        if inner.contains(LONG) {
            fault(
                FaultKind::KeysTooLong,
                Confidence::Possible,
                "a whole log line in the key: execd keeps 4096 bytes",
            );
        } else if varies(inner) {
        } else if inner.is_empty() {
            fault(FaultKind::KeysEmpty, Confidence::Likely, "the list of keys is empty");
        } else if inner.contains(HOST) || letters || inner.contains(SELF) {
            fault(FaultKind::KeysConstant, Confidence::Likely, "the key is the same for every target");
        } else if inner.contains(NUMBER) || !quoted && inner.chars().any(|letter| letter.is_ascii_digit()) {
            fault(
                FaultKind::KeysEmpty,
                Confidence::Likely,
                "the keys are numbers, and execd takes only strings",
            );
        } else if inner.chars().any(|letter| letter.is_ascii_digit()) {
            fault(FaultKind::KeysConstant, Confidence::Likely, "the key is the same for every target");
        } else if inner.contains(UNSET) {
            fault(FaultKind::KeysEmpty, Confidence::Likely, "the key is a variable that is never set");
        } else if quoted {
            fault(FaultKind::KeysEmpty, Confidence::Likely, "the key is an empty text");
        }
    }
    Some(KeysLook { faults, newline })
}

/// What stands in the brackets behind `keys`.
fn list(text: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find("keys") {
        let at = from + found;
        from = at + 4;
        let before = text.get(..at)?.chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
            continue;
        }
        let rest = text.get(from..)?;
        let rest = rest.trim_start_matches(['\\', '"', '\'', ' ', '\n', '\t', ']', '}']);
        let Some(rest) =
            rest.strip_prefix("=>").or_else(|| rest.strip_prefix(':')).or_else(|| rest.strip_prefix('='))
        else {
            continue;
        };
        let Some(rest) = rest.trim_start().strip_prefix('[') else { continue };
        let mut depth = 1;
        for (end, letter) in rest.char_indices() {
            match letter {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return rest.get(..end);
            }
        }
        return None;
    }
    None
}
