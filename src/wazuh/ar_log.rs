//! Lines of `active-responses.log`, as far as they say when a response ran.
//!
//! A stock program ends its run with `Ended`, which says that it came to its end and not
//! that it blocked anything.

use std::collections::BTreeMap;

use crate::findings::signatures::Log;
use crate::logs::line::{Form, Line, Time};

/// A line that a response wrote, and its time as if it were UTC, in seconds since 1970; none when
/// it is no such line.
fn line(bytes: &[u8]) -> Option<(i64, Line<'_>)> {
    let line = Line::read(Log::ActiveResponses, bytes);
    match line.time {
        Some(Time::Local(local)) if line.form == Form::Text => Some((local, line)),
        _ => None,
    }
}

/// The last trace of a response that worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Its time: as if it were UTC in a [`Tail`].
    pub time: i64,
    /// It is the end of a run. Else it is the last line of a script that has no word for that.
    pub is_end: bool,
}

/// What the end of the log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The last trace of each executable. One that says when it starts has one only where a run ended.
    pub traces: Vec<(Vec<u8>, Trace)>,
    /// Time of the last line, as if it were UTC; none when that is no line of a response.
    pub last: Option<i64>,
}

/// Reads the end of the log. Where it was cut, the first line is left out.
pub fn tail(bytes: &[u8], is_cut: bool) -> Tail {
    #[derive(Default)]
    struct Seen {
        line: i64,
        end: Option<i64>,
        says_when_it_starts: bool,
    }
    let mut seen: BTreeMap<Vec<u8>, Seen> = BTreeMap::new();
    let mut last = None;
    let mut lines = bytes.split(|&byte| byte == b'\n');
    if is_cut {
        lines.next();
    }
    for text in lines.map(<[u8]>::trim_ascii).filter(|text| !text.is_empty()) {
        let read = line(text);
        last = read.as_ref().map(|(local, _)| *local);
        let Some((local, line)) = read else { continue };
        let seen = seen.entry(line.tag.into_owned()).or_default();
        seen.line = local;
        match &*line.message {
            b"Ended" => seen.end = Some(local),
            b"Starting" => seen.says_when_it_starts = true,
            _ => {}
        }
    }
    let trace = |seen: Seen| match seen {
        Seen { end: Some(time), .. } => Some(Trace { time, is_end: true }),
        Seen { says_when_it_starts: true, .. } => None,
        Seen { line: time, .. } => Some(Trace { time, is_end: false }),
    };
    let traces = seen.into_iter().filter_map(|(name, seen)| Some((name, trace(seen)?))).collect();
    Tail { traces, last }
}

/// Seconds that local time is ahead of UTC, from the time of the last line and the
/// time the file was written last. Zones are whole quarters of an hour; anything
/// else means that the two do not belong together.
pub fn zone(last: i64, written: i64) -> Option<i64> {
    const QUARTER: i64 = 900;
    let ahead = last.checked_sub(written)?;
    let zone = ahead.checked_add(QUARTER / 2)?.div_euclid(QUARTER) * QUARTER;
    // A line is written within moments of the time it bears.
    ((zone - ahead) <= 5 && (ahead - zone) <= 1 && zone.abs() <= 14 * 3600).then_some(zone)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_responses() {
        let (local, read) = line(b"2026/11/20 10:41:12 active-response/bin/firewall-drop: Ended").unwrap();
        assert_eq!((&*read.tag, &*read.message), (&b"firewall-drop"[..], &b"Ended"[..]));
        assert_eq!(local, 1_795_171_272);
        let (_, read) = line(b"2026/11/20 10:41:12 /var/ossec/active-response/bin/x.py: a: b").unwrap();
        assert_eq!((&*read.tag, &*read.message), (&b"x.py"[..], &b"a: b"[..]));
        for text in [
            "",
            "2026/11/20 10:41:12",
            "2026/13/20 10:41:12 active-response/bin/x: Ended",
            "2026-11-20 10:41:12 active-response/bin/x: Ended",
            "2026/11/20 10:41:12 my-active-response/bin/x: Ended",
            "2026/11/20 10:41:12 active-response/bin/: Ended",
            "2026/11/20 10:41:12 active-response/bin/x Ended",
            "Fri Nov 20 10:41:12 UTC 2026 /var/ossec/active-response/bin/firewall-drop.sh add - 203.0.113.9",
        ] {
            assert_eq!(line(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_last_end_of_each_counts() {
        let text = b"ut 10:00:00 active-response/bin/a: Ended\n\
            2026/11/20 10:00:00 active-response/bin/a: Ended\n\
            2026/11/20 10:00:05 active-response/bin/a: Ended\n\
            2026/11/20 10:00:06 active-response/bin/b: Ended\r\n\
            2026/11/20 10:00:06 active-response/bin/c: Starting\n\
            2026/11/20 10:00:07 active-response/bin/c: Cannot read 'srcip' from data\n\
            2026/11/20 10:00:08 active-response/bin/d.sh: blocked\n\
            2026/11/20 10:00:09 active-response/bin/a: Starting\n\n";
        let read = tail(text, true);
        let at = 1_795_168_800;
        let trace = |name: &[u8], time, is_end| (name.to_vec(), Trace { time, is_end });
        assert_eq!(
            read.traces,
            [trace(b"a", at + 5, true), trace(b"b", at + 6, true), trace(b"d.sh", at + 8, false)]
        );
        assert_eq!(read.last, Some(at + 9));
        assert_eq!(tail(b"2026/11/20 10:00:00 active-response/bin/a: Ended\nnoise\n", false).last, None);
    }

    #[test]
    fn the_zone_follows_from_the_time_of_the_file() {
        let at = 1_795_168_800;
        for (last, written, zone_) in [
            (at, at, Some(0)),
            (at, at + 2, Some(0)),
            (at + 3600, at, Some(3600)),
            (at + 3600, at + 5, Some(3600)),
            (at - 12_600, at, Some(-12_600)),
            (at + 20_700, at, Some(20_700)),
            (at + 5, at, None),
            (at, at + 60, None),
            (at + 86_400, at, None),
            (i64::MAX, -2, None),
        ] {
            assert_eq!(zone(last, written), zone_, "{}", last.wrapping_sub(written));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(text: Vec<u8>, cut: bool, a: i64, b: i64) {
            let _ = tail(&text, cut);
            let _ = zone(a, b);
        }

        #[test]
        fn near_lines_do_not_break_it(text in "[0-9/: ]{17,21} ?(/var/ossec/)?active-response/bin/[a-z]{0,3}:? ?(Ended)?") {
            let _ = tail(text.as_bytes(), false);
        }
    }
}
