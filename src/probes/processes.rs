//! execd and its neighbours: daemons that are needed and do not run, that run twice, or over and over again.

use super::{Probe, Sink, quote, restart, under_home};
use crate::facts::change::instant;
use crate::facts::{Daemon, Facts, Response};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Subject, checks};
use crate::host::{Gap, Process};
use crate::wazuh::daemon_log::{self, Event, Line};
use crate::wazuh::install::Kind;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;

/// The daemons on the way of a response.
pub(super) const PROBE: Probe = Probe { name: "processes", checks: CHECKS, run };

const CHECKS: &[CheckId] = &[checks::DAEMON_NOT_RUNNING, checks::DAEMON_RESTARTS, checks::DAEMON_TWICE];

/// Seconds within which starts count as a loop.
const DAY: i64 = 86_400;

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() {
        return;
    }
    if let Some(gap) = facts.processes().unknown() {
        let of_daemons = [checks::DAEMON_NOT_RUNNING, checks::DAEMON_TWICE];
        sink.unknown_for_all(&of_daemons, &gap);
    } else {
        not_running(facts, sink);
        twice(facts, sink);
    }
    restarts(facts, sink);
}

/// Daemons besides execd without which a response does not come this far, and which responses.
fn needed<'f>(facts: &'f Facts<'_>) -> Vec<(&'f Daemon, Vec<ResponseIndex>, &'static str)> {
    let by_name = |name: &str| facts.daemons().iter().find(|daemon| daemon.name.ends_with(name));
    let mut found = Vec::new();
    match (facts.role(), facts.contract()) {
        (Role::Agent, _) => {
            found.extend(by_name("-agentd").map(|daemon| {
                (daemon, facts.indices(Response::is_here), "It alone hands messages of the manager to execd.")
            }));
        }
        (Role::Manager, contract) => {
            found.extend(by_name("-analysisd").map(|daemon| {
                (daemon, facts.meant_to_run(), "It alone matches events with rules and sends responses.")
            }));
            // A local installation has no agents, nor the daemon that speaks with them.
            let has_agents = facts.install.kind.get() != Some(&Kind::Local);
            let there = if has_agents { facts.indices(Response::is_there) } else { Vec::new() };
            if contract != Contract::Json5 && !there.is_empty() {
                found.extend(by_name("-remoted").map(|daemon| {
                    (
                        daemon,
                        there.clone(),
                        "It alone sends messages to the agents; what is for them is lost.",
                    )
                }));
                if contract == Contract::Json4 {
                    found.push((
                        facts.wazuh_db(),
                        there,
                        "analysisd asks it for the version of the agent before it sends a response, and sends none without an answer.",
                    ));
                }
            }
        }
    }
    found
}

fn not_running(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let needed = needed(facts);
    for (daemon, responses, _) in &needed {
        if let Some(gap) = daemon.running().unknown() {
            sink.unknown(checks::DAEMON_NOT_RUNNING, responses.clone(), gap);
        }
    }
    let down: Vec<_> = needed
        .iter()
        .filter(|(daemon, responses, _)| {
            daemon.running().get() == Some(&false) && (!responses.is_empty() || facts.role() == Role::Agent)
        })
        .collect();
    let Some((first, _, why)) = down.first() else { return };
    if let Some(gap) = facts.being_started() {
        return sink.unknown_for_all(&[checks::DAEMON_NOT_RUNNING], &gap);
    }
    let execd_is_down = facts.execd().is_some_and(|execd| execd.running().get() == Some(&false));
    let names: Vec<&str> = down.iter().map(|(daemon, ..)| daemon.name.as_str()).collect();
    let responses: Vec<ResponseIndex> =
        down.iter().flat_map(|(_, responses, _)| responses.iter().copied()).collect();
    let far = match (facts.role(), first.name.rsplit('-').next()) {
        (Role::Agent, _) => "reaches this agent",
        (Role::Manager, Some("analysisd")) => "is sent",
        (Role::Manager, _) => "reaches an agent",
    };
    let title = if execd_is_down && down.len() == needed.len() {
        format!(
            "No response runs: Wazuh is not running on this host, neither execd nor {}.",
            names.join(", ")
        )
    } else {
        let it_is = if names.len() > 1 { "they are" } else { "it is" };
        format!("No response {far} without {}: {it_is} not running.", names.join(", "))
    };
    let mut finding = Finding::new(checks::DAEMON_NOT_RUNNING, Subject::Process(first.name.clone()), title)
        .cause(*why)
        .stops(responses)
        .remedy(restart(facts))
        .remedy(format!("grep -E '{}' {} | tail -n 20", names.join("|"), under_home(facts, "logs/ossec.log")))
        .verify(format!("pgrep -a {}", quote(first.comm())));
    for (daemon, ..) in &down {
        let pid_files = daemon.pid_files.get().map_or(0, Vec::len);
        let dead = daemon.processes.get().and_then(|all| all.first());
        finding = finding
            .observed(
                facts.processes().source.clone(),
                match dead {
                    Some(dead) => format!("{}: process {} is dead", daemon.name, dead.pid),
                    None if pid_files > 0 => format!("no process {}, but a pid file", daemon.name),
                    None => format!("no process {}", daemon.name),
                },
            )
            .shares(format!("process:{}", daemon.name.rsplit('-').next().unwrap_or(&daemon.name)));
        finding = last_words(facts, finding, &daemon.name);
    }
    if execd_is_down {
        finding = finding.shares("process:execd");
    }
    sink.find(finding);
}

/// What a daemon that is gone wrote last, as far as it tells why.
pub(super) fn last_words(facts: &Facts<'_>, finding: Finding, daemon: &str) -> Finding {
    let lines = facts.daemon_log().get();
    let last = lines.and_then(|lines| lines.iter().rfind(|line| line.daemon == daemon));
    match last {
        Some(line) => {
            let what = match line.event {
                Event::Started(_) => format!("its last line, no word of its end: {}", line.text),
                _ => line.text.clone(),
            };
            finding.observed(facts.daemon_log().source.clone(), what)
        }
        None => finding,
    }
}

/// What the senders of a manager wrote of a queue that was not taken, since its reader started: (1321), and
/// with a full one (1322) (`src/analysisd/alerts/exec.c send_exec_msg`, 4.3 to 4.14).
pub(super) fn not_taken(facts: &Facts<'_>, finding: Finding, queue: &str, reader: &str) -> Finding {
    let log = facts.daemon_log();
    let lines = log.get().map_or(&[][..], Vec::as_slice);
    let is_start = |line: &Line| matches!(line.event, Event::Started(_)) && line.daemon == reader;
    let start = lines.iter().rposition(is_start).unwrap_or(0);
    let refused: Vec<&Line> = lines
        .iter()
        .skip(start)
        .filter(|line| ["(1321)", "(1322)"].iter().any(|number| line.text.contains(number)))
        .filter(|line| line.text.contains(queue) || line.text.contains("(1322)"))
        .collect();
    match refused.last() {
        Some(last) => finding.observed(
            log.source.clone(),
            format!("{} (such lines since its start: {})", last.text, refused.len()),
        ),
        None => finding,
    }
}

/// Two daemons of one home: the second takes the socket over, and whoever is connected stays with the
/// first (`src/os_net/os_net.c OS_BindUnixDomainWithPerms`, 4.14).
fn twice(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    for daemon in facts.daemons() {
        let Some(all) = daemon.processes.get() else { continue };
        let mut alive: Vec<&Process> = all
            .iter()
            .filter(|process| process.state != 'Z')
            // wazuh-control tries a configuration so before it restarts (`src/init/wazuh-server.sh
            // testconfig`, 4.14).
            .filter(|process| !process.args.iter().any(|argument| argument == "-t"))
            // Between fork and exec a child is a copy of its parent.
            .filter(|process| {
                !all.iter().any(|parent| parent.pid == process.ppid && parent.pid != process.pid)
            })
            .collect();
        if alive.len() < 2 {
            continue;
        }
        // Who may not look at a program knows it by a name that another installation has too.
        if let Some(hidden) = alive.iter().find(|process| process.exe.is_none()) {
            let why = format!("whose {} it is may be told to root only", daemon.name);
            let gap = Gap::denied(format!("/proc/{}/exe", hidden.pid), why);
            sink.unknown(checks::DAEMON_TWICE, facts.indices(Response::is_here), gap);
            continue;
        }
        alive.sort_by_key(|process| (process.start, process.pid));
        let short = daemon.name.rsplit('-').next().unwrap_or(&daemon.name);
        let (title, cause, responses) = match short {
            "execd" => (
                format!(
                    "{} processes {} of this installation run: messages go to one, timeouts and blocks are with another.",
                    alive.len(),
                    daemon.name
                ),
                "The one that starts last takes the socket over without a word. Whoever is connected already goes on sending to the one before, others send to the last. Each counts timeouts and repeated offenders by itself.",
                facts.indices(Response::is_here),
            ),
            "agentd" => (
                format!(
                    "{} processes {} of this installation run with one key: they push each other off the manager.",
                    alive.len(),
                    daemon.name
                ),
                "The manager keeps the last connection of an agent. Responses go to whichever connected last.",
                facts.indices(Response::is_here),
            ),
            "analysisd" | "remoted" => (
                format!(
                    "{} processes {} of this installation run: each gets a part of the events or agents.",
                    alive.len(),
                    daemon.name
                ),
                "The one that starts last takes the sockets over without a word; counters and queues are kept in each by itself.",
                facts.meant_to_run(),
            ),
            _ => continue,
        };
        let mut finding = Finding::new(checks::DAEMON_TWICE, Subject::Process(daemon.name.clone()), title)
            .cause(cause)
            .stops(responses)
            .shares(format!("process:{short}"))
            .remedy(format!(
                "kill {}",
                alive.iter().map(|process| process.pid.to_string()).collect::<Vec<_>>().join(" ")
            ))
            .remedy(restart(facts))
            .verify(format!("pgrep -c {}", quote(daemon.comm())));
        for process in alive {
            finding = finding.observed(
                format!("process {}", process.pid),
                format!("started {} by process {}", instant(process.start), process.ppid),
            );
        }
        sink.find(finding);
    }
}

/// Daemons that end without a word and are started again, by a watchdog or by hand.
fn restarts(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let log = facts.daemon_log();
    if let Some(gap) = log.unknown() {
        sink.unknown(checks::DAEMON_RESTARTS, facts.indices(Response::is_here), gap);
        return;
    }
    let Some(lines) = log.get() else { return };
    let Some(end) = lines.iter().map(|line| line.time).max() else { return };
    for daemon in facts.daemons() {
        let sudden: Vec<_> = daemon_log::sudden_ends(lines, &daemon.name)
            .into_iter()
            .filter(|line| end - line.time < DAY && !daemon_log::is_end_of_all(lines, line))
            .collect();
        // Once is a power cut, or a kill -9 by somebody.
        let (Some(first), Some(last)) = (sudden.first(), sudden.last()) else { continue };
        if sudden.len() < 2 {
            continue;
        }
        let matters = !matches!(daemon.name.rsplit('-').next(), Some("logcollector"));
        if !matters {
            continue;
        }
        let responses = match facts.role() {
            Role::Agent => facts.indices(Response::is_here),
            Role::Manager => facts.meant_to_run(),
        };
        let mut finding = Finding::new(
            checks::DAEMON_RESTARTS,
            Subject::Process(daemon.name.clone()),
            format!(
                "{} ended {} times in a day without a word and was started again: responses of that time are lost.",
                daemon.name,
                sudden.len()
            ),
        )
        .confidence(Confidence::Likely)
        .cause("An orderly end leaves (1225), a refusal CRITICAL. A crash, the kernel's memory killer and kill -9 leave nothing, and whoever started it again did so after that. Blocks that were active are never lifted.")
        .observed(log.source.clone(), first.text.clone());
        if first != last {
            finding = finding.observed(log.source.clone(), last.text.clone());
        }
        if let Some(process) = daemon.process() {
            finding = finding
                .observed(format!("process {}", process.pid), format!("started {}", instant(process.start)));
        }
        let others = facts.daemons().iter().filter(|other| other.name != daemon.name);
        if let Some((name, start)) = others
            .filter_map(|other| Some((&other.name, other.process()?.start)))
            .min_by_key(|(_, start)| *start)
        {
            finding = finding.observed(name.clone(), format!("runs since {}", instant(start)));
        }
        sink.find(
            finding
                .remedy(format!(
                    "journalctl -k --since -1d | grep -iE 'oom|killed process|segfault|{}'",
                    daemon.comm()
                ))
                .remedy("coredumpctl list")
                .verify(format!(
                    "grep -c '{}.*Started (pid' {}",
                    daemon.name,
                    under_home(facts, "logs/ossec.log")
                ))
                .stops(responses)
                .shares(format!("process:{}", daemon.name.rsplit('-').next().unwrap_or(&daemon.name))),
        );
    }
}
