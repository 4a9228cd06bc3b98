//! What the logs of this host hold that a signature knows: `logs/ossec.log` with its days,
//! `active-responses.log`, `integrations.log`, `api.log` and `cluster.log`, all with what others
//! rotated; and of the system the log of auditd and the one with the kernel's messages.
//!
//! Each log is searched once, in the window of `--since`, the older files first, so that a place
//! `(file, offset)` says what came before what. No file is read twice, whatever it is called; one
//! that is rotated meanwhile is read to where it ended when it was opened, and of one that was copied
//! and cut either the copy is read or itself, or it is said that lines may be missing. What is kept
//! is bounded (see [`crate::logs::scan`]). The last start of a daemon is sought beyond the window, but
//! only when somebody asks ([`Facts::anchor`]).

use std::cell::{OnceCell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::tz::Offset;

use super::alert_log::DEFAULT_AGE;
use super::payloads::Payloads;
use super::{Facts, Since};
use crate::findings::Evidence;
use crate::findings::signatures::{Log, Signature};
use crate::host::{Fact, FileType, Gap, GapKind, Meta, Source, Value};
use crate::logs::LINE_CAP;
use crate::logs::line::{Time, short_name, without_year};
use crate::logs::place::{self, last_starts};
use crate::logs::rotated::{Order, Packing, rotated};
use crate::logs::scan::{Found, STARTED, Search, Seen, Stats};
use crate::logs::set::Set;
use crate::redact;
use crate::wazuh::alerts::files::{Entry, Naming, files_of};
use crate::wazuh::alerts::histogram::Window;
use crate::wazuh::alerts::lines::Section;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;

/// The logs that are read.
pub const LOGS: [Log; 7] = Log::ALL;

/// Those of Wazuh.
pub const OWN: [Log; 5] = [Log::Ossec, Log::ActiveResponses, Log::Integrations, Log::Api, Log::Cluster];

/// Whether a log is the system's, in which others write too.
pub const fn is_of_system(log: Log) -> bool {
    matches!(log, Log::Audit | Log::Kernel)
}

/// Where the kernel's messages are kept as text: on Debian, where `syslog` has them a second time,
/// and on RHEL and SUSE.
const KERNEL_LOGS: [&str; 3] = ["kern.log", "messages", "syslog"];

/// Plain files that are held open from the moment they were listed on.
const HELD: usize = 64;

/// How often the files are listed again because one was rotated meanwhile.
const AGAIN: usize = 3;

/// Bytes of one log that [`Since::Default`] looks at, unpacked.
pub const BUDGET: u64 = 256 << 20;

/// Bytes that the search for the last start of a daemon looks at, unpacked.
const ANCHOR_BUDGET: u64 = 256 << 20;

/// The most that deflate packs into one byte.
pub(super) const MAX_RATIO: u64 = 1032;

/// Bytes of a file in which the lines before a place are counted.
const COUNTED: u64 = 256 << 20;

/// The widest zones, in seconds: where the host's is not known, so much more is read.
pub const EAST: i64 = 14 * 3600;

/// Where a search is, for whoever waits for it.
#[derive(Debug, Default)]
pub struct Watch {
    /// The file that is read.
    file: Mutex<Option<String>>,
    /// Bytes that are done.
    done: AtomicU64,
}

impl Watch {
    /// The file that is read now, as reports name it, and the bytes of all that are done.
    pub fn now(&self) -> Option<(String, u64)> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some((file, self.done.load(Ordering::Relaxed)))
    }

    fn reads(&self, file: Option<&str>) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file.map(str::to_owned);
    }
}

/// One file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Its path as reports name it.
    pub shown: String,
    /// Its path on the host.
    pub path: PathBuf,
    /// It is gzipped.
    pub gzip: bool,
    /// Bytes on disk.
    pub size: u64,
    identity: Option<(u64, u64)>,
    /// What tells whether a plain file that is held open was cut or written anew since ([`mark`]).
    mark: Option<u64>,
}

/// The files of a log in a window.
pub struct LogFiles {
    /// The older first, each with what is in it.
    pub files: Vec<(LogFile, Opened)>,
    /// What could not be listed.
    pub gaps: Vec<Gap>,
    /// There are older ones, so that these hold all of the window.
    pub reaches_back: bool,
}

impl LogFiles {
    /// Files that were cut or written anew since they were opened: of what was read of them lines
    /// may be missing, or be in another file, too.
    pub fn disturbed(&self) -> Vec<Gap> {
        let is_disturbed = |(file, opened): &&(LogFile, Opened)| {
            opened.get().is_some_and(|source| is_disturbed(file, &**source))
        };
        self.files.iter().filter(is_disturbed).map(|(file, _)| failed(file, CUT.to_owned())).collect()
    }
}

/// What one log holds.
#[derive(Debug)]
pub struct LogFacts {
    /// Which.
    pub log: Log,
    /// The signatures that were looked for.
    pub set: &'static Set,
    /// Its files in the window, the older first.
    pub files: Vec<LogFile>,
    /// What was found, with files counted as in `files`.
    pub found: Found,
    /// Lines older than this were left out: local time as if it were UTC, in seconds since 1970.
    pub since: Option<i64>,
    /// Older lines of the window were left out, so that it does not take too long.
    pub left_out: bool,
    /// Bytes of those, unpacked, as far as files say it.
    pub left_out_bytes: u64,
    /// Files whose lines are out of order, so that all of them was read.
    pub disordered: Vec<String>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

impl LogFacts {
    /// How reading went.
    pub fn stats(&self) -> &Stats {
        &self.found.stats
    }

    /// What has to be known of the reading to understand what is said of the log.
    pub fn notes(&self) -> Vec<String> {
        let name = name(self.log);
        let mut notes = Vec::new();
        if self.left_out {
            notes.push(format!(
                "of {name} and its days only the newest {} MiB were read, {} before them were not; --since 7d reads all of the last seven days",
                BUDGET >> 20,
                mebibytes(self.left_out_bytes)
            ));
        }
        for file in &self.disordered {
            notes.push(format!("the times in {file} are out of order, so all of it was read"));
        }
        if self.stats().long > 0 {
            notes.push(format!(
                "of {} in {name}, longer than {} KiB, only the beginning was looked at",
                counted(self.stats().long, "line"),
                LINE_CAP >> 10
            ));
        }
        notes
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// `12 MiB`, what is begun counting as a whole.
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// The last start of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// When, in local time as if it were UTC, in seconds since 1970.
    pub time: Option<i64>,
    /// The file whose line says so, as reports name it.
    pub file: String,
}

/// Where the logs of a host are kept in [`Facts`].
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub(super) site: Vec<&'static Signature>,
    pub(super) watch: Arc<Watch>,
    logs: [OnceCell<Fact<LogFacts>>; LOGS.len()],
    anchors: RefCell<BTreeMap<Vec<u8>, Fact<Anchor>>>,
    pub(super) payloads: OnceCell<Payloads>,
}

impl Facts<'_> {
    /// Adds a site's own signatures, before anything is read.
    pub fn with_signatures(&mut self, site: Vec<&'static Signature>) {
        self.logs.site = site;
    }

    /// Tells where the search is.
    pub fn watch_logs(&self) -> Arc<Watch> {
        Arc::clone(&self.logs.watch)
    }

    /// What a log of this host holds. Absent where there is none.
    pub fn log(&self, log: Log) -> &Fact<LogFacts> {
        let at = LOGS.iter().position(|known| *known == log).unwrap_or(0);
        let cell = self.logs.logs.get(at).unwrap_or(&self.logs.logs[0]);
        cell.get_or_init(|| if self.is_bare() { none(log) } else { read(self, log) })
    }

    /// What the logs hold that somebody asked for.
    pub fn logs_if_read(&self) -> impl Iterator<Item = &LogFacts> {
        self.logs.logs.iter().filter_map(|cell| cell.get()?.get())
    }

    /// What of the logs that somebody asked for was refused or failed.
    pub fn log_gaps(&self) -> Vec<Gap> {
        // Those of the system are there for whoever may read them.
        let of_wazuh = || LOGS.iter().zip(&self.logs.logs).filter(|(log, _)| !is_of_system(**log));
        let facts = || of_wazuh().filter_map(|(_, cell)| cell.get());
        let whole = facts().filter_map(Fact::unknown);
        let parts = facts().filter_map(Fact::get).flat_map(|log| log.gaps.iter().cloned());
        whole.chain(parts).filter(|gap| gap.kind != GapKind::NotCollected).collect()
    }

    /// What has to be known of the reading of logs.
    pub fn log_notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.logs_if_read().flat_map(LogFacts::notes).collect();
        for file in self.logs.payloads.get().into_iter().flat_map(|payloads| &payloads.cut) {
            notes.push(format!(
                "of the messages in {file} and before, those in the newest {} MiB of the log were held against what scripts need",
                super::payloads::READ >> 20
            ));
        }
        notes
    }

    /// The last start of a daemon (`execd`) in ossec.log, sought in all of it. Absent when the
    /// whole log was seen and does not hold it; not known when it may lie further back.
    pub fn anchor(&self, daemon: &str) -> Fact<Anchor> {
        if let Some(known) = self.logs.anchors.borrow().get(daemon.as_bytes()) {
            return known.clone();
        }
        let found = anchor(self, daemon.as_bytes());
        self.logs.anchors.borrow_mut().insert(daemon.as_bytes().to_vec(), found.clone());
        found
    }

    /// The files of a log that hold lines from a time on (local time as if it were UTC, in
    /// seconds since 1970), open.
    pub fn log_files(&self, log: Log, since: Option<i64>) -> LogFiles {
        let kept = kept(self, log);
        let Held { files, gaps, mut open, copies } = hold(self, &kept, since);
        let reaches_back = since.is_some() && list(self, &kept, None).0.len() > files.len() + copies;
        let open = |file: LogFile| {
            let opened = open.remove(&file.path).unwrap_or_else(|| self.open(&file.path));
            (file, opened)
        };
        LogFiles { files: files.into_iter().map(open).collect(), gaps, reaches_back }
    }

    /// A log of the system and what was set aside beside it from a time on, the older first, and
    /// what could not be listed. The time is as for [`Facts::log_files`].
    pub fn log_parts(&self, log: &Path, since: Option<i64>) -> (Vec<LogFile>, Vec<Gap>) {
        list(self, &beside(log.to_owned()), since)
    }

    /// A line of a log as evidence, with its place where that can be counted.
    pub fn log_line(&self, facts: &LogFacts, seen: &Seen, about: &[u8], label: String) -> Evidence {
        let file = facts.files.get(seen.file);
        let shown = file.map_or_else(String::new, |file| file.shown.clone());
        let mut text = seen.excerpt.clone();
        self.redactor.mark_log(&text);
        for secret in redact::secrets(&seen.excerpt) {
            if let Some(secret) = text.get_mut(secret) {
                secret.fill(b'*');
            }
        }
        let plain = || self.line_number(file.filter(|file| !file.gzip && seen.offset <= COUNTED)?, seen);
        let Some(line) = seen.line.or_else(plain) else {
            let text = format!("{}; {label}", String::from_utf8_lossy(&text));
            return Evidence::Observation { source: shown, text };
        };
        let at = (!about.is_empty()).then(|| memchr::memmem::find(&text, about)).flatten();
        let mark = at.map_or(0..text.len(), |at| at..at + about.len());
        Evidence::Excerpt { file: shown, line, column: mark.start as u64 + 1, text, mark, label }
    }

    /// The number of a line, from 1, when its file is still what it was.
    fn line_number(&self, file: &LogFile, seen: &Seen) -> Option<u64> {
        let opened = self.open(&file.path);
        let source = opened.get()?;
        let mut buffer = vec![0; 1 << 16];
        let (mut at, mut line) = (0, 1);
        while at < seen.offset {
            let want = usize::try_from(seen.offset - at).map_or(buffer.len(), |left| left.min(buffer.len()));
            let read =
                Source::read_at(&**source, buffer.get_mut(..want)?, at).ok().filter(|read| *read > 0)?;
            line += memchr::memchr_iter(b'\n', buffer.get(..read)?).count() as u64;
            at += read as u64;
        }
        let mut here = vec![0; seen.excerpt.len().min(64)];
        let read = Source::read_at(&**source, &mut here, at).ok()?;
        seen.excerpt.starts_with(here.get(..read)?).then_some(line)
    }

    /// The host's local time as if it were UTC; none where its zone is not known.
    pub fn local(&self, time: i64) -> Option<i64> {
        let zone = &self.delivery().zone;
        let zone = zone.get()?;
        let offset: Offset = zone.to_offset(Timestamp::from_second(time).ok()?);
        Some(time.saturating_add(offset.seconds().into()))
    }
}

fn none(log: Log) -> Fact<LogFacts> {
    Fact::not_collected(name(log), "only a bare file was given")
}

fn name(log: Log) -> &'static str {
    match log {
        Log::Ossec => "logs/ossec.log",
        Log::ActiveResponses => "logs/active-responses.log",
        Log::Integrations => "logs/integrations.log",
        Log::Api => "logs/api.log",
        Log::Cluster => "logs/cluster.log",
        Log::Audit => "/var/log/audit/audit.log",
        Log::Kernel => "/var/log/kern.log",
    }
}

/// The current file, and the directory of its days.
struct Kept {
    /// Its directory.
    directory: PathBuf,
    /// The file in it.
    current: String,
    /// How Wazuh calls its days, and where they are.
    days: Option<Days>,
}

struct Days {
    directory: PathBuf,
    prefix: String,
    suffix: &'static str,
}

/// Where a log is. The daemons write text, JSON, or both; of both the text is read.
fn kept(facts: &Facts<'_>, log: Log) -> Kept {
    let logs = facts.under_home("logs");
    match log {
        Log::Audit => return beside(facts.audit_log()),
        Log::Kernel => {
            let all = KERNEL_LOGS.map(|name| Path::new("/var/log").join(name));
            let is_there = |path: &&PathBuf| !facts.entry(path).is_absent();
            return beside(all.iter().find(is_there).unwrap_or(&all[0]).clone());
        }
        _ => {}
    }
    let changed = |name: &str| {
        let target = facts.resolve(&logs.join(name));
        target.get().filter(|file| file.meta.size > 0).map(|file| file.meta.mtime)
    };
    // Where JSON alone is written, the text is of the time before. They are written together else.
    let form = |text: &'static str, json: &'static str| match (changed(text), changed(json)) {
        (None, Some(_)) => json,
        (Some(text_time), Some(json_time)) if json_time > text_time + 3600 => json,
        _ => text,
    };
    let current = match log {
        Log::Ossec if facts.role() == Role::Manager && facts.contract() == Contract::Json5 => {
            form("wazuh-manager.log", "wazuh-manager.json")
        }
        Log::Ossec => form("ossec.log", "ossec.json"),
        Log::Api => form("api.log", "api.json"),
        Log::ActiveResponses => "active-responses.log",
        Log::Integrations => "integrations.log",
        _ => "cluster.log",
    };
    let days = match log {
        Log::Ossec => {
            // logs/ossec up to 4.1 (`src/monitord/rotate_log.c`, 4.1.5 and 4.14).
            let [new, old] = ["wazuh", "ossec"].map(|name| logs.join(name));
            let directory = if facts.entry(&new).is_absent() { old } else { new };
            let prefix = if current.starts_with("wazuh-manager") { "wazuh-manager-" } else { "ossec-" };
            let suffix = if current.ends_with(".json") { ".json" } else { ".log" };
            Some(Days { directory, prefix: prefix.to_owned(), suffix })
        }
        // logs/api/2026/Nov/api.log-20.gz, by size api.log-20_1.gz
        // (`framework/wazuh/core/wlogging.py`, 4.14).
        Log::Api | Log::Cluster => {
            let directory = logs.join(if log == Log::Api { "api" } else { "cluster" });
            Some(Days { directory, prefix: format!("{current}-"), suffix: "" })
        }
        _ => None,
    };
    Kept { directory: logs, current: current.to_owned(), days }
}

/// A log of which the older parts lie beside it alone.
fn beside(path: PathBuf) -> Kept {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let directory = path.parent().map(Path::to_owned).unwrap_or_default();
    Kept { directory, current: name, days: None }
}

/// The files of a window, the older first, and what could not be listed.
fn list(facts: &Facts<'_>, kept: &Kept, since: Option<i64>) -> (Vec<LogFile>, Vec<Gap>) {
    let mut gaps = Vec::new();
    let path = |relative: &str| match &kept.days {
        Some(days) if relative != kept.current => days.directory.join(relative),
        _ => kept.directory.join(relative),
    };
    let (prefix, suffix) = kept.days.as_ref().map_or(("", "/"), |days| (days.prefix.as_str(), days.suffix));
    let naming = Naming { prefix, suffix, current: &kept.current };
    let window = Window { since: since.map(|since| since.saturating_mul(1000)), until: None };
    let mut failed = Vec::new();
    let listing = files_of(&naming, &window, |directory| -> Result<Vec<Entry>, Option<Gap>> {
        let mut entries = Vec::new();
        if directory.is_empty() {
            let meta = target(facts, &kept.directory.join(&kept.current), &mut failed);
            entries.extend(
                meta.map(|meta| entry(facts, &kept.directory.join(&kept.current), &kept.current, &meta)),
            );
        }
        let Some(days) = &kept.days else { return Ok(entries) };
        let directory = days.directory.join(directory);
        let names = facts.list(&directory);
        failed.extend(names.unknown());
        for name in names.get().into_iter().flatten() {
            // What is no year, month or log has another name.
            let Some(name) = name.to_str() else { continue };
            if name.contains('.') && !name.contains(suffix) || name == kept.current {
                continue;
            }
            let path = directory.join(name);
            entries.extend(target(facts, &path, &mut failed).map(|meta| entry(facts, &path, name, &meta)));
        }
        Ok(entries)
    });
    gaps.append(&mut failed);
    let mut days = Vec::new();
    let mut current = None;
    for file in listing.files {
        let path = path(&file.path);
        // The end of the day, in the host's zone.
        let end = file.day.map(|day| (day.number() + 1).saturating_mul(DAY));
        let known = LogFile {
            shown: facts.shown(&path),
            path,
            gzip: file.gzip,
            size: file.size,
            identity: file.identity,
            mark: None,
        };
        match end {
            Some(end) => days.push((end, known)),
            None => current = Some(known),
        }
    }
    let older = in_order(vec![days, set_aside(facts, kept, since, &mut gaps)]);
    let mut all: Vec<LogFile> = older.into_iter().map(|(_, file)| file).chain(current).collect();
    let mut known = BTreeSet::new();
    // Of links to one file the newest name is the one that is written to.
    all.reverse();
    all.retain(|file| file.identity.is_none_or(|identity| known.insert(identity)));
    all.reverse();
    (all, gaps)
}

const DAY: i64 = 86_400;

/// Parts of a log with the time each of them ends about, the older first.
type Parts = Vec<(i64, LogFile)>;

/// Puts sequences of parts together, each in its own order.
fn in_order(sequences: Vec<Parts>) -> Parts {
    let mut heads: Vec<_> = sequences.into_iter().map(|parts| parts.into_iter().peekable()).collect();
    let mut all = Vec::new();
    loop {
        let next = heads.iter_mut().filter_map(|head| Some((head.peek()?.0, head))).min_by_key(|next| next.0);
        let Some((_, head)) = next else { return all };
        all.extend(head.next());
    }
}

/// What logrotate(8) or auditd(8) set aside beside a log.
fn set_aside(facts: &Facts<'_>, kept: &Kept, since: Option<i64>, gaps: &mut Vec<Gap>) -> Parts {
    let names = facts.list(&kept.directory);
    // Who may not list the directory is told so only where there is such a log.
    if !facts.entry(&kept.directory.join(&kept.current)).is_absent() {
        gaps.extend(names.unknown());
    }
    let (mut dated, mut numbered) = (Vec::new(), Vec::new());
    for name in names.get().into_iter().flatten() {
        let Some((name, part)) = name.to_str().and_then(|name| Some((name, rotated(&kept.current, name)?)))
        else {
            continue;
        };
        let path = kept.directory.join(name);
        let Some(meta) = target(facts, &path, gaps).filter(|meta| meta.file_type == FileType::Regular) else {
            continue;
        };
        let changed = facts.local(meta.mtime).unwrap_or(meta.mtime.saturating_add(EAST));
        // Set aside on that day, or in the night behind it (`dateyesterday`).
        let (end, latest) = match part.order {
            Order::Date(day, _) => (day.saturating_add(1).saturating_mul(DAY), DAY),
            Order::Number(_) => (changed, 0),
        };
        if since.is_some_and(|since| end.saturating_add(latest) < since) {
            continue;
        }
        if part.packing == Packing::Other {
            let why = "it is packed in a way that is not read; unpack it beside it".to_owned();
            gaps.push(Gap { kind: GapKind::NotCollected, source: facts.shown(&path), why });
            continue;
        }
        let gzip = part.packing == Packing::Gzip;
        let Entry { size, identity, .. } = entry(facts, &path, name, &meta);
        let file = LogFile { shown: facts.shown(&path), path, gzip, size, identity, mark: None };
        match part.order {
            Order::Date(day, tail) => dated.push(((day, tail, gzip), (end, file))),
            Order::Number(number) => numbered.push(((Reverse(number), gzip), (end, file))),
        }
    }
    dated.sort_by_key(|(order, _)| *order);
    numbered.sort_by_key(|(order, _)| *order);
    // A plain file is removed behind its gzip, which is not finished before.
    dated.dedup_by_key(|((day, tail, _), _)| (*day, *tail));
    numbered.dedup_by_key(|((number, _), _)| *number);
    let (dated, numbered) =
        (dated.into_iter().map(|(_, part)| part), numbered.into_iter().map(|(_, part)| part));
    in_order(vec![dated.collect(), numbered.collect()])
}

/// What a path leads to, if that is a file or a directory.
fn target(facts: &Facts<'_>, path: &Path, gaps: &mut Vec<Gap>) -> Option<Meta> {
    let target = facts.resolve(path);
    gaps.extend(target.unknown());
    let meta = &target.get()?.meta;
    matches!(meta.file_type, FileType::Directory | FileType::Regular).then(|| meta.clone())
}

fn entry(facts: &Facts<'_>, path: &Path, name: &str, meta: &Meta) -> Entry {
    let is_dir = meta.file_type == FileType::Directory;
    let identity = if is_dir { None } else { facts.open(path).get().and_then(|source| source.identity()) };
    Entry { name: name.to_owned(), is_dir, size: meta.size, identity }
}

/// From when on, in local time as if it were UTC.
fn from(facts: &Facts<'_>, kept: &Kept) -> Option<i64> {
    let now = || {
        let current = kept.directory.join(&kept.current);
        facts.now().get().copied().or_else(|| Some(facts.resolve(&current).get()?.meta.mtime))
    };
    let since = match facts.alerts_since {
        Since::All => return None,
        Since::At(time) => time,
        Since::Age(age) => now()?.saturating_sub(age),
        Since::Default => now()?.saturating_sub(DEFAULT_AGE),
    };
    Some(facts.local(since).unwrap_or_else(|| since.saturating_sub(EAST)))
}

fn read(facts: &Facts<'_>, log: Log) -> Fact<LogFacts> {
    let kept = kept(facts, log);
    let current = kept.directory.join(&kept.current);
    let opened = facts.open(&current);
    let shown = opened.source.clone();
    let since = from(facts, &kept);
    let Held { files, mut gaps, mut open, .. } = hold(facts, &kept, since);
    if files.is_empty() {
        return opened.and_then(|_| Value::Absent);
    }
    if let Some(gap) = opened.unknown() {
        if files.iter().all(|file| file.path == current) {
            return gap.into_fact();
        }
        gaps.push(gap);
        gaps.sort();
        gaps.dedup();
    }
    let version = facts.version();
    let version = version.map(|at| (u32::from(at.major), u32::from(at.minor), u32::from(at.patch)));
    let set = Set::shared(log, &facts.logs.site, version);
    let mut all = LogFacts {
        log,
        set,
        files,
        found: Found::default(),
        since,
        left_out: false,
        left_out_bytes: 0,
        disordered: Vec::new(),
        gaps,
    };
    // What is oldest is left out when there is too much of it.
    let mut left = (facts.alerts_since == Since::Default).then_some(BUDGET);
    let mut plan: Vec<(usize, Part, Opened)> = Vec::new();
    for (number, file) in all.files.iter().enumerate().rev() {
        let opened = open.remove(&file.path).unwrap_or_else(|| facts.open(&file.path));
        let Some(source) = opened.get() else {
            // One that is gone was rotated meanwhile.
            all.gaps.extend(opened.unknown());
            continue;
        };
        if is_another(file, &**source) {
            all.gaps.push(failed(file, ROTATED.to_owned()));
            continue;
        }
        match part(log, file, &**source, since, left) {
            Ok(part) => {
                left = left.map(|left| left.saturating_sub(part.bytes()));
                all.left_out |= part.left_out > 0;
                all.left_out_bytes = all.left_out_bytes.saturating_add(part.left_out);
                if part.disordered {
                    all.disordered.push(file.shown.clone());
                }
                if part.bytes() > 0 {
                    // Gzipped days are many, and nobody moves them.
                    let opened = if file.gzip { Fact::absent(String::new()) } else { opened };
                    plan.push((number, part, opened));
                }
            }
            Err(error) => all.gaps.push(failed(file, error.to_string())),
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    for (number, part, opened) in plan.into_iter().rev() {
        let Some(file) = all.files.get(number) else { continue };
        let opened = if opened.is_absent() { facts.open(&file.path) } else { opened };
        let Some(source) = opened.get() else {
            all.gaps.extend(opened.unknown());
            continue;
        };
        if is_another(file, &**source) {
            all.gaps.push(failed(file, ROTATED.to_owned()));
            continue;
        }
        facts.logs.watch.reads(Some(&file.shown));
        let search = Search { set: all.set, since, file: number };
        let done = &facts.logs.watch.done;
        let (mut found, error) = if file.gzip {
            let packed = MultiGzDecoder::new(Section::new(&**source, 0..source.size()));
            search.stream(packed.take(part.end), done)
        } else {
            search.file(&**source, part.start, part.end, threads, done)
        };
        if let Some(error) = error {
            let why = match found.stats.bytes {
                0 => error.to_string(),
                bytes => format!("the rest of it, behind {bytes} bytes: {error}"),
            };
            all.gaps.push(failed(file, why));
        }
        if is_disturbed(file, &**source) {
            // What is in a copy that was made meanwhile may be read in the current file, too.
            if file.path != current {
                all.gaps.push(failed(file, ANEW.to_owned()));
                continue;
            }
            all.gaps.push(failed(file, CUT.to_owned()));
        }
        if source.truncated() {
            let (kind, why) = (GapKind::NotCollected, "the capture holds only its beginning".to_owned());
            all.gaps.push(Gap { kind, source: file.shown.clone(), why });
        }
        let written = facts.resolve(&file.path).get().and_then(|file| facts.local(file.meta.mtime));
        found.settle(since, |seen| match seen.time {
            Some(Time::Utc(time)) => facts.local(time).map(Time::Local),
            Some(Time::Local(_)) => None,
            None if log == Log::Kernel => without_year(&seen.excerpt, written?).map(Time::Local),
            None => None,
        });
        all.found.merge(found);
    }
    facts.logs.watch.reads(None);
    Fact::known(shown, all)
}

/// A file that was opened.
pub type Opened = Fact<Box<dyn Source>>;

/// The files of a window, as they were all there at one moment.
#[derive(Default)]
struct Held {
    /// The older first.
    files: Vec<LogFile>,
    /// What could not be listed.
    gaps: Vec<Gap>,
    /// The plain ones, open: whoever renames one from now on does not take it away.
    open: BTreeMap<PathBuf, Opened>,
    /// Copies of the current file that were left out.
    copies: usize,
}

/// Lists files and opens them, again when one was renamed, copied or cut meanwhile.
fn hold(facts: &Facts<'_>, kept: &Kept, since: Option<i64>) -> Held {
    let current = kept.directory.join(&kept.current);
    let mut held = Held::default();
    for again in (0..AGAIN).rev() {
        let (files, gaps) = list(facts, kept, since);
        held = Held { files, gaps, ..Held::default() };
        for file in held.files.iter_mut().rev().filter(|file| !file.gzip).take(HELD) {
            let opened = facts.open(&file.path);
            file.mark = opened.get().and_then(|source| mark(&**source, source.size()));
            held.open.insert(file.path.clone(), opened);
        }
        // Behind the marks: a copy that is made later changes one. Before the other look: when the
        // current file was cut by now, its copy has reached its size.
        let copies = copies(&held, &current);
        let (now, _) = list(facts, kept, since);
        let is_same =
            |(one, other): (&LogFile, &LogFile)| (&one.path, one.identity) == (&other.path, other.identity);
        let is_there = now.len() == held.files.len() && held.files.iter().zip(&now).all(is_same);
        let is_settled = |file: &LogFile| {
            let source = held.open.get(&file.path).and_then(Fact::get).filter(|source| !source.truncated());
            source.is_none_or(|source| match file.path == current {
                true => source.size() <= file.size,
                false => source.size() == file.size,
            })
        };
        let is_done = is_there && now.iter().all(is_settled);
        held.copies = copies.len();
        held.files.retain(|file| !copies.contains(&file.path));
        if is_done {
            break;
        }
        if again == 0 && !is_there {
            let (kind, source) = (GapKind::Failed, facts.shown(&current));
            held.gaps.push(Gap { kind, source, why: ROTATED.to_owned() });
        }
    }
    held
}

/// The older parts that are copies of the current file, which is to be cut behind that
/// (`copytruncate` of logrotate).
fn copies(held: &Held, current: &Path) -> BTreeSet<PathBuf> {
    let source = |path: &Path| held.open.get(path)?.get().map(|source| &**source);
    let Some(whole) = source(current) else { return BTreeSet::new() };
    let is_copy = |file: &&LogFile| {
        let size = source(&file.path).map_or(0, Source::size);
        file.path != current && size > 0 && file.mark.is_some() && mark(whole, size) == file.mark
    };
    held.files.iter().filter(is_copy).map(|file| file.path.clone()).collect()
}

/// Bytes at both ends of a file by which it is told from others.
const EDGE: u64 = 4096;

/// What the first so many bytes of a file begin and end with, which stay as they are in a log that
/// only grows; none where they cannot be read.
fn mark(source: &(dyn Source + 'static), size: u64) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    for at in [0..size.min(EDGE), size.saturating_sub(EDGE)..size] {
        let mut bytes = Vec::new();
        Section::new(source, at).read_to_end(&mut bytes).ok()?;
        bytes.hash(&mut hasher);
    }
    Some(hasher.finish())
}

const ROTATED: &str = "it was rotated again and again while it was looked at";
const CUT: &str = "it was cut while it was read; lines may be missing";
const ANEW: &str = "it was written anew while it was read; it is left out";

/// Whether a path leads to another file than when it was listed: reading it might be the second time.
fn is_another(file: &LogFile, source: &(dyn Source + 'static)) -> bool {
    file.identity.is_some() && source.identity() != file.identity
}

/// Whether a file that is held open does no longer begin with what it held when it was opened.
fn is_disturbed(file: &LogFile, source: &(dyn Source + 'static)) -> bool {
    file.mark.is_some() && mark(source, source.size()) != file.mark
}

fn failed(file: &LogFile, why: String) -> Gap {
    Gap { kind: GapKind::Failed, source: file.shown.clone(), why }
}

/// What of a file is read.
struct Part {
    start: u64,
    end: u64,
    /// Bytes of the window before it that do not fit.
    left_out: u64,
    disordered: bool,
}

impl Part {
    const fn bytes(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

fn part(
    log: Log,
    file: &LogFile,
    source: &(dyn Source + 'static),
    since: Option<i64>,
    left: Option<u64>,
) -> io::Result<Part> {
    if file.gzip {
        let size = unpacked(source)?;
        // One that does not fit is not unpacked for its end.
        let (end, left_out) = match left {
            Some(left) if size > left => (0, size),
            Some(_) => (size, 0),
            None => (u64::MAX, 0),
        };
        return Ok(Part { start: 0, end, left_out, disordered: false });
    }
    let end = source.size();
    // A script's log is written by many at a time, and guides show how to write it without a time.
    let ordered = matches!(log, Log::Ossec | Log::Api | Log::Cluster);
    let begin = match since.filter(|_| ordered) {
        Some(since) => place::since(log, source, end, since)?,
        None => crate::wazuh::alerts::lines::Start { offset: 0, disordered: false },
    };
    let afforded = left.map_or(0, |left| end.saturating_sub(left));
    Ok(Part {
        start: begin.offset.max(afforded),
        end,
        left_out: afforded.saturating_sub(begin.offset),
        disordered: begin.disordered,
    })
}

/// Bytes of a gzip file when it is unpacked, modulo 4 GiB, as it says at its end; of one that is
/// not whole the most there can be.
pub(crate) fn unpacked(source: &(dyn Source + 'static)) -> io::Result<u64> {
    let most = source.size().saturating_mul(MAX_RATIO);
    let said = said_unpacked(source)?;
    Ok(if (source.size() / 2..most).contains(&said) { said } else { most })
}

/// What stands at the end of a gzip file that is whole: the size of what is in it, modulo 4 GiB.
pub(super) fn said_unpacked(source: &(dyn Source + 'static)) -> io::Result<u64> {
    let mut trailer = [0; 4];
    let at = source.size().saturating_sub(4);
    Ok(match Source::read_at(source, &mut trailer, at)? {
        4 => u64::from(u32::from_le_bytes(trailer)),
        _ => 0,
    })
}

/// The last start of a daemon, newest file first.
fn anchor(facts: &Facts<'_>, daemon: &[u8]) -> Fact<Anchor> {
    let fact = facts.log(Log::Ossec);
    let Some(log) = fact.get() else { return fact.as_ref().and_then(|_| Value::Absent) };
    let newest = |found: &Found, set: &Set| {
        let id = set.by_name(STARTED)?;
        let mine = found.folds().into_iter().filter(|fold| fold.signature == id);
        let mine = mine.filter(|fold| short_name(&fold.tag) == daemon);
        mine.map(|fold| fold.last.clone()).max_by_key(|last| (last.file, last.offset))
    };
    if let Some(seen) = newest(&log.found, log.set) {
        let file = log.files.get(seen.file).map_or_else(String::new, |file| file.shown.clone());
        return Fact::known(file.clone(), Anchor { time: local_seconds(seen.time), file });
    }
    let kept = kept(facts, Log::Ossec);
    let (files, gaps) = list(facts, &kept, None);
    let mut left = ANCHOR_BUDGET;
    let mut gap = gaps.into_iter().chain(log.gaps.iter().cloned()).next();
    for file in files.iter().rev() {
        let opened = facts.open(&file.path);
        let Some(source) = opened.get() else {
            gap = gap.or_else(|| opened.unknown());
            continue;
        };
        let found = if file.gzip {
            match unpacked(&**source) {
                Ok(size) if size <= left => {
                    left -= size;
                    let search = Search { set: log.set, since: None, file: 0 };
                    let packed = MultiGzDecoder::new(Section::new(&**source, 0..source.size()));
                    let (found, error) = search.stream(packed.take(size), &facts.logs.watch.done);
                    gap = gap.or_else(|| error.map(|error| failed(file, error.to_string())));
                    newest(&found, log.set).map(|seen| seen.time)
                }
                Ok(_) => {
                    gap = gap
                        .or_else(|| Some(failed(file, "is too large to look for starts in it".to_owned())));
                    None
                }
                Err(error) => {
                    gap = gap.or_else(|| Some(failed(file, error.to_string())));
                    None
                }
            }
        } else {
            match last_starts(&**source, source.size(), &[daemon], left) {
                Ok(starts) => {
                    left = left.saturating_sub(source.size() - starts.down_to);
                    if starts.down_to > 0 && !starts.last.contains_key(daemon) {
                        let why = "is too large to look for starts in all of it";
                        gap = gap.or_else(|| Some(failed(file, why.to_owned())));
                    }
                    starts.last.get(daemon).map(|started| started.time)
                }
                Err(error) => {
                    gap = gap.or_else(|| Some(failed(file, error.to_string())));
                    None
                }
            }
        };
        if let Some(time) = found {
            let file = file.shown.clone();
            return Fact::known(file.clone(), Anchor { time: local_seconds(time), file });
        }
    }
    gap.map_or_else(|| Fact::absent(fact.source.clone()), Gap::into_fact)
}

fn local_seconds(time: Option<Time>) -> Option<i64> {
    match time? {
        Time::Local(time) | Time::Utc(time) => Some(time),
    }
}
