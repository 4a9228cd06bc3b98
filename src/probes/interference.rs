//! Others on the host that may get in the way: application whitelisting, endpoint protection,
//! hardened mounts, restricted shells, audit rules that hide denials. Without a denial in a log
//! none of them is more than possible, so these are hints, apart from a mount that forbids
//! execution where a program is to run.

use std::path::{Path, PathBuf};

use super::executable::{about, about_all, who};
use super::script_text::TEMPORARY;
use super::{Probe, Sink, lossy, quote, quote_path};
use crate::facts::executable::mount_of;
use crate::facts::tools::SETTINGS_LIMIT;
use crate::facts::{Executable, Facts};
use crate::findings::{CheckId, Confidence, Evidence, Finding, Severity, Subject, checks};
use crate::host::{Gap, Mount, Process, settings};
use crate::lint;
use crate::wazuh::launch::{Program, Shebang};
use crate::wazuh::stock;
use crate::wazuh::xml::Span;

/// What else acts on the host.
pub(super) const PROBE: Probe = Probe { name: "interference", checks: CHECKS, run };

const CHECKS: &[CheckId] = &[
    checks::FAPOLICYD_UNTRUSTED,
    checks::DENIALS_NOT_AUDITED,
    checks::ENDPOINT_PROTECTION,
    checks::TOOL_ON_NOEXEC,
    checks::RESTRICTED_SHELL,
];

/// How much of a program is read to see what made it. The part that every such program has comes first.
const BOOTLOADER: u64 = 2 * 1024 * 1024;

/// The rules that auditd loads at its start.
const AUDIT_RULES: &str = "/etc/audit/audit.rules";

/// Trust files that are read at most.
const MAX_TRUST_FILES: usize = 256;

/// One product that watches processes and may stop them.
struct Product {
    name: &'static str,
    /// Names of its processes as the kernel keeps them.
    processes: &'static [&'static str],
    /// Where its programs lie, for names that others have too.
    directory: &'static str,
}

const fn product(name: &'static str, processes: &'static [&'static str], directory: &'static str) -> Product {
    Product { name, processes, directory }
}

/// Well-known products, by the names of their services on Linux.
const PRODUCTS: &[Product] = &[
    product("CrowdStrike Falcon", &["falcon-sensor", "falcon-sensor-b"], "/opt/CrowdStrike/"),
    product("Microsoft Defender", &["wdavdaemon", "mdatp_audisp_pl"], "/opt/microsoft/mdatp/"),
    product("SentinelOne", &["s1-agent", "s1-orchestrator", "s1-perf"], "/opt/sentinelone/"),
    product("VMware Carbon Black", &["cbagentd", "cbdaemon"], "/opt/carbonblack/"),
    product("Trend Micro Deep Security", &["ds_agent", "ds_am"], "/opt/ds_agent/"),
    product("Sophos", &["savscand", "sophos_manageme"], "/opt/sophos-spl/"),
    product("Trellix Endpoint Security", &["mfetpd", "mfeespd", "xagt"], "/opt/McAfee/"),
    product("Trellix Application Control", &["scsrvc"], "/usr/local/mcafee/solidcore/"),
    product("Palo Alto Cortex XDR", &["traps_pmd"], "/opt/traps/"),
    product("Elastic Defend", &["elastic-endpoin"], "/opt/Elastic/Endpoint/"),
    product("Kaspersky Endpoint Security", &["kesl"], "/opt/kaspersky/kesl/"),
    product("Bitdefender", &["bdsecd"], "/opt/bitdefender-security-tools/"),
    product("ESET", &["efs_scand"], "/opt/eset/"),
    product("Cylance", &["cylancesvc"], "/opt/cylance/"),
    product("Cybereason", &["cybereason-sens"], "/opt/cybereason/"),
    product("Check Point Harmony", &["cpla"], "/var/lib/checkpoint/cpla/"),
];

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || facts.executables().is_empty() {
        return;
    }
    if let Some(gap) = facts.processes().unknown() {
        // A hint changes no stage, so what is not known of it does not either.
        sink.unknown(checks::FAPOLICYD_UNTRUSTED, Vec::new(), gap.clone());
        sink.unknown(checks::ENDPOINT_PROTECTION, Vec::new(), gap);
    } else {
        fapolicyd(facts, sink);
        products(facts, sink);
    }
    audit(facts, sink);
    for executable in facts.executables() {
        if executable.file().is_some() {
            on_noexec(facts, sink, executable);
            shell(facts, sink, executable);
        }
    }
}

fn processes<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = &'f Process> {
    let all = facts.processes().get().into_iter().flatten();
    all.filter(|process| process.state != 'Z' && !process.foreign)
}

fn is_shipped(facts: &Facts<'_>, executable: &Executable) -> bool {
    executable.elf.get().is_some()
        && stock::program_named(&executable.name)
            .is_some_and(|program| program.contracts.contains(&facts.contract()))
}

/// Files of one's own that fapolicyd was not told of.
fn fapolicyd(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let Some(daemon) = processes(facts).find(|process| process.comm == "fapolicyd") else { return };
    let check = checks::FAPOLICYD_UNTRUSTED;
    let read = |path: &str| facts.head(Path::new(path), SETTINGS_LIMIT);
    let conf = read("/etc/fapolicyd/fapolicyd.conf");
    let own: Vec<&Executable> = facts
        .executables()
        .iter()
        .filter(|executable| executable.file().is_some() && !is_shipped(facts, executable))
        .collect();
    if own.is_empty() {
        return;
    }
    if let Some(gap) = conf.unknown() {
        return sink.unknown(check, Vec::new(), gap);
    }
    let permissive = conf.get().and_then(|conf| settings::value(&conf.bytes, "permissive"));
    if permissive.as_deref() == Some("1") {
        return;
    }
    let directory = Path::new("/etc/fapolicyd/trust.d");
    let listed = facts.list(directory);
    let mut files = vec![Path::new("/etc/fapolicyd/fapolicyd.trust").to_owned()];
    files.extend(listed.get().into_iter().flatten().take(MAX_TRUST_FILES).map(|name| directory.join(name)));
    let mut trusted = Vec::new();
    let mut gap = listed.unknown();
    for file in files {
        let text = facts.head(&file, 4 * SETTINGS_LIMIT);
        gap = gap.or_else(|| text.unknown());
        if let Some(text) = text.get() {
            trusted.extend(settings::trusted(&text.bytes));
        }
    }
    if let Some(gap) = gap {
        return sink.unknown(check, Vec::new(), gap);
    }
    let suspects: Vec<&Executable> = own
        .into_iter()
        .filter(|executable| {
            let Some(file) = executable.file() else { return false };
            let known = trusted.iter().find(|(path, _)| Path::new(path) == file.path);
            // One that was changed since is as good as unknown.
            known.is_none_or(|(_, size)| size.is_some_and(|size| size != file.meta.size))
        })
        .collect();
    let Some(&first) = suspects.first() else { return };
    let paths: Vec<String> =
        suspects.iter().filter_map(|executable| Some(quote_path(&executable.file()?.path))).collect();
    let more = if suspects.len() > 1 { format!(" and {} more", suspects.len() - 1) } else { String::new() };
    let mut finding = Finding::new(
        check,
        Subject::Process("fapolicyd".to_owned()),
        format!("fapolicyd may keep {}{more} from running: it was not told of the file, or of its last change.", who(facts, first)),
    )
    .confidence(Confidence::Possible)
    .cause("It lets programs of packages run and those in its trust files; for others its rules decide, root included. Its denials are in the audit log as FANOTIFY, if its rule says deny_audit. This program does not read its rules.")
    .observed(format!("process {}", daemon.pid), "fapolicyd runs, and not with permissive = 1")
    .observed("/etc/fapolicyd/fapolicyd.trust, trust.d", format!("{} not there, or of another size", paths.join(" ")));
    for path in &paths {
        finding = finding.remedy(format!("fapolicyd-cli --file add {path}"));
    }
    let finding = finding
        .remedy("fapolicyd-cli --update")
        .verify("ausearch -m FANOTIFY -ts recent")
        .shares("process:fapolicyd");
    sink.find(about_all(facts, &suspects, finding));
}

fn products(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let mut found: Vec<(&Product, &Process)> = Vec::new();
    for product in PRODUCTS {
        let process = processes(facts).find(|process| {
            product.processes.contains(&process.comm.as_str())
                || process.exe.as_ref().is_some_and(|exe| exe.starts_with(product.directory))
        });
        found.extend(process.map(|process| (product, process)));
    }
    let Some((first, _)) = found.first() else { return };
    let more = if found.len() > 1 { format!(" and {} more", found.len() - 1) } else { String::new() };
    let mut finding = Finding::new(
        checks::ENDPOINT_PROTECTION,
        Subject::Process(first.name.to_owned()),
        format!("{}{more} watches this host and may stop responses.", first.name),
    )
    .confidence(Confidence::Possible)
    .cause("A daemon that starts scripts as root, which change the firewall or lock accounts, looks like an attack. A product that forbids this ends the script, or lets it run without effect; only its own log tells.");
    for (product, process) in &found {
        let exe = process.exe.as_ref().map_or_else(|| process.comm.clone(), |exe| exe.display().to_string());
        finding = finding.observed(format!("process {}", process.pid), format!("{}: {exe}", product.name));
    }
    let bin = facts.under_home("active-response/bin");
    let executables: Vec<&Executable> = facts.executables().iter().collect();
    let finding = finding
        .remedy(format!(
            "look for {} and wazuh-execd in the product's own log, and allow both there",
            bin.display()
        ))
        .verify("ar-doctor replay NAME --payload last");
    sink.find(about_all(facts, &executables, finding));
}

/// Audit rules that keep the record of a denial out of the log.
fn audit(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let mut types = Vec::new();
    let security = facts.security();
    if security.denies() || security.confines_execd() {
        types.extend(["AVC", "USER_AVC"]);
    }
    if processes(facts).any(|process| process.comm == "fapolicyd") {
        types.push("FANOTIFY");
    }
    // Where nothing denies, nothing is hidden.
    if types.is_empty() {
        return;
    }
    let (files, gap) = rule_files(facts);
    if let Some(gap) = gap {
        sink.unknown(checks::DENIALS_NOT_AUDITED, Vec::new(), gap);
    }
    for path in files {
        let text = facts.head(&path, SETTINGS_LIMIT);
        if let Some(gap) = text.unknown() {
            sink.unknown(checks::DENIALS_NOT_AUDITED, Vec::new(), gap);
            continue;
        }
        let Some(text) = text.get() else { continue };
        let Some((line, kind)) = settings::excludes_record(&text.bytes, &types) else { continue };
        let file = path.display().to_string();
        let executables: Vec<&Executable> = facts.executables().iter().collect();
        let load = if path == Path::new(AUDIT_RULES) {
            format!("auditctl -R {AUDIT_RULES}")
        } else {
            "augenrules --load".to_owned()
        };
        let finding = Finding::new(
            checks::DENIALS_NOT_AUDITED,
            Subject::File(file.clone()),
            format!("A denial of a response would leave no trace: an audit rule keeps {kind} records out of the log."),
        )
        .confidence(Confidence::Likely)
        .cause("Whether something was denied can then not be told from the audit log. This is what the file says; which rules the kernel has now only netlink could tell.")
        .observed(format!("{file}:{line}"), format!("excludes msgtype {kind}"))
        .remedy(format!("sed -i '{line}s/^/# /' {} && {load}   # after -e 2 at the next boot", quote(&file)))
        .verify("auditctl -l");
        sink.find(about_all(facts, &executables, finding));
        return;
    }
}

/// The files of audit rules, and why there may be more.
fn rule_files(facts: &Facts<'_>) -> (Vec<PathBuf>, Option<Gap>) {
    let directory = Path::new("/etc/audit/rules.d");
    let listed = facts.list(directory);
    let names = listed.get().into_iter().flatten();
    let mut files: Vec<PathBuf> = names
        .filter(|name| name.to_string_lossy().ends_with(".rules"))
        .map(|name| directory.join(name))
        .collect();
    // augenrules(8) makes this one from the others, so it is named only for what they do not have.
    files.push(PathBuf::from(AUDIT_RULES));
    (files, listed.unknown())
}

/// Where an audit rule keeps records of a type out of the log.
pub(super) fn hides(facts: &Facts<'_>, types: &[&'static str]) -> Option<String> {
    rule_files(facts).0.into_iter().find_map(|path| {
        let text = facts.head(&path, SETTINGS_LIMIT);
        let (line, _) = settings::excludes_record(&text.get()?.bytes, types)?;
        Some(format!("{}:{line}", path.display()))
    })
}

fn is_noexec(mount: &Mount) -> bool {
    mount.options.iter().any(|option| option == "noexec")
}

/// Programs that are to run where the mount forbids it.
fn on_noexec(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    let check = checks::TOOL_ON_NOEXEC;
    if is_shipped(facts, executable) {
        return;
    }
    if let Some(gap) = facts.mounts().unknown() {
        return sink.unknown(check, facts.users_of(executable), gap);
    }
    if !facts.mounts().get().is_some_and(|mounts| mounts.iter().any(is_noexec)) {
        return;
    }
    let mount_at = |path: &Path| {
        let real = facts.resolve(path).get().map_or_else(|| path.to_owned(), |found| found.path.clone());
        mount_of(facts.mounts(), &real).get().filter(|mount| is_noexec(mount)).cloned()
    };
    if executable.elf.get().is_some() {
        if let Some(mount) = mount_at(Path::new("/tmp")) {
            unpacks(facts, sink, executable, &mount);
        }
        return;
    }
    let file = facts.script(executable);
    let text = file.bytes.get().map_or(&[][..], Vec::as_slice);
    let hides = |line| {
        lint::language(&executable.name, text).is_some_and(|language| {
            let context = lint::Context { contract: facts.contract(), timeout: 0 };
            lint::lint(text, language, &context).hides(check, line)
        })
    };
    for tool in facts.calls(executable) {
        let path = Path::new(&tool.name);
        let is_made_there = TEMPORARY.iter().any(|directory| tool.name.starts_with(directory));
        if !path.is_absolute() || (facts.resolve(path).get().is_none() && !is_made_there) {
            continue;
        }
        let Some(mount) = mount_at(path) else { continue };
        let span = Span { start: tool.span.start, end: tool.span.end };
        if hides(file.line(span.start)) {
            continue;
        }
        let target = mount.target.display().to_string();
        let finding = Finding::new(
            check,
            Subject::File(executable.shown()),
            format!("{} cannot run {}: {target} is mounted noexec.", who(facts, executable), tool.name),
        )
        .severity(if tool.optional { Severity::Advice } else { Severity::Warning })
        .confidence(if tool.optional { Confidence::Possible } else { Confidence::Likely })
        .cause("The kernel starts nothing from such a mount, whatever the mode says. The shell's complaint goes to standard error, and execd has /dev/null there.")
        .evidence(file.excerpt(span, format!("lies on {target}")));
        return sink.find(about(facts, executable, with_mount(finding, &mount, executable)));
    }
}

fn with_mount(finding: Finding, mount: &Mount, executable: &Executable) -> Finding {
    let target = mount.target.display().to_string();
    finding
        .observed(target.clone(), format!("{} with {}", mount.fstype, mount.options.join(",")))
        .remedy("put the program below /usr/local/libexec, and name that path in the script")
        .verify(format!("ar-doctor replay {}", quote(&lossy(&executable.name))))
        .shares(target)
}

/// A program that unpacks its libraries into /tmp and loads them from there.
fn unpacks(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable, mount: &Mount) {
    let starter = facts.search(&executable.path, BOOTLOADER, "_MEIPASS2|_PYI_APPLICATION_HOME_DIR");
    if let Some(gap) = starter.unknown() {
        return sink.unknown(checks::TOOL_ON_NOEXEC, facts.users_of(executable), gap);
    }
    if starter.get().is_none_or(|found| found.texts.is_empty()) {
        return;
    }
    // With its files beside it, it unpacks nothing.
    let real = executable.file().map_or(&executable.path, |file| &file.path);
    let Some(directory) = real.parent() else { return };
    if facts.resolve(&directory.join("_internal")).get().is_some() {
        return;
    }
    let finding = Finding::new(
        checks::TOOL_ON_NOEXEC,
        Subject::File(executable.shown()),
        format!("{} does not come to its work: it unpacks itself into {}, which is mounted noexec.", who(facts, executable), mount.target.display()),
    )
    .severity(Severity::Warning)
    .confidence(Confidence::Likely)
    .cause("A program made by PyInstaller as one file unpacks its libraries into /tmp and loads them from there; the loader may not map them from such a mount, and the message goes to /dev/null.")
    .observed(executable.shown(), "holds the starter of PyInstaller")
    .remedy("build it with --onedir, or with --runtime-tmpdir and a directory below /var/lib that is not noexec");
    sink.find(about(facts, executable, with_mount(finding, mount, executable)));
}

/// Shells in which much is forbidden, and a `/bin/sh` that is none of the known ones.
fn shell(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    let Some(Program::Script(shebang)) = executable.program.get() else { return };
    let file = facts.script(executable);
    let whole = shebang.argument.as_ref().map_or(&shebang.interpreter_at, |_| &shebang.argument_at);
    let (title, cause, evidence): (String, &str, Evidence) = if is_restricted(shebang) {
        (
            format!("{} may be kept from its work by its shell, a restricted one.", who(facts, executable)),
            "A restricted shell refuses cd, names of programs with a slash and output into files. Its complaint goes to standard error, and execd has /dev/null there.",
            file.excerpt(Span { start: whole.start, end: whole.end }, "restricted"),
        )
    } else {
        let interpreter = lossy(&shebang.interpreter);
        if !matches!(interpreter.as_str(), "/bin/sh" | "/usr/bin/sh") {
            return;
        }
        let target = facts.resolve(Path::new(&interpreter));
        let Some(target) = target.get() else { return };
        let name =
            target.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if is_known_shell(&name) {
            return;
        }
        (
            format!(
                "{} may not be understood by {interpreter}, which is {} here.",
                who(facts, executable),
                target.path.display()
            ),
            "It is none of the shells that systems install under that name, so it may read scripts in another way, log them or refuse them.",
            Evidence::Observation {
                source: interpreter,
                text: format!("leads to {}", target.path.display()),
            },
        )
    };
    let finding = Finding::new(checks::RESTRICTED_SHELL, Subject::File(executable.shown()), title)
        .confidence(Confidence::Possible)
        .cause(cause)
        .evidence(evidence)
        .remedy(format!("sed -i '1s|.*|#!/bin/bash|' {}", quote_path(&executable.path)))
        .verify(format!("ar-doctor replay {}", quote(&lossy(&executable.name))));
    sink.find(about(facts, executable, finding));
}

fn is_restricted(shebang: &Shebang) -> bool {
    let last = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec).unwrap_or_default();
    let name = last(&shebang.interpreter);
    let argument = shebang.argument.as_deref().unwrap_or_default();
    let restricted = |name: &[u8]| matches!(name, b"rbash" | b"rksh" | b"rmksh" | b"rzsh");
    let is_shell = matches!(name.as_slice(), b"bash" | b"ksh" | b"ksh93" | b"mksh" | b"zsh");
    // All options of a `#!` line are one word.
    let option = argument == b"--restricted"
        || (argument.starts_with(b"-") && !argument.starts_with(b"--") && argument.contains(&b'r'));
    restricted(&name) || (name == b"env" && restricted(argument)) || (is_shell && option)
}

fn is_known_shell(name: &str) -> bool {
    const KNOWN: [&str; 11] =
        ["sh", "bash", "dash", "ash", "ksh", "mksh", "lksh", "zsh", "yash", "busybox", "toybox"];
    let stem =
        name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == '-');
    KNOWN.contains(&stem) || matches!(name, "bash-static" | "busybox.static" | "posh" | "oksh" | "bosh")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wazuh::launch;

    #[test]
    fn restricted_shells_are_known_by_name_and_option() {
        let of = |line: &str| match launch::program(line.as_bytes()) {
            Program::Script(shebang) => is_restricted(&shebang),
            other => panic!("{other:?}"),
        };
        for line in [
            "#!/bin/rbash\n",
            "#!/usr/bin/env rbash\n",
            "#!/bin/bash -r\n",
            "#!/bin/bash --restricted\n",
            "#!/bin/ksh -er\n",
        ] {
            assert!(of(line), "{line}");
        }
        for line in [
            "#!/bin/bash\n",
            "#!/bin/bash -e\n",
            "#!/bin/bash --norc\n",
            "#!/usr/bin/perl -r\n",
            "#!/usr/bin/env bash\n",
        ] {
            assert!(!of(line), "{line}");
        }
    }

    #[test]
    fn shells_that_systems_install() {
        for name in ["dash", "bash", "bash5", "busybox", "ksh93", "zsh-5.9", "sh"] {
            assert!(is_known_shell(name), "{name}");
        }
        for name in ["rootsh", "sudosh", "fish", "wrapper"] {
            assert!(!is_known_shell(name), "{name}");
        }
    }

    #[test]
    fn names_of_processes_fit_into_the_kernel() {
        for product in PRODUCTS {
            assert!(product.processes.iter().all(|name| name.len() <= 15), "{}", product.name);
            assert!(product.directory.starts_with('/') && product.directory.ends_with('/'));
        }
    }
}
