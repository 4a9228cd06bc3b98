//! The secrets of a run, found again in one pass over a text however many they are.
//!
//! Every secret of 8 bytes or more is filed under its first 8 bytes, a shorter one under its
//! first 6. A bitmap says of most places of a text that nothing is filed under what stands there.

use super::Kind;

/// Secrets shorter than this are hidden only where they were read: hiding `yes` everywhere would
/// hide the report.
pub(super) const SHORTEST: usize = 6;

/// Secrets of this length are found by their first bytes of this number.
pub(super) const LONG: usize = 8;

/// No secret.
const NONE: u32 = u32::MAX;

/// A secret that was found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    len: u32,
    /// The next one that begins with the same bytes.
    next: u32,
    kind: Kind,
}

/// Remembered secrets. They lie one behind the other in one piece of memory: there may be 100,000.
#[derive(Debug, Default)]
pub(super) struct Index {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    long: Table,
    short: Table,
    longest: usize,
}

impl Index {
    /// Adds a secret of [`SHORTEST`] bytes or more; false when it is there already, or too short.
    pub(super) fn insert(&mut self, secret: &[u8], kind: Kind) -> bool {
        let (Ok(len), Ok(start), Ok(at)) =
            (u32::try_from(secret.len()), u32::try_from(self.arena.len()), u32::try_from(self.entries.len()))
        else {
            return false;
        };
        let is_long = secret.len() >= LONG;
        let Some(prefix) = prefix(secret, is_long) else { return false };
        let table = if is_long { &mut self.long } else { &mut self.short };
        let next = table.get(prefix);
        let mut other = next;
        while let Some(entry) = self.entries.get(other as usize) {
            if bytes(&self.arena, *entry) == secret {
                return false;
            }
            other = entry.next;
        }
        self.arena.extend_from_slice(secret);
        self.entries.push(Entry { start, len, next, kind });
        table.put(prefix, at);
        self.longest = self.longest.max(secret.len());
        true
    }

    /// The length of the longest one.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Every place where a secret stands, `short` ones only when asked; of those that begin at one
    /// place the longest. They may overlap.
    pub(super) fn find(&self, text: &[u8], short: bool, mut found: impl FnMut(Hit) -> bool) {
        if self.long.used > 0 {
            for (at, window) in text.windows(LONG).enumerate() {
                let Ok(window) = <[u8; LONG]>::try_from(window) else { return };
                let prefix = u64::from_le_bytes(window);
                if self.long.may_have(prefix)
                    && let Some(hit) = self.longest_at(text, at, self.long.get(prefix))
                    && !found(hit)
                {
                    return;
                }
            }
        }
        if short && self.short.used > 0 {
            for (at, window) in text.windows(SHORTEST).enumerate() {
                let Some(prefix) = prefix(window, false) else { return };
                if self.short.may_have(prefix)
                    && let Some(hit) = self.longest_at(text, at, self.short.get(prefix))
                    && !found(hit)
                {
                    return;
                }
            }
        }
    }

    fn longest_at(&self, text: &[u8], at: usize, first: u32) -> Option<Hit> {
        let rest = text.get(at..)?;
        let mut best: Option<Entry> = None;
        let mut next = first;
        while let Some(entry) = self.entries.get(next as usize) {
            if best.is_none_or(|best| best.len < entry.len) && rest.starts_with(bytes(&self.arena, *entry)) {
                best = Some(*entry);
            }
            next = entry.next;
        }
        best.map(|entry| Hit { start: at, end: at + entry.len as usize, kind: entry.kind })
    }
}

fn bytes(arena: &[u8], entry: Entry) -> &[u8] {
    let start = entry.start as usize;
    arena.get(start..start + entry.len as usize).unwrap_or_default()
}

/// The first bytes as a number.
fn prefix(secret: &[u8], is_long: bool) -> Option<u64> {
    let mut first = [0; 8];
    let take = if is_long { LONG } else { SHORTEST };
    first.get_mut(..take)?.copy_from_slice(secret.get(..take)?);
    Some(u64::from_le_bytes(first))
}

/// From first bytes to the secret last filed under them: a hash table with open addressing, and
/// a bitmap in front of it that stays in the processor's cache.
#[derive(Debug, Default)]
struct Table {
    /// Their number is a power of two.
    slots: Vec<(u64, u32)>,
    used: usize,
    bitmap: Vec<u64>,
    /// How far the hash is shifted to number a bit of the map.
    shift: u32,
}

impl Table {
    /// Bits of the map for each slot.
    const SPARSE: usize = 8;

    fn may_have(&self, prefix: u64) -> bool {
        let bit = hash(prefix) >> self.shift;
        self.bitmap.get((bit >> 6) as usize).is_some_and(|word| word >> (bit & 63) & 1 == 1)
    }

    /// Where a prefix is filed, or would be.
    fn slot(&self, prefix: u64) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = usize::try_from(hash(prefix) >> 20).unwrap_or(0) & mask;
        loop {
            let (filed, entry) = self.slots.get(at)?;
            if *entry == NONE || *filed == prefix {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    fn get(&self, prefix: u64) -> u32 {
        self.slot(prefix).and_then(|at| self.slots.get(at)).map_or(NONE, |slot| slot.1)
    }

    fn put(&mut self, prefix: u64, entry: u32) {
        if (self.used + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.set_bit(prefix);
        if let Some(slot) = self.slot(prefix).and_then(|at| self.slots.get_mut(at)) {
            self.used += usize::from(slot.1 == NONE);
            *slot = (prefix, entry);
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        let old = std::mem::replace(&mut self.slots, vec![(0, NONE); size]);
        let bits = size * Self::SPARSE;
        self.shift = 64 - bits.trailing_zeros();
        self.bitmap = vec![0; bits / 64];
        for (prefix, entry) in old {
            if entry != NONE {
                self.set_bit(prefix);
                if let Some(slot) = self.slot(prefix).and_then(|at| self.slots.get_mut(at)) {
                    *slot = (prefix, entry);
                }
            }
        }
    }

    fn set_bit(&mut self, prefix: u64) {
        let bit = hash(prefix) >> self.shift;
        if let Some(word) = self.bitmap.get_mut((bit >> 6) as usize) {
            *word |= 1 << (bit & 63);
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
            assert!(index.insert(secret.as_bytes(), Kind::Token));
            assert!(!index.insert(secret.as_bytes(), Kind::Token), "{secret} is there already");
        }
        assert!(!index.insert(b"12345", Kind::Token), "too short");
        assert_eq!(hits(&index, b"x1234567890y 123456", false), [(1, 11)]);
        assert_eq!(hits(&index, b"x1234567890y 123456", true), [(1, 7), (1, 11), (13, 19)]);
        assert_eq!(index.len(), 4);
        assert_eq!(index.longest(), 11);
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
