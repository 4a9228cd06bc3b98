//! A blocked execd and the sockets of its queue for real: a process that plays execd's part (Python under the
//! name `HOME/bin/wazuh-execd`) with real pipes, children and sockets. Root only, because the home is root's.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use ar_doctor::findings::checks;
use ar_doctor::host::capture::Part;
use ar_doctor::host::{GapKind, Host as _};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ar-doctor");
const BASE: &str = "agent-4.14-debian";
const BIN: &str = "/var/ossec/active-response/bin";

/// Seconds from which a script is reported.
const SLOW: u64 = 11;

/// Seconds after the start of a daemon from which its socket is looked at.
const START: u64 = 32;

/// What execd does with one message: it starts the script with two pipes, writes the line, waits for a line,
/// closes both and waits for the end.
const EXECD: &str = r#"
import os, signal, socket, subprocess, sys
queue = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if os.path.lexists("queue/alerts/execq"):
    os.unlink("queue/alerts/execq")
queue.bind("queue/alerts/execq")
os.chmod("queue/alerts/execq", 0o660)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print("ready", flush=True)
while True:
    message = queue.recv(65536)
    script = subprocess.Popen(["active-response/bin/edge-block.sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    script.stdin.write(message + b"\n")
    script.stdin.flush()
    line = script.stdout.readline()
    if line:
        script.stdin.write(message + b"\n")
        script.stdin.flush()
    script.stdin.close()
    script.stdout.close()
    script.wait()
"#;

/// What agentd does: it connects once and sends a line when it is told to.
const AGENTD: &str = r#"
import os, signal, socket, sys, time
queue = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
queue.connect("queue/alerts/execq")
print("ready", flush=True)
for line in sys.stdin:
    try:
        queue.send(line.encode())
        print("sent", flush=True)
    except OSError as error:
        print(error, flush=True)
"#;

/// A process of a test, with its children, which ends with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap_or(i32::MAX));
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn python() -> Option<PathBuf> {
    let found =
        ["/usr/bin/python3", "/usr/local/bin/python3"].iter().find_map(|path| fs::canonicalize(path).ok());
    let works = |path: &PathBuf| {
        let tried = Command::new(path).args(["-c", "import socket"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    found.filter(works)
}

fn cannot() -> bool {
    let why = if !nix::unistd::geteuid().is_root() {
        "owners and modes of a real home need root"
    } else if python().is_none() {
        "there is no python3 to play execd's part"
    } else {
        return false;
    };
    support::skip(why);
    true
}

/// The home of the base host, with a script of its own, diagnosed live.
fn home(scratch: &Path, script: &str) -> PathBuf {
    let mut host = support::base(BASE);
    let pid_files = host.list("/var/ossec/var/run".as_ref());
    for file in pid_files.get().into_iter().flatten() {
        if file.to_string_lossy().ends_with(".pid") {
            host.remove(Path::new("/var/ossec/var/run").join(file)).expect("it is there");
        }
    }
    let path = format!("{BIN}/edge-block.sh");
    host.write(&path, script).expect("a home").set_mode(&path, 0o750).expect("a script");
    host.materialise(scratch).expect("a tree");
    scratch.join("var/ossec")
}

/// Starts a copy of Python as a daemon of the home, and waits until it is ready.
fn daemon(home: &Path, name: &str, text: &str) -> (Running, BufReader<std::process::ChildStdout>) {
    use std::os::unix::process::CommandExt as _;
    let program = home.join("bin").join(name);
    let python = python().expect("it was looked for");
    if !fs::metadata(&program).is_ok_and(|meta| meta.len() > 100_000) {
        fs::copy(&python, &program).expect("a copy");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o750)).expect("a mode");
    }
    // A copy elsewhere does not find its library by its place.
    let prefix = python.parent().and_then(Path::parent).expect("a directory");
    let mut command = Command::new(&program);
    command
        .env("PYTHONHOME", prefix)
        .args(["-c", text])
        .current_dir(home)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    // Another thread's fork may hold the copy open for writing until its exec.
    let mut tries = 0;
    let mut child = loop {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && tries < 100 => {
                tries += 1;
                sleep(Duration::from_millis(20));
            }
            spawned => break spawned.unwrap_or_else(|error| panic!("{}: {error}", program.display())),
        }
    };
    let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
    let running = Running(child);
    assert_eq!(line(&mut said), "ready");
    (running, said)
}

fn line(from: &mut impl std::io::BufRead) -> String {
    let mut text = String::new();
    from.read_line(&mut text).expect("a line");
    text.trim().to_owned()
}

fn say(to: &mut Running, text: &str) {
    use std::io::Write as _;
    let input = to.0.stdin.as_mut().expect("a pipe");
    writeln!(input, "{text}").expect("it listens");
}

fn check(home: &Path) -> Value {
    let mut command = Command::new(PROGRAM);
    for variable in ["WAZUH_HOME", "WAZUH_MANAGER_HOME", "WAZUH_AGENT_HOME"] {
        command.env_remove(variable);
    }
    let output = command.args(["check", "--format", "json", "--home"]).arg(home).output().expect("it runs");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A finding of a check, folded or not, as text.
fn found(report: &Value, id: &str) -> Option<String> {
    let all = report["findings"].as_array().into_iter().flatten();
    let finding = all.into_iter().find(|finding| finding["id"] == id);
    finding.map(ToString::to_string)
}

/// A blocked script, reported: its finding.
fn blocks(script: &str) -> (String, String) {
    let scratch = tempfile::tempdir().expect("a directory");
    let home = home(scratch.path(), script);
    let (_execd, _) = daemon(&home, "wazuh-execd", EXECD);
    let (mut agentd, mut said) = daemon(&home, "wazuh-agentd", AGENTD);
    assert_eq!(found(&check(&home), "AR180"), None, "before any message");
    say(&mut agentd, r#"{"command":"add"}"#);
    assert_eq!(line(&mut said), "sent");
    sleep(Duration::from_secs(1));
    assert_eq!(found(&check(&home), "AR180"), None, "a script may take a second");
    sleep(Duration::from_secs(SLOW));
    let report = check(&home);
    let finding = found(&report, "AR180").unwrap_or_else(|| panic!("{:#}", report["findings"]));
    (finding, report["findings"][0]["id"].to_string())
}

#[test]
fn a_script_that_reads_to_the_end_blocks() {
    if cannot() {
        return;
    }
    let (finding, first) = blocks("#!/bin/sh\nINPUT=$(cat)\necho \"$INPUT\" >>/dev/null\n");
    assert!(first.contains("AR180"), "{first}: {finding}");
    assert!(finding.contains("edge-block.sh has kept execd busy"), "{finding}");
    assert!(finding.contains("\"proven\""), "{finding}");
    assert!(finding.contains("input"), "{finding}");
}

#[test]
fn a_child_that_holds_the_pipe_of_a_dead_script_blocks() {
    if cannot() {
        return;
    }
    let (finding, _) = blocks("#!/bin/sh\nread -r INPUT\nsleep 300 &\nexit 0\n");
    assert!(finding.contains("it has ended, but sleep (process"), "{finding}");
    assert!(finding.contains("\"proven\""), "{finding}");
}

#[test]
fn a_script_that_is_stopped_blocks() {
    if cannot() {
        return;
    }
    let (finding, _) = blocks("#!/bin/sh\nread -r INPUT\nkill -STOP $$\n");
    assert!(finding.contains("a signal has stopped it"), "{finding}");
    assert!(finding.contains("kill -CONT"), "{finding}");
    assert!(finding.contains("\"error\""), "{finding}");
}

#[test]
fn a_script_that_sleeps_after_its_keys_blocks() {
    if cannot() {
        return;
    }
    let script =
        "#!/bin/sh\nread -r INPUT\necho '{\"command\":\"check_keys\"}'\nread -r INPUT\nexec sleep 300\n";
    let (finding, _) = blocks(script);
    assert!(finding.contains("has kept execd busy"), "{finding}");
}

#[test]
fn a_dead_socket_and_a_removed_one_are_seen() {
    if cannot() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let home = home(scratch.path(), "#!/bin/sh\nread -r INPUT\n");
    let state = home.join("var/run/wazuh-agentd.state");
    let (execd, _) = daemon(&home, "wazuh-execd", EXECD);
    let (mut agentd, mut said) = daemon(&home, "wazuh-agentd", AGENTD);
    sleep(Duration::from_secs(START));
    let ids = ["AR184", "AR185", "AR186"];
    let report = check(&home);
    for id in ids {
        assert_eq!(found(&report, id), None, "a living queue");
    }

    // execd alone is restarted.
    drop(execd);
    let (_execd, _) = daemon(&home, "wazuh-execd", EXECD);
    sleep(Duration::from_secs(START));
    // agentd of 4.14 says that it is connected to its manager.
    let text = fs::read_to_string(&state).expect("a state");
    fs::write(&state, text).expect("a new time");
    let report = check(&home);
    let lost = found(&report, "AR186").unwrap_or_else(|| panic!("{:#}", report["findings"]));
    assert!(lost.contains("execd was restarted alone"), "{lost}");
    say(&mut agentd, "a message");
    assert!(line(&mut said).contains("refused"), "the socket is dead");

    // The new one's file is removed.
    fs::remove_file(home.join("queue/alerts/execq")).expect("the socket");
    let report = check(&home);
    let gone = found(&report, "AR184").unwrap_or_else(|| panic!("{:#}", report["findings"]));
    assert!(gone.contains("was removed while wazuh-execd runs"), "{gone}");
    assert!(gone.contains("\"error\""), "{gone}");
}

/// What may not be read is unknown: the files of other users' processes, and the home.
#[test]
fn what_is_denied_is_no_claim() {
    // A reader who is a member of group wazuh and sees the home, but not what execd holds.
    let mut host = support::base(BASE);
    host.set_reader(1000, &[1000, 998]);
    let outcome = support::diagnose(&host);
    for check in [checks::QUEUE_SOCKET_GONE, checks::AGENTD_LOST_EXECD] {
        assert!(!outcome.all.contains(&check), "{:#?}", outcome.lines);
        let id = check.check().id;
        let said = outcome.unknown.iter().find(|unknown| unknown.contains(id));
        assert!(said.is_some_and(|said| said.contains("permission denied")), "{id}: {:#?}", outcome.unknown);
    }
    for check in [checks::EXECD_BLOCKED, checks::EXECD_STANDS_STILL, checks::STALE_LOCK] {
        assert!(!outcome.all.contains(&check), "{:#?}", outcome.lines);
    }

    // An outsider knows of no response at all.
    let mut host = support::base(BASE);
    host.set_reader(1000, &[1000]);
    let outcome = support::diagnose(&host);
    for check in [checks::STALE_LOCK, checks::QUEUE_NOT_REACHABLE, checks::QUEUE_SOCKET_GONE] {
        assert!(!outcome.all.contains(&check), "{:#?}", outcome.lines);
    }

    // A member of the group may look into a lock, whose directory is open to the group alone; others may not.
    for (groups, seen) in [(vec![1000, 998], true), (vec![1000], false)] {
        let mut host = support::base(BASE);
        let lock = format!("{BIN}/fw-drop");
        host.mkdir(&lock).expect("a lock").set_mode(&lock, 0o070).expect("a mode");
        for above in
            ["/var/ossec", "/var/ossec/active-response", BIN, "/var/ossec/etc", "/var/ossec/etc/shared"]
        {
            host.set_mode(above, 0o755).expect("it is there");
        }
        host.set_mode("/var/ossec/etc/shared/ar.conf", 0o644).expect("it is there");
        host.set_mode("/var/ossec/etc/ossec.conf", 0o644).expect("it is there");
        host.set_reader(1000, &groups);
        let outcome = support::diagnose(&host);
        let id = checks::STALE_LOCK.check().id;
        assert_eq!(outcome.all.contains(&checks::STALE_LOCK), seen, "{:#?}", outcome.lines);
        let unknown = outcome.unknown.iter().any(|unknown| unknown.contains(id));
        assert_eq!(unknown, !seen, "{:#?}", outcome.unknown);
    }

    // A script that hangs shows to everybody, but not what it waits for.
    let mut host = support::base(BASE);
    let mut script = host.processes().get().expect("processes")[1].clone();
    script.pid = 4711;
    script.ppid = 811;
    script.comm = "edge-block.sh".to_owned();
    script.exe = None;
    script.args = vec!["/bin/sh".into(), "active-response/bin/edge-block.sh".into()];
    script.start = host.now().get().expect("a clock") - 3600;
    host.add_process(script);
    host.set_reader(1000, &[1000, 998]);
    let outcome = support::diagnose(&host);
    let said = outcome.lines.iter().find(|line| line.contains("AR180"));
    assert!(said.is_some_and(|line| line.contains("(likely)")), "{:#?}", outcome.lines);

    // Without the processes nobody knows.
    let mut host = support::base(BASE);
    host.set_gap(Part::Processes, GapKind::NotCollected, "not asked for");
    let outcome = support::diagnose(&host);
    for id in ["AR180", "AR181", "AR184", "AR186"] {
        assert!(outcome.unknown.iter().any(|unknown| unknown.contains(id)), "{id}: {:#?}", outcome.unknown);
    }
}
