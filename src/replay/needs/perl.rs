//! What Perl scripts read: members of hashes, `@ARGV`.

use std::collections::HashMap;
use std::ops::Range;

use super::text::{Code, Mark};
use super::{Need, Place, Wanted, dotted, maybe_root, surely_root};

/// One `->{name}`, `{name}` or `->[0]`.
fn link(code: &Code<'_>, at: usize) -> Option<(String, usize)> {
    let mut at = at;
    if code.get(at) == b'-' && code.get(at + 1) == b'>' {
        at += 2;
    }
    let close = match code.get(at) {
        b'{' => b'}',
        b'[' => b']',
        _ => return None,
    };
    let rest = code.text.get(at + 1..)?;
    let length = memchr::memchr(close, rest)?;
    let inner = rest.get(..length)?.trim_ascii();
    let inner = match inner {
        [b'"', name @ .., b'"'] | [b'\'', name @ .., b'\''] => name,
        name => name,
    };
    let name = !inner.is_empty()
        && inner.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'-' | b'.'));
    if !name {
        return None;
    }
    let name = String::from_utf8_lossy(inner).into_owned();
    if close == b']' {
        return name
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| (format!("[{name}]"), at + 1 + length + 1));
    }
    Some((name, at + 1 + length + 1))
}

/// Brace depth of blocks: a function that is called counts as none.
fn live(code: &Code<'_>, at: usize) -> bool {
    let mut open: Vec<bool> = Vec::new();
    let mut here = 0;
    while here < at {
        if code.mark(here) == Mark::Code {
            match code.get(here) {
                b'{' => {
                    let head = code.text.get(..here).unwrap_or_default().trim_ascii_end();
                    let line = head
                        .rsplit(|byte| matches!(byte, b'\n' | b';' | b'}'))
                        .next()
                        .unwrap_or_default()
                        .trim_ascii();
                    let called = line.strip_prefix(b"sub ").is_some_and(|name| {
                        let name = name
                            .split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))
                            .next()
                            .unwrap_or_default();
                        !name.is_empty()
                            && code.words(name).iter().any(|call| {
                                code.get(call.end) == b'('
                                    && call.start != 0
                                    && !code.line(call.start).contains(&here)
                                    && outermost(code, call.start)
                            })
                    });
                    // `$x{`, `->{` and a hash behind `=` or a bracket enclose no statements.
                    let value = head.last().is_some_and(|byte| {
                        byte.is_ascii_alphanumeric() && !line.starts_with(b"sub ") && !ends_with_word(head)
                            || matches!(
                                byte,
                                b'>' | b'=' | b',' | b'(' | b'[' | b'}' | b'{' | b'$' | b'@' | b'%'
                            )
                    });
                    open.push(called || value);
                }
                b'}' => {
                    open.pop();
                }
                _ => {}
            }
        }
        here += 1;
    }
    if open.iter().any(|fine| !fine) {
        return false;
    }
    let line = code.line(at);
    let text = code.text.get(line).unwrap_or_default();
    ![
        &b" if "[..],
        b" if(",
        b"unless",
        b"exists",
        b"defined",
        b" and ",
        b" && ",
        b" ? ",
        b"foreach",
        b"while",
    ]
    .iter()
    .any(|word| memchr::memmem::find(text, word).is_some())
}

fn ends_with_word(head: &[u8]) -> bool {
    [&b"else"[..], b"do", b"eval", b"BEGIN", b"END"].iter().any(|word| head.ends_with(word))
}

/// No block is open.
fn outermost(code: &Code<'_>, at: usize) -> bool {
    let mut depth = 0_i32;
    for here in 0..at {
        if code.mark(here) == Mark::Code {
            match code.get(here) {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
        }
    }
    depth == 0
}

pub(super) fn needs(script: &[u8]) -> Vec<Need> {
    let Some(code) = Code::of(script) else { return Vec::new() };
    let mut holds: HashMap<Vec<u8>, Vec<String>> = HashMap::new();
    let mut needs = Vec::new();
    let mut at = 0;
    while at < script.len() {
        let start = at;
        at += 1;
        if code.mark(start) == Mark::Comment
            || code.get(start) != b'$'
            || start > 0 && code.get(start - 1) == b'\\'
        {
            continue;
        }
        while code.get(at) == b'$' {
            at += 1;
        }
        let from = at;
        while code.get(at).is_ascii_alphanumeric() || code.get(at) == b'_' {
            at += 1;
        }
        let name = script.get(from..at).unwrap_or_default().to_vec();
        if name.is_empty() {
            continue;
        }
        let held = holds.get(&name).cloned();
        let known = held.is_some();
        let mut parts = held.unwrap_or_default();
        let before = parts.len();
        let mut end = at;
        while let Some((part, next)) = link(&code, end) {
            parts.push(part);
            end = next;
        }
        let rest = code.text.get(end..).unwrap_or_default().trim_ascii_start();
        let line = code.line(start);
        let head = code.text.get(line.start..start).unwrap_or_default().trim_ascii();
        if parts.len() == before {
            // my $m = decode_json($line);
            if rest.starts_with(b"=") && !rest.starts_with(b"==") {
                let right = rest.get(1..).unwrap_or_default();
                let right = right.split(|byte| *byte == b';').next().unwrap_or_default();
                if [&b"decode_json"[..], b"from_json", b"->decode(", b"parse_json"]
                    .iter()
                    .any(|word| memchr::memmem::find(right, word).is_some())
                    && memchr::memmem::find(right, b")->{").is_none()
                {
                    holds.insert(name, Vec::new());
                }
            }
            continue;
        }
        at = end;
        if !(surely_root(&parts) || known && (before > 0 || maybe_root(&parts))) {
            continue;
        }
        if rest.starts_with(b"=") && !rest.starts_with(b"==") && !rest.starts_with(b"=~") {
            continue;
        }
        let fallback = rest.starts_with(b"//") || rest.starts_with(b"||");
        if let Some(target) = head.strip_suffix(b"=").map(<[u8]>::trim_ascii_end) {
            let target = target
                .strip_prefix(b"my ")
                .or_else(|| target.strip_prefix(b"our "))
                .unwrap_or(target)
                .trim_ascii();
            if let Some(target) = target.strip_prefix(b"$")
                && target.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                && rest.starts_with(b";")
            {
                holds.insert(target.to_vec(), parts.clone());
            }
        }
        needs.push(Need {
            paths: vec![dotted(&parts)],
            optional: fallback || !live(&code, start),
            fatal: false,
            wanted: Wanted::Anything,
            how: "Perl".to_owned(),
            place: Some(Place::of(script, start..end)),
        });
    }
    needs
}

/// `$ARGV[0]`, `@ARGV`, or `shift` outside of functions.
pub(super) fn arguments(script: &[u8]) -> Option<Range<usize>> {
    let code = Code::of(script)?;
    code.words(b"ARGV").into_iter().find(|span| {
        span.start > 0
            && (code.get(span.start - 1) == b'$' && code.get(span.end) == b'['
                || code.get(span.start - 1) == b'@')
    })
}

/// `<STDIN>` in list context, or with the line separator taken away.
pub(super) fn reads_to_end(script: &[u8]) -> Option<Range<usize>> {
    let code = Code::of(script)?;
    if let Some(span) = [&b"local $/;"[..], b"undef $/", b"local $/ = undef", b"$/ = undef"]
        .iter()
        .flat_map(|needle| code.all(needle))
        .next()
    {
        return Some(span);
    }
    code.all(b"<STDIN>").into_iter().find(|span| {
        let line = code.line(span.start);
        let head = code.text.get(line.start..span.start).unwrap_or_default().trim_ascii_end();
        let left = head.strip_suffix(b"=").map(<[u8]>::trim_ascii_end);
        left.is_some_and(|left| {
            let word = left.rsplit(|byte| matches!(byte, b' ' | b'\t' | b';')).next().unwrap_or_default();
            word.starts_with(b"@")
        }) || head.ends_with(b"join('',")
            || head.ends_with(b"join(\"\",")
            || head.ends_with(b"join '',")
            || head.ends_with(b"while (")
            || head.ends_with(b"while(")
    })
}
