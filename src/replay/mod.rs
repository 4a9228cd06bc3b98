//! `ar-doctor replay`: plays execd with one response script and one event.
//!
//! [`payload`] makes the message and says what is wrong with it, [`crate::wazuh::execd`] is
//! execd as a pure state machine, [`play`] drives a real script through it inside a
//! [`sandbox`], [`effects`] says what that changed, [`judge`] turns it all into findings of
//! the catalogue, [`battery`] holds the cases of `--conformance`.
//!
//! What happens in the sandbox is told to the parent as [`Run`], one JSON document on a pipe.

pub mod battery;
pub mod child;
pub mod effects;
pub mod fault;
pub mod judge;
pub mod needs;
pub mod payload;
pub mod play;
pub mod sandbox;
pub mod trial;

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::wazuh::execd::Answer;

/// The log every stock response writes its message to, relative to the home
/// (`src/active-response/active_responses.h LOG_FILE`, 4.14).
pub const RESPONSES_LOG: &str = "logs/active-responses.log";

/// The script and the process attributes execd gives it
/// (`src/shared/exec_op.c wpopenv`, `src/os_execd/main.c`, 4.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What the user named.
    pub asked: String,
    /// The name of the response as `ar.conf` has it (`custom-block600`); on 5.x the executable.
    pub name: String,
    /// The path execd starts, relative to the home: `active-response/bin/custom-block`.
    pub path: PathBuf,
    /// The home, which is the working directory.
    pub home: PathBuf,
    /// A file elsewhere that is played as if it were installed at `path` with mode 750
    /// root:wazuh; only inside the sandbox.
    pub install: Option<PathBuf>,
    /// gid of the group execd runs with; none when the host has no such group (then 0 is used).
    pub gid: Option<u32>,
    /// The environment: that of the running execd as far as it is known, else what systemd gives.
    pub environment: Vec<(OsString, OsString)>,
    /// Timeout of the response in seconds, as `ar.conf` or the message has it.
    pub timeout: i32,
    /// Where the timeout comes from (`etc/shared/ar.conf:7`, `--timeout`, `assumed: ...`).
    pub timeout_from: String,
}

/// What execd is made to do in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// A message arrives: `add`, or `enable` on 5.x.
    Add,
    /// The timeout is over: `delete`, or `disable` on 5.x.
    Delete,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is for, in a word or two, unique in a plan (`add`, `second target`, `delete`).
    pub label: String,
    /// What execd does.
    pub deed: Deed,
    /// The message as it arrives at execd's socket, for [`Deed::Add`]. For [`Deed::Delete`] the
    /// message of an add that never ran (`delete without add`), or empty: then what
    /// the last add left in the session table is due.
    pub message: Vec<u8>,
    /// The step begins with a fresh execd (empty session table). Files and rules stay.
    pub fresh: bool,
    /// Play it against a copy of the session table as it was after the step of this label.
    pub table_of: Option<String>,
}

/// Everything that is to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// With what.
    pub target: Target,
    /// Which execd.
    pub execd: crate::wazuh::execd::Setup,
    /// `etc/shared/ar.conf` as it is, or as it would be with the target in it; none when
    /// there is none, as on 5.x.
    pub ar_conf: Option<Vec<u8>>,
    /// In this order.
    pub steps: Vec<Step>,
    /// How long one run of the script may take, in milliseconds.
    pub deadline: u64,
    /// Stop after the first step that did not end by itself.
    pub stop_when_stuck: bool,
    /// Files whose appearance proves that text of the payload was executed.
    pub canaries: Vec<PathBuf>,
}

/// Everything that was played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// By step, in order; fewer than planned when one got stuck.
    pub steps: Vec<StepRun>,
    /// What the sandbox could not show as on the host, in words.
    pub notes: Vec<String>,
    /// Why the script was not run to its end: it asked a service of the host.
    pub not_containable: Option<Attempt>,
    /// Time of the sandbox itself: making it, and looking at what changed, in microseconds.
    pub own_time: u64,
}

/// One run of the script, or execd's refusal to run it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    /// [`Step::label`].
    pub label: String,
    /// [`Step::deed`]; none only in a default value.
    pub deed: Option<Deed>,
    /// The line execd wrote to the script, without its line feed.
    pub sent: Vec<u8>,
    /// Lines execd logs at the default level, without time and program name.
    pub daemon_log: Vec<String>,
    /// Lines execd logs only with `execd.debug`.
    pub daemon_debug: Vec<String>,
    /// execd did not start anything; why is in `daemon_log`, or nowhere.
    pub refused: bool,
    /// How the start went; none when execd started nothing.
    pub launch: Option<Launch>,
    /// When things happened, in microseconds since the start.
    pub times: Times,
    /// How much of the line the script took, in bytes; the line is `sent` and a line feed.
    pub bytes_read: u64,
    /// What execd's one `fgets` gave; none at end of file.
    pub first_line: Option<Vec<u8>>,
    /// Bytes that were in the pipe behind that line when execd closed it.
    pub after_line: Vec<u8>,
    /// The script's answer was taken for a `check_keys` message.
    pub keys: Option<Vec<String>>,
    /// What execd answered.
    pub answer: Option<Answer>,
    /// The key under which a pending delete was registered, or found.
    pub session_key: Option<String>,
    /// A delete is now pending.
    pub registered: bool,
    /// The timeout of that delete in seconds.
    pub timeout: i32,
    /// How the script ended.
    pub ended: Ended,
    /// What was seen when the deadline came.
    pub stuck: Option<Stuck>,
    /// Processes it left behind that still worked at the deadline, by name.
    pub left_behind: Vec<String>,
    /// What went to standard error, which execd throws away.
    pub stderr: Captured,
    /// Lines that were appended to `logs/active-responses.log`.
    pub log_lines: Vec<String>,
    /// What changed during this step.
    pub effects: Vec<Effect>,
    /// What the script asked of the host that the sandbox keeps from it.
    pub attempts: Vec<Attempt>,
    /// [`Plan::canaries`] that appeared during this step.
    pub canaries: Vec<PathBuf>,
}

/// How a start went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The file, or `/bin/sh` in its place, runs.
    pub started: bool,
    /// errno of execve(2); with `by_sh` the ENOEXEC that came first.
    pub errno: Option<i32>,
    /// It has no `#!` line the kernel takes, so libc's execvp gave it to `/bin/sh`.
    pub by_sh: bool,
}

/// Microseconds since the script was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The script had taken the whole line.
    pub line_read: Option<u64>,
    /// execd had a line from it, or its end of file.
    pub keys: Option<u64>,
    /// execd had answered.
    pub answered: Option<u64>,
    /// The script had ended.
    pub ended: Option<u64>,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It was never started.
    #[default]
    Never,
    /// With this exit status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// By ar-doctor, at the deadline.
    Deadline,
    /// By ar-doctor, because it asked a service of the host.
    Stopped,
}

/// The state of things at the deadline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// What execd waits for.
    pub execd: ExecdWaits,
    /// The processes that were left, the script itself first.
    pub processes: Vec<Waiting>,
    /// What made it go on afterwards; execd never does this.
    pub released_by: Option<Release>,
    /// What it wrote to standard output once it was released.
    pub output: Vec<u8>,
    /// What had come on its standard output before the deadline: the beginning of a line without
    /// a line feed, so execd's `fgets` still waits. Empty when execd does not wait for a line.
    #[serde(default)]
    pub partial: Vec<u8>,
}

/// What execd waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecdWaits {
    /// For the script to take the line: the pipe is full.
    Write,
    /// For a line on its standard output, or that nobody holds it open any more.
    #[default]
    Line,
    /// For its end.
    Exit,
}

/// A process at the deadline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its number in the sandbox.
    pub pid: i32,
    /// Its name.
    pub name: String,
    /// Its command line, cut.
    pub command: String,
    /// It is the script itself, not a child of it.
    pub is_script: bool,
    /// State letter of /proc/PID/stat.
    pub state: char,
    /// It waits in read(2), or the like, on execd's end of its standard input.
    pub reads_stdin: bool,
    /// It holds the pipe that is the script's standard output.
    pub holds_stdout: bool,
}

/// What made a stuck script go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    /// The answer line `continue`: it waited for that before its keys had come through.
    SecondLine,
    /// The end of its standard input: it reads to the end.
    EndOfInput,
}

/// Output with a cap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The first bytes.
    pub bytes: Vec<u8>,
    /// How many there were in all.
    pub total: u64,
}

/// Something the script asked that the sandbox does not let out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What kind.
    pub kind: AttemptKind,
    /// A socket's path, an address with its port, a process, a system call.
    pub what: String,
    /// More words: the service behind a socket, the name of the process, the signal.
    pub detail: String,
}

/// What kind of request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptKind {
    /// A socket file of the host that a service listens on.
    #[default]
    Service,
    /// A socket that is only for looking names up or for logging: refused, harmless.
    Lookup,
    /// An address on a network.
    Network,
    /// A signal to a process of the host.
    Signal,
    /// A system call that would change the host.
    Syscall,
}

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// Rules of a packet filter.
    Firewall,
    /// Routes, and rules that choose among them.
    Route,
    /// Whether an account is locked.
    Account,
    /// A file or directory.
    File,
    /// A signal to a process of the host, which the sandbox kept back.
    Signal,
}

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What kind.
    pub kind: EffectKind,
    /// Which: `iptables`, `routes`, an account, a path.
    pub what: String,
    /// One sentence: `created, 12 bytes, mode 644`, `locked`.
    pub change: String,
    /// Lines that were added; cut.
    pub added: Vec<String>,
    /// Lines that were removed; cut.
    pub removed: Vec<String>,
    /// Whether the delete took it back; none when there was no delete after it.
    pub taken_back: Option<bool>,
}
