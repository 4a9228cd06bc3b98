//! The fault grid, in memory: every fault leads its report alone, every near
//! miss is silent, and no check is without both.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use ar_doctor::findings::CheckId;
use ar_doctor::findings::catalogue::FoundBy;
use ar_doctor::host::Host as _;
use support::cases::{Shows, cases};

#[test]
fn every_row_shows_what_it_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let mut host = support::base(case.base);
        case.apply(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        if let Err(why) = support::judge(case, &support::diagnose_row(case, &host)) {
            wrong.push(why);
        }
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
}

/// A mask in a command makes it useless: `-p WORD` looks like a password, whatever the word.
#[test]
fn what_is_to_be_pasted_is_shown_whole() {
    let redactor = ar_doctor::redact::Redactor::new();
    let mut wrong = std::collections::BTreeSet::new();
    for case in cases() {
        let mut host = support::base(case.base);
        case.apply(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        let outcome = support::diagnose_row(case, &host);
        for finding in outcome.diagnosis.findings() {
            let commands = finding.remedy.iter().chain([&finding.verify]);
            wrong.extend(
                commands
                    .filter(|text| redactor.text(text).as_str() != text.as_str())
                    .map(|text| format!("{}: {text}", finding.check)),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The checks that `ar-doctor check` makes. For those of `replay`, tests/replay.rs keeps the same rules.
fn made_by_probes() -> impl Iterator<Item = CheckId> {
    CheckId::all().filter(|id| id.check().is_found_by(FoundBy::Check))
}

#[test]
fn every_check_has_a_fault_and_a_near_miss() {
    let missing: Vec<String> = made_by_probes()
        .flat_map(|id| [(id, Shows::Fault), (id, Shows::NearMiss)])
        .filter(|(id, shows)| !cases().any(|case| case.check == *id && case.shows == *shows))
        .map(|(id, shows)| format!("{id}: no {shows:?}"))
        .collect();
    assert!(missing.is_empty(), "{} rows are missing:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn every_check_has_a_probe() {
    let has_one = |id: &CheckId| ar_doctor::probes::PROBES.iter().any(|probe| probe.checks.contains(id));
    let orphans: Vec<CheckId> = made_by_probes().filter(|id| !has_one(id)).collect();
    assert!(orphans.is_empty(), "no probe reports {orphans:?}");
    let strays: Vec<CheckId> =
        CheckId::all().filter(has_one).filter(|id| !id.check().is_found_by(FoundBy::Check)).collect();
    assert!(strays.is_empty(), "a probe reports {strays:?}, which `check` does not say it finds");
}

fn fingerprints(outcome: &support::Outcome) -> Vec<String> {
    outcome.diagnosis.findings().map(ar_doctor::findings::Finding::fingerprint).collect()
}

#[test]
fn fingerprints_are_unique_and_stay_when_lines_are_added() {
    const CONF: &str = "/var/ossec/etc/ossec.conf";
    let mut wrong = Vec::new();
    for case in cases() {
        let mut host = support::base(case.base);
        case.apply(&mut host).unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        let first = fingerprints(&support::diagnose_row(case, &host));
        let unique: std::collections::BTreeSet<&String> = first.iter().collect();
        if unique.len() != first.len() {
            wrong.push(format!("{}\n  not unique: {first:?}", case.name()));
        }
        // A file that is not read, or broken where it begins, cannot be moved down.
        let content = host.read(CONF.as_ref(), 1 << 20);
        let Some(content) = content.get() else { continue };
        if case.check == ar_doctor::findings::checks::CONFIG_XML_ERROR || !content.bytes.starts_with(b"<!-- ")
        {
            continue;
        }
        let moved = [b"<!-- One more line. -->\n\n\n", content.bytes.as_slice()].concat();
        host.write(CONF, moved).expect("the file is there");
        let second = fingerprints(&support::diagnose_row(case, &host));
        if first != second {
            wrong.push(format!("{}\n  {first:?}\n  becomes\n  {second:?}", case.name()));
        }
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
}
