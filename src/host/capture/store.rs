//! Where the contents of a capture lie, and files of which only pieces are held.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::host::walk::{Miss, Walker};
use crate::host::{Content, Source, elf};

/// The contents of a capture.
#[derive(Clone, Debug)]
pub(super) enum Contents {
    /// Files in a directory.
    Directory(Arc<Walker>),
    /// Parts of one store.
    Packed(Arc<Packed>),
}

impl Contents {
    /// The files in a directory, of which no link is followed.
    pub(super) fn directory(files: &Path) -> Self {
        Self::Directory(Arc::new(Walker::new(files).without_links()))
    }

    /// The first `limit` bytes of a content.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Result<Content, Miss> {
        match self {
            Self::Directory(walker) => walker.read(path, limit),
            Self::Packed(packed) => packed.part(path)?.read(limit),
        }
    }

    /// A content, to be read at any place.
    pub(super) fn source(&self, path: &Path) -> Result<Box<dyn Source>, Miss> {
        match self {
            Self::Directory(walker) => walker.source(path),
            Self::Packed(packed) => Ok(Box::new(packed.part(path)?)),
        }
    }

    /// What a content is made for when it is a compiled program, else `Absent`.
    pub(super) fn elf(&self, path: &Path) -> Result<elf::Elf, Miss> {
        let part = match self {
            Self::Directory(walker) => return walker.elf(path),
            Self::Packed(packed) => packed.part(path)?,
        };
        match elf::parse(&part) {
            Ok(Some(parsed)) => Ok(parsed),
            Ok(None) => Err(Miss::Absent),
            Err(error) => Err(Miss::Failed(error.to_string())),
        }
    }

    /// Whether there is such a content.
    pub(super) fn has(&self, path: &Path) -> bool {
        match self {
            Self::Directory(walker) => walker.entry(path).is_ok(),
            Self::Packed(packed) => packed.part(path).is_ok(),
        }
    }
}

/// Contents one behind the other: in memory while they are few, then in a file that has no name,
/// so that it is gone with this process.
#[derive(Debug, Default)]
pub(super) struct Packed {
    memory: Vec<u8>,
    file: Option<File>,
    size: u64,
    /// Where each content begins, and its bytes.
    parts: BTreeMap<PathBuf, (u64, u64)>,
}

/// The most that is kept in memory.
const IN_MEMORY: usize = 8 << 20;

impl Packed {
    /// Adds bytes to the end.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.memory.len() + bytes.len() > IN_MEMORY {
            let mut file = tempfile::tempfile()?;
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// How much is in it.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Says that a content begins at `start` and ends where the store does now.
    pub(super) fn name(&mut self, path: PathBuf, start: u64) {
        self.parts.insert(path, (start, self.size - start));
    }

    /// The contents with their bytes.
    pub(super) fn sizes(&self) -> BTreeMap<PathBuf, u64> {
        self.parts.iter().map(|(path, (_, length))| (path.clone(), *length)).collect()
    }

    fn part(self: &Arc<Self>, path: &Path) -> Result<Part, Miss> {
        let &(start, length) = self.parts.get(path).ok_or(Miss::Absent)?;
        Ok(Part { packed: Arc::clone(self), start, length })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if let Some(file) = &self.file {
            return file.read_at(buffer, offset);
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.memory.len());
        let length = buffer.len().min(self.memory.len() - start);
        buffer[..length].copy_from_slice(&self.memory[start..start + length]);
        Ok(length)
    }
}

/// One content of a store.
#[derive(Debug)]
struct Part {
    packed: Arc<Packed>,
    start: u64,
    length: u64,
}

impl Part {
    fn read(&self, limit: u64) -> Result<Content, Miss> {
        let length = limit.min(self.length);
        let bytes = elf::ReadAt::read_at_most(self, 0, usize::try_from(length).unwrap_or(usize::MAX));
        let bytes = bytes.map_err(|error| Miss::Failed(error.to_string()))?;
        Ok(Content { bytes, truncated: length < self.length, changed_while_read: false })
    }
}

impl Source for Part {
    fn size(&self) -> u64 {
        self.length
    }

    fn identity(&self) -> Option<(u64, u64)> {
        None
    }

    fn truncated(&self) -> bool {
        false
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        self.packed.read_at(&mut buffer[..length], self.start.saturating_add(offset))
    }
}

impl elf::ReadAt for Part {
    fn read_at_most(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len.min(left)];
        let mut filled = 0;
        while filled < bytes.len() {
            match Source::read_at(self, &mut bytes[filled..], offset + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// Which parts of a file are held.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Where each held part begins in the file, how long it is, and where it begins in what is
    /// stored; by where they begin.
    held: Vec<(u64, u64, u64)>,
    size: u64,
    stored: u64,
}

impl Pieces {
    /// From pairs of bytes that are left out and bytes that are held; none when they are more
    /// than a file can have.
    pub(super) fn new(given: &[(u64, u64)]) -> Option<Self> {
        let mut pieces = Self::default();
        for &(gap, length) in given {
            let start = pieces.size.checked_add(gap)?;
            pieces.size = start.checked_add(length).filter(|size| i64::try_from(*size).is_ok())?;
            match pieces.held.last_mut() {
                Some(last) if gap == 0 && last.0 + last.1 == start => last.1 += length,
                _ if length > 0 => pieces.held.push((start, length, pieces.stored)),
                _ => {}
            }
            pieces.stored += length;
        }
        Some(pieces)
    }

    /// Bytes of the whole file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are held.
    pub(super) fn held(&self) -> u64 {
        self.stored
    }

    /// Bytes that are held from the beginning on.
    pub(super) fn beginning(&self) -> u64 {
        self.held.first().filter(|first| first.0 == 0).map_or(0, |first| first.1)
    }

    /// The file, of which `stored` has the held parts.
    pub(super) fn of(self: &Arc<Self>, stored: Box<dyn Source>) -> Box<dyn Source> {
        Box::new(Pieced { pieces: Arc::clone(self), stored })
    }
}

/// A file of which pieces are held.
#[derive(Debug)]
struct Pieced {
    pieces: Arc<Pieces>,
    stored: Box<dyn Source>,
}

impl Source for Pieced {
    fn size(&self) -> u64 {
        self.pieces.size
    }

    fn identity(&self) -> Option<(u64, u64)> {
        None
    }

    fn truncated(&self) -> bool {
        false
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.pieces.size || buffer.is_empty() {
            return Ok(0);
        }
        let next = self.pieces.held.partition_point(|(start, ..)| *start <= offset);
        let piece = next.checked_sub(1).and_then(|at| self.pieces.held.get(at));
        match piece {
            Some(&(start, length, stored)) if offset < start + length => {
                let left = usize::try_from(start + length - offset).unwrap_or(usize::MAX);
                let length = buffer.len().min(left);
                match self.stored.read_at(&mut buffer[..length], stored + (offset - start))? {
                    0 => Err(io::Error::other("its content in the capture was cut")),
                    read => Ok(read),
                }
            }
            _ => Err(io::Error::other(LEFT_OUT)),
        }
    }
}

/// What is said of a part of a file that a capture does not hold.
pub(super) const LEFT_OUT: &str = "not collected: the capture does not hold this part of it";
