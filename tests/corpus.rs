//! Wazuh's stock files, read in place from `../shared/data` when it is there.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ar_doctor::wazuh::xml;

/// The corpus, or nothing with a word about it: it is no part of this project.
fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/stock-4.14");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

fn files(directory: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .expect("the directory is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == suffix))
        .collect();
    files.sort();
    files
}

#[test]
fn every_rule_and_decoder_file_is_read() {
    let Some(corpus) = corpus() else { return };
    let all: Vec<PathBuf> =
        ["rules", "decoders"].iter().flat_map(|kind| files(&corpus.join(kind), "xml")).collect();
    assert_eq!(all.len(), 288);
    for file in all {
        let bytes = fs::read(&file).expect("the file is there");
        let document = xml::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(!document.roots.is_empty(), "{} has no element", file.display());
    }
}

/// Runs a command on a configuration file and gives exit status and JSON.
fn json(command: &str, file: &Path, role: &str) -> (Option<i32>, serde_json::Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args([command, "--format", "json", "--role", role, "--config"])
        .arg(file)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}: {text}", file.display()));
    (output.status.code(), value)
}

#[test]
fn every_configuration_file_is_read() {
    let Some(corpus) = corpus() else { return };
    let all = files(&corpus.join("config"), "conf");
    let configurations = all.iter().filter(|file| {
        file.file_name().is_some_and(|name| !name.to_string_lossy().contains("internal_options"))
    });
    let mut seen = 0;
    for file in configurations {
        seen += 1;
        let text = fs::read_to_string(file).expect("the file is there");
        let role = if text.contains("<client>") { "agent" } else { "manager" };
        let (status, shown) = json("show", file, role);
        assert_eq!(shown["xml"]["accepted"], true, "{}", file.display());
        // Installers leave a placeholder for the manager's address, which agentd refuses.
        let placeholder = text.contains("<address>MANAGER_IP<") || text.contains("<address>0.0.0.0<");
        for (daemon, outcome) in shown["daemons"].as_object().expect("daemons is an object") {
            let refuses = placeholder && daemon == "wazuh-agentd";
            assert_eq!(outcome["starts"], !refuses, "{} {daemon}", file.display());
            let expected = if refuses { serde_json::json!([4112, 1215]) } else { serde_json::json!([]) };
            assert_eq!(outcome["logs"], expected, "{} {daemon}", file.display());
        }
        assert_eq!(status, Some(i32::from(placeholder)), "{}", file.display());
        let (_, report) = json("check", file, role);
        let wrong: Vec<&serde_json::Value> = report["findings"]
            .as_array()
            .expect("findings is an array")
            .iter()
            .filter(|finding| finding["severity"] != "advice" && finding["slug"] != "client-address-invalid")
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", file.display());
    }
    assert_eq!(seen, 7);
}

/// A home with the stock rules: nothing of them is left out, and `show` counts them.
#[test]
fn the_stock_rules_are_loaded_as_they_are_written() {
    let Some(corpus) = corpus() else { return };
    let temp = tempfile::tempdir().expect("a temporary directory");
    let home = temp.path().join("var/ossec");
    for (from, to) in [("rules", "ruleset/rules"), ("decoders", "ruleset/decoders")] {
        fs::create_dir_all(home.join(to)).expect("it is new");
        for file in files(&corpus.join(from), "xml") {
            let name = file.file_name().expect("a name");
            fs::copy(&file, home.join(to).join(name)).expect("it is copied");
        }
    }
    fs::create_dir_all(home.join("bin")).expect("it is new");
    fs::create_dir_all(home.join("etc")).expect("it is new");
    fs::write(home.join("bin/wazuh-control"), "VERSION=\"v4.14.2\"\nTYPE=\"server\"\n").expect("written");
    // The stock configuration without its exclusion, so that all of them are read.
    let conf = fs::read_to_string(corpus.join("config/manager-debian-12.conf")).expect("it is there");
    let conf = conf.replace("<rule_exclude>0215-policy_rules.xml</rule_exclude>", "");
    fs::write(home.join("etc/ossec.conf"), &conf).expect("written");
    for list in conf.split("<list>").skip(1).filter_map(|rest| rest.split_once("</list>")) {
        let file = home.join(list.0);
        fs::create_dir_all(file.parent().expect("a directory")).expect("it is new");
        fs::write(file, "").expect("written");
    }
    let run = |command: &str| -> serde_json::Value {
        let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
            .args([command, "--format", "json", "--from"])
            .arg(temp.path())
            .output()
            .expect("the binary runs");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let shown = run("show");
    assert_eq!(shown["rules"]["loaded"], 4512, "{:#}", shown["rules"]);
    assert_eq!(shown["rules"]["changes"], serde_json::json!([]));
    let report = run("check");
    let dropped = report["findings"].as_array().expect("findings").iter();
    let dropped: Vec<_> = dropped.filter(|finding| finding["id"] == "AR129").collect();
    assert!(dropped.is_empty(), "{dropped:#?}");
    assert!(report["findings"].as_array().is_some_and(|all| !all.is_empty()), "the report is one");
    // One list is gone: its rules are left out, and what hangs below them with them.
    fs::remove_file(home.join("etc/lists/amazon/aws-eventnames")).expect("it was there");
    let shown = run("show");
    let changes = shown["rules"]["changes"].as_array().expect("changes");
    let faults: Vec<_> = changes.iter().filter(|change| change["because"].is_null()).collect();
    assert_eq!((faults.len(), changes.len()), (1, 8), "{changes:#?}");
    assert_eq!(faults[0]["rule"], 80202);
    assert_eq!(faults[0]["numbers"], serde_json::json!([7616]));
    let report = run("check");
    let found = report["findings"].as_array().expect("findings").iter();
    let found: Vec<_> = found.filter(|finding| finding["id"] == "AR129").collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["severity"], "advice");
}
