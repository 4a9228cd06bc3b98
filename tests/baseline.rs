//! What changed: `check --baseline` through the binary, on a host that lies in a directory, and
//! the evidence that says when a file changed.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ar_doctor::findings::Evidence;
use serde_json::Value;

const SCRIPT: &str = "var/ossec/active-response/bin/edge-block.sh";

fn doctor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ar-doctor")).args(arguments).env_clear().output().expect("it runs")
}

fn check(root: &Path, more: &[&str]) -> Output {
    let root = root.display().to_string();
    doctor(&[&["check", "--format", "json", "--from", &root], more].concat())
}

fn json(output: &Output) -> Value {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

/// A copy of an unpacked capture that may be changed.
fn copy(base: &str, to: &Path) -> PathBuf {
    let from = support::base_path(base);
    let status = Command::new("cp").arg("-r").arg(&from).arg(to).status().expect("cp runs");
    assert!(status.success());
    to.join(base)
}

fn findings<'a>(report: &'a Value, id: &str) -> Vec<&'a Value> {
    report["findings"].as_array().expect("an array").iter().filter(|finding| finding["id"] == id).collect()
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("it is text");
    assert!(text.contains(from), "{} has no {from}", path.display());
    fs::write(path, text.replacen(from, to, 1)).expect("it is written");
}

#[test]
fn a_changed_script_is_shown_with_both_values_and_named_by_what_stops_it() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = copy("agent-4.14-debian", scratch.path());
    let report = check(&root, &[]);
    assert_eq!(report.status.code(), Some(0));
    let baseline = scratch.path().join("baseline.json");
    fs::write(&baseline, &report.stdout).expect("it is written");
    let named = baseline.display().to_string();
    let report = json(&report);
    let recorded = report["executables"].as_array().expect("an array");
    let script = recorded.iter().find(|one| one["path"] == format!("/{SCRIPT}")).expect("it is recorded");
    assert_eq!((&script["mode"], &script["owner"]), (&"0750".into(), &"root:wazuh".into()));
    let bytes = fs::read(root.join("files").join(SCRIPT)).expect("it is there");
    assert_eq!(script["size"], bytes.len());
    let sum =
        Command::new("sha256sum").arg(root.join("files").join(SCRIPT)).output().expect("sha256sum runs");
    assert_eq!(script["sha256"].as_str(), String::from_utf8_lossy(&sum.stdout).split(' ').next());
    // The same host has not drifted.
    let same = json(&check(&root, &["--baseline", &named]));
    assert_eq!(same["findings"].as_array().map(Vec::len), Some(0));

    edit(&root.join("files").join(SCRIPT), "#!/bin/bash\n", "#!/bin/bash\r\n");
    let output = check(&root, &["--baseline", &named]);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    let drift = findings(&report, "AR226");
    assert_eq!(drift.len(), 1, "{report:#}");
    let evidence = drift[0]["evidence"].to_string();
    assert!(evidence.contains(script["sha256"].as_str().expect("a sum")), "{evidence}");
    assert_eq!(drift[0]["severity"], "advice");
    let stops = findings(&report, "AR041");
    let told = stops[0]["evidence"].to_string();
    assert!(told.contains("since then: size") && told.contains(&named), "{told}");
}

#[test]
fn what_cannot_be_compared_is_one_clear_error() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = copy("agent-4.14-debian", scratch.path());
    let good = String::from_utf8(check(&root, &[]).stdout).expect("UTF-8");
    let other = copy("manager-4.14-debian", scratch.path());
    let manager = String::from_utf8(check(&other, &[]).stdout).expect("UTF-8");
    let without: Value = {
        let mut value: Value = serde_json::from_str(&good).expect("JSON");
        value.as_object_mut().expect("an object").remove("executables");
        value
    };
    for (text, words) in [
        ("not JSON".to_owned(), "no JSON"),
        ("{}".to_owned(), "no report of `ar-doctor check`"),
        (good.replacen("\"schema_version\": 2", "\"schema_version\": 3", 1), "format 3"),
        (without.to_string(), "did not record the scripts"),
        (manager, "another host"),
        (good.replace("web-01", "db-02"), "db-02 there and web-01 here"),
    ] {
        let file = scratch.path().join("baseline.json");
        fs::write(&file, &text).expect("it is written");
        let output = check(&root, &["--baseline", &file.display().to_string()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words}: {said}");
        assert!(said.contains(words) && said.contains("--baseline"), "{words}: {said}");
        assert!(output.stdout.is_empty(), "{words}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    }
    let missing = check(&root, &["--baseline", "/no/such/file"]);
    assert_eq!(missing.status.code(), Some(2));
    let bare = doctor(&["check", "--config", "x", "--role", "agent", "--baseline", "x"]);
    assert_eq!(bare.status.code(), Some(2));
}

#[test]
fn a_changed_definition_is_shown_and_a_comment_is_none() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = copy("manager-4.14-debian", scratch.path());
    let baseline = scratch.path().join("baseline.json");
    fs::write(&baseline, check(&root, &[]).stdout).expect("it is written");
    let named = baseline.display().to_string();
    let conf = root.join("files/var/ossec/etc/ossec.conf");
    edit(&conf, "<rules_id>5712", "<!-- since May -->\n <rules_id> 5712");
    assert_eq!(findings(&json(&check(&root, &["--baseline", &named])), "AR227").len(), 0);
    edit(&conf, "<rules_id> 5712", "<rules_id>5710, 5712");
    let report = json(&check(&root, &["--baseline", &named]));
    let drift = findings(&report, "AR227");
    assert_eq!(drift.len(), 1, "{report:#}");
    assert!(drift[0]["title"].as_str().is_some_and(|title| title.contains("is not defined as it was")));
    // The other way round it is a report of the same host, too.
    let output = doctor(&["check", "-v", "--baseline", &named, "--from", &root.display().to_string()]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("AR227 response-drift"));
}

/// The evidence of the only entry, as text.
fn observed(host: &dyn ar_doctor::host::Host) -> String {
    let outcome = support::diagnose(host);
    let finding = &outcome.diagnosis.entries.first().unwrap_or_else(|| panic!("nothing found")).finding;
    let lines = finding.evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Observation { source, text } => Some(format!("{source}: {text}\n")),
        Evidence::Excerpt { .. } => None,
    });
    lines.collect()
}

/// 2026-11-20 13:00:00 UTC.
const AT: i64 = 1_795_179_600;
const BIN: &str = "/var/ossec/active-response/bin";
const LOG: &str = "/var/ossec/logs/active-responses.log";

#[test]
fn evidence_says_what_changed_after_the_last_good_run() {
    // The log is written in the time of a zone an hour east of Greenwich.
    let told = |script: &str, log: &str, written: i64, changed: i64| {
        let mut host = support::base("agent-4.14-debian");
        let path = format!("{BIN}/{script}");
        host.write(LOG, log).expect("the log is there");
        host.set_times(LOG, written, written).expect("the log is there");
        host.set_mode(&path, 0o640).expect("the script is there");
        host.set_times(&path, AT - 90_000, changed).expect("the script is there");
        observed(&host)
    };
    let ended = "2026/11/20 13:50:00 active-response/bin/firewall-drop: Ended\n\
                 2026/11/20 14:00:00 active-response/bin/host-deny: Ended\n";
    let said = told("firewall-drop", ended, AT, AT - 600 + 240);
    assert!(
        said.contains(
            "changed 2026-11-20T12:54:00Z, 4 minutes after the last run that came to its end (2026-11-20T12:50:00Z)"
        ),
        "{said}"
    );
    // Nothing is said of a script that ran after its change, of one that never ran, and where
    // the zone cannot be told.
    assert!(!told("firewall-drop", ended, AT, AT - 900).contains("after the last"));
    assert!(!told("edge-block.sh", ended, AT, AT - 360).contains("after the last"));
    assert!(!told("firewall-drop", ended, AT + 77, AT - 360).contains("after the last"));
    assert!(!told("firewall-drop", &format!("{ended}noise\n"), AT, AT - 360).contains("after the last"));
    // A script of one's own has no word for its end.
    let own = "2026/11/20 14:00:00 active-response/bin/edge-block.sh: add 203.0.113.9\n";
    let said = told("edge-block.sh", own, AT + 1, AT + 300);
    assert!(said.contains("5 minutes after the last line of the script"), "{said}");
    // One that says when it starts and not that it ended was refused, or is still at work.
    let refused = "2026/11/20 14:00:00 active-response/bin/firewall-drop: Starting\n\
                   2026/11/20 14:00:00 active-response/bin/firewall-drop: Invalid input format\n";
    assert!(!told("firewall-drop", refused, AT, AT + 300).contains("after the last"));
}
