//! Wazuh's daemons on a host: processes and pid files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::host::{Fact, Gap, Host, Process, ProcessDetail, Value};
use crate::wazuh::daemon_log;

/// A pid file of a daemon (`var/run/NAME-PID.pid`, `src/shared/file_op.c CreatePID`, 4.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PidFile {
    /// Path on the host.
    pub path: PathBuf,
    /// The number in its name.
    pub pid: u32,
}

/// One daemon.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// Program name (`wazuh-execd`).
    pub name: String,
    /// Its processes.
    pub processes: Fact<Vec<Process>>,
    /// Its pid files.
    pub pid_files: Fact<Vec<PidFile>>,
    /// The process of it in a container, when the home is read from outside, in that container's tree.
    pub inside: Option<u32>,
}

impl Daemon {
    /// Reads one daemon of the installation at `home`.
    pub fn read(host: &dyn Host, home: &Path, name: &str, processes: &Fact<Vec<Process>>) -> Self {
        let program = home.join("bin").join(name);
        // The kernel shows the program file without links; the home may be one.
        let program = host.resolve(&program).get().map_or(program, |resolved| resolved.path.clone());
        let inside = processes.get().into_iter().flatten().find(|process| is_inside(process, &program));
        let inside = inside.map(|process| process.pid);
        let processes = processes.as_ref().and_then(|processes| {
            let found: Vec<Process> =
                processes.iter().filter(|process| is_daemon(process, name, &program)).cloned().collect();
            match inside {
                Some(pid) if found.is_empty() => Value::NotCollected(run_inside(pid)),
                _ => Value::Known(found),
            }
        });
        let run = home.join("var/run");
        let pid_files = host
            .list(&run)
            .map(|names| names.into_iter().filter_map(|file| pid_file(&run, &file, name)).collect());
        Self { name: name.to_owned(), processes, pid_files, inside }
    }

    /// The name the kernel keeps of it, 15 bytes at most.
    pub fn comm(&self) -> &str {
        short(&self.name)
    }

    /// Whether it runs: known only when processes could be seen.
    pub fn running(&self) -> Fact<bool> {
        self.processes.as_ref().map(|processes| processes.iter().any(|process| process.state != 'Z'))
    }

    /// The first of its processes that lives.
    pub fn process(&self) -> Option<&Process> {
        self.processes.get()?.iter().find(|process| process.state != 'Z')
    }

    /// Pid files that name no process of this daemon; none when processes are unknown.
    pub fn stale(&self) -> Fact<Vec<&PidFile>> {
        let Some(processes) = self.processes.get() else {
            return self.processes.as_ref().map(|_| Vec::new());
        };
        let mut stale = self.pid_files.as_ref().map(|files| {
            files
                .iter()
                .filter(|file| !processes.iter().any(|process| process.pid == file.pid))
                .collect::<Vec<_>>()
        });
        if matches!(stale.value, Value::Absent) {
            stale.value = Value::Known(Vec::new());
        }
        stale
    }
}

/// The kernel keeps 15 bytes of the program's name; the program file decides
/// where it may be read.
fn is_daemon(process: &Process, name: &str, program: &Path) -> bool {
    // A container's daemon has the same path, in its own files.
    if process.foreign {
        return false;
    }
    if let Some(exe) = &process.exe {
        let exe = exe.to_string_lossy();
        let exe = exe.strip_suffix(" (deleted)").unwrap_or(&exe);
        return Path::new(exe) == program;
    }
    process.comm == short(name)
}

/// Why what is outside of a container says nothing of it.
pub(super) fn run_inside(pid: u32) -> String {
    format!("the daemons live in the container of process {pid}: run ar-doctor inside that")
}

/// Whether a process of a container is this program, of which the reader sees the file in the container's tree
/// (`/var/lib/docker/overlay2/ID/merged/var/ossec/bin/wazuh-execd`).
fn is_inside(process: &Process, program: &Path) -> bool {
    let Some(exe) = process.exe.as_deref().filter(|_| process.foreign) else { return false };
    exe != program && exe.strip_prefix("/").is_ok_and(|inner| program.ends_with(inner))
}

fn short(name: &str) -> &str {
    name.get(..15).unwrap_or(name)
}

fn pid_file(run: &Path, file: &OsString, name: &str) -> Option<PidFile> {
    let text = file.to_str()?;
    let pid = text.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".pid")?.parse().ok()?;
    Some(PidFile { path: run.join(text), pid })
}

/// Seconds that wazuh-control may take to stop and start all daemons.
const STARTING: i64 = 120;

/// How much of the end of ossec.log is read.
const TAIL: u64 = 512 * 1024;

impl super::Facts<'_> {
    /// The process of execd in detail; absent when it does not run.
    pub fn execd_detail(&self) -> &Fact<ProcessDetail> {
        self.execd_detail.get_or_init(|| {
            let Some(execd) = self.execd() else { return Fact::absent("execd") };
            match execd.process() {
                Some(process) => self.process_detail(process.pid),
                None => execd
                    .processes
                    .unknown()
                    .map_or_else(|| Fact::absent(self.processes().source.clone()), Gap::into_fact),
            }
        })
    }

    /// Somebody starts the daemons just now, one after the other: what is down may be up in a moment.
    pub fn being_started(&self) -> Option<Gap> {
        let now = *self.now().get()?;
        let starts = |process: &&Process| {
            let has = |words: &[&str]| {
                process.args.iter().any(|word| {
                    Path::new(word).file_name().is_some_and(|name| words.iter().any(|word| name == *word))
                })
            };
            !process.foreign
                && process.state != 'Z'
                && now - process.start < STARTING
                && has(&["wazuh-control", "ossec-control"])
                && has(&["start", "restart", "reload"])
        };
        let control = self.processes().get()?.iter().find(starts)?;
        Some(Gap::failed(format!("process {}", control.pid), "wazuh-control starts the daemons just now"))
    }

    /// The process of wazuh-db; the manager's daemons ask it which agent is where.
    pub fn wazuh_db(&self) -> &Daemon {
        self.wazuh_db
            .get_or_init(|| Daemon::read(self.host, &self.install.home, "wazuh-db", self.processes()))
    }

    /// What the end of ossec.log tells of starts and ends of daemons.
    pub fn daemon_log(&self) -> &Fact<Vec<daemon_log::Line>> {
        self.daemon_log.get_or_init(|| {
            self.ending(&self.under_home("logs/ossec.log"), TAIL).map(|ending| {
                self.redactor.mark_log(&ending.bytes);
                daemon_log::read(&ending.bytes)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_of_containers() {
        let program = Path::new("/var/lib/docker/overlay2/1f/merged/var/ossec/bin/wazuh-execd");
        for (exe, foreign, program, inside) in [
            ("/var/ossec/bin/wazuh-execd", true, program, true),
            ("/var/ossec/bin/wazuh-execd", false, program, false),
            ("/var/ossec/bin/wazuh-agentd", true, program, false),
            // The host has an agent of its own at the place of the container's.
            ("/var/ossec/bin/wazuh-execd", true, Path::new("/var/ossec/bin/wazuh-execd"), false),
        ] {
            let process = Process {
                pid: 4711,
                ppid: 1,
                comm: "wazuh-execd".to_owned(),
                exe: Some(exe.into()),
                args: Vec::new(),
                uid: 0,
                state: 'S',
                start: 0,
                env_path: Fact::absent("environ"),
                foreign,
            };
            assert_eq!(is_inside(&process, program), inside, "{exe} {program:?}");
        }
    }
}
