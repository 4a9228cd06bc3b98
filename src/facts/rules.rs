//! The rules of a manager as analysisd loads them: its files joined with the model.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{CONFIG_LIMIT, Facts, TextFile};
use crate::findings::Evidence;
use crate::host::{Fact, FileType, Gap, Host};
use crate::wazuh::rules::files::{self, Files};
use crate::wazuh::rules::{
    self, BUILT_IN_DECODERS, Content, Never, Place, Ruleset, SourceFile, Surroundings, Unbindable,
};
use crate::wazuh::version::Contract;

/// The rules of a manager.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What analysisd makes of them.
    pub set: Ruleset,
    /// The files `<ruleset>` names.
    pub files: Files,
    /// The first thing that kept a file from being read; nothing that follows from a rule's
    /// absence may be said then.
    pub gap: Option<Gap>,
    /// The bytes of the rules files, as [`Ruleset::files`] counts them.
    bytes: Vec<Option<Vec<u8>>>,
}

impl Rules {
    /// A rule's place as an excerpt.
    pub fn excerpt(&self, place: Place, label: impl Into<String>) -> Evidence {
        let shown = self.shown(place.file);
        let label = label.into();
        match self.bytes.get(place.file).and_then(Option::as_ref) {
            Some(bytes) => {
                let bytes = Fact::known(shown.clone(), bytes.clone());
                TextFile::of_bytes(shown.clone(), PathBuf::from(shown), bytes).excerpt(place.span, label)
            }
            None => Evidence::Observation { source: shown, text: label },
        }
    }

    /// The text at a place.
    pub fn text(&self, place: Place) -> Option<&[u8]> {
        self.bytes.get(place.file)?.as_ref()?.get(place.span.start..place.span.end)
    }

    /// The path of a rules file as reports name it.
    pub fn shown(&self, file: usize) -> String {
        self.set.files.get(file).map_or_else(String::new, |path| String::from_utf8_lossy(path).into_owned())
    }

    /// `etc/rules/local_rules.xml:3`
    pub fn at(&self, place: Place) -> String {
        format!("{}:{}", self.shown(place.file), place.line)
    }
}

/// Reads the rules of a manager; a 5.x manager has none of these.
pub(super) fn read(facts: &Facts<'_>) -> Fact<Rules> {
    const SOURCE: &str = "ruleset";
    if facts.is_bare() {
        return Fact::not_collected(SOURCE, "only a configuration file was given");
    }
    if facts.install.is_agent() || facts.contract() == Contract::Json5 {
        return Fact::not_collected(SOURCE, "there are no rules of 4.x here");
    }
    let Some(conf) = &facts.config().read else {
        return facts.config().file.bytes.as_ref().and_then(|_| crate::host::Value::Absent);
    };
    let gap = std::cell::RefCell::new(None::<Gap>);
    let list = |directory: &[u8]| {
        let path = facts.under_home(&String::from_utf8_lossy(directory));
        let names = facts.list(&path);
        if let Some(why) = names.unknown() {
            gap.borrow_mut().get_or_insert(why);
        }
        names.get().map(|names| names.iter().map(|name| name.as_bytes().to_vec()).collect())
    };
    let files = files::files(conf, &list);
    if let Some(gap) = gap.borrow_mut().take() {
        return gap.into_fact();
    }
    let home = facts.install.home.as_path();
    let of = |named: &[files::Named]| -> Vec<PathBuf> {
        named.iter().map(|named| opened(home, &named.path)).collect()
    };
    let decoder_files = read_all(facts.host, home, &of(&files.decoders));
    let rule_files = read_all(facts.host, home, &of(&files.rules));

    let names = decoder_files.iter().map(|file| file.get().and_then(|bytes| rules::decoder_names(bytes)));
    let decoders: Option<BTreeSet<Vec<u8>>> = names.collect::<Option<Vec<_>>>().map(|sets| {
        let built_in = BUILT_IN_DECODERS.iter().map(|name| name.as_bytes().to_vec());
        sets.into_iter().flatten().chain(built_in).collect()
    });
    let lists = files
        .lists
        .iter()
        .map(|list| {
            let found = facts.resolve(&opened(home, &list.text));
            match (found.unknown(), found.get()) {
                (Some(_), _) => None,
                (None, there) => Some(there.map(|_| list.clone())),
            }
        })
        .collect::<Option<Vec<_>>>()
        .map(|lists| lists.into_iter().flatten().collect::<Vec<_>>());

    let sources: Vec<SourceFile<'_>> = files
        .rules
        .iter()
        .zip(&rule_files)
        .map(|(named, bytes)| SourceFile {
            path: &named.path,
            content: match (bytes.get(), bytes.unknown()) {
                (Some(bytes), _) => Content::Bytes(bytes),
                (None, Some(_)) => Content::Unknown,
                (None, None) => Content::Missing(2, "No such file or directory"),
            },
        })
        .collect();
    let surroundings = Surroundings {
        version: facts.version(),
        decoders: decoders.as_ref(),
        lists: lists.as_deref(),
        max_fields: None,
    };
    let set = rules::load(&sources, &surroundings);
    let gap = rule_files.iter().find_map(Fact::unknown);
    let bytes = rule_files.into_iter().map(|file| file.get().cloned()).collect();
    Fact::known(SOURCE, Rules { set, files, gap, bytes })
}

/// Where analysisd opens a path: it has made the home its root directory by then.
fn opened(home: &Path, path: &[u8]) -> PathBuf {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    home.join(std::ffi::OsStr::from_bytes(path))
}

/// Reads files on as many threads as there are processors.
fn read_all(host: &dyn Host, home: &Path, paths: &[PathBuf]) -> Vec<Fact<Vec<u8>>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let share = paths.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let readers: Vec<_> = paths
            .chunks(share)
            .map(|paths| {
                scope.spawn(move || paths.iter().map(|path| read_one(host, home, path)).collect::<Vec<_>>())
            })
            .collect();
        readers
            .into_iter()
            .flat_map(|reader| reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn read_one(host: &dyn Host, home: &Path, path: &Path) -> Fact<Vec<u8>> {
    let shown = path.display().to_string();
    // From its own root directory analysisd may see something else behind a link.
    if host.entry(path).get().is_some_and(|entry| entry.file_type == FileType::Symlink)
        && !host.resolve(path).get().is_some_and(|target| target.path.starts_with(home))
    {
        return Fact::failed(shown, "is a link that leads out of the home, which analysisd does not follow");
    }
    host.read(path, CONFIG_LIMIT).and_then(|content| {
        if content.truncated || content.changed_while_read {
            return crate::host::Value::Failed("is too large, or changed while it was read".to_owned());
        }
        crate::host::Value::Known(content.bytes)
    })
}

/// Why no response is ever bound to a rule, in words behind its number.
pub const fn unbindable_words(why: Unbindable) -> &'static str {
    match why {
        Unbindable::LevelZero => "has level 0",
        Unbindable::WithoutAccuracy => "has accuracy=\"0\", which counts as level 0 for responses",
        Unbindable::NoAr => "has <options>no_ar</options>",
    }
}

/// Why no event ends with a rule, in words behind its number.
pub fn never_words(never: Never) -> String {
    match never {
        Never::NoAlert => "is only a step on the way to its children (noalert=\"1\")".to_owned(),
        Never::ChildTakesAll { child } => {
            format!("always loses to its child {child}, which has no condition of its own")
        }
        Never::SiblingTakesAll { sibling, instead_of } => format!(
            "is never tried: rule {sibling} is tried before rule {instead_of} and has no condition of its own"
        ),
        Never::NothingToCount => "counts alerts of a rule that is not loaded before it".to_owned(),
        Never::CountsSilent { source } => {
            format!("counts alerts of rule {source}, which never makes one")
        }
        Never::Unreachable { ancestor } => {
            format!("hangs below rule {ancestor}, which can never match")
        }
    }
}
