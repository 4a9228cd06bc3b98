//! The queues that messages pass on this host: Unix sockets that a daemon reads and another one writes to.
//!
//! How full a queue is cannot be read from files: an execd that does not empty it is found in [`super::blocked`].

use std::path::{Path, PathBuf};

use super::processes::not_taken;
use super::{Probe, Sink, quote, quote_path, read_config, restart, under_home};
use crate::facts::blocked::sockets_of;
use crate::facts::change::{instant, span};
use crate::facts::{Daemon, Facts, Response};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::{Fact, FileType, Gap, Meta, Process, ProcessDetail, SocketKind, UnixSocket};
use crate::wazuh::behavior;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::state::Status;
use crate::wazuh::version::Contract;

/// execd's queue and, on a manager, that of remoted.
pub(super) const PROBE: Probe = Probe { name: "sockets", checks: CHECKS, run };

const CHECKS: &[CheckId] =
    &[checks::QUEUE_SOCKET_GONE, checks::QUEUE_NOT_REACHABLE, checks::AGENTD_LOST_EXECD];

/// Seconds in which a daemon makes its queue, and others connect to it.
const START: i64 = 30;

/// Seconds that may lie between the start of a daemon and its socket, on a slow host that boots.
const SLOW_START: i64 = 120;

/// References of a bound datagram socket that nobody is connected to: its own descriptor and its place in the
/// kernel's table. Every peer that is connected adds one (Linux net/unix/af_unix.c).
const ALONE: u32 = 2;

/// One queue.
struct Queue<'f> {
    /// Path below the home, as the daemons bind and connect to it
    /// (`src/headers/defs.h EXECQUEUE ARQUEUE`, 4.14; `src/shared/include/defs.h`, 5.0).
    relative: &'static str,
    /// Who reads from it.
    reader: &'f Daemon,
    /// Who writes to it.
    writer: &'static str,
    /// What passes it.
    responses: Vec<ResponseIndex>,
}

/// How a queue stands.
enum Stands {
    /// Its reader holds the socket of this name.
    Held(UnixSocket),
    /// There is no file of the name, though the reader may hold the socket that had it.
    Gone(Result<Option<UnixSocket>, Gap>),
    /// The file is no socket.
    Other(FileType),
    /// The file is a socket that its reader does not hold: whether any process has bound the name.
    Dead(bool),
    /// The file is younger than the socket that its reader holds.
    Replaced(UnixSocket, i64),
    /// Nobody knows.
    Unknown(Gap),
}

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || facts.contract() == Contract::Args {
        return;
    }
    for queue in queues(facts) {
        not_reachable(facts, sink, &queue);
    }
    const BY_PROCESS: &[CheckId] = &[checks::QUEUE_SOCKET_GONE, checks::AGENTD_LOST_EXECD];
    if let Some(gap) = facts.processes().unknown() {
        return sink.unknown_for_all(BY_PROCESS, &gap);
    }
    let now = facts.now();
    let (Some(now), None) = (now.get().copied(), now.unknown()) else {
        let gap = now.unknown().unwrap_or_else(|| Gap::failed("clock", "is not known"));
        return sink.unknown_for_all(BY_PROCESS, &gap);
    };
    let Some(config) = read_config(facts, sink, BY_PROCESS) else { return };
    let execd_is_off = matches!(config.execd.disabled, Some((_, Ok(true))));
    for queue in queues(facts) {
        if execd_is_off && queue.reader.name.ends_with("-execd") {
            continue;
        }
        let Some(process) = queue.reader.process() else { continue };
        if now - process.start < START {
            continue;
        }
        let detail = facts.process_detail(process.pid);
        match stands(facts, &queue, process, &detail) {
            Stands::Unknown(gap) => {
                for &check in BY_PROCESS {
                    sink.unknown(check, queue.responses.clone(), gap.clone());
                }
            }
            Stands::Held(socket) => lost(facts, sink, &queue, process, &socket, now),
            other => {
                gone(facts, sink, &queue, process, &other, now);
                match other {
                    Stands::Gone(Ok(Some(socket))) | Stands::Replaced(socket, _) => {
                        lost(facts, sink, &queue, process, &socket, now);
                    }
                    Stands::Gone(Err(gap)) => {
                        sink.unknown(checks::AGENTD_LOST_EXECD, queue.responses.clone(), gap);
                    }
                    _ => {}
                }
            }
        }
    }
}

fn queues<'f>(facts: &'f Facts<'_>) -> Vec<Queue<'f>> {
    let mut queues = Vec::new();
    let agent = facts.role() == Role::Agent;
    let json5 = facts.contract() == Contract::Json5;
    let here = facts.indices(Response::is_here);
    if let Some(reader) = facts.execd().filter(|_| agent || (!json5 && !here.is_empty())) {
        queues.push(Queue {
            relative: if json5 { "queue/sockets/execq" } else { "queue/alerts/execq" },
            reader,
            writer: if agent { "agentd" } else { "analysisd" },
            responses: here,
        });
    }
    let there = facts.indices(Response::is_there);
    let remoted = facts.daemons().iter().find(|daemon| daemon.name.ends_with("-remoted"));
    if let Some(reader) = remoted.filter(|_| !agent && !json5 && !there.is_empty()) {
        queues.push(Queue { relative: "queue/alerts/ar", reader, writer: "analysisd", responses: there });
    }
    queues
}

/// Whether a bound name is that of the queue. The daemons bind it relative to the home, or to their root.
fn is_name(facts: &Facts<'_>, queue: &Queue<'_>, name: &Path) -> bool {
    let real = facts.resolve(&facts.install.home);
    let real = real.get().map(|home| home.path.join(queue.relative));
    name == Path::new(queue.relative)
        || name == facts.under_home(queue.relative)
        || real.as_deref() == Some(name)
        || name.strip_prefix("/").is_ok_and(|name| name == Path::new(queue.relative))
}

fn stands(facts: &Facts<'_>, queue: &Queue<'_>, process: &Process, detail: &Fact<ProcessDetail>) -> Stands {
    let path = facts.under_home(queue.relative);
    let entry = facts.entry(&path);
    if let Some(gap) = entry.unknown() {
        return Stands::Unknown(gap);
    }
    let all = facts.sockets_of_daemon(process, detail);
    let named: Vec<UnixSocket> = all
        .get()
        .into_iter()
        .flatten()
        .filter(|socket| socket.kind == SocketKind::Datagram)
        .filter(|socket| socket.path().is_some_and(|name| is_name(facts, queue, name)))
        .cloned()
        .collect();
    let held = sockets_of(detail, &named).map(|held| held.into_iter().next_back().cloned());
    let Some(meta) = entry.get() else {
        // Whoever connects is refused, whatever else is known.
        return Stands::Gone(all.unknown().map_or(held, Err));
    };
    if meta.file_type != FileType::Socket {
        return Stands::Other(meta.file_type);
    }
    if let Some(gap) = all.unknown() {
        return Stands::Unknown(gap);
    }
    match held {
        _ if named.is_empty() => Stands::Dead(false),
        Err(gap) => Stands::Unknown(gap),
        Ok(None) => Stands::Dead(true),
        Ok(Some(socket)) => {
            let birth = facts.birth(&path);
            let made = birth.get().copied().unwrap_or(meta.mtime);
            if made > process.start.saturating_add(SLOW_START) {
                Stands::Replaced(socket, made)
            } else {
                Stands::Held(socket)
            }
        }
    }
}

fn gone(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    queue: &Queue<'_>,
    process: &Process,
    stands: &Stands,
    now: i64,
) {
    let path = facts.under_home(queue.relative).display().to_string();
    let (shown, reader, writer) = (queue.relative, &queue.reader.name, queue.writer);
    let (state, cause, socket) = match stands {
        Stands::Gone(Ok(Some(socket))) => (
            format!("{shown} was removed while {reader} runs"),
            "The daemon still reads the socket that had this name, and does not notice.",
            Some(socket),
        ),
        Stands::Gone(_) => (
            format!("{shown} is not there"),
            "The daemon makes it when it starts, unless <disabled> was yes then, and not again.",
            None,
        ),
        Stands::Other(kind) => (
            format!("{shown} is {} and no socket", kind.with_article()),
            "The daemon makes the socket when it starts, and not again.",
            None,
        ),
        Stands::Dead(false) => (
            format!("{shown} is there, but no process listens behind it"),
            "The file was left by an earlier run. The daemon opens no queue while <disabled> is yes in the configuration it started with.",
            None,
        ),
        Stands::Dead(true) => (
            format!("{shown} is there, but the running {reader} does not hold it"),
            "Another process has bound this name, such as a second daemon or that of another home.",
            None,
        ),
        Stands::Replaced(socket, _) => (
            format!("{shown} is not the socket that {reader} reads"),
            "Another process put its own in its place after the daemon's start: a second copy of the daemon does so without a word.",
            Some(socket),
        ),
        Stands::Held(_) | Stands::Unknown(_) => return,
    };
    // A connection that was made before lasts.
    let connected = socket.is_some_and(|socket| socket.refs > ALONE);
    let title = if connected {
        format!("{state}: {writer} reaches it until it connects anew, then no response does.")
    } else {
        format!("No response gets to {reader}: {state}.")
    };
    let mut finding = Finding::new(checks::QUEUE_SOCKET_GONE, Subject::File(path.clone()), title)
        .severity(if connected { Severity::Warning } else { Severity::Error })
        .confidence(match stands {
            Stands::Dead(true) | Stands::Replaced(..) => Confidence::Likely,
            _ => Confidence::Proven,
        })
        .cause(format!("{cause} What is sent to it is lost; an agent logs nothing of it, a manager's analysisd (1210) once."))
        .observed(
            format!("process {}", process.pid),
            format!("{reader} started {} ({} ago)", instant(process.start), span(now - process.start)),
        );
    if let Stands::Replaced(_, made) = stands {
        finding = finding.observed(&path, format!("made {}", instant(*made)));
    }
    if let Some(socket) = socket {
        finding = finding.observed(
            "/proc/net/unix",
            format!("{reader} holds socket {}, references {}", socket.inode, socket.refs),
        );
    }
    finding = not_taken(facts, finding, queue.relative, reader)
        .remedy(restart(facts))
        .verify(format!("ls -l {}; grep {shown} /proc/net/unix", quote(&path)))
        .stops(queue.responses.iter().copied())
        .shares(path)
        .shares(format!("process:{writer}"));
    if reader.ends_with("-execd") {
        finding = finding.shares("process:execd");
    }
    sink.find(finding);
}

/// What a user needs to connect: to search the directories, and to write to the socket (unix(7)).
fn not_reachable(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, queue: &Queue<'_>) {
    let check = checks::QUEUE_NOT_REACHABLE;
    let user = facts.daemon_user();
    if let Some(gap) = user.unknown() {
        return sink.unknown(check, queue.responses.clone(), gap);
    }
    let Some(account) = user.get().copied().flatten() else { return };
    // The account may be another one by now than the daemon was started as.
    let writer = facts.daemons().iter().find(|daemon| daemon.name.ends_with(queue.writer));
    let writer = writer.and_then(Daemon::process).map(|process| facts.process_detail(process.pid));
    let runs_as = writer.as_ref().and_then(|detail| detail.get()?.credentials.get());
    let ids = runs_as.map_or(account, |user| {
        let is_member = user.egid == account.1 || user.groups.contains(&account.1);
        (user.euid, if is_member { account.1 } else { user.egid })
    });
    if ids.0 == 0 {
        return;
    }
    let writer_source = writer.as_ref().and_then(|detail| Some(detail.get()?.credentials.source.clone()));
    let writer_source = writer_source.unwrap_or_default();
    let group = facts.install.group();
    let name = if ids.0 == account.0 { group.to_owned() } else { format!("number {}", ids.0) };
    let socket = facts.under_home(queue.relative);
    // The home itself is looked at with the way to the scripts.
    let mut way: Vec<PathBuf> = socket
        .ancestors()
        .skip(1)
        .take_while(|directory| *directory != facts.install.home)
        .map(Path::to_owned)
        .collect();
    way.reverse();
    way.push(socket.clone());
    for path in way {
        let entry: Fact<Meta> = facts.resolve(&path).map(|resolved| resolved.meta);
        if let Some(gap) = entry.unknown() {
            return sink.unknown(check, queue.responses.clone(), gap);
        }
        // That it is missing is another check's.
        let Some(meta) = entry.get() else { return };
        let (needed, verb, mode, permission) = match meta.file_type {
            FileType::Directory => (1, "search", "g+x", "x"),
            FileType::Socket => (2, "write to", "660", "rw"),
            _ => return,
        };
        let access = facts.may(&path, ids.0, ids.1, needed);
        if let Some(gap) = access.unknown() {
            return sink.unknown(check, queue.responses.clone(), gap);
        }
        if access.get() != Some(&false) {
            continue;
        }
        let connected = connections(facts, queue).is_some_and(|refs| refs > ALONE);
        let (shown, reader, writer) = (facts.shown(&path), &queue.reader.name, queue.writer);
        let owner = facts.user_name(meta.uid).unwrap_or_else(|| meta.uid.to_string());
        let of_group = facts.group_name(meta.gid).unwrap_or_else(|| meta.gid.to_string());
        let quoted = quote_path(&path);
        // What the mode allows an ACL takes away.
        let is_account = ids == account;
        let by_mode = is_account && of_group == group && meta.mode & (needed << 3) != 0;
        let socket_shown = socket.display().to_string();
        let mut finding = Finding::new(
            check,
            Subject::File(path.display().to_string()),
            if connected {
                format!("{writer} will not get to {reader} again: user {name} may not {verb} {shown}.")
            } else {
                format!("No response gets to {reader}: {writer} runs as user {name}, who may not {verb} {shown}.")
            },
        )
        .severity(if connected { Severity::Warning } else { Severity::Error })
        .cause("Whoever connects to a Unix socket has to search its directories and to write to it. A connection that was made before lasts. agentd says nothing of a refusal at default log level; the manager's analysisd says (1210) once.")
        .observed(path.display().to_string(), format!("mode {:04o}, {owner}:{of_group}", meta.mode & 0o7777))
        .remedy(if !is_account {
            restart(facts).to_owned()
        } else if by_mode {
            format!("setfacl -b {quoted}")
        } else if meta.mode & 0o070 == 0 || of_group == group {
            format!("chgrp {group} {quoted} && chmod {mode} {quoted}")
        } else {
            format!("chgrp {group} {quoted}")
        })
        .verify(format!("namei -l {}  # {permission} for group {group}", quote(&socket_shown)))
        .stops(queue.responses.iter().copied())
        .shares(path.display().to_string())
        .shares(socket_shown)
        .shares(format!("process:{writer}"));
        if !is_account {
            finding = finding.observed(
                writer_source.clone(),
                format!(
                    "uid {}, gid {}; {group} of /etc/passwd is uid {}, gid {}",
                    ids.0, ids.1, account.0, account.1
                ),
            );
        }
        if reader.ends_with("-execd") {
            finding = finding.shares("process:execd");
        }
        return sink.find(finding);
    }
}

/// References to the socket that the queue's reader holds.
fn connections(facts: &Facts<'_>, queue: &Queue<'_>) -> Option<u32> {
    let process = queue.reader.process()?;
    let detail = facts.process_detail(process.pid);
    match stands(facts, queue, process, &detail) {
        Stands::Held(socket) | Stands::Gone(Ok(Some(socket))) | Stands::Replaced(socket, _) => {
            Some(socket.refs)
        }
        _ => None,
    }
}

/// agentd connects to execd's queue at its start, since 4.14.0 also whenever it has no connection. It does not
/// notice that the other end of one is dead (`src/client-agent/agentd.c AgentdStart`, `receiver.c receive_msg`, 4.14;
/// `src/client-agent/src/agentd.c`, 5.0).
fn lost(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    queue: &Queue<'_>,
    execd: &Process,
    socket: &UnixSocket,
    now: i64,
) {
    if queue.writer != "agentd" || socket.refs > ALONE {
        return;
    }
    let agentd = facts.daemons().iter().find(|daemon| daemon.name.ends_with("-agentd"));
    let Some(agentd) = agentd.and_then(Daemon::process) else { return };
    if now - agentd.start < START {
        return;
    }
    let retries = behavior::AGENTD_RETRIES_EXECD.holds(facts.version());
    if retries {
        // It connects in its main loop, which it enters when it has reached its manager.
        let state = facts.delivery().state("agentd");
        let status = state.and_then(|state| state.read.as_ref()).and_then(|read| read.status());
        match status {
            Some(Status::Connected) => {}
            Some(_) => return,
            None => {
                let gap = state.and_then(|state| state.file.bytes.unknown());
                let gap = gap.unwrap_or_else(|| Gap::failed("var/run/wazuh-agentd.state", "holds no status"));
                return sink.unknown(checks::AGENTD_LOST_EXECD, queue.responses.clone(), gap);
            }
        }
    }
    let alone = execd.start > agentd.start;
    let cause = if alone {
        "execd was started after agentd. agentd keeps its connection to the one that ended, does not look whether it is alive, and drops every message, with a line at debug level only."
    } else if retries {
        "agentd tries to connect once a second, and is refused."
    } else {
        "agentd of this version connects once, at its start, and was refused then."
    };
    sink.find(
        Finding::new(
            checks::AGENTD_LOST_EXECD,
            Subject::Process("agentd".to_owned()),
            if alone {
                "No response runs on this agent: execd was restarted alone, and agentd still sends to the old one."
                    .to_owned()
            } else {
                "No response runs on this agent: agentd has no connection to execd's queue.".to_owned()
            },
        )
        .cause(cause)
        .observed(
            "/proc/net/unix",
            format!("{}: socket {}, references {}: nobody is connected to it", queue.relative, socket.inode, socket.refs),
        )
        .observed(format!("process {}", agentd.pid), format!("agentd started {}", instant(agentd.start)))
        .observed(format!("process {}", execd.pid), format!("execd started {}", instant(execd.start)))
        .remedy(restart(facts))
        .verify(format!("ps -o pid,lstart,args --pid {},{}; ls -l {}", agentd.pid, execd.pid, under_home(facts, queue.relative)))
        .stops(queue.responses.iter().copied())
        .shares("process:agentd")
        .shares("process:execd")
        .shares(facts.under_home(queue.relative).display().to_string()),
    );
}
