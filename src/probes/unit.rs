//! What the systemd unit of the daemons, with its drop-ins, takes away from the responses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::confinement::{callees, executables, has, left, severity, users, who, with_calls};
use super::executable::about_all;
use super::feedback::{blocks_nothing, locking};
use super::{Sink, quote, restart};
use crate::facts::demand::Demand;
use crate::facts::executable::mount_of;
use crate::facts::{Daemon, Facts, Response, Service};
use crate::findings::{Confidence, Finding, Severity, Subject, checks};
use crate::host::capability::{self, Reach};
use crate::host::process::Seccomp;
use crate::host::systemd::{Filter, Setting, is_yes};
use crate::host::{Gap, ProcessDetail};

/// Seconds by which the start of a process may be wrong against the time of a file.
const SLACK: i64 = 2;

/// Settings that filter system calls.
pub(super) const FILTERS: &[&str] = &[
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

/// Reports the settings that count.
pub(super) fn restricts(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, demands: &[Demand<'_>]) {
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
        .verify(format!("systemctl show {} --property={}", service.name, setting.key))
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
        Standing::Later(_) => (
            format!("No response will run once {unit} starts execd: it makes {place} read-only."),
            Severity::Warning,
        ),
        Standing::Unknown(_) => (
            format!("No response leaves a trace where {unit} started execd: it makes {place} read-only."),
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
            .verify(format!("systemctl show {unit} --property=ReadWritePaths,{}", setting.key))
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
}
