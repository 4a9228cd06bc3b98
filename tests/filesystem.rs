//! File systems that are in the way, for real: mounts in a namespace of their own, full ones, ones without
//! inodes, and an execd that lives among other mounts. Each time the kernel is asked first whether it does what the
//! report says. Root only.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ar-doctor");

/// A file system on a directory with what was in it; `$1` and `$2` of `on` are directory and options.
const BEGIN: &str = r#"
home=$1 program=$2
bin=$home/active-response/bin logs=$home/logs
on() {
    copy=$(mktemp -d)
    cp -a "$1/." "$copy"
    mount -t tmpfs -o "$2" ar-doctor "$1"
    cp -a "$copy/." "$1"
    rm -rf "$copy"
}
must_fail() {
    if "$@" 2>/dev/null; then echo "the kernel allows: $*" >&2; exit 9; fi
}
fill() {
    dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null || :
}
"#;

const END: &str = r#"
status=0
"$program" check --home "$home" --format json || status=$?
test "$status" -le 1
"#;

/// A shell in a mount namespace of its own.
fn in_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-ec", script, "sh"]);
    for variable in ["WAZUH_HOME", "WAZUH_MANAGER_HOME", "WAZUH_AGENT_HOME"] {
        command.env_remove(variable);
    }
    command
}

fn cannot() -> bool {
    let why = if nix::unistd::geteuid().is_root() {
        let tried = in_namespace("mount -t tmpfs ar-doctor /mnt").stderr(Stdio::null()).status();
        if tried.is_ok_and(|status| status.success()) {
            return false;
        }
        "unshare(1) and mount(8) do not work here"
    } else {
        "mounts need root"
    };
    support::skip(why);
    true
}

/// A home of an agent with a daemon that can be started.
fn home(scratch: &Path) -> PathBuf {
    let root = scratch.join("root");
    support::base("agent-4.14-debian").materialise(&root).unwrap_or_else(|error| panic!("{error}"));
    let home = root.join("var/ossec");
    let sleep = ["/usr/bin/sleep", "/bin/sleep"].iter().find(|path| Path::new(path).exists());
    let sleep = sleep.unwrap_or_else(|| panic!("there is no sleep(1)"));
    for name in ["bin/wazuh-execd", "active-response/bin/firewall-drop"] {
        std::fs::copy(sleep, home.join(name)).unwrap_or_else(|error| panic!("{error}"));
    }
    home
}

/// The findings of a report: id, severity, title.
fn check(home: &Path, setup: &str) -> Vec<(String, String, String)> {
    let output = in_namespace(&format!("{BEGIN}{setup}{END}")).arg(home).arg(PROGRAM).output();
    let output = output.unwrap_or_else(|error| panic!("{error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{setup}: {} {said}", output.status);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    let mut open: Vec<Value> = report["findings"].as_array().cloned().unwrap_or_default();
    while let Some(finding) = open.pop() {
        found.push((text(&finding, "id"), text(&finding, "severity"), text(&finding, "title")));
        open.extend(finding["folded"].as_array().cloned().unwrap_or_default());
    }
    found
}

#[test]
fn what_the_kernel_refuses_is_said() {
    if cannot() {
        return;
    }
    let mut wrong = Vec::new();
    for (what, setup, id, severity) in [
        (
            "noexec",
            r#"on "$bin" mode=0750; mount -o remount,noexec "$bin"; must_fail "$bin/firewall-drop" 0"#,
            "AR078",
            "error",
        ),
        (
            "a read-only bind mount",
            r#"mount --bind "$bin" "$bin"; mount -o remount,bind,ro "$bin"; must_fail mkdir "$bin/fw-drop""#,
            "AR093",
            "error",
        ),
        (
            "a full tmpfs for the logs",
            r#"on "$logs" mode=0770,size=64k; fill "$logs"; must_fail sh -c "seq 2000 >>'$logs/active-responses.log'""#,
            "AR160",
            "warning",
        ),
        (
            "no inode for the lock",
            r#"on "$bin" mode=0750,nr_inodes=40; i=0; while mkdir "$bin/d$i" 2>/dev/null; do i=$((i + 1)); done
               must_fail mkdir "$bin/fw-drop""#,
            "AR160",
            "error",
        ),
        (
            "no inode and no log",
            r#"on "$logs" mode=0770,nr_inodes=20; rm "$logs/active-responses.log"
               i=0; while touch "$logs/f$i" 2>/dev/null; do i=$((i + 1)); done
               must_fail touch "$logs/active-responses.log""#,
            "AR160",
            "warning",
        ),
        (
            "an immutable directory of locks",
            r#"on "$bin" mode=0750; if chattr +i "$bin" 2>/dev/null; then must_fail mkdir "$bin/fw-drop"
               else mount -o remount,ro "$bin"; fi"#,
            "AR093",
            "error",
        ),
        (
            "a read-only etc/shared",
            r#"mount --bind "$home/etc/shared" "$home/etc/shared"; mount -o remount,bind,ro "$home/etc/shared"
               must_fail touch "$home/etc/shared/ar.confXXXXXX""#,
            "AR162",
            "warning",
        ),
        (
            "an empty directory over the programs",
            r#"mount -t tmpfs -o mode=0750 ar-doctor "$bin"; must_fail test -e "$bin/firewall-drop""#,
            "AR166",
            "error",
        ),
        (
            "an execd that lives where nothing is executed",
            r#"unshare -m --propagation private sh -ec 'mount --bind "$1" "$1"; mount -o remount,bind,noexec "$1"; exec "$2" 60' \
               sh "$bin" "$home/bin/wazuh-execd" >/dev/null 2>&1 &
               execd=$!; trap 'kill $execd' EXIT
               i=0; until test "$(readlink /proc/$execd/exe)" = "$home/bin/wazuh-execd"; do sleep 0.1; i=$((i + 1)); test $i -lt 100; done
               must_fail nsenter -t $execd -m "$bin/firewall-drop" 0; "$bin/firewall-drop" 0"#,
            "AR165",
            "error",
        ),
    ] {
        let scratch = support::Scratch::new();
        let home = home(scratch.path());
        let healthy = check(&home, "");
        if healthy.iter().any(|(found, ..)| found == id) {
            wrong.push(format!("{what}: {id} is found before: {healthy:#?}"));
        }
        let found = check(&home, &format!("{setup}\n"));
        if !found.iter().any(|(found, is, _)| found == id && is == severity) {
            wrong.push(format!("{what}: no {severity} {id}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where the kernel allows it, nothing is said.
#[test]
fn what_the_kernel_allows_is_not_said() {
    if cannot() {
        return;
    }
    let mut wrong = Vec::new();
    for (what, setup, ids) in [
        (
            "a lock directory in a full tmpfs",
            r#"on "$bin" mode=0750,size=4m; fill "$bin"; mkdir "$bin/fw-drop"; rmdir "$bin/fw-drop""#,
            &["AR160", "AR093"][..],
        ),
        (
            "a full tmpfs where nothing is written",
            r#"on "$home/queue" mode=0750,size=64k; fill "$home/queue""#,
            &["AR160"],
        ),
        (
            "an append-only log",
            r#"chattr +a "$logs/active-responses.log"; echo x >>"$logs/active-responses.log""#,
            &["AR082"],
        ),
        (
            "an immutable program",
            r#"chattr +i "$bin/firewall-drop"; "$bin/firewall-drop" 0; mkdir "$bin/fw-drop"; rmdir "$bin/fw-drop""#,
            &["AR093", "AR034"],
        ),
        (
            "an execd with a /tmp of its own",
            r#"unshare -m --propagation private sh -ec 'mount -t tmpfs none /mnt; exec "$1" 60' sh "$home/bin/wazuh-execd" >/dev/null 2>&1 &
               execd=$!; trap 'kill $execd' EXIT
               i=0; until test "$(readlink /proc/$execd/exe)" = "$home/bin/wazuh-execd"; do sleep 0.1; i=$((i + 1)); test $i -lt 100; done
               nsenter -t $execd -m "$bin/firewall-drop" 0"#,
            &["AR165"],
        ),
    ] {
        let scratch = support::Scratch::new();
        let home = home(scratch.path());
        let found = check(&home, &format!("{setup}\n"));
        if found.iter().any(|(found, ..)| ids.contains(&found.as_str())) {
            wrong.push(format!("{what}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
