//! `ar-doctor replay`.

mod event;
mod parts;
mod placed;
mod target;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::{ArgAction, Args, ValueEnum};

use super::output::PlainForm;
use super::source::{Source, version};
use super::{Failure, Global, exit, terminal};
use crate::engine::{self, rank};
use crate::facts::{Facts, install};
use crate::findings::{CheckId, Finding, Severity, Stage, checks};
use crate::host::Host;
use crate::redact::Redactor;
use crate::replay::battery::{self, RowVerdict};
use crate::replay::payload::{Kind, Set};
use crate::replay::play::{self, Refused};
use crate::replay::trial::Proof;
use crate::replay::{Attempt, AttemptKind, Deed, Ended, Plan, Run, Step, StepRun};
use crate::report::replay::{self as report, Containment, Note};
use crate::report::{escape, json, replay_json};
use crate::wazuh::version::{Contract, Version};

use event::Origin;
use parts::{Judged, Prepared};
use target::{Asked, Found};

/// The longest deadline: an hour.
const LONGEST: u64 = 3_600_000;

/// Checks that say whether execd itself runs. It is played here, so they are no cause.
const OF_EXECD: &[CheckId] = &[
    checks::DISABLED_EXECD_OFF,
    checks::EXECD_NOT_RUNNING,
    checks::RESTART_OWED,
    checks::STALE_PID_FILE,
    checks::GROUP_MISSING,
];

/// Checks that say why `/bin/sh` runs a file.
const OF_SH: &[CheckId] = &[
    checks::EXECUTABLE_EMPTY,
    checks::SHEBANG_MISSING,
    checks::SHEBANG_BEHIND_BOM,
    checks::WRONG_ARCHITECTURE,
];

/// Checks that say why execd takes a file for missing, whatever their severity.
const OF_A_MISSING_FILE: &[CheckId] =
    &[checks::EXECUTABLE_MISSING, checks::EXECUTABLE_DANGLING_LINK, checks::EXECUTABLE_NOT_REGULAR];

/// Checks of a first line with which the interpreter starts, and fails in its own way.
const OF_THE_FIRST_LINE: &[CheckId] = &[checks::CRLF_SHEBANG, checks::ENV_TWO_WORDS];

const EXAMPLES: &str = "\
Examples:
  sudo ar-doctor replay firewall-drop --payload last
                            the newest event of this host once more, in a sandbox
  sudo ar-doctor replay firewall-drop --rule 5712 --set data.srcip=203.0.113.9
                            an alert of rule 5712, with another address
  sudo ar-doctor replay ./my-script.sh --conformance
                            a script of your own, before it is installed
  ar-doctor replay ./my-script.py --check-only --payload - < alert.json
                            only look at the event; nothing is run
  sudo ar-doctor replay restart-wazuh --execute
                            for real, on this host; asks before it does

The script runs as execd runs it, in a sandbox: files, packet filter, routes and accounts
of this host stay as they are, and what would have changed is shown. Its standard input
stays open, as with execd; piping an event into a script by hand hides that.

Exit status: 0 fine, 2 usage or an event that cannot be read, 3 nothing to run or not
permitted, 5 the script or the event breaks the contract, 70 internal error, 130 interrupted.";

/// Play execd with one response and one event, in a sandbox.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A response, an executable in active-response/bin, or a file (with a slash: ./x.sh)
    target: String,
    /// The event: a message of execd or an alert; `-` is standard input, `last` the newest in
    /// active-responses.log [default: a made-up one]
    #[arg(long, value_name = "FILE|-|last", help_heading = "Event")]
    payload: Option<PathBuf>,
    /// The newest alert of this rule, out of alerts.json or --payload
    #[arg(long, value_name = "ID", help_heading = "Event")]
    rule: Option<String>,
    /// The newest alert of this agent, out of alerts.json or --payload
    #[arg(long, value_name = "ID", help_heading = "Event")]
    agent: Option<String>,
    /// Change a field of the event; `:=` takes JSON (data.port:=22). May be repeated
    #[arg(
        long,
        value_name = "KEY=VALUE",
        value_parser = Set::parse,
        action = ArgAction::Append,
        help_heading = "Event"
    )]
    set: Vec<Set>,
    /// Only this command [default: add, and the delete that undoes it]
    #[arg(long, value_name = "COMMAND", value_enum, help_heading = "Event")]
    command: Option<CommandArgument>,
    /// A word of extra_args. May be repeated
    #[arg(
        long,
        value_name = "ARG",
        allow_hyphen_values = true,
        action = ArgAction::Append,
        help_heading = "Event"
    )]
    extra_args: Vec<String>,
    /// Seconds until the delete, 0 for none [default: the response's]
    #[arg(long, value_name = "SECONDS", help_heading = "Event")]
    timeout: Option<i32>,
    /// How execd calls scripts [default: as on this host]
    #[arg(long, value_name = "CONTRACT", value_enum, help_heading = "Event")]
    contract: Option<ContractArgument>,
    /// The version of Wazuh that is played [default: this host's]
    #[arg(long, value_name = "V", value_parser = version, help_heading = "Event")]
    wazuh_version: Option<Version>,
    /// Only look at the event; run nothing
    #[arg(long, conflicts_with_all = ["conformance", "execute"])]
    check_only: bool,
    /// Run the whole battery: second target, missing field, injection, broken JSON and more
    #[arg(long, conflicts_with_all = ["execute", "command"])]
    conformance: bool,
    /// How long one run of the script may take: 10s, 500ms, 2m
    #[arg(long, value_name = "TIME", value_parser = deadline, default_value = "10s")]
    deadline: u64,
    /// Run it on this host, for real, with all it does
    #[arg(long)]
    execute: bool,
    /// Do not ask before --execute
    #[arg(long, requires = "execute")]
    yes: bool,
    /// The form of the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = PlainForm::Text)]
    format: PlainForm,
}

/// A command of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CommandArgument {
    /// Do it
    Add,
    /// Undo it
    Delete,
    /// Do it, as 5.x says it
    Enable,
    /// Undo it, as 5.x says it
    Disable,
}

impl CommandArgument {
    const fn deed(self) -> Deed {
        match self {
            Self::Add | Self::Enable => Deed::Add,
            Self::Delete | Self::Disable => Deed::Delete,
        }
    }
}

/// How execd calls scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ContractArgument {
    /// Positional arguments: up to 4.1
    Args,
    /// One line of JSON: 4.2 to 4.x
    Json4,
    /// The JSON of 5.x
    Json5,
}

impl From<ContractArgument> for Contract {
    fn from(contract: ContractArgument) -> Self {
        match contract {
            ContractArgument::Args => Self::Args,
            ContractArgument::Json4 => Self::Json4,
            ContractArgument::Json5 => Self::Json5,
        }
    }
}

/// `10s`, `500ms`, `2m`, or a bare number of seconds, as milliseconds.
fn deadline(text: &str) -> Result<u64, String> {
    let at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(at).unwrap_or((text, ""));
    let unit = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        _ => return Err("write it like 10s, 500ms or 2m".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write it like 10s, 500ms or 2m".to_owned())?;
    match number.checked_mul(unit) {
        Some(time) if (1..=LONGEST).contains(&time) => Ok(time),
        _ => Err("it must be more than nothing and at most an hour".to_owned()),
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments, redactor: &Redactor) -> Result<u8, Failure> {
    if global.from.is_some() && !arguments.check_only {
        return Err(Failure::usage(anyhow!(
            "--from reads the files of a host that does not run: nothing can be played there. Add \
             --check-only to look at the event alone, or run it on that host"
        )));
    }
    let source = Source::of_host(global)?;
    let facts = facts(&source, global, arguments, redactor)?;
    let facts = facts.as_ref();
    let asked = Asked {
        target: &arguments.target,
        timeout: arguments.timeout,
        contract: arguments.contract.map(Into::into),
        version: arguments.wazuh_version,
    };
    let found = target::find(source.host(), facts, redactor, &asked)?;
    let case = Case { arguments, redactor, host: source.host(), facts, found: &found };
    let session = case.play()?;
    case.report(global, &session)
}

/// The facts of this host's Wazuh; none where there is none and a file was named.
fn facts<'a>(
    source: &'a Source,
    global: &Global,
    arguments: &Arguments,
    redactor: &'a Redactor,
) -> Result<Option<Facts<'a>>, Failure> {
    let host = source.host();
    match install::find(host, global.home.as_deref()) {
        Ok(install) => match &install.sealed {
            Some(why) => Err(Failure::nothing(anyhow!(
                "{} may not be entered ({why}): run it as root",
                install.home.display()
            ))),
            None => Ok(Some(Facts::new(host, redactor, install))),
        },
        Err(install::NotFound::None { .. }) if arguments.target.contains('/') => Ok(None),
        Err(error) => Err(Failure::nothing(error)),
    }
}

/// What is played, and all that is known before.
struct Case<'a> {
    arguments: &'a Arguments,
    redactor: &'a Redactor,
    host: &'a dyn Host,
    facts: Option<&'a Facts<'a>>,
    found: &'a Found,
}

/// What was played.
struct Session {
    prepared: Prepared,
    /// None when nothing was run.
    run: Option<(Plan, Run)>,
    containment: Containment,
    /// What further runs with other events proved.
    proof: Proof,
    /// Why it was not run at all.
    service: Option<Attempt>,
    /// It is a FIFO: execd stands still when it opens it.
    is_fifo: bool,
}

impl Case<'_> {
    /// Makes the message and plays it, unless only that was asked for.
    fn play(&self) -> Result<Session, Failure> {
        let arguments = self.arguments;
        let mut prepared = self.prepare()?;
        let not_run = |prepared, service| Session {
            prepared,
            run: None,
            containment: Containment::None,
            proof: Proof::default(),
            service,
            is_fifo: false,
        };
        if arguments.check_only {
            return Ok(not_run(prepared, None));
        }
        if let Some(service) = self.found.service.filter(|_| !arguments.execute) {
            let attempt =
                Attempt { kind: AttemptKind::Service, what: service.to_owned(), detail: String::new() };
            return Ok(not_run(prepared, Some(attempt)));
        }
        let plan = self.plan(&prepared);
        if self.found.is_fifo {
            // execd opens every executable, and waits there for a writer, without a time limit.
            let first = plan.steps.first();
            let stood = first.map(|step| StepRun {
                label: step.label.clone(),
                deed: Some(step.deed),
                refused: true,
                ..StepRun::default()
            });
            let run = Run { steps: stood.into_iter().collect(), ..Run::default() };
            return Ok(Session { run: Some((plan, run)), is_fifo: true, ..not_run(prepared, None) });
        }
        let containment = if arguments.execute { Containment::Real } else { Containment::Sandbox };
        if arguments.execute {
            self.agree(&plan)?;
        }
        let mut progress = terminal::Progress::new(self.redactor);
        let played = {
            let mut tell = |label: &str, since: Duration| progress.tell(label, since);
            if arguments.execute {
                play::for_real(&plan, &mut tell)
            } else {
                play::sandboxed(&plan, &mut tell)
            }
        };
        progress.erase();
        let run = played.map_err(|refused| refusal(&refused, &arguments.target, arguments.execute))?;
        let proof = if arguments.execute || arguments.conformance {
            Proof::default()
        } else {
            let proof =
                self.trials(&mut prepared, &plan, &run, &mut |_, since| progress.tell("trial", since));
            progress.erase();
            proof
        };
        Ok(Session { prepared, run: Some((plan, run)), containment, proof, service: None, is_fifo: false })
    }

    /// The steps: the battery, or what is asked for, or all that execd would do.
    fn plan(&self, prepared: &Prepared) -> Plan {
        let arguments = self.arguments;
        let found = self.found;
        let step = |label: &str, deed, message: &[u8], table_of: Option<&str>| Step {
            label: label.to_owned(),
            deed,
            message: message.to_vec(),
            fresh: false,
            table_of: table_of.map(str::to_owned),
        };
        let mut plan = Plan {
            target: prepared.target.clone(),
            execd: found.setup.clone(),
            ar_conf: found.ar_conf.clone(),
            steps: Vec::new(),
            deadline: arguments.deadline,
            stop_when_stuck: true,
            canaries: Vec::new(),
        };
        let message = &prepared.payload.message;
        if arguments.conformance {
            let battery = battery::plan(&plan.target, message, found.setup.contract, &prepared.required);
            plan.steps = battery.steps;
            plan.canaries = battery.canaries;
            return plan;
        }
        let is_delete = prepared.payload.kind == Kind::Message && prepared.payload.deed == Deed::Delete;
        let deed = arguments.command.map(CommandArgument::deed).or(is_delete.then_some(Deed::Delete));
        match deed {
            Some(Deed::Add) => plan.steps.push(step("add", Deed::Add, message, None)),
            Some(Deed::Delete) => plan.steps.push(step("delete", Deed::Delete, message, None)),
            None => {
                plan.steps.push(step("add", Deed::Add, message, None));
                if plan.target.timeout != 0 {
                    plan.steps.push(step("delete", Deed::Delete, b"", None));
                }
                // For real it would be a second block that nothing takes back.
                if let Some(other) = prepared.other.as_ref().filter(|_| !arguments.execute) {
                    plan.steps.push(step("second target", Deed::Add, other, Some("add")));
                }
            }
        }
        plan
    }

    /// Says what `--execute` will do, and asks.
    fn agree(&self, plan: &Plan) -> Result<(), Failure> {
        let arguments = self.arguments;
        let target = &self.found.target;
        if let Some(file) = &target.install {
            return Err(Failure::usage(anyhow!(
                "--execute runs what is installed; copy {} to {} first (mode 750, root:wazuh)",
                file.display(),
                target.home.join(&target.path).display()
            )));
        }
        if !nix::unistd::geteuid().is_root() {
            return Err(Failure::nothing(anyhow!(
                "execd runs scripts as root, and this is not root: sudo ar-doctor replay {} --execute",
                arguments.target
            )));
        }
        if arguments.yes {
            return Ok(());
        }
        let is_stdin = Origin::of(arguments.payload.as_deref(), false).is_stdin();
        if is_stdin || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(Failure::usage(anyhow!(
                "--execute would run {} on this host for real, and nobody can be asked here: add --yes",
                target.home.join(&target.path).display()
            )));
        }
        let steps: Vec<&str> = plan.steps.iter().map(|step| step.label.as_str()).collect();
        let message = plan.steps.first().map_or(&b""[..], |step| &step.message);
        let text = format!(
            "This runs {} on this host for real, as root: {}.\nThe message:",
            target.home.join(&target.path).display(),
            steps.join(", then ")
        );
        // Hidden before it is cut: half a secret is not recognised.
        let shown: Vec<u8> = self.redactor.hide(message).into_iter().take(600).collect();
        let mut err = io::stderr().lock();
        let asked = text
            .lines()
            .map(|line| escape::visible(&self.redactor.text(line)))
            .collect::<Vec<_>>()
            .join("\n");
        let message = escape::visible(&self.redactor.text(shown));
        let _ = write!(err, "{asked} {message}\nRun it? [y/N] ");
        let _ = err.flush();
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        if read.is_ok() && ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
            Ok(())
        } else {
            Err(Failure::nothing(anyhow!("nothing was run")))
        }
    }

    /// Judges the run and prints the report.
    fn report(&self, global: &Global, session: &Session) -> Result<u8, Failure> {
        let prepared = &session.prepared;
        let mut findings = self.payload_findings(prepared, &session.proof);
        let mut judged = Judged::default();
        if let Some((plan, run)) = &session.run {
            judged = self.judge(plan, run, &session.proof);
            if session.containment == Containment::Real {
                // Only a sandbox shows what changed in files.
                judged.findings.retain(|finding| finding.check != checks::CHANGED_NOTHING);
            }
            findings.append(&mut judged.findings);
            if let Some(outcome) = judged.outcome.as_mut().filter(|_| session.is_fifo) {
                outcome.blocks_execd = Some(true);
            }
            let mut causes = self.causes(run, &mut findings);
            let is_error = |finding: &Finding| finding.severity == Severity::Error;
            if causes.iter().any(is_error) {
                // The errno says less than its cause.
                findings.retain(|finding| finding.check != checks::LAUNCH_REFUSED);
            }
            // So does the line that execd logs; a FIFO it does not even come to refuse.
            let is_resolve = |finding: &Finding| finding.check.check().stage == Stage::Resolve;
            let says_why = |cause: &Finding| {
                is_error(cause) && is_resolve(cause) || OF_A_MISSING_FILE.contains(&cause.check)
            };
            if session.is_fifo || causes.iter().any(says_why) {
                findings.retain(|finding| finding.check != checks::MESSAGE_REFUSED);
            }
            findings.append(&mut causes);
        }
        for finding in findings.iter_mut().filter(|finding| finding.responses.is_empty()) {
            finding.responses.extend(self.found.response);
        }
        let entries = rank::rank(findings);
        let run = session.run.as_ref().map(|(_, run)| run);
        let not_containable = session.service.as_ref().or_else(|| run?.not_containable.as_ref());
        let launch_cause = entries
            .iter()
            .map(|entry| &entry.finding)
            .find(|finding| matches!(finding.check.check().stage, Stage::Resolve | Stage::Launch))
            // It was not refused: execd never comes to it.
            .filter(|_| !session.is_fifo)
            .map(|finding| finding.title.as_str());
        let summary = match run {
            Some(_) => judged.summary.clone(),
            None => {
                format!("Nothing is wrong with the event for {}; nothing was run.", self.found.target.name)
            }
        };
        let mut notes = self.found.notes.clone();
        notes.extend(prepared.payload.notes.iter().cloned().map(target::matters));
        notes.extend(judged.notes.iter().cloned().map(target::matters));
        if let Some(run) = run {
            notes.extend(limits(session.containment, run));
        }
        let responses: Vec<String> = self
            .facts
            .map(|facts| facts.responses().iter().map(|response| response.id.clone()).collect())
            .unwrap_or_default();
        let replay = report::Replay {
            redactor: self.redactor,
            target: &prepared.target,
            contract: self.found.setup.contract,
            version: self.found.setup.version,
            containment: session.containment,
            message: &prepared.message,
            run,
            not_containable,
            outcome: judged.outcome.as_ref(),
            launch_cause,
            summary: &summary,
            conformance: judged.rows.as_deref(),
            entries: &entries,
            responses: &responses,
            notes: &notes,
        };
        let out = match self.arguments.format {
            PlainForm::Json => json::to_text(&replay_json::document(&replay)).map_err(Failure::internal)?,
            form => form.written("ar-doctor replay", global, |page| {
                let options = report::Options { verbose: global.verbose, quiet: global.quiet };
                report::write(&replay, options, page)
            }),
        };
        terminal::print(&out)?;
        let worst = entries
            .iter()
            .flat_map(|entry| std::iter::once(&entry.finding).chain(&entry.folded))
            .map(|finding| finding.severity)
            .max();
        // A case of the battery that failed is never fine, whether or not a finding says so.
        let failed = judged.rows.iter().flatten().any(|row| row.verdict == RowVerdict::Fail);
        let worst = worst.max(failed.then_some(Severity::Warning));
        Ok(exit::of_replay(worst, not_containable.is_some()))
    }

    /// What is wrong with the event, with the way to look at it again.
    fn payload_findings(&self, prepared: &Prepared, proof: &Proof) -> Vec<Finding> {
        let arguments = self.arguments;
        let mut verify = format!("ar-doctor replay {}", quoted(&arguments.target));
        if let Some(path) = &arguments.payload {
            verify.push_str(&format!(" --payload {}", quoted(&path.to_string_lossy())));
        }
        for set in &arguments.set {
            let set = format!("{}:={}", set.path, String::from_utf8_lossy(&set.json));
            verify.push_str(&format!(" --set {}", quoted(&set)));
        }
        let findings = prepared.payload.findings(&prepared.target.name);
        let problems = &prepared.payload.problems;
        let verified = findings.into_iter().zip(problems).map(|(finding, problem)| {
            // What only a trial shows, only a replay shows again.
            let is_tried = proof.problems.iter().any(|tried| tried.pointer == problem.pointer);
            finding.verify(if is_tried { verify.clone() } else { format!("{verify} --check-only") })
        });
        verified.collect()
    }

    /// Where the start failed, execd refused, or `/bin/sh` ran the file: what `check` knows about
    /// why. What that makes of `findings` is left out of them.
    fn causes(&self, run: &Run, findings: &mut Vec<Finding>) -> Vec<Finding> {
        let Some(first) = run.steps.first() else { return Vec::new() };
        // env(1) starts, and then fails to start what it is for: its status is 126 or 127.
        let failed = first.launch.as_ref().is_some_and(|launch| !launch.started)
            || matches!(first.ended, Ended::Exit(126 | 127));
        let by_sh = first.launch.as_ref().is_some_and(|launch| launch.started && launch.by_sh);
        // An interpreter that gets a carriage return as an option ends with a status of its own,
        // and env without a program starts the script for ever.
        let went_wrong = first.launch.is_some() && !matches!(first.ended, Ended::Exit(0) | Ended::Never);
        if !(failed || by_sh || went_wrong || first.refused) {
            return Vec::new();
        }
        let wanted = |finding: &Finding| {
            let stage = finding.check.check().stage;
            !OF_EXECD.contains(&finding.check)
                && (stage == Stage::Resolve
                    || stage == Stage::Launch && failed
                    || by_sh && OF_SH.contains(&finding.check)
                    || went_wrong && OF_THE_FIRST_LINE.contains(&finding.check))
        };
        let mut causes = self.checked();
        causes.retain(wanted);
        if by_sh {
            self.blame(first, &mut causes, findings);
        }
        causes
    }

    /// What `check` finds about the target.
    fn checked(&self) -> Vec<Finding> {
        let of_host = self.facts.zip(self.found.response);
        let of_host = of_host.filter(|(facts, _)| facts.contract() == self.found.setup.contract);
        let Some((facts, index)) = of_host else {
            return placed::findings(self.host, self.found, self.redactor);
        };
        let Some(response) = facts.response(index) else { return Vec::new() };
        let diagnosis = engine::run(facts, &engine::Options { response: Some(response.id.clone()) });
        let own = diagnosis.findings().filter(|finding| finding.responses.contains(&index));
        own.cloned().collect()
    }

    /// Where `/bin/sh` ran what is not for it, the faults of that run are not the script's own:
    /// their cause is not milder than they are.
    fn blame(&self, first: &StepRun, causes: &mut [Finding], findings: &mut Vec<Finding>) {
        // sh takes a #! behind something else for the name of a program, and goes on.
        if causes.iter().any(|cause| cause.check == checks::SHEBANG_BEHIND_BOM) {
            findings.retain(|finding| finding.check != checks::TOOL_MISSING || !finding.title.contains("#!"));
        }
        // `Syntax error` of dash, `syntax error` of bash and others.
        let not_sh = memchr::memmem::find(&first.stderr.bytes, b"yntax error").is_some();
        for cause in causes.iter_mut().filter(|cause| not_sh || cause.severity > Severity::Advice) {
            let seen = findings.iter().filter(|finding| cause.check.can_explain(finding.check));
            if let Some(worst) = seen.map(|finding| finding.severity).max() {
                cause.severity = cause.severity.max(worst);
            }
        }
    }
}

/// A word as a shell takes it, so that a command can be pasted.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What no sandbox shows as on the host. Those that bear on every run are told only with `-v`.
fn limits(containment: Containment, run: &Run) -> Vec<Note> {
    let quiet = |text: &str| Note { text: text.to_owned(), matters: false };
    let mut notes: Vec<Note> = run.notes.iter().cloned().map(target::matters).collect();
    if containment == Containment::Real {
        let text = "on the host itself changes of files and accounts are not watched, and standard error \
                    is thrown away, as execd does; a sandbox shows them";
        notes.push(target::matters(text.to_owned()));
    }
    if containment == Containment::Sandbox {
        // It bears on the run only where SELinux is on.
        notes.push(Note {
            text: "the SELinux domain of execd is not reproduced: what SELinux denies is allowed here"
                .to_owned(),
            matters: std::path::Path::new("/sys/fs/selinux/enforce").exists(),
        });
        notes.push(quiet("the kernel's audit is kept away: nothing the script does is recorded there"));
        notes.push(quiet("mounts, other namespaces and the clock cannot be changed in the sandbox"));
        notes.push(quiet("the packet filter begins empty: rules of the host are not in the sandbox"));
        notes.push(quiet("services of the host (D-Bus, systemd, firewalld) cannot be reached"));
    }
    notes
}

fn refusal(refused: &Refused, target: &str, real: bool) -> Failure {
    let advice = match (refused, real) {
        (_, true) => String::new(),
        (Refused::NotRoot, _) => format!(
            ": sudo ar-doctor replay {target}. Nothing was run. Where there can be no sandbox, --execute \
             (as root) runs it for real"
        ),
        _ => format!(
            ". It was not run. On the host itself, outside of a container, it can be; `ar-doctor replay \
             {target} --execute` runs it for real"
        ),
    };
    Failure::nothing(anyhow!("{refused}{advice}. --check-only looks at the event alone"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_number_and_a_unit() {
        for (text, wanted) in [
            ("10s", Some(10_000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("7", Some(7_000)),
            ("60m", Some(LONGEST)),
            ("61m", None),
            ("0s", None),
            ("0", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("10 s", None),
            ("1h", None),
            ("1é", None),
            ("99999999999999999999s", None),
            ("18446744073709551615m", None),
        ] {
            assert_eq!(deadline(text).ok(), wanted, "{text:?}");
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, wanted) in [
            ("./x.sh", "./x.sh"),
            ("data.srcip:=1", "data.srcip:=1"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$(id)", "'$(id)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), wanted);
        }
    }

    #[test]
    fn what_advises_says_what_to_do() {
        for (refused, words) in [
            (Refused::NotRoot, "sudo ar-doctor replay ./x.sh"),
            (Refused::NotPermitted("EPERM".into()), "--execute"),
            (Refused::Unsupported("ENOSYS".into()), "--execute"),
        ] {
            let failure = refusal(&refused, "./x.sh", false);
            let said = failure.error.to_string();
            assert_eq!(failure.status, exit::NOTHING);
            assert!(said.contains(words) && said.contains("--check-only"), "{said}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_deadline_panics_or_is_out_of_bounds(text in ".{0,30}") {
            if let Ok(time) = deadline(&text) {
                proptest::prop_assert!((1..=LONGEST).contains(&time));
            }
        }
    }
}
