//! alerts.json: a stream of alerts with the memory of one line, and what they add up to.
//!
//! One object per line, written by analysisd (`src/analysisd/format/to_json.c`, 4.14) and read
//! here from `impl Read`, so plain and gzipped days are the same. [`extract`] finds members
//! without a tree, [`lines`] reads in parts and bisects, [`histogram`] counts, [`files`] says
//! which files belong to a window, [`time`] reads the timestamps.

pub mod extract;
pub mod files;
pub mod histogram;
pub mod lines;
pub mod time;

use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Mutex, mpsc};

use extract::{Bad, Extractor, Fields};
use lines::{Line, Lines, ReadAt, Section, around_holes, lines_of};

/// Bytes of one alert that are looked at. A message of at most 64 KiB is in `full_log`, once
/// more in its decoded fields, and each byte of it may be escaped by another.
pub const LINE_CAP: usize = 256 * 1024;

/// Bytes below which a file is not worth another thread.
const WORTH_A_THREAD: u64 = 8 * 1024 * 1024;

/// How reading went.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Lines begun, blank ones too.
    pub lines: u64,
    /// Bytes of these lines that were looked at, without line feeds.
    pub bytes: u64,
    /// Lines whose alert was read, whole.
    pub alerts: u64,
    /// Lines with nothing but blanks and NUL bytes.
    pub blank: u64,
    /// Lines that are no JSON object.
    pub invalid: u64,
    /// The first of them: where it begins in bytes, and why.
    pub first_invalid: Option<(u64, Bad)>,
    /// Lines longer than [`LINE_CAP`]; their alert is what their beginning holds.
    pub cut: u64,
    /// Lines with a whole alert behind the beginning of one whose writing was interrupted.
    pub torn: u64,
    /// Lines with NUL bytes before or behind the alert, as a power cut leaves them.
    pub nul: u64,
    /// The last line was not written to its end yet; it is in no other count than `lines`.
    pub unfinished: u64,
}

impl Stats {
    /// Adds those of a later part or file.
    pub fn merge(&mut self, later: &Self) {
        self.lines += later.lines;
        self.bytes += later.bytes;
        self.alerts += later.alerts;
        self.blank += later.blank;
        self.invalid += later.invalid;
        self.first_invalid = self.first_invalid.or(later.first_invalid);
        self.cut += later.cut;
        self.torn += later.torn;
        self.nul += later.nul;
        self.unfinished += later.unfinished;
    }
}

/// Reads alerts line by line.
#[derive(Debug)]
pub struct Scanner {
    extractor: Extractor,
    cap: usize,
    stats: Stats,
}

impl Scanner {
    /// One that finds the extractor's paths.
    pub fn new(extractor: Extractor) -> Self {
        Self::with_cap(extractor, LINE_CAP)
    }

    /// The same with another cap on lines, in bytes.
    pub fn with_cap(extractor: Extractor, cap: usize) -> Self {
        Self { extractor, cap, stats: Stats::default() }
    }

    /// How reading went up to now.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Calls `each` for every alert of a stream. After an error what came before it was told.
    pub fn read(&mut self, reader: impl Read, mut each: impl FnMut(&Fields<'_>)) -> io::Result<()> {
        let mut lines = Lines::new(reader, self.cap);
        while let Some(line) = lines.next_line()? {
            self.line(&line, &mut each);
        }
        Ok(())
    }

    /// The same for a stream that begins in the middle of a file, at `offset`: a line that
    /// begins before that is passed over.
    pub fn read_behind(
        &mut self,
        reader: impl Read,
        offset: u64,
        mut each: impl FnMut(&Fields<'_>),
    ) -> io::Result<()> {
        let lines = Lines::new(reader, self.cap);
        let mut lines = if offset == 0 { lines } else { lines.behind(offset) };
        while let Some(line) = lines.next_line()? {
            self.line(&line, &mut each);
        }
        Ok(())
    }

    /// The same for the lines that begin in a part of a file of `length` bytes.
    pub fn read_part<S: ReadAt + ?Sized>(
        &mut self,
        source: &S,
        part: &Range<u64>,
        length: u64,
        mut each: impl FnMut(&Fields<'_>),
    ) -> io::Result<()> {
        for (number, range) in around_holes(source, part.start..length, self.cap).into_iter().enumerate() {
            let mut lines = match number {
                0 => lines_of(source, part, range.end, self.cap),
                _ => Lines::new(Section::new(source, range.clone()), self.cap).behind(range.start),
            };
            while let Some(line) = lines.next_line()? {
                if line.offset >= part.end {
                    return Ok(());
                }
                self.line(&line, &mut each);
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &Line<'_>, each: &mut impl FnMut(&Fields<'_>)) {
        let stats = &mut self.stats;
        stats.lines += 1;
        stats.bytes += line.text.len() as u64;
        stats.cut += u64::from(line.cut);
        let mut text = line.text;
        if line.offset == 0 {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        if matches!(text.first(), Some(0)) || matches!(text.last(), Some(0)) {
            text = trim_nul(text);
            stats.nul += u64::from(!text.is_empty());
        }
        if text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0)) {
            stats.blank += 1;
            return;
        }
        let mut bad = self.extractor.scan(text).err();
        match bad {
            None => stats.alerts += 1,
            // Rule and agent come first in an alert, so its beginning still counts.
            Some(Bad::CutShort) if line.cut => bad = None,
            Some(Bad::CutShort) if !line.ended => {
                stats.unfinished += 1;
                return;
            }
            Some(Bad::Syntax(_)) if !line.cut => {
                if let Some(whole) = behind_torn(text)
                    && self.extractor.scan(whole).is_ok()
                {
                    text = whole;
                    bad = None;
                    stats.torn += 1;
                    stats.alerts += 1;
                }
            }
            Some(_) => {}
        }
        if let Some(bad) = bad {
            stats.invalid += 1;
            stats.first_invalid.get_or_insert((line.offset, bad));
            return;
        }
        let mut fields = self.extractor.found(text);
        fields.offset = line.offset;
        each(&fields);
    }
}

fn trim_nul(mut text: &[u8]) -> &[u8] {
    while let [0, rest @ ..] | [rest @ .., 0] = text {
        text = rest;
    }
    text
}

/// The last alert of a line that begins with part of another one. A line feed is only written
/// behind a whole alert, so what follows a part is an alert. Only for lines that no end could
/// make good: in others it may as well be an alert inside an alert.
fn behind_torn(text: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::rfind(text, b"{\"timestamp\":\"")?;
    text.get(at..)
}

/// Bytes that [`ahead`] reads at a time, and how many such blocks wait.
const AHEAD_BLOCK: usize = 256 * 1024;
const AHEAD: usize = 3;

/// Hands `use_it` a reader of the same bytes that another thread reads ahead: what takes time
/// to read, such as a gzip stream, is then read while what came before is being looked at.
pub fn ahead<T>(mut reader: impl Read + Send, use_it: impl FnOnce(&mut dyn Read) -> T) -> T {
    let (full, blocks) = mpsc::sync_channel::<io::Result<Vec<u8>>>(AHEAD);
    let (empty, spent) = mpsc::channel::<Vec<u8>>();
    // The thread gets it by way of a cell, so that it is not lost when there is no thread.
    let cell = Mutex::new(Some(&mut reader));
    let take = || cell.lock().map_or(None, |mut cell| cell.take());
    std::thread::scope(|scope| {
        let work = || {
            let (full, spent) = (full, spent);
            let Some(reader) = take() else { return };
            loop {
                let mut block = spent.try_recv().unwrap_or_default();
                block.clear();
                let result = reader.by_ref().take(AHEAD_BLOCK as u64).read_to_end(&mut block);
                let more = result.is_ok() && !block.is_empty();
                // What came before an error is read first.
                let sent = block.is_empty() || full.send(Ok(block)).is_ok();
                if let Err(error) = result {
                    let _ = full.send(Err(error));
                }
                // Nobody is left to read, or nothing to be read.
                if !sent || !more {
                    return;
                }
            }
        };
        if std::thread::Builder::new().spawn_scoped(scope, work).is_err()
            && let Some(reader) = take()
        {
            return use_it(reader);
        }
        let mut reader = Ahead { blocks, empty, block: Vec::new(), at: 0 };
        use_it(&mut reader)
    })
}

/// The end of [`ahead`] that is read from.
struct Ahead {
    blocks: mpsc::Receiver<io::Result<Vec<u8>>>,
    empty: mpsc::Sender<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.block.len() {
            // The other end is gone when all was read.
            let Ok(next) = self.blocks.recv() else { return Ok(0) };
            // It does not matter when there is nobody to use the old block again.
            let _ = self.empty.send(std::mem::replace(&mut self.block, next?));
            self.at = 0;
        }
        let bytes = self.block.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += bytes;
        Ok(bytes)
    }
}

/// Reads a file of `length` bytes from `start` on, by up to `threads` threads, each with a
/// state of its own from `make`. The states come in the order of the file, so merging them one
/// after the other is as reading with one thread. The first error is told with what was read.
pub fn read_parallel<S, T>(
    source: &S,
    start: u64,
    length: u64,
    threads: usize,
    make: impl Fn() -> (Extractor, T) + Sync,
    each: impl Fn(&mut T, &Fields<'_>) + Sync,
) -> (Vec<T>, Stats, Option<io::Error>)
where
    S: ReadAt + ?Sized,
    T: Send,
{
    let whole = length.saturating_sub(start);
    let parts = (whole / WORTH_A_THREAD).clamp(1, threads.max(1) as u64);
    let edge = |number: u64| {
        start + u64::try_from(u128::from(whole) * u128::from(number) / u128::from(parts)).unwrap_or(whole)
    };
    let work = &|number: u64| {
        let (extractor, mut state) = make();
        let mut scanner = Scanner::new(extractor);
        let part = edge(number)..edge(number + 1);
        let result = scanner.read_part(source, &part, length, |fields| each(&mut state, fields));
        (state, scanner.stats, result.err())
    };
    let mut done = Vec::new();
    std::thread::scope(|scope| {
        let spawn = |number| {
            let thread = std::thread::Builder::new().spawn_scoped(scope, move || work(number));
            (number, thread)
        };
        let others: Vec<_> = (1..parts).map(spawn).collect();
        done.push(work(0));
        for (number, other) in others {
            match other.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(part)) => done.push(part),
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // The system has no thread to give.
                Err(_) => done.push(work(number)),
            }
        }
    });
    let (mut states, mut stats, mut error) = (Vec::new(), Stats::default(), None);
    for (state, part, failed) in done {
        states.push(state);
        stats.merge(&part);
        error = error.or(failed);
    }
    (states, stats, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use extract::{Paths, Raw};
    use proptest::prelude::*;

    fn extractor() -> (Extractor, extract::Slot) {
        let mut paths = Paths::new();
        let slot = paths.add("rule.id");
        (Extractor::new(paths), slot)
    }

    /// The rule ids that are told, with where their lines begin, and how it went.
    fn rules(text: &[u8], cap: usize) -> (Vec<(Option<u64>, u64)>, Stats) {
        let (extractor, slot) = extractor();
        let mut scanner = Scanner::with_cap(extractor, cap);
        let mut seen = Vec::new();
        scanner
            .read(text, |alert| seen.push((alert.get(slot).and_then(Raw::number), alert.offset())))
            .unwrap();
        (seen, scanner.stats)
    }

    fn alert(rule: u32) -> String {
        format!(r#"{{"timestamp":"2026-11-21T08:00:00.000+0000","rule":{{"level":5,"id":"{rule}"}}}}"#)
    }

    #[test]
    fn lines_of_all_kinds() {
        let (one, two) = (alert(1), alert(2));
        let long = one.replace("}}", &format!("}},\"full_log\":\"{}\"}}", "x".repeat(300)));
        let nested = r#"{"timestamp":"2026-11-21T08:00:00.000+0000","data":{"alert":{"timestamp":"x","rule":{"id":"7"}}"#;
        let end = 0;
        // Text, rules told, and lines, alerts, blank, invalid, cut, torn, nul, unfinished.
        let cases: Vec<(String, Vec<u64>, [u64; 8])> = vec![
            (String::new(), vec![], [0; 8]),
            (format!("{one}\n{two}\n"), vec![1, 2], [2, 2, 0, 0, 0, 0, 0, 0]),
            (format!("{one}\r\n{two}\r\n"), vec![1, 2], [2, 2, 0, 0, 0, 0, 0, 0]),
            (format!("\u{feff}{one}\n"), vec![1], [1, 1, 0, 0, 0, 0, 0, 0]),
            (format!("{one}\n\n \r\n{two}"), vec![1, 2], [4, 2, 2, 0, 0, 0, 0, end]),
            (format!("{one}\n{}", &two[..40]), vec![1], [2, 1, 0, 0, 0, 0, 0, 1]),
            (format!("{one}\n{}\n", &two[..40]), vec![1], [2, 1, 0, 1, 0, 0, 0, 0]),
            (format!("nonsense\n{one}\n[]\n"), vec![1], [3, 1, 0, 2, 0, 0, 0, 0]),
            (format!("{}{one}\n", &two[..40]), vec![1], [1, 1, 0, 0, 0, 1, 0, 0]),
            (format!("{}\0\0\0{one}\n", &two[..40]), vec![1], [1, 1, 0, 0, 0, 1, 0, 0]),
            (format!("\0\0\0{one}\n{two}\0\n\0\0\n"), vec![1, 2], [3, 2, 1, 0, 0, 0, 2, 0]),
            (format!("{}{one}", &two[..40]), vec![1], [1, 1, 0, 0, 0, 1, 0, 0]),
            // The alert inside another one is not told in its stead.
            (format!("{nested}\n"), vec![], [1, 0, 0, 1, 0, 0, 0, 0]),
            (nested.to_owned(), vec![], [1, 0, 0, 0, 0, 0, 0, 1]),
            (format!("{long}\n{two}\n"), vec![1, 2], [2, 1, 0, 0, 1, 0, 0, 0]),
            (format!("{}\n{two}\n", "x".repeat(300)), vec![2], [2, 1, 0, 1, 1, 0, 0, 0]),
        ];
        for (text, expected, counts) in cases {
            let (seen, stats) = rules(text.as_bytes(), 200);
            assert_eq!(seen.iter().filter_map(|seen| seen.0).collect::<Vec<_>>(), expected, "{text:?}");
            let got = [
                stats.lines,
                stats.alerts,
                stats.blank,
                stats.invalid,
                stats.cut,
                stats.torn,
                stats.nul,
                stats.unfinished,
            ];
            assert_eq!(got, counts, "{text:?}");
        }
    }

    #[test]
    fn the_first_invalid_line_is_named() {
        let (seen, stats) = rules(format!("{}\n{{x\nno\n{}\n", alert(1), alert(2)).as_bytes(), 1000);
        let at = alert(1).len() as u64 + 1;
        assert_eq!(stats.first_invalid, Some((at, Bad::Syntax(1))));
        assert_eq!(seen, [(Some(1), 0), (Some(2), at + 6)]);
    }

    #[test]
    fn broken_utf8_and_deep_lines_do_no_harm() {
        let mut text = br#"{"full_log":""#.to_vec();
        text.extend_from_slice(b"\xff\xfe\x80\",\"rule\":{\"id\":\"3\"}}\n");
        text.extend_from_slice(&[b"{\"a\":".repeat(50_000), b"\n".to_vec()].concat());
        let (seen, stats) = rules(&text, LINE_CAP);
        assert_eq!(seen, [(Some(3), 0)]);
        assert_eq!((stats.invalid, stats.first_invalid.map(|bad| bad.1)), (1, Some(Bad::Deep)));
    }

    #[test]
    fn threads_read_as_one() {
        let mut text = Vec::new();
        for number in 0..60_000_u32 {
            text.extend_from_slice(alert(number).as_bytes());
            text.extend(std::iter::repeat_n(b' ', (number % 700) as usize));
            text.extend_from_slice(if number % 1000 == 3 { b"\nbad\n" } else { b"\n" });
        }
        assert!(text.len() as u64 > 3 * WORTH_A_THREAD);
        let slot = extractor().1;
        let read = |threads, start| {
            let make = || (extractor().0, Vec::new());
            let each = |seen: &mut Vec<_>, alert: &Fields<'_>| {
                seen.push((alert.get(slot).and_then(Raw::number), alert.offset()));
            };
            let (parts, stats, error) =
                read_parallel(&text[..], start, text.len() as u64, threads, make, each);
            assert!(error.is_none());
            (parts.len(), parts.concat(), stats)
        };
        let (count, seen, stats) = read(1, 0);
        assert_eq!((count, stats.alerts, stats.invalid), (1, 60_000, 60));
        for threads in [2, 3, 100] {
            let (parts, same, other) = read(threads, 0);
            assert_eq!(parts, threads.min(text.len() / WORTH_A_THREAD as usize), "of {threads} threads");
            assert!(same == seen, "{threads} threads");
            assert_eq!(other, stats);
        }
        // From a place that bisection found.
        let start = seen[100].1;
        assert!(read(2, start).1 == seen[100..]);
    }

    #[test]
    fn reading_ahead_is_reading() {
        let text: Vec<u8> = (0..3 * AHEAD_BLOCK + 5).map(|at| at as u8).collect();
        for length in [0, 1, AHEAD_BLOCK, text.len()] {
            let mut copy = Vec::new();
            ahead(&text[..length], |reader| reader.read_to_end(&mut copy)).unwrap();
            assert!(copy == text[..length], "{length}");
        }
        // Nobody has to read to the end.
        assert_eq!(ahead(io::repeat(7), |reader| reader.read(&mut [0; 9]).unwrap()), 9);

        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let mut copy = Vec::new();
        let error =
            ahead(Read::chain(&text[..10], Broken), |reader| reader.read_to_end(&mut copy)).unwrap_err();
        assert_eq!((copy.len(), error.to_string().as_str()), (10, "gone"));
    }

    proptest! {
        #[test]
        fn every_line_is_in_one_count(
            pieces in proptest::collection::vec(prop_oneof![
                (0..9_u32).prop_map(|rule| alert(rule).into_bytes()),
                Just(b"\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..6),
                Just(alert(4).into_bytes()[..50].to_vec()),
            ], 0..30),
            cap in 1..400_usize,
        ) {
            let text = pieces.concat();
            let (seen, stats) = rules(&text, cap);
            let lines = text.split_inclusive(|&byte| byte == b'\n').count() as u64;
            prop_assert_eq!(stats.lines, lines);
            // A cut line is told unless it is blank or wrong up to where it was cut.
            let told = seen.len() as u64;
            prop_assert!(stats.alerts <= told && told <= stats.alerts + stats.cut);
            prop_assert_eq!(told + stats.blank + stats.invalid + stats.unfinished, lines);
        }
    }
}
