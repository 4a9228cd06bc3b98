//! A host as an unpacked capture: `host.json` and, below `files/`, contents.
//!
//! `host.json` decides what exists and its type, owner, mode, size and times,
//! because git and archives carry few of them; it also holds mounts, processes,
//! names, the clock and the machine. An example:
//!
//! ```json
//! {
//!   "format": 1,
//!   "label": "agent web-01",
//!   "now": "2026-11-20T14:10:00Z",
//!   "default_mtime": "2026-11-20T10:00:00Z",
//!   "machine": {"arch": "x86_64", "hostname": "web-01"},
//!   "users": {"root": 0, "wazuh": 999},
//!   "groups": {"root": 0, "wazuh": 999},
//!   "mounts": [{"target": "/", "source": "/dev/sda1", "type": "ext4", "options": "rw,relatime"}],
//!   "processes": [
//!     {"pid": 812, "exe": "/var/ossec/bin/wazuh-execd", "args": ["/var/ossec/bin/wazuh-execd"],
//!      "start": "2026-11-20T10:00:05Z", "path": "/usr/sbin:/usr/bin"}
//!   ],
//!   "gaps": {"groups": {"denied": "permission denied"}},
//!   "complete": ["/var/ossec"],
//!   "incomplete": ["/var/ossec/queue/db"],
//!   "absent": ["/etc/ossec-init.conf"],
//!   "defaults": {"/var/ossec": {"group": "wazuh", "mode": "0640", "dir_mode": "0750"}},
//!   "files": {
//!     "/bin": {"link": "usr/bin"},
//!     "/usr/bin/bash": {"mode": "0755", "elf": {"machine": "x86_64"}},
//!     "/var/ossec/etc/ossec.conf": {"mode": "0660", "mtime": "2026-11-20T11:00:00Z"},
//!     "/var/ossec/etc/shared/ar.conf": {"text": "restart-ossec0 - restart-ossec.sh - 0\n"},
//!     "/var/ossec/queue/alerts/execq": {"type": "socket", "mode": "0660"},
//!     "/var/ossec/var/run/": {"mode": "0770"}
//!   }
//! }
//! ```
//!
//! The fields are those of [`HostFile`] and no others.
//!
//! What the answers follow from:
//!
//! - **Content** is `text`, `base64` or the file `files/PATH`. Without any of
//!   them reading is [`Value::NotCollected`]. A file below `files/` that no
//!   entry names is an error, since it would silently not exist.
//! - **Existence.** A listed path exists, and so do the directories above it
//!   (root, 0755, or as `defaults` say). An unlisted path is absent when it is
//!   or lies below one of `absent`, when the longest of `complete` and
//!   `incomplete` that holds it is a `complete`, when its directory has `names`
//!   without it, or when it lies below something that is no directory.
//!   Any other path is not collected.
//! - **Refusals.** `denied` and `failed` are about an entry and all below it,
//!   `read_denied` and `read_failed` about its content or its list of names.
//! - **Labels, access control lists, attributes.** What an entry does not give is
//!   as `defaults` say (`"/": {"other_xattrs": "absent", "attributes": []}` for a
//!   host on which all were looked for), and else not collected.
//! - **Process details** are those of the process, else `process_defaults`, else
//!   not collected. Sockets are all or not collected; how full a file system is
//!   holds for what lies on its mount.
//! - **Links** are followed inside the capture, 40 at most.
//!
//! Paths of a capture are hostile: `..`, relative paths and NUL are refused,
//! and contents are opened without following any link.
//!
//! A capture can also be made and edited in memory ([`CaptureHost::new`] and
//! the methods that change it), and built as a real tree
//! ([`CaptureHost::materialise`]).

pub mod archive;
mod detail;
mod edit;
mod manifest;
mod materialise;
mod store;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;

pub use edit::{EditError, Part};
pub use manifest::{
    AccessEntry, AttributeEntry, Bits, CapabilitiesEntry, CredentialsEntry, DefaultsEntry, DescriptorEntry,
    DetailEntry, DetailPart, Entries, FORMAT, FileEntry, FoundEntry, GapEntry, Gaps, HostFile, HostPath,
    Kind, LimitEntry, LimitsEntry, MachineEntry, Mode, MountEntry, Owner, ProcessEntry, SocketEntry,
    SpaceEntry, Time,
};

use store::{Contents, Pieces};

use super::walk::{MAX_LINKS, Miss, TOO_MANY_LINKS, Walker, push_front};
use super::{
    Account, Asked, Attributes, Content, Fact, FileType, Held, Host, Machine, Matches, Meta, Mount,
    OpenError, Process, ProcessDetail, Resolved, Source, SourceKind, Space, Sums, UnixSocket, Value,
    accounts, acl, elf, mountinfo, unix_socket,
};

/// The file that makes a directory a capture.
pub const MANIFEST: &str = "host.json";

/// The directory of contents.
pub const FILES: &str = "files";

/// More than the largest real capture; a hostile one costs no more.
const MAX_MANIFEST: u64 = 64 << 20;
const MAX_PATH_BYTES: usize = 64 << 20;

/// A value that is not there, with the reason.
type NoValue = Value<Infallible>;

/// A host read from a capture, or made in memory.
#[derive(Clone, Debug)]
pub struct CaptureHost {
    label: String,
    nodes: BTreeMap<PathBuf, Node>,
    /// Whether what is not listed at and below a path is absent.
    coverage: BTreeMap<PathBuf, bool>,
    /// Paths that were looked for in vain, as they were called.
    absent: BTreeSet<PathBuf>,
    defaults: BTreeMap<PathBuf, Defaults>,
    default_mtime: i64,
    contents: Option<Contents>,
    now: Value<i64>,
    machine: Value<Machine>,
    mounts: Value<Vec<Mount>>,
    processes: Value<Vec<Process>>,
    details: BTreeMap<u32, ProcessDetail>,
    /// Of processes that are in none of `details`.
    detail_defaults: ProcessDetail,
    sockets: Value<Vec<UnixSocket>>,
    /// Of network namespaces that are not the host's, by a process in them.
    other_sockets: BTreeMap<u32, Value<Vec<UnixSocket>>>,
    space: BTreeMap<PathBuf, Value<Space>>,
    env: BTreeMap<String, String>,
    asked: Asked,
    boot_time: Value<i64>,
    /// None: those of the capture's `/etc/passwd`.
    users: Option<Value<Vec<Account>>>,
    /// None: those of the capture's `/etc/group`.
    groups: Option<Value<Vec<Account>>>,
    reader_uid: u32,
    /// Whose permissions are acted out; none: the reader sees everything.
    reader: Option<Reader>,
}

#[derive(Clone, Debug)]
struct Reader {
    uid: u32,
    gids: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Node {
    meta: Meta,
    stored: Stored,
    truncated: bool,
    changed_while_read: bool,
    link: Option<PathBuf>,
    elf: Option<elf::Elf>,
    /// Why there is no header.
    elf_gap: Option<NoValue>,
    /// Which parts of the file are stored, where it is not all of it.
    pieces: Option<Arc<Pieces>>,
    inode: Option<(u64, u64)>,
    /// Of the file on the host, which what is stored may not have.
    sums: Option<Sums>,
    found: BTreeMap<String, Matches>,
    birth: Option<Value<i64>>,
    xattrs: BTreeMap<String, Value<Vec<u8>>>,
    /// What is said of the attributes that are not in `xattrs`.
    other_xattrs: NoValue,
    attributes: Value<Attributes>,
    names: Option<Vec<OsString>>,
    /// Why the entry cannot be seen.
    gap: Option<NoValue>,
    /// Why its content or names cannot be read.
    read_gap: Option<NoValue>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stored {
    /// No content.
    Nothing,
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In the directory of contents, under the entry's own path.
    File,
}

#[derive(Clone, Debug, Default)]
struct Defaults {
    uid: Option<u32>,
    gid: Option<u32>,
    mode: Option<u32>,
    dir_mode: Option<u32>,
    selinux: Option<Vec<u8>>,
    other_xattrs: Option<NoValue>,
    attributes: Option<Attributes>,
}

impl Node {
    fn new(meta: Meta) -> Self {
        Self {
            meta,
            stored: Stored::Nothing,
            truncated: false,
            changed_while_read: false,
            link: None,
            elf: None,
            elf_gap: None,
            pieces: None,
            inode: None,
            sums: None,
            found: BTreeMap::new(),
            birth: None,
            xattrs: BTreeMap::new(),
            other_xattrs: Value::NotCollected(NOT_HELD.to_owned()),
            attributes: Value::NotCollected(NOT_HELD.to_owned()),
            names: None,
            gap: None,
            read_gap: None,
        }
    }

    /// The access control list, when it has one that is valid.
    fn acl(&self) -> Option<acl::Acl> {
        match self.xattrs.get(acl::ACCESS) {
            Some(Value::Known(bytes)) => acl::Acl::parse(bytes).ok(),
            _ => None,
        }
    }

    fn is_dir(&self) -> bool {
        self.meta.file_type == FileType::Directory
    }
}

/// The attribute with the label of SELinux.
pub const SELINUX: &str = "security.selinux";

/// What is said of what a capture does not hold.
pub(crate) const NOT_HELD: &str = "the capture does not hold it";

impl CaptureHost {
    /// An empty host in memory: a root directory, the user and group root, no
    /// mounts and no processes. What is not put into it is absent.
    #[must_use]
    pub fn new() -> Self {
        let root = || Some(Value::Known(vec![Account { name: "root".to_owned(), id: 0 }]));
        let nothing = || Value::NotCollected(NOT_HELD.to_owned());
        let mut host = Self {
            label: "memory".to_owned(),
            nodes: BTreeMap::new(),
            coverage: BTreeMap::from([(PathBuf::from("/"), true)]),
            absent: BTreeSet::new(),
            defaults: BTreeMap::new(),
            default_mtime: 0,
            contents: None,
            now: nothing(),
            machine: Value::NotCollected(NOT_HELD.to_owned()),
            mounts: Value::Known(Vec::new()),
            processes: Value::Known(Vec::new()),
            details: BTreeMap::new(),
            detail_defaults: detail::nothing(0),
            sockets: Value::Known(Vec::new()),
            other_sockets: BTreeMap::new(),
            space: BTreeMap::new(),
            env: BTreeMap::new(),
            asked: Asked::default(),
            boot_time: nothing(),
            users: root(),
            groups: root(),
            reader_uid: 0,
            reader: None,
        };
        let plain = Defaults {
            other_xattrs: Some(Value::Absent),
            attributes: Some(Attributes::default()),
            ..Defaults::default()
        };
        host.defaults.insert(PathBuf::from("/"), plain);
        let node = host.new_node(Path::new("/"), FileType::Directory);
        host.nodes.insert(PathBuf::from("/"), node);
        host
    }

    /// Opens an unpacked capture.
    ///
    /// # Errors
    ///
    /// When it is no capture, cannot be read, or contradicts itself.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let manifest = dir.join(MANIFEST);
        let bytes = read_manifest(dir, &manifest)?;
        let file = HostFile::parse(&bytes, &manifest)?;
        let files = dir.join(FILES);
        let contents = list_contents(&files)?;
        let stored = (!contents.is_empty()).then(|| Contents::directory(&files));
        let mut builder = Builder { bytes: &bytes, path: &manifest, contents };
        let mut host = builder.build(&file, stored)?;
        if let Some(stray) = builder.contents.into_keys().next() {
            let inside = stray.strip_prefix("/").unwrap_or(&stray);
            return Err(OpenError::Content {
                path: dir.join(FILES).join(inside),
                reason: format!(
                    "host.json has no entry {stray:?}; add one under \"files\", or remove the file"
                ),
            });
        }
        if file.label.is_none() {
            host.label = dir.display().to_string();
        }
        Ok(host)
    }

    /// Reads a capture whose contents, if any, stand in the JSON itself.
    ///
    /// # Errors
    ///
    /// As [`CaptureHost::open`]; `host.json` is named as the file.
    pub fn from_json(json: &[u8]) -> Result<Self, OpenError> {
        let path = Path::new(MANIFEST);
        let file = HostFile::parse(json, path)?;
        Builder { bytes: json, path, contents: BTreeMap::new() }.build(&file, None)
    }

    /// What an entry has when nobody says otherwise.
    fn new_node(&self, path: &Path, file_type: FileType) -> Node {
        let mut defaults = Defaults::default();
        // From the root down, so that what is deeper wins.
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for given in above.into_iter().filter_map(|above| self.defaults.get(above)) {
            defaults.uid = given.uid.or(defaults.uid);
            defaults.gid = given.gid.or(defaults.gid);
            defaults.mode = given.mode.or(defaults.mode);
            defaults.dir_mode = given.dir_mode.or(defaults.dir_mode);
            defaults.attributes = given.attributes.or(defaults.attributes);
            if given.selinux.is_some() {
                defaults.selinux.clone_from(&given.selinux);
            }
            if given.other_xattrs.is_some() {
                defaults.other_xattrs.clone_from(&given.other_xattrs);
            }
        }
        let mode = match file_type {
            FileType::Directory => defaults.dir_mode.unwrap_or(0o755),
            FileType::Symlink => 0o777,
            _ => defaults.mode.unwrap_or(0o644),
        };
        let mut node = Node::new(Meta {
            file_type,
            mode,
            uid: defaults.uid.unwrap_or(0),
            gid: defaults.gid.unwrap_or(0),
            size: if file_type == FileType::Directory { 4096 } else { 0 },
            mtime: self.default_mtime,
            ctime: self.default_mtime,
        });
        if let Some(label) = defaults.selinux {
            node.xattrs.insert(SELINUX.to_owned(), Value::Known(label));
        }
        if let Some(other) = defaults.other_xattrs {
            node.other_xattrs = other;
        }
        if let Some(attributes) = defaults.attributes {
            node.attributes = Value::Known(attributes);
        }
        node
    }

    /// The entries directly in a directory.
    fn children<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a Path> {
        self.below(dir).filter(move |path| path.parent() == Some(dir))
    }

    /// All entries below a path.
    fn below<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a Path> {
        self.nodes
            .range::<Path, _>((Bound::Excluded(dir), Bound::Unbounded))
            .map(|(path, _)| path.as_path())
            .take_while(move |path| path.starts_with(dir))
    }

    /// The deepest statement about a path: where it was made, and whether what
    /// is not listed there is absent.
    fn claim(&self, path: &Path) -> Option<(&Path, bool)> {
        path.ancestors()
            .find_map(|above| self.coverage.get_key_value(above))
            .map(|(at, covered)| (at.as_path(), *covered))
    }

    /// Whether what is not listed at `path` is absent.
    fn covers(&self, path: &Path) -> bool {
        self.claim(path).is_some_and(|(_, covered)| covered)
    }

    /// Why `child`, which is on the way to `full`, is not listed in `dir`.
    fn missing(&self, asked: &Path, dir: &Node, child: &Path, full: &Path) -> NoValue {
        // As asked for, because whoever looked for it used that name, links and all.
        if asked.ancestors().any(|above| self.absent.contains(above)) {
            return Value::Absent;
        }
        let claim = self.claim(full);
        let name = child.file_name();
        match &dir.names {
            Some(names) if names.iter().any(|known| Some(known.as_os_str()) == name) => match claim {
                Some((at, true)) if at.starts_with(child) && at != child => Value::Absent,
                _ => Value::NotCollected("its name was seen, and nothing more of it".to_owned()),
            },
            Some(_) => Value::Absent,
            None if claim.is_some_and(|(_, covered)| covered) => Value::Absent,
            None => Value::NotCollected(NOT_HELD.to_owned()),
        }
    }

    /// Whether the reader has a permission (4 read, 1 search).
    fn may(&self, node: &Node, bit: u32) -> bool {
        let Some(reader) = &self.reader else { return true };
        if reader.uid == 0 {
            return true;
        }
        let meta = &node.meta;
        if let Some(acl) = node.acl() {
            return acl.allows(reader.uid, &reader.gids, meta.uid, meta.gid, bit);
        }
        let shift = if reader.uid == meta.uid {
            6
        } else if reader.gids.contains(&meta.gid) {
            3
        } else {
            0
        };
        meta.mode >> shift & bit != 0
    }

    /// Follows a path to its entry.
    fn walk(&self, path: &Path, follow_last: bool) -> Result<(PathBuf, &Node), NoValue> {
        if !path.is_absolute() {
            return Err(Value::Failed("is not an absolute path".to_owned()));
        }
        let nowhere = || Value::NotCollected(NOT_HELD.to_owned());
        let mut pending = VecDeque::new();
        push_front(&mut pending, path);
        let mut real = PathBuf::from("/");
        let mut node = self.nodes.get(&real).ok_or_else(nowhere)?;
        let mut links = 0;
        if let Some(gap) = &node.gap {
            return Err(gap.clone());
        }
        while let Some(name) = pending.pop_front() {
            if !node.is_dir() {
                return Err(Value::Absent);
            }
            if !self.may(node, 1) {
                let why = format!("permission denied: {} may not be entered", real.display());
                return Err(Value::Denied(why));
            }
            if name == ".." {
                real.pop();
                node = self.nodes.get(&real).ok_or_else(nowhere)?;
                continue;
            }
            let child = real.join(&name);
            let Some(next) = self.nodes.get(&child) else {
                let is_plain = pending.iter().all(|name| name != "..");
                let full =
                    if is_plain { child.join(pending.iter().collect::<PathBuf>()) } else { child.clone() };
                return Err(self.missing(path, node, &child, &full));
            };
            if let Some(gap) = &next.gap {
                return Err(gap.clone());
            }
            if let Some(target) = &next.link
                && (follow_last || !pending.is_empty())
            {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Value::Failed(TOO_MANY_LINKS.to_owned()));
                }
                if target.is_absolute() {
                    real = PathBuf::from("/");
                    node = self.nodes.get(&real).ok_or_else(nowhere)?;
                }
                push_front(&mut pending, target);
                continue;
            }
            real = child;
            node = next;
        }
        Ok((real, node))
    }

    fn fact<T>(&self, path: &Path, ask: impl FnOnce() -> Result<T, NoValue>) -> Fact<T> {
        let value = match ask() {
            Ok(value) => Value::Known(value),
            Err(gap) => widen(gap),
        };
        Fact { source: path.display().to_string(), value }
    }

    /// A file whose content may be looked at.
    fn readable(&self, path: &Path) -> Result<(PathBuf, &Node), NoValue> {
        let (real, node) = self.walk(path, true)?;
        if node.meta.file_type != FileType::Regular {
            let what = node.meta.file_type.with_article();
            return Err(Value::Failed(format!("is {what}, not a regular file")));
        }
        self.check_read(node)?;
        Ok((real, node))
    }

    fn check_read(&self, node: &Node) -> Result<(), NoValue> {
        if let Some(gap) = &node.read_gap {
            return Err(gap.clone());
        }
        if !self.may(node, 4) {
            return Err(Value::Denied("permission denied".to_owned()));
        }
        Ok(())
    }

    /// Content of an entry, whoever reads.
    fn content(&self, path: &Path, node: &Node, limit: u64) -> Result<Content, NoValue> {
        if let Some(pieces) = &node.pieces {
            return self.beginning(path, node, pieces, limit);
        }
        let mut content = match &node.stored {
            Stored::Nothing => return Err(not_stored()),
            Stored::Bytes(bytes) => {
                let len = usize::try_from(limit).unwrap_or(usize::MAX).min(bytes.len());
                Content {
                    bytes: bytes[..len].to_vec(),
                    truncated: len < bytes.len(),
                    changed_while_read: false,
                }
            }
            Stored::File => {
                let contents = self.contents.as_ref().ok_or_else(not_stored)?;
                contents.read(path, limit).map_err(stored_miss)?
            }
        };
        content.truncated |= node.truncated;
        content.changed_while_read |= node.changed_while_read;
        Ok(content)
    }

    /// What is stored of an entry, as one file.
    fn stored(&self, path: &Path, node: &Node) -> Result<Box<dyn Source>, NoValue> {
        Ok(match &node.stored {
            // All of it is left out.
            Stored::Nothing if node.pieces.is_some() => Box::new(Held::new(Vec::new(), false)),
            Stored::Nothing => return Err(not_stored()),
            Stored::Bytes(bytes) => Box::new(Held::new(Arc::clone(bytes), node.truncated)),
            Stored::File => {
                let contents = self.contents.as_ref().ok_or_else(not_stored)?;
                contents.source(path).map_err(stored_miss)?
            }
        })
    }

    /// The first bytes of a file of which pieces are stored.
    fn beginning(&self, path: &Path, node: &Node, pieces: &Pieces, limit: u64) -> Result<Content, NoValue> {
        let held = pieces.beginning().min(limit);
        if held == 0 && limit > 0 && pieces.size() > 0 {
            return Err(Value::NotCollected("the capture does not hold its beginning".to_owned()));
        }
        let source = self.stored(path, node)?;
        let mut bytes = vec![0; usize::try_from(held).unwrap_or(0)];
        let mut filled = 0;
        while filled < bytes.len() {
            match source.read_at(&mut bytes[filled..], filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) => return Err(Value::Failed(error.to_string())),
            }
        }
        bytes.truncate(filled);
        Ok(Content {
            bytes,
            truncated: held < pieces.size() || node.truncated,
            changed_while_read: node.changed_while_read,
        })
    }

    fn part<T: Clone>(source: &str, value: &Value<T>) -> Fact<T> {
        Fact { source: source.to_owned(), value: value.clone() }
    }
}

impl Default for CaptureHost {
    fn default() -> Self {
        Self::new()
    }
}

fn not_stored() -> NoValue {
    Value::NotCollected("the capture does not hold its content".to_owned())
}

/// The capture itself changed or is damaged, which says nothing of the host.
fn stored_miss(miss: Miss) -> NoValue {
    let why = match miss {
        Miss::Absent => "it is gone".to_owned(),
        Miss::Denied(why) | Miss::Failed(why) | Miss::NotCollected(why) => why,
    };
    Value::Failed(format!("its content in the capture: {why}"))
}

fn widen<T>(gap: NoValue) -> Value<T> {
    match gap {
        Value::Known(never) => match never {},
        Value::Absent => Value::Absent,
        Value::Denied(why) => Value::Denied(why),
        Value::Failed(why) => Value::Failed(why),
        Value::NotCollected(why) => Value::NotCollected(why),
    }
}

impl Host for CaptureHost {
    fn kind(&self) -> SourceKind {
        SourceKind::Capture
    }

    fn label(&self) -> String {
        self.label.clone()
    }

    fn reader_uid(&self) -> u32 {
        self.reader_uid
    }

    fn entry(&self, path: &Path) -> Fact<Meta> {
        self.fact(path, || self.walk(path, false).map(|(_, node)| node.meta.clone()))
    }

    fn resolve(&self, path: &Path) -> Fact<Resolved> {
        self.fact(path, || {
            self.walk(path, true).map(|(path, node)| Resolved { path, meta: node.meta.clone() })
        })
    }

    fn link_target(&self, path: &Path) -> Fact<PathBuf> {
        self.fact(path, || self.walk(path, false)?.1.link.clone().ok_or(Value::Absent))
    }

    fn birth(&self, path: &Path) -> Fact<i64> {
        self.fact(path, || {
            let unknown = || Value::NotCollected("the capture holds no time of birth".to_owned());
            Ok(self.walk(path, false)?.1.birth.clone().unwrap_or_else(unknown))
        })
        .and_then(|birth| birth)
    }

    fn xattr(&self, path: &Path, name: &str) -> Fact<Vec<u8>> {
        self.fact(path, || {
            let node = self.walk(path, false)?.1;
            match node.xattrs.get(name) {
                Some(value) => Ok(value.clone()),
                None => Err(node.other_xattrs.clone()),
            }
        })
        .and_then(|value| value)
    }

    fn attributes(&self, path: &Path) -> Fact<Attributes> {
        self.fact(path, || self.walk(path, false).map(|(_, node)| node.attributes.clone()))
            .and_then(|value| value)
    }

    fn space(&self, path: &Path) -> Fact<Space> {
        self.fact(path, || {
            let (real, _) = self.walk(path, true)?;
            // What is said of one file system says nothing of one mounted on it.
            let floor = match &self.mounts {
                Value::Known(mounts) => {
                    mountinfo::mount_at(mounts, &real).map(|mount| mount.target.as_path())
                }
                _ => None,
            };
            let said = real.ancestors().find_map(|above| self.space.get_key_value(above));
            match said {
                Some((at, space)) if floor.is_none_or(|floor| at.starts_with(floor)) => Ok(space.clone()),
                _ => Err(Value::NotCollected(NOT_HELD.to_owned())),
            }
        })
        .and_then(|space| space)
    }

    fn read(&self, path: &Path, limit: u64) -> Fact<Content> {
        self.fact(path, || {
            let (real, node) = self.readable(path)?;
            self.content(&real, node, limit)
        })
    }

    fn open(&self, path: &Path) -> Fact<Box<dyn Source>> {
        self.fact(path, || {
            let (real, node) = self.readable(path)?;
            let file = self.stored(&real, node)?;
            let file = match &node.pieces {
                Some(pieces) => pieces.of(file),
                None => file,
            };
            let source: Box<dyn Source> =
                Box::new(HeldFile { file, identity: node.inode, truncated: node.truncated });
            Ok(source)
        })
    }

    fn sums(&self, path: &Path, limit: u64) -> Fact<Sums> {
        let known = self.fact(path, || {
            let (_, node) = self.readable(path)?;
            node.sums.clone().ok_or(Value::Absent)
        });
        if known.get().is_some() {
            known
        } else {
            self.open(path).and_then(|source| super::sums(&*source, limit))
        }
    }

    fn search(&self, path: &Path, limit: u64, pattern: &str) -> Fact<Matches> {
        let known = self.fact(path, || {
            let (_, node) = self.readable(path)?;
            node.found.get(pattern).cloned().ok_or(Value::Absent)
        });
        if known.get().is_some() {
            known
        } else {
            match regex::bytes::Regex::new(pattern) {
                Ok(regex) => self.read(path, limit).map(|content| super::matches(&content, &regex)),
                Err(error) => Fact::failed(path.display().to_string(), error.to_string()),
            }
        }
    }

    fn list(&self, path: &Path) -> Fact<Vec<OsString>> {
        self.fact(path, || {
            let (real, node) = self.walk(path, true)?;
            if !node.is_dir() {
                let what = node.meta.file_type.with_article();
                return Err(Value::Failed(format!("is {what}, not a directory")));
            }
            self.check_read(node)?;
            if node.names.is_none() && !self.lists(&real) {
                return Err(Value::NotCollected("the capture does not say which names are in it".to_owned()));
            }
            let mut names = node.names.clone().unwrap_or_default();
            // Where all names are known, what could not be looked at is in them if it is there.
            let is_there = |child: &&Path| {
                node.names.is_none() || self.nodes.get(*child).is_none_or(|child| child.gap.is_none())
            };
            let children = self.children(&real).filter(is_there);
            names.extend(children.filter_map(Path::file_name).map(ToOwned::to_owned));
            names.sort_unstable();
            names.dedup();
            Ok(names)
        })
    }

    fn elf(&self, path: &Path) -> Fact<elf::Elf> {
        self.fact(path, || {
            let (real, node) = self.readable(path)?;
            if let Some(elf) = &node.elf {
                return Ok(elf.clone());
            }
            if let Some(gap) = &node.elf_gap {
                return Err(gap.clone());
            }
            if node.pieces.is_some() {
                return Err(not_stored());
            }
            let parsed = match &node.stored {
                Stored::Nothing => return Err(not_stored()),
                Stored::Bytes(bytes) => match elf::parse(&**bytes) {
                    Ok(Some(elf)) => Ok(elf),
                    Ok(None) => return Err(Value::Absent),
                    Err(error) => Err(Value::Failed(error.to_string())),
                },
                Stored::File => {
                    let contents = self.contents.as_ref().ok_or_else(not_stored)?;
                    match contents.elf(&real) {
                        Ok(elf) => Ok(elf),
                        // What opened is no ELF file; a content that is gone is
                        // told apart by looking for it.
                        Err(Miss::Absent) if contents.has(&real) => {
                            return Err(Value::Absent);
                        }
                        Err(Miss::Failed(why)) => Err(Value::Failed(why)),
                        Err(miss) => Err(stored_miss(miss)),
                    }
                }
            };
            // The capture kept the beginning only, and that is not the host's fault.
            parsed.map_err(|gap| if node.truncated { not_stored() } else { gap })
        })
    }

    fn mounts(&self) -> Fact<Vec<Mount>> {
        Self::part(mountinfo::SOURCE, &self.mounts)
    }

    fn processes(&self) -> Fact<Vec<Process>> {
        let mut fact = Self::part("/proc", &self.processes);
        if let (Value::Known(processes), Some(reader)) = (&mut fact.value, &self.reader)
            && reader.uid != 0
        {
            for process in processes.iter_mut().filter(|process| process.uid != reader.uid) {
                process.exe = None;
                process.env_path.value = Value::Denied("permission denied".to_owned());
            }
        }
        fact
    }

    fn process_detail(&self, pid: u32) -> Fact<ProcessDetail> {
        let fact = Self::part(&format!("/proc/{pid}"), &self.processes);
        fact.and_then(|processes| {
            let Some(process) = processes.into_iter().find(|process| process.pid == pid) else {
                return Value::Absent;
            };
            let mut detail = self.detail_of(&process);
            if let Some(reader) = &self.reader
                && reader.uid != 0
                && reader.uid != process.uid
            {
                detail::refuse(&mut detail);
            }
            Value::Known(detail)
        })
    }

    fn unix_sockets(&self, pid: Option<u32>) -> Fact<Vec<UnixSocket>> {
        let Some(pid) = pid else { return Self::part(unix_socket::SOURCE, &self.sockets) };
        let source = format!("/proc/{pid}/net/unix");
        let value = match &self.processes {
            Value::Known(processes) => match processes.iter().find(|process| process.pid == pid) {
                None => Value::Failed("there is no such process".to_owned()),
                Some(process) => {
                    match (self.other_sockets.get(&pid), self.detail_of(process).namespaces.value) {
                        (Some(sockets), _) => sockets.clone(),
                        (None, Value::Known(namespaces)) if !namespaces.others.contains("net") => {
                            self.sockets.clone()
                        }
                        _ => Value::NotCollected(NOT_HELD.to_owned()),
                    }
                }
            },
            _ => Value::NotCollected(NOT_HELD.to_owned()),
        };
        Fact { source, value }
    }

    fn users(&self) -> Fact<Vec<Account>> {
        match &self.users {
            Some(users) => Self::part(PASSWD, users),
            None => accounts::read(self, PASSWD),
        }
    }

    fn groups(&self) -> Fact<Vec<Account>> {
        match &self.groups {
            Some(groups) => Self::part(GROUP, groups),
            None => accounts::read(self, GROUP),
        }
    }

    fn machine(&self) -> Fact<Machine> {
        Self::part("uname", &self.machine)
    }

    fn now(&self) -> Fact<i64> {
        Self::part("clock", &self.now)
    }

    fn boot_time(&self) -> Fact<i64> {
        Self::part("/proc/stat", &self.boot_time)
    }

    fn asked(&self) -> Asked {
        self.asked.clone()
    }

    fn env(&self, name: &str) -> Option<OsString> {
        self.env.get(name).map(OsString::from)
    }
}

/// A content of the capture, whose own identity is not the host's.
#[derive(Debug)]
struct HeldFile {
    file: Box<dyn Source>,
    identity: Option<(u64, u64)>,
    truncated: bool,
}

impl Source for HeldFile {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn identity(&self) -> Option<(u64, u64)> {
        self.identity
    }

    fn truncated(&self) -> bool {
        self.truncated
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

impl CaptureHost {
    /// Whether the entries in a directory are all there are.
    fn lists(&self, dir: &Path) -> bool {
        // A subtree that is not listed in full may itself be a name in here.
        let unsure = self.coverage.range::<Path, _>((Bound::Excluded(dir), Bound::Unbounded));
        let unsure = unsure.take_while(|(path, _)| path.starts_with(dir)).any(|(path, covered)| {
            let first = path.strip_prefix(dir).ok().and_then(|rest| rest.iter().next());
            !covered && first.is_some_and(|name| !self.nodes.contains_key(&dir.join(name)))
        });
        self.covers(dir) && !unsure
    }
}

fn read_manifest(dir: &Path, manifest: &Path) -> Result<Vec<u8>, OpenError> {
    let meta = std::fs::metadata(dir).map_err(|error| OpenError::io(dir, error))?;
    if !meta.is_dir() {
        return Err(OpenError::NotDirectory { path: dir.to_owned(), what: "no directory" });
    }
    let walker = Walker::new(dir).without_links();
    match walker.read(&Path::new("/").join(MANIFEST), MAX_MANIFEST) {
        Ok(content) if content.truncated => Err(OpenError::Content {
            path: manifest.to_owned(),
            reason: format!("it is larger than {} MiB; capture less", MAX_MANIFEST >> 20),
        }),
        Ok(content) => Ok(content.bytes),
        Err(Miss::Absent) => Err(OpenError::NoManifest { path: dir.to_owned() }),
        Err(Miss::Denied(_)) => Err(OpenError::Denied { path: manifest.to_owned() }),
        Err(Miss::Failed(why) | Miss::NotCollected(why)) => Err(OpenError::Content {
            path: manifest.to_owned(),
            reason: format!("{why}; put a plain file there, or unpack the capture again"),
        }),
    }
}

/// The content files with their sizes, as the host names them.
fn list_contents(files: &Path) -> Result<BTreeMap<PathBuf, u64>, OpenError> {
    let mut contents = BTreeMap::new();
    match std::fs::symlink_metadata(files) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(contents),
        Err(error) => return Err(OpenError::io(files, error)),
        Ok(meta) if !meta.is_dir() => return Err(odd_content(files)),
        Ok(_) => {}
    }
    for entry in walkdir::WalkDir::new(files).follow_links(false) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(files).to_owned();
            match error.into_io_error() {
                Some(source) => OpenError::io(&path, source),
                None => odd_content(&path),
            }
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        let meta = entry.metadata().map_err(|error| OpenError::Content {
            path: entry.path().to_owned(),
            reason: error.to_string(),
        })?;
        if !meta.is_file() {
            return Err(odd_content(entry.path()));
        }
        if let Ok(inside) = entry.path().strip_prefix(files) {
            contents.insert(Path::new("/").join(inside), meta.len());
        }
    }
    Ok(contents)
}

fn odd_content(path: &Path) -> OpenError {
    OpenError::Content {
        path: path.to_owned(),
        reason: "contents are plain files in plain directories; links, sockets and the like stand in host.json; remove it".to_owned(),
    }
}

/// Numbers by name.
type Ids = BTreeMap<String, u32>;

/// Turns what was written into a host, and finds what contradicts itself.
struct Builder<'a> {
    bytes: &'a [u8],
    path: &'a Path,
    /// Content files that no entry has claimed yet.
    contents: BTreeMap<PathBuf, u64>,
}

impl Builder<'_> {
    fn error(&self, key: &str, reason: impl Into<String>) -> OpenError {
        OpenError::Invalid {
            path: self.path.to_owned(),
            line: manifest::line_of(self.bytes, key),
            reason: reason.into(),
        }
    }

    fn build(&mut self, file: &HostFile, contents: Option<Contents>) -> Result<CaptureHost, OpenError> {
        let mut host = CaptureHost::new();
        host.label = file.label.clone().unwrap_or_else(|| "capture".to_owned());
        host.coverage.clear();
        host.defaults.clear();
        host.contents = contents;
        host.default_mtime = file.default_mtime.or(file.now).map_or(0, |time| time.0);
        host.reader_uid = file.reader.unwrap_or(0);
        host.nodes.clear();

        let users = self.accounts(file, &host, file.users.as_ref(), PASSWD)?;
        let groups = self.accounts(file, &host, file.groups.as_ref(), GROUP)?;
        for (path, given) in &file.defaults.0 {
            let key = path.to_string();
            let defaults = Defaults {
                uid: self.id(&key, given.owner.as_ref(), &users, "owner", "users")?,
                gid: self.id(&key, given.group.as_ref(), &groups, "group", "groups")?,
                mode: given.mode.map(|mode| mode.0),
                dir_mode: given.dir_mode.map(|mode| mode.0),
                selinux: given.selinux.as_deref().map(label_bytes),
                other_xattrs: given.other_xattrs.as_ref().map(gap_value),
                attributes: given.attributes.as_deref().map(attributes),
            };
            if host.defaults.insert(path.as_path().to_owned(), defaults).is_some() {
                return Err(self.error(&key, format!("defaults for \"{key}\" come twice; keep one")));
            }
        }
        self.coverage(file, &mut host)?;
        self.nodes(file, &mut host, &users, &groups)?;
        for path in &file.absent {
            let below = host.below(path.as_path()).next().is_some();
            if below || host.nodes.contains_key(path.as_path()) {
                return Err(self.error(
                    &path.to_string(),
                    format!("\"{path}\" is called absent, and it or something below it is listed; remove one of them"),
                ));
            }
        }
        self.parts(file, &mut host, &users, &groups)?;
        Ok(host)
    }

    /// Names to resolve owners with: those given, else those of the captured file.
    fn accounts(
        &self,
        file: &HostFile,
        host: &CaptureHost,
        given: Option<&Entries<String, u32>>,
        path: &str,
    ) -> Result<Ids, OpenError> {
        if let Some(given) = given {
            return Ok(given.0.iter().cloned().collect());
        }
        let entry = file.files.0.iter().find(|(key, _)| key.as_path() == Path::new(path));
        let Some((key, entry)) = entry else { return Ok(Ids::new()) };
        let bytes = match (self.inline(key, entry)?, &host.contents) {
            (Some(bytes), _) => bytes,
            (None, Some(contents)) if self.contents.contains_key(Path::new(path)) => {
                contents.read(Path::new(path), MAX_MANIFEST).map(|content| content.bytes).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let mut ids = Ids::new();
        for account in accounts::parse(&bytes) {
            // Of a name that comes twice libc takes the first.
            ids.entry(account.name).or_insert(account.id);
        }
        Ok(ids)
    }

    fn id(
        &self,
        key: &str,
        owner: Option<&Owner>,
        ids: &Ids,
        what: &str,
        list: &str,
    ) -> Result<Option<u32>, OpenError> {
        match owner {
            None => Ok(None),
            Some(Owner::Id(id)) => Ok(Some(*id)),
            Some(Owner::Name(name)) => {
                match ids.get(name) {
                    Some(id) => Ok(Some(*id)),
                    None if name == "root" => Ok(Some(0)),
                    None => Err(self.error(
                        key,
                        format!("the {what} {name:?} of \"{key}\" is not among \"{list}\"; add it there, or give its number"),
                    )),
                }
            }
        }
    }

    fn coverage(&self, file: &HostFile, host: &mut CaptureHost) -> Result<(), OpenError> {
        let complete = file.complete.iter().chain(&file.absent).map(|path| (path, true));
        for (path, covered) in complete.chain(file.incomplete.iter().map(|path| (path, false))) {
            if host.coverage.insert(path.as_path().to_owned(), covered).is_some() {
                return Err(self.error(
                    &path.to_string(),
                    format!(
                        "\"{path}\" comes twice in \"complete\", \"incomplete\" and \"absent\"; keep one"
                    ),
                ));
            }
        }
        host.absent = file.absent.iter().map(|path| path.as_path().to_owned()).collect();
        Ok(())
    }

    fn nodes(
        &mut self,
        file: &HostFile,
        host: &mut CaptureHost,
        users: &Ids,
        groups: &Ids,
    ) -> Result<(), OpenError> {
        // A directory is what something lies below.
        let mut above = BTreeSet::new();
        let mut path_bytes = 0_usize;
        let listed = file.files.0.iter().map(|(path, _)| path.as_path());
        for path in listed.chain(self.contents.keys().map(PathBuf::as_path)) {
            path_bytes = path_bytes.saturating_add(path.as_os_str().len());
            for parent in path.ancestors().skip(1) {
                if !above.insert(parent.to_owned()) {
                    break;
                }
                path_bytes = path_bytes.saturating_add(parent.as_os_str().len());
            }
            if path_bytes > MAX_PATH_BYTES {
                return Err(self.error("files", "the paths are too many; capture less"));
            }
        }
        for (path, entry) in &file.files.0 {
            let node = self.node(path, entry, host, users, groups, above.contains(path.as_path()))?;
            if host.nodes.insert(path.as_path().to_owned(), node).is_some() {
                let key = path.to_string();
                return Err(self.error(&key, format!("\"{key}\" is listed twice; keep one")));
            }
        }
        above.insert(PathBuf::from("/"));
        for directory in above {
            if let Some(node) = host.nodes.get(&directory) {
                if !node.is_dir() && node.gap.is_none() {
                    let key = directory.display().to_string();
                    let what = node.meta.file_type.with_article();
                    return Err(self.error(
                        &key,
                        format!("\"{key}\" is {what}, and entries or contents lie below it; list them under the path they have without links"),
                    ));
                }
            } else {
                let node = host.new_node(&directory, FileType::Directory);
                host.nodes.insert(directory, node);
            }
        }
        Ok(())
    }

    fn inline(&self, path: &HostPath, entry: &FileEntry) -> Result<Option<Vec<u8>>, OpenError> {
        match (&entry.text, &entry.base64) {
            (Some(_), Some(_)) => Err(self.twice(path)),
            (Some(text), None) => Ok(Some(text.clone().into_bytes())),
            (None, Some(text)) => {
                let decoded = base64::engine::general_purpose::STANDARD.decode(text);
                decoded.map(Some).map_err(|error| {
                    let key = path.to_string();
                    self.error(&key, format!("the base64 of \"{key}\" is broken: {error}; encode it again"))
                })
            }
            (None, None) => Ok(None),
        }
    }

    fn twice(&self, path: &HostPath) -> OpenError {
        let key = path.to_string();
        self.error(&key, format!("\"{key}\" has more than one content; keep one of text, base64 and files/"))
    }

    fn node(
        &mut self,
        path: &HostPath,
        entry: &FileEntry,
        host: &CaptureHost,
        users: &Ids,
        groups: &Ids,
        has_below: bool,
    ) -> Result<Node, OpenError> {
        let key = path.to_string();
        let inline = self.inline(path, entry)?;
        let stored_size = self.contents.remove(path.as_path());
        if inline.is_some() && stored_size.is_some() {
            return Err(self.twice(path));
        }
        let has_content =
            inline.is_some() || stored_size.is_some() || entry.elf.is_some() || entry.pieces.is_some();
        let pieces =
            self.pieces(&key, entry, inline.as_ref().map(|bytes| bytes.len() as u64).or(stored_size))?;
        let kind = entry.kind.unwrap_or({
            if entry.link.is_some() {
                Kind::Link
            } else if path.says_dir() || entry.names.is_some() || (has_below && !has_content) {
                Kind::Dir
            } else {
                Kind::File
            }
        });
        let wrong = |builder: &Self, reason: &str| Err(builder.error(&key, format!("\"{key}\" {reason}")));
        if path.says_dir() && kind != Kind::Dir {
            return wrong(self, "ends in `/` and is no directory; remove the `/`");
        }
        if (kind == Kind::Link) != entry.link.is_some() {
            return wrong(self, "has a type that does not fit `link`; a link has both or `link` alone");
        }
        if entry.link.as_ref().is_some_and(|link| link.is_empty() || link.contains('\0')) {
            return wrong(self, "is a link without a target, or with NUL in it; give one");
        }
        if has_content && kind != Kind::File {
            return wrong(self, "has content and is no regular file; remove one of them");
        }
        if entry.names.is_some() && kind != Kind::Dir {
            return wrong(self, "has `names` and is no directory; remove one of them");
        }
        let bad_name = |name: &String| matches!(name.as_str(), "" | "." | "..") || name.contains(['/', '\0']);
        if entry.names.iter().flatten().any(bad_name) {
            return wrong(self, "has `names` that are no names: empty, `.`, `..`, or with `/` or NUL");
        }

        let mut node = host.new_node(path.as_path(), file_type(kind));
        let meta = &mut node.meta;
        if let Some(mode) = entry.mode {
            meta.mode = mode.0;
        }
        if let Some(uid) = self.id(&key, entry.owner.as_ref(), users, "owner", "users")? {
            meta.uid = uid;
        }
        if let Some(gid) = self.id(&key, entry.group.as_ref(), groups, "group", "groups")? {
            meta.gid = gid;
        }
        if let Some(time) = entry.mtime {
            meta.mtime = time.0;
        }
        meta.ctime = entry.ctime.map_or(meta.mtime, |time| time.0);
        let size = match kind {
            Kind::File if pieces.is_some() => pieces.as_ref().map(|pieces| pieces.size()),
            Kind::File => Some(match (&inline, stored_size, &entry.elf) {
                (Some(bytes), _, _) => bytes.len() as u64,
                (None, Some(size), _) => size,
                (None, None, Some(elf)) => elf::sample(elf).map_or(1, |bytes| bytes.len() as u64),
                // Nobody knows; a file that is taken for empty would be a false claim.
                (None, None, None) => 1,
            }),
            Kind::Link => entry.link.as_ref().map(|link| link.len() as u64),
            _ => None,
        };
        meta.size = entry.size.or(size).unwrap_or(meta.size);

        node.stored = match (inline, stored_size) {
            (Some(bytes), _) => Stored::Bytes(bytes.into()),
            (None, Some(_)) => Stored::File,
            (None, None) => Stored::Nothing,
        };
        node.truncated = entry.truncated;
        node.changed_while_read = entry.changed_while_read;
        node.link = entry.link.as_ref().map(PathBuf::from);
        node.elf.clone_from(&entry.elf);
        node.elf_gap = entry.elf_gap.as_ref().map(gap_value);
        node.pieces = pieces.map(Arc::new);
        node.inode = entry.inode;
        node.sums.clone_from(&entry.sums);
        node.found = self.found(&key, entry)?;
        let no_birth = || entry.birth_gap.as_ref().map(|gap| widen(gap_value(gap)));
        node.birth = entry.birth.map(|time| Value::Known(time.0)).or_else(no_birth);
        self.xattrs(&key, entry, &mut node)?;
        node.names = entry.names.as_ref().map(|names| names.iter().map(OsString::from).collect());
        node.gap = gap(entry.denied.as_ref(), entry.failed.as_ref(), entry.not_collected.as_ref());
        node.read_gap =
            gap(entry.read_denied.as_ref(), entry.read_failed.as_ref(), entry.read_not_collected.as_ref());
        Ok(node)
    }

    /// Where what is stored stands in the file; `stored` bytes are there.
    fn pieces(&self, key: &str, entry: &FileEntry, stored: Option<u64>) -> Result<Option<Pieces>, OpenError> {
        let Some(given) = &entry.pieces else { return Ok(None) };
        match Pieces::new(given) {
            Some(pieces) if pieces.held() == stored.unwrap_or(0) => Ok(Some(pieces)),
            _ => Err(self.error(
                key,
                format!("the pieces of \"{key}\" do not fit its content; make the capture again"),
            )),
        }
    }

    fn found(&self, key: &str, entry: &FileEntry) -> Result<BTreeMap<String, Matches>, OpenError> {
        let decode = |text: &String| base64::engine::general_purpose::STANDARD.decode(text);
        let mut found = BTreeMap::new();
        for (pattern, given) in &entry.found.0 {
            let texts: Result<Vec<Vec<u8>>, _> = given.texts.iter().map(decode).collect();
            let texts = texts.map_err(|error| {
                self.error(key, format!("\"{key}\" has a broken base64 in \"found\": {error}"))
            })?;
            found.insert(pattern.clone(), Matches { texts, truncated: given.truncated });
        }
        Ok(found)
    }

    fn xattrs(&self, key: &str, entry: &FileEntry, node: &mut Node) -> Result<(), OpenError> {
        let wrong = |reason: String| self.error(key, format!("\"{key}\" {reason}"));
        let mut put = |name: &str, value| node.xattrs.insert(name.to_owned(), value).is_some();
        if let Some(label) = &entry.selinux {
            put(SELINUX, Value::Known(label_bytes(label)));
        }
        for (name, texts) in [(acl::ACCESS, &entry.acl), (acl::DEFAULT, &entry.default_acl)] {
            let Some(texts) = texts else { continue };
            let value = if texts.is_empty() {
                Value::Absent
            } else {
                let acl = acl::Acl::from_text(texts.iter().map(String::as_str));
                Value::Known(
                    acl.map_err(|error| wrong(format!("has a broken ACL: {error}; mend it")))?.to_bytes(),
                )
            };
            put(name, value);
        }
        for (name, value) in &entry.xattrs.0 {
            let bytes = base64::engine::general_purpose::STANDARD.decode(value);
            let bytes = bytes.map_err(|error| wrong(format!("has a broken base64 in {name:?}: {error}")))?;
            if name.is_empty() || name.contains('\0') {
                return Err(wrong(format!("has {name:?} among its xattrs, which is no name; remove it")));
            }
            // Under its own field it is written twice.
            let is_own = match name.as_str() {
                SELINUX => entry.selinux.is_some(),
                acl::ACCESS => entry.acl.is_some(),
                acl::DEFAULT => entry.default_acl.is_some(),
                _ => false,
            };
            if is_own {
                return Err(wrong(format!("gives {name:?} twice; keep one")));
            }
            node.xattrs.insert(name.clone(), Value::Known(bytes));
        }
        for (name, gap) in &entry.xattr_gaps.0 {
            if node.xattrs.contains_key(name) {
                return Err(wrong(format!("gives {name:?} twice; keep one")));
            }
            node.xattrs.insert(name.clone(), widen(gap_value(gap)));
        }
        if let Some(gap) = &entry.other_xattrs {
            node.other_xattrs = gap_value(gap);
        }
        if let Some(list) = &entry.attributes {
            node.attributes = Value::Known(attributes(list));
        } else if let Some(gap) = &entry.attributes_gap {
            node.attributes = widen(gap_value(gap));
        }
        // The mode and the list are two views of one thing.
        if let Some(acl) = node.acl()
            && acl.mode() != node.meta.mode & 0o777
        {
            return Err(wrong(format!(
                "has the ACL of a file of mode {:04o} and mode {:04o}; the group digit is the mask; mend one",
                acl.mode(),
                node.meta.mode & 0o777
            )));
        }
        Ok(())
    }

    fn parts(
        &self,
        file: &HostFile,
        host: &mut CaptureHost,
        users: &Ids,
        groups: &Ids,
    ) -> Result<(), OpenError> {
        let gaps = &file.gaps;
        host.now = part(file.now.map(|time| time.0), gaps.now.as_ref());
        host.machine = part(
            file.machine.as_ref().map(|machine| Machine {
                system: machine.system.clone(),
                arch: machine.arch.clone(),
                hostname: machine.hostname.clone(),
            }),
            gaps.machine.as_ref(),
        );
        // Without a list and without a reason the captured file is asked.
        host.users = names(file.users.as_ref(), gaps.users.as_ref());
        host.groups = names(file.groups.as_ref(), gaps.groups.as_ref());
        let mounts = file.mounts.as_deref().map(to_mounts);
        host.mounts = part(mounts, gaps.mounts.as_ref());
        let processes = match &file.processes {
            None => None,
            Some(entries) => {
                let mut processes = Vec::new();
                let mut pids = BTreeSet::new();
                for entry in entries {
                    let process = self.process(entry, host.default_mtime, users)?;
                    if !pids.insert(process.pid) {
                        return Err(self.error(
                            "processes",
                            format!("process {} is listed twice; keep one", process.pid),
                        ));
                    }
                    processes.push(process);
                }
                Some(processes)
            }
        };
        host.processes = part(processes, gaps.processes.as_ref());
        self.details(file, host, users, groups)?;
        let sockets = file.unix_sockets.as_deref().map(|sockets| self.sockets(sockets)).transpose()?;
        host.sockets = part(sockets, gaps.unix_sockets.as_ref());
        host.boot_time = part(file.boot_time.map(|time| time.0), gaps.boot_time.as_ref());
        host.space = file
            .space
            .0
            .iter()
            .map(|(path, entry)| (path.as_path().to_owned(), Value::Known(detail::space(entry))))
            .chain(
                file.space_gaps
                    .0
                    .iter()
                    .map(|(path, gap)| (path.as_path().to_owned(), widen(gap_value(gap)))),
            )
            .collect();
        host.asked = Asked {
            home: file.home.as_ref().map(|home| home.as_path().to_owned()),
            since: file.since.clone(),
        };
        host.env = file.env.0.iter().cloned().collect();
        Ok(())
    }

    fn process(&self, entry: &ProcessEntry, default_start: i64, users: &Ids) -> Result<Process, OpenError> {
        let uid = match &entry.user {
            Some(owner @ Owner::Name(name)) => self.id(name, Some(owner), users, "user", "users")?,
            owner => self.id("processes", owner.as_ref(), users, "user", "users")?,
        };
        let program = entry.exe.as_ref().or(entry.args.first());
        let comm = entry.comm.clone().or_else(|| program.map(|program| comm_of(program)));
        let source = format!("/proc/{}/environ", entry.pid);
        let env_path = match (&entry.path, &entry.path_gap) {
            (Some(Some(path)), _) => Value::Known(path.clone()),
            (Some(None), _) => Value::Absent,
            (None, gap) => part(None, gap.as_ref()),
        };
        Ok(Process {
            pid: entry.pid,
            ppid: entry.ppid,
            comm: comm.unwrap_or_default(),
            exe: entry.exe.as_ref().map(PathBuf::from),
            args: entry.args.iter().map(OsString::from).collect(),
            uid: uid.unwrap_or(0),
            state: entry.state.unwrap_or('S'),
            start: entry.start.map_or(default_start, |time| time.0),
            env_path: Fact { source, value: env_path },
            foreign: entry.foreign,
        })
    }
}

/// The kernel keeps 15 bytes of the file's name.
fn comm_of(program: &str) -> String {
    let name = program.rsplit('/').next().unwrap_or(program);
    let end = (0..=name.len().min(15)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name[..end].to_owned()
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::Regular,
        Kind::Dir => FileType::Directory,
        Kind::Link => FileType::Symlink,
        Kind::Fifo => FileType::Fifo,
        Kind::Socket => FileType::Socket,
        Kind::Char => FileType::CharDevice,
        Kind::Block => FileType::BlockDevice,
    }
}

fn gap(denied: Option<&String>, failed: Option<&String>, not_collected: Option<&String>) -> Option<NoValue> {
    match (denied, failed, not_collected) {
        (Some(why), ..) => Some(Value::Denied(why.clone())),
        (None, Some(why), _) => Some(Value::Failed(why.clone())),
        (None, None, Some(why)) => Some(Value::NotCollected(why.clone())),
        (None, None, None) => None,
    }
}

fn part<T>(given: Option<T>, gap: Option<&GapEntry>) -> Value<T> {
    match (given, gap) {
        (Some(value), _) => Value::Known(value),
        (None, None) => Value::NotCollected(NOT_HELD.to_owned()),
        (None, Some(gap)) => widen(gap_value(gap)),
    }
}

fn gap_value(gap: &GapEntry) -> NoValue {
    match gap {
        GapEntry::Absent => Value::Absent,
        GapEntry::Denied(why) => Value::Denied(why.clone()),
        GapEntry::Failed(why) => Value::Failed(why.clone()),
        GapEntry::NotCollected(why) => Value::NotCollected(why.clone()),
    }
}

/// SELinux counts the NUL at the end of a label.
fn label_bytes(label: &str) -> Vec<u8> {
    let mut bytes = label.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn attributes(list: &[AttributeEntry]) -> Attributes {
    Attributes {
        immutable: list.contains(&AttributeEntry::Immutable),
        append_only: list.contains(&AttributeEntry::AppendOnly),
    }
}

fn names(given: Option<&Entries<String, u32>>, gap: Option<&GapEntry>) -> Option<Value<Vec<Account>>> {
    (given.is_some() || gap.is_some()).then(|| part(given.map(to_accounts), gap))
}

fn to_accounts(entries: &Entries<String, u32>) -> Vec<Account> {
    entries.0.iter().map(|(name, id)| Account { name: name.clone(), id: *id }).collect()
}

fn to_mounts(entries: &[MountEntry]) -> Vec<Mount> {
    let options = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|option| !option.is_empty()).map(str::to_owned).collect()
    };
    let mut mounts: Vec<Mount> = entries
        .iter()
        .map(|entry| Mount {
            target: entry.target.as_path().to_owned(),
            source: entry.source.clone(),
            fstype: entry.fstype.clone(),
            options: options(&entry.options),
            super_options: options(entry.super_options.as_deref().unwrap_or_default()),
            root: PathBuf::from(entry.root.as_deref().unwrap_or("/")),
            id: entry.id.unwrap_or(0),
            parent: entry.parent.unwrap_or(0),
        })
        .collect();
    mountinfo::number(&mut mounts);
    mounts
}

#[cfg(test)]
mod tests;
