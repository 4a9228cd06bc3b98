//! The file from the outside: roots, the names of sections, and the shared bookkeeping.

use std::collections::HashMap;

use super::super::ar_conf;
use super::super::behavior::{AR_CONF_REMOVED, COMMAND_SECTION_REMOVED};
use super::super::version::Version;
use super::super::xml::{self, Document, Element, Span};
use super::{
    ArFlag, ClientSection, Cluster, Configuration, DaemonLog, ExecdReading, LogLevel, Logging, Problem,
    ProblemKind, Role, commented, daemons, responses, sections,
};

/// The system Wazuh runs on, as far as it changes which sections exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// Linux.
    Linux,
    /// macOS.
    MacOs,
    /// Windows: agent only.
    Windows,
    /// Any other Unix.
    OtherUnix,
}

/// Bits for the readers of a section, as `src/config/config.h` has them for the daemons.
pub(super) mod reader {
    pub(in super::super) const GLOBAL: u32 = 1;
    pub(in super::super) const RULES: u32 = 1 << 1;
    pub(in super::super) const ALERTS: u32 = 1 << 2;
    pub(in super::super) const LOCALFILE: u32 = 1 << 3;
    pub(in super::super) const REMOTE: u32 = 1 << 4;
    pub(in super::super) const CLIENT: u32 = 1 << 5;
    pub(in super::super) const MAIL: u32 = 1 << 6;
    pub(in super::super) const RESPONSES: u32 = 1 << 7;
    pub(in super::super) const CLUSTER: u32 = 1 << 8;
    pub(in super::super) const MODULES: u32 = 1 << 9;
    pub(in super::super) const TAMPERING: u32 = 1 << 10;
    pub(in super::super) const SYSCHECK: u32 = 1 << 11;
    pub(in super::super) const ROOTCHECK: u32 = 1 << 12;
    /// A reader whose sections are not looked into.
    pub(in super::super) const OTHER: u32 = 0;
}

/// What a message does to the daemon that logs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It reads on.
    Go,
    /// It gives up.
    Fatal,
    /// It dies; nothing is logged.
    Crash,
    /// It reads the same element for ever; nothing is logged.
    Hang,
}

/// One step of a reader that can be seen from outside.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) log: DaemonLog,
    pub(super) stop: Stop,
    pub(super) problem: Option<usize>,
}

/// One root or section with what its readers have to say about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// False for a root element: then `ReadConfig` does not add a 1202 of its own.
    pub(super) inside: bool,
    /// Said to every daemon.
    pub(super) always: Vec<Item>,
    /// Said to the daemons with this reader.
    pub(super) by: Vec<(u32, Vec<Item>)>,
    /// The response that analysisd appends to ar.conf behind this section.
    pub(super) ar_line: Option<usize>,
}

/// A fault on its way into the list.
pub(super) struct Fault {
    pub(super) kind: ProblemKind,
    pub(super) number: Option<u32>,
    pub(super) level: LogLevel,
    pub(super) text: Vec<u8>,
    pub(super) span: Span,
    pub(super) line: u64,
    pub(super) stop: Stop,
}

/// Everything that grows while the file is gone through.
pub(super) struct Ctx<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) comments: &'a [xml::Comment],
    pub(super) role: Role,
    pub(super) version: Option<Version>,
    pub(super) problems: Vec<Problem>,
    pub(super) global: sections::GlobalState,
    seen: HashMap<(usize, usize, Vec<u8>), usize>,
}

impl Ctx<'_> {
    /// Enters a fault, once per place and message, and gives it to the reader that met it.
    pub(super) fn fault(&mut self, items: &mut Vec<Item>, fault: Fault) -> usize {
        let Fault { kind, number, level, text, span, line, stop } = fault;
        let key = (span.start, span.end, text.clone());
        let index = match self.seen.get(&key) {
            Some(&index) if self.problems.get(index).is_some_and(|known| known.kind == kind) => index,
            _ => {
                self.problems.push(Problem {
                    kind,
                    number,
                    level,
                    text: text.clone(),
                    span,
                    line,
                    fatal_for: Vec::new(),
                    logged_by: Vec::new(),
                    consequence_of: None,
                });
                let index = self.problems.len() - 1;
                self.seen.insert(key, index);
                index
            }
        };
        items.push(Item { log: DaemonLog { level, number, text }, stop, problem: Some(index) });
        index
    }

    /// A value that is refused: 1235.
    pub(super) fn bad_value(
        &mut self,
        items: &mut Vec<Item>,
        element: &'static str,
        written: &Element,
    ) -> usize {
        self.bad_text(items, element, &written.name, &written.content, value_place(written), written.line)
    }

    /// The same for a text that is not the whole value of an element.
    pub(super) fn bad_text(
        &mut self,
        items: &mut Vec<Item>,
        element: &'static str,
        shown: &[u8],
        text: &[u8],
        span: Span,
        line: u64,
    ) -> usize {
        self.fault(
            items,
            Fault {
                kind: ProblemKind::BadValue { element },
                number: Some(1235),
                level: LogLevel::Error,
                text: value_error(shown, text),
                span,
                line,
                stop: Stop::Fatal,
            },
        )
    }

    /// An element nobody knows: 1230.
    pub(super) fn unknown(&mut self, items: &mut Vec<Item>, kind: ProblemKind, written: &Element) -> usize {
        self.fault(
            items,
            Fault {
                kind,
                number: Some(1230),
                level: LogLevel::Error,
                text: invalid_element(&written.name),
                span: written.name_span,
                line: written.line,
                stop: Stop::Fatal,
            },
        )
    }

    /// A fatal message about an element's value.
    pub(super) fn fatal(
        &mut self,
        items: &mut Vec<Item>,
        kind: ProblemKind,
        number: Option<u32>,
        text: Vec<u8>,
        written: &Element,
    ) -> usize {
        self.fault(
            items,
            Fault {
                kind,
                number,
                level: LogLevel::Error,
                text,
                span: value_place(written),
                line: written.line,
                stop: Stop::Fatal,
            },
        )
    }

    /// A warning about an element's value.
    pub(super) fn warning(
        &mut self,
        items: &mut Vec<Item>,
        kind: ProblemKind,
        number: Option<u32>,
        text: Vec<u8>,
        written: &Element,
    ) -> usize {
        self.fault(
            items,
            Fault {
                kind,
                number,
                level: LogLevel::Warning,
                text,
                span: value_place(written),
                line: written.line,
                stop: Stop::Go,
            },
        )
    }
}

/// Where to point at for an element's value: the value, or the element when that is empty.
pub(super) fn value_place(element: &Element) -> Span {
    if element.content_span.start < element.content_span.end { element.content_span } else { element.span }
}

/// `(1230)`
pub(super) fn invalid_element(name: &[u8]) -> Vec<u8> {
    [b"(1230): Invalid element in the configuration: '", name, b"'."].concat()
}

/// `(1235)`
pub(super) fn value_error(element: &[u8], text: &[u8]) -> Vec<u8> {
    [b"(1235): Invalid value for element '", element, b"': ", text, b"."].concat()
}

/// `yes` or `no`, exactly.
pub(super) fn yes_no(text: &[u8]) -> Option<bool> {
    match text {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

/// Only digits, or nothing (`src/os_regex/os_regex_str.c OS_StrIsNum`, 4.14).
pub(super) fn is_number(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// Splits at a character, into at most `most` pieces of which the last keeps the rest. A
/// backslash before the character hides it and goes away (`src/os_regex/os_regex_strbreak.c
/// OS_StrBreak`, 4.14). Each piece comes with the offset it begins at.
pub(super) fn str_break(at: u8, text: &[u8], most: usize) -> Vec<(usize, Vec<u8>)> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut begin = 0;
    let mut before = None;
    for (offset, &byte) in text.iter().enumerate() {
        if byte == at && pieces.len() + 1 < most {
            if before == Some(b'\\') {
                piece.pop();
                piece.push(byte);
            } else {
                pieces.push((begin, std::mem::take(&mut piece)));
                begin = offset + 1;
            }
        } else {
            piece.push(byte);
        }
        before = Some(byte);
    }
    pieces.push((begin, piece));
    pieces
}

/// How a section's name is known.
struct Section {
    name: &'static str,
    /// It must have a child element.
    needs_child: bool,
    since: Option<Version>,
    /// The platforms' builds that lack it.
    not_on: &'static [Platform],
    /// An agent warns that it is for managers.
    manager_only: bool,
}

const fn section(name: &'static str, needs_child: bool) -> Section {
    Section { name, needs_child, since: None, not_on: &[], manager_only: false }
}

impl Section {
    const fn since(mut self, major: u16, minor: u16, patch: u16) -> Self {
        self.since = Some(Version::new(major, minor, patch));
        self
    }

    const fn not_on(mut self, platforms: &'static [Platform]) -> Self {
        self.not_on = platforms;
        self
    }

    const fn manager_only(mut self) -> Self {
        self.manager_only = true;
        self
    }
}

const WINDOWS: &[Platform] = &[Platform::Windows];
const OTHER_UNIX: &[Platform] = &[Platform::OtherUnix];

/// `src/config/config.c read_main_elements`, 4.14; the dates from the tags. The server and
/// the agent build know the same names.
const SECTIONS_4: &[Section] = &[
    section("global", true),
    section("email_alerts", true),
    section("database_output", true),
    section("syslog_output", true),
    section("integration", true),
    section("agentless", true),
    section("ruleset", true).not_on(WINDOWS),
    section("syscheck", false),
    section("rootcheck", false),
    section("alerts", true),
    section("localfile", true),
    section("remote", true),
    section("client", true),
    section("anti_tampering", true).since(4, 10, 0).not_on(WINDOWS),
    section("client_buffer", false),
    section("command", true),
    section("active-response", true),
    section("reports", true).not_on(WINDOWS),
    section("wodle", false),
    section("sca", false),
    section("vulnerability-detection", false).since(4, 8, 0).manager_only(),
    section("vulnerability-detector", false).manager_only(),
    section("indexer", false).since(4, 8, 0).manager_only(),
    section("gcp-pubsub", false),
    section("gcp-bucket", false).since(4, 3, 0),
    section("fluent-forward", false).not_on(WINDOWS),
    section("auth", false).not_on(WINDOWS),
    section("labels", true),
    section("logging", false),
    section("cluster", true),
    section("socket", true),
    section("rule_test", true),
    section("agent-upgrade", true),
    section("task-manager", true).manager_only(),
    section("wdb", true).since(4, 4, 0).manager_only(),
    section("github", true).since(4, 3, 0).not_on(OTHER_UNIX),
    section("office365", true).since(4, 3, 0).not_on(OTHER_UNIX),
    section("ms-graph", true).since(4, 6, 0).not_on(OTHER_UNIX),
];

/// `src/config/src/config.c read_main_elements`, 5.0.0-beta4 and branch 5.0.0 (`agent`).
const SECTIONS_5: &[Section] = &[
    section("global", true),
    section("syscheck", false),
    section("rootcheck", false),
    section("localfile", true),
    section("remote", true),
    section("agent", true),
    section("client", true),
    section("anti_tampering", true).not_on(WINDOWS),
    section("client_buffer", false),
    section("active-response", false),
    section("wodle", false),
    section("sca", false),
    section("agent-info", false),
    section("vulnerability-detection", false).manager_only(),
    section("vulnerability-detector", false).manager_only(),
    section("indexer", false).manager_only(),
    section("gcp-pubsub", false),
    section("gcp-bucket", false),
    section("auth", false).not_on(WINDOWS),
    section("logging", false),
    section("cluster", false),
    section("socket", true),
    section("agent-upgrade", true),
    section("task-manager", true).manager_only(),
    section("wdb", true).manager_only(),
    section("github", true).not_on(OTHER_UNIX),
    section("office365", true).not_on(OTHER_UNIX),
    section("ms-graph", true).not_on(OTHER_UNIX),
];

/// The name of the root element.
pub(super) fn root_name(role: Role, version: Option<Version>) -> &'static str {
    if role == Role::Manager && COMMAND_SECTION_REMOVED.holds(version) {
        "wazuh_config"
    } else {
        "ossec_config"
    }
}

/// The file name the daemons give in messages.
pub(super) fn file_name(role: Role, version: Option<Version>) -> &'static str {
    if role == Role::Manager && COMMAND_SECTION_REMOVED.holds(version) {
        "etc/wazuh-manager.conf"
    } else {
        "etc/ossec.conf"
    }
}

pub(super) fn read(bytes: &[u8], role: Role, version: Option<Version>, platform: Platform) -> Configuration {
    let xml = xml::parse(bytes);
    let mut conf = Configuration {
        // Replaced at the end; until then the tree is borrowed.
        xml: xml::parse(&[]),
        role,
        commands: Vec::new(),
        responses: Vec::new(),
        problems: Vec::new(),
        daemons: Vec::new(),
        white_list: Vec::new(),
        log_alert_level: None,
        email_alert_level: None,
        alerts_log: None,
        jsonout_output: None,
        client: ClientSection::default(),
        remotes: Vec::new(),
        localfiles: Vec::new(),
        ruleset: Vec::new(),
        cluster: Cluster::default(),
        logging: Logging { plain: true, ..Logging::default() },
        execd: ExecdReading::default(),
        ar_flag: ArFlag::default(),
        ar_conf: Vec::new(),
        commented_blocks: Vec::new(),
    };
    let writes_ar_conf = role == Role::Manager && !AR_CONF_REMOVED.holds(version);
    let entries = match &xml {
        Ok(document) => {
            let mut ctx = Ctx {
                bytes,
                comments: &document.comments,
                role,
                version,
                problems: Vec::new(),
                global: sections::GlobalState::default(),
                seen: HashMap::new(),
            };
            conf.commented_blocks = commented::find(bytes, document);
            let entries = walk(&mut ctx, &mut conf, document, platform);
            let before = sections::before_all(&mut ctx, &mut conf, document, &entries);
            responses::finish(&mut conf);
            let run = daemons::Run { ctx, conf: &mut conf, entries: &entries, before, platform };
            run.all();
            entries
        }
        Err(error) => {
            daemons::unreadable(&mut conf, error, version);
            Vec::new()
        }
    };
    if writes_ar_conf {
        conf.ar_conf = ar_conf::builtin_text(version);
        let silent = conf.logging.invalid.is_none();
        for entry in &entries {
            let items = || {
                entry.always.iter().chain(
                    entry
                        .by
                        .iter()
                        .filter(|(who, _)| who & reader::RESPONSES != 0)
                        .flat_map(|(_, items)| items),
                )
            };
            // The first message starts the logger; one that cannot start ends the daemon.
            if items().any(|item| item.stop != Stop::Go || !silent) {
                break;
            }
            if let Some(response) = entry.ar_line
                && responses::push_ar_line(&mut conf, response).is_break()
            {
                break;
            }
        }
    }
    conf.xml = xml;
    conf
}

fn walk(ctx: &mut Ctx<'_>, conf: &mut Configuration, document: &Document, platform: Platform) -> Vec<Entry> {
    let wanted = root_name(ctx.role, ctx.version);
    let five = COMMAND_SECTION_REMOVED.holds(ctx.version);
    let names = if five { SECTIONS_5 } else { SECTIONS_4 };
    let known: HashMap<&[u8], &Section> = names
        .iter()
        .filter(|section| {
            !section.not_on.contains(&platform)
                && section.since.is_none_or(|since| ctx.version.is_none_or(|version| version.at_least(since)))
        })
        .map(|section| (section.name.as_bytes(), section))
        .collect();
    let mut entries = Vec::new();
    let mut state = responses::State::default();
    for (root, element) in document.roots.iter().enumerate() {
        if element.name != wanted.as_bytes() {
            let mut entry = Entry::default();
            ctx.unknown(&mut entry.always, ProblemKind::WrongRoot, element);
            entries.push(entry);
            continue;
        }
        for child in &element.children {
            let mut entry = Entry { inside: true, ..Entry::default() };
            match known.get(child.name.as_slice()) {
                None => {
                    ctx.unknown(&mut entry.always, ProblemKind::UnknownSection, child);
                }
                Some(section) if section.needs_child && child.children.is_empty() => {
                    ctx.unknown(&mut entry.always, ProblemKind::EmptySection, child);
                }
                Some(section) => {
                    if section.manager_only && ctx.role == Role::Agent {
                        let text =
                            [section.name.as_bytes(), b" configuration is only set in the manager."].concat();
                        ignored(ctx, &mut entry, text, child);
                    }
                    match section.name {
                        "command" => responses::command(ctx, conf, &mut state, &mut entry, child, root),
                        "active-response" => {
                            responses::response(ctx, conf, &mut state, &mut entry, child, root);
                        }
                        _ if !five => sections::section(ctx, conf, &mut entry, child),
                        _ => {}
                    }
                }
            }
            entries.push(entry);
        }
    }
    entries
}

/// A section that is taken and has no effect.
pub(super) fn ignored(ctx: &mut Ctx<'_>, entry: &mut Entry, text: Vec<u8>, element: &Element) {
    ctx.fault(
        &mut entry.always,
        Fault {
            kind: ProblemKind::IgnoredSection,
            number: None,
            level: LogLevel::Warning,
            text,
            span: element.name_span,
            line: element.line,
            stop: Stop::Go,
        },
    );
}
