//! One run of the script, driven as execd drives it: the line is written and standard input
//! kept open, one line is read from its standard output, the answer written, both pipes
//! closed, and its end waited for (`src/os_execd/execd.c ExecdRun`, 4.14).

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Pid, pipe2};

use super::super::child::{self, Attributes, Decision, Exit, LaunchReport};
use super::super::{Captured, Ended, ExecdWaits, Launch, Release, Stuck, Target, Times};
use super::processes;
use super::supervise::Supervisor;
use crate::wazuh::execd;

/// execd's buffer for the first line.
const LINE: usize = execd::MAX_LINE;

/// Standard error that is kept, in bytes.
const STDERR: usize = 64 * 1024;

/// Output after the first line that is kept, in bytes.
const REST: usize = 16 * 1024;

/// How long a script that was stuck is given to show that something released it.
const RELEASE: Duration = Duration::from_millis(400);

/// How long it then may go on.
const RELEASED: Duration = Duration::from_secs(2);

/// What to run.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) target: &'a Target,
    /// Relative to the home, also `argv[0]`.
    pub(super) path: &'a [u8],
    /// Behind `argv[0]`.
    pub(super) arguments: &'a [Vec<u8>],
    /// The line without its line feed; none when it gets arguments instead.
    pub(super) line: Option<&'a [u8]>,
    /// execd waits for a line of the script: an add, not a delete.
    pub(super) answers: bool,
    pub(super) deadline: Duration,
    /// In the sandbox, where this process is the init of the namespace.
    pub(super) confined: bool,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) launch: Launch,
    pub(super) times: Times,
    pub(super) bytes_read: u64,
    pub(super) first_line: Option<Vec<u8>>,
    pub(super) after_line: Vec<u8>,
    pub(super) ended: Ended,
    pub(super) stuck: Option<Stuck>,
    pub(super) stderr: Captured,
    /// Processes it left behind that were still there at the deadline.
    pub(super) left_behind: Vec<String>,
}

/// What execd says to the first line, or to end of file.
pub(super) trait Daemon {
    /// The line of the answer, without its line feed; none at end of file.
    fn answer(&mut self, first_line: Option<&[u8]>) -> Option<Vec<u8>>;
    /// The line `continue` for this message, with no effect on the session table.
    fn go_on(&self) -> Vec<u8>;
}

/// Runs it. `at_deadline` is called when the deadline has come, before anything is done
/// about it.
///
/// # Errors
///
/// When the run could not be set up; a script that cannot be started is not an error.
pub(super) fn run(
    job: &Job<'_>,
    supervisor: Option<&mut Supervisor>,
    daemon: &mut dyn Daemon,
    at_deadline: &mut dyn FnMut(),
) -> io::Result<Seen> {
    let mut play = Play::start(job, supervisor)?;
    play.converse(daemon)?;
    if play.seen.stuck.is_some() {
        // What follows execd would not do.
        at_deadline();
    }
    play.finish(daemon)
}

struct Play<'a> {
    job: &'a Job<'a>,
    supervisor: Option<&'a mut Supervisor>,
    begin: Instant,
    pid: Pid,
    pidfd: Option<OwnedFd>,
    status: Option<Exit>,
    stdin: Option<OwnedFd>,
    stdin_name: Option<String>,
    /// A second way to count what is left in the pipe, once execd has closed it.
    stdin_left: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stdout_name: Option<String>,
    stderr: Option<OwnedFd>,
    report: Option<OwnedFd>,
    records: Vec<u8>,
    handover: Option<OwnedFd>,
    listener: Option<OwnedFd>,
    /// Bytes that wait to be written to the script.
    pending: Vec<u8>,
    /// Bytes that were written in all.
    written: u64,
    /// Length of the first line with its line feed.
    line: u64,
    /// What came from standard output and was not yet taken.
    output: Vec<u8>,
    output_ended: bool,
    reading: bool,
    seen: Seen,
}

impl<'a> Play<'a> {
    fn start(job: &'a Job<'a>, supervisor: Option<&'a mut Supervisor>) -> io::Result<Self> {
        let null = || open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty());
        let pipe = || pipe2(OFlag::O_CLOEXEC);
        let (stdin_read, stdin) = match job.line {
            Some(_) => pipe().map(|(read, write)| (read, Some(write)))?,
            None => (null()?, None),
        };
        let (stdout, stdout_write) = if job.answers && job.line.is_some() {
            pipe().map(|(read, write)| (Some(read), write))?
        } else {
            (None, null()?)
        };
        // On the host a child it leaves behind must not lose the other end: there it is as with execd.
        let (stderr, stderr_write) =
            if job.confined { pipe().map(|(read, write)| (Some(read), write))? } else { (None, null()?) };
        let (report, report_write) = pipe()?;
        let (handover, handover_there) = if job.confined {
            let flags = SockFlag::SOCK_CLOEXEC;
            let (here, there) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
            (Some(here), Some(there))
        } else {
            (None, None)
        };
        for fd in [stdin.as_ref(), stdout.as_ref(), stderr.as_ref(), Some(&report)].into_iter().flatten() {
            fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        let path = text(job.path)?;
        let mut arguments = vec![path.clone()];
        for argument in job.arguments {
            arguments.push(text(argument)?);
        }
        let mut environment = Vec::new();
        for (name, value) in &job.target.environment {
            environment.push(text([name.as_bytes(), b"=", value.as_bytes()].concat())?);
        }
        // Without root it runs as whoever asked; the caller has said so.
        let root = nix::unistd::geteuid().is_root();
        let gid = root.then(|| Gid::from_raw(job.target.gid.unwrap_or(0)));
        let mut pending = job.line.map(<[u8]>::to_vec).unwrap_or_default();
        if job.line.is_some() {
            pending.push(b'\n');
        }
        let stdin_name = stdin.as_ref().and_then(processes::pipe_name);
        let stdout_name = stdout.as_ref().and_then(processes::pipe_name);
        let begin = Instant::now();
        let pid = child::start(Attributes {
            path,
            arguments,
            environment,
            gid,
            stdin: stdin_read,
            stdout: stdout_write,
            stderr: stderr_write,
            report: report_write,
            handover: handover_there,
        })?;
        Ok(Self {
            job,
            supervisor,
            begin,
            pid,
            pidfd: child::pidfd(pid),
            status: None,
            stdin,
            stdin_name,
            stdin_left: None,
            reading: false,
            output_ended: stdout.is_none(),
            stdout,
            stdout_name,
            stderr,
            report: Some(report),
            records: Vec::new(),
            handover,
            listener: None,
            line: pending.len() as u64,
            pending,
            written: 0,
            output: Vec::new(),
            seen: Seen::default(),
        })
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn is_late(&self) -> bool {
        self.begin.elapsed() >= self.job.deadline
    }

    fn is_stopped(&self) -> bool {
        self.supervisor.as_ref().is_some_and(|supervisor| supervisor.refused.is_some())
    }

    // ---- what execd does ----

    /// Plays execd's part, until both pipes are closed and the script has ended, or the
    /// deadline has come.
    fn converse(&mut self, daemon: &mut dyn Daemon) -> io::Result<()> {
        let Some(waits) = self.play_execd(daemon)? else { return Ok(()) };
        if !self.is_stopped() {
            self.describe(waits);
        }
        Ok(())
    }

    /// What execd waits for in vain; none when nothing.
    fn play_execd(&mut self, daemon: &mut dyn Daemon) -> io::Result<Option<ExecdWaits>> {
        if !self.until(|play| play.pending.is_empty())? {
            return Ok(Some(ExecdWaits::Write));
        }
        if self.job.answers && self.stdout.is_some() {
            self.reading = true;
            if !self.until(|play| play.output_ended || play.has_line())? {
                return Ok(Some(ExecdWaits::Line));
            }
            self.reading = false;
            let line = self.take_line();
            self.seen.times.keys = Some(self.elapsed());
            self.seen.first_line = line;
            if let Some(answer) = daemon.answer(self.seen.first_line.as_deref()) {
                self.pending = answer;
                self.pending.push(b'\n');
                if !self.until(|play| play.pending.is_empty())? {
                    return Ok(Some(ExecdWaits::Write));
                }
                self.seen.times.answered = Some(self.elapsed());
            }
        }
        self.close_stdin();
        self.close_stdout();
        if !self.until(|play| play.status.is_some())? {
            return Ok(Some(ExecdWaits::Exit));
        }
        Ok(None)
    }

    fn has_line(&self) -> bool {
        self.output.len() >= LINE || self.output.iter().take(LINE).any(|&byte| byte == b'\n')
    }

    /// As fgets(3): up to the line feed, 8191 bytes at most, or what there is at end of file.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        let limit = self.output.len().min(LINE);
        let end = self.output.iter().take(limit).position(|&byte| byte == b'\n').map_or(limit, |at| at + 1);
        let rest = self.output.split_off(end);
        let line = std::mem::replace(&mut self.output, rest);
        (!line.is_empty()).then_some(line)
    }

    /// Closes the script's standard input, as far as execd holds it.
    fn close_stdin(&mut self) {
        self.count_read();
        let Some(stdin) = self.stdin.take() else { return };
        // Opened before the end is closed, so that what was never read stays countable; a
        // reader more changes nothing for the script.
        let again = format!("/proc/self/fd/{}", stdin.as_raw_fd());
        self.stdin_left =
            open(again.as_str(), OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty()).ok();
    }

    /// Closes the reading end of its standard output: who writes from now on gets SIGPIPE.
    fn close_stdout(&mut self) {
        if let Some(stdout) = self.stdout.take() {
            let mut file = File::from(stdout);
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = file.read(&mut buffer) {
                self.output.extend_from_slice(buffer.get(..count).unwrap_or_default());
                if self.output.len() > REST {
                    break;
                }
            }
            self.output_ended = true;
        }
        self.seen.after_line = std::mem::take(&mut self.output);
        self.seen.after_line.truncate(REST);
    }

    /// Counts how much of the first line the script has taken.
    fn count_read(&mut self) {
        let left = match (&self.stdin, &self.stdin_left) {
            (Some(stdin), _) => child::bytes_waiting(stdin),
            (None, Some(stdin)) => child::bytes_waiting(stdin),
            (None, None) => return,
        };
        let Ok(left) = left else { return };
        let read = self.written.saturating_sub(left).min(self.line);
        self.seen.bytes_read = self.seen.bytes_read.max(read);
        if read == self.line && self.line > 0 && self.seen.times.line_read.is_none() {
            self.seen.times.line_read = Some(self.elapsed());
        }
    }

    /// Goes on until it is done; false when the deadline comes first, or the script was
    /// stopped.
    fn until(&mut self, done: impl Fn(&Self) -> bool) -> io::Result<bool> {
        loop {
            if done(self) {
                return Ok(true);
            }
            if self.is_late() || self.is_stopped() {
                return Ok(false);
            }
            self.pump()?;
        }
    }

    // ---- the machinery ----

    /// Waits a moment for whatever comes next, and deals with it.
    fn pump(&mut self) -> io::Result<()> {
        #[derive(Clone, Copy, PartialEq)]
        enum Source {
            Stdin,
            Stdout,
            Stderr,
            Report,
            Handover,
            Calls,
            End,
        }
        let writes = self.stdin.as_ref().filter(|_| !self.pending.is_empty());
        let reads = self.stdout.as_ref().filter(|_| self.reading && !self.output_ended);
        let end = self.pidfd.as_ref().filter(|_| self.status.is_none());
        let sources = [
            (Source::Stdin, writes, PollFlags::POLLOUT),
            (Source::Stdout, reads, PollFlags::POLLIN),
            (Source::Stderr, self.stderr.as_ref(), PollFlags::POLLIN),
            (Source::Report, self.report.as_ref(), PollFlags::POLLIN),
            (Source::Handover, self.handover.as_ref(), PollFlags::POLLIN),
            (Source::Calls, self.listener.as_ref(), PollFlags::POLLIN),
            (Source::End, end, PollFlags::POLLIN),
        ];
        let (names, mut fds): (Vec<Source>, Vec<PollFd<'_>>) = sources
            .iter()
            .filter_map(|(name, fd, flags)| Some((*name, PollFd::new(fd.as_ref()?.as_fd(), *flags))))
            .unzip();
        // While the line is unread its time is wanted to the millisecond; a pipe does not
        // tell when it becomes empty.
        let fine = self.seen.times.line_read.is_none() && self.begin.elapsed() < Duration::from_millis(200);
        let pause = if fine || self.pidfd.is_none() { 1 } else { 10 };
        match poll(&mut fds, PollTimeout::from(pause as u8)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<(Source, PollFlags)> = names
            .into_iter()
            .zip(&fds)
            .filter_map(|(name, fd)| Some((name, fd.revents()?)))
            .filter(|(_, events)| !events.is_empty())
            .collect();
        for (source, events) in ready {
            match source {
                Source::Stdin => self.write(),
                Source::Stdout => self.read_stdout(),
                Source::Stderr => self.read_stderr(),
                Source::Report => self.read_report(),
                Source::Handover => {
                    if let Some(socket) = self.handover.take() {
                        self.listener = child::receive(&socket)?;
                    }
                }
                // Asking for a call when no process is left to make one would wait for ever.
                Source::Calls if !events.contains(PollFlags::POLLIN) => self.listener = None,
                Source::Calls => self.supervise()?,
                Source::End => {}
            }
        }
        if let Some(supervisor) = &self.supervisor {
            supervisor.empty_syslog();
        }
        self.count_read();
        self.reap();
        Ok(())
    }

    fn write(&mut self) {
        let Some(stdin) = &self.stdin else { return };
        match nix::unistd::write(stdin, &self.pending) {
            Ok(count) => {
                self.pending.drain(..count.min(self.pending.len()));
                self.written += count as u64;
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // Nobody reads any more: execd does not look at that (its SIGPIPE is handled).
            Err(_) => self.pending.clear(),
        }
    }

    fn read_stdout(&mut self) {
        let Some(stdout) = &self.stdout else { return };
        let mut buffer = [0; 4096];
        match nix::unistd::read(stdout, &mut buffer) {
            Ok(0) => self.output_ended = true,
            // What is over the limit is read and dropped.
            Ok(count) if self.output.len() <= LINE + REST => {
                self.output.extend_from_slice(buffer.get(..count).unwrap_or_default());
            }
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => self.output_ended = true,
        }
    }

    fn read_stderr(&mut self) {
        let Some(stderr) = &self.stderr else { return };
        let mut buffer = [0; 4096];
        match nix::unistd::read(stderr, &mut buffer) {
            Ok(count @ 1..) => {
                let kept = &mut self.seen.stderr;
                kept.total += count as u64;
                let room = STDERR.saturating_sub(kept.bytes.len()).min(count);
                kept.bytes.extend_from_slice(buffer.get(..room).unwrap_or_default());
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Ok(_) | Err(_) => self.stderr = None,
        }
    }

    fn read_report(&mut self) {
        let Some(report) = &self.report else { return };
        let mut buffer = [0; 64];
        match nix::unistd::read(report, &mut buffer) {
            Ok(count @ 1..) => self.records.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Ok(_) | Err(_) => self.report = None,
        }
    }

    fn supervise(&mut self) -> io::Result<()> {
        let (Some(listener), Some(supervisor)) = (&self.listener, &mut self.supervisor) else {
            return Ok(());
        };
        let listener: BorrowedFd<'_> = listener.as_fd();
        match child::next_call(listener) {
            Ok(Some(call)) => {
                let before = supervisor.attempts.len();
                let mut decision = supervisor.decide(&call);
                if !child::is_waiting(listener, &call) {
                    // Its process is gone: what was read may have been another's.
                    supervisor.attempts.truncate(before);
                    decision = Decision::Refuse(libc::EINTR);
                }
                child::decide(listener, &call, decision)
            }
            Ok(None) => Ok(()),
            Err(_) => {
                // No process is left that the filter is on.
                self.listener = None;
                Ok(())
            }
        }
    }

    /// Collects what has ended: the script, and what it left to the init of the namespace.
    fn reap(&mut self) {
        while let Some((pid, exit)) = child::reap() {
            if pid == self.pid {
                self.seen.times.ended = Some(self.elapsed());
                self.status = Some(exit);
            }
        }
    }

    // ---- the deadline ----

    /// What everybody was doing when the deadline came.
    fn describe(&mut self, execd: ExecdWaits) {
        let processes = processes::waiting(
            self.family(),
            self.pid.as_raw(),
            self.stdin_name.as_deref(),
            self.stdout_name.as_deref(),
        );
        let partial = if execd == ExecdWaits::Line { self.output.clone() } else { Vec::new() };
        self.seen.stuck = Some(Stuck { execd, processes, partial, ..Stuck::default() });
    }

    fn family(&self) -> Vec<processes::Process> {
        let me = nix::unistd::getpid().as_raw();
        processes::descendants(me)
    }

    fn reads_stdin(&self) -> bool {
        let pipe = self.stdin_name.as_deref();
        processes::waiting(self.family(), self.pid.as_raw(), pipe, None)
            .iter()
            .any(|process| process.reads_stdin)
    }

    /// Finds out what a stuck script waited for, by giving it what execd never would: the
    /// second line, then the end of its input.
    fn release(&mut self, daemon: &dyn Daemon) -> io::Result<()> {
        let waits = self.seen.stuck.as_ref().is_some_and(|stuck| {
            stuck.execd == ExecdWaits::Line && stuck.processes.iter().any(|process| process.reads_stdin)
        });
        if !waits {
            return Ok(());
        }
        // What it asks of the host from here on it would never ask under execd.
        let asked = self.supervisor.as_ref().map_or(0, |supervisor| supervisor.attempts.len());
        self.reading = true;
        self.pending = daemon.go_on();
        self.pending.push(b'\n');
        let mut released = None;
        if self.goes_on()? {
            released = Some(Release::SecondLine);
        } else {
            self.pending.clear();
            self.stdin = None;
            if self.goes_on()? {
                released = Some(Release::EndOfInput);
            }
        }
        // What it wrote just before its end.
        let mut known = None;
        while known != Some(self.output.len()) {
            known = Some(self.output.len());
            self.read_stdout();
        }
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.attempts.truncate(asked);
            supervisor.refused = None;
        }
        let mut output = std::mem::take(&mut self.output);
        let before = self.seen.stuck.as_ref().map_or(0, |stuck| stuck.partial.len());
        output.drain(..before.min(output.len()));
        output.truncate(REST);
        if let Some(stuck) = &mut self.seen.stuck {
            stuck.released_by = released;
            stuck.output = output;
        }
        Ok(())
    }

    /// Whether it stops waiting for its input within a moment; then it is given time to end.
    fn goes_on(&mut self) -> io::Result<bool> {
        let begin = Instant::now();
        let mut calm = 0;
        while begin.elapsed() < RELEASE {
            self.pump()?;
            if self.status.is_some() {
                return Ok(true);
            }
            // It may be between two reads.
            calm = if self.pending.is_empty() && !self.reads_stdin() { calm + 1 } else { 0 };
            if calm >= 8 {
                break;
            }
        }
        if calm < 8 {
            return Ok(false);
        }
        while begin.elapsed() < RELEASED && self.status.is_none() && !self.is_stopped() {
            self.pump()?;
        }
        Ok(self.status.is_some() || !self.reads_stdin())
    }

    // ---- the end ----

    fn finish(mut self, daemon: &mut dyn Daemon) -> io::Result<Seen> {
        if self.seen.stuck.is_some() {
            if self.job.confined {
                self.release(daemon)?;
            }
        } else if self.job.confined && !self.is_stopped() {
            self.wait_for_the_rest()?;
        }
        let by_itself = self.status;
        self.count_read();
        // On the host itself what a script leaves to work on is meant to.
        if self.job.confined || self.seen.stuck.is_some() {
            self.kill_all()?;
        }
        while self.stderr.is_some() {
            let before = self.seen.stderr.total;
            self.read_stderr();
            if self.seen.stderr.total == before {
                break;
            }
        }
        self.read_report();
        let records = LaunchReport::read(&self.records);
        self.seen.launch = Launch { started: true, errno: None, by_sh: false };
        for record in records {
            let launch = &mut self.seen.launch;
            match record {
                LaunchReport::BySh => {
                    launch.by_sh = true;
                    launch.errno = Some(libc::ENOEXEC);
                }
                LaunchReport::Failed(errno) => {
                    launch.started = false;
                    launch.errno = Some(errno);
                }
                LaunchReport::Setup(errno) => return Err(io::Error::from_raw_os_error(errno)),
            }
        }
        self.seen.ended = match by_itself {
            _ if self.is_stopped() => Ended::Stopped,
            _ if self.seen.stuck.is_some() && !self.ended_before_the_deadline() => Ended::Deadline,
            Some(Exit::Status(status)) => Ended::Exit(status),
            Some(Exit::Signal(signal)) => Ended::Signal(signal),
            None => Ended::Deadline,
        };
        if self.seen.ended == Ended::Deadline || self.seen.ended == Ended::Stopped {
            self.seen.times.ended = None;
        }
        Ok(self.seen)
    }

    /// A script that is gone while a child of it still holds its standard output.
    fn ended_before_the_deadline(&self) -> bool {
        let deadline = u64::try_from(self.job.deadline.as_micros()).unwrap_or(u64::MAX);
        self.seen.times.ended.is_some_and(|ended| ended < deadline)
    }

    /// What the script started and left to itself works on; execd does not wait for it.
    fn wait_for_the_rest(&mut self) -> io::Result<()> {
        while !self.family().is_empty() {
            if self.is_late() || self.is_stopped() {
                self.seen.left_behind = self.family().into_iter().map(|process| process.name).collect();
                return Ok(());
            }
            self.pump()?;
        }
        Ok(())
    }

    /// Ends and reaps every process of the run. One that the kernel does not let go within
    /// five seconds ends with the namespace.
    fn kill_all(&mut self) -> io::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(5) {
            if self.job.confined {
                let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
            }
            let family = self.family();
            if family.is_empty() {
                self.reap();
                return Ok(());
            }
            if !self.job.confined {
                for process in family {
                    let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
                }
            }
            self.pump()?;
        }
        self.seen.left_behind.extend(self.family().into_iter().map(|process| process.name));
        Ok(())
    }
}

fn text(bytes: impl AsRef<[u8]>) -> io::Result<CString> {
    let bytes = bytes.as_ref();
    CString::new(bytes).map_err(|_| {
        let shown = OsStr::from_bytes(bytes).to_string_lossy().into_owned();
        io::Error::new(io::ErrorKind::InvalidInput, format!("a NUL byte in {shown:?}"))
    })
}

/// Writes all of it to a descriptor of this process.
pub(super) fn write_all(fd: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::from(fd.try_clone()?);
    file.write_all(bytes)
}
