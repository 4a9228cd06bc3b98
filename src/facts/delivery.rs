//! What decides whether a message reaches its agent, as far as files tell: the daemons' state
//! files, `client.keys`, the groups' `merged.mg`, internal options.

use std::path::Path;

use jiff::tz::TimeZone;

use super::{Facts, TextFile};
use crate::host::{Fact, FileType, Meta, Value};
use crate::wazuh::ar_conf::{self, ArConf};
use crate::wazuh::client_keys::ClientKeys;
use crate::wazuh::internal_options::{self, KNOWN, Known, Setting};
use crate::wazuh::merged_mg;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::state::{self, State};
use crate::wazuh::version::Contract;

/// The most that is read of a state file, which has some hundred lines, and of internal options.
const SMALL: u64 = 256 * 1024;

/// The most that is read of `client.keys`: a line has some 90 bytes.
const KEYS: u64 = 64 * 1024 * 1024;

/// How much of a `merged.mg` is read: ar.conf stands first in it.
const MERGED: u64 = 1024 * 1024;

/// The state file of one daemon.
#[derive(Clone, Debug)]
pub struct StateFile {
    /// The daemon's program name.
    pub daemon: String,
    /// Its text.
    pub file: TextFile,
    /// When it was written, seconds since 1970.
    pub mtime: Fact<i64>,
    /// What is in it; none when it could not be read.
    pub read: Option<State>,
}

/// A group's `merged.mg`; on an agent the one that was delivered.
#[derive(Clone, Debug)]
pub struct Group {
    /// The group's name; `multigroup HASH` for agents of several groups, empty on an agent.
    pub name: String,
    /// Path of the file relative to the home.
    pub shown: String,
    /// The ar.conf in it: known and none when the file is there without one.
    pub ar_conf: Fact<Option<ArConf>>,
}

/// Everything about the way to the agent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `local_internal_options.conf`, which comes first, and `internal_options.conf`.
    pub options: [TextFile; 2],
    /// State files of the daemons on the way that write one.
    pub states: Vec<StateFile>,
    /// `queue/sockets/.wait`, there while an agent is not connected
    /// (`src/shared/wait_op.c os_setwait`, 4.2 to 4.14).
    pub wait: Fact<Meta>,
    /// The agents that may connect; on an agent itself.
    pub keys: Fact<ClientKeys>,
    /// What is sent to the agents; on an agent what it got.
    pub groups: Fact<Vec<Group>>,
    /// The host's time zone.
    pub zone: Fact<TimeZone>,
    /// When `logs/alerts/alerts.json` was last written, seconds since 1970.
    pub last_alert: Fact<i64>,
}

impl Delivery {
    pub(super) fn read(facts: &Facts<'_>) -> Self {
        if facts.is_bare() {
            return Self::none();
        }
        let options = ["etc/local_internal_options.conf", "etc/internal_options.conf"]
            .map(|name| TextFile::read(facts, facts.under_home(name), SMALL));
        let agent = facts.role() == Role::Agent;
        let manager_5 = !agent && facts.contract() == Contract::Json5;
        let states = facts
            .daemons()
            .iter()
            .filter(|daemon| !manager_5 && writes_state(&daemon.name))
            .map(|daemon| StateFile::read(facts, &daemon.name))
            .collect();
        Self {
            options,
            states,
            wait: facts.entry(&facts.under_home("queue/sockets/.wait")),
            keys: keys(facts),
            groups: if agent { Fact::known("etc/shared", vec![delivered(facts)]) } else { groups(facts) },
            zone: zone(facts),
            last_alert: mtime(facts, &facts.under_home("logs/alerts/alerts.json")),
        }
    }

    fn none() -> Self {
        const WHY: &str = "only a bare file was given";
        let file =
            |name: &str| TextFile::of_bytes(name.to_owned(), name.into(), Fact::not_collected(name, WHY));
        Self {
            options: ["etc/local_internal_options.conf", "etc/internal_options.conf"].map(file),
            states: Vec::new(),
            wait: Fact::not_collected("queue/sockets/.wait", WHY),
            keys: Fact::not_collected("etc/client.keys", WHY),
            groups: Fact::not_collected("etc/shared", WHY),
            zone: Fact::not_collected("/etc/localtime", WHY),
            last_alert: Fact::not_collected("logs/alerts/alerts.json", WHY),
        }
    }

    /// The state file of a daemon, by the end of its name (`agentd`).
    pub fn state(&self, daemon: &str) -> Option<&StateFile> {
        self.states.iter().find(|state| state.daemon.ends_with(daemon))
    }

    /// What is set for an option, and in which file; known and none where none of the files
    /// has it.
    pub fn setting(&self, high: &str, low: &str) -> Fact<Option<(&TextFile, Setting)>> {
        for file in &self.options {
            if let Some(gap) = file.bytes.unknown() {
                return gap.into_fact();
            }
            let found = file.bytes.get().and_then(|bytes| internal_options::find(bytes, high, low));
            if let Some(setting) = found {
                return Fact::known(file.shown.clone(), Some((file, setting)));
            }
        }
        Fact::known("etc/internal_options.conf", None)
    }

    /// The number in force for an option of [`KNOWN`]; `default` where no file has it, failed
    /// where the daemon refuses it.
    pub fn number(&self, high: &str, low: &str, default: u32) -> Fact<u32> {
        let range = KNOWN
            .iter()
            .find(|known: &&Known| (known.high, known.low) == (high, low))
            .map_or((0, u32::MAX), |known| known.range);
        self.setting(high, low).and_then(|set| match set {
            None => Value::Known(default),
            Some((_, setting)) => match setting.number(range) {
                Some(number) => Value::Known(number),
                None => Value::Failed(format!("{high}.{low} has no valid number")),
            },
        })
    }
}

fn writes_state(daemon: &str) -> bool {
    ["-agentd", "-remoted", "-analysisd"].iter().any(|name| daemon.ends_with(name))
}

fn mtime(facts: &Facts<'_>, path: &Path) -> Fact<i64> {
    facts.resolve(path).map(|resolved| resolved.meta.mtime)
}

impl StateFile {
    fn read(facts: &Facts<'_>, daemon: &str) -> Self {
        let path = facts.under_home("var/run").join(format!("{daemon}.state"));
        let mtime = mtime(facts, &path);
        let file = TextFile::read(facts, path, SMALL);
        let read = file.bytes.get().map(|bytes| state::read(bytes));
        Self { daemon: daemon.to_owned(), file, mtime, read }
    }
}

fn keys(facts: &Facts<'_>) -> Fact<ClientKeys> {
    let mut keys = ClientKeys::default();
    let read = facts.each_lines(&facts.under_home("etc/client.keys"), KEYS, |lines| keys.go_on(lines));
    read.map(|()| keys)
}

fn merged(facts: &Facts<'_>, name: String, path: &Path) -> Group {
    let ar_conf = facts.head(path, MERGED).and_then(|content| {
        let merged = merged_mg::read(&content.bytes);
        match merged.member(b"ar.conf") {
            Some(member) if !member.cut => {
                let bytes = content.bytes.get(member.content.clone()).unwrap_or_default();
                Value::Known(Some(ar_conf::read(bytes, facts.version())))
            }
            Some(_) => Value::Failed("ends before the ar.conf in it does".to_owned()),
            None if content.truncated => Value::Failed(format!("no ar.conf in its first {MERGED} bytes")),
            None => Value::Known(None),
        }
    });
    Group { name, shown: facts.shown(path), ar_conf }
}

fn delivered(facts: &Facts<'_>) -> Group {
    merged(facts, String::new(), &facts.under_home("etc/shared/merged.mg"))
}

/// Directories of groups and, where there are some, of combinations of groups; one without
/// `merged.mg` is none of the latter (`src/remoted/manager.c process_groups`, 4.14).
fn groups(facts: &Facts<'_>) -> Fact<Vec<Group>> {
    let mut all = Vec::new();
    let shared = facts.under_home("etc/shared");
    let names = facts.list(&shared);
    if names.get().is_none() {
        return names.map(|_| Vec::new());
    }
    let is_directory =
        |path: &Path| facts.entry(path).get().is_some_and(|meta| meta.file_type == FileType::Directory);
    for name in names.get().into_iter().flatten() {
        let directory = shared.join(name);
        if is_directory(&directory) {
            all.push(merged(facts, name.to_string_lossy().into_owned(), &directory.join("merged.mg")));
        }
    }
    let multi = facts.under_home("var/multigroups");
    let hashes = facts.list(&multi);
    if hashes.unknown().is_some() {
        return hashes.map(|_| Vec::new());
    }
    for hash in hashes.get().into_iter().flatten() {
        let directory = multi.join(hash);
        let file = directory.join("merged.mg");
        if is_directory(&directory) && !facts.entry(&file).is_absent() {
            all.push(merged(facts, format!("multigroup {}", hash.to_string_lossy()), &file));
        }
    }
    Fact::known(names.source, all)
}

/// `/etc/localtime`, which is UTC where it is missing (tzset(3)).
fn zone(facts: &Facts<'_>) -> Fact<TimeZone> {
    let content = facts.head(Path::new("/etc/localtime"), SMALL);
    if content.is_absent() {
        return Fact::known(content.source, TimeZone::UTC);
    }
    content.and_then(|content| match TimeZone::tzif("localtime", &content.bytes) {
        Ok(zone) => Value::Known(zone),
        Err(_) => Value::Failed("is no time zone file".to_owned()),
    })
}
