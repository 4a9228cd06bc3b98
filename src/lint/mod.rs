//! What the text of a response script shows, without running it.
//!
//! [`lint`] takes the bytes of a script and gives the faults that can be seen in them, the
//! programs and modules it needs, and the fields of the message it reads. A front end per
//! language ([`shell`], [`python`], [`perl`]) lowers the text to the order in which it reads,
//! writes and acts; [`flow`] holds that against what execd does. Nothing here is proven: the
//! best is likely, and `ar-doctor replay` proves.

mod code;
mod flow;
mod jq;
mod message;
mod perl;
mod perl_syntax;
mod python;
mod python_syntax;
mod shell;
mod shell_syntax;
mod shell_tools;
mod suppress;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::Range;

pub(crate) use code::{Code, Mark};
use flow::{Deed, Node, Seen};

use crate::findings::{self, CheckId, Severity, checks};
use crate::redact;
use crate::wazuh::launch;
use crate::wazuh::version::Contract;

/// What a script is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// POSIX shell.
    Sh,
    /// bash, and ksh and zsh where they agree with it.
    Bash,
    /// Python 3.
    Python,
    /// Perl 5.
    Perl,
    /// PowerShell, known by name only.
    PowerShell,
    /// A batch file of Windows, known by name only.
    Cmd,
}

impl Language {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Bash => "bash",
            Self::Python => "python",
            Self::Perl => "perl",
            Self::PowerShell => "powershell",
            Self::Cmd => "cmd",
        }
    }

    /// One of the shells of Unix.
    pub const fn is_shell(self) -> bool {
        matches!(self, Self::Sh | Self::Bash)
    }

    /// Its scripts are known by name only.
    pub const fn is_by_name_only(self) -> bool {
        matches!(self, Self::PowerShell | Self::Cmd)
    }
}

/// How sure a fault is. Only a replay proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// It may be so.
    Possible,
    /// It is probably so.
    Likely,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// It reads standard input to the end.
    ReadToEnd,
    /// It never reads standard input.
    NeverReads,
    /// It expects arguments on a JSON contract.
    Arguments,
    /// Its first line of output is no keys message.
    NoiseBeforeKeys,
    /// It prints after execd has answered.
    OutputAfterAnswer,
    /// Its keys are empty, or no strings.
    KeysEmpty,
    /// Its keys are the same for all targets.
    KeysConstant,
    /// It has a timeout and sends no keys.
    KeysMissing,
    /// Its keys stay in a buffer.
    KeysNotFlushed,
    /// Its keys have no line feed at their end.
    KeysNotEnded,
    /// It waits for the answer before its keys.
    AnswerBeforeKeys,
    /// `read` without `-r`.
    ReadWithoutR,
    /// It never ends, or not soon.
    NeverEnds,
    /// A background child keeps standard output.
    ChildHoldsStdout,
    /// It ends with a status other than 0.
    ExitsNonzero,
    /// It ends itself by a signal.
    Killed,
    /// It is written for another generation.
    OtherContract,
    /// Text of the event becomes part of a command.
    Injection,
    /// It speaks the protocol and changes nothing.
    ChangesNothing,
    /// It does nothing on delete.
    NotReverted,
    /// Its key holds a whole log line.
    KeysTooLong,
    /// A path relative to the working directory.
    RelativePath,
    /// Text of the event without quotes falls into words.
    Unquoted,
    /// A comment suppresses something that does not exist.
    UnknownSuppression,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::ReadToEnd,
        Self::NeverReads,
        Self::Arguments,
        Self::NoiseBeforeKeys,
        Self::OutputAfterAnswer,
        Self::KeysEmpty,
        Self::KeysConstant,
        Self::KeysMissing,
        Self::KeysNotFlushed,
        Self::KeysNotEnded,
        Self::AnswerBeforeKeys,
        Self::ReadWithoutR,
        Self::NeverEnds,
        Self::ChildHoldsStdout,
        Self::ExitsNonzero,
        Self::Killed,
        Self::OtherContract,
        Self::Injection,
        Self::ChangesNothing,
        Self::NotReverted,
        Self::KeysTooLong,
        Self::RelativePath,
        Self::Unquoted,
        Self::UnknownSuppression,
    ];

    /// Its check in the catalogue.
    pub const fn check(self) -> CheckId {
        match self {
            Self::ReadToEnd => checks::STDIN_READ_TO_END,
            Self::NeverReads => checks::STDIN_NEVER_READ,
            Self::Arguments => checks::POSITIONAL_ARGUMENTS,
            Self::NoiseBeforeKeys => checks::NOISE_BEFORE_KEYS,
            Self::OutputAfterAnswer => checks::OUTPUT_AFTER_ANSWER,
            Self::KeysEmpty => checks::KEYS_EMPTY,
            Self::KeysConstant => checks::KEYS_CONSTANT,
            Self::KeysMissing => checks::KEYS_MISSING,
            Self::KeysNotFlushed | Self::KeysNotEnded => checks::KEYS_NOT_FLUSHED,
            Self::AnswerBeforeKeys => checks::ANSWER_BEFORE_KEYS,
            Self::ReadWithoutR => checks::READ_WITHOUT_R,
            Self::NeverEnds => checks::SCRIPT_NEVER_ENDS,
            Self::ChildHoldsStdout => checks::CHILD_HOLDS_STDOUT,
            Self::ExitsNonzero => checks::SCRIPT_EXITS_NONZERO,
            Self::Killed => checks::SCRIPT_KILLED,
            Self::OtherContract => checks::SCRIPT_OTHER_CONTRACT,
            Self::Injection => checks::SHELL_INJECTION,
            Self::ChangesNothing => checks::CHANGED_NOTHING,
            Self::NotReverted => checks::DELETE_DOES_NOT_REVERT,
            Self::KeysTooLong => checks::KEYS_TOO_LONG,
            Self::RelativePath => checks::RELATIVE_PATH,
            Self::Unquoted => checks::PAYLOAD_UNQUOTED,
            Self::UnknownSuppression => checks::SUPPRESSION_UNKNOWN,
        }
    }

    /// The slug of its check in the catalogue.
    pub fn slug(self) -> &'static str {
        self.check().check().slug
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.slug())
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Bytes of the script.
    pub span: Range<usize>,
    /// Line, from 1.
    pub line: u64,
    /// Byte of the line, from 1.
    pub column: u64,
    /// How sure it is.
    pub confidence: Confidence,
    /// Half a sentence about this place.
    pub message: String,
    /// What may stand at `span` instead, where that is sure.
    pub rewrite: Option<String>,
}

impl Fault {
    /// What it does to a response: as the catalogue says, and no more than advice when it is
    /// only possible.
    pub fn severity(&self) -> Severity {
        match self.confidence {
            Confidence::Likely => self.kind.check().check().severity,
            Confidence::Possible => Severity::Advice,
        }
    }
}

impl From<Confidence> for findings::Confidence {
    fn from(confidence: Confidence) -> Self {
        match confidence {
            Confidence::Possible => Self::Possible,
            Confidence::Likely => Self::Likely,
        }
    }
}

/// A program or module the script needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Its name, or its path as the script has it.
    pub name: String,
    /// Bytes of the script.
    pub span: Range<usize>,
    /// Not on every run, or the script looks whether it is there.
    pub optional: bool,
}

/// A field of the message that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRead {
    /// From the root of the message; more than one when the first that is there counts.
    /// `*.srcip` is a member of that name anywhere.
    pub paths: Vec<String>,
    /// The script does without it, or may.
    pub optional: bool,
    /// A missing field stops the script by an exception.
    pub fatal: bool,
    /// How it is read: `jq`, `Python subscript`.
    pub how: &'static str,
    /// Bytes of the script.
    pub span: Range<usize>,
}

impl FieldRead {
    /// The generation that alone has such a field.
    pub fn contract(&self) -> Option<Contract> {
        self.paths.last().and_then(|path| contract_of(path))
    }
}

/// The generation of messages that alone has a field of this path.
pub fn contract_of(path: &str) -> Option<Contract> {
    jq::contract_of(path)
}

/// Under which circumstances the script is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// How execd hands it the message.
    pub contract: Contract,
    /// Timeout of the response in seconds; 0 is stateless.
    pub timeout: i32,
}

/// What the text shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lint {
    /// By place.
    pub faults: Vec<Fault>,
    /// Those a comment of the script switches off, by place.
    pub suppressed: Vec<Fault>,
    /// Programs it calls.
    pub tools: Vec<Need>,
    /// Modules that are not part of the language's own distribution.
    pub modules: Vec<Need>,
    /// Fields it reads, in the order of the text, each path once.
    pub fields: Vec<FieldRead>,
    /// Where it uses its first positional arguments, as 4.1 gave them.
    pub arguments: Option<Range<usize>>,
    /// It sends keys, or does something for a delete.
    pub stateful: bool,
    /// A delete (`disable` on 5.x) does something.
    pub handles_delete: bool,
    /// It reads standard input, surely.
    pub reads_input: bool,
    /// The generation it is written for, and where that shows; `true` when fields show it, not
    /// words alone.
    pub written_for: Option<(Contract, Range<usize>, bool)>,
    notes: suppress::Notes,
}

impl Lint {
    /// The first place with a fault, whether a comment switches it off or not.
    pub fn first(&self, kind: FaultKind) -> Option<Range<usize>> {
        let faults = self.faults.iter().chain(&self.suppressed);
        faults
            .filter(|fault| fault.kind == kind)
            .map(|fault| fault.span.clone())
            .min_by_key(|span| span.start)
    }

    /// Whether a comment of the script switches a check off in a line.
    pub fn hides(&self, check: CheckId, line: u64) -> bool {
        self.notes.hides(check, line)
    }
}

/// The language of a script, by its first line, else by its name, else by its looks.
pub fn language(name: &[u8], text: &[u8]) -> Option<Language> {
    let program = launch::program(text.get(..text.len().min(512)).unwrap_or_default());
    if matches!(program, launch::Program::Elf | launch::Program::Foreign(_)) {
        return None;
    }
    let head = text.get(..text.len().min(512)).unwrap_or_default();
    if let Some(interpreter) = launch::named_interpreter(head) {
        return of_interpreter(&interpreter);
    }
    let suffix = name.rsplit(|&byte| byte == b'/' || byte == b'\\').next().unwrap_or_default();
    let suffix = suffix.iter().rposition(|&byte| byte == b'.').and_then(|dot| suffix.get(dot + 1..));
    if let Some(suffix) = suffix {
        let suffix = suffix.to_ascii_lowercase();
        let by_suffix = match suffix.as_slice() {
            b"sh" => Some(Language::Sh),
            b"bash" => Some(Language::Bash),
            b"py" | b"pyw" => Some(Language::Python),
            b"pl" | b"pm" => Some(Language::Perl),
            b"ps1" | b"psm1" => Some(Language::PowerShell),
            b"cmd" | b"bat" => Some(Language::Cmd),
            _ => None,
        };
        if by_suffix.is_some() || program == launch::Program::Text {
            return by_suffix;
        }
    }
    if text.contains(&0) || text.trim_ascii().is_empty() {
        return None;
    }
    match launch::looks_like(text) {
        Some("python") => Some(Language::Python),
        Some("perl") => Some(Language::Perl),
        Some("bash") => Some(Language::Bash),
        // libc hands a file without `#!` to /bin/sh.
        _ => matches!(
            program,
            launch::Program::Text | launch::Program::BareShebang | launch::Program::HiddenShebang { .. }
        )
        .then_some(Language::Sh),
    }
}

fn of_interpreter(name: &str) -> Option<Language> {
    let name = name.trim_end_matches('\r');
    if name.starts_with("python") || name.starts_with("pypy") {
        return Some(Language::Python);
    }
    if name.starts_with("perl") {
        return Some(Language::Perl);
    }
    match name {
        "sh" | "dash" | "ash" | "busybox" => Some(Language::Sh),
        "bash" | "ksh" | "ksh93" | "mksh" | "zsh" => Some(Language::Bash),
        "pwsh" | "powershell" => Some(Language::PowerShell),
        _ => None,
    }
}

/// A fault before it has its line: kind, place, how sure, message, rewrite.
type Found = (FaultKind, Range<usize>, Confidence, String, Option<String>);

/// What a front end makes of a script.
#[derive(Debug, Default)]
struct Lowered {
    nodes: Vec<Node>,
    comments: Vec<Range<usize>>,
    tools: Vec<Need>,
    modules: Vec<Need>,
    fields: Vec<FieldRead>,
    /// Positional arguments that are used.
    arguments: Option<Range<usize>>,
    /// Words the command is compared with: add, enable, delete, disable.
    words: [Option<Range<usize>>; 4],
    /// Something that is not read here may do anything.
    opaque: bool,
    /// Standard output is buffered.
    buffered: bool,
}

/// What a text shows wherever it runs; of a text in no language that is read, nothing. Its faults are
/// those of a response of 4.x with a timeout.
pub fn shown(text: &[u8]) -> Lint {
    let context = Context { contract: Contract::Json4, timeout: 600 };
    language(b"", text).map_or_else(Lint::default, |language| lint(text, language, &context))
}

impl Lowered {
    /// Takes note of a word of the protocol that something is compared with; none when it is another.
    fn protocol(&mut self, word: &str, span: &Range<usize>) -> Option<flow::Words> {
        let words = flow::Words::of(word)?;
        let slot = ["add", "enable", "delete", "disable"].iter().position(|known| *known == word);
        if let Some(slot) = slot.and_then(|slot| self.words.get_mut(slot)) {
            slot.get_or_insert(span.clone());
        }
        Some(words)
    }
}

/// What follows from a file being named by a path that begins nowhere. execd starts scripts in Wazuh's
/// home, so that paths below its directories are meant so.
fn relative(text: &str) -> Option<flow::Event> {
    const OF_THE_HOME: [&str; 16] = [
        "logs",
        "etc",
        "active-response",
        "queue",
        "var",
        "bin",
        "tmp",
        "lib",
        "ruleset",
        "wodles",
        "agentless",
        "framework",
        "integrations",
        "stats",
        "backup",
        "api",
    ];
    let first = text.trim_start_matches("./").split('/').next().unwrap_or_default();
    let known = !message::plain(text)
        || text.is_empty()
        || text.starts_with(['/', '~', '-', '\\'])
        || matches!(text.as_bytes(), [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic())
        || text.bytes().all(|byte| byte.is_ascii_digit())
        || text.contains('/') && OF_THE_HOME.contains(&first);
    let what = "this is looked for in Wazuh's home, where execd starts every script".to_owned();
    (!known).then_some(flow::Event::Fault(FaultKind::RelativePath, Confidence::Possible, what, None))
}

/// Reads a script.
pub fn lint(text: &[u8], language: Language, context: &Context) -> Lint {
    let lowered = match language {
        Language::Sh | Language::Bash => shell::lower(text, language, context.contract),
        Language::Python => python::lower(text, context.contract),
        Language::Perl => perl::lower(text, context.contract),
        Language::PowerShell | Language::Cmd => return Lint::default(),
    };
    let json = context.contract != Contract::Args;
    let stateful = json && context.timeout != 0;
    let walk = |deed| flow::run(&lowered.nodes, deed, stateful, json, lowered.buffered);
    let (add, delete) = (walk(Deed::Add), walk(Deed::Delete));
    let written_for = written_for(&lowered, add.reads || add.maybe_reads || lowered.opaque);
    let mut found: Vec<Found> = add.faults.clone();
    let known: HashSet<(FaultKind, Range<usize>)> =
        found.iter().map(|(kind, span, ..)| (*kind, span.clone())).collect();
    found.extend(delete.faults.iter().filter(|fault| !known.contains(&(fault.0, fault.1.clone()))).cloned());
    // A sleep in an endless loop is no fault of its own.
    let endless: Vec<Range<usize>> =
        found.iter().filter(|fault| fault.0 == FaultKind::NeverEnds).map(|fault| fault.1.clone()).collect();
    found.retain(|(kind, span, ..)| {
        *kind != FaultKind::NeverEnds
            || !endless.iter().any(|outer| outer.start < span.start && span.end <= outer.end)
    });
    if json {
        whole(&lowered, &add, &delete, stateful, &mut found);
    }
    if let Some((contract, span, sure)) = &written_for
        && json
        && *contract != Contract::Args
        && *contract != context.contract
    {
        let (has, wants) = match contract {
            Contract::Json5 => ("5.x", "4.x"),
            _ => ("4.x", "5.x"),
        };
        found.push((
            FaultKind::OtherContract,
            span.clone(),
            if *sure { Confidence::Likely } else { Confidence::Possible },
            format!("this is how messages of {has} are read; execd of {wants} sends others"),
            None,
        ));
    }
    let place = Places::of(text);
    let notes = suppress::read(text, &lowered.comments);
    let mut faults: Vec<Fault> = found
        .into_iter()
        .chain(notes.unknown.iter().map(|(span, word)| {
            let text = format!("no check is called \"{word}\"");
            (FaultKind::UnknownSuppression, span.clone(), Confidence::Likely, text, None)
        }))
        .map(|(kind, span, confidence, message, rewrite)| {
            let span = span.start.min(text.len())..span.end.min(text.len());
            let (line, column) = place.of_byte(span.start);
            Fault { kind, span, line, column, confidence, message, rewrite }
        })
        .collect();
    faults.sort_by_key(|a| (a.span.start, a.kind));
    let (suppressed, faults) =
        faults.into_iter().partition(|fault| notes.hides(fault.kind.check(), fault.line));
    let [word_add, word_enable, word_delete, word_disable] = &lowered.words;
    let handles_delete = delete.effect_at_end && delete.ends > 0;
    let secrets = redact::secrets(text);
    Lint {
        faults,
        suppressed,
        tools: unique(called(lowered.tools, &secrets)),
        modules: unique(lowered.modules),
        fields: merged(lowered.fields),
        arguments: lowered.arguments,
        stateful: sends_keys(&lowered.nodes, 0)
            || word_delete.is_some()
            || word_disable.is_some()
            || lowered.opaque && (word_add.is_some() || word_enable.is_some())
            || names_keys(text, language),
        handles_delete,
        reads_input: add.reads,
        written_for,
        notes,
    }
}

/// A keys message is in its code somewhere, though it cannot be told when it is printed.
fn names_keys(text: &[u8], language: Language) -> bool {
    const KEYS: &[u8] = b"check_keys";
    memchr::memmem::find(text, KEYS).is_some()
        && Code::in_language(text, language).is_some_and(|code| code.contains(KEYS))
}

/// A keys message is printed somewhere.
fn sends_keys(nodes: &[Node], depth: u32) -> bool {
    depth < 100
        && nodes.iter().any(|node| match node {
            Node::Do(flow::Event::Write(flow::Output::Keys(_), _), _) => true,
            Node::If(arms) => arms.iter().any(|(_, body)| sends_keys(body, depth + 1)),
            Node::Loop { test, body, .. } => sends_keys(test, depth + 1) || sends_keys(body, depth + 1),
            Node::With { body, .. } | Node::Background(body) | Node::Function(body) => {
                sends_keys(body, depth + 1)
            }
            _ => false,
        })
}

/// Faults of the whole script rather than of one place.
fn whole(lowered: &Lowered, add: &Seen, delete: &Seen, stateful: bool, found: &mut Vec<Found>) {
    let opaque = lowered.opaque || add.opaque;
    let reads = add.reads || add.maybe_reads || delete.reads || delete.maybe_reads;
    if let Some(span) = &lowered.arguments
        && !reads
        && !opaque
    {
        let text = "execd gives no arguments since 4.2; the event is on standard input".to_owned();
        found.push((FaultKind::Arguments, span.clone(), Confidence::Likely, text, None));
        return;
    }
    if let Some(span) = &lowered.arguments
        && lowered.fields.is_empty()
        && !opaque
    {
        let text = "execd gives no arguments since 4.2, and no field of the event is read here".to_owned();
        found.push((FaultKind::Arguments, span.clone(), Confidence::Possible, text, None));
    }
    let likely = |doubt: bool| if doubt { Confidence::Possible } else { Confidence::Likely };
    if !reads
        && !opaque
        && let Some(span) = &add.effect
    {
        let text = "nothing of the event is read before this".to_owned();
        found.push((FaultKind::NeverReads, span.clone(), Confidence::Likely, text, None));
        return;
    }
    if add.stuck || add.ends == 0 {
        return;
    }
    if let Some(span) = &add.effect
        && stateful
        && !add.writes
        && !opaque
    {
        let text =
            "with a timeout, execd reverts only what sent its keys, and this script sends none".to_owned();
        found.push((FaultKind::KeysMissing, span.clone(), likely(add.maybe_writes), text, None));
    }
    if add.bad_exit && !add.good_exit && !opaque {
        let text = "after its work the script always ends with a status other than 0".to_owned();
        let at = add.effect.clone().unwrap_or(0..0);
        found.push((FaultKind::ExitsNonzero, at, Confidence::Possible, text, None));
    }
    if let (Some(keys), true) = (&add.keys, stateful && !opaque && !delete.opaque) {
        if !add.effect_at_end && !add.logged {
            let text = "after these keys nothing is changed".to_owned();
            found.push((FaultKind::ChangesNothing, keys.clone(), Confidence::Possible, text, None));
        } else if add.effect_at_end && !delete.effect_at_end && delete.ends > 0 && !delete.stuck {
            let text = "keys are sent, but nothing is done when the delete comes".to_owned();
            let at = add.effect.clone().unwrap_or_else(|| keys.clone());
            found.push((FaultKind::NotReverted, at, Confidence::Likely, text, None));
        } else if lowered.words.iter().all(Option::is_none) && add.effect_at_end && delete.effect_at_end {
            let text = "add and delete are not told apart, so the delete does what the add did".to_owned();
            found.push((FaultKind::NotReverted, keys.clone(), Confidence::Possible, text, None));
        }
    }
}

/// For which generation a script is written; none when for several, or nothing shows it.
fn written_for(lowered: &Lowered, reads: bool) -> Option<(Contract, Range<usize>, bool)> {
    if let Some(span) = &lowered.arguments
        && !reads
    {
        return Some((Contract::Args, span.clone(), true));
    }
    let field = |contract| {
        lowered
            .fields
            .iter()
            .find(|field| field.paths.iter().any(|path| jq::contract_of(path) == Some(contract)))
            .map(|field| field.span.clone())
    };
    let (four, five) = (field(Contract::Json4), field(Contract::Json5));
    let [add, enable, delete, disable] = lowered.words.clone();
    let (add, enable) = (add.or(delete), enable.or(disable));
    match (four, five) {
        (Some(span), None) if enable.is_none() => Some((Contract::Json4, span, true)),
        (None, Some(span)) if add.is_none() => Some((Contract::Json5, span, true)),
        (None, None) => match (add, enable) {
            (Some(span), None) if reads => Some((Contract::Json4, span, false)),
            (None, Some(span)) if reads => Some((Contract::Json5, span, false)),
            _ => None,
        },
        _ => None,
    }
}

/// What begins inside of a secret is not called: a sign of the shell is in the secret, and its
/// quotation does not hold.
fn called(needs: Vec<Need>, secrets: &[Range<usize>]) -> Vec<Need> {
    let begins_inside = |need: &Need| secrets.iter().any(|secret| secret.contains(&need.span.start));
    needs.into_iter().filter(|need| !begins_inside(need)).collect()
}

/// One need for each name: the first place, and optional only when every place is.
fn unique(needs: Vec<Need>) -> Vec<Need> {
    let mut all: Vec<Need> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for need in needs {
        match places.get(&need.name).and_then(|at| all.get_mut(*at)) {
            Some(other) => other.optional &= need.optional,
            None => {
                places.insert(need.name.clone(), all.len());
                all.push(need);
            }
        }
    }
    all
}

/// One read for each path: the first place, and optional when any place does without it.
fn merged(mut all: Vec<FieldRead>) -> Vec<FieldRead> {
    all.sort_by_key(|read| read.span.start);
    let mut merged: Vec<FieldRead> = Vec::new();
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    for read in all {
        match places.get(&read.paths).and_then(|at| merged.get_mut(*at)) {
            Some(other) => {
                other.optional |= read.optional;
                other.fatal |= read.fatal;
            }
            None => {
                places.insert(read.paths.clone(), merged.len());
                merged.push(read);
            }
        }
    }
    // A whole object is no field of its own beside those that are read from it.
    let inner: BTreeSet<(bool, String)> =
        merged.iter().flat_map(|read| read.paths.iter().map(|path| (read.optional, path.clone()))).collect();
    merged.retain(|read| {
        let below = (read.optional, format!("{}.", read.paths.last().map_or("", String::as_str)));
        let next = inner.range(&below..).next();
        !next.is_some_and(|(optional, path)| *optional == below.0 && path.starts_with(&below.1))
    });
    merged
}

/// Where lines begin.
struct Places {
    starts: Vec<usize>,
}

impl Places {
    fn of(text: &[u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', text).map(|at| at + 1));
        Self { starts }
    }

    /// Line, from 1.
    fn line(&self, at: usize) -> u64 {
        self.starts.partition_point(|start| *start <= at) as u64
    }

    /// Line and byte of it, from 1.
    fn of_byte(&self, at: usize) -> (u64, u64) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line)).copied().unwrap_or(0);
        (line as u64, (at - start) as u64 + 1)
    }
}

#[cfg(test)]
mod tests;
