//! Rows about `ar-doctor.toml` itself.

use ar_doctor::findings::checks;

use super::{AGENT, Case, MANAGER, config, fault, near};

const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";

/// The rows. The base hosts have 2026-11-20.
pub const CASES: &[Case] = &[
    fault(
        checks::SUPPRESSION_EXPIRED,
        "it held until the day before, and its fault is mended",
        AGENT,
        |_| Ok(()),
    )
    .accepting("[[suppress]]\nid = 'AR061'\nsubject = '*'\nreason = 'r'\nexpires = 2026-11-19\n"),
    fault(checks::SUPPRESSION_EXPIRED, "on a manager, by its slug", MANAGER, |_| Ok(())).accepting(
        "[[suppress]]\nid = 'executable-writable'\nsubject = '*'\nreason = 'r'\nexpires = '2020-01-01'\n",
    ),
    near(checks::SUPPRESSION_EXPIRED, "the last day still holds", AGENT, |host| {
        host.set_mode(SCRIPT, 0o770)?;
        Ok(())
    })
    .accepting(
        "[[suppress]]\nid = 'AR061'\nsubject = '*edge-block.sh'\nreason = 'r'\nexpires = 2026-11-20\n",
    ),
    fault(checks::SUPPRESSION_UNMATCHED, "a slip in the subject", AGENT, |_| Ok(()))
        .accepting("[[suppress]]\nid = 'AR061'\nsubject = 'edge-blok900'\nreason = 'r'\n"),
    fault(checks::SUPPRESSION_UNMATCHED, "one that is used, and one that is not", AGENT, |host| {
        host.set_mode(SCRIPT, 0o770)?;
        Ok(())
    })
    .accepting(
        "[[suppress]]\nid = 'AR061'\nsubject = 'edge-block900'\nreason = 'r'\n\n\
         [[suppress]]\nid = 'AR041'\nsubject = 'edge-block900'\nreason = 'r'\n",
    ),
    near(checks::SUPPRESSION_UNMATCHED, "it suppresses a warning", AGENT, |host| {
        host.set_mode(SCRIPT, 0o770)?;
        Ok(())
    })
    .accepting(
        "[[suppress]]\nid = 'AR061'\nsubject = 'file:/var/ossec/active-response/bin/*'\nreason = 'r'\n",
    ),
    near(checks::SUPPRESSION_UNMATCHED, "two faults of one name, which the report numbers", MANAGER, |host| {
        let block = "  <active-response>\n    <command>quarantine</command><location>local</location><level>12</level>\n  </active-response>\n";
        config(host, "  <!-- Brute force over ssh", &format!("{block}{block}  <!-- Brute force over ssh"))
    })
    .accepting(
        "[[suppress]]\nid = 'AR010'\nsubject = 'config:etc/ossec.conf:active-response[quarantine]/command'\nreason = 'r'\n\n\
         [[suppress]]\nid = 'AR010'\nsubject = '*:active-response[quarantine]/command~2'\nreason = 'r'\n",
    ),
    near(checks::SUPPRESSION_UNMATCHED, "a check of managers, on an agent", AGENT, |_| Ok(()))
        .accepting("[[suppress]]\nid = 'AR010'\nsubject = '*'\nreason = 'r'\n"),
    near(checks::SUPPRESSION_UNMATCHED, "what only a baseline shows", AGENT, |_| Ok(()))
        .accepting("[[suppress]]\nid = 'AR226'\nsubject = '*'\nreason = 'r'\n"),
];
