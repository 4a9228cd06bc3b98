//! One executable below `active-response/bin`, with everything that decides
//! whether the kernel can start it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::host::elf::Elf;
use crate::host::{Content, Fact, FileType, Host, Meta, Mount, Resolved, TOO_MANY_LINKS, Value};
use crate::wazuh::launch::{self, Program};

/// How much of a script is read: its first line decides the launch, its text
/// is shown as an excerpt.
const HEAD: u64 = 64 * 1024;

/// An executable as execd finds it.
#[derive(Clone, Debug)]
pub struct Executable {
    /// Its name in `ar.conf`.
    pub name: Vec<u8>,
    /// `HOME/active-response/bin/NAME`.
    pub path: PathBuf,
    /// The entry itself, links not followed.
    pub entry: Fact<Meta>,
    /// Where it leads.
    pub target: Fact<Resolved>,
    /// The text of the link, when it is one.
    pub link: Fact<PathBuf>,
    /// It is a link that leads in a circle; then there is no target.
    pub circles: bool,
    /// Its first bytes.
    pub head: Fact<Content>,
    /// What those make it.
    pub program: Fact<Program>,
    /// Its ELF header; absent when it is no ELF file.
    pub elf: Fact<Elf>,
    /// The mount the file lies on; absent when no line of the table covers it.
    pub mount: Fact<Mount>,
    /// Every directory from `/` to the one that holds the entry, and to the one
    /// that holds the file when a link leads elsewhere.
    pub directories: Vec<(PathBuf, Fact<Meta>)>,
}

impl Executable {
    /// Reads it.
    pub fn read(host: &dyn Host, home: &Path, name: &[u8], mounts: &Fact<Vec<Mount>>) -> Self {
        let path = home
            .join("active-response/bin")
            .join(Path::new(OsStr::from_bytes(name.strip_prefix(b"/").unwrap_or(name))));
        Self::read_path(host, name, path, mounts)
    }

    fn read_path(host: &dyn Host, name: &[u8], path: PathBuf, mounts: &Fact<Vec<Mount>>) -> Self {
        let entry = host.entry(&path);
        let mut target = host.resolve(&path);
        let circles = entry.get().is_some_and(|meta| meta.file_type == FileType::Symlink)
            && matches!(&target.value, Value::Failed(why) if why == TOO_MANY_LINKS);
        if circles {
            // To whoever opens it, nothing is there.
            target.value = Value::Absent;
        }
        let link = host.link_target(&path);
        let regular = target.get().is_some_and(|resolved| resolved.meta.file_type == FileType::Regular);
        let source = path.display().to_string();
        let (head, elf) = if regular {
            (host.read(&path, HEAD), host.elf(&path))
        } else {
            let nothing = |what| Fact::<()> { source: source.clone(), value: gap_of(&target, what) };
            (retype(nothing("is no regular file")), retype(nothing("is no regular file")))
        };
        let program = match (&head.value, elf.get()) {
            (_, Some(_)) => Fact::known(source.clone(), Program::Elf),
            _ => head.as_ref().map(|content| launch::program(&content.bytes)),
        };
        let real = target.get().map_or_else(|| path.clone(), |resolved| resolved.path.clone());
        let mount = mount_of(mounts, &real);
        let parent = path.parent().unwrap_or(Path::new("/"));
        let parent =
            host.resolve(parent).get().map_or_else(|| parent.to_owned(), |resolved| resolved.path.clone());
        let mut above: Vec<&Path> = parent.ancestors().chain(real.ancestors().skip(1)).collect();
        above.sort_unstable();
        above.dedup();
        let directories = above
            .into_iter()
            .map(|directory| (directory.to_owned(), host.resolve(directory).map(|resolved| resolved.meta)))
            .collect();
        Self {
            name: name.to_vec(),
            path,
            entry,
            target,
            link,
            circles,
            head,
            program,
            elf,
            mount,
            directories,
        }
    }

    /// The path in reports.
    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// The regular file it leads to.
    pub fn file(&self) -> Option<&Resolved> {
        self.target.get().filter(|resolved| resolved.meta.file_type == FileType::Regular)
    }
}

/// Why there is nothing to read behind a path: the path's own gap, else words.
fn gap_of(target: &Fact<Resolved>, otherwise: &str) -> Value<()> {
    match &target.value {
        Value::Known(_) => Value::Failed(otherwise.to_owned()),
        Value::Absent => Value::Absent,
        Value::Denied(why) => Value::Denied(why.clone()),
        Value::Failed(why) => Value::Failed(why.clone()),
        Value::NotCollected(why) => Value::NotCollected(why.clone()),
    }
}

fn retype<T>(gap: Fact<()>) -> Fact<T> {
    let source = gap.source;
    match gap.value {
        // `gap_of` never makes a known fact; an absent one says the same.
        Value::Known(()) | Value::Absent => Fact::absent(source),
        Value::Denied(why) => Fact::denied(source, why),
        Value::Failed(why) => Fact::failed(source, why),
        Value::NotCollected(why) => Fact::not_collected(source, why),
    }
}

/// The mount a path lies on: the longest target that is above it, the last one
/// where several are stacked.
pub fn mount_of(mounts: &Fact<Vec<Mount>>, path: &Path) -> Fact<Mount> {
    let found = mounts.as_ref().map(|mounts| {
        mounts
            .iter()
            .filter(|mount| path.starts_with(&mount.target))
            .fold(None::<&Mount>, |best, mount| match best {
                Some(best) if best.target.components().count() > mount.target.components().count() => {
                    Some(best)
                }
                _ => Some(mount),
            })
            .cloned()
    });
    match found.value {
        Value::Known(Some(mount)) => Fact::known(found.source, mount),
        Value::Known(None) | Value::Absent => Fact::absent(found.source),
        Value::Denied(why) => Fact::denied(found.source, why),
        Value::Failed(why) => Fact::failed(found.source, why),
        Value::NotCollected(why) => Fact::not_collected(found.source, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(target: &str, option: &str) -> Mount {
        Mount {
            target: target.into(),
            source: "none".into(),
            fstype: "tmpfs".into(),
            options: vec![option.into()],
        }
    }

    #[test]
    fn the_longest_and_last_mount_wins() {
        let mounts = Fact::known(
            "/proc/self/mountinfo",
            vec![
                mount("/", "a"),
                mount("/var", "b"),
                mount("/var/ossec", "c"),
                mount("/var/ossec", "d"),
                mount("/var/os", "e"),
            ],
        );
        let of = |path: &str| mount_of(&mounts, Path::new(path)).get().map(|mount| mount.options[0].clone());
        assert_eq!(of("/var/ossec/active-response/bin/x").as_deref(), Some("d"));
        assert_eq!(of("/var/lib/x").as_deref(), Some("b"));
        assert_eq!(of("/etc").as_deref(), Some("a"));
    }
}
