//! A copy of this host for one process tree, from which nothing reaches the host.
//!
//! Own mount, network, pid, IPC and UTS namespaces. Every mount of the host is seen through an
//! overlay with the mount's own flags, whose upper side lies on a scratch tmpfs that
//! ends with the namespace; `/run` and the home's `queue/` are empty; `/dev` is minimal; `/sys` and
//! `/proc/sys` are read-only. Nothing has to be undone: when the last process is gone, so is all of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket;
use nix::sys::stat::{Mode, SFlag, makedev, mknod, umask};
use nix::unistd::{Gid, Uid, chdir, chown, fchdir, pivot_root};

use super::child;
use super::effects::Layer;
use crate::host::{Mount, mountinfo};

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Error {
    /// The step that failed, in words.
    pub what: String,
    /// The system's answer.
    pub why: io::Error,
}

impl Error {
    /// Whether a right is missing, not a feature.
    pub fn is_permission(&self) -> bool {
        matches!(self.why.raw_os_error(), Some(libc::EPERM | libc::EACCES))
    }
}

trait Explain<T> {
    fn explain(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Explain<T> for Result<T, E> {
    fn explain(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|why| Error { what: what(), why: why.into() })
    }
}

/// What the inside needs to know of the outside.
#[derive(Debug)]
pub struct Sandbox {
    /// One per overlay and per tmpfs that began empty.
    pub layers: Vec<Layer>,
    /// What is not as on the host, in words.
    pub notes: Vec<String>,
    /// `/proc` of the host, for names of its processes and its sockets.
    pub host_proc: OwnedFd,
    /// Takes what is written to syslog; to be emptied, or writers wait.
    pub syslog: OwnedFd,
    /// Keeps the upper directories reachable.
    _scratch: OwnedFd,
    /// Keeps the lower directories reachable.
    _lowers: Vec<OwnedFd>,
}

/// What has to be made inside, besides the view of the host.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The home; made when it is not there.
    pub home: &'a Path,
    /// gid of Wazuh's group.
    pub gid: u32,
}

/// File systems that show the kernel, not files: left out, or mounted anew.
const KERNEL: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// File systems on other machines: one that does not answer would hold everything up. They
/// are shown only when the home is on them.
const REMOTE: &[&str] = &[
    "9p",
    "afs",
    "ceph",
    "cifs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

/// Trees whose own mounts are never shown.
const REPLACED: &[&str] = &["/dev", "/proc", "/run", "/sys", "/var/run"];

/// Highest process number in the sandbox, where the kernel can hold it to one: a fork bomb
/// must not stop the host.
const PROCESSES: &str = "4096";

/// Largest file that is shown where a single file is mounted, in bytes.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// Leaves the host's namespaces, but for the pid namespace, which begins with the next fork.
///
/// # Errors
///
/// When a right is missing, or the kernel has no such namespace.
pub fn leave() -> Result<(), Error> {
    let flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    unshare(flags).explain(|| "new mount, network, pid, IPC and UTS namespaces".to_owned())
}

/// Builds the view of the host and enters it. To be called by process 1 of the namespaces.
///
/// # Errors
///
/// When a part of it cannot be made; then nothing must be run.
pub fn enter(wanted: &Wanted<'_>) -> Result<Sandbox, Error> {
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .explain(|| "cutting the mounts off from the host's".to_owned())?;
    let home = wanted.home;
    let queue = home.join("queue");
    let host_proc = open_path(Path::new("/proc"))?;
    let (mounts, left_out) = visible_mounts(home, &queue)?;
    // From here on the old mounts are reached through descriptors only.
    let scratch_point = ["/tmp", "/mnt", "/var", "/etc"]
        .into_iter()
        .map(Path::new)
        .find(|path| path.is_dir())
        .ok_or_else(|| io::Error::from(Errno::ENOENT))
        .explain(|| "a directory to mount the scratch space on".to_owned())?;
    umask(Mode::empty());
    mount(Some("tmpfs"), scratch_point, Some("tmpfs"), MsFlags::empty(), Some("mode=700,size=25%"))
        .explain(|| "the scratch space".to_owned())?;
    let root = scratch_point.join("root");
    fs::create_dir(&root).explain(|| "the new root".to_owned())?;
    let scratch = open_path(scratch_point)?;
    let reach = format!("/proc/self/fd/{}", scratch.as_raw_fd());
    let mut builder = Builder {
        root: &root,
        scratch: scratch_point,
        reach,
        home,
        layers: Vec::new(),
        notes: left_out,
        next: 0,
    };
    let mut lowers = Vec::new();
    for host in mounts {
        builder.show(&host)?;
        lowers.push(host.fd);
    }
    builder.replace_trees()?;
    change_root(&root)?;
    // Only now do absolute links lead where they do for the script.
    builder.root = Path::new("/");
    builder.make_run()?;
    builder.make_home(wanted)?;
    let queue = fs::canonicalize(&queue).unwrap_or(queue);
    builder.empty(&queue, MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=750", true)?;
    let Builder { layers, notes, .. } = builder;
    bring_up_loopback().explain(|| "the loopback interface".to_owned())?;
    let syslog = syslog().explain(|| "/dev/log".to_owned())?;
    Ok(Sandbox { layers, notes, host_proc, syslog, _scratch: scratch, _lowers: lowers })
}

fn open_path(path: &Path) -> Result<OwnedFd, Error> {
    open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).explain(|| path.display().to_string())
}

/// A mount of the host that can be seen, not hidden under another.
struct HostMount {
    target: PathBuf,
    fstype: String,
    flags: MsFlags,
    fd: OwnedFd,
    directory: bool,
}

/// The mounts to show, parents first.
fn visible_mounts(home: &Path, queue: &Path) -> Result<(Vec<HostMount>, Vec<String>), Error> {
    let table = fs::read("/proc/self/mountinfo").explain(|| "/proc/self/mountinfo".to_owned())?;
    let mut left_out = Vec::new();
    let mut mounts: BTreeMap<(usize, PathBuf), HostMount> = BTreeMap::new();
    for line in table.split(|&byte| byte == b'\n') {
        let Some(mount) = mountinfo::parse_line(line) else { continue };
        let flags = mount_flags(&mount);
        let Mount { target, fstype, id, .. } = mount;
        if KERNEL.contains(&fstype.as_str())
            || REPLACED.iter().any(|tree| target.starts_with(tree))
            || target.starts_with(queue)
        {
            continue;
        }
        if REMOTE.contains(&fstype.as_str()) && !home.starts_with(&target) {
            left_out.push(format!("{} ({fstype}) is not shown in the sandbox", target.display()));
            continue;
        }
        let Ok(fd) = open_path(&target) else { continue };
        if mount_id(&fd) != Some(u64::from(id)) {
            continue;
        }
        let directory = nix::sys::stat::fstat(&fd)
            .is_ok_and(|meta| SFlag::from_bits_truncate(meta.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR);
        let depth = target.components().count();
        mounts.insert((depth, target.clone()), HostMount { target, fstype, flags, fd, directory });
    }
    Ok((mounts.into_values().collect(), left_out))
}

/// Flags of mount(2) that keep a mount as it is.
fn mount_flags(mount: &Mount) -> MsFlags {
    mount.options.iter().fold(MsFlags::empty(), |flags, option| {
        flags
            | match option.as_str() {
                "ro" => MsFlags::MS_RDONLY,
                "nosuid" => MsFlags::MS_NOSUID,
                "nodev" => MsFlags::MS_NODEV,
                "noexec" => MsFlags::MS_NOEXEC,
                "noatime" => MsFlags::MS_NOATIME,
                "nodiratime" => MsFlags::MS_NODIRATIME,
                "relatime" => MsFlags::MS_RELATIME,
                _ => MsFlags::empty(),
            }
    })
}

/// Which mount a descriptor is on.
fn mount_id(fd: &OwnedFd) -> Option<u64> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
    info.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
}

struct Builder<'a> {
    /// Where the new root is made.
    root: &'a Path,
    /// Where the scratch space is mounted while it is made.
    scratch: &'a Path,
    /// How the scratch space is reached afterwards.
    reach: String,
    home: &'a Path,
    layers: Vec<Layer>,
    notes: Vec<String>,
    next: usize,
}

impl Builder<'_> {
    /// A path of the host inside the new root. Before that is the root, only for paths
    /// without links among their directories: those would lead to the host's.
    fn inside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Directories for one more layer: by the name they have now.
    fn layer_name(&mut self) -> String {
        self.next += 1;
        format!("layer{}", self.next)
    }

    /// Without this mount the run would say nothing about the host.
    fn needs(&self, mount: &Path) -> bool {
        self.home.starts_with(mount)
            || ["/usr", "/bin", "/lib", "/etc"].iter().any(|tree| mount == Path::new(tree))
    }

    fn show(&mut self, host: &HostMount) -> Result<(), Error> {
        let target = self.inside(&host.target);
        if !host.directory {
            return self.show_file(host, &target);
        }
        let is_root = host.target == Path::new("/");
        if !is_root && !target.is_dir() {
            self.notes.push(format!("{} is not shown in the sandbox", host.target.display()));
            return Ok(());
        }
        let name = self.layer_name();
        let (upper, work) = (self.scratch.join(&name).join("upper"), self.scratch.join(&name).join("work"));
        for directory in [&upper, &work] {
            fs::create_dir_all(directory).explain(|| "an upper directory".to_owned())?;
        }
        let lower = format!("/proc/self/fd/{}", host.fd.as_raw_fd());
        // The upper directory is the root of what is seen: it has to look like the lower one.
        let meta = fs::metadata(&lower).explain(|| host.target.display().to_string())?;
        fs::set_permissions(&upper, fs::Permissions::from_mode(meta.mode() & 0o7777))
            .explain(|| "an upper directory".to_owned())?;
        chown(&upper, Some(Uid::from_raw(meta.uid())), Some(Gid::from_raw(meta.gid())))
            .explain(|| "an upper directory".to_owned())?;
        let options = format!("lowerdir={lower},upperdir={},workdir={}", upper.display(), work.display());
        // Whole files in the upper directory, and no pointers to the lower one: what changed is
        // read there. Older kernels know neither option, nor do they do it.
        let whole = format!("{options},redirect_dir=off,metacopy=off");
        // A device node there would be the host's device.
        let flags = host.flags | MsFlags::MS_NODEV;
        let overlay = |options: &str| mount(Some("overlay"), &target, Some("overlay"), flags, Some(options));
        match overlay(&whole).or_else(|_| overlay(&options)) {
            Ok(()) => {
                self.layers.push(Layer {
                    mount: host.target.clone(),
                    upper: PathBuf::from(format!("{}/{name}/upper", self.reach)),
                    lower: Some(PathBuf::from(lower)),
                });
                Ok(())
            }
            Err(errno) if is_root || self.needs(&host.target) => {
                Err(errno).explain(|| format!("an overlay over {} ({})", host.target.display(), host.fstype))
            }
            Err(errno) => {
                // Never the mount itself: what is written there would stay.
                self.notes.push(format!(
                    "{} ({}) cannot be overlaid ({}), so it is empty in the sandbox",
                    host.target.display(),
                    host.fstype,
                    errno.desc()
                ));
                let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
                mount(Some("tmpfs"), &target, Some("tmpfs"), flags, Some("mode=755,size=64m"))
                    .explain(|| format!("hiding {}", host.target.display()))
            }
        }
    }

    /// A file that is mounted over another (containers do that with `/etc/hosts`): a copy of it is.
    fn show_file(&mut self, host: &HostMount, target: &Path) -> Result<(), Error> {
        let lower = format!("/proc/self/fd/{}", host.fd.as_raw_fd());
        let meta = fs::metadata(&lower).explain(|| host.target.display().to_string())?;
        if !meta.is_file() || meta.len() > FILE_LIMIT || !target.is_file() {
            self.notes.push(format!(
                "{} is mounted by itself on the host and not shown so in the sandbox",
                host.target.display()
            ));
            return Ok(());
        }
        let what = || host.target.display().to_string();
        let name = self.layer_name();
        let directory = self.scratch.join(&name);
        fs::create_dir(&directory).explain(what)?;
        let copy = directory.join("file");
        fs::write(&copy, fs::read(&lower).explain(what)?).explain(what)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(meta.mode() & 0o7777)).explain(what)?;
        chown(&copy, Some(Uid::from_raw(meta.uid())), Some(Gid::from_raw(meta.gid()))).explain(what)?;
        let none: Option<&str> = None;
        mount(Some(&copy), target, none, MsFlags::MS_BIND, none).explain(what)?;
        let flags = host.flags | MsFlags::MS_NODEV | MsFlags::MS_BIND | MsFlags::MS_REMOUNT;
        mount(none, target, none, flags, none).explain(what)?;
        self.notes.push(format!("a change of {} would not be seen", host.target.display()));
        Ok(())
    }

    /// A tmpfs over a directory of the host, if it is there.
    fn empty(&mut self, path: &Path, flags: MsFlags, options: &str, like_below: bool) -> Result<(), Error> {
        let target = self.inside(path);
        let Ok(meta) = fs::symlink_metadata(&target) else { return Ok(()) };
        if !meta.is_dir() {
            return Ok(());
        }
        let options = format!("{options},size=64m");
        mount(Some("tmpfs"), &target, Some("tmpfs"), flags, Some(options.as_str()))
            .explain(|| format!("an empty {}", path.display()))?;
        if like_below {
            fs::set_permissions(&target, fs::Permissions::from_mode(meta.mode() & 0o7777))
                .explain(|| path.display().to_string())?;
            chown(&target, Some(Uid::from_raw(meta.uid())), Some(Gid::from_raw(meta.gid())))
                .explain(|| path.display().to_string())?;
        }
        // What is made in it is seen through the new root, which is where this process will be.
        self.layers.push(Layer { mount: path.to_owned(), upper: path.to_owned(), lower: None });
        Ok(())
    }

    fn replace_trees(&mut self) -> Result<(), Error> {
        let locked = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let none: Option<&str> = None;
        let proc = self.inside(Path::new("/proc"));
        mount(Some("proc"), &proc, Some("proc"), locked, none).explain(|| "/proc".to_owned())?;
        // It is the namespace's own since Linux 6.14; before it is the host's.
        if child::kernel() >= (6, 14) {
            let _ = fs::write(proc.join("sys/kernel/pid_max"), PROCESSES);
        } else {
            self.notes.push("how many processes the script starts is not limited by this kernel".to_owned());
        }
        for entry in fs::read_dir(&proc).explain(|| "/proc".to_owned())?.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let own = name.bytes().all(|byte| byte.is_ascii_digit())
                || ["self", "thread-self", "net", "mounts"].contains(&name.as_ref());
            let writable = || entry.metadata().is_ok_and(|meta| meta.is_dir() || meta.mode() & 0o222 != 0);
            if !own && writable() {
                read_only_copy(&entry.path())?;
            }
        }
        let sys = self.inside(Path::new("/sys"));
        if sys.is_dir() {
            mount(Some("sysfs"), &sys, Some("sysfs"), locked | MsFlags::MS_RDONLY, none)
                .explain(|| "/sys".to_owned())?;
        }
        self.make_dev()
    }

    /// The directories of running programs, empty.
    fn make_run(&mut self) -> Result<(), Error> {
        for path in ["/run", "/var/run"] {
            self.empty(Path::new(path), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=755", false)?;
        }
        // Programs that lock there expect it.
        let lock = self.inside(Path::new("/run/lock"));
        if lock.parent().is_some_and(Path::is_dir) {
            fs::create_dir(&lock).explain(|| "/run/lock".to_owned())?;
            fs::set_permissions(&lock, fs::Permissions::from_mode(0o1777))
                .explain(|| "/run/lock".to_owned())?;
        }
        Ok(())
    }

    fn make_dev(&mut self) -> Result<(), Error> {
        let dev = self.inside(Path::new("/dev"));
        let what = || "/dev".to_owned();
        mount(Some("tmpfs"), &dev, Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=755,size=64k"))
            .explain(what)?;
        for (name, major, minor) in [
            ("null", 1, 3),
            ("zero", 1, 5),
            ("full", 1, 7),
            ("random", 1, 8),
            ("urandom", 1, 9),
            ("tty", 5, 0),
        ] {
            let mode = Mode::from_bits_truncate(0o666);
            mknod(&dev.join(name), SFlag::S_IFCHR, mode, makedev(major, minor))
                .explain(|| format!("/dev/{name}"))?;
        }
        for (name, to) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
            ("ptmx", "pts/ptmx"),
        ] {
            std::os::unix::fs::symlink(to, dev.join(name)).explain(|| format!("/dev/{name}"))?;
        }
        for (name, fstype, options) in
            [("shm", "tmpfs", "mode=1777,size=64m"), ("pts", "devpts", "newinstance,ptmxmode=0666,mode=620")]
        {
            let directory = dev.join(name);
            fs::create_dir(&directory).explain(|| format!("/dev/{name}"))?;
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
            mount(Some(fstype), &directory, Some(fstype), flags, Some(options))
                .explain(|| format!("/dev/{name}"))?;
        }
        self.layers.push(Layer { mount: "/dev/shm".into(), upper: "/dev/shm".into(), lower: None });
        Ok(())
    }

    /// A home for a script that is tried where Wazuh is not installed. One that is there
    /// is shown as it is.
    fn make_home(&self, wanted: &Wanted<'_>) -> Result<(), Error> {
        if wanted.home.exists() {
            return Ok(());
        }
        for part in
            ["", "active-response", "active-response/bin", "etc", "etc/shared", "logs", "queue", "tmp"]
        {
            let path = wanted.home.join(part);
            let what = || path.display().to_string();
            fs::create_dir_all(&path).explain(what)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).explain(what)?;
            chown(&path, Some(Uid::from_raw(0)), Some(Gid::from_raw(wanted.gid))).explain(what)?;
        }
        Ok(())
    }
}

/// Puts a file at a path below the home, as the installer would: 750 root:wazuh.
///
/// # Errors
///
/// When it cannot be written, as on a mount that is read-only on the host as well.
pub fn install(content: &[u8], path: &Path, gid: u32) -> Result<(), Error> {
    let what = || path.display().to_string();
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).explain(what)?;
    }
    let _ = fs::remove_file(path);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o750)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
        .explain(what)?;
    io::Write::write_all(&mut file, content).explain(what)?;
    file.set_permissions(fs::Permissions::from_mode(0o750)).explain(what)?;
    nix::unistd::fchown(file.as_fd(), Some(Uid::from_raw(0)), Some(Gid::from_raw(gid))).explain(what)
}

fn read_only_copy(path: &Path) -> Result<(), Error> {
    let none: Option<&str> = None;
    mount(Some(path), path, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
        .explain(|| path.display().to_string())?;
    let flags = MsFlags::MS_BIND
        | MsFlags::MS_REMOUNT
        | MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | MsFlags::MS_NOEXEC;
    mount(none, path, none, flags, none).explain(|| path.display().to_string())
}

/// Makes the new root the root and lets go of the old one.
fn change_root(root: &Path) -> Result<(), Error> {
    let what = || "changing the root".to_owned();
    let none: Option<&str> = None;
    let fd =
        open(root, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).explain(what)?;
    fchdir(&fd).explain(what)?;
    match pivot_root(".", ".") {
        Ok(()) => {
            umount2(".", MntFlags::MNT_DETACH).explain(what)?;
        }
        // The root of an initramfs cannot be pivoted away.
        Err(Errno::EINVAL) => {
            mount(Some("."), "/", none, MsFlags::MS_MOVE, none).explain(what)?;
            nix::unistd::chroot(".").explain(what)?;
        }
        Err(errno) => return Err(errno).explain(what),
    }
    chdir("/").explain(what)
}

/// A `/dev/log` that listens: without one logger(1) fails where systemd runs.
fn syslog() -> nix::Result<OwnedFd> {
    let flags = socket::SockFlag::SOCK_CLOEXEC | socket::SockFlag::SOCK_NONBLOCK;
    let fd = socket::socket(socket::AddressFamily::Unix, socket::SockType::Datagram, flags, None)?;
    socket::bind(fd.as_raw_fd(), &socket::UnixAddr::new("/dev/log")?)?;
    nix::sys::stat::fchmodat(
        nix::fcntl::AT_FDCWD,
        "/dev/log",
        Mode::from_bits_truncate(0o666),
        nix::sys::stat::FchmodatFlags::FollowSymlink,
    )?;
    Ok(fd)
}

/// Sets `lo` up over a netlink socket: RTM_NEWLINK with IFF_UP for interface 1 (rtnetlink(7)).
fn bring_up_loopback() -> io::Result<()> {
    let fd = socket::socket(
        socket::AddressFamily::Netlink,
        socket::SockType::Raw,
        socket::SockFlag::SOCK_CLOEXEC,
        socket::SockProtocol::NetlinkRoute,
    )?;
    let mut message = Vec::with_capacity(32);
    message.extend_from_slice(&32_u32.to_ne_bytes());
    message.extend_from_slice(&16_u16.to_ne_bytes()); // RTM_NEWLINK
    message.extend_from_slice(&5_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_ACK
    message.extend_from_slice(&1_u32.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    message.extend_from_slice(&[0; 4]); // AF_UNSPEC, padding, type
    message.extend_from_slice(&1_i32.to_ne_bytes()); // index of lo
    message.extend_from_slice(&1_u32.to_ne_bytes()); // IFF_UP
    message.extend_from_slice(&1_u32.to_ne_bytes()); // of which only that changes
    let kernel = socket::NetlinkAddr::new(0, 0);
    socket::sendto(fd.as_raw_fd(), &message, &kernel, socket::MsgFlags::empty())?;
    let mut answer = [0_u8; 256];
    let length = socket::recv(fd.as_raw_fd(), &mut answer, socket::MsgFlags::empty())?;
    let code = answer.get(16..20).filter(|_| length >= 20).and_then(|code| code.try_into().ok());
    match code.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    }
}

/// Where a path of a process leads, without touching links: `.` and `..` are taken out.
pub fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => {
                out.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_keeps_its_flags() {
        let line = b"36 25 0:32 / /mnt\\040x ro,nosuid,noexec,relatime shared:1 - ext4 /dev/sda rw,errors=x";
        let mount = mountinfo::parse_line(line).unwrap();
        assert_eq!((mount.id, &mount.target, mount.fstype.as_str()), (36, &PathBuf::from("/mnt x"), "ext4"));
        assert_eq!(
            mount_flags(&mount),
            MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_RELATIME
        );
        let line = b"36 25 0:32 / /cd rw - iso9660 /dev/sr0 ro";
        assert_eq!(mount_flags(&mountinfo::parse_line(line).unwrap()), MsFlags::MS_RDONLY);
    }

    #[test]
    fn dots_are_taken_out() {
        assert_eq!(tidy(Path::new("/a/./b/../c")), Path::new("/a/c"));
        assert_eq!(tidy(Path::new("../..")), Path::new("/"));
    }
}
