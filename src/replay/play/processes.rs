//! What the processes of a run are doing, read from /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::{AsFd, AsRawFd as _};
use std::path::Path;

use super::super::Waiting;

/// Bytes of a command line that are kept.
const COMMAND: usize = 200;

/// A process, as /proc/PID/stat has it (proc_pid_stat(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) state: char,
    pub(super) name: String,
}

/// Reads `pid (name) state ppid pgrp ...`; the name may hold anything.
fn stat(text: &[u8]) -> Option<Process> {
    let text = String::from_utf8_lossy(text);
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some(Process {
        pid: pid.parse().ok()?,
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        name: name.to_owned(),
    })
}

/// All processes of the pid namespace.
pub(super) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|entry| stat(&fs::read(entry.path().join("stat")).ok()?))
        .collect()
}

/// Those of them that descend from `ancestor`, without it and without zombies.
pub(super) fn descendants(ancestor: i32) -> Vec<Process> {
    let all = all();
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for process in &all {
        children.entry(process.parent).or_default().push(process.pid);
    }
    let mut family = BTreeSet::from([ancestor]);
    let mut next = vec![ancestor];
    while let Some(parent) = next.pop() {
        for &child in children.get(&parent).into_iter().flatten() {
            if family.insert(child) {
                next.push(child);
            }
        }
    }
    all.into_iter()
        .filter(|process| process.pid != ancestor && family.contains(&process.pid))
        .filter(|process| process.state != 'Z')
        .collect()
}

/// `pipe:[123]` of one of this process's descriptors.
pub(super) fn pipe_name(fd: impl AsFd) -> Option<String> {
    let link = fs::read_link(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())).ok()?;
    Some(link.to_string_lossy().into_owned())
}

fn link(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_link(path).ok()?.to_string_lossy().into_owned())
}

/// What each process waits for.
pub(super) fn waiting(
    processes: Vec<Process>,
    script: i32,
    stdin: Option<&str>,
    stdout: Option<&str>,
) -> Vec<Waiting> {
    let mut waiting: Vec<Waiting> = processes
        .into_iter()
        .map(|process| Waiting {
            pid: process.pid,
            command: command(process.pid),
            is_script: process.pid == script,
            state: process.state,
            reads_stdin: stdin.is_some_and(|pipe| reads(process.pid, pipe)),
            holds_stdout: stdout.is_some_and(|pipe| holds(process.pid, pipe)),
            name: process.name,
        })
        .collect();
    waiting.sort_by_key(|process| (!process.is_script, process.pid));
    waiting
}

fn command(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> =
        bytes.split(|&byte| byte == 0).filter(|word| !word.is_empty()).map(String::from_utf8_lossy).collect();
    let mut command = words.join(" ");
    if command.len() > COMMAND {
        let cut = (0..=COMMAND).rev().find(|at| command.is_char_boundary(*at)).unwrap_or(0);
        command.truncate(cut);
        // At a word: half a secret is not recognised as one.
        command.truncate(command.rfind(' ').unwrap_or(0));
        command.push_str(" ...");
    }
    command
}

fn holds(pid: i32, pipe: &str) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    entries.flatten().any(|entry| link(entry.path()).as_deref() == Some(pipe))
}

/// System calls that wait for input, with the place of the descriptor among their
/// arguments; none for those that take a set of them.
#[cfg(target_arch = "x86_64")]
const WAITS_ON_SET: &[libc::c_long] = &[
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_select,
    libc::SYS_pselect6,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
];
#[cfg(not(target_arch = "x86_64"))]
const WAITS_ON_SET: &[libc::c_long] = &[libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_pwait];

/// Whether some thread of the process waits in a read of the pipe (/proc/PID/syscall:
/// number of the call, then its arguments in hexadecimal).
fn reads(pid: i32, pipe: &str) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    tasks.flatten().any(|task| {
        let Ok(text) = fs::read_to_string(task.path().join("syscall")) else {
            // Not every kernel tells. Then the name of what it sleeps in has to do.
            let place = fs::read_to_string(task.path().join("wchan")).unwrap_or_default();
            return place.contains("pipe_read") && is_pipe(pid, 0, pipe);
        };
        let mut words = text.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<libc::c_long>().ok()) else {
            return false;
        };
        let mut argument = |at: usize| {
            words.nth(at).and_then(|word| i32::from_str_radix(word.trim_start_matches("0x"), 16).ok())
        };
        if [libc::SYS_read, libc::SYS_readv, libc::SYS_splice].contains(&number) {
            argument(0).is_some_and(|fd| is_pipe(pid, fd, pipe))
        } else if number == libc::SYS_sendfile {
            argument(1).is_some_and(|fd| is_pipe(pid, fd, pipe))
        } else {
            WAITS_ON_SET.contains(&number) && is_pipe(pid, 0, pipe)
        }
    })
}

fn is_pipe(pid: i32, fd: i32, pipe: &str) -> bool {
    link(format!("/proc/{pid}/fd/{fd}")).as_deref() == Some(pipe)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let process = stat(b"12 (a) b (c) S 1 7 7 0 -1").unwrap();
        assert_eq!((process.pid, process.name.as_str(), process.state), (12, "a) b (c", 'S'));
        assert_eq!((process.parent, process.group), (1, 7));
        assert_eq!(stat(b"x"), None);
    }

    #[test]
    fn a_child_that_reads_a_pipe_is_seen() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let stdin = pipe_name(child.stdin.as_ref().unwrap()).unwrap();
        let stdout = pipe_name(child.stdout.as_ref().unwrap()).unwrap();
        let seen = (0..200).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            let own = all().into_iter().filter(|process| process.pid == pid).collect();
            let waiting = waiting(own, pid, Some(&stdin), Some(&stdout));
            waiting.into_iter().find(|process| process.reads_stdin)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = seen.unwrap();
        assert!(seen.is_script && seen.holds_stdout && seen.command == "cat", "{seen:?}");
    }
}
