//! Processes that play execd's part for real: with a capability dropped, in a network namespace of their
//! own, twice, under a filter of system calls, and a pid file of nobody. All through the program itself.
//! Root only. And what is said of them to those who may not look.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ar_doctor::findings::checks;
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::host::{Fact, Host as _, Value};
use serde_json::Value as Json;

/// A home with a response that calls iptables, and a stand-in for each daemon of an agent.
struct Home {
    scratch: tempfile::TempDir,
    path: PathBuf,
}

/// A process that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Home {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a directory");
        // The place of a program has to be without links.
        let path = fs::canonicalize(scratch.path()).expect("a directory").join("ossec");
        for directory in ["bin", "etc/shared", "active-response/bin", "logs", "var/run"] {
            fs::create_dir_all(path.join(directory)).expect("a directory");
        }
        for daemon in ["execd", "agentd"] {
            fs::copy("/bin/sleep", path.join(format!("bin/wazuh-{daemon}"))).expect("a program");
        }
        let write = |name: &str, text: &str| fs::write(path.join(name), text).expect("a file");
        write("bin/wazuh-control", "VERSION=\"v4.14.2\"\nTYPE=\"agent\"\n");
        write(
            "etc/ossec.conf",
            "<ossec_config>\n<client><server><address>192.0.2.1</address></server></client>\n</ossec_config>\n",
        );
        write(
            "etc/client.keys",
            "001 a any 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
        );
        write("etc/shared/ar.conf", "block600 - block.sh - 600\n");
        let script = path.join("active-response/bin/block.sh");
        fs::write(&script, "#!/bin/sh\nread -r INPUT\n/sbin/iptables -I INPUT -s \"$INPUT\" -j DROP\n")
            .expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o750)).expect("a mode");
        Self { scratch, path }
    }

    /// Starts a daemon's stand-in behind other words (`setpriv ...`).
    fn start(&self, daemon: &str, before: &[&str]) -> Running {
        let program = self.path.join(format!("bin/wazuh-{daemon}"));
        let mut command = match before.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
            None => Command::new(&program),
        };
        let mut child = Running(
            command.arg("300").stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"),
        );
        // Until what stands before has become the program.
        let exe = format!("/proc/{}/exe", child.0.id());
        let end = Instant::now() + Duration::from_secs(10);
        while fs::read_link(&exe).ok().as_deref() != Some(&program) {
            let ended = child.0.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < end, "{before:?} did not start {daemon}: {ended:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }

    fn check(&self) -> Json {
        let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
            .args(["check", "--format", "json", "--home"])
            .arg(&self.path)
            .output()
            .expect("it runs");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// A finding, folded ones too.
fn finding(report: &Json, id: &str) -> Option<Json> {
    fn search(value: &Json, id: &str) -> Option<Json> {
        match value {
            Json::Object(map)
                if map.get("id").is_some_and(|found| found == id) && map.contains_key("title") =>
            {
                Some(value.clone())
            }
            Json::Object(map) => map.values().find_map(|value| search(value, id)),
            Json::Array(all) => all.iter().find_map(|value| search(value, id)),
            _ => None,
        }
    }
    search(&report["findings"], id)
}

fn found(report: &Json, id: &str) -> Json {
    finding(report, id).unwrap_or_else(|| panic!("no {id}: {report:#}"))
}

fn without_root() -> bool {
    if nix::unistd::geteuid().is_root() {
        return false;
    }
    support::skip("capabilities and namespaces need root");
    true
}

/// Whether words can stand before a program here.
fn works(before: &[&str]) -> bool {
    let Some((first, rest)) = before.split_first() else { return true };
    let status = Command::new(first).args(rest).arg("/bin/true").stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn is_root_here() -> bool {
    // A container that has dropped it already cannot show the difference.
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).expect("a line");
    u64::from_str_radix(line.trim(), 16).expect("a number") >> 12 & 1 == 1
}

#[test]
fn a_dropped_capability() {
    const DROP: &[&str] = &["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];
    if without_root() {
        return;
    }
    if !works(DROP) || !is_root_here() {
        return support::skip("setpriv(1) does not work here, or CAP_NET_ADMIN is not there to be dropped");
    }
    let home = Home::new();
    let _agentd = home.start("agentd", &[]);
    let whole = home.start("execd", &[]);
    let report = home.check();
    assert!(finding(&report, "AR173").is_none(), "{report:#}");
    assert!(finding(&report, "AR170").is_none(), "{report:#}");
    drop(whole);

    let _execd = home.start("execd", DROP);
    let report = home.check();
    let said = found(&report, "AR173");
    assert_eq!((&said["severity"], &said["confidence"]), (&"error".into(), &"likely".into()), "{said:#}");
    assert!(said["title"].as_str().is_some_and(|title| title.contains("CAP_NET_ADMIN")), "{said:#}");
    assert!(said.to_string().contains("/proc/"), "{said:#}");
    // The line that calls iptables is shown.
    assert!(said.to_string().contains("/sbin/iptables -I INPUT"), "{said:#}");
}

#[test]
fn a_network_of_its_own() {
    const APART: &[&str] = &["unshare", "-n"];
    if without_root() {
        return;
    }
    if !works(APART) {
        return support::skip("unshare(1) does not work here");
    }
    let home = Home::new();
    let _agentd = home.start("agentd", &[]);
    let _execd = home.start("execd", APART);
    let said = found(&home.check(), "AR174");
    assert_eq!(said["severity"], "error", "{said:#}");
    assert!(said.to_string().contains("net:["), "{said:#}");
}

#[test]
fn two_execds_and_no_agentd() {
    if without_root() {
        return;
    }
    let home = Home::new();
    let first = home.start("execd", &[]);
    let second = home.start("execd", &[]);
    let report = home.check();
    let said = found(&report, "AR172");
    for execd in [&first, &second] {
        assert!(said.to_string().contains(&format!("process {}", execd.0.id())), "{said:#}");
    }
    assert_eq!(found(&report, "AR170")["severity"], "error");
    drop(second);
    assert!(finding(&home.check(), "AR172").is_none());
}

#[test]
fn a_pid_file_of_another_program() {
    if without_root() {
        return;
    }
    let home = Home::new();
    let execd = home.start("execd", &[]);
    let _agentd = home.start("agentd", &[]);
    let pid_file = |pid: u32| home.path.join(format!("var/run/wazuh-execd-{pid}.pid"));
    fs::write(pid_file(execd.0.id()), "").expect("a file");
    assert!(finding(&home.check(), "AR081").is_none());
    // This very test lives, and is no execd.
    let mine = pid_file(std::process::id());
    fs::write(&mine, "").expect("a file");
    let said = found(&home.check(), "AR081");
    assert!(said.to_string().contains(&mine.display().to_string()), "{said:#}");
    // Nothing of the home was changed.
    assert!(mine.exists() && home.scratch.path().exists());
}

#[test]
fn the_log_says_why_a_daemon_is_gone() {
    let home = Home::new();
    let line =
        "2026/11/20 10:00:06 wazuh-agentd: CRITICAL: (4109): Unable to start without auth keys. Exiting.";
    fs::write(
        home.path.join("logs/ossec.log"),
        format!("2026/11/20 10:00:05 wazuh-agentd: INFO: Started (pid: 9).\n{line}\n"),
    )
    .expect("a log");
    let _execd = home.start("execd", &[]);
    let said = found(&home.check(), "AR170");
    assert!(said.to_string().contains(line), "{said:#}");
}

const AGENT: &str = "agent-4.14-debian";
const EXECD: u32 = 811;

fn base(change: impl FnOnce(&mut ar_doctor::host::ProcessDetail)) -> CaptureHost {
    let mut host = support::base(AGENT);
    host.change_process(EXECD, change).expect("execd");
    host
}

fn refuse<T>(fact: &mut Fact<T>) {
    fact.value = Value::Denied("permission denied".to_owned());
}

#[test]
fn what_may_not_be_looked_at_is_unknown() {
    // Another user's namespaces.
    let outcome = support::diagnose(&base(|execd| refuse(&mut execd.namespaces)));
    assert!(outcome.lines.is_empty(), "{:#?}", outcome.lines);
    assert!(outcome.unknown.iter().any(|unknown| unknown.contains("AR174")), "{:#?}", outcome.unknown);
    assert!(!outcome.unknown.iter().any(|unknown| unknown.contains("AR173")), "{:#?}", outcome.unknown);

    let outcome = support::diagnose(&base(|execd| refuse(&mut execd.capabilities)));
    assert!(outcome.lines.is_empty(), "{:#?}", outcome.lines);
    assert!(outcome.unknown.iter().any(|unknown| unknown.contains("AR173")), "{:#?}", outcome.unknown);

    // A drop-in of which nobody knows what it says.
    let mut host = support::base(AGENT);
    let drop_in = "/etc/systemd/system/wazuh-agent.service.d/x.conf";
    host.write(drop_in, "[Service]\nPrivateNetwork=yes\n").expect("a file");
    host.deny_read(drop_in).expect("a file");
    let outcome = support::diagnose(&host);
    assert!(outcome.lines.is_empty(), "{:#?}", outcome.lines);
    assert!(outcome.unknown.iter().any(|unknown| unknown.contains("AR175")), "{:#?}", outcome.unknown);

    // Who may not see how execd was started cannot tell whether the unit counts: a warning, and unknown.
    let mut host = base(|execd| refuse(&mut execd.cgroup));
    host.write(drop_in, "[Service]\nPrivateNetwork=yes\n").expect("a file");
    let outcome = support::diagnose(&host);
    let said = outcome.lines.first().expect("a finding");
    assert!(said.starts_with("warning AR175") && said.contains("where"), "{said}");
    assert!(outcome.unknown.iter().any(|unknown| unknown.contains("AR175")), "{:#?}", outcome.unknown);
}

#[test]
fn a_setting_counts_from_the_start_on() {
    let drop_in = "/etc/systemd/system/wazuh-agent.service.d/x.conf";
    let first = |host: &CaptureHost| support::diagnose(host).lines.first().expect("a finding").clone();
    let mut host = support::base(AGENT);
    host.write(drop_in, "[Service]\nCapabilityBoundingSet=CAP_CHOWN\n").expect("a file");
    // The running execd has all of them still.
    let said = first(&host);
    assert!(said.starts_with("warning AR175") && said.contains("will have no effect"), "{said}");
    // It has not, and the unit is why: one finding with the other folded.
    host.change_process(EXECD, |execd| {
        let sets =
            ar_doctor::host::process::Capabilities { permitted: 1, effective: 1, bounding: 1, ambient: 0 };
        execd.capabilities.value = Value::Known(sets);
    })
    .expect("execd");
    let outcome = support::diagnose(&host);
    assert!(outcome.lines[0].starts_with("error AR175"), "{:#?}", outcome.lines);
    assert!(outcome.lines[1].trim_start().starts_with("error AR173"), "{:#?}", outcome.lines);
    assert_eq!(outcome.entries.len(), 1, "{:#?}", outcome.lines);
    // Started by hand: the unit has no part in it.
    host.change_process(EXECD, |execd| execd.cgroup.value = Value::Known("/user.slice".to_owned()))
        .expect("execd");
    let outcome = support::diagnose(&host);
    assert!(outcome.lines[0].starts_with("error AR173"), "{:#?}", outcome.lines);
}

/// The host as a container of the engines: no systemd, an overlay, namespaces of its own but for the
/// network, which is the host's.
fn contained(name: &str) -> CaptureHost {
    let mut host = support::base(name);
    for unit in ["wazuh-agent.service", "wazuh-manager.service"] {
        let path = format!("/usr/lib/systemd/system/{unit}");
        if host.entry(path.as_ref()).get().is_some() {
            host.remove(&path).expect("a unit");
        }
    }
    host.write("/.dockerenv", "").expect("a file");
    let mut mounts = host.mounts().get().cloned().expect("mounts");
    for mount in &mut mounts {
        if mount.target == Path::new("/") {
            mount.fstype = "overlay".to_owned();
            mount.source = "overlay".to_owned();
        }
    }
    host.set_mounts(mounts);
    let mut all = host.processes().get().cloned().expect("processes");
    for process in &mut all {
        if process.pid == 1 {
            process.comm = "s6-svscan".to_owned();
            process.exe = Some("/package/admin/s6/command/s6-svscan".into());
        }
    }
    let pids: Vec<u32> = all.iter().map(|process| process.pid).collect();
    host.set_processes(all);
    for pid in pids {
        host.change_process(pid, |detail| {
            detail.cgroup.value = Value::Known("/".to_owned());
            let Value::Known(namespaces) = &mut detail.namespaces.value else { return };
            for (kind, number) in [("mnt", 4_026_532_401), ("pid", 4_026_532_404), ("uts", 4_026_532_402)] {
                namespaces.numbers.insert(kind.to_owned(), number);
            }
        })
        .expect("a process");
    }
    host
}

#[test]
fn healthy_containers_are_silent() {
    for name in support::BASES {
        let outcome = support::diagnose(&contained(name));
        assert!(outcome.lines.is_empty(), "{name}: {:#?}", outcome.lines);
        assert!(outcome.unknown.is_empty(), "{name}: {:#?}", outcome.unknown);
    }
    // With the engine's own network, and the capabilities it leaves: what stops is an error, and no cry
    // comes from a manager whose responses run elsewhere.
    let mut host = contained(AGENT);
    host.change_process(EXECD, |execd| {
        let Value::Known(sets) = &mut execd.capabilities.value else { return };
        (sets.permitted, sets.effective, sets.bounding) = (0xa804_25fb, 0xa804_25fb, 0xa804_25fb);
    })
    .expect("execd");
    let outcome = support::diagnose(&host);
    assert!(outcome.lines[0].starts_with("error AR173"), "{:#?}", outcome.lines);
    let said = format!("{:?}", outcome.diagnosis.entries[0].finding.remedy);
    assert!(said.contains("--cap-add NET_ADMIN"), "{said}");
}

/// What a unit makes read-only is told once, with what is worst of it, and the mounts behind it.
#[test]
fn mounts_that_a_unit_makes_are_told_with_it() {
    let mut host = support::base(AGENT);
    let drop_in = "/etc/systemd/system/wazuh-agent.service.d/strict.conf";
    host.write(drop_in, "[Service]\nProtectSystem=strict\n").expect("a file");
    let mut mounts = host.mounts().get().cloned().expect("mounts");
    for mount in &mut mounts {
        mount.options.retain(|option| option != "rw");
        mount.options.insert(0, "ro".to_owned());
    }
    host.change_process(EXECD, |execd| {
        execd.mounts = Fact::known("/proc/811/mountinfo", mounts);
        let Value::Known(namespaces) = &mut execd.namespaces.value else { return };
        namespaces.others.insert("mnt".to_owned());
    })
    .expect("execd");
    let outcome = support::diagnose(&host);
    let [entry] = &outcome.diagnosis.entries[..] else { panic!("{:#?}", outcome.lines) };
    assert_eq!(entry.finding.check, checks::UNIT_RESTRICTS);
    assert!(entry.finding.title.contains("holds execd up for 20 minutes"), "{}", entry.finding.title);
    let folded: Vec<_> = entry.folded.iter().map(|finding| finding.check).collect();
    assert_eq!(folded, [checks::EXECD_OTHER_MOUNTS]);
}

/// Whoever looks at a container's tree from outside sees neither its processes as its own nor its accounts.
#[test]
fn a_container_that_is_read_from_outside_is_no_claim() {
    const HOME: &str = "/var/lib/docker/overlay2/1f/merged/var/ossec";
    let text = |path: &str, text: &str| (format!("{HOME}/{path}"), serde_json::json!({ "text": text }));
    let files: serde_json::Map<String, Json> = [
        text("bin/wazuh-control", "VERSION=\"v4.14.2\"\nTYPE=\"agent\"\n"),
        text("etc/ossec.conf", "<ossec_config><client/></ossec_config>\n"),
        text("etc/shared/ar.conf", "block600 - block.sh - 600\n"),
        text("active-response/bin/block.sh", "#!/bin/sh\nread -r INPUT\n"),
        text("bin/wazuh-execd", ""),
        text("bin/wazuh-agentd", ""),
    ]
    .into_iter()
    .collect();
    let process = |pid: u32, name: &str, foreign: bool| {
        let exe = format!("/var/ossec/bin/wazuh-{name}");
        serde_json::json!({"pid": pid, "exe": exe, "user": "root", "start": "2026-11-20T10:00:05Z", "foreign": foreign})
    };
    for (foreign, claims) in [(true, false), (false, true)] {
        let host = serde_json::json!({
            "format": 1, "label": "outside", "now": "2026-11-20T14:10:00Z", "complete": ["/"],
            "users": {"root": 0}, "groups": {"root": 0}, "files": files,
            "processes": [process(4711, "execd", foreign), process(4712, "agentd", foreign)],
        });
        let host = CaptureHost::from_json(host.to_string().as_bytes()).expect("a host");
        let outcome = support::diagnose_at(&host, Some(Path::new(HOME)));
        for check in ["AR079", "AR094", "AR170"] {
            let unknown = outcome
                .unknown
                .iter()
                .any(|unknown| unknown.contains(check) && unknown.contains("run ar-doctor inside that"));
            assert_eq!(unknown, !claims, "{check}: {:#?}", outcome.unknown);
        }
        let found =
            outcome.lines.iter().any(|line| line.contains("not running") || line.contains("no group"));
        assert_eq!(found, claims, "{:#?}", outcome.lines);
    }
}
