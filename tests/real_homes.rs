//! The rows of the fault grid on real homes: directory trees with real owners
//! and modes, real mounts, and one live host with a real process. Root only.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ar_doctor::findings::Severity;
use ar_doctor::host::tree::TreeHost;
use serde_json::Value;
use support::cases::{Case, Real, Shows, cases};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ar-doctor");

/// Whether a test has to be left out; says why, or fails where nothing may be.
fn skipped(why: &str) -> bool {
    support::skip(why);
    true
}

fn without_root() -> bool {
    !nix::unistd::geteuid().is_root() && skipped("owners and modes of a real home need root")
}

/// A shell in a mount namespace of its own.
fn in_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-ec", script, "sh"]);
    command
}

fn without_mounts() -> bool {
    let tried = in_namespace("mount -t tmpfs ar-doctor /tmp").stderr(Stdio::null()).status();
    !tried.is_ok_and(|status| status.success()) && skipped("unshare(1) and mount(8) do not work here")
}

/// The edited host as a directory tree.
fn build(case: &Case, root: &Path) {
    let mut host = support::base(case.base);
    // A mount row's edit changes the table too, which is no part of a tree.
    case.apply(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
    let missing = host.materialise(root).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
    let not_made: Vec<&String> = missing.iter().filter(|what| what.contains("needs root")).collect();
    assert!(not_made.is_empty(), "{}: {not_made:?}", case.name());
}

#[test]
fn every_row_of_a_tree_shows_what_it_says() {
    if without_root() {
        return;
    }
    let rows: Vec<&Case> = cases().filter(|case| case.real == Real::Tree).collect();
    // Building trees is mostly waiting for the disk.
    let workers = thread::available_parallelism().map_or(2, usize::from).min(4);
    let wrong: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                let mine: Vec<&Case> = rows.iter().skip(worker).step_by(workers).copied().collect();
                scope.spawn(move || mine.into_iter().filter_map(on_a_tree).collect::<Vec<_>>())
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|_| vec!["a row panicked".to_owned()]))
            .collect()
    });
    assert!(wrong.is_empty(), "{} of {} rows fail:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Why a row is wrong on a real tree; none when it is right.
fn on_a_tree(case: &Case) -> Option<String> {
    let scratch = support::Scratch::new();
    let root = scratch.path().join("root");
    build(case, &root);
    let host = TreeHost::open(&root).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
    support::judge(case, &support::diagnose(&host)).err()
}

#[test]
fn healthy_trees_are_silent() {
    if without_root() {
        return;
    }
    for name in support::BASES {
        let scratch = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let root = scratch.path().join("root");
        support::base(name).materialise(&root).unwrap_or_else(|error| panic!("{name}: {error}"));
        let host = TreeHost::open(&root).unwrap_or_else(|error| panic!("{name}: {error}"));
        let outcome = support::diagnose(&host);
        assert!(outcome.diagnosis.worst() < Some(Severity::Warning), "{name}: {:#?}", outcome.lines);
        // Nothing runs in a tree, no kernel either, and its disk is another; all else is known.
        let not_of_a_tree = |unknown: &&String| {
            !["no processes", "of a running host", "how full a directory tree is"]
                .iter()
                .any(|why| unknown.contains(why))
        };
        let others: Vec<&String> = outcome.unknown.iter().filter(not_of_a_tree).collect();
        assert!(others.is_empty(), "{name}: {others:#?}");
    }
}

/// Runs commands where the tree's home is the machine's.
const MEND: &str = r#"
root=$1 command=$2
mount --bind "$root/etc/passwd" /etc/passwd
mount --bind "$root/etc/group" /etc/group
mount -t tmpfs -o mode=0755 ar-doctor /var
mkdir /var/ossec
mount --bind "$root/var/ossec" /var/ossec
sh -ec "$command"
"#;

/// What of a remedy can be run as it stands: none when a part of it is for a
/// person, or touches more than the home.
fn commands(remedy: &[String]) -> Option<String> {
    const KNOWN: &[&str] = &["sed", "chmod", "chown", "chgrp", "mv", "cp", "rm", "install", "chattr"];
    let mut all = Vec::new();
    for line in remedy.iter().filter(|line| !line.starts_with("systemctl restart ")) {
        // There is no service to be restarted in a tree.
        let line = line.split(" && systemctl restart ").next().unwrap_or(line);
        let words: Vec<&str> = line.split_whitespace().collect();
        // A sentence may begin with the verb.
        let is_command = words.first() != Some(&"install") || words.get(1) == Some(&"-o");
        let known = is_command && words.first().is_some_and(|word| KNOWN.contains(word));
        let inside = words
            .iter()
            .all(|word| !word.starts_with('/') || word.starts_with("/var/ossec") || *word == "/dev/null");
        if !known || !inside || words.contains(&"FILE") {
            return None;
        }
        all.push(line);
    }
    (!all.is_empty()).then(|| all.join("\n"))
}

#[test]
fn a_remedy_that_is_pasted_mends() {
    if without_root() || without_mounts() {
        return;
    }
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for case in cases().filter(|case| case.real == Real::Tree && case.shows == Shows::Fault) {
        let mut host = support::base(case.base);
        case.apply(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        let before = support::diagnose(&host);
        let Some(command) =
            before.diagnosis.entries.first().and_then(|entry| commands(&entry.finding.remedy))
        else {
            continue;
        };
        tried += 1;
        let scratch = support::Scratch::new();
        let root = scratch.path().join("root");
        build(case, &root);
        let output = in_namespace(MEND).arg(&root).arg(&command).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        let tree = TreeHost::open(&root).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        let after = support::diagnose(&tree);
        if !output.status.success()
            || after.all.contains(&case.check)
            || after.diagnosis.worst() > Some(Severity::Advice)
        {
            wrong.push(format!(
                "{}\n  {command}\n  {}\n  {}",
                case.name(),
                String::from_utf8_lossy(&output.stderr).trim(),
                after.lines.join("\n  ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {tried} remedies do not mend:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 30, "only {tried} remedies could be tried");
}

/// Copies a directory onto a file system of its own, mounted over it.
const MOUNT: &str = r#"
root=$1 inside=$2 options=$3 program=$4
copy=$(mktemp -d)
cp -a "$root$inside/." "$copy"
mount -t tmpfs -o mode=0755 ar-doctor "$root$inside"
chown --reference="$copy" "$root$inside"
cp -a "$copy/." "$root$inside"
chmod --reference="$copy" "$root$inside"
rm -rf "$copy"
mount -o "remount,$options" "$root$inside"
status=0
"$program" check --from "$root" --format json || status=$?
test "$status" -le 1
"#;

#[test]
fn every_row_with_a_mount_shows_what_it_says() {
    if without_root() || without_mounts() {
        return;
    }
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for case in cases() {
        let Real::Mount(inside, options) = case.real else { continue };
        tried += 1;
        let scratch = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let root = scratch.path().join("root");
        build(case, &root);
        let output = in_namespace(MOUNT)
            .arg(&root)
            .args([inside, options, PROGRAM])
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        assert!(output.status.success(), "{}: {}", case.name(), String::from_utf8_lossy(&output.stderr));
        if let Err(why) = judge_json(case, &json(&output.stdout)) {
            wrong.push(why);
        }
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 0, "no row has a mount");
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// Check id and severity of every finding in a JSON report, worst first.
fn findings(report: &Value) -> Vec<(String, String)> {
    findings_that(report, |_| true)
}

fn findings_that(report: &Value, fits: impl Fn(&Value) -> bool) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let all = report["findings"].as_array().cloned().unwrap_or_default();
    let fitting = all.iter().filter(|finding| fits(finding));
    fitting.map(|finding| (text(finding, "id"), text(finding, "severity"))).collect()
}

/// [`support::judge`] on what the program printed.
fn judge_json(case: &Case, report: &Value) -> Result<(), String> {
    let check = case.check.check().id;
    let found = findings(report);
    let said = |why: &str| Err(format!("{}\n  {found:?}\n  -> {why}", case.name()));
    match case.shows {
        Shows::Fault => {
            let headline = report["headline"].as_str().unwrap_or_default();
            if headline.split(':').next() != Some(check) {
                return said("another check leads");
            }
            let unfolded = findings_that(report, |finding| finding["explained_by"].is_null());
            if unfolded.iter().any(|(id, severity)| id != check && severity == "error") {
                return said("another error stands beside it");
            }
        }
        Shows::NearMiss => {
            if found.iter().any(|(id, severity)| id == check || severity != "advice") {
                return said("it is not silent");
            }
        }
    }
    Ok(())
}

/// A process that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts something harmless under the name and from the place of a daemon.
fn daemon(home: &Path, name: &str) -> Running {
    let sleep = ["/bin/sleep", "/usr/bin/sleep"].iter().find(|path| Path::new(path).exists());
    let program = home.join("bin").join(name);
    fs::copy(sleep.unwrap_or_else(|| panic!("there is no sleep(1)")), &program)
        .unwrap_or_else(|error| panic!("{error}"));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o750))
        .unwrap_or_else(|error| panic!("{error}"));
    // A program that is several in one looks at its name; the name it is given
    // stays the file's as far as the kernel is concerned.
    use std::os::unix::process::CommandExt as _;
    let child = Command::new(&program).arg0("sleep").arg("600").stdin(Stdio::null()).spawn();
    Running(child.unwrap_or_else(|error| panic!("{}: {error}", program.display())))
}

/// The home of a base host with `base`'s files at `home`, to be diagnosed live.
fn live_home(base: &str, scratch: &Path) -> PathBuf {
    let root = scratch.join(base);
    let mut host = support::base(base);
    // This machine has its own interpreters and loader; only the home is the fixture's.
    for at in ["ossec.conf", "shared/ar.conf"] {
        let path = format!("/var/ossec/etc/{at}");
        assert!(ar_doctor::host::Host::entry(&host, path.as_ref()).get().is_some(), "{path}");
    }
    let pid_files = ar_doctor::host::Host::list(&host, "/var/ossec/var/run".as_ref());
    for file in pid_files.get().into_iter().flatten() {
        host.remove(Path::new("/var/ossec/var/run").join(file)).unwrap_or_else(|error| panic!("{error}"));
    }
    host.materialise(&root).unwrap_or_else(|error| panic!("{base}: {error}"));
    root.join("var/ossec")
}

fn check_live(home: &Path) -> Value {
    let mut command = Command::new(PROGRAM);
    for variable in ["WAZUH_HOME", "WAZUH_MANAGER_HOME", "WAZUH_AGENT_HOME"] {
        command.env_remove(variable);
    }
    let output = command
        .args(["check", "--format", "json", "--home"])
        .arg(home)
        .output()
        .unwrap_or_else(|error| panic!("{PROGRAM}: {error}"));
    json(&output.stdout)
}

/// Live: the same home with and without its daemon.
#[test]
fn a_live_daemon_is_seen_when_it_runs_and_missed_when_it_does_not() {
    if without_root() {
        return;
    }
    let not_running = ar_doctor::findings::checks::EXECD_NOT_RUNNING.check().id;
    let scratch = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    for base in ["agent-4.14-debian", "manager-4.14-debian"] {
        let home = live_home(base, scratch.path());
        let misses = |report: &Value| findings(report).iter().any(|(id, _)| id == not_running);

        let report = check_live(&home);
        assert_eq!(report["host"]["source"], "live", "{base}");
        assert!(misses(&report), "{base}: {:?}", findings(&report));

        let running = daemon(&home, "wazuh-execd");
        // exec(2) may still be under way when spawn returns on some systems.
        let seen = (0..50).any(|_| {
            let seen = !misses(&check_live(&home));
            if !seen {
                thread::sleep(Duration::from_millis(20));
            }
            seen
        });
        assert!(seen, "{base}: a running execd is not seen: {:?}", findings(&check_live(&home)));

        // A daemon of the same name that belongs to another home is none of this one.
        let other = scratch.path().join(format!("{base}-other"));
        fs::create_dir_all(other.join("bin")).unwrap_or_else(|error| panic!("{error}"));
        drop(running);
        let stranger = daemon(&other, "wazuh-execd");
        assert!(misses(&check_live(&home)), "{base}: the execd of another home is taken for this one's");
        drop(stranger);
        assert!(misses(&check_live(&home)), "{base}: execd has ended");
    }
}
