//! Markdown that reads well on GitHub, on GitLab and as plain text, and that no
//! text of a host can leave.
//!
//! Prose is taken word by word: a word of letters, digits and harmless signs stays
//! as it is, any other becomes a code span. So nothing of it is a tag, a link, a
//! mention, a reference to an issue, an emoji or a quick action, which a backslash
//! does not prevent everywhere: GitHub looks for mentions in the finished text.

use std::fmt::Write as _;

use super::escape;
use super::page::{Page, Text};
use crate::redact::{Redacted, Redactor};

/// Columns of text in blocks.
pub(super) const WIDTH: usize = 100;

/// A document.
#[derive(Debug, Default)]
pub struct Markdown {
    out: String,
}

impl Markdown {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The document.
    pub fn into_text(self) -> String {
        self.out
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes a heading, from level 1.
    pub fn heading(&mut self, level: usize, text: &Text) {
        self.part();
        let _ = writeln!(self.out, "{} {}", "#".repeat(level.clamp(1, 6)), prose(&text.plain()));
    }

    /// Writes a paragraph, in one line: the reader wraps it.
    pub fn paragraph(&mut self, text: &Text) {
        self.part();
        let _ = writeln!(self.out, "{}", prose(&text.plain()));
    }

    /// Writes the items of a list.
    pub fn list(&mut self, items: impl IntoIterator<Item = Text>) {
        let mut first = true;
        for item in items {
            if first {
                self.part();
                first = false;
            }
            let _ = writeln!(self.out, "- {}", prose(&item.plain()));
        }
    }

    /// Writes a block of lines as they are.
    pub fn block(&mut self, lines: &[Text]) {
        if !lines.is_empty() {
            self.fenced(lines.iter().map(Text::plain));
        }
    }

    /// Writes a page of text as a block, without the blanks that all its lines begin with.
    pub fn page(&mut self, page: Page) {
        let text = page.into_text();
        let lines = || text.trim_matches('\n').lines();
        let indent = lines()
            .filter(|line| !line.is_empty())
            .map(|line| line.len() - line.trim_start_matches(' ').len())
            .min()
            .unwrap_or_default();
        if !text.trim().is_empty() {
            self.fenced(lines().map(|line| line.get(indent..).unwrap_or_default().to_owned()));
        }
    }

    /// Writes what is shown only on a click; as plain text it stands between two tags.
    pub fn folded(&mut self, summary: &Text, write: impl FnOnce(&mut Self)) {
        self.part();
        // Inside of a tag only HTML counts.
        let summary = summary.plain().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(self.out, "<details>\n<summary>{summary}</summary>");
        write(self);
        self.out.push_str("\n</details>\n");
    }

    /// An empty line between parts.
    fn part(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn fenced(&mut self, lines: impl Iterator<Item = String>) {
        self.part();
        let lines: Vec<String> = lines.collect();
        let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or_default();
        let fence = "`".repeat((longest + 1).max(3));
        let _ = writeln!(self.out, "{fence}text");
        for line in lines {
            let _ = writeln!(self.out, "{line}");
        }
        let _ = writeln!(self.out, "{fence}");
    }
}

/// A text with line ends as lines of a block.
pub(super) fn lines(redactor: &Redactor, text: &str) -> Vec<Text> {
    text.trim_end_matches(['\n', ' '])
        .split('\n')
        .map(|line| Text::new().host(&redactor.text(line)))
        .collect()
}

/// A span of code that its text cannot end.
pub fn code(text: &Redacted) -> String {
    span(&escape::visible(text))
}

fn span(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let is_open = text.starts_with('`') || text.ends_with('`');
    // One blank on both sides is taken away by the reader.
    let pad =
        if is_open || text.starts_with(' ') && text.ends_with(' ') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or_default()
}

/// Text without control characters, as Markdown in which nothing of it counts but
/// its own code spans.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, word) in words(text).into_iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(&shielded(word, at == 0));
    }
    out
}

/// Pieces between blanks; a code span is never cut.
fn words(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let run = |from: usize| bytes[from..].iter().take_while(|&&byte| byte == b'`').count();
    let mut words = Vec::new();
    let (mut from, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b' ' => {
                words.push(&text[from..at]);
                at += 1;
                from = at;
            }
            b'`' => {
                let long = run(at);
                at += long;
                // The span ends at the next run of the same length; without one there is no span.
                let mut end = at;
                while let Some(next) = memchr::memchr(b'`', &bytes[end..]) {
                    let other = run(end + next);
                    end += next + other;
                    if other == long {
                        at = end;
                        break;
                    }
                }
            }
            _ => at += 1,
        }
    }
    words.push(&text[from..]);
    words.retain(|word| !word.is_empty());
    words
}

/// A word in which nothing counts.
fn shielded(word: &str, is_first: bool) -> String {
    let core = word.trim_start_matches(['(', '"', '\'']);
    let lead = &word[..word.len() - core.len()];
    let core = core.trim_end_matches(['.', ',', ';', ':', ')', '?', '!', '"', '\'']);
    let trail = &word[lead.len() + core.len()..];
    let starts_block = is_first && lead.is_empty() && starts_block(word);
    // Emoji have a colon on both sides; in the core it counts for itself.
    let is_emoji = word.matches(':').count() > 1 && core.matches(':').count() < 2;
    if is_span(core) || (core.is_empty() || is_harmless(core)) && !starts_block && !is_emoji {
        return word.to_owned();
    }
    if core.is_empty() || starts_block || is_emoji {
        return span(word);
    }
    format!("{lead}{}{trail}", span(core))
}

/// Whether a word at the beginning of a line would be a list, a rule, or a quick
/// action of GitLab (`/close`).
fn starts_block(word: &str) -> bool {
    word.starts_with(['-', '+', '=', '/'])
        || word.starts_with(|character: char| character.is_ascii_digit())
            && word.trim_start_matches(|character: char| character.is_ascii_digit()).starts_with(['.', ')'])
}

/// Whether a word is one code span.
fn is_span(word: &str) -> bool {
    let inner = word.trim_start_matches('`');
    let long = word.len() - inner.len();
    let content = inner.trim_end_matches('`');
    long > 0
        && !content.is_empty()
        && inner.len() - content.len() == long
        && content.split(|character| character != '`').all(|run| run.len() != long)
}

/// Whether nothing in a word means anything to a reader of Markdown.
fn is_harmless(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    word.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | ',' | ':' | ';' | '(' | ')' | '"' | '\'' | '?' | '-' | '/' | '=' | '+'))
        // Links that are made of plain text, also of parts of it.
        && !lower.contains("://")
        && !lower.contains("www.")
        && word.matches(':').count() < 2
        // References to issues and commits.
        && !lower.strip_prefix("gh-").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        && !(word.len() >= 7
            && word.bytes().all(|byte| byte.is_ascii_hexdigit())
            && word.bytes().any(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        prose(&escape::line(text))
    }

    /// What a reader of Markdown sees outside of code spans, by its rule: a run of backticks ends
    /// at the next run of the same length.
    fn outside(markdown: &str) -> String {
        let characters: Vec<char> = markdown.chars().collect();
        let run = |from: usize| characters[from..].iter().take_while(|&&c| c == '`').count();
        let (mut out, mut at) = (String::new(), 0);
        'text: while at < characters.len() {
            if characters[at] != '`' {
                out.push(characters[at]);
                at += 1;
                continue;
            }
            let long = run(at);
            let mut end = at + long;
            while end < characters.len() {
                if characters[end] != '`' {
                    end += 1;
                    continue;
                }
                let other = run(end);
                end += other;
                if other == long {
                    out.push('\u{fffc}');
                    at = end;
                    continue 'text;
                }
            }
            out.extend(std::iter::repeat_n('`', long));
            at += long;
        }
        out
    }

    #[test]
    fn hostile_text_counts_for_nothing() {
        for (text, wanted) in [
            (
                "plain words, a path /var/ossec/etc and 10.0.0.0/8.",
                "plain words, a path /var/ossec/etc and 10.0.0.0/8.",
            ),
            ("<script>alert(1)</script>", "`<script>alert(1)</script>`"),
            ("a <b onload=x> c", "a `<b` `onload=x>` c"),
            ("</details> end", "`</details>` end"),
            ("**bold** _it_ ~~no~~", "`**bold**` `_it_` `~~no~~`"),
            ("[a](https://x.test)", "`[a](https://x.test`)"),
            ("![i](x)", "`![i](x`)"),
            ("see https://x.test/y now", "see `https://x.test/y` now"),
            ("WWW.x.test", "`WWW.x.test`"),
            ("me@x.test, @root (@all)", "`me@x.test`, `@root` (`@all`)"),
            ("fixes #12 and GH-12, !7 %3 $4 &5", "fixes `#12` and `GH-12`, `!7` `%3` `$4` `&5`"),
            ("commit deadbee1 of face and 1234567", "commit `deadbee1` of face and `1234567`"),
            (":bomb: a:b", "`:bomb:` a:b"),
            ("x:bomb:y", "`x:bomb:y`"),
            ("/close", "`/close`"),
            ("- item", "`-` item"),
            ("+ item", "`+` item"),
            ("1. one", "`1.` one"),
            ("# head", "`#` head"),
            ("> quote", "`>` quote"),
            ("=====", "`=====`"),
            ("a | b", "a `|` b"),
            ("`code` and ``c ` d`` stay", "`code` and ``c ` d`` stay"),
            ("one ` alone", "one `` ` `` alone"),
            ("a```b", "````a```b````"),
            ("`a` `` b", "`a` ``` `` ``` b"),
            ("x`a b`y", "``x`a b`y``"),
            ("\\` \\<", "`` \\` `` `\\<`"),
            ("a\nb\r\n# c", "`a<LF>b<CR><LF>#` c"),
            ("evil\u{202e}gpj", "`evil<U+202E>gpj`"),
            ("\u{1b}[31mred", "`<ESC>[31mred`"),
            ("&lt;b&gt;", "`&lt;b&gt`;"),
            ("its \"/bin/bash\r\".", "its \"`/bin/bash<CR>`\"."),
            ("", ""),
        ] {
            assert_eq!(shown(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_block_is_not_ended_by_its_text() {
        let mut markdown = Markdown::new();
        let redactor = Redactor::new();
        markdown.block(&lines(&redactor, "```\n</details>\n`````\n~~~~~~\r"));
        assert_eq!(markdown.into_text(), "``````text\n```\n</details>\n`````\n~~~~~~<CR>\n``````\n");
    }

    #[test]
    fn a_summary_holds_no_tag() {
        let mut markdown = Markdown::new();
        let text = Text::new().host(&Redactor::new().text("</summary><b> & `c`"));
        markdown.folded(&text, |_| {});
        assert!(markdown.into_text().contains("<summary>&lt;/summary&gt;&lt;b&gt; &amp; `c`</summary>"));
    }

    proptest! {
        #[test]
        fn nothing_of_a_text_counts(text in r"[-a-z0-9@#<>|*_`\[\]()!&~$%^:/\\. ='+\n]{0,60}") {
            let shown = shown(&text);
            let outside = outside(&shown);
            prop_assert!(
                !outside.contains(['<', '>', '*', '_', '[', ']', '|', '@', '#', '&', '~', '$', '%', '\\', '`']),
                "{text:?} -> {shown:?} -> {outside:?}"
            );
            prop_assert!(!shown.contains('\n'));
            prop_assert!(!outside.contains("://") && !outside.starts_with(['-', '+', '=', '/']), "{outside:?}");
            // Nothing is lost.
            let bare = |text: &str| text.replace(['`', ' '], "");
            prop_assert_eq!(bare(&shown), bare(&escape::line(&text)));
        }

        #[test]
        fn no_control_character_comes_through(text in any::<String>()) {
            prop_assert!(!shown(&text).chars().any(char::is_control));
        }
    }
}
