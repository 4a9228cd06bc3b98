//! `cargo bench --bench host`: how long `check` takes on a live host with 2,000 processes and 300 mounts,
//! against `ps aux` and `findmnt` in the same run.
//!
//! The processes are children that sleep and the mounts are in a namespace of their own: both are gone with
//! the benchmark. It needs root, unshare(1), ps(1) and findmnt(8), and says `skipped: why` without them.
//! Figures are medians of paired runs.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ar_doctor::host::capture::CaptureHost;

const PAIRS: usize = 21;
const PROCESSES: usize = 2000;
const MOUNTS: usize = 300;
const BINARY: &str = env!("CARGO_BIN_EXE_ar-doctor");

/// Makes the mounts and starts the benchmark again where they are.
const INSIDE: &str = r#"
directory=$1 mounts=$2 again=$3 home=$4
i=0
while test $i -lt "$mounts"; do
    mkdir "$directory/$i"
    mount -t tmpfs -o size=64k ar-doctor "$directory/$i"
    i=$((i + 1))
done
exec "$again" --inside "$home"
"#;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--inside") {
        measure(Path::new(&arguments[at + 1]));
        return;
    }
    for (program, option) in [("ps", "--version"), ("findmnt", "--version"), ("unshare", "--version")] {
        let tried = Command::new(program).arg(option).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if tried.is_err() {
            println!("skipped: {program} is not installed");
            return;
        }
    }
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: mounts need root");
        return;
    }
    let temp = tempfile::tempdir().expect("a temporary directory");
    let home = home(temp.path());
    let mounts = temp.path().join("mounts");
    fs::create_dir(&mounts).unwrap();
    let mut sleepers = Sleepers(Vec::new());
    let daemon = home.join("bin/wazuh-execd");
    fs::copy(sleep(), &daemon).unwrap();
    sleepers.start(&daemon);
    for _ in 0..PROCESSES {
        sleepers.start(sleep());
    }
    let status = Command::new("unshare")
        .args(["-m", "--propagation", "private", "sh", "-ec", INSIDE, "sh"])
        .arg(&mounts)
        .arg(MOUNTS.to_string())
        .arg(std::env::current_exe().unwrap())
        .arg(&home)
        .status()
        .expect("unshare was there a moment ago");
    if !status.success() {
        println!("skipped: mounts cannot be made here ({status})");
    }
}

/// Children that are ended with the benchmark.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start(&mut self, program: &Path) {
        let mut command = Command::new(program);
        command.arg("3600").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.0.push(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display())));
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

fn sleep() -> &'static Path {
    let mut places = ["/usr/bin/sleep", "/bin/sleep"].into_iter().map(Path::new);
    places.find(|path| path.exists()).expect("sleep(1)")
}

/// The home of a healthy agent.
fn home(scratch: &Path) -> PathBuf {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/agent-4.14-debian");
    let root = scratch.join("root");
    CaptureHost::open(&base).expect("a base host").materialise(&root).expect("a tree");
    root.join("var/ossec")
}

fn measure(home: &Path) {
    let count = |path: &str, fits: fn(&str) -> bool| {
        let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| fits(&name.to_string_lossy())).count()
    };
    let processes = count("/proc", |name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
    assert!(processes > PROCESSES && mounts > MOUNTS, "{processes} processes, {mounts} mounts");
    let mut check = Command::new(BINARY);
    check.args(["check", "--home"]).arg(home);
    let (mut ps, mut findmnt) = (Command::new("ps"), Command::new("findmnt"));
    ps.arg("aux");
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..=PAIRS {
        let own = timed(&mut check, &[0, 1]);
        let peer = timed(&mut ps, &[0]) + timed(&mut findmnt, &[0]);
        // The first pair warms the caches of both.
        if pair > 0 {
            ours.push(own.as_secs_f64());
            theirs.push(peer.as_secs_f64());
            ratios.push(own.as_secs_f64() / peer.as_secs_f64());
        }
    }
    println!(
        "check on {processes} processes and {mounts} mounts: {:.1} ms, ps aux and findmnt {:.1} ms, \
         ratio {:.2} (medians of {PAIRS} pairs; bound: 3)",
        median(&mut ours) * 1e3,
        median(&mut theirs) * 1e3,
        median(&mut ratios)
    );
}

/// Wall time of a command that has to end with one of these statuses.
fn timed(command: &mut Command, statuses: &[i32]) -> Duration {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the command starts");
    let time = start.elapsed();
    assert!(status.code().is_some_and(|code| statuses.contains(&code)), "{command:?}: {status}");
    time
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
