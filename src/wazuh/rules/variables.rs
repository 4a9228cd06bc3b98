//! `<var name="X">` and `$X` in a rules file.
//!
//! OS_XML hides elements called `var` from its readers and keeps them in its list, where
//! they are looked up later. The list is rebuilt here by reading the same bytes once more
//! with the name changed, so that every offset and line stays.
//!
//! Model: `src/os_xml/os_xml_variables.c OS_ApplyVariables`, 4.14.

use std::borrow::Cow;
use std::mem;

use super::super::xml::{self, Document, Element};

type Text<'a> = Cow<'a, [u8]>;

/// A variable's name may not reach this many bytes (`XML_VARIABLE_MAXSIZE`, 4.14).
const MAX_NAME: usize = 256;

/// Texts changed by variables, with the offset of the start tag or of the attribute, in file order.
type Changed = Vec<(usize, Vec<u8>)>;

/// Why the variables cannot be applied (the part of 1227 behind the file's name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: Vec<u8>,
    pub(super) line: u64,
    pub(super) offset: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Element,
    Attribute,
    Variable,
}

/// An entry of OS_XML's list.
struct Entry<'a> {
    kind: Kind,
    name: &'a [u8],
    text: &'a [u8],
    depth: usize,
    offset: usize,
    line: u64,
}

/// Finds the variables of a file and puts their values into what was read of it.
pub(super) fn apply<'a>(bytes: &'a [u8], document: &mut Document<Text<'a>>) -> Result<(), Fault> {
    let mut changed = changes(bytes, document)?;
    if !changed.is_empty() {
        document.roots.iter_mut().for_each(|root| put_in(root, &mut changed));
    }
    Ok(())
}

fn put_in(element: &mut Element<Text<'_>>, changed: &mut Changed) {
    let mut put = |offset: usize, text: &mut Text<'_>| {
        let found = changed.binary_search_by_key(&offset, |(offset, _)| *offset);
        if let Some((_, new)) = found.ok().and_then(|at| changed.get_mut(at)) {
            *text = Cow::Owned(mem::take(new));
        }
    };
    put(element.start_tag.start, &mut element.content);
    for attribute in &mut element.attributes {
        put(attribute.span.start, &mut attribute.value);
    }
    element.children.iter_mut().for_each(|child| put_in(child, changed));
}

fn changes(bytes: &[u8], document: &Document<Text<'_>>) -> Result<Changed, Fault> {
    if document.invisible.is_empty() {
        return Ok(Changed::new());
    }
    match changes_from_between(bytes, document) {
        Some(changed) => Ok(changed),
        None => changes_anywhere(bytes, document),
    }
}

/// What variables between the root elements change, where they mostly stand: the file need not
/// be read again for them. Nothing when there are others, or a fault.
fn changes_from_between(bytes: &[u8], document: &Document<Text<'_>>) -> Option<Changed> {
    const NAME: usize = 1;
    let roots = &document.roots;
    let mut variables = Vec::new();
    for (index, one) in document.invisible.iter().enumerate() {
        let start = one.span.start.checked_sub(NAME)?;
        let later = roots.partition_point(|root| root.span.start < start);
        let inside =
            later.checked_sub(1).and_then(|at| roots.get(at)).is_some_and(|root| root.span.end > start);
        if one.attribute || inside {
            return None;
        }
        let next = document.invisible.get(index + 1).and_then(|next| next.span.start.checked_sub(NAME));
        let root = roots.get(later).map(|root| root.span.start);
        let end = next.into_iter().chain(root).min().unwrap_or(bytes.len());
        variables.push((start, later, renamed(bytes.get(start..end)?, &[NAME])));
    }
    let mut read = Vec::new();
    for (start, later, bytes) in &variables {
        let variable = xml::parse_in_place(bytes).ok()?;
        let [root] = variable.roots.as_slice() else { return None };
        let plain = root.name_span.start == NAME
            && root.children.is_empty()
            && !root.attributes.is_empty()
            && variable.invisible.is_empty()
            && variable.stopped_at.is_none();
        if !plain {
            return None;
        }
        read.push((*start, *later, variable));
    }
    let mut entries = Vec::new();
    let mut done = 0;
    for (start, later, variable) in &read {
        roots.get(done..*later)?.iter().for_each(|root| collect(root, 0, &[], &mut entries));
        done = *later;
        let first = entries.len();
        variable.roots.iter().for_each(|root| collect(root, 0, &[NAME], &mut entries));
        entries.iter_mut().skip(first).for_each(|entry| entry.offset += start);
    }
    roots.get(done..)?.iter().for_each(|root| collect(root, 0, &[], &mut entries));
    substitute(&entries).ok()
}

/// What variables change, wherever they stand.
fn changes_anywhere(bytes: &[u8], document: &Document<Text<'_>>) -> Result<Changed, Fault> {
    let hidden = document.invisible.iter().map(|one| one.span.start).collect::<Vec<_>>();
    let renamed = renamed(bytes, &hidden);
    let Ok(visible) = xml::parse_in_place(&renamed) else {
        // Only reachable with an end tag in a place this module does not know about.
        return Ok(Changed::new());
    };
    let mut entries = Vec::new();
    for root in &visible.roots {
        collect(root, 0, &hidden, &mut entries);
    }
    substitute(&entries)
}

/// The same file with every `var` called something else.
fn renamed(bytes: &[u8], hidden: &[usize]) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    let mut rename = |at: usize| {
        if let Some(name) = copy.get_mut(at..at.saturating_add(3)) {
            name.copy_from_slice(b"v-r");
        }
    };
    for &at in hidden {
        rename(at);
    }
    for at in memchr::memmem::find_iter(bytes, b"</") {
        let name = bytes.get(at + 2..at + 6).unwrap_or_default();
        let escaped = at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\');
        if name.eq_ignore_ascii_case(b"var>") && !escaped {
            rename(at + 2);
        }
    }
    copy
}

fn collect<'a>(element: &'a Element<Text<'_>>, depth: usize, hidden: &[usize], entries: &mut Vec<Entry<'a>>) {
    let kind = |offset: usize, otherwise| {
        if hidden.binary_search(&offset).is_ok() { Kind::Variable } else { otherwise }
    };
    entries.push(Entry {
        kind: kind(element.name_span.start, Kind::Element),
        name: &element.name,
        text: &element.content,
        depth,
        offset: element.start_tag.start,
        line: element.line,
    });
    for attribute in &element.attributes {
        entries.push(Entry {
            kind: kind(attribute.span.start, Kind::Attribute),
            name: &attribute.name,
            text: &attribute.value,
            depth,
            offset: attribute.span.start,
            line: element.line,
        });
    }
    for child in &element.children {
        collect(child, depth + 1, hidden, entries);
    }
}

fn substitute(entries: &[Entry<'_>]) -> Result<Changed, Fault> {
    let fault = |message: &[u8], entry: &Entry<'_>| Fault {
        message: message.to_vec(),
        line: entry.line,
        offset: entry.offset,
    };
    let mut variables: Vec<(&[u8], &[u8])> = Vec::new();
    let mut changed = Changed::new();
    for (index, entry) in entries.iter().enumerate() {
        if entry.kind == Kind::Variable {
            // A variable without attributes takes those of whatever follows.
            let named = entries
                .iter()
                .skip(index + 1)
                .take_while(|after| after.depth >= entry.depth)
                .find(|after| after.kind == Kind::Attribute);
            match named {
                None => return Err(fault(b"XMLERR: No value set for variable.", entry)),
                Some(name) if !name.name.eq_ignore_ascii_case(b"name") => {
                    let text = b"XMLERR: Only \"name\" is allowed as an attribute for a variable.";
                    return Err(fault(text, name));
                }
                Some(name) if name.text.len() >= MAX_NAME => {
                    return Err(fault(b"XMLERR: Invalid variable name size.", name));
                }
                Some(name) => variables.push((name.text, entry.text)),
            }
            continue;
        }
        if variables.is_empty() || entry.text.len() <= 2 || !entry.text.contains(&b'$') {
            continue;
        }
        let text = replace(entry.text, &variables).map_err(|message| fault(&message, entry))?;
        if text != entry.text {
            changed.push((entry.offset, text));
        }
    }
    Ok(changed)
}

/// Replaces every `$name` in one text.
fn replace(text: &[u8], variables: &[(&[u8], &[u8])]) -> Result<Vec<u8>, Vec<u8>> {
    let mut result = text.to_vec();
    // `kept` counts along in `result`; a `$(...)` makes it fall behind, as it does in Wazuh.
    let mut kept = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte != b'$' {
            kept += 1;
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| b"$.|, ".contains(byte)).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        if length >= MAX_NAME {
            let size = MAX_NAME - 1;
            return Err(format!("XMLERR: Invalid variable name size: '{size}'.").into_bytes());
        }
        at += length;
        match variables.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, value)) => {
                result.truncate(kept);
                result.extend_from_slice(value);
                kept = result.len();
                result.extend_from_slice(text.get(at..).unwrap_or_default());
            }
            None if name.first() == Some(&b'(') => {}
            None if name.is_empty() => kept += 1,
            None => {
                let shown = name.get(..name.len().min(95)).unwrap_or_default();
                return Err([b"XMLERR: Unknown variable: '", shown, b"'."].concat());
            }
        }
    }
    Ok(result)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn names_end_and_values_are_put_in() {
        let variables: &[(&[u8], &[u8])] = &[(b"A", b"one"), (b"EMPTY", b""), (b"AB", b"two")];
        for (text, wanted) in [
            ("$A", Ok("one")),
            ("$a", Ok("one")),
            ("x $A y", Ok("x one y")),
            ("$A|$AB", Ok("one|two")),
            ("$A.$A,$A", Ok("one.one,one")),
            ("a$", Ok("a$")),
            ("$$A", Ok("$one")),
            ("x$EMPTY.y", Ok("x.y")),
            ("^a$|b", Ok("^a$|b")),
            ("$(x) y", Ok("$(x) y")),
            // What stands before the variable is lost as far as the skipped name is long.
            ("$(ab) $A z", Ok("$one z")),
            ("$Ax", Err("XMLERR: Unknown variable: 'Ax'.")),
            ("\\d$)", Err("XMLERR: Unknown variable: ')'.")),
        ] {
            let got = replace(text.as_bytes(), variables);
            let got = got.map(|text| String::from_utf8(text).unwrap());
            let got = got.map_err(|text| String::from_utf8(text).unwrap());
            assert_eq!(got.as_deref().map_err(String::as_str), wanted, "{text}");
        }
    }

    fn changed_texts(file: &str) -> Result<Vec<String>, String> {
        let document = xml::parse_in_place(file.as_bytes()).unwrap();
        match changes(file.as_bytes(), &document) {
            Ok(changed) => {
                let mut texts =
                    changed.into_iter().map(|(_, text)| String::from_utf8(text).unwrap()).collect::<Vec<_>>();
                texts.sort();
                Ok(texts)
            }
            Err(fault) => Err(format!("{}:{}", fault.line, String::from_utf8(fault.message).unwrap())),
        }
    }

    proptest::proptest! {
        #[test]
        fn variables_between_roots_need_no_second_reading(
            pieces in proptest::collection::vec(0..PIECES.len(), 1..9),
        ) {
            let file = pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>();
            let Ok(document) = xml::parse_in_place(file.as_bytes()) else { return Ok(()) };
            if let Some(changed) = changes_from_between(file.as_bytes(), &document) {
                proptest::prop_assert_eq!(Ok(changed), changes_anywhere(file.as_bytes(), &document));
            }
        }
    }

    const PIECES: [&str; 16] = [
        "<var name=\"A\">5</var>",
        "<VAR name='B'>x<!-- --></VAR>\n",
        "<g a=\"$A\">$B,$A</g>",
        "<g><r>$A$B</r></g>",
        "<var name=\"C\"/>",
        "<var>7</var>",
        "<var name=\"D\"><r>1</r></var>",
        "<g><var name=\"A\">6</var><r>$A</r></g>",
        "<!-- <var> -->",
        "text $A ",
        "\\",
        "<g>$(x) $A</g>",
        "<g/>",
        "<var name=\"$A\">8</var>",
        "<",
        "\0",
    ];

    #[test]
    fn variables_work_from_where_they_stand() {
        for (file, wanted) in [
            ("<var name=\"A\">5</var><group name=\"$A,\"><r>x$A</r></group>", Ok(vec!["5,", "x5"])),
            ("<r>x$A</r><var name=\"A\">5</var><r>y$A</r>", Ok(vec!["y5"])),
            ("<r>x$A</r>", Ok(vec![])),
            ("<VAR name=\"A\">5</VAR><r>y$A</r>", Ok(vec!["y5"])),
            ("<var name=\"A\">5</var>\n<r>y$B</r>", Err("2:XMLERR: Unknown variable: 'B'.")),
            (
                "<var id=\"A\">5</var>",
                Err("1:XMLERR: Only \"name\" is allowed as an attribute for a variable."),
            ),
            ("<var>5</var>", Err("1:XMLERR: No value set for variable.")),
            // Without a name of its own it takes the one of the next group.
            ("<var>5</var><group name=\"g\"><r>y$g</r></group>", Ok(vec!["y5"])),
        ] {
            let got = changed_texts(file);
            let got = got.as_ref().map(|texts| texts.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(got.map_err(String::as_str), wanted, "{file}");
        }
    }
}
