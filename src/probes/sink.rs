//! Where probes put what they find, and what they could not find out.

use crate::facts::{Facts, Runs};
use crate::findings::{CheckId, Finding, ResponseIndex, Stage};
use crate::host::Gap;
use crate::wazuh::ossec_conf::Role;

/// What a check could not find out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// Which check.
    pub check: CheckId,
    /// For which responses.
    pub responses: Vec<ResponseIndex>,
    /// Why.
    pub gap: Gap,
}

/// Where probes put what they find.
pub struct Sink<'a, 'h> {
    facts: &'a Facts<'h>,
    findings: Vec<Finding>,
    unknown: Vec<Unknown>,
}

impl<'a, 'h> Sink<'a, 'h> {
    /// An empty one.
    pub fn new(facts: &'a Facts<'h>) -> Self {
        Self { facts, findings: Vec::new(), unknown: Vec::new() }
    }

    /// What was found, and what could not be found out.
    pub fn into_parts(self) -> (Vec<Finding>, Vec<Unknown>) {
        (self.findings, self.unknown)
    }

    /// Puts a finding; one of a check that does not apply here is dropped.
    pub fn find(&mut self, mut finding: Finding) {
        if applies(self.facts, finding.check) {
            // What is for another system cannot be stopped on this one.
            finding.responses.retain(|&index| {
                self.facts
                    .response(index)
                    .is_none_or(|response| !matches!(response.runs, Runs::OtherSystem(_)))
            });
            self.findings.push(finding);
        }
    }

    /// Says that a check could not be made for some responses.
    pub fn unknown(&mut self, check: CheckId, responses: Vec<ResponseIndex>, gap: Gap) {
        if applies(self.facts, check) {
            self.unknown.push(Unknown { check, responses, gap });
        }
    }

    /// Says so for several checks and all responses.
    pub fn unknown_for_all(&mut self, checks: &[CheckId], gap: &Gap) {
        for &check in checks {
            self.unknown(check, self.facts.all_responses(), gap.clone());
        }
    }
}

/// Whether a check is made on this host: its side, version and contract.
pub fn applies(facts: &Facts<'_>, check: CheckId) -> bool {
    use crate::findings::catalogue::{Contract as In, Side};
    use crate::wazuh::version::Contract;
    let check = check.check();
    let side = match facts.role() {
        Role::Manager => Side::Manager,
        Role::Agent => Side::Agent,
    };
    let contract = match facts.contract() {
        Contract::Args => In::Args,
        Contract::Json4 => In::Json4,
        Contract::Json5 => In::Json5,
    };
    let version = facts.version().is_none_or(|version| {
        check.applies_to((u32::from(version.major), u32::from(version.minor), u32::from(version.patch)))
    });
    // A 5.x manager has no execd and no active-response/: nothing runs there.
    let runs_nothing = side == Side::Manager && contract == In::Json5 && check.stage >= Stage::Resolve;
    check.sides.contains(&side) && check.contracts.contains(&contract) && version && !runs_nothing
}
