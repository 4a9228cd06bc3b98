//! Runs `ar-doctor replay`: homes to play in, events to play with, and what came of it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread;

use serde_json::Value;

use crate::support;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ar-doctor");

/// An alert as in alerts.json of 4.x; its text holds what JSON has to escape.
pub const ALERT: &str = r#"{"timestamp":"2026-11-20T14:09:58.123+0000","rule":{"level":5,"description":"sshd: Attempt to login using a non-existent user","id":"5710","firedtimes":1,"mail":false,"groups":["syslog","sshd","authentication_failed"]},"agent":{"id":"003","name":"web-01","ip":"192.0.2.20"},"manager":{"name":"siem"},"id":"1795183798.40712","full_log":"Nov 20 14:09:57 web-01 sshd[2931]: Invalid user \"guest\\\\ops\" from 203.0.113.9 port 51022","predecoder":{"program_name":"sshd","timestamp":"Nov 20 14:09:57","hostname":"web-01"},"decoder":{"parent":"sshd","name":"sshd"},"data":{"srcip":"203.0.113.9","srcport":"51022","srcuser":"guest","dstuser":"nobody"},"location":"journald"}"#;

/// The same as a finding of 5.x.
pub const FINDING: &str = r#"{"@timestamp":"2026-11-20T14:09:58.123Z","event":{"original":"Nov 20 14:09:57 web-01 sshd[2931]: Invalid user \"guest\\\\ops\" from 203.0.113.9 port 51022"},"source":{"ip":"203.0.113.9","port":51022},"user":{"name":"nobody"},"wazuh":{"agent":{"id":"003","name":"web-01","version":"5.0.0"},"cluster":{"node":"siem"},"rule":{"id":"4b5f3c0e-6f0b-4c51-9d5e-0a7b5f6f9d11","title":"sshd: non-existent user","level":"low","tags":["sshd"]}}}"#;

/// The alert with one piece replaced, which has to be there.
pub fn alert_with(from: &str, to: &str) -> String {
    assert!(ALERT.contains(from), "the alert has no {from}");
    ALERT.replace(from, to)
}

/// The whole message of a 4.x execd round an alert.
pub fn message(alert: &str) -> String {
    format!(
        r#"{{"version":1,"origin":{{"name":"siem","module":"wazuh-analysisd"}},"command":"add","parameters":{{"extra_args":[],"alert":{alert}}}}}"#
    )
}

/// The whole message of a 5.x execd round a finding.
pub fn message_5x(finding: &str) -> String {
    let inner = finding.strip_suffix("}}").unwrap_or_else(|| panic!("a finding ends in its wazuh object"));
    format!(
        r#"{inner},"active_response":{{"name":"block","executable":"bash-read.sh","type":"stateful","stateful_timeout":600,"location":"local"}}}}}}"#
    )
}

/// Where the scripts lie.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts").join(name)
}

/// What the machine has to offer, or why a test is left out.
pub fn cannot_run() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("the sandbox needs root".to_owned());
    }
    let tried = Command::new("unshare")
        .args(["-mnpiuf", "--propagation", "private", "sh", "-ec"])
        .arg("mount -t tmpfs x /mnt; mkdir /mnt/u /mnt/w; mount -t overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w x /etc")
        .stderr(Stdio::null())
        .status();
    (!tried.is_ok_and(|status| status.success()))
        .then(|| "namespaces and overlays do not work here".to_owned())
}

/// Says that a test is left out; fails where nothing may be, and where scripts would
/// get at the machine.
pub fn skipped() -> bool {
    static HOLDS: OnceLock<Result<(), String>> = OnceLock::new();
    if let Some(why) = cannot_run() {
        support::skip(&why);
        return true;
    }
    let holds = HOLDS.get_or_init(sandbox_holds);
    assert!(holds.is_ok(), "nothing harmful is tried: {holds:?}");
    false
}

/// Lines for sh(1) that end a script with status 9 when it is not well shut in: it shares a
/// namespace or one of these directories with this process, or its mounts reach others.
pub fn guard(home: &Path) -> String {
    let mut lines = String::new();
    for kind in ["mnt", "pid", "net", "ipc", "uts"] {
        let own = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap_or_else(|error| panic!("{error}"));
        lines += &format!("[ \"$(readlink /proc/self/ns/{kind})\" != '{}' ] || exit 9\n", own.display());
    }
    let home = home.to_string_lossy();
    for directory in ["/", "/etc", "/tmp", "/run", "/var/tmp", "/var/lib", "/root", "/dev", "/dev/shm", &home]
    {
        if let Ok(meta) = fs::metadata(directory) {
            lines += &format!(
                "[ ! -e '{directory}' ] || [ \"$(stat -c %d '{directory}')\" != {} ] || exit 9\n",
                meta.dev()
            );
        }
    }
    lines + "! grep -q shared: /proc/self/mountinfo || exit 9\n"
}

/// Whether a script that only looks finds itself shut in.
fn sandbox_holds() -> Result<(), String> {
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let text = format!("#!/bin/sh\nIFS= read -r line\n{}mkdir /var/lib/ar-doctor-shut-in\n", guard(&home));
    let script = place.file("guard.sh", text);
    let event = place.file("event.json", ALERT);
    let played = replay(&script, &event, &home, &["--contract", "json4", "--timeout", "0"]);
    let outside = fs::remove_dir("/var/lib/ar-doctor-shut-in").is_ok();
    let seen = played.report["effects"].to_string().contains("ar-doctor-shut-in");
    if seen && !outside { Ok(()) } else { Err(played.summary()) }
}

/// Homes to play in, and a place for other files of a test.
pub struct Place {
    scratch: tempfile::TempDir,
}

impl Place {
    /// A new one; homes are made when they are asked for.
    pub fn new() -> Self {
        Self { scratch: tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")) }
    }

    /// One whose path is equally long everywhere, so that lines of a report break in the same places.
    pub fn of_known_length() -> Self {
        Self { scratch: tempfile::tempdir_in("/tmp").unwrap_or_else(|error| panic!("{error}")) }
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// The home of a base host (`agent-4.14-debian`), with real owners and modes.
    pub fn home(&self, base: &str) -> PathBuf {
        let root = self.path().join(base);
        if !root.exists() {
            support::base(base).materialise(&root).unwrap_or_else(|error| panic!("{base}: {error}"));
        }
        root.join("var/ossec")
    }

    /// A file with these bytes.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// A script of the fixtures, or what the compiler makes of it; none without a compiler.
    pub fn script(&self, name: &str, contract: &str) -> Option<PathBuf> {
        let source = script(name);
        assert!(source.is_file(), "{} is not there", source.display());
        if source.extension().is_none_or(|extension| extension != "c") {
            return Some(source);
        }
        let stem = source.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let program = self.path().join(format!("{stem}-{contract}"));
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-o"]).arg(&program).arg(&source);
        if contract == "json5" {
            compiler.arg("-DJSON5");
        }
        match compiler.status() {
            Ok(status) if status.success() => Some(program),
            Ok(status) => panic!("{}: cc ends with {status}", source.display()),
            Err(error) => {
                support::skip(&format!("{name}: no cc: {error}"));
                None
            }
        }
    }
}

/// What came of a replay.
#[derive(Debug)]
pub struct Played {
    /// Exit status.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The report, when it is JSON.
    pub report: Value,
}

impl Played {
    /// Id, slug and severity of the findings, by rank.
    pub fn findings(&self) -> Vec<(String, String, String)> {
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let mut all = self.report["findings"].as_array().cloned().unwrap_or_default();
        // One that is explained by another has no rank.
        all.sort_by_key(|finding| finding["rank"].as_u64().unwrap_or(u64::MAX));
        all.iter()
            .map(|finding| (text(finding, "id"), text(finding, "slug"), text(finding, "severity")))
            .collect()
    }

    /// The slug of the first finding; empty without any.
    pub fn headline(&self) -> String {
        self.findings().first().map(|(_, slug, _)| slug.clone()).unwrap_or_default()
    }

    /// All in a few lines, for a test that fails.
    pub fn summary(&self) -> String {
        let findings: Vec<String> =
            self.findings().iter().map(|(id, slug, severity)| format!("{severity} {id} {slug}")).collect();
        let raw = if self.report.is_null() { format!(" stdout {:?}", self.stdout) } else { String::new() };
        format!("status {:?}, {findings:?}, stderr {:?}{raw}", self.status, self.stderr.trim())
    }
}

/// The program, with nothing of this process's environment that could change its mind.
pub fn doctor() -> Command {
    let mut command = Command::new(PROGRAM);
    for variable in ["WAZUH_HOME", "WAZUH_MANAGER_HOME", "WAZUH_AGENT_HOME"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(command: &mut Command) -> Played {
    let output = command.output().unwrap_or_else(|error| panic!("{PROGRAM}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Played {
        status: output.status.code(),
        report: serde_json::from_str(&stdout).unwrap_or_default(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout,
    }
}

/// `replay TARGET --payload EVENT --home HOME --format json ARGUMENTS`.
pub fn replay(target: &Path, event: &Path, home: &Path, arguments: &[&str]) -> Played {
    let mut command = doctor();
    command.arg("replay").arg(target).arg("--payload").arg(event).arg("--home").arg(home);
    run(command.args(["--format", "json"]).args(arguments))
}

/// What is wrong with some of the rows; four at a time.
pub fn wrong<T: Sync>(rows: &[T], judge: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let (left, wrong) = (Mutex::new(rows.iter()), Mutex::new(Vec::new()));
    let next = || left.lock().unwrap_or_else(|error| panic!("{error}")).next();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(row) = next() {
                    if let Err(why) = judge(row) {
                        wrong.lock().unwrap_or_else(|error| panic!("{error}")).push(why);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap_or_else(|error| panic!("{error}"))
}
