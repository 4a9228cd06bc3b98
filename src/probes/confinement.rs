//! What execd, and with it every script, may not do: by its capabilities, its namespaces, its filter of system
//! calls and its systemd unit ([`super::unit`]). It matters only where a response of this host asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::executable::about_all;
use super::{Probe, Sink, restart, service, unit};
use crate::facts::demand::Demand;
use crate::facts::executable::mount_of;
use crate::facts::{Daemon, Executable, Facts, Response};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::capability::{self, Reach};
use crate::host::process::{Namespaces, Seccomp};
use crate::host::{Gap, ProcessDetail};

/// What execd may do.
pub(super) const PROBE: Probe = Probe { name: "confinement", checks: CHECKS, run };

const CHECKS: &[CheckId] = &[
    checks::CAPABILITY_MISSING,
    checks::OTHER_NETWORK,
    checks::UNIT_RESTRICTS,
    checks::SYSTEM_CALLS_FILTERED,
];

/// Numbers of the namespaces that the kernel makes at its start (`include/linux/proc_ns.h`); that of the
/// network has none of its own, but is among the first that are given out.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;
const FIRST_NAMESPACES: std::ops::Range<u64> = 0xEFFF_FFF0..0xF000_00D0;

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() {
        return;
    }
    let demands = facts.demands();
    capabilities(facts, sink, &demands);
    network(facts, sink, &demands);
    unit::restricts(facts, sink, &demands);
    system_calls(facts, sink, &demands);
}

pub(super) fn executables<'f>(demands: &[&Demand<'f>]) -> Vec<&'f Executable> {
    let mut found: Vec<&Executable> = Vec::new();
    for demand in demands {
        if !found.iter().any(|known| known.path == demand.executable.path) {
            found.push(demand.executable);
        }
    }
    found
}

pub(super) fn users(facts: &Facts<'_>, demands: &[&Demand<'_>]) -> Vec<ResponseIndex> {
    executables(demands).into_iter().flat_map(|executable| facts.users_of(executable)).collect()
}

/// The first response for a title, and how many more.
pub(super) fn who(facts: &Facts<'_>, indices: &[ResponseIndex]) -> String {
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
pub(super) fn callees(demands: &[&Demand<'_>]) -> String {
    let names: BTreeSet<&str> = demands.iter().map(|demand| demand.by.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// Error where a response stops, warning where it may do without.
pub(super) fn severity(demands: &[&Demand<'_>]) -> Severity {
    if demands.iter().all(|demand| demand.optional) { Severity::Warning } else { Severity::Error }
}

fn confidence(demands: &[&Demand<'_>]) -> Confidence {
    if demands.iter().any(|demand| demand.shipped) { Confidence::Proven } else { Confidence::Likely }
}

pub(super) fn with_calls(finding: Finding, demands: &[&Demand<'_>]) -> Finding {
    let calls = demands.iter().filter_map(|demand| demand.evidence.clone());
    calls.take(3).fold(finding, Finding::evidence)
}

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

pub(super) fn has(set: u64, number: u32) -> bool {
    set.checked_shr(number).is_some_and(|set| set & 1 == 1)
}

/// What a program that execd starts can have at most (capabilities(7), "Transformation of capabilities
/// during execve()": root gets what the bounding set leaves; with no_new_privs not more than execd has).
pub(super) fn left(detail: &ProcessDetail) -> Result<u64, Gap> {
    let gap = |gap: Option<Gap>, file: &str| {
        gap.unwrap_or_else(|| Gap::failed(format!("/proc/{}/{file}", detail.pid), "does not tell"))
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
    let detail = facts.execd_detail().get()?;
    let cgroup = &detail.cgroup;
    let path = cgroup.get().map_or("", String::as_str);
    let engine = ["kubepods", "docker-", "/docker/", "libpod-", "cri-containerd-", "crio-"]
        .into_iter()
        .find(|engine| path.contains(engine));
    if let Some(engine) = engine {
        let engine = engine.trim_matches(['-', '/']);
        return Some((cgroup.source.clone(), format!("{path}: a container of {engine}")));
    }
    // A pod without a service account, where the engine hides the control group.
    let pid = detail.namespaces.get()?.numbers.get("pid")?;
    let root = mount_of(facts.mounts(), Path::new("/"));
    let is_image = root.get().is_some_and(|root| root.fstype == "overlay");
    (is_image && *pid != FIRST_PID_NAMESPACE).then(|| {
        let text = "/ is an overlay, and processes have a namespace of their own: this is a container";
        (root.source.clone(), text.to_owned())
    })
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
        service.holds(cgroup) && unit::FILTERS.iter().any(|key| service.unit.last(key).is_some())
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
