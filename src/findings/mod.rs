//! What can be said about a host: stages, checks, findings, evidence.
//!
//! Stands at the bottom of the house and imports nothing above it. The checks
//! themselves are data: `checks/*.toml`, compiled in by `build.rs`.

pub mod catalogue;

use std::fmt;

pub use catalogue::{Check, CheckId, checks};

/// One step a response must pass, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The daemons accept the files, and the blocks mean what their author thinks.
    Config,
    /// A rule it is bound to can fire.
    Trigger,
    /// analysisd sends it.
    Dispatch,
    /// It reaches the agent.
    Deliver,
    /// execd knows the name and the file.
    Resolve,
    /// The kernel can start the file.
    Launch,
    /// The script speaks the protocol.
    Contract,
    /// The tools it calls are there and the effect happens.
    Effect,
    /// The timeout undoes it.
    Revert,
    /// The log of responses is written, collected and decoded.
    Feedback,
}

impl Stage {
    /// All ten, in order.
    pub const ALL: [Self; 10] = [
        Self::Config,
        Self::Trigger,
        Self::Dispatch,
        Self::Deliver,
        Self::Resolve,
        Self::Launch,
        Self::Contract,
        Self::Effect,
        Self::Revert,
        Self::Feedback,
    ];

    /// Its name in reports, in JSON and in `checks/*.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Trigger => "trigger",
            Self::Dispatch => "dispatch",
            Self::Deliver => "deliver",
            Self::Resolve => "resolve",
            Self::Launch => "launch",
            Self::Contract => "contract",
            Self::Effect => "effect",
            Self::Revert => "revert",
            Self::Feedback => "feedback",
        }
    }

    /// Its place in [`Stage::ALL`], from 0.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a finding does to a response. Ordered, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Hygiene.
    Advice,
    /// Stops or bends it under conditions that are named, or is a hole.
    Warning,
    /// Stops a response.
    Error,
}

impl Severity {
    /// Its name in reports, in JSON and in `checks/*.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How sure a finding is. Ordered, surest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// It may be so.
    Possible,
    /// It is probably so.
    Likely,
    /// Seen, or follows from Wazuh's source.
    Proven,
}

impl Confidence {
    /// Its name in reports and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Proven => "proven",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A response, by the name execd knows it under (`firewall-drop600`).
    Response(String),
    /// A `<command>`, by name.
    Command(String),
    /// A file, by its path on the host.
    File(String),
    /// A place in a configuration file: path, line.
    Config(String, u64),
    /// A process, by program name.
    Process(String),
    /// A mount point.
    Mount(String),
}

impl Subject {
    /// The word before the colon in `kind:value`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Response(_) => "response",
            Self::Command(_) => "command",
            Self::File(_) => "file",
            Self::Config(..) => "config",
            Self::Process(_) => "process",
            Self::Mount(_) => "mount",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(path, line) => write!(f, "config:{path}:{line}"),
            Self::Response(value)
            | Self::Command(value)
            | Self::File(value)
            | Self::Process(value)
            | Self::Mount(value) => write!(f, "{}:{value}", self.kind()),
        }
    }
}

/// One thing that can be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A line of a file with the very bytes that matter marked.
    Excerpt {
        /// Path on the host.
        file: String,
        /// Line, from 1.
        line: u64,
        /// First marked byte of the line, from 1.
        column: u64,
        /// The line without its line feed, as bytes; a long line is cut.
        text: Vec<u8>,
        /// Marked bytes inside `text`.
        mark: std::ops::Range<usize>,
        /// What to say under the mark.
        label: String,
    },
    /// Something read elsewhere: mode bits, a mount, a process.
    Observation {
        /// Where it was read.
        source: String,
        /// What was read, in one line.
        text: String,
    },
}

/// Index of a response in [`crate::facts`]'s list.
pub type ResponseIndex = usize;

/// A check that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub check: CheckId,
    /// What it does here; may be milder than the catalogue says.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// What it is about.
    pub subject: Subject,
    /// One sentence: what does not work, and why. Starts with the subject's name.
    pub title: String,
    /// One or two sentences: what Wazuh or the kernel does, and what it leaves in the logs.
    pub cause: String,
    /// Proof, the best first.
    pub evidence: Vec<Evidence>,
    /// Commands or edits that mend it, ready to paste.
    pub remedy: Vec<String>,
    /// A command that shows it is mended.
    pub verify: String,
    /// The responses it stops or bends.
    pub responses: Vec<ResponseIndex>,
    /// Files and processes it has to do with; a fold needs one in common, or a response.
    pub shares: Vec<String>,
    /// Byte offset in the configuration, for ranking.
    pub position: usize,
}
