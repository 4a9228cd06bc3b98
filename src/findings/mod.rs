//! What can be said about a host: stages, checks, findings, evidence.
//!
//! Stands at the bottom of the house and imports nothing above it. The checks
//! themselves are data: `checks/*.toml`, compiled in by `build.rs`.

pub mod catalogue;
pub mod signatures;

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
    /// A place in a configuration file: path, and the block or element there by
    /// name. A line number would change with every edit above it.
    Config(String, String),
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

    /// The same subject as the `nth` one of its name, from 2.
    pub fn number(&mut self, nth: usize) {
        let (Self::Config(_, value)
        | Self::Response(value)
        | Self::Command(value)
        | Self::File(value)
        | Self::Process(value)
        | Self::Mount(value)) = self;
        value.push_str(&format!("~{nth}"));
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(path, what) => write!(f, "config:{path}:{what}"),
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

/// Place of a response in the list of the facts.
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
    /// What a script does by itself, in its text or as it was seen: nothing on the host explains
    /// it, and only another such finding about the same subject folds it.
    pub of_script: bool,
    /// Byte offset in the configuration, for ranking.
    pub position: usize,
}

impl Finding {
    /// A finding with the catalogue's severity, proven, about a subject.
    pub fn new(check: CheckId, subject: Subject, title: impl Into<String>) -> Self {
        Self {
            check,
            severity: check.check().severity,
            confidence: Confidence::Proven,
            subject,
            title: title.into(),
            cause: String::new(),
            evidence: Vec::new(),
            remedy: Vec::new(),
            verify: String::new(),
            responses: Vec::new(),
            shares: Vec::new(),
            of_script: false,
            position: usize::MAX,
        }
    }

    /// Says what Wazuh or the kernel does.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Adds a proof.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Adds a proof that is no excerpt.
    #[must_use]
    pub fn observed(self, source: impl Into<String>, text: impl Into<String>) -> Self {
        self.evidence(Evidence::Observation { source: source.into(), text: text.into() })
    }

    /// Adds a command or an edit that mends it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy.push(remedy.into());
        self
    }

    /// Says how to see that it is mended.
    #[must_use]
    pub fn verify(mut self, verify: impl Into<String>) -> Self {
        self.verify = verify.into();
        self
    }

    /// Names the responses it stops or bends.
    #[must_use]
    pub fn stops(mut self, responses: impl IntoIterator<Item = ResponseIndex>) -> Self {
        self.responses.extend(responses);
        self.responses.sort_unstable();
        self.responses.dedup();
        self
    }

    /// Names a file or a process it has to do with.
    #[must_use]
    pub fn shares(mut self, what: impl Into<String>) -> Self {
        self.shares.push(what.into());
        self
    }

    /// Says that it is what the script does by itself.
    #[must_use]
    pub fn of_script(mut self) -> Self {
        self.of_script = true;
        self
    }

    /// Names its place in the configuration.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.position = position;
        self
    }

    /// Makes it milder or harsher than the catalogue says.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Says how sure it is.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Its name over time, id and subject: the same fault on the same subject
    /// keeps it.
    pub fn fingerprint(&self) -> String {
        format!("{}:{}", self.check.check().id, self.subject)
    }
}
