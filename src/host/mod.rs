//! Reads a machine: this one, a directory tree of one, or a capture of one.
//!
//! Knows nothing of Wazuh. Every question is answered with a [`Fact`], and
//! nothing here runs a program, writes, or opens a socket. FIFOs, sockets and
//! devices are never opened.

mod accounts;
pub mod acl;
pub mod apparmor;
pub mod audit_log;
pub mod capability;
pub mod capture;
pub mod dpkg;
pub mod elf;
pub mod fact;
pub mod live;
pub mod mountinfo;
pub mod process;
pub mod selinux;
pub mod settings;
pub mod systemd;
pub mod tree;
mod unix_socket;
mod walk;

#[cfg(test)]
mod testing;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use fact::{Fact, Gap, GapKind, Value};
pub use mountinfo::mount_at;
pub use process::{ProcessDetail, Wait};
pub use unix_socket::{SocketKind, SocketName, SocketState, UnixSocket};
pub(crate) use walk::TOO_MANY_LINKS;

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl FileType {
    /// In words that fit after "is": `a socket`.
    #[must_use]
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Regular => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::CharDevice => "a character device",
            Self::BlockDevice => "a block device",
        }
    }
}

/// What stat(2) says about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub file_type: FileType,
    /// Permission bits with setuid, setgid and sticky (`0o7777`).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, seconds since 1970.
    pub mtime: i64,
    /// Last change of content or metadata, seconds since 1970.
    pub ctime: i64,
}

/// Where a path leads when its links are followed inside the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The path without links, as the host would name it.
    pub path: PathBuf,
    /// What is there.
    pub meta: Meta,
}

/// The bytes of a file, or of its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The bytes that were read.
    pub bytes: Vec<u8>,
    /// Whether the file goes on after them.
    pub truncated: bool,
    /// Whether size or time changed while it was read.
    pub changed_while_read: bool,
}

/// What chattr(1) sets and no mode shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Nobody may change, remove, rename or link it, root included.
    pub immutable: bool,
    /// It may be written to at its end only, and not be removed or renamed.
    pub append_only: bool,
}

/// How full a file system is (statvfs(3)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes of a block.
    pub block_size: u64,
    /// All blocks.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks for others than root.
    pub blocks_available: u64,
    /// All inodes; 0 when the file system does not count them (Btrfs).
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
    /// Whether nothing can be written there: the mount or the file system is
    /// read-only.
    pub read_only: bool,
}

/// Checksums of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// MD5 in hexadecimal digits, as packages keep it.
    pub md5: String,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Sums {
    /// Those of all that a file holds.
    pub fn of(bytes: &[u8]) -> Self {
        use md5::Digest as _;
        Self { md5: hex(&md5::Md5::digest(bytes)), sha256: hex(&sha2::Sha256::digest(bytes)) }
    }
}

/// What of a file fits a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// The different texts that fit, sorted, at most [`MAX_MATCHES`].
    pub texts: Vec<Vec<u8>>,
    /// Whether the file goes on after the bytes that were searched.
    pub truncated: bool,
}

/// The most texts of [`Matches`].
pub const MAX_MATCHES: usize = 64;

/// A regular file that is open for reading at any place, by several threads: for logs, of
/// which [`Host::read`] would give too much or too little.
pub trait Source: Send + Sync + fmt::Debug {
    /// Its bytes when it was opened. A log may have grown since, or have been cut.
    fn size(&self) -> u64;

    /// Device and inode, to tell links to one file from copies; none where they say nothing.
    fn identity(&self) -> Option<(u64, u64)>;

    /// Whether the file on the host goes on after these bytes: a capture may hold its
    /// beginning only.
    fn truncated(&self) -> bool;

    /// Reads up to a buffer from `offset` on; 0 bytes at or behind the end.
    ///
    /// # Errors
    ///
    /// What reading gives.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The first hole at or behind a place: bytes that were never written and read as zeros. None
    /// where there is none, or nobody tells.
    fn hole(&self, _from: u64) -> Option<Range<u64>> {
        None
    }
}

/// A file whose bytes are in memory.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: Arc<[u8]>,
    truncated: bool,
}

impl Held {
    /// These bytes; `truncated` when the file on the host goes on after them.
    pub(crate) fn new(bytes: impl Into<Arc<[u8]>>, truncated: bool) -> Self {
        Self { bytes: bytes.into(), truncated }
    }
}

impl Source for Held {
    fn size(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    fn identity(&self) -> Option<(u64, u64)> {
        None
    }

    fn truncated(&self) -> bool {
        self.truncated
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        (&self.bytes[start..]).read(buffer)
    }
}

/// One line of the mount table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted, as the host names it.
    pub target: PathBuf,
    /// What is mounted (`/dev/sda1`, `tmpfs`).
    pub source: String,
    /// File system type.
    pub fstype: String,
    /// Options in force (`rw`, `noexec`, `nosuid`): those of this mount, then
    /// those of the file system. A read-only file system has no `rw` here.
    pub options: Vec<String>,
    /// Options of the file system alone, which all its mounts share; a file
    /// system that errors made read-only has `ro` here.
    pub super_options: Vec<String>,
    /// The directory of the file system that is mounted; not `/` for a bind mount
    /// or a subvolume.
    pub root: PathBuf,
    /// Number of the mount; 0 when it is not known.
    pub id: u32,
    /// Number of the mount it is mounted on.
    pub parent: u32,
}

/// One running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Process number.
    pub pid: u32,
    /// Parent's number.
    pub ppid: u32,
    /// Name the kernel keeps (`comm`, 15 bytes).
    pub comm: String,
    /// The program file, when it may be read.
    pub exe: Option<PathBuf>,
    /// Arguments, when they may be read.
    pub args: Vec<OsString>,
    /// Real user.
    pub uid: u32,
    /// State letter of /proc/PID/stat (`S`, `Z`...).
    pub state: char,
    /// Start, seconds since 1970.
    pub start: i64,
    /// `PATH` in its environment: known, absent (no such variable) or denied.
    pub env_path: Fact<String>,
    /// Whether it lives in a container: in a mount namespace of its own, with
    /// another root directory than this host's.
    pub foreign: bool,
}

/// A user or a group by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Name.
    pub name: String,
    /// uid or gid.
    pub id: u32,
}

/// What kind of machine it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Kernel name as uname(2) gives it: `Linux`, `Darwin`.
    pub system: String,
    /// Hardware name as uname(2) gives it: `x86_64`, `aarch64`.
    pub arch: String,
    /// Host name.
    pub hostname: String,
}

/// Why a source cannot be opened. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such directory.
    #[error("{} does not exist; name the directory that holds the host's `/`, or an unpacked capture", path.display())]
    Missing {
        /// What was named.
        path: PathBuf,
    },
    /// What was named is no directory.
    #[error("{} is {what}; name a directory: the one that holds the host's `/`, or an unpacked capture", path.display())]
    NotDirectory {
        /// What was named.
        path: PathBuf,
        /// What it is, in words.
        what: &'static str,
    },
    /// The caller may not look into it.
    #[error("permission denied on {}; run as root, or copy it to where you may read it", path.display())]
    Denied {
        /// What may not be read.
        path: PathBuf,
    },
    /// Reading failed.
    #[error("{} cannot be read: {source}; check that the disk or mount is well and try again", path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// `host.json` is missing.
    #[error("{} holds no host.json, so it is no capture; make one with `ar-doctor capture`, or name a directory tree", path.display())]
    NoManifest {
        /// The directory.
        path: PathBuf,
    },
    /// `host.json` is no JSON, or not in the form of a capture.
    #[error("{}:{line}:{column}: {reason}; mend that line, or make the capture again", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// `host.json` contradicts itself or its files.
    #[error("{}:{line}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file of a capture is not what it should be.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A capture that is one file is refused.
    #[error("{}: {}{reason}", path.display(), entry.as_ref().map(|entry| format!("{entry:?} ")).unwrap_or_default())]
    Archive {
        /// The file.
        path: PathBuf,
        /// The entry in it.
        entry: Option<String>,
        /// What is wrong with it.
        reason: String,
    },
    /// The capture is of a format that this program does not know.
    #[error("{} is of format {found}{}, and this program reads formats up to {known}; use the version that made it or a newer one", path.display(), made_by.as_ref().map(|by| format!(", made by {by}")).unwrap_or_default())]
    TooNew {
        /// The program that made it.
        made_by: Option<String>,
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest known one.
        known: u64,
    },
}

impl OpenError {
    /// The error for what the system says about `path`.
    fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Denied { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Opens a file, which is a capture, or a directory: an unpacked capture when it has a
/// `host.json`, else the tree of a host.
///
/// # Errors
///
/// When it is neither, may not be read, or is a broken capture.
pub fn open_source(dir: &Path) -> Result<Box<dyn Host>, OpenError> {
    if std::fs::metadata(dir).is_ok_and(|meta| meta.is_file()) {
        return Ok(Box::new(capture::archive::open(dir)?));
    }
    // Not followed: in a hostile tree it could lead anywhere.
    match std::fs::symlink_metadata(dir.join(capture::MANIFEST)) {
        Ok(_) => Ok(Box::new(capture::CaptureHost::open(dir)?)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(OpenError::io(dir, error)),
        Err(_) => Ok(Box::new(tree::TreeHost::open(dir)?)),
    }
}

fn matches(content: &Content, regex: &regex::bytes::Regex) -> Matches {
    let found = regex.find_iter(&content.bytes).map(|found| found.as_bytes());
    let texts: std::collections::BTreeSet<&[u8]> = found.collect();
    let texts = texts.into_iter().take(MAX_MATCHES).map(<[u8]>::to_vec).collect();
    Matches { texts, truncated: content.truncated }
}

/// Checksums of all that a file holds.
fn sums(source: &dyn Source, limit: u64) -> Value<Sums> {
    use md5::Digest as _;
    if source.truncated() {
        return Value::NotCollected("the capture holds its beginning only".to_owned());
    }
    let (mut md5, mut sha256) = (md5::Md5::new(), sha2::Sha256::new());
    let mut buffer = vec![0; 256 * 1024];
    let mut offset = 0;
    loop {
        match source.read_at(&mut buffer, offset) {
            Ok(0) => break,
            Ok(read) => {
                let bytes = &buffer[..read.min(buffer.len())];
                md5.update(bytes);
                sha256.update(bytes);
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Value::Failed(error.to_string()),
        }
        if offset > limit {
            return Value::Failed(format!("is larger than {limit} bytes, the most that is read"));
        }
    }
    Value::Known(Sums { md5: hex(&md5.finalize()), sha256: hex(&sha256.finalize()) })
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What `ar-doctor capture` was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The directory that was named.
    pub home: Option<PathBuf>,
    /// How far back logs were to be read, as it was written.
    pub since: Option<String>,
}

/// From what kind of source the host is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// This machine.
    Live,
    /// A directory tree or mounted image of a machine.
    Tree,
    /// A capture.
    Capture,
}

/// A machine that can be asked.
///
/// Paths are absolute and as the diagnosed host names them. Links are resolved
/// inside the host and never out of it.
pub trait Host: Sync {
    /// What kind of source this is.
    fn kind(&self) -> SourceKind;

    /// How the source is called in reports (`this host`, `/mnt/image`).
    fn label(&self) -> String;

    /// The user who reads, as uid; 0 when everything can be read.
    fn reader_uid(&self) -> u32;

    /// lstat(2): the entry itself. A parent directory that may not be entered
    /// makes it denied, never absent; a parent that is not there makes it absent.
    fn entry(&self, path: &Path) -> Fact<Meta>;

    /// stat(2): where the path leads. A dangling link is absent, a loop failed.
    fn resolve(&self, path: &Path) -> Fact<Resolved>;

    /// readlink(2): the target text of a link; absent when it is no link.
    fn link_target(&self, path: &Path) -> Fact<PathBuf>;

    /// When the entry was made (`stx_btime` of statx(2)), seconds since 1970. A
    /// change of its content keeps it, a replacement does not.
    fn birth(&self, path: &Path) -> Fact<i64>;

    /// An extended attribute of the entry itself (xattr(7)), such as
    /// `security.selinux` or [`acl::ACCESS`]; nothing is opened. Absent when it
    /// has none of this name. In a directory tree a missing `security.*` or
    /// `trusted.*` is not collected, because copies lose them.
    fn xattr(&self, path: &Path, name: &str) -> Fact<Vec<u8>>;

    /// The attributes of the entry itself (statx(2), `stx_attributes`); not
    /// collected when its file system does not say. Nothing is opened.
    fn attributes(&self, path: &Path) -> Fact<Attributes>;

    /// How full the file system is that a path leads to.
    fn space(&self, path: &Path) -> Fact<Space>;

    /// The first `limit` bytes of a regular file. Anything else but a regular
    /// file is failed with words that name what it is, and is not opened. Files
    /// of procfs and sysfs, whose size says nothing, are read up to `limit`.
    fn read(&self, path: &Path, limit: u64) -> Fact<Content>;

    /// Opens a regular file for reading at any place. What [`Host::read`] refuses is refused
    /// here, in the same words, and is not opened.
    fn open(&self, path: &Path) -> Fact<Box<dyn Source>>;

    /// Checksums of a regular file of at most `limit` bytes.
    fn sums(&self, path: &Path, limit: u64) -> Fact<Sums> {
        self.open(path).and_then(|source| sums(&*source, limit))
    }

    /// The texts in the first `limit` bytes of a regular file that a regular expression on bytes
    /// fits: for compiled programs, whose bytes a capture does not hold.
    fn search(&self, path: &Path, limit: u64, pattern: &str) -> Fact<Matches> {
        match regex::bytes::Regex::new(pattern) {
            Ok(regex) => self.read(path, limit).map(|content| matches(&content, &regex)),
            Err(error) => Fact::failed(path.display().to_string(), error.to_string()),
        }
    }

    /// Names in a directory, sorted.
    fn list(&self, path: &Path) -> Fact<Vec<OsString>>;

    /// What an executable file is made for; absent when it is no ELF file.
    fn elf(&self, path: &Path) -> Fact<elf::Elf>;

    /// The mount table.
    fn mounts(&self) -> Fact<Vec<Mount>>;

    /// All processes.
    fn processes(&self) -> Fact<Vec<Process>>;

    /// One process in detail; absent when it has ended.
    fn process_detail(&self, pid: u32) -> Fact<ProcessDetail>;

    /// Unix sockets (proc_net(5)) of the reader's network namespace, or of that of
    /// a process. A process that has ended makes it failed, so that absent and
    /// empty are not confused.
    fn unix_sockets(&self, pid: Option<u32>) -> Fact<Vec<UnixSocket>>;

    /// Users.
    fn users(&self) -> Fact<Vec<Account>>;

    /// Groups.
    fn groups(&self) -> Fact<Vec<Account>>;

    /// Kernel, hardware, name.
    fn machine(&self) -> Fact<Machine>;

    /// The host's clock, seconds since 1970.
    fn now(&self) -> Fact<i64>;

    /// When the kernel started (`btime` of /proc/stat), seconds since 1970. It
    /// is the clock less the time the kernel runs, so setting the clock moves it.
    fn boot_time(&self) -> Fact<i64>;

    /// What was asked for when the host was captured, which is asked for again where nothing
    /// else is.
    fn asked(&self) -> Asked {
        Asked::default()
    }

    /// An environment variable of the caller (`WAZUH_HOME`); only a live host
    /// has one, and what was captured of it.
    fn env(&self, name: &str) -> Option<OsString>;
}
