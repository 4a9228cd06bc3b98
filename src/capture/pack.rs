//! Writes a capture: contents first, then what describes them, then their sums.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::clean::{Cleaner, Stream};
use super::describe::{Planned, describe, parts};
use super::record::{Ranges, Recorder};
use super::scan::{Scanner, Watch};
use crate::host::capture::archive::{self, EntrySum, LEDGER, Met, REPORT, SUMS, TICKET};
use crate::host::capture::{Entries, FILES, FORMAT, FileEntry, HostFile, HostPath, MANIFEST};
use crate::host::{OpenError, Source, Value, hex};
use crate::redact::Redactor;
use crate::wazuh::alerts::lines::Section;

/// What a capture becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One file, a gzipped tar.
    Archive,
    /// A directory.
    Directory,
}

/// How a capture is written.
#[derive(Debug)]
pub struct Options<'a> {
    /// Where: what is there already is never overwritten.
    pub target: &'a Path,
    /// As what.
    pub form: Form,
    /// The most bytes of contents, before they are compressed.
    pub max_size: u64,
    /// How the host is called in reports on the capture.
    pub label: String,
    /// The Wazuh directory that was named.
    pub home: Option<PathBuf>,
    /// How far back logs were to be read, as it was written.
    pub since: Option<String>,
    /// Which program makes it.
    pub made_by: &'a str,
    /// When, in seconds since 1970.
    pub made_at: i64,
    /// Set when it is to end at once.
    pub stop: Arc<AtomicBool>,
}

/// What is put beside the host.
#[derive(Clone, Copy, Debug)]
pub struct Documents<'a> {
    /// The report of `check`, as JSON.
    pub report: &'a str,
    /// The report to be pasted.
    pub ticket: &'a str,
}

/// What was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The file, as the host names it.
    pub path: String,
    /// Bytes of it, where some of it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Why.
    pub why: String,
}

/// What a capture came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of the archive, or of all files of the directory.
    pub bytes: u64,
    /// Files whose content, or a part of it, is held.
    pub files: usize,
    /// Secrets that were hidden.
    pub hidden: u64,
    /// Files that they stood in.
    pub hidden_in: usize,
    /// What was left out that was read.
    pub left_out: Vec<Left>,
}

/// Why there is no capture. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something is there already.
    #[error("{} is there already; name another file, or remove it", .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("{} cannot be written: {source}{}", path.display(), hint(source))]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was written holds a secret all the same.
    #[error(
        "no capture was made: {entry} would hold a secret that was seen on this host. Please report it, \
         without the secret; nothing was left behind"
    )]
    Leak {
        /// In which entry.
        entry: String,
    },
    /// What was written cannot be read.
    #[error("no capture was made, what was written cannot be read again: {0}")]
    Broken(#[from] OpenError),
    /// It was asked to stop.
    #[error("interrupted; nothing was left behind")]
    Stopped,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; nothing was left behind. Make room, or name another place with -o",
        _ => "; name another place with -o",
    }
}

/// Writes what a recorder noted, and what was found.
///
/// # Errors
///
/// When it cannot be written, would hold a secret, or was to stop; nothing is left behind then.
pub fn write(
    recorder: &Recorder<'_>,
    redactor: &Redactor,
    documents: Documents<'_>,
    options: &Options<'_>,
) -> Result<Summary, Error> {
    let parent = match options.target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let failed = |source: io::Error| {
        if options.stop.load(Ordering::Relaxed) {
            return Error::Stopped;
        }
        Error::Write { path: options.target.to_owned(), source }
    };
    if fs::symlink_metadata(options.target).is_ok() {
        return Err(Error::Exists(options.target.to_owned()));
    }
    let cleaner = Cleaner::new(redactor);
    let top = options.target.file_name().map_or_else(|| "capture".into(), |name| name.to_string_lossy());
    let top = top.strip_suffix(".tar.gz").or(top.strip_suffix(".tgz")).unwrap_or(&top).to_owned();
    let mut summary;
    match options.form {
        Form::Archive => {
            let temporary =
                tempfile::Builder::new().prefix(".ar-doctor-").suffix(".partial").tempfile_in(parent);
            let temporary = temporary.map_err(failed)?;
            let file = temporary.as_file().try_clone().map_err(failed)?;
            let packer = GzEncoder::new(BufWriter::new(file), Compression::default());
            let out = Out::Archive(archive::Writer::new(packer, &top, options.made_by, options.made_at));
            let mut packing = Packing { recorder, cleaner, out, options, scratch: parent };
            summary = packing.all(documents).map_err(failed)?;
            if let Out::Archive(writer) = packing.out {
                let mut out = writer.finish().and_then(GzEncoder::finish).map_err(failed)?;
                out.flush().map_err(failed)?;
            }
            temporary.as_file().sync_all().map_err(failed)?;
            scan_archive(temporary.path(), redactor, options)?;
            summary.bytes = temporary.as_file().metadata().map_err(failed)?.len();
            temporary.persist_noclobber(options.target).map_err(|error| match error.error.kind() {
                io::ErrorKind::AlreadyExists => Error::Exists(options.target.to_owned()),
                _ => failed(error.error),
            })?;
        }
        Form::Directory => {
            let temporary =
                tempfile::Builder::new().prefix(".ar-doctor-").suffix(".partial").tempdir_in(parent);
            let temporary = temporary.map_err(failed)?;
            let out = Out::Directory(Files::new(temporary.path(), options));
            let mut packing = Packing { recorder, cleaner, out, options, scratch: parent };
            summary = packing.all(documents).map_err(failed)?;
            if let Out::Directory(files) = packing.out {
                summary.bytes = files.finish().map_err(failed)?;
            }
            scan_directory(temporary.path(), redactor, options).map_err(|error| match error {
                Ok(error) => error,
                Err(error) => failed(error),
            })?;
            rename(temporary.path(), options.target).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => {
                    Error::Exists(options.target.to_owned())
                }
                _ => failed(error),
            })?;
            // It has another name now.
            let _ = temporary.keep();
        }
    }
    Ok(summary)
}

/// Gives a directory its name, unless something has it.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system knows how.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            result => return Ok(result?),
        }
    }
    if fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

/// Where entries go.
enum Out {
    Archive(archive::Writer<GzEncoder<BufWriter<File>>>),
    Directory(Files),
}

/// Entries as files of a directory.
struct Files {
    top: PathBuf,
    manifest: archive::Manifest,
    bytes: u64,
}

impl Files {
    fn new(top: &Path, options: &Options<'_>) -> Self {
        let made_at = jiff::Timestamp::from_second(options.made_at);
        let manifest = archive::Manifest {
            format: FORMAT,
            made_by: options.made_by.to_owned(),
            made_at: made_at.map(|at| at.to_string()).unwrap_or_default(),
            entries: Entries::default(),
        };
        Self { top: top.to_owned(), manifest, bytes: 0 }
    }

    fn add(&mut self, name: &str, content: &mut dyn Read) -> io::Result<()> {
        let path = self.top.join(name);
        if let Some(parent) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut sha256 = Sha256::new();
        let mut size = 0;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = content.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            sha256.update(&buffer[..read]);
            file.write_all(&buffer[..read])?;
            size += read as u64;
        }
        self.bytes += size;
        self.manifest.entries.0.push((name.to_owned(), EntrySum { size, sha256: hex(&sha256.finalize()) }));
        Ok(())
    }

    fn finish(mut self) -> io::Result<u64> {
        let mut text = serde_json::to_vec_pretty(&self.manifest)?;
        text.push(b'\n');
        self.add(SUMS, &mut text.as_slice())?;
        Ok(self.bytes)
    }
}

impl Out {
    fn add(&mut self, name: &str, size: u64, mut content: impl Read) -> io::Result<()> {
        match self {
            Self::Archive(writer) => writer.add(name, size, content),
            Self::Directory(files) => files.add(name, &mut content),
        }
    }
}

/// `ledger.json`: what is not in the capture as it was on the host.
#[derive(Debug, Serialize)]
struct Ledger<'a> {
    /// Secrets that were overwritten.
    redacted: Vec<Hidden<'a>>,
    /// What was read and is not in it.
    left_out: &'a [Left],
}

#[derive(Debug, Serialize)]
struct Hidden<'a> {
    place: &'a str,
    kind: &'static str,
    count: u64,
}

/// So much of a cleaned content stays in memory.
const IN_MEMORY: usize = 1 << 20;

/// The most that is searched for the end of a line.
const LINE: u64 = 64 * 1024;

struct Packing<'a, 'h> {
    recorder: &'a Recorder<'h>,
    cleaner: Cleaner<'a>,
    out: Out,
    options: &'a Options<'a>,
    /// Where large contents wait for their length to be known.
    scratch: &'a Path,
}

impl Packing<'_, '_> {
    fn all(&mut self, documents: Documents<'_>) -> io::Result<Summary> {
        let host = self.recorder.host();
        let mut described = describe(&mut self.recorder.noted(), host.kind(), host.reader_uid());
        let mut left_out: Vec<Left> = described
            .unsaid
            .iter()
            .map(|(path, why)| Left {
                path: self.cleaner.text("host.json", path),
                bytes: None,
                why: (*why).to_owned(),
            })
            .collect();
        self.cut(&mut described.contents, &mut left_out);
        let mut names = BTreeSet::new();
        let mut files = 0;
        for mut planned in described.contents {
            let Some((_, entry)) = described.file.files.0.get_mut(planned.index) else { continue };
            let place = planned.path.display().to_string();
            let name = format!("{FILES}{}", self.cleaner.text("host.json", &place));
            if !names.insert(name.clone()) {
                continue;
            }
            let held = self.content(&name, &place, &mut planned, entry)?;
            files += usize::from(held.written > 0);
            if held.missed > 0 {
                entry.changed_while_read = true;
                let why = "it changed while it was captured".to_owned();
                left_out.push(Left { path: place, bytes: Some(held.missed), why });
            }
        }
        let file = &mut described.file;
        file.made_by = Some(self.options.made_by.to_owned());
        file.label = Some(self.options.label.clone());
        file.home = self.options.home.as_ref().and_then(|home| HostPath::new(home.to_str()?).ok());
        file.since.clone_from(&self.options.since);
        self.clean_host(file);
        let text = file.to_json()?;
        self.add(MANIFEST, text.as_bytes())?;
        drop(text);
        let report = self.cleaner.text(REPORT, documents.report);
        self.add(REPORT, report.as_bytes())?;
        let ticket = self.cleaner.text(TICKET, documents.ticket);
        self.add(TICKET, ticket.as_bytes())?;
        let hidden = self.cleaner.hidden();
        let safe: Vec<Left> = left_out
            .iter()
            .map(|left| Left { path: self.cleaner.text(LEDGER, &left.path), ..left.clone() })
            .collect();
        let places: Vec<(String, u64)> =
            hidden.iter().map(|(place, count)| (self.cleaner.text(LEDGER, place), *count)).collect();
        let ledger = Ledger {
            redacted: places
                .iter()
                .map(|(place, count)| Hidden { place, kind: "secret", count: *count })
                .collect(),
            left_out: &safe,
        };
        let mut ledger = serde_json::to_vec_pretty(&ledger)?;
        ledger.push(b'\n');
        self.add(LEDGER, &ledger)?;
        Ok(Summary { bytes: 0, files, hidden: hidden.values().sum(), hidden_in: hidden.len(), left_out })
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.out.add(name, bytes.len() as u64, bytes)
    }

    fn go_on(&self) -> io::Result<()> {
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    /// Leaves out what is too much: of the largest logs the oldest parts, so that none that is
    /// held has less than what is held of a larger one.
    fn cut(&self, contents: &mut [Planned], left_out: &mut Vec<Left>) {
        let held = |planned: &Planned| planned.ranges.iter().map(|(start, end)| end - start).sum::<u64>();
        let mut logs: Vec<(usize, u64)> = Vec::new();
        let mut others = 0_u64;
        for (index, planned) in contents.iter().enumerate() {
            match held(planned) {
                size if planned.from_start => others = others.saturating_add(size),
                size => logs.push((index, size)),
            }
        }
        let most = self.options.max_size.saturating_sub(others);
        logs.sort_by_key(|(_, size)| *size);
        let mut left = most;
        let mut count = logs.len() as u64;
        // The largest size at which all of them fit, when none has more.
        let mut level = u64::MAX;
        for (_, size) in &logs {
            if *size > left / count {
                level = left / count;
                break;
            }
            left -= size;
            count -= 1;
        }
        for (index, size) in logs {
            if size <= level {
                continue;
            }
            let Some(planned) = contents.get_mut(index) else { continue };
            // Of a packed file the end says nothing without the beginning.
            let mut room = if is_packed(&planned.path) { 0 } else { level };
            let mut newest = Vec::new();
            for (start, end) in planned.ranges.iter().rev() {
                let from = (*start).max(end.saturating_sub(room));
                room -= end - from;
                if from < *end {
                    newest.push((from, *end));
                }
            }
            newest.reverse();
            planned.ranges = newest;
            left_out.push(Left {
                path: planned.path.display().to_string(),
                bytes: Some(size - held(planned)),
                why: format!(
                    "more than --max-size ({} MiB) was read; of the largest logs the oldest parts are left out",
                    self.options.max_size >> 20
                ),
            });
        }
    }

    /// Adds one content, and says in its entry what of the file it is.
    fn content(
        &mut self,
        name: &str,
        place: &str,
        planned: &mut Planned,
        entry: &mut FileEntry,
    ) -> io::Result<Written> {
        self.go_on()?;
        if let Some(kept) = planned.kept.take() {
            let cleaned = self.cleaner.clean(place, &kept);
            let tail = planned.size.saturating_sub(kept.len() as u64);
            if tail > 0 {
                entry.pieces = Some(vec![(0, cleaned.len() as u64), (tail, 0)]);
            }
            self.add(name, &cleaned)?;
            return Ok(Written { written: 1, missed: 0 });
        }
        if planned.ranges.is_empty() {
            if planned.size > 0 {
                entry.pieces = Some(vec![(planned.size, 0)]);
            } else {
                self.add(name, &[])?;
            }
            return Ok(Written::default());
        }
        let Some(source) = self.source(planned, entry) else {
            entry.pieces = Some(vec![(planned.size, 0)]);
            return Ok(Written {
                written: 0,
                missed: planned.ranges.iter().map(|(start, end)| end - start).sum(),
            });
        };
        let size = planned.size;
        let trailer_only = planned.ranges.iter().all(|(start, _)| start + 16 >= size);
        if is_packed(&planned.path) && !trailer_only && starts_packed(&*source) {
            return self.packed(name, place, &*source);
        }
        let mut spool = tempfile::spooled_tempfile_in(IN_MEMORY, self.scratch);
        let mut pieces = Vec::new();
        let mut at = 0;
        let mut missed = 0;
        for (start, end) in in_lines(&*source, &planned.ranges, size) {
            let mut stream = Stream::new(&self.cleaner, place, &mut spool);
            let copied = self.copy(&*source, start, end, &mut stream)?;
            let (_, written) = stream.finish()?;
            pieces.push((start - at, written));
            at = start + copied;
            if copied < end - start {
                missed += end - start - copied;
                break;
            }
        }
        let written: u64 = pieces.iter().map(|(_, length)| length).sum();
        if at < size {
            pieces.push((size - at, 0));
        }
        let is_whole = matches!(pieces.as_slice(), [(0, _)]);
        entry.pieces = (!is_whole).then_some(pieces);
        spool.rewind()?;
        self.out.add(name, written, spool)?;
        Ok(Written { written, missed })
    }

    /// The file that was read, or the one that has its name now when it is the same.
    fn source(&self, planned: &Planned, entry: &mut FileEntry) -> Option<Arc<dyn Source>> {
        let host = self.recorder.host();
        let noted = self.recorder.noted();
        let node = noted.nodes.get(&planned.path)?;
        let content = node.content.as_ref()?;
        if let Some(source) = parts(&content.parts).source.take() {
            return Some(source);
        }
        let Value::Known(source) = host.open(&planned.path).value else { return None };
        if content.identity.is_some() && source.identity() != content.identity {
            return None;
        }
        let now = host.entry(&planned.path);
        let (Value::Known(was), Some(is)) = (&node.meta, now.get()) else { return None };
        if planned.from_start && (was.size, was.mtime) != (is.size, is.mtime) {
            entry.changed_while_read = true;
        }
        Some(source.into())
    }

    /// Copies a part of a file; how much of it is there.
    fn copy(&self, source: &dyn Source, start: u64, end: u64, out: &mut dyn Write) -> io::Result<u64> {
        let mut buffer = vec![0; 256 * 1024];
        let mut at = start;
        while at < end {
            self.go_on()?;
            let length = buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
            match source.read_at(&mut buffer[..length], at) {
                // It has become shorter, or cannot be read any more.
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    out.write_all(&buffer[..read])?;
                    at += read as u64;
                }
            }
        }
        Ok(at - start)
    }

    /// Adds a gzipped log: what is in it is unpacked, cleaned and packed again.
    fn packed(&mut self, name: &str, place: &str, source: &(dyn Source + 'static)) -> io::Result<Written> {
        let mut spool = tempfile::spooled_tempfile_in(IN_MEMORY, self.scratch);
        let packer = GzEncoder::new(&mut spool, Compression::default());
        let mut stream = Stream::new(&self.cleaner, place, packer);
        let mut unpacked = MultiGzDecoder::new(Section::new(source, 0..source.size()));
        let mut buffer = vec![0; 256 * 1024];
        let mut total = 0;
        let is_whole = loop {
            self.go_on()?;
            match unpacked.read(&mut buffer) {
                Ok(0) => break true,
                Ok(read) => {
                    stream.write_all(&buffer[..read])?;
                    total += read as u64;
                    if total > self.options.max_size {
                        break false;
                    }
                }
                Err(_) => break false,
            }
        };
        let (packer, _) = stream.finish()?;
        packer.finish()?;
        let mut length = spool.stream_position()?;
        if !is_whole {
            // One that ends in the middle of things ends so in the capture too.
            length = length.saturating_sub(8);
        }
        spool.rewind()?;
        self.out.add(name, length, spool.take(length))?;
        Ok(Written { written: length, missed: 0 })
    }

    /// Hides secrets in all texts of `host.json`.
    fn clean_host(&self, file: &mut HostFile) {
        const PLACE: &str = "host.json";
        let text = |text: &mut String| *text = self.cleaner.text(PLACE, text);
        let path = |path: &mut HostPath| {
            let shown = path.to_string();
            let cleaned = self.cleaner.text(PLACE, &shown);
            if cleaned != shown
                && let Ok(cleaned) = HostPath::new(&cleaned)
            {
                *path = cleaned;
            }
        };
        for (key, entry) in &mut file.files.0 {
            path(key);
            entry.link.iter_mut().for_each(text);
            entry.names.iter_mut().flatten().for_each(text);
            let encoded = |encoded: &mut String| {
                if let Ok(bytes) = STANDARD.decode(encoded.as_bytes()) {
                    *encoded = STANDARD.encode(self.cleaner.clean(PLACE, &bytes));
                }
            };
            entry.xattrs.0.iter_mut().for_each(|(_, value)| encoded(value));
            entry.found.0.iter_mut().flat_map(|(_, found)| &mut found.texts).for_each(encoded);
            let reasons = [
                &mut entry.denied,
                &mut entry.failed,
                &mut entry.not_collected,
                &mut entry.read_denied,
                &mut entry.read_failed,
                &mut entry.read_not_collected,
                &mut entry.selinux,
            ];
            reasons.into_iter().flatten().for_each(text);
        }
        // Two that differed in a secret only are one now.
        let mut seen = BTreeSet::new();
        file.files.0.retain(|(key, _)| seen.insert(key.clone()));
        file.absent.iter_mut().for_each(path);
        file.absent.retain(|key| seen.insert(key.clone()));
        for mount in file.mounts.iter_mut().flatten() {
            path(&mut mount.target);
            text(&mut mount.source);
            text(&mut mount.options);
            mount.super_options.iter_mut().chain(&mut mount.root).for_each(text);
        }
        for process in file.processes.iter_mut().flatten() {
            self.cleaner.words(PLACE, &mut process.args);
            process.exe.iter_mut().chain(&mut process.comm).for_each(text);
            process.path.iter_mut().flatten().for_each(text);
            let Some(detail) = &mut process.detail else { continue };
            for one in [&mut detail.label, &mut detail.root, &mut detail.cwd, &mut detail.cgroup] {
                one.iter_mut().for_each(text);
            }
            for descriptor in detail.descriptors.iter_mut().flatten() {
                descriptor.file.iter_mut().chain(&mut descriptor.other).for_each(text);
            }
            for mount in detail.mounts.iter_mut().flatten() {
                path(&mut mount.target);
                text(&mut mount.source);
                text(&mut mount.options);
                mount.super_options.iter_mut().chain(&mut mount.root).for_each(text);
            }
            for socket in detail.unix_sockets.iter_mut().flatten() {
                socket.path.iter_mut().chain(&mut socket.abstract_name).for_each(text);
            }
        }
        for socket in file.unix_sockets.iter_mut().flatten() {
            socket.path.iter_mut().chain(&mut socket.abstract_name).for_each(text);
        }
        file.env.0.iter_mut().for_each(|(_, value)| text(value));
        file.label.iter_mut().chain(&mut file.since).for_each(text);
    }
}

/// What became of a content.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    written: u64,
    /// Bytes that were read once and cannot be read again.
    missed: u64,
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

fn starts_packed(source: &dyn Source) -> bool {
    let mut start = [0; 2];
    matches!(source.read_at(&mut start, 0), Ok(2)) && start == [0x1f, 0x8b]
}

/// The same ranges in whole lines: half a secret is not recognised.
fn in_lines(source: &dyn Source, ranges: &[(u64, u64)], size: u64) -> Vec<(u64, u64)> {
    let mut buffer = vec![0; usize::try_from(LINE).unwrap_or(0)];
    let mut read = |at: u64, length: u64| {
        let length = usize::try_from(length).unwrap_or(0).min(buffer.len());
        let mut filled = 0;
        while filled < length {
            match source.read_at(&mut buffer[filled..length], at + filled as u64) {
                Ok(0) | Err(_) => break,
                Ok(read) => filled += read,
            }
        }
        buffer[..filled].to_vec()
    };
    let mut lines = Ranges::default();
    for &(start, end) in ranges {
        let from = start.saturating_sub(LINE);
        let before = read(from, start - from);
        let start = match memchr::memrchr(b'\n', &before) {
            Some(at) => from + at as u64 + 1,
            None => from,
        };
        let is_line = end > start && read(end - 1, 1) == b"\n";
        let behind = if is_line { Vec::new() } else { read(end, LINE.min(size.saturating_sub(end))) };
        let end = match memchr::memchr(b'\n', &behind) {
            Some(at) => end + at as u64 + 1,
            None => end + behind.len() as u64,
        };
        lines.add(start, end);
    }
    lines.iter().collect()
}

/// Looks through an archive that was written, as whoever gets it reads it.
fn scan_archive(path: &Path, redactor: &Redactor, options: &Options<'_>) -> Result<(), Error> {
    let mut scan = Scan::new(redactor);
    let mut leak = None;
    let mut stopped = false;
    let read = archive::walk(path, &mut |name, met| {
        stopped = options.stop.load(Ordering::Relaxed);
        if stopped || scan.met(name, met) {
            leak = Some(name.to_owned());
            return Err("holds a secret".to_owned());
        }
        Ok(())
    });
    match (stopped, leak) {
        (true, _) => return Err(Error::Stopped),
        (_, Some(entry)) => return Err(Error::Leak { entry: redactor.text(entry).as_str().to_owned() }),
        _ => {}
    }
    read?;
    // That it can be opened, too.
    archive::open(path)?;
    Ok(())
}

/// Looks through a directory that was written.
fn scan_directory(
    top: &Path,
    redactor: &Redactor,
    options: &Options<'_>,
) -> Result<(), Result<Error, io::Error>> {
    let mut scan = Scan::new(redactor);
    let mut buffer = vec![0; 64 * 1024];
    for entry in walkdir::WalkDir::new(top) {
        let entry = entry.map_err(|error| Err(error.into()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let name = entry.path().strip_prefix(top).unwrap_or(entry.path()).to_string_lossy().into_owned();
        let mut file = File::open(entry.path()).map_err(Err)?;
        let mut found = scan.met(&name, Met::Begin(0));
        loop {
            if options.stop.load(Ordering::Relaxed) {
                return Err(Ok(Error::Stopped));
            }
            let read = file.read(&mut buffer).map_err(Err)?;
            if read == 0 {
                break;
            }
            found |= scan.met(&name, Met::Bytes(&buffer[..read]));
        }
        if found | scan.met(&name, Met::End) {
            return Err(Ok(Error::Leak { entry: redactor.text(name).as_str().to_owned() }));
        }
    }
    crate::host::capture::CaptureHost::open(top).map_err(|error| Ok(Error::Broken(error)))?;
    Ok(())
}

/// Looks for secrets in entries, their names, and in what is packed in them.
struct Scan {
    scanner: Scanner,
    /// Of an entry that is packed.
    unpacking: Option<flate2::write::MultiGzDecoder<Watch>>,
    /// All of `host.json`.
    host: Vec<u8>,
}

impl Scan {
    fn new(redactor: &Redactor) -> Self {
        Self { scanner: Scanner::new(redactor.remembered()), unpacking: None, host: Vec::new() }
    }

    fn met(&mut self, name: &str, met: Met<'_>) -> bool {
        match met {
            Met::Begin(_) => {
                self.scanner.reset();
                let found = self.scanner.feed(name.as_bytes());
                self.scanner.reset();
                self.host.clear();
                let watch = || Watch { scanner: self.scanner.clone(), found: false };
                let is_packed = is_packed(Path::new(name));
                self.unpacking = is_packed.then(|| flate2::write::MultiGzDecoder::new(watch()));
                found
            }
            Met::Bytes(bytes) => {
                let mut found = self.scanner.feed(bytes);
                if let Some(unpacking) = &mut self.unpacking {
                    // What cannot be unpacked cannot be read by anybody.
                    let _ = unpacking.write_all(bytes);
                    found |= unpacking.get_ref().found;
                }
                if name == MANIFEST {
                    self.host.extend_from_slice(bytes);
                }
                found
            }
            Met::End => {
                let mut found = false;
                if let Some(mut unpacking) = self.unpacking.take() {
                    let _ = unpacking.try_finish();
                    found = unpacking.get_ref().found;
                }
                let is_base64 =
                    |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
                let words = self.host.split(|byte| *byte == b'"').filter(|word| word.iter().all(is_base64));
                for bytes in words.filter_map(|word| STANDARD.decode(word).ok()) {
                    self.scanner.reset();
                    found |= self.scanner.feed(&bytes);
                }
                found
            }
        }
    }
}
