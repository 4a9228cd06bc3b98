//! What responses call, on real files and processes: compiled programs and libraries, the environment of a
//! process that plays execd's part, a restricted shell; and what is said where it may not be read.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ar_doctor::engine::stages::State;
use ar_doctor::facts::{Facts, install};
use ar_doctor::findings::{Stage, checks};
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::host::tree::TreeHost;
use ar_doctor::host::{Fact, Host as _, Value};
use ar_doctor::redact::Redactor;

const AGENT: &str = "agent-4.14-debian";
const AR_CONF: &str = "/var/ossec/etc/shared/ar.conf";

/// The state of the stage `effect` of a response.
fn effect(host: &CaptureHost, name: &str) -> (State, String) {
    let redactor = Redactor::new();
    let install = install::find(host, None).expect("a home");
    let facts = Facts::new(host, &redactor, install);
    let diagnosis = ar_doctor::engine::run(&facts, &ar_doctor::engine::Options::default());
    for result in &diagnosis.responses {
        if facts.response(result.index).is_some_and(|response| response.name == name.as_bytes()) {
            let stage = result.stages.iter().find(|stage| stage.stage == Stage::Effect).expect("ten stages");
            return (stage.state, stage.reason.as_ref().map(ToString::to_string).unwrap_or_default());
        }
    }
    panic!("no response {name}");
}

/// A base host whose execd has this environment.
fn with_path(path: Fact<String>) -> CaptureHost {
    let mut host = support::base(AGENT);
    let mut execd =
        host.processes().get().expect("processes")[..].iter().find(|p| p.pid == 811).expect("execd").clone();
    execd.env_path = path;
    host.add_process(execd);
    host
}

#[test]
fn the_effect_passes_fails_or_is_unknown() {
    let host = support::base(AGENT);
    assert_eq!(effect(&host, "firewall-drop600").0, State::Pass);
    assert_eq!(effect(&host, "edge-block900").0, State::Pass);

    let mut host = support::base(AGENT);
    host.remove("/usr/sbin/iptables").expect("it is there");
    assert_eq!(effect(&host, "firewall-drop600"), (State::Fail, "AR110 tool-missing".to_owned()));
    assert_eq!(effect(&host, "edge-block900").0, State::Pass);

    // Nobody knows what a compiled program of one's own calls.
    let mut host = support::base(AGENT);
    let elf = host.elf("/usr/bin/jq".as_ref()).get().expect("a program").clone();
    host.write_elf("/var/ossec/active-response/bin/edge-block.sh", &elf).expect("the file is there");
    let (state, why) = effect(&host, "edge-block900");
    assert_eq!(state, State::Unknown);
    assert!(why.contains("compiled"), "{why}");
}

#[test]
fn what_may_not_be_read_is_neither_missing_nor_fine() {
    // The environment of another user's process.
    let host = with_path(Fact::denied("/proc/811/environ", "permission denied"));
    let outcome = support::diagnose(&host);
    assert!(outcome.lines.is_empty(), "{:#?}", outcome.lines);
    let (state, why) = effect(&host, "firewall-drop600");
    assert_eq!(state, State::Unknown);
    assert!(why.contains("/proc/811/environ"), "{why}");

    // The directory of iptables.
    let mut host = support::base(AGENT);
    host.deny("/usr/sbin").expect("it is there");
    let outcome = support::diagnose(&host);
    assert!(!outcome.all.contains(&checks::TOOL_MISSING), "{:#?}", outcome.lines);
    assert_eq!(effect(&host, "firewall-drop600").0, State::Unknown);

    // What fapolicyd was told, for whom it is not.
    let mut host = support::base("agent-4.9-rhel");
    let mut daemon = host.processes().get().expect("processes")[0].clone();
    daemon.pid = 600;
    daemon.comm = "fapolicyd".to_owned();
    daemon.exe = None;
    host.add_process(daemon);
    host.write("/etc/fapolicyd/fapolicyd.conf", "permissive = 0\n").expect("a file");
    host.deny("/etc/fapolicyd").expect("it is there");
    let outcome = support::diagnose(&host);
    assert!(!outcome.all.contains(&checks::FAPOLICYD_UNTRUSTED), "{:#?}", outcome.lines);
    assert!(outcome.unknown.iter().any(|unknown| unknown.contains("AR230")), "{:#?}", outcome.unknown);

    // hosts.allow of one's own.
    let mut host = support::base(AGENT);
    let text = "host-deny600 - host-deny - 600\n";
    host.write(AR_CONF, text).expect("the file is there");
    let elf = ar_doctor::host::elf::Elf {
        needed: vec!["libwrap.so.0".to_owned()],
        ..host.elf("/usr/bin/jq".as_ref()).get().expect("a program").clone()
    };
    host.write_elf("/usr/sbin/sshd", &elf).expect("a program");
    host.write("/etc/hosts.allow", "sshd: ALL\n")
        .expect("a file")
        .deny_read("/etc/hosts.allow")
        .expect("a file");
    let outcome = support::diagnose(&host);
    assert!(!outcome.all.contains(&checks::HOSTS_DENY_IGNORED), "{:#?}", outcome.lines);
    assert!(outcome.unknown.iter().any(|unknown| unknown.contains("AR212")), "{:#?}", outcome.unknown);
}

#[test]
fn the_path_of_a_unit_counts_where_the_running_one_is_not_known() {
    let mut host = with_path(Fact::denied("/proc/811/environ", "permission denied"));
    host.write(
        "/usr/lib/systemd/system/wazuh-agent.service.d/10-path.conf",
        "[Service]\nEnvironment=\"PATH=/usr/bin:/bin\"\n",
    )
    .expect("a file");
    let outcome = support::diagnose(&host);
    let said = outcome.lines.first().expect("a finding");
    assert!(said.contains("AR110") && said.contains("(likely)"), "{said}");
    // A file of the same name in /etc takes its place.
    host.write("/etc/systemd/system/wazuh-agent.service.d/10-path.conf", "[Service]\nNice=1\n")
        .expect("a file");
    assert!(support::diagnose(&host).lines.is_empty());
    // One that was read counts for more.
    let mut host = with_path(Fact::known("/proc/811/environ", "/usr/sbin:/usr/bin".to_owned()));
    host.write("/etc/systemd/system/wazuh-agent.service.d/p.conf", "[Service]\nEnvironment=PATH=/bin\n")
        .expect("a file");
    assert!(support::diagnose(&host).lines.is_empty());
}

/// Compiles a library or a program; false where there is no compiler.
fn compile(directory: &Path, output: &str, text: &str, arguments: &[&str]) -> bool {
    let source = directory.join("source.c");
    fs::write(&source, text).expect("a file");
    let output = directory.join(output);
    fs::create_dir_all(output.parent().expect("a directory")).expect("a directory");
    let status = Command::new("cc").arg(&source).arg("-o").arg(&output).args(arguments).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn tcp_wrappers_in_real_programs() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path();
    let lib = root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let lib = lib.strip_prefix(root).expect("inside").display().to_string();
    let search = format!("-L{}", root.join(&lib).display());
    let wrap = "int hosts_ctl(void) { return 1; }\n";
    if !compile(root, &format!("{lib}/libwrap.so.0"), wrap, &["-shared", "-fPIC", "-Wl,-soname,libwrap.so.0"])
    {
        return support::skip("no C compiler");
    }
    let middle = "int hosts_ctl(void); int middle(void) { return hosts_ctl(); }\n";
    let soname = ["-shared", "-fPIC", "-Wl,-soname,libmiddle.so.1", &search, "-l:libwrap.so.0"];
    assert!(compile(root, &format!("{lib}/libmiddle.so.1"), middle, &soname));
    let direct = "int hosts_ctl(void); int main(void) { return hosts_ctl(); }\n";
    assert!(compile(root, "direct", direct, &[&search, "-l:libwrap.so.0"]));
    let through = "int middle(void); int main(void) { return middle(); }\n";
    let link = [search.as_str(), "-l:libmiddle.so.1", "-Wl,--allow-shlib-undefined"];
    assert!(compile(root, "through", through, &link));
    assert!(compile(
        root,
        "built_in",
        "const char *file = \"/etc/hosts.deny\"; int main(void) { return !file; }\n",
        &[]
    ));
    assert!(compile(root, "plain", "int main(void) { return 0; }\n", &[]));
    fs::create_dir_all(root.join("var/ossec/etc")).expect("a directory");
    fs::write(root.join("var/ossec/etc/ossec.conf"), "<ossec_config/>\n").expect("a file");

    let host = TreeHost::open(root).expect("a tree");
    let redactor = Redactor::new();
    let facts = Facts::new(&host, &redactor, install::find(&host, None).expect("a home"));
    let loads = |name: &str| facts.loads(&Path::new("/").join(name), "libwrap.so", r"/etc/hosts\.deny").value;
    for (name, expected) in [("direct", true), ("through", true), ("built_in", true), ("plain", false)] {
        assert_eq!(loads(name), Value::Known(expected), "{name}");
    }
    assert_eq!(loads("nothing"), Value::Absent);
}

/// A process that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `check` of this machine says of a home whose execd has this environment.
fn live(home: &Path, path: Option<&str>) -> serde_json::Value {
    let mut execd = Command::new(home.join("bin/wazuh-execd"));
    execd.arg("120").env_clear().envs(path.map(|path| ("PATH", path))).stdin(Stdio::null());
    let execd = Running(execd.spawn().expect("it starts"));
    std::thread::sleep(std::time::Duration::from_millis(200));
    let output = Command::new(env!("CARGO_BIN_EXE_ar-doctor"))
        .args(["check", "--format", "json", "--home"])
        .arg(home)
        .output()
        .expect("it runs");
    drop(execd);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_environment_of_a_process_that_plays_execd() {
    let scratch = tempfile::tempdir().expect("a directory");
    // The place of a program has to be without links.
    let home = &fs::canonicalize(scratch.path()).expect("a directory").join("ossec");
    for directory in ["bin", "etc/shared", "active-response/bin", "logs", "var/run", "lib"] {
        fs::create_dir_all(home.join(directory)).expect("a directory");
    }
    fs::copy("/bin/sleep", home.join("bin/wazuh-execd")).expect("a program");
    fs::write(home.join("bin/wazuh-control"), "VERSION=\"v4.14.2\"\nTYPE=\"agent\"\n").expect("a file");
    fs::write(home.join("etc/ossec.conf"), "<ossec_config>\n<client/>\n</ossec_config>\n").expect("a file");
    fs::write(home.join("etc/shared/ar.conf"), "disable-account0 - disable-account - 0\n").expect("a file");
    let shared = ["-shared", "-fPIC", "-Wl,-soname,libwazuhshared.so"];
    if !compile(home, "lib/libwazuhshared.so", "int shared(void) { return 0; }\n", &shared) {
        return support::skip("no C compiler");
    }
    let search = format!("-L{}", home.join("lib").display());
    let main = "int shared(void); int main(void) { return shared(); }\n";
    let arguments = [search.as_str(), "-l:libwazuhshared.so", "-Wl,-rpath,$ORIGIN/../../lib"];
    assert!(compile(home, "active-response/bin/disable-account", main, &arguments));
    fs::set_permissions(home.join("active-response/bin/disable-account"), fs::Permissions::from_mode(0o750))
        .expect("a mode");

    let tools = scratch.path().join("tools");
    fs::create_dir(&tools).expect("a directory");
    let tools = tools.to_str().expect("text");
    let missing = |report: &serde_json::Value| {
        let all = report["findings"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|finding| finding["id"] == "AR110")
    };
    // passwd is in no directory of it.
    let report = live(home, Some(tools));
    let finding = missing(&report).unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!((&finding["severity"], &finding["confidence"]), (&"error".into(), &"proven".into()));
    assert!(finding.to_string().contains(tools), "{finding:#}");
    // No PATH at all: the shipped programs find nothing.
    assert!(missing(&live(home, None)).is_some());
    // There, and not executable: it is taken, and fails.
    fs::write(format!("{tools}/passwd"), "#!/bin/sh\n").expect("a file");
    let finding = missing(&live(home, Some(tools))).expect("it cannot be executed");
    assert!(
        finding["title"].as_str().is_some_and(|title| title.contains("cannot be executed")),
        "{finding:#}"
    );
    fs::set_permissions(format!("{tools}/passwd"), fs::Permissions::from_mode(0o755)).expect("a mode");
    let report = live(home, Some(tools));
    assert!(missing(&report).is_none(), "{report:#}");
}

#[test]
fn a_restricted_bash_refuses_what_the_check_says() {
    let scratch = tempfile::tempdir().expect("a directory");
    let rbash = scratch.path().join("rbash");
    if !Path::new("/bin/bash").exists() {
        return support::skip("no bash");
    }
    symlink("/bin/bash", &rbash).expect("a link");
    let script = scratch.path().join("script");
    let text = format!(
        "#!{}\ncd / || echo cd\necho x >{}/out || echo output\n",
        rbash.display(),
        scratch.path().display()
    );
    fs::write(&script, text).expect("a file");
    // Started by its interpreter, as the kernel does: a file just written may still be open elsewhere.
    let output = Command::new(&rbash).arg(&script).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "cd\noutput\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!scratch.path().join("out").exists());
}

/// What is to be done about the only finding.
fn remedy(host: &CaptureHost) -> String {
    let outcome = support::diagnose(host);
    let [entry] = &outcome.diagnosis.entries[..] else { panic!("{:#?}", outcome.lines) };
    entry.finding.remedy.join("; ")
}

#[test]
fn remedies_are_for_the_host_they_are_given_on() {
    // Without systemd there is no unit to be edited.
    let mut host = with_path(Fact::known("/proc/811/environ", "/usr/bin".to_owned()));
    assert!(remedy(&host).contains("systemctl daemon-reload && systemctl restart wazuh-agent"));
    let mut first =
        host.processes().get().expect("processes")[..].iter().find(|p| p.pid == 1).expect("init").clone();
    first.comm = "s6-svscan".to_owned();
    host.add_process(first);
    let said = remedy(&host);
    assert!(
        said.starts_with("PATH=/usr/local/sbin:") && said.ends_with(" /var/ossec/bin/wazuh-control restart"),
        "{said}"
    );

    // The package manager that is there.
    for (program, install, reinstall) in [
        ("/usr/bin/zypper", "zypper install iptables", "zypper install --force wazuh-agent"),
        ("/usr/bin/microdnf", "microdnf install iptables-nft", "microdnf reinstall wazuh-agent"),
        ("/usr/bin/yum", "yum install iptables", "yum reinstall wazuh-agent"),
    ] {
        let mut host = support::base("agent-4.9-rhel");
        for manager in ["/usr/bin/dnf", "/usr/bin/yum"] {
            let _ = host.remove(manager);
        }
        host.write(program, "").expect("a file");
        host.mkdir("/var/lib/rpm").expect("a directory");
        host.write("/var/ossec/bin/wazuh-execd;5f3e2a1b", "").expect("a file");
        assert!(remedy(&host).starts_with(reinstall), "{program}: {}", remedy(&host));
        host.remove("/var/ossec/bin/wazuh-execd;5f3e2a1b").expect("it is there");
        for name in ["iptables", "ip6tables"] {
            host.remove(format!("/usr/sbin/{name}")).expect("it is there");
        }
        assert_eq!(remedy(&host), install, "{program}");
    }
}
