//! One version everywhere: files, package and processes of one installation,
//! and what an older one left behind.

use std::path::Path;

use super::{Probe, Sink, control_program, quote, restart, service, under_home};
use crate::facts::change::is_unfinished;
use crate::facts::tools::{PackageManager, SETTINGS_LIMIT};
use crate::facts::{Daemon, Facts, Response};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::{Fact, Gap, GapKind, dpkg};
use crate::wazuh::behavior;
use crate::wazuh::install;
use crate::wazuh::ossec_conf::{self, Role};
use crate::wazuh::version::{Contract, Version};

/// Versions, packages, leftovers.
pub(super) const PROBE: Probe = Probe {
    name: "versions",
    checks: &[
        checks::VERSION_SKEW,
        checks::PACKAGE_HALF_INSTALLED,
        checks::PACKAGED_FILE_CHANGED,
        checks::PROGRAM_REPLACED,
        checks::OLD_GENERATION_LEFT,
        checks::CONFIG_SET_ASIDE,
    ],
    run,
};

/// What installers up to 4.1, and OSSEC HIDS, write about themselves.
const OSSEC_INIT: &str = "/etc/ossec-init.conf";

/// Directories of unit files and start scripts.
const UNITS: &[&str] = &[
    "/etc/init.d/ossec",
    "/etc/systemd/system/ossec.service",
    "/usr/lib/systemd/system/ossec.service",
    "/lib/systemd/system/ossec.service",
];

/// What packages rename a configuration to that they put another one in place of
/// (`packages/debs/SPECS/*/debian/postrm`, `packages/rpms/SPECS`, 4.14).
const SET_ASIDE: &[&str] = &[".save", ".rpmsave", ".rpmorig", ".deborig", ".dpkg-old"];

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() {
        return;
    }
    skew(facts, sink);
    half_installed(facts, sink);
    packaged_files(facts, sink);
    replaced_programs(facts, sink);
    old_generation(facts, sink);
    set_aside(facts, sink);
}

/// The responses that the daemons of this host have a part in.
fn concerned(facts: &Facts<'_>) -> Vec<ResponseIndex> {
    facts.meant_to_run()
}

/// What makes files, package and processes one.
fn install_again(facts: &Facts<'_>) -> String {
    let package = service(facts);
    match facts.package().get() {
        Some(known) => format!("apt-get install --reinstall {package}={}", quote(&known.version)),
        None if facts.has_rpm() => {
            let known = facts.package_manager().filter(|manager| *manager != PackageManager::Apt);
            known.unwrap_or(PackageManager::Dnf).reinstall(package)
        }
        None => format!("install {package} again, by the way it was installed"),
    }
}

// --- versions ------------------------------------------------------------------------------

fn skew(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    const CHECK: CheckId = checks::VERSION_SKEW;
    let named = facts.named_versions();
    if let Some(gap) = named.iter().find_map(Fact::unknown) {
        sink.unknown(CHECK, facts.all_responses(), gap);
        return;
    }
    let Some(version) = facts.version() else { return };
    let mut claims: Vec<(String, Version)> =
        named.iter().filter_map(|fact| Some((facts.shown(Path::new(&fact.source)), *fact.get()?))).collect();
    for program in facts.embedded_versions() {
        // One that holds this version among others is of this version.
        if !program.versions.contains(&version)
            && let Some(newest) = program.versions.last()
        {
            claims.push((facts.shown(&program.path), *newest));
        }
    }
    if claims.iter().any(|(_, claim)| *claim != version) {
        let mut finding = Finding::new(
            CHECK,
            Subject::File(facts.install.home.display().to_string()),
            format!(
                "{} holds files of {}: an upgrade was interrupted, or files were copied by hand.",
                facts.install.home.display(),
                listed(claims.iter().map(|(_, version)| *version))
            ),
        )
        .confidence(Confidence::Likely)
        .cause("Daemons, scripts and configuration of different versions speak different protocols: names, payload and the way a script is called changed with 4.2 and 5.0, many details in between.")
        .remedy(install_again(facts))
        .remedy(restart(facts))
        .verify(format!("{} info", under_home(facts, &format!("bin/{}", control_program(facts)))))
        .stops(concerned(facts))
        .shares("package")
        .shares("process:execd");
        for (file, version) in &claims {
            finding = finding.observed(file, format!("version {version}"));
        }
        sink.find(finding);
        return;
    }
    package_skew(facts, sink, version);
}

/// dpkg remembers another version than the files are of. An upgrade by WPK up to 4.8
/// does that by design.
fn package_skew(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, version: Version) {
    let package = facts.package();
    if let Some(gap) = package.unknown() {
        sink.unknown(checks::VERSION_SKEW, facts.all_responses(), gap);
        return;
    }
    let Some(package) = package.get().filter(|package| package.is_installed()) else { return };
    let Some(packaged) = Version::parse(package.upstream()).filter(|packaged| *packaged != version) else {
        return;
    };
    sink.find(
        Finding::new(
            checks::VERSION_SKEW,
            Subject::File(facts.install.home.display().to_string()),
            format!(
                "{} is of {version}, and dpkg knows it as {packaged}: it was upgraded without the package manager.",
                facts.install.home.display()
            ),
        )
        .severity(Severity::Advice)
        .confidence(Confidence::Likely)
        .cause("A remote upgrade (WPK) of older versions unpacks over the files and tells dpkg nothing. The next upgrade by apt starts from the wrong version, and may put older files back.")
        .observed(&facts.install.version.source, format!("version {version}"))
        .observed(dpkg::STATUS, format!("{} {}", package.name, package.version))
        .remedy(format!("apt-get install {}={version}-1", package.name))
        .verify(format!("dpkg-query -W {}", package.name))
        .stops(concerned(facts))
        .shares("package"),
    );
}

/// `4.9.2 and 4.14.2`.
fn listed(versions: impl Iterator<Item = Version>) -> String {
    let mut versions: Vec<Version> = versions.collect();
    versions.sort_unstable();
    versions.dedup();
    let words: Vec<String> = versions.iter().map(ToString::to_string).collect();
    words.join(" and ")
}

// --- packages ------------------------------------------------------------------------------

fn half_installed(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    const CHECK: CheckId = checks::PACKAGE_HALF_INSTALLED;
    let mut evidence: Vec<(String, String)> = Vec::new();
    let package = facts.package();
    if let Some(gap) = package.unknown() {
        sink.unknown(CHECK, facts.all_responses(), gap);
    }
    if let Some(package) = package.get().filter(|package| package.is_half_installed()) {
        let status = format!("{} {} {}", package.wanted, package.flag, package.state);
        evidence.push((dpkg::STATUS.to_owned(), format!("{} {}: {status}", package.name, package.version)));
    }
    for directory in ["bin", "active-response/bin", "lib"] {
        let path = facts.under_home(directory);
        let names = facts.list(&path);
        if let Some(gap) = names.unknown() {
            sink.unknown(CHECK, facts.all_responses(), gap);
        }
        let unfinished =
            names.get().into_iter().flatten().filter(|name| is_unfinished(name.as_encoded_bytes()));
        evidence.extend(unfinished.take(3).map(|name| {
            (path.join(name).display().to_string(), "a file that was to be renamed in the end".to_owned())
        }));
    }
    let Some((first, _)) = evidence.first() else { return };
    let by_dpkg = first == dpkg::STATUS || first.ends_with(".dpkg-new");
    let name = service(facts);
    let mut finding = Finding::new(
        CHECK,
        Subject::File(first.clone()),
        format!("{name} is installed by half: its installation began and did not come to an end."),
    )
    .confidence(Confidence::Likely)
    .cause("Owners, modes, accounts, the configuration and the unit are set by the last step of an installation. Until it has run, old and new files may stand side by side. An installation that is going on now looks the same.")
    .remedy(if by_dpkg { "dpkg --configure -a".to_owned() } else { install_again(facts) })
    .remedy(restart(facts))
    .verify(if by_dpkg { format!("dpkg -s {name}") } else { format!("rpm -V {name}") })
    .stops(concerned(facts))
    .shares("package")
    .shares("process:execd")
    .shares("process:analysisd");
    for executable in facts.executables() {
        finding = finding.shares(executable.shown());
    }
    for (source, text) in evidence {
        finding = finding.observed(source, text);
    }
    sink.find(finding);
}

/// A program of the package that is not the one it brought. Only what responses use.
fn packaged_files(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    const CHECK: CheckId = checks::PACKAGED_FILE_CHANGED;
    let package = facts.package();
    if let Some(gap) = package.unknown() {
        sink.unknown(CHECK, facts.all_responses(), gap);
    }
    // Files of another version are no surprise; version-skew says so.
    let Some(package) = package.get().filter(|package| {
        package.is_installed()
            && !package.is_half_installed()
            && Version::parse(package.upstream()).is_some_and(|packaged| facts.version() == Some(packaged))
    }) else {
        return;
    };
    let sums = facts.package_sums(package);
    if let Some(gap) = sums.unknown() {
        sink.unknown(CHECK, facts.all_responses(), gap);
    }
    let Some(sums) = sums.get() else { return };
    for executable in facts.executables() {
        let Some(packaged) = dpkg::md5_of(&sums.bytes, executable.path.as_os_str().as_encoded_bytes()) else {
            continue;
        };
        let users = facts.users_of(executable);
        let found = facts.sums(&executable.path);
        match found.unknown() {
            // A capture leaves programs out, and of them nothing is claimed.
            Some(Gap { kind: GapKind::NotCollected, .. }) => continue,
            Some(gap) => sink.unknown(CHECK, users.clone(), gap),
            None => {}
        }
        if found.get().is_none_or(|found| found.md5 == packaged) {
            continue;
        }
        let told = facts.told_sums(executable);
        let Some(found) = told.get() else { continue };
        let path = executable.shown();
        sink.find(
            Finding::new(
                CHECK,
                Subject::File(path.clone()),
                format!("{path} is not the file that {} {} brought.", package.name, package.version),
            )
            .cause("Wazuh does not mind. The next upgrade puts its own file in this place without a question, and what was changed here is gone.")
            .observed(&path, format!("MD5 {}", found.md5))
            .observed(format!("{}/{}.md5sums", dpkg::INFO, package.name), format!("MD5 {packaged}"))
            .remedy(format!("# yours: give it a name of its own, and name that in <executable>\ncp -a {path} {path}-local", path = quote(&path)))
            .remedy(format!("# not yours:\n{}", install_again(facts)))
            .verify(format!("dpkg --verify {}", package.name))
            .stops(users)
            .shares(path)
            .shares("package"),
        );
    }
}

// --- processes -----------------------------------------------------------------------------

/// Daemons whose program file was replaced or removed under them.
fn replaced_programs(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    const CHECK: CheckId = checks::PROGRAM_REPLACED;
    if let Some(gap) = facts.processes().unknown() {
        sink.unknown(CHECK, facts.all_responses(), gap);
        return;
    }
    let mut running = facts.daemons().iter().filter_map(Daemon::process);
    if let Some(hidden) = running.find(|process| process.exe.is_none()) {
        let why = "which program a process runs may be told to root only";
        let gap = Gap::denied(format!("/proc/{}/exe", hidden.pid), why);
        sink.unknown(CHECK, facts.all_responses(), gap);
    }
    let stale = |daemon: &Daemon| -> Option<(u32, i64)> {
        let process = daemon.process()?;
        let exe = process.exe.as_ref()?.to_string_lossy();
        exe.ends_with(" (deleted)").then_some((process.pid, process.start))
    };
    let old: Vec<(&Daemon, (u32, i64))> =
        facts.daemons().iter().filter_map(|daemon| Some((daemon, stale(daemon)?))).collect();
    let Some((first, _)) = old.first() else { return };
    let names: Vec<&str> = old.iter().map(|(daemon, _)| daemon.name.as_str()).collect();
    let program = facts.under_home(&format!("bin/{}", first.name));
    let replaced = facts.resolve(&program).get().is_some();
    let mut finding = Finding::new(
        CHECK,
        Subject::Process(first.name.clone()),
        format!(
            "{} {} the program of before: its file was {} under the running process.",
            names.join(", "),
            if names.len() == 1 { "still runs" } else { "still run" },
            if replaced { "replaced" } else { "removed" }
        ),
    )
    .cause("An upgrade that did not restart the daemons leaves the old ones at work beside new scripts and a new configuration. What was mended in the new version is not, and names or payloads of the new one may not be understood.")
    .remedy(if replaced { restart(facts) } else { install_again(facts) })
    .verify(format!("ls -l /proc/$(pgrep -o -f {})/exe", quote(&program.display().to_string())))
    .stops(concerned(facts));
    for (daemon, (pid, start)) in &old {
        let short = daemon.name.rsplit('-').next().unwrap_or(&daemon.name);
        finding = finding
            .observed(
                format!("/proc/{pid}/exe"),
                format!(
                    "bin/{} (deleted), running since {}",
                    daemon.name,
                    crate::facts::change::instant(*start)
                ),
            )
            .shares(format!("process:{short}"));
    }
    if let Some(file) = facts.resolve(&program).get() {
        finding = finding.observed(
            program.display().to_string(),
            format!("the file of now, there since {}", crate::facts::change::instant(file.meta.ctime)),
        );
    }
    sink.find(finding.shares("package"));
}

// --- what older versions left --------------------------------------------------------------

fn old_generation(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    const CHECK: CheckId = checks::OLD_GENERATION_LEFT;
    if facts.version().is_none() || facts.contract() == Contract::Args {
        return;
    }
    if let Some(gap) = facts.processes().unknown() {
        sink.unknown(CHECK, facts.all_responses(), gap);
    }
    let bin = facts.under_home("bin");
    let bin = facts.resolve(&bin).get().map_or(bin, |resolved| resolved.path.clone());
    let running: Vec<_> = facts
        .processes()
        .get()
        .into_iter()
        .flatten()
        .filter(|process| process.state != 'Z' && !process.foreign)
        .filter(|process| {
            process.exe.as_ref().is_some_and(|exe| {
                let name = exe.file_name().map(|name| name.to_string_lossy().into_owned());
                exe.parent() == Some(&bin) && name.is_some_and(|name| name.starts_with("ossec-"))
            })
        })
        .collect();
    let mut files: Vec<String> = Vec::new();
    let mut look = |path: &Path, sink: &mut Sink<'_, '_>| {
        let entry = facts.entry(path);
        if let Some(gap) = entry.unknown() {
            sink.unknown(CHECK, facts.all_responses(), gap);
        }
        if entry.get().is_some() {
            files.push(path.display().to_string());
        }
    };
    for unit in UNITS {
        look(Path::new(unit), sink);
    }
    for program in ["bin/ossec-control", "bin/ossec-execd"] {
        look(&facts.under_home(program), sink);
    }
    if !names_other_home(facts) {
        look(Path::new(OSSEC_INIT), sink);
    }
    let mut evidence: Vec<(String, String)> = running
        .iter()
        .map(|process| (format!("process {}", process.pid), format!("{} of before 4.2 runs", process.comm)))
        .collect();
    evidence.extend(files.iter().map(|file| (file.clone(), "is of 4.1 or older".to_owned())));
    evidence.extend(old_group(facts));
    let Some((first, _)) = evidence.first().cloned() else { return };
    let subject = match running.first() {
        Some(process) => Subject::Process(process.comm.clone()),
        None => Subject::File(first.clone()),
    };
    let mut finding = if running.is_empty() {
        Finding::new(CHECK, subject, format!("{first} is left of Wazuh 4.1 or older."))
            .severity(Severity::Advice)
            .cause("An upgrade to 4.2 removes it. What is left may start old daemons at the next boot, keep members of the new group out, or lead tools to look in the wrong place.")
    } else {
        Finding::new(
            CHECK,
            subject,
            format!("{first} is a daemon of Wazuh 4.1 or older, beside those of today."),
        )
        .cause("Both generations want the same sockets and files. Whichever started last has them, and the old one starts scripts with arguments and no payload.")
    };
    for process in &running {
        finding = finding.remedy(format!("kill {}", process.pid));
    }
    if !files.is_empty() {
        let words: Vec<String> = files.iter().map(|file| quote(file)).collect();
        finding = finding.remedy(format!("rm -f {}", words.join(" ")));
    }
    if running.is_empty() && files.is_empty() {
        finding = finding.remedy(format!(
            "find {} -group ossec -exec chgrp {} {{}} +",
            quote(&facts.install.home.display().to_string()),
            facts.install.group()
        ));
    } else {
        finding = finding.remedy(restart(facts));
    }
    for (source, text) in evidence {
        finding = finding.observed(source, text);
    }
    sink.find(
        finding
            .verify("pgrep -a '^ossec-'; ls /etc/init.d/ossec /etc/ossec-init.conf")
            .stops(concerned(facts))
            .shares("process:execd")
            .shares("package"),
    );
}

/// Whether `/etc/ossec-init.conf` is of an installation elsewhere, such as OSSEC HIDS itself.
fn names_other_home(facts: &Facts<'_>) -> bool {
    let file = facts.head(Path::new(OSSEC_INIT), SETTINGS_LIMIT);
    let named = file.get().and_then(|content| install::shell_value(&content.bytes, "DIRECTORY"));
    named.is_some_and(|named| {
        let (named, home) = (Path::new(&named), &facts.install.home);
        let real = |path: &Path| facts.resolve(path).get().map(|found| found.path.clone());
        named != home && real(named).is_none_or(|named| Some(named) != real(home))
    })
}

/// Directories that still belong to the group of before 4.3.
fn old_group(facts: &Facts<'_>) -> Vec<(String, String)> {
    if !behavior::GROUP_WAZUH.holds(facts.version()) {
        return Vec::new();
    }
    let Some(Some(old)) = facts.group_id("ossec").get().copied() else { return Vec::new() };
    // Who renamed the group kept its number.
    if facts.group_id(facts.install.group()).get() == Some(&Some(old)) {
        return Vec::new();
    }
    ["etc", "etc/shared", "logs", "queue/alerts", "queue/sockets", "active-response/bin"]
        .iter()
        .map(|directory| facts.under_home(directory))
        .filter(|path| facts.resolve(path).get().is_some_and(|resolved| resolved.meta.gid == old))
        .map(|path| {
            (path.display().to_string(), "belongs to the group ossec, which no daemon is in".to_owned())
        })
        .collect()
}

/// A configuration that a package renamed, with responses that the present one has not.
fn set_aside(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    const CHECK: CheckId = checks::CONFIG_SET_ASIDE;
    if facts.role() != Role::Manager {
        return;
    }
    let config = facts.config();
    let Some(read) = config.read.as_ref().filter(|read| read.xml.is_ok()) else {
        if let Some(gap) = config.file.bytes.unknown() {
            sink.unknown(CHECK, facts.all_responses(), gap);
        }
        return;
    };
    let own = read.responses.iter().filter(|block| block.name.is_some()).count();
    for suffix in SET_ASIDE {
        let mut path = config.file.path.clone().into_os_string();
        path.push(suffix);
        let copy = facts.text_file(Path::new(&path));
        if let Some(gap) = copy.bytes.unknown() {
            sink.unknown(CHECK, facts.all_responses(), gap);
        }
        let Some(bytes) = copy.bytes.get() else { continue };
        let before = ossec_conf::read(bytes, Role::Manager, facts.version());
        let lost: Vec<_> = before
            .responses
            .iter()
            .filter(|block| {
                block
                    .name
                    .as_ref()
                    .is_some_and(|name| !read.responses.iter().any(|now| now.name.as_ref() == Some(name)))
            })
            .collect();
        let Some(first) = lost.first() else { continue };
        let names: Vec<String> =
            lost.iter().filter_map(|block| block.name.as_ref()).map(|name| super::lossy(name)).collect();
        let shown = copy.path.display().to_string();
        let (severity, confidence) = if own == 0 {
            (Severity::Warning, Confidence::Likely)
        } else {
            (Severity::Advice, Confidence::Possible)
        };
        sink.find(
            Finding::new(
                CHECK,
                Subject::File(shown.clone()),
                format!(
                    "{} {} not configured any more, and {} in {}, which a package set aside.",
                    names.join(", "),
                    if names.len() == 1 { "is" } else { "are" },
                    if names.len() == 1 { "stands" } else { "stand" },
                    copy.shown
                ),
            )
            .severity(severity)
            .confidence(confidence)
            .cause("Who removes the package and installs it again gets a configuration without responses of his own; the old one is kept under another name. Nothing says so.")
            .evidence(copy.excerpt(first.span, "stands here only"))
            .remedy(format!("diff {} {}", quote(&shown), quote(&config.file.path.display().to_string())))
            .verify("ar-doctor show")
            .stops(facts.indices(Response::is_meant))
            .shares(shown.clone())
            .shares(config.file.path.display().to_string()),
        );
    }
}
