//! What `replay` is to play: a response, an executable, or any file, and the execd
//! that starts it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::super::Failure;
use crate::engine::is_named;
use crate::facts::Facts;
use crate::findings::ResponseIndex;
use crate::host::{FileType, Host, SourceKind, Value};
use crate::lint;
use crate::redact::Redactor;
use crate::replay::Target;
use crate::report::replay::Note;
use crate::wazuh::ar_conf::{self, BIN_DIR};
use crate::wazuh::execd::Setup;
use crate::wazuh::launch::{self, DEFAULT_PATH};
use crate::wazuh::stock;
use crate::wazuh::version::{Contract, Version};

/// The home that is assumed where there is none.
const ASSUMED_HOME: &str = "/var/ossec";

/// Seconds that are assumed for a script that can be undone, and has no response.
const ASSUMED_TIMEOUT: i32 = 60;

/// The most that is read of a script. Larger ones are no scripts.
const SCRIPT_LIMIT: u64 = 1024 * 1024;

/// Names that are told when one is not known.
const NEAR: usize = 8;

/// What the command line says about it.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// TARGET.
    pub(super) target: &'a str,
    /// `--timeout`.
    pub(super) timeout: Option<i32>,
    /// `--contract`.
    pub(super) contract: Option<Contract>,
    /// `--wazuh-version`.
    pub(super) version: Option<Version>,
}

/// What is to be played, and by which execd.
#[derive(Debug)]
pub(super) struct Found {
    /// With what.
    pub(super) target: Target,
    /// By which execd.
    pub(super) setup: Setup,
    /// Its `ar.conf`; none on 5.x.
    pub(super) ar_conf: Option<Vec<u8>>,
    /// Text of the script; none when it is compiled, or could not be read.
    pub(super) text: Option<Vec<u8>>,
    /// The response, when it is one of this host and the installed file is played.
    pub(super) response: Option<ResponseIndex>,
    /// The host's service it works through, so that no sandbox can hold it.
    pub(super) service: Option<&'static str>,
    /// It is installed, and is a FIFO.
    pub(super) is_fifo: bool,
    /// What was assumed.
    pub(super) notes: Vec<Note>,
}

/// What the name turned out to be.
struct Named {
    /// File below `active-response/bin`.
    file: Vec<u8>,
    /// A file elsewhere.
    install: Option<PathBuf>,
    /// The response that uses it.
    response: Option<ResponseIndex>,
}

/// Finds it on a host. `facts` are those of its Wazuh, if there is one.
pub(super) fn find(
    host: &dyn Host,
    facts: Option<&Facts<'_>>,
    redactor: &Redactor,
    asked: &Asked<'_>,
) -> Result<Found, Failure> {
    let mut notes = Vec::new();
    let named = if asked.target.contains('/') {
        by_path(host, facts, asked.target, &mut notes)?
    } else {
        match facts {
            Some(facts) => by_name(facts, asked.target, &mut notes)?,
            None => return Err(unknown(asked.target, &[])),
        }
    };
    let contract = asked.contract.or_else(|| asked.version.map(Contract::of));
    let contract = contract.or_else(|| facts.map(Facts::contract)).unwrap_or(Contract::Json4);
    let version = asked.version.or_else(|| facts.and_then(Facts::version));
    let version = version.filter(|&version| Contract::of(version) == contract);

    let path = Path::new(BIN_DIR).join(OsStr::from_bytes(&named.file));
    let home = facts.map_or_else(|| PathBuf::from(ASSUMED_HOME), |facts| facts.install.home.clone());
    if facts.is_none() {
        notes.push(matters(format!(
            "no Wazuh is installed here: {ASSUMED_HOME} is assumed, and exists in the sandbox only"
        )));
    }
    let file = named.install.clone().unwrap_or_else(|| home.join(&path));
    let text = text(host, &file);
    if let Some(text) = &text {
        redactor.mark(text);
    }
    let response = facts.zip(named.response).and_then(|(facts, index)| facts.response(index));
    let (timeout, timeout_from) = match (asked.timeout, response.and_then(|response| response.timeout)) {
        (Some(timeout), _) => (timeout, "--timeout".to_owned()),
        (None, Some(timeout)) => {
            let place = response.and_then(|response| response.place.as_ref());
            (timeout, place.map_or_else(String::new, |place| format!("{}:{}", place.file, place.line)))
        }
        (None, None) => assumed_timeout(&named.file, text.as_deref(), contract),
    };
    let name = match (contract, response) {
        (Contract::Json5, _) => named.file.clone(),
        (_, Some(response)) => response.name.clone(),
        (_, None) => [&named.file[..], timeout.to_string().as_bytes()].concat(),
    };
    let ar_conf = match contract {
        Contract::Json5 => None,
        Contract::Args | Contract::Json4 => {
            let line = Line { name: &name, file: &named.file, timeout };
            let is_its_own = response.is_some() && asked.timeout.is_none();
            Some(ar_conf(facts, &line, is_its_own, version))
        }
    };
    let gid = match facts {
        Some(facts) => facts.group_id(facts.install.group()).get().copied().flatten(),
        None => {
            let groups = host.groups();
            groups
                .get()
                .and_then(|groups| groups.iter().find(|group| group.name == "wazuh"))
                .map(|group| group.id)
        }
    };
    let offenders = facts
        .and_then(|facts| facts.config().read.as_ref())
        .map(|read| read.execd.offenders_in_force.clone())
        .unwrap_or_default();
    Ok(Found {
        target: Target {
            asked: asked.target.to_owned(),
            name: String::from_utf8_lossy(&name).into_owned(),
            path,
            home,
            install: named.install.clone(),
            gid,
            environment: environment(facts, redactor),
            timeout,
            timeout_from,
        },
        setup: Setup {
            contract,
            version,
            agent: facts.is_none_or(|facts| facts.install.is_agent()),
            repeated_offenders: offenders,
        },
        ar_conf,
        text,
        service: service(&named.file).filter(|_| named.install.is_none()),
        response: named.response.filter(|_| named.install.is_none()),
        is_fifo: named.install.is_none() && is_fifo(host, &file),
        notes,
    })
}

fn is_fifo(host: &dyn Host, file: &Path) -> bool {
    host.resolve(file).get().is_some_and(|resolved| resolved.meta.file_type == FileType::Fifo)
}

pub(super) fn matters(text: String) -> Note {
    Note { text, matters: true }
}

// ---- by name ----

fn by_name(facts: &Facts<'_>, name: &str, notes: &mut Vec<Note>) -> Result<Named, Failure> {
    if let Some(index) = response_named(facts, |index| is_named(facts, index, name), notes) {
        let response = facts.response(index);
        return match response.and_then(|response| response.executable.clone()) {
            Some(file) => Ok(Named { file, install: None, response: Some(index) }),
            None => Err(Failure::nothing(anyhow!(
                "the response '{name}' has no executable: its command is not defined. `ar-doctor check \
                 --response {name}` says why"
            ))),
        };
    }
    let installed = facts.bin_names().get().map_or(&[][..], Vec::as_slice);
    if installed.iter().any(|installed| installed == name) {
        return Ok(Named { file: name.as_bytes().to_vec(), install: None, response: None });
    }
    // analysisd writes the name of the command and its timeout (`src/analysisd/active-response.c`).
    let without_timeout = |index| {
        facts.response(index).is_some_and(|response| {
            let timeout = response.timeout.map(|timeout| timeout.to_string());
            timeout.is_some_and(|timeout| response.name == [name.as_bytes(), timeout.as_bytes()].concat())
        })
    };
    if let Some(index) = response_named(facts, without_timeout, notes)
        && let Some(response) = facts.response(index)
        && let Some(file) = response.executable.clone()
    {
        notes.push(matters(format!("no response is called '{name}': {} is played", response.shown())));
        return Ok(Named { file, install: None, response: Some(index) });
    }
    if let Some(gap) = facts.bin_names().unknown() {
        return Err(Failure::nothing(anyhow!(
            "no response is called '{name}', and {} cannot be looked at ({}); run it as root",
            gap.source,
            gap.why
        )));
    }
    let bin = facts.under_home(BIN_DIR);
    let is_directory = |name: &str| {
        let target = facts.resolve(&bin.join(name));
        target.get().is_some_and(|resolved| resolved.meta.file_type == FileType::Directory)
    };
    let mut known: Vec<String> = installed.iter().filter(|name| !is_directory(name)).cloned().collect();
    for response in facts.responses() {
        known.push(response.shown());
        known.extend(response.command.as_ref().map(|command| String::from_utf8_lossy(command).into_owned()));
    }
    Err(unknown(name, &known))
}

/// The first of these responses in the order of `ar.conf`, which is the one execd finds.
fn response_named(
    facts: &Facts<'_>,
    fits: impl Fn(ResponseIndex) -> bool,
    notes: &mut Vec<Note>,
) -> Option<ResponseIndex> {
    let mut found: Vec<ResponseIndex> =
        facts.all_responses().into_iter().filter(|&index| fits(index)).collect();
    let lines = facts.ar_conf().read.as_ref().map_or(&[][..], |read| &read.lines);
    let rank = |index: &ResponseIndex| {
        let response = facts.response(*index);
        let line = response.and_then(|response| lines.iter().position(|line| line.name == response.name));
        (response.is_none_or(|response| !response.is_meant()), line.unwrap_or(usize::MAX), *index)
    };
    found.sort_by_key(rank);
    let first = *found.first()?;
    let mut names: Vec<String> =
        found.iter().filter_map(|&index| facts.response(index)).map(|response| response.shown()).collect();
    names.dedup();
    if let [chosen, others @ ..] = names.as_slice()
        && !others.is_empty()
    {
        notes.push(matters(format!(
            "{} responses fit: {chosen} is played, which comes first in ar.conf; the others are {}",
            names.len(),
            others.join(", ")
        )));
    }
    if let Some(response) = facts.response(first) {
        if !response.is_meant() {
            notes.push(matters(format!(
                "{} is not in force on this host: `ar-doctor check -v` says why",
                response.shown()
            )));
        } else if !response.is_here() {
            notes.push(matters(format!(
                "{} runs on agents, not on this host: what is there may differ",
                response.shown()
            )));
        }
    }
    Some(first)
}

fn unknown(name: &str, known: &[String]) -> Failure {
    let mut names = known.to_vec();
    names.sort_by_cached_key(|known| (strsim::damerau_levenshtein(known, name), known.clone()));
    names.dedup();
    let more = names.len().saturating_sub(NEAR);
    names.truncate(NEAR);
    let known = match (names.is_empty(), more) {
        (true, _) => "none is installed here".to_owned(),
        (false, 0) => format!("there are: {}", names.join(", ")),
        (false, more) => format!("there are: {} and {more} more", names.join(", ")),
    };
    let path = if Path::new(name).is_file() { format!("./{name}") } else { "./my-script.sh".to_owned() };
    Failure::usage(anyhow!(
        "no response or executable is called '{name}'; {known}. A file elsewhere is named with a slash: {path}"
    ))
}

// ---- by path ----

fn by_path(
    host: &dyn Host,
    facts: Option<&Facts<'_>>,
    asked: &str,
    notes: &mut Vec<Note>,
) -> Result<Named, Failure> {
    let path = if host.kind() == SourceKind::Live {
        std::path::absolute(asked).map_err(|error| Failure::usage(anyhow!("{asked}: {error}")))?
    } else {
        Path::new("/").join(asked)
    };
    let directory = |path: &Path| host.resolve(path).get().map(|resolved| resolved.path.clone());
    let bin = facts.map(|facts| facts.under_home(BIN_DIR));
    let is_installed = bin.as_deref().is_some_and(|bin| {
        path.parent().and_then(directory).is_some_and(|parent| directory(bin) == Some(parent))
    });
    let resolved = host.resolve(&path);
    let real = match resolved.value {
        Value::Known(resolved) if resolved.meta.file_type == FileType::Regular => resolved.path,
        Value::Known(resolved) if resolved.meta.file_type == FileType::Fifo && is_installed => resolved.path,
        Value::Known(resolved) => {
            let what = resolved.meta.file_type.with_article();
            return Err(Failure::usage(anyhow!("{asked} is {what}; name a script or a program")));
        }
        Value::Absent => return Err(Failure::usage(anyhow!("{asked}: there is no such file"))),
        Value::Denied(why) => return Err(Failure::usage(anyhow!("{asked}: {why}; run it as root"))),
        Value::Failed(why) | Value::NotCollected(why) => {
            return Err(Failure::usage(anyhow!("{asked}: {why}")));
        }
    };
    let Some(file) = path.file_name().map(|file| file.as_bytes().to_vec()) else {
        return Err(Failure::usage(anyhow!("{asked} names no file")));
    };
    let Some(facts) = facts else {
        return Ok(Named { file, install: Some(real), response: None });
    };
    let uses = |index| {
        facts.response(index).is_some_and(|response| response.executable.as_deref() == Some(&file[..]))
    };
    let response = response_named(facts, uses, notes);
    if is_installed {
        return Ok(Named { file, install: None, response });
    }
    let shown = path.display();
    let in_place = host.entry(&facts.under_home(BIN_DIR).join(OsStr::from_bytes(&file))).get().is_some();
    notes.push(matters(if in_place {
        format!("{shown} is played in place of the file of that name in {BIN_DIR}, with mode 750 root:wazuh")
    } else {
        format!("{shown} is played as if it were installed in {BIN_DIR}, with mode 750 root:wazuh")
    }));
    Ok(Named { file, install: Some(real), response })
}

// ---- what goes with it ----

/// The script's text; none for a compiled program.
fn text(host: &dyn Host, file: &Path) -> Option<Vec<u8>> {
    let content = host.read(file, SCRIPT_LIMIT);
    let bytes = &content.get()?.bytes;
    match launch::program(bytes) {
        launch::Program::Elf | launch::Program::Foreign(_) => None,
        _ => Some(bytes.clone()),
    }
}

fn assumed_timeout(file: &[u8], text: Option<&[u8]>, contract: Contract) -> (i32, String) {
    let is_stateful = match text {
        Some(text) => lint::shown(text).stateful,
        // Wazuh's programs that act on an address or an account can be undone.
        None => stock::program_named(file).is_some_and(|program| {
            program.contracts.contains(&contract)
                && !["restart-wazuh", "wazuh-slack", "kaspersky"].contains(&program.name)
        }),
    };
    if is_stateful {
        (ASSUMED_TIMEOUT, "assumed: it can be undone, and no response uses it".to_owned())
    } else {
        (0, "assumed: nothing shows that it can be undone, and no response uses it".to_owned())
    }
}

/// A line of `ar.conf`.
struct Line<'a> {
    name: &'a [u8],
    file: &'a [u8],
    timeout: i32,
}

/// `ar.conf` as it is when it has the response, else with a line for it in front: execd
/// takes the first one of a name.
fn ar_conf(
    facts: Option<&Facts<'_>>,
    line: &Line<'_>,
    is_its_own: bool,
    version: Option<Version>,
) -> Vec<u8> {
    let own = facts.map(Facts::ar_conf);
    let lines = own.and_then(|own| own.read.as_ref()).map_or(&[][..], |read| &read.lines);
    let has_it = lines.iter().any(|known| {
        known.name == line.name
            && (is_its_own || known.executable == line.file && known.timeout == line.timeout)
    });
    let rest =
        own.and_then(|own| own.file.bytes.get().cloned()).unwrap_or_else(|| ar_conf::builtin_text(version));
    if has_it {
        return rest;
    }
    let timeout = line.timeout.to_string();
    [line.name, b" - ", line.file, b" - ", timeout.as_bytes(), b"\n", &rest].concat()
}

/// The host's service that a stock program works through: nothing it does would be seen,
/// and everything would happen on the host.
fn service(file: &[u8]) -> Option<&'static str> {
    match file {
        b"firewalld-drop" | b"firewalld-drop.sh" => Some("firewalld, over D-Bus"),
        b"restart-wazuh" | b"restart-ossec.sh" | b"restart.sh" => Some("the service manager"),
        _ => None,
    }
}

/// The variables of the running execd, else what systemd gives a service.
fn environment(facts: Option<&Facts<'_>>, redactor: &Redactor) -> Vec<(OsString, OsString)> {
    let process = facts.and_then(|facts| facts.execd()).and_then(|execd| execd.process());
    let is_live = facts.is_some_and(|facts| facts.source() == SourceKind::Live);
    if let Some(process) = process {
        if is_live && let Ok(bytes) = std::fs::read(format!("/proc/{}/environ", process.pid)) {
            return variables(&bytes, redactor);
        }
        if let Some(path) = process.env_path.get() {
            return vec![("PATH".into(), path.into())];
        }
        if process.env_path.is_absent() {
            return Vec::new();
        }
    }
    vec![("PATH".into(), DEFAULT_PATH.into())]
}

fn variables(bytes: &[u8], redactor: &Redactor) -> Vec<(OsString, OsString)> {
    bytes
        .split(|&byte| byte == 0)
        .filter_map(|variable| {
            let at = variable.iter().position(|&byte| byte == b'=').filter(|&at| at > 0)?;
            let (name, value) = variable.split_at_checked(at)?;
            redactor.mark(variable);
            let value = value.strip_prefix(b"=").unwrap_or_default();
            Some((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())))
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::facts::install;
    use crate::host::capture::CaptureHost;

    fn found(base: &str, asked: &Asked<'_>) -> Result<Found, (u8, String)> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts").join(base);
        let host = CaptureHost::open(&path).unwrap();
        let redactor = Redactor::new();
        let facts = Facts::new(&host, &redactor, install::find(&host, None).unwrap());
        find(&host, Some(&facts), &redactor, asked)
            .map_err(|failure| (failure.status, failure.error.to_string()))
    }

    fn asked(target: &str) -> Asked<'_> {
        Asked { target, timeout: None, contract: None, version: None }
    }

    const AGENT: &str = "agent-4.14-debian";

    #[test]
    fn a_name_is_a_response_or_an_executable_and_a_slash_makes_a_file() {
        for (base, target, name, path, timeout, from) in [
            (AGENT, "edge-block900", "edge-block900", "edge-block.sh", 900, "etc/shared/ar.conf:8"),
            (AGENT, "edge-block.sh", "edge-block900", "edge-block.sh", 900, "etc/shared/ar.conf:8"),
            (AGENT, "firewall-drop", "firewall-drop600", "firewall-drop", 600, "etc/shared/ar.conf:7"),
            (
                AGENT,
                "/var/ossec/active-response/bin/edge-block.sh",
                "edge-block900",
                "edge-block.sh",
                900,
                "etc/shared/ar.conf:8",
            ),
            (AGENT, "restart.sh", "restart.sh0", "restart.sh", 0, "assumed"),
            (AGENT, "host-deny", "host-deny60", "host-deny", 60, "assumed"),
            (
                "manager-4.14-debian",
                "firewall-drop",
                "firewall-drop600",
                "firewall-drop",
                600,
                "etc/ossec.conf:",
            ),
            ("agent-5.0-debian", "block-ip", "block-ip", "block-ip", 60, "assumed"),
        ] {
            let found = found(base, &asked(target)).unwrap();
            assert_eq!(found.target.name, name, "{target}");
            assert_eq!(found.target.path, Path::new(BIN_DIR).join(path), "{target}");
            assert_eq!(found.target.timeout, timeout, "{target}");
            assert!(found.target.timeout_from.starts_with(from), "{target}: {}", found.target.timeout_from);
            assert_eq!(found.target.install, None, "{target}");
            assert!(found.target.gid.is_some(), "{target}");
            assert!(found.target.environment.iter().any(|(name, _)| name == "PATH"), "{target}");
            assert_eq!(found.ar_conf.is_none(), base.contains("5.0"), "{target}");
            assert_eq!(found.setup.agent, base.starts_with("agent"), "{target}");
        }
    }

    #[test]
    fn ar_conf_stays_as_it_is_unless_the_target_is_not_in_it() {
        let first = |asked: &Asked<'_>| {
            let bytes = found(AGENT, asked).unwrap().ar_conf.unwrap();
            String::from_utf8(bytes).unwrap().lines().next().unwrap().to_owned()
        };
        assert_eq!(first(&asked("edge-block900")), "restart-ossec0 - restart-ossec.sh - 0");
        assert_eq!(first(&asked("host-deny")), "host-deny60 - host-deny - 60");
        let shorter = Asked { timeout: Some(5), ..asked("edge-block900") };
        assert_eq!(first(&shorter), "edge-block900 - edge-block.sh - 5");
    }

    #[test]
    fn a_file_elsewhere_is_played_as_if_it_were_installed() {
        let found = found(AGENT, &asked("/usr/bin/jq")).unwrap();
        assert_eq!(found.target.install.as_deref(), Some(Path::new("/usr/bin/jq")));
        assert_eq!(found.target.name, "jq0");
        assert_eq!((found.response, found.service), (None, None));
        assert!(found.notes.iter().any(|note| note.text.contains("as if it were installed")));
    }

    #[test]
    fn a_response_is_found_without_the_digits_of_its_timeout() {
        let played = found(AGENT, &asked("edge-block")).unwrap();
        assert_eq!((played.target.name.as_str(), played.target.timeout), ("edge-block900", 900));
        assert!(played.response.is_some());
        assert!(
            played.notes.iter().any(|note| note.matters && note.text.contains("edge-block900 is played"))
        );
        // An executable of that name goes before, as with `firewall-drop` of another command.
        assert_eq!(found(AGENT, &asked("host-deny")).unwrap().target.name, "host-deny60");
        for other in ["edge-bloc", "edge-block9", "edge-block90", "edge-block9000"] {
            assert!(found(AGENT, &asked(other)).is_err(), "{other}");
        }
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        let (status, said) = found(AGENT, &asked("edge-blok")).unwrap_err();
        assert_eq!(status, super::super::super::exit::USAGE);
        assert!(said.contains("there are: edge-block"), "{said}");
        for (target, words) in [("/usr/bin/none", "no such file"), ("/usr/bin/", "is a directory")] {
            let (status, said) = found(AGENT, &asked(target)).unwrap_err();
            assert_eq!(status, super::super::super::exit::USAGE);
            assert!(said.contains(words), "{target}: {said}");
        }
    }

    #[test]
    fn the_contract_is_the_hosts_unless_another_is_asked_for() {
        let of = |contract, version| {
            let asked = Asked { contract, version, ..asked("edge-block900") };
            let found = found(AGENT, &asked).unwrap();
            (found.setup.contract, found.setup.version.map(|version| version.major), found.target.name)
        };
        assert_eq!(of(None, None), (Contract::Json4, Some(4), "edge-block900".to_owned()));
        let five = Some(Version::new(5, 0, 0));
        assert_eq!(of(None, five), (Contract::Json5, Some(5), "edge-block.sh".to_owned()));
        assert_eq!(of(Some(Contract::Json5), None), (Contract::Json5, None, "edge-block.sh".to_owned()));
        assert_eq!(of(Some(Contract::Args), five), (Contract::Args, None, "edge-block900".to_owned()));
    }

    #[test]
    fn what_works_through_a_service_of_the_host_is_known_before() {
        let service = |target| found(AGENT, &asked(target)).unwrap().service;
        assert!(service("restart-wazuh").is_some() && service("restart.sh").is_some());
        assert_eq!(service("edge-block900"), None);
    }
}
