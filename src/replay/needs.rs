//! Which fields of the message a script needs.
//!
//! Of the programs Wazuh ships it is known (4.x sheet 6, 5.x sheet 4); of others it is what
//! [`crate::lint`] sees their text read. Only what is surely read on every run counts as required.

use std::ops::Range;

use super::fault::line_column;
use crate::lint::{self, Lint};
use crate::wazuh::stock;
use crate::wazuh::version::{Contract, Version};

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
    /// Of bytes of a script.
    pub fn of(text: &[u8], span: Range<usize>) -> Self {
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
    /// Where it is read; none for shipped programs.
    pub place: Option<Place>,
}

impl Need {
    /// The path people speak of: the last of [`Self::paths`].
    pub fn path(&self) -> &str {
        self.paths.last().map_or("", String::as_str)
    }

    /// execd puts it into every message: without it none comes as far as the script.
    pub fn is_given(&self) -> bool {
        matches!(self.path(), "command" | "parameters.program" | "*.command" | "*.program")
    }

    /// The generation of messages that has such a field; none when both do.
    pub fn contract(&self) -> Option<Contract> {
        lint::contract_of(self.path())
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

    /// Of a script, from what its text shows.
    pub fn of_lint(script: &[u8], lint: &Lint) -> Self {
        let need = |field: &lint::FieldRead| Need {
            paths: field.paths.clone(),
            optional: field.optional,
            fatal: field.fatal,
            wanted: Wanted::Anything,
            place: Some(Place::of(script, field.span.clone())),
        };
        Self { stock: None, all: lint.fields.iter().map(need).collect() }
    }

    /// Of a script, from its text.
    pub fn of_text(script: &[u8]) -> Self {
        Self::of_lint(script, &lint::shown(script))
    }

    /// The fields without which it surely does not work.
    pub fn required(&self) -> impl Iterator<Item = &Need> {
        self.all.iter().filter(|need| !need.optional)
    }
}

#[cfg(test)]
#[path = "needs/tests.rs"]
mod tests;
