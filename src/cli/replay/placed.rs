//! What `check` knows about why a file does not start, for one that no response of this host
//! uses: it is shown to the probes as if it were installed, with a line of `ar.conf` for it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::quoted;
use super::target::Found;
use crate::engine;
use crate::facts::{Facts, Install};
use crate::findings::{CheckId, Evidence, Finding, ResponseIndex, Stage, Subject, checks};
use crate::host::elf::Elf;
use crate::host::{
    Account, Content, Fact, FileType, Held, Host, Machine, Meta, Mount, Process, Resolved, Source, SourceKind,
};
use crate::redact::Redactor;
use crate::wazuh::ar_conf::BIN_DIR;
use crate::wazuh::install::Kind;
use crate::wazuh::version::{Contract, NEWEST_4, NEWEST_5, Version};

/// The last version that calls scripts with arguments only.
const NEWEST_ARGS: Version = Version::new(4, 1, 5);

/// Checks of modes and owners. A file that is not installed is played as 0750 root:wazuh, so
/// its own do not matter, nor do those of the directories it would lie in.
const OF_THE_PLACE: &[CheckId] = &[
    checks::SCRIPT_NOT_EXECUTABLE,
    checks::EXECUTABLE_WRITABLE,
    checks::EXECUTABLE_OWNER,
    checks::EXECUTABLE_GROUP,
    checks::EXECUTABLE_MODE,
    checks::EXECUTABLE_SETUID,
    checks::DIRECTORY_NOT_SEARCHABLE,
    checks::DIRECTORY_WRITABLE,
];

/// A host with one response.
struct Placed<'a> {
    host: &'a dyn Host,
    /// `HOME/active-response/bin`, and the same behind all links.
    bin: PathBuf,
    real_bin: PathBuf,
    /// The executable below it, and the same behind all links.
    path: PathBuf,
    real_path: PathBuf,
    /// The file that is shown there; none when what is there is meant.
    file: Option<PathBuf>,
    /// `HOME/etc/shared/ar.conf`, and what it is to say.
    ar_conf: (PathBuf, Vec<u8>),
    /// Group of the file.
    gid: u32,
}

impl<'a> Placed<'a> {
    fn new(host: &'a dyn Host, found: &Found) -> Self {
        let target = &found.target;
        let path = target.home.join(&target.path);
        let bin = path.parent().unwrap_or(&target.home).to_owned();
        let real_bin = host.resolve(&bin).get().map_or_else(|| bin.clone(), |real| real.path.clone());
        let file = path.file_name().unwrap_or_default();
        let timeout = target.timeout.to_string();
        let line = [target.name.as_bytes(), b" - ", file.as_bytes(), b" - ", timeout.as_bytes(), b"\n"];
        Self {
            host,
            real_path: real_bin.join(file),
            bin,
            real_bin,
            file: target.install.clone(),
            ar_conf: (target.home.join("etc/shared/ar.conf"), line.concat()),
            gid: target.gid.unwrap_or(0),
            path,
        }
    }

    /// The file that stands for this path, if one does.
    fn file_at(&self, path: &Path) -> Option<&Path> {
        self.file.as_deref().filter(|_| path == self.path || path == self.real_path)
    }

    fn is_ar_conf(&self, path: &Path) -> bool {
        path == self.ar_conf.0
    }

    /// A file or directory as root installs it.
    fn meta(&self, file_type: FileType, size: u64) -> Meta {
        Meta { file_type, mode: 0o750, uid: 0, gid: self.gid, size, mtime: 0, ctime: 0 }
    }

    /// What is shown of a path that is not this host's, and where it leads.
    fn shown(&self, path: &Path) -> Option<Fact<Resolved>> {
        let source = path.display().to_string();
        if self.is_ar_conf(path) {
            let size = u64::try_from(self.ar_conf.1.len()).unwrap_or(u64::MAX);
            let meta = self.meta(FileType::Regular, size);
            return Some(Fact::known(source, Resolved { path: path.to_owned(), meta }));
        }
        if let Some(file) = self.file_at(path) {
            let target = self.host.resolve(file).map(|real| Resolved {
                path: self.real_path.clone(),
                meta: self.meta(FileType::Regular, real.meta.size),
            });
            return Some(Fact { source, ..target });
        }
        // The directories it lies in are made for it where they are not there.
        if self.file.is_some() && self.path.starts_with(path) && self.host.resolve(path).is_absent() {
            let meta = self.meta(FileType::Directory, 0);
            return Some(Fact::known(source, Resolved { path: path.to_owned(), meta }));
        }
        None
    }
}

impl Host for Placed<'_> {
    fn kind(&self) -> SourceKind {
        self.host.kind()
    }

    fn label(&self) -> String {
        self.host.label()
    }

    fn reader_uid(&self) -> u32 {
        self.host.reader_uid()
    }

    fn entry(&self, path: &Path) -> Fact<Meta> {
        let shown = self.shown(path).map(|resolved| resolved.map(|resolved| resolved.meta));
        shown.unwrap_or_else(|| self.host.entry(path))
    }

    fn resolve(&self, path: &Path) -> Fact<Resolved> {
        self.shown(path).unwrap_or_else(|| self.host.resolve(path))
    }

    fn link_target(&self, path: &Path) -> Fact<PathBuf> {
        match self.shown(path) {
            Some(_) => Fact::absent(path.display().to_string()),
            None => self.host.link_target(path),
        }
    }

    fn birth(&self, path: &Path) -> Fact<i64> {
        match self.shown(path) {
            Some(_) => Fact::not_collected(path.display().to_string(), "it is not there yet"),
            None => self.host.birth(path),
        }
    }

    fn read(&self, path: &Path, limit: u64) -> Fact<Content> {
        if self.is_ar_conf(path) {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let bytes: Vec<u8> = self.ar_conf.1.iter().copied().take(limit).collect();
            let truncated = bytes.len() < self.ar_conf.1.len();
            let content = Content { bytes, truncated, changed_while_read: false };
            return Fact::known(path.display().to_string(), content);
        }
        self.host.read(self.file_at(path).unwrap_or(path), limit)
    }

    fn open(&self, path: &Path) -> Fact<Box<dyn Source>> {
        if self.is_ar_conf(path) {
            let line = Held::new(self.ar_conf.1.as_slice(), false);
            return Fact::known(path.display().to_string(), Box::new(line));
        }
        self.host.open(self.file_at(path).unwrap_or(path))
    }

    fn list(&self, path: &Path) -> Fact<Vec<OsString>> {
        if path == self.bin || path == self.real_bin {
            // On 5.x every file there is a response.
            let name = self.path.file_name().map(OsStr::to_owned);
            return Fact::known(path.display().to_string(), name.into_iter().collect());
        }
        self.host.list(path)
    }

    fn elf(&self, path: &Path) -> Fact<Elf> {
        self.host.elf(self.file_at(path).unwrap_or(path))
    }

    fn mounts(&self) -> Fact<Vec<Mount>> {
        self.host.mounts()
    }

    fn processes(&self) -> Fact<Vec<Process>> {
        self.host.processes()
    }

    fn users(&self) -> Fact<Vec<Account>> {
        self.host.users()
    }

    fn groups(&self) -> Fact<Vec<Account>> {
        self.host.groups()
    }

    fn machine(&self) -> Fact<Machine> {
        self.host.machine()
    }

    fn now(&self) -> Fact<i64> {
        self.host.now()
    }

    fn env(&self, name: &str) -> Option<OsString> {
        self.host.env(name)
    }
}

/// What `check` would find of the way from `ar.conf` to the start, were the target the only response
/// of an agent here. It names the file as the user did.
pub(super) fn findings(host: &dyn Host, found: &Found, redactor: &Redactor) -> Vec<Finding> {
    const ONLY: ResponseIndex = 0;
    let placed = Placed::new(host, found);
    let setup = &found.setup;
    let version = setup.version.unwrap_or(match setup.contract {
        Contract::Args => NEWEST_ARGS,
        Contract::Json4 => NEWEST_4,
        Contract::Json5 => NEWEST_5,
    });
    let install = Install {
        home: found.target.home.clone(),
        named_by: "replay".to_owned(),
        sealed: None,
        // An agent takes its responses from ar.conf, or from the directory, and asks for nothing else.
        kind: Fact::known("replay", Kind::Agent),
        version: Fact::known("replay", version),
        identity: Fact::absent("etc/client.keys"),
    };
    let facts = Facts::new(&placed, redactor, install);
    let Some(response) = facts.response(ONLY) else { return Vec::new() };
    let diagnosis = engine::run(&facts, &engine::Options { response: Some(response.id.clone()) });
    let is_placed = found.target.install.is_some();
    let own = diagnosis
        .findings()
        .filter(|finding| finding.responses.contains(&ONLY))
        .filter(|finding| matches!(finding.check.check().stage, Stage::Resolve | Stage::Launch))
        .filter(|finding| !(is_placed && OF_THE_PLACE.contains(&finding.check)));
    let mut own: Vec<Finding> = own.cloned().collect();
    for finding in &mut own {
        // They are not those of this host.
        finding.responses.clear();
        if is_placed {
            name_as_asked(finding, &placed, &found.target.asked);
        }
    }
    own
}

/// Names the file as the user did, in words and in commands to paste.
fn name_as_asked(finding: &mut Finding, placed: &Placed<'_>, asked: &str) {
    // The longest first: one may end in the other. `shares` stay: by that place a finding is known
    // to be about the same file as those of the run.
    let mut places = [placed.real_path.display().to_string(), placed.path.display().to_string()];
    places.sort_by_key(|place| std::cmp::Reverse(place.len()));
    let relative = Path::new(BIN_DIR).join(placed.path.file_name().unwrap_or_default());
    let relative = relative.display().to_string();
    let replace = |text: &mut String, with_quotes: bool| {
        // By way of marks: what the user named may hold such a place itself.
        let (plain, as_word) = ("\u{2}", "\u{3}");
        for place in &places {
            if with_quotes {
                *text = text.replace(&quoted(place), as_word);
            }
            *text = text.replace(place, plain);
        }
        *text = text.replace(as_word, &quoted(asked)).replace(plain, asked);
    };
    let rename = |text: &mut String| {
        if *text == relative { asked.clone_into(text) } else { replace(text, false) }
    };
    let paste = |text: &mut String| replace(text, true);
    rename(&mut finding.title);
    rename(&mut finding.cause);
    if let Subject::File(path) = &mut finding.subject {
        rename(path);
    }
    for evidence in &mut finding.evidence {
        match evidence {
            Evidence::Excerpt { file, label, .. } => {
                rename(file);
                rename(label);
            }
            Evidence::Observation { source, text } => {
                rename(source);
                rename(text);
            }
        }
    }
    if finding.check == checks::EXECUTABLE_EMPTY {
        finding.remedy =
            vec![format!("write the script into {asked} again, and look whether the disk is full: df -h")];
    }
    finding.remedy.iter_mut().for_each(paste);
    paste(&mut finding.verify);
    if finding.verify.starts_with("ar-doctor check") {
        finding.verify = format!("ar-doctor replay {}", quoted(asked));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::target::{Asked, find};
    use super::*;
    use crate::facts::install;
    use crate::host::capture::CaptureHost;

    /// The findings about a file of a capture, played as if it were installed there.
    fn placed(base: &str, change: impl Fn(&mut Found)) -> (Vec<Finding>, Found) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts").join(base);
        let host = CaptureHost::open(&path).unwrap();
        let redactor = Redactor::new();
        let facts = Facts::new(&host, &redactor, install::find(&host, None).unwrap());
        let asked = Asked { target: "/usr/bin/jq", timeout: None, contract: None, version: None };
        let mut found = find(&host, Some(&facts), &redactor, &asked).unwrap();
        change(&mut found);
        (findings(&host, &found, &redactor), found)
    }

    #[test]
    fn a_sound_file_has_no_findings_whatever_is_wrong_around_it() {
        for base in ["agent-4.14-debian", "manager-4.14-debian", "agent-5.0-debian"] {
            let (findings, _) = placed(base, |_| ());
            let wrong: Vec<_> = findings.iter().map(|finding| &finding.title).collect();
            assert!(wrong.is_empty(), "{base}: {wrong:?}");
        }
    }

    #[test]
    fn a_file_is_named_as_the_user_named_it() {
        // It holds the place it would be installed at.
        let asked = "/srv/a b/var/ossec/active-response/bin/jq";
        let (findings, _) = placed("agent-4.14-debian", |found| {
            found.target.asked = asked.to_owned();
            found.target.install = Some("/var/ossec/etc/ossec.conf".into());
        });
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        assert_eq!(finding.check, checks::SHEBANG_MISSING);
        assert!(finding.responses.is_empty());
        let quoted = format!("'{asked}'");
        assert!(finding.remedy.iter().all(|remedy| remedy.ends_with(&quoted)), "{:?}", finding.remedy);
        assert_eq!(finding.verify, format!("head -n 1 {quoted}"));
        assert!(matches!(&finding.evidence[0], Evidence::Excerpt { file, .. } if file == asked));
        assert_eq!(finding.subject, Subject::File(asked.to_owned()));
        assert_eq!(finding.shares, ["/var/ossec/active-response/bin/jq"]);
    }
}
