//! Lines of `logs/ossec.log` that tell how a daemon came and went: its start, the signal that ended
//! it, the error it gave up with.

use crate::findings::catalogue::Level;
use crate::findings::signatures::Log;
use crate::logs::line::{self, Time};

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `Started (pid: N).`
    Started(u32),
    /// `(1225): SIGNAL [...] Received. Exit Cleaning...`: an orderly end.
    Signalled,
    /// A line of level ERROR.
    Error,
    /// A line of level CRITICAL, after which a daemon exits.
    Critical,
}

/// One such line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Seconds since 1970 on the host's own clock on the wall: good for distances only.
    pub time: i64,
    /// The daemon (`wazuh-execd`).
    pub daemon: String,
    /// What it says.
    pub event: Event,
    /// The line as it stands.
    pub text: String,
}

/// Reads the lines of the log that count; others are passed over
/// (`src/error_messages/information_messages.h`, 4.14).
pub fn read(bytes: &[u8]) -> Vec<Line> {
    bytes.split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn line(bytes: &[u8]) -> Option<Line> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let read = line::Line::read(Log::Ossec, bytes);
    let Some(Time::Local(time)) = read.time else { return None };
    let daemon = read.tag.split(|byte| *byte == b':').next().filter(|name| !name.is_empty())?;
    let message = String::from_utf8_lossy(&read.message);
    let event = match read.level? {
        Level::Info => match message.strip_prefix("Started (pid: ") {
            Some(pid) => Event::Started(pid.split(')').next()?.parse().ok()?),
            None if read.number == Some(1225) && message.starts_with("SIGNAL ") => Event::Signalled,
            None => return None,
        },
        Level::Critical => Event::Critical,
        Level::Error => Event::Error,
        _ => return None,
    };
    let daemon = String::from_utf8_lossy(daemon).into_owned();
    Some(Line { time, daemon, event, text: String::from_utf8_lossy(bytes).into_owned() })
}

/// Times at which a daemon was started although the log holds no end of it after the start before.
pub fn sudden_ends<'l>(lines: &'l [Line], daemon: &str) -> Vec<&'l Line> {
    let mut is_up = false;
    let mut found = Vec::new();
    for line in lines.iter().filter(|line| line.daemon == daemon) {
        match line.event {
            Event::Started(_) => {
                if is_up {
                    found.push(line);
                }
                is_up = true;
            }
            Event::Signalled | Event::Critical => is_up = false,
            Event::Error => {}
        }
    }
    found
}

/// Seconds in which the daemons of one installation start, one after the other.
const TOGETHER: i64 = 120;

/// Whether all of the installation ended with this daemon, as in a power cut, or when a container is killed:
/// the others that were started with it had not come to an orderly end either.
pub fn is_end_of_all(lines: &[Line], start: &Line) -> bool {
    let others = lines.iter().filter(|line| {
        matches!(line.event, Event::Started(_))
            && line.daemon != start.daemon
            && (line.time - start.time).abs() <= TOGETHER
    });
    let mut found = false;
    for other in others {
        if sudden_ends(lines, &other.daemon).contains(&other) {
            found = true;
        } else if lines.iter().any(|line| line.daemon == other.daemon && line.time < other.time) {
            return false;
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOG: &str = "2026/11/20 10:00:05 wazuh-execd: INFO: Started (pid: 811).\n\
        2026/11/20 10:00:06 wazuh-agentd: INFO: (4102): Connected to the server.\n\
        2026/11/20 10:10:05 wazuh-execd[812] main.c:206 at main(): INFO: Started (pid: 812).\n\
        2026/11/20 10:20:05 wazuh-execd: INFO: (1225): SIGNAL [(15)-(Terminated)] Received. Exit Cleaning...\n\
        2026/11/20 10:20:07 wazuh-execd: INFO: Started (pid: 900).\r\n\
        2026/11/20 10:21:07 wazuh-execd: CRITICAL: (1212): Unable to create PID file.\n\
        2026/11/20 10:22:07 wazuh-execd: INFO: Started (pid: 901).\n\
        2026/11/20 10:22:08 wazuh-execd: ERROR: (1210): Queue not accessible: INFO: Started (pid: 1).\n\
        no line\n2026/13/45 10:22:08 wazuh-execd: ERROR: x\n";

    #[test]
    fn lines() {
        let lines = read(LOG.as_bytes());
        let events: Vec<&Event> = lines.iter().map(|line| &line.event).collect();
        use Event::{Critical, Error, Signalled, Started};
        let expected = [Started(811), Started(812), Signalled, Started(900), Critical, Started(901), Error];
        assert_eq!(events, expected.iter().collect::<Vec<_>>());
        assert_eq!(lines[1].time - lines[0].time, 600);
        assert!(lines.iter().all(|line| line.daemon == "wazuh-execd"));
        assert!(!lines[3].text.ends_with('\r'));
    }

    #[test]
    fn ends_without_a_word() {
        let lines = read(LOG.as_bytes());
        let sudden = sudden_ends(&lines, "wazuh-execd");
        assert_eq!(sudden.len(), 1);
        assert_eq!(sudden[0].event, Event::Started(812));
        assert!(sudden_ends(&lines, "wazuh-agentd").is_empty());
    }

    #[test]
    fn an_end_of_all() {
        let started =
            |time: &str, daemon: &str| format!("2026/11/20 {time} {daemon}: INFO: Started (pid: 1).\n");
        let cut = ["08:00:00", "09:00:00"]
            .map(|time| started(time, "wazuh-execd") + &started(time, "wazuh-agentd"));
        let crash = started("08:00:00", "wazuh-execd") + &started("09:00:00", "wazuh-execd");
        let watchdog = [
            cut[0].as_str(),
            "2026/11/20 08:59:58 wazuh-agentd: INFO: (1225): SIGNAL [(15)-(Terminated)] Received. Exit Cleaning...\n",
            &cut[1],
        ]
        .concat();
        for (text, wanted) in [(cut.concat(), true), (crash, false), (watchdog, false)] {
            let lines = read(text.as_bytes());
            let sudden = sudden_ends(&lines, "wazuh-execd");
            assert_eq!(sudden.len(), 1, "{text}");
            assert_eq!(is_end_of_all(&lines, sudden[0]), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let line = [b"2026/11/20 10:00:05 ".as_slice(), &bytes].concat();
            let _ = read(&line);
        }
    }
}
