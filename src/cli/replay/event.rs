//! Where the event of `replay` is read: a file, standard input, the newest message in
//! the log of responses, or a log of alerts.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::super::{Failure, source};
use crate::facts::Facts;
use crate::host::SourceKind;
use crate::replay::RESPONSES_LOG;

/// How much of the end of a log is searched.
const TAIL: u64 = 64 * 1024 * 1024;

/// The log of alerts.
const ALERTS_LOG: &str = "logs/alerts/alerts.json";

/// What the command line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A file, or `-`.
    File(PathBuf),
    /// The newest message in the log of responses.
    Last,
    /// The default log of alerts.
    Alerts,
    /// Nothing: a sample is made.
    Sample,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name in the report.
    pub(super) shown: String,
    /// Its bytes; for logs the end of it.
    pub(super) bytes: Vec<u8>,
}

impl Origin {
    pub(super) fn of(payload: Option<&Path>, picks: bool) -> Self {
        match payload {
            Some(path) if path == Path::new("last") => Self::Last,
            Some(path) => Self::File(path.to_owned()),
            None if picks => Self::Alerts,
            None => Self::Sample,
        }
    }

    pub(super) fn is_stdin(&self) -> bool {
        matches!(self, Self::File(path) if source::is_stdin(path))
    }

    /// Reads it; none for a sample.
    pub(super) fn read(&self, facts: Option<&Facts<'_>>, picks: bool) -> Result<Option<Event>, Failure> {
        match self {
            Self::Sample => Ok(None),
            Self::File(path) if source::is_stdin(path) => {
                let bytes = source::read(path).map_err(Failure::usage)?;
                Ok(Some(Event { shown: "standard input".to_owned(), bytes }))
            }
            Self::File(path) => {
                let bytes = if is_fifo(path) {
                    // `--payload <(command)` is /dev/fd/63: read as standard input is.
                    source::read_stream(path)
                } else if picks {
                    // A log may be of any size, and only its end is wanted.
                    tail(path)
                } else {
                    source::read(path)
                };
                let bytes = bytes.map_err(|error| Failure::usage(of_shell(path, error)))?;
                Ok(Some(Event { shown: path.display().to_string(), bytes }))
            }
            Self::Last => of_home(facts, RESPONSES_LOG, "--payload last").map(Some),
            Self::Alerts => of_home(facts, ALERTS_LOG, "--rule and --agent").map(Some),
        }
    }
}

fn is_fifo(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo())
}

/// The error of `--payload`, with what to do where the shell's file did not come through.
fn of_shell(path: &Path, error: anyhow::Error) -> anyhow::Error {
    let error = error.context("--payload");
    if path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") {
        return anyhow!("{error:#}; sudo closes such files: pipe it in, with --payload -");
    }
    error
}

fn of_home(facts: Option<&Facts<'_>>, log: &'static str, option: &str) -> Result<Event, Failure> {
    let Some(facts) = facts else {
        return Err(Failure::usage(anyhow!(
            "{option}: no Wazuh is installed here, so there is no {log}; name a file with --payload FILE"
        )));
    };
    let path = facts.under_home(log);
    let shown = log.to_owned();
    if facts.source() == SourceKind::Live {
        let bytes = tail(&path).with_context(|| format!("{option}: name a file with --payload FILE"));
        return bytes.map(|bytes| Event { shown, bytes }).map_err(Failure::usage);
    }
    let content = facts.head(&path, TAIL);
    match content.get() {
        Some(content) if !content.truncated => Ok(Event { shown, bytes: content.bytes.clone() }),
        Some(_) => Err(Failure::usage(anyhow!("{option}: {log} is larger than {TAIL} bytes; name a file"))),
        None => {
            let why = content.unknown().map_or_else(|| "there is no such file".to_owned(), |gap| gap.why);
            Err(Failure::usage(anyhow!("{option}: {log}: {why}; name a file with --payload FILE")))
        }
    }
}

/// The end of a regular file, from the beginning of a line.
fn tail(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = || path.display().to_string();
    // Looked at before it is opened: a FIFO would wait for ever.
    if !std::fs::metadata(path).with_context(shown)?.is_file() {
        return Err(anyhow!("{} is no regular file", path.display()));
    }
    let mut file = File::open(path).with_context(shown)?;
    let length = file.metadata().with_context(shown)?.len();
    let start = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start)).with_context(shown)?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).with_context(shown)?;
    if start > 0 {
        let end_of_first = memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1);
        bytes.drain(..end_of_first);
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_what_is_read() {
        let of = |payload: Option<&str>, picks| Origin::of(payload.map(Path::new), picks);
        assert_eq!(of(None, false), Origin::Sample);
        assert_eq!(of(None, true), Origin::Alerts);
        assert_eq!(of(Some("last"), false), Origin::Last);
        assert_eq!(of(Some("./last"), false), Origin::File("./last".into()));
        assert!(of(Some("-"), true).is_stdin());
        assert!(!of(Some("a.json"), false).is_stdin());
    }

    #[test]
    fn what_a_command_writes_is_read_as_standard_input_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for picks in [false, true] {
            let writer = {
                let path = path.clone();
                std::thread::spawn(move || std::fs::write(path, b"{}\n"))
            };
            let event = Origin::File(path.clone()).read(None, picks).unwrap().unwrap();
            assert_eq!(event.bytes, b"{}\n");
            writer.join().unwrap().unwrap();
        }
        let gone = Origin::File("/dev/fd/999999".into()).read(None, false).unwrap_err();
        assert!(format!("{:#}", gone.error).contains("--payload -"), "{:#}", gone.error);
    }

    #[test]
    fn the_end_of_a_log_begins_with_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("alerts.json");
        let file = File::create(&path).unwrap();
        // Sparse: what stands before the last lines is never read.
        file.set_len(TAIL + 10).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"cut\n{}\n", TAIL + 3).unwrap();
        let read = tail(&path).unwrap();
        assert_eq!(read, b"{}\n");
        assert!(tail(directory.path()).is_err());
        let event = Origin::File(directory.path().join("none")).read(None, true);
        assert_eq!(event.unwrap_err().status, crate::cli::exit::USAGE);
    }
}
