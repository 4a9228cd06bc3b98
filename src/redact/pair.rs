//! Values that stand beside a name: settings, fields, variables, options, and the parts of
//! addresses and of `client.keys`. Read by hand, because what a value is depends on how it is
//! quoted and what follows it.

use std::ops::Range;

use base64::Engine as _;

use super::formats::{Found, Mode};
use super::{Kind, shell};

/// The shortest value that is hidden beside a name.
const SHORTEST: usize = 4;

/// What parts the words of a command line that stands in JSON.
const NUL_IN_JSON: &[u8] = br"\u0000";

/// How far a quoted value may reach.
const LONGEST: usize = 16 * 1024;

/// No name is longer.
const LONGEST_NAME: usize = 256;

/// How far into an address of a site its user and password reach.
const LONGEST_AUTHORITY: usize = 2048;

#[cfg(test)]
thread_local! {
    /// How many bytes were looked at.
    pub(super) static LOOKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn at(text: &[u8], index: usize) -> Option<u8> {
    #[cfg(test)]
    LOOKS.set(LOOKS.get() + 1);
    text.get(index).copied()
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte == b'.'
}

fn skip(text: &[u8], mut from: usize, is: impl Fn(u8) -> bool) -> usize {
    while at(text, from).is_some_and(&is) {
        from += 1;
    }
    from
}

fn back(text: &[u8], mut from: usize, is: impl Fn(u8) -> bool) -> usize {
    let first = from.saturating_sub(LONGEST_NAME);
    while from > first && at(text, from - 1).is_some_and(&is) {
        from -= 1;
    }
    from
}

/// A value beside a name that counts where it is the end of a longer one too.
pub(super) fn named(text: &[u8], name: Range<usize>, kind: Kind, mode: Mode, all: &mut Vec<Found>) {
    let found = assigned(text, &name, kind, mode)
        .or_else(|| option(text, &name, kind))
        .or_else(|| default(text, &name, kind))
        .or_else(|| encoded(text, &name, kind));
    all.extend(found);
}

/// The same of a name that is a word of its own.
pub(super) fn word(text: &[u8], name: Range<usize>, kind: Kind, mode: Mode, all: &mut Vec<Found>) {
    let before = name.start.checked_sub(1).and_then(|before| at(text, before));
    if before.is_none_or(|byte| !byte.is_ascii_alphanumeric()) {
        named(text, name, kind, mode, all);
    }
}

/// A name that is a secret's only as an option of a command.
pub(super) fn option_only(text: &[u8], name: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    all.extend(option(text, &name, kind));
}

/// The name `key`: of a secret only when the value looks like one.
pub(super) fn key(text: &[u8], name: Range<usize>, kind: Kind, mode: Mode, all: &mut Vec<Found>) {
    let before = text.get(back(text, name.start, is_name)..name.start).unwrap_or_default();
    // `MISP_KEY`, `--key X`
    let is_option = before.iter().all(|byte| *byte == b'-') && !before.is_empty();
    let is_variable = before.ends_with(b"_") && at(text, name.start) == Some(b'K');
    let shortest = match before.last() {
        None => 24,
        Some(b'_') if is_variable => 8,
        Some(b'_' | b'-') if is_option => 8,
        Some(b'_' | b'-') => 16,
        Some(_) => return,
    };
    if !is_key_of_secret(before) {
        return;
    }
    let found = assigned(text, &name, kind, mode).or_else(|| option(text, &name, kind)).map(|found| {
        let value = text.get(found.range.clone()).unwrap_or_default();
        let is_plain = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte));
        // Both belong to no base64: it is the name of an object in a store.
        let is_name = value.contains(&b'/') && value.contains(&b'-');
        let is_secret =
            value.len() >= shortest && is_plain && !is_name && is_strong(value) && !value.starts_with(b"0x");
        if is_secret { found } else { Found::vain(found.range, kind) }
    });
    all.extend(found);
}

/// Not the name of a key that everybody may know, or that only finds something.
pub(super) fn is_key_of_secret(before: &[u8]) -> bool {
    const WORDS: [&[u8]; 16] = [
        b"public",
        b"primary",
        b"foreign",
        b"cache",
        b"sort",
        b"partition",
        b"dedup",
        b"group",
        b"registry",
        b"host",
        b"object",
        b"index",
        b"unique",
        b"lookup",
        b"lock",
        b"hot",
    ];
    let words = before.to_ascii_lowercase();
    !words.split(|byte| !byte.is_ascii_alphanumeric()).any(|word| WORDS.contains(&word))
}

/// A word without a name beside it that can be nothing else: letters and digits in disorder.
pub(super) fn is_bare_key(word: &[u8]) -> bool {
    let sort = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
    let is_mixed = |part: &[u8]| {
        let turns = part.windows(2).filter(|two| matches!(two, [a, b] if sort(*a) != sort(*b))).count();
        let is_number = part.iter().all(u8::is_ascii_digit);
        part.len() >= 16 && turns >= 4 && part.iter().any(u8::is_ascii_digit) && !is_number
    };
    let is_plain = word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte));
    is_plain && !is_path(word) && word.split(|byte| b"_-/".contains(byte)).any(is_mixed)
}

/// `getenv("TOKEN", "X")`, `cfg.get("x", "token", fallback="X")`: what is taken when there is no
/// other.
fn default(text: &[u8], name: &Range<usize>, kind: Kind) -> Option<Found> {
    let quote = at(text, name.end).filter(|quote| b"\"'".contains(quote))?;
    let comma = skip(text, name.end + 1, is_blank);
    let start = back(text, name.start, is_name);
    if at(text, comma) != Some(b',') || start.checked_sub(1).and_then(|open| at(text, open)) != Some(quote) {
        return None;
    }
    let before = text.get(start.saturating_sub(64)..start - 1)?;
    let call = before.iter().rposition(|byte| *byte == b'(')?;
    let callee = before.get(..call)?.trim_ascii_end();
    let calls: [&[u8]; 8] =
        [b"get", b"getenv", b"pop", b"setdefault", b"env", b"config", b"getattr", b"fetch"];
    if !calls.iter().any(|name| callee.to_ascii_lowercase().ends_with(name)) {
        return None;
    }
    let mut here = skip(text, comma + 1, |byte| byte.is_ascii_whitespace());
    for word in [&b"default"[..], b"fallback"] {
        if text.get(here..).is_some_and(|rest| rest.starts_with(word)) {
            let equals = skip(text, here + word.len(), is_blank);
            here = skip(text, equals + 1, is_blank);
        }
    }
    let (value, _) = quoted(text, here)?;
    let bytes = text.get(value.clone())?;
    if !is_strong(bytes) {
        return None;
    }
    accept(text, value, kind)
}

/// `token%3DX`, `token\u003dX`, `%22token%22%3A%22X%22`: as URLs and many writers of JSON have it.
fn encoded(text: &[u8], name: &Range<usize>, kind: Kind) -> Option<Found> {
    let quote =
        |here: usize| code(text, here).filter(|(byte, _)| b"\"'".contains(byte)).map_or(here, |(_, end)| end);
    let (sign, start) = code(text, quote(name.end))?;
    if !b"=:".contains(&sign) {
        return None;
    }
    let start = quote(start);
    let mut end = start;
    let limit = text.len().min(start + LONGEST_AUTHORITY);
    while end < limit {
        let byte = at(text, end)?;
        if byte.is_ascii_whitespace() || b"\"'<>&\0`".contains(&byte) {
            break;
        }
        if code(text, end).is_some_and(|(byte, _)| byte.is_ascii_whitespace() || b"&\"',;<>}".contains(&byte))
        {
            break;
        }
        end += 1;
    }
    accept(text, start..end, kind)
}

/// A byte that is written as `%3D` or `\u003d`, and where that ends.
fn code(text: &[u8], here: usize) -> Option<(u8, usize)> {
    let digits = match at(text, here)? {
        b'%' => here + 1,
        b'\\' => {
            let slashes = skip(text, here, |byte| byte == b'\\');
            if text.get(slashes..slashes + 3)? != b"u00" {
                return None;
            }
            slashes + 3
        }
        _ => return None,
    };
    let byte = std::str::from_utf8(text.get(digits..digits + 2)?).ok()?;
    Some((u8::from_str_radix(byte, 16).ok()?, digits + 2))
}

/// A text in quotes, also `"""X"""`, `u'X'`, `rb"X"`, `f"X"`, `$'X'`, `@"X"` and `("X")`; how it is
/// quoted, and where it begins when it does not end.
fn quoted(text: &[u8], here: usize) -> Option<(Range<usize>, bool)> {
    let open = if at(text, here) == Some(b'(') {
        skip(text, here + 1, |byte| byte.is_ascii_whitespace())
    } else {
        here
    };
    let letters = skip(text, open, |byte| b"uUbBrRfF$@".contains(&byte));
    // In JSON the quote is escaped.
    let is_quote =
        |from: usize| matches!(at(text, skip(text, from, |byte| byte == b'\\')), Some(b'"' | b'\''));
    let here = if letters - open <= 2 && is_quote(letters) { letters } else { open };
    let slashes = skip(text, here, |byte| byte == b'\\') - here;
    let quote = at(text, here + slashes).filter(|quote| b"\"'".contains(quote))?;
    let start = here + slashes + 1;
    let three = [quote; 3];
    if slashes == 0 && text.get(here..here + 3) == Some(&three[..]) {
        let inside = text.get(start + 2..text.len().min(start + LONGEST))?;
        let length = memchr::memmem::find(inside, &three).unwrap_or(inside.len());
        return Some((start + 2..start + 2 + length, true));
    }
    match closing(text, start, quote, slashes) {
        Some(end) => Some((start..end, true)),
        None => Some((start..start, false)),
    }
}

/// `name = value` in any of its spellings: of shells, INI, YAML, JSON (in JSON too), Python,
/// PowerShell, URLs and connection strings.
fn assigned(text: &[u8], name: &Range<usize>, kind: Kind, mode: Mode) -> Option<Found> {
    let mut here = skip(text, name.end, |byte| byte.is_ascii_digit());
    let quoted_name = {
        let quote = skip(text, here, |byte| byte == b'\\');
        let is_quote = at(text, quote).filter(|byte| b"\"'`".contains(byte));
        if is_quote.is_some() {
            here = quote + 1;
        }
        is_quote
    };
    // `$env["TOKEN"] = ...`, `${env:TOKEN} = ...`
    here = skip(text, here, |byte| byte == b']' || byte == b'}');
    here = skip(text, here, is_blank);
    let (mut here, is_colon) = separator(text, here)?;
    here = skip(text, here, is_blank);
    // `${TOKEN:-X}`
    let start = back(text, name.start, is_name);
    if is_colon
        && at(text, here) == Some(b'-')
        && text.get(..start).is_some_and(|before| before.ends_with(b"${"))
    {
        here += 1;
    }
    // `"X-Api-Key":` and its value in the next line.
    if is_colon && quoted_name.is_some() {
        let next = skip(text, here, |byte| byte.is_ascii_whitespace());
        let is_manual = text.get(next..).is_some_and(|rest| rest.starts_with(b"\"\"\""));
        if next - here <= LONGEST_NAME && matches!(at(text, next), Some(b'"' | b'\'')) && !is_manual {
            here = next;
        }
    }
    // `token: str = "..."`: what stands between is a type.
    if is_colon && quoted_name.is_none() {
        let end = skip(text, here, |byte| is_name(byte) || b"[]|".contains(&byte));
        let after = skip(text, end, is_blank);
        if end > here && after > end && at(text, after) == Some(b'=') && at(text, after + 1) == Some(b' ') {
            here = skip(text, after + 1, is_blank);
        }
    }
    // YAML: the value stands on the next line.
    if is_colon && matches!(at(text, here), Some(b'|' | b'>')) {
        let end = skip(text, here + 1, |byte| b"+-0123456789".contains(&byte));
        let end = skip(text, end, |byte| is_blank(byte) || byte == b'\r');
        if at(text, end) == Some(b'\n') {
            here = skip(text, end + 1, is_blank);
            let value = here..skip(text, here, |byte| byte != b'\n' && byte != b'\r');
            return accept(text, value, kind);
        }
    }
    if at(text, here) == Some(b'(') {
        // `("X")` is one text, `("X", "Y")` none.
        let (value, closes) = quoted(text, here)?;
        let bytes = text.get(value.clone()).unwrap_or_default();
        let is_secret =
            closes && is_strong(bytes) && bytes.iter().all(|byte| is_name(*byte) || b"+/=".contains(byte));
        return is_secret.then(|| accept(text, value, kind)).flatten();
    }
    if let Some((value, closes)) = quoted(text, here) {
        // A word of a shell may go on behind the quote.
        let goes_on = || {
            let next = at(text, value.end + 1);
            next.is_some_and(|byte| !byte.is_ascii_whitespace() && !b";&|)".contains(&byte))
                && !shell::is_quoted(text, here)
        };
        if closes && !(mode == Mode::Shell && goes_on()) {
            return accept(text, value, kind);
        }
        if !closes {
            here = value.start;
        }
    }
    if quoted_name.is_none()
        && !is_colon
        && mode != Mode::Code
        && let Some(value) = quoted_pair(text, name.start, here)
    {
        return accept(text, value, kind);
    }
    let starts_line = quoted_name.is_none() && starts_line(text, name.start);
    let end = bare(text, here, starts_line, mode);
    let value = trim(text, here..end);
    let bytes = text.get(value.clone())?;
    // A number or a word of JSON, which has to stay one.
    if quoted_name == Some(b'"') && is_colon && bytes.iter().all(u8::is_ascii_digit) {
        let found = accept(text, value, kind)?;
        return Some(if found.is_vain() { found } else { Found { fill: b'1', ..found } });
    }
    if mode == Mode::Code
        && !(is_strong(bytes) && bytes.iter().all(|byte| is_name(*byte) || b"+/=".contains(byte)))
    {
        return Some(Found::vain(value, kind));
    }
    // "invalid token: the one of yesterday": a sentence goes on.
    if is_colon && quoted_name.is_none() && bytes.iter().all(u8::is_ascii_alphabetic) {
        let rest = text.get(value.end..)?;
        let goes_on = rest.first().is_some_and(|byte| is_blank(*byte))
            && rest.iter().find(|byte| !is_blank(**byte)).is_some_and(|byte| byte.is_ascii_alphabetic());
        if goes_on && mode != Mode::Settings {
            return None;
        }
    }
    accept(text, value, kind)
}

/// `=`, `:`, `:=`, `=>`; where it ends, and whether it is a colon.
fn separator(text: &[u8], here: usize) -> Option<(usize, bool)> {
    match (at(text, here)?, at(text, here + 1)) {
        (b'=', Some(b'=' | b'~')) => None,
        (b'=', Some(b'>')) | (b':', Some(b'=')) => Some((here + 2, false)),
        (b'=', _) => Some((here + 1, false)),
        (b':', Some(b':')) => None,
        (b':', _) => Some((here + 1, true)),
        _ => None,
    }
}

/// Where a quoted text ends. Inside of JSON inside of JSON a quote has one or three backslashes
/// in front, and the quote that closes has as many as the one that opened.
fn closing(text: &[u8], start: usize, quote: u8, slashes: usize) -> Option<usize> {
    let mut here = start;
    let limit = text.len().min(start + LONGEST);
    while here < limit {
        let byte = at(text, here)?;
        // A NUL ends a word of a command line.
        let goes_on = byte != b'\n' || here.checked_sub(1).and_then(|before| at(text, before)) == Some(b'\\');
        if byte == 0 || !goes_on {
            return None;
        }
        if byte == quote {
            let run = here - back(text, here, |byte| byte == b'\\').max(start);
            if quote == b'\'' && slashes == 0 || run % (2 * (slashes + 1)) == slashes {
                return Some(here - slashes);
            }
        }
        here += 1;
    }
    None
}

/// The value at the end of a word of a command line, up to the quote that closes the word.
pub(super) fn quoted_word(text: &[u8], value: Range<usize>) -> Range<usize> {
    // `-u`, a user and a `:` are shorter than any name.
    let start =
        back(text, value.start, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | 0));
    let quote = start.checked_sub(1).and_then(|quote| at(text, quote));
    let Some(quote @ (b'"' | b'\'')) = quote else { return value };
    let slashes = start - 1 - back(text, start - 1, |byte| byte == b'\\');
    let end = closing(text, start, quote, slashes).unwrap_or(value.end);
    value.start..end.max(value.end)
}

/// The name is the first thing of its line.
fn starts_line(text: &[u8], name: usize) -> bool {
    let start = back(text, name, |byte| is_name(byte) || byte == b':');
    let from = text.get(start.saturating_sub(LONGEST_NAME)..start).unwrap_or_default();
    let line = from.rsplit(|&byte| byte == b'\n' || byte == 0).next().unwrap_or_default();
    if line.len() >= LONGEST_NAME {
        return false;
    }
    let mut line = line.trim_ascii();
    while let Some(rest) = [
        &b"-"[..],
        b"\"",
        b"'",
        b"$",
        b"export",
        b"set",
        b"setx",
        b"local",
        b"readonly",
        b"declare",
        b"Environment=",
    ]
    .iter()
    .find_map(|word| line.strip_suffix(*word))
    {
        line = rest.trim_ascii_end();
    }
    line.is_empty()
}

/// `Environment="NAME=X Y"`, `-e "NAME=X Y"`: the quote stands in front of the name.
fn quoted_pair(text: &[u8], name: usize, value: usize) -> Option<Range<usize>> {
    let open = back(text, name, is_name).checked_sub(1)?;
    let quote = at(text, open).filter(|quote| b"\"'".contains(quote))?;
    // In JSON the quote is escaped.
    let slashes = open - back(text, open, |byte| byte == b'\\');
    let open = open - slashes;
    let before = text.get(open.saturating_sub(LONGEST_NAME)..open)?;
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let words: [&[u8]; 9] =
        [b"Environment=", b"-e", b"--env", b"--env=", b"export", b"-x", b"set", b"env", b"-"];
    // One more of them.
    let follows = || (line.ends_with(b"\"") || line.ends_with(b"'")) && line.starts_with(b"Environment=");
    let is_pair = line.is_empty() || words.iter().any(|word| line.ends_with(word)) || follows();
    let end = is_pair.then(|| closing(text, value, quote, slashes)).flatten()?;
    if !line.is_empty() {
        return Some(value..end);
    }
    // `"token=X&name=Y"` of a URL.
    let mut ends = memchr::memchr_iter(b'&', text.get(value..end)?).map(|and| value + and);
    let ends = ends.find(|and| {
        let name = skip(text, and + 1, is_name);
        name > and + 1 && at(text, name) == Some(b'=')
    });
    Some(value..ends.unwrap_or(end))
}

/// Where a value without quotes ends.
fn bare(text: &[u8], start: usize, starts_line: bool, mode: Mode) -> usize {
    let mut here = start;
    let limit = text.len().min(start + LONGEST);
    if mode == Mode::Shell && !shell::is_quoted(text, start) {
        return shell::word(text, start, limit);
    }
    while here < limit {
        let Some(byte) = at(text, here) else { break };
        let next = at(text, here + 1);
        let ends = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_whitespace() || byte == 0);
        match byte {
            // Goes on in the next line.
            b'\\' if next == Some(b'\n') => here += 2,
            b'\r' | b'\n' | 0 => break,
            _ if mode == Mode::Settings && starts_line => {
                if is_blank(byte) && matches!(next, Some(b'#' | b';')) {
                    break;
                }
                here += 1;
            }
            b'"' | b'\'' | b'<' | b'>' | b'`' => break,
            byte if byte.is_ascii_whitespace() => break,
            // `\u0026` of JSON; `%26` is part of the value.
            b'\\' if code(text, here).is_some_and(|(byte, _)| byte == b'&') && !starts_line => break,
            b';' | b'&' | b',' if !starts_line || ends(next) || next == Some(b'&') => break,
            _ => here += 1,
        }
    }
    here
}

/// Without what belongs to the text around: a closing bracket that was not opened inside, a
/// backslash of an escaped quote, a full stop.
fn trim(text: &[u8], value: Range<usize>) -> Range<usize> {
    let mut end = value.end;
    while end > value.start {
        let Some(bytes) = text.get(value.start..end) else { break };
        let opened = |open: u8| bytes.contains(&open);
        match bytes.last() {
            Some(b'\\') => end -= 1,
            Some(byte) if byte.is_ascii_whitespace() => end -= 1,
            Some(b')') if !opened(b'(') => end -= 1,
            Some(b']') if !opened(b'[') => end -= 1,
            Some(b'}') if !opened(b'{') => end -= 1,
            // `SECRET: command not found`
            Some(b':') => end -= 1,
            _ => break,
        }
    }
    value.start..end
}

fn accept(text: &[u8], value: Range<usize>, kind: Kind) -> Option<Found> {
    let bytes = text.get(value.clone())?;
    // `${TOKEN:-X}`
    if let Some(start) = bytes.strip_prefix(b"${").and_then(|inside| {
        memchr::memmem::find(inside, b":-").or_else(|| memchr::memmem::find(inside, b":="))
    }) && bytes.last() == Some(&b'}')
    {
        let value = value.start + start + 4..value.end - 1;
        let is_secret =
            text.get(value.clone()).is_some_and(|bytes| bytes.len() >= SHORTEST && is_secret_value(bytes));
        return is_secret.then(|| Found::new(value, kind));
    }
    // A password may be of blanks and words, a reference to a file is none.
    let is_secret = bytes.len() >= SHORTEST && is_secret_value(bytes);
    Some(if is_secret { Found::new(value, kind) } else { Found::vain(value, kind) })
}

/// `--name value`, also as two words of a list in JSON and of a command line in /proc.
fn option(text: &[u8], name: &Range<usize>, kind: Kind) -> Option<Found> {
    // Most names stand in no option: this costs least.
    if !at(text, name.end).is_some_and(|byte| is_blank(byte) || b"\0\\\"'".contains(&byte)) {
        return None;
    }
    let mut start = back(text, name.start, is_name);
    let escape = start.checked_sub(1).and_then(|escape| text.get(escape..name.start));
    let in_json = escape.is_some_and(|text| text.starts_with(NUL_IN_JSON));
    if in_json {
        start += NUL_IN_JSON.len() - 1;
    }
    if at(text, start) != Some(b'-') {
        return None;
    }
    let before = start.checked_sub(1).and_then(|before| at(text, before));
    if !in_json && before.is_some_and(|byte| !byte.is_ascii_whitespace() && !b"\"'\0`(=[>".contains(&byte)) {
        return None;
    }
    let mut here = name.end;
    let gap = skip(text, here, is_blank);
    if gap > here {
        here = gap;
    } else if at(text, here) == Some(0) {
        here += 1;
    } else if text.get(here..).is_some_and(|rest| rest.starts_with(NUL_IN_JSON)) {
        here += NUL_IN_JSON.len();
    } else {
        let quote = skip(text, here, |byte| byte == b'\\');
        if !matches!(at(text, quote), Some(b'"' | b'\'')) {
            return None;
        }
        let comma = skip(text, quote + 1, |byte| byte.is_ascii_whitespace());
        here = match at(text, comma) {
            Some(b',') => skip(text, comma + 1, |byte| byte.is_ascii_whitespace()),
            // `a1="--token" a2="X"` of auditd.
            Some(b'a') if comma > quote + 1 => {
                let equals = skip(text, comma + 1, |byte| byte.is_ascii_digit());
                if equals == comma + 1 || at(text, equals) != Some(b'=') {
                    return None;
                }
                equals + 1
            }
            _ => return None,
        };
        // `"--token", dest="token"`: the next argument of a call, and no word of a list.
        let value = skip(text, here, |byte| byte == b'\\');
        if !matches!(at(text, value), Some(b'"' | b'\'')) {
            return None;
        }
    }
    let slashes = skip(text, here, |byte| byte == b'\\') - here;
    if let Some(quote @ (b'"' | b'\'')) = at(text, here + slashes) {
        let start = here + slashes + 1;
        if let Some(end) = closing(text, start, quote, slashes) {
            let value = text.get(start..end)?;
            return if value.starts_with(b"-") { None } else { accept(text, start..end, kind) };
        }
        here = start;
    }
    let end = skip(text, here, |byte| !byte.is_ascii_whitespace() && !b"\"'<>\0`|".contains(&byte));
    let word = text.get(here..end)?;
    let end = memchr::memmem::find(word, NUL_IN_JSON).map_or(end, |nul| here + nul);
    let value = trim(text, here..end);
    let bytes = text.get(value.clone())?;
    let is_prose = bytes.iter().all(u8::is_ascii_lowercase)
        && at(text, value.end) == Some(b' ')
        && at(text, value.end + 1).is_some_and(|byte| byte.is_ascii_lowercase());
    if bytes.starts_with(b"-") || is_prose {
        return None;
    }
    accept(text, value, kind)
}

/// Whether a value is one, and not a way to get one, nor a word of a language.
pub(super) fn is_secret_value(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    if is_masked(value) || value.starts_with(b"=") {
        return false;
    }
    !is_expansion(value) && !is_path(value) && !is_expression(value) && !is_placeholder(value)
}

/// Overwritten by this program or another, with signs around it perhaps.
pub(super) fn is_masked(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    let is_one = value.iter().all(|byte| byte == first) && (value.len() < 8 || b"*xX.-_1#".contains(first));
    let is_sign = |byte: &u8| byte.is_ascii_punctuation() || byte.is_ascii_whitespace();
    is_one || memchr::memmem::find(value, b"********").is_some() && value.iter().all(is_sign)
}

/// `$1`, `${TOKEN}`, `$(cat /etc/token)`, `%TOKEN%`, `{{ token }}`, `{token}`, `%s`.
fn is_expansion(value: &[u8]) -> bool {
    match value {
        [b'$', b'(' | b'{', ..] | [b'{', b'{', ..] | [b'`', ..] => true,
        [b'$', rest @ ..] | [b'@', rest @ ..] => {
            rest.iter().all(|byte| is_name(*byte) || b":[]>*@#?!$\"'".contains(byte)) && rest.len() < 40
        }
        [b'%', rest @ ..] => {
            let name = rest.strip_suffix(b"%").unwrap_or(rest);
            name.len() < 40 && name.iter().all(|byte| is_name(*byte) || b"()".contains(byte))
        }
        [b'{', rest @ ..] => rest
            .strip_suffix(b"}")
            .is_some_and(|name| name.iter().all(|byte| is_name(*byte) || *byte == b'!')),
        [b'<', ..] => true,
        _ => false,
    }
}

/// A file in PEM form, or one that is called so.
pub(super) fn is_key_file(value: &[u8]) -> bool {
    let ends = [&b".pem"[..], b".key", b".crt"];
    is_path(value) && ends.iter().any(|end| value.ends_with(end))
}

/// A file that holds it.
fn is_path(value: &[u8]) -> bool {
    let roots: [&[u8]; 17] = [
        b"/etc/",
        b"/var/",
        b"/opt/",
        b"/run/",
        b"/usr/",
        b"/home/",
        b"/root/",
        b"/tmp/",
        b"/dev/",
        b"/proc/",
        b"/srv/",
        b"/mnt/",
        b"./",
        b"../",
        b"~/",
        b"/Library/",
        b"/Users/",
    ];
    let is_windows = matches!(value, [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
    let plain = value.iter().all(|byte| is_name(*byte) || b"/\\: ${}~%*".contains(byte));
    plain
        && (is_windows
            || roots.iter().any(|root| value.starts_with(root))
            || value.starts_with(b"etc/")
            || value.starts_with(b"file:/"))
}

/// `getenv("TOKEN")`, `os.environ["TOKEN"]`, `args.token`, `Optional[str]`.
fn is_expression(value: &[u8]) -> bool {
    let name = skip(value, 0, |byte| is_name(byte) && byte != b'-');
    let starts = value.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    match at(value, name) {
        _ if !starts => false,
        Some(b'(' | b'[') => true,
        Some(b':') => value.get(name..name + 2) == Some(b"::"),
        None => {
            // Words joined by dots, none with a digit: no secret looks like this.
            value.contains(&b'.')
                && value.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'.' || *byte == b'_')
        }
        Some(_) => false,
    }
}

/// Words of languages and of manuals.
fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&str; 24] = [
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "string",
        "boolean",
        "required",
        "optional",
        "expired",
        "invalid",
        "missing",
        "empty",
        "unset",
        "redacted",
        "hidden",
        "masked",
        "default",
        "input",
        "stdin",
        "prompt",
        "self",
        "text",
    ];
    let text = value.to_ascii_lowercase();
    WORDS.iter().any(|word| text == word.as_bytes())
        || text.starts_with(b"your_")
        || text.starts_with(b"your-")
}

/// Eight bytes or more with a digit and a letter.
pub(super) fn is_strong(value: &[u8]) -> bool {
    value.len() >= 8
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && !value.starts_with(b"ipv6-")
}

/// A part of a secret that is one by itself: letters and digits, or letters that are no words.
pub(super) fn is_random(part: &[u8]) -> bool {
    // `IncomingWebhook`: each capital begins three letters at least, but the first may be missing.
    let is_hump = |hump: &[u8]| hump.len() >= 3 && hump.iter().skip(1).all(u8::is_ascii_lowercase);
    let is_word = |word: &[u8]| {
        word.len() < 4
            || word.iter().all(u8::is_ascii_lowercase)
            || word.iter().all(u8::is_ascii_uppercase)
            || word.chunk_by(|_, byte| !byte.is_ascii_uppercase()).all(is_hump)
    };
    is_strong(part) || is_capitalised(part) && !part.split(|byte| !byte.is_ascii_alphabetic()).all(is_word)
}

/// Eight bytes or more in one word, with a capital.
pub(super) fn is_capitalised(part: &[u8]) -> bool {
    part.len() >= 8 && part.iter().any(u8::is_ascii_uppercase) && !part.iter().any(u8::is_ascii_whitespace)
}

/// `-u user:X`: X is a password, and no group, port or part of a time.
pub(super) fn is_password_of_user(text: &[u8], range: &Range<usize>) -> bool {
    let value = text.get(range.clone()).unwrap_or_default();
    // `docker run -u 1000:1000`, `-u wazuh:wazuh`: numbers and the same name twice.
    let user = text.get(..range.start.saturating_sub(1)).unwrap_or_default();
    let same = user.ends_with(value) && value.iter().all(u8::is_ascii_alphabetic) && value != b"admin";
    // The group of a user whose number is told.
    let is_number = user.last().is_some_and(u8::is_ascii_digit)
        && user.iter().rev().take_while(|byte| is_name(**byte)).all(u8::is_ascii_digit);
    is_secret_value(value)
        && !value.iter().all(u8::is_ascii_digit)
        && !same
        && (!is_number || is_strong(value))
}

/// The words of a command line of curl: `-u user:X`, `-sku user:X`, `-uuser:X`, `-b 'name=X'`.
pub(super) fn curl(text: &[u8], anchor: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let limit = text.len().min(anchor.end + LONGEST_AUTHORITY);
    let text_ = text.get(..limit).unwrap_or_default();
    let is_gap = |byte: u8| is_blank(byte) || b"\"',\0\\".contains(&byte);
    let mut here = anchor.end;
    // The word in front wants the next one: `u` a user and password, `b` cookies.
    let mut wants = None;
    loop {
        here = skip(text_, here, is_gap);
        if at(text_, here) == Some(b'\n') && at(text_, here - 1) == Some(b'\\') {
            here += 1;
            continue;
        }
        if text_.get(here..).is_some_and(|rest| rest.starts_with(b"u0000")) {
            here += 5;
        }
        let end = skip(text_, here, |byte| !is_gap(byte) && !b"\n\r;|&<>".contains(&byte));
        let Some(word) = text_.get(here..end).filter(|word| !word.is_empty() && !word.ends_with(b"curl"))
        else {
            return;
        };
        let mut value = None;
        if let Some(sort) = wants.take() {
            value = Some((sort, here));
        } else if let [b'-', letters @ ..] = word
            && letters.first() != Some(&b'-')
        {
            let flags = skip(letters, 0, |byte| b"sSkfLivgjnNqOI#0146aG".contains(&byte));
            match at(letters, flags) {
                Some(sort @ (b'u' | b'U' | b'b')) if flags + 1 == letters.len() => wants = Some(sort),
                Some(sort @ (b'u' | b'U' | b'b')) => value = Some((sort, here + flags + 2)),
                _ => {}
            }
        } else if word == b"--cookie" {
            wants = Some(b'b');
        }
        if let Some((sort, start)) = value {
            let sign = if sort == b'b' { b'=' } else { b':' };
            let colon = text.get(start..end).and_then(|word| memchr::memchr(sign, word));
            if let Some(colon) = colon.filter(|colon| *colon > 0) {
                let (secret, kind) = match sort {
                    b'b' => (start..quoted_word(text, start..end).end, Kind::Cookie),
                    _ => (quoted_word(text, start + colon + 1..end), kind),
                };
                let is_secret = match sort {
                    b'b' => text.get(start + colon + 1..end).is_some_and(is_secret_value),
                    _ => secret.len() > 1 && is_password_of_user(text, &(secret.start..end)),
                };
                if is_secret {
                    here = secret.end;
                    all.push(Found::new(secret, kind));
                    continue;
                }
            }
        }
        here = end;
    }
}

/// `auth=("user", "X")`, `HTTPBasicAuth("user", "X")`, `login("user", "X")`: from `(` on.
pub(super) fn second_argument(text: &[u8], anchor: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let space = |from| skip(text, from, |byte| byte.is_ascii_whitespace());
    let mut here = space(anchor.end);
    if at(text, here) == Some(b'=') {
        here = space(here + 1);
    }
    if at(text, here) != Some(b'(') {
        return;
    }
    here = space(here + 1);
    here = match quoted(text, here) {
        Some((user, true)) => skip(text, user.end, |byte| byte == b'\\') + 1,
        Some(_) => return,
        None => skip(text, here, |byte| is_name(byte) || b"[]\"'".contains(&byte)),
    };
    here = space(here);
    if at(text, here) != Some(b',') {
        return;
    }
    if let Some((secret, true)) = quoted(text, space(here + 1))
        && at(text, secret.start) != Some(b'$')
    {
        all.extend(accept(text, secret, kind));
    }
}

/// `eyJ...`, and one part more at least.
pub(super) fn json_web_token(text: &[u8], anchor: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let part = |from| skip(text, from, |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if text.get(anchor.clone()) != Some(b"eyJ") {
        return;
    }
    let head = part(anchor.end);
    let mut end = if at(text, head) == Some(b'.') { part(head + 1) } else { head };
    if head < anchor.end + 6 || end < head + 5 {
        all.push(Found::vain(anchor.start..end, kind));
        return;
    }
    let signed = end;
    while at(text, end) == Some(b'.') {
        end = part(end + 1);
    }
    let found = if end > signed { Found::new } else { Found::vain };
    all.push(found(anchor.start..end, kind));
}

/// A token of a Telegram bot that stands alone: `123456789:AA...`, from `:AA` on.
pub(super) fn bot_token(text: &[u8], anchor: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let number = anchor.start - back(text, anchor.start, |byte| byte.is_ascii_digit());
    let end = skip(text, anchor.start + 1, |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if (8..=10).contains(&number) && end - anchor.start == 36 {
        all.push(Found::new(anchor.start + 1..end, kind));
    }
}

/// `user:password` in base64.
pub(super) fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    use base64::alphabet::STANDARD;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decoded = GeneralPurpose::new(&STANDARD, lenient).decode(value).ok()?;
    std::str::from_utf8(&decoded).ok()?;
    Some(decoded)
}

/// `scheme://user:password@host`, from `://` on.
pub(super) fn userinfo(text: &[u8], anchor: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let start = anchor.end;
    let near = text.get(..text.len().min(start + LONGEST_AUTHORITY)).unwrap_or_default();
    if memchr::memchr(b'@', near.get(start..).unwrap_or_default()).is_none() {
        return;
    }
    let end = skip(near, start, |byte| !byte.is_ascii_whitespace() && !b"<>\"'`\0\\|".contains(&byte));
    let Some(authority) = near.get(start..end) else { return };
    let path = memchr::memchr3(b'/', b'?', b'#', authority).unwrap_or(authority.len());
    let mut sign = authority.get(..path).and_then(|host| memchr::memrchr(b'@', host));
    let colon = memchr::memchr(b':', authority);
    // The password may have a / in it, but then what is behind the : is no port.
    if sign.is_none()
        && let Some(colon) = colon.filter(|colon| *colon < path)
    {
        let port = skip(authority, colon + 1, |byte| byte.is_ascii_digit());
        let is_port = matches!(at(authority, port), None | Some(b'/' | b'?' | b'#')) && port > colon + 1;
        if !is_port {
            sign = memchr::memrchr(b'@', authority);
        }
    }
    let Some(sign) = sign else { return };
    let user = start..start + colon.filter(|colon| *colon < sign).unwrap_or(sign);
    let password = (user.end + 1).min(start + sign)..start + sign;
    let value = text.get(password.clone()).unwrap_or_default();
    let is_token = text.get(user.clone()).is_some_and(|user| user.len() >= 16 && is_strong(user));
    if !value.is_empty() && (is_expansion(value) || is_masked(value)) {
        return;
    }
    // It may stand alone.
    if is_token {
        all.push(Found::new(user.clone(), kind));
    }
    if !value.is_empty() {
        all.push(Found { user: Some(user), ..Found::new(password, kind) });
    }
}

/// `ID NAME any KEY`: from ` any ` on.
pub(super) fn agent_key(text: &[u8], anchor: Range<usize>, kind: Kind, _: Mode, all: &mut Vec<Found>) {
    let name = back(text, anchor.start, |byte| !byte.is_ascii_whitespace());
    let id = back(text, name.saturating_sub(1), |byte| byte.is_ascii_digit());
    let numbered = name > 0 && at(text, name - 1) == Some(b' ') && name - 1 > id && name < anchor.start;
    let end = skip(text, anchor.end, |byte| byte.is_ascii_hexdigit());
    if numbered && end - anchor.end >= 32 {
        all.push(Found::new(anchor.end..end, kind));
    }
}

/// Lines of `client.keys`: `ID NAME ADDRESS KEY`.
pub(super) fn lines_of_keys(text: &[u8], all: &mut Vec<Found>) {
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(|end| end + 1));
    for start in starts {
        let id = skip(text, start, |byte| byte.is_ascii_digit());
        if id < start + 3 || id > start + 10 || at(text, id) != Some(b' ') {
            continue;
        }
        let name = skip(text, id + 1, |byte| !byte.is_ascii_whitespace());
        if name == id + 1 || at(text, name) != Some(b' ') {
            continue;
        }
        let address = skip(text, name + 1, |byte| !byte.is_ascii_whitespace());
        if address == name + 1 || at(text, address) != Some(b' ') {
            continue;
        }
        let key = skip(text, address + 1, |byte| byte.is_ascii_hexdigit());
        if key >= address + 1 + 32 {
            all.push(Found::new(address + 1..key, Kind::AgentKey));
        }
    }
}
