//! Comments that switch a finding off.
//!
//! `# ar-doctor: ignore[stdin-read-to-end]`, or with its id, counts for its own line and the next,
//! `# ar-doctor: ignore-file[...]` for the whole script. Without a list it is all checks.

use std::ops::Range;

use crate::findings::CheckId;

/// What the comments of a script hide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    file: Vec<Which>,
    lines: Vec<(u64, Which)>,
    /// Words that name no check.
    pub(super) unknown: Vec<(Range<usize>, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    One(CheckId),
}

impl Which {
    fn is(self, check: CheckId) -> bool {
        self == Self::All || self == Self::One(check)
    }
}

impl Notes {
    pub(super) fn hides(&self, check: CheckId, line: u64) -> bool {
        self.file.iter().any(|which| which.is(check))
            || self.lines.iter().any(|(at, which)| (*at == line || at + 1 == line) && which.is(check))
    }
}

const MARK: &[u8] = b"ar-doctor:";

pub(super) fn read(text: &[u8], comments: &[Range<usize>]) -> Notes {
    let mut notes = Notes::default();
    let places = super::Places::of(text);
    for comment in comments {
        let Some(bytes) = text.get(comment.clone()) else { continue };
        let Some(found) = memchr::memmem::find(bytes, MARK) else { continue };
        let line = places.line(comment.start + found);
        let mut at = found + MARK.len();
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let Some(rest) = bytes.get(at..).and_then(|rest| rest.strip_prefix(b"ignore")) else { continue };
        at += 6;
        let (file, rest) = match rest.strip_prefix(b"-file") {
            Some(rest) => {
                at += 5;
                (true, rest)
            }
            None => (false, rest),
        };
        let mut note = |which| {
            if file {
                notes.file.push(which);
            } else {
                notes.lines.push((line, which));
            }
        };
        if rest.first() != Some(&b'[') {
            if rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-') {
                note(Which::All);
            }
            continue;
        }
        let list = rest.get(1..).unwrap_or_default();
        let list = list.get(..memchr::memchr(b']', list).unwrap_or(list.len())).unwrap_or_default();
        let mut start = at + 1;
        for part in list.split(|byte| *byte == b',') {
            let word = String::from_utf8_lossy(part.trim_ascii()).into_owned();
            let lead = part.len() - part.trim_ascii_start().len();
            let span = comment.start + start + lead..comment.start + start + lead + part.trim_ascii().len();
            start += part.len() + 1;
            if word.is_empty() {
                continue;
            }
            match CheckId::parse(&word) {
                Some(check) => note(Which::One(check)),
                None => notes.unknown.push((span, word)),
            }
        }
    }
    notes
}
