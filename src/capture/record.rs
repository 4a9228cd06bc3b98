//! A host that notes what it is asked, and what it answers.
//!
//! A capture is made by letting the commands read through this: what they ask on the capture was
//! asked on the host, so they get the same answers. Contents are not kept but for small ones; of
//! the others only which bytes were read is noted, and a capture reads those again.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::host::elf::Elf;
use crate::host::{
    Account, Asked, Attributes, Content, Fact, FileType, Host, Machine, Matches, Meta, Mount, Process,
    ProcessDetail, Resolved, Source, SourceKind, Space, Sums, UnixSocket, Value,
};

/// As many links as any host follows.
const MAX_LINKS: usize = 40;

/// Contents of at most so many bytes are kept, so that what is written is what was seen...
const SMALL: usize = 64 * 1024;
/// ... up to so many bytes of all of them.
const KEPT: usize = 12 << 20;

/// So many files stay open until their parts are written: what is rotated meanwhile is not lost.
const OPEN: usize = 64;

/// A host that notes what it is asked.
pub struct Recorder<'h> {
    host: &'h dyn Host,
    noted: Mutex<Noted>,
    open: Arc<AtomicUsize>,
}

impl fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("host", &self.host.label()).finish_non_exhaustive()
    }
}

/// What was asked, with the answers.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// By path without links.
    pub(super) nodes: BTreeMap<PathBuf, Node>,
    /// Paths that are not there, as they were asked for.
    pub(super) absent: BTreeSet<PathBuf>,
    pub(super) space: BTreeMap<PathBuf, Value<Space>>,
    pub(super) mounts: Option<Value<Vec<Mount>>>,
    pub(super) processes: Option<Value<Vec<Process>>>,
    pub(super) details: BTreeMap<u32, Value<ProcessDetail>>,
    pub(super) sockets: BTreeMap<Option<u32>, Value<Vec<UnixSocket>>>,
    pub(super) users: Option<Value<Vec<Account>>>,
    pub(super) groups: Option<Value<Vec<Account>>>,
    pub(super) machine: Option<Value<Machine>>,
    pub(super) now: Option<Value<i64>>,
    pub(super) boot_time: Option<Value<i64>>,
    pub(super) env: BTreeMap<String, OsString>,
    /// Bytes of all contents that are kept.
    kept: usize,
}

/// One entry that was looked at.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) meta: Value<Meta>,
    pub(super) link: Option<PathBuf>,
    pub(super) birth: Option<Value<i64>>,
    pub(super) xattrs: BTreeMap<String, Value<Vec<u8>>>,
    pub(super) attributes: Option<Value<Attributes>>,
    pub(super) names: Option<Value<Vec<OsString>>>,
    pub(super) elf: Option<Value<Elf>>,
    pub(super) sums: Option<Sums>,
    pub(super) found: BTreeMap<String, Matches>,
    pub(super) content: Option<Box<Contents>>,
}

/// What was read of a file.
#[derive(Debug)]
pub(super) struct Contents {
    /// Why it could not be read.
    pub(super) gap: Option<Value<()>>,
    /// Bytes of the file as who read it was told.
    pub(super) size: u64,
    pub(super) identity: Option<(u64, u64)>,
    pub(super) truncated: bool,
    pub(super) changed: bool,
    /// The first bytes, where they are kept.
    pub(super) kept: Option<Vec<u8>>,
    pub(super) parts: Arc<Mutex<Parts>>,
}

/// The parts of a file that were read.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) ranges: Ranges,
    /// The file, while it is open.
    pub(super) source: Option<Arc<dyn Source>>,
}

/// Ranges of bytes: ends by beginnings, apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds the bytes from `start` up to `end`.
    pub(super) fn add(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        // The one before it, when it reaches it.
        if let Some((&before, &reach)) = self.0.range(..=start).next_back()
            && reach >= start
        {
            if reach >= end {
                return;
            }
            start = before;
        }
        while let Some((&next, &reach)) = self.0.range(start..=end).next() {
            self.0.remove(&next);
            end = end.max(reach);
        }
        self.0.insert(start, end);
    }

    /// Beginnings and ends, in their order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(start, end)| (*start, *end))
    }

    /// Bytes in all of them.
    pub(super) fn total(&self) -> u64 {
        self.iter().map(|(start, end)| end - start).sum()
    }
}

impl Node {
    fn new(meta: Value<Meta>, link: Option<PathBuf>) -> Self {
        Self {
            meta,
            link,
            birth: None,
            xattrs: BTreeMap::new(),
            attributes: None,
            names: None,
            elf: None,
            sums: None,
            found: BTreeMap::new(),
            content: None,
        }
    }

    fn content(&mut self) -> &mut Contents {
        let size = match &self.meta {
            Value::Known(meta) => meta.size,
            _ => 0,
        };
        self.content.get_or_insert_with(|| {
            Box::new(Contents {
                gap: None,
                size,
                identity: None,
                truncated: false,
                changed: false,
                kept: None,
                parts: Arc::default(),
            })
        })
    }
}

impl<'h> Recorder<'h> {
    /// Notes what this host is asked.
    pub fn new(host: &'h dyn Host) -> Self {
        Self { host, noted: Mutex::default(), open: Arc::default() }
    }

    /// The host that is asked.
    pub(super) fn host(&self) -> &'h dyn Host {
        self.host
    }

    /// What was noted.
    pub(super) fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a path as the host does and notes all entries on the way; the path without links,
    /// none when the way ends before it.
    fn locate(&self, noted: &mut Noted, path: &Path, follow: bool) -> Option<PathBuf> {
        if !path.is_absolute() {
            return None;
        }
        let names = |path: &Path| -> Vec<OsString> {
            let part = |part: Component<'_>| match part {
                Component::Normal(name) => Some(name.to_owned()),
                Component::ParentDir => Some(OsString::from("..")),
                _ => None,
            };
            path.components().rev().filter_map(part).collect()
        };
        let mut pending = names(path);
        let mut real = PathBuf::from("/");
        let mut links = 0;
        self.note(noted, &real);
        while let Some(name) = pending.pop() {
            if name == ".." {
                real.pop();
                continue;
            }
            let child = real.join(&name);
            let (meta, link) = self.note(noted, &child);
            let Value::Known(meta) = meta else { return None };
            match link {
                Some(target) if follow || !pending.is_empty() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    if target.is_absolute() {
                        real = PathBuf::from("/");
                    }
                    pending.extend(names(target));
                }
                _ if pending.is_empty() || meta.file_type == FileType::Directory => real = child,
                _ => return None,
            }
        }
        Some(real)
    }

    /// Looks at an entry whose path holds no link, unless it was looked at before.
    fn note<'n>(&self, noted: &'n mut Noted, path: &Path) -> (&'n Value<Meta>, Option<&'n PathBuf>) {
        if !noted.nodes.contains_key(path) {
            let meta = self.host.entry(path).value;
            let is_link = matches!(&meta, Value::Known(meta) if meta.file_type == FileType::Symlink);
            let link = if is_link { self.host.link_target(path).get().cloned() } else { None };
            noted.nodes.insert(path.to_owned(), Node::new(meta, link));
        }
        match noted.nodes.get(path) {
            Some(node) => (&node.meta, node.link.as_ref()),
            None => (&Value::Absent, None),
        }
    }

    /// Changes what is noted of an entry that is there.
    fn at(&self, path: &Path, follow: bool, is_absent: bool, change: impl FnOnce(&mut Node, &mut usize)) {
        let mut noted = self.noted();
        let noted = &mut *noted;
        let real = self.locate(noted, path, follow);
        match real.and_then(|real| noted.nodes.get_mut(&real)) {
            Some(node) => change(node, &mut noted.kept),
            // A capture may know that something is not there, and not what is above it.
            None if is_absent => {
                noted.absent.insert(path.to_owned());
            }
            None => {}
        }
    }
}

/// Why something could not be read; none when it could, or is not there, which the entry says.
fn gap_of<T>(value: &Value<T>) -> Option<Value<()>> {
    match value {
        Value::Known(_) | Value::Absent => None,
        Value::Denied(why) => Some(Value::Denied(why.clone())),
        Value::Failed(why) => Some(Value::Failed(why.clone())),
        Value::NotCollected(why) => Some(Value::NotCollected(why.clone())),
    }
}

/// The newest answer about an entry is the one that is held.
fn renew(node: &mut Node, meta: &Meta) {
    if let Value::Known(known) = &mut node.meta
        && known.file_type == meta.file_type
    {
        known.clone_from(meta);
    }
}

fn is_regular(node: &Node) -> bool {
    matches!(&node.meta, Value::Known(meta) if meta.file_type == FileType::Regular)
}

impl Host for Recorder<'_> {
    fn kind(&self) -> SourceKind {
        self.host.kind()
    }

    fn label(&self) -> String {
        self.host.label()
    }

    fn reader_uid(&self) -> u32 {
        self.host.reader_uid()
    }

    fn entry(&self, path: &Path) -> Fact<Meta> {
        let fact = self.host.entry(path);
        self.at(path, false, fact.is_absent(), |node, _| {
            if let Some(meta) = fact.get() {
                renew(node, meta);
            }
        });
        fact
    }

    fn resolve(&self, path: &Path) -> Fact<Resolved> {
        let fact = self.host.resolve(path);
        self.at(path, true, fact.is_absent(), |node, _| {
            if let Some(resolved) = fact.get() {
                renew(node, &resolved.meta);
            }
        });
        fact
    }

    fn link_target(&self, path: &Path) -> Fact<PathBuf> {
        let fact = self.host.link_target(path);
        self.at(path, false, fact.is_absent(), |_, _| {});
        fact
    }

    fn birth(&self, path: &Path) -> Fact<i64> {
        let fact = self.host.birth(path);
        self.at(path, false, fact.is_absent(), |node, _| node.birth = Some(fact.value.clone()));
        fact
    }

    fn xattr(&self, path: &Path, name: &str) -> Fact<Vec<u8>> {
        let fact = self.host.xattr(path, name);
        self.at(path, false, fact.is_absent(), |node, _| {
            node.xattrs.insert(name.to_owned(), fact.value.clone());
        });
        fact
    }

    fn attributes(&self, path: &Path) -> Fact<Attributes> {
        let fact = self.host.attributes(path);
        self.at(path, false, fact.is_absent(), |node, _| node.attributes = Some(fact.value.clone()));
        fact
    }

    fn space(&self, path: &Path) -> Fact<Space> {
        let fact = self.host.space(path);
        let mut noted = self.noted();
        if let Some(real) = self.locate(&mut noted, path, true) {
            noted.space.insert(real, fact.value.clone());
        }
        fact
    }

    fn read(&self, path: &Path, limit: u64) -> Fact<Content> {
        let fact = self.host.read(path, limit);
        self.at(path, true, fact.is_absent(), |node, all_kept| {
            if !is_regular(node) {
                return;
            }
            let content = node.content();
            let Value::Known(read) = &fact.value else {
                content.gap = gap_of(&fact.value);
                return;
            };
            let length = read.bytes.len() as u64;
            // A file of procfs has no size, and one that grows has more than it had.
            content.size = if read.truncated { content.size.max(length + 1) } else { length };
            content.changed |= read.changed_while_read;
            content.parts.lock().unwrap_or_else(PoisonError::into_inner).ranges.add(0, length);
            let before = content.kept.as_ref().map_or(0, Vec::len);
            if read.bytes.len() <= SMALL
                && read.bytes.len() >= before
                && *all_kept + read.bytes.len() - before <= KEPT
            {
                *all_kept += read.bytes.len() - before;
                content.kept = Some(read.bytes.clone());
            } else if read.bytes.len() > before {
                *all_kept -= before;
                content.kept = None;
            }
        });
        fact
    }

    fn open(&self, path: &Path) -> Fact<Box<dyn Source>> {
        let fact = self.host.open(path);
        let mut parts = None;
        self.at(path, true, fact.is_absent(), |node, _| {
            if !is_regular(node) {
                return;
            }
            let content = node.content();
            match &fact.value {
                Value::Known(source) => {
                    content.size = source.size().max(content.size);
                    content.identity = source.identity();
                    content.truncated |= source.truncated();
                    parts = Some(Arc::clone(&content.parts));
                }
                other => content.gap = gap_of(other),
            }
        });
        fact.map(|source| match parts {
            Some(parts) => Box::new(Watched { source: source.into(), parts, open: Arc::clone(&self.open) }),
            None => source,
        })
    }

    fn sums(&self, path: &Path, limit: u64) -> Fact<Sums> {
        let fact = self.host.sums(path, limit);
        self.at(path, true, fact.is_absent(), |node, _| match &fact.value {
            Value::Known(sums) => node.sums = Some(sums.clone()),
            Value::Denied(_) if is_regular(node) => node.content().gap = gap_of(&fact.value),
            _ => {}
        });
        fact
    }

    fn search(&self, path: &Path, limit: u64, pattern: &str) -> Fact<Matches> {
        let fact = self.host.search(path, limit, pattern);
        self.at(path, true, fact.is_absent(), |node, _| match &fact.value {
            Value::Known(found) => {
                node.found.insert(pattern.to_owned(), found.clone());
            }
            Value::Denied(_) if is_regular(node) => node.content().gap = gap_of(&fact.value),
            _ => {}
        });
        fact
    }

    fn list(&self, path: &Path) -> Fact<Vec<OsString>> {
        let fact = self.host.list(path);
        self.at(path, true, fact.is_absent(), |node, _| {
            if matches!(&node.meta, Value::Known(meta) if meta.file_type == FileType::Directory) {
                node.names = Some(fact.value.clone());
            }
        });
        fact
    }

    fn elf(&self, path: &Path) -> Fact<Elf> {
        let fact = self.host.elf(path);
        self.at(path, true, fact.is_absent(), |node, _| {
            if is_regular(node) {
                node.elf = Some(fact.value.clone());
            }
        });
        fact
    }

    fn mounts(&self) -> Fact<Vec<Mount>> {
        let fact = self.host.mounts();
        self.noted().mounts = Some(fact.value.clone());
        fact
    }

    fn processes(&self) -> Fact<Vec<Process>> {
        let fact = self.host.processes();
        self.noted().processes = Some(fact.value.clone());
        fact
    }

    fn process_detail(&self, pid: u32) -> Fact<ProcessDetail> {
        let fact = self.host.process_detail(pid);
        self.noted().details.insert(pid, fact.value.clone());
        fact
    }

    fn unix_sockets(&self, pid: Option<u32>) -> Fact<Vec<UnixSocket>> {
        let fact = self.host.unix_sockets(pid);
        self.noted().sockets.insert(pid, fact.value.clone());
        fact
    }

    fn users(&self) -> Fact<Vec<Account>> {
        let fact = self.host.users();
        self.noted().users = Some(fact.value.clone());
        fact
    }

    fn groups(&self) -> Fact<Vec<Account>> {
        let fact = self.host.groups();
        self.noted().groups = Some(fact.value.clone());
        fact
    }

    fn machine(&self) -> Fact<Machine> {
        let fact = self.host.machine();
        self.noted().machine = Some(fact.value.clone());
        fact
    }

    fn now(&self) -> Fact<i64> {
        // One moment for all that is asked, and for those who ask the capture.
        let mut noted = self.noted();
        let fact = self.host.now();
        let first = noted.now.get_or_insert_with(|| fact.value.clone()).clone();
        Fact { source: fact.source, value: first }
    }

    fn boot_time(&self) -> Fact<i64> {
        let fact = self.host.boot_time();
        self.noted().boot_time = Some(fact.value.clone());
        fact
    }

    fn asked(&self) -> Asked {
        self.host.asked()
    }

    fn env(&self, name: &str) -> Option<OsString> {
        let value = self.host.env(name);
        if let Some(value) = &value {
            self.noted().env.insert(name.to_owned(), value.clone());
        }
        value
    }
}

/// A file of which is noted what is read.
#[derive(Debug)]
struct Watched {
    source: Arc<dyn Source>,
    parts: Arc<Mutex<Parts>>,
    open: Arc<AtomicUsize>,
}

impl Source for Watched {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn identity(&self) -> Option<(u64, u64)> {
        self.source.identity()
    }

    fn truncated(&self) -> bool {
        self.source.truncated()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.source.read_at(buffer, offset)?;
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.ranges.add(offset, offset.saturating_add(read as u64));
        if parts.source.is_none() && self.open.fetch_add(1, Ordering::Relaxed) < OPEN {
            parts.source = Some(Arc::clone(&self.source));
        }
        Ok(read)
    }

    fn hole(&self, from: u64) -> Option<Range<u64>> {
        self.source.hole(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged() {
        let ranges = |added: &[(u64, u64)]| {
            let mut ranges = Ranges::default();
            for (start, end) in added {
                ranges.add(*start, *end);
            }
            ranges.iter().collect::<Vec<_>>()
        };
        assert_eq!(ranges(&[(0, 5), (5, 9)]), [(0, 9)]);
        assert_eq!(ranges(&[(5, 9), (0, 5)]), [(0, 9)]);
        assert_eq!(ranges(&[(0, 3), (6, 9), (2, 7)]), [(0, 9)]);
        assert_eq!(ranges(&[(0, 9), (2, 7)]), [(0, 9)]);
        assert_eq!(ranges(&[(2, 7), (0, 9), (20, 20)]), [(0, 9)]);
        assert_eq!(ranges(&[(0, 3), (6, 9)]), [(0, 3), (6, 9)]);
        assert_eq!(ranges(&[(0, 3), (6, 9), (12, 14), (1, 13)]), [(0, 14)]);
    }
}
