//! One running process in detail.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::{has_ended, read_some};
use crate::host::process::{
    Access, DELETED, Descriptor, DescriptorTarget, NAMESPACES, Namespaces, ProcessDetail, Status,
    parse_cgroup, parse_label, parse_limits, parse_namespace, parse_status,
};
use crate::host::{Fact, Mount, Value, mountinfo};

/// Reads process `pid` below `proc`.
pub(super) fn read(proc: &Path, pid: u32) -> Fact<ProcessDetail> {
    let dir = proc.join(pid.to_string());
    let source = dir.display().to_string();
    let stat = match read_some(&dir.join("stat")) {
        Ok(stat) => stat,
        Err(error) if has_ended(&error) => return Fact::absent(source),
        Err(error) => return refused(source, &error),
    };
    let status = status(&dir);
    let namespaces = namespaces(proc, &dir);
    let detail = ProcessDetail {
        pid,
        state: status.as_ref().map(|status| status.state),
        threads: status.as_ref().map(|status| status.threads),
        credentials: status.as_ref().map(|status| status.credentials.clone()),
        capabilities: optional(&status, |status| status.capabilities),
        no_new_privs: optional(&status, |status| status.no_new_privs),
        seccomp: optional(&status, |status| status.seccomp),
        wchan: wchan(&dir),
        label: label(&dir),
        root: link(&dir.join("root")).map(PathBuf::from),
        cwd: link(&dir.join("cwd")).map(PathBuf::from),
        cgroup: file(&dir.join("cgroup")).and_then(|bytes| match parse_cgroup(&bytes) {
            Some(path) => Value::Known(path),
            None => Value::Absent,
        }),
        descriptors: descriptors(&dir.join("fd")),
        limits: file(&dir.join("limits")).and_then(|bytes| understood(parse_limits(&bytes))),
        mounts: mounts(&dir, &namespaces),
        namespaces,
    };
    // The number may have gone to another process meanwhile; its start tells.
    let start = |stat: &[u8]| super::parse_stat(stat).map(|stat| stat.start_ticks);
    match read_some(&dir.join("stat")) {
        Ok(now) if start(&now) == start(&stat) => Fact::known(source, detail),
        Ok(_) => Fact::absent(source),
        Err(error) if has_ended(&error) => Fact::absent(source),
        Err(error) => refused(source, &error),
    }
}

/// What the kernel said instead of an answer. A part of a process that is there
/// is absent to a zombie, which has no files, and to an old kernel.
fn refused<T>(source: String, error: &io::Error) -> Fact<T> {
    match error.kind() {
        ErrorKind::PermissionDenied => Fact::denied(source, "permission denied"),
        _ if has_ended(error) => Fact::absent(source),
        _ => Fact::failed(source, error.to_string()),
    }
}

fn fact<T>(path: &Path, result: io::Result<T>) -> Fact<T> {
    let source = path.display().to_string();
    match result {
        Ok(value) => Fact::known(source, value),
        Err(error) => refused(source, &error),
    }
}

fn file(path: &Path) -> Fact<Vec<u8>> {
    fact(path, read_some(path))
}

fn link(path: &Path) -> Fact<OsString> {
    fact(path, std::fs::read_link(path).map(PathBuf::into_os_string))
}

fn understood<T>(parsed: Option<T>) -> Value<T> {
    parsed.map_or_else(|| Value::Failed("it is not understood".to_owned()), Value::Known)
}

fn status(dir: &Path) -> Fact<Status> {
    file(&dir.join("status")).and_then(|bytes| understood(parse_status(&bytes)))
}

fn optional<T>(status: &Fact<Status>, part: impl Fn(&Status) -> Option<T>) -> Fact<T> {
    status.as_ref().and_then(|status| part(status).map_or(Value::Absent, Value::Known))
}

fn wchan(dir: &Path) -> Fact<String> {
    let wchan = file(&dir.join("wchan"));
    wchan.and_then(|bytes| match std::str::from_utf8(&bytes).map(str::trim) {
        // To who may not look the kernel says 0 as well; a link of the same
        // process tells who that is.
        Ok("0" | "") => match std::fs::read_link(dir.join("cwd")) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Value::Denied("permission denied".to_owned())
            }
            _ => Value::Absent,
        },
        Ok(name) => Value::Known(name.to_owned()),
        Err(_) => Value::Failed("it is not understood".to_owned()),
    })
}

fn label(dir: &Path) -> Fact<String> {
    let path = dir.join("attr/current");
    let read = match read_some(&path) {
        // No security module gives labels.
        Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => {
            return Fact::absent(path.display().to_string());
        }
        read => read,
    };
    fact(&path, read).and_then(|bytes| parse_label(&bytes).map_or(Value::Absent, Value::Known))
}

fn namespaces(proc: &Path, dir: &Path) -> Fact<Namespaces> {
    let path = dir.join("ns");
    let number = |dir: &Path, kind: &str| match std::fs::read_link(dir.join("ns").join(kind)) {
        Ok(link) => Ok(parse_namespace(kind, link.as_os_str())),
        // A kernel without this type.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let ours = proc.join("self");
    let read = || {
        let mut namespaces = Namespaces { numbers: BTreeMap::new(), ..Namespaces::default() };
        for kind in NAMESPACES {
            let Some(theirs) = number(dir, kind)? else { continue };
            namespaces.numbers.insert(kind.to_owned(), theirs);
            if number(&ours, kind)? != Some(theirs) {
                namespaces.others.insert(kind.to_owned());
            }
        }
        Ok(namespaces)
    };
    let namespaces = fact(&path, read());
    // A zombie has given them back.
    namespaces.and_then(|known| if known.numbers.is_empty() { Value::Absent } else { Value::Known(known) })
}

fn mounts(dir: &Path, namespaces: &Fact<Namespaces>) -> Fact<Vec<Mount>> {
    let source = dir.join("mountinfo").display().to_string();
    let is_other = namespaces.as_ref().map(|namespaces| namespaces.others.contains("mnt"));
    match is_other.get() {
        Some(true) => mountinfo::read_from(&source),
        _ => Fact { source, ..is_other.and_then(|_| Value::Absent) },
    }
}

fn descriptors(path: &Path) -> Fact<Vec<Descriptor>> {
    let read = || {
        let mut descriptors = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let Some(fd) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            match descriptor(&entry.path(), fd) {
                Ok(descriptor) => descriptors.push(descriptor),
                // It was closed meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        descriptors.sort_unstable_by_key(|descriptor| descriptor.fd);
        Ok(descriptors)
    };
    fact(path, read())
}

fn descriptor(place: &Path, fd: u32) -> io::Result<Descriptor> {
    let link = std::fs::read_link(place)?;
    // The mode of the link says what it was opened for.
    let mode = std::fs::symlink_metadata(place)?.permissions().mode();
    let mut target = DescriptorTarget::parse(link.as_os_str());
    if let DescriptorTarget::File { path, deleted: deleted @ true } = &mut target
        && is_there(place, &link)
    {
        let mut whole = path.as_os_str().as_bytes().to_vec();
        whole.extend_from_slice(DELETED);
        (*path, *deleted) = (PathBuf::from(OsString::from_vec(whole)), false);
    }
    Ok(Descriptor { fd, target, access: Access { read: mode & 0o400 != 0, write: mode & 0o200 != 0 } })
}

/// Whether a descriptor's file is there under the very text of its link, whose
/// last words then are part of its name. Following the link opens nothing.
fn is_there(place: &Path, link: &Path) -> bool {
    let id = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
    match (std::fs::metadata(place), std::fs::symlink_metadata(link)) {
        (Ok(held), Ok(named)) => id(held) == id(named),
        _ => false,
    }
}
