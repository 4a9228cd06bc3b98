//! The JSON of `replay`, in the family of [`super::json`]'s: the same names for the same
//! things, and structs of its own.

use schemars::JsonSchema;
use serde::Serialize;

use super::json::{ContractName, FindingEntry, SeverityName, Tool, findings};
use super::replay::{self, Containment, Replay};
use crate::findings::ResponseIndex;
use crate::redact::{Redacted, Redactor};
use crate::replay::battery::{self, RowVerdict};
use crate::replay::judge;
use crate::replay::{
    Answer, Attempt, AttemptKind, Deed, Effect, EffectKind, Ended, ExecdWaits, Release, Run, StepRun, Stuck,
};

/// Version of this format. Adding a field keeps it, removing or redefining one raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// What `replay --format json` writes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "ar-doctor replay")]
pub struct Document {
    /// Version of this format.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// Which document this is.
    pub kind: DocumentKind,
    /// What was played.
    pub target: Target,
    /// How far away from the host.
    pub containment: ContainmentName,
    /// What was sent.
    pub payload: Payload,
    /// How the first start went; null when nothing was started and no cause of that is known.
    pub launch: Option<Launch>,
    /// What was played, in order.
    pub steps: Vec<Step>,
    /// What came of it; null when nothing was run.
    pub outcome: Option<Outcome>,
    /// The cases of `--conformance`; null without it.
    pub conformance: Option<Vec<Row>>,
    /// What changed, in all steps.
    pub effects: Vec<StepEffect>,
    /// What the script asked of the host that a sandbox cannot hold, so that it was not
    /// run, or not to its end; else null.
    pub not_containable: Option<Request>,
    /// In rank order, each folded one behind the one that explains it.
    pub findings: Vec<FindingEntry>,
    /// What else to know, such as the limits of the sandbox.
    pub notes: Vec<Redacted>,
}

/// Which document this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentKind {
    /// A replay.
    Replay,
}

/// What was played.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Target {
    /// What the user named.
    pub asked: Redacted,
    /// The name of the response; on 5.x the executable.
    pub name: Redacted,
    /// The path execd starts, relative to the home.
    pub path: Redacted,
    /// The file that was played as if it stood there; null for what is installed.
    pub installed_from: Option<Redacted>,
    /// The home.
    pub home: Redacted,
    /// How scripts are called.
    pub contract: ContractName,
    /// Version of Wazuh; null when it is unknown.
    pub version: Option<Redacted>,
    /// Seconds until it is undone; 0 is never.
    pub timeout: i32,
    /// Where that number comes from.
    pub timeout_from: Redacted,
    /// Group execd runs with; null when the host has none.
    pub gid: Option<u32>,
    /// The environment as far as it is told.
    pub environment: Environment,
}

/// Variables of execd. Only this one is told: others may be secrets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Environment {
    /// `PATH`; null when execd has none.
    #[serde(rename = "PATH")]
    pub path: Option<Redacted>,
}

/// How far away from the host it was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContainmentName {
    /// Nothing of it reached the host.
    Sandbox,
    /// On this host.
    Real,
    /// Nothing was run.
    None,
}

/// What was sent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Payload {
    /// Nothing is wrong with it.
    pub valid: bool,
    /// What it was: `message`, `alert`, `sample` (none was given), `text` (of 4.1 and earlier)
    /// or `broken`.
    pub kind: &'static str,
    /// Where it comes from.
    pub shown: Redacted,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// One fault of the payload.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Problem {
    /// Id of the check (`AR114`).
    pub id: &'static str,
    /// Slug of the check.
    pub slug: &'static str,
    /// What it does.
    pub severity: SeverityName,
    /// What is wrong.
    pub what: Redacted,
    /// How to mend it.
    pub fix: Redacted,
    /// Path of the field (`parameters.alert.data.srcip`); null when it is about the whole.
    pub pointer: Option<Redacted>,
    /// Line, from 1; null where there is none.
    pub line: Option<u64>,
    /// Byte of that line, from 1; null where there is none.
    pub column: Option<u64>,
}

/// How a start went.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Launch {
    /// The file, or `/bin/sh` in its place, ran.
    pub started: bool,
    /// errno of execve(2); null when there was none.
    pub errno: Option<i32>,
    /// What stopped it, in words, which execd never says; null when it started.
    pub cause: Option<Redacted>,
    /// The kernel did not know its format, so libc gave it to `/bin/sh`.
    pub by_sh: bool,
}

/// One run of the script, or execd's refusal to run it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step {
    /// What it is for.
    pub label: Redacted,
    /// What execd did; null when it did nothing.
    pub deed: Option<DeedName>,
    /// execd did not start anything.
    pub refused: bool,
    /// How the start went; null when execd started nothing.
    pub launch: Option<Launch>,
    /// When things happened.
    pub times: Times,
    /// How much of its line the script took, in bytes, the line feed counted.
    pub bytes_read: u64,
    /// What execd read; null at end of file.
    pub first_line: Option<Redacted>,
    /// Its keys; null when the line was no check_keys message.
    pub keys: Option<Vec<Redacted>>,
    /// What execd answered; null when it did not.
    pub answer: Option<AnswerName>,
    /// The key of the pending delete; null when there is none.
    pub session_key: Option<Redacted>,
    /// A delete is now pending.
    pub registered: bool,
    /// Seconds until it.
    pub timeout: i32,
    /// How the script ended.
    pub ended: End,
    /// What was seen at the deadline; null when it ended before.
    pub stuck: Option<StuckEntry>,
    /// Standard error, which execd throws away.
    pub stderr: Output,
    /// Lines it appended to `logs/active-responses.log`.
    pub log_lines: Vec<Redacted>,
    /// Lines execd logs at the default level.
    pub daemon_log: Vec<Redacted>,
    /// What changed.
    pub effects: Vec<EffectEntry>,
    /// What it asked of the host and did not get.
    pub attempts: Vec<Request>,
}

/// What execd did in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeedName {
    /// A message came.
    Add,
    /// The timeout was over.
    Delete,
}

/// Microseconds since the script was started; null for what did not happen.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Times {
    /// The script had taken the whole line.
    pub line_read: Option<u64>,
    /// execd had a line from it, or its end of file.
    pub keys: Option<u64>,
    /// execd had answered.
    pub answered: Option<u64>,
    /// The script had ended.
    pub ended: Option<u64>,
}

/// What execd answers to keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerName {
    /// Go on.
    Continue,
    /// The same key is pending already.
    Abort,
}

/// How a script ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct End {
    /// In which way.
    pub how: EndName,
    /// Its exit status; null when it has none.
    pub exit_status: Option<i32>,
    /// The signal that ended it; null when none did.
    pub signal: Option<i32>,
}

/// In which way a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndName {
    /// It was never started.
    Never,
    /// By itself.
    Exit,
    /// By a signal of its own making.
    Signal,
    /// By ar-doctor, at the deadline.
    Deadline,
    /// By ar-doctor, because it asked a service of the host.
    Stopped,
}

/// The state of things at the deadline.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StuckEntry {
    /// What execd waits for.
    pub execd_waits_for: WaitName,
    /// The processes that were left, the script first.
    pub processes: Vec<Waiting>,
    /// What made the script go on; null when nothing did.
    pub released_by: Option<ReleaseName>,
    /// What it wrote then.
    pub output: Redacted,
}

/// What execd waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitName {
    /// That the script takes its line.
    Write,
    /// A line, or the end of the script's standard output.
    Line,
    /// The script's end.
    Exit,
}

/// What made a stuck script go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseName {
    /// The answer line.
    SecondLine,
    /// The end of its input.
    EndOfInput,
}

/// A process at the deadline.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Waiting {
    /// Its name.
    pub name: Redacted,
    /// Its command line.
    pub command: Redacted,
    /// It is the script itself.
    pub is_script: bool,
    /// It waits for its standard input.
    pub reads_stdin: bool,
    /// It holds the script's standard output.
    pub holds_stdout: bool,
}

/// Output with a cap.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The first of it. Bytes that are no text are U+FFFD.
    pub text: Redacted,
    /// How many bytes there were in all.
    pub total: u64,
    /// Whether `text` is not all.
    pub cut: bool,
}

/// One thing that changed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EffectEntry {
    /// What kind of thing.
    pub kind: EffectName,
    /// Which.
    pub what: Redacted,
    /// How, in a sentence.
    pub change: Redacted,
    /// Lines that were added; may be cut.
    pub added: Vec<Redacted>,
    /// Lines that were removed; may be cut.
    pub removed: Vec<Redacted>,
    /// Whether the delete took it back; null when there was none.
    pub taken_back: Option<bool>,
}

/// One thing that changed, and when.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StepEffect {
    /// Label of the step.
    pub step: Redacted,
    /// The thing.
    #[serde(flatten)]
    pub effect: EffectEntry,
}

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EffectName {
    /// Rules of a packet filter.
    Firewall,
    /// Routes.
    Route,
    /// Whether an account is locked.
    Account,
    /// A file or directory.
    File,
    /// A signal to a process of the host, which the sandbox kept back.
    Signal,
}

/// Something the script asked of the host.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Request {
    /// What kind.
    pub kind: RequestName,
    /// A socket's path, an address, a process, a system call.
    pub what: Redacted,
    /// More words.
    pub detail: Redacted,
}

/// What kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RequestName {
    /// A service of the host.
    Service,
    /// Looking a name up, or logging: harmless.
    Lookup,
    /// An address on a network.
    Network,
    /// A signal to a process of the host.
    Signal,
    /// A system call that would change the host.
    Syscall,
}

/// What came of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Outcome {
    /// execd waits for ever, and every later response with it; null when it was not seen.
    pub blocks_execd: Option<bool>,
    /// The script took its line; null when it was not seen.
    pub reads_line: Option<bool>,
    /// Its keys.
    pub keys: Vec<Redacted>,
    /// A delete was registered.
    pub registered: bool,
    /// Under this key; null when execd had none.
    pub session_key: Option<Redacted>,
    /// Another target was aborted; null when none was tried.
    pub second_target_aborted: Option<bool>,
    /// The delete ran; null when there was none to run.
    pub delete_ran: Option<bool>,
    /// Exit status of the first step; null when it has none.
    pub exit_status: Option<i32>,
    /// Signal that ended it; null when none did.
    pub signal: Option<i32>,
}

/// One case of `--conformance`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Row {
    /// Which.
    pub case: Redacted,
    /// What a script that keeps the contract does.
    pub expected: Redacted,
    /// What this one did.
    pub seen: Redacted,
    /// Whether that is good.
    pub verdict: VerdictName,
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictName {
    /// As it must.
    Pass,
    /// As it may, with a remark.
    Bent,
    /// Not as it must.
    Fail,
    /// It was not played.
    NotRun,
}

/// The document for a report.
pub fn document(replay: &Replay<'_>) -> Document {
    replay::learn(replay);
    let view = View { redactor: replay.redactor };
    let steps: &[StepRun] = replay.run.map_or(&[], |run: &Run| &run.steps);
    let first = steps.iter().find_map(|step| step.launch.as_ref());
    Document {
        schema_version: SCHEMA_VERSION,
        tool: Tool::this(),
        kind: DocumentKind::Replay,
        target: view.target(replay),
        containment: match replay.containment {
            Containment::Sandbox => ContainmentName::Sandbox,
            Containment::Real => ContainmentName::Real,
            Containment::None => ContainmentName::None,
        },
        payload: view.payload(replay.message),
        launch: first.map(|launch| view.launch(launch, replay.launch_cause)).or_else(|| {
            // execd itself does not come to the start.
            let is_refused = steps.first().is_some_and(|step| step.refused);
            let cause = replay.launch_cause.filter(|_| is_refused)?;
            Some(view.launch(&crate::replay::Launch::default(), Some(cause)))
        }),
        steps: steps.iter().map(|step| view.step(step)).collect(),
        outcome: replay.outcome.map(|outcome| view.outcome(outcome)),
        conformance: replay.conformance.map(|rows| rows.iter().map(|row| view.row(row)).collect()),
        effects: steps
            .iter()
            .flat_map(|step| {
                step.effects
                    .iter()
                    .map(|effect| StepEffect { step: view.text(&step.label), effect: view.effect(effect) })
            })
            .collect(),
        not_containable: replay.not_containable.map(|attempt| view.request(attempt)),
        findings: findings(replay.redactor, replay.entries, &|responses: &[ResponseIndex]| {
            let known = responses.iter().filter_map(|&index| replay.responses.get(index));
            known.map(|id| view.text(id)).collect::<Vec<_>>().into()
        }),
        notes: replay.notes.iter().map(|note| view.text(&note.text)).collect(),
    }
}

struct View<'a> {
    redactor: &'a Redactor,
}

impl View<'_> {
    fn text(&self, text: impl AsRef<[u8]>) -> Redacted {
        self.redactor.text(text)
    }

    fn texts<T: AsRef<[u8]>>(&self, texts: &[T]) -> Vec<Redacted> {
        texts.iter().map(|text| self.text(text)).collect()
    }

    fn target(&self, replay: &Replay<'_>) -> Target {
        use std::os::unix::ffi::OsStrExt as _;
        let target = replay.target;
        let path = target.environment.iter().find(|(name, _)| name == "PATH");
        Target {
            asked: self.text(&target.asked),
            name: self.text(&target.name),
            path: self.text(target.path.as_os_str().as_bytes()),
            installed_from: target.install.as_ref().map(|file| self.text(file.as_os_str().as_bytes())),
            home: self.text(target.home.as_os_str().as_bytes()),
            contract: replay.contract.into(),
            version: replay.version.map(|version| self.text(version.to_string())),
            timeout: target.timeout,
            timeout_from: self.text(&target.timeout_from),
            gid: target.gid,
            environment: Environment { path: path.map(|(_, value)| self.text(value.as_bytes())) },
        }
    }

    fn payload(&self, message: &replay::Message) -> Payload {
        Payload {
            valid: message.valid,
            kind: message.kind,
            shown: self.text(&message.shown),
            problems: message
                .problems
                .iter()
                .map(|problem| Problem {
                    id: problem.id,
                    slug: problem.slug,
                    severity: problem.severity.into(),
                    what: self.text(&problem.what),
                    fix: self.text(&problem.fix),
                    pointer: problem.pointer.as_ref().map(|pointer| self.text(pointer)),
                    line: problem.line,
                    column: problem.column,
                })
                .collect(),
        }
    }

    fn launch(&self, launch: &crate::replay::Launch, cause: Option<&str>) -> Launch {
        let said = || launch.errno.map(replay::errno_words);
        let cause = if launch.started { None } else { cause.map(str::to_owned).or_else(said) };
        Launch {
            started: launch.started,
            errno: launch.errno,
            cause: cause.map(|cause| self.text(cause)),
            by_sh: launch.by_sh,
        }
    }

    fn step(&self, step: &StepRun) -> Step {
        let kept = u64::try_from(step.stderr.bytes.len()).unwrap_or(u64::MAX);
        Step {
            label: self.text(&step.label),
            deed: step.deed.map(|deed| match deed {
                Deed::Add => DeedName::Add,
                Deed::Delete => DeedName::Delete,
            }),
            refused: step.refused,
            launch: step.launch.as_ref().map(|launch| self.launch(launch, None)),
            times: Times {
                line_read: step.times.line_read,
                keys: step.times.keys,
                answered: step.times.answered,
                ended: step.times.ended,
            },
            bytes_read: step.bytes_read,
            first_line: step.first_line.as_ref().map(|line| self.text(line)),
            keys: step.keys.as_ref().map(|keys| self.texts(keys)),
            answer: step.answer.map(|answer| match answer {
                Answer::Continue => AnswerName::Continue,
                Answer::Abort => AnswerName::Abort,
            }),
            session_key: step.session_key.as_ref().map(|key| self.text(key)),
            registered: step.registered,
            timeout: step.timeout,
            ended: match &step.launch {
                Some(launch) if !launch.started => end(Ended::Never),
                _ => end(step.ended),
            },
            stuck: step.stuck.as_ref().map(|stuck| self.stuck(stuck)),
            stderr: Output {
                text: self.text(&step.stderr.bytes),
                total: step.stderr.total,
                cut: step.stderr.total > kept,
            },
            log_lines: self.texts(&step.log_lines),
            daemon_log: self.texts(&step.daemon_log),
            effects: step.effects.iter().map(|effect| self.effect(effect)).collect(),
            attempts: step.attempts.iter().map(|attempt| self.request(attempt)).collect(),
        }
    }

    fn stuck(&self, stuck: &Stuck) -> StuckEntry {
        StuckEntry {
            execd_waits_for: match stuck.execd {
                ExecdWaits::Write => WaitName::Write,
                ExecdWaits::Line => WaitName::Line,
                ExecdWaits::Exit => WaitName::Exit,
            },
            processes: stuck
                .processes
                .iter()
                .map(|process| Waiting {
                    name: self.text(&process.name),
                    command: self.text(&process.command),
                    is_script: process.is_script,
                    reads_stdin: process.reads_stdin,
                    holds_stdout: process.holds_stdout,
                })
                .collect(),
            released_by: stuck.released_by.map(|release| match release {
                Release::SecondLine => ReleaseName::SecondLine,
                Release::EndOfInput => ReleaseName::EndOfInput,
            }),
            output: self.text(&stuck.output),
        }
    }

    fn effect(&self, effect: &Effect) -> EffectEntry {
        EffectEntry {
            kind: match effect.kind {
                EffectKind::Firewall => EffectName::Firewall,
                EffectKind::Route => EffectName::Route,
                EffectKind::Account => EffectName::Account,
                EffectKind::File => EffectName::File,
                EffectKind::Signal => EffectName::Signal,
            },
            what: self.text(&effect.what),
            change: self.text(&effect.change),
            added: self.texts(&effect.added),
            removed: self.texts(&effect.removed),
            taken_back: effect.taken_back,
        }
    }

    fn request(&self, attempt: &Attempt) -> Request {
        Request {
            kind: match attempt.kind {
                AttemptKind::Service => RequestName::Service,
                AttemptKind::Lookup => RequestName::Lookup,
                AttemptKind::Network => RequestName::Network,
                AttemptKind::Signal => RequestName::Signal,
                AttemptKind::Syscall => RequestName::Syscall,
            },
            what: self.text(&attempt.what),
            detail: self.text(&attempt.detail),
        }
    }

    fn outcome(&self, outcome: &judge::Outcome) -> Outcome {
        Outcome {
            blocks_execd: outcome.blocks_execd,
            reads_line: outcome.reads_line,
            keys: self.texts(&outcome.keys),
            registered: outcome.registered,
            session_key: outcome.session_key.as_ref().map(|key| self.text(key)),
            second_target_aborted: outcome.second_target_aborted,
            delete_ran: outcome.delete_ran,
            exit_status: outcome.exit_status,
            signal: outcome.signal,
        }
    }

    fn row(&self, row: &battery::Row) -> Row {
        Row {
            case: self.text(&row.case),
            expected: self.text(&row.expected),
            seen: self.text(&row.seen),
            verdict: match row.verdict {
                RowVerdict::Pass => VerdictName::Pass,
                RowVerdict::Bent => VerdictName::Bent,
                RowVerdict::Fail => VerdictName::Fail,
                RowVerdict::NotRun => VerdictName::NotRun,
            },
        }
    }
}

fn end(ended: Ended) -> End {
    let of = |how| End { how, exit_status: None, signal: None };
    match ended {
        Ended::Never => of(EndName::Never),
        Ended::Exit(status) => End { exit_status: Some(status), ..of(EndName::Exit) },
        Ended::Signal(signal) => End { signal: Some(signal), ..of(EndName::Signal) },
        Ended::Deadline => of(EndName::Deadline),
        Ended::Stopped => of(EndName::Stopped),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::json;
    use super::super::replay::Note;
    use super::super::replay::tests::{entries, everything, message, outcome, rows, target};
    use super::*;
    use crate::wazuh::version::Contract as ContractOf;

    #[test]
    fn a_replay_and_its_schema_agree_and_no_secret_leaves() {
        let schema = serde_json::to_value(json::schema::<Document>()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(!validator.is_valid(&serde_json::json!({ "schema_version": 1, "kind": "check" })));
        let redactor = Redactor::new();
        let (target, message, run, entries, outcome, rows) =
            (target(), message(), everything(), entries(), outcome(), rows());
        let notes = [Note { text: "note".into(), matters: false }];
        let responses = ["etc/shared/ar.conf:7".to_owned()];
        let full = Replay {
            redactor: &redactor,
            target: &target,
            contract: ContractOf::Json4,
            version: None,
            containment: Containment::Sandbox,
            message: &message,
            run: Some(&run),
            not_containable: run.not_containable.as_ref(),
            outcome: Some(&outcome),
            launch_cause: Some("its mount is noexec"),
            summary: "",
            conformance: Some(&rows),
            entries: &entries,
            responses: &responses,
            notes: &notes,
        };
        let bare = Replay {
            run: None,
            not_containable: None,
            outcome: None,
            conformance: None,
            entries: &[],
            containment: Containment::None,
            ..full
        };
        for replay in [full, bare] {
            let text = json::to_text(&document(&replay)).unwrap();
            assert!(!text.contains("swordfish") && !text.contains("hidden-token"), "{text}");
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:#?}");
            assert_eq!(value["kind"], "replay");
            assert_eq!(value["schema_version"], 1);
        }
        let value = serde_json::to_value(document(&full)).unwrap();
        assert_eq!(value["effects"][0]["step"], "add");
        assert_eq!(value["effects"][0]["kind"], "firewall");
        assert_eq!(value["steps"][1]["stuck"]["released_by"], "end-of-input");
        assert_eq!(value["steps"][3]["launch"]["cause"], "EACCES: Permission denied");
        assert_eq!(value["steps"][0]["stderr"]["cut"], true);
        assert_eq!(value["findings"][0]["responses"][0], "etc/shared/ar.conf:7");
        assert_eq!(value["target"]["environment"], serde_json::json!({ "PATH": "/usr/bin" }));
    }
}
