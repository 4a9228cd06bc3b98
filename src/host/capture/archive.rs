//! A capture as one file: tar, gzipped or not.
//!
//! Besides `host.json` and `files/` it holds what `ar-doctor capture` found, and last
//! `manifest.json` with the SHA-256 of every other entry ([`Manifest`]). All entries may lie in
//! one directory, so that unpacking them by hand makes no mess.
//!
//! Such a file may come from a stranger. It is read once from its beginning to its end and never
//! unpacked to the file system: small contents stay in memory, the others go to a file without a
//! name. Links, devices, absolute paths, `..`, names that come twice or are no UTF-8, and
//! whatever is larger, deeper or more than a capture ever is, are refused, each with the entry's
//! name; so are archives that are cut off, followed by something else, or have other sums than
//! they say.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tar::EntryType;

use super::store::{Contents, Packed};
use super::{Builder, CaptureHost, Entries, FILES, FORMAT, HostFile, MANIFEST, manifest};
use crate::host::{OpenError, hex};

/// The entry with the sums of all others.
pub const SUMS: &str = "manifest.json";
/// The entry with the report of `check`, as JSON.
pub const REPORT: &str = "report.json";
/// The entry with the report as text to be pasted.
pub const TICKET: &str = "ticket.md";
/// The entry that says what was hidden and what was left out.
pub const LEDGER: &str = "ledger.json";

/// Entries that stand beside `files/`.
const BESIDE: [&str; 5] = [MANIFEST, SUMS, REPORT, TICKET, LEDGER];

/// The most entries. What a capture holds are the files that were read: some thousands.
const MAX_ENTRIES: usize = 65_536;
/// The most bytes of all names.
const MAX_NAMES: usize = 8 << 20;
/// The most bytes of a name, as of a path in Linux.
const MAX_NAME: usize = 4096;
/// The most directories a name leads through.
const MAX_DEPTH: usize = 130;
/// The most bytes of all entries, unpacked.
const MAX_TOTAL: u64 = 4 << 30;
/// So much may be unpacked of any archive, however small it is: what a capture holds by default...
const FREE: u64 = 384 << 20;
/// ... and behind that, so many bytes of each byte it has. Text shrinks to a tenth.
const MAX_RATIO: u64 = 200;
/// The most bytes of `host.json` in an archive.
const MAX_HOST: u64 = 16 << 20;
/// The most objects in it, and the most values: so much memory it takes.
const MAX_OBJECTS: usize = 40_000;
const MAX_VALUES: usize = 1_000_000;
/// The most bytes of `manifest.json`.
const MAX_SUMS: u64 = 16 << 20;

/// `manifest.json`: who made the archive, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format, that of `host.json`.
    pub format: u64,
    /// Which program made it.
    pub made_by: String,
    /// When, by the clock of the machine it ran on.
    pub made_at: String,
    /// All other entries by name.
    pub entries: Entries<String, EntrySum>,
}

/// One entry of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntrySum {
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// What is met while an archive is read.
#[derive(Debug)]
pub enum Met<'a> {
    /// An entry begins: its bytes.
    Begin(u64),
    /// Bytes of it.
    Bytes(&'a [u8]),
    /// It ends.
    End,
}

/// Opens a capture that is one file.
///
/// # Errors
///
/// When it cannot be read, is no capture, or is refused; the entry is named.
pub fn open(path: &Path) -> Result<CaptureHost, OpenError> {
    let mut host_json = Vec::new();
    let mut packed = Packed::default();
    let mut start = 0;
    walk(path, &mut |name, met| {
        let content = name.strip_prefix(FILES).filter(|path| path.starts_with('/'));
        match met {
            Met::Begin(size) if name == MANIFEST && size > MAX_HOST => {
                return Err(format!("is larger than {} MiB", MAX_HOST >> 20));
            }
            Met::Begin(_) => start = packed.size(),
            Met::Bytes(bytes) if name == MANIFEST => host_json.extend_from_slice(bytes),
            Met::Bytes(bytes) if content.is_some() => {
                packed
                    .write(bytes)
                    .map_err(|error| format!("cannot be put into a temporary file: {error}"))?;
            }
            Met::Bytes(_) => {}
            Met::End => {
                if let Some(content) = content {
                    packed.name(PathBuf::from(content), start);
                }
            }
        }
        Ok(())
    })?;
    let refused = |reason: String| OpenError::Archive {
        path: path.to_owned(),
        entry: Some(MANIFEST.to_owned()),
        reason,
    };
    let objects = memchr::memchr_iter(b'{', &host_json).count();
    let values = memchr::memchr_iter(b',', &host_json).count();
    if objects > MAX_OBJECTS || values > MAX_VALUES {
        return Err(refused("says more than any host has; capture less".to_owned()));
    }
    let shown = path.join(MANIFEST);
    let file = HostFile::parse(&host_json, &shown)?;
    let contents = packed.sizes();
    let mut builder = Builder { bytes: &host_json, path: &shown, contents };
    let mut host = builder.build(&file, Some(Contents::Packed(Arc::new(packed))))?;
    if let Some(stray) = builder.contents.keys().next() {
        return Err(refused(format!("has no entry {stray:?}, and its content is there")));
    }
    if file.label.is_none() {
        host.label = path.display().to_string();
    }
    Ok(host)
}

/// Reads an archive from its beginning to its end, with all that is refused about it, and tells
/// what is in it. What `visit` says against an entry is an error.
///
/// # Errors
///
/// As [`open`], but for what is inside `host.json`.
pub fn walk(
    path: &Path,
    visit: &mut dyn FnMut(&str, Met<'_>) -> Result<(), String>,
) -> Result<Manifest, OpenError> {
    let io = |error: io::Error| OpenError::io(path, error);
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let most = MAX_TOTAL.min(FREE.saturating_add(size.saturating_mul(MAX_RATIO)));
    let mut file = BufReader::with_capacity(64 * 1024, file);
    let is_gzip = file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    let mut reading = Reading { path, manifest: Vec::new(), sums: BTreeMap::new(), names: 0, stray: None };
    if is_gzip {
        let mut unpacked = Limited::new(flate2::bufread::GzDecoder::new(file), most);
        reading.archive(&mut unpacked, visit)?;
        let mut rest = unpacked.inner.into_inner();
        if !rest.fill_buf().map_err(io)?.is_empty() {
            return Err(reading.refused(None, "something follows its end; it was changed or damaged"));
        }
    } else {
        reading.archive(&mut Limited::new(file, most), visit)?;
    }
    reading.compare()
}

/// An archive that is being read.
struct Reading<'a> {
    path: &'a Path,
    manifest: Vec<u8>,
    /// The entries so far with their sums.
    sums: BTreeMap<String, EntrySum>,
    /// Bytes of their names.
    names: usize,
    /// The first entry that no capture has.
    stray: Option<String>,
}

impl Reading<'_> {
    fn refused(&self, entry: Option<&str>, reason: impl Into<String>) -> OpenError {
        OpenError::Archive {
            path: self.path.to_owned(),
            entry: entry.map(str::to_owned),
            reason: reason.into(),
        }
    }

    fn archive<R: Read>(
        &mut self,
        unpacked: &mut Limited<R>,
        visit: &mut dyn FnMut(&str, Met<'_>) -> Result<(), String>,
    ) -> Result<(), OpenError> {
        let read = self.entries(unpacked, visit);
        // What stopped the reading says more than that it stopped.
        match (&unpacked.stopped, read) {
            (Some(why), Err(_)) => Err(self.refused(None, why.clone())),
            (_, read) => read,
        }
    }

    fn entries<R: Read>(
        &mut self,
        unpacked: &mut Limited<R>,
        visit: &mut dyn FnMut(&str, Met<'_>) -> Result<(), String>,
    ) -> Result<(), OpenError> {
        let path = self.path;
        let broken = |error: &io::Error| OpenError::Archive {
            path: path.to_owned(),
            entry: None,
            reason: match error.kind() {
                io::ErrorKind::UnexpectedEof => "it is cut off; copy it again".to_owned(),
                _ => {
                    let error = error.to_string();
                    // Of what is none, bytes of it are quoted.
                    let is_told = error.len() < 100 && error.bytes().all(|byte| matches!(byte, b' '..=b'~'));
                    let why = if is_told { format!(": {error}") } else { String::new() };
                    format!("it is no archive, or damaged{why}")
                }
            },
        };
        let most = unpacked.most;
        let mut archive = tar::Archive::new(&mut *unpacked);
        let mut top: Option<String> = None;
        let mut long_name: Option<Vec<u8>> = None;
        let mut count = 0_usize;
        for entry in archive.entries().map_err(|error| broken(&error))?.raw(true) {
            let mut entry = entry.map_err(|error| broken(&error))?;
            count += 1;
            if count > MAX_ENTRIES {
                return Err(self.refused(None, format!("has more than {MAX_ENTRIES} entries")));
            }
            let kind = entry.header().entry_type();
            let size = entry.size();
            if kind == EntryType::GNULongName {
                if size > MAX_NAME as u64 + 1 || long_name.is_some() {
                    return Err(self.refused(None, "has an entry with a name that is too long"));
                }
                let mut name = Vec::new();
                entry.read_to_end(&mut name).map_err(|error| broken(&error))?;
                if name.last() == Some(&0) {
                    name.pop();
                }
                long_name = Some(name);
                continue;
            }
            let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            let Ok(name) = String::from_utf8(name) else {
                let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                return Err(self.refused(Some(&shown), "has a name that is no UTF-8"));
            };
            if let Some(what) = unfit(kind) {
                return Err(self.refused(Some(&name), format!("is {what}; a capture has plain files only")));
            }
            let is_dir = kind == EntryType::Directory;
            let plain = if is_dir { name.strip_suffix('/').unwrap_or(&name) } else { &name };
            if let Err(why) = check_name(plain) {
                return Err(self.refused(Some(&name), why));
            }
            if size > most {
                return Err(self.refused(Some(&name), "has more bytes than such a file can hold"));
            }
            if is_dir {
                if size > 0 {
                    return Err(self.refused(Some(&name), "is a directory with content"));
                }
                continue;
            }
            let inside = self.inside(plain, &mut top)?.to_owned();
            self.names += inside.len();
            if self.names > MAX_NAMES {
                return Err(self.refused(Some(&name), "has names longer than those of any host"));
            }
            if self.sums.contains_key(&inside) {
                return Err(self.refused(Some(&inside), "comes twice"));
            }
            let sum = self.entry(&inside, size, &mut entry, &broken, visit)?;
            self.sums.insert(inside, sum);
        }
        self.end(unpacked, &broken)
    }

    /// A name without the directory that all may lie in.
    fn inside<'n>(&mut self, name: &'n str, top: &mut Option<String>) -> Result<&'n str, OpenError> {
        let is_known = |name: &str| {
            BESIDE.contains(&name) || name.strip_prefix(FILES).is_some_and(|rest| rest.starts_with('/'))
        };
        let (first, rest) = name.split_once('/').unwrap_or((name, ""));
        let top = top.get_or_insert_with(|| if is_known(name) { String::new() } else { first.to_owned() });
        let inside = if top.is_empty() {
            name
        } else if top == first && !rest.is_empty() {
            rest
        } else {
            return Err(self.refused(Some(name), format!("lies beside the directory {top:?} of the others")));
        };
        if !is_known(inside) && self.stray.is_none() {
            self.stray = Some(inside.to_owned());
        }
        Ok(inside)
    }

    fn entry(
        &mut self,
        name: &str,
        size: u64,
        content: &mut dyn Read,
        broken: &dyn Fn(&io::Error) -> OpenError,
        visit: &mut dyn FnMut(&str, Met<'_>) -> Result<(), String>,
    ) -> Result<EntrySum, OpenError> {
        if name == SUMS && size > MAX_SUMS {
            return Err(self.refused(Some(name), format!("is larger than {} MiB", MAX_SUMS >> 20)));
        }
        let mut tell = |met: Met<'_>| {
            visit(name, met).map_err(|reason| OpenError::Archive {
                path: self.path.to_owned(),
                entry: Some(name.to_owned()),
                reason,
            })
        };
        tell(Met::Begin(size))?;
        let mut sha256 = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut left = size;
        while left > 0 {
            let read = match content.read(&mut buffer) {
                Ok(0) => return Err(broken(&io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(&error)),
            };
            let bytes = &buffer[..read];
            left = left.saturating_sub(read as u64);
            sha256.update(bytes);
            if name == SUMS {
                self.manifest.extend_from_slice(bytes);
            }
            tell(Met::Bytes(bytes))?;
        }
        tell(Met::End)?;
        Ok(EntrySum { size, sha256: hex(&sha256.finalize()) })
    }

    /// Two blocks of zeros, perhaps more of them, and nothing else.
    fn end<R: Read>(
        &self,
        unpacked: &mut Limited<R>,
        broken: &dyn Fn(&io::Error) -> OpenError,
    ) -> Result<(), OpenError> {
        if unpacked.zeros < 512 {
            return Err(broken(&io::ErrorKind::UnexpectedEof.into()));
        }
        let mut buffer = [0; 4096];
        let mut zeros = 512;
        loop {
            match unpacked.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) if buffer[..read].iter().all(|byte| *byte == 0) => zeros += read,
                Ok(_) => {
                    return Err(self.refused(None, "something follows its end; it was changed or damaged"));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        if zeros < 1024 { Err(broken(&io::ErrorKind::UnexpectedEof.into())) } else { Ok(()) }
    }

    /// Compares what was read with what the manifest says.
    fn compare(mut self) -> Result<Manifest, OpenError> {
        if self.sums.remove(SUMS).is_none() {
            let why = "holds no manifest.json, so it is no capture; make one with `ar-doctor capture`";
            return Err(self.refused(None, why));
        }
        let shown = self.path.join(SUMS);
        let said: Manifest = manifest::versioned(&self.manifest, &shown)?;
        if let Some(stray) = &self.stray {
            return Err(
                self.refused(Some(stray), format!("is nothing that a capture of format {FORMAT} has"))
            );
        }
        for (name, sum) in &said.entries.0 {
            match self.sums.remove(name) {
                None => return Err(self.refused(Some(name), "stands in manifest.json and is not there")),
                Some(found) if found != *sum => {
                    let why = "has another SHA-256 than manifest.json says; it was changed or damaged";
                    return Err(self.refused(Some(name), why));
                }
                Some(_) => {}
            }
        }
        if let Some(name) = self.sums.keys().next() {
            return Err(self.refused(Some(name), "is not in manifest.json"));
        }
        if said.entries.0.iter().all(|(name, _)| name != MANIFEST) {
            return Err(self.refused(None, "holds no host.json, so it is no capture"));
        }
        Ok(said)
    }
}

/// What an entry is that is neither a file nor a directory.
fn unfit(kind: EntryType) -> Option<&'static str> {
    Some(match kind {
        EntryType::Regular | EntryType::Directory => return None,
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a FIFO",
        EntryType::GNUSparse => "a sparse file",
        EntryType::XHeader | EntryType::XGlobalHeader => "an extended header",
        _ => "of an unknown type",
    })
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("has no name".to_owned());
    }
    if name.starts_with('/') {
        return Err("is an absolute path".to_owned());
    }
    if name.len() > MAX_NAME {
        return Err(format!("has a name of more than {MAX_NAME} bytes"));
    }
    if name.contains('\0') {
        return Err("has NUL in its name".to_owned());
    }
    let mut depth = 0;
    for part in name.split('/') {
        depth += 1;
        match part {
            ".." => return Err("leads out of the archive with `..`".to_owned()),
            "" | "." => return Err("has `//` or `.` in its name".to_owned()),
            _ => {}
        }
    }
    if depth > MAX_DEPTH { Err(format!("is more than {MAX_DEPTH} levels deep")) } else { Ok(()) }
}

/// What is unpacked of an archive, up to a bound.
struct Limited<R> {
    inner: R,
    most: u64,
    read: u64,
    /// How many of the last bytes are zero.
    zeros: u64,
    /// Why nothing more is read.
    stopped: Option<String>,
}

impl<R: Read> Limited<R> {
    fn new(inner: R, most: u64) -> Self {
        Self { inner, most, read: 0, zeros: 0, stopped: None }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        if self.read > self.most {
            let why = format!(
                "more than {} MiB are packed in it, which no capture of its size has",
                self.most >> 20
            );
            self.stopped = Some(why.clone());
            return Err(io::Error::other(why));
        }
        let bytes = &buffer[..read];
        match bytes.iter().rposition(|byte| *byte != 0) {
            Some(last) => self.zeros = (read - 1 - last) as u64,
            None => self.zeros += read as u64,
        }
        Ok(read)
    }
}

/// Writes the entries of an archive one after the other, with the manifest last.
pub struct Writer<W: io::Write> {
    tar: tar::Builder<W>,
    /// The directory that all entries lie in.
    top: String,
    mtime: u64,
    manifest: Manifest,
}

impl<W: io::Write> Writer<W> {
    /// An archive whose entries lie in the directory `top`, made at `made_at`, in seconds since
    /// 1970.
    pub fn new(out: W, top: &str, made_by: &str, made_at: i64) -> Self {
        let made =
            jiff::Timestamp::from_second(made_at).map_or_else(|_| made_at.to_string(), |at| at.to_string());
        let manifest =
            Manifest { format: FORMAT, made_by: made_by.to_owned(), made_at: made, ..Manifest::default() };
        Self {
            tar: tar::Builder::new(out),
            top: top.to_owned(),
            mtime: u64::try_from(made_at).unwrap_or(0),
            manifest,
        }
    }

    /// Adds an entry of `size` bytes.
    ///
    /// # Errors
    ///
    /// What reading or writing gives.
    pub fn add(&mut self, name: &str, size: u64, content: impl Read) -> io::Result<()> {
        let mut content = Summed { inner: content, sha256: Sha256::new() };
        append(&mut self.tar, &self.top, name, size, self.mtime, &mut content)?;
        let sha256 = hex(&content.sha256.finalize());
        self.manifest.entries.0.push((name.to_owned(), EntrySum { size, sha256 }));
        Ok(())
    }

    /// Adds the manifest and ends the archive.
    ///
    /// # Errors
    ///
    /// What writing gives.
    pub fn finish(mut self) -> io::Result<W> {
        let mut text = serde_json::to_vec_pretty(&self.manifest)?;
        text.push(b'\n');
        append(&mut self.tar, &self.top, SUMS, text.len() as u64, self.mtime, &mut text.as_slice())?;
        let mut out = self.tar.into_inner()?;
        out.flush()?;
        Ok(out)
    }
}

fn append<W: io::Write>(
    tar: &mut tar::Builder<W>,
    top: &str,
    name: &str,
    size: u64,
    mtime: u64,
    content: &mut dyn Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(mtime);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, format!("{top}/{name}"), content.take(size))
}

/// A content that is summed while it is read.
struct Summed<R> {
    inner: R,
    sha256: Sha256,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sha256.update(&buffer[..read]);
        Ok(read)
    }
}
