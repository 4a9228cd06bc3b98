//! Logs on a real disk: what they may be instead of a log, and what others do to them meanwhile.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ar_doctor::facts::logs::LogFacts;
use ar_doctor::facts::{Facts, Since, install};
use ar_doctor::findings::signatures::Log;
use ar_doctor::host::live::LiveHost;
use ar_doctor::redact::Redactor;
use nix::sys::stat::Mode;

use super::{AGENT, gzip, names, support, unknown_name};

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A base host as a directory tree.
fn tree() -> (tempfile::TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    support::base(AGENT).materialise(&temp.path().join("host")).unwrap();
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = temp.path().join("host/var/ossec");
    (temp, home)
}

/// Looks at a home of this machine.
fn look<T>(home: &Path, since: Since, look: impl FnOnce(&Facts<'_>) -> T) -> T {
    let host = LiveHost::new();
    let redactor = Redactor::new();
    let install = install::find(&host, Some(home)).unwrap();
    let mut facts = Facts::new(&host, &redactor, install);
    facts.look_back(since);
    look(&facts)
}

fn read<T>(home: &Path, since: Since, take: impl FnOnce(&LogFacts) -> T) -> T {
    look(home, since, |facts| take(facts.log(Log::Ossec).get().unwrap()))
}

fn finish(command: &mut Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A pipe holds 64 KiB, which these stay below.
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(0..=4)), "{command:?}: {output:?}");
    output
}

fn check(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ar-doctor"));
    finish(command.args(["check", "--home"]).arg(home).args(arguments))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn no_bytes_break_a_log() {
    let (_temp, home) = tree();
    let mut bytes = vec![0; 3000];
    bytes.extend_from_slice(b"\n\xff\xfe\x00\xc3\n\r\n\n");
    bytes.extend_from_slice(&unknown_name(20, "one").into_bytes());
    bytes.extend(std::iter::repeat_n(b'x', 70 << 10));
    bytes.extend_from_slice(b" wazuh-execd: ERROR: (1311): Invalid command name 'behind' provided.\n");
    let long = unknown_name(19, "before").replace(" provided.\n", &(" provided.".repeat(10 << 10) + "\n"));
    bytes.extend_from_slice(long.as_bytes());
    bytes.extend_from_slice(unknown_name(18, "\u{fffd}\u{1b}[31m").as_bytes());
    bytes.extend_from_slice(
        b"\n2026/11/20 10:05:13 wazuh-execd: ERROR: (1311): Invalid command name 'n\xff\0l' provided.\n",
    );
    bytes.extend_from_slice(unknown_name(20, "last").trim_end().as_bytes());
    fs::write(home.join("logs/ossec.log"), bytes).unwrap();
    read(&home, Since::All, |log| {
        let names = names(log);
        assert_eq!(names.len(), 5, "{names:?}");
        assert!(names.contains(&"one 1".to_owned()) && names.contains(&"last 1".to_owned()), "{names:?}");
        assert!(!names.contains(&"behind 1".to_owned()));
        assert_eq!(log.stats().long, 2);
        assert!(log.gaps.is_empty(), "{:?}", log.gaps);
    });
    let text = said(&check(&home, &["--since", "all", "--color", "never"]));
    let control = text.bytes().find(|byte| *byte < 0x20 && *byte != b'\n');
    assert_eq!(control, None, "{text}");
}

#[test]
fn an_empty_log_is_no_gap() {
    let (_temp, home) = tree();
    fs::write(home.join("logs/ossec.log"), "").unwrap();
    read(&home, Since::Default, |log| {
        assert!(log.gaps.is_empty() && log.found.folds().is_empty() && !log.left_out);
    });
    look(&home, Since::Default, |facts| assert!(facts.anchor("execd").is_absent()));
}

#[test]
fn what_is_no_file_is_told_and_does_not_hang() {
    let (_temp, home) = tree();
    let path = home.join("logs/ossec.log");
    type Make<'a> = &'a dyn Fn(&Path);
    let makers: [(&str, Make<'_>); 4] = [
        ("a directory", &|path| fs::create_dir(path).unwrap()),
        ("a FIFO", &|path| nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o644)).unwrap()),
        ("a link to itself", &|path| symlink("ossec.log", path).unwrap()),
        ("a device", &|path| symlink("/dev/zero", path).unwrap()),
    ];
    for (what, make) in makers {
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        make(&path);
        look(&home, Since::Default, |facts| {
            let log = facts.log(Log::Ossec);
            assert!(log.get().is_none() && !log.is_absent(), "{what}: {log:?}");
            assert!(facts.anchor("execd").unknown().is_some(), "{what}: silence is not known");
        });
        let text = said(&check(&home, &["--color", "never"]));
        assert!(text.contains("ossec.log"), "{what} is told: {text}");
    }
    // Days that are none.
    let _ = fs::remove_file(&path);
    let month = home.join("logs/wazuh/2026/Nov");
    fs::create_dir_all(&month).unwrap();
    fs::write(&path, unknown_name(20, "here")).unwrap();
    fs::write(month.join("ossec-18.log"), unknown_name(18, "day")).unwrap();
    fs::create_dir(month.join("ossec-17.log")).unwrap();
    nix::unistd::mkfifo(&month.join("ossec-16.log.gz"), Mode::from_bits_truncate(0o644)).unwrap();
    symlink("Nov", home.join("logs/wazuh/2026/Oct")).unwrap();
    symlink("ossec-15.log", month.join("ossec-15.log")).unwrap();
    fs::write(month.join("ossec-14.log.gz"), b"\x1f\x8b no gzip").unwrap();
    nix::unistd::mkfifo(&home.join("logs/ossec.log.1"), Mode::from_bits_truncate(0o644)).unwrap();
    read(&home, Since::All, |log| {
        assert_eq!(names(log), ["day 1", "here 1"], "{:?}", log.files);
        let gaps: Vec<&str> = log.gaps.iter().map(|gap| gap.source.as_str()).collect();
        assert_eq!(gaps.len(), 3, "the link to itself by both its names, and the broken day: {gaps:?}");
    });
}

#[test]
fn a_hard_link_is_no_second_file() {
    let (_temp, home) = tree();
    let month = home.join("logs/wazuh/2026/Nov");
    fs::create_dir_all(&month).unwrap();
    let path = home.join("logs/ossec.log");
    fs::write(&path, unknown_name(20, "once")).unwrap();
    fs::hard_link(&path, month.join("ossec-20.log")).unwrap();
    fs::hard_link(&path, home.join("logs/ossec.log.1")).unwrap();
    fs::write(month.join("ossec-19.log"), unknown_name(19, "day")).unwrap();
    fs::hard_link(month.join("ossec-19.log"), home.join("logs/ossec.log-20261119")).unwrap();
    read(&home, Since::All, |log| assert_eq!(names(log), ["day 1", "once 1"], "{:?}", log.files));
}

#[test]
fn disorder_is_told_and_read_whole() {
    let (_temp, home) = tree();
    let line = |day, name: &str| unknown_name(day, name);
    let filler =
        |day| "2026/11/DD 10:00:00 wazuh-db: INFO: Nothing to tell.\n".replace("DD", day).repeat(3000);
    let text = [line(20, "new"), filler("20"), line(2, "old"), filler("02"), line(20, "again"), filler("20")]
        .concat();
    fs::write(home.join("logs/ossec.log"), text).unwrap();
    // 2026-11-15.
    read(&home, Since::At(1_794_700_800), |log| {
        assert_eq!(names(log), ["new 1", "again 1"], "{:?}", log.stats());
        assert_eq!(log.disordered, ["logs/ossec.log"]);
    });
}

#[test]
fn denied_is_not_missing() {
    if !nix::unistd::geteuid().is_root() {
        return support::skip("only root can become another user");
    }
    let (temp, home) = tree();
    let binary = temp.path().join("ar-doctor");
    fs::copy(env!("CARGO_BIN_EXE_ar-doctor"), &binary).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for directory in ["host/var", "host/var/ossec", "host/var/ossec/logs"] {
        open(&temp.path().join(directory), 0o755);
    }
    let path = home.join("logs/ossec.log");
    fs::write(&path, unknown_name(20, "secret")).unwrap();
    open(&path, 0o600);
    let output = finish(
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(&binary)
            .args(["check", "-v", "--color", "never", "--home"])
            .arg(&home),
    );
    let text = said(&output);
    assert!(text.contains("denied") && !text.contains("'secret'"), "{text}");
    assert!(!text.contains("No fault found"), "{text}");
}

/// Appends numbered lines and does something to the log now and then, while it is read again and again.
fn meanwhile(name: &str, disturb: impl Fn(&Path, u32) + Sync, every: u32, look_at: impl Fn(u32, &LogFacts)) {
    let (_temp, home) = tree();
    let path = home.join("logs").join(name);
    fs::create_dir_all(home.join("logs/wazuh/2026/Nov")).unwrap();
    fs::write(&path, "").unwrap();
    let written = AtomicU32::new(0);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..900 {
                let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
                let line = unknown_name(20, &format!("n{number}"));
                // In two writes, as a full buffer makes them.
                let (one, two) = line.as_bytes().split_at(60);
                file.write_all(one).unwrap();
                file.write_all(two).unwrap();
                written.store(number + 1, Ordering::SeqCst);
                if number % every == every - 1 {
                    disturb(&home, number);
                }
                std::thread::sleep(Duration::from_micros(300));
            }
            ended.store(true, Ordering::SeqCst);
        });
        let mut rounds = 0;
        while !ended.load(Ordering::SeqCst) || rounds < 3 {
            let before = written.load(Ordering::SeqCst);
            read(&home, Since::All, |log| {
                let mut seen = BTreeSet::new();
                for name in names(log) {
                    let (name, count) = name.split_once(' ').unwrap();
                    assert_eq!(count, "1", "{name} is counted again: {:?}", log.files);
                    let number: u32 = name.strip_prefix('n').unwrap().parse().unwrap();
                    assert!(number < 900 && seen.insert(number), "{name}");
                }
                look_at(before, log);
            });
            rounds += 1;
        }
    });
}

fn numbers(log: &LogFacts) -> BTreeSet<u32> {
    let number = |name: &String| name.strip_prefix('n')?.split(' ').next()?.parse().ok();
    names(log).iter().filter_map(number).collect()
}

#[test]
fn renamed_while_it_is_read() {
    let rename = |home: &Path, number: u32| {
        let day = home.join(format!("logs/wazuh/2026/Nov/ossec-20-{:03}.log", number / 50 + 1));
        let path = home.join("logs/ossec.log");
        fs::rename(&path, &day).unwrap();
        fs::write(&path, "").unwrap();
        if number % 100 == 99 {
            // As monitord: the gzip first, then the plain file goes.
            let text = fs::read(&day).unwrap();
            fs::write(day.with_extension("log.gz"), gzip(std::str::from_utf8(&text).unwrap())).unwrap();
            fs::remove_file(&day).unwrap();
        }
    };
    meanwhile("ossec.log", rename, 50, nothing_is_lost);
}

/// What is not there is told.
fn nothing_is_lost(before: u32, log: &LogFacts) {
    let seen = numbers(log);
    let lost: Vec<u32> = (0..before).filter(|number| !seen.contains(number)).collect();
    assert!(lost.is_empty() || !log.gaps.is_empty(), "{lost:?} are lost without a word: {:?}", log.files);
}

/// Makes room for part 1 of a log, as logrotate does.
fn move_parts(home: &Path, parts: u32) {
    let part = |number: u32| home.join(format!("logs/ossec.log.{number}"));
    for older in (1..=parts).rev() {
        fs::rename(part(older), part(older + 1)).unwrap();
    }
}

#[test]
fn rotated_by_logrotate_while_it_is_read() {
    let rotate = |home: &Path, number: u32| {
        move_parts(home, number / 50);
        fs::rename(home.join("logs/ossec.log"), home.join("logs/ossec.log.1")).unwrap();
    };
    meanwhile("ossec.log", rotate, 50, nothing_is_lost);
}

/// `copytruncate`, but slower.
fn copy_and_cut(home: &Path) {
    let path = home.join("logs/ossec.log");
    fs::copy(&path, home.join("logs/ossec.log.1")).unwrap();
    std::thread::sleep(Duration::from_millis(2));
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
}

#[test]
fn copied_and_cut_while_it_is_read() {
    // Over the copy before.
    meanwhile("ossec.log", |home, _| copy_and_cut(home), 50, |_, _| {});
}

#[test]
fn moved_copied_and_cut_while_it_is_read() {
    let rotate = |home: &Path, number: u32| {
        move_parts(home, number / 50);
        copy_and_cut(home);
    };
    meanwhile("ossec.log", rotate, 50, nothing_is_lost);
}

#[test]
fn growing_while_it_is_read() {
    meanwhile(
        "ossec.log",
        |_, _| {},
        1000,
        |before, log| {
            let seen = numbers(log);
            assert!((0..before).all(|number| seen.contains(&number)), "{before} {seen:?}");
            assert!(log.gaps.is_empty(), "{:?}", log.gaps);
        },
    );
}

/// A log of many bytes, most of them in holes that are too small to be passed over.
fn with_hole(home: &Path, size: u64) -> u64 {
    let file = File::create(home.join("logs/ossec.log")).unwrap();
    let first = "2026/11/18 10:05:12 wazuh-execd: ERROR: (1311): Invalid command name 'first' provided.\n";
    let last = unknown_name(20, "last");
    file.write_all_at(first.as_bytes(), 0).unwrap();
    let line = b"\n2026/11/19 10:05:12 wazuh-db: INFO: Nothing.\n";
    for at in (1..).map(|number| number * (size / 8).min(128 << 20)).take_while(|at| at + (1 << 20) < size) {
        file.write_all_at(line, at).unwrap();
    }
    file.write_all_at(b"\n", size - 1).unwrap();
    file.write_all_at(last.as_bytes(), size).unwrap();
    size + last.len() as u64
}

#[test]
fn what_does_not_fit_is_counted() {
    let (_temp, home) = tree();
    let length = with_hole(&home, 260 << 20);
    read(&home, Since::Default, |log| {
        assert_eq!(names(log), ["last 1"]);
        assert!(log.left_out);
        assert_eq!(log.left_out_bytes, length - (256 << 20));
    });
}

/// Nobody has the time to read a tebibyte; where the file system does not tell of holes it has to be.
#[test]
#[cfg(target_os = "linux")]
fn holes_are_not_read() {
    const SIZE: u64 = 1 << 40;
    let (_temp, home) = tree();
    for name in ["ossec.log", "active-responses.log"] {
        let log = File::create(home.join("logs").join(name)).unwrap();
        let whole = log.write_all_at(unknown_name(18, "first").as_bytes(), 0);
        let line = "\n".to_owned() + &unknown_name(20, "last");
        if whole.and_then(|()| log.write_all_at(line.as_bytes(), SIZE)).is_err() {
            return support::skip("the file system has no room for a large hole");
        }
        let hole = nix::unistd::lseek(&log, 0, nix::unistd::Whence::SeekHole).unwrap();
        if u64::try_from(hole).unwrap() > SIZE {
            return support::skip("the file system does not tell of holes");
        }
    }
    read(&home, Since::All, |log| {
        assert_eq!(names(log), ["first 1", "last 1"]);
        assert_eq!(log.stats().long, 1, "the line that the hole is of");
    });
    let mut trace = Command::new(env!("CARGO_BIN_EXE_ar-doctor"));
    finish(trace.args(["trace", "--since", "all", "--home"]).arg(&home));
}

#[test]
fn progress_is_for_a_terminal_alone() {
    let (_temp, home) = tree();
    // More than a second, with and without optimisation.
    with_hole(&home, if cfg!(debug_assertions) { 3 << 30 } else { 40 << 30 });
    let output = check(&home, &["--since", "all", "--color", "never"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains('\r') && !text.contains("ossec.log"), "{text}");
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        return support::skip("script(1), which makes a terminal, is not here");
    }
    let command = format!("{} check --since all --home {}", env!("CARGO_BIN_EXE_ar-doctor"), home.display());
    let output = finish(Command::new("script").args(["-qec", &command, "/dev/null"]));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\r\u{1b}[K") && text.contains("logs/ossec.log"), "{text}");
}
