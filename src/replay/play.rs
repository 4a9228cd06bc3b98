//! Plays a plan: execd's model on one side, the real script on the other.
//!
//! In the sandbox three processes stand one below the other: the caller, one that leaves
//! the host's namespaces, and the init of the new ones, which plays. Each dies with its
//! parent, and with the init dies every process and every mount of the sandbox.

mod processes;
mod script;
mod supervise;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::{chdir, pipe2};
use serde::{Deserialize, Serialize};

use self::script::{Job, Seen};
use self::supervise::Supervisor;
use super::child::{self, Fork};
use super::effects::{self, Layer, NetworkWatch, World};
use super::sandbox::{self, Wanted};
use super::{Attempt, AttemptKind, Deed, Effect, EffectKind, Ended, Plan, RESPONSES_LOG, Run, Step, StepRun};
use crate::wazuh::execd::{self, Delete, Execd, Files, Received, Start};

/// Lines of active-responses.log that are kept of one step, in bytes.
const LOG: u64 = 256 * 1024;

/// Why nothing was played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refused {
    /// Namespaces, mounts and the script itself need root.
    #[error("the sandbox needs root")]
    NotRoot,
    /// Root, but not with all its rights, as in most containers.
    #[error("this process may not make a sandbox: {0}")]
    NotPermitted(String),
    /// The kernel cannot do it.
    #[error("this kernel cannot make the sandbox: {0}")]
    Unsupported(String),
    /// Something else went wrong.
    #[error("the run could not be set up: {0}")]
    Failed(String),
}

impl From<sandbox::Error> for Refused {
    fn from(error: sandbox::Error) -> Self {
        let said = error.to_string();
        match error.why.raw_os_error() {
            _ if error.is_permission() => Self::NotPermitted(said),
            Some(libc::ENOSYS | libc::EINVAL | libc::ENODEV | libc::EOPNOTSUPP) => Self::Unsupported(said),
            _ => Self::Failed(said),
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<nix::errno::Errno> for Refused {
    fn from(errno: nix::errno::Errno) -> Self {
        Self::Failed(errno.desc().to_owned())
    }
}

/// What the inside tells the caller, one JSON document to a line.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    Step(String),
    Done(Box<Run>),
    Refused(Refused),
}

/// Called with the label of the step that runs and the time since its start.
pub type Progress<'a> = &'a mut dyn FnMut(&str, Duration);

/// Plays the plan in a sandbox. Nothing on the host changes.
///
/// # Errors
///
/// When there is no sandbox; then nothing was run.
pub fn sandboxed(plan: &Plan, progress: Progress<'_>) -> Result<Run, Refused> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Refused::NotRoot);
    }
    let install = match &plan.target.install {
        Some(path) => Some(fs::read(path).map_err(|e| Refused::Failed(format!("{}: {e}", path.display())))?),
        None => None,
    };
    let caller = std::process::id();
    apart(progress, &mut |told| {
        sandbox::leave()?;
        // The pid namespace begins with this child.
        let (alive, held) = pipe2(OFlag::O_CLOEXEC)?;
        match child::fork()? {
            Fork::Parent(init) => {
                drop(alive);
                let _ = waitpid(init, None);
                drop(held);
                child::exit_now(0)
            }
            Fork::Child => {
                die_with_parent(&alive, held)?;
                in_sandbox(plan, install.as_deref(), caller, told)
            }
        }
    })
}

/// Plays the plan on this host. What the script does stays done.
///
/// # Errors
///
/// When the run could not be set up.
pub fn for_real(plan: &Plan, progress: Progress<'_>) -> Result<Run, Refused> {
    if plan.target.install.is_some() {
        return Err(Refused::Failed("only an installed script can be run for real".to_owned()));
    }
    apart(progress, &mut |told| {
        prctl::set_child_subreaper(true)?;
        let mut stage = Stage {
            plan,
            supervisor: None,
            layers: Vec::new(),
            network: None,
            options: effects::Options::default(),
            confined: false,
            own_time: Duration::ZERO,
        };
        stage.play(Vec::new(), told)
    })
}

/// Does the work in a process of its own and hands on what it tells.
fn apart(
    progress: Progress<'_>,
    work: &mut dyn FnMut(&OwnedFd) -> Result<Run, Refused>,
) -> Result<Run, Refused> {
    let (hear, tell) = pipe2(OFlag::O_CLOEXEC)?;
    let (alive, held) = pipe2(OFlag::O_CLOEXEC)?;
    match child::fork()? {
        Fork::Parent(pid) => {
            drop(tell);
            drop(alive);
            let heard = listen(hear, progress);
            let _ = waitpid(pid, None);
            drop(held);
            heard
        }
        Fork::Child => {
            drop(hear);
            let result = die_with_parent(&alive, held).map_err(Refused::from).and_then(|()| {
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&tell))).unwrap_or_else(|_| {
                    Err(Refused::Failed("a fault of ar-doctor, please report it".to_owned()))
                })
            });
            let told = match result {
                Ok(run) => Told::Done(Box::new(run)),
                Err(refused) => Told::Refused(refused),
            };
            say(&tell, &told);
            child::exit_now(0)
        }
    }
}

/// Ends this process when its parent ends, also when that was before this call: `alive`
/// is a pipe whose writing end the parent holds.
fn die_with_parent(alive: &OwnedFd, held: OwnedFd) -> nix::Result<()> {
    drop(held);
    prctl::set_pdeathsig(Some(Signal::SIGKILL))?;
    let mut fds = [PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::ZERO)? > 0 {
        child::exit_now(1);
    }
    Ok(())
}

fn say(tell: &OwnedFd, told: &Told) {
    if let Ok(mut text) = serde_json::to_vec(told) {
        text.push(b'\n');
        let _ = script::write_all(tell, &text);
    }
}

fn listen(hear: OwnedFd, progress: Progress<'_>) -> Result<Run, Refused> {
    let mut label = "sandbox".to_owned();
    let mut begin = Instant::now();
    let mut reader = BufReader::new(File::from(hear));
    loop {
        if reader.buffer().is_empty() {
            let mut fds = [PollFd::new(reader.get_ref().as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::from(250_u16)) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {
                    progress(&label, begin.elapsed());
                    continue;
                }
                Ok(_) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(Refused::Failed("the sandbox ended before its time".to_owned()));
        }
        match serde_json::from_slice(&line).map_err(|error| Refused::Failed(error.to_string()))? {
            Told::Step(step) => {
                label = step;
                begin = Instant::now();
            }
            Told::Done(run) => return Ok(*run),
            Told::Refused(refused) => return Err(refused),
        }
    }
}

/// The part of the init of the sandbox.
fn in_sandbox(plan: &Plan, install: Option<&[u8]>, caller: u32, told: &OwnedFd) -> Result<Run, Refused> {
    let begin = Instant::now();
    let target = &plan.target;
    let gid = target.gid.unwrap_or(0);
    let systemd = Path::new("/run/systemd/system").is_dir();
    let modules = modules();
    let sandbox = sandbox::enter(&Wanted { home: &target.home, gid })?;
    if systemd {
        // systemctl looks for it before it asks systemd, which is to be seen.
        let _ = fs::create_dir_all("/run/systemd/system");
    }
    if let Some(content) = install {
        sandbox::install(content, &target.home.join(&target.path), gid)?;
    }
    let host_proc = PathBuf::from(format!("/proc/self/fd/{}", sandbox.host_proc.as_raw_fd()));
    let mut ignored = plan.canaries.clone();
    // What is appended there is told by itself.
    ignored.push(target.home.join(RESPONSES_LOG));
    let options = effects::Options { home: Some(target.home.clone()), ignored };
    let mut stage = Stage {
        plan,
        // Where a process stands is told without links.
        supervisor: Some(Supervisor::new(
            sandbox.syslog,
            host_proc,
            caller,
            fs::canonicalize(&target.home).unwrap_or_else(|_| target.home.clone()),
        )),
        layers: sandbox.layers,
        network: Some(NetworkWatch::open()?),
        options,
        confined: true,
        own_time: begin.elapsed(),
    };
    let mut run = stage.play(sandbox.notes, told)?;
    let loaded: Vec<String> = self::modules().difference(&modules).cloned().collect();
    if !loaded.is_empty() {
        run.notes.push(format!("the kernel loaded modules for it, which stay: {}", loaded.join(", ")));
    }
    Ok(run)
}

/// Names of the kernel modules that are loaded; a sandbox does not keep the kernel from it.
fn modules() -> BTreeSet<String> {
    let text = fs::read_to_string("/proc/modules").unwrap_or_default();
    text.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
}

/// Where a plan is played.
struct Stage<'a> {
    plan: &'a Plan,
    supervisor: Option<Supervisor>,
    layers: Vec<Layer>,
    network: Option<NetworkWatch>,
    options: effects::Options,
    confined: bool,
    own_time: Duration,
}

/// The home as execd sees it.
struct Home<'a>(&'a Plan);

impl Files for Home<'_> {
    fn ar_conf(&self) -> Option<Vec<u8>> {
        self.0.ar_conf.clone()
    }

    fn present(&self, path: &[u8]) -> bool {
        // Relative to the working directory, which is the home. Opening a FIFO would wait for ever.
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        let options = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        nix::fcntl::open(path, options, nix::sys::stat::Mode::empty()).is_ok()
    }
}

/// An add whose delete has not been seen yet.
struct Done {
    step: usize,
    before: World,
    after: World,
}

impl Stage<'_> {
    fn play(&mut self, notes: Vec<String>, told: &OwnedFd) -> Result<Run, Refused> {
        let plan = self.plan;
        chdir(&plan.target.home)
            .map_err(|errno| Refused::Failed(format!("{}: {}", plan.target.home.display(), errno.desc())))?;
        let mut run = Run { notes, ..Run::default() };
        let mut model = Execd::new(plan.execd.clone());
        let mut tables: BTreeMap<String, Execd> = BTreeMap::new();
        let mut world = self.look(None);
        let mut adds: Vec<Done> = Vec::new();
        for step in &plan.steps {
            say(told, &Told::Step(step.label.clone()));
            if step.fresh {
                model = Execd::new(plan.execd.clone());
                adds.clear();
            }
            let mut borrowed;
            let table = match step.table_of.as_ref().and_then(|label| tables.get(label)) {
                Some(table) => {
                    borrowed = table.clone();
                    &mut borrowed
                }
                None => &mut model,
            };
            let (mut played, after) = self.step(step, table, &world)?;
            tables.insert(step.label.clone(), table.clone());
            played.label.clone_from(&step.label);
            played.deed = Some(step.deed);
            let stuck = played.stuck.is_some();
            match step.deed {
                Deed::Add => {
                    adds.push(Done { step: run.steps.len(), before: world.clone(), after: after.clone() });
                }
                Deed::Delete if !played.refused && !stuck => {
                    for done in adds.drain(..) {
                        if let Some(add) = run.steps.get_mut(done.step) {
                            effects::taken_back(&done.before, &done.after, &after, &mut add.effects);
                        }
                    }
                }
                Deed::Delete => {}
            }
            world = if stuck { self.look(Some(&after)) } else { after };
            run.steps.push(played);
            if let Some(refused) = self.supervisor.as_mut().and_then(|supervisor| supervisor.refused.take()) {
                run.not_containable = Some(refused);
                break;
            }
            if stuck && plan.stop_when_stuck {
                break;
            }
        }
        run.notes.extend(world.notes().map(str::to_owned));
        run.own_time = u64::try_from(self.own_time.as_micros()).unwrap_or(u64::MAX);
        Ok(run)
    }

    fn look(&mut self, previous: Option<&World>) -> World {
        let begin = Instant::now();
        let world = self.view().look(previous);
        self.own_time += begin.elapsed();
        world
    }

    fn view(&self) -> View<'_> {
        View {
            layers: &self.layers,
            network: self.network.as_ref(),
            options: &self.options,
            confined: self.confined,
        }
    }

    fn step(&mut self, step: &Step, model: &mut Execd, before: &World) -> Result<(StepRun, World), Refused> {
        let mut played = StepRun::default();
        let log = self.plan.target.home.join(RESPONSES_LOG);
        let log_length = fs::metadata(&log).map_or(0, |meta| meta.len());
        let mut at_deadline = None;
        match step.deed {
            Deed::Add => match model.receive(&step.message, &Home(self.plan)) {
                Received::Start(start) => self.add(&start, model, &mut played, before, &mut at_deadline)?,
                Received::Refused | Received::Dropped | Received::Restart(_) => played.refused = true,
            },
            Deed::Delete => {
                let due = if step.message.is_empty() {
                    // Whenever that is: every timeout is over by then.
                    model.due(i64::MAX / 2)
                } else {
                    self.delete_of(&step.message, model)
                };
                played.refused = due.is_empty();
                for (at, delete) in due.iter().enumerate() {
                    if at == 0 {
                        self.delete(delete, model, &mut played, before, &mut at_deadline)?;
                    } else if played.stuck.is_none() {
                        let mut more = StepRun::default();
                        self.delete(delete, model, &mut more, before, &mut at_deadline)?;
                        if more.stuck.is_some() || !matches!(more.ended, Ended::Exit(0)) {
                            played = more;
                        }
                    }
                }
            }
        }
        for line in std::mem::take(&mut model.log) {
            if line.debug { played.daemon_debug.push(line.text) } else { played.daemon_log.push(line.text) }
        }
        let after = match at_deadline {
            Some(world) => world,
            None => self.look(Some(before)),
        };
        played.effects = before.changes(&after);
        if let Some(supervisor) = &mut self.supervisor {
            played.attempts = std::mem::take(&mut supervisor.attempts);
        }
        played.effects.extend(signals(&played.attempts));
        played.log_lines = appended(&log, log_length);
        let canaries: BTreeSet<&PathBuf> =
            self.plan.canaries.iter().filter(|path| fs::symlink_metadata(path).is_ok()).collect();
        for path in canaries {
            let _ = fs::remove_file(path);
            played.canaries.push(path.clone());
        }
        Ok((played, after))
    }

    /// The delete of a message whose add never ran. When there is none, `model` gets the log that
    /// says why.
    fn delete_of(&self, message: &[u8], model: &mut Execd) -> Vec<Delete> {
        let mut other = Execd::new(self.plan.execd.clone());
        if let Received::Start(start) = other.receive(message, &Home(self.plan)) {
            return vec![other.delete_of(&start)];
        }
        model.log.append(&mut other.log);
        Vec::new()
    }

    fn add(
        &mut self,
        start: &Start,
        model: &mut Execd,
        played: &mut StepRun,
        before: &World,
        at_deadline: &mut Option<World>,
    ) -> Result<(), Refused> {
        played.sent = start.line.clone().unwrap_or_default();
        let job = Job {
            target: &self.plan.target,
            path: &start.path,
            arguments: &start.arguments,
            line: start.line.as_deref(),
            answers: true,
            deadline: Duration::from_millis(self.plan.deadline),
            confined: self.confined,
        };
        let mut side = Side { model, start: Some(start), answered: None };
        let mut seen = self.run(&job, &mut side, before, at_deadline)?;
        let answered = side.answered.take();
        if start.line.is_none() {
            // 4.1 waits for nothing: a delete is pending as soon as the script is started.
            let answered = model.answer(start, None, 0);
            fill(played, &answered);
        } else if let Some(answered) = answered {
            fill(played, &answered);
        }
        model.ended(&start.path, exit_status(&seen.ended));
        take(played, &mut seen);
        Ok(())
    }

    fn delete(
        &mut self,
        delete: &Delete,
        model: &mut Execd,
        played: &mut StepRun,
        before: &World,
        at_deadline: &mut Option<World>,
    ) -> Result<(), Refused> {
        played.sent = delete.line.clone().unwrap_or_default();
        let job = Job {
            target: &self.plan.target,
            path: &delete.path,
            arguments: &delete.arguments,
            line: delete.line.as_deref(),
            answers: false,
            deadline: Duration::from_millis(self.plan.deadline),
            confined: self.confined,
        };
        let mut side = Side { model, start: None, answered: None };
        let mut seen = self.run(&job, &mut side, before, at_deadline)?;
        played.session_key = Some(String::from_utf8_lossy(&delete.session_key).into_owned());
        model.ended(&delete.path, exit_status(&seen.ended));
        take(played, &mut seen);
        Ok(())
    }
}

/// What is looked at before and after a step.
#[derive(Clone, Copy)]
struct View<'a> {
    layers: &'a [Layer],
    network: Option<&'a NetworkWatch>,
    options: &'a effects::Options,
    confined: bool,
}

impl View<'_> {
    fn look(&self, previous: Option<&World>) -> World {
        match self.network {
            Some(network) if self.confined => World::look(self.layers, network, self.options, previous),
            _ => World::look_at_host(&[], true),
        }
    }
}

impl Stage<'_> {
    fn run(
        &mut self,
        job: &Job<'_>,
        side: &mut Side<'_>,
        before: &World,
        at_deadline: &mut Option<World>,
    ) -> Result<Seen, Refused> {
        let mut supervisor = self.supervisor.take();
        let view = self.view();
        let mut look = || *at_deadline = Some(view.look(Some(before)));
        let seen = script::run(job, supervisor.as_mut(), side, &mut look);
        self.supervisor = supervisor;
        Ok(seen?)
    }
}

/// execd's side of the conversation.
struct Side<'a> {
    model: &'a mut Execd,
    /// None in a delete, where nothing is asked.
    start: Option<&'a Start>,
    answered: Option<execd::Answered>,
}

impl script::Daemon for Side<'_> {
    fn answer(&mut self, first_line: Option<&[u8]>) -> Option<Vec<u8>> {
        let answered = self.model.answer(self.start?, first_line, 0);
        let line = answered.line.clone();
        self.answered = Some(answered);
        line
    }

    fn go_on(&self) -> Vec<u8> {
        let Some(start) = self.start else { return Vec::new() };
        // A copy of a table without this key always says `continue`.
        let mut fresh = self.model.clone();
        fresh.stop();
        fresh.answer(start, Some(b"\n"), 0).line.unwrap_or_default()
    }
}

fn exit_status(ended: &Ended) -> Option<i32> {
    match ended {
        Ended::Exit(status) => Some(*status),
        _ => None,
    }
}

/// Takes over what the model said.
fn fill(played: &mut StepRun, answered: &execd::Answered) {
    played.keys.clone_from(&answered.keys);
    played.answer = answered.answer;
    played.session_key = answered.session_key.as_ref().map(|key| String::from_utf8_lossy(key).into_owned());
    played.registered = answered.registered;
    played.timeout = answered.timeout;
}

/// Takes over what was seen.
fn take(played: &mut StepRun, seen: &mut Seen) {
    played.launch = Some(std::mem::take(&mut seen.launch));
    played.times = std::mem::take(&mut seen.times);
    played.bytes_read = seen.bytes_read;
    played.first_line = seen.first_line.take();
    played.after_line = std::mem::take(&mut seen.after_line);
    played.ended = seen.ended;
    played.stuck = seen.stuck.take();
    played.stderr = std::mem::take(&mut seen.stderr);
    played.left_behind = std::mem::take(&mut seen.left_behind);
}

/// Signals to the host's processes are effects that the sandbox kept back.
fn signals(attempts: &[Attempt]) -> Vec<Effect> {
    attempts
        .iter()
        .filter(|attempt| attempt.kind == AttemptKind::Signal)
        .map(|attempt| Effect {
            kind: EffectKind::Signal,
            what: attempt.what.clone(),
            change: format!("would get {}", attempt.detail),
            added: Vec::new(),
            removed: Vec::new(),
            taken_back: None,
        })
        .collect()
}

/// Lines behind `length` bytes of a file; all of it when it became shorter.
fn appended(path: &Path, length: u64) -> Vec<String> {
    let read = || -> io::Result<Vec<u8>> {
        let options = OFlag::O_NONBLOCK.bits();
        let mut file =
            std::os::unix::fs::OpenOptionsExt::custom_flags(fs::OpenOptions::new().read(true), options)
                .open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Ok(Vec::new());
        }
        file.seek(SeekFrom::Start(if meta.len() < length { 0 } else { length }))?;
        let mut bytes = Vec::new();
        file.take(LOG).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}
