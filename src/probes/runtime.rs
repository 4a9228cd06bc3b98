//! The daemons that run, and whether they know what is on the disk.

use super::{Probe, Sink, control_program, quote, restart, under_home};
use crate::facts::change::instant;
use crate::facts::{Daemon, Facts, Response, Runs};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::version::Contract;

/// execd and analysisd.
pub(super) const PROBE: Probe = Probe {
    name: "daemons",
    checks: &[checks::GROUP_MISSING, checks::EXECD_NOT_RUNNING, checks::RESTART_OWED, checks::STALE_PID_FILE],
    run,
};

const DAEMONS: &[CheckId] = &[checks::EXECD_NOT_RUNNING, checks::RESTART_OWED, checks::STALE_PID_FILE];

/// Seconds by which the start of a process, counted from the boot, may be wrong
/// against the time of a file.
const SLACK: i64 = 2;

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() {
        return;
    }
    group_missing(facts, sink);
    if let Some(gap) = facts.processes().unknown() {
        sink.unknown_for_all(DAEMONS, &gap);
        return;
    }
    if let Some(execd) = facts.execd() {
        not_running(facts, sink, execd);
        script_came_later(facts, sink, execd);
    }
    config_came_later(facts, sink);
    ar_conf_came_later(facts, sink);
    for daemon in facts.daemons() {
        stale_pid(facts, sink, daemon);
    }
}

/// execd cannot become a member of a group that does not exist.
fn group_missing(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    // The name follows from the version.
    if facts.version().is_none() {
        return;
    }
    let group = facts.install.group();
    let known = facts.group_id(group);
    let here = facts.indices(Response::is_here);
    if let Some(gap) = known.unknown() {
        sink.unknown(checks::GROUP_MISSING, here, gap);
        return;
    }
    if known.get() != Some(&None) || (here.is_empty() && facts.role() == Role::Manager) {
        return;
    }
    let prefix = if facts.contract() == Contract::Args { "ossec" } else { "wazuh" };
    let gid = facts.resolve(&facts.under_home("etc")).get().map(|etc| etc.meta.gid);
    let gid = gid.filter(|gid| *gid != 0).map_or_else(String::new, |gid| format!("--gid {gid} "));
    let runs = facts.execd().is_some_and(|execd| execd.running().get() == Some(&true));
    let mut finding = Finding::new(
        checks::GROUP_MISSING,
        Subject::File("/etc/group".to_owned()),
        if runs {
            format!("{prefix}-execd will not start again: there is no group {group}.")
        } else {
            format!("No response runs on this host: {prefix}-execd does not start, for there is no group {group}.")
        },
    )
    .confidence(Confidence::Likely)
    .cause(format!("It enters the group at its start and exits with CRITICAL (1203) \"Invalid user '' or group '{group}' given\". Only a directory service could know the group still."))
    .observed(known.source.clone(), format!("no group {group}"))
    .remedy(format!("groupadd --system {gid}{group}"))
    .remedy(restart(facts))
    .verify(format!("getent group {group}"))
    .stops(here)
    .shares("process:execd");
    for executable in facts.executables() {
        finding = finding.shares(executable.shown());
    }
    if runs {
        // Deleted since its start, or known to a directory service.
        finding = finding.severity(Severity::Warning);
    }
    sink.find(finding);
}

fn not_running(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, execd: &Daemon) {
    if let Some(gap) = execd.running().unknown() {
        return sink.unknown_for_all(&[checks::EXECD_NOT_RUNNING, checks::RESTART_OWED], &gap);
    }
    if execd.running().get() != Some(&false) {
        return;
    }
    if let Some(gap) = facts.being_started() {
        return sink.unknown_for_all(&[checks::EXECD_NOT_RUNNING], &gap);
    }
    let here: Vec<ResponseIndex> = facts.indices(Response::is_here);
    let needed = facts.role() == Role::Agent
        || here
            .iter()
            .any(|&index| facts.response(index).is_some_and(|response| response.runs == Runs::Here));
    if !needed && here.is_empty() {
        return;
    }
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
    .remedy(restart(facts))
    .remedy(format!("grep {} {} | tail -n 20", execd.name, under_home(facts, "logs/ossec.log")))
    .verify(format!("pgrep -a {}", quote(execd.comm())))
    .stops(here)
    .shares("process:execd");
    finding = super::processes::last_words(facts, finding, &execd.name);
    // One in a container, whose files are others.
    let others = facts.processes().get().into_iter().flatten();
    if let Some(other) = others.into_iter().find(|process| process.foreign && process.comm == execd.comm()) {
        finding = finding.observed(
            format!("process {}", other.pid),
            format!("a {} of a container, which reads nothing of this installation", execd.name),
        );
    }
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
            .remedy(restart(facts))
            .verify(format!("ps -o lstart= -C {}", execd.comm()))
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
        .remedy(restart(facts))
        .verify(format!("ps -o lstart= -C {}", daemon.comm()))
        .stops(facts.meant_to_run())
        .shares(&path)
        .shares("process:analysisd"),
    );
}

/// execd reads ar.conf at the first message, and again only for a name it does not
/// know: a name that now stands for another file keeps the old one.
fn ar_conf_came_later(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.role() != Role::Agent || facts.contract() == Contract::Json5 {
        return;
    }
    let file = &facts.ar_conf().file;
    let Some(process) = facts.execd().and_then(Daemon::process) else { return };
    let Some(changed) = facts.resolve(&file.path).get().map(|resolved| resolved.meta.mtime) else { return };
    if file.bytes.get().is_none() || changed <= process.start.saturating_add(SLACK) {
        return;
    }
    let path = file.path.display().to_string();
    sink.find(
        Finding::new(
            checks::RESTART_OWED,
            Subject::File(path.clone()),
            format!("execd may still use an older {}: the file was changed after the daemon's start.", file.shown),
        )
        .severity(Severity::Advice)
        .confidence(Confidence::Possible)
        .cause("An agent restarts by itself when its shared files change, unless <auto_restart> is no. execd takes up new names without a restart, but not another file under a name it knows.")
        .observed(&path, format!("changed {}", instant(changed)))
        .observed(format!("process {}", process.pid), format!("execd started {}", instant(process.start)))
        .remedy(restart(facts))
        .verify("ps -o lstart= -C wazuh-execd")
        .stops(facts.indices(Response::is_here))
        .shares(&path)
        .shares("process:execd"),
    );
}

fn stale_pid(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, daemon: &Daemon) {
    let stale = daemon.stale();
    if let Some(gap) = stale.unknown() {
        sink.unknown(checks::STALE_PID_FILE, facts.all_responses(), gap);
        return;
    }
    let control = control_program(facts);
    for file in stale.get().into_iter().flatten() {
        let path = file.path.display().to_string();
        let mut finding = Finding::new(
            checks::STALE_PID_FILE,
            Subject::File(path.clone()),
            format!("{path} names process {}, which is no {}.", file.pid, daemon.name),
        )
        .cause(format!("It is left behind by a crash or a kill -9. {control} status may take another process for the daemon."))
        .observed(&path, format!("no {} with number {}", daemon.name, file.pid))
        .remedy(restart(facts))
        .verify(format!("{} status", under_home(facts, &format!("bin/{control}"))))
        .stops(facts.all_responses());
        if daemon.name.ends_with("-execd") {
            finding = finding.shares("process:execd");
        }
        sink.find(finding);
    }
}
