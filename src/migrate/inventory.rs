//! What a setup consists of, as the facts have it: read once, judged elsewhere.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::facts::{AgentConfFile, ArConfFile, ConfigFile, Facts, TextFile};
use crate::host::{Fact, FileType, Process};
use crate::wazuh::client_keys::ClientKeys;
use crate::wazuh::ossec_conf::Role;
use crate::wazuh::stock;
use crate::wazuh::version::Version;

/// The most that is read of a script, in bytes: longer ones are programs.
const SCRIPT: u64 = 256 * 1024;

/// The most that is read of a log, in bytes, from its beginning.
const LOG: u64 = 8 * 1024 * 1024;

/// A file in `active-response/bin` or another directory of scripts.
#[derive(Clone, Debug)]
pub struct ScriptFile {
    /// Its file name.
    pub name: Vec<u8>,
    /// Its text.
    pub file: TextFile,
    /// Permission bits, when they are known.
    pub mode: Option<u32>,
    /// Responses run it; others only call it.
    pub is_response: bool,
    /// The longest timeout of a response that uses it; none when no response is known.
    pub timeout: Option<i32>,
    /// Its interpreter is missing on this host, by name.
    pub no_interpreter: Option<String>,
}

/// A setup.
pub struct Inventory<'a> {
    /// Whose installation it is.
    pub role: Role,
    /// Its version.
    pub version: Option<Version>,
    /// Only a configuration file was given.
    pub is_bare: bool,
    /// The home as the host names it.
    pub home: String,
    /// The main configuration file.
    pub config: &'a ConfigFile,
    /// Every agent.conf.
    pub agent_confs: &'a [AgentConfFile],
    /// ar.conf.
    pub ar_conf: &'a ArConfFile,
    /// The host runs Linux, as far as is known.
    pub system: Option<String>,
    /// Files in `active-response/bin`, `integrations` and `wodles`.
    pub scripts: Vec<ScriptFile>,
    /// The site's own rules and decoders.
    pub site_rules: Vec<TextFile>,
    /// What rules of 4.x are called, by number, for those that responses are bound to.
    pub rule_names: BTreeMap<u32, Vec<u8>>,
    /// `VERSION.json`.
    pub version_json: TextFile,
    /// Lines of etc/client.keys that are agents, on a manager.
    pub agents: Option<usize>,
    /// `logs/active-responses.log`.
    pub ar_log: TextFile,
    /// `logs/ossec.log`.
    pub ossec_log: TextFile,
    /// `logs/cluster.log`.
    pub cluster_log: TextFile,
    /// `var/run/wazuh-agentd.state`.
    pub agentd_state: TextFile,
    /// Lock files below `active-response/bin`, with the pid they name and whether it runs.
    pub locks: Vec<(TextFile, Option<u32>, Option<bool>)>,
    /// Whether sockets are there: path, and what is known.
    pub sockets: Vec<(&'static str, Fact<bool>)>,
    /// The daemon that runs scripts is running.
    pub execd_runs: Option<bool>,
    /// What could not be read.
    pub gaps: Vec<String>,
    /// Rows that cannot be ruled out because of it, and why.
    pub unread: Vec<(&'static [&'static str], String)>,
}

fn text(facts: &Facts<'_>, relative: &str, limit: u64, cut: bool) -> TextFile {
    text_at(facts, &facts.under_home(relative), limit, cut)
}

fn text_at(facts: &Facts<'_>, path: &Path, limit: u64, cut: bool) -> TextFile {
    let shown = facts.shown(path);
    if facts.is_bare() {
        let bytes = Fact::not_collected(shown.clone(), "only a bare file was given");
        return TextFile::of_bytes(shown, path.to_owned(), bytes);
    }
    let bytes = facts.head(path, limit).and_then(|content| {
        if content.truncated && !cut {
            return crate::host::Value::Failed(format!("is larger than {limit} bytes"));
        }
        crate::host::Value::Known(content.bytes)
    });
    TextFile::of_bytes(shown, path.to_owned(), bytes)
}

impl<'a> Inventory<'a> {
    /// Reads what the plan is made from.
    pub fn collect(facts: &'a Facts<'_>) -> Self {
        let mut gaps = Vec::new();
        let mut unread: Vec<(&'static [&'static str], String)> = Vec::new();
        let mut blind = |rows: &'static [&'static str], gap: Option<crate::host::Gap>| {
            unread.extend(gap.map(|gap| (rows, format!("{}: {}", gap.source, gap.why))));
        };
        let mut note = |gap: Option<crate::host::Gap>| {
            if let Some(gap) = gap {
                let said = format!("{}: {}", gap.source, gap.why);
                if !gaps.contains(&said) {
                    gaps.push(said);
                }
            }
        };
        note(facts.config().file.bytes.unknown());
        let agent_confs: &[AgentConfFile] = if facts.is_bare() {
            &[]
        } else {
            note(facts.agent_confs().unknown());
            blind(&["C02", "C23"], facts.agent_confs().unknown());
            facts.agent_confs().get().map_or(&[], Vec::as_slice)
        };
        for file in agent_confs {
            note(file.file.bytes.unknown());
            blind(&["C02", "C23"], file.file.bytes.unknown());
        }
        let mut scripts = Vec::new();
        let mut locks = Vec::new();
        let mut site_rules = Vec::new();
        if !facts.is_bare() {
            for directory in ["active-response/bin", "integrations", "wodles"] {
                let path = facts.under_home(directory);
                let names = facts.list(&path);
                blind(&["C26", "C27"], names.unknown());
                if directory == "active-response/bin" {
                    note(names.unknown());
                }
                let mut names = names.get().cloned().unwrap_or_default();
                names.sort_unstable();
                for name in names {
                    let path = path.join(&name);
                    let resolved = facts.resolve(&path);
                    let kind = resolved.get().map(|resolved| resolved.meta.file_type);
                    if kind == Some(FileType::Directory) {
                        let pid = path.join("pid");
                        if name.as_bytes().ends_with(b"-lock") || name.as_bytes() == b"fw-drop" {
                            let file = text_at(facts, &pid, 64, true);
                            if !file.bytes.is_absent() {
                                locks.push(lock(facts, file));
                            }
                        }
                        continue;
                    }
                    note(resolved.unknown());
                    if kind != Some(FileType::Regular) {
                        continue;
                    }
                    let file = text_at(facts, &path, SCRIPT, true);
                    let is_response = directory == "active-response/bin";
                    if is_response && stock::program_named(name.as_bytes()).is_none() {
                        note(file.bytes.unknown());
                    }
                    let uses = |name: &OsStr| {
                        facts
                            .responses()
                            .iter()
                            .filter(|response| response.executable.as_deref() == Some(name.as_bytes()))
                            .filter_map(|response| response.timeout)
                            .max()
                    };
                    let mode = resolved.get().map(|resolved| resolved.meta.mode);
                    let no_interpreter = interpreter(facts, &file).filter(|_| is_response);
                    let timeout = uses(&name).filter(|_| is_response);
                    scripts.push(ScriptFile {
                        name: name.as_bytes().to_vec(),
                        file,
                        mode,
                        is_response,
                        timeout,
                        no_interpreter,
                    });
                }
            }
            if facts.role() == Role::Manager {
                for directory in ["etc/rules", "etc/decoders"] {
                    blind(&["C28"], facts.list(&facts.under_home(directory)).unknown());
                    site_rules.extend(xml_files(facts, directory));
                }
            }
        }
        for file in &site_rules {
            blind(&["C28"], file.bytes.unknown());
        }
        if facts.role() == Role::Manager && !facts.is_bare() {
            blind(&["C24"], facts.delivery().keys.unknown());
        }
        let config = facts.config();
        let bound: Vec<u32> = config
            .read
            .iter()
            .flat_map(|read| &read.responses)
            .flat_map(|block| block.rule_ids.iter().copied())
            .collect();
        let mut rule_names = BTreeMap::new();
        if !bound.is_empty() && !facts.is_bare() {
            let stock = xml_files(facts, "ruleset/rules");
            for file in stock.iter().chain(&site_rules) {
                names_of(file, &bound, &mut rule_names);
            }
        }
        let agents = if facts.role() == Role::Manager && !facts.is_bare() {
            facts.delivery().keys.get().map(ClientKeys::agents)
        } else {
            None
        };
        let sockets = ["queue/sockets/execq", "queue/tasks/task"]
            .into_iter()
            .map(|path| {
                let entry = facts.entry(&facts.under_home(path));
                (path, entry.map(|meta| meta.file_type == FileType::Socket))
            })
            .collect();
        Self {
            role: facts.role(),
            version: facts.version(),
            is_bare: facts.is_bare(),
            home: facts.install.home.display().to_string(),
            config,
            agent_confs,
            ar_conf: facts.ar_conf(),
            system: facts.machine().get().map(|machine| machine.system.clone()),
            scripts,
            site_rules,
            rule_names,
            version_json: text(facts, "VERSION.json", 64 * 1024, true),
            agents,
            ar_log: text(facts, "logs/active-responses.log", LOG, false),
            ossec_log: text(facts, "logs/ossec.log", LOG, false),
            cluster_log: text(facts, "logs/cluster.log", LOG, false),
            agentd_state: text(facts, "var/run/wazuh-agentd.state", 64 * 1024, true),
            locks,
            sockets,
            execd_runs: runs(facts),
            gaps,
            unread,
        }
    }

    /// The host runs a 5.x already.
    pub fn is_5x(&self) -> bool {
        self.version.is_some_and(|version| version.major >= 5)
    }

    /// What analysisd of 4.x never blocks.
    pub fn white_list(&self) -> Vec<Vec<u8>> {
        self.config
            .read
            .iter()
            .flat_map(|read| &read.white_list)
            .map(|entry| entry.value.text.clone())
            .collect()
    }

    /// A script in active-response/bin by its name.
    pub fn script(&self, name: &[u8]) -> Option<&ScriptFile> {
        self.scripts.iter().find(|script| script.is_response && script.name == name)
    }
}

/// The interpreter that is missing.
fn interpreter(facts: &Facts<'_>, file: &TextFile) -> Option<String> {
    let first = file.bytes.get()?.split(|byte| *byte == b'\n').next()?;
    let words: Vec<&[u8]> = first
        .strip_prefix(b"#!")?
        .trim_ascii()
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    let path = Path::new(OsStr::from_bytes(words.first()?));
    if !path.is_absolute() || stock::program_named(path.file_name()?.as_bytes()).is_some() {
        return None;
    }
    facts.resolve(path).is_absent().then(|| path.display().to_string())
}

fn lock(facts: &Facts<'_>, file: TextFile) -> (TextFile, Option<u32>, Option<bool>) {
    let pid = file
        .bytes
        .get()
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.trim().parse::<u32>().ok());
    let alive = |pid: u32| facts.processes().get().map(|all| all.iter().any(|process| process.pid == pid));
    (file, pid, pid.and_then(alive))
}

fn runs(facts: &Facts<'_>) -> Option<bool> {
    let is_execd = |process: &Process| process.comm.ends_with("-execd");
    facts.processes().get().map(|all| all.iter().any(is_execd))
}

fn xml_files(facts: &Facts<'_>, directory: &str) -> Vec<TextFile> {
    let path = facts.under_home(directory);
    let mut names = facts.list(&path).get().cloned().unwrap_or_default();
    names.sort_unstable();
    names
        .iter()
        .filter(|name| name.as_bytes().to_ascii_lowercase().ends_with(b".xml"))
        .map(|name| text_at(facts, &path.join(name), LOG, false))
        .collect()
}

/// Descriptions of the rules that are asked for.
fn names_of(file: &TextFile, wanted: &[u32], names: &mut BTreeMap<u32, Vec<u8>>) {
    let Some(bytes) = file.bytes.get() else { return };
    // Most files have none of the numbers: then they are not parsed.
    let here = |id: &u32| memchr::memmem::find(bytes, id.to_string().as_bytes()).is_some();
    if !wanted.iter().any(here) {
        return;
    }
    let Ok(document) = crate::wazuh::xml::parse(bytes) else { return };
    for rule in document.elements().filter(|element| element.name == b"rule") {
        let id = rule
            .attributes
            .iter()
            .find(|attribute| attribute.name == b"id")
            .and_then(|attribute| std::str::from_utf8(&attribute.value).ok())
            .and_then(|text| text.trim().parse::<u32>().ok());
        let description = rule.children_named("description").next();
        if let (Some(id), Some(description)) = (id, description)
            && wanted.contains(&id)
        {
            names.insert(id, description.content.trim_ascii().to_vec());
        }
    }
}
