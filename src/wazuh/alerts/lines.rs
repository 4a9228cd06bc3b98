//! The lines of a log as a stream, in a buffer of one size.
//!
//! For a file, or a part of one: a line belongs to the part in which it begins, so that
//! parts can be read at the same time. Nothing of a line is held but its first bytes up to
//! the cap; the rest of a longer one is passed over.

use std::cell::Cell;
use std::io::{self, Read};
use std::ops::Range;

use memchr::memchr;

/// Bytes asked for at a time.
const BLOCK: usize = 256 * 1024;

/// One line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line<'a> {
    /// Without the line feed.
    pub text: &'a [u8],
    /// Where it begins, in bytes.
    pub offset: u64,
    /// It is longer than the cap, and only its beginning is here.
    pub cut: bool,
    /// It has its line feed; the last line of a log that is being written may not. Of a cut
    /// line this is not looked at.
    pub ended: bool,
}

/// Reads lines. Not an iterator, since a line lasts until the next one.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// What of the buffer is not handed out yet.
    fresh: Range<usize>,
    /// Where `fresh` begins in the source.
    offset: u64,
    cap: usize,
    block: usize,
    /// The rest of a line is to be passed over.
    skipping: bool,
    end: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of up to `cap` bytes.
    pub fn new(reader: R, cap: usize) -> Self {
        Self::with_block(reader, cap, BLOCK)
    }

    /// Asks for `block` bytes at a time.
    fn with_block(reader: R, cap: usize, block: usize) -> Self {
        let (cap, block) = (cap.max(1), block.max(1));
        let buffer = vec![0; cap + block];
        Self { reader, buffer, fresh: 0..0, offset: 0, cap, block, skipping: false, end: false }
    }

    /// For a reader that begins in the middle of a source, at `offset`: begins with the
    /// first line that begins behind that.
    pub(crate) fn behind(mut self, offset: u64) -> Self {
        self.offset = offset;
        self.skipping = true;
        self
    }

    /// The next line; none at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        // Bytes of `fresh` that are known to hold no line feed.
        let mut searched = 0;
        loop {
            let fresh = self.buffer.get(self.fresh.clone()).unwrap_or_default();
            let feed = fresh.get(searched..).and_then(|rest| memchr(b'\n', rest)).map(|at| at + searched);
            if self.skipping {
                self.take(feed.map_or(fresh.len(), |at| at + 1));
                self.skipping = feed.is_none();
                if self.skipping && !self.fill()? {
                    return Ok(None);
                }
                continue;
            }
            let length = match feed {
                Some(at) => at,
                None if fresh.len() > self.cap => fresh.len(),
                None if self.end && fresh.is_empty() => return Ok(None),
                None if self.end => fresh.len(),
                None => {
                    searched = fresh.len();
                    self.fill()?;
                    continue;
                }
            };
            let cut = length > self.cap;
            self.skipping = cut && feed.is_none();
            let start = self.fresh.start;
            let offset = self.offset;
            let cap = self.cap;
            self.take(length + usize::from(feed.is_some()));
            let text = self.buffer.get(start..start + length.min(cap)).unwrap_or_default();
            return Ok(Some(Line { text, offset, cut, ended: feed.is_some() || self.skipping }));
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
        if self.fresh.is_empty() {
            self.fresh = 0..0;
        } else if self.buffer.len() - self.fresh.end < self.block {
            self.buffer.copy_within(self.fresh.clone(), 0);
            self.fresh = 0..self.fresh.len();
        }
        self.end = !read_on(&mut self.reader, &mut self.buffer, &mut self.fresh, self.block)?;
        Ok(!self.end)
    }
}

/// Reads up to so many bytes into a buffer, behind those that are `fresh` there and to them; false
/// at the end.
pub(crate) fn read_on(
    reader: &mut impl Read,
    buffer: &mut [u8],
    fresh: &mut Range<usize>,
    most: usize,
) -> io::Result<bool> {
    let room = fresh.end..(fresh.end + most).min(buffer.len());
    let room = buffer.get_mut(room).unwrap_or_default();
    loop {
        match reader.read(room) {
            Ok(bytes) => {
                fresh.end += bytes.min(room.len());
                return Ok(bytes > 0);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What can be read at any place by several threads: a file, or bytes.
pub trait ReadAt: Sync {
    /// Reads from `offset`; 0 bytes at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The first hole at or behind a place: bytes that were never written and read as zeros. None
    /// where there is none, or nobody tells.
    fn hole(&self, _from: u64) -> Option<Range<u64>> {
        None
    }
}

#[cfg(unix)]
impl ReadAt for std::fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let length = from.len().min(buffer.len());
        if let (Some(buffer), Some(from)) = (buffer.get_mut(..length), from.get(..length)) {
            buffer.copy_from_slice(from);
        }
        Ok(length)
    }
}

/// Reads a [`ReadAt`] from one place up to another.
#[derive(Debug)]
pub struct Section<'a, S: ?Sized> {
    source: &'a S,
    at: Range<u64>,
}

impl<'a, S: ReadAt + ?Sized> Section<'a, S> {
    /// The bytes of this range.
    pub fn new(source: &'a S, at: Range<u64>) -> Self {
        Self { source, at }
    }
}

impl<S: ReadAt + ?Sized> Read for Section<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.at.end.saturating_sub(self.at.start)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let bytes = self.source.read_at(buffer.get_mut(..length).unwrap_or_default(), self.at.start)?;
        self.at.start += bytes as u64;
        Ok(bytes)
    }
}

/// The lines that begin in `part` of a source of `length` bytes. The last of them may reach
/// out of it; a line that begins at or behind its end is the next part's.
pub fn lines_of<'a, S: ReadAt + ?Sized>(
    source: &'a S,
    part: &Range<u64>,
    length: u64,
    cap: usize,
) -> Lines<Section<'a, S>> {
    lines_from(source, part.start, length, cap, BLOCK)
}

fn lines_from<S: ReadAt + ?Sized>(
    source: &S,
    start: u64,
    length: u64,
    cap: usize,
    block: usize,
) -> Lines<Section<'_, S>> {
    match start.checked_sub(1) {
        None => Lines::with_block(Section::new(source, 0..length), cap, block),
        // From one byte before, which is a line feed when a line begins at the part.
        Some(before) => Lines::with_block(Section::new(source, before..length), cap, block).behind(before),
    }
}

/// Holes that are passed over, in bytes. Smaller ones are read in no time, and a capture holds what
/// was read of them.
const LARGE: u64 = 256 << 20;

/// Holes that are asked for.
const MAX_HOLES: usize = 10_000;

/// The parts of a range of a source without what lies in large holes: no line feed is there, so
/// lines of up to `cap` bytes are those of the whole. All but the first begin with the rest of a
/// line, to be read [`behind`](Lines::behind) their beginning.
pub(crate) fn around_holes<S: ReadAt + ?Sized>(source: &S, range: Range<u64>, cap: usize) -> Vec<Range<u64>> {
    around(source, range, cap, LARGE)
}

fn around<S: ReadAt + ?Sized>(source: &S, range: Range<u64>, cap: usize, large: u64) -> Vec<Range<u64>> {
    let (mut parts, mut start, mut from) = (Vec::new(), range.start, range.start);
    // So much of a hole shows that a line which reaches it is longer than the cap.
    let shown = cap as u64 + 2;
    for _ in 0..MAX_HOLES {
        let Some(hole) = source.hole(from).filter(|hole| hole.start < range.end) else { break };
        if hole.end.saturating_sub(hole.start) >= large.max(shown) {
            let end = hole.start + shown;
            parts.push(start..end.min(range.end));
            // With its last byte.
            start = hole.end - 1;
            if hole.end >= range.end {
                return parts;
            }
        }
        from = hole.end;
    }
    parts.push(start..range.end);
    parts
}

/// Where to begin reading a log for what is not older than some time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Start {
    /// A line begins here; all before are older.
    pub offset: u64,
    /// The times that were looked at do not rise, so nothing can be left out.
    pub disordered: bool,
}

/// Places looked at before the bisection, to see whether the times rise at all.
const SAMPLES: u64 = 16;

/// Below this the bisection ends, in bytes.
const CLOSE: u64 = 64 * 1024;

/// Bytes read at a time for one line here and there.
const PROBE: usize = 8 * 1024;

/// Bytes in which a line with a time is looked for at one place. Beyond is a hole, or a line
/// that is longer, and another place is tried.
const WINDOW: u64 = 256 * 1024;

/// Places looked at, at most; then what is left is read.
const MAX_PROBES: usize = 1000;

/// Bisects a log of `length` bytes for its first line that is not older than `since`, by the
/// time that `time` sees in a line, if any. Lines may be out of order by up to `slack`, in
/// the same unit; when those looked at are by more, the whole log has to be read.
pub fn start_of<S: ReadAt + ?Sized>(
    source: &S,
    length: u64,
    since: i64,
    slack: i64,
    cap: usize,
    time: impl Fn(&[u8]) -> Option<i64>,
) -> io::Result<Start> {
    let since = since.saturating_sub(slack);
    let probes = Cell::new(0);
    // The first line with a time that begins in the range, but not far behind its beginning.
    let probe = |part: Range<u64>| -> io::Result<Option<(u64, i64)>> {
        probes.set(probes.get() + 1);
        let part = part.start..part.end.min(part.start.saturating_add(WINDOW));
        let mut lines = lines_from(source, part.start, length.min(part.end + cap as u64), cap, PROBE);
        while let Some(line) = lines.next_line()? {
            if line.offset >= part.end {
                break;
            }
            if let Some(time) = time(line.text) {
                return Ok(Some((line.offset, time)));
            }
        }
        Ok(None)
    };
    let mut seen = Vec::new();
    for sample in 0..SAMPLES {
        let at = length / SAMPLES * sample;
        seen.extend(probe(at..length)?);
    }
    // All lines that begin before `low` are older; `high` is not.
    let (mut low, mut high) = (0, length);
    for &(offset, time) in &seen {
        if time < since {
            low = low.max(offset);
        } else {
            high = high.min(offset);
        }
    }
    while high.saturating_sub(low) > CLOSE && probes.get() < MAX_PROBES {
        let middle = low + (high - low) / 2;
        let (mut place, mut found) = (middle, probe(middle..high)?);
        // In a hole: what is behind it may still be older.
        while found.is_none() && high - place > WINDOW {
            place += (high - place) / 2;
            found = probe(place..high)?;
        }
        seen.extend(found);
        match found {
            Some((offset, time)) if time < since => low = offset,
            Some(_) => high = place,
            // That there may be more costs time only: all before `low` is older.
            None => high = middle,
        }
    }
    seen.sort_unstable();
    let mut latest = i64::MIN;
    for (_, time) in seen {
        if time < latest.saturating_sub(slack) {
            return Ok(Start { offset: 0, disordered: true });
        }
        latest = latest.max(time);
    }
    Ok(Start { offset: low, disordered: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out its bytes in pieces of the given sizes.
    struct Pieces<'a>(&'a [u8], Vec<usize>);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.pop().unwrap_or(usize::MAX).max(1).min(buffer.len()).min(self.0.len());
            let (now, later) = self.0.split_at(size);
            buffer[..size].copy_from_slice(now);
            self.0 = later;
            Ok(size)
        }
    }

    type Owned = (Vec<u8>, u64, bool, bool);

    fn all<R: Read>(mut lines: Lines<R>, until: u64) -> Vec<Owned> {
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            if line.offset >= until {
                break;
            }
            all.push((line.text.to_vec(), line.offset, line.cut, line.ended || line.cut));
        }
        all
    }

    /// The same by splitting the whole text.
    fn model(text: &[u8], cap: usize) -> Vec<Owned> {
        let mut offset = 0;
        let mut all = Vec::new();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            let (body, ended) = line.strip_suffix(b"\n").map_or((line, false), |body| (body, true));
            let cut = body.len() > cap;
            all.push((body[..body.len().min(cap)].to_vec(), offset, cut, ended || cut));
            offset += line.len() as u64;
        }
        all
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(
            prop_oneof![3 => Just(b'x'), 1 => Just(b'\n'), 1 => Just(b'\r'), 1 => Just(0)],
            0..120,
        )
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_whole_text(
            text in text(),
            cap in 1..20_usize,
            block in 1..20_usize,
            sizes in proptest::collection::vec(1..9_usize, 0..60),
        ) {
            let lines = Lines::with_block(Pieces(&text, sizes), cap, block);
            prop_assert_eq!(all(lines, u64::MAX), model(&text, cap));
        }

        #[test]
        fn parts_make_up_the_whole(text in text(), cap in 1..20_usize, cuts in proptest::collection::vec(0..130_u64, 0..5)) {
            let length = text.len() as u64;
            let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut.min(length)).chain([0, length]).collect();
            cuts.sort_unstable();
            let mut lines = Vec::new();
            for pair in cuts.windows(2) {
                lines.extend(all(lines_of(&text[..], &(pair[0]..pair[1]), length, cap), pair[1]));
            }
            prop_assert_eq!(lines, model(&text, cap));
        }

        #[test]
        fn bisection_leaves_out_only_what_is_older(
            steps in proptest::collection::vec((0..5_i64, 1..900_usize, any::<bool>()), 0..800),
            since in -5..2000_i64,
            slack in 0..3_i64,
        ) {
            let (text, lines) = log(&steps);
            let start = start_of(&text[..], text.len() as u64, since, slack, 1000, time_of).unwrap();
            prop_assert!(!start.disordered);
            prop_assert!(lines.iter().all(|&(offset, time)| offset >= start.offset || time < since));
            prop_assert!(start.offset == 0 || text[start.offset as usize - 1] == b'\n');
            // And what is left out is worth it.
            let needed = lines.iter().find(|line| line.1 >= since - slack).map_or(text.len() as u64, |line| line.0);
            prop_assert!(needed - start.offset.min(needed) <= CLOSE + 1000, "{} for {needed}", start.offset);
        }
    }

    #[test]
    fn lines_a_little_out_of_order_are_not_left_out() {
        // The time goes up by one each line, and every seventh line is six ahead of it.
        let mut steps = vec![(1, 3000, true); 500];
        for (at, step) in steps.iter_mut().enumerate().skip(1) {
            step.0 = match at % 7 {
                0 => 7,
                1 => -5,
                _ => 1,
            };
        }
        let (text, lines) = log(&steps);
        for since in 0..510 {
            let start = start_of(&text[..], text.len() as u64, since, 6, 5000, time_of).unwrap();
            assert!(!start.disordered);
            let left_out = lines.iter().find(|line| line.0 < start.offset && line.1 >= since);
            assert_eq!(left_out, None, "since {since}");
        }
    }

    /// A log with times that rise by the steps; every other line may have none.
    fn log(steps: &[(i64, usize, bool)]) -> (Vec<u8>, Vec<(u64, i64)>) {
        let (mut text, mut lines, mut now) = (Vec::new(), Vec::new(), 0);
        for &(step, size, dated) in steps {
            now += step;
            if dated {
                lines.push((text.len() as u64, now));
                text.extend_from_slice(now.to_string().as_bytes());
            }
            text.extend(std::iter::repeat_n(b'-', size));
            text.push(b'\n');
        }
        (text, lines)
    }

    fn time_of(line: &[u8]) -> Option<i64> {
        str::from_utf8(line).ok()?.split('-').next()?.parse().ok()
    }

    #[test]
    fn a_log_out_of_order_is_read_whole() {
        let mut steps = vec![(1, 400, true); 2000];
        steps[1000].0 = -500;
        let (text, _) = log(&steps);
        let start = start_of(&text[..], text.len() as u64, 1400, 5, 1000, time_of).unwrap();
        assert_eq!(start, Start { offset: 0, disordered: true });
        let start = start_of(&text[..], text.len() as u64, 1400, 600, 1000, time_of).unwrap();
        assert!(!start.disordered);
    }

    /// 50 GiB of which only a few places hold lines; the rest is a hole, which reads as zeros.
    struct Sparse {
        /// Where lines are, in order.
        places: Vec<(u64, Vec<u8>)>,
        read: std::sync::atomic::AtomicU64,
    }

    const HUGE: u64 = 50 << 30;

    impl ReadAt for Sparse {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let length = buffer.len().min(usize::try_from(HUGE - offset).unwrap());
            buffer[..length].fill(0);
            for (place, text) in &self.places {
                let from = offset.max(*place);
                let until = (offset + length as u64).min(place + text.len() as u64);
                if from < until {
                    let to = (from - offset) as usize..(until - offset) as usize;
                    buffer[to].copy_from_slice(&text[(from - place) as usize..(until - place) as usize]);
                }
            }
            self.read.fetch_add(length as u64, std::sync::atomic::Ordering::Relaxed);
            Ok(length)
        }

        fn hole(&self, from: u64) -> Option<Range<u64>> {
            let end = |(place, text): &(u64, Vec<u8>)| place + text.len() as u64;
            let next = self.places.iter().position(|place| end(place) > from);
            let (place, _) = self.places.get(next?)?;
            if *place > from {
                return Some(from..*place);
            }
            let start = end(&self.places[next?]);
            let until = self.places.get(next? + 1).map_or(HUGE, |(place, _)| *place);
            (start < until).then_some(start..until)
        }
    }

    #[test]
    fn fifty_gibibytes_with_holes_are_not_read() {
        // One line of 100 bytes for each number; a place of some size every so often, and the end.
        let lines = |from: i64, until: i64| -> Vec<u8> {
            let line = |number: i64| format!("{number}-{}\n", "x".repeat(98 - number.to_string().len()));
            (from..until).map(line).collect::<String>().into_bytes()
        };
        let end = lines(1_000_000, 1_200_000);
        let end_at = HUGE - end.len() as u64;
        for every in [1 << 30, 7 << 30, 100 << 30] {
            let mut places: Vec<(u64, Vec<u8>)> = (0..)
                .map(|number: u32| {
                    (
                        u64::from(number) * every,
                        lines(i64::from(number) * 10_000, i64::from(number) * 10_000 + 500),
                    )
                })
                .take_while(|(at, _)| at + (1 << 20) < end_at)
                .collect();
            places.push((end_at - 1, [b"\n", &end[..]].concat()));
            let source = Sparse { places, read: Default::default() };
            for since in [1_000_100, 1_050_000, 1_199_000] {
                source.read.store(0, std::sync::atomic::Ordering::Relaxed);
                let start = start_of(&source, HUGE, since, 5, 1000, time_of).unwrap();
                let exact = end_at + (since as u64 - 5 - 1_000_000) * 100;
                assert!(
                    !start.disordered && start.offset <= exact && exact - start.offset <= CLOSE + 1000,
                    "{every} {since}: {start:?}, not {exact}"
                );
                let read = source.read.load(std::sync::atomic::Ordering::Relaxed);
                assert!(read < 150 << 20, "{every} {since}: {read} bytes");
            }
        }
    }

    /// Bytes of which some are holes.
    #[derive(Debug)]
    struct Holed(Vec<u8>, Vec<Range<u64>>);

    impl ReadAt for Holed {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            ReadAt::read_at(&self.0[..], buffer, offset)
        }

        fn hole(&self, from: u64) -> Option<Range<u64>> {
            let hole = self.1.iter().find(|hole| hole.end > from)?;
            Some(hole.start.max(from)..hole.end)
        }
    }

    proptest! {
        #[test]
        fn holes_change_no_line(
            parts in proptest::collection::vec((text(), 0..60_usize), 0..6),
            cap in 1..20_usize,
            start in 0..200_u64,
        ) {
            let mut source = Holed(Vec::new(), Vec::new());
            for (text, hole) in parts {
                source.0.extend_from_slice(&text);
                let at = source.0.len();
                source.0.resize(at + hole, 0);
                if hole > 0 {
                    source.1.push(at as u64..(at + hole) as u64);
                }
            }
            let length = source.0.len() as u64;
            let start = start.min(length);
            let whole = all(Lines::new(Section::new(&source, start..length), cap), u64::MAX);
            let mut lines = Vec::new();
            for (number, range) in around(&source, start..length, cap, 1).into_iter().enumerate() {
                prop_assert!(range.end <= length);
                let (from, reader) = (range.start, Section::new(&source, range));
                let part = Lines::new(reader, cap);
                let base = if number == 0 { start } else { 0 };
                let part = if number == 0 { part } else { part.behind(from) };
                let part = all(part, u64::MAX).into_iter();
                lines.extend(part.map(|(text, offset, cut, ended)| (text, offset + base, cut, ended)));
            }
            let whole: Vec<Owned> =
                whole.into_iter().map(|(text, offset, cut, ended)| (text, offset + start, cut, ended)).collect();
            prop_assert_eq!(lines, whole);
        }
    }

    #[test]
    fn what_is_in_a_hole_is_not_read() {
        let places = vec![(0, b"first\nsecond".to_vec()), (HUGE - 9, b"end\nlast\n".to_vec())];
        let source = Sparse { places, read: Default::default() };
        let mut found = Vec::new();
        for range in around_holes(&source, 0..HUGE, 1000) {
            let begin = range.start;
            let lines = Lines::new(Section::new(&source, range), 1000);
            let lines = if begin == 0 { lines } else { lines.behind(begin) };
            found.extend(all(lines, u64::MAX).into_iter().map(|(text, at, cut, _)| (text.len(), at, cut)));
        }
        assert_eq!(found, [(5, 0, false), (1000, 6, true), (4, HUGE - 5, false)]);
        assert!(source.read.load(std::sync::atomic::Ordering::Relaxed) < 1 << 20);
    }

    #[test]
    fn a_read_error_is_told() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let mut lines = Lines::new(Read::chain(&b"one\ntwo"[..], Broken), 100);
        assert_eq!(lines.next_line().unwrap().unwrap().text, b"one");
        assert!(lines.next_line().is_err());
    }
}
