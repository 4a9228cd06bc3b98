//! Reads the logs of a host into a [`Timeline`]: alerts from the oldest file to the newest, and
//! beside them the lines of `active-responses.log` and of execd, as far as the alerts have come.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::said::{Reader, Said, Told};
use super::{Host, Key, Known, Only, Timeline, Trace, View};
use crate::facts::Facts;
use crate::facts::alert_log::{AlertLog, DEFAULT_AGE, Since};
use crate::findings::signatures::Log;
use crate::host::{Fact, Source};
use crate::logs::line::{Line, Time, local_time, time_of};
use crate::logs::place;
use crate::simulate::Ground;
use crate::simulate::alerts::{Filter, Started, Tally, Totals};
use crate::wazuh::alerts::extract::{Fields, Paths, Raw, Slot};
use crate::wazuh::alerts::histogram::Window;
use crate::wazuh::alerts::lines::{Lines, Section};
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
}

impl<'a> Feed<'a> {
    fn new(log: Log) -> Self {
        Self { log, files: VecDeque::new(), gaps: Vec::new() }
    }

    fn add(&mut self, shown: String, source: &'a (dyn Source + 'static), gzip: bool, since: Option<i64>) {
        let length = source.size();
        let start = match since.filter(|_| !gzip) {
            Some(since) => place::since(self.log, source, length, since).map_or(0, |start| start.offset),
            None => 0,
        };
        let section = Section::new(source, start..length);
        let reader: Box<dyn Read + 'a> =
            if gzip { Box::new(MultiGzDecoder::new(section)) } else { Box::new(section) };
        let cap = if self.log == Log::Ossec { DAEMON_CAP } else { LINE_CAP };
        self.files.push_back((shown, Lines::new(reader, cap)));
    }

    /// The next line that `take` makes something of.
    fn next<T>(&mut self, mut take: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
        while let Some((shown, lines)) = self.files.front_mut() {
            match lines.next_line() {
                Ok(Some(line)) => {
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

/// Reads the logs. `progress` is told the file that is read.
pub fn gather(facts: &Facts<'_>, asked: &Asked, mut progress: impl FnMut(&str)) -> Result<Gathered, Nothing> {
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

    let zone = match facts.delivery().zone.get() {
        Some(zone) => zone.clone(),
        None => {
            notes.push("the host's time zone is not known: its local times are taken for UTC".to_owned());
            TimeZone::UTC
        }
    };
    let zone = Zone { zone, last: None };
    let now = facts.now().get().map(|now| now.saturating_mul(1000));
    let ground = if is_manager { Ground::new(facts).ok() } else { None };
    let log = AlertLog::list(facts, age);
    if is_manager && let Some(gap) = log.unknown() {
        gaps.push(format!("{}: {}", gap.source, gap.why));
    }
    let alert_log = log.get().filter(|_| ground.is_some());
    let since = match (age, alert_log) {
        (_, Some(log)) => log.window.since,
        (Since::At(at), None) => Some(at.saturating_mul(1000)),
        (Since::Age(age), None) => now.map(|now| now.saturating_sub(age.saturating_mul(1000))),
        (_, None) => None,
    }
    .filter(|since| *since > i64::MIN);

    // The logs of this host.
    let path = facts.under_home("logs/active-responses.log");
    let opened = facts.open(&path);
    if let Some(gap) = opened.unknown() {
        gaps.push(format!("{}: {}", gap.source, gap.why));
    }
    let daemons = daemon_logs(facts, since, &zone, &mut gaps);
    let mut files = Vec::new();
    let local_since = since.map(|since| zone.local(since));
    let mut logs = Logs {
        reader: Reader::new(),
        zone,
        programs: Feed::new(Log::ActiveResponses),
        daemons: Feed::new(Log::Ossec),
        heard: None,
        told: None,
        last: None,
    };
    let mut view = View {
        alerts: alert_log.is_some(),
        // Without a log nothing ever wrote to it.
        log: opened.unknown().is_none(),
        log_begins: None,
        feedback: true,
        since,
    };
    if let Some(source) = opened.get() {
        view.log_begins = first_time(&**source).map(|local| logs.zone.utc(local));
        let shown = facts.shown(&path);
        files.push(shown.clone());
        logs.programs.add(shown, &**source, false, local_since);
    }
    for (shown, source, gzip) in &daemons {
        let Some(source) = source.get() else { continue };
        files.push(shown.clone());
        logs.daemons.add(shown.clone(), &**source, *gzip, local_since);
    }
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
    if let (Some(log), Some(ground)) = (alert_log, &ground) {
        let filter = Filter {
            window: Window { since: log.window.since, until: None },
            rule: asked.rule,
            agent: asked.agent,
        };
        let mut tally = Tally::new(ground, filter);
        let mut paths = tally.paths();
        let slots = Slots::new(&mut paths);
        let hasher = RandomState::new();
        for file in log.files.iter().rev() {
            let one = AlertLog { files: vec![file.clone()], gaps: Vec::new(), budget: None, ..log.clone() };
            let reading = one.read(facts, paths.clone(), |alert, at| {
                progress(&file.shown);
                if let Some((host, program, key, undo)) = slots.came_back(alert)
                    && let Some(time) = at.time
                {
                    timeline.came_back(host, &program, time, &key, undo);
                }
                tally.add_each(alert, &mut |started| expect(&mut timeline, &index, &hasher, started));
                if let Some(time) = at.time {
                    last = last.max(Some(time));
                    let settled = time.saturating_sub(SLACK);
                    logs.tell(&mut timeline, Some(settled), false);
                    timeline.advance(settled);
                }
            });
            stats.merge(&reading.stats);
            gaps.extend(reading.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)));
            files.push(file.shown.clone());
        }
        gaps.extend(log.gaps.iter().map(|gap| format!("{}: {}", gap.source, gap.why)));
        let summary = tally.finish();
        notes.extend(summary.notes);
        alerts = Some(summary.totals);
    } else if is_manager {
        notes.push(
            "no alerts are read: what should have run is not known, and only what ran is told".to_owned(),
        );
    }
    progress(&facts.shown(&path));
    logs.tell(&mut timeline, None, !view.alerts);
    gaps.append(&mut logs.programs.gaps);
    gaps.append(&mut logs.daemons.gaps);
    let now = now.or(last).max(last).or(logs.last);
    let trace = timeline.finish(now);
    Ok(Gathered { responses, trace, view, alerts, stats, files, since, now, gaps, notes })
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
    for response in facts.responses().iter().filter(|response| !is_manager || response.block.is_some()) {
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
        let place = response.place.as_ref();
        responses.push(Response {
            name: name.clone(),
            place: place.map_or_else(String::new, |place| format!("{}:{}", place.file, place.line)),
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
        let names: Vec<String> = facts.responses().iter().map(crate::facts::Response::shown).collect();
        let names = if names.is_empty() { "there is none".to_owned() } else { names.join(", ") };
        return Err(Nothing::NoSuchResponse(wanted.clone(), names));
    }
    Ok((known, responses, index))
}

/// The script that restarts Wazuh runs by itself and writes nothing of this kind.
fn writes_the_log(executable: &[u8]) -> bool {
    !executable.starts_with(b"restart-")
}

/// A log: its name, what is in it, and whether it is gzipped.
type Opened = (String, Fact<Box<dyn Source>>, bool);

/// ossec.log, or ossec.json where that is written instead, with the days before.
fn daemon_logs(facts: &Facts<'_>, since: Option<i64>, zone: &Zone, gaps: &mut Vec<String>) -> Vec<Opened> {
    let mut days: Vec<((i64, i64, i64, String), PathBuf)> = Vec::new();
    let root = facts.under_home("logs/wazuh");
    let names = |path: &PathBuf| -> Vec<String> {
        let names = facts.list(path);
        names.get().into_iter().flatten().filter_map(|name| name.to_str().map(str::to_owned)).collect()
    };
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let first = since.map(|since| zone.local(since).div_euclid(86_400));
    for year in names(&root).into_iter().filter(|name| name.len() == 4) {
        let Ok(number) = year.parse::<i64>() else { continue };
        for (month, name) in (1..).zip(MONTHS) {
            let directory = root.join(&year).join(name);
            for name in names(&directory) {
                let Some(rest) = name.strip_prefix("ossec-") else { continue };
                let Some(day) = rest.get(..2).and_then(|day| day.parse::<i64>().ok()) else { continue };
                let plain = name.strip_suffix(".gz").unwrap_or(&name);
                let date = crate::wazuh::alerts::time::days(number, month, day);
                if (plain.ends_with(".log") || plain.ends_with(".json"))
                    && first.is_none_or(|first| date >= first)
                {
                    let part = rest.get(2..).unwrap_or_default().to_owned();
                    days.push(((number, month, day, part), directory.join(&name)));
                }
            }
        }
    }
    days.sort();
    let text = days.iter().any(|(_, path)| path.to_string_lossy().contains(".log"));
    days.retain(|(_, path)| !text || path.to_string_lossy().contains(".log"));
    let mut paths: Vec<PathBuf> = days.into_iter().map(|(_, path)| path).collect();
    let current = ["logs/ossec.log", "logs/ossec.json"].map(|name| facts.under_home(name));
    let has = |path: &PathBuf| facts.open(path).get().is_some_and(|source| source.size() > 0);
    let [log, json] = current;
    paths.push(if !has(&log) && has(&json) { json } else { log });
    let mut logs = Vec::new();
    for path in paths {
        let source = facts.open(&path);
        if let Some(gap) = source.unknown() {
            gaps.push(format!("{}: {}", gap.source, gap.why));
        }
        let gzip = path.extension().is_some_and(|extension| extension == "gz");
        logs.push((facts.shown(&path), source, gzip));
    }
    logs
}

/// The first time in a log of responses.
fn first_time(source: &(dyn Source + 'static)) -> Option<i64> {
    let mut lines = Lines::new(Section::new(source, 0..source.size()), LINE_CAP);
    for _ in 0..FIRST_LINES {
        let line = lines.next_line().ok()??;
        let time = local_time(line.text).or_else(|| time_of(Log::ActiveResponses, line.text));
        if time.is_some() {
            return time;
        }
    }
    None
}
