//! Healthy hosts stay silent: the gate every check passes first.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

use ar_doctor::facts::install;
use ar_doctor::findings::Severity;

#[test]
fn every_base_host_is_silent_and_known() {
    for name in support::BASES {
        let outcome = support::diagnose(&support::base(name));
        let loud: Vec<&String> = outcome.lines.iter().collect();
        assert!(outcome.diagnosis.worst() < Some(Severity::Warning), "{name}: {loud:#?}");
        assert!(outcome.lines.is_empty(), "{name}: {loud:#?}");
        assert!(outcome.unknown.is_empty(), "{name}: {:#?}", outcome.unknown);
    }
}

#[test]
fn layouts_between_the_base_hosts_are_silent() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for layout in support::layouts::layouts() {
        count += 1;
        let (_files, host) = layout.host();
        let install = install::find(&host, None).expect("its home is there");
        assert_eq!(install.version.get().map(ToString::to_string).as_deref(), Some(layout.version));
        let outcome = support::diagnose(&host);
        if !outcome.lines.is_empty() || !outcome.unknown.is_empty() {
            wrong.push(format!("{}: {:#?} {:#?}", layout.name(), outcome.lines, outcome.unknown));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, 2 * 7 * 2 * 2);
}
