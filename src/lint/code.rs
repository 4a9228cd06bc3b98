//! A script as bytes of which it is known whether they are code, text or comment, for who looks
//! for names in it rather than for what it does.

use std::ops::Range;

use super::{Language, perl_syntax, python_syntax, shell_syntax};

/// What the reader of a language saw besides the code.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans {
    pub(super) comments: Vec<Range<usize>>,
    /// Texts with their quotes. What a shell runs inside of one is none.
    pub(super) strings: Vec<Range<usize>>,
    /// Here-documents, and what stands behind the end of a script.
    pub(super) documents: Vec<Range<usize>>,
}

/// What a byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Code.
    Code,
    /// A string, its quotes included.
    String,
    /// A comment, a here-document or documentation.
    Comment,
}

/// A script with its bytes marked.
pub(crate) struct Code<'a> {
    pub(crate) language: Language,
    pub(crate) text: &'a [u8],
    marks: Vec<Mark>,
}

impl<'a> Code<'a> {
    /// None when it is in no language that is read.
    pub(crate) fn of(text: &'a [u8]) -> Option<Self> {
        let language = super::language(b"", text)?;
        let spans = match language {
            Language::Sh | Language::Bash => shell_syntax::parse(text).spans,
            Language::Python => python_syntax::parse(text).1,
            Language::Perl => perl_syntax::parse(text).1,
            Language::PowerShell | Language::Cmd => return None,
        };
        let mut code = Self { language, text, marks: vec![Mark::Code; text.len()] };
        for span in spans.strings {
            let comments = language == Language::Python && code.is_documentation(&span);
            code.fill(span, if comments { Mark::Comment } else { Mark::String });
        }
        for span in spans.comments.into_iter().chain(spans.documents) {
            code.fill(span, Mark::Comment);
        }
        Some(code)
    }

    fn fill(&mut self, span: Range<usize>, mark: Mark) {
        let end = span.end.min(self.marks.len());
        if let Some(marks) = self.marks.get_mut(span.start.min(end)..end) {
            marks.fill(mark);
        }
    }

    /// A long text that begins a line is documentation, not a value.
    fn is_documentation(&self, span: &Range<usize>) -> bool {
        let long = self
            .text
            .get(span.clone())
            .is_some_and(|text| text.starts_with(b"\"\"\"") || text.starts_with(b"'''"));
        let line = self.line(span.start).start;
        long && self.text.get(line..span.start).unwrap_or_default().trim_ascii().is_empty()
    }

    pub(crate) fn mark(&self, at: usize) -> Mark {
        self.marks.get(at).copied().unwrap_or(Mark::Comment)
    }

    fn get(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// Spans of a text that stands in code or in a string.
    pub(crate) fn all(&self, needle: &[u8]) -> Vec<Range<usize>> {
        memchr::memmem::find_iter(self.text, needle)
            .filter(|at| self.mark(*at) != Mark::Comment)
            .map(|at| at..at + needle.len())
            .collect()
    }

    /// Spans of a whole word in code.
    pub(crate) fn words(&self, word: &[u8]) -> Vec<Range<usize>> {
        self.all(word)
            .into_iter()
            .filter(|span| self.mark(span.start) == Mark::Code && self.is_word(span))
            .collect()
    }

    fn is_word(&self, span: &Range<usize>) -> bool {
        let outside = |byte: u8| !(byte.is_ascii_alphanumeric() || byte == b'_');
        (span.start == 0 || outside(self.get(span.start - 1))) && outside(self.get(span.end))
    }

    pub(crate) fn contains(&self, needle: &[u8]) -> bool {
        !self.all(needle).is_empty()
    }

    /// A word as a whole text in quotes.
    pub(crate) fn literal(&self, word: &str) -> Option<Range<usize>> {
        self.all(word.as_bytes()).into_iter().find(|span| {
            span.start > 0
                && matches!(self.get(span.start - 1), b'"' | b'\'')
                && self.get(span.start - 1) == self.get(span.end)
        })
    }

    /// A word as a label of the shell's `case`, or as one side of `[ ... = word ]`.
    pub(crate) fn label(&self, word: &str) -> Option<Range<usize>> {
        if !self.language.is_shell() {
            return None;
        }
        self.words(word.as_bytes()).into_iter().find(|span| {
            let blanks = |head: &[u8]| head.iter().rev().take_while(|byte| is_blank(**byte)).count();
            let head = self.text.get(..span.start).unwrap_or_default();
            let before = head.len() - blanks(head);
            let tail = self.text.get(span.end..).unwrap_or_default();
            let after = span.end + tail.iter().take_while(|byte| is_blank(**byte)).count();
            let begins = before == 0
                || matches!(self.get(before - 1), b'\n' | b'(' | b'|' | b';')
                || self.text.get(..before).is_some_and(|head| head.ends_with(b" in"));
            let compared = before > 0 && self.get(before - 1) == b'=' && before < span.start;
            begins && matches!(self.get(after), b')' | b'|')
                || compared && matches!(self.get(after), b']' | b';' | b'\n' | b'&' | b'|')
        })
    }

    /// The line a byte stands in.
    pub(crate) fn line(&self, at: usize) -> Range<usize> {
        let before = self.text.get(..at).unwrap_or_default();
        let start = memchr::memrchr(b'\n', before).map_or(0, |found| found + 1);
        let rest = self.text.get(start..).unwrap_or_default();
        start..start + memchr::memchr(b'\n', rest).unwrap_or(rest.len())
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
