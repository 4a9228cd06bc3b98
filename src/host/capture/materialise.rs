//! Builds a real directory tree from a capture, so that what is tried on a
//! capture is tried on real files too.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, makedev, mknod, utimensat};
use nix::sys::time::TimeSpec;

use super::{CaptureHost, GROUP, NoValue, Node, PASSWD, Stored};
use crate::host::{Account, FileType, Host, Value, elf};

impl CaptureHost {
    /// Builds the capture as a tree in `target`, which must be an empty
    /// directory or not be there: contents, links, FIFOs, sockets, devices,
    /// owners, modes, extended attributes with access control lists and labels,
    /// attributes and modification times. (An immutable file can only be removed
    /// after `chattr -i`.) Users and groups are written to
    /// `/etc/passwd` and `/etc/group` when the capture does not hold those.
    ///
    /// Returns what could not be made, in words: what needs root, what the
    /// capture does not hold, what is denied in it. Mounts, processes and the
    /// clock are no part of a tree and are not mentioned; change times are those
    /// of the building.
    ///
    /// # Errors
    ///
    /// When `target` is not empty, or the disk refuses.
    pub fn materialise(&self, target: &Path) -> io::Result<Vec<String>> {
        fs::create_dir_all(target)?;
        if fs::read_dir(target)?.next().is_some() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{} is not empty; name a new directory", target.display()),
            ));
        }
        let mut host = self.clone();
        host.reader = None;
        host.add_accounts();
        let mut build = Build { host: &host, target, missing: Vec::new() };
        let mut made: Vec<(&Path, &Node)> = Vec::new();
        for (path, node) in &host.nodes {
            let is_below_gap = path
                .ancestors()
                .skip(1)
                .any(|above| host.nodes.get(above).is_some_and(|node| node.gap.is_some()));
            if is_below_gap {
                continue;
            }
            if let Some(gap) = &node.gap {
                let why = match gap {
                    NoValue::Denied(why) | NoValue::Failed(why) | NoValue::NotCollected(why) => why,
                    _ => "absent",
                };
                build.note(path, &format!("not made: {why}"));
            } else if build.make(path, node)? {
                made.push((path, node));
            }
        }
        // What is deeper first: a directory may be closed to us, and each
        // change in it would set its time.
        for (path, node) in made.into_iter().rev() {
            build.finish(path, node)?;
        }
        Ok(build.missing)
    }

    /// A tree knows its names only from files.
    fn add_accounts(&mut self) {
        let users = self.users().get().map(|users| lines(users, ":/:/sbin/nologin"));
        let groups = self.groups().get().map(|groups| lines(groups, ""));
        for (path, text) in [(PASSWD, users), (GROUP, groups)] {
            let node = self.nodes.get(Path::new(path));
            let is_free = match node {
                Some(node) => {
                    node.stored == Stored::Nothing
                        && node.meta.file_type == FileType::Regular
                        && node.gap.is_none()
                        && node.read_gap.is_none()
                }
                None => true,
            };
            if let Some(text) = text
                && is_free
            {
                // Refused when /etc is no directory; then there is no such file.
                let _ = self.write(path, text);
            }
        }
    }
}

/// Lines of passwd (with `tail`) or group.
fn lines(accounts: &[Account], tail: &str) -> String {
    accounts
        .iter()
        .map(|account| {
            let group = if tail.is_empty() { String::new() } else { format!("{}:", account.id) };
            format!("{}:x:{}:{group}{tail}\n", account.name, account.id)
        })
        .collect()
}

struct Build<'a> {
    host: &'a CaptureHost,
    target: &'a Path,
    missing: Vec<String>,
}

impl Build<'_> {
    fn note(&mut self, path: &Path, what: &str) {
        self.missing.push(format!("{}: {what}", path.display()));
    }

    fn place(&self, path: &Path) -> PathBuf {
        // No entry of a capture lies below a link, and the target was empty, so
        // this cannot lead out of it.
        self.target.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Makes an entry that only its maker can use yet; false when it cannot be.
    fn make(&mut self, path: &Path, node: &Node) -> io::Result<bool> {
        let place = self.place(path);
        let kind = match node.meta.file_type {
            FileType::Directory => {
                if path != Path::new("/") {
                    fs::create_dir(&place)?;
                }
                fs::set_permissions(&place, Permissions::from_mode(0o700))?;
                return Ok(true);
            }
            FileType::Symlink => {
                symlink(node.link.as_deref().unwrap_or(Path::new("")), &place)?;
                return Ok(true);
            }
            FileType::Regular => {
                self.make_file(path, node, &place)?;
                return Ok(true);
            }
            FileType::Fifo => (SFlag::S_IFIFO, 0),
            FileType::Socket => (SFlag::S_IFSOCK, 0),
            // /dev/null and a loop device that hardly anybody has: captures do
            // not hold numbers, and nobody opens them.
            FileType::CharDevice => (SFlag::S_IFCHR, makedev(1, 3)),
            FileType::BlockDevice => (SFlag::S_IFBLK, makedev(7, 250)),
        };
        match mknod(&place, kind.0, Mode::from_bits_truncate(0o600), kind.1) {
            Ok(()) => Ok(true),
            Err(nix::errno::Errno::EPERM) => {
                let what = node.meta.file_type.with_article();
                self.note(path, &format!("not made: {what} needs root"));
                Ok(false)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn make_file(&mut self, path: &Path, node: &Node, place: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
        let bytes = match (&node.stored, &node.elf) {
            (Stored::Nothing, Some(elf)) => elf::sample(elf),
            _ => self.host.content(path, node, u64::MAX).ok().map(|content| content.bytes),
        };
        match &bytes {
            Some(bytes) => file.write_all(bytes)?,
            None => self.note(path, "made of zeros: the capture does not hold its content"),
        }
        if node.read_gap.is_some() {
            self.note(path, "can be read: the capture says it could not");
        }
        let len = bytes.map_or(0, |bytes| bytes.len() as u64);
        if node.meta.size > len {
            file.set_len(node.meta.size)?;
        }
        Ok(())
    }

    /// Gives an entry its owner, mode and time.
    fn finish(&mut self, path: &Path, node: &Node) -> io::Result<()> {
        let place = self.place(path);
        let meta = &node.meta;
        match lchown(&place, Some(meta.uid), Some(meta.gid)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.note(path, &format!("owner {}:{} needs root", meta.uid, meta.gid));
            }
            Err(error) => return Err(error),
        }
        // After the owner, because a change of owner takes setuid away.
        if meta.file_type != FileType::Symlink {
            fs::set_permissions(&place, Permissions::from_mode(meta.mode))?;
        }
        self.finish_xattrs(path, node, &place);
        let time = TimeSpec::new(meta.mtime, 0);
        let set = utimensat(AT_FDCWD, &place, &time, &time, UtimensatFlags::NoFollowSymlink);
        if let Err(errno) = set {
            self.note(path, &format!("time not set: {}", errno.desc()));
        }
        self.finish_attributes(path, node, &place);
        Ok(())
    }

    /// After the mode, which an access control list has in it.
    fn finish_xattrs(&mut self, path: &Path, node: &Node, place: &Path) {
        for (name, value) in &node.xattrs {
            let Value::Known(bytes) = value else { continue };
            if let Err(error) = xattr::set(place, name, bytes) {
                self.note(path, &format!("{name} not set: {error}"));
            }
        }
    }

    /// Last, because nothing can be changed after it.
    #[cfg(target_os = "linux")]
    fn finish_attributes(&mut self, path: &Path, node: &Node, place: &Path) {
        use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
        let Value::Known(attributes) = &node.attributes else { return };
        let mut wanted = IFlags::empty();
        wanted.set(IFlags::IMMUTABLE, attributes.immutable);
        wanted.set(IFlags::APPEND, attributes.append_only);
        if wanted.is_empty() {
            return;
        }
        if !matches!(node.meta.file_type, FileType::Regular | FileType::Directory) {
            return self.note(path, "attributes not set: only files and directories can be opened for it");
        }
        let set = fs::File::open(place).and_then(|file| {
            let flags = ioctl_getflags(&file)?;
            Ok(ioctl_setflags(&file, flags | wanted)?)
        });
        if let Err(error) = set {
            self.note(path, &format!("attributes not set: {error}"));
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn finish_attributes(&mut self, path: &Path, node: &Node, _place: &Path) {
        if matches!(node.attributes, Value::Known(attributes) if attributes != Default::default()) {
            self.note(path, "attributes not set: this system has others");
        }
    }
}
