//! Makes any bytes harmless for a terminal, and knows which column they land in.
//!
//! A log, a payload or a file name may hold escape sequences, line ends or
//! characters that turn the direction of text. None of them reaches the
//! terminal: each is shown by name, `<CR>`, `<0xFF>`, `<U+202E>`.

use std::fmt::Write as _;
use std::ops::Range;

use unicode_width::UnicodeWidthChar as _;

use crate::redact::Redacted;

/// Columns a tab takes in an excerpt, where it is only indentation.
const TAB: usize = 4;

/// One character as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The bytes it stands for.
    pub bytes: Range<usize>,
    /// What is printed.
    pub text: String,
    /// Columns that takes.
    pub width: usize,
}

/// Bytes as cells, one for every character or byte that is none. A tab outside
/// of `marked` becomes blanks; inside it is shown, since it may be what matters.
pub fn cells(bytes: &[u8], marked: &Range<usize>) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let range = at..at + character.len_utf8();
            at = range.end;
            let is_indentation = character == '\t' && !marked.contains(&range.start);
            let text = if is_indentation { " ".repeat(TAB) } else { shown(character) };
            cells.push(Cell { width: columns(&text), text, bytes: range });
        }
        for &byte in chunk.invalid() {
            let text = format!("<0x{byte:02X}>");
            cells.push(Cell { width: text.len(), text, bytes: at..at + 1 });
            at += 1;
        }
    }
    cells
}

/// Text on one line: a line feed is shown like any other control character.
pub fn line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match name_of(character) {
            Some(name) => out.push_str(&name),
            None => out.push(character),
        }
        out
    })
}

/// Redacted text on one line.
pub fn visible(text: &Redacted) -> String {
    line(text.as_str())
}

/// Columns a text takes; combining characters take none, wide ones two.
pub fn columns(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// JSON with the characters escaped that JSON lets through and terminals do not:
/// DEL, C1 controls, characters that hide or turn text. Outside of strings JSON
/// is plain ASCII, so this may run over the whole document.
pub fn json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut units = [0_u16; 2];
    for character in document.chars() {
        if !is_harmful(character) || character.is_ascii() && character != '\u{7f}' {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

fn shown(character: char) -> String {
    name_of(character).unwrap_or_else(|| character.to_string())
}

/// The name of a character that must not be printed as it is.
fn name_of(character: char) -> Option<String> {
    let name = match character {
        '\0' => "<NUL>",
        '\t' => "<TAB>",
        '\n' => "<LF>",
        '\r' => "<CR>",
        '\u{1b}' => "<ESC>",
        '\u{7f}' => "<DEL>",
        character if character.is_ascii_control() => {
            return Some(format!("<0x{:02X}>", u32::from(character)));
        }
        character if is_harmful(character) => {
            return Some(format!("<U+{:04X}>", u32::from(character)));
        }
        _ => return None,
    };
    Some(name.to_owned())
}

/// Control characters, and those that hide, turn or join text: Unicode's format
/// characters, line separators, fillers and every blank but the ordinary one,
/// for a no-break space in a name is a fault that nobody sees.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || character != ' ' && character.is_whitespace()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{8e2}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1345f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        cells(bytes, &(0..0)).into_iter().map(|cell| cell.text).collect()
    }

    #[test]
    fn control_characters_are_named() {
        assert_eq!(
            line("a\r\n\tb\u{1b}[31m\u{0}\u{7}\u{7f}\u{85}"),
            "a<CR><LF><TAB>b<ESC>[31m<NUL><0x07><DEL><U+0085>"
        );
        assert_eq!(
            line("evil\u{202e}gpj.exe\u{200b}\u{feff}\u{a0}x"),
            "evil<U+202E>gpj.exe<U+200B><U+FEFF><U+00A0>x"
        );
        assert_eq!(line("Grüße 東京 e\u{301}"), "Grüße 東京 e\u{301}");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_one_by_one() {
        assert_eq!(text(b"a\xff\xfeb"), "a<0xFF><0xFE>b");
        assert_eq!(text(b"\xe2\x82"), "<0xE2><0x82>");
        assert_eq!(text("é\r".as_bytes()), "é<CR>");
    }

    #[test]
    fn a_tab_is_indentation_unless_it_is_marked() {
        assert_eq!(text(b"\tx"), "    x");
        let marked: String = cells(b"\tx\t", &(2..3)).into_iter().map(|cell| cell.text).collect();
        assert_eq!(marked, "    x<TAB>");
    }

    #[test]
    fn widths_are_columns() {
        assert_eq!(columns("東京"), 4);
        assert_eq!(columns("e\u{301}"), 1);
        let cells = cells("東\r".as_bytes(), &(0..0));
        assert_eq!(cells.iter().map(|cell| cell.width).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(cells.iter().map(|cell| cell.bytes.clone()).collect::<Vec<_>>(), [0..3, 3..4]);
    }

    #[test]
    fn json_stays_json() {
        let value = serde_json::json!({ "a": "\u{7f}\u{9b}31m\u{202e}\u{e0041}é\n\"" });
        let escaped = json(&value.to_string());
        assert_eq!(escaped, r#"{"a":"\u007f\u009b31m\u202e\udb40\udc41é\n\""}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert!(json(&pretty).contains('\n'));
    }

    proptest! {
        #[test]
        fn whatever_goes_in_no_control_character_comes_out(bytes: Vec<u8>, from in 0usize..40, long in 0usize..40) {
            let cells = cells(&bytes, &(from..from + long));
            let shown: String = cells.iter().map(|cell| cell.text.as_str()).collect();
            prop_assert!(!shown.chars().any(is_harmful), "{shown:?}");
            prop_assert!(!line(&String::from_utf8_lossy(&bytes)).chars().any(is_harmful));
            // The cells cover the bytes without gap or overlap.
            let mut at = 0;
            for cell in &cells {
                prop_assert_eq!(cell.bytes.start, at);
                prop_assert_eq!(cell.width, columns(&cell.text));
                at = cell.bytes.end;
            }
            prop_assert_eq!(at, bytes.len());
        }

        #[test]
        fn json_of_any_text_reads_back(text in any::<String>()) {
            let document = json(&serde_json::to_string(&text).unwrap());
            prop_assert!(!document.chars().any(is_harmful), "{document:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&document).unwrap(), text);
        }
    }
}
