//! Writes a capture: contents first, then what describes them, then their sums.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
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

use super::clean::{Cleaner, Stream, texts};
use super::describe::{Planned, describe, parts};
use super::record::{Ranges, Recorder};
use crate::facts::executable::SCRIPT_LIMIT;
use crate::host::capture::archive::{self, EntrySum, LEDGER, Met, REPORT, SUMS, TICKET};
use crate::host::capture::{Entries, FILES, FORMAT, FileEntry, HostFile, HostPath, MANIFEST};
use crate::host::{OpenError, Source, Sums, Value, hex};
use crate::redact::{Entry, Kind, Leak, Redactor, Scanner, is_public};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// The report of `check`, as JSON.
    pub report: String,
    /// The report to be pasted.
    pub ticket: String,
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
    /// Secrets that were hidden: what, and how often.
    pub hidden: Vec<(Kind, u64)>,
    /// Files that they stood in.
    pub hidden_in: usize,
    /// What was left out that was read.
    pub left_out: Vec<Left>,
    /// What else is to be known of it.
    pub notes: Vec<String>,
}

/// Why there is no capture. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something is there already.
    #[error("{} is there already; name another file, or remove it", .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("{} cannot be written: {why}{}", path.display(), hint(why))]
    Write {
        /// What.
        path: PathBuf,
        /// Why: part of the message, and no source that is told once more.
        why: io::Error,
    },
    /// What was written holds a secret all the same.
    #[error(
        "no capture was made: {entry} would hold a secret that was seen on this host ({}), at byte {}. \
         Please report it, without the secret; nothing was left behind", leak.kind.name(), leak.offset
    )]
    Leak {
        /// In which entry.
        entry: String,
        /// What, and where in it.
        leak: Leak,
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

/// An error without the name of an unfinished file, which is of no use to anybody.
fn plain(error: io::Error) -> io::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(inner) = cause {
        if let Some(code) = inner.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(code);
        }
        cause = inner.source();
    }
    error
}

/// Writes what a recorder noted, and what was found, which `documents` says once all secrets that
/// were read are known to the redactor.
///
/// # Errors
///
/// When it cannot be written, would hold a secret, or was to stop; nothing is left behind then.
pub fn write(
    recorder: &Recorder<'_>,
    redactor: &Redactor,
    documents: &dyn Fn() -> io::Result<Documents>,
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
        Error::Write { path: options.target.to_owned(), why: plain(source) }
    };
    if fs::symlink_metadata(options.target).is_ok() {
        return Err(Error::Exists(options.target.to_owned()));
    }
    let cleaner = Cleaner::new(redactor);
    let top = options.target.file_name().map_or_else(|| "capture".into(), |name| name.to_string_lossy());
    let top = top.strip_suffix(".tar.gz").or(top.strip_suffix(".tgz")).unwrap_or(&top);
    // Whoever gets it may give it another name, but this one stays in it.
    let top = cleaner.path(Path::new(top)).display().to_string();
    let mut summary;
    match options.form {
        Form::Archive => {
            let temporary =
                tempfile::Builder::new().prefix(".ar-doctor-").suffix(".partial").tempfile_in(parent);
            let temporary = temporary.map_err(failed)?;
            let file = temporary.as_file().try_clone().map_err(failed)?;
            let packer = GzEncoder::new(BufWriter::new(file), Compression::default());
            let out =
                Out::Archive(Box::new(archive::Writer::new(packer, &top, options.made_by, options.made_at)));
            let mut packing =
                Packing { recorder, cleaner, out, options, scratch: parent, room: options.max_size };
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
            let temporary = tempfile::Builder::new()
                .permissions(fs::Permissions::from_mode(0o700))
                .prefix(".ar-doctor-")
                .suffix(".partial")
                .tempdir_in(parent);
            let temporary = temporary.map_err(failed)?;
            let out = Out::Directory(Files::new(temporary.path(), options));
            let mut packing =
                Packing { recorder, cleaner, out, options, scratch: parent, room: options.max_size };
            summary = packing.all(documents).map_err(failed)?;
            if let Out::Directory(files) = packing.out {
                summary.bytes = files.finish().map_err(failed)?;
            }
            scan_directory(temporary.path(), redactor, options)?;
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
    Archive(Box<archive::Writer<GzEncoder<BufWriter<File>>>>),
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
    /// Secrets that were overwritten: where, what and how often.
    redacted: &'a [Entry],
    /// What was read and is not in it.
    left_out: &'a [Left],
    /// What else is to be known of it.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
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
    /// Bytes that packed logs may still come to.
    room: u64,
}

impl Packing<'_, '_> {
    fn all(&mut self, documents: &dyn Fn() -> io::Result<Documents>) -> io::Result<Summary> {
        let host = self.recorder.host();
        let mut described = describe(&mut self.recorder.noted(), host.kind(), host.reader_uid());
        let mut left_out: Vec<Left> = described
            .unsaid
            .iter()
            .map(|(path, why)| Left { path: path.clone(), bytes: None, why: (*why).to_owned() })
            .collect();
        self.cut(&mut described.contents, &mut left_out);
        let file = &mut described.file;
        file.made_by = Some(self.options.made_by.to_owned());
        file.label = Some(self.options.label.clone());
        file.home = self.options.home.as_ref().and_then(|home| HostPath::new(home.to_str()?).ok());
        file.since.clone_from(&self.options.since);

        // All that is read is learned before anything is written: what stands in one file may be
        // a secret because of another.
        for planned in &described.contents {
            self.learn(planned)?;
        }
        self.clean_words(file);
        self.cleaner.learn(Path::new(MANIFEST), file.to_json()?.as_bytes());
        let documents = documents()?;
        for planned in &described.contents {
            if let Some((_, entry)) = described.file.files.0.get_mut(planned.index) {
                self.tell_sums(planned, &described.contents, entry)?;
            }
        }

        let mut names = BTreeSet::new();
        let mut files = 0;
        for planned in &mut described.contents {
            let Some((_, entry)) = described.file.files.0.get_mut(planned.index) else { continue };
            let name = format!("{FILES}{}", self.cleaner.path(&planned.path).display());
            if !names.insert(name.clone()) {
                continue;
            }
            let held = self.content(&name, planned, entry)?;
            files += usize::from(held.written > 0);
            if held.is_cut {
                left_out.push(Left {
                    path: planned.path.display().to_string(),
                    bytes: None,
                    why: format!(
                        "packed logs come to more than --max-size ({}) when they are unpacked; the end of it is left out",
                        readable(self.options.max_size)
                    ),
                });
            }
            if held.missed > 0 {
                entry.changed_while_read = true;
                left_out.push(Left {
                    path: planned.path.display().to_string(),
                    bytes: Some(held.missed),
                    why: "it changed while it was captured".to_owned(),
                });
            }
        }
        let text = self.cleaner.state(&described.file)?;
        self.add(MANIFEST, text.as_bytes())?;
        drop(text);
        self.add(REPORT, &self.cleaner.bytes(documents.report.as_bytes()))?;
        self.add(TICKET, &self.cleaner.bytes(documents.ticket.as_bytes()))?;
        for left in &mut left_out {
            left.path = self.cleaner.path(Path::new(&left.path)).display().to_string();
        }
        let redacted = self.cleaner.ledger();
        let notes = self.cleaner.notes();
        let mut ledger =
            serde_json::to_vec_pretty(&Ledger { redacted: &redacted, left_out: &left_out, notes: &notes })?;
        ledger.push(b'\n');
        self.add(LEDGER, &ledger)?;
        let places: BTreeSet<&str> = redacted.iter().map(|entry| entry.place.as_str()).collect();
        let mut kinds: Vec<(Kind, u64)> = Vec::new();
        for entry in &redacted {
            match kinds.iter_mut().find(|(kind, _)| *kind == entry.kind) {
                Some((_, count)) => *count += entry.count,
                None => kinds.push((entry.kind, entry.count)),
            }
        }
        Ok(Summary { bytes: 0, files, hidden_in: places.len(), hidden: kinds, left_out, notes })
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
        let mut logs: Vec<(usize, u64)> = Vec::new();
        let mut others = 0_u64;
        for (index, planned) in contents.iter().enumerate() {
            match planned.held() {
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
            let mut room = if has_packed_name(&planned.path) { 0 } else { level };
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
                bytes: Some(size - planned.held()),
                why: format!(
                    "more than --max-size ({}) was read; of the largest logs the oldest parts are left out",
                    readable(self.options.max_size)
                ),
            });
        }
    }

    /// Learns the secrets in one content.
    fn learn(&self, planned: &Planned) -> io::Result<()> {
        self.go_on()?;
        let place = place(&planned.path);
        if let Some(kept) = &planned.kept {
            self.cleaner.learn(&place, kept);
        } else if let Some(source) = self.source(planned, &mut false) {
            if is_packed(planned, &*source) {
                self.unpack(&*source, &place, None::<io::Sink>, self.options.max_size)?;
            } else {
                self.pieces(&*source, planned, &place, None::<io::Sink>)?;
            }
        }
        Ok(())
    }

    /// Sums of a text with secrets in it become those of the text without them, unless a package
    /// brought it so, as [`crate::facts::Facts::told_sums`] has them.
    fn tell_sums(&self, planned: &Planned, all: &[Planned], entry: &mut FileEntry) -> io::Result<()> {
        let Some(sums) = entry.sums.as_mut().filter(|_| entry.elf.is_none()) else { return Ok(()) };
        let Some(text) = self.whole(planned, SCRIPT_LIMIT)? else { return Ok(()) };
        let hidden = self.cleaner.bytes(&text);
        if hidden == *text {
            return Ok(());
        }
        let lists = all.iter().filter(|listed| listed.path.extension().is_some_and(|name| name == "md5sums"));
        for list in lists {
            let list = self.whole(list, u64::MAX)?;
            if list.is_some_and(|list| memchr::memmem::find(&list, sums.md5.as_bytes()).is_some()) {
                return Ok(());
            }
        }
        *sums = Sums::of(&hidden);
        Ok(())
    }

    /// All of a content, where all of it is held, and it has no more than so many bytes.
    fn whole<'p>(&self, planned: &'p Planned, most: u64) -> io::Result<Option<Cow<'p, [u8]>>> {
        if let Some(kept) = planned.kept.as_deref() {
            return Ok(Some(Cow::Borrowed(kept)));
        }
        if planned.size > most || planned.ranges.as_slice() != [(0, planned.size)] {
            return Ok(None);
        }
        let Some(source) = self.source(planned, &mut false) else { return Ok(None) };
        let mut bytes = Vec::new();
        self.copy(&*source, 0, planned.size, &mut bytes)?;
        Ok(Some(Cow::Owned(bytes)))
    }

    /// Adds one content, and says in its entry what of the file it is.
    fn content(&mut self, name: &str, planned: &mut Planned, entry: &mut FileEntry) -> io::Result<Written> {
        self.go_on()?;
        let place = place(&planned.path);
        if let Some(kept) = planned.kept.take() {
            let cleaned = self.cleaner.clean(&place, &kept);
            let tail = planned.size.saturating_sub(kept.len() as u64);
            if tail > 0 {
                entry.pieces = Some(vec![(0, cleaned.len() as u64), (tail, 0)]);
            }
            self.add(name, &cleaned)?;
            return Ok(Written { written: 1, ..Written::default() });
        }
        if planned.ranges.is_empty() {
            if planned.size > 0 {
                entry.pieces = Some(vec![(planned.size, 0)]);
            } else {
                self.add(name, &[])?;
            }
            return Ok(Written::default());
        }
        let Some(source) = self.source(planned, &mut entry.changed_while_read) else {
            entry.pieces = Some(vec![(planned.size, 0)]);
            return Ok(Written { missed: planned.held(), ..Written::default() });
        };
        let mut spool = tempfile::spooled_tempfile_in(IN_MEMORY, self.scratch);
        if is_packed(planned, &*source) {
            let packer = GzEncoder::new(&mut spool, Compression::default());
            let (packer, end) = self.unpack(&*source, &place, Some(packer), self.room)?;
            packer.map(GzEncoder::finish).transpose()?;
            self.room = self.room.saturating_sub(end.bytes);
            let mut written = spool.stream_position()?;
            if !end.is_whole {
                // One that ends in the middle of things ends so in the capture too.
                written = written.saturating_sub(8);
            }
            spool.rewind()?;
            self.out.add(name, written, spool.take(written))?;
            return Ok(Written { written, is_cut: end.is_cut, ..Written::default() });
        }
        let mut laid = self.pieces(&*source, planned, &place, Some(&mut spool))?;
        let written: u64 = laid.list.iter().map(|(_, length)| length).sum();
        if laid.end < planned.size {
            laid.list.push((planned.size - laid.end, 0));
        }
        let is_whole = matches!(laid.list.as_slice(), [(0, _)]);
        entry.pieces = (!is_whole).then_some(laid.list);
        spool.rewind()?;
        self.out.add(name, written, spool)?;
        // Nothing is kept open that is not needed any more.
        self.close(planned);
        Ok(Written { written, missed: laid.missed, ..Written::default() })
    }

    /// Copies the parts of a file that are held, in whole lines.
    fn pieces<W: Write>(
        &self,
        source: &(dyn Source + 'static),
        planned: &Planned,
        place: &Path,
        mut out: Option<W>,
    ) -> io::Result<Laid> {
        let mut laid = Laid::default();
        for (start, end) in in_lines(source, &planned.ranges, planned.size) {
            let mut stream = Stream::new(&self.cleaner, place, out.as_mut());
            let copied = self.copy(source, start, end, &mut stream)?;
            let (_, written) = stream.finish()?;
            laid.list.push((start - laid.end, written));
            laid.end = start + copied;
            if copied < end - start {
                laid.missed += end - start - copied;
                break;
            }
        }
        Ok(laid)
    }

    /// Unpacks a log that is gzipped, of no more than so many bytes whole lines.
    fn unpack<W: Write>(
        &self,
        source: &(dyn Source + 'static),
        place: &Path,
        out: Option<W>,
        room: u64,
    ) -> io::Result<(Option<W>, End)> {
        let mut stream = Stream::new(&self.cleaner, place, out);
        let mut unpacked = MultiGzDecoder::new(Section::new(source, 0..source.size()));
        let mut buffer = vec![0; 256 * 1024];
        let mut end = End { bytes: 0, is_whole: false, is_cut: false };
        loop {
            self.go_on()?;
            match unpacked.read(&mut buffer) {
                Ok(0) => {
                    end.is_whole = true;
                    break;
                }
                Ok(read) if end.bytes + read as u64 > room => {
                    let left = usize::try_from(room - end.bytes).unwrap_or(0);
                    stream.write_all(&buffer[..left])?;
                    // Half a secret is not recognised.
                    stream.drop_half_line();
                    end = End { bytes: room, is_whole: false, is_cut: true };
                    break;
                }
                Ok(read) => {
                    stream.write_all(&buffer[..read])?;
                    end.bytes += read as u64;
                }
                Err(_) => break,
            }
        }
        let (out, _) = stream.finish()?;
        Ok((out, end))
    }

    /// The file that was read, or the one that has its name now when it is the same.
    fn source(&self, planned: &Planned, changed: &mut bool) -> Option<Arc<dyn Source>> {
        let host = self.recorder.host();
        let noted = self.recorder.noted();
        let node = noted.nodes.get(&planned.path)?;
        let content = node.content.as_ref()?;
        if let Some(source) = &parts(&content.parts).source {
            return Some(Arc::clone(source));
        }
        let Value::Known(source) = host.open(&planned.path).value else { return None };
        if content.identity.is_some() && source.identity() != content.identity {
            return None;
        }
        let now = host.entry(&planned.path);
        let (Value::Known(was), Some(is)) = (&node.meta, now.get()) else { return None };
        *changed |= planned.from_start && (was.size, was.mtime) != (is.size, is.mtime);
        Some(source.into())
    }

    /// Closes a file that was kept open.
    fn close(&self, planned: &Planned) {
        if let Some(content) =
            self.recorder.noted().nodes.get(&planned.path).and_then(|node| node.content.as_ref())
        {
            parts(&content.parts).source = None;
        }
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

    /// Hides secrets that only several values of `host.json` together show, and those in bytes.
    fn clean_words(&self, file: &mut HostFile) {
        for process in file.processes.iter_mut().flatten() {
            self.cleaner.words(&mut process.args);
        }
        for (_, entry) in &mut file.files.0 {
            let encoded = |encoded: &mut String| {
                if let Ok(bytes) = STANDARD.decode(encoded.as_bytes()) {
                    *encoded = STANDARD.encode(self.cleaner.bytes(&bytes));
                }
            };
            entry.xattrs.0.iter_mut().for_each(|(_, value)| encoded(value));
            entry.found.0.iter_mut().flat_map(|(_, found)| &mut found.texts).for_each(encoded);
        }
    }
}

/// What became of a content.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    written: u64,
    /// Bytes that were read once and cannot be read again.
    missed: u64,
    /// Of a packed one the end is left out.
    is_cut: bool,
}

/// How a packed content came to its end.
#[derive(Clone, Copy, Debug)]
struct End {
    /// Bytes that were unpacked.
    bytes: u64,
    /// It has no more than that.
    is_whole: bool,
    /// It has, and there was no more room.
    is_cut: bool,
}

/// How a content was laid out.
#[derive(Debug, Default)]
struct Laid {
    /// Bytes that are left out, and bytes that are held.
    list: Vec<(u64, u64)>,
    /// Where in the file the last of them ends.
    end: u64,
    missed: u64,
}

fn readable(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes.div_ceil(1024)) } else { format!("{} MiB", bytes >> 20) }
}

fn has_packed_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// By what name the redactor knows a file: what is in a packed one is what counts.
fn place(path: &Path) -> PathBuf {
    if has_packed_name(path) { path.with_extension("") } else { path.to_owned() }
}

/// Whether a content is to be unpacked: of one of which only the end was read, that is held.
fn is_packed(planned: &Planned, source: &dyn Source) -> bool {
    let mut start = [0; 2];
    has_packed_name(&planned.path)
        && planned.ranges.iter().any(|(start, _)| start.saturating_add(16) < planned.size)
        && matches!(source.read_at(&mut start, 0), Ok(2))
        && start == [0x1f, 0x8b]
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
    let mut failed = None;
    let read = archive::walk(path, &mut |name, met| {
        if options.stop.load(Ordering::Relaxed) {
            failed = Some(Error::Stopped);
        } else if let Some(leak) = scan.met(name, met) {
            failed = Some(Error::Leak { entry: redactor.text(name).as_str().to_owned(), leak });
        }
        if failed.is_some() { Err("is not what it should be".to_owned()) } else { Ok(()) }
    });
    if let Some(failed) = failed {
        return Err(failed);
    }
    read?;
    // That it can be opened, too.
    archive::open(path)?;
    Ok(())
}

/// Looks through a directory that was written.
fn scan_directory(top: &Path, redactor: &Redactor, options: &Options<'_>) -> Result<(), Error> {
    let mut scan = Scan::new(redactor);
    let mut buffer = vec![0; 64 * 1024];
    let failed = |error: io::Error| Error::Write { path: options.target.to_owned(), why: plain(error) };
    for entry in walkdir::WalkDir::new(top) {
        let entry = entry.map_err(|error| failed(error.into()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let name = entry.path().strip_prefix(top).unwrap_or(entry.path()).to_string_lossy().into_owned();
        let mut file = File::open(entry.path()).map_err(failed)?;
        let mut leak = scan.met(&name, Met::Begin(0));
        loop {
            if options.stop.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            let read = file.read(&mut buffer).map_err(failed)?;
            if read == 0 {
                break;
            }
            leak = leak.or(scan.met(&name, Met::Bytes(&buffer[..read])));
        }
        if let Some(leak) = leak.or(scan.met(&name, Met::End)) {
            return Err(Error::Leak { entry: redactor.text(&name).as_str().to_owned(), leak });
        }
    }
    crate::host::capture::CaptureHost::open(top)?;
    Ok(())
}

/// Looks for secrets in entries, their names, and in what is packed in them.
struct Scan<'r> {
    redactor: &'r Redactor,
    scanner: Scanner<'r>,
    /// Of an entry that is packed.
    unpacking: Option<flate2::write::MultiGzDecoder<Watch<'r>>>,
    /// All of `host.json` and of `manifest.json`: not every word in them is of the host.
    document: Vec<u8>,
}

/// Bytes that are written here are looked at.
struct Watch<'r> {
    scanner: Scanner<'r>,
    leak: Option<Leak>,
}

impl Write for Watch<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.leak = self.leak.or(self.scanner.feed(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'r> Scan<'r> {
    fn new(redactor: &'r Redactor) -> Self {
        Self { redactor, scanner: redactor.scanner(), unpacking: None, document: Vec::new() }
    }

    fn met(&mut self, name: &str, met: Met<'_>) -> Option<Leak> {
        match met {
            Met::Begin(_) => {
                let leak = self.alone(name.as_bytes());
                self.document.clear();
                let watch = || Watch { scanner: self.redactor.scanner(), leak: None };
                let is_packed = has_packed_name(Path::new(name));
                self.unpacking = is_packed.then(|| flate2::write::MultiGzDecoder::new(watch()));
                leak
            }
            Met::Bytes(_) if is_public(Path::new(name)) => None,
            Met::Bytes(bytes) if name == MANIFEST || name == SUMS => {
                self.document.extend_from_slice(bytes);
                None
            }
            Met::Bytes(bytes) => {
                let leak = self.scanner.feed(bytes);
                let unpacked = self.unpacking.as_mut().and_then(|unpacking| {
                    // What cannot be unpacked cannot be read by anybody.
                    let _ = unpacking.write_all(bytes);
                    unpacking.get_ref().leak
                });
                leak.or(unpacked)
            }
            Met::End => {
                let leak = self.unpacking.take().and_then(|mut unpacking| {
                    let _ = unpacking.try_finish();
                    unpacking.get_ref().leak
                });
                let document = std::mem::take(&mut self.document);
                leak.or_else(|| self.document(&document))
            }
        }
    }

    /// Looks at a text of its own.
    fn alone(&mut self, text: &[u8]) -> Option<Leak> {
        self.scanner.restart();
        let leak = self.scanner.feed(text);
        self.scanner.restart();
        leak
    }

    /// Looks at the texts in a document, and at what they are in base64.
    fn document(&mut self, document: &[u8]) -> Option<Leak> {
        let mut leak = None;
        match serde_json::from_slice(document) {
            Ok(value) => texts(&value, &mut |text| leak = leak.or_else(|| self.alone(text.as_bytes()))),
            Err(_) => leak = self.alone(document),
        }
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        let words = document.split(|byte| *byte == b'"').filter(|word| word.iter().all(is_base64));
        for bytes in words.filter_map(|word| STANDARD.decode(word).ok()) {
            leak = leak.or_else(|| self.alone(&bytes));
        }
        leak
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"5w0rdf1sh-5w0rdf1sh";

    /// What is found in an entry whose bytes come in parts of 7.
    fn found(name: &str, content: &[u8]) -> Option<Kind> {
        let redactor = Redactor::new();
        redactor.remember(Kind::Token, SECRET);
        let mut scan = Scan::new(&redactor);
        let begin = scan.met(name, Met::Begin(content.len() as u64));
        let bytes = content.chunks(7).fold(None, |leak, part| leak.or(scan.met(name, Met::Bytes(part))));
        begin.or(bytes).or(scan.met(name, Met::End)).map(|leak| leak.kind)
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(content).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_remembered_secret_is_found_wherever_it_stands() {
        let text = [b"some text before it ", SECRET, b" and behind"].concat();
        let leak = Some(Kind::Token);
        assert_eq!(found("files/var/ossec/logs/x.log", &text), leak);
        assert_eq!(found("report.json", &text), leak);
        assert_eq!(found("files/x.log.gz", &packed(&text)), leak);
        // One that is cut off, as a capture of such a log is.
        let cut = packed(&text);
        assert_eq!(found("files/x.log.gz", &cut[..cut.len() - 8]), leak);
        assert_eq!(found("files/5w0rdf1sh-5w0rdf1sh/x", b""), leak);
        let encoded = STANDARD.encode(&text);
        assert_eq!(found(MANIFEST, format!("{{\"found\": [\"{encoded}\"]}}").as_bytes()), leak);

        let hidden = [b"some text before it ", b"*".repeat(SECRET.len()).as_slice(), b" and behind"].concat();
        for name in ["files/x.log", MANIFEST, "report.json"] {
            assert_eq!(found(name, &hidden), None, "{name}");
        }
        assert_eq!(found("files/x.log.gz", &packed(&hidden)), None);
    }
}
