//! The programs that responses call: the `PATH` they are looked for in, where they are, and which
//! libraries a program of the system loads.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::Facts;
use crate::host::{Fact, FileType, Gap, Resolved, Value, settings};
use crate::lint::{self, Context, Need};
use crate::wazuh::launch;
use crate::wazuh::stock::{Search, Tool};

/// The most that is read of a unit file or of a small configuration file.
pub const SETTINGS_LIMIT: u64 = 256 * 1024;

/// The most that is read of a program to look for a text in it.
const PROGRAM_LIMIT: u64 = 16 * 1024 * 1024;

/// How many libraries one program may lead to.
const MAX_LIBRARIES: usize = 256;

/// Directories the loader searches by itself (ld.so(8)).
const LIBRARY_DIRS: &[&str] =
    &["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/usr/local/lib64"];

/// The `PATH` of execd, which its scripts get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPath {
    /// The directories; none when the running execd has no such variable.
    pub text: Option<String>,
    /// It was read from the running execd; else it is what its next start gets.
    pub is_seen: bool,
    /// Where it is from, in words.
    pub source: String,
    /// What kept it from being read from the running execd.
    pub gap: Option<Gap>,
}

/// What installs packages of the host's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageManager {
    /// Debian and its kin.
    Apt,
    /// Fedora, RHEL 8 and later.
    Dnf,
    /// Small images of RHEL.
    Microdnf,
    /// RHEL 7, Amazon Linux 2.
    Yum,
    /// SUSE.
    Zypper,
    /// Alpine.
    Apk,
}

impl PackageManager {
    /// The command that installs a package again over its own files.
    pub fn reinstall(self, package: &str) -> String {
        match self {
            Self::Apt => format!("apt-get install --reinstall {package}"),
            Self::Dnf => format!("dnf reinstall {package}"),
            Self::Microdnf => format!("microdnf reinstall {package}"),
            Self::Yum => format!("yum reinstall {package}"),
            Self::Zypper => format!("zypper install --force {package}"),
            Self::Apk => format!("apk fix --reinstall {package}"),
        }
    }
}

impl Facts<'_> {
    /// The package manager whose program is on the host; none where no known one is seen.
    pub fn package_manager(&self) -> Option<PackageManager> {
        use PackageManager::{Apk, Apt, Dnf, Microdnf, Yum, Zypper};
        [
            (Zypper, "/usr/bin/zypper"),
            (Apt, "/usr/bin/apt-get"),
            (Dnf, "/usr/bin/dnf"),
            (Microdnf, "/usr/bin/microdnf"),
            (Yum, "/usr/bin/yum"),
            (Apk, "/sbin/apk"),
        ]
        .into_iter()
        .find_map(|(manager, path)| self.resolve(Path::new(path)).get().map(|_| manager))
    }

    /// The `PATH` of the running execd, else that of its unit, else systemd's default.
    pub fn search_path(&self) -> &SearchPath {
        self.search_path.get_or_init(|| {
            let execd = self.execd();
            let environment = execd.and_then(|execd| execd.process()).map(|process| &process.env_path);
            let mut gap = execd.and_then(|execd| execd.processes.unknown());
            if let Some(fact) = environment {
                match &fact.value {
                    Value::Known(path) => {
                        return SearchPath {
                            text: Some(path.clone()),
                            is_seen: true,
                            source: "PATH of the running execd".to_owned(),
                            gap: None,
                        };
                    }
                    Value::Absent => {
                        return SearchPath {
                            text: None,
                            is_seen: true,
                            source: "environment of the running execd".to_owned(),
                            gap: None,
                        };
                    }
                    _ => gap = fact.unknown(),
                }
            }
            let (text, source) = self.unit_path().map_or_else(
                || (launch::DEFAULT_PATH.to_owned(), "systemd's default PATH".to_owned()),
                |(path, unit)| (path, format!("PATH in {unit}")),
            );
            SearchPath { text: Some(text), is_seen: false, source, gap }
        })
    }

    /// The `PATH` that the unit of this installation sets, and the unit.
    fn unit_path(&self) -> Option<(String, String)> {
        let service = self.service().get()?;
        let files: Vec<Vec<u8>> = service.files.iter().filter_map(|file| file.bytes.get().cloned()).collect();
        settings::unit_path(&files).map(|path| (path, service.name.clone()))
    }

    /// Where a shipped program finds a tool; absent where it does not. Without execute bit it finds
    /// it all the same, and then fails to start it.
    pub fn find_tool(&self, tool: &Tool) -> Fact<(PathBuf, Resolved)> {
        let path = self.search_path();
        let (places, any, source): (Vec<PathBuf>, bool, String) = match tool.search(self.version()) {
            Search::Fixed(places) => (places.iter().map(PathBuf::from).collect(), true, places.join(", ")),
            Search::Regular | Search::Executable => {
                let text = match (&path.text, tool.search(self.version())) {
                    (Some(text), _) => text.as_str(),
                    // What execvp(3) takes without PATH.
                    (None, Search::Executable) => "/bin:/usr/bin",
                    (None, _) => "",
                };
                let directories = text.split(':').filter(|directory| directory.starts_with('/'));
                let places = directories.map(|directory| Path::new(directory).join(tool.name)).collect();
                (places, false, text.to_owned())
            }
        };
        let wants_bit = matches!(tool.search(self.version()), Search::Executable);
        let mut gap: Option<Gap> = None;
        for place in places {
            let target = self.resolve(&place);
            if let Some(resolved) = target.get()
                && (any || resolved.meta.file_type == FileType::Regular)
                && (!wants_bit || resolved.meta.mode & 0o111 != 0)
            {
                return Fact::known(place.display().to_string(), (place, resolved.clone()));
            }
            // An earlier one would be taken.
            gap = gap.or_else(|| target.unknown());
            if gap.is_some() {
                break;
            }
        }
        gap.map_or_else(|| Fact::absent(source), Gap::into_fact)
    }

    /// Whether a program loads a library, itself or through others, or holds a text that shows the
    /// library was built into it, as a regular expression. `library` is the name up to the version
    /// (`libwrap.so`).
    pub fn loads(&self, program: &Path, library: &str, text: &str) -> Fact<bool> {
        let elf = self.program_at(program).elf;
        let Some(first) = elf.get() else { return elf.map(|_| false) };
        let mut directories: Vec<PathBuf> = LIBRARY_DIRS.iter().map(PathBuf::from).collect();
        for parent in ["/lib", "/usr/lib", "/usr/local/lib"] {
            directories.push(Path::new(parent).join(format!("{}-linux-gnu", first.machine)));
        }
        let mut open: Vec<String> = first.needed.clone();
        let mut known: BTreeSet<String> = open.iter().cloned().collect();
        let mut gap = None;
        while let Some(name) = open.pop() {
            if name.starts_with(library) {
                return Fact::known(elf.source, true);
            }
            for directory in &directories {
                let library = self.host.elf(&directory.join(&name));
                gap = gap.or_else(|| library.unknown());
                let Some(found) = library.get() else { continue };
                for needed in &found.needed {
                    if known.len() < MAX_LIBRARIES && known.insert(needed.clone()) {
                        open.push(needed.clone());
                    }
                }
                break;
            }
        }
        if let Some(gap) = gap {
            return gap.into_fact();
        }
        self.host.search(program, PROGRAM_LIMIT, text).and_then(|found| {
            let is_inside = !found.texts.is_empty();
            if found.truncated && !is_inside {
                return Value::Failed(format!("is larger than {PROGRAM_LIMIT} bytes"));
            }
            Value::Known(is_inside)
        })
    }

    /// The programs that the text of a script calls; none for one that is not read.
    pub fn calls(&self, executable: &super::Executable) -> Vec<Need> {
        if executable.file().is_none() || executable.elf.get().is_some() {
            return Vec::new();
        }
        let file = self.script(executable);
        let Some(text) = file.bytes.get() else { return Vec::new() };
        let Some(language) = lint::language(&executable.name, text) else { return Vec::new() };
        if language.is_by_name_only() {
            return Vec::new();
        }
        lint::lint(text, language, &Context { contract: self.contract(), timeout: 0 }).tools
    }

    /// The first place of a program in directories that any `PATH` may have, for advice.
    pub fn elsewhere(&self, name: &str) -> Option<PathBuf> {
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin", "/snap/bin"]
            .iter()
            .map(|directory| Path::new(directory).join(OsStr::new(name)))
            .find(|path| {
                self.resolve(path).get().is_some_and(|found| {
                    found.meta.file_type == FileType::Regular && found.meta.mode & 0o111 != 0
                })
            })
    }
}
