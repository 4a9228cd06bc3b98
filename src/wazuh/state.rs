//! The state files of the daemons (`var/run/wazuh-agentd.state` and its like):
//! lines `key='value'`, written anew every few seconds.

use super::xml::Span;

/// What a daemon's state file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    values: Vec<(String, String, Span)>,
    /// Seconds the comment behind `connected:` names: `notify_time` in force (agentd only).
    pub notify_time: Option<u32>,
    /// Seconds the comment behind `disconnected:` names: `time-reconnect` in force (agentd only).
    pub time_reconnect: Option<u32>,
}

/// How an agent stands to its manager (`src/client-agent/state.c get_str_status`, 4.14, 5.0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has not been connected since it started.
    Pending,
    /// It is connected, as far as agentd's main thread noticed.
    Connected,
    /// It was and is no more.
    Disconnected,
}

/// Reads a state file. Lines that are no `key='value'` are passed over, as a shell that sources
/// the file would; of a key that comes twice the last one counts
/// (`src/client-agent/state.c`, `src/remoted/state.c`, `src/analysisd/state.c`, 4.2 to 5.0.1).
pub fn read(bytes: &[u8]) -> State {
    let mut state = State::default();
    let mut start = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let from = start;
        start += line.len();
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let span = Span { start: from, end: from + text.len() };
        let text = String::from_utf8_lossy(text);
        if let Some(comment) = text.strip_prefix('#') {
            let comment = comment.trim_start_matches([' ', '-']);
            let seconds = || last_number(comment);
            if comment.starts_with("connected:") {
                state.notify_time = seconds();
            } else if comment.starts_with("disconnected:") {
                state.time_reconnect = seconds();
            }
            continue;
        }
        let Some((key, value)) = text.split_once('=') else { continue };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let quoted = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
        if let Some(value) = quoted.filter(|_| !key.is_empty() && key.bytes().all(plain)) {
            state.values.push((key.to_owned(), value.to_owned(), span));
        }
    }
    state
}

/// The last number of a text: `... in the last 60 seconds.` has 60.
fn last_number(text: &str) -> Option<u32> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    numbers.next_back()?.parse().ok()
}

impl State {
    /// Whether it holds nothing: the file is torn, or was written to a full disk.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a key, and the line it stands in.
    pub fn get(&self, key: &str) -> Option<(&str, Span)> {
        let (_, value, span) = self.values.iter().rfind(|(name, ..)| name == key)?;
        Some((value, *span))
    }

    /// A counter or a size.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.0.parse().ok()
    }

    /// Use of a queue, in hundredths: `0.98` is 98 (`src/analysisd/state.c`, 4.2 to 4.14).
    pub fn percent(&self, key: &str) -> Option<u32> {
        let value: f64 = self.get(key)?.0.parse().ok()?;
        // As a cast goes: what is no number or out of range has no meaning here.
        (0.0..=100.0).contains(&value).then(|| (value * 100.0).round() as u32)
    }

    /// How the agent stands to its manager; none for a word that no version writes.
    pub fn status(&self) -> Option<Status> {
        match self.get("status")?.0 {
            "pending" => Some(Status::Pending),
            "connected" => Some(Status::Connected),
            "disconnected" => Some(Status::Disconnected),
            _ => None,
        }
    }

    /// A time, as the agent's clock showed it; none when it is empty (never) or is no time.
    pub fn local_time(&self, key: &str) -> Option<jiff::civil::DateTime> {
        let (date, time) = self.get(key)?.0.split_once(' ')?;
        // `%Y-%m-%d %H:%M:%S`, nothing else.
        let shape = |text: &str, mark: u8, places: [usize; 2], len: usize| {
            text.len() == len
                && text
                    .bytes()
                    .enumerate()
                    .all(|(at, byte)| if places.contains(&at) { byte == mark } else { byte.is_ascii_digit() })
        };
        if !shape(date, b'-', [4, 7], 10) || !shape(time, b':', [2, 5], 8) {
            return None;
        }
        format!("{date}T{time}").parse().ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AGENT: &[u8] = b"# State file for wazuh-agentd\n\n# Agent status:\n# - pending:      waiting\n\
        # - connected:    established in the last 10 seconds.\n# - disconnected: lost in the last 60 seconds.\n\
        status='connected'\n\nlast_keepalive='2026-11-20 15:09:54'\nlast_ack=''\nmsg_count='12'\nmsg_buffer=''\n";

    #[test]
    fn the_file_of_an_agent() {
        let state = read(AGENT);
        assert_eq!(state.status(), Some(Status::Connected));
        assert_eq!((state.notify_time, state.time_reconnect), (Some(10), Some(60)));
        assert_eq!(state.local_time("last_keepalive").unwrap().to_string(), "2026-11-20T15:09:54");
        assert_eq!(state.local_time("last_ack"), None);
        assert_eq!(state.number("msg_count"), Some(12));
        assert_eq!(state.number("msg_buffer"), None);
        let (value, span) = state.get("status").unwrap();
        assert_eq!(value, "connected");
        assert_eq!(&AGENT[span.start..span.end], b"status='connected'");
    }

    #[test]
    fn values_that_are_none() {
        for (text, empty) in [
            ("", true),
            ("status=connected\n", true),
            ("status='connected\n", true),
            ("='x'\n", true),
            ("two words='x'\n", true),
            ("status='lost'\r\n", false),
        ] {
            let state = read(text.as_bytes());
            assert_eq!(state.is_empty(), empty, "{text:?}");
            assert_eq!(state.status(), None, "{text:?}");
        }
        for (text, percent) in [
            ("0.00", Some(0)),
            ("0.98", Some(98)),
            ("1.00", Some(100)),
            ("nan", None),
            ("inf", None),
            ("-0.5", None),
            ("", None),
        ] {
            assert_eq!(read(format!("q='{text}'").as_bytes()).percent("q"), percent, "{text}");
        }
        for text in ["2026-11-20", "2026-13-20 10:00:00", "2026-11-20 10:00", "2026-11-20 10:00:00.5", "x y"]
        {
            assert_eq!(read(format!("t='{text}'").as_bytes()).local_time("t"), None, "{text}");
        }
    }

    #[test]
    fn the_last_of_a_key_counts() {
        assert_eq!(read(b"a='1'\na='2'\n").number("a"), Some(2));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let state = read(&bytes);
            let _ = (state.status(), state.local_time("t"), state.percent("q"), state.number("n"));
            for (_, _, span) in &state.values {
                prop_assert!(bytes.get(span.start..span.end).is_some());
            }
        }
    }
}
