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
