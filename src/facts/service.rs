//! The systemd unit that starts this installation's daemons, with its drop-ins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::install::{UNIT_DIRS, UNITS};
use super::tools::SETTINGS_LIMIT;
use super::{Facts, TextFile};
use crate::findings::Evidence;
use crate::host::systemd::{self, Setting, Unit};
use crate::host::{Fact, Gap};
use crate::wazuh::install;
use crate::wazuh::xml::Span;

/// The unit of this installation.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name (`wazuh-agent.service`).
    pub name: String,
    /// Its file, then its drop-ins in their order.
    pub files: Vec<TextFile>,
    /// What its `[Service]` sections say.
    pub unit: Unit,
    /// A file or directory of it that could not be read: it may hold more.
    pub gap: Option<Gap>,
}

impl Service {
    /// The line of a setting.
    pub fn excerpt(&self, setting: &Setting, label: impl Into<String>) -> Evidence {
        let span = Span { start: setting.start, end: setting.end };
        match self.files.get(setting.file) {
            Some(file) => file.excerpt(span, label),
            None => Evidence::Observation { source: self.name.clone(), text: label.into() },
        }
    }

    /// The file a setting stands in.
    pub fn file(&self, setting: &Setting) -> Option<&TextFile> {
        self.files.get(setting.file)
    }

    /// Whether a control group is that of this unit.
    pub fn holds(&self, cgroup: &str) -> bool {
        cgroup.split('/').any(|part| part == self.name)
    }
}

impl Facts<'_> {
    /// Whether the first process is surely another one than systemd, as in most containers, so that
    /// units and systemctl(1) are of no use.
    pub fn lacks_systemd(&self) -> bool {
        self.processes().get().is_some_and(|all| {
            all.iter().any(|process| process.pid == 1 && !process.foreign && process.comm != "systemd")
        })
    }

    /// The unit of this installation; absent where none starts it.
    pub fn service(&self) -> &Fact<Service> {
        self.service.get_or_init(|| {
            let home = self.install.home.to_string_lossy();
            let mut gap = None;
            for name in UNITS {
                let mut paths = UNIT_DIRS.iter().map(|directory| Path::new(directory).join(name));
                let main = paths.find_map(|path| {
                    let content = self.head(&path, SETTINGS_LIMIT);
                    gap = gap.take().or_else(|| content.unknown());
                    Some((path, content.get()?.bytes.clone()))
                });
                let Some((path, bytes)) = main else { continue };
                if !install::unit_homes(&bytes).iter().any(|named| *named == home) {
                    continue;
                }
                let source = path.display().to_string();
                return Fact::known(source, self.read_service(name, path, bytes));
            }
            let source = UNIT_DIRS.join(", ");
            gap.map_or_else(|| Fact::absent(source), Gap::into_fact)
        })
    }

    fn read_service(&self, name: &str, path: PathBuf, bytes: Vec<u8>) -> Service {
        let mut gap = None;
        // One of the same name in an earlier directory takes the place of the others; what is for all
        // services counts less than what is for those of a prefix, and that less than its own
        // (systemd.unit(5)).
        let prefix = name.split_once('-').map(|(prefix, _)| format!("{prefix}-.service.d"));
        let of: Vec<String> =
            [Some(format!("{name}.d")), prefix, Some("service.d".to_owned())].into_iter().flatten().collect();
        let mut drop_ins: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        for of in &of {
            for directory in UNIT_DIRS {
                let directory = Path::new(directory).join(of);
                let listed = self.list(&directory);
                gap = gap.or_else(|| listed.unknown());
                for name in listed.get().into_iter().flatten() {
                    if name.as_bytes().ends_with(b".conf") {
                        drop_ins.entry(name.clone()).or_insert_with(|| directory.join(name));
                    }
                }
            }
        }
        let text = |path: PathBuf, bytes: Vec<u8>| {
            self.redactor.mark(&bytes);
            let shown = path.display().to_string();
            TextFile::of_bytes(shown.clone(), path, Fact::known(shown, bytes))
        };
        let mut files = vec![text(path, bytes)];
        for path in drop_ins.into_values() {
            let content = self.head(&path, SETTINGS_LIMIT);
            match content.get() {
                Some(content) => files.push(text(path, content.bytes.clone())),
                // A link to /dev/null, which takes a drop-in away, is no regular file.
                None if self.link_target(&path).get().is_some_and(|to| to == Path::new("/dev/null")) => {}
                None => gap = gap.or_else(|| content.unknown()),
            }
        }
        let unit = systemd::read(files.iter().filter_map(|file| file.bytes.get().map(Vec::as_slice)));
        Service { name: name.to_owned(), files, unit, gap }
    }
}
