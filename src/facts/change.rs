//! What changed, and when: versions and packages, contents of scripts and
//! definitions, the last runs, and all of it against a baseline.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use memchr::memmem;
use sha2::{Digest as _, Sha256};

use super::{Executable, Facts, Response, TextFile};
use crate::baseline::{About, Baseline, Recorded};
use crate::findings::ResponseIndex;
use crate::host::{Content, Fact, Sums, Value, dpkg, hex};
use crate::suppress::Suppressions;
use crate::wazuh::ar_log::{self, Trace};
use crate::wazuh::install::{self, Kind};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Version;
use crate::wazuh::xml::Element;

/// How much of the end of active-responses.log is read.
const TAIL: u64 = 64 * 1024;

/// The status file of dpkg has some kilobytes per package.
const STATUS_LIMIT: u64 = 64 << 20;

/// The most of a file that is hashed.
const HASH_LIMIT: u64 = 256 << 20;

/// The most of a program that is searched for its version.
const PROGRAM_LIMIT: u64 = 16 << 20;

/// Control scripts are about 20 KiB.
const SMALL: u64 = 256 * 1024;

/// The last traces of responses that worked, from active-responses.log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    traces: HashMap<Vec<u8>, Trace>,
    /// When the log was written last.
    written: i64,
}

/// When the zone may have changed between a line of the log and its end, an hour is no
/// difference that can be relied on.
const SURE: i64 = 86_400;

impl Traces {
    /// The last one of an executable, in seconds since 1970.
    pub fn of(&self, name: &[u8]) -> Option<Trace> {
        self.traces.get(name).copied()
    }

    /// How much later than a run something was: none when it was not, or when the
    /// log's local time does not let one tell.
    pub fn later(&self, run: i64, change: i64) -> Option<i64> {
        let later = change.checked_sub(run)?;
        let sure = self.written.saturating_sub(run) <= SURE || later > 3600;
        (later > 2 && sure).then_some(later)
    }
}

/// A script that is not what it was.
#[derive(Clone, Debug)]
pub struct ScriptDrift {
    /// Its place in [`Facts::executables`].
    pub executable: usize,
    /// What it was.
    pub was: Recorded,
    /// What it is.
    pub now: Recorded,
    /// The differences, each in words.
    pub what: Vec<String>,
}

/// A response that is not defined as it was.
#[derive(Clone, Debug)]
pub struct ResponseDrift {
    /// Its name.
    pub name: String,
    /// Where it was defined.
    pub was: Option<String>,
    /// Which it is now; none when it is gone.
    pub now: Option<ResponseIndex>,
}

/// All that is not as it was in the baseline.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// Scripts.
    pub scripts: Vec<ScriptDrift>,
    /// Responses.
    pub responses: Vec<ResponseDrift>,
}

/// A program file below the home, and the versions that stand in it.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// Its path.
    pub path: PathBuf,
    /// All that look like Wazuh's.
    pub versions: Vec<Version>,
}

impl<'h> Facts<'h> {
    /// Compares with an earlier report.
    #[must_use]
    pub fn against(mut self, baseline: Baseline) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// The earlier report.
    pub fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// What reports say of this host.
    pub fn about(&self) -> About {
        let role = self.install.kind.get().map(|kind| match kind {
            Kind::Agent => "agent",
            Kind::Local => "local",
            Kind::Server if self.role() == Role::Manager && self.is_worker() => "worker",
            Kind::Server => "manager",
        });
        About {
            name: self
                .machine()
                .get()
                .map(|machine| machine.hostname.clone())
                .filter(|name| !name.is_empty()),
            clock: self.now().get().map(|&now| instant(now)),
            home: (!self.is_bare()).then(|| self.install.home.display().to_string()),
            role: role.map(str::to_owned),
            wazuh_version: self.version().map(|version| version.to_string()),
        }
    }

    /// The same facts, with what the site has accepted.
    #[must_use]
    pub fn accepting(mut self, suppressions: Suppressions) -> Self {
        self.suppressions = Some(suppressions);
        self
    }

    /// What the site has accepted, where a file says so.
    pub fn suppressions(&self) -> Option<&Suppressions> {
        self.suppressions.as_ref()
    }

    /// A text as reports have it, to be held against one of an earlier report.
    pub fn redacted(&self, text: impl AsRef<[u8]>) -> String {
        self.redactor.text(text).as_str().to_owned()
    }

    /// The day by the host's clock, in UTC; where it has none, the day the suppressions were read.
    pub fn today(&self) -> Option<jiff::civil::Date> {
        let of_host = self.now().get().and_then(|&now| jiff::Timestamp::from_second(now).ok());
        of_host.map(|now| now.to_zoned(jiff::tz::TimeZone::UTC).date()).or_else(|| self.suppressions()?.today)
    }

    /// The operating system and its hardware as people name them (`Debian GNU/Linux 12 (bookworm),
    /// x86_64`), from os-release(5) and uname(2); none where neither tells.
    pub fn system(&self) -> Option<String> {
        let pretty = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| {
            let content = self.host.read(Path::new(path), SMALL);
            let text = String::from_utf8_lossy(&content.get()?.bytes).into_owned();
            let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            Some(value.trim_matches(['"', '\'']).to_owned())
        });
        let machine = self.machine().get();
        let name = pretty.or_else(|| machine.map(|machine| machine.system.clone()));
        let arch = machine.map(|machine| machine.arch.clone());
        let parts: Vec<String> = [name, arch].into_iter().flatten().filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Versions that files of the installation name, each with its file: `VERSION.json` and
    /// the control script (`src/init/`, 4.14).
    pub fn named_versions(&self) -> Vec<Fact<Version>> {
        let none = || Value::Failed("holds no version".to_owned());
        let read = |name: &str, version: fn(&[u8]) -> Option<Version>| {
            self.host
                .read(&self.under_home(name), SMALL)
                .and_then(|content| version(&content.bytes).map_or_else(none, Value::Known))
        };
        vec![
            read("VERSION.json", install::version_json),
            read("bin/wazuh-control", install::version),
            read("bin/wazuh-manager-control", install::version),
            read("bin/ossec-control", install::version),
        ]
    }

    /// Versions inside the programs that carry one. A program that a capture leaves out, or
    /// that names none, is not in the list.
    pub fn embedded_versions(&self) -> Vec<Embedded> {
        let programs = self.daemons().iter().map(|daemon| format!("bin/{}", daemon.name));
        programs
            .chain(["lib/libwazuhshared.so".to_owned()])
            .filter_map(|name| {
                let path = self.under_home(&name);
                let found = self.host.search(&path, PROGRAM_LIMIT, install::EMBEDDED_VERSION);
                let versions = install::embedded_versions(&found.get()?.texts.concat());
                (!versions.is_empty()).then_some(Embedded { path, versions })
            })
            .collect()
    }

    /// The home the packages of this role use.
    fn is_package_home(&self) -> bool {
        ["/var/ossec", "/var/wazuh-manager"].iter().any(|home| self.install.home == Path::new(home))
    }

    /// The package of this installation as dpkg knows it; absent where it does not, or
    /// where there is no dpkg.
    pub fn package(&self) -> &Fact<dpkg::Package> {
        self.package.get_or_init(|| {
            if !self.is_package_home() {
                return Fact::absent(dpkg::STATUS);
            }
            let name = if self.role() == Role::Agent { "wazuh-agent" } else { "wazuh-manager" };
            self.host.read(Path::new(dpkg::STATUS), STATUS_LIMIT).and_then(|content| {
                match dpkg::package(&content.bytes, name) {
                    Some(package) => Value::Known(package),
                    None if content.truncated => {
                        Value::Failed(format!("is larger than {STATUS_LIMIT} bytes, the most that is read"))
                    }
                    None => Value::Absent,
                }
            })
        })
    }

    /// Whether rpm keeps a database here. It is not read: its three forms need rpm itself.
    pub fn has_rpm(&self) -> bool {
        ["/var/lib/rpm", "/usr/lib/sysimage/rpm"]
            .iter()
            .any(|path| self.host.entry(Path::new(path)).get().is_some())
    }

    /// The checksums dpkg keeps of the files of this installation's package.
    pub fn package_sums(&self, package: &dpkg::Package) -> Fact<Content> {
        let path = format!("{}/{}.md5sums", dpkg::INFO, package.name);
        self.host.read(Path::new(&path), STATUS_LIMIT)
    }

    /// Any text file of the host, up to [`super::CONFIG_LIMIT`], secrets remembered.
    pub fn text_file(&self, path: &Path) -> TextFile {
        TextFile::read(self, path.to_owned(), super::CONFIG_LIMIT)
    }

    /// Checksums of the file a path leads to.
    pub fn sums(&self, path: &Path) -> Fact<Sums> {
        self.host.sums(path, HASH_LIMIT)
    }

    /// Checksums of a program that may be told. Those of a script in which secrets stand are of
    /// its text with `*` in their place, as a capture holds it: nobody can try out what gives the
    /// sum. What a package brought is known to everybody.
    pub fn told_sums(&self, executable: &Executable) -> Fact<Sums> {
        let sums = self.sums(&executable.path);
        if executable.elf.get().is_some() || sums.get().is_none() {
            return sums;
        }
        let Some(text) = self.script(executable).bytes.get() else { return sums };
        let hidden = self.redactor.hide(text);
        if hidden == *text || sums.get().is_some_and(|sums| self.is_packaged(&executable.path, sums)) {
            return sums;
        }
        sums.map(|_| Sums::of(&hidden))
    }

    /// These are the sums of the file that the package brought.
    fn is_packaged(&self, path: &Path, sums: &Sums) -> bool {
        let Some(package) = self.package().get() else { return false };
        let packaged = self.package_sums(package);
        packaged.get().and_then(|packaged| dpkg::md5_of(&packaged.bytes, path.as_os_str().as_encoded_bytes()))
            == Some(&sums.md5)
    }

    /// What reports record of an executable.
    pub fn recorded(&self, executable: &Executable) -> Recorded {
        let mut recorded = Recorded { path: executable.shown(), ..Recorded::default() };
        let Some(file) = executable.file() else {
            recorded.present = match executable.target.value {
                Value::Absent => Some(false),
                _ => executable.target.get().map(|_| false),
            };
            return recorded;
        };
        let meta = &file.meta;
        let name = |name: Option<String>, id: u32| name.unwrap_or_else(|| id.to_string());
        recorded.present = Some(true);
        recorded.size = Some(meta.size);
        recorded.mode = Some(format!("{:04o}", meta.mode & 0o7777));
        recorded.owner = Some(format!(
            "{}:{}",
            name(self.user_name(meta.uid), meta.uid),
            name(self.group_name(meta.gid), meta.gid)
        ));
        recorded.mtime = Some(instant(meta.mtime));
        recorded.sha256 = self.told_sums(executable).get().map(|sums| sums.sha256.clone());
        recorded
    }

    /// SHA-256 of how a response is defined: its block and its `<command>` without comments
    /// and blanks, or its line of ar.conf. None where the file is the definition (5.x agents).
    /// Secrets in it are hidden before: nobody can try out what gives the sum, and a capture has
    /// the same one.
    pub fn definition(&self, response: &Response) -> Option<String> {
        let mut text = Vec::new();
        if let Some(block) = response.block {
            let read = self.config().read.as_ref()?;
            let block = read.responses.get(block)?;
            let document = read.xml.as_ref().ok()?;
            canonical(document.element_at(block.span.start)?, &mut text);
            if let Some(command) = block.command_block.and_then(|command| read.commands.get(command)) {
                canonical(document.element_at(command.span.start)?, &mut text);
            }
        } else {
            response.place.as_ref()?;
            text.extend_from_slice(&response.name);
            text.push(0);
            text.extend_from_slice(response.executable.as_deref().unwrap_or_default());
            text.push(0);
            text.extend_from_slice(response.timeout.unwrap_or_default().to_string().as_bytes());
        }
        Some(hex(&Sha256::digest(self.redactor.hide(&text))))
    }

    /// The last traces in active-responses.log that came to their end, in the host's time.
    pub fn traces(&self) -> &Fact<Traces> {
        self.traces.get_or_init(|| {
            let log = self.ar_log();
            let written = log.target.get().map(|target| target.meta.mtime);
            self.ending(&log.path, TAIL).and_then(|ending| {
                let tail = ar_log::tail(&ending.bytes, ending.is_cut);
                let zone = match (tail.last, written) {
                    (Some(last), Some(written)) if !ending.goes_on => ar_log::zone(last, written),
                    _ => None,
                };
                match (zone, written) {
                    (Some(zone), Some(written)) => Value::Known(Traces {
                        traces: tail
                            .traces
                            .into_iter()
                            .map(|(name, trace)| (name, Trace { time: trace.time - zone, ..trace }))
                            .collect(),
                        written,
                    }),
                    _ => Value::Failed("its last line does not tell its zone".to_owned()),
                }
            })
        })
    }

    /// What is not as it was in the baseline.
    pub fn drift(&self) -> &Drift {
        self.drift.get_or_init(|| {
            let Some(baseline) = &self.baseline else { return Drift::default() };
            Drift { scripts: self.script_drift(baseline), responses: self.response_drift(baseline) }
        })
    }

    fn script_drift(&self, baseline: &Baseline) -> Vec<ScriptDrift> {
        // Another version of Wazuh brings other programs of its own.
        let upgraded = baseline.about.wazuh_version != self.version().map(|version| version.to_string());
        let known: HashMap<&str, &Recorded> =
            baseline.executables.iter().map(|recorded| (recorded.path.as_str(), recorded)).collect();
        self.executables()
            .iter()
            .enumerate()
            .filter(|(_, executable)| {
                !(upgraded && crate::wazuh::stock::program_named(&executable.name).is_some())
            })
            .filter_map(|(at, executable)| {
                let was = *known.get(executable.shown().as_str())?;
                let now = self.recorded(executable);
                let what = if was.present == Some(true) && now.present == Some(false) {
                    vec!["it was there".to_owned()]
                } else {
                    was.differences(&now)
                };
                (!what.is_empty()).then(|| ScriptDrift { executable: at, was: was.clone(), now, what })
            })
            .collect()
    }

    fn response_drift(&self, baseline: &Baseline) -> Vec<ResponseDrift> {
        // Responses that cannot be read now are not gone.
        let file_is_known = match self.role() {
            Role::Manager => self.config().read.as_ref().is_some_and(|read| read.xml.is_ok()),
            Role::Agent => self.ar_conf().read.is_some(),
        };
        if !file_is_known {
            return Vec::new();
        }
        let mut present: HashMap<String, Vec<(ResponseIndex, String)>> = HashMap::new();
        for (index, response) in self.responses().iter().enumerate() {
            if let Some(definition) = self.definition(response) {
                present.entry(response.shown()).or_default().push((index, definition));
            }
        }
        let mut left = Vec::new();
        for was in &baseline.responses {
            let Some(definition) = &was.definition_sha256 else { continue };
            let same = present.get_mut(&was.name).and_then(|present| {
                let at = present.iter().position(|(_, now)| now == definition)?;
                Some(present.remove(at))
            });
            if same.is_none() {
                left.push(was);
            }
        }
        left.into_iter()
            .map(|was| {
                let now = present.get_mut(&was.name).filter(|present| !present.is_empty());
                ResponseDrift {
                    name: was.name.clone(),
                    was: Some(was.id.clone()),
                    now: now.map(|present| present.remove(0).0),
                }
            })
            .collect()
    }
}

/// An element without comments and without blanks around values.
fn canonical(element: &Element, text: &mut Vec<u8>) {
    text.push(b'<');
    text.extend_from_slice(&element.name);
    text.push(b'>');
    if element.children.is_empty() {
        text.extend_from_slice(element.content.trim_ascii());
    }
    for child in &element.children {
        canonical(child, text);
    }
    text.extend_from_slice(b"</>");
}

/// Seconds since 1970 as UTC.
pub fn instant(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| format!("{seconds} s"), |instant| instant.to_string())
}

/// A length of time in the largest unit of which there are two.
pub fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Whether a name is one that dpkg or rpm gives a file while it installs it.
pub fn is_unfinished(name: &[u8]) -> bool {
    // dpkg: NAME.dpkg-new; rpm: NAME;5f3e2a1b (deb and rpm rename them in the end).
    let of_rpm = |name: &[u8]| {
        let at = memmem::rfind(name, b";")?;
        let id = name.get(at + 1..)?;
        Some(at > 0 && id.len() == 8 && id.iter().all(u8::is_ascii_hexdigit))
    };
    name.ends_with(b".dpkg-new") || of_rpm(name) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_that_are_being_installed() {
        for (name, unfinished) in [
            ("wazuh-execd.dpkg-new", true),
            ("wazuh-execd;5f3e2a1b", true),
            ("wazuh-execd", false),
            ("wazuh-execd.dpkg-old", false),
            ("a;b", false),
            (";5f3e2a1b", false),
        ] {
            assert_eq!(is_unfinished(name.as_bytes()), unfinished, "{name}");
        }
    }

    #[test]
    fn a_change_within_the_hour_needs_a_fresh_log() {
        let ended = Traces { traces: HashMap::new(), written: 1_000_000 };
        assert_eq!(ended.later(999_000, 999_240), Some(240));
        assert_eq!(ended.later(999_000, 999_001), None);
        assert_eq!(ended.later(999_000, 998_000), None);
        // The clock may have been put back or forth since.
        assert_eq!(ended.later(800_000, 803_000), None);
        assert_eq!(ended.later(800_000, 804_000), Some(4000));
        assert_eq!(ended.later(i64::MIN, i64::MAX), None);
    }

    #[test]
    fn spans_are_told_in_a_unit_that_fits() {
        for (seconds, words) in [(5, "5 seconds"), (240, "4 minutes"), (7200, "2 hours"), (200_000, "2 days")]
        {
            assert_eq!(span(seconds), words);
        }
    }
}
