//! `cargo bench --bench alerts`: reading a generated alerts.json into a histogram, against
//! `jq -c 'select(.rule.level>=20)'` on the same file in the same run.
//!
//! The size is that of `AR_DOCTOR_BENCH_MB` (default 256), the number of pairs that of
//! `AR_DOCTOR_BENCH_PAIRS` (default 3, as jq takes its time). Figures are medians; without jq
//! the benchmark says `skipped: why` for the comparison. Peak memory is that of a child that
//! reads nothing but the file, at the size and at a quarter of it.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark"
)]

mod support;

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use ar_doctor::wazuh::alerts::extract::Raw;
use ar_doctor::wazuh::alerts::histogram::{Histogram, Kind, Need, Window};
use ar_doctor::wazuh::alerts::lines::start_of;
use ar_doctor::wazuh::alerts::time::unix_millis;
use ar_doctor::wazuh::alerts::{LINE_CAP, Scanner, Stats, ahead, extract, read_parallel};
use nix::sys::resource::{UsageWho, getrusage};

/// The seconds of the first alert.
const BEGIN: i64 = 1_795_219_200;

/// Runs over the gzip file.
const PASSES: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, threads, path] = arguments.as_slice()
        && mode == "--child"
    {
        let (histogram, stats) = scan(Path::new(path), threads.parse().unwrap());
        let peak = getrusage(UsageWho::RUSAGE_SELF).unwrap().max_rss();
        println!("{} {} {peak}", histogram.alerts(), stats.invalid);
        return;
    }
    let megabytes = number("AR_DOCTOR_BENCH_MB", 256);
    let pairs = usize::try_from(number("AR_DOCTOR_BENCH_PAIRS", 3)).unwrap().max(1);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let temp = tempfile::tempdir().expect("a temporary directory");
    let (file, quarter) = (temp.path().join("alerts.json"), temp.path().join("quarter.json"));
    let lines = generate(&file, megabytes << 20);
    generate(&quarter, megabytes << 18);
    let bytes = fs::metadata(&file).unwrap().len();
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    println!("alerts.json: {mebibytes:.0} MiB, {lines} alerts, {threads} threads");
    // Once for the page cache.
    std::io::copy(&mut File::open(&file).unwrap(), &mut std::io::sink()).unwrap();

    let jq = Command::new("jq").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let (mut one, mut all, mut theirs, mut ratios, mut single_ratios) =
        (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..pairs {
        let single = child(&file, 1, lines).0;
        let own = child(&file, threads, lines).0;
        one.push(single);
        all.push(own);
        if jq {
            let start = Instant::now();
            let mut command = Command::new("jq");
            command.args(["-c", "select(.rule.level>=20)"]).arg(&file).stdout(Stdio::null());
            assert!(command.status().unwrap().success(), "jq reads the same file");
            let peer = start.elapsed().as_secs_f64();
            theirs.push(peer);
            ratios.push(peer / own);
            single_ratios.push(peer / single);
        }
    }
    let rate = |seconds: f64| mebibytes / seconds;
    println!(
        "histogram: {threads} threads {:.3} s ({:.0} MiB/s), 1 thread {:.3} s ({:.0} MiB/s)",
        median(&mut all),
        rate(median(&mut all)),
        median(&mut one),
        rate(median(&mut one))
    );
    if jq {
        println!(
            "jq: {:.3} s ({:.0} MiB/s), {:.1} times ours, {:.1} times ours on 1 thread (medians of {pairs} pairs; bound: 5)",
            median(&mut theirs),
            rate(median(&mut theirs)),
            median(&mut ratios),
            median(&mut single_ratios)
        );
    } else {
        println!("skipped: jq is not installed (Debian: jq)");
    }
    for threads in [1, threads] {
        println!(
            "peak memory, {threads} threads: {:.1} MiB for the file, {:.1} MiB for a quarter of it",
            child(&file, threads, lines).1,
            child(&quarter, threads, 0).1
        );
    }
    gzipped(&file, &temp.path().join("alerts.json.gz"), mebibytes);
    bisection(&file, bytes, lines);
}

/// One day gzipped, as a stream.
fn gzipped(file: &Path, target: &Path, mebibytes: f64) {
    let mut encoder =
        flate2::write::GzEncoder::new(File::create(target).unwrap(), flate2::Compression::new(6));
    std::io::copy(&mut File::open(file).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    let (mut inflating, mut own, mut peers) = (vec![], vec![], vec![]);
    for _ in 0..PASSES {
        let start = Instant::now();
        std::io::copy(&mut decoder(target), &mut std::io::sink()).unwrap();
        inflating.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let mut histogram = histogram();
        let mut scanner = Scanner::new(histogram.extractor());
        ahead(decoder(target), |reader| scanner.read(reader, |alert| histogram.add(alert))).unwrap();
        own.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        if Command::new("gzip").arg("-dc").arg(target).stdout(Stdio::null()).status().is_ok() {
            peers.push(start.elapsed().as_secs_f64());
        }
    }
    let own = median(&mut own);
    println!(
        "gzipped: {own:.3} s ({:.0} MiB/s of text); inflating alone {:.3} s, gzip -dc {} (medians of {PASSES})",
        mebibytes / own,
        median(&mut inflating),
        if peers.is_empty() { "not there".to_owned() } else { format!("{:.3} s", median(&mut peers)) }
    );
}

fn decoder(file: &Path) -> impl Read + Send + use<> {
    flate2::read::MultiGzDecoder::new(File::open(file).unwrap())
}

/// The last hundredth of the file, found by bisection.
fn bisection(file: &Path, bytes: u64, lines: u64) {
    let file = File::open(file).unwrap();
    let since = time_of_line(lines - lines / 100);
    let key = |line: &[u8]| {
        let time = extract::extract(line, &["timestamp"]).ok()?.first().copied()??;
        unix_millis(&Raw::text(time)?)
    };
    let start = Instant::now();
    let found = start_of(&file, bytes, since, 60_000, LINE_CAP, key).unwrap();
    println!(
        "bisection: {:.2} ms to byte {} of {bytes}{}",
        start.elapsed().as_secs_f64() * 1e3,
        found.offset,
        if found.disordered { ", disordered" } else { "" }
    );
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Seconds and peak MiB of reading a file in a process of its own.
fn child(file: &Path, threads: usize, lines: u64) -> (f64, f64) {
    let start = Instant::now();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--child", &threads.to_string()]).arg(file).output().unwrap();
    let time = start.elapsed().as_secs_f64();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [alerts, invalid, peak] = numbers[..] else { panic!("{text}") };
    assert!(lines == 0 || (alerts, invalid) == (lines, 0), "every alert is read: {text}");
    (time, peak as f64 / 1024.0)
}

fn histogram() -> Histogram {
    let needs = vec![
        Need {
            rules: vec![5710, 5712, 60122, 31101],
            any_of: vec!["data.srcip".to_owned(), "data.win.eventdata.ipAddress".to_owned()],
            kind: Kind::Address,
        },
        Need { rules: vec![5501, 5710, 86601], any_of: vec!["data.dstuser".to_owned()], kind: Kind::User },
        Need { rules: vec![550, 554], any_of: vec!["syscheck.path".to_owned()], kind: Kind::Text },
    ];
    Histogram::new(Window::default(), needs)
}

fn scan(path: &Path, threads: usize) -> (Histogram, Stats) {
    let file = File::open(path).unwrap();
    let length = file.metadata().unwrap().len();
    let make = || {
        let histogram = histogram();
        (histogram.extractor(), histogram)
    };
    let (parts, stats, error) =
        read_parallel(&file, 0, length, threads, make, |histogram, alert| histogram.add(alert));
    assert!(error.is_none(), "{error:?}");
    let mut parts = parts.into_iter();
    let mut whole = parts.next().unwrap();
    parts.for_each(|part| whole.merge(part));
    (whole, stats)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A line every 20 ms.
fn time_of_line(line: u64) -> i64 {
    BEGIN * 1000 + i64::try_from(line).unwrap() * 20
}

/// Writes alerts of seven kinds, of the members and sizes that Wazuh's have, until the size
/// is reached; how many.
fn generate(path: &Path, size: u64) -> u64 {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let mut next = support::random();
    let (mut written, mut line) = (0, 0);
    while written < size {
        let text = alert(line, &mut next);
        out.write_all(text.as_bytes()).unwrap();
        written += text.len() as u64;
        line += 1;
    }
    out.flush().unwrap();
    line
}

fn alert(line: u64, next: &mut impl FnMut(u64) -> u64) -> String {
    let seconds = time_of_line(line) / 1000;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let day = 21 + (seconds - BEGIN) / 86_400;
    let agent = next(40);
    let ip = format!("203.0.113.{}", next(256));
    let port = 1024 + next(60_000);
    let user = format!("user{}", next(500));
    let pid = next(30_000);
    let frame = |rule: &str, decoder: &str, location: &str, log: &str, data: &str| {
        format!(
            concat!(
                r#"{{"timestamp":"2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}+0000","rule":{{{rule},"firedtimes":{fired},"mail":false}},"#,
                r#""agent":{{"id":"{agent:03}","name":"web-{agent}","ip":"192.0.2.{agent}"}},"manager":{{"name":"siem"}},"id":"{seconds}.{offset}","#,
                r#""cluster":{{"name":"wazuh","node":"node01"}},"full_log":"{log}","predecoder":{{"program_name":"sshd","timestamp":"Nov {day:02} {hour:02}:{minute:02}:{second:02}","hostname":"web-{agent}"}},"#,
                r#""decoder":{{{decoder}}},{data},"location":"{location}"}}"#,
                "\n"
            ),
            day = day,
            hour = hour,
            minute = minute,
            second = second,
            millis = line * 20 % 1000,
            rule = rule,
            fired = line % 900 + 1,
            agent = agent,
            seconds = seconds,
            offset = line * 611,
            log = log,
            decoder = decoder,
            data = data,
            location = location
        )
    };
    match next(20) {
        0..=6 => frame(
            r#""level":5,"description":"sshd: Attempt to login using a non-existent user","id":"5710","mitre":{"id":["T1110.001","T1021.004"],"tactic":["Credential Access","Lateral Movement"],"technique":["Password Guessing","SSH"]},"groups":["syslog","sshd","authentication_failed","invalid_login"],"gdpr":["IV_35.7.d","IV_32.2"],"gpg13":["7.1"],"hipaa":["164.312.b"],"nist_800_53":["AU.14","AC.7","AU.6"],"pci_dss":["10.2.4","10.2.5","10.6.1"],"tsc":["CC6.1","CC6.8","CC7.2","CC7.3"]"#,
            r#""parent":"sshd","name":"sshd""#,
            "/var/log/auth.log",
            &format!("Nov 21 08:00:00 web sshd[{pid}]: Invalid user {user} from {ip} port {port}"),
            &if next(10) == 0 {
                format!(r#""data":{{"srcport":"{port}"}}"#)
            } else {
                format!(r#""data":{{"srcip":"{ip}","srcport":"{port}","srcuser":"{user}"}}"#)
            },
        ),
        7..=9 => frame(
            r#""level":3,"description":"PAM: Login session opened.","id":"5501","mitre":{"id":["T1078"],"tactic":["Defense Evasion","Persistence","Privilege Escalation","Initial Access"],"technique":["Valid Accounts"]},"groups":["pam","syslog","authentication_success"],"pci_dss":["10.2.5"],"gpg13":["7.8","7.9"],"gdpr":["IV_32.2"]"#,
            r#""parent":"pam","name":"pam""#,
            "/var/log/auth.log",
            &format!(
                "Nov 21 08:00:00 web sudo: pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1000)"
            ),
            &format!(r#""data":{{"srcuser":"{user}(uid=1000)","dstuser":"root(uid=0)","uid":"1000"}}"#),
        ),
        10..=12 => frame(
            r#""level":5,"description":"Logon Failure - Unknown user or bad password","id":"60122","mitre":{"id":["T1531"],"tactic":["Impact"],"technique":["Account Access Removal"]},"groups":["windows","windows_security","authentication_failed"],"gdpr":["IV_35.7.d"],"pci_dss":["10.2.4","10.2.5"]"#,
            r#""name":"windows_eventchannel""#,
            "EventChannel",
            "",
            &format!(
                r#""data":{{"win":{{"system":{{"providerName":"Microsoft-Windows-Security-Auditing","providerGuid":"{{54849625-5478-4994-a5ba-3e3b0328c30d}}","eventID":"4625","version":"0","level":"0","task":"12544","opcode":"0","keywords":"0x8010000000000000","systemTime":"2026-11-21T08:00:00.1234567Z","eventRecordID":"{port}","processID":"{pid}","threadID":"6012","channel":"Security","computer":"dc1.example.org","severityValue":"AUDIT_FAILURE","message":"\"An account failed to log on.\r\n\r\nSubject:\r\n\tSecurity ID:\t\tS-1-0-0\r\n\tAccount Name:\t\t-\r\n\r\nLogon Type:\t\t\t3\r\n\r\nAccount For Which Logon Failed:\r\n\tAccount Name:\t\t{user}\r\n\tAccount Domain:\t\tEXAMPLE\r\n\r\nNetwork Information:\r\n\tSource Network Address:\t{ip}\r\n\tSource Port:\t\t{port}\r\n\r\nThis event is generated when a logon request fails. It is generated on the computer where access was attempted.\""}},"eventdata":{{"subjectUserSid":"S-1-0-0","subjectLogonId":"0x0","targetUserSid":"S-1-0-0","targetUserName":"{user}","targetDomainName":"EXAMPLE","status":"0xc000006d","failureReason":"%%2313","subStatus":"0xc0000064","logonType":"3","logonProcessName":"NtLmSsp","authenticationPackageName":"NTLM","workstationName":"WS-{agent}","keyLength":"0","processId":"0x0","ipAddress":"{ip}","ipPort":"{port}"}}}}}}"#
            ),
        ),
        13..=14 => frame(
            r#""level":7,"description":"Integrity checksum changed.","id":"550","mitre":{"id":["T1565.001"],"tactic":["Impact"],"technique":["Stored Data Manipulation"]},"groups":["ossec","syscheck","syscheck_entry_modified","syscheck_file"],"pci_dss":["11.5"]"#,
            r#""name":"syscheck_integrity_changed""#,
            "syscheck",
            &format!(
                "File '/etc/app/{user}.conf' modified\\nMode: realtime\\nChanged attributes: size,mtime,md5,sha1,sha256\\nSize changed from '120' to '{port}'\\n"
            ),
            &format!(
                r#""syscheck":{{"path":"/etc/app/{user}.conf","mode":"realtime","size_before":"120","size_after":"{port}","perm_after":"rw-r--r--","uid_after":"0","gid_after":"0","md5_before":"d41d8cd98f00b204e9800998ecf8427e","md5_after":"900150983cd24fb0d6963f7d28e17f72","sha1_after":"a9993e364706816aba3e25717850c26c9cd0d89d","sha256_after":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","uname_after":"root","gname_after":"root","mtime_before":"2026-11-20T10:00:00","mtime_after":"2026-11-21T08:00:00","inode_after":{pid},"changed_attributes":["size","mtime","md5","sha1","sha256"],"event":"modified"}}"#
            ),
        ),
        15..=16 => frame(
            r#""level":3,"description":"Suricata: Alert - ET SCAN Potential SSH Scan","id":"86601","groups":["ids","suricata"]"#,
            r#""name":"json""#,
            "/var/log/suricata/eve.json",
            &format!(
                r#"{{\"timestamp\":\"2026-11-21T08:00:00.000+0000\",\"flow_id\":{port}{pid},\"event_type\":\"alert\",\"src_ip\":\"{ip}\",\"dest_ip\":\"192.0.2.1\",\"alert\":{{\"signature\":\"ET SCAN Potential SSH Scan\"}}}}"#
            ),
            &format!(
                r#""data":{{"timestamp":"2026-11-21T08:00:00.000+0000","flow_id":"{port}{pid}.000000","in_iface":"eth0","event_type":"alert","src_ip":"{ip}","src_port":"{port}","dest_ip":"192.0.2.1","dest_port":"22","proto":"TCP","alert":{{"action":"allowed","gid":"1","signature_id":"2001219","rev":"20","signature":"ET SCAN Potential SSH Scan","category":"Attempted Information Leak","severity":"2"}},"flow":{{"pkts_toserver":"1","pkts_toclient":"0","bytes_toserver":"74","start":"2026-11-21T08:00:00.000000+0000"}}}}"#
            ),
        ),
        17..=18 => frame(
            r#""level":5,"description":"Web server 400 error code.","id":"31101","groups":["web","accesslog","attack"],"pci_dss":["6.5","11.4"],"tsc":["CC6.6","CC7.1"]"#,
            r#""name":"web-accesslog""#,
            "/var/log/nginx/access.log",
            &format!(
                r#"{ip} - - [21/Nov/2026:08:00:00 +0000] \"GET /wp-login.php?x={pid} HTTP/1.1\" 404 153 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\""#
            ),
            &format!(
                r#""data":{{"protocol":"GET","srcip":"{ip}","id":"404","url":"/wp-login.php?x={pid}"}}"#
            ),
        ),
        _ => frame(
            r#""level":3,"description":"Host Blocked by firewall-drop Active Response","id":"651","groups":["ossec","active_response"],"pci_dss":["11.4"],"gpg13":["4.13"]"#,
            r#""parent":"ar_log_json","name":"ar_log_json""#,
            "/var/ossec/logs/active-responses.log",
            &format!(
                r#"2026/11/21 08:00:00 active-response/bin/firewall-drop: {{\"version\":1,\"origin\":{{\"name\":\"node01\",\"module\":\"wazuh-execd\"}},\"command\":\"add\",\"parameters\":{{\"extra_args\":[],\"alert\":{{\"rule\":{{\"id\":\"5710\"}},\"data\":{{\"srcip\":\"{ip}\"}}}},\"program\":\"active-response/bin/firewall-drop\"}}}}"#
            ),
            &format!(
                r#""data":{{"version":"1","origin":{{"name":"node01","module":"wazuh-execd"}},"command":"add","parameters":{{"extra_args":[],"alert":{{"timestamp":"2026-11-21T08:00:00.000+0000","rule":{{"level":"5","id":"5710"}},"data":{{"srcip":"{ip}"}}}},"program":"active-response/bin/firewall-drop"}}}}"#
            ),
        ),
    }
}
