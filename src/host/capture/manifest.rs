//! `host.json` as it is written: what serde reads, before any of it is believed.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::{self, DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::host::process::Seccomp;
use crate::host::{OpenError, SocketKind, SocketState, Sums, elf};

/// The newest format that is read, and the one that is written. A reader refuses
/// fields it does not know, because what it would pass over could be what makes a
/// host differ. So once a format is released, a new field makes a new format;
/// format 1 is not released yet and grows as it is.
pub const FORMAT: u64 = 1;

/// Linux allows 4096 bytes in a path and needs far fewer levels.
const MAX_PATH: usize = 4096;
const MAX_DEPTH: usize = 128;

/// `host.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFile {
    /// Version of this format; [`FORMAT`] in what this program writes.
    pub format: u64,
    /// Which program made the capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// The Wazuh directory that was named when it was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<HostPath>,
    /// How far back logs were read when it was captured, as it was written: `2d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How the host is called in reports; else the directory of the capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The host's clock when it was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Time>,
    /// Modification time of entries that give none; else `now`, else 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_mtime: Option<Time>,
    /// Kernel, hardware, name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineEntry>,
    /// The uid that captured; 0 when it is not given. Only told in reports:
    /// what it could not see is marked where it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<u32>,
    /// Users by name; else those of a captured `/etc/passwd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Entries<String, u32>>,
    /// Groups by name; else those of a captured `/etc/group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Entries<String, u32>>,
    /// The mount table, in its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<MountEntry>>,
    /// All processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<Vec<ProcessEntry>>,
    /// Details of processes that do not give them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_defaults: Option<DetailEntry>,
    /// Unix sockets, all of the host's network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix_sockets: Option<Vec<SocketEntry>>,
    /// How full file systems are, by where they are mounted (or by a path on them).
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub space: Entries<HostPath, SpaceEntry>,
    /// When the kernel started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_time: Option<Time>,
    /// Why a part is missing; without it the part was not collected.
    #[serde(default, skip_serializing_if = "Gaps::is_empty")]
    pub gaps: Gaps,
    /// How full file systems are, where that is not known: why.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub space_gaps: Entries<HostPath, GapEntry>,
    /// Variables of the environment of who captured, such as `WAZUH_HOME`.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub env: Entries<String, String>,
    /// Subtrees that are listed in full: what is not listed in them is absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub complete: Vec<HostPath>,
    /// Subtrees of those that are not listed in full after all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<HostPath>,
    /// Paths that were looked for and are not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<HostPath>,
    /// Owner, group and mode of entries in a subtree that give none.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub defaults: Entries<HostPath, DefaultsEntry>,
    /// The entries.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub files: Entries<HostPath, FileEntry>,
}

/// One entry of `files`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// What it is. Without it: a link when `link` is there, a directory when
    /// the path ends in `/`, when `names` is there or when entries or files lie
    /// below it, else a regular file.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Permission bits in octal; else 0644, 0755 for directories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Owner by name or number; else root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Group by name or number; else root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Owner>,
    /// Bytes on the host; else those of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Modification time; else `default_mtime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<Time>,
    /// Change time; else `mtime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctime: Option<Time>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth: Option<Time>,
    /// Why `birth` is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_gap: Option<GapEntry>,
    /// Device and inode, which tell links to one file from copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<(u64, u64)>,
    /// `security.selinux` as text, without its NUL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selinux: Option<String>,
    /// The access control list as getfacl(1) writes it with numbers
    /// (`user:998:r-x`); an empty one is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<Vec<String>>,
    /// The default access control list of a directory, in the same form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_acl: Option<Vec<String>>,
    /// Further extended attributes by name, in base64.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub xattrs: Entries<String, String>,
    /// Further extended attributes that were asked for and are not known: why.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub xattr_gaps: Entries<String, GapEntry>,
    /// Why it has none of the extended attributes that are not given: `"absent"`
    /// when they were looked for; without it they were not collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_xattrs: Option<GapEntry>,
    /// Its attributes, all of them; without it they were not collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Vec<AttributeEntry>>,
    /// Why `attributes` is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes_gap: Option<GapEntry>,
    /// Target of a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Content, when it is short text; else it lies in `files/PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Content, when it is short and no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Which parts of the file the content is: pairs of bytes that are left out and bytes that
    /// are held, from the file's beginning to its end. The held ones stand one behind the other
    /// in the content; reading what is left out is an error. Without it the content is the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<Vec<(u64, u64)>>,
    /// Checksums of the file on the host, where content is left out or has secrets hidden in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<Sums>,
    /// Texts that were looked for in the file on the host, by pattern.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    pub found: Entries<String, FoundEntry>,
    /// The content is only the beginning of the file.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// The file changed while it was captured.
    #[serde(default, skip_serializing_if = "is_false")]
    pub changed_while_read: bool,
    /// Headers of a compiled program whose bytes are not in the capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elf: Option<elf::Elf>,
    /// Why there are no such headers: `"absent"` when it is no compiled program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elf_gap: Option<GapEntry>,
    /// Names in the directory, all of them. Those without an entry were seen
    /// and nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// Neither the entry nor anything below it could be looked at: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
    /// Looking at the entry failed: how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Neither the entry nor anything below it was looked at: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_collected: Option<String>,
    /// The content, or the names in a directory, could not be read: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_denied: Option<String>,
    /// Reading the content, or the names in a directory, failed: how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_failed: Option<String>,
    /// The content, or the names in a directory, were left out: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_not_collected: Option<String>,
}

/// Texts that were looked for in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundEntry {
    /// The different texts that fit, in base64.
    pub texts: Vec<String>,
    /// Whether the file goes on after the bytes that were searched.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// What entries below a directory have when they do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultsEntry {
    /// Owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Owner>,
    /// Mode of everything but directories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Mode of directories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir_mode: Option<Mode>,
    /// As in [`FileEntry::selinux`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selinux: Option<String>,
    /// As in [`FileEntry::other_xattrs`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_xattrs: Option<GapEntry>,
    /// As in [`FileEntry::attributes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Vec<AttributeEntry>>,
}

/// What chattr(1) sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeEntry {
    /// `chattr +i`.
    Immutable,
    /// `chattr +a`.
    AppendOnly,
}

/// How full a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceEntry {
    /// Bytes of a block.
    #[serde(default = "page")]
    pub block_size: u64,
    /// All blocks.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks for others than root; else `blocks_free`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks_available: Option<u64>,
    /// All inodes; 0 when the file system does not count them.
    #[serde(default)]
    pub inodes: u64,
    /// Free inodes.
    #[serde(default)]
    pub inodes_free: u64,
    /// Whether nothing can be written there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_only: bool,
}

fn page() -> u64 {
    4096
}

/// Kernel, hardware, name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineEntry {
    /// As uname(2) gives it.
    #[serde(default = "linux")]
    pub system: String,
    /// As uname(2) gives it.
    pub arch: String,
    /// Host name.
    #[serde(default)]
    pub hostname: String,
}

fn linux() -> String {
    "Linux".to_owned()
}

/// One line of the mount table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountEntry {
    /// Where it is mounted.
    pub target: HostPath,
    /// What is mounted.
    #[serde(default = "none")]
    pub source: String,
    /// File system type.
    #[serde(rename = "type")]
    pub fstype: String,
    /// Options in force, with commas.
    #[serde(default)]
    pub options: String,
    /// Those of the file system alone, with commas; else nothing is said of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub super_options: Option<String>,
    /// The directory of the file system that is mounted; else `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Number of the mount; mounts without one are numbered in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// Number of the mount it is mounted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
}

fn none() -> String {
    "none".to_owned()
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessEntry {
    /// Process number.
    pub pid: u32,
    /// Parent's number.
    #[serde(default = "one")]
    pub ppid: u32,
    /// Name the kernel keeps; else the first 15 bytes of the program's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comm: Option<String>,
    /// The program file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// Arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Real user by name or number; else root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Owner>,
    /// State letter; else `S`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<char>,
    /// When it started; else `default_mtime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Time>,
    /// `PATH` in its environment; `null` when it has none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub path: Option<Option<String>>,
    /// Why `path` is not there; without it it was not collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_gap: Option<GapEntry>,
    /// Whether it lives in a container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// Its details; what is not in them is taken from `process_defaults`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<DetailEntry>,
}

/// Details of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailEntry {
    /// Number of threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// Users and groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsEntry>,
    /// Capability sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<CapabilitiesEntry>,
    /// Whether set-user-ID and file capabilities have no effect in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_new_privs: Option<bool>,
    /// How its system calls are filtered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp>,
    /// The kernel function it waits in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wchan: Option<String>,
    /// Numbers of its namespaces by type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<BTreeMap<String, u64>>,
    /// Types of namespaces that are not the host's; needs `namespaces`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_namespaces: Vec<String>,
    /// Label of the security module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Root directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Control group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Open descriptors, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<Vec<DescriptorEntry>>,
    /// Resource limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsEntry>,
    /// Its own mount table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<MountEntry>>,
    /// Unix sockets of its own network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix_sockets: Option<Vec<SocketEntry>>,
    /// Why a part is missing, by its name above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gaps: BTreeMap<DetailPart, GapEntry>,
}

/// A part of [`DetailEntry`] that can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "they are the fields of the same name")]
pub enum DetailPart {
    Threads,
    Credentials,
    Capabilities,
    NoNewPrivs,
    Seccomp,
    Wchan,
    Namespaces,
    Label,
    Root,
    Cwd,
    Cgroup,
    Descriptors,
    Limits,
    Mounts,
    UnixSockets,
}

/// Users and groups of a process, whose real user stands beside them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsEntry {
    /// Effective user; else the real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_user: Option<Owner>,
    /// Real group.
    pub group: Owner,
    /// Effective group; else the real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_group: Option<Owner>,
    /// Supplementary groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Owner>,
}

/// Capability sets as /proc/PID/status shows them: 64 bits in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilitiesEntry {
    /// What is permitted.
    pub permitted: Bits,
    /// What is in force.
    pub effective: Bits,
    /// The most that a program it starts can have.
    pub bounding: Bits,
    /// What programs it starts keep without being root.
    #[serde(default)]
    pub ambient: Bits,
}

/// A set of bits, as a string of hexadecimal digits in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bits(pub u64);

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = if is_hexadecimal { u64::from_str_radix(&text, 16).ok() } else { None };
        bits.map(Bits).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is no set in hexadecimal digits, such as \"000001ffffffffff\""
            ))
        })
    }
}

/// One open descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescriptorEntry {
    /// Number.
    pub fd: u32,
    /// What it was opened for: `r`, `w` or `rw`.
    pub access: AccessEntry,
    /// It is a pipe of this number. One of these is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipe: Option<u64>,
    /// It is a socket of this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<u64>,
    /// It is a file, opened under this path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The file has been removed there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// It is anything else, as the kernel words it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

/// What a descriptor was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessEntry {
    /// Reading.
    #[serde(rename = "r")]
    Read,
    /// Writing.
    #[serde(rename = "w")]
    Write,
    /// Both.
    #[serde(rename = "rw")]
    ReadWrite,
    /// Neither (`O_PATH`).
    #[serde(rename = "")]
    Neither,
}

/// Resource limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsEntry {
    /// Descriptors.
    pub open_files: LimitEntry,
    /// Bytes in a file it writes.
    pub file_size: LimitEntry,
    /// Processes of its real user.
    pub processes: LimitEntry,
}

/// A limit in force and the most it can be raised to; `null` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitEntry(pub Option<u64>, pub Option<u64>);

/// One Unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketEntry {
    /// Its number, as descriptors name it.
    pub inode: u64,
    /// Type.
    #[serde(rename = "type")]
    pub kind: SocketKind,
    /// Whether connections are accepted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub listening: bool,
    /// How far its connection is.
    #[serde(default)]
    pub state: SocketState,
    /// References.
    #[serde(default = "two")]
    pub refs: u32,
    /// The path it is bound to, as the binder gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The name without a file it is bound to, without its first NUL.
    #[serde(default, rename = "abstract", skip_serializing_if = "Option::is_none")]
    pub abstract_name: Option<String>,
}

fn two() -> u32 {
    2
}

fn one() -> u32 {
    1
}

fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(input).map(Some)
}

/// Why parts of the host are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gaps {
    /// The clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<GapEntry>,
    /// Kernel, hardware, name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<GapEntry>,
    /// Users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<GapEntry>,
    /// Groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GapEntry>,
    /// The mount table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounts: Option<GapEntry>,
    /// Processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<GapEntry>,
    /// Unix sockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix_sockets: Option<GapEntry>,
    /// When the kernel started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_time: Option<GapEntry>,
}

impl Gaps {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why one thing is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapEntry {
    /// It was looked for and is not there.
    Absent,
    /// The caller may not look.
    Denied(String),
    /// Reading failed.
    Failed(String),
    /// It was left out.
    NotCollected(String),
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A FIFO.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A character device.
    Char,
    /// A block device.
    Block,
}

/// An absolute path on the host, without `.`, `..`, NUL or empty components.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPath {
    path: String,
    says_dir: bool,
}

impl HostPath {
    /// Checks a path as it is written in `host.json`.
    ///
    /// # Errors
    ///
    /// The reason in words.
    pub fn new(text: &str) -> Result<Self, String> {
        let wrong = |reason: &str| Err(format!("path {text:?} {reason}"));
        if !text.starts_with('/') {
            return wrong("is not absolute");
        }
        if text.len() > MAX_PATH {
            return Err(format!("a path has more than {MAX_PATH} bytes"));
        }
        if text.contains('\0') {
            return wrong("holds a NUL byte");
        }
        let path = if text == "/" { text } else { text.strip_suffix('/').unwrap_or(text) };
        let mut depth = 0;
        if path != "/" {
            for component in path.split('/').skip(1) {
                depth += 1;
                match component {
                    "" => return wrong("holds `//`"),
                    "." | ".." => return wrong("holds `.` or `..`"),
                    _ => {}
                }
            }
        }
        if depth > MAX_DEPTH {
            return wrong(&format!("is more than {MAX_DEPTH} levels deep"));
        }
        Ok(Self { path: path.to_owned(), says_dir: text.ends_with('/') })
    }

    /// The path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// Whether it was written with a `/` at its end.
    #[must_use]
    pub fn says_dir(&self) -> bool {
        self.says_dir
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if self.says_dir && self.path != "/" { f.write_str("/") } else { Ok(()) }
    }
}

impl Serialize for HostPath {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostPath {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

/// An instant, as seconds since 1970; RFC 3339 in JSON, and a number is read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => output.collect_str(&time),
            // File systems can hold years that RFC 3339 cannot.
            Err(_) => output.serialize_i64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"2026-11-20T10:00:00Z\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                let time: jiff::Timestamp = text.parse().map_err(|_| {
                    E::custom(format!("{text:?} is no time such as \"2026-11-20T10:00:00Z\""))
                })?;
                Ok(Time(time.as_second()))
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Time, E> {
                Ok(Time(seconds))
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Time, E> {
                i64::try_from(seconds).map(Time).map_err(|_| E::custom("the time is out of range"))
            }
        }
        input.deserialize_any(Read)
    }
}

/// Permission bits, as a string of octal digits in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(&format_args!("{:04o}", self.0))
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Mode;

            // Said of 0660 and 432 alike: a bare number would leave its base open.
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mode as a string of octal digits, such as \"0660\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Mode, E> {
                let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
                let mode = if is_octal { u32::from_str_radix(text, 8).ok() } else { None };
                mode.filter(|mode| *mode <= 0o7777).map(Mode).ok_or_else(|| {
                    E::custom(format!("{text:?} is no mode in octal digits, such as \"0660\""))
                })
            }
        }
        input.deserialize_any(Read)
    }
}

/// An owner or group by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// By name, among the capture's own users or groups.
    Name(String),
    /// By number.
    Id(u32),
}

impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Name(name) => output.serialize_str(name),
            Self::Id(id) => output.serialize_u32(*id),
        }
    }
}

impl<'de> Deserialize<'de> for Owner {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Owner;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a number")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Owner, E> {
                Ok(Owner::Name(name.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Owner, E> {
                u32::try_from(id).map(Owner::Id).map_err(|_| E::custom(format!("{id} is no uid or gid")))
            }
        }
        input.deserialize_any(Read)
    }
}

/// A JSON object that keeps its order and refuses a key that comes twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries<K, V>(pub Vec<(K, V)>);

impl<K, V> Default for Entries<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> Entries<K, V> {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Entries<K, V> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let mut map = output.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de, K, V> Deserialize<'de> for Entries<K, V>
where
    K: DeserializeOwned + Ord + Clone + fmt::Display,
    V: DeserializeOwned,
{
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Read<K, V>(PhantomData<(K, V)>);
        impl<'de, K, V> Visitor<'de> for Read<K, V>
        where
            K: DeserializeOwned + Ord + Clone + fmt::Display,
            V: DeserializeOwned,
        {
            type Value = Entries<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut seen = std::collections::BTreeSet::new();
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<K>()? {
                    if !seen.insert(key.clone()) {
                        return Err(de::Error::custom(format!("\"{key}\" comes twice")));
                    }
                    entries.push((key, map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }
        input.deserialize_map(Read(PhantomData))
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// The one field that a capture of any format has.
#[derive(Deserialize)]
struct Version {
    format: u64,
    #[serde(default)]
    made_by: Option<String>,
}

/// Reads a file of a capture that says of which format it is.
pub(super) fn versioned<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, OpenError> {
    // First, because a newer format may have fields that are unknown here.
    let version: Version = from_json(bytes, path)?;
    if version.format > FORMAT {
        return Err(OpenError::TooNew {
            path: path.to_owned(),
            made_by: version.made_by,
            found: version.format,
            known: FORMAT,
        });
    }
    if version.format == 0 {
        return Err(OpenError::Invalid {
            path: path.to_owned(),
            line: line_of(bytes, "format"),
            reason: format!("there is no format 0; write \"format\": {FORMAT}"),
        });
    }
    from_json(bytes, path)
}

impl HostFile {
    /// Reads `host.json`; `path` is named in errors.
    ///
    /// # Errors
    ///
    /// When it is no JSON, not in this form, or of a newer format.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, OpenError> {
        versioned(bytes, path)
    }

    /// As text: one line for each file, process and mount.
    ///
    /// # Errors
    ///
    /// Only when serde refuses, which these types do not give it cause to.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let value = serde_json::to_value(self)?;
        let serde_json::Value::Object(fields) = value else { return Ok(String::new()) };
        let mut lines = Vec::new();
        for (key, value) in fields {
            let key = serde_json::to_string(&key)?;
            let spread = |open: char, items: Vec<String>, close: char| {
                format!("  {key}: {open}\n    {}\n  {close}", items.join(",\n    "))
            };
            lines.push(match value {
                serde_json::Value::Object(items) if items.values().any(serde_json::Value::is_object) => {
                    let items = items
                        .iter()
                        .map(|(name, item)| Ok(format!("{}: {item}", serde_json::to_string(name)?)));
                    spread('{', items.collect::<serde_json::Result<_>>()?, '}')
                }
                serde_json::Value::Array(items) if items.iter().any(serde_json::Value::is_object) => {
                    spread('[', items.iter().map(ToString::to_string).collect(), ']')
                }
                value => format!("  {key}: {value}"),
            });
        }
        Ok(format!("{{\n{}\n}}\n", lines.join(",\n")))
    }
}

fn from_json<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, OpenError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        OpenError::Syntax {
            path: path.to_owned(),
            line: error.line().max(1),
            column: error.column().max(1),
            reason: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
        }
    })
}

/// The line where a key or string stands; 1 when it is written in another way.
pub(super) fn line_of(bytes: &[u8], key: &str) -> usize {
    let Ok(quoted) = serde_json::to_string(key) else { return 1 };
    memchr::memmem::find(bytes, quoted.as_bytes())
        .map_or(1, |at| 1 + memchr::memchr_iter(b'\n', &bytes[..at]).count())
}
