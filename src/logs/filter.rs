//! Finds where a text holds one of some dozens of short pieces, in one pass and near the speed
//! of memory.
//!
//! Pieces are put into eight buckets. A byte of each place says by its two halves which buckets
//! may have a piece there, the halves are looked up for a whole vector at once, and what four
//! neighbours agree on is compared byte by byte (Teddy, of Geoffrey Langdale in Hyperscan).

use std::collections::BTreeSet;

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch};

/// Bytes of a piece that are looked at in a vector; shorter ones find too much.
pub(super) const PIECE: usize = 4;
/// One for each bit of a byte.
const BUCKETS: usize = 8;
/// Bytes of the widest vector.
const WIDEST: usize = 64;
/// How often pieces are put into buckets anew, at most.
const ROUNDS: usize = 3;

/// Searches for pieces.
#[derive(Debug)]
pub(super) enum Filter {
    /// Where one of them is.
    Pieces(Box<Pieces>),
    /// Every line may match.
    Everything,
}

/// What is searched for.
#[derive(Debug)]
pub(super) struct Pieces {
    level: Level,
    halves: Halves,
    buckets: [Vec<Piece>; BUCKETS],
}

#[derive(Debug)]
struct Piece {
    number: usize,
    first: [u8; PIECE],
    bytes: Vec<u8>,
}

/// For each place the buckets that have a piece with such a low and such a high half there.
#[derive(Clone, Copy, Debug, Default)]
struct Halves([([u8; 16], [u8; 16]); PIECE]);

impl Filter {
    /// For pieces of four bytes or more; none: everything is found. `ordinary` is what is
    /// searched above all.
    pub(super) fn new(pieces: Option<&[Vec<u8>]>, ordinary: &[u8]) -> Self {
        match pieces {
            Some(pieces) if pieces.iter().all(|piece| piece.len() >= PIECE) => {
                Self::Pieces(Box::new(Pieces::new(pieces, ordinary, Level::new())))
            }
            _ => Self::Everything,
        }
    }

    /// The first place at or behind `from` where a piece begins that is accepted, by its number
    /// and where it begins and ends.
    pub(super) fn find(
        &self,
        text: &[u8],
        from: usize,
        accept: impl Fn(usize, usize, usize) -> bool,
    ) -> Option<usize> {
        match self {
            Self::Pieces(pieces) => {
                let pieces = &**pieces;
                dispatch!(pieces.level, simd => pieces.find(simd, text, from, &accept))
            }
            // Behind the last line feed there is nothing more.
            Self::Everything => (from < text.len()).then_some(from),
        }
    }
}

impl Pieces {
    fn new(pieces: &[Vec<u8>], ordinary: &[u8], level: Level) -> Self {
        let mut found = Self { level, halves: Halves::default(), buckets: Default::default() };
        for (bucket, numbers) in in_buckets(pieces, ordinary).into_iter().enumerate() {
            for number in numbers {
                let Some(piece) = pieces.get(number) else { continue };
                found.halves.add(bucket, piece);
                if let (Some(bucket), Some(first)) = (found.buckets.get_mut(bucket), piece.first_chunk()) {
                    bucket.push(Piece { number, first: *first, bytes: piece.clone() });
                }
            }
        }
        found
    }

    #[inline(always)]
    fn find<S: Simd>(
        &self,
        simd: S,
        text: &[u8],
        from: usize,
        accept: &impl Fn(usize, usize, usize) -> bool,
    ) -> Option<usize> {
        let width = S::u8s::LEN;
        let lows = self.halves.0.map(|(low, _)| S::u8s::block_splat(low.simd_into(simd)));
        let highs = self.halves.0.map(|(_, high)| S::u8s::block_splat(high.simd_into(simd)));
        let buckets_at = |window: &[u8]| {
            let mut buckets = S::u8s::splat(simd, u8::MAX);
            for (place, (low, high)) in lows.iter().zip(&highs).enumerate() {
                let bytes = S::u8s::from_slice(simd, window.get(place..place + width).unwrap_or_default());
                let of_low = low.swizzle_dyn_within_blocks(bytes & S::u8s::splat(simd, 15));
                buckets = buckets & of_low & high.swizzle_dyn_within_blocks(bytes >> 4);
            }
            buckets
        };
        let mut at = from;
        let mut padded;
        while at < text.len() {
            let window = match text.get(at..at + width + PIECE - 1) {
                Some(window) => window,
                None => {
                    let rest = text.get(at..).unwrap_or_default();
                    padded = [0; WIDEST + PIECE - 1];
                    padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                    padded.get(..width + PIECE - 1).unwrap_or_default()
                }
            };
            let buckets = buckets_at(window);
            let some = !buckets.simd_eq(S::u8s::splat(simd, 0));
            if some.any_true() {
                let mut each = [0; WIDEST];
                if let Some(each) = each.get_mut(..width) {
                    buckets.store_slice(each);
                }
                if let Some(found) = self.compare(text, at, some.to_bitmask(), &each, accept) {
                    return Some(found);
                }
            }
            at += width;
        }
        None
    }

    /// The first of the places, bits behind `at`, where a piece of its buckets is.
    fn compare(
        &self,
        text: &[u8],
        at: usize,
        mut places: u64,
        buckets: &[u8; WIDEST],
        accept: &impl Fn(usize, usize, usize) -> bool,
    ) -> Option<usize> {
        while places != 0 {
            let place = places.trailing_zeros() as usize;
            places &= places - 1;
            let start = at + place;
            let rest = text.get(start..).unwrap_or_default();
            let first = rest.first_chunk()?;
            let mut bits = buckets.get(place).copied().unwrap_or_default();
            while bits != 0 {
                let bucket = self.buckets.get(bits.trailing_zeros() as usize);
                bits &= bits - 1;
                for piece in bucket.into_iter().flatten() {
                    let end = start + piece.bytes.len();
                    let is_here = piece.first == *first && rest.starts_with(&piece.bytes);
                    if is_here && accept(piece.number, start, end) {
                        return Some(start);
                    }
                }
            }
        }
        None
    }
}

impl Halves {
    fn add(&mut self, bucket: usize, piece: &[u8]) {
        for ((low, high), byte) in self.0.iter_mut().zip(piece) {
            for (half, table) in [(byte & 15, low), (byte >> 4, high)] {
                if let Some(buckets) = table.get_mut(usize::from(half)) {
                    *buckets |= 1 << bucket;
                }
            }
        }
    }
}

/// The test that a bucket makes: the half bytes that its pieces have at each place.
#[derive(Clone, Copy, Default)]
struct HalfBytes([(u16, u16); PIECE]);

impl HalfBytes {
    fn of(bucket: &[usize], pieces: &[Vec<u8>]) -> Self {
        let mut halves = Self::default();
        for piece in bucket.iter().filter_map(|at| pieces.get(*at)) {
            for ((low, high), byte) in halves.0.iter_mut().zip(piece) {
                *low |= 1 << (byte & 15);
                *high |= 1 << (byte >> 4);
            }
        }
        halves
    }

    fn pass(&self, four: &[u8; PIECE]) -> bool {
        self.0.iter().zip(four).all(|((low, high), byte)| low >> (byte & 15) & high >> (byte >> 4) & 1 == 1)
    }

    /// How much passes: of ordinary lines above all, then of anything.
    fn cost(&self, sample: &[[u8; PIECE]]) -> u64 {
        let anything: u64 =
            self.0.iter().map(|(low, high)| u64::from(low.count_ones() * high.count_ones())).product();
        let ordinary = sample.iter().filter(|four| self.pass(four)).count() as u64;
        ordinary * 50 + anything.isqrt()
    }
}

/// The numbers of the pieces in each bucket. A bucket's test is by half bytes of all its pieces
/// together: those that are alike belong into one, else too much passes.
fn in_buckets(pieces: &[Vec<u8>], ordinary: &[u8]) -> [Vec<usize>; BUCKETS] {
    let sample: BTreeSet<[u8; PIECE]> =
        ordinary.windows(PIECE).filter_map(|four| four.try_into().ok()).collect();
    let sample: Vec<_> = sample.into_iter().collect();
    let cost = |bucket: &[usize]| match bucket {
        [] => 0,
        bucket => HalfBytes::of(bucket, pieces).cost(&sample),
    };
    let mut buckets: [Vec<usize>; BUCKETS] = Default::default();
    let mut costs = [0; BUCKETS];
    // Each piece to where it costs least; then again, now that the others are known.
    for _ in 0..ROUNDS {
        let mut moved = false;
        for at in 0..pieces.len() {
            let mut old = None;
            for (number, (bucket, known)) in buckets.iter_mut().zip(&mut costs).enumerate() {
                if bucket.contains(&at) {
                    bucket.retain(|other| *other != at);
                    *known = cost(bucket);
                    old = Some(number);
                }
            }
            let more = |(number, (bucket, before)): (usize, (&Vec<usize>, &u64))| {
                let with: Vec<usize> = bucket.iter().copied().chain([at]).collect();
                let after = cost(&with);
                (after.saturating_sub(*before), old != Some(number), number, after)
            };
            let cheapest = buckets.iter().zip(&costs).enumerate().map(more).min();
            let Some((_, elsewhere, number, after)) = cheapest else { continue };
            moved |= elsewhere;
            if let (Some(bucket), Some(known)) = (buckets.get_mut(number), costs.get_mut(number)) {
                bucket.push(at);
                *known = after;
            }
        }
        if !moved {
            break;
        }
    }
    buckets
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where pieces are found, by a filter of some width of vectors.
    fn found(pieces: &[Vec<u8>], level: Level, text: &[u8], from: usize) -> Vec<(usize, usize, usize)> {
        let filter = Filter::Pieces(Box::new(Pieces::new(pieces, b"an ordinary text", level)));
        let all = std::cell::RefCell::new(Vec::new());
        let last = filter.find(text, from, |number, start, end| {
            all.borrow_mut().push((start, end, number));
            false
        });
        assert_eq!(last, None);
        let mut all = all.into_inner();
        all.sort_unstable();
        all
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            pieces in proptest::collection::btree_set("[a-f0-9\u{1}\u{c3}]{4,12}", 1..40),
            text in "[a-f0-9\u{1}\u{c3}\n]{0,300}",
            inside in proptest::collection::vec((0..40_usize, 0..300_usize), 0..8),
            from in 0..300_usize,
        ) {
            let pieces: Vec<Vec<u8>> = pieces.into_iter().map(String::into_bytes).collect();
            let mut text = text.into_bytes();
            for (number, at) in inside {
                let at = at.min(text.len());
                text.splice(at..at, pieces[number % pieces.len()].iter().copied());
            }
            let mut expected = Vec::new();
            for (number, piece) in pieces.iter().enumerate() {
                let starts = (from..text.len()).filter(|at| text[*at..].starts_with(piece));
                expected.extend(starts.map(|at| (at, at + piece.len(), number)));
            }
            expected.sort_unstable();
            for level in [Level::new(), Level::baseline()] {
                prop_assert_eq!(&found(&pieces, level, &text, from), &expected);
            }
            let filter = Filter::new(Some(&pieces), b"");
            let first = |accepted: usize| filter.find(&text, from, |number, _, _| number == accepted);
            for number in 0..pieces.len() {
                let start = expected.iter().find(|one| one.2 == number).map(|one| one.0);
                prop_assert_eq!(first(number), start);
            }
        }
    }

    #[test]
    fn without_pieces_everything_is_found() {
        for pieces in [None, Some(&[b"abc".to_vec()][..])] {
            let filter = Filter::new(pieces, b"");
            assert_eq!(filter.find(b"some text", 5, |_, _, _| false), Some(5));
            assert_eq!(filter.find(b"some text", 9, |_, _, _| true), None);
        }
    }
}
