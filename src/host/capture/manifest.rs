//! `host.json` as it is written: what serde reads, before any of it is believed.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::{self, DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::host::{OpenError, elf};

/// The newest format that is read, and the one that is written.
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
    /// Why a part is missing; without it the part was not collected.
    #[serde(default, skip_serializing_if = "Gaps::is_empty")]
    pub gaps: Gaps,
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
    /// Target of a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Content, when it is short text; else it lies in `files/PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Content, when it is short and no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// The content is only the beginning of the file.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// The file changed while it was captured.
    #[serde(default, skip_serializing_if = "is_false")]
    pub changed_while_read: bool,
    /// Headers of a compiled program whose bytes are not in the capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elf: Option<elf::Elf>,
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
    /// The content, or the names in a directory, could not be read: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_denied: Option<String>,
    /// Reading the content, or the names in a directory, failed: how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_failed: Option<String>,
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
}

impl HostFile {
    /// Reads `host.json`; `path` is named in errors.
    ///
    /// # Errors
    ///
    /// When it is no JSON, not in this form, or of a newer format.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, OpenError> {
        // First, because a newer format may have fields that are unknown here.
        let version: Version = from_json(bytes, path)?;
        if version.format > FORMAT {
            return Err(OpenError::TooNew { path: path.to_owned(), found: version.format, known: FORMAT });
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
