//! The signatures of one kind of log, ready to be looked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use regex::bytes::Regex;

use super::filter::Filter;
use super::line::{Line, short_name};
use super::literals::{Choice, Need, ORDINARY, Starts, literals_of, pieces};
use crate::findings::catalogue::{Level, Version};
use crate::findings::signatures::{Log, SIGNATURES, Signature};

/// A signature, by its place in a [`Set`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SignatureId(u16);

/// One signature with its pattern, which is compiled when a line first asks for it.
#[derive(Debug)]
struct Compiled {
    signature: &'static Signature,
    regex: OnceLock<Option<(Regex, Vec<&'static str>)>>,
}

impl Compiled {
    /// The pattern and the names of its groups, which are kept as long as the program runs.
    fn regex(&self) -> Option<&(Regex, Vec<&'static str>)> {
        let compile = || {
            let regex = self.signature.regex().ok()?;
            let names = regex.capture_names().flatten();
            let names = names.map(|name| &*Box::leak(name.to_owned().into_boxed_str())).collect();
            Some((regex, names))
        };
        self.regex.get_or_init(compile).as_ref()
    }
}

/// All signatures of one kind of log.
#[derive(Debug)]
pub struct Set {
    log: Log,
    all: Vec<Compiled>,
    by_number: BTreeMap<u32, Vec<SignatureId>>,
    /// How messages of those without a number begin, by the first four bytes.
    by_start: BTreeMap<u32, Vec<(Vec<u8>, SignatureId)>>,
    /// Finds literals of those that begin in no such way, and whose they are.
    literals: Filter,
    owners: Vec<SignatureId>,
    /// Those without number and literal.
    always: Vec<SignatureId>,
    filter: Filter,
    pieces: Vec<Vec<u8>>,
    /// What each piece is.
    kinds: Vec<Piece>,
    quick: Beginnings,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The first signature that it matches.
    pub signature: SignatureId,
    /// The named parts of it, in the order of the pattern.
    pub captures: Vec<(&'static str, Vec<u8>)>,
}

/// Bytes of one captured part that are kept.
const CAPTURE_CAP: usize = 512;

/// How the daemons' logs spell the levels that are no everyday matter, in text and JSON. The
/// lines of signatures that have only these are found by them.
const MARKS: [(Level, [&[u8]; 2]); 4] = [
    (Level::Critical, [b"CRITICAL: ", b"\"critical\""]),
    (Level::Error, [b"ERROR: ", b"\"error\""]),
    (Level::Warning, [b"WARNING: ", b"\"warning\""]),
    (Level::Debug, [b"DEBUG: ", b"\"debug\""]),
];

/// What a piece is that is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// A level before a message.
    Mark,
    /// The same in JSON.
    JsonMark,
    /// A piece of some signature.
    Text,
}

impl Piece {
    fn of(log: Log, bytes: &[u8]) -> Self {
        let is = |form: fn(&[&'static [u8]; 2]) -> &'static [u8]| {
            log == Log::Ossec && MARKS.iter().any(|(_, forms)| form(forms) == bytes)
        };
        match bytes {
            _ if is(|[text, _]| text) => Self::Mark,
            _ if is(|[_, json]| json) => Self::JsonMark,
            _ => Self::Text,
        }
    }
}

/// What is between the level and the message in JSON.
const DESCRIPTION: &[u8] = b",\"description\":\"";

/// The beginnings of messages behind a mark, so that most lines need not be taken apart.
#[derive(Debug)]
struct Beginnings {
    /// By a number's value.
    numbers: BTreeSet<u32>,
    /// By their first four bytes.
    texts: BTreeMap<u32, Vec<Vec<u8>>>,
    /// A bit for each hash of first bytes that there are; most lines have others.
    hashes: [u64; 64],
}

impl Default for Beginnings {
    fn default() -> Self {
        Self { numbers: BTreeSet::new(), texts: BTreeMap::new(), hashes: [0; 64] }
    }
}

/// The first bytes as a number, which is quick to compare.
fn first_four(text: &[u8]) -> Option<u32> {
    text.first_chunk().map(|first| u32::from_ne_bytes(*first))
}

impl Beginnings {
    fn add(&mut self, text: Vec<u8>) {
        let Some(first) = first_four(&text) else { return };
        let (word, bit) = Self::hash(first);
        if let Some(word) = self.hashes.get_mut(word) {
            *word |= bit;
        }
        self.texts.entry(first).or_default().push(text);
    }

    /// Which word and which bit of it.
    fn hash(first: u32) -> (usize, u64) {
        let hash = first.wrapping_mul(0x9e37_79b1) >> 20;
        ((hash >> 6) as usize, 1 << (hash & 63))
    }

    /// Whether a message that begins so may be one of a signature; true when it is not known.
    fn hold(&self, message: &[u8]) -> bool {
        let Some(first) = message.first_chunk::<4>() else { return true };
        if let [b'(', digits @ ..] = first
            && digits.iter().all(u8::is_ascii_digit)
        {
            let digits = message.get(1..).unwrap_or_default();
            let count = digits.iter().take(6).take_while(|digit| digit.is_ascii_digit()).count();
            let digits = digits.get(..count).unwrap_or_default();
            let number = digits.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
            return self.numbers.contains(&number);
        }
        let first = u32::from_ne_bytes(*first);
        let (word, bit) = Self::hash(first);
        self.hashes.get(word).is_some_and(|word| word & bit != 0)
            && self.texts.get(&first).is_some_and(|texts| texts.iter().any(|text| message.starts_with(text)))
    }
}

impl Set {
    /// Those of a log: of the site first, then our own, without those another version says.
    /// The first one that matches a line counts.
    pub fn new(log: Log, site: &[&'static Signature], version: Option<Version>) -> Self {
        let speaks = |signature: &Signature| {
            version.is_none_or(|version| {
                signature.since.is_none_or(|since| since <= version)
                    && signature.until.is_none_or(|until| version <= until)
            })
        };
        let all: Vec<Compiled> = site
            .iter()
            .copied()
            .chain(SIGNATURES)
            .filter(|signature| signature.logs.contains(&log) && speaks(signature))
            .take(usize::from(u16::MAX))
            .map(|signature| Compiled { signature, regex: OnceLock::new() })
            .collect();
        let mut by_number: BTreeMap<u32, Vec<SignatureId>> = BTreeMap::new();
        let (mut texts, mut owners, mut always) = (Vec::new(), Vec::new(), Vec::new());
        let mut by_start: BTreeMap<u32, Vec<(Vec<u8>, SignatureId)>> = BTreeMap::new();
        let mut needs = Vec::new();
        for (id, compiled) in (0..).map(SignatureId).zip(&all) {
            let signature = compiled.signature;
            let (mut need, starts) = literals_of(signature.pattern);
            // Together they are long enough where no literal is.
            if let Some(starts) = starts.as_ref().filter(|_| need.is_empty()) {
                need.push(starts.iter().cloned().collect());
            }
            if let Some(number) = signature.number {
                by_number.entry(number).or_default().push(id);
                need.push(Choice::from([format!("({number})").into_bytes()]));
            } else if let Some(starts) = &starts {
                for start in starts {
                    if let Some(first) = first_four(start) {
                        by_start.entry(first).or_default().push((start.clone(), id));
                    }
                }
            } else if let Some(choice) = need.first() {
                for text in choice {
                    texts.push(text.clone());
                    owners.push(id);
                }
            } else {
                always.push(id);
            }
            needs.push((signature, need, starts));
        }
        let literals = Filter::new(Some(&texts), ORDINARY.as_bytes());
        let mut quick = Beginnings::default();
        let pieces = pieces_of(log, needs, &mut quick);
        let filter = Filter::new(pieces.as_deref(), ORDINARY.as_bytes());
        let pieces = pieces.unwrap_or_default();
        let kinds = pieces.iter().map(|piece| Piece::of(log, piece)).collect();
        Self { log, all, by_number, by_start, literals, owners, always, filter, pieces, kinds, quick }
    }

    /// The set of a log, which is made once for all that ask with the same version and no
    /// signatures of a site. It is kept as long as the program runs.
    pub fn shared(log: Log, site: &[&'static Signature], version: Option<Version>) -> &'static Self {
        type Known = Mutex<BTreeMap<(Log, Option<Version>), &'static Set>>;
        static KNOWN: Known = Mutex::new(BTreeMap::new());
        if !site.is_empty() {
            return Box::leak(Box::new(Self::new(log, site, version)));
        }
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry((log, version)).or_insert_with(|| Box::leak(Box::new(Self::new(log, site, version))))
    }

    /// The kind of log.
    pub fn log(&self) -> Log {
        self.log
    }

    /// A signature of it.
    pub fn signature(&self, id: SignatureId) -> &'static Signature {
        // An id is made here only, and all of one set go with that set.
        self.all.get(usize::from(id.0)).map_or(&SIGNATURES[0], |compiled| compiled.signature)
    }

    /// Signatures of it by their name.
    pub fn by_name(&self, name: &str) -> Option<SignatureId> {
        (0..)
            .map(SignatureId)
            .zip(&self.all)
            .find(|(_, compiled)| compiled.signature.name == name)
            .map(|at| at.0)
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Signatures that hold no literal of four bytes, so that every line has to be taken apart
    /// for them. A site may want to know.
    pub fn slow(&self) -> Vec<&'static Signature> {
        self.always.iter().map(|id| self.signature(*id)).collect()
    }

    /// The pieces of text that are searched for, to see why a search is slow.
    pub fn pieces(&self) -> &[Vec<u8>] {
        &self.pieces
    }

    /// Where the next line may be that one of them matches, from `from` on.
    pub(super) fn candidate(&self, text: &[u8], from: usize) -> Option<usize> {
        self.filter.find(text, from, |piece, _, end| {
            let behind = text.get(end..).unwrap_or_default();
            match self.kinds.get(piece) {
                Some(Piece::Mark) => self.quick.hold(behind),
                Some(Piece::JsonMark) => {
                    behind.strip_prefix(DESCRIPTION).is_none_or(|message| self.quick.hold(message))
                }
                _ => true,
            }
        })
    }

    /// What a line says, if it is one of these.
    pub fn find(&self, line: &Line<'_>) -> Option<Match> {
        let numbered = line.number.and_then(|number| self.by_number.get(&number));
        let mut candidates: BTreeSet<SignatureId> = self.always.iter().copied().collect();
        candidates.extend(numbered.into_iter().flatten());
        let started = first_four(&line.message).and_then(|first| self.by_start.get(&first));
        let started = started.into_iter().flatten();
        candidates.extend(started.filter(|(start, _)| line.message.starts_with(start)).map(|(_, id)| id));
        let candidates = RefCell::new(candidates);
        self.literals.find(&line.message, 0, |text, _, _| {
            candidates.borrow_mut().extend(self.owners.get(text));
            false
        });
        candidates.into_inner().into_iter().find_map(|id| self.matches(id, line))
    }

    /// Whether a line is of one signature.
    pub fn matches(&self, id: SignatureId, line: &Line<'_>) -> Option<Match> {
        let compiled = self.all.get(usize::from(id.0))?;
        let signature = compiled.signature;
        // In a daemon's own log every line has its level.
        let unknown = self.log != Log::Ossec;
        let level = signature.levels.is_empty()
            || line.level.map_or(unknown, |level| signature.levels.contains(&level));
        let number = signature.number.is_none_or(|number| line.number == Some(number));
        if !level || !number || !said_by(signature, line) {
            return None;
        }
        let (regex, names) = compiled.regex()?;
        // Without a named part there is nothing but yes or no.
        if names.is_empty() {
            return regex.is_match(&line.message).then(|| Match { signature: id, captures: Vec::new() });
        }
        let found = regex.captures(&line.message)?;
        let part = |name: &&'static str| {
            let part = found.name(name)?.as_bytes();
            Some((*name, part.get(..CAPTURE_CAP).unwrap_or(part).to_vec()))
        };
        let captures = names.iter().filter_map(part).collect();
        Some(Match { signature: id, captures })
    }
}

fn said_by(signature: &Signature, line: &Line<'_>) -> bool {
    let tag = line.daemon();
    let head = tag.split(|byte| *byte == b':').next().unwrap_or(tag);
    signature.daemons.is_empty()
        || signature.daemons.iter().any(|daemon| {
            let daemon = short_name(daemon.as_bytes());
            daemon == tag || daemon == head
        })
}

/// Pieces of which every line holds one that may match one of the signatures; none: any line may.
/// Marks are among them, and what messages behind a mark begin with goes to `quick`.
fn pieces_of(
    log: Log,
    needs: Vec<(&'static Signature, Need, Option<Starts>)>,
    quick: &mut Beginnings,
) -> Option<Vec<Vec<u8>>> {
    let mut given: Vec<&[u8]> = Vec::new();
    let mut left = Vec::new();
    for (signature, need, texts) in needs {
        let mark = |level: &Level| MARKS.iter().find(|(known, _)| known == level).map(|(_, marks)| marks);
        let marks: Option<Vec<_>> = signature.levels.iter().map(mark).collect();
        // OSSEC wrote a number before the level, so a numbered one is known by its text as well.
        let is_known = texts.is_some() || signature.number.is_some();
        match marks {
            Some(marks) if log == Log::Ossec && !marks.is_empty() && is_known => {
                given.extend(marks.into_iter().flatten());
                quick.numbers.extend(signature.number);
                texts.into_iter().flatten().for_each(|text| quick.add(text));
            }
            _ => left.push(need),
        }
    }
    given.sort_unstable();
    given.dedup();
    pieces(&left, &given)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::findings::signatures::Class;
    use crate::logs::line::Form;

    fn sets() -> Vec<Set> {
        Log::ALL.iter().map(|log| Set::new(*log, &[], None)).collect()
    }

    /// A line of ossec.log in the forms in which the daemons write it too.
    fn forms(set: &Set, text: &str) -> Vec<String> {
        let line = Line::read(Log::Ossec, text.as_bytes());
        let (Log::Ossec, Form::Text, Some(level)) = (set.log(), line.form, line.level) else {
            return Vec::new();
        };
        let tag = String::from_utf8_lossy(&line.tag).into_owned();
        let number = line.number.map(|number| format!("({number}): ")).unwrap_or_default();
        let message = format!("{number}{}", String::from_utf8_lossy(&line.message));
        let json = serde_json::json!({
            "timestamp": "2026/11/20 10:41:12", "tag": tag, "level": level.name(), "description": message,
        });
        let level = level.name().to_uppercase();
        vec![
            format!("2026/11/20 10:41:12 {tag}[4711] source.c:77 at Function(): {level}: {message}"),
            json.to_string(),
        ]
    }

    #[test]
    fn the_grid() {
        let (mut lines, mut wrong) = (0, Vec::new());
        for set in sets() {
            for (id, compiled) in (0..).map(SignatureId).zip(&set.all) {
                let signature = compiled.signature;
                let name = signature.name;
                assert!(!signature.examples.is_empty() && !signature.near_misses.is_empty(), "{name}");
                for example in signature.examples {
                    for text in forms(&set, example).into_iter().chain([(*example).to_owned()]) {
                        let line = Line::read(set.log(), text.as_bytes());
                        let found = set.find(&line);
                        let first = found.map(|found| set.signature(found.signature).name);
                        if first != Some(name) {
                            wrong.push(format!("{} `{name}` is {first:?}: {text}", signature.place));
                        }
                        // And the search over the log leads to it.
                        let framed = format!("nothing\n{text}\nnothing\n");
                        let mut from = 0;
                        let met = loop {
                            match set.candidate(framed.as_bytes(), from) {
                                None => break false,
                                Some(at) if (8..8 + text.len()).contains(&at) => break true,
                                Some(at) => from = at + 1,
                            }
                        };
                        if !met {
                            wrong
                                .push(format!("{} `{name}`: the search passes over {text}", signature.place));
                        }
                        lines += 1;
                    }
                }
                for miss in signature.near_misses {
                    for text in forms(&set, miss).into_iter().chain([(*miss).to_owned()]) {
                        let line = Line::read(set.log(), text.as_bytes());
                        if set.matches(id, &line).is_some() {
                            wrong.push(format!("{} `{name}` matches {text}", signature.place));
                        }
                        lines += 1;
                    }
                }
            }
            wrong.extend(
                set.slow().iter().map(|slow| format!("{} `{}` has no literal", slow.place, slow.name)),
            );
        }
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
        assert!(lines > 1000, "{lines}");
    }

    #[test]
    fn what_is_captured() {
        let set = Set::new(Log::Ossec, &[], None);
        let text = b"2026/11/20 10:41:12 wazuh-execd: ERROR: (1103): Could not open file 'etc/shared/ar.conf' due to [(13)-(Permission denied)].";
        let found = set.find(&Line::read(Log::Ossec, text)).unwrap();
        assert_eq!(found.captures, [("path", b"etc/shared/ar.conf".to_vec()), ("errno", b"13".to_vec())]);
    }

    #[test]
    fn levels_daemons_and_versions_count() {
        let set = Set::new(Log::Ossec, &[], None);
        let name = |set: &Set, text: &str| {
            set.find(&Line::read(Log::Ossec, text.as_bytes()))
                .map(|found| set.signature(found.signature).name)
        };
        let line = "2026/11/20 10:41:12 wazuh-execd: ERROR: (1311): Invalid command name 'x' provided.";
        assert_eq!(name(&set, line), Some("execd-invalid-name"));
        assert_eq!(name(&set, &line.replace("ERROR", "INFO")), None);
        assert_eq!(name(&set, &line.replace("execd", "db")), None);
        let queue =
            "2026/11/20 10:41:12 wazuh-analysisd: ERROR: (1301): Unable to connect to active response queue.";
        assert_eq!(name(&set, queue), Some("dispatch-no-queue"));
        assert_eq!(name(&Set::new(Log::Ossec, &[], Some((5, 0, 0))), queue), None);
    }

    #[test]
    fn a_sites_own_come_first() {
        let text = "log = ['ossec']\n[[signature]]\nname = 'known'\nclass = 'harmless'\nnumber = 1311\npattern = \"'test0'\"\n";
        let (site, bad) = crate::findings::signatures::of_site("x", text);
        assert!(bad.is_empty(), "{bad:?}");
        let site: Vec<&'static Signature> = site.into_iter().map(|one| &*Box::leak(Box::new(one))).collect();
        let set = Set::new(Log::Ossec, &site, None);
        let line = |name: &str| {
            format!("2026/11/20 10:41:12 wazuh-execd: ERROR: (1311): Invalid command name '{name}' provided.")
        };
        for (command, class) in [("test0", Class::Harmless), ("test1", Class::Failure)] {
            let text = line(command);
            let found = set.find(&Line::read(Log::Ossec, text.as_bytes())).unwrap();
            assert_eq!(set.signature(found.signature).class, class);
        }
    }

    /// Lines that are near to examples of signatures, and ordinary ones.
    fn near_lines() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
        use proptest::prelude::*;
        let example = (
            0..SIGNATURES.len(),
            any::<prop::sample::Index>(),
            0..4_u8,
            any::<prop::sample::Index>(),
            any::<u8>(),
        );
        let line = example.prop_map(|(signature, which, change, place, byte)| {
            let signature = &SIGNATURES[signature];
            let all: Vec<&str> = signature.examples.iter().chain(signature.near_misses).copied().collect();
            let mut line = which.get(&all).as_bytes().to_vec();
            let at = place.index(line.len());
            match change {
                0 => line[at] = byte,
                1 => line.truncate(at),
                2 => line.insert(at, byte),
                _ => {}
            }
            line
        });
        let ordinary = prop::sample::select(ORDINARY.lines().collect::<Vec<_>>())
            .prop_map(|line| line.as_bytes().to_vec());
        proptest::collection::vec(prop_oneof![line, ordinary], 1..12).prop_map(|lines| lines.join(&b'\n'))
    }

    proptest::proptest! {
        #[test]
        fn the_search_leads_to_all_that_match(text in near_lines()) {
            static SETS: OnceLock<Vec<Set>> = OnceLock::new();
            for set in SETS.get_or_init(sets) {
                // Every signature asked about every line, without any search.
                let (mut start, mut at) = (0, set.candidate(&text, 0));
                for line in text.split(|byte| *byte == b'\n') {
                    let end = start + line.len();
                    while at.is_some_and(|at| at < start) {
                        at = set.candidate(&text, start);
                    }
                    let read = Line::read(set.log(), line);
                    let first = (0..set.all.len()).find_map(|id| set.matches(SignatureId(id as u16), &read));
                    proptest::prop_assert_eq!(&set.find(&read), &first);
                    proptest::prop_assert!(
                        first.is_none() || at.is_some_and(|at| at <= end),
                        "{:?} passes over {:?}", set.log(), String::from_utf8_lossy(line)
                    );
                    start = end + 1;
                }
            }
        }

        #[test]
        fn no_line_breaks_it(bytes: Vec<u8>) {
            static SETS: OnceLock<Vec<Set>> = OnceLock::new();
            for set in SETS.get_or_init(sets) {
                let _ = set.find(&Line::read(set.log(), &bytes));
            }
        }
    }
}
