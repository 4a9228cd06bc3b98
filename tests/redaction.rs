//! Secrets that stand in files which are read never leave, in any form.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs every command that prints something of a host.
fn everything(host: &Path) -> String {
    let mut all = String::new();
    for arguments in [
        &["check", "-v", "--why"][..],
        &["check", "--format", "json"],
        &["check", "-q"],
        &["show", "-v"],
        &["show", "--format", "json"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
            .args(arguments)
            .arg("--from")
            .arg(host)
            .output()
            .expect("the binary runs");
        all.push_str(&String::from_utf8_lossy(&output.stdout));
        all.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    all
}

/// No eight bytes of a secret in a row.
fn assert_hidden(text: &str, secret: &str) {
    for start in 0..=secret.len().saturating_sub(8) {
        let piece = &secret[start..start + 8];
        assert!(!text.contains(piece), "{piece} of {secret} leaves:\n{text}");
    }
}

fn with_config(base: &str, from: &str, to: &str) -> String {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let mut host = support::base(base);
    support::cases::config(&mut host, from, to).expect("the edit fits");
    let root = temp.path().join("host");
    host.materialise(&root).expect("the host is built");
    everything(&root)
}

#[test]
fn secrets_of_healthy_hosts_stay_inside() {
    for base in support::BASES {
        let text = everything(&support::base_path(base));
        assert_hidden(&text, "0badc0de0badc0de0badc0de0badc0de");
        assert_hidden(&text, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    }
}

#[test]
fn a_secret_in_the_line_that_is_shown() {
    let long = "Q7".repeat(90);
    for (kind, block, secret) in [
        (
            "an element",
            "<integration><hook_url>https://hooks.example.com/T0SECRET9/B1SECRET9</hook_url><bogus/></integration><bogus/>",
            "T0SECRET9/B1SECRET9",
        ),
        (
            "a long one, cut by the excerpt",
            &format!("<bogus/><api_key>{long}</api_key>") as &str,
            long.as_str(),
        ),
        ("a long one before the mark", &format!("<api_key>{long}</api_key><bogus/>"), long.as_str()),
        ("a URL", "<bogus>https://admin:hunter2hunter2@siem.example/x</bogus>", "hunter2hunter2"),
        ("a token", "<bogus>Bearer abcdefghijklmnop1234</bogus>", "abcdefghijklmnop1234"),
        (
            "a JWT",
            "<bogus>eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEFghi_jkl</bogus>",
            "eyJzdWIiOiIxMjM0In0",
        ),
        ("a cloud key", "<bogus>AKIAQWERTYUIOPASDFGH</bogus>", "AKIAQWERTYUIOPASDFGH"),
        ("a password", "<bogus>password=swordfish-swordfish</bogus>", "swordfish-swordfish"),
        ("a broken file", "<api_key>Zx81Zx81Zx81Zx81</api_key><a></b>", "Zx81Zx81Zx81Zx81"),
    ] {
        for base in ["manager-4.14-debian", "agent-4.14-debian"] {
            let text = with_config(base, "  <localfile>", &format!("  {block}\n  <localfile>"));
            assert!(text.contains("AR0"), "{kind}: something is found");
            assert_hidden(&text, secret);
        }
    }
}

#[test]
fn a_secret_of_one_place_is_hidden_in_another() {
    // The cluster key turns up as an executable.
    let text = with_config(
        "manager-4.14-debian",
        "<executable>notify-oncall.sh</executable>",
        "<executable>/opt/0badc0de0badc0de0badc0de0badc0de.sh</executable>",
    );
    assert!(text.contains("executable-absolute"), "{text}");
    assert_hidden(&text, "0badc0de0badc0de0badc0de0badc0de");
}

#[test]
fn a_secret_in_a_script() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let mut host = support::base("agent-4.14-debian");
    let script = "/var/ossec/active-response/bin/edge-block.sh";
    host.write(script, "#!/bin/bash --token=s3cr3t-s3cr3t-s3cr3t\r\ntrue\n").expect("the script is there");
    let root = temp.path().join("host");
    host.materialise(&root).expect("the host is built");
    let text = everything(&root);
    assert!(text.contains("crlf-shebang"), "{text}");
    assert_hidden(&text, "s3cr3t-s3cr3t-s3cr3t");
    fs::remove_dir_all(&root).expect("it is removed");
}
