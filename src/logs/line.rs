//! One line of a log, taken apart.
//!
//! The daemons' own logs (`src/shared/debug_op.c _log_function`, `src/shared/time_op.c
//! w_get_timestamp`, 4.14) come in these forms; times are the host's local time:
//!
//! - text: `2026/11/20 10:41:12 wazuh-execd: ERROR: (1311): ...`
//! - text of a daemon with debugging on: `... wazuh-execd[812] execd.c:290 at ExecdRun(): DEBUG: ...`
//! - JSON: `{"timestamp":"...","tag":"...","level":"error","description":"(1311): ..."}`
//! - of OSSEC: `... ossec-analysisd(1210): ERROR: ...`
//!
//! active-responses.log has `2026/11/20 10:41:12 active-response/bin/NAME: ...` since 4.2
//! (`src/active-response/active_responses.c write_debug_file`); before, scripts wrote a `date`
//! and their own path with its arguments.

use std::borrow::Cow;

use crate::findings::catalogue::Level;
use crate::findings::signatures::Log;
use crate::wazuh::alerts::time::{days, unix_millis};

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Time, who says it, and what.
    Text,
    /// The same with process, source file and function.
    Debug,
    /// A JSON object.
    Json,
    /// The number stands before the level, as OSSEC wrote it.
    Ossec,
    /// A script's path with its arguments, as before 4.2.
    Arguments,
    /// None of these; all of it is the message.
    Other,
}

/// A time in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Local time as if it were UTC, in seconds since 1970.
    Local(i64),
    /// UTC, in seconds since 1970.
    Utc(i64),
}

/// A line taken apart. What is not there is empty or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// How it is written.
    pub form: Form,
    /// When.
    pub time: Option<Time>,
    /// Who says it, as written: `wazuh-execd`, `wazuh-modulesd:command`; in active-responses.log
    /// the executable.
    pub tag: Cow<'a, [u8]>,
    /// Its process.
    pub pid: Option<u32>,
    /// `execd.c:290 at ExecdRun()`.
    pub origin: &'a [u8],
    /// How bad.
    pub level: Option<Level>,
    /// The number in parentheses before the message.
    pub number: Option<u32>,
    /// What it says, without the number.
    pub message: Cow<'a, [u8]>,
}

impl<'a> Line<'a> {
    /// Takes a line of a log apart, without its line feed. Any bytes are a line.
    pub fn read(log: Log, bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let read = match log {
            Log::Ossec | Log::Api => json(bytes).or_else(|| daemon(bytes)),
            Log::Cluster => daemon(bytes).map(without_marks),
            Log::ActiveResponses => response(bytes),
            Log::Audit => audit(bytes),
            Log::Kernel => syslog(bytes),
            Log::Integrations => None,
        };
        read.unwrap_or_else(|| Self { message: Cow::Borrowed(bytes), ..Self::empty() })
    }

    fn empty() -> Self {
        Self {
            form: Form::Other,
            time: None,
            tag: Cow::Borrowed(b""),
            pid: None,
            origin: b"",
            level: None,
            number: None,
            message: Cow::Borrowed(b""),
        }
    }

    /// Who says it without what all have before their name: `execd`, `modulesd:command`.
    pub fn daemon(&self) -> &[u8] {
        short_name(&self.tag)
    }
}

/// A daemon's name without `wazuh-`, `ossec-` and the `manager-` of 5.x.
pub fn short_name(tag: &[u8]) -> &[u8] {
    let short = tag.strip_prefix(b"wazuh-").or_else(|| tag.strip_prefix(b"ossec-")).unwrap_or(tag);
    short.strip_prefix(b"manager-").unwrap_or(short)
}

/// `2026/11/20 10:41:12` at the beginning of a line, as if it were UTC.
pub fn local_time(line: &[u8]) -> Option<i64> {
    let (date, _) = line.split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'/', m1, m2, b'/', d1, d2, b' ', h1, h2, b':', n1, n2, b':', s1, s2] = *date else {
        return None;
    };
    let year = digits(&[y1, y2, y3, y4])?;
    seconds(year, digits(&[m1, m2])?, digits(&[d1, d2])?, [&[h1, h2], &[n1, n2], &[s1, s2]])
}

/// The time of a line in any form, as if it were UTC; for bisection.
pub fn time_of(log: Log, line: &[u8]) -> Option<i64> {
    let quick = match line.strip_prefix(b"{\"timestamp\":\"") {
        Some(rest) => local_time(rest),
        None => local_time(line),
    };
    quick.or_else(|| match Line::read(log, line).time? {
        Time::Local(time) | Time::Utc(time) => Some(time),
    })
}

/// The time of a line of syslog that has no year (`Nov 20 10:41:12`), of a log that was written last
/// at `written`: both local time as if it were UTC, in seconds since 1970.
pub fn without_year(line: &[u8], written: i64) -> Option<i64> {
    let (date, _) = line.split_first_chunk::<15>()?;
    let [m1, m2, m3, b' ', d1, d2, b' ', h1, h2, b':', n1, n2, b':', s1, s2] = *date else { return None };
    let month = (1..).zip(MONTHS).find(|(_, name)| **name == [m1, m2, m3])?.0;
    let day = digits(&[if d1 == b' ' { b'0' } else { d1 }, d2])?;
    let year =
        i64::from(jiff::Timestamp::from_second(written).ok()?.to_zoned(jiff::tz::TimeZone::UTC).year());
    let of = |year| seconds(year, month, day, [&[h1, h2], &[n1, n2], &[s1, s2]]);
    // The clock of who writes may be a little ahead.
    of(year).filter(|time| *time <= written.saturating_add(86_400)).or_else(|| of(year - 1))
}

fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

fn seconds(year: i64, month: i64, day: i64, clock: [&[u8]; 3]) -> Option<i64> {
    let [hour, minute, second] = [digits(clock[0])?, digits(clock[1])?, digits(clock[2])?];
    let valid =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    valid.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn level_of(word: &[u8]) -> Option<Level> {
    match word {
        b"DEBUG" | b"DEBUG2" => Some(Level::Debug),
        b"INFO" => Some(Level::Info),
        b"WARNING" => Some(Level::Warning),
        b"ERROR" => Some(Level::Error),
        b"CRITICAL" => Some(Level::Critical),
        _ => None,
    }
}

/// `(1311): ` before a message.
fn number_of(message: &[u8]) -> (Option<u32>, &[u8]) {
    let found = || {
        let rest = message.strip_prefix(b"(")?;
        let end = rest.iter().take(6).position(|byte| *byte == b')')?;
        let number = u32::try_from(digits(rest.get(..end)?)?).ok()?;
        let rest = rest.get(end + 1..)?.strip_prefix(b":")?;
        (end >= 4).then_some((number, rest.strip_prefix(b" ").unwrap_or(rest)))
    };
    found().map_or((None, message), |(number, rest)| (Some(number), rest))
}

/// Bytes behind the time in which a level is looked for.
const HEAD: usize = 256;

/// `TIME HEAD: LEVEL: MESSAGE`; without a time, too.
fn daemon(bytes: &[u8]) -> Option<Line<'_>> {
    let time = local_time(bytes);
    let rest = if time.is_some() { bytes.get(20..)? } else { bytes };
    let (head, level, message) = split_level(rest)?;
    let mut line =
        Line { time: time.map(Time::Local), level: Some(level), form: Form::Text, ..Line::empty() };
    let end = head.iter().position(|byte| matches!(byte, b'[' | b'(' | b' ')).unwrap_or(head.len());
    let (tag, behind) = head.split_at_checked(end)?;
    line.tag = Cow::Borrowed(tag);
    let (number, message) = number_of(message);
    (line.number, line.message) = (number, Cow::Borrowed(message));
    if let Some(inner) = behind.strip_prefix(b"[")
        && let Some(close) = inner.iter().position(|byte| *byte == b']')
    {
        line.pid = inner.get(..close).and_then(digits).and_then(|pid| u32::try_from(pid).ok());
        line.origin = inner.get(close + 1..).unwrap_or_default().trim_ascii();
        line.form = Form::Debug;
    } else if let Some(inner) = behind.strip_prefix(b"(")
        && let Some(number) = inner.strip_suffix(b")").and_then(digits)
    {
        line.number = line.number.or(u32::try_from(number).ok());
        line.form = Form::Ossec;
    }
    // Without a time it is only such a line when a daemon's name stands there.
    (time.is_some() || tag.starts_with(b"wazuh-") || tag.starts_with(b"ossec-")).then_some(line)
}

/// Where `LEVEL: ` stands behind `: ` or a blank, or at the beginning: what is before, the
/// level, what is behind.
fn split_level(text: &[u8]) -> Option<(&[u8], Level, &[u8])> {
    let head = text.get(..HEAD).unwrap_or(text);
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b' ', head).map(|at| at + 1));
    for start in starts {
        let word = text.get(start..)?;
        let end = word.iter().take(9).position(|byte| !byte.is_ascii_uppercase() && *byte != b'2');
        if let Some(end) = end.filter(|end| *end >= 4)
            && word.get(end) == Some(&b':')
            && let Some(level) = level_of(word.get(..end)?)
        {
            let before = text.get(..start)?.trim_ascii_end();
            let message = word.get(end + 1..)?;
            let message = message.strip_prefix(b" ").unwrap_or(message);
            return Some((before.strip_suffix(b":").unwrap_or(before), level, message));
        }
    }
    None
}

/// A line of ossec.json or api.json.
fn json(bytes: &[u8]) -> Option<Line<'_>> {
    if !bytes.starts_with(b"{") {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let member = |name: &str| value.get(name).and_then(serde_json::Value::as_str);
    let timestamp = member("timestamp")?.as_bytes();
    let time = local_time(timestamp)
        .map(Time::Local)
        .or_else(|| unix_millis(timestamp).map(|millis| Time::Utc(millis.div_euclid(1000))));
    let level = member("level").or_else(|| member("levelname")).map(str::to_ascii_uppercase);
    let message = match (member("description"), value.get("data")) {
        (Some(text), _) => text.to_owned(),
        // The API puts what it says under `data`.
        (None, Some(data)) => match data.get("payload").unwrap_or(data) {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        },
        (None, None) => return None,
    };
    let (number, rest) = number_of(message.as_bytes());
    let message = rest.to_vec();
    Some(Line {
        form: Form::Json,
        time,
        tag: Cow::Owned(member("tag").unwrap_or_default().as_bytes().to_vec()),
        level: level.as_deref().and_then(|level| level_of(level.as_bytes())),
        number,
        message: Cow::Owned(message),
        ..Line::empty()
    })
}

/// Without the `[Master] [Active Response] ` of clusterd.
fn without_marks(mut line: Line<'_>) -> Line<'_> {
    if let Cow::Borrowed(mut message) = line.message {
        while let Some(rest) = message.strip_prefix(b"[")
            && let Some(end) = rest.iter().take(64).position(|byte| *byte == b']')
            && let Some(rest) = rest.get(end + 1..)
        {
            message = rest.strip_prefix(b" ").unwrap_or(rest);
        }
        line.message = Cow::Borrowed(message);
    }
    line
}

const BIN: &[u8] = b"active-response/bin/";

/// A line of active-responses.log.
fn response(bytes: &[u8]) -> Option<Line<'_>> {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let path = memchr::memmem::find(head, BIN)?;
    let local = local_time(bytes);
    let name_at = path + BIN.len();
    let behind = bytes.get(name_at..)?;
    // Where the path begins: at a blank or a quote before it.
    let before = bytes.get(..path)?;
    let start = before.iter().rposition(|byte| matches!(byte, b' ' | b'"')).map_or(0, |at| at + 1);
    if local.is_some() && start == 20 {
        // A relative path, or a whole one.
        if path > start && !(before.get(start) == Some(&b'/') && before.ends_with(b"/")) {
            return None;
        }
        let end = memchr::memmem::find(behind, b": ");
        // A text may be empty, and then the blank behind the colon may be gone.
        let (name, text) = match end {
            Some(end) => (behind.get(..end)?, behind.get(end + 2..)?),
            None => (behind.strip_suffix(b":")?, &b""[..]),
        };
        return (!name.is_empty()).then(|| Line {
            form: Form::Text,
            time: local.map(Time::Local),
            tag: Cow::Borrowed(name),
            message: Cow::Borrowed(text.trim_ascii()),
            ..Line::empty()
        });
    }
    let Some(time) = local.or_else(|| date_time(before.get(..start)?)) else {
        // What a shell says of its script: `/var/ossec/active-response/bin/x.sh: line 9: ...`
        let end = memchr::memmem::find(behind, b": ").filter(|end| start == 0 && *end > 0)?;
        let name = behind.get(..end).filter(|name| !name.contains(&b' '))?;
        return Some(Line { tag: Cow::Borrowed(name), message: Cow::Borrowed(bytes), ..Line::empty() });
    };
    let end = behind.iter().position(|byte| matches!(byte, b' ' | b'"')).unwrap_or(behind.len());
    Some(Line {
        form: Form::Arguments,
        time: Some(Time::Local(time)),
        tag: Cow::Borrowed(behind.get(..end)?),
        message: Cow::Borrowed(bytes.get(path..)?.trim_ascii()),
        ..Line::empty()
    })
}

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// What `date` printed, `Fri Nov 20 10:41:12 UTC 2020` or `Fri 20 Nov 2020 10:41:12 AM UTC`, or
/// `11/20/2020  10:41` of Windows; as if it were UTC.
fn date_time(text: &[u8]) -> Option<i64> {
    let (mut month, mut day, mut year, mut clock, mut noon) = (None, None, None, None, None);
    for word in text.split(|byte| matches!(byte, b' ' | b'"' | b',')).filter(|word| !word.is_empty()).take(9)
    {
        let parts: Vec<&[u8]> = word.split(|byte| *byte == b':').collect();
        let dates: Vec<&[u8]> = word.split(|byte| *byte == b'/').collect();
        match (parts.as_slice(), dates.as_slice()) {
            ([hour, minute], _) => clock = Some([*hour, *minute, b"0"]),
            ([hour, minute, second], _) => {
                clock = Some([*hour, *minute, second.split(|byte| *byte == b'.').next()?]);
            }
            (_, [m, d, y]) => (month, day, year) = (digits(m), digits(d), digits(y)),
            _ => match (word.len(), digits(word)) {
                (4, Some(number)) => year = Some(number),
                (1 | 2, Some(number)) => day = Some(number),
                (_, None) if word == b"AM" => noon = Some(0),
                (_, None) if word == b"PM" => noon = Some(12),
                (_, None) => {
                    let name = (1..).zip(MONTHS).find(|(_, name)| word.starts_with(name));
                    month = month.or(name.map(|(number, _)| number));
                }
                _ => {}
            },
        }
    }
    let time = seconds(year?, month?, day?, clock?)?;
    let hour = time.rem_euclid(86_400) / 3600;
    Some(match noon {
        Some(noon) if hour <= 12 => time - hour * 3600 + (hour % 12 + noon) * 3600,
        _ => time,
    })
}

/// A record of the audit daemon: `type=AVC msg=audit(1795171272.123:4711): ...`.
fn audit(bytes: &[u8]) -> Option<Line<'_>> {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let at = memchr::memmem::find(head, b"msg=audit(")? + 10;
    let end = at + head.get(at..)?.iter().position(|byte| !byte.is_ascii_digit())?;
    // More seconds than nine digits hold.
    let digits = bytes.get(at..end).filter(|digits| digits.len() <= 12)?;
    let time = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Line {
        form: Form::Text,
        time: Some(Time::Utc(time)),
        message: Cow::Borrowed(bytes),
        ..Line::empty()
    })
}

/// A line of syslog: `Nov 20 10:41:12 HOST TAG[PID]: ...` or with an ISO time. The former has
/// no year, and so no time here.
fn syslog(bytes: &[u8]) -> Option<Line<'_>> {
    let mut time = None;
    let rest = if MONTHS.iter().any(|month| bytes.starts_with(month)) {
        bytes.get(16..)?
    } else {
        let end = memchr::memchr(b' ', bytes.get(..40).unwrap_or(bytes))?;
        time = Some(Time::Utc(unix_millis(&shortened(bytes.get(..end)?))?.div_euclid(1000)));
        bytes.get(end + 1..)?
    };
    let rest = rest.get(memchr::memchr(b' ', rest)? + 1..)?;
    let colon = memchr::memmem::find(rest.get(..HEAD).unwrap_or(rest), b": ")?;
    let (head, message) = (rest.get(..colon)?, rest.get(colon + 2..)?);
    let end = head.iter().position(|byte| *byte == b'[').unwrap_or(head.len());
    let pid = head.get(end..)?.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).and_then(digits);
    let message = match message.strip_prefix(b"[").map(|stamp| (stamp, memchr::memchr(b']', stamp))) {
        Some((stamp, Some(close))) if close <= 20 => stamp.get(close + 1..)?.trim_ascii_start(),
        _ => message,
    };
    Some(Line {
        form: Form::Text,
        time,
        tag: Cow::Borrowed(head.get(..end)?),
        pid: pid.and_then(|pid| u32::try_from(pid).ok()),
        message: Cow::Borrowed(message),
        ..Line::empty()
    })
}

/// An ISO time with three digits behind the second, where there are more.
fn shortened(time: &[u8]) -> Cow<'_, [u8]> {
    let Some(dot) = memchr::memchr(b'.', time) else { return Cow::Borrowed(time) };
    let (whole, fraction) = time.split_at(dot + 1);
    let count = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, zone) = fraction.split_at(count);
    Cow::Owned([whole, digits.get(..3).unwrap_or(digits), zone].concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const AT: i64 = 1_795_171_272;

    fn shown(line: &Line<'_>) -> String {
        format!(
            "{:?} {} {} {:?} {} {} {} {}",
            line.form,
            line.time.map_or("-".to_owned(), |time| match time {
                Time::Local(time) => format!("l{:+}", time - AT),
                Time::Utc(time) => format!("u{:+}", time - AT),
            }),
            String::from_utf8_lossy(line.daemon()),
            line.pid.unwrap_or(0),
            String::from_utf8_lossy(line.origin),
            line.level.map_or("-", Level::name),
            line.number.unwrap_or(0),
            String::from_utf8_lossy(&line.message),
        )
    }

    #[test]
    fn every_form() {
        for (log, text, expected) in [
            (
                Log::Ossec,
                "2026/11/20 10:41:12 wazuh-execd: ERROR: (1311): Invalid x",
                "Text l+0 execd 0  error 1311 Invalid x",
            ),
            (
                Log::Ossec,
                "2026/11/20 10:41:13 wazuh-execd[812] execd.c:290 at ExecdRun(): DEBUG: a: ERROR: b\r",
                "Debug l+1 execd 812 execd.c:290 at ExecdRun() debug 0 a: ERROR: b",
            ),
            (
                Log::Ossec,
                r#"{"timestamp":"2026/11/20 10:41:12","tag":"wazuh-manager-remoted:task-client","level":"warning","description":"(1404): a \"b\" \u00e9"}"#,
                "Json l+0 remoted:task-client 0  warning 1404 a \"b\" é",
            ),
            (
                Log::Ossec,
                "2026/11/20 10:41:12 ossec-analysisd(1210): ERROR: Queue",
                "Ossec l+0 analysisd 0  error 1210 Queue",
            ),
            (
                Log::Ossec,
                "2026/11/20 10:41:12 wazuh-analysisd ERROR: (1301): Unable",
                "Text l+0 analysisd 0  error 1301 Unable",
            ),
            (
                Log::Ossec,
                "2026/11/20 10:41:12 wazuh-modulesd:command: INFO: x",
                "Text l+0 modulesd:command 0  info 0 x",
            ),
            (Log::Ossec, "wazuh-execd: INFO: no time", "Text - execd 0  info 0 no time"),
            (Log::Ossec, "some INFO: text", "Other -  0  - 0 some INFO: text"),
            (
                Log::Ossec,
                "2026/13/20 10:41:12 wazuh-execd: INFO: x",
                "Other -  0  - 0 2026/13/20 10:41:12 wazuh-execd: INFO: x",
            ),
            (
                Log::Ossec,
                "2026/11/20 10:41:12 wazuh-execd: INFO: (12): x",
                "Text l+0 execd 0  info 0 (12): x",
            ),
            (
                Log::Ossec,
                r#"{"timestamp":"2026/11/20 10:4"#,
                r#"Other -  0  - 0 {"timestamp":"2026/11/20 10:4"#,
            ),
            (
                Log::ActiveResponses,
                "2026/11/20 10:41:12 active-response/bin/firewall-drop: Ended",
                "Text l+0 firewall-drop 0  - 0 Ended",
            ),
            (
                Log::ActiveResponses,
                "2026/11/20 10:41:12 /opt/ossec/active-response/bin/a b.py: x: y",
                "Text l+0 a b.py 0  - 0 x: y",
            ),
            (Log::ActiveResponses, "2026/11/20 10:41:12 active-response/bin/x: ", "Text l+0 x 0  - 0 "),
            (
                Log::ActiveResponses,
                "Fri Nov 20 10:41:12 CET 2026 /var/ossec/active-response/bin/x.sh add - 192.0.2.7",
                "Arguments l+0 x.sh 0  - 0 active-response/bin/x.sh add - 192.0.2.7",
            ),
            (
                Log::ActiveResponses,
                "Fri 20 Nov 2026 10:41:12 PM UTC active-response/bin/x.sh",
                "Arguments l+43200 x.sh 0  - 0 active-response/bin/x.sh",
            ),
            (
                Log::ActiveResponses,
                r#"11/20/2026  10:41 "active-response/bin/netsh.cmd" add "-" "192.0.2.7""#,
                r#"Arguments l-12 netsh.cmd 0  - 0 active-response/bin/netsh.cmd" add "-" "192.0.2.7""#,
            ),
            (Log::ActiveResponses, "jq: error", "Other -  0  - 0 jq: error"),
            (
                Log::Api,
                r#"{"timestamp": "2026/11/20 10:41:12", "levelname": "ERROR", "data": {"type": "informative", "payload": "1652 - x"}}"#,
                "Json l+0  0  error 0 1652 - x",
            ),
            (
                Log::Api,
                "2026/11/20 10:41:12 INFO: wazuh 192.0.2.1 x",
                "Text l+0  0  info 0 wazuh 192.0.2.1 x",
            ),
            (
                Log::Cluster,
                "2026/11/20 10:41:12 INFO: [Worker w-1] [Active Response] Starting",
                "Text l+0  0  info 0 Starting",
            ),
            (
                Log::Audit,
                "type=AVC msg=audit(1795171272.1:2): avc",
                "Text u+0  0  - 0 type=AVC msg=audit(1795171272.1:2): avc",
            ),
            (Log::Kernel, "Nov 20 10:41:12 h kernel: [ 12.3] a: b", "Text - kernel 0  - 0 a: b"),
            (Log::Kernel, "2026-11-20T11:41:12.123456+01:00 h env[812]: x", "Text u+0 env 812  - 0 x"),
            (Log::Integrations, "# ERROR: x", "Other -  0  - 0 # ERROR: x"),
        ] {
            assert_eq!(shown(&Line::read(log, text.as_bytes())), expected, "{text}");
        }
    }

    #[test]
    fn a_year_is_known_by_the_last_line() {
        let jan = local_time(b"2027/01/03 08:00:00").unwrap();
        for (text, expected) in [
            ("Jan  3 07:59:59 h kernel: x", Some("2027/01/03 07:59:59")),
            ("Jan  3 09:59:59 h kernel: x", Some("2027/01/03 09:59:59")),
            ("Dec 31 23:59:59 h kernel: x", Some("2026/12/31 23:59:59")),
            ("Nov 20 10:41:12", Some("2026/11/20 10:41:12")),
            ("Nov 2O 10:41:12", None),
            ("Now 20 10:41:12", None),
            ("Nov 20 10:41", None),
        ] {
            let expected = expected.and_then(|time| local_time(time.as_bytes()));
            assert_eq!(without_year(text.as_bytes(), jan), expected, "{text}");
        }
        assert_eq!(without_year(b"Nov 20 10:41:12", i64::MAX), None);
    }

    #[test]
    fn the_quick_time_is_the_time() {
        for text in [
            "2026/11/20 10:41:12 wazuh-execd: INFO: x",
            r#"{"timestamp":"2026/11/20 10:41:12","tag":"x","level":"info","description":"x"}"#,
            r#"{"tag":"x","timestamp":"2026/11/20 10:41:12","level":"info","description":"x"}"#,
        ] {
            assert_eq!(time_of(Log::Ossec, text.as_bytes()), Some(AT), "{text}");
        }
        assert_eq!(time_of(Log::Ossec, b"Output: 2026/11/20 10:41:12"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(bytes: Vec<u8>) {
            for log in Log::ALL {
                let _ = Line::read(log, &bytes);
                let _ = time_of(log, &bytes);
            }
        }

        #[test]
        fn near_lines_do_not_break_it(
            text in "([0-9/: ]{19}|Fri Nov [0-9 :]{1,12}|11/20/[0-9]{4} +[0-9:]{4}|type=AVC msg=audit\\([0-9.:]{1,20}\\)|Nov 20 [0-9:]{8} h k) ?(wazuh-[a-z]{1,5}|\"?(/x/)?active-response/bin/[a-z]{0,3}\"?)?[\\[(]?[0-9]{0,12}[\\])]? ?:? ?(INFO|ERROR|DEBUG2?)?:? ?(\\([0-9]{1,6}\\))?:? ?[a-z\\[\\]]{0,5}",
        ) {
            for log in Log::ALL {
                let _ = Line::read(log, text.as_bytes());
            }
        }
    }
}
