//! Bad input gives a clear result: no panic, no hang, no control characters on
//! the terminal, and never "missing" for "denied".

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;

/// Longer than any run takes on a busy machine, shorter than a hang.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a command and kills it when it hangs.
fn finish(command: &mut Command) -> Output {
    let mut child = command
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let start = Instant::now();
    // Reports are shorter than a pipe, so waiting first is safe.
    while child.try_wait().expect("it can be waited for").is_none() {
        if start.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("its output is read");
    let status = output.status.code();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(matches!(status, Some(0..=4)), "{command:?} ends with {status:?}: {text}");
    let control = output
        .stdout
        .iter()
        .chain(&output.stderr)
        .find(|byte| (**byte < 0x20 && **byte != b'\n') || **byte == 0x7f);
    assert_eq!(control, None, "{command:?} prints a control character: {text}");
    output
}

fn doctor(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ar-doctor"));
    command.args(arguments);
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A base host as a directory tree, as far as the caller may make one.
fn tree(base: &str) -> tempfile::TempDir {
    let temp = tempfile::tempdir().expect("a temporary directory");
    support::base(base).materialise(&temp.path().join("host")).expect("the host is built");
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).expect("it may be entered");
    temp
}

fn host(temp: &tempfile::TempDir) -> PathBuf {
    temp.path().join("host")
}

/// The binary run by an ordinary user with these groups, from a place he can reach.
fn as_user(temp: &tempfile::TempDir, groups: &str, arguments: &[&str]) -> Option<Output> {
    if !nix::unistd::geteuid().is_root() {
        support::skip("only root can become another user");
        return None;
    }
    let binary = temp.path().join("ar-doctor");
    if !binary.exists() {
        fs::copy(env!("CARGO_BIN_EXE_ar-doctor"), &binary).expect("the binary is copied");
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).expect("it may be run");
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", groups]).arg(&binary).args(arguments);
    Some(finish(&mut command))
}

#[test]
fn a_home_that_may_not_be_entered() {
    let temp = tree("agent-4.14-debian");
    let home = host(&temp).join("var/ossec");
    let home = home.to_str().expect("the path is text");
    let Some(output) = as_user(&temp, "--clear-groups", &["check", "--home", home]) else { return };
    let text = said(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("denied") && text.contains("root"), "{text}");
    assert!(!text.contains("does not exist") && !text.contains("missing"), "{text}");
    assert!(!text.contains("No fault found"), "{text}");
}

#[test]
fn a_home_a_member_of_the_group_may_enter() {
    let temp = tree("agent-4.14-debian");
    let home = host(&temp).join("var/ossec");
    let home = home.to_str().expect("the path is text");
    let Some(output) = as_user(&temp, "--groups=998", &["check", "--home", home]) else { return };
    let text = said(&output);
    // ar.conf belongs to wazuh alone on an agent.
    assert!(text.contains("denied") && text.contains("ar.conf"), "{text}");
    assert!(!text.contains("ar-conf-missing") && !text.contains("executable-missing"), "{text}");
    assert!(!text.contains("No fault found"), "{text}");
}

#[test]
fn a_configuration_of_two_gigabytes() {
    let temp = tree("manager-4.14-debian");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(host(&temp).join("var/ossec/etc/ossec.conf"))
        .expect("the file is there");
    file.set_len(2 << 30).expect("a sparse file");
    let output = finish(doctor(&["check", "--from"]).arg(host(&temp)));
    assert!(said(&output).contains("2147483648 bytes"), "{}", said(&output));
    let output = finish(
        doctor(&["show", "--role", "manager", "--config"]).arg(host(&temp).join("var/ossec/etc/ossec.conf")),
    );
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn a_binary_configuration() {
    let temp = tree("manager-4.14-debian");
    let bytes: Vec<u8> =
        (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(host(&temp).join("var/ossec/etc/ossec.conf"), bytes).expect("it is written");
    let output = finish(doctor(&["check", "--from"]).arg(host(&temp)));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("config-xml-error"), "{}", said(&output));
}

/// Every file that is read, in turn, as something that is no file.
#[test]
fn anything_in_place_of_a_file() {
    const FILES: &[(&str, &str)] = &[
        ("manager-4.14-debian", "etc/ossec.conf"),
        ("manager-4.14-debian", "etc/shared/ar.conf"),
        ("manager-4.14-debian", "etc/shared/default/agent.conf"),
        ("manager-4.14-debian", "etc/rules/local_rules.xml"),
        ("manager-4.14-debian", "VERSION.json"),
        ("manager-4.14-debian", "bin/wazuh-control"),
        ("manager-4.14-debian", "logs/active-responses.log"),
        ("agent-4.14-debian", "etc/client.keys"),
        ("agent-4.14-debian", "etc/shared/ar.conf"),
        ("agent-4.14-debian", "active-response/bin/edge-block.sh"),
        ("agent-4.14-debian", "active-response/bin/firewall-drop"),
        ("agent-4.14-debian", "active-response/bin"),
    ];
    for (base, file) in FILES {
        let temp = tree(base);
        let path = host(&temp).join("var/ossec").join(file);
        let replaced = |make: &dyn Fn(&Path)| {
            if path.is_dir() && !path.is_symlink() {
                fs::remove_dir_all(&path).expect("it is removed");
            } else {
                let _ = fs::remove_file(&path);
            }
            make(&path);
            for command in ["check", "show"] {
                finish(doctor(&[command, "--from"]).arg(host(&temp)));
            }
        };
        replaced(&|path| nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o644)).expect("a FIFO"));
        replaced(&|path| symlink(path.file_name().expect("it has a name"), path).expect("a link to itself"));
        replaced(&|path| symlink("/dev/zero", path).expect("a link to a device"));
        replaced(&|path| symlink("../../../../../../../../etc/passwd", path).expect("a link that wants out"));
        replaced(&|path| fs::create_dir(path).expect("a directory"));
    }
}

#[test]
fn control_characters_in_names() {
    let temp = tree("agent-4.14-debian");
    let home = host(&temp).join("var/ossec");
    let name = "x\u{1b}[31m\u{7}\u{202e}y.sh";
    fs::write(home.join("active-response/bin").join(name), "#!/nowhere\u{1b}[2J\n").expect("it is written");
    let line = format!("evil{name}0 - {name} - 0\n");
    let ar_conf = home.join("etc/shared/ar.conf");
    let old = fs::read_to_string(&ar_conf).expect("ar.conf is text");
    fs::write(&ar_conf, old + &line).expect("it is written");
    for form in ["text", "json"] {
        let output = finish(doctor(&["check", "-v", "--format", form, "--from"]).arg(host(&temp)));
        let text = said(&output);
        assert!(text.contains("evil"), "{text}");
        assert!(!text.contains('\u{202e}'), "{text}");
    }
}

#[test]
fn a_report_without_a_reader() {
    let mut child =
        doctor(&["list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
    assert!(output.stderr.is_empty(), "{}", said(&output));
}

#[test]
fn errors_name_the_file_and_the_reason() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let missing = temp.path().join("nowhere.conf");
    for (arguments, status, words) in [
        (vec!["check", "--role", "agent", "--config", missing.to_str().expect("text")], 2, "nowhere.conf"),
        (vec!["check", "--config", "x"], 2, "--role"),
        (vec!["check", "--from", missing.to_str().expect("text")], 2, "nowhere.conf"),
        (vec!["check", "--home", missing.to_str().expect("text")], 3, "nowhere.conf"),
        (vec!["check", "--from", temp.path().to_str().expect("text")], 3, "--home"),
        (vec!["explain", "no-such-thing-at-all"], 2, "no-such-thing-at-all"),
        (vec!["nonsense"], 2, "nonsense"),
        (vec![], 2, "Usage"),
    ] {
        let output = finish(&mut doctor(&arguments));
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_broken_capture_names_line_and_reason() {
    let temp = tempfile::tempdir().expect("a temporary directory");
    fs::write(temp.path().join("host.json"), "{\n  \"format\": 1,\n  \"fiels\": {}\n}\n")
        .expect("it is written");
    let output = finish(doctor(&["check", "--from"]).arg(temp.path()));
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("host.json") && text.contains("fiels"), "{text}");
}
