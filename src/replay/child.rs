//! Sets up child processes: the only module with `unsafe`.
//!
//! What nix has no safe call for is wrapped here, each with its reason: fork(2), the
//! signal dispositions execd's children have, the capability bounding set, the seccomp filter and
//! its supervisor, FIONREAD. Nothing here knows what is played.

#![allow(unsafe_code, reason = "the one module that sets up a child process; every use says why it is sound")]

use std::ffi::CString;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};
use nix::unistd::{ForkResult, Gid, Pid, execve, setgid, setgroups, setsid};

/// Capabilities a script in the sandbox must not have, by number (capabilities(7)): they
/// reach through every namespace, CAP_SYS_PTRACE by way of the descriptors of process 1.
const DROPPED: &[(i32, &str)] = &[
    (16, "CAP_SYS_MODULE"),
    (17, "CAP_SYS_RAWIO"),
    (19, "CAP_SYS_PTRACE"),
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
/// Those of fork(2), and EBUSY when this process has more than one thread: another thread
/// may hold a lock that the child would wait for.
pub fn fork() -> Result<Fork, Errno> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
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

/// Takes over a descriptor that was received over a socket.
pub(super) fn own(fd: std::os::fd::RawFd) -> OwnedFd {
    // SAFETY: recvmsg(2) made it for this process, and the caller hands it over only once.
    unsafe { OwnedFd::from_raw_fd(fd) }
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
    /// Whether it is confined; then the supervisor's descriptor is sent over this socket.
    pub confined: Option<OwnedFd>,
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
    for number in 1..=64 {
        let Ok(signal) = Signal::try_from(number) else { continue };
        if matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
            continue;
        }
        // execd is a daemon: nohup(1)-like, and its children inherit that.
        let handler = if signal == Signal::SIGHUP { SigHandler::SigIgn } else { SigHandler::SigDfl };
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        // SAFETY: no handler function is installed, only the two dispositions without code.
        unsafe { sigaction(signal, &action) }?;
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
    if let Some(socket) = &attributes.confined {
        for (capability, _) in DROPPED {
            // SAFETY: PR_CAPBSET_DROP takes integers only.
            let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, *capability, 0, 0, 0) };
            if result < 0 && Errno::last() != Errno::EINVAL {
                return Err(Errno::last());
            }
        }
        confine(socket)?;
    }
    Ok(())
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
    (libc::SYS_fanotify_init, libc::EPERM),
    (libc::SYS_io_uring_setup, libc::ENOSYS),
    (libc::SYS_kexec_load, libc::EPERM),
    (libc::SYS_keyctl, libc::ENOSYS),
    (libc::SYS_open_by_handle_at, libc::EPERM),
    (libc::SYS_perf_event_open, libc::EPERM),
    (libc::SYS_quotactl, libc::EPERM),
    (libc::SYS_request_key, libc::ENOSYS),
    (libc::SYS_setns, libc::EPERM),
    (libc::SYS_swapoff, libc::EPERM),
    (libc::SYS_swapon, libc::EPERM),
];

/// System calls the supervisor decides on.
const SUPERVISED: &[libc::c_long] =
    &[libc::SYS_connect, libc::SYS_kill, libc::SYS_tkill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo];

const NETLINK_AUDIT: u32 = 9;
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
    if supervised {
        for call in SUPERVISED {
            program.extend([equal(number(*call), 0, 1), give(libc::SECCOMP_RET_USER_NOTIF)]);
        }
    }
    program.extend([
        equal(number(libc::SYS_socket), 0, 7),
        load(offset_argument(0)),
        equal(u32::try_from(libc::AF_VSOCK).unwrap_or(40), 0, 1),
        give(errno(libc::EAFNOSUPPORT)),
        equal(u32::try_from(libc::AF_NETLINK).unwrap_or(16), 0, 3),
        load(offset_argument(2)),
        // As on a kernel without audit: libaudit and PAM go on without it.
        equal(NETLINK_AUDIT, 0, 1),
        give(errno(libc::EPROTONOSUPPORT)),
        give(libc::SECCOMP_RET_ALLOW),
    ]);
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
        let control = [nix::sys::socket::ControlMessage::ScmRights(&raw)];
        nix::sys::socket::sendmsg::<()>(
            socket.as_raw_fd(),
            &[io::IoSlice::new(b"l")],
            &control,
            nix::sys::socket::MsgFlags::empty(),
            None,
        )?;
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
    let Ok(name) = nix::sys::utsname::uname() else { return false };
    let release = name.release().to_string_lossy();
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    let mut part = || parts.next().and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    (part(), part()) >= (5, 5)
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

    /// Every jump of the filter stays inside it, and it ends in a return.
    #[test]
    fn no_jump_leaves_the_filter() {
        for supervised in [true, false] {
            let program = filter(ARCHITECTURE.unwrap(), supervised);
            for (at, step) in program.iter().enumerate() {
                let furthest = at + 1 + usize::from(step.jt.max(step.jf));
                if u32::from(step.code) & 7 == libc::BPF_JMP {
                    assert!(furthest < program.len(), "{at}");
                }
            }
            assert_eq!(u32::from(program.last().unwrap().code) & 7, libc::BPF_RET);
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
