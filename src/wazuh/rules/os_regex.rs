//! OS_Regex, the pattern language of `<rules_group>` and of a directory's `pattern`.
//!
//! It is no regular expression: `\d \w \s \p \D \W \S \. \t` and a few escaped signs stand for
//! sets of bytes, only such a set can be repeated with `+` or `*`, `|` separates
//! alternatives, and the search gives up after four places to go back to. Some texts a
//! proper engine finds are missed, so the search is done step by step as Wazuh does it.
//!
//! Model: `src/os_regex/os_regex_compile.c`, `os_regex_execute.c`, `os_regex_maps.c`, 4.14,
//! without substrings and without regard to case.

use super::super::os_match::MAX_PATTERN;

/// Why a pattern does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Longer than [`MAX_PATTERN`].
    TooLong,
    /// A backslash before a byte it does not go with.
    BadEscape,
    /// Parentheses nested, unbalanced or around a `|`.
    BadParenthesis,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsRegex {
    alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Alternative {
    /// Lower case; [`SET`] is followed by the letter of a set.
    code: Vec<u8>,
    /// `^`
    begins: bool,
    /// `$`
    ends: bool,
}

/// Introduces a set in [`Alternative::code`].
const SET: u8 = b'\\';

impl OsRegex {
    /// Compiles a pattern.
    pub fn compile(pattern: &[u8]) -> Result<Self, Fault> {
        let pattern = pattern.split(|&byte| byte == 0).next().unwrap_or_default();
        if pattern.len() > MAX_PATTERN {
            return Err(Fault::TooLong);
        }
        let mut alternatives = Vec::new();
        let mut code = Vec::new();
        // Whether the last byte of `code` is written as it is meant, and not the letter of a set.
        let mut plain_end = false;
        let mut open = 0;
        let mut bytes = pattern.iter().copied();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => {
                    let letter = bytes.next().filter(|letter| b"dwsp()\\DWS.t$|<".contains(letter));
                    code.extend([SET, letter.ok_or(Fault::BadEscape)?]);
                    plain_end = false;
                    continue;
                }
                b'(' => open += 1,
                b')' => open -= 1,
                _ => {}
            }
            if !(0..=1).contains(&open) || byte == b'|' && open != 0 {
                return Err(Fault::BadParenthesis);
            }
            if byte == b'|' {
                alternatives.push(Alternative::new(std::mem::take(&mut code), plain_end));
                plain_end = false;
            } else {
                code.push(if byte == b')' { b'(' } else { byte.to_ascii_lowercase() });
                plain_end = true;
            }
        }
        if open != 0 {
            return Err(Fault::BadParenthesis);
        }
        alternatives.push(Alternative::new(code, plain_end));
        Ok(Self { alternatives })
    }

    /// True when the pattern is found in the text (`OSRegex_Execute`).
    pub fn matches(&self, text: &[u8]) -> bool {
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        self.alternatives.iter().any(|one| one.matches(text))
    }

    /// True when one of the alternatives is empty: then every text is taken.
    pub fn has_empty_alternative(&self) -> bool {
        self.alternatives.iter().any(|one| one.code.is_empty() && !one.ends)
    }
}

/// `OS_Regex`: a pattern that does not compile is found nowhere.
pub fn os_regex(pattern: &[u8], text: &[u8]) -> bool {
    OsRegex::compile(pattern).is_ok_and(|compiled| compiled.matches(text))
}

/// Is the byte in the set of this letter?
fn in_set(letter: u8, byte: u8) -> bool {
    let word = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'@' | b'_');
    match letter {
        b'd' => byte.is_ascii_digit(),
        b'D' => !byte.is_ascii_digit(),
        b'w' => word,
        b'W' => !word,
        b's' => byte == b' ',
        b'S' => byte != b' ',
        b'p' => matches!(byte, b'!'..=b'.' | b':'..=b'?' | b'[' | b']' | b'{'..=b'}'),
        b'.' => true,
        b't' => byte == b'\t',
        _ => byte == letter,
    }
}

fn repeats(byte: u8) -> bool {
    matches!(byte, b'+' | b'*')
}

impl Alternative {
    fn new(mut code: Vec<u8>, plain_end: bool) -> Self {
        let begins = code.first() == Some(&b'^');
        if begins {
            code.remove(0);
        }
        let ends = plain_end && code.last() == Some(&b'$');
        if ends {
            code.pop();
        }
        Self { code, begins, ends }
    }

    /// The byte at an offset, 0 behind the end.
    fn at(&self, offset: usize) -> u8 {
        self.code.get(offset).copied().unwrap_or(0)
    }

    fn matches(&self, text: &[u8]) -> bool {
        let mut here = 0; // in the text
        let mut next = 0; // in the pattern
        let mut found = true;
        // A repeated set has taken a byte.
        let mut repeating = false;
        // Where to start anew after a failure.
        let mut restart = None;
        // Places where a repeated set could have gone on: pattern and text.
        let mut choices: [Option<(usize, usize)>; 4] = [None; 4];
        // More steps than any text of a real size needs; Wazuh has no such limit.
        let mut steps = text.len().saturating_add(64).saturating_pow(2).saturating_mul(16);
        while let Some(&byte) = text.get(here) {
            steps = steps.saturating_sub(1);
            if steps == 0 {
                return false;
            }
            if self.at(next) == b'(' {
                next += 1;
            }
            let sign = self.at(next);
            if sign == 0 && !self.ends {
                return found;
            }
            if sign == SET {
                let repeat = self.at(next + 2);
                if in_set(self.at(next + 1), byte) {
                    if !repeats(repeat) {
                        next += 2;
                        restart.get_or_insert(here);
                    } else {
                        repeating |= repeat == b'*';
                        if repeating {
                            let mut after = next + 3;
                            if self.at(after) == b'(' {
                                after += 1;
                            }
                            let mut skip = None;
                            match self.at(after) {
                                0 => {
                                    here += 1;
                                    continue;
                                }
                                SET if in_set(self.at(after + 1), byte) => {
                                    skip = Some(if repeats(self.at(after + 2)) { 0 } else { 2 });
                                }
                                SET => {}
                                literal if literal == byte.to_ascii_lowercase() => {
                                    repeating = false;
                                    skip = Some(1);
                                }
                                _ => {}
                            }
                            if let Some(skip) = skip {
                                if let Some(free) = choices.iter_mut().find(|choice| choice.is_none()) {
                                    *free = Some((next, here));
                                }
                                next = after + skip;
                            }
                        } else {
                            repeating = true;
                        }
                    }
                    found = true;
                    here += 1;
                    continue;
                }
                if (repeat == 0 || self.at(next + 3) == 0) && repeating && found {
                    if !self.ends {
                        return true;
                    }
                } else if repeat == b'+' && repeating {
                    next += 3;
                    repeating = false;
                    continue;
                } else if repeat == b'*' {
                    next += 3;
                    found = true;
                    repeating = false;
                    continue;
                }
                repeating = false;
            } else if sign == byte.to_ascii_lowercase() {
                next += 1;
                restart.get_or_insert(here);
                found = true;
                here += 1;
                continue;
            }
            if let Some((pattern, place)) = choices.iter_mut().rev().find_map(Option::take) {
                next = pattern;
                here = place + 1;
                continue;
            }
            if self.begins {
                return false;
            }
            here = restart.take().unwrap_or(here) + 1;
            next = 0;
            found = false;
        }
        found && self.may_end(next, repeating)
    }

    /// Is what is left of the pattern satisfied by nothing?
    fn may_end(&self, mut next: usize, repeating: bool) -> bool {
        let end = |next: &mut usize| {
            if self.at(*next) == b'(' {
                *next += 1;
            }
            self.at(*next) == 0
        };
        if end(&mut next) {
            return true;
        }
        if self.at(next) == SET && repeating {
            next += 2;
            if repeats(self.at(next)) {
                next += 1;
                if end(&mut next) {
                    return true;
                }
                if self.at(next) == SET {
                    next += 2;
                    if self.at(next) == b'*' {
                        next += 1;
                        if end(&mut next) {
                            return true;
                        }
                    }
                }
            }
        }
        if self.at(next) == SET {
            next += 2;
            if self.at(next) == b'*' {
                next += 1;
                return end(&mut next);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: &[u8] = b"syslog,sshd,authentication_failed,invalid_login,";

    #[test]
    fn rules_group_as_analysisd_was_seen_to_take_it() {
        for (pattern, wanted) in [
            ("sshd", true),
            ("SSHD", true),
            ("ssh", true),
            ("sshd|foo", true),
            ("authentication_failed,", true),
            ("sshd,authentication_failed", true),
            ("syslog,sshd", true),
            ("foo,sshd", false),
            ("sshd,foo", false),
            ("", true),
            ("^", true),
            ("$", false),
            ("^sshd$", false),
            ("^syslog", true),
            ("*", false),
            ("foo sshd", false),
            (" sshd", false),
            (".", false),
            ("\\.+", true),
            ("\\w+,sshd", true),
            ("x|", true),
            ("login,$", true),
            ("(sshd)", true),
            ("(ssh|foo)", false),
            ("ss\\hd", false),
            ("sshd\\", false),
        ] {
            assert_eq!(os_regex(pattern.as_bytes(), GROUPS), wanted, "{pattern}");
        }
    }

    #[test]
    fn directory_patterns() {
        for (pattern, path, wanted) in [
            (".xml$", "etc/rules/local_rules.xml", true),
            (".xml$", "etc/rules/X.XML", true),
            (".xml$", "etc/rules/.hidden.xml", true),
            (".xml$", "etc/rules/x.xml.bak", false),
            (".xml$", "etc/rules/x.xml~", false),
            (".xml$", "etc/rules/xxml", false),
            ("^etc/rules/\\d\\d\\d\\d-", "etc/rules/0005-a.xml", true),
            ("^etc/rules/\\d\\d\\d\\d-", "etc/rules/a0005-a.xml", false),
        ] {
            assert_eq!(os_regex(pattern.as_bytes(), path.as_bytes()), wanted, "{pattern} {path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn it_comes_to_an_end(
            pattern in r"(\\[dwsp.]|[ab(),|^$+*]){0,12}",
            text in "[ab1,( ]{0,40}",
        ) {
            if let Ok(compiled) = OsRegex::compile(pattern.as_bytes()) {
                let _ = compiled.matches(text.as_bytes());
            }
        }

        #[test]
        fn a_plain_word_is_searched_for(word in "[a-z_]{1,8}", text in "[a-zA-Z_,]{0,60}") {
            let wanted = text.to_ascii_lowercase().contains(&word);
            // Going back is limited to the first byte, so a text may be missed, never invented.
            if os_regex(word.as_bytes(), text.as_bytes()) {
                proptest::prop_assert!(wanted);
            }
        }
    }
}
