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
        /// Its number as text, three digits or more; empty where the word is no number.
        id: String,
    },
    /// An agent that was removed: its name starts with `!` or `#`.
    Removed {
        /// Its number as text.
        id: String,
    },
    /// A line that is no entry: (1401), passed over.
    Malformed,
    /// An address that is none: (1237), every daemon that reads the file exits.
    BadAddress {
        /// Whose.
        id: String,
    },
}

/// What the daemons make of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientKeys {
    /// Line, from 1, and what it says; comments are left out.
    pub entries: Vec<(u64, Entry)>,
}

/// Reads the file as `src/os_crypto/shared/keys.c OS_ReadKeys` does (4.2 to 5.0.1): a line that
/// starts with `#` or a blank is a comment, the rest is cut at the first three blanks.
pub fn read(bytes: &[u8]) -> ClientKeys {
    let mut keys = ClientKeys::default();
    for (at, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let number = at as u64 + 1;
        for piece in line.chunks(LINE) {
            if let Some(entry) = entry(piece) {
                keys.entries.push((number, entry));
            }
        }
    }
    keys
}

fn entry(line: &[u8]) -> Option<Entry> {
    // C sees nothing behind a NUL.
    let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
    if line.is_empty() || line.starts_with(b"#") || line.starts_with(b" ") {
        return None;
    }
    // A word in the wrong place may be the key.
    let number = |bytes: &[u8]| {
        let plain = !bytes.is_empty() && bytes.len() <= 10 && bytes.iter().all(u8::is_ascii_digit);
        if plain { String::from_utf8_lossy(bytes).into_owned() } else { String::new() }
    };
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
        return Some(Entry::BadAddress { id: number(id) });
    }
    Some(Entry::Agent { id: number(id) })
}

impl ClientKeys {
    /// The numbers of the agents that may connect, in the order of the file.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Agent { id } => Some(id.as_str()),
            _ => None,
        })
    }

    /// Whether an agent of this number may connect. analysisd writes it with three digits at
    /// least, remoted compares texts (`src/analysisd/alerts/exec.c`, `src/remoted/ar-forward.c`).
    pub fn has(&self, id: i32) -> bool {
        let wanted = format!("{id:03}");
        self.agents().any(|id| id == wanted)
    }

    /// Whether an agent of this number was removed.
    pub fn has_removed(&self, id: i32) -> bool {
        let wanted = format!("{id:03}");
        self.entries.iter().any(|(_, entry)| matches!(entry, Entry::Removed { id } if *id == wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "feedfacefeedface";

    fn agent(id: &str) -> Entry {
        Entry::Agent { id: id.to_owned() }
    }

    #[test]
    fn lines_as_the_daemons_take_them() {
        let id = |id: &str| id.to_owned();
        for (line, wanted) in [
            (format!("001 web any {KEY}"), Some(agent("001"))),
            (format!("1000 db 10.0.0.0/8 {KEY}\r"), Some(agent("1000"))),
            (format!("001 !web any {KEY}"), Some(Entry::Removed { id: id("001") })),
            (format!("001 #*web any {KEY}"), Some(Entry::Removed { id: id("001") })),
            ("001 !gone".to_owned(), Some(Entry::Removed { id: id("001") })),
            (format!("# 001 web any {KEY}"), None),
            (format!(" 001 web any {KEY}"), None),
            ("\n".to_owned(), Some(Entry::Malformed)),
            ("001".to_owned(), Some(Entry::Malformed)),
            (KEY.to_owned(), Some(Entry::Malformed)),
            ("001 web any".to_owned(), Some(Entry::Malformed)),
            (format!("001\tweb any {KEY}"), Some(Entry::Malformed)),
            (format!("001 web nowhere {KEY}"), Some(Entry::BadAddress { id: id("001") })),
            (format!("001 web  {KEY}"), Some(Entry::BadAddress { id: id("001") })),
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
