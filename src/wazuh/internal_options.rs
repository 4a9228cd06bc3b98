//! `etc/internal_options.conf` and `etc/local_internal_options.conf`: numbers the daemons read at
//! their start, and exit over when one is wrong.

use super::version::Version;
use super::xml::Span;

/// The most of a line that is read at once (`src/shared/validate_op.c _read_file`, 4.14).
const LINE: usize = 1023;

/// One option a daemon on the way of a response reads at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The word before the point, which is not always the daemon.
    pub high: &'static str,
    /// The word behind it.
    pub low: &'static str,
    /// The daemon, without `wazuh-`.
    pub daemon: &'static str,
    /// Smallest and largest value.
    pub range: (u32, u32),
    /// First version whose daemon reads it; none is older than 4.2.
    pub since: Option<Version>,
    /// Whether 5.x still has it.
    pub in_5: bool,
}

const fn known(
    high: &'static str,
    low: &'static str,
    daemon: &'static str,
    range: (u32, u32),
    in_5: bool,
) -> Known {
    Known { high, low, daemon, range, since: None, in_5 }
}

/// The options whose meaning and range are the same in 4.2.7, 4.9.2 and 4.14.9, and those that 5.0.1
/// still has (`getDefine_Int` in src/os_execd, src/client-agent, src/remoted, src/analysisd).
pub const KNOWN: &[Known] = &[
    known("execd", "debug", "execd", (0, 2), true),
    known("execd", "max_restart_lock", "execd", (0, 3600), true),
    known("agent", "debug", "agentd", (0, 2), true),
    known("agent", "remote_conf", "agentd", (0, 1), true),
    known("agent", "state_interval", "agentd", (0, 86400), true),
    known("agent", "tolerance", "agentd", (0, 600), true),
    known("agent", "recv_timeout", "agentd", (1, 600), true),
    known("agent", "warn_level", "agentd", (1, 100), true),
    known("agent", "min_eps", "agentd", (1, 1000), false),
    known("monitord", "rotate_log", "agentd", (0, 1), true),
    known("remoted", "debug", "remoted", (0, 2), false),
    known("remoted", "merge_shared", "remoted", (0, 1), false),
    known("remoted", "shared_reload", "remoted", (1, 18000), false),
    known("remoted", "state_interval", "remoted", (0, 86400), false),
    known("remoted", "recv_timeout", "remoted", (1, 60), false),
    known("remoted", "worker_pool", "remoted", (1, 16), false),
    known("remoted", "pass_empty_keyfile", "remoted", (0, 1), false),
    known("remoted", "verify_msg_id", "remoted", (0, 1), false),
    known("remoted", "rlimit_nofile", "remoted", (1024, 1_048_576), false),
    Known {
        high: "remoted",
        low: "send_timeout_to_retry",
        daemon: "remoted",
        range: (1, 60),
        since: Some(Version::new(4, 9, 2)),
        in_5: false,
    },
    known("analysisd", "debug", "analysisd", (0, 2), false),
    known("analysisd", "state_interval", "analysisd", (0, 86400), false),
    known("analysisd", "label_cache_maxage", "analysisd", (0, 60), false),
    known("analysisd", "rule_matching_threads", "analysisd", (0, 32), false),
    known("analysisd", "event_threads", "analysisd", (0, 32), false),
    known("analysisd", "rlimit_nofile", "analysisd", (1024, 1_048_576), false),
];

/// What stands in a file for an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The value as the daemons take it: blanks before it and the line's end are gone, a comment
    /// behind it is not.
    pub value: Vec<u8>,
    /// Its line.
    pub span: Span,
}

impl Setting {
    /// Its number; none where a daemon exits with (2302) (`getDefine_Int`, 4.14).
    pub fn number(&self, range: (u32, u32)) -> Option<u32> {
        if !self.value.iter().all(u8::is_ascii_digit) {
            return None;
        }
        // Nothing at all reads as 0.
        let text = std::str::from_utf8(&self.value).ok()?;
        let number = if text.is_empty() { 0 } else { text.parse().ok()? };
        (range.0..=range.1).contains(&number).then_some(number)
    }
}

/// The first line of a file that sets an option (`src/shared/validate_op.c _read_file`, 4.14).
pub fn find(bytes: &[u8], high: &str, low: &str) -> Option<Setting> {
    let mut start = 0;
    for whole in bytes.split_inclusive(|&byte| byte == b'\n') {
        let from = start;
        start += whole.len();
        let mut at = from;
        for line in whole.chunks(LINE) {
            let span = Span { start: at, end: at + line.trim_ascii_end().len() };
            at += line.len();
            if line.starts_with(b"#") || line.starts_with(b" ") || line.starts_with(b"\n") {
                continue;
            }
            let Some(point) = line.iter().position(|&byte| byte == b'.') else { continue };
            let (name, rest) = line.split_at(point);
            let rest = rest.get(1..).unwrap_or_default();
            let Some(equal) = rest.iter().position(|&byte| byte == b'=') else { continue };
            let (key, value) = rest.split_at(equal);
            let blanks = key.iter().rev().take_while(|&&byte| byte == b' ').count();
            let key = key.get(..key.len() - blanks).unwrap_or_default();
            if name != high.as_bytes() || key != low.as_bytes() {
                continue;
            }
            let value = value.get(1..).unwrap_or_default();
            let blanks = value.iter().take_while(|&&byte| byte == b' ').count();
            let value = value.get(blanks..).unwrap_or_default();
            let value = value.iter().rposition(|&byte| byte == b'\n').map_or(value, |end| &value[..end]);
            let value = value.iter().rposition(|&byte| byte == b'\r').map_or(value, |end| &value[..end]);
            return Some(Setting { value: value.to_vec(), span });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Option<String> {
        let setting = find(text.as_bytes(), "remoted", "merge_shared")?;
        Some(String::from_utf8_lossy(&setting.value).into_owned())
    }

    #[test]
    fn lines_as_the_daemons_take_them() {
        for (text, wanted, number) in [
            ("remoted.merge_shared=0\n", Some("0"), Some(0)),
            ("remoted.merge_shared = 1\n", Some("1"), Some(1)),
            ("remoted.merge_shared=1\r\n", Some("1"), Some(1)),
            ("remoted.merge_shared=1", Some("1"), Some(1)),
            ("remoted.merge_shared=\n", Some(""), Some(0)),
            ("remoted.merge_shared=1 \n", Some("1 "), None),
            ("remoted.merge_shared=1 # on\n", Some("1 # on"), None),
            ("remoted.merge_shared=yes\n", Some("yes"), None),
            ("remoted.merge_shared=2\n", Some("2"), None),
            ("remoted.merge_shared=-1\n", Some("-1"), None),
            ("remoted.merge_shared=99999999999999999999\n", Some("99999999999999999999"), None),
            ("# remoted.merge_shared=0\n", None, None),
            (" remoted.merge_shared=0\n", None, None),
            ("remoted .merge_shared=0\n", None, None),
            ("remoted.merge_shared_x=0\n", None, None),
            ("remoted.merge_shared\t=0\n", None, None),
            ("no point\nremoted.merge_shared=1\nremoted.merge_shared=0\n", Some("1"), Some(1)),
        ] {
            assert_eq!(value(text).as_deref(), wanted, "{text:?}");
            let found = find(text.as_bytes(), "remoted", "merge_shared");
            assert_eq!(found.and_then(|setting| setting.number((0, 1))), number, "{text:?}");
        }
    }

    #[test]
    fn options_are_named_once() {
        for (at, option) in KNOWN.iter().enumerate() {
            assert!(option.range.0 < option.range.1, "{option:?}");
            let same = |other: &Known| (other.high, other.low) == (option.high, option.low);
            assert!(!KNOWN[at + 1..].iter().any(same), "{option:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..3000), tail in "[ -~]{0,30}") {
            let text = [bytes.as_slice(), b"\nremoted.merge_shared=", tail.as_bytes()].concat();
            if let Some(setting) = find(&text, "remoted", "merge_shared") {
                prop_assert!(text.get(setting.span.start..setting.span.end).is_some());
                let _ = setting.number((0, 1));
            }
        }
    }
}
