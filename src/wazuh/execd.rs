//! execd as a pure state machine: what it starts for a message, what it writes to the
//! script, what it remembers and when that is due, and what it logs.
//!
//! Models: `src/os_execd/execd.c` and `exec.c` of 4.14.9 with what differs back to 4.2.0,
//! `src/os_execd/src/execd.c` of 5.0.1, and `src/os_execd/execd.c` of 4.1.5 for
//! [`Contract::Args`]. It touches no file and no clock: the caller tells.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::ar_conf::{self, BIN_DIR, Slot, leaves_its_folder};
use super::behavior::{AR_TABLE_CHECKED, BANG_TRAVERSAL_FIXED, KEY_TRUNCATION};
use super::cjson::{self, Value};
use super::version::{Contract, NEWEST_4, NEWEST_5, Version};

#[cfg(test)]
mod tests;

/// Bytes of a message that execd takes; the rest is lost (`src/os_net/os_net.c OS_RecvUnix`).
pub const MAX_MESSAGE: usize = 65_535;

/// Bytes of the script's first line that execd takes (`OS_SIZE_8192` less one).
pub const MAX_LINE: usize = 8191;

/// Bytes of a key in the session table, and of all keys together (`OS_SIZE_4096` less one).
pub const MAX_KEY: usize = 4095;

/// Bytes of a path that execd builds itself (`OS_FLSIZE` less one).
const MAX_PATH: usize = 255;

/// The last version of [`Contract::Args`] whose source was read.
const NEWEST_ARGS: Version = Version::new(4, 1, 5);

/// Arguments of a script of [`Contract::Args`] behind `add` (`MAX_ARGS` less three).
const MAX_ARGUMENTS: usize = 29;

/// Bytes of a message analysisd makes for [`Contract::Args`] (`OS_SIZE_1024` less one).
const MAX_ARGS_MESSAGE: usize = 1023;

/// What execd starts for `restart-wazuh`.
const RESTART: &str = "active-response/bin/restart.sh";

/// What execd answers to keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Go on.
    Continue,
    /// The same key is pending already.
    Abort,
}

/// Which execd is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// How it calls scripts.
    pub contract: Contract,
    /// Its version; none plays the newest known of the contract.
    pub version: Option<Version>,
    /// It is an agent's, not a manager's.
    pub agent: bool,
    /// `repeated_offenders` as execd took them, in minutes.
    pub repeated_offenders: Vec<i32>,
}

/// What execd reads from the home, as the caller can see it.
pub trait Files {
    /// The bytes of `etc/shared/ar.conf`.
    fn ar_conf(&self) -> Option<Vec<u8>>;
    /// Whether a path below the home can be opened for reading.
    fn present(&self, path: &[u8]) -> bool;
}

/// execd between two messages.
#[derive(Clone, Debug)]
pub struct Execd {
    /// What it would have logged since it was last asked, but for `execd.debug` of 2.
    pub log: Vec<LogLine>,
    setup: Setup,
    table: Vec<Slot>,
    /// `f_time_reading`: it has not read a table yet.
    first_reading: bool,
    /// `f_max_reported`.
    overflow_reported: bool,
    pending: Vec<Pending>,
    /// `repeated_hash`: how many of the minutes a key has used up.
    offenders: HashMap<Vec<u8>, usize>,
    /// The latest time it was told.
    now: i64,
}

/// An entry of the session table (`timeout_list`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// What is to be started.
    pub delete: Delete,
    /// When the message came, in seconds.
    pub added: i64,
    /// Seconds that must have passed by more than this many.
    pub timeout: i32,
}

/// A line execd logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Only with `execd.debug` of 1 or more.
    pub debug: bool,
    /// `ERROR: (1311): Invalid command name 'x' provided.`
    pub text: String,
}

/// What execd does with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It refuses it; the log says so.
    Refused,
    /// It drops it without a word.
    Dropped,
    /// `restart-wazuh`: it starts this with these arguments and does not wait.
    Restart(Vec<String>),
    /// It starts a script.
    Start(Start),
}

/// A script execd starts for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Relative to the home; also `argv[0]`.
    pub path: Vec<u8>,
    /// Arguments behind `argv[0]`; empty but for [`Contract::Args`], where `add` is the first.
    pub arguments: Vec<Vec<u8>>,
    /// The line for its standard input, without line feed; none for [`Contract::Args`].
    pub line: Option<Vec<u8>>,
    /// Seconds until the delete, 0 for none.
    pub timeout: i32,
}

/// What execd does once it has a line from the script, or its end of file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// What it answers; none at end of file.
    pub answer: Option<Answer>,
    /// The line of the answer, without line feed.
    pub line: Option<Vec<u8>>,
    /// The keys, when the line was a `check_keys` message.
    pub keys: Option<Vec<String>>,
    /// The key in the session table, whenever there was a line.
    pub session_key: Option<Vec<u8>>,
    /// A delete is pending that was not before.
    pub registered: bool,
    /// The timeout of the pending delete, after repeated offenders; 0 for none.
    pub timeout: i32,
}

/// A delete that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Relative to the home; also `argv[0]`.
    pub path: Vec<u8>,
    /// Arguments behind `argv[0]`; empty but for [`Contract::Args`].
    pub arguments: Vec<Vec<u8>>,
    /// The line for its standard input, without line feed; none for [`Contract::Args`].
    pub line: Option<Vec<u8>>,
    /// Its key: the file name and the keys; path, blank and address for [`Contract::Args`].
    pub session_key: Vec<u8>,
}

impl Execd {
    /// execd just after its start.
    pub fn new(setup: Setup) -> Self {
        Self {
            log: Vec::new(),
            setup,
            table: Vec::new(),
            first_reading: true,
            overflow_reported: false,
            pending: Vec::new(),
            offenders: HashMap::new(),
            now: 0,
        }
    }

    /// The session table, oldest entry first.
    pub fn pending(&self) -> &[Pending] {
        &self.pending
    }

    /// The first second at which [`Execd::due`] gives something.
    pub fn next_due(&self) -> Option<i64> {
        let due = |entry: &Pending| entry.added.saturating_add(i64::from(entry.timeout)).saturating_add(1);
        self.pending.iter().map(due).min()
    }

    /// Takes the log.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.log)
    }

    fn version(&self) -> Version {
        self.setup.version.unwrap_or(match self.setup.contract {
            Contract::Args => NEWEST_ARGS,
            Contract::Json4 => NEWEST_4,
            Contract::Json5 => NEWEST_5,
        })
    }

    fn say(&mut self, parts: &[&[u8]]) {
        let text = parts.concat();
        let debug = text.starts_with(b"DEBUG");
        self.log.push(LogLine { debug, text: String::from_utf8_lossy(&text).into_owned() });
    }

    /// A datagram arrives at its socket (`ExecdStart`, `ExecdRun`). For [`Contract::Args`]
    /// better use [`Execd::receive_at`].
    pub fn receive(&mut self, datagram: &[u8], files: &dyn Files) -> Received {
        self.receive_at(datagram, files, self.now)
    }

    /// A datagram arrives at its socket at `now`, in seconds. Only with [`Contract::Args`]
    /// the time matters here: a script whose delete is pending is not started again, but
    /// that delete is put off.
    pub fn receive_at(&mut self, datagram: &[u8], files: &dyn Files, now: i64) -> Received {
        self.now = now;
        if datagram.is_empty() {
            // The text is of an errno left over from before; this one was seen on a 4.14.9.
            let queue: &[u8] = match self.setup.contract {
                Contract::Json5 => b"queue/sockets/execq",
                Contract::Args | Contract::Json4 => b"queue/alerts/execq",
            };
            self.say(&[b"ERROR: (1210): Queue '", queue, b"' not accessible: 'No such file or directory'"]);
            return Received::Refused;
        }
        let message = c_string(datagram.get(..MAX_MESSAGE).unwrap_or(datagram));
        match self.setup.contract {
            Contract::Args => self.receive_args(message, files),
            Contract::Json4 => self.receive_json4(message, files),
            Contract::Json5 => self.receive_json5(message, files),
        }
    }

    fn not_json(&mut self, message: &[u8]) -> Received {
        self.say(&[b"ERROR: (1315): Invalid JSON message: '", message, b"'"]);
        Received::Refused
    }

    fn no_command(&mut self, message: &[u8]) -> Received {
        self.say(&[b"ERROR: (1316): Invalid AR command: '", message, b"'"]);
        Received::Refused
    }

    fn no_such_name(&mut self, name: &[u8]) -> Received {
        self.say(&[b"ERROR: (1311): Invalid command name '", name, b"' provided."]);
        Received::Refused
    }

    fn restart(&mut self, files: &dyn Files) -> Received {
        if !files.present(RESTART.as_bytes()) {
            let reason = b"': No such file or directory";
            self.say(&[b"ERROR: (1312): Error executing '", RESTART.as_bytes(), reason]);
        }
        let who = if self.setup.agent { "agent" } else { "manager" };
        Received::Restart(vec![RESTART.to_owned(), who.to_owned()])
    }

    /// `ExecdRun` of 4.14.9 up to the start of the script.
    fn receive_json4(&mut self, message: &[u8], files: &dyn Files) -> Received {
        let Some(mut root) = cjson::parse(message) else { return self.not_json(message) };
        let Some(name) = root.get(b"command").and_then(Value::as_bytes).map(<[u8]>::to_vec) else {
            return self.no_command(message);
        };
        if name == b"restart-wazuh" {
            return self.restart(files);
        }
        let Some((path, timeout)) = self.command_by_name(&name, files) else {
            return self.no_such_name(&name);
        };
        let Some(path) = path else { return Received::Dropped };
        root.replace(b"command", Value::string("add"));
        if let Some(origin) = root.get_mut(b"origin") {
            origin.replace(b"module", Value::string("wazuh-execd"));
        }
        if let Some(parameters) = root.get_mut(b"parameters") {
            parameters.add(b"program", Value::String(path.clone()));
        }
        self.start(path, &root, timeout)
    }

    /// `ExecdRun` of 5.0.1 up to the start of the script.
    fn receive_json5(&mut self, message: &[u8], files: &dyn Files) -> Received {
        let Some(mut root) = cjson::parse(message) else { return self.not_json(message) };
        let response = root.get(b"wazuh").and_then(|wazuh| wazuh.get(b"active_response"));
        let name = response.and_then(|response| response.get(b"executable")).and_then(Value::as_bytes);
        let (Some(response), Some(name)) = (response, name.filter(|name| !name.is_empty())) else {
            return self.no_command(message);
        };
        if leaves_its_folder(name) {
            self.traversal(b"ERROR", name);
            return Received::Refused;
        }
        let path = [BIN_DIR.as_bytes(), b"/", name].concat();
        if path.len() > MAX_PATH {
            self.say(&[b"ERROR: Active response command path too long for '", name, b"'. Ignoring."]);
            return Received::Refused;
        }
        if !files.present(&path) {
            return self.no_such_name(name);
        }
        let mut timeout = 0;
        if response.get(b"type").and_then(Value::as_bytes) == Some(b"stateful") {
            if let Some(Value::Number(seconds)) = response.get(b"stateful_timeout") {
                timeout = c_int(*seconds);
            }
            if timeout == 0 {
                let rest = b"' has timeout value of 0. AR will be treated as stateless.";
                self.say(&[b"DEBUG: Stateful AR '", name, rest]);
            }
        }
        root.add(b"command", Value::string("enable"));
        self.start(path, &root, timeout)
    }

    fn start(&mut self, path: Vec<u8>, root: &Value, timeout: i32) -> Received {
        let line = root.print_for(Some(self.version()));
        self.say(&[b"DEBUG: Executing command '", &path, b" ", &line, b"'"]);
        Received::Start(Start { path, arguments: Vec::new(), line: Some(line), timeout })
    }

    /// `ExecdStart` of 4.1.5: `NAME ARGUMENT ...`. A JSON message of 4.x becomes the message
    /// that analysisd would have sent for it.
    fn receive_args(&mut self, message: &[u8], files: &dyn Files) -> Received {
        let message = args_message(message).map_or(Cow::Borrowed(message), Cow::Owned);
        let (name, rest) = match message.iter().position(|&byte| byte == b' ') {
            Some(at) => (message.get(..at).unwrap_or_default(), message.get(at + 1..).unwrap_or_default()),
            None if message.starts_with(b"!") => (message.as_ref(), &[][..]),
            None => {
                let text = b"WARNING: (1310): Invalid active response (execd) message '";
                self.say(&[text, &message, b"'."]);
                return Received::Refused;
            }
        };
        if name == b"check-manager-configuration" {
            return Received::Dropped;
        }
        if name == b"restart-wazuh" {
            return self.restart(files);
        }
        let Some((path, timeout)) = self.command_by_name(name, files) else {
            return self.no_such_name(name);
        };
        let Some(path) = path else { return Received::Dropped };
        let mut arguments = vec![b"add".to_vec()];
        // A blank at the end makes no argument, two in a row make an empty one.
        if !rest.is_empty() {
            let rest = rest.strip_suffix(b" ").unwrap_or(rest);
            arguments.extend(rest.split(|&byte| byte == b' ').take(MAX_ARGUMENTS).map(<[u8]>::to_vec));
        }
        if !name.starts_with(b"!") {
            let Some(address) = arguments.get(2) else {
                self.say(&[b"ERROR: Invalid number of arguments (", name, b")"]);
                return Received::Refused;
            };
            let key = args_key(&path, address);
            let counted = !address.starts_with(b"-");
            let offender = offender_key(&path, address);
            if let Some(at) = self.pending.iter().position(|entry| entry.delete.session_key == key) {
                self.say(&[b"DEBUG: Command already received, updating time of addition to now."]);
                let timeout = if counted { self.repeated(&offender, true) } else { None };
                if let Some(entry) = self.pending.get_mut(at) {
                    entry.added = self.now;
                    entry.timeout = timeout.unwrap_or(entry.timeout);
                }
                return Received::Dropped;
            }
        }
        self.say(&[b"DEBUG: Executing command '", &path, b" add'"]);
        Received::Start(Start { path, arguments, line: None, timeout })
    }

    /// `GetCommandbyName`, with a new reading of the table when that fails: the path (none
    /// for a file that was not there at the reading) and the timeout.
    fn command_by_name(&mut self, name: &[u8], files: &dyn Files) -> Option<(Option<Vec<u8>>, i32)> {
        if let Some(found) = self.look_up(name) {
            return Some(found);
        }
        self.read_table(files);
        self.look_up(name)
    }

    fn look_up(&mut self, name: &[u8]) -> Option<(Option<Vec<u8>>, i32)> {
        let Some(file) = name.strip_prefix(b"!") else {
            let slot = self.table.iter().find(|slot| slot.name == name)?;
            return Some((slot.path.clone(), slot.timeout));
        };
        if BANG_TRAVERSAL_FIXED.holds(Some(self.version())) && leaves_its_folder(file) {
            self.traversal(b"WARNING", file);
            return None;
        }
        let path = [BIN_DIR.as_bytes(), b"/", file].concat();
        if path.len() > MAX_PATH {
            // The width in its format never matters: such a name is long.
            self.say(&[b"WARNING: Cannot execute command '", file, b"...': path too long."]);
            return None;
        }
        Some((Some(path), 0))
    }

    fn traversal(&mut self, level: &[u8], name: &[u8]) {
        let rest = b"' vulnerable to directory traversal attack. Ignoring.";
        self.say(&[level, b": Active response command '", name, rest]);
    }

    /// `ReadExecConfig`.
    fn read_table(&mut self, files: &dyn Files) {
        self.table.clear();
        let Some(bytes) = files.ar_conf() else {
            let reason = b"due to [(2)-(No such file or directory)].";
            self.say(&[b"ERROR: (1103): Could not open file 'etc/shared/ar.conf' ", reason]);
            return;
        };
        let version = Some(self.version());
        let conf = ar_conf::read(&bytes, version);
        let table = conf.table(|path| files.present(path));
        let checked = AR_TABLE_CHECKED.holds(version);
        let last =
            table.overflow.filter(|_| checked).and_then(|at| conf.lines.get(at)).map(|line| line.span.start);
        let mut said: Vec<(usize, Vec<u8>)> = conf
            .messages
            .iter()
            .map(|(span, text)| (span.start, [b"ERROR: ", text.as_slice()].concat()))
            .collect();
        if self.first_reading {
            for line in table.not_present.iter().filter_map(|&at| conf.lines.get(at)) {
                let path = line.path.as_deref().unwrap_or_default();
                let text: [&[u8]; 3] = [
                    b"INFO: Active response command not present: '",
                    path,
                    b"'. Not using it on this system.",
                ];
                said.push((line.span.start, text.concat()));
            }
        }
        said.sort_by_key(|&(at, _)| at);
        for (_, text) in said.iter().filter(|(at, _)| last.is_none_or(|last| *at <= last)) {
            self.say(&[text]);
        }
        self.first_reading = false;
        if last.is_some() && !self.overflow_reported {
            self.say(&[
                b"ERROR: (1319): Reached the maximum of 64 active response commands. ",
                b"Ignoring the remaining entries of 'etc/shared/ar.conf'.",
            ]);
        }
        self.overflow_reported = last.is_some();
        self.table = table.slots;
    }

    /// The script's first line (with its line feed, if it had one; at most 8191 bytes), or
    /// its end of file. `now` is the time the message came, in seconds. For
    /// [`Contract::Args`] execd reads nothing: to be called right after the start.
    pub fn answer(&mut self, start: &Start, first_line: Option<&[u8]>, now: i64) -> Answered {
        self.now = now;
        let Some(line) = &start.line else { return self.remember_args(start) };
        let Some(first_line) = first_line.filter(|line| !line.is_empty()) else {
            self.say(&[
                b"DEBUG: Active response won't be added to timeout list. ",
                b"Message not received with alert keys from script '",
                &start.path,
                b"'",
            ]);
            return Answered::default();
        };
        let first_line = first_line.get(..MAX_LINE).unwrap_or(first_line);
        let mut root = cjson::parse(line).unwrap_or(Value::Null);
        let keys = self.keys(first_line);
        let key = self.session_key(&start.path, keys.as_deref().unwrap_or_default());
        let mut timeout = start.timeout;
        let mut known = false;
        if timeout != 0 {
            if self.counts_offenders() {
                match self.repeated(&key, true) {
                    Some(longer) => timeout = longer,
                    None => {
                        self.offenders.insert(key.clone(), 0);
                    }
                }
            }
            if let Some(entry) = self.pending.iter_mut().find(|entry| entry.delete.session_key == key) {
                entry.added = now;
                entry.timeout = timeout;
                known = true;
            }
            if known {
                self.say(&[b"DEBUG: Command already received, updating time of addition to now."]);
            } else {
                self.set_command(&mut root, self.delete_word());
                let line = root.print_for(Some(self.version()));
                self.say(&[
                    b"DEBUG: Adding command '",
                    &start.path,
                    b" ",
                    &line,
                    b"' to the timeout list, with a timeout of '",
                    timeout.to_string().as_bytes(),
                    b"s'.",
                ]);
                let delete = Delete {
                    path: start.path.clone(),
                    arguments: Vec::new(),
                    line: Some(line),
                    session_key: key.clone(),
                };
                self.pending.push(Pending { delete, added: now, timeout });
            }
        }
        let (answer, word) = if known { (Answer::Abort, "abort") } else { (Answer::Continue, "continue") };
        self.set_command(&mut root, word);
        Answered {
            answer: Some(answer),
            line: Some(root.print_for(Some(self.version()))),
            keys: keys.map(|keys| keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect()),
            session_key: Some(key),
            registered: start.timeout != 0 && !known,
            timeout,
        }
    }

    /// The delete for what was started, whether or not it is in the session table: how the
    /// script would be called once the timeout is over.
    pub fn delete_of(&self, start: &Start) -> Delete {
        let mut arguments = start.arguments.clone();
        if let Some(first) = arguments.first_mut() {
            *first = b"delete".to_vec();
        }
        let line = start.line.as_ref().map(|line| {
            let mut root = cjson::parse(line).unwrap_or(Value::Null);
            self.set_command(&mut root, self.delete_word());
            root.print_for(Some(self.version()))
        });
        let session_key = match start.arguments.get(2) {
            Some(address) if line.is_none() => args_key(&start.path, address),
            _ => basename(&start.path).to_vec(),
        };
        Delete { path: start.path.clone(), arguments, line, session_key }
    }

    /// `ExecdStart` of 4.1.5 behind the start of the script.
    fn remember_args(&mut self, start: &Start) -> Answered {
        let (Some(address), true) = (start.arguments.get(2), start.timeout != 0) else {
            return Answered::default();
        };
        let mut timeout = start.timeout;
        if self.counts_offenders() {
            let offender = offender_key(&start.path, address);
            match self.repeated(&offender, false) {
                Some(longer) => timeout = longer,
                None => {
                    self.offenders.insert(offender, 0);
                }
            }
        }
        self.say(&[
            b"DEBUG: Adding command '",
            &start.path,
            b"' to the timeout list, with a timeout of '",
            timeout.to_string().as_bytes(),
            b"s'.",
        ]);
        let delete = self.delete_of(start);
        let session_key = Some(delete.session_key.clone());
        self.pending.push(Pending { delete, added: self.now, timeout });
        Answered { session_key, registered: true, timeout, ..Answered::default() }
    }

    fn delete_word(&self) -> &'static str {
        if self.setup.contract == Contract::Json5 { "disable" } else { "delete" }
    }

    fn set_command(&self, root: &mut Value, word: &str) {
        if !root.replace(b"command", Value::string(word)) && self.setup.contract == Contract::Json5 {
            root.add(b"command", Value::string(word));
        }
    }

    /// The string keys of a `check_keys` message, as far as they fit together
    /// (`src/active-response/active_responses.c get_json_from_input, get_command_from_json,
    /// get_keys_from_json`, 4.14.9; 5.0.1 looks at less).
    fn keys(&self, line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let json = cjson::parse(line)?;
        let parameters = json.get(b"parameters");
        if self.setup.contract != Contract::Json5
            && !(matches!(json.get(b"version"), Some(Value::Number(_)))
                && matches!(json.get(b"origin"), Some(Value::Object(_)))
                && matches!(parameters, Some(Value::Object(_))))
        {
            return None;
        }
        if json.get(b"command").and_then(Value::as_bytes) != Some(b"check_keys") {
            return None;
        }
        let mut keys = Vec::new();
        let mut length = 0;
        if let Some(Value::Array(items)) = parameters.and_then(|parameters| parameters.get(b"keys")) {
            for key in items.iter().filter_map(Value::as_bytes) {
                length += 1 + key.len();
                if length > MAX_KEY {
                    break;
                }
                keys.push(key.to_vec());
            }
        }
        Some(keys)
    }

    /// `rkey`: the file name and the keys. Before 4.14.3 a long one was written past its
    /// end; what that did is not modelled, the key stays whole.
    fn session_key(&mut self, path: &[u8], keys: &[Vec<u8>]) -> Vec<u8> {
        let mut session_key = basename(path).to_vec();
        for key in keys {
            session_key.push(b'-');
            session_key.extend_from_slice(key);
        }
        if session_key.len() > MAX_KEY && KEY_TRUNCATION.holds(Some(self.version())) {
            self.say(&[b"WARNING: Active response key exceeds maximum size (4096). Truncating keys."]);
            session_key.truncate(MAX_KEY);
        }
        session_key
    }

    fn counts_offenders(&self) -> bool {
        self.setup.repeated_offenders.first().is_some_and(|&minutes| minutes != 0)
    }

    /// The timeout of a key that was seen before, which counts one up.
    fn repeated(&mut self, key: &[u8], logged: bool) -> Option<i32> {
        if !self.counts_offenders() {
            return None;
        }
        let minutes = self.setup.repeated_offenders.iter().take_while(|&&minutes| minutes != 0).take(6);
        let minutes: Vec<i32> = minutes.copied().collect();
        let times = self.offenders.get_mut(key)?;
        let timeout = match minutes.get(*times) {
            Some(minutes) => {
                *times += 1;
                minutes.wrapping_mul(60)
            }
            None => minutes.last()?.wrapping_mul(60),
        };
        if logged {
            let seconds = timeout.to_string();
            self.say(&[b"DEBUG: Repeated offender. Setting timeout to '", seconds.as_bytes(), b"s'"]);
        }
        Some(timeout)
    }

    /// The script has ended, with this status or (none) by a signal; on 5.x execd logs a
    /// failure (`LogArExitStatus`).
    pub fn ended(&mut self, path: &[u8], exit: Option<i32>) {
        if self.setup.contract != Contract::Json5 {
            return;
        }
        let what: &[u8] = b"WARNING: Active response command '";
        match exit {
            Some(0) => {}
            Some(status) => {
                let status = status.to_string();
                self.say(&[what, path, b"' reported failure (exit code ", status.as_bytes(), b")."]);
            }
            None => self.say(&[what, path, b"' terminated abnormally."]),
        }
    }

    /// Deletes that are due at `now`, in seconds; they leave the session table
    /// (`ExecdTimeoutRun`: more seconds than the timeout must have passed).
    pub fn due(&mut self, now: i64) -> Vec<Delete> {
        self.now = now;
        let is_due = |entry: &Pending| now.saturating_sub(entry.added) > i64::from(entry.timeout);
        let (due, pending) = std::mem::take(&mut self.pending).into_iter().partition(is_due);
        self.pending = pending;
        let due: Vec<Pending> = due;
        for entry in &due {
            let what = match &entry.delete.line {
                Some(line) => line.as_slice(),
                None => entry.delete.arguments.first().map_or(&[][..], Vec::as_slice),
            };
            let path = &entry.delete.path;
            let seconds = entry.timeout.to_string();
            let after = b"' after a timeout of '";
            self.say(&[b"DEBUG: Executing command '", path, b" ", what, after, seconds.as_bytes(), b"s'"]);
        }
        due.into_iter().map(|entry| entry.delete).collect()
    }

    /// Deletes that are pending at a normal end of execd: all of them (`ExecdShutdown`).
    pub fn stop(&mut self) -> Vec<Delete> {
        self.say(&[b"INFO: (1314): Shutdown received. Deleting responses."]);
        std::mem::take(&mut self.pending).into_iter().map(|entry| entry.delete).collect()
    }
}

/// A C string ends at its first NUL.
fn c_string(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// `(int)` of a double as x86-64 does it: what does not fit is the least int.
fn c_int(number: f64) -> i32 {
    if number > f64::from(i32::MIN) - 1.0 && number < f64::from(i32::MAX) + 1.0 {
        #[expect(clippy::cast_possible_truncation, reason = "it fits, the fraction goes")]
        let int = number as i32;
        int
    } else {
        i32::MIN
    }
}

/// POSIX `basename`: trailing slashes do not count.
fn basename(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
    let path = path.get(..end).unwrap_or_default();
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// What 4.1.5 compares in its `timeout_list`: path and address. An address has no blank.
fn args_key(path: &[u8], address: &[u8]) -> Vec<u8> {
    [path, b" ", address].concat()
}

/// The key of `repeated_hash` in 4.1.5: at most 254 bytes.
fn offender_key(path: &[u8], address: &[u8]) -> Vec<u8> {
    let mut key = [path, address].concat();
    key.truncate(254);
    key
}

/// The message that analysisd would have sent to an execd of [`Contract::Args`] in place of a
/// JSON message (`src/analysisd/alerts/exec.c OS_Exec`, 4.1.5, `getActiveResponseInString`,
/// 4.14.9); none for a message that is none.
pub fn args_message(json: &[u8]) -> Option<Vec<u8>> {
    let root = cjson::parse(json)?;
    let name = root.get(b"command").and_then(Value::as_bytes)?;
    let parameters = root.get(b"parameters");
    let alert = parameters.and_then(|parameters| parameters.get(b"alert"));
    let text = |path: &[&[u8]]| -> Option<Vec<u8>> {
        match path.iter().try_fold(alert?, |value, name| value.get(name))? {
            Value::String(text) => Some(text.clone()),
            number @ Value::Number(_) => Some(number.print()),
            _ => None,
        }
    };
    let dash = || b"-".to_vec();
    let user = text(&[b"data", b"dstuser"]).unwrap_or_else(dash);
    let address = text(&[b"data", b"srcip"]).unwrap_or_else(dash);
    let address = address.strip_prefix(b"::ffff:").unwrap_or(&address);
    let id = text(&[b"id"]).unwrap_or_else(|| b"0.0".to_vec());
    let rule = text(&[b"rule", b"id"]).unwrap_or_else(|| b"0".to_vec());
    let mut location = text(&[b"location"]).unwrap_or_default();
    if let Some(agent) = text(&[b"agent", b"name"])
        && text(&[b"agent", b"id"]).is_some_and(|id| id != b"000")
        && !location.starts_with(b"(")
    {
        let address = text(&[b"agent", b"ip"]).unwrap_or_else(|| b"any".to_vec());
        location = [b"(", agent.as_slice(), b") ", &address, b"->", &location].concat();
    }
    let file = text(&[b"syscheck", b"path"]).map_or_else(dash, |path| shell_escape(&path));
    let extra = match parameters.and_then(|parameters| parameters.get(b"extra_args")) {
        Some(Value::Array(items)) if items.iter().any(|item| item.as_bytes().is_some()) => {
            let items: Vec<&[u8]> = items.iter().filter_map(Value::as_bytes).collect();
            shell_escape(&items.join(&b' '))
        }
        _ => dash(),
    };
    let fields: [&[u8]; 8] = [name, &user, address, &id, &rule, &location, &file, &extra];
    let mut message = fields.join(&b' ');
    message.truncate(MAX_ARGS_MESSAGE);
    Some(message)
}

/// `src/shared/string_op.c os_shell_escape`, 4.1.5.
fn shell_escape(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for &byte in text {
        if b"\\\"'\t;`><|#*[]{}&$!:()".contains(&byte) {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}
