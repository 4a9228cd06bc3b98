//! What sh and bash scripts read: `jq`, `grep` and `sed`, `read`, positional parameters.

use std::collections::HashMap;
use std::ops::Range;

use super::text::{Code, Mark};
use super::{Need, Place, Wanted, dotted, maybe_root, surely_root};

/// A compound command.
struct Block {
    span: Range<usize>,
    /// The function it is the body of.
    function: Option<Vec<u8>>,
}

/// Words of the script in code, in order.
fn words(code: &Code<'_>) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    for at in 0..=code.text.len() {
        let byte = code.get(at);
        let inside = at < code.text.len()
            && code.mark(at) == Mark::Code
            && (byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'{' | b'}' | b'-' | b'.' | b'/' | b'$' | b'='));
        match (start, inside) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                words.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// A word here is the name of a command.
fn begins_command(code: &Code<'_>, at: usize) -> bool {
    let mut before = at;
    while before > 0 && matches!(code.get(before - 1), b' ' | b'\t') {
        before -= 1;
    }
    if before == 0
        || matches!(code.get(before - 1), b'\n' | b';' | b'|' | b'&' | b'(' | b'`' | b'{' | b'!' | b')')
    {
        return true;
    }
    let line = code.line(at);
    let head = code.text.get(line.start..before).unwrap_or_default();
    let last = head.rsplit(|byte| !byte.is_ascii_alphanumeric() && *byte != b'=' && *byte != b'_').next();
    matches!(
        last,
        Some(
            b"then"
                | b"do"
                | b"else"
                | b"if"
                | b"elif"
                | b"while"
                | b"until"
                | b"time"
                | b"command"
                | b"builtin"
                | b"exec"
        )
    ) || last.is_some_and(|word| word.ends_with(b"="))
}

fn blocks(code: &Code<'_>) -> Vec<Block> {
    let mut open: Vec<(usize, Option<Vec<u8>>)> = Vec::new();
    let mut blocks = Vec::new();
    let words = words(code);
    for (place, word) in words.iter().enumerate() {
        let text = code.text.get(word.clone()).unwrap_or_default();
        if text == b"{" || text == b"}" {
            if text == b"{" {
                let head = code.text.get(..word.start).unwrap_or_default().trim_ascii_end();
                let function = head.strip_suffix(b"()").or_else(|| head.strip_suffix(b"( )")).map(|head| {
                    let head = head.trim_ascii_end();
                    let length = head
                        .iter()
                        .rev()
                        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || **byte == b'-')
                        .count();
                    head.get(head.len() - length..).unwrap_or_default().to_vec()
                });
                let function = function.or_else(|| {
                    let word = |back: usize| {
                        place
                            .checked_sub(back)
                            .and_then(|at| words.get(at))
                            .and_then(|span| code.text.get(span.clone()))
                    };
                    (word(2) == Some(b"function")).then(|| word(1).unwrap_or_default().to_vec())
                });
                open.push((word.start, function));
            } else if let Some((start, function)) = open.pop() {
                blocks.push(Block { span: start..word.end, function });
            }
            continue;
        }
        if !begins_command(code, word.start) {
            continue;
        }
        match text {
            b"if" | b"case" | b"for" | b"while" | b"until" | b"select" => open.push((word.start, None)),
            b"fi" | b"esac" | b"done" => {
                if let Some((start, function)) = open.pop() {
                    blocks.push(Block { span: start..word.end, function });
                }
            }
            _ => {}
        }
    }
    for (start, function) in open {
        blocks.push(Block { span: start..code.text.len(), function });
    }
    blocks
}

/// Every run comes here: no condition, no loop, no function that is not surely called.
fn live(code: &Code<'_>, blocks: &[Block], at: usize, depth: usize) -> bool {
    if depth > 2 {
        return false;
    }
    let line = code.line(at);
    let conditional = (line.start..at).any(|here| {
        code.mark(here) == Mark::Code
            && (code.get(here) == b'&' && code.get(here + 1) == b'&'
                || code.get(here) == b'|' && code.get(here + 1) == b'|')
    });
    if conditional {
        return false;
    }
    blocks.iter().filter(|block| block.span.contains(&at)).all(|block| match &block.function {
        None => false,
        Some(name) => code.words(name).iter().any(|call| {
            !block.span.contains(&call.start)
                && begins_command(code, call.start)
                && code.get(call.end) != b'('
                && live(code, blocks, call.start, depth + 1)
        }),
    })
}

/// One word of the shell with its quotes taken off.
fn word(code: &Code<'_>, mut at: usize) -> (Vec<u8>, Range<usize>) {
    let start = at;
    let mut value = Vec::new();
    while at < code.text.len() {
        match code.get(at) {
            b'\'' => {
                at += 1;
                while at < code.text.len() && code.get(at) != b'\'' {
                    value.push(code.get(at));
                    at += 1;
                }
                at += 1;
            }
            b'"' => {
                at += 1;
                while at < code.text.len() && code.get(at) != b'"' {
                    if code.get(at) == b'\\' && matches!(code.get(at + 1), b'"' | b'\\' | b'$' | b'`') {
                        at += 1;
                    }
                    value.push(code.get(at));
                    at += 1;
                }
                at += 1;
            }
            b'\\' if code.get(at + 1) == b'\n' => break,
            b'\\' => {
                value.push(code.get(at + 1));
                at += 2;
            }
            b' ' | b'\t' | b'\n' | b';' | b'|' | b'&' | b')' | b'<' | b'>' | b'`' => break,
            b'(' if value.is_empty() => break,
            byte => {
                value.push(byte);
                at += 1;
            }
        }
    }
    (value, start..at.min(code.text.len()))
}

/// Words from here to the end of the simple command, and where that is.
fn arguments_of(code: &Code<'_>, mut at: usize) -> Vec<(Vec<u8>, Range<usize>)> {
    let mut words = Vec::new();
    loop {
        while matches!(code.get(at), b' ' | b'\t') || code.get(at) == b'\\' && code.get(at + 1) == b'\n' {
            at += if code.get(at) == b'\\' { 2 } else { 1 };
        }
        if at >= code.text.len() || matches!(code.get(at), b'\n' | b';' | b'|' | b'&' | b')' | b'`' | b'(') {
            return words;
        }
        if matches!(code.get(at), b'<' | b'>') {
            let start = at;
            while matches!(code.get(at), b'<' | b'>') {
                at += 1;
            }
            words.push((code.text.get(start..at).unwrap_or_default().to_vec(), start..at));
            continue;
        }
        let (value, span) = word(code, at);
        if span.end <= at {
            return words;
        }
        at = span.end;
        words.push((value, span));
    }
}

/// The variable a command gets its input from: `echo "$X" | jq`, `jq ... <<< "$X"`.
fn input(code: &Code<'_>, command: usize, words: &[(Vec<u8>, Range<usize>)]) -> Option<Vec<u8>> {
    if let Some(at) = words.iter().position(|(value, _)| value == b"<<<") {
        return variable(&words.get(at + 1)?.0);
    }
    let line = code.line(command);
    let mut head = code.text.get(line.start..command)?.trim_ascii_end();
    if !head.ends_with(b"|") {
        return None;
    }
    if let Some(at) = memchr::memmem::rfind(head, b"$(") {
        head = head.get(at + 2..)?;
    }
    // The last variable of the first command of the pipe.
    let first = head.split(|byte| *byte == b'|').next()?;
    let at = memchr::memrchr(b'$', first)?;
    variable(first.get(at..)?)
}

fn variable(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_prefix(b"$")?;
    let text = text.strip_prefix(b"{").unwrap_or(text);
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    (length > 0).then(|| text.get(..length).unwrap_or_default().to_vec())
}

/// The variable a line assigns to: `X=$(...)`, `local X="$(...)"`.
fn assigned(code: &Code<'_>, at: usize) -> Option<Vec<u8>> {
    let line = code.line(at);
    let head = code.text.get(line.start..at)?.trim_ascii_start();
    let mut head = head;
    for word in [&b"local "[..], b"export ", b"declare ", b"readonly ", b"typeset "] {
        head = head.strip_prefix(word).unwrap_or(head).trim_ascii_start();
    }
    let length = head.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let rest = head.get(length..)?;
    (length > 0 && rest.starts_with(b"=")).then(|| head.get(..length).unwrap_or_default().to_vec())
}

/// Variables that hold the line from standard input.
fn lines(code: &Code<'_>) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    for span in code.words(b"read") {
        if begins_command(code, span.start) {
            for (value, _) in arguments_of(code, span.end) {
                if !value.starts_with(b"-")
                    && value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                {
                    names.push(value);
                }
            }
        }
    }
    for reader in [&b"head"[..], b"cat", b"line", b"sed", b"/dev/stdin"] {
        for span in code.all(reader) {
            if code.mark(span.start) == Mark::Code
                && !code.text.get(code.line(span.start).start..span.start).unwrap_or_default().contains(&b'|')
                && let Some(name) = assigned(code, span.start)
            {
                names.push(name);
            }
        }
    }
    names
}

pub(super) fn needs(script: &[u8]) -> Vec<Need> {
    let Some(code) = Code::of(script) else { return Vec::new() };
    let blocks = blocks(&code);
    let roots = lines(&code);
    let mut holds: HashMap<Vec<u8>, (Vec<String>, bool)> = HashMap::new();
    let mut needs = Vec::new();
    for span in code.words(b"jq") {
        if matches!(code.get(span.end), b'=' | b'.' | b'-') || code.get(span.start.wrapping_sub(1)) == b'-' {
            continue;
        }
        let words = arguments_of(&code, span.end);
        let Some((filter, place)) = filter(&words) else { continue };
        let from = input(&code, span.start, &words);
        let held = from.as_ref().and_then(|name| holds.get(name)).cloned();
        let is_root = from.as_ref().map_or(
            !code
                .text
                .get(code.line(span.start).start..span.start)
                .unwrap_or_default()
                .trim_ascii_end()
                .ends_with(b"|"),
            |name| roots.contains(name),
        );
        let live = live(&code, &blocks, span.start, 0);
        let (reads, single) = jq(filter);
        if let (Some(path), Some(name)) = (single, assigned(&code, span.start)) {
            let full = held.as_ref().map_or_else(Vec::new, |(prefix, _)| prefix.clone());
            holds.insert(name, ([full, path].concat(), held.as_ref().is_some_and(|(_, optional)| *optional)));
        }
        for read in reads {
            let mut paths = Vec::new();
            for path in &read.paths {
                let whole = match &held {
                    Some((prefix, _)) => [prefix.clone(), path.clone()].concat(),
                    None if surely_root(path) || is_root && maybe_root(path) => path.clone(),
                    None => continue,
                };
                paths.push(dotted(&whole));
            }
            if paths.is_empty() {
                continue;
            }
            needs.push(Need {
                paths,
                optional: read.optional || !live || held.as_ref().is_some_and(|(_, optional)| *optional),
                fatal: false,
                wanted: Wanted::Anything,
                how: "jq".to_owned(),
                place: Some(Place::of(script, place.clone())),
            });
        }
    }
    wrapped(&code, &blocks, &mut needs);
    for tool in [&b"grep"[..], b"egrep", b"sed", b"awk", b"gawk", b"mawk"] {
        for span in code.words(tool) {
            if !begins_command(&code, span.start) {
                continue;
            }
            let live = live(&code, &blocks, span.start, 0);
            for (value, place) in arguments_of(&code, span.end) {
                let Some(name) = quoted_member(&value) else { continue };
                needs.push(Need {
                    paths: vec![format!("*.{name}")],
                    // Without -q or a test, an empty result is what it needs not to be.
                    optional: !live || assigned(&code, span.start).is_none(),
                    fatal: false,
                    wanted: Wanted::Anything,
                    how: String::from_utf8_lossy(tool).into_owned(),
                    place: Some(Place::of(script, place)),
                });
            }
        }
    }
    needs
}

/// Calls of a function of the script that gives its first argument to jq: `field .source.ip`.
fn wrapped(code: &Code<'_>, blocks: &[Block], needs: &mut Vec<Need>) {
    for block in blocks {
        let Some(name) = &block.function else { continue };
        let body = code.text.get(block.span.clone()).unwrap_or_default();
        let has = |word: &[u8]| memchr::memmem::find(body, word).is_some();
        if !has(b"jq ") || !(has(b"$1") || has(b"${1")) {
            continue;
        }
        for call in code.words(name) {
            if block.span.contains(&call.start) || !begins_command(code, call.start) {
                continue;
            }
            let words = arguments_of(code, call.end);
            let Some((value, place)) = words.first() else { continue };
            let Some((parts, optional, length)) = path(value) else { continue };
            if length != value.len() || !(surely_root(&parts) || maybe_root(&parts)) {
                continue;
            }
            needs.push(Need {
                paths: vec![dotted(&parts)],
                optional: optional || has(b"//") || !live(code, blocks, call.start, 0),
                fatal: false,
                wanted: Wanted::Anything,
                how: "jq".to_owned(),
                place: Some(Place::of(code.text, place.clone())),
            });
        }
    }
}

/// The name in a pattern such as `"srcip":"\([^"]*\)"`.
fn quoted_member(pattern: &[u8]) -> Option<String> {
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

/// The filter among the arguments of jq.
fn filter(words: &[(Vec<u8>, Range<usize>)]) -> Option<(&[u8], Range<usize>)> {
    let mut skip = 0;
    for (value, span) in words {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        match value.as_slice() {
            b"--arg" | b"--argjson" | b"--slurpfile" | b"--rawfile" => skip = 2,
            b"--indent" => skip = 1,
            b"<<<" | b"<" | b">" | b">>" => skip = 1,
            b"-f" | b"--from-file" | b"-n" | b"--null-input" | b"-nr" | b"-rn" | b"-nc" | b"-cn" => {
                return None;
            }
            value if value.starts_with(b"-") && value.len() > 1 => {}
            // A file descriptor in front of a redirection.
            value if value.len() == 1 && value.iter().all(u8::is_ascii_digit) => {}
            value => return Some((value, span.clone())),
        }
    }
    None
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
fn path(text: &[u8]) -> Option<(Vec<String>, bool, usize)> {
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

/// `$1` to `$9` outside of functions.
pub(super) fn arguments(script: &[u8]) -> Option<Range<usize>> {
    let code = Code::of(script)?;
    let blocks = blocks(&code);
    let in_function =
        |at: usize| blocks.iter().any(|block| block.function.is_some() && block.span.contains(&at));
    let mut found: Option<Range<usize>> = None;
    let mut single = false;
    for at in 0..script.len() {
        // Single quotes keep $1 for awk and the like.
        if code.mark(at) == Mark::String && code.get(at) == b'\'' {
            single = !single;
        }
        if code.mark(at) == Mark::Comment || code.get(at) != b'$' || at > 0 && code.get(at - 1) == b'\\' {
            continue;
        }
        let brace = code.get(at + 1) == b'{';
        let digit = code.get(at + 1 + usize::from(brace));
        let whole = !brace || !code.get(at + 3).is_ascii_digit();
        if digit.is_ascii_digit()
            && digit != b'0'
            && whole
            && !in_function(at)
            && !(single && code.mark(at) == Mark::String)
        {
            found = Some(at..at + 2 + usize::from(brace) * 2);
            break;
        }
    }
    // `set --` makes positional parameters of its own.
    if code
        .words(b"set")
        .iter()
        .any(|span| code.text.get(span.end..).is_some_and(|rest| rest.starts_with(b" --")))
    {
        return None;
    }
    found
}

/// `read` without `-r` that takes the script's standard input.
pub(super) fn read_without_r(script: &[u8]) -> Option<Range<usize>> {
    let code = Code::of(script)?;
    let blocks = blocks(&code);
    code.words(b"read").into_iter().find(|span| {
        if !begins_command(&code, span.start) || matches!(code.get(span.end), b'=' | b'(' | b'-' | b'.') {
            return false;
        }
        let line = code.line(span.start);
        let head = code.text.get(line.start..span.start).unwrap_or_default().trim_ascii_end();
        let words = arguments_of(&code, span.end);
        let mut takes = true;
        for (at, (value, _)) in words.iter().enumerate() {
            match value.as_slice() {
                // Another file, a text, another descriptor.
                b"<" | b"<<" | b"<<<" => {
                    let from = words.get(at + 1).map_or(&b""[..], |word| &word.0);
                    takes =
                        matches!(from, b"/dev/stdin" | b"/dev/fd/0" | b"/proc/self/fd/0") || from == b"&0";
                }
                value
                    if value.starts_with(b"-")
                        && !value.starts_with(b"--")
                        && (value.contains(&b'r') || value.contains(&b'u')) =>
                {
                    return false;
                }
                _ => {}
            }
        }
        // Behind a pipe, or `IFS= read` behind one, it is another process's output.
        let unset = head.strip_suffix(b"IFS=").unwrap_or(head).trim_ascii_end();
        let unset = unset.strip_suffix(b"while").unwrap_or(unset).trim_ascii_end();
        if unset.ends_with(b"|") && !unset.ends_with(b"||") {
            return false;
        }
        // A loop or a group around it whose input comes from elsewhere.
        let redirected = blocks.iter().filter(|block| block.span.contains(&span.start)).any(|block| {
            let end = code.line(block.span.end.saturating_sub(1)).end;
            let behind = code.text.get(block.span.end..end).unwrap_or_default();
            let before = code.text.get(..block.span.start).unwrap_or_default().trim_ascii_end();
            block.function.is_none()
                && (behind.contains(&b'<') || before.ends_with(b"|") && !before.ends_with(b"||"))
        });
        takes && !redirected
    })
}

/// `$(cat)`, `$(</dev/stdin)` and a filter that is the first to take standard input.
pub(super) fn reads_to_end(script: &[u8]) -> Option<Range<usize>> {
    let code = Code::of(script)?;
    for needle in [&b"$(</dev/stdin)"[..], b"$(< /dev/stdin)", b"`cat`"] {
        if let Some(span) = code.all(needle).into_iter().next() {
            return Some(span);
        }
    }
    for tool in [&b"cat"[..], b"jq", b"tee", b"xargs"] {
        for span in code.words(tool) {
            if !begins_command(&code, span.start) {
                continue;
            }
            let line = code.line(span.start);
            let head = code.text.get(line.start..span.start).unwrap_or_default().trim_ascii_end();
            let words = arguments_of(&code, span.end);
            let fed = words.iter().any(|(value, _)| value.starts_with(b"<"));
            if head.ends_with(b"|")
                || fed
                || blocks(&code)
                    .iter()
                    .any(|block| block.function.is_some() && block.span.contains(&span.start))
            {
                continue;
            }
            let plain: Vec<_> = words.iter().filter(|(value, _)| !value.starts_with(b"-")).collect();
            let to_end = match tool {
                b"cat" => {
                    plain.is_empty()
                        || plain.iter().all(|(value, _)| value == b"/dev/stdin")
                        || plain.first().is_some_and(|(value, _)| value.starts_with(b">"))
                }
                b"jq" => {
                    filter(&words).is_some()
                        && plain.len() == 1
                        && words.iter().all(|(value, _)| value != b"input")
                }
                b"tee" => true,
                _ => plain.first().is_some_and(|_| {
                    code.text.get(line.start..line.end).is_some_and(|line| !line.contains(&b'|'))
                }),
            };
            if to_end {
                return Some(span);
            }
        }
    }
    None
}
