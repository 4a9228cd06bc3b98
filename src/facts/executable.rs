//! One executable below `active-response/bin`, with everything that decides
//! whether the kernel can start it.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::TextFile;
use crate::host::elf::Elf;
use crate::host::{Content, Fact, FileType, Host, Meta, Mount, Resolved, TOO_MANY_LINKS, Value, mount_at};
use crate::wazuh::launch::{self, Program};

/// How much of a script is read: its first line decides the launch, its text
/// is shown as an excerpt.
const HEAD: u64 = 64 * 1024;

/// The most that is read of the text of a script.
pub const SCRIPT_LIMIT: u64 = 1024 * 1024;

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
    /// Its whole text, see [`super::Facts::script`].
    text: OnceCell<TextFile>,
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
            (no_file(&source, &target), no_file(&source, &target))
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
            text: OnceCell::new(),
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

impl super::Facts<'_> {
    /// Any program of the host, such as an interpreter, by its path.
    pub fn program_at(&self, path: &Path) -> Executable {
        Executable::read_path(self.host, path.as_os_str().as_bytes(), path.to_owned(), self.mounts())
    }

    /// The whole text of a script, up to [`SCRIPT_LIMIT`]; a larger one is failed.
    pub fn script<'e>(&self, executable: &'e Executable) -> &'e TextFile {
        executable.text.get_or_init(|| {
            let whole = executable.head.get().is_none_or(|head| !head.truncated && !head.changed_while_read);
            let bytes = if whole {
                executable.head.as_ref().map(|head| {
                    self.redactor.mark(&head.bytes);
                    head.bytes.clone()
                })
            } else {
                self.bytes(&executable.path, SCRIPT_LIMIT)
            };
            TextFile::of_bytes(self.shown(&executable.path), executable.path.clone(), bytes)
        })
    }

    /// The `PATH` of the running execd and true, else that of its unit or systemd's default.
    pub fn execd_path(&self) -> (String, bool) {
        let path = self.search_path();
        match &path.text {
            Some(text) => (text.clone(), path.is_seen),
            None => (launch::DEFAULT_PATH.to_owned(), false),
        }
    }
}

/// What stands behind a path that leads to no regular file: the path's own gap,
/// and a failure where something else is there.
fn no_file<T>(source: &str, target: &Fact<Resolved>) -> Fact<T> {
    let fact = target.as_ref().and_then(|_| Value::Failed("is no regular file".to_owned()));
    Fact { source: source.to_owned(), ..fact }
}

/// The mount a path without links lies on ([`mount_at`]).
pub fn mount_of(mounts: &Fact<Vec<Mount>>, path: &Path) -> Fact<Mount> {
    mounts
        .as_ref()
        .and_then(|mounts| mount_at(mounts, path).map_or(Value::Absent, |mount| Value::Known(mount.clone())))
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
            ..Mount::default()
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
