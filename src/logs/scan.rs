//! Finds all lines of a log that a signature matches, in one pass with bounded memory.
//!
//! A log is read in runs by several threads; what a run holds is folded, and the runs are put
//! together in the order of the log, so that the result does not depend on threads. Repeats
//! are one [`Fold`] with their count, the first and the last of them.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use memchr::{memchr, memchr_iter, memrchr};

use super::LINE_CAP;
use super::blocks::{Block, Blocks, Buffer, blocks_of};
use super::line::{Line, Time};
use super::set::{Match, Set, SignatureId};
use crate::wazuh::alerts::ahead;
use crate::wazuh::alerts::lines::{ReadAt, around_holes};

/// Bytes that a thread takes at a time.
const RUN: u64 = 4 << 20;
/// Different repeats that are told apart; what is more counts without its captures.
const MAX_FOLDS: usize = 1024;
/// Bytes of a line that are kept.
const EXCERPT: usize = 512;
/// Lines that come again within so many seconds belong to one occasion: each start of Wazuh
/// runs every daemon with `-t` before, and both write the same warnings
/// (`src/init/wazuh-server.sh testconfig`, 4.14).
const OCCASION: i64 = 30;
/// Parts of a line that differ from repeat to repeat.
const VARYING: [&str; 15] = [
    "payload",
    "keys",
    "timeout",
    "size",
    "pid",
    "count",
    "alert",
    "document",
    "task",
    "user",
    "address",
    "line",
    "responses",
    "seconds",
    "port",
];
/// How far zones reach, in seconds.
const ZONES: i64 = 14 * 3600;
/// The signature of a daemon's start.
pub const STARTED: &str = "daemon-started";

/// One line that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which of the files, as the caller counts them, older ones first.
    pub file: usize,
    /// Where it begins in the file, in bytes; in what was unpacked.
    pub offset: u64,
    /// Its number from 1, where it was counted: in a stream, which is read from its beginning.
    pub line: Option<u64>,
    /// Its time.
    pub time: Option<Time>,
    /// Its beginning.
    pub excerpt: Vec<u8>,
}

/// A line and its repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// What it is.
    pub signature: SignatureId,
    /// Who says it, as written.
    pub tag: Vec<u8>,
    /// Its named parts, of the first line. None when there were too many different ones.
    pub captures: Vec<(&'static str, Vec<u8>)>,
    /// How many lines.
    pub count: u64,
    /// How many without those that follow one within seconds.
    pub occasions: u64,
    /// The first.
    pub first: Seen,
    /// The last.
    pub last: Seen,
}

/// How reading went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes looked at.
    pub bytes: u64,
    /// Lines that were taken apart.
    pub candidates: u64,
    /// Lines that a signature matches.
    pub hits: u64,
    /// Lines longer than [`LINE_CAP`], of which the beginning was looked at.
    pub long: u64,
}

impl Stats {
    fn merge(&mut self, later: &Self) {
        self.bytes += later.bytes;
        self.candidates += later.candidates;
        self.hits += later.hits;
        self.long += later.long;
    }
}

type Key = (SignatureId, Vec<u8>, Vec<u8>);

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    folds: HashMap<Key, Fold>,
    /// How reading went.
    pub stats: Stats,
}

impl Found {
    /// Every fold, in the order of their first lines.
    pub fn folds(&self) -> Vec<&Fold> {
        let mut all: Vec<&Fold> = self.folds.values().collect();
        all.sort_by_key(|fold| (fold.first.file, fold.first.offset, fold.signature));
        all
    }

    /// Whether a daemon was started after the last of these lines: then they are history.
    pub fn is_history(&self, set: &Set, fold: &Fold) -> bool {
        let place = |seen: &Seen| (seen.file, seen.offset);
        let starts = set.by_name(STARTED).into_iter().flat_map(|started| {
            let mine = |tag: &[u8]| head(tag) == head(&fold.tag);
            self.folds.values().filter(move |other| other.signature == started && mine(&other.tag))
        });
        starts.map(|start| place(&start.last)).max().is_some_and(|start| place(&fold.last) < start)
    }

    /// Whether a later line says that what these lines complain of is over. Where both name a
    /// queue it has to be the same.
    pub fn is_cured(&self, set: &Set, fold: &Fold) -> bool {
        let Some(cure) = set.signature(fold.signature).cured_by.and_then(|name| set.by_name(name)) else {
            return false;
        };
        let queue = |fold: &Fold| {
            let found = fold.captures.iter().find(|(name, _)| *name == "queue");
            found.map(|(_, queue)| queue.strip_prefix(b"/").unwrap_or(queue).to_vec())
        };
        self.folds.values().filter(|other| other.signature == cure).any(|other| {
            let same = match (queue(fold), queue(other)) {
                (Some(one), Some(two)) => one == two,
                _ => true,
            };
            same && (other.last.file, other.last.offset) > (fold.last.file, fold.last.offset)
        })
    }

    /// Gives lines another time where `time` knows one, and forgets those of which the last is older
    /// than `since`: local time as if it were UTC, in seconds since 1970.
    pub fn settle(&mut self, since: Option<i64>, time: impl Fn(&Seen) -> Option<Time>) {
        self.folds.retain(|_, fold| {
            for seen in [&mut fold.first, &mut fold.last] {
                seen.time = time(seen).or(seen.time);
            }
            match (since, fold.last.time) {
                (Some(since), Some(Time::Local(time))) => time >= since,
                _ => true,
            }
        });
    }

    /// Adds what a later part or file holds.
    pub fn merge(&mut self, later: Self) {
        self.stats.merge(&later.stats);
        if self.folds.is_empty() {
            self.folds = later.folds;
            return;
        }
        let mut rest: Vec<(Key, Fold)> = later.folds.into_iter().collect();
        rest.sort_by_key(|(_, fold)| (fold.first.file, fold.first.offset));
        for (key, fold) in rest {
            self.add(key, fold);
        }
    }

    fn add(&mut self, mut key: Key, mut fold: Fold) {
        if !self.folds.contains_key(&key) && self.folds.len() >= MAX_FOLDS {
            key = (key.0, Vec::new(), Vec::new());
            (fold.tag, fold.captures) = (Vec::new(), Vec::new());
        }
        match self.folds.entry(key) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(fold);
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.count += fold.count;
                let again = match (known.last.time, fold.first.time) {
                    (Some(Time::Local(before)), Some(Time::Local(now)))
                    | (Some(Time::Utc(before)), Some(Time::Utc(now))) => {
                        now.abs_diff(before) <= OCCASION.unsigned_abs()
                    }
                    _ => false,
                };
                known.occasions += fold.occasions - u64::from(again);
                known.last = fold.last;
            }
        }
    }
}

/// The program of a tag, without its part behind the colon (`wazuh-modulesd:command`).
fn head(tag: &[u8]) -> &[u8] {
    tag.split(|byte| *byte == b':').next().unwrap_or(tag)
}

/// What is looked for and from when on.
#[derive(Clone, Copy, Debug)]
pub struct Search<'s> {
    /// The signatures.
    pub set: &'s Set,
    /// Lines older than this are left out: local time as if it were UTC, in seconds since 1970.
    pub since: Option<i64>,
    /// Which of the caller's files it is.
    pub file: usize,
}

impl Search<'_> {
    /// Searches a source of `length` bytes from `start` on, by up to `threads` threads. Adds
    /// the bytes that are done to `done`. The first error is told with what was found.
    pub fn file<S: ReadAt + ?Sized>(
        &self,
        source: &S,
        start: u64,
        length: u64,
        threads: usize,
        done: &AtomicU64,
    ) -> (Found, Option<io::Error>) {
        // All but the first begin at multiples.
        let base = start - start % RUN;
        let runs = if start < length { (length - base).div_ceil(RUN) } else { 0 };
        let parts = around_holes(source, start..length, LINE_CAP);
        let next = AtomicU64::new(0);
        let whole = Mutex::new(InOrder::default());
        let work = || {
            let mut buffer = Buffer::new(LINE_CAP);
            loop {
                let run = next.fetch_add(1, Ordering::Relaxed);
                if run >= runs {
                    return;
                }
                let from = base + run * RUN;
                let part = from.max(start)..(from + RUN).min(length);
                let mut found = Found::default();
                // No line begins in a hole.
                let is_there = parts.iter().any(|other| other.start < part.end && part.start < other.end);
                let mut search = || self.part(source, &part, length, &mut buffer, &mut found).err();
                let error = if is_there { search() } else { None };
                done.fetch_add(part.end - part.start, Ordering::Relaxed);
                lock(&whole).add(run, found, error);
            }
        };
        let others = threads.max(1).min(usize::try_from(runs).unwrap_or(usize::MAX).max(1)) - 1;
        std::thread::scope(|scope| {
            for _ in 0..others {
                // Where the system has no thread to give, the others do its work.
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        let whole = whole.into_inner().unwrap_or_else(PoisonError::into_inner);
        (whole.found, whole.error)
    }

    fn part<S: ReadAt + ?Sized>(
        &self,
        source: &S,
        part: &Range<u64>,
        length: u64,
        buffer: &mut Buffer,
        found: &mut Found,
    ) -> io::Result<()> {
        // A last line that was not written to its end when the file was opened may be now.
        let mut blocks = blocks_of(source, part, length.saturating_add(LINE_CAP as u64), buffer);
        while let Some(block) = blocks.next_block()? {
            let is_whole = block.cut || block.text.ends_with(b"\n");
            // The file was cut while it was read, and this line with it.
            if !is_whole && block.offset + (block.text.len() as u64) < length {
                break;
            }
            self.block(&block, None, found);
        }
        Ok(())
    }

    /// Searches a stream, which another thread reads ahead. After an error what came before it
    /// was found.
    pub fn stream(&self, reader: impl Read + Send, done: &AtomicU64) -> (Found, Option<io::Error>) {
        let mut found = Found::default();
        let error = ahead(reader, |reader| -> io::Result<()> {
            let mut buffer = Buffer::new(LINE_CAP);
            let mut blocks = Blocks::new(reader, &mut buffer);
            let mut line = 1;
            while let Some(block) = blocks.next_block()? {
                self.block(&block, Some(line), &mut found);
                line += memchr_iter(b'\n', block.text).count() as u64 + u64::from(block.cut);
                done.fetch_add(block.text.len() as u64, Ordering::Relaxed);
            }
            Ok(())
        });
        (found, error.err())
    }

    /// Searches a block; `number` is that of its first line, where it is known.
    fn block(&self, block: &Block<'_>, mut number: Option<u64>, found: &mut Found) {
        let text = block.text;
        found.stats.bytes += text.len() as u64;
        found.stats.long += u64::from(block.cut) + if block.cut { 0 } else { long_lines(text) };
        let (mut from, mut counted) = (0, 0);
        while let Some(at) = self.set.candidate(text, from) {
            let start = text
                .get(from..at)
                .and_then(|before| memrchr(b'\n', before))
                .map_or(from, |feed| from + feed + 1);
            let end =
                text.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(text.len(), |feed| at + feed);
            let line = text.get(start..end.min(start + LINE_CAP)).unwrap_or_default();
            let passed = text.get(counted..start).unwrap_or_default();
            number = number.map(|number| number + memchr_iter(b'\n', passed).count() as u64);
            counted = start;
            self.line(line, block.offset + start as u64, number, found);
            from = end + 1;
        }
    }

    fn line(&self, bytes: &[u8], offset: u64, number: Option<u64>, found: &mut Found) {
        found.stats.candidates += 1;
        let line = Line::read(self.set.log(), bytes);
        let too_old = match (self.since, line.time) {
            (Some(since), Some(Time::Local(time))) => time < since,
            // In what zone is for who knows the host ([`Found::settle`]).
            (Some(since), Some(Time::Utc(time))) => time < since.saturating_sub(ZONES),
            _ => false,
        };
        if too_old {
            return;
        }
        let Some(Match { signature, captures }) = self.set.find(&line) else { return };
        found.stats.hits += 1;
        let mut key = Vec::new();
        for (name, part) in captures.iter().filter(|(name, _)| !VARYING.contains(name)) {
            key.extend_from_slice(name.as_bytes());
            key.push(0);
            key.extend_from_slice(part);
            key.push(0);
        }
        let excerpt = bytes.get(..EXCERPT).unwrap_or(bytes).to_vec();
        let first = Seen { file: self.file, offset, line: number, time: line.time, excerpt };
        let tag = line.tag.get(..EXCERPT).unwrap_or(&line.tag).to_vec();
        let last = first.clone();
        found.add(
            (signature, tag.clone(), key),
            Fold { signature, tag, captures, count: 1, occasions: 1, first, last },
        );
    }
}

/// Lines longer than the cap in a text, without looking at every byte of it.
fn long_lines(text: &[u8]) -> u64 {
    let (mut from, mut long) = (0, 0);
    while let Some(window) = text.get(from..from + LINE_CAP + 1) {
        match memrchr(b'\n', window) {
            Some(feed) => from += feed + 1,
            None => {
                long += 1;
                let rest = text.get(from..).unwrap_or_default();
                from += memchr(b'\n', rest).map_or(rest.len(), |feed| feed + 1);
            }
        }
    }
    long
}

/// Puts the runs together in their order.
#[derive(Default)]
struct InOrder {
    found: Found,
    error: Option<io::Error>,
    next: u64,
    waiting: BTreeMap<u64, (Found, Option<io::Error>)>,
}

impl InOrder {
    fn add(&mut self, run: u64, found: Found, error: Option<io::Error>) {
        self.waiting.insert(run, (found, error));
        while let Some((found, error)) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.found.merge(found);
            self.error = self.error.take().or(error);
        }
    }
}

fn lock(whole: &Mutex<InOrder>) -> MutexGuard<'_, InOrder> {
    whole.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::findings::signatures::Log;

    fn set() -> Set {
        Set::new(Log::Ossec, &[], None)
    }

    fn search(set: &Set) -> Search<'_> {
        Search { set, since: None, file: 0 }
    }

    fn line(second: u32, rest: &str) -> String {
        format!("2026/11/20 {:02}:{:02}:{:02} {rest}\n", second / 3600, second / 60 % 60, second % 60)
    }

    /// Name, tag, captures, count, occasions.
    fn shown(set: &Set, found: &Found) -> Vec<String> {
        let show = |fold: &&Fold| {
            let captures: Vec<String> = fold
                .captures
                .iter()
                .map(|(name, part)| format!("{name}={}", String::from_utf8_lossy(part)))
                .collect();
            let name = set.signature(fold.signature).name;
            format!(
                "{name} {} {} {}x {}{}{}",
                String::from_utf8_lossy(&fold.tag),
                captures.join(","),
                fold.count,
                fold.occasions,
                if found.is_history(set, fold) { " history" } else { "" },
                if found.is_cured(set, fold) { " cured" } else { "" },
            )
        };
        found.folds().iter().map(show).collect()
    }

    #[test]
    fn repeats_are_folded_and_what_is_over_is_known() {
        let text = [
            line(1, "wazuh-execd: ERROR: (1311): Invalid command name 'old600' provided."),
            line(2, "wazuh-analysisd: ERROR: (1210): Queue 'queue/alerts/ar' not accessible: 'Connection refused'"),
            line(3, "wazuh-analysisd: ERROR: (1210): Queue 'queue/alerts/execq' not accessible: 'Connection refused'"),
            line(100, "wazuh-execd: INFO: Started (pid: 812)."),
            line(101, "wazuh-execd: ERROR: (1311): Invalid command name 'geo600' provided."),
            line(102, "wazuh-analysisd: INFO: Connected to 'queue/alerts/ar' (active-response queue)"),
            line(103, "wazuh-syscheckd: INFO: (6008): File integrity monitoring scan started."),
            line(111, "wazuh-execd: ERROR: (1311): Invalid command name 'geo600' provided."),
            line(3600, "wazuh-execd: ERROR: (1311): Invalid command name 'geo600' provided."),
            line(3601, "wazuh-execd: ERROR: (1311): Invalid command name 'tail600' provided.").trim_end().to_owned(),
        ]
        .concat();
        let set = set();
        let (found, error) = search(&set).file(text.as_bytes(), 0, text.len() as u64, 2, &AtomicU64::new(0));
        assert!(error.is_none());
        assert_eq!(
            shown(&set, &found),
            [
                "execd-invalid-name wazuh-execd command=old600 1x 1 history",
                "dispatch-ar-gone wazuh-analysisd queue=queue/alerts/ar,reason=Connection refused 1x 1 cured",
                "dispatch-execq-gone wazuh-analysisd queue=queue/alerts/execq,reason=Connection refused 1x 1",
                "daemon-started wazuh-execd pid=812 1x 1",
                "execd-invalid-name wazuh-execd command=geo600 3x 2",
                "dispatch-connected wazuh-analysisd queue=queue/alerts/ar 1x 1",
                "execd-invalid-name wazuh-execd command=tail600 1x 1",
            ]
        );
        assert_eq!((found.stats.hits, found.stats.bytes), (9, text.len() as u64));
        let (same, _) = search(&set).stream(text.as_bytes(), &AtomicU64::new(0));
        assert_eq!(shown(&set, &same), shown(&set, &found));
        let since = Search {
            since: Some(crate::logs::line::local_time(b"2026/11/20 01:00:00").unwrap()),
            ..search(&set)
        };
        let (late, _) = since.file(text.as_bytes(), 0, text.len() as u64, 1, &AtomicU64::new(0));
        assert_eq!(late.stats.hits, 2);
    }

    #[test]
    fn threads_and_runs_change_nothing() {
        let set = set();
        let mut text = Vec::new();
        let mut hits = 0_u64;
        for number in 0..90_000_u32 {
            text.extend_from_slice(line(number % 86_000, "wazuh-db: INFO: ").trim_end().as_bytes());
            text.extend(std::iter::repeat_n(b'a' + (number % 20) as u8, (number % 300) as usize));
            if number % 997 == 3 {
                text.extend_from_slice(&[0xff, 0xfe, 0]);
            }
            text.push(b'\n');
            if number % 500 == 7 {
                text.extend_from_slice(
                    line(
                        number % 86_000,
                        &format!(
                            "wazuh-execd: ERROR: (1311): Invalid command name 'n{}' provided.",
                            number % 3
                        ),
                    )
                    .as_bytes(),
                );
                hits += 1;
            }
        }
        assert!(text.len() as u64 > 3 * RUN);
        let read =
            |threads| search(&set).file(&text[..], 0, text.len() as u64, threads, &AtomicU64::new(0)).0;
        let one = read(1);
        assert_eq!((one.stats.hits, one.folds().len()), (hits, 3));
        assert_eq!(one.stats.bytes, text.len() as u64);
        for threads in [2, 5] {
            let more = read(threads);
            assert_eq!(shown(&set, &more), shown(&set, &one));
            assert_eq!(more.stats, one.stats);
            for (a, b) in more.folds().iter().zip(one.folds()) {
                assert_eq!(**a, *b);
            }
        }
        let streamed = search(&set).stream(&text[..], &AtomicU64::new(0)).0;
        assert_eq!(shown(&set, &streamed), shown(&set, &one));
    }

    #[test]
    fn long_lines_are_cut_and_counted() {
        let set = set();
        let hit = "2026/11/20 10:41:12 wazuh-execd: ERROR: (1315): Invalid JSON message: '";
        let mut text = Vec::new();
        for length in [10, LINE_CAP, LINE_CAP + 1, 5 * LINE_CAP, 9 * LINE_CAP] {
            text.extend_from_slice(hit.as_bytes());
            text.extend(std::iter::repeat_n(b'{', length - hit.len().min(length)));
            text.push(b'\n');
        }
        let (found, _) = search(&set).file(&text[..], 0, text.len() as u64, 2, &AtomicU64::new(0));
        assert_eq!((found.stats.hits, found.stats.long), (5, 3));
        let folds = found.folds();
        assert_eq!((folds.len(), folds[0].count), (1, 5));
        assert!(folds[0].last.excerpt.len() <= EXCERPT);
    }

    #[test]
    fn different_lines_are_bounded() {
        let set = set();
        let text: String = (0..5000)
            .map(|number| {
                line(
                    number,
                    &format!("wazuh-execd: ERROR: (1311): Invalid command name 'n{number}' provided."),
                )
            })
            .collect();
        let (found, _) = search(&set).file(text.as_bytes(), 0, text.len() as u64, 2, &AtomicU64::new(0));
        assert_eq!(found.folds().len(), MAX_FOLDS + 1);
        assert_eq!(found.folds().iter().map(|fold| fold.count).sum::<u64>(), 5000);
    }

    #[test]
    fn an_error_is_told_with_what_came_before() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let set = set();
        let text = line(1, "wazuh-execd: INFO: (1350): Active response disabled.");
        let (found, error) = search(&set).stream(Read::chain(text.as_bytes(), Broken), &AtomicU64::new(0));
        assert_eq!((found.stats.hits, error.map(|error| error.to_string())), (1, Some("gone".to_owned())));
    }
}
