//! The one way of bytes into a capture: what is a secret is hidden.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::host::capture::{HostFile, MANIFEST};
use crate::redact::{Entry, Redactor};

/// What is noted where logs tell of more secrets than are remembered.
const MANY: &str = "logs hold more secrets than are remembered: each is hidden where it stands as one, and those that \
                    came last are not looked for elsewhere";

/// What is noted of a pattern whose matches pseudonyms change.
const PIECE: &str = "a piece of an address, which matches other addresses among pseudonyms than on the host";

/// Hides secrets. The ledger is the redactor's own.
#[derive(Debug)]
pub(super) struct Cleaner<'r> {
    redactor: &'r Redactor,
}

impl<'r> Cleaner<'r> {
    pub(super) fn new(redactor: &'r Redactor) -> Self {
        Self { redactor }
    }

    /// Remembers the secrets in bytes of a file, so that they are hidden wherever else they turn
    /// up. All that is read is learned before anything is written.
    pub(super) fn learn(&self, place: &Path, bytes: &[u8]) {
        self.redactor.learn(place, bytes);
    }

    /// Bytes that may leave. `place` is the file they are of, as the host names it.
    pub(super) fn clean(&self, place: &Path, bytes: &[u8]) -> Vec<u8> {
        self.redactor.file(place, bytes)
    }

    /// Bytes that may leave, and are of no file, or that passed the redactor once, when not all
    /// secrets were known to it yet.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.redactor.hide(bytes)
    }

    /// The state of a host that may leave: only texts that are the host's are touched, so that it
    /// stays what it is, whatever is a secret.
    pub(super) fn state(&self, file: &HostFile) -> io::Result<String> {
        let mut state = serde_json::to_value(file)?;
        self.values(&mut state, "", 0);
        Ok(HostFile::deserialize(state)?.to_json()?)
    }

    /// Cleans the texts in a value, which is that of a field at a depth.
    fn values(&self, value: &mut Value, field: &str, depth: usize) {
        let clean = |text: &str| self.redactor.part(Path::new(MANIFEST), text);
        match value {
            _ if OWN.contains(&field) => {}
            Value::String(text) => *text = clean(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.values(item, field, depth + 1)),
            Value::Object(fields) => {
                let is_by_name = depth == 1 && BY_NAME.contains(&field);
                let mut cleaned = Map::new();
                for (name, mut value) in std::mem::take(fields) {
                    self.values(&mut value, if is_by_name { "" } else { &name }, depth + 1);
                    let name = if is_by_name { clean(&name) } else { name };
                    // Of two that have become one name the first stays.
                    cleaned.entry(name).or_insert(value);
                }
                *fields = cleaned;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// What was hidden: where, what and how often.
    pub(super) fn ledger(&self) -> Vec<Entry> {
        self.redactor.ledger()
    }

    /// What else is to be known of what leaves.
    pub(super) fn notes(&self) -> Vec<String> {
        let changed = self.redactor.changed_patterns();
        let changed =
            changed.iter().map(|(path, line)| format!("{}:{line}: {PIECE}", self.path(path).display()));
        changed.chain(self.redactor.is_full().then(|| MANY.to_owned())).collect()
    }

    /// A path that may leave.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        self.redactor.path(path)
    }

    /// Words of one command line, which only together show that one is a secret.
    pub(super) fn words(&self, words: &mut [String]) {
        let hidden = self.redactor.hide(words.join(" ").as_bytes());
        let mut rest = hidden.as_slice();
        for word in words {
            let (part, behind) = rest.split_at(word.len().min(rest.len()));
            *word = String::from_utf8_lossy(part).into_owned();
            rest = behind.get(1..).unwrap_or_default();
        }
    }
}

/// Fields whose text is none of the host's, or one that no secret is in: kinds, times, modes, sums,
/// sets of bits, and what is in base64, which is cleaned as what it is.
const OWN: [&str; 23] = [
    "type",
    "mode",
    "dir_mode",
    "now",
    "default_mtime",
    "boot_time",
    "mtime",
    "ctime",
    "birth",
    "start",
    "made_at",
    "md5",
    "sha256",
    "attributes",
    "access",
    "state",
    "seccomp",
    "permitted",
    "effective",
    "bounding",
    "ambient",
    "texts",
    "xattrs",
];

/// Fields of `host.json` that hold values by names of the host.
const BY_NAME: [&str; 6] = ["users", "groups", "space", "space_gaps", "defaults", "files"];

/// Every text in a document of a capture that is not its own.
pub(super) fn texts(value: &Value, text: &mut impl FnMut(&str)) {
    match value {
        Value::String(found) => text(found),
        Value::Array(items) => items.iter().for_each(|item| texts(item, text)),
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
                text(name);
                texts(value, text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// So much is cleaned at a time, in whole lines...
const BLOCK: usize = 1 << 20;
/// ... unless one line is longer than this.
const LONGEST: usize = 4 << 20;

/// Writes what may leave of a text that comes in parts, or learns what must not.
pub(super) struct Stream<'c, W> {
    cleaner: &'c Cleaner<'c>,
    place: &'c Path,
    waiting: Vec<u8>,
    /// Without it the text is learned.
    out: Option<W>,
    written: u64,
}

impl<'c, W: Write> Stream<'c, W> {
    pub(super) fn new(cleaner: &'c Cleaner<'c>, place: &'c Path, out: Option<W>) -> Self {
        Self { cleaner, place, waiting: Vec::new(), out, written: 0 }
    }

    /// Writes what is waiting; how much was written.
    pub(super) fn finish(mut self) -> io::Result<(Option<W>, u64)> {
        self.put(self.waiting.len())?;
        Ok((self.out, self.written))
    }

    /// Forgets what is waiting behind the last line.
    pub(super) fn drop_half_line(&mut self) {
        let whole = memchr::memrchr(b'\n', &self.waiting).map_or(0, |end| end + 1);
        self.waiting.truncate(whole);
    }

    fn put(&mut self, length: usize) -> io::Result<()> {
        let block = &self.waiting[..length];
        match &mut self.out {
            // A hole: no secret is in it.
            Some(out) if block.iter().all(|byte| *byte == 0) => {
                out.write_all(block)?;
                self.written += block.len() as u64;
            }
            Some(out) => {
                let cleaned = self.cleaner.clean(self.place, block);
                out.write_all(&cleaned)?;
                self.written += cleaned.len() as u64;
            }
            None => self.cleaner.learn(self.place, block),
        }
        self.waiting.drain(..length);
        Ok(())
    }

    /// Where the waiting bytes may be cut: behind a line, and not inside a key in PEM form.
    fn cut(&self) -> Option<usize> {
        let end = memchr::memrchr(b'\n', &self.waiting)? + 1;
        let begun = memchr::memmem::rfind(&self.waiting[..end], b"-----BEGIN ");
        let open = begun.filter(|at| memchr::memmem::find(&self.waiting[*at..end], b"-----END ").is_none());
        match open {
            Some(at) => memchr::memrchr(b'\n', &self.waiting[..at]).map(|at| at + 1),
            None => Some(end),
        }
    }
}

impl<W: Write> Write for Stream<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= BLOCK {
            match self.cut() {
                Some(length) => self.put(length)?,
                None if self.waiting.len() >= LONGEST => self.put(self.waiting.len())?,
                None => {}
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), W::flush)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn streamed(text: &[u8], part: usize) -> Vec<u8> {
        let redactor = Redactor::new();
        let cleaner = Cleaner::new(&redactor);
        let mut stream = Stream::new(&cleaner, Path::new("x.log"), Some(Vec::new()));
        for part in text.chunks(part) {
            stream.write_all(part).unwrap();
        }
        stream.finish().unwrap().0.unwrap()
    }

    #[test]
    fn a_secret_across_two_blocks_is_hidden() {
        let line = b"2026/11/20 14:00:00 wazuh-execd: INFO: nothing to see\n";
        let mut text: Vec<u8> = line.iter().copied().cycle().take(BLOCK - 30).collect();
        text.extend_from_slice(b"\ntoken=swordfish-swordfish-swordfish\n");
        text.extend_from_slice(&line.repeat(10));
        let out = streamed(&text, 1000);
        assert_eq!(out.len(), text.len());
        assert!(memchr::memmem::find(&out, b"swordfish").is_none());
    }

    #[test]
    fn a_key_across_two_blocks_is_hidden() {
        let mut text = vec![b'\n'; BLOCK - 100];
        text.extend_from_slice(b"-----BEGIN PRIVATE KEY-----\n");
        for _ in 0..50 {
            text.extend_from_slice(b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ\n");
        }
        text.extend_from_slice(b"-----END PRIVATE KEY-----\nbehind\n");
        let out = streamed(&text, 4096);
        assert!(memchr::memmem::find(&out, b"MIIEvQIB").is_none());
        assert!(out.ends_with(b"behind\n"));
    }

    #[test]
    fn words_of_a_command_are_cleaned_together() {
        let redactor = Redactor::new();
        let cleaner = Cleaner::new(&redactor);
        let mut words: Vec<String> =
            ["curl", "-u", "admin:swordfish", "https://x.test"].map(str::to_owned).to_vec();
        cleaner.words(&mut words);
        assert_eq!(words, ["curl", "-u", "admin:*********", "https://x.test"]);
    }
}
