//! `etc/client.keys`: the agents a manager knows, and who an agent is. The keys themselves are
//! passed over: nothing here holds one.

use super::os_match;

/// Size of the buffer a line is read into (`src/headers/defs.h OS_BUFFER_SIZE`, 4.14).
const LINE: usize = 2048 - 1;

/// What one line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An agent that may connect.
    Agent {
        /// Its number; none where the word is none as analysisd writes it.
        id: Option<u32>,
    },
    /// An agent that was removed: its name starts with `!` or `#`.
    Removed {
        /// Its number.
        id: Option<u32>,
    },
    /// A line that is no entry: (1401), passed over.
    Malformed,
    /// An address that is none: (1237), every daemon that reads the file exits.
    BadAddress,
}

/// What the daemons make of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientKeys {
    /// Line, from 1, and what it says; comments are left out.
    pub entries: Vec<(u64, Entry)>,
    /// Lines that were read.
    lines: u64,
}

/// Reads the file as `src/os_crypto/shared/keys.c OS_ReadKeys` does (4.2 to 5.0.1): a line that
/// starts with `#` or a blank is a comment, the rest is cut at the first three blanks.
pub fn read(bytes: &[u8]) -> ClientKeys {
    let mut keys = ClientKeys::default();
    keys.go_on(bytes);
    keys
}

fn entry(line: &[u8]) -> Option<Entry> {
    // C sees nothing behind a NUL.
    let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
    if line.is_empty() || line.starts_with(b"#") || line.starts_with(b" ") {
        return None;
    }
    let mut words = line.splitn(4, |&byte| byte == b' ');
    let (id, name) = (words.next()?, words.next());
    let Some(name) = name else { return Some(Entry::Malformed) };
    if name.starts_with(b"#") || name.starts_with(b"!") {
        return Some(Entry::Removed { id: number(id) });
    }
    let (Some(address), Some(_key)) = (words.next(), words.next()) else {
        return Some(Entry::Malformed);
    };
    if os_match::valid_ip(address).is_none() {
        return Some(Entry::BadAddress);
    }
    Some(Entry::Agent { id: number(id) })
}

/// The number of an agent. analysisd writes it with three digits at least and remoted compares
/// texts (`src/analysisd/alerts/exec.c`, `src/remoted/ar-forward.c`): `4` is none, `004` is.
fn number(word: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(word).ok()?;
    text.parse().ok().filter(|number: &u32| format!("{number:03}") == text)
}

impl ClientKeys {
    /// Reads what comes next in the file, in whole lines.
    pub fn go_on(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.lines += 1;
            for piece in line.chunks(LINE) {
                self.entries.extend(entry(piece).map(|entry| (self.lines, entry)));
            }
        }
    }

    /// How many agents may connect.
    pub fn agents(&self) -> usize {
        self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Agent { .. })).count()
    }

    /// Whether an agent of this number may connect.
    pub fn has(&self, id: i32) -> bool {
        self.holds(id, |id| Entry::Agent { id })
    }

    /// Whether an agent of this number was removed.
    pub fn has_removed(&self, id: i32) -> bool {
        self.holds(id, |id| Entry::Removed { id })
    }

    fn holds(&self, id: i32, entry: impl Fn(Option<u32>) -> Entry) -> bool {
        let wanted = u32::try_from(id).map(|id| entry(Some(id)));
        wanted.is_ok_and(|wanted| self.entries.iter().any(|(_, entry)| *entry == wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "feedfacefeedface";

    fn agent(id: u32) -> Entry {
        Entry::Agent { id: Some(id) }
    }

    #[test]
    fn lines_as_the_daemons_take_them() {
        let removed = Entry::Removed { id: Some(1) };
        for (line, wanted) in [
            (format!("001 web any {KEY}"), Some(agent(1))),
            (format!("1000 db 10.0.0.0/8 {KEY}\r"), Some(agent(1000))),
            (format!("001 !web any {KEY}"), Some(removed.clone())),
            (format!("001 #*web any {KEY}"), Some(removed.clone())),
            ("001 !gone".to_owned(), Some(removed.clone())),
            (format!("# 001 web any {KEY}"), None),
            (format!(" 001 web any {KEY}"), None),
            ("\n".to_owned(), Some(Entry::Malformed)),
            ("001".to_owned(), Some(Entry::Malformed)),
            (KEY.to_owned(), Some(Entry::Malformed)),
            ("001 web any".to_owned(), Some(Entry::Malformed)),
            (format!("001\tweb any {KEY}"), Some(Entry::Malformed)),
            (format!("001 web nowhere {KEY}"), Some(Entry::BadAddress)),
            (format!("001 web  {KEY}"), Some(Entry::BadAddress)),
        ] {
            let read = read(line.as_bytes());
            let found = read.entries.into_iter().next().map(|(_, entry)| entry);
            assert_eq!(found, wanted, "{line:?}");
        }
    }

    #[test]
    fn agents_are_found_by_number() {
        let keys = read(format!("001 a any {KEY}\n002 !b any {KEY}\n4 c any {KEY}\n").as_bytes());
        assert!(keys.has(1) && !keys.has(2) && keys.has_removed(2) && !keys.has(3));
        assert!(!keys.has(4), "remoted looks for 004");
    }

    proptest! {
        #[test]
        fn no_key_is_kept(words in proptest::collection::vec("[0-9]{3}|web|!web|any|#|SECRETSECRET|", 0..6)) {
            let text = format!("{}
    ", words.join(" "));
            let shown = format!("{:?}", read(text.as_bytes()));
            prop_assert!(!shown.contains("SECRET"), "{}", shown);
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let _ = read(&bytes);
        }
    }
}
