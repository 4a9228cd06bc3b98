//! The mount table in the format of /proc/PID/mountinfo (proc(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::{Fact, Mount};

/// Where the kernel shows the mounts of the caller.
pub(super) const SOURCE: &str = "/proc/self/mountinfo";

/// The mount table of the reader.
pub(super) fn read() -> Fact<Vec<Mount>> {
    read_from(SOURCE)
}

/// The mount table in a file of procfs.
pub(super) fn read_from(source: &str) -> Fact<Vec<Mount>> {
    if !cfg!(target_os = "linux") {
        return Fact::not_collected(source, "this system keeps no mount table there");
    }
    match std::fs::read(source) {
        Ok(bytes) => Fact::known(source, parse(&bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Fact::denied(source, "permission denied")
        }
        Err(error) => Fact::failed(source, error.to_string()),
    }
}

/// Mounts in the order of the table: what comes later covers what came before.
pub fn parse(bytes: &[u8]) -> Vec<Mount> {
    bytes.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// `ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS [TAG...] - FSTYPE SOURCE SUPER_OPTIONS`
pub(crate) fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse::<u32>().ok();
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let root = unescape(fields.nth(1)?);
    let target = unescape(fields.next()?);
    let options = fields.next()?;
    fields.find(|field| *field == b"-")?;
    let fstype = fields.next()?;
    let source = fields.next()?;
    let super_options = text(fields.next().unwrap_or_default());
    Some(Mount {
        target: PathBuf::from(OsString::from_vec(target)),
        source: text(source),
        fstype: text(fstype),
        options: merge(&text(options), &super_options),
        super_options: merge(&super_options, ""),
        root: PathBuf::from(OsString::from_vec(root)),
        id,
        parent,
    })
}

/// The mount that `path`, which holds no links, lies on: followed from mount to
/// mount as the kernel does, so that what covers a directory hides the mounts
/// below it. Where numbers are not known, the last of the longest targets.
#[must_use]
pub fn mount_at<'m>(mounts: &'m [Mount], path: &Path) -> Option<&'m Mount> {
    let depth = |mount: &Mount| mount.target.components().count();
    let above = |mount: &&Mount| path.starts_with(&mount.target);
    if mounts.iter().any(|mount| mount.id == 0) {
        return mounts.iter().filter(above).max_by_key(|mount| depth(mount));
    }
    let is_first =
        |mount: &&Mount| mount.parent == mount.id || !mounts.iter().any(|other| other.id == mount.parent);
    let mut at = mounts.iter().filter(above).filter(is_first).max_by_key(|mount| depth(mount))?;
    // No table leads further than its length; a forged one may lead in a circle.
    for _ in 0..mounts.len() {
        let on_it = mounts.iter().filter(above).filter(|mount| {
            mount.parent == at.id && mount.id != at.id && mount.target.starts_with(&at.target)
        });
        // What is mounted nearest to it hides what was mounted deeper before.
        let Some(next) = on_it.rev().min_by_key(|mount| depth(mount)) else { break };
        at = next;
    }
    Some(at)
}

/// Gives numbers to mounts that have none, each lying on what covers its target
/// at that time, as if they had been mounted in this order.
pub(super) fn number(mounts: &mut [Mount]) {
    for index in 0..mounts.len() {
        let (before, rest) = mounts.split_at_mut(index);
        let Some(mount) = rest.first_mut().filter(|mount| mount.id == 0) else { continue };
        mount.id = before.iter().map(|mount| mount.id).max().unwrap_or(0).saturating_add(1);
        mount.parent = mount_at(before, &mount.target).map_or(0, |mount| mount.id);
        if mount.root.as_os_str().is_empty() {
            mount.root = PathBuf::from("/");
        }
    }
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
        assert_eq!(mounts[0].super_options, ["ro", "errors=continue"]);
        assert_eq!((mounts[0].id, mounts[0].parent), (36, 35));
        assert_eq!(
            (mounts[0].root.as_path(), mounts[1].root.as_path()),
            (Path::new("/mnt1"), Path::new("/"))
        );
    }

    fn at(table: &[u8], path: &str) -> Option<u32> {
        mount_at(&parse(table), Path::new(path)).map(|mount| mount.id)
    }

    #[test]
    fn mounts_are_followed_as_the_kernel_does() {
        // 5 covers /var after 3 was mounted below it; 4 lies on top of 2, and
        // stands before it in the table.
        let table = b"1 0 8:1 / / rw - ext4 /dev/a rw\n\
            4 2 0:9 / /tmp rw - tmpfs b rw\n\
            2 1 0:8 / /tmp rw - tmpfs a rw\n\
            3 1 8:2 / /var/ossec rw - ext4 /dev/b rw\n\
            5 1 8:3 / /var rw - ext4 /dev/c rw\n\
            6 5 8:4 / /var/log rw - ext4 /dev/d rw\n";
        for (path, id) in [
            ("/etc/passwd", 1),
            ("/tmp", 4),
            ("/tmp/x", 4),
            ("/tmpx", 1),
            ("/var/ossec/bin", 5),
            ("/var/log/x", 6),
            ("/var", 5),
        ] {
            assert_eq!(at(table, path), Some(id), "{path}");
        }
        assert_eq!(at(b"", "/"), None);
        // The table of a chroot begins below its root.
        assert_eq!(at(b"7 3 8:1 /a /srv rw - ext4 /dev/a rw\n", "/srv/x"), Some(7));
        assert_eq!(at(b"7 3 8:1 /a /srv rw - ext4 /dev/a rw\n", "/etc"), None);
        // Circles, which no kernel writes.
        let circle = b"1 2 8:1 / / rw - x x rw\n2 1 8:1 / / rw - x x rw\n3 3 8:1 / / rw - x x rw\n";
        assert!(at(circle, "/x").is_some());
    }

    #[test]
    fn mounts_without_numbers_get_them() {
        let mount = |target: &str| Mount { target: target.into(), ..Mount::default() };
        let mut mounts = ["/", "/var/ossec", "/tmp", "/tmp", "/var"].map(mount).to_vec();
        number(&mut mounts);
        let numbers: Vec<_> = mounts.iter().map(|mount| (mount.id, mount.parent)).collect();
        assert_eq!(numbers, [(1, 0), (2, 1), (3, 1), (4, 3), (5, 1)]);
        assert_eq!(mount_at(&mounts, Path::new("/var/ossec")).unwrap().id, 5);
    }

    #[test]
    fn escapes_and_lines_that_are_none() {
        assert_eq!(unescape(b"a\\040b\\134c\\9"), b"a b\\c\\9");
        assert_eq!(unescape(b"\\04"), b"\\04");
        for line in [&b""[..], b"x y", b"x 1 0:22 / /tmp rw - tmpfs tmpfs rw"] {
            assert_eq!(parse_line(line), None);
        }
        assert_eq!(parse_line(b"25 1 0:22 / /tmp rw - tmpfs tmpfs rw").unwrap().id, 25);
    }

    #[test]
    fn this_machine_has_a_root() {
        if cfg!(target_os = "linux") {
            let mounts = read();
            assert!(mounts.get().unwrap().iter().any(|mount| mount.target.as_os_str() == "/"));
        }
    }
}
