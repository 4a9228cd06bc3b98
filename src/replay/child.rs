//! Sets up child processes: the only module with `unsafe`.
//!
//! What nix has no safe call for is wrapped here, each with its reason: fork(2), the
//! signal dispositions execd's children have, the capability bounding set, the seccomp filter and
//! its supervisor, FIONREAD. Nothing here knows what is played.

#![allow(unsafe_code, reason = "the one module that sets up a child process; every use says why it is sound")]

use std::ffi::CString;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::unistd::{ForkResult, Gid, Pid, execve, setgid, setgroups, setsid};

/// Capabilities a script in the sandbox must not have, by number (capabilities(7)): they
/// reach through every namespace, CAP_SYS_PTRACE by way of the descriptors of process 1.
const DROPPED: &[(i32, &str)] = &[
    (16, "CAP_SYS_MODULE"),
    (17, "CAP_SYS_RAWIO"),
    (19, "CAP_SYS_PTRACE"),
    (21, "CAP_SYS_ADMIN"),
    (22, "CAP_SYS_BOOT"),
    (25, "CAP_SYS_TIME"),
    (27, "CAP_MKNOD"),
    (34, "CAP_SYSLOG"),
];

/// What becomes of this process at a fork.
#[derive(Debug)]
pub enum Fork {
    /// It is the child.
    Child,
    /// It is the parent of this child.
    Parent(Pid),
}

/// fork(2).
///
/// # Errors
///
/// Those of fork(2); EBUSY when this process has more than one thread, as another thread
/// may hold a lock that the child would wait for; ENOSYS when that cannot be seen in `/proc`.
pub fn fork() -> Result<Fork, Errno> {
    let threads = std::fs::read_dir("/proc/self/task").map_err(|_| Errno::ENOSYS)?.count();
    if threads > 1 {
        return Err(Errno::EBUSY);
    }
    // SAFETY: this process has one thread, as was just seen, so that the child may do all
    // that the parent may, allocation included.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Child => Ok(Fork::Child),
        ForkResult::Parent { child } => Ok(Fork::Parent(child)),
    }
}

/// Ends this process without running anything of its parent's that waits for its end.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit(2) has no preconditions; it runs no handlers and flushes no buffers, which
    // belong to the parent as well.
    unsafe { libc::_exit(status) }
}

/// Receives the descriptor that [`Attributes::handover`] is for; none when the child
/// sends none.
///
/// # Errors
///
/// Those of recvmsg(2).
pub fn receive(socket: &OwnedFd) -> Result<Option<OwnedFd>, Errno> {
    let mut byte = [0];
    let mut parts = [io::IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = control {
            // SAFETY: recvmsg(2) has just made it for this process; nobody else owns it. There
            // is room for one.
            return Ok(fds.first().map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) }));
        }
    }
    Ok(None)
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Status(i32),
    /// By this signal; real-time ones included, for which nix has no name.
    Signal(i32),
}

/// Collects a child that has ended; none when none has.
pub fn reap() -> Option<(Pid, Exit)> {
    let mut status: libc::c_int = 0;
    // SAFETY: waitpid(2) writes one int to the address, which is that of a live int.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    if pid <= 0 {
        return None;
    }
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Status(libc::WEXITSTATUS(status))
    };
    Some((Pid::from_raw(pid), exit))
}

/// Bytes that wait in a pipe, at either of its ends.
///
/// # Errors
///
/// Those of ioctl(2).
pub fn bytes_waiting(pipe: impl AsFd) -> io::Result<u64> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int to the address, which is that of a live int.
    let result = unsafe { libc::ioctl(pipe.as_fd().as_raw_fd(), libc::FIONREAD, &raw mut count) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(u64::try_from(count).unwrap_or(0)) }
}

/// A descriptor that becomes readable when the process ends (Linux 5.3); none without.
pub fn pidfd(pid: Pid) -> Option<OwnedFd> {
    // SAFETY: pidfd_open(2) takes two integers and returns a new descriptor that nobody else owns.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0);
        let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0)?;
        Some(OwnedFd::from_raw_fd(fd))
    }
}

/// What a script gets.
#[derive(Debug)]
pub struct Attributes {
    /// The file, relative to the working directory; also `argv[0]`.
    pub path: CString,
    /// `argv`, with `argv[0]`.
    pub arguments: Vec<CString>,
    /// `NAME=value`.
    pub environment: Vec<CString>,
    /// Group; none leaves uid, gid and groups as they are.
    pub gid: Option<Gid>,
    /// Standard input.
    pub stdin: OwnedFd,
    /// Standard output.
    pub stdout: OwnedFd,
    /// Standard error.
    pub stderr: OwnedFd,
    /// Where the outcome of the start is written: see [`LaunchReport`]. Close-on-exec.
    pub report: OwnedFd,
    /// It is confined, and the supervisor's descriptor is sent over this socket.
    pub handover: Option<OwnedFd>,
}

/// One record on [`Attributes::report`]: a letter and an errno in native byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchReport {
    /// `execve` gave ENOEXEC, `/bin/sh` is tried next, as libc's execvp does.
    BySh,
    /// `execve` failed.
    Failed(i32),
    /// Before it: a part of the set-up failed.
    Setup(i32),
}

impl LaunchReport {
    fn bytes(self) -> [u8; 5] {
        let (letter, errno) = match self {
            Self::BySh => (b'S', libc::ENOEXEC),
            Self::Failed(errno) => (b'F', errno),
            Self::Setup(errno) => (b'U', errno),
        };
        let [a, b, c, d] = errno.to_ne_bytes();
        [letter, a, b, c, d]
    }

    /// Reads the records that were written.
    pub fn read(bytes: &[u8]) -> Vec<Self> {
        bytes
            .chunks_exact(5)
            .filter_map(|record| {
                let (letter, errno) = record.split_first()?;
                let errno = i32::from_ne_bytes(errno.try_into().ok()?);
                match letter {
                    b'S' => Some(Self::BySh),
                    b'F' => Some(Self::Failed(errno)),
                    b'U' => Some(Self::Setup(errno)),
                    _ => None,
                }
            })
            .collect()
    }
}

/// Starts a script as execd does (`src/shared/exec_op.c wpopenv`, 4.14): its own session,
/// SIGHUP ignored, everything else default, standard streams as given.
///
/// # Errors
///
/// Those of fork(2). A failed start is reported over [`Attributes::report`].
pub fn start(attributes: Attributes) -> Result<Pid, Errno> {
    match fork()? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => {
            let errno = become_script(&attributes);
            let _ = nix::unistd::write(&attributes.report, &errno.bytes());
            exit_now(127)
        }
    }
}

/// Never returns when the script runs.
fn become_script(attributes: &Attributes) -> LaunchReport {
    if let Err(errno) = prepare(attributes) {
        return LaunchReport::Setup(errno as i32);
    }
    let Err(errno) = execve(&attributes.path, &attributes.arguments, &attributes.environment);
    if errno != Errno::ENOEXEC {
        return LaunchReport::Failed(errno as i32);
    }
    let _ = nix::unistd::write(&attributes.report, &LaunchReport::BySh.bytes());
    let shell = c"/bin/sh";
    let mut arguments = vec![shell.to_owned(), attributes.path.clone()];
    arguments.extend(attributes.arguments.iter().skip(1).cloned());
    let Err(errno) = execve(shell, &arguments, &attributes.environment);
    LaunchReport::Failed(errno as i32)
}

fn prepare(attributes: &Attributes) -> Result<(), Errno> {
    for signal in 1..=64 {
        // execd is a daemon: nohup(1)-like, and its children inherit that.
        let action = if signal == libc::SIGHUP { libc::SIG_IGN } else { libc::SIG_DFL };
        // SAFETY: no handler function is installed, only the two dispositions without code. SIGKILL,
        // SIGSTOP and those libc keeps for itself are refused, which is no harm.
        unsafe { libc::signal(signal, action) };
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    nix::unistd::dup2_stdin(&attributes.stdin)?;
    nix::unistd::dup2_stdout(&attributes.stdout)?;
    nix::unistd::dup2_stderr(&attributes.stderr)?;
    keep_no_other_descriptor()?;
    setsid()?;
    if let Some(gid) = attributes.gid {
        setgroups(&[gid])?;
        setgid(gid)?;
    }
    if let Some(socket) = &attributes.handover {
        // A core pattern that begins with a pipe would start a program of the host; a limit of
        // one byte is how the kernel is told not to (core(5)).
        nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 1, 1)?;
        drop_capabilities()?;
        confine(socket)?;
    }
    Ok(())
}

/// Takes [`DROPPED`] from this process and from whatever it starts: out of the bounding
/// set, the ambient set, and the inheritable set.
fn drop_capabilities() -> Result<(), Errno> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: libc::c_int,
    }
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    for (capability, _) in DROPPED {
        // SAFETY: PR_CAPBSET_DROP takes integers only.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, *capability, 0, 0, 0) };
        if result < 0 && Errno::last() != Errno::EINVAL {
            return Err(Errno::last());
        }
    }
    // SAFETY: PR_CAP_AMBIENT_CLEAR_ALL takes integers only. Kernels without it have no such set.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    let mut header = Header { version: 0x2008_0522, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: version 3 of capget(2) writes two structures of this layout, which are alive.
    if unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) } < 0 {
        return Err(Errno::last());
    }
    for half in &mut data {
        half.inheritable = 0;
    }
    // SAFETY: version 3 of capset(2) reads two structures of this layout, which are alive.
    if unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) } < 0 {
        return Err(Errno::last());
    }
    Ok(())
}

/// Confines a tool that looks at what the script has changed: it may be what the script
/// has changed.
pub fn shut_in(command: &mut Command) {
    let root = nix::unistd::geteuid().is_root();
    let program = ARCHITECTURE.map(|architecture| filter(architecture, false));
    // SAFETY: between fork and exec only system calls are made, and nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            if root {
                drop_capabilities()?;
            }
            nix::sys::prctl::set_no_new_privs()?;
            install(program.as_deref().ok_or(Errno::ENOSYS)?, 0)?;
            Ok(())
        });
    }
}

/// Whatever this program was started with is not the script's: every descriptor but the
/// first three is closed by exec.
fn keep_no_other_descriptor() -> Result<(), Errno> {
    // SAFETY: close_range(2) takes integers; with this flag it closes nothing now.
    let result =
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 {
        return Ok(());
    }
    // Before Linux 5.11.
    for fd in 3..i32::try_from(nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?.0)
        .unwrap_or(65_536)
        .min(65_536)
    {
        // SAFETY: fcntl(2) with F_SETFD takes integers; EBADF for one that is not open is no harm.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

// ---- seccomp ----

/// The architecture the filter is for, as the kernel numbers it; none where there is no table.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// System calls that reach the host through every namespace, with the errno they get: EPERM
/// where a privilege would be missing, ENOSYS where programs know how to live without.
const REFUSED: &[(libc::c_long, i32)] = &[
    (libc::SYS_acct, libc::EPERM),
    (libc::SYS_add_key, libc::ENOSYS),
    (libc::SYS_bpf, libc::EPERM),
    (libc::SYS_clock_adjtime, libc::EPERM),
    (libc::SYS_clock_settime, libc::EPERM),
    (libc::SYS_delete_module, libc::EPERM),
    (libc::SYS_fanotify_init, libc::EPERM),
    (libc::SYS_finit_module, libc::EPERM),
    (libc::SYS_init_module, libc::EPERM),
    (libc::SYS_io_uring_setup, libc::ENOSYS),
    (libc::SYS_kexec_file_load, libc::EPERM),
    (libc::SYS_kexec_load, libc::EPERM),
    (libc::SYS_keyctl, libc::ENOSYS),
    (libc::SYS_open_by_handle_at, libc::EPERM),
    (libc::SYS_perf_event_open, libc::EPERM),
    (libc::SYS_pidfd_getfd, libc::EPERM),
    (libc::SYS_quotactl, libc::EPERM),
    (libc::SYS_quotactl_fd, libc::EPERM),
    (libc::SYS_reboot, libc::EPERM),
    (libc::SYS_request_key, libc::ENOSYS),
    (libc::SYS_setns, libc::EPERM),
    (libc::SYS_settimeofday, libc::EPERM),
    (libc::SYS_swapoff, libc::EPERM),
    (libc::SYS_swapon, libc::EPERM),
    (libc::SYS_syslog, libc::EPERM),
];

/// System calls that change mounts. A new `/proc`, devtmpfs or cgroup2 would be the
/// host's own, writable, whatever the sandbox shows.
pub(super) const MOUNTS: &[(libc::c_long, &str)] = &[
    (libc::SYS_mount, "mount"),
    (libc::SYS_umount2, "umount2"),
    (libc::SYS_move_mount, "move_mount"),
    (libc::SYS_open_tree, "open_tree"),
    (libc::SYS_mount_setattr, "mount_setattr"),
    (libc::SYS_fsopen, "fsopen"),
    (libc::SYS_fsconfig, "fsconfig"),
    (libc::SYS_fsmount, "fsmount"),
    (libc::SYS_fspick, "fspick"),
    (libc::SYS_pivot_root, "pivot_root"),
];

/// System calls the supervisor decides on.
const SUPERVISED: &[libc::c_long] = &[
    libc::SYS_connect,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
];

/// Families of sockets that end in the network namespace; all others but netlink are refused.
const FAMILIES: &[libc::c_int] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_PACKET];

/// Netlink protocols that reach the host: iSCSI, audit, connector, SCSI, ecryptfs, RDMA, crypto.
const FOREIGN_NETLINK: &[u32] = &[8, 9, 11, 18, 19, 20, 21];

const OFFSET_NR: u32 = 0;
const OFFSET_ARCH: u32 = 4;
/// Offset of the low half of an argument in `struct seccomp_data`, little endian.
const fn offset_argument(index: u32) -> u32 {
    16 + 8 * index
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: u16::try_from(code).unwrap_or(u16::MAX), jt, jf, k }
}

fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

fn equal(value: u32, jt: u8, jf: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jt, jf, value)
}

fn give(what: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, what)
}

fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | u32::try_from(number).unwrap_or(1)
}

fn unsigned(number: libc::c_int) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

fn filter(architecture: u32, supervised: bool) -> Vec<libc::sock_filter> {
    let mut program = vec![
        load(OFFSET_ARCH),
        equal(architecture, 1, 0),
        give(libc::SECCOMP_RET_KILL_PROCESS),
        load(OFFSET_NR),
        // The x32 calls of x86_64 would go round the list.
        instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, 0x4000_0000),
        give(errno(libc::ENOSYS)),
    ];
    for (call, error) in REFUSED {
        program.extend([equal(number(*call), 0, 1), give(errno(*error))]);
    }
    for (call, _) in MOUNTS {
        let what = if supervised { libc::SECCOMP_RET_USER_NOTIF } else { errno(libc::EPERM) };
        program.extend([equal(number(*call), 0, 1), give(what)]);
    }
    if supervised {
        for call in SUPERVISED {
            program.extend([equal(number(*call), 0, 1), give(libc::SECCOMP_RET_USER_NOTIF)]);
        }
    }
    if supervised {
        // A datagram with an address of its own; most have none.
        program.extend([
            equal(number(libc::SYS_sendto), 0, 5),
            load(offset_argument(4)),
            equal(0, 0, 2),
            load(offset_argument(4) + 4),
            equal(0, 1, 0),
            give(libc::SECCOMP_RET_USER_NOTIF),
            load(OFFSET_NR),
        ]);
    }
    program.extend([equal(number(libc::SYS_socket), 1, 0), give(libc::SECCOMP_RET_ALLOW)]);
    program.push(load(offset_argument(0)));
    for family in FAMILIES {
        // Without a supervisor nobody sees which socket is connected to.
        if *family != libc::AF_UNIX || supervised {
            program.extend([equal(unsigned(*family), 0, 1), give(libc::SECCOMP_RET_ALLOW)]);
        }
    }
    program.extend([
        equal(unsigned(libc::AF_NETLINK), 1, 0),
        give(errno(libc::EAFNOSUPPORT)),
        load(offset_argument(2)),
    ]);
    for protocol in FOREIGN_NETLINK {
        // As on a kernel without: libaudit and PAM go on without audit.
        program.extend([equal(*protocol, 0, 1), give(errno(libc::EPROTONOSUPPORT))]);
    }
    program.push(give(libc::SECCOMP_RET_ALLOW));
    program
}

/// Puts the filter on this process and hands the supervisor's descriptor to whoever holds
/// the other end of the socket. Without a supervisor (before Linux 5.5) only the fixed refusals
/// hold, and nothing is sent.
fn confine(socket: &OwnedFd) -> Result<(), Errno> {
    let architecture = ARCHITECTURE.ok_or(Errno::ENOSYS)?;
    let mut listener = None;
    if has_continue() {
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        listener = Some(install(&filter(architecture, true), flags)?);
    } else {
        install(&filter(architecture, false), 0)?;
    }
    if let Some(fd) = listener {
        // SAFETY: seccomp(2) returned it as a new descriptor; nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let raw = [fd.as_raw_fd()];
        let control = [ControlMessage::ScmRights(&raw)];
        let byte = [io::IoSlice::new(b"l")];
        sendmsg::<()>(socket.as_raw_fd(), &byte, &control, MsgFlags::empty(), None)?;
    }
    Ok(())
}

fn install(program: &[libc::sock_filter], flags: libc::c_ulong) -> Result<i32, Errno> {
    let program = libc::sock_fprog {
        len: libc::c_ushort::try_from(program.len()).map_err(|_| Errno::E2BIG)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: seccomp(2) copies the program, which is alive and as long as it says; it does not
    // write to it.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if result < 0 { Err(Errno::last()) } else { i32::try_from(result).map_err(|_| Errno::EOVERFLOW) }
}

/// Whether a supervisor can let a call through (SECCOMP_USER_NOTIF_FLAG_CONTINUE, Linux 5.5).
pub fn has_continue() -> bool {
    kernel() >= (5, 5)
}

/// Version of the running kernel; (0, 0) when it does not tell.
pub fn kernel() -> (u32, u32) {
    let Ok(name) = nix::sys::utsname::uname() else { return (0, 0) };
    let release = name.release().to_string_lossy();
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    let mut part = || parts.next().and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    (part(), part())
}

/// A system call that waits for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    id: u64,
    /// The process, in the pid namespace of the supervisor.
    pub pid: i32,
    /// Its number (`libc::SYS_...`).
    pub number: libc::c_long,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// What a supervised call gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes on.
    Allow,
    /// It seems to succeed and returns 0.
    Pretend,
    /// It fails with this errno.
    Refuse(i32),
}

const fn ioctl_number(direction: u64, size: usize, number: u64) -> u64 {
    (direction << 30) | ((size as u64) << 16) | ((b'!' as u64) << 8) | number
}

/// Takes the next supervised call; none when its process is gone meanwhile.
///
/// # Errors
///
/// Those of ioctl(2) other than that.
pub fn next_call(listener: BorrowedFd<'_>) -> io::Result<Option<Call>> {
    // SAFETY: the structure is plain integers, for which all zero is a value; the kernel asks for it so.
    let mut request: libc::seccomp_notif = unsafe { zeroed() };
    let code = ioctl_number(3, size_of::<libc::seccomp_notif>(), 0);
    // SAFETY: the ioctl writes one structure of the size that is part of its number.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), code as _, &raw mut request) };
    if result < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ENOENT | libc::EINTR | libc::EAGAIN) => Ok(None),
            _ => Err(error),
        };
    }
    Ok(Some(Call {
        id: request.id,
        pid: i32::try_from(request.pid).unwrap_or(0),
        number: libc::c_long::from(request.data.nr),
        arguments: request.data.args,
    }))
}

/// Whether the call still waits: only then is what was read of its process its own.
pub fn is_waiting(listener: BorrowedFd<'_>, call: &Call) -> bool {
    let code = ioctl_number(1, size_of::<u64>(), 2);
    // SAFETY: the ioctl reads one u64.
    unsafe { libc::ioctl(listener.as_raw_fd(), code as _, &raw const call.id) == 0 }
}

/// Answers a supervised call. That its process is gone meanwhile is no error.
///
/// # Errors
///
/// Those of ioctl(2) other than that.
pub fn decide(listener: BorrowedFd<'_>, call: &Call, decision: Decision) -> io::Result<()> {
    let (error, flags) = match decision {
        Decision::Allow => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        Decision::Pretend => (0, 0),
        Decision::Refuse(errno) => (-errno, 0),
    };
    let response = libc::seccomp_notif_resp { id: call.id, val: 0, error, flags };
    let code = ioctl_number(3, size_of::<libc::seccomp_notif_resp>(), 1);
    // SAFETY: the ioctl reads one structure of the size that is part of its number.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), code as _, &raw const response) };
    if result < 0 {
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ENOENT) {
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ioctl_numbers_are_those_of_the_kernel() {
        assert_eq!(ioctl_number(3, size_of::<libc::seccomp_notif>(), 0), 0xC050_2100);
        assert_eq!(ioctl_number(3, size_of::<libc::seccomp_notif_resp>(), 1), 0xC018_2101);
        assert_eq!(ioctl_number(1, size_of::<u64>(), 2), 0x4008_2102);
    }

    #[test]
    fn a_launch_report_reads_back() {
        let reports = [LaunchReport::BySh, LaunchReport::Failed(libc::EACCES), LaunchReport::Setup(1)];
        let bytes: Vec<u8> = reports.iter().flat_map(|report| report.bytes()).collect();
        assert_eq!(LaunchReport::read(&bytes), reports);
        assert_eq!(LaunchReport::read(b"x"), []);
    }

    /// What the kernel makes of a call: the filter, interpreted.
    fn verdict(program: &[libc::sock_filter], arch: u32, nr: u32, arguments: [u64; 6]) -> u32 {
        let word = |offset: u32| match offset {
            OFFSET_NR => nr,
            OFFSET_ARCH => arch,
            _ => {
                let argument = arguments[usize::try_from((offset - 16) / 8).unwrap()];
                if offset.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
            }
        };
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let step = program[at];
            let code = u32::from(step.code);
            at += 1;
            if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS {
                accumulator = word(step.k);
            } else if code == libc::BPF_RET | libc::BPF_K {
                return step.k;
            } else {
                let holds = match code & 0xf0 {
                    libc::BPF_JEQ => accumulator == step.k,
                    libc::BPF_JGE => accumulator >= step.k,
                    other => panic!("{other}"),
                };
                at += usize::from(if holds { step.jt } else { step.jf });
            }
        }
    }

    #[test]
    fn the_filter_decides_as_meant() {
        let arch = ARCHITECTURE.unwrap();
        let (allow, notify) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_USER_NOTIF);
        let none = [0; 6];
        for supervised in [true, false] {
            let program = filter(arch, supervised);
            let call = |nr: libc::c_long, arguments| verdict(&program, arch, number(nr), arguments);
            assert_eq!(verdict(&program, 0x4000_0003, 1, none), libc::SECCOMP_RET_KILL_PROCESS, "i386");
            assert_eq!(verdict(&program, arch, 0x4000_0001, none), errno(libc::ENOSYS), "x32");
            assert_eq!(verdict(&program, arch, u32::MAX, none), errno(libc::ENOSYS));
            for (nr, error) in REFUSED {
                assert_eq!(call(*nr, none), errno(*error), "{nr}");
            }
            for (nr, name) in MOUNTS {
                assert_eq!(call(*nr, none), if supervised { notify } else { errno(libc::EPERM) }, "{name}");
            }
            for nr in SUPERVISED {
                assert_eq!(call(*nr, none), if supervised { notify } else { allow }, "{nr}");
            }
            for nr in
                [libc::SYS_read, libc::SYS_execve, libc::SYS_clone, libc::SYS_sendmsg, libc::SYS_socketpair]
            {
                assert_eq!(call(nr, none), allow, "{nr}");
            }
            for (address, told) in [(0, false), (1, true), (1 << 32, true), (u64::MAX, true)] {
                let want = if told && supervised { notify } else { allow };
                assert_eq!(call(libc::SYS_sendto, [3, 0, 0, 0, address, 0]), want, "{address}");
            }
            let socket = |family: libc::c_int, protocol: u64| {
                call(libc::SYS_socket, [u64::from(unsigned(family)), 3, protocol, 0, 0, 0])
            };
            let refused = errno(libc::EAFNOSUPPORT);
            assert_eq!(socket(libc::AF_UNIX, 0), if supervised { allow } else { refused });
            assert_eq!([socket(libc::AF_INET, 6), socket(libc::AF_INET6, 17)], [allow; 2]);
            assert_eq!([socket(libc::AF_VSOCK, 0), socket(libc::AF_ALG, 0), socket(0, 0)], [refused; 3]);
            assert_eq!([socket(libc::AF_NETLINK, 0), socket(libc::AF_NETLINK, 12)], [allow; 2]);
            assert_eq!(socket(libc::AF_NETLINK, 9), errno(libc::EPROTONOSUPPORT));
        }
    }

    #[test]
    fn bytes_in_a_pipe_are_counted_at_both_ends() {
        let (read, write) = nix::unistd::pipe().unwrap();
        nix::unistd::write(&write, b"abc").unwrap();
        assert_eq!(bytes_waiting(&read).unwrap(), 3);
        assert_eq!(bytes_waiting(&write).unwrap(), 3);
    }
}
