//! The grid as others than root read it: what is denied is unknown, and never a fault of its own nor a
//! stage that passes.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use ar_doctor::baseline::Baseline;
use ar_doctor::engine::stages::State;
use ar_doctor::engine::{self, Options};
use ar_doctor::facts::install;
use ar_doctor::findings::{CheckId, Severity, Stage};
use ar_doctor::host::Host as _;
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::redact::Redactor;
use support::cases::{Case, cases};
use support::{Outcome, diagnose_row};

/// Who reads: not root, not Wazuh's user.
const UID: u32 = 4242;

/// The host of a row, as a person in these groups reads it.
fn read_by(host: &CaptureHost, groups: &[&str]) -> CaptureHost {
    let known = host.groups();
    let known = known.get().expect("base hosts name their groups");
    let mut gids = vec![UID];
    gids.extend(known.iter().filter(|group| groups.contains(&group.name.as_str())).map(|group| group.id));
    let mut host = host.clone();
    host.set_reader(UID, &gids);
    host
}

/// Checks at or above a severity.
fn found(outcome: &Outcome, least: Severity) -> BTreeSet<CheckId> {
    outcome
        .diagnosis
        .findings()
        .filter(|finding| finding.severity >= least)
        .map(|finding| finding.check)
        .collect()
}

/// What a reader claims that root does not.
fn wrong_claims(root: &Outcome, reader: &Outcome) -> Vec<String> {
    let known = found(root, Severity::Advice);
    let mut wrong: Vec<String> = found(reader, Severity::Advice)
        .into_iter()
        .filter(|check| !known.contains(check))
        .map(|check| format!("{check} is found, and root does not find it: {:#?}", reader.lines))
        .collect();
    let loud = found(root, Severity::Warning);
    wrong.extend(
        found(reader, Severity::Warning)
            .into_iter()
            .filter(|check| known.contains(check) && !loud.contains(check))
            .map(|check| format!("{check} is worse than what root is told")),
    );
    for response in &reader.diagnosis.responses {
        let same = root.diagnosis.responses.iter().find(|other| other.index == response.index);
        for stage in Stage::ALL {
            let state = |of: &engine::ResponseResult| {
                of.stages.iter().find(|result| result.stage == stage).map(|result| result.state)
            };
            let Some(truth) = same.and_then(state) else { continue };
            if truth == State::Fail && state(response) == Some(State::Pass) {
                wrong.push(format!("{stage} passes, and root sees it fail"));
            }
        }
    }
    wrong
}

/// What a reader takes for mended, and root does not, with root's report of the same day as the
/// baseline.
fn mended(case: &Case, host: &CaptureHost, reader: &CaptureHost) -> Vec<String> {
    let of_root = support::report_of_row(case, host);
    let mended_for = |host: &CaptureHost| -> BTreeSet<String> {
        let baseline = Baseline::read("baseline.json", of_root.as_bytes()).expect("a report");
        let redactor = Redactor::new();
        let facts = support::facts_of_row(case, host, &redactor).against(baseline);
        let compared = engine::run(&facts, &Options::default()).compared.expect("there is a baseline");
        let mended = compared.gone.into_iter().filter(|gone| gone.examined);
        mended.map(|gone| format!("{} counts as mended: {}", gone.was.id, gone.was.title)).collect()
    };
    let mut mended = mended_for(reader);
    if !mended.is_empty() {
        // Against its own report nothing drifts.
        mended = &mended - &mended_for(host);
    }
    mended.into_iter().collect()
}

fn judge(groups: &[&str], is_blind: bool) {
    let mut wrong = Vec::new();
    let mut rows = 0;
    for case in cases() {
        let mut host = support::base(case.base);
        case.apply(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        let reader = read_by(&host, groups);
        match install::find(&reader, None) {
            // Nothing is claimed of a home that cannot be seen.
            Err(error) if is_blind => {
                assert!(!error.to_string().is_empty());
                continue;
            }
            Err(error) => {
                wrong.push(format!("{}\n  {error}", case.name()));
                continue;
            }
            Ok(_) => rows += 1,
        }
        let (root, seen) = (diagnose_row(case, &host), diagnose_row(case, &reader));
        let mut claims = wrong_claims(&root, &seen);
        if !root.lines.is_empty() {
            claims.extend(mended(case, &host, &reader));
        }
        wrong.extend(claims.into_iter().map(|claim| format!("{}\n  {claim}", case.name())));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(is_blind || rows > 200, "only {rows} rows were judged");
}

#[test]
fn a_member_of_the_group_makes_no_wrong_claim() {
    judge(&["wazuh", "ossec", "wazuh-manager"], false);
}

#[test]
fn an_outsider_makes_no_wrong_claim() {
    judge(&[], true);
}

#[test]
fn what_is_denied_is_said_on_healthy_hosts() {
    for base in support::BASES {
        let host = support::base(base);
        for groups in [&["wazuh", "ossec", "wazuh-manager"][..], &[]] {
            let reader = read_by(&host, groups);
            let Ok(_) = install::find(&reader, None) else { continue };
            let outcome = support::diagnose(&reader);
            assert!(outcome.lines.is_empty(), "{base}: {:#?}", outcome.lines);
            // Wazuh's group may read nearly all of its home.
            let is_told = outcome.unknown.iter().any(|line| line.contains("denied"));
            assert!(is_told || !groups.is_empty(), "{base}: {:#?}", outcome.unknown);
        }
    }
}
