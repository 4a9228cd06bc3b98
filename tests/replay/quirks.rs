//! Quirks of scripts, of starting them and of the sandbox, as rows with a script of their own.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::play::{self, ALERT, Place, Played, alert_with, replay, run, skipped, wrong};

const BROKEN: Option<i32> = Some(5);

/// A correct script whose line comes from READ and whose delete begins with DELETE.
const SCRIPT: &str = r#"#!/bin/bash
READ
ip=$(printf '%s\n' "$line" | sed -n 's/.*"srcip":"\([^"]*\)".*/\1/p')
case $line in
*'"command":"delete"'*)
    DELETE
    iptables -D INPUT -s "$ip" -j DROP
    exit 0
    ;;
esac
printf '{"version":1,"origin":{"name":"q","module":"active-response"},"command":"check_keys","parameters":{"keys":["%s"]}}\n' "$ip"
AFTER
IFS= read -r answer
case $answer in *'"continue"'*) iptables -I INPUT -s "$ip" -j DROP ;; esac
exit 0
"#;

const STATEFUL: &[&str] = &["--timeout", "600", "--deadline", "2s"];
const STATELESS: &[&str] = &["--timeout", "0", "--deadline", "2s"];
/// What hangs is not worth waiting for.
const STUCK: &[&str] = &["--timeout", "600", "--deadline", "800ms"];
const STATELESS_STUCK: &[&str] = &["--timeout", "0", "--deadline", "800ms"];

/// A script, and what leads the report; nothing for a clean one.
struct Quirk {
    what: &'static str,
    text: fn() -> String,
    event: fn() -> String,
    arguments: &'static [&'static str],
    headline: &'static str,
}

fn usual() -> String {
    ALERT.to_owned()
}

/// execd takes hardly more than a pipe holds: the message is as large as it may be. The
/// time is in it twice.
fn large() -> String {
    alert_with("Nov 20 14:09:57", &"x".repeat(32_000))
}

/// [`SCRIPT`] with these parts.
fn script(read: &str, delete: &str, after: &str) -> String {
    SCRIPT.replace("READ", read).replace("DELETE", delete).replace("AFTER", after)
}

fn reading(read: &str) -> String {
    script(read, ":", ":")
}

const LINE: &str = "IFS= read -r line";

const fn quirk(
    what: &'static str,
    headline: &'static str,
    arguments: &'static [&'static str],
    text: fn() -> String,
) -> Quirk {
    Quirk { what, text, event: usual, arguments, headline }
}

const QUIRKS: &[Quirk] = &[
    quirk("as it is", "", STATEFUL, || reading(LINE)),
    // Readers.
    quirk("read -d ''", "stdin-read-to-end", STUCK, || reading("IFS= read -r -d '' line")),
    quirk("mapfile", "stdin-read-to-end", STUCK, || reading("mapfile lines; line=${lines[0]}")),
    quirk("mapfile -n 1", "", STATEFUL, || reading("mapfile -n 1 lines; line=${lines[0]}")),
    quirk("tee", "stdin-read-to-end", STUCK, || reading("line=$(tee /tmp/line)")),
    quirk("xargs", "stdin-read-to-end", STUCK, || reading("line=$(xargs -0 printf %s)")),
    quirk("grep", "stdin-read-to-end", STUCK, || reading("line=$(grep version)")),
    quirk("grep -m 1", "", STATEFUL, || reading("line=$(grep -m 1 version)")),
    quirk("readlines()", "stdin-read-to-end", STUCK, || {
        reading("line=$(python3 -c 'import sys; print(sys.stdin.readlines()[0])')")
    }),
    quirk("dd with room for the line", "", STATEFUL, || reading("line=$(dd bs=65536 count=1 2>/dev/null)")),
    quirk("dd without room for it", "keys-empty", STUCK, || reading("line=$(dd count=1 bs=64 2>/dev/null)")),
    quirk("timeout cat is slow, not wrong", "", &["--timeout", "0", "--deadline", "10s"], || {
        "#!/bin/sh\nline=$(timeout 1 cat)\nmkdir -p /var/lib/quirk\necho \"$line\" >>/var/lib/quirk/line\n"
            .to_owned()
    }),
    // Deletes.
    quirk("keys on delete", "", STATEFUL, || {
        script(
            LINE,
            "echo '{\"version\":1,\"command\":\"check_keys\",\"parameters\":{\"keys\":[\"x\"]}}'",
            ":",
        )
    }),
    quirk("waits for an answer on delete", "", STATEFUL, || script(LINE, "IFS= read -r answer", ":")),
    quirk("cat on delete", "", STATEFUL, || script(LINE, "cat >/dev/null", ":")),
    quirk("much output on delete", "", STATEFUL, || script(LINE, "seq 100000", ":")),
    // Ends.
    quirk("keys, then exit 1 without reading the answer", "script-exits-nonzero", STATEFUL, || {
        script(LINE, ":", "exit 1")
    }),
    quirk("ends by a real-time signal", "script-killed", STATEFUL, || {
        script(LINE, ":", "IFS= read -r answer; kill -35 $$; sleep 5")
    }),
    quirk("hangs without stdin and stdout", "script-never-ends", STUCK, || {
        script(LINE, ":", "IFS= read -r answer; exec <&- >&-; sleep 600")
    }),
    quirk("7000 bytes without a line feed", "noise-before-keys", STATEFUL, || {
        "#!/bin/sh\nIFS= read -r line\nhead -c 7000 /dev/zero | tr '\\0' x\nexit 0\n".to_owned()
    }),
    quirk("never reads, and ends", "stdin-never-read", STATELESS, || {
        "#!/bin/sh\nmkdir /var/lib/quirk\nexit 0\n".to_owned()
    }),
    Quirk {
        event: large,
        ..quirk("never reads a line that fills the pipe, and ends", "stdin-never-read", STATELESS, || {
            "#!/bin/sh\nmkdir /var/lib/quirk\nexit 0\n".to_owned()
        })
    },
    Quirk {
        event: large,
        ..quirk(
            "never reads a line that fills the pipe, and sleeps",
            "script-never-ends",
            STATELESS_STUCK,
            || "#!/bin/sh\nmkdir /var/lib/quirk\nexec sleep 600\n".to_owned(),
        )
    },
    Quirk { event: large, ..quirk("a line that fills the pipe", "", STATEFUL, || reading(LINE)) },
    // The sandbox.
    quirk("logger, and an end at the first failure", "", &["--timeout", "600"], || {
        reading(
            "set -e\nIFS= read -r line\nlogger -t quirk begins\nlogger -p auth.info more\nfor n in {1..20}; do logger \"$n\"; done",
        )
    }),
    quirk("endless output once its input has ended", "stdin-read-to-end", STUCK, || {
        "#!/bin/sh\ncat >/dev/null\nexec yes endless\n".to_owned()
    }),
    quirk("endless output in place of keys", "noise-before-keys", STUCK, || {
        "#!/bin/sh\nIFS= read -r line\nyes endless\nexit 0\n".to_owned()
    }),
    quirk("endless standard error", "script-never-ends", STUCK, || {
        "#!/bin/sh\nIFS= read -r line\nexec yes endless >&2\n".to_owned()
    }),
];

#[test]
fn quirks_of_scripts() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let numbered: Vec<(usize, &Quirk)> = QUIRKS.iter().enumerate().collect();
    let wrong = wrong(&numbered, |(number, row)| {
        let file = place.file(&format!("quirk{number}.sh"), (row.text)());
        let event = place.file(&format!("quirk{number}.json"), (row.event)());
        let played = replay(&file, &event, &home, &[&["--contract", "json4"][..], row.arguments].concat());
        let fits = if row.headline.is_empty() {
            played.report["findings"].is_array() && played.findings().is_empty() && played.status == Some(0)
        } else {
            played.headline() == row.headline && played.status == BROKEN
        };
        let started = played.report["launch"]["started"] == true;
        if fits && started {
            Ok(())
        } else {
            Err(format!("{} {:?}: {}", row.what, row.headline, played.summary()))
        }
    });
    assert!(wrong.is_empty(), "{} of {} rows fail:\n{}", wrong.len(), QUIRKS.len(), wrong.join("\n"));
    // Of all that this process has waited for, the compiler included.
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN);
    let kilobytes = usage.expect("it is ours").max_rss();
    assert!(kilobytes < 200 * 1024, "a child took {kilobytes} kB");
}

#[test]
fn a_real_time_signal_is_told_by_its_number() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let event = place.file("event.json", ALERT);
    let file = place.file("signal.sh", "#!/bin/bash\nIFS= read -r line\nkill -35 $$\nsleep 5\n");
    let home = place.home("agent-4.14-debian");
    let played = replay(&file, &event, &home, &["--contract", "json4", "--timeout", "0"]);
    assert_eq!(played.headline(), "script-killed", "{}", played.summary());
    assert_eq!(played.report["outcome"]["signal"], 35, "{}", played.stdout);
}

/// What a script asks only once its input has ended it would never ask under execd.
#[test]
fn what_comes_after_the_end_of_input_is_not_counted() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let event = place.file("event.json", ALERT);
    let path = format!("/run/ar-doctor-quirk-{}", std::process::id());
    let service = UnixListener::bind(&path).expect("/run is there");
    service.set_nonblocking(true).expect("it is a socket");
    let call = format!("import socket; socket.socket(socket.AF_UNIX).connect({path:?})");
    for (text, headline, status) in [
        (format!("#!/usr/bin/python3\nimport sys\nsys.stdin.read()\n{call}\n"), "stdin-read-to-end", BROKEN),
        // The near miss: it asks while execd would still hear of it.
        (format!("#!/usr/bin/python3\nimport sys\nsys.stdin.readline()\n{call}\n"), "", Some(3)),
    ] {
        let file = place.file("call.py", text);
        let played =
            replay(&file, &event, &home, &["--contract", "json4", "--timeout", "0", "--deadline", "1s"]);
        assert!(service.accept().is_err(), "the host was reached");
        assert_eq!((played.headline().as_str(), played.status), (headline, status), "{}", played.summary());
        assert_eq!(
            played.report["not_containable"].is_null(),
            headline == "stdin-read-to-end",
            "{}",
            played.stdout
        );
    }
    fs::remove_file(&path).expect("it is ours");
}

/// Words of extra_args are data.
#[test]
fn extra_args_come_as_they_are() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let event = place.file("event.json", ALERT);
    let file = place.file(
        "extra.sh",
        "#!/bin/bash\nIFS= read -r line\nmkdir -p /var/lib/extra\n\
         jq -r '.parameters.extra_args[]' <<<\"$line\" >/var/lib/extra/arguments\n",
    );
    let home = place.home("agent-4.14-debian");
    let words = ["$(touch${IFS}/var/lib/executed)", "`id`", "-", "ü;|&", "--zone=$HOME"];
    let mut arguments = vec!["--contract", "json4", "--timeout", "0"];
    for word in &words {
        arguments.extend(["--extra-args", word]);
    }
    let played = replay(&file, &event, &home, &arguments);
    assert_eq!(played.status, Some(0), "{}", played.summary());
    let effects = played.report["effects"].as_array().cloned().unwrap_or_default();
    let file = effects.iter().find(|effect| effect["what"] == "/var/lib/extra/arguments");
    let added = file.map(|file| file["added"].clone()).unwrap_or_default();
    assert_eq!(added, json!(words), "{effects:#?}");
    assert!(effects.iter().all(|effect| effect["what"] != "/var/lib/executed"), "{effects:#?}");
}

// ---- what a script is given ----

/// Says all it was given, a line for each.
const ATTRIBUTES: &str = r#"#!/bin/sh
said="$0|$#|$*"
umask=$(umask)
IFS= read -r line
say() { printf '%s=%s\n' "$1" "$2" >>logs/active-responses.log; }
status() { sed -n "s/^$1:[[:space:]]*//p" /proc/$$/status; }
case $line in *'"delete"'*) say deed delete ;; *) say deed add ;; esac
say called "$said"
say command "$(tr '\0' '|' </proc/$$/cmdline)"
say user "$(id -u) $(id -g) $(id -G)"
say uids "$(status Uid | tr '\t' ' ')"
say umask "$umask"
say cwd "$(pwd -P)"
say environment "$(tr '\0' '|' </proc/$$/environ)"
say ignored "$(status SigIgn)"
say blocked "$(status SigBlk)"
say bounding "$(status CapBnd)"
say session "$$ $(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f3-5)"
printf descriptors= >>logs/active-responses.log
# Without a pipe, which would be one of them.
ls /proc/$$/fd >/tmp/descriptors
tr '\n' ' ' </tmp/descriptors >>logs/active-responses.log
echo >>logs/active-responses.log
for fd in 0 1 2; do say "fd$fd" "$(readlink /proc/$$/fd/$fd)"; done
case $line in *'"delete"'*) exit 0 ;; esac
echo '{"version":1,"origin":{"name":"q","module":"active-response"},"command":"check_keys","parameters":{"keys":["203.0.113.9"]}}'
IFS= read -r answer
"#;

/// As wpopenv of 4.14 leaves a child of execd that systemd has started.
#[test]
fn a_script_gets_the_attributes_execd_gives() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let event = place.file("event.json", ALERT);
    let name = "attributes.sh";
    let file = home.join("active-response/bin").join(name);
    fs::write(&file, ATTRIBUTES).expect("it is ours");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o750)).expect("it is ours");
    let gid = fs::metadata(home.join("active-response/bin/edge-block.sh")).expect("it is there").gid();
    // Where the group of the home is known by its name.
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-ec"]).arg(
        "for file in passwd group; do mount --bind \"$1/../../etc/$file\" \"/etc/$file\"; done\n\
         umask 077\ntrap '' USR1 PIPE\nexec 7</dev/null\n\
         exec \"$3\" replay \"$4\" --home \"$1\" --payload \"$2\" --contract json4 --timeout 600 --format json",
    );
    command.arg("sh").arg(&home).arg(&event).args([play::PROGRAM, name]);
    // What this process has must not come through.
    command.env("AR_DOCTOR_SECRET", "1").current_dir("/");
    let played = run(&mut command);
    let steps = played.report["steps"].as_array().cloned().unwrap_or_default();
    for (label, is_add) in [("add", true), ("delete", false)] {
        let step = steps.iter().find(|step| step["label"] == label);
        let step = step.unwrap_or_else(|| panic!("no {label}: {}", played.summary()));
        let lines = step["log_lines"].as_array().cloned().unwrap_or_default();
        let value = |key: &str| -> String {
            let lines: Vec<&str> = lines.iter().filter_map(|line| line.as_str()).collect();
            let found = lines.iter().find_map(|line| line.strip_prefix(&format!("{key}=")));
            found.unwrap_or_else(|| panic!("{label}: no {key} in {lines:?}")).to_owned()
        };
        assert_eq!(value("deed"), label);
        let path = format!("active-response/bin/{name}");
        assert_eq!(value("called"), format!("{path}|0|"), "{label}: arguments");
        assert_eq!(value("command"), format!("/bin/sh|{path}|"), "{label}: argv[0]");
        assert_eq!(value("user"), format!("0 {gid} {gid}"), "{label}: uid, gid, groups");
        assert_eq!(value("uids"), "0 0 0 0", "{label}");
        assert_eq!(value("umask").trim_start_matches('0'), "22", "{label}");
        assert_eq!(value("cwd"), fs::canonicalize(&home).expect("it is ours").display().to_string());
        let environment = value("environment");
        assert!(environment.starts_with("PATH=/"), "{label}: {environment}");
        assert_eq!(environment.matches('|').count(), 1, "{label}: {environment}");
        // 32 and 33 are libc's own: they stay as this process got them.
        let ignored = u64::from_str_radix(&value("ignored"), 16).expect("a number");
        assert_eq!(ignored & !0x1_8000_0000, 1, "{label}: SIGHUP only");
        assert_eq!(value("blocked"), "0000000000000000", "{label}");
        let words = value("session");
        let words: Vec<&str> = words.split(' ').collect();
        // Own number, group, session, terminal.
        assert_eq!((words[0], words[0], "0"), (words[1], words[2], words[3]), "{label}");
        let bounding = u64::from_str_radix(&value("bounding"), 16).expect("a number");
        for (bit, what) in
            [(16, "SYS_MODULE"), (19, "SYS_PTRACE"), (21, "SYS_ADMIN"), (25, "SYS_TIME"), (27, "MKNOD")]
        {
            assert_eq!(bounding & (1 << bit), 0, "{label}: CAP_{what}");
        }
        for (bit, what) in [(0, "CHOWN"), (1, "DAC_OVERRIDE"), (12, "NET_ADMIN"), (13, "NET_RAW")] {
            assert_ne!(bounding & (1 << bit), 0, "{label}: CAP_{what}");
        }
        assert!(value("fd0").starts_with("pipe:"), "{label}: {}", value("fd0"));
        if is_add {
            assert!(value("fd1").starts_with("pipe:"), "{}", value("fd1"));
        } else {
            assert_eq!(value("fd1"), "/dev/null");
        }
        // From 10 on they are the shell's own; the caller's 7, and all else, is closed.
        let descriptors = value("descriptors");
        let others: Vec<&str> =
            descriptors.split(' ').filter(|fd| fd.len() == 1 && !["0", "1", "2"].contains(fd)).collect();
        assert!(others.is_empty(), "{label}: {descriptors}");
    }
    assert_eq!(played.stderr, "", "what it wrote to standard error is not shown as ours");
}

// ---- how it is started ----

/// What execd and the kernel make of the file, once it was changed.
struct Spoilt {
    what: &'static str,
    /// Leads the report; nothing when it just runs.
    headline: &'static str,
    started: bool,
    by_sh: bool,
    spoil: fn(&Path) -> std::io::Result<()>,
}

const fn spoilt(
    what: &'static str,
    headline: &'static str,
    (started, by_sh): (bool, bool),
    spoil: fn(&Path) -> std::io::Result<()>,
) -> Spoilt {
    Spoilt { what, headline, started, by_sh, spoil }
}

const RUNS: (bool, bool) = (true, false);
const BY_SH: (bool, bool) = (true, true);
const REFUSED: (bool, bool) = (false, false);

/// Puts bytes in front of the script.
fn before(script: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let text = fs::read(script)?;
    fs::write(script, [bytes, &text].concat())
}

fn with_text(script: &Path, text: &str) -> std::io::Result<()> {
    fs::write(script, text)
}

/// Moves the script and leaves a link to it.
fn linked(script: &Path, to: &Path) -> std::io::Result<()> {
    fs::rename(script, to)?;
    std::os::unix::fs::symlink(to, script)
}

const SPOILT: &[Spoilt] = &[
    spoilt("as it is", "", RUNS, |_| Ok(())),
    spoilt("a byte order mark", "shebang-behind-bom", BY_SH, |script| before(script, b"\xef\xbb\xbf")),
    spoilt("a blank before #!", "shebang-behind-bom", BY_SH, |script| before(script, b" ")),
    spoilt("an empty line before #!", "shebang-behind-bom", BY_SH, |script| before(script, b"\n")),
    spoilt("bash without #!", "shebang-missing", BY_SH, |script| {
        with_text(
            script,
            "read -r line\n[[ $line == *add* ]] || exit 1\nfields=(a b)\necho \"${fields[1]}\" >>logs/x\n",
        )
    }),
    spoilt("empty", "executable-empty", BY_SH, |script| fs::write(script, b"")),
    spoilt("mode 0000", "script-not-executable", REFUSED, |script| {
        fs::set_permissions(script, fs::Permissions::from_mode(0o0))
    }),
    spoilt("a directory", "executable-is-directory", REFUSED, |script| {
        fs::remove_file(script)?;
        fs::create_dir(script)
    }),
    spoilt("the interpreter is a directory", "interpreter-not-executable", REFUSED, |script| {
        with_text(script, "#!/usr/bin\nexit 0\n")
    }),
    spoilt("set-user-ID", "", RUNS, |script| fs::set_permissions(script, fs::Permissions::from_mode(0o4750))),
    spoilt("a link to a script elsewhere", "", RUNS, |script| {
        let elsewhere = script.with_file_name("../../etc/moved.sh");
        linked(script, &elsewhere)
    }),
    spoilt("a link to another in the directory", "", RUNS, |script| {
        linked(script, &script.with_file_name("other.sh"))
    }),
    spoilt("a link to nothing", "executable-dangling-link", REFUSED, |script| {
        fs::remove_file(script)?;
        std::os::unix::fs::symlink("/nonexistent/script.sh", script)
    }),
    spoilt("a program of Windows", "wrong-architecture", BY_SH, |script| {
        let mut bytes = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".to_vec();
        bytes.resize(60, 0);
        bytes.extend_from_slice(&64_u32.to_le_bytes());
        bytes.extend_from_slice(b"PE\0\0\x64\x86");
        bytes.resize(512, 0);
        fs::write(script, bytes)
    }),
];

#[test]
fn quirks_of_the_start() {
    if skipped() {
        return;
    }
    let wrong = wrong(SPOILT, |row| {
        let place = Place::new();
        let home = place.home("agent-4.14-debian");
        (row.spoil)(&home.join("active-response/bin/edge-block.sh"))
            .unwrap_or_else(|error| panic!("{}: {error}", row.what));
        let event = place.file("event.json", ALERT);
        let played = replay(Path::new("edge-block900"), &event, &home, &["--deadline", "2s"]);
        let found = headline(&played);
        let launch = &played.report["launch"];
        let started = launch["started"] == row.started && launch["by_sh"] == row.by_sh;
        // It only writes a line to the log, which may be said.
        let fits = found == row.headline || row.headline.is_empty() && found == "changed-nothing";
        let failed = row.headline.is_empty() || played.status == BROKEN;
        if started && fits && failed {
            Ok(())
        } else {
            Err(format!("{} {:?}: {} {launch}", row.what, row.headline, played.summary()))
        }
    });
    assert!(wrong.is_empty(), "{} of {} rows fail:\n{}", wrong.len(), SPOILT.len(), wrong.join("\n"));
}

/// The first finding that is not about this machine.
fn headline(played: &Played) -> String {
    let found = played.findings().into_iter().map(|(_, slug, _)| slug);
    found.into_iter().find(|slug| !crate::OF_THE_MACHINE.contains(&slug.as_str())).unwrap_or_default()
}

/// execd opens it to see whether it is there, and waits for a writer.
#[test]
fn a_fifo_for_a_script_holds_execd_up() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let script = home.join("active-response/bin/edge-block.sh");
    fs::remove_file(&script).expect("it is ours");
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o750);
    nix::unistd::mkfifo(&script, mode).expect("it is ours");
    let event = place.file("event.json", ALERT);
    let played = replay(Path::new("edge-block900"), &event, &home, &["--deadline", "2s"]);
    assert_eq!(headline(&played), "executable-not-regular", "{}", played.summary());
    assert_eq!(played.status, BROKEN, "{}", played.summary());
    assert_eq!(played.report["outcome"]["blocks_execd"], true, "{}", played.stdout);
}

/// The kernel does not start a program that somebody writes to (ETXTBSY). What is started in
/// the sandbox is a view of it, to which nobody writes: it starts.
#[test]
fn a_program_somebody_writes_to_starts_in_the_sandbox() {
    if skipped() {
        return;
    }
    let place = Place::new();
    let home = place.home("agent-4.14-debian");
    let script = home.join("active-response/bin/edge-block.sh");
    let writer = fs::OpenOptions::new().append(true).open(&script).expect("it is ours");
    let refused = Command::new(&script).output().err().and_then(|error| error.raw_os_error());
    assert_eq!(refused, Some(26), "ETXTBSY on the host");
    let event = place.file("event.json", ALERT);
    let played = replay(Path::new("edge-block900"), &event, &home, &[]);
    assert_eq!(played.report["launch"]["started"], true, "{}", played.summary());
    drop(writer);
}

// ---- mounts of the host ----

/// Plays in a mount namespace where `prepare` (sh, `$1` the home, `$2` a scratch directory) came first.
fn mounted(place: &Place, prepare: &str) -> Played {
    let (home, event) = (place.home("agent-4.14-debian"), place.file("event.json", ALERT));
    let scratch = place.path().join("scratch");
    fs::create_dir_all(&scratch).expect("it is ours");
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-ec"]);
    command.arg(format!(
        "{prepare}\nexec \"$4\" replay edge-block900 --payload \"$3\" --home \"$1\" --format json"
    ));
    command.arg("sh").arg(home).arg(scratch).arg(event).arg(play::PROGRAM);
    run(&mut command)
}

#[test]
fn mounts_of_the_host_are_no_obstacle() {
    if skipped() {
        return;
    }
    for (what, prepare) in [
        ("nothing", ":"),
        ("a read-only root", "mount -o remount,ro,bind /"),
        (
            "files mounted by themselves",
            "cp /etc/hosts \"$2/hosts\"; mount --bind \"$2/hosts\" /etc/hosts\n\
             cp -a \"$1/active-response/bin/edge-block.sh\" \"$2/script\"\n\
             mount --bind \"$2/script\" \"$1/active-response/bin/edge-block.sh\"",
        ),
        ("a device mounted as a file", "cp /etc/hosts \"$2/hosts\"; mount --bind /dev/null /etc/hosts"),
        ("a home that is a mount", "mount --bind \"$1\" \"$1\"; mount -o remount,bind,nosuid,nodev \"$1\""),
        (
            "a home on a tmpfs",
            "cp -a \"$1\" \"$2/home\"; mount -t tmpfs -o mode=0750 x \"$1\"; cp -a \"$2/home/.\" \"$1\"",
        ),
        (
            "a home on one overlay",
            "mkdir \"$2/u\" \"$2/w\"; mount -t overlay -o lowerdir=\"$1\",upperdir=\"$2/u\",workdir=\"$2/w\" x \"$1\"",
        ),
    ] {
        let place = Place::new();
        let played = mounted(&place, prepare);
        assert_eq!(played.report["launch"]["started"], true, "{what}: {}", played.summary());
        assert_eq!(played.report["launch"]["by_sh"], false, "{what}: {}", played.summary());
    }
}

#[test]
fn a_home_that_cannot_be_overlaid_is_refused_with_words() {
    if skipped() {
        return;
    }
    let place = Place::new();
    // Two overlays one above the other are as many as the kernel stacks.
    let played = mounted(
        &place,
        "for n in 1 2; do\n\
         mount -t tmpfs x \"$2\"; mkdir \"$2/u\" \"$2/w\"\n\
         mount -t overlay -o lowerdir=\"$1\",upperdir=\"$2/u\",workdir=\"$2/w\" x \"$1\"\n\
         done\n",
    );
    assert_eq!(played.status, Some(3), "{}", played.summary());
    assert!(played.report.is_null(), "{}", played.stdout);
    for word in ["this kernel cannot make the sandbox", "an overlay over", "var/ossec", "--execute"] {
        assert!(played.stderr.contains(word), "no {word:?} in {}", played.stderr);
    }
}
