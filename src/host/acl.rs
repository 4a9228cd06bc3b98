//! POSIX access control lists in the form of the extended attributes
//! `system.posix_acl_access` and `system.posix_acl_default`.
//!
//! The form (Linux, include/uapi/linux/posix_acl_xattr.h): a version, 2, in
//! four bytes, then eight bytes for each entry: tag, permissions (two bytes
//! each) and id (four), all little-endian. What an ACL permits is decided as in
//! acl(5), "ACCESS CHECK ALGORITHM".

use std::fmt;

/// The attribute with the ACL that is in force.
pub const ACCESS: &str = "system.posix_acl_access";

/// The attribute with what new entries of a directory inherit.
pub const DEFAULT: &str = "system.posix_acl_default";

/// Read permission, as in a mode.
pub const READ: u32 = 4;
/// Write permission, as in a mode.
pub const WRITE: u32 = 2;
/// Permission to execute a file or pass through a directory, as in a mode.
pub const EXECUTE: u32 = 1;

const VERSION: u32 = 2;
const ENTRY: usize = 8;
const NO_ID: u32 = u32::MAX;

/// Whom an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// The owner of the file.
    Owner,
    /// A user by number.
    User(u32),
    /// The group of the file.
    OwningGroup,
    /// A group by number.
    Group(u32),
    /// The most that [`Who::User`], [`Who::OwningGroup`] and [`Who::Group`] give.
    Mask,
    /// Everybody else.
    Other,
}

impl Who {
    fn tag(self) -> (u16, u32) {
        match self {
            Self::Owner => (0x01, NO_ID),
            Self::User(id) => (0x02, id),
            Self::OwningGroup => (0x04, NO_ID),
            Self::Group(id) => (0x08, id),
            Self::Mask => (0x10, NO_ID),
            Self::Other => (0x20, NO_ID),
        }
    }

    fn of_tag(tag: u16, id: u32) -> Option<Self> {
        Some(match tag {
            0x01 => Self::Owner,
            0x02 => Self::User(id),
            0x04 => Self::OwningGroup,
            0x08 => Self::Group(id),
            0x10 => Self::Mask,
            0x20 => Self::Other,
            _ => return None,
        })
    }
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AclEntry {
    /// Whom it is for.
    pub who: Who,
    /// Bits of [`READ`], [`WRITE`] and [`EXECUTE`].
    pub permissions: u32,
}

/// A whole list: an owner, an owning group, others, and a mask where users or
/// groups are named (acl(5), "VALID ACLs").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acl {
    entries: Vec<AclEntry>,
}

/// Why something is no ACL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AclError {
    /// The bytes end within the version or an entry.
    #[error("{0} bytes are no whole number of ACL entries")]
    Length(usize),
    /// A version other than 2.
    #[error("ACLs of version {0} are not known")]
    Version(u32),
    /// A tag nobody defined.
    #[error("the tag {0:#x} is no ACL entry")]
    Tag(u16),
    /// Bits beside read, write and execute.
    #[error("{0:#x} are no permissions")]
    Permissions(u16),
    /// An entry that must be there once is missing, or one comes twice.
    #[error("the ACL is not valid: {0}")]
    Invalid(&'static str),
    /// A text that is no entry.
    #[error("{0:?} is no ACL entry such as \"user:998:r-x\"")]
    Text(String),
}

impl Acl {
    /// The list of these entries, in the order the kernel keeps.
    ///
    /// # Errors
    ///
    /// When it is not valid in the sense of acl(5).
    pub fn new(mut entries: Vec<AclEntry>) -> Result<Self, AclError> {
        entries.sort_by_key(|entry| entry.who.tag());
        if entries.windows(2).any(|pair| pair[0].who == pair[1].who) {
            return Err(AclError::Invalid("an entry comes twice"));
        }
        let acl = Self { entries };
        for (who, why) in [
            (Who::Owner, "it has no entry for the owner"),
            (Who::OwningGroup, "it has no entry for the owning group"),
            (Who::Other, "it has no entry for others"),
        ] {
            acl.of(who).ok_or(AclError::Invalid(why))?;
        }
        if acl.is_extended() && acl.mask().is_none() {
            return Err(AclError::Invalid("users or groups are named, and there is no mask"));
        }
        Ok(acl)
    }

    /// Reads the value of the extended attribute.
    ///
    /// # Errors
    ///
    /// When it is no valid ACL of version 2.
    pub fn parse(bytes: &[u8]) -> Result<Self, AclError> {
        let length = || AclError::Length(bytes.len());
        let (version, rest) = bytes.split_first_chunk::<4>().ok_or_else(length)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(AclError::Version(version));
        }
        if rest.len() % ENTRY != 0 {
            return Err(length());
        }
        let mut entries = Vec::new();
        for entry in rest.chunks_exact(ENTRY) {
            let [t0, t1, p0, p1, i0, i1, i2, i3] = *entry else { return Err(length()) };
            let (tag, permissions) = (u16::from_le_bytes([t0, t1]), u16::from_le_bytes([p0, p1]));
            if permissions > 7 {
                return Err(AclError::Permissions(permissions));
            }
            let who = Who::of_tag(tag, u32::from_le_bytes([i0, i1, i2, i3])).ok_or(AclError::Tag(tag))?;
            entries.push(AclEntry { who, permissions: u32::from(permissions) });
        }
        Self::new(entries)
    }

    /// The value of the extended attribute.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for entry in &self.entries {
            let (tag, id) = entry.who.tag();
            bytes.extend(tag.to_le_bytes());
            bytes.extend([u8::try_from(entry.permissions & 7).unwrap_or(0), 0]);
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    /// Reads entries as getfacl(1) writes them with numbers: `user::rwx`,
    /// `user:998:r-x`, `group::r-x`, `mask::r--`, `other::---`. What follows a
    /// blank is a comment.
    ///
    /// # Errors
    ///
    /// When a text is no entry, or the list is not valid.
    pub fn from_text<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, AclError> {
        let entries = texts.into_iter().map(|text| entry_of(text).ok_or_else(|| AclError::Text(text.into())));
        Self::new(entries.collect::<Result<_, _>>()?)
    }

    /// The entries, in the order the kernel keeps.
    #[must_use]
    pub fn entries(&self) -> &[AclEntry] {
        &self.entries
    }

    /// What an entry gives before the mask.
    #[must_use]
    pub fn of(&self, who: Who) -> Option<u32> {
        self.entries.iter().find(|entry| entry.who == who).map(|entry| entry.permissions)
    }

    /// The mask. Where there is one, the group bits of the file's mode show it
    /// and not what the owning group may.
    #[must_use]
    pub fn mask(&self) -> Option<u32> {
        self.of(Who::Mask)
    }

    /// Whether it names users or groups.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.who, Who::User(_) | Who::Group(_)))
    }

    /// What an entry gives after the mask.
    #[must_use]
    pub fn effective(&self, entry: AclEntry) -> u32 {
        match entry.who {
            Who::User(_) | Who::OwningGroup | Who::Group(_) => {
                entry.permissions & self.mask().unwrap_or(entry.permissions)
            }
            Who::Owner | Who::Mask | Who::Other => entry.permissions,
        }
    }

    /// Whether a process of `uid` in `groups` has all of `permissions` on a file
    /// that `owner` and `group` own. That root is asked less (capabilities(7),
    /// `CAP_DAC_OVERRIDE`) is not looked at here; see [`any_execute`](Self::any_execute).
    #[must_use]
    pub fn allows(&self, uid: u32, groups: &[u32], owner: u32, group: u32, permissions: u32) -> bool {
        let has = |given: u32| given & permissions == permissions;
        if uid == owner {
            return self.of(Who::Owner).is_some_and(has);
        }
        if let Some(given) = self.of(Who::User(uid)) {
            return has(self.effective(AclEntry { who: Who::User(uid), permissions: given }));
        }
        // One of the groups must give all of it; several do not add up.
        let mut is_member = false;
        for entry in &self.entries {
            let of_member = match entry.who {
                Who::OwningGroup => groups.contains(&group),
                Who::Group(id) => groups.contains(&id),
                _ => false,
            };
            is_member |= of_member;
            if of_member && has(self.effective(*entry)) {
                return true;
            }
        }
        !is_member && self.of(Who::Other).is_some_and(has)
    }

    /// The mode bits (`0o777`) that stat(2) shows for it.
    #[must_use]
    pub fn mode(&self) -> u32 {
        let group = self.mask().or_else(|| self.of(Who::OwningGroup)).unwrap_or(0);
        self.of(Who::Owner).unwrap_or(0) << 6 | group << 3 | self.of(Who::Other).unwrap_or(0)
    }

    /// Whether anybody may execute by the mode the kernel shows: root may
    /// execute a regular file exactly then (Linux fs/namei.c generic_permission).
    #[must_use]
    pub fn any_execute(&self) -> bool {
        self.mode() & 0o111 != 0
    }

    /// As after chmod(2): owner, mask (else owning group) and others follow the mode.
    #[must_use]
    pub fn with_mode(&self, mode: u32) -> Self {
        let group = if self.mask().is_some() { Who::Mask } else { Who::OwningGroup };
        let mut acl = self.clone();
        for entry in &mut acl.entries {
            if entry.who == Who::Owner {
                entry.permissions = mode >> 6 & 7;
            } else if entry.who == group {
                entry.permissions = mode >> 3 & 7;
            } else if entry.who == Who::Other {
                entry.permissions = mode & 7;
            }
        }
        acl
    }
}

impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            Who::Owner => f.write_str("user::")?,
            Who::User(id) => write!(f, "user:{id}:")?,
            Who::OwningGroup => f.write_str("group::")?,
            Who::Group(id) => write!(f, "group:{id}:")?,
            Who::Mask => f.write_str("mask::")?,
            Who::Other => f.write_str("other::")?,
        }
        for (bit, letter) in [(READ, "r"), (WRITE, "w"), (EXECUTE, "x")] {
            f.write_str(if self.permissions & bit != 0 { letter } else { "-" })?;
        }
        Ok(())
    }
}

fn entry_of(text: &str) -> Option<AclEntry> {
    let mut fields = text.split_ascii_whitespace().next()?.split(':');
    let (tag, id, letters) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let id = if id.is_empty() { None } else { Some(id.parse().ok()?) };
    let who = match (tag, id) {
        ("user" | "u", None) => Who::Owner,
        ("user" | "u", Some(id)) => Who::User(id),
        ("group" | "g", None) => Who::OwningGroup,
        ("group" | "g", Some(id)) => Who::Group(id),
        ("mask" | "m", None) => Who::Mask,
        ("other" | "o", None) => Who::Other,
        _ => return None,
    };
    let mut permissions = 0;
    let letters: [char; 3] = letters.chars().collect::<Vec<_>>().try_into().ok()?;
    for (letter, (sign, bit)) in letters.into_iter().zip([('r', READ), ('w', WRITE), ('x', EXECUTE)]) {
        match letter {
            '-' => {}
            _ if letter == sign => permissions |= bit,
            _ => return None,
        }
    }
    Some(AclEntry { who, permissions })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn acl(text: &str) -> Acl {
        Acl::from_text(text.split(',')).unwrap()
    }

    /// What `setfacl -m u:998:rx,m::r` makes of a file of mode 0750.
    const REAL: &[u8] = &[
        2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 5, 0, 230, 3, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255,
        16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
    ];

    #[test]
    fn the_form_of_the_kernel() {
        let parsed = Acl::parse(REAL).unwrap();
        assert_eq!(parsed, acl("user::rwx,user:998:r-x,group::r-x,mask::r--,other::---"));
        assert_eq!(parsed.to_bytes(), REAL);
        assert_eq!(parsed.mode(), 0o740);
        assert_eq!(parsed.mask(), Some(READ));
        let texts: Vec<_> = parsed.entries().iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["user::rwx", "user:998:r-x", "group::r-x", "mask::r--", "other::---"]);
    }

    #[test]
    fn what_is_no_acl() {
        let with = |at: usize, byte: u8| {
            let mut bytes = REAL.to_vec();
            bytes[at] = byte;
            Acl::parse(&bytes).unwrap_err()
        };
        assert_eq!(Acl::parse(b"").unwrap_err(), AclError::Length(0));
        assert_eq!(Acl::parse(&REAL[..43]).unwrap_err(), AclError::Length(43));
        assert_eq!(with(0, 1), AclError::Version(1));
        assert_eq!(with(4, 64), AclError::Tag(64));
        assert_eq!(with(6, 8), AclError::Permissions(8));
        assert_eq!(with(4, 32), AclError::Invalid("an entry comes twice"));
        assert!(matches!(Acl::parse(&REAL[..4]), Err(AclError::Invalid(_))));
        assert!(matches!(
            Acl::from_text(["user::rwx", "user:1:rwx", "group::r--", "other::---"]),
            Err(AclError::Invalid(why)) if why.contains("mask")
        ));
        for text in
            ["", "user", "user::rw", "user::wrx", "mask:1:rwx", "user:x:rwx", "user::rwx:1", "boss::rwx"]
        {
            assert!(matches!(Acl::from_text([text]), Err(AclError::Text(_))), "{text}");
        }
    }

    /// acl(5), "ACCESS CHECK ALGORITHM": file of uid 10, group 20.
    #[test]
    fn who_may_execute() {
        for (text, uid, groups, may) in [
            ("user::rwx,group::---,other::---", 10, &[][..], true),
            ("user::rw-,group::rwx,other::rwx", 10, &[20][..], false),
            ("user::rwx,group::r-x,other::---", 11, &[20][..], true),
            ("user::rwx,group::r-x,mask::r--,other::--x", 11, &[20][..], false),
            ("user::rwx,group::r-x,other::---", 11, &[21][..], false),
            ("user::rwx,user:11:r-x,group::---,mask::r-x,other::---", 11, &[][..], true),
            ("user::rwx,user:11:r-x,group::---,mask::r--,other::--x", 11, &[][..], false),
            // A named user is not asked as a member of a group.
            ("user::rwx,user:11:r--,group::r-x,mask::rwx,other::--x", 11, &[20][..], false),
            ("user::rwx,group::---,group:30:r-x,mask::r-x,other::---", 11, &[20, 30][..], true),
            ("user::rwx,group::r--,group:30:r--,mask::rwx,other::--x", 11, &[20, 30][..], false),
            ("user::rwx,group::---,group:30:r-x,mask::r-x,other::--x", 11, &[31][..], true),
        ] {
            assert_eq!(acl(text).allows(uid, groups, 10, 20, EXECUTE), may, "{text} {uid} {groups:?}");
        }
        let split = acl("user::rwx,group::r--,group:30:--x,mask::rwx,other::---");
        assert!(!split.allows(11, &[20, 30], 10, 20, READ | EXECUTE), "two groups do not add up");
    }

    #[test]
    fn the_mode_and_the_list_follow_each_other() {
        let list = acl("user::rwx,user:11:rwx,group::r-x,mask::rwx,other::--x");
        assert_eq!(list.mode(), 0o771);
        let changed = list.with_mode(0o640);
        assert_eq!(changed, acl("user::rw-,user:11:rwx,group::r-x,mask::r--,other::---"));
        assert!(!changed.any_execute() && list.any_execute());
        assert_eq!(acl("user::rwx,group::r-x,other::---").with_mode(0o604).mode(), 0o604);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(parsed) = Acl::parse(&bytes) {
                prop_assert_eq!(Acl::parse(&parsed.to_bytes()).unwrap(), parsed);
            }
        }

        #[test]
        fn there_and_back(
            bits in proptest::array::uniform4(0_u32..8),
            named in proptest::collection::btree_map((any::<bool>(), any::<u32>()), 0_u32..8, 0..6),
        ) {
            let entry = |who, permissions| AclEntry { who, permissions };
            let mut entries = vec![
                entry(Who::Owner, bits[0]), entry(Who::OwningGroup, bits[1]),
                entry(Who::Other, bits[2]), entry(Who::Mask, bits[3]),
            ];
            entries.extend(named.iter().map(|((user, id), permissions)| {
                entry(if *user { Who::User(*id) } else { Who::Group(*id) }, *permissions)
            }));
            let list = Acl::new(entries).unwrap();
            prop_assert_eq!(Acl::parse(&list.to_bytes()).unwrap(), list.clone());
            let texts: Vec<String> = list.entries().iter().map(ToString::to_string).collect();
            prop_assert_eq!(Acl::from_text(texts.iter().map(String::as_str)).unwrap(), list.clone());
            prop_assert_eq!(list.with_mode(list.mode()), list);
        }
    }
}
