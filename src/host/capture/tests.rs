#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::host::{GapKind, open_source, testing, tree::TreeHost};
use proptest::prelude::*;
use std::fs;

const EXAMPLE: &str = r#"{
  "format": 1,
  "label": "agent web-01",
  "now": "2026-11-20T14:10:00Z",
  "default_mtime": "2026-11-20T10:00:00Z",
  "machine": {"arch": "x86_64", "hostname": "web-01"},
  "users": {"root": 0, "wazuh": 999},
  "groups": {"root": 0, "wazuh": 998},
  "mounts": [{"target": "/", "source": "/dev/sda1", "type": "ext4", "options": "rw,relatime"}],
  "processes": [
    {"pid": 812, "exe": "/var/ossec/bin/wazuh-execd", "args": ["/var/ossec/bin/wazuh-execd"], "start": "2026-11-20T10:00:05Z", "path": "/usr/sbin:/usr/bin"},
    {"pid": 900, "exe": "/var/ossec/bin/wazuh-agentd", "user": "wazuh", "path": null}
  ],
  "complete": ["/var/ossec"],
  "incomplete": ["/var/ossec/queue/db"],
  "absent": ["/etc/ossec-init.conf"],
  "defaults": {"/var/ossec": {"group": "wazuh", "mode": "0640", "dir_mode": "0750"}},
  "files": {
    "/bin": {"link": "usr/bin"},
    "/usr/bin/bash": {"mode": "0755", "elf": {"machine": "x86_64", "interpreter": "/lib64/ld.so", "needed": ["libc.so.6"]}},
    "/var/ossec/etc/ossec.conf": {"mode": "0660", "mtime": "2026-11-20T11:00:00Z"},
    "/var/ossec/etc/shared/ar.conf": {"text": "restart-ossec0 - restart-ossec.sh - 0\n"},
    "/var/ossec/queue/alerts/execq": {"type": "socket", "mode": "0660"},
    "/var/ossec/var/run/": {"mode": "0770"},
    "/var/ossec/logs/raw": {"base64": "AP8="},
    "/var/ossec/bin/blob": {"mode": "0750"},
    "/home": {"names": ["alice", "bob"]},
    "/root": {"type": "dir", "mode": "0700", "read_denied": "permission denied"},
    "/secret": {"denied": "permission denied"}
  }
}"#;

fn path(text: &str) -> &Path {
    Path::new(text)
}

fn example() -> (tempfile::TempDir, CaptureHost) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("files/var/ossec/etc")).unwrap();
    fs::write(dir.path().join("files/var/ossec/etc/ossec.conf"), "<ossec_config/>").unwrap();
    fs::write(dir.path().join(MANIFEST), EXAMPLE).unwrap();
    let host = CaptureHost::open(dir.path()).unwrap();
    (dir, host)
}

fn refuse(files: &str) -> String {
    let json = format!("{{\"format\": 1,\n \"files\": {files}}}");
    CaptureHost::from_json(json.as_bytes()).unwrap_err().to_string()
}

#[test]
fn the_example_answers() {
    let (dir, host) = example();
    let conf = path("/var/ossec/etc/ossec.conf");
    let meta = host.entry(conf).get().unwrap().clone();
    assert_eq!((meta.mode, meta.uid, meta.gid, meta.size), (0o660, 0, 998, 15));
    assert_eq!(meta.mtime - host.entry(path("/bin")).get().unwrap().mtime, 3600);
    let content = host.read(conf, 5);
    assert_eq!(
        (content.get().unwrap().bytes.as_slice(), content.get().unwrap().truncated),
        (&b"<osse"[..], true)
    );
    assert_eq!(host.read(path("/var/ossec/logs/raw"), 9).get().unwrap().bytes, [0, 255]);
    assert_eq!(host.entry(path("/var/ossec")).get().unwrap().mode, 0o750);
    assert_eq!(host.entry(path("/usr")).get().unwrap().mode, 0o755);
    assert_eq!(host.entry(path("/var/ossec/etc/shared/ar.conf")).get().unwrap().mode, 0o640);
    assert_eq!(host.resolve(path("/bin/bash")).get().unwrap().path, path("/usr/bin/bash"));
    assert_eq!(host.elf(path("/bin/bash")).get().unwrap().needed, ["libc.so.6"]);
    assert_eq!(host.elf(conf).value, Value::Absent);
    assert_eq!(host.link_target(path("/bin")).get().unwrap(), path("usr/bin"));
    assert_eq!(
        host.read(path("/var/ossec/queue/alerts/execq"), 1).value,
        Value::Failed("is a socket, not a regular file".to_owned())
    );
    let processes = host.processes();
    let processes = processes.get().unwrap();
    assert_eq!((processes[0].comm.as_str(), processes[0].ppid), ("wazuh-execd", 1));
    assert_eq!((processes[1].uid, &processes[1].env_path.value), (999, &Value::Absent));
    assert_eq!(host.mounts().get().unwrap()[0].options, ["rw", "relatime"]);
    assert_eq!(host.machine().get().unwrap().system, "Linux");
    assert_eq!(host.label(), "agent web-01");
    assert_eq!(open_source(dir.path()).unwrap().kind(), SourceKind::Capture);
}

#[test]
fn absent_denied_and_not_collected_differ() {
    let (_dir, host) = example();
    let value = |name: &str| host.entry(path(name)).value;
    for name in [
        "/var/ossec/gone",
        "/var/ossec/etc/gone/deeper",
        "/etc/ossec-init.conf",
        "/etc/ossec-init.conf/x",
        "/home/carol",
        "/var/ossec/etc/ossec.conf/x",
    ] {
        assert_eq!(value(name), Value::Absent, "{name}");
    }
    for name in [
        "/etc/passwd",
        "/usr/bin/zsh",
        "/home/alice",
        "/home/alice/x",
        "/var/ossec/queue/db/x",
        "/var/ossec/queue/db",
        "/opt",
    ] {
        assert!(matches!(value(name), Value::NotCollected(_)), "{name}");
    }
    for name in ["/secret", "/secret/x"] {
        assert!(matches!(value(name), Value::Denied(_)), "{name}");
    }
    assert!(matches!(host.read(path("/var/ossec/bin/blob"), 1).value, Value::NotCollected(_)));
    assert!(matches!(host.elf(path("/var/ossec/bin/blob")).value, Value::NotCollected(_)));
    assert_eq!(host.list(path("/home")).get().unwrap(), &["alice", "bob"]);
    assert_eq!(host.list(path("/var/ossec/etc")).get().unwrap(), &["ossec.conf", "shared"]);
    assert_eq!(host.list(path("/var/ossec/var/run")).get().unwrap().len(), 0);
    assert!(matches!(host.list(path("/root")).value, Value::Denied(_)));
    // Whether there is a `db` in it is not known.
    assert!(matches!(host.list(path("/var/ossec/queue")).value, Value::NotCollected(_)));
    assert!(matches!(host.list(path("/usr/bin")).value, Value::NotCollected(_)));
    // Looked for through a link, and a whole subtree that is not there.
    let links = br#"{"format": 1, "complete": ["/Library/Ossec", "/c"], "absent": ["/bin/gone"],
        "files": {"/bin": {"link": "usr/bin"}, "/c/out": {"link": "/elsewhere"}, "/etc": {"names": ["a"]}}}"#;
    let links = CaptureHost::from_json(links).unwrap();
    for name in ["/bin/gone", "/Library/Ossec", "/Library/Ossec/etc", "/c/x", "/etc/b"] {
        assert_eq!(links.resolve(path(name)).value, Value::Absent, "{name}");
    }
    for name in ["/bin/other", "/Library", "/c/out", "/c/out/x", "/etc/a"] {
        assert!(matches!(links.resolve(path(name)).value, Value::NotCollected(_)), "{name}");
    }
    let bare = CaptureHost::from_json(b"{\"format\": 1}").unwrap();
    for unknown in [
        bare.now().unknown(),
        bare.users().unknown(),
        bare.mounts().unknown(),
        bare.processes().unknown(),
        bare.machine().unknown(),
    ] {
        assert_eq!(unknown.unwrap().kind, GapKind::NotCollected);
    }
    let gaps = br#"{"format": 1, "gaps": {"users": "absent", "mounts": {"denied": "no"}}}"#;
    let gaps = CaptureHost::from_json(gaps).unwrap();
    assert!(gaps.users().is_absent());
    assert_eq!(gaps.mounts().value, Value::Denied("no".to_owned()));
}

#[test]
fn hostile_paths_are_refused() {
    for (written, reason) in [
        ("etc/passwd", "is not absolute"),
        ("", "is not absolute"),
        ("/../etc", "`..`"),
        ("/a/../../etc", "`..`"),
        ("/a/./b", "`..`"),
        ("/a//b", "`//`"),
        ("/a\\u0000b", "NUL"),
    ] {
        let message = refuse(&format!("{{\"{written}\": {{}}}}"));
        assert!(message.contains(reason) && message.starts_with("host.json:2:"), "{message}");
    }
    let deep = "/a".repeat(200);
    assert!(refuse(&format!("{{\"{deep}\": {{}}}}")).contains("levels deep"));
    let long = "a".repeat(5000);
    assert!(refuse(&format!("{{\"/{long}\": {{}}}}")).contains("4096"));
}

#[test]
fn contradictions_are_named_with_their_line() {
    for (files, reason) in [
        (r#"{"/a": {}, "/a": {}}"#, "comes twice"),
        (r#"{"/a": {}, "/a/": {}}"#, "twice"),
        (r#"{"/bin": {"link": "usr/bin"}, "/bin/sh": {}}"#, "under the path they have without links"),
        (r#"{"/a": {"owner": "wazuh"}}"#, "not among \"users\""),
        (r#"{"/a": {"mode": 432}}"#, "string of octal digits"),
        (r#"{"/a": {"mode": "0888"}}"#, "octal"),
        (r#"{"/a": {"mode": "77777"}}"#, "octal"),
        (r#"{"/a": {"mtime": "yesterday"}}"#, "no time"),
        (r#"{"/a": {"colour": 1}}"#, "unknown field"),
        (r#"{"/a": {"text": "x", "base64": "eA=="}}"#, "more than one content"),
        (r#"{"/a": {"base64": "?"}}"#, "base64"),
        (r#"{"/a": {"type": "socket", "text": "x"}}"#, "no regular file"),
        (r#"{"/a": {"type": "file", "link": "x"}}"#, "link"),
        (r#"{"/a": {"link": ""}}"#, "without a target"),
        (r#"{"/a/": {"type": "file"}}"#, "ends in `/`"),
        (r#"{"/a": {"names": ["../x"]}}"#, "no names"),
        (r#"{"/a": {"text": "x"}, "/a/b": {}}"#, "a regular file"),
        (r#"{"/a": 5}"#, "invalid type"),
    ] {
        let message = refuse(files);
        assert!(message.contains(reason), "{files}: {message}");
        assert!(message.starts_with("host.json:2:"), "{message}");
    }
    let of = |json: &str| CaptureHost::from_json(json.as_bytes()).unwrap_err().to_string();
    assert!(of("{\n\"format\": 2, \"novel\": []}").contains("reads formats up to 1"));
    assert!(of("{\n \"format\": 1,\n}").starts_with("host.json:3:1: trailing comma"));
    assert!(of("{}").contains("missing field `format`"));
    assert!(of("").contains("EOF"));
    assert!(of("{\"format\": 1, \"absent\": [\"/a\"], \"files\": {\"/a/b\": {}}}").contains("called absent"));
    assert!(of("{\"format\": 1, \"processes\": [{\"pid\": 1}, {\"pid\": 1}]}").contains("listed twice"));
}

#[test]
fn contents_stay_in_the_capture() {
    let (dir, host) = example();
    fs::write(dir.path().join("outside"), "secret").unwrap();
    let stored = dir.path().join("files/var/ossec/etc/ossec.conf");
    // Exchanged after the capture was opened.
    fs::remove_file(&stored).unwrap();
    std::os::unix::fs::symlink(dir.path().join("outside"), &stored).unwrap();
    let answer = host.read(path("/var/ossec/etc/ossec.conf"), 100).value;
    assert!(matches!(&answer, Value::Failed(why) if why.contains("symbolic link")), "{answer:?}");
    let error = CaptureHost::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("plain files"), "{error}");

    fs::remove_dir_all(dir.path().join("files/var/ossec/etc")).unwrap();
    std::os::unix::fs::symlink(dir.path(), dir.path().join("files/var/ossec/etc")).unwrap();
    let answer = host.read(path("/var/ossec/etc/ossec.conf"), 100).value;
    assert!(matches!(answer, Value::Failed(_)), "{answer:?}");
    fs::remove_dir_all(dir.path().join("files")).unwrap();
    std::os::unix::fs::symlink("/etc", dir.path().join("files")).unwrap();
    assert!(CaptureHost::open(dir.path()).is_err());

    fs::remove_file(dir.path().join("files")).unwrap();
    fs::remove_file(dir.path().join(MANIFEST)).unwrap();
    std::os::unix::fs::symlink("outside", dir.path().join(MANIFEST)).unwrap();
    let error = open_source(dir.path()).err().unwrap().to_string();
    assert!(error.contains("host.json") && error.contains("symbolic link"), "{error}");
}

#[test]
fn what_is_no_capture() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(CaptureHost::open(dir.path()), Err(OpenError::NoManifest { .. })));
    assert!(matches!(CaptureHost::open(&dir.path().join("x")), Err(OpenError::Missing { .. })));
    assert_eq!(open_source(dir.path()).unwrap().kind(), SourceKind::Tree);
    fs::write(dir.path().join(MANIFEST), "{\"format\": 1}").unwrap();
    fs::create_dir_all(dir.path().join("files/etc")).unwrap();
    fs::write(dir.path().join("files/etc/stray"), "").unwrap();
    let error = CaptureHost::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("files/etc/stray") && error.contains("no entry"), "{error}");
}

#[test]
fn a_log_is_read_at_any_place() {
    let (dir, host) = example();
    let at = |host: &CaptureHost, name: &str, offset: u64| {
        let source = host.open(path(name));
        let source = source.get().unwrap();
        let mut buffer = [0; 4];
        let count = source.read_at(&mut buffer, offset).unwrap();
        (buffer[..count].to_vec(), source.size(), source.truncated(), source.identity())
    };
    // Of a file below `files/`, and of bytes that stand in host.json.
    let conf = "/var/ossec/etc/ossec.conf";
    assert_eq!(at(&host, conf, 1), (b"osse".to_vec(), 15, false, None));
    assert_eq!(at(&host, conf, 13), (b"/>".to_vec(), 15, false, None));
    assert_eq!(at(&host, "/var/ossec/logs/raw", 1), (vec![255], 2, false, None));
    assert_eq!(at(&host, "/var/ossec/logs/raw", u64::MAX), (vec![], 2, false, None));
    let half = br#"{"format": 1, "files": {"/log": {"text": "abc", "size": 900, "truncated": true}}}"#;
    let half = CaptureHost::from_json(half).unwrap();
    assert_eq!(at(&half, "/log", 1), (b"bc".to_vec(), 3, true, None));
    // The rest is as for `read`.
    fs::remove_file(dir.path().join("files/var/ossec/etc/ossec.conf")).unwrap();
    for name in [conf, "/secret", "/var/ossec/bin/blob", "/var/ossec/gone", "/etc/passwd", "/bin"] {
        let why = host.read(path(name), 9).map(|_| ());
        assert_eq!(host.open(path(name)).map(|_| ()), why, "{name}");
        assert!(why.get().is_none(), "{name}");
    }
}

#[test]
fn edits() {
    let mut host = CaptureHost::new();
    host.symlink("/bin", "usr/bin")
        .unwrap()
        .write("/usr/bin/dash", "x")
        .unwrap()
        .symlink("/usr/bin/sh", "dash")
        .unwrap()
        .write("/bin/sh", "y")
        .unwrap()
        .append("/bin/sh", "z")
        .unwrap()
        .set_mode("/bin/sh", 0o4755)
        .unwrap()
        .set_owner("/bin/sh", 5, 6)
        .unwrap()
        .set_times("/bin/sh", 70, 80)
        .unwrap()
        .mkfifo("/run/fifo")
        .unwrap()
        .special("/run/socket", FileType::Socket)
        .unwrap()
        .mkdir("/srv/a/b")
        .unwrap();
    let resolved = host.resolve(path("/bin/sh"));
    let resolved = resolved.get().unwrap();
    assert_eq!(resolved.path, path("/usr/bin/dash"));
    assert_eq!(
        resolved.meta,
        Meta { file_type: FileType::Regular, mode: 0o4755, uid: 5, gid: 6, size: 2, mtime: 70, ctime: 80 }
    );
    assert_eq!(host.read(path("/bin/sh"), 9).get().unwrap().bytes, b"yz");
    assert_eq!(host.list(path("/run")).get().unwrap(), &["fifo", "socket"]);
    assert_eq!(host.list(path("/srv/a/b")).get().unwrap().len(), 0);
    assert_eq!(host.entry(path("/nowhere")).value, Value::Absent);

    host.rename("/usr/bin", "/opt/bin").unwrap();
    assert_eq!(host.read(path("/opt/bin/sh"), 9).get().unwrap().bytes, b"yz");
    assert_eq!(host.resolve(path("/bin/sh")).value, Value::Absent);
    host.remove("/opt").unwrap();
    assert_eq!(host.entry(path("/opt/bin/dash")).value, Value::Absent);

    assert_eq!(host.remove("/opt").unwrap_err(), EditError::Missing(PathBuf::from("/opt")));
    assert_eq!(host.set_mode("/opt", 0).unwrap_err(), EditError::Missing(PathBuf::from("/opt")));
    assert_eq!(host.write("/srv", "").unwrap_err(), EditError::IsDirectory(PathBuf::from("/srv")));
    assert!(matches!(host.write("/run/fifo/x", ""), Err(EditError::NotDirectory(_))));
    assert!(matches!(host.write("/a/../b", ""), Err(EditError::BadPath(_))));
    assert!(matches!(host.mkdir("/srv"), Err(EditError::Exists(_))));
    assert!(host.remove_process(1).is_err());

    host.write("/etc/passwd", "root:x:0:0:::\nwazuh:x:999:999:::\n").unwrap();
    assert_eq!(host.users().get().unwrap()[1].id, 999);
    host.set_gap(Part::Users, GapKind::Failed, "no");
    assert_eq!(host.users().value, Value::Failed("no".to_owned()));
}

#[test]
fn edits_of_a_capture_make_absence_known() {
    let (_dir, mut host) = example();
    host.remove("/var/ossec/etc/ossec.conf").unwrap().remove("/usr/bin/bash").unwrap();
    assert_eq!(host.entry(path("/var/ossec/etc/ossec.conf")).value, Value::Absent);
    assert_eq!(host.resolve(path("/bin/bash")).value, Value::Absent);
    host.deny("/var/ossec/etc").unwrap().forget("/var/ossec/var/run").unwrap();
    assert!(matches!(host.read(path("/var/ossec/etc/shared/ar.conf"), 1).value, Value::Denied(_)));
    assert!(matches!(host.entry(path("/var/ossec/var/run")).value, Value::NotCollected(_)));
    assert_eq!(host.list(path("/var/ossec/var")).get().unwrap(), &["run"]);
    host.write("/home/carol", "").unwrap();
    assert_eq!(host.list(path("/home")).get().unwrap(), &["alice", "bob", "carol"]);
}

#[test]
fn a_reader_sees_what_modes_allow() {
    let mut host = CaptureHost::new();
    host.write("/o/etc/conf", "x")
        .unwrap()
        .set_mode("/o/etc/conf", 0o640)
        .unwrap()
        .set_owner("/o/etc/conf", 0, 7)
        .unwrap()
        .set_mode("/o", 0o750)
        .unwrap()
        .set_owner("/o", 0, 7)
        .unwrap();
    host.add_process(Process {
        pid: 1,
        ppid: 0,
        comm: "init".to_owned(),
        exe: Some(PathBuf::from("/sbin/init")),
        args: vec![],
        uid: 0,
        state: 'S',
        start: 0,
        env_path: Fact::absent("/proc/1/environ"),
        foreign: false,
    });
    host.set_reader(500, &[500]);
    assert_eq!(host.reader_uid(), 500);
    assert!(host.entry(path("/o")).get().is_some());
    for name in ["/o/etc/conf", "/o/gone"] {
        assert!(matches!(host.entry(path(name)).value, Value::Denied(_)), "{name}");
    }
    assert!(matches!(host.list(path("/o")).value, Value::Denied(_)));
    assert!(matches!(host.processes().get().unwrap()[0].env_path.value, Value::Denied(_)));
    host.set_reader(500, &[500, 7]);
    assert!(host.read(path("/o/etc/conf"), 1).get().is_some());
    assert_eq!(host.entry(path("/o/gone")).value, Value::Absent);
    host.set_mode("/o/etc/conf", 0o600).unwrap();
    assert!(host.entry(path("/o/etc/conf")).get().is_some());
    assert!(matches!(host.read(path("/o/etc/conf"), 1).value, Value::Denied(_)));
    host.set_reader(0, &[]);
    assert!(host.read(path("/o/etc/conf"), 1).get().is_some());
}

#[test]
fn a_tree_built_from_a_capture_answers_alike() {
    if !testing::is_root("giving files away") {
        return;
    }
    let (_dir, mut host) = example();
    host.remove("/secret")
        .unwrap()
        .mkfifo("/run/fifo")
        .unwrap()
        .special("/dev/null", FileType::CharDevice)
        .unwrap()
        .write("/var/ossec/tmp/setuid", "x")
        .unwrap()
        .set_owner("/var/ossec/tmp/setuid", 999, 998)
        .unwrap()
        .set_mode("/var/ossec/tmp/setuid", 0o6750)
        .unwrap()
        .symlink("/run/away", "/../../usr")
        .unwrap()
        .set_mode("/var/ossec/tmp", 0o1770)
        .unwrap();
    let target = tempfile::tempdir().unwrap();
    let missing = host.materialise(target.path()).unwrap();
    assert_eq!(missing, ["/var/ossec/bin/blob: made of zeros: the capture does not hold its content"]);
    let tree = TreeHost::open(target.path()).unwrap();
    for name in host.nodes.keys() {
        let (here, there) = (host.entry(name), tree.entry(name));
        let (here, there) = (here.get().unwrap(), there.get().unwrap());
        let size = |meta: &Meta| if meta.file_type == FileType::Directory { 0 } else { meta.size };
        assert_eq!(
            (here.file_type, here.mode, here.uid, here.gid, size(here), here.mtime),
            (there.file_type, there.mode, there.uid, there.gid, size(there), there.mtime),
            "{name:?}"
        );
        assert_eq!(host.link_target(name), tree.link_target(name));
        if !matches!(host.read(name, 100).value, Value::NotCollected(_)) && name != path("/usr/bin/bash") {
            assert_eq!(host.read(name, 100), tree.read(name, 100), "{name:?}");
        }
        let (here, there) = (host.resolve(name), tree.resolve(name));
        assert_eq!(here.map(|r| r.path).get(), there.map(|r| r.path).get());
    }
    assert_eq!(host.elf(path("/bin/bash")), tree.elf(path("/bin/bash")));
    assert_eq!(host.list(path("/var/ossec")), tree.list(path("/var/ossec")));
    assert_eq!(host.users().get(), tree.users().get());
    assert_eq!(host.groups().get(), tree.groups().get());
    assert!(host.materialise(target.path()).unwrap_err().to_string().contains("not empty"));
}

#[test]
fn a_manifest_written_reads_back() {
    let file = HostFile::parse(EXAMPLE.as_bytes(), path("x")).unwrap();
    let text = file.to_json().unwrap();
    assert_eq!(HostFile::parse(text.as_bytes(), path("x")).unwrap(), file);
    assert!(text.contains("\n    \"/bin\": {\"link\":\"usr/bin\"},\n"), "{text}");
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = CaptureHost::from_json(&bytes);
    }

    #[test]
    fn a_changed_example(at in 0..EXAMPLE.len(), byte in any::<u8>(), cut in 0..EXAMPLE.len()) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = CaptureHost::from_json(&bytes);
        let _ = CaptureHost::from_json(&bytes[..cut]);
    }

    #[test]
    fn any_entries(files in proptest::collection::vec(("[/.a-c]{0,8}", "[/.a-c]{0,6}", 0..5_u8), 0..8), asked in "/[/.a-c]{0,12}") {
        let entries: Vec<String> = files.iter().map(|(key, other, kind)| {
            let entry = match kind {
                0 => "{}".to_owned(),
                1 => format!("{{\"link\": \"{other}\"}}"),
                2 => format!("{{\"names\": [\"{other}\"]}}"),
                3 => format!("{{\"text\": \"{other}\"}}"),
                _ => "{\"denied\": \"no\"}".to_owned(),
            };
            format!("\"/{key}\": {entry}")
        }).collect();
        let json = format!("{{\"format\": 1, \"complete\": [\"/\"], \"files\": {{{}}}}}", entries.join(","));
        if let Ok(mut host) = CaptureHost::from_json(json.as_bytes()) {
            let asked = path(&asked);
            let _ = (host.entry(asked), host.resolve(asked), host.read(asked, 9), host.list(asked), host.elf(asked));
            let _ = host.write(asked, "x").is_ok();
            let _ = host.remove(asked).is_ok();
            let _ = host.deny(asked).is_ok();
            let _ = host.list(path("/"));
        }
    }
}
