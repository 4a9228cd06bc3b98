//! The secrets of a run, found again in one pass over a text however many they are.
//!
//! The first 8 bytes of a secret are known, of a shorter one the first 6. A bitmap says of most
//! places of a text that no secret begins with what stands there.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Kind, pair};

/// Secrets shorter than this are hidden only where they were read: hiding `yes` everywhere would
/// hide the report.
pub(super) const SHORTEST: usize = 6;

/// Secrets of this length are found by their first bytes of this number.
pub(super) const LONG: usize = 8;

/// So much of one is hidden although the rest of it is not there: a text may be cut.
const BEGUN: usize = 16;

/// The most secrets that are kept because of logs: anybody may write those.
const MOST_TOLD: usize = 20_000;

/// The most bytes of them.
const MOST_TOLD_BYTES: usize = 2 << 20;

/// A secret that was found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

/// Remembered secrets.
#[derive(Debug, Default)]
pub(super) struct Index {
    secrets: BTreeMap<Box<[u8]>, Kind>,
    long: Prefixes,
    short: Prefixes,
    longest: usize,
    /// How many were told by logs, and their bytes.
    told: usize,
    told_bytes: usize,
    is_full: bool,
}

impl Index {
    /// Adds a secret that only a log tells, of which a bounded number is kept.
    pub(super) fn insert_told(&mut self, secret: &[u8], kind: Kind) {
        if self.secrets.contains_key(secret) {
            return;
        }
        if self.told >= MOST_TOLD || self.told_bytes + secret.len() > MOST_TOLD_BYTES {
            self.is_full = true;
            return;
        }
        self.told += 1;
        self.told_bytes += secret.len();
        self.insert(secret, kind);
    }

    /// Whether logs told of more than are kept.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Adds a secret of [`SHORTEST`] bytes or more.
    pub(super) fn insert(&mut self, secret: &[u8], kind: Kind) {
        let is_long = secret.len() >= LONG;
        let Some(prefix) = prefix(secret, is_long) else { return };
        if self.secrets.contains_key(secret) {
            return;
        }
        self.secrets.insert(secret.into(), kind);
        let prefixes = if is_long { &mut self.long } else { &mut self.short };
        prefixes.insert(prefix);
        self.longest = self.longest.max(secret.len());
    }

    /// The length of the longest one.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Every place where a secret stands, `short` ones and beginnings of others only when asked; of those that begin at one
    /// place the longest. They may overlap. It ends when `found` returns false.
    pub(super) fn find(&self, text: &[u8], short: bool, mut found: impl FnMut(Hit) -> bool) {
        if !self.long.is_empty() {
            for (at, window) in text.windows(LONG).enumerate() {
                let Ok(window) = <[u8; LONG]>::try_from(window) else { return };
                if !self.long.contains(u64::from_le_bytes(window)) {
                    continue;
                }
                let begun = if short { self.cut_at(text, at) } else { None };
                let hits = [self.longest_at(text, at, LONG), begun];
                if hits.into_iter().flatten().any(|hit| !found(hit)) {
                    return;
                }
            }
        }
        if short && !self.short.is_empty() {
            for (at, window) in text.windows(SHORTEST).enumerate() {
                let Some(prefix) = prefix(window, false) else { return };
                if self.short.contains(prefix)
                    && let Some(hit) = self.longest_at(text, at, SHORTEST)
                    && !found(hit)
                {
                    return;
                }
            }
        }
    }

    /// The longest secret that begins here. In their order it is the last one that is not behind
    /// the text, or else no longer than what that one and the text have in common.
    fn longest_at(&self, text: &[u8], at: usize, least: usize) -> Option<Hit> {
        let mut rest = text.get(at..text.len().min(at + self.longest))?;
        while rest.len() >= least {
            let before = (Bound::Unbounded, Bound::Included(rest));
            let (secret, kind) = self.secrets.range::<[u8], _>(before).next_back()?;
            let common = secret.iter().zip(rest).take_while(|(one, other)| one == other).count();
            if common == secret.len() {
                return (common >= least).then_some(Hit { start: at, end: at + common, kind: *kind });
            }
            rest = rest.get(..common)?;
        }
        None
    }

    /// The beginning of a secret, where a text was cut: two secrets are beside it in their order.
    fn cut_at(&self, text: &[u8], at: usize) -> Option<Hit> {
        let rest = text.get(at..text.len().min(at + self.longest))?;
        let before = self.secrets.range::<[u8], _>((Bound::Unbounded, Bound::Included(rest))).next_back();
        let behind = self.secrets.range::<[u8], _>((Bound::Excluded(rest), Bound::Unbounded)).next();
        let beside = [before, behind].into_iter().flatten();
        let common = beside.map(|(secret, kind)| {
            (secret.iter().zip(rest).take_while(|(one, other)| one == other).count(), *kind)
        });
        let (common, kind) = common.max_by_key(|(common, _)| *common)?;
        let begun = rest.get(..common)?;
        let goes_on = text.get(at + common..)?;
        let is_cut = goes_on.is_empty() || goes_on == b"]" || goes_on.starts_with("…".as_bytes());
        let is_enough = common >= BEGUN || is_cut && common >= LONG;
        (is_enough && pair::is_random(behind_host(begun))).then_some(Hit {
            start: at,
            end: at + common,
            kind,
        })
    }
}

/// What stands behind the host of a URL: that one is no secret.
pub(super) fn behind_host(text: &[u8]) -> &[u8] {
    let Some(host) = memchr::memmem::find(text, b"://").and_then(|at| text.get(at + 3..)) else {
        return text;
    };
    memchr::memchr(b'/', host).and_then(|at| host.get(at..)).unwrap_or_default()
}

/// The first bytes as a number.
fn prefix(secret: &[u8], is_long: bool) -> Option<u64> {
    let mut first = [0; 8];
    let take = if is_long { LONG } else { SHORTEST };
    first.get_mut(..take)?.copy_from_slice(secret.get(..take)?);
    Some(u64::from_le_bytes(first))
}

/// A set of first bytes: a hash table with open addressing, and a bitmap in front of it that
/// stays in the processor's cache.
#[derive(Debug, Default)]
struct Prefixes {
    /// Their number is a power of two.
    slots: Vec<Option<u64>>,
    used: usize,
    bitmap: Vec<u64>,
    /// How far the hash is shifted to number a bit of the map.
    shift: u32,
}

impl Prefixes {
    /// Bits of the map for each slot.
    const SPARSE: usize = 8;

    fn is_empty(&self) -> bool {
        self.used == 0
    }

    fn contains(&self, prefix: u64) -> bool {
        let bit = hash(prefix) >> self.shift;
        self.bitmap.get((bit >> 6) as usize).is_some_and(|word| word >> (bit & 63) & 1 == 1)
            && self.slot(prefix).and_then(|at| self.slots.get(at)).is_some_and(Option::is_some)
    }

    /// Where a prefix is, or would be.
    fn slot(&self, prefix: u64) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = usize::try_from(hash(prefix) >> 20).unwrap_or(0) & mask;
        while self.slots.get(at)?.is_some_and(|other| other != prefix) {
            at = (at + 1) & mask;
        }
        Some(at)
    }

    fn insert(&mut self, prefix: u64) {
        if (self.used + 1) * 2 > self.slots.len() {
            let size = (self.slots.len() * 2).max(64);
            let old = std::mem::replace(&mut self.slots, vec![None; size]);
            let bits = size * Self::SPARSE;
            self.shift = 64 - bits.trailing_zeros();
            self.bitmap = vec![0; bits / 64];
            self.used = 0;
            old.into_iter().flatten().for_each(|prefix| self.place(prefix));
        }
        self.place(prefix);
    }

    fn place(&mut self, prefix: u64) {
        let bit = hash(prefix) >> self.shift;
        if let Some(word) = self.bitmap.get_mut((bit >> 6) as usize) {
            *word |= 1 << (bit & 63);
        }
        if let Some(slot) = self.slot(prefix).and_then(|at| self.slots.get_mut(at)) {
            self.used += usize::from(slot.is_none());
            *slot = Some(prefix);
        }
    }
}

/// Fibonacci hashing: the upper bits are well mixed.
fn hash(prefix: u64) -> u64 {
    prefix.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hits(index: &Index, text: &[u8], short: bool) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        index.find(text, short, |hit| {
            all.push((hit.start, hit.end));
            true
        });
        all.sort_unstable();
        all
    }

    #[test]
    fn the_longest_of_several_that_begin_alike_is_found() {
        let mut index = Index::default();
        for secret in ["12345678", "1234567890", "12345678abc", "123456"] {
            index.insert(secret.as_bytes(), Kind::Token);
            index.insert(secret.as_bytes(), Kind::Token);
        }
        index.insert(b"12345", Kind::Token);
        assert_eq!(hits(&index, b"x1234567890y 123456", false), [(1, 11)]);
        assert_eq!(hits(&index, b"x1234567890y 123456", true), [(1, 11), (1, 11), (13, 19)]);
        assert_eq!(index.len(), 4);
        assert_eq!(index.longest(), 11);
    }

    /// Keys that all begin alike cost no more than others.
    #[test]
    fn many_that_begin_alike_are_no_trouble() {
        let mut index = Index::default();
        for number in 0..20_000_u32 {
            index.insert(format!("{:056}{number:08}", 0).as_bytes(), Kind::AgentKey);
        }
        assert_eq!(hits(&index, "0".repeat(100_000).as_bytes(), true).len(), 100_000 - 63);
        assert_eq!(hits(&index, &[b"0".repeat(56), b"99999999".to_vec()].concat(), true), []);
    }

    proptest::proptest! {
        #[test]
        fn it_finds_what_a_plain_search_finds(
            secrets in proptest::collection::vec("[ab]{6,10}", 0..200),
            text in "[ab]{0,300}",
        ) {
            let mut index = Index::default();
            for secret in &secrets {
                index.insert(secret.as_bytes(), Kind::Token);
            }
            let mut covered = vec![false; text.len()];
            for (start, end) in hits(&index, text.as_bytes(), true) {
                covered[start..end].fill(true);
            }
            let mut plain = vec![false; text.len()];
            for secret in &secrets {
                for at in 0..text.len() {
                    if text[at..].starts_with(secret.as_str()) {
                        plain[at..at + secret.len()].fill(true);
                    }
                }
            }
            proptest::prop_assert_eq!(covered, plain);
        }
    }
}
