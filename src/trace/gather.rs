//! Reads the logs of a host into a [`Timeline`]: alerts from the oldest file to the newest, and
//! beside them the lines of `active-responses.log` and of execd, as far as the alerts have come.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read;
use std::ops::Range;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::said::{Reader, Said, Told};
use super::{Host, Key, Known, Only, Timeline, Total, Trace, View};
use crate::facts::alert_log::{AlertLog, DEFAULT_AGE, Since};
use crate::facts::logs::{EAST, LogFile, LogFiles, unpacked};
use crate::facts::{self, Facts};
use crate::findings::ResponseIndex;
use crate::findings::signatures::Log;
use crate::host::Source;
use crate::logs::line::{Line, Time, local_time, time_of};
use crate::logs::place;
use crate::simulate::Ground;
use crate::simulate::alerts::{Filter, Started, Tally, Totals};
use crate::wazuh::alerts::extract::{Extractor, Fields, Paths, Raw, Slot};
use crate::wazuh::alerts::histogram::Window;
use crate::wazuh::alerts::lines::{Lines, Section, around_holes};
use crate::wazuh::alerts::time::unix_millis;
use crate::wazuh::alerts::{LINE_CAP, Stats};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::rules::Target;
use crate::wazuh::stock;
use crate::wazuh::version::Contract;

/// Alerts of several threads of analysisd, and lines behind them, are this much out of order, in
/// milliseconds.
const SLACK: i64 = 60_000;

/// The level of the alerts that come back.
const FEEDBACK_LEVEL: u8 = 3;

/// Lines in which the first time of a log is looked for.
const FIRST_LINES: usize = 1000;

/// Bytes of each log that [`recall`] reads.
const LOG_BUDGET: u64 = 32 << 20;

/// Bytes of a line of a daemon that are looked at.
const DAEMON_CAP: usize = 128 * 1024;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// How far back.
    pub since: Since,
    /// Only alerts of this rule.
    pub rule: Option<u32>,
    /// Only alerts of this agent.
    pub agent: Option<u32>,
    /// Only responses of this name, or of this command.
    pub response: Option<String>,
}

/// One response of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its place in [`Facts::responses`].
    pub index: ResponseIndex,
    /// Its name in ar.conf.
    pub name: String,
    /// File and line; empty where there is none.
    pub place: String,
    /// Seconds until it is undone.
    pub timeout: i64,
}

/// What came out, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The responses, as [`Trace::totals`].
    pub responses: Vec<Response>,
    /// The timeline.
    pub trace: Trace,
    /// From where it was looked.
    pub view: View,
    /// Alerts by what was done with them; none where none are read.
    pub alerts: Option<Totals>,
    /// Lines of the alerts.
    pub stats: Stats,
    /// Lines of the logs.
    pub lines: LogLines,
    /// The files.
    pub files: Vec<String>,
    /// From when on, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Until when: the host's clock, or the last time that was read.
    pub now: Option<i64>,
    /// What could not be read, in words.
    pub gaps: Vec<String>,
    /// What else to know.
    pub notes: Vec<String>,
}

/// How reading the logs of this host went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLines {
    /// Lines that are longer than what is read of one; their beginning was read.
    pub long: u64,
    /// Lines that are no UTF-8.
    pub not_utf8: u64,
    /// Files whose lines are out of order, so that all of each was read.
    pub disordered: Vec<String>,
    /// Files of which older lines of the window, or all, were left out.
    pub left_out: Vec<String>,
}

impl Gathered {
    /// What came out for a response.
    pub fn of(&self, response: ResponseIndex) -> Option<(&Response, &Total)> {
        let at = self.responses.iter().position(|one| one.index == response)?;
        Some((self.responses.get(at)?, self.trace.totals.get(at)?))
    }
}

impl LogLines {
    fn merge(mut self, other: Self) -> Self {
        self.long += other.long;
        self.not_utf8 += other.not_utf8;
        self.disordered.extend(other.disordered);
        self.left_out.extend(other.left_out);
        self
    }
}

/// Why there is nothing to trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nothing {
    /// No response is called so.
    #[error("no response is called '{0}': {1}")]
    NoSuchResponse(String, String),
    /// Neither side of it is on this host.
    #[error("{0}")]
    NotHere(String),
}

/// Local time of the host to UTC.
struct Zone {
    zone: TimeZone,
    /// Quarter of an hour, and what it is ahead of UTC in milliseconds.
    last: Option<(i64, i64)>,
}

impl Zone {
    /// Milliseconds since 1970, for local time as if it were UTC in seconds.
    fn utc(&mut self, local: i64) -> i64 {
        let quarter = local.div_euclid(900);
        let ahead = match self.last {
            Some((same, ahead)) if same == quarter => ahead,
            _ => {
                let ahead = self.ahead(local);
                self.last = Some((quarter, ahead));
                ahead
            }
        };
        local.saturating_mul(1000).saturating_sub(ahead)
    }

    fn ahead(&self, local: i64) -> i64 {
        let instant = |local: i64| {
            let civil = Offset::UTC.to_datetime(Timestamp::from_second(local).ok()?);
            self.zone.to_timestamp(civil).ok()
        };
        instant(local).map_or(0, |utc| local.saturating_sub(utc.as_second()).saturating_mul(1000))
    }

    /// Local time as if it were UTC in seconds, for milliseconds since 1970.
    fn local(&self, utc: i64) -> i64 {
        let seconds = utc.div_euclid(1000);
        let offset = Timestamp::from_second(seconds).map_or(0, |at| self.zone.to_offset(at).seconds().into());
        seconds.saturating_add(offset)
    }
}

/// Lines of some files, one file after the other.
struct Feed<'a> {
    log: Log,
    files: VecDeque<(String, Lines<Box<dyn Read + 'a>>)>,
    gaps: Vec<String>,
    lines: LogLines,
}

impl<'a> Feed<'a> {
    fn new(log: Log) -> Self {
        Self { log, files: VecDeque::new(), gaps: Vec::new(), lines: LogLines::default() }
    }

    /// Adds a file before those that are there; its first lines are not read where that takes
    /// more than `left` bytes, nor is all of a gzipped file. Where it begins, if it does.
    fn add(
        &mut self,
        file: &LogFile,
        source: &'a (dyn Source + 'static),
        since: Option<i64>,
        left: &mut Option<u64>,
    ) -> Option<u64> {
        let (length, gzip) = (source.size(), file.gzip);
        let mut start = 0;
        if let Some(since) = since.filter(|_| !gzip)
            && let Ok(place) = place::since(self.log, source, length, since)
        {
            start = place.offset;
            if place.disordered {
                self.lines.disordered.push(file.shown.clone());
            }
        }
        if let Some(left) = left {
            let size = if gzip { unpacked(source).unwrap_or(u64::MAX) } else { length - start.min(length) };
            if size > *left {
                self.lines.left_out.push(file.shown.clone());
            }
            if size > *left && (gzip || *left == 0) {
                *left = 0;
                return None;
            }
            start = start.max(length.saturating_sub(*left));
            *left = left.saturating_sub(size);
        }
        let cap = if self.log == Log::Ossec { DAEMON_CAP } else { LINE_CAP };
        for lines in lines_from(source, gzip, start, cap).into_iter().rev() {
            self.files.push_front((file.shown.clone(), lines));
        }
        Some(start)
    }

    /// Adds all files of a log, of which no more than so many bytes are read. The first time from
    /// which on nothing is missing; none where that is all of the window.
    fn add_all(&mut self, log: &'a LogFiles, since: Option<i64>, mut left: Option<u64>) -> Option<i64> {
        let (mut begin, mut is_whole) = (None, true);
        for (file, opened) in log.files.iter().rev() {
            let Some(source) = opened.get() else {
                is_whole = false;
                continue;
            };
            let before = self.lines.left_out.len();
            let start = self.add(file, &**source, since, &mut left);
            if is_whole {
                is_whole = self.lines.left_out.len() == before;
                let from = if is_whole { Some(0) } else { start };
                let first = from.and_then(|from| first_time(&**source, file.gzip, from));
                begin = first.or(begin).or(Some(i64::MAX).filter(|_| !is_whole));
            }
        }
        is_whole &= log.gaps.is_empty() && log.reaches_back;
        begin.filter(|_| !is_whole)
    }

    /// The next line that `take` makes something of.
    fn next<T>(&mut self, mut take: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
        while let Some((shown, lines)) = self.files.front_mut() {
            match lines.next_line() {
                Ok(Some(line)) => {
                    self.lines.long += u64::from(line.cut);
                    // The cut may have gone through a letter.
                    self.lines.not_utf8 += u64::from(!line.cut && std::str::from_utf8(line.text).is_err());
                    if let Some(taken) = take(line.text) {
                        return Some(taken);
                    }
                }
                Ok(None) => {
                    self.files.pop_front();
                }
                Err(error) => {
                    self.gaps.push(format!("{shown}: {error}"));
                    self.files.pop_front();
                }
            }
        }
        None
    }
}

/// A line of `active-responses.log`.
struct Heard {
    program: Vec<u8>,
    at: i64,
    said: Said,
    /// Alerts up to here must have come before; none: it can be told at once.
    after: Option<i64>,
}

/// Both logs of the host, in the order of their time.
struct Logs<'a> {
    reader: Reader,
    zone: Zone,
    programs: Feed<'a>,
    daemons: Feed<'a>,
    heard: Option<Heard>,
    told: Option<(i64, Told)>,
    last: Option<i64>,
}

impl Logs<'_> {
    fn fill(&mut self) {
        let (reader, zone) = (&mut self.reader, &mut self.zone);
        if self.heard.is_none() {
            self.heard = self.programs.next(|text| {
                let line = Line::read(Log::ActiveResponses, text);
                let at = match line.time? {
                    Time::Local(local) => zone.utc(local),
                    Time::Utc(utc) => utc.saturating_mul(1000),
                };
                let said = reader.said(&line)?;
                let after = match &said {
                    Said::Request { key, .. } | Said::Answer { key, .. } => Some(key.at),
                    Said::Arguments { seconds, .. } => Some(seconds.saturating_mul(1000)),
                    Said::Text(_) => Some(at),
                    _ => None,
                };
                Some(Heard { program: line.tag.into_owned(), at, said, after })
            });
        }
        if self.told.is_none() {
            self.told = self.daemons.next(|text| {
                let head = text.get(..256).unwrap_or(text);
                if memchr::memmem::find(head, b"execd").is_none()
                    && memchr::memmem::find(head, b"analysisd").is_none()
                {
                    return None;
                }
                let line = Line::read(Log::Ossec, text);
                let told = reader.told(&line)?;
                let at = match line.time? {
                    Time::Local(local) => zone.utc(local),
                    Time::Utc(utc) => utc.saturating_mul(1000),
                };
                Some((at, told))
            });
        }
    }

    /// Tells what is not later than alerts up to `limit`; all of it without a limit.
    fn tell(&mut self, timeline: &mut Timeline, limit: Option<i64>, is_clock: bool) {
        loop {
            self.fill();
            let daemon_first = match (&self.heard, &self.told) {
                (None, None) => return,
                (Some(heard), Some((at, _))) => *at <= heard.at,
                (None, Some(_)) => true,
                (Some(_), None) => false,
            };
            let after = match (&self.heard, &self.told) {
                (_, Some((at, _))) if daemon_first => Some(*at),
                (Some(heard), _) => heard.after,
                _ => None,
            };
            if limit.is_some_and(|limit| after.is_some_and(|after| after > limit)) {
                return;
            }
            let at = if daemon_first {
                let Some((at, told)) = self.told.take() else { return };
                timeline.daemon(at, &told);
                at
            } else {
                let Some(heard) = self.heard.take() else { return };
                timeline.line(&heard.program, heard.at, &heard.said);
                heard.at
            };
            self.last = self.last.max(Some(at));
            if is_clock {
                timeline.advance(at);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Slots {
    agent: Slot,
    command: Slot,
    program: Slot,
    at: Slot,
    rule: Slot,
    of: Slot,
}

impl Slots {
    fn new(paths: &mut Paths) -> Self {
        let mut inner = |name: &str| paths.add(&format!("data.parameters.{name}"));
        Self {
            program: inner("program"),
            at: inner("alert.timestamp"),
            rule: inner("alert.rule.id"),
            of: inner("alert.agent.id"),
            agent: paths.add("agent.id"),
            command: paths.add("data.command"),
        }
    }

    /// An alert of a response that ran: where, its program, the alert it ran for, and whether it
    /// was to undo it.
    fn came_back(&self, alert: &Fields<'_>) -> Option<(Host, Vec<u8>, Key, bool)> {
        let text = |slot| alert.get(slot).and_then(Raw::text);
        let undo = match &*text(self.command)? {
            b"add" => false,
            b"delete" => true,
            _ => return None,
        };
        let program = text(self.program)?;
        let name = program.rsplit(|byte| matches!(byte, b'/' | b'\\')).next()?.to_vec();
        let words =
            |slot| text(slot).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
        let key = Key { at: unix_millis(&text(self.at)?)?, rule: words(self.rule), agent: words(self.of) };
        let host = match alert.get(self.agent).and_then(Raw::number) {
            None | Some(0) => Host::Here,
            Some(id) => Host::Agent(i32::try_from(id).ok()?),
        };
        Some((host, name, key, undo))
    }
}

/// Where the alerts come from.
enum Alerts<'a> {
    /// They are read.
    Log(AlertLog),
    /// They were read already.
    Kept(&'a facts::Alerts),
    /// There are none.
    None,
}

/// What an alert tells the timeline.
struct Listener<'l, 'g, 'a, 'h> {
    tally: Tally<'g, 'a, 'h>,
    slots: Slots,
    index: &'l [Option<usize>],
    hasher: RandomState,
    timeline: &'l mut Timeline,
    logs: &'l mut Logs<'a>,
    last: Option<i64>,
}

impl Listener<'_, '_, '_, '_> {
    fn hear(&mut self, alert: &Fields<'_>, time: Option<i64>) {
        if let Some((host, program, key, undo)) = self.slots.came_back(alert)
            && let Some(time) = time
        {
            self.timeline.came_back(host, &program, time, &key, undo);
        }
        let (timeline, index, hasher) = (&mut *self.timeline, self.index, &self.hasher);
        self.tally.add_each(alert, &mut |started| expect(timeline, index, hasher, started));
        if let Some(time) = time {
            self.last = self.last.max(Some(time));
            let settled = time.saturating_sub(SLACK);
            self.logs.tell(self.timeline, Some(settled), false);
            self.timeline.advance(settled);
        }
    }
}

/// Reads the logs. `progress` is told the file that is read.
pub fn gather(facts: &Facts<'_>, asked: &Asked, progress: impl FnMut(&str)) -> Result<Gathered, Nothing> {
    follow(facts, asked, None, progress)
}

/// The same from the alerts that a probe has read, and from no more than the newest
/// [`LOG_BUDGET`] bytes of each log.
pub fn recall(facts: &Facts<'_>) -> Result<Gathered, Nothing> {
    let asked = Asked { since: facts.looks_back(), ..Asked::default() };
    follow(facts, &asked, Some(facts.alerts_if_read()), |_| ())
}

/// `kept` is there where no alert may be read.
fn follow(
    facts: &Facts<'_>,
    asked: &Asked,
    kept: Option<Option<&facts::Alerts>>,
    mut progress: impl FnMut(&str),
) -> Result<Gathered, Nothing> {
    let is_manager = facts.role() == Role::Manager;
    if is_manager && facts.contract() == Contract::Json5 {
        let why = "a manager of 5.x runs no responses and has no alerts.json; run it on the agent";
        return Err(Nothing::NotHere(why.to_owned()));
    }
    if facts.is_bare() {
        return Err(Nothing::NotHere("a bare configuration has no logs".to_owned()));
    }
    let mut notes = Vec::new();
    let mut gaps = Vec::new();
    let age = match asked.since {
        Since::Default => Since::Age(DEFAULT_AGE),
        other => other,
    };
    let (known, responses, index) = wanted(facts, asked)?;

    let (zone, unsure) = match facts.delivery().zone.get() {
        Some(zone) => (zone.clone(), 0),
        None => {
            notes.push("the host's time zone is not known: its local times are taken for UTC".to_owned());
            (TimeZone::UTC, EAST)
        }
    };
    let zone = Zone { zone, last: None };
    let now = facts.now().get().map(|now| now.saturating_mul(1000));
    let ground = if is_manager { Ground::new(facts).ok() } else { None };
    let source = match kept {
        _ if ground.is_none() => Alerts::None,
        Some(kept) => kept.map_or(Alerts::None, Alerts::Kept),
        None => {
            let log = AlertLog::list(facts, age);
            if let Some(gap) = log.unknown() {
                gaps.push(format!("{}: {}", gap.source, gap.why));
            }
            log.get().cloned().map_or(Alerts::None, Alerts::Log)
        }
    };
    let since = match (&source, age) {
        (Alerts::Log(log), _) => log.window.since,
        (Alerts::Kept(alerts), _) if alerts.trail.cut => alerts.trail.alerts.first().map(|first| first.0),
        (Alerts::Kept(alerts), _) => alerts.since(),
        (Alerts::None, Since::At(at)) => Some(at.saturating_mul(1000)),
        (Alerts::None, Since::Age(age)) => now.map(|now| now.saturating_sub(age.saturating_mul(1000))),
        (Alerts::None, _) => None,
    }
    .filter(|since| *since > i64::MIN);

    // The logs of this host.
    let path = facts.under_home("logs/active-responses.log");
    let local_since = since.map(|since| zone.local(since).saturating_sub(unsure));
    let budget = kept.map(|_| LOG_BUDGET);
    let [ran, daemons] = [Log::ActiveResponses, Log::Ossec].map(|log| facts.log_files(log, local_since));
    let opened = [&ran, &daemons].into_iter().flat_map(|log| &log.files);
    let unread = opened.clone().filter_map(|(_, opened)| opened.unknown());
    let unlisted = [&ran, &daemons].into_iter().flat_map(|log| log.gaps.iter().cloned());
    gaps.extend(unlisted.chain(unread).map(|gap| format!("{}: {}", gap.source, gap.why)));
    let read = opened.filter(|(_, opened)| opened.get().is_some());
    let mut files: Vec<String> = read.map(|(file, _)| file.shown.clone()).collect();
    let mut logs = Logs {
        reader: Reader::new(),
        zone,
        programs: Feed::new(Log::ActiveResponses),
        daemons: Feed::new(Log::Ossec),
        heard: None,
        told: None,
        last: None,
    };
    let begin = logs.programs.add_all(&ran, local_since, budget);
    logs.daemons.add_all(&daemons, local_since, budget);
    let mut view = View {
        alerts: !matches!(source, Alerts::None),
        // Without a log nothing ever wrote to it.
        log: facts.open(&path).unknown().is_none(),
        log_begins: begin.map(|local| logs.zone.utc(local)),
        feedback: true,
        since,
    };
    if let Some(conf) = &facts.config().read {
        let least = conf.log_alert_level.as_ref().map_or(1, |(_, level)| *level);
        view.feedback = least <= FEEDBACK_LEVEL;
        if view.alerts && !view.feedback {
            notes.push(format!(
                "alerts below level {least} are not written (log_alert_level): those of responses that ran \
                 do not come back"
            ));
        }
    }

    let only = Only {
        rule: asked.rule.map(|rule| rule.to_string()),
        agent: asked.agent.map(|agent| format!("{agent:03}")),
    };
    let mut timeline = Timeline::new(known, view, only);
    let (mut alerts, mut stats) = (None, Stats::default());
    let mut last = None;
    if let (Some(ground), Alerts::Log(_) | Alerts::Kept(_)) = (&ground, &source) {
        let since = match &source {
            Alerts::Log(log) => log.window.since,
            _ => since,
        };
        let filter = Filter { window: Window { since, until: None }, rule: asked.rule, agent: asked.agent };
        let tally = Tally::new(ground, filter);
        let mut paths = tally.paths();
        let slots = Slots::new(&mut paths);
        let hasher = RandomState::new();
        let (timeline, logs) = (&mut timeline, &mut logs);
        let mut listener = Listener { tally, slots, index: &index, hasher, timeline, logs, last };
        match &source {
            Alerts::Log(log) => {
                for file in log.files.iter().rev() {
                    let one =
                        AlertLog { files: vec![file.clone()], gaps: Vec::new(), budget: None, ..log.clone() };
                    let reading = one.read(facts, paths.clone(), |alert, at| {
                        progress(&file.shown);
                        listener.hear(alert, at.time);
                    });
                    stats.merge(&reading.stats);
                    gaps.extend(reading.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)));
                    files.push(file.shown.clone());
                }
                gaps.extend(log.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)));
            }
            Alerts::Kept(kept) => {
                let mut extractor = Extractor::new(paths);
                for (time, alert) in &kept.trail.alerts {
                    if let Ok(alert) = extractor.scan(alert) {
                        listener.hear(&alert, Some(*time));
                    }
                }
                files.extend(kept.log.files.iter().rev().map(|file| file.shown.clone()));
            }
            Alerts::None => {}
        }
        last = listener.last;
        let summary = listener.tally.finish();
        notes.extend(summary.notes);
        alerts = Some(summary.totals);
    } else if is_manager {
        notes.push(
            "no alerts are read: what should have run is not known, and only what ran is told".to_owned(),
        );
    }
    progress(&facts.shown(&path));
    logs.tell(&mut timeline, None, !view.alerts);
    let disturbed = [&ran, &daemons].into_iter().flat_map(LogFiles::disturbed);
    gaps.extend(disturbed.map(|gap| format!("{}: {}", gap.source, gap.why)));
    gaps.append(&mut logs.programs.gaps);
    gaps.append(&mut logs.daemons.gaps);
    let now = now.or(last).max(last).or(logs.last);
    let lines = logs.programs.lines.merge(logs.daemons.lines);
    let trace = timeline.finish(now);
    // Both logs lie in one directory.
    let mut known = BTreeSet::new();
    gaps.retain(|gap| known.insert(gap.clone()));
    Ok(Gathered { responses, trace, view, alerts, stats, lines, files, since, now, gaps, notes })
}

/// Tells the timeline of a response that an alert starts.
fn expect(timeline: &mut Timeline, index: &[Option<usize>], hasher: &RandomState, started: &Started<'_>) {
    let (Some(response), Some(at)) = (index.get(started.response).copied().flatten(), started.time) else {
        return;
    };
    let event = started.event;
    let agent = String::from_utf8_lossy(&event.agent).into_owned();
    let key = Key { at, rule: started.rule.to_string(), agent };
    let who = match (&event.srcip, &event.dstuser) {
        (None, None) => 0,
        both => hasher.hash_one(both).max(1),
    };
    for target in started.targets {
        let host = match target {
            Target::Manager => Host::Here,
            Target::Agent { id, .. } => Host::Agent(*id),
            Target::AllAgents => Host::AllAgents,
        };
        timeline.alert(response, host, &key, who);
    }
}

type Wanted = (Vec<Known>, Vec<Response>, Vec<Option<usize>>);

/// The responses that were asked for, and where each block of the configuration is among them.
fn wanted(facts: &Facts<'_>, asked: &Asked) -> Result<Wanted, Nothing> {
    let longest = facts
        .config()
        .read
        .as_ref()
        .and_then(|conf| conf.execd.offenders_in_force.iter().max().copied())
        .map_or(0, |minutes| i64::from(minutes).saturating_mul(60));
    let (mut known, mut responses, mut index) = (Vec::new(), Vec::new(), Vec::new());
    let is_manager = facts.role() == Role::Manager;
    let all = facts.responses().iter().enumerate();
    for (place, response) in all.filter(|(_, response)| !is_manager || response.block.is_some()) {
        let name = response.shown();
        let command = response.command.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let executable = response.executable.clone().unwrap_or_default();
        let is_wanted = asked
            .response
            .as_ref()
            .is_none_or(|wanted| *wanted == name || *wanted == command || wanted.as_bytes() == executable);
        if !is_wanted || !response.is_meant() && !is_manager {
            index.push(None);
            continue;
        }
        index.push(Some(known.len()));
        let timeout = i64::from(response.timeout.unwrap_or(0)).max(0);
        let line = response.place.as_ref();
        responses.push(Response {
            index: place,
            name: name.clone(),
            place: line.map_or_else(String::new, |line| format!("{}:{}", line.file, line.line)),
            timeout,
        });
        known.push(Known {
            name,
            stock: stock::program_named(&executable).is_some_and(|program| {
                program.contracts.iter().any(|contract| *contract == facts.contract())
            }) && writes_the_log(&executable),
            executable,
            timeout: if timeout > 0 { timeout.max(longest) } else { 0 },
        });
    }
    if let Some(wanted) = asked.response.as_ref().filter(|_| known.is_empty()) {
        let names: Vec<String> = facts.responses().iter().map(facts::Response::shown).collect();
        let names = if names.is_empty() { "there is none".to_owned() } else { names.join(", ") };
        return Err(Nothing::NoSuchResponse(wanted.clone(), names));
    }
    Ok((known, responses, index))
}

/// The script that restarts Wazuh runs by itself and writes nothing of this kind.
fn writes_the_log(executable: &[u8]) -> bool {
    !executable.starts_with(b"restart-")
}

/// The first time in a file of a log of responses, from a place of it on.
fn first_time(source: &(dyn Source + 'static), gzip: bool, start: u64) -> Option<i64> {
    let mut left = FIRST_LINES;
    for mut lines in lines_from(source, gzip, start, LINE_CAP) {
        while left > 0
            && let Some(line) = lines.next_line().ok()?
        {
            left -= 1;
            let time = local_time(line.text).or_else(|| time_of(Log::ActiveResponses, line.text));
            if time.is_some() {
                return time;
            }
        }
    }
    None
}

/// The lines of a file from a place on, one part of it after the other.
fn lines_from<'a>(
    source: &'a (dyn Source + 'static),
    gzip: bool,
    start: u64,
    cap: usize,
) -> Vec<Lines<Box<dyn Read + 'a>>> {
    let range = start..source.size();
    if gzip {
        let packed: Box<dyn Read + 'a> = Box::new(MultiGzDecoder::new(Section::new(source, range)));
        return vec![Lines::new(packed, cap)];
    }
    let lines = |(number, part): (usize, Range<u64>)| {
        let begin = part.start;
        let plain: Box<dyn Read + 'a> = Box::new(Section::new(source, part));
        let lines = Lines::new(plain, cap);
        if number == 0 { lines } else { lines.behind(begin) }
    };
    around_holes(source, range, cap).into_iter().enumerate().map(lines).collect()
}
