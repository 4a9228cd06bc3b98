//! The log that responses write, and whether it is collected.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::filesystem::Frozen;
use super::{Probe, Sink, block_subject, lossy, quote, read_config};
use crate::facts::executable::mount_of;
use crate::facts::{Executable, Facts, Response, Runs};
use crate::findings::{CheckId, Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::{Fact, FileType, Mount, Value};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;

/// `logs/active-responses.log` and its `<localfile>`.
pub(super) const PROBE: Probe = Probe {
    name: "feedback",
    checks: &[
        checks::AR_LOG_UNWRITABLE,
        checks::AR_LOG_MISSING,
        checks::AR_LOG_FIFO,
        checks::LOCALFILE_MISSING,
        checks::LOCALFILE_WRONG_FORMAT,
        checks::BIN_READ_ONLY,
    ],
    run,
};

const LOG: &[CheckId] = &[checks::AR_LOG_UNWRITABLE, checks::AR_LOG_MISSING, checks::AR_LOG_FIFO];

/// Stock programs that make a directory in active-response/bin as their lock
/// (`src/active-response/active_responses.c lock`, 4.14).
const LOCKING: &[&[u8]] = &[b"firewall-drop", b"firewalld-drop", b"host-deny"];

const UNRECORDED: &str = "The stock programs ignore that they cannot write their log; they do their work and nothing is recorded, collected or alerted.";

/// Formats whose reader passes every line of text on (`src/logcollector/logcollector.c
/// set_read`, 4.14: all of them are read by `read_syslog`).
const LINE_FORMATS: &[&[u8]] =
    &[b"syslog", b"generic", b"snort-fast", b"apache", b"iis", b"squid", b"syslog-pipe"];

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if !facts.is_bare() {
        let stuck = read_only_bin(facts, sink);
        log(facts, sink, &stuck);
    }
    collection(facts, sink);
}

fn has(mount: &Mount, option: &str) -> bool {
    mount.options.iter().any(|have| have == option)
}

/// The programs that make their lock in active-response/bin, of those that are started at all.
pub(super) fn locking<'f>(facts: &'f Facts<'_>) -> Vec<&'f Executable> {
    if facts.contract() != Contract::Json4 {
        return Vec::new();
    }
    let starts = |executable: &&Executable| {
        // One that is not started takes no time.
        let starts = executable.file().is_some_and(|file| file.meta.mode & 0o111 != 0);
        let noexec = executable.mount.get().is_some_and(|mount| has(mount, "noexec"));
        LOCKING.contains(&executable.name.as_slice()) && starts && !noexec
    };
    facts.executables().iter().filter(starts).collect()
}

/// `NAME blocks nothing and holds execd up ...` of programs that cannot take their lock.
pub(super) fn blocks_nothing(facts: &Facts<'_>, users: &[ResponseIndex]) -> String {
    let first = users.iter().min().and_then(|&index| facts.response(index));
    let first = first.map_or_else(String::new, Response::shown);
    let (who, what) = match users.len() {
        0 | 1 => (first, "blocks nothing and holds"),
        more => (format!("{first} and {} more", more - 1), "block nothing and hold"),
    };
    format!("{who} {what} execd up for 20 minutes each time")
}

/// The responses whose program can never take its lock.
fn read_only_bin(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) -> Vec<ResponseIndex> {
    let bin = facts.under_home("active-response/bin");
    let locking = locking(facts);
    let mut users: Vec<ResponseIndex> =
        locking.iter().flat_map(|executable| facts.users_of(executable)).collect();
    users.sort_unstable();
    users.dedup();
    if users.is_empty() {
        return Vec::new();
    }
    let real = facts.resolve(&bin);
    let mount = real.get().map(|real| mount_of(facts.mounts(), &real.path));
    if let Some(gap) = real.unknown().or_else(|| mount.as_ref()?.unknown()) {
        sink.unknown(checks::BIN_READ_ONLY, users, gap);
        return Vec::new();
    }
    let who = blocks_nothing(facts, &users);
    let path = bin.display().to_string();
    let finding = if let Some(mount) = mount.as_ref().and_then(Fact::get).filter(|mount| has(mount, "ro")) {
        let at = mount.target.display().to_string();
        Finding::new(
            checks::BIN_READ_ONLY,
            Subject::Mount(at.clone()),
            format!("{who}: {path} lies on {at}, which is mounted read-only."),
        )
        .cause("The program makes a directory there as its lock. It cannot, takes it for locked, tries again for 1225 seconds and gives up; execd waits for it, and every other response waits too.")
        .observed(facts.mounts().source.clone(), format!("{at} {} {}", mount.fstype, mount.options.join(",")))
        .remedy(format!("mount -o remount,rw {}", quote(&at)))
        .remedy("take ro out of its line in /etc/fstab or out of its mount unit, or it comes back at the next boot")
        .verify(format!("findmnt -no OPTIONS -T {}", quote(&path)))
        .shares(format!("mount:{at}"))
    } else {
        let attributes = facts.attributes(&bin);
        if let Some(gap) = attributes.unknown() {
            sink.unknown(checks::BIN_READ_ONLY, users, gap);
            return Vec::new();
        }
        let Some(frozen) = attributes.get().and_then(Frozen::of) else { return Vec::new() };
        let (why, cause) = match frozen {
            Frozen::Immutable => (
                "is immutable, so nothing can be made in it",
                "The program makes a directory there as its lock. It cannot, takes it for locked, tries again for 1225 seconds and gives up; execd waits for it, and every other response waits too.",
            ),
            Frozen::AppendOnly => (
                "is append-only, so nothing can be removed from it",
                "The program makes a directory there as its lock, and cannot remove it again. Each later run takes that for a lock that is held, tries for 1225 seconds and gives up; execd waits for it, and every other response waits too.",
            ),
        };
        Finding::new(checks::BIN_READ_ONLY, Subject::File(path.clone()), format!("{who}: {path} {why}."))
            .cause(cause)
            .observed(&path, frozen.observed())
            .remedy(format!("chattr {} {}", frozen.undo(), quote(&path)))
            .verify(format!("lsattr -d {}", quote(&path)))
            .shares(&path)
    };
    let mut finding = finding.stops(users.iter().copied());
    for executable in locking {
        finding = finding.shares(executable.shown());
    }
    sink.find(finding);
    users
}

/// Where the links of a path end, whether something is there or not.
fn end_of_links(facts: &Facts<'_>, path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..40 {
        let link = facts.link_target(&path);
        let Some(link) = link.get() else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(link);
    }
    path
}

/// The log can never be made where its directory is not there.
fn no_directory(facts: &Facts<'_>, path: &str) -> Option<Finding> {
    let log = facts.ar_log();
    let end = end_of_links(facts, &log.path);
    let directory = end.parent()?;
    if !facts.resolve(directory).is_absent() {
        return None;
    }
    let group = facts.install.group();
    let missing = directory.display().to_string();
    let finding = Finding::new(
        checks::AR_LOG_UNWRITABLE,
        Subject::File(path.to_owned()),
        if end == log.path {
            format!("Responses leave no trace: there is no directory {missing}.")
        } else {
            format!("Responses leave no trace: {path} is a link into {missing}, which does not exist.")
        },
    )
    .cause(UNRECORDED)
    .observed(&missing, "no such directory");
    Some(if end == log.path {
        finding.remedy(format!("install -o {group} -g {group} -m 770 -d {}", quote(&missing)))
    } else {
        finding.remedy(format!("rm {}", quote(path)))
    })
}

/// Nobody may write to the log, or to the directory that it has to be made in.
fn immutable_log(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    path: &Path,
    what: &str,
    all: Vec<ResponseIndex>,
) {
    let attributes = facts.attributes(path);
    if let Some(gap) = attributes.unknown() {
        sink.unknown(checks::AR_LOG_UNWRITABLE, all, gap);
        return;
    }
    // What is append-only takes lines, and a directory takes new files.
    if attributes.get().and_then(Frozen::of) != Some(Frozen::Immutable) {
        return;
    }
    let shown = path.display().to_string();
    let quoted = quote(&shown);
    sink.find(
        Finding::new(
            checks::AR_LOG_UNWRITABLE,
            Subject::File(facts.ar_log().path.display().to_string()),
            format!("Responses leave no trace: {shown} {what}."),
        )
        .cause(UNRECORDED)
        .observed(&shown, Frozen::Immutable.observed())
        .remedy(format!("chattr -i {quoted}"))
        .verify(format!("lsattr -d {quoted}"))
        .stops(all)
        .shares(shown),
    );
}

/// The directory that a missing log would be made in, when nothing can be made there.
fn closed_directory(facts: &Facts<'_>) -> Option<PathBuf> {
    let end = end_of_links(facts, &facts.ar_log().path);
    let directory = end.parent()?.to_owned();
    let frozen = facts.attributes(&directory).get().and_then(Frozen::of);
    (frozen == Some(Frozen::Immutable)).then_some(directory)
}

fn log(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, stuck: &[ResponseIndex]) {
    let log = facts.ar_log();
    let path = log.path.display().to_string();
    let quoted = quote(&path);
    let group = facts.install.group();
    let all = facts.indices(Response::is_here);
    let make_again = format!("install -o {group} -g {group} -m 660 /dev/null {quoted}");
    let verify = format!("ls -l {quoted}");
    match &log.target.value {
        Value::Absent if closed_directory(facts).is_some() => {
            if let Some(directory) = closed_directory(facts) {
                immutable_log(facts, sink, &directory, "is immutable, and the log is not in it", all);
            }
        }
        Value::Absent => sink.find(if let Some(finding) = no_directory(facts, &path) {
            finding.remedy(make_again).verify(verify).stops(all).shares(&path)
        } else {
            Finding::new(checks::AR_LOG_MISSING, Subject::File(path.clone()), format!("{path} does not exist."))
                .cause("The stock programs make it again at their next run, with mode 0644 and owner root; until then there is nothing to collect.")
                .observed(&path, "no such file")
                .remedy(make_again)
                .verify(verify)
                .stops(all)
                .shares(&path)
        }),
        Value::Known(target) => match target.meta.file_type {
            FileType::Regular => match log.mount.get() {
                Some(mount) if has(mount, "ro") => {
                    let at = mount.target.display().to_string();
                    sink.find(
                        Finding::new(
                            checks::AR_LOG_UNWRITABLE,
                            Subject::File(path.clone()),
                            format!("Responses leave no trace: {path} lies on {at}, which is mounted read-only."),
                        )
                        .cause(if stuck.is_empty() {
                            UNRECORDED
                        } else {
                            "The stock programs ignore that they cannot write their log: nothing is recorded, collected or alerted."
                        })
                        .observed(log.mount.source.clone(), format!("{at} {} {}", mount.fstype, mount.options.join(",")))
                        .remedy(format!("mount -o remount,rw {}", quote(&at)))
                        .verify(format!("findmnt -no OPTIONS -T {quoted}"))
                        .stops(all.into_iter().filter(|index| !stuck.contains(index)))
                        .shares(format!("mount:{at}"))
                        .shares(&path),
                    );
                }
                Some(_) => immutable_log(facts, sink, &log.path, "is immutable", all),
                None => {
                    if let Some(gap) = log.mount.unknown() {
                        sink.unknown(checks::AR_LOG_UNWRITABLE, all, gap);
                    }
                }
            },
            FileType::Fifo => sink.find(
                Finding::new(
                    checks::AR_LOG_FIFO,
                    Subject::File(path.clone()),
                    format!("Every stock response hangs, and execd with it: {path} is a FIFO."),
                )
                .cause("A stock program opens its log before anything else, and opening a FIFO that nobody reads never returns. execd waits for the program without limit. Nothing is logged.")
                .observed(&path, "FIFO")
                .remedy(format!("rm {quoted}"))
                .remedy(make_again)
                .remedy(format!("{}   # execd is stuck", super::restart(facts)))
                .verify(verify)
                .stops(all)
                .shares(&path),
            ),
            other => {
                let what = if other == FileType::Directory { "a directory" } else { "no regular file" };
                sink.find(
                    Finding::new(
                        checks::AR_LOG_UNWRITABLE,
                        Subject::File(path.clone()),
                        format!("Responses leave no trace: {path} is {what}."),
                    )
                    .cause(UNRECORDED)
                    .observed(&path, what)
                    .remedy(format!("mv {quoted} {quoted}.old"))
                    .remedy(make_again)
                    .verify(verify)
                    .stops(all)
                    .shares(&path),
                );
            }
        },
        _ => {
            if let Some(gap) = log.target.unknown() {
                for &check in LOG {
                    sink.unknown(check, all.clone(), gap.clone());
                }
            }
        }
    }
}

/// Whether a `<location>` means the log of responses; globs count by their
/// fixed beginning and end.
fn is_the_log(location: &[u8], home: &str) -> bool {
    let location = lossy(location);
    let path = if location.starts_with('/') { location } else { format!("{home}/{location}") };
    let log = format!("{home}/logs/active-responses.log");
    match path.find(['*', '?', '[']) {
        None => path == log,
        Some(at) => {
            log.starts_with(&path[..at]) && {
                let end = path.rfind(['*', '?', ']']).map_or("", |at| &path[at + 1..]);
                log.ends_with(end)
            }
        }
    }
}

/// The same of a path, which may lead to the log through links.
fn leads_to_the_log(facts: &Facts<'_>, location: &[u8]) -> bool {
    let home = &facts.install.home;
    if is_the_log(location, &home.display().to_string()) {
        return true;
    }
    if facts.is_bare() {
        return false;
    }
    let real_home = facts.resolve(home);
    if real_home.get().is_some_and(|real| is_the_log(location, &real.path.display().to_string())) {
        return true;
    }
    let real = |path: &Path| match (facts.resolve(path).get(), path.parent(), path.file_name()) {
        (Some(real), ..) => Some(real.path.clone()),
        (None, Some(parent), Some(name)) => facts.resolve(parent).get().map(|real| real.path.join(name)),
        _ => None,
    };
    let log = real(&facts.ar_log().path);
    log.is_some() && log == real(&home.join(Path::new(OsStr::from_bytes(location))))
}

fn collection(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    const CHECKS: &[CheckId] = &[checks::LOCALFILE_MISSING, checks::LOCALFILE_WRONG_FORMAT];
    let config = facts.config();
    let Some(read) = read_config(facts, sink, CHECKS) else { return };
    // What logcollector refuses is reported as that.
    if read.xml.is_err() || super::section_is_broken(read, "localfile", None) {
        return;
    }
    let home = facts.install.home.display().to_string();
    let collecting: Vec<_> = read
        .localfiles
        .iter()
        .filter(|localfile| {
            localfile.location.as_ref().is_some_and(|location| leads_to_the_log(facts, &location.text))
        })
        .collect();
    if collecting.is_empty() {
        let responses = facts.indices(|response| response.runs == Runs::Here);
        if responses.is_empty() || delivered_by_group(facts, sink) {
            return;
        }
        let path = format!("{home}/logs/active-responses.log");
        sink.find(
            Finding::new(
                checks::LOCALFILE_MISSING,
                Subject::File(path.clone()),
                "Responses raise no alert of their own: nothing collects active-responses.log.".to_owned(),
            )
            .cause("Without a <localfile> for it, logcollector does not read the log: rules 650 to 658 see nothing. The responses themselves run.")
            .observed(&config.file.shown, format!("{} <localfile> blocks, none with this location", read.localfiles.len()))
            .remedy(format!(
                "add to {}: <localfile><log_format>syslog</log_format><location>{path}</location></localfile>",
                config.file.shown
            ))
            .remedy(super::restart(facts))
            .verify(format!("grep -n 'active-responses.log' {}", quote(&config.file.path.display().to_string())))
            .stops(responses),
        );
        return;
    }
    if collecting.iter().any(|localfile| {
        localfile.log_format.as_ref().is_some_and(|format| LINE_FORMATS.contains(&format.text.as_slice()))
    }) {
        return;
    }
    for localfile in collecting {
        let Some(format) = &localfile.log_format else { continue };
        let text = lossy(&format.text);
        sink.find(
            Finding::new(
                checks::LOCALFILE_WRONG_FORMAT,
                block_subject(facts, localfile.span),
                format!("Responses raise no alert of their own: active-responses.log is collected as \"{text}\"."),
            )
            .severity(Severity::Warning)
            .cause("A line of this log begins with a date and the program, then JSON. A reader for another format drops such lines without a word above debug level. The responses themselves run.")
            .evidence(config.file.excerpt(format.span, "has to be syslog"))
            .remedy(format!("write <log_format>syslog</log_format> for this location in {}", config.file.shown))
            .remedy(super::restart(facts))
            .verify(format!("grep -n -B 2 'active-responses.log' {}", quote(&config.file.path.display().to_string())))
            .stops(facts.indices(|response| response.runs == Runs::Here))
            .at(format.span.start),
        );
    }
}

/// An agent may get the block from its group.
fn delivered_by_group(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) -> bool {
    if facts.role() != Role::Agent || facts.is_bare() {
        return false;
    }
    let confs = facts.agent_confs();
    if let Some(gap) = confs.unknown() {
        sink.unknown_for_all(&[checks::LOCALFILE_MISSING], &gap);
        return true;
    }
    confs.get().into_iter().flatten().any(|conf| match conf.read.as_ref().map(|read| &read.xml) {
        Some(Ok(document)) => document
            .roots
            .iter()
            .flat_map(|root| &root.children)
            .filter(|block| block.name == b"localfile")
            .flat_map(|block| &block.children)
            .any(|option| option.name == b"location" && leads_to_the_log(facts, &option.content)),
        // Its errors are another check's; what it would deliver cannot be told.
        Some(Err(_)) => true,
        None => {
            if let Some(gap) = conf.file.bytes.unknown() {
                sink.unknown_for_all(&[checks::LOCALFILE_MISSING], &gap);
            }
            true
        }
    })
}

#[cfg(test)]
mod tests {
    use super::is_the_log;

    #[test]
    fn the_log_is_recognised_in_every_spelling() {
        for location in [
            "/var/ossec/logs/active-responses.log",
            "logs/active-responses.log",
            "/var/ossec/logs/*.log",
            "/var/ossec/logs/active-responses.lo?",
        ] {
            assert!(is_the_log(location.as_bytes(), "/var/ossec"), "{location}");
        }
        for location in
            ["/var/log/*.log", "/var/ossec/logs/ossec.log", "active-responses.log", "/var/ossec/logs/*.json"]
        {
            assert!(!is_the_log(location.as_bytes(), "/var/ossec"), "{location}");
        }
    }
}
