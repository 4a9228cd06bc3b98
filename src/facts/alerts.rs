//! What the alerts of the last days add up to, held against what responses need.

use std::collections::BTreeMap;

use super::Facts;
use super::alert_log::{AlertLog, At, DEFAULT_BUDGET, Reading};
use crate::host::Fact;
use crate::wazuh::alerts::extract::{Fields, Raw, Slot};
use crate::wazuh::alerts::histogram::{Histogram, Need};
use crate::wazuh::rules::stopped_for_all;

/// Alerts, counted.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// Where they were read.
    pub log: AlertLog,
    /// Those for which analysisd may start a response.
    pub histogram: Histogram,
    /// By rule, those for which it starts none, whatever is bound to the rule: their source is
    /// white-listed, or source or user hold a byte that analysisd refuses.
    pub stopped: BTreeMap<u32, u64>,
    /// How reading went.
    pub reading: Reading,
}

/// Lines that are no alerts, of a hundred, that are worth a word.
const MANY: u64 = 5;

impl Alerts {
    /// Reads and counts them.
    pub(super) fn read(facts: &Facts<'_>, needs: Vec<Need>) -> Fact<Self> {
        AlertLog::list(facts, facts.alerts_since).map(|log| {
            let mut histogram = Histogram::new(log.window, needs);
            let mut stopped: BTreeMap<u32, u64> = BTreeMap::new();
            let mut paths = histogram.paths();
            let slots = [paths.add("rule.id"), paths.add("data.srcip"), paths.add("data.dstuser")];
            let conf = facts.config().read.as_ref();
            let reading = log.read(facts, paths, |alert: &Fields<'_>, at: At| {
                let text = |slot: Slot| alert.get(slot).and_then(Raw::text);
                let [rule, srcip, dstuser] = slots;
                let (srcip, dstuser) = (text(srcip), text(dstuser));
                if let Some(conf) = conf
                    && let Some(rule) = alert.get(rule).and_then(Raw::number)
                    && let Ok(rule) = u32::try_from(rule)
                    && stopped_for_all(conf, facts.version(), srcip.as_deref(), dstuser.as_deref()).is_some()
                {
                    // As many as the histogram tells apart.
                    if stopped.len() < 1 << 16 {
                        *stopped.entry(rule).or_default() += 1;
                    }
                    return;
                }
                histogram.at_file(at.file);
                histogram.add(alert);
            });
            Self { log, histogram, stopped, reading }
        })
    }

    /// Alerts of a rule, whatever became of them.
    pub fn seen(&self, rule: u32) -> u64 {
        self.histogram.hits(rule) + self.stopped.get(&rule).copied().unwrap_or(0)
    }

    /// The file of a number, as reports name it.
    pub fn file(&self, number: usize) -> &str {
        self.log.files.get(number).map_or("", |file| file.shown.as_str())
    }

    /// From when on alerts were looked at, in milliseconds since 1970; none: from the first.
    pub fn since(&self) -> Option<i64> {
        if self.reading.left_out {
            return self.reading.seen.map(|seen| seen.0).or(self.log.window.since);
        }
        self.log.window.since
    }

    /// What has to be known of the reading to understand what is said of the alerts.
    pub fn note(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.reading.left_out {
            let since = self
                .since()
                .map_or_else(|| "the newest".to_owned(), |since| format!("those since {}", iso(since)));
            parts.push(format!(
                "of the alerts only {since} were read ({} MiB); --since 7d reads all of the last seven days",
                DEFAULT_BUDGET >> 20
            ));
        }
        if let Some(gap) = self.reading.gaps.first() {
            let more = match self.reading.gaps.len() {
                1 => String::new(),
                more => format!(", and {} more of them", more - 1),
            };
            parts.push(format!("alerts were not all read: {gap}{more}"));
        }
        let stats = &self.reading.stats;
        if stats.invalid > 0 && stats.invalid * 100 >= stats.lines.saturating_mul(MANY) {
            parts.push(format!(
                "{} of {} lines in {} are no alerts",
                stats.invalid,
                stats.lines,
                super::alert_log::DIRECTORY
            ));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// `2026-11-20T14:10:00Z`
pub fn iso(millis: i64) -> String {
    jiff::Timestamp::from_second(millis.div_euclid(1000))
        .map_or_else(|_| format!("{millis} ms"), |time| time.to_string())
}
