//! `cargo bench --bench logs`: searching a generated ossec.log with all signatures, against
//! `rg -c` with three patterns on the same file in the same run, and the other figures of
//! logs: gzip, `--since`, memory.
//!
//! The size is that of `AR_DOCTOR_BENCH_MB` (default 1024), the number of pairs that of
//! `AR_DOCTOR_BENCH_PAIRS` (default 7). Figures are medians, ratios are medians of the pairs.
//! Each measurement is a process of its own, as ripgrep is one. The peak memory is told for
//! the file and for one four times as large with `AR_DOCTOR_BENCH_LARGE=1`. Files are written
//! below the temporary directory (`TMPDIR`) and removed. `--since` is asked of a log of 50 GiB as
//! well, of which only some places are real lines and the rest is a hole.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark"
)]

mod support;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ar_doctor::findings::signatures::{Class, Log};
use ar_doctor::logs::scan::Search;
use ar_doctor::logs::{Set, line, place};
use ar_doctor::wazuh::alerts::lines::ReadAt;
use nix::sys::resource::{UsageWho, getrusage};

/// What ripgrep looks for.
const PATTERNS: [&str; 3] = [r"\(1311\)", r"\(1210\)", "command not present"];

/// Lines of which one is a hit.
const RARE: u64 = 50_000;

/// Days the log is of.
const DAYS: u64 = 60;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, mode, threads, path] = arguments.as_slice()
        && flag == "--child"
    {
        child(mode, threads.parse().unwrap(), Path::new(path));
        return;
    }
    let megabytes = number("AR_DOCTOR_BENCH_MB", 1024);
    let pairs = usize::try_from(number("AR_DOCTOR_BENCH_PAIRS", 7)).unwrap().max(1);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let temp = tempfile::tempdir().expect("a temporary directory");
    let file = temp.path().join("ossec.log");
    let (lines, hits) = generate(&file, megabytes << 20);
    let bytes = fs::metadata(&file).unwrap().len();
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    println!(
        "ossec.log: {mebibytes:.0} MiB, {lines} lines, {hits} hits ({:.4} %), {} signatures, {threads} threads",
        100.0 * hits as f64 / lines as f64,
        Set::new(Log::Ossec, &[], None).len()
    );
    // Once for the page cache.
    let cat = |file: &Path| timed(Command::new("cat").arg(file));
    cat(&file);
    let rg = Command::new("rg").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !rg {
        println!("skipped: rg is not installed (Debian: ripgrep), so there is no comparison");
    }

    let (mut own, mut one, mut peer, mut copy, mut since) = (vec![], vec![], vec![], vec![], vec![]);
    for pair in 0..pairs {
        // Neither is always the first.
        let mut order = [0, 1, 2, 3];
        order.rotate_left(pair % 4);
        for step in order {
            match step {
                0 => own.push(ours("all", threads, &file, Some(hits))),
                1 => one.push(ours("all", 1, &file, Some(hits))),
                2 if rg => peer.push(timed(grep().arg(&file))),
                2 => {}
                _ => copy.push(cat(&file)),
            }
        }
        since.push(ours("since", threads, &file, None));
    }
    let time = |runs: &[Run]| median(runs.iter().map(|run| run.seconds));
    let cpu = |runs: &[Run]| median(runs.iter().map(|run| run.cpu));
    let show = |name: &str, runs: &[Run]| {
        println!(
            "{name}: {:.3} s ({:.0} MiB/s), {:.3} s of processor",
            time(runs),
            mebibytes / time(runs),
            cpu(runs)
        );
    };
    show(&format!("all signatures, {threads} threads"), &own);
    show("all signatures, 1 thread", &one);
    if rg {
        show("rg -c with 3 patterns", &peer);
        println!(
            "ratio ours / rg: {:.2} (bound: 1), on 1 thread {:.2}, of processor time {:.2} (medians of {pairs} pairs)",
            ratio(&own, &peer, |run| run.seconds),
            ratio(&one, &peer, |run| run.seconds),
            ratio(&own, &peer, |run| run.cpu)
        );
    }
    show("cat > /dev/null", &copy);
    println!("ratio ours / cat: {:.2}", ratio(&own, &copy, |run| run.seconds));
    println!(
        "since 1d: {:.2} ms in the process (bound: 20), {:.2} ms with its start",
        1e3 * median(since.iter().map(|run| run.inner)),
        1e3 * time(&since)
    );
    println!("peak memory: {:.1} MiB of {mebibytes:.0} MiB (bound: 32)", peak(&own));
    gzipped(&file, mebibytes, hits, rg, pairs.min(3));
    huge(&file, temp.path());
    if number("AR_DOCTOR_BENCH_LARGE", 0) > 0 {
        let (_, hits) = generate(&file, megabytes << 22);
        let run = ours("all", threads, &file, Some(hits));
        println!("peak memory: {:.1} MiB of {} MiB (bound: 32)", run.peak, megabytes << 2);
    }
}

/// Lines at every so many bytes, and the size of the log.
const EVERY: u64 = 1 << 30;
const HUGE: u64 = 50 << 30;

/// A log of 50 GiB: a piece of the generated one at each GiB, its last 100 MiB at the end, and
/// holes between.
fn huge(file: &Path, directory: &Path) {
    let path = directory.join("huge.log");
    let (source, sparse) = (File::open(file).unwrap(), File::create_new(&path).unwrap());
    let length = source.metadata().unwrap().len();
    let copy = |from: u64, bytes: u64, to: u64| {
        // Whole lines: a line feed is before and behind.
        let mut piece = vec![0; usize::try_from(bytes).unwrap()];
        source.read_exact_at(&mut piece, from).unwrap();
        let first = piece.iter().position(|byte| *byte == b'\n').unwrap();
        let last = piece.iter().rposition(|byte| *byte == b'\n').unwrap();
        sparse.write_all_at(&piece[first..=last], to + first as u64).unwrap();
        to + last as u64 + 1
    };
    let end = length.min(100 << 20);
    for place in 0..(HUGE - end) / EVERY {
        copy((length - end) / (HUGE / EVERY) * place, (64 << 10).min(end), place * EVERY);
    }
    let length = copy(length - end, end, HUGE - end);
    let (mut runs, mut read) = (vec![], 0.0);
    for _ in 0..5 {
        let run = ours("place", 1, &path, None);
        (read, runs) = (run.found, [runs, vec![run]].concat());
    }
    println!(
        "since 1d in {} GiB with holes: {:.2} ms in the process (bound: 20), {:.1} MiB read",
        length >> 30,
        1e3 * median(runs.iter().map(|run| run.inner)),
        read / f64::from(1 << 20)
    );
}

/// Counts what is read.
struct Counted(File, AtomicU64);

impl ReadAt for Counted {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let bytes = FileExt::read_at(&self.0, buffer, offset)?;
        self.1.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// The same log as a gzip stream.
fn gzipped(file: &Path, mebibytes: f64, hits: u64, rg: bool, pairs: usize) {
    let packed = file.with_extension("log.gz");
    assert!(Command::new("gzip").arg("-kf").arg(file).status().unwrap().success());
    let (mut own, mut peer) = (vec![], vec![]);
    for _ in 0..pairs {
        own.push(ours("gzip", 2, &packed, Some(hits)));
        if rg {
            let start = Instant::now();
            let before = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
            let mut zcat = Command::new("zcat").arg(&packed).stdout(Stdio::piped()).spawn().unwrap();
            assert!(grep().stdin(zcat.stdout.take().unwrap()).status().unwrap().success());
            assert!(zcat.wait().unwrap().success());
            peer.push(Run::since(start, before));
        }
    }
    let time = |runs: &[Run]| median(runs.iter().map(|run| run.seconds));
    println!(
        "gzipped: {:.3} s ({:.0} MiB/s of text), peak {:.1} MiB",
        time(&own),
        mebibytes / time(&own),
        peak(&own)
    );
    if rg {
        println!(
            "zcat | rg: {:.3} s; ratio ours / theirs: {:.2} (bound: 1)",
            time(&peer),
            ratio(&own, &peer, |run| run.seconds)
        );
    }
}

/// One measurement.
#[derive(Clone)]
struct Run {
    seconds: f64,
    cpu: f64,
    /// What the child found.
    found: f64,
    /// Seconds that the child itself measured, MiB.
    inner: f64,
    peak: f64,
}

impl Run {
    fn since(start: Instant, before: nix::sys::resource::Usage) -> Self {
        let seconds = start.elapsed().as_secs_f64();
        let after = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        let total = |usage: &nix::sys::resource::Usage| {
            let of = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
            of(usage.user_time()) + of(usage.system_time())
        };
        Self { seconds, cpu: total(&after) - total(&before), found: 0.0, inner: 0.0, peak: 0.0 }
    }
}

fn timed(command: &mut Command) -> Run {
    let before = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let start = Instant::now();
    command.stdout(Stdio::null()).status().unwrap();
    Run::since(start, before)
}

fn grep() -> Command {
    let mut command = Command::new("rg");
    command.arg("-c");
    for pattern in PATTERNS {
        command.args(["-e", pattern]);
    }
    command.stdout(Stdio::null());
    command
}

fn ours(mode: &str, threads: usize, file: &Path, hits: Option<u64>) -> Run {
    let before = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let start = Instant::now();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--child", mode, &threads.to_string()]).arg(file).output().unwrap();
    let run = Run::since(start, before);
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<f64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [found, inner, peak] = words[..] else { panic!("{text}") };
    assert!(hits.is_none_or(|hits| hits as f64 == found), "{found} found of {hits:?}");
    Run { found, inner, peak, ..run }
}

/// Prints the hits, seconds and peak MiB.
fn child(mode: &str, threads: usize, path: &Path) {
    let begun = Instant::now();
    let set = Set::new(Log::Ossec, &[], None);
    let file = File::open(path).unwrap();
    let length = file.metadata().unwrap().len();
    if mode == "place" {
        let since = (20_000 + DAYS as i64 - 1) * 86_400;
        let source = Counted(file, AtomicU64::new(0));
        let start = place::since(Log::Ossec, &source, length, since).unwrap();
        assert!(!start.disordered && length - start.offset < 100 << 20, "{start:?}");
        let (search, done) = (Search { set: &set, since: Some(since), file: 0 }, AtomicU64::new(0));
        let (_, error) = search.file(&source, start.offset, length, threads, &done);
        assert!(error.is_none(), "{error:?}");
        println!("{} {} 0", source.1.into_inner(), begun.elapsed().as_secs_f64());
        return;
    }
    let done = AtomicU64::new(0);
    let mut search = Search { set: &set, since: None, file: 0 };
    let (found, error) = match mode {
        "gzip" => search.stream(flate2::read::MultiGzDecoder::new(file), &done),
        "since" => {
            let since = (20_000 + DAYS as i64 - 1) * 86_400;
            search.since = Some(since);
            let start = place::since(Log::Ossec, &file, length, since).unwrap();
            assert!(!start.disordered);
            search.file(&file, start.offset, length, threads, &done)
        }
        _ => search.file(&file, 0, length, threads, &done),
    };
    assert!(error.is_none(), "{error:?}");
    let of = |fold: &&&ar_doctor::logs::scan::Fold| set.signature(fold.signature).class != Class::Success;
    let failures: u64 = found.folds().iter().filter(of).map(|fold| fold.count).sum();
    let peak = getrusage(UsageWho::RUSAGE_SELF).unwrap().max_rss() as f64 / 1024.0;
    if std::env::var_os("AR_DOCTOR_BENCH_SHOW").is_some() {
        let pieces = set.pieces().iter().map(|piece| String::from_utf8_lossy(piece).into_owned());
        panic!("{:?} {:?}", found.stats, pieces.collect::<Vec<_>>());
    }
    println!("{failures} {} {peak}", begun.elapsed().as_secs_f64());
}

fn peak(runs: &[Run]) -> f64 {
    runs.iter().map(|run| run.peak).fold(0.0, f64::max)
}

fn ratio(own: &[Run], other: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    median(own.iter().zip(other).map(|(own, other)| of(own) / of(other)))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What daemons say day by day; `#` is a number.
const EVERYDAY: [(&str, &str, &str); 22] = [
    ("wazuh-syscheckd", "INFO", "(6008): File integrity monitoring scan started."),
    ("wazuh-syscheckd", "INFO", "(6009): File integrity monitoring scan ended."),
    (
        "wazuh-syscheckd",
        "INFO",
        "(6003): Monitoring path: '/srv/app#/etc', with options 'size | permissions | owner | group | mtime | inode'.",
    ),
    ("wazuh-modulesd:syscollector", "INFO", "Starting evaluation."),
    ("wazuh-modulesd:syscollector", "INFO", "Evaluation finished."),
    ("wazuh-modulesd:sca", "INFO", "Evaluation finished for policy '/var/ossec/ruleset/sca/cis_#.yml'"),
    ("sca", "INFO", "Security Configuration Assessment scan finished. Duration: # seconds."),
    ("wazuh-logcollector", "INFO", "(1950): Analyzing file: '/var/log/app/#.log'."),
    (
        "wazuh-logcollector",
        "INFO",
        "(1957): New file that matches the '/var/log/app/*.log' pattern: '/var/log/app/#.log'.",
    ),
    ("wazuh-remoted", "INFO", "(1409): Authentication file changed. Updating."),
    ("wazuh-remoted", "INFO", "(1410): Reading authentication keys file."),
    ("wazuh-authd", "INFO", "New connection from 192.0.2.#"),
    ("wazuh-authd", "INFO", "Received request for a new agent (web-#) from: 192.0.2.9"),
    ("wazuh-authd", "INFO", "Agent key generated for 'web-#' (requested by any)"),
    ("wazuh-monitord", "INFO", "Agent 'web-#' is up to date."),
    ("rootcheck", "INFO", "Starting rootcheck scan."),
    ("rootcheck", "INFO", "Ending rootcheck scan."),
    ("wazuh-db", "INFO", "Closing the tables of agent # after an hour without use."),
    ("wazuh-modulesd:database", "INFO", "Agent information of # entries was updated in the database."),
    ("wazuh-modulesd:vulnerability-scanner", "INFO", "Feed update process completed, # items."),
    ("wazuh-modulesd:agent-upgrade", "INFO", "(8153): Module Agent Upgrade started."),
    ("wazuh-analysisd", "INFO", "Total rules enabled: '#'"),
];

/// One line in forty is such a one.
const WARNINGS: [(&str, &str, &str); 4] = [
    ("wazuh-logcollector", "WARNING", "Target 'agent' message queue is full (#). Log lines may be lost."),
    ("wazuh-remoted", "WARNING", "Agent '#' has sent a status message of an old format."),
    ("wazuh-analysisd", "WARNING", "(7616): List 'etc/lists/list-#' could not be loaded."),
    ("wazuh-csyslogd", "ERROR", "Could not reach the server number #"),
];

const HITS: [(&str, &str, &str); 5] = [
    ("wazuh-execd", "ERROR", "(1311): Invalid command name 'geo-block#' provided."),
    ("wazuh-analysisd", "ERROR", "(1210): Queue 'queue/alerts/ar' not accessible: 'Connection refused'"),
    (
        "wazuh-execd",
        "INFO",
        "Active response command not present: 'active-response/bin/block#'. Not using it on this system.",
    ),
    ("wazuh-execd", "INFO", "(1314): Shutdown received. Deleting responses."),
    ("wazuh-remoted", "ERROR", "(1320): Agent '0#' not found."),
];

/// Writes lines until the size is reached: how many, and how many of them are hits.
fn generate(path: &Path, size: u64) -> (u64, u64) {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let mut next = support::random();
    let (mut written, mut lines, mut hits) = (0_u64, 0_u64, 0);
    let mut text = String::new();
    let mut day = String::new();
    let mut last_day = u64::MAX;
    while written < size {
        // Seconds since the first day, which is 2024/10/04.
        let second = (DAYS * 86_400 * written / size).min(DAYS * 86_400 - 1);
        if second / 86_400 != last_day {
            last_day = second / 86_400;
            let date =
                jiff::civil::date(2024, 10, 4).checked_add(jiff::Span::new().days(last_day as i64)).unwrap();
            day = date.strftime("%Y/%m/%d").to_string();
        }
        let (daemon, level, message) = if lines % RARE == RARE / 2 {
            hits += 1;
            HITS[next(HITS.len() as u64) as usize]
        } else if next(40) == 0 {
            WARNINGS[next(WARNINGS.len() as u64) as usize]
        } else {
            EVERYDAY[next(EVERYDAY.len() as u64) as usize]
        };
        text.clear();
        let (hour, minute) = (second / 3600 % 24, second / 60 % 60);
        write!(text, "{day} {hour:02}:{minute:02}:{:02} {daemon}: {level}: ", second % 60).unwrap();
        match message.split_once('#') {
            Some((before, behind)) => write!(text, "{before}{}{behind}", 1 + next(20_000)).unwrap(),
            None => text.push_str(message),
        }
        text.push('\n');
        out.write_all(text.as_bytes()).unwrap();
        written += text.len() as u64;
        lines += 1;
    }
    out.flush().unwrap();
    assert!(line::local_time(text.as_bytes()).is_some_and(|time| time / 86_400 >= 20_000 + DAYS as i64 - 1));
    (lines, hits)
}
