//! `ar-doctor lint` through the built binary, and against `replay` on the same files: what it calls
//! likely no replay refutes, and what blocks execd it has seen.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

#[path = "replay/play.rs"]
mod play;
#[path = "replay/rows.rs"]
#[allow(dead_code, reason = "the events are for tests/replay.rs")]
mod rows;
mod support;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use play::{Place, Played, doctor, replay, run, skipped, wrong};
use rows::{BAD, GOOD, ONCE, Row, STYLES};
use serde_json::Value;

/// What holds up execd, and so every later response.
const BLOCKING: &[&str] = &[
    "stdin-read-to-end",
    "keys-not-flushed",
    "answer-before-keys",
    "script-never-ends",
    "child-holds-stdout",
];

/// Blocking replays of scripts whose text shows nothing, and why.
const NOT_IN_THE_TEXT: &[(&str, &str)] =
    &[("bad/keys-not-flushed.c", "a compiled program has no text to read")];

/// Likely findings that a replay of the row cannot show, and why.
const NOT_IN_A_RUN: &[(&str, &str, &str)] = &[
    (
        "bad/changes-nothing-failed.sh",
        "delete-does-not-revert",
        "its chain does not exist, so the add changes nothing that could be taken back",
    ),
    (
        "good/json5/sh-head-short-keys.sh",
        "noise-before-keys",
        "on 4.x it does not find its fields and ends before its keys",
    ),
];

fn lint(script: &Path, arguments: &[&str]) -> Played {
    run(doctor().arg("lint").arg(script).args(["--format", "json"]).args(arguments))
}

/// Slugs of what was found in the only script, with how sure it is.
fn found(played: &Played) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    played.report["scripts"][0]["findings"]
        .as_array()
        .unwrap_or_else(|| panic!("no report: {} {}", played.stdout, played.stderr))
        .iter()
        .map(|finding| (text(&finding["slug"]), text(&finding["confidence"])))
        .collect()
}

fn timeout(row: &Row) -> &'static str {
    let at = row.arguments.iter().position(|argument| *argument == "--timeout");
    at.and_then(|at| row.arguments.get(at + 1)).copied().unwrap_or("600")
}

/// How much was held against each other.
#[derive(Default)]
struct Tally {
    /// Rows that lint has read and replay has played.
    played: AtomicUsize,
    /// Likely findings that a replay shows too.
    confirmed: AtomicUsize,
    /// Replays that block execd, of scripts of which lint says so.
    blocking: AtomicUsize,
    /// Exceptions of the tables above that were needed.
    excused: AtomicUsize,
}

fn count(what: &AtomicUsize) -> usize {
    what.fetch_add(1, Ordering::Relaxed)
}

fn agree(place: &Place, number: usize, row: &Row, tally: &Tally) -> Result<(), String> {
    let Some(script) = place.script(row.script, row.contract) else { return Ok(()) };
    let seen = found(&lint(&script, &["--contract", row.contract, "--timeout", timeout(row)]));
    let event = place.file(&format!("{number}.json"), row.text());
    let mut arguments = vec!["--contract", row.contract];
    if !row.arguments.contains(&"--timeout") {
        arguments.extend(["--timeout", "600"]);
    }
    arguments.extend(row.arguments);
    let base = if row.contract == "json5" { "agent-5.0-debian" } else { "agent-4.14-debian" };
    let mut slugs: Vec<String> = Vec::new();
    // What only shows with quotes and backslashes in the event needs the battery.
    for more in [&[][..], &["--conformance"]] {
        let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
        let played = replay(&script, &event, &place.home(base), &arguments);
        if !played.report["findings"].is_array() {
            return Err(format!("{} {:?}: no report: {}", row.script, row.contract, played.summary()));
        }
        slugs.extend(played.findings().into_iter().map(|(_, slug, _)| slug));
        let excused = |slug: &str| {
            NOT_IN_A_RUN.iter().any(|(script, known, _)| *script == row.script && *known == slug)
        };
        let likely = |(_, confidence): &&(String, String)| confidence == "likely";
        let refuted =
            |found: &&(String, String)| likely(found) && !slugs.contains(&found.0) && !excused(&found.0);
        let settle = || {
            count(&tally.played);
            for (slug, _) in seen.iter().filter(likely) {
                count(if slugs.contains(slug) { &tally.confirmed } else { &tally.excused });
            }
            Ok(())
        };
        if more.is_empty() {
            for slug in slugs.iter().filter(|slug| BLOCKING.contains(&slug.as_str())) {
                let excused = NOT_IN_THE_TEXT.iter().any(|(script, _)| *script == row.script);
                count(if excused { &tally.excused } else { &tally.blocking });
                if !excused && !seen.iter().any(|(other, _)| BLOCKING.contains(&other.as_str())) {
                    return Err(format!("{}: replay shows {slug}, lint only {seen:?}", row.script));
                }
            }
            if seen.iter().find(refuted).is_none() {
                return settle();
            }
        } else if let Some((slug, _)) = seen.iter().find(refuted) {
            return Err(format!("{}: lint says {slug}, replay only {slugs:?}", row.script));
        } else {
            return settle();
        }
    }
    Err(format!("{}: nothing was played", row.script))
}

#[test]
fn lint_and_replay_agree_on_the_same_files() {
    if skipped() {
        return;
    }
    let place = Place::new();
    for base in ["agent-4.14-debian", "agent-5.0-debian"] {
        place.home(base);
    }
    let rows: Vec<(usize, &Row)> = BAD.iter().chain(GOOD).chain(ONCE).chain(STYLES).enumerate().collect();
    let tally = Tally::default();
    let wrong = wrong(&rows, |(number, row)| agree(&place, *number, row, &tally));
    assert!(wrong.is_empty(), "{} of {} rows fail:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    let [played, confirmed, blocking, excused] =
        [&tally.played, &tally.confirmed, &tally.blocking, &tally.excused]
            .map(|of| of.load(Ordering::Relaxed));
    let of_programs = rows.iter().filter(|(_, row)| row.script.ends_with(".c")).count();
    assert!(played + of_programs >= rows.len(), "{played} of {} rows were played", rows.len());
    assert!(confirmed >= 40 && blocking >= 18, "{confirmed} confirmed, {blocking} blocking");
    assert!(excused >= NOT_IN_A_RUN.len(), "{excused} exceptions were needed: one is out of date");
}

#[test]
fn scripts_in_many_styles_are_silent() {
    let mut seen = 0;
    for entry in fs::read_dir(play::script("styles")).expect("the directory is there") {
        let path = entry.expect("it can be listed").path();
        let played = lint(&path, &[]);
        assert_eq!(played.status, Some(0), "{}: {}", path.display(), played.stdout);
        assert_eq!(found(&played), [], "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 26, "{seen}");
}

#[test]
fn the_exit_status_says_what_was_found() {
    let bad = play::script("bad/read-to-end-cat.sh");
    let good = play::script("good/json4/sh-read.sh");
    let run = |files: &[&Path], more: &[&str]| run(doctor().arg("lint").args(files).args(more));
    assert_eq!(run(&[&good], &[]).status, Some(0));
    assert_eq!(run(&[&good, &bad], &[]).status, Some(1));
    assert_eq!(run(&[&bad], &["--fail-on", "never"]).status, Some(0));
    let both = run(&[&bad, Path::new("/no/such/file")], &["--format", "json"]);
    assert_eq!(both.status, Some(2));
    assert_eq!(both.report["scripts"].as_array().map(Vec::len), Some(1));
    assert_eq!(both.report["unreadable"][0]["file"], "/no/such/file");
    assert!(both.stderr.contains("/no/such/file"), "{}", both.stderr);
    assert_eq!(run(&[Path::new("/dev/null")], &[]).status, Some(2), "no regular file");
    assert_eq!(run(&[], &[]).status, Some(2));
}

#[test]
fn a_finding_has_its_place_and_a_rewrite() {
    let place = Place::new();
    let script = place.file("a.sh", "#!/bin/bash\nINPUT=$(cat)\ntouch /srv/x\n");
    let text = run(doctor().arg("lint").arg(&script).env("NO_COLOR", "1")).stdout;
    let at = format!("{}:2:", script.display());
    assert!(text.contains(&at) && text.contains("error AR095 stdin-read-to-end, likely"), "{text}");
    assert!(text.contains("2 | INPUT=$(cat)") && text.contains('^'), "{text}");
    let found = lint(&script, &[]).report["scripts"][0]["findings"][0].clone();
    assert!(found["rewrite"].is_string(), "{found}");
    // With the rewrite at its place nothing is found.
    let (line, column) = (found["line"].as_u64(), found["column"].as_u64());
    assert_eq!(line, Some(2));
    assert!(column.is_some_and(|column| column >= 1));
}

#[test]
fn suppressed_findings_are_counted() {
    let place = Place::new();
    let script = place.file("a.sh", "#!/bin/bash\n# ar-doctor: ignore[AR095]\nINPUT=$(cat)\ntouch /srv/x\n");
    let played = lint(&script, &[]);
    assert_eq!(played.status, Some(0));
    assert_eq!(played.report["summary"]["suppressed"], 1);
    assert_eq!(played.report["scripts"][0]["suppressed"][0]["slug"], "stdin-read-to-end");
    let text = run(doctor().arg("lint").arg(&script)).stdout;
    assert!(text.contains("1 suppressed"), "{text}");
}

#[test]
fn standard_input_and_other_files_are_read() {
    let mut child = doctor()
        .args(["lint", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    stdin.write_all(b"#!/bin/sh\nx=$(cat)\ntouch /srv/x\n").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(report["scripts"][0]["file"], "-");
    let place = Place::new();
    let program = place.file("program", b"\x7fELF\x02\x01\x01\0binary");
    let batch = place.file("a.cmd", "@echo off\r\n");
    let played = run(doctor().arg("lint").args([&program, &batch]));
    assert_eq!(played.status, Some(0), "{}", played.summary());
    assert!(played.stdout.contains("no script of a known language"), "{}", played.stdout);
    assert!(played.stdout.contains("a batch file"), "{}", played.stdout);
}

#[test]
fn the_document_follows_its_schema() {
    let schema = run(doctor().args(["schema", "lint"])).report;
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    for name in
        ["bad/read-to-end-cat.sh", "bad/module-missing.py", "good/json5/perl-stdin.pl", "good/block.c"]
    {
        let report = lint(&play::script(name), &[]).report;
        let faults: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert_eq!(faults, [""; 0], "{name}");
        assert_eq!(report["schema_version"], 1);
    }
}
