//! The rules of a manager as analysisd loads them: its files joined with the model.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};

use super::{CONFIG_LIMIT, Facts, TextFile};
use crate::findings::Evidence;
use crate::host::{Fact, FileType, Gap, Host};
use crate::redact::Redactor;
use crate::wazuh::ossec_conf::ResponseBlock;
use crate::wazuh::rules::files::{self, Files};
use crate::wazuh::rules::{
    self, BUILT_IN_DECODERS, Bound, Content, Loading, MAX_MESSAGES, Message, MessageKind, Never, Parsed,
    Place, RuleFacts, Ruleset, SourceFile, Surroundings, Unbindable,
};
use crate::wazuh::version::Contract;
use crate::wazuh::xml::{self, Element};

/// Rules files that are parsed before the first of them is loaded.
const AHEAD: usize = 32;

/// Why OS_XML refuses a file and where, by path; nothing for a file it accepts.
pub type Refused = HashMap<PathBuf, Option<Box<(xml::Error, Evidence)>>>;

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
    /// Of each rules and decoder file that could be read, why OS_XML refuses it, and where;
    /// nothing when it accepts it.
    pub refused: Refused,
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

    /// Rules analysisd left out or changed as it loaded them, in its order; overwrites that
    /// repeat what the first definition says are none.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        let mut group: Vec<&Message> = Vec::new();
        let mut flush = |group: &mut Vec<&Message>| {
            let found = self.change(group);
            group.clear();
            changes.extend(found);
        };
        for message in &self.set.messages {
            // Several parents of one rule are one matter; a second definition is another one.
            if group.last().is_some_and(|last| last.place != message.place || last.rule != message.rule) {
                flush(&mut group);
            }
            group.push(message);
        }
        flush(&mut group);
        // Its parents come first, so one pass is enough.
        let mut roots: BTreeMap<u32, u32> = BTreeMap::new();
        for change in &mut changes {
            change.because = change.missing.iter().find_map(|parent| roots.get(parent).copied());
            if let (Some(id), true) = (change.rule.filter(|&id| self.set.index(id).is_none()), change.dropped)
            {
                roots.insert(id, change.because.unwrap_or(id));
            }
        }
        changes
    }

    fn change(&self, messages: &[&Message]) -> Option<Change> {
        let last = messages.iter().rfind(|message| !matches!(message.kind, MessageKind::Remark))?;
        if messages.iter().any(|message| message.fatal) {
            return None;
        }
        let options: Vec<&str> = messages
            .iter()
            .filter_map(|message| match message.kind {
                MessageKind::NotOverwritten { option } => Some(option),
                _ => None,
            })
            .filter(|option| {
                let first = last.rule.and_then(|id| self.set.rule(id));
                !first.is_some_and(|first| self.says_the_same(first.place, last.place, option))
            })
            .collect();
        let missing: Vec<u32> = messages
            .iter()
            .filter_map(|message| match message.kind {
                MessageKind::MissingParent { id } | MessageKind::MissingSource { id } => Some(id),
                _ => None,
            })
            .collect();
        let parents = missing.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let dropped = messages.iter().any(|message| message.drops_rule);
        let lossy = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        let words = match &last.kind {
            MessageKind::MissingFile => "cannot be opened: none of its rules is loaded".to_owned(),
            MessageKind::Duplicate => {
                let first = last.rule.and_then(|id| self.set.rule(id)).map(|first| self.at(first.place));
                format!("is left out: its number is taken by {}", first.unwrap_or_default())
            }
            MessageKind::NothingToOverwrite => {
                "is loaded as a new rule: there is none of this number to overwrite".to_owned()
            }
            MessageKind::OverwriteRefused => {
                "is left out: this version takes no overwrite that names if_sid, if_group or if_level"
                    .to_owned()
            }
            MessageKind::NotOverwritten { .. } if options.is_empty() => return None,
            MessageKind::NotOverwritten { .. } => {
                format!("overwrites all but <{}>, which stays as it was", options.join("> and <"))
            }
            MessageKind::BadIfSid => {
                "is left out: its <if_sid> holds something else than numbers".to_owned()
            }
            MessageKind::IfSidCut if dropped => {
                "is left out: an odd character stands in its <if_sid>".to_owned()
            }
            MessageKind::IfSidCut => {
                "hangs below the rules before the odd character in its <if_sid> only; it is not ignored as the log says".to_owned()
            }
            MessageKind::NoParent => {
                format!("is left out: no parent in its <if_sid> ({parents}) is loaded before it")
            }
            MessageKind::MissingParent { .. } if dropped => {
                format!("is left out: its parent {parents} is not loaded before it")
            }
            MessageKind::MissingParent { .. } => {
                format!("hangs below fewer rules than it names: {parents} is not loaded before it")
            }
            MessageKind::MissingSource { id } => {
                format!("is left out: rule {id} of its <if_matched_sid> is not loaded before it")
            }
            MessageKind::BadIfMatchedSid => "is left out: its <if_matched_sid> is no number".to_owned(),
            MessageKind::BadIfLevel { value } => {
                format!("is left out: its <if_level> is {}", lossy(value))
            }
            MessageKind::NoSuchLevel { .. } => {
                "is left out: no rule of the level in its <if_level> is loaded before it".to_owned()
            }
            MessageKind::NoSuchGroup { group } => {
                format!("is left out: no rule of the group {} is loaded before it", lossy(group))
            }
            MessageKind::NoSuchCategory => {
                "is left out: no rule of its category is loaded before it".to_owned()
            }
            MessageKind::ListNotLoaded { name } => {
                format!("is left out: the list {} is not loaded", lossy(name))
            }
            MessageKind::TooLong { element } => {
                format!("loses the text of its <{element}>, which is too long")
            }
            MessageKind::BadAttribute { name } => {
                format!("is loaded without its {}, whose value is not known", lossy(name))
            }
            MessageKind::BadValue { element } | MessageKind::BadPattern { element } => {
                format!("is loaded, but an attribute of its <{element}> is not taken")
            }
            _ => return None,
        };
        let mut numbers: Vec<u32> = messages.iter().filter_map(|message| message.number).collect();
        numbers.dedup();
        Some(Change {
            rule: last.rule,
            place: last.place,
            numbers,
            dropped: dropped || matches!(last.kind, MessageKind::MissingFile),
            logged: messages.iter().any(|message| message.logged),
            overwrite: matches!(last.kind, MessageKind::NotOverwritten { .. }),
            missing,
            because: None,
            words,
        })
    }

    /// Whether an overwrite repeats what the first definition says.
    pub fn says_the_same(&self, first: Place, second: Place, option: &str) -> bool {
        let said = |place: Place| -> Option<Vec<Vec<u8>>> {
            let document = xml::parse(self.text(place)?).ok()?;
            let mut texts = Vec::new();
            for root in &document.roots {
                texts.extend(
                    root.attributes
                        .iter()
                        .filter(|one| one.name == option.as_bytes())
                        .map(|one| one.value.clone()),
                );
                texts.extend(
                    root.children_named(option).map(|child: &Element| child.content.trim_ascii().to_vec()),
                );
            }
            Some(texts)
        };
        said(first).is_some_and(|texts| Some(texts) == said(second))
    }

    /// What a response is bound to.
    pub fn binding(&self, block: &ResponseBlock) -> Binding {
        let bound = self.set.bound_rules(block);
        let id = |index: usize| self.set.rules.get(index).map(|rule| rule.id);
        let mut without_response = Vec::new();
        for rule in block.rule_ids.iter().filter_map(|&id| self.set.rule(id)) {
            if let Some(why) = RuleFacts::of(rule).unbindable()
                && !without_response.contains(&(rule.id, why))
            {
                without_response.push((rule.id, why));
            }
        }
        let mut missing = self.set.missing_ids(block);
        missing.sort_unstable();
        missing.dedup();
        Binding {
            missing,
            without_response,
            never_last: bound
                .iter()
                .filter_map(|&(index, _)| Some((id(index)?, self.set.never_final(index)?)))
                .collect(),
            rules: bound.iter().filter_map(|&(index, bound)| Some((id(index)?, bound))).collect(),
        }
    }
}

/// A rule that is not loaded as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number; none for a whole file.
    pub rule: Option<u32>,
    /// Where it is written.
    pub place: Place,
    /// Numbers of what analysisd logs about it.
    pub numbers: Vec<u32>,
    /// It is not loaded at all.
    pub dropped: bool,
    /// analysisd says so; it keeps the last [`MAX_MESSAGES`] of a file, and older versions are silent
    /// about overwrites.
    pub logged: bool,
    /// It is an overwrite that keeps an option as it was.
    pub overwrite: bool,
    /// Numbers it needs that are not loaded before it.
    pub missing: Vec<u32>,
    /// The rule with the fault, when this one is only left out because that one is.
    pub because: Option<u32>,
    /// What becomes of it, in words behind its name.
    pub words: String,
}

impl Change {
    /// `7617, 7619`, or why there is none.
    pub fn numbers_shown(&self) -> String {
        let numbers: Vec<String> = self.numbers.iter().map(u32::to_string).collect();
        match (self.logged, numbers.is_empty()) {
            (false, _) => format!("not logged: only the last {MAX_MESSAGES} of a file are"),
            (true, true) => "logged without a number".to_owned(),
            (true, false) => numbers.join(", "),
        }
    }
}

/// The rules a response is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Numbers, and what binds, in the order they are loaded.
    pub rules: Vec<(u32, Bound)>,
    /// Numbers in `rules_id` that no loaded rule has.
    pub missing: Vec<u32>,
    /// Numbers in `rules_id` of rules that never start a response.
    pub without_response: Vec<(u32, Unbindable)>,
    /// Bound rules that no event ends with.
    pub never_last: Vec<(u32, Never)>,
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
    let (host, redactor) = (facts.host, facts.redactor);
    let (decoder_paths, rule_paths) = (of(&files.decoders), of(&files.rules));
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

    let why_refused = |path: &Path, bytes: &[u8], parsed: &Parsed<'_>| {
        parsed.refused().map(|error| Box::new(super::refused(home, path, bytes, error.clone())))
    };
    let rule_files: Vec<OnceLock<Fact<Vec<u8>>>> = rule_paths.iter().map(|_| OnceLock::new()).collect();
    let mut refused = Refused::new();
    let set = std::thread::scope(|scope| {
        // Another thread reads and parses rules files ahead of the loading, but not far: memory
        // that is used again costs less than more of it.
        let (ahead, parsed) = mpsc::sync_channel(AHEAD);
        let to_parse = rule_paths.iter().zip(&rule_files);
        scope.spawn(move || {
            for (path, file) in to_parse {
                let bytes = file.get_or_init(|| read_one(host, redactor, home, path)).get();
                if ahead.send(bytes.map(|bytes| Parsed::of(bytes))).is_err() {
                    return;
                }
            }
        });

        let built_in = BUILT_IN_DECODERS.iter().map(|name| name.as_bytes().to_vec());
        let mut decoders = Some(built_in.collect::<BTreeSet<_>>());
        for path in decoder_paths {
            let bytes = read_one(host, redactor, home, &path);
            let own = bytes.get().and_then(|bytes| {
                let parsed = Parsed::of(bytes);
                refused.insert(path.clone(), why_refused(&path, bytes, &parsed));
                rules::decoder_names(&parsed)
            });
            decoders = decoders.zip(own).map(|(mut all, own)| {
                all.extend(own);
                all
            });
        }
        let surroundings = Surroundings {
            version: facts.version(),
            decoders: decoders.as_ref(),
            lists: lists.as_deref(),
            max_fields: None,
        };
        let mut loading = Loading::new(&surroundings);
        for ((named, path), (file, parsed)) in
            files.rules.iter().zip(&rule_paths).zip(rule_files.iter().zip(parsed))
        {
            let bytes = file.get();
            if let (Some(bytes), Some(parsed)) = (bytes.and_then(Fact::get), &parsed) {
                refused.insert(path.clone(), why_refused(path, bytes, parsed));
            }
            let content = match (&parsed, bytes.and_then(Fact::unknown)) {
                (Some(parsed), _) => Content::Parsed(parsed),
                (None, Some(_)) => Content::Unknown,
                (None, None) => Content::Missing(2, "No such file or directory"),
            };
            loading.file(&SourceFile { path: &named.path, content });
        }
        loading.end()
    });
    let gap = rule_files.iter().find_map(|file| file.get().and_then(Fact::unknown));
    let bytes = rule_files.into_iter().map(|file| file.into_inner().and_then(Fact::into_known)).collect();
    Fact::known(SOURCE, Rules { set, files, gap, refused, bytes })
}

/// Where analysisd opens a path: it has made the home its root directory by then.
fn opened(home: &Path, path: &[u8]) -> PathBuf {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    home.join(std::ffi::OsStr::from_bytes(path))
}

fn read_one(host: &dyn Host, redactor: &Redactor, home: &Path, path: &Path) -> Fact<Vec<u8>> {
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
        redactor.mark(&content.bytes);
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
