//! The one type that text must pass before it leaves.
//!
//! Whatever is printed, written to JSON or packed into a capture is a
//! [`Redacted`], and only a [`Redactor`] makes one. Secrets are recognised where
//! they are read (by element, name or file) and remembered, so that the same
//! bytes are hidden wherever else they turn up; and by format everywhere. [`Kind`] is the
//! published list.

mod address;
mod element;
mod files;
mod formats;
mod identities;
mod index;
mod kind;
mod pair;
mod places;
mod scanner;
mod shell;
mod vocabulary;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use base64::Engine as _;
use serde::Serialize;

use formats::{Found, Mode};
use identities::Identities;
use index::{Index, LONG, SHORTEST};

/// Lists of packages: what stands in them can be had by everybody, names and sums alike, and is
/// overwritten by no secret that a log tells.
pub use identities::is_package_data as is_public;
pub use identities::{Identity, Pair};
pub use kind::{About, IDENTITIES, Kind, SECRETS, page};
pub use scanner::{Leak, Scanner};

/// Text that may leave this program: secrets hidden, valid UTF-8. Control
/// characters are still in it; the printers deal with those.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Redacted(String);

impl Redacted {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that is part of this program: names, ids, units.
    pub fn constant(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Display for Redacted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// What was hidden in one place, and how often; never the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
pub struct Entry {
    /// The file it stood in, as it was named to [`Redactor::file`].
    pub place: Redacted,
    /// What it was.
    pub kind: Kind,
    /// How often.
    pub count: u64,
}

/// Secrets that everybody would guess. They are hidden where they stand and nowhere else, for they
/// are words of the reports too.
const COMMON: [&str; 24] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secrets",
    "changeme",
    "default",
    "example",
    "private",
    "public",
    "community",
    "manager",
    "cluster",
    "wazuh-wui",
    "disabled",
    "enabled",
    "localhost",
    "administrator",
    "active-response",
    "firewall-drop",
    "string",
    "unknown",
    "authorization",
    "credential",
];

/// Who can have written a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Author {
    /// Whoever administers the host: configuration, keys, scripts.
    Owner,
    /// Anybody who can have a line logged: the name of a user who tries to log in is enough.
    Anyone,
}

impl Author {
    fn of(path: &Path) -> Self {
        if is_log(path) { Self::Anyone } else { Self::Owner }
    }
}

/// Whether a file is a log, by its name or where it lies.
fn is_log(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "log" || part.as_os_str() == "logs")
        || path.extension().is_some_and(|extension| extension == "log")
}

/// Remembers the secrets of one run and hides them in all text that leaves.
///
/// What is read first must be remembered before what is read later is written: call
/// [`learn`](Self::learn) for every file, and [`file`](Self::file) after that.
#[derive(Debug, Default)]
pub struct Redactor {
    remembered: Mutex<Index>,
    /// Words of this host that are no secrets, in lower case.
    spared: RwLock<Vec<Vec<u8>>>,
    ledger: Mutex<BTreeMap<(String, Kind), u64>>,
    identities: OnceLock<Identities>,
}

impl Redactor {
    /// One that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts pseudonyms in place of identities too, in [`text`](Self::text) and
    /// [`file`](Self::file), from now on. Who knows the salt knows the pseudonyms of every
    /// address: a new one for each capture, by [`salt`]. A second call changes nothing.
    pub fn redact_identities(&self, salt: [u8; 32]) {
        self.identities.get_or_init(|| Identities::new(salt));
    }

    /// Words that are no identities, whoever bears them as a name: responses, commands, groups.
    pub fn keep(&self, words: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        if let Some(identities) = self.identities.get() {
            identities.keep(words);
        }
    }

    /// Words that are no secrets, whatever a log or a file says: the names of this host's commands,
    /// responses and their files, without which a capture would tell of another host.
    pub fn spare(&self, words: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        let is_name = |word: &[u8]| {
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
            (SHORTEST..=255).contains(&word.len())
                && word.iter().all(is_part)
                && formats::find(word, Mode::Text).is_empty()
        };
        let words = words.into_iter().map(|word| word.as_ref().to_ascii_lowercase());
        let mut spared = self.spared.write().unwrap_or_else(PoisonError::into_inner);
        spared.extend(words.filter(|word| is_name(word)));
        spared.sort();
        spared.dedup();
    }

    /// Whether a text stays although it is remembered as a secret: it is hidden where it stands as
    /// one, and there alone.
    fn is_spared(&self, text: &[u8]) -> bool {
        if vocabulary::is_fixed(text) {
            return true;
        }
        // A key that stands in a name is no word of it.
        if pair::is_bare_key(text) {
            return false;
        }
        let spared = self.spared.read().unwrap_or_else(PoisonError::into_inner);
        let lower = text.to_ascii_lowercase();
        spared.iter().any(|word| word.len() >= lower.len() && memchr::memmem::find(word, &lower).is_some())
    }

    /// Logs told of more secrets than are remembered: the rest is hidden where it stands.
    pub fn is_full(&self) -> bool {
        self.secrets().is_full()
    }

    /// Every name and address that was replaced, with its pseudonym; at most 200,000 addresses
    /// of each kind. Only for who asked for it: this is what the pseudonyms hide.
    pub fn map(&self) -> Vec<Pair> {
        self.identities.get().map(Identities::map).unwrap_or_default()
    }

    /// Patterns of addresses, in the files written so far, that match others among pseudonyms than
    /// they did: the file, and the line from 1.
    pub fn changed_patterns(&self) -> Vec<(PathBuf, usize)> {
        self.identities.get().map(Identities::pieces).unwrap_or_default()
    }

    /// The path that stands for a path: identities in it replaced as in a text.
    pub fn path(&self, path: &Path) -> PathBuf {
        use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
        let mut hidden = self.hide(path.as_os_str().as_bytes());
        if let (Some(first), true) = (hidden.first_mut(), path.is_absolute()) {
            *first = b'/';
        }
        let hidden = self.pseudonymous(hidden);
        PathBuf::from(std::ffi::OsString::from_vec(hidden))
    }

    /// Remembers the secrets in the bytes of a file; [`secrets`] says where they are.
    pub fn mark(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let found = formats::find(bytes, Mode::of(bytes));
        self.remember_all(bytes, &found, Author::Owner);
        found.into_iter().map(|found| found.range).collect()
    }

    /// Remembers the secrets in what anybody may have written: lines of logs.
    pub fn mark_log(&self, bytes: &[u8]) {
        self.remember_all(bytes, &formats::find(bytes, Mode::of(bytes)), Author::Anyone);
    }

    /// Remembers the secrets in a file of this name: all of it may be one.
    pub fn learn(&self, path: &Path, bytes: &[u8]) {
        self.learned(path, bytes);
    }

    /// The same; what sort of file it is, and the secrets in a plain one.
    fn learned(&self, path: &Path, bytes: &[u8]) -> (files::Sort, Vec<Found>) {
        if let Some(identities) = self.identities.get() {
            identities.learn(path, bytes);
        }
        let sort = files::Sort::of(path, bytes);
        let mut found = Vec::new();
        match sort {
            files::Sort::Plain(mode) => {
                found = formats::find(bytes, mode);
                self.remember_all(bytes, &found, Author::of(path));
            }
            files::Sort::Opaque => {}
            files::Sort::Fields(sort) => sort.each(bytes, &mut |range, kind| {
                self.remember(kind, bytes.get(range).unwrap_or_default());
            }),
        }
        (sort, found)
    }

    /// Remembers a secret as a whole, and the forms it takes in JSON, XML and URLs.
    pub fn remember(&self, kind: Kind, secret: &[u8]) {
        self.remember_of(Author::Owner, kind, secret);
    }

    /// The same of a secret that a text of this author tells. Of what anybody may have written only
    /// what looks like no word or name is remembered: everything would be hidden that a stranger
    /// calls a password.
    fn remember_of(&self, author: Author, kind: Kind, secret: &[u8]) {
        let secret = secret.trim_ascii();
        let is_told = author == Author::Anyone;
        let is_common = || {
            let lower = secret.to_ascii_lowercase();
            // A short number counts and dates things in every text.
            let is_number = secret.len() < 8 && secret.iter().all(u8::is_ascii_digit);
            is_number || COMMON.iter().any(|word| lower == word.as_bytes())
        };
        // A host alone: what is secret of such an address is its path.
        let is_host = kind == Kind::HookUrl && index::behind_host(secret).len() < 2;
        if secret.len() < SHORTEST || pair::is_masked(secret) || is_common() || is_host {
            return;
        }
        let mut index = self.secrets();
        // A part of what is strong is remembered when it is no word.
        let mut add = |secret: &[u8], is_part: bool| {
            if !is_told {
                index.insert(secret, kind);
            } else if has_strong_run(secret) || is_part && pair::is_random(secret) {
                index.insert_told(secret, kind);
            }
        };
        if secret.iter().all(|byte| byte.is_ascii_alphanumeric()) {
            add(secret, false);
            return;
        }
        if is_told && !has_strong_run(secret) {
            return;
        }
        for form in forms(secret) {
            // Of a text of several lines each line is one: it may be indented elsewhere.
            for line in form.split(|&byte| byte == b'\n') {
                let line = line.trim_ascii();
                if line.len() >= SHORTEST && !pair::is_masked(line) {
                    add(line, false);
                }
            }
            // Of what is taken for a path or a command a part alone may be told. No host, no date.
            let separators: [&[u8]; 2] = [b"/\\", b"/\\&|;<>\"'"];
            for by in separators {
                let parts = || form.split(|byte| by.contains(byte));
                // Beside a part that is no word even one that could be a word is none.
                let is_broken = kind != Kind::HookUrl && parts().any(pair::is_strong);
                let is_part = |part: &[u8]| {
                    let is_plain = match kind {
                        Kind::HookUrl => !part.contains(&b'.'),
                        Kind::Cookie => !secret.contains(&b';'),
                        _ => true,
                    };
                    is_plain && (pair::is_random(part) || is_broken && pair::is_capitalised(part))
                };
                for part in parts() {
                    // What ends a path, and is too short alone.
                    let named = [b"/", part].concat();
                    let part = if named.len() == LONG { &named } else { part };
                    if is_part(part) {
                        add(part.trim_ascii(), true);
                    }
                }
            }
        }
        drop(index);
        let path = index::behind_host(secret);
        if kind == Kind::HookUrl && path.len() < secret.len() && pair::is_random(path) {
            self.remember_of(author, kind, path.trim_ascii_start().strip_prefix(b"/").unwrap_or(path));
        }
    }

    /// Remembers the value of an environment variable when its name says that it is secret;
    /// whether it does.
    pub fn variable(&self, name: &[u8], value: &[u8]) -> bool {
        let is_secret = is_secret_variable(name, value) && pair::is_secret_value(value);
        if is_secret {
            self.remember(Kind::Variable, value);
        }
        is_secret
    }

    /// Text that may leave.
    pub fn text(&self, text: impl AsRef<[u8]>) -> Redacted {
        let hidden = self.hide(text.as_ref());
        let hidden = self.pseudonymous(hidden);
        Redacted(String::from_utf8_lossy(&hidden).into_owned())
    }

    /// A line that may leave, as [`text`](Self::text) has it, and where a mark in it stands then:
    /// a pseudonym may be shorter or longer than what it stands for.
    pub fn excerpt(&self, bytes: &[u8], mark: &Range<usize>) -> (Vec<u8>, Range<usize>) {
        let hidden = self.hide(bytes);
        let shown = self.pseudonymous(hidden.clone());
        let mark = if shown == hidden { mark.clone() } else { moved(&hidden, &shown, mark) };
        (shown, mark)
    }

    /// The bytes with every secret overwritten by `*`, length and line breaks kept, so that
    /// columns and marks stay where they are.
    pub fn hide(&self, bytes: &[u8]) -> Vec<u8> {
        let mut hidden = bytes.to_vec();
        let mut found = formats::find(bytes, Mode::of(bytes));
        self.again(bytes, &mut found);
        self.overwrite(bytes, &mut hidden, found, None);
        hidden
    }

    /// A text of its own in a file, which may leave. What was hidden is entered in the ledger.
    pub fn part(&self, path: &Path, text: &str) -> String {
        let mut hidden = text.as_bytes().to_vec();
        let mut found = formats::find(text.as_bytes(), Mode::Text);
        self.again(text.as_bytes(), &mut found);
        self.overwrite(text.as_bytes(), &mut hidden, found, Some(path));
        // A path stays one.
        if let (Some(first), true) = (hidden.first_mut(), text.starts_with('/')) {
            *first = b'/';
        }
        String::from_utf8_lossy(&self.pseudonymous(hidden)).into_owned()
    }

    /// A file that may leave, by what is known of files of this name. What was hidden is entered
    /// in the ledger.
    pub fn file(&self, path: &Path, bytes: &[u8]) -> Vec<u8> {
        let (sort, mut found) = self.learned(path, bytes);
        let mut hidden = bytes.to_vec();
        match sort {
            files::Sort::Plain(_) => {}
            files::Sort::Opaque => {
                // What kind of file it is stays, and with its NULs that it is no text.
                let packed = hidden.get_mut(files::magic(bytes)..).unwrap_or_default();
                for part in packed.split_mut(|byte| *byte == 0) {
                    fill(part, b'*');
                }
                self.enter(path, Kind::Opaque, 1);
                return hidden;
            }
            files::Sort::Fields(sort) => {
                let mut counted = BTreeMap::new();
                sort.each(bytes, &mut |range, kind| {
                    *counted.entry(kind).or_insert(0) += 1;
                    fill(hidden.get_mut(range).unwrap_or_default(), b'*');
                });
                for (kind, count) in counted {
                    self.enter(path, kind, count);
                }
                // What stands in a field of its own is hidden; the rest is looked at as it is now.
                found = formats::find(&hidden, Mode::Text);
            }
        }
        let seen = hidden.clone();
        if !is_public(path) {
            self.again(&seen, &mut found);
        }
        self.overwrite(&seen, &mut hidden, found, Some(path));
        match self.identities.get() {
            Some(identities) => identities.file(path, &hidden),
            None => hidden,
        }
    }

    /// What was hidden in files, by place and kind.
    pub fn ledger(&self) -> Vec<Entry> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let entry = |((place, kind), count)| Entry { place: self.text(place), kind, count };
        ledger.into_iter().map(entry).collect()
    }

    /// Looks for remembered secrets in what is about to leave.
    pub fn scanner(&self) -> Scanner<'_> {
        Scanner::new(self)
    }

    /// How many forms of secrets are remembered.
    pub fn len(&self) -> usize {
        self.secrets().len()
    }

    /// Nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pseudonyms in place of identities, where that was asked for.
    fn pseudonymous(&self, text: Vec<u8>) -> Vec<u8> {
        match self.identities.get() {
            Some(identities) => identities.text(&text),
            None => text,
        }
    }

    fn remember_all(&self, bytes: &[u8], found: &[Found], author: Author) {
        let remember = |kind, secret: &[u8]| self.remember_of(author, kind, secret);
        for found in found {
            let value = bytes.get(found.range.clone()).unwrap_or_default();
            // A number of JSON: elsewhere it counts something.
            if found.fill != b'*' {
                continue;
            }
            remember(found.kind, value);
            // What ends a sentence or a quotation is hardly part of it.
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
            let start = value.iter().position(is_part).unwrap_or(0);
            let end = value.iter().rposition(is_part).map_or(0, |last| last + 1);
            if let Some(core) =
                value.get(start..end).filter(|core| core.len() >= LONG && core.len() < value.len())
            {
                remember(found.kind, core);
            }
            if matches!(found.kind, Kind::HookUrl | Kind::Cookie | Kind::JsonWebToken) {
                let pieces =
                    value.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_' && *byte != b'-');
                for piece in pieces.filter(|piece| piece.len() >= 16 && pair::is_strong(piece)) {
                    remember(found.kind, piece);
                }
            }
            // The lines of a key stand in a row where line breaks were lost.
            if found.kind == Kind::PrivateKey {
                for line in value.split(u8::is_ascii_whitespace).filter(|line| line.len() >= LONG) {
                    remember(found.kind, line);
                }
            }
            // `session=X; theme=1`
            if found.kind == Kind::Cookie {
                for pair in value.split(|byte| *byte == b';') {
                    let value = memchr::memchr(b'=', pair).and_then(|equals| pair.get(equals + 1..));
                    if let Some(value) =
                        value.filter(|value| pair::is_strong(value) && !value.contains(&b' '))
                    {
                        remember(found.kind, value);
                    }
                }
            }
            let user = found.user.clone().and_then(|user| bytes.get(user)).filter(|user| !user.is_empty());
            if let Some(user) = user {
                let pair = [user, b":", value].concat();
                let coded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(pair);
                remember(found.kind, coded.as_bytes());
            }
            if found.kind == Kind::AuthorizationHeader
                && let Some(decoded) = pair::decoded(value)
                && let Some(colon) = memchr::memchr(b':', &decoded)
            {
                remember(Kind::Password, decoded.get(colon + 1..).unwrap_or_default());
            }
        }
    }

    /// Adds what is remembered and stands here again.
    fn again(&self, bytes: &[u8], found: &mut Vec<Found>) {
        let index = self.secrets();
        index.find(bytes, true, |hit| {
            if bytes.get(hit.start..hit.end).is_some_and(|text| !self.is_spared(text)) {
                let start = hit.start - usize::from(is_escaped(bytes, hit.start));
                found.push(Found::new(start..hit.end, hit.kind));
            }
            true
        });
        self.coded(&index, bytes, |range, kind| found.push(Found::new(range, kind)));
    }

    /// Overwrites what was found.
    fn overwrite(&self, bytes: &[u8], hidden: &mut [u8], mut found: Vec<Found>, place: Option<&Path>) {
        if found.is_empty() {
            return;
        }
        // What overlaps is one secret, of the kind of what begins first.
        found.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
        let mut counted: BTreeMap<Kind, u64> = BTreeMap::new();
        let mut end = 0;
        for found in found {
            if found.range.start >= end {
                let value = bytes.get(found.range.clone()).unwrap_or_default();
                *counted.entry(found.kind).or_default() += u64::from(!pair::is_masked(value));
            }
            end = end.max(found.range.end);
            fill(hidden.get_mut(found.range).unwrap_or_default(), found.fill);
        }
        if let Some(place) = place {
            for (kind, count) in counted {
                self.enter(place, kind, count);
            }
        }
    }

    /// Text in base64 in which a secret stands, all of it: `manage_agents -e` prints a line of
    /// `client.keys` so. Where it begins does not matter.
    fn coded(&self, index: &Index, text: &[u8], mut found: impl FnMut(Range<usize>, Kind)) {
        use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            GeneralPurposeConfig::new()
                .with_decode_padding_mode(DecodePaddingMode::Indifferent)
                .with_decode_allow_trailing_bits(true),
        );
        if index.len() == 0 {
            return;
        }
        for run in runs(text) {
            let Some(run_text) = text.get(run.clone()) else { continue };
            let kind = (0..4).find_map(|shift| {
                let part = run_text.get(shift..)?;
                // One letter alone is none of the code.
                let part = part.get(..part.len() - usize::from(part.len() % 4 == 1))?;
                let decoded = LENIENT.decode(part).ok()?;
                let mut kind = None;
                index.find(&decoded, false, |hit| {
                    let is_spared = decoded.get(hit.start..hit.end).is_none_or(|text| self.is_spared(text));
                    kind = (!is_spared).then_some(hit.kind);
                    is_spared
                });
                kind
            });
            if let Some(kind) = kind {
                let padding = text.iter().skip(run.end).take(2).take_while(|byte| **byte == b'=').count();
                found(run.start..run.end + padding, kind);
            }
        }
    }

    fn enter(&self, place: &Path, kind: Kind, count: u64) {
        if count > 0 {
            let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            *ledger.entry((place.to_string_lossy().into_owned(), kind)).or_default() += count;
        }
    }

    fn secrets(&self) -> MutexGuard<'_, Index> {
        // A poisoned lock still holds the secrets; losing them would leak.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Texts in base64 that are long enough for a line of `client.keys`.
fn runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    const LEAST: usize = 80;
    let is_code = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let window = text.get(at..at + LEAST)?;
            let Some(other) = window.iter().rposition(|byte| !is_code(byte)) else { break };
            at += other + 1;
        }
        let start = at;
        at += text.get(at..)?.iter().take_while(|byte| is_code(byte)).count();
        Some(start..at)
    })
}

/// Letters and digits in a row, as in no name, path, date or label.
fn has_strong_run(secret: &[u8]) -> bool {
    let runs = secret.split(|byte| !byte.is_ascii_alphanumeric());
    runs.into_iter().any(pair::is_strong)
}

/// Where a mark in a text stands in what the text has become. A name that was replaced is marked as
/// a whole when a part of it was.
fn moved(from: &[u8], to: &[u8], mark: &Range<usize>) -> Range<usize> {
    let (old_words, new_words) = (words(from), words(to));
    // How many bytes stand before the word of this number.
    let before =
        |words: &[&[u8]], number: usize| words.iter().take(number).map(|word| word.len()).sum::<usize>();
    let mut moved = mark.start.min(to.len())..mark.end.min(to.len());
    for change in similar::capture_diff_slices(similar::Algorithm::Myers, &old_words, &new_words) {
        let (tag, old, new) = change.as_tag_tuple();
        let is_same = tag == similar::DiffTag::Equal;
        let old = before(&old_words, old.start)..before(&old_words, old.end);
        let new = before(&new_words, new.start)..before(&new_words, new.end);
        if old.contains(&mark.start) {
            moved.start = if is_same { new.start + mark.start - old.start } else { new.start };
        } else if old.end == mark.start {
            moved.start = new.end;
        }
        if old.start < mark.end && mark.end <= old.end {
            moved.end = if is_same { new.start + mark.end - old.start } else { new.end };
        }
    }
    moved.start..moved.end.max(moved.start)
}

/// What may be a name or an address as one, and every other byte by itself.
fn words(text: &[u8]) -> Vec<&[u8]> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"-_.:@".contains(byte);
    text.chunk_by(|one, next| is_part(one) && is_part(next)).collect()
}

/// Line breaks stay.
fn fill(secret: &mut [u8], with: u8) {
    for byte in secret.iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
        *byte = with;
    }
}

/// What begins here is the second half of an escape (`\n`): without its first half it would be none.
fn is_escaped(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    let slashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
    slashes % 2 == 1 && bytes.get(at).is_some_and(|byte| b"\"\\/bfnrtu".contains(byte))
}

/// A secret as it was found, as it is, and as it stands in JSON, in JSON in JSON, in XML and in URLs.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut plain = vec![secret.to_vec()];
    let add = |form: Vec<u8>, to: &mut Vec<Vec<u8>>| {
        if !to.contains(&form) {
            to.push(form);
        }
    };
    if let Ok(text) = std::str::from_utf8(secret) {
        // JSON may stand in JSON.
        let mut escaped = text.to_owned();
        while escaped.contains('\\') && plain.len() < 4 {
            let quoted = escaped.replace('\n', "\\n");
            match serde_json::from_str::<String>(&format!("\"{quoted}\"")) {
                Ok(form) => escaped = form,
                Err(_) => break,
            }
            add(escaped.clone().into_bytes(), &mut plain);
        }
        // A line that goes on in the next one.
        add(text.replace("\\\r\n", "").replace("\\\n", "").into_bytes(), &mut plain);
        if secret.contains(&b'&') {
            let form = ["&lt;", "&gt;", "&quot;", "&apos;", "&#39;", "&#34;", "&amp;"]
                .iter()
                .zip(["<", ">", "\"", "'", "'", "\"", "&"])
                .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
            add(form.into_bytes(), &mut plain);
        }
        if secret.contains(&b'%')
            && let Some(form) = percent_decoded(secret)
        {
            add(form, &mut plain);
        }
    }
    let mut all = plain.clone();
    for form in plain {
        let Ok(text) = String::from_utf8(form) else { continue };
        let json = |text: &str| {
            let quoted = serde_json::to_string(text).unwrap_or_default();
            quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
        };
        let once = json(&text);
        if once != text {
            add(json(&once).into_bytes(), &mut all);
            add(once.clone().into_bytes(), &mut all);
        }
        if text.contains('/') {
            add(once.replace('/', "\\/").into_bytes(), &mut all);
        }
        if text.contains(['&', '<', '>', '"', '\'']) {
            let amp = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let quot = amp.replace('"', "&quot;");
            add(quot.replace('\'', "&apos;").into_bytes(), &mut all);
            add(quot.replace('\'', "&#39;").into_bytes(), &mut all);
            add(quot.into_bytes(), &mut all);
            add(amp.into_bytes(), &mut all);
        }
        if text.len() <= 256 && !text.contains('\n') {
            let coded: String = text
                .bytes()
                .map(|byte| {
                    let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                    if is_plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
                })
                .collect();
            add(coded.into_bytes(), &mut all);
        }
    }
    all
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = (byte == b'%').then(|| after.get(..2)).flatten();
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = after.get(2..)?;
            }
            None => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    Some(decoded)
}

/// One of its words says so, or the end of one when the value looks like a secret, too.
fn is_secret_variable(name: &[u8], value: &[u8]) -> bool {
    const WORDS: [&str; 12] = [
        "PASS",
        "PWD",
        "PW",
        "AUTH",
        "KEY",
        "SECRET",
        "TOKEN",
        "CREDENTIALS",
        "CREDENTIAL",
        "APIKEY",
        "COOKIE",
        "DSN",
    ];
    const INSIDE: [&str; 6] = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL"];
    const ENDS: [&str; 3] = ["PASS", "AUTH", "KEY"];
    const PATHS: [&str; 5] = ["SSH_AUTH_SOCK", "XAUTHORITY", "PWD", "OLDPWD", "GPG_TTY"];
    let name = name.to_ascii_uppercase();
    let is_word = |word: &[u8]| {
        WORDS.iter().any(|known| word == known.as_bytes())
            || pair::is_strong(value) && ENDS.iter().any(|end| word.ends_with(end.as_bytes()))
    };
    !PATHS.iter().any(|known| name == known.as_bytes())
        && (name.split(|byte| *byte == b'_').any(is_word)
            || INSIDE.iter().any(|part| memchr::memmem::find(&name, part.as_bytes()).is_some()))
}

/// A salt for [`Redactor::redact_identities`], from the system's source of randomness.
///
/// # Errors
///
/// There is none, or it cannot be read.
pub fn salt() -> std::io::Result<[u8; 32]> {
    let mut salt = [0; 32];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut salt)?;
    Ok(salt)
}

/// Where the secrets stand in the bytes of a file, whether or not it is well
/// formed: in elements that hold one, beside names, and in formats that are one.
pub fn secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    formats::find(bytes, Mode::of(bytes)).into_iter().map(|found| found.range).collect()
}

#[cfg(test)]
mod tests;
