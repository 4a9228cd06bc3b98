//! SELinux and AppArmor: what they denied to execd, to a script and to what it calls, and labels
//! and profiles that are likely to.
//!
//! A denial is what proves something. Without one, only what the policy is known to forbid is
//! said, and no more than it is sure: the policy itself is not read.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::executable::{about, about_all, who};
use super::{Probe, Sink, interference, lossy, quote, quote_path};
use crate::facts::alerts::iso;
use crate::facts::security::{FiledProfile, Logged};
use crate::facts::{Executable, Facts};
use crate::findings::{CheckId, Confidence, Finding, Severity, Subject, checks};
use crate::host::apparmor::{self, Loaded, Mode};
use crate::host::audit_log::{Denial, Module};
use crate::host::selinux::{Expected, type_of};
use crate::host::{Fact, FileType, Gap, GapKind, Value};
use crate::wazuh::launch::{self, Program};
use crate::wazuh::stock;

/// SELinux and AppArmor.
pub(super) const PROBE: Probe = Probe { name: "security", checks: CHECKS, run };

const CHECKS: &[CheckId] = &[
    checks::SELINUX_START_DENIED,
    checks::SELINUX_RUN_DENIED,
    checks::SELINUX_LABEL,
    checks::EXECD_DENIED,
    checks::APPARMOR_START_DENIED,
    checks::APPARMOR_RUN_DENIED,
    checks::APPARMOR_CONFINES,
];

/// Checks that look at denials of SELinux.
const OF_SELINUX: &[CheckId] =
    &[checks::SELINUX_START_DENIED, checks::SELINUX_RUN_DENIED, checks::EXECD_DENIED];

/// Checks that look at denials of AppArmor.
const OF_APPARMOR: &[CheckId] =
    &[checks::APPARMOR_START_DENIED, checks::APPARMOR_RUN_DENIED, checks::EXECD_DENIED];

/// Domains to which the policies `targeted` and `minimum` forbid nothing: what execd runs in when
/// systemd or its init script starts it there, or a person.
const UNCONFINED: &[&str] = &["unconfined_service_t", "unconfined_t", "initrc_t", "kernel_t", "spc_t"];

/// Labels that a file keeps from the place it was made in and moved from, or has when it has none.
const FROM_ELSEWHERE: &[&str] = &[
    "user_home_t",
    "user_home_dir_t",
    "admin_home_t",
    "user_tmp_t",
    "tmp_t",
    "nfs_t",
    "default_t",
    "container_file_t",
    "unlabeled_t",
];

/// File systems on which every file has a label of its own.
const WITH_LABELS: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "f2fs"];

/// What tools have their effect with; a denial of one of these matters, whoever called it.
const EFFECTIVE: &[&str] = &[
    "iptables",
    "ip6tables",
    "nft",
    "ipset",
    "firewall-cmd",
    "ufw",
    "ip",
    "route",
    "passwd",
    "usermod",
    "chage",
];

fn run(facts: &Facts<'_>, sink: &mut Sink<'_, '_>) {
    if facts.is_bare() || facts.executables().is_empty() {
        return;
    }
    let scripts: Vec<Script<'_>> =
        facts.executables().iter().filter_map(|executable| Script::new(facts, executable)).collect();
    if scripts.is_empty() {
        return;
    }
    selinux(facts, sink, &scripts);
    apparmor(facts, sink, &scripts);
}

/// An executable as records name it.
struct Script<'f> {
    executable: &'f Executable,
    /// The file without links.
    file: PathBuf,
    /// What it is called by, and where that leads.
    paths: Vec<PathBuf>,
    /// What the kernel calls a process of it, 15 bytes at most.
    comm: Vec<u8>,
    /// Its interpreter, as it names it and without links.
    interpreters: Vec<PathBuf>,
    /// The interpreter without links that env(1) starts for it, as execd's PATH has it.
    by_env: Option<PathBuf>,
    /// The last parts of the programs it calls.
    tools: Vec<Vec<u8>>,
}

impl<'f> Script<'f> {
    fn new(facts: &Facts<'_>, executable: &'f Executable) -> Option<Self> {
        let file = executable.file()?.path.clone();
        let mut interpreters = Vec::new();
        if let Some(Program::Script(shebang)) = executable.program.get() {
            let named = PathBuf::from(lossy(&shebang.interpreter));
            interpreters.extend(facts.resolve(&named).get().map(|found| found.path.clone()));
            interpreters.push(named);
        }
        let last = |name: &str| name.rsplit('/').next().unwrap_or_default().as_bytes().to_vec();
        let of_stock =
            stock::needs_of(&executable.name).flat_map(|need| need.any_of).map(|tool| last(tool.name));
        let of_block_ip =
            stock::BLOCK_IP.iter().filter(|_| executable.name == b"block-ip").map(|tool| last(tool.name));
        let of_text = facts.calls(executable).into_iter().map(|need| last(&need.name));
        // What env(1) becomes has the name of the interpreter, not that of the script.
        let by_env = executable
            .head
            .get()
            .and_then(|head| launch::named_interpreter(&head.bytes))
            .filter(|_| interpreters.iter().any(|path| path.ends_with("env")))
            .map(|name| last(&name));
        let found_by_env = by_env.as_ref().and_then(|name| {
            let mut directories = facts.search_path().text.as_deref().unwrap_or("").split(':');
            directories.find_map(|directory| {
                let place = Path::new(directory).join(std::ffi::OsStr::from_bytes(name));
                facts.resolve(&place).get().map(|found| found.path.clone())
            })
        });
        let tools = of_stock
            .chain(of_block_ip)
            .chain(of_text)
            .chain(by_env)
            .map(|name| short(&name).to_vec())
            .collect();
        let name = executable.path.file_name()?.as_bytes();
        let mut paths = vec![executable.path.clone(), file.clone()];
        // The home may be reached by a link.
        if let (Some(home), Ok(inside)) =
            (facts.resolve(&facts.install.home).get(), executable.path.strip_prefix(&facts.install.home))
        {
            paths.push(home.path.join(inside));
        }
        paths.dedup();
        Some(Self {
            executable,
            comm: short(name).to_vec(),
            file,
            paths,
            interpreters,
            by_env: found_by_env,
            tools,
        })
    }

    fn is_called(&self, path: &[u8]) -> bool {
        self.paths.iter().any(|own| own.as_os_str().as_bytes() == path)
    }
}

/// As much of a name as the kernel keeps of a process.
fn short(name: &[u8]) -> &[u8] {
    &name[..name.len().min(15)]
}

/// A denial that concerns something, and how sure that is.
#[derive(Clone, Copy)]
struct Hit<'d> {
    logged: &'d Logged,
    confidence: Confidence,
    severity: Severity,
}

/// Denials of one thing, the newest first.
#[derive(Default)]
struct Group<'d>(Vec<Hit<'d>>);

impl<'d> Group<'d> {
    /// The one to show: the worst, then the surest, then the newest.
    fn first(&self) -> Option<Hit<'d>> {
        self.0.iter().copied().rev().max_by_key(|hit| (hit.severity, hit.confidence))
    }

    /// With the records as evidence.
    fn shown(&self, mut finding: Finding) -> Finding {
        let Some(first) = self.first() else { return finding };
        finding = finding.severity(first.severity).confidence(first.confidence);
        let one = &first.logged.denial;
        let source = format!("{} audit({}:{})", first.logged.file.display(), seconds(one.time), one.serial);
        finding = finding.observed(source, excerpt(&one.line));
        if self.0.len() > 1 {
            let newest = self.0.iter().map(|hit| hit.logged.denial.time).max().unwrap_or(one.time);
            finding = finding.observed(
                first.logged.file.display().to_string(),
                format!(
                    "{} such denials, the last at {}",
                    self.0.len(),
                    iso(newest - newest.rem_euclid(1000))
                ),
            );
        }
        finding
    }
}

fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

/// A record without what stands before its stamp.
fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.split(['\u{1d}', '\n']).next().unwrap_or_default();
    let text =
        text.split_once("audit(").and_then(|(_, rest)| rest.split_once("): ")).map_or(text, |(_, rest)| rest);
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").chars().take(320).collect()
}

/// Whether what was denied keeps somebody from doing something, and not only from looking.
fn is_effective(denial: &Denial) -> bool {
    const DOES: &[&str] = &[
        "write",
        "append",
        "create",
        "unlink",
        "link",
        "rename",
        "add_name",
        "remove_name",
        "setattr",
        "execute",
        "execute_no_trans",
        "connectto",
        "name_connect",
        "name_bind",
        "send_msg",
        "module_request",
        "setopt",
        "sendto",
        "transition",
        "nlmsg_write",
        "entrypoint",
        "mounton",
        "signal",
        "sigkill",
    ];
    let is_capability = denial.class.starts_with("capability") || denial.class == "capable";
    // The kernel asks for these where it then does without.
    let only_tried = denial.permissions.iter().all(|asked| TRIED.contains(&asked.as_str()));
    (is_capability && !only_tried)
        || denial.class.starts_with("netlink_")
        || denial.class.starts_with("rawip_")
        || denial.permissions.iter().any(|asked| DOES.contains(&asked.as_str()))
}

/// Capabilities that are often asked for without need.
const TRIED: &[&str] = &[
    "dac_read_search",
    "dac_override",
    "sys_ptrace",
    "sys_resource",
    "sys_tty_config",
    "sys_nice",
    "block_suspend",
];

// SELinux.

fn selinux(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, scripts: &[Script<'_>]) {
    let security = facts.security();
    if let (None, Some(gap)) = (security.enforcing.get(), security.configured.unknown())
        && !security.enforcing.is_absent()
    {
        sink.unknown_for_all(&[checks::SELINUX_LABEL], &gap);
        sink.unknown_for_all(OF_SELINUX, &gap);
        return;
    }
    // It was set to pass all until the next boot, and its log says what will be denied then.
    let is_trial = security.enforcing.get() == Some(&false) && security.is_to_enforce();
    if !security.denies() && !is_trial {
        return;
    }
    let domain = security.execd.get().and_then(|label| type_of(label)).map(str::to_owned);
    let is_unconfined = is_unconfined(facts, domain.as_deref());
    let denials = facts.denials();
    // AR231 says it to the user.
    if let Some(gap) = denials.gap.clone().or_else(|| security.enforcing.unknown()).or_else(|| hidden(facts))
    {
        // Where nothing is forbidden, what is not seen is no denial either.
        for &check in OF_SELINUX {
            let users = if is_unconfined { Vec::new() } else { users(facts, scripts) };
            sink.unknown(check, users, gap.clone());
        }
    }
    let seen = Seen { facts, domain: domain.as_deref(), scripts };
    let mut starts: BTreeMap<usize, Group<'_>> = BTreeMap::new();
    let mut runs: BTreeMap<(Vec<usize>, Vec<u8>), Group<'_>> = BTreeMap::new();
    let mut apart: BTreeMap<Vec<u8>, Group<'_>> = BTreeMap::new();
    let mut execd = Group::default();
    for logged in &denials.all {
        let denial = &logged.denial;
        // In a trial what has passed counts like what was refused before it.
        let has_passed = if is_trial {
            denial.permissive != Some(true) && denial.success == Some(true)
        } else {
            denial.permissive == Some(true) || denial.success == Some(true)
        };
        if denial.module != Module::Selinux || has_passed {
            continue;
        }
        let source = type_of(&denial.source).unwrap_or_default();
        if facts.is_permissive_domain(source).get() == Some(&true) {
            continue;
        }
        let built = facts.policy_built();
        let is_older = built.is_some_and(|built| built.saturating_mul(1000) > denial.time);
        // The policy was changed since, and may allow it now.
        let hit = |severity: Severity, confidence: Confidence| match is_older {
            true => Hit { logged, severity: Severity::Advice, confidence: Confidence::Possible },
            false => Hit { logged, severity, confidence },
        };
        match seen.selinux(logged) {
            Of::Start(script, _) if is_trial => {
                starts.entry(script).or_default().0.push(hit(Severity::Warning, Confidence::Likely));
            }
            _ if is_trial => {}
            Of::Start(script, confidence) => {
                starts.entry(script).or_default().0.push(hit(Severity::Error, confidence));
            }
            Of::Run(callers) => {
                let severity = if is_effective(denial) { Severity::Error } else { Severity::Warning };
                let group = runs.entry((callers, denial.comm.clone())).or_default();
                group.0.push(hit(severity, Confidence::Likely));
            }
            Of::Tool => {
                let group = apart.entry(denial.comm.clone()).or_default();
                group.0.push(hit(Severity::Advice, Confidence::Possible));
            }
            Of::Execd => execd.0.push(hit(Severity::Warning, Confidence::Likely)),
            Of::Other => {}
        }
    }
    for (script, group) in &starts {
        if let Some(script) = scripts.get(*script) {
            start_denied(facts, sink, script, group);
        }
    }
    for ((callers, comm), group) in &runs {
        run_denied(facts, sink, &numbered(scripts, callers), comm, group);
    }
    for (comm, group) in &apart {
        tool_denied(facts, sink, scripts, comm, group);
    }
    execd_denied(facts, sink, scripts, &execd);
    if !is_trial {
        labels(facts, sink, scripts, domain.as_deref(), is_unconfined);
    }
}

/// Why denials may not be in the log although it can be read.
fn hidden(facts: &Facts<'_>) -> Option<Gap> {
    interference::hides(facts, &["AVC"]).map(|source| Gap {
        kind: GapKind::NotCollected,
        source,
        why: "an audit rule keeps denials out of the log".to_owned(),
    })
}

/// Whether the policy forbids nothing to a domain. Only that of distributions is known so well.
fn is_unconfined(facts: &Facts<'_>, domain: Option<&str>) -> bool {
    matches!(facts.security().policy.as_str(), "targeted" | "minimum")
        && domain.is_some_and(|domain| UNCONFINED.contains(&domain))
}

fn users(facts: &Facts<'_>, scripts: &[Script<'_>]) -> Vec<usize> {
    scripts.iter().flat_map(|script| facts.users_of(script.executable)).collect()
}

/// What a denial concerns.
enum Of {
    /// The start of a script, by its number.
    Start(usize, Confidence),
    /// A script that runs, or a tool that it called, or one of several did.
    Run(Vec<usize>),
    /// A tool that a script may have called.
    Tool,
    /// execd in its own work.
    Execd,
    /// Nothing of ours.
    Other,
}

/// What denials are held against.
struct Seen<'s, 'f> {
    facts: &'s Facts<'f>,
    /// Type of execd's label.
    domain: Option<&'s str>,
    scripts: &'s [Script<'s>],
}

impl Seen<'_, '_> {
    fn is_execd(&self, denial: &Denial) -> bool {
        let program = self.facts.execd().map(|daemon| (daemon.comm(), daemon.name.as_str()));
        program.is_some_and(|(comm, name)| {
            let file = self.facts.under_home("bin").join(name);
            denial.comm == comm.as_bytes()
                && denial.exe.as_deref().is_none_or(|exe| {
                    exe == file.as_os_str().as_bytes()
                        || self
                            .facts
                            .resolve(&file)
                            .get()
                            .is_some_and(|real| real.path.as_os_str().as_bytes() == exe)
                })
        })
    }

    /// How sure it is that a denial is about a file: none when it is not. An inode that differs is
    /// of a file that was replaced since.
    fn names(&self, denial: &Denial, file: &Path, paths: &[PathBuf]) -> Option<Confidence> {
        let inode =
            || self.facts.open(file).get().and_then(|source| source.identity()).map(|(_, inode)| inode);
        let differs = |of_record: Option<u64>| match (of_record, inode()) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
        let is_it = |path: &[u8]| paths.iter().any(|own| own.as_os_str().as_bytes() == path);
        if let Some(named) = denial.whole_paths().iter().find(|named| is_it(&named.name)) {
            return (!differs(named.inode)).then_some(Confidence::Proven);
        }
        let last = denial.name.name.as_slice();
        let is_named = paths.iter().any(|own| own.file_name().is_some_and(|name| name.as_bytes() == last));
        if !is_named || !denial.whole_paths().is_empty() || differs(denial.name.inode) {
            return None;
        }
        Some(if denial.name.inode.is_some() && inode().is_some() {
            Confidence::Proven
        } else {
            Confidence::Likely
        })
    }

    fn selinux(&self, logged: &Logged) -> Of {
        let denial = &logged.denial;
        let source = type_of(&denial.source);
        // It runs in another domain now, so this is of the past or of somebody else.
        let other_domain = self.domain.is_some() && source != self.domain;
        if self.is_execd(denial) {
            if other_domain {
                return Of::Other;
            }
            for (number, script) in self.scripts.iter().enumerate() {
                let found = self
                    .names(denial, &script.file, &script.paths)
                    .map(|sure| (sure, &script.file))
                    .or_else(|| {
                        let interpreter = script.interpreters.first()?;
                        Some((self.names(denial, interpreter, &script.interpreters)?, interpreter))
                    });
                let Some((sure, object)) = found else { continue };
                if self.is_mended(denial, object) {
                    return Of::Other;
                }
                let sure = if denial.permissive.is_none() { sure.min(Confidence::Likely) } else { sure };
                return Of::Start(number, sure);
            }
            let below_bin = denial.whole_paths().iter().any(|named| {
                named.name.starts_with(self.facts.under_home("active-response/bin").as_os_str().as_bytes())
            });
            return if is_effective(denial) || below_bin || denial.success == Some(false) {
                Of::Execd
            } else {
                Of::Other
            };
        }
        for (number, script) in self.scripts.iter().enumerate() {
            if denial.comm != script.comm || other_domain || !self.is_run_by(denial, script) {
                continue;
            }
            // The interpreter may not read the script.
            let reads = ["read", "open", "map", "execute"].iter().any(|asked| denial.asks(asked));
            if let Some(sure) = self.names(denial, &script.file, &script.paths).filter(|_| reads) {
                return if self.is_mended(denial, &script.file) {
                    Of::Other
                } else {
                    Of::Start(number, sure)
                };
            }
            return if self.is_moot(denial) { Of::Other } else { Of::Run(vec![number]) };
        }
        if self.is_moot(denial) {
            return Of::Other;
        }
        match self.callers(denial, Module::Selinux) {
            callers if !callers.is_empty() => Of::Run(callers),
            _ => {
                let is_tool = self.scripts.iter().any(|script| script.tools.contains(&denial.comm));
                let has_effect = EFFECTIVE.iter().any(|tool| tool.as_bytes() == denial.comm);
                // Without its system call nobody knows whether it mattered: descriptors that a
                // program inherits are denied to it, and it does not even notice.
                let mattered = denial.success == Some(false) && is_effective(denial);
                if is_tool && has_effect && mattered { Of::Tool } else { Of::Other }
            }
        }
    }

    /// Whether a process of a script's name is of the script.
    fn is_run_by(&self, denial: &Denial, script: &Script<'_>) -> bool {
        denial.exe.as_deref().is_none_or(|exe| {
            let is_it = |path: &PathBuf| path.as_os_str().as_bytes() == exe;
            script.interpreters.iter().any(is_it)
                || script.paths.iter().any(is_it)
                // env(1) becomes what it starts.
                || script.interpreters.iter().any(|path| path.ends_with("env"))
        })
    }

    /// The scripts that may have called a tool to which something was denied, where the records
    /// tell that one did: the process of a script is its parent, it was in Wazuh's directory, or the
    /// object is there.
    fn callers(&self, denial: &Denial, module: Module) -> Vec<usize> {
        let which = |fits: &dyn Fn(&Script<'_>) -> bool| -> Vec<usize> {
            let all = self.scripts.iter().enumerate();
            all.filter(|(_, script)| fits(script)).map(|(number, _)| number).collect()
        };
        let parent = denial.ppid.and_then(|ppid| {
            self.facts.denials().all.iter().map(|logged| &logged.denial).find(|other| {
                other.module == module
                    && other.pid == Some(ppid)
                    && (other.time - denial.time).abs() < 600_000
                    && self.scripts.iter().any(|script| script.comm == other.comm)
            })
        });
        if let Some(parent) = parent {
            return which(&|script| script.comm == parent.comm);
        }
        let home = self.facts.install.home.as_os_str().as_bytes();
        let is_below = |path: &[u8]| {
            path.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let is_ours = denial.cwd.as_deref().is_some_and(is_below)
            || denial.whole_paths().iter().any(|named| is_below(&named.name));
        if is_ours { which(&|script| script.tools.contains(&denial.comm)) } else { Vec::new() }
    }

    /// A descriptor that a program inherits at its start is closed when its label forbids it: the
    /// start goes on. The call is then execve(2), of which the record has the object's path.
    fn is_moot(&self, denial: &Denial) -> bool {
        let only_uses = denial.permissions.iter().all(|asked| {
            matches!(asked.as_str(), "read" | "write" | "append" | "use" | "ioctl" | "getattr" | "open")
        });
        let inherits = matches!(
            denial.class.as_str(),
            "fifo_file" | "unix_stream_socket" | "unix_dgram_socket" | "udp_socket" | "tcp_socket" | "fd"
        );
        inherits && only_uses && denial.success != Some(false)
    }

    /// Whether the object has another label now than it was denied for.
    fn is_mended(&self, denial: &Denial, object: &Path) -> bool {
        let label = self.facts.selinux_label(object);
        // The object may be the directory, of which the record has the last part alone.
        if denial.class == "dir" {
            return false;
        }
        label.get().and_then(|label| type_of(label)).is_some_and(|now| Some(now) != type_of(&denial.target))
    }
}

/// What the policy says of a file's label: what it has, and what it should have.
struct Label {
    has: Option<String>,
    should: Option<String>,
}

impl Label {
    fn of(facts: &Facts<'_>, path: &Path, file_type: FileType) -> Self {
        let label = facts.selinux_label(path);
        let has = label.get().and_then(|label| type_of(label)).map(str::to_owned);
        let should = facts.file_contexts().get().and_then(|contexts| {
            match contexts.expected(&path.display().to_string(), file_type)? {
                Expected::Context(context) => type_of(&context).map(str::to_owned),
                Expected::Nothing => None,
            }
        });
        Self { has, should }
    }

    /// Whether restorecon(8) would change it.
    fn is_wrong(&self) -> bool {
        matches!((&self.has, &self.should), (Some(has), Some(should)) if has != should)
    }

    fn is_for_programs(&self) -> bool {
        self.has.as_deref().is_some_and(is_for_programs)
    }

    /// Whether restorecon(8) would give it a label that every domain may run.
    fn is_mended_by_policy(&self) -> bool {
        self.is_wrong() && self.should.as_deref().is_some_and(is_for_programs)
    }
}

fn is_for_programs(label: &str) -> bool {
    matches!(label, "bin_t" | "shell_exec_t" | "lib_t") || label.ends_with("_exec_t")
}

/// The directory of responses without links, which is what the policy goes by.
fn real_bin(facts: &Facts<'_>) -> PathBuf {
    let bin = facts.under_home("active-response/bin");
    facts.resolve(&bin).get().map_or(bin, |found| found.path.clone())
}

/// The commands that make everything in the directory of responses a program.
fn label_as_programs(facts: &Facts<'_>, finding: Finding) -> Finding {
    let bin = real_bin(facts);
    let pattern = regex::escape(&bin.display().to_string()).replace("\\-", "-");
    finding
        .remedy(format!("semanage fcontext -a -t bin_t {}", quote(&format!("{pattern}(/.*)?"))))
        .remedy(format!("restorecon -Rv {}", quote_path(&bin)))
}

/// The label, that of the directory and that of execd, as evidence.
fn with_labels(facts: &Facts<'_>, finding: Finding, path: &Path) -> Finding {
    let mut finding = finding;
    for path in [Some(path), path.parent()].into_iter().flatten() {
        if let Some(label) = facts.selinux_label(path).get() {
            finding = finding.observed(path.display().to_string(), format!("label {label}"));
        }
    }
    match facts.security().execd.get() {
        Some(label) => finding.observed("execd", format!("label {label}")),
        None => finding,
    }
}

/// The commands that make SELinux allow what it denied about a file, by what is wrong.
fn mend_file(facts: &Facts<'_>, finding: Finding, path: &Path, hit: Hit<'_>) -> Finding {
    let label = Label::of(facts, path, FileType::Regular);
    let is_below = path.starts_with(real_bin(facts));
    if label.is_mended_by_policy() || (label.is_wrong() && !is_below) {
        return finding.remedy(format!("restorecon -v {}", quote_path(path)));
    }
    // The label of the policy would be that of data, which was denied or would be next.
    if is_below && (label.is_wrong() || !label.is_for_programs()) {
        return label_as_programs(facts, finding);
    }
    module(finding, hit)
}

/// A module of one's own, when nothing simpler allows it.
fn module(finding: Finding, hit: Hit<'_>) -> Finding {
    let name = format!(
        "ar_{}",
        lossy(&hit.logged.denial.comm)
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
            .collect::<String>()
    );
    let records = if hit.logged.audited {
        format!("ausearch -m avc -ts this-week -c {}", quote(&lossy(&hit.logged.denial.comm)))
    } else {
        let comm = format!("comm=\"{}\"", lossy(&hit.logged.denial.comm));
        format!("grep -F {} {}", quote(&comm), quote_path(&hit.logged.file))
    };
    finding.remedy(format!("{records} | audit2allow -M {name}")).remedy(format!(
        "cat {name}.te && semodule -i {name}.pp   # only when it allows no more than you want"
    ))
}

fn look_again(hit: Hit<'_>) -> String {
    if hit.logged.audited {
        "ausearch -m avc -ts recent".to_owned()
    } else {
        "journalctl -k -g 'avc|apparmor' --since -10min".to_owned()
    }
}

/// The words of permissions in a title.
fn asked(denial: &Denial) -> String {
    denial.permissions.join(", ")
}

/// What SELinux denies somebody, for the end of a title: `to append /var/log/x`.
fn denies(denial: &Denial) -> String {
    if denial.class.starts_with("capability") {
        return format!("the capability {}", asked(denial));
    }
    let whole = || denial.whole_paths().into_iter().next().map(|named| named.name);
    let object =
        denial.path.clone().or_else(|| (denial.class == "file" || denial.class == "dir").then(whole)?);
    let object = object.unwrap_or_else(|| denial.name.name.clone());
    let object = if object.is_empty() { denial.class.clone() } else { lossy(&object) };
    format!("to {} {object}", asked(denial))
}

const OLDER: &str = " The policy was built anew since, so it may be mended.";

fn start_denied(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, script: &Script<'_>, group: &Group<'_>) {
    let Some(hit) = group.first() else { return };
    let denial = &hit.logged.denial;
    let by_execd = script.comm != denial.comm;
    let names_script = denial.whole_paths().iter().any(|named| script.is_called(&named.name))
        || script
            .paths
            .iter()
            .any(|path| path.file_name().is_some_and(|name| name.as_bytes() == denial.name.name));
    let object = match script.interpreters.first() {
        Some(interpreter) if !names_script => interpreter,
        _ => &script.file,
    };
    let source = type_of(&denial.source).unwrap_or("?");
    let is_trial = facts.security().enforcing.get() == Some(&false);
    let title = format!(
        "{} {} {source} to {} {} ({}).",
        who(facts, script.executable),
        match hit.severity {
            _ if is_trial && hit.severity == Severity::Warning =>
                "will not run once SELinux enforces again: it would deny",
            Severity::Error => "does not run: SELinux denies",
            _ => "may not run: SELinux denies",
        },
        asked(denial),
        object.display(),
        type_of(&denial.target).unwrap_or("?"),
    );
    let cause = if is_trial {
        "SELinux is permissive now and /etc/selinux/config says enforcing, so the next boot, or setenforce 1, makes the kernel refuse it with EACCES."
    } else if by_execd {
        "The kernel refuses the start with EACCES, whoever asks; execd logs nothing of it."
    } else {
        "The interpreter is started and may not read the script; its complaint goes to /dev/null."
    };
    let cause = format!("{cause}{}", if hit.severity == Severity::Advice { OLDER } else { "" });
    let mut finding =
        Finding::new(checks::SELINUX_START_DENIED, Subject::File(script.executable.shown()), title)
            .cause(cause);
    finding = group.shown(finding);
    if is_trial {
        finding = finding
            .observed(facts.security().enforcing.source.clone(), "0: permissive now")
            .observed(facts.security().configured.source.clone(), "SELINUX=enforcing");
    }
    finding = with_labels(facts, finding, object);
    finding = mend_file(facts, finding, object, hit).verify(look_again(hit));
    sink.find(about(facts, script.executable, finding));
}

fn numbered<'s, 'f>(scripts: &'s [Script<'f>], numbers: &[usize]) -> Vec<&'s Script<'f>> {
    numbers.iter().filter_map(|number| scripts.get(*number)).collect()
}

/// The subject of a denial while a script runs: the script, or what one or several called.
fn run_subject(scripts: &[&Script<'_>], comm: &[u8]) -> Subject {
    match scripts {
        [script] if script.comm == comm => Subject::File(script.executable.shown()),
        [script] => Subject::File(format!("{} ({})", script.executable.shown(), lossy(comm))),
        _ => Subject::Process(lossy(comm)),
    }
}

fn run_denied(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    scripts: &[&Script<'_>],
    comm: &[u8],
    group: &Group<'_>,
) {
    let (Some(hit), Some(script)) = (group.first(), scripts.first()) else { return };
    let denial = &hit.logged.denial;
    let (is_own, tool) = (script.comm == comm, lossy(comm));
    let title = format!(
        "{} {} what it is for: SELinux denies {} {}.",
        who(facts, script.executable),
        if hit.severity == Severity::Error { "does not do" } else { "may not do" },
        if is_own { "it".to_owned() } else { format!("{tool}, which it calls,") },
        denies(denial),
    );
    let mut finding =
        Finding::new(checks::SELINUX_RUN_DENIED, run_subject(scripts, comm), title).cause(format!(
            "It was denied as {} to an object of type {}. Messages of the program go to /dev/null.{}",
            type_of(&denial.source).unwrap_or("?"),
            type_of(&denial.target).unwrap_or("?"),
            if hit.severity == Severity::Advice { OLDER } else { "" }
        ));
    finding = group.shown(finding);
    let path = denial.path.as_ref().map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(path)));
    let file = path.filter(|path| path.is_absolute() && matches!(denial.class.as_str(), "file" | "dir"));
    finding = match file {
        Some(path) if Label::of(facts, &path, kind(&denial.class)).is_wrong() => {
            finding.remedy(format!("restorecon -v {}", quote_path(&path)))
        }
        _ => module(finding, hit),
    };
    let executables: Vec<&Executable> = scripts.iter().map(|script| script.executable).collect();
    sink.find(about_all(facts, &executables, finding.verify(look_again(hit))));
}

fn kind(class: &str) -> FileType {
    if class == "dir" { FileType::Directory } else { FileType::Regular }
}

/// Who called the tool is not told, so it is a hint for all that may have.
fn tool_denied(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    scripts: &[Script<'_>],
    comm: &[u8],
    group: &Group<'_>,
) {
    let Some(hit) = group.first() else { return };
    let callers: Vec<&Executable> = scripts
        .iter()
        .filter(|script| script.tools.iter().any(|tool| tool == comm))
        .map(|script| script.executable)
        .collect();
    let Some(first) = callers.first() else { return };
    let tool = lossy(comm);
    let finding = Finding::new(
        checks::SELINUX_RUN_DENIED,
        Subject::Process(tool.clone()),
        format!(
            "{} may not do what it is for: SELinux denied {tool}, which it calls, {}.",
            who(facts, first),
            denies(&hit.logged.denial)
        ),
    )
    .cause("The records do not tell who called it: it may have been another service.");
    let finding = module(group.shown(finding), hit).verify(look_again(hit));
    sink.find(about_all(facts, &callers, finding));
}

fn execd_denied(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, scripts: &[Script<'_>], group: &Group<'_>) {
    let Some(hit) = group.first() else { return };
    let denial = &hit.logged.denial;
    let object =
        denial.whole_paths().into_iter().next().map_or_else(|| denial.name.name.clone(), |named| named.name);
    let object = if object.is_empty() { denial.class.clone() } else { lossy(&object) };
    let (who, mend) = match denial.module {
        Module::Selinux => ("SELinux", "label"),
        Module::Apparmor => ("AppArmor", "profile"),
    };
    let finding = Finding::new(
        checks::EXECD_DENIED,
        Subject::Process("execd".to_owned()),
        format!("execd may not do its work: {who} denies it to {} {object}.", asked(denial)),
    )
    .cause(format!(
        "execd runs as {}, and the {mend} does not let it. What it needs for every response (its socket, ar.conf, pipes to the script) must be allowed.",
        denial.source
    ));
    let finding = group.shown(finding);
    let finding = match denial.module {
        Module::Selinux => module(finding, hit),
        Module::Apparmor => mend_profile(facts, finding, &denial.source, rule_for(denial).as_deref()),
    };
    let executables: Vec<&Executable> = scripts.iter().map(|script| script.executable).collect();
    sink.find(about_all(facts, &executables, finding.verify(look_again(hit))));
}

/// Labels that a script has from elsewhere. What they do depends on the domain of execd.
fn labels(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    scripts: &[Script<'_>],
    domain: Option<&str>,
    is_unconfined: bool,
) {
    let check = checks::SELINUX_LABEL;
    if let Some(gap) = facts.security().execd.unknown() {
        sink.unknown(check, users(facts, scripts), gap);
    }
    if let Some(domain) = domain {
        let permissive = facts.is_permissive_domain(domain);
        if permissive.get() == Some(&true) {
            return;
        }
        if let Some(gap) = permissive.unknown().filter(|_| !is_unconfined) {
            return sink.unknown(check, users(facts, scripts), gap);
        }
    }
    for script in scripts {
        let label = facts.selinux_label(&script.file);
        if let Some(gap) = label.unknown() {
            let users = if is_unconfined { Vec::new() } else { facts.users_of(script.executable) };
            sink.unknown(check, users, gap);
            continue;
        }
        let has_labels = script.executable.mount.get().is_some_and(|mount| {
            WITH_LABELS.contains(&mount.fstype.as_str())
                && !mount.options.iter().any(|option| option.starts_with("context="))
        });
        let has = match label.get().and_then(|label| type_of(label)) {
            Some(has) => has.to_owned(),
            None if label.is_absent() && has_labels && facts.security().enforcing.get().is_some() => {
                "unlabeled_t".to_owned()
            }
            None => continue,
        };
        // What runs in a container is labelled for that, its domain too (container_selinux(8)).
        let is_at_home =
            has == "container_file_t" && domain.is_some_and(|name| name.starts_with("container_"));
        if !FROM_ELSEWHERE.contains(&has.as_str()) || is_at_home {
            continue;
        }
        let contexts = facts.file_contexts();
        let labels = Label::of(facts, &script.file, FileType::Regular);
        let by_policy = labels.is_mended_by_policy() || (is_unconfined && labels.is_wrong());
        let expected = labels.should;
        if let Some(gap) = contexts.unknown() {
            let users = if is_unconfined { Vec::new() } else { facts.users_of(script.executable) };
            sink.unknown(check, users, gap);
            continue;
        }
        let is_wrong = expected.as_ref().is_some_and(|expected| *expected != has);
        // systemd's own domain, in which it leaves a program whose label it does not know, may
        // start nothing of a home or of /tmp; of other domains it is not known here.
        let (severity, confidence, runs) = match domain {
            _ if is_unconfined => (
                Severity::Advice,
                Confidence::Possible,
                "has a label from elsewhere; execd is unconfined and may run it all the same",
            ),
            Some("init_t") => (Severity::Warning, Confidence::Likely, "is not likely to run under SELinux"),
            _ => (Severity::Advice, Confidence::Possible, "may not run under SELinux"),
        };
        if is_unconfined && !is_wrong {
            continue;
        }
        let should = expected
            .filter(|_| is_wrong)
            .map_or_else(String::new, |expected| format!(" instead of {expected}, which it would have here"));
        let title = format!("{} {runs}: its file is labelled {has}{should}.", who(facts, script.executable));
        let mut finding = Finding::new(check, Subject::File(script.executable.shown()), title)
            .severity(severity)
            .confidence(confidence)
            .cause("mv keeps the label of the place a file comes from, and so do archives and volumes of containers; cp and restorecon give that of the new place. Confined domains may not run what belongs to users.")
            .verify(format!("ls -Z {}", quote_path(&script.file)));
        finding = with_labels(facts, finding, &script.file);
        finding = if by_policy {
            finding.remedy(format!("restorecon -v {}", quote_path(&script.file)))
        } else {
            label_as_programs(facts, finding)
        };
        sink.find(about(facts, script.executable, finding));
    }
}

// AppArmor.

fn apparmor(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, scripts: &[Script<'_>]) {
    let security = facts.security();
    if matches!(security.apparmor.value, Value::Absent | Value::Known(false)) {
        return;
    }
    let gap_of_kernel = security.apparmor.unknown();
    if gap_of_kernel.is_some() && facts.profiles().is_absent() {
        // Without profiles nothing is confined.
        return;
    }
    let confined = execd_profile(facts);
    if let Some(gap) = confined.unknown() {
        sink.unknown(checks::APPARMOR_CONFINES, users(facts, scripts), gap);
    }
    let of_execd = confined.get();
    if let Some(profile) = of_execd.filter(|profile| profile.mode.refuses() && !is_of_container(profile)) {
        execd_confined(facts, sink, scripts, profile);
    }
    let of_scripts: Vec<Option<&FiledProfile>> =
        scripts.iter().map(|script| own_profile(facts, script)).collect();
    if of_execd.is_none() && confined.unknown().is_none() {
        if let Some(gap) = facts.profiles().unknown() {
            sink.unknown(checks::APPARMOR_CONFINES, users(facts, scripts), gap);
        }
        for (script, profile) in scripts.iter().zip(&of_scripts) {
            if let Some(profile) = profile {
                script_confined(facts, sink, script, profile);
            }
        }
    }
    denied_by_apparmor(facts, sink, scripts, &confined, &of_scripts, gap_of_kernel);
}

const REWRITTEN: &str = " The profile was written anew since, so it may be mended.";

/// Profiles that container engines put on all that runs in a container: they forbid to mount and to
/// look at others, and let every program run.
const OF_CONTAINERS: &[&str] = &[
    "docker-default",
    "containers-default-",
    "cri-containerd.apparmor.d",
    "crio-default",
    "lxc-",
    "lxd-",
    "incus-",
    "libvirt-",
];

fn is_of_container(profile: &Loaded) -> bool {
    OF_CONTAINERS.iter().any(|name| profile.name.starts_with(name))
}

/// The profile execd runs under; absent when it is unconfined. Where its label is not known, by the
/// file it was started from.
fn execd_profile(facts: &Facts<'_>) -> Fact<Loaded> {
    let label = &facts.security().execd;
    match &label.value {
        Value::Known(text) => match apparmor::label(text) {
            Some(profile) => Fact::known(label.source.clone(), profile),
            None => Fact::absent(label.source.clone()),
        },
        // It does not run, or AppArmor is not the one that labels here: the profile of its file counts.
        _ if facts.profiles().unknown().is_none() => {
            let name = facts.execd().map_or("wazuh-execd", |daemon| daemon.name.as_str()).to_owned();
            let filed = facts.attached(&facts.under_home("bin").join(name));
            let source = label.source.clone();
            filed.map_or_else(
                || Fact::absent(source.clone()),
                |filed| {
                    Fact::known(
                        source.clone(),
                        Loaded { name: filed.profile.name.clone(), mode: mode(facts, filed) },
                    )
                },
            )
        }
        _ => label.unknown().map_or_else(|| Fact::absent(label.source.clone()), Gap::into_fact),
    }
}

/// How a profile acts: as it is loaded, else as its file says.
fn mode(facts: &Facts<'_>, filed: &FiledProfile) -> Mode {
    match facts.security().loaded.get() {
        Some(loaded) => {
            loaded.iter().find(|one| one.name == filed.profile.name).map_or(Mode::Passes, |one| one.mode)
        }
        None => filed.profile.mode,
    }
}

/// The profile of the script's file, else that of the interpreter env(1) starts for it.
fn own_profile<'f>(facts: &'f Facts<'_>, script: &Script<'_>) -> Option<&'f FiledProfile> {
    let of = |path: &Path| facts.attached(path).filter(|filed| mode(facts, filed).refuses());
    of(&script.file).or_else(|| of(script.by_env.as_deref()?))
}

fn file_of<'f>(facts: &'f Facts<'_>, name: &str) -> Option<&'f FiledProfile> {
    facts.profiles().get()?.iter().find(|filed| filed.profile.name == name)
}

/// The commands that make a profile allow something: a rule where it is known, else what proposes
/// one.
fn mend_profile(facts: &Facts<'_>, finding: Finding, name: &str, rule: Option<&str>) -> Finding {
    let Some(filed) = file_of(facts, name) else {
        return finding
            .remedy("aa-logprof   # proposes the rules that are missing, and loads the profile again");
    };
    let file = quote_path(&filed.file);
    match rule {
        Some(rule) => finding
            .remedy(format!("sed -i {} {file}", quote(&format!("{}a\\  {rule}", filed.profile.line))))
            .remedy(format!("apparmor_parser -r {file}")),
        None => finding
            .remedy(format!("aa-logprof   # or add the rule to {file} by hand"))
            .remedy(format!("apparmor_parser -r {file}")),
    }
}

/// The rule that allows what was denied; none where the record does not tell it whole.
fn rule_for(denial: &Denial) -> Option<String> {
    if denial.class == "capable" {
        let [capability] = denial.permissions.as_slice() else { return None };
        return capability
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            .then(|| format!("capability {capability},"));
    }
    let path = std::str::from_utf8(denial.path.as_deref()?).ok()?;
    rule_of(path, &denial.permissions.concat())
}

/// A rule for a path; none for one with characters that mean something in rules.
fn rule_of(path: &str, asked: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:".contains(&byte);
    if asked.is_empty() || !path.starts_with('/') || !path.bytes().all(is_plain) {
        return None;
    }
    let mut letters = String::new();
    for letter in asked.chars() {
        let granted = match letter {
            // What is started has to be read, too, and stays under the profile.
            'x' => "rix",
            'c' | 'd' | 'w' | 'a' => "w",
            'r' => "r",
            'k' => "k",
            'm' => "m",
            'l' => "l",
            _ => return None,
        };
        if !letters.contains(granted) {
            letters.push_str(granted);
        }
    }
    Some(format!("{path} {letters},"))
}

/// execd is confined: scripts get only what its profile lets them.
fn execd_confined(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, scripts: &[Script<'_>], loaded: &Loaded) {
    let filed = file_of(facts, &loaded.name);
    let refused: Vec<&Executable> = scripts
        .iter()
        .filter(|script| {
            filed.is_some_and(|filed| facts.profile_may(&filed.profile, &script.file, 'x') == Some(false))
        })
        .map(|script| script.executable)
        .collect();
    let rule = refused.first().and_then(|_| {
        let bin = real_bin(facts).display().to_string();
        rule_of(&bin, "x").map(|rule| rule.replacen(" ", "/* ", 1))
    });
    let mode = if loaded.mode == Mode::Kill { "kill" } else { "enforce" };
    let (title, severity, confidence, about_these): (String, _, _, Vec<&Executable>) = match refused.first() {
        Some(first) => (
            format!(
                "{} is not likely to run: execd is confined by the AppArmor profile {}, and no rule of it lets the script be started.",
                who(facts, first),
                loaded.name
            ),
            Severity::Warning,
            Confidence::Likely,
            refused.clone(),
        ),
        None => (
            format!(
                "Responses may be kept from their work: execd is confined by the AppArmor profile {}.",
                loaded.name
            ),
            Severity::Advice,
            Confidence::Possible,
            scripts.iter().map(|script| script.executable).collect(),
        ),
    };
    let mut finding = Finding::new(checks::APPARMOR_CONFINES, Subject::Process("execd".to_owned()), title)
        .severity(severity)
        .confidence(confidence)
        .cause("A script that a confined process starts needs a rule with x of its own, and what it calls needs more. Wazuh ships no profile, so this one was made here.")
        .observed("execd", format!("label {} ({mode})", loaded.name));
    if let Some(filed) = filed {
        finding = finding.observed(
            format!("{}:{}", filed.file.display(), filed.profile.line),
            format!("profile {}", loaded.name),
        );
    }
    finding = mend_profile(facts, finding, &loaded.name, rule.as_deref())
        .verify("journalctl -k -g apparmor --since -10min");
    sink.find(about_all(facts, &about_these, finding));
}

/// A profile of the script's own: the kernel puts it on by the file that execve(2) names, so that
/// of an interpreter counts only where env(1) starts it.
fn script_confined(facts: &Facts<'_>, sink: &mut Sink<'_, '_>, script: &Script<'_>, filed: &FiledProfile) {
    let is_script = !script.interpreters.is_empty();
    let cannot_read = is_script && facts.profile_may(&filed.profile, &script.file, 'r') == Some(false);
    let rule = rule_of(&script.file.display().to_string(), "r").filter(|_| cannot_read);
    let who = who(facts, script.executable);
    let name = &filed.profile.name;
    let is_of_file = facts.attached(&script.file).is_some_and(|own| std::ptr::eq(own, filed));
    let whose = if is_of_file { "file" } else { "interpreter" };
    let (title, severity, confidence) = if cannot_read {
        (
            format!(
                "{who} is not likely to run: no rule of the AppArmor profile {name} lets the interpreter read the script."
            ),
            Severity::Warning,
            Confidence::Likely,
        )
    } else {
        (
            format!(
                "{who} may be kept from its work: its {whose} is confined by the AppArmor profile {name}."
            ),
            Severity::Advice,
            Confidence::Possible,
        )
    };
    let mut finding = Finding::new(checks::APPARMOR_CONFINES, Subject::File(script.executable.shown()), title)
        .severity(severity)
        .confidence(confidence)
        .cause("What no rule of the profile allows is refused to it and to what it calls; the complaint of the interpreter goes to /dev/null.")
        .observed(format!("{}:{}", filed.file.display(), filed.profile.line), format!("profile {name} is for its {whose}"));
    finding = mend_profile(facts, finding, name, rule.as_deref())
        .verify("journalctl -k -g apparmor --since -10min");
    sink.find(about(facts, script.executable, finding));
}

fn denied_by_apparmor(
    facts: &Facts<'_>,
    sink: &mut Sink<'_, '_>,
    scripts: &[Script<'_>],
    confined: &Fact<Loaded>,
    of_scripts: &[Option<&FiledProfile>],
    gap_of_kernel: Option<Gap>,
) {
    let denials = facts.denials();
    let is_confined = |number: usize| {
        let by_execd = !confined.is_absent() && !confined.get().is_some_and(is_of_container);
        by_execd || of_scripts.get(number).is_some_and(Option::is_some)
    };
    if let Some(gap) = denials.gap.clone().or(gap_of_kernel).or_else(|| hidden(facts)) {
        // To an unconfined process nothing is denied.
        let users: Vec<usize> = scripts
            .iter()
            .enumerate()
            .filter(|(number, _)| is_confined(*number))
            .flat_map(|(_, script)| facts.users_of(script.executable))
            .collect();
        for &check in OF_APPARMOR {
            sink.unknown(check, users.clone(), gap.clone());
        }
    }
    let seen = Seen { facts, domain: None, scripts };
    let of_execd = confined.get().map(|profile| profile.name.as_str());
    let is_ours = |profile: &str| {
        let first = profile.split("//").next().unwrap_or_default();
        let of_script = of_scripts.iter().flatten().any(|filed| filed.profile.name == first);
        Some(first) == of_execd || of_script
    };
    let mut starts: BTreeMap<usize, Group<'_>> = BTreeMap::new();
    let mut runs: BTreeMap<(Vec<usize>, Vec<u8>), Group<'_>> = BTreeMap::new();
    let mut execd = Group::default();
    for logged in &denials.all {
        let denial = &logged.denial;
        // A profile that is gone, or only complains now, denies nothing any more.
        let is_in_force = facts.security().loaded.get().is_none_or(|loaded| {
            loaded.iter().any(|one| {
                let is_it =
                    one.name == denial.source || denial.source.starts_with(&format!("{}//", one.name));
                is_it && one.mode.refuses()
            })
        });
        if denial.module != Module::Apparmor || !is_in_force {
            continue;
        }
        // The profile was written anew since, and may allow it now.
        let own = denial.source.split("//").next().unwrap_or_default();
        let is_older = file_of(facts, own)
            .and_then(|filed| facts.resolve(&filed.file).get().map(|found| found.meta.mtime))
            .is_some_and(|changed| changed.saturating_mul(1000) > denial.time);
        let hit = |severity, confidence| match is_older {
            true => Hit { logged, severity: Severity::Advice, confidence: Confidence::Possible },
            false => Hit { logged, severity, confidence },
        };
        let by_execd = seen.is_execd(denial);
        // It runs under another profile now, or under none.
        let is_other = match confined.get() {
            Some(profile) => profile.name != denial.source,
            None => confined.is_absent() && facts.security().execd.get().is_some(),
        };
        if by_execd && is_other {
            continue;
        }
        let named = scripts.iter().position(|script| {
            denial.path.as_deref().is_some_and(|path| script.is_called(path))
                && (by_execd || denial.comm == script.comm)
        });
        let severity = |denial: &Denial| {
            let only_looks =
                denial.permissions.iter().all(|asked| asked == "r" || TRIED.contains(&asked.as_str()));
            if only_looks { Severity::Warning } else { Severity::Error }
        };
        if let Some(number) = named {
            starts.entry(number).or_default().0.push(hit(Severity::Error, Confidence::Proven));
        } else if by_execd {
            execd.0.push(hit(Severity::Warning, Confidence::Likely));
        } else if let Some(number) =
            scripts.iter().position(|script| script.comm == denial.comm && seen.is_run_by(denial, script))
        {
            let group = runs.entry((vec![number], denial.comm.clone())).or_default();
            group.0.push(hit(severity(denial), Confidence::Likely));
        } else {
            let mut callers = seen.callers(denial, Module::Apparmor);
            if callers.is_empty() && is_ours(&denial.source) {
                let calls = |(_, script): &(usize, &Script<'_>)| script.tools.contains(&denial.comm);
                callers = scripts.iter().enumerate().filter(calls).map(|(number, _)| number).collect();
            }
            if !callers.is_empty() {
                let group = runs.entry((callers, denial.comm.clone())).or_default();
                group.0.push(hit(severity(denial), Confidence::Likely));
            }
        }
    }
    for (number, group) in &starts {
        let (Some(script), Some(hit)) = (scripts.get(*number), group.first()) else { continue };
        let denial = &hit.logged.denial;
        let title = format!(
            "{} {}: the AppArmor profile {} denies {} of {}.",
            who(facts, script.executable),
            if hit.severity == Severity::Error { "does not run" } else { "may not run" },
            denial.source,
            if denial.asks("x") { "the start" } else { "reading" },
            script.file.display()
        );
        let finding =
            Finding::new(checks::APPARMOR_START_DENIED, Subject::File(script.executable.shown()), title)
                .cause(format!(
                    "The kernel refuses it with EACCES, root included; execd logs nothing of it.{}",
                    if hit.severity == Severity::Advice { REWRITTEN } else { "" }
                ));
        let finding = mend_profile(facts, group.shown(finding), &denial.source, rule_for(denial).as_deref())
            .verify(look_again(hit));
        sink.find(about(facts, script.executable, finding));
    }
    for ((callers, comm), group) in &runs {
        let callers = numbered(scripts, callers);
        let (Some(script), Some(hit)) = (callers.first(), group.first()) else { continue };
        let denial = &hit.logged.denial;
        let what = match (&denial.path, denial.permissions.concat()) {
            (Some(path), asked) if !asked.is_empty() => format!("{asked} of {}", lossy(path)),
            (Some(path), _) => format!("{} of {}", denial.class, lossy(path)),
            (None, _) if denial.class == "capable" => format!("the capability {}", asked(denial)),
            (None, _) => denial.class.clone(),
        };
        let (is_own, tool) = (script.comm == *comm, lossy(comm));
        let title = format!(
            "{} {} what it is for: the AppArmor profile {} denies {} {what}.",
            who(facts, script.executable),
            if hit.severity == Severity::Error { "does not do" } else { "may not do" },
            denial.source,
            if is_own { "it".to_owned() } else { format!("{tool}, which it calls,") },
        );
        let finding = Finding::new(checks::APPARMOR_RUN_DENIED, run_subject(&callers, comm), title)
            .cause(format!(
                "What no rule of the profile allows is refused, root included. Messages of the program go to /dev/null.{}",
                if hit.severity == Severity::Advice { REWRITTEN } else { "" }
            ));
        let finding = mend_profile(facts, group.shown(finding), &denial.source, rule_for(denial).as_deref())
            .verify(look_again(hit));
        let executables: Vec<&Executable> = callers.iter().map(|script| script.executable).collect();
        sink.find(about_all(facts, &executables, finding));
    }
    execd_denied(facts, sink, scripts, &execd);
}
