//! The forms of a report: text for people, JSON for programs.
//!
//! Decides nothing: what is wrong, how bad it is and what comes first was settled
//! by the engine. Everything goes out as one string that the command line prints.

pub mod catalogue;
pub mod escape;
pub mod json;
pub mod lint;
pub mod markdown;
pub mod migrate;
pub mod page;
pub mod replay;
pub mod replay_json;
pub mod sarif;
pub mod show;
pub mod simulate;
pub mod simulate_alerts;
pub mod text;
pub mod ticket;
pub mod trace;

use std::collections::BTreeSet;

use crate::baseline::Gone;
use crate::engine::{Diagnosis, Suppressed, collector_gaps};
use crate::facts::Facts;
use crate::findings::Severity;
use crate::host::Gap;
use crate::redact::Redactor;
use crate::suppress::Rule;

/// The program's name in its reports.
pub const TOOL: &str = "ar-doctor";

/// Its version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything a report is made of.
#[derive(Clone, Copy)]
pub struct Report<'a, 'h> {
    /// What was read.
    pub facts: &'a Facts<'h>,
    /// What was found.
    pub diagnosis: &'a Diagnosis,
    /// What all text passes.
    pub redactor: &'a Redactor,
    /// Only this response was asked for.
    pub response: Option<&'a str>,
    /// How long it took, where that is asked for.
    pub timings: Option<Timings>,
}

/// How long the parts of a run took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timings {
    /// Opening the source and finding the installation.
    pub open: f64,
    /// Reading facts and running the probes.
    pub probes: f64,
    /// Both.
    pub total: f64,
}

/// The answer of a run in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong, and all that belongs to this side was seen.
    Ok,
    /// Something bends a response.
    Warnings,
    /// Something stops a response.
    Stopped,
    /// Nothing was found, and not all could be seen.
    Unknown,
}

/// How many findings of each severity there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They stop a response.
    pub errors: usize,
    /// They bend one.
    pub warnings: usize,
    /// Hygiene.
    pub advice: usize,
}

/// How many findings there are in comparison with a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Only today.
    pub new: usize,
    /// Only then, and looked for today.
    pub gone: usize,
    /// Only then, and not to be examined today.
    pub unseen: usize,
    /// Then and today.
    pub same: usize,
}

impl Report<'_, '_> {
    /// Findings by severity. Folded ones do not count: one fault is one entry.
    pub fn counts(&self) -> Counts {
        let of = |severity| {
            self.diagnosis.entries.iter().filter(|entry| entry.finding.severity == severity).count()
        };
        Counts { errors: of(Severity::Error), warnings: of(Severity::Warning), advice: of(Severity::Advice) }
    }

    /// The answer in one word.
    pub fn verdict(&self) -> Verdict {
        match self.diagnosis.worst() {
            Some(Severity::Error) => Verdict::Stopped,
            Some(Severity::Warning) => Verdict::Warnings,
            Some(Severity::Advice) | None if self.is_incomplete() => Verdict::Unknown,
            Some(Severity::Advice) | None => Verdict::Ok,
        }
    }

    /// The file and the entry that suppresses a finding.
    pub fn rule_of(&self, suppressed: &Suppressed) -> Option<(&str, &Rule)> {
        let suppressions = self.facts.suppressions()?;
        Some((&suppressions.shown, suppressions.rules.get(suppressed.rule)?))
    }

    /// Whether the baseline has a finding, too; none without a baseline. The fingerprint is a
    /// redacted one.
    pub fn since_baseline(&self, fingerprint: &str) -> Option<json::SinceBaseline> {
        let compared = self.diagnosis.compared.as_ref()?;
        let is_same = compared.same.contains(fingerprint);
        Some(if is_same { json::SinceBaseline::Same } else { json::SinceBaseline::New })
    }

    /// How many findings are new, gone and the same since the baseline; none without one.
    pub fn changes(&self) -> Option<Changes> {
        let compared = self.diagnosis.compared.as_ref()?;
        let suppressed = self.diagnosis.suppressed.len();
        let all = self.diagnosis.findings().count() + suppressed;
        let (gone, unseen) = compared.gone.iter().partition::<Vec<&Gone>, _>(|gone| gone.examined);
        let same = compared.same.len();
        Some(Changes { new: all.saturating_sub(same), gone: gone.len(), unseen: unseen.len(), same })
    }

    /// Whether something that belongs to this side was not seen.
    pub fn is_incomplete(&self) -> bool {
        self.diagnosis.is_incomplete(self.facts)
    }

    /// Why something was not seen, each reason once: those of the checks, then
    /// those of what is read for every report.
    pub fn gaps(&self) -> Vec<Gap> {
        let mut seen = BTreeSet::new();
        let of_checks = self.diagnosis.unknown.iter().map(|unknown| unknown.gap.clone());
        let mut gaps: Vec<Gap> =
            of_checks.chain(collector_gaps(self.facts)).filter(|gap| seen.insert(gap.clone())).collect();
        gaps.sort();
        gaps
    }

    /// Checks that could not be made for some response.
    pub fn checks_not_made(&self) -> usize {
        self.diagnosis.unknown.iter().map(|unknown| unknown.check).collect::<BTreeSet<_>>().len()
    }
}

/// UTC as RFC 3339, from milliseconds since 1970.
fn instant(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| format!("{millis} ms"), |instant| instant.to_string())
}

/// The same to the second, as log files have it.
fn short(millis: i64) -> String {
    let text = instant(millis.div_euclid(1000).saturating_mul(1000));
    text.replacen('T', " ", 1).trim_end_matches('Z').to_owned()
}
