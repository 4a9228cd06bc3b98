//! The same through the binary: what `ar-doctor check` says of a log.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{AGENT, gzip, support, unknown_name};

const HOME: &str = "/var/ossec";

/// `ar-doctor check` of a tree or a capture.
fn check(host: &Path, options: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ar-doctor"));
    let command = command.args(["check", "--format", "json"]).args(options).env_clear();
    let output = command.args(["--from".as_ref(), host.as_os_str()]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The directory tree of an agent of which nobody knows when its daemons were started, with these
/// files below its home. Its configuration is older than they are.
fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    const BEFORE: i64 = 1_793_500_000;
    let mut host = support::base(AGENT);
    for (name, bytes) in files {
        let path = format!("{HOME}/{name}");
        for directory in ["", "/2026", "/2026/Nov"].map(|part| format!("{HOME}/logs/wazuh{part}")) {
            if path.starts_with(&directory) {
                let _ = host.mkdir(directory);
            }
        }
        host.write(path, *bytes).unwrap();
    }
    for name in ["etc/ossec.conf", "etc/shared/ar.conf"] {
        host.set_times(format!("{HOME}/{name}"), BEFORE, BEFORE).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    host.materialise(directory.path()).unwrap();
    directory
}

/// The capture of an agent, with these files below its home.
fn capture(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    crate::tree::copy(&support::base_path(AGENT), directory.path());
    let list = directory.path().join("host.json");
    let mut document: Value = serde_json::from_str(&fs::read_to_string(&list).unwrap()).unwrap();
    for (name, bytes) in files {
        let path = format!("{HOME}/{name}");
        let file = directory.path().join(format!("files{path}"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
        let entry = &mut document["files"][path];
        match entry.as_object_mut() {
            // Its text may stand in the list itself.
            Some(entry) => drop(entry.remove("text")),
            None => *entry = serde_json::json!({}),
        }
    }
    fs::write(list, document.to_string()).unwrap();
    directory
}

/// Title and evidence of the findings whose title names something, each as a text.
fn findings(report: &Value, name: &str) -> Vec<String> {
    let all = report["findings"].as_array().unwrap().iter();
    let about = all.filter(|finding| finding["title"].as_str().unwrap().contains(name));
    about.map(|finding| format!("{} {}", finding["title"], finding["evidence"])).collect()
}

fn execd(time: &str, text: &str) -> String {
    format!("2026/11/{time} wazuh-execd: {text}\n")
}

/// The clock of a tree is the newest time in it, the 20th, 09:30.
#[test]
fn all_is_further_back_than_a_week() {
    let started = "INFO: Started (pid: 811).";
    let day = gzip(&(execd("02 08:00:00", started) + &unknown_name(2, "in-a-day0")));
    let host = |log: String| {
        tree(&[("logs/wazuh/2026/Nov/ossec-02.log.gz", &day), ("logs/ossec.log", log.as_bytes())])
    };
    let log = host(unknown_name(5, "in-the-log0") + &unknown_name(19, "of-late0"));
    let found = |options: &[&str]| {
        let report = check(log.path(), options);
        let logs = report["logs"].as_array().unwrap();
        let ossec = logs.iter().find(|log| log["log"] == "ossec").unwrap();
        let names = ["in-a-day0", "in-the-log0", "of-late0"];
        (names.map(|name| findings(&report, name).len()), ossec["since"].as_str().map(str::to_owned))
    };
    assert_eq!(found(&[]), ([0, 0, 1], Some("2026-11-13T09:30:00".to_owned())));
    assert_eq!(found(&["--since", "7d"]).0, [0, 0, 1]);
    assert_eq!(found(&["--since", "16d"]).0, [0, 1, 1]);
    assert_eq!(found(&["--since", "1h"]).0, [0, 0, 0]);
    assert_eq!(found(&["--since", "all"]), ([1, 1, 1], None));
    // What came before the last start is over, however far it is looked back.
    let log = host(unknown_name(5, "in-the-log0") + &execd("06 08:00:00", started));
    let report = check(log.path(), &["--since", "all"]);
    assert!(findings(&report, "in-a-day0").is_empty() && findings(&report, "in-the-log0").is_empty());
}

/// That no line says that the agent is connected proves something only behind its start, and only
/// where all behind it was read.
#[test]
fn without_a_start_silence_says_nothing() {
    const STATE: &str = "var/run/wazuh-agentd.state";
    let state = fs::read_to_string(support::base_path(AGENT).join("files/var/ossec").join(STATE)).unwrap();
    let state = state.replace("status='connected'", "status='pending'");
    let state = state.replace("last_keepalive='2026-11-20 14:09:51'", "last_keepalive=''");
    let agentd = |time: &str, text: &str| format!("2026/{time} wazuh-agentd: INFO: {text}\n");
    let start = |time: &str| agentd(time, "Started (pid: 839).");
    let other = agentd("11/20 13:00:05", "Using AES as encryption method.");
    let says = |log: &str, day: &str, bytes: &[u8], options: &[&str]| {
        let day = format!("logs/wazuh/2026/{day}.log.gz");
        let files = [(STATE, state.as_bytes()), ("logs/ossec.log", log.as_bytes()), (day.as_str(), bytes)];
        let host = capture(&files);
        let report = check(host.path(), options);
        let found = report["findings"].as_array().unwrap().iter();
        let mut found = found.filter(|finding| finding["slug"] == "agent-not-connected");
        found.next().expect("it is not connected")["evidence"].to_string().contains("no line says")
    };
    let day = gzip(&agentd("11/19 13:00:04", "Nothing."));
    assert!(says(&(start("11/20 13:00:04") + &other), "Nov/ossec-19", &day, &[]));
    assert!(!says(&other, "Nov/ossec-19", &day, &[]), "no start is known");
    // It was started in the window, or before it.
    let day = gzip(&start("11/19 13:00:04"));
    assert!(says(&other, "Nov/ossec-19", &day, &[]));
    assert!(!says(&other, "Nov/ossec-19", &day[..day.len() / 2], &[]), "it may be what is lost");
    let day = gzip(&start("10/19 13:00:04"));
    assert!(!says(&other, "Oct/ossec-19", &day, &["--since", "7d"]), "the weeks between are not read");
    assert!(says(&other, "Oct/ossec-19", &day, &["--since", "all"]));
}

/// Each start of Wazuh runs every daemon with `-t` before, and both write the same warnings.
#[test]
fn the_warnings_of_one_start_are_one_occasion() {
    let said = |times: &[&str]| {
        let refused =
            |time: &&str| execd(time, "ERROR: (1311): Invalid command name 'geo-block600' provided.");
        let log = execd("20 09:00:00", "INFO: Started (pid: 811).");
        let log = log + &times.iter().map(refused).collect::<String>();
        let report = check(tree(&[("logs/ossec.log", log.as_bytes())]).path(), &[]);
        let found = findings(&report, "geo-block600");
        assert_eq!(found.len(), 1, "{report:#}");
        let (_, label) = found.first().unwrap().split_once("said ").unwrap();
        label.split('"').next().unwrap().to_owned()
    };
    let one = ["20 10:00:00", "20 10:00:02"];
    assert_eq!(said(&one[..1]), "once");
    assert_eq!(said(&one), "2 times on one occasion, first 2026/11/20 10:00:00");
    let two = [one, ["20 12:00:00", "20 12:00:25"]].concat();
    assert_eq!(said(&two), "4 times on 2 occasions, first 2026/11/20 10:00:00");
    // Far enough apart each is one.
    assert_eq!(said(&["20 10:00:00", "20 10:00:31"]), "2 times, first 2026/11/20 10:00:00");
}

/// A day may be a hard link to the file that is written, and logrotate's part one to a day.
#[test]
fn a_hard_link_counts_once() {
    // Of a time to come: the configuration was not changed behind them.
    let line = |name| unknown_name(19, name).replace("2026/", "2076/");
    let (now, before) = (line("of-now0"), line("of-day0"));
    let host =
        tree(&[("logs/ossec.log", now.as_bytes()), ("logs/wazuh/2026/Nov/ossec-19.log", before.as_bytes())]);
    let home = host.path().join("var/ossec");
    let month = home.join("logs/wazuh/2026/Nov");
    let (log, day) = (home.join("logs/ossec.log"), month.join("ossec-19.log"));
    let read = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ar-doctor"));
        let output = command.args(["check", "--format", "json", "--since", "all", "--home"]).arg(&home);
        let report: Value = serde_json::from_slice(&output.output().unwrap().stdout).unwrap();
        let logs = report["logs"].as_array().unwrap();
        let ossec = logs.iter().find(|log| log["log"] == "ossec").unwrap();
        let said = ["of-now0", "of-day0"].map(|name| {
            let found = findings(&report, name).concat();
            ["said once", "said 2 times"].map(|text| found.contains(text))
        });
        (ossec["files"].as_array().unwrap().len(), ossec["bytes"].as_u64().unwrap(), said)
    };
    let once = [[true, false]; 2];
    let bytes = (now.len() + before.len()) as u64;
    assert_eq!(read(), (2, bytes, once));
    fs::hard_link(&log, month.join("ossec-20.log")).unwrap();
    fs::hard_link(&day, home.join("logs/ossec.log.1")).unwrap();
    assert_eq!(read(), (2, bytes, once));
    // Another file that says the same is another day.
    fs::remove_file(home.join("logs/ossec.log.1")).unwrap();
    fs::write(home.join("logs/ossec.log.1"), "\n".to_owned() + &before).unwrap();
    assert_eq!(read(), (3, bytes + before.len() as u64 + 1, [[true, false], [false, true]]));
}
