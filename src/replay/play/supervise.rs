//! Decides on the system calls of the script that could reach the host: connections to
//! sockets of its services, signals to its processes.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::super::child::{Call, Decision, MOUNTS};
use super::super::sandbox::tidy;
use super::super::{Attempt, AttemptKind};
use super::processes;

/// Longest `struct sockaddr`, in bytes.
const ADDRESS: usize = 128;

/// Attempts that are kept; a loop must not fill the memory.
const ATTEMPTS: usize = 200;

/// Sockets that are for looking names up and for logging: programs do without.
const LOOKUPS: &[&str] = &[
    "/run/avahi-daemon",
    "/run/nscd",
    "/run/nslcd",
    "/run/rsyslog",
    "/run/setrans",
    "/run/systemd/io.systemd",
    "/run/systemd/journal",
    "/run/systemd/resolve",
    "/run/systemd/userdb",
    "/run/uuidd",
    "/var/lib/sss/pipes",
];

/// Where syslog(3) writes to.
pub(super) const SYSLOG: &str = "/dev/log";

/// Services by the place of their socket.
const SERVICES: &[(&str, &str)] = &[
    ("/run/dbus/", "D-Bus, and by it systemd, firewalld and others"),
    ("/run/systemd/", "systemd"),
    ("/run/containerd/", "containerd"),
    ("/run/docker", "Docker"),
    ("/run/podman/", "Podman"),
    ("/run/libvirt/", "libvirt"),
    ("/run/fail2ban/", "fail2ban"),
    ("/run/crowdsec", "CrowdSec"),
    ("/run/mysqld/", "MySQL"),
    ("/run/postgresql/", "PostgreSQL"),
    ("/run/redis", "Redis"),
];

/// The supervisor of one run.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// The sandbox's own `/dev/log`.
    syslog: OwnedFd,
    /// A path below which `/proc` of the host is.
    host_proc: PathBuf,
    /// A process of the host in its first network namespace.
    host_pid: u32,
    home: PathBuf,
    sockets: OnceCell<BTreeSet<PathBuf>>,
    /// What the script asked, in order, each thing once.
    pub(super) attempts: Vec<Attempt>,
    /// The script asked a service of the host; the run is to be stopped.
    pub(super) refused: Option<Attempt>,
}

impl Supervisor {
    pub(super) fn new(syslog: OwnedFd, host_proc: PathBuf, host_pid: u32, home: PathBuf) -> Self {
        let (sockets, attempts) = (OnceCell::new(), Vec::new());
        Self { syslog, host_proc, host_pid, home, sockets, attempts, refused: None }
    }

    /// Throws away what was written to syslog, so that nobody waits for room.
    pub(super) fn empty_syslog(&self) {
        let mut buffer = [0; 1024];
        while nix::unistd::read(&self.syslog, &mut buffer).is_ok() {}
    }

    /// What a call gets.
    pub(super) fn decide(&mut self, call: &Call) -> Decision {
        let argument = |at: usize| call.arguments.get(at).copied().unwrap_or(0);
        // The kernel takes the low 32 bits of these.
        #[allow(clippy::cast_possible_truncation, reason = "as the kernel does")]
        let integer = |at: usize| argument(at) as i32;
        match call.number {
            libc::SYS_connect => self.connect(call.pid, argument(1), integer(2)),
            libc::SYS_sendto => self.connect(call.pid, argument(4), integer(5)),
            libc::SYS_tgkill | libc::SYS_rt_tgsigqueueinfo => self.signal(integer(0), integer(2)),
            libc::SYS_kill | libc::SYS_tkill | libc::SYS_rt_sigqueueinfo => {
                self.signal(integer(0), integer(1))
            }
            number => match MOUNTS.iter().find(|(call, _)| *call == number) {
                Some((_, name)) => {
                    let detail = "mounts cannot be changed in the sandbox";
                    self.note(AttemptKind::Syscall, (*name).to_owned(), detail.to_owned());
                    Decision::Refuse(libc::EPERM)
                }
                None => Decision::Allow,
            },
        }
    }

    fn note(&mut self, kind: AttemptKind, what: String, detail: String) -> Attempt {
        let attempt = Attempt { kind, what, detail };
        if self.attempts.len() < ATTEMPTS && !self.attempts.contains(&attempt) {
            self.attempts.push(attempt.clone());
        }
        attempt
    }

    // ---- connect ----

    fn connect(&mut self, pid: i32, address: u64, length: i32) -> Decision {
        let length = usize::try_from(length).unwrap_or(0).min(ADDRESS);
        let mut bytes = vec![0; length];
        let read = fs::File::open(format!("/proc/{pid}/mem"))
            .and_then(|memory| memory.read_exact_at(&mut bytes, address));
        if read.is_err() {
            // The kernel cannot read it either.
            return Decision::Allow;
        }
        match Address::read(&bytes) {
            Some(Address::Path(path)) => self.connect_path(pid, &path),
            Some(Address::Network(address)) => {
                let port = address.rsplit(':').next().unwrap_or_default();
                let detail = if port == "53" { "asking for a name" } else { "" };
                self.note(AttemptKind::Network, address.clone(), detail.to_owned());
                Decision::Allow
            }
            None => Decision::Allow,
        }
    }

    fn connect_path(&mut self, pid: i32, path: &Path) -> Decision {
        let directory = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_else(|_| PathBuf::from("/"));
        let path = tidy(&directory.join(path));
        let path = canonical(&without_links(&path));
        let own = path.starts_with(self.home.join("queue"));
        if path == Path::new(SYSLOG) {
            // The sandbox has one of its own.
            return Decision::Allow;
        }
        if !self.sockets().contains(&path) && !own {
            return Decision::Allow;
        }
        let what = path.display().to_string();
        if LOOKUPS.iter().any(|known| what.starts_with(known)) {
            self.note(AttemptKind::Lookup, what, String::new());
            return Decision::Refuse(libc::ECONNREFUSED);
        }
        let detail = if own {
            "one of Wazuh's own daemons"
        } else {
            SERVICES
                .iter()
                .find(|(start, _)| what.starts_with(start))
                .map_or("a service of this host", |(_, name)| name)
        };
        let attempt = self.note(AttemptKind::Service, what, detail.to_owned());
        self.refused.get_or_insert(attempt);
        Decision::Refuse(libc::ECONNREFUSED)
    }

    /// Paths of the sockets that are open on the host. Wazuh binds its own by a path
    /// relative to the home.
    fn sockets(&self) -> &BTreeSet<PathBuf> {
        self.sockets.get_or_init(|| {
            let list = self.host_proc.join(self.host_pid.to_string()).join("net/unix");
            let text = fs::read(list).unwrap_or_default();
            text.split(|&byte| byte == b'\n')
                .skip(1)
                .filter_map(socket_path)
                .map(|path| canonical(&self.home.join(path)))
                .collect()
        })
    }

    // ---- signals ----

    fn signal(&mut self, target: i32, signal: i32) -> Decision {
        match target {
            0 => Decision::Allow,
            -1 => {
                if signal != 0 {
                    self.note(AttemptKind::Signal, "every process".to_owned(), signal_name(signal));
                }
                Decision::Pretend
            }
            group if group < -1 => {
                let group = group.saturating_neg();
                if processes::all().iter().any(|process| process.group == group) {
                    return Decision::Allow;
                }
                self.signal_host(group, &format!("process group {group}"), signal)
            }
            // Here that is the init of the sandbox, to the script that of the host.
            1 => self.signal_host(1, "process 1", signal),
            pid if Path::new("/proc").join(pid.to_string()).exists() => Decision::Allow,
            pid => self.signal_host(pid, &format!("process {pid}"), signal),
        }
    }

    /// A signal to a process of the host, which this script cannot see, is not sent; to
    /// the script it seems to have been.
    fn signal_host(&mut self, pid: i32, what: &str, signal: i32) -> Decision {
        let name = fs::read_to_string(self.host_proc.join(pid.to_string()).join("comm"));
        let Ok(name) = name else { return Decision::Allow };
        if signal != 0 {
            self.note(AttemptKind::Signal, format!("{what} ({})", name.trim_end()), signal_name(signal));
        }
        Decision::Pretend
    }
}

fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |signal| signal.as_str().to_owned())
}

/// A path whose directories are no links, as far as they are there: below `queue` and
/// `/run` nothing is.
fn without_links(path: &Path) -> PathBuf {
    for ancestor in path.ancestors().skip(1) {
        if let (Ok(real), Ok(rest)) = (fs::canonicalize(ancestor), path.strip_prefix(ancestor)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// A path without `.` and `..`, and with `/run` for `/var/run`.
fn canonical(path: &Path) -> PathBuf {
    let path = tidy(path);
    match path.strip_prefix("/var/run") {
        Ok(rest) => Path::new("/run").join(rest),
        Err(_) => path,
    }
}

/// The path at the end of a line of /proc/net/unix (proc(5)); none for an abstract or
/// unnamed socket.
fn socket_path(line: &[u8]) -> Option<&Path> {
    let mut rest = line;
    for _ in 0..7 {
        let start = rest.iter().position(|byte| *byte != b' ')?;
        rest = rest.get(start..)?;
        let end = rest.iter().position(|byte| *byte == b' ')?;
        rest = rest.get(end..)?;
    }
    let path = rest.strip_prefix(b" ")?;
    (!path.is_empty() && !path.starts_with(b"@")).then(|| Path::new(std::ffi::OsStr::from_bytes(path)))
}

/// Where a connection is to go, as far as that leads out of the sandbox.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    Path(PathBuf),
    Network(String),
}

impl Address {
    /// Reads a `struct sockaddr`.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first_chunk::<2>()?;
        let port = || rest.first_chunk::<2>().map(|port| u16::from_be_bytes(*port));
        match i32::from(u16::from_ne_bytes(*family)) {
            libc::AF_UNIX => {
                let path = rest.split(|&byte| byte == 0).next()?;
                let path = Path::new(std::ffi::OsStr::from_bytes(path));
                (!path.as_os_str().is_empty()).then(|| Self::Path(path.to_owned()))
            }
            libc::AF_INET => {
                let address: [u8; 4] = rest.get(2..6)?.try_into().ok()?;
                Some(Self::Network(format!("{}:{}", Ipv4Addr::from(address), port()?)))
            }
            libc::AF_INET6 => {
                let address: [u8; 16] = rest.get(6..22)?.try_into().ok()?;
                Some(Self::Network(format!("[{}]:{}", Ipv6Addr::from(address), port()?)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn address(family: i32, rest: &[u8]) -> Option<Address> {
        let mut bytes = u16::try_from(family).unwrap().to_ne_bytes().to_vec();
        bytes.extend_from_slice(rest);
        Address::read(&bytes)
    }

    #[test]
    fn addresses_are_read_as_the_kernel_reads_them() {
        let path = |text: &str| Some(Address::Path(PathBuf::from(text)));
        assert_eq!(address(libc::AF_UNIX, b"/run/x\0junk"), path("/run/x"));
        assert_eq!(address(libc::AF_UNIX, b"relative"), path("relative"));
        assert_eq!(address(libc::AF_UNIX, b"\0abstract"), None);
        let network = |text: &str| Some(Address::Network(text.to_owned()));
        assert_eq!(address(libc::AF_INET, &[0, 53, 192, 0, 2, 1]), network("192.0.2.1:53"));
        let mut six = vec![1, 187, 0, 0, 0, 0];
        six.extend(Ipv6Addr::LOCALHOST.octets());
        assert_eq!(address(libc::AF_INET6, &six), network("[::1]:443"));
        assert_eq!(address(libc::AF_INET, &[0]), None);
        assert_eq!(Address::read(b""), None);
    }

    #[test]
    fn sockets_of_the_host_are_named() {
        let line = b"0000000000000000: 00000002 00000000 00010000 0001 01 20519 /run/a b.sock";
        assert_eq!(socket_path(line), Some(Path::new("/run/a b.sock")));
        assert_eq!(socket_path(b"0000000000000000: 00000003 00000000 00000000 0001 03 20519"), None);
        assert_eq!(socket_path(b"x: 2 0 10000 0001 01 20519 @abstract"), None);
        assert_eq!(canonical(Path::new("/var/run/../run/dbus/x")), Path::new("/run/dbus/x"));
    }
}
