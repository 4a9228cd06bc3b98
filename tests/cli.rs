//! The command line through the built binary: what it prints, and how it ends.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

use std::process::{Command, Output};

fn doctor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .output()
        .expect("the binary runs")
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

const TICKET: &str = "fixtures/tickets/web-01";
const MANAGER: &str = "fixtures/hosts/manager-4.14-debian";
const AGENT: &str = "fixtures/hosts/agent-4.14-debian";

#[test]
fn check_as_text() {
    let output = doctor(&["check", "--why", "-v", "--from", TICKET]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output));
}

#[test]
fn check_as_json() {
    let output = doctor(&["check", "--format", "json", "--from", TICKET]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output));
}

#[test]
fn show_as_text() {
    let output = doctor(&["show", "--from", MANAGER]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(text(&output));
}

#[test]
fn show_as_json() {
    let output = doctor(&["show", "--format", "json", "--from", MANAGER]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(text(&output));
}

#[test]
fn simulate_as_text() {
    let output = doctor(&[
        "simulate",
        "-v",
        "--from",
        MANAGER,
        "--rule",
        "5712",
        "--srcip",
        "203.0.113.9",
        "--agent",
        "003",
    ]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(text(&output));
}

#[test]
fn simulate_as_json() {
    let output = doctor(&[
        "simulate",
        "--format",
        "json",
        "--from",
        MANAGER,
        "--rule",
        "5763",
        "--srcip",
        "10.20.3.4",
    ]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(text(&output));
}

#[test]
fn help_teaches() {
    for command in
        ["check", "show", "lint", "replay", "simulate", "migrate", "explain", "list", "schema", "completions"]
    {
        insta::assert_snapshot!(format!("help-{command}"), text(&doctor(&[command, "--help"])));
    }
    insta::assert_snapshot!("help", text(&doctor(&["--help"])));
}

#[test]
fn explain_says_what_a_check_means() {
    insta::assert_snapshot!(text(&doctor(&["explain", "AR041"])));
    // Id, slug and number lead to the same texts.
    assert_eq!(text(&doctor(&["explain", "crlf-shebang"])), text(&doctor(&["explain", "ar041"])));
    let line = "2026/11/20 10:00:00 wazuh-execd: ERROR: (1311): Invalid command name 'fw600' provided.";
    assert!(text(&doctor(&["explain", line])).contains("(1311)"));
    assert!(text(&doctor(&["explain", "1204"])).contains("No Wazuh version"));
}

#[test]
fn explain_knows_log_lines_and_phrases() {
    let line = "2026/11/20 10:00:00 wazuh-execd: ERROR: (1311): Invalid command name 'fw600' provided.";
    let told = text(&doctor(&["explain", line]));
    assert!(
        told.contains("execd-invalid-name") && told.contains("fw600") && told.contains("AR055"),
        "{told}"
    );
    assert_eq!(told.matches("Invalid command name").count(), 1, "messages are told once: {told}");
    for phrase in ["Error 1204", "active response command not found", "unable to execute script"] {
        let told = text(&doctor(&["explain", phrase]));
        let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("a phrase of web guides. No Wazuh program prints it"), "{told}");
    }
    let aborted = "2026/11/20 10:41:12 active-response/bin/firewall-drop: Aborted";
    assert!(text(&doctor(&["explain", aborted])).contains("looks like a failure and is none"));
}

#[test]
fn signatures_of_a_site_count_and_bad_ones_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let one = "log = ['active-responses', 'ossec']\n\n[[signature]]\nname = 'our-block'\nclass = 'failure'\n\
        check = 'tool-missing'\npattern = '^our-block: cannot find (?P<tool>\\S+)'\n";
    let bad = format!("{one}\n[[signature]]\nname = 'odd'\nclass = 'failure'\npattern = 'a(b'\n");
    std::fs::write(directory.path().join("site.toml"), bad).expect("a file");
    std::fs::write(directory.path().join("worse.toml"), "[[signature]\n").expect("a file");
    std::fs::write(directory.path().join("README"), "[[signature]\n").expect("a file");
    let path = directory.path().to_str().expect("a path");
    for arguments in [
        &["check", "--from", MANAGER, "--signatures", path][..],
        &["explain", "--signatures", path, "our-block: cannot find nft"],
    ] {
        let out = doctor(arguments);
        assert_eq!(out.status.code(), Some(0), "{arguments:?}");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(said.contains("site.toml:9: `odd`") && said.contains("worse.toml:1: "), "{said}");
        assert!(!said.contains("README") && said.lines().count() == 2, "{said}");
    }
    let out = doctor(&["explain", "--signatures", path, "our-block: cannot find nft"]);
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(told.contains("our-block") && told.contains("nft") && told.contains("AR110"), "{told}");
    let out = doctor(&["check", "--from", MANAGER, "--signatures", "/does/not/exist"]);
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn the_exit_status_follows_fail_on_and_strict() {
    for (arguments, status) in [
        (&["check", "--from", TICKET][..], 1),
        (&["check", "--from", TICKET, "--fail-on", "never"], 0),
        (&["check", "--from", TICKET, "--format", "json", "--fail-on", "never"], 0),
        (&["check", "--from", TICKET, "--response", "quarantine0"], 0),
        (&["check", "--from", TICKET, "--response", "quarantine0", "--fail-on", "warning"], 1),
        (&["check", "--from", MANAGER], 0),
        (&["check", "--from", MANAGER, "--fail-on", "advice"], 0),
        (&["check", "--from", MANAGER, "--strict"], 0),
        (&["show", "--from", MANAGER], 0),
        (&["replay", "edge-block900", "--check-only", "--from", AGENT], 0),
        (&["replay", "firewall-drop", "--check-only", "--from", MANAGER, "--set", "data.srcip=127.0.0.1"], 5),
        (&["replay", "firewall-drop", "--check-only", "--from", MANAGER, "--payload", "README.md"], 5),
        (&["simulate", "--from", MANAGER, "--rule", "5712"], 0),
        (&["simulate", "--from", MANAGER, "--rule", "5712", "--expect", "firewall-drop600"], 0),
        (&["simulate", "--from", MANAGER, "--rule", "5710", "--expect", "firewall-drop600"], 1),
        (&["list"], 0),
        (&["schema", "check"], 0),
        (&["completions", "bash"], 0),
    ] {
        assert_eq!(doctor(arguments).status.code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn replay_refuses_what_it_cannot_play() {
    for (arguments, status, words) in [
        (&["replay", "edge-block900", "--from", AGENT][..], 2, "--check-only"),
        (&["replay", "edge-blok", "--check-only", "--from", AGENT], 2, "edge-block900"),
        (&["replay", "edge-block900", "--check-only", "--from", AGENT, "--payload", "no.json"], 2, "no.json"),
        (&["replay", "edge-block900", "--check-only", "--from", AGENT, "--rule", "1"], 2, "alerts.json"),
        (&["replay", "./none", "--check-only"], 2, "./none"),
        (&["replay", "x", "--check-only", "--set", "novalue"], 2, "novalue"),
        (&["replay", "x", "--deadline", "0s"], 2, "0s"),
        (&["replay", "x", "--yes"], 2, "--execute"),
    ] {
        let output = doctor(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn colour_is_used_where_it_is_wanted() {
    let coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
            .args(arguments)
            .args(["check", "--from", TICKET])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .envs(variables.iter().copied())
            .output()
            .expect("the binary runs");
        output.stdout.contains(&0x1b)
    };
    assert!(!coloured(&[], &[]), "a pipe gets none");
    assert!(coloured(&["--color", "always"], &[]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn the_form_does_not_change_what_is_found() {
    let report: serde_json::Value =
        serde_json::from_str(&text(&doctor(&["check", "--format", "json", "--from", TICKET]))).expect("JSON");
    let lines = text(&doctor(&["check", "-v", "--from", TICKET]));
    for finding in report["findings"].as_array().expect("findings is an array") {
        let (id, slug) = (finding["id"].as_str().expect("id"), finding["slug"].as_str().expect("slug"));
        assert!(lines.contains(&format!("{id} {slug}")), "{id} is not in the text");
    }
    assert_eq!(report["headline"], report["findings"][0]["fingerprint"]);
    assert_eq!(report["responses"][0]["stages"].as_array().map(Vec::len), Some(10));
}
