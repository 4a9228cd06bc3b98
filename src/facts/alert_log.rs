//! The alerts of a window: `logs/alerts/alerts.json` and its days, plain or gzipped, told one by
//! one.
//!
//! [`AlertLog::list`] says which files hold something of the window, [`AlertLog::read`] calls a
//! function with every alert in it:
//!
//! ```ignore
//! let log = AlertLog::list(facts, Since::Default);         // Fact: absent where there is no log
//! let mut paths = Paths::new();
//! let rule = paths.add("rule.id");
//! let reading = log.read(facts, paths, |alert, at| ...);   // alert.get(rule), alert.line(), at.time
//! ```
//!
//! The newest file comes first; inside of a file alerts come in the order of writing. No alert
//! comes twice, none from outside of the window, and no more is held than one line. Plain files
//! are read from where bisection finds the window. With a budget, what is oldest is left out,
//! and [`Reading::left_out`] says so. What cannot be read is a gap, and the rest goes on.

use std::cell::RefCell;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::Facts;
use super::logs::{MAX_RATIO, said_unpacked};
use crate::host::{Fact, FileType, Gap, GapKind, Source, SourceKind};
use crate::wazuh::alerts::extract::{Extractor, Fields, Paths, Raw, extract};
use crate::wazuh::alerts::files::{self, Entry, File};
use crate::wazuh::alerts::histogram::Window;
use crate::wazuh::alerts::lines::{Section, start_of};
use crate::wazuh::alerts::time::unix_millis;
use crate::wazuh::alerts::{LINE_CAP, Scanner, Stats, ahead};

/// Where analysisd keeps them, relative to the home.
pub const DIRECTORY: &str = "logs/alerts";

/// How far [`Since::Default`] looks back, in seconds.
pub const DEFAULT_AGE: i64 = 7 * 24 * 3600;

/// Bytes of alerts that [`Since::Default`] looks at.
pub const DEFAULT_BUDGET: u64 = 64 << 20;

/// A gzipped day of which only the end fits into the budget is unpacked for it up to this size,
/// in bytes.
const UNPACKED: u64 = 256 << 20;

/// Alerts of several threads of analysisd are this much out of order at most, in milliseconds.
const SLACK: i64 = 60_000;

/// The end of a file that is looked at for its newest alert, in bytes.
const TAIL: u64 = 4 << 20;

/// How far back alerts are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Since {
    /// Seven days, and not more than a budget of bytes.
    #[default]
    Default,
    /// So many seconds before the host's clock; without a clock, before the newest alert.
    Age(i64),
    /// A time, in seconds since 1970.
    At(i64),
    /// Everything.
    All,
}

/// The files of a window.
#[derive(Clone, Debug)]
pub struct AlertLog {
    /// From when on.
    pub window: Window,
    /// The newest first.
    pub files: Vec<LogFile>,
    /// Directories and files that could not be looked at.
    pub gaps: Vec<Gap>,
    /// Bytes of alerts that are looked at; none: all.
    pub budget: Option<u64>,
}

/// One of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Its path as reports name it.
    pub shown: String,
    /// Its path on the host.
    pub path: PathBuf,
    /// It is gzipped.
    pub gzip: bool,
    /// It is the one being written.
    pub current: bool,
}

/// Where an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Index into [`AlertLog::files`]; the line's place in it is [`Fields::offset`].
    pub file: usize,
    /// Its timestamp, in milliseconds since 1970. Alerts without one only come when the window
    /// has no bounds.
    pub time: Option<i64>,
}

/// How reading went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Alerts in the window.
    pub alerts: u64,
    /// The earliest and latest of them that are dated, in milliseconds since 1970.
    pub seen: Option<(i64, i64)>,
    /// Older alerts of the window were left out for the budget.
    pub left_out: bool,
    /// Lines of all files together.
    pub stats: Stats,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

impl AlertLog {
    /// Looks for the files. Absent where there is no directory of alerts.
    pub fn list(facts: &Facts<'_>, since: Since) -> Fact<Self> {
        facts.list(&facts.under_home(DIRECTORY)).map(|_| {
            let budget = (since == Since::Default).then_some(DEFAULT_BUDGET);
            let from = match since {
                Since::All => None,
                Since::At(time) => Some(time.saturating_mul(1000)),
                Since::Default => Self::before(facts, DEFAULT_AGE),
                Since::Age(age) => Self::before(facts, age),
            };
            Self::of(facts, Window { since: from, until: None }, budget)
        })
    }

    /// Milliseconds since 1970 of so many seconds before the host's clock, or the newest alert;
    /// none where there is neither.
    fn before(facts: &Facts<'_>, age: i64) -> Option<i64> {
        let now = facts.now().get().map(|now| now.saturating_mul(1000));
        let now = now.or_else(|| {
            let all = Self::of(facts, Window::default(), None);
            all.files.iter().find_map(|file| newest(facts, file))
        });
        now.map(|now| now.saturating_sub(age.saturating_mul(1000)))
    }

    fn of(facts: &Facts<'_>, window: Window, budget: Option<u64>) -> Self {
        let home = facts.under_home(DIRECTORY);
        let gaps = RefCell::new(Vec::new());
        let mut listing = files::files(&window, |directory| {
            let directory = home.join(directory);
            let names = facts.list(&directory);
            match (names.get(), names.unknown()) {
                (Some(names), _) => {
                    Ok(names.iter().filter_map(|name| entry(facts, &directory, name, &gaps)).collect())
                }
                (None, Some(gap)) => Err(Some(gap)),
                (None, None) => Err(None),
            }
        });
        // In a copy of a home, what was a link to the newest file may be a copy of it.
        if facts.source() != SourceKind::Live
            && let [.., day, current] = listing.files.as_slice()
            && (current.current, day.gzip, day.size) == (true, false, current.size)
        {
            listing.files.pop();
        }
        let mut gaps = gaps.into_inner();
        gaps.extend(listing.unread.into_iter().filter_map(|(_, gap)| gap));
        let of = |file: File| {
            let path = home.join(&file.path);
            LogFile { shown: facts.shown(&path), path, gzip: file.gzip, current: file.current }
        };
        Self { window, files: listing.files.into_iter().rev().map(of).collect(), gaps, budget }
    }

    /// Calls `each` with every alert of the window, of which the members at `paths` can be asked
    /// for.
    pub fn read(
        &self,
        facts: &Facts<'_>,
        mut paths: Paths,
        mut each: impl FnMut(&Fields<'_>, At),
    ) -> Reading {
        let timestamp = paths.add("timestamp");
        let mut reading = Reading { gaps: self.gaps.clone(), ..Reading::default() };
        let mut left = self.budget;
        for (number, file) in self.files.iter().enumerate() {
            let opened = facts.open(&file.path);
            let Some(source) = opened.get() else {
                // One that is gone was rotated meanwhile.
                reading.gaps.extend(opened.unknown());
                continue;
            };
            let mut scanner = Scanner::new(Extractor::new(paths.clone()));
            let (alerts, seen) = (&mut reading.alerts, &mut reading.seen);
            let told = |fields: &Fields<'_>| {
                let time = fields.get(timestamp).and_then(Raw::text).and_then(|text| unix_millis(&text));
                let inside = match time {
                    Some(time) => self.window.holds(time),
                    None => self.window.is_all(),
                };
                if inside {
                    *alerts += 1;
                    if let Some(time) = time {
                        let (first, last) = seen.unwrap_or((time, time));
                        *seen = Some((first.min(time), last.max(time)));
                    }
                    each(fields, At { file: number, time });
                }
            };
            let end = if file.gzip {
                unpack(&**source, left, &mut scanner, told)
            } else {
                self.plain(&**source, left, &mut scanner, told)
            };
            let gap = |kind, why: String| Gap { kind, source: file.shown.clone(), why };
            match end {
                Ok(End::Whole) => {}
                Ok(End::Newest) => reading.left_out = true,
                Ok(End::Cut) => {
                    let why = "more is packed in it than it says; the rest was not read";
                    reading.gaps.push(gap(GapKind::Failed, why.to_owned()));
                }
                Err(error) => {
                    let why = match scanner.stats().lines {
                        0 => error.to_string(),
                        read => format!("the rest of it, behind {read} lines: {error}"),
                    };
                    reading.gaps.push(gap(GapKind::Failed, why));
                }
            }
            if source.truncated() {
                let why = "the capture holds only its beginning";
                reading.gaps.push(gap(GapKind::NotCollected, why.to_owned()));
            }
            reading.stats.merge(scanner.stats());
            left = left.map(|left| left.saturating_sub(scanner.stats().bytes + scanner.stats().lines));
            if reading.left_out || left == Some(0) && number + 1 < self.files.len() {
                reading.left_out = true;
                break;
            }
        }
        reading
    }

    fn plain(
        &self,
        source: &(dyn Source + 'static),
        left: Option<u64>,
        scanner: &mut Scanner,
        told: impl FnMut(&Fields<'_>),
    ) -> io::Result<End> {
        let length = source.size();
        let start = match self.window.since {
            Some(since) => start_of(source, length, since, SLACK, LINE_CAP, time_of_line)?.offset,
            None => 0,
        };
        let afforded = left.map_or(0, |left| length.saturating_sub(left));
        scanner.read_part(source, &(start.max(afforded)..length), length, told)?;
        Ok(if afforded > start { End::Newest } else { End::Whole })
    }
}

/// How much of a file was read.
enum End {
    /// All of it that is of the window.
    Whole,
    /// The newest alerts only.
    Newest,
    /// The oldest only.
    Cut,
}

/// Reads a gzipped file.
fn unpack(
    source: &(dyn Source + 'static),
    left: Option<u64>,
    scanner: &mut Scanner,
    told: impl FnMut(&Fields<'_>),
) -> io::Result<End> {
    let packed = || MultiGzDecoder::new(Section::new(source, 0..source.size()));
    let Some(left) = left else {
        ahead(packed(), |reader| scanner.read(reader, told))?;
        return Ok(End::Whole);
    };
    let said = said_unpacked(source)?;
    let possible = source.size()..source.size().saturating_mul(MAX_RATIO);
    // A file that is not whole says nothing at its end; what can be read of it is its beginning.
    let size = if possible.contains(&said) { said } else { source.size() };
    if size > UNPACKED {
        return Ok(End::Newest);
    }
    let before = size.saturating_sub(left);
    let mut reader = packed();
    io::copy(&mut reader.by_ref().take(before), &mut io::sink())?;
    // One byte more shows that there is more than there should be.
    let mut limited = reader.take(left + 1);
    ahead(&mut limited, |reader| scanner.read_behind(reader, before, told))?;
    Ok(if limited.limit() == 0 {
        End::Cut
    } else if before > 0 {
        End::Newest
    } else {
        End::Whole
    })
}

/// What the listing asks of a name; none for names that are no log of alerts.
fn entry(
    facts: &Facts<'_>,
    directory: &Path,
    name: &std::ffi::OsStr,
    gaps: &RefCell<Vec<Gap>>,
) -> Option<Entry> {
    let name = name.to_str()?;
    let is_log = name.ends_with(".json");
    if name.contains('.') && !is_log && !name.ends_with(".json.gz") {
        return None;
    }
    let path = directory.join(name);
    let target = facts.resolve(&path);
    if let Some(gap) = target.unknown() {
        gaps.borrow_mut().push(gap);
    }
    let meta = &target.get()?.meta;
    let is_dir = meta.file_type == FileType::Directory;
    // Only a plain file can be the one that is being written, by another name.
    let identity =
        if is_log && !is_dir { facts.open(&path).get().and_then(|source| source.identity()) } else { None };
    Some(Entry { name: name.to_owned(), is_dir, size: meta.size, identity })
}

/// The time of a line that begins as analysisd writes it, or else of any alert.
fn time_of_line(line: &[u8]) -> Option<i64> {
    if let Some(rest) = line.strip_prefix(b"{\"timestamp\":\"")
        && let Some(end) = memchr::memchr(b'"', rest)
    {
        return unix_millis(rest.get(..end)?);
    }
    let found = extract(line, &["timestamp"]).ok()?;
    unix_millis(&found.into_iter().next()??.text()?)
}

/// The time of the newest alert in a file.
fn newest(facts: &Facts<'_>, file: &LogFile) -> Option<i64> {
    let opened = facts.open(&file.path);
    let source = opened.get()?;
    let mut paths = Paths::new();
    let timestamp = paths.add("timestamp");
    let mut scanner = Scanner::new(Extractor::new(paths));
    let mut newest = None;
    let told = |fields: &Fields<'_>| {
        newest = newest.max(fields.get(timestamp).and_then(Raw::text).and_then(|text| unix_millis(&text)));
    };
    let length = source.size();
    // What came before an error counts.
    let _ = if file.gzip {
        ahead(MultiGzDecoder::new(Section::new(&**source, 0..length)), |reader| scanner.read(reader, told))
    } else {
        scanner.read_part(&**source, &(length.saturating_sub(TAIL)..length), length, told)
    };
    newest
}
