//! What responses call to have an effect: the programs of the shipped ones, the firewall they
//! drive, and `/etc/hosts.deny` with whoever reads it.

use std::path::{Path, PathBuf};

use super::executable::{about, about_all, who};
use super::{Probe, Sink, lossy, quote, quote_path, restart, service};
use crate::facts::tools::{PackageManager, SETTINGS_LIMIT};
use crate::facts::{Executable, Facts, SearchPath};
use crate::findings::{CheckId, Confidence, Finding, Severity, Subject, checks};
use crate::host::{Fact, FileType, Gap, GapKind, Process, settings};
use crate::lint;
use crate::wazuh::behavior;
use crate::wazuh::launch;
use crate::wazuh::stock::{self, FIREWALL_CMD, Need, Search, Tool};
use crate::wazuh::version::Version;

/// Programs, firewall, TCP wrappers.
pub(super) const PROBE: Probe = Probe { name: "tools", checks: CHECKS, run };

const CHECKS: &[CheckId] = &[
    checks::TOOL_MISSING,
    checks::FIREWALLD_NOT_RUNNING,
    checks::HOSTS_DENY_MISSING,
    checks::HOSTS_DENY_IGNORED,
    checks::BLOCKS_FLUSHED,
    checks::IPTABLES_LEGACY,
];

const HOSTS_DENY: &str = "/etc/hosts.deny";
const HOSTS_ALLOW: &str = "/etc/hosts.allow";

/// Since OpenSSH 9.8 the connection is served by a program of its own; where distributions put it.
const SSHD_SESSIONS: &[&str] = &[
    "/usr/lib/openssh/sshd-session",
    "/usr/libexec/openssh/sshd-session",
    "/usr/libexec/sshd-session",
    "/usr/lib/ssh/sshd-session",
    "/usr/lib/openssh/sshd-auth",
    "/usr/libexec/openssh/sshd-auth",
];

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() {
        return;
    }
    let mut by_iptables = Vec::new();
    let mut by_hosts_deny = Vec::new();
    for executable in facts.executables() {
        if executable.file().is_none() {
            continue;
        }
        if executable.elf.get().is_none() {
            unread(facts, sink, executable);
            if facts
                .calls(executable)
                .iter()
                .any(|tool| matches!(tool.name.rsplit('/').next(), Some("iptables" | "ip6tables")))
            {
                by_iptables.push(executable);
            }
            continue;
        }
        let shipped = stock::program_named(&executable.name)
            .is_some_and(|program| program.contracts.contains(&facts.contract()));
        if !shipped {
            let gap = Gap {
                kind: GapKind::NotCollected,
                source: executable.shown(),
                why: "what a compiled program calls cannot be read from it".to_owned(),
            };
            sink.unknown(checks::TOOL_MISSING, facts.users_of(executable), gap);
            continue;
        }
        match executable.name.as_slice() {
            b"block-ip" => block_ip(facts, sink, executable, &mut by_iptables, &mut by_hosts_deny),
            name => {
                needs(facts, sink, executable);
                match name {
                    b"firewall-drop" => by_iptables.push(executable),
                    b"firewalld-drop" => firewalld(facts, sink, executable),
                    b"host-deny" if hosts_deny(facts, sink, executable) => by_hosts_deny.push(executable),
                    _ => {}
                }
            }
        }
    }
    for executable in by_hosts_deny {
        ignored(facts, sink, executable);
    }
    flushed(facts, sink, &by_iptables);
    legacy(facts, sink, &by_iptables);
}

/// A script whose text is in no language that is read: nobody knows what it calls.
fn unread(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    let Some(text) = facts.script(executable).bytes.get() else { return };
    let language = lint::language(&executable.name, text);
    if language.is_none_or(|language| language.is_by_name_only()) {
        let gap = Gap {
            kind: GapKind::NotCollected,
            source: executable.shown(),
            why: "its language is not read, so what it calls is not known".to_owned(),
        };
        sink.unknown(checks::TOOL_MISSING, facts.users_of(executable), gap);
    }
}

/// Whether the file is surely the shipped one: since 4.3 those need Wazuh's library.
fn is_shipped(facts: &Facts<'_>, executable: &Executable) -> bool {
    facts.version().is_some_and(|version| version < Version::new(4, 3, 0))
        || executable
            .elf
            .get()
            .is_some_and(|elf| elf.needed.iter().any(|library| library.starts_with("libwazuh")))
}

/// How sure it is that a tool is not found: the way to search must be known.
fn confidence(facts: &Facts<'_>, executable: &Executable, tool: &Tool) -> Confidence {
    let path_matters = !matches!(tool.search(facts.version()), Search::Fixed(_));
    if !is_shipped(facts, executable) || (path_matters && !facts.search_path().is_seen) {
        Confidence::Likely
    } else {
        Confidence::Proven
    }
}

/// Says that the PATH of the running execd could not be read, where it decides.
fn path_gap(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable, tool: &Tool) {
    if let (Some(gap), false) =
        (&facts.search_path().gap, matches!(tool.search(facts.version()), Search::Fixed(_)))
    {
        sink.unknown(checks::TOOL_MISSING, facts.users_of(executable), gap.clone());
    }
}

fn needs(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    for need in stock::needs_of(&executable.name) {
        let found: Vec<_> = need.any_of.iter().map(|tool| (tool, facts.find_tool(tool))).collect();
        for (tool, _) in &found {
            path_gap(facts, sink, executable, tool);
        }
        if found.iter().any(|(_, fact)| fact.get().is_some_and(|(_, found)| can_start(found))) {
            continue;
        }
        if let Some(gap) = found.iter().find_map(|(_, fact)| fact.unknown()) {
            sink.unknown(checks::TOOL_MISSING, facts.users_of(executable), gap);
            continue;
        }
        sink.find(missing(facts, executable, need, &found));
        // Without the first one the others are told of in the same words.
        return;
    }
}

fn can_start(found: &crate::host::Resolved) -> bool {
    found.meta.file_type == FileType::Regular && found.meta.mode & 0o111 != 0
}

type FoundTool<'t> = (&'t Tool, Fact<(PathBuf, crate::host::Resolved)>);

fn missing(facts: &Facts<'_>, executable: &Executable, need: &Need, found: &[FoundTool<'_>]) -> Finding {
    let who = who(facts, executable);
    let Some((first, _)) = found.first() else {
        return Finding::new(checks::TOOL_MISSING, Subject::File(executable.shown()), who);
    };
    let names: Vec<&str> = found.iter().map(|(tool, _)| tool.name).collect();
    let named = names.join(" nor ");
    let neither = if names.len() > 1 { "neither " } else { "" };
    let unstartable =
        found.iter().find_map(|(tool, fact)| fact.get().map(|(path, found)| (tool, path, found)));
    let search = first.search(facts.version());
    let program = lossy(&executable.name);
    let undone = need.undone;
    let mut finding = match unstartable {
        Some((tool, path, target)) => Finding::new(
            checks::TOOL_MISSING,
            Subject::File(executable.shown()),
            format!("{who} {undone}: the first {} it finds, {}, cannot be executed.", tool.name, path.display()),
        )
        .cause(format!("{program} takes the first file of that name, whatever its mode, does not see that it fails to start, and writes \"Ended\" as after a success."))
        .observed(
            target.path.display().to_string(),
            if target.meta.file_type == FileType::Regular {
                format!("mode {:04o}: nobody may execute it", target.meta.mode)
            } else {
                format!("is {}", target.meta.file_type.with_article())
            },
        )
        .remedy(format!("chmod 755 {}", quote_path(&target.path)))
        .verify(format!("ls -lL {}", quote_path(path)))
        .shares(target.path.display().to_string()),
        None => {
            let where_ = match search {
                Search::Fixed(_) => "where this version looks for it",
                _ => "in execd's PATH",
            };
            let says = if behavior::TOOLS_IN_PATH.holds(facts.version()) { need.says } else { need.said };
            Finding::new(
                checks::TOOL_MISSING,
                Subject::File(executable.shown()),
                format!("{who} {undone}: {neither}{named} is {}{where_}.", if neither.is_empty() { "not " } else { "" }),
            )
            .cause(format!("{program} writes to active-responses.log: {says}"))
        }
    };
    finding = finding.confidence(confidence(facts, executable, first));
    if unstartable.is_none() {
        finding = searched(finding, search, facts.search_path(), &names);
        finding = remedies(facts, finding, first, search);
        finding = finding.verify(match search {
            Search::Fixed(paths) => format!("ls -lL {}", paths.join(" ")),
            _ => format!("PATH={} command -v {}", path_text(facts), names.join(" ")),
        });
    }
    if need.only_ipv6 {
        finding = finding.severity(Severity::Warning);
    }
    about(facts, executable, finding)
}

fn path_text(facts: &Facts<'_>) -> String {
    quote(facts.search_path().text.as_deref().unwrap_or(""))
}

fn searched(finding: Finding, search: Search, path: &SearchPath, names: &[&str]) -> Finding {
    let names = names.join(", ");
    match (search, &path.text) {
        (Search::Fixed(paths), _) => finding.observed(paths.join(", "), format!("no {names} there")),
        (_, Some(text)) => finding.observed(&path.source, format!("{text}: no {names} in any of them")),
        (_, None) => {
            finding.observed(&path.source, "it has no variable PATH, so no program is found by its name")
        }
    }
}

/// Commands that bring a tool to where it is looked for.
fn remedies(facts: &Facts<'_>, finding: Finding, tool: &Tool, search: Search) -> Finding {
    let Some(place) = facts.elsewhere(tool.name) else {
        return finding.remedy(install(facts, tool));
    };
    let finding = finding.observed(place.display().to_string(), "is there, but is not looked for there");
    match search {
        Search::Fixed([.., last]) => finding.remedy(format!("ln -s {} {last}", quote_path(&place))),
        _ if facts.lacks_systemd() => {
            finding.remedy(format!("PATH={} {}", launch::DEFAULT_PATH, restart(facts)))
        }
        _ => {
            let dir = format!("/etc/systemd/system/{}.service.d", service(facts));
            finding
                .remedy(format!(
                    "mkdir -p {dir} && printf '[Service]\\nEnvironment=PATH=%s\\n' {} >{dir}/path.conf",
                    launch::DEFAULT_PATH
                ))
                .remedy(format!("systemctl daemon-reload && {}", restart(facts)))
        }
    }
}

/// The command that installs a tool, for the package manager of the host.
fn install(facts: &Facts<'_>, tool: &Tool) -> String {
    let (debian, rhel) = tool.packages;
    let other = match debian {
        "passwd" => "shadow",
        "python-is-python3" => "python3",
        other => other,
    };
    match facts.package_manager() {
        Some(PackageManager::Apt) => format!("apt-get install {debian}"),
        Some(PackageManager::Dnf) => format!("dnf install {rhel}"),
        Some(PackageManager::Microdnf) => format!("microdnf install {rhel}"),
        // Before dnf there was no iptables-nft.
        Some(PackageManager::Yum) => format!("yum install {}", rhel.trim_end_matches("-nft")),
        Some(PackageManager::Zypper) if other == "net-tools" => {
            "zypper install net-tools-deprecated".to_owned()
        }
        Some(PackageManager::Zypper) => format!("zypper install {other}"),
        Some(PackageManager::Apk) => format!("apk add {other}"),
        None => format!("apt-get install {debian}        or: dnf install {rhel}"),
    }
}

/// Whether a process of this name runs; none where processes are not known.
fn process<'f>(facts: &'f Facts<'_>, name: &str) -> Fact<&'f Process> {
    facts.processes().as_ref().and_then(|all| {
        let found =
            all.iter().find(|process| process.comm == name && process.state != 'Z' && !process.foreign);
        found.map_or(crate::host::Value::Absent, crate::host::Value::Known)
    })
}

/// firewalld-drop speaks to firewalld alone.
fn firewalld(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    let running = process(facts, "firewalld");
    if let Some(gap) = running.unknown() {
        sink.unknown(checks::FIREWALLD_NOT_RUNNING, facts.users_of(executable), gap);
        return;
    }
    let tool = facts.find_tool(&FIREWALL_CMD);
    if !running.is_absent() || tool.get().is_none() {
        return;
    }
    let finding = Finding::new(
        checks::FIREWALLD_NOT_RUNNING,
        Subject::File(executable.shown()),
        format!("{} blocks nothing: firewalld is not running.", who(facts, executable)),
    )
    // D-Bus may be told to start it.
    .confidence(Confidence::Likely)
    .cause("firewall-cmd fails, is tried five times in ten seconds, in which execd starts nothing else, and the log has \"Unable to run firewall-cmd\" before \"Ended\".")
    .observed(facts.processes().source.clone(), "no process firewalld")
    .remedy("systemctl enable --now firewalld")
    .remedy("or use firewall-drop, which needs only iptables")
    .verify("firewall-cmd --state")
    .shares("process:firewalld");
    sink.find(about(facts, executable, finding));
}

/// Whether `/etc/hosts.deny` can be written to; says so where not.
fn hosts_deny(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) -> bool {
    let file = facts.resolve(Path::new(HOSTS_DENY));
    if let Some(gap) = file.unknown() {
        sink.unknown(checks::HOSTS_DENY_MISSING, facts.users_of(executable), gap);
        return true;
    }
    let what = match file.get() {
        Some(found) if found.meta.file_type == FileType::Regular => return true,
        Some(found) => format!("is {}", found.meta.file_type.with_article()),
        None => "is not there".to_owned(),
    };
    let finding = Finding::new(
        checks::HOSTS_DENY_MISSING,
        Subject::File(HOSTS_DENY.to_owned()),
        format!("{} blocks nothing: {HOSTS_DENY} {what}.", who(facts, executable)),
    )
    .confidence(if is_shipped(facts, executable) { Confidence::Proven } else { Confidence::Likely })
    .cause("host-deny does not create the file. It writes \"Could not open file '/etc/hosts.deny'\" to active-responses.log and ends with 255, which execd ignores.")
    .observed(HOSTS_DENY, what)
    .remedy(if file.get().is_some() {
        format!("mv {HOSTS_DENY} {HOSTS_DENY}.old && touch {HOSTS_DENY} && chmod 644 {HOSTS_DENY}")
    } else {
        format!("touch {HOSTS_DENY} && chmod 644 {HOSTS_DENY}")
    })
    .remedy("or use firewall-drop: few services of today read that file")
    .verify(format!("ls -l {HOSTS_DENY}"))
    .shares(HOSTS_DENY);
    sink.find(about(facts, executable, finding));
    false
}

/// Whether sshd looks at what host-deny writes.
fn ignored(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    let running = process(facts, "sshd").get().and_then(|sshd| sshd.exe.clone());
    let sshd = running
        .filter(|exe| exe.file_name().is_some_and(|name| name == "sshd"))
        .unwrap_or_else(|| PathBuf::from("/usr/sbin/sshd"));
    let there = facts.resolve(&sshd);
    let check = checks::HOSTS_DENY_IGNORED;
    if let Some(gap) = there.unknown() {
        sink.unknown(check, facts.users_of(executable), gap);
        return;
    }
    // Other services may be wrapped: without sshd nothing is said of them.
    if there.get().is_none() {
        return;
    }
    let mut programs = vec![sshd.clone()];
    programs
        .extend(SSHD_SESSIONS.iter().map(PathBuf::from).filter(|path| facts.resolve(path).get().is_some()));
    let mut is_wrapped = false;
    for program in &programs {
        let loads = facts.loads(program, "libwrap.so", "/etc/hosts\\.deny");
        if let Some(gap) = loads.unknown() {
            sink.unknown(check, facts.users_of(executable), gap);
            return;
        }
        is_wrapped |= loads.get() == Some(&true);
    }
    let names: Vec<String> = programs.iter().map(|path| path.display().to_string()).collect();
    if !is_wrapped {
        let finding = Finding::new(
            check,
            Subject::File(sshd.display().to_string()),
            format!("{} does not keep anybody from sshd, which is built without TCP wrappers.", who(facts, executable)),
        )
        .cause("The address is written to /etc/hosts.deny and the log says \"Ended\", but only programs that use libwrap read that file. OpenSSH itself has not since 6.7; Debian and some others add it back.")
        .observed(names.join(", "), "loads no libwrap, and does not name /etc/hosts.deny")
        .remedy("use firewall-drop in place of host-deny")
        .verify(format!("ldd {} | grep libwrap", quote_path(&sshd)))
        .shares(HOSTS_DENY);
        sink.find(about(facts, executable, finding));
        return;
    }
    let allow = facts.head(Path::new(HOSTS_ALLOW), SETTINGS_LIMIT);
    if let Some(gap) = allow.unknown() {
        sink.unknown(check, facts.users_of(executable), gap);
        return;
    }
    let Some(line) = allow.get().and_then(|allow| settings::lets_everyone_in(&allow.bytes, "sshd")) else {
        return;
    };
    let finding = Finding::new(
        check,
        Subject::File(HOSTS_ALLOW.to_owned()),
        format!(
            "{} does not keep anybody from sshd: {HOSTS_ALLOW} lets everyone in.",
            who(facts, executable)
        ),
    )
    .cause("The first line that matches counts, and hosts.allow is read before hosts.deny.")
    .observed(format!("{HOSTS_ALLOW}:{line}"), "matches every client of sshd")
    .remedy(format!("sed -i '{line}s/^/# /' {HOSTS_ALLOW}"))
    .remedy("or use firewall-drop in place of host-deny")
    .verify(format!("grep -vn '^#' {HOSTS_ALLOW}"))
    .shares(HOSTS_DENY);
    sink.find(about(facts, executable, finding));
}

/// block-ip of 5.x takes the first way that works: firewalld, iptables, hosts.deny, route.
fn block_ip<'f>(
    facts: &'f Facts<'_>,
    sink: &mut Sink<'_, '_>,
    executable: &'f Executable,
    by_iptables: &mut Vec<&'f Executable>,
    by_hosts_deny: &mut Vec<&'f Executable>,
) {
    let [firewall_cmd, iptables, route] = [stock::BLOCK_IP[0], stock::BLOCK_IP[1], stock::BLOCK_IP[2]];
    path_gap(facts, sink, executable, &iptables);
    let found = [firewall_cmd, iptables, route].map(|tool| facts.find_tool(&tool));
    let running = process(facts, "firewalld");
    if let Some(gap) =
        found.iter().find_map(Fact::unknown).or_else(|| found[0].get().and_then(|_| running.unknown()))
    {
        sink.unknown(checks::TOOL_MISSING, facts.users_of(executable), gap);
        return;
    }
    let is_there = |at: usize| found[at].get().is_some();
    if is_there(0) && running.get().is_some() {
        return;
    }
    if is_there(1) {
        by_iptables.push(executable);
        return;
    }
    let deny = facts.resolve(Path::new(HOSTS_DENY));
    if let Some(gap) = deny.unknown() {
        sink.unknown(checks::TOOL_MISSING, facts.users_of(executable), gap);
        return;
    }
    if deny.get().is_some() {
        by_hosts_deny.push(executable);
        return;
    }
    if is_there(2) {
        return;
    }
    let firewalld = if is_there(0) { "firewalld is not running" } else { "there is no firewall-cmd" };
    let path = facts.search_path();
    let finding = Finding::new(
        checks::TOOL_MISSING,
        Subject::File(executable.shown()),
        format!("{} blocks nothing: none of its four ways is there, neither firewalld nor iptables, {HOSTS_DENY} or route.", who(facts, executable)),
    )
    .confidence(confidence(facts, executable, &iptables))
    .cause("block-ip tries one after the other, writes \"All 4 firewall methods failed or unavailable\" to active-responses.log and ends with 255, which execd ignores.");
    let finding = searched(finding, Search::Regular, path, &["iptables", "route"])
        .observed(facts.processes().source.clone(), firewalld)
        .observed(HOSTS_DENY, "is not there");
    let finding = remedies(facts, finding, &iptables, Search::Regular)
        .verify(format!("PATH={} command -v iptables", path_text(facts)));
    sink.find(about(facts, executable, finding));
}

/// Who deletes rules of iptables that are not his, and where that is written.
fn flusher(facts: &Facts<'_>) -> Result<Option<(String, String, &'static str, String)>, Gap> {
    let head = |path: &str| facts.head(Path::new(path), SETTINGS_LIMIT);
    let running = process(facts, "firewalld");
    if let Some(gap) = running.unknown() {
        return Err(gap);
    }
    if running.get().is_some() {
        let conf = head("/etc/firewalld/firewalld.conf");
        let backend = conf.get().and_then(|conf| settings::value(&conf.bytes, "FirewallBackend"));
        let text = match &backend {
            Some(backend) => format!("firewalld runs, FirewallBackend={backend}"),
            None => "firewalld runs".to_owned(),
        };
        return Ok(Some((
            "firewalld".to_owned(),
            text,
            "its reload and its restart delete the rules of iptables, those of others too; with the backend nftables since firewalld 2.0 only where it has direct rules",
            "use firewalld-drop in place of firewall-drop".to_owned(),
        )));
    }
    // Loaded rules are told by netlink alone, so only what a service loads is looked at.
    for (enabled, script) in [
        ("/etc/systemd/system/sysinit.target.wants/nftables.service", "/etc/nftables.conf"),
        ("/etc/systemd/system/multi-user.target.wants/nftables.service", "/etc/sysconfig/nftables.conf"),
    ] {
        if facts.entry(Path::new(enabled)).get().is_none() {
            continue;
        }
        let text = head(script);
        if let Some(gap) = text.unknown() {
            return Err(gap);
        }
        if let Some(line) = text.get().and_then(|text| settings::flushes_ruleset(&text.bytes)) {
            return Ok(Some((
                "nftables.service".to_owned(),
                format!("{script}:{line} has \"flush ruleset\""),
                "its reload and its restart delete every rule, those that iptables made through nf_tables too",
                format!(
                    "in {script}, flush only the tables of that file: add table inet filter; flush table inet filter"
                ),
            )));
        }
    }
    Ok(None)
}

fn flushed(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executables: &[&Executable]) {
    let Some((&first, others)) = executables.split_first() else { return };
    let users = || executables.iter().flat_map(|executable| facts.users_of(executable));
    let (service, text, does, remedy) = match flusher(facts) {
        Ok(Some(found)) => found,
        Ok(None) => return,
        Err(gap) => return sink.unknown(checks::BLOCKS_FLUSHED, users().collect(), gap),
    };
    // Rules of the old kind are out of the reach of nft.
    if service == "nftables.service" && is_legacy(facts).is_some() {
        return;
    }
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    let finding = Finding::new(
        checks::BLOCKS_FLUSHED,
        Subject::Process(service.clone()),
        format!("Blocks of {}{more} are gone when {service} is reloaded.", who(facts, first)),
    )
    .severity(Severity::Advice)
    .confidence(Confidence::Likely)
    .cause(format!("Both are in charge of one firewall: {does}. Wazuh does not set them again before the next alert. Which rules are loaded now is not read."))
    .observed(service.clone(), text)
    .remedy(remedy)
    .verify("iptables -S INPUT | grep DROP");
    sink.find(about_all(facts, executables, finding));
}

/// The program behind `iptables` when it is the one for the old tables of the kernel.
fn is_legacy(facts: &Facts<'_>) -> Option<PathBuf> {
    let found = facts.find_tool(&stock::IPTABLES);
    let path = found.get().map(|(_, resolved)| resolved.path.clone())?;
    path.file_name()?.to_string_lossy().contains("legacy").then_some(path)
}

/// iptables of the old kind: beside nft's rules, or on a kernel that has no tables for it.
fn legacy(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executables: &[&Executable]) {
    let Some(&first) = executables.first() else { return };
    let Some(program) = is_legacy(facts) else { return };
    let nft = process(facts, "firewalld").get().map(|_| "firewalld runs".to_owned()).or_else(|| {
        ["sysinit", "multi-user"].iter().find_map(|target| {
            let link = format!("/etc/systemd/system/{target}.target.wants/nftables.service");
            facts.entry(Path::new(&link)).get().map(|_| format!("{link} is there"))
        })
    });
    let without = kernel_without_tables(facts);
    let (title, cause, severity, text) = match (&without, nft) {
        (Some(text), _) => (
            format!(
                "{} blocks nothing: its iptables is of the old kind, and the kernel has no tables for it.",
                who(facts, first)
            ),
            "iptables-legacy needs the module ip_tables. It fails, nobody looks at its status, and the log says \"Ended\".",
            Severity::Error,
            text.clone(),
        ),
        (None, Some(nft)) => (
            format!(
                "Blocks of {} do not show in `nft list ruleset`: its iptables writes to the old tables.",
                who(facts, first)
            ),
            "The kernel asks both kinds of tables, and a packet that one drops is dropped. But whoever looks for the block, or lifts it, among nft's rules does not find it.",
            Severity::Advice,
            nft,
        ),
        (None, None) => return,
    };
    let finding = Finding::new(checks::IPTABLES_LEGACY, Subject::File(program.display().to_string()), title)
        .severity(severity)
        .confidence(Confidence::Likely)
        .cause(cause)
        .observed(program.display().to_string(), "what iptables in execd's PATH leads to")
        .observed("host", text)
        .remedy("update-alternatives --set iptables /usr/sbin/iptables-nft && update-alternatives --set ip6tables /usr/sbin/ip6tables-nft")
        .verify("iptables -V");
    sink.find(about_all(facts, executables, finding));
}

/// What shows that the running kernel has no module ip_tables, loaded, built in or on the disk.
/// Nothing is said where any of it cannot be read.
fn kernel_without_tables(facts: &Facts<'_>) -> Option<String> {
    let read = |path: &str| facts.head(Path::new(path), 8 << 20);
    let release = read("/proc/sys/kernel/osrelease");
    let release = String::from_utf8_lossy(&release.get()?.bytes).trim().to_owned();
    if !facts.resolve(Path::new("/proc/net/ip_tables_names")).is_absent() {
        return None;
    }
    let holds = |path: &str| {
        let content = read(path);
        let content = content.get().filter(|content| !content.truncated)?;
        Some(memchr::memmem::find(&content.bytes, b"/ip_tables.ko").is_some())
    };
    let modules = format!("/lib/modules/{release}");
    let (on_disk, built_in) =
        (holds(&format!("{modules}/modules.dep"))?, holds(&format!("{modules}/modules.builtin"))?);
    (!on_disk && !built_in).then(|| format!("{modules} has no ip_tables, and it is not loaded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_ip_knows_its_ways() {
        assert_eq!(stock::BLOCK_IP.len(), 3);
        assert_eq!(stock::BLOCK_IP[0], FIREWALL_CMD);
        assert!(stock::program_named(b"block-ip").is_some());
    }
}
