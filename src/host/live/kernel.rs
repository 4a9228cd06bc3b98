//! What only a running kernel shows, on this machine.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::host::acl::{self, Acl};
use crate::host::live::LiveHost;
use crate::host::process::{DescriptorTarget, Limit, Seccomp};
use crate::host::walk::Walker;
use crate::host::{Attributes, Fact, Host, SocketKind, SocketName, SocketState, Value, testing};

/// Ends a process however the test ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks until the answer is there: a process needs a moment to get where it waits.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{what} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn no_support(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::EOPNOTSUPP as i32)
}

#[test]
fn access_control_lists_as_the_kernel_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let host = LiveHost::new();
    assert_eq!(host.xattr(&file, acl::ACCESS).value, Value::Absent);
    let list = ["user::rwx", "user:998:r-x", "group::r-x", "mask::r--", "other::---"];
    let list = Acl::from_text(list).unwrap();
    match xattr::set(&file, acl::ACCESS, &list.to_bytes()) {
        Err(error) if no_support(&error) => return testing::skip("the file system has no ACLs"),
        set => set.unwrap(),
    }
    let read = host.xattr(&file, acl::ACCESS);
    assert_eq!(Acl::parse(read.get().unwrap()).unwrap(), list);
    assert_eq!(host.entry(&file).get().unwrap().mode, list.mode());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o711)).unwrap();
    let read = host.xattr(&file, acl::ACCESS);
    assert_eq!(Acl::parse(read.get().unwrap()).unwrap(), list.with_mode(0o711));
    // The link's own attributes, not those of what it leads to.
    symlink("file", dir.path().join("link")).unwrap();
    assert_eq!(host.xattr(&dir.path().join("link"), acl::ACCESS).value, Value::Absent);
    assert_eq!(host.xattr(&dir.path().join("gone"), acl::ACCESS).value, Value::Absent);
    assert!(matches!(host.xattr(&file, "a\0b").value, Value::Failed(_)));
}

/// A writer that waits in open(2) would be let go if the FIFO were opened.
#[test]
fn attributes_of_what_is_never_opened() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let socket = dir.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    let host = LiveHost::new();
    let done = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let flags = nix::fcntl::OFlag::O_WRONLY | nix::fcntl::OFlag::O_NONBLOCK;
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(300) {
                if nix::fcntl::open(&fifo, flags, nix::sys::stat::Mode::empty()).is_ok() {
                    return false;
                }
            }
            true
        });
        while !writer.is_finished() {
            for path in [&fifo, &socket] {
                assert_eq!(host.xattr(path, acl::ACCESS).value, Value::Absent);
                assert!(host.space(path).get().is_some());
                assert!(!matches!(host.attributes(path).value, Value::Failed(_) | Value::Absent));
            }
        }
        writer.join().unwrap()
    });
    assert!(done, "somebody reads the FIFO");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn immutable_and_append_only() {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    if !testing::is_root("chattr") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let file = fs::File::create(&path).unwrap();
    let host = LiveHost::new();
    if matches!(host.attributes(&path).value, Value::NotCollected(_)) {
        return testing::skip("the file system of the temporary directory does not tell attributes");
    }
    assert_eq!(host.attributes(&path).value, Value::Known(Attributes::default()));
    let before = ioctl_getflags(&file).unwrap();
    for (flag, expected) in [
        (IFlags::IMMUTABLE, Attributes { immutable: true, append_only: false }),
        (IFlags::APPEND, Attributes { immutable: false, append_only: true }),
    ] {
        ioctl_setflags(&file, before | flag).unwrap();
        let seen = host.attributes(&path).value;
        ioctl_setflags(&file, before).unwrap();
        assert_eq!(seen, Value::Known(expected));
    }
    assert_eq!(host.attributes(&dir.path().join("gone")).value, Value::Absent);
    // procfs tells nothing, which is not the same as having none.
    assert!(matches!(host.attributes(Path::new("/proc/version")).value, Value::NotCollected(_)));
}

#[test]
fn a_full_file_system_in_a_mount_namespace_of_its_own() {
    if !testing::is_root("a mount") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().to_str().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=64k,nr_inodes=4,noexec full {place} && cd {place} && \
         head -c 65536 /dev/zero >a; : >b; : >c; mount -o remount,ro {place} && echo ready && exec sleep 60"
    );
    let mut child = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ready = [0; 5];
    let is_ready = child.stdout.as_mut().unwrap().read_exact(&mut ready).is_ok();
    let child = Ended(child);
    if !is_ready {
        return testing::skip("a tmpfs cannot be mounted here");
    }
    let pid = child.0.id();
    let walker = Walker::new(Path::new(&format!("/proc/{pid}/root{place}")));
    let space = walker.space(Path::new("/")).unwrap();
    assert_eq!((space.blocks_available, space.blocks * space.block_size), (0, 65536));
    assert_eq!((space.inodes, space.inodes_free), (4, 0));
    assert!(space.read_only);
    let host = LiveHost::new();
    assert!(!host.space(dir.path()).get().unwrap().read_only);

    let detail = host.process_detail(pid);
    let detail = detail.get().unwrap();
    assert!(detail.namespaces.get().unwrap().others.contains("mnt"));
    assert!(!detail.namespaces.get().unwrap().others.contains("net"));
    let mounts = detail.mounts.get().unwrap();
    let mount = crate::host::mount_at(mounts, &dir.path().join("a")).unwrap();
    assert_eq!((mount.source.as_str(), mount.target.as_path()), ("full", dir.path()));
    for option in ["ro", "noexec"] {
        assert!(mount.options.iter().any(|set| set == option), "{mount:?}");
    }
    assert!(mount.super_options.iter().any(|set| set == "ro"));
    // Our own table does not have it.
    assert!(host.mounts().get().unwrap().iter().all(|mount| mount.source != "full"));
}

#[test]
fn a_process_that_waits_for_a_pipe() {
    let mut command = Command::new("sh");
    command.args(["-c", "exec 7</etc/passwd 8>removed; rm removed; read line"]);
    let dir = tempfile::tempdir().unwrap();
    let child =
        Ended(command.current_dir(dir.path()).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
    let pid = child.0.id();
    let host = LiveHost::new();
    let detail = until("a removed file", || {
        let detail = host.process_detail(pid).get()?.clone();
        let target = |fd| detail.descriptors.get()?.iter().find(|open| open.fd == fd);
        let is_removed = matches!(&target(8)?.target, DescriptorTarget::File { deleted: true, .. });
        (is_removed && detail.state.get() == Some(&'S')).then_some(detail)
    });
    let of = |fd| detail.descriptors.get().unwrap().iter().find(|open| open.fd == fd).unwrap();
    let DescriptorTarget::Pipe(pipe) = of(0).target else { panic!("{:?}", of(0)) };
    assert!(of(0).access.read && !of(0).access.write);
    assert_eq!(of(7).target, DescriptorTarget::File { path: "/etc/passwd".into(), deleted: false });
    assert!(of(8).access.write && !of(8).access.read);
    let removed = fs::canonicalize(dir.path()).unwrap().join("removed");
    assert_eq!(of(8).target, DescriptorTarget::File { path: removed, deleted: true });
    // The other end of the pipe is ours.
    let me = host.process_detail(std::process::id());
    let me = me.get().unwrap();
    let other = me.descriptors.get().unwrap().iter().find(|open| open.target == DescriptorTarget::Pipe(pipe));
    assert!(other.unwrap().access.write);
    if let Value::Known(wchan) = &detail.wchan.value {
        assert!(wchan.contains("pipe"), "{wchan}");
    } else {
        assert_eq!(detail.wchan.value, Value::Absent, "a kernel without names");
    }
    assert_eq!(detail.cwd.get().unwrap(), &fs::canonicalize(dir.path()).unwrap());
    assert_eq!(detail.root.get().unwrap(), Path::new("/"));
    assert_eq!(detail.credentials.get().unwrap().euid, nix::unistd::geteuid().as_raw());
    assert_eq!(detail.threads.value, Value::Known(1));
    assert!(detail.namespaces.get().unwrap().others.is_empty());
    assert_eq!(detail.mounts.value, Value::Absent, "our own table is its table");
    assert!(!matches!(detail.label.value, Value::Failed(_)), "{:?}", detail.label);
    drop(child);
    assert_eq!(host.process_detail(pid).value, Value::Absent);
    assert!(matches!(host.unix_sockets(Some(pid)).value, Value::Failed(_)));
}

#[test]
fn a_file_whose_name_ends_like_a_removed_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(dir.path()).unwrap().join("log (deleted)");
    let _open = fs::File::create(&path).unwrap();
    let me = LiveHost::new().process_detail(std::process::id());
    let target = DescriptorTarget::File { path, deleted: false };
    let descriptors = me.get().unwrap().descriptors.clone();
    assert!(descriptors.get().unwrap().iter().any(|open| open.target == target), "{descriptors:?}");
}

#[test]
fn dropped_capabilities_and_limits() {
    if !testing::is_root("dropping a capability") {
        return;
    }
    let mut command = Command::new("prlimit");
    command.args(["--nofile=100:200", "--fsize=unlimited:unlimited", "--", "setpriv", "--no-new-privs"]);
    command.args(["--bounding-set", "-net_admin", "--regid", "7", "--groups", "3,4", "sleep", "60"]);
    let Ok(child) = command.spawn() else { return testing::skip("prlimit is not there") };
    let child = Ended(child);
    let host = LiveHost::new();
    let detail = until("sleep", || {
        let detail = host.process_detail(child.0.id()).get()?.clone();
        let comm = fs::read_to_string(format!("/proc/{}/comm", child.0.id())).ok()?;
        (comm.trim() == "sleep").then_some(detail)
    });
    let (net_admin, chown) = (12, 0);
    let capabilities = detail.capabilities.get().unwrap();
    assert!(!capabilities.passes_on(net_admin) && capabilities.passes_on(chown));
    assert!(!capabilities.has(net_admin) && capabilities.has(chown));
    assert_eq!(detail.no_new_privs.value, Value::Known(true));
    let credentials = detail.credentials.get().unwrap();
    assert_eq!((credentials.gid, credentials.egid, credentials.groups.as_slice()), (7, 7, &[3, 4][..]));
    let limits = detail.limits.get().unwrap();
    assert_eq!(limits.open_files, Limit { soft: Some(100), hard: Some(200) });
    assert_eq!(limits.file_size, Limit::default());
    assert_eq!(
        host.process_detail(std::process::id()).get().unwrap().no_new_privs.value,
        Value::Known(false)
    );
    assert!(matches!(detail.seccomp.value, Value::Known(Seccomp::Disabled | Seccomp::Filter)));
}

#[test]
fn sockets_bound_connected_and_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, datagram) = (dir.path().join("stream"), dir.path().join("queue"));
    let listener = UnixListener::bind(&stream).unwrap();
    let queue = UnixDatagram::bind(&datagram).unwrap();
    let name = format!("ar-doctor-test-{}", std::process::id());
    let address =
        <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(&name)
            .unwrap();
    let _abstract = UnixDatagram::bind_addr(&address).unwrap();
    let host = LiveHost::new();
    let sockets = host.unix_sockets(None);
    let sockets = sockets.get().unwrap();
    let at = |path: &Path| sockets.iter().find(|socket| socket.path() == Some(path));
    let found = at(&stream).unwrap();
    assert_eq!((found.kind, found.listening), (SocketKind::Stream, true));
    let found = at(&datagram).unwrap();
    assert_eq!(
        (found.kind, found.listening, found.state),
        (SocketKind::Datagram, false, SocketState::Unconnected)
    );
    assert!(
        sockets.iter().any(|socket| socket.name == Some(SocketName::Abstract(name.clone().into_bytes())))
    );
    let me = host.process_detail(std::process::id());
    let open = me.get().unwrap().descriptors.get().unwrap().clone();
    assert!(open.iter().any(|open| open.target == DescriptorTarget::Socket(found.inode)));
    let ours = host.unix_sockets(Some(std::process::id()));
    assert!(ours.get().unwrap().iter().any(|socket| socket.path() == Some(&datagram)));
    // A file that is left behind and a socket whose file is gone are told apart.
    drop(queue);
    fs::remove_file(&stream).unwrap();
    let sockets = host.unix_sockets(None);
    let has = |path: &Path| sockets.get().unwrap().iter().any(|socket| socket.path() == Some(path));
    assert!(!has(&datagram) && host.entry(&datagram).get().is_some());
    assert!(has(&stream) && host.entry(&stream).is_absent());
    drop(listener);
}

#[test]
fn pseudo_files_are_read_up_to_the_limit() {
    let host = LiveHost::new();
    let whole = host.read(Path::new("/proc/self/mountinfo"), 1 << 20);
    let whole = whole.get().unwrap();
    assert!(!whole.truncated && whole.bytes.ends_with(b"\n"));
    let sys = Path::new("/sys/kernel/mm/transparent_hugepage/enabled");
    let read = host.read(sys, 1 << 20);
    if let Some(content) = read.get() {
        assert!(!content.truncated && content.bytes == fs::read(sys).unwrap());
    }
    let boot = *host.boot_time().get().unwrap();
    let now = *host.now().get().unwrap();
    assert!(boot <= now && boot > now - 20 * 365 * 86400, "{boot} {now}");
}

#[test]
fn somebody_elses_process() {
    testing::unprivileged(
        concat!(module_path!(), "::somebody_elses_process"),
        |dir| fs::File::create(dir.join("x")).unwrap().write_all(b"x").unwrap(),
        |_| {
            fn is_denied<T>(fact: &Fact<T>) -> bool {
                matches!(fact.value, Value::Denied(_))
            }
            let host = LiveHost::new();
            let first = host.process_detail(1);
            let first = first.get().unwrap();
            if first.credentials.get().unwrap().uid != 0 {
                return testing::skip("process 1 is not root's");
            }
            assert!(first.capabilities.get().is_some() && first.limits.get().is_some());
            assert!(is_denied(&first.descriptors), "{:?}", first.descriptors);
            assert!(is_denied(&first.root) && is_denied(&first.cwd) && is_denied(&first.namespaces));
            assert!(is_denied(&first.mounts), "{:?}", first.mounts);
            assert!(is_denied(&first.wchan), "0 is what the kernel says to who may not look");
            let file = Path::new("/etc/passwd");
            assert!(is_denied(&host.xattr(file, "trusted.overlay.opaque")));
            assert!(host.unix_sockets(None).get().is_some());
        },
    );
}
