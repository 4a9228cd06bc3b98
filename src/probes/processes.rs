//! execd and its neighbours: daemons that are needed and do not run, that run twice or over and over
//! again, and what execd may not do, by its capabilities, its namespaces, its filter of system calls and
//! its systemd unit. What it may not do matters only where a response of this host asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::executable::about_all;
use super::feedback::{blocks_nothing, locking};
use super::{Probe, Sink, quote, restart, service, under_home};
use crate::facts::change::instant;
use crate::facts::demand::Demand;
use crate::facts::executable::mount_of;
use crate::facts::{Daemon, Executable, Facts, Response, Service};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::capability::{self, Reach};
use crate::host::process::{Namespaces, Seccomp};
use crate::host::systemd::{Filter, Setting, is_yes};
use crate::host::{Gap, GapKind, Process, ProcessDetail};
use crate::wazuh::daemon_log::{self, Event};
use crate::wazuh::install::Kind;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;

/// Daemons, and what execd may do.
pub(super) const PROBE: Probe = Probe { name: "processes", checks: CHECKS, run };

const CHECKS: &[CheckId] = &[
    checks::DAEMON_NOT_RUNNING,
    checks::DAEMON_RESTARTS,
    checks::DAEMON_TWICE,
    checks::CAPABILITY_MISSING,
    checks::OTHER_NETWORK,
    checks::UNIT_RESTRICTS,
    checks::SYSTEM_CALLS_FILTERED,
];

/// Seconds within which starts count as a loop.
const DAY: i64 = 86_400;

/// Seconds by which the start of a process may be wrong against the time of a file.
const SLACK: i64 = 2;

/// Numbers of the namespaces that the kernel makes at its start (`include/linux/proc_ns.h`); that of the
/// network has none of its own, but is among the first that are given out.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;
const FIRST_NAMESPACES: std::ops::Range<u64> = 0xEFFF_FFF0..0xF000_00D0;

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
    let demands = facts.demands();
    capabilities(facts, sink, &demands);
    network(facts, sink, &demands);
    unit(facts, sink, &demands);
    system_calls(facts, sink, &demands);
}

fn executables<'f>(demands: &[&Demand<'f>]) -> Vec<&'f Executable> {
    let mut found: Vec<&Executable> = Vec::new();
    for demand in demands {
        if !found.iter().any(|known| known.path == demand.executable.path) {
            found.push(demand.executable);
        }
    }
    found
}

fn users(facts: &Facts<'_>, demands: &[&Demand<'_>]) -> Vec<ResponseIndex> {
    executables(demands).into_iter().flat_map(|executable| facts.users_of(executable)).collect()
}

/// The first response for a title, and how many more.
fn who(facts: &Facts<'_>, indices: &[ResponseIndex]) -> String {
    let names: BTreeSet<&ResponseIndex> = indices.iter().collect();
    let first = indices.first().and_then(|&index| facts.response(index));
    let first = first.map_or_else(|| "A response".to_owned(), Response::shown);
    match names.len() {
        0 | 1 => first,
        2 => format!("{first} (and 1 more response)"),
        more => format!("{first} (and {} more responses)", more - 1),
    }
}

/// Names of what is called, each once.
fn callees(demands: &[&Demand<'_>]) -> String {
    let names: BTreeSet<&str> = demands.iter().map(|demand| demand.by.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// Error where a response stops, warning where it may do without.
fn severity(demands: &[&Demand<'_>]) -> Severity {
    if demands.iter().all(|demand| demand.optional) { Severity::Warning } else { Severity::Error }
}

fn confidence(demands: &[&Demand<'_>]) -> Confidence {
    if demands.iter().any(|demand| demand.shipped) { Confidence::Proven } else { Confidence::Likely }
}

fn with_calls(finding: Finding, demands: &[&Demand<'_>]) -> Finding {
    let calls = demands.iter().filter_map(|demand| demand.evidence.clone());
    calls.take(3).fold(finding, Finding::evidence)
}

// Daemons.

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
    let down: Vec<_> = needed
        .iter()
        .filter(|(daemon, responses, _)| {
            daemon.running().get() == Some(&false) && (!responses.is_empty() || facts.role() == Role::Agent)
        })
        .collect();
    let Some((first, _, why)) = down.first() else { return };
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
            let gap = Gap {
                kind: GapKind::Denied,
                source: format!("/proc/{}/exe", hidden.pid),
                why: format!("whose {} it is may be told to root only", daemon.name),
            };
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
            .filter(|line| end - line.time < DAY)
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

// What execd may do.

/// The details of execd; the gap put down where there are none. Nothing where it does not run.
fn detail<'f>(
    facts: &'f Facts<'_>,
    sink: &mut Sink<'_, '_>,
    check: CheckId,
    demands: &[&Demand<'_>],
) -> Option<&'f ProcessDetail> {
    let detail = facts.execd_detail();
    if let Some(gap) = detail.unknown() {
        sink.unknown(check, users(facts, demands), gap);
    }
    detail.get()
}

fn has(set: u64, number: u32) -> bool {
    set.checked_shr(number).is_some_and(|set| set & 1 == 1)
}

/// What a program that execd starts can have at most (capabilities(7), "Transformation of capabilities
/// during execve()": root gets what the bounding set leaves; with no_new_privs not more than execd has).
fn left(detail: &ProcessDetail) -> Result<u64, Gap> {
    let gap = |gap: Option<Gap>, file: &str| {
        gap.unwrap_or_else(|| Gap {
            kind: GapKind::Failed,
            source: format!("/proc/{}/{file}", detail.pid),
            why: "does not tell".to_owned(),
        })
    };
    let Some(sets) = detail.capabilities.get() else {
        return Err(gap(detail.capabilities.unknown(), "status"));
    };
    let Some(user) = detail.credentials.get() else {
        return Err(gap(detail.credentials.unknown(), "status"));
    };
    if let Some(unknown) = detail.no_new_privs.unknown() {
        return Err(unknown);
    }
    Ok(match (user.euid, detail.no_new_privs.get()) {
        (0, Some(true)) => sets.bounding & sets.permitted,
        (0, _) => sets.bounding,
        _ => sets.ambient,
    })
}

/// Whether execd lives in another user namespace than the network it is to change.
fn is_foreign_root(detail: &ProcessDetail) -> bool {
    detail
        .namespaces
        .get()
        .is_some_and(|namespaces| namespaces.others.contains("user") && !namespaces.others.contains("net"))
}

fn capabilities(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, demands: &[Demand<'_>]) {
    let check = checks::CAPABILITY_MISSING;
    let asking: Vec<&Demand<'_>> = demands.iter().filter(|demand| !demand.capabilities.is_empty()).collect();
    if asking.is_empty() {
        return;
    }
    let Some(detail) = detail(facts, sink, check, &asking) else { return };
    let mut left = match left(detail) {
        Ok(left) => left,
        Err(gap) => return sink.unknown(check, users(facts, &asking), gap),
    };
    let foreign = is_foreign_root(detail);
    if foreign {
        left &= !(1 << capability::NET_ADMIN | 1 << capability::NET_RAW);
    }
    let mut missing: BTreeMap<u32, Vec<&Demand<'_>>> = BTreeMap::new();
    for demand in &asking {
        for &number in demand.capabilities.iter().filter(|&&number| !has(left, number)) {
            missing.entry(number).or_default().push(demand);
        }
    }
    if missing.is_empty() {
        return;
    }
    let numbers: Vec<u32> = missing.keys().copied().collect();
    let mut concerned: Vec<&Demand<'_>> = Vec::new();
    for demand in missing.into_values().flatten() {
        if !concerned.iter().any(|known| std::ptr::eq(*known, demand)) {
            concerned.push(demand);
        }
    }
    let names: Vec<String> = numbers.iter().map(|&number| capability::name(number)).collect();
    let named = names.join(", ");
    let responses = users(facts, &concerned);
    let sets = detail.capabilities.get().copied().unwrap_or_default();
    let who = who(facts, &responses);
    let mut finding = Finding::new(
        check,
        Subject::Process("execd".to_owned()),
        if foreign {
            format!("{who} has no effect: execd's root is that of a user namespace, and may not do what {} asks.", callees(&concerned))
        } else {
            format!("{who} has no effect: execd and all it starts lack {named}, which {} needs.", callees(&concerned))
        },
    )
    .severity(severity(&concerned))
    .confidence(confidence(&concerned))
    .cause("The kernel refuses the change although the script runs as root. Wazuh's own programs do not look at the exit status and write \"Ended\" as after a success; messages go to /dev/null.")
    .observed(
        detail.capabilities.source.clone(),
        format!("CapBnd {:016x}, CapPrm {:016x}: no {named}", sets.bounding, sets.permitted),
    );
    if foreign {
        finding =
            finding.observed(detail.namespaces.source.clone(), "user: another one than that of the host");
    }
    if let Some(user) = detail.credentials.get().filter(|user| user.euid != 0) {
        finding = finding.observed(detail.credentials.source.clone(), format!("runs as uid {}", user.euid));
    }
    if detail.no_new_privs.get() == Some(&true) {
        finding = finding.observed(detail.no_new_privs.source.clone(), "NoNewPrivs 1");
    }
    finding = with_calls(finding, &concerned);
    for line in remedies(facts, &names) {
        finding = finding.remedy(line);
    }
    let finding = finding
        .verify(format!("grep Cap /proc/$(pgrep -o {})/status", execd_comm(facts)))
        .shares("process:execd");
    sink.find(about_all(facts, &executables(&concerned), finding));
}

fn execd_comm<'f>(facts: &'f Facts<'_>) -> &'f str {
    facts.execd().map_or("wazuh-execd", Daemon::comm)
}

/// How capabilities are given back, to a container or to a service.
fn remedies(facts: &Facts<'_>, names: &[String]) -> Vec<String> {
    if container(facts).is_some() {
        let short: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix("CAP_")).collect();
        let options: Vec<String> = short.iter().map(|name| format!("--cap-add {name}")).collect();
        return vec![
            format!("start the container again with: {}", options.join(" ")),
            format!("or in Kubernetes: securityContext.capabilities.add: [{}]", short.join(", ")),
        ];
    }
    vec![
        format!("systemctl cat {} | grep -E 'Capabilit|User|NoNewPriv'", service(facts)),
        format!("systemctl daemon-reload && {}", restart(facts)),
    ]
}

/// What shows that the host that is read is a container of one application.
fn container(facts: &Facts<'_>) -> Option<(String, String)> {
    for path in ["/.dockerenv", "/run/.containerenv", "/run/secrets/kubernetes.io"] {
        if facts.entry(Path::new(path)).get().is_some() {
            return Some((path.to_owned(), "is there: this is a container".to_owned()));
        }
    }
    let cgroup = &facts.execd_detail().get()?.cgroup;
    let path = cgroup.get()?;
    let engine = ["kubepods", "docker-", "/docker/", "libpod-", "cri-containerd-", "crio-"]
        .into_iter()
        .find(|engine| path.contains(engine))?;
    Some((cgroup.source.clone(), format!("{path}: a container of {}", engine.trim_matches(['-', '/']))))
}

/// Blocks in a network namespace through which the host's traffic does not pass.
fn network(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, demands: &[Demand<'_>]) {
    let check = checks::OTHER_NETWORK;
    let asking: Vec<&Demand<'_>> = demands.iter().filter(|demand| demand.reaches == Reach::Changes).collect();
    if asking.is_empty() {
        return;
    }
    let Some(detail) = detail(facts, sink, check, &asking) else { return };
    if let Some(gap) = detail.namespaces.unknown() {
        return sink.unknown(check, users(facts, &asking), gap);
    }
    let Some(namespaces) = detail.namespaces.get() else { return };
    let responses = users(facts, &asking);
    let who = who(facts, &responses);
    let net = namespaces.numbers.get("net");
    let number = net.map_or_else(String::new, |number| format!("net:[{number}]"));
    let finding = if namespaces.others.contains("net") {
        Finding::new(
            check,
            Subject::Process("execd".to_owned()),
            format!("{who} does not block the host's traffic: execd lives in a network namespace of its own."),
        )
        .severity(severity(&asking))
        .confidence(Confidence::Likely)
        .cause("Rules, routes and links are those of a network namespace. What a script changes there, no packet of the host meets, and the log says \"Ended\" as after a success.")
        .observed(detail.namespaces.source.clone(), format!("{number}, another one than that of the host"))
        .remedy("take away what puts execd there: PrivateNetwork= or NetworkNamespacePath= of its unit, `ip netns exec`, or `unshare -n`")
        .remedy(restart(facts))
    } else {
        let Some((source, text)) = container(facts) else { return };
        if !is_contained(namespaces) {
            return;
        }
        Finding::new(
            check,
            Subject::Process("execd".to_owned()),
            format!("{who} does not block the host's traffic: the daemons run in a container with a network of its own."),
        )
        .severity(Severity::Warning)
        .confidence(Confidence::Likely)
        .cause("Rules, routes and links are those of a network namespace. What a script changes there stops packets to and from this container only; a host that it watches goes on answering.")
        .observed(source, text)
        .observed(detail.namespaces.source.clone(), format!("{number}, not the first of this kernel"))
        .remedy("start the container again with: --network host --cap-add NET_ADMIN --cap-add NET_RAW")
        .remedy("or in Kubernetes: hostNetwork: true")
        .remedy("or install the agent on the host itself")
    };
    let finding = with_calls(finding, &asking)
        .verify(format!(
            "ls -l /proc/1/ns/net /proc/$(pgrep -o {})/ns/net      (on the host)",
            execd_comm(facts)
        ))
        .shares("process:execd");
    sink.find(about_all(facts, &executables(&asking), finding));
}

/// Whether the network is one that was made later than those of the kernel's start. With the kernel's
/// first namespace of processes it is a host's own.
fn is_contained(namespaces: &Namespaces) -> bool {
    let number = |kind: &str| namespaces.numbers.get(kind).copied();
    number("net").is_some_and(|net| !FIRST_NAMESPACES.contains(&net))
        && number("pid").is_some_and(|pid| pid != FIRST_PID_NAMESPACE)
}

// Its unit.

/// Settings that filter system calls.
const FILTERS: &[&str] = &[
    "SystemCallFilter",
    "SystemCallArchitectures",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "MemoryDenyWriteExecute",
    "LockPersonality",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectKernelTunables",
    "ProtectClock",
    "ProtectHostname",
    "PrivateDevices",
];

/// What a setting takes away from a demand.
struct Bar<'s, 'd, 'f> {
    setting: &'s Setting,
    /// What the setting does, behind its name.
    takes: String,
    /// Whether what is called needs that; else the response itself is meant.
    is_needed: bool,
    demand: &'d Demand<'f>,
    /// Whether the running execd shows it; none when nothing can be told.
    seen: Option<bool>,
}

/// Whether a setting counts for the execd that runs.
enum Standing {
    /// It does.
    InForce,
    /// From the next start by the unit on; why it does not yet.
    Later(String),
    /// It cannot be told.
    Unknown(Gap),
}

fn standing(facts: &Facts<'_>, service: &Service, setting: &Setting, seen: Option<bool>) -> Standing {
    let detail = facts.execd_detail();
    if let Some(gap) = detail.unknown() {
        return Standing::Unknown(gap);
    }
    let Some(detail) = detail.get() else {
        return Standing::Later("execd does not run".to_owned());
    };
    if let Some(gap) = detail.cgroup.unknown() {
        return Standing::Unknown(gap);
    }
    let cgroup = detail.cgroup.get().map_or("", String::as_str);
    if !service.holds(cgroup) {
        return Standing::Later(format!("the running execd was not started by {}", service.name));
    }
    let start = facts.execd().and_then(Daemon::process).map_or(i64::MAX, |process| process.start);
    let changed = service.file(setting).map(|file| facts.resolve(&file.path));
    let changed = changed.as_ref().and_then(|target| target.get()).map_or(i64::MIN, |found| found.meta.mtime);
    match seen {
        Some(true) => Standing::InForce,
        Some(false) => Standing::Later("the running execd is without it".to_owned()),
        None if changed > start.saturating_add(SLACK) => {
            Standing::Later("the file was changed after the start of execd".to_owned())
        }
        None => Standing::InForce,
    }
}

fn unit(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, demands: &[Demand<'_>]) {
    let check = checks::UNIT_RESTRICTS;
    let here = facts.indices(Response::is_here);
    if here.is_empty() {
        return;
    }
    let service = facts.service();
    if let Some(gap) = service.unknown() {
        return sink.unknown(check, here, gap);
    }
    let Some(service) = service.get() else { return };
    if let Some(gap) = &service.gap {
        sink.unknown(check, here, gap.clone());
    }
    // With `+` none of this counts (systemd.service(5)).
    if service.unit.last("ExecStart").is_some_and(|start| start.value.starts_with('+')) {
        return;
    }
    other_user(facts, sink, service);
    home_shut(facts, sink, service);
    let detail = facts.execd_detail().get();
    let bars: Vec<Bar<'_, '_, '_>> =
        demands.iter().flat_map(|demand| bars(service, detail, demand)).collect();
    let mut by_setting: BTreeMap<(usize, usize), Vec<&Bar<'_, '_, '_>>> = BTreeMap::new();
    for bar in &bars {
        by_setting.entry((bar.setting.file, bar.setting.start)).or_default().push(bar);
    }
    for bars in by_setting.values() {
        let Some(first) = bars.first() else { continue };
        let setting = first.setting;
        let concerned: Vec<&Demand<'_>> = bars.iter().map(|bar| bar.demand).collect();
        let responses = users(facts, &concerned);
        let takes: BTreeSet<&str> = bars.iter().map(|bar| bar.takes.as_str()).collect();
        let more = takes.len().saturating_sub(3);
        let mut takes = takes.into_iter().take(3).collect::<Vec<_>>().join(" and ");
        if more > 0 {
            takes.push_str(&format!(" and {more} more"));
        }
        let whom =
            if first.is_needed { format!(", which {} needs", callees(&concerned)) } else { String::new() };
        let stands = standing(facts, service, setting, first.seen);
        let who = who(facts, &responses);
        let name = setting.key.as_str();
        let (title, severity) = match &stands {
            Standing::InForce => (
                format!("{who} has no effect: {name}= of {} {takes}{whom}.", service.name),
                severity(&concerned),
            ),
            Standing::Later(_) => (
                format!(
                    "{who} will have no effect once {} starts execd: {name}= {takes}{whom}.",
                    service.name
                ),
                Severity::Warning,
            ),
            Standing::Unknown(_) => (
                format!("{who} has no effect where {} started execd: {name}= {takes}{whom}.", service.name),
                Severity::Warning,
            ),
        };
        let mut finding = Finding::new(check, unit_subject(service, setting), title)
            .severity(severity)
            .confidence(Confidence::Likely)
            .cause("What systemd forbids a service, all its children are forbidden, scripts that run as root too. They fail, their messages go to /dev/null, and Wazuh's own programs write \"Ended\" as after a success.")
            .evidence(service.excerpt(setting, takes.clone()));
        finding = match &stands {
            Standing::InForce => match facts
                .execd_detail()
                .get()
                .and_then(|detail| detail.cgroup.get().map(|cgroup| (detail.pid, cgroup)))
            {
                Some((pid, cgroup)) => finding.observed(format!("/proc/{pid}/cgroup"), cgroup.clone()),
                None => finding,
            },
            Standing::Later(why) => finding.observed(service.name.clone(), why.clone()),
            Standing::Unknown(gap) => {
                sink.unknown(check, responses, gap.clone());
                finding
            }
        };
        finding = with_calls(finding, &concerned);
        let finding = mended(facts, finding, service, setting).shares("process:execd");
        sink.find(about_all(facts, &executables(&concerned), finding));
    }
}

fn unit_subject(service: &Service, setting: &Setting) -> Subject {
    let file = service.file(setting).map_or_else(|| service.name.clone(), |file| file.shown.clone());
    Subject::Config(file, setting.key.clone())
}

fn mended(facts: &Facts<'_>, finding: Finding, service: &Service, setting: &Setting) -> Finding {
    let path = service.file(setting).map_or_else(|| service.name.clone(), |file| file.shown.clone());
    let directory = format!("/etc/systemd/system/{}.d", service.name);
    let undo = match setting.key.as_str() {
        "ProtectSystem" | "ReadOnlyPaths" | "ReadOnlyDirectories" => {
            // Not the files alone: passwd(1) renames new ones over them, and over a mount it cannot.
            Some("ReadWritePaths=/etc -/run")
        }
        "RestrictAddressFamilies" => Some("RestrictAddressFamilies=AF_NETLINK AF_INET AF_INET6 AF_UNIX"),
        "CapabilityBoundingSet" => Some("CapabilityBoundingSet=~"),
        "SystemCallFilter" => Some("SystemCallFilter="),
        _ => None,
    };
    let is_list = setting.value.starts_with('~');
    let finding = match undo {
        // Behind a list of what is forbidden the names would be read the other way only in part.
        Some(undo) if !(is_list && setting.key == "RestrictAddressFamilies") => finding.remedy(format!(
            "mkdir -p {directory} && printf '[Service]\\n{undo}\\n' >{directory}/zz-active-response.conf"
        )),
        _ => finding.remedy(format!("sed -i 's/^{}=/# &/' {}", setting.key, quote(&path))),
    };
    finding
        .remedy(format!("systemctl daemon-reload && {}", restart(facts)))
        .verify(format!("systemctl show {} -p {}", service.name, setting.key))
}

/// execd enters its group, which only root can, and ends with (1130) otherwise
/// (`src/os_execd/main.c main`, `src/shared/privsep_op.c Privsep_SetGroup`, 4.14).
fn other_user(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, service: &Service) {
    let setting = match service.unit.last("User") {
        Some(user) if matches!(user.value.as_str(), "root" | "0") => return,
        Some(user) => user,
        None => match service.unit.last("DynamicUser").filter(|setting| is_yes(&setting.value)) {
            Some(setting) => setting,
            None => return,
        },
    };
    if service.unit.last("ExecStart").is_some_and(|start| start.value.starts_with('!')) {
        return;
    }
    let here = facts.indices(Response::is_here);
    let is_down = facts.execd().is_some_and(|execd| execd.running().get() == Some(&false));
    let title = if is_down {
        format!("No response runs on this host: {} does not start execd as root.", service.name)
    } else {
        format!("No response will run after the next start: {} does not start execd as root.", service.name)
    };
    let finding = Finding::new(checks::UNIT_RESTRICTS, unit_subject(service, setting), title)
        .severity(if is_down { Severity::Error } else { Severity::Warning })
        .confidence(Confidence::Likely)
        .cause("execd ends with CRITICAL (1130) \"Unable to switch to group\" when it is not started by root. The scripts it runs could change neither firewall nor accounts.")
        .evidence(service.excerpt(setting, "not root"))
        .stops(here)
        .shares("process:execd");
    sink.find(mended(facts, finding, service, setting));
}

/// execd makes its pid file and its socket below the home, and ends with (1212) or (1210) where it cannot
/// (`src/os_execd/main.c main`, 4.14).
fn home_shut(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, service: &Service) {
    let places = ["var/run", "queue/alerts", "logs"].map(|place| facts.under_home(place));
    let shut = places.iter().find_map(|place| {
        let real = facts.resolve(place);
        let real = real.get().map_or(place, |resolved| &resolved.path);
        Some((real.display().to_string(), service.unit.shuts(&real.to_string_lossy())?))
    });
    let Some((place, setting)) = shut else { return };
    let detail = facts.execd_detail().get();
    let seen = detail.and_then(|detail| seen_shut(detail, &place));
    let stands = standing(facts, service, setting, seen);
    let is_down = facts.execd().is_some_and(|execd| execd.running().get() == Some(&false));
    let unit = &service.name;
    let (title, severity) = match stands {
        Standing::InForce => {
            let bin = facts.resolve(&facts.under_home("active-response/bin"));
            let no_lock =
                bin.get().is_some_and(|bin| service.unit.shuts(&bin.path.to_string_lossy()).is_some());
            let stuck: Vec<_> =
                locking(facts).iter().flat_map(|executable| facts.users_of(executable)).collect();
            let (what, place) = match (bin.get(), stuck.is_empty()) {
                (Some(bin), false) if no_lock => {
                    (blocks_nothing(facts, &stuck), bin.path.display().to_string())
                }
                _ => ("No response leaves a trace".to_owned(), place.clone()),
            };
            (format!("{what}: {unit} makes {place} read-only for execd."), Severity::Error)
        }
        Standing::Later(_) if is_down => (
            format!(
                "No response runs on this host: {unit} makes {place} read-only, and execd does not come up."
            ),
            Severity::Error,
        ),
        _ => (
            format!("No response runs where {unit} starts execd: it makes {place} read-only."),
            Severity::Warning,
        ),
    };
    if let Standing::Unknown(gap) = stands {
        sink.unknown(checks::UNIT_RESTRICTS, facts.indices(Response::is_here), gap);
    }
    let directory = format!("/etc/systemd/system/{unit}.d");
    let home = facts.install.home.display().to_string();
    sink.find(
        Finding::new(checks::UNIT_RESTRICTS, Subject::Config(place.clone(), setting.key.clone()), title)
            .severity(severity)
            .confidence(Confidence::Likely)
            .cause("execd makes its pid file and its socket below the home at its start and ends with (1212) or (1210) where it cannot; scripts write their log there.")
            .evidence(service.excerpt(setting, format!("holds {place} too")))
            .remedy(format!(
                "mkdir -p {directory} && printf '[Service]\\nReadWritePaths=%s\\n' {} >{directory}/zz-home.conf",
                quote(&home)
            ))
            .remedy(format!("systemctl daemon-reload && {}", restart(facts)))
            .verify(format!("systemctl show {unit} -p ReadWritePaths -p {}", setting.key))
            .stops(facts.indices(Response::is_here))
            .shares("process:execd"),
    );
}

/// Whether a path is read-only for a process; none where that cannot be told.
fn seen_shut(detail: &ProcessDetail, path: &str) -> Option<bool> {
    if detail.mounts.is_absent() {
        // It lives with the reader, for whom systemd changed nothing.
        return Some(false);
    }
    let mount = mount_of(&detail.mounts, Path::new(path));
    mount.get().map(|mount| mount.options.iter().any(|option| option == "ro"))
}

/// What the settings of a unit take away from a demand.
fn bars<'s, 'd, 'f>(
    service: &'s Service,
    detail: Option<&ProcessDetail>,
    demand: &'d Demand<'f>,
) -> Vec<Bar<'s, 'd, 'f>> {
    let unit = &service.unit;
    let mut bars: Vec<Bar<'s, 'd, 'f>> = Vec::new();
    let mut bar = |setting: &'s Setting, takes: String, seen: Option<bool>| {
        let is_needed = !takes.starts_with("hides /") && !takes.starts_with("forbids starting");
        bars.push(Bar { setting, takes, is_needed, demand, seen });
    };
    let filtered =
        detail.and_then(|detail| detail.seccomp.get()).map(|seccomp| *seccomp != Seccomp::Disabled);
    let namespaces = detail.and_then(|detail| detail.namespaces.get());
    let lives_apart = |kind: &str| namespaces.map(|namespaces| namespaces.others.contains(kind));

    // What systemd takes from the bounding set besides (systemd.exec(5)).
    let mut bounds: Vec<(u64, &Setting)> = unit.capabilities().into_iter().collect();
    let modules = unit.on("ProtectKernelModules");
    bounds.extend(modules.map(|setting| (capability::ALL & !(1 << capability::SYS_MODULE), setting)));
    for (set, setting) in bounds {
        let taken: Vec<u32> =
            demand.capabilities.iter().copied().filter(|&number| !has(set, number)).collect();
        if taken.is_empty() {
            continue;
        }
        let left = detail.and_then(|detail| left(detail).ok());
        let seen = left.map(|left| taken.iter().any(|&number| !has(left, number)));
        let names: Vec<String> = taken.into_iter().map(capability::name).collect();
        bar(setting, format!("takes {} away", names.join(", ")), seen);
    }
    if let Some((families, setting)) = unit.filter("RestrictAddressFamilies") {
        let taken: Vec<&str> =
            demand.families.iter().copied().filter(|family| !families.lets(family)).collect();
        if !taken.is_empty() {
            bar(setting, format!("forbids sockets of {}", taken.join(", ")), filtered);
        }
    }
    if let Some((calls, setting)) = unit.filter("SystemCallFilter") {
        for (what, groups, is_common) in calls_of(demand) {
            if refuses(&calls, groups, is_common) {
                bar(setting, format!("forbids {what}"), filtered);
                break;
            }
        }
    }
    if demand.reaches != Reach::Nothing {
        let alone = unit.on("PrivateNetwork").or_else(|| unit.last("NetworkNamespacePath"));
        if let Some(setting) = alone {
            bar(setting, "hides the network of the host".to_owned(), lives_apart("net"));
        }
    }
    if demand.reaches == Reach::Talks {
        let denied = unit.list("IPAddressDeny").into_iter().find(|(word, _)| *word == "any");
        if let Some((_, setting)) = denied.filter(|_| unit.list("IPAddressAllow").is_empty()) {
            bar(setting, "forbids every connection".to_owned(), None);
        }
    }
    if demand.capabilities.iter().any(|&number| matches!(number, capability::NET_ADMIN | capability::NET_RAW))
        && let Some(setting) = unit.last("PrivateUsers").filter(|setting| !is_no(&setting.value))
    {
        bar(setting, "takes root's rights over the network away".to_owned(), lives_apart("user"));
    }
    for path in &demand.writes {
        if let Some(setting) = unit.shuts(path) {
            let seen = detail.and_then(|detail| seen_shut(detail, path));
            bar(setting, format!("forbids writing to {path}"), seen);
        }
    }
    let inside = |path: &str| ["/home/", "/root/"].iter().any(|home| path.starts_with(home));
    let program = demand.program.as_deref().unwrap_or(&demand.by);
    if inside(program)
        && let Some(setting) = unit.last("ProtectHome").filter(|setting| {
            // With read-only a program there is still started.
            is_yes(&setting.value) || setting.value == "tmpfs"
        })
    {
        bar(setting, format!("hides {program}, with all homes"), lives_apart("mnt"));
    }
    let script = demand.executable.path.to_string_lossy();
    for path in [program, script.as_ref()] {
        if let Some(setting) = unit.forbids_start(path) {
            bar(setting, format!("forbids starting {path}"), lives_apart("mnt"));
            break;
        }
    }
    if demand.makes_code
        && let Some(setting) = unit.on("MemoryDenyWriteExecute")
    {
        bar(setting, "forbids memory that is written and executed".to_owned(), filtered);
    }
    // Root gains nothing by the bit, so only another user loses it.
    let is_root = detail.and_then(|detail| detail.credentials.get()).is_none_or(|user| user.euid == 0);
    if demand.is_setuid
        && !is_root
        && let Some(setting) = unit.on("NoNewPrivileges")
    {
        let seen = detail.and_then(|detail| detail.no_new_privs.get().copied());
        bar(setting, "takes the set-user-ID bit away".to_owned(), seen);
    }
    bars
}

fn is_no(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "n" | "false" | "f" | "off")
}

/// Which system calls a demand makes: in words, by group and name, and whether `@system-service` holds them.
fn calls_of(demand: &Demand<'_>) -> Vec<(&'static str, &'static [&'static str], bool)> {
    let asks = |number: u32| demand.capabilities.contains(&number);
    let mut calls: Vec<(&'static str, &'static [&'static str], bool)> = Vec::new();
    if !demand.families.is_empty() {
        calls.push(("sockets", &["@network-io", "socket"], true));
    }
    if asks(capability::CHOWN) {
        calls.push(("chown(2)", &["@chown", "@privileged", "chown", "fchown", "fchownat"], true));
    }
    if asks(capability::SETUID) {
        calls.push(("setuid(2)", &["@setuid", "@privileged", "setuid", "setresuid"], true));
    }
    if asks(capability::SYS_MODULE) {
        calls.push(("loading modules", &["@module", "@privileged", "init_module", "finit_module"], false));
    }
    if asks(capability::SYS_ADMIN) {
        calls.push(("mount(2)", &["@mount", "mount", "umount2"], false));
    }
    calls
}

fn refuses(filter: &Filter, groups: &[&str], is_common: bool) -> bool {
    let named = |names: &BTreeSet<String>| groups.iter().any(|group| names.contains(*group));
    if !filter.allows {
        return named(&filter.names) || (is_common && filter.names.contains("@system-service"));
    }
    let allowed = named(&filter.names) || (is_common && filter.names.contains("@system-service"));
    !allowed || named(&filter.except)
}

/// A filter that nothing on the disk accounts for.
fn system_calls(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, demands: &[Demand<'_>]) {
    let check = checks::SYSTEM_CALLS_FILTERED;
    let asking: Vec<&Demand<'_>> = demands
        .iter()
        .filter(|demand| !demand.families.is_empty() || !demand.capabilities.is_empty())
        .collect();
    if asking.is_empty() {
        return;
    }
    // A hint changes no stage, so what is not known of it does not either.
    let detail = facts.execd_detail();
    let gap = detail.unknown().or_else(|| detail.get()?.seccomp.unknown());
    if let Some(gap) = gap {
        return sink.unknown(check, Vec::new(), gap);
    }
    let Some(detail) = detail.get() else { return };
    if detail.seccomp.get() != Some(&Seccomp::Filter) || container(facts).is_some() {
        return;
    }
    let cgroup = detail.cgroup.get().map_or("", String::as_str);
    let explained = facts.service().get().is_some_and(|service| {
        service.holds(cgroup) && FILTERS.iter().any(|key| service.unit.last(key).is_some())
    });
    if explained {
        return;
    }
    let responses = users(facts, &asking);
    let finding = Finding::new(
        check,
        Subject::Process("execd".to_owned()),
        format!("{} may be refused system calls: execd runs under a filter.", who(facts, &responses)),
    )
    .confidence(Confidence::Possible)
    .cause("A filter of system calls is kept by all children. What it refuses cannot be read from outside; nothing in the unit accounts for it, so whoever started execd set it.")
    .observed(detail.seccomp.source.clone(), "Seccomp 2")
    .remedy(format!("journalctl -k | grep 'type=1326.*{}'", execd_comm(facts)))
    .remedy(restart(facts))
    .verify(format!("grep Seccomp /proc/$(pgrep -o {})/status", execd_comm(facts)))
    .shares("process:execd");
    sink.find(about_all(facts, &executables(&asking), finding));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(allows: bool, names: &[&str], except: &[&str]) -> Filter {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Filter { allows, names: set(names), except: set(except) }
    }

    #[test]
    fn filters_of_system_calls() {
        let sockets: &[&str] = &["@network-io", "socket"];
        let chown: &[&str] = &["@chown", "@privileged", "chown"];
        let modules: &[&str] = &["@module", "init_module"];
        for (allows, names, except, groups, common, refused) in [
            (true, &["@system-service"][..], &[][..], sockets, true, false),
            (true, &["@basic-io"], &[], sockets, true, true),
            (true, &["@basic-io", "socket"], &[], sockets, true, false),
            (true, &["@system-service"], &["@privileged"], chown, true, true),
            (true, &["@system-service"], &["@privileged"], sockets, true, false),
            (true, &["@system-service"], &[], modules, false, true),
            (false, &["@mount"], &[], sockets, true, false),
            (false, &["@network-io"], &[], sockets, true, true),
            (false, &["@module"], &[], modules, false, true),
        ] {
            let filter = filter(allows, names, except);
            assert_eq!(refuses(&filter, groups, common), refused, "{filter:?} {groups:?}");
        }
    }

    #[test]
    fn namespaces_of_a_container() {
        let namespaces = |net: u64, pid: u64| Namespaces {
            numbers: [("net".to_owned(), net), ("pid".to_owned(), pid)].into(),
            others: BTreeSet::new(),
        };
        for (net, pid, contained) in [
            (4_026_531_840, 4_026_531_836, false),
            (4_026_531_992, 4_026_531_836, false),
            // A container on the network of the host.
            (4_026_531_840, 4_026_532_300, false),
            (4_026_532_405, 4_026_532_300, true),
            // A host whose namespace was made late.
            (4_026_532_405, 4_026_531_836, false),
        ] {
            assert_eq!(is_contained(&namespaces(net, pid)), contained, "{net} {pid}");
        }
    }
}
