//! What the file system keeps from happening although modes allow it: no space, attributes, mounts
//! that hide or fail, and mounts that execd has and the reader has not.

use std::path::{Path, PathBuf};

use super::executable::{about_all, who};
use super::feedback::{blocks_nothing, locking};
use super::{Probe, Sink, lossy, quote_path, restart, service};
use crate::facts::executable::mount_of;
use crate::facts::filesystem::acl_text;
use crate::facts::{Daemon, Executable, Facts, Response, Runs};
use crate::findings::{CheckId, Confidence, Finding, ResponseIndex, Severity, Subject, checks};
use crate::host::acl::{EXECUTE, WRITE};
use crate::host::{Attributes, Fact, FileType, Mount, Space, mount_at};
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::stock;
use crate::wazuh::version::Contract;

/// How full.
pub(super) const SPACE: Probe =
    Probe { name: "space", checks: &[checks::DISK_FULL], run: |facts, sink| unless_bare(facts, sink, space) };

/// Files and directories that nobody may change.
pub(super) const FROZEN: Probe = Probe {
    name: "attributes",
    checks: &[checks::AR_CONF_FROZEN, checks::HOSTS_DENY_UNWRITABLE, checks::START_BLOCKED],
    run: |facts, sink| {
        unless_bare(facts, sink, ar_conf);
        unless_bare(facts, sink, hosts_deny);
        unless_bare(facts, sink, start);
    },
};

/// Mounts.
pub(super) const MOUNTS: Probe = Probe {
    name: "mounts",
    checks: &[
        checks::FILE_SYSTEM_FAILED,
        checks::EXECD_OTHER_MOUNTS,
        checks::BIN_HIDDEN,
        checks::FUSE_WITHOUT_ROOT,
    ],
    run: |facts, sink| {
        unless_bare(facts, sink, failed);
        unless_bare(facts, sink, other_mounts);
        unless_bare(facts, sink, hidden);
        unless_bare(facts, sink, fuse);
    },
};

const HOSTS_DENY: &str = "/etc/hosts.deny";

/// File systems on a disk that a kernel error makes read-only, or that are shut down.
const ON_DISK: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "reiserfs"];

/// File systems in memory, where a directory takes no block.
const IN_MEMORY: &[&str] = &["tmpfs", "ramfs"];

fn unless_bare(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, run: fn(&Facts<'_>, &mut Sink<'_, '_>)) {
    if !facts.is_bare() {
        run(facts, sink);
    }
}

fn has(mount: &Mount, option: &str) -> bool {
    mount.options.iter().any(|have| have == option)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What chattr(1) forbids of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frozen {
    /// Everything (`+i`).
    Immutable,
    /// Everything but writing behind its end, or making new entries (`+a`).
    AppendOnly,
}

impl Frozen {
    /// The stronger of both; none when neither is set.
    pub(super) fn of(attributes: &Attributes) -> Option<Self> {
        if attributes.immutable {
            Some(Self::Immutable)
        } else {
            attributes.append_only.then_some(Self::AppendOnly)
        }
    }

    /// As evidence.
    pub(super) fn observed(self) -> &'static str {
        match self {
            Self::Immutable => "attribute i (immutable)",
            Self::AppendOnly => "attribute a (append-only)",
        }
    }

    /// The option of chattr(1) that takes it away.
    pub(super) fn undo(self) -> &'static str {
        match self {
            Self::Immutable => "-i",
            Self::AppendOnly => "-a",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Immutable => "immutable",
            Self::AppendOnly => "append-only",
        }
    }
}

/// The executables of the shipped host-deny.
fn host_deny<'f>(facts: &'f Facts<'_>) -> Vec<&'f Executable> {
    let is_it = |executable: &&Executable| {
        executable.name == b"host-deny" && executable.file().is_some() && facts.contract() == Contract::Json4
    };
    facts.executables().iter().filter(is_it).collect()
}

fn users_of(facts: &Facts<'_>, executables: &[&Executable]) -> Vec<ResponseIndex> {
    let mut users: Vec<_> = executables.iter().flat_map(|executable| facts.users_of(executable)).collect();
    users.sort_unstable();
    users.dedup();
    users
}

fn mount_here(facts: &Facts<'_>, path: &Path) -> Option<Mount> {
    let real = facts.resolve(path);
    mount_of(facts.mounts(), &real.get()?.path).get().cloned()
}

/// What is known of a full file system, and whom it hurts.
struct Full {
    at: String,
    path: PathBuf,
    space: Space,
    fstype: String,
    harms: Vec<String>,
    responses: Vec<ResponseIndex>,
    shares: Vec<String>,
    /// Nothing can be made there at all, which is proven; else what is written gets lost.
    is_sure: bool,
    is_error: bool,
}

impl Full {
    /// Whether nothing can be made.
    fn no_inode(&self) -> bool {
        self.space.inodes > 0 && self.space.inodes_free == 0
    }

    fn no_block(&self) -> bool {
        self.space.blocks > 0 && self.space.blocks_free == 0
    }

    fn hurts(&mut self, harm: String, responses: &[ResponseIndex], is_error: bool) {
        self.harms.push(harm);
        self.responses.extend(responses);
        self.is_error |= is_error;
    }
}

/// The file system of a path among those that are known already; none when it is read-only, where
/// fullness is no fault, and when nothing is known.
fn file_system<'a>(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    all: &'a mut Vec<Full>,
    path: &Path,
    responses: &[ResponseIndex],
) -> Option<&'a mut Full> {
    let space = facts.space(path);
    if let Some(gap) = space.unknown() {
        sink.unknown(checks::DISK_FULL, responses.to_vec(), gap);
        return None;
    }
    let space = *space.get().filter(|space| !space.read_only)?;
    let mount = mount_here(facts, path);
    let at = mount.as_ref().map_or_else(|| shown(path), |mount| shown(&mount.target));
    let known = all.iter().position(|full| full.at == at);
    let index = known.unwrap_or_else(|| {
        all.push(Full {
            at,
            path: path.to_owned(),
            space,
            fstype: mount.map_or_else(String::new, |mount| mount.fstype),
            harms: Vec::new(),
            responses: Vec::new(),
            shares: Vec::new(),
            is_sure: false,
            is_error: false,
        });
        all.len() - 1
    });
    all.get_mut(index)
}

fn space(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let mut all: Vec<Full> = Vec::new();
    let bin = facts.under_home("active-response/bin");
    let stuck = users_of(facts, &locking(facts));
    if !stuck.is_empty()
        && !facts.resolve(&bin).is_absent()
        && let Some(full) = file_system(facts, sink, &mut all, &bin, &stuck)
    {
        let in_memory = IN_MEMORY.contains(&full.fstype.as_str());
        if full.no_inode() || (full.no_block() && !in_memory) {
            full.is_sure = full.no_inode();
            full.shares.extend(locking(facts).iter().map(|executable| executable.shown()));
            full.hurts(blocks_nothing(facts, &stuck), &stuck, true);
        }
    }
    let denying = host_deny(facts);
    let users = users_of(facts, &denying);
    if let Some(first) = denying.first()
        && !facts.resolve(Path::new(HOSTS_DENY)).is_absent()
        && let Some(full) = file_system(facts, sink, &mut all, Path::new(HOSTS_DENY), &users)
        && full.no_block()
    {
        full.shares.push(HOSTS_DENY.to_owned());
        full.hurts(format!("{} blocks nothing and says \"Ended\"", who(facts, first)), &users, true);
    }
    let here = facts.indices(Response::is_here);
    let log = facts.ar_log();
    let directory = log.path.parent().unwrap_or(Path::new("/"));
    let (place, is_there) = match log.target.get() {
        Some(target) => (log.path.as_path(), target.meta.file_type == FileType::Regular),
        None => (directory, false),
    };
    if let Some(gap) = log.target.unknown() {
        sink.unknown(checks::DISK_FULL, here.clone(), gap);
    }
    if !here.is_empty()
        && log.target.unknown().is_none()
        && facts.resolve(place).get().is_some()
        && (is_there || log.target.is_absent())
        && let Some(full) = file_system(facts, sink, &mut all, place, &here)
        && (full.no_block() || (!is_there && full.no_inode()))
    {
        full.shares.push(shown(&log.path));
        full.hurts("Responses leave no trace".to_owned(), &here, false);
    }
    for full in all.into_iter().filter(|full| !full.harms.is_empty()) {
        sink.find(disk_full(full));
    }
}

fn disk_full(full: Full) -> Finding {
    let Space { block_size, blocks, blocks_free, blocks_available, inodes, inodes_free, .. } = full.space;
    let at = &full.at;
    let what = if full.no_block() { "no block" } else { "no inode" };
    let (first, more) =
        full.harms.split_first().map_or(("", &[][..]), |(first, more)| (first.as_str(), more));
    let mut cause = String::from(
        "The shipped programs take no notice of it: what they cannot write is lost without a line in any log.",
    );
    if full.is_error {
        cause.push_str(" A lock directory that cannot be made counts as held: the program tries for 1225 seconds, and execd waits for it.");
    }
    for harm in more {
        cause.push_str(&format!(" Also: {harm}."));
    }
    let mib = |blocks: u64| blocks.saturating_mul(block_size) / (1024 * 1024);
    let place = quote_path(&full.path);
    let mut finding = Finding::new(
        checks::DISK_FULL,
        Subject::Mount(at.clone()),
        format!("{first}: the file system at {at} has {what} left."),
    )
    .severity(if full.is_error { Severity::Error } else { Severity::Warning })
    .confidence(if full.is_sure { Confidence::Proven } else { Confidence::Likely })
    .cause(cause)
    .observed(
        at,
        format!(
            "{blocks_free} of {blocks} blocks free ({} of {} MiB), {blocks_available} of them for others than root",
            mib(blocks_free),
            mib(blocks)
        ),
    );
    if inodes > 0 {
        finding = finding.observed(at, format!("{inodes_free} of {inodes} inodes free"));
    }
    finding = if full.no_block() {
        finding.remedy(format!(
            "du -xh {} | sort -h | tail -n 20   # what fills it; remove what is not needed",
            quote_path(Path::new(at))
        ))
    } else {
        finding.remedy(format!(
            "du -x --inodes {} | sort -n | tail -n 20   # which directories hold the many files; remove what is not needed",
            quote_path(Path::new(at))
        ))
    };
    finding = finding
        .verify(format!("df -h {place}; df -i {place}"))
        .stops(full.responses)
        .shares(format!("mount:{at}"));
    finding.shares.extend(full.shares);
    finding
}

/// The first of these paths that is frozen, and how; gaps are put down.
fn frozen_among(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    check: CheckId,
    responses: &[ResponseIndex],
    paths: &[PathBuf],
) -> Option<(PathBuf, Frozen)> {
    for path in paths {
        let attributes = facts.attributes(path);
        if let Some(gap) = attributes.unknown() {
            sink.unknown(check, responses.to_vec(), gap);
        }
        if let Some(frozen) = attributes.get().and_then(Frozen::of) {
            return Some((path.clone(), frozen));
        }
    }
    None
}

/// Whether agentd can put a new ar.conf in the place of the old one: it makes a file beside it and
/// renames that (`src/shared/file_op.c UnmergeFiles`, 4.14), as user and group wazuh.
fn ar_conf(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.role() != Role::Agent || facts.contract() == Contract::Json5 {
        return;
    }
    let check = checks::AR_CONF_FROZEN;
    let shared = facts.under_home("etc/shared");
    let paths = [shared.clone(), shared.join("ar.conf"), shared.join("merged.mg")];
    if facts.resolve(&shared).is_absent() {
        return;
    }
    let all = facts.indices(Response::is_here);
    let behind = is_behind(facts);
    let make = |why: String| {
        Finding::new(
            check,
            Subject::File(shown(&paths[1])),
            format!("New and changed responses never arrive on this agent: {why}."),
        )
        .severity(if behind { Severity::Error } else { Severity::Warning })
        .cause("agentd writes merged.mg, makes a new ar.conf beside the old one and renames it over that. Where it may not, the old list stays for ever, and execd refuses every name that is not in it with (1311).")
        // Those that are in the list run, so nothing that stops one of them explains this.
        .shares(shown(&paths[1]))
        .shares(shown(&paths[2]))
    };
    let sent_again = |finding: Finding| {
        if behind {
            // agentd reports no sum for a file that is not there, and is sent all of it again.
            finding.remedy(format!("rm -f {} && {}", quote_path(&paths[2]), restart(facts)))
        } else {
            finding
        }
    };
    if let Some((path, frozen)) = frozen_among(facts, sink, check, &all, &paths) {
        let quoted = quote_path(&path);
        let finding = make(format!("{} is {}", shown(&path), frozen.word()))
            .observed(shown(&path), frozen.observed())
            .remedy(format!("chattr {} {quoted}", frozen.undo()))
            .verify(format!("lsattr -d {quoted}"));
        sink.find(sent_again(finding));
        return;
    }
    if facts.mounts().unknown().is_none()
        && let Some(mount) = mount_here(facts, &shared).filter(|mount| has(mount, "ro"))
    {
        let at = shown(&mount.target);
        let quoted = quote_path(&mount.target);
        sink.find(
            make(format!("{} lies on {at}, which is mounted read-only", shown(&shared)))
                .observed(
                    facts.mounts().source.clone(),
                    format!("{at} {} {}", mount.fstype, mount.options.join(",")),
                )
                .remedy(format!("mount -o remount,rw {quoted}"))
                .verify(format!("findmnt -no OPTIONS -T {}", quote_path(&shared)))
                .shares(format!("mount:{at}")),
        );
        return;
    }
    may_write(facts, sink, &shared, &all, make);
}

/// The same by owner, mode and access control list.
fn may_write(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    shared: &Path,
    all: &[ResponseIndex],
    make: impl Fn(String) -> Finding,
) {
    let check = checks::AR_CONF_FROZEN;
    // The user has the name of the group.
    let name = facts.install.group();
    let (user, group) = (facts.user_id(name), facts.group_id(name));
    if let Some(gap) = user.unknown().or_else(|| group.unknown()) {
        sink.unknown(check, all.to_vec(), gap);
        return;
    }
    // Without the account nothing starts, which is another check's.
    let (Some(Some(uid)), Some(Some(gid))) = (user.get(), group.get()) else { return };
    let may = facts.may(shared, *uid, *gid, WRITE | EXECUTE);
    if let Some(gap) = may.unknown() {
        sink.unknown(check, all.to_vec(), gap);
        return;
    }
    let target = facts.resolve(shared);
    let (Some(false), Some(resolved)) = (may.get(), target.get()) else { return };
    let quoted = quote_path(shared);
    let list = facts.acl(shared);
    let mut finding = make(format!("user {name} may not make files in {}", shown(shared))).observed(
        shown(shared),
        format!("mode {:04o}, owner {}, group {}", resolved.meta.mode, resolved.meta.uid, resolved.meta.gid),
    );
    finding = match list.get() {
        Some(list) => finding
            .observed(shown(shared), format!("access control list {}", acl_text(list)))
            .remedy(format!("setfacl -b {quoted}   # takes the whole list away"))
            .remedy(format!("chown root:{name} {quoted} && chmod 770 {quoted}"))
            .verify(format!("getfacl -n {quoted}")),
        None => finding
            .remedy(format!("chown root:{name} {quoted} && chmod 770 {quoted}"))
            .verify(format!("stat -c '%a %U:%G' {quoted}")),
    };
    sink.find(finding);
}

/// Whether merged.mg has a list that ar.conf has not: the damage is done.
fn is_behind(facts: &Facts<'_>) -> bool {
    let group = facts.delivery().groups.get().and_then(|groups| groups.first());
    let sent = group.and_then(|group| group.ar_conf.get()?.as_ref());
    let names = |list: &crate::wazuh::ar_conf::ArConf| -> Vec<Vec<u8>> {
        list.lines.iter().filter(|line| !line.builtin).map(|line| line.name.clone()).collect()
    };
    let Some(sent) = sent else { return false };
    let here = facts.ar_conf().read.as_ref().map(&names).unwrap_or_default();
    names(sent).iter().any(|name| !here.contains(name))
}

/// host-deny writes behind the end of the file, and to take an address out puts another in its place
/// (`src/active-response/host-deny.c main`, 4.14).
fn hosts_deny(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let check = checks::HOSTS_DENY_UNWRITABLE;
    let denying = host_deny(facts);
    let Some(first) = denying.first() else { return };
    let users = users_of(facts, &denying);
    let path = Path::new(HOSTS_DENY);
    let target = facts.resolve(path);
    // One that is not there is another check's.
    if !target.get().is_some_and(|found| found.meta.file_type == FileType::Regular) {
        if let Some(gap) = target.unknown() {
            sink.unknown(check, users, gap);
        }
        return;
    }
    let name = who(facts, first);
    let make =
        |title: String| Finding::new(check, Subject::File(HOSTS_DENY.to_owned()), title).shares(HOSTS_DENY);
    if let Some(gap) = facts.mounts().unknown() {
        sink.unknown(check, users.clone(), gap);
    } else if let Some(mount) = mount_here(facts, path).filter(|mount| has(mount, "ro")) {
        let at = shown(&mount.target);
        let finding = make(format!(
            "{name} blocks nothing: {HOSTS_DENY} lies on {at}, which is mounted read-only."
        ))
        .cause("host-deny writes \"Could not open file '/etc/hosts.deny'\" to active-responses.log and ends.")
        .observed(facts.mounts().source.clone(), format!("{at} {} {}", mount.fstype, mount.options.join(",")))
        .remedy(format!("mount -o remount,rw {}", quote_path(&mount.target)))
        .verify(format!("findmnt -no OPTIONS -T {HOSTS_DENY}"))
        .shares(format!("mount:{at}"));
        sink.find(about_all(facts, &denying, finding));
        return;
    }
    let theirs = facts.execd_mounts();
    if let Some(gap) = theirs.unknown() {
        sink.unknown(check, users.clone(), gap);
    }
    if let (Some((pid, theirs)), Some(found)) = (theirs.get(), target.get())
        && let Some(mount) = mount_at(theirs, &found.path).filter(|mount| has(mount, "ro"))
    {
        let title = format!("{name} blocks nothing: where execd lives, {HOSTS_DENY} is mounted read-only.");
        sink.find(about_all(facts, &denying, closed_to_execd(facts, make(title), *pid, mount)));
        return;
    }
    let Some((_, frozen)) = frozen_among(facts, sink, check, &users, &[path.to_owned()]) else { return };
    let finding = match frozen {
        Frozen::Immutable => make(format!("{name} blocks nothing: {HOSTS_DENY} is immutable.")).cause(
            "host-deny writes \"Could not open file '/etc/hosts.deny'\" to active-responses.log and ends.",
        ),
        Frozen::AppendOnly => {
            let undone = users.iter().filter_map(|&user| facts.response(user));
            if !undone.into_iter().any(|response| response.timeout.unwrap_or(0) > 0) {
                return;
            }
            make(format!("{name} never lets an address in again: {HOSTS_DENY} is append-only."))
                .severity(Severity::Warning)
                .cause("Blocking works. When the timeout is over host-deny cannot put the shorter file in its place, and writes \"Unable to write file '/etc/hosts.deny'\" to active-responses.log.")
        }
    };
    let finding = finding
        .observed(HOSTS_DENY, frozen.observed())
        .remedy(format!("chattr {} {HOSTS_DENY}", frozen.undo()))
        .verify(format!("lsattr {HOSTS_DENY}"));
    sink.find(about_all(facts, &denying, finding));
}

/// `/etc/hosts.deny` is read-only for execd, and not for the reader.
fn closed_to_execd(facts: &Facts<'_>, finding: Finding, pid: u32, mount: &Mount) -> Finding {
    let remedy = if has_unit(facts) {
        format!("systemctl edit {}   # [Service] ReadWritePaths=/etc", service(facts))
    } else {
        format!("nsenter -t {pid} -m mount -o remount,bind,rw {}", quote_path(&mount.target))
    };
    finding
        .cause("host-deny writes \"Could not open file '/etc/hosts.deny'\" to active-responses.log and ends. A shell of yours has other mounts, and there the same program works.")
        .observed(
            format!("/proc/{pid}/mountinfo"),
            format!("{} {} {}", shown(&mount.target), mount.fstype, mount.options.join(",")),
        )
        .remedy(remedy)
        .remedy(restart(facts))
        .verify(format!("nsenter -t {pid} -m findmnt -no OPTIONS -T {HOSTS_DENY}"))
        .shares("process:execd")
}

/// Whether a unit of systemd starts execd, so that its settings decide on the mounts. Without one it
/// is whoever made the mounts of the container.
fn has_unit(facts: &Facts<'_>) -> bool {
    !facts.lacks_systemd() && !facts.service().is_absent()
}

/// What keeps a daemon from its next start.
struct Obstacle {
    daemon: String,
    does: &'static str,
    path: PathBuf,
    /// Append-only stops it as well.
    append_stops: bool,
}

/// What each daemon makes when it starts (`src/os_execd/execd.c`, `src/shared/pid_op.c CreatePID`,
/// `src/analysisd/active-response.c AR_ReadConfig`, 4.14); it ends where that fails.
fn start(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let check = checks::START_BLOCKED;
    let Some(execd) = facts.execd() else { return };
    if facts.contract() == Contract::Json5 {
        return;
    }
    let all = facts.meant_to_run();
    let alerts = facts.under_home("queue/alerts");
    let socket_is_there = facts.entry(&alerts.join("execq")).get().is_some();
    let obstacle = |daemon: &str, does, path, append_stops| Obstacle {
        daemon: daemon.to_owned(),
        does,
        path,
        append_stops,
    };
    let mut obstacles = vec![
        // The old socket cannot be taken away, and its name is not free then.
        obstacle(&execd.name, "make its socket execq", alerts, socket_is_there),
        obstacle(&execd.name, "make its pid file", facts.under_home("var/run"), false),
    ];
    if facts.role() == Role::Manager
        && let Some(analysisd) = facts.analysisd()
    {
        let list = facts.under_home("etc/shared/ar.conf");
        obstacles.push(obstacle(&analysisd.name, "write ar.conf", list, true));
    }
    for Obstacle { daemon, does, path, append_stops } in obstacles {
        let target = facts.resolve(&path);
        if let Some(gap) = target.unknown().or_else(|| facts.mounts().unknown()) {
            sink.unknown(check, all.clone(), gap);
        }
        if target.get().is_none() {
            continue;
        }
        let attributes = facts.attributes(&path);
        if let Some(gap) = attributes.unknown() {
            sink.unknown(check, all.clone(), gap);
        }
        let frozen = attributes
            .get()
            .and_then(Frozen::of)
            .filter(|frozen| append_stops || *frozen == Frozen::Immutable);
        let mount = mount_here(facts, &path).filter(|mount| has(mount, "ro"));
        let running = facts.daemons().iter().find(|known| known.name == daemon).map(Daemon::running);
        let is_down = running.as_ref().and_then(Fact::get) == Some(&false);
        let title = |why: &str| {
            let not = if is_down { "does not start" } else { "will not start again once it is stopped" };
            format!("{daemon} {not}: it cannot {does}, because {why}.")
        };
        let finding = match (frozen, mount) {
            (Some(frozen), _) => {
                let quoted = quote_path(&path);
                Finding::new(
                    check,
                    Subject::Process(daemon.clone()),
                    title(&format!("{} is {}", shown(&path), frozen.word())),
                )
                .observed(shown(&path), frozen.observed())
                .remedy(format!("chattr {} {quoted}", frozen.undo()))
                .verify(format!("lsattr -d {quoted}"))
            }
            (None, Some(mount)) => {
                let at = shown(&mount.target);
                Finding::new(
                    check,
                    Subject::Process(daemon.clone()),
                    title(&format!("{} lies on {at}, which is mounted read-only", shown(&path))),
                )
                .observed(
                    facts.mounts().source.clone(),
                    format!("{at} {} {}", mount.fstype, mount.options.join(",")),
                )
                .remedy(format!("mount -o remount,rw {}", quote_path(&mount.target)))
                .verify(format!("findmnt -no OPTIONS -T {}", quote_path(&path)))
                .shares(format!("mount:{at}"))
            }
            (None, None) => continue,
        };
        let short = daemon.rsplit('-').next().unwrap_or(&daemon);
        sink.find(
            finding
                .severity(if is_down { Severity::Error } else { Severity::Warning })
                .cause("The daemon says so in ossec.log with CRITICAL and ends. One that runs keeps what it has, so it is noticed at the next restart or boot.")
                .remedy(restart(facts))
                // While it runs, nothing is stopped.
                .stops(all.iter().copied().filter(|_| is_down))
                .shares(format!("process:{short}"))
                .shares(shown(&path)),
        );
    }
}

/// Whether a kernel that met errors stopped writing: `emergency_ro` and `shutdown` are said by ext4
/// since Linux 6.15; else a file system that is read-only under a mount that is not.
fn has_failed(facts: &Facts<'_>, mount: &Mount) -> Option<Confidence> {
    let says = |option: &str| mount.super_options.iter().any(|have| have == option);
    if says("emergency_ro") || says("shutdown") {
        return Some(Confidence::Proven);
    }
    // Whoever mounts it read-only makes the mount so, and that comes first.
    let by_hand = mount.options.first().is_some_and(|first| first == "ro");
    if !says("ro") || by_hand || !ON_DISK.contains(&mount.fstype.as_str()) {
        return None;
    }
    let wanted = facts.fstab_options(&mount.target);
    let is_wanted = wanted.get().is_some_and(|options| options.iter().any(|option| option == "ro"));
    (!is_wanted).then_some(Confidence::Likely)
}

fn failed(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let check = checks::FILE_SYSTEM_FAILED;
    let here = facts.indices(Response::is_here);
    if here.is_empty() {
        return;
    }
    if let Some(gap) = facts.mounts().unknown() {
        sink.unknown(check, here, gap);
        return;
    }
    let stuck = users_of(facts, &locking(facts));
    let denying = users_of(facts, &host_deny(facts));
    let mut told: Vec<PathBuf> = Vec::new();
    for (path, hurt, what) in [
        (facts.under_home("active-response/bin"), &stuck, true),
        (PathBuf::from(HOSTS_DENY), &denying, true),
        (facts.under_home("logs"), &here, false),
    ] {
        if let Some(gap) = facts.resolve(&path).unknown().filter(|_| !hurt.is_empty()) {
            sink.unknown(check, hurt.clone(), gap);
        }
        let Some(mount) = mount_here(facts, &path) else { continue };
        let Some(confidence) = has_failed(facts, &mount).filter(|_| !hurt.is_empty()) else { continue };
        if told.contains(&mount.target) {
            continue;
        }
        told.push(mount.target.clone());
        let at = shown(&mount.target);
        let consequence = if !what {
            "Responses leave no trace".to_owned()
        } else if path == Path::new(HOSTS_DENY) {
            "host-deny blocks nothing".to_owned()
        } else {
            blocks_nothing(facts, hurt)
        };
        sink.find(
            Finding::new(
                check,
                Subject::Mount(at.clone()),
                format!("{consequence}: the kernel has stopped writing to the file system at {at}."),
            )
            .severity(if what { Severity::Error } else { Severity::Warning })
            .confidence(confidence)
            .cause("After an error on the disk or in its structures the kernel makes a file system read-only, and the mount itself stays rw. Nothing of Wazuh says so: it cannot write its log either.")
            .observed(
                facts.mounts().source.clone(),
                format!(
                    "{at} {} {}: options of the file system {}",
                    mount.fstype,
                    mount.source,
                    mount.super_options.join(",")
                ),
            )
            .remedy(format!("dmesg --level=err,crit,alert,emerg | grep -i -e {} -e I/O   # the error itself", mount.fstype))
            .remedy("save what is on it, then let it be checked: reboot for /, or umount, fsck and mount; a plain remount only hides it")
            .verify(format!("findmnt -no OPTIONS {}", quote_path(&mount.target)))
            .stops(hurt.iter().copied().chain(here.iter().copied().filter(|_| !what)))
            .shares(format!("mount:{at}"))
            .shares(shown(&path)),
        );
    }
}

/// What a mount shows at a path below it, to tell two apart: file system, and the path in it.
fn behind<'m>(mount: &'m Mount, path: &Path) -> (&'m str, &'m str, PathBuf) {
    let inside = path.strip_prefix(&mount.target).unwrap_or(Path::new(""));
    (&mount.source, &mount.fstype, mount.root.join(inside))
}

/// One difference between execd's mounts and the reader's.
enum Differs {
    Noexec,
    ReadOnly,
    Other,
}

/// A unit with ProtectSystem= or a container gives execd mounts of its own.
fn other_mounts(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let check = checks::EXECD_OTHER_MOUNTS;
    let here = facts.indices(Response::is_here);
    if here.is_empty() {
        return;
    }
    let theirs = facts.execd_mounts();
    if let Some(gap) = theirs.unknown().or_else(|| theirs.get().and_then(|_| facts.mounts().unknown())) {
        sink.unknown(check, here, gap);
        return;
    }
    let (Some((pid, theirs)), Some(ours)) = (theirs.get(), facts.mounts().get()) else { return };
    let mut groups: Vec<(Differs, &Mount, Vec<&Executable>, PathBuf)> = Vec::new();
    for executable in facts.executables() {
        if let Some(gap) = executable.target.unknown() {
            sink.unknown(check, facts.users_of(executable), gap);
        }
        let Some(file) = executable.file() else { continue };
        let (Some(mine), Some(other)) = (mount_at(ours, &file.path), mount_at(theirs, &file.path)) else {
            continue;
        };
        let is_locking = locking(facts).iter().any(|known| known.name == executable.name);
        let differs = if behind(mine, &file.path) != behind(other, &file.path) {
            Differs::Other
        } else if has(other, "noexec") && !has(mine, "noexec") {
            Differs::Noexec
        } else if is_locking && has(other, "ro") && !has(mine, "ro") {
            Differs::ReadOnly
        } else {
            continue;
        };
        let same = |group: &&mut (Differs, &Mount, Vec<&Executable>, PathBuf)| {
            std::mem::discriminant(&group.0) == std::mem::discriminant(&differs)
                && group.1.target == other.target
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.2.push(executable),
            None => groups.push((differs, other, vec![executable], file.path.clone())),
        }
    }
    for (differs, mount, executables, path) in groups {
        let at = shown(&mount.target);
        let Some(first) = executables.first() else { continue };
        let name = who(facts, first);
        let users = users_of(facts, &executables);
        let (title, cause, severity, confidence) = match differs {
            Differs::Noexec => (
                format!("{name} does not run: where execd lives, {at} is mounted noexec."),
                "The kernel refuses to start any file there (EACCES), also for root, and execd logs nothing. A shell of yours has other mounts and starts the script.",
                Severity::Error,
                Confidence::Proven,
            ),
            Differs::ReadOnly => (
                format!("{}: where execd lives, {at} is mounted read-only.", blocks_nothing(facts, &users)),
                "The program makes a directory in active-response/bin as its lock. It cannot, takes it for locked, tries again for 1225 seconds and gives up; execd waits for it. A shell of yours has other mounts, and there the same program works.",
                Severity::Error,
                Confidence::Proven,
            ),
            Differs::Other => (
                format!(
                    "{name} is not what you see: where execd lives, another file system is mounted at {at}."
                ),
                "What this report says of the file is read from the mounts of the reader. execd starts what is at that path in its own mounts, or nothing.",
                Severity::Warning,
                Confidence::Likely,
            ),
        };
        let unit = service(facts);
        let enter = format!("nsenter -t {pid} -m");
        let mut finding = Finding::new(check, Subject::Mount(at.clone()), title)
            .severity(severity)
            .confidence(confidence)
            .cause(cause)
            .observed(
                format!("/proc/{pid}/mountinfo"),
                format!("{at} {} {} {}", mount.fstype, mount.source, mount.options.join(",")),
            );
        if let Some(mine) = mount_at(ours, &path) {
            finding = finding.observed(
                facts.mounts().source.clone(),
                format!("{} {} {} {}", shown(&mine.target), mine.fstype, mine.source, mine.options.join(",")),
            );
        }
        let is_unit = has_unit(facts);
        let home = facts.install.home.display();
        finding = match differs {
            Differs::Noexec if is_unit => {
                finding.remedy(format!("systemctl edit {unit}   # [Service] ExecPaths={home}"))
            }
            Differs::ReadOnly if is_unit => {
                finding.remedy(format!("systemctl edit {unit}   # [Service] ReadWritePaths={home}"))
            }
            Differs::Noexec => {
                finding.remedy(format!("{enter} mount -o remount,bind,exec {}", quote_path(&mount.target)))
            }
            Differs::ReadOnly => {
                finding.remedy(format!("{enter} mount -o remount,bind,rw {}", quote_path(&mount.target)))
            }
            Differs::Other => {
                finding.remedy(format!("{enter} ls -l {}   # what execd has there", quote_path(&path)))
            }
        };
        sink.find(about_all(
            facts,
            &executables,
            finding
                .remedy(restart(facts))
                .verify(format!("{enter} findmnt -T {}", quote_path(&path)))
                .shares("process:execd"),
        ));
    }
}

/// A mount over the directory of responses hides the shipped programs.
fn hidden(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let check = checks::BIN_HIDDEN;
    let bin = facts.under_home("active-response/bin");
    let missing: Vec<&Executable> = facts
        .executables()
        .iter()
        .filter(|executable| {
            let needed = facts
                .users_of(executable)
                .iter()
                .any(|&user| facts.response(user).is_some_and(|response| response.runs == Runs::Here));
            needed && executable.target.is_absent()
        })
        .collect();
    if missing.is_empty() {
        return;
    }
    let names = facts.bin_names();
    if let Some(gap) = names.unknown().or_else(|| facts.mounts().unknown()) {
        sink.unknown(check, users_of(facts, &missing), gap);
        return;
    }
    let Some(real) = facts.resolve(&bin).get().map(|real| real.path.clone()) else { return };
    let Some(mount) = mount_here(facts, &bin) else { return };
    let covers = mount.target == real || Some(mount.target.as_path()) == real.parent();
    let shipped = |name: &String| stock::program_named(name.as_bytes()).is_some();
    if !covers || names.get().into_iter().flatten().any(shipped) {
        return;
    }
    let at = shown(&mount.target);
    let first = missing.first().map_or_else(String::new, |first| lossy(&first.name));
    let finding = Finding::new(
        check,
        Subject::Mount(at.clone()),
        format!("{first} does not run: a mount at {at} hides the programs of Wazuh."),
    )
    .confidence(Confidence::Likely)
    .cause("What is mounted there has none of the shipped programs; those lie in the directory below it, where nobody reaches them. execd says once at INFO level \"Active response command not present\".")
    .observed(facts.mounts().source.clone(), format!("{at} {} {} {}", mount.fstype, mount.source, shown(&mount.root)))
    .observed(shown(&bin), format!("{} entries, none of them shipped with Wazuh", names.get().map_or(0, Vec::len)))
    .remedy(format!("umount {}   # shows what is below; take the mount out of /etc/fstab, the mount unit or the container's volumes", quote_path(&mount.target)))
    .remedy(format!("{}   # execd remembers that the file was missing", restart(facts)))
    .verify(format!("ls -l {}", quote_path(&bin)))
    .shares(format!("mount:{at}"))
    .shares(shown(&bin));
    sink.find(about_all(facts, &missing, finding));
}

/// A FUSE file system of a user lets root in only where it says so (`allow_other`, `allow_root`).
fn fuse(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    let check = checks::FUSE_WITHOUT_ROOT;
    let mut all: Vec<(&Mount, Vec<&Executable>)> = Vec::new();
    for executable in facts.executables() {
        if let Some(gap) = executable.mount.unknown() {
            sink.unknown(check, facts.users_of(executable), gap);
            continue;
        }
        let Some(mount) = executable.mount.get() else { continue };
        let is_fuse =
            mount.fstype == "fuse" || mount.fstype == "fuseblk" || mount.fstype.starts_with("fuse.");
        let owner = mount.super_options.iter().find_map(|option| option.strip_prefix("user_id="));
        let lets_in =
            mount.super_options.iter().any(|option| option == "allow_other" || option == "allow_root");
        if !is_fuse || lets_in || owner.is_none_or(|owner| owner == "0") {
            continue;
        }
        match all.iter_mut().find(|(known, _)| known.target == mount.target) {
            Some((_, executables)) => executables.push(executable),
            None => all.push((mount, vec![executable])),
        }
    }
    for (mount, executables) in all {
        let at = shown(&mount.target);
        let Some(first) = executables.first() else { continue };
        let finding = Finding::new(
            check,
            Subject::Mount(at.clone()),
            format!("{} does not run: {at} is a FUSE file system that lets nobody in but the user who mounted it, root included.", who(facts, first)),
        )
        // A parameter of the module may let administrators in.
        .confidence(Confidence::Likely)
        .cause("The kernel asks who mounted it (fuse_allow_current_process) and refuses execd, which is root. execd takes the file for missing.")
        .observed(facts.mounts().source.clone(), format!("{at} {} {}", mount.fstype, mount.super_options.join(",")))
        .remedy("mount it as root, or with -o allow_other and user_allow_other in /etc/fuse.conf")
        .verify(format!("findmnt -no OPTIONS {}", quote_path(&mount.target)))
        .shares(format!("mount:{at}"));
        sink.find(about_all(facts, &executables, finding));
    }
}
