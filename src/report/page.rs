//! What a text report is written on: lines of toned text that is safe to print.
//!
//! Text gets onto a page in three ways only: as a constant of this program, as a
//! number, or as [`Redacted`] text, whose control characters are shown by name.

use colored::Colorize as _;

use super::escape;
use crate::redact::Redacted;

/// What a piece of text is, for colour. Colour never carries meaning alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary.
    Plain,
    /// What is read first.
    Strong,
    /// Stops a response.
    Fail,
    /// Bends a response.
    Warn,
    /// Passes.
    Good,
    /// Of less weight.
    Dim,
    /// A command to paste.
    Command,
}

/// Toned text on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    spans: Vec<(Tone, String)>,
}

impl Text {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text of this program.
    #[must_use]
    pub fn own(self, text: &'static str) -> Self {
        self.toned(Tone::Plain, text)
    }

    /// Adds text of this program in a tone.
    #[must_use]
    pub fn toned(mut self, tone: Tone, text: &'static str) -> Self {
        self.spans.push((tone, escape::line(text)));
        self
    }

    /// Adds text that was read or made from what was read.
    #[must_use]
    pub fn host(self, text: &Redacted) -> Self {
        self.host_toned(Tone::Plain, text)
    }

    /// Adds such text in a tone.
    #[must_use]
    pub fn host_toned(mut self, tone: Tone, text: &Redacted) -> Self {
        self.spans.push((tone, escape::visible(text)));
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, number: impl Into<i128>) -> Self {
        self.spans.push((Tone::Plain, number.into().to_string()));
        self
    }

    /// Adds a count.
    #[must_use]
    pub fn count(self, count: usize) -> Self {
        self.number(i128::try_from(count).unwrap_or(i128::MAX))
    }

    /// Adds a count and its noun, which takes an `s` where it is not one.
    #[must_use]
    pub fn counted(self, count: usize, noun: &'static str) -> Self {
        let text = self.count(count).own(" ").own(noun);
        if count == 1 { text } else { text.own("s") }
    }

    /// Adds how many findings there are of each severity.
    #[must_use]
    pub fn severities(self, errors: usize, warnings: usize, advice: usize) -> Self {
        self.counted(errors, "error")
            .own(", ")
            .counted(warnings, "warning")
            .own(", ")
            .count(advice)
            .own(" advice")
    }

    /// Adds a character of an excerpt.
    #[must_use]
    pub fn cell(mut self, tone: Tone, cell: &escape::Cell) -> Self {
        self.push(tone, &cell.text);
        self
    }

    /// The same text several times.
    #[must_use]
    pub fn repeated(self, times: usize) -> Self {
        let spans = self.spans.iter().map(|(tone, text)| (*tone, text.repeat(times))).collect();
        Self { spans }
    }

    /// Adds another text.
    #[must_use]
    pub fn and(mut self, mut text: Self) -> Self {
        self.spans.append(&mut text.spans);
        self
    }

    /// Adds several, with something between.
    #[must_use]
    pub fn list(mut self, texts: impl IntoIterator<Item = Self>, between: &'static str) -> Self {
        for (at, text) in texts.into_iter().enumerate() {
            if at > 0 {
                self = self.own(between);
            }
            self = self.and(text);
        }
        self
    }

    /// The same text in one tone.
    #[must_use]
    pub fn all(mut self, tone: Tone) -> Self {
        for span in &mut self.spans {
            span.0 = tone;
        }
        self
    }

    /// Adds blanks up to a column; none when it is already past it.
    #[must_use]
    pub fn pad(mut self, column: usize) -> Self {
        let blanks = column.saturating_sub(self.columns());
        self.spans.push((Tone::Plain, " ".repeat(blanks)));
        self
    }

    /// Columns it takes.
    pub fn columns(&self) -> usize {
        self.spans.iter().map(|(_, text)| escape::columns(text)).sum()
    }

    /// The text without its tones.
    pub fn plain(&self) -> String {
        self.spans.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.spans.iter().all(|(_, text)| text.is_empty())
    }

    /// Breaks it at blanks. A word that is longer than a line stays whole, so
    /// that a path can be copied.
    pub fn wrapped(&self, width: usize) -> Vec<Self> {
        let mut lines = vec![Self::new()];
        let mut used = 0;
        for word in self.words() {
            let columns = word.columns();
            if used > 0 && used + 1 + columns > width {
                lines.push(Self::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                if used > 0 {
                    // Between words of one tone the blank has it too, so that they stay one piece.
                    let tone = match (line.spans.last(), word.spans.first()) {
                        (Some((left, _)), Some((right, _))) if left == right => *left,
                        _ => Tone::Plain,
                    };
                    line.push(tone, " ");
                    used += 1;
                }
                for (tone, piece) in word.spans {
                    line.push(tone, &piece);
                }
                used += columns;
            }
        }
        lines
    }

    fn push(&mut self, tone: Tone, piece: &str) {
        match self.spans.last_mut() {
            Some((last, text)) if *last == tone => text.push_str(piece),
            _ => self.spans.push((tone, piece.to_owned())),
        }
    }

    /// Pieces between blanks; a word may change its tone inside.
    fn words(&self) -> Vec<Self> {
        let mut words: Vec<Self> = Vec::new();
        let mut open = false;
        for (tone, text) in &self.spans {
            for (at, piece) in text.split(' ').enumerate() {
                open &= at == 0;
                if piece.is_empty() {
                    continue;
                }
                match words.last_mut() {
                    Some(word) if open => word.spans.push((*tone, piece.to_owned())),
                    _ => words.push(Self { spans: vec![(*tone, piece.to_owned())] }),
                }
                open = true;
            }
        }
        words
    }
}

/// The whole of a report.
#[derive(Debug)]
pub struct Page {
    out: String,
    width: usize,
    colour: bool,
}

impl Page {
    /// An empty page. Colour is the caller's decision, see `--color`.
    pub fn new(width: usize, colour: bool) -> Self {
        Self { out: String::new(), width, colour }
    }

    /// Columns there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Writes a line.
    pub fn line(&mut self, text: &Text) {
        self.indented(0, text);
    }

    /// Writes an empty line.
    pub fn blank(&mut self) {
        self.out.push('\n');
    }

    /// Writes a line behind some blanks.
    pub fn indented(&mut self, indent: usize, text: &Text) {
        let mut line = " ".repeat(indent);
        for (tone, piece) in &text.spans {
            line.push_str(&self.toned(*tone, piece));
        }
        self.out.push_str(line.trim_end_matches(' '));
        self.out.push('\n');
    }

    /// Writes text in as many lines as it takes, all of them indented.
    pub fn paragraph(&mut self, indent: usize, text: &Text) {
        for line in text.wrapped(self.width.saturating_sub(indent)) {
            self.indented(indent, &line);
        }
    }

    /// Writes a label with text beside it: `    why     execd starts ...`.
    pub fn labelled(&mut self, indent: usize, label: &'static str, column: usize, text: &Text) {
        let beside = indent + column;
        for (at, line) in text.wrapped(self.width.saturating_sub(beside)).into_iter().enumerate() {
            let label = if at == 0 { Text::new().toned(Tone::Dim, label) } else { Text::new() };
            self.indented(indent, &label.pad(column).and(line));
        }
    }

    /// The same in one line however long: a break would be pasted with it.
    pub fn labelled_whole(&mut self, indent: usize, label: &'static str, column: usize, text: Text) {
        let label = Text::new().toned(Tone::Dim, label);
        self.indented(indent, &label.pad(column).and(text));
    }

    /// What was written.
    pub fn into_text(self) -> String {
        self.out
    }

    fn toned(&self, tone: Tone, text: &str) -> String {
        if !self.colour || text.trim().is_empty() {
            return text.to_owned();
        }
        match tone {
            Tone::Plain => text.to_owned(),
            Tone::Strong => text.bold().to_string(),
            Tone::Fail => text.red().bold().to_string(),
            Tone::Warn => text.yellow().bold().to_string(),
            Tone::Good => text.green().to_string(),
            Tone::Dim => text.dimmed().to_string(),
            Tone::Command => text.cyan().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::redact::Redactor;

    fn host(text: &str) -> Text {
        Text::new().host(&Redactor::new().text(text))
    }

    fn plain(lines: &[Text]) -> Vec<String> {
        lines.iter().map(|line| line.spans.iter().map(|(_, text)| text.as_str()).collect()).collect()
    }

    #[test]
    fn text_breaks_at_blanks_and_long_words_stay_whole() {
        let lines = host("one two /a/path/that/is/far/too/long three").wrapped(10);
        assert_eq!(plain(&lines), ["one two", "/a/path/that/is/far/too/long", "three"]);
        assert_eq!(plain(&host("").wrapped(10)), [""]);
        assert_eq!(plain(&host("  two   blanks ").wrapped(40)), ["two blanks"]);
    }

    #[test]
    fn a_word_may_change_its_tone() {
        let text = Text::new().own("see (").toned(Tone::Strong, "here").own("), now");
        assert_eq!(plain(&text.wrapped(12)), ["see (here),", "now"]);
    }

    #[test]
    fn counts_agree_with_their_nouns() {
        let text = Text::new().counted(1, "error").own(", ").counted(0, "warning");
        assert_eq!(plain(&[text]), ["1 error, 0 warnings"]);
    }

    #[test]
    fn labels_stand_beside_their_text() {
        let mut page = Page::new(20, false);
        page.labelled(2, "why", 6, &host("one two three four"));
        assert_eq!(page.into_text(), "  why   one two\n        three four\n");
    }

    proptest! {
        #[test]
        fn a_page_holds_no_control_character_but_line_feeds(text in any::<String>(), width in 1usize..120) {
            let mut page = Page::new(width, false);
            page.paragraph(2, &host(&text));
            page.labelled(2, "why", 8, &host(&text));
            page.line(&host(&text).all(Tone::Fail));
            let out = page.into_text();
            prop_assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{out:?}");
        }

        #[test]
        fn no_word_is_lost(text in "[a-z ]{0,80}", width in 1usize..40) {
            let joined = plain(&host(&text).wrapped(width)).join(" ");
            let (words, wanted): (Vec<&str>, Vec<&str>) = (joined.split_whitespace().collect(), text.split_whitespace().collect());
            prop_assert_eq!(words, wanted);
        }
    }
}
