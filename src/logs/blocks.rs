//! A log in blocks of whole lines, in a buffer of one size.
//!
//! For a file, or a part of one: a line belongs to the part in which it begins, so that parts
//! can be read at the same time by several threads.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memrchr};

use crate::wazuh::alerts::lines::{ReadAt, Section, read_on};

/// Bytes asked for at a time: they stay in the cache while they are searched.
const BLOCK: usize = 256 * 1024;
/// The same behind the end of the part, for the rest of its last line.
const REST: usize = 8 * 1024;
/// Reads go to and come from multiples of this where they can: the kernel copies those faster.
const ALIGNED: usize = 4096;

/// Some lines of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Whole lines with their line feeds, which the very last one may lack. Of a line longer
    /// than the cap its beginning alone.
    pub text: &'a [u8],
    /// Where it begins, in bytes.
    pub offset: u64,
    /// It is the beginning of a line longer than the buffer.
    pub cut: bool,
}

/// The memory of [`Blocks`], to be used again.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    cap: usize,
}

impl Buffer {
    /// For lines of up to `cap` bytes.
    pub fn new(cap: usize) -> Self {
        Self { bytes: vec![0; room_for(cap) + BLOCK + ALIGNED], cap }
    }
}

/// Bytes before the place that is read to, for the beginning of a line.
fn room_for(cap: usize) -> usize {
    (cap + 1).next_multiple_of(ALIGNED)
}

/// The blocks of a reader. A block lasts until the next one.
#[derive(Debug)]
pub struct Blocks<'b, R> {
    reader: R,
    buffer: &'b mut [u8],
    cap: usize,
    block: usize,
    /// Where in the buffer is read to.
    target: usize,
    /// What of the buffer is not handed out yet.
    fresh: Range<usize>,
    /// Where `fresh` begins in the source.
    offset: u64,
    /// Lines that begin here or behind are another's.
    until: u64,
    /// Bytes that come before what was asked for.
    discard: usize,
    skipping: bool,
    end: bool,
}

impl<'b, R: Read> Blocks<'b, R> {
    /// All lines of a reader.
    pub fn new(reader: R, buffer: &'b mut Buffer) -> Self {
        Self::with(reader, &mut buffer.bytes, buffer.cap, BLOCK)
    }

    fn with(reader: R, buffer: &'b mut [u8], cap: usize, block: usize) -> Self {
        let room = room_for(cap);
        // Where the buffer itself is no multiple.
        let target = room + buffer.as_ptr().align_offset(ALIGNED).min(ALIGNED);
        let (offset, until) = (0, u64::MAX);
        let fresh = target..target;
        Self {
            reader,
            buffer,
            cap,
            block,
            target,
            fresh,
            offset,
            until,
            discard: 0,
            skipping: false,
            end: false,
        }
    }

    /// The next one; none at the end.
    pub fn next_block(&mut self) -> io::Result<Option<Block<'_>>> {
        loop {
            let fresh = self.buffer.get(self.fresh.clone()).unwrap_or_default();
            if self.discard > 0 {
                let some = self.discard.min(fresh.len());
                self.take(some);
                self.discard -= some;
                if self.discard > 0 && !self.fill()? {
                    return Ok(None);
                }
                continue;
            }
            // Not the rest of a line, either: behind that begins another's.
            if self.offset >= self.until {
                return Ok(None);
            }
            if self.skipping {
                match memchr(b'\n', fresh) {
                    Some(at) => {
                        self.take(at + 1);
                        self.skipping = false;
                    }
                    None => {
                        self.take(fresh.len());
                        if !self.fill()? {
                            return Ok(None);
                        }
                    }
                }
                continue;
            }
            let own = usize::try_from(self.until - self.offset).unwrap_or(usize::MAX);
            // The end of the last line that begins in the part, or else the last end there is.
            let last = fresh.get(own - 1..).and_then(|rest| memchr(b'\n', rest)).map(|at| own + at);
            let end = last.or_else(|| memrchr(b'\n', fresh).map(|at| at + 1));
            let (length, cut) = match end {
                Some(end) => (end, false),
                None if fresh.len() > self.cap => (self.cap, true),
                None if !self.end => {
                    self.fill()?;
                    continue;
                }
                None if fresh.is_empty() => return Ok(None),
                None => (fresh.len(), false),
            };
            self.skipping = cut;
            let (start, offset) = (self.fresh.start, self.offset);
            self.take(length);
            let text = self.buffer.get(start..start + length).unwrap_or_default();
            return Ok(Some(Block { text, offset, cut }));
        }
    }

    fn take(&mut self, bytes: usize) {
        self.fresh.start += bytes;
        self.offset += bytes as u64;
    }

    /// Reads on; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.end {
            return Ok(false);
        }
        // The beginning of a line goes right before the place that is read to.
        let start = self.target.saturating_sub(self.fresh.len());
        if self.fresh.end != self.target {
            self.buffer.copy_within(self.fresh.clone(), start);
            self.fresh = start..start + self.fresh.len();
        }
        let left = self.until.saturating_sub(self.offset + self.fresh.len() as u64);
        let rest = REST.min(self.block);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).clamp(rest, self.block);
        self.end = !read_on(&mut self.reader, self.buffer, &mut self.fresh, wanted)?;
        Ok(!self.end)
    }
}

/// The lines that begin in a part of a source of `length` bytes. The last of them may reach
/// out of it.
pub fn blocks_of<'a, 'b, S: ReadAt + ?Sized>(
    source: &'a S,
    part: &Range<u64>,
    length: u64,
    buffer: &'b mut Buffer,
) -> Blocks<'b, Section<'a, S>> {
    part_of(source, part, length, &mut buffer.bytes, buffer.cap, BLOCK)
}

fn part_of<'a, 'b, S: ReadAt + ?Sized>(
    source: &'a S,
    part: &Range<u64>,
    length: u64,
    buffer: &'b mut [u8],
    cap: usize,
    block: usize,
) -> Blocks<'b, Section<'a, S>> {
    // From one byte before, which is a line feed when a line begins at the part.
    let before = part.start.saturating_sub(1);
    let from = before - before % ALIGNED as u64;
    let mut blocks = Blocks::with(Section::new(source, from..length), buffer, cap, block);
    (blocks.offset, blocks.until, blocks.skipping) = (from, part.end.min(length), part.start > 0);
    blocks.discard = usize::try_from(before - from).unwrap_or_default();
    blocks
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines<R: Read>(mut blocks: Blocks<'_, R>) -> Vec<(u64, Vec<u8>, bool)> {
        let mut all = Vec::new();
        while let Some(block) = blocks.next_block().unwrap() {
            let mut offset = block.offset;
            for line in block.text.split_inclusive(|byte| *byte == b'\n') {
                all.push((offset, line.to_vec(), block.cut));
                offset += line.len() as u64;
            }
        }
        all
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![4 => Just(b'x'), 1 => Just(b'\n'), 1 => Just(0)], 0..150)
    }

    proptest! {
        #[test]
        fn parts_make_up_the_whole(
            text in text(),
            cap in 1..20_usize,
            block in 1..20_usize,
            cuts in proptest::collection::vec(0..150_u64, 0..5),
        ) {
            let length = text.len() as u64;
            let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut.min(length)).chain([0, length]).collect();
            cuts.sort_unstable();
            let mut found = Vec::new();
            for pair in cuts.windows(2) {
                let mut buffer = vec![0; room_for(cap) + ALIGNED + block];
                found.extend(lines(part_of(&text[..], &(pair[0]..pair[1]), length, &mut buffer, cap, block)));
            }
            let mut offset = 0;
            let mut expected = Vec::new();
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                expected.push((offset, line));
                offset += line.len() as u64;
            }
            prop_assert_eq!(found.len(), expected.len());
            for ((at, line, cut), (expected_at, whole)) in found.into_iter().zip(expected) {
                prop_assert_eq!(at, expected_at);
                if cut {
                    prop_assert!(whole.len() > cap && line == whole[..cap]);
                } else {
                    prop_assert_eq!(line, whole);
                }
            }
        }
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_is_there() {
        let mut text = vec![b'x'; 3 * BLOCK];
        text.extend_from_slice(b"\nnext\n");
        let mut buffer = Buffer::new(1000);
        let found = lines(Blocks::new(&text[..], &mut buffer));
        let shape: Vec<_> = found.iter().map(|(at, line, cut)| (*at, line.len(), *cut)).collect();
        assert_eq!(shape, [(0, 1000, true), (3 * BLOCK as u64 + 1, 5, false)]);
    }
}
