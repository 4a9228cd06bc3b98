//! The ten stages of a response, each in one of six states.

use std::fmt;

use super::{ResponseResult, Unknown, Verdict};
use crate::facts::{Facts, Runs};
use crate::findings::{CheckId, Finding, ResponseIndex, Severity, Stage};
use crate::host::Gap;
use crate::probes::{Probe, applies};
use crate::wazuh::ossec_conf::Role;

/// The state of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Every check registered for it ran on known facts and found nothing.
    Pass,
    /// It stops the response.
    Fail,
    /// It bends the response, or stops it under conditions.
    Warn,
    /// An earlier stage stops the response; this one was examined all the same.
    Blocked,
    /// It has no meaning for this response.
    NotApplicable,
    /// It could not be examined.
    Unknown,
}

impl State {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Blocked => "blocked",
            Self::NotApplicable => "not-applicable",
            Self::Unknown => "unknown",
        }
    }
}

/// What a state rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Read from files and the state of the host.
    Static,
    /// Seen to happen.
    Observed,
}

/// One stage of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageResult {
    /// Which.
    pub stage: Stage,
    /// How it stands.
    pub state: State,
    /// What that rests on; none where nothing was examined.
    pub basis: Option<Basis>,
    /// Why; none for a stage that passes.
    pub reason: Option<Reason>,
}

/// Where a stage is to be seen that this host does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// On the manager.
    Manager,
    /// On the agent that sent the event.
    Sender,
    /// On the agents the response goes to.
    Agents,
}

impl Elsewhere {
    /// In words, behind a stage's name and `is`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Manager => "on the manager",
            Self::Sender => "on the agent that sent the event",
            Self::Agents => "on its agents",
        }
    }
}

/// Why a stage is in its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is to be seen on another host.
    NotThisSide(Elsewhere),
    /// No file tells of it.
    NotExamined,
    /// A fact that is not known.
    Gap(Gap),
    /// Anything else.
    Words(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThisSide(elsewhere) => write!(f, "not this side: {}", elsewhere.words()),
            Self::NotExamined => f.write_str("not examined: this cannot be told from files alone"),
            Self::Gap(gap) => gap.fmt(f),
            Self::Words(words) => f.write_str(words),
        }
    }
}

/// Stages that no registered check covers well enough (the text of a script shows faults of its
/// contract, not that there are none) to say that they pass: a
/// fault there is reported, its absence is not claimed.
const NOT_EXAMINED: &[Stage] = &[Stage::Contract, Stage::Revert];

/// Stages an agent cannot see.
const ON_MANAGER: &[Stage] = &[Stage::Config, Stage::Trigger, Stage::Dispatch];

/// Stages a manager cannot see for responses that run on agents.
const ON_AGENT: &[Stage] =
    &[Stage::Resolve, Stage::Launch, Stage::Contract, Stage::Effect, Stage::Revert, Stage::Feedback];

/// What the probes say of one response.
#[derive(Clone, Debug, Default)]
pub struct Seen<'a> {
    /// What stops or bends it, by rank.
    pub findings: Vec<&'a Finding>,
    /// What could not be found out about it.
    pub unknown: Vec<&'a Unknown>,
}

/// All stages of one response, and its verdict.
pub fn result(facts: &Facts<'_>, index: ResponseIndex, seen: &Seen<'_>, probes: &[Probe]) -> ResponseResult {
    let mut stages = Vec::with_capacity(Stage::ALL.len());
    let mut stopped_by: Option<(Stage, CheckId)> = None;
    let mut bent_by: Option<(Stage, CheckId)> = None;
    for stage in Stage::ALL {
        let here: Vec<&Finding> =
            seen.findings.iter().copied().filter(|finding| finding.check.check().stage == stage).collect();
        let mut result = examine(facts, index, stage, &here, &seen.unknown, probes);
        if let Some((broken, _)) = stopped_by {
            if matches!(result.state, State::Pass | State::Fail | State::Warn) {
                let also = match result.reason.take() {
                    Some(reason) => format!("; also wrong here: {reason}"),
                    None => String::new(),
                };
                result.state = State::Blocked;
                result.reason = Some(Reason::Words(format!("the response stops at {broken}{also}")));
            }
        } else if result.state == State::Fail {
            stopped_by = here.first().map(|finding| (stage, finding.check));
        } else if result.state == State::Warn && bent_by.is_none() {
            bent_by = here.first().map(|finding| (stage, finding.check));
        }
        stages.push(result);
    }
    let verdict = match (stopped_by, bent_by) {
        (Some((stage, check)), _) => Verdict::Stops(stage, check),
        (None, Some((stage, check))) => Verdict::Bent(stage, check),
        (None, None) if is_not_meant(facts, index) => Verdict::NotMeant,
        (None, None) => Verdict::NoFault,
    };
    ResponseResult { index, stages, verdict, accepted: false }
}

fn is_not_meant(facts: &Facts<'_>, index: ResponseIndex) -> bool {
    facts
        .response(index)
        .is_some_and(|response| matches!(response.runs, Runs::Nowhere | Runs::OtherSystem(_)))
}

fn examine(
    facts: &Facts<'_>,
    index: ResponseIndex,
    stage: Stage,
    here: &[&Finding],
    unknown: &[&Unknown],
    probes: &[Probe],
) -> StageResult {
    let result = |state, basis, reason: Option<Reason>| StageResult { stage, state, basis, reason };
    if let Some(worst) = here.first()
        && worst.severity > Severity::Advice
    {
        let state = if worst.severity == Severity::Error { State::Fail } else { State::Warn };
        // Each check once, however often it was found: every faulty block may stop every response.
        let mut checks: Vec<CheckId> = Vec::new();
        for finding in here.iter().filter(|finding| finding.severity > Severity::Advice) {
            if !checks.contains(&finding.check) {
                checks.push(finding.check);
            }
        }
        let names: Vec<String> = checks.iter().map(CheckId::to_string).collect();
        return result(state, Some(Basis::Static), Some(Reason::Words(names.join(", "))));
    }
    let runs = facts.response(index).map(|response| response.runs);
    if let Some(Runs::OtherSystem(system)) = runs {
        let reason = format!("its executable is for {system}");
        return result(State::NotApplicable, None, Some(Reason::Words(reason)));
    }
    if facts.role() == Role::Agent && ON_MANAGER.contains(&stage) {
        return result(State::Unknown, None, Some(Reason::NotThisSide(Elsewhere::Manager)));
    }
    if runs == Some(Runs::Nowhere) && stage != Stage::Config {
        let reason = "its block is disabled, dropped or refused";
        return result(State::NotApplicable, None, Some(Reason::Words(reason.to_owned())));
    }
    if facts.role() == Role::Manager && ON_AGENT.contains(&stage) {
        match runs {
            Some(Runs::There) => {
                return result(State::Unknown, None, Some(Reason::NotThisSide(Elsewhere::Agents)));
            }
            Some(Runs::HereAndThere) => {
                return result(State::Unknown, None, Some(Reason::NotThisSide(Elsewhere::Sender)));
            }
            _ => {}
        }
    }
    if stage == Stage::Deliver && runs == Some(Runs::Here) && facts.role() == Role::Manager {
        let reason = "it runs on this manager, nothing is delivered";
        return result(State::NotApplicable, None, Some(Reason::Words(reason.to_owned())));
    }
    if stage == Stage::Revert && facts.response(index).and_then(|response| response.timeout) == Some(0) {
        return result(State::NotApplicable, None, Some(Reason::Words("it has no timeout".to_owned())));
    }
    let registered: Vec<CheckId> = probes
        .iter()
        .flat_map(|probe| probe.checks)
        .copied()
        .filter(|check| check.check().stage == stage && applies(facts, *check))
        .collect();
    let gap = unknown.iter().find(|unknown| registered.contains(&unknown.check));
    if let Some(unknown) = gap {
        return result(State::Unknown, None, Some(Reason::Gap(unknown.gap.clone())));
    }
    if stage == Stage::Deliver && facts.role() == Role::Manager && !registered.is_empty() {
        // Whether the agent is connected stands in global.db, which is never opened.
        let ask = facts.install.home.join("bin/agent_control");
        // It does not work on a worker.
        let place = if facts.is_worker() { " on the master" } else { "" };
        let reason =
            format!("only its database knows which agents are connected: ask {} -l{place}", ask.display());
        return result(State::Unknown, None, Some(Reason::Words(reason)));
    }
    // What a configuration file alone says nothing of: the programs a response calls.
    let is_unseen = stage == Stage::Effect && facts.is_bare();
    if registered.is_empty() || NOT_EXAMINED.contains(&stage) || is_unseen {
        return result(State::Unknown, None, Some(Reason::NotExamined));
    }
    result(State::Pass, Some(Basis::Static), None)
}
