//! The compiled catalogue: every check and every message of Wazuh that bears on
//! active response, and the way from a word, a number or a pasted log line to
//! them. The texts are `checks/*.toml`, read by `build.rs`.
//!
//! Nothing here costs anything at start; the patterns of log lines are compiled
//! the first time a line of text is looked up.

#![allow(rustdoc::invalid_html_tags, reason = "titles of checks name elements of Wazuh's configuration")]

use std::fmt;
use std::sync::LazyLock;

use regex::bytes::{RegexSet, RegexSetBuilder};

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// A version as major, minor, patch. A last version without a patch, `4.13`, has
/// [`u32::MAX`] for it: all of 4.13 belong to it.
pub type Version = (u32, u32, u32);

/// One named way to fail, with its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// `AR034`. Never used again for something else; its digits mean nothing.
    pub id: &'static str,
    /// `script-not-executable`.
    pub slug: &'static str,
    /// Half a sentence, for lists.
    pub title: &'static str,
    /// The step of a response it breaks.
    pub stage: super::Stage,
    /// The worst it can be.
    pub severity: super::Severity,
    /// Where it is looked for.
    pub sides: &'static [Side],
    /// The commands that report it.
    pub found_by: &'static [FoundBy],
    /// First version of Wazuh it applies to.
    pub since: Option<Version>,
    /// Last version of Wazuh it applies to.
    pub until: Option<Version>,
    /// The ways of calling a script it applies to.
    pub contracts: &'static [Contract],
    /// Checks whose findings this one can be the cause of.
    pub explains: &'static [CheckId],
    /// What it means for the operator.
    pub meaning: &'static str,
    /// Why Wazuh behaves so.
    pub why: &'static str,
    /// Where that is in Wazuh's source, or which system rule it is.
    pub source: &'static [&'static str],
    /// What is seen in which log, or that nothing is.
    pub looks: &'static str,
    /// How to mend it, with commands.
    pub fix: &'static str,
    /// How to see that it is mended.
    pub verify: &'static str,
    /// When it is no problem.
    pub not_a_problem: &'static str,
    /// Issues and pages.
    pub references: &'static [&'static str],
    /// Words and phrases people search for.
    pub keywords: &'static [&'static str],
    /// Numbered messages of Wazuh that point here.
    pub numbers: &'static [u32],
    /// Log lines that are evidence for it.
    pub log: &'static [Signature],
}

impl Check {
    /// Whether it applies to a version of Wazuh.
    pub fn applies_to(&self, version: Version) -> bool {
        within(version, self.since, self.until)
    }

    /// Whether a command reports it.
    pub fn is_found_by(&self, finder: FoundBy) -> bool {
        self.found_by.contains(&finder)
    }
}

/// A check, by its place in [`CATALOGUE`]. There is one only for a check with text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CheckId(u16);

impl CheckId {
    /// The check itself.
    pub fn check(self) -> &'static Check {
        &CATALOGUE[self.index()]
    }

    /// Its place in [`CATALOGUE`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Every check, by id.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u16..).take(CATALOGUE.len()).map(Self)
    }

    /// From `AR034`, `script-not-executable`, or both with a dash or a blank
    /// between them; case does not count.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_suffix(".toml").unwrap_or(text);
        Self::all().find(|id| {
            let check = id.check();
            text.eq_ignore_ascii_case(check.id)
                || text.eq_ignore_ascii_case(check.slug)
                || text.split_once([' ', '-', '/']).is_some_and(|(id, slug)| {
                    id.eq_ignore_ascii_case(check.id) && slug.trim().eq_ignore_ascii_case(check.slug)
                })
        })
    }

    /// Whether a finding of this check can be the cause of one of `other`,
    /// directly or by way of others.
    pub fn can_explain(self, other: Self) -> bool {
        self.check().explains.iter().any(|next| *next == other || next.can_explain(other))
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.check().id, self.check().slug)
    }
}

/// The kind of host a check looks at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Side {
    /// A manager: master, worker or alone.
    Manager,
    /// An agent.
    Agent,
}

impl Side {
    /// Its name in reports and in `checks/*.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Agent => "agent",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The command of ar-doctor that reports a check.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FoundBy {
    /// `ar-doctor check`: a probe looks for it in files and the state of the host.
    Check,
    /// `ar-doctor lint`: the text of a script shows it.
    Lint,
    /// `ar-doctor replay`: it shows when a script is played with an event.
    Replay,
}

impl FoundBy {
    /// Its name in reports and in `checks/*.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Lint => "lint",
            Self::Replay => "replay",
        }
    }
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How execd calls a script.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Contract {
    /// Arguments: up to 4.1.
    Args,
    /// One line of JSON on standard input: 4.2 to the last 4.x.
    Json4,
    /// The JSON of 5.x.
    Json5,
}

impl Contract {
    /// Its name in reports and in `checks/*.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Args => "args",
            Self::Json4 => "json4",
            Self::Json5 => "json5",
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The level a message is logged at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Level {
    /// No Wazuh program prints it.
    Never,
    /// Only with debugging on.
    Debug,
    /// Normal.
    Info,
    /// WARNING.
    Warning,
    /// ERROR; also what the API answers and what a program says on the terminal.
    Error,
    /// CRITICAL: the daemon exits.
    Critical,
}

impl Level {
    /// Its name in `checks/messages.toml`; upper case is how logs spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A pattern of log lines, and a line it matches.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// Matched anywhere in a line, as bytes.
    pub pattern: &'static str,
    /// A whole line in its real format.
    pub sample: &'static str,
}

/// A message of Wazuh, numbered or not.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// The number in parentheses, or the code of an API error.
    pub number: Option<u32>,
    /// The text, with words in angle brackets for what varies.
    pub text: &'static str,
    /// The worst level it is logged at.
    pub level: Level,
    /// Who says it.
    pub daemons: &'static [&'static str],
    /// First version of Wazuh that says it.
    pub since: Option<Version>,
    /// Last version of Wazuh that says it.
    pub until: Option<Version>,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub todo: &'static str,
    /// Checks that look for its causes, the likeliest first.
    pub checks: &'static [CheckId],
    /// Words and phrases people search for.
    pub keywords: &'static [&'static str],
    /// Lines that are this message.
    pub log: &'static [Signature],
}

/// What a query leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// A check.
    Check(&'static Check),
    /// A message of Wazuh.
    Message(&'static Message),
}

/// What `query` means, the best first: an id or slug in any case, the number of a
/// message (`1311`, `(1311)`, `error 1204`), a pasted log line, or words.
/// Empty when nothing fits; then see [`suggest`].
pub fn explain(query: &str) -> Vec<Explanation> {
    if let Some(id) = CheckId::parse(query) {
        return vec![Explanation::Check(id.check())];
    }
    let mut answer = Answer::default();
    if let Some(number) = only_number(query) {
        answer.number(number);
        return answer.list;
    }
    let line = match_line(query.as_bytes());
    if !line.is_empty() {
        return line;
    }
    let lower = simplify(query);
    if lower.len() < SHORTEST {
        return answer.list;
    }
    for (keywords, explanation) in topics() {
        if keywords.iter().any(|k| holds_phrase(&lower, &simplify(k))) {
            answer.add(explanation);
        }
    }
    if !answer.list.is_empty() {
        answer.checks_of_messages();
        return answer.list;
    }
    // A part of a phrase, then single words.
    for (keywords, explanation) in topics() {
        if keywords.iter().any(|k| holds_phrase(&simplify(k), &lower)) {
            answer.add(explanation);
        }
    }
    if answer.list.is_empty() {
        answer.words(&lower);
    }
    answer.checks_of_messages();
    answer.list
}

/// What one line of a log means: the message it is, then the checks it is
/// evidence for, the best first. Keywords do not count here.
pub fn match_line(line: &[u8]) -> Vec<Explanation> {
    let mut answer = Answer::default();
    let hits: Vec<Explanation> = match SIGNATURES.as_ref() {
        Some(signatures) => {
            signatures.set.matches(line).iter().filter_map(|at| signatures.owner(at)).collect()
        }
        None => Vec::new(),
    };
    let numbers = numbers_in_parentheses(line);
    for hit in &hits {
        if matches!(hit, Explanation::Message(_)) {
            answer.add(*hit);
        }
    }
    for number in &numbers {
        for message in MESSAGES.iter().filter(|m| m.number == Some(*number)) {
            // Several messages can share a number; a line names one of them.
            let rival = hits
                .iter()
                .any(|h| matches!(h, Explanation::Message(m) if m.number == Some(*number) && *m != message));
            let api = message.daemons == ["api"];
            if !rival && !api {
                answer.add(Explanation::Message(message));
            }
        }
    }
    for hit in &hits {
        if matches!(hit, Explanation::Check(_)) {
            answer.add(*hit);
        }
    }
    let messages: Vec<Explanation> = answer.list.clone();
    for found in messages {
        if let Explanation::Message(message) = found {
            for id in message.checks {
                answer.unless_denied(*id, &numbers, &hits);
            }
        }
    }
    for number in &numbers {
        for id in CheckId::all().filter(|id| id.check().numbers.contains(number)) {
            answer.unless_denied(id, &numbers, &hits);
        }
    }
    answer.list
}

/// Names of checks that look like `query`, the nearest first; five at most.
pub fn suggest(query: &str) -> Vec<&'static str> {
    let query = query.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    if query.is_empty() || query.len() > LONGEST_NAME {
        return Vec::new();
    }
    let mut near: Vec<(usize, &'static str)> = Vec::new();
    for check in CATALOGUE {
        let by_id = strsim::damerau_levenshtein(&query, &check.id.to_ascii_lowercase());
        let by_slug = strsim::damerau_levenshtein(&query, check.slug);
        if query.len() >= SHORTEST && check.slug.contains(&query) {
            near.push((0, check.slug));
        } else if by_slug <= (check.slug.len() / 3).max(2) {
            near.push((by_slug, check.slug));
        } else if query.starts_with("ar") && query.len() <= 6 && by_id <= 1 {
            near.push((by_id, check.slug));
        } else {
            let worst = check.slug.split('-').filter(|w| w.len() > 3).any(|word| {
                query.split('-').any(|q| q.len() > 3 && strsim::damerau_levenshtein(q, word) <= 1)
            });
            if worst {
                near.push((by_slug.max(3), check.slug));
            }
        }
    }
    near.sort();
    near.truncate(5);
    near.into_iter().map(|(_, slug)| slug).collect()
}

/// A query longer than this is no misspelt name.
const LONGEST_NAME: usize = 48;
/// A query shorter than this is no phrase to look for.
const SHORTEST: usize = 3;

fn within(version: Version, since: Option<Version>, until: Option<Version>) -> bool {
    since.is_none_or(|first| first <= version) && until.is_none_or(|last| version <= last)
}

/// Explanations without repetition.
#[derive(Default)]
struct Answer {
    list: Vec<Explanation>,
}

impl Answer {
    fn add(&mut self, explanation: Explanation) {
        if !self.list.contains(&explanation) {
            self.list.push(explanation);
        }
    }

    /// The messages of a number, the checks they name, the checks that name it.
    fn number(&mut self, number: u32) {
        for message in MESSAGES.iter().filter(|m| m.number == Some(number)) {
            self.add(Explanation::Message(message));
        }
        for message in MESSAGES.iter().filter(|m| m.number == Some(number)) {
            for id in message.checks {
                self.add(Explanation::Check(id.check()));
            }
        }
        for id in CheckId::all().filter(|id| id.check().numbers.contains(&number)) {
            self.add(Explanation::Check(id.check()));
        }
    }

    /// Behind everything that was found: the checks that its messages point to.
    fn checks_of_messages(&mut self) {
        let found = self.list.clone();
        for explanation in found {
            if let Explanation::Message(message) = explanation {
                for id in message.checks {
                    self.add(Explanation::Check(id.check()));
                }
            }
        }
    }

    /// Adds a check, unless it knows how lines with one of these numbers look
    /// when they speak of it, and this line does not look so.
    fn unless_denied(&mut self, id: CheckId, numbers: &[u32], hits: &[Explanation]) {
        let found = Explanation::Check(id.check());
        let denied = numbers.iter().any(|number| {
            let mark = format!("({number}");
            let escaped = format!(r"\({number}");
            id.check().log.iter().any(|s| s.pattern.contains(&mark) || s.pattern.contains(&escaped))
        });
        if !denied || hits.contains(&found) {
            self.add(found);
        }
    }

    /// Whatever holds most of the words of a query.
    fn words(&mut self, query: &str) {
        let words: Vec<&str> =
            query.split(' ').filter(|w| w.len() >= SHORTEST && !DULL.contains(w)).collect();
        if words.is_empty() {
            return;
        }
        let mut scored: Vec<(usize, Explanation)> = topics()
            .filter_map(|(keywords, explanation)| {
                let title = match explanation {
                    Explanation::Check(check) => check.title,
                    Explanation::Message(message) => message.text,
                };
                let text = simplify(&format!("{title} {}", keywords.join(" ")));
                let known: Vec<&str> = text.split(' ').collect();
                let hits = words
                    .iter()
                    .filter(|w| known.iter().any(|k| k == *w || (w.len() > 4 && k.starts_with(**w))))
                    .count();
                (hits * 3 >= words.len() * 2).then_some((hits, explanation))
            })
            .collect();
        scored.sort_by_key(|(hits, _)| std::cmp::Reverse(*hits));
        for (_, explanation) in scored.into_iter().take(8) {
            self.add(explanation);
        }
    }
}

/// Words that say nothing about what a query is after.
const DULL: [&str; 29] = [
    "the",
    "and",
    "not",
    "does",
    "why",
    "wazuh",
    "active",
    "response",
    "responses",
    "error",
    "with",
    "from",
    "for",
    "have",
    "has",
    "was",
    "are",
    "can",
    "cannot",
    "when",
    "but",
    "how",
    "what",
    "you",
    "this",
    "that",
    "its",
    "run",
    "running",
];

/// Keywords and what they stand for: messages first, for they are more exact.
fn topics() -> impl Iterator<Item = (&'static [&'static str], Explanation)> {
    MESSAGES
        .iter()
        .map(|m| (m.keywords, Explanation::Message(m)))
        .chain(CATALOGUE.iter().map(|c| (c.keywords, Explanation::Check(c))))
}

/// Lower case, one blank between words, no blanks around.
fn simplify(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Whether `text` holds `phrase` with no letter or digit right beside it.
fn holds_phrase(text: &str, phrase: &str) -> bool {
    if phrase.len() < SHORTEST {
        return false;
    }
    text.match_indices(phrase).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + phrase.len()..].chars().next();
        let starts = phrase.chars().next().is_some_and(char::is_alphanumeric);
        let ends = phrase.chars().next_back().is_some_and(char::is_alphanumeric);
        let grows_left = starts && before.is_some_and(char::is_alphanumeric);
        let grows_right = ends && after.is_some_and(char::is_alphanumeric);
        !grows_left && !grows_right
    })
}

/// The number of a query that is nothing but a number and words like "error".
fn only_number(query: &str) -> Option<u32> {
    const WORDS: [&str; 12] = [
        "error", "err", "warning", "critical", "info", "code", "number", "no", "nr", "message", "wazuh",
        "ossec",
    ];
    let mut number = None;
    for word in query.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        let lower = word.to_ascii_lowercase();
        if WORDS.contains(&lower.as_str()) {
            continue;
        }
        let digits = WORDS.iter().find_map(|w| lower.strip_prefix(w)).unwrap_or(&lower);
        if number.is_some() || digits.len() > 5 {
            return None;
        }
        number = Some(digits.parse().ok()?);
    }
    number
}

/// The numbers that stand in a line as `(1311)`.
fn numbers_in_parentheses(line: &[u8]) -> Vec<u32> {
    let mut numbers = Vec::new();
    for piece in line.split(|b| *b == b'(').skip(1) {
        let Some(end) = piece.iter().take(6).position(|b| *b == b')') else {
            continue;
        };
        let digits = &piece[..end];
        if digits.len() == 4
            && let Some(number) = std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok())
            && !numbers.contains(&number)
        {
            numbers.push(number);
        }
    }
    numbers
}

struct Signatures {
    set: RegexSet,
    owners: Vec<Explanation>,
}

impl Signatures {
    fn owner(&self, at: usize) -> Option<Explanation> {
        self.owners.get(at).copied()
    }
}

/// All patterns, compiled when the first line of text is looked up. They are
/// matched as bytes, for a log holds what it likes.
static SIGNATURES: LazyLock<Option<Signatures>> = LazyLock::new(|| {
    let mut patterns = Vec::new();
    let mut owners = Vec::new();
    let messages = MESSAGES.iter().map(|m| (m.log, Explanation::Message(m)));
    let checks = CATALOGUE.iter().map(|c| (c.log, Explanation::Check(c)));
    for (log, owner) in messages.chain(checks) {
        for signature in log {
            patterns.push(signature.pattern);
            owners.push(owner);
        }
    }
    let set = RegexSetBuilder::new(patterns).unicode(false).build().ok()?;
    Some(Signatures { set, owners })
});

#[cfg(test)]
#[allow(clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::HashSet;

    use regex::bytes::RegexBuilder;

    use super::*;

    fn check(slug: &str) -> Explanation {
        Explanation::Check(CheckId::parse(slug).expect(slug).check())
    }

    fn number(found: &[Explanation], at: usize) -> Option<u32> {
        match found.get(at) {
            Some(Explanation::Message(message)) => message.number,
            _ => None,
        }
    }

    #[test]
    fn every_check_is_found_by_id_and_slug() {
        assert!(CATALOGUE.len() >= 92);
        for id in CheckId::all() {
            let c = id.check();
            assert_eq!(CheckId::parse(c.id), Some(id));
            assert_eq!(CheckId::parse(&c.id.to_lowercase()), Some(id));
            assert_eq!(CheckId::parse(c.slug), Some(id));
            assert_eq!(CheckId::parse(&c.slug.to_uppercase()), Some(id));
            assert_eq!(CheckId::parse(&format!("{}-{}", c.id, c.slug)), Some(id));
            assert_eq!(CheckId::parse(&id.to_string()), Some(id));
            assert_eq!(explain(c.id), [Explanation::Check(c)]);
            assert_eq!(explain(c.slug), [Explanation::Check(c)]);
        }
        assert_eq!(CheckId::parse("AR999"), None);
        assert_eq!(CheckId::parse(""), None);
        assert_eq!(checks::SCRIPT_NOT_EXECUTABLE.check().id, "AR034");
    }

    #[test]
    fn every_signature_matches_its_sample_plain_and_with_debug_prefix() {
        let all = CATALOGUE.iter().map(|c| (c.slug, c.log));
        for (name, log) in all.chain(MESSAGES.iter().map(|m| (m.text, m.log))) {
            for s in log {
                let regex = RegexBuilder::new(s.pattern).unicode(false).build().expect(name);
                assert!(regex.is_match(s.sample.as_bytes()), "{name}: {}", s.sample);
                assert!(!regex.is_match(b""), "{name} matches nothing at all");
                assert!(!regex.is_match(b"2026/11/20 10:00:00 wazuh-execd: INFO: Started (pid: 7)."));
                // execd.debug >= 1 gives every line of that daemon another beginning.
                if let Some((_, text)) = s.sample.split_once(": ERROR: ") {
                    let debug = format!(
                        "2026/11/20 10:00:00 wazuh-execd[4711] execd.c:211 at ExecdRun(): ERROR: {text}"
                    );
                    assert!(regex.is_match(debug.as_bytes()), "{name}: {debug}");
                }
            }
        }
        assert!(SIGNATURES.is_some());
    }

    #[test]
    fn every_sample_leads_to_its_owner() {
        for c in CATALOGUE {
            for s in c.log {
                assert!(explain(s.sample).contains(&Explanation::Check(c)), "{}", s.sample);
            }
        }
        for m in MESSAGES {
            for s in m.log {
                assert!(explain(s.sample).contains(&Explanation::Message(m)), "{}", s.sample);
            }
        }
    }

    #[test]
    fn texts_are_fit_to_print() {
        let mut texts: Vec<(&str, &str)> = Vec::new();
        for c in CATALOGUE {
            for text in [c.title, c.meaning, c.why, c.looks, c.fix, c.verify, c.not_a_problem] {
                assert!(!text.is_empty(), "{}", c.slug);
                texts.push((c.slug, text));
            }
            assert!(!c.source.is_empty() && !c.sides.is_empty() && !c.contracts.is_empty());
            assert!(!c.keywords.is_empty(), "{} has no keywords", c.slug);
            assert!(c.title.chars().count() <= 72, "{}: {}", c.slug, c.title);
            assert!(!c.title.ends_with('.'), "{}: {}", c.slug, c.title);
            for list in [c.source, c.references, c.keywords] {
                texts.extend(list.iter().map(|t| (c.slug, *t)));
            }
            for n in c.numbers {
                assert!(MESSAGES.iter().any(|m| m.number == Some(*n)), "{}: {n}", c.slug);
            }
        }
        for m in MESSAGES {
            texts.extend([m.text, m.meaning, m.todo].map(|t| (m.text, t)));
            texts.extend(m.keywords.iter().map(|t| (m.text, *t)));
        }
        for (name, text) in texts {
            assert!(!text.trim().is_empty(), "{name}");
            assert!(!text.contains("to be written"), "{name}");
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{name}: {line}");
                assert!(!line.ends_with(char::is_whitespace), "{name}: {line}");
                assert!(!line.chars().any(char::is_control), "{name}: {line}");
            }
        }
    }

    #[test]
    fn titles_ids_and_slugs_are_unique() {
        let titles: HashSet<_> = CATALOGUE.iter().map(|c| c.title).collect();
        assert_eq!(titles.len(), CATALOGUE.len());
        assert!(CATALOGUE.is_sorted_by_key(|c| c.id));
    }

    #[test]
    fn explains_has_no_circle_and_works_through_others() {
        for id in CheckId::all() {
            assert!(!id.can_explain(id), "{id}");
        }
        assert!(checks::CRLF_SHEBANG.can_explain(checks::INTERPRETER_MISSING));
        assert!(checks::CONFIG_XML_ERROR.can_explain(checks::STALE_PID_FILE));
        assert!(checks::COMMAND_UNDEFINED.can_explain(checks::AR_CONF_NAME_MISSING));
        assert!(!checks::EXECUTABLE_MISSING.can_explain(checks::EXECUTABLE_DANGLING_LINK));
    }

    #[test]
    fn what_only_a_replay_finds() {
        let by_replay = CATALOGUE.iter().filter(|c| c.is_found_by(FoundBy::Replay));
        assert_eq!(by_replay.count(), 31);
        let all = [FoundBy::Check, FoundBy::Lint, FoundBy::Replay];
        assert_eq!(checks::STDIN_READ_TO_END.check().found_by, all);
        assert_eq!(checks::CRLF_SHEBANG.check().found_by, [FoundBy::Check]);
        for (cause, seen) in [
            (checks::STDIN_READ_TO_END, checks::KEYS_MISSING),
            (checks::KEYS_NOT_FLUSHED, checks::SCRIPT_NEVER_ENDS),
            (checks::KEYS_EMPTY, checks::KEYS_CONSTANT),
            (checks::TOOL_MISSING, checks::CHANGED_NOTHING),
            (checks::SCRIPT_OTHER_CONTRACT, checks::CHANGED_NOTHING),
            (checks::OUTPUT_AFTER_ANSWER, checks::SCRIPT_KILLED),
            (checks::PAYLOAD_TOO_LARGE, checks::PAYLOAD_NOT_JSON),
        ] {
            assert!(cause.can_explain(seen), "{cause} and {seen}");
            assert!(!seen.can_explain(cause), "{seen} and {cause}");
        }
        let first = |query: &str| explain(query).into_iter().find(|e| matches!(e, Explanation::Check(_)));
        for (query, slug) in [
            ("it works only once", "stdin-read-to-end"),
            ("only first IP blocked", "noise-before-keys"),
            ("jq: command not found", "tool-missing"),
            ("active-response/bin/x: 3: jq: not found", "tool-missing"),
            ("ModuleNotFoundError: No module named 'requests'", "module-missing"),
            ("Can't locate JSON.pm in @INC (you may need to install the JSON module)", "module-missing"),
            ("BrokenPipeError: [Errno 32] Broken pipe", "output-after-answer"),
            (
                "2026/11/20 10:00:00 active-response/bin/x: Cannot read 'srcip' from data",
                "payload-field-missing",
            ),
            (
                "2026/11/20 10:00:00 wazuh-execd: WARNING: Active response command 'x' reported failure (exit code 1).",
                "script-exits-nonzero",
            ),
            (
                "2026/11/20 10:00:00 wazuh-execd: WARNING: Active response command 'x' terminated abnormally.",
                "output-after-answer",
            ),
            ("2026/11/20 10:00:00 wazuh-execd: ERROR: (1315): Invalid JSON message: '{'", "payload-not-json"),
            (
                "2026/11/20 10:00:00 wazuh-execd: WARNING: Active response key exceeds maximum size (4096). \
                 Truncating keys.",
                "keys-too-long",
            ),
        ] {
            assert_eq!(first(query), Some(check(slug)), "{query}");
        }
    }

    #[test]
    fn numbers() {
        for query in ["1204", "(1204)", "error 1204", "ERROR: (1204)", "Error-1204", "error1204"] {
            let found = explain(query);
            assert_eq!(number(&found, 0), Some(1204), "{query}");
        }
        assert!(explain("1204").len() > 1);
        assert_eq!(number(&explain("1311"), 0), Some(1311));
        assert_eq!(explain("1311")[1], check("AR055"));
        assert!(explain("9999").is_empty());
        assert!(explain("").is_empty());
        assert!(explain("()").is_empty());
    }

    #[test]
    fn a_pasted_line() {
        let found =
            explain("2026/11/20 10:00:00 wazuh-execd: ERROR: (1311): Invalid command name 'fw600' provided.");
        assert_eq!(number(&found, 0), Some(1311));
        assert_eq!(found[1], check("AR055"));
        let found = explain(
            "2026/11/20 10:00:00 wazuh-execd: ERROR: (1103): Could not open file \
             'etc/shared/ar.conf' due to [(2)-(No such file or directory)].",
        );
        assert_eq!(number(&found, 0), Some(1103));
        assert_eq!(found[1], check("ar-conf-missing"));
        let found = explain(
            "2026/11/20 10:00:00 wazuh-agentd: ERROR: (1103): Could not open file \
             'etc/client.keys' due to [(13)-(Permission denied)].",
        );
        assert_eq!(number(&found, 0), Some(1103));
        assert!(!found.contains(&check("ar-conf-missing")));
        let line = |file: &str| {
            explain(&format!(
                "2026/11/20 10:00:00 wazuh-execd: INFO: Active response command not present: \
                 'active-response/bin/{file}'. Not using it on this system."
            ))
        };
        assert!(line("x.sh").contains(&check("executable-missing")));
        assert!(line("firewall-drop.sh").contains(&check("executable-other-contract")));
        let stock = line("restart-ossec.cmd");
        assert!(matches!(stock[..], [Explanation::Message(_)]), "{stock:?}");
    }

    #[test]
    fn words() {
        for phrase in [
            "active response command not found",
            "AR command execution failed",
            "unable to execute script",
            "Agent could not run command",
        ] {
            assert_eq!(number(&explain(phrase), 0), Some(1204), "{phrase}");
        }
        assert!(explain("crlf").contains(&check("crlf-shebang")));
        assert!(explain("bad interpreter: /bin/bash^M").contains(&check("crlf-shebang")));
        assert!(explain("execute bit").contains(&check("script-not-executable")));
        let found = explain("active response does not run");
        assert_eq!(number(&found, 0), Some(1204));
        assert!(found.contains(&check("script-not-executable")));
        assert!(explain("zebra marmalade").is_empty());
    }

    #[test]
    fn near_misses() {
        assert_eq!(suggest("script-not-executible").first(), Some(&"script-not-executable"));
        assert_eq!(suggest("crlf_shebang")[0], "crlf-shebang");
        assert!(suggest("shebang").contains(&"shebang-missing"));
        assert!(suggest("").is_empty());
        assert!(suggest("AR0345").contains(&"script-not-executable"));
    }

    #[test]
    fn versions() {
        let c = checks::SCRIPT_NOT_EXECUTABLE.check();
        assert!(c.applies_to((4, 14, 7)));
        assert!(within((4, 13, 1), None, Some((4, 13, u32::MAX))));
        assert!(!within((4, 14, 0), None, Some((4, 13, u32::MAX))));
        assert!(!within((4, 2, 0), Some((4, 3, 0)), None));
    }

    #[test]
    fn nothing_a_line_holds_is_too_much() {
        for line in [&b"\xff\xfe((((1311"[..], b"(1311", b"(((1311)))", b"()()(", b"(99999)"] {
            let _ = match_line(line);
        }
        let _ = explain("\u{1b}[31m(1311)\u{0}");
        let _ = explain(&"(".repeat(10_000));
    }
}
