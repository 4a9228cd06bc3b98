//! Which files hold the alerts of a window.
//!
//! analysisd writes `logs/alerts/YYYY/Mon/ossec-alerts-DD.json`, then `-001`, `-002` ... of the
//! same day, and `logs/alerts/alerts.json` is a hard link to the one being written
//! (`src/analysisd/alerts/getloglocation.c openlog`). monitord gzips a day that is over and
//! removes the plain file behind that (`src/monitord/compress_log.c`). All 4.14.
//!
//! The daemons' log is kept in the same tree: monitord renames `logs/ossec.log` to
//! `logs/wazuh/YYYY/Mon/ossec-DD.log` at midnight, or when it is large, and gzips it
//! (`src/monitord/rotate_log.c`, 4.14).

use std::collections::BTreeSet;

use super::histogram::Window;
use super::time::days;

/// What a directory holds, as the caller saw it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its name in the directory.
    pub name: String,
    /// It is a directory.
    pub is_dir: bool,
    /// Bytes.
    pub size: u64,
    /// Device and inode; none when they say nothing, as in an unpacked capture.
    pub identity: Option<(u64, u64)>,
}

/// A date as in the names: year, month from 1, day.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Day {
    /// Year.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
}

impl Day {
    /// Since 1970.
    pub(crate) fn number(self) -> i64 {
        days(self.year.into(), self.month.into(), self.day.into())
    }
}

/// One file to read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// From the directory given, `2026/Nov/ossec-alerts-21.json.gz`.
    pub path: String,
    /// The day it is of, in the manager's zone; none for `alerts.json` when no day is it.
    pub day: Option<Day>,
    /// 0, or the number of a rotation within the day.
    pub part: u32,
    /// It is gzipped.
    pub gzip: bool,
    /// It is the one being written, `alerts.json`.
    pub current: bool,
    /// Bytes on disk.
    pub size: u64,
    /// Device and inode.
    pub identity: Option<(u64, u64)>,
}

/// Why a file is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Skip {
    /// Another link to a file that is read.
    SameFile,
    /// Taken for a copy of the file being written: of its size, and identities say nothing.
    SameSize,
    /// A gzip file beside its plain file, which is removed last, so the gzip is not finished.
    Unfinished,
}

/// What to read.
#[derive(Debug)]
pub struct Listing<E> {
    /// In the order in which they were written.
    pub files: Vec<File>,
    /// Left out though they are of the window.
    pub skipped: Vec<(File, Skip)>,
    /// Directories that could not be listed.
    pub unread: Vec<(String, E)>,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Zones reach from UTC-12 to UTC+14; an hour more, for events written late. In milliseconds.
const WEST: i64 = 13 * 3_600_000;
const EAST: i64 = 15 * 3_600_000;
const DAY: i64 = 86_400_000;

/// How a log and its days are called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Naming<'a> {
    /// What a day's file begins with, before the day: `ossec-alerts-`.
    pub prefix: &'a str,
    /// How it ends, before `.gz`: `.json`.
    pub suffix: &'a str,
    /// The file being written, in the directory of the years.
    pub current: &'a str,
}

/// The files of a window. `list` gets directories relative to `logs/alerts`, which is the
/// empty path; only those that can hold something of the window are asked for.
pub fn files<E>(window: &Window, list: impl FnMut(&str) -> Result<Vec<Entry>, E>) -> Listing<E> {
    files_of(&ALERTS, window, list)
}

/// Of alerts.
pub const ALERTS: Naming<'static> =
    Naming { prefix: "ossec-alerts-", suffix: ".json", current: "alerts.json" };

/// The same for another log kept in this way.
pub fn files_of<E>(
    naming: &Naming<'_>,
    window: &Window,
    mut list: impl FnMut(&str) -> Result<Vec<Entry>, E>,
) -> Listing<E> {
    let first = window.since.map_or(i64::MIN, |since| since.saturating_sub(WEST).div_euclid(DAY));
    let last = window.until.map_or(i64::MAX, |until| until.saturating_add(EAST).div_euclid(DAY));
    let meets = |from: i64, to: i64| from <= last && to >= first;
    let mut listing = Listing { files: Vec::new(), skipped: Vec::new(), unread: Vec::new() };
    let mut read = |directory: &str, listing: &mut Listing<E>| match list(directory) {
        Ok(entries) => entries,
        Err(error) => {
            listing.unread.push((directory.to_owned(), error));
            Vec::new()
        }
    };
    let top = read("", &mut listing);
    let mut found = Vec::new();
    for (year, year_name) in
        top.iter().filter(|entry| entry.is_dir).filter_map(|entry| Some((year(&entry.name)?, &entry.name)))
    {
        if !meets(days(year.into(), 1, 1), days(year.into(), 12, 31)) {
            continue;
        }
        for entry in read(year_name, &mut listing) {
            let Some(month) =
                MONTHS.iter().zip(1_u8..).find(|month| *month.0 == entry.name).map(|month| month.1)
            else {
                continue;
            };
            if !entry.is_dir
                || !meets(days(year.into(), month.into(), 1), days(year.into(), month.into(), 31))
            {
                continue;
            }
            let directory = format!("{year_name}/{}", entry.name);
            for entry in read(&directory, &mut listing) {
                if entry.is_dir {
                    continue;
                }
                let Some((day, part, gzip)) = name(naming, &entry.name) else { continue };
                let day = Day { year, month, day };
                if meets(day.number(), day.number()) {
                    found.push(File {
                        path: format!("{directory}/{}", entry.name),
                        day: Some(day),
                        part,
                        gzip,
                        current: false,
                        size: entry.size,
                        identity: entry.identity,
                    });
                }
            }
        }
    }
    // A plain file comes before its gzip.
    found.sort_by(|a, b| (a.day, a.part, a.gzip, &a.path).cmp(&(b.day, b.part, b.gzip, &b.path)));
    let current = top.iter().find(|entry| !entry.is_dir && entry.name == naming.current);
    let mut identities = BTreeSet::new();
    for file in found {
        if file.identity.is_some_and(|identity| !identities.insert(identity)) {
            listing.skipped.push((file, Skip::SameFile));
        } else if let Some(plain) = listing.files.last()
            && file.gzip
            && (plain.day, plain.part, plain.gzip) == (file.day, file.part, false)
        {
            listing.skipped.push((file, Skip::Unfinished));
        } else {
            listing.files.push(file);
        }
    }
    let Some(entry) = current else { return listing };
    let link =
        listing.files.iter_mut().rfind(|file| file.identity.is_some() && file.identity == entry.identity);
    let file = File {
        path: naming.current.to_owned(),
        day: None,
        part: 0,
        gzip: false,
        current: true,
        size: entry.size,
        identity: entry.identity,
    };
    if let Some(link) = link {
        link.current = true;
        listing.skipped.push((file, Skip::SameFile));
    } else if let Some(copy) = listing.files.last_mut()
        && entry.identity.is_none()
        && !copy.gzip
        && copy.size == entry.size
    {
        copy.current = true;
        listing.skipped.push((file, Skip::SameSize));
    } else {
        listing.files.push(file);
    }
    listing
}

fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `%d` of a year.
fn year(name: &str) -> Option<u16> {
    digits(name).filter(|year| (1970..=9999).contains(year))
}

/// Day, part and whether gzipped, of `ossec-alerts-DD[-NNN].json[.gz]`; the programs in Python
/// write `DD_N`.
fn name(naming: &Naming<'_>, name: &str) -> Option<(u8, u32, bool)> {
    let rest = name.strip_prefix(naming.prefix)?;
    let (rest, gzip) = rest.strip_suffix(".gz").map_or((rest, false), |rest| (rest, true));
    let rest = rest.strip_suffix(naming.suffix)?;
    let (day, part) = match rest.split_once(['-', '_']) {
        Some((day, part)) if part.len() >= 3 || rest.contains('_') => {
            (day, digits(part).filter(|&part| part > 0)?)
        }
        Some(_) => return None,
        None => (rest, 0),
    };
    let day = (day.len() == 2).then(|| digits(day))?.filter(|day| (1..=31).contains(day))?;
    Some((day, part, gzip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const NOV_21: i64 = 1_795_219_200_000;

    /// Directories by path; files are `name` or `name=inode` or `name=inode:size`.
    struct Tree(BTreeMap<&'static str, &'static [&'static str]>);

    impl Tree {
        fn list(&self, directory: &str) -> Result<Vec<Entry>, String> {
            let names = self.0.get(directory).ok_or_else(|| format!("denied: {directory}"))?;
            let entry = |text: &&str| {
                let (name, rest) = text.split_once('=').unwrap_or((text, ""));
                let (inode, size) = rest.split_once(':').unwrap_or((rest, "100"));
                Entry {
                    name: name.trim_end_matches('/').to_owned(),
                    is_dir: name.ends_with('/'),
                    size: size.parse().unwrap(),
                    identity: inode.parse().ok().map(|inode| (1, inode)),
                }
            };
            Ok(names.iter().map(entry).collect())
        }

        fn files(
            &self,
            since: Option<i64>,
            until: Option<i64>,
        ) -> (Vec<String>, Vec<(String, Skip)>, Vec<String>) {
            let mut asked = Vec::new();
            let listing = files(&Window { since, until }, |directory| {
                asked.push(directory.to_owned());
                self.list(directory)
            });
            let mark = |file: &File| format!("{}{}", file.path, if file.current { " (current)" } else { "" });
            let mut sorted = asked.clone();
            sorted.dedup();
            assert_eq!(asked, sorted, "no directory is asked for twice");
            (
                listing.files.iter().map(mark).collect(),
                listing.skipped.iter().map(|(file, skip)| (file.path.clone(), *skip)).collect(),
                listing.unread.into_iter().map(|unread| unread.1).collect(),
            )
        }
    }

    fn usual() -> Tree {
        Tree(BTreeMap::from([
            ("", &["alerts.log=9", "alerts.json=5", "2026/", "2025/", "notes/", "20x6/", "2024"][..]),
            ("2025", &["Dec/"]),
            (
                "2025/Dec",
                &["ossec-alerts-31.json.gz=1", "ossec-alerts-31.json.sum=2", "ossec-alerts-30.log.gz=3"],
            ),
            ("2026", &["Nov/", "Oct/", "nov/", "November/", "11/"]),
            ("2026/Oct", &["ossec-alerts-31.json.gz=20", "ossec-alerts-02.json.gz=21"]),
            (
                "2026/Nov",
                &[
                    "ossec-alerts-21.json=4",
                    "ossec-alerts-21-002.json=5",
                    "ossec-alerts-21-001.json=6",
                    "ossec-alerts-20-001.json.gz=8",
                    "ossec-alerts-20.json.gz=7",
                    "ossec-alerts-19.json=10",
                    "ossec-alerts-19.json.gz=11",
                    "ossec-alerts-21.json.sum=12",
                    "ossec-alerts-32.json=13",
                    "ossec-alerts-1.json=13",
                    "ossec-alerts-21-1.json=13",
                    "ossec-alerts-21-000.json=13",
                    "ossec-alerts-+1.json=13",
                    "ossec-archive-21.json=14",
                    "ossec-alerts-21.json.gz.1=15",
                    "ossec-alerts-18.json/",
                ],
            ),
        ]))
    }

    #[test]
    fn all_in_the_order_of_writing() {
        let (files, skipped, unread) = usual().files(None, None);
        assert_eq!(
            files,
            [
                "2025/Dec/ossec-alerts-31.json.gz",
                "2026/Oct/ossec-alerts-02.json.gz",
                "2026/Oct/ossec-alerts-31.json.gz",
                "2026/Nov/ossec-alerts-19.json",
                "2026/Nov/ossec-alerts-20.json.gz",
                "2026/Nov/ossec-alerts-20-001.json.gz",
                "2026/Nov/ossec-alerts-21.json",
                "2026/Nov/ossec-alerts-21-001.json",
                "2026/Nov/ossec-alerts-21-002.json (current)",
            ]
        );
        assert_eq!(
            skipped,
            [
                ("2026/Nov/ossec-alerts-19.json.gz".to_owned(), Skip::Unfinished),
                ("alerts.json".to_owned(), Skip::SameFile),
            ]
        );
        assert!(unread.is_empty());
    }

    #[test]
    fn windows() {
        let days = |since: Option<i64>, until: Option<i64>| {
            let (files, _, unread) = usual().files(since, until);
            assert!(unread.is_empty(), "nothing is listed in vain: {unread:?}");
            let name = |file: String| file.rsplit('/').next().unwrap().replace("ossec-alerts-", "");
            files.into_iter().map(name).collect::<Vec<_>>()
        };
        let hour = 3_600_000;
        // 14:00 UTC of the 21st is the 21st everywhere west of it, and the 22nd far in the east.
        let today = ["21.json", "21-001.json", "21-002.json (current)"];
        assert_eq!(days(Some(NOV_21 + 14 * hour), None), today);
        assert_eq!(days(Some(NOV_21 + 12 * hour), None).len(), 5, "still the 20th at UTC-12");
        assert_eq!(
            days(Some(NOV_21 - 20 * 24 * hour), Some(NOV_21 - 3 * 24 * hour)),
            ["31.json.gz", "alerts.json (current)"]
        );
        let until = |hours| {
            days(Some(NOV_21 - 24 * hour), Some(NOV_21 + hours * hour)).contains(&"21.json".to_owned())
        };
        assert!(until(-14), "10:00 UTC of the 20th is the 21st at UTC+14");
        assert!(!until(-16));
        assert_eq!(days(None, Some(NOV_21 - 300 * 24 * hour)), ["31.json.gz", "alerts.json (current)"]);
    }

    #[test]
    fn far_bounds_do_no_harm() {
        assert_eq!(usual().files(Some(i64::MIN), Some(i64::MAX)), usual().files(None, None));
        assert_eq!(usual().files(Some(i64::MAX), None).0, ["alerts.json (current)"]);
    }

    #[test]
    fn without_identities() {
        let tree = |current| {
            Tree(BTreeMap::from([
                ("", current),
                ("2026", &["Nov/"][..]),
                ("2026/Nov", &["ossec-alerts-20.json.gz=:100", "ossec-alerts-21.json=:100"]),
            ]))
        };
        let (files, skipped, _) = tree(&["2026/", "alerts.json=:100"]).files(None, None);
        assert_eq!(files, ["2026/Nov/ossec-alerts-20.json.gz", "2026/Nov/ossec-alerts-21.json (current)"]);
        assert_eq!(skipped, [("alerts.json".to_owned(), Skip::SameSize)]);
        // The days are not there, or the file has grown since.
        let (files, skipped, _) = tree(&["2026/", "alerts.json=:101"]).files(None, None);
        assert_eq!((files.len(), skipped.len()), (3, 0));
    }

    #[test]
    fn one_file_by_two_names_is_read_once() {
        let tree = Tree(BTreeMap::from([
            ("", &["2026/"][..]),
            ("2026", &["Nov/"]),
            ("2026/Nov", &["ossec-alerts-20.json=1", "ossec-alerts-21.json=1"]),
        ]));
        let (files, skipped, _) = tree.files(None, None);
        assert_eq!(files, ["2026/Nov/ossec-alerts-20.json"]);
        assert_eq!(skipped, [("2026/Nov/ossec-alerts-21.json".to_owned(), Skip::SameFile)]);
    }

    #[test]
    fn what_cannot_be_listed_is_told() {
        let tree = Tree(BTreeMap::from([
            ("", &["2026/", "alerts.json=1"][..]),
            ("2026", &["Nov/", "Oct/"]),
            ("2026/Nov", &["ossec-alerts-01.json=1"]),
        ]));
        let (files, _, unread) = tree.files(None, None);
        assert_eq!(files, ["2026/Nov/ossec-alerts-01.json (current)"]);
        assert_eq!(unread, ["denied: 2026/Oct"]);
        let (files, _, unread) = Tree(BTreeMap::new()).files(None, None);
        assert_eq!((files.len(), unread.len()), (0, 1));
    }

    #[test]
    fn the_log_of_the_daemons() {
        let naming = Naming { prefix: "ossec-", suffix: ".log", current: "ossec.log" };
        let tree = Tree(BTreeMap::from([
            ("", &["2026/", "ossec.log=9"][..]),
            ("2026", &["Nov/"]),
            (
                "2026/Nov",
                &["ossec-19.log.gz=1", "ossec-20.log=2", "ossec-19-001.log.gz=3", "ossec-19.json.gz=4"],
            ),
        ]));
        let listing = files_of(&naming, &Window::default(), |directory| tree.list(directory));
        let names: Vec<&str> = listing.files.iter().map(|file| file.path.as_str()).collect();
        let days = ["2026/Nov/ossec-19.log.gz", "2026/Nov/ossec-19-001.log.gz", "2026/Nov/ossec-20.log"];
        assert_eq!(names, [&days[..], &["ossec.log"]].concat());
    }

    #[test]
    fn archives() {
        const ARCHIVES: Naming<'static> =
            Naming { prefix: "ossec-archive-", suffix: ".json", current: "archives.json" };
        let tree = Tree(BTreeMap::from([
            ("", &["2026/", "archives.json=1"][..]),
            ("2026", &["Nov/"]),
            ("2026/Nov", &["ossec-archive-21.json=1", "ossec-alerts-21.json=2"]),
        ]));
        let listing = files_of(&ARCHIVES, &Window::default(), |directory| tree.list(directory));
        assert_eq!(listing.files.len(), 1);
        assert!(listing.files[0].current);
    }
}
