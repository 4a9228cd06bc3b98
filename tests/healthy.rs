//! Healthy hosts stay silent: the gate every check passes first.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod support;

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
