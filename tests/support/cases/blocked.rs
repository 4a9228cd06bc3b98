//! Rows about an execd that waits, about locks left behind, and about the sockets on the way to it.

use ar_doctor::findings::checks;
use ar_doctor::host::acl::Acl;
use ar_doctor::host::capture::{CaptureHost, EditError};
use ar_doctor::host::process::{Access, Credentials, Descriptor, DescriptorTarget};
use ar_doctor::host::{
    Fact, Host as _, Process, ProcessDetail, SocketKind, SocketName, SocketState, UnixSocket,
};

use super::{AGENT, Case, MANAGER, fault, near};

const AGENT_50: &str = "agent-5.0-debian";
const EXECD: u32 = 811;
const AGENTD: u32 = 839;
const EXECQ: &str = "/var/ossec/queue/alerts/execq";
const NO_PROCESSES: &str = "trees have no processes";
const BIN: &str = "/var/ossec/active-response/bin";

/// The clock of the base hosts: 2026-11-20T14:10:00Z.
const NOW: i64 = 1_795_183_800;

/// The pipes between execd and its script: what the script reads, what it writes.
const INPUT: u64 = 90_001;
const OUTPUT: u64 = 90_002;

type Done = Result<(), EditError>;

/// A process that began some seconds ago.
fn process(pid: u32, ppid: u32, exe: &str, words: &[&str], state: char, age: i64) -> Process {
    let comm = words.first().unwrap_or(&exe).rsplit('/').next().unwrap_or_default();
    Process {
        pid,
        ppid,
        comm: comm.chars().take(15).collect(),
        exe: (state != 'Z').then(|| exe.into()),
        args: if state == 'Z' { Vec::new() } else { words.iter().map(Into::into).collect() },
        uid: 0,
        state,
        start: NOW - age,
        env_path: Fact::absent(format!("/proc/{pid}/environ")),
        foreign: false,
    }
}

/// The response of the base host's own, run as a script.
fn edge_block(state: char, age: i64) -> Process {
    let words = ["/bin/sh", "active-response/bin/edge-block.sh"];
    let mut script = process(4711, EXECD, "/usr/bin/dash", &words, state, age);
    script.comm = "edge-block.sh".to_owned();
    script
}

fn shipped(name: &str, state: char, age: i64) -> Process {
    process(4711, EXECD, &format!("{BIN}/{name}"), &[&format!("active-response/bin/{name}")], state, age)
}

fn end(fd: u32, number: u64, read: bool) -> Descriptor {
    Descriptor { fd, target: DescriptorTarget::Pipe(number), access: Access { read, write: !read } }
}

/// What a process has open, and where it waits.
fn holds(host: &mut CaptureHost, pid: u32, wchan: Option<&str>, ends: &[(u32, u64, bool)]) -> Done {
    let wchan = match wchan {
        Some(wchan) => Fact::known(format!("/proc/{pid}/wchan"), wchan.to_owned()),
        None => Fact::absent(format!("/proc/{pid}/wchan")),
    };
    host.change_process(pid, |detail: &mut ProcessDetail| {
        let mut held = detail.descriptors.get().cloned().unwrap_or_default();
        held.retain(|held| ends.iter().all(|end| end.0 != held.fd));
        held.extend(ends.iter().map(|(fd, number, read)| end(*fd, *number, *read)));
        detail.descriptors = Fact::known(format!("/proc/{pid}/fd"), held);
        detail.wchan = wchan;
    })?;
    Ok(())
}

/// execd waits for the line of a script.
fn waits_for_line(host: &mut CaptureHost, script: Process) -> Done {
    let (pid, is_dead) = (script.pid, script.state == 'Z');
    host.add_process(script);
    holds(host, EXECD, Some("pipe_read"), &[(6, OUTPUT, true), (9, INPUT, false)])?;
    if is_dead { Ok(()) } else { holds(host, pid, Some("do_wait"), &[(0, INPUT, true), (1, OUTPUT, false)]) }
}

/// execd waits for the end of a script.
fn waits_for_end(host: &mut CaptureHost, script: Process, wchan: &str) -> Done {
    let pid = script.pid;
    host.add_process(script);
    holds(host, EXECD, Some("do_wait"), &[])?;
    holds(host, pid, Some(wchan), &[(0, INPUT, true), (1, OUTPUT, false)])
}

/// The state of execd.
fn execd_is(host: &mut CaptureHost, state: char) -> Done {
    let mut execd = find(host, EXECD)?;
    execd.state = state;
    host.add_process(execd);
    Ok(())
}

fn find(host: &CaptureHost, pid: u32) -> Result<Process, EditError> {
    let all = host.processes().get().cloned().unwrap_or_default();
    all.into_iter()
        .find(|process| process.pid == pid)
        .ok_or_else(|| EditError::Missing(format!("/proc/{pid}").into()))
}

/// agentd runs with these numbers of user and group.
fn agentd_is(host: &mut CaptureHost, number: u32) -> Done {
    let mut agentd = find(host, AGENTD)?;
    agentd.uid = number;
    host.add_process(agentd);
    host.change_process(AGENTD, |detail| {
        let source = detail.credentials.source.clone();
        let user = Credentials { uid: number, euid: number, gid: number, egid: number, groups: vec![number] };
        detail.credentials = Fact::known(source, user);
    })?;
    Ok(())
}

/// execd began after agentd, and made its socket anew.
fn restarted(host: &mut CaptureHost) -> Done {
    let mut execd = find(host, EXECD)?;
    execd.start = NOW - 3000;
    host.add_process(execd);
    Ok(())
}

/// How many hold a socket.
fn references(host: &mut CaptureHost, inode: u64, refs: u32) -> Done {
    let mut all = host.unix_sockets(None).get().cloned().unwrap_or_default();
    let missing = || EditError::Missing(format!("socket {inode}").into());
    let socket = all.iter_mut().find(|socket| socket.inode == inode).ok_or_else(missing)?;
    socket.refs = refs;
    host.set_unix_sockets(all);
    Ok(())
}

/// A queue that somebody has bound.
fn bound(host: &mut CaptureHost, inode: u64, path: &str, refs: u32) {
    host.add_unix_socket(UnixSocket {
        inode,
        kind: SocketKind::Datagram,
        listening: false,
        state: SocketState::Unconnected,
        refs,
        name: Some(SocketName::Path(path.into())),
    });
}

/// The sockets a process holds, and no others.
fn sockets(host: &mut CaptureHost, pid: u32, numbers: &[u64]) -> Done {
    host.change_process(pid, |detail: &mut ProcessDetail| {
        let mut held = detail.descriptors.get().cloned().unwrap_or_default();
        held.retain(|held| match held.target {
            DescriptorTarget::Socket(number) => numbers.contains(&number),
            _ => true,
        });
        detail.descriptors = Fact::known(format!("/proc/{pid}/fd"), held);
    })?;
    Ok(())
}

/// A lock that was made some seconds ago.
fn lock(host: &mut CaptureHost, name: &str, pid: Option<&str>, age: i64) -> Done {
    let path = format!("{BIN}/{name}");
    host.mkdir(&path)?;
    if let Some(pid) = pid {
        host.write(format!("{path}/pid"), pid)?;
    }
    host.set_mode(&path, 0o070)?.set_times(&path, NOW - age, NOW - age)?;
    // A new entry changes its directory.
    host.set_times(BIN, NOW - age, NOW - age)?;
    Ok(())
}

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    fault(checks::EXECD_BLOCKED, "a cat in the script reads execd's pipe to the end", AGENT, |host| {
        waits_for_line(host, edge_block('S', 2500))?;
        host.add_process(process(4712, 4711, "/usr/bin/cat", &["cat"], 'S', 2500));
        holds(host, 4712, Some("anon_pipe_read"), &[(0, INPUT, true), (1, 90_003, false)])
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "the same after 15 seconds: it cannot end", AGENT, |host| {
        waits_for_line(host, edge_block('S', 15))?;
        holds(host, 4711, Some("pipe_read"), &[(0, INPUT, true), (1, OUTPUT, false)])
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "the same where the kernel names no function", AGENT, |host| {
        waits_for_line(host, edge_block('S', 2500))?;
        holds(host, EXECD, None, &[])?;
        holds(host, 4711, None, &[])
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "agentd hangs because the queue is full", AGENT, |host| {
        waits_for_line(host, edge_block('S', 2500))?;
        super::replace(host, "/var/ossec/var/run/wazuh-agentd.state", "last_keepalive='2026-11-20 14:09:51'", "last_keepalive='2026-11-20 13:30:31'")?;
        host.set_times("/var/ossec/var/run/wazuh-agentd.state", NOW - 3, NOW - 3)?;
        Ok(())
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "and the text of the script shows why", AGENT, |host| {
        host.write(format!("{BIN}/edge-block.sh"), "#!/bin/sh\nINPUT=$(cat)\necho \"$INPUT\" >> /var/log/edge.log\n")?;
        waits_for_line(host, edge_block('S', 2500))?;
        host.add_process(process(4712, 4711, "/usr/bin/cat", &["cat"], 'S', 2500));
        holds(host, 4712, Some("pipe_read"), &[(0, INPUT, true), (1, 90_003, false)])
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "a signal has stopped the script", AGENT, |host| {
        waits_for_end(host, edge_block('T', 12), "do_signal_stop")
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "it waits for a server", AGENT, |host| {
        waits_for_end(host, edge_block('S', 300), "do_wait")?;
        host.add_process(process(4712, 4711, "/usr/bin/curl", &["curl", "https://edge.example/block"], 'S', 299));
        holds(host, 4712, Some("tcp_recvmsg_locked"), &[])
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "a remote file system does not answer", AGENT, |host| {
        waits_for_end(host, edge_block('D', 300), "rpc_wait_bit_killable")
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "the script has ended, its background child holds the pipe", AGENT, |host| {
        waits_for_line(host, edge_block('Z', 900))?;
        host.add_process(process(4712, 1, "/usr/bin/sleep", &["sleep", "1d"], 'S', 900));
        holds(host, 4712, Some("hrtimer_nanosleep"), &[(0, 90_004, true), (1, OUTPUT, false)])
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "a shipped program waits for a lock left behind", AGENT, |host| {
        lock(host, "fw-drop", Some("3100"), 90_000)?;
        waits_for_end(host, shipped("firewall-drop", 'S', 200), "hrtimer_nanosleep")
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "the script has become another program", AGENT, |host| {
        waits_for_line(host, process(4711, EXECD, "/usr/bin/cat", &["cat", "-"], 'S', 2500))
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "a script of a manager", MANAGER, |host| {
        let words = ["/bin/sh", "active-response/bin/notify-oncall.sh"];
        waits_for_end(host, process(4711, EXECD, "/usr/bin/dash", &words, 'S', 7000), "hrtimer_nanosleep")
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "it waits for a program, and nobody knows what that does", AGENT, |host| {
        waits_for_end(host, edge_block('S', 300), "do_wait")?;
        host.add_process(process(4712, 4711, "/usr/bin/curl", &["curl", "https://edge.example/block"], 'S', 299));
        holds(host, 4712, Some("do_poll"), &[])
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_BLOCKED, "a script of 5.x", AGENT_50, |host| {
        waits_for_end(host, shipped("block-ip", 'S', 700), "hrtimer_nanosleep")
    }).not_on_a_tree(NO_PROCESSES),
    near(checks::EXECD_BLOCKED, "a script at work for two seconds", AGENT, |host| {
        waits_for_line(host, edge_block('S', 2))?;
        host.add_process(process(4712, 4711, "/usr/bin/cat", &["cat"], 'S', 2));
        holds(host, 4712, Some("pipe_read"), &[(0, INPUT, true), (1, 90_003, false)])
    }),
    near(checks::EXECD_BLOCKED, "the restart that execd started and does not wait for", AGENT, |host| {
        let words = ["/bin/sh", "active-response/bin/restart.sh", "agent"];
        host.add_process(process(4711, EXECD, "/usr/bin/dash", &words, 'S', 300));
        Ok(())
    }),
    near(checks::EXECD_BLOCKED, "an upgrade that the control socket started", AGENT, |host| {
        let words = ["/bin/sh", "/var/ossec/var/upgrade/upgrade.sh"];
        host.add_process(process(4711, EXECD, "/usr/bin/dash", &words, 'S', 300));
        holds(host, EXECD, None, &[(7, OUTPUT, true)])?;
        holds(host, 4711, None, &[(1, OUTPUT, false)])
    }),
    near(checks::EXECD_BLOCKED, "a dead child that execd has not collected yet", AGENT, |host| {
        host.add_process(edge_block('Z', 300));
        Ok(())
    }),
    near(checks::EXECD_BLOCKED, "the script runs by hand, under a shell", AGENT, |host| {
        let mut script = edge_block('S', 4000);
        script.ppid = 1;
        host.add_process(script);
        Ok(())
    }),
    near(checks::EXECD_BLOCKED, "what a script left in the background, with other streams", AGENT, |host| {
        let words = ["/bin/sh", "active-response/bin/edge-block.sh", "--watch"];
        host.add_process(process(4712, 1, "/usr/bin/dash", &words, 'S', 9000));
        Ok(())
    }),

    fault(checks::EXECD_STANDS_STILL, "a signal has stopped execd", AGENT, |host| execd_is(host, 'T'))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_STANDS_STILL, "a debugger holds it on a manager", MANAGER, |host| execd_is(host, 't'))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::EXECD_STANDS_STILL, "it opens a FIFO", AGENT, |host| holds(host, EXECD, Some("wait_for_partner"), &[]))
        .not_on_a_tree(NO_PROCESSES),
    near(checks::EXECD_STANDS_STILL, "it is at work", AGENT, |host| execd_is(host, 'R')),
    near(checks::EXECD_STANDS_STILL, "the kernel names no function", AGENT, |host| holds(host, EXECD, None, &[])),

    fault(checks::STALE_LOCK, "its owner was killed", AGENT, |host| lock(host, "fw-drop", Some("3100"), 90_000))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::STALE_LOCK, "its number is another process's now", AGENT, |host| lock(host, "fw-drop", Some("818"), 90_000))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::STALE_LOCK, "it has no pid file", AGENT, |host| lock(host, "fw-drop", None, 90_000))
        .not_on_a_tree(NO_PROCESSES),
    fault(checks::STALE_LOCK, "a file of the name", AGENT, |host| {
        host.write(format!("{BIN}/fw-drop"), "")?.set_times(format!("{BIN}/fw-drop"), NOW - 900, NOW - 900)?;
        Ok(())
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::STALE_LOCK, "of 5.x", AGENT_50, |host| lock(host, "block-ip-lock", Some("3100"), 90_000))
        .not_on_a_tree(NO_PROCESSES),
    near(checks::STALE_LOCK, "its owner is at work", AGENT, |host| {
        lock(host, "fw-drop", Some("4711"), 1)?;
        waits_for_end(host, shipped("firewall-drop", 'S', 1), "do_wait")
    }),
    near(checks::STALE_LOCK, "a lock of a program that no response uses", AGENT, |host| {
        lock(host, "host-deny-lock", Some("3100"), 90_000)
    }),

    fault(checks::STARTUP_GATE_CLOSED, "execd sleeps at its start", AGENT_50, |host| {
        holds(host, EXECD, Some("hrtimer_nanosleep"), &[])
    }).not_on_a_tree(NO_PROCESSES),
    near(checks::STARTUP_GATE_CLOSED, "execd was started a moment ago", AGENT_50, |host| {
        let mut execd = find(host, EXECD)?;
        execd.start = NOW - 20;
        host.add_process(execd);
        holds(host, EXECD, Some("hrtimer_nanosleep"), &[])
    }),

    fault(checks::QUEUE_SOCKET_GONE, "execq was removed, and agentd came later", AGENT, |host| {
        host.remove(EXECQ)?;
        references(host, 20_001, 2)
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::QUEUE_SOCKET_GONE, "execq was removed, and agentd is still connected", AGENT, |host| {
        host.remove(EXECQ)?;
        Ok(())
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::QUEUE_SOCKET_GONE, "a file in its place", AGENT, |host| {
        host.remove(EXECQ)?.write(EXECQ, "")?;
        Ok(())
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::QUEUE_SOCKET_GONE, "execd was switched off when it started, and an old socket is there", AGENT, |host| {
        host.remove_unix_socket("queue/alerts/execq")?;
        sockets(host, EXECD, &[20_002])
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::QUEUE_SOCKET_GONE, "another process has bound the name", AGENT, |host| {
        sockets(host, EXECD, &[20_002])
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::QUEUE_SOCKET_GONE, "a second execd made its own", AGENT, |host| {
        bound(host, 20_050, "queue/alerts/execq", 3);
        references(host, 20_001, 2)?;
        host.set_times(EXECQ, NOW - 600, NOW - 600)?;
        Ok(())
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::QUEUE_SOCKET_GONE, "remoted's queue was removed", MANAGER, |host| {
        host.remove("/var/ossec/queue/alerts/ar")?;
        references(host, 20_003, 2)
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::QUEUE_SOCKET_GONE, "the queue of 5.x", AGENT_50, |host| {
        host.remove("/var/ossec/queue/sockets/execq")?;
        references(host, 20_001, 2)
    }).not_on_a_tree(NO_PROCESSES),
    near(checks::QUEUE_SOCKET_GONE, "execd was started a moment ago", AGENT, |host| {
        let mut execd = find(host, EXECD)?;
        execd.start = NOW - 3;
        host.add_process(execd);
        host.remove(EXECQ)?;
        Ok(())
    }),
    near(checks::QUEUE_SOCKET_GONE, "bound by its whole path, with a connection under the same name", AGENT, |host| {
        bound(host, 20_001, EXECQ, 3);
        bound(host, 20_077, "/srv/jail/var/ossec/queue/alerts/execq", 3);
        Ok(())
    }),

    fault(checks::QUEUE_NOT_REACHABLE, "execq is root's alone", AGENT, |host| {
        references(host, 20_001, 2)?;
        host.set_owner(EXECQ, 0, 0)?.set_mode(EXECQ, 0o660)?;
        Ok(())
    }),
    fault(checks::QUEUE_NOT_REACHABLE, "mode 600, and agentd is still connected", AGENT, |host| {
        host.set_mode(EXECQ, 0o600)?;
        Ok(())
    }),
    fault(checks::QUEUE_NOT_REACHABLE, "queue/alerts is root's alone", MANAGER, |host| {
        host.set_owner("/var/ossec/queue/alerts", 0, 0)?.set_mode("/var/ossec/queue/alerts", 0o700)?;
        references(host, 20_001, 2)?;
        references(host, 20_003, 2)
    }),
    fault(checks::QUEUE_NOT_REACHABLE, "an ACL shuts the user out", AGENT, |host| {
        let acl = Acl::from_text(["user::rw-", "user:998:---", "group::rw-", "mask::rw-", "other::---"]);
        host.set_acl(EXECQ, &acl.map_err(|error| EditError::Missing(error.to_string().into()))?)?;
        Ok(())
    }),
    fault(checks::QUEUE_NOT_REACHABLE, "agentd runs with the numbers of an account that was made anew", AGENT, |host| {
        references(host, 20_001, 2)?;
        agentd_is(host, 997)
    }).not_on_a_tree(NO_PROCESSES),
    near(checks::QUEUE_NOT_REACHABLE, "agentd runs as root", AGENT, |host| {
        host.set_mode(EXECQ, 0o600)?;
        agentd_is(host, 0)
    }).not_on_a_tree(NO_PROCESSES),
    near(checks::QUEUE_NOT_REACHABLE, "everybody may write to it", AGENT, |host| {
        host.set_owner(EXECQ, 0, 0)?.set_mode(EXECQ, 0o666)?;
        Ok(())
    }),
    near(checks::QUEUE_NOT_REACHABLE, "an ACL lets the user in", AGENT, |host| {
        let acl = Acl::from_text(["user::rw-", "user:998:rw-", "group::rw-", "mask::rw-", "other::---"]);
        host.set_owner(EXECQ, 0, 0)?;
        host.set_acl(EXECQ, &acl.map_err(|error| EditError::Missing(error.to_string().into()))?)?;
        Ok(())
    }),

    fault(checks::AGENTD_LOST_EXECD, "execd was restarted alone", AGENT, |host| {
        restarted(host)?;
        references(host, 20_001, 2)
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::AGENTD_LOST_EXECD, "the same with 4.9", "agent-4.9-rhel", |host| {
        restarted(host)?;
        references(host, 20_001, 2)
    }).not_on_a_tree(NO_PROCESSES),
    fault(checks::AGENTD_LOST_EXECD, "the same with 5.x", AGENT_50, |host| {
        restarted(host)?;
        references(host, 20_001, 2)
    }).not_on_a_tree(NO_PROCESSES),
    near(checks::AGENTD_LOST_EXECD, "execd was restarted, and agentd has connected anew", AGENT, restarted),
    near(checks::AGENTD_LOST_EXECD, "both were started a moment ago", AGENT, |host| {
        for pid in [EXECD, AGENTD] {
            let mut daemon = find(host, pid)?;
            daemon.start = NOW - 20;
            host.add_process(daemon);
        }
        references(host, 20_001, 2)
    }),
];
