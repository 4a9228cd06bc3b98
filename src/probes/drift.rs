//! What is not as it was in the report that `--baseline` names.

use super::{Probe, Sink, quote};
use crate::facts::Facts;
use crate::findings::{Finding, Subject, checks};

/// Scripts and definitions of responses, against a baseline.
pub(super) const PROBE: Probe =
    Probe { name: "drift", checks: &[checks::SCRIPT_DRIFT, checks::RESPONSE_DRIFT], run };

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let Some(baseline) = facts.baseline() else { return };
    scripts(facts, sink);
    let verify = format!("ar-doctor check --baseline {}", quote(&baseline.shown));
    for drift in &facts.drift().scripts {
        let Some(executable) = facts.executables().get(drift.executable) else { continue };
        // That a file is gone has a check of its own.
        if drift.now.present != Some(true) {
            continue;
        }
        let path = executable.shown();
        sink.find(
            Finding::new(
                checks::SCRIPT_DRIFT,
                Subject::File(path.clone()),
                format!("{path} is not as it was: {}.", drift.what.join(", ")),
            )
            .cause("execd starts whatever lies there; a changed script is used at the next message.")
            .observed(baseline.told(), drift.was.told())
            .observed(&path, drift.now.told())
            .remedy(format!("ls -l --full-time {}", quote(&path)))
            .remedy("put the earlier file back, or accept this one and make a new baseline")
            .verify(&verify)
            .stops(facts.users_of(executable))
            .shares(path),
        );
    }
    for drift in &facts.drift().responses {
        let was = drift.was.as_deref().unwrap_or("the configuration");
        let response = drift.now.and_then(|index| facts.response(index));
        let mut finding = Finding::new(
            checks::RESPONSE_DRIFT,
            Subject::Response(drift.name.clone()),
            match response {
                Some(_) => format!("{} is not defined as it was.", drift.name),
                None => format!("{} was defined in {was} and is not any more.", drift.name),
            },
        )
        .cause("A name holds the command and its timeout: a response with another timeout has another name.")
        .observed(baseline.told(), format!("{was} defined {}", drift.name));
        if let Some(place) = response.and_then(|response| response.place.as_ref()) {
            let file = if response.is_some_and(|response| response.block.is_some()) {
                &facts.config().file
            } else {
                &facts.ar_conf().file
            };
            finding = finding.evidence(file.excerpt(place.span, "as it is now")).at(place.span.start);
        }
        sink.find(
            finding
                .remedy(format!(
                    "compare with a copy of {} of that time",
                    was.split(['#', ':']).next().unwrap_or(was)
                ))
                .verify(&verify)
                .stops(drift.now),
        );
    }
}

/// What could not be compared.
fn scripts(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    for executable in facts.executables() {
        if let Some(gap) = executable.target.unknown() {
            sink.unknown(checks::SCRIPT_DRIFT, facts.users_of(executable), gap);
        }
    }
    for file in [&facts.config().file, &facts.ar_conf().file] {
        if let Some(gap) = file.bytes.unknown() {
            sink.unknown(checks::RESPONSE_DRIFT, facts.all_responses(), gap);
        }
    }
}
