//! Whether the kernel can start the file: what it is, who may change it, what
//! interprets it, what it is compiled for.

use std::cell::{LazyCell, RefCell};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Probe, Sink, lossy, quote, quote_bytes, quote_path};
use crate::facts::filesystem::{acl_text, named_with};
use crate::facts::{Executable, Facts, Response, Runs, TextFile};
use crate::findings::{CheckId, Confidence, Finding, Severity, Subject, checks};
use crate::host::acl::{Acl, EXECUTE, WRITE, Who};
use crate::host::{Fact, FileType, Gap, Meta, Mount, Value};
use crate::wazuh::launch::{self, Program, Shebang};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::stock;
use crate::wazuh::xml::Span;

/// What stands at the path that execd opens.
pub(super) const FILE: Probe = Probe {
    name: "executable-file",
    checks: &[
        checks::EXECUTABLE_MISSING,
        checks::EXECUTABLE_DANGLING_LINK,
        checks::EXECUTABLE_IS_DIRECTORY,
        checks::EXECUTABLE_NOT_REGULAR,
        checks::EXECUTABLE_EMPTY,
        checks::NOEXEC_MOUNT,
    ],
    run: file,
};

/// Who may run and change it.
pub(super) const PERMISSIONS: Probe = Probe {
    name: "executable-permissions",
    checks: &[
        checks::SCRIPT_NOT_EXECUTABLE,
        checks::EXECUTABLE_WRITABLE,
        checks::EXECUTABLE_OWNER,
        checks::EXECUTABLE_GROUP,
        checks::EXECUTABLE_MODE,
        checks::EXECUTABLE_SETUID,
        checks::DIRECTORY_NOT_SEARCHABLE,
        checks::DIRECTORY_WRITABLE,
    ],
    run: permissions,
};

/// What interprets a script.
pub(super) const INTERPRETER: Probe = Probe {
    name: "interpreter",
    checks: &[
        checks::CRLF_SHEBANG,
        checks::SHEBANG_MISSING,
        checks::SHEBANG_BEHIND_BOM,
        checks::SHEBANG_RELATIVE,
        checks::INTERPRETER_MISSING,
        checks::INTERPRETER_NOT_EXECUTABLE,
        checks::ENV_TWO_WORDS,
        checks::ENV_NOT_IN_PATH,
    ],
    run: interpreter,
};

/// What a compiled program is made for.
pub(super) const BINARY: Probe = Probe {
    name: "binary",
    checks: &[checks::WRONG_ARCHITECTURE, checks::LOADER_MISSING, checks::LIBRARY_MISSING],
    run: binary,
};

/// Completes a finding about an executable: its responses, and a severity that
/// fits where they run. On a manager a `local` response runs here only for
/// events of the manager itself.
pub(super) fn about(facts: &Facts<'_>, executable: &Executable, finding: Finding) -> Finding {
    about_all(facts, &[executable], finding)
}

/// The same for a finding about several.
pub(super) fn about_all(facts: &Facts<'_>, executables: &[&Executable], finding: Finding) -> Finding {
    let users: Vec<usize> = executables.iter().flat_map(|executable| facts.users_of(executable)).collect();
    let only_sometimes = !users.is_empty()
        && users
            .iter()
            .all(|&user| facts.response(user).is_some_and(|response| response.runs == Runs::HereAndThere));
    let mut finding = finding.stops(users);
    finding.shares.extend(executables.iter().map(|executable| executable.shown()));
    if only_sometimes && finding.severity == Severity::Error {
        finding.severity = Severity::Warning;
        finding.title.push_str(" This concerns events of the manager itself (agent 000).");
    }
    finding
}

/// `NAME does not run` for a title: the first response, and how many more.
pub(super) fn who(facts: &Facts<'_>, executable: &Executable) -> String {
    let users = facts.users_of(executable);
    let first = first_user(facts, executable);
    match users.len() {
        0 | 1 => first,
        2 => format!("{first} (and 1 more response)"),
        more => format!("{first} (and {} more responses)", more - 1),
    }
}

/// Its first response, else its own name.
fn first_user(facts: &Facts<'_>, executable: &Executable) -> String {
    let first = facts.users_of(executable).first().and_then(|&user| facts.response(user));
    first.map_or_else(|| lossy(&executable.name), |response| response.shown())
}

/// A fault of one executable, told together with those of the same cause.
struct Hit<'e> {
    executable: &'e Executable,
    /// What the others must have in common with it, besides the check.
    cause: String,
    /// Without a title; [`FILES`] stands for the files in its commands.
    finding: Finding,
    /// The title behind the name of one response.
    one: String,
    /// The title behind the names of several.
    many: String,
    /// The file, as a word of a shell.
    file: String,
}

/// Stands for the files of all hits in a command.
const FILES: &str = "\u{1}";

/// How many files of one fault are shown as evidence.
const SHOWN: usize = 3;

/// One finding for each cause.
fn tell(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, hits: Vec<Hit<'_>>) {
    let mut places: HashMap<(CheckId, String), usize> = HashMap::new();
    let mut groups: Vec<Vec<Hit<'_>>> = Vec::new();
    for hit in hits {
        let place = *places.entry((hit.finding.check, hit.cause.clone())).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(hit),
            None => groups.push(vec![hit]),
        }
    }
    for group in groups {
        let mut executables: Vec<&Executable> = Vec::new();
        let mut files: Vec<String> = Vec::new();
        let mut whole: Option<(Finding, String, String)> = None;
        for hit in group {
            if executables.iter().any(|known| known.name == hit.executable.name) {
                continue;
            }
            executables.push(hit.executable);
            if !files.contains(&hit.file) {
                files.push(hit.file);
            }
            match &mut whole {
                None => whole = Some((hit.finding, hit.one, hit.many)),
                Some((finding, ..)) if executables.len() <= SHOWN => {
                    for evidence in hit.finding.evidence {
                        if !finding.evidence.contains(&evidence) {
                            finding.evidence.push(evidence);
                        }
                    }
                }
                Some(_) => {}
            }
        }
        let (Some((mut finding, one, many)), Some(first)) = (whole, executables.first()) else { continue };
        finding.title = if executables.len() == 1 {
            format!("{} {one}", who(facts, first))
        } else {
            let users: usize = executables.iter().map(|executable| facts.users_of(executable).len()).sum();
            let more = users.max(executables.len()) - 1;
            let s = if more == 1 { "" } else { "s" };
            format!("{} and {more} more response{s} {many}", first_user(facts, first))
        };
        let files = files.join(" ");
        for remedy in &mut finding.remedy {
            *remedy = remedy.replace(FILES, &files);
        }
        finding.verify = finding.verify.replace(FILES, &files);
        sink.find(about_all(facts, &executables, finding));
    }
}

/// Programs that are no executables of responses, each read once.
struct Programs<'f, 'h> {
    facts: &'f Facts<'h>,
    read: RefCell<HashMap<PathBuf, Rc<Executable>>>,
}

/// How many interpreters may stand one behind the other, the last one no script
/// (Linux fs/exec.c exec_binprm: ELOOP beyond).
const DEEPEST: usize = 5;

/// Where the interpreters of a script end.
enum End {
    /// At a program, or a file that is given to `/bin/sh`.
    Program(Rc<Executable>),
    /// At a path where nothing is, named by the script before it.
    Missing(PathBuf, Vec<u8>),
    /// At something that cannot be executed.
    NotExecutable(PathBuf),
    /// Nowhere: there are too many.
    TooMany,
    /// Where nothing can be said.
    Gap(Gap),
}

impl<'f, 'h> Programs<'f, 'h> {
    fn new(facts: &'f Facts<'h>) -> Self {
        Self { facts, read: RefCell::new(HashMap::new()) }
    }

    fn at(&self, path: &Path) -> Rc<Executable> {
        let mut read = self.read.borrow_mut();
        if let Some(known) = read.get(path) {
            return Rc::clone(known);
        }
        let program = Rc::new(self.facts.program_at(path));
        read.insert(path.to_owned(), Rc::clone(&program));
        program
    }

    /// Follows interpreters that are scripts themselves; `first` can be executed.
    fn follow(&self, first: &Path) -> (Vec<PathBuf>, End) {
        let mut chain = vec![first.to_owned()];
        let mut program = self.at(first);
        loop {
            let Some(Program::Script(shebang)) = program.program.get() else {
                let end =
                    program.program.unknown().map_or_else(|| End::Program(Rc::clone(&program)), End::Gap);
                return (chain, end);
            };
            if chain.len() >= DEEPEST {
                return (chain, End::TooMany);
            }
            let next = below_home(self.facts, &shebang.interpreter);
            let target = self.facts.resolve(&next);
            match &target.value {
                Value::Absent => return (chain, End::Missing(next, shebang.interpreter.clone())),
                Value::Known(resolved) if !can_execute(&resolved.meta) => {
                    return (chain, End::NotExecutable(next));
                }
                Value::Known(_) => {}
                _ => return (chain, target.unknown().map_or(End::TooMany, End::Gap)),
            }
            program = self.at(&next);
            chain.push(next);
        }
    }
}

/// What execd's working directory makes of a path.
fn below_home(facts: &Facts<'_>, path: &[u8]) -> PathBuf {
    facts.install.home.join(OsStr::from_bytes(path))
}

fn can_execute(meta: &Meta) -> bool {
    meta.file_type == FileType::Regular && meta.mode & 0o111 != 0
}

fn subject(executable: &Executable) -> Subject {
    Subject::File(executable.shown())
}

fn verify(executable: &Executable) -> String {
    format!("ar-doctor check --response {}", quote_bytes(&executable.name))
}

fn gap(
    sink: &mut Sink<'_, '_>,
    facts: &Facts<'_>,
    executable: &Executable,
    checks: &[CheckId],
    gap: Option<Gap>,
) -> bool {
    let Some(gap) = gap else { return false };
    for &check in checks {
        sink.unknown(check, facts.users_of(executable), gap.clone());
    }
    true
}

/// Names in a directory listing that resemble a missing one.
fn near_names(facts: &Facts<'_>, name: &[u8]) -> Vec<String> {
    // In a directory below it may lie directly in the one above.
    let (below, base) = match name.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (true, &name[slash + 1..]),
        None => (false, name),
    };
    let name = lossy(base);
    let names = facts.bin_names();
    let mut near: Vec<(usize, String)> = names
        .get()
        .into_iter()
        .flatten()
        .filter_map(|other| {
            let distance = if below && *other == name { Some(0) } else { super::resemblance(&name, other) };
            distance.map(|distance| (distance, other.clone()))
        })
        .collect();
    near.sort();
    near.into_iter().map(|(_, name)| name).take(3).collect()
}

fn file(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let mut noexec: Vec<(&Mount, Vec<&Executable>)> = Vec::new();
    for executable in facts.executables() {
        if executable.name.is_empty() {
            empty_name(facts, sink, executable);
            continue;
        }
        if super::resolve::name_fault(facts, &executable.name, Some(executable)).is_some() {
            continue;
        }
        let path = executable.shown();
        match &executable.target.value {
            Value::Absent => absent(facts, sink, executable),
            Value::Known(resolved) => match resolved.meta.file_type {
                FileType::Regular => {
                    regular(facts, sink, executable, &resolved.meta);
                    if let Some(mount) = executable.mount.get().filter(|mount| is_noexec(mount)) {
                        match noexec.iter_mut().find(|(known, _)| known.target == mount.target) {
                            Some((_, executables)) => executables.push(executable),
                            None => noexec.push((mount, vec![executable])),
                        }
                    }
                }
                FileType::Directory => sink.find(about(
                    facts,
                    executable,
                    Finding::new(
                        checks::EXECUTABLE_IS_DIRECTORY,
                        subject(executable),
                        format!("{} does not run: {path} is a directory.", who(facts, executable)),
                    )
                    .cause("execd opens it to see whether it is there, and that succeeds; the kernel refuses to start it (EACCES) and nothing is logged.")
                    .observed(&path, "directory")
                    .remedy(format!("ls -la {}   # is the script in it?", quote_path(&executable.path)))
                    .remedy(format!(
                        "put the script itself at {path}, or write <executable>{}/FILE</executable> on the manager",
                        String::from_utf8_lossy(&executable.name)
                    ))
                    .verify(verify(executable)),
                )),
                other => not_regular(facts, sink, executable, other),
            },
            _ => {
                gap(sink, facts, executable, FILE.checks, executable.target.unknown());
            }
        }
    }
    for (mount, executables) in noexec {
        if let Some(first) = executables.first() {
            no_exec(
                facts,
                sink,
                mount,
                &executables,
                Path::new(first.target.get().map_or(&first.path, |real| &real.path)),
            );
        }
    }
}

/// A FIFO, a socket or a device where the script should be.
fn not_regular(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable, other: FileType) {
    let path = executable.shown();
    let what = match other {
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharDevice | FileType::BlockDevice => "a device",
        _ => "no regular file",
    };
    let fifo = other == FileType::Fifo;
    let cause = match other {
        FileType::Fifo => {
            "execd opens every executable when it reads ar.conf; opening a FIFO without a writer never returns, so execd stands still and no response of this host runs. Nothing is logged."
        }
        FileType::Socket => {
            "A socket cannot be opened, so execd takes the script for missing: one INFO \"Active response command not present\", then silence."
        }
        _ => {
            "execd can open it and takes it for the script; the kernel refuses to start it (EACCES) and nothing is logged."
        }
    };
    let title = if fifo {
        format!("No response runs on this host once execd reads ar.conf: {path} is {what}.")
    } else {
        format!("{} does not run: {path} is {what}.", who(facts, executable))
    };
    let mut finding = about(
        facts,
        executable,
        Finding::new(checks::EXECUTABLE_NOT_REGULAR, subject(executable), title)
            .cause(cause)
            .observed(&path, what)
            .remedy(format!("rm {}", real_quoted(executable)))
            .remedy(install_again(facts, &executable.path))
            .verify(verify(executable)),
    );
    match other {
        FileType::Fifo => finding = finding.remedy(restart(facts, "execd is stuck")),
        FileType::Socket => {
            finding = finding.remedy(restart(facts, "execd remembers that nothing was there"))
        }
        _ => {}
    }
    if fifo {
        // execd stands still, so every other response does as well.
        finding = finding.stops(facts.indices(Response::is_here)).shares("process:execd");
    }
    sink.find(finding);
}

fn is_noexec(mount: &Mount) -> bool {
    mount.options.iter().any(|option| option == "noexec")
}

/// `<executable></executable>`: execd is handed the directory itself.
fn empty_name(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    let mut finding = about(
        facts,
        executable,
        Finding::new(
            checks::EXECUTABLE_IS_DIRECTORY,
            subject(executable),
            format!("{} does not run: its <executable> is empty.", who(facts, executable)),
        )
        .cause("execd takes the directory active-response/bin itself for the script; it passes the presence check, the kernel refuses to start it, and nothing is logged.")
        .remedy(if facts.role() == Role::Manager {
            "name the script in <executable> of the command, and restart the manager"
        } else {
            "on the manager: name the script in <executable> of the command, and restart the manager"
        })
        .verify(super::show_command(facts)),
    );
    let first = facts.users_of(executable).first().and_then(|&user| facts.response(user));
    if let Some((evidence, position)) =
        first.map(|response| super::resolve::executable_evidence(facts, response, 0..0, "no name of a file"))
    {
        finding.evidence.extend(evidence);
        finding.position = position;
    }
    sink.find(finding);
}

fn absent(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    let users = facts.users_of(executable);
    let needed = users.iter().any(|&user| {
        facts
            .response(user)
            .is_some_and(|response| response.runs == Runs::Here && !has_another_file(facts, response))
    });
    let path = executable.shown();
    if executable.entry.get().is_some_and(|meta| meta.file_type == FileType::Symlink) {
        let target = executable.link.get().map_or_else(String::new, |link| link.display().to_string());
        let why = if executable.circles { "which leads in a circle" } else { "which does not exist" };
        sink.find(about(
            facts,
            executable,
            Finding::new(
                checks::EXECUTABLE_DANGLING_LINK,
                subject(executable),
                format!("{} does not run: {path} is a link to {target}, {why}.", who(facts, executable)),
            )
            .cause("execd follows the link, finds nothing, says once at INFO level \"Active response command not present\" and drops every later message without a word.")
            .observed(&path, format!("symbolic link to {target}"))
            .remedy(format!("ln -sfn FILE {}   # FILE is the script", quote_path(&executable.path)))
            .remedy(restart(facts, "execd remembers that the file was missing"))
            .verify(verify(executable)),
        ));
        return;
    }
    if !needed {
        return;
    }
    // Nothing can be said of a directory that was not seen.
    let directory = path_parent(&executable.path);
    let listing = facts.resolve(&directory);
    if gap(sink, facts, executable, &[checks::EXECUTABLE_MISSING], listing.unknown()) {
        return;
    }
    let bin = facts.under_home("active-response/bin");
    if listing.is_absent() && facts.resolve(&bin).is_absent() {
        no_directory(facts, sink, &bin, users);
        return;
    }
    let is_stock = |name: &[u8]| {
        stock::program_named(name).is_some_and(|program| program.contracts.contains(&facts.contract()))
    };
    let mut near = near_names(facts, &executable.name);
    if is_stock(&executable.name) {
        // One stock program never stands for another.
        near.retain(|other| !is_stock(other.as_bytes()));
    }
    // What another response runs is not this one under a wrong name, unless the
    // name of a stock program is misspelt.
    let used = |other: &str| facts.executables().iter().any(|known| known.name == other.as_bytes());
    near.retain(|other| is_stock(other.as_bytes()) || !used(other));
    let mut finding = Finding::new(
        checks::EXECUTABLE_MISSING,
        subject(executable),
        format!("{} does not run: {path} does not exist.", who(facts, executable)),
    )
    .verify(verify(executable));
    let silent = "execd says once at INFO level \"Active response command not present: ... Not using it on this system.\" when it first reads ar.conf, and drops every later message without a word.";
    // ar.conf does not say where a response is to run.
    finding = if facts.role() == Role::Manager || is_stock(&executable.name) {
        finding.cause(silent)
    } else if near.is_empty() {
        finding.severity(Severity::Warning).confidence(Confidence::Possible).cause(format!(
            "{silent} ar.conf lists every response of the manager, also those that run elsewhere: if this one is meant for other hosts, nothing is wrong."
        ))
    } else {
        finding.confidence(Confidence::Likely).cause(silent)
    };
    finding = if listing.is_absent() {
        finding.observed(directory.display().to_string(), "the directory does not exist")
    } else {
        finding.observed(&path, "no such file")
    };
    if let Some(best) = near.first() {
        finding = finding.observed(bin.display().to_string(), format!("has {}", near.join(", ")));
        finding = if is_stock(best.as_bytes()) || listing.is_absent() {
            finding.remedy(format!(
                "if {best} is meant: write <executable>{best}</executable> on the manager, and restart the manager"
            ))
        } else {
            finding.remedy(format!(
                "mv {} {}   # if {best} is meant",
                quote_path(&bin.join(best)),
                quote_path(&executable.path)
            ))
        };
    } else if is_stock(&executable.name) {
        let package = super::service(facts);
        finding = finding.remedy(format!("install the package {package} again: this program belongs to it"));
    } else {
        finding = finding.remedy(install_again(facts, &executable.path));
    }
    sink.find(about(
        facts,
        executable,
        finding.remedy(restart(facts, "execd remembers that the file was missing")),
    ));
}

/// Another line has the same name and its file is there: execd takes that one.
fn has_another_file(facts: &Facts<'_>, response: &Response) -> bool {
    facts.role() == Role::Agent
        && facts.named(&response.name).iter().filter_map(|&other| facts.response(other)).any(|other| {
            other.executable != response.executable
                && facts.executable(other).is_some_and(|executable| executable.target.get().is_some())
        })
}

/// The whole directory is gone: one fault, however many scripts were in it.
fn no_directory(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, bin: &Path, users: Vec<usize>) {
    let path = bin.display().to_string();
    let package = super::service(facts);
    sink.find(
        Finding::new(
            checks::EXECUTABLE_MISSING,
            Subject::File(path.clone()),
            format!("No response runs on this host: {path} does not exist."),
        )
        .cause("execd says once for each response at INFO level \"Active response command not present\", and drops every later message without a word.")
        .observed(&path, "no such directory")
        .remedy(format!("install the package {package} again, and put scripts of your own back"))
        .verify(format!("ls -l {}", quote(&path)))
        .stops(users)
        .shares(path),
    );
}

fn install_again(facts: &Facts<'_>, path: &Path) -> String {
    let parent_is_there = facts.resolve(&path_parent(path)).get().is_some();
    let option = if parent_is_there { "" } else { " -D" };
    format!(
        "install{option} -o root -g {} -m 750 FILE {}   # FILE is the script",
        facts.install.group(),
        quote_path(path)
    )
}

fn restart(facts: &Facts<'_>, why: &str) -> String {
    format!("{}   # {why}", super::restart(facts))
}

/// The file itself, behind all links.
fn real_path(executable: &Executable) -> String {
    executable.target.get().map_or_else(|| executable.shown(), |resolved| resolved.path.display().to_string())
}

/// The same as a word of a shell.
fn real_quoted(executable: &Executable) -> String {
    quote_path(executable.target.get().map_or(&executable.path, |resolved| &resolved.path))
}

fn path_parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).to_owned()
}

fn regular(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable, meta: &Meta) {
    let path = executable.shown();
    if meta.size == 0 {
        sink.find(about(
            facts,
            executable,
            Finding::new(
                checks::EXECUTABLE_EMPTY,
                subject(executable),
                format!("{} does nothing: {path} has no content.", who(facts, executable)),
            )
            .cause("The kernel does not know the format, libc gives the file to /bin/sh, and that runs nothing and reports success. Nothing is logged.")
            .observed(&path, "0 bytes")
            .remedy(install_again(facts, &executable.path))
            .verify(verify(executable)),
        ));
    }
    gap(sink, facts, executable, &[checks::NOEXEC_MOUNT], executable.mount.unknown());
}

/// Files that have to be executed lie where nothing is.
fn no_exec(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    mount: &Mount,
    executables: &[&Executable],
    file: &Path,
) {
    let target = mount.target.display();
    let Some((first, others)) = executables.split_first() else { return };
    let mut finding = no_exec_finding(mount, file);
    finding.title = if others.is_empty() {
        format!(
            "{} does not run: {} lies on {target}, which is mounted noexec.",
            who(facts, first),
            file.display()
        )
    } else if executables.len() == facts.executables().len() {
        format!("No response runs on this host: {target} is mounted noexec.")
    } else {
        format!("{} and {} more do not run: {target} is mounted noexec.", who(facts, first), others.len())
    };
    sink.find(about_all(facts, executables, finding));
}

fn no_exec_finding(mount: &Mount, file: &Path) -> Finding {
    let target = mount.target.display().to_string();
    Finding::new(checks::NOEXEC_MOUNT, Subject::Mount(target.clone()), "")
        .cause("The kernel refuses to start any file there (EACCES), also for root. execd drops the error and logs nothing.")
        .observed(mount.source.clone(), format!("{target} {} {}", mount.fstype, mount.options.join(",")))
        .remedy(format!("mount -o remount,exec {}", quote_path(&mount.target)))
        .remedy("take noexec out of its line in /etc/fstab or out of its mount unit, or it comes back at the next boot")
        .verify(format!("findmnt -no OPTIONS -T {}", quote_path(file)))
        .shares(format!("mount:{target}"))
}

fn permissions(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let wazuh = facts.group_id(facts.install.group());
    let mut hits = Vec::new();
    for executable in facts.executables() {
        if let Some(resolved) = executable.file() {
            file_permissions(facts, sink, &mut hits, executable, &resolved.meta, &wazuh);
        } else {
            gap(sink, facts, executable, PERMISSIONS.checks, executable.target.unknown());
        }
    }
    tell(facts, sink, hits);
    directories(facts, sink, &wazuh);
}

/// Who besides root may write, in words; none when nobody may. Group root has no members but root,
/// as a rule.
fn writers(facts: &Facts<'_>, meta: &Meta, list: Option<&Acl>) -> Option<String> {
    let group = |gid: u32| facts.group_name(gid).unwrap_or_else(|| gid.to_string());
    if meta.mode & 0o002 != 0 {
        return Some("every user".to_owned());
    }
    let Some(list) = list else {
        return (meta.mode & 0o020 != 0 && meta.gid != 0)
            .then(|| format!("every member of group {}", group(meta.gid)));
    };
    let named: Vec<String> = named_with(list, meta, WRITE)
        .into_iter()
        .filter_map(|who| match who {
            Who::User(uid) => {
                Some(format!("user {}", facts.user_name(uid).unwrap_or_else(|| uid.to_string())))
            }
            Who::Group(gid) => Some(format!("every member of group {}", group(gid))),
            _ => None,
        })
        .collect();
    (!named.is_empty()).then(|| named.join(" and "))
}

fn owner_text(facts: &Facts<'_>, meta: &Meta) -> String {
    let user = facts.user_name(meta.uid).unwrap_or_else(|| meta.uid.to_string());
    let group = facts.group_name(meta.gid).unwrap_or_else(|| meta.gid.to_string());
    format!("{:04o} {user}:{group}", meta.mode)
}

fn file_permissions<'f>(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    hits: &mut Vec<Hit<'f>>,
    executable: &'f Executable,
    meta: &Meta,
    wazuh: &Fact<Option<u32>>,
) {
    let path = executable.shown();
    let quoted = quote_path(&executable.path);
    let group = facts.install.group();
    let seen = owner_text(facts, meta);
    let make = |check, title: String| {
        Finding::new(check, subject(executable), title)
            .observed(&path, seen.clone())
            .verify(format!("stat -c '%a %U:%G' {quoted}"))
    };
    let mut mode_said = false;
    let list = facts.acl(&executable.path);
    if meta.mode & 0o111 == 0 {
        mode_said = true;
        // With a list the group bits are its mask, and that is what root is asked for too.
        let masked = list
            .get()
            .is_some_and(|list| list.entries().iter().any(|entry| entry.permissions & EXECUTE != 0));
        let mut finding = Finding::new(checks::SCRIPT_NOT_EXECUTABLE, subject(executable), "")
            .cause(if masked {
                "execd runs as root, but root too needs one execute bit in the mode. The access control list gives x, its mask takes it away again, and the mode shows the mask: the kernel refuses (EACCES), execd drops the error and logs nothing."
            } else {
                "execd runs as root, but root too needs one execute bit: the kernel refuses (EACCES), execd drops the error and logs nothing."
            })
            .observed(&path, seen.clone());
        if let Some(list) = list.get() {
            finding = finding.observed(&path, format!("access control list {}", acl_text(list)));
        }
        hits.push(Hit {
            executable,
            cause: if masked { "mask".to_owned() } else { String::new() },
            finding: finding
                .remedy(format!("chmod 750 {FILES}"))
                .verify(format!("stat -c '%a %U:%G' {FILES}")),
            one: if masked {
                format!(
                    "does not run: the mask of the access control list of {path} leaves no execute bit (mode {:04o}).",
                    meta.mode
                )
            } else {
                format!("does not run: {path} has no execute bit (mode {:04o}).", meta.mode)
            },
            many: "do not run: their files have no execute bit.".to_owned(),
            file: quoted.clone(),
        });
    }
    // With an extended list the mode's group bits are its mask.
    mode_said |= list.get().is_some_and(Acl::is_extended);
    if let Some(by) = writers(facts, meta, list.get()) {
        mode_said = true;
        let mut finding = make(
            checks::EXECUTABLE_WRITABLE,
            format!("{path} may be changed by {by} (mode {:04o}), and execd runs it as root.", meta.mode),
        )
        .cause("Whoever may write the file decides what root executes at the next alert. Wazuh does not check it.");
        if let Some(list) = list.get() {
            finding = finding
                .observed(&path, format!("access control list {}", acl_text(list)))
                .remedy(format!("setfacl -b {quoted}   # takes the whole list away"));
        }
        sink.find(about(facts, executable, finding.remedy(format!("chmod 750 {quoted}"))));
    }
    if meta.uid != 0 {
        let user = facts.user_name(meta.uid).unwrap_or_else(|| meta.uid.to_string());
        sink.find(about(
            facts,
            executable,
            make(checks::EXECUTABLE_OWNER, format!("{path} belongs to {user}, and execd runs it as root."))
                .cause("Its owner may change what root executes at the next alert. It does run: root ignores ownership.")
                .remedy(format!("chown root:{group} {quoted}")),
        ));
    }
    if meta.mode & 0o6000 != 0 {
        mode_said = true;
        let compiled = matches!(executable.program.get(), Some(Program::Elf));
        let loses_root = compiled && meta.mode & 0o4000 != 0 && meta.uid != 0;
        let bit = if meta.mode & 0o4000 != 0 { "setuid" } else { "setgid" };
        let cause = if loses_root {
            "A compiled program with this bit runs as its owner, not as root, and may change neither the firewall nor accounts. execd sees nothing of it; the log of responses may even end with \"Ended\"."
        } else if compiled {
            "A compiled program with this bit runs with the rights of its owner or group for every user who may execute it."
        } else {
            "The kernel ignores the bit on scripts; the response runs as root with or without it."
        };
        let title = if loses_root {
            format!(
                "{} has no effect: the setuid bit of {path} takes root away from it.",
                who(facts, executable)
            )
        } else {
            format!("{path} has the {bit} bit (mode {:04o}).", meta.mode)
        };
        let mut finding = make(checks::EXECUTABLE_SETUID, title).cause(cause);
        if loses_root {
            finding = finding.remedy(format!("chown root:{group} {quoted}"));
        }
        let finding = finding.remedy(format!("chmod 0750 {quoted}"));
        let severity = match (loses_root, compiled) {
            (true, _) => Severity::Error,
            (false, true) => Severity::Warning,
            (false, false) => Severity::Advice,
        };
        sink.find(about(facts, executable, finding.severity(severity)));
    }
    if meta.mode & 0o7777 != 0o750 && !mode_said {
        sink.find(about(
            facts,
            executable,
            make(
                checks::EXECUTABLE_MODE,
                format!("{path} has mode {:04o}; the documented one is 0750.", meta.mode),
            )
            .cause("It runs all the same: execd needs one execute bit and nothing else.")
            .remedy(format!("chmod 750 {quoted}")),
        ));
    }
    match wazuh.get() {
        Some(Some(gid)) if *gid != meta.gid => sink.find(about(
            facts,
            executable,
            make(
                checks::EXECUTABLE_GROUP,
                format!(
                    "{path} has group {}; the documented one is {group}.",
                    facts.group_name(meta.gid).unwrap_or_else(|| meta.gid.to_string())
                ),
            )
            .cause("It runs all the same: execd is root.")
            .remedy(format!("chgrp {group} {quoted}")),
        )),
        Some(_) => {}
        None => {
            gap(sink, facts, executable, &[checks::EXECUTABLE_GROUP], wazuh.unknown());
        }
    }
}

/// Directories above the executables, each reported once.
fn directories(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, wazuh: &Fact<Option<u32>>) {
    let mut seen: Vec<&Path> = Vec::new();
    for executable in facts.executables() {
        for (directory, meta) in &executable.directories {
            if seen.contains(&directory.as_path()) {
                continue;
            }
            seen.push(directory);
            let Some(meta) = meta.get() else {
                let both = [checks::DIRECTORY_NOT_SEARCHABLE, checks::DIRECTORY_WRITABLE];
                gap(sink, facts, executable, &both, meta.unknown());
                continue;
            };
            let users: Vec<usize> = facts
                .executables()
                .iter()
                .filter(|other| other.directories.iter().any(|(above, _)| above == directory))
                .flat_map(|other| facts.users_of(other))
                .collect();
            one_directory(facts, sink, directory, meta, wazuh, users);
        }
    }
}

fn one_directory(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    directory: &Path,
    meta: &Meta,
    wazuh: &Fact<Option<u32>>,
    users: Vec<usize>,
) {
    let path = directory.display().to_string();
    let quoted = quote_path(directory);
    let seen = owner_text(facts, meta);
    let group = facts.install.group();
    let is_home = facts.resolve(&facts.install.home).get().is_some_and(|home| home.path == directory);
    let below_home = directory.starts_with(&facts.install.home);
    let wazuh_gid = wazuh.get().copied().flatten();
    let in_group = wazuh_gid == Some(meta.gid);
    let named_like_group = facts.user_name(meta.uid).as_deref() == Some(group);
    let list = facts.acl(directory);
    let named_uid = facts.user_id(group).get().copied().flatten();
    let searchable = match (list.get(), named_uid, wazuh_gid) {
        // Named entries give and take what the mode does not show.
        (Some(list), Some(uid), Some(gid)) => list.allows(uid, &[gid], meta.uid, meta.gid, EXECUTE),
        _ => {
            meta.mode & 0o001 != 0
                || (in_group && meta.mode & 0o010 != 0)
                || (named_like_group && meta.mode & 0o100 != 0)
        }
    };
    if let Some(gap) = list.unknown().filter(|_| !searchable) {
        // A named entry may let it in.
        sink.unknown(checks::DIRECTORY_NOT_SEARCHABLE, users.clone(), gap);
    } else if !searchable && wazuh_gid.is_some() {
        let severity = if is_home { Severity::Warning } else { Severity::Advice };
        let cause = if is_home {
            "execd is root and enters it all the same, but the daemons that run as user wazuh (agentd, analysisd, remoted) reach nothing below it."
        } else {
            "execd is root and enters it all the same; the documented form lets the group in."
        };
        let mode =
            if let Some(Some(_)) = list.get().map(|list| named_uid.and_then(|uid| list.of(Who::User(uid)))) {
                format!("setfacl -m u:{group}:rx,m::rx {quoted}")
            } else if below_home {
                format!("chown root:{group} {quoted} && chmod 750 {quoted}")
            } else {
                format!("chmod o+x {quoted}")
            };
        sink.find(
            Finding::new(
                checks::DIRECTORY_NOT_SEARCHABLE,
                Subject::File(path.clone()),
                format!("{path} may not be searched by group {group} ({seen})."),
            )
            .severity(severity)
            .cause(cause)
            .observed(&path, seen.clone())
            .remedy(mode)
            .verify(format!("stat -c '%a %U:%G' {quoted}"))
            .stops(users.clone())
            .shares(path.clone()),
        );
    }
    let sticky = meta.mode & 0o1000 != 0;
    let by = if meta.uid != 0 {
        Some(format!("its owner {}", facts.user_name(meta.uid).unwrap_or_else(|| meta.uid.to_string())))
    } else if sticky {
        None
    } else {
        writers(facts, meta, list.get())
    };
    if let Some(by) = by {
        let linked = facts.executables().iter().find(|executable| {
            let real = PathBuf::from(real_path(executable));
            real != executable.path && real.starts_with(directory) && !executable.path.starts_with(directory)
        });
        let mend = match linked {
            // Somebody else's directory: what root runs does not belong there.
            Some(executable) => format!(
                "cp --remove-destination {0} {1} && chown root:{group} {1} && chmod 750 {1}",
                real_quoted(executable),
                quote_path(&executable.path)
            ),
            None if below_home => format!("chown root:{group} {quoted} && chmod 750 {quoted}"),
            None => format!("chown root {quoted} && chmod go-w {quoted}"),
        };
        sink.find(
            Finding::new(
                checks::DIRECTORY_WRITABLE,
                Subject::File(path.clone()),
                format!("{path} may be changed by {by} ({seen}): the scripts below it, which root executes, can be replaced."),
            )
            .cause("Whoever may write a directory may rename and replace what is in it, whatever the files' own modes say.")
            .observed(&path, seen)
            .remedy(mend)
            .verify(format!("stat -c '%a %U:%G' {quoted}"))
            .stops(users)
            .shares(path.clone()),
        );
    }
}

/// The script as a text file for excerpts.
fn script(facts: &Facts<'_>, executable: &Executable) -> TextFile {
    let bytes = executable.head.as_ref().map(|content| content.bytes.clone());
    TextFile::of_bytes(facts.shown(&executable.path), executable.path.clone(), bytes)
}

fn interpreter(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let programs = Programs::new(facts);
    let mut hits = Vec::new();
    for executable in facts.executables() {
        if executable.file().is_none() {
            gap(sink, facts, executable, INTERPRETER.checks, executable.target.unknown());
            continue;
        }
        if gap(sink, facts, executable, INTERPRETER.checks, executable.program.unknown()) {
            continue;
        }
        match executable.program.get() {
            Some(Program::Script(shebang)) => {
                shebang_line(facts, sink, &mut hits, &programs, executable, shebang);
            }
            Some(&Program::HiddenShebang { before }) => hidden_shebang(facts, sink, executable, before),
            Some(Program::CutShebang) => cut_shebang(facts, sink, executable),
            Some(Program::Text | Program::BareShebang) => no_shebang(facts, sink, executable),
            _ => {}
        }
    }
    tell(facts, sink, hits);
}

/// The path of the interpreter is longer than what the kernel looks at.
fn cut_shebang(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    let Some(head) = executable.head.get() else { return };
    let end = head.bytes.iter().position(|&byte| byte == b'\n').unwrap_or(head.bytes.len());
    let line = head.bytes[..end].trim_ascii_end();
    let path = line.get(2..).unwrap_or_default().trim_ascii_start();
    let path = path.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let path = Path::new(OsStr::from_bytes(path));
    let base = path.file_name().unwrap_or_default();
    let stem = lossy(base.as_bytes());
    let (severity, where_bash) = run_by_sh(facts, Some(&stem));
    let why = "the path of its interpreter is longer than the kernel reads";
    let title = if severity == Severity::Error {
        format!("{} has no effect: /bin/sh runs its script, because {why}.", who(facts, executable))
    } else {
        format!("{} is run by /bin/sh{where_bash}: {why}.", who(facts, executable))
    };
    let plain = base.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(byte));
    let quoted = real_quoted(executable);
    let mut finding = Finding::new(checks::SHEBANG_MISSING, subject(executable), title)
        .severity(severity)
        .cause("The kernel looks at the first 256 bytes only. Where the path does not end within them it does not know the format (ENOEXEC), and libc gives the file to /bin/sh. Nothing is logged.")
        .evidence(script(facts, executable).excerpt(
            Span { start: 2, end },
            format!("line 1 has {} bytes", line.len()),
        ));
    finding = if plain && facts.resolve(path).get().is_some() {
        finding
            .remedy(format!("ln -s {} /usr/local/bin/{stem}", quote_path(path)))
            .remedy(format!("sed -i '1s|^#![[:blank:]]*[^[:blank:]]*|#!/usr/local/bin/{stem}|' {quoted}"))
    } else {
        match right_interpreter(facts, path) {
            Some(right) => {
                finding.remedy(format!("sed -i '1s|^#![[:blank:]]*[^[:blank:]]*|#!{right}|' {quoted}"))
            }
            None => {
                finding.remedy("name the interpreter in line 1 by a shorter path, such as that of a link")
            }
        }
    };
    sink.find(about(facts, executable, finding.verify(format!("head -n 1 {quoted} | wc -c"))));
}

/// A `#!` that the kernel does not see, `before` bytes into the file.
fn hidden_shebang(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable, before: usize) {
    let text = script(facts, executable);
    let bom = executable.head.get().is_some_and(|head| head.bytes.starts_with(b"\xef\xbb\xbf"));
    let blanks = executable.head.get().map_or(&[][..], |head| &head.bytes[..before.min(head.bytes.len())]);
    let what = match (bom, blanks.contains(&b'\n')) {
        (true, _) => "a byte order mark",
        (false, true) => "an empty line",
        (false, false) => "a blank",
    };
    let named = executable
        .head
        .get()
        .map(|head| launch::named_interpreter(&head.bytes[before.min(head.bytes.len())..]));
    let (severity, where_bash) = run_by_sh(facts, named.flatten().as_deref());
    let title = if severity == Severity::Error {
        format!(
            "{} has no effect: /bin/sh runs its script, because #! stands behind {what}.",
            who(facts, executable)
        )
    } else {
        format!("{} is run by /bin/sh{where_bash}: its #! stands behind {what}.", who(facts, executable))
    };
    sink.find(about(
        facts,
        executable,
        Finding::new(
            checks::SHEBANG_BEHIND_BOM,
            subject(executable),
            title,
        )
        .severity(severity)
        .cause("The kernel looks for #! in the first two bytes, does not find it, and libc gives the file to /bin/sh, whatever the line names. Nothing is logged.")
        .evidence(text.excerpt(
            Span { start: if blanks.contains(&b'\n') { before } else { 0 }, end: before + 2 },
            "the file has to begin with #!",
        ))
        .remedy(if bom {
            format!("sed -i '1s/^\\xEF\\xBB\\xBF//' {}", real_quoted(executable))
        } else {
            format!("sed -i -e '/[^[:space:]]/,$!d' {0} && sed -i '1s/^[[:space:]]*//' {0}", real_quoted(executable))
        })
        .verify(format!("head -c 2 {}   # prints #!", quote_path(&executable.path))),
    ));
}

/// How much it matters that /bin/sh runs a script, and what to say of that shell.
fn run_by_sh(facts: &Facts<'_>, meant: Option<&str>) -> (Severity, &'static str) {
    let sh = facts.resolve(Path::new("/bin/sh"));
    let is_bash = sh.get().is_some_and(|sh| sh.path.file_name().is_some_and(|name| name == "bash"));
    match meant {
        None | Some("sh" | "dash" | "ash") => (Severity::Advice, ""),
        Some("bash") if is_bash => (Severity::Advice, ", which is bash here"),
        Some("bash" | "ksh" | "zsh" | "mksh") => (Severity::Warning, ""),
        Some(_) => (Severity::Error, ""),
    }
}

fn no_shebang(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, executable: &Executable) {
    let Some(head) = executable.head.get() else { return };
    if head.bytes.iter().take(4096).any(|&byte| byte == 0) {
        // No text: the binary probe speaks.
        return;
    }
    let seems = launch::looks_like(&head.bytes);
    let bare = executable.program.get() == Some(&Program::BareShebang);
    let line = if bare { "names no interpreter behind #!" } else { "has no #! line" };
    let text = script(facts, executable);
    let end = head.bytes.iter().position(|&byte| byte == b'\n').unwrap_or(head.bytes.len());
    let (severity, confidence, title, first) = match seems {
        Some(language) => {
            let (severity, where_bash) = run_by_sh(facts, Some(language));
            let program = if language == "python" { "python3" } else { language };
            let found = facts.find_in_path(launch::DEFAULT_PATH, program.as_bytes());
            (
                severity,
                Confidence::Likely,
                if severity == Severity::Error {
                    format!(
                        "{} has no effect: its script seems to be {language}, {line}, and is run by /bin/sh.",
                        who(facts, executable)
                    )
                } else {
                    format!(
                        "{} is run by /bin/sh{where_bash}: its script seems to be {language} and {line}.",
                        who(facts, executable)
                    )
                },
                found
                    .get()
                    .map_or_else(|| format!("#!/usr/bin/env {program}"), |_| format!("#!{}", found.source)),
            )
        }
        None => (
            Severity::Advice,
            Confidence::Proven,
            format!("{} is run by /bin/sh: its script {line}.", who(facts, executable)),
            "#!/bin/sh".to_owned(),
        ),
    };
    sink.find(about(
        facts,
        executable,
        Finding::new(checks::SHEBANG_MISSING, subject(executable), title)
            .severity(severity)
            .confidence(confidence)
            .cause("The kernel does not know the format and libc gives the file to /bin/sh. What is not sh fails there, and its error output is thrown away.")
            .evidence(text.excerpt(Span { start: 0, end }, if bare { "no interpreter here" } else { "no #! here" }))
            .remedy(format!("sed -i '{}' {}", if bare { format!("1s|.*|{first}|") } else { format!("1i {first}") }, real_quoted(executable)))
            .verify(format!("head -n 1 {}", quote_path(&executable.path))),
    ));
}

const SILENT: &str = "execd starts scripts with exec(2), drops the error and logs nothing.";

fn shebang_line<'f>(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    hits: &mut Vec<Hit<'f>>,
    programs: &Programs<'_, '_>,
    executable: &'f Executable,
    shebang: &Shebang,
) {
    let text = script(facts, executable);
    // The file itself: sed -i would put a file in the place of a link.
    let quoted = real_quoted(executable);
    let interpreter_span = Span { start: shebang.interpreter_at.start, end: shebang.interpreter_at.end };
    let argument_span = Span { start: shebang.argument_at.start, end: shebang.argument_at.end };
    let name = Path::new(OsStr::from_bytes(&shebang.interpreter)).to_owned();
    let shown = name.display().to_string();
    let absolute = below_home(facts, &shebang.interpreter);
    let target = facts.resolve(&absolute);
    let hit = |cause: &Path, finding: Finding, one: String, many: String| Hit {
        executable,
        cause: cause.display().to_string(),
        finding,
        one,
        many,
        file: quoted.clone(),
    };

    let ends_in_cr = shebang.argument.as_ref().unwrap_or(&shebang.interpreter).ends_with(b"\r");
    if ends_in_cr && (shebang.argument.is_some() || target.is_absent() || target.unknown().is_some()) {
        let (span, what) = match &shebang.argument {
            Some(_) => (argument_span, "the interpreter gets this with a carriage return at its end"),
            None => (interpreter_span, "the kernel looks for a file of this name"),
        };
        let (one, cause) = if shebang.argument.is_some() {
            (
                "does not run: line 1 of its script ends in CR LF.".to_owned(),
                "The carriage return belongs to the argument, the interpreter fails on that, and its message is thrown away. execd ignores the exit status and logs nothing.".to_owned(),
            )
        } else {
            (
                format!(
                    "does not run: its interpreter {:?} does not exist.",
                    String::from_utf8_lossy(&shebang.interpreter)
                ),
                format!(
                    "Line 1 of the script ends in CR LF, and the carriage return belongs to the name. {SILENT}"
                ),
            )
        };
        let finding = Finding::new(checks::CRLF_SHEBANG, subject(executable), "")
            .cause(cause)
            .evidence(text.excerpt(span, what))
            .remedy(format!("sed -i 's/\\r$//' {FILES}"))
            .verify(format!("head -n 1 {FILES} | od -c | tail -n 2"));
        let many = "do not run: line 1 of their scripts ends in CR LF.".to_owned();
        let kind = if shebang.argument.is_some() { "argument" } else { "interpreter" };
        hits.push(hit(Path::new(kind), finding, one, many));
        return;
    }
    let relative = !name.is_absolute();
    match &target.value {
        Value::Absent if relative => {
            let finding = Finding::new(checks::SHEBANG_RELATIVE, Subject::File(absolute.display().to_string()), "")
                .cause(format!(
                    "The kernel looks for it below execd's working directory, as {}, and does not find it. {SILENT}",
                    absolute.display()
                ))
                .evidence(text.excerpt(interpreter_span, format!("means {}", absolute.display())))
                .remedy(match right_interpreter(facts, &name) {
                    Some(right) => format!("sed -i '1s|^#![[:blank:]]*[^[:blank:]]*|#!{right}|' {FILES}"),
                    None => format!("write the full path of the interpreter into line 1 of {FILES}"),
                })
                .verify(format!("head -n 1 {FILES}"));
            hits.push(hit(
                &absolute,
                finding,
                format!("does not run: its interpreter {shown} is no absolute path."),
                format!("do not run: their interpreter {shown} is no absolute path."),
            ));
        }
        Value::Absent => {
            let finding = Finding::new(checks::INTERPRETER_MISSING, Subject::File(shown.clone()), "")
                .cause(format!("The kernel refuses to start the script (ENOENT). {SILENT}"))
                .evidence(text.excerpt(interpreter_span, "there is no such file"))
                .remedy(match right_interpreter(facts, &name) {
                    Some(other) => format!("sed -i '1s|^#![[:blank:]]*[^[:blank:]]*|#!{other}|' {FILES}"),
                    None => format!("install the package that brings {shown}, or change line 1 of {FILES}"),
                })
                .verify(format!("ls -l {}", quote_path(&name)));
            hits.push(hit(
                &absolute,
                finding,
                format!("does not run: its interpreter {shown} does not exist."),
                format!("do not run: their interpreter {shown} does not exist."),
            ));
        }
        Value::Known(resolved) if !can_execute(&resolved.meta) => {
            let excerpt = text.excerpt(interpreter_span, not_program(&resolved.meta));
            hits.push(hit(
                &absolute,
                not_executable(facts, &absolute, resolved).evidence(excerpt),
                format!("does not run: its interpreter {shown} {}.", not_program(&resolved.meta)),
                format!("do not run: their interpreter {shown} {}.", not_program(&resolved.meta)),
            ));
        }
        Value::Known(resolved) => {
            let mount = crate::facts::executable::mount_of(facts.mounts(), &resolved.path);
            if let Some(mount) = mount.get().filter(|mount| is_noexec(mount))
                && executable.mount.get().is_none_or(|own| own.target != mount.target)
            {
                let real = resolved.path.display().to_string();
                let at = mount.target.display().to_string();
                hits.push(hit(
                    &mount.target,
                    no_exec_finding(mount, &resolved.path),
                    format!("does not run: its interpreter {real} lies on {at}, which is mounted noexec."),
                    format!("do not run: their interpreter {real} lies on {at}, which is mounted noexec."),
                ));
            }
            let excerpt = text.excerpt(interpreter_span, "is a script itself");
            chain(facts, sink, hits, programs, executable, &absolute, excerpt);
            if name.file_name().is_some_and(|file| file == "env") {
                env_line(facts, sink, hits, programs, executable, shebang, &text);
            }
        }
        _ => {
            gap(sink, facts, executable, INTERPRETER.checks, target.unknown());
        }
    }
}

fn not_program(meta: &Meta) -> &'static str {
    if meta.file_type == FileType::Regular { "has no execute bit" } else { "is no program" }
}

/// An interpreter is there and cannot be executed.
fn not_executable(facts: &Facts<'_>, path: &Path, resolved: &crate::host::Resolved) -> Finding {
    let quoted = quote_path(path);
    Finding::new(checks::INTERPRETER_NOT_EXECUTABLE, Subject::File(path.display().to_string()), "")
        .cause(format!("The kernel refuses to start it (EACCES). {SILENT}"))
        .observed(
            resolved.path.display().to_string(),
            format!("{}, {}", resolved.meta.file_type.with_article(), owner_text(facts, &resolved.meta)),
        )
        .remedy(if resolved.meta.file_type == FileType::Regular {
            format!("chmod a+x {}", quote_path(&resolved.path))
        } else {
            format!("name a program in line 1 of {FILES}, such as #!/bin/bash")
        })
        .verify(format!("ls -ld {quoted}"))
}

/// An interpreter that can be executed, and is a script itself.
fn chain<'f>(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    hits: &mut Vec<Hit<'f>>,
    programs: &Programs<'_, '_>,
    executable: &'f Executable,
    first: &Path,
    excerpt: crate::findings::Evidence,
) {
    let (files, end) = programs.follow(first);
    let way = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" -> ");
    let last = files.last().map_or(first, PathBuf::as_path);
    let by = last.display().to_string();
    let mut push = |cause: &Path, finding: Finding, what: String| {
        hits.push(Hit {
            executable,
            cause: cause.display().to_string(),
            finding: finding.evidence(excerpt.clone()).observed("interpreters", way.clone()),
            one: format!("does not run: {what}"),
            many: format!("do not run: {what}"),
            file: real_quoted(executable),
        });
    };
    match end {
        End::Program(_) => {}
        End::Gap(why) => {
            let both = [checks::INTERPRETER_MISSING, checks::INTERPRETER_NOT_EXECUTABLE];
            gap(sink, facts, executable, &both, Some(why));
        }
        End::Missing(next, name) => {
            let shown = lossy(&name);
            let crlf = name.ends_with(b"\r");
            let real = facts.resolve(last).get().map_or_else(|| last.to_owned(), |real| real.path.clone());
            let finding = Finding::new(
                checks::INTERPRETER_MISSING,
                Subject::File(next.display().to_string()),
                "",
            )
            .cause(format!("The interpreter {by} is a script itself, and the kernel refuses to start that (ENOENT). {SILENT}"))
            .remedy(match right_interpreter(facts, Path::new(OsStr::from_bytes(name.trim_ascii_end()))) {
                _ if crlf => format!("sed -i 's/\\r$//' {}", quote_path(&real)),
                Some(other) => {
                    format!("sed -i '1s|^#![[:blank:]]*[^[:blank:]]*|#!{other}|' {}", quote_path(&real))
                }
                None => format!("install the package that brings {shown}, or change line 1 of {by}"),
            })
            .verify(format!("head -n 1 {}", quote_path(last)));
            let what = if crlf {
                format!(
                    "the interpreter {by} is a script for {shown:?}, which does not exist: its line 1 ends in CR LF."
                )
            } else {
                format!("the interpreter {by} is a script for {shown}, which does not exist.")
            };
            push(&next, finding, what);
        }
        End::NotExecutable(next) => {
            if let Some(resolved) = facts.resolve(&next).get() {
                let what = format!(
                    "the interpreter {by} is a script for {}, which {}.",
                    next.display(),
                    not_program(&resolved.meta)
                );
                let mut finding = not_executable(facts, &next, resolved);
                for remedy in &mut finding.remedy {
                    *remedy = remedy.replace(FILES, &by);
                }
                push(&next, finding, what);
            }
        }
        End::TooMany => {
            let finding = Finding::new(
                checks::INTERPRETER_NOT_EXECUTABLE,
                Subject::File(first.display().to_string()),
                "",
            )
            .cause(format!(
                "The kernel follows at most {DEEPEST} interpreters, and gives up (ELOOP). {SILENT}"
            ))
            .remedy(format!("name a program, and no script, in line 1 of {FILES}, such as #!/bin/bash"))
            .verify(format!("head -n 1 {}", quote_path(first)));
            let first = first.display();
            push(
                &files[0],
                finding,
                format!(
                    "the interpreter {first} is a script for a script, and so on, more often than the kernel follows."
                ),
            );
        }
    }
}

/// Where an interpreter of this name, or python3 for some python, really is. It
/// goes into an expression of sed, so a name that means something there is none.
fn right_interpreter(facts: &Facts<'_>, name: &Path) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+".contains(byte);
    let file = name.file_name().filter(|file| file.as_bytes().iter().all(plain))?;
    let candidates =
        [Some(file.as_bytes()), file.as_bytes().starts_with(b"python").then_some(&b"python3"[..])];
    candidates.into_iter().flatten().find_map(|candidate| {
        let found = facts.find_in_path(launch::DEFAULT_PATH, candidate);
        found.get().map(|_| found.source.clone())
    })
}

/// What env makes of the one argument it gets from a first line.
enum Env<'a> {
    /// It starts this program.
    Runs(&'a [u8]),
    /// It takes the script itself for the program to start.
    Itself,
    /// It fails: there is a blank in what should be one word.
    TwoWords(&'a [u8]),
    /// It is not known here.
    Other,
}

fn env_argument(argument: Option<&[u8]>) -> Env<'_> {
    let Some(argument) = argument else { return Env::Itself };
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let splits = [&b"-S"[..], b"-vS", b"--split-string=", b"--split-string"]
        .into_iter()
        .find_map(|option| argument.strip_prefix(option));
    if let Some(rest) = splits {
        let words = || rest.split(|byte| blank(byte)).filter(|word| !word.is_empty());
        let harmless = |word: &[u8]| {
            [&b"-"[..], b"-i", b"-v", b"--ignore-environment", b"--debug"].contains(&word)
                || (!word.starts_with(b"-") && word.contains(&b'='))
        };
        return match split_program(words()) {
            [] if words().all(harmless) => Env::Itself,
            [] => Env::Other,
            program => Env::Runs(program),
        };
    }
    if !argument.starts_with(b"-") && argument.iter().position(|&byte| byte == b'=').is_some_and(|at| at > 0)
    {
        return Env::Itself;
    }
    if argument.iter().any(blank) {
        return Env::TwoWords(argument);
    }
    if [&b"-"[..], b"-i", b"-v", b"--ignore-environment", b"--debug"].contains(&argument) {
        return Env::Itself;
    }
    if argument.starts_with(b"-") || argument.is_empty() { Env::Other } else { Env::Runs(argument) }
}

/// execd's `PATH`, how sure it is, and where it is from.
fn execd_path<'f>(facts: &'f Facts<'_>) -> (String, Confidence, &'f str) {
    let source = match &facts.search_path().text {
        Some(_) => facts.search_path().source.as_str(),
        None => "systemd's default PATH",
    };
    match facts.execd_path() {
        (path, true) => (path, Confidence::Proven, source),
        (path, false) => (path, Confidence::Likely, source),
    }
}

/// `#!/usr/bin/env NAME`.
fn env_line<'f>(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    hits: &mut Vec<Hit<'f>>,
    programs: &Programs<'_, '_>,
    executable: &'f Executable,
    shebang: &Shebang,
    text: &TextFile,
) {
    let whole = shebang.argument.as_ref().map_or(&shebang.interpreter_at, |_| &shebang.argument_at);
    let span = Span { start: whole.start, end: whole.end };
    match env_argument(shebang.argument.as_deref()) {
        Env::Itself => env_itself(facts, sink, executable, text.excerpt(span, "names no program")),
        Env::TwoWords(argument) => env_two_words(facts, sink, executable, argument, text, span),
        Env::Runs(name) if name.contains(&b'/') => {
            env_path(facts, sink, hits, programs, executable, name, text, span);
        }
        Env::Runs(name) => {
            let (path, confidence, source) = execd_path(facts);
            let found = facts.find_in_path(&path, name);
            if gap(sink, facts, executable, &[checks::ENV_NOT_IN_PATH], found.unknown()) {
                return;
            }
            if found.get().is_some() {
                let excerpt = text.excerpt(span, "is a script itself");
                chain(facts, sink, hits, programs, executable, Path::new(&found.source), excerpt);
                return;
            }
            let shown = lossy(name);
            let finding = Finding::new(checks::ENV_NOT_IN_PATH, subject(executable), "")
                .confidence(confidence)
                .cause("env exits with 127 and its message is thrown away; execd ignores the exit status and logs nothing.")
                .evidence(text.excerpt(span, format!("not in any directory of {source}")))
                .observed(source, path)
                .remedy(format!("install the package that brings {shown}, or write its full path into line 1 of {FILES}"))
                .verify(format!("command -v {}", quote_bytes(name)));
            hits.push(Hit {
                executable,
                cause: shown.clone(),
                finding,
                one: format!("does not run: env does not find {shown} in execd's PATH."),
                many: format!("do not run: env does not find {shown} in execd's PATH."),
                file: real_quoted(executable),
            });
        }
        Env::Other => {}
    }
}

/// env starts the script again, and that starts env.
fn env_itself(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    executable: &Executable,
    excerpt: crate::findings::Evidence,
) {
    let quoted = real_quoted(executable);
    let seems = executable.head.get().and_then(|head| launch::looks_like(&head.bytes));
    let program = match seems {
        Some("python") => "python3",
        Some(other) => other,
        None => "sh",
    };
    let finding = about(
        facts,
        executable,
        Finding::new(
            checks::ENV_TWO_WORDS,
            subject(executable),
            format!(
                "{} does not run, and no other response after it: env starts its script again, for ever.",
                who(facts, executable)
            ),
        )
        .cause("Line 1 names no program for env, so env takes the next word for it: the script itself, whose line 1 starts env again. execd waits for it, and nothing is logged.")
        .evidence(excerpt)
        .remedy(format!("sed -i '1s|.*|#!/usr/bin/env {program}|' {quoted}"))
        .remedy(restart(facts, "if execd is stuck in it"))
        .verify(format!("head -n 1 {quoted}")),
    );
    // execd stands still, so every other response does as well.
    sink.find(finding.stops(facts.indices(Response::is_here)).shares("process:execd"));
}

fn env_two_words(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    executable: &Executable,
    argument: &[u8],
    text: &TextFile,
    span: Span,
) {
    let quoted = real_quoted(executable);
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let shown = lossy(argument);
    let (first, rest) = argument.split_at(argument.iter().position(blank).unwrap_or(argument.len()));
    let rest = rest.trim_ascii();
    // With one option left the kernel itself can hand it over.
    let plain =
        |word: &[u8]| word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-=/+".contains(byte));
    let direct = (!first.starts_with(b"-") && plain(first) && plain(rest))
        .then(|| facts.find_in_path(launch::DEFAULT_PATH, first))
        .and_then(|found| found.get().map(|_| found.source.clone()));
    let remedy = match direct {
        Some(program) => {
            format!("sed -i '1s|.*|#!{program} {}|' {quoted}", String::from_utf8_lossy(rest))
        }
        None => {
            format!("sed -i '1s|env[[:blank:]]*|env -S |' {quoted}   # coreutils 8.30 or later")
        }
    };
    let (what, label) = if argument.starts_with(b"-") {
        (format!("env does not know the option \"{shown}\""), "one option, blank included")
    } else {
        (format!("env looks for one program called \"{shown}\""), "one argument, blank included")
    };
    sink.find(about(
        facts,
        executable,
        Finding::new(
            checks::ENV_TWO_WORDS,
            subject(executable),
            format!("{} does not run: {what}.", who(facts, executable)),
        )
        .cause("The kernel hands everything behind the interpreter over as ONE argument. env fails on it, and its message is thrown away.")
        .evidence(text.excerpt(span, label))
        .remedy(remedy)
        .verify(format!("head -n 1 {quoted}")),
    ));
}

/// `#!/usr/bin/env /path/of/program`: no search, the path counts.
#[allow(clippy::too_many_arguments, reason = "one step of env_line")]
fn env_path<'f>(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    hits: &mut Vec<Hit<'f>>,
    programs: &Programs<'_, '_>,
    executable: &'f Executable,
    name: &[u8],
    text: &TextFile,
    span: Span,
) {
    let path = below_home(facts, name);
    let shown = path.display().to_string();
    let target = facts.resolve(&path);
    let (finding, what) = match &target.value {
        Value::Absent => {
            let right = right_interpreter(facts, &path);
            let finding = Finding::new(checks::ENV_NOT_IN_PATH, Subject::File(shown.clone()), "")
                .cause("env exits with 127 and its message is thrown away; execd ignores the exit status and logs nothing.")
                .evidence(text.excerpt(span, "there is no such file"))
                .remedy(match right {
                    Some(right) => format!("sed -i '1s|.*|#!{right}|' {FILES}"),
                    None => format!("install the package that brings {shown}, or change line 1 of {FILES}"),
                })
                .verify(format!("ls -l {}", quote_path(&path)));
            (finding, "does not exist".to_owned())
        }
        Value::Known(resolved) if !can_execute(&resolved.meta) => {
            let what = not_program(&resolved.meta);
            let finding = not_executable(facts, &path, resolved)
                .cause("env exits with 126 and its message is thrown away; execd ignores the exit status and logs nothing.")
                .evidence(text.excerpt(span, what));
            (finding, what.to_owned())
        }
        Value::Known(_) => {
            let excerpt = text.excerpt(span, "is a script itself");
            chain(facts, sink, hits, programs, executable, &path, excerpt);
            return;
        }
        _ => {
            let both = [checks::ENV_NOT_IN_PATH, checks::INTERPRETER_NOT_EXECUTABLE];
            gap(sink, facts, executable, &both, target.unknown());
            return;
        }
    };
    hits.push(Hit {
        executable,
        cause: shown.clone(),
        finding,
        one: format!("does not run: env is to start {shown}, which {what}."),
        many: format!("do not run: env is to start {shown}, which {what}."),
        file: real_quoted(executable),
    });
}

/// The program among the words of `env -S`: behind options and assignments.
fn split_program<'a>(words: impl Iterator<Item = &'a [u8]>) -> &'a [u8] {
    let mut takes_one = false;
    for word in words.filter(|word| !word.is_empty()) {
        if std::mem::take(&mut takes_one) {
            continue;
        }
        if word.starts_with(b"-") {
            takes_one = [&b"-u"[..], b"--unset", b"-C", b"--chdir"].contains(&word);
        } else if !word.contains(&b'=') {
            return word;
        }
    }
    &[]
}

fn binary(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let configured = LazyCell::new(|| loader_directories(facts, Path::new("/etc/ld.so.conf"), 0));
    let programs = Programs::new(facts);
    let mut hits = Vec::new();
    for executable in facts.executables() {
        if executable.file().is_none() {
            gap(sink, facts, executable, BINARY.checks, executable.target.unknown());
            continue;
        }
        let Some(Program::Script(shebang)) = executable.program.get() else {
            one_binary(facts, sink, &mut hits, &programs, executable, executable, &configured);
            continue;
        };
        for program in interpreters(facts, &programs, shebang) {
            one_binary(facts, sink, &mut hits, &programs, executable, &program, &configured);
        }
    }
    tell(facts, sink, hits);
}

/// The programs that a script needs to be started, as far as they can be.
fn interpreters(facts: &Facts<'_>, programs: &Programs<'_, '_>, shebang: &Shebang) -> Vec<Rc<Executable>> {
    let mut paths = vec![below_home(facts, &shebang.interpreter)];
    if shebang.interpreter.ends_with(b"/env")
        && let Env::Runs(name) = env_argument(shebang.argument.as_deref())
    {
        if name.contains(&b'/') {
            paths.push(below_home(facts, name));
        } else {
            let found = facts.find_in_path(&execd_path(facts).0, name);
            paths.extend(found.get().map(|_| PathBuf::from(&found.source)));
        }
    }
    let there = |path: &PathBuf| facts.resolve(path).get().is_some_and(|found| can_execute(&found.meta));
    paths
        .into_iter()
        .filter(there)
        .filter_map(|path| match programs.follow(&path).1 {
            End::Program(program) => Some(program),
            _ => None,
        })
        .collect()
}

/// Judges the program that starts an executable: itself, or its interpreter.
fn one_binary<'f>(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    hits: &mut Vec<Hit<'f>>,
    programs: &Programs<'_, '_>,
    executable: &'f Executable,
    program: &Executable,
    configured: &[PathBuf],
) {
    let own = executable.path == program.path;
    let machine = facts.machine();
    let foreign = match program.program.get() {
        Some(Program::Foreign(system)) => {
            let here = machine.get().map(|machine| machine.system.as_str());
            // Without a name of the system, its shell tells.
            let linux = || programs.at(Path::new("/bin/sh")).elf.get().is_some();
            match here {
                Some("Darwin") if *system == "macOS" => return,
                None if !linux() => {
                    gap(sink, facts, executable, BINARY.checks, machine.unknown());
                    return;
                }
                _ => Some(format!("a program for {system}")),
            }
        }
        Some(Program::Text)
            if own
                && program
                    .head
                    .get()
                    .is_some_and(|head| head.bytes.iter().take(4096).any(|&byte| byte == 0)) =>
        {
            Some("neither a script nor a program this kernel knows".to_owned())
        }
        _ => None,
    };
    if let Some(what) = foreign {
        wrong_machine(hits, executable, program, &what);
        return;
    }
    if gap(sink, facts, executable, BINARY.checks, program.elf.unknown()) {
        return;
    }
    let Some(elf) = program.elf.get() else { return };
    match machine.get() {
        Some(machine) if machine.system != "Darwin" && !runs_on(&elf.machine, elf.class, &machine.arch) => {
            let what = format!("a program for {}, this machine is {}", elf.machine, machine.arch);
            wrong_machine(hits, executable, program, &what);
            return;
        }
        Some(_) => {}
        None => {
            gap(sink, facts, executable, &[checks::WRONG_ARCHITECTURE], machine.unknown());
        }
    }
    let Some(loader) = &elf.interpreter else { return };
    let loader_target = facts.resolve(Path::new(loader));
    if loader_target.is_absent() {
        let path = program.shown();
        let finding = Finding::new(checks::LOADER_MISSING, Subject::File(loader.clone()), "")
            .cause("The kernel cannot start a dynamically linked program without its loader (ENOENT). execd drops the error and logs nothing.")
            .observed(&path, format!("ELF {} {}, loader {loader}", elf.class, elf.machine))
            .remedy(format!("install the C library for {} programs, or a build of the program for this system", elf.machine))
            .verify(format!("ls -l {}", quote(loader)));
        let its = if own { "" } else { "its interpreter " };
        hits.push(Hit {
            executable,
            cause: loader.clone(),
            finding,
            one: format!("does not run: {its}{path} needs the loader {loader}, which does not exist."),
            many: format!("do not run: their programs need the loader {loader}, which does not exist."),
            file: quote_path(&executable.path),
        });
        return;
    }
    gap(sink, facts, executable, &[checks::LOADER_MISSING], loader_target.unknown());
    libraries(facts, sink, hits, executable, program, configured);
}

fn wrong_machine<'f>(hits: &mut Vec<Hit<'f>>, executable: &'f Executable, program: &Executable, what: &str) {
    let path = program.shown();
    let own = executable.path == program.path;
    let finding = Finding::new(checks::WRONG_ARCHITECTURE, Subject::File(path.clone()), "")
        .cause(if own {
            "The kernel does not know the format (ENOEXEC), libc gives the file to /bin/sh, and that fails on it. Nothing is logged."
        } else {
            "The kernel does not know the format of the interpreter (ENOEXEC), and libc gives the script to /bin/sh instead, whatever it is written in. Nothing is logged."
        })
        .observed(&path, what)
        .remedy(if own {
            format!("put a build for this machine, or a script, at {path}")
        } else {
            format!("install the package that brings {path} again, for this machine")
        })
        .verify(format!("file -L {}", quote_path(&program.path)));
    let (its, their) = if own { ("", "") } else { ("its interpreter ", "their interpreter ") };
    hits.push(Hit {
        executable,
        cause: path.clone(),
        finding,
        one: format!("does not run: {its}{path} is {what}."),
        many: format!("do not run: {their}{path} is {what}."),
        file: quote_path(&executable.path),
    });
}

/// Whether a kernel for `arch` starts programs for `machine`. Kernels for 64
/// bits mostly start the 32-bit programs of their family.
fn runs_on(machine: &str, class: u8, arch: &str) -> bool {
    let family = |name: &str| match name {
        "i386" | "i486" | "i586" | "i686" | "x86_64" | "amd64" => "x86".to_owned(),
        "aarch64" | "arm64" => "arm".to_owned(),
        other if other.starts_with("arm") => "arm".to_owned(),
        other => other.to_owned(),
    };
    let is_64 = |name: &str| matches!(name, "x86_64" | "amd64" | "aarch64" | "arm64");
    family(machine) == family(arch) && (machine == arch || is_64(arch) || (class == 32 && !is_64(machine)))
}

/// Directories the loader searches when neither RUNPATH nor the cache has a
/// library (ld.so(8)), with those of the multiarch layout.
const LIBRARY_DIRS: &[&str] =
    &["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/usr/local/lib64"];

fn libraries<'f>(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    hits: &mut Vec<Hit<'f>>,
    executable: &'f Executable,
    program: &Executable,
    configured: &[PathBuf],
) {
    let (Some(elf), Some(file)) = (program.elf.get(), program.file()) else { return };
    let origin = path_parent(&file.path);
    let own: Vec<PathBuf> = elf
        .runpath
        .iter()
        .flat_map(|list| list.split(':'))
        .map(|dir| dir.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", &origin.display().to_string()))
        .map(|dir| normalise(Path::new(&dir)))
        .collect();
    let mut shared: Vec<PathBuf> = LIBRARY_DIRS.iter().map(PathBuf::from).collect();
    shared.extend(
        ["/lib", "/usr/lib", "/usr/local/lib"]
            .iter()
            .map(|dir| Path::new(dir).join(format!("{}-linux-gnu", elf.machine))),
    );
    shared.extend_from_slice(configured);
    for library in &elf.needed {
        let mut unknown = None;
        let mut found = false;
        for dir in own.iter().chain(&shared) {
            let target = facts.resolve(&dir.join(library));
            found |= target.get().is_some();
            unknown = unknown.or_else(|| target.unknown());
            if found {
                break;
            }
        }
        if found {
            continue;
        }
        if gap(sink, facts, executable, &[checks::LIBRARY_MISSING], unknown) {
            continue;
        }
        // Wazuh's own library is found through RUNPATH alone; for others a
        // cache built from elsewhere might still know a place.
        let ours = library.starts_with("libwazuh");
        let path = program.shown();
        let searched = own.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ");
        let linked = program.path != file.path;
        let in_home = facts.install.home.join("lib").join(library);
        // Gone from its place: one fault, however many programs need it.
        let gone =
            ours && own.iter().any(|dir| dir.join(library) == in_home) && facts.resolve(&in_home).is_absent();
        // A program in the wrong place is a fault of that program, a library
        // that is nowhere is one for all that need it.
        let cause = if gone {
            in_home.display().to_string()
        } else if ours {
            path.clone()
        } else {
            library.clone()
        };
        let its = if executable.path == program.path { "" } else { "its interpreter " };
        let (one, many) = if gone {
            let lacks = format!("{} does not exist.", in_home.display());
            (format!("does not run: {lacks}"), format!("do not run: {lacks}"))
        } else {
            (
                format!("does not run: {its}{path} needs {library}, which is not found."),
                format!("do not run: their programs need {library}, which is not found."),
            )
        };
        let mut finding = Finding::new(checks::LIBRARY_MISSING, Subject::File(cause.clone()), "")
            .confidence(if ours { Confidence::Proven } else { Confidence::Likely })
            .cause("The loader ends the program with status 127 before its first line, and its message is thrown away. execd ignores the status and logs nothing.")
            .observed(file.path.display().to_string(), format!("needs {library}; RUNPATH {}", if searched.is_empty() { "none" } else { &searched }));
        if ours {
            let home = facts.install.home.display();
            let package = super::service(facts);
            finding = finding.remedy(if gone {
                format!("install the package {package} again: {} belongs to it", in_home.display())
            } else if linked {
                format!("put the program itself into {home}/active-response/bin: it looks for the library from the real file on, {}", origin.display())
            } else {
                format!("put the program directly into {home}/active-response/bin: it looks for the library from its own directory on")
            });
        } else {
            finding = finding.remedy(format!("install the package that brings {library}"));
        }
        hits.push(Hit {
            executable,
            cause,
            finding: finding.verify(format!("ldd {}", quote_path(&program.path))),
            one,
            many,
            file: quote_path(&executable.path),
        });
    }
}

/// `/a/b/../../lib` without the dots, as the loader would walk it on a tree
/// without links.
fn normalise(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Directories of ld.so.conf(5) and the files it includes, two levels deep.
fn loader_directories(facts: &Facts<'_>, file: &Path, depth: u8) -> Vec<PathBuf> {
    let Some(content) = facts.head(file, 64 * 1024).get().map(|content| content.bytes.clone()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(&content).lines() {
        let line = line.split('#').next().unwrap_or("").trim();
        if let Some(pattern) = line.strip_prefix("include ") {
            let pattern = Path::new("/etc").join(pattern.trim());
            let (Some(directory), Some(name)) = (pattern.parent(), pattern.file_name()) else {
                continue;
            };
            if depth < 2 && name == "*.conf" {
                for entry in facts.list(directory).get().into_iter().flatten() {
                    if entry.as_bytes().ends_with(b".conf") {
                        found.extend(loader_directories(facts, &directory.join(entry), depth + 1));
                    }
                }
            }
        } else if line.starts_with('/') {
            found.push(PathBuf::from(line));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_64_bit_kernel_starts_the_programs_of_its_family() {
        for (machine, class, arch, expected) in [
            ("x86_64", 64, "x86_64", true),
            ("i386", 32, "x86_64", true),
            ("i386", 32, "i686", true),
            ("x86_64", 64, "i686", false),
            ("aarch64", 64, "x86_64", false),
            ("arm", 32, "aarch64", true),
            ("arm", 32, "armv7l", true),
            ("aarch64", 64, "armv7l", false),
            ("s390x", 64, "s390x", true),
        ] {
            assert_eq!(runs_on(machine, class, arch), expected, "{machine} on {arch}");
        }
    }

    #[test]
    fn the_program_behind_env_s_is_found() {
        for (words, program) in [
            ("python3 -u", "python3"),
            (" -i bash", "bash"),
            ("-u HOME A=b perl -w", "perl"),
            ("-i", ""),
            ("", ""),
        ] {
            let found = split_program(words.as_bytes().split(|byte| *byte == b' '));
            assert_eq!(found, program.as_bytes(), "{words}");
        }
    }

    #[test]
    fn env_runs_the_script_itself_when_it_is_told_nothing() {
        for itself in ["-", "-i", "FOO=1", "LANG=C bash", "-S", "-S -i A=b", "-vS A=b"] {
            assert!(matches!(env_argument(Some(itself.as_bytes())), Env::Itself), "{itself}");
        }
        assert!(matches!(env_argument(None), Env::Itself));
        assert!(matches!(env_argument(Some(b"python3 -u")), Env::TwoWords(_)));
        assert!(matches!(env_argument(Some(b"-i bash")), Env::TwoWords(_)));
        assert!(matches!(env_argument(Some(b"-S A=b perl -w")), Env::Runs(b"perl")));
        assert!(matches!(env_argument(Some(b"/opt/x")), Env::Runs(b"/opt/x")));
        for other in ["-0", "-u", "-S -u", "--version", "=x"] {
            assert!(!matches!(env_argument(Some(other.as_bytes())), Env::Itself), "{other}");
        }
    }

    #[test]
    fn a_program_of_macos_is_no_fault_where_the_system_is_not_known() {
        use crate::host::tree::TreeHost;
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("Library/Ossec");
        for below in ["etc/shared", "active-response/bin", "bin"] {
            std::fs::create_dir_all(home.join(below)).unwrap();
        }
        std::fs::write(home.join("etc/shared/ar.conf"), "pf0 - ours - 0\n").unwrap();
        std::fs::write(home.join("etc/ossec.conf"), "<ossec_config></ossec_config>").unwrap();
        std::fs::write(home.join("bin/wazuh-agentd"), b"\xcf\xfa\xed\xfe").unwrap();
        let control = "VERSION=\"v4.14.2\"\nTYPE=\"agent\"\n";
        std::fs::write(home.join("bin/wazuh-control"), control).unwrap();
        std::fs::write(home.join("active-response/bin/ours"), b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01").unwrap();
        let host = TreeHost::open(directory.path()).unwrap();
        let redactor = crate::redact::Redactor::new();
        let install = crate::facts::install::find(&host, Some(Path::new("/Library/Ossec"))).unwrap();
        let facts = Facts::new(&host, &redactor, install);
        let mut sink = Sink::new(&facts);
        binary(&facts, &mut sink);
        let (found, unknown) = sink.into_parts();
        assert_eq!(found, []);
        assert!(unknown.iter().any(|unknown| unknown.check == checks::WRONG_ARCHITECTURE));
    }

    #[test]
    fn dots_are_walked() {
        assert_eq!(normalise(Path::new("/a/b/../../lib")), Path::new("/lib"));
        assert_eq!(normalise(Path::new("/../x")), Path::new("/x"));
    }
}
