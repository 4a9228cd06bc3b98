//! What a site has accepted: `ar-doctor.toml`, read and matched with findings.
//!
//! An entry names a check, what it is about, and why it is accepted; nothing is
//! hidden without a reason. It holds up to and on the day it expires.

use jiff::civil::Date;
use serde::Deserialize;

use crate::findings::catalogue::FoundBy;
use crate::findings::{CheckId, Finding, Subject, checks};

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Line of the file it begins in, from 1.
    pub line: u64,
    /// The check.
    pub check: CheckId,
    /// What it is about: `kind:value`, a value, or a response, with `*` for any characters and `?`
    /// for one.
    pub subject: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day it holds; none is for ever.
    pub expires: Option<Date>,
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suppressions {
    /// The file as reports name it.
    pub shown: String,
    /// Its entries.
    pub rules: Vec<Rule>,
    /// The day where the host has no clock.
    pub today: Option<Date>,
}

/// Something wrong with the file: its line, from 1, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {why}")]
pub struct Fault {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// What is wrong, and what to write.
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    suppress: Vec<toml::Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: toml::Spanned<String>,
    subject: toml::Spanned<String>,
    reason: toml::Spanned<String>,
    expires: Option<toml::Spanned<toml::Value>>,
}

impl Suppressions {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it: a file of which a part is dropped would hide less, or
    /// more, than its author thinks.
    pub fn read(shown: &str, text: &str) -> Result<Self, Fault> {
        let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count() as u64;
        let fault = |at: usize, why: &str| Fault {
            file: shown.to_owned(),
            line: line(at),
            why: why.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let file: File = toml::from_str(text)
            .map_err(|error| fault(error.span().map_or(0, |span| span.start), error.message()))?;
        let mut rules = Vec::with_capacity(file.suppress.len());
        for value in file.suppress {
            let at = value.span().start;
            rules.push(rule(value.into_inner(), line(at)).map_err(|(at, why)| fault(at, &why))?);
        }
        Ok(Self { shown: shown.to_owned(), rules, today: None })
    }

    /// Its name in evidence: `ar-doctor.toml:7`.
    pub fn place(&self, rule: &Rule) -> String {
        format!("{}:{}", self.shown, rule.line)
    }
}

/// The entry as it is used; else where in the file it is wrong, and why.
fn rule(entry: Entry, line: u64) -> Result<Rule, (usize, String)> {
    let id = entry.id.span().start;
    let check = CheckId::parse(entry.id.get_ref()).ok_or_else(|| {
        (id, format!("no check is called '{}'; `ar-doctor list` shows all ids and slugs", entry.id.get_ref()))
    })?;
    if !check.check().is_found_by(FoundBy::Check) {
        let shown = check.check().id;
        return Err((id, format!("{shown} is not found by `ar-doctor check`, which alone reads this file")));
    }
    if [checks::SUPPRESSION_EXPIRED, checks::SUPPRESSION_UNMATCHED].contains(&check) {
        return Err((id, format!("{} is about this file: mend the entry it names", check.check().id)));
    }
    let is_empty = |text: &toml::Spanned<String>| text.get_ref().trim().is_empty();
    if is_empty(&entry.subject) {
        return Err((entry.subject.span().start, "`subject` is empty; `*` is anything".to_owned()));
    }
    if is_empty(&entry.reason) {
        let why = "`reason` is empty: say why the finding is accepted, and by whom";
        return Err((entry.reason.span().start, why.to_owned()));
    }
    let expires = match &entry.expires {
        None => None,
        Some(value) => {
            let text = match value.get_ref() {
                toml::Value::Datetime(date) => date.to_string(),
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let date = text.parse::<Date>().ok().filter(|_| text.len() == 10);
            let wrong =
                || (value.span().start, format!("`expires` is '{text}'; write a day like 2027-03-31"));
            Some(date.ok_or_else(wrong)?)
        }
    };
    let subject = entry.subject.into_inner();
    Ok(Rule { line, check, subject, reason: entry.reason.get_ref().trim().to_owned(), expires })
}

impl Rule {
    /// Whether it holds on a day. The day it expires it still does.
    pub fn holds(&self, today: Option<Date>) -> bool {
        match (self.expires, today) {
            (Some(last), Some(today)) => today <= last,
            (None, _) | (_, None) => true,
        }
    }

    /// Whether it is about a finding: its subject is named, or every response that the finding
    /// stops or bends. `responses` are their names.
    pub fn is_about(&self, finding: &Finding, responses: &[String]) -> bool {
        if finding.check != self.check {
            return false;
        }
        let kind = finding.subject.kind();
        let subject = finding.subject.to_string();
        let value = subject.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')).unwrap_or(&subject);
        let of_response = |name: &String| {
            is_like(&self.subject, name)
                || is_like(&self.subject, &Subject::Response(name.clone()).to_string())
        };
        is_like(&self.subject, &subject)
            || is_like(&self.subject, value)
            || !responses.is_empty() && responses.iter().all(of_response)
    }
}

/// Whether a text is like a pattern, in which `*` is any characters and `?` one.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stands, and what it takes so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GOOD: &str = "# Ours.\n[[suppress]]\nid = 'AR061'\nsubject = 'quarantine0'\nreason = 'SEC-12'\n\n\
        [[suppress]]\nid = 'tool-missing'\nsubject = '*'\nreason = ' no IPv6 '\nexpires = 2027-03-31\n";

    #[test]
    fn entries_are_read_with_their_lines() {
        let read = Suppressions::read("f", GOOD).unwrap();
        assert_eq!(read.rules.iter().map(|rule| rule.line).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(read.rules[1].check, checks::TOOL_MISSING);
        assert_eq!(read.rules[1].reason, "no IPv6");
        assert_eq!(read.rules[1].expires, Some(Date::constant(2027, 3, 31)));
        assert_eq!(Suppressions::read("f", "").unwrap().rules, []);
        let quoted = GOOD.replace("2027-03-31", "\"2027-03-31\"");
        assert_eq!(Suppressions::read("f", &quoted).unwrap(), read);
    }

    #[test]
    fn one_fault_is_named_with_its_line() {
        for (from, to, line, words) in [
            ("[[suppress]]\nid = 'AR061'", "[[suppress]\nid = 'AR061'", 2, "]"),
            ("id = 'AR061'", "id = 'AR999'", 3, "'AR999'"),
            ("id = 'AR061'", "id = 'AR235'", 3, "about this file"),
            ("id = 'tool-missing'\n", "", 7, "id"),
            ("subject = '*'\n", "", 7, "subject"),
            ("subject = '*'", "subject = ''", 9, "`*` is anything"),
            ("reason = 'SEC-12'\n", "", 2, "reason"),
            ("reason = 'SEC-12'", "reason = '  '", 5, "say why"),
            ("2027-03-31", "2027-02-30", 11, ""),
            ("2027-03-31", "'soon'", 11, "'soon'"),
            ("2027-03-31", "2027-03-31T10:00:00Z", 11, "a day"),
            ("2027-03-31", "7", 11, "'7'"),
            ("reason", "resaon", 5, "resaon"),
            ("[[suppress]]", "[[ignore]]", 2, "ignore"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let said = Suppressions::read("x.toml", &GOOD.replacen(from, to, 1)).unwrap_err();
            assert_eq!((said.line, said.file.as_str()), (line, "x.toml"), "{to}: {said}");
            assert!(said.why.contains(words) && !said.why.contains('\n'), "{to}: {said}");
        }
    }

    #[test]
    fn the_last_day_still_holds() {
        let rules = Suppressions::read("f", GOOD).unwrap().rules;
        let day = |month, day| Some(Date::constant(2027, month, day));
        assert!(rules[1].holds(day(3, 30)) && rules[1].holds(day(3, 31)) && !rules[1].holds(day(4, 1)));
        assert!(rules[1].holds(None) && rules[0].holds(day(12, 31)));
    }

    #[test]
    fn a_subject_is_a_value_with_or_without_its_kind_or_all_responses() {
        let about = |subject: &str, responses: &[&str]| {
            let rule = Rule {
                line: 1,
                check: checks::EXECUTABLE_MISSING,
                subject: subject.to_owned(),
                reason: "r".to_owned(),
                expires: None,
            };
            let finding = Finding::new(checks::EXECUTABLE_MISSING, Subject::File("/a/b.sh".to_owned()), "t");
            let responses: Vec<String> = responses.iter().map(|&name| name.to_owned()).collect();
            rule.is_about(&finding, &responses)
        };
        for subject in
            ["file:/a/b.sh", "/a/b.sh", "/a/*", "*.sh", "file:*", "*", "/a/b.?h", "x0", "response:x0", "x*"]
        {
            assert!(about(subject, &["x0"]), "{subject}");
        }
        for subject in ["/a/b", "a/b.sh", "response:/a/b.sh", "process:*", "/a/?.s", "x", "y0", "", "/A/B.SH"]
        {
            assert!(!about(subject, &["x0"]), "{subject}");
        }
        // One that stops another response, too, is not what was accepted.
        assert!(!about("x0", &["x0", "y0"]) && about("?0", &["x0", "y0"]) && !about("x0", &[]));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in ".{0,200}") {
            let _ = Suppressions::read("f", &text);
        }

        #[test]
        fn a_pattern_is_what_a_regular_expression_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let expression = format!("^{}$", pattern.replace('*', ".*").replace('?', "."));
            let wanted = regex::Regex::new(&expression).unwrap().is_match(&text);
            proptest::prop_assert_eq!(is_like(&pattern, &text), wanted);
        }
    }
}
