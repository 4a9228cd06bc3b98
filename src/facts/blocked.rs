//! What execd waits for: its children, the pipes between them, and what they wait for themselves.
//!
//! execd of 4.2 and later starts one script at a time. It writes a line into a pipe, waits for a line
//! from another pipe, closes both and waits for the end of the script, without a limit of time
//! (`src/os_execd/execd.c ExecdRun`, `src/shared/exec_op.c wpopenv wpclose`, 4.14; `src/os_execd/src/execd.c`, 5.0).
//! It holds such pipes at no other time.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::Facts;
use crate::host::process::{Descriptor, DescriptorTarget};
use crate::host::{Fact, Gap, Process, ProcessDetail, UnixSocket, Value, Wait};

/// How many processes below a child are looked at.
const MAX_FAMILY: usize = 64;

/// In how many processes the other end of a pipe is looked for.
const MAX_HOLDERS: usize = 4096;

/// The program that Wazuh starts to restart itself; execd does not wait for it
/// (`src/os_execd/exec.c ExecCmd`, 4.14).
const RESTART: &[u8] = b"restart.sh";

/// What execd's main thread does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It waits for its next message.
    Idle,
    /// It waits for a line of a script.
    ForLine,
    /// It waits for the end of a child.
    ForEnd,
    /// Anything else, or nobody knows.
    Unknown(Option<Gap>),
}

/// execd as it stands.
#[derive(Clone, Debug)]
pub struct Execd {
    /// Its process.
    pub process: Process,
    /// That process in detail.
    pub detail: Fact<ProcessDetail>,
    /// What it does.
    pub stands: Stands,
    /// Pipes that it alone reads from.
    pub reads: BTreeSet<u64>,
    /// Pipes that it alone writes to.
    pub writes: BTreeSet<u64>,
}

/// A process with its details.
#[derive(Clone, Debug)]
pub struct Member {
    /// The process.
    pub process: Process,
    /// Its details.
    pub detail: Fact<ProcessDetail>,
}

/// A child of execd that execd may wait for.
#[derive(Clone, Debug)]
pub struct Script {
    /// The child.
    pub process: Process,
    /// File name below `active-response/bin`; none when the process has become another program.
    pub name: Option<Vec<u8>>,
    /// The child and what it started, parents first. Zombies have no descriptors.
    pub family: Vec<Member>,
    /// Whether a pipe of execd leads to it.
    pub is_linked: bool,
}

impl Execd {
    /// Reads it; none when it does not run.
    pub fn read(facts: &Facts<'_>) -> Option<Self> {
        let process = facts.execd()?.process()?.clone();
        let detail = facts.process_detail(process.pid);
        let held = detail.get().and_then(|detail| detail.descriptors.get());
        let held: &[Descriptor] = held.map_or(&[], Vec::as_slice);
        let pipes = |fits: fn(&Descriptor) -> bool| {
            let pipes = held.iter().filter(|held| held.fd > 2 && fits(held)).filter_map(pipe);
            pipes.collect::<BTreeSet<u64>>()
        };
        let reads = pipes(|held| held.access.read && !held.access.write);
        let writes = pipes(|held| held.access.write && !held.access.read);
        let stands = match wait(&detail) {
            Some(Wait::Ready) => Stands::Idle,
            Some(Wait::Pipe) => Stands::ForLine,
            Some(Wait::Child) => Stands::ForEnd,
            Some(_) => Stands::Unknown(None),
            None if !reads.is_empty() && !writes.is_empty() => Stands::ForLine,
            None => Stands::Unknown(gap(&detail)),
        };
        Some(Self { process, detail, stands, reads, writes })
    }

    /// Its children that are, or were, scripts, and that began at the latest at `until`.
    pub fn scripts(&self, facts: &Facts<'_>, until: i64) -> Vec<Script> {
        let all = facts.processes();
        let all = all.get().map_or(&[][..], Vec::as_slice);
        let children = all.iter().filter(|child| child.ppid == self.process.pid && !child.foreign);
        let mut scripts: Vec<Script> = children
            .filter(|child| child.start <= until)
            .filter(|child| !is_restart(child))
            .map(|child| {
                let family = family(facts, all, child);
                let pipes: BTreeSet<u64> =
                    family.iter().flat_map(|member| descriptors(&member.detail)).filter_map(pipe).collect();
                let is_linked =
                    pipes.iter().any(|pipe| self.reads.contains(pipe) || self.writes.contains(pipe));
                Script { process: child.clone(), name: name_of(facts, child), family, is_linked }
            })
            .collect();
        let only = scripts.len() == 1 && self.stands == Stands::ForEnd;
        // One that has ended since the processes were listed holds nobody up.
        let has_ended = |script: &Script| script.family.first().is_some_and(|first| first.detail.is_absent());
        scripts.retain(|script| (script.name.is_some() || script.is_linked || only) && !has_ended(script));
        scripts
    }

    /// The living process outside a script's family that holds the pipe execd waits on open for writing.
    pub fn holder(&self, facts: &Facts<'_>, script: &Script) -> Option<Process> {
        let all = facts.processes();
        let known = |pid: u32| script.family.iter().any(|member| member.process.pid == pid);
        let others = all.get()?.iter().filter(|process| {
            process.pid != self.process.pid
                && process.state != 'Z'
                && process.start >= script.process.start
                && !process.foreign
                && !known(process.pid)
        });
        others
            .take(MAX_HOLDERS)
            .find(|process| self.is_written_by(&facts.process_detail(process.pid)))
            .cloned()
    }

    /// Whether a process holds a pipe that execd reads from open for writing.
    pub fn is_written_by(&self, detail: &Fact<ProcessDetail>) -> bool {
        let mut held = descriptors(detail).filter(|held| held.access.write);
        held.any(|held| pipe(held).is_some_and(|pipe| self.reads.contains(&pipe)))
    }

    /// Whether the standard input of a process is a pipe that execd keeps open.
    pub fn feeds(&self, detail: &Fact<ProcessDetail>) -> bool {
        let mut held = descriptors(detail).filter(|held| held.fd == 0);
        held.any(|held| pipe(held).is_some_and(|pipe| self.writes.contains(&pipe)))
    }
}

/// The Unix sockets that a process holds.
///
/// # Errors
///
/// Why its descriptors are not known.
pub fn sockets_of<'s>(
    detail: &Fact<ProcessDetail>,
    all: &'s [UnixSocket],
) -> Result<Vec<&'s UnixSocket>, Gap> {
    let unknown =
        || detail.unknown().or_else(|| detail.get().and_then(|detail| detail.descriptors.unknown()));
    if let Some(gap) = unknown() {
        return Err(gap);
    }
    let held: BTreeSet<u64> = descriptors(detail)
        .filter_map(|held| match held.target {
            DescriptorTarget::Socket(number) => Some(number),
            _ => None,
        })
        .collect();
    Ok(all.iter().filter(|socket| held.contains(&socket.inode)).collect())
}

/// What a process waits for, where its kernel says it.
pub fn wait(detail: &Fact<ProcessDetail>) -> Option<Wait> {
    Wait::of(detail.get()?.wchan.get()?)
}

/// Why what execd does is not known.
fn gap(detail: &Fact<ProcessDetail>) -> Option<Gap> {
    let known = || {
        let detail = detail.get()?;
        detail.wchan.unknown().or_else(|| detail.descriptors.unknown())
    };
    detail.unknown().or_else(known)
}

fn descriptors(detail: &Fact<ProcessDetail>) -> impl Iterator<Item = &Descriptor> {
    detail.get().and_then(|detail| detail.descriptors.get()).into_iter().flatten()
}

fn pipe(held: &Descriptor) -> Option<u64> {
    match held.target {
        DescriptorTarget::Pipe(number) => Some(number),
        _ => None,
    }
}

fn family(facts: &Facts<'_>, all: &[Process], child: &Process) -> Vec<Member> {
    let mut members = vec![child.clone()];
    let mut at = 0;
    while let Some(parent) = members.get(at).map(|member| member.pid) {
        let known: BTreeSet<u32> = members.iter().map(|member| member.pid).collect();
        let children = all.iter().filter(|process| process.ppid == parent && !known.contains(&process.pid));
        let room = MAX_FAMILY.saturating_sub(members.len());
        let children: Vec<Process> = children.take(room).cloned().collect();
        members.extend(children);
        at += 1;
    }
    let detail = |process: Process| Member { detail: facts.process_detail(process.pid), process };
    members.into_iter().map(detail).collect()
}

fn is_restart(process: &Process) -> bool {
    process.comm.as_bytes() == RESTART
        || process
            .args
            .iter()
            .take(3)
            .any(|word| Path::new(word).file_name() == Some(OsStr::from_bytes(RESTART)))
}

/// The file name of a program below `active-response/bin`: a script is named in its interpreter's
/// arguments, a dead one by the name the kernel keeps.
fn name_of(facts: &Facts<'_>, process: &Process) -> Option<Vec<u8>> {
    let bin = facts.under_home("active-response/bin");
    let real = facts.resolve(&bin).get().map(|resolved| resolved.path.clone());
    let below = |path: &Path| {
        let directory = path.parent()?;
        let fits = directory == bin
            || Some(directory) == real.as_deref()
            || directory == Path::new("active-response/bin");
        path.file_name().filter(|_| fits).map(|name| name.as_bytes().to_vec())
    };
    if let Some(name) = process.exe.as_deref().and_then(below) {
        return Some(name);
    }
    if let Some(name) = process.args.iter().take(4).find_map(|word| below(Path::new(word))) {
        return Some(name);
    }
    if process.state != 'Z' {
        return None;
    }
    let mut names = facts.executables().iter().map(|executable| &executable.name);
    names.find(|name| name.get(..15).unwrap_or(name) == process.comm.as_bytes()).cloned()
}

impl Facts<'_> {
    /// The sockets that a daemon can see: those of its network namespace.
    pub fn sockets_of_daemon(
        &self,
        process: &Process,
        detail: &Fact<ProcessDetail>,
    ) -> Fact<Vec<UnixSocket>> {
        let namespaces = detail.get().and_then(|detail| detail.namespaces.get());
        let apart = namespaces.is_some_and(|namespaces| namespaces.others.contains("net"));
        self.unix_sockets(apart.then_some(process.pid))
    }

    /// uid and gid of the user that agentd, analysisd and remoted run as; none when there is no such user.
    pub fn daemon_user(&self) -> Fact<Option<(u32, u32)>> {
        // User and group have the same name.
        let name = self.install.group();
        self.user_id(name).and_then(|uid| match self.group_id(name).map(|gid| uid.zip(gid)).value {
            Value::Absent => Value::Known(None),
            ids => ids,
        })
    }
}
