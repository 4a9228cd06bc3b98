//! What the alerts of the last days add up to, held against what responses need.

use std::collections::{BTreeMap, HashSet};

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
    /// What of them tells when a response was to start, and that it did.
    pub trail: Trail,
}

/// Alerts of rules that start a response, and those of responses that ran, each with nothing but
/// the members of [`TRAIL`]. What is newest is kept.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// Time, in milliseconds since 1970, and alert; in the order of time.
    pub alerts: Vec<(i64, Box<[u8]>)>,
    /// Older ones were left out, so that it does not take too much memory.
    pub cut: bool,
    bytes: usize,
}

/// Members of an alert that are kept, so that those below one object stand together.
const TRAIL: [&str; 14] = [
    "timestamp",
    "agentless",
    "agent.id",
    "rule.id",
    "rule.level",
    "rule.groups",
    "syscheck.path",
    "data.srcip",
    "data.dstuser",
    "data.command",
    "data.parameters.program",
    "data.parameters.alert.timestamp",
    "data.parameters.alert.rule.id",
    "data.parameters.alert.agent.id",
];

/// Where in it the rule and the program of a response that ran are.
const RULE: usize = 3;
const RAN: usize = 10;

/// Bytes of the alerts that are kept.
const TRAIL_BYTES: usize = 16 << 20;

impl Trail {
    fn add(&mut self, time: i64, alert: Box<[u8]>) {
        self.bytes += alert.len();
        self.alerts.push((time, alert));
        if self.bytes > 2 * TRAIL_BYTES {
            self.settle();
        }
    }

    /// Puts them in order, and leaves the oldest out where there are too many.
    fn settle(&mut self) {
        self.alerts.sort_by_key(|(time, _)| *time);
        let mut gone = 0;
        while self.bytes > TRAIL_BYTES
            && let Some((_, alert)) = self.alerts.get(gone)
        {
            self.bytes -= alert.len();
            gone += 1;
        }
        self.cut |= gone > 0;
        self.alerts.drain(..gone);
    }
}

/// An object of the members that are there, which stand as in [`TRAIL`].
fn object<'p>(members: &[(&'p str, &'p [u8])]) -> Vec<u8> {
    let mut text = b"{".to_vec();
    let mut rest = members;
    while let Some((path, value)) = rest.first() {
        let (name, inside) = path.split_once('.').map_or((*path, false), |(name, _)| (name, true));
        if text.len() > 1 {
            text.push(b',');
        }
        text.extend_from_slice(format!("\"{name}\":").as_bytes());
        if inside {
            let below = |member: &(&'p str, &'p [u8])| {
                let path = member.0.strip_prefix(name)?.strip_prefix('.')?;
                Some((path, member.1))
            };
            let mine: Vec<(&str, &[u8])> = rest.iter().map_while(below).collect();
            text.extend(object(&mine));
            rest = rest.get(mine.len()..).unwrap_or_default();
        } else {
            text.extend_from_slice(value);
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    text.push(b'}');
    text
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
            let kept = TRAIL.map(|path| paths.add(path));
            let mut trail = Trail::default();
            let starts = starting(facts);
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
                let rule = alert.get(kept[RULE]).and_then(Raw::number);
                if let Some(time) = at.time
                    && (alert.get(kept[RAN]).is_some() || rule.is_some_and(&starts))
                {
                    let member = |(path, slot)| {
                        let value = alert.get(slot)?;
                        // That it is there is all that counts.
                        Some((path, if path == "syscheck.path" { &b"\"\""[..] } else { value.bytes() }))
                    };
                    let members: Vec<(&str, &[u8])> =
                        TRAIL.into_iter().zip(kept).filter_map(member).collect();
                    trail.add(time, object(&members).into());
                }
            });
            trail.settle();
            Self { log, histogram, stopped, reading, trail }
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

/// Whether alerts of a rule may start a response: it is bound to one, or its rule is not loaded.
fn starting<'a>(facts: &'a Facts<'_>) -> impl Fn(u64) -> bool + use<'a> {
    let rules = facts.rules().get();
    let blocks = facts.config().read.iter().flat_map(|conf| &conf.responses);
    let bound: HashSet<u32> = rules
        .into_iter()
        .flat_map(|rules| {
            let ids = |(at, _): (usize, _)| rules.set.rules.get(at).map(|rule| rule.id);
            blocks.clone().flat_map(|block| rules.set.bound_rules(block)).filter_map(ids).collect::<Vec<_>>()
        })
        .collect();
    move |rule| {
        u32::try_from(rule).is_ok_and(|rule| {
            bound.contains(&rule) || rules.is_none_or(|rules| rules.set.index(rule).is_none())
        })
    }
}

/// `2026-11-20T14:10:00Z`
pub fn iso(millis: i64) -> String {
    jiff::Timestamp::from_second(millis.div_euclid(1000))
        .map_or_else(|_| format!("{millis} ms"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Trail, object};

    #[test]
    fn members_stand_in_their_objects() {
        let members: [(&str, &[u8]); 5] = [
            ("timestamp", b"1"),
            ("rule.id", b"\"2\""),
            ("rule.groups", b"[]"),
            ("data.srcip", b"3"),
            ("data.parameters.alert.rule.id", b"4"),
        ];
        let text = String::from_utf8(object(&members)).unwrap_or_default();
        assert_eq!(
            text,
            r#"{"timestamp":1,"rule":{"id":"2","groups":[]},"data":{"srcip":3,"parameters":{"alert":{"rule":{"id":4}}}}}"#
        );
        assert_eq!(object(&[]), b"{}");
    }

    #[test]
    fn the_newest_are_kept() {
        let mut trail = Trail::default();
        for time in (0..100).rev() {
            trail.add(time, vec![0; super::TRAIL_BYTES / 10].into());
        }
        trail.settle();
        let times: Vec<i64> = trail.alerts.iter().map(|(time, _)| *time).collect();
        assert_eq!(times, (90..100).collect::<Vec<_>>());
        assert!(trail.cut);
    }
}
