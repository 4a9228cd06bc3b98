//! analysisd's rules: which files are read, what becomes of each rule, which responses it
//! starts.
//!
//! [`files::files`] gives the files in analysisd's order, [`load`] reads them into the tree
//! analysisd searches, with every message it logs on the way, [`Ruleset::never_final`] tells
//! of rules that cannot be the last word on an event, [`bind`] which responses a rule
//! starts and [`fires`] whether a response runs for an event, or the first thing that
//! stops it.
//!
//! What a rule looks for in an event is kept as text: whether an event has it is for
//! wazuh-logtest to say. Claims are made only where they hold for every event.
//!
//! Model: `src/analysisd/rules.c`, `rules_list.c`, `analysisd.c w_process_event_thread` and
//! `alerts/exec.c`, 4.14.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::ossec_conf::LogLevel;
use super::version::Version;
use super::xml::{self, Document, Span};

pub mod files;
pub mod os_regex;

mod bind;
mod fires;
mod groups;
mod read;
mod tree;
mod variables;
mod words;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod cases;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr)]
mod tests;

pub use bind::{Bound, Miss, RuleFacts, Unbindable, bind};
pub use fires::{
    AgentVersion, Event, Fires, Message as AgentMessage, Reason, Sent, Target, Verdict, bound, fires, sent,
    stopped_for_all,
};
pub use tree::{Never, Silence};

/// Messages of one rules file that are kept; the oldest go first
/// (`src/analysisd/logmsg.h ERRORLIST_MAXSIZE`, 4.14).
pub const MAX_MESSAGES: usize = 50;
/// Fields a rule may name, unless `analysisd.decoder_order_size` says otherwise
/// (`etc/internal_options.conf`, 4.14).
pub const MAX_FIELDS: usize = 256;
/// `timeframe` in seconds unless given (`analysisd.default_timeframe`, 4.14).
pub const DEFAULT_TIMEFRAME: u32 = 360;

/// Nodes of the tree that are followed; the stock rules make 6,000. Rules with two parents each,
/// layer upon layer, double their number every time, in analysisd until its memory ends.
pub const MAX_NODES: usize = 1 << 17;

/// What is known of a rules file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// All of them.
    Bytes(&'a [u8]),
    /// All of them, and what they say.
    Parsed(&'a Parsed<'a>),
    /// analysisd cannot open it: 1103 with this number and text of the system's error.
    Missing(i32, &'a str),
    /// Only we cannot read it, so nothing is known of its rules.
    Unknown,
}

/// A rules or decoder file as OS_XML reads it. Files do not depend on each other here, so that
/// several can be read at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    is_empty: bool,
    /// With the variables put in.
    document: Result<Document<Cow<'a, [u8]>>, xml::Error>,
    variables: Result<(), variables::Fault>,
}

impl<'a> Parsed<'a> {
    /// Reads a file.
    pub fn of(bytes: &'a [u8]) -> Self {
        let mut document = xml::parse_in_place(bytes);
        let variables = document.as_mut().map_or(Ok(()), |document| variables::apply(bytes, document));
        Self { is_empty: bytes.is_empty(), document, variables }
    }

    /// Why OS_XML refuses the file; nothing when it does not.
    pub fn refused(&self) -> Option<&xml::Error> {
        self.document.as_ref().err()
    }
}

/// A rules file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceFile<'a> {
    /// The path analysisd uses.
    pub path: &'a [u8],
    /// What is in it.
    pub content: Content<'a>,
}

/// What rules are held against besides each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// The manager's version.
    pub version: Option<Version>,
    /// Names of all decoders; none when they are not known, then `decoded_as` is not checked.
    pub decoders: Option<&'a BTreeSet<Vec<u8>>>,
    /// The lists that could be opened; none when they are not known.
    pub lists: Option<&'a [files::List]>,
    /// `analysisd.decoder_order_size`, [`MAX_FIELDS`] when not known.
    pub max_fields: Option<usize>,
}

/// Decoders that exist without a file (`src/analysisd/decoders/decode-xml.c SetDecodeXML`
/// and the modules' names, 4.14).
pub const BUILT_IN_DECODERS: &[&str] = &[
    "rootcheck",
    "syscheck_integrity_changed",
    "syscheck_new_entry",
    "syscheck_deleted",
    "syscheck_registry_key_modified",
    "syscheck_registry_key_added",
    "syscheck_registry_key_deleted",
    "syscheck_registry_value_modified",
    "syscheck_registry_value_added",
    "syscheck_registry_value_deleted",
    "hostinfo_new",
    "hostinfo_modified",
    "syscollector",
    "ciscat",
    "windows_eventchannel",
    "sca",
];

/// The names in a decoder file; nothing when it cannot be read. A child decoder's name counts
/// too, although no event ever bears it unless `use_own_name` is set.
pub fn decoder_names(file: &Parsed<'_>) -> Option<BTreeSet<Vec<u8>>> {
    let document = file.document.as_ref().ok().filter(|_| file.variables.is_ok())?;
    let mut names = BTreeSet::new();
    for root in document.roots.iter().filter(|root| root.name.eq_ignore_ascii_case(b"decoder")) {
        let named = root.attributes.iter().filter(|one| one.name.eq_ignore_ascii_case(b"name"));
        names.extend(named.map(|attribute| attribute.value.to_vec()));
    }
    Some(names)
}

/// The first stage a rule belongs to; only rules of the decoder's kind are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// `syslog`, unless said otherwise.
    Syslog,
    /// `firewall`
    Firewall,
    /// `ids`
    Ids,
    /// `web-log`
    WebLog,
    /// `squid`
    Squid,
    /// `windows`
    Windows,
    /// `ossec`
    Ossec,
}

/// Something a rule asks of the event itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The element, `match` or `field` for example; `maxsize` for the attribute.
    pub name: &'static str,
    /// The field's name, for `field` and `list`.
    pub of: Option<Vec<u8>>,
    /// The text, joined when the element is repeated.
    pub text: Vec<u8>,
    /// `negate="yes"`
    pub negated: bool,
}

/// What a composite rule looks for among the events before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// It is no composite rule, or an overwrite left nothing to search with.
    None,
    /// `if_matched_sid`: alerts of one rule.
    Sid,
    /// `if_matched_group`: alerts of rules of a group.
    Group,
    /// All events (`if_matched_regex`).
    Events,
}

/// Where a rule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Ruleset::files`].
    pub file: usize,
    /// The line OS_XML counts.
    pub line: u64,
    /// The element.
    pub span: Span,
}

/// A rule as it is after everything was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number.
    pub id: u32,
    /// The level alerts bear.
    pub level: u32,
    /// The level responses are bound by: 0 for a rule with `accuracy="0"`, whatever it says
    /// (`Rule_AddAR`).
    pub response_level: u32,
    /// The level while loading, by which siblings are ordered.
    pub(crate) sort_level: u32,
    /// The first definition.
    pub place: Place,
    /// `overwrite="yes"` definitions, the last one is in force.
    pub overwrites: Vec<Place>,
    /// The text groups are searched in: `<group name>` and the `<group>`s joined without a
    /// separator.
    pub group: Vec<u8>,
    /// The group text of the first definition, when an overwrite brought another one.
    pub group_before: Option<Vec<u8>>,
    /// First stage.
    pub category: Category,
    /// `frequency` as written.
    pub frequency: Option<u32>,
    /// Seconds.
    pub timeframe: u32,
    /// The attribute `ignore`, seconds: after an alert the parent takes over for that long.
    pub ignore_time: u32,
    /// `noalert="1"`: only its children can win.
    pub noalert: bool,
    /// `<options>no_ar`.
    pub no_ar: bool,
    /// `<options>log_alert` or `no_log`, whichever is last; the level decides otherwise.
    pub log: Option<bool>,
    /// `decoded_as`
    pub decoded_as: Option<Vec<u8>>,
    /// What it asks of the event.
    pub conditions: Vec<Condition>,
    /// `if_fts`
    pub fts: bool,
    /// `check_diff`
    pub check_diff: bool,
    /// Something is looked for among earlier events.
    pub composite: bool,
    /// What.
    pub search: Search,
    /// `<check_if_ignored>`
    pub check_if_ignored: bool,
    /// `if_sid`, of the first definition; set from `if_matched_sid` when there is no other.
    pub if_sid: Option<Vec<u8>>,
    /// `if_group`, likewise.
    pub if_group: Option<Vec<u8>>,
    /// `if_level`
    pub if_level: Option<Vec<u8>>,
    /// `if_matched_sid`, 0 for none.
    pub if_matched_sid: u32,
    /// `if_matched_group`
    pub if_matched_group: Option<Vec<u8>>,
    /// The earlier alerts a composite rule counts can exist: some rule of that number or
    /// group was loaded before it.
    pub has_sources: bool,
    /// Rules whose alerts it counts: indices into [`Ruleset::rules`].
    pub sources: Vec<usize>,
    /// `<description>`, variables of the event unexpanded.
    pub description: Vec<u8>,
}

impl Rule {
    /// True when the rule asks nothing beyond what its parents ask.
    pub fn is_unconditional(&self) -> bool {
        self.decoded_as.is_none()
            && self.conditions.is_empty()
            && !self.fts
            && !self.check_diff
            && !(self.composite && self.search != Search::None)
    }

    /// The definition in force.
    pub fn place_in_force(&self) -> Place {
        self.overwrites.last().copied().unwrap_or(self.place)
    }
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// 1103: the file cannot be opened and is skipped.
    MissingFile,
    /// 1226: OS_XML refuses the file.
    UnreadableXml,
    /// 1227: a variable.
    BadVariable,
    /// 1202: no element in the file.
    NoElement,
    /// A root element that is not `<group name="...">`.
    BadRoot,
    /// A group without a rule.
    EmptyGroup,
    /// An element in a group that is not `rule`, or a rule without attributes.
    NotARule,
    /// A rule's attribute.
    BadAttribute {
        /// Its name as written.
        name: Vec<u8>,
    },
    /// Neither the number nor the level may be missing.
    NoIdOrLevel,
    /// 7612: the number is taken; the rule is skipped.
    Duplicate,
    /// 7613: nothing to overwrite; the rule is loaded as a new one.
    NothingToOverwrite,
    /// 7605: an option that an overwrite does not change.
    NotOverwritten {
        /// The option.
        option: &'static str,
    },
    /// 7605 of 4.3.0 alone: an overwrite that names parents is left out.
    OverwriteRefused,
    /// A rule without elements, or an element nobody knows.
    BadElement {
        /// Its name; empty for none.
        name: Vec<u8>,
    },
    /// A value that is refused.
    BadValue {
        /// The element.
        element: &'static str,
    },
    /// A pattern that does not compile.
    BadPattern {
        /// The element.
        element: &'static str,
    },
    /// 1104: a text of 2048 bytes or more is dropped.
    TooLong {
        /// The element.
        element: &'static str,
    },
    /// `decoded_as` names no decoder.
    UnknownDecoder {
        /// The name.
        name: Vec<u8>,
    },
    /// No `<description>`.
    NoDescription,
    /// `frequency` and the like without `if_matched_...`.
    FrequencyAlone,
    /// 7616: the list is not loaded; the rule is skipped.
    ListNotLoaded {
        /// The name.
        name: Vec<u8>,
    },
    /// 7618: something else than numbers; the rule is skipped.
    BadIfSid,
    /// 7607: an odd character behind the numbers; what stood before it counts.
    IfSidCut,
    /// 7617, up to 4.3.7 7606: one of the parents is not there.
    MissingParent {
        /// Its number.
        id: u32,
    },
    /// 7619: no parent is there; the rule is skipped.
    NoParent,
    /// 7620, up to 4.3.7 7606: the rule is skipped.
    MissingSource {
        /// Its number.
        id: u32,
    },
    /// 7615: the rule is skipped.
    BadIfMatchedSid,
    /// 7609: the rule is skipped.
    BadIfLevel {
        /// The value.
        value: Vec<u8>,
    },
    /// 7608: no rule of that level; the rule is skipped.
    NoSuchLevel {
        /// The level as logged, times 100.
        level: i32,
    },
    /// 7610: no rule of that group; the rule is skipped.
    NoSuchGroup {
        /// The pattern.
        group: Vec<u8>,
    },
    /// 7611: no root rule of that category; the rule is skipped.
    NoSuchCategory,
    /// Something else that is only said: an old option, the MITRE part.
    Remark,
}

/// A line analysisd logs while it reads rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What about.
    pub kind: MessageKind,
    /// Level.
    pub level: LogLevel,
    /// Number.
    pub number: Option<u32>,
    /// The text as logged, with the number.
    pub text: Vec<u8>,
    /// The rule's number, when it was known.
    pub rule: Option<u32>,
    /// Where.
    pub place: Place,
    /// analysisd exits.
    pub fatal: bool,
    /// The rule is not loaded.
    pub drops_rule: bool,
    /// False for messages beyond [`MAX_MESSAGES`], which are lost, and for what older versions do
    /// without a word.
    pub logged: bool,
}

/// One node of the tree; a rule with several parents has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Index into [`Ruleset::rules`].
    pub rule: usize,
    /// The node it hangs below; none for a root.
    pub parent: Option<usize>,
    /// Children in the order they are tried.
    pub children: Vec<usize>,
}

/// All rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// In the order they were loaded.
    pub rules: Vec<Rule>,
    /// `Total rules enabled` is their number.
    pub nodes: Vec<Node>,
    /// Rules below 10, in the order they are tried.
    pub roots: Vec<usize>,
    /// Paths.
    pub files: Vec<Vec<u8>>,
    /// Files whose content is not known: what follows from a rule's absence is then open.
    pub unknown_files: Vec<usize>,
    /// The tree would have more than [`MAX_NODES`].
    pub overgrown: bool,
    /// Everything that is logged, in order; after a fatal one comes nothing.
    pub messages: Vec<Message>,
    by_id: HashMap<u32, usize>,
    groups: groups::Groups,
    nodes_of: Vec<Vec<usize>>,
}

/// Reads rules files in this order.
pub fn load(files: &[SourceFile<'_>], surroundings: &Surroundings<'_>) -> Ruleset {
    let mut loading = Loading::new(surroundings);
    files.iter().for_each(|file| loading.file(file));
    loading.end()
}

/// Rules files being read one after the other, so that not all of them need be there at once.
pub struct Loading<'a> {
    reader: read::Reader<'a>,
}

impl<'a> Loading<'a> {
    /// Before the first file.
    pub fn new(surroundings: &'a Surroundings<'_>) -> Self {
        Self { reader: read::Reader::new(surroundings) }
    }

    /// Reads the next file; none is read after one that ends analysisd.
    pub fn file(&mut self, file: &SourceFile<'_>) {
        if !self.reader.set.is_fatal() {
            self.reader.load(file);
        }
    }

    /// After the last file.
    pub fn end(self) -> Ruleset {
        self.reader.set
    }
}

impl Ruleset {
    /// The rule of this number.
    pub fn rule(&self, id: u32) -> Option<&Rule> {
        self.rules.get(self.index(id)?)
    }

    /// Its index.
    pub fn index(&self, id: u32) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// True when analysisd exits while it reads the rules.
    pub fn is_fatal(&self) -> bool {
        self.messages.last().is_some_and(|message| message.fatal)
    }

    /// The message that says why analysisd ends at the rules; the last one, 1220, only names the
    /// file.
    pub fn refusal(&self) -> Option<&Message> {
        let last = self.messages.last().filter(|message| message.fatal)?;
        self.messages.iter().rfind(|message| message.fatal && message.number != Some(1220)).or(Some(last))
    }

    /// What analysisd logs about the fault at which it ends, in order; nothing when it goes on.
    pub fn last_words(&self) -> &[Message] {
        let Some(refusal) = self.refusal() else { return &[] };
        let of_it = |message: &&Message| message.fatal || message.place == refusal.place;
        let count = self.messages.iter().rev().take_while(of_it).count();
        self.messages.get(self.messages.len() - count..).unwrap_or_default()
    }

    /// True when no rule can be missing only because we could not read its file.
    pub fn is_complete(&self) -> bool {
        self.unknown_files.is_empty() && !self.overgrown
    }

    /// The nodes of a rule.
    pub fn nodes_of(&self, rule: usize) -> &[usize] {
        self.nodes_of.get(rule).map(Vec::as_slice).unwrap_or_default()
    }

    /// Why a number has no rule although one is written: the messages that dropped it.
    pub fn dropped(&self, id: u32) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |message| message.drops_rule && message.rule == Some(id))
    }

    fn node(&self, node: usize) -> Option<(&Node, &Rule)> {
        let node = self.nodes.get(node)?;
        Some((node, self.rules.get(node.rule)?))
    }
}
