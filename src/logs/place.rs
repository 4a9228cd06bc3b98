//! Where in a log to begin: at a time, or at the last start of a daemon.

use std::collections::BTreeMap;
use std::io;

use memchr::memmem;

use super::LINE_CAP;
use super::blocks::{Buffer, blocks_of};
use super::line::{Line, Time, time_of};
use crate::findings::signatures::Log;
use crate::wazuh::alerts::lines::{ReadAt, Start, start_of};

/// Lines are this much out of order at most, in seconds: an hour when summer time ends, and
/// what several daemons write at the same moment.
const SLACK: i64 = 3_660;

/// Bytes that are read at a time on the way back.
const STEP: u64 = 1 << 20;

/// What a daemon says when it is up.
const STARTED: &[u8] = b"Started (pid: ";

/// Where the lines begin that are not older than `since`, local time as if it were UTC in
/// seconds since 1970. When the log is out of order by more than an hour it is its beginning.
pub fn since<S: ReadAt + ?Sized>(log: Log, source: &S, length: u64, since: i64) -> io::Result<Start> {
    start_of(source, length, since, SLACK, LINE_CAP, |line| time_of(log, line))
}

/// The last start of a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Where its line begins, in bytes.
    pub offset: u64,
    /// When.
    pub time: Option<Time>,
}

/// What was found on the way back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// By the daemon's short name, `execd`.
    pub last: BTreeMap<Vec<u8>, Started>,
    /// Where the search ended, in bytes from the beginning; 0 is all of it. A daemon without a
    /// start was not started behind that.
    pub down_to: u64,
}

/// The last start of each daemon, from the end of ossec.log backwards, until all of `wanted`
/// were found, `most` bytes were read, or the log begins.
pub fn last_starts<S: ReadAt + ?Sized>(
    source: &S,
    length: u64,
    wanted: &[&[u8]],
    most: u64,
) -> io::Result<Starts> {
    let mut starts = Starts { down_to: length, ..Starts::default() };
    let mut buffer = Buffer::new(LINE_CAP);
    let finder = memmem::Finder::new(STARTED);
    let floor = length.saturating_sub(most);
    while starts.down_to > floor && !wanted.iter().all(|daemon| starts.last.contains_key(*daemon)) {
        let part = starts.down_to.saturating_sub(STEP).max(floor)..starts.down_to;
        let mut here = BTreeMap::new();
        let mut blocks = blocks_of(source, &part, length, &mut buffer);
        while let Some(block) = blocks.next_block()? {
            for at in finder.find_iter(block.text) {
                let before = block.text.get(..at).unwrap_or_default();
                let start = memchr::memrchr(b'\n', before).map_or(0, |feed| feed + 1);
                let rest = block.text.get(start..).unwrap_or_default();
                let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let line = Line::read(Log::Ossec, rest.get(..end).unwrap_or_default());
                if line.message.starts_with(STARTED) {
                    let started = Started { offset: block.offset + start as u64, time: line.time };
                    here.insert(line.daemon().to_vec(), started);
                }
            }
        }
        for (daemon, started) in here {
            starts.last.entry(daemon).or_insert(started);
        }
        starts.down_to = part.start;
    }
    Ok(starts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::logs::line::local_time;

    fn log(lines: u32) -> String {
        let line = |number: u32| {
            let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60);
            let text = match number {
                1000 => "wazuh-execd: INFO: Started (pid: 1).",
                90_000 => "wazuh-execd[7] main.c:9 at main(): INFO: Started (pid: 7).",
                50_000 => "wazuh-agentd: INFO: Started (pid: 2).",
                95_000 => "wazuh-db: INFO: it said Started (pid: 9).",
                _ => "wazuh-db: INFO: Closing the table that nobody asked for in a while.",
            };
            format!("2026/11/{:02} {hour:02}:{minute:02}:{second:02} {text}\n", 20 + number / 86_400)
        };
        (0..lines).map(line).collect()
    }

    #[test]
    fn the_last_start_of_each() {
        let text = log(100_000);
        let length = text.len() as u64;
        assert!(length > 5 * STEP);
        let find = |wanted: &[&[u8]], most| last_starts(text.as_bytes(), length, wanted, most).unwrap();
        let offset =
            |needle: &str| text.rfind(needle).map(|at| text[..at].rfind('\n').unwrap() as u64 + 1).unwrap();
        let all = find(&[b"execd", b"agentd"], u64::MAX);
        assert_eq!(all.last[&b"execd"[..]].offset, offset("Started (pid: 7)"));
        assert_eq!(all.last[&b"agentd"[..]].offset, offset("Started (pid: 2)"));
        assert!(!all.last.contains_key(&b"db"[..]) && all.down_to > 0);
        let near = find(&[b"execd"], u64::MAX);
        assert!(near.down_to > length / 2 && near.last.len() == 1);
        let none = find(&[b"remoted"], u64::MAX);
        assert_eq!((none.down_to, none.last.len()), (0, 2));
        assert_eq!(find(&[b"agentd"], STEP).last.len(), 1);
        assert_eq!(find(&[b"agentd"], STEP).down_to, length - STEP);
    }

    #[test]
    fn a_time_is_found_by_bisection() {
        let text = log(100_000);
        let length = text.len() as u64;
        let at = local_time(b"2026/11/21 02:00:00").unwrap();
        let found = since(Log::Ossec, text.as_bytes(), length, at).unwrap();
        let exact = text.find("2026/11/21 00:58:59").unwrap() as u64;
        assert!(
            !found.disordered && found.offset <= exact + 100 && exact - found.offset.min(exact) < 100_000
        );
        // An hour back in the middle is the end of summer time, two are disorder.
        for (back, disordered) in [("2026/11/20 13:30:00", false), ("2026/11/20 04:00:00", true)] {
            let first = &text[..text.find("2026/11/20 14:30:00").unwrap()];
            let rest = &text[text.find(back).unwrap()..];
            let mixed = [first, rest].concat();
            let found = since(Log::Ossec, mixed.as_bytes(), mixed.len() as u64, at).unwrap();
            assert_eq!(found.disordered, disordered, "{back}");
        }
    }
}
