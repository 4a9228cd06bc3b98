//! Changes a capture in memory: a test case is a healthy host and a few edits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CaptureHost, GROUP, NOT_HELD, NoValue, Node, PASSWD, Reader, SELINUX, Stored, label_bytes};
use crate::host::acl::{self, Acl};
use crate::host::walk::MAX_LINKS;
use crate::host::{
    Account, Attributes, FileType, GapKind, Machine, Mount, Process, ProcessDetail, Space, UnixSocket, Value,
    mountinfo,
};

/// Why an edit was refused. An edit that does nothing would make a test pass
/// for the wrong reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The path is relative, or holds `..` or NUL.
    #[error("{0:?} is no absolute path without `..` and NUL")]
    BadPath(PathBuf),
    /// Nothing is there to be changed.
    #[error("{0:?} is not in this capture")]
    Missing(PathBuf),
    /// Something above is no directory, or what is asked for is none.
    #[error("{0:?} is no directory")]
    NotDirectory(PathBuf),
    /// A file is asked for and a directory is there.
    #[error("{0:?} is a directory")]
    IsDirectory(PathBuf),
    /// Something is there already.
    #[error("{0:?} is there already")]
    Exists(PathBuf),
    /// Links lead in a circle.
    #[error("{0:?} leads through too many links")]
    Loop(PathBuf),
    /// The content is in the capture's directory and cannot be read.
    #[error("{0:?} has no content that can be added to")]
    NoContent(PathBuf),
}

/// A part of a host beside its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The clock.
    Now,
    /// Kernel, hardware, name.
    Machine,
    /// Users.
    Users,
    /// Groups.
    Groups,
    /// The mount table.
    Mounts,
    /// Processes.
    Processes,
    /// Unix sockets.
    UnixSockets,
    /// When the kernel started.
    BootTime,
}

type Edit<'a> = Result<&'a mut CaptureHost, EditError>;

impl CaptureHost {
    /// Writes a file, through links as a shell would. A file that is there
    /// keeps its owner, mode and times; directories above are made as needed.
    ///
    /// # Errors
    ///
    /// When a directory is there, or something above is none.
    pub fn write(&mut self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Edit<'_> {
        let path = self.locate(path.as_ref(), true)?;
        self.make_parents(&path)?;
        let mut node = match self.nodes.remove(&path) {
            Some(node) if node.is_dir() => {
                self.nodes.insert(path.clone(), node);
                return Err(EditError::IsDirectory(path));
            }
            Some(node) if node.meta.file_type == FileType::Regular => node,
            _ => self.new_node(&path, FileType::Regular),
        };
        let bytes: Arc<[u8]> = bytes.as_ref().into();
        node.meta.size = bytes.len() as u64;
        node.stored = Stored::Bytes(bytes);
        node.elf = None;
        node.elf_gap = None;
        node.pieces = None;
        node.sums = None;
        node.found.clear();
        node.truncated = false;
        node.changed_while_read = false;
        node.gap = None;
        node.read_gap = None;
        self.put(path, node);
        Ok(self)
    }

    /// Writes behind what is in a file.
    ///
    /// # Errors
    ///
    /// When there is no such file, or the capture does not hold its content.
    pub fn append(&mut self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Edit<'_> {
        let place = self.locate(path.as_ref(), true)?;
        let node = self.nodes.get(&place).ok_or_else(|| EditError::Missing(place.clone()))?;
        if node.is_dir() {
            return Err(EditError::IsDirectory(place));
        }
        let content = self.content(&place, node, u64::MAX).ok().filter(|content| !content.truncated);
        let mut all = content.ok_or_else(|| EditError::NoContent(place.clone()))?.bytes;
        all.extend_from_slice(bytes.as_ref());
        self.write(place, all)
    }

    /// Makes a directory and those above it (root, 0755, or as `defaults` say).
    ///
    /// # Errors
    ///
    /// When something is there already, or something above is no directory.
    pub fn mkdir(&mut self, path: impl AsRef<Path>) -> Edit<'_> {
        self.special(path, FileType::Directory)
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    ///
    /// When something is there already, or something above is no directory.
    pub fn symlink(&mut self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> Edit<'_> {
        let path = self.new_path(path.as_ref())?;
        let mut node = self.new_node(&path, FileType::Symlink);
        node.meta.size = target.as_ref().as_os_str().len() as u64;
        node.link = Some(target.as_ref().to_owned());
        self.put(path, node);
        Ok(self)
    }

    /// Makes a FIFO.
    ///
    /// # Errors
    ///
    /// When something is there already, or something above is no directory.
    pub fn mkfifo(&mut self, path: impl AsRef<Path>) -> Edit<'_> {
        self.special(path, FileType::Fifo)
    }

    /// Makes a socket, FIFO, device, directory or a file without content.
    ///
    /// # Errors
    ///
    /// When something is there already, or something above is no directory.
    pub fn special(&mut self, path: impl AsRef<Path>, file_type: FileType) -> Edit<'_> {
        let path = self.new_path(path.as_ref())?;
        let node = self.new_node(&path, file_type);
        self.put(path.clone(), node);
        if file_type == FileType::Directory {
            // All of what is in it is known: nothing.
            self.coverage.insert(path, true);
        }
        Ok(self)
    }

    /// Puts a compiled program, of which only the headers matter.
    ///
    /// # Errors
    ///
    /// As [`CaptureHost::write`].
    pub fn write_elf(&mut self, path: impl AsRef<Path>, elf: &crate::host::elf::Elf) -> Edit<'_> {
        let bytes = crate::host::elf::sample(elf).unwrap_or_default();
        let place = self.locate(path.as_ref(), true)?;
        self.write(&place, bytes)?;
        self.change(&place, |node| node.elf = Some(elf.clone()))
    }

    /// Removes an entry, or a directory with all below it.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn remove(&mut self, path: impl AsRef<Path>) -> Edit<'_> {
        let path = self.locate(path.as_ref(), false)?;
        if !self.nodes.contains_key(&path) {
            return Err(EditError::Missing(path));
        }
        self.drop_subtree(&path);
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
            && let Some(names) = self.nodes.get_mut(parent).and_then(|node| node.names.as_mut())
        {
            names.retain(|known| known != name);
        }
        self.forget_names(&path);
        self.coverage.insert(path, true);
        Ok(self)
    }

    /// Moves an entry with all below it; what was at the new place is gone.
    ///
    /// # Errors
    ///
    /// When it is not there, or would move into itself.
    pub fn rename(&mut self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Edit<'_> {
        let from = self.locate(from.as_ref(), false)?;
        let to = self.locate(to.as_ref(), false)?;
        if to.starts_with(&from) {
            return Err(EditError::Exists(to));
        }
        if from.starts_with(&to) {
            return Err(EditError::IsDirectory(to));
        }
        let moved: Vec<PathBuf> = self
            .nodes
            .get_key_value(&from)
            .map(|(path, _)| path.clone())
            .into_iter()
            .chain(self.below(&from).map(Path::to_owned))
            .collect();
        if moved.is_empty() {
            return Err(EditError::Missing(from));
        }
        self.make_parents(&to)?;
        self.drop_subtree(&to);
        let covered: Vec<_> = self
            .coverage
            .iter()
            .filter(|(path, _)| path.starts_with(&from))
            .map(|(path, covered)| (path.clone(), *covered))
            .collect();
        let from_is_covered = self.covers(&from);
        for path in moved {
            let content = match self.nodes.get(&path) {
                // It lies in the capture's directory under its old name.
                Some(node) if node.stored == Stored::File => self.content(&path, node, u64::MAX).ok(),
                _ => None,
            };
            if let Some(mut node) = self.nodes.remove(&path) {
                if node.stored == Stored::File {
                    node.stored = match content {
                        Some(content) => Stored::Bytes(content.bytes.into()),
                        None => Stored::Nothing,
                    };
                }
                let place = match path.strip_prefix(&from) {
                    Ok(inside) if inside != Path::new("") => to.join(inside),
                    _ => to.clone(),
                };
                self.put(place, node);
            }
        }
        self.coverage.insert(to.clone(), from_is_covered);
        for (path, is_covered) in covered {
            self.coverage.remove(&path);
            if let Ok(inside) = path.strip_prefix(&from)
                && inside != Path::new("")
            {
                self.coverage.insert(to.join(inside), is_covered);
            }
        }
        self.coverage.insert(from.clone(), true);
        self.forget_names(&from);
        Ok(self)
    }

    /// Sets permission bits, through links. An access control list follows, as
    /// with chmod(2).
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn set_mode(&mut self, path: impl AsRef<Path>, mode: u32) -> Edit<'_> {
        self.change(path.as_ref(), |node| {
            node.meta.mode = mode & 0o7777;
            if let Some(acl) = node.acl() {
                let bytes = acl.with_mode(mode).to_bytes();
                node.xattrs.insert(acl::ACCESS.to_owned(), Value::Known(bytes));
            }
        })
    }

    /// Sets the access control list, through links; the mode follows, as with
    /// setfacl(1).
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn set_acl(&mut self, path: impl AsRef<Path>, acl: &Acl) -> Edit<'_> {
        self.change(path.as_ref(), |node| {
            node.meta.mode = node.meta.mode & 0o7000 | acl.mode();
            node.xattrs.insert(acl::ACCESS.to_owned(), Value::Known(acl.to_bytes()));
        })
    }

    /// Sets the label of SELinux, through links.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn set_selinux(&mut self, path: impl AsRef<Path>, label: &str) -> Edit<'_> {
        self.set_xattr(path, SELINUX, Value::Known(label_bytes(label)))
    }

    /// Sets what an extended attribute is, through links; absent removes it.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn set_xattr(&mut self, path: impl AsRef<Path>, name: &str, value: Value<Vec<u8>>) -> Edit<'_> {
        self.change(path.as_ref(), |node| {
            node.xattrs.insert(name.to_owned(), value);
        })
    }

    /// Sets the attributes, through links.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn set_attributes(&mut self, path: impl AsRef<Path>, value: Value<Attributes>) -> Edit<'_> {
        self.change(path.as_ref(), |node| node.attributes = value)
    }

    /// Sets how full the file system mounted at `path` is.
    pub fn set_space(&mut self, path: impl AsRef<Path>, space: Space) -> &mut Self {
        self.space.insert(path.as_ref().to_owned(), Value::Known(space));
        self
    }

    /// Sets owner and group, through links.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn set_owner(&mut self, path: impl AsRef<Path>, uid: u32, gid: u32) -> Edit<'_> {
        self.change(path.as_ref(), |node| (node.meta.uid, node.meta.gid) = (uid, gid))
    }

    /// Sets the time of birth, through links.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn set_birth(&mut self, path: impl AsRef<Path>, birth: i64) -> Edit<'_> {
        self.change(path.as_ref(), |node| node.birth = Some(Value::Known(birth)))
    }

    /// Sets modification and change time, through links.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn set_times(&mut self, path: impl AsRef<Path>, mtime: i64, ctime: i64) -> Edit<'_> {
        self.change(path.as_ref(), |node| (node.meta.mtime, node.meta.ctime) = (mtime, ctime))
    }

    /// The reader may not look at an entry, nor at anything below it. What was
    /// not known of before counts as refused too.
    ///
    /// # Errors
    ///
    /// When the path is none.
    pub fn deny(&mut self, path: impl AsRef<Path>) -> Edit<'_> {
        self.gap(path.as_ref(), Value::Denied("permission denied".to_owned()))
    }

    /// Looking at an entry fails.
    ///
    /// # Errors
    ///
    /// When the path is none.
    pub fn fail(&mut self, path: impl AsRef<Path>, why: &str) -> Edit<'_> {
        self.gap(path.as_ref(), Value::Failed(why.to_owned()))
    }

    /// Nobody looked at an entry; its name is still in the list of its directory.
    ///
    /// # Errors
    ///
    /// When the path is none.
    pub fn forget(&mut self, path: impl AsRef<Path>) -> Edit<'_> {
        self.gap(path.as_ref(), Value::NotCollected(NOT_HELD.to_owned()))
    }

    /// The reader sees an entry and may not read its content or names.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn deny_read(&mut self, path: impl AsRef<Path>) -> Edit<'_> {
        self.change(path.as_ref(), |node| {
            node.read_gap = Some(Value::Denied("permission denied".to_owned()));
        })
    }

    /// Reading the content or names of an entry fails.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn fail_read(&mut self, path: impl AsRef<Path>, why: &str) -> Edit<'_> {
        self.change(path.as_ref(), |node| node.read_gap = Some(Value::Failed(why.to_owned())))
    }

    /// Adds a line to the end of the mount table.
    pub fn add_mount(&mut self, mount: Mount) -> &mut Self {
        let mut mounts = match &self.mounts {
            Value::Known(mounts) => mounts.clone(),
            _ => Vec::new(),
        };
        mounts.push(mount);
        self.set_mounts(mounts)
    }

    /// Replaces the mount table; mounts without a number get one.
    pub fn set_mounts(&mut self, mut mounts: Vec<Mount>) -> &mut Self {
        mountinfo::number(&mut mounts);
        self.mounts = Value::Known(mounts);
        self
    }

    /// Replaces all processes.
    pub fn set_processes(&mut self, processes: Vec<Process>) -> &mut Self {
        self.processes = Value::Known(processes);
        self
    }

    /// Adds a process; one with its number is replaced.
    pub fn add_process(&mut self, process: Process) -> &mut Self {
        match &mut self.processes {
            Value::Known(processes) => {
                processes.retain(|known| known.pid != process.pid);
                processes.push(process);
                processes.sort_by_key(|known| known.pid);
            }
            other => *other = Value::Known(vec![process]),
        }
        self
    }

    /// Ends a process.
    ///
    /// # Errors
    ///
    /// When there is none with this number.
    pub fn remove_process(&mut self, pid: u32) -> Edit<'_> {
        let missing = || EditError::Missing(PathBuf::from(format!("/proc/{pid}")));
        let Value::Known(processes) = &mut self.processes else { return Err(missing()) };
        let before = processes.len();
        processes.retain(|process| process.pid != pid);
        if processes.len() == before {
            return Err(missing());
        }
        self.details.remove(&pid);
        self.other_sockets.remove(&pid);
        Ok(self)
    }

    /// Changes the details of a process. A process that was added has those that
    /// the capture gives to any; its state and real user are those of the list.
    ///
    /// # Errors
    ///
    /// When there is none with this number.
    pub fn change_process(&mut self, pid: u32, change: impl FnOnce(&mut ProcessDetail)) -> Edit<'_> {
        let process = match &self.processes {
            Value::Known(processes) => processes.iter().find(|process| process.pid == pid),
            _ => None,
        };
        let process = process.ok_or_else(|| EditError::Missing(PathBuf::from(format!("/proc/{pid}"))))?;
        let mut detail = self.detail_of(process);
        change(&mut detail);
        self.details.insert(pid, detail);
        Ok(self)
    }

    /// Replaces the Unix sockets of the host's network namespace.
    pub fn set_unix_sockets(&mut self, sockets: Vec<UnixSocket>) -> &mut Self {
        self.sockets = Value::Known(sockets);
        self
    }

    /// Adds a Unix socket; one with its number is replaced.
    pub fn add_unix_socket(&mut self, socket: UnixSocket) -> &mut Self {
        match &mut self.sockets {
            Value::Known(sockets) => {
                sockets.retain(|known| known.inode != socket.inode);
                sockets.push(socket);
            }
            other => *other = Value::Known(vec![socket]),
        }
        self
    }

    /// Closes the Unix sockets bound to a path; the file stays.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn remove_unix_socket(&mut self, path: impl AsRef<Path>) -> Edit<'_> {
        let missing = || EditError::Missing(path.as_ref().to_owned());
        let Value::Known(sockets) = &mut self.sockets else { return Err(missing()) };
        let before = sockets.len();
        sockets.retain(|socket| socket.path() != Some(path.as_ref()));
        if sockets.len() == before { Err(missing()) } else { Ok(self) }
    }

    /// The Unix sockets of the network namespace that a process has for itself.
    ///
    /// # Errors
    ///
    /// When there is no process with this number.
    pub fn set_sockets_of(&mut self, pid: u32, sockets: Vec<UnixSocket>) -> Edit<'_> {
        self.change_process(pid, |_| {})?;
        self.other_sockets.insert(pid, Value::Known(sockets));
        Ok(self)
    }

    /// Sets when the kernel started, seconds since 1970.
    pub fn set_boot_time(&mut self, boot: i64) -> &mut Self {
        self.boot_time = Value::Known(boot);
        self
    }

    /// Sets the host's clock, seconds since 1970.
    pub fn set_now(&mut self, now: i64) -> &mut Self {
        self.now = Value::Known(now);
        self
    }

    /// Sets kernel, hardware, name.
    pub fn set_machine(&mut self, machine: Machine) -> &mut Self {
        self.machine = Value::Known(machine);
        self
    }

    /// Replaces the users.
    pub fn set_users(&mut self, users: Vec<Account>) -> &mut Self {
        self.users = Some(Value::Known(users));
        self
    }

    /// Replaces the groups.
    pub fn set_groups(&mut self, groups: Vec<Account>) -> &mut Self {
        self.groups = Some(Value::Known(groups));
        self
    }

    /// Sets how the host is called in reports.
    pub fn set_label(&mut self, label: &str) -> &mut Self {
        label.clone_into(&mut self.label);
        self
    }

    /// Has the host read by a user: what owners and modes forbid is denied from
    /// now on, and so is what only root sees of processes.
    pub fn set_reader(&mut self, uid: u32, gids: &[u32]) -> &mut Self {
        self.reader_uid = uid;
        self.reader = Some(Reader { uid, gids: gids.to_vec() });
        self
    }

    /// A part of the host is not known, for a reason.
    pub fn set_gap(&mut self, part: Part, kind: GapKind, why: &str) -> &mut Self {
        fn gap<T>(kind: GapKind, why: &str) -> Value<T> {
            match kind {
                GapKind::Denied => Value::Denied(why.to_owned()),
                GapKind::Failed => Value::Failed(why.to_owned()),
                GapKind::NotCollected => Value::NotCollected(why.to_owned()),
            }
        }
        match part {
            Part::Now => self.now = gap(kind, why),
            Part::Machine => self.machine = gap(kind, why),
            Part::Users => self.users = Some(gap(kind, why)),
            Part::Groups => self.groups = Some(gap(kind, why)),
            Part::Mounts => self.mounts = gap(kind, why),
            Part::Processes => self.processes = gap(kind, why),
            Part::UnixSockets => self.sockets = gap(kind, why),
            Part::BootTime => self.boot_time = gap(kind, why),
        }
        self
    }

    /// Where a path leads in this capture, whoever asks. What is not there yet
    /// is where it would be made.
    fn locate(&self, path: &Path, follow_last: bool) -> Result<PathBuf, EditError> {
        use std::os::unix::ffi::OsStrExt;
        let is_plain = path.is_absolute()
            && !path.as_os_str().as_bytes().contains(&0)
            && !path.components().any(|part| part == std::path::Component::ParentDir);
        if !is_plain {
            return Err(EditError::BadPath(path.to_owned()));
        }
        let mut pending = std::collections::VecDeque::new();
        crate::host::walk::push_front(&mut pending, path);
        let mut real = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = pending.pop_front() {
            if name == ".." {
                real.pop();
                continue;
            }
            let child = real.join(&name);
            match self.nodes.get(&child).and_then(|node| node.link.as_ref()) {
                Some(target) if follow_last || !pending.is_empty() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(EditError::Loop(path.to_owned()));
                    }
                    if target.is_absolute() {
                        real = PathBuf::from("/");
                    }
                    crate::host::walk::push_front(&mut pending, target);
                }
                _ => real = child,
            }
        }
        Ok(real)
    }

    /// Where something new goes, with the directories above it made.
    fn new_path(&mut self, path: &Path) -> Result<PathBuf, EditError> {
        let path = self.locate(path, false)?;
        if self.nodes.contains_key(&path) {
            return Err(EditError::Exists(path));
        }
        self.make_parents(&path)?;
        Ok(path)
    }

    fn make_parents(&mut self, path: &Path) -> Result<(), EditError> {
        let parents: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_owned).collect();
        if let Some(other) =
            parents.iter().find(|parent| self.nodes.get(*parent).is_some_and(|node| !node.is_dir()))
        {
            return Err(EditError::NotDirectory(other.clone()));
        }
        for parent in parents.into_iter().rev() {
            if !self.nodes.contains_key(&parent) {
                let node = self.new_node(&parent, FileType::Directory);
                self.put(parent, node);
            }
        }
        Ok(())
    }

    fn put(&mut self, path: PathBuf, node: Node) {
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
            && let Some(names) = self.nodes.get_mut(parent).and_then(|node| node.names.as_mut())
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
        self.forget_names(&path);
        self.nodes.insert(path, node);
    }

    fn drop_subtree(&mut self, path: &Path) {
        self.nodes.retain(|known, _| !known.starts_with(path));
        self.coverage.retain(|known, _| !known.starts_with(path));
    }

    /// Users and groups follow their file once it is changed.
    fn forget_names(&mut self, path: &Path) {
        if path == Path::new(PASSWD) {
            self.users = None;
        } else if path == Path::new(GROUP) {
            self.groups = None;
        }
    }

    fn change(&mut self, path: &Path, change: impl FnOnce(&mut Node)) -> Edit<'_> {
        let path = self.locate(path, true)?;
        match self.nodes.get_mut(&path) {
            Some(node) => change(node),
            None => return Err(EditError::Missing(path)),
        }
        Ok(self)
    }

    fn gap(&mut self, path: &Path, gap: NoValue) -> Edit<'_> {
        let path = self.locate(path, true)?;
        self.make_parents(&path)?;
        if !self.nodes.contains_key(&path) {
            let node = self.new_node(&path, FileType::Regular);
            self.put(path.clone(), node);
        }
        self.change(&path, |node| node.gap = Some(gap))
    }
}
