//! Runs the probes over the facts and makes one ranked report of what they say:
//! stages, folding, ranking.

pub mod rank;
pub mod stages;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::facts::{Facts, Runs};
use crate::findings::{CheckId, Confidence, Evidence, Finding, ResponseIndex, Severity, Stage, Subject};
use crate::host::{Gap, GapKind};
use crate::probes::{PROBES, Probe};
use crate::wazuh::ossec_conf::Role;

pub use rank::{Entry, Key};
pub use stages::{Basis, Elsewhere, Reason, StageResult, State};

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
    fn new(facts: &'a Facts<'h>) -> Self {
        Self { facts, findings: Vec::new(), unknown: Vec::new() }
    }

    /// Puts a finding; one of a check that does not apply here is dropped.
    pub fn find(&mut self, finding: Finding) {
        if applies(self.facts, finding.check) {
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

/// What a run may be told.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only responses of this name, command or id.
    pub response: Option<String>,
}

/// What was found about one response.
#[derive(Clone, Debug)]
pub struct ResponseResult {
    /// Its place in [`Facts::responses`].
    pub index: ResponseIndex,
    /// The ten stages in order.
    pub stages: Vec<StageResult>,
    /// The first broken stage, and the check that names it.
    pub verdict: Verdict,
}

/// The answer for one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stops here.
    Stops(Stage, CheckId),
    /// It is bent, not stopped, first here.
    Bent(Stage, CheckId),
    /// Nothing that could be seen stops it.
    NoFault,
    /// It is not meant to run on this host, or at all.
    NotMeant,
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// By response, in the order of the file.
    pub responses: Vec<ResponseResult>,
    /// Ranked, worst first, folded ones inside.
    pub entries: Vec<Entry>,
    /// What could not be found out.
    pub unknown: Vec<Unknown>,
    /// How many checks were made.
    pub checks: usize,
    /// Probes that failed, with what they said.
    pub failed_probes: Vec<(&'static str, String)>,
}

impl Diagnosis {
    /// All findings, folded ones behind the one that explains them.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.entries.iter().flat_map(|entry| std::iter::once(&entry.finding).chain(&entry.folded))
    }

    /// The worst severity found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings().map(|finding| finding.severity).max()
    }

    /// Whether something that could have been examined was not.
    pub fn incomplete(&self) -> bool {
        !self.unknown.is_empty() || !self.failed_probes.is_empty()
    }
}

/// Runs every probe.
pub fn run(facts: &Facts<'_>, options: &Options) -> Diagnosis {
    run_probes(facts, options, PROBES)
}

/// Runs these probes; [`run`] with another list, for tests.
pub fn run_probes(facts: &Facts<'_>, options: &Options, probes: &[Probe]) -> Diagnosis {
    let mut findings = Vec::new();
    let mut unknown = Vec::new();
    let mut failed_probes = Vec::new();
    for probe in probes {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut sink = Sink::new(facts);
            (probe.run)(facts, &mut sink);
            (sink.findings, sink.unknown)
        }));
        match result {
            Ok((found, gaps)) => {
                findings.extend(found);
                unknown.extend(gaps);
            }
            Err(panic) => {
                let said = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                let gap = Gap {
                    kind: GapKind::Failed,
                    source: format!("probe {}", probe.name),
                    why: format!("it failed: {said}. This is a fault of ar-doctor, please report it"),
                };
                unknown.extend(probe.checks.iter().filter(|check| applies(facts, **check)).map(|check| {
                    Unknown { check: *check, responses: facts.all_responses(), gap: gap.clone() }
                }));
                failed_probes.push((probe.name, said.to_owned()));
            }
        }
    }
    unknown.sort();
    unknown.dedup();
    let checks = probes.iter().flat_map(|probe| probe.checks).filter(|check| applies(facts, **check)).count();

    let wanted: Vec<ResponseIndex> = facts
        .all_responses()
        .into_iter()
        .filter(|&index| options.response.as_deref().is_none_or(|name| is_named(facts, index, name)))
        .collect();
    let responses =
        wanted.iter().map(|&index| stages::result(facts, index, &findings, &unknown, probes)).collect();
    if options.response.is_some() {
        findings.retain(|finding| {
            finding.responses.is_empty() && finding.severity == Severity::Error
                || finding.responses.iter().any(|index| wanted.contains(index))
        });
        unknown.retain(|unknown| unknown.responses.iter().any(|index| wanted.contains(index)));
    }
    Diagnosis { responses, entries: rank::rank(findings), unknown, checks, failed_probes }
}

/// Whether a response is called so: its name, its command, its id or its executable.
pub fn is_named(facts: &Facts<'_>, index: ResponseIndex, name: &str) -> bool {
    facts.response(index).is_some_and(|response| {
        let wanted = name.as_bytes();
        response.name == wanted
            || response.id == name
            || response.command.as_deref() == Some(wanted)
            || response.executable.as_deref() == Some(wanted)
    })
}

/// Responses that some daemon of this host is meant to run.
pub fn meant_to_run(facts: &Facts<'_>) -> Vec<ResponseIndex> {
    facts
        .responses()
        .iter()
        .enumerate()
        .filter(|(_, response)| !matches!(response.runs, Runs::Nowhere | Runs::OtherSystem(_)))
        .map(|(index, _)| index)
        .collect()
}

impl Finding {
    /// A finding with the catalogue's severity, proven, about a subject.
    pub fn new(check: CheckId, subject: Subject, title: impl Into<String>) -> Self {
        Self {
            check,
            severity: check.check().severity,
            confidence: Confidence::Proven,
            subject,
            title: title.into(),
            cause: String::new(),
            evidence: Vec::new(),
            remedy: Vec::new(),
            verify: String::new(),
            responses: Vec::new(),
            shares: Vec::new(),
            position: usize::MAX,
        }
    }

    /// Says what Wazuh or the kernel does.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Adds a proof.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Adds a proof that is no excerpt.
    #[must_use]
    pub fn observed(self, source: impl Into<String>, text: impl Into<String>) -> Self {
        self.evidence(Evidence::Observation { source: source.into(), text: text.into() })
    }

    /// Adds a command or an edit that mends it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy.push(remedy.into());
        self
    }

    /// Says how to see that it is mended.
    #[must_use]
    pub fn verify(mut self, verify: impl Into<String>) -> Self {
        self.verify = verify.into();
        self
    }

    /// Names the responses it stops or bends.
    #[must_use]
    pub fn stops(mut self, responses: impl IntoIterator<Item = ResponseIndex>) -> Self {
        self.responses.extend(responses);
        self.responses.sort_unstable();
        self.responses.dedup();
        self
    }

    /// Names a file or a process it has to do with.
    #[must_use]
    pub fn shares(mut self, what: impl Into<String>) -> Self {
        self.shares.push(what.into());
        self
    }

    /// Names its place in the configuration.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.position = position;
        self
    }

    /// Makes it milder or harsher than the catalogue says.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Says how sure it is.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Its name over time: the same fault on the same subject keeps it.
    pub fn fingerprint(&self) -> String {
        // A line number moves with every edit; the file stays.
        match &self.subject {
            Subject::Config(path, _) => {
                format!("{}:config:{path}:{}", self.check.check().id, self.discriminator())
            }
            subject => format!("{}:{subject}", self.check.check().id),
        }
    }

    /// Tells two findings of one check in one file apart by what they mark.
    fn discriminator(&self) -> String {
        let marked = self.evidence.iter().find_map(|evidence| match evidence {
            Evidence::Excerpt { text, mark, .. } => text.get(mark.clone()),
            Evidence::Observation { .. } => None,
        });
        // FNV-1a, 32 bits: short, stable, and no secret.
        let hash = marked
            .unwrap_or_default()
            .iter()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        format!("{hash:08x}")
    }
}
