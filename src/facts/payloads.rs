//! Messages for responses that stand in the logs of this host: what a script wrote down of its
//! request in `active-responses.log`, and what execd wrote of its own in `ossec.log`, when it
//! refuses a message or, with debugging on, of each.
//!
//! Only the end of each log with what was set aside of it is read. What came before execd was
//! started last is history.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::Facts;
use super::logs::unpacked;
use crate::findings::signatures::Log;
use crate::host::{Gap, GapKind};
use crate::logs::line::{Line, Time};
use crate::logs::scan::Seen;
use crate::wazuh::alerts::LINE_CAP;
use crate::wazuh::alerts::extract::{Extractor, Paths, Raw, Slot};
use crate::wazuh::alerts::lines::{Lines, Section};

/// Bytes of each log that are looked at, unpacked.
pub const READ: u64 = 8 << 20;

/// Messages of one program and rule that are kept, and of all: the newest.
const OF_ONE: usize = 64;
const ALL: usize = 2000;

/// Bytes of a line that are shown.
const SHOWN: usize = 512;

/// The most bytes that execd and the programs read of a message
/// (`src/active-response/active_responses.c`, 4.14: `OS_MAXSTR`).
const LONGEST: usize = 65_535;

/// Whether a text may be longer than what was read of it: a line feed, the end of the text and
/// what a log leaves out count too.
pub const fn is_longest(text: &[u8]) -> bool {
    text.len() + 3 >= LONGEST
}

/// Who wrote a message down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum By {
    /// A program below `active-response/bin`.
    Program(Vec<u8>),
    /// execd, which refused it: 1315 or 1316.
    Refused(u32),
    /// execd with debugging on, before it looked into it.
    Received,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Who wrote it down.
    pub by: By,
    /// The message.
    pub text: Vec<u8>,
    /// The rule of its alert, where it says one.
    pub rule: Option<u32>,
    /// The log.
    pub log: Log,
    /// The line.
    pub seen: Seen,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Payloads {
    /// The older first, log by log.
    pub all: Vec<Logged>,
    /// Older messages of each that were counted and not kept.
    pub more: BTreeMap<By, u64>,
    /// Logs of which only the end was looked at, as reports name them.
    pub cut: Vec<String>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

impl Facts<'_> {
    /// Messages in the logs of this host.
    pub fn payloads(&self) -> &Payloads {
        self.logs.payloads.get_or_init(|| {
            let mut payloads = Payloads::default();
            if self.is_bare() {
                return payloads;
            }
            for log in [Log::ActiveResponses, Log::Ossec] {
                read(self, log, &mut payloads);
            }
            payloads
        })
    }
}

fn read(facts: &Facts<'_>, log: Log, payloads: &mut Payloads) {
    let known = facts.log(log);
    payloads.gaps.extend(known.unknown());
    let Some(known) = known.get() else { return };
    let anchor = facts.anchor("execd").get().and_then(|anchor| anchor.time);
    let mut search = Search {
        log,
        since: known.since.max(anchor),
        reader: Reader::new(),
        counts: HashMap::new(),
        found: VecDeque::new(),
        more: &mut payloads.more,
    };
    let mut left = READ;
    for (number, file) in known.files.iter().enumerate().rev() {
        let opened = facts.open(&file.path);
        let Some(source) = opened.get() else {
            payloads.gaps.extend(opened.unknown());
            continue;
        };
        let size = if file.gzip { unpacked(&**source).unwrap_or(u64::MAX) } else { source.size() };
        let start = size.saturating_sub(left);
        left -= left.min(size);
        let told = if !file.gzip {
            search.lines(Section::new(&**source, start..size), number, start)
        } else if start == 0 {
            let packed = Section::new(&**source, 0..source.size());
            search.lines(MultiGzDecoder::new(packed).take(size), number, 0)
        } else {
            // One that does not fit is not unpacked for its end.
            Ok(None)
        };
        let first = match told {
            Ok(first) => first,
            Err(error) => {
                let (kind, source) = (GapKind::Failed, file.shown.clone());
                payloads.gaps.push(Gap { kind, source, why: error.to_string() });
                None
            }
        };
        // What is before it is too old.
        if first.zip(search.since).is_some_and(|(first, since)| first < since) {
            break;
        }
        if start > 0 || left == 0 && number > 0 {
            payloads.cut.push(file.shown.clone());
            break;
        }
    }
    payloads.all.extend(search.found);
}

/// The search of one log, the newest file first.
struct Search<'m> {
    log: Log,
    /// Messages before it are history.
    since: Option<i64>,
    reader: Reader,
    counts: HashMap<(By, Option<u32>), usize>,
    /// The older first.
    found: VecDeque<Logged>,
    more: &'m mut BTreeMap<By, u64>,
}

impl Search<'_> {
    /// Looks through a file that is older than those before, from a byte on. The first time in it.
    fn lines(&mut self, text: impl Read, file: usize, start: u64) -> io::Result<Option<i64>> {
        let log = self.log;
        let mut first = None;
        let mut found: Vec<Logged> = Vec::new();
        let mut lines = Lines::new(text, LINE_CAP);
        // The first line may be the rest of one, the last one not written to its end.
        let mut is_rest = start > 0;
        let mut end = Ok(());
        loop {
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    end = Err(error);
                    break;
                }
            };
            if std::mem::take(&mut is_rest) || !line.ended && !line.cut {
                continue;
            }
            if !is_candidate(log, line.text) {
                continue;
            }
            let read = Line::read(log, line.text);
            let time = match read.time {
                Some(Time::Local(time) | Time::Utc(time)) => time,
                None => continue,
            };
            first.get_or_insert(time);
            if self.since.is_some_and(|since| time < since) {
                continue;
            }
            let Some((by, text)) = message(log, &read) else { continue };
            let Some(rule) = self.reader.request(text, &by) else { continue };
            found.push(Logged {
                by,
                text: text.to_vec(),
                rule,
                log,
                seen: Seen {
                    file,
                    offset: start + line.offset,
                    line: None,
                    time: read.time,
                    excerpt: line.text.get(..SHOWN).unwrap_or(line.text).to_vec(),
                },
            });
        }
        // The newest of each kind.
        for logged in found.into_iter().rev() {
            let count = self.counts.entry((logged.by.clone(), logged.rule)).or_default();
            *count += 1;
            if *count <= OF_ONE && self.found.len() < ALL {
                self.found.push_front(logged);
            } else {
                *self.more.entry(logged.by).or_default() += 1;
            }
        }
        end.map(|()| first)
    }
}

/// Whether a line may hold a message, at the price of a search.
fn is_candidate(log: Log, line: &[u8]) -> bool {
    match log {
        Log::Ossec => {
            let head = line.get(..256).unwrap_or(line);
            [&b"Invalid JSON message: '"[..], b"Invalid AR command: '", b"Received message: '"]
                .iter()
                .any(|text| memchr::memmem::find(head, text).is_some())
        }
        _ => memchr::memmem::find(line.get(..512).unwrap_or(line), b": {").is_some(),
    }
}

fn message<'l>(log: Log, line: &'l Line<'_>) -> Option<(By, &'l [u8])> {
    let text: &[u8] = &line.message;
    if log == Log::Ossec {
        if line.daemon() != b"execd" && line.daemon() != b"agent" {
            return None;
        }
        let quoted = |head: &str| {
            let rest = text.strip_prefix(head.as_bytes())?;
            Some(memchr::memrchr(b'\'', rest).and_then(|end| rest.get(..end)).unwrap_or(rest))
        };
        return match line.number {
            Some(1315) => Some((By::Refused(1315), quoted("Invalid JSON message: '")?)),
            Some(1316) => Some((By::Refused(1316), quoted("Invalid AR command: '")?)),
            _ => Some((By::Received, quoted("Received message: '")?)),
        };
    }
    let name = line.tag.rsplit(|byte| matches!(byte, b'/' | b'\\')).next()?;
    (text.starts_with(b"{") && !name.is_empty()).then(|| (By::Program(name.to_vec()), text))
}

struct Reader {
    extractor: Extractor,
    slots: [Slot; 3],
}

impl Reader {
    fn new() -> Self {
        let mut paths = Paths::new();
        let slots = ["command", "parameters.alert.rule.id", "wazuh.rule.id"].map(|path| paths.add(path));
        Self { extractor: Extractor::new(paths), slots }
    }

    /// The rule of a request, where it says one; none for what is another kind of message, or
    /// what a script writes of its own.
    fn request(&mut self, text: &[u8], by: &By) -> Option<Option<u32>> {
        let [command, four, five] = self.slots;
        let Ok(fields) = self.extractor.scan(text) else {
            return match by {
                // A script may shorten what it writes; what came in full is as long as can be.
                By::Program(_) => is_longest(text).then_some(None),
                By::Refused(_) | By::Received => Some(None),
            };
        };
        let rule = fields.get(four).or_else(|| fields.get(five)).and_then(Raw::number);
        let rule = rule.and_then(|rule| u32::try_from(rule).ok());
        // One without an alert was sent by hand.
        let is_request = || {
            let command = fields.get(command)?.text()?;
            (rule.is_some() && matches!(&*command, b"add" | b"enable")).then_some(())
        };
        match by {
            By::Program(_) => is_request().map(|()| rule),
            By::Refused(_) | By::Received => Some(rule),
        }
    }
}
