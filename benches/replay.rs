//! `cargo bench --bench replay`: what a replay of a trivial script in the sandbox costs
//! over the script alone, which gets the same line on a pipe. Figures are medians of
//! paired runs; root only, else the benchmark says `skipped: why`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const PAIRS: usize = 31;

/// The most own time a replay may have, in milliseconds.
const BOUND: f64 = 50.0;
const BINARY: &str = env!("CARGO_BIN_EXE_ar-doctor");

/// Reads its line, sends its key, reads the answer, leaves a mark and takes it back: the
/// least a script can do. One that did nothing would be tried with other events as well.
const SCRIPT: &str = r#"#!/bin/sh
IFS= read -r line
ip=${line#*srcip\":\"}
ip=${ip%%\"*}
case $line in *'"command":"delete"'*) rm -f "etc/blocked.$ip"; exit 0 ;; esac
echo '{"version":1,"origin":{"name":"bench","module":"active-response"},"command":"check_keys","parameters":{"keys":["'"$ip"'"]}}'
IFS= read -r answer
: >"etc/blocked.$ip"
"#;

const MESSAGE: &str = r#"{"version":1,"origin":{"name":"siem","module":"wazuh-execd"},"command":"add","parameters":{"extra_args":[],"alert":{"rule":{"level":5,"id":"5710"},"data":{"srcip":"203.0.113.9"}},"program":"active-response/bin/bench.sh"}}"#;

/// One base home of the fixtures.
const HOME: &str = "fixtures/hosts/agent-4.14-debian";

fn main() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: the sandbox needs root");
        return;
    }
    // A home below /tmp would make its files look like scratch.
    let temp = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()).unwrap();
    let root = temp.path().join("root");
    let host = ar_doctor::host::capture::CaptureHost::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(HOME));
    host.expect("a base host").materialise(&root).unwrap();
    let script = temp.path().join("bench.sh");
    fs::write(&script, SCRIPT).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let payload = temp.path().join("message.json");
    fs::write(&payload, MESSAGE).unwrap();

    // A plan has several runs of the script; each is paid for on its own.
    let (first, runs) = replay(&script, &payload, &root.join("var/ossec"));
    if runs == 0 {
        println!("skipped: the replay has no steps ({:.1} ms)", first * 1e3);
        return;
    }
    let (mut own, mut ratios, mut bares, mut replays) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let alone: f64 = (0..runs).map(|_| bare(&script, &root.join("var/ossec"))).sum();
        let (whole, _) = replay(&script, &payload, &root.join("var/ossec"));
        own.push(whole - alone);
        ratios.push(whole / alone);
        bares.push(alone);
        replays.push(whole);
    }
    let own = median(&mut own) * 1e3;
    println!(
        "replay {:.1} ms with {runs} runs of the script, the same bare {:.1} ms: own time {own:.1} ms, ratio {:.1} \
         (medians of {PAIRS} pairs; bound: {BOUND} ms of own time)",
        median(&mut replays) * 1e3,
        median(&mut bares) * 1e3,
        median(&mut ratios)
    );
    if own > BOUND && !cfg!(debug_assertions) {
        eprintln!("the own time is over the bound");
        std::process::exit(1);
    }
}

/// Seconds, and how many times the script was run.
fn replay(script: &Path, payload: &Path, home: &Path) -> (f64, usize) {
    let start = Instant::now();
    let output = Command::new(BINARY)
        .arg("replay")
        .arg(script)
        .arg("--payload")
        .arg(payload)
        .arg("--home")
        .arg(home)
        .args(["--contract", "json4", "--timeout", "600", "--format", "json"])
        .stdin(Stdio::null())
        .output()
        .expect("the command starts");
    let time = start.elapsed().as_secs_f64();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (time, report["steps"].as_array().map_or(0, Vec::len))
}

/// The script by itself, with execd's part of the talk; seconds.
fn bare(script: &Path, home: &Path) -> f64 {
    let start = Instant::now();
    let mut child = Command::new(script)
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the script starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    writeln!(input, "{MESSAGE}").expect("it reads");
    let mut keys = String::new();
    output.read_line(&mut keys).expect("it sends keys");
    assert!(keys.contains("check_keys"), "{keys}");
    writeln!(input, "{}", MESSAGE.replace("\"add\"", "\"continue\"")).expect("it reads");
    drop((input, output));
    child.wait().expect("it ends");
    start.elapsed().as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
