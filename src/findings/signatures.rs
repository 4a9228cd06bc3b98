//! Log signatures: how lines of logs look that say something about active responses, as data
//! in `checks/signatures/*.toml`, compiled in by `build.rs`, and those of a site.

#[path = "signature_file.rs"]
mod signature_file;

use regex::bytes::{Regex, RegexBuilder};

use super::catalogue::{CheckId, Level, Version, checks};

include!(concat!(env!("OUT_DIR"), "/signatures.rs"));

/// A kind of log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Log {
    /// `logs/ossec.log` or `ossec.json`; in 5.x a manager's `wazuh-manager.log`.
    Ossec,
    /// `logs/active-responses.log`.
    ActiveResponses,
    /// `logs/integrations.log`.
    Integrations,
    /// `logs/api.log` or `api.json`.
    Api,
    /// `logs/cluster.log`.
    Cluster,
    /// The log of the audit daemon.
    Audit,
    /// The system's log with messages of the kernel.
    Kernel,
}

impl Log {
    /// All of them, in the order of [`signature_file::LOGS`].
    pub const ALL: [Self; 7] = [
        Self::Ossec,
        Self::ActiveResponses,
        Self::Integrations,
        Self::Api,
        Self::Cluster,
        Self::Audit,
        Self::Kernel,
    ];

    /// Its name in `checks/signatures`.
    pub fn name(self) -> &'static str {
        signature_file::LOGS.get(self as usize).copied().unwrap_or_default()
    }
}

/// What a line that matches says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Something failed.
    Failure,
    /// Something went as it should.
    Success,
    /// It looks like a failure and is none.
    Harmless,
    /// A phrase of web guides, which no Wazuh program prints.
    Folklore,
}

impl Class {
    const ALL: [Self; 4] = [Self::Failure, Self::Success, Self::Harmless, Self::Folklore];

    /// Its name in `checks/signatures`.
    pub fn name(self) -> &'static str {
        signature_file::CLASSES.get(self as usize).copied().unwrap_or_default()
    }
}

/// How a line looks that says one thing.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its own name.
    pub name: &'static str,
    /// The file and line it is written in.
    pub place: &'static str,
    /// The logs it is looked for in.
    pub logs: &'static [Log],
    /// The daemons that say it, without `wazuh-`; none: anybody.
    pub daemons: &'static [&'static str],
    /// The levels it is said at; none: any.
    pub levels: &'static [Level],
    /// The number that stands before it in parentheses.
    pub number: Option<u32>,
    /// What its lines say.
    pub class: Class,
    /// First version of Wazuh that says it.
    pub since: Option<Version>,
    /// Last version of Wazuh that says it.
    pub until: Option<Version>,
    /// The check it is evidence for.
    pub check: Option<CheckId>,
    /// The signature whose line, when it comes later, shows that this one is over.
    pub cured_by: Option<&'static str>,
    /// Matched against the message, as bytes. Its named groups are what the line is about:
    /// `command`, `executable`, `agent`, `rule`, `errno` and others.
    pub pattern: &'static str,
    /// Whole lines it matches, one for each form.
    pub examples: &'static [&'static str],
    /// Whole lines it does not match, though they look alike.
    pub near_misses: &'static [&'static str],
}

impl Signature {
    /// Its pattern, compiled.
    ///
    /// # Errors
    ///
    /// When it is no regular expression.
    pub fn regex(&self) -> Result<Regex, regex::Error> {
        compile(self.pattern)
    }
}

/// Bytes a compiled pattern may take.
const PATTERN_LIMIT: usize = 1 << 20;

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).unicode(false).size_limit(PATTERN_LIMIT).dfa_size_limit(PATTERN_LIMIT).build()
}

/// A signature of a site that cannot be used, or a file of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub why: String,
}

/// Reads a site's file of signatures. What is wrong with one does not keep the others.
/// The text stays in memory for as long as the program runs.
pub fn of_site(file: &str, text: &str) -> (Vec<Signature>, Vec<Bad>) {
    let bad = |line, why| Bad { file: file.to_owned(), line, why };
    let (entries, faults) = signature_file::read(text);
    let mut wrong: Vec<Bad> = faults.into_iter().map(|(line, why)| bad(line, why)).collect();
    let mut signatures = Vec::new();
    for (line, entry) in entries {
        match signature(file, line, entry) {
            Ok(signature) => signatures.push(signature),
            Err(why) => wrong.push(bad(line, why)),
        }
    }
    wrong.sort_by_key(|bad| bad.line);
    (signatures, wrong)
}

fn signature(file: &str, line: usize, entry: signature_file::Entry) -> Result<Signature, String> {
    fn leak(text: String) -> &'static str {
        Box::leak(text.into_boxed_str())
    }
    fn list<T>(items: impl Iterator<Item = T>) -> &'static [T] {
        Box::leak(items.collect::<Vec<T>>().into_boxed_slice())
    }
    let name = entry.name;
    let at = |list: &[&str], word: &str| list.iter().position(|known| *known == word);
    if let Err(error) = compile(&entry.pattern) {
        let text = error.to_string();
        let why = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("too large").trim();
        return Err(format!("`{name}`: its pattern is no regular expression: {why}"));
    }
    let check = match entry.check.as_deref() {
        None => None,
        Some(slug) => match CheckId::parse(slug) {
            Some(check) => Some(check),
            None => return Err(format!("`{name}`: there is no check `{}`", slug.escape_debug())),
        },
    };
    let logs = entry.log.iter().filter_map(|log| Log::ALL.get(at(&signature_file::LOGS, log)?).copied());
    let levels = entry.severity.iter().filter_map(|level| {
        let all = [Level::Critical, Level::Error, Level::Warning, Level::Info, Level::Debug];
        all.get(at(&signature_file::SEVERITIES, level)?).copied()
    });
    let class = at(&signature_file::CLASSES, &entry.class).and_then(|at| Class::ALL.get(at)).copied();
    Ok(Signature {
        place: leak(format!("{file}:{line}")),
        logs: list(logs),
        daemons: list(entry.daemon.into_iter().map(leak)),
        levels: list(levels),
        number: entry.number,
        class: class.ok_or_else(|| format!("`{name}`: unknown class"))?,
        since: signature_file::version(entry.since.as_deref(), 0)?,
        until: signature_file::version(entry.until.as_deref(), u32::MAX)?,
        check,
        cured_by: entry.cured_by.map(leak),
        pattern: leak(entry.pattern),
        examples: list(entry.example.into_iter().map(leak)),
        near_misses: list(entry.near_miss.into_iter().map(leak)),
        name: leak(name),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_and_words() {
        assert!(SIGNATURES.len() > 250);
        for log in Log::ALL {
            assert!(SIGNATURES.iter().any(|signature| signature.logs.contains(&log)), "{}", log.name());
        }
        for class in Class::ALL {
            assert!(SIGNATURES.iter().any(|signature| signature.class == class), "{}", class.name());
        }
        for signature in SIGNATURES {
            let regex = signature.regex().unwrap();
            for name in regex.capture_names().flatten() {
                assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{}: {name}", signature.name);
            }
            // What is harmless, or well, is no evidence that something failed.
            let fails = matches!(signature.class, Class::Failure | Class::Folklore);
            assert!(fails || signature.check.is_none(), "{}", signature.name);
        }
    }

    #[test]
    fn a_bad_signature_is_named_and_the_rest_is_read() {
        let text = "log = ['ossec']\n\n[[signature]]\nname = 'one'\nclass = 'failure'\npattern = 'a(b'\n\n\
            [[signature]]\nname = 'two'\nclass = 'odd'\npattern = 'x'\n\n\
            [[signature]]\nname = 'three'\nclass = 'failure'\npattern = 'fine'\ncheck = 'AR056'\n\n\
            [[signature]]\nname = 'four'\nclass = 'failure'\npattern = 'fine'\ncheck = 'nonsense'\n\n\
            [[signature]]\nname = 'five'\npattern = 'fine'\n\n\
            [[signature]]\nname = 'six'\nclass = 'failure'\npattern = 'fine'\ncolour = 1\n";
        let (good, bad) = of_site("site.toml", text);
        assert_eq!(good.iter().map(|signature| signature.name).collect::<Vec<_>>(), ["three"]);
        assert_eq!(good[0].check, Some(checks::EXECUTABLE_MISSING));
        assert_eq!(good[0].place, "site.toml:13");
        let lines: Vec<_> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [3, 8, 19, 25, 29], "{bad:?}");
        assert!(bad[0].why.contains("`one`"), "{bad:?}");
        assert!(bad[3].why.contains("class"), "{bad:?}");
        let (good, bad) = of_site("broken.toml", "log = ['ossec']\n[[signature]\nname = 'x'\n");
        assert!(good.is_empty());
        assert_eq!((bad.len(), bad[0].line), (1, 2), "{bad:?}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text: String) {
            let _ = of_site("x", &text);
        }
    }
}
