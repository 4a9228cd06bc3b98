//! `ar-doctor simulate` through the binary: what fires, and the first condition that stops the rest.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const MANAGER: &str = "fixtures/hosts/manager-4.14-debian";

fn simulate(host: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(["simulate", "--format", "json", "--from", host])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // It may end before it reads.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// By response: empty when it fires, else why not.
fn answers(host: &str, arguments: &[&str], input: &str) -> Vec<(String, String)> {
    let output = simulate(host, arguments, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    document["responses"]
        .as_array()
        .expect("responses")
        .iter()
        .map(|entry| (text(&entry["name"]), text(&entry["reason"])))
        .collect()
}

const LOGTEST: &str = "**Phase 2: Completed decoding.\n\tname: 'sshd'\n\tsrcip: '203.0.113.9'\n\n**Phase 3: Completed filtering (rules).\n\tid: '5712'\n\tlevel: '10'\n\tgroups: '['syslog', 'sshd', 'authentication_failures']'\n";
const ALERT: &str = r#"{"rule":{"level":16,"id":"5719","groups":["syslog","sshd"]},"agent":{"id":"000"},"data":{"srcip":"203.0.113.9","dstuser":"root"}}"#;

#[test]
fn the_first_condition_that_failed_is_named() {
    const FIRES: &str = "";
    let level = "level 10 < 12";
    let group = "rules_group \"authentication_failures\" is not in ";
    // Arguments, input, and the beginning of each answer: firewall-drop, notify-oncall, netsh.
    let rows: &[(&[&str], &str, [&str; 3])] = &[
        (&["--rule", "5712"], "", [FIRES, level, FIRES]),
        (&["--rule", "5763"], "", [FIRES, level, group]),
        (&["--rule", "5719"], "", ["rule 5719 is not among rules_id 5712, 5763", FIRES, group]),
        (&["--rule", "5700"], "", ["rule 5700 has level 0"; 3]),
        (
            &["--rule", "5712", "--srcip", "10.20.1.1"],
            "",
            ["white_list 10.20.0.0/16 holds 10.20.1.1, etc/ossec.conf:8", level, "white_list 10.20.0.0/16"],
        ),
        (
            &["--rule", "5712", "--srcip", "::ffff:10.20.1.1"],
            "",
            ["white_list 10.20.0.0/16", level, "white_list"],
        ),
        (&["--rule", "5712", "--srcip", "10.21.1.1"], "", [FIRES, level, FIRES]),
        (&["--rule", "5712", "--user", "a b"], "", ["dstuser \"a b\"", level, "dstuser"]),
        (&["--rule", "5712", "--srcip", "a/b"], "", ["srcip \"a/b\"", level, "srcip"]),
        (&["--rule", "5712", "--level", "13"], "", [FIRES, FIRES, FIRES]),
        (&["--rule", "5712", "--group", "x"], "", [FIRES, level, group]),
        (
            &["--rule", "77", "--level", "12"],
            "",
            [
                "rule 77 is not among",
                FIRES,
                "rules_group \"authentication_failures\": the groups of rule 77 are not known",
            ],
        ),
        (&["--logtest", "-"], LOGTEST, [FIRES, level, FIRES]),
        (&["-"], ALERT, ["rule 5719", FIRES, group]),
        (
            &["-", "--srcip", "127.0.0.1"],
            ALERT,
            ["rule 5719", "white_list 127.0.0.1 holds 127.0.0.1, etc/ossec.conf:6", group],
        ),
    ];
    for (arguments, input, expected) in rows {
        for host in [MANAGER, "fixtures/hosts/manager-4.9-rhel", "fixtures/hosts/manager-4.2-debian"] {
            let answers = answers(host, arguments, input);
            assert_eq!(answers.len(), expected.len());
            for ((name, why), expected) in answers.iter().zip(expected) {
                let fits = if expected.is_empty() { why.is_empty() } else { why.starts_with(expected) };
                assert!(fits, "{host} {arguments:?}: {name}: {why:?} is not {expected:?}");
            }
        }
    }
}

#[test]
fn the_line_is_the_one_execd_writes() {
    let output = simulate(MANAGER, &["-"], ALERT);
    let document: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let entry = &document["responses"][1];
    assert_eq!(entry["hosts"][0], "the manager");
    let line: Value = serde_json::from_str(entry["line"].as_str().expect("a line")).expect("it is JSON");
    assert_eq!(line["command"], "add");
    assert_eq!(line["origin"]["module"], "wazuh-execd");
    assert_eq!(line["parameters"]["program"], "active-response/bin/notify-oncall.sh");
    let alert: Value = serde_json::from_str(ALERT).expect("it is JSON");
    assert_eq!(line["parameters"]["alert"], alert);
}

#[test]
fn how_it_ends() {
    for (host, arguments, input, status) in [
        (MANAGER, &["--rule", "5712", "--expect", "netsh1800"][..], "", 0),
        (MANAGER, &["--rule", "5763", "--expect", "netsh1800"], "", 1),
        (MANAGER, &["--rule", "5763", "--expect", "no-such"], "", 2),
        (MANAGER, &["--rule", "77"], "", 2),
        (MANAGER, &["-"], "nonsense", 2),
        (MANAGER, &["--logtest", "-"], "nonsense", 2),
        (MANAGER, &[], "", 2),
        (MANAGER, &["-", "--rule", "5712"], ALERT, 2),
        ("fixtures/hosts/agent-4.14-debian", &["--rule", "5712"], "", 3),
        ("fixtures/hosts/manager-5.0-debian", &["--rule", "5712"], "", 3),
    ] {
        let output = simulate(host, arguments, input);
        assert_eq!(output.status.code(), Some(status), "{host} {arguments:?}");
    }
}
