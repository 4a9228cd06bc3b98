//! Whether a message reaches its agent, as far as this host shows it: the connection, the keys,
//! the list of commands that is sent, the queues, and numbers that keep a daemon from starting.

use jiff::tz::TimeZone;

use super::{Probe, RESTART_MANAGER, Sink, block_subject, blocks, lossy, quote, restart, under_home};
use crate::facts::delivery::{Group, StateFile};
use crate::facts::{Daemon, Facts, Response, Runs};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::{Fact, Gap, GapKind, Process};
use crate::wazuh::ar_conf::{self, ArConf};
use crate::wazuh::behavior;
use crate::wazuh::client_keys::{ClientKeys, Entry};
use crate::wazuh::install::Kind;
use crate::wazuh::internal_options::KNOWN;
use crate::wazuh::ossec_conf::{Configuration, Connection, Dispatch, Role};
use crate::wazuh::state::{State, Status};
use crate::wazuh::version::Contract;

/// The agent's side.
pub(super) const AGENT: Probe = Probe {
    name: "connection",
    checks: &[
        checks::AGENT_NOT_CONNECTED,
        checks::AGENTD_STUCK,
        checks::CLIENT_KEYS_UNUSABLE,
        checks::AR_CONF_DIFFERS,
        checks::TASKS_FAILED,
    ],
    run: agent,
};

/// Daemons that live and do nothing.
pub(super) const HUNG: Probe = Probe { name: "state files", checks: &[checks::DAEMON_HUNG], run: hung };

/// What is sent to the agents.
pub(super) const GROUPS: Probe = Probe {
    name: "groups",
    checks: &[
        checks::MERGED_MG_WITHOUT_AR_CONF,
        checks::MERGED_MG_STALE,
        checks::WORKER_NAMES_UNKNOWN,
        checks::WORKER_LACKS_RESPONSES,
    ],
    run: groups,
};

/// The manager's side.
pub(super) const MANAGER: Probe = Probe {
    name: "agents of the manager",
    checks: &[
        checks::CLUSTER_LOCATION,
        checks::AGENT_NOT_REGISTERED,
        checks::RULE_QUEUE_FULL,
        checks::MANAGER_DROPS_EVENTS,
        checks::NO_AGENT_CONNECTED,
    ],
    run: manager,
};

/// Numbers in the internal options.
pub(super) const OPTIONS: Probe = Probe {
    name: "internal options",
    checks: &[checks::MERGE_SHARED_OFF, checks::INTERNAL_OPTION_INVALID, checks::REMOTE_CONF_OFF],
    run: options,
};

/// Seconds a daemon gets to come up, and an agent to connect, before anything is said of it.
const START: i64 = 120;

/// Seconds on top of three intervals before a state file counts as old.
const SLACK: i64 = 10;

/// Seconds that every time zone's distance from UTC is a multiple of.
const ZONE_STEP: i64 = 900;

/// Per cent of a queue from which it counts as full.
const FULL: u32 = 95;

/// How a daemon stands that writes a state file.
enum Standing<'f> {
    /// It wrote its state just now.
    Fresh(&'f StateFile, &'f State, i64),
    /// It lives, and has not written its state for so many seconds.
    Stale(&'f StateFile, &'f Process, i64),
    /// Somebody stopped it with a signal.
    Stopped(&'f Process),
    /// Nothing can be said.
    Unknown(Gap),
}

fn daemon<'f>(facts: &'f Facts<'_>, name: &str) -> Option<&'f Daemon> {
    facts.daemons().iter().find(|daemon| daemon.name.ends_with(name))
}

/// The option that says how often a daemon writes its state.
fn interval_option(name: &str) -> &'static str {
    match name {
        "agentd" => "agent",
        "remoted" => "remoted",
        _ => "analysisd",
    }
}

fn standing<'f>(facts: &'f Facts<'_>, name: &'static str) -> Standing<'f> {
    let (Some(daemon), Some(state)) = (daemon(facts, name), facts.delivery().state(name)) else {
        return Standing::Unknown(Gap::failed(name, "is no daemon of this host"));
    };
    let running = daemon.running();
    if let Some(gap) = running.unknown() {
        return Standing::Unknown(gap);
    }
    let Some(process) = daemon.process() else {
        return Standing::Unknown(Gap::failed(running.source, format!("{} does not run", daemon.name)));
    };
    if matches!(process.state, 'T' | 't') {
        return Standing::Stopped(process);
    }
    let option = interval_option(name);
    let interval = facts.delivery().number(option, "state_interval", 5);
    let interval = match (interval.unknown(), interval.get()) {
        (Some(gap), _) => return Standing::Unknown(gap),
        (None, Some(0)) => {
            let why = format!("{option}.state_interval is 0: {} writes no state", daemon.name);
            return Standing::Unknown(Gap {
                kind: GapKind::NotCollected,
                source: state.file.shown.clone(),
                why,
            });
        }
        (None, interval) => i64::from(interval.copied().unwrap_or(5)),
    };
    let now = facts.now();
    let (Some(now), None) = (now.get().copied(), now.unknown()) else {
        let gap = now.unknown().unwrap_or_else(|| Gap::failed("clock", "is not known"));
        return Standing::Unknown(gap);
    };
    let limit = 3 * interval + SLACK;
    let up = now - process.start;
    let unknown = |why: String| Standing::Unknown(Gap::failed(state.file.shown.clone(), why));
    if let Some(gap) = state.mtime.unknown() {
        return Standing::Unknown(gap);
    }
    let Some(mtime) = state.mtime.get().copied() else {
        return unknown(if up <= limit {
            format!("{} has just started", daemon.name)
        } else {
            format!("{} runs and has written none", daemon.name)
        });
    };
    let age = now - mtime;
    if age < -60 {
        return unknown("its time lies in the future".to_owned());
    }
    if age > limit {
        return if up <= limit {
            unknown(format!("{} has just started", daemon.name))
        } else {
            Standing::Stale(state, process, age)
        };
    }
    if let Some(gap) = state.file.bytes.unknown() {
        return Standing::Unknown(gap);
    }
    match &state.read {
        Some(read) if !read.is_empty() => Standing::Fresh(state, read, age.max(0)),
        _ => unknown("holds no values; a full disk leaves it so".to_owned()),
    }
}

/// Seconds in words.
fn time(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

// The agent.

fn agent(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || facts.role() != Role::Agent {
        return;
    }
    let stands = standing(facts, "agentd");
    let connected = connected(facts, sink, &stands);
    keys(facts, sink, connected);
    ar_conf_differs(facts, sink);
    match &stands {
        Standing::Fresh(file, state, age) => {
            stuck(facts, sink, file, state);
            tasks(facts, sink, file, state, *age);
        }
        Standing::Stale(file, _, age) => {
            let why = format!("was written {} ago and says nothing of the present", time(*age));
            let gap = Gap::failed(file.file.shown.clone(), why);
            sink.unknown_for_all(&[checks::AGENTD_STUCK, checks::TASKS_FAILED], &gap);
        }
        Standing::Stopped(process) => {
            let gap = Gap::failed(format!("process {}", process.pid), "is stopped");
            sink.unknown_for_all(&[checks::AGENTD_STUCK, checks::TASKS_FAILED], &gap);
        }
        Standing::Unknown(gap) => {
            sink.unknown_for_all(&[checks::AGENTD_STUCK, checks::TASKS_FAILED], gap);
        }
    }
}

/// Reports an agent without connection. What is known of the connection comes back.
fn connected(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, stands: &Standing<'_>) -> Option<bool> {
    let (file, state, age) = match stands {
        Standing::Fresh(file, state, age) => (*file, *state, *age),
        Standing::Unknown(gap) => return without_state(facts, sink, gap),
        Standing::Stale(file, _, age) => {
            let why = format!("was written {} ago and says nothing of the present", time(*age));
            sink.unknown_for_all(&[checks::AGENT_NOT_CONNECTED], &Gap::failed(file.file.shown.clone(), why));
            return None;
        }
        Standing::Stopped(process) => {
            let gap = Gap::failed(format!("process {}", process.pid), "is stopped");
            sink.unknown_for_all(&[checks::AGENT_NOT_CONNECTED], &gap);
            return None;
        }
    };
    let status = match state.status() {
        Some(Status::Connected) => return Some(true),
        Some(status) => status,
        None => {
            let gap = Gap::failed(file.file.shown.clone(), "holds no status that is known");
            sink.unknown_for_all(&[checks::AGENT_NOT_CONNECTED], &gap);
            return None;
        }
    };
    // How long at least.
    let process = daemon(facts, "agentd").and_then(Daemon::process);
    let now = facts.now();
    let since = match status {
        Status::Pending => {
            process.zip(now.get()).map(|(process, now)| (now - process.start, "since it started, "))
        }
        _ => lag(facts, file, state).map(|lag| (lag.at_least() + age, "its last keepalive was sent ")),
    };
    let short = since.is_some_and(|(seconds, _)| seconds < START);
    if short && status == Status::Pending {
        let gap = Gap::failed(file.file.shown.clone(), "agentd has just started and connects");
        sink.unknown_for_all(&[checks::AGENT_NOT_CONNECTED], &gap);
        return None;
    }
    let word = if status == Status::Pending { "has not reached" } else { "has lost" };
    let mut finding = not_connected(facts, format!("No response reaches this agent: it {word} its manager."))
        .severity(if short { Severity::Warning } else { Severity::Error })
        .evidence(match state.get("status") {
            Some((_, span)) => file.file.excerpt(span, format!("written {} ago", time(age))),
            None => crate::findings::Evidence::Observation {
                source: file.file.shown.clone(),
                text: format!("written {} ago", time(age)),
            },
        });
    if let Some((seconds, what)) = since {
        finding = finding.observed(&file.file.shown, format!("{what}{} ago", time(seconds)));
    }
    if let Some(meta) = facts.delivery().wait.get() {
        let text = now.get().map_or_else(
            || "is there".to_owned(),
            |now| format!("is there for {}", time((now - meta.mtime).max(0))),
        );
        finding = finding.observed(&facts.delivery().wait.source, text);
    }
    sink.find(finding);
    Some(false)
}

fn not_connected(facts: &Facts<'_>, title: String) -> Finding {
    let cause = if facts.contract() == Contract::Json5 {
        "Messages wait on the manager until the agent asks for them, and are dropped when they expire. Until the first contact execd runs nothing either: it waits for the configuration of the group."
    } else {
        "The manager does not keep messages for an agent that is not connected: they are lost, and at default log level no line is written on either side."
    };
    Finding::new(checks::AGENT_NOT_CONNECTED, Subject::Process("agentd".to_owned()), title)
        .cause(cause)
        .remedy(format!("grep agentd {} | tail -n 20", under_home(facts, "logs/ossec.log")))
        .remedy(format!("grep -A4 '<server>' {}", quote(&facts.config().file.path.display().to_string())))
        .remedy("see that the manager listens on that address and port (1514), and that no firewall is in between")
        .verify(format!("grep -h ^status= {}/*agentd.state", under_home(facts, "var/run")))
        .stops(facts.meant_to_run())
        .shares("process:agentd")
}

/// Without a state file the lock tells: it is made when agentd starts or loses its manager, and
/// removed when it is connected (`src/client-agent/agentd.c`, `start_agent.c`, 4.2 to 4.14).
fn without_state(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, gap: &Gap) -> Option<bool> {
    let wait = &facts.delivery().wait;
    let process = daemon(facts, "agentd").and_then(Daemon::process);
    let tells = facts.contract() != Contract::Json5 && gap.kind == GapKind::NotCollected;
    if let (true, Some(_), None) = (tells, process, wait.unknown()) {
        let Some(meta) = wait.get() else { return Some(true) };
        let now = facts.now();
        let up = process.zip(now.get()).map(|(process, now)| now - process.start);
        if up.is_some_and(|up| up < START) {
            let gap = Gap::failed(wait.source.clone(), "agentd has just started and connects");
            sink.unknown_for_all(&[checks::AGENT_NOT_CONNECTED], &gap);
            return None;
        }
        if let Some(seconds) = now.get().map(|now| now - meta.mtime).filter(|seconds| *seconds >= 0) {
            let title = "No response reaches this agent: it is not connected to its manager.".to_owned();
            sink.find(
                not_connected(facts, title)
                    .severity(if seconds < START { Severity::Warning } else { Severity::Error })
                    .confidence(Confidence::Likely)
                    .observed(&wait.source, format!("is there for {}", time(seconds))),
            );
            return Some(false);
        }
    }
    sink.unknown_for_all(&[checks::AGENT_NOT_CONNECTED], gap);
    None
}

/// How long before the state file was written the last keepalive was sent.
enum Lag {
    /// By the host's time zone, and nothing speaks against it.
    Known(i64),
    /// The time zone is not known, or not agentd's: at least so many seconds, or none.
    AtLeast(i64),
}

impl Lag {
    const fn at_least(&self) -> i64 {
        match self {
            Self::Known(seconds) | Self::AtLeast(seconds) => *seconds,
        }
    }
}

/// The time in the file is local. Whatever the zone, it lies a multiple of a quarter of an hour
/// from UTC, so the rest of that is the least that can have passed.
fn lag(facts: &Facts<'_>, file: &StateFile, state: &State) -> Option<Lag> {
    let written = file.mtime.get().copied()?;
    let keepalive = state.local_time("last_keepalive")?;
    let at = |zone: &TimeZone| Some(zone.to_timestamp(keepalive).ok()?.as_second());
    let rest = (written - at(&TimeZone::UTC)?).rem_euclid(ZONE_STEP);
    // A clock that was set back shows a keepalive from the future: that is no distance either.
    let rest = if rest > ZONE_STEP - 60 { 0 } else { rest };
    let by_zone = facts.delivery().zone.get().and_then(at).map(|sent| written - sent);
    Some(match by_zone {
        Some(seconds) if (-1..ZONE_STEP).contains(&seconds) => Lag::Known(seconds.max(0)),
        // Another zone in agentd's environment would look the same.
        Some(seconds) if seconds >= ZONE_STEP && rest > SLACK => Lag::Known(seconds),
        _ => Lag::AtLeast(rest),
    })
}

/// agentd's main thread sends the keepalives; its state is written by another thread.
fn stuck(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, file: &StateFile, state: &State) {
    if state.status() != Some(Status::Connected) {
        return;
    }
    let Some(lag) = lag(facts, file, state) else { return };
    let notify = i64::from(state.notify_time.unwrap_or(10));
    let reconnect = i64::from(state.time_reconnect.unwrap_or(60));
    let limit = reconnect + 3 * notify + 30;
    match lag {
        Lag::Known(seconds) if seconds <= limit => return,
        Lag::AtLeast(seconds) if seconds <= limit => {
            let zone = &facts.delivery().zone;
            let gap = zone.unknown().unwrap_or_else(|| {
                Gap::failed(file.file.shown.clone(), "its times are not in the time zone of this host")
            });
            sink.unknown_for_all(&[checks::AGENTD_STUCK], &gap);
            return;
        }
        Lag::Known(_) | Lag::AtLeast(_) => {}
    }
    let seconds = lag.at_least();
    let Some((_, span)) = state.get("last_keepalive") else { return };
    let words = if matches!(lag, Lag::Known(_)) { "" } else { "at least " };
    sink.find(
        Finding::new(
            checks::AGENTD_STUCK,
            Subject::Process("agentd".to_owned()),
            format!("No response reaches execd: agentd hangs, its last keepalive was sent {words}{} ago.", time(seconds)),
        )
        .confidence(Confidence::Likely)
        .cause("Its main thread sends the keepalives and hands messages to execd. It waits without end when execd does not take them: mostly because a script blocks execd and the queue is full. The state file still says connected; the manager soon sees a disconnected agent.")
        .evidence(file.file.excerpt(span, format!("older than {limit} s")))
        .observed(&file.file.shown, format!("notify_time {notify} s, time-reconnect {reconnect} s"))
        .remedy("ps -o pid,ppid,stat,etime,args --ppid $(pgrep -o wazuh-execd)   # the script that does not end")
        .remedy(restart(facts))
        .verify(format!("grep ^last_keepalive= {}", quote(&file.file.path.display().to_string())))
        .stops(facts.meant_to_run())
        .shares("process:agentd")
        .shares("process:execd"),
    );
}

/// Tasks of a 5.x agent.
fn tasks(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, file: &StateFile, state: &State, age: i64) {
    if facts.contract() != Contract::Json5 {
        return;
    }
    let (Some(failures), Some(dispatched)) = (state.number("failed"), state.number("dispatched")) else {
        let gap = Gap::failed(file.file.shown.clone(), "holds no counters of tasks");
        sink.unknown_for_all(&[checks::TASKS_FAILED], &gap);
        return;
    };
    if failures == 0 {
        return;
    }
    let all = dispatched == 0;
    let title = if all {
        format!("None of the {failures} tasks from the manager was handed on since agentd started.")
    } else {
        format!("{failures} tasks from the manager failed since agentd started, {dispatched} were handed on.")
    };
    let Some((_, span)) = state.get("failed") else { return };
    sink.find(
        Finding::new(checks::TASKS_FAILED, Subject::Process("agentd".to_owned()), title)
            .severity(if all { Severity::Warning } else { Severity::Advice })
            .confidence(Confidence::Possible)
            .cause("A task fails when execd's socket is dead or disabled, when modulesd is down, or when its message is malformed. The counters hold restarts, reloads and upgrades too; only a second look after a test shows whether responses are among them.")
            .evidence(file.file.excerpt(span, format!("written {} ago", time(age))))
            .remedy("look again after a test response: failed grows when it was dropped here")
            .remedy(restart(facts))
            .verify(format!("grep -E '^(dispatched|failed)=' {}", quote(&file.file.path.display().to_string())))
            .stops(facts.meant_to_run())
            .shares("process:agentd"),
    );
}

fn keys(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, connected: Option<bool>) {
    let keys = &facts.delivery().keys;
    if let Some(gap) = keys.unknown() {
        sink.unknown_for_all(&[checks::CLIENT_KEYS_UNUSABLE], &gap);
        return;
    }
    let path = facts.under_home("etc/client.keys").display().to_string();
    let entries = keys.get().map_or(&[][..], |keys| keys.entries.as_slice());
    let bad = entries.iter().find(|(_, entry)| *entry == Entry::BadAddress);
    let usable = keys.get().is_some_and(|keys| keys.agents() > 0);
    if usable && bad.is_none() {
        return;
    }
    let (what, seen) = match (bad, entries.first()) {
        (Some((line, _)), _) => (
            format!("line {line} of {path} has no valid address"),
            format!("line {line}: the third word is no address"),
        ),
        (None, _) if keys.is_absent() => (format!("{path} does not exist"), "not there".to_owned()),
        (None, None) => (format!("{path} is empty"), "no line".to_owned()),
        (None, Some((line, Entry::Removed { .. }))) => (
            format!("its entry in {path} is marked as removed"),
            format!("line {line}: the name starts with ! or #"),
        ),
        (None, Some((line, _))) => (
            format!("line {line} of {path} is no entry"),
            format!("line {line}: not \"ID NAME ADDRESS KEY\""),
        ),
    };
    let works = connected == Some(true);
    let title = if works {
        format!("This agent will not connect again after a restart: {what}.")
    } else {
        format!("This agent cannot connect to its manager: {what}.")
    };
    let cause = if bad.is_some() {
        "agentd exits with CRITICAL (1237) when an address is none."
    } else {
        "Without a key agentd asks the manager for one where <enrollment> allows it; else it exits with (1751) and (4109). Until it has one no message reaches this agent."
    };
    sink.find(
        Finding::new(checks::CLIENT_KEYS_UNUSABLE, Subject::File(path.clone()), title)
            .severity(if works { Severity::Warning } else { Severity::Error })
            .cause(cause)
            .observed(&path, seen)
            .remedy(format!("{} -m MANAGER_ADDRESS", under_home(facts, "bin/agent-auth")))
            .remedy(restart(facts))
            .verify(format!("cut -d' ' -f1-3 {}", quote(&path)))
            .stops(facts.meant_to_run())
            .shares("process:agentd")
            .shares("process:execd"),
    );
}

/// Name and executable of a line of ar.conf.
type Command<'a> = (&'a [u8], &'a [u8]);

/// A group and the commands its agents know.
type List<'a> = (&'a Group, Vec<Command<'a>>);

/// The commands of a list: every line that is not analysisd's own.
fn own(list: &ArConf) -> Vec<Command<'_>> {
    let mut own: Vec<Command<'_>> = list
        .lines
        .iter()
        .filter(|line| !line.builtin)
        .map(|line| (line.name.as_slice(), line.executable.as_slice()))
        .collect();
    own.sort_unstable();
    own.dedup();
    own
}

/// Names in words, at most three.
fn names<'n>(all: impl IntoIterator<Item = &'n [u8]>) -> String {
    let mut all: Vec<String> = all.into_iter().map(lossy).collect();
    all.sort();
    all.dedup();
    let more = all.len().saturating_sub(3);
    let shown = all.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// The agent's ar.conf against the one that came from the manager.
fn ar_conf_differs(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.contract() == Contract::Json5 {
        return;
    }
    let groups = &facts.delivery().groups;
    let Some(group) = groups.get().and_then(|groups| groups.first()) else { return };
    let ar = facts.ar_conf();
    let gap = group.ar_conf.unknown().or_else(|| ar.file.bytes.unknown());
    if let Some(gap) = gap {
        sink.unknown_for_all(&[checks::AR_CONF_DIFFERS], &gap);
        return;
    }
    let (Some(Some(sent)), Some(here)) = (group.ar_conf.get(), &ar.read) else { return };
    let (sent, here) = (own(sent), own(here));
    if sent == here {
        return;
    }
    // Every agent gets the lines of all systems.
    let missing: Vec<&[u8]> = sent
        .iter()
        .filter(|(name, executable)| {
            !here.iter().any(|line| line.0 == *name) && facts.system_gate(executable) == Runs::Here
        })
        .map(|line| line.0)
        .collect();
    let extra: Vec<_> = here.iter().filter(|line| !sent.contains(line)).collect();
    if missing.is_empty() && extra.is_empty() {
        return;
    }
    let path = ar.file.path.display().to_string();
    let title = if missing.is_empty() {
        format!(
            "{} was changed on this agent: {} will be as the manager has it after the next delivery.",
            ar.file.shown,
            names(extra.iter().map(|line| line.0))
        )
    } else {
        format!(
            "{} {} on this agent: {} lacks what the manager sent.",
            names(missing.iter().copied()),
            if missing.len() == 1 { "is refused" } else { "are refused" },
            ar.file.shown
        )
    };
    let mut finding = Finding::new(checks::AR_CONF_DIFFERS, Subject::File(path.clone()), title)
        .severity(if missing.is_empty() { Severity::Advice } else { Severity::Error })
        .cause("agentd takes ar.conf out of merged.mg when that arrives and at no other time. The file was changed by hand since, or could not be written then; execd refuses a name that is not in it with (1311).");
    for name in missing.iter().take(5) {
        finding = finding.observed(&group.shown, format!("has a line for {}", lossy(name)));
    }
    for line in extra.iter().take(5) {
        finding = finding.observed(
            &ar.file.shown,
            format!("\"{} - {}\" is not from the manager", lossy(line.0), lossy(line.1)),
        );
    }
    // agentd reports no sum for a file that is not there, and is sent all of it again.
    sink.find(
        finding
            .remedy(format!("rm {} && {}", under_home(facts, &group.shown), restart(facts)))
            .verify(format!("ls -l {}", quote(&path)))
            .stops(facts.indices(|response| extra.iter().any(|line| line.0 == response.name)))
            .shares(&path),
    );
}

// Both sides.

fn hung(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() {
        return;
    }
    let names: &[&'static str] = match (facts.role(), facts.contract()) {
        (Role::Agent, _) => &["agentd"],
        (Role::Manager, Contract::Json5) => return,
        (Role::Manager, _) if facts.install.kind.get() == Some(&Kind::Local) => &["analysisd"],
        (Role::Manager, _) => &["analysisd", "remoted"],
    };
    for &name in names {
        let (process, evidence, severity) = match standing(facts, name) {
            Standing::Fresh(..) => continue,
            Standing::Unknown(gap) => {
                // What it means for the connection is said of the checks that need it.
                if gap.kind != GapKind::NotCollected || facts.processes().unknown().is_some() {
                    sink.unknown_for_all(&[checks::DAEMON_HUNG], &gap);
                }
                continue;
            }
            Standing::Stopped(process) => (
                process,
                (format!("process {}", process.pid), "its state is T: a signal stopped it".to_owned()),
                Severity::Error,
            ),
            Standing::Stale(file, process, age) => {
                (process, (file.file.shown.clone(), format!("written {} ago", time(age))), Severity::Warning)
            }
        };
        let Some(daemon) = daemon(facts, name) else { continue };
        let stopped = severity == Severity::Error;
        let responses =
            if name == "remoted" { facts.indices(Response::is_there) } else { facts.meant_to_run() };
        let title = if stopped {
            format!("{} is stopped by a signal: nothing passes it until it goes on.", daemon.name)
        } else {
            format!(
                "{} lives but has not written its state for a while: it hangs, or cannot write there.",
                daemon.name
            )
        };
        let mut finding = Finding::new(checks::DAEMON_HUNG, Subject::Process(daemon.name.clone()), title)
            .severity(severity)
            .confidence(if stopped { Confidence::Proven } else { Confidence::Likely })
            .cause("A thread of its own writes the file every few seconds. It stands still with the whole daemon: stopped, waiting for a disk that does not answer, or in a deadlock. A file system that became read-only looks the same.")
            .observed(evidence.0, evidence.1);
        finding = if stopped {
            finding.remedy(format!("kill -CONT {}", process.pid))
        } else {
            finding
                .remedy(format!("grep -E 'State|VmRSS' /proc/{0}/status; cat /proc/{0}/wchan", process.pid))
                .remedy(restart(facts))
        };
        sink.find(
            finding
                .verify(format!("ls -l --time-style=full-iso {}", under_home(facts, "var/run")))
                .stops(responses)
                .shares(format!("process:{name}")),
        );
    }
}

// The manager.

/// Whether there is anything to deliver, and a remoted to do it.
fn delivers(facts: &Facts<'_>) -> bool {
    !facts.is_bare()
        && facts.role() == Role::Manager
        && facts.contract() != Contract::Json5
        && facts.install.kind.get() != Some(&Kind::Local)
}

/// Whether `<cluster>` is in force (`src/shared/cluster_utils.c w_is_single_node`, 4.14).
fn in_cluster(read: &Configuration) -> bool {
    let cluster = &read.cluster;
    let disabled = cluster.disabled.as_ref().map(|value| value.text.as_slice());
    cluster.is_worker
        || (cluster.node_type.as_ref().is_some_and(|value| !value.text.is_empty())
            && disabled == Some(b"no".as_slice()))
}

fn groups(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() {
        return;
    }
    let all = &facts.delivery().groups;
    if let Some(gap) = all.unknown() {
        sink.unknown_for_all(GROUPS.checks, &gap);
        return;
    }
    let all = all.get().map_or(&[][..], Vec::as_slice);
    for gap in all.iter().filter_map(|group| group.ar_conf.unknown()) {
        sink.unknown_for_all(GROUPS.checks, &gap);
    }
    if facts.role() == Role::Agent {
        if facts.contract() != Contract::Json5 {
            lacks_ar_conf(facts, sink, all);
        }
        return;
    }
    if !delivers(facts) {
        return;
    }
    lacks_ar_conf(facts, sink, all);
    let Some(read) = &facts.config().read else { return };
    if read.cluster.is_worker {
        worker(facts, sink, read, all);
    } else {
        stale(facts, sink, all);
    }
}

/// The list of commands does not come with the files.
fn lacks_ar_conf(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, all: &[Group]) {
    let lacking: Vec<&Group> = all.iter().filter(|group| matches!(group.ar_conf.get(), Some(None))).collect();
    let Some(first) = lacking.first() else { return };
    let agent = facts.role() == Role::Agent;
    let stopped = if agent { facts.meant_to_run() } else { facts.indices(Response::is_there) };
    if stopped.is_empty() && !agent {
        return;
    }
    let every = lacking.len() == all.len();
    let title = if agent {
        format!("The manager sends this agent no list of responses: {} has no ar.conf in it.", first.shown)
    } else if every {
        format!("No agent knows a response: {} has no ar.conf in it.", first.shown)
    } else {
        format!("Agents of group {} know no response: {} has no ar.conf in it.", first.name, first.shown)
    };
    let shared = facts.under_home("etc/shared/ar.conf").display().to_string();
    let mut finding = Finding::new(checks::MERGED_MG_WITHOUT_AR_CONF, Subject::File(first.shown.clone()), title)
        .severity(if every { Severity::Error } else { Severity::Warning })
        .cause("remoted of the master puts ar.conf in front of every group's files. It is left out when the manager has none, and where files.yml has the group download a finished merged.mg. An agent deletes what is not in it, and refuses every name with (1103) and (1311).");
    for group in lacking.iter().take(5) {
        finding = finding.observed(&group.shown, "no file ar.conf in it");
    }
    finding = if agent {
        finding.remedy("on the manager: ar-doctor check")
    } else if facts.is_worker() {
        finding.remedy("on the master: ar-doctor check")
    } else {
        finding
            .remedy(format!("ls -l {} {}", quote(&shared), under_home(facts, "etc/shared/files.yml")))
            .remedy(RESTART_MANAGER)
    };
    sink.find(
        finding
            .verify(format!("grep -a '^![0-9]* ar.conf' {}", under_home(facts, &first.shown)))
            .stops(stopped)
            .shares(&shared)
            .shares("process:remoted"),
    );
}

/// Responses for agents that some list does not have as this one has: the response, and how many
/// groups lack it.
fn unknown_to<'g>(
    facts: &Facts<'_>,
    wanted: &[Command<'_>],
    lists: &[List<'g>],
    by_name: bool,
) -> (Vec<ResponseIndex>, Vec<&'g Group>) {
    let mut lacking: Vec<&Group> = Vec::new();
    let mut found = Vec::new();
    for index in facts.indices(Response::is_there) {
        let Some(response) = facts.response(index) else { continue };
        let Some(line) = wanted.iter().find(|line| line.0 == response.name) else { continue };
        let without = lists.iter().filter(|(_, list)| {
            if by_name { !list.iter().any(|have| have.0 == line.0) } else { !list.contains(line) }
        });
        let before = found.len();
        for (group, _) in without {
            if !lacking.iter().any(|known| known.shown == group.shown) {
                lacking.push(group);
            }
            if found.len() == before {
                found.push(index);
            }
        }
    }
    (found, lacking)
}

fn lists(all: &[Group]) -> Vec<List<'_>> {
    all.iter().filter_map(|group| Some((group, own(group.ar_conf.get()?.as_ref()?)))).collect()
}

/// The master's list changed, and the agents' files did not.
fn stale(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, all: &[Group]) {
    let ar = facts.ar_conf();
    if let Some(gap) = ar.file.bytes.unknown() {
        sink.unknown(checks::MERGED_MG_STALE, facts.indices(Response::is_there), gap);
        return;
    }
    let Some(here) = &ar.read else { return };
    let lists = lists(all);
    let (stopped, lacking) = unknown_to(facts, &own(here), &lists, false);
    let Some(first) = lacking.first() else { return };
    let reload = facts.delivery().number("remoted", "shared_reload", 10);
    let changed = facts.resolve(&ar.file.path).map(|resolved| resolved.meta.mtime);
    let now = facts.now();
    let (Some(reload), Some(changed), Some(now)) = (reload.get(), changed.get(), now.get()) else {
        let gap = reload.unknown().or_else(|| changed.unknown()).or_else(|| now.unknown());
        let gap = gap.unwrap_or_else(|| Gap::failed(ar.file.shown.clone(), "has no time"));
        sink.unknown(checks::MERGED_MG_STALE, stopped, gap);
        return;
    };
    let age = now - changed;
    if age < i64::from(*reload) + START {
        return;
    }
    let every = lacking.len() == lists.len();
    let shown = names(
        stopped.iter().filter_map(|&index| facts.response(index)).map(|response| response.name.as_slice()),
    );
    let mut finding = Finding::new(
        checks::MERGED_MG_STALE,
        Subject::File(first.shown.clone()),
        if every {
            format!("Agents do not know {shown} yet: {} is older than {}.", first.shown, ar.file.shown)
        } else {
            format!("Agents of group {} do not know {shown} yet: {} is older than {}.", first.name, first.shown, ar.file.shown)
        },
    )
    .severity(if every { Severity::Error } else { Severity::Warning })
    .cause(format!("remoted of the master makes merged.mg anew within {reload} s of a change and sends it. It does not where it is down or hangs, where merge_shared is 0, and where it cannot read a file of the group or write there."))
    .observed(&ar.file.shown, format!("changed {} ago", time(age)));
    for group in lacking.iter().take(5) {
        finding = finding.observed(&group.shown, format!("does not have {shown} as it is now"));
    }
    sink.find(
        finding
            .remedy(format!("grep remoted {} | tail -n 20", under_home(facts, "logs/ossec.log")))
            .remedy(RESTART_MANAGER)
            .verify(format!(
                "grep -a '^{}' {}",
                shown.split(',').next().unwrap_or_default(),
                under_home(facts, &first.shown)
            ))
            .stops(stopped)
            .shares("process:remoted")
            .shares(ar.file.path.display().to_string()),
    );
}

/// A worker raises alerts by its own file, and its agents know the master's commands.
fn worker(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, read: &Configuration, all: &[Group]) {
    let config = &facts.config().file;
    let lists = lists(all);
    let here = ar_conf::read(&read.ar_conf, facts.version());
    let wanted = own(&here);
    let (stopped, lacking) = unknown_to(facts, &wanted, &lists, true);
    if !lacking.is_empty() {
        let every = lacking.len() == lists.len();
        let shown = names(
            stopped
                .iter()
                .filter_map(|&index| facts.response(index))
                .map(|response| response.name.as_slice()),
        );
        let mut finding = Finding::new(
            checks::WORKER_NAMES_UNKNOWN,
            Subject::File(config.path.display().to_string()),
            format!("Agents refuse {shown}: this worker sends it, and the list that the master gives them does not have it."),
        )
        .severity(if every { Severity::Error } else { Severity::Warning })
        .cause("ossec.conf and ar.conf are not synchronised in a cluster. A worker sends what its own ossec.conf says; agents get their list from the master inside merged.mg, and answer any other name with (1311).");
        for group in lacking.iter().take(5) {
            finding = finding.observed(&group.shown, format!("its ar.conf has no {shown}"));
        }
        sink.find(
            finding
                .remedy("put the same <command> and <active-response> blocks into ossec.conf of every node, the master included; restart each")
                .verify("ar-doctor show   # on every node: the lists have to be the same")
                .stops(stopped)
                .shares(config.path.display().to_string()),
        );
    }
    let refused = read.daemon("wazuh-analysisd").is_some_and(|daemon| !daemon.starts);
    if refused || read.xml.is_err() {
        return;
    }
    let foreign: Vec<(&Group, &[u8])> = lists
        .iter()
        .flat_map(|(group, list)| list.iter().map(move |line| (*group, line.0)))
        .filter(|(_, name)| !wanted.iter().any(|line| line.0 == *name))
        .collect();
    let Some((group, _)) = foreign.first() else { return };
    let shown = names(foreign.iter().map(|(_, name)| *name));
    sink.find(
        Finding::new(
            checks::WORKER_LACKS_RESPONSES,
            Subject::File(config.path.display().to_string()),
            format!("Agents that report to this worker never get {shown}: only the master has the block."),
        )
        .confidence(Confidence::Likely)
        .cause("Every node analyses the events of its own agents by its own ossec.conf, which the cluster does not synchronise. A response that stands on the master alone works for the master's agents alone.")
        .observed(&group.shown, format!("the master's list has {shown}"))
        .observed(&config.shown, "no such response")
        .remedy("copy the <command> and <active-response> blocks of the master into this file, and restart this node")
        .verify("ar-doctor show   # on every node: the lists have to be the same")
        .shares(config.path.display().to_string()),
    );
}

fn manager(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if !delivers(facts) {
        return;
    }
    if let Some(read) = super::read_config(facts, sink, &[checks::AGENT_NOT_REGISTERED]) {
        cluster_location(facts, sink, read);
        not_registered(facts, sink, read);
        no_agent_connected(facts, sink, read);
    }
    queues(facts, sink);
}

fn cluster_location(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, read: &Configuration) {
    if !in_cluster(read) {
        return;
    }
    for (index, response, block) in blocks(facts, read) {
        let what = match block.dispatch {
            Dispatch::Agent { id, .. } if id > 0 => format!("agent {id:03}"),
            Dispatch::AllAgents { .. } => "agents".to_owned(),
            _ => continue,
        };
        let span = block.location.as_ref().map_or(block.span, |location| location.span);
        sink.find(
            Finding::new(
                checks::CLUSTER_LOCATION,
                block_subject(facts, span),
                format!("{} reaches {what} only where connected to the node that raises the alert.", response.shown()),
            )
            .confidence(Confidence::Likely)
            .cause("analysisd hands the message to remoted of its own node, and no node passes it to another. Which node an agent is connected to only the cluster knows.")
            .evidence(facts.config().file.excerpt(span, "within this node only"))
            .remedy(format!("{} -a   # which agent is connected to which node", under_home(facts, "bin/cluster_control")))
            .remedy("use <location>local</location>, or have a script ask the API, which finds the node")
            .verify(super::show_command(facts))
            .stops([index])
            .at(span.start),
        );
    }
}

fn not_registered(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, read: &Configuration) {
    let wanted: Vec<_> = blocks(facts, read)
        .filter_map(|(index, response, block)| match block.dispatch {
            Dispatch::Agent { id, .. } if id > 0 => Some((index, response, block, id)),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return;
    }
    let keys = &facts.delivery().keys;
    if let Some(gap) = keys.unknown() {
        let concerned = wanted.iter().map(|(index, ..)| *index).collect();
        sink.unknown(checks::AGENT_NOT_REGISTERED, concerned, gap);
        return;
    }
    for (index, response, block, id) in wanted {
        if keys.get().is_some_and(|keys| keys.has(id)) {
            continue;
        }
        let removed = keys.get().is_some_and(|keys| keys.has_removed(id));
        let span = block.agent_id.as_ref().map_or(block.span, |value| value.span);
        let how = if removed { "was removed" } else { "is not registered" };
        sink.find(
            Finding::new(
                checks::AGENT_NOT_REGISTERED,
                block_subject(facts, span),
                format!("{} goes to agent {id:03}, which {how} here.", response.shown()),
            )
            .cause("remoted looks for the agent in client.keys and drops the message with ERROR (1320) when it is not there. In a cluster the file is the same on every node.")
            .evidence(facts.config().file.excerpt(span, format!("no agent {id:03} in etc/client.keys")))
            .remedy(format!("{} -l   # the agents there are", under_home(facts, "bin/agent_control")))
            .remedy("put the number of the right agent there, or use <location>local</location>")
            .remedy(RESTART_MANAGER)
            .verify(format!("grep -c '^{id:03} [^!#]' {}", under_home(facts, "etc/client.keys")))
            .stops([index])
            .at(span.start),
        );
    }
}

fn no_agent_connected(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, read: &Configuration) {
    let there = facts.indices(|response| response.runs == Runs::There);
    let concerned = facts.indices(Response::is_there);
    let tcp = read
        .remotes
        .iter()
        .filter(|remote| remote.accepted && remote.connection == Some(Connection::Secure))
        .all(|remote| remote.tcp && !remote.udp);
    // Agents of a cluster may all be on other nodes; datagrams have no session.
    if concerned.is_empty() || in_cluster(read) || !tcp {
        return;
    }
    let (file, state, age) = match standing(facts, "remoted") {
        Standing::Fresh(file, state, age) => (file, state, age),
        Standing::Unknown(gap) => {
            sink.unknown(checks::NO_AGENT_CONNECTED, concerned, gap);
            return;
        }
        Standing::Stale(file, ..) => {
            let gap = Gap::failed(file.file.shown.clone(), "is too old to say anything of the present");
            sink.unknown(checks::NO_AGENT_CONNECTED, concerned, gap);
            return;
        }
        Standing::Stopped(_) => {
            sink.unknown(checks::NO_AGENT_CONNECTED, concerned, Gap::failed("remoted", "is stopped"));
            return;
        }
    };
    let keys = &facts.delivery().keys;
    if let Some(gap) = keys.unknown() {
        sink.unknown(checks::NO_AGENT_CONNECTED, concerned, gap);
        return;
    }
    let registered = keys.get().map_or(0, ClientKeys::agents);
    let up = daemon(facts, "remoted").and_then(Daemon::process).zip(facts.now().get().copied());
    if state.number("tcp_sessions") != Some(0)
        || registered == 0
        || up.is_some_and(|(process, now)| now - process.start < START)
    {
        return;
    }
    let Some((_, span)) = state.get("tcp_sessions") else { return };
    let noun = if registered == 1 { "the one agent is" } else { "any of the agents is" };
    sink.find(
        Finding::new(
            checks::NO_AGENT_CONNECTED,
            Subject::Process("remoted".to_owned()),
            format!("No agent gets a response at present: not {noun} connected ({registered} registered)."),
        )
        .cause("A message for an agent that is not connected is dropped; only remoted.debug=1 shows it.")
        .evidence(file.file.excerpt(span, format!("written {} ago", time(age))))
        .remedy("on an agent: ar-doctor check")
        .remedy("ss -ltn sport = :1514   # and that no firewall stands before it")
        .verify(format!("{} -lc", under_home(facts, "bin/agent_control")))
        .stops(if there.is_empty() { concerned } else { there })
        .shares("process:remoted"),
    );
}

/// What the manager's queues say of the way from an event to a message.
fn queues(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let meant = facts.meant_to_run();
    if meant.is_empty() {
        return;
    }
    let mut drops = Vec::new();
    let mut full_input = false;
    for name in ["analysisd", "remoted"] {
        let (file, state, age) = match standing(facts, name) {
            Standing::Fresh(file, state, age) => (file, state, age),
            Standing::Unknown(gap) => {
                sink.unknown_for_all(&[checks::MANAGER_DROPS_EVENTS], &gap);
                if name == "analysisd" {
                    sink.unknown_for_all(&[checks::RULE_QUEUE_FULL], &gap);
                }
                continue;
            }
            // DAEMON_HUNG says what there is to say.
            Standing::Stale(..) | Standing::Stopped(_) => continue,
        };
        let mut see = |key: &str, words: String| {
            if let Some((_, span)) = state.get(key) {
                drops.push(file.file.excerpt(span, words));
            }
        };
        if name == "analysisd" {
            rule_queue(facts, sink, file, state, age);
            if state.percent("event_queue_usage").is_some_and(|usage| usage >= FULL) {
                full_input = true;
                see("event_queue_usage", format!("full, {} ago", time(age)));
            }
            if state.number("events_dropped").is_some_and(|count| count > 0) {
                see("events_dropped", "since analysisd started".to_owned());
            }
        } else {
            let total = state.number("total_queue_size").filter(|total| *total > 0);
            let used = state.number("queue_size").zip(total);
            if used.is_some_and(|(used, total)| {
                used.saturating_mul(100) >= total.saturating_mul(u64::from(FULL))
            }) {
                full_input = true;
                see("queue_size", format!("of {}, {} ago", total.unwrap_or_default(), time(age)));
            }
            if state.number("discarded_count").is_some_and(|count| count > 0) {
                see("discarded_count", "since remoted started".to_owned());
            }
        }
    }
    if drops.is_empty() {
        return;
    }
    let mut finding = Finding::new(
        checks::MANAGER_DROPS_EVENTS,
        Subject::Process("analysisd".to_owned()),
        if full_input {
            "The manager is behind with its events: some are lost, and with them the responses they would start."
        } else {
            "The manager has dropped events since it started, and with them any response they would have started."
        },
    )
    .severity(if full_input { Severity::Warning } else { Severity::Advice })
    .cause("An event that finds a full queue is dropped before any rule sees it. The counters run since the start of the daemon; only a second look shows whether they still grow.");
    for evidence in drops {
        finding = finding.evidence(evidence);
    }
    sink.find(
        finding
            .remedy("find what sends so much: noisy agents, debug logs, archives (logall) on a slow disk")
            .verify(format!(
                "grep -E 'dropped|discarded|event_queue_usage' {}",
                under_home(facts, "var/run") + "/*.state"
            ))
            .stops(meant)
            .shares("process:analysisd"),
    );
}

fn rule_queue(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, file: &StateFile, state: &State, age: i64) {
    let Some((key, usage)) = ["rule_matching_queue_usage", "alerts_queue_usage"]
        .into_iter()
        .filter_map(|key| Some((key, state.percent(key)?)))
        .find(|(_, usage)| *usage >= FULL)
    else {
        return;
    };
    let Some((_, span)) = state.get(key) else { return };
    let now = facts.now();
    let silent = facts.delivery().last_alert.get().zip(now.get()).map(|(last, now)| now - last);
    let frozen = silent.filter(|seconds| *seconds > 300);
    let gives_up = behavior::AR_QUEUE_TIMEOUT.holds(facts.version());
    let mut finding = Finding::new(
        checks::RULE_QUEUE_FULL,
        Subject::Process("analysisd".to_owned()),
        match frozen {
            Some(seconds) => format!("No response is sent: analysisd is stuck, it wrote its last alert {} ago and its queue is {usage} % full.", time(seconds)),
            None => format!("Responses come late or never: {} of analysisd is {usage} % full.", key.trim_end_matches("_usage")),
        },
    )
    .severity(if frozen.is_some() { Severity::Error } else { Severity::Warning })
    .confidence(Confidence::Likely)
    .cause(if gives_up {
        "The threads that match rules cannot keep up, or wait for the disk that alerts are written to."
    } else {
        "Up to 4.14.7 a thread that sends a response waits without end when execd or remoted does not take it; when all wait, no rule is matched any more. Or they cannot keep up, or wait for the disk."
    })
    .evidence(file.file.excerpt(span, format!("written {} ago", time(age))));
    if let Some(seconds) = frozen {
        finding = finding
            .observed(&facts.delivery().last_alert.source, format!("last written {} ago", time(seconds)));
    }
    sink.find(
        finding
            .remedy("df -h /var/ossec; ps -o pid,ppid,stat,etime,args --ppid $(pgrep -o wazuh-execd)")
            .remedy(RESTART_MANAGER)
            .verify(format!(
                "grep -E '{key}|events_processed' {}",
                quote(&file.file.path.display().to_string())
            ))
            .stops(facts.meant_to_run())
            .shares("process:analysisd")
            .shares("process:execd"),
    );
}

// Internal options.

fn options(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || (facts.role() == Role::Manager && facts.contract() == Contract::Json5) {
        return;
    }
    invalid(facts, sink);
    if facts.role() == Role::Agent {
        if let Some((file, setting)) = zero(facts, sink, checks::REMOTE_CONF_OFF, "agent", "remote_conf") {
            sink.find(
                Finding::new(
                    checks::REMOTE_CONF_OFF,
                    Subject::File(file.path.display().to_string()),
                    format!("This agent does not reload when its responses change: agent.remote_conf is 0 in {}.", file.shown),
                )
                .cause("ar.conf still arrives, and execd reads it again when it meets a name it does not know. Another executable under a known name is not noticed until the agent is restarted; agent.conf is not read at all.")
                .evidence(file.excerpt(setting.span, "off"))
                .remedy(format!("sed -i 's/^agent.remote_conf.*/agent.remote_conf=1/' {}", quote(&file.path.display().to_string())))
                .remedy(restart(facts))
                .verify(format!("grep -h remote_conf {}", under_home(facts, "etc") + "/*internal_options.conf"))
                .stops(facts.meant_to_run()),
            );
        }
        return;
    }
    if !delivers(facts) || facts.is_worker() {
        return;
    }
    let there = facts.indices(Response::is_there);
    if there.is_empty() {
        return;
    }
    if let Some((file, setting)) = zero(facts, sink, checks::MERGE_SHARED_OFF, "remoted", "merge_shared") {
        let shared = facts.ar_conf().file.path.display().to_string();
        // What agents have by now does not go away.
        let here = facts.ar_conf().read.as_ref().map(own).unwrap_or_default();
        let lists = lists(facts.delivery().groups.get().map_or(&[], Vec::as_slice));
        let (unknown, _) = unknown_to(facts, &here, &lists, false);
        let severity = if unknown.is_empty() { Severity::Warning } else { Severity::Error };
        let stopped = if unknown.is_empty() { there } else { unknown };
        sink.find(
            Finding::new(
                checks::MERGE_SHARED_OFF,
                Subject::File(file.path.display().to_string()),
                format!("Agents are not told of new responses: remoted.merge_shared is 0 in {}.", file.shown),
            )
            .severity(severity)
            .cause("remoted makes no merged.mg, which carries ar.conf to the agents. They keep the list they have; agents without one refuse every response with (1103) and (1311).")
            .evidence(file.excerpt(setting.span, "off"))
            .remedy(format!("sed -i 's/^remoted.merge_shared.*/remoted.merge_shared=1/' {}", quote(&file.path.display().to_string())))
            .remedy(RESTART_MANAGER)
            .verify(format!("grep -a '^![0-9]* ar.conf' {}", under_home(facts, "etc/shared") + "/*/merged.mg"))
            .stops(stopped)
            .shares("process:remoted")
            .shares(shared),
        );
    }
}

/// A switch that is set to 0.
fn zero<'f>(
    facts: &'f Facts<'_>,
    sink: &mut Sink<'_, '_>,
    check: CheckId,
    high: &str,
    low: &str,
) -> Option<(&'f crate::facts::TextFile, crate::wazuh::internal_options::Setting)> {
    let set: Fact<_> = facts.delivery().setting(high, low);
    if let Some(gap) = set.unknown() {
        sink.unknown_for_all(&[check], &gap);
    }
    let (file, setting) = set.get()?.clone()?;
    (setting.number((0, 1)) == Some(0)).then_some((file, setting))
}

/// A number over which a daemon exits.
fn invalid(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let meant = facts.meant_to_run();
    let version = facts.version();
    for known in KNOWN {
        let Some(daemon) = daemon(facts, known.daemon) else { continue };
        let reads = known.since.is_none_or(|since| version.is_none_or(|version| version.at_least(since)))
            && (known.in_5 || facts.contract() != Contract::Json5)
            && facts.contract() != Contract::Args
            && !(known.daemon == "remoted" && facts.install.kind.get() == Some(&Kind::Local));
        if !reads {
            continue;
        }
        let set = facts.delivery().setting(known.high, known.low);
        if let Some(gap) = set.unknown() {
            // The same file for all of them.
            sink.unknown_for_all(&[checks::INTERNAL_OPTION_INVALID], &gap);
            return;
        }
        let Some((file, setting)) = set.get().cloned().flatten() else { continue };
        if setting.number(known.range).is_some() {
            continue;
        }
        let runs = daemon.running().get() == Some(&true);
        let option = format!("{}.{}", known.high, known.low);
        let stopped = match known.daemon {
            "remoted" => facts.indices(Response::is_there),
            "execd" => facts.indices(Response::is_here),
            _ => meant.clone(),
        };
        let again = if runs { " again" } else { "" };
        sink.find(
            Finding::new(
                checks::INTERNAL_OPTION_INVALID,
                Subject::Config(file.shown.clone(), option.clone()),
                format!("{} does not start{again}: {option} has no valid number on line {} of {}.", daemon.name, file.line(setting.span.start), file.shown),
            )
            .severity(if runs { Severity::Warning } else { Severity::Error })
            .cause(format!("A daemon reads digits from {} to {} here and nothing behind them, neither a blank nor a comment; anything else ends it with CRITICAL (2302). wazuh-control then stops what it has started.", known.range.0, known.range.1))
            .evidence(file.excerpt(setting.span, "no valid number"))
            .remedy(format!("put a number from {} to {} on line {} of {}", known.range.0, known.range.1, file.line(setting.span.start), quote(&file.path.display().to_string())))
            .remedy(restart(facts))
            .verify(format!("grep -n '^{option}' {}", quote(&file.path.display().to_string())))
            .stops(stopped)
            .shares(format!("process:{}", known.daemon))
            .shares("process:execd"),
        );
    }
}
