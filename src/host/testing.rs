//! What the tests of this layer share.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Where the re-executed test finds its directory.
const DIRECTORY: &str = "AR_DOCTOR_TEST_DIRECTORY";

/// Whether the test runs as root; says what is skipped when not.
pub(super) fn is_root(what: &str) -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        skip(&format!("{what} needs root"));
    }
    is_root
}

/// Says that a part of a test is skipped, which is a failure where all is required.
pub(super) fn skip(why: &str) {
    assert!(
        std::env::var_os("AR_DOCTOR_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "skipped although AR_DOCTOR_REQUIRE_ALL=1: {why}"
    );
    eprintln!("skipped: {why}");
}

/// Runs `body` as a user who may not read everything: `prepare` fills a
/// directory, then, for root, the test named `test` is run again as nobody.
pub(super) fn unprivileged(test: &str, prepare: impl Fn(&Path), body: impl Fn(&Path)) {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        assert!(!nix::unistd::geteuid().is_root());
        return body(Path::new(&directory));
    }
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("host");
    fs::create_dir(&directory).unwrap();
    prepare(&directory);
    if nix::unistd::geteuid().is_root() {
        run_as_nobody(test, temporary.path(), &directory);
    } else {
        body(&directory);
    }
    // Not everything in it can be removed by who may not enter it.
    let _ = Command::new("chmod").arg("-R").arg("u+rwX").arg(&directory).status();
}

fn run_as_nobody(test: &str, temporary: &Path, directory: &Path) {
    fs::set_permissions(temporary, fs::Permissions::from_mode(0o755)).unwrap();
    // The build directory may lie where nobody may not go.
    let program = temporary.join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let name = test.split_once("::").map_or(test, |(_crate_name, name)| name);
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&program)
        .args([name, "--exact", "--nocapture", "--test-threads", "1"])
        .env(DIRECTORY, directory)
        .output();
    let Ok(output) = output else { return skip("setpriv is not there") };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}\n{errors}");
}
