//! Stages, states and failing probes, on hosts in memory.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use ar_doctor::engine::{self, Options, State};
use ar_doctor::facts::{Facts, install};
use ar_doctor::findings::{CheckId, Severity, Stage, checks};
use ar_doctor::host::capture::{CaptureHost, Part};
use ar_doctor::host::{GapKind, Host as _};
use ar_doctor::probes::{PROBES, Probe};
use ar_doctor::redact::Redactor;

fn states(host: &CaptureHost, response: &str) -> Vec<(Stage, State, Option<String>)> {
    let redactor = Redactor::new();
    let facts = Facts::new(host, &redactor, install::find(host, None).expect("a home"));
    let diagnosis = engine::run(&facts, &Options { response: Some(response.to_owned()) });
    assert_eq!(diagnosis.responses.len(), 1, "{response}");
    diagnosis.responses[0]
        .stages
        .iter()
        .map(|stage| (stage.stage, stage.state, stage.reason.as_ref().map(ToString::to_string)))
        .collect()
}

fn state(host: &CaptureHost, response: &str, stage: Stage) -> State {
    states(host, response)[stage.index()].1
}

const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";

#[test]
fn an_agent_does_not_see_the_manager_and_the_manager_not_its_agents() {
    let agent = support::base("agent-4.14-debian");
    for stage in [Stage::Config, Stage::Trigger, Stage::Dispatch] {
        let (_, state, reason) = states(&agent, "edge-block900")[stage.index()].clone();
        assert_eq!(state, State::Unknown);
        assert!(reason.is_some_and(|reason| reason.contains("on the manager")));
    }
    let manager = support::base("manager-4.14-debian");
    for stage in [Stage::Resolve, Stage::Launch, Stage::Contract, Stage::Effect, Stage::Revert] {
        assert_eq!(state(&manager, "firewall-drop600", stage), State::Unknown, "{stage}");
    }
    assert_eq!(state(&manager, "notify-oncall0", Stage::Launch), State::Pass);
    assert_eq!(state(&manager, "notify-oncall0", Stage::Deliver), State::NotApplicable);
    assert_eq!(state(&manager, "notify-oncall0", Stage::Revert), State::NotApplicable);
    assert_eq!(state(&manager, "firewall-drop600", Stage::Config), State::Pass);
}

#[test]
fn a_stage_behind_a_broken_one_is_blocked_and_names_its_own_faults() {
    let mut host = support::base("agent-4.14-debian");
    host.set_mode(SCRIPT, 0o640).expect("the script is there");
    host.remove("/var/ossec/logs/active-responses.log").expect("the log is there");
    host.mkdir("/var/ossec/logs/active-responses.log").expect("a directory");
    let all = states(&host, "edge-block900");
    assert_eq!(all[Stage::Launch.index()].1, State::Fail);
    let (_, feedback, reason) = &all[Stage::Feedback.index()];
    assert_eq!(*feedback, State::Blocked);
    let reason = reason.as_deref().unwrap_or_default();
    assert!(reason.contains("launch") && reason.contains("ar-log-unwritable"), "{reason}");
    // The other response is only bent.
    assert_eq!(state(&host, "firewall-drop600", Stage::Feedback), State::Warn);
}

#[test]
fn what_is_denied_is_unknown_and_not_missing() {
    let mut host = support::base("agent-4.14-debian");
    host.deny(SCRIPT).expect("the script is there");
    let outcome = support::diagnose(&host);
    assert!(outcome.lines.is_empty(), "{:#?}", outcome.lines);
    assert_eq!(state(&host, "edge-block900", Stage::Launch), State::Unknown);
    assert_eq!(state(&host, "edge-block900", Stage::Resolve), State::Unknown);
    assert_eq!(state(&host, "firewall-drop600", Stage::Launch), State::Pass);
}

#[test]
fn every_fact_may_be_denied_without_a_claim() {
    for base in support::BASES {
        let files = [
            "/var/ossec/etc/ossec.conf",
            "/var/ossec/etc/shared/ar.conf",
            "/var/ossec/active-response/bin",
            "/var/ossec/active-response",
            "/var/ossec/logs",
            "/var/ossec/var/run",
            "/var/ossec/etc/shared",
            "/usr/bin",
            "/usr/lib64",
            "/etc",
        ];
        for file in files {
            let mut host = support::base(base);
            if host.entry(file.as_ref()).get().is_none() {
                continue;
            }
            host.deny(file).expect("it is there");
            let outcome = support::diagnose(&host);
            assert!(outcome.lines.is_empty(), "{base}, {file} denied: {:#?}", outcome.lines);
        }
        for part in [Part::Mounts, Part::Processes, Part::Users, Part::Groups, Part::Machine] {
            let mut host = support::base(base);
            host.set_gap(part, GapKind::Denied, "permission denied");
            let outcome = support::diagnose(&host);
            assert!(outcome.lines.is_empty(), "{base}, {part:?} denied: {:#?}", outcome.lines);
        }
    }
}

#[test]
fn a_failing_probe_makes_its_stages_unknown_and_the_rest_goes_on() {
    const BROKEN: Probe =
        Probe { name: "broken", checks: &[checks::INTERPRETER_MISSING], run: |_, _| panic!("on purpose") };
    let mut probes: Vec<Probe> = PROBES
        .iter()
        .filter(|probe| !probe.checks.contains(&checks::INTERPRETER_MISSING))
        .map(|probe| Probe { name: probe.name, checks: probe.checks, run: probe.run })
        .collect();
    probes.push(BROKEN);
    let mut host = support::base("agent-4.14-debian");
    host.set_mode("/var/ossec/active-response/bin/firewall-drop", 0o640).expect("the program is there");
    let redactor = Redactor::new();
    let facts = Facts::new(&host, &redactor, install::find(&host, None).expect("a home"));
    let diagnosis = engine::run_probes(&facts, &Options::default(), &probes);
    assert_eq!(diagnosis.failed_probes, [("broken", "on purpose".to_owned())]);
    let found: Vec<CheckId> = diagnosis.findings().map(|finding| finding.check).collect();
    assert_eq!(found, [checks::SCRIPT_NOT_EXECUTABLE]);
    let launch: Vec<State> =
        diagnosis.responses.iter().map(|response| response.stages[Stage::Launch.index()].state).collect();
    assert_eq!(launch[..2], [State::Fail, State::Unknown]);
}

#[test]
fn the_filter_comes_before_the_sorting() {
    let mut host = support::base("agent-4.14-debian");
    host.set_mode("/var/ossec/active-response/bin/firewall-drop", 0o640).expect("the program is there");
    host.set_mode(SCRIPT, 0o770).expect("the script is there");
    let redactor = Redactor::new();
    let facts = Facts::new(&host, &redactor, install::find(&host, None).expect("a home"));
    let all = engine::run(&facts, &Options::default());
    assert_eq!(all.entries[0].finding.check, checks::SCRIPT_NOT_EXECUTABLE);
    let one = engine::run(&facts, &Options { response: Some("edge-block900".to_owned()) });
    assert_eq!(one.entries[0].finding.check, checks::EXECUTABLE_WRITABLE);
    assert_eq!(one.worst(), Some(Severity::Warning));
}

#[test]
fn a_response_for_another_system_is_not_stopped_here() {
    let mut host = support::base("agent-4.14-debian");
    host.write("/var/ossec/etc/ossec.conf", "<ossec_config><client></ossec_config>")
        .expect("the file is there");
    for stage in Stage::ALL {
        assert_eq!(state(&host, "netsh1800", stage), State::NotApplicable, "{stage}");
    }
    let outcome = support::diagnose(&host);
    assert_eq!(outcome.entries[0].0, checks::CONFIG_XML_ERROR);
    let stopped = &outcome.diagnosis.entries[0].finding.responses;
    assert_eq!(stopped.len(), 2, "{stopped:?}");
}
