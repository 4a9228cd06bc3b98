//! Scripts as text: which language, which bytes are code, string or comment, and which code
//! surely runs.

use std::ops::Range;

/// The longest script whose text is looked at, in bytes.
const LONGEST: usize = 256 * 1024;

/// A language whose text is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// sh, bash, dash, ksh, zsh, busybox.
    Shell,
    /// Python 2 and 3.
    Python,
    /// Perl 5.
    Perl,
}

impl Language {
    /// From the `#!` line; a text without one is run by `/bin/sh`. None for other languages,
    /// for programs, and above 256 KiB.
    pub fn of(script: &[u8]) -> Option<Self> {
        if script.len() > LONGEST {
            return None;
        }
        let first = script.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Some(line) = first.strip_prefix(b"#!") else {
            let head = script.get(..512.min(script.len())).unwrap_or_default();
            return (!script.is_empty() && !head.contains(&0)).then_some(Self::Shell);
        };
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let base = |word: &[u8]| -> Vec<u8> {
            word.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_ascii_lowercase()
        };
        let mut name = base(words.next()?);
        if name == b"env" || name == b"busybox" {
            name = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'=')).map(base)?;
        }
        if name.starts_with(b"python") || name.starts_with(b"pypy") {
            Some(Self::Python)
        } else if name.starts_with(b"perl") {
            Some(Self::Perl)
        } else {
            [&b"sh"[..], b"bash", b"dash", b"ksh", b"mksh", b"ash", b"zsh", b"ksh93"]
                .contains(&name.as_slice())
                .then_some(Self::Shell)
        }
    }
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
    pub(crate) marks: Vec<Mark>,
}

impl<'a> Code<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Option<Self> {
        let language = Language::of(text)?;
        let marks = match language {
            Language::Shell => shell_marks(text),
            Language::Python => python_marks(text),
            Language::Perl => perl_marks(text),
        };
        Some(Self { language, text, marks })
    }

    pub(crate) fn mark(&self, at: usize) -> Mark {
        self.marks.get(at).copied().unwrap_or(Mark::Comment)
    }

    pub(crate) fn get(&self, at: usize) -> u8 {
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

    /// A field by name, as a whole word in code or in a string.
    pub(crate) fn field(&self, names: &[&str]) -> Option<Range<usize>> {
        names.iter().flat_map(|name| self.all(name.as_bytes())).find(|span| self.is_word(span))
    }

    /// One of these words as a whole string in quotes.
    pub(crate) fn literal(&self, words: &[&str]) -> Option<Range<usize>> {
        words.iter().flat_map(|word| self.all(word.as_bytes())).find(|span| {
            span.start > 0
                && matches!(self.get(span.start - 1), b'"' | b'\'')
                && self.get(span.start - 1) == self.get(span.end)
        })
    }

    /// A word as a label of the shell's `case`, or as one side of `[ ... = word ]`.
    pub(crate) fn label(&self, word: &str) -> Option<Range<usize>> {
        if self.language != Language::Shell {
            return None;
        }
        self.words(word.as_bytes()).into_iter().find(|span| {
            let mut before = span.start;
            while before > 0 && matches!(self.get(before - 1), b' ' | b'\t') {
                before -= 1;
            }
            let mut after = span.end;
            while matches!(self.get(after), b' ' | b'\t') {
                after += 1;
            }
            let begins = before == 0
                || matches!(self.get(before - 1), b'\n' | b'(' | b'|' | b';')
                || self.text.get(..before).is_some_and(|head| head.ends_with(b" in"));
            let compared = before > 0 && self.get(before - 1) == b'=' && before < span.start;
            begins && matches!(self.get(after), b')' | b'|')
                || compared && matches!(self.get(after), b']' | b';' | b'\n' | b'&' | b'|')
        })
    }

    /// It takes its standard input in any way. Doubt counts as yes.
    pub(crate) fn reads_stdin(&self) -> bool {
        let words: &[&[u8]] = match self.language {
            Language::Shell => &[
                b"read",
                b"stdin",
                b"mapfile",
                b"readarray",
                b"cat",
                b"head",
                b"line",
                b"jq",
                b"tee",
                b"sed",
                b"awk",
                b"grep",
                b"python",
                b"python3",
                b"perl",
                b"xargs",
                b"dd",
                b"source",
                b"tail",
            ],
            Language::Python => &[b"stdin", b"input", b"raw_input", b"fileinput", b"open", b"import_module"],
            Language::Perl => &[b"STDIN", b"stdin"],
        };
        let shell = match self.language {
            Language::Shell => {
                self.contains(b"<&0") || self.contains(b"/dev/fd/0") || self.contains(b"/proc/self/fd/0")
            }
            Language::Python => self.contains(b"/dev/stdin"),
            Language::Perl => self.contains(b"<>") || self.contains(b"<-"),
        };
        // What stands behind a pipe reads from the pipe.
        let piped = |span: &Range<usize>| {
            let head =
                self.text.get(self.line(span.start).start..span.start).unwrap_or_default().trim_ascii_end();
            self.language == Language::Shell && head.ends_with(b"|") && !head.ends_with(b"||")
        };
        shell || words.iter().any(|word| self.all(word).iter().any(|span| self.is_word(span) && !piped(span)))
    }

    /// The line a byte stands in.
    pub(crate) fn line(&self, at: usize) -> Range<usize> {
        let before = self.text.get(..at).unwrap_or_default();
        let start = memchr::memrchr(b'\n', before).map_or(0, |found| found + 1);
        let rest = self.text.get(start..).unwrap_or_default();
        start..start + memchr::memchr(b'\n', rest).unwrap_or(rest.len())
    }
}

/// Comments, quotes and here-documents of a shell script. Text in quotes is a string, but a
/// command substitution inside double quotes is code again.
fn shell_marks(text: &[u8]) -> Vec<Mark> {
    let mut marks = vec![Mark::Code; text.len()];
    let get = |at: usize| text.get(at).copied().unwrap_or(0);
    let mut fill = |range: Range<usize>, mark: Mark| {
        for slot in
            marks.get_mut(range.start.min(text.len())..range.end.min(text.len())).into_iter().flatten()
        {
            *slot = mark;
        }
    };
    // What encloses the current byte: `"` or the number of open brackets of a `$(`.
    enum In {
        Quote,
        Substitution(usize),
    }
    let mut stack: Vec<In> = Vec::new();
    let mut waiting: Vec<(Vec<u8>, bool)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let byte = get(at);
        let quoted = matches!(stack.last(), Some(In::Quote));
        match byte {
            b'\\' => {
                if quoted {
                    fill(at..at + 2, Mark::String);
                }
                at += 2;
                continue;
            }
            b'"' => {
                fill(at..at + 1, Mark::String);
                if quoted {
                    stack.pop();
                } else {
                    stack.push(In::Quote);
                }
            }
            b'\'' if !quoted => {
                let rest = text.get(at + 1..).unwrap_or_default();
                let length = memchr::memchr(b'\'', rest).map_or(rest.len(), |end| end + 1);
                fill(at..at + 1 + length, Mark::String);
                at += 1 + length;
                continue;
            }
            b'$' if get(at + 1) == b'(' => {
                stack.push(In::Substitution(1));
                at += 2;
                continue;
            }
            b'(' if !quoted => {
                if let Some(In::Substitution(depth)) = stack.last_mut() {
                    *depth += 1;
                }
            }
            b')' if !quoted => {
                if let Some(In::Substitution(depth)) = stack.last_mut() {
                    *depth -= 1;
                    if *depth == 0 {
                        stack.pop();
                    }
                }
            }
            b'#' if !quoted
                && (at == 0 || matches!(get(at - 1), b' ' | b'\t' | b'\n' | b';' | b'(' | b'|' | b'&')) =>
            {
                let rest = text.get(at..).unwrap_or_default();
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                fill(at..at + length, Mark::Comment);
                at += length;
                continue;
            }
            b'<' if !quoted
                && get(at + 1) == b'<'
                && get(at + 2) != b'<'
                && (at == 0 || get(at - 1) != b'<') =>
            {
                let mut word = at + 2;
                let dash = get(word) == b'-';
                if dash {
                    word += 1;
                }
                while matches!(get(word), b' ' | b'\t') {
                    word += 1;
                }
                let start = word;
                while word < text.len()
                    && !matches!(get(word), b' ' | b'\t' | b'\n' | b';' | b'|' | b'&' | b'>' | b'<' | b')')
                {
                    word += 1;
                }
                let name: Vec<u8> = text
                    .get(start..word)
                    .unwrap_or_default()
                    .iter()
                    .copied()
                    .filter(|byte| !matches!(byte, b'"' | b'\'' | b'\\'))
                    .collect();
                // `1 << 2` in arithmetic has a number there.
                if !name.is_empty() && !name.iter().all(u8::is_ascii_digit) {
                    waiting.push((name, dash));
                    at = word;
                    continue;
                }
            }
            b'\n' if !waiting.is_empty() && !quoted => {
                let start = at + 1;
                let mut line = start;
                for (name, dash) in waiting.drain(..) {
                    while line < text.len() {
                        let rest = text.get(line..).unwrap_or_default();
                        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                        let mut whole = rest.get(..length).unwrap_or_default();
                        if dash {
                            while let [b'\t', more @ ..] = whole {
                                whole = more;
                            }
                        }
                        line += length + 1;
                        if whole == name.as_slice() {
                            break;
                        }
                    }
                }
                let end = line.min(text.len());
                fill(start..end, Mark::Comment);
                at = end.max(start);
                continue;
            }
            _ if quoted => fill(at..at + 1, Mark::String),
            _ => {}
        }
        at += 1;
    }
    marks
}

fn python_marks(text: &[u8]) -> Vec<Mark> {
    let mut marks = vec![Mark::Code; text.len()];
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let (length, mark) = match byte {
            b'#' => (memchr::memchr(b'\n', rest).unwrap_or(rest.len()), Mark::Comment),
            b'"' | b'\'' => {
                let triple = [byte; 3];
                if rest.starts_with(&triple) {
                    let mut end = 3;
                    loop {
                        match rest.get(end) {
                            None => break (rest.len(), documentation(text, at)),
                            Some(b'\\') => end += 2,
                            Some(_) if rest.get(end..).is_some_and(|more| more.starts_with(&triple)) => {
                                break (end + 3, documentation(text, at));
                            }
                            Some(_) => end += 1,
                        }
                    }
                } else {
                    (quoted(rest, byte, true), Mark::String)
                }
            }
            _ => {
                at += 1;
                continue;
            }
        };
        let end = (at + length.max(1)).min(text.len());
        for slot in marks.get_mut(at..end).into_iter().flatten() {
            *slot = mark;
        }
        at = end;
    }
    marks
}

/// A long string that begins a line is documentation, not a value.
fn documentation(text: &[u8], at: usize) -> Mark {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.iter().all(u8::is_ascii_whitespace) { Mark::Comment } else { Mark::String }
}

/// Length of a string that begins here, with its quotes; up to the end of the line when it has no end.
fn quoted(rest: &[u8], quote: u8, one_line: bool) -> usize {
    let mut end = 1;
    while let Some(&byte) = rest.get(end) {
        match byte {
            b'\\' => end += 2,
            b'\n' if one_line => return end,
            _ if byte == quote => return end + 1,
            _ => end += 1,
        }
    }
    rest.len()
}

fn perl_marks(text: &[u8]) -> Vec<Mark> {
    let mut marks = vec![Mark::Code; text.len()];
    let get = |at: usize| text.get(at).copied().unwrap_or(0);
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let starts_line = at == 0 || get(at - 1) == b'\n';
        let (length, mark) = match byte {
            b'=' if starts_line && get(at + 1).is_ascii_alphabetic() => {
                let end = memchr::memmem::find(rest, b"\n=cut").map_or(rest.len(), |end| end + 5);
                (end, Mark::Comment)
            }
            _ if starts_line && (rest.starts_with(b"__END__") || rest.starts_with(b"__DATA__")) => {
                (rest.len(), Mark::Comment)
            }
            // `$#array` and `s#a#b#` are no comments.
            b'#' if at == 0 || matches!(get(at - 1), b' ' | b'\t' | b'\n' | b';' | b'{' | b'}' | b')') => {
                (memchr::memchr(b'\n', rest).unwrap_or(rest.len()), Mark::Comment)
            }
            b'"' | b'\'' | b'`' if at == 0 || byte != b'\'' || !get(at - 1).is_ascii_alphanumeric() => {
                // A stray quote, as in m/'/, must not swallow the file.
                let length = quoted(rest, byte, false);
                let lines = memchr::memchr_iter(b'\n', rest.get(..length).unwrap_or_default()).count();
                if lines > 20 { (1, Mark::Code) } else { (length, Mark::String) }
            }
            b'<' if rest.starts_with(b"<<")
                && matches!(get(at + 2), b'"' | b'\'' | b'~' | b'A'..=b'Z' | b'_') =>
            {
                let name: Vec<u8> = rest
                    .get(2..)
                    .unwrap_or_default()
                    .iter()
                    .copied()
                    .skip_while(|byte| matches!(byte, b'~' | b'"' | b'\''))
                    .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                    .collect();
                if !name.is_empty() {
                    waiting.push(name);
                }
                let line = memchr::memchr3(b';', b'\n', b')', rest).unwrap_or(rest.len());
                (line, Mark::Code)
            }
            b'\n' if !waiting.is_empty() => {
                let mut end = 1;
                for name in waiting.drain(..) {
                    while end < rest.len() {
                        let more = rest.get(end..).unwrap_or_default();
                        let length = memchr::memchr(b'\n', more).unwrap_or(more.len());
                        let line = more.get(..length).unwrap_or_default().trim_ascii();
                        end += length + 1;
                        if line == name.as_slice() {
                            break;
                        }
                    }
                }
                (end.min(rest.len()), Mark::Comment)
            }
            _ => {
                at += 1;
                continue;
            }
        };
        let end = (at + length.max(1)).min(text.len());
        for slot in marks.get_mut(at..end).into_iter().flatten() {
            *slot = mark;
        }
        at = end;
    }
    marks
}
