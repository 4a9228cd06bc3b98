//! What a line says that bears on the timeline.
//!
//! Lines of `active-responses.log` (`src/active-response/active_responses.c`, 4.14 and 5.0): the
//! words of the programs that Wazuh ships, and the messages they were sent, which hold the alert.
//! Before 4.2 scripts wrote their arguments: `NAME add USER ADDRESS ALERT-ID RULE`.

use std::cell::OnceCell;
use std::hash::{BuildHasher as _, Hasher as _};

use super::Key;
use crate::findings::Stage;
use crate::findings::catalogue::Level;
use crate::findings::signatures::{Class, Log};
use crate::logs::line::{Form, Line};
use crate::logs::set::Set;
use crate::wazuh::alerts::extract::{Extractor, Paths, Raw, Slot};
use crate::wazuh::alerts::time::unix_millis;

/// Bytes of a text that are kept.
const KEPT: usize = 160;

/// execd said 1350.
pub const DISABLED: &str = "active response was disabled here (1350)";

const STOPPED: &str = "execd was not running";

/// A line of `active-responses.log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It begins.
    Starting,
    /// What it was sent: `add` or `delete`, `enable` or `disable`.
    Request {
        /// The alert in it.
        key: Key,
        /// It is to undo what it did.
        undo: bool,
    },
    /// It asks with its keys whether to go on.
    Keys {
        /// Tells keys apart.
        hash: u64,
    },
    /// execd's answer, with the request once more.
    Answer {
        /// The alert in it.
        key: Key,
        /// `continue`, not `abort`.
        go_on: bool,
    },
    /// `Ended`
    Ended,
    /// `Aborted`
    Aborted,
    /// Arguments as before 4.2.
    Arguments {
        /// `delete`
        undo: bool,
        /// The second in the id of the alert.
        seconds: i64,
        /// The rule.
        rule: String,
    },
    /// Anything else.
    Text(Text),
}

/// Words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// A known one that says that it failed.
    Failure {
        /// At which stage.
        stage: Stage,
        /// The text.
        words: String,
    },
    /// Another one.
    Other,
}

/// A line of a daemon that bears on the way of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// execd is up.
    Up,
    /// It takes nothing.
    Down(&'static str),
    /// A file of ar.conf was not there.
    NotPresent {
        /// Its name.
        executable: Vec<u8>,
    },
    /// 1311: a name that ar.conf does not have.
    Unknown {
        /// The name.
        name: String,
    },
    /// 1317
    NotLaunched {
        /// The system's words.
        why: String,
    },
    /// 1315, 1316
    BadMessage {
        /// Which.
        number: u32,
    },
    /// analysisd could not send it: 1301, 1321, 1322.
    NotSent {
        /// Which.
        number: u32,
    },
    /// With debugging on: it runs a program with this request.
    Executing {
        /// The program.
        executable: Vec<u8>,
        /// The alert in the request.
        key: Key,
    },
}

/// Reads lines.
pub struct Reader {
    extractor: Extractor,
    command: Slot,
    keys: Slot,
    four: [Slot; 3],
    five: [Slot; 3],
    /// Made when a text first asks for it.
    set: OnceCell<Set>,
    hasher: std::hash::RandomState,
}

impl Reader {
    /// For all versions.
    pub fn new() -> Self {
        let mut paths = Paths::new();
        let command = paths.add("command");
        let keys = paths.add("parameters.keys");
        let four =
            ["timestamp", "rule.id", "agent.id"].map(|name| paths.add(&format!("parameters.alert.{name}")));
        let five = ["@timestamp", "wazuh.rule.id", "wazuh.agent.id"].map(|name| paths.add(name));
        Self {
            extractor: Extractor::new(paths),
            command,
            keys,
            four,
            five,
            set: OnceCell::new(),
            hasher: std::hash::RandomState::new(),
        }
    }

    /// What a line of `active-responses.log` says; none for what is no line of a program.
    pub fn said(&mut self, line: &Line<'_>) -> Option<Said> {
        let message: &[u8] = &line.message;
        match line.form {
            Form::Text => Some(match message {
                b"" => return None,
                b"Starting" => Said::Starting,
                b"Ended" => Said::Ended,
                b"Aborted" => Said::Aborted,
                _ if message.starts_with(b"{") => match self.message(message) {
                    Some(said) => said,
                    None => Said::Text(Text::Other),
                },
                _ => Said::Text(self.text(line)),
            }),
            Form::Arguments => arguments(message),
            _ => None,
        }
    }

    fn text(&self, line: &Line<'_>) -> Text {
        let set = self.set.get_or_init(|| Set::new(Log::ActiveResponses, &[], None));
        let Some(found) = set.find(line) else { return Text::Other };
        let signature = set.signature(found.signature);
        if signature.class != Class::Failure {
            return Text::Other;
        }
        let stage = signature.check.map_or(Stage::Effect, |check| check.check().stage);
        Text::Failure { stage, words: words(&line.message) }
    }

    /// A message, without the time and name before it.
    fn message(&mut self, text: &[u8]) -> Option<Said> {
        let (four, five, keys) = (self.four, self.five, self.keys);
        let fields = self.extractor.scan(text).ok()?;
        let command = fields.get(self.command).and_then(Raw::text)?;
        if *command == *b"check_keys" {
            let mut hasher = self.hasher.build_hasher();
            hasher.write(fields.get(keys).map_or(&b""[..], Raw::bytes));
            return Some(Said::Keys { hash: hasher.finish() });
        }
        let member = |four: Slot, five: Slot| {
            let text = fields.get(four).or_else(|| fields.get(five))?.text()?;
            Some(String::from_utf8_lossy(&text).into_owned())
        };
        let timestamp = member(four[0], five[0])?;
        let key = Key {
            at: unix_millis(timestamp.as_bytes())?,
            rule: member(four[1], five[1]).unwrap_or_default(),
            agent: member(four[2], five[2]).unwrap_or_default(),
        };
        Some(match &*command {
            b"add" | b"enable" => Said::Request { key, undo: false },
            b"delete" | b"disable" => Said::Request { key, undo: true },
            b"continue" => Said::Answer { key, go_on: true },
            b"abort" => Said::Answer { key, go_on: false },
            _ => return None,
        })
    }

    /// What a line of ossec.log says; none for what does not bear on a message.
    pub fn told(&mut self, line: &Line<'_>) -> Option<Told> {
        let message: &[u8] = &line.message;
        match (line.daemon(), line.number) {
            (b"execd", Some(1311)) => Some(Told::Unknown { name: quoted(message)? }),
            (b"execd", Some(number @ (1315 | 1316))) => Some(Told::BadMessage { number }),
            (b"execd", Some(1317)) => {
                let why = message.strip_prefix(b"Could not launch command ")?;
                Some(Told::NotLaunched { why: words(why) })
            }
            (b"execd", Some(1314 | 1225)) => Some(Told::Down(STOPPED)),
            (b"execd", Some(1350)) => Some(Told::Down(DISABLED)),
            (b"execd", None) if message.starts_with(b"Started (pid: ") => Some(Told::Up),
            (b"execd", None) if message.starts_with(b"Active response command not present: '") => {
                let path = quoted(message)?;
                let name = path.rsplit('/').next()?;
                Some(Told::NotPresent { executable: name.as_bytes().to_vec() })
            }
            (b"execd", None) if line.level == Some(Level::Debug) => self.executing(message),
            (b"analysisd", Some(number @ (1301 | 1321 | 1322))) => Some(Told::NotSent { number }),
            _ => None,
        }
    }

    /// `Executing command 'PATH {REQUEST}'`, and not the one after a timeout.
    fn executing(&mut self, message: &[u8]) -> Option<Told> {
        let rest = message.strip_prefix(b"Executing command '")?;
        let at = memchr::memchr(b'{', rest)?;
        let path = rest.get(..at)?.trim_ascii();
        let json = rest.get(at..)?;
        let json = json.get(..memchr::memrchr(b'}', json)? + 1)?;
        let name = path.rsplit(|byte| *byte == b'/').next()?;
        match self.message(json)? {
            Said::Request { key, undo: false } => Some(Told::Executing { executable: name.to_vec(), key }),
            _ => None,
        }
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

/// The first text in single quotes.
fn quoted(message: &[u8]) -> Option<String> {
    let start = memchr::memchr(b'\'', message)? + 1;
    let rest = message.get(start..)?;
    let end = memchr::memchr(b'\'', rest)?;
    Some(String::from_utf8_lossy(rest.get(..end)?).into_owned())
}

fn words(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..KEPT).unwrap_or(text)).trim().to_owned()
}

/// `active-response/bin/NAME add USER ADDRESS 1630978836.695058 31510 ...`
fn arguments(message: &[u8]) -> Option<Said> {
    let text = String::from_utf8_lossy(message);
    let mut words =
        text.split(|letter: char| letter.is_whitespace() || letter == '"').filter(|one| !one.is_empty());
    let undo = words.by_ref().find_map(|word| match word {
        "add" => Some(false),
        "delete" => Some(true),
        _ => None,
    })?;
    let rest: Vec<&str> = words.take(6).collect();
    rest.windows(2).find_map(|pair| {
        let [id, rule] = pair else { return None };
        let (seconds, offset) = id.split_once('.')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !(digits(seconds) && digits(offset) && digits(rule)) {
            return None;
        }
        Some(Said::Arguments { undo, seconds: seconds.parse().ok()?, rule: (*rule).to_owned() })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<Said> {
        Reader::new().said(&Line::read(Log::ActiveResponses, text.as_bytes()))
    }

    fn told(text: &str) -> Option<Told> {
        Reader::new().told(&Line::read(Log::Ossec, text.as_bytes()))
    }

    fn key() -> Key {
        Key { at: 1_795_171_270_123, rule: "5712".to_owned(), agent: "003".to_owned() }
    }

    const FOUR: &str = r#""parameters":{"extra_args":[],"alert":{"timestamp":"2026-11-20T10:41:10.123+0000","rule":{"level":10,"id":"5712"},"agent":{"id":"003","name":"a"},"data":{"srcip":"192.0.2.7"}},"program":"active-response/bin/firewall-drop"}}"#;

    #[test]
    fn lines_of_programs() {
        let at = "2026/11/20 10:41:12 active-response/bin/firewall-drop: ";
        let four = |command: &str| {
            said(&format!(
                r#"{at}{{"version":1,"origin":{{"name":"n","module":"wazuh-execd"}},"command":"{command}",{FOUR}"#
            ))
        };
        assert_eq!(four("add"), Some(Said::Request { key: key(), undo: false }));
        assert_eq!(four("delete"), Some(Said::Request { key: key(), undo: true }));
        assert_eq!(four("continue"), Some(Said::Answer { key: key(), go_on: true }));
        assert_eq!(four("abort"), Some(Said::Answer { key: key(), go_on: false }));
        assert_eq!(four("other"), Some(Said::Text(Text::Other)));
        let five = format!(
            r#"{at}{{"@timestamp":"2026-11-20T10:41:10.123Z","source":{{"ip":"192.0.2.7"}},"wazuh":{{"agent":{{"id":"003"}},"rule":{{"id":"5712"}}}},"command":"enable"}}"#
        );
        assert_eq!(said(&five), Some(Said::Request { key: key(), undo: false }));
        assert_eq!(said(&format!("{at}Starting")), Some(Said::Starting));
        assert_eq!(said(&format!("{at}Ended")), Some(Said::Ended));
        assert_eq!(said(&format!("{at}Aborted")), Some(Said::Aborted));
        assert_eq!(said(&format!("{at}blocked")), Some(Said::Text(Text::Other)));
        assert!(matches!(
            said(&format!("{at}Cannot read 'srcip' from data")),
            Some(Said::Text(Text::Failure { .. }))
        ));
        assert_eq!(said(at), None);
        assert_eq!(said("jq: error"), None);
        // A message that was cut off.
        assert_eq!(
            said(&format!(r#"{at}{{"command":"add","parameters":{{"al"#)),
            Some(Said::Text(Text::Other))
        );
        assert_eq!(
            said(
                "Mon Sep 13 12:07:38 UTC 2021 /var/ossec/active-response/bin/test.sh delete - 192.0.2.7 1630978836.695058 31510 (host) 198.51.100.1->/x -"
            ),
            Some(Said::Arguments { undo: true, seconds: 1_630_978_836, rule: "31510".to_owned() })
        );
        assert_eq!(said("Wed Sep 15 04:27:16 UTC 2021 active-response/bin/test.sh"), None);
    }

    #[test]
    fn keys_are_told_apart() {
        let mut reader = Reader::new();
        let mut hash = |keys: &str| {
            let line = format!(
                r#"2026/11/20 10:41:12 active-response/bin/x: {{"version":1,"command":"check_keys","parameters":{{"keys":[{keys}]}}}}"#
            );
            match reader.said(&Line::read(Log::ActiveResponses, line.as_bytes())) {
                Some(Said::Keys { hash }) => hash,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(hash(r#""192.0.2.7""#), hash(r#""192.0.2.7""#));
        assert_ne!(hash(r#""192.0.2.7""#), hash(r#""192.0.2.8""#));
    }

    #[test]
    fn lines_of_daemons() {
        let at = "2026/11/20 10:41:12 wazuh-execd: ";
        assert_eq!(
            told(&format!("{at}ERROR: (1311): Invalid command name 'x600' provided.")),
            Some(Told::Unknown { name: "x600".to_owned() })
        );
        assert_eq!(
            told(&format!("{at}ERROR: (1317): Could not launch command Cannot allocate memory (12)")),
            Some(Told::NotLaunched { why: "Cannot allocate memory (12)".to_owned() })
        );
        assert_eq!(
            told(&format!(
                "{at}INFO: Active response command not present: 'active-response/bin/x.sh'. Not using it on this system."
            )),
            Some(Told::NotPresent { executable: b"x.sh".to_vec() })
        );
        assert_eq!(told(&format!("{at}INFO: Started (pid: 7).")), Some(Told::Up));
        assert_eq!(told(&format!("{at}INFO: (1350): Active response disabled.")), Some(Told::Down(DISABLED)));
        let debug = "2026/11/20 10:41:12 wazuh-execd[7] execd.c:9 at ExecdRun(): DEBUG: Executing command ";
        let executing = format!("{debug}'active-response/bin/x {{\"command\":\"add\",{FOUR}'");
        assert_eq!(told(&executing), Some(Told::Executing { executable: b"x".to_vec(), key: key() }));
        let undo = format!(
            "{debug}'active-response/bin/x {{\"command\":\"delete\",{FOUR}' after a timeout of '60s'"
        );
        assert_eq!(told(&undo), None);
        assert_eq!(
            told("2026/11/20 10:41:12 wazuh-analysisd: ERROR: (1321): Error communicating with queue"),
            Some(Told::NotSent { number: 1321 })
        );
        assert_eq!(told("2026/11/20 10:41:12 wazuh-remoted: ERROR: (1311): Invalid 'x'"), None);
    }
}
