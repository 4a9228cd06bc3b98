//! `cargo bench`: how long `check` takes on a full stock manager home, against
//! `xmllint --noout` over a wrapped, escaped copy of the same files, in one run.
//!
//! The stock ruleset is read in place from `../shared/data` and is no part of
//! this project; without it, or without xmllint (Debian: libxml2-utils), the
//! benchmark says `skipped: why`. Figures are medians of paired runs.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ar_doctor::wazuh::rules::{Content, SourceFile, Surroundings, load};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

const PAIRS: usize = 31;
const BINARY: &str = env!("CARGO_BIN_EXE_ar-doctor");

fn main() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/stock-4.14");
    start_up();
    if !data.is_dir() {
        println!("skipped: {} is not there", data.display());
        return;
    }
    let temp = tempfile::tempdir().expect("a temporary directory");
    let home = temp.path().join("host/var/ossec");
    let files = build_home(&data, &home);
    let host = temp.path().join("host");
    let peak = check(&host).1;
    println!(
        "check: {} XML files, {} bytes, peak memory {:.1} MiB (bound: 64)",
        files.len(),
        size(&files),
        peak as f64 / 1024.0
    );
    rules(&data);
    if Command::new("xmllint").arg("--version").stderr(Stdio::null()).status().is_err() {
        println!("skipped: xmllint is not installed (Debian: libxml2-utils)");
        return;
    }
    let copies = escaped_copies(&files, &temp.path().join("copies"));
    println!("xmllint: accepts {} of {} copies, {} bytes", copies.len(), files.len(), size(&copies));
    let mut ratios = Vec::new();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let own = check(&host).0;
        let peer = timed(Command::new("xmllint").arg("--noout").args(&copies));
        ratios.push(own.as_secs_f64() / peer.as_secs_f64());
        ours.push(own.as_secs_f64());
        theirs.push(peer.as_secs_f64());
    }
    println!(
        "check {:.1} ms, xmllint {:.1} ms, ratio {:.2} (medians of {PAIRS} pairs; bound: 1)",
        median(&mut ours) * 1e3,
        median(&mut theirs) * 1e3,
        median(&mut ratios)
    );
}

/// CPU time of loading all stock rules, in this thread.
fn rules(data: &Path) {
    let mut files: Vec<(Vec<u8>, Vec<u8>)> = fs::read_dir(data.join("rules"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_encoded_bytes(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    let sources: Vec<SourceFile<'_>> =
        files.iter().map(|(path, bytes)| SourceFile { path, content: Content::Bytes(bytes) }).collect();
    let mut loaded = 0;
    let mut times: Vec<f64> = (0..PAIRS)
        .map(|_| {
            let own = || {
                let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("getrusage");
                usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
            };
            let before = own();
            loaded = load(&sources, &Surroundings::default()).rules.len();
            (own() - before) as f64 / 1e3
        })
        .collect();
    println!(
        "rules: {loaded} of {} files loaded in {:.1} ms CPU (median of {PAIRS}; bound: 150)",
        files.len(),
        median(&mut times)
    );
}

/// CPU time of the two commands that have to be quick.
fn start_up() {
    for arguments in [
        &["--version"][..],
        &["explain", "AR034"],
        &["explain", "1311"],
        &["explain", "wazuh-execd: ERROR: (1311): Invalid command name 'fw600' provided."],
    ] {
        let mut times: Vec<f64> = (0..PAIRS)
            .map(|_| {
                let before = cpu();
                timed(Command::new(BINARY).args(arguments));
                (cpu() - before).as_secs_f64()
            })
            .collect();
        println!(
            "{} : {:.1} ms CPU (median of {PAIRS}; bound: 5)",
            arguments.join(" "),
            median(&mut times) * 1e3
        );
    }
}

/// CPU time of all children so far.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("getrusage");
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(microseconds).expect("time does not run backwards"))
}

fn timed(command: &mut Command) -> Duration {
    let start = Instant::now();
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the command starts");
    start.elapsed()
}

/// Time, and peak memory of the largest child so far in KiB.
fn check(host: &Path) -> (Duration, i64) {
    let time = timed(Command::new(BINARY).args(["check", "--from"]).arg(host));
    (time, getrusage(UsageWho::RUSAGE_CHILDREN).expect("getrusage").max_rss())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn size(files: &[PathBuf]) -> u64 {
    files.iter().map(|file| fs::metadata(file).expect("it was just written").len()).sum()
}

/// A manager home with the stock configuration, rules and decoders.
fn build_home(data: &Path, home: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (from, to) in [("rules", "ruleset/rules"), ("decoders", "ruleset/decoders")] {
        fs::create_dir_all(home.join(to)).unwrap();
        for entry in fs::read_dir(data.join(from)).unwrap() {
            let entry = entry.unwrap();
            let target = home.join(to).join(entry.file_name());
            fs::copy(entry.path(), &target).unwrap();
            files.push(target);
        }
    }
    for directory in
        ["etc/rules", "etc/decoders", "etc/shared/default", "bin", "active-response/bin", "logs", "var/run"]
    {
        fs::create_dir_all(home.join(directory)).unwrap();
    }
    for (from, to) in [
        ("config/manager-debian-12.conf", "etc/ossec.conf"),
        ("config/local_rules.xml", "etc/rules/local_rules.xml"),
        ("config/local_decoder.xml", "etc/decoders/local_decoder.xml"),
    ] {
        fs::copy(data.join(from), home.join(to)).unwrap();
        files.push(home.join(to));
    }
    fs::write(home.join("bin/wazuh-control"), "VERSION=\"v4.14.2\"\nTYPE=\"server\"\n").unwrap();
    files.sort();
    files
}

/// Copies that an ordinary XML parser accepts: one root, `&` and `\<` escaped,
/// no `--` inside comments. Those it still refuses are left out.
fn escaped_copies(files: &[PathBuf], directory: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(directory).unwrap();
    let mut accepted = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        let mut escaped = String::from("<root>");
        let mut rest = text.as_str();
        while let Some(start) = rest.find("<!--") {
            escaped.push_str(&escape(&rest[..start]));
            let end = rest[start..].find("-->").map_or(rest.len(), |end| start + end + 3);
            let inner = rest[start + 4..end].strip_suffix("-->").unwrap_or("");
            escaped.push_str(&format!("<!--{} -->", inner.replace('-', "_")));
            rest = &rest[end..];
        }
        escaped.push_str(&escape(rest));
        escaped.push_str("</root>");
        let copy = directory.join(format!("{number:03}.xml"));
        fs::write(&copy, escaped).unwrap();
        let status =
            Command::new("xmllint").arg("--noout").arg(&copy).stderr(Stdio::null()).status().unwrap();
        if status.success() {
            accepted.push(copy);
        }
    }
    accepted
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace("\\<", "\\&lt;")
}
