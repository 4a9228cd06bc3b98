//! This machine.
//!
//! Users and groups are those of `/etc/passwd` and `/etc/group`, so a user who
//! exists only in a directory service is not among them. Of a process's
//! environment nothing but `PATH` is kept.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::unistd::{SysconfVar, sysconf};

use super::walk::Walker;
use super::{
    Account, Content, Fact, Host, Machine, Meta, Mount, Process, Resolved, Source, SourceKind, accounts, elf,
    mountinfo,
};

/// The most that is read of one file of a process; Linux allows arguments and
/// environment of 2 MiB together unless the stack limit was raised.
const PROC_LIMIT: u64 = 4 << 20;

/// Where processes are listed.
const PROC: &str = "/proc";

/// This machine.
#[derive(Debug)]
pub struct LiveHost {
    walker: Walker,
}

impl LiveHost {
    /// This machine, read from `/`.
    #[must_use]
    pub fn new() -> Self {
        Self { walker: Walker::new(Path::new("/")) }
    }
}

impl Default for LiveHost {
    fn default() -> Self {
        Self::new()
    }
}

impl Host for LiveHost {
    fn kind(&self) -> SourceKind {
        SourceKind::Live
    }

    fn label(&self) -> String {
        "this host".to_owned()
    }

    fn reader_uid(&self) -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    fn entry(&self, path: &Path) -> Fact<Meta> {
        self.walker.fact(path, |walker| walker.entry(path))
    }

    fn resolve(&self, path: &Path) -> Fact<Resolved> {
        self.walker.fact(path, |walker| walker.resolve(path))
    }

    fn link_target(&self, path: &Path) -> Fact<PathBuf> {
        self.walker.fact(path, |walker| walker.link_target(path))
    }

    fn birth(&self, path: &Path) -> Fact<i64> {
        self.walker.fact(path, |walker| walker.birth(path))
    }

    fn read(&self, path: &Path, limit: u64) -> Fact<Content> {
        self.walker.fact(path, |walker| walker.read(path, limit))
    }

    fn open(&self, path: &Path) -> Fact<Box<dyn Source>> {
        self.walker.fact(path, |walker| walker.source(path))
    }

    fn list(&self, path: &Path) -> Fact<Vec<OsString>> {
        self.walker.fact(path, |walker| walker.list(path))
    }

    fn elf(&self, path: &Path) -> Fact<elf::Elf> {
        self.walker.fact(path, |walker| walker.elf(path))
    }

    fn mounts(&self) -> Fact<Vec<Mount>> {
        mountinfo::read()
    }

    fn processes(&self) -> Fact<Vec<Process>> {
        if !cfg!(target_os = "linux") {
            return Fact::not_collected(PROC, "this system lists no processes there");
        }
        match read_processes(Path::new(PROC)) {
            Ok(processes) => Fact::known(PROC, processes),
            Err(Unlisted::Denied(why)) => Fact::denied(PROC, why),
            Err(Unlisted::Failed(why)) => Fact::failed(PROC, why),
        }
    }

    fn users(&self) -> Fact<Vec<Account>> {
        accounts::read(self, "/etc/passwd")
    }

    fn groups(&self) -> Fact<Vec<Account>> {
        accounts::read(self, "/etc/group")
    }

    fn machine(&self) -> Fact<Machine> {
        match nix::sys::utsname::uname() {
            Ok(names) => {
                let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
                Fact::known(
                    "uname",
                    Machine {
                        system: text(names.sysname()),
                        arch: text(names.machine()),
                        hostname: text(names.nodename()),
                    },
                )
            }
            Err(errno) => Fact::failed("uname", errno.desc()),
        }
    }

    fn now(&self) -> Fact<i64> {
        let now = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).ok(),
            Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|secs| -secs),
        };
        match now {
            Some(now) => Fact::known("clock", now),
            None => Fact::failed("clock", "its time is out of range"),
        }
    }

    fn env(&self, name: &str) -> Option<OsString> {
        // std panics on such names on some systems.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        std::env::var_os(name)
    }
}

/// Why there is no list of processes.
enum Unlisted {
    Denied(String),
    Failed(String),
}

impl From<io::Error> for Unlisted {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied("permission denied".to_owned()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

fn read_processes(proc: &Path) -> Result<Vec<Process>, Unlisted> {
    let mut pids = Vec::new();
    for entry in std::fs::read_dir(proc)? {
        if let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) {
            pids.push(pid);
        }
    }
    pids.sort_unstable();
    // Every pid namespace has a first process. When it is hidden (hidepid=), so
    // are others, and a list without them would call them absent.
    if pids.first() != Some(&1) {
        let why =
            "/proc does not show all processes (mount option hidepid, or /proc of another pid namespace)";
        return Err(Unlisted::Denied(why.to_owned()));
    }
    let boot = boot_time(&read_some(&proc.join("stat"))?)
        .ok_or_else(|| Unlisted::Failed("/proc/stat has no boot time".to_owned()))?;
    let ticks = match sysconf(SysconfVar::CLK_TCK) {
        #[allow(clippy::useless_conversion, reason = "c_long is 32 bits wide on some systems")]
        Ok(Some(ticks)) if ticks > 0 => i64::from(ticks),
        _ => 100,
    };
    let mut processes = Vec::new();
    for pid in pids {
        match read_process(&proc.join(pid.to_string()), pid, boot, ticks) {
            Ok(process) => processes.push(process),
            // It ended meanwhile.
            Err(error) if has_ended(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Unlisted::Denied(format!(
                    "permission denied on /proc/{pid} (mount option hidepid)"
                )));
            }
            Err(error) => return Err(Unlisted::Failed(format!("/proc/{pid}: {error}"))),
        }
    }
    Ok(processes)
}

fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
}

fn read_process(dir: &Path, pid: u32, boot: i64, ticks: i64) -> io::Result<Process> {
    let broken = |file: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{file} is not understood"));
    let stat = parse_stat(&read_some(&dir.join("stat"))?).ok_or_else(|| broken("stat"))?;
    let uid = real_uid(&read_some(&dir.join("status"))?).ok_or_else(|| broken("status"))?;
    let args = match read_some(&dir.join("cmdline")) {
        Ok(bytes) => split_nul(&bytes).map(|arg| OsString::from_vec(arg.to_vec())).collect(),
        Err(error) if has_ended(&error) => return Err(error),
        Err(_) => Vec::new(),
    };
    Ok(Process {
        pid,
        ppid: stat.ppid,
        comm: stat.comm,
        exe: std::fs::read_link(dir.join("exe")).ok(),
        args,
        uid,
        state: stat.state,
        start: boot.saturating_add(stat.start_ticks / ticks),
        env_path: env_path(&dir.join("environ")),
        foreign: is_foreign(dir).unwrap_or(false),
    })
}

/// A sandbox of systemd has a mount namespace of its own too, but the host's root;
/// none when it may not be looked at.
fn is_foreign(dir: &Path) -> Option<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let namespace = |dir: &Path| std::fs::read_link(dir.join("ns/mnt")).ok();
    let root = |path: &Path| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let other_namespace = namespace(dir)? != namespace(Path::new("/proc/self"))?;
    Some(other_namespace && root(&dir.join("root/."))? != root(Path::new("/"))?)
}

fn env_path(file: &Path) -> Fact<String> {
    let source = file.display().to_string();
    match read_some(file) {
        Ok(bytes) => {
            let path = split_nul(&bytes).find_map(|entry| entry.strip_prefix(b"PATH="));
            match path {
                Some(path) => Fact::known(source, String::from_utf8_lossy(path).into_owned()),
                None => Fact::absent(source),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Fact::denied(source, "permission denied")
        }
        Err(error) => Fact::failed(source, error.to_string()),
    }
}

fn read_some(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PROC_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Strings that each end in NUL, as in cmdline and environ.
fn split_nul(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let is_empty = bytes.is_empty();
    bytes.split(|byte| *byte == 0).filter(move |_| !is_empty)
}

struct Stat {
    comm: String,
    state: char,
    ppid: u32,
    start_ticks: i64,
}

/// `PID (COMM) STATE PPID ...`; COMM may hold spaces and parentheses.
fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let open = bytes.iter().position(|byte| *byte == b'(')?;
    let close = bytes.iter().rposition(|byte| *byte == b')')?;
    let comm = String::from_utf8_lossy(bytes.get(open + 1..close)?).into_owned();
    let rest = std::str::from_utf8(&bytes[close + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let ppid = fields.next()?.parse().ok()?;
    // Field 22 of the line; PPID is field 4.
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(Stat { comm, state, ppid, start_ticks })
}

/// The first number of `Uid:`. The owner of /proc/PID will not do: it is root
/// for a process that changed its user.
fn real_uid(status: &[u8]) -> Option<u32> {
    field(status, b"Uid:")?.split_ascii_whitespace().next()?.parse().ok()
}

fn boot_time(stat: &[u8]) -> Option<i64> {
    field(stat, b"btime ")?.trim().parse().ok()
}

fn field<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let line = bytes.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name))?;
    std::str::from_utf8(line).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::host::{FileType, Value, testing};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn stat_of_an_awkward_name() {
        let line = b"42 (a) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1\n";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.comm.as_str(), stat.state, stat.ppid, stat.start_ticks), ("a) b (c", 'S', 7, 12345));
        assert!(parse_stat(b"").is_none());
        assert!(parse_stat(b"1 )x( S").is_none());
    }

    #[test]
    fn this_process_is_seen() {
        let host = LiveHost::new();
        let now = *host.now().get().unwrap();
        let processes = host.processes();
        let me = processes.get().unwrap().iter().find(|process| process.pid == std::process::id());
        let me = me.unwrap();
        assert_eq!(me.exe.as_deref(), Some(std::env::current_exe().unwrap().as_path()));
        assert_eq!(me.uid, nix::unistd::getuid().as_raw());
        assert_eq!(me.args, std::env::args_os().collect::<Vec<_>>());
        assert_eq!(me.env_path.get().cloned(), std::env::var("PATH").ok());
        assert!((now - me.start).abs() < 3600, "{} {now}", me.start);
    }

    #[test]
    fn a_child_without_path() {
        let mut child = std::process::Command::new("/bin/sleep")
            .arg("60")
            .env_clear()
            .env("OTHER", "PATH=1")
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        let processes = LiveHost::new().processes();
        child.kill().unwrap();
        child.wait().unwrap();
        let process =
            processes.get().unwrap().iter().find(|process| process.pid == child.id()).unwrap().clone();
        assert_eq!(process.env_path.value, Value::Absent);
        assert_eq!(process.args, ["/bin/sleep", "60"]);
        assert_eq!((process.comm.as_str(), process.ppid), ("sleep", std::process::id()));
    }

    #[test]
    fn denied_is_not_absent() {
        testing::unprivileged(
            concat!(module_path!(), "::denied_is_not_absent"),
            |dir| {
                fs::create_dir(dir.join("locked")).unwrap();
                fs::write(dir.join("locked/file"), "x").unwrap();
                fs::set_permissions(dir.join("locked"), fs::Permissions::from_mode(0o0)).unwrap();
            },
            |dir| {
                let host = LiveHost::new();
                assert_ne!(host.reader_uid(), 0);
                for name in ["locked/file", "locked/gone"] {
                    assert!(matches!(host.entry(&dir.join(name)).value, Value::Denied(_)), "{name}");
                    assert!(matches!(host.read(&dir.join(name), 1).value, Value::Denied(_)), "{name}");
                }
                assert_eq!(host.entry(&dir.join("gone")).value, Value::Absent);
                // The environment of somebody else's process.
                let processes = host.processes();
                let first = &processes.get().unwrap()[0];
                if first.uid == 0 {
                    assert!(matches!(first.env_path.value, Value::Denied(_)), "{first:?}");
                    assert_eq!(first.exe, None);
                }
            },
        );
    }

    #[test]
    fn files_of_procfs_have_no_size_and_are_read() {
        let host = LiveHost::new();
        let path = Path::new("/proc/self/status");
        assert_eq!(host.resolve(path).get().unwrap().meta.size, 0);
        let content = host.read(path, 10);
        assert_eq!((content.get().unwrap().bytes.len(), content.get().unwrap().truncated), (10, true));
        let content = host.read(path, 1 << 20);
        assert!(content.get().unwrap().bytes.starts_with(b"Name:"));
        assert!(!content.get().unwrap().truncated);
    }

    #[test]
    fn the_usual_things_are_there() {
        let host = LiveHost::new();
        assert_eq!(host.entry(Path::new("/")).get().unwrap().file_type, FileType::Directory);
        assert!(host.list(Path::new("/")).get().unwrap().contains(&OsString::from("proc")));
        assert!(host.users().get().unwrap().iter().any(|user| user.name == "root" && user.id == 0));
        assert!(!host.groups().get().unwrap().is_empty());
        assert_eq!(host.machine().get().unwrap().system, "Linux");
        assert!(matches!(host.read(Path::new("/dev/null"), 1).value, Value::Failed(_)));
        assert_eq!(host.entry(Path::new("/etc/passwd/x")).value, Value::Absent);
        assert_eq!(host.env("A=B"), None);
        let real = fs::canonicalize("/bin/sh").unwrap();
        assert_eq!(host.resolve(Path::new("/bin/sh")).get().unwrap().path, real);
    }
}
