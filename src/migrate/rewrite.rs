//! Turns a script for messages of 4.x into one for those of 5.x, where that can be done surely.
//!
//! Tokens are replaced one by one: whole paths of fields (jq paths, chains of Python subscripts
//! and `get`, Perl hashes) and the words the command is compared with. What is not surely
//! understood becomes a step for a person, with its place. [`Rewrite::complete`] is claimed
//! only when nothing of 4.x is left in the new text.

use std::ops::Range;

use super::fields::{self, To};
use crate::lint::{self, Code, Language, Mark};
use crate::wazuh::version::Contract;

/// One token that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Bytes of the script.
    pub span: Range<usize>,
    /// What stands there afterwards.
    pub with: String,
    /// What it was and became, in words of the message (`parameters.alert.data.srcip`).
    pub from: String,
    /// What it became (`source.ip`).
    pub to: String,
    /// What a person has to look at all the same.
    pub verify: Option<&'static str>,
}

/// Something a person has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The row it is about.
    pub row: &'static str,
    /// Bytes of the script.
    pub span: Range<usize>,
    /// What to do.
    pub text: String,
}

/// What becomes of a script's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// By place.
    pub replacements: Vec<Replacement>,
    /// By place.
    pub steps: Vec<Step>,
    /// The new text; none when nothing is replaced.
    pub text: Option<Vec<u8>>,
    /// The new text reads 5.x messages, as far as the text shows, and nothing is left to do.
    pub complete: bool,
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `.name`, and whether a `?` follows.
    Jq { quiet: bool },
    /// `["name"]`
    Subscript { quote: u8 },
    /// `.get("name", default)`
    Get { quote: u8 },
    /// `{name}`, and whether `->` stands before it.
    Perl { arrow: bool },
}

/// One member of a chain.
#[derive(Clone, Debug)]
struct Segment {
    name: String,
    kind: Kind,
    /// Behind the name in `get`, up to the bracket.
    default: Range<usize>,
}

/// A chain of members, as far as it is written with constant names.
#[derive(Clone, Debug)]
struct Chain {
    span: Range<usize>,
    segments: Vec<Segment>,
}

impl Chain {
    fn path(&self) -> String {
        self.segments.iter().map(|segment| segment.name.as_str()).collect::<Vec<_>>().join(".")
    }
}

/// Rewrites a script.
pub fn rewrite(script: &[u8]) -> Rewrite {
    let mut done = Rewrite::default();
    let Some(code) = Code::of(script) else { return done };
    if serves_5x(script) {
        return done;
    }
    fields_of(&code, &mut done);
    words_of(&code, &mut done);
    command_uses(&code, &mut done);
    done.replacements.sort_by_key(|replacement| replacement.span.start);
    done.replacements.dedup_by(|b, a| b.span.start < a.span.end);
    if !done.replacements.is_empty() {
        done.text = Some(apply(script, &done.replacements));
    }
    left_over(script, &mut done);
    done.steps.sort_by_key(|step| (step.span.start, step.row));
    done.steps.dedup_by(|b, a| a.row == b.row && a.span.start == b.span.start);
    let is_old =
        |text: &[u8]| lint::shown(text).written_for.is_some_and(|(contract, ..)| contract != Contract::Json5);
    done.complete = done.steps.is_empty() && done.text.as_deref().is_some_and(|text| !is_old(text));
    done
}

/// The text is for 5.x, alone or beside 4.x.
fn serves_5x(script: &[u8]) -> bool {
    if lint::shown(script).written_for.is_some_and(|(contract, ..)| contract == Contract::Json5) {
        return true;
    }
    let fields: [&[u8]; 9] = [
        b".source.ip",
        b".user.name",
        b".wazuh.",
        b"\"source\"",
        b"'source'",
        b"{source}",
        b"\"wazuh\"",
        b"'wazuh'",
        b"{wazuh}",
    ];
    Code::of(script)
        .is_some_and(|code| is_word_of(&code, "enable") && fields.iter().any(|field| code.contains(field)))
}

fn is_word_of(code: &Code<'_>, word: &str) -> bool {
    code.literal(word).is_some() || code.label(word).is_some()
}

fn apply(script: &[u8], replacements: &[Replacement]) -> Vec<u8> {
    let mut text = Vec::with_capacity(script.len() + 64);
    let mut at = 0;
    for replacement in replacements {
        text.extend_from_slice(script.get(at..replacement.span.start).unwrap_or_default());
        text.extend_from_slice(replacement.with.as_bytes());
        at = replacement.span.end;
    }
    text.extend_from_slice(script.get(at..).unwrap_or_default());
    text
}

/// Where a byte of the new text was in the old one.
fn was_at(replacements: &[Replacement], at: usize) -> usize {
    let mut old = at;
    let mut shift = 0_isize;
    for replacement in replacements {
        let start = replacement.span.start.saturating_add_signed(shift);
        if at < start {
            break;
        }
        if at < start + replacement.with.len() {
            return replacement.span.start;
        }
        shift += replacement.with.len().cast_signed() - replacement.span.len().cast_signed();
        old = at.saturating_add_signed(-shift);
    }
    old
}

fn get(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(get(text, at), b' ' | b'\t') {
        at += 1;
    }
    at
}

/// A constant name in quotes that begins here: the name and what is behind it.
fn quoted(text: &[u8], at: usize) -> Option<(String, u8, usize)> {
    let quote = get(text, at);
    if quote != b'"' && quote != b'\'' {
        return None;
    }
    let rest = text.get(at + 1..)?;
    let length = memchr::memchr3(quote, b'\\', b'\n', rest)?;
    (get(rest, length) == quote).then_some(())?;
    let name = std::str::from_utf8(rest.get(..length)?).ok()?;
    Some((name.to_owned(), quote, at + 1 + length + 1))
}

/// The next member of a chain, and what is behind it.
fn segment(language: Language, text: &[u8], at: usize) -> Option<(Segment, usize)> {
    let rest = text.get(at..)?;
    if rest.starts_with(b".get(") {
        let (name, quote, behind) = quoted(text, skip_blanks(text, at + 5))?;
        let end = closing(text, behind)?;
        return Some((Segment { name, kind: Kind::Get { quote }, default: behind..end }, end + 1));
    }
    if rest.starts_with(b"[") {
        let (name, quote, behind) = quoted(text, skip_blanks(text, at + 1))?;
        let behind = skip_blanks(text, behind);
        return (get(text, behind) == b']')
            .then_some((Segment { name, kind: Kind::Subscript { quote }, default: 0..0 }, behind + 1));
    }
    if language == Language::Perl {
        let arrow = rest.starts_with(b"->");
        let brace = if arrow { at + 2 } else { at };
        if get(text, brace) != b'{' {
            return None;
        }
        let inner = skip_blanks(text, brace + 1);
        let (name, behind) = match quoted(text, inner) {
            Some((name, _, behind)) => (name, behind),
            None => word(text, inner)?,
        };
        let behind = skip_blanks(text, behind);
        return (get(text, behind) == b'}')
            .then_some((Segment { name, kind: Kind::Perl { arrow }, default: 0..0 }, behind + 1));
    }
    if language.is_shell() && rest.starts_with(b".") {
        let (name, mut behind) = word(text, at + 1)?;
        let quiet = get(text, behind) == b'?';
        if quiet {
            behind += 1;
        }
        return Some((Segment { name, kind: Kind::Jq { quiet }, default: 0..0 }, behind));
    }
    None
}

fn word(text: &[u8], at: usize) -> Option<(String, usize)> {
    let mut end = at;
    while is_name(get(text, end)) {
        end += 1;
    }
    let name = std::str::from_utf8(text.get(at..end)?).ok()?;
    (end > at && !name.as_bytes().first()?.is_ascii_digit()).then(|| (name.to_owned(), end))
}

/// The bracket that ends a call, from behind its first argument.
fn closing(text: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0_u32;
    let mut at = from;
    loop {
        match *text.get(at)? {
            b'"' | b'\'' => at = quoted(text, at)?.2 - 1,
            b'(' | b'[' | b'{' => depth += 1,
            b')' if depth == 0 => return Some(at),
            b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
            b'\n' => return None,
            _ => {}
        }
        at += 1;
    }
}

/// The chain that begins here.
fn chain(language: Language, text: &[u8], start: usize) -> Chain {
    let mut chain = Chain { span: start..start, segments: Vec::new() };
    while let Some((segment, behind)) = segment(language, text, chain.span.end) {
        chain.segments.push(segment);
        chain.span.end = behind;
        if chain.segments.len() > 12 {
            break;
        }
    }
    chain
}

/// Chains whose first member is `parameters`.
fn envelopes(code: &Code<'_>) -> Vec<Chain> {
    let mut all: Vec<Chain> = Vec::new();
    for span in code.all(b"parameters") {
        let text = code.text;
        // From the name back to where its member begins.
        let quote = matches!(get(text, span.start.wrapping_sub(1)), b'"' | b'\'');
        let mut start = span.start.saturating_sub(usize::from(quote));
        while matches!(get(text, start.wrapping_sub(1)), b' ' | b'\t') {
            start -= 1;
        }
        let before = text.get(..start).unwrap_or_default();
        let start = if before.ends_with(b".get(") {
            start.checked_sub(5)
        } else if before.ends_with(b"->{") {
            start.checked_sub(3)
        } else if before.ends_with(b"[") || before.ends_with(b"{") || before.ends_with(b".") {
            start.checked_sub(1)
        } else {
            None
        };
        let Some(start) = start else { continue };
        let found = chain(code.language, text, start);
        if found.segments.first().is_some_and(|first| first.name == "parameters")
            && all.last().is_none_or(|last| last.span.end <= found.span.start)
        {
            all.push(found);
        }
    }
    all
}

/// The replacement for a chain that reads a field of `to`.
fn written(text: &[u8], chain: &Chain, to: &[&str]) -> Option<String> {
    let last = chain.segments.last()?;
    let first = chain.segments.first()?;
    let mut out = String::new();
    match first.kind {
        Kind::Jq { .. } => {
            let quiet = chain.segments.iter().any(|segment| segment.kind == Kind::Jq { quiet: true });
            for name in to {
                // A name that has to be quoted may end the quotes it stands in.
                if !name.bytes().all(is_name) {
                    return None;
                }
                out = out + "." + name + if quiet { "?" } else { "" };
            }
        }
        Kind::Perl { arrow } => {
            let arrows =
                chain.segments.iter().skip(1).any(|segment| segment.kind == Kind::Perl { arrow: true });
            for (number, name) in to.iter().enumerate() {
                out += if number == 0 && arrow || number > 0 && arrows { "->" } else { "" };
                let plain = name.bytes().all(is_name);
                out += &if plain { format!("{{{name}}}") } else { format!("{{'{name}'}}") };
            }
        }
        Kind::Subscript { quote } | Kind::Get { quote } => {
            let quote = char::from(quote);
            let inner = chain.segments.len().saturating_sub(1);
            let gets =
                chain.segments.iter().take(inner).any(|segment| matches!(segment.kind, Kind::Get { .. }));
            for (number, name) in to.iter().enumerate() {
                if number + 1 == to.len() {
                    out += &match last.kind {
                        Kind::Get { .. } => {
                            let default = std::str::from_utf8(text.get(last.default.clone())?).ok()?;
                            format!(".get({quote}{name}{quote}{default})")
                        }
                        _ => format!("[{quote}{name}{quote}]"),
                    };
                } else if gets {
                    out += &format!(".get({quote}{name}{quote}, {{}})");
                } else {
                    out += &format!("[{quote}{name}{quote}]");
                }
            }
        }
    }
    Some(out)
}

/// A chain under a known path as a replacement, or why not.
fn replaced(text: &[u8], chain: &Chain, path: &str) -> Result<Replacement, &'static str> {
    match fields::target(path) {
        Some(To::Field(to, verify)) => {
            let with = written(text, chain, to).ok_or("its name has to be quoted by hand")?;
            let to = to.join(".");
            Ok(Replacement { span: chain.span.clone(), with, from: path.to_owned(), to, verify })
        }
        Some(To::ByHand(why)) => Err(why),
        None => Err("no counterpart in 5.x is known: look for the field in a finding of this integration"),
    }
}

fn fields_of(code: &Code<'_>, done: &mut Rewrite) {
    for found in envelopes(code) {
        // The keys of the script's own message.
        if found.segments.get(1).is_some_and(|second| second.name == "keys") {
            continue;
        }
        let path = found.path();
        let result = match replaced(code.text, &found, &path) {
            Ok(replacement) => Ok(vec![replacement]),
            Err(_) if fields::is_part(&path) => aliased(code, &found, &path, 0).ok_or(
                "write each read of this object for 5.x by hand: there is no object of the same content",
            ),
            Err(why) => Err(why),
        };
        match result {
            Ok(replacements) => done.replacements.extend(replacements),
            Err(why) => {
                let row = row_of(&path);
                done.steps.push(Step { row, span: found.span.clone(), text: format!("`{path}`: {why}") });
            }
        }
    }
}

/// The row that a field of 4.x belongs to.
pub(super) fn row_of(path: &str) -> &'static str {
    match path {
        "parameters.alert.id" => "S19",
        "parameters.alert.rule.level" => "S21",
        "parameters.alert.rule.id" => "S22",
        "parameters.extra_args" => "S23",
        "parameters.program" => "S02",
        "origin" | "version" | "parameters" | "origin.name" | "origin.module" => "S03",
        _ => "S01",
    }
}

/// A part of the alert that is put into a variable, when each use of the variable reads one
/// field that has a counterpart: the variable becomes the whole message.
fn aliased(code: &Code<'_>, part: &Chain, path: &str, depth: u32) -> Option<Vec<Replacement>> {
    if depth > 3 || code.language.is_shell() {
        return None;
    }
    let text = code.text;
    let line = code.line(part.span.start);
    let head = std::str::from_utf8(text.get(line.start..part.span.start)?).ok()?;
    let tail = text.get(part.span.end..line.end)?.trim_ascii();
    let (name, value) = head.split_once('=')?;
    let value = value.trim();
    let perl = code.language == Language::Perl;
    if !(tail.is_empty() || perl && tail == b";") || !is_one_value(value) {
        return None;
    }
    let name = name.trim();
    let name = if perl { name.strip_prefix("my ").unwrap_or(name).trim().strip_prefix('$')? } else { name };
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    let removed = Replacement {
        span: part.span.clone(),
        with: String::new(),
        from: path.to_owned(),
        to: "the whole message".to_owned(),
        verify: None,
    };
    let mut all = vec![removed];
    let definition = line.start + head.find(name)?;
    // In a string of Perl a variable is read too, so strings count.
    for span in code.all(name.as_bytes()) {
        let whole = !is_name(get(text, span.start.wrapping_sub(1))) && !is_name(get(text, span.end));
        let in_string = code.mark(span.start) == Mark::String;
        if span.start == definition || !whole || in_string && !perl {
            continue;
        }
        if perl && get(text, span.start.wrapping_sub(1)) != b'$' {
            continue;
        }
        if in_string || span.start < part.span.end {
            return None;
        }
        let inner = chain(code.language, text, span.end);
        if inner.segments.is_empty() {
            return None;
        }
        let full = format!("{path}.{}", inner.path());
        match replaced(text, &inner, &full) {
            Ok(replacement) => all.push(replacement),
            Err(_) if fields::is_part(&full) => {
                all.extend(aliased(code, &inner, &full, depth + 1)?);
            }
            Err(_) => return None,
        }
    }
    (all.len() > 1).then_some(all)
}

/// One operand: a name, or calls on it; no blank and no operator outside of brackets.
fn is_one_value(value: &str) -> bool {
    let mut depth = 0_i32;
    let plain = value.strip_prefix('$').unwrap_or(value);
    !plain.is_empty()
        && plain.chars().all(|character| {
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            depth > 0 || character.is_ascii_alphanumeric() || "_.)]}".contains(character)
        })
        && depth == 0
}

/// The expression that stands before a comparison names the command.
fn names_command(text: &str, variables: &[String]) -> bool {
    let direct =
        [".command", "[\"command\"]", "['command']", "get(\"command\"", "get('command'", "{command}"];
    if direct.iter().any(|direct| text.contains(direct)) || text.contains("{'command'}") {
        return true;
    }
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| word.eq_ignore_ascii_case("command") || variables.iter().any(|name| name == word))
}

/// A variable of that name that is given something else: whatever it is compared with is no
/// word of the message.
fn is_another_command(code: &Code<'_>) -> bool {
    let mut at = 0;
    while at < code.text.len() {
        let line = code.line(at);
        at = line.end + 1;
        let Ok(text) = std::str::from_utf8(code.text.get(line.clone()).unwrap_or_default()) else { continue };
        if code.mark(line.start) == Mark::Code
            && let Some((name, value)) = assignment(text)
            && name.eq_ignore_ascii_case("command")
            && is_own_word(value)
        {
            return true;
        }
    }
    false
}

/// The script's own name, or a constant.
fn is_own_word(value: &str) -> bool {
    let value = value.trim().trim_end_matches(';');
    let bare = value.trim_matches(['"', '\'']);
    ["basename", "$0", "argv[0]", "__file__"].iter().any(|own| value.contains(own))
        || !bare.is_empty() && bare != "None" && bare.bytes().all(|byte| is_name(byte) || byte == b'-')
}

/// The command and nothing else: `.command` beside other fields is a line that is cut up later.
fn is_composite(value: &str) -> bool {
    value
        .split_once(".command")
        .is_some_and(|(_, rest)| rest.trim_start().starts_with([',', '+', ')']) || rest.contains("join("))
}

/// The variable a line sets, and what to.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim().rsplit(['$', ' ']).next()?;
    (!name.is_empty() && name.bytes().all(is_name) && !value.starts_with(['=', '>', '~']))
        .then_some((name, value))
}

/// Variables that are given the command.
fn command_variables(code: &Code<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < code.text.len() {
        let line = code.line(at);
        at = line.end + 1;
        let Ok(text) = std::str::from_utf8(code.text.get(line.clone()).unwrap_or_default()) else { continue };
        let Some((name, value)) = assignment(text) else { continue };
        if code.mark(line.start) == Mark::Code
            && names_command(value, &[])
            && !(code.language.is_shell() && is_composite(value))
            && !value.contains("check_keys")
            && !value.contains(" == ")
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// What stands before a word on its line, quotes and blanks left out.
fn before(code: &Code<'_>, at: usize) -> String {
    let line = code.line(at);
    String::from_utf8_lossy(code.text.get(line.start..at).unwrap_or_default()).trim_end().to_owned()
}

/// What stands between `case` and `in`, of the `case` this place is in.
fn case_subject(code: &Code<'_>, at: usize) -> Option<String> {
    let mut depth = 0_u32;
    let mut words: Vec<(Range<usize>, bool)> =
        code.words(b"case").into_iter().map(|span| (span, true)).collect();
    words.extend(code.words(b"esac").into_iter().map(|span| (span, false)));
    words.retain(|(span, _)| span.start < at);
    words.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, opens) in words {
        if !opens {
            depth += 1;
        } else if depth > 0 {
            depth -= 1;
        } else {
            let rest = code.text.get(span.end..at)?;
            let end = memchr::memmem::find(rest, b" in\n")
                .or_else(|| memchr::memmem::find(rest, b" in "))
                .or_else(|| memchr::memmem::find(rest, b" in\t"))?;
            return Some(String::from_utf8_lossy(rest.get(..end)?).into_owned());
        }
    }
    None
}

/// Where a word stands, as far as it matters.
enum Stands {
    /// Compared with the command.
    Compared,
    /// Compared with something else, or a value: a person has to look.
    Doubtful,
    /// A word of a command line, of a list: none of ours.
    Other,
}

fn stands(code: &Code<'_>, span: &Range<usize>, variables: &[String]) -> Stands {
    let text = code.text;
    let (left, right) = (get(text, span.start.wrapping_sub(1)), get(text, span.end));
    let in_quotes = matches!(left, b'"' | b'\'') && left == right;
    let start = span.start - usize::from(in_quotes);
    let end = span.end + usize::from(in_quotes);
    let head = before(code, start);
    let tail = code.line(span.start).end;
    let tail = String::from_utf8_lossy(text.get(end..tail).unwrap_or_default()).trim_start().to_owned();
    let verdict = |sure: bool| if sure { Stands::Compared } else { Stands::Doubtful };
    // The operand on the left of an operator.
    let operators: &[&str] = match code.language {
        Language::Perl => &[" eq", " ne"],
        Language::Python => &["==", "!=", " is"],
        _ => &["==", "!=", " ="],
    };
    if in_quotes || code.language.is_shell() {
        for operator in operators {
            if let Some(operand) = head.strip_suffix(operator) {
                // Only the operand itself: what stands before `and`, `if`, `[` is another matter.
                let cut = ["&&", "||", " and ", " or ", "[[ ", "[ ", "if ", "elif ", "test ", "select("]
                    .iter()
                    .filter_map(|cut| operand.rfind(cut).map(|found| found + cut.len()))
                    .max()
                    .unwrap_or(0);
                // The brackets of `$(... | jq)` belong to the operand.
                let operand = operand.get(cut..).unwrap_or(operand);
                return verdict(names_command(operand, variables));
            }
        }
    }
    // A search for the word in the text of the message, or a pattern.
    if in_quotes && head.ends_with(':') || left == b'^' || right == b'$' && !code.language.is_shell() {
        return Stands::Doubtful;
    }
    // The name of a function, or a key.
    let opens = |text: &str| text.starts_with('(') || text.starts_with("=>") || text.starts_with("]=");
    if !in_quotes && (opens(&tail) || head.ends_with("def") || head.ends_with("sub")) {
        return Stands::Doubtful;
    }
    if in_quotes && !code.language.is_shell() {
        for operator in ["==", "!=", "eq ", "ne "] {
            if let Some(operand) = tail.strip_prefix(operator) {
                return verdict(names_command(operand, variables));
            }
        }
        // `in ("add", "delete")`: only constants between.
        if let Some(open) = head.rfind(['(', '[', '{'])
            && let Some(operand) = head.get(..open).map(str::trim_end)
            && let Some(operand) = operand.strip_suffix(" in").or_else(|| operand.strip_suffix(" not in"))
            && head.get(open + 1..).is_some_and(|inner| {
                inner.bytes().all(|byte| is_name(byte) || matches!(byte, b'"' | b'\'' | b',' | b' '))
            })
        {
            return verdict(names_command(operand, variables));
        }
        if code.language == Language::Python && head.trim() == "case" && tail.starts_with(':') {
            let above = String::from_utf8_lossy(text.get(..start).unwrap_or_default()).into_owned();
            let subject =
                above.rfind("match ").and_then(|at| above.get(at..)).and_then(|rest| rest.lines().next());
            return verdict(subject.is_some_and(|subject| names_command(subject, variables)));
        }
        // A member of a list of words is no decision by itself.
        return if head.ends_with(',') || head.ends_with('[') { Stands::Other } else { Stands::Doubtful };
    }
    if code.language.is_shell() {
        let begins = head.trim().is_empty()
            || head.ends_with('|')
            || head.ends_with(" in")
            || head.ends_with(";;")
            || head.trim() == "(";
        if begins && (tail.starts_with(')') || tail.starts_with('|') && !tail.starts_with("||")) {
            return verdict(
                case_subject(code, start).is_some_and(|subject| names_command(&subject, variables)),
            );
        }
        if matches!(left, b'|' | b'(' | b'^') || matches!(right, b'|' | b'$') {
            return Stands::Doubtful;
        }
    }
    Stands::Other
}

/// Words of a line, a hyphen inside of them.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-')).any(|one| one == word)
}

/// Every use of the command has to be one that is understood: a comparison that was rewritten, a
/// line of a log, the answer of execd. A dispatch by name or a word put together is not.
fn command_uses(code: &Code<'_>, done: &mut Rewrite) {
    let text = code.text;
    let reads: [&[u8]; 8] = [
        b".command",
        b"[\"command\"]",
        b"['command']",
        b".get(\"command\"",
        b".get('command'",
        b"{command}",
        b"{'command'}",
        b"{\"command\"}",
    ];
    let variables = command_variables(code);
    let objects = code.contains(b"SimpleNamespace") || code.contains(b"object_hook");
    let mut uses: Vec<Range<usize>> = reads
        .iter()
        .flat_map(|read| code.all(read))
        .filter(|span| {
            let member = get(text, span.start) == b'.';
            let before = get(text, span.start.wrapping_sub(1));
            let ends = !is_name(get(text, span.end));
            let python = member && code.language == Language::Python;
            ends && !(python && !objects && get(text, span.start + 1) == b'c')
                && !(member && code.language.is_shell() && (is_name(before) || before == b']'))
        })
        .collect();
    for name in &variables {
        uses.extend(code.all(name.as_bytes()).into_iter().filter(|span| {
            let before = get(text, span.start.wrapping_sub(1));
            let read = match code.language {
                Language::Python => code.mark(span.start) == Mark::Code || before == b'{',
                Language::Perl => before == b'$',
                _ => before == b'$' || text.get(..span.start).unwrap_or_default().ends_with(b"${"),
            };
            read && before != b'.' && !is_name(before) && !is_name(get(text, span.end))
        }));
    }
    let rewritten = done.replacements.iter().any(|one| matches!(one.from.as_str(), "add" | "delete"));
    uses.sort_by_key(|span| span.start);
    let mut told = 0..0;
    for span in uses {
        let line = code.line(span.start);
        let said = String::from_utf8_lossy(text.get(line.clone()).unwrap_or_default()).into_owned();
        let inside = |other: &Range<usize>| line.start <= other.start && other.start < line.end;
        let known = done
            .replacements
            .iter()
            .any(|one| matches!(one.from.as_str(), "add" | "delete") && inside(&one.span))
            || done.steps.iter().any(|step| inside(&step.span))
            || is_understood(code.language, &said, &variables)
            // A line put together of several fields is compared later, by the variable's name.
            || rewritten && code.language.is_shell() && is_composite(&said);
        if !known && told != line {
            told = line;
            done.steps.push(Step {
                row: "S04",
                span,
                text: "the command is used in a way that is not followed here: it is `enable` or `disable` in 5.x".to_owned(),
            });
        }
    }
}

/// A line with the command in it that needs no other word in 5.x.
fn is_understood(language: Language, line: &str, variables: &[String]) -> bool {
    let line = line.trim();
    if ["continue", "abort", "check_keys", "enable", "disable"].iter().any(|word| has_word(line, word)) {
        return true;
    }
    // The variable is set here.
    if assignment(line).is_some_and(|(name, value)| {
        let set = variables.iter().any(|variable| variable == name);
        set && (names_command(value, &[]) || value.trim().trim_matches(['"', '\'', ';']).is_empty())
    }) {
        return true;
    }
    let first = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    let logs = |word: &str| {
        let word = word.to_ascii_lowercase();
        ["log", "debug", "print", "warn", "error"].iter().any(|part| word.contains(part))
    };
    match language {
        Language::Sh | Language::Bash | Language::PowerShell | Language::Cmd => {
            first == "case" && has_word(line, "in")
                || ["-n", "-z"].iter().any(|test| has_word(line, test))
                || (logs(first) || matches!(first, "echo" | "printf" | "die" | "fail" | "error" | "warn"))
                    && !line.contains(['|', '`'])
                || first == "local" && !line.contains('=')
        }
        Language::Python => {
            first == "match"
                || logs(line.split('(').next().unwrap_or_default())
                || first == "print"
                || line.starts_with("if not ")
                || first == "raise"
                || line.starts_with("sys.exit(")
                || line.starts_with("sys.stderr.write(")
        }
        Language::Perl => {
            logs(first)
                || matches!(first, "print" | "printf" | "die" | "warn" | "say")
                || line.contains("unless defined")
        }
    }
}

fn words_of(code: &Code<'_>, done: &mut Rewrite) {
    let variables = command_variables(code);
    let another = is_another_command(code);
    for (old, new) in [("add", "enable"), ("delete", "disable")] {
        for span in code.all(old.as_bytes()) {
            let outside = |byte: u8| !(is_name(byte) || matches!(byte, b'-' | b'.' | b'/'));
            if !outside(get(code.text, span.start.wrapping_sub(1))) || !outside(get(code.text, span.end)) {
                continue;
            }
            let line = code.line(span.start);
            let line = String::from_utf8_lossy(code.text.get(line).unwrap_or_default()).into_owned();
            match stands(code, &span, &variables) {
                // The word of 5.x is asked for beside it: both are served.
                Stands::Compared if has_word(&line, new) => {}
                Stands::Compared if !another => done.replacements.push(Replacement {
                    span,
                    with: new.to_owned(),
                    from: old.to_owned(),
                    to: new.to_owned(),
                    verify: None,
                }),
                Stands::Doubtful | Stands::Compared => done.steps.push(Step {
                    row: "S04",
                    span,
                    text: format!("`{old}` is `{new}` in 5.x, if this is the command of the message"),
                }),
                Stands::Other => {}
            }
        }
    }
}

/// Reads of 4.x that are still there.
fn left_over(script: &[u8], done: &mut Rewrite) {
    let text = done.text.as_deref().unwrap_or(script);
    let mut steps = Vec::new();
    for read in &lint::shown(text).fields {
        for path in &read.paths {
            let old_name = path.strip_prefix("*.").is_some_and(fields::is_old_name);
            if lint::contract_of(path) != Some(Contract::Json4) && !old_name && path != "version" {
                continue;
            }
            let start = was_at(&done.replacements, read.span.start);
            let span = start..start + read.span.len().min(script.len().saturating_sub(start));
            let text = match fields::target(path) {
                Some(To::Field(to, _)) => format!("`{path}` is `{}` in 5.x", to.join(".")),
                Some(To::ByHand(why)) => format!("`{path}`: {why}"),
                None if old_name => {
                    match fields::target(&format!("parameters.alert.data.{}", path.trim_start_matches("*.")))
                    {
                        Some(To::Field(to, _)) => format!("`{path}` is `{}` in 5.x", to.join(".")),
                        _ => format!("`{path}` has another name in 5.x"),
                    }
                }
                None => format!("`{path}` is not in messages of 5.x"),
            };
            steps.push(Step { row: row_of(path), span, text });
        }
    }
    // Here-documents and quoted programs are not read as code, and are not sure for that reason.
    let hidden: [&[u8]; 4] = [b"parameters.alert", b"[\"parameters\"]", b"['parameters']", b"extra_args"];
    for needle in hidden {
        for at in memchr::memmem::find_iter(text, needle) {
            let start =
                memchr::memrchr(b'\n', text.get(..at).unwrap_or_default()).map_or(0, |found| found + 1);
            if text.get(start..at).unwrap_or_default().trim_ascii_start().starts_with(b"#") {
                continue;
            }
            let old = was_at(&done.replacements, at);
            let known = |step: &Step| step.span.start <= old && old <= step.span.end;
            if !done.steps.iter().chain(&steps).any(known) {
                let text = "a field of 4.x in a text that is not read as code here".to_owned();
                steps.push(Step { row: "S01", span: old..old + needle.len(), text });
            }
        }
    }
    // Whether the message has that object.
    if let Some(code) = Code::of(text) {
        let chains = envelopes(&code);
        for span in code.all(b"parameters") {
            let quotes = (get(text, span.start.wrapping_sub(1)), get(text, span.end));
            let quoted = matches!(quotes.0, b'"' | b'\'') && quotes.0 == quotes.1;
            let behind = get(text, skip_blanks(text, span.end + 1));
            let read =
                chains.iter().any(|chain| chain.span.start <= span.start && span.end <= chain.span.end);
            if quoted && !read && !matches!(behind, b':' | b'=') {
                let old = was_at(&done.replacements, span.start);
                let text = "messages of 5.x have no object `parameters`".to_owned();
                steps.push(Step { row: "S03", span: old..old + span.len(), text });
            }
        }
    }
    // A search for a name in the text of the message, in whatever language of patterns.
    if let Some(code) = Code::of(text) {
        for name in fields::OLD_NAMES {
            for span in code.all(name.as_bytes()) {
                let left = get(text, span.start.wrapping_sub(1));
                let quoted = matches!(left, b'"' | b'\'') && matches!(get(text, span.end), b'"' | b'\'');
                let member = matches!(left, b'.' | b'{') && !is_name(get(text, span.end));
                if !quoted && !member {
                    continue;
                }
                let old = was_at(&done.replacements, span.start);
                let known = |step: &Step| step.span.start <= old && old <= step.span.end;
                if !done.steps.iter().chain(&steps).any(known) {
                    let path = format!("parameters.alert.data.{name}");
                    let to = match fields::target(&path) {
                        Some(To::Field(to, _)) => to.join("."),
                        _ => "something else".to_owned(),
                    };
                    let text = format!("`{name}` is `{to}` in 5.x, if this looks for it in the message");
                    steps.push(Step { row: "S01", span: old..old + span.len(), text });
                }
            }
        }
    }
    for step in steps {
        let known = |other: &Step| {
            other.row == step.row && other.span.start <= step.span.end && step.span.start <= other.span.end
        };
        if !done.steps.iter().any(known) {
            done.steps.push(step);
        }
    }
}
