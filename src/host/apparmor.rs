//! AppArmor: the list of loaded profiles, labels of processes, and as much of the profiles' text
//! (apparmor.d(5)) as it takes to say that no rule of one can allow something. Pure; bytes in,
//! facts out.

use regex::bytes::Regex;

/// How a profile acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What no rule allows is refused.
    Enforce,
    /// What no rule allows ends the process.
    Kill,
    /// What no rule allows is logged, or a program is asked; or nothing is confined.
    Passes,
}

impl Mode {
    fn parse(word: &str) -> Self {
        match word {
            "enforce" => Self::Enforce,
            "kill" => Self::Kill,
            _ => Self::Passes,
        }
    }

    /// Whether it refuses anything.
    pub fn refuses(self) -> bool {
        self != Self::Passes
    }
}

/// A profile that is loaded, or that a process runs under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its name, often the path of its program.
    pub name: String,
    /// How it acts.
    pub mode: Mode,
}

/// `/sys/kernel/security/apparmor/profiles`: lines `NAME (MODE)`.
pub fn loaded(text: &[u8]) -> Vec<Loaded> {
    String::from_utf8_lossy(text).lines().filter_map(label).collect()
}

/// A label of a process, `NAME (MODE)`; none for `unconfined` and for what is none.
pub fn label(text: &str) -> Option<Loaded> {
    let (name, mode) = text.trim_end().rsplit_once(" (")?;
    let mode = mode.strip_suffix(')')?;
    (!name.is_empty() && name != "unconfined")
        .then(|| Loaded { name: name.to_owned(), mode: Mode::parse(mode) })
}

/// One profile in a file, with the rules of its own block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The pattern of the programs it is for; none when it is only entered by name.
    pub attachment: Option<String>,
    /// How it acts when it is loaded from this file.
    pub mode: Mode,
    /// Line in the file, from 1.
    pub line: u64,
    /// Its rules about files, and other files it takes rules from.
    pub rules: Vec<Rule>,
}

/// What matters of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Access to files of a pattern.
    File {
        /// The pattern.
        pattern: String,
        /// Letters (`r`, `w`, `x` ...).
        letters: String,
    },
    /// Everything.
    All,
    /// More rules stand in another file.
    Include {
        /// Path of the file or directory; one in `<>` is below the directory of profiles.
        path: String,
        /// It stands in `<>`.
        system: bool,
        /// It may be missing.
        if_exists: bool,
    },
}

/// The profiles of a file, without those inside others; none when its blocks do not add up.
pub fn profiles(text: &[u8]) -> Option<Vec<Profile>> {
    let text = String::from_utf8_lossy(text);
    let mut found: Vec<Profile> = Vec::new();
    let mut depth = 0_usize;
    let mut rule = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = without_comment(line);
        if line.is_empty() {
            continue;
        }
        if line.starts_with('}') {
            depth = depth.checked_sub(1)?;
            rule.clear();
            continue;
        }
        // A brace inside of a pattern has no blank before it.
        let opens = line == "{" || line.ends_with(" {") || line.ends_with("\t{") || line.ends_with("){");
        if opens {
            if depth == 0 {
                let head = format!("{rule} {}", line.trim_end_matches('{'));
                found.push(header(&head, number)?);
            }
            rule.clear();
            depth += 1;
            continue;
        }
        if depth == 0 {
            // A head of several lines; includes, variables and aliases are none.
            rule = if is_preamble(line) { String::new() } else { format!("{rule} {line}") };
            continue;
        }
        if depth > 1 {
            continue;
        }
        let profile = found.last_mut()?;
        profile.rules.extend(rules_of(&mut rule, line));
    }
    (depth == 0).then_some(found)
}

/// The rules of a file that profiles include.
pub fn included(text: &[u8]) -> Vec<Rule> {
    let text = String::from_utf8_lossy(text);
    let mut rule = String::new();
    text.lines().map(without_comment).flat_map(|line| rules_of(&mut rule, line)).collect()
}

/// Takes one line; a rule ends with a comma.
fn rules_of(open: &mut String, line: &str) -> Vec<Rule> {
    if let Some(include) = include(line) {
        return vec![include];
    }
    if !open.is_empty() {
        open.push(' ');
    }
    open.push_str(line);
    let mut rules = Vec::new();
    // Commas divide rules, unless they stand in a pattern.
    let whole = std::mem::take(open);
    let mut start = 0;
    let (mut braces, mut quoted) = (0_i32, false);
    for (at, letter) in whole.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '{' if !quoted => braces += 1,
            '}' if !quoted => braces -= 1,
            ',' if !quoted && braces <= 0 => {
                rules.extend(rule(&whole[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    whole[start..].trim().clone_into(open);
    rules
}

fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with("#include") {
        return line;
    }
    match line.find(" #").or_else(|| line.find("\t#")) {
        Some(at) => line[..at].trim_end(),
        None if line.starts_with('#') => "",
        None => line,
    }
}

fn is_preamble(line: &str) -> bool {
    include(line).is_some()
        || ["@{", "${", "alias ", "abi "].iter().any(|word| line.starts_with(word)) && !line.ends_with('{')
}

fn include(line: &str) -> Option<Rule> {
    let rest = line.strip_prefix('#').unwrap_or(line).strip_prefix("include")?;
    let rest = rest.strip_prefix([' ', '\t', '<', '"']).map(|_| rest.trim())?;
    let (rest, if_exists) = match rest.strip_prefix("if exists") {
        Some(rest) => (rest.trim(), true),
        None => (rest, false),
    };
    let rest = rest.trim_end_matches(',').trim();
    let system = rest.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let path = system.unwrap_or_else(|| rest.trim_matches('"')).to_owned();
    Some(Rule::Include { path, system: system.is_some(), if_exists })
}

/// `profile NAME ATTACHMENT flags=(...)`, or a pattern alone.
fn header(head: &str, line: u64) -> Option<Profile> {
    let (head, flags) = match head.find("flags=").or_else(|| head.find('(')) {
        Some(at) => head.split_at(at),
        None => (head, ""),
    };
    let mut words = split(head).into_iter().filter(|word| !word.starts_with("xattrs="));
    let first = words.next()?;
    let (name, attachment) = if first == "profile" {
        let name = words.next()?;
        let attachment = words.next().or_else(|| name.starts_with(['/', '@']).then(|| name.clone()));
        (name, attachment)
    } else {
        (first.clone(), Some(first))
    };
    let passes =
        ["complain", "unconfined", "prompt", "default_allow"].iter().any(|flag| flags.contains(flag));
    let mode = match (passes, flags.contains("kill")) {
        (true, _) => Mode::Passes,
        (false, true) => Mode::Kill,
        (false, false) => Mode::Enforce,
    };
    Some(Profile { name, attachment, mode, line, rules: Vec::new() })
}

/// Words, those in quotes without them.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            letter if letter.is_whitespace() && !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// A rule that allows something of files; others say nothing of them.
fn rule(text: &str) -> Option<Rule> {
    let words = split(text);
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.peek() {
        match *word {
            "deny" => return None,
            "audit" | "allow" | "owner" | "quiet" => {}
            word if word.starts_with("priority=") => {}
            _ => break,
        }
        words.next();
    }
    let mut rest: Vec<&str> = words.collect();
    if rest == ["all"] {
        return Some(Rule::All);
    }
    if rest.first() == Some(&"file") {
        rest.remove(0);
        if rest.is_empty() {
            return Some(Rule::All);
        }
    }
    let is_path = |word: &str| word.starts_with(['/', '@', '{']);
    let is_letters = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()) && word.len() <= 10
    };
    // A target behind `->` is a profile.
    let end = rest.iter().position(|word| *word == "->").unwrap_or(rest.len());
    match &rest[..end] {
        [pattern, letters] | [letters, pattern] if is_path(pattern) && is_letters(letters) => {
            Some(Rule::File { pattern: (*pattern).to_owned(), letters: letters.to_ascii_lowercase() })
        }
        _ => None,
    }
}

/// Whether a pattern (apparmor.d(5), "Globbing") fits a path; a variable may stand for anything.
/// None when the pattern cannot be read.
pub fn fits(pattern: &str, path: &[u8]) -> Option<bool> {
    // Most patterns of a host are told apart by what they begin with, and need not be compiled.
    let begin = pattern.find(['*', '?', '@', '{', '[', '\\']).unwrap_or(pattern.len());
    if !path.starts_with(&pattern.as_bytes()[..begin]) {
        return Some(false);
    }
    let mut regex = String::from("(?s-u)^");
    let mut letters = pattern.chars().peekable();
    let mut depth = 0_u32;
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.peek() == Some(&'*') => {
                letters.next();
                regex.push_str(".*");
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '@' if letters.peek() == Some(&'{') => {
                if !letters.by_ref().any(|letter| letter == '}') {
                    return None;
                }
                regex.push_str(".*");
            }
            '{' => {
                depth += 1;
                regex.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                regex.push(')');
            }
            ',' if depth > 0 => regex.push('|'),
            '[' => {
                regex.push('[');
                for letter in letters.by_ref() {
                    if matches!(letter, '[' | '\\' | '&' | '~') {
                        regex.push('\\');
                    }
                    regex.push(letter);
                    if letter == ']' {
                        break;
                    }
                }
            }
            '\\' => regex.push_str(&regex::escape(&letters.next()?.to_string())),
            letter => regex.push_str(&regex::escape(&letter.to_string())),
        }
    }
    regex.push('$');
    Regex::new(&regex).ok().map(|regex| regex.is_match(path))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_loaded() {
        let all = loaded(b"/usr/sbin/cupsd (enforce)\nlsb_release (complain)\nname (odd) (kill)\nflatpak (unconfined)\nx\n");
        let all: Vec<(&str, Mode)> = all.iter().map(|one| (one.name.as_str(), one.mode)).collect();
        assert_eq!(
            all,
            [
                ("/usr/sbin/cupsd", Mode::Enforce),
                ("lsb_release", Mode::Passes),
                ("name (odd)", Mode::Kill),
                ("flatpak", Mode::Passes)
            ]
        );
        assert_eq!(label("unconfined"), None);
        assert_eq!(label("wazuh (enforce)\n").unwrap().name, "wazuh");
    }

    const TEXT: &str = r#"# AppArmor
abi <abi/4.0>,
#include <tunables/global>
@{WAZUH} = /var/ossec
profile wazuh-execd /var/ossec/bin/{wazuh,ossec}-execd flags=(attach_disconnected) {
  include <abstractions/base>
  #include if exists <local/wazuh>
  capability net_admin,
  /var/ossec/** rwk,   # everything
  owner "/var/lib/a b/*" r,
  deny /var/ossec/active-response/bin/bad.sh x,
  /{,usr/}bin/{ba,da,}sh rix,
  Px /usr/sbin/iptables -> iptables,
  /opt/one r, /opt/two
     mr,
  profile child {
    /** rwx,
  }
  ^hat {
    file,
  }
}
"/usr/sbin/x y" (complain) {
  file,
}
/usr/bin/z {
  allow file /etc/** r,
  all,
}
"#;

    #[test]
    fn profiles_of_a_file() {
        let all = profiles(TEXT.as_bytes()).unwrap();
        assert_eq!(all.len(), 3);
        let execd = &all[0];
        assert_eq!((execd.name.as_str(), execd.line, execd.mode), ("wazuh-execd", 5, Mode::Enforce));
        assert_eq!(execd.attachment.as_deref(), Some("/var/ossec/bin/{wazuh,ossec}-execd"));
        let file =
            |pattern: &str, letters: &str| Rule::File { pattern: pattern.into(), letters: letters.into() };
        let include = |path: &str, if_exists| Rule::Include { path: path.into(), system: true, if_exists };
        assert_eq!(
            execd.rules,
            [
                include("abstractions/base", false),
                include("local/wazuh", true),
                file("/var/ossec/**", "rwk"),
                file("/var/lib/a b/*", "r"),
                file("/{,usr/}bin/{ba,da,}sh", "rix"),
                file("/usr/sbin/iptables", "px"),
                file("/opt/one", "r"),
                file("/opt/two", "mr"),
            ]
        );
        assert_eq!((all[1].name.as_str(), all[1].mode), ("/usr/sbin/x y", Mode::Passes));
        assert_eq!(all[1].rules, [Rule::All]);
        assert_eq!(all[2].rules, [file("/etc/**", "r"), Rule::All]);
        assert_eq!(included(b"  /a r,\n# x\n  /b{c,d} rw,\n").len(), 2);
    }

    #[test]
    fn blocks_that_do_not_add_up() {
        assert_eq!(profiles(b"/a {\n /b r,\n"), None);
        assert_eq!(profiles(b"}\n"), None);
        assert_eq!(profiles(b""), Some(Vec::new()));
    }

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("/usr/bin/*", "/usr/bin/a", true),
            ("/usr/bin/*", "/usr/bin/a/b", false),
            ("/usr/**", "/usr/bin/a/b", true),
            ("/{,usr/}bin/sh", "/bin/sh", true),
            ("/{,usr/}bin/sh", "/usr/bin/sh", true),
            ("/{,usr/}bin/sh", "/usr/bin/bash", false),
            ("/a?c", "/abc", true),
            ("/a[b-d]c", "/aec", false),
            ("/a[^b]c", "/adc", true),
            ("@{WAZUH}/bin/x", "/var/ossec/bin/x", true),
            ("@{WAZUH}/bin/x", "/var/ossec/bin/y", false),
            ("/a.c", "/abc", false),
            ("/a\\*", "/a*", true),
        ] {
            assert_eq!(fits(pattern, path.as_bytes()), Some(expected), "{pattern} {path}");
        }
        assert_eq!(fits("/a[", b"/a"), None);
        assert_eq!(fits("@{", b"/a"), None);
    }

    proptest! {
        #[test]
        fn any_text(bytes in proptest::collection::vec(any::<u8>(), 0..200), pattern in "[ -~]{0,30}") {
            let _ = (profiles(&bytes), included(&bytes), loaded(&bytes), fits(&pattern, &bytes));
        }

        #[test]
        fn a_broken_profile(at in 0..TEXT.len(), byte: u8) {
            let mut bytes = TEXT.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = (profiles(&bytes), profiles(&bytes[..at]));
        }
    }
}
