//! The one way of bytes into a capture: what is a secret is hidden, and it is counted where.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use crate::redact::Redactor;

/// Hides secrets and counts them.
#[derive(Debug)]
pub(super) struct Cleaner<'r> {
    redactor: &'r Redactor,
    /// How many were hidden, by where.
    hidden: Mutex<BTreeMap<String, u64>>,
}

impl<'r> Cleaner<'r> {
    pub(super) fn new(redactor: &'r Redactor) -> Self {
        Self { redactor, hidden: Mutex::default() }
    }

    /// Bytes that may leave. `place` is the file they are of, as the host names it.
    pub(super) fn clean(&self, place: &str, bytes: &[u8]) -> Vec<u8> {
        let cleaned = self.redactor.hide(bytes);
        let mut count = 0;
        let mut inside = false;
        for (was, is) in bytes.iter().zip(&cleaned) {
            count += u64::from(was != is && !inside);
            // A secret may have a `*` of its own.
            inside = was != is || inside && *is == b'*';
        }
        if count > 0 {
            let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
            *hidden.entry(place.to_owned()).or_default() += count;
        }
        cleaned
    }

    /// Text that may leave.
    pub(super) fn text(&self, place: &str, text: &str) -> String {
        String::from_utf8_lossy(&self.clean(place, text.as_bytes())).into_owned()
    }

    /// Words of one command line, which only together show that one is a secret.
    pub(super) fn words(&self, place: &str, words: &mut [String]) {
        let cleaned = self.clean(place, words.join(" ").as_bytes());
        let mut at = 0;
        let mut parts = Vec::with_capacity(words.len());
        for word in words.iter() {
            parts.push(cleaned.get(at..at + word.len()));
            at += word.len() + 1;
        }
        for (word, part) in words.iter_mut().zip(parts) {
            // Where the length did not stay, each word is cleaned for itself.
            *word = match part.filter(|_| at == cleaned.len() + 1) {
                Some(part) => String::from_utf8_lossy(part).into_owned(),
                None => self.text(place, word),
            };
        }
    }

    /// How many secrets were hidden, by where.
    pub(super) fn hidden(&self) -> BTreeMap<String, u64> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// So much is cleaned at a time, in whole lines...
const BLOCK: usize = 1 << 20;
/// ... unless one line is longer than this.
const LONGEST: usize = 4 << 20;

/// Writes what may leave of a text that comes in parts.
pub(super) struct Stream<'c, W> {
    cleaner: &'c Cleaner<'c>,
    place: &'c str,
    waiting: Vec<u8>,
    out: W,
    /// Bytes that were written.
    pub(super) written: u64,
}

impl<'c, W: Write> Stream<'c, W> {
    pub(super) fn new(cleaner: &'c Cleaner<'c>, place: &'c str, out: W) -> Self {
        Self { cleaner, place, waiting: Vec::new(), out, written: 0 }
    }

    /// Writes what is waiting.
    pub(super) fn finish(mut self) -> io::Result<(W, u64)> {
        self.put(self.waiting.len())?;
        Ok((self.out, self.written))
    }

    fn put(&mut self, length: usize) -> io::Result<()> {
        let cleaned = self.cleaner.clean(self.place, &self.waiting[..length]);
        self.out.write_all(&cleaned)?;
        self.written += cleaned.len() as u64;
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
        self.out.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn streamed(text: &[u8], part: usize) -> Vec<u8> {
        let redactor = Redactor::new();
        let cleaner = Cleaner::new(&redactor);
        let mut stream = Stream::new(&cleaner, "x", Vec::new());
        for part in text.chunks(part) {
            stream.write_all(part).unwrap();
        }
        stream.finish().unwrap().0
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
        cleaner.words("x", &mut words);
        assert_eq!(words, ["curl", "-u", "admin:*********", "https://x.test"]);
        assert_eq!(cleaner.hidden().get("x"), Some(&1));
    }
}
