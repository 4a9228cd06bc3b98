//! A host as a directory tree: a mounted image, a container's root, a copy.
//!
//! Metadata is what lstat(2) gives, names come from the tree's own
//! `/etc/passwd` and `/etc/group`, and links are followed inside the tree and
//! never out of it. Nothing runs in a tree, so it has no processes and no clock.
//!
//! Mounts are those of the running kernel that lie in the tree, under the names
//! they have there: a `noexec` file system mounted inside a container's root is
//! seen. The root itself is listed without options, because how the image is
//! mounted here (`ro,noexec` for forensics) says nothing about the host.

use std::ffi::OsString;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::walk::Walker;
use super::{
    Account, Content, Fact, Host, Machine, Meta, Mount, OpenError, Process, Resolved, Source, SourceKind,
    accounts, elf, mountinfo,
};

/// Programs that a Linux host has, in the order they are asked for its machine.
const PROGRAMS: [&str; 6] =
    ["/bin/sh", "/usr/bin/env", "/bin/busybox", "/sbin/init", "/usr/bin/ls", "/usr/bin/bash"];

/// A directory tree of a host.
#[derive(Debug)]
pub struct TreeHost {
    label: String,
    /// The root without links, for the mount table; none when it has no name
    /// in our mount namespace.
    real: Option<PathBuf>,
    walker: Walker,
}

impl TreeHost {
    /// Opens the tree whose `/` is `root`.
    ///
    /// # Errors
    ///
    /// When `root` is no directory or may not be entered.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        let meta = std::fs::metadata(root).map_err(|error| OpenError::io(root, error))?;
        if !meta.is_dir() {
            let what = match meta.file_type() {
                kind if kind.is_file() => "a regular file",
                kind if kind.is_block_device() => "a block device",
                _ => "no directory",
            };
            return Err(OpenError::NotDirectory { path: root.to_owned(), what });
        }
        let walker = Walker::new(root);
        if let Some(errno) = walker.root_error() {
            return Err(OpenError::io(root, errno.into()));
        }
        // Opening it for passing through does not tell whether we may.
        std::fs::symlink_metadata(root.join(".")).map_err(|error| OpenError::io(root, error))?;
        // /proc/PID/root leads into a container, and the text of that link,
        // which is all that canonicalize sees, to our own root.
        let real = std::fs::canonicalize(root).ok().filter(|real| {
            let there = std::fs::metadata(real);
            there.is_ok_and(|there| (there.dev(), there.ino()) == (meta.dev(), meta.ino()))
        });
        Ok(Self { label: root.display().to_string(), real, walker })
    }
}

impl Host for TreeHost {
    fn kind(&self) -> SourceKind {
        SourceKind::Tree
    }

    fn label(&self) -> String {
        self.label.clone()
    }

    fn reader_uid(&self) -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    fn entry(&self, path: &Path) -> Fact<Meta> {
        self.walker.fact(path, |walker| walker.entry(path))
    }

    fn resolve(&self, path: &Path) -> Fact<Resolved> {
        self.walker.fact(path, |walker| walker.resolve(path))
    }

    fn link_target(&self, path: &Path) -> Fact<PathBuf> {
        self.walker.fact(path, |walker| walker.link_target(path))
    }

    fn birth(&self, path: &Path) -> Fact<i64> {
        self.walker.fact(path, |walker| walker.birth(path))
    }

    fn read(&self, path: &Path, limit: u64) -> Fact<Content> {
        self.walker.fact(path, |walker| walker.read(path, limit))
    }

    fn open(&self, path: &Path) -> Fact<Box<dyn Source>> {
        self.walker.fact(path, |walker| walker.source(path))
    }

    fn list(&self, path: &Path) -> Fact<Vec<OsString>> {
        self.walker.fact(path, |walker| walker.list(path))
    }

    fn elf(&self, path: &Path) -> Fact<elf::Elf> {
        self.walker.fact(path, |walker| walker.elf(path))
    }

    fn mounts(&self) -> Fact<Vec<Mount>> {
        match &self.real {
            Some(root) => mountinfo::read().map(|mounts| mounts_below(root, mounts)),
            None => Fact::not_collected(mountinfo::SOURCE, "the tree lies in another mount namespace"),
        }
    }

    fn processes(&self) -> Fact<Vec<Process>> {
        Fact::not_collected("/proc", "a directory tree has no processes")
    }

    fn users(&self) -> Fact<Vec<Account>> {
        accounts::read(self, "/etc/passwd")
    }

    fn groups(&self) -> Fact<Vec<Account>> {
        accounts::read(self, "/etc/group")
    }

    fn machine(&self) -> Fact<Machine> {
        for program in PROGRAMS {
            let Some(elf) = self.elf(Path::new(program)).get().cloned() else { continue };
            let hostname =
                self.read(Path::new("/etc/hostname"), 4096).get().map_or_else(String::new, |content| {
                    let text = String::from_utf8_lossy(&content.bytes);
                    let name = text.lines().map(str::trim).find(|line| !line.starts_with('#'));
                    name.unwrap_or_default().to_owned()
                });
            let machine = Machine { system: "Linux".to_owned(), arch: elf.machine, hostname };
            return Fact::known(program, machine);
        }
        Fact::not_collected("uname", "the tree holds no program that tells its machine")
    }

    fn now(&self) -> Fact<i64> {
        Fact::not_collected("clock", "a directory tree has no clock")
    }

    fn env(&self, _name: &str) -> Option<OsString> {
        None
    }
}

/// The mounts at or below `root`, as the tree names them, after one for the
/// root itself.
fn mounts_below(root: &Path, mounts: Vec<Mount>) -> Vec<Mount> {
    // The last of the longest targets covers the others.
    let holder = mounts
        .iter()
        .filter(|mount| root.starts_with(&mount.target))
        .max_by_key(|mount| mount.target.components().count())
        .cloned();
    let mut below: Vec<Mount> = holder
        .map(|mount| Mount { target: PathBuf::from("/"), options: Vec::new(), ..mount })
        .into_iter()
        .collect();
    for mount in mounts {
        if let Ok(inside) = mount.target.strip_prefix(root)
            && inside != Path::new("")
        {
            below.push(Mount { target: Path::new("/").join(inside), ..mount });
        }
    }
    below
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::host::testing;
    use crate::host::{FileType, Value};
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    fn path(text: &str) -> &Path {
        Path::new(text)
    }

    fn tree() -> (tempfile::TempDir, TreeHost) {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        fs::create_dir_all(outer.path().join("root/etc")).unwrap();
        fs::create_dir_all(outer.path().join("root/usr/bin")).unwrap();
        fs::write(outer.path().join("root/etc/passwd"), "root:x:0:0::/:\nwazuh:x:77:77::/:\n").unwrap();
        let host = TreeHost::open(&outer.path().join("root")).unwrap();
        (outer, host)
    }

    #[test]
    fn links_never_lead_out() {
        let (outer, host) = tree();
        let root = outer.path().join("root");
        let secret = outer.path().join("secret");
        symlink(&secret, root.join("absolute")).unwrap();
        symlink("../secret", root.join("up")).unwrap();
        symlink("../../../../../../../../../../etc/hostname", root.join("far")).unwrap();
        symlink(outer.path(), root.join("dir")).unwrap();
        symlink("..", root.join("etc/parent")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        for escape in [
            "/absolute",
            "/up",
            "/far",
            "/dir/secret",
            "/etc/parent/../secret",
            "/../secret",
            "/magic/etc/passwd",
            "/etc/parent/parent/secret",
        ] {
            assert_eq!(host.read(path(escape), 100).value, Value::Absent, "{escape}");
            assert_eq!(host.resolve(path(escape)).value, Value::Absent, "{escape}");
            assert_eq!(host.elf(path(escape)).value, Value::Absent, "{escape}");
        }
        // The link itself is seen, with its text.
        assert_eq!(host.entry(path("/absolute")).get().unwrap().file_type, FileType::Symlink);
        assert_eq!(host.link_target(path("/absolute")).get().unwrap(), &secret);
        // `..` at the root is the root.
        let resolved = host.resolve(path("/../../etc/parent/..")).value;
        assert!(matches!(resolved, Value::Known(resolved) if resolved.path == path("/")));
        assert_eq!(
            host.list(path("/etc/parent")).get().unwrap(),
            &host.list(path("/")).get().unwrap().clone()
        );
    }

    #[test]
    fn links_inside_are_followed() {
        let (outer, host) = tree();
        let root = outer.path().join("root");
        symlink("usr/bin", root.join("bin")).unwrap();
        symlink("/usr/bin/dash", root.join("usr/bin/sh")).unwrap();
        fs::write(root.join("usr/bin/dash"), "x").unwrap();
        let resolved = host.resolve(path("/bin/sh"));
        assert_eq!(resolved.get().unwrap().path, path("/usr/bin/dash"));
        assert_eq!(host.read(path("/bin/sh"), 10).get().unwrap().bytes, b"x");
        assert_eq!(host.entry(path("/bin/sh")).get().unwrap().file_type, FileType::Symlink);
        assert_eq!(host.link_target(path("/bin")).get().unwrap(), path("usr/bin"));
        assert_eq!(host.link_target(path("/etc/passwd")).value, Value::Absent);
        assert_eq!(host.resolve(path("/etc/passwd/x")).value, Value::Absent);
        assert_eq!(host.resolve(path("/nowhere/x")).value, Value::Absent);
        assert!(matches!(host.entry(path("etc/passwd")).value, Value::Failed(_)));
        assert!(matches!(host.entry(path("/etc\0/passwd")).value, Value::Failed(_)));
    }

    #[test]
    fn loops_fail_and_dangling_links_are_absent() {
        let (outer, host) = tree();
        let root = outer.path().join("root");
        symlink("b", root.join("a")).unwrap();
        symlink("/a", root.join("b")).unwrap();
        symlink("gone", root.join("dangling")).unwrap();
        for step in 0..40 {
            symlink(format!("l{}", step + 1), root.join(format!("l{step}"))).unwrap();
        }
        fs::write(root.join("l40"), "end").unwrap();
        let failed = |fact: &str| matches!(host.resolve(path(fact)).value, Value::Failed(why) if why.contains("links"));
        assert!(failed("/a"));
        assert!(failed("/a/b/c"));
        assert!(host.entry(path("/a")).get().is_some());
        assert_eq!(host.resolve(path("/dangling")).value, Value::Absent);
        // 40 links are the most that the kernel follows.
        assert_eq!(host.read(path("/l0"), 9).get().unwrap().bytes, b"end");
        symlink("l0", root.join("one-more")).unwrap();
        assert!(failed("/one-more"));
    }

    #[test]
    fn only_regular_files_are_opened() {
        let (outer, host) = tree();
        let root = outer.path().join("root");
        nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let listener = UnixListener::bind(root.join("socket")).unwrap();
        listener.set_nonblocking(true).unwrap();
        symlink("fifo", root.join("to-fifo")).unwrap();
        for (name, what) in
            [("/fifo", "a FIFO"), ("/to-fifo", "a FIFO"), ("/socket", "a socket"), ("/etc", "a directory")]
        {
            let expected = Value::Failed(format!("is {what}, not a regular file"));
            assert_eq!(host.read(path(name), 10).value, expected);
        }
        assert!(matches!(host.elf(path("/fifo")).value, Value::Failed(_)));
        assert!(matches!(host.list(path("/fifo")).value, Value::Failed(_)));
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        if testing::is_root("a device") {
            use nix::sys::stat::{Mode, SFlag, makedev, mknod};
            mknod(&root.join("zero"), SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 5)).unwrap();
            assert_eq!(
                host.read(path("/zero"), 10).value,
                Value::Failed("is a character device, not a regular file".to_owned())
            );
        }
    }

    /// A writer that waits in open(2) would be let go if the FIFO were opened.
    #[test]
    fn a_fifo_is_not_even_touched() {
        let (outer, host) = tree();
        let fifo = outer.path().join("root/fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _ = host.read(path("/fifo"), 10);
        let flags = nix::fcntl::OFlag::O_WRONLY | nix::fcntl::OFlag::O_NONBLOCK;
        let opened = nix::fcntl::open(&fifo, flags, nix::sys::stat::Mode::empty());
        assert_eq!(opened.unwrap_err(), nix::errno::Errno::ENXIO, "somebody reads the FIFO");
    }

    #[test]
    fn a_sparse_file_costs_its_limit() {
        let (outer, host) = tree();
        let file = fs::File::create(outer.path().join("root/huge")).unwrap();
        file.set_len(2 << 30).unwrap();
        let content = host.read(path("/huge"), 1000);
        let content = content.get().unwrap();
        assert_eq!((content.bytes.len(), content.truncated), (1000, true));
        assert!(content.bytes.capacity() < 1 << 20);
        assert_eq!(host.entry(path("/huge")).get().unwrap().size, 2 << 30);
        assert_eq!(host.elf(path("/huge")).value, Value::Absent);
    }

    #[test]
    fn the_limit_is_exact() {
        let (outer, host) = tree();
        fs::write(outer.path().join("root/ten"), "0123456789").unwrap();
        for (limit, len, truncated) in
            [(0, 0, true), (9, 9, true), (10, 10, false), (11, 10, false), (u64::MAX, 10, false)]
        {
            let content = host.read(path("/ten"), limit);
            let content = content.get().unwrap();
            assert_eq!((content.bytes.len(), content.truncated), (len, truncated), "{limit}");
            assert!(!content.changed_while_read);
        }
    }

    #[test]
    fn a_log_is_read_at_any_place() {
        let (outer, host) = tree();
        let root = outer.path().join("root");
        let log = root.join("log");
        fs::write(&log, "0123456789").unwrap();
        fs::hard_link(&log, root.join("same")).unwrap();
        fs::copy(&log, root.join("copy")).unwrap();
        symlink("/log", root.join("link")).unwrap();
        let open = |name: &str| host.open(path(name));
        let source = open("/log");
        let source = source.get().unwrap();
        let mut buffer = [0; 4];
        for (offset, expected) in
            [(0, "0123"), (7, "789"), (10, ""), (99, ""), (i64::MAX as u64 + 1, ""), (u64::MAX, "")]
        {
            let count = source.read_at(&mut buffer, offset).unwrap();
            assert_eq!(&buffer[..count], expected.as_bytes(), "{offset}");
        }
        assert_eq!((source.size(), source.truncated()), (10, false));
        let identity = |name: &str| open(name).get().unwrap().identity().unwrap();
        assert_eq!(source.identity(), Some(identity("/same")));
        assert_eq!(source.identity(), Some(identity("/link")));
        assert_ne!(source.identity(), Some(identity("/copy")));
        // It stays the file that was opened, and what is appended to it can be read.
        fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(b"ab").unwrap();
        fs::remove_file(&log).unwrap();
        assert_eq!(
            (source.read_at(&mut buffer, 8).unwrap(), &buffer[..], source.size()),
            (4, &b"89ab"[..], 10)
        );

        // What is not read is not opened either, for the same reason.
        nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        symlink("../secret", root.join("up")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        for name in ["/fifo", "/etc", "/up", "/magic/etc/passwd", "/gone", "log"] {
            let why = host.read(path(name), 10).map(|_| ());
            assert_eq!(open(name).map(|_| ()), why, "{name}");
            assert!(why.get().is_none(), "{name}");
        }
        let flags = nix::fcntl::OFlag::O_WRONLY | nix::fcntl::OFlag::O_NONBLOCK;
        let writer = nix::fcntl::open(&root.join("fifo"), flags, nix::sys::stat::Mode::empty());
        assert_eq!(writer.unwrap_err(), nix::errno::Errno::ENXIO, "somebody reads the FIFO");
    }

    #[test]
    fn denied_is_not_absent() {
        testing::unprivileged(
            concat!(module_path!(), "::denied_is_not_absent"),
            |dir| {
                fs::create_dir_all(dir.join("locked/sub")).unwrap();
                fs::create_dir_all(dir.join("unlisted")).unwrap();
                fs::write(dir.join("locked/file"), "x").unwrap();
                fs::write(dir.join("unlisted/file"), "x").unwrap();
                fs::write(dir.join("unreadable"), "x").unwrap();
                for (name, mode) in [("unreadable", 0o0), ("unlisted", 0o111), ("locked", 0o0)] {
                    fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
                }
            },
            |dir| {
                let host = TreeHost::open(dir).unwrap();
                let denied = |value: &Value<Meta>| matches!(value, Value::Denied(_));
                for name in ["/locked/file", "/locked/gone", "/locked/sub/gone"] {
                    assert!(denied(&host.entry(path(name)).value), "{name}");
                    assert!(matches!(host.resolve(path(name)).value, Value::Denied(_)));
                }
                assert!(host.entry(path("/locked")).get().is_some());
                assert!(matches!(host.list(path("/locked")).value, Value::Denied(_)));
                assert!(matches!(host.list(path("/unlisted")).value, Value::Denied(_)));
                assert!(host.read(path("/unlisted/file"), 1).get().is_some());
                assert_eq!(host.entry(path("/unlisted/gone")).value, Value::Absent);
                assert!(host.entry(path("/unreadable")).get().is_some());
                assert!(matches!(host.read(path("/unreadable"), 1).value, Value::Denied(_)));
                assert!(matches!(host.open(path("/unreadable")).value, Value::Denied(_)));
                assert!(matches!(host.open(path("/locked/gone")).value, Value::Denied(_)));
                assert!(matches!(host.elf(path("/unreadable")).value, Value::Denied(_)));
                assert_eq!(host.entry(path("/gone")).value, Value::Absent);
                assert!(matches!(TreeHost::open(&dir.join("locked")).unwrap_err(), OpenError::Denied { .. }));
            },
        );
    }

    #[test]
    fn a_file_that_grows_is_noticed() {
        let (outer, host) = tree();
        let log = outer.path().join("root/log");
        let mut file = fs::File::create(&log).unwrap();
        file.set_len(64 << 20).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let done = &done;
            scope.spawn(move || {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    file.write_all(b"line\n").unwrap();
                }
            });
            let changed = (0..50).any(|_| {
                host.read(path("/log"), 64 << 20).get().is_some_and(|content| content.changed_while_read)
            });
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(changed);
        });
    }

    #[test]
    fn names_machine_and_the_rest() {
        let (outer, host) = tree();
        assert_eq!(host.users().get().unwrap()[1], Account { name: "wazuh".to_owned(), id: 77 });
        assert_eq!(host.groups().value, Value::Absent);
        assert!(matches!(host.machine().value, Value::NotCollected(_)));
        let program = elf::Elf {
            class: 64,
            machine: "aarch64".to_owned(),
            interpreter: None,
            needed: vec![],
            runpath: vec![],
        };
        let bin = outer.path().join("root/bin");
        symlink("usr/bin", &bin).unwrap();
        fs::write(bin.join("sh"), elf::sample(&program).unwrap()).unwrap();
        fs::write(outer.path().join("root/etc/hostname"), "# name\nweb-01\n").unwrap();
        let machine = host.machine();
        assert_eq!(machine.get().unwrap().arch, "aarch64");
        assert_eq!(machine.get().unwrap().hostname, "web-01");
        assert!(matches!(host.processes().value, Value::NotCollected(_)));
        assert!(matches!(host.now().value, Value::NotCollected(_)));
        assert_eq!(host.env("PATH"), None);
        assert_eq!(host.kind(), SourceKind::Tree);
    }

    #[test]
    fn mounts_in_the_tree() {
        let table = b"1 0 8:1 / / rw - ext4 /dev/a rw\n\
            2 1 8:2 / /mnt/image ro,noexec - ext4 /dev/b ro\n\
            3 2 0:9 / /mnt/image/tmp rw,noexec - tmpfs tmpfs rw\n\
            4 1 0:9 / /mnt/image2 rw - tmpfs tmpfs rw\n";
        let mounts = mounts_below(path("/mnt/image"), mountinfo::parse(table));
        let seen: Vec<_> = mounts.iter().map(|m| (m.target.as_path(), m.options.join(","))).collect();
        assert_eq!(seen, [(path("/"), String::new()), (path("/tmp"), "rw,noexec".to_owned())]);
        assert_eq!(mounts[0].source, "/dev/b");
        // A directory of a file system, not its root.
        let mounts = mounts_below(path("/mnt/image/sub"), mountinfo::parse(table));
        assert_eq!((mounts.len(), mounts[0].source.as_str()), (1, "/dev/b"));
    }

    #[test]
    fn a_root_named_by_a_link_of_procfs() {
        // As /proc/PID/root names a container's root.
        let (outer, _host) = tree();
        let directory = fs::File::open(outer.path().join("root")).unwrap();
        let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&directory));
        let host = TreeHost::open(path(&name)).unwrap();
        assert_eq!(host.users().get().unwrap()[1].name, "wazuh");
        assert_eq!(host.entry(path("/secret")).value, Value::Absent);
    }

    #[test]
    fn what_cannot_be_opened() {
        let dir = tempfile::tempdir().unwrap();
        let gone = TreeHost::open(&dir.path().join("gone")).unwrap_err();
        assert!(gone.to_string().contains("gone does not exist"), "{gone}");
        fs::write(dir.path().join("file"), "").unwrap();
        let file = TreeHost::open(&dir.path().join("file")).unwrap_err();
        assert!(file.to_string().contains("is a regular file"), "{file}");
    }
}
