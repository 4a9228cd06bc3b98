//! An execd that does nothing: it waits for a script, was stopped, or waits at its start; and locks of the
//! shipped programs that will make the next one wait.

use std::path::Path;

use super::processes::not_taken;
use super::{Probe, Sink, lossy, quote, quote_path, restart, under_home};
use crate::facts::blocked::{self, Execd, Member, Script, Stands};
use crate::facts::change::{instant, span};
use crate::facts::{Facts, Response};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::{Fact, FileType, Gap, Process, Wait};
use crate::wazuh::stock::{LOCKS, Lock, lock_wait};
use crate::wazuh::version::Contract;

/// execd and the script it waits for.
pub(super) const PROBE: Probe = Probe {
    name: "blocked",
    checks: &[checks::EXECD_BLOCKED, checks::EXECD_STANDS_STILL, checks::STARTUP_GATE_CLOSED],
    run,
};

/// Locks that nobody gives back.
pub(super) const STALE: Probe = Probe { name: "locks", checks: &[checks::STALE_LOCK], run: locks };

/// Seconds after which a script is too long at work: the shipped ones take one or two, `firewall-cmd` with
/// all its tries (`src/active-response/firewalld-drop.c`, 4.14) and `iptables` on a busy host some more.
const SLOW: i64 = 10;

/// Seconds after which a script that may still end counts as one that does not.
const LONG: i64 = 60;

/// Seconds that a start may take, up to the first answer of the manager.
const START: i64 = 120;

/// Seconds in which a lock gets its pid file.
const MAKING: i64 = 5;

/// execd's queue, as a manager's daemons name it in the log.
const QUEUE: &str = "queue/alerts/execq";

/// What holds a script up.
enum Cause<'s> {
    /// A signal stopped it.
    Stopped(&'s Process),
    /// It waits for a disk or a remote file system.
    Disk(&'s Member),
    /// It waits for the lock of another run.
    Lock(LockSeen),
    /// It waits for the end of its input; whether its kernel says so.
    Input(&'s Process, bool),
    /// It has ended, and another process keeps its output open.
    Holder(&'s Process),
    /// It waits as its kernel says.
    Waits(&'s Process, Wait),
    /// It computes.
    Busy(&'s Process),
    /// It waits for what it started, and that for nobody knows what.
    Child(&'s Process),
    /// Nobody knows.
    Unknown,
}

fn here(facts: &Facts<'_>) -> Vec<ResponseIndex> {
    facts.indices(Response::is_here)
}

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || facts.contract() == Contract::Args {
        return;
    }
    if let Some(gap) = facts.processes().unknown() {
        return sink.unknown_for_all(PROBE.checks, &gap);
    }
    let Some(execd) = Execd::read(facts) else { return };
    if let Some(gap) = facts.now().unknown() {
        return sink.unknown_for_all(PROBE.checks, &gap);
    }
    let Some(now) = facts.now().get().copied() else { return };
    if stands_still(facts, sink, &execd, now) {
        return;
    }
    let wchan = |detail: &crate::host::ProcessDetail| detail.wchan.unknown();
    if let Some(gap) = execd.detail.unknown().or_else(|| execd.detail.get().and_then(wchan)) {
        sink.unknown_for_all(&[checks::EXECD_STANDS_STILL, checks::STARTUP_GATE_CLOSED], &gap);
    }
    blocked(facts, sink, &execd, now);
}

/// A process in one line. Of its words only the program and a file are shown: the others may hold secrets.
fn process_text(process: &Process, detail: &Fact<crate::host::ProcessDetail>, now: i64) -> String {
    let words: Vec<String> =
        process.args.iter().take(2).map(|word| word.to_string_lossy().into_owned()).collect();
    let words = match words.as_slice() {
        [] => process.comm.clone(),
        [program, file] if file.contains("active-response/") => format!("{program} {file}"),
        [program, ..] => program.clone(),
    };
    let wchan = detail.get().and_then(|detail| detail.wchan.get());
    let wchan = wchan.map_or_else(String::new, |wchan| format!(" in {wchan}"));
    let age = span((now - process.start).max(0));
    format!("{words}: state {}{wchan}, since {} ({age})", process.state, instant(process.start))
}

/// execd itself. Whether something was found.
fn stands_still(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, execd: &Execd, now: i64) -> bool {
    let process = &execd.process;
    let name = &process.comm;
    let wait = blocked::wait(&execd.detail);
    let source = format!("process {}", process.pid);
    let finding = |check: CheckId, title: String| {
        let finding = Finding::new(check, Subject::Process(name.clone()), title)
            .observed(source.clone(), process_text(process, &execd.detail, now));
        not_taken(facts, finding, QUEUE, name)
            .stops(here(facts))
            .shares("process:execd")
            .shares("process:agentd")
    };
    let found = match process.state {
        'T' => finding(
            checks::EXECD_STANDS_STILL,
            format!("No response runs on this host: a signal has stopped {name} (process {}).", process.pid),
        )
        .cause("A stopped daemon is in the process list, and its pid file is right. Messages wait in its queue; after some ten of them the sender waits too.")
        .remedy(format!("kill -CONT {}", process.pid)),
        't' => finding(
            checks::EXECD_STANDS_STILL,
            format!("No response runs on this host: a debugger holds {name} (process {}).", process.pid),
        )
        .cause("A process that is traced stands still until its tracer lets it go on.")
        .remedy(format!("grep TracerPid /proc/{}/status", process.pid)),
        'D' if execd.detail.get().and_then(|detail| detail.state.get()) == Some(&'D') => finding(
            checks::EXECD_STANDS_STILL,
            format!("{name} (process {}) waits for a disk.", process.pid),
        )
        .severity(Severity::Advice)
        .confidence(Confidence::Possible)
        .cause("Such a wait is short on a healthy host. Where a disk or a remote file system does not answer, it lasts, and nothing ends it, not even a signal.")
        .remedy(format!("cat /proc/{}/stack", process.pid)),
        _ if wait == Some(Wait::Fifo) => finding(
            checks::EXECD_STANDS_STILL,
            format!("No response runs on this host: {name} (process {}) waits for the other end of a FIFO.", process.pid),
        )
        .confidence(Confidence::Likely)
        .cause("execd opens every file that ar.conf names, to see whether it is there. Opening a FIFO lasts until somebody opens it for writing.")
        .remedy(format!("find {} {} -type p", under_home(facts, "active-response"), under_home(facts, "logs")))
        .remedy(restart(facts)),
        _ if wait == Some(Wait::Time)
            && facts.contract() == Contract::Json5
            && now - process.start > START =>
        {
            let title = format!(
                "No response runs on this agent: {name} has waited at its start for {}.",
                span(now - process.start)
            );
            finding(checks::STARTUP_GATE_CLOSED, title)
                .confidence(Confidence::Likely)
                .cause("After its start execd asks agentd once a second whether the group's configuration is the one of the manager, and takes no message before that. It sleeps nowhere else. Nothing is logged at default level, not even \"Started\".")
                .remedy(format!("grep -h ^status= {}/*agentd.state", under_home(facts, "var/run")))
                .remedy(restart(facts))
        }
        _ => return false,
    };
    sink.find(found.verify(format!("ps -o pid,stat,wchan:20,etime,args -p {}", process.pid)));
    true
}

fn blocked(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, execd: &Execd, now: i64) {
    if execd.stands == Stands::Idle {
        return;
    }
    let scripts = execd.scripts(facts, now - SLOW);
    // Of several, the one a pipe leads to; what is left are children that were orphaned to execd.
    let script = scripts.iter().find(|script| script.is_linked).or_else(|| scripts.first());
    let Some(script) = script else { return };
    if matches!(execd.stands, Stands::Unknown(_)) && script.name.is_none() {
        // The thread that serves the control socket has children and pipes of its own.
        return;
    }
    let holder = match execd.stands {
        Stands::ForLine if !script.is_linked => execd.holder(facts, script),
        _ => None,
    };
    let dead = script.process.state == 'Z';
    if let (Stands::Unknown(Some(gap)), true) = (&execd.stands, dead) {
        // Without execd's pipes a dead child may be one it collects in a moment.
        return sink.unknown(checks::EXECD_BLOCKED, here(facts), gap.clone());
    }
    if dead && holder.is_none() && !script.is_linked {
        return;
    }
    let cause = cause(facts, execd, script, holder.as_ref());
    report(facts, sink, execd, script, &cause, now);
}

/// The first sure cause, from the last process of the family back to the script.
fn cause<'s>(facts: &Facts<'_>, execd: &Execd, script: &'s Script, holder: Option<&'s Process>) -> Cause<'s> {
    let living = || script.family.iter().rev().filter(|member| member.process.state != 'Z');
    if let Some(member) = living().find(|member| matches!(member.process.state, 'T' | 't')) {
        return Cause::Stopped(&member.process);
    }
    if let Some(member) = living().find(|member| member.process.state == 'D') {
        return Cause::Disk(member);
    }
    if let Some(holder) = holder {
        return Cause::Holder(holder);
    }
    if script.process.state == 'Z'
        && let Some(member) = living().find(|member| execd.is_written_by(&member.detail))
    {
        return Cause::Holder(&member.process);
    }
    let waits = |member: &Member| blocked::wait(&member.detail);
    if execd.stands == Stands::ForLine
        && let Some(member) =
            living().find(|member| waits(member) == Some(Wait::Pipe) && execd.feeds(&member.detail))
    {
        return Cause::Input(&member.process, true);
    }
    if let Some(seen) = script.name.as_deref().and_then(|name| lock_of(facts, name, script.process.pid)) {
        return Cause::Lock(seen);
    }
    for member in living() {
        match waits(member) {
            Some(Wait::Child | Wait::Pipe | Wait::Ready) => {}
            Some(wait) => return Cause::Waits(&member.process, wait),
            None if member.process.state == 'R' => return Cause::Busy(&member.process),
            None => {}
        }
    }
    // A process that sleeps where the kernel names no function, with execd's pipe as its input.
    let last = living().next();
    match last {
        Some(member)
            if execd.stands == Stands::ForLine && waits(member).is_none() && execd.feeds(&member.detail) =>
        {
            Cause::Input(&member.process, false)
        }
        Some(member) if member.process.pid != script.process.pid => Cause::Child(&member.process),
        _ => Cause::Unknown,
    }
}

fn report(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    execd: &Execd,
    script: &Script,
    cause: &Cause<'_>,
    now: i64,
) {
    let pid = script.process.pid;
    let age = (now - script.process.start).max(0);
    let name = script.name.as_deref().map_or_else(|| script.process.comm.clone(), lossy);
    let told = |process: &Process| {
        if process.pid == pid {
            "it".to_owned()
        } else {
            format!("{} (process {})", process.comm, process.pid)
        }
    };
    // The script alone may leave behind what holds its pipes.
    let living = script.family.iter().filter(|member| member.process.state != 'Z');
    let living: Vec<String> = living.map(|member| member.process.pid.to_string()).collect();
    let kill = format!("kill {}", living.join(" "));
    let (why, remedy) = match cause {
        Cause::Stopped(process) => {
            (format!("a signal has stopped {}", told(process)), format!("kill -CONT {}", process.pid))
        }
        Cause::Disk(member) => (
            format!("{} waits for a disk or a remote file system", told(&member.process)),
            format!("cat /proc/{}/stack; findmnt -t nfs,nfs4,cifs,fuse", member.process.pid),
        ),
        Cause::Lock(seen) => (
            format!(
                "it waits for the lock active-response/bin/{}, {}",
                seen.lock.directory,
                seen.owner_text()
            ),
            format!("rm -r {}", under_home(facts, &format!("active-response/bin/{}", seen.lock.directory))),
        ),
        Cause::Input(process, true) => (
            format!(
                "{} waits for the end of its input, which comes only when execd has its answer",
                told(process)
            ),
            kill.clone(),
        ),
        Cause::Input(process, false) => (
            format!("execd waits for its keys, and {} sleeps with execd's pipe as its input", told(process)),
            kill.clone(),
        ),
        Cause::Holder(process) => (
            format!("it has ended, but {} keeps its output open", told(process)),
            format!("kill {}", process.pid),
        ),
        Cause::Waits(process, wait) => {
            let what = match wait {
                Wait::Network => "waits for the network",
                Wait::Time => "sleeps",
                Wait::Fifo => "waits for the other end of a FIFO",
                Wait::Lock => "waits for a lock on a file",
                Wait::Child | Wait::Pipe | Wait::Ready => "waits for another process",
            };
            (format!("{} {what}", told(process)), kill.clone())
        }
        Cause::Busy(process) => (format!("{} is still computing", told(process)), kill.clone()),
        Cause::Child(process) => {
            (format!("it waits for {}, which has not ended", told(process)), kill.clone())
        }
        Cause::Unknown => ("it has not ended".to_owned(), kill.clone()),
    };
    let never_ends = matches!(cause, Cause::Stopped(_) | Cause::Input(_, true));
    let seen_waiting = matches!(execd.stands, Stands::ForLine | Stands::ForEnd);
    let executable = script
        .name
        .as_deref()
        .and_then(|name| facts.executables().iter().find(|executable| executable.name == name));
    let subject = match executable {
        Some(executable) => Subject::File(executable.shown()),
        None => Subject::Process(name.clone()),
    };
    let mut finding = Finding::new(
        checks::EXECD_BLOCKED,
        subject,
        format!("{name} has kept execd busy for {}, and no other response runs: {why}.", span(age)),
    )
    .of_script()
    .severity(if never_ends || age >= LONG { Severity::Error } else { Severity::Warning })
    .confidence(if seen_waiting { Confidence::Proven } else { Confidence::Likely })
    .cause("execd runs one script at a time and waits for its line and its end without a limit of time. All other responses of this host, and every revert that is due, wait behind it. execd logs nothing.")
    .observed(
        format!("process {pid}"),
        process_text(&script.process, &script.family.first().map_or_else(|| Fact::absent(""), |first| first.detail.clone()), now),
    );
    for member in script.family.iter().skip(1).take(3) {
        finding = finding.observed(
            format!("process {}", member.process.pid),
            process_text(&member.process, &member.detail, now),
        );
    }
    if let Cause::Holder(process) = cause
        && script.family.iter().all(|member| member.process.pid != process.pid)
    {
        finding = finding.observed(
            format!("process {}", process.pid),
            process_text(process, &facts.process_detail(process.pid), now),
        );
    }
    let waits = match execd.stands {
        Stands::ForLine if script.is_linked => format!("waits for a line from process {pid}"),
        Stands::ForLine => "waits for a line of its script".to_owned(),
        Stands::ForEnd => "waits for the end of its child".to_owned(),
        _ => "what it waits for is not known".to_owned(),
    };
    finding = finding.observed(
        format!("process {}", execd.process.pid),
        format!("{}; {waits}", process_text(&execd.process, &execd.detail, now)),
    );
    if let Cause::Lock(seen) = cause {
        // The other way round it may take the lock in between, and leave it behind once more.
        finding = finding.remedy(kill).remedy(remedy).shares(seen.path(facts));
    } else {
        finding = finding.remedy(remedy);
    }
    if let Some(executable) = executable {
        finding = finding.shares(executable.shown());
        if executable.elf.get().is_none() {
            finding = finding.remedy(format!("ar-doctor lint {}", quote_path(&executable.path)));
        }
    }
    sink.find(
        not_taken(facts, finding, QUEUE, &execd.process.comm)
            .verify(format!("ps -o pid,stat,wchan:20,etime,args --ppid {}", execd.process.pid))
            .stops(here(facts))
            .shares("process:execd")
            .shares("process:agentd"),
    );
}

// Locks.

/// Whose a lock is.
enum Owner {
    /// Its pid file names a process that has ended.
    Ended(u32),
    /// It names a process that is no program of this lock.
    Stranger(Process),
    /// It names a program of this lock that lives.
    Program(Process),
    /// It has no pid file, or one without a number.
    Nobody,
}

/// A lock directory that is there.
struct LockSeen {
    lock: &'static Lock,
    owner: Owner,
    made: i64,
}

impl LockSeen {
    fn path(&self, facts: &Facts<'_>) -> String {
        facts.under_home("active-response/bin").join(self.lock.directory).display().to_string()
    }

    fn owner_text(&self) -> String {
        match &self.owner {
            Owner::Ended(pid) => format!("which process {pid} left behind when it was ended"),
            Owner::Stranger(process) => {
                format!("which was left behind: its number {} is now {}'s", process.pid, process.comm)
            }
            Owner::Program(process) => format!("which {} (process {}) holds", process.comm, process.pid),
            Owner::Nobody => "which was left behind without the number of its owner".to_owned(),
        }
    }

    /// Seconds that the next run waits.
    fn wait(&self) -> u32 {
        lock_wait(!matches!(self.owner, Owner::Nobody))
    }
}

/// The lock that a program waits for.
fn lock_of(facts: &Facts<'_>, name: &[u8], pid: u32) -> Option<LockSeen> {
    let lock = LOCKS.iter().find(|lock| {
        lock.contract == facts.contract() && lock.programs.iter().any(|program| program.as_bytes() == name)
    })?;
    let seen = lock_seen(facts, lock).ok().flatten()?;
    match &seen.owner {
        Owner::Program(process) if process.pid == pid => None,
        _ => Some(seen),
    }
}

fn lock_seen(facts: &Facts<'_>, lock: &'static Lock) -> Result<Option<LockSeen>, Gap> {
    let path = facts.under_home("active-response/bin").join(lock.directory);
    let entry = facts.entry(&path);
    if let Some(gap) = entry.unknown() {
        return Err(gap);
    }
    let Some(entry) = entry.get() else { return Ok(None) };
    let seen = |owner| Ok(Some(LockSeen { lock, owner, made: entry.mtime }));
    if entry.file_type != FileType::Directory {
        return seen(Owner::Nobody);
    }
    let pid_file = facts.head(&path.join("pid"), 64);
    if let Some(gap) = pid_file.unknown() {
        return Err(gap);
    }
    let Some(pid) = pid_file.get().and_then(|content| number(&content.bytes)) else {
        return seen(Owner::Nobody);
    };
    let all = facts.processes();
    if let Some(gap) = all.unknown() {
        return Err(gap);
    }
    let alive = |process: &&Process| process.pid == pid && process.state != 'Z';
    let Some(process) = all.get().into_iter().flatten().find(alive) else {
        return seen(Owner::Ended(pid));
    };
    let is_program = |word: &Path| {
        let name = word.file_name().map(std::ffi::OsStr::as_encoded_bytes);
        lock.programs.iter().any(|program| name == Some(program.as_bytes()))
    };
    let ours = match &process.exe {
        Some(exe) => is_program(exe),
        None => is_program(Path::new(&process.comm)),
    };
    // A process that began after the lock was made did not make it.
    if ours && process.start <= entry.mtime.saturating_add(MAKING) {
        seen(Owner::Program(process.clone()))
    } else {
        seen(Owner::Stranger(process.clone()))
    }
}

/// What fscanf(3) takes from a pid file with `%d`.
fn number(bytes: &[u8]) -> Option<u32> {
    let text = bytes.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

fn locks(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() {
        return;
    }
    for lock in LOCKS.iter().filter(|lock| lock.contract == facts.contract()) {
        let users = facts.indices(|response| {
            let name = response.executable.as_deref();
            response.is_here() && lock.programs.iter().any(|program| name == Some(program.as_bytes()))
        });
        if users.is_empty() {
            continue;
        }
        match lock_seen(facts, lock) {
            Ok(None) => {}
            Ok(Some(seen)) => lock_left(facts, sink, &seen, users),
            Err(gap) => sink.unknown(checks::STALE_LOCK, users, gap),
        }
    }
}

fn lock_left(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, seen: &LockSeen, users: Vec<ResponseIndex>) {
    let now = facts.now();
    let (Some(now), None) = (now.get().copied(), now.unknown()) else {
        let gap = now.unknown().unwrap_or_else(|| Gap::failed("clock", "is not known"));
        return sink.unknown(checks::STALE_LOCK, users, gap);
    };
    let age = now - seen.made;
    // Being made, or at work.
    if age < MAKING || (matches!(seen.owner, Owner::Program(_)) && age < LONG) {
        return;
    }
    let path = seen.path(facts);
    let programs = seen.lock.programs.join(" and ");
    let wait = seen.wait();
    let mut finding = Finding::new(
        checks::STALE_LOCK,
        Subject::File(path.clone()),
        format!(
            "The next run of {programs} waits {wait} s before it does anything: {} is there, {}.",
            facts.shown(Path::new(&path)),
            seen.owner_text()
        ),
    )
    .cause(format!("The program sleeps in growing steps while the lock is there, breaks it after {} minutes, and goes on. execd waits with it: no other response of this host runs in that time.", wait / 60))
    .observed(&path, format!("made {} ({} ago)", instant(seen.made), span(age)))
    .stops(users)
    .shares(path.clone());
    finding = match &seen.owner {
        Owner::Ended(pid) => finding.observed(format!("{path}/pid"), format!("{pid}; no such process")),
        Owner::Stranger(process) => finding.observed(
            format!("{path}/pid"),
            format!("{}: {}, started {}", process.pid, process.comm, instant(process.start)),
        ),
        Owner::Program(process) => finding
            .confidence(Confidence::Likely)
            .observed(
                format!("{path}/pid"),
                format!(
                    "{}: {}",
                    process.pid,
                    process_text(process, &facts.process_detail(process.pid), now)
                ),
            )
            .remedy(format!("kill {}", process.pid)),
        Owner::Nobody => finding.observed(format!("{path}/pid"), "holds no number, or is not there"),
    };
    sink.find(finding.remedy(format!("rm -r {}", quote(&path))).verify(format!("ls -d {}", quote(&path))));
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_of_pid_files() {
        for (text, pid) in [
            ("3100", Some(3100)),
            (" 3100\n", Some(3100)),
            ("3100x", Some(3100)),
            ("", None),
            ("x3100", None),
            ("-1", None),
            ("99999999999", None),
        ] {
            assert_eq!(number(text.as_bytes()), pid, "{text:?}");
        }
    }
}
