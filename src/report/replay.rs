//! The text report of `replay`: one sentence, the steps as execd saw them, what
//! changed, what it threw away, then the findings as `check` writes them.

use std::os::unix::ffi::OsStrExt as _;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::page::{Page, Text, Tone};
use super::text::{EntryWriter, first_sentences, tone_of};
use super::{TOOL, VERSION};
use crate::engine::Entry;
use crate::findings::{Evidence, Severity};
use crate::redact::{Kind, Redactor, secrets};
use crate::replay::battery::{Row, RowVerdict};
use crate::replay::judge::Outcome;
use crate::replay::{
    Answer, Attempt, AttemptKind, Effect, Ended, ExecdWaits, Launch, Release, Run, StepRun, Target,
};
use crate::wazuh::version::{Contract, Version};

/// Lines of output, of a log and of a diff without `-v`.
const LINES: usize = 10;

/// Bytes of a secret, or of a part of one, that are worth hiding elsewhere.
const SHORTEST: usize = 6;

/// Characters of keys in one cell of the table.
const KEYS: usize = 28;

/// How far away from the host it was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Containment {
    /// Nothing of it reached the host.
    Sandbox,
    /// On this host.
    Real,
    /// Nothing was run.
    None,
}

/// One fault of the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Id of the check (`AR114`).
    pub id: &'static str,
    /// Slug of the check.
    pub slug: &'static str,
    /// What it does.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub fix: String,
    /// Path of the field (`parameters.alert.data.srcip`).
    pub pointer: Option<String>,
    /// Line, from 1.
    pub line: Option<u64>,
    /// Byte of that line, from 1.
    pub column: Option<u64>,
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it comes from (`alert.json`, `standard input`).
    pub shown: String,
    /// What that was: `message`, `alert`, `sample`, `text` or `broken`.
    pub kind: &'static str,
    /// Nothing is wrong with it.
    pub valid: bool,
    /// What is wrong with it, the worst first.
    pub problems: Vec<Problem>,
}

/// Something to know about the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// In words.
    pub text: String,
    /// It bears on this run; others are shown with `-v` only.
    pub matters: bool,
}

/// Everything the report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    /// What all text passes.
    pub redactor: &'a Redactor,
    /// What was played.
    pub target: &'a Target,
    /// How execd calls scripts there.
    pub contract: Contract,
    /// Which Wazuh; none when it is not known.
    pub version: Option<Version>,
    /// How far away from the host.
    pub containment: Containment,
    /// What was sent.
    pub message: &'a Message,
    /// What was seen; none when nothing was run.
    pub run: Option<&'a Run>,
    /// Why the script was not run, or not to its end: what it asks of the host.
    pub not_containable: Option<&'a Attempt>,
    /// What came of it; none when nothing was run.
    pub outcome: Option<&'a Outcome>,
    /// What stopped the first start, in words.
    pub launch_cause: Option<&'a str>,
    /// The sentence for a run without findings.
    pub summary: &'a str,
    /// The cases of `--conformance`; none without it.
    pub conformance: Option<&'a [Row]>,
    /// What is wrong, ranked.
    pub entries: &'a [Entry],
    /// Ids of the responses by their index.
    pub responses: &'a [String],
    /// What else to know.
    pub notes: &'a [Note],
}

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Advice, all notes, whole output.
    pub verbose: bool,
    /// Only the headline.
    pub quiet: bool,
}

/// Remembers the secrets in what the script did and said, as a whole. The report shows it in
/// pieces: line by line, cut, or as a word of a sentence, where no format tells them any more.
pub(super) fn learn(replay: &Replay<'_>) {
    let redactor = replay.redactor;
    let mut known: Vec<Vec<u8>> = Vec::new();
    for (name, value) in &replay.target.environment {
        if redactor.variable(name.as_bytes(), value.as_bytes()) {
            known.push(value.as_bytes().to_vec());
        }
    }
    for mut text in replay.run.iter().flat_map(|run| &run.steps).flat_map(raw) {
        if memchr::memmem::find(&text, b"-----BEGIN ").is_some() {
            // Its end may not have been kept.
            text.extend_from_slice(b"\n-----END");
        }
        remember(redactor, &text, &mut known);
        // The message itself: in JSON a secret is escaped, and a word apart from its option.
        if let Ok(message) = serde_json::from_slice(&text) {
            for text in strings(&message) {
                remember(redactor, text.as_bytes(), &mut known);
            }
        }
    }
    let findings =
        replay.entries.iter().flat_map(|entry| std::iter::once(&entry.finding).chain(&entry.folded));
    for finding in findings {
        // As `--set` has it.
        remember(redactor, finding.verify.replace(":=", "=").as_bytes(), &mut known);
        for piece in finding.title.split("...") {
            hide_edges(redactor, &known, piece.as_bytes());
        }
        for evidence in &finding.evidence {
            match evidence {
                Evidence::Excerpt { text, .. } => hide_edges(redactor, &known, text),
                Evidence::Observation { text, .. } => {
                    for piece in text.split("...") {
                        hide_edges(redactor, &known, piece.as_bytes());
                    }
                }
            }
        }
    }
}

/// Remembers the secrets in a text, each line of a key by itself.
fn remember(redactor: &Redactor, text: &[u8], known: &mut Vec<Vec<u8>>) {
    for span in secrets(text) {
        let before = text.get(..span.start).unwrap_or_default().trim_ascii_end();
        let is_key = before.ends_with(b"PRIVATE KEY-----");
        // `</key>` ends one, and what follows is any text.
        let tag = before.iter().rposition(|&byte| byte == b'<').and_then(|at| before.get(at..));
        if tag.is_some_and(|tag| tag.starts_with(b"</") && tag.ends_with(b">")) {
            continue;
        }
        let lines = text.get(span).unwrap_or_default().split(|&byte| byte == b'\n');
        for line in lines.take(if is_key { usize::MAX } else { 1 }) {
            // What ends a sentence or a quotation is hardly part of it.
            let end = line.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |at| at + 1);
            for secret in [line, line.get(..end).unwrap_or_default()] {
                // `Bad password: rejected` holds a word, and no secret, to be hidden elsewhere.
                if secret.len() >= SHORTEST && !secret.iter().all(u8::is_ascii_lowercase) {
                    redactor.remember(Kind::Token, secret);
                    known.push(secret.to_vec());
                }
            }
        }
    }
}

/// The strings of a document as they are without escapes, with their names, and those of a list
/// as one line.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => {
            let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            std::iter::once(words.join(" ")).chain(list.iter().flat_map(strings)).collect()
        }
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let named = value.as_str().map(|text| format!("{name}={text}"));
                named.into_iter().chain(strings(value))
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// Everything of one run of the script that may hold a secret.
fn raw(step: &StepRun) -> Vec<Vec<u8>> {
    let stuck = step.stuck.as_ref();
    let mut all = vec![
        step.sent.clone(),
        step.stderr.bytes.clone(),
        step.log_lines.join("\n").into_bytes(),
        step.first_line.clone().unwrap_or_default(),
        step.after_line.clone(),
        step.keys.as_ref().map(|keys| keys.join("\n").into_bytes()).unwrap_or_default(),
        stuck.map(|stuck| stuck.output.clone()).unwrap_or_default(),
        stuck.map(|stuck| stuck.partial.clone()).unwrap_or_default(),
    ];
    all.extend(stuck.iter().flat_map(|stuck| &stuck.processes).map(|process| process.command.clone().into()));
    for effect in &step.effects {
        all.push(effect.what.clone().into_bytes());
        all.push(effect.added.join("\n").into_bytes());
        all.push(effect.removed.join("\n").into_bytes());
    }
    all
}

/// Remembers the part of a secret that a cut left at the start or the end of a text.
fn hide_edges(redactor: &Redactor, known: &[Vec<u8>], text: &[u8]) {
    for secret in known {
        let lengths = || (SHORTEST..secret.len()).rev();
        let start = lengths().filter_map(|length| secret.get(secret.len() - length..));
        if let Some(part) = start.into_iter().find(|part| text.starts_with(part)) {
            redactor.remember(Kind::Token, part);
        }
        if let Some(part) =
            lengths().filter_map(|length| secret.get(..length)).find(|part| text.ends_with(part))
        {
            redactor.remember(Kind::Token, part);
        }
    }
}

/// Writes the report.
pub fn write(replay: &Replay<'_>, options: Options, page: &mut Page) {
    learn(replay);
    let writer = Writer { replay, options };
    if options.quiet {
        for line in writer.headline().wrapped(usize::MAX) {
            page.line(&line);
        }
        return;
    }
    writer.header(page);
    page.blank();
    writer.headline_block(page);
    writer.message(page);
    match (replay.conformance, replay.run) {
        (Some(rows), _) => writer.conformance(page, rows),
        (None, Some(run)) => writer.steps(page, run),
        (None, None) => {}
    }
    if let Some(run) = replay.run {
        if replay.conformance.is_none() || options.verbose {
            writer.details(page, run);
        }
        writer.attempts(page, run);
    }
    for (at, entry) in writer.entries().into_iter().enumerate() {
        writer.entry(page, at, entry);
    }
    writer.notes(page);
}

/// The name of a signal (`SIGPIPE`), or its number.
pub(super) fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned())
}

/// What an errno says (`ENOENT: No such file or directory`).
pub(super) fn errno_words(number: i32) -> String {
    Errno::from_raw(number).to_string()
}

/// A table whose columns are as wide as their widest cell. Where that is too wide for
/// the page, the last `flexible` columns share what is left and wrap.
struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<Text>>,
    flexible: usize,
}

impl Table {
    /// Columns between two cells.
    const GAP: usize = 2;

    fn widths(&self, room: usize) -> Vec<usize> {
        let columns = self.heads.len();
        let mut widths: Vec<usize> = (0..columns)
            .map(|at| {
                let cells = self.rows.iter().filter_map(|row| row.get(at)).map(Text::columns);
                cells.chain(self.heads.get(at).map(|head| head.len())).max().unwrap_or_default()
            })
            .collect();
        let firm = columns.saturating_sub(self.flexible);
        let taken: usize = widths.iter().take(firm).map(|width| width + Self::GAP).sum();
        let mut left = room.saturating_sub(taken);
        let mut flexible: Vec<&mut usize> = widths.iter_mut().skip(firm).collect();
        // The narrow ones first: what they do not need is for the others.
        flexible.sort_unstable();
        let mut waiting = flexible.len();
        for width in flexible {
            let share = (left / waiting.max(1)).saturating_sub(Self::GAP).max(12);
            *width = (*width).min(share);
            left = left.saturating_sub(*width + Self::GAP);
            waiting -= 1;
        }
        widths
    }

    fn write(&self, page: &mut Page, indent: usize) {
        let widths = self.widths(page.width().saturating_sub(indent));
        let heads = self.heads.iter().map(|head| Text::new().toned(Tone::Dim, head)).collect::<Vec<_>>();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let cells: Vec<Vec<Text>> = row
                .iter()
                .zip(&widths)
                .map(
                    |(cell, &width)| {
                        if cell.columns() > width { cell.wrapped(width) } else { vec![cell.clone()] }
                    },
                )
                .collect();
            let lines = cells.iter().map(Vec::len).max().unwrap_or_default();
            for at in 0..lines {
                let mut edge = 0;
                let mut line = Text::new();
                for (cell, width) in cells.iter().zip(&widths) {
                    line = line.pad(edge).and(cell.get(at).cloned().unwrap_or_default());
                    edge += width + Self::GAP;
                }
                page.indented(indent, &line);
            }
        }
    }
}

struct Writer<'a> {
    replay: &'a Replay<'a>,
    options: Options,
}

impl Writer<'_> {
    fn host(&self, text: impl AsRef<[u8]>) -> Text {
        Text::new().host(&self.replay.redactor.text(text))
    }

    // ---- the top ----

    fn header(&self, page: &mut Page) {
        let replay = self.replay;
        let target = replay.target;
        let file = target.install.as_ref().unwrap_or(&target.path);
        let parts = [
            Text::new().toned(Tone::Strong, TOOL).own(" ").own(VERSION),
            Text::new().own("replay ").and(self.host(&target.name)),
            self.host(file.display().to_string()),
            match replay.version {
                Some(version) => Text::new().own("Wazuh ").and(self.host(version.to_string())),
                None => Text::new().own("Wazuh, version unknown"),
            }
            .own(" (")
            .own(replay.contract.name())
            .own(")"),
            self.host(target.home.display().to_string()),
            Text::new().own(match replay.containment {
                Containment::Sandbox => "in a sandbox",
                Containment::Real => "for real",
                Containment::None => "nothing was run",
            }),
        ];
        page.line(&Text::new().list(parts, "   "));
    }

    fn first(&self) -> Option<&Entry> {
        self.replay.entries.first().filter(|entry| entry.finding.severity > Severity::Advice)
    }

    fn headline(&self) -> Text {
        if let Some(entry) = self.first() {
            return self.host(&entry.finding.title).all(tone_of(entry.finding.severity));
        }
        if let Some(attempt) = self.replay.not_containable {
            return self.not_containable(attempt).all(Tone::Warn);
        }
        self.host(self.replay.summary).all(Tone::Good)
    }

    fn not_containable(&self, attempt: &Attempt) -> Text {
        let text = self
            .host(&self.replay.target.name)
            .own(" cannot be played in a sandbox: it works through ")
            .and(self.attempt(attempt));
        match self.replay.run {
            Some(_) => text.own(". It was stopped there."),
            None => text.own(". It was not run."),
        }
    }

    fn attempt(&self, attempt: &Attempt) -> Text {
        let kind = match attempt.kind {
            AttemptKind::Service => "a service of the host, ",
            AttemptKind::Lookup => "a look-up, ",
            AttemptKind::Network => "the network, ",
            AttemptKind::Signal => "a signal to ",
            AttemptKind::Syscall => "the system call ",
        };
        let text = Text::new().own(kind).and(self.host(&attempt.what));
        if attempt.detail.is_empty() { text } else { text.own(" (").and(self.host(&attempt.detail)).own(")") }
    }

    fn headline_block(&self, page: &mut Page) {
        page.paragraph(2, &self.headline());
        if let Some(entry) = self.first() {
            let width = page.width().saturating_sub(6);
            let cause = first_sentences(&entry.finding.cause, width);
            for line in self.host(cause).wrapped(width).iter().filter(|line| !line.is_empty()) {
                page.indented(2, line);
            }
            if let Some(attempt) = self.replay.not_containable {
                page.paragraph(2, &self.not_containable(attempt));
            }
        }
        if self.replay.not_containable.is_some() {
            let text = Text::new().own("To run it for real on this host, with all it does: --execute");
            page.paragraph(2, &text);
        }
    }

    fn message(&self, page: &mut Page) {
        let message = self.replay.message;
        let text = match message.kind {
            "sample" | "broken" => self.host(&message.shown),
            kind => Text::new().own(kind).own(" from ").and(self.host(&message.shown)),
        };
        let text = match message.problems.len() {
            0 => text.own(", nothing wrong with it"),
            faults => text.own(", ").counted(faults, "fault"),
        };
        page.blank();
        page.labelled(2, "event", 9, &text);
        let target = self.replay.target;
        let timeout = match target.timeout {
            0 => Text::new().own("none: the response is not undone"),
            seconds => Text::new().number(seconds).own(" s"),
        };
        page.labelled(2, "timeout", 9, &timeout.own(" (").and(self.host(&target.timeout_from)).own(")"));
    }

    // ---- the steps ----

    fn steps(&self, page: &mut Page, run: &Run) {
        if run.steps.is_empty() {
            return;
        }
        page.blank();
        let rows = run.steps.iter().map(|step| self.step(step)).collect();
        let heads = vec!["step", "started", "line read", "keys", "answer", "ended", "status"];
        Table { heads, rows, flexible: 1 }.write(page, 2);
        for step in &run.steps {
            self.stuck(page, step);
            for line in step.daemon_log.iter().filter(|line| self.is_told(line)) {
                let text = Text::new()
                    .own("execd logs at ")
                    .and(self.host(&step.label))
                    .own(": ")
                    .all(Tone::Dim)
                    .and(self.host(line));
                page.paragraph(2, &text);
            }
        }
        if let Some(step) = run.steps.iter().find(|step| step.registered) {
            let text = Text::new()
                .own("the delete is due after ")
                .number(step.timeout)
                .own(" s, under the key ")
                .and(self.host(step.session_key.as_deref().unwrap_or("")));
            page.paragraph(2, &text.all(Tone::Dim));
        }
    }

    /// At every start execd tells which files of other systems it has not; only the file
    /// that is played matters.
    fn is_told(&self, line: &str) -> bool {
        let path = self.replay.target.path.to_string_lossy();
        self.options.verbose || !line.starts_with("INFO: ") || line.contains(path.as_ref())
    }

    fn step(&self, step: &StepRun) -> Vec<Text> {
        let times = &step.times;
        let keys = match (&step.keys, &step.first_line) {
            // Hidden before it is cut: half a secret is not recognised.
            (Some(keys), _) => self.host(shorten(self.replay.redactor.text(keys.join(", ")).as_str(), KEYS)),
            (None, Some(_)) => Text::new().toned(Tone::Warn, "no check_keys"),
            (None, None) => Text::new().own("-"),
        };
        let answer = match (step.answer, step.deed) {
            (Some(Answer::Continue), _) => Text::new().own("continue").and(beside(times.answered)),
            (Some(Answer::Abort), _) => Text::new().toned(Tone::Warn, "abort").and(beside(times.answered)),
            (None, _) => Text::new().own("-"),
        };
        vec![
            self.host(&step.label),
            self.started(step),
            milliseconds(times.line_read),
            keys.and(beside(times.keys.filter(|_| step.first_line.is_some()))),
            answer,
            milliseconds(times.ended),
            self.ended(step),
        ]
    }

    fn started(&self, step: &StepRun) -> Text {
        match &step.launch {
            None if step.refused => Text::new().toned(Tone::Warn, "refused"),
            None => Text::new().own("-"),
            Some(Launch { started: true, by_sh: true, .. }) => Text::new().own("by /bin/sh"),
            Some(Launch { started: true, .. }) => Text::new().toned(Tone::Good, "yes"),
            Some(Launch { errno, .. }) => {
                let text = Text::new().toned(Tone::Fail, "no");
                match errno {
                    Some(errno) => text.own(": ").and(self.host(format!("{:?}", Errno::from_raw(*errno)))),
                    None => text,
                }
            }
        }
    }

    /// The status, and what execd does with it: 4.x does not look at it, 5.x logs it
    /// (`src/os_execd/execd.c LogArExitStatus`, 5.0).
    fn ended(&self, step: &StepRun) -> Text {
        let reaction = || match self.replay.contract {
            Contract::Json5 => " (execd logs a WARNING)",
            Contract::Args | Contract::Json4 => " (execd ignores it)",
        };
        match step.ended {
            Ended::Never => Text::new().own("-"),
            Ended::Exit(0) => Text::new().toned(Tone::Good, "0"),
            Ended::Exit(status) => Text::new().number(status).all(Tone::Warn).own(reaction()),
            Ended::Signal(signal) => self.host(signal_name(signal)).all(Tone::Fail).own(reaction()),
            Ended::Deadline => Text::new().toned(Tone::Fail, "still ran at the deadline"),
            Ended::Stopped => Text::new().toned(Tone::Warn, "stopped"),
        }
    }

    fn stuck(&self, page: &mut Page, step: &StepRun) {
        let Some(stuck) = &step.stuck else { return };
        let waits = match stuck.execd {
            ExecdWaits::Write => "for the script to take its line",
            ExecdWaits::Line => "for a line on its standard output, or its end",
            ExecdWaits::Exit => "for the script to end",
        };
        let text = Text::new().own("at the deadline of ").and(self.host(&step.label)).own(" execd waits ");
        let processes = stuck.processes.iter().map(|process| {
            let what = match (process.reads_stdin, process.holds_stdout) {
                (true, _) => " reads its standard input",
                (false, true) => " holds standard output open",
                (false, false) => " runs",
            };
            self.host(if process.command.is_empty() { &process.name } else { &process.command }).own(what)
        });
        let text = text.own(waits).own("; ").list(processes, ", ");
        let text = match stuck.released_by {
            Some(Release::SecondLine) => text.own("; the answer line made it go on"),
            Some(Release::EndOfInput) => text.own("; the end of its input made it go on"),
            None => text,
        };
        page.paragraph(2, &text);
    }

    // ---- what came of it ----

    fn details(&self, page: &mut Page, run: &Run) {
        let effects: Vec<(&StepRun, &Effect)> =
            run.steps.iter().flat_map(|step| step.effects.iter().map(move |effect| (step, effect))).collect();
        if !effects.is_empty() {
            page.blank();
            page.indented(2, &Text::new().toned(Tone::Strong, "what changed"));
        }
        for (step, effect) in effects {
            self.effect(page, step, effect);
        }
        self.output(page, run, "standard error, which execd throws away", |step| {
            let total =
                step.stderr.total.saturating_sub(step.stderr.bytes.len().try_into().unwrap_or(u64::MAX));
            let lines = step.stderr.bytes.strip_suffix(b"\n").unwrap_or(&step.stderr.bytes);
            let lines: Vec<&[u8]> =
                if lines.is_empty() { Vec::new() } else { lines.split(|&byte| byte == b'\n').collect() };
            (lines, total)
        });
        self.output(page, run, "lines in logs/active-responses.log", |step| {
            (step.log_lines.iter().map(String::as_bytes).collect(), 0)
        });
    }

    fn effect(&self, page: &mut Page, step: &StepRun, effect: &Effect) {
        let text = self
            .host(&step.label)
            .own(": ")
            .and(self.host(&effect.what))
            .own(" ")
            .and(self.host(&effect.change));
        let text = match effect.taken_back {
            Some(true) => text.own(" (taken back: yes)"),
            Some(false) => text.toned(Tone::Warn, " (taken back: no)"),
            None => text,
        };
        page.paragraph(4, &text);
        let removed = effect.removed.iter().map(|line| (Tone::Fail, "- ", line));
        let added = effect.added.iter().map(|line| (Tone::Good, "+ ", line));
        let all: Vec<_> = removed.chain(added).collect();
        let shown = if self.options.verbose { all.len() } else { all.len().min(LINES) };
        for (tone, sign, line) in all.iter().take(shown) {
            page.indented(6, &Text::new().own(sign).and(self.host(line)).all(*tone));
        }
        self.more(page, 6, all.len() - shown);
    }

    fn more(&self, page: &mut Page, indent: usize, hidden: usize) {
        if hidden > 0 {
            page.indented(
                indent,
                &Text::new().own("... and ").count(hidden).own(" more (-v)").all(Tone::Dim),
            );
        }
    }

    /// Lines of all steps that have some, with a head; `lines` also says how many bytes
    /// were not kept.
    fn output<'r>(
        &self,
        page: &mut Page,
        run: &'r Run,
        head: &'static str,
        lines: impl Fn(&'r StepRun) -> (Vec<&'r [u8]>, u64),
    ) {
        let mut is_first = true;
        for step in &run.steps {
            let (lines, cut) = lines(step);
            if lines.is_empty() {
                continue;
            }
            if std::mem::take(&mut is_first) {
                page.blank();
                page.indented(2, &Text::new().toned(Tone::Strong, head));
            }
            page.indented(4, &self.host(&step.label).own(":").all(Tone::Dim));
            let shown = if self.options.verbose { lines.len() } else { lines.len().min(LINES) };
            for line in lines.iter().take(shown) {
                page.indented(6, &self.host(line));
            }
            self.more(page, 6, lines.len() - shown);
            if cut > 0 {
                page.indented(6, &Text::new().number(cut).own(" bytes more were not kept").all(Tone::Dim));
            }
        }
    }

    /// What it asked of the host and did not get, each once. Look-ups are harmless.
    fn attempts(&self, page: &mut Page, run: &Run) {
        let mut seen: Vec<&Attempt> = Vec::new();
        for attempt in run.steps.iter().flat_map(|step| &step.attempts) {
            if (self.options.verbose || attempt.kind != AttemptKind::Lookup) && !seen.contains(&attempt) {
                seen.push(attempt);
            }
        }
        if seen.is_empty() {
            return;
        }
        page.blank();
        page.indented(2, &Text::new().toned(Tone::Strong, "what it asked of the host, and did not get"));
        let shown = if self.options.verbose { seen.len() } else { seen.len().min(LINES) };
        for attempt in seen.iter().take(shown) {
            page.paragraph(4, &self.attempt(attempt));
        }
        self.more(page, 4, seen.len() - shown);
    }

    // ---- conformance ----

    fn conformance(&self, page: &mut Page, rows: &[Row]) {
        page.blank();
        let table = rows
            .iter()
            .map(|row| {
                let (verdict, tone) = match row.verdict {
                    RowVerdict::Pass => ("ok", Tone::Good),
                    RowVerdict::Bent => ("bent", Tone::Warn),
                    RowVerdict::Fail => ("FAIL", Tone::Fail),
                    RowVerdict::NotRun => ("not run", Tone::Dim),
                };
                vec![
                    Text::new().toned(tone, verdict),
                    self.host(&row.case),
                    self.host(&row.expected),
                    self.host(&row.seen),
                ]
            })
            .collect();
        Table { heads: vec!["verdict", "case", "expected", "seen"], rows: table, flexible: 3 }.write(page, 2);
    }

    // ---- findings and notes ----

    fn entries(&self) -> Vec<&Entry> {
        let shown = |entry: &&Entry| self.options.verbose || entry.finding.severity > Severity::Advice;
        self.replay.entries.iter().filter(shown).collect()
    }

    fn entry(&self, page: &mut Page, at: usize, entry: &Entry) {
        let writer = EntryWriter {
            redactor: self.replay.redactor,
            verbose: self.options.verbose,
            why: false,
            since_baseline: None,
        };
        writer.entry(page, at, entry, at == 0 && self.first().is_some(), Text::new(), &[]);
    }

    fn notes(&self, page: &mut Page) {
        let notes: Vec<&Note> =
            self.replay.notes.iter().filter(|note| self.options.verbose || note.matters).collect();
        let hidden = self.replay.notes.len() - notes.len();
        if notes.is_empty() && hidden == 0 {
            return;
        }
        page.blank();
        for note in notes {
            page.paragraph(1, &Text::new().own("note: ").and(self.host(&note.text)));
        }
        if hidden > 0 {
            let text = Text::new().counted(hidden, "note").own(" on the limits of the sandbox (-v)");
            page.indented(1, &text.all(Tone::Dim));
        }
    }
}

/// `1.2 ms`, or a dash.
fn milliseconds(microseconds: Option<u64>) -> Text {
    microseconds.map_or_else(|| Text::new().own("-"), time)
}

/// The same behind something, in brackets, or nothing.
fn beside(microseconds: Option<u64>) -> Text {
    microseconds.map_or_else(Text::new, |at| Text::new().own(" (").and(time(at)).own(")").all(Tone::Dim))
}

fn time(microseconds: u64) -> Text {
    let tenths = microseconds.saturating_add(50) / 100;
    Text::new().number(tenths / 10).own(".").number(tenths % 10).own(" ms")
}

/// A text of at most so many characters.
fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most.saturating_sub(3)).collect();
    start + "..."
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use crate::engine::rank::rank;
    use crate::findings::{Finding, Subject, checks};
    use crate::replay::{Captured, Deed, EffectKind, Stuck, Times, Waiting};

    pub(in crate::report) fn target() -> Target {
        Target {
            asked: "custom-block".into(),
            name: "custom-block600".into(),
            path: "active-response/bin/custom-block".into(),
            home: "/var/ossec".into(),
            install: None,
            gid: Some(990),
            environment: vec![
                ("PATH".into(), "/usr/bin".into()),
                ("API_TOKEN".into(), "hidden-token".into()),
            ],
            timeout: 600,
            timeout_from: "etc/shared/ar.conf:7".into(),
        }
    }

    pub(in crate::report) fn message() -> Message {
        Message {
            shown: "alert.json".into(),
            kind: "alert",
            valid: false,
            problems: vec![Problem {
                id: "AR115",
                slug: "payload-address",
                severity: Severity::Error,
                what: "10.1 is read as 10.0.0.1".into(),
                fix: "write it in full".into(),
                pointer: Some("parameters.alert.data.srcip".into()),
                line: Some(1),
                column: Some(9),
            }],
        }
    }

    /// A run with one of everything.
    pub(in crate::report) fn everything() -> Run {
        let attempt = |kind| Attempt { kind, what: "/run/dbus".into(), detail: "D-Bus".into() };
        let add = StepRun {
            label: "add".into(),
            deed: Some(Deed::Add),
            sent: b"{}".to_vec(),
            daemon_log: vec!["ERROR: (1311): x".into(), "INFO: other.sh is not there".into()],
            launch: Some(Launch { started: true, errno: None, by_sh: true }),
            times: Times {
                line_read: Some(950),
                keys: Some(2_049),
                answered: Some(2_051),
                ended: Some(12_345),
            },
            bytes_read: 3,
            first_line: Some(b"password=swordfish1\x1b[31m\xff".to_vec()),
            after_line: b"x".to_vec(),
            keys: Some(vec!["203.0.113.9".into(), "k".repeat(60)]),
            answer: Some(Answer::Continue),
            session_key: Some("custom-block-203.0.113.9".into()),
            registered: true,
            timeout: 600,
            ended: Ended::Exit(2),
            stderr: Captured { bytes: b"token=swordfish2\na\n\x1b]0;x\n".repeat(9), total: 99_999 },
            log_lines: vec!["2026/11/20 x: Ended".into()],
            effects: vec![Effect {
                kind: EffectKind::Firewall,
                what: "iptables".into(),
                change: "1 rule added".into(),
                added: vec!["-A INPUT -j DROP".into(); 12],
                removed: vec!["-P INPUT".into()],
                taken_back: Some(false),
            }],
            attempts: [
                AttemptKind::Service,
                AttemptKind::Lookup,
                AttemptKind::Network,
                AttemptKind::Signal,
                AttemptKind::Syscall,
            ]
            .map(attempt)
            .to_vec(),
            ..StepRun::default()
        };
        let delete = StepRun {
            label: "delete".into(),
            deed: Some(Deed::Delete),
            launch: Some(Launch { started: true, errno: None, by_sh: false }),
            ended: Ended::Deadline,
            stuck: Some(Stuck {
                processes: vec![Waiting { name: "cat".into(), reads_stdin: true, ..Waiting::default() }],
                released_by: Some(Release::EndOfInput),
                output: b"late".to_vec(),
                ..Stuck::default()
            }),
            ..StepRun::default()
        };
        let refused = StepRun { label: "refused".into(), refused: true, ..StepRun::default() };
        let denied = StepRun {
            label: "denied".into(),
            answer: Some(Answer::Abort),
            first_line: Some(b"noise".to_vec()),
            launch: Some(Launch { started: false, errno: Some(13), by_sh: false }),
            ended: Ended::Signal(13),
            ..StepRun::default()
        };
        Run {
            steps: vec![add, delete, refused, denied],
            notes: vec!["/sys is read-only".into()],
            not_containable: Some(attempt(AttemptKind::Service)),
            own_time: 20_000,
        }
    }

    pub(in crate::report) fn entries() -> Vec<Entry> {
        rank(vec![
            Finding::new(
                checks::SCRIPT_NOT_EXECUTABLE,
                Subject::Response("custom-block600".into()),
                "custom-block600 does not run: secret=swordfish3",
            )
            .cause("because")
            .observed("stat", "mode 0644")
            .stops([0]),
        ])
    }

    pub(in crate::report) fn outcome() -> Outcome {
        Outcome {
            blocks_execd: Some(true),
            keys: vec!["203.0.113.9".into()],
            second_target_aborted: Some(true),
            exit_status: Some(2),
            ..Outcome::default()
        }
    }

    pub(in crate::report) fn rows() -> Vec<Row> {
        [RowVerdict::Pass, RowVerdict::Bent, RowVerdict::Fail, RowVerdict::NotRun]
            .map(|verdict| Row {
                case: "second target".into(),
                expected: "continue, with another key, as often as it is asked, and without a word more"
                    .into(),
                seen: "abort".into(),
                verdict,
            })
            .to_vec()
    }

    fn text(replay: &Replay<'_>, options: Options, width: usize) -> String {
        let mut page = Page::new(width, false);
        write(replay, options, &mut page);
        page.into_text()
    }

    fn with_everything(then: impl FnOnce(Replay<'_>)) {
        let redactor = Redactor::new();
        let (target, message, run, entries, outcome) =
            (target(), message(), everything(), entries(), outcome());
        let notes = [
            Note { text: "a home is assumed".into(), matters: true },
            Note { text: "SELinux is not reproduced".into(), matters: false },
        ];
        then(Replay {
            redactor: &redactor,
            target: &target,
            contract: Contract::Json4,
            version: Some(Version::new(4, 14, 2)),
            containment: Containment::Sandbox,
            message: &message,
            run: Some(&run),
            not_containable: run.not_containable.as_ref(),
            outcome: Some(&outcome),
            launch_cause: None,
            summary: "custom-block600 works",
            conformance: None,
            entries: &entries,
            responses: &[],
            notes: &notes,
        });
    }

    #[test]
    fn what_was_seen_stands_in_the_report() {
        with_everything(|replay| {
            let out = text(&replay, Options::default(), 160);
            for wanted in [
                "replay custom-block600   active-response/bin/custom-block   Wazuh 4.14.2 (json4)   /var/ossec   in a sandbox",
                "600 s (etc/shared/ar.conf:7)",
                "2 (execd ignores it)",
                "SIGPIPE",
                "still ran at the deadline",
                "no: EACCES",
                "by /bin/sh",
                "continue (2.1 ms)",
                "12.3 ms",
                "abort",
                "refused",
                "cat reads its standard input; the end of its input made it go on",
                "iptables 1 rule added (taken back: no)",
                "+ -A INPUT -j DROP",
                "- -P INPUT",
                "... and 3 more (-v)",
                "bytes more were not kept",
                "execd logs at add: ERROR: (1311): x",
                "note: a home is assumed",
                "1 note on the limits",
                "AR034",
            ] {
                assert!(out.contains(wanted), "{wanted:?} is not in\n{out}");
            }
            assert!(
                !out.contains("other.sh") && !out.contains("SELinux") && !out.contains("a look-up"),
                "{out}"
            );
            assert!(!out.contains("swordfish") && !out.contains("hidden-token"), "{out}");
            assert!(!out.chars().any(|letter| letter.is_control() && letter != '\n'), "{out}");
            let all = text(&replay, Options { verbose: true, quiet: false }, 160);
            assert!(all.contains("SELinux") && all.contains("a look-up") && !all.contains("(-v)"), "{all}");
            assert_eq!(all.matches("+ -A INPUT").count(), 12);
            let json5 = Replay { contract: Contract::Json5, ..replay };
            assert!(text(&json5, Options::default(), 160).contains("2 (execd logs a WARNING)"));
        });
    }

    #[test]
    fn the_first_line_is_the_worst_finding_else_what_was_seen() {
        with_everything(|replay| {
            let quiet = Options { quiet: true, verbose: false };
            assert_eq!(text(&replay, quiet, 80), "custom-block600 does not run: secret=**********\n");
            let fine = Replay { entries: &[], ..replay };
            assert!(text(&fine, quiet, 80).contains("cannot be played in a sandbox"));
            let fine = Replay { not_containable: None, ..fine };
            assert_eq!(text(&fine, quiet, 80), "custom-block600 works\n");
        });
    }

    #[test]
    fn a_battery_is_one_table_that_fits() {
        let rows = rows();
        with_everything(|replay| {
            let replay = Replay { conformance: Some(&rows), ..replay };
            let out = text(&replay, Options::default(), 100);
            assert!(out.contains("verdict") && out.contains("FAIL") && out.contains("not run"), "{out}");
            assert!(!out.contains("line read"), "{out}");
            let table: Vec<&str> = out.lines().filter(|line| line.contains("second target")).collect();
            assert_eq!(table.len(), 4);
            let table = out.split("verdict").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
            assert!(table.lines().all(|line| line.chars().count() <= 100), "{out}");
        });
    }

    proptest::proptest! {
        #[test]
        fn no_control_character_of_a_script_comes_out(bytes: Vec<u8>, name in "\\PC{0,20}|\\x1b.{0,8}", width in 40usize..160) {
            with_everything(|replay| {
                let mut run = everything();
                let shown = String::from_utf8_lossy(&bytes).into_owned();
                for step in &mut run.steps {
                    step.label.clone_from(&name);
                    step.keys = Some(vec![shown.clone()]);
                    step.stderr.bytes.clone_from(&bytes);
                    step.log_lines = vec![shown.clone()];
                    step.daemon_log = vec![shown.clone()];
                }
                let replay = Replay { run: Some(&run), ..replay };
                for verbose in [false, true] {
                    let out = text(&replay, Options { verbose, quiet: false }, width);
                    assert!(!out.chars().any(|letter| letter.is_control() && letter != '\n'), "{out:?}");
                }
            });
        }
    }
}
