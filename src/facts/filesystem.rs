//! What the file system says beside mode bits: access control lists, attributes, free space, and
//! the mounts as execd has them.

use std::path::{Path, PathBuf};

use super::Facts;
use crate::host::acl::{self, Acl, Who};
use crate::host::{Attributes, Fact, Meta, Mount, Space, Value};

/// The most that is read of `/etc/fstab`.
const FSTAB_LIMIT: u64 = 256 * 1024;

impl Facts<'_> {
    /// The access control list of what a path leads to; absent when mode bits say all.
    pub fn acl(&self, path: &Path) -> Fact<Acl> {
        let real = self.real(path);
        self.host.xattr(&real, acl::ACCESS).and_then(|bytes| match Acl::parse(&bytes) {
            Ok(acl) => Value::Known(acl),
            Err(error) => Value::Failed(error.to_string()),
        })
    }

    /// The attributes (chattr(1)) of what a path leads to.
    pub fn attributes(&self, path: &Path) -> Fact<Attributes> {
        let real = self.real(path);
        self.host.attributes(&real)
    }

    /// How full the file system is that a path leads to.
    pub fn space(&self, path: &Path) -> Fact<Space> {
        self.host.space(path)
    }

    /// A path without its links, as far as it leads anywhere.
    fn real(&self, path: &Path) -> PathBuf {
        self.resolve(path).get().map_or_else(|| path.to_owned(), |resolved| resolved.path.clone())
    }

    /// The uid of a user.
    pub fn user_id(&self, name: &str) -> Fact<Option<u32>> {
        let users = self.users().as_ref();
        users.map(|users| users.iter().find(|user| user.name == name).map(|user| user.id))
    }

    /// Whether a process of this user and this one group may do all of `permissions`
    /// (`READ | WRITE | EXECUTE` of [`acl`]) with what a path leads to, by mode or list.
    pub fn may(&self, path: &Path, uid: u32, gid: u32, permissions: u32) -> Fact<bool> {
        let target = self.resolve(path);
        let list = self.acl(path);
        if let Some(gap) = list.unknown() {
            return gap.into_fact();
        }
        target.map(|resolved| may(&resolved.meta, list.get(), uid, gid, permissions))
    }

    /// The mount table of the running execd, with its process number; absent when it has
    /// [`Facts::mounts`] or does not run.
    pub fn execd_mounts(&self) -> Fact<(u32, Vec<Mount>)> {
        let detail = self.execd_detail();
        match detail.get() {
            Some(detail) => detail.mounts.as_ref().map(|mounts| (detail.pid, mounts.clone())),
            None => detail.as_ref().map(|detail| (detail.pid, Vec::new())),
        }
    }

    /// The options of a mount point in `/etc/fstab`; absent when it has no line there.
    pub fn fstab_options(&self, target: &Path) -> Fact<Vec<String>> {
        self.head(Path::new("/etc/fstab"), FSTAB_LIMIT).and_then(|content| {
            let text = String::from_utf8_lossy(&content.bytes);
            let line = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).find_map(|line| {
                let mut fields = line.split_whitespace().skip(1);
                (fields.next()? == target.to_string_lossy()).then(|| fields.nth(1).unwrap_or("defaults"))
            });
            line.map_or(Value::Absent, |options| {
                Value::Known(options.split(',').map(str::to_owned).collect())
            })
        })
    }
}

/// Whether user and group have permissions; root is asked as anybody else.
fn may(meta: &Meta, list: Option<&Acl>, uid: u32, gid: u32, permissions: u32) -> bool {
    if let Some(list) = list {
        return list.allows(uid, &[gid], meta.uid, meta.gid, permissions);
    }
    let shift = if uid == meta.uid {
        6
    } else if gid == meta.gid {
        3
    } else {
        0
    };
    meta.mode >> shift & permissions == permissions
}

/// Who besides root may do something by an access control list: the owning group by number,
/// then named users and groups. Only those that have it after the mask.
pub fn named_with(list: &Acl, meta: &Meta, permissions: u32) -> Vec<Who> {
    let entries = list.entries().iter().filter(|entry| list.effective(**entry) & permissions == permissions);
    entries
        .filter_map(|entry| match entry.who {
            Who::OwningGroup => Some(Who::Group(meta.gid)),
            who @ (Who::User(_) | Who::Group(_)) => Some(who),
            Who::Owner | Who::Mask | Who::Other => None,
        })
        .filter(|who| !matches!(who, Who::User(0) | Who::Group(0)))
        .collect()
}

/// A list as getfacl(1) writes it with numbers, in one line.
pub fn acl_text(list: &Acl) -> String {
    let entries: Vec<String> = list.entries().iter().map(ToString::to_string).collect();
    entries.join(",")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::host::FileType;
    use crate::host::acl::WRITE;

    fn meta(mode: u32) -> Meta {
        Meta { file_type: FileType::Directory, mode, uid: 0, gid: 998, size: 0, mtime: 0, ctime: 0 }
    }

    fn list(text: &str) -> Acl {
        Acl::from_text(text.split(',')).unwrap()
    }

    #[test]
    fn modes_and_lists() {
        for (mode, acl, uid, gid, expected) in [
            (0o770, None, 998, 998, true),
            (0o750, None, 998, 998, false),
            (0o702, None, 998, 998, false),
            (0o702, None, 998, 997, true),
            (0o700, None, 0, 998, true),
            // The group bits show the mask, not the group.
            (0o770, Some("user::rwx,group::r-x,user:5:rwx,mask::rwx,other::---"), 998, 998, false),
            (0o770, Some("user::rwx,group::---,user:998:rwx,mask::rwx,other::---"), 998, 998, true),
            (0o750, Some("user::rwx,group::rwx,mask::r-x,other::---"), 998, 998, false),
        ] {
            let acl = acl.map(list);
            assert_eq!(may(&meta(mode), acl.as_ref(), uid, gid, WRITE), expected, "{mode:o} {acl:?}");
        }
    }

    #[test]
    fn who_is_named() {
        let acl =
            list("user::rwx,user:0:rwx,user:5:rwx,user:6:r--,group::rwx,group:7:-w-,mask::rw-,other::rwx");
        assert_eq!(named_with(&acl, &meta(0o777), WRITE), [Who::User(5), Who::Group(998), Who::Group(7)]);
        let masked = list("user::rwx,user:5:rwx,group::r-x,mask::r-x,other::---");
        assert_eq!(named_with(&masked, &meta(0o750), WRITE), []);
        assert_eq!(acl_text(&masked), "user::rwx,user:5:rwx,group::r-x,mask::r-x,other::---");
    }
}
