//! SELinux and AppArmor on the host: whether they are in force, labels, profiles, and their
//! denials in the logs.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::Facts;
use super::logs::{EAST, LogFile, unpacked};
use super::tools::SETTINGS_LIMIT;
use crate::host::apparmor::{self, Loaded, Profile, Rule};
use crate::host::audit_log::{Denial, MAX_LINE, Reader};
use crate::host::selinux::FileContexts;
use crate::host::{Fact, FileType, Gap, GapKind, Value, settings};
use crate::wazuh::alerts::lines::{Lines, Section};

/// How far back denials are looked for, in milliseconds.
pub const DENIALS_AGE: i64 = 7 * 24 * 3600 * 1000;

/// The most that is read of the end of one log, in bytes.
pub const LOG_TAIL: u64 = 16 << 20;

/// The most that is read of all logs together, in bytes.
const LOGS_BUDGET: u64 = 64 << 20;

/// Where the kernel's messages are kept as text (rsyslog on Debian, RHEL, SUSE).
const TEXT_LOGS: &[&str] = &["/var/log/messages", "/var/log/syslog", "/var/log/kern.log"];

const AUDIT_LOG: &str = "/var/log/audit/audit.log";

/// The rules of a policy about labels have some 400 KiB.
const CONTEXTS_LIMIT: u64 = 8 << 20;

/// Directory of AppArmor's profiles.
pub const PROFILES: &str = "/etc/apparmor.d";

/// Profiles, and files they include, that are read at most.
const MAX_PROFILES: usize = 1024;

/// How deep files may include others.
const MAX_DEPTH: usize = 8;

/// What SELinux and AppArmor are on this host.
#[derive(Debug)]
pub struct Security {
    /// Whether the running SELinux enforces; absent where the kernel has none.
    pub enforcing: Fact<bool>,
    /// `SELINUX` in /etc/selinux/config; absent where the system has none.
    pub configured: Fact<String>,
    /// `SELINUXTYPE` there, else `targeted`.
    pub policy: String,
    /// Whether AppArmor is in force; absent where the kernel has none.
    pub apparmor: Fact<bool>,
    /// Loaded profiles; absent where it is not in force.
    pub loaded: Fact<Vec<Loaded>>,
    /// The label of the running execd; absent when it does not run or has none.
    pub execd: Fact<String>,
    denials: OnceCell<Denials>,
    contexts: OnceCell<Fact<FileContexts>>,
    profiles: OnceCell<Fact<Vec<FiledProfile>>>,
}

/// A denial, and the log it stands in.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The log.
    pub file: PathBuf,
    /// It is auditd's, so that ausearch(8) finds it.
    pub audited: bool,
    /// The denial.
    pub denial: Denial,
}

/// The denials of the last days, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Denials {
    /// All of them.
    pub all: Vec<Logged>,
    /// Why there may be others that are not seen.
    pub gap: Option<Gap>,
}

/// A profile and its file.
#[derive(Clone, Debug)]
pub struct FiledProfile {
    /// The file.
    pub file: PathBuf,
    /// What it says.
    pub profile: Profile,
}

impl Security {
    /// Whether SELinux enforces; by its configuration where the kernel's answer is not known.
    pub fn denies(&self) -> bool {
        match &self.enforcing.value {
            Value::Known(enforcing) => *enforcing,
            Value::Absent => false,
            _ => self.is_to_enforce(),
        }
    }

    /// Whether SELinux enforces from the next boot on.
    pub fn is_to_enforce(&self) -> bool {
        self.configured.get().is_some_and(|mode| mode.eq_ignore_ascii_case("enforcing"))
    }

    /// Whether the running execd is under a profile of AppArmor that refuses something.
    pub fn confines_execd(&self) -> bool {
        self.apparmor.get() == Some(&true)
            && self.execd.get().and_then(|label| apparmor::label(label)).is_some_and(|own| own.mode.refuses())
    }
}

impl Facts<'_> {
    /// SELinux and AppArmor.
    pub fn security(&self) -> &Security {
        self.security.get_or_init(|| {
            let word = |path: &str| {
                self.head(Path::new(path), SETTINGS_LIMIT)
                    .map(|content| String::from_utf8_lossy(&content.bytes).trim().to_owned())
            };
            let config = self.head(Path::new("/etc/selinux/config"), SETTINGS_LIMIT);
            let setting = |key| config.get().and_then(|config| settings::value(&config.bytes, key));
            let execd = match self.execd() {
                None => Fact::absent("execd"),
                Some(daemon) => match (daemon.process(), daemon.processes.unknown()) {
                    (Some(process), _) => {
                        self.process_detail(process.pid).and_then(|detail| detail.label.value)
                    }
                    (None, Some(gap)) => gap.into_fact(),
                    (None, None) => Fact::absent("execd"),
                },
            };
            Security {
                enforcing: word("/sys/fs/selinux/enforce").map(|word| word == "1"),
                configured: config
                    .as_ref()
                    .and_then(|_| setting("SELINUX").map_or(Value::Absent, Value::Known)),
                policy: setting("SELINUXTYPE")
                    .filter(|name| !name.is_empty() && !name.contains('/'))
                    .unwrap_or_else(|| "targeted".to_owned()),
                apparmor: word("/sys/module/apparmor/parameters/enabled").map(|word| word == "Y"),
                loaded: self
                    .head(Path::new("/sys/kernel/security/apparmor/profiles"), LOG_TAIL)
                    .map(|content| apparmor::loaded(&content.bytes)),
                execd,
                denials: OnceCell::new(),
                contexts: OnceCell::new(),
                profiles: OnceCell::new(),
            }
        })
    }

    /// SELinux's label of what a path without links names; absent when it has none.
    pub fn selinux_label(&self, path: &Path) -> Fact<String> {
        self.host.xattr(path, crate::host::capture::SELINUX).map(|bytes| {
            let text = String::from_utf8_lossy(&bytes);
            text.trim_end_matches('\0').to_owned()
        })
    }

    /// The labels that the policy gives paths; absent where the system has no such file.
    pub fn file_contexts(&self) -> &Fact<FileContexts> {
        self.security().contexts.get_or_init(|| {
            let directory = Path::new("/etc/selinux").join(&self.security().policy).join("contexts/files");
            let read = |name: &str| self.head(&directory.join(name), CONTEXTS_LIMIT);
            let mut contexts = FileContexts::default();
            // Without the first there are no rules; what the others add may be missing.
            for name in ["file_contexts", "file_contexts.homedirs", "file_contexts.local"] {
                let text = read(name);
                match text.get() {
                    Some(content) if !content.truncated => contexts.add(&content.bytes),
                    Some(_) => {
                        return Fact::failed(text.source, format!("is larger than {CONTEXTS_LIMIT} bytes"));
                    }
                    None if text.is_absent() && name != "file_contexts" => {}
                    None => return text.and_then(|_| Value::Absent),
                }
            }
            for (name, local) in [("file_contexts.subs", true), ("file_contexts.subs_dist", false)] {
                let text = read(name);
                if let Some(gap) = text.unknown() {
                    return gap.into_fact();
                }
                if let Some(content) = text.get() {
                    contexts.substitute(&content.bytes, local);
                }
            }
            Fact::known(directory.display().to_string(), contexts)
        })
    }

    /// Whether a domain is one that SELinux lets pass all the same (semanage-permissive(8)), as far
    /// as the store of modules shows it.
    pub fn is_permissive_domain(&self, domain: &str) -> Fact<bool> {
        let store = |root: &str| {
            Path::new(root)
                .join(&self.security().policy)
                .join("active/modules/400")
                .join(format!("permissive_{domain}"))
        };
        // The second is where it was up to RHEL 7.
        let found = self.resolve(&store("/var/lib/selinux"));
        let found = if found.is_absent() { self.resolve(&store("/etc/selinux")) } else { found };
        if found.is_absent() { Fact::known(found.source, false) } else { found.map(|_| true) }
    }

    /// When the policy was built last, in seconds since 1970.
    pub fn policy_built(&self) -> Option<i64> {
        let directory = Path::new("/etc/selinux").join(&self.security().policy).join("policy");
        let names = self.list(&directory);
        let times = names.get()?.iter().filter_map(|name| {
            let target = self.resolve(&directory.join(name));
            target.get().map(|found| found.meta.mtime)
        });
        times.max()
    }

    /// The denials of the last days: of auditd's log and those rotated, else of the text logs of
    /// the system, [`LOG_TAIL`] bytes of each.
    pub fn denials(&self) -> &Denials {
        self.security().denials.get_or_init(|| self.read_denials())
    }

    /// Where auditd writes its log.
    pub fn audit_log(&self) -> PathBuf {
        let conf = self.head(Path::new("/etc/audit/auditd.conf"), SETTINGS_LIMIT);
        let named = conf.get().and_then(|conf| settings::value(&conf.bytes, "log_file"));
        named.filter(|path| path.starts_with('/')).map_or_else(|| AUDIT_LOG.into(), PathBuf::from)
    }

    fn read_denials(&self) -> Denials {
        let since = self.now().get().map_or(0, |now| now.saturating_mul(1000).saturating_sub(DENIALS_AGE));
        let mut found = Denials::default();
        let mut left = LOGS_BUDGET;
        let (mut seen, mut gap) = self.log_denials(&self.audit_log(), true, since, &mut left, &mut found.all);
        let is_written = seen
            && self
                .processes()
                .get()
                .is_some_and(|all| all.iter().any(|process| process.comm == "auditd" && !process.foreign));
        // What auditd takes, the kernel tells nobody else.
        if !is_written {
            let no_audit_log = !seen && gap.is_none();
            for path in TEXT_LOGS {
                let (here, unread) =
                    self.log_denials(Path::new(path), false, since, &mut left, &mut found.all);
                seen |= here;
                gap = gap.or(unread.filter(|_| no_audit_log));
            }
        }
        let in_journal = || Gap {
            kind: GapKind::NotCollected,
            source: "journal".to_owned(),
            why: "denials are in the journal alone: ask journalctl -k -g 'avc|apparmor'".to_owned(),
        };
        found.gap = gap.or_else(|| (!seen).then(in_journal));
        // One event may be in several logs, and have several denials.
        let mut known = HashSet::new();
        found.all.retain(|logged| {
            let one = logged.denial.clone();
            let object = (one.class, one.permissions, one.path, one.name.name, one.target);
            known.insert((one.time, one.serial, one.comm, one.source, object))
        });
        found.all.sort_by_key(|logged| std::cmp::Reverse((logged.denial.time, logged.denial.serial)));
        found
    }

    /// The denials of a log and of what was set aside of it, as far back as is looked. Whether any
    /// of it was read, and what could not be.
    fn log_denials(
        &self,
        path: &Path,
        audited: bool,
        since: i64,
        left: &mut u64,
        all: &mut Vec<Logged>,
    ) -> (bool, Option<Gap>) {
        let day = self.local(since.div_euclid(1000)).unwrap_or(since.div_euclid(1000).saturating_sub(EAST));
        let (files, gaps) = self.log_parts(path, Some(day));
        let (mut seen, mut gap) = (false, gaps.into_iter().next());
        for file in files.iter().rev() {
            match self.tail_denials(file, audited, since, left, all) {
                Ok(goes_on) => {
                    seen = true;
                    if !goes_on {
                        break;
                    }
                }
                Err(unread) => {
                    gap = gap.or(Some(unread));
                    break;
                }
            }
        }
        (seen, gap)
    }

    /// The denials at the end of one file of a log, and whether an older one is worth reading.
    fn tail_denials(
        &self,
        file: &LogFile,
        audited: bool,
        since: i64,
        left: &mut u64,
        all: &mut Vec<Logged>,
    ) -> Result<bool, Gap> {
        let opened = self.open(&file.path);
        if let Some(gap) = opened.unknown() {
            return Err(gap);
        }
        // One that is gone was rotated meanwhile.
        let Some(source) = opened.get() else { return Ok(true) };
        let failed = |error: std::io::Error| Gap {
            kind: GapKind::Failed,
            source: file.shown.clone(),
            why: error.to_string(),
        };
        let share = LOG_TAIL.min(*left);
        let size = if file.gzip { unpacked(&**source).map_err(failed)? } else { source.size() };
        *left -= share.min(size);
        let start = size.saturating_sub(share);
        let mut reader = Reader::new(since);
        let read = |line: &[u8], offset| reader.line(line, offset);
        if !file.gzip {
            lines(Section::new(&**source, start..size), start, read)
        } else if start == 0 {
            lines(MultiGzDecoder::new(Section::new(&**source, 0..source.size())).take(size), 0, read)
        } else {
            // One that does not fit is not unpacked for its end.
            return Ok(false);
        }
        .map_err(failed)?;
        let (denials, first, forgotten) = reader.finish();
        for denial in &denials {
            self.redactor.mark_log(&denial.line);
        }
        all.extend(denials.into_iter().map(|denial| Logged { file: file.path.clone(), audited, denial }));
        // An older one may hold more of the time that is looked at.
        Ok(*left > 0 && start == 0 && !forgotten && first.is_none_or(|first| first >= since))
    }

    /// The profiles in /etc/apparmor.d; absent where there is no such directory. A file that cannot
    /// be read makes all of it unknown.
    pub fn profiles(&self) -> &Fact<Vec<FiledProfile>> {
        self.security().profiles.get_or_init(|| {
            let directory = Path::new(PROFILES);
            let names = self.list(directory);
            let Some(list) = names.get() else { return names.map(|_| Vec::new()) };
            let mut all = Vec::new();
            for name in list.iter().take(MAX_PROFILES) {
                // What the parser passes over (aa-parser's is_blacklisted): hidden files, those of
                // editors and of packages.
                let text = name.as_bytes();
                let is_passed_over = text.starts_with(b".")
                    || text.ends_with(b"~")
                    || [
                        ".dpkg-new",
                        ".dpkg-old",
                        ".dpkg-dist",
                        ".dpkg-bak",
                        ".rpmnew",
                        ".rpmsave",
                        ".orig",
                        ".rej",
                    ]
                    .iter()
                    .any(|end| text.ends_with(end.as_bytes()));
                let path = directory.join(name);
                let target = self.resolve(&path);
                if is_passed_over
                    || target.is_absent()
                    || target.get().is_some_and(|found| found.meta.file_type != FileType::Regular)
                    || self.entry(&directory.join("disable").join(name)).get().is_some()
                {
                    continue;
                }
                let text = self.head(&path, SETTINGS_LIMIT);
                let Some(content) = text.get() else {
                    if text.is_absent() {
                        continue;
                    }
                    return text.map(|_| Vec::new());
                };
                // One that is not understood is left out: it is asked for by its name, and then missing.
                let profiles = apparmor::profiles(&content.bytes).unwrap_or_default();
                all.extend(profiles.into_iter().map(|profile| FiledProfile { file: path.clone(), profile }));
            }
            Fact::known(names.source, all)
        })
    }

    /// The profile the kernel puts on a program that an unconfined process starts: the one whose
    /// pattern fits the file.
    pub fn attached(&self, path: &Path) -> Option<&FiledProfile> {
        let bytes = path.as_os_str().as_bytes();
        self.profiles().get()?.iter().find(|filed| {
            let pattern = filed.profile.attachment.as_deref();
            // A variable may stand for anything, so a pattern that begins with one says nothing.
            pattern.is_some_and(|pattern| {
                !pattern.starts_with('@') && apparmor::fits(pattern, bytes) == Some(true)
            })
        })
    }

    /// Whether a rule of a profile may allow an access (`r`, `x`) to a file: false only when no rule
    /// can, none when that cannot be told.
    pub fn profile_may(&self, profile: &Profile, path: &Path, letter: char) -> Option<bool> {
        let mut left = MAX_PROFILES;
        self.may_by(&profile.rules, path.as_os_str().as_bytes(), letter, MAX_DEPTH, &mut left)
    }

    fn may_by(
        &self,
        rules: &[Rule],
        path: &[u8],
        letter: char,
        depth: usize,
        left: &mut usize,
    ) -> Option<bool> {
        let mut is_sure = true;
        for rule in rules {
            let allowed = match rule {
                Rule::All => Some(true),
                Rule::File { pattern, letters } if letters.contains(letter) => apparmor::fits(pattern, path),
                Rule::File { .. } => Some(false),
                Rule::Include { path: named, system, if_exists } => {
                    let base = if *system { Path::new(PROFILES) } else { Path::new("/") };
                    let file = base.join(OsStr::new(named));
                    self.may_by_file(&file, *if_exists, path, letter, depth, left)
                }
            };
            match allowed {
                Some(true) => return Some(true),
                Some(false) => {}
                None => is_sure = false,
            }
        }
        is_sure.then_some(false)
    }

    fn may_by_file(
        &self,
        file: &Path,
        if_exists: bool,
        path: &[u8],
        letter: char,
        depth: usize,
        left: &mut usize,
    ) -> Option<bool> {
        *left = left.checked_sub(1)?;
        let depth = depth.checked_sub(1)?;
        let target = self.resolve(file);
        let Some(found) = target.get() else { return (target.is_absent() && if_exists).then_some(false) };
        if found.meta.file_type == FileType::Directory {
            let names = self.list(file);
            let mut is_sure = true;
            for name in names.get()? {
                match self.may_by_file(&file.join(name), true, path, letter, depth, left) {
                    Some(true) => return Some(true),
                    Some(false) => {}
                    None => is_sure = false,
                }
            }
            return is_sure.then_some(false);
        }
        let text = self.head(file, SETTINGS_LIMIT);
        let rules = apparmor::included(&text.get()?.bytes);
        self.may_by(&rules, path, letter, depth, left)
    }
}

/// Calls a function with every whole line from a byte of a file on, and with where it begins.
fn lines(text: impl Read, start: u64, mut each: impl FnMut(&[u8], u64)) -> std::io::Result<()> {
    let mut lines = Lines::new(text, MAX_LINE);
    // What stands before the first line feed is the rest of a line, unless it is the first.
    let mut is_rest = start > 0;
    while let Some(line) = lines.next_line()? {
        if !std::mem::take(&mut is_rest) {
            each(line.text, start + line.offset);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_from_a_byte_on() {
        let long = format!("{}\n", "x".repeat(300_000));
        let text = format!("first\n{long}second\nlast");
        let size = text.len() as u64;
        let read = |start| {
            let mut found = Vec::new();
            let text = Section::new(text.as_bytes(), start..size);
            lines(text, start, |line, offset| found.push((line.len(), offset))).unwrap();
            found
        };
        let second = 6 + 300_001;
        let all = read(0);
        assert_eq!((all[0], all[2], all[3]), ((5, 0), (6, second), (4, second + 7)));
        assert_eq!(all[1].1, 6);
        assert_eq!(read(3)[0].1, 6);
        assert_eq!(read(10), [(6, second), (4, second + 7)]);
    }
}
