//! What was noted, as a `host.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::record::{Node, Noted, Parts};
use crate::host::acl::{self, Acl};
use crate::host::capture::{
    AccessEntry, AttributeEntry, Bits, CapabilitiesEntry, CredentialsEntry, DescriptorEntry, DetailEntry,
    DetailPart, Entries, FORMAT, FileEntry, FoundEntry, GapEntry, HostFile, HostPath, Kind, LimitEntry,
    LimitsEntry, MachineEntry, Mode, MountEntry, NOT_HELD, Owner, ProcessEntry, SELINUX, SocketEntry,
    SpaceEntry, Time,
};
use crate::host::process::{Descriptor, DescriptorTarget, Limit, ProcessDetail};
use crate::host::{
    Account, Attributes, FileType, Mount, Process, SocketName, SourceKind, Space, UnixSocket, Value,
};

/// A host in the form of a capture, and what of it has to be read again.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) file: HostFile,
    /// The contents, by path.
    pub(super) contents: Vec<Planned>,
    /// What cannot be said in the form of a capture: the path, and why.
    pub(super) unsaid: Vec<(String, &'static str)>,
}

/// A content that is to be held.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) path: PathBuf,
    /// Which of `file.files` it is of.
    pub(super) index: usize,
    /// Bytes of the file.
    pub(super) size: u64,
    /// The parts that are held, from where to where.
    pub(super) ranges: Vec<(u64, u64)>,
    /// The parts, where they are in memory: from the beginning on.
    pub(super) kept: Option<Vec<u8>>,
    /// Whether it was read as a whole, so that its beginning is worth most.
    pub(super) from_start: bool,
}

impl Planned {
    /// Bytes that are held.
    pub(super) fn held(&self) -> u64 {
        self.ranges.iter().map(|(start, end)| end - start).sum()
    }
}

/// Puts what was noted into the form of a capture. The contents are taken out of it.
pub(super) fn describe(noted: &mut Noted, kind: SourceKind, reader: u32) -> Described {
    let mut described = Described::default();
    let file = &mut described.file;
    file.format = FORMAT;
    file.reader = Some(reader);
    split(noted.now.clone(), |now| file.now = Some(Time(now)), &mut file.gaps.now);
    split(noted.boot_time.clone(), |time| file.boot_time = Some(Time(time)), &mut file.gaps.boot_time);
    let machine = |machine: crate::host::Machine| {
        file.machine =
            Some(MachineEntry { system: machine.system, arch: machine.arch, hostname: machine.hostname });
    };
    split(noted.machine.clone(), machine, &mut file.gaps.machine);
    split(noted.users.clone(), |users| file.users = Some(accounts(users)), &mut file.gaps.users);
    split(noted.groups.clone(), |groups| file.groups = Some(accounts(groups)), &mut file.gaps.groups);
    split(noted.mounts.clone(), |list| file.mounts = Some(mounts(&list)), &mut file.gaps.mounts);
    let sockets = noted.sockets.remove(&None);
    split(sockets, |list| file.unix_sockets = Some(unix_sockets(&list)), &mut file.gaps.unix_sockets);
    let processes = noted.processes.clone();
    let mut entries = None;
    split(processes, |list| entries = Some(list), &mut file.gaps.processes);
    file.processes = entries.map(|list| list.iter().map(|one| process(one, noted)).collect());
    for (path, space) in &noted.space {
        let Ok(path) = host_path(path) else { continue };
        match space {
            Value::Known(space) => file.space.0.push((path, space_entry(*space))),
            other => file.space_gaps.0.extend(gap(other).map(|gap| (path, gap))),
        }
    }
    let lossy =
        |(name, value): (&String, &std::ffi::OsString)| (name.clone(), value.to_string_lossy().into_owned());
    file.env = Entries(noted.env.iter().map(lossy).collect());
    for (path, node) in &mut noted.nodes {
        let key = match host_path(path) {
            Ok(key) => key,
            Err(why) => {
                described.unsaid.push((path.to_string_lossy().into_owned(), why));
                continue;
            }
        };
        if node.meta == Value::Absent {
            described.file.absent.push(key);
            continue;
        }
        // As of anything that a capture does not list.
        if matches!(&node.meta, Value::NotCollected(why) if why == NOT_HELD) {
            continue;
        }
        let entry = entry(node, kind);
        let index = described.file.files.0.len();
        described.contents.extend(planned(path, index, node));
        described.file.files.0.push((key, entry));
    }
    let is_above = |path: &Path| {
        let mut below =
            noted.nodes.range::<Path, _>((std::ops::Bound::Included(path), std::ops::Bound::Unbounded));
        below.next().is_some_and(|(next, _)| next.starts_with(path))
    };
    // Those whose way is known say so themselves.
    let unfounded = noted.absent.iter().filter(|path| {
        let stop = path.ancestors().find_map(|above| noted.nodes.get(above));
        matches!(stop.map(|node| &node.meta), Some(Value::NotCollected(_)) | None) && !is_above(path)
    });
    described.file.absent.extend(unfounded.filter_map(|path| host_path(path).ok()));
    described
}

fn host_path(path: &Path) -> Result<HostPath, &'static str> {
    let text = path.to_str().ok_or("its name is no UTF-8")?;
    HostPath::new(text).map_err(|_| "its name is too long or too deep")
}

/// Puts a part where it belongs, or the reason why it is not there.
fn split<T>(part: Option<Value<T>>, known: impl FnOnce(T), why: &mut Option<GapEntry>) {
    match part {
        None => {}
        Some(Value::Known(value)) => known(value),
        Some(other) => *why = gap(&other),
    }
}

fn gap<T>(value: &Value<T>) -> Option<GapEntry> {
    Some(match value {
        Value::Known(_) => return None,
        Value::Absent => GapEntry::Absent,
        Value::Denied(why) => GapEntry::Denied(why.clone()),
        Value::Failed(why) => GapEntry::Failed(why.clone()),
        Value::NotCollected(why) => GapEntry::NotCollected(why.clone()),
    })
}

/// Of a name that comes twice libc takes the first.
fn accounts(list: Vec<Account>) -> Entries<String, u32> {
    let mut seen = std::collections::BTreeSet::new();
    let first = |account: Account| seen.insert(account.name.clone()).then_some((account.name, account.id));
    Entries(list.into_iter().filter_map(first).collect())
}

fn mounts(list: &[Mount]) -> Vec<MountEntry> {
    let options = |list: &[String]| list.join(",");
    let entry = |mount: &Mount| {
        Some(MountEntry {
            target: host_path(&mount.target).ok()?,
            source: mount.source.clone(),
            fstype: mount.fstype.clone(),
            options: options(&mount.options),
            super_options: Some(options(&mount.super_options)),
            root: Some(mount.root.to_string_lossy().into_owned()),
            id: Some(mount.id).filter(|id| *id != 0),
            parent: Some(mount.parent).filter(|_| mount.id != 0),
        })
    };
    list.iter().filter_map(entry).collect()
}

fn unix_sockets(list: &[UnixSocket]) -> Vec<SocketEntry> {
    let entry = |socket: &UnixSocket| SocketEntry {
        inode: socket.inode,
        kind: socket.kind,
        listening: socket.listening,
        state: socket.state,
        refs: socket.refs,
        path: socket.path().map(|path| path.to_string_lossy().into_owned()),
        abstract_name: match &socket.name {
            Some(SocketName::Abstract(name)) => Some(String::from_utf8_lossy(name).into_owned()),
            _ => None,
        },
    };
    list.iter().map(entry).collect()
}

fn space_entry(space: Space) -> SpaceEntry {
    SpaceEntry {
        block_size: space.block_size,
        blocks: space.blocks,
        blocks_free: space.blocks_free,
        blocks_available: Some(space.blocks_available),
        inodes: space.inodes,
        inodes_free: space.inodes_free,
        read_only: space.read_only,
    }
}

fn process(process: &Process, noted: &Noted) -> ProcessEntry {
    let path = match &process.env_path.value {
        Value::Known(path) => Some(Some(path.clone())),
        Value::Absent => Some(None),
        _ => None,
    };
    let detail = match noted.details.get(&process.pid) {
        Some(Value::Known(detail)) => Some(detail_entry(detail)),
        _ => None,
    };
    let sockets = noted.sockets.get(&Some(process.pid));
    let detail = match sockets {
        None => detail,
        Some(sockets) => {
            let mut detail = detail.unwrap_or_default();
            match sockets {
                Value::Known(list) => detail.unix_sockets = Some(unix_sockets(list)),
                other => detail.gaps.extend(gap(other).map(|gap| (DetailPart::UnixSockets, gap))),
            }
            Some(detail)
        }
    };
    ProcessEntry {
        pid: process.pid,
        ppid: process.ppid,
        comm: Some(process.comm.clone()),
        exe: process.exe.as_ref().map(|exe| exe.to_string_lossy().into_owned()),
        args: process.args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        user: Some(Owner::Id(process.uid)),
        state: Some(process.state),
        start: Some(Time(process.start)),
        path_gap: if path.is_none() { gap(&process.env_path.value) } else { None },
        path,
        foreign: process.foreign,
        detail,
    }
}

fn detail_entry(detail: &ProcessDetail) -> DetailEntry {
    fn part<T: Clone, U>(
        gaps: &mut BTreeMap<DetailPart, GapEntry>,
        name: DetailPart,
        value: &Value<T>,
        form: impl FnOnce(T) -> U,
    ) -> Option<U> {
        gaps.extend(gap(value).map(|gap| (name, gap)));
        match value {
            Value::Known(value) => Some(form(value.clone())),
            _ => None,
        }
    }
    use DetailPart as Part;
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let limit = |limit: Limit| LimitEntry(limit.soft, limit.hard);
    let mut gaps = BTreeMap::new();
    let entry = DetailEntry {
        threads: part(&mut gaps, Part::Threads, &detail.threads.value, |threads| threads),
        credentials: part(&mut gaps, Part::Credentials, &detail.credentials.value, |given| {
            CredentialsEntry {
                effective_user: Some(Owner::Id(given.euid)),
                group: Owner::Id(given.gid),
                effective_group: Some(Owner::Id(given.egid)),
                groups: given.groups.into_iter().map(Owner::Id).collect(),
            }
        }),
        capabilities: part(&mut gaps, Part::Capabilities, &detail.capabilities.value, |sets| {
            CapabilitiesEntry {
                permitted: Bits(sets.permitted),
                effective: Bits(sets.effective),
                bounding: Bits(sets.bounding),
                ambient: Bits(sets.ambient),
            }
        }),
        no_new_privs: part(&mut gaps, Part::NoNewPrivs, &detail.no_new_privs.value, |is_set| is_set),
        seccomp: part(&mut gaps, Part::Seccomp, &detail.seccomp.value, |seccomp| seccomp),
        wchan: part(&mut gaps, Part::Wchan, &detail.wchan.value, |wchan| wchan),
        namespaces: part(&mut gaps, Part::Namespaces, &detail.namespaces.value, |spaces| spaces.numbers),
        other_namespaces: detail
            .namespaces
            .get()
            .map(|spaces| spaces.others.iter().cloned().collect())
            .unwrap_or_default(),
        label: part(&mut gaps, Part::Label, &detail.label.value, |label| label),
        root: part(&mut gaps, Part::Root, &detail.root.value, text),
        cwd: part(&mut gaps, Part::Cwd, &detail.cwd.value, text),
        cgroup: part(&mut gaps, Part::Cgroup, &detail.cgroup.value, |cgroup| cgroup),
        descriptors: part(&mut gaps, Part::Descriptors, &detail.descriptors.value, |list| {
            list.iter().map(descriptor).collect()
        }),
        limits: part(&mut gaps, Part::Limits, &detail.limits.value, |limits| LimitsEntry {
            open_files: limit(limits.open_files),
            file_size: limit(limits.file_size),
            processes: limit(limits.processes),
        }),
        mounts: part(&mut gaps, Part::Mounts, &detail.mounts.value, |list| mounts(&list)),
        unix_sockets: None,
        gaps: BTreeMap::new(),
    };
    DetailEntry { gaps, ..entry }
}

fn descriptor(descriptor: &Descriptor) -> DescriptorEntry {
    let mut entry = DescriptorEntry {
        fd: descriptor.fd,
        access: match (descriptor.access.read, descriptor.access.write) {
            (true, true) => AccessEntry::ReadWrite,
            (true, false) => AccessEntry::Read,
            (false, true) => AccessEntry::Write,
            (false, false) => AccessEntry::Neither,
        },
        pipe: None,
        socket: None,
        file: None,
        deleted: false,
        other: None,
    };
    match &descriptor.target {
        DescriptorTarget::Pipe(number) => entry.pipe = Some(*number),
        DescriptorTarget::Socket(number) => entry.socket = Some(*number),
        DescriptorTarget::File { path, deleted } => {
            entry.file = Some(path.to_string_lossy().into_owned());
            entry.deleted = *deleted;
        }
        DescriptorTarget::Other(text) => entry.other = Some(text.clone()),
    }
    entry
}

fn entry(node: &Node, kind: SourceKind) -> FileEntry {
    let mut entry = FileEntry::default();
    let meta = match &node.meta {
        Value::Known(meta) => meta,
        Value::Denied(why) => return FileEntry { denied: Some(why.clone()), ..entry },
        Value::Failed(why) => return FileEntry { failed: Some(why.clone()), ..entry },
        Value::NotCollected(why) => return FileEntry { not_collected: Some(why.clone()), ..entry },
        Value::Absent => return entry,
    };
    entry.kind = Some(match meta.file_type {
        FileType::Regular => Kind::File,
        FileType::Directory => Kind::Dir,
        FileType::Symlink => Kind::Link,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharDevice => Kind::Char,
        FileType::BlockDevice => Kind::Block,
    });
    entry.mode = Some(Mode(meta.mode));
    entry.owner = Some(Owner::Id(meta.uid));
    entry.group = Some(Owner::Id(meta.gid));
    entry.size = Some(meta.size);
    entry.mtime = Some(Time(meta.mtime));
    // The copy of a tree has times of its own.
    entry.ctime = Some(Time(meta.ctime)).filter(|_| kind != SourceKind::Tree && meta.ctime != meta.mtime);
    entry.link = node.link.as_ref().map(|link| link.to_string_lossy().into_owned());
    split(node.birth.clone(), |birth| entry.birth = Some(Time(birth)), &mut entry.birth_gap);
    split(
        node.attributes.clone(),
        |given| entry.attributes = Some(attributes(given)),
        &mut entry.attributes_gap,
    );
    for (name, value) in &node.xattrs {
        xattr(&mut entry, name, value, meta.mode);
    }
    let mut read_gap = None;
    if let Some(names) = &node.names {
        let text = |name: &std::ffi::OsString| name.to_str().map(str::to_owned);
        match names {
            Value::Known(names) => entry.names = Some(names.iter().filter_map(text).collect()),
            other => read_gap = gap(other),
        }
    }
    if let Some(elf) = &node.elf {
        match elf {
            Value::Known(elf) => entry.elf = Some(elf.clone()),
            other => entry.elf_gap = gap(other),
        }
    }
    entry.sums.clone_from(&node.sums);
    let encode = |texts: &[Vec<u8>]| texts.iter().map(|text| STANDARD.encode(text)).collect();
    let found = |(pattern, found): (&String, &crate::host::Matches)| {
        (pattern.clone(), FoundEntry { texts: encode(&found.texts), truncated: found.truncated })
    };
    entry.found = Entries(node.found.iter().map(found).collect());
    if let Some(content) = &node.content {
        entry.inode = content.identity;
        entry.truncated = content.truncated;
        entry.changed_while_read = content.changed;
        if let Some(why) = &content.gap
            && parts(&content.parts).ranges.total() == 0
        {
            read_gap = gap(why);
        }
    }
    match read_gap {
        Some(GapEntry::Denied(why)) => entry.read_denied = Some(why),
        Some(GapEntry::Failed(why)) => entry.read_failed = Some(why),
        // Of a program only the headers may be held.
        Some(GapEntry::NotCollected(why)) if entry.elf.is_none() && node.content.is_none() => {
            entry.read_not_collected = Some(why);
        }
        _ => {}
    }
    entry
}

pub(super) fn parts(parts: &std::sync::Mutex<Parts>) -> std::sync::MutexGuard<'_, Parts> {
    parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn attributes(given: Attributes) -> Vec<AttributeEntry> {
    let list =
        [(given.immutable, AttributeEntry::Immutable), (given.append_only, AttributeEntry::AppendOnly)];
    list.into_iter().filter(|(is_set, _)| *is_set).map(|(_, entry)| entry).collect()
}

fn xattr(entry: &mut FileEntry, name: &str, value: &Value<Vec<u8>>, mode: u32) {
    let Value::Known(bytes) = value else {
        entry.xattr_gaps.0.extend(gap(value).map(|gap| (name.to_owned(), gap)));
        return;
    };
    let label = bytes.strip_suffix(&[0]).and_then(|label| std::str::from_utf8(label).ok());
    if name == SELINUX
        && let Some(label) = label
    {
        entry.selinux = Some(label.to_owned());
        return;
    }
    // The list and the mode are two views of one thing, unless it changed between two looks.
    let is_torn = name == acl::ACCESS && Acl::parse(bytes).is_ok_and(|acl| acl.mode() != mode & 0o777);
    if is_torn {
        let why = GapEntry::Failed("changed while it was read".to_owned());
        entry.xattr_gaps.0.push((name.to_owned(), why));
    } else {
        entry.xattrs.0.push((name.to_owned(), STANDARD.encode(bytes)));
    }
}

/// What of a file's content is to be held; none where nothing is, or nothing could be read.
fn planned(path: &Path, index: usize, node: &mut Node) -> Option<Planned> {
    let is_program = matches!(node.elf, Some(Value::Known(_)));
    let content = node.content.as_mut()?;
    let ranges: Vec<(u64, u64)> = parts(&content.parts).ranges.iter().collect();
    if ranges.is_empty() && content.gap.is_some() {
        return None;
    }
    if is_program {
        // That it could be opened is known, and the headers.
        return Some(Planned {
            path: path.to_owned(),
            index,
            size: content.size,
            ranges: Vec::new(),
            kept: None,
            from_start: false,
        });
    }
    let from_start = parts(&content.parts).source.is_none();
    let kept =
        content.kept.take().filter(|kept| ranges.as_slice() == [(0, kept.len() as u64)] || kept.is_empty());
    Some(Planned { path: path.to_owned(), index, size: content.size, ranges, kept, from_start })
}
