//! Walks paths of a host below a root directory, one component at a time.
//!
//! Every step is an `openat` on the directory reached so far that refuses
//! links, and links are followed by hand: an absolute target starts again at
//! the root, `..` stops there. So no path leads out of the root, even when
//! somebody exchanges directories for links meanwhile. Files are opened only
//! after fstatat(2) has called them regular.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};

use super::{Attributes, Content, Fact, FileType, Meta, Resolved, Source, Space, elf};

/// As the kernel's MAXSYMLINKS.
pub(super) const MAX_LINKS: usize = 40;

/// Each directory on the way holds a descriptor; `ulimit -n` is often 1024.
const MAX_DEPTH: usize = 256;

/// Opens a directory for passing through it, which needs no permission on it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const PASS: OFlag = OFlag::O_PATH;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const PASS: OFlag = OFlag::O_RDONLY;

/// Why a walk did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// Not there.
    Absent,
    /// The caller may not look.
    Denied(String),
    /// Another reason.
    Failed(String),
    /// What is there, or is not, says nothing of the host.
    NotCollected(String),
}

impl Miss {
    /// The miss as a fact about `source`.
    pub(super) fn into_fact<T>(self, source: impl Into<String>) -> Fact<T> {
        match self {
            Self::Absent => Fact::absent(source),
            Self::Denied(why) => Fact::denied(source, why),
            Self::Failed(why) => Fact::failed(source, why),
            Self::NotCollected(why) => Fact::not_collected(source, why),
        }
    }

    /// A refusal by the kernel while something was looked up in `at`.
    fn lookup(errno: Errno, at: &Path) -> Self {
        match errno {
            Errno::ENOENT | Errno::ENOTDIR => Self::Absent,
            Errno::EACCES | Errno::EPERM => {
                Self::Denied(format!("permission denied: {} may not be entered", at.display()))
            }
            other => Self::Failed(other.desc().to_owned()),
        }
    }

    /// A refusal to open what is known to be there.
    fn open(errno: Errno) -> Self {
        match errno {
            Errno::EACCES | Errno::EPERM => Self::Denied("permission denied".to_owned()),
            Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENXIO => Self::replaced(),
            other => Self::Failed(other.desc().to_owned()),
        }
    }

    fn replaced() -> Self {
        Self::Failed("replaced while it was read".to_owned())
    }
}

/// What happens to a link in the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// It is what is asked for.
    Keep,
    /// It is followed.
    Follow,
}

/// A root directory that paths are walked below.
#[derive(Debug)]
pub(super) struct Walker {
    root: Result<OwnedFd, Errno>,
    follows_links: bool,
    /// Whether it is a copy of a host's disk, without what a kernel keeps in memory.
    at_rest: bool,
    /// Directories walked to last: hundreds of files are read from one.
    known: Mutex<VecDeque<Known>>,
}

/// How many directories are kept open.
const MAX_KNOWN: usize = 8;

/// A directory that was walked to.
#[derive(Clone, Debug)]
struct Known {
    /// Its path, which holds no link.
    path: PathBuf,
    directory: Arc<OwnedFd>,
}

/// An entry that a walk arrived at.
#[derive(Debug)]
struct Found<'a> {
    parent: Step<'a>,
    /// Name in `parent`; `.` for the root.
    name: OsString,
    /// Path without links, as the host names it.
    path: PathBuf,
    stat: FileStat,
}

#[derive(Debug)]
enum Step<'a> {
    Root(BorrowedFd<'a>),
    Below(Arc<OwnedFd>),
}

impl Step<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(fd) => *fd,
            Self::Below(fd) => fd.as_fd(),
        }
    }
}

/// `.` names a directory reached through `..` or the root itself.
const HERE: &str = ".";

impl Walker {
    /// A walker below `root`. That the root cannot be opened shows in each
    /// answer, as it would on the host.
    pub(super) fn new(root: &Path) -> Self {
        let flags = PASS | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = nix::fcntl::open(root, flags, Mode::empty());
        Self { root, follows_links: true, at_rest: false, known: Mutex::default() }
    }

    /// The same walker for a host that does not run: what is below /proc and /sys
    /// there is not the host's, and what /run and /dev lack it may have had.
    pub(super) fn at_rest(self) -> Self {
        Self { at_rest: true, ..self }
    }

    /// The same walker, refusing every link on the way.
    pub(super) fn without_links(self) -> Self {
        Self { follows_links: false, ..self }
    }

    /// What keeps the root from being opened.
    pub(super) fn root_error(&self) -> Option<Errno> {
        self.root.as_ref().err().copied()
    }

    /// A fact about `path`.
    pub(super) fn fact<T>(&self, path: &Path, ask: impl FnOnce(&Self) -> Result<T, Miss>) -> Fact<T> {
        let source = path.display().to_string();
        match ask(self) {
            Ok(value) => Fact::known(source, value),
            Err(miss) => miss.into_fact(source),
        }
    }

    /// lstat(2).
    pub(super) fn entry(&self, path: &Path) -> Result<Meta, Miss> {
        self.walk(path, Last::Keep).map(|found| meta(&found.stat))
    }

    /// stat(2), with the path that was arrived at.
    pub(super) fn resolve(&self, path: &Path) -> Result<Resolved, Miss> {
        let found = self.walk(path, Last::Follow)?;
        Ok(Resolved { meta: meta(&found.stat), path: found.path })
    }

    /// `stx_btime` of statx(2).
    pub(super) fn birth(&self, path: &Path) -> Result<i64, Miss> {
        let found = self.walk(path, Last::Keep)?;
        let metadata = File::from(found.pass()?).metadata().map_err(|error| io_miss(&error))?;
        let made = metadata
            .created()
            .map_err(|_| Miss::Failed("the file system keeps no time of birth".to_owned()))?;
        let since = made.duration_since(std::time::UNIX_EPOCH);
        since.map_or_else(
            |_| Err(Miss::Failed("it is before 1970".to_owned())),
            |since| i64::try_from(since.as_secs()).map_err(|_| Miss::Failed("it is out of range".to_owned())),
        )
    }

    /// readlink(2).
    pub(super) fn link_target(&self, path: &Path) -> Result<PathBuf, Miss> {
        let found = self.walk(path, Last::Keep)?;
        if meta(&found.stat).file_type != FileType::Symlink {
            return Err(Miss::Absent);
        }
        let target = readlinkat(found.parent.fd(), found.name.as_os_str());
        target.map(PathBuf::from).map_err(|errno| match errno {
            Errno::EINVAL => Miss::replaced(),
            other => Miss::open(other),
        })
    }

    /// An extended attribute of the entry itself.
    #[cfg(target_os = "linux")]
    pub(super) fn xattr(&self, path: &Path, name: &str) -> Result<Vec<u8>, Miss> {
        let found = self.walk(path, Last::Keep)?;
        if name.is_empty() || name.contains('\0') {
            return Err(Miss::Failed(format!("{name:?} is no name of an attribute")));
        }
        let fd = found.pass()?;
        // fgetxattr(2) refuses a descriptor that is not open for reading, and the
        // link in procfs leads to what it holds, even to a symbolic link.
        let place = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let value = match xattr::get_deref(&place, name) {
            Ok(value) => value,
            // No attributes at all, or none of this kind.
            Err(error) if is_errno(&error, Errno::EOPNOTSUPP) => None,
            Err(error) if is_errno(&error, Errno::EPERM) => {
                return Err(Miss::Denied("permission denied".to_owned()));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Miss::Failed("reading attributes needs /proc, which is not mounted".to_owned()));
            }
            Err(error) => return Err(io_miss(&error)),
        };
        match value {
            Some(value) => Ok(value),
            // To others the kernel says that there is none.
            None if name.starts_with("trusted.") && !nix::unistd::geteuid().is_root() => {
                Err(Miss::Denied("only root sees trusted attributes".to_owned()))
            }
            None if self.at_rest && (name.starts_with("security.") || name.starts_with("trusted.")) => {
                Err(Miss::NotCollected(format!("a copy of a disk may have lost {name}")))
            }
            None => Err(Miss::Absent),
        }
    }

    /// An extended attribute of the entry itself.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn xattr(&self, path: &Path, _name: &str) -> Result<Vec<u8>, Miss> {
        self.walk(path, Last::Keep)?;
        Err(Miss::NotCollected("this system keeps other attributes than Linux".to_owned()))
    }

    /// `stx_attributes` of statx(2).
    #[cfg(target_os = "linux")]
    pub(super) fn attributes(&self, path: &Path) -> Result<Attributes, Miss> {
        use rustix::fs::{AtFlags as Flags, StatxAttributes as Known, StatxFlags};
        let found = self.walk(path, Last::Keep)?;
        let flags = Flags::SYMLINK_NOFOLLOW | Flags::NO_AUTOMOUNT;
        let asked = rustix::fs::statx(found.parent.fd(), found.name.as_os_str(), flags, StatxFlags::empty());
        let stat = asked.map_err(|errno| Miss::open(Errno::from_raw(errno.raw_os_error())))?;
        if !stat.stx_attributes_mask.contains(Known::IMMUTABLE | Known::APPEND) {
            return Err(Miss::NotCollected("the file system does not tell attributes".to_owned()));
        }
        Ok(Attributes {
            immutable: stat.stx_attributes.contains(Known::IMMUTABLE),
            append_only: stat.stx_attributes.contains(Known::APPEND),
        })
    }

    /// `stx_attributes` of statx(2), which only Linux has.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn attributes(&self, path: &Path) -> Result<Attributes, Miss> {
        self.walk(path, Last::Keep)?;
        Err(Miss::NotCollected("this system has no statx(2)".to_owned()))
    }

    /// statvfs(3) of the file system a path leads to.
    #[allow(clippy::useless_conversion, reason = "the widths differ between systems")]
    pub(super) fn space(&self, path: &Path) -> Result<Space, Miss> {
        let found = self.walk(path, Last::Follow)?;
        let stat = nix::sys::statvfs::fstatvfs(&found.pass()?).map_err(Miss::open)?;
        Ok(Space {
            block_size: stat.fragment_size().into(),
            blocks: stat.blocks().into(),
            blocks_free: stat.blocks_free().into(),
            blocks_available: stat.blocks_available().into(),
            inodes: stat.files().into(),
            inodes_free: stat.files_free().into(),
            read_only: stat.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY),
        })
    }

    /// The first `limit` bytes of a regular file.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Result<Content, Miss> {
        let (mut file, before) = self.open_regular(path)?;
        let io = |error: io::Error| io_miss(&error);
        // One byte more than the file has, so that its end is met in one read.
        let expected = meta(&before).size.min(limit).min(1 << 20) + 1;
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        (&mut file).take(limit).read_to_end(&mut bytes).map_err(io)?;
        let full = u64::try_from(bytes.len()).unwrap_or(u64::MAX) >= limit;
        // Files of procfs have no size, so only trying shows whether they go on.
        let truncated = full && (meta(&before).size > limit || has_more(&mut file).map_err(io)?);
        let after = fstat(&file).map_err(Miss::open)?;
        Ok(Content { bytes, truncated, changed_while_read: stamp(&before) != stamp(&after) })
    }

    /// A regular file, to be read at any place.
    pub(super) fn source(&self, path: &Path) -> Result<Box<dyn Source>, Miss> {
        let (file, stat) = self.open_regular(path)?;
        Ok(Box::new(Opened { file, stat }))
    }

    /// What an executable is made for; `Absent` when it is no ELF file.
    pub(super) fn elf(&self, path: &Path) -> Result<elf::Elf, Miss> {
        let (file, _) = self.open_regular(path)?;
        match elf::parse(&file) {
            Ok(Some(parsed)) => Ok(parsed),
            Ok(None) => Err(Miss::Absent),
            Err(elf::ElfError::Io(error)) => Err(io_miss(&error)),
            Err(error) => Err(Miss::Failed(error.to_string())),
        }
    }

    /// Names in a directory, sorted.
    pub(super) fn list(&self, path: &Path) -> Result<Vec<OsString>, Miss> {
        let found = self.walk(path, Last::Follow)?;
        let file_type = meta(&found.stat).file_type;
        if file_type != FileType::Directory {
            return Err(Miss::Failed(format!("is {}, not a directory", file_type.with_article())));
        }
        let fd = found.open(OFlag::O_DIRECTORY)?;
        let mut directory = Dir::from_fd(fd).map_err(Miss::open)?;
        let mut names = Vec::new();
        for entry in directory.iter() {
            let entry = entry.map_err(Miss::open)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn open_regular(&self, path: &Path) -> Result<(File, FileStat), Miss> {
        let found = self.walk(path, Last::Follow)?;
        let file_type = meta(&found.stat).file_type;
        if file_type != FileType::Regular {
            return Err(Miss::Failed(format!("is {}, not a regular file", file_type.with_article())));
        }
        let fd = found.open(OFlag::empty())?;
        let stat = fstat(&fd).map_err(Miss::open)?;
        Ok((File::from(fd), stat))
    }

    fn walk(&self, path: &Path, last: Last) -> Result<Found<'_>, Miss> {
        if !path.is_absolute() {
            return Err(Miss::Failed("is not an absolute path".to_owned()));
        }
        let root = match &self.root {
            Ok(root) => root.as_fd(),
            Err(errno) => return Err(Miss::lookup(*errno, Path::new("/"))),
        };
        if let Some(found) = self.in_known(path, last) {
            return Ok(found);
        }
        let mut stack: Vec<OwnedFd> = Vec::new();
        let mut real = PathBuf::from("/");
        let mut pending = VecDeque::new();
        let mut links = 0;
        push_front(&mut pending, path);

        while let Some(name) = pending.pop_front() {
            if name == ".." {
                stack.pop();
                real.pop();
                continue;
            }
            let here = stack.last().map_or(root, AsFd::as_fd);
            if self.at_rest && is_below(&real, &[PROC, SYS]) {
                return Err(not_at_rest());
            }
            let looked = fstatat(here, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW);
            let stat = looked.map_err(|errno| match Miss::lookup(errno, &real) {
                Miss::Absent if self.at_rest && is_below(&real.join(&name), &[PROC, SYS, RUN, DEV]) => {
                    not_at_rest()
                }
                miss => miss,
            })?;
            let file_type = meta(&stat).file_type;
            let is_last = pending.is_empty();

            if file_type == FileType::Symlink && !(is_last && last == Last::Keep) {
                if !self.follows_links {
                    return Err(Miss::Failed("is a symbolic link".to_owned()));
                }
                links += 1;
                if links > MAX_LINKS {
                    return Err(Miss::Failed(TOO_MANY_LINKS.to_owned()));
                }
                let target =
                    readlinkat(here, name.as_os_str()).map_err(|errno| Miss::lookup(errno, &real))?;
                if target.as_bytes().starts_with(b"/") {
                    stack.clear();
                    real = PathBuf::from("/");
                }
                push_front(&mut pending, Path::new(&target));
                continue;
            }
            if is_last {
                let parent = stack.pop().map(Arc::new);
                if let (Some(directory), 0) = (&parent, links) {
                    self.remember(path, &real, directory);
                }
                real.push(&name);
                let parent = parent.map_or(Step::Root(root), Step::Below);
                return Ok(Found { parent, name, path: real, stat });
            }
            if file_type != FileType::Directory {
                return Err(Miss::Absent);
            }
            if stack.len() >= MAX_DEPTH {
                return Err(Miss::Failed(format!("more than {MAX_DEPTH} directories deep")));
            }
            let flags = PASS | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let next = openat(here, name.as_os_str(), flags, Mode::empty())
                .map_err(|errno| Miss::lookup(errno, &real))?;
            stack.push(next);
            real.push(&name);
        }
        // The root itself, or a directory reached through `..`.
        let parent = stack.pop().map_or(Step::Root(root), |fd| Step::Below(Arc::new(fd)));
        let stat = fstat(parent.fd()).map_err(|errno| Miss::lookup(errno, &real))?;
        Ok(Found { parent, name: OsString::from(HERE), path: real, stat })
    }
}

impl Walker {
    /// An entry of a directory that was walked to before; none for a link that
    /// is to be followed, and for what is not there: both are walked again.
    fn in_known(&self, path: &Path, last: Last) -> Option<Found<'_>> {
        let (asked, name) = (path.parent()?, path.file_name()?);
        let known = self.lock().iter().find(|known| known.path == asked)?.clone();
        let stat = fstatat(known.directory.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        if meta(&stat).file_type == FileType::Symlink && last == Last::Follow {
            return None;
        }
        Some(Found {
            parent: Step::Below(known.directory),
            name: name.to_owned(),
            path: known.path.join(name),
            stat,
        })
    }

    fn remember(&self, path: &Path, real: &Path, directory: &Arc<OwnedFd>) {
        // Only a path that was walked as it stands: no `..`, no links.
        let Some(asked) = path.parent().filter(|asked| *asked == real) else { return };
        let mut known = self.lock();
        if known.iter().any(|known| known.path == asked) {
            return;
        }
        if known.len() == MAX_KNOWN {
            known.pop_front();
        }
        known.push_back(Known { path: asked.to_owned(), directory: Arc::clone(directory) });
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Known>> {
        // The list is whole after every step, so a panic elsewhere spoils nothing.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const PROC: &str = "/proc";
const SYS: &str = "/sys";
const RUN: &str = "/run";
const DEV: &str = "/dev";

/// Whether a path is one of these or lies below it.
fn is_below(path: &Path, directories: &[&str]) -> bool {
    directories.iter().any(|directory| path.starts_with(directory))
}

fn not_at_rest() -> Miss {
    Miss::NotCollected("it is on no disk but in the memory of a running host".to_owned())
}

/// The message of ELOOP.
pub(crate) const TOO_MANY_LINKS: &str = "too many levels of symbolic links";

impl Found<'_> {
    /// A descriptor of the entry that can neither read nor write it; of a FIFO or
    /// a device nothing is opened.
    fn pass(&self) -> Result<OwnedFd, Miss> {
        let flags = PASS | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(self.parent.fd(), self.name.as_os_str(), flags, Mode::empty()).map_err(Miss::open)
    }

    /// Opens the entry for reading, and makes sure it is the one that was found.
    fn open(&self, extra: OFlag) -> Result<OwnedFd, Miss> {
        let base = OFlag::O_RDONLY
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC
            | extra;
        let open = |flags| openat(self.parent.fd(), self.name.as_os_str(), flags, Mode::empty());
        // Looking must not change access times; only root and the owner may
        // ask for that.
        #[cfg(target_os = "linux")]
        let opened = match open(base | OFlag::O_NOATIME) {
            Err(Errno::EPERM) => open(base),
            other => other,
        };
        #[cfg(not(target_os = "linux"))]
        let opened = open(base);
        let fd = opened.map_err(Miss::open)?;
        let now = fstat(&fd).map_err(Miss::open)?;
        let same = (now.st_dev, now.st_ino) == (self.stat.st_dev, self.stat.st_ino)
            && meta(&now).file_type == meta(&self.stat).file_type;
        if same { Ok(fd) } else { Err(Miss::replaced()) }
    }
}

/// A file of this machine.
struct Opened {
    file: File,
    stat: FileStat,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Source for Opened {
    fn size(&self) -> u64 {
        meta(&self.stat).size
    }

    #[allow(clippy::unnecessary_cast, reason = "the widths differ between systems")]
    fn identity(&self) -> Option<(u64, u64)> {
        Some((self.stat.st_dev as u64, self.stat.st_ino as u64))
    }

    fn truncated(&self) -> bool {
        false
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // Beyond i64::MAX the kernel answers EINVAL; there is nothing there.
        if offset > i64::MAX as u64 {
            return Ok(0);
        }
        FileExt::read_at(&self.file, buffer, offset)
    }

    #[cfg(target_os = "linux")]
    fn hole(&self, from: u64) -> Option<Range<u64>> {
        use nix::unistd::{Whence, lseek};
        // Moves a place that nothing here reads from.
        let seek = |at: u64, whence| {
            let found = lseek(&self.file, i64::try_from(at).ok()?, whence);
            Some(found.map(|at| u64::try_from(at).unwrap_or_default()))
        };
        let size = self.size();
        let start = seek(from, Whence::SeekHole)?.ok().filter(|start| *start < size)?;
        match seek(start, Whence::SeekData)? {
            Ok(end) => Some(start..end),
            // Nothing but the hole up to the end.
            Err(Errno::ENXIO) => Some(start..size),
            Err(_) => None,
        }
    }
}

/// The components of `path` go in front of what is still to be walked.
pub(super) fn push_front(pending: &mut VecDeque<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => pending.push_front(name.to_owned()),
            Component::ParentDir => pending.push_front(OsStr::new("..").to_owned()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

fn has_more(file: &mut File) -> io::Result<bool> {
    let mut byte = [0];
    loop {
        match file.read(&mut byte) {
            Ok(count) => return Ok(count > 0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn io_miss(error: &io::Error) -> Miss {
    match error.kind() {
        ErrorKind::PermissionDenied => Miss::Denied("permission denied".to_owned()),
        // What is regular and yet waits for data, such as a kernel trace.
        ErrorKind::WouldBlock => Miss::Failed("reading it would have to wait".to_owned()),
        _ => Miss::Failed(match error.raw_os_error() {
            Some(code) => Errno::from_raw(code).desc().to_owned(),
            None => error.to_string(),
        }),
    }
}

#[cfg(target_os = "linux")]
fn is_errno(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

type Stamp = (i64, i64, i64, i64, i64);

#[allow(clippy::unnecessary_cast, reason = "the widths differ between systems")]
fn stamp(stat: &FileStat) -> Stamp {
    (
        stat.st_size as i64,
        stat.st_mtime as i64,
        stat.st_mtime_nsec as i64,
        stat.st_ctime as i64,
        stat.st_ctime_nsec as i64,
    )
}

/// stat(2) in the words of this layer.
#[allow(clippy::unnecessary_cast, reason = "the widths differ between systems")]
fn meta(stat: &FileStat) -> Meta {
    use nix::sys::stat::SFlag;
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    let file_type = match kind {
        SFlag::S_IFDIR => FileType::Directory,
        SFlag::S_IFLNK => FileType::Symlink,
        SFlag::S_IFIFO => FileType::Fifo,
        SFlag::S_IFSOCK => FileType::Socket,
        SFlag::S_IFCHR => FileType::CharDevice,
        SFlag::S_IFBLK => FileType::BlockDevice,
        _ => FileType::Regular,
    };
    Meta {
        file_type,
        mode: (stat.st_mode as u32) & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mtime: stat.st_mtime as i64,
        ctime: stat.st_ctime as i64,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// What somebody may do between the look and the opening.
    #[test]
    fn a_replaced_entry_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let walker = Walker::new(dir.path());
        let exchanges: [&dyn Fn(); 5] = [
            &|| {
                fs::write(at("new"), "new").unwrap();
                fs::rename(at("new"), at("file")).unwrap();
            },
            &|| {
                fs::remove_file(at("file")).unwrap();
                symlink("/etc/passwd", at("file")).unwrap();
            },
            &|| {
                fs::remove_file(at("file")).unwrap();
                nix::unistd::mkfifo(&at("file"), Mode::S_IRWXU).unwrap();
            },
            &|| {
                fs::remove_file(at("file")).unwrap();
                drop(std::os::unix::net::UnixListener::bind(at("file")).unwrap());
            },
            &|| fs::remove_file(at("file")).unwrap(),
        ];
        for exchange in exchanges {
            let _ = fs::remove_file(at("file"));
            fs::write(at("file"), "old").unwrap();
            let found = walker.walk(Path::new("/file"), Last::Follow).unwrap();
            // Keeps the number of the old file from being given to the new one.
            let _old = File::open(at("file")).unwrap();
            exchange();
            assert_eq!(found.open(OFlag::empty()).unwrap_err(), Miss::replaced());
        }
    }

    #[test]
    fn reading_leaves_the_access_time_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        let old = std::time::UNIX_EPOCH;
        let times = fs::FileTimes::new().set_accessed(old);
        File::options().write(true).open(&file).unwrap().set_times(times).unwrap();
        assert!(Walker::new(dir.path()).read(Path::new("/file"), 9).is_ok());
        let source = Walker::new(dir.path()).source(Path::new("/file")).unwrap();
        assert_eq!(source.read_at(&mut [0; 9], 0).unwrap(), 1);
        if cfg!(target_os = "linux") {
            assert_eq!(fs::metadata(&file).unwrap().accessed().unwrap(), old);
        }
    }
}
