//! What makes a shell script one, inside of a value that is hidden: what it runs and expands must
//! still be seen, or what is found in the script changes.

use std::ops::Range;

/// How a place in a line is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

/// How far back the beginning of a line is looked for.
const LONGEST_LINE: usize = 1024;

/// A place is inside of quotes.
pub(super) fn is_quoted(text: &[u8], at: usize) -> bool {
    Quote::at(text, at) != Quote::None
}

/// Where a word ends that begins outside of quotes.
pub(super) fn word(text: &[u8], start: usize, limit: usize) -> usize {
    let text = text.get(..limit).unwrap_or(text);
    let mut quote = Quote::None;
    let mut here = start;
    while let Some(&byte) = text.get(here) {
        if let Some(end) = expansion(text, here, quote) {
            here = end;
            continue;
        }
        match (quote, byte) {
            (_, 0) => break,
            (Quote::None, b'\\') | (Quote::Double, b'\\') => here += 1,
            (Quote::None, b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')') => break,
            (Quote::None, byte) if byte.is_ascii_whitespace() => break,
            _ => quote = quote.behind(byte),
        }
        here += 1;
    }
    here.min(text.len())
}

/// The parts of a value that are no syntax.
pub(super) fn pieces(text: &[u8], value: Range<usize>) -> Vec<Range<usize>> {
    let mut quote = Quote::at(text, value.start);
    let inside = text.get(..value.end).unwrap_or(text);
    let mut all = Vec::new();
    let mut start = value.start;
    let mut here = value.start;
    while let Some(&byte) = inside.get(here) {
        let end = expansion(inside, here, quote);
        let next = quote.behind(byte);
        let is_syntax = next != quote
            || quote == Quote::None && (byte.is_ascii_whitespace() || b";&|<>()".contains(&byte));
        if let Some(end) = end.or_else(|| is_syntax.then_some(here + 1)) {
            all.push(start..here);
            here = end;
            start = end;
        } else {
            here += 1 + usize::from(byte == b'\\' && quote != Quote::Single);
        }
        quote = next;
    }
    all.push(start.min(value.end)..value.end);
    all.retain(|piece| {
        text.get(piece.clone()).is_some_and(|piece| piece.iter().any(u8::is_ascii_alphanumeric))
    });
    all
}

impl Quote {
    /// By the line that leads to a place.
    fn at(text: &[u8], at: usize) -> Self {
        let before = text.get(at.saturating_sub(LONGEST_LINE)..at).unwrap_or_default();
        let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut quote = Self::None;
        let mut here = 0;
        while let Some(&byte) = line.get(here) {
            here += 1 + usize::from(byte == b'\\' && quote != Self::Single);
            quote = quote.behind(byte);
        }
        quote
    }

    fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::None, b'\'') => Self::Single,
            (Self::None, b'"') => Self::Double,
            (Self::Single, b'\'') | (Self::Double, b'"') => Self::None,
            (same, _) => same,
        }
    }
}

/// Where `$(...)`, `` `...` ``, `${NAME}` or `$NAME` ends that begins here; at the end of the text when it
/// goes on behind it.
fn expansion(text: &[u8], here: usize, quote: Quote) -> Option<usize> {
    if quote == Quote::Single {
        return None;
    }
    let rest = text.get(here..)?;
    match rest {
        [b'`', inside @ ..] => Some(memchr::memchr(b'`', inside).map_or(text.len(), |end| here + end + 2)),
        [b'$', b'(', ..] => Some(closing(rest, b'(', b')').map_or(text.len(), |end| here + end)),
        // What stands behind `:-` is no syntax.
        [b'$', b'{', inside @ ..] => {
            let name =
                inside.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            match inside.get(name..) {
                Some([b':', b'-' | b'=', ..]) => Some(here + 2 + name + 2),
                _ => Some(closing(rest, b'{', b'}').map_or(text.len(), |end| here + end)),
            }
        }
        // `pa$$w0rd` is a password that was meant to be one.
        [b'$', inside @ ..] => {
            let name =
                inside.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            let name = inside.get(..name)?;
            let has = |is: fn(&u8) -> bool| name.iter().any(is);
            let is_plain =
                !(has(u8::is_ascii_lowercase) && (has(u8::is_ascii_uppercase) || has(u8::is_ascii_digit)));
            match name {
                [digit, ..] if digit.is_ascii_digit() => Some(here + 2),
                [] => inside.first().filter(|sign| b"@*#?!".contains(sign)).map(|_| here + 2),
                _ if is_plain => Some(here + 1 + name.len()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Behind the bracket that closes the first one.
fn closing(text: &[u8], open: u8, close: u8) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, &byte) in text.iter().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}
