//! Where the command line meets the parts that make the message and judge the run.

use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use anyhow::anyhow;

use super::event::Origin;
use super::{Case, CommandArgument, Failure};
use crate::findings::Finding;
use crate::replay::battery::{self, Row};
use crate::replay::judge::{self, Outcome};
use crate::replay::needs::Needs;
use crate::replay::payload::{self, Against, Kind, Payload, Source, WhiteList, Wish};
use crate::replay::play;
use crate::replay::trial::{self, Proof};
use crate::replay::{Plan, Run, Target};
use crate::report::replay::{Message, Problem};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;

/// The message, ready to be played.
pub(super) struct Prepared {
    /// With what; the message of 5.x carries its timeout.
    pub(super) target: Target,
    pub(super) payload: Payload,
    /// The same for the report.
    pub(super) message: Message,
    /// The message of another target, for the same response.
    pub(super) other: Option<Vec<u8>>,
    /// Paths of the fields the script cannot do without.
    pub(super) required: Vec<String>,
    /// What the script needs.
    pub(super) needs: Needs,
}

/// What the judge says.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    pub(super) outcome: Option<Outcome>,
    pub(super) rows: Option<Vec<Row>>,
    pub(super) summary: String,
    /// What bears on other responses, in words.
    pub(super) notes: Vec<String>,
}

impl Case<'_> {
    /// Reads the event, makes the message and says what is wrong with it.
    pub(super) fn prepare(&self) -> Result<Prepared, Failure> {
        let arguments = self.arguments;
        let found = self.found;
        let contract = found.setup.contract;
        let picks = arguments.rule.is_some() || arguments.agent.is_some();
        let origin = Origin::of(arguments.payload.as_deref(), picks);
        let event = origin.read(self.facts, picks)?;
        if let Some(event) = &event {
            self.redactor.mark(&event.bytes);
        }
        let file = found.target.path.file_name().map_or(&b""[..], |name| name.as_bytes());
        let program = String::from_utf8_lossy(file);
        let needs = self.needs(file);
        let has_timeout = contract == Contract::Json5
            && event
                .as_ref()
                .is_some_and(|event| memchr::memmem::find(&event.bytes, b"stateful_timeout").is_some());
        let extra_args = (!arguments.extra_args.is_empty()).then(|| arguments.extra_args.join(" "));
        let wish = Wish {
            source: event.as_ref().map(|event| Source {
                shown: &event.shown,
                bytes: &event.bytes,
                is_log: origin == Origin::Last,
            }),
            contract,
            name: &found.target.name,
            program: &program,
            rule: arguments.rule.as_deref(),
            agent: arguments.agent.as_deref(),
            deed: arguments.command.map(CommandArgument::deed),
            extra_args: extra_args.as_deref(),
            timeout: arguments.timeout.or((!has_timeout).then_some(found.target.timeout)),
            set: &arguments.set,
            needs: &needs,
        };
        let mut payload = Payload::make(&wish).map_err(|why| Failure::usage(anyhow!("{why}")))?;
        let config = self.facts.map(|facts| facts.config());
        let white_list = config
            .filter(|_| self.facts.is_some_and(|facts| facts.role() == Role::Manager))
            .and_then(|config| config.read.as_ref().zip(Some(&config.file)))
            .map(|(read, file)| WhiteList { entries: &read.white_list, file });
        let script = found.target.install.as_ref().unwrap_or(&found.target.path).display().to_string();
        payload.check(&Against {
            needs: &needs,
            version: found.setup.version,
            white_list,
            to_agent: found.setup.agent,
            arrived: false,
            script: found.text.as_deref().map(|text| (script.as_str(), text)),
        });
        let other = payload::other_target(&payload.message, contract);
        let mut target = found.target.clone();
        if let Some(timeout) = own_timeout(&payload.message).filter(|_| has_timeout) {
            target.timeout = timeout;
            target.timeout_from.clone_from(&payload.shown);
        }
        Ok(Prepared {
            target,
            message: message(&payload),
            other: (other != payload.message).then_some(other),
            required: needs
                .required()
                .filter(|need| !need.is_given())
                .map(|need| need.path().to_owned())
                .collect(),
            payload,
            needs,
        })
    }

    /// The fields the script needs: known of stock programs, else read from its text.
    fn needs(&self, file: &[u8]) -> Needs {
        let setup = &self.found.setup;
        match &self.found.text {
            Some(text) => Needs::of_text(text),
            None => Needs::of_stock(file, setup.contract, setup.version).unwrap_or_default(),
        }
    }

    /// Where the add went wrong and nothing says why: plays the script with other events, and puts
    /// what that proves of this one to what is known of it.
    pub(super) fn trials(
        &self,
        prepared: &mut Prepared,
        plan: &Plan,
        run: &Run,
        tell: &mut dyn FnMut(&str, Duration),
    ) -> Proof {
        let case = trial::Case { plan, run, payload: &prepared.payload, needs: &prepared.needs };
        let is_open = || {
            let mut findings = self.judge(plan, run, &Proof::default()).findings;
            findings.extend(prepared.payload.findings(&plan.target.name));
            trial::is_open(&findings)
        };
        let proof = if trial::is_worth(&case) && is_open() {
            // A trial that cannot be played proves nothing, and the replay itself is none the worse.
            trial::of(&case, &mut |plan| play::sandboxed(plan, tell).ok())
        } else {
            Proof { problems: trial::misread(&case).into_iter().collect(), contract: None }
        };
        trial::take_in(&mut prepared.payload, proof.problems.clone());
        prepared.message = message(&prepared.payload);
        proof
    }

    /// What the run shows, and the trials after it.
    pub(super) fn judge(&self, plan: &Plan, run: &Run, proof: &Proof) -> Judged {
        let case = judge::Case {
            target: &plan.target,
            contract: plan.execd.contract,
            text: self.found.text.as_deref(),
            real: self.arguments.execute,
        };
        let rows = || {
            let mut rows = battery::rows(&plan.target, &plan.steps, run, plan.execd.contract);
            judge::bend(&case, run, &mut rows);
            rows
        };
        Judged {
            findings: judge::judge_with(&case, run, proof),
            outcome: Some(judge::outcome(&case, run)),
            rows: self.arguments.conformance.then(rows),
            summary: judge::one_line(&case, run),
            notes: judge::notes(&case, run).into_iter().chain(judge::slow(&case, run)).collect(),
        }
    }
}

/// The timeout in a message of 5.x.
fn own_timeout(message: &[u8]) -> Option<i32> {
    let message: serde_json::Value = serde_json::from_slice(message).ok()?;
    let timeout = message.pointer("/wazuh/active_response/stateful_timeout")?.as_i64()?;
    i32::try_from(timeout).ok()
}

fn message(payload: &Payload) -> Message {
    let mut problems: Vec<Problem> = payload
        .problems
        .iter()
        .map(|problem| Problem {
            id: problem.check.check().id,
            slug: problem.check.check().slug,
            severity: problem.severity,
            what: problem.what.clone(),
            fix: problem.fix.clone(),
            pointer: problem.pointer.clone(),
            line: problem.place.as_ref().map(|place| place.line),
            column: problem.place.as_ref().map(|place| place.column),
        })
        .collect();
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    Message {
        shown: payload.shown.clone(),
        kind: match payload.kind {
            Kind::Message => "message",
            Kind::Alert => "alert",
            Kind::Sample => "sample",
            Kind::Text => "text",
            Kind::Broken => "broken",
        },
        valid: payload.valid(),
        problems,
    }
}
