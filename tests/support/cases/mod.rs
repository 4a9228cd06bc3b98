//! The fault grid: for every check a fault that puts it in the headline, and a
//! near miss that stays silent.
//!
//! A row is a base host and a few edits. The same rows run in memory and, as
//! root, on real homes built from them.

mod alerts;
mod blocked;
mod change;
mod config;
mod delivery;
mod filesystem;
mod host;
mod logs;
mod processes;
mod rules;
mod script;
mod security;
mod suppressions;
mod tools;

use ar_doctor::findings::{CheckId, checks};
use ar_doctor::host::Host;
use ar_doctor::host::capture::{CaptureHost, EditError};
use ar_doctor::wazuh::ossec_conf::{self, Role};
use ar_doctor::wazuh::version::Version;

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Its check leads the report, and nothing else is an error.
    Fault,
    /// Nothing is an error or a warning, and its check is not found.
    NearMiss,
}

/// Where a row can be run besides in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Real {
    /// On a directory tree with real owners and modes.
    Tree,
    /// On a tree, with this mount option put on the directory that is named.
    Mount(&'static str, &'static str),
    /// Not on a tree: why.
    No(&'static str),
}

/// One row.
pub struct Case {
    /// The check it is about.
    pub check: CheckId,
    /// What is done to the host, in words.
    pub what: &'static str,
    /// The base host.
    pub base: &'static str,
    /// What it shows.
    pub shows: Shows,
    /// Whether a real home can show it too.
    pub real: Real,
    /// The edited host is compared with its base, as `--baseline` does.
    pub against_base: bool,
    /// What `ar-doctor.toml` says, where there is one.
    pub suppressions: Option<&'static str>,
    /// The edits.
    pub edit: Edit,
}

/// A few edits.
pub type Edit = fn(&mut CaptureHost) -> Result<(), EditError>;

const MANAGER: &str = "manager-4.14-debian";
const AGENT: &str = "agent-4.14-debian";
const CONF: &str = "/var/ossec/etc/ossec.conf";
const AR_CONF: &str = "/var/ossec/etc/shared/ar.conf";
const DELIVERED: &str = "/var/ossec/etc/shared/merged.mg";

const fn fault(check: CheckId, what: &'static str, base: &'static str, edit: Edit) -> Case {
    Case {
        check,
        what,
        base,
        shows: Shows::Fault,
        real: Real::Tree,
        against_base: false,
        suppressions: None,
        edit,
    }
}

const fn near(check: CheckId, what: &'static str, base: &'static str, edit: Edit) -> Case {
    Case {
        check,
        what,
        base,
        shows: Shows::NearMiss,
        real: Real::Tree,
        against_base: false,
        suppressions: None,
        edit,
    }
}

impl Case {
    /// The row, but not on a tree.
    const fn not_on_a_tree(mut self, why: &'static str) -> Self {
        self.real = Real::No(why);
        self
    }

    /// The row, with the base host as a baseline.
    const fn against_its_base(mut self) -> Self {
        self.against_base = true;
        self.real = Real::No("it is compared with the base host in memory");
        self
    }

    /// The row, with a file of accepted findings.
    const fn accepting(mut self, suppressions: &'static str) -> Self {
        self.suppressions = Some(suppressions);
        self.real = Real::No("it is no matter of the host");
        self
    }

    /// The row, on a tree where a directory is mounted so.
    const fn mounted(mut self, directory: &'static str, options: &'static str) -> Self {
        self.real = Real::Mount(directory, options);
        self
    }

    /// Makes the edits. What they do to an agent's ar.conf came from the manager, unless they
    /// change what the manager sent as well.
    pub fn apply(&self, host: &mut CaptureHost) -> Result<(), EditError> {
        let lists = |host: &CaptureHost| {
            let read =
                |path: &str| host.read(path.as_ref(), 1 << 24).get().map(|content| content.bytes.clone());
            (read(AR_CONF), read(DELIVERED))
        };
        let before = lists(host);
        (self.edit)(host)?;
        let after = lists(host);
        if self.check == checks::AR_CONF_DIFFERS || before.1 != after.1 || before.0 == after.0 {
            return Ok(());
        }
        if let ((_, Some(_)), (Some(list), _)) = (before, after) {
            let header = format!("#default\n!{} ar.conf\n", list.len());
            host.write(DELIVERED, [header.into_bytes(), list].concat())?;
        }
        Ok(())
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        format!("{} {:?}: {} ({})", self.check, self.shows, self.what, self.base)
    }
}

/// All rows.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let all = config::CASES.iter().chain(host::CASES).chain(rules::CASES);
    all.chain(script::CASES)
        .chain(alerts::CASES)
        .chain(change::CASES)
        .chain(suppressions::CASES)
        .chain(tools::CASES)
        .chain(delivery::CASES)
        .chain(security::CASES)
        .chain(filesystem::CASES)
        .chain(blocked::CASES)
        .chain(processes::CASES)
        .chain(logs::CASES)
}

/// The text of a file of a host.
fn text(host: &CaptureHost, path: &str) -> String {
    let content = host.read(path.as_ref(), 1 << 20);
    let content = content.get().unwrap_or_else(|| panic!("{path} has no text: {content:?}"));
    String::from_utf8_lossy(&content.bytes).into_owned()
}

/// Replaces a piece of a file, which has to be there.
fn replace(host: &mut CaptureHost, path: &str, from: &str, to: &str) -> Result<(), EditError> {
    let old = text(host, path);
    assert!(old.contains(from), "{path} does not hold {from:?}");
    host.write(path, old.replacen(from, to, 1))?;
    Ok(())
}

/// Replaces a piece of ossec.conf and, on a manager, restarts it: ar.conf
/// becomes what analysisd leaves behind with the new text, accepted or not.
pub fn config(host: &mut CaptureHost, from: &str, to: &str) -> Result<(), EditError> {
    replace(host, CONF, from, to)?;
    restarted(host)
}

/// Writes ossec.conf and restarts, see [`config`].
fn whole_config(host: &mut CaptureHost, bytes: impl AsRef<[u8]>) -> Result<(), EditError> {
    host.write(CONF, bytes)?;
    restarted(host)
}

/// What remoted makes of ar.conf, seconds later: the files of a group in one.
fn delivered(host: &mut CaptureHost) -> Result<(), EditError> {
    const GROUP: &str = "/var/ossec/etc/shared/default";
    if host.entry(format!("{GROUP}/merged.mg").as_ref()).get().is_none() {
        return Ok(());
    }
    let mut merged = b"#default\n".to_vec();
    for (name, path) in [("ar.conf", AR_CONF.to_owned()), ("agent.conf", format!("{GROUP}/agent.conf"))] {
        let content = host.read(path.as_ref(), 1 << 20);
        if let Some(content) = content.get() {
            merged.extend(format!("!{} {name}\n", content.bytes.len()).bytes());
            merged.extend(&content.bytes);
        }
    }
    host.write(format!("{GROUP}/merged.mg"), merged)?;
    Ok(())
}

/// What a start of analysisd leaves in ar.conf.
fn restarted(host: &mut CaptureHost) -> Result<(), EditError> {
    if host.entry("/var/ossec/bin/wazuh-analysisd".as_ref()).get().is_none() {
        return Ok(());
    }
    let content = host.read(CONF.as_ref(), 1 << 26);
    if let Some(content) = content.get() {
        let control = text(host, "/var/ossec/bin/wazuh-control");
        let version = ar_doctor::wazuh::install::version(control.as_bytes()).or(Version::parse("4.14.2"));
        let read = ossec_conf::read(&content.bytes, Role::Manager, version);
        host.write(AR_CONF, read.ar_conf)?;
        delivered(host)?;
    }
    Ok(())
}
