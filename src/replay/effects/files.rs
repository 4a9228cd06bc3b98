//! Files: what the upper directories of the sandbox's overlays hold, against the host's own.
//!
//! The format is overlayfs' own (Linux, `Documentation/filesystems/overlayfs.rst`, "whiteouts
//! and opaque directories"): a character device 0/0 is a removed name, a directory with the
//! attribute `trusted.overlay.opaque` = `y` hides what lies below it. The overlays must be
//! mounted with `redirect_dir=off,metacopy=off`; both would need more attributes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::hash::{DefaultHasher, Hasher};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::fcntl::OFlag;

use super::lines::{self, Difference};
use super::{Layer, Options, accounts};
use crate::replay::{Effect, EffectKind};

/// Entries that are looked at, over all layers.
const MOST_ENTRIES: usize = 20_000;

/// Bytes of a file that are kept to be compared line by line.
const KEPT: u64 = 256 << 10;

/// The same for the files that hold accounts.
const KEPT_ACCOUNTS: u64 = 8 << 20;

/// Bytes that are kept of all files together; beyond that a hash is enough.
const KEPT_IN_ALL: u64 = 64 << 20;

/// Bytes of a file that are hashed; of a longer one its ends and its time of change.
const HASHED: u64 = 64 << 20;

/// Paths that are listed as effects; the rest is counted.
const MOST_EFFECTS: usize = 500;

/// A change within this time after a look may have the same time stamp as the one before.
const RACY: Duration = Duration::from_millis(50);

/// What a path is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing there.
    #[default]
    Absent,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, FIFO or socket; with its device number.
    Special(&'static str, u64),
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Absent => "nothing",
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "symbolic link",
            Self::Special(word, _) => word,
        }
    }
}

/// What is known of a file's content.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) enum Content {
    /// Not read: only its size is known.
    #[default]
    Unread,
    /// All of it.
    Bytes(Arc<[u8]>),
    /// A hash of it.
    Hash(u64),
}

impl fmt::Debug for Content {
    /// Without the content: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread => f.write_str("Unread"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Hash(_) => f.write_str("Hash"),
        }
    }
}

/// The state of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) kind: Kind,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Bytes, of a regular file only.
    size: u64,
    content: Content,
    /// Target of a symbolic link.
    target: PathBuf,
    /// Anybody on the host may read it.
    public: bool,
    /// Device, number and time of change, to know it again.
    stamp: (u64, u64, Duration),
}

impl State {
    /// The bytes, when all are known.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Unread | Content::Hash(_) => None,
        }
    }

    fn same_attributes(&self, other: &Self) -> bool {
        // The mode of a link means nothing.
        self.kind == Kind::Link || (self.mode, self.uid, self.gid) == (other.mode, other.uid, other.gid)
    }

    fn same_content(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.size == other.size
            && self.target == other.target
            && match (&self.content, &other.content) {
                (Content::Bytes(a), Content::Bytes(b)) => a == b,
                (Content::Hash(a), Content::Hash(b)) => a == b,
                (Content::Bytes(bytes), Content::Hash(hash))
                | (Content::Hash(hash), Content::Bytes(bytes)) => hash_of(bytes) == *hash,
                (Content::Unread, Content::Unread) => true,
                (Content::Unread, _) | (_, Content::Unread) => self.kind != Kind::File,
            }
    }

    /// The same for whoever uses it: time stamps do not count.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.kind == Kind::Absent && other.kind == Kind::Absent
            || self.same_content(other) && self.same_attributes(other)
    }

    /// Why there are no lines of its content, beyond that it may be secret.
    fn why_no_lines(&self) -> Option<&'static str> {
        if self.kind != Kind::File {
            return None;
        }
        match self.bytes() {
            Some(bytes) if bytes.contains(&0) || std::str::from_utf8(bytes).is_err() => {
                Some("binary, so no lines are shown")
            }
            Some(_) => None,
            None => Some("too large to show its lines"),
        }
    }

    /// The lines of a text file that anybody may read.
    fn lines(&self, path: &Path) -> Option<Vec<String>> {
        if self.kind == Kind::Absent {
            return Some(Vec::new());
        }
        if self.kind != Kind::File || !self.public || is_secret(path) {
            return None;
        }
        let text = std::str::from_utf8(self.bytes()?).ok()?;
        (!text.contains('\0')).then(|| text.lines().map(str::to_owned).collect())
    }
}

/// A path of an upper directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    now: State,
    /// The host's own, which is there again once the entry is gone.
    lower: State,
}

/// The paths that were touched since the sandbox was made.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    entries: BTreeMap<PathBuf, Entry>,
    looked_at: Duration,
    kept: u64,
    /// What could not be looked at, in words.
    pub(super) notes: Vec<String>,
}

/// Two worlds are equal when nothing changed between them; when one looked is not part of that.
impl PartialEq for Files {
    fn eq(&self, other: &Self) -> bool {
        self.paths(other).into_iter().all(|path| self.state(path, other).same(&other.state(path, self)))
    }
}

impl Eq for Files {}

impl Files {
    /// Looks at the upper directories.
    pub(super) fn look(layers: &[Layer], options: &Options, previous: Option<&Self>) -> Self {
        let mut files = Self { looked_at: now(), ..Self::default() };
        for layer in layers {
            files.walk(layer, layers, options, previous);
        }
        files
    }

    /// Looks at paths of the host itself, and at what they are links to.
    pub(super) fn look_at(paths: &[PathBuf]) -> Self {
        let mut files = Self { looked_at: now(), ..Self::default() };
        for path in paths {
            let state = files.read(path, true, None);
            if state.kind == Kind::Link
                && let Ok(target) = std::fs::canonicalize(path)
            {
                let now = files.read(&target, true, None);
                files.entries.insert(target, Entry { now, lower: State::default() });
            }
            files.entries.insert(path.clone(), Entry { now: state, lower: State::default() });
        }
        files
    }

    /// Whether a path is not as on the host.
    pub(super) fn touched(&self, is: impl Fn(&Path) -> bool) -> bool {
        self.entries.iter().any(|(path, entry)| is(path) && !entry.now.same(&entry.lower))
    }

    fn walk(&mut self, layer: &Layer, layers: &[Layer], options: &Options, previous: Option<&Self>) {
        let open = layer.mount.ancestors().skip(1).all(|above| {
            // A path that cannot be looked at is taken for closed.
            std::fs::symlink_metadata(above).is_ok_and(|metadata| metadata.mode() & 0o001 != 0)
        });
        let root = self.read(&layer.upper.join("."), open, None);
        let open = open && root.mode & 0o001 != 0;
        let lower =
            layer.lower.as_ref().map(|lower| self.read(&lower.join("."), open, None)).unwrap_or_default();
        self.entries.insert(layer.mount.clone(), Entry { now: root, lower });
        let mut todo = vec![(layer.upper.clone(), layer.lower.clone(), layer.mount.clone(), open, false)];
        while let Some((upper, lower, mount, open, covered)) = todo.pop() {
            let names = match std::fs::read_dir(&upper) {
                Ok(names) => names,
                Err(error) => {
                    self.notes.push(format!("cannot look into {}: {error}", mount.display()));
                    continue;
                }
            };
            // What lies in an opaque directory is opaque without a mark of its own.
            let marked =
                || matches!(xattr::get(&upper, "trusted.overlay.opaque"), Ok(Some(value)) if value == b"y");
            let opaque = lower.is_some() && (covered || marked());
            let mut seen = std::collections::BTreeSet::new();
            for name in names.filter_map(Result::ok).map(|entry| entry.file_name()) {
                let path = mount.join(&name);
                if opaque {
                    seen.insert(name.clone());
                }
                // What lies under a mount cannot be seen, let alone changed.
                if options.leaves_out(&path) || layers.iter().any(|other| other.mount == path) {
                    continue;
                }
                if self.entries.len() >= MOST_ENTRIES {
                    self.notes.push(format!(
                        "more than {MOST_ENTRIES} files were touched; the rest was not looked at"
                    ));
                    return;
                }
                // A home is often closed to others as a whole, and still no secret.
                let open = open || options.home.as_deref().is_some_and(|home| path.starts_with(home));
                let known = previous.and_then(|previous| Some((previous, previous.entries.get(&path)?)));
                let mut now =
                    self.read(&upper.join(&name), open, known.map(|(files, entry)| (files, &entry.now)));
                if layer.lower.is_some() && now.kind == Kind::Special("character device", 0) {
                    now = State::default();
                }
                let entry = self.against(now, lower.as_ref().map(|lower| lower.join(&name)), open, known);
                if entry.now.kind == Kind::Directory {
                    let lower = lower
                        .as_ref()
                        .filter(|_| entry.lower.kind == Kind::Directory)
                        .map(|lower| lower.join(&name));
                    let open = open && entry.now.mode & 0o001 != 0;
                    todo.push((upper.join(&name), lower, path.clone(), open, opaque));
                }
                self.entries.insert(path, entry);
            }
            if let (true, Some(lower)) = (opaque, lower) {
                self.hidden(&lower, &mount, &seen, options, open);
            }
        }
    }

    /// Puts down what an opaque directory hides of the host's.
    fn hidden(
        &mut self,
        lower: &Path,
        mount: &Path,
        seen: &std::collections::BTreeSet<std::ffi::OsString>,
        options: &Options,
        open: bool,
    ) {
        for name in std::fs::read_dir(lower).into_iter().flatten().filter_map(Result::ok) {
            let path = mount.join(name.file_name());
            if seen.contains(&name.file_name())
                || options.leaves_out(&path)
                || self.entries.len() >= MOST_ENTRIES
            {
                continue;
            }
            let entry = self.against(State::default(), Some(name.path()), open, None);
            self.entries.insert(path, entry);
        }
    }

    fn against(
        &mut self,
        now: State,
        lower: Option<PathBuf>,
        open: bool,
        known: Option<(&Self, &Entry)>,
    ) -> Entry {
        let wanted = |state: &State| now.kind == Kind::File && now.size == state.size;
        let lower = match (known, lower) {
            // The host goes on meanwhile: what it was at the first look is what counts.
            (Some((_, entry)), _) if entry.lower.content != Content::Unread || !wanted(&entry.lower) => {
                entry.lower.clone()
            }
            (_, None) => State::default(),
            (_, Some(path)) => {
                let mut state = describe(&path, open);
                if state.size <= kept_of(&path) || wanted(&state) {
                    self.fill(&mut state, &path);
                }
                state
            }
        };
        Entry { now, lower }
    }

    /// The state of a path; `known` spares reading it again.
    fn read(&mut self, path: &Path, open: bool, known: Option<(&Self, &State)>) -> State {
        let mut state = describe(path, open);
        if let Some((files, known)) = known
            && known.stamp == state.stamp
            && known.size == state.size
            && state.stamp.2 + RACY < files.looked_at
            && (known.content != Content::Unread || state.kind != Kind::File)
        {
            state.content = known.content.clone();
            return state;
        }
        self.fill(&mut state, path);
        state
    }

    fn fill(&mut self, state: &mut State, path: &Path) {
        if state.kind != Kind::File {
            return;
        }
        let keep = state.size <= kept_of(path) && self.kept.saturating_add(state.size) <= KEPT_IN_ALL;
        match content(path, state.size, keep) {
            Ok(content) => {
                if let Content::Bytes(bytes) = &content {
                    self.kept = self.kept.saturating_add(bytes.len() as u64);
                }
                state.content = content;
            }
            Err(error) => self.notes.push(format!("cannot read {}: {error}", path.display())),
        }
    }

    /// The state of a path that is an entry here or in `other`.
    fn state(&self, path: &Path, other: &Self) -> State {
        if let Some(entry) = self.entries.get(path) {
            return entry.now.clone();
        }
        let covered = path
            .ancestors()
            .skip(1)
            .any(|above| self.entries.get(above).is_some_and(|entry| entry.now.kind != Kind::Directory));
        match other.entries.get(path) {
            Some(entry) if !covered => entry.lower.clone(),
            _ => State::default(),
        }
    }

    fn paths<'a>(&'a self, other: &'a Self) -> std::collections::BTreeSet<&'a PathBuf> {
        self.entries.keys().chain(other.entries.keys()).collect()
    }

    /// The accounts; `other` knows the files that are as on the host here.
    pub(super) fn accounts(&self, other: &Self) -> accounts::Accounts {
        let states = accounts::FILES.map(|path| self.state(Path::new(path), other));
        let [passwd, shadow, group] = states.each_ref().map(State::bytes);
        accounts::parse(passwd, shadow, group)
    }

    /// What is different in `later`.
    pub(super) fn changes(&self, later: &Self) -> Vec<Effect> {
        let mut effects = Vec::new();
        // Files of which the effect on accounts says all.
        let mut told = Vec::new();
        for (index, path) in accounts::FILES.iter().enumerate() {
            let (old, new) = (self.state(Path::new(path), later), later.state(Path::new(path), self));
            let parse = |state: &State| {
                let mut files = [None; 3];
                if let Some(file) = files.get_mut(index) {
                    *file = state.bytes();
                }
                let [passwd, shadow, group] = files;
                accounts::parse(passwd, shadow, group)
            };
            // A file that is gone is more than its accounts.
            if old.bytes().is_some() && new.bytes().is_some() && parse(&old) != parse(&new) {
                told.push(Path::new(path));
            }
        }
        if !told.is_empty() {
            let changes = accounts::changes(&self.accounts(later), &later.accounts(self));
            for (what, change) in changes {
                effects.push(effect(EffectKind::Account, what, change));
            }
        }
        let pairs: Vec<(&PathBuf, State, State)> = self
            .paths(later)
            .into_iter()
            .map(|path| (path, self.state(path, later), later.state(path, self)))
            .filter(|(_, old, new)| !old.same(new))
            .collect();
        let gone: std::collections::BTreeSet<&Path> = pairs
            .iter()
            .filter(|(_, old, new)| old.kind == Kind::Directory && new.kind != Kind::Directory)
            .map(|(path, ..)| path.as_path())
            .collect();
        let mut more = 0_usize;
        for (at, (path, old, new)) in pairs.iter().enumerate() {
            let is_told = told.contains(&path.as_path()) && old.same_attributes(new);
            // A new directory is told by what is in it. Sorted, what is in it comes next.
            let holds = new.kind == Kind::Directory
                && old.kind == Kind::Absent
                && pairs
                    .get(at + 1..)
                    .unwrap_or_default()
                    .iter()
                    .take_while(|(below, ..)| below.starts_with(path))
                    .any(|(below, _, state)| state.kind != Kind::Absent && !is_helper(below));
            // An old one that is gone tells what was in it.
            let swept = path.ancestors().skip(1).any(|above| gone.contains(above));
            if is_told || holds || swept || is_helper(path) {
                continue;
            }
            if effects.len() >= MOST_EFFECTS {
                more += 1;
                continue;
            }
            effects.push(of_file(path, old, new));
        }
        if more > 0 {
            let change = format!("{more} more paths changed");
            effects.push(effect(EffectKind::File, "other files".to_owned(), change));
        }
        effects
    }

    /// Whether what `effect` says of `self` and `after` is taken back in `end`.
    pub(super) fn taken_back(&self, after: &Self, end: &Self, effect: &Effect) -> Option<bool> {
        // `end` may know a path that is new to the others, never the other way round.
        let both = |path: &Path| (self.state(path, after), after.state(path, self));
        if effect.kind == EffectKind::Account {
            let nothing = accounts::Account::new();
            let (before, added) = (self.accounts(after), after.accounts(self));
            // What neither touched before the delete did is as in `after`.
            let last = end.accounts(after);
            let of = |accounts: &accounts::Accounts| accounts.get(&effect.what).unwrap_or(&nothing).clone();
            return Some(accounts::undone(&of(&before), &of(&added), &of(&last)));
        }
        let path = self.paths(after).into_iter().find(|path| path.to_string_lossy() == effect.what)?;
        let (before, added) = both(path);
        let last = if end.entries.contains_key(path) || !after.entries.contains_key(path) {
            end.state(path, self)
        } else {
            end.state(path, after)
        };
        if before.kind == Kind::Directory && added.kind != Kind::Directory {
            // It went with what was in it, so it must come back with that.
            let mut within = self.paths(end).into_iter().filter(|below| below.starts_with(path));
            let whole = within.all(|below| self.state(below, end).same(&end.state(below, self)));
            return Some(whole && last.same(&before));
        }
        if last.same(&before) {
            return Some(true);
        }
        let new_directory =
            (before.kind, added.kind, last.kind) == (Kind::Absent, Kind::Directory, Kind::Directory);
        if new_directory {
            // An empty directory that stays does nothing by itself.
            return None;
        }
        if !last.same_attributes(&before) && before.kind != Kind::Absent {
            return Some(false);
        }
        // Something else may have been written to it; and what had no file may have an empty one.
        let lists = [&before, &added, &last].map(text);
        let [Some(before), Some(added), Some(last)] = lists else { return Some(false) };
        lines::undone(&before, &added, &last, |_| true).or(Some(false))
    }
}

fn effect(kind: EffectKind, what: String, change: String) -> Effect {
    Effect { kind, what, change, added: Vec::new(), removed: Vec::new(), taken_back: None }
}

/// Lines to compare, never to show.
fn text(state: &State) -> Option<Vec<String>> {
    match state.kind {
        Kind::Absent => Some(Vec::new()),
        Kind::File => Some(String::from_utf8_lossy(state.bytes()?).lines().map(str::to_owned).collect()),
        _ => None,
    }
}

fn of_file(path: &Path, old: &State, new: &State) -> Effect {
    let mut words = Vec::new();
    let mode = |state: &State| format!("mode {:o}", state.mode);
    let size = |state: &State| match state.size {
        1 => "1 byte".to_owned(),
        n => format!("{n} bytes"),
    };
    match (old.kind, new.kind) {
        (Kind::Absent, Kind::File) => words.extend(["created".to_owned(), size(new), mode(new)]),
        (Kind::Absent, Kind::Link) => {
            words.push(format!("symbolic link to {} created", new.target.display()))
        }
        (Kind::Absent, kind) => words.extend([format!("{} created", kind.word()), mode(new)]),
        (Kind::File, Kind::Absent) => words.extend(["removed".to_owned(), format!("was {}", size(old))]),
        (Kind::Link, Kind::Absent) => {
            words.push(format!("symbolic link to {} removed", old.target.display()));
        }
        (kind, Kind::Absent) => words.push(format!("{} removed", kind.word())),
        (was, is) if std::mem::discriminant(&was) != std::mem::discriminant(&is) => {
            words.push(format!("{} replaced by {}", was.word(), is.word()));
        }
        _ => {
            if old.target != new.target {
                words.push(format!(
                    "now a link to {}, was to {}",
                    new.target.display(),
                    old.target.display()
                ));
            } else if !old.same_content(new) {
                words.push(if old.size == new.size {
                    format!("changed, {}", size(new))
                } else {
                    format!("changed, {} -> {}", old.size, size(new))
                });
            }
            if old.kind != Kind::Link && old.mode != new.mode {
                words.push(format!("mode {:o} -> {:o}", old.mode, new.mode));
            }
            if old.kind != Kind::Link && (old.uid, old.gid) != (new.uid, new.gid) {
                words.push(format!("owner {}:{} -> {}:{}", old.uid, old.gid, new.uid, new.gid));
            }
        }
    }
    let either = old.kind == Kind::File || new.kind == Kind::File;
    if either && !old.same_content(new) {
        words.extend([old, new].iter().find_map(|state| state.why_no_lines()).map(str::to_owned));
    }
    let mut effect = effect(EffectKind::File, path.to_string_lossy().into_owned(), words.join(", "));
    if let (true, Some(before), Some(after)) = (either, old.lines(path), new.lines(path)) {
        let difference = Difference::between(&before, &after);
        effect.added = lines::cut(&difference.added);
        effect.removed = lines::cut(&difference.removed);
    }
    effect
}

/// Never shown, whatever its mode.
fn is_secret(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let name = name.strip_suffix(b"-").or(name.strip_suffix(b"+")).unwrap_or(name);
    matches!(
        name,
        b"shadow"
            | b"gshadow"
            | b"passwd"
            | b"group"
            | b"opasswd"
            | b"master.passwd"
            | b"nshadow"
            | b"npasswd"
    ) || matches!(path.extension().map(OsStrExt::as_bytes), Some(b"key" | b"pem"))
        || matches!(name, b"client.keys" | b"authd.pass")
}

/// What `passwd`, `usermod` and the like leave beside the files they change.
fn is_helper(path: &Path) -> bool {
    let Some(name) = path.strip_prefix("/etc").ok().map(|name| name.as_os_str().as_bytes()) else {
        return false;
    };
    let database =
        |name: &[u8]| matches!(name, b"passwd" | b"shadow" | b"group" | b"gshadow" | b"subuid" | b"subgid");
    name == b".pwd.lock"
        || name == b"nshadow"
        || name == b"npasswd"
        || [&b"-"[..], b"+", b".lock"].iter().any(|end| name.strip_suffix(*end).is_some_and(database))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn kept_of(path: &Path) -> u64 {
    let accounts = accounts::FILES.iter().any(|file| Path::new(file).file_name() == path.file_name());
    if accounts { KEPT_ACCOUNTS } else { KEPT }
}

/// The state of a path but for its content. One that cannot be looked at is taken for absent.
fn describe(path: &Path, open: bool) -> State {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return State::default() };
    let kind = kind(&metadata);
    let file = kind == Kind::File;
    State {
        kind,
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: if file { metadata.len() } else { 0 },
        content: Content::Unread,
        target: if kind == Kind::Link {
            std::fs::read_link(path).unwrap_or_default()
        } else {
            PathBuf::new()
        },
        public: open && metadata.mode() & 0o004 != 0,
        stamp: (
            metadata.dev(),
            metadata.ino(),
            Duration::new(
                u64::try_from(metadata.ctime()).unwrap_or(0),
                u32::try_from(metadata.ctime_nsec()).unwrap_or(0),
            ),
        ),
    }
}

fn kind(metadata: &Metadata) -> Kind {
    let kind = metadata.file_type();
    if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        Kind::Link
    } else if kind.is_char_device() {
        Kind::Special("character device", metadata.rdev())
    } else if kind.is_block_device() {
        Kind::Special("block device", metadata.rdev())
    } else if kind.is_fifo() {
        Kind::Special("FIFO", 0)
    } else {
        Kind::Special("socket", 0)
    }
}

fn content(path: &Path, size: u64, keep: bool) -> std::io::Result<Content> {
    // Neither a link nor a FIFO that has taken the file's place since is followed or waited for.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).bits();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Content::Unread);
    }
    if keep {
        let mut bytes = Vec::new();
        file.take(size.saturating_add(1)).read_to_end(&mut bytes)?;
        return Ok(Content::Bytes(bytes.into()));
    }
    let mut hasher = DefaultHasher::new();
    if size > HASHED {
        hasher.write_i64(metadata.mtime());
        hasher.write_i64(metadata.mtime_nsec());
        hash_into(&mut hasher, &mut (&mut file).take(1 << 20))?;
        file.seek(SeekFrom::End(-(1 << 20)))?;
    }
    hash_into(&mut hasher, &mut (&mut file as &mut File).take(HASHED))?;
    Ok(Content::Hash(hasher.finish()))
}

fn hash_into(hasher: &mut DefaultHasher, from: &mut impl Read) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => hasher.write(buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests;
