//! The alerts of a manager: which are read, and what `check` says of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::Write as _;

use ar_doctor::facts::alert_log::{AlertLog, Reading, Since};
use ar_doctor::facts::{Facts, install};
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::host::{GapKind, Host};
use ar_doctor::redact::Redactor;
use ar_doctor::wazuh::alerts::extract::{Paths, Raw};

const MANAGER: &str = "manager-4.14-debian";
const LOGS: &str = "/var/ossec/logs/alerts";

/// An alert of a time of November 2026, `20T14:00:00`.
fn alert(time: &str, rule: u32, data: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-{time}.000+0000\",\"rule\":{{\"level\":5,\"id\":\"{rule}\"}},\"agent\":{{\"id\":\"003\",\"name\":\"web\"}},\"data\":{{{data}}}}}\n"
    )
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// What is read of a host: rules with the file they are in, in the order they come.
fn read(host: &dyn Host, since: Since) -> (Vec<(u64, String)>, Reading) {
    read_within(host, since, None)
}

/// The same with another budget.
fn read_within(host: &dyn Host, since: Since, budget: Option<u64>) -> (Vec<(u64, String)>, Reading) {
    let redactor = Redactor::new();
    let facts = Facts::new(host, &redactor, install::find(host, None).unwrap());
    let log = AlertLog::list(&facts, since);
    let mut log = log.get().expect("there is a log").clone();
    log.budget = budget.or(log.budget);
    let mut paths = Paths::new();
    let rule = paths.add("rule.id");
    let mut seen = Vec::new();
    let reading = log.read(&facts, paths, |alert, at| {
        let file = log.files[at.file].shown.rsplit('/').next().unwrap().replace("ossec-alerts-", "");
        seen.push((alert.get(rule).and_then(Raw::number).unwrap(), file));
    });
    (seen, reading)
}

/// Days as analysisd and monitord leave them; the clock of the host is at 14:10 of the 20th.
fn days() -> CaptureHost {
    let mut host = support::base(MANAGER);
    let today = alert("20T00:00:01", 4, "") + &alert("20T14:00:00", 5, "");
    host.write(format!("{LOGS}/2026/Nov/ossec-alerts-20.json"), &today).unwrap();
    host.write(format!("{LOGS}/alerts.json"), &today).unwrap();
    let yesterday = alert("19T01:00:00", 2, "") + &alert("19T20:00:00", 3, "");
    host.write(format!("{LOGS}/2026/Nov/ossec-alerts-19.json.gz"), gzip(yesterday.as_bytes())).unwrap();
    let old = alert("01T01:00:00", 1, "");
    host.write(format!("{LOGS}/2026/Nov/ossec-alerts-01.json.gz"), gzip(old.as_bytes())).unwrap();
    host
}

fn rules(seen: &[(u64, String)]) -> Vec<u64> {
    seen.iter().map(|seen| seen.0).collect()
}

#[test]
fn the_newest_file_comes_first_and_none_twice() {
    let (seen, reading) = read(&days(), Since::Default);
    let of = |rule: u64, file: &str| (rule, file.to_owned());
    assert_eq!(seen, [of(4, "20.json"), of(5, "20.json"), of(2, "19.json.gz"), of(3, "19.json.gz")]);
    assert_eq!((reading.alerts, reading.left_out, reading.gaps.len()), (4, false, 0));
    assert_eq!(reading.seen.map(|seen| seen.1 - seen.0), Some(37 * 3600 * 1000));
    assert_eq!(reading.stats.alerts, 4);
}

#[test]
fn windows() {
    let host = days();
    let read = |since| rules(&read(&host, since).0);
    assert_eq!(read(Since::All), [4, 5, 2, 3, 1]);
    assert_eq!(read(Since::Age(3600)), [5]);
    assert_eq!(read(Since::Age(24 * 3600)), [4, 5, 3]);
    // 2026-11-19 20:00:00 UTC
    assert_eq!(read(Since::At(1_795_118_400)), [4, 5, 3]);
    assert_eq!(read(Since::At(1_795_118_401)), [4, 5]);
    assert!(read(Since::Age(0)).is_empty());
}

#[test]
fn without_a_clock_the_newest_alert_is_now() {
    let host = days();
    let tree = tempfile::tempdir().unwrap();
    host.materialise(tree.path()).unwrap();
    let tree = ar_doctor::host::tree::TreeHost::open(tree.path()).unwrap();
    assert!(tree.now().get().is_none());
    assert_eq!(rules(&read(&tree, Since::Age(3600)).0), [5]);
    assert_eq!(rules(&read(&tree, Since::Age(14 * 3600)).0), [4, 5]);
    assert_eq!(rules(&read(&tree, Since::Default).0), [4, 5, 2, 3]);
}

#[test]
fn a_budget_leaves_out_what_is_oldest() {
    let text = |day: u32, lines: u32| -> String {
        (0..lines)
            .map(|at| {
                alert(
                    &format!("{day}T{:02}:{:02}:00", at / 60 % 24, at % 60),
                    7,
                    &format!("\"x\":\"{}\"", "x".repeat(600)),
                )
            })
            .collect()
    };
    // Half a megabyte of today, which fits, and as much of yesterday, which does not all.
    let mut host = support::base(MANAGER);
    let today = text(20, 700);
    assert!(today.len() > 500_000);
    let budget = 700_000;
    host.write(format!("{LOGS}/alerts.json"), &today).unwrap();
    let yesterday = text(19, 699);
    let (plain, packed) =
        (format!("{LOGS}/2026/Nov/ossec-alerts-19.json"), format!("{LOGS}/2026/Nov/ossec-alerts-19.json.gz"));
    let mut both = Vec::new();
    for packs in [false, true] {
        if packs {
            host.remove(&plain).unwrap().write(&packed, gzip(yesterday.as_bytes())).unwrap();
        } else {
            host.write(&plain, &yesterday).unwrap();
        }
        let (seen, reading) = read_within(&host, Since::Default, Some(budget));
        assert!(reading.left_out && reading.gaps.is_empty(), "{:?}", reading.gaps);
        assert_eq!(reading.stats.invalid, 0, "no line is read from its middle");
        let bytes = reading.stats.bytes + reading.stats.lines;
        assert!((690_000..=budget).contains(&bytes), "{bytes}");
        both.push((seen.len(), reading.seen));
        let (seen, reading) = read(&host, Since::Age(7 * 24 * 3600));
        assert_eq!((seen.len(), reading.left_out), (1399, false), "what is asked for is read");
    }
    assert_eq!(both[0], both[1], "gzipped or not");
}

#[test]
fn what_cannot_be_read_is_a_gap() {
    let mut host = days();
    host.deny_read(format!("{LOGS}/2026/Nov/ossec-alerts-20.json")).unwrap();
    let broken = gzip(alert("18T01:00:00", 6, "").repeat(3000).as_bytes());
    host.write(format!("{LOGS}/2026/Nov/ossec-alerts-18.json.gz"), &broken[..broken.len() / 2]).unwrap();
    host.mkfifo(format!("{LOGS}/2026/Nov/ossec-alerts-17.json")).unwrap();
    host.remove(format!("{LOGS}/alerts.json")).unwrap();
    let (seen, reading) = read(&host, Since::Default);
    let rules = rules(&seen);
    assert_eq!(rules[..2], [2, 3]);
    assert!(rules.len() > 2 && rules[2..].iter().all(|rule| *rule == 6), "what came before the end counts");
    let kinds: Vec<GapKind> = reading.gaps.iter().map(|gap| gap.kind).collect();
    assert_eq!(kinds, [GapKind::Denied, GapKind::Failed, GapKind::Failed], "{:?}", reading.gaps);
    let cut = format!("the rest of it, behind {} lines: ", rules.len() - 2);
    assert!(reading.gaps.iter().any(|gap| gap.why.starts_with(&cut)), "{cut}: {:?}", reading.gaps);
    // A year that may not be listed, and no directory at all.
    let mut host = days();
    host.deny_read(format!("{LOGS}/2026")).unwrap();
    let (seen, reading) = read(&host, Since::Default);
    assert_eq!((seen.len(), reading.gaps[0].kind), (2, GapKind::Denied));
    let mut host = days();
    host.remove(LOGS).unwrap();
    let redactor = Redactor::new();
    let facts = Facts::new(&host, &redactor, install::find(&host, None).unwrap());
    assert!(AlertLog::list(&facts, Since::All).is_absent());
}

/// `ar-doctor check` on a tree, as JSON.
fn check(tree: &std::path::Path, options: &[&str]) -> (Option<i32>, serde_json::Value) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(["check", "--format", "json", "--from"])
        .arg(tree)
        .args(options)
        .env_clear()
        .output()
        .unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
}

#[test]
fn check_counts_plain_and_gzipped_days_and_shows_where() {
    let src_ip = "\"src_ip\":\"203.0.113.9\"";
    let mut host = support::base(MANAGER);
    let before = alert("20T00:00:01", 5711, "\"srcip\":\"203.0.113.1\"");
    let today = before.clone() + &alert("20T13:00:00", 5763, src_ip) + &alert("20T14:00:00", 5763, src_ip);
    host.write(format!("{LOGS}/2026/Nov/ossec-alerts-20.json"), &today).unwrap();
    host.write(format!("{LOGS}/alerts.json"), &today).unwrap();
    let yesterday = alert("19T01:00:00", 5763, src_ip).repeat(5);
    host.write(format!("{LOGS}/2026/Nov/ossec-alerts-19.json.gz"), gzip(yesterday.as_bytes())).unwrap();
    let tree = tempfile::tempdir().unwrap();
    host.materialise(tree.path()).unwrap();

    let (status, report) = check(tree.path(), &[]);
    assert_eq!(status, Some(1));
    let found = |report: &serde_json::Value| {
        report["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == "AR138").cloned()
    };
    let finding = found(&report).expect("the field is missed");
    assert_eq!(finding["severity"], "error");
    let title = finding["title"].as_str().unwrap();
    assert!(title.contains("all 7 alerts") && title.contains("5763") && title.contains("srcip"), "{title}");
    let evidence = finding["evidence"].to_string();
    assert!(evidence.contains("data.src_ip = 203.0.113.9"), "{evidence}");
    assert!(evidence.contains("7 without data.srcip"), "{evidence}");
    assert_eq!((report["alerts"]["count"].as_u64(), &report["alerts"]["left_out"]), (Some(8), &false.into()));

    // What it says shows an alert does show one.
    let remedies = finding["remedy"].as_array().unwrap();
    let look = remedies.iter().filter_map(|remedy| remedy.as_str()).find(|remedy| remedy.contains("tail -c"));
    let look = look
        .unwrap()
        .split("    ")
        .next()
        .unwrap()
        .replace("/var/ossec", &format!("{}/var/ossec", tree.path().display()));
    let output = std::process::Command::new("/bin/sh").args(["-c", &look]).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.starts_with("{\"timestamp\"") && line.contains("\"5763\""), "{look}: {line}");

    // A window with a single alert: less sure, so no error.
    let (_, report) = check(tree.path(), &["--since", "30m"]);
    assert_eq!(report["alerts"]["count"].as_u64(), Some(1));
    let (_, report) = check(tree.path(), &["--since", "2026-11-20"]);
    assert_eq!(report["alerts"]["count"].as_u64(), Some(3));
    let (_, report) = check(tree.path(), &["--since", "all"]);
    assert_eq!(
        (report["alerts"]["count"].as_u64(), &report["alerts"]["since"]),
        (Some(8), &serde_json::Value::Null)
    );
    assert_eq!(check(tree.path(), &["--since", "yesterday"]).0, Some(2));
}

#[test]
fn what_is_left_out_is_said_once() {
    let mut host = support::base(MANAGER);
    let one =
        alert("20T12:00:00", 5711, &format!("\"srcip\":\"203.0.113.1\",\"x\":\"{}\"", "x".repeat(100_000)));
    host.write(format!("{LOGS}/alerts.json"), one.repeat(700)).unwrap();
    let redactor = Redactor::new();
    let facts = Facts::new(&host, &redactor, install::find(&host, None).unwrap());
    let alerts = facts.alerts(Vec::new).get().unwrap();
    let note = alerts.note().unwrap();
    assert!(note.contains("only those since 2026-11-20T12:00:00Z were read (64 MiB)"), "{note}");
    assert!(facts.alerts_if_read().is_some());
    let mut facts = Facts::new(&host, &redactor, install::find(&host, None).unwrap());
    facts.look_back(Since::All);
    let alerts = facts.alerts(Vec::new).get().unwrap();
    assert_eq!((alerts.note(), alerts.reading.alerts), (None, 700));
}
