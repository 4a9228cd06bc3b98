//! One process in detail, from the files of /proc/PID (proc(5)).
//!
//! What is asked of a few processes only, because it takes some twenty files
//! each. The descriptors of a process are named by reading links; what is
//! behind them is never opened.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Fact, Mount};

/// One process in detail. Each part is a fact of its own, because parts of
/// other users' processes are refused (ptrace(2), "Ptrace access mode checking").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessDetail {
    /// Process number.
    pub pid: u32,
    /// State letter (`S`, `D`, `Z`, `T`...).
    pub state: Fact<char>,
    /// Number of threads.
    pub threads: Fact<u32>,
    /// Users and groups.
    pub credentials: Fact<Credentials>,
    /// Capability sets.
    pub capabilities: Fact<Capabilities>,
    /// Whether set-user-ID and file capabilities have no effect in it
    /// (`PR_SET_NO_NEW_PRIVS`); absent before Linux 4.10.
    pub no_new_privs: Fact<bool>,
    /// Whether it filters system calls; absent in a kernel without seccomp.
    pub seccomp: Fact<Seccomp>,
    /// The kernel function it waits in (`pipe_read`); absent when it waits in
    /// none or the kernel names none.
    pub wchan: Fact<String>,
    /// Namespaces.
    pub namespaces: Fact<Namespaces>,
    /// Label of the security module (`system_u:system_r:initrc_t:s0`,
    /// `unconfined`); absent without one.
    pub label: Fact<String>,
    /// Its root directory.
    pub root: Fact<PathBuf>,
    /// Its working directory.
    pub cwd: Fact<PathBuf>,
    /// Its control group, of the unified hierarchy or of systemd's
    /// (`/system.slice/wazuh-agent.service`).
    pub cgroup: Fact<String>,
    /// Open file descriptors, by number.
    pub descriptors: Fact<Vec<Descriptor>>,
    /// Resource limits.
    pub limits: Fact<Limits>,
    /// Its own mount table; absent when it lives in the reader's mount namespace,
    /// so that [`Host::mounts`](super::Host::mounts) is its table.
    pub mounts: Fact<Vec<Mount>>,
}

/// Users and groups of a process (credentials(7)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Real user.
    pub uid: u32,
    /// Effective user.
    pub euid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective group.
    pub egid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// Capability sets as bit masks: bit N is capability N of capabilities(7), so
/// `CAP_NET_ADMIN` is `1 << 12`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What is permitted.
    pub permitted: u64,
    /// What is in force.
    pub effective: u64,
    /// The most that a program it starts can have.
    pub bounding: u64,
    /// What programs it starts keep without being root.
    pub ambient: u64,
}

impl Capabilities {
    /// Whether a capability is in force.
    #[must_use]
    pub fn has(&self, number: u32) -> bool {
        has(self.effective, number)
    }

    /// Whether a program it starts as root can have a capability.
    #[must_use]
    pub fn passes_on(&self, number: u32) -> bool {
        has(self.bounding, number)
    }
}

fn has(set: u64, number: u32) -> bool {
    set.checked_shr(number).is_some_and(|set| set & 1 == 1)
}

/// How system calls are filtered (seccomp(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seccomp {
    /// Not at all.
    #[default]
    Disabled,
    /// All but read, write, exit and sigreturn are forbidden.
    Strict,
    /// By a filter.
    Filter,
}

/// Namespaces of a process (namespaces(7)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// Number by type: `cgroup`, `ipc`, `mnt`, `net`, `pid`, `user`, `uts`.
    pub numbers: BTreeMap<String, u64>,
    /// Types in which it does not live in the namespace of the reader.
    pub others: BTreeSet<String>,
}

/// Types of namespaces that are read.
pub(super) const NAMESPACES: [&str; 7] = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

/// One open file descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Number.
    pub fd: u32,
    /// What is behind it.
    pub target: DescriptorTarget,
    /// Whether it may be read from and written to.
    pub access: Access,
}

/// What a descriptor was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// It may be read from.
    pub read: bool,
    /// It may be written to.
    pub write: bool,
}

/// What is behind a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescriptorTarget {
    /// A pipe without a name, by its number: the two ends have the same.
    Pipe(u64),
    /// A socket, by the number of [`UnixSocket::inode`](super::UnixSocket::inode).
    Socket(u64),
    /// A file, FIFO, device or directory, as the process names it.
    File {
        /// Where it was opened.
        path: PathBuf,
        /// Whether it has been removed there.
        deleted: bool,
    },
    /// Anything else, as the kernel words it (`anon_inode:[eventpoll]`).
    Other(String),
}

impl DescriptorTarget {
    /// From the text of a link in /proc/PID/fd. That a file is removed shows in
    /// the text, where a name may end in the same words.
    pub(super) fn parse(link: &OsStr) -> Self {
        let bytes = link.as_bytes();
        let number = |prefix: &[u8]| {
            let inside = bytes.strip_prefix(prefix)?.strip_suffix(b"]")?;
            std::str::from_utf8(inside).ok()?.parse().ok()
        };
        if let Some(number) = number(b"pipe:[") {
            return Self::Pipe(number);
        }
        if let Some(number) = number(b"socket:[") {
            return Self::Socket(number);
        }
        if !bytes.starts_with(b"/") {
            return Self::Other(link.to_string_lossy().into_owned());
        }
        let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        match bytes.strip_suffix(DELETED) {
            Some(name) => Self::File { path: path(name), deleted: true },
            None => Self::File { path: path(bytes), deleted: false },
        }
    }
}

/// What a process waits for, by the kernel function it waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Any of several descriptors, with or without a limit of time (select(2), poll(2), epoll(7)).
    Ready,
    /// Bytes from a pipe.
    Pipe,
    /// The other end of a FIFO that it opens (fifo(7)).
    Fifo,
    /// The end of a child (wait(2)).
    Child,
    /// Time (nanosleep(2)).
    Time,
    /// A peer of a connection.
    Network,
    /// A lock on a file (flock(2), fcntl(2)).
    Lock,
}

impl Wait {
    /// The wait that a name of `/proc/PID/wchan` stands for; none for a name that tells nothing.
    /// The names are those of Linux 3.10 to 6.18.
    #[must_use]
    pub fn of(wchan: &str) -> Option<Self> {
        // The compiler's variants of a function (`poll_schedule_timeout.constprop.0`).
        let name = wchan.split('.').next().unwrap_or_default();
        let name = name.trim_start_matches('_');
        Some(match name {
            "do_select"
            | "core_sys_select"
            | "poll_schedule_timeout"
            | "do_poll"
            | "do_sys_poll"
            | "ep_poll"
            | "do_epoll_wait" => Self::Ready,
            "pipe_read" | "anon_pipe_read" | "fifo_pipe_read" | "pipe_wait" | "pipe_wait_readable" => {
                Self::Pipe
            }
            "wait_for_partner" | "fifo_open" => Self::Fifo,
            "do_wait" | "do_wait4" | "kernel_wait4" | "wait4" => Self::Child,
            "hrtimer_nanosleep" | "do_nanosleep" | "common_nsleep" | "clock_nanosleep" => Self::Time,
            "tcp_recvmsg"
            | "tcp_recvmsg_locked"
            | "tcp_sendmsg_locked"
            | "sk_wait_data"
            | "sk_stream_wait_memory"
            | "sk_stream_wait_connect"
            | "inet_csk_accept"
            | "inet_stream_connect"
            | "inet_wait_for_connect"
            | "skb_wait_for_more_packets"
            | "skb_recv_udp" => Self::Network,
            "fcntl_setlk"
            | "flock_lock_inode_wait"
            | "flock_lock_inode"
            | "posix_lock_inode_wait"
            | "locks_lock_inode_wait"
            | "do_flock" => Self::Lock,
            _ => return None,
        })
    }
}

/// What the kernel puts behind the path of a removed file.
pub(super) const DELETED: &[u8] = b" (deleted)";

/// Resource limits (getrlimit(2)) that a response can run into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `RLIMIT_NOFILE`: descriptors.
    pub open_files: Limit,
    /// `RLIMIT_FSIZE`: bytes in a file it writes.
    pub file_size: Limit,
    /// `RLIMIT_NPROC`: processes of its real user.
    pub processes: Limit,
}

/// A limit; none is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// In force.
    pub soft: Option<u64>,
    /// The most that the process may raise it to.
    pub hard: Option<u64>,
}

/// What /proc/PID/status says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) state: char,
    pub(super) threads: u32,
    pub(super) credentials: Credentials,
    pub(super) capabilities: Option<Capabilities>,
    pub(super) no_new_privs: Option<bool>,
    pub(super) seccomp: Option<Seccomp>,
}

/// /proc/PID/status; none when what every kernel writes is missing.
pub(super) fn parse_status(bytes: &[u8]) -> Option<Status> {
    // The first line with the name: `Name:` stands before and its newlines are escaped.
    let field = |name: &str| {
        let line = bytes.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name.as_bytes()))?;
        Some(std::str::from_utf8(line.strip_prefix(b":")?).ok()?.trim())
    };
    let numbers = |name| -> Option<Vec<u32>> {
        field(name)?.split_ascii_whitespace().map(|number| number.parse().ok()).collect()
    };
    let set = |name| u64::from_str_radix(field(name)?, 16).ok();
    let capabilities = || {
        Some(Capabilities {
            permitted: set("CapPrm")?,
            effective: set("CapEff")?,
            bounding: set("CapBnd")?,
            // Since Linux 4.3.
            ambient: set("CapAmb").unwrap_or(0),
        })
    };
    let (uids, gids) = (numbers("Uid")?, numbers("Gid")?);
    Some(Status {
        state: field("State")?.chars().next()?,
        // A zombie has the line too.
        threads: field("Threads")?.parse().ok()?,
        credentials: Credentials {
            uid: *uids.first()?,
            euid: *uids.get(1)?,
            gid: *gids.first()?,
            egid: *gids.get(1)?,
            groups: numbers("Groups")?,
        },
        capabilities: capabilities(),
        no_new_privs: field("NoNewPrivs").map(|text| text != "0"),
        seccomp: match field("Seccomp") {
            Some("0") => Some(Seccomp::Disabled),
            Some("1") => Some(Seccomp::Strict),
            Some(_) => Some(Seccomp::Filter),
            None => None,
        },
    })
}

/// /proc/PID/limits; none when a line is missing.
pub(super) fn parse_limits(bytes: &[u8]) -> Option<Limits> {
    let text = std::str::from_utf8(bytes).ok()?;
    let limit = |name: &str| {
        let mut values = text.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace();
        let mut value = || match values.next()? {
            "unlimited" => Some(None),
            number => number.parse().ok().map(Some),
        };
        Some(Limit { soft: value()?, hard: value()? })
    };
    Some(Limits {
        open_files: limit("Max open files")?,
        file_size: limit("Max file size")?,
        processes: limit("Max processes")?,
    })
}

/// /proc/PID/cgroup: lines `ID:CONTROLLERS:PATH` (cgroups(7)).
pub(super) fn parse_cgroup(bytes: &[u8]) -> Option<String> {
    let lines = || bytes.split(|byte| *byte == b'\n');
    // With both hierarchies systemd manages its own, and the unified one may hold `/`.
    let systemd = lines().find_map(|line| {
        let rest = &line[line.iter().position(|byte| *byte == b':')? + 1..];
        rest.strip_prefix(b"name=systemd:")
    });
    let path = systemd.or_else(|| lines().find_map(|line| line.strip_prefix(b"0::")))?;
    Some(String::from_utf8_lossy(path).into_owned())
}

/// The number in `mnt:[4026531841]`.
pub(super) fn parse_namespace(kind: &str, link: &OsStr) -> Option<u64> {
    link.to_str()?.strip_prefix(kind)?.strip_prefix(":[")?.strip_suffix(']')?.parse().ok()
}

/// A label without what ends it: NUL for SELinux, a newline for AppArmor.
pub(super) fn parse_label(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let label = text.trim_end_matches(['\0', '\n']);
    (!label.is_empty()).then(|| label.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    const STATUS: &[u8] = b"Name:\tUid:\\n0\nUmask:\t0027\nState:\tS (sleeping)\nTgid:\t7\n\
        Uid:\t0\t1\t0\t0\nGid:\t5\t6\t5\t5\nFDSize:\t64\nGroups:\t4 998 \nThreads:\t3\n\
        CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000001000\n\
        CapBnd:\t000001ffffffefff\nCapAmb:\t0000000000000001\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t9\n";

    #[test]
    fn names_of_waits() {
        for (wchan, wait) in [
            ("do_select", Some(Wait::Ready)),
            ("poll_schedule_timeout.constprop.0", Some(Wait::Ready)),
            ("pipe_read", Some(Wait::Pipe)),
            ("anon_pipe_read", Some(Wait::Pipe)),
            ("wait_for_partner", Some(Wait::Fifo)),
            ("do_wait", Some(Wait::Child)),
            ("hrtimer_nanosleep", Some(Wait::Time)),
            ("__skb_wait_for_more_packets", Some(Wait::Network)),
            ("__inet_stream_connect", Some(Wait::Network)),
            ("locks_lock_inode_wait", Some(Wait::Lock)),
            ("n_tty_read", None),
            ("pipe_write", None),
            ("", None),
        ] {
            assert_eq!(Wait::of(wchan), wait, "{wchan}");
        }
    }

    #[test]
    fn status() {
        let status = parse_status(STATUS).unwrap();
        assert_eq!((status.state, status.threads), ('S', 3));
        let expected = Credentials { uid: 0, euid: 1, gid: 5, egid: 6, groups: vec![4, 998] };
        assert_eq!(status.credentials, expected);
        let capabilities = status.capabilities.unwrap();
        assert!(capabilities.has(12) && !capabilities.has(13) && !capabilities.has(64));
        assert!(!capabilities.passes_on(12) && capabilities.passes_on(13));
        assert_eq!((status.no_new_privs, status.seccomp), (Some(true), Some(Seccomp::Filter)));
        let old: Vec<u8> = STATUS[..STATUS.len() - 48].to_vec();
        let old = parse_status(&old).unwrap();
        assert_eq!((old.no_new_privs, old.seccomp), (None, None));
        assert!(parse_status(b"").is_none());
    }

    #[test]
    fn limits() {
        let text = b"Limit                     Soft Limit           Hard Limit           Units     \n\
            Max file size             unlimited            unlimited            bytes     \n\
            Max processes             63434                70000                processes \n\
            Max open files            1024                 unlimited            files     \n";
        let limits = parse_limits(text).unwrap();
        assert_eq!(limits.file_size, Limit::default());
        assert_eq!(limits.processes, Limit { soft: Some(63434), hard: Some(70000) });
        assert_eq!(limits.open_files, Limit { soft: Some(1024), hard: None });
        assert!(parse_limits(&text[..100]).is_none());
    }

    #[test]
    fn cgroups() {
        for (text, path) in [
            ("0::/system.slice/wazuh-agent.service\n", Some("/system.slice/wazuh-agent.service")),
            ("12:pids:/a\n1:name=systemd:/system.slice/b.service\n0::/\n", Some("/system.slice/b.service")),
            ("1:name=systemd:/\n", Some("/")),
            ("12:pids:/a\n", None),
            ("", None),
        ] {
            assert_eq!(parse_cgroup(text.as_bytes()).as_deref(), path, "{text}");
        }
    }

    #[test]
    fn links_of_descriptors() {
        let parse = |text: &str| DescriptorTarget::parse(OsStr::new(text));
        let file = |path: &str, deleted| DescriptorTarget::File { path: path.into(), deleted };
        assert_eq!(parse("pipe:[12]"), DescriptorTarget::Pipe(12));
        assert_eq!(parse("socket:[13]"), DescriptorTarget::Socket(13));
        assert_eq!(parse("/dev/null"), file("/dev/null", false));
        assert_eq!(parse("/tmp/x (deleted)"), file("/tmp/x", true));
        assert_eq!(parse("pipe:[x]"), DescriptorTarget::Other("pipe:[x]".into()));
        assert_eq!(parse("anon_inode:[eventpoll]"), DescriptorTarget::Other("anon_inode:[eventpoll]".into()));
        assert_eq!(parse_namespace("mnt", OsStr::new("mnt:[4026531841]")), Some(4_026_531_841));
        assert_eq!(parse_namespace("mnt", OsStr::new("net:[1]")), None);
    }

    #[test]
    fn labels() {
        assert_eq!(
            parse_label(b"system_u:system_r:init_t:s0\0").as_deref(),
            Some("system_u:system_r:init_t:s0")
        );
        assert_eq!(parse_label(b"wazuh (enforce)\n").as_deref(), Some("wazuh (enforce)"));
        assert_eq!(parse_label(b"\0"), None);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse_status(&bytes), parse_limits(&bytes), parse_cgroup(&bytes), parse_label(&bytes));
            let path = matches!(DescriptorTarget::parse(OsStr::from_bytes(&bytes)), DescriptorTarget::File { path, .. }
                if path.is_absolute());
            prop_assert_eq!(path, Path::new(OsStr::from_bytes(&bytes)).is_absolute());
        }

        #[test]
        fn a_broken_status(at in 0..STATUS.len(), byte: u8) {
            let mut bytes = STATUS.to_vec();
            bytes[at] = byte;
            let _ = (parse_status(&bytes), parse_status(&bytes[..at]));
        }
    }
}
