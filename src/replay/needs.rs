//! Which fields of the message a script needs.
//!
//! Of the programs Wazuh ships it is known (4.x sheet 6, 5.x sheet 4); of others it is taken
//! from what their text reads: jq filters, Python subscripts, Perl hashes, grep and sed
//! patterns. Only what is surely read on every run counts as required; what stands in a
//! comment or a here-document does not count at all.

mod perl;
mod python;
mod shell;
pub(crate) mod text;

use std::ops::Range;

use super::fault::line_column;
use crate::wazuh::stock;
use crate::wazuh::version::{Contract, Version};

pub use text::Language;

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes of the script.
    pub span: Range<usize>,
    /// Line, from 1.
    pub line: u64,
    /// Byte of the line, from 1.
    pub column: u64,
}

impl Place {
    fn of(text: &[u8], span: Range<usize>) -> Self {
        let (line, column) = line_column(text, span.start);
        Self { span, line, column }
    }
}

/// What a field must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever is there.
    Anything,
    /// A string that is not empty.
    Text,
    /// A string with the address of a host.
    Address,
    /// A string with the name of an account, as the shipped programs of 4.x take it.
    User,
    /// An object.
    Object,
    /// An array, the words of `extra_args`.
    Words,
    /// A number.
    Number,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Where it is, from the root of the message; more than one when the first that is there
    /// counts. `*.srcip` is a member of that name anywhere.
    pub paths: Vec<String>,
    /// The script does without it, or may.
    pub optional: bool,
    /// A missing field stops the script (an exception, a shipped program).
    pub fatal: bool,
    /// What it must be.
    pub wanted: Wanted,
    /// How it is read: `jq`, `Python subscript`, `firewall-drop`.
    pub how: String,
    /// Where it is read; none for shipped programs.
    pub place: Option<Place>,
}

impl Need {
    /// The path people speak of: the last of [`Self::paths`].
    pub fn path(&self) -> &str {
        self.paths.last().map_or("", String::as_str)
    }

    /// The generation of messages that has such a field; none when both do.
    pub fn contract(&self) -> Option<Contract> {
        contract_of(self.path())
    }
}

/// Everything a script needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The shipped program it is, so that its own quirks apply.
    pub stock: Option<&'static str>,
    /// In the order they are read.
    pub all: Vec<Need>,
}

impl Needs {
    /// Of the program of a name, when Wazuh ships it with this contract.
    pub fn of_stock(program: &[u8], contract: Contract, version: Option<Version>) -> Option<Self> {
        let program = stock::program_named(program)?;
        if !program.contracts.contains(&contract) {
            return None;
        }
        let need = |paths: &[&str], wanted: Wanted| Need {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            optional: false,
            fatal: true,
            wanted,
            how: program.name.to_owned(),
            place: None,
        };
        let mut all = match contract {
            Contract::Args => Vec::new(),
            // src/active-response/active_responses.c get_json_from_input, 4.14.
            Contract::Json4 => vec![
                need(&["version"], Wanted::Number),
                need(&["origin"], Wanted::Object),
                need(&["parameters"], Wanted::Object),
            ],
            // src/active-response/src/active_responses.c, 5.0.
            Contract::Json5 => vec![need(&["wazuh"], Wanted::Object)],
        };
        match (contract, program.name) {
            (Contract::Json4, "disable-account") => {
                all.push(need(&["parameters.alert.data.dstuser"], Wanted::User));
            }
            (Contract::Json4, "restart-wazuh" | "restart-wazuh.exe") => {}
            (Contract::Json4, "wazuh-slack") => {
                all.push(need(&["parameters.alert"], Wanted::Object));
                all.push(need(&["parameters.extra_args"], Wanted::Words));
            }
            (Contract::Json4, "kaspersky") => all.push(need(&["parameters.extra_args"], Wanted::Words)),
            (Contract::Json4, _) => {
                // win.eventdata since 4.3.0.
                let windows = version.is_none_or(|version| version.at_least(Version::new(4, 3, 0)));
                let srcip = "parameters.alert.data.srcip";
                all.push(if windows {
                    need(
                        &[
                            "parameters.alert.data.win.eventdata.ipAddress",
                            "parameters.alert.data.win.eventdata.destinationIp",
                            srcip,
                        ],
                        Wanted::Address,
                    )
                } else {
                    need(&[srcip], Wanted::Address)
                });
            }
            (Contract::Json5, "disable-account") => all.push(need(&["user.name"], Wanted::Text)),
            (Contract::Json5, "block-ip" | "block-ip.exe") => all.push(need(&["source.ip"], Wanted::Address)),
            _ => {}
        }
        Some(Self { stock: Some(program.name), all })
    }

    /// Of a script, from its text.
    pub fn of_text(script: &[u8]) -> Self {
        let mut all = match Language::of(script) {
            Some(Language::Shell) => shell::needs(script),
            Some(Language::Python) => python::needs(script),
            Some(Language::Perl) => perl::needs(script),
            None => Vec::new(),
        };
        all.sort_by_key(|need| need.place.as_ref().map_or(0, |place| place.span.start));
        Self { stock: None, all: merged(all) }
    }

    /// The fields without which it surely does not work.
    pub fn required(&self) -> impl Iterator<Item = &Need> {
        self.all.iter().filter(|need| !need.optional)
    }
}

/// One need for each path: the first place, and optional when any place does without the field.
fn merged(all: Vec<Need>) -> Vec<Need> {
    let mut merged: Vec<Need> = Vec::new();
    for need in all {
        match merged.iter_mut().find(|other| other.paths == need.paths) {
            Some(other) => {
                other.optional |= need.optional;
                other.fatal |= need.fatal;
            }
            None => merged.push(need),
        }
    }
    // A whole object is no need of its own beside the fields that are read from it.
    let inner: Vec<(String, bool)> =
        merged.iter().flat_map(|need| need.paths.iter().map(|path| (path.clone(), need.optional))).collect();
    merged.retain(|need| {
        !inner.iter().any(|(path, optional)| {
            path.strip_prefix(need.path()).is_some_and(|rest| rest.starts_with('.'))
                && *optional == need.optional
        })
    });
    merged
}

/// Names at the root of a 4.x message.
const ROOT_4: [&str; 2] = ["parameters", "origin"];
/// Names at the root of a 5.x message that a 4.x message cannot have.
const ROOT_5: [&str; 5] = ["wazuh", "source", "user", "destination", "@timestamp"];
/// Names at the root that say nothing: both have them, or anything has.
const ROOT_ANY: [&str; 8] = ["command", "version", "event", "file", "process", "host", "message", "rule"];

pub(crate) fn contract_of(path: &str) -> Option<Contract> {
    let first = path.split(['.', '[']).next().unwrap_or_default();
    if ROOT_4.contains(&first) {
        Some(Contract::Json4)
    } else if ROOT_5.contains(&first) {
        Some(Contract::Json5)
    } else {
        None
    }
}

/// A path that can only begin at the root of a message.
fn surely_root(path: &[String]) -> bool {
    let second = path.get(1).map_or("", String::as_str);
    match path.first().map_or("", String::as_str) {
        "parameters" => matches!(second, "" | "alert" | "extra_args" | "program"),
        "origin" => matches!(second, "name" | "module"),
        "wazuh" => matches!(second, "active_response" | "agent" | "rule" | "event" | "cluster" | "protocol"),
        _ => false,
    }
}

/// A path that may begin at the root of a message, when what it is read from is not known.
fn maybe_root(path: &[String]) -> bool {
    path.first().is_some_and(|first| {
        ROOT_4.contains(&first.as_str())
            || ROOT_5.contains(&first.as_str())
            || ROOT_ANY.contains(&first.as_str())
    })
}

fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if part.starts_with('[') {
            text.push_str(part);
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(part);
        }
    }
    text
}

/// For which generation a script is written, and where that is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFor {
    /// The generation.
    pub contract: Contract,
    /// What shows it.
    pub place: Place,
    /// It reads fields only that generation has; else it only compares the command.
    pub sure: bool,
}

/// For which generation a script is written; none when it serves several, or nothing shows it.
pub fn written_for(script: &[u8]) -> Option<WrittenFor> {
    let code = text::Code::of(script)?;
    if let Some(place) = uses_arguments(script)
        && !code.reads_stdin()
    {
        return Some(WrittenFor { contract: Contract::Args, place, sure: true });
    }
    let needs = Needs::of_text(script);
    let mut four: Option<Range<usize>> = None;
    let mut five: Option<Range<usize>> = None;
    for need in &needs.all {
        let Some(place) = &need.place else { continue };
        for path in &need.paths {
            match contract_of(path) {
                Some(Contract::Json4) => four = four.or(Some(place.span.clone())),
                Some(Contract::Json5) => five = five.or(Some(place.span.clone())),
                _ => {}
            }
        }
    }
    let four = four.or_else(|| code.field(&["extra_args", "parameters.alert"]));
    let five = five.or_else(|| code.field(&["extra_arguments", "wazuh.active_response", "stateful_timeout"]));
    // `add` and `delete` against `enable` and `disable`, as texts the command is compared with.
    let four_word = code.literal(&["add"]).and(code.literal(&["delete"])).or_else(|| code.label("add"));
    let five_word = code.literal(&["enable"]).or_else(|| code.label("enable"));
    let (contract, span, sure) = match (four, five) {
        (Some(span), None) if five_word.is_none() => (Contract::Json4, span, true),
        (None, Some(span)) if four_word.is_none() => (Contract::Json5, span, true),
        (None, None) => match (four_word, five_word) {
            (Some(span), None) if code.reads_stdin() => (Contract::Json4, span, false),
            (None, Some(span)) if code.reads_stdin() => (Contract::Json5, span, false),
            _ => return None,
        },
        _ => return None,
    };
    Some(WrittenFor { contract, place: Place::of(script, span), sure })
}

/// Where a script uses its first positional arguments as 4.1 gave them.
pub fn uses_arguments(script: &[u8]) -> Option<Place> {
    let span = match Language::of(script)? {
        Language::Shell => shell::arguments(script),
        Language::Python => python::arguments(script),
        Language::Perl => perl::arguments(script),
    }?;
    Some(Place::of(script, span))
}

/// Where a shell script takes a line of its standard input with `read`, but without `-r`.
pub fn shell_reads_without_r(script: &[u8]) -> Option<Place> {
    if Language::of(script) != Some(Language::Shell) {
        return None;
    }
    shell::read_without_r(script).map(|span| Place::of(script, span))
}

/// The script speaks of keys, or does something for a delete.
pub fn is_stateful_by_text(script: &[u8]) -> bool {
    let Some(code) = text::Code::of(script) else { return false };
    code.contains(b"check_keys")
        || code.literal(&["delete", "disable"]).is_some()
        || code.label("delete").or_else(|| code.label("disable")).is_some()
}

/// Where a script seems to read its standard input to the end.
pub fn reads_to_end_hint(script: &[u8]) -> Option<Place> {
    let span = match Language::of(script)? {
        Language::Shell => shell::reads_to_end(script),
        Language::Python => python::reads_to_end(script),
        Language::Perl => perl::reads_to_end(script),
    }?;
    Some(Place::of(script, span))
}

#[cfg(test)]
#[path = "needs/tests.rs"]
mod tests;
