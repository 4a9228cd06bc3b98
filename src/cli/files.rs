//! Files that commands write: never below a Wazuh directory, whole or not at all, and readable by
//! their owner only.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::source;

/// Bytes that are written before a signal is looked for again.
const PART: usize = 256 << 10;

/// The directory a file is in, or is to be in.
pub(super) fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether two names are of one file, which need not be there.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let real = |file: &Path| {
        let directory = directory_of(file);
        let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        file.file_name().map_or_else(|| file.to_owned(), |name| directory.join(name))
    };
    real(one) == real(other)
}

/// The Wazuh directories that a source has on this machine.
pub(super) fn homes(from: Option<&Path>, home: &Path) -> Vec<PathBuf> {
    match from {
        None => vec![home.to_owned()],
        Some(root) if source::is_stdin(root) => Vec::new(),
        Some(root) => {
            let inside = home.strip_prefix("/").unwrap_or(home);
            vec![root.join(inside), root.join("files").join(inside)]
        }
    }
}

/// Whether a file would lie below a Wazuh directory: one of `homes`, by whatever name, or one that
/// has the directories of one.
pub(super) fn is_below_home(file: &Path, homes: &[PathBuf]) -> bool {
    // Without the directory nothing can be written.
    let Ok(parent) = directory_of(file).canonicalize() else { return false };
    // A home may be mounted in two places.
    let identity = |path: &Path| {
        let meta = fs::metadata(path).ok().filter(fs::Metadata::is_dir)?;
        Some((meta.dev(), meta.ino()))
    };
    let homes: Vec<(u64, u64)> = homes.iter().filter_map(|home| identity(home)).collect();
    parent.ancestors().any(|directory| {
        identity(directory).is_some_and(|identity| homes.contains(&identity))
            || directory.join("active-response/bin").is_dir() && directory.join("etc").is_dir()
    })
}

/// An unfinished file beside the one it is to become. When something fails, what is there of it is
/// removed.
pub(super) fn scratch(file: &Path) -> io::Result<NamedTempFile> {
    let scratch =
        tempfile::Builder::new().prefix(".ar-doctor-").suffix(".partial").tempfile_in(directory_of(file));
    // Its error names a file that the user does not know.
    scratch.map_err(|error| io::Error::from(error.kind()))
}

/// Writes a file, in place of a regular one of its name, unless `is_stopped` says that there is to be none.
pub(super) fn write(file: &Path, bytes: &[u8], is_stopped: &dyn Fn() -> bool) -> io::Result<()> {
    let mut scratch = scratch(file)?;
    for part in bytes.chunks(PART) {
        if is_stopped() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        scratch.as_file_mut().write_all(part)?;
    }
    scratch.as_file().sync_all()?;
    if is_stopped() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    // It may have become something else meanwhile; a link is replaced, never followed.
    if fs::symlink_metadata(file).is_ok_and(|meta| !meta.is_file()) {
        return Err(io::Error::other("is no regular file"));
    }
    scratch.persist(file)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("report.json");
        let replace = |file: &Path| write(file, b"new", &|| false);
        fs::write(&file, "old").unwrap();
        replace(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        // What cannot be replaced leaves nothing behind.
        let taken = directory.path().join("directory");
        fs::create_dir(&taken).unwrap();
        assert!(replace(&taken).is_err());
        assert!(replace(&directory.path().join("none/file")).is_err());
        // Nor does one that a signal stops, before, while or after it is written.
        for parts in 0..3 {
            let asked = std::cell::Cell::new(0);
            let is_stopped = || asked.replace(asked.get() + 1) >= parts;
            let stopped = write(&file, &vec![b'x'; 2 * PART], &is_stopped);
            assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted);
            assert_eq!(fs::read(&file).unwrap(), b"new");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
