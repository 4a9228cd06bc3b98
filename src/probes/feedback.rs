//! The log that responses write, and whether it is collected.

use super::{Probe, block_subject, quote};
use crate::engine::Sink;
use crate::facts::{Facts, Response};
use crate::findings::{Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::{FileType, Value};
use crate::wazuh::ossec_conf::Role;

/// `logs/active-responses.log` and its `<localfile>`.
pub(super) const PROBE: Probe = Probe {
    name: "feedback",
    checks: &[
        checks::AR_LOG_UNWRITABLE,
        checks::AR_LOG_MISSING,
        checks::AR_LOG_FIFO,
        checks::LOCALFILE_MISSING,
        checks::LOCALFILE_WRONG_FORMAT,
    ],
    run,
};

const LOG: &[crate::findings::CheckId] =
    &[checks::AR_LOG_UNWRITABLE, checks::AR_LOG_MISSING, checks::AR_LOG_FIFO];

/// Formats whose reader passes every line of text on (`src/logcollector/logcollector.c
/// set_read`, 4.14: all of them are read by `read_syslog`).
const LINE_FORMATS: &[&[u8]] =
    &[b"syslog", b"generic", b"snort-fast", b"apache", b"iis", b"squid", b"syslog-pipe"];

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if !facts.is_bare() {
        log(facts, sink);
    }
    collection(facts, sink);
}

fn here(facts: &Facts<'_>) -> Vec<ResponseIndex> {
    facts
        .responses()
        .iter()
        .enumerate()
        .filter(|(_, response)| response.runs == crate::facts::Runs::Here)
        .map(|(index, _)| index)
        .collect()
}

fn log(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let log = facts.ar_log();
    let path = log.path.display().to_string();
    let quoted = quote(&path);
    let group = facts.install.group();
    let all: Vec<ResponseIndex> = facts
        .all_responses()
        .into_iter()
        .filter(|&index| facts.response(index).is_some_and(Response::is_here))
        .collect();
    let make_again = format!("install -o {group} -g {group} -m 660 /dev/null {quoted}");
    let verify = format!("ls -l {quoted}");
    match &log.target.value {
        Value::Absent => sink.find(
            Finding::new(checks::AR_LOG_MISSING, Subject::File(path.clone()), format!("{path} does not exist."))
                .cause("The stock programs make it again at their next run, with mode 0644 and owner root; until then there is nothing to collect.")
                .observed(&path, "no such file")
                .remedy(make_again)
                .verify(verify)
                .stops(all)
                .shares(&path),
        ),
        Value::Known(target) => match target.meta.file_type {
            FileType::Regular => match log.mount.get() {
                Some(mount) if mount.options.iter().any(|option| option == "ro") => {
                    let at = mount.target.display().to_string();
                    sink.find(
                        Finding::new(
                            checks::AR_LOG_UNWRITABLE,
                            Subject::File(path.clone()),
                            format!("Responses leave no trace: {path} lies on {at}, which is mounted read-only."),
                        )
                        .cause("The stock programs ignore that they cannot write their log; they do their work and nothing is recorded, collected or alerted.")
                        .observed(log.mount.source.clone(), format!("{at} {} {}", mount.fstype, mount.options.join(",")))
                        .remedy(format!("mount -o remount,rw {}", quote(&at)))
                        .verify(format!("findmnt -no OPTIONS -T {quoted}"))
                        .stops(all)
                        .shares(&path),
                    );
                }
                Some(_) => {}
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
                .remedy(format!(
                    "systemctl restart {}   # execd is stuck",
                    if facts.role() == Role::Agent { "wazuh-agent" } else { "wazuh-manager" }
                ))
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
                    .cause("The stock programs ignore that they cannot write their log; they do their work and nothing is recorded, collected or alerted.")
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
    let location = String::from_utf8_lossy(location).into_owned();
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

fn collection(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    const CHECKS: &[crate::findings::CheckId] = &[checks::LOCALFILE_MISSING, checks::LOCALFILE_WRONG_FORMAT];
    let config = facts.config();
    let Some(read) = &config.read else {
        if let Some(gap) = config.file.bytes.unknown() {
            sink.unknown_for_all(CHECKS, &gap);
        }
        return;
    };
    if read.xml.is_err() {
        return;
    }
    let home = facts.install.home.display().to_string();
    let restart = if facts.role() == Role::Agent {
        "systemctl restart wazuh-agent"
    } else {
        "systemctl restart wazuh-manager"
    };
    let collecting: Vec<_> = read
        .localfiles
        .iter()
        .filter(|localfile| {
            localfile.location.as_ref().is_some_and(|location| is_the_log(&location.text, &home))
        })
        .collect();
    if collecting.is_empty() {
        let responses = here(facts);
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
            .remedy(restart)
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
        let text = String::from_utf8_lossy(&format.text).into_owned();
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
            .remedy(restart)
            .verify(format!("grep -n -B 2 'active-responses.log' {}", quote(&config.file.path.display().to_string())))
            .stops(here(facts))
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
    let home = facts.install.home.display().to_string();
    confs.get().into_iter().flatten().any(|conf| match conf.read.as_ref().map(|read| &read.xml) {
        Some(Ok(document)) => document
            .roots
            .iter()
            .flat_map(|root| &root.children)
            .filter(|block| block.name == b"localfile")
            .flat_map(|block| &block.children)
            .any(|option| option.name == b"location" && is_the_log(&option.content, &home)),
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
