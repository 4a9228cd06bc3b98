//! Details of processes, sockets and file systems in a capture.

use std::path::PathBuf;

use super::manifest::{
    AccessEntry, CredentialsEntry, DescriptorEntry, DetailEntry, DetailPart, HostFile, LimitEntry,
    SocketEntry, SpaceEntry,
};
use super::{Builder, CaptureHost, Ids, NOT_HELD, part, to_mounts};
use crate::host::process::{
    Access, Capabilities, Credentials, Descriptor, DescriptorTarget, Limit, Limits, Namespaces, ProcessDetail,
};
use crate::host::{Fact, OpenError, Process, SocketName, Space, UnixSocket, Value};

/// Details of which nothing is known.
pub(super) fn nothing(pid: u32) -> ProcessDetail {
    fn gap<T>(pid: u32, file: &str) -> Fact<T> {
        Fact::not_collected(source(pid, file), NOT_HELD)
    }
    ProcessDetail {
        pid,
        state: gap(pid, "status"),
        threads: gap(pid, "status"),
        credentials: gap(pid, "status"),
        capabilities: gap(pid, "status"),
        no_new_privs: gap(pid, "status"),
        seccomp: gap(pid, "status"),
        wchan: gap(pid, "wchan"),
        namespaces: gap(pid, "ns"),
        label: gap(pid, "attr/current"),
        root: gap(pid, "root"),
        cwd: gap(pid, "cwd"),
        cgroup: gap(pid, "cgroup"),
        descriptors: gap(pid, "fd"),
        limits: gap(pid, "limits"),
        mounts: gap(pid, "mountinfo"),
    }
}

fn source(pid: u32, file: &str) -> String {
    format!("/proc/{pid}/{file}")
}

/// The same details as those of another process.
fn renamed(detail: &ProcessDetail, pid: u32) -> ProcessDetail {
    fn of<T: Clone>(fact: &Fact<T>, pid: u32, file: &str) -> Fact<T> {
        Fact { source: source(pid, file), value: fact.value.clone() }
    }
    ProcessDetail {
        pid,
        state: of(&detail.state, pid, "status"),
        threads: of(&detail.threads, pid, "status"),
        credentials: of(&detail.credentials, pid, "status"),
        capabilities: of(&detail.capabilities, pid, "status"),
        no_new_privs: of(&detail.no_new_privs, pid, "status"),
        seccomp: of(&detail.seccomp, pid, "status"),
        wchan: of(&detail.wchan, pid, "wchan"),
        namespaces: of(&detail.namespaces, pid, "ns"),
        label: of(&detail.label, pid, "attr/current"),
        root: of(&detail.root, pid, "root"),
        cwd: of(&detail.cwd, pid, "cwd"),
        cgroup: of(&detail.cgroup, pid, "cgroup"),
        descriptors: of(&detail.descriptors, pid, "fd"),
        limits: of(&detail.limits, pid, "limits"),
        mounts: of(&detail.mounts, pid, "mountinfo"),
    }
}

/// Takes away what the kernel shows only to root and to the process's own user.
pub(super) fn refuse(detail: &mut ProcessDetail) {
    fn deny<T>(fact: &mut Fact<T>) {
        fact.value = Value::Denied("permission denied".to_owned());
    }
    deny(&mut detail.wchan);
    deny(&mut detail.namespaces);
    deny(&mut detail.root);
    deny(&mut detail.cwd);
    deny(&mut detail.descriptors);
    deny(&mut detail.mounts);
}

pub(super) fn space(entry: &SpaceEntry) -> Space {
    Space {
        block_size: entry.block_size,
        blocks: entry.blocks,
        blocks_free: entry.blocks_free,
        blocks_available: entry.blocks_available.unwrap_or(entry.blocks_free),
        inodes: entry.inodes,
        inodes_free: entry.inodes_free,
        read_only: entry.read_only,
    }
}

impl CaptureHost {
    /// The details of a process, whoever asks.
    pub(super) fn detail_of(&self, process: &Process) -> ProcessDetail {
        let mut detail = match self.details.get(&process.pid) {
            Some(detail) => detail.clone(),
            None => renamed(&self.detail_defaults, process.pid),
        };
        // These two stand in the list too, which an edit may have changed.
        if !matches!(detail.state.value, Value::Denied(_) | Value::Failed(_)) {
            detail.state.value = Value::Known(process.state);
        }
        if let Value::Known(credentials) = &mut detail.credentials.value {
            if credentials.euid == credentials.uid {
                credentials.euid = process.uid;
            }
            credentials.uid = process.uid;
        }
        detail
    }
}

impl Builder<'_> {
    pub(super) fn details(
        &self,
        file: &HostFile,
        host: &mut CaptureHost,
        users: &Ids,
        groups: &Ids,
    ) -> Result<(), OpenError> {
        let defaults = match &file.process_defaults {
            Some(entry) => self.detail("process_defaults", 0, 0, entry, nothing(0), users, groups)?,
            None => nothing(0),
        };
        if file.process_defaults.as_ref().is_some_and(|entry| entry.unix_sockets.is_some()) {
            return Err(
                self.error("process_defaults", "unix_sockets are those of one process; give them there")
            );
        }
        for entry in file.processes.iter().flatten() {
            let Some(given) = &entry.detail else { continue };
            let uid = self.id("processes", entry.user.as_ref(), users, "user", "users")?.unwrap_or(0);
            let base = renamed(&defaults, entry.pid);
            let detail = self.detail("processes", entry.pid, uid, given, base, users, groups)?;
            host.details.insert(entry.pid, detail);
            if let Some(sockets) = &given.unix_sockets {
                host.other_sockets.insert(entry.pid, Value::Known(self.sockets(sockets)?));
            } else if let Some(gap) = given.gaps.get(&DetailPart::UnixSockets) {
                host.other_sockets.insert(entry.pid, part(None, Some(gap)));
            }
        }
        host.detail_defaults = defaults;
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "names are resolved here, where errors find their line")]
    fn detail(
        &self,
        key: &str,
        pid: u32,
        uid: u32,
        entry: &DetailEntry,
        base: ProcessDetail,
        users: &Ids,
        groups: &Ids,
    ) -> Result<ProcessDetail, OpenError> {
        use DetailPart as Part;
        fn set<T>(fact: &mut Fact<T>, given: Option<T>, entry: &DetailEntry, name: DetailPart) {
            let gap = entry.gaps.get(&name);
            if given.is_some() || gap.is_some() {
                fact.value = part(given, gap);
            }
        }
        let mut detail = base;
        set(&mut detail.threads, entry.threads, entry, Part::Threads);
        let credentials = entry
            .credentials
            .as_ref()
            .map(|given| self.credentials(key, uid, given, users, groups))
            .transpose()?;
        set(&mut detail.credentials, credentials, entry, Part::Credentials);
        let capabilities = entry.capabilities.map(|given| Capabilities {
            permitted: given.permitted.0,
            effective: given.effective.0,
            bounding: given.bounding.0,
            ambient: given.ambient.0,
        });
        set(&mut detail.capabilities, capabilities, entry, Part::Capabilities);
        set(&mut detail.no_new_privs, entry.no_new_privs, entry, Part::NoNewPrivs);
        set(&mut detail.seccomp, entry.seccomp, entry, Part::Seccomp);
        set(&mut detail.wchan, entry.wchan.clone(), entry, Part::Wchan);
        let namespaces = entry
            .namespaces
            .clone()
            .map(|numbers| Namespaces { numbers, others: entry.other_namespaces.iter().cloned().collect() });
        if namespaces.is_none() && !entry.other_namespaces.is_empty() {
            return Err(
                self.error(key, format!("process {pid} has other_namespaces and no namespaces; add them"))
            );
        }
        set(&mut detail.namespaces, namespaces, entry, Part::Namespaces);
        set(&mut detail.label, entry.label.clone(), entry, Part::Label);
        set(&mut detail.root, entry.root.as_ref().map(PathBuf::from), entry, Part::Root);
        set(&mut detail.cwd, entry.cwd.as_ref().map(PathBuf::from), entry, Part::Cwd);
        set(&mut detail.cgroup, entry.cgroup.clone(), entry, Part::Cgroup);
        let descriptors = entry
            .descriptors
            .as_ref()
            .map(|given| given.iter().map(|given| self.descriptor(key, pid, given)).collect())
            .transpose()?;
        set(&mut detail.descriptors, descriptors, entry, Part::Descriptors);
        let limit = |given: LimitEntry| Limit { soft: given.0, hard: given.1 };
        let limits = entry.limits.map(|given| Limits {
            open_files: limit(given.open_files),
            file_size: limit(given.file_size),
            processes: limit(given.processes),
        });
        set(&mut detail.limits, limits, entry, Part::Limits);
        set(&mut detail.mounts, entry.mounts.as_deref().map(to_mounts), entry, Part::Mounts);
        Ok(detail)
    }

    fn credentials(
        &self,
        key: &str,
        uid: u32,
        entry: &CredentialsEntry,
        users: &Ids,
        groups: &Ids,
    ) -> Result<Credentials, OpenError> {
        let group = |owner| self.id(key, owner, groups, "group", "groups");
        let gid = group(Some(&entry.group))?.unwrap_or(0);
        let others = entry.groups.iter().filter_map(|owner| group(Some(owner)).transpose());
        Ok(Credentials {
            uid,
            euid: self.id(key, entry.effective_user.as_ref(), users, "user", "users")?.unwrap_or(uid),
            gid,
            egid: group(entry.effective_group.as_ref())?.unwrap_or(gid),
            groups: others.collect::<Result<_, _>>()?,
        })
    }

    fn descriptor(&self, key: &str, pid: u32, entry: &DescriptorEntry) -> Result<Descriptor, OpenError> {
        let target = match (entry.pipe, entry.socket, &entry.file, &entry.other) {
            (Some(number), None, None, None) => DescriptorTarget::Pipe(number),
            (None, Some(number), None, None) => DescriptorTarget::Socket(number),
            (None, None, Some(path), None) => {
                DescriptorTarget::File { path: PathBuf::from(path), deleted: entry.deleted }
            }
            (None, None, None, Some(text)) => DescriptorTarget::Other(text.clone()),
            _ => {
                let why = format!(
                    "descriptor {} of process {pid} is not one of pipe, socket, file and other; keep one",
                    entry.fd
                );
                return Err(self.error(key, why));
            }
        };
        let (read, write) = match entry.access {
            AccessEntry::Read => (true, false),
            AccessEntry::Write => (false, true),
            AccessEntry::ReadWrite => (true, true),
            AccessEntry::Neither => (false, false),
        };
        Ok(Descriptor { fd: entry.fd, target, access: Access { read, write } })
    }

    pub(super) fn sockets(&self, entries: &[SocketEntry]) -> Result<Vec<UnixSocket>, OpenError> {
        let socket = |entry: &SocketEntry| {
            let name = match (&entry.path, &entry.abstract_name) {
                (None, None) => None,
                (Some(path), None) => Some(SocketName::Path(PathBuf::from(path))),
                (None, Some(name)) => Some(SocketName::Abstract(name.clone().into_bytes())),
                (Some(_), Some(_)) => {
                    let why = format!("socket {} has a path and an abstract name; keep one", entry.inode);
                    return Err(self.error("unix_sockets", why));
                }
            };
            Ok(UnixSocket {
                inode: entry.inode,
                kind: entry.kind,
                listening: entry.listening,
                state: entry.state,
                refs: entry.refs,
                name,
            })
        };
        entries.iter().map(socket).collect()
    }
}
