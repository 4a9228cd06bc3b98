//! Everything that is known about a host, each thing read once and only when
//! asked for. Probes see this and nothing below it.

pub mod alert_log;
pub mod alerts;
pub mod blocked;
pub mod change;
pub mod daemon;
pub mod delivery;
pub mod demand;
pub mod executable;
pub mod filesystem;
pub mod install;
pub mod logs;
pub mod payloads;
pub mod response;
pub mod rules;
pub mod security;
pub mod service;
pub mod tools;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::baseline::Baseline;
use crate::findings::{Evidence, ResponseIndex};
use crate::host::{
    Account, Content, Fact, FileType, Gap, Host, Machine, Matches, Meta, Mount, Process, ProcessDetail,
    Resolved, Source, SourceKind, UnixSocket, Value, dpkg,
};
use crate::redact::{self, Redactor};
use crate::suppress::Suppressions;
use crate::wazuh::alerts::histogram::Need;
use crate::wazuh::alerts::lines::ReadAt;
use crate::wazuh::ar_conf::{self, ArConf};
use crate::wazuh::daemon_log;
use crate::wazuh::install::Kind;
use crate::wazuh::ossec_conf::{self, AgentConf, Configuration, Dispatch, Role, RulesetKind};
use crate::wazuh::stock;
use crate::wazuh::version::{self, Contract, Version};
use crate::wazuh::xml::{self, LineIndex, Span};

pub use alert_log::Since;
pub use alerts::Alerts;
pub use daemon::Daemon;
pub use delivery::Delivery;
pub use executable::Executable;
pub use install::Install;
pub use response::{Place, Response, Runs};
pub use rules::Rules;
pub use security::Security;
pub use service::Service;
pub use tools::SearchPath;

/// The most that is read of a configuration file. OS_XML has no such limit; a
/// larger file is reported as not read.
pub const CONFIG_LIMIT: u64 = 16 * 1024 * 1024;

/// How much of a line an excerpt shows, in bytes.
const EXCERPT: usize = 160;

/// A text file of the installation that is shown in excerpts.
#[derive(Clone, Debug)]
pub struct TextFile {
    /// Its path as reports name it: relative to the home, or as the user gave it.
    pub shown: String,
    /// Its path on the host.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Fact<Vec<u8>>,
    /// Where its lines start.
    pub lines: LineIndex,
    /// Where its secrets stand; few files are shown.
    secrets: OnceCell<Vec<Range<usize>>>,
}

impl TextFile {
    fn read(facts: &Facts<'_>, path: PathBuf, limit: u64) -> Self {
        let bytes = facts.bytes(&path, limit);
        Self::of_bytes(facts.shown(&path), path, bytes)
    }

    /// A text file whose bytes are known already.
    pub fn of_bytes(shown: String, path: PathBuf, bytes: Fact<Vec<u8>>) -> Self {
        let lines = LineIndex::new(bytes.get().map_or(&[], Vec::as_slice));
        Self { shown, path, bytes, lines, secrets: OnceCell::new() }
    }

    /// The text of a span as a name: secrets hidden, and not longer than it takes
    /// to tell it from others.
    pub fn name(&self, span: Span) -> String {
        let bytes = self.bytes.get().and_then(|bytes| bytes.get(span.start..span.end));
        let mut text = bytes.unwrap_or_default().to_vec();
        self.hide(&mut text, span.start);
        String::from_utf8_lossy(text.trim_ascii()).chars().take(60).collect()
    }

    /// Hides the secrets in bytes that begin at `start` of the file. It is done
    /// before anything is cut: half a secret is not recognised.
    fn hide(&self, text: &mut [u8], start: usize) {
        let secrets =
            self.secrets.get_or_init(|| redact::secrets(self.bytes.get().map_or(&[], Vec::as_slice)));
        for secret in secrets {
            let (from, to) = (secret.start.max(start), secret.end.min(start + text.len()));
            if from < to {
                text[from - start..to - start].fill(b'*');
            }
        }
    }

    /// Line of a byte offset, from 1.
    pub fn line(&self, offset: usize) -> u64 {
        self.lines.line_col(offset).0
    }

    /// The line a span starts in, with the span marked as far as that line goes.
    pub fn excerpt(&self, span: Span, label: impl Into<String>) -> Evidence {
        let bytes = self.bytes.get().map_or(&[][..], Vec::as_slice);
        let start = span.start.min(bytes.len());
        let (line, column) = self.lines.line_col(start);
        let whole = self.lines.line_span(line);
        let text = &bytes[whole.start.min(bytes.len())..whole.end.min(bytes.len())];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let mut text = text.to_vec();
        self.hide(&mut text, whole.start);
        let from = (start - whole.start.min(start)).min(text.len());
        let to = (span.end.max(start) - whole.start.min(start)).clamp(from, text.len());
        // A long line is cut so that the mark stays inside.
        let mut cut = from.saturating_sub(EXCERPT / 2);
        let mut end = text.len().min(cut + EXCERPT);
        // No word is cut, whatever signs are in it: half a secret is not recognised when the text leaves.
        let is_inside = |at: usize| {
            let is_word = |byte: Option<&u8>| {
                byte.is_some_and(|byte| !byte.is_ascii_whitespace() && !b"<>".contains(byte))
            };
            at > 0 && is_word(text.get(at - 1)) && is_word(text.get(at))
        };
        while cut < from && is_inside(cut) {
            cut += 1;
        }
        while end > to && is_inside(end) {
            end -= 1;
        }
        Evidence::Excerpt {
            file: self.shown.clone(),
            line,
            column,
            text: text[cut..end].to_vec(),
            mark: from - cut..(to - cut).min(end - cut),
            label: label.into(),
        }
    }

    /// Where a span stands.
    pub fn place(&self, span: Span) -> Place {
        Place { file: self.shown.clone(), line: self.line(span.start), span }
    }
}

/// The main configuration file, as text and as the daemons read it.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Its text.
    pub file: TextFile,
    /// What the daemons make of it; none when it could not be read.
    pub read: Option<Configuration>,
}

/// `ar.conf`, as text and as execd reads it.
#[derive(Clone, Debug)]
pub struct ArConfFile {
    /// Its text.
    pub file: TextFile,
    /// What execd makes of it; none when it could not be read.
    pub read: Option<ArConf>,
}

/// One `agent.conf`.
#[derive(Clone, Debug)]
pub struct AgentConfFile {
    /// Its text.
    pub file: TextFile,
    /// What is in it.
    pub read: Option<AgentConf>,
}

/// One rule or decoder file of a manager.
#[derive(Clone, Debug)]
pub struct RulesetFile {
    /// Its path as reports name it.
    pub shown: String,
    /// Why OS_XML refuses it, and where; none when it accepts it.
    pub refused: Fact<Option<Box<(xml::Error, Evidence)>>>,
}

/// The log that responses write.
#[derive(Clone, Debug)]
pub struct ArLog {
    /// Path on the host.
    pub path: PathBuf,
    /// The entry itself.
    pub entry: Fact<Meta>,
    /// Where it leads.
    pub target: Fact<Resolved>,
    /// The mount it lies on.
    pub mount: Fact<Mount>,
}

/// What a bare configuration file is checked as.
#[derive(Clone, Debug)]
pub struct BareConfig {
    /// The file's name as the user gave it.
    pub shown: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whose it is.
    pub role: Role,
    /// For which version; none is the newest 4.x.
    pub version: Option<Version>,
}

/// Everything known about one host.
pub struct Facts<'h> {
    host: &'h dyn Host,
    redactor: &'h Redactor,
    bare: Option<BareConfig>,
    /// The installation that is diagnosed.
    pub install: Install,
    config: OnceCell<ConfigFile>,
    ar_conf: OnceCell<ArConfFile>,
    agent_confs: OnceCell<Fact<Vec<AgentConfFile>>>,
    responses: OnceCell<Vec<Response>>,
    executables: OnceCell<Vec<Executable>>,
    by_name: OnceCell<HashMap<Vec<u8>, Vec<ResponseIndex>>>,
    /// The responses that run here, by executable.
    users_by_name: OnceCell<HashMap<Vec<u8>, Vec<ResponseIndex>>>,
    bin_names: OnceCell<Fact<Vec<String>>>,
    users: OnceCell<Fact<Vec<Account>>>,
    groups: OnceCell<Fact<Vec<Account>>>,
    mounts: OnceCell<Fact<Vec<Mount>>>,
    processes: OnceCell<Fact<Vec<Process>>>,
    machine: OnceCell<Fact<Machine>>,
    daemons: OnceCell<Vec<Daemon>>,
    ruleset: OnceCell<Fact<Vec<RulesetFile>>>,
    rules: OnceCell<Fact<Rules>>,
    ar_log: OnceCell<ArLog>,
    baseline: Option<Baseline>,
    suppressions: Option<Suppressions>,
    drift: OnceCell<change::Drift>,
    traces: OnceCell<Fact<change::Traces>>,
    package: OnceCell<Fact<dpkg::Package>>,
    delivery: OnceCell<Delivery>,
    alerts_since: Since,
    alerts: OnceCell<Fact<Alerts>>,
    search_path: OnceCell<SearchPath>,
    security: OnceCell<Security>,
    execd_detail: OnceCell<Fact<ProcessDetail>>,
    details: RefCell<BTreeMap<u32, Fact<ProcessDetail>>>,
    wazuh_db: OnceCell<Daemon>,
    daemon_log: OnceCell<Fact<Vec<daemon_log::Line>>>,
    service: OnceCell<Fact<Service>>,
    logs: logs::Cells,
}

impl<'h> Facts<'h> {
    /// Facts about the installation on a host.
    pub fn new(host: &'h dyn Host, redactor: &'h Redactor, install: Install) -> Self {
        Self {
            host,
            redactor,
            bare: None,
            install,
            config: OnceCell::new(),
            ar_conf: OnceCell::new(),
            agent_confs: OnceCell::new(),
            responses: OnceCell::new(),
            executables: OnceCell::new(),
            by_name: OnceCell::new(),
            users_by_name: OnceCell::new(),
            bin_names: OnceCell::new(),
            users: OnceCell::new(),
            groups: OnceCell::new(),
            mounts: OnceCell::new(),
            processes: OnceCell::new(),
            machine: OnceCell::new(),
            daemons: OnceCell::new(),
            ruleset: OnceCell::new(),
            rules: OnceCell::new(),
            ar_log: OnceCell::new(),
            baseline: None,
            suppressions: None,
            drift: OnceCell::new(),
            traces: OnceCell::new(),
            package: OnceCell::new(),
            delivery: OnceCell::new(),
            alerts_since: Since::Default,
            alerts: OnceCell::new(),
            search_path: OnceCell::new(),
            security: OnceCell::new(),
            execd_detail: OnceCell::new(),
            details: RefCell::new(BTreeMap::new()),
            wazuh_db: OnceCell::new(),
            daemon_log: OnceCell::new(),
            service: OnceCell::new(),
            logs: logs::Cells::default(),
        }
    }

    /// Facts about a bare configuration file: all others are not collected.
    pub fn bare(host: &'h dyn Host, redactor: &'h Redactor, bare: BareConfig) -> Self {
        let kind = match bare.role {
            Role::Manager => Kind::Server,
            Role::Agent => Kind::Agent,
        };
        let install = Install {
            home: PathBuf::from("/var/ossec"),
            named_by: "--config".to_owned(),
            sealed: None,
            kind: Fact::known("--role", kind),
            version: match bare.version {
                Some(version) => Fact::known("--wazuh-version", version),
                None => Fact::not_collected("--wazuh-version", "a bare file has no version"),
            },
            identity: Fact::not_collected("etc/client.keys", "only a bare file was given"),
        };
        let mut facts = Self::new(host, redactor, install);
        facts.bare = Some(bare);
        facts
    }

    /// Whether only a configuration file is looked at.
    pub fn is_bare(&self) -> bool {
        self.bare.is_some()
    }

    /// The kind of source.
    pub fn source(&self) -> SourceKind {
        self.host.kind()
    }

    /// The source's name in reports.
    pub fn label(&self) -> String {
        self.host.label()
    }

    /// uid of the reader.
    pub fn reader_uid(&self) -> u32 {
        self.host.reader_uid()
    }

    /// The host's clock, seconds since 1970.
    pub fn now(&self) -> Fact<i64> {
        self.host.now()
    }

    /// Kernel, hardware, name.
    pub fn machine(&self) -> &Fact<Machine> {
        self.machine.get_or_init(|| self.host.machine())
    }

    /// The version, when it is known.
    pub fn version(&self) -> Option<Version> {
        self.install.version.get().copied()
    }

    /// What is assumed about a version that is not known, or newer than any that
    /// was read.
    pub fn version_note(&self) -> Option<String> {
        if self.is_bare() && self.install.version.get().is_none() {
            // Nothing but a file was given; the header says how it is read.
            return None;
        }
        let assumed = match self.contract() {
            Contract::Json5 => version::NEWEST_5,
            _ => version::NEWEST_4,
        };
        match self.version() {
            None => Some(format!("the version is unknown: the behaviour of {assumed} is assumed")),
            // Patches of a known minor version change little.
            Some(found) if (found.major, found.minor) > (assumed.major, assumed.minor) => Some(format!(
                "{found} is newer than any version this program knows: the behaviour of {assumed} is assumed"
            )),
            Some(_) => None,
        }
    }

    /// How scripts are called here.
    pub fn contract(&self) -> Contract {
        self.install.contract()
    }

    /// Whose configuration it is.
    pub fn role(&self) -> Role {
        if self.install.is_agent() { Role::Agent } else { Role::Manager }
    }

    /// Whether this is a cluster worker.
    pub fn is_worker(&self) -> bool {
        self.config().read.as_ref().is_some_and(|read| read.cluster.is_worker)
    }

    /// A path as reports name it: relative to the home where it lies below it.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.install.home).unwrap_or(path).display().to_string()
    }

    /// A path below the home.
    pub fn under_home(&self, relative: &str) -> PathBuf {
        self.install.home.join(relative)
    }

    /// The last `most` bytes of the file at `path`.
    fn ending(&self, path: &Path, most: u64) -> Fact<Ending> {
        self.host.open(path).and_then(|source| {
            let size = source.size();
            let from = size.saturating_sub(most);
            let mut bytes = vec![0; usize::try_from(size - from).unwrap_or(0)];
            let mut filled = 0;
            while filled < bytes.len() {
                match source.read_at(&mut bytes[filled..], from + filled as u64) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Value::Failed(error.to_string()),
                }
            }
            bytes.truncate(filled);
            Value::Known(Ending { bytes, is_cut: from > 0, goes_on: source.truncated() })
        })
    }

    /// Where a path leads.
    pub fn resolve(&self, path: &Path) -> Fact<Resolved> {
        self.host.resolve(path)
    }

    /// The entry at a path.
    pub fn entry(&self, path: &Path) -> Fact<Meta> {
        self.host.entry(path)
    }

    /// The text of the link at a path.
    pub fn link_target(&self, path: &Path) -> Fact<PathBuf> {
        self.host.link_target(path)
    }

    /// When the entry at a path was made.
    pub fn birth(&self, path: &Path) -> Fact<i64> {
        self.host.birth(path)
    }

    /// Names in a directory.
    pub fn list(&self, path: &Path) -> Fact<Vec<std::ffi::OsString>> {
        self.host.list(path)
    }

    /// A regular file, open for reading at any place: a log.
    pub fn open(&self, path: &Path) -> Fact<Box<dyn Source>> {
        self.host.open(path)
    }

    /// The first bytes of a file, secrets remembered; programs have none.
    pub fn head(&self, path: &Path, limit: u64) -> Fact<Content> {
        let content = self.host.read(path, limit);
        if let Some(content) = content.get().filter(|content| !content.bytes.starts_with(b"\x7fELF")) {
            self.redactor.learn(path, &content.bytes);
        }
        content
    }

    /// Hands out a large file some whole lines at a time, secrets remembered, so that no more of it
    /// is held. It fails when it has more than `most` bytes.
    fn each_lines(&self, path: &Path, most: u64, mut each: impl FnMut(&[u8])) -> Fact<()> {
        self.host.open(path).and_then(|source| {
            if source.truncated() || source.size() > most {
                return Value::Failed(format!("is larger than {most} bytes, the most that is read"));
            }
            let mut tell = |lines: &[u8]| {
                self.redactor.learn(path, lines);
                each(lines);
            };
            let mut buffer = vec![0; 256 * 1024];
            let (mut at, mut filled) = (0, 0);
            loop {
                match source.read_at(&mut buffer[filled..], at) {
                    Ok(0) => break,
                    Ok(read) => (at, filled) = (at + read as u64, filled + read),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => return Value::Failed(error.to_string()),
                }
                let end = memchr::memrchr(b'\n', &buffer[..filled]).map(|feed| feed + 1);
                // A line as long as the buffer comes in parts.
                let end = end.or((filled == buffer.len()).then_some(filled)).unwrap_or(0);
                if end > 0 {
                    tell(&buffer[..end]);
                    buffer.copy_within(end..filled, 0);
                    filled -= end;
                }
            }
            if filled > 0 {
                tell(&buffer[..filled]);
            }
            Value::Known(())
        })
    }

    /// The texts in the first bytes of a file that a pattern fits ([`Host::search`]).
    pub fn search(&self, path: &Path, limit: u64, pattern: &str) -> Fact<Matches> {
        self.host.search(path, limit, pattern)
    }

    /// Accounts of the reader are not those of a container that is read from outside.
    fn unless_inside(&self, accounts: Fact<Vec<Account>>) -> Fact<Vec<Account>> {
        match self.daemons().iter().find_map(|daemon| daemon.inside) {
            Some(pid) => Fact::not_collected(accounts.source, daemon::run_inside(pid)),
            None => accounts,
        }
    }

    fn users(&self) -> &Fact<Vec<Account>> {
        self.users.get_or_init(|| self.unless_inside(self.host.users()))
    }

    fn groups(&self) -> &Fact<Vec<Account>> {
        self.groups.get_or_init(|| self.unless_inside(self.host.groups()))
    }

    /// The name of a uid.
    pub fn user_name(&self, uid: u32) -> Option<String> {
        self.users().get()?.iter().find(|user| user.id == uid).map(|user| user.name.clone())
    }

    /// The name of a gid.
    pub fn group_name(&self, gid: u32) -> Option<String> {
        self.groups().get()?.iter().find(|group| group.id == gid).map(|group| group.name.clone())
    }

    /// The gid of a group.
    pub fn group_id(&self, name: &str) -> Fact<Option<u32>> {
        let groups = self.groups().as_ref();
        groups.map(|groups| groups.iter().find(|group| group.name == name).map(|group| group.id))
    }

    /// A whole file, secrets remembered; one larger than `limit` is failed.
    fn bytes(&self, path: &Path, limit: u64) -> Fact<Vec<u8>> {
        let target = self.host.resolve(path);
        if let Some(resolved) = target.get()
            && resolved.meta.file_type == FileType::Regular
            && resolved.meta.size > limit
        {
            return Fact::failed(
                target.source.clone(),
                format!("has {} bytes; at most {limit} are read", resolved.meta.size),
            );
        }
        self.host.read(path, limit).and_then(|content| {
            if content.changed_while_read {
                return Value::Failed("changed while it was read; run the command again".to_owned());
            }
            if content.truncated {
                return Value::Failed(format!("is larger than {limit} bytes, the most that is read"));
            }
            self.redactor.learn(path, &content.bytes);
            Value::Known(content.bytes)
        })
    }

    /// The main configuration file.
    pub fn config(&self) -> &ConfigFile {
        self.config.get_or_init(|| {
            let file = match &self.bare {
                Some(bare) => {
                    self.redactor.mark(&bare.bytes);
                    let bytes = Fact::known(bare.shown.clone(), bare.bytes.clone());
                    TextFile::of_bytes(bare.shown.clone(), PathBuf::from(&bare.shown), bytes)
                }
                None => TextFile::read(self, self.install.config_path(), CONFIG_LIMIT),
            };
            let read = file.bytes.get().map(|bytes| ossec_conf::read(bytes, self.role(), self.version()));
            ConfigFile { file, read }
        })
    }

    /// `etc/shared/ar.conf`.
    pub fn ar_conf(&self) -> &ArConfFile {
        self.ar_conf.get_or_init(|| {
            let file = if self.is_bare() {
                let bytes = Fact::not_collected("etc/shared/ar.conf", "only a bare file was given");
                TextFile::of_bytes(
                    "etc/shared/ar.conf".to_owned(),
                    self.under_home("etc/shared/ar.conf"),
                    bytes,
                )
            } else {
                TextFile::read(self, self.under_home("etc/shared/ar.conf"), CONFIG_LIMIT)
            };
            let read = file.bytes.get().map(|bytes| ar_conf::read(bytes, self.version()));
            ArConfFile { file, read }
        })
    }

    /// Every `agent.conf`: one per group on a manager, the delivered one on an agent.
    pub fn agent_confs(&self) -> &Fact<Vec<AgentConfFile>> {
        self.agent_confs.get_or_init(|| {
            let shared = self.under_home("etc/shared");
            let mut paths = vec![shared.join("agent.conf")];
            let mut listed = Fact::known(shared.display().to_string(), ());
            if self.role() == Role::Manager {
                let names = self.host.list(&shared);
                listed = names.as_ref().map(|_| ());
                for name in names.get().into_iter().flatten() {
                    let directory = shared.join(name);
                    if self
                        .host
                        .entry(&directory)
                        .get()
                        .is_some_and(|meta| meta.file_type == FileType::Directory)
                    {
                        paths.push(directory.join("agent.conf"));
                    }
                }
            }
            listed.map(|()| {
                paths
                    .into_iter()
                    .map(|path| TextFile::read(self, path, CONFIG_LIMIT))
                    .filter(|file| !file.bytes.is_absent())
                    .map(|file| AgentConfFile {
                        read: file.bytes.get().map(|bytes| ossec_conf::read_agent_conf(bytes)),
                        file,
                    })
                    .collect()
            })
        })
    }

    /// The mount table.
    pub fn mounts(&self) -> &Fact<Vec<Mount>> {
        self.mounts.get_or_init(|| self.host.mounts())
    }

    /// All processes.
    pub fn processes(&self) -> &Fact<Vec<Process>> {
        self.processes.get_or_init(|| {
            let processes = self.host.processes();
            for process in processes.get().into_iter().flatten() {
                self.redactor.mark(&command_line(process));
            }
            processes
        })
    }

    /// One process in detail: some twenty files, so it is asked for few.
    pub fn process_detail(&self, pid: u32) -> Fact<ProcessDetail> {
        // One look for all who ask: what two probes say of a process has to be of the same moment.
        let known = self.details.borrow().get(&pid).cloned();
        known.unwrap_or_else(|| {
            let detail = self.host.process_detail(pid);
            self.details.borrow_mut().insert(pid, detail.clone());
            detail
        })
    }

    /// The Unix sockets of the host, or of the network namespace that a process lives in.
    pub fn unix_sockets(&self, pid: Option<u32>) -> Fact<Vec<UnixSocket>> {
        self.host.unix_sockets(pid)
    }

    /// The daemon that runs scripts.
    pub fn execd(&self) -> Option<&Daemon> {
        self.daemons().iter().find(|daemon| daemon.name.ends_with("-execd"))
    }

    /// The daemon that reads the response blocks.
    pub fn analysisd(&self) -> Option<&Daemon> {
        self.daemons().iter().find(|daemon| daemon.name.ends_with("-analysisd"))
    }

    /// The daemons of this role that active response needs.
    pub fn daemons(&self) -> &[Daemon] {
        self.daemons.get_or_init(|| {
            let prefix = match self.contract() {
                Contract::Args => "ossec",
                _ => "wazuh",
            };
            let names: &[&str] = match (self.role(), self.contract()) {
                (Role::Agent, _) => &["execd", "agentd", "logcollector"],
                (Role::Manager, Contract::Json5) => &["manager-analysisd", "manager-remoted"],
                (Role::Manager, _) => &["execd", "analysisd", "remoted", "logcollector"],
            };
            names
                .iter()
                .map(|name| {
                    Daemon::read(self.host, &self.install.home, &format!("{prefix}-{name}"), self.processes())
                })
                .collect()
        })
    }

    /// The log that responses write.
    pub fn ar_log(&self) -> &ArLog {
        self.ar_log.get_or_init(|| {
            let path = self.under_home("logs/active-responses.log");
            let target = self.host.resolve(&path);
            let real = target.get().map_or_else(|| path.clone(), |resolved| resolved.path.clone());
            ArLog {
                entry: self.host.entry(&path),
                mount: executable::mount_of(self.mounts(), &real),
                target,
                path,
            }
        })
    }

    /// What decides whether a message reaches its agent.
    pub fn delivery(&self) -> &Delivery {
        self.delivery.get_or_init(|| Delivery::read(self))
    }

    /// The rule and decoder files analysisd loads for this configuration
    /// (`src/config/rules-config.c Read_Rules`, 4.14).
    pub fn ruleset(&self) -> &Fact<Vec<RulesetFile>> {
        self.ruleset.get_or_init(|| {
            let Some(read) = &self.config().read else {
                return self.config().file.bytes.as_ref().map(|_| Vec::new());
            };
            let entries = |kind| read.ruleset.iter().filter(move |entry| entry.kind == kind);
            let mut paths = Vec::new();
            for (directories, excludes) in [
                (RulesetKind::DecoderDir, RulesetKind::DecoderExclude),
                (RulesetKind::RuleDir, RulesetKind::RuleExclude),
            ] {
                for entry in entries(directories) {
                    let relative = String::from_utf8_lossy(&entry.value.text).into_owned();
                    let directory = self.under_home(&relative);
                    let names = self.host.list(&directory);
                    if names.unknown().is_some() {
                        return names.map(|_| Vec::new());
                    }
                    for name in names.get().into_iter().flatten() {
                        // An exclusion is a bare name or exactly `directory/name`.
                        let full = format!("{relative}/{}", name.to_string_lossy());
                        let excluded = entries(excludes).any(|excluded| {
                            excluded.value.text == name.as_bytes() || excluded.value.text == full.as_bytes()
                        });
                        if name.as_bytes().to_ascii_lowercase().ends_with(b".xml") && !excluded {
                            paths.push(directory.join(name));
                        }
                    }
                }
            }
            // Most of them were read for the rules.
            let loaded = self.rules().get();
            let (host, home) = (self.host, self.install.home.as_path());
            let file = |path: &PathBuf| match loaded.and_then(|rules| rules.refused.get(path)) {
                Some(refused) => RulesetFile {
                    shown: shown_below(home, path),
                    refused: Fact::known(path.display().to_string(), refused.clone()),
                },
                None => ruleset_file(host, home, path),
            };
            Fact::known("ruleset", paths.iter().map(file).collect())
        })
    }

    /// The rules as analysisd loads them; not collected where there are none.
    pub fn rules(&self) -> &Fact<Rules> {
        self.rules.get_or_init(|| rules::read(self))
    }

    /// Says how far back alerts and logs are read, before they are.
    pub fn look_back(&mut self, since: Since) {
        self.alerts_since = since;
    }

    /// How far back alerts and logs are read.
    pub fn looks_back(&self) -> Since {
        self.alerts_since
    }

    /// The alerts of the last days, held against what responses need of them; they are read
    /// once, so the first who asks says what that is.
    pub fn alerts(&self, needs: impl FnOnce() -> Vec<Need>) -> &Fact<Alerts> {
        self.alerts.get_or_init(|| Alerts::read(self, needs()))
    }

    /// The alerts, if somebody asked for them.
    pub fn alerts_if_read(&self) -> Option<&Alerts> {
        self.alerts.get()?.get()
    }

    /// Every response of this host, in the order of its file.
    pub fn responses(&self) -> &[Response] {
        self.responses.get_or_init(|| {
            let responses = match (self.role(), self.contract()) {
                (Role::Manager, _) => self.manager_responses(),
                (Role::Agent, Contract::Json5) => self.agent_executables(),
                (Role::Agent, _) => self.agent_responses(),
            };
            let of_response = |response: &'_ Response| {
                [Some(response.name.clone()), response.command.clone(), response.executable.clone()]
            };
            self.redactor.spare(responses.iter().flat_map(of_response).flatten());
            let commands = self.config().read.iter().flat_map(|read| &read.commands);
            let of_command = commands.flat_map(|command| [&command.name, &command.executable]);
            self.redactor.spare(of_command.flatten().map(|value| &value.text));
            responses
        })
    }

    /// The response at an index.
    pub fn response(&self, index: ResponseIndex) -> Option<&Response> {
        self.responses().get(index)
    }

    fn manager_responses(&self) -> Vec<Response> {
        let config = self.config();
        let Some(read) = &config.read else { return Vec::new() };
        read.responses
            .iter()
            .enumerate()
            .filter(|(_, block)| response::is_response(block))
            .map(|(index, block)| {
                let command = block.command.as_ref().map(|value| value.text.clone());
                let executable = block
                    .command_block
                    .and_then(|command| read.commands.get(command))
                    .and_then(|command| command.executable.as_ref())
                    .map(|value| value.text.clone());
                let runs = match block.dispatch {
                    Dispatch::Nowhere => Runs::Nowhere,
                    Dispatch::Manager => Runs::Here,
                    Dispatch::Sender
                    | Dispatch::Agent { own_events_on_manager: true, .. }
                    | Dispatch::AllAgents { own_events_on_manager: true } => Runs::HereAndThere,
                    Dispatch::Agent { .. } | Dispatch::AllAgents { .. } => Runs::There,
                };
                Response {
                    id: format!("{}#{}", config.file.shown, block.ordinal),
                    name: block
                        .name
                        .clone()
                        .or_else(|| command.clone())
                        .filter(|name| !name.is_empty())
                        .unwrap_or_else(|| format!("block {}", block.ordinal).into_bytes()),
                    command,
                    executable,
                    timeout: block.name.as_ref().map(|_| block.timeout_in_force),
                    place: Some(config.file.place(block.span)),
                    block: Some(index),
                    runs,
                }
            })
            .collect()
    }

    fn agent_responses(&self) -> Vec<Response> {
        let ar_conf = self.ar_conf();
        let Some(read) = &ar_conf.read else { return Vec::new() };
        let mut responses: Vec<Response> = Vec::new();
        let mut known = HashSet::new();
        for line in read.lines.iter().filter(|line| !line.builtin) {
            // Several blocks with one command and timeout write the same line again.
            if !known.insert((&line.name, &line.executable)) {
                continue;
            }
            responses.push(Response {
                id: format!("{}:{}", ar_conf.file.shown, line.line),
                name: line.name.clone(),
                command: None,
                executable: Some(line.executable.clone()),
                timeout: Some(line.timeout),
                place: Some(ar_conf.file.place(line.span)),
                block: None,
                runs: self.system_gate(&line.executable),
            });
        }
        responses
    }

    /// On a 5.x agent the message names the file, so every file is a response.
    fn agent_executables(&self) -> Vec<Response> {
        let directory = self.under_home("active-response/bin");
        let names = self.host.list(&directory);
        names
            .get()
            .into_iter()
            .flatten()
            .filter(|name| {
                self.host
                    .entry(&directory.join(name))
                    .get()
                    .is_none_or(|meta| meta.file_type != FileType::Directory)
            })
            .map(|name| Response {
                id: format!("active-response/bin/{}", name.to_string_lossy()),
                name: name.as_bytes().to_vec(),
                command: None,
                executable: Some(name.as_bytes().to_vec()),
                timeout: None,
                place: None,
                block: None,
                runs: self.system_gate(name.as_bytes()),
            })
            .collect()
    }

    /// Every agent gets the lines of all systems; those of another one are not for it.
    pub fn system_gate(&self, executable: &[u8]) -> Runs {
        let system = self.machine().get().map_or("Linux", |machine| machine.system.as_str());
        match stock::system_of(executable) {
            Some(stock::System::Windows) => Runs::OtherSystem(stock::System::Windows),
            Some(stock::System::OtherUnix) if system == "Linux" => {
                Runs::OtherSystem(stock::System::OtherUnix)
            }
            _ => Runs::Here,
        }
    }

    /// The executables of all responses that may run on this host, by name.
    pub fn executables(&self) -> &[Executable] {
        self.executables.get_or_init(|| {
            if self.is_bare() {
                return Vec::new();
            }
            let mut names: Vec<&[u8]> = self
                .responses()
                .iter()
                .filter(|response| response.is_here())
                .filter_map(|response| response.executable.as_deref())
                .collect();
            names.sort_unstable();
            names.dedup();
            names
                .into_iter()
                .map(|name| Executable::read(self.host, &self.install.home, name, self.mounts()))
                .collect()
        })
    }

    /// The executable of a response.
    pub fn executable(&self, response: &Response) -> Option<&Executable> {
        let name = response.executable.as_deref()?;
        // They are sorted by name.
        let executables = self.executables();
        let at = executables.binary_search_by(|executable| executable.name.as_slice().cmp(name)).ok()?;
        executables.get(at)
    }

    /// Indices of the responses that use an executable on this host.
    pub fn users_of(&self, executable: &Executable) -> Vec<ResponseIndex> {
        let users = self.users_by_name.get_or_init(|| {
            self.indices_by(|response| response.executable.as_ref().filter(|_| response.is_here()))
        });
        users.get(&executable.name).cloned().unwrap_or_default()
    }

    /// Indices of the responses of one name, in the order of their file.
    pub fn named(&self, name: &[u8]) -> &[ResponseIndex] {
        let by_name = self.by_name.get_or_init(|| self.indices_by(|response| Some(&response.name)));
        by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// A file may hold very many responses, so they are not searched one by one.
    fn indices_by(
        &self,
        key: impl Fn(&Response) -> Option<&Vec<u8>>,
    ) -> HashMap<Vec<u8>, Vec<ResponseIndex>> {
        let mut indices: HashMap<Vec<u8>, Vec<ResponseIndex>> = HashMap::new();
        for (index, response) in self.responses().iter().enumerate() {
            if let Some(key) = key(response) {
                indices.entry(key.clone()).or_default().push(index);
            }
        }
        indices
    }

    /// Indices of the responses that some daemon of this host or of its agents is
    /// meant to run.
    pub fn meant_to_run(&self) -> Vec<ResponseIndex> {
        self.indices(Response::is_meant)
    }

    /// Indices of the responses that fit.
    pub fn indices(&self, fits: impl Fn(&Response) -> bool) -> Vec<ResponseIndex> {
        self.responses()
            .iter()
            .enumerate()
            .filter(|(_, response)| fits(response))
            .map(|(index, _)| index)
            .collect()
    }

    /// Indices of all responses.
    pub fn all_responses(&self) -> Vec<ResponseIndex> {
        (0..self.responses().len()).collect()
    }

    /// Names in `active-response/bin`.
    pub fn bin_names(&self) -> &Fact<Vec<String>> {
        self.bin_names.get_or_init(|| {
            let names = self.host.list(&self.under_home("active-response/bin"));
            names.map(|names| names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
        })
    }

    /// The program a name leads to in a `PATH`: known, absent in every directory,
    /// or not to be told.
    pub fn find_in_path(&self, path: &str, name: &[u8]) -> Fact<PathBuf> {
        let name = Path::new(OsStr::from_bytes(name));
        let mut gap: Option<Gap> = None;
        for directory in path.split(':').filter(|directory| directory.starts_with('/')) {
            let candidate = Path::new(directory).join(name);
            let target = self.host.resolve(&candidate);
            if let Some(resolved) = target.get()
                && resolved.meta.file_type == FileType::Regular
                && resolved.meta.mode & 0o111 != 0
            {
                return Fact::known(candidate.display().to_string(), resolved.path.clone());
            }
            gap = gap.or_else(|| target.unknown());
        }
        gap.map_or_else(|| Fact::absent(path), Gap::into_fact)
    }
}

/// A file of the host, as the readers of logs take it.
impl ReadAt for dyn Source {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        Source::read_at(self, buffer, offset)
    }

    fn hole(&self, from: u64) -> Option<Range<u64>> {
        Source::hole(self, from)
    }
}

/// The end of a file.
struct Ending {
    bytes: Vec<u8>,
    /// Bytes stand before it.
    is_cut: bool,
    /// The file is longer than what was collected of it.
    goes_on: bool,
}

/// The words of a process's command line, as one text.
fn command_line(process: &Process) -> Vec<u8> {
    let words: Vec<&[u8]> = process.args.iter().map(|word| word.as_bytes()).collect();
    words.join(&b" "[..])
}

fn ruleset_file(host: &dyn Host, home: &Path, path: &Path) -> RulesetFile {
    let refused = host.read(path, CONFIG_LIMIT).map(|content| {
        let error = xml::check(&content.bytes).err()?;
        Some(Box::new(refused(home, path, &content.bytes, error)))
    });
    RulesetFile { shown: shown_below(home, path), refused }
}

/// Why OS_XML refuses a file, with the place.
fn refused(home: &Path, path: &Path, bytes: &[u8], error: xml::Error) -> (xml::Error, Evidence) {
    let bytes = Fact::known(path.display().to_string(), bytes.to_vec());
    let file = TextFile::of_bytes(shown_below(home, path), path.to_owned(), bytes);
    let at = error.culprit.unwrap_or(Span { start: error.offset, end: error.offset });
    let evidence = file.excerpt(at, String::from_utf8_lossy(&error.message));
    (error, evidence)
}

fn shown_below(home: &Path, path: &Path) -> String {
    path.strip_prefix(home).unwrap_or(path).display().to_string()
}

/// A thing that is read, and what kept it from being read.
pub type Collector = (&'static str, fn(&Facts<'_>) -> Option<Gap>);

/// What could not be read, of all that is read for every report.
pub const COLLECTORS: &[Collector] = &[
    ("configuration", |facts| facts.config().file.bytes.unknown()),
    ("ar.conf", |facts| facts.ar_conf().file.bytes.unknown()),
    ("agent.conf", |facts| facts.agent_confs().unknown()),
    ("mounts", |facts| facts.mounts().unknown()),
    ("processes", |facts| facts.processes().unknown()),
    ("machine", |facts| facts.machine().unknown()),
    ("response log", |facts| facts.ar_log().entry.unknown()),
    ("executables", |facts| facts.bin_names().unknown()),
    ("client.keys", |facts| facts.delivery().keys.unknown()),
    ("merged.mg", |facts| facts.delivery().groups.unknown()),
    ("logs", |facts| {
        let gap = |log| {
            let log: &Fact<logs::LogFacts> = facts.log(log);
            log.unknown().or_else(|| log.get()?.gaps.first().cloned())
        };
        logs::OWN.into_iter().find_map(gap)
    }),
];
