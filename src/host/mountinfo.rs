//! The mount table in the format of /proc/PID/mountinfo (proc(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::{Fact, Mount};

/// Where the kernel shows the mounts of the caller.
pub(super) const SOURCE: &str = "/proc/self/mountinfo";

/// The mount table of the running kernel.
pub(super) fn read() -> Fact<Vec<Mount>> {
    if !cfg!(target_os = "linux") {
        return Fact::not_collected(SOURCE, "this system keeps no mount table there");
    }
    match std::fs::read(SOURCE) {
        Ok(bytes) => Fact::known(SOURCE, parse(&bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Fact::denied(SOURCE, "permission denied")
        }
        Err(error) => Fact::failed(SOURCE, error.to_string()),
    }
}

/// Mounts in the order of the table: what comes later covers what came before.
pub(super) fn parse(bytes: &[u8]) -> Vec<Mount> {
    bytes.split(|byte| *byte == b'\n').filter_map(parse_line).map(|(_, mount)| mount).collect()
}

/// A line, and its id:
/// `ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS [TAG...] - FSTYPE SOURCE SUPER_OPTIONS`
pub(crate) fn parse_line(line: &[u8]) -> Option<(u64, Mount)> {
    let mut fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let target = unescape(fields.nth(3)?);
    let options = fields.next()?;
    fields.find(|field| *field == b"-")?;
    let fstype = fields.next()?;
    let source = fields.next()?;
    let super_options = fields.next().unwrap_or_default();
    let mount = Mount {
        target: PathBuf::from(OsString::from_vec(target)),
        source: text(source),
        fstype: text(fstype),
        options: merge(&text(options), &text(super_options)),
    };
    Some((id, mount))
}

/// The options in force: those of the mount, then those of the file system. A
/// file system that is read-only makes every mount of it read-only.
fn merge(mount: &str, file_system: &str) -> Vec<String> {
    let mut merged: Vec<String> = Vec::new();
    for option in mount.split(',').chain(file_system.split(',')) {
        if !option.is_empty() && !merged.iter().any(|seen| seen == option) {
            merged.push(option.to_owned());
        }
    }
    if merged.iter().any(|option| option == "ro") {
        merged.retain(|option| option != "rw");
    }
    merged
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(field)).into_owned()
}

/// The kernel writes space, tab, newline, `\` and `#` as `\OOO`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if first == b'\\' => {
                Some(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'))
            }
            _ => None,
        };
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_options() {
        let table = b"36 35 98:0 /mnt1 /var/my\\040disk\\134x rw,noexec,relatime master:1 - ext4 /dev/my\\040root ro,errors=continue\n\
            25 1 0:22 / /tmp rw - tmpfs tmpfs rw,size=1k\nbroken line\n";
        let mounts = parse(table);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].target, PathBuf::from("/var/my disk\\x"));
        assert_eq!(mounts[0].source, "/dev/my root");
        assert_eq!(mounts[0].options, ["noexec", "relatime", "ro", "errors=continue"]);
        assert_eq!(mounts[1].options, ["rw", "size=1k"]);
        assert_eq!(unescape(b"a\\040b\\134c\\9"), b"a b\\c\\9");
        assert_eq!(unescape(b"\\04"), b"\\04");
        for line in [&b""[..], b"x y", b"x 1 0:22 / /tmp rw - tmpfs tmpfs rw"] {
            assert_eq!(parse_line(line), None);
        }
        assert_eq!(parse_line(b"25 1 0:22 / /tmp rw - tmpfs tmpfs rw").unwrap().0, 25);
    }

    #[test]
    fn this_machine_has_a_root() {
        if cfg!(target_os = "linux") {
            let mounts = read();
            assert!(mounts.get().unwrap().iter().any(|mount| mount.target.as_os_str() == "/"));
        }
    }
}
