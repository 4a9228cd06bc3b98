//! The timeline: what became of each alert that a response is bound to, from the alert to the
//! alert that came back.
//!
//! [`Timeline`] is told, in about the order of time, which alerts should have started which
//! response on which host, what `active-responses.log` and execd say on this host, and which
//! alerts of rules 651 to 658 came back. It joins them on the alert's timestamp, rule and agent,
//! never on its id: the copy of the alert in the message to the script may have another one
//! (`src/analysisd/ar_json.c getActiveResponseInJSON`, 4.14).
//!
//! It holds what is not settled yet and nothing else: an alert is settled when a run that comes
//! so much later is none of it, and its timeout has passed.

pub mod gather;
pub mod said;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use crate::findings::{CheckId, Stage, checks};
use said::{Said, Text};

/// A run that begins so much later than its alert is not waited for, in milliseconds. A lock
/// that was left behind holds execd up for 1225 s.
const HORIZON: i64 = 3_600_000;

/// What execd owes after a timeout comes within this, in milliseconds; it looks once a second
/// but waits for the script that runs.
const GRACE: i64 = 300_000;

/// Alerts younger than this may still be on their way, in milliseconds.
const YOUNG: i64 = 60_000;

/// A line without an alert in it belongs to one that is at most so much older, in milliseconds.
const NEAR: i64 = 60_000;

/// Clocks of one host, read to the second, differ by this, in milliseconds.
const JITTER: i64 = 5_000;

/// Programs that are told apart.
const MAX_PROGRAMS: usize = 4096;

/// Days that are told apart.
const MAX_DAYS: usize = 4096;

/// Rows that are kept, once for all and once for those with a gap.
const MAX_ROWS: usize = 1000;

/// Spans of one kind that are remembered.
const MAX_SPANS: usize = 256;

const ABSENT: &str = "execd found no such file when it first looked";

const DAY: i64 = 86_400_000;

/// Checks of what stands in an alert.
const OF_ALERTS: [CheckId; 4] = [
    checks::PAYLOAD_FIELD_MISSING,
    checks::PAYLOAD_FIELD_TYPE,
    checks::PAYLOAD_ADDRESS,
    checks::ALERT_FIELD_MISSING,
];

/// Where a response runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// On the host whose logs are read.
    Here,
    /// On an agent.
    Agent(i32),
    /// On every connected agent.
    AllAgents,
}

/// What an alert is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// Its timestamp, in milliseconds since 1970.
    pub at: i64,
    /// Its rule.
    pub rule: String,
    /// The agent it is of.
    pub agent: String,
}

/// A response that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name in ar.conf.
    pub name: String,
    /// Its program below `active-response/bin`.
    pub executable: Vec<u8>,
    /// Seconds until it is undone at the latest; 0 is never.
    pub timeout: i64,
    /// Its program is one that Wazuh ships and writes the log.
    pub stock: bool,
}

/// From where is looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// It is a manager whose alerts are read; else runs are all there is.
    pub alerts: bool,
    /// `active-responses.log` of this host is readable.
    pub log: bool,
    /// The first time in it, in milliseconds since 1970.
    pub log_begins: Option<i64>,
    /// Alerts of level 3 are written, so that those that come back can be seen.
    pub feedback: bool,
    /// Keys of alerts before this do not count, in milliseconds since 1970.
    pub since: Option<i64>,
}

/// Only alerts of this rule or agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// The rule.
    pub rule: Option<String>,
    /// The agent.
    pub agent: Option<String>,
}

impl Only {
    fn takes(&self, key: &Key) -> bool {
        self.rule.as_ref().is_none_or(|rule| *rule == key.rule)
            && self.agent.as_ref().is_none_or(|agent| agent_number(agent) == agent_number(&key.agent))
    }
}

fn agent_number(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// What is known of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A line says so, at this time (milliseconds since 1970).
    Seen(i64),
    /// A later step was seen.
    Passed,
    /// Its line should be there and is not.
    Missing,
    /// It happens on the other side.
    Elsewhere,
    /// It is not to be expected, or not yet.
    NotDue,
    /// It leaves no line that could be read.
    Unknown,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response ran; from afar, its alert came back.
    Confirmed,
    /// It was aborted as a duplicate of one that is in force.
    Aborted,
    /// It began and did not come to its end, or said that it failed.
    Failed,
    /// There is no trace of it where there should be one.
    Unanswered,
    /// It may have run: its script leaves no trace that can be seen from here.
    Unknown,
    /// Too young to tell.
    Pending,
}

impl Outcome {
    /// Its name in reports and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Unanswered => "unanswered",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
        }
    }
}

/// Where the line of an alert stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first stage it may have stopped at.
    pub from: Stage,
    /// The last one.
    pub to: Stage,
    /// In words.
    pub why: String,
}

impl Gap {
    fn at(stage: Stage, why: impl Into<String>) -> Self {
        Self { from: stage, to: stage, why: why.into() }
    }
}

/// The steps of a row, in order.
pub const STEPS: [&str; 9] =
    ["alert", "dispatched", "received", "started", "keys", "answer", "ended", "reverted", "came back"];

/// What became of one alert, for one response on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of the response.
    pub response: usize,
    /// Where it runs.
    pub host: Host,
    /// The alert.
    pub alert: Key,
    /// What became of it.
    pub outcome: Outcome,
    /// As [`STEPS`] has them.
    pub steps: [Step; 9],
    /// execd's answer to the keys: go on, or not.
    pub go_on: Option<bool>,
    /// In force until then, if nobody undoes it before; milliseconds since 1970.
    pub in_force_until: Option<i64>,
    /// The first gap.
    pub gap: Option<Gap>,
    /// It was seen to run without an alert that was read.
    pub unexpected: bool,
}

/// How the fate of an alert goes with the stage at which a response is said to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The gap is there.
    Agrees,
    /// It stopped before that stage.
    Before,
    /// It stopped behind that stage.
    Behind,
    /// It was answered.
    Answered,
}

impl Fit {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Before => "before",
            Self::Behind => "behind",
            Self::Answered => "answered",
        }
    }
}

impl Row {
    /// Whether it stopped at the stage of a check; none where that cannot be told. That it ran says
    /// nothing of what stands behind its contract.
    pub fn fit(&self, check: CheckId) -> Option<Fit> {
        let stage = check.check().stage;
        let is_missed =
            |gap: &Gap| gap.from == Stage::Trigger || gap.from >= Stage::Contract && gap.to <= Stage::Effect;
        match (&self.gap, self.outcome) {
            // What an alert lacks is missed by the script alone.
            (Some(gap), Outcome::Failed) if OF_ALERTS.contains(&check) && is_missed(gap) => Some(Fit::Agrees),
            (_, Outcome::Unknown | Outcome::Pending) => None,
            (Some(gap), _) if stage < gap.from => Some(Fit::Behind),
            (Some(gap), Outcome::Failed | Outcome::Unanswered) if stage > gap.to => Some(Fit::Before),
            (Some(gap), _) => (stage <= gap.to).then_some(Fit::Agrees),
            (None, _) => (stage <= Stage::Contract).then_some(Fit::Answered),
        }
    }
}

/// Counts of one day, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Alerts that should have started it; without alerts to read, requests that arrived.
    pub expected: u64,
    /// Of these: it ran.
    pub confirmed: u64,
    /// Aborted as a duplicate.
    pub aborted: u64,
    /// Began and broke off, or said that it failed.
    pub failed: u64,
    /// Without a trace.
    pub unanswered: u64,
    /// Cannot be told from here.
    pub unknown: u64,
    /// Too young to tell.
    pub pending: u64,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        self.expected += 1;
        *match outcome {
            Outcome::Confirmed => &mut self.confirmed,
            Outcome::Aborted => &mut self.aborted,
            Outcome::Failed => &mut self.failed,
            Outcome::Unanswered => &mut self.unanswered,
            Outcome::Unknown => &mut self.unknown,
            Outcome::Pending => &mut self.pending,
        } += 1;
    }

    /// Those without an answer, and those whose answer broke off.
    pub fn missing(&self) -> u64 {
        self.failed + self.unanswered
    }
}

/// Alerts that stopped in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapCount {
    /// The place.
    pub gap: Gap,
    /// Alerts.
    pub count: u64,
    /// The first and the last of them, in milliseconds since 1970.
    pub seen: (i64, i64),
}

/// One response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// All days together.
    pub all: Counts,
    /// By day since 1970, in UTC.
    pub days: BTreeMap<i64, Counts>,
    /// In force now: begun, not undone, timeout not passed.
    pub in_force: u64,
    /// The timeout passed and nothing undid it.
    pub not_reverted: u64,
    /// Ran, and its alert did not come back.
    pub not_back: u64,
    /// Runs without an alert that was read.
    pub unexpected: u64,
    /// Where alerts stopped, by the first stage it may have been.
    pub gaps: Vec<GapCount>,
    /// The last alert, or run without one, that is not too young to tell; else the last. Of one
    /// time the one with a gap.
    pub last: Option<Row>,
}

/// Everything that came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// As the responses.
    pub totals: Vec<Total>,
    /// Rows by time: all of them where they are few, else those with a gap.
    pub rows: Vec<Row>,
    /// Rows that were left out.
    pub left_out: u64,
    /// The most pairs of alert and response that were held at a time.
    pub most_open: usize,
    /// Lines of execd about a message that never led to a response of this list: 1311, 1315,
    /// 1316, 1317.
    pub refused: BTreeMap<u32, u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    received: Option<i64>,
    started: Option<i64>,
    asked: Option<i64>,
    keys: Option<i64>,
    answer: Option<i64>,
    ended: Option<i64>,
    reverted: Option<i64>,
    back: Option<i64>,
    back_reverted: Option<i64>,
}

struct Pair {
    response: usize,
    program: u32,
    host: Host,
    key: Key,
    unexpected: bool,
    seen: Seen,
    go_on: Option<bool>,
    until: Option<i64>,
    fault: Option<Gap>,
    /// From afar: another one of the same address was in force.
    repeat: bool,
    /// What it is in force by.
    block: Option<u64>,
    who: u64,
    due: i64,
}

/// The run a program is in; execd starts one after the other (`src/os_execd/execd.c ExecdRun`).
#[derive(Default)]
struct Run {
    pair: Option<u64>,
    started: Option<i64>,
    keys: Option<u64>,
    undoes: bool,
    /// It read a request.
    asked: bool,
}

impl Run {
    /// When it began, if it did not come to its request.
    fn unread(&self) -> Option<i64> {
        self.started.filter(|_| self.pair.is_none() && !self.asked && self.keys.is_none())
    }
}

#[derive(Default)]
struct Program {
    run: Option<Run>,
    /// It wrote something.
    writes: bool,
    /// It writes requests, which hold the alert.
    keyed: bool,
    ends: bool,
    starts: bool,
    came_back: bool,
    came_back_reverted: bool,
    absent: Spans,
    /// The last that was matched by its time alone.
    guessed: Option<(u64, i64)>,
}

/// Times in which something was so, with a word on it.
#[derive(Default)]
struct Spans(VecDeque<(i64, i64, &'static str)>);

impl Spans {
    fn begin(&mut self, at: i64, why: &'static str) {
        self.end(at);
        if self.0.len() >= MAX_SPANS {
            self.0.pop_front();
        }
        self.0.push_back((at, i64::MAX, why));
    }

    /// The one that lasts ends.
    fn end(&mut self, at: i64) {
        if let Some(last) = self.0.back_mut().filter(|last| last.1 == i64::MAX) {
            last.1 = at;
        }
    }

    fn lasting(&self) -> Option<(i64, &'static str)> {
        self.0.back().filter(|last| last.1 == i64::MAX).map(|last| (last.0, last.2))
    }

    fn at(&self, at: i64) -> Option<&'static str> {
        self.0.iter().rev().find(|(from, to, _)| *from <= at && at < *to).map(|span| span.2)
    }
}

type Place = (Host, u32, i64);

/// See the module.
pub struct Timeline {
    known: Vec<Known>,
    programs: Vec<Program>,
    program_of: HashMap<Vec<u8>, u32>,
    by_program: HashMap<u32, Vec<usize>>,
    view: View,
    only: Only,
    /// Each by itself: a table of pairs would move all of them whenever it grows.
    pairs: HashMap<u64, Box<Pair>>,
    index: HashMap<Place, Vec<u64>>,
    blocks: HashMap<(Host, u32, u64), u64>,
    due: BinaryHeap<Reverse<(i64, u64)>>,
    /// Open pairs of this host that nothing started yet, in the order of their alerts.
    waiting: BTreeMap<(i64, u64), u32>,
    /// The last alert that was answered on each host.
    alive: HashMap<Host, i64>,
    execd: Spans,
    next: u64,
    now: i64,
    trace: Trace,
    gap_rows: Vec<Row>,
}

impl Timeline {
    /// Nothing told yet.
    pub fn new(known: Vec<Known>, view: View, only: Only) -> Self {
        let mut new = Self {
            programs: Vec::new(),
            program_of: HashMap::new(),
            by_program: HashMap::new(),
            view,
            only,
            pairs: HashMap::new(),
            index: HashMap::new(),
            blocks: HashMap::new(),
            due: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            alive: HashMap::new(),
            execd: Spans::default(),
            next: 0,
            now: i64::MIN,
            trace: Trace { totals: vec![Total::default(); known.len()], ..Trace::default() },
            gap_rows: Vec::new(),
            known,
        };
        for at in 0..new.known.len() {
            let name = new.known.get(at).map(|known| known.executable.clone()).unwrap_or_default();
            let stock = new.known.get(at).is_some_and(|known| known.stock);
            if let Some(program) = new.program(&name) {
                new.by_program.entry(program).or_default().push(at);
                if let Some(state) = new.programs.get_mut(program as usize) {
                    (state.starts, state.ends) = (stock, stock);
                }
            }
        }
        new
    }

    /// The responses it was made with.
    pub fn known(&self) -> &[Known] {
        &self.known
    }

    fn program(&mut self, name: &[u8]) -> Option<u32> {
        if let Some(&at) = self.program_of.get(name) {
            return Some(at);
        }
        let at = u32::try_from(self.programs.len()).ok()?;
        if self.programs.len() >= MAX_PROGRAMS {
            return None;
        }
        self.programs.push(Program::default());
        self.program_of.insert(name.to_vec(), at);
        Some(at)
    }

    fn state(&mut self, program: u32) -> Option<&mut Program> {
        self.programs.get_mut(program as usize)
    }

    fn open(&mut self, response: usize, program: u32, host: Host, key: Key, unexpected: bool) -> u64 {
        let serial = self.next;
        self.next += 1;
        let due = key.at.saturating_add(HORIZON);
        self.index.entry((host, program, key.at.div_euclid(1000))).or_default().push(serial);
        self.due.push(Reverse((due, serial)));
        if host == Host::Here {
            self.waiting.insert((key.at, serial), program);
        }
        let pair = Pair {
            response,
            program,
            host,
            key,
            unexpected,
            seen: Seen::default(),
            go_on: None,
            until: None,
            fault: None,
            repeat: false,
            block: None,
            who: 0,
            due,
        };
        self.pairs.insert(serial, Box::new(pair));
        self.trace.most_open = self.trace.most_open.max(self.pairs.len());
        serial
    }

    /// An alert that is to start a response on a host. `who` tells address and user apart; 0 when
    /// there is neither.
    pub fn alert(&mut self, response: usize, host: Host, key: &Key, who: u64) {
        if !self.only.takes(key) {
            return;
        }
        let Some(name) = self.known.get(response).map(|known| known.executable.clone()) else { return };
        let Some(program) = self.program(&name) else { return };
        let serial = self.open(response, program, host, key.clone(), false);
        if let Some(pair) = self.pairs.get_mut(&serial) {
            pair.who = who;
        }
    }

    /// Time goes on: what is settled by now leaves.
    pub fn advance(&mut self, now: i64) {
        self.now = self.now.max(now);
        while let Some(&Reverse((due, serial))) = self.due.peek() {
            if due >= self.now {
                break;
            }
            self.due.pop();
            let Some(pair) = self.pairs.get_mut(&serial) else { continue };
            // Others may have been aborted because of it meanwhile, so that it stays longer.
            if pair.due > due {
                self.due.push(Reverse((pair.due, serial)));
                continue;
            }
            if let Some(until) = pair.until
                && pair.seen.reverted.is_none()
                && pair.seen.back_reverted.is_none()
                && until.saturating_add(GRACE) >= self.now
            {
                pair.due = until.saturating_add(GRACE);
                self.due.push(Reverse((pair.due, serial)));
                continue;
            }
            self.close(serial, false);
        }
    }

    fn find(&self, host: Host, program: u32, key: &Key, fits: impl Fn(&Pair) -> bool) -> Option<u64> {
        let serials = self.index.get(&(host, program, key.at.div_euclid(1000)))?;
        serials.iter().copied().find(|serial| {
            self.pairs.get(serial).is_some_and(|pair| {
                pair.key.at == key.at
                    && pair.key.rule == key.rule
                    && (key.agent.is_empty() || pair.key.agent == key.agent)
                    && fits(pair)
            })
        })
    }

    /// The pair of a request that arrived here; it is made where no alert was read.
    fn request(&mut self, program: u32, key: &Key, fits: impl Fn(&Pair) -> bool) -> Option<u64> {
        if self.view.since.is_some_and(|since| key.at < since) || !self.only.takes(key) {
            return None;
        }
        if let Some(serial) = self.find(Host::Here, program, key, fits) {
            return Some(serial);
        }
        let response = self.response_of(program)?;
        Some(self.open(response, program, Host::Here, key.clone(), true))
    }

    /// Of the responses of a program the one that is undone last: what is in force longer is not
    /// lost sight of.
    fn response_of(&self, program: u32) -> Option<usize> {
        let timeout = |at: &usize| self.known.get(*at).map_or(0, |known| known.timeout);
        self.by_program.get(&program)?.iter().copied().max_by_key(timeout)
    }

    /// A run that began then and wrote no request: that of the oldest alert it may be of; where no
    /// alerts are read, of one that nothing is known of.
    fn without_request(&mut self, program: u32, began: i64) -> Option<u64> {
        let serial = self.oldest(program, began).or_else(|| {
            let is_asked = self.only == Only::default() && self.view.since.is_none_or(|since| began >= since);
            let response = self.response_of(program).filter(|_| is_asked && !self.view.alerts)?;
            Some(self.open(response, program, Host::Here, Key { at: began, ..Key::default() }, true))
        })?;
        self.started(serial, began);
        Some(serial)
    }

    fn started(&mut self, serial: u64, at: i64) {
        if let Some(pair) = self.pairs.get_mut(&serial) {
            // Its lines may come late, or be of a clock or zone that is ahead.
            pair.due = pair.due.max(at.saturating_add(HORIZON));
            if pair.seen.started.is_none() {
                pair.fault = None;
                pair.seen.started = Some(at);
            }
            self.waiting.remove(&(pair.key.at, serial));
            let sign = self.alive.entry(pair.host).or_insert(i64::MIN);
            *sign = (*sign).max(pair.key.at);
        }
    }

    /// A line of `active-responses.log` of this host, at a time in milliseconds since 1970.
    pub fn line(&mut self, program: &[u8], at: i64, said: &Said) {
        let Some(program) = self.program(program) else { return };
        let Some(state) = self.state(program) else { return };
        state.writes = true;
        match said {
            Said::Starting => {
                state.starts = true;
                let before = state.run.replace(Run { started: Some(at), ..Run::default() });
                if let Some(started) = before.and_then(|run| run.unread()) {
                    self.without_request(program, started);
                }
            }
            Said::Request { key, undo } => {
                state.keyed = true;
                let run = state.run.take();
                // A program that does not say that it starts begins with this.
                let fresh = run.filter(|run| run.pair.is_none() && !run.undoes).unwrap_or_default();
                let (serial, started) = (None, fresh.started.unwrap_or(at));
                let mut run = Run {
                    pair: serial,
                    started: Some(started),
                    undoes: *undo,
                    asked: true,
                    ..Run::default()
                };
                if *undo {
                    run.pair = self.find(Host::Here, program, key, |pair| {
                        pair.seen.reverted.is_none()
                            && pair.seen.started.is_some()
                            && pair.go_on != Some(false)
                    });
                    if let Some(serial) = run.pair {
                        self.reverted(serial, at);
                    }
                } else {
                    run.pair = self.request(program, key, |pair| pair.seen.asked.is_none());
                    if let Some(serial) = run.pair {
                        self.started(serial, started);
                        if let Some(pair) = self.pairs.get_mut(&serial) {
                            pair.seen.asked = Some(at);
                        }
                    }
                }
                if let Some(state) = self.state(program) {
                    state.run = Some(run);
                }
            }
            Said::Keys { hash } => {
                if let Some(run) = &mut state.run {
                    run.keys = Some(*hash);
                    if let Some(pair) = run.pair.and_then(|serial| self.pairs.get_mut(&serial)) {
                        pair.seen.keys = Some(at);
                    }
                }
            }
            Said::Answer { key, go_on } => self.answer(program, at, key, *go_on),
            Said::Ended | Said::Aborted => {
                state.ends = true;
                let Some(run) = state.run.take().filter(|run| !run.undoes) else { return };
                // One that is undone later may be undoing.
                let is_once = |response: usize| self.known.get(response).is_some_and(|one| one.timeout <= 0);
                let serial = match run.unread() {
                    Some(began) if self.view.alerts || self.response_of(program).is_some_and(is_once) => {
                        self.without_request(program, began)
                    }
                    _ => run.pair,
                };
                if let Some(pair) = serial.and_then(|serial| self.pairs.get_mut(&serial)) {
                    pair.seen.ended = Some(at);
                }
            }
            Said::Arguments { undo, seconds, rule } => {
                state.keyed = true;
                state.run = None;
                self.arguments(program, at, *undo, *seconds, rule);
            }
            Said::Text(text) => self.text(program, at, text),
        }
    }

    fn reverted(&mut self, serial: u64, at: i64) {
        if let Some(pair) = self.pairs.get_mut(&serial) {
            pair.seen.reverted = Some(at);
            if let Some(block) = pair.block.take() {
                let place = (pair.host, pair.program, block);
                if self.blocks.get(&place) == Some(&serial) {
                    self.blocks.remove(&place);
                }
            }
        }
    }

    fn answer(&mut self, program: u32, at: i64, key: &Key, go_on: bool) {
        let of_run = self.state(program).and_then(|state| state.run.as_ref());
        let hash = of_run.and_then(|run| run.keys);
        let of_run = of_run.and_then(|run| run.pair);
        let serial = of_run
            .filter(|serial| self.pairs.get(serial).is_some_and(|pair| pair.key.at == key.at))
            .or_else(|| self.find(Host::Here, program, key, |pair| pair.seen.answer.is_none()));
        let Some(serial) = serial else { return };
        let Some(pair) = self.pairs.get_mut(&serial) else { return };
        pair.seen.answer = Some(at);
        pair.go_on = Some(go_on);
        let timeout = self.known.get(pair.response).map_or(0, |known| known.timeout).saturating_mul(1000);
        if timeout <= 0 {
            return;
        }
        let until = at.max(pair.key.at).saturating_add(timeout);
        let hash = hash.unwrap_or(0);
        let place = (Host::Here, program, hash);
        if go_on {
            pair.until = Some(until);
            pair.block = Some(hash);
            self.blocks.insert(place, serial);
        } else if let Some(first) = self.blocks.get(&place).and_then(|first| self.pairs.get_mut(first)) {
            // execd sets the time of its entry to now.
            first.until = first.until.max(Some(until));
            first.due = first.due.max(until.saturating_add(GRACE));
        }
    }

    /// A line as before 4.2: the second of the alert and its rule.
    fn arguments(&mut self, program: u32, at: i64, undo: bool, seconds: i64, rule: &str) {
        let serials = self.index.get(&(Host::Here, program, seconds));
        let fits = |pair: &Pair| {
            pair.key.rule == rule
                && if undo {
                    pair.seen.started.is_some() && pair.seen.reverted.is_none()
                } else {
                    pair.seen.asked.is_none()
                }
        };
        let found = serials
            .into_iter()
            .flatten()
            .copied()
            .find(|serial| self.pairs.get(serial).is_some_and(|pair| fits(pair)));
        if undo {
            if let Some(serial) = found {
                self.reverted(serial, at);
            }
            return;
        }
        let key = Key { at: seconds.saturating_mul(1000), rule: rule.to_owned(), agent: String::new() };
        let Some(serial) = found.or_else(|| self.request(program, &key, |_| false)) else { return };
        self.started(serial, at);
        let Some(pair) = self.pairs.get_mut(&serial) else { return };
        pair.seen.asked = Some(at);
        pair.seen.ended = Some(at);
        let timeout = self.known.get(pair.response).map_or(0, |known| known.timeout).saturating_mul(1000);
        if timeout > 0 {
            pair.go_on = Some(true);
            pair.until = Some(at.saturating_add(timeout));
        }
    }

    /// Anything else a program says.
    fn text(&mut self, program: u32, at: i64, text: &Text) {
        let Some(state) = self.state(program) else { return };
        if let Some(run) = &state.run {
            let serial = run.pair;
            let (started, asked) = (run.started, run.asked);
            if run.undoes {
                return;
            }
            let Text::Failure { stage, words } = text else { return };
            if let Some(pair) = serial.and_then(|serial| self.pairs.get_mut(&serial)) {
                pair.fault.get_or_insert_with(|| Gap::at(*stage, words.clone()));
            } else if !asked && let Some(serial) = self.without_request(program, started.unwrap_or(at)) {
                if let Some(pair) = self.pairs.get_mut(&serial) {
                    pair.fault.get_or_insert_with(|| Gap::at(*stage, words.clone()));
                }
                if let Some(run) = self.state(program).and_then(|state| state.run.as_mut()) {
                    run.pair = Some(serial);
                }
            }
            return;
        }
        if state.keyed || state.starts {
            return;
        }
        // It has words of its own: the time is all there is. Several lines of a second are one run.
        let guessed =
            state.guessed.filter(|(_, before)| (at - before).abs() <= 1000).map(|(serial, _)| serial);
        let Some(serial) = guessed.or_else(|| self.oldest(program, at)) else { return };
        self.started(serial, at);
        if let Some(state) = self.state(program) {
            state.guessed = Some((serial, at));
        }
        if let (Some(pair), Text::Failure { stage, words }) = (self.pairs.get_mut(&serial), text) {
            pair.fault.get_or_insert_with(|| Gap::at(*stage, words.clone()));
        }
    }

    /// The oldest alert near a time that this program has not answered on this host.
    fn oldest(&self, program: u32, at: i64) -> Option<u64> {
        let range = (at.saturating_sub(NEAR), 0)..=(at.saturating_add(JITTER), u64::MAX);
        self.waiting.range(range).find(|(_, one)| **one == program).map(|((_, serial), _)| *serial)
    }

    /// A line of execd or analysisd on this host, at a time in milliseconds since 1970.
    pub fn daemon(&mut self, at: i64, told: &said::Told) {
        match told {
            said::Told::Down(why) => self.execd.begin(at, why),
            said::Told::Up => {
                // Where it is disabled it says so and starts all the same.
                let disabled = self.execd.lasting().is_some_and(|(since, why)| {
                    why == said::DISABLED && at.saturating_sub(since) <= 2 * JITTER
                });
                if !disabled {
                    self.execd.end(at);
                }
                for program in &mut self.programs {
                    program.absent.end(at);
                }
            }
            said::Told::NotPresent { executable } => {
                if let Some(program) = self.program(executable) {
                    // It says so when the first message comes, which may be the one for it.
                    if let Some(state) = self.state(program) {
                        state.absent.begin(at.saturating_sub(NEAR), ABSENT);
                    }
                }
            }
            said::Told::Unknown { name } => {
                let why = format!("execd refused the name \"{name}\" (1311)");
                let named: Vec<u32> = self
                    .known
                    .iter()
                    .filter(|known| known.name == *name)
                    .filter_map(|known| self.program_of.get(&known.executable).copied())
                    .collect();
                let found = named.into_iter().find_map(|program| self.oldest(program, at));
                self.received(found, at);
                self.refused(found, 1311, Gap::at(Stage::Resolve, why));
            }
            said::Told::NotLaunched { why } => {
                let found = self.newest(at);
                self.received(found, at);
                self.refused(
                    found,
                    1317,
                    Gap::at(Stage::Launch, format!("execd could not start it: {why} (1317)")),
                );
            }
            said::Told::BadMessage { number } => {
                let found = self.newest(at);
                let why = format!("execd refused the message ({number})");
                self.refused(found, *number, Gap::at(Stage::Resolve, why));
            }
            said::Told::NotSent { number } => {
                let why = format!("analysisd could not hand it over ({number})");
                if let Some(serial) = self.newest(at) {
                    self.fault(serial, Gap::at(Stage::Dispatch, why));
                }
            }
            said::Told::Executing { executable, key } => {
                let Some(program) = self.program(executable) else { return };
                if let Some(serial) = self.request(program, key, |pair| pair.seen.received.is_none())
                    && let Some(pair) = self.pairs.get_mut(&serial)
                {
                    pair.seen.received = Some(at);
                    pair.fault = None;
                }
            }
        }
    }

    /// execd says something of it, so it came there.
    fn received(&mut self, found: Option<u64>, at: i64) {
        if let Some(pair) = found.and_then(|serial| self.pairs.get_mut(&serial)) {
            pair.seen.received.get_or_insert(at);
        }
    }

    fn refused(&mut self, found: Option<u64>, number: u32, gap: Gap) {
        match found {
            Some(serial) => self.fault(serial, gap),
            None => *self.trace.refused.entry(number).or_default() += 1,
        }
    }

    fn fault(&mut self, serial: u64, gap: Gap) {
        if let Some(pair) = self.pairs.get_mut(&serial) {
            pair.fault.get_or_insert(gap);
            self.waiting.remove(&(pair.key.at, serial));
        }
    }

    /// The newest alert before a time that nothing answered on this host.
    fn newest(&self, at: i64) -> Option<u64> {
        let range = (at.saturating_sub(NEAR), 0)..=(at.saturating_add(JITTER), u64::MAX);
        self.waiting.range(range).next_back().map(|((_, serial), _)| *serial)
    }

    /// An alert of rules 651 to 658: a program on a host wrote the request of an alert.
    pub fn came_back(&mut self, host: Host, program: &[u8], at: i64, key: &Key, undo: bool) {
        if self.view.since.is_some_and(|since| key.at < since) || !self.only.takes(key) {
            return;
        }
        let Some(program) = self.program(program) else { return };
        if let Some(state) = self.state(program) {
            state.came_back = true;
            state.came_back_reverted |= undo;
        }
        let fits = |pair: &Pair| {
            if undo { pair.seen.back_reverted.is_none() } else { pair.seen.back.is_none() }
        };
        let to_all = matches!(host, Host::Agent(_));
        let found = self
            .find(host, program, key, fits)
            .or_else(|| if to_all { self.find(Host::AllAgents, program, key, |_| true) } else { None });
        let Some(serial) = found else { return };
        let alive = self.alive.entry(host).or_insert(i64::MIN);
        *alive = (*alive).max(key.at);
        let Some(pair) = self.pairs.get_mut(&serial) else { return };
        if undo {
            pair.seen.back_reverted.get_or_insert(at);
            if pair.host != Host::Here {
                self.reverted(serial, at);
            }
            return;
        }
        let first = pair.seen.back.is_none();
        pair.seen.back.get_or_insert(at);
        let timeout = self.known.get(pair.response).map_or(0, |known| known.timeout).saturating_mul(1000);
        if pair.host == Host::Here || !first || timeout <= 0 {
            return;
        }
        // From afar the keys are not seen; for programs that Wazuh ships they are address or user.
        let place = (pair.host, pair.program, pair.who);
        let until = pair.key.at.saturating_add(timeout);
        let key_at = pair.key.at;
        let earlier = self.blocks.get(&place).copied().filter(|earlier| *earlier != serial);
        let in_force = earlier.and_then(|earlier| self.pairs.get_mut(&earlier)).filter(|earlier| {
            earlier.until.is_some_and(|until| until.saturating_add(JITTER) >= key_at)
                && earlier.seen.reverted.is_none_or(|gone| gone >= key_at)
        });
        if let Some(earlier) = in_force {
            earlier.until = earlier.until.max(Some(until));
            earlier.due = earlier.due.max(until.saturating_add(GRACE));
            if let Some(pair) = self.pairs.get_mut(&serial) {
                pair.repeat = true;
            }
        } else if let Some(pair) = self.pairs.get_mut(&serial) {
            pair.until = Some(until);
            pair.block = Some(pair.who);
            self.blocks.insert(place, serial);
        }
    }

    fn close(&mut self, serial: u64, at_end: bool) {
        let Some(mut pair) = self.pairs.remove(&serial) else { return };
        let place = (pair.host, pair.program, pair.key.at.div_euclid(1000));
        if let Some(serials) = self.index.get_mut(&place) {
            serials.retain(|one| *one != serial);
            if serials.is_empty() {
                self.index.remove(&place);
            }
        }
        self.waiting.remove(&(pair.key.at, serial));
        // It may have begun and read nothing, and be the last that did.
        if pair.host == Host::Here
            && pair.seen.started.is_none()
            && let Some(state) = self.programs.get_mut(pair.program as usize)
            && let Some(run) = &mut state.run
            && run.pair.is_none()
            && !run.undoes
        {
            let near = pair.key.at.saturating_sub(JITTER)..=pair.key.at.saturating_add(NEAR);
            pair.seen.started = run.started.filter(|started| near.contains(started));
            if pair.seen.started.is_some() {
                run.pair = Some(serial);
            }
        }
        if let Some(block) = pair.block
            && self.blocks.get(&(pair.host, pair.program, block)) == Some(&serial)
        {
            self.blocks.remove(&(pair.host, pair.program, block));
        }
        let young = at_end && pair.key.at > self.now.saturating_sub(YOUNG);
        let (outcome, mut gap) = self.judge(&mut pair, young);
        let Some(total) = self.trace.totals.get_mut(pair.response) else { return };
        let reverted = pair.seen.reverted.is_some() || pair.seen.back_reverted.is_some();
        let mut in_force_until = None;
        if let Some(until) = pair.until.filter(|_| !reverted && pair.go_on != Some(false)) {
            let state = self.programs.get(pair.program as usize);
            let shows = pair.host == Host::Here
                || state.is_some_and(|state| state.came_back_reverted)
                || self.known.get(pair.response).is_some_and(|known| known.stock);
            if until >= self.now {
                in_force_until = Some(until);
                total.in_force += 1;
            } else if until.saturating_add(GRACE) < self.now && shows && !pair.repeat && pair.who_is_known() {
                total.not_reverted += 1;
                gap.get_or_insert_with(|| {
                    Gap::at(Stage::Revert, "its timeout has passed and nothing undid it")
                });
            }
        }
        let here = pair.host == Host::Here;
        let stock = self.known.get(pair.response).is_some_and(|known| known.stock);
        if self.view.alerts
            && self.view.feedback
            && here
            && stock
            && !young
            && pair.seen.asked.is_some()
            && pair.seen.back.is_none()
        {
            total.not_back += 1;
            gap.get_or_insert_with(|| {
                Gap::at(Stage::Feedback, "no alert of rules 651 to 658 came back for it")
            });
        }
        if pair.unexpected && self.view.alerts {
            total.unexpected += 1;
        } else {
            total.all.add(outcome);
            let day = pair.key.at.div_euclid(DAY);
            if total.days.len() < MAX_DAYS || total.days.contains_key(&day) {
                total.days.entry(day).or_default().add(outcome);
            }
        }
        if let Some(gap) = &gap {
            let at = pair.key.at;
            let same = total.gaps.iter_mut().find(|one| one.gap.from == gap.from && one.gap.to == gap.to);
            match same {
                Some(one) => {
                    one.count += 1;
                    if at < one.seen.0 {
                        one.gap.why.clone_from(&gap.why);
                    }
                    one.seen = (one.seen.0.min(at), one.seen.1.max(at));
                }
                None => total.gaps.push(GapCount { gap: gap.clone(), count: 1, seen: (at, at) }),
            }
        }
        let row = Row {
            response: pair.response,
            host: pair.host,
            steps: self.steps(&pair, outcome),
            go_on: pair.go_on,
            alert: pair.key,
            outcome,
            in_force_until,
            gap,
            unexpected: pair.unexpected && self.view.alerts,
        };
        let weight = |row: &Row| (row.outcome != Outcome::Pending, row.alert.at, row.gap.is_some());
        if let Some(total) = self.trace.totals.get_mut(row.response)
            && total.last.as_ref().is_none_or(|last| weight(last) <= weight(&row))
        {
            total.last = Some(row.clone());
        }
        if self.trace.rows.len() < MAX_ROWS {
            self.trace.rows.push(row);
        } else if row.gap.is_some() && self.gap_rows.len() < MAX_ROWS {
            self.gap_rows.push(row);
        } else {
            self.trace.left_out += 1;
        }
    }

    /// Runs of this host did not come back, and nothing ever did: nothing is said of agents then.
    fn mute(&self) -> bool {
        self.programs.iter().all(|program| !program.came_back)
            && self.trace.totals.iter().any(|total| total.not_back > 0)
    }

    fn judge(&self, pair: &mut Pair, young: bool) -> (Outcome, Option<Gap>) {
        let empty = Program::default();
        let state = self.programs.get(pair.program as usize).unwrap_or(&empty);
        let known = self.known.get(pair.response);
        let stock = known.is_some_and(|known| known.stock);
        let alive = self.alive.get(&pair.host).is_some_and(|sign| *sign > pair.key.at);
        let seen = &pair.seen;
        if pair.host != Host::Here {
            return match (seen.back, young) {
                (Some(_), _) => (Outcome::Confirmed, None),
                (None, true) => (Outcome::Pending, None),
                (None, false) if self.view.feedback && (stock || state.came_back) && !self.mute() => {
                    let (from, why) = if alive {
                        (Stage::Resolve, "no alert came back for it, though later ones did from there")
                    } else {
                        (Stage::Dispatch, "no alert came back for it")
                    };
                    (Outcome::Unanswered, Some(Gap { from, to: Stage::Feedback, why: why.to_owned() }))
                }
                (None, false) => (Outcome::Unknown, None),
            };
        }
        if seen.started.is_none() {
            if seen.back.is_some() {
                return (Outcome::Confirmed, None);
            }
            let down = || self.execd.at(pair.key.at).or_else(|| state.absent.at(pair.key.at));
            if let Some(gap) = pair.fault.take().or_else(|| Some(Gap::at(Stage::Resolve, down()?))) {
                return (Outcome::Unanswered, Some(gap));
            }
            if young {
                return (Outcome::Pending, None);
            }
            let before = self.view.log_begins.is_some_and(|begin| pair.key.at < begin);
            if !self.view.log || before || !(stock || state.writes) {
                return (Outcome::Unknown, None);
            }
            let gap = if seen.received.is_some() {
                Gap::at(Stage::Launch, "execd started it, and it wrote nothing")
            } else if alive {
                let why = "the log has no line of it, though later ones ran";
                Gap { from: Stage::Resolve, to: Stage::Launch, why: why.to_owned() }
            } else {
                let why = "the log has no line of it";
                Gap { from: Stage::Dispatch, to: Stage::Launch, why: why.to_owned() }
            };
            return (Outcome::Unanswered, Some(gap));
        }
        if let Some(gap) = pair.fault.take() {
            return (Outcome::Failed, Some(gap));
        }
        if pair.go_on == Some(false) {
            return (Outcome::Aborted, None);
        }
        if seen.ended.is_some() || !state.ends {
            return (Outcome::Confirmed, None);
        }
        if young {
            return (Outcome::Pending, None);
        }
        let gap = if seen.asked.is_none() {
            Gap::at(Stage::Contract, "it started and did not read its request")
        } else if seen.keys.is_some() && seen.answer.is_none() {
            Gap::at(Stage::Contract, "it asked with its keys and read no answer")
        } else if seen.answer.is_some() {
            Gap::at(Stage::Effect, "it was told to go on and did not come to its end")
        } else {
            Gap::at(Stage::Contract, "it read its request and did not come to its end")
        };
        (Outcome::Failed, Some(gap))
    }

    fn steps(&self, pair: &Pair, outcome: Outcome) -> [Step; 9] {
        let seen = &pair.seen;
        let here = pair.host == Host::Here;
        let of = |time: Option<i64>, else_: Step| time.map_or(else_, Step::Seen);
        let ran = seen.started.is_some() || seen.back.is_some();
        let gone = |passed: bool| {
            if passed {
                Step::Passed
            } else if matches!(outcome, Outcome::Unanswered) {
                Step::Missing
            } else {
                Step::Unknown
            }
        };
        let missing = |due: bool| match (due, outcome) {
            (true, Outcome::Unknown | Outcome::Pending) => Step::Unknown,
            (true, _) => Step::Missing,
            (false, _) => Step::NotDue,
        };
        let local = |step: Step| if here { step } else { Step::Elsewhere };
        let alert = if pair.key.rule.is_empty() { Step::Unknown } else { Step::Seen(pair.key.at) };
        let passed = ran || seen.received.is_some();
        let dispatched = match gone(passed) {
            // It leaves no line at the default level.
            Step::Missing => Step::Unknown,
            step => step,
        };
        let received = match gone(ran) {
            Step::Missing => Step::Unknown,
            step => step,
        };
        let started = of(seen.started, gone(seen.back.is_some()));
        let keys = of(seen.keys, Step::NotDue);
        let answer = of(seen.answer, missing(seen.keys.is_some()));
        let state = self.programs.get(pair.program as usize);
        let ends = state.is_some_and(|state| state.ends);
        let ended = of(seen.ended, missing(seen.started.is_some() && ends));
        let overdue = pair.until.is_some_and(|until| until.saturating_add(GRACE) < self.now)
            && pair.go_on != Some(false)
            && !pair.repeat;
        let reverted = of(seen.reverted.or(seen.back_reverted), missing(overdue));
        let back = if !self.view.alerts {
            Step::Elsewhere
        } else {
            let due = self.view.feedback && (seen.asked.is_some() || !here) && outcome != Outcome::Pending;
            of(seen.back, if self.view.feedback { missing(due) } else { Step::Unknown })
        };
        [
            alert,
            dispatched,
            local(of(seen.received, received)),
            local(started),
            local(keys),
            local(answer),
            local(ended),
            if here || pair.until.is_some() { reverted } else { Step::Elsewhere },
            back,
        ]
    }

    /// Nothing more comes; `now` is the host's clock, in milliseconds since 1970.
    pub fn finish(mut self, now: Option<i64>) -> Trace {
        if let Some(now) = now {
            self.advance(now);
        }
        for program in 0..self.programs.len() {
            let run = self.programs.get(program).and_then(|state| state.run.as_ref());
            let began = run.and_then(Run::unread).filter(|_| !self.view.alerts);
            if let (Some(began), Ok(program)) = (began, u32::try_from(program)) {
                self.without_request(program, began);
            }
        }
        let mut left: Vec<(i64, u64)> =
            self.pairs.iter().map(|(serial, pair)| (pair.key.at, *serial)).collect();
        left.sort_unstable();
        for (_, serial) in left {
            self.close(serial, true);
        }
        let mut trace = self.trace;
        // Where not all rows are told, those with a gap are.
        if trace.left_out > 0 || !self.gap_rows.is_empty() {
            let before = trace.rows.len();
            trace.rows.retain(|row| row.gap.is_some());
            trace.left_out += u64::try_from(before - trace.rows.len()).unwrap_or_default();
            trace.rows.append(&mut self.gap_rows);
        }
        trace.rows.sort_by(|a, b| a.alert.at.cmp(&b.alert.at).then(a.response.cmp(&b.response)));
        for total in &mut trace.totals {
            total.gaps.sort_by(|a, b| a.gap.from.cmp(&b.gap.from).then(a.gap.to.cmp(&b.gap.to)));
        }
        trace
    }
}

impl Pair {
    /// From afar, what is not told apart by address or user may have been aborted.
    fn who_is_known(&self) -> bool {
        self.host == Host::Here || self.who != 0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::findings::signatures::Log;
    use crate::logs::line::{Line, Time};
    use said::{Reader, Told};

    thread_local! {
        /// Its signatures are compiled once.
        static READER: std::cell::RefCell<Reader> = std::cell::RefCell::new(Reader::new());
    }

    fn heard(line: &Line<'_>) -> Option<Said> {
        READER.with_borrow_mut(|reader| reader.said(line))
    }

    fn heard_of(line: &Line<'_>) -> Option<Told> {
        READER.with_borrow_mut(|reader| reader.told(line))
    }

    fn known() -> Vec<Known> {
        let one = |name: &str, timeout, stock| Known {
            name: format!("{name}{timeout}"),
            executable: name.as_bytes().to_vec(),
            timeout,
            stock,
        };
        vec![one("a", 600, true), one("b", 0, false), one("a", 60, true)]
    }

    /// What a timeline may be told, with small numbers so that much of it meets.
    #[derive(Clone, Debug)]
    enum Event {
        Alert(usize, Host, i64, u64),
        Back(Host, i64, bool),
        Line(usize, i64, i64, u8),
        Daemon(i64, u8),
        Advance(i64),
    }

    fn time() -> impl Strategy<Value = i64> {
        prop_oneof![8 => (0..40_i64).prop_map(|at| at * 100_000), 1 => any::<i64>()]
    }

    fn event() -> impl Strategy<Value = Event> {
        let host =
            || prop_oneof![3 => Just(Host::Here), 2 => Just(Host::Agent(1)), 1 => Just(Host::AllAgents)];
        prop_oneof![
            (0..4_usize, host(), time(), 0..3_u64).prop_map(|(a, b, c, d)| Event::Alert(a, b, c, d)),
            (host(), time(), any::<bool>()).prop_map(|(a, b, c)| Event::Back(a, b, c)),
            (0..3_usize, time(), time(), 0..12_u8).prop_map(|(a, b, c, d)| Event::Line(a, b, c, d)),
            (time(), 0..9_u8).prop_map(|(a, b)| Event::Daemon(a, b)),
            time().prop_map(Event::Advance),
        ]
    }

    fn said(kind: u8, key: Key) -> Said {
        match kind {
            0 => Said::Starting,
            1 => Said::Request { key, undo: false },
            2 => Said::Request { key, undo: true },
            3 => Said::Keys { hash: 7 },
            4 => Said::Answer { key, go_on: true },
            5 => Said::Answer { key, go_on: false },
            6 => Said::Ended,
            7 => Said::Aborted,
            8 => Said::Arguments { undo: false, seconds: key.at / 1000, rule: key.rule },
            9 => Said::Arguments { undo: true, seconds: key.at / 1000, rule: key.rule },
            10 => Said::Text(Text::Failure { stage: Stage::Effect, words: "x".to_owned() }),
            _ => Said::Text(Text::Other),
        }
    }

    fn told(kind: u8, key: Key) -> Told {
        match kind {
            0 => Told::Up,
            1 => Told::Down(said::DISABLED),
            2 => Told::Down("x"),
            3 => Told::NotPresent { executable: b"a".to_vec() },
            4 => Told::Unknown { name: "a600".to_owned() },
            5 => Told::NotLaunched { why: "x".to_owned() },
            6 => Told::BadMessage { number: 1315 },
            7 => Told::NotSent { number: 1321 },
            _ => Told::Executing { executable: b"a".to_vec(), key },
        }
    }

    fn key(at: i64) -> Key {
        Key { at, rule: "1".to_owned(), agent: "001".to_owned() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Told in any order it neither panics nor loses or invents an alert.
        #[test]
        fn every_alert_is_counted_once(
            events in proptest::collection::vec(event(), 0..80),
            alerts: bool,
            feedback: bool,
            now in proptest::option::of(time()),
        ) {
            let view = View { alerts, log: true, feedback, ..View::default() };
            let mut timeline = Timeline::new(known(), view, Only::default());
            let mut expected = [0_u64; 3];
            for one in events {
                match one {
                    Event::Alert(response, host, at, who) => {
                        timeline.alert(response, host, &key(at), who);
                        if let Some(count) = expected.get_mut(response) {
                            *count += 1;
                        }
                    }
                    Event::Back(host, at, undo) => {
                        timeline.came_back(host, b"a", at.saturating_add(2000), &key(at), undo);
                    }
                    Event::Line(program, at, of, kind) => {
                        let program: &[u8] = [&b"a"[..], b"b", b"c"][program];
                        timeline.line(program, at, &said(kind, key(of)));
                    }
                    Event::Daemon(at, kind) => timeline.daemon(at, &told(kind, key(at))),
                    Event::Advance(at) => timeline.advance(at),
                }
            }
            let trace = timeline.finish(now);
            for (total, expected) in trace.totals.iter().zip(expected) {
                let all = &total.all;
                let sum = all.confirmed + all.aborted + all.failed + all.unanswered + all.unknown + all.pending;
                prop_assert_eq!(all.expected, sum);
                let days: u64 = total.days.values().map(|day| day.expected).sum();
                prop_assert_eq!(all.expected, days);
                if alerts {
                    prop_assert_eq!(all.expected, expected);
                } else {
                    prop_assert!(all.expected >= expected);
                }
            }
        }

        #[test]
        fn lines_in_any_order_do_not_break_it(
            lines in proptest::collection::vec(
                "(2026/11/20 10:4[0-9]:1[0-9]|Fri Nov 20 10:41:12 UTC 2026) (active-response/bin/[ab]: (Starting|Ended|Aborted|Cannot read 'srcip' from data|\\{\"command\":\"(add|delete|continue|abort|check_keys)\",\"parameters\":\\{\"keys\":\\[\"x\"\\],\"alert\":\\{\"timestamp\":\"2026-11-20T10:4[0-9]:1[0-9].000\\+0000\",\"rule\":\\{\"id\":\"1\"\\}\\}\\}\\}?)|/var/ossec/active-response/bin/a (add|delete) - x 179517[0-9]{4}\\.1 1|wazuh-execd: ERROR: \\((1311|1317|1315)\\): Invalid 'a600'|wazuh-execd: INFO: \\(1314\\): x)",
                0..40,
            ),
            alerts: bool,
        ) {
            let view = View { alerts, log: true, feedback: true, ..View::default() };
            let mut timeline = Timeline::new(known(), view, Only::default());
            for (number, line) in (0_i64..).zip(&lines) {
                if number % 5 == 0 {
                    timeline.alert(0, Host::Here, &key(1_795_171_200_000 + number * 1000), 1);
                }
                for log in [Log::ActiveResponses, Log::Ossec] {
                    let read = Line::read(log, line.as_bytes());
                    let Some(Time::Local(at)) = read.time else { continue };
                    match log {
                        Log::Ossec => {
                            if let Some(told) = heard_of(&read) {
                                timeline.daemon(at * 1000, &told);
                            }
                        }
                        _ => {
                            if let Some(said) = heard(&read) {
                                timeline.line(&read.tag, at * 1000, &said);
                            }
                        }
                    }
                }
            }
            timeline.finish(None);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes: Vec<u8>) {
            let _ = heard(&Line::read(Log::ActiveResponses, &bytes));
            let _ = heard_of(&Line::read(Log::Ossec, &bytes));
        }
    }

    /// What is held does not grow with the alerts.
    #[test]
    fn only_what_is_open_is_held() {
        let most = |alerts: i64| {
            let view = View { alerts: true, log: true, feedback: true, ..View::default() };
            let mut timeline = Timeline::new(known(), view, Only::default());
            for number in 0..alerts {
                let at = number * 10_000;
                timeline.alert(0, Host::Here, &key(at), 1);
                timeline.line(b"a", at + 1000, &Said::Starting);
                timeline.line(b"a", at + 1000, &said(1, key(at)));
                timeline.line(b"a", at + 1000, &said(6, key(at)));
                timeline.advance(at);
            }
            assert_eq!(timeline.index.len(), timeline.pairs.len());
            assert!(timeline.waiting.is_empty() && timeline.due.len() == timeline.pairs.len());
            timeline.finish(None).most_open
        };
        assert_eq!(most(2000), most(20_000));
    }
}
