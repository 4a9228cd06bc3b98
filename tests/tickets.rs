//! Every capture in `fixtures/tickets` shows what the report in it says: a ticket becomes a test by
//! unpacking it there. `AR_DOCTOR_UPDATE=1 cargo test --test tickets` writes the reports anew.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// Where they lie; `AR_DOCTOR_TICKETS` names another place, for captures that are nobody else's business.
fn tickets() -> Vec<PathBuf> {
    let place = std::env::var_os("AR_DOCTOR_TICKETS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tickets"), PathBuf::from);
    let entries = fs::read_dir(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all
}

/// What was found, and what became of each response. Words may become better.
fn diagnosis(report: &Value) -> Value {
    let part = |value: &Value, keys: &[&str]| -> Value {
        keys.iter().map(|&key| (key.to_owned(), value[key].clone())).collect::<serde_json::Map<_, _>>().into()
    };
    let parts = |list: &str, keys: &[&str]| -> Vec<Value> {
        let list = report[list].as_array().unwrap_or_else(|| panic!("no list {list} in the report"));
        list.iter().map(|value| part(value, keys)).collect()
    };
    let mut responses = parts("responses", &["id", "name", "runs", "verdict", "stages"]);
    for stage in responses.iter_mut().flat_map(|one| one["stages"].as_array_mut().into_iter().flatten()) {
        *stage = part(stage, &["stage", "state"]);
    }
    json!({
        "verdict": report["verdict"],
        "headline": report["headline"],
        "findings": parts("findings", &["fingerprint", "severity", "confidence", "rank", "explained_by"]),
        "responses": responses,
        "unknown": parts("unknown", &["check", "kind"]),
    })
}

#[test]
fn every_ticket_shows_what_its_report_says() {
    let tickets = tickets();
    assert!(!tickets.is_empty());
    let mut wrong = Vec::new();
    for ticket in tickets {
        let name = ticket.display();
        assert!(ticket.join("host.json").is_file(), "{name} is no unpacked capture: tar -xzf it");
        let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
            .args(["check", "--no-suppressions", "--format", "json", "--from"])
            .arg(&ticket)
            .env_clear()
            .output()
            .expect("the binary runs");
        assert!(output.stderr.is_empty(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let now = String::from_utf8(output.stdout).expect("UTF-8");
        let file = ticket.join("report.json");
        if std::env::var_os("AR_DOCTOR_UPDATE").is_some() {
            fs::write(&file, &now).expect("the report is written");
            continue;
        }
        let then = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let [then, now] = [then, now].map(|text| {
            let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            serde_json::to_string_pretty(&diagnosis(&report)).expect("it is JSON")
        });
        wrong.extend(support::difference(&then, &now).map(|difference| format!("{name}:\n{difference}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
