//! Looks for secrets in what was written: a last look, whatever hid them before.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Shorter ones are not looked for: they are in any text.
const SHORTEST: usize = 8;

/// Looks for secrets in bytes that come in parts.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    secrets: Arc<Secrets>,
    /// The end of what was seen, in which a secret may have begun.
    tail: Vec<u8>,
}

/// What is looked for.
#[derive(Debug)]
struct Secrets {
    /// Secrets by their first bytes.
    by_start: HashMap<u64, Vec<Vec<u8>>>,
    /// Which first bytes there are, roughly: most bytes are the beginning of nothing.
    filter: Vec<u64>,
    longest: usize,
}

const FILTER_BITS: u32 = 20;

fn start_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(..SHORTEST)?.try_into().ok()?))
}

fn place_of(start: u64) -> (usize, u64) {
    let bit = start.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
    (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
}

impl Scanner {
    /// One that looks for these.
    pub(super) fn new(secrets: Vec<Vec<u8>>) -> Self {
        let mut by_start: HashMap<u64, Vec<Vec<u8>>> = HashMap::new();
        let mut filter = vec![0; 1 << (FILTER_BITS - 6)];
        let mut longest = 0;
        for secret in secrets {
            let Some(start) = start_of(&secret) else { continue };
            let (word, bit) = place_of(start);
            filter[word] |= bit;
            longest = longest.max(secret.len());
            by_start.entry(start).or_default().push(secret);
        }
        Self { secrets: Arc::new(Secrets { by_start, filter, longest }), tail: Vec::new() }
    }

    /// Begins another text.
    pub(super) fn reset(&mut self) {
        self.tail.clear();
    }

    /// Looks at the next bytes; whether a secret is in them.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        let secrets = &self.secrets;
        if secrets.by_start.is_empty() {
            return false;
        }
        self.tail.extend_from_slice(bytes);
        for at in 0..self.tail.len().saturating_sub(SHORTEST - 1) {
            let Some(start) = start_of(&self.tail[at..]) else { break };
            let (word, bit) = place_of(start);
            if secrets.filter[word] & bit != 0
                && let Some(secrets) = secrets.by_start.get(&start)
                && secrets.iter().any(|secret| self.tail[at..].starts_with(secret))
            {
                return true;
            }
        }
        let keep = self.tail.len().min(secrets.longest.saturating_sub(1));
        self.tail.drain(..self.tail.len() - keep);
        false
    }
}

/// Bytes that are written here are looked at.
pub(super) struct Watch {
    pub(super) scanner: Scanner,
    pub(super) found: bool,
}

impl Write for Watch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.found |= self.scanner.feed(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_parts_end() {
        let text = b"before swordfish-12 behind";
        for part in 1..text.len() {
            let mut scanner = Scanner::new(vec![b"swordfish-12".to_vec(), b"other-secret".to_vec()]);
            assert!(text.chunks(part).any(|part| scanner.feed(part)), "{part}");
            let mut scanner = Scanner::new(vec![b"swordfish-13".to_vec(), b"short".to_vec()]);
            assert!(!text.chunks(part).any(|part| scanner.feed(part)), "{part}");
        }
    }

    #[test]
    fn another_text_begins_anew() {
        let mut scanner = Scanner::new(vec![b"swordfish-12".to_vec()]);
        assert!(!scanner.feed(b"swordfish"));
        scanner.reset();
        assert!(!scanner.feed(b"-12"));
    }
}
