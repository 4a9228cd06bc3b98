//! What Python scripts read: subscripts, `.get()`, `sys.argv`.

use std::collections::HashMap;
use std::ops::Range;

use super::text::{Code, Mark};
use super::{Need, Place, Wanted, dotted, maybe_root, surely_root};

/// One `["name"]`, `.get("name")` or `[0]`.
struct Link {
    part: String,
    optional: bool,
    end: usize,
}

fn link(code: &Code<'_>, at: usize) -> Option<Link> {
    let text = code.text;
    let blank = |mut at: usize| {
        while code.get(at).is_ascii_whitespace() {
            at += 1;
        }
        at
    };
    let string = |at: usize| -> Option<(String, usize)> {
        let quote = code.get(at);
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let rest = text.get(at + 1..)?;
        let length = rest.iter().position(|byte| *byte == quote || *byte == b'\n')?;
        let name = rest.get(..length)?;
        (rest.get(length) == Some(&quote) && !name.contains(&b'\\'))
            .then(|| (String::from_utf8_lossy(name).into_owned(), at + 1 + length + 1))
    };
    if code.get(at) == b'[' {
        let inner = blank(at + 1);
        if let Some((name, end)) = string(inner) {
            let end = blank(end);
            return (code.get(end) == b']').then(|| Link { part: name, optional: false, end: end + 1 });
        }
        let digits = text.get(inner..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let part = String::from_utf8_lossy(text.get(inner..inner + digits)?).into_owned();
        return (digits > 0 && code.get(inner + digits) == b']').then(|| Link {
            part: format!("[{part}]"),
            optional: false,
            end: inner + digits + 1,
        });
    }
    let dot = blank(at);
    if !text.get(dot..)?.starts_with(b".get") {
        return None;
    }
    let open = blank(dot + 4);
    if code.get(open) != b'(' {
        return None;
    }
    let (name, mut end) = string(blank(open + 1))?;
    let mut depth = 1;
    while depth > 0 && end < text.len() {
        if code.mark(end) == Mark::Code {
            match code.get(end) {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
        }
        end += 1;
    }
    (depth == 0).then_some(Link { part: name, optional: true, end })
}

/// Whether every run comes to a line: not below if, for, while, try, except, with a
/// condition, or in a function that is not surely called.
fn live(code: &Code<'_>, at: usize, depth: usize) -> bool {
    if depth > 2 {
        return false;
    }
    let indent = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let here = code.line(at);
    let text = code.text.get(here.clone()).unwrap_or_default();
    let head = code.text.get(here.start..at).unwrap_or_default().trim_ascii_start();
    if [&b"if "[..], b"elif ", b"while ", b"assert ", b"return lambda", b"except"]
        .iter()
        .any(|word| head.starts_with(word))
    {
        return false;
    }
    // `x if y else z`, `a and b`, comprehensions.
    if [&b" if "[..], b" and ", b" or ", b" for ", b"lambda"]
        .iter()
        .any(|word| memchr::memmem::find(text, word).is_some())
    {
        return false;
    }
    let mut level = indent(text);
    let mut end = here.start;
    while level > 0 && end > 0 {
        let line = code.line(end - 1);
        end = line.start;
        let text = code.text.get(line.clone()).unwrap_or_default();
        let trimmed = text.trim_ascii();
        if trimmed.is_empty() || code.mark(line.start + indent(text)) != Mark::Code || indent(text) >= level {
            continue;
        }
        if !trimmed.ends_with(b":")
            && !memchr::memmem::find(trimmed, b":").is_some_and(|_| trimmed.starts_with(b"def "))
        {
            // The continuation of an expression.
            continue;
        }
        level = indent(text);
        if let Some(rest) = trimmed.strip_prefix(b"def ") {
            let name = rest
                .split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))
                .next()
                .unwrap_or_default();
            let called = code.words(name).iter().any(|call| {
                code.get(call.end) == b'('
                    && !line.contains(&call.start)
                    && !(line.start..at).contains(&call.start)
                    && live(code, call.start, depth + 1)
            });
            if !called {
                return false;
            }
        } else if !(trimmed.starts_with(b"with ") || trimmed.starts_with(b"if __name__")) {
            return false;
        }
    }
    true
}

pub(super) fn needs(script: &[u8]) -> Vec<Need> {
    let Some(code) = Code::of(script) else { return Vec::new() };
    let mut holds: HashMap<Vec<u8>, (Vec<String>, bool)> = HashMap::new();
    let mut needs = Vec::new();
    let identifier = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut at = 0;
    while at < script.len() {
        let start = at;
        if code.mark(at) != Mark::Code
            || !identifier(code.get(at))
            || at > 0 && matches!(code.get(at - 1), b'.' | b'"' | b'\'')
        {
            at += 1;
            continue;
        }
        while identifier(code.get(at))
            || code.get(at) == b'.' && identifier(code.get(at + 1)) && !followed_by_get(&code, at)
        {
            at += 1;
        }
        let name = script.get(start..at).unwrap_or_default();
        if name.first().is_some_and(u8::is_ascii_digit) {
            continue;
        }
        let mut end = at;
        let mut base = holds.get(name).cloned();
        let mut known = base.is_some();
        // json.loads(line)["parameters"]
        if matches!(
            name,
            b"json.loads" | b"json.load" | b"loads" | b"load" | b"ujson.loads" | b"simplejson.loads"
        ) && code.get(at) == b'('
        {
            let mut depth = 0;
            while end < script.len() {
                if code.mark(end) == Mark::Code {
                    match code.get(end) {
                        b'(' => depth += 1,
                        b')' => depth -= 1,
                        _ => {}
                    }
                }
                end += 1;
                if depth == 0 {
                    break;
                }
            }
            base = Some((Vec::new(), false));
            known = true;
        }
        let first = end;
        let (mut parts, mut optional) = base.unwrap_or_default();
        let held = parts.len();
        while let Some(link) = link(&code, end) {
            parts.push(link.part);
            optional |= link.optional;
            end = link.end;
        }
        let chained = end > first;
        at = at.max(end);
        if !chained && (!known || first <= start + name.len()) {
            // `b = a` with a known `a`.
            if known && let Some(target) = target(&code, start) {
                let line = code.line(start);
                if code.text.get(end..line.end).is_some_and(|rest| rest.trim_ascii().is_empty()) {
                    holds.insert(target, (parts, optional));
                }
            }
            continue;
        }
        if parts.len() > held
            && !known
            && !(surely_root(&parts)
                || parts.len() == 1 && parts.first().is_some_and(|part| part == "parameters"))
        {
            continue;
        }
        let rest = code.text.get(end..).unwrap_or_default();
        let tail = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t'))
            .map_or(&b""[..], |skip| rest.get(skip..).unwrap_or_default());
        // An assignment to it is no reading.
        if tail.starts_with(b"=") && !tail.starts_with(b"==") {
            continue;
        }
        if let Some(target) = target(&code, start) {
            let line = tail.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
            if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"or ") {
                holds.insert(target, (parts.clone(), optional || line.starts_with(b"or ")));
            } else {
                holds.remove(&target);
            }
        }
        if !chained || parts.is_empty() {
            continue;
        }
        let whole = if known && held == 0 && !maybe_root(&parts) && !surely_root(&parts) {
            continue;
        } else {
            dotted(&parts)
        };
        needs.push(Need {
            paths: vec![whole],
            optional: optional || !live(&code, start, 0),
            fatal: true,
            wanted: Wanted::Anything,
            how: "Python".to_owned(),
            place: Some(Place::of(script, start..end)),
        });
    }
    // `"srcip" in data`: the script looks before it reads.
    for need in &mut needs {
        let last = need.path().rsplit('.').next().unwrap_or_default().to_owned();
        for quote in ['"', '\''] {
            for blank in [" in ", " not in "] {
                if code.contains(format!("{quote}{last}{quote}{blank}").as_bytes()) {
                    need.optional = true;
                }
            }
        }
    }
    needs
}

fn followed_by_get(code: &Code<'_>, at: usize) -> bool {
    code.text.get(at..).is_some_and(|rest| rest.starts_with(b".get(") || rest.starts_with(b".get ("))
}

/// The name a statement assigns to, when its right side begins here.
fn target(code: &Code<'_>, at: usize) -> Option<Vec<u8>> {
    let line = code.line(at);
    let head = code.text.get(line.start..at)?.trim_ascii();
    let name = head.strip_suffix(b"=")?.trim_ascii_end();
    // A type may stand behind the name.
    let name = name.split(|byte| *byte == b':').next()?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'))
        .then(|| name.to_vec())
}

/// `sys.argv[1]` and later ones.
pub(super) fn arguments(script: &[u8]) -> Option<Range<usize>> {
    let code = Code::of(script)?;
    code.words(b"argv").into_iter().find_map(|span| {
        let rest = code.text.get(span.end..)?;
        let inner = rest.strip_prefix(b"[")?;
        let digit = *inner.first()?;
        (digit.is_ascii_digit() && digit != b'0').then(|| span.start..span.end + 3)
    })
}

/// `sys.stdin.read()`, `json.load(sys.stdin)`, `for line in sys.stdin` and the like.
pub(super) fn reads_to_end(script: &[u8]) -> Option<Range<usize>> {
    let code = Code::of(script)?;
    for needle in [
        &b"stdin.read()"[..],
        b"stdin.buffer.read()",
        b"stdin.readlines()",
        b"json.load(sys.stdin",
        b"in sys.stdin:",
        b"open('/dev/stdin').read()",
        b"open(\"/dev/stdin\").read()",
        b"open(0).read()",
        b"fileinput.input(",
    ] {
        // A loop that is left after its first line is none.
        let left = |span: &Range<usize>| {
            let body = code.text.get(span.end..).unwrap_or_default();
            let line = code.line(span.start);
            let indent = |text: &[u8]| text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let outer = indent(code.text.get(line).unwrap_or_default());
            needle.ends_with(b":")
                && body
                    .split(|byte| *byte == b'\n')
                    .skip(1)
                    .take_while(|text| text.trim_ascii().is_empty() || indent(text) > outer)
                    .any(|text| {
                        let text = text.trim_ascii();
                        text.starts_with(b"break") || text.starts_with(b"return")
                    })
        };
        if let Some(span) = code.all(needle).into_iter().find(|span| !left(span)) {
            return Some(span);
        }
    }
    None
}
