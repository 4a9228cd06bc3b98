//! A capture from a stranger: each hostile archive is refused in words, and nothing of it is
//! written anywhere.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ar-doctor");

/// The block before an entry of a tar, byte by byte as POSIX describes it.
fn header(name: &[u8], size: u64, kind: u8, link: &str) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    block[100..108].copy_from_slice(b"0000600\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    if size < 1 << 33 {
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    } else {
        // As GNU tar writes what octal digits cannot hold.
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
    }
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..263].copy_from_slice(b"ustar\0");
    block[263..265].copy_from_slice(b"00");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn entry(name: &[u8], content: &[u8], kind: u8, link: &str) -> Vec<u8> {
    let mut bytes = header(name, content.len() as u64, kind, link).to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(name.as_bytes(), content, b'0', "")
}

const HOST: &[u8] = br#"{"format": 1, "files": {"/var/ossec/etc/ossec.conf": {}}}"#;
const CONF: (&str, &[u8]) = ("files/var/ossec/etc/ossec.conf", b"<ossec_config></ossec_config>\n");

fn sum(name: &str, content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name:?}: {{\"size\": {}, \"sha256\": \"{hex}\"}}", content.len())
}

fn manifest(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let sums: Vec<String> = entries.iter().map(|(name, content)| sum(name, content)).collect();
    format!(
        "{{\"format\": 1, \"made_by\": \"ar-doctor 0.1.0\", \"made_at\": \"2026-11-20T14:00:00Z\", \"entries\": {{{}}}}}",
        sums.join(", ")
    )
    .into_bytes()
}

const END: [u8; 1024] = [0; 1024];

/// A whole capture with something put before its manifest.
fn with(extra: &[u8]) -> Vec<u8> {
    let plain = [("host.json", HOST), CONF];
    let mut bytes = Vec::new();
    for (name, content) in plain {
        bytes.extend_from_slice(&file(name, content));
    }
    bytes.extend_from_slice(extra);
    bytes.extend_from_slice(&file("manifest.json", &manifest(&plain)));
    bytes.extend_from_slice(&END);
    bytes
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

struct Ground {
    directory: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs the program in a directory of its own, of which nothing may be left.
    fn run(&self, path: &Path) -> Output {
        let (work, temp) = (self.directory.path().join("work"), self.directory.path().join("temp"));
        fs::create_dir_all(&work).unwrap();
        fs::create_dir_all(&temp).unwrap();
        let output = Command::new(PROGRAM)
            .args(["check", "--format", "json", "--from"])
            .arg(path)
            .current_dir(&work)
            .env("TMPDIR", &temp)
            .output()
            .unwrap();
        for directory in [work, temp] {
            assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "something was left behind");
        }
        output
    }

    /// What the program says when it refuses.
    fn refused(&self, bytes: &[u8]) -> String {
        let output = self.run(&self.put("x.tar.gz", bytes));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty(), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }
}

#[test]
fn a_plain_one_is_read() {
    let ground = Ground::new();
    for bytes in [with(&[]), packed(&with(&[]))] {
        let output = ground.run(&ground.put("x.tar.gz", &bytes));
        assert!(output.status.code() < Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // In a directory, as people pack it.
    let plain = [("host.json", HOST), CONF];
    let mut bytes = entry(b"top/", &[], b'5', "");
    for (name, content) in plain {
        bytes.extend_from_slice(&file(&format!("top/{name}"), content));
    }
    bytes.extend_from_slice(&file("top/manifest.json", &manifest(&plain)));
    bytes.extend_from_slice(&END);
    let output = ground.run(&ground.put("x.tar", &bytes));
    assert!(output.status.code() < Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_leads_out_or_is_no_file_is_refused() {
    let ground = Ground::new();
    let long = format!("files/{}", "d/".repeat(200));
    let long_name = |name: &str| {
        let mut bytes = entry(b"././@LongLink", &[name.as_bytes(), b"\0"].concat(), b'L', "");
        bytes.extend_from_slice(&file("short", b"x"));
        bytes
    };
    for (extra, entry_name, words) in [
        (file("../../evil", b"x"), "../../evil", "leads out of the archive"),
        (file("files/../../evil", b"x"), "files/../../evil", "leads out of the archive"),
        (file("/etc/evil", b"x"), "/etc/evil", "absolute path"),
        (file("files//etc/evil", b"x"), "files//etc/evil", "`//`"),
        (file("files/./evil", b"x"), "files/./evil", "`.`"),
        (long_name(&format!("files/{}../../../evil", "a".repeat(120))), "files/aaa", ""),
        (long_name(&format!("/{}", "a".repeat(120))), "/aaa", "absolute path"),
        (long_name(&format!("{long}x")), "files/d", "levels deep"),
        (long_name(&"a".repeat(6000)), "", "too long"),
        (entry(b"files/link", &[], b'2', "/etc/passwd"), "files/link", "a symbolic link"),
        (entry(b"files/hard", &[], b'1', "host.json"), "files/hard", "a hard link"),
        (entry(b"files/char", &[], b'3', ""), "files/char", "a device"),
        (entry(b"files/block", &[], b'4', ""), "files/block", "a device"),
        (entry(b"files/fifo", &[], b'6', ""), "files/fifo", "a FIFO"),
        (entry(b"files/sparse", &[], b'S', ""), "files/sparse", "a sparse file"),
        (entry(b"files/pax", b"30 mtime=1.0\n", b'x', ""), "files/pax", "an extended header"),
        (entry(b"files/odd", &[], b'Z', ""), "files/odd", "of an unknown type"),
        (entry(b"files/\xff\xfe", b"x", b'0', ""), "files/", "no UTF-8"),
        (entry(b"files/dir/", b"x", b'5', ""), "files/dir/", "a directory with content"),
        (file("host.json", b"{}"), "host.json", "comes twice"),
        (file(CONF.0, b"x"), CONF.0, "comes twice"),
        (file("other/host.json", b"x"), "other/host.json", "is nothing that a capture of format 1 has"),
        (file("evil.sh", b"x"), "evil.sh", "is nothing that a capture of format 1 has"),
        (file("files/var/ossec/etc/more", b"x"), "files/var/ossec/etc/more", "is not in manifest.json"),
        (file("", b"x"), "", "has no name"),
    ] {
        for bytes in [with(&extra), packed(&with(&extra))] {
            let said = ground.refused(&bytes);
            assert!(said.contains(entry_name) && said.contains(words), "{entry_name}: {words}: {said}");
        }
    }
}

#[test]
fn what_was_changed_or_cut_is_refused() {
    let ground = Ground::new();
    let plain = [("host.json", HOST), CONF];
    let archive = |files: &[(&str, &[u8])], manifest: &[u8]| {
        let mut bytes = Vec::new();
        for (name, content) in files {
            bytes.extend_from_slice(&file(name, content));
        }
        bytes.extend_from_slice(&file("manifest.json", manifest));
        bytes.extend_from_slice(&END);
        bytes
    };
    let said = ground.refused(&archive(&[("host.json", HOST), (CONF.0, b"<changed/>")], &manifest(&plain)));
    assert!(said.contains("ossec.conf") && said.contains("another SHA-256"), "{said}");
    let said = ground.refused(&archive(&[("host.json", HOST)], &manifest(&plain)));
    assert!(said.contains("ossec.conf") && said.contains("is not there"), "{said}");
    let newer = br#"{"format": 2, "made_by": "ar-doctor 7.1.0", "new": []}"#;
    let said = ground.refused(&archive(&plain, newer));
    assert!(
        said.contains("format 2") && said.contains("ar-doctor 7.1.0") && said.contains("up to 1"),
        "{said}"
    );
    assert!(ground.refused(&archive(&plain, b"{")).contains("manifest.json"));
    assert!(ground.refused(&archive(&plain, br#"{"format": 0}"#)).contains("there is no format 0"));
    let mut bare = file("host.json", HOST);
    bare.extend_from_slice(&END);
    assert!(ground.refused(&bare).contains("no manifest.json"));
    let said = ground.refused(&archive(&[CONF], &manifest(&[CONF])));
    assert!(said.contains("no host.json"), "{said}");

    let whole = with(&[]);
    for length in [1, 100, 600, 1500, whole.len() - 1024, whole.len() - 600] {
        let said = ground.refused(&whole[..length]);
        assert!(said.contains("cut off") || said.contains("no archive"), "{length}: {said}");
        let said = ground.refused(&packed(&whole[..length]));
        assert!(said.contains("cut off") || said.contains("no archive"), "{length}: {said}");
    }
    let gzip = packed(&whole);
    for length in [3, 20, gzip.len() / 2, gzip.len() - 1] {
        let said = ground.refused(&gzip[..length]);
        assert!(said.contains("cut off") || said.contains("no archive"), "{length}: {said}");
    }
    let mut flipped = gzip.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    ground.refused(&flipped);
    for behind in [b"x".as_slice(), &gzip] {
        let said = ground.refused(&[gzip.as_slice(), behind].concat());
        assert!(said.contains("something follows its end"), "{said}");
    }
    assert!(ground.refused(&[whole.as_slice(), b"x"].concat()).contains("something follows its end"));
    ground.refused(b"");
    ground.refused(b"hello\n");
    ground.refused(&[0x1f, 0x8b]);
    ground.refused(&packed(b"hello\n"));
    ground.refused(&packed(&[0; 4096]));
}

/// Seconds of a processor, and bytes of memory, that reading an archive takes.
fn cost(ground: &Ground, path: &Path) -> (String, f64, u64) {
    let before = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).unwrap();
    let output = ground.run(path);
    let after = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).unwrap();
    assert_eq!(output.status.code(), Some(2));
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let spent = seconds(after.user_time()) + seconds(after.system_time())
        - seconds(before.user_time())
        - seconds(before.system_time());
    (
        String::from_utf8_lossy(&output.stderr).into_owned(),
        spent,
        u64::try_from(after.max_rss()).unwrap() << 10,
    )
}

/// They take little time and memory. One test, because what children used is counted for all of them together.
#[test]
fn bombs_cost_little() {
    let ground = Ground::new();
    let mut told = Vec::new();
    let mut check = |name: &str, words: &str, is_packed: bool, write: &dyn Fn(&mut dyn std::io::Write)| {
        let path = ground.directory.path().join("bomb");
        let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
        if is_packed {
            let mut packer = GzEncoder::new(file, Compression::default());
            write(&mut packer);
            packer.finish().unwrap();
        } else {
            write(&mut file);
            file.flush().unwrap();
        }
        let (said, seconds, memory) = cost(&ground, &path);
        assert!(said.contains(words), "{name}: {said}");
        assert!(seconds < 60.0, "{name}: {seconds} s");
        assert!(memory < 128 << 20, "{name}: {} MiB", memory >> 20);
        told.push(format!("{name}: {seconds:.2} s, {} MiB at most so far", memory >> 20));
    };
    // Not packed, because packing it takes this test longer than refusing it.
    check("a million entries", "more than 65536 entries", false, &|out| {
        for number in 0..1_000_000 {
            out.write_all(&header(format!("files/{number}").as_bytes(), 0, b'0', "")).unwrap();
        }
        out.write_all(&END).unwrap();
    });
    // Packing half a GiB takes a debug build minutes.
    if !cfg!(debug_assertions) {
        check("files that shrink to a thousandth", "are packed in it, which no capture", true, &|out| {
            let zeros = vec![0; 20 << 20];
            // Well over what is unpacked for nothing and for each packed byte together.
            for number in 0..30 {
                out.write_all(&header(format!("files/{number}").as_bytes(), zeros.len() as u64, b'0', ""))
                    .unwrap();
                out.write_all(&zeros).unwrap();
            }
            out.write_all(&END).unwrap();
        });
    }
    check("a size of 2 GiB", "more bytes than such a file can hold", true, &|out| {
        out.write_all(&header(b"files/large", 2 << 30, b'0', "")).unwrap();
        out.write_all(&[0; 4096]).unwrap();
    });
    check("a size of exabytes", "more bytes than such a file can hold", true, &|out| {
        out.write_all(&header(b"files/large", 1 << 62, b'0', "")).unwrap();
        out.write_all(&[0; 4096]).unwrap();
    });
    check("a name of 1 GiB", "name that is too long", true, &|out| {
        out.write_all(&header(b"././@LongLink", 1 << 30, b'L', "")).unwrap();
        out.write_all(&[b'a'; 4096]).unwrap();
    });
    // What it says of a host is too much, though the bytes are few.
    let host = |body: &str| format!("{{\"format\": 1, \"files\": {{{body}}}}}").into_bytes();
    let many: Vec<String> = (0..300_000).map(|number| format!("\"/{number}\":{{}}")).collect();
    let names = format!("\"/\":{{\"names\":[{}\"a\"]}}", "\"a\",".repeat(2_000_000));
    let deep = format!("\"/\":{}", "[".repeat(100_000));
    for (name, words, json) in [
        ("a host of 300,000 entries", "says more than any host has", host(&many.join(","))),
        ("two million names", "says more than any host has", host(&names)),
        ("brackets in brackets", "host.json", host(&deep)),
        ("a host.json of 20 MiB", "is larger than 16 MiB", vec![b' '; 20 << 20]),
    ] {
        check(name, words, false, &|out| {
            out.write_all(&file("host.json", &json)).unwrap();
            out.write_all(&file("manifest.json", &manifest(&[("host.json", &json)]))).unwrap();
            out.write_all(&END).unwrap();
        });
    }
    assert_eq!(told.len(), if cfg!(debug_assertions) { 8 } else { 9 }, "{told:#?}");
}
