//! The order in which a script reads, writes, waits and acts, whatever language it is in.
//!
//! Each front end lowers a script to [`Node`]s; [`run`] walks them as execd would see the
//! script run, once for an add and once for a delete (`src/os_execd/execd.c ExecdRun`, 4.14):
//! on add one line comes and the pipe stays open until the script has printed a line; then a
//! second line comes, and both pipes are closed. On delete one line and the end come at once.

use std::collections::HashMap;
use std::ops::Range;

use super::{Confidence, FaultKind};

/// Bytes of the script.
pub(super) type Span = Range<usize>;

/// What is known of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cond {
    Yes,
    No,
    Unknown,
    /// The command of the message is one of these.
    Word(Words),
    /// The read just before got a line.
    Read,
    /// True the first time, unknown later.
    First,
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// Words of the protocol that a value is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) add: bool,
    pub(super) delete: bool,
    pub(super) go_on: bool,
    pub(super) abort: bool,
}

impl Words {
    /// Takes up one word; false when it is none of the protocol.
    pub(super) fn take(&mut self, word: &str) -> bool {
        match word {
            "add" | "enable" => self.add = true,
            "delete" | "disable" => self.delete = true,
            "continue" => self.go_on = true,
            "abort" => self.abort = true,
            _ => return false,
        }
        true
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        let mut words = Self::default();
        words.take(word).then_some(words)
    }
}

impl Cond {
    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    fn eval(&self, state: &State, deed: Deed, first: bool) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unknown => None,
            Self::First => first.then_some(true),
            Self::Read => {
                if state.eof {
                    Some(false)
                } else {
                    state.stdin.then_some(true)
                }
            }
            Self::Word(words) => match deed {
                Deed::Delete => {
                    if words.delete {
                        Some(true)
                    } else if state.unknown_input {
                        None
                    } else {
                        Some(false)
                    }
                }
                Deed::Add if state.reads >= 2 => {
                    if words.go_on && words.add {
                        Some(true)
                    } else if words.go_on || words.add {
                        if words.go_on { Some(true) } else { None }
                    } else {
                        Some(false)
                    }
                }
                Deed::Add => {
                    if words.add {
                        Some(true)
                    } else if words.go_on && !(state.wrote == Wrote::Nothing && state.reads == 1) {
                        None
                    } else {
                        Some(false)
                    }
                }
            },
            Self::Not(inner) => inner.eval(state, deed, first).map(|value| !value),
            Self::All(all) => {
                let mut known = Some(true);
                for cond in all {
                    match cond.eval(state, deed, first) {
                        Some(false) => return Some(false),
                        None => known = None,
                        Some(true) => {}
                    }
                }
                known
            }
            Self::Any(any) => {
                let mut known = Some(false);
                for cond in any {
                    match cond.eval(state, deed, first) {
                        Some(true) => return Some(true),
                        None => known = None,
                        Some(false) => {}
                    }
                }
                known
            }
        }
    }
}

/// What a line of output is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// A `check_keys` message.
    Keys(KeysLook),
    /// Something else.
    Noise,
    /// Perhaps something.
    Maybe,
}

/// What can be said of a keys message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeysLook {
    pub(super) faults: Vec<(FaultKind, Confidence, String)>,
    /// It ends with a line feed.
    pub(super) newline: bool,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// One line of standard input; `raw` keeps backslashes. The rewrite reads raw or, where this is
    /// raw, no more than one line.
    ReadLine {
        raw: bool,
        rewrite: Option<String>,
    },
    /// Standard input up to its end; not certain where it depends on the tool.
    ReadAll {
        certain: bool,
        how: String,
        rewrite: Option<String>,
    },
    /// Something that may or may not read standard input.
    ReadMaybe,
    Write(Output, Option<String>),
    Flush,
    /// Output is flushed by itself from here on.
    Unbuffered,
    StdinGone,
    StdoutGone,
    /// Seconds it waits; none when for ever.
    Wait(Option<u64>),
    /// It changes something.
    Effect,
    /// It notes something in a log.
    Log,
    /// A child that keeps standard output.
    Child(Option<String>),
    /// A fault of its own, reported when the place is reached.
    Fault(FaultKind, Confidence, String, Option<String>),
    /// What happens here cannot be told.
    Opaque,
    /// Ends itself by a signal.
    Killed,
}

/// A script, lowered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Do(Event, Span),
    /// The first arm whose condition holds.
    If(Vec<(Cond, Vec<Self>)>),
    Loop {
        test: Vec<Self>,
        cond: Cond,
        body: Vec<Self>,
        span: Span,
    },
    /// Other streams; an `exit` in a subshell ends that alone.
    With {
        stdin: bool,
        stdout: bool,
        subshell: bool,
        body: Vec<Self>,
    },
    /// Runs beside the script.
    Background(Vec<Self>),
    /// The body of a function.
    Function(Vec<Self>),
    Exit(Option<i64>),
    Return,
    Break,
    Continue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrote {
    Nothing,
    Maybe,
    Line,
    /// Without a line feed.
    Partial,
}

/// Which message the script is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Add,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    stdin: bool,
    stdout: bool,
    /// Standard output was closed or sent elsewhere for good.
    closed: bool,
    reads: u8,
    eof: bool,
    wrote: Wrote,
    noise: Option<(Span, bool)>,
    pending: Vec<(Output, Span, Option<String>)>,
    unbuffered: bool,
    effect: bool,
    effect_since_write: bool,
    logged: bool,
    keys: bool,
    child: Option<(Span, Option<String>, bool)>,
    opaque: bool,
    unknown_input: bool,
    exit: Option<i64>,
    ended: bool,
}

/// What a whole walk shows.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) faults: Vec<(FaultKind, Span, Confidence, String, Option<String>)>,
    pub(super) reads: bool,
    pub(super) writes: bool,
    pub(super) keys: Option<Span>,
    pub(super) effect: Option<Span>,
    pub(super) ends: usize,
    pub(super) effect_at_end: bool,
    pub(super) logged: bool,
    pub(super) opaque: bool,
    pub(super) maybe_writes: bool,
    pub(super) maybe_reads: bool,
    pub(super) stuck: bool,
    /// Every end behind an effect has this status, not 0.
    pub(super) bad_exit: bool,
    pub(super) good_exit: bool,
}

#[derive(Default)]
struct Outs {
    broken: Vec<State>,
    continued: Vec<State>,
    returned: Vec<State>,
    exited: Vec<State>,
}

struct Walk {
    deed: Deed,
    stateful: bool,
    json: bool,
    buffered: bool,
    unsure: u32,
    loop_test: bool,
    background: bool,
    steps: u32,
    seen: Seen,
    /// Where in the list each fault is.
    places: HashMap<(FaultKind, usize), usize>,
}

const STATES: usize = 24;
const STEPS: u32 = 60_000;

/// Walks a script as it runs for a message.
pub(super) fn run(nodes: &[Node], deed: Deed, stateful: bool, json: bool, buffered: bool) -> Seen {
    let start = State {
        stdin: true,
        stdout: true,
        closed: false,
        reads: 0,
        eof: false,
        wrote: Wrote::Nothing,
        noise: None,
        pending: Vec::new(),
        unbuffered: false,
        effect: false,
        effect_since_write: false,
        logged: false,
        keys: false,
        child: None,
        opaque: false,
        unknown_input: false,
        exit: None,
        ended: false,
    };
    let mut walk = Walk {
        deed,
        stateful,
        json,
        buffered,
        unsure: 0,
        loop_test: false,
        background: false,
        steps: 0,
        seen: Seen::default(),
        places: HashMap::new(),
    };
    let mut outs = Outs::default();
    let mut ends = walk.block(nodes, vec![start], &mut outs);
    ends.append(&mut outs.returned);
    ends.append(&mut outs.exited);
    ends.append(&mut outs.broken);
    ends.append(&mut outs.continued);
    for state in ends {
        walk.end(state);
    }
    walk.seen
}

impl Walk {
    fn confidence(&self, best: Confidence, state: &State) -> Confidence {
        if self.unsure > 0 || state.wrote == Wrote::Maybe || state.opaque {
            Confidence::Possible
        } else {
            best
        }
    }

    fn fault(
        &mut self,
        kind: FaultKind,
        span: Span,
        confidence: Confidence,
        text: String,
        rewrite: Option<String>,
    ) {
        let known = self.places.get(&(kind, span.start)).and_then(|at| self.seen.faults.get_mut(*at));
        match known {
            Some(fault) => fault.2 = fault.2.max(confidence),
            None => {
                self.places.insert((kind, span.start), self.seen.faults.len());
                self.seen.faults.push((kind, span, confidence, text, rewrite));
            }
        }
    }

    fn noise(&mut self, state: &mut State) {
        if let Some((span, unsure)) = state.noise.take()
            && self.stateful
            && self.json
        {
            let confidence = if unsure { Confidence::Possible } else { Confidence::Likely };
            let text = "the first line on standard output is taken for the keys, and this is none";
            self.fault(FaultKind::NoiseBeforeKeys, span, confidence, text.to_owned(), None);
        }
    }

    fn end(&mut self, mut state: State) {
        self.flush(&mut state);
        let failed = state.exit.is_some_and(|status| status != 0) && !state.effect && !state.keys;
        if !failed {
            self.noise(&mut state);
        }
        self.seen.ends += 1;
        self.seen.opaque |= state.opaque;
        self.seen.logged |= state.logged;
        self.seen.effect_at_end |= state.effect;
        if state.effect {
            if state.exit.is_some_and(|status| status != 0) {
                self.seen.bad_exit = true;
            } else {
                self.seen.good_exit = true;
            }
        }
        if let Some((span, rewrite, unsure)) = state.child
            && state.wrote == Wrote::Nothing
            && self.deed == Deed::Add
            && self.json
        {
            let confidence = if unsure { Confidence::Possible } else { Confidence::Likely };
            let text = "the child keeps standard output open, and execd waits until it ends".to_owned();
            self.fault(FaultKind::ChildHoldsStdout, span, confidence, text, rewrite);
        }
    }

    fn block(&mut self, nodes: &[Node], mut states: Vec<State>, outs: &mut Outs) -> Vec<State> {
        for node in nodes {
            if states.is_empty() {
                break;
            }
            self.steps += 1;
            if self.steps > STEPS {
                return states;
            }
            states = self.node(node, states, outs);
            thin(&mut states);
        }
        states
    }

    fn node(&mut self, node: &Node, states: Vec<State>, outs: &mut Outs) -> Vec<State> {
        match node {
            Node::Do(event, span) => {
                let mut next = Vec::with_capacity(states.len());
                for mut state in states {
                    if self.event(&mut state, event, span) {
                        if state.ended {
                            outs.exited.push(state);
                        } else {
                            next.push(state);
                        }
                    }
                }
                next
            }
            Node::If(arms) => {
                let mut next = Vec::new();
                let mut left = states;
                let mut doubt = false;
                for (cond, body) in arms {
                    let mut taken = Vec::new();
                    let mut rest = Vec::new();
                    let mut unsure = doubt;
                    for state in left {
                        match cond.eval(&state, self.deed, true) {
                            Some(true) => taken.push(state),
                            Some(false) => rest.push(state),
                            None => {
                                unsure = true;
                                taken.push(state.clone());
                                rest.push(state);
                            }
                        }
                    }
                    doubt |= unsure;
                    if !taken.is_empty() {
                        self.unsure += u32::from(unsure);
                        next.extend(self.block(body, taken, outs));
                        self.unsure -= u32::from(unsure);
                        if next.len() > STATES * 4 {
                            thin(&mut next);
                        }
                    }
                    left = rest;
                }
                next.extend(left);
                next
            }
            Node::Loop { test, cond, body, span } => {
                let mut here = Outs::default();
                let mut left = Vec::new();
                let mut states = states;
                let any = !states.is_empty();
                let mut leaves = false;
                for turn in 0..4 {
                    let outer = self.loop_test;
                    self.loop_test = turn > 0 || outer;
                    self.unsure += u32::from(leaves);
                    states = self.block(test, states, &mut here);
                    self.unsure -= u32::from(leaves);
                    self.loop_test = outer;
                    let mut inside = Vec::new();
                    let mut unsure = false;
                    for state in states {
                        match cond.eval(&state, self.deed, turn == 0) {
                            Some(true) => inside.push(state),
                            Some(false) => left.push(state),
                            None => {
                                unsure |= turn == 0;
                                left.push(state.clone());
                                inside.push(state);
                            }
                        }
                    }
                    // Where some runs have left before, whoever stays does so in doubt.
                    let unsure = unsure || turn > 0 && leaves;
                    self.unsure += u32::from(unsure);
                    self.loop_test = turn > 0 || outer;
                    states = self.block(body, inside, &mut here);
                    self.loop_test = outer;
                    self.unsure -= u32::from(unsure);
                    leaves |= !here.broken.is_empty() || !here.returned.is_empty() || !here.exited.is_empty();
                    left.append(&mut here.broken);
                    states.append(&mut here.continued);
                    outs.returned.append(&mut here.returned);
                    outs.exited.append(&mut here.exited);
                    thin(&mut states);
                    if states.is_empty() {
                        break;
                    }
                }
                thin(&mut left);
                if *cond == Cond::Yes {
                    if any && !leaves && !self.background && !has_way_out(body, 0) && !has_way_out(test, 0) {
                        for state in &states {
                            let confidence = self.confidence(Confidence::Likely, state);
                            let text = "this loop has no way out, and execd waits for the end of the script"
                                .to_owned();
                            self.fault(FaultKind::NeverEnds, span.clone(), confidence, text, None);
                            self.seen.stuck = true;
                        }
                    }
                } else {
                    left.append(&mut states);
                    thin(&mut left);
                }
                left
            }
            Node::With { stdin, stdout, subshell, body } => {
                let mut next = Vec::new();
                for state in states {
                    let (was_in, was_out, was_closed) = (state.stdin, state.stdout, state.closed);
                    let mut inner = state;
                    inner.stdin &= *stdin;
                    inner.stdout &= *stdout;
                    let mut here = Outs::default();
                    let mut after = self.block(body, vec![inner], &mut here);
                    if *subshell {
                        after.append(&mut here.exited);
                        after.append(&mut here.returned);
                        after.append(&mut here.broken);
                        after.append(&mut here.continued);
                        for state in &mut after {
                            state.exit = None;
                            state.ended = false;
                        }
                    }
                    let restore = |states: Vec<State>, into: &mut Vec<State>| {
                        into.extend(states.into_iter().map(|mut state| {
                            // `exec >file` inside lasts only where there is no subshell.
                            let gone_in = !*subshell && *stdin && !state.stdin;
                            let gone_out = !*subshell && *stdout && !state.stdout;
                            state.stdin = was_in && !gone_in;
                            state.stdout = was_out && !gone_out;
                            if *subshell {
                                state.closed = was_closed;
                            }
                            state
                        }));
                    };
                    restore(after, &mut next);
                    restore(here.returned, &mut outs.returned);
                    restore(here.exited, &mut outs.exited);
                    restore(here.broken, &mut outs.broken);
                    restore(here.continued, &mut outs.continued);
                }
                next
            }
            Node::Background(body) => {
                let outer = self.background;
                self.background = true;
                let mut next = Vec::new();
                for state in states {
                    let mut inner = state.clone();
                    inner.stdin = false;
                    inner.stdout = false;
                    let mut here = Outs::default();
                    let after = self.block(body, vec![inner], &mut here);
                    let acted =
                        after.iter().chain(&here.exited).chain(&here.returned).any(|inner| inner.effect);
                    let mut state = state;
                    state.effect |= acted;
                    next.push(state);
                }
                self.background = outer;
                next
            }
            Node::Function(body) => {
                let mut here = Outs::default();
                let mut next = self.block(body, states, &mut here);
                next.append(&mut here.returned);
                next.append(&mut here.broken);
                next.append(&mut here.continued);
                outs.exited.append(&mut here.exited);
                next
            }
            Node::Exit(status) => {
                outs.exited.extend(states.into_iter().map(|mut state| {
                    state.exit = Some(status.unwrap_or(0));
                    state.ended = true;
                    state
                }));
                Vec::new()
            }
            Node::Return => {
                outs.returned.extend(states);
                Vec::new()
            }
            Node::Break => {
                outs.broken.extend(states);
                Vec::new()
            }
            Node::Continue => {
                outs.continued.extend(states);
                Vec::new()
            }
        }
    }

    fn flush(&mut self, state: &mut State) {
        for (output, span, rewrite) in std::mem::take(&mut state.pending) {
            self.out(state, &output, &span, rewrite, true);
        }
    }

    fn out(&mut self, state: &mut State, output: &Output, span: &Span, rewrite: Option<String>, late: bool) {
        let add = self.deed == Deed::Add;
        match output {
            Output::Maybe => {
                self.seen.maybe_writes = true;
                if state.wrote == Wrote::Nothing {
                    state.wrote = Wrote::Maybe;
                }
                return;
            }
            Output::Keys(_) => {
                self.seen.keys.get_or_insert(span.clone());
            }
            Output::Noise => {}
        }
        self.seen.writes = true;
        if !add || !self.json {
            return;
        }
        if state.reads >= 2 || state.wrote == Wrote::Line && state.effect_since_write {
            let sure = state.reads >= 2 && !late;
            let confidence = if sure && self.loop_test_free() {
                self.confidence(Confidence::Likely, state)
            } else {
                Confidence::Possible
            };
            let text = if state.reads >= 2 {
                "execd closes the pipe once it has answered; this write may kill the script"
            } else {
                "execd takes one line and closes the pipe; this later write may kill the script"
            };
            if !matches!(output, Output::Keys(_)) {
                self.fault(FaultKind::OutputAfterAnswer, span.clone(), confidence, text.to_owned(), rewrite);
            } else if state.noise.is_some() {
                self.noise(state);
            }
            return;
        }
        match (state.wrote, output) {
            (Wrote::Line | Wrote::Partial, Output::Keys(look)) => {
                state.keys = true;
                self.noise(state);
                state.wrote = if look.newline { Wrote::Line } else { state.wrote };
            }
            (Wrote::Line | Wrote::Partial, _) => {}
            (_, Output::Keys(look)) => {
                state.keys = true;
                if self.stateful {
                    for (kind, confidence, text) in &look.faults {
                        let confidence = self.confidence(*confidence, state);
                        self.fault(*kind, span.clone(), confidence, text.clone(), None);
                    }
                }
                state.wrote = if look.newline { Wrote::Line } else { Wrote::Partial };
                state.effect_since_write = false;
            }
            (_, _) => {
                state.noise = Some((span.clone(), self.unsure > 0 || state.wrote == Wrote::Maybe));
                state.wrote = Wrote::Line;
                state.effect_since_write = false;
            }
        }
    }

    fn loop_test_free(&self) -> bool {
        !self.loop_test
    }

    /// False when the script gets no further.
    fn event(&mut self, state: &mut State, event: &Event, span: &Span) -> bool {
        let add = self.deed == Deed::Add;
        match event {
            Event::ReadLine { raw, rewrite } => {
                if !state.stdin {
                    state.eof = false;
                    return true;
                }
                self.seen.reads = true;
                if state.reads == 0 {
                    state.reads = 1;
                    if !raw && self.json {
                        let confidence = self.confidence(Confidence::Likely, state);
                        let text = "read without -r drops the backslashes of the JSON".to_owned();
                        self.fault(FaultKind::ReadWithoutR, span.clone(), confidence, text, rewrite.clone());
                    }
                    return true;
                }
                if !add || !self.json || state.closed {
                    state.reads = state.reads.saturating_add(1).min(4);
                    state.eof = true;
                    return true;
                }
                let alone = rewrite.clone().filter(|_| *raw);
                if !self.before_answer(state, span, None, alone) {
                    return false;
                }
                state.eof = state.reads >= 2;
                state.reads = state.reads.saturating_add(1).min(4);
                self.noise(state);
                true
            }
            Event::ReadAll { certain, how, rewrite } => {
                if !state.stdin {
                    return true;
                }
                self.seen.reads = true;
                if add && self.json && !state.closed && state.reads < 2 {
                    let look = (*certain, how.clone(), rewrite.clone());
                    if !self.before_answer(state, span, Some(look), None) {
                        return !certain;
                    }
                    self.noise(state);
                    state.reads = 2;
                    return true;
                }
                state.reads = state.reads.max(1);
                state.eof = true;
                true
            }
            Event::ReadMaybe => {
                if state.stdin {
                    self.seen.maybe_reads = true;
                    state.unknown_input = true;
                }
                true
            }
            Event::Write(output, rewrite) => {
                if !state.stdout || state.closed {
                    return true;
                }
                if self.buffered && !state.unbuffered {
                    if state.pending.len() < 16 {
                        state.pending.push((output.clone(), span.clone(), rewrite.clone()));
                    }
                } else {
                    self.out(state, output, span, rewrite.clone(), false);
                }
                true
            }
            Event::Flush => {
                let pending = std::mem::take(&mut state.pending);
                for (output, span, rewrite) in pending {
                    self.out(state, &output, &span, rewrite, false);
                }
                true
            }
            Event::Unbuffered => {
                self.flush(state);
                state.unbuffered = true;
                true
            }
            Event::StdinGone => {
                state.stdin = false;
                true
            }
            Event::StdoutGone => {
                self.flush(state);
                state.stdout = false;
                state.closed = true;
                true
            }
            Event::Wait(seconds) => {
                if self.background || seconds.is_some_and(|seconds| seconds < 60) {
                    return true;
                }
                let best = if seconds.is_none_or(|seconds| seconds >= 300) {
                    Confidence::Likely
                } else {
                    Confidence::Possible
                };
                let confidence = self.confidence(best, state);
                let text = match seconds {
                    Some(seconds) => format!("execd does nothing else for these {seconds} seconds"),
                    None => "this never ends, and execd waits for it".to_owned(),
                };
                self.fault(FaultKind::NeverEnds, span.clone(), confidence, text, None);
                if seconds.is_none() {
                    self.seen.stuck = true;
                }
                seconds.is_some()
            }
            Event::Effect => {
                state.effect = true;
                state.effect_since_write = true;
                self.seen.effect.get_or_insert(span.clone());
                self.noise(state);
                true
            }
            Event::Log => {
                state.logged = true;
                true
            }
            Event::Child(rewrite) => {
                if state.stdout && !state.closed && state.child.is_none() {
                    state.child = Some((span.clone(), rewrite.clone(), self.unsure > 0));
                }
                true
            }
            Event::Fault(kind, confidence, text, rewrite) => {
                self.fault(*kind, span.clone(), *confidence, text.clone(), rewrite.clone());
                true
            }
            Event::Opaque => {
                state.opaque = true;
                self.seen.opaque = true;
                state.unknown_input |= state.stdin;
                if state.stdout && state.wrote == Wrote::Nothing {
                    state.wrote = Wrote::Maybe;
                }
                true
            }
            Event::Killed => {
                let confidence = self.confidence(Confidence::Likely, state);
                let text = "the script ends itself by a signal".to_owned();
                self.fault(FaultKind::Killed, span.clone(), confidence, text, None);
                self.seen.stuck = true;
                false
            }
        }
    }

    /// A read that needs execd's answer, or the end of input. False when neither ever comes. `alone`
    /// is what reads one line in place of a loop.
    fn before_answer(
        &mut self,
        state: &mut State,
        span: &Span,
        all: Option<(bool, String, Option<String>)>,
        alone: Option<String>,
    ) -> bool {
        if state.reads >= 2 {
            return true;
        }
        let unflushed = state.pending.iter().find(|(output, _, _)| *output != Output::Maybe).cloned();
        let (kind, at, text, rewrite, best) = match (state.wrote, unflushed) {
            (Wrote::Line, _) => return true,
            (Wrote::Nothing | Wrote::Maybe, Some((_, at, rewrite))) => {
                self.seen.writes = true;
                let text = "this stays in the buffer while the script waits for the answer".to_owned();
                (FaultKind::KeysNotFlushed, at, text, rewrite, Confidence::Likely)
            }
            (Wrote::Partial, _) => {
                let at = self.seen.keys.clone().unwrap_or_else(|| span.clone());
                let text = "the line has no line feed at its end, and execd waits for one".to_owned();
                (FaultKind::KeysNotEnded, at, text, None, Confidence::Likely)
            }
            (Wrote::Nothing | Wrote::Maybe, None) => match all {
                Some((certain, how, rewrite)) => (
                    FaultKind::ReadToEnd,
                    span.clone(),
                    format!("{how} waits for the end of standard input, which comes only after the keys"),
                    rewrite,
                    if certain { Confidence::Likely } else { Confidence::Possible },
                ),
                None if self.loop_test => (
                    FaultKind::ReadToEnd,
                    span.clone(),
                    "this loop waits for the end of standard input, which comes only after the keys"
                        .to_owned(),
                    alone,
                    Confidence::Likely,
                ),
                None => (
                    FaultKind::AnswerBeforeKeys,
                    span.clone(),
                    "a second line comes only after the keys, and none were sent".to_owned(),
                    None,
                    Confidence::Likely,
                ),
            },
        };
        let confidence = self.confidence(best, state);
        self.fault(kind, at, confidence, text, rewrite);
        self.seen.stuck |= confidence == Confidence::Likely;
        false
    }
}

/// Somewhere in the body of a loop it is left.
fn has_way_out(nodes: &[Node], depth: u32) -> bool {
    nodes.iter().any(|node| match node {
        Node::Break | Node::Return | Node::Exit(_) | Node::Do(Event::Killed | Event::Opaque, _) => true,
        _ if depth > 60 => true,
        Node::If(arms) => arms.iter().any(|(_, body)| has_way_out(body, depth + 1)),
        Node::Loop { test, body, .. } => has_way_out(test, depth + 1) || has_way_out(body, depth + 1),
        Node::With { subshell: false, body, .. } | Node::Function(body) => has_way_out(body, depth + 1),
        _ => false,
    })
}

fn thin(states: &mut Vec<State>) {
    let mut kept: Vec<State> = Vec::with_capacity(states.len().min(STATES));
    for state in states.drain(..) {
        if kept.len() < STATES && !kept.contains(&state) {
            kept.push(state);
        }
    }
    *states = kept;
}
