//! The daemons that run, and whether they know what is on the disk.

use super::{Probe, quote};
use crate::engine::Sink;
use crate::facts::{Daemon, Facts, Response, Runs};
use crate::findings::{Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;

/// execd and analysisd.
pub(super) const PROBE: Probe = Probe {
    name: "daemons",
    checks: &[checks::EXECD_NOT_RUNNING, checks::RESTART_OWED, checks::STALE_PID_FILE],
    run,
};

/// Seconds by which the start of a process, counted from the boot, may be wrong
/// against the time of a file.
const SLACK: i64 = 2;

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() {
        return;
    }
    if let Some(gap) = facts.processes().unknown() {
        sink.unknown_for_all(PROBE.checks, &gap);
        return;
    }
    if let Some(execd) = facts.execd() {
        not_running(facts, sink, execd);
        script_came_later(facts, sink, execd);
    }
    config_came_later(facts, sink);
    for daemon in facts.daemons() {
        stale_pid(facts, sink, daemon);
    }
}

fn service(facts: &Facts<'_>) -> &'static str {
    if facts.role() == Role::Agent { "wazuh-agent" } else { "wazuh-manager" }
}

fn not_running(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, execd: &Daemon) {
    if execd.running().get() != Some(&false) {
        return;
    }
    let here: Vec<ResponseIndex> = facts
        .responses()
        .iter()
        .enumerate()
        .filter(|(_, response)| Response::is_here(response))
        .map(|(index, _)| index)
        .collect();
    let needed = facts.role() == Role::Agent
        || here
            .iter()
            .any(|&index| facts.response(index).is_some_and(|response| response.runs == Runs::Here));
    if !needed && here.is_empty() {
        return;
    }
    let service = service(facts);
    let pid_files = execd.pid_files.get().map_or(0, Vec::len);
    let mut finding = Finding::new(
        checks::EXECD_NOT_RUNNING,
        Subject::Process(execd.name.clone()),
        format!("No response runs on this host: {} is not running.", execd.name),
    )
    .cause("Messages for it are lost, and the other daemons say nothing of it at default log level. The systemd unit does not start it again.")
    .observed(
        facts.processes().source.clone(),
        match execd.processes.get().and_then(|all| all.first()) {
            Some(dead) => format!("process {} is dead, and its parent {} has not noticed", dead.pid, dead.ppid),
            None => format!("no process {}{}", execd.name, if pid_files > 0 { ", but a pid file" } else { "" }),
        },
    )
    .remedy(format!("systemctl restart {service}"))
    .remedy(format!("grep {} {}/logs/ossec.log | tail -n 20", execd.name, facts.install.home.display()))
    .verify(format!("pgrep -a {}", quote(execd.name.get(..15).unwrap_or(&execd.name))))
    .stops(here)
    .shares("process:execd");
    if !needed {
        finding = finding.severity(Severity::Warning);
    }
    sink.find(finding);
}

/// A script that came after execd had read ar.conf stays unknown to it. A change
/// inside a file is used at once; only a new entry in the directory counts.
fn script_came_later(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, execd: &Daemon) {
    let Some(process) = execd.process() else { return };
    if facts.contract() == Contract::Json5 {
        return;
    }
    for executable in facts.executables() {
        let (Some(entry), Some(directory)) =
            (executable.entry.get(), executable.path.parent().map(|directory| facts.resolve(directory)))
        else {
            continue;
        };
        let Some(directory) = directory.get() else { continue };
        let start = process.start.saturating_add(SLACK);
        if entry.ctime <= start || directory.meta.mtime <= start || executable.target.get().is_none() {
            continue;
        }
        // A change inside a file keeps its birth. Where that is not known, the
        // stock programs' lock directories and a chmod look the same.
        let severity = match facts.birth(&executable.path).get() {
            Some(birth) if *birth <= start => continue,
            Some(_) => Severity::Warning,
            None => Severity::Advice,
        };
        let path = executable.shown();
        sink.find(
            Finding::new(
                checks::RESTART_OWED,
                Subject::File(path.clone()),
                format!("{path} may be unknown to the running {}: it came, or was replaced, after the daemon's start.", execd.name),
            )
            .severity(severity)
            .confidence(Confidence::Possible)
            .cause("execd looks once whether a file is there, when it first reads ar.conf, and remembers the answer until it meets an unknown name or is restarted. Messages for a file it has not seen are dropped without a word.")
            .observed(&path, format!("changed {}", instant(entry.ctime)))
            .observed(format!("process {}", process.pid), format!("{} started {}", execd.name, instant(process.start)))
            .remedy(format!("systemctl restart {}", service(facts)))
            .verify(format!("ps -o lstart= -C {}", execd.name.get(..15).unwrap_or(&execd.name)))
            .stops(facts.users_of(executable))
            .shares("process:execd"),
        );
    }
}

fn config_came_later(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let daemon = match facts.role() {
        Role::Manager => facts.analysisd(),
        Role::Agent => facts.execd(),
    };
    let config = facts.config();
    let (Some(daemon), Some(read)) = (daemon, &config.read) else { return };
    let Some(process) = daemon.process() else { return };
    let changed = facts.resolve(&config.file.path);
    let Some(changed) = changed.get() else { return };
    if changed.meta.mtime <= process.start.saturating_add(SLACK) {
        return;
    }
    // On an agent only two settings of execd stand in this file, and the file is
    // changed for many other reasons.
    let severity = if facts.role() == Role::Manager { Severity::Warning } else { Severity::Advice };
    let matters = facts.role() == Role::Manager
        || read.execd.disabled.is_some()
        || read.execd.repeated_offenders.is_some();
    if !matters {
        return;
    }
    let path = config.file.path.display().to_string();
    sink.find(
        Finding::new(
            checks::RESTART_OWED,
            Subject::File(path.clone()),
            format!("The running {} does not know the present {}: the file was changed after the daemon's start.", daemon.name, config.file.shown),
        )
        .severity(severity)
        .confidence(Confidence::Likely)
        .cause("The daemons read their configuration at start only; a reload of the ruleset does not read responses again.")
        .observed(&path, format!("changed {}", instant(changed.meta.mtime)))
        .observed(format!("process {}", process.pid), format!("{} started {}", daemon.name, instant(process.start)))
        .remedy(format!("systemctl restart {}", service(facts)))
        .verify(format!("ps -o lstart= -C {}", daemon.name.get(..15).unwrap_or(&daemon.name)))
        .stops(crate::engine::meant_to_run(facts))
        .shares(&path)
        .shares("process:analysisd"),
    );
}

fn stale_pid(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, daemon: &Daemon) {
    let stale = daemon.stale();
    if let Some(gap) = stale.unknown() {
        sink.unknown(checks::STALE_PID_FILE, facts.all_responses(), gap);
        return;
    }
    for file in stale.get().into_iter().flatten() {
        let path = file.path.display().to_string();
        let mut finding = Finding::new(
            checks::STALE_PID_FILE,
            Subject::File(path.clone()),
            format!("{path} names process {}, which is no {}.", file.pid, daemon.name),
        )
        .cause("It is left behind by a crash or a kill -9. wazuh-control status may take another process for the daemon.")
        .observed(&path, format!("no {} with number {}", daemon.name, file.pid))
        .remedy(format!("systemctl restart {}", service(facts)))
        .verify(format!("{}/bin/wazuh-control status", facts.install.home.display()))
        .stops(facts.all_responses());
        if daemon.name.ends_with("-execd") {
            finding = finding.shares("process:execd");
        }
        sink.find(finding);
    }
}

/// Seconds since 1970 as UTC.
fn instant(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| format!("{seconds} s"), |instant| instant.to_string())
}
